package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hegui/hegui/answers"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/service"
)

// answering is a gateway with approved answers.
func answering(t *testing.T, row string, model http.HandlerFunc, change func(*service.Service), list ...answers.Answer) (*harness, *answers.Register) {
	t.Helper()
	h := ruled(t, row, model, change)
	register, err := answers.Open(context.Background(), h.db, h.journal)
	must(t, err)
	for _, a := range list {
		a.Source = "规则"
		_, err := register.Set(context.Background(), journal.Actor{Kind: "staff", ID: "ann"}, a)
		must(t, err)
		_, err = register.Approve(context.Background(), journal.Actor{Kind: "staff", ID: "ben"}, a.ID, 0)
		must(t, err)
	}
	h.gateway.o.Answers = register
	return h, register
}

var refund = answers.Answer{ID: "refund", Questions: []string{"怎么申请退款", "How do I get a refund?"}, ZH: "请在订单页点击退款，7天内可以申请。", EN: "Press refund on the order page within 7 days."}

// TestApprovedAnswersAreGiven word for word, labelled and recorded like every answer, without asking the model; in either
// language, whole and as a stream, at the end of a long conversation.
func TestApprovedAnswersAreGiven(t *testing.T) {
	var calls atomic.Int64
	model := func(w http.ResponseWriter, r *http.Request) { calls.Add(1); says("模型的话")(w, r) }
	h, register := answering(t, noRow, model, nil, refund)
	for question, want := range map[string]string{"请问怎么申请退款呀？": refund.ZH, "How can I get a refund please": refund.EN} {
		r := h.chat(question, false)
		if text := r.content(); !strings.HasSuffix(text, want) || len(text) == len(want) || !strings.Contains(r.body, `"finish_reason":"stop"`) {
			t.Errorf("%s: %s", question, r.body)
		}
		rec := h.record(r)
		if rec.Answer != "refund@1" || rec.Label != "text" || rec.Verdict != exchange.Allow || rec.Route != answersTarget || rec.Output == "" || rec.Tries != 0 {
			t.Errorf("%+v", rec)
		}
		r = h.chat(question, true)
		if s := r.stream(t); !strings.HasSuffix(s.content, want) || !s.done || s.finish != "stop" || s.chunks < 3 {
			t.Errorf("%s: %s", question, r.body)
		}
		if rec := h.record(r); rec.Answer != "refund@1" || rec.Label != "text" || rec.Outcome != exchange.Complete {
			t.Errorf("%+v", rec)
		}
	}
	r := h.post("/v1/chat/completions", conversationBody(message{"user", "你好"}, message{"assistant", "你好"}, message{"user", "怎么申请退款"}))
	if !strings.HasSuffix(r.content(), refund.ZH) {
		t.Error(r.body)
	}
	if calls.Load() != 0 {
		t.Errorf("the model was asked %d times", calls.Load())
	}
	for _, body := range []string{
		conversationBody(message{"user", "怎么撤销退款"}), conversationBody(message{"user", "怎么申请退款"}, message{"assistant", "好"}, message{"user", "还有呢"}),
		conversationBody(message{"user", "怎么申请退款" + strings.Repeat("，我在上周买了一件衣服", 30)}),
		`{"model":"m","response_format":{"type":"json_object"},"messages":[{"role":"user","content":"怎么申请退款"}]}`,
		`{"model":"m","n":2,"messages":[{"role":"user","content":"怎么申请退款"}]}`,
		conversationBody(message{"user", "怎么申请退款"}, message{"assistant", "x"}, message{"tool", "结果"}),
	} {
		before := calls.Load()
		if rec := h.record(h.post("/v1/chat/completions", body)); rec.Answer != "" || calls.Load() != before+1 {
			t.Errorf("%s was answered by %s", body, rec.Answer)
		}
	}
	_, err := register.Retire(t.Context(), journal.Actor{Kind: "staff", ID: "ann"}, "refund", 0, "过期")
	must(t, err)
	if rec := h.record(h.chat("怎么申请退款", false)); rec.Answer != "" {
		t.Errorf("a retired answer was given: %+v", rec)
	}
}

// TestApprovedAnswersFollowTheService: observe records, off does nothing, and what the guards refuse is not answered.
func TestApprovedAnswersFollowTheService(t *testing.T) {
	for mode, want := range map[string]string{"observe": "observed refund@1", "off": ""} {
		h, _ := answering(t, noRow, says("模型的话"), func(s *service.Service) { s.Answers.Act = mode }, refund)
		r := h.chat("怎么申请退款", false)
		if rec := h.record(r); rec.Answer != want || !strings.HasSuffix(r.content(), "模型的话") {
			t.Errorf("%s: %+v", mode, rec)
		}
	}
	banned := refund
	banned.Questions = []string{"哪里有禁果出售"}
	h, _ := answering(t, noRow, says("x"), nil, banned)
	if rec := h.record(h.chat("哪里有禁果出售", false)); rec.Verdict != exchange.Refuse || rec.Answer != "" {
		t.Errorf("%+v", rec)
	}
	bad := refund
	bad.ZH = "请购买，禁果出售。" // an approved text is screened like every answer
	h, _ = answering(t, noRow, says("x"), nil, bad)
	if r := h.chat("怎么申请退款", false); strings.Contains(r.body, "禁果出售") || h.record(r).Verdict != exchange.Stop {
		t.Error(r.body)
	}
}

// TestGuidanceIsApproved: where the policy guides, the approved answer to the question stands in for the fixed text, or the one for
// the risk.
func TestGuidanceIsApproved(t *testing.T) {
	row := "{name: care, category: [A1f], direction: [in], action: guide, reason: care, text_zh: 固定的话, text_en: fixed}"
	own := answers.Answer{ID: "own", Questions: []string{"禁果是什么"}, ZH: "这是专门的回答。"}
	all := answers.Answer{ID: "all", Questions: []string{"A1f"}, Risk: "A1f", ZH: "这是这类问题的回答。"}
	h, _ := answering(t, row, says("x"), nil, own, all)
	for question, want := range map[string]struct{ text, ref string }{"禁果是什么": {own.ZH, "own@1"}, "说说禁果的历史故事": {all.ZH, "all@1"}} {
		r := h.chat(question, false)
		if rec := h.record(r); r.content() != want.text || rec.Verdict != exchange.Guide || rec.Answer != want.ref {
			t.Errorf("%s: %s %+v", question, r.content(), rec)
		}
	}
	h, _ = answering(t, row, says("x"), nil)
	if r := h.chat("说说禁果的历史故事", false); r.content() != "固定的话" {
		t.Error(r.body)
	}
}

// TestNearQuestionsAreDrafted from the approved text; a draft that says something else, a model that fails or says that the text does not
// fit leave the question to the model's own answer.
func TestNearQuestionsAreDrafted(t *testing.T) {
	near := "平台会收集我的哪些个人信息"
	a := answers.Answer{ID: "privacy", Questions: []string{"你们会收集哪些个人信息"}, ZH: "我们只收集注册时的手机号和您主动填写的内容，不收集通讯录。"}
	for draft, given := range map[string]bool{
		"平台只收集注册时的手机号和您主动填写的内容，不收集通讯录。": true,
		"平台收集注册时的手机号和您主动填写的内容，也收集通讯录。":  false, // negates
		"平台只收集注册时的手机号和3份证件，不收集通讯录。":     false, // a number of its own
		"天气很好，不如出去走走，看看山，看看水。":          false,
		answers.NotFitting: false,
		"":                 false,
	} {
		var asked []string
		h, _ := answering(t, noRow, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), "批准文本") {
				asked = append(asked, string(body))
				q, _ := json.Marshal(draft)
				_, _ = fmt.Fprintf(w, `{"choices":[{"message":{"role":"assistant","content":%s}}]}`, q)
				return
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			says("模型自己的话")(w, r)
		}, func(s *service.Service) { s.Answers = service.Answers{Near: "draft", Model: "m"} }, a)
		r := h.chat(near, false)
		rec := h.record(r)
		if given && (!strings.HasSuffix(r.content(), draft) || rec.Answer != "privacy@1 draft") || !given && (!strings.HasSuffix(r.content(), "模型自己的话") || rec.Answer != "not given privacy@1") || len(asked) != 1 {
			t.Errorf("%q: %s %+v", draft, r.content(), rec.Answer)
		}
	}
}

// TestApprovedAnswersThroughTheScreeningAPI: the application is told which answer to give, and the record says so; other questions, and
// shapes that have no place for one, get none.
func TestApprovedAnswersThroughTheScreeningAPI(t *testing.T) {
	h, _ := answering(t, noRow, says("x"), nil, refund)
	r, a := h.slice("q", 0, "请问怎么申请退款呀？", true, "direction", "in")
	if a.Verdict != "allow" || a.Approved == nil || *a.Approved != (ScreenApproved{"refund", 1, refund.ZH}) {
		t.Fatalf("%s", r.body)
	}
	if rec, _, err := h.exchanges.Get(t.Context(), a.Exchange); err != nil || rec.Answer != "refund@1" {
		t.Errorf("%+v, %v", rec, err)
	}
	if again, _ := h.slice("q", 0, "请问怎么申请退款呀？", true, "direction", "in"); again.body != r.body {
		t.Errorf("again %s", again.body)
	}
	if r, a := h.slice("q2", 0, "怎么撤销退款", true, "direction", "in"); a.Approved != nil {
		t.Errorf("%s", r.body)
	}
	if r, a := h.slice("q3", 0, a.Approved.Text, true); a.Text != refund.ZH || a.Label == nil || a.Approved != nil {
		t.Errorf("%s", r.body)
	}
	r = h.post("/v1/moderations", `{"input":"怎么申请退款"}`)
	if rec := h.record(r); r.status != 200 || rec.Detached == "" || rec.Answer != "" {
		t.Errorf("%d %+v", r.status, rec)
	}
}

// TestApprovedAnswersThroughAdapters: Dify shows them as its preset response, the plug-ins that speak Alibaba's shapes in place of what they
// block; each is judged as an answer before, and both exchanges are on record.
func TestApprovedAnswersThroughAdapters(t *testing.T) {
	worse := refund
	worse.ID, worse.ZH, worse.Questions = "worse", "这里有 forbidden fruit。", []string{"哪里有水果"}
	h, _ := answering(t, noRow, says("x"), nil, refund, worse)
	ask := func(query string) (r reply, a difyAnswer) {
		r = h.post("/v1/hegui/adapters/dify", `{"point":"app.moderation.input","params":{"app_id":"a","inputs":{},"query":"`+query+`"}}`)
		must(t, json.Unmarshal([]byte(r.body), &a))
		return r, a
	}
	r, a := ask("请问怎么申请退款呀？")
	if !a.Flagged || a.Action != "direct_output" || a.Preset != refund.ZH {
		t.Fatalf("Dify: %s", r.body)
	}
	if rec, _, err := h.exchanges.Get(t.Context(), a.Exchange); err != nil || rec.Answer != "refund@1" {
		t.Errorf("%+v, %v", rec, err)
	}
	if r, a := ask("怎么撤销退款"); a.Flagged {
		t.Errorf("another question: %s", r.body)
	}
	if r, a := ask("哪里有水果"); !a.Flagged || strings.Contains(a.Preset, "forbidden") {
		t.Errorf("an answer that the guards refuse: %s", r.body)
	}
	for _, p := range []*plugin{{h: h, action: "TextModerationPlus", services: [2]string{"llm_query_moderation", "llm_response_moderation"}},
		{h: h, action: "MultiModalGuard", services: [2]string{"query_security_check", "response_security_check"}}} {
		if shown, instead := p.passes(false, "怎么申请退款"); shown || instead != refund.ZH {
			t.Errorf("%s: %v %q: %s", p.action, shown, instead, p.last.body)
		}
		if shown, instead := p.passes(false, "怎么撤销退款"); !shown {
			t.Errorf("%s, another question: %q", p.action, instead)
		}
	}
}
