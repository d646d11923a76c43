package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/privacy"
)

type sliceBody map[string]any

func (h *harness) slice(session string, seq int, text string, done bool, more ...any) (reply, ScreenAnswer) {
	h.t.Helper()
	b := sliceBody{"session": session, "seq": seq, "text": text, "done": done, "direction": "out"}
	for i := 0; i+1 < len(more); i += 2 {
		b[more[i].(string)] = more[i+1]
	}
	raw, _ := json.Marshal(b)
	r := h.post("/v1/hegui/screen", string(raw))
	var a ScreenAnswer
	if r.status == 200 {
		must(h.t, json.Unmarshal([]byte(r.body), &a))
	}
	return r, a
}

// otherNode is a second gateway on the same database, with nothing of the first in its memory.
func (h *harness) otherNode() string {
	o := h.gateway.o
	o.Metrics = prometheus.NewRegistry()
	other, err := New(o)
	must(h.t, err)
	server := httptest.NewServer(other.Handler())
	h.t.Cleanup(server.Close)
	return server.URL
}

func TestSlicesOnBothEngines(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		h := setupOn(t, db, says("x"), nil)
		first, a := h.slice("s", 0, "one forb", false)
		if a.Text != "one " || a.Releasable != 4 || a.State != "open" || a.Verdict != "allow" || a.Label == nil {
			t.Fatalf("%d %s", first.status, first.body)
		}
		if again, _ := h.slice("s", 0, "one forb", false); again.body != first.body {
			t.Errorf("again %s, first %s", again.body, first.body)
		}
		if r, _ := h.slice("s", 0, "other", false); r.status != 409 || r.code() != "slice_changed" {
			t.Errorf("%d %s", r.status, r.body)
		}
		early, a := h.slice("s", 2, " and 13812345678", true)
		if early.status != 200 || a.Awaiting == nil || *a.Awaiting != 1 || a.Releasable != 4 || a.Text != "" {
			t.Fatalf("%d %s", early.status, early.body)
		}
		home := h.url
		h.url = h.otherNode() // which reads what the first has judged
		_, a = h.slice("s", 1, "est", false)
		if a.State != "ended" || a.Text != "forbest and 138****5678" || a.From != 4 || a.Releasable != 27 || a.Verdict != "mask" {
			t.Fatalf("%+v", a)
		}
		h.url = home
		_, late := h.slice("s", 2, " and 13812345678", true)
		if late.Releasable != 27 || late.State != "ended" || late.Text != "" {
			t.Errorf("%+v", late)
		}
		if r, _ := h.slice("s", 3, "more", false); r.status != 409 || r.code() != "after_done" {
			t.Errorf("%d %s", r.status, r.body)
		}
		rec, _, err := h.exchanges.Get(t.Context(), a.Exchange)
		if err != nil || rec.Outcome != exchange.Complete || rec.Verdict != exchange.Mask || rec.Detached != "api" || rec.Checked.Out != 27 || rec.Label != "none" {
			t.Errorf("%+v, %v", rec, err)
		}
		left, err := store.Row[int](t.Context(), db.R, `SELECT COUNT(*) FROM screening_slice WHERE LENGTH(text) > 0`)
		if err != nil || left != 0 {
			t.Errorf("%d texts are left, %v", left, err)
		}
		stats := func() exchange.Stats {
			s, err := h.exchanges.Stats(t.Context(), "demo", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
			must(t, err)
			return s
		}
		if s := stats(); s.Generated != 0 || s.Labelled != 0 || s.Detached.Answers != 1 || s.Detached.Shown != 0 {
			t.Errorf("%+v", s)
		}
		ack := `{"exchange":"` + a.Exchange + `","shown":27,"label":true}`
		if r := h.post("/v1/hegui/screen/ack", ack); r.status != 200 || !strings.Contains(r.body, `"within":true`) {
			t.Errorf("%d %s", r.status, r.body)
		}
		if r := h.post("/v1/hegui/screen/ack", ack); r.status != 200 {
			t.Errorf("%d %s", r.status, r.body)
		}
		if r := h.post("/v1/hegui/screen/ack", strings.Replace(ack, `:27`, `:26`, 1)); r.status != 409 {
			t.Errorf("%d %s", r.status, r.body)
		}
		if s := stats(); s.Detached.Shown != 1 || s.Detached.Labelled != 1 || s.Generated != 0 {
			t.Errorf("%+v", s.Detached)
		}
	})
}

func TestCutInput(t *testing.T) {
	h := setup(t, says("x"), nil)
	_, a := h.slice("c", 0, "good forbidden fruit bad", false)
	if a.State != "cut" || a.Verdict != "stop" || a.Action != "stop" || a.Text != "good " || a.Refusal == "" || !strings.Contains(a.Dispute, a.Exchange) || len(a.Findings) != 1 {
		t.Fatalf("%+v", a)
	}
	if r, b := h.slice("c", 1, " more", false); r.status != 200 || b.Text != "" || b.Releasable != 5 || b.State != "cut" {
		t.Errorf("%d %s", r.status, r.body)
	}
	_, a = h.slice("i", 0, "give me forbidden ", false, "direction", "in")
	if a.Releasable != 0 || a.Action != "wait" {
		t.Errorf("%+v", a)
	}
	r, a := h.slice("i", 1, "fruit", true, "direction", "in")
	if a.Verdict != "refuse" || a.Releasable != 0 || a.Text != "" || a.Refusal == "" || strings.Contains(r.body, "fruit") {
		t.Errorf("%s", r.body)
	}
	_, a = h.slice("h", 0, "fruit", true, "direction", "in", "history", []any{map[string]string{"role": "user", "content": "forbidden "}})
	if a.Verdict != "refuse" {
		t.Errorf("an entry split over turns: %+v", a)
	}
	_, a = h.slice("p", 0, "call 13812345678", true, "direction", "in")
	if a.Verdict != "mask" || a.Text != "call 138****5678" {
		t.Errorf("%+v", a)
	}
	if r, _ := h.slice("p", 1, "x", false, "direction", "out"); r.code() != "direction_changed" {
		t.Errorf("%s", r.body)
	}
}

func TestLostSlicesEndIncomplete(t *testing.T) {
	h := setup(t, says("x"), nil)
	now := time.Now()
	h.gateway.o.Now = func() time.Time { return now }
	_, a := h.slice("l", 0, "abc", false)
	h.slice("l", 2, "ghi", true)
	now = now.Add(screeningGap + time.Second)
	must(t, h.gateway.SweepScreenings(t.Context()))
	rec, _, err := h.exchanges.Get(t.Context(), a.Exchange)
	if err != nil || rec.Outcome != exchange.Incomplete || rec.Code != "incomplete" {
		t.Fatalf("%+v, %v", rec, err)
	}
	if r, b := h.slice("l", 1, "def", false); r.status != 200 || b.State != "incomplete" || b.Text != "" || b.Releasable != a.Releasable {
		t.Errorf("%d %s", r.status, r.body)
	}
	now = now.Add(screeningKept + time.Second)
	must(t, h.gateway.SweepScreenings(t.Context()))
	if n, err := store.Row[int](t.Context(), h.db.R, `SELECT COUNT(*) FROM screening_slice`); err != nil || n != 0 {
		t.Errorf("%d slices are left, %v", n, err)
	}
}

// Memory holds a bounded number of texts, however many a session begins.
func TestManyTurnsAreBounded(t *testing.T) {
	h := setup(t, says("x"), nil)
	h.gateway.screens = newScreens(8, 1<<20)
	for i := range 100 {
		h.slice("m", 0, fmt.Sprintf("turn %d forb", i), false, "channel", fmt.Sprint(i))
	}
	if n, kept := h.gateway.screens.idle.Len(), len(h.gateway.screens.all); n > 8 || kept > 8 {
		t.Fatalf("%d idle, %d in all", n, kept)
	}
	if _, a := h.slice("m", 1, "idden fruit", true, "channel", "0"); a.Verdict != "stop" || a.Releasable != 7 {
		t.Errorf("the first is judged anew from its slices: %+v", a)
	}
}

// TestDetachedInvariance is P1 to P3 through the API: cut anywhere, doubled, in any order, on two nodes, the text that may be
// shown is the same, and no prefix holds an entry.
func TestDetachedInvariance(t *testing.T) {
	h := setup(t, says("x"), nil)
	nodes := []string{h.url, h.otherNode()}
	parts := []string{"forbidden fruit", "For\u200bbidden  fruit", "forbidden", "fruit", "禁果出售", "禁果", "禁\u200d果出\ufe0f售", "13812345678", "a.b@c.com", " ", "。", "plain ", "汉字", "😀", "\"", "\n", "x"}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 10).Draw(t, "text"), "")
		pieces := cutRunes(text, rapid.SliceOfN(rapid.IntRange(1, 6), 0, 12).Draw(t, "cuts"))
		order := rapid.Permutation(indices(len(pieces))).Draw(t, "order")
		n++
		session := fmt.Sprint("s", n)
		shown := map[int64]string{}
		var last ScreenAnswer
		for _, i := range order {
			h.url = nodes[rapid.IntRange(0, 1).Draw(t, "node")]
			r, a := h.slice(session, i, pieces[i], i == len(pieces)-1)
			if r.status != 200 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			if rapid.Bool().Draw(t, "doubled") {
				h.url = nodes[rapid.IntRange(0, 1).Draw(t, "node")]
				if again, _ := h.slice(session, i, pieces[i], i == len(pieces)-1); again.status != 200 || a.Awaiting == nil && again.body != r.body {
					t.Fatalf("again %s\nfirst %s", again.body, r.body)
				}
			}
			if a.Text != "" {
				shown[a.From] += a.Text
			}
			if a.Releasable < last.Releasable {
				t.Fatalf("less may be shown than before: %+v", a)
			}
			last = a
		}
		visible := ""
		for at := int64(0); shown[at] != ""; at = int64(len([]rune(visible))) {
			visible += shown[at]
		}
		want, blocked := text, false
		for _, f := range h.gateway.o.Lexicon().Scan([]byte(text)) {
			if f.Tier == "block" && !blocked {
				blocked, want = true, text[:f.Start]
			}
		}
		clean, _ := privacy.Mask(nil, []byte(want))
		if visible != string(clean) || last.Releasable != int64(len([]rune(visible))) || blocked != (last.State == "cut") {
			t.Fatalf("text %q in %q, order %v: shown %q (%+v), want %q", text, pieces, order, visible, last, clean)
		}
	})
}

func indices(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func TestScreenBadInput(t *testing.T) {
	h := setup(t, says("x"), nil)
	for body, want := range map[string]string{
		``:               "invalid_json",
		`[]`:             "invalid_request",
		`{"session":"s"`: "invalid_json",
		`{"session":1,"seq":0,"text":"","direction":"out"}`:                                          "invalid_request",
		`{"seq":0,"text":"","direction":"out"}`:                                                      "invalid_request",
		`{"session":"","seq":0,"text":"","direction":"out"}`:                                         "invalid_request",
		`{"session":"s","seq":-1,"text":"","direction":"out"}`:                                       "invalid_request",
		`{"session":"s","seq":1.5,"text":"","direction":"out"}`:                                      "invalid_request",
		`{"session":"s","seq":"0","text":"","direction":"out"}`:                                      "invalid_request",
		`{"session":"s","seq":0,"text":null,"direction":"out"}`:                                      "invalid_request",
		`{"session":"s","seq":0,"text":"","direction":"up"}`:                                         "invalid_request",
		`{"session":"s","seq":0,"text":"","direction":"out","done":1}`:                               "invalid_request",
		`{"session":"s","seq":0,"text":"","direction":"out","word":1}`:                               "unknown_field",
		`{"session":"s","seq":0,"text":"","direction":"out","seq":1}`:                                "duplicate_key",
		`{"session":"s","seq":0,"text":"","direction":"out","history":[]}`:                           "invalid_request",
		`{"session":"s","seq":0,"text":"","direction":"in","done":true,"history":[{"role":"boss"}]}`: "invalid_request",
		"{\"session\":\"s\",\"seq\":0,\"text\":\"\xff\",\"direction\":\"out\"}":                      "invalid_json",
		`{"session":"s","seq":900,"text":"","direction":"out"}`:                                      "slice_too_early",
		`{"session":"s","seq":0,"direction":"out","text":"` + strings.Repeat("x", 10<<20) + `"}`:     "body_too_large",
	} {
		if r := h.post("/v1/hegui/screen", body); r.code() != want || r.status < 400 || r.status > 413 {
			t.Errorf("%.100s: %d %s, want %s", body, r.status, r.body, want)
		}
	}
	if r := h.post("/v1/hegui/screen", `{}`, "Authorization", "Bearer hg-none"); r.status != http.StatusUnauthorized {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.post("/v1/hegui/screen", `{"session":"s","seq":0,"text":"x","direction":"out"}`, "X-Hegui-User", "stranger"); r.code() != "agreement_required" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestAdapters(t *testing.T) {
	h := setup(t, says("x"), nil)
	for _, c := range []struct{ path, body, want string }{
		{"dify", `{"point":"ping"}`, `{"result":"pong"}`},
		{"dify", `{"point":"app.moderation.input","params":{"app_id":"a","inputs":{"v":"ok"},"query":"hi"}}`, `"flagged":false`},
		{"dify", `{"point":"app.moderation.input","params":{"app_id":"a","inputs":{"v":"forbidden fruit"},"query":"hi"}}`, `{"flagged":true,"action":"direct_output","preset_response"`},
		{"dify", `{"point":"app.moderation.input","params":{"app_id":"a","inputs":{"n":7,"v":"13812345678"},"query":"hi"}}`, `"action":"overridden","inputs":{"n":7,"v":"138****5678"},"query":"hi"`},
		{"dify", `{"point":"app.moderation.output","params":{"app_id":"a","text":"well, forbidden fruit"}}`, `"preset_response":"well, \n\n`},
		{"dify", `{"point":"app.moderation.output","params":{"app_id":"a","text":"13812345678"}}`, `"action":"overridden","text":"138****5678"`},
		{"dify", `{"point":"app.moderation.output","params":{"text":"` + strings.Repeat("x", 10<<20) + `"}}`, `"flagged":true`},
		{"litellm" + litellmPath, `{"input_type":"request","texts":["hi"],"request_data":{}}`, `"action":"NONE"`},
		{"litellm" + litellmPath, `{"input_type":"request","texts":["forbidden","fruit"],"request_data":{}}`, `"action":"BLOCKED"`},
		{"litellm" + litellmPath, `{"input_type":"response","texts":["a","13812345678"],"request_data":{}}`, `"action":"GUARDRAIL_INTERVENED","texts":["a","138****5678"]`},
		{"litellm" + litellmPath, `{"input_type":"response","texts":[],"tool_calls":[{"function":{"arguments":"forbidden fruit"}}],"request_data":{}}`, `"action":"BLOCKED"`},
		{"litellm" + litellmPath, `{"input_type":"request","texts":["hi"],"images":["data:"],"request_data":{}}`, `"action":"BLOCKED"`},
		{"agentgateway/request", `{"body":{"messages":[{"role":"user","content":"hi"}]}}`, `{"action":{"reason":"allow"}}`},
		{"agentgateway/request", `{"body":{"messages":[{"role":"user","content":"13812345678"}]}}`, `{"action":{"body":{"messages":[{"role":"user","content":"138****5678"}]},"reason":"mask"}}`},
		{"agentgateway/request", `{"body":{"messages":[{"role":"user","content":"forbidden fruit"}]}}`, `"status_code":400`},
		{"agentgateway/response", `{"body":{"choices":[{"message":{"role":"assistant","content":"forbidden fruit"}}]}}`, `"status_code":400`},
	} {
		r := h.post("/v1/hegui/adapters/"+c.path, c.body)
		if r.status != 200 || !strings.Contains(r.body, c.want) {
			t.Errorf("%s %.120s: %d %s, want %s", c.path, c.body, r.status, r.body, c.want)
		}
		if strings.Contains(c.want, "pong") || len(c.body) > 1<<20 {
			continue
		}
		if rec := h.record(r); rec.Detached == "" || rec.Label != "none" {
			t.Errorf("%s: %+v", c.path, rec)
		}
	}
	if r := h.post("/v1/hegui/adapters/dify", `{"point":"ping"}`, "Authorization", "Bearer hg-none"); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.post(litellmPath, `{"input_type":"request","texts":["hi"]}`, "Authorization", "", "X-Api-Key", h.key); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func BenchmarkSlice(b *testing.B) {
	h := setup(b, says("x"), nil)
	text := strings.Repeat("plain words 汉字。", 8)
	i := 0
	for b.Loop() {
		h.slice(fmt.Sprint("s", i/1000), i%1000, text, i%1000 == 999)
		i++
	}
}
