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

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/service"
)

// providerNos are refusals in the shapes of providers; upstream/refusals_test.go has one for every row.
var providerNos = []struct {
	name   string
	status int
	body   string
	row    string
}{
	{"DeepSeek", 400, `{"error":{"message":"Content Exists Risk","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}`, "deepseek"},
	{"DashScope", 400, `{"error":{"code":"data_inspection_failed","message":"Input data may contain inappropriate content.","type":"data_inspection_failed"}}`, "dashscope-input"},
	{"wrapped in a 500", 500, `{"error":{"message":"provider said: {\"error\":{\"message\":\"Content Exists Risk\"}}"}}`, "deepseek"},
	{"wrapped in a 403", 403, `{"error":{"message":"Content Exists Risk"}}`, "deepseek"},
	{"wrapped in a 429", 429, `{"error":{"message":"considered high risk","type":"content_filter"}}`, "moonshot"},
	{"inside a 200", 200, `{"choices":null,"base_resp":{"status_code":1026,"status_msg":"input new_sensitive"}}`, "minimax-input"},
	{"error inside a 200", 200, `{"error":{"message":"Content Exists Risk"}}`, "deepseek"},
	{"empty stop", 200, `{"id":"c","object":"chat.completion","created":1,"model":"real","choices":[{"index":0,"message":{"role":"assistant","content":""},"finish_reason":"content_filter"}]}`, "content_filter"},
	{"empty stop without content", 200, `{"id":"c","object":"chat.completion","created":1,"model":"real","choices":[{"index":0,"message":{"role":"assistant","content":null},"finish_reason":"sensitive"}]}`, "zhipu-finish"},
}

// TestProvidersRefusalIsAVerdict: one call, our shape, recorded, in chat and in error mode.
func TestProvidersRefusalIsAVerdict(t *testing.T) {
	for _, x := range providerNos {
		var calls atomic.Int64
		h := setup(t, func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(x.status)
			_, _ = io.WriteString(w, x.body)
		}, nil)
		r := h.chat("写一首诗", false)
		if r.status != 200 || !strings.HasPrefix(r.content(), "抱歉") || !strings.Contains(r.body, `"finish_reason":"content_filter"`) || !strings.Contains(r.body, `"verdict":"upstream_refused"`) ||
			!strings.Contains(r.body, "/dispute?exchange=") || strings.Contains(strings.ToLower(r.body), "risk\"") {
			t.Errorf("%s: %d %s", x.name, r.status, r.body)
		}
		rec := h.record(r)
		if rec.Verdict != exchange.UpstreamRefused || rec.Outcome != exchange.Complete || rec.Provider != x.row || rec.Code != "content_filter" || rec.Output != "" || rec.Label != "none" || len(rec.Turns) != 1 {
			t.Errorf("%s: %+v", x.name, rec)
		}
		r = h.chat("write a poem", false, "X-Hegui-Refusal", "error")
		if x.status != 200 && (r.status != 400 || r.code() != "content_filter" || r.header.Get("Retry-After") != "" || r.header.Get("X-Should-Retry") != "false") {
			t.Errorf("%s as an error: %d %v %s", x.name, r.status, r.header, r.body)
		}
		if calls.Load() != 2 {
			t.Errorf("%s: %d calls", x.name, calls.Load())
		}
		for range 20 {
			h.chat("again", false)
		}
		if health := h.gateway.o.Pool.Health()[0]; health.Open || health.Failures != 0 {
			t.Errorf("%s: %+v", x.name, health)
		}
	}
}

// TestProvidersRefusalInsideAStream: before anything was shown, after something was, and as an error event.
func TestProvidersRefusalInsideAStream(t *testing.T) {
	chunk := func(delta, finish string) string {
		return `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + finish + `}]}` + "\n\n"
	}
	for _, x := range []struct {
		name, stream, shows, lacks string
	}{
		{"empty stop", chunk(`{"role":"assistant","content":""}`, "null") + chunk(`{}`, `"content_filter"`) + "data: [DONE]\n\n", "抱歉", "开头"},
		{"an error first", `data: {"error":{"code":"data_inspection_failed","message":"Output data may contain inappropriate content."}}` + "\n\n", "抱歉", "开头"},
		{"an error later", chunk(`{"role":"assistant","content":"开头的话，"}`, "null") + `data: {"error":{"code":"data_inspection_failed","message":"Output data may contain inappropriate content."}}` + "\n\n", "开头的话，", ""},
		{"a stop later", chunk(`{"role":"assistant","content":"开头的话，"}`, "null") + chunk(`{}`, `"sensitive"`) + "data: [DONE]\n\n", "开头的话，", "抱歉"},
	} {
		h := setup(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, x.stream)
		}, nil)
		r := h.chat("写一首诗", true)
		s := r.stream(t)
		if !strings.Contains(s.content, x.shows) || x.lacks != "" && strings.Contains(s.content, x.lacks) || s.failure != "" || s.finish != "content_filter" && s.finish != "sensitive" || !s.done || !strings.Contains(r.body, `"verdict":"upstream_refused"`) {
			t.Errorf("%s: %+v\n%s", x.name, s, r.body)
		}
		rec := h.record(r)
		if rec.Verdict != exchange.UpstreamRefused || rec.Outcome != exchange.Complete || (rec.Output != "") != strings.HasPrefix(x.shows, "开头") || (rec.Label == "text") != (rec.Output != "") {
			t.Errorf("%s: %+v", x.name, rec)
		}
	}
}

// touchy is a provider that refuses every conversation with a certain word anywhere in it, as providers do.
func touchy(word string, calls *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), word) {
			w.WriteHeader(400)
			_, _ = io.WriteString(w, providerNos[0].body)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		says("好的，这是回答。")(w, r)
	}
}

// chats is a client that sends the whole conversation each time and keeps what it got, refusals too; it tells which of its
// turns were answered. An error keeps the user's turn and has no answer to keep, unless the client drops it.
func chats(turns int, say func(i int) string, post func(body string) reply) (answered []bool) {
	var history []message
	for i := range turns {
		history = append(history, message{"user", say(i)})
		r := post(conversationBody(history...))
		text := r.content()
		answered = append(answered, r.status == 200 && strings.Contains(text, "这是回答"))
		if r.status == 200 {
			history = append(history, message{"assistant", text})
		}
	}
	return answered
}

// TestConversationsHeal: turn 5 of 20 is refused, by the provider or by us, and turns 6 to 20 are answered; the model never sees
// the refused words again. A proxy that does not heal, which is what the provider alone is, answers nothing after turn 5.
func TestConversationsHeal(t *testing.T) {
	for name, word := range map[string]string{"the provider minds it": "敏感话题", "we mind it": "禁果出售"} {
		say := func(i int) string {
			if i == 4 {
				return "请说说" + word
			}
			return fmt.Sprint("第", i, "个普通问题")
		}
		for _, headers := range [][]string{nil, {"X-Hegui-Refusal", "error"}} {
			var calls atomic.Int64
			h := ruled(t, noRow, touchy("敏感话题", &calls), nil)
			var last exchange.Record
			for i, ok := range chats(20, say, func(body string) reply {
				r := h.post("/v1/chat/completions", body, headers...)
				last = h.record(r)
				return r
			}) {
				if ok != (i != 4) {
					t.Errorf("%s %v: turn %d answered: %t", name, headers, i+1, ok)
				}
			}
			if last.Healed != 1 || last.Verdict != exchange.Allow {
				t.Errorf("%s %v: %+v", name, headers, last)
			}
			for len(h.seen) > 1 {
				<-h.seen
			}
			if body := string(<-h.seen); strings.Contains(body, word) || !strings.Contains(body, "已略去") || !strings.Contains(body, "第18个普通问题") {
				t.Errorf("%s: the model saw %s", name, body)
			}
		}
		for _, mode := range []string{"refuse", "pass"} { // what the service declares holds
			var calls atomic.Int64
			h := ruled(t, noRow, touchy("敏感话题", &calls), func(s *service.Service) { s.History = mode })
			for i, ok := range chats(8, say, func(body string) reply { return h.post("/v1/chat/completions", body) }) {
				if ok != (i < 4) {
					t.Errorf("%s, %s: turn %d answered: %t", name, mode, i+1, ok)
				}
			}
			if want := map[string]int64{"refuse": 5, "pass": 8}[mode]; name == "the provider minds it" && calls.Load() != want {
				t.Errorf("%s: %d calls", mode, calls.Load())
			}
		}
	}
	var calls atomic.Int64
	bare := chats(8, func(i int) string {
		if i == 4 {
			return "敏感话题"
		}
		return "普通"
	}, func(body string) reply {
		w := &written{header: http.Header{}}
		r, _ := http.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		touchy("敏感话题", &calls)(w, r)
		return reply{status: max(w.status, 200), body: w.body.String()}
	})
	for i, ok := range bare {
		if ok != (i < 4) {
			t.Errorf("without healing: turn %d answered: %t", i+1, ok)
		}
	}
}

// written is a response writer of the simplest kind.
type written struct {
	header http.Header
	body   strings.Builder
	status int
}

func (r *written) Header() http.Header         { return r.header }
func (r *written) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *written) WriteHeader(status int)      { r.status = status }

// TestWhatHealingLeavesAlone: the newest turn is judged, system prompts and unanswered turns are not history, other users'
// refusals are not one's own, words refused for what stood before them are harmless elsewhere.
func TestWhatHealingLeavesAlone(t *testing.T) {
	var calls atomic.Int64
	h := ruled(t, noRow, touchy("敏感话题", &calls), nil)
	h.accept("bob")
	refused := func(who string, turns ...message) bool {
		r := h.post("/v1/chat/completions", conversationBody(turns...), "X-Hegui-User", who)
		return h.record(r).Verdict != exchange.Allow
	}
	bad, ok := message{"user", "要禁果出售"}, message{"assistant", "好"}
	if !refused("alice", bad) {
		t.Fatal("passed")
	}
	for name, x := range map[string]struct {
		refused bool
		turns   []message
	}{
		"newest":           {true, []message{{"user", "你好"}, ok, bad}},
		"system prompt":    {true, []message{{"system", "要禁果出售"}, {"user", "你好"}, ok, {"user", "再见"}}},
		"not answered":     {true, []message{{"user", "你好"}, {"user", "禁果出售了"}, {"user", "再见"}}},
		"history":          {false, []message{bad, ok, {"user", "再见"}}},
		"the model's":      {false, []message{{"user", "你好"}, {"assistant", "禁果出售"}, {"user", "再见"}}},
		"over two turns":   {false, []message{{"user", "禁果"}, ok, {"user", "出售"}, ok, {"user", "再见"}}},
		"refused before":   {false, []message{bad, {"user", "再见"}}},
		"said again":       {true, []message{bad, ok, {"user", "再见"}, ok, bad}},
		"several neutered": {false, []message{bad, ok, bad, ok, {"user", "禁果出售！"}, ok, {"user", "再见"}}},
	} {
		if got := refused("alice", x.turns...); got != x.refused {
			t.Errorf("%s: refused %t", name, got)
		}
	}
	if named := `{"model":"m","messages":[{"role":"user","content":"平常的话","name":"禁果出售"}]}`; h.record(h.post("/v1/chat/completions", named)).Verdict != exchange.Refuse {
		t.Fatal("a name passed")
	}
	if rec := h.record(h.post("/v1/chat/completions", conversationBody(message{"user", "平常的话"}, ok, message{"user", "再见"}))); rec.Healed != 0 {
		t.Errorf("harmless words beside a refused name were left out: %+v", rec)
	}
	h.chat("敏感话题的前文", false)
	if !refused("alice", message{"user", "敏感话题甲"}) || refused("alice", message{"user", "敏感话题甲"}, message{"assistant", "？"}, message{"user", "换个话题"}) {
		t.Error("what the provider refused alice did not heal")
	}
	if !refused("bob", message{"user", "敏感话题甲"}, message{"assistant", "？"}, message{"user", "换个话题"}) {
		t.Error("alice's refusal healed bob's conversation")
	}
	if !refused("alice", message{"user", "禁果"}, ok, message{"user", "出售"}) {
		t.Fatal("an entry over two turns passed")
	}
	r := h.post("/v1/chat/completions", conversationBody(message{"user", "房子"}, ok, message{"user", "出售"}, ok, message{"user", "谢谢"}))
	if rec := h.record(r); rec.Healed != 0 || rec.Verdict != exchange.Allow {
		t.Errorf("harmless words were taken for refused ones: %+v", rec)
	}
}

// TestHealedRequestsStayWhole: parts, tool calls and names keep their shape, so that providers take them.
func TestHealedRequestsStayWhole(t *testing.T) {
	h := ruled(t, noRow, says("好的，这是回答。"), nil)
	body := `{"model":"m","messages":[
		{"role":"user","content":[{"type":"text","text":"先说一句"},{"type":"text","text":"禁果出售"}]},
		{"role":"assistant","content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"shop","arguments":"{\"what\":\"禁果出售\"}"}}]},
		{"role":"tool","tool_call_id":"t1","content":"禁果出售 13812345678"},
		{"role":"assistant","content":"好"},
		{"role":"user","content":"谢谢"}]}`
	r := h.post("/v1/chat/completions", body)
	if rec := h.record(r); r.status != 200 || rec.Healed != 3 || rec.Verdict != exchange.Mask && rec.Verdict != exchange.Allow {
		t.Fatalf("%d %s %+v", r.status, r.body, rec)
	}
	var sent struct {
		Messages []struct {
			Role      string
			Content   any
			ToolCalls []struct {
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
		}
	}
	got := <-h.seen
	must(t, json.Unmarshal(got, &sent))
	if strings.Contains(string(got), "禁果") || strings.Contains(string(got), "13812345678") || len(sent.Messages) != 5 ||
		sent.Messages[1].ToolCalls[0].Function.Name != "shop" || sent.Messages[1].ToolCalls[0].Function.Arguments != "{}" || sent.Messages[4].Content != "谢谢" {
		t.Errorf("%s", got)
	}
}

// TestHealingTakesWhatToolsBrought: the answer to a refused turn may be a call of a tool, what it brought, and then words: none of it is shown.
func TestHealingTakesWhatToolsBrought(t *testing.T) {
	h := ruled(t, noRow, says("fine"), nil)
	r := h.post("/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"禁果出售"},
		{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"q\":1}"}}]},
		{"role":"tool","tool_call_id":"1","content":"第一步"},{"role":"assistant","content":"这是办法"},{"role":"user","content":"继续说别的"}]}`)
	got := string(<-h.seen)
	if rec := h.record(r); rec.Verdict != exchange.Allow || rec.Healed == 0 || strings.Contains(got, "第一步") || strings.Contains(got, "办法") || !strings.Contains(got, "继续说别的") {
		t.Errorf("%s: %s", rec.Verdict, got)
	}
}

// TestRefusedTurnsAreForgottenWithTheContent: no longer than content is kept.
func TestRefusedTurnsAreForgottenWithTheContent(t *testing.T) {
	var calls atomic.Int64
	h := ruled(t, noRow, touchy("敏感话题", &calls), nil)
	h.chat("敏感话题", false)
	conversation := conversationBody(message{"user", "敏感话题"}, message{"assistant", "？"}, message{"user", "换个话题"})
	if rec := h.record(h.post("/v1/chat/completions", conversation)); rec.Healed != 1 {
		t.Fatalf("%+v", rec)
	}
	_, err := h.exchanges.Purge(t.Context(), "demo", time.Now().Add(time.Hour))
	must(t, err)
	if rec := h.record(h.post("/v1/chat/completions", conversation)); rec.Verdict != exchange.UpstreamRefused {
		t.Errorf("%+v", rec)
	}
}
