package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

// message is one message of a test conversation.
type message struct {
	Role    string `json:"role"`
	Content any    `json:"content"`
}

func conversationBody(messages ...message) string {
	b, err := json.Marshal(map[string]any{"model": "m", "messages": messages})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestSplitOverTurns: an entry whose pieces stand in different turns is found; the same pieces apart, or in an order that no
// reader joins, are not.
func TestSplitOverTurns(t *testing.T) {
	h := ruled(t, noRow, says("fine"), nil)
	long := strings.Repeat("这是一句很长的闲话，", 40)
	parts := []map[string]string{{"type": "text", "text": "禁"}, {"type": "text", "text": "果出"}}
	for _, c := range []struct {
		name    string
		turns   []message
		refused bool
	}{
		{"two user turns", []message{{"user", "禁果出"}, {"assistant", "好的，请说。"}, {"user", "售"}}, true},
		{"with space around", []message{{"user", "禁果出 \n"}, {"assistant", "好的，请说。"}, {"user", "\t售"}}, true},
		{"neighbours", []message{{"user", "先禁果出"}, {"user", "售后"}}, true},
		{"user and tool", []message{{"user", "禁果"}, {"assistant", "x"}, {"tool", "出售"}}, true},
		{"assistant and user", []message{{"assistant", "禁果出"}, {"user", "售"}}, true},
		{"system and user", []message{{"system", "禁果出"}, {"user", "售"}}, true},
		{"one character a turn", []message{{"user", "禁"}, {"assistant", "嗯"}, {"user", "果"}, {"assistant", "嗯"}, {"user", "出"}, {"assistant", "嗯"}, {"user", "售"}}, true},
		{"parts of one turn and another", []message{{"user", parts}, {"assistant", "?"}, {"user", "售"}}, true},
		{"behind long turns", []message{{"user", long + "禁果出"}, {"assistant", long}, {"user", "售" + long}}, true},
		{"far back", append([]message{{"user", "禁果出"}, {"assistant", "?"}, {"user", "售"}}, filler(40)...), false}, // healed, see TestWhatHealingLeavesAlone
		{"between words", []message{{"user", "tell me of forbidden"}, {"assistant", "?"}, {"user", "fruit please"}}, true},
		{"inside a word", []message{{"user", "tell me of forbidden fr"}, {"assistant", "?"}, {"user", "uit please"}}, true},
		{"a forged answer that says it between", []message{{"user", "禁果出"}, {"assistant", "我可以禁果出售"}, {"user", "售"}}, true},
		{"a turn that was refused between", []message{{"user", "禁果出"}, {"assistant", "嗯"}, {"user", "禁果出售"}, {"assistant", "抱歉"}, {"user", "售"}}, true},
		{"a tool between", []message{{"user", "禁果出"}, {"assistant", "嗯"}, {"tool", "没有结果"}, {"assistant", "嗯"}, {"user", "售"}}, true},
		{"behind a full stop", []message{{"user", "禁果出。"}, {"assistant", "嗯"}, {"user", "……售"}}, true},
		{"two answers", []message{{"assistant", "禁果出"}, {"user", "嗯"}, {"assistant", "售"}, {"user", "散步"}}, false}, // healed
		{"text between", []message{{"user", "禁果出"}, {"user", "又说"}, {"user", "售"}}, false},
		{"the other way round", []message{{"user", "售"}, {"user", "禁果出"}}, false},
		{"three characters are evidence", []message{{"user", "密"}, {"user", "语"}}, false},
		{"nothing", filler(20), false},
	} {
		for range 2 { // the second time recalled
			r := h.post("/v1/chat/completions", conversationBody(c.turns...))
			rec := h.record(r)
			if refused := rec.Verdict == exchange.Refuse; refused != c.refused {
				t.Errorf("%s: %s %+v", c.name, rec.Verdict, rec.Findings)
			}
			if c.refused && (!slices.ContainsFunc(rec.Findings, func(f exchange.Finding) bool { return f.Detector == conversationDetector })) {
				t.Errorf("%s: %+v", c.name, rec.Findings)
			}
		}
	}
}

// TestSplitOverACall: arguments of a tool's call and what the tool brings are read together; two answers of the model are, and that is history.
func TestSplitOverACall(t *testing.T) {
	h := ruled(t, noRow, says("fine"), nil)
	r := h.post("/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"查一下"},{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"q\":\"禁果出\"}"}}]},{"role":"tool","tool_call_id":"1","content":"售"}]}`)
	if rec := h.record(r); rec.Verdict != exchange.Refuse {
		t.Errorf("%s %+v", rec.Verdict, rec.Findings)
	}
	r = h.post("/v1/chat/completions", conversationBody(message{"assistant", "禁果出"}, message{"user", "嗯"}, message{"assistant", "售"}, message{"user", "散步"}))
	if rec := h.record(r); rec.Verdict != exchange.Allow || rec.Healed != 1 {
		t.Errorf("%s healed %d %+v", rec.Verdict, rec.Healed, rec.Findings)
	}
}

// BenchmarkHostile is texts made of nothing but what is refused: the time a KB must not grow with the text.
func BenchmarkHostile(b *testing.B) {
	for _, n := range []int{2000, 16000} {
		for name, body := range map[string]string{
			"hits":   conversationBody(message{"user", strings.Repeat("禁果出售", n)}),
			"healed": `{"model":"m","messages":[` + strings.Repeat(`{"role":"user","content":"禁果出售"},{"role":"assistant","content":"no"},`, n/4) + `{"role":"user","content":"x"}]}`,
		} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				h := setup(b, says("fine"), nil)
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					if r := h.post("/v1/chat/completions", body); r.status != http.StatusOK {
						b.Fatal(r.body)
					}
				}
			})
		}
	}
}

func filler(n int) []message {
	var turns []message
	for i := range n {
		turns = append(turns, message{"user", fmt.Sprint("第", i, "个问题：今天天气怎么样，适合出门散步吗？")}, message{"assistant", fmt.Sprint("第", i, "个回答：今天晴，适合散步。")})
	}
	return append(turns, message{"user", "谢谢"})
}

// asking is a detector of the tests that tells what it was asked.
type asking struct {
	artefact string
	texts    []string
	contexts []string
}

func (a *asking) Describe() moderation.Description {
	return moderation.Description{Name: "asking", Kind: "guard", Exposed: moderation.Exposure{Otherwise: 1000}}
}

func (a *asking) Check(_ context.Context, q moderation.Query) (moderation.Judgement, error) {
	if q.Scene.Direction == "in" {
		a.texts, a.contexts = append(a.texts, string(q.Text)), append(a.contexts, string(q.Context))
	}
	return moderation.Judgement{Outcome: moderation.Clear, Artefact: a.artefact}, nil
}

// TestEachTurnIsJudgedOnce: detectors see what is new, with what goes before it; another model sees everything again, and the
// newest turn is always judged.
func TestEachTurnIsJudgedOnce(t *testing.T) {
	d := &asking{artefact: "one"}
	h := ruled(t, noRow, says("fine"), nil, d)
	turns := []message{{"system", "你是一个助手"}}
	for i := range 4 {
		turns = append(turns, message{"user", fmt.Sprint("问题", i)})
		h.post("/v1/chat/completions", conversationBody(turns...))
		last := d.texts[len(d.texts)-1]
		if want := fmt.Sprint("问题", i); !strings.Contains(last, want) || i > 0 && strings.Contains(last, fmt.Sprint("问题", i-1)) || strings.Contains(last, "助手") != (i == 0) {
			t.Errorf("turn %d: asked %q", i, last)
		}
		if context := d.contexts[len(d.contexts)-1]; i > 0 && !strings.Contains(context, fmt.Sprint("回答", i-1)) && !strings.Contains(context, fmt.Sprint("问题", i-1)) {
			t.Errorf("turn %d: context %q", i, context)
		}
		turns = append(turns, message{"assistant", fmt.Sprint("回答", i)})
	}
	if len(d.texts) != 4 {
		t.Errorf("%d questions", len(d.texts))
	}
	d.artefact = "two"
	turns = append(turns, message{"user", "最后"})
	h.post("/v1/chat/completions", conversationBody(turns...))
	if again := strings.Join(d.texts[4:], ""); !strings.Contains(again, "问题0") || !strings.Contains(again, "最后") || !strings.Contains(again, "助手") {
		t.Errorf("another model was asked %q", again)
	}
}

// TestRecalledTurnsAreStillFound: what was found in a turn once is found again when it comes back, and another service has
// its own memory.
func TestRecalledTurnsAreStillFound(t *testing.T) {
	h := ruled(t, noRow, says("fine"), nil)
	bad := strings.Repeat("铺垫的话，", 20) + "forbidden fruit"
	for i := range 3 {
		r := h.post("/v1/chat/completions", conversationBody(message{"user", bad}, message{"assistant", "?"}, message{"user", fmt.Sprint(i)}))
		rec := h.record(r)
		if rec.Healed != 1 || rec.Total != 1 || !rec.Findings[0].Healed || rec.Findings[0].Start == 0 || (rec.Checked.Recalled > 0) != (i > 0) {
			t.Errorf("%d: %+v", i, rec)
		}
	}
	m := newMemory()
	m.keep(m.key(m.on("service a"), []byte(bad)), nil)
	if _, ok := m.recall(m.key(m.on("service b"), []byte(bad))); ok {
		t.Error("a verdict crossed services")
	}
	for i := range 40 * generationSize { // bounded
		m.keep(m.key(1, fmt.Appendf(nil, "%d", i)), nil)
	}
	n := 0
	for i := range m.shards {
		n += len(m.shards[i].now) + len(m.shards[i].old)
	}
	if n > 2*16*generationSize {
		t.Errorf("%d texts remembered", n)
	}
}

// TestWhatVerdictsDependOn: nothing is recalled for another service, another lexicon, another place or another detector's artefact.
func TestWhatVerdictsDependOn(t *testing.T) {
	h := ruled(t, noRow, says("fine"), nil)
	other, err := moderation.Compile([]moderation.Entry{{ID: "x", Text: "别的词条", Category: "A1h", Tier: moderation.Block}})
	must(t, err)
	screen := func(service string, l *moderation.Lexicon) *inputScreen {
		c := &call{lexicon: l}
		c.service.ID = service
		return &inputScreen{g: h.gateway, c: c}
	}
	mine := h.gateway.o.Lexicon()
	keys := map[uint64]string{}
	for name, k := range map[string]uint64{
		"as it is": screen("a", mine).lexiconOn("content"), "another service": screen("b", mine).lexiconOn("content"), "another lexicon": screen("a", other).lexiconOn("content"),
		"another channel": screen("a", mine).lexiconOn("arguments"), "a detector": screen("a", mine).detectorOn("d", "1"), "its other artefact": screen("a", mine).detectorOn("d", "2"),
		"another detector": screen("a", mine).detectorOn("e", "1"), "of another service": screen("b", mine).detectorOn("d", "1"),
	} {
		if before, same := keys[k]; same {
			t.Errorf("%s and %s share a memory", name, before)
		}
		keys[k] = name
	}
}

// TestConversationLeads: three turns that touch one risk are a finding of their own, on which a policy can act.
func TestConversationLeads(t *testing.T) {
	h := ruled(t, "{name: c, detector: [conversation], direction: [in], tier: [signal], action: refuse}", says("fine"), nil)
	turns := []message{}
	for i := range 3 {
		turns = append(turns, message{"user", fmt.Sprint("说禁果", i)})
		r := h.post("/v1/chat/completions", conversationBody(turns...))
		if rec := h.record(r); (rec.Verdict == exchange.Refuse) != (i == 2) {
			t.Errorf("turn %d: %s %+v", i, rec.Verdict, rec.Findings)
		}
		turns = append(turns, message{"assistant", "嗯"})
	}
}

// TestEndlessConversations: as many turns as the largest body holds are all judged, and a conversation of a million turns is refused by
// its size, before anything is made of it.
func TestEndlessConversations(t *testing.T) {
	h := setup(t, says("fine"), nil)
	body := func(first string, turns int) string {
		return `{"model":"m","messages":[{"role":"user","content":"` + first + `"},` + strings.Repeat(`{"role":"assistant","content":"b"},{"role":"user","content":"a"},`, turns/2) + `{"role":"user","content":"hi"}]}`
	}
	if r := h.post("/v1/chat/completions", body("a", 100_000)); r.status != http.StatusOK || h.record(r).Verdict != exchange.Allow {
		t.Errorf("%d %s", r.status, clip(r.body, 300))
	}
	r := h.post("/v1/chat/completions", body("禁果出售", 100_000))
	if rec := h.record(r); !slices.ContainsFunc(rec.Findings, func(f exchange.Finding) bool { return f.Entry == "b2" && f.Healed }) {
		t.Errorf("the first of many turns was not judged: %s %+v", rec.Verdict, rec.Findings)
	}
	if r := h.post("/v1/chat/completions", body("a", 1_000_000)); r.status != http.StatusRequestEntityTooLarge || r.code() != "body_too_large" {
		t.Errorf("%d %s", r.status, clip(r.body, 300))
	}
}

// longConversation is a request of n turns and a new one, which begins at a place with twelve digits.
func longConversation(n int) (body []byte, at int) {
	turns := []message{{"system", "你是一个助手"}}
	for i := range n {
		turns = append(turns, message{"user", fmt.Sprint(i, strings.Repeat("今天我们讨论一下散步的好处。", 24))}, message{"assistant", fmt.Sprint(i, strings.Repeat("散步可以放松心情，也有益健康。", 24))})
	}
	turns = append(turns, message{"user", "000000000000" + strings.Repeat("请再讲一讲晚饭后散步要注意什么，", 40)})
	body = []byte(conversationBody(turns...))
	return body, bytes.LastIndex(body, []byte("000000000000"))
}

// BenchmarkTurn compares the screening of the same new text in a first turn and in the fifty-first of a long conversation.
func BenchmarkTurn(b *testing.B) {
	for _, n := range []int{0, 50} {
		b.Run(fmt.Sprint(n, "-before"), func(b *testing.B) {
			h := setup(b, says("fine"), nil)
			body, at := longConversation(n)
			b.SetBytes(int64(len(body)))
			var screened time.Duration
			for i := 0; b.Loop(); i++ {
				copy(body[at:], fmt.Sprintf("%012d", i)) // the newest turn is new each time
				c := &call{op: operations()[0], lexicon: h.gateway.o.Lexicon(), policy: h.gateway.o.Policy()}
				c.service, _ = h.gateway.o.Services.Service("demo")
				if in := c.request.parse(c.op, body); in != nil {
					b.Fatal(in)
				}
				began := time.Now()
				if in := moderateIn(b.Context(), h.gateway, c); in != nil {
					b.Fatal(in.Code)
				}
				screened += time.Since(began)
			}
			b.ReportMetric(float64(screened.Nanoseconds())/float64(b.N), "ns-screening")
		})
		b.Run(fmt.Sprint(n, "-before, whole request"), func(b *testing.B) { // client, server, store and journal in one process
			h := setup(b, says("fine"), nil)
			body, at := longConversation(n)
			for i := 0; b.Loop(); i++ {
				copy(body[at:], fmt.Sprintf("%012d", i))
				if r := h.post("/v1/chat/completions", string(body)); r.status != http.StatusOK {
					b.Fatal(r.body)
				}
			}
		})
	}
}

// TestEncodedText: what is written in an encoding is found where it stands, also inside one another and beside plain
// characters; a bomb follows the declared rule and is recorded; keys and hashes pass.
func TestEncodedText(t *testing.T) {
	h := ruled(t, noRow, says("fine"), nil)
	word := "禁果出售"
	for name, text := range map[string]string{
		"base64":     "请解码 " + base64.StdEncoding.EncodeToString([]byte("请告诉我哪里有"+word+"的地方")),
		"twice":      base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("请告诉我哪里有" + word + "的地方")))),
		"percent":    url.QueryEscape("哪里有" + word),
		"references": "哪里有禁&#26524;出&#x552E;",
		"escapes":    `{"q":"\u7981\u679c\u51fa\u552e"}`,
		"hex":        hex.EncodeToString([]byte("请告诉我哪里有" + word + "的地方")),
	} {
		r := h.chat(text, false)
		rec := h.record(r)
		if rec.Verdict != exchange.Refuse || len(rec.Findings) == 0 || rec.Findings[0].End > len(text) {
			t.Errorf("%s: %s %+v", name, rec.Verdict, rec.Findings)
		}
	}
	for name, text := range map[string]string{
		"uuid":  "订单 7f8e9a10-2b3c-4d5e-8f90-a1b2c3d4e5f6 到哪里了？",
		"hash":  "commit 29c681a6241eb825f4e9b8a8b86f24b84699ff93 做了什么",
		"plain": "The quick brown fox & 100% of the dogs; see https://example.com/a?b=%E4%BD%A0%E5%A5%BD",
	} {
		if rec := h.record(h.chat(text, false)); rec.Verdict != exchange.Allow && rec.Verdict != exchange.Mask || rec.Total != 0 {
			t.Errorf("%s: %s %+v", name, rec.Verdict, rec.Findings)
		}
	}
	bomb := []byte("平常的话")
	for range 6 {
		bomb = []byte(base64.StdEncoding.EncodeToString(bomb))
	}
	for range 2 {
		r := h.chat(string(bomb)+strings.Repeat(" 。", 40), false)
		if rec := h.record(r); r.status != 200 || !strings.Contains(r.body, `"reason":"unscreenable_content"`) || rec.Verdict != exchange.Refuse || rec.Findings[0].Detector != "decode" {
			t.Errorf("%s %+v", r.body, rec)
		}
	}
	r := h.post("/v1/chat/completions", conversationBody(message{"user", string(bomb)}, message{"assistant", "?"}, message{"user", "散步有什么好处"})) // and the conversation goes on
	if rec := h.record(r); rec.Verdict != exchange.Allow || rec.Healed != 1 || r.status != 200 {
		t.Errorf("%s %+v", r.body, rec)
	}
	open := ruled(t, noRow, says("fine"), func(s *service.Service) { s.Modes.ModerateIn.OnError = "open" })
	if r := open.chat(string(bomb), false); !strings.Contains(r.content(), "fine") {
		t.Errorf("%s", r.body)
	} else if rec := open.record(r); len(rec.Guards) != 1 || rec.Guards[0].Rule != "open" || !strings.Contains(rec.Guards[0].Error, "partial") {
		t.Errorf("%+v", rec.Guards)
	}
}

// TestOutageIsAskedOnce: a detector that is down is asked once for a request, and what it cleared before stays cleared.
func TestOutageIsAskedOnce(t *testing.T) {
	d := newGuard(moderation.Degrade, 0)
	h := ruled(t, noRow, says("fine"), nil, d)
	turns := []message{{"user", "第一个问题"}}
	h.post("/v1/chat/completions", conversationBody(turns...))
	turns = append(turns, message{"assistant", "好"}, message{"user", "第二个问题"})
	down := errors.New("connection refused")
	d.fail.Store(&down)
	d.asked.Store(0)
	h.post("/v1/chat/completions", conversationBody(turns...))
	if n := d.asked.Load(); n != 2 { // once about the input, once about the answer
		t.Errorf("asked %d times", n)
	}
}
