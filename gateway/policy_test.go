package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

// ruled starts a gateway under a policy with one row for hits of A1f (the signal entry 禁果 of the tests) and detectors.
func ruled(t *testing.T, row string, answer http.HandlerFunc, change func(*service.Service), detectors ...moderation.Detector) *harness {
	t.Helper()
	h := setup(t, answer, change)
	p, err := moderation.ParsePolicy("test.yaml", []byte("name: test\nrows:\n  - "+row+"\n  - {name: block-tier, tier: [block], action: block}\ndefault: {action: allow}\n"))
	must(t, err)
	h.gateway.o.Policy = func() *moderation.Policy { return p }
	h.gateway.o.Detectors = detectors
	// A word that the block tier holds back, so that rows on the block tier can be tried in streams too.
	lexicon, err := moderation.Compile(append([]moderation.Entry{{ID: "m1", Text: "密语", Category: "A4a", Tier: moderation.Block}}, banned...))
	must(t, err)
	h.gateway.o.Lexicon = func() *moderation.Lexicon { return lexicon }
	return h
}

func TestInputActions(t *testing.T) {
	for _, stream := range []bool{false, true} {
		for action, x := range map[string]struct {
			row, shown, finish string
			verdict            exchange.Verdict
		}{
			"allow":  {"{name: r, category: [A1f], action: allow}", "fine", "stop", exchange.Mask},
			"mask":   {"{name: r, category: [A1f], action: mask}", "fine", "stop", exchange.Mask},
			"guide":  {"{name: r, category: [A1f], action: guide, reason: care, text_zh: 请先休息, text_en: rest}", "请先休息", "stop", exchange.Guide},
			"refuse": {"{name: r, category: [A1f], direction: [in], action: refuse, reason: care}", "抱歉", "content_filter", exchange.Refuse},
			"block":  {"{name: r, category: [A1f], action: block, reason: care}", "抱歉", "content_filter", exchange.Refuse},
		} {
			h := ruled(t, x.row, says("fine"), nil)
			r := h.chat("要禁果和 13812345678", stream)
			content, finish := r.content(), "stop"
			if stream {
				s := r.stream(t)
				content, finish = s.content, s.finish
			} else if !strings.Contains(r.body, `"finish_reason":"stop"`) {
				finish = "content_filter"
			}
			if r.status != 200 || !strings.Contains(content, x.shown) || finish != x.finish || strings.Contains(r.body, "禁果") || strings.Contains(r.body, "A1f") {
				t.Errorf("%s, stream %t: %s", action, stream, r.body)
			}
			rec := h.record(r)
			if rec.Verdict != x.verdict || rec.Policy != h.gateway.o.Policy().Hash() || rec.Lexicon != h.gateway.o.Lexicon().Hash() {
				t.Errorf("%s, stream %t: %+v", action, stream, rec)
			}
			asked := ""
			if len(h.seen) > 0 {
				asked = string(<-h.seen)
			}
			switch action {
			case "allow":
				if !strings.Contains(asked, "要禁果和 ") || strings.Contains(asked, "13812345678") { // masked for privacy alone
					t.Errorf("allow: the model got %s", asked)
				}
			case "mask":
				if !strings.Contains(asked, "要**和 ") || strings.Contains(asked, "13812345678") {
					t.Errorf("mask: the model got %s", asked)
				}
			default:
				if asked != "" || !strings.Contains(r.body, `"reason":"care"`) || !strings.Contains(r.body, fmt.Sprintf(`"verdict":%q`, x.verdict)) || !strings.Contains(rec.Reason, "A1f") {
					t.Errorf("%s, stream %t: asked %q, %s, %+v", action, stream, asked, r.body, rec)
				}
			}
		}
	}
}

func TestARefusalAsErrorNamesNoRisk(t *testing.T) {
	h := ruled(t, "{name: r, category: [A1f], action: block, reason: care}", says("fine"), nil)
	r := h.chat("禁果", false, "X-Hegui-Refusal", "error")
	if r.status != 400 || r.code() != "content_filter" || strings.Contains(r.body, "A1f") || !strings.Contains(r.body, `"reason":"care"`) || !strings.Contains(r.body, `"verdict":"refuse"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestAMaskThatCannotBeMadeIsARefusal(t *testing.T) {
	h := ruled(t, "{name: r, category: [A1f], action: mask}", says("fine"), nil)
	parts := `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"%s"},{"type":"text","text":"%s"}]}]}`
	r := h.post("/v1/chat/completions", fmt.Sprintf(parts, "一个禁", "果"))
	if !strings.Contains(r.body, "content_filter") || len(h.seen) > 0 {
		t.Errorf("over a border: %s", r.body)
	}
	r = h.post("/v1/chat/completions", fmt.Sprintf(parts, "一个禁果", "好"))
	if body := string(<-h.seen); !strings.Contains(body, `"一个**"`) || !strings.Contains(r.body, "fine") {
		t.Errorf("inside a part: %s %s", body, r.body)
	}
}

func TestOutputActions(t *testing.T) {
	for _, stream := range []bool{false, true} {
		for action, x := range map[string]struct {
			action, shown, finish string
			verdict               exchange.Verdict
		}{
			"allow":   {"allow", "开头密语结尾", "stop", exchange.Allow},
			"mask":    {"mask", "开头**结尾", "stop", exchange.Mask},
			"guide":   {"guide, reason: care, text_zh: 请先休息, text_en: rest", "请先休息", "stop", exchange.Guide},
			"stop":    {"stop, reason: care, direction: [out]", "抱歉", "content_filter", exchange.Stop},
			"retract": {"retract, reason: care, direction: [out]", "抱歉", "content_filter", exchange.Retract},
			"replace": {"replace, reason: care, direction: [out]", "抱歉", "content_filter", exchange.Replace},
			"block":   {"block, reason: care", "抱歉", "content_filter", exchange.Retract},
		} {
			h := ruled(t, "{name: r, category: [A4a], action: "+x.action+"}", says("开头", "密", "语结尾"), func(s *service.Service) { s.OnViolation = "retract" })
			r := h.chat("你好", stream, "X-Hegui-Events", "moderation")
			content, finish := r.content(), "stop"
			if stream {
				s := r.stream(t)
				content, finish = s.content, s.finish
			} else if !strings.Contains(r.body, `"finish_reason":"stop"`) {
				finish = "content_filter"
			}
			cut := x.verdict != exchange.Allow && x.verdict != exchange.Mask
			if !strings.Contains(content, x.shown) || finish != x.finish || cut && strings.Contains(content, "结尾") || x.verdict != exchange.Allow && strings.Contains(r.body, "密语") || strings.Contains(r.body, "A4a") {
				t.Errorf("%s, stream %t: %q %s", action, stream, content, r.body)
			}
			if cut && (!strings.Contains(r.body, `"reason":"care"`) || !strings.Contains(r.body, fmt.Sprintf(`"verdict":%q`, x.verdict))) {
				t.Errorf("%s, stream %t: %s", action, stream, r.body)
			}
			if stream && cut && !strings.Contains(r.body, fmt.Sprintf(`"action":%q`, x.verdict)) {
				t.Errorf("%s: %s", action, r.body)
			}
			if rec := h.record(r); rec.Verdict != x.verdict || cut && !strings.Contains(rec.Reason, "A4a") || rec.Total != 1 {
				t.Errorf("%s, stream %t: %+v", action, stream, rec)
			}
		}
	}
}

// TestEveryChannelAndChoiceIsMasked: reasoning, tool arguments and each of n choices follow the same policy.
func TestEveryChannelAndChoiceIsMasked(t *testing.T) {
	h := ruled(t, "{name: r, category: [A4a], action: mask}", func(w http.ResponseWriter, r *http.Request) {
		for _, c := range []string{
			`{"choices":[{"index":0,"delta":{"reasoning_content":"想密"}},{"index":1,"delta":{"content":"一密"}}]}`,
			`{"choices":[{"index":0,"delta":{"reasoning_content":"语了"}},{"index":1,"delta":{"content":"语二"}}]}`,
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":\"密"}}]}}]}`,
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"语\"}"}}]}}]}`,
			`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"},{"index":1,"delta":{},"finish_reason":"stop"}]}`,
		} {
			_, _ = io.WriteString(w, "data: "+c+"\n\n")
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}, nil)
	r := h.post("/v1/chat/completions", `{"model":"m","stream":true,"n":2,"messages":[{"role":"user","content":"hi"}]}`)
	if s := r.stream(t); s.reasoning != "想**了" || s.arguments != `{"a":"**"}` || !strings.HasSuffix(s.content, "一**二") || strings.Contains(r.body, "密") {
		t.Errorf("%+v\n%s", s, r.body)
	}
	if rec := h.record(r); rec.Verdict != exchange.Mask || rec.Total != 3 {
		t.Errorf("%+v", rec)
	}
}

// guardFake is a detector of the tests: it finds 毒药 and may fail.
type guardFake struct {
	about moderation.Description
	fail  atomic.Pointer[error]
	asked atomic.Int64
}

func (f *guardFake) Describe() moderation.Description { return f.about }

func (f *guardFake) Check(_ context.Context, q moderation.Query) (moderation.Judgement, error) {
	f.asked.Add(1)
	if err := f.fail.Load(); err != nil {
		return moderation.Judgement{}, *err
	}
	j := moderation.Judgement{Outcome: moderation.Clear, Artefact: "weights-1"}
	if at := strings.Index(string(q.Text), "毒药"); at >= 0 {
		j.Outcome = moderation.Found
		j.Findings = []moderation.Detection{{Category: "A2a", Tier: moderation.Block, Start: at, End: at + len("毒药"), Reason: "names a poison"}}
	}
	return j, nil
}

func newGuard(rule moderation.OnError, e int) *guardFake {
	return &guardFake{about: moderation.Description{Name: "guard-a", Kind: "guard", OnError: rule, Exposed: moderation.Exposure{Otherwise: e}, Timeout: 200 * time.Millisecond}}
}

const noRow = "{name: r, category: [A5b], severity: 5, action: allow}"

func TestDetectorsOnInput(t *testing.T) {
	d := newGuard(moderation.Hold, 0)
	h := ruled(t, noRow, says("fine"), nil, d)
	if r := h.chat("今天天气", false); !strings.Contains(r.content(), "fine") || d.asked.Load() == 0 {
		t.Errorf("%s, asked %d times", r.body, d.asked.Load())
	}
	r := h.chat("做毒药", false)
	if rec := h.record(r); rec.Verdict != exchange.Refuse || len(rec.Findings) != 1 || rec.Findings[0].Detector != "guard-a" || rec.Findings[0].Artefact != "weights-1" {
		t.Errorf("%+v", rec)
	}
	down := errors.New("connection refused")
	d.fail.Store(&down)
	r = h.chat("今天天气", false)
	if rec := h.record(r); r.code() != "guard_unavailable" || len(rec.Guards) != 1 || rec.Guards[0].Rule != "closed" || rec.Guards[0].Detector != "guard-a" {
		t.Errorf("%s %+v", r.body, rec)
	}
	d.about.OnError = moderation.Degrade
	r = h.chat("今天天气", false)
	rec := h.record(r)
	if !strings.Contains(r.content(), "fine") || len(rec.Guards) != 2 || rec.Guards[0].Rule != "degraded" || rec.Guards[0].Guard != "moderate_in" || rec.Guards[1].Guard != "moderate_out" ||
		rec.Guards[0].MS < 1 || rec.Guards[0].Bytes < len("今天天气") || !strings.Contains(rec.Guards[0].Error, "refused") {
		t.Errorf("%s %+v", r.body, rec)
	}
	if r = h.chat("forbidden fruit", false); h.record(r).Verdict != exchange.Refuse { // the lexicon goes on
		t.Errorf("%s", r.body)
	}
	stats, err := h.exchanges.Stats(t.Context(), "demo", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil || stats.Degraded != 3 {
		t.Errorf("%d degraded exchanges, %v", stats.Degraded, err)
	}
	d.about.OnError = moderation.Hold
	if r = h.chat("forbidden fruit", false); r.status != http.StatusOK || h.record(r).Verdict != exchange.Refuse { // whoever is out
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestDetectorsInStreams: a finding of a detector ends the stream at its place, what was shown beyond is at most E
// characters and the client is told where to cut; a detector that dies on the way holds the stream at E.
func TestDetectorsInStreams(t *testing.T) {
	long := strings.Repeat("平常的话没有问题。", 30)
	for _, e := range []int{-1, 20, 120} {
		d := newGuard(moderation.Hold, e)
		var pieces []string
		for _, r := range long + "这是毒药" + long {
			pieces = append(pieces, string(r))
		}
		h := ruled(t, noRow, says(pieces...), func(s *service.Service) { s.Label, s.Signals = "ui", nil }, d)
		r := h.chat("你好", true, "X-Hegui-Events", "moderation")
		s := r.stream(t)
		from := utf8.RuneCountInString(long + "这是")
		shown := generated(s.content)
		if !strings.HasPrefix(s.content, long+"这是") || shown < from || shown > from+max(e, 0) || e < 0 && shown != from || s.finish != "content_filter" ||
			!strings.Contains(r.body, fmt.Sprintf(`"from":%d`, from)) {
			t.Errorf("E %d: shown %d, clean %d: %s", e, shown, from, s.content)
		}
		if rec := h.record(r); rec.Verdict != exchange.Stop || len(rec.Findings) != 1 || rec.Findings[0].Start != len(long+"这是") {
			t.Errorf("E %d: %+v", e, rec)
		}
		down := errors.New("connection refused")
		d.fail.Store(&down)
		d.about.OnError = moderation.Hold
		h.gateway.o.Detectors = []moderation.Detector{outOnly{d}}
		r = h.chat("你好", true)
		s = r.stream(t)
		shown = generated(s.content)
		if shown > max(e, 0) || s.finish != "content_filter" {
			t.Errorf("E %d: %d characters shown unverified", e, shown)
		}
		if rec := h.record(r); len(rec.Guards) != 1 || rec.Guards[0].Rule != "closed" || rec.Guards[0].Guard != "moderate_out" || rec.Verdict != exchange.Stop {
			t.Errorf("E %d: %+v", e, rec)
		}
	}
}

// generated is the number of characters before the refusal.
func generated(content string) int {
	before, _, _ := strings.Cut(content, service.Defaults("").RefusalZH)
	return utf8.RuneCountInString(strings.TrimSuffix(before, "\n\n"))
}

// outOnly lets the input pass.
type outOnly struct{ *guardFake }

func (o outOnly) Check(ctx context.Context, q moderation.Query) (moderation.Judgement, error) {
	if q.Scene.Direction == "in" {
		return moderation.Judgement{Outcome: moderation.Clear}, nil
	}
	return o.guardFake.Check(ctx, q)
}

// TestSignalsNeverActByDefault: under the policy that ships a signal is recorded and nothing happens.
func TestSignalsNeverActByDefault(t *testing.T) {
	for _, stream := range []bool{false, true} {
		h := setup(t, says("说禁果也无妨"), nil)
		r := h.chat("禁果是什么意思", stream)
		if rec := h.record(r); rec.Verdict != exchange.Allow || rec.Total != 2 || !strings.Contains(r.body, "禁果") {
			t.Errorf("%s %+v", r.body, rec)
		}
	}
}

// TestADetectorCutsWhileTheModelThinks: a finding ends the answer when it is made, not with the model's next word, and text
// that waits for a detector leaves when it is free.
func TestADetectorCutsWhileTheModelThinks(t *testing.T) {
	free := make(chan struct{})
	t.Cleanup(func() { close(free) })
	first := strings.Repeat("好", 40)
	for _, e := range []int{-1, 120} {
		for _, poison := range []bool{false, true} {
			text := first
			if poison {
				text = "毒药" + first[:38*len("好")]
			}
			h := ruled(t, noRow, func(w http.ResponseWriter, r *http.Request) {
				_, _ = fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", text)
				w.(http.Flusher).Flush()
				select {
				case <-free:
				case <-r.Context().Done():
				}
			}, func(s *service.Service) { s.Label = "ui" }, newGuard(moderation.Hold, e))
			r, err := http.NewRequest(http.MethodPost, h.url+"/v1/chat/completions", strings.NewReader(`{"model":"m","stream":true,"messages":[{"role":"user","content":"你好"}]}`))
			must(t, err)
			r.Header.Set("Authorization", "Bearer "+h.key)
			r.Header.Set("X-Hegui-User", "alice")
			began := time.Now()
			resp, err := http.DefaultClient.Do(r)
			must(t, err)
			want := first
			if poison {
				want = "content_filter"
			}
			var got strings.Builder
			buffer := make([]byte, 4096)
			for !strings.Contains(got.String(), want) {
				n, err := resp.Body.Read(buffer)
				got.Write(buffer[:n])
				if err != nil {
					break
				}
			}
			_ = resp.Body.Close()
			if !strings.Contains(got.String(), want) || time.Since(began) > time.Second { // the model's silence would be cut at 2 s
				t.Errorf("E %d, poison %t: after %s %s", e, poison, time.Since(began), got.String())
			}
		}
	}
}

// TestPolicyAndDetectorsDoNotDependOnCuts is P1 through the whole gateway with masks, guidance and a detector: however
// upstream cuts the answer, findings, verdict and the text that stands in the end are the same.
func TestPolicyAndDetectorsDoNotDependOnCuts(t *testing.T) {
	var pieces atomic.Pointer[[]string]
	d := newGuard(moderation.Hold, -1)
	h := ruled(t, "{name: r, category: [A4a], action: mask}\n  - {name: g, category: [A1f], tier: [signal], action: guide, text_zh: 请先休息, text_en: rest}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, eventStream(*pieces.Load()))
	}, func(s *service.Service) { s.Label = "ui" }, d)
	parts := []string{"密语", "密", "语", "禁果", "禁", "毒药", "毒", "forbidden fruit", "平常的话没有问题。", "plain words! ", "13812345678", "\n", "😀", strings.Repeat("长", 45)}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 25).Draw(t, "text"), "")
		run := func(e int, p []string) (content string, clean string, record string) {
			d.about.Exposed.Otherwise = e
			pieces.Store(&p)
			r := h.chat("hi", true, "X-Hegui-Events", "moderation")
			rec := h.record(r)
			content, clean = r.stream(h.t).content, "whole"
			if _, after, ok := strings.Cut(r.body, `"from":`); ok {
				clean, _, _ = strings.Cut(after, ",")
			}
			return content, clean, fmt.Sprint(rec.Findings, rec.Verdict, rec.Reason)
		}
		cut := cutRunes(text, rapid.SliceOfN(rapid.IntRange(1, 5), 0, 60).Draw(t, "runes"))
		a, fromA, recordA := run(-1, []string{text})
		b, fromB, recordB := run(-1, cut)
		if a != b || fromA != fromB || recordA != recordB {
			t.Fatalf("%q\nwhole %q %s %s\ncut   %q %s %s", text, a, fromA, recordA, b, fromB, recordB)
		}
		c, fromC, recordC := run(20, cut) // up to 20 characters more may have been shown
		if fromA != fromC || recordA != recordC {
			t.Fatalf("%q\nE 0   %q %s %s\nE 20  %q %s %s", text, a, fromA, recordA, c, fromC, recordC)
		}
	})
}

// TestStricterForATime: while a period lasts the service's profile is the stricter one, and the record names the measure.
func TestStricterForATime(t *testing.T) {
	h := ruled(t, "{name: r, profile: [heightened], direction: [in], category: [A1f], action: refuse, reason: care}", says("fine"), nil)
	on := true
	h.gateway.o.Heightened = func(context.Context, string) (string, string, bool) { return "heightened", "m-1", on }
	if rec := h.record(h.chat("说说禁果", false)); rec.Verdict != exchange.Refuse || rec.Heightened != "m-1" {
		t.Errorf("%+v", rec)
	}
	on = false
	if rec := h.record(h.chat("说说禁果", false)); rec.Verdict == exchange.Refuse || rec.Heightened != "" {
		t.Errorf("%+v", rec)
	}
}
