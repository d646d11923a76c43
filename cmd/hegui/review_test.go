package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/review"
)

// TestDisputeOfARefusal: what the gateway refuses can be disputed on the portal, becomes a sample whose text people can
// read, and what ends without a refusal is drawn at the declared rate.
func TestDisputeOfARefusal(t *testing.T) {
	sv, f := inProcess(t, nil)
	ctx := t.Context()
	wang := journal.Actor{Kind: "staff", ID: "wang"}
	resp := f.ask(t, f.User, "hello "+blockTerm, false)
	body := read(t, resp)
	id := resp.Header.Get("X-Hegui-Exchange")
	if !strings.Contains(body, "/dispute?exchange="+id) {
		t.Errorf("the refusal does not tell where to dispute it: %s", body)
	}
	send := func(exchange string, want int) string {
		t.Helper()
		r, err := http.Post(f.Portal+"/api/v1/disputes", "application/json", strings.NewReader(`{"exchange":"`+exchange+`","reason":"harmless"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		b := read(t, r)
		if r.StatusCode != want {
			t.Fatalf("%s: %d %s", exchange, r.StatusCode, b)
		}
		return b
	}
	send("01JDB0000000000000000000ZZ", 404)
	var answer struct{ Receipt string }
	if err := json.Unmarshal([]byte(send(id, 201)), &answer); err != nil || answer.Receipt == "" {
		t.Fatalf("%+v %v", answer, err)
	}
	send(id, 409)
	list, err := sv.in.reviews.Samples(ctx, review.Filter{Reason: review.Disputed})
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	s, text, err := sv.in.reviews.Open(ctx, wang, list[0].ID, "test")
	if err != nil || text != "hello "+blockTerm {
		t.Errorf("%q %v", text, err)
	}
	if words, err := sv.in.reviews.Words(ctx, s); err != nil || words != "harmless" {
		t.Errorf("%q %v", words, err)
	}

	for _, service := range sv.in.services.Services() {
		if err := sv.in.reviews.SetRates(ctx, wang, service.ID, review.Rates{Random: 1}); err != nil {
			t.Fatal(err)
		}
	}
	resp = f.ask(t, f.User, "Tell me about tea", true)
	_ = read(t, resp)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		list, err := sv.in.reviews.Samples(ctx, review.Filter{Reason: review.Random})
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("an exchange was not drawn at a rate of 1: %+v %v", list, err)
		}
		if len(list) > 0 {
			break
		}
	}
}
