package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/privacy"
	"github.com/hegui/hegui/service"
)

// TestChunkInvariance is DESIGN §4 rules 1 and 2 end to end: random text with planted entries and personal information, cut
// by upstream anywhere (at bytes of the event stream, inside runes and escapes, and into any pieces of text), gives the same
// visible text, findings and verdict, and no prefix of what the client got ever holds a block-tier entry or the beginning
// of one that completed.
func TestChunkInvariance(t *testing.T) {
	var pieces atomic.Pointer[[]string]
	var sizes atomic.Pointer[[]int]
	h := setup(t, func(w http.ResponseWriter, r *http.Request) {
		raw := eventStream(*pieces.Load())
		w.Header().Set("Content-Type", "text/event-stream")
		for _, n := range *sizes.Load() {
			if n >= len(raw) {
				break
			}
			_, _ = io.WriteString(w, raw[:n])
			w.(http.Flusher).Flush()
			raw = raw[n:]
		}
		_, _ = io.WriteString(w, raw)
	}, func(s *service.Service) { s.Label = label.UI })
	parts := []string{"forbidden fruit", "For\u200bbidden  fruit", "ＦＯＲＢＩＤＤＥＮ ｆｒｕｉｔ", "forbidden", "forbid", "fruit", "禁果出售", "禁果", "禁\u200d果出\ufe0f售", "禁",
		"13812345678", "a.b@c.com", " ", "。", "plain words ", "汉字", "😀", "\"", "\\", "\n", "`", "{", "x"}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 12).Draw(t, "text"), "")
		run := func(p []string, n []int) (streamed, exchange.Record) {
			pieces.Store(&p)
			sizes.Store(&n)
			r := h.chat("hi", true)
			if r.status != 200 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			return r.stream(h.t), h.record(r)
		}
		whole, want := run([]string{text}, nil)
		cut, got := run(cutRunes(text, rapid.SliceOfN(rapid.IntRange(1, 5), 0, 40).Draw(t, "runes")), rapid.SliceOfN(rapid.IntRange(1, 40), 0, 60).Draw(t, "bytes"))
		if whole.content != cut.content || whole.finish != cut.finish || whole.done != cut.done {
			t.Fatalf("text %q\nwhole %+v\ncut   %+v", text, whole, cut)
		}
		if a, b := fmt.Sprint(want.Findings, want.Verdict, want.Label, want.Checked.Privacy < 0), fmt.Sprint(got.Findings, got.Verdict, got.Label, got.Checked.Privacy < 0); a != b {
			t.Fatalf("text %q\nwhole %s\ncut   %s", text, a, b)
		}
		for _, f := range h.gateway.o.Lexicon().Scan([]byte(cut.content)) {
			if f.Tier == "block" {
				t.Fatalf("leaked: %q", cut.content)
			}
		}
		blocked := false
		clear := text
		for _, f := range h.gateway.o.Lexicon().Scan([]byte(text)) {
			if f.Tier == "block" && !blocked { // the hits come ordered by where they end
				blocked, clear = true, text[:f.Start]
			}
		}
		clean, _ := privacy.Mask(nil, []byte(clear))
		expected := string(clean)
		if blocked {
			if expected != "" {
				expected += "\n\n"
			}
			expected += h.refusal()
		}
		if cut.content != expected { // nothing of the entry, not even its beginning, and all before it
			t.Fatalf("text %q: shown %q, want %q", text, cut.content, expected)
		}
		if blocked != (got.Verdict == exchange.Stop) || blocked != (cut.finish == "content_filter") {
			t.Fatalf("text %q: a block-tier entry %t, verdict %s, finish %q", text, blocked, got.Verdict, cut.finish)
		}
	})
}

func cutRunes(text string, sizes []int) []string {
	runes := []rune(text)
	var out []string
	for _, n := range sizes {
		if n >= len(runes) {
			break
		}
		out = append(out, string(runes[:n]))
		runes = runes[n:]
	}
	return append(out, string(runes))
}

func eventStream(pieces []string) string {
	var b strings.Builder
	b.WriteString(": keep-alive\n\n")
	for i, p := range pieces {
		q, _ := json.Marshal(p)
		if i%3 == 2 { // the same text in escapes
			q = escapeAll(p)
		}
		fmt.Fprintf(&b, `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{"content":%s},"logprobs":null,"finish_reason":null}]}`+"\n\n", q)
	}
	b.WriteString(`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n")
	return b.String()
}

func escapeAll(s string) []byte {
	out := []byte{'"'}
	for _, r := range s {
		if r > 0xffff {
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			continue
		}
		out = fmt.Appendf(out, `\u%04x`, r)
	}
	return append(out, '"')
}

func TestToolCallsReasoningAndChoicesSurvive(t *testing.T) {
	chunks := []string{
		`{"id":"c","model":"real","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"I think for"}},{"index":1,"delta":{"role":"assistant","content":"one "}}],"x_new":{"keep":1}}`,
		`{"id":"c","model":"real","choices":[{"index":0,"delta":{"reasoning_content":"bidden things","content":null}},{"index":1,"delta":{"content":"forbidden fruit"}}]}`,
		`{"id":"c","model":"real","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]}}]}`,
		`{"id":"c","model":"real","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":\"Bei"}}]}}]}`,
		`{"id":"c","model":"real","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"jing\"}"}}]}}]}`,
		`{"id":"c","model":"real","choices":[{"index":1,"delta":{"content":" after"}}]}`,
		`{"id":"c","model":"real","choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}`,
		`{"id":"c","model":"real","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`,
		`{"id":"c","model":"real","choices":[],"usage":{"total_tokens":9,"cached":{"x":1}}}`,
	}
	h := setup(t, func(w http.ResponseWriter, r *http.Request) {
		for _, c := range chunks {
			_, _ = io.WriteString(w, "data: "+c+"\n\n")
			w.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}, nil)
	r := h.post("/v1/chat/completions", `{"model":"m","stream":true,"n":2,"enable_thinking":true,"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}],"messages":[{"role":"user","content":"hi"}]}`)
	if body := string(<-h.seen); !strings.Contains(body, `"enable_thinking":true`) {
		t.Errorf("upstream got %s", body)
	}
	for _, want := range []string{`"x_new":{"keep":1}`, `"id":"call_1"`, `"name":"weather"`, `"usage":{"total_tokens":9,"cached":{"x":1}}`, `"finish_reason":"tool_calls"`, `"finish_reason":"content_filter"`} {
		if !strings.Contains(r.body, want) {
			t.Errorf("no %s in\n%s", want, r.body)
		}
	}
	s := r.stream(t)
	if s.reasoning != "I think forbidden things" || s.arguments != `{"city":"Beijing"}` || !s.done || strings.Contains(r.body, "fruit") || strings.Contains(s.content, "after") {
		t.Errorf("%+v\n%s", s, r.body)
	}
	if rec := h.record(r); rec.Verdict != exchange.Stop || len(rec.Usage) < 10 {
		t.Errorf("%+v", rec)
	}
}

// Names of tools and strings that a stream brings beside its text: none is lost when several chunks bring one, and what is cut in two is
// judged in one piece.
func TestStringsThatSeveralChunksBring(t *testing.T) {
	stream := func(chunks ...string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			for _, c := range chunks {
				_, _ = fmt.Fprintf(w, "data: {\"id\":\"c\",\"model\":\"real\",\"choices\":[%s]}\n\n", c)
			}
			_, _ = io.WriteString(w, "data: [DONE]\n\n")
		}
	}
	for name, x := range map[string]struct {
		chunks []string
		want   []string
		never  string
	}{
		"two calls": {[]string{
			`{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"look_up","arguments":"{}"}}]}}`,
			`{"index":0,"delta":{"tool_calls":[{"index":1,"id":"2","function":{"name":"send_it","arguments":"{}"}}]}}`,
			`{"index":1,"delta":{"tool_calls":[{"index":0,"id":"3","function":{"name":"third","arguments":"{}"}}]}}`,
			`{"index":0,"delta":{},"finish_reason":"tool_calls"}`, `{"index":1,"delta":{},"finish_reason":"tool_calls"}`},
			[]string{`"look_up"`, `"send_it"`, `"third"`}, ""},
		"a name in two": {[]string{
			`{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"look","arguments":""}}]}}`,
			`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"_up","arguments":"{}"}}]}}`,
			`{"index":0,"delta":{},"finish_reason":"tool_calls"}`}, []string{`"look"`, `"_up"`}, ""},
		"a name in two that is none": {[]string{
			`{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"forbidden ","arguments":""}}]}}`,
			`{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"fruit","arguments":"{}"}}]}}`,
			`{"index":0,"delta":{},"finish_reason":"tool_calls"}`}, []string{`content_filter`}, `"fruit"`},
		"the same string in each": {[]string{
			`{"index":0,"note":"in good order","delta":{"content":"one "}}`, `{"index":0,"note":"in good order","delta":{"content":"two"}}`, `{"index":0,"note":"and done now","delta":{},"finish_reason":"stop"}`},
			[]string{`"in good order"`, `"and done now"`, "two"}, `"note":""`},
		"a number in each": {[]string{
			`{"index":0,"note":"call 13800138000 now","delta":{"content":"one "}}`, `{"index":0,"note":"call 13800138000 now","delta":{"content":"two"}}`, `{"index":0,"delta":{},"finish_reason":"stop"}`},
			[]string{"call ", "two"}, "13800138000"},
	} {
		h := setup(t, stream(x.chunks...), nil)
		r := h.post("/v1/chat/completions", `{"model":"m","stream":true,"n":2,"messages":[{"role":"user","content":"hi"}]}`)
		for _, want := range x.want {
			if !strings.Contains(r.body, want) {
				t.Errorf("%s: no %s in\n%s", name, want, r.body)
			}
		}
		if x.never != "" && strings.Contains(r.body, x.never) {
			t.Errorf("%s: %s in\n%s", name, x.never, r.body)
		}
	}
}

func TestClientLeavingCancelsUpstream(t *testing.T) {
	cancelled := make(chan time.Time, 1)
	h := setup(t, func(w http.ResponseWriter, r *http.Request) {
		for range 200 {
			_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"word "}}]}`+"\n\n")
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				cancelled <- time.Now()
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
		cancelled <- time.Time{}
	}, nil)
	r, err := http.NewRequest(http.MethodPost, h.url+"/v1/chat/completions", strings.NewReader(`{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}`))
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+h.key)
	r.Header.Set("X-Hegui-User", "alice")
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	_, err = resp.Body.Read(make([]byte, 100))
	must(t, err)
	left := time.Now()
	_ = resp.Body.Close()
	switch at := <-cancelled; {
	case at.IsZero():
		t.Fatal("upstream was never cancelled")
	case at.Sub(left) > time.Second: // generous here; the figure itself is measured by bench/
		t.Fatalf("cancelled after %s", at.Sub(left))
	}
	id := resp.Header.Get("X-Hegui-Exchange")
	for range 100 {
		if rec, _, err := h.exchanges.Get(t.Context(), id); err == nil {
			if rec.Outcome != exchange.ClientLeft {
				t.Fatalf("%+v", rec)
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the exchange was not recorded")
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"\u00e9\ud83d\ude00",null,true]}`, `"\ud800"`, `[]`, `{"a":1,}`, `01`, "\"\x01\"", `nul`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d doc
		err := d.scan(b)
		if err == nil != (json.Valid(b) && validUTF8Strings(b)) && !deep(b) {
			t.Fatalf("%q: %v, encoding/json says %t", b, err, json.Valid(b))
		}
		if err != nil {
			return
		}
		for i, n := range d.nodes {
			if n.kind != isString {
				continue
			}
			var want string
			must(t, json.Unmarshal(d.raw(i), &want))
			if got := string(d.text(i)); got != want {
				t.Fatalf("%q: %q, encoding/json says %q", d.raw(i), got, want)
			}
			var back string
			must(t, json.Unmarshal(appendJSON(nil, d.text(i)), &back))
			if back != want {
				t.Fatalf("%q comes back as %q", want, back)
			}
		}
	})
}

// validUTF8Strings: encoding/json repairs invalid UTF-8, the gateway refuses it.
func validUTF8Strings(b []byte) bool { return strings.ToValidUTF8(string(b), "") == string(b) }

func deep(b []byte) bool {
	return strings.Count(string(b), "[")+strings.Count(string(b), "{") > maxDepth
}

func FuzzSSE(f *testing.F) {
	f.Add("data: a\n\ndata:b\r\ndata: c\r\r: x\n\nevent: y\ndata\n\n", uint8(3))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		read := func(n int) (out []string) {
			var p sseParser
			take := func(last bool) {
				for {
					e, ok := p.next(last)
					if !ok {
						return
					}
					out = append(out, fmt.Sprintf("%q %q %t", e.data, e.head, e.has))
				}
			}
			rest := text
			for len(rest) > 0 {
				k := min(n, len(rest))
				p.write([]byte(rest[:k]))
				rest = rest[k:]
				take(false)
			}
			take(true)
			return out
		}
		whole, cut := read(len(text)+1), read(int(size)%7+1)
		if fmt.Sprint(whole) != fmt.Sprint(cut) {
			t.Fatalf("%q\nwhole %v\ncut   %v", text, whole, cut)
		}
	})
}
