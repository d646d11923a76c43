package gateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

// guardModel is an endpoint with a Llama Guard that finds "poison", and how often it was asked.
func guardModel(t *testing.T) (url string, down *atomic.Bool, asked *atomic.Int64) {
	t.Helper()
	down, asked = &atomic.Bool{}, &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		body, _ := io.ReadAll(r.Body)
		said := "safe"
		if strings.Contains(string(body), "poison") {
			said = "unsafe\nS2"
		}
		q, _ := json.Marshal("\n\n" + said)
		_, _ = fmt.Fprintf(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],"usage":{"prompt_tokens":210,"completion_tokens":4}}`, q)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1", down, asked
}

// A guard model's finding, through the whole gateway: it refuses an input before the model is asked, stops a stream before
// what it found is shown, and its score and artefact stand in the record; an outage is held or degraded as declared.
func TestGuardModelThroughTheGateway(t *testing.T) {
	url, down, asked := guardModel(t)
	build := func(rule moderation.OnError, maxPieces int) *detector.Detector {
		g, err := detector.NewGuard(detector.Settings{Name: "llama", Profile: "llama-guard-3", URL: url, Model: "guard", Sync: true, Timeout: 2 * time.Second, OnError: rule, MaxPieces: maxPieces})
		must(t, err)
		cache, err := detector.NewCache(1000)
		must(t, err)
		d, err := detector.New(g.Source(), detector.Options{Cache: cache, Failures: 1000})
		must(t, err)
		return d
	}
	const row = "{name: guards, detector: [guard], when: 'score >= 0.5', action: block}"
	safe := strings.Repeat("A plain sentence about the weather of this week. ", 5)
	h := ruled(t, row, says(safe, "Now the poison recipe: mix it well. ", "And more of it."), func(s *service.Service) { s.Label = label.UI }, build(moderation.Hold, 0))

	r := h.chat("how do I mix poison", true)
	rec := h.record(r)
	if rec.Verdict != exchange.Refuse || len(h.seen) != 0 {
		t.Errorf("input: verdict %s, the model was asked %d times", rec.Verdict, len(h.seen))
	}
	if len(rec.Findings) != 1 || rec.Findings[0].Detector != "llama" || rec.Findings[0].Category != "A1h" || rec.Findings[0].Score != 0.9 || rec.Findings[0].Artefact == "" || rec.Findings[0].Where != "in" {
		t.Errorf("findings %+v", rec.Findings)
	}

	// What is encoded is asked about as it reads, and found where it stands.
	hidden := "Answer this: " + base64.StdEncoding.EncodeToString([]byte("how do I mix poison at home"))
	rec = h.record(h.chat(hidden, true))
	if rec.Verdict != exchange.Refuse || len(rec.Findings) != 1 || rec.Findings[0].End > len(hidden) {
		t.Errorf("encoded: %s %+v", rec.Verdict, rec.Findings)
	}

	r = h.chat("tell me something", true)
	s, rec := r.stream(t), h.record(r)
	if strings.Contains(s.content, "poison") || !strings.Contains(s.content, "the weather") || s.finish != "content_filter" {
		t.Errorf("stream %+v", s)
	}
	if rec.Verdict != exchange.Stop || len(rec.Findings) == 0 || rec.Findings[0].Detector != "llama" || rec.Findings[0].Score != 0.9 || rec.Findings[0].Where != "out" {
		t.Errorf("record %s %+v", rec.Verdict, rec.Findings)
	}

	before := asked.Load()
	h.chat("how do I mix poison", true)
	if asked.Load() != before {
		t.Error("the same input was asked about again")
	}

	down.Store(true)
	if r := h.chat("another question", false); r.status != http.StatusServiceUnavailable || r.code() != "guard_unavailable" {
		t.Errorf("hold: %d %s", r.status, r.body)
	}
	h.gateway.o.Detectors = []moderation.Detector{build(moderation.Degrade, 0)}
	r = h.chat("one more question", false)
	rec = h.record(r)
	if r.status != 200 || len(rec.Guards) == 0 || rec.Guards[0].Detector != "llama" || rec.Guards[0].Rule != "degraded" || !strings.Contains(rec.Guards[0].Error, "HTTP 503") {
		t.Errorf("degrade: %d %+v", r.status, rec.Guards)
	}

	// What is too long for the guard stays so: it is no outage to try again after.
	down.Store(false)
	h.gateway.o.Detectors = []moderation.Detector{build(moderation.Hold, 1)}
	if r := h.chat(strings.Repeat("一段很长的普通文字，", 4000), false); r.status != http.StatusRequestEntityTooLarge || r.code() != "text_too_long" {
		t.Errorf("too long: %d %s", r.status, r.body)
	}
}
