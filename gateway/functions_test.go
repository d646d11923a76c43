package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/service"
)

// functional is setup with the register of functions.
func functional(t *testing.T, answer http.HandlerFunc, change func(*service.Service)) *harness {
	t.Helper()
	h := setup(t, answer, func(s *service.Service) {
		s.Functions = []service.Function{
			{ID: "chat", NameZH: "对话", NameEN: "Chat", Operations: []string{"chat"}, Class: "dialogue"},
			{ID: "forms", NameZH: "表单", NameEN: "Forms", Operations: []string{"chat"}, Class: "other"},
			{ID: "voice", NameZH: "朗读", NameEN: "Reading", Operations: []string{"speech"}, Class: "voice", Biometric: "voice"},
			{ID: "swap", NameZH: "换脸", NameEN: "Face swap", Operations: []string{"image_edit"}, Class: "face", Biometric: "face", Consent: true},
		}
		s.Media.Unchecked = "pass"
		if change != nil {
			change(s)
		}
	})
	var err error
	h.gateway.o.Functions, err = function.Open(t.Context(), h.db, h.journal)
	must(t, err)
	h.reopen()
	return h
}

func (h *harness) decide(x function.Record) {
	h.t.Helper()
	s, _ := h.services.Service("demo")
	_, err := h.gateway.o.Functions.Decide(h.t.Context(), journal.Actor{Kind: "staff", ID: "wang"}, s, x)
	must(h.t, err)
}

func TestFunctionsStayOffUntilAssessed(t *testing.T) {
	wav := spoken(t)
	h := functional(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wav) }, nil)
	speak := func() reply {
		return h.post("/v1/audio/speech", `{"model":"m","input":"hello","voice":"x","response_format":"wav"}`)
	}
	if r := speak(); r.status != 403 || r.code() != "function_locked" || len(h.seen) != 0 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	h.decide(function.Record{Kind: function.Assessment, Function: "voice", Document: "A 1", Assessor: "us", On: "2026-01-02"})
	r := speak()
	if r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if rec := h.record(r); rec.Function != "voice" {
		t.Errorf("%+v", rec)
	}
	// speech that no function covers generates voices all the same
	h = functional(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wav) }, func(s *service.Service) { s.Functions = nil })
	if r := speak(); r.status != 403 || r.code() != "function_locked" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestConsentOfThePersonEdited(t *testing.T) {
	pic := drawn(t, 1)
	h := functional(t, says("x"), nil)
	h.decide(function.Record{Kind: function.Assessment, Function: "swap", Document: "A 2", Assessor: "us", On: "2026-01-02"})
	edit := func(headers ...string) reply {
		return h.sendForm("/v1/images/edits", map[string]string{"model": "m", "prompt": "x"}, map[string][]byte{"image": pic}, headers...)
	}
	if r := edit(); r.status != 403 || r.code() != "consent_required" || len(h.seen) != 0 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, bad := range []string{`{"person":"p","scope":"face","informed":true,"evidence":"form 1"}`, `{"person":"p","scope":"face","informed":true,"separate":true}`, `{"person":"p","x":1}`, `{`, `{"person":"p","person":"q"}`} {
		if r := h.post("/v1/hegui/consents", bad); r.status != 400 {
			t.Errorf("%s: %d %s", bad, r.status, r.body)
		}
	}
	r := h.post("/v1/hegui/consents", `{"person":"p-1","scope":"face","informed":true,"separate":true,"evidence":"form 1"}`)
	var x function.Record
	if r.status != 200 || json.Unmarshal([]byte(r.body), &x) != nil || x.ID == "" {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := edit("X-Hegui-Consent", x.ID); r.code() == "consent_required" || len(h.seen) != 1 {
		t.Errorf("%d %s", r.status, r.body)
	} else if rec := h.record(r); rec.Consent != x.ID {
		t.Errorf("%+v", rec)
	}
	req, err := http.NewRequest(http.MethodDelete, h.url+"/v1/hegui/consents/"+x.ID, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+h.key)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	_ = resp.Body.Close()
	if r := edit("X-Hegui-Consent", x.ID); resp.StatusCode != 200 || r.code() != "consent_required" {
		t.Errorf("%d, then %d %s", resp.StatusCode, r.status, r.body)
	}
}

// Where the public cannot be confused, a tool and word of it take the place of the label; the label for machines stays.
func TestToolInPlaceOfLabel(t *testing.T) {
	h := functional(t, says("Dear Sir or Madam, this is the form you asked for."), nil)
	if r := h.chat("a form please", false, "X-Hegui-Function", "forms"); !strings.Contains(r.body, label.Notice("zh")) {
		t.Fatalf("undecided counts as confusing: %s", r.body)
	}
	h.decide(function.Record{Kind: function.Decision, Function: "forms", Reason: "nobody takes a form for a person"})
	r := h.chat("a form please", false, "X-Hegui-Function", "forms", "X-Hegui-Client", "web/1.0")
	if r.status != 200 || strings.Contains(r.body, label.Notice("zh")) || !strings.Contains(r.body, `"ui":["label_tool"]`) || !strings.Contains(r.body, `"ProduceID"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.chat("a chat please", false); !strings.Contains(r.body, label.Notice("zh")) {
		t.Errorf("another function: %s", r.body)
	}
	if r := h.chat("a form please", false, "X-Hegui-Function", "nothing"); r.status != 400 {
		t.Errorf("%d %s", r.status, r.body)
	}
	list, err := h.gateway.o.Functions.Interfaces(t.Context(), h.gateway.o.Now().Add(-1e12))
	if err != nil || len(list) != 1 || list[0].Client != "web/1.0" || list[0].Owed != function.Tool || list[0].Attested {
		t.Errorf("%+v %v", list, err)
	}
	if r := h.post("/v1/hegui/label", `{"text":"Dear Sir"}`, "Content-Type", "application/json"); r.status != 200 || !strings.Contains(r.body, "Dear Sir") || !strings.Contains(r.body, "人工智能生成") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.post("/v1/hegui/label", string(drawn(t, 2)), "Content-Type", "image/png"); r.status != 200 || r.header.Get("X-Hegui-Label") != "mark" {
		t.Errorf("%d %.200s", r.status, r.body)
	}
	for _, bad := range []string{`{"text":""}`, `{"text":"x","place":"middle"}`, `{"text":"x","lang":"fr"}`, `[]`} {
		if r := h.post("/v1/hegui/label", bad, "Content-Type", "application/json"); r.status != 400 {
			t.Errorf("%s: %d", bad, r.status)
		}
	}
}

// An interface that has not attested that it shows the notice gets the words in the text.
func TestAttestation(t *testing.T) {
	h := functional(t, says("An answer."), func(s *service.Service) { s.Label, s.Attested = label.UI, true })
	if r := h.chat("hello", false, "X-Hegui-Client", "web/3.2"); !strings.Contains(r.body, "人工智能生成") {
		t.Errorf("not attested: %s", r.body)
	}
	for _, bad := range []string{`{"client":"web/3.2","shows":["ai_notice"],"how":"hover"}`, `{"client":"web","shows":["ai_notice"],"how":"continuous"}`, `{"client":"web/3.2","shows":[],"how":"continuous"}`} {
		if r := h.post("/v1/hegui/attestations", bad); r.status != 400 {
			t.Errorf("%s: %d %s", bad, r.status, r.body)
		}
	}
	if r := h.post("/v1/hegui/attestations", `{"client":"web/3.2","shows":["ai_notice"],"how":"continuous"}`); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := h.chat("hello", false, "X-Hegui-Client", "web/3.2"); strings.Contains(r.body, "人工智能生成") || !strings.Contains(r.body, `"ui":["ai_notice"]`) {
		t.Errorf("attested: %s", r.body)
	}
	for _, client := range []string{"web/3.3", "", "web/3.2 "} {
		if r := h.chat("hello", true, "X-Hegui-Client", client); client != "web/3.2 " && !strings.Contains(r.body, "人工智能生成") {
			t.Errorf("%q: %s", client, r.body)
		}
	}
	if r := h.post("/v1/hegui/attestations", `{}`, "Authorization", "Bearer hg-wrong"); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
}
