package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

func TestPlainAnswerIsLabelledAndRecorded(t *testing.T) {
	h := setup(t, says("你好，世界"), nil)
	r := h.chat("hi", false)
	if r.status != 200 || !strings.HasSuffix(r.content(), "你好，世界") || !label.HasExplicit(r.content()) {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, part := range []string{`"system_fingerprint":"fp"`, `"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}`, `"hegui":{`, `"ContentProducer"`} {
		if !strings.Contains(r.body, part) {
			t.Errorf("no %s in %s", part, r.body)
		}
	}
	if body := <-h.seen; !strings.Contains(string(body), `"model":"real-name"`) {
		t.Errorf("upstream got %s", body)
	}
	rec := h.record(r)
	if rec.Outcome != exchange.Complete || rec.Verdict != exchange.Allow || rec.Label != "text" || rec.Checked.In <= 0 || rec.Checked.Out != len("你好，世界") || rec.Answered != "real" {
		t.Fatalf("%+v", rec)
	}
	content, err := h.exchanges.Read(context.Background(), journal.Actor{Kind: "staff", ID: "s"}, rec.ID, "test")
	if err != nil || content.Visible != r.content() {
		t.Fatalf("%+v %v", content, err)
	}
}

func TestStreamIsLabelledAndRecorded(t *testing.T) {
	for _, place := range []label.Place{label.Start, label.End, label.UI} {
		h := setup(t, says("你", "好，", "世", "界"), func(s *service.Service) { s.Label = place })
		r := h.chat("hi", true)
		s := r.stream(t)
		words := label.Words(place, "zh")
		if !s.done || s.finish != "stop" || s.content != words.Prefix+"你好，世界"+words.Suffix {
			t.Fatalf("%s: %+v\n%s", place, s, r.body)
		}
		rec := h.record(r)
		want := "text"
		if place == label.UI {
			want = "ui"
		}
		if rec.Label != want || rec.Outcome != exchange.Complete || !rec.Stream {
			t.Fatalf("%s: %+v", place, rec)
		}
	}
}

func TestViolations(t *testing.T) {
	pieces := []string{"clean be", "ginning, then for", "bidden fr", "uit and more"}
	h := setup(t, says(pieces...), nil)
	r := h.chat("hi", true, "X-Hegui-Events", "moderation")
	s := r.stream(t)
	if s.finish != "content_filter" || !s.done || strings.Contains(s.content, "forbidden") || !strings.Contains(s.content, "clean beginning, then ") || !strings.Contains(r.body, "event: hegui.moderation") {
		t.Fatalf("%+v\n%s", s, r.body)
	}
	rec := h.record(r)
	if rec.Verdict != exchange.Stop || rec.Outcome != exchange.Complete || len(rec.Findings) != 1 || rec.Findings[0].Category != "A1h" {
		t.Fatalf("%+v", rec)
	}
	r = h.chat("hi", false)
	if strings.Contains(r.body, "forbidden") || !strings.Contains(r.body, `"finish_reason":"content_filter"`) || label.HasExplicit(r.content()) {
		t.Fatal(r.body)
	}
	if rec := h.record(r); rec.Verdict != exchange.Stop || rec.Label == "text" {
		t.Fatalf("%+v", rec)
	}
	// in the input: before any model
	for len(h.seen) > 0 {
		<-h.seen
	}
	r = h.chat("where is for\u200bBidden  fruit? FORBIDDEN FRUIT", false)
	if r.status != 200 || !strings.Contains(r.body, `"finish_reason":"content_filter"`) || strings.Contains(strings.ToLower(r.body), "fruit") || len(h.seen) != 0 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if rec := h.record(r); rec.Verdict != exchange.Refuse || rec.Code != "content_filter" || rec.Label != "none" {
		t.Fatalf("%+v", rec)
	}
	s = h.chat("哪里有禁果出售", true).stream(t)
	if s.finish != "content_filter" || !s.done || !strings.Contains(s.content, "抱歉") {
		t.Fatalf("%+v", s)
	}
	r = h.chat("禁果出售", false, "X-Hegui-Refusal", "error")
	if r.status != 400 || r.code() != "content_filter" {
		t.Fatalf("%d %s", r.status, r.body)
	}
}

func TestPersonalInformationIsMaskedBothWays(t *testing.T) {
	h := setup(t, says("call 138", "1234", "5678 now"), nil)
	r := h.chat("I am 13912345678", true)
	s := r.stream(t)
	if strings.Contains(s.content, "13812345678") || !strings.Contains(s.content, "138****5678") {
		t.Fatalf("%+v", s)
	}
	if body := <-h.seen; !strings.Contains(string(body), "139****5678") {
		t.Fatalf("upstream got %s", body)
	}
	if rec := h.record(r); rec.Verdict != exchange.Mask || rec.Total != 2 {
		t.Fatalf("%+v", rec)
	}
}

func TestAgreementStandingAndKeys(t *testing.T) {
	h := setup(t, says("ok"), nil)
	ctx := context.Background()
	r := h.chat("hi", false, "X-Hegui-User", "bob")
	if r.status != 403 || r.code() != "agreement_required" || !strings.Contains(r.body, "http://portal/accept?t=") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if rec := h.record(r); rec.Outcome != exchange.Rejected || rec.Code != "agreement_required" {
		t.Fatalf("%+v", rec)
	}
	h.accept("bob")
	if r := h.chat("hi", false, "X-Hegui-User", "bob"); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	u, err := h.users.Find(ctx, "demo", "bob")
	must(t, err)
	who := journal.Actor{Kind: "staff", ID: "s"}
	_, err = h.users.Suspend(ctx, who, u.Subject, "test reason", time.Now().Add(time.Hour))
	must(t, err)
	r = h.chat("hi", false, "X-Hegui-User", "bob")
	if r.status != 403 || r.code() != "user_suspended" || !strings.Contains(r.body, "test reason") || !strings.Contains(r.body, `"appeal"`) {
		t.Fatalf("%d %s", r.status, r.body)
	}
	_, err = h.users.Lift(ctx, who, u.Subject, "appeal upheld")
	must(t, err)
	if r := h.chat("hi", false, "X-Hegui-User", "bob"); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, c := range []struct{ header, code string }{{"", "invalid_key"}, {"Bearer hg-nope", "invalid_key"}, {"Basic x", "invalid_key"}} {
		if r := h.chat("hi", false, "Authorization", c.header); r.status != 401 || r.code() != c.code {
			t.Errorf("%q: %d %s", c.header, r.status, r.body)
		}
	}
}

func TestBadRequests(t *testing.T) {
	h := setup(t, says("ok"), func(s *service.Service) { s.MaxBodyBytes = 20_000 })
	big := `{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("x", 30_000) + `"}]}`
	for _, c := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"x"}`, 400, "invalid_json"},
		{"/v1/chat/completions", ``, 400, "invalid_json"},
		{"/v1/chat/completions", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}", 400, "invalid_json"},
		{"/v1/chat/completions", `[]`, 400, "invalid_request"},
		{"/v1/chat/completions", `{"messages":[]}`, 400, "invalid_request"},
		{"/v1/chat/completions", `{"model":1,"messages":[]}`, 400, "invalid_request"},
		{"/v1/chat/completions", `{"model":"m","messages":"x"}`, 400, "invalid_request"},
		{"/v1/chat/completions", `{"model":"m","messages":[]}`, 400, "invalid_request"},
		{"/v1/chat/completions", `{"model":"m","messages":["x"]}`, 400, "invalid_request"},
		{"/v1/chat/completions", `{"model":"m","messages":[{"content":"x"}]}`, 400, "invalid_request"},
		{"/v1/chat/completions", `{"model":"m","stream":"yes","messages":[{"role":"user","content":"x"}]}`, 400, "invalid_request"},
		{"/v1/chat/completions", `{"model":"m","n":0,"messages":[{"role":"user","content":"x"}]}`, 400, "invalid_request"},
		{"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"x"}],"messages":[]}`, 400, "duplicate_key"},
		{"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"x"}],"Messages":[]}`, 400, "duplicate_key"},
		{"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"x","c\u006fntent":"y"}]}`, 400, "duplicate_key"},
		{"/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}]}`, 400, "invalid_request"},
		{"/v1/chat/completions", `{"model":"m","modalities":["text","audio"],"messages":[{"role":"user","content":"x"}]}`, 400, "unscreenable_content"},
		{"/v1/chat/completions", `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, 404, "model_not_found"},
		{"/v1/chat/completions", big, 413, "body_too_large"},
		{"/v1/completions", `{"model":"m","prompt":[1,2]}`, 400, "unscreenable_content"},
		{"/v1/embeddings", `{"model":"m","input":[[1]]}`, 400, "unscreenable_content"},
		{"/v1/embeddings", `{"model":"m","input":"x","stream":true}`, 400, "invalid_request"},
		{"/v1/nothing", `{}`, 404, "unknown_path"},
	} {
		r := h.post(c.path, c.body)
		if r.status != c.status || r.code() != c.code {
			t.Errorf("%s %.80s: %d %s", c.path, c.body, r.status, r.body)
		}
	}
	long := strings.Repeat(`{"a":`, 500) + `1` + strings.Repeat(`}`, 500)
	if r := h.post("/v1/chat/completions", long); r.status != 400 {
		t.Errorf("deep nesting: %d", r.status)
	}
}

func TestUpstreamFailures(t *testing.T) {
	var mode string
	h := setup(t, func(w http.ResponseWriter, r *http.Request) {
		switch mode {
		case "429":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(429)
		case "500":
			w.WriteHeader(500)
		case "401":
			w.WriteHeader(401)
		case "400":
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":{"message":"max_tokens too large","code":"bad"}}`)
		case "hang":
			<-r.Context().Done()
		case "empty":
		case "text":
			_, _ = io.WriteString(w, "hello")
		case "half":
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"choices":[`)
		case "cut", "noend", "junk":
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = fmt.Fprint(w, `data: {"choices":[{"index":0,"delta":{"content":"part of"},"finish_reason":null}]}`+"\n\n")
			w.(http.Flusher).Flush()
			if mode == "cut" {
				panic(http.ErrAbortHandler)
			}
			if mode == "junk" {
				_, _ = fmt.Fprint(w, "data: {nonsense\n\n")
			}
		}
	}, nil)
	for _, c := range []struct {
		mode    string
		status  int
		code    string
		outcome exchange.Outcome
	}{
		{"429", 429, "upstream_rate_limited", exchange.UpstreamError},
		{"500", 502, "upstream_error", exchange.UpstreamError},
		{"401", 502, "upstream_error", exchange.UpstreamError},
		{"400", 400, "bad", exchange.UpstreamError},
		{"hang", 504, "upstream_timeout", exchange.UpstreamError},
		{"empty", 502, "upstream_error", exchange.UpstreamError},
		{"text", 502, "upstream_error", exchange.UpstreamError},
		{"half", 502, "upstream_error", exchange.UpstreamError},
	} {
		mode = c.mode
		r := h.chat("hi", false)
		if r.status != c.status || r.code() != c.code {
			t.Errorf("%s: %d %s", c.mode, r.status, r.body)
		}
		if c.mode == "429" && r.header.Get("Retry-After") != "7" {
			t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
		}
		if rec := h.record(r); rec.Outcome != c.outcome {
			t.Errorf("%s: %+v", c.mode, rec)
		}
	}
	for _, m := range []string{"cut", "noend", "junk"} {
		mode = m
		r := h.chat("hi", true)
		s := r.stream(t)
		if s.done || s.failure != "upstream_truncated" || !strings.Contains(s.content, "part") {
			t.Errorf("%s: %+v %s", m, s, r.body)
		}
		if rec := h.record(r); rec.Outcome != exchange.Truncated {
			t.Errorf("%s: %+v", m, rec)
		}
	}
}

func TestProbesSeeWhatWorksAndWhatDoesNot(t *testing.T) {
	h := setup(t, says("ok"), nil)
	shipped, err := moderation.Compile(moderation.StarterEntries())
	must(t, err)
	h.gateway.o.Lexicon = func() *moderation.Lexicon { return shipped }
	for _, r := range h.gateway.Probe(context.Background(), "demo") {
		if !r.OK {
			t.Errorf("with the lexicon that ships: %+v", r)
		}
	}
	h = setup(t, says("ok"), nil)
	for _, r := range h.gateway.Probe(context.Background(), "demo") {
		if !r.OK {
			t.Errorf("%+v", r)
		}
	}
	stats, err := h.exchanges.Stats(context.Background(), "", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil || stats.Total != 0 {
		t.Errorf("probes are counted as exchanges: %+v %v", stats, err)
	}
	h = setup(t, says("ok"), func(s *service.Service) {
		s.Modes.Label.Act, s.Modes.ModerateOut.Act, s.Privacy.Out = "observe", "observe", "off"
	})
	failed := map[string]bool{}
	for _, r := range h.gateway.Probe(context.Background(), "demo") {
		if !r.OK {
			failed[r.Guard] = true
		}
	}
	if len(failed) != 3 || !failed["label"] || !failed["moderate_out"] || !failed["privacy"] {
		t.Errorf("failed: %v", failed)
	}
}
