package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/moderation/decode"
	"github.com/hegui/hegui/service"
)

// sayInTool is a model that calls a tool with the pieces as its arguments.
func sayInTool(w http.ResponseWriter, stream bool, pieces []string) {
	if !stream {
		q, _ := json.Marshal(strings.Join(pieces, ""))
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":"c","object":"chat.completion","model":"real","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":%s}}]},"finish_reason":"tool_calls"}]}`, q)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, p := range pieces {
		q, _ := json.Marshal(p)
		_, _ = fmt.Fprintf(w, `data: {"id":"c","object":"chat.completion.chunk","model":"real","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":%s}}]}}]}`+"\n\n", q)
	}
	_, _ = fmt.Fprint(w, `data: {"id":"c","object":"chat.completion.chunk","model":"real","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`+"\n\ndata: [DONE]\n\n")
}

func TestEscapedArguments(t *testing.T) {
	var stream atomic.Bool
	var text atomic.Pointer[string]
	h := setup(t, func(w http.ResponseWriter, r *http.Request) {
		pieces := []string{*text.Load()}
		if stream.Load() {
			pieces = strings.Split(*text.Load(), "")
		}
		sayInTool(w, stream.Load(), pieces)
	}, func(s *service.Service) { s.Label = label.UI })
	for _, tt := range []struct {
		name, text, shown string // shown: of a stream, empty when all of it is
	}{
		{"json.dumps", `{"q":"\u7981\u679c\u51fa\u552e"}`, `{"q":"`},
		{"upper case", `{"q":"\u7981\u679C\u51FA\u552E"}`, `{"q":"`},
		{"half of it", `{"q":"禁果\u51fa售"}`, `{"q":"禁果`}, // what stands before the first escape is not held back for it
		{"half of it, later", `{"a":"\u4f60","q":"禁果\u51fa售"}`, `{"a":"\u4f60","q":"`},
		{"ASCII", `{"q":"\u0066orbidden fruit"}`, `{"q":"`},
		{"late", `{"a":"` + strings.Repeat("好", 3000) + `","q":"禁\u679c出售"}`, `{"a":"` + strings.Repeat("好", 3000) + `","q":"禁`},
		{"references of HTML", "说 &#31105;&#26524;&#x51fa;&#X552E;", "说 "},
		{"half of them", "说 禁果&#20986;售", "说 禁果"},
		{"references without an end", "说 &#31105&#26524&#20986&#21806", "说 "},
		{"references behind zeros", "说 &#0000031105;&#26524;&#x00000000051fa;售", "说 "},
		{"references by name", "&forbiddens; &lt;b&gt; forbidden&nbsp;fruit", "&forbiddens; &lt;b&gt; "},
		{"references and escapes", `说 &#31105;\u679c&#20986;\u552e`, "说 "},
		{"references, harmless", "AT&T a&b=c &amp; &copy; &#20320;&#x597d; &#; &#x; &#99999999; &#0; &bne; R&D", ""},
		{"ends in a reference", "你&#205", ""},
		{"a letter in the way", `{"q":"\u7981\u200b\u679c\u51fa\u552e"}`, `{"q":"`},
		{"turned round", "{\"q\":\"\u202e售出果禁\u202c\"}", `{"q":"`},
		{"turned round, to the line's end", "好\u202e售出果禁 abc\n{}", "好"},
		{"turned round, no end", "{\"q\":\"\u202e售出果禁", `{"q":"`},
		{"turned round, half of it", "禁果\u202e售出\u202c", "禁果"},
		{"turned round, beside an escape", "{\"q\":\"\\u7981\u202e售出果\u202c", `{"q":"`},
		{"turned round, in one piece", "说\u202e" + harmless(300) + "售出果禁\n", "说"},
		{"turned round, in several", "说\u202e" + harmless(900) + "售出果禁\n", "说\u202e" + harmless(900)[:2*turnedMost-len("\u202e")-2]},
		{"turned round, harmless", "看\u202e好你\u202c，\u202e\u202c\u202e，再说\n完\u202e", ""},
		{"turned round, a signal", "\u202e果禁\u202c", ""},
		{"harmless", `{"q":"\u4f60\u597d\ud83d\ude00 \"x\" \\ \n C:\\users \u12"}`, ""},
		{"only a signal", `{"q":"\u7981\u679c"}`, ""},
		{"ends in an escape", `{"q":"\u4f60\u597`, ""},
		{"half a pair", `{"q":"\ud83d","r":"\ude00\ude00"}\ud83d`, ""},
	} {
		for _, s := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/stream=%t", tt.name, s), func(t *testing.T) {
				stream.Store(s)
				text.Store(&tt.text)
				r := h.chat("hi", s)
				rec := h.record(r)
				if tt.shown == "" {
					if rec.Verdict != exchange.Allow {
						t.Errorf("verdict %s, %v", rec.Verdict, rec.Findings)
					}
					got := r.arguments(t, s)
					if got != tt.text {
						t.Errorf("arguments %q, want %q", got, tt.text)
					}
					return
				}
				if rec.Verdict != exchange.Stop || len(rec.Findings) == 0 {
					t.Errorf("verdict %s, findings %v", rec.Verdict, rec.Findings)
				}
				for _, f := range rec.Findings {
					if f.Entry == "b2" && (f.End > len(tt.text) || !strings.Contains(unescaped(tt.text[f.Start:f.End]), "禁")) {
						t.Errorf("finding at %d-%d", f.Start, f.End)
					}
				}
				if got := r.arguments(t, s); s && got != tt.shown || !s && strings.Contains(unescaped(got), "售") {
					t.Errorf("shown …%q, want …%q", tail([]byte(got), 40), tail([]byte(tt.shown), 40))
				}
			})
		}
	}
}

// harmless is so many characters, no two runs of them alike.
func harmless(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteRune('一' + rune(i*i%977))
	}
	return b.String()
}

// arguments are those of the tool's call.
func (r reply) arguments(t *testing.T, stream bool) string {
	if stream {
		return r.stream(t).arguments
	}
	var a struct {
		Choices []struct {
			Message struct {
				ToolCalls []struct{ Function struct{ Arguments string } } `json:"tool_calls"`
			}
		}
	}
	if json.Unmarshal([]byte(r.body), &a) != nil || len(a.Choices) != 1 || len(a.Choices[0].Message.ToolCalls) == 0 {
		return ""
	}
	return a.Choices[0].Message.ToolCalls[0].Function.Arguments
}

// What is shown of a text with escapes depends on the text alone too, and says nothing that the lexicon blocks.
func TestEscapedChunkInvariance(t *testing.T) {
	var pieces atomic.Pointer[[]string]
	h := setup(t, func(w http.ResponseWriter, r *http.Request) { sayInTool(w, true, *pieces.Load()) }, func(s *service.Service) { s.Label = label.UI })
	parts := []string{`\u7981`, `\u679c`, `\u51fa\u552e`, `\u`, "u7981", `\ud83d`, `\ude00`, `禁果\u51fa`, `\u0041`, "forbidden fruit", "禁果出售", "禁", "果", "出", "售", `\\`, `"`, " ", "。", "plain ", "\u202e", "&#31105;", "&#26524", "&#x51fa;&#552e;", "&", "&#", "&nbsp;", "&amp", "\u202e售出果禁", "\u202c", "\n", "售出", "果禁"}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 12).Draw(t, "text"), "")
		run := func(p []string) (streamed, exchange.Record) {
			pieces.Store(&p)
			r := h.chat("hi", true)
			return r.stream(h.t), h.record(r)
		}
		whole, want := run([]string{text})
		cut, got := run(cutRunes(text, rapid.SliceOfN(rapid.IntRange(1, 9), 0, 40).Draw(t, "runes")))
		if whole.arguments != cut.arguments || whole.finish != cut.finish || want.Verdict != got.Verdict {
			t.Fatalf("text %q\nwhole %q %s %s\ncut   %q %s %s", text, whole.arguments, whole.finish, want.Verdict, cut.arguments, cut.finish, got.Verdict)
		}
		if !strings.HasPrefix(text, cut.arguments) || got.Verdict == exchange.Allow && cut.arguments != text {
			t.Fatalf("text %q shown %q (%s)", text, cut.arguments, got.Verdict)
		}
		reads := unescaped(text)
		if strings.Contains(text, override) { // what is turned round begins with what comes last
			reads = unescaped(cut.arguments)
		}
		for shown, all := range map[string]string{cut.arguments: text, unescaped(cut.arguments): reads} {
			for _, f := range h.gateway.o.Lexicon().Scan([]byte(all)) {
				if f.Tier == "block" && f.End <= len(shown) {
					t.Fatalf("leaked: %q", cut.arguments)
				}
			}
		}
	})
}

// unescaped is what a reader sees of a text with \u escapes and overrides.
func unescaped(text string) string {
	var out strings.Builder
	for len(text) > 0 {
		if strings.HasPrefix(text, override) {
			n, _ := decode.Turned([]byte(text), false)
			out.Write(decode.Seen([]byte(text[:n])))
			text = text[n:]
			continue
		}
		if r, n, state := escape([]byte(text)); state == escapeWhole || state == escapeOpen && n == len(text) && n > 0 {
			out.WriteRune(r)
			text = text[n:]
			continue
		}
		_, n := utf8.DecodeRuneInString(text)
		out.WriteString(text[:n])
		text = text[n:]
	}
	return out.String()
}
