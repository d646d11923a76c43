package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hegui/hegui/moderation"
)

// Alibaba Cloud's TextModerationPlus and MultiModalGuard (version 2022-03-02), as the plug-ins of Higress, APISIX and aisix speak it: a
// form, answered with a risk level. The access key id is a hegui key; the secret is not needed and a signature is not checked, for
// the key itself is sent and is the credential. These plug-ins let a text through when an answer is not Code 200, so whatever fails here is
// answered as the highest risk.

func (g *Gateway) alibabaRoutes() map[string]http.HandlerFunc {
	h := g.detachedCall("alibaba", g.alibaba, g.alibabaNo)
	return map[string]http.HandlerFunc{"/{$}": h, "/v1/hegui/adapters/alibaba": h, "/v1/hegui/adapters/alibaba/{$}": h}
}

// alibabaCall is what a plug-in sends.
type alibabaCall struct {
	key, action, service string
	content              string
	session              string
	images               bool
}

type alibabaResult struct {
	Label       string `json:"Label"`
	Description string `json:"Description,omitempty"`
	Confidence  int    `json:"Confidence"`
	Level       string `json:"Level,omitempty"`
	Ext         any    `json:"Ext,omitempty"`
}

type alibabaAdvice struct {
	Answer   string `json:"Answer"`
	HitLabel string `json:"HitLabel"`
}

type alibabaDetail struct {
	Type       string          `json:"Type"`
	Level      string          `json:"Level"`
	Suggestion string          `json:"Suggestion"`
	Result     []alibabaResult `json:"Result"`
}

type alibabaData struct {
	Suggestion     string          `json:"Suggestion,omitempty"`
	RiskLevel      string          `json:"RiskLevel,omitempty"`
	AttackLevel    string          `json:"AttackLevel,omitempty"`
	SensitiveLevel string          `json:"SensitiveLevel,omitempty"`
	Result         []alibabaResult `json:"Result,omitempty"`
	Advice         []alibabaAdvice `json:"Advice,omitempty"`
	Detail         []alibabaDetail `json:"Detail,omitempty"`
}

type alibabaAnswer struct {
	Code      int         `json:"Code"`
	Message   string      `json:"Message"`
	RequestID string      `json:"RequestId"`
	Data      alibabaData `json:"Data"`
}

// readAlibaba takes a call apart: parameters stand in the address, in the form, or in headers, by the version of the signature.
func readAlibaba(r *http.Request, body []byte) (alibabaCall, *Interruption) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return alibabaCall{}, problem(http.StatusBadRequest, "invalid_request", "", "the body is no form: "+err.Error())
	}
	get := func(names ...string) string {
		for _, name := range names {
			for _, v := range []string{form.Get(name), r.URL.Query().Get(name), r.Header.Get(name)} {
				if v != "" {
					return v
				}
			}
		}
		return ""
	}
	q := alibabaCall{action: get("Action", "X-Acs-Action"), service: get("Service"), key: get("AccessKeyId")}
	if _, rest, ok := strings.Cut(r.Header.Get("Authorization"), "Credential="); ok {
		q.key, _, _ = strings.Cut(rest, ",")
	}
	var p struct {
		Content   *string         `json:"content"`
		SessionID string          `json:"sessionId"`
		ChatID    string          `json:"chatId"`
		Images    json.RawMessage `json:"imageUrls"`
	}
	if err := json.Unmarshal([]byte(get("ServiceParameters")), &p); err != nil {
		return q, problem(http.StatusBadRequest, "invalid_request", "ServiceParameters", "the field ServiceParameters is no JSON object with the content: "+shape(err))
	}
	if p.Content == nil && len(p.Images) == 0 && get("ImageBase64Str") == "" {
		return q, problem(http.StatusBadRequest, "invalid_request", "ServiceParameters", "the field ServiceParameters has no content; send {\"content\": \"…\"}")
	}
	content := ""
	if p.Content != nil {
		content = *p.Content
	}
	q.content, q.session, q.images = content, p.SessionID, len(p.Images) > 0 || get("ImageBase64Str") != ""
	if q.session == "" {
		q.session = p.ChatID
	}
	return q, nil
}

func (g *Gateway) alibaba(ctx context.Context, c *call) *Interruption {
	if in := readBody(c.w, c.r, defaultMaxBody, &c.body); in != nil {
		return in
	}
	q, in := readAlibaba(c.r, c.body.Bytes())
	if in != nil {
		return in
	}
	c.alibaba = q.action
	c.r = c.r.Clone(ctx)
	c.r.Header.Set("Authorization", "Bearer "+q.key)
	if in := g.guard(ctx, c, "authenticate"); in != nil {
		return in
	}
	if limit := c.service.MaxBodyBytes; limit > 0 && int64(c.body.Len()) > limit {
		return tooLarge(limit)
	}
	if in := g.belong(ctx, c, ""); in != nil {
		return in
	}
	switch {
	case q.action != "TextModerationPlus" && q.action != "MultiModalGuard":
		return problem(http.StatusBadRequest, "invalid_request", "Action", "the action "+clip(q.action, 60)+" is not known here; use TextModerationPlus or MultiModalGuard")
	case q.images:
		return problem(http.StatusBadRequest, "unscreenable_content", "imageUrls", "images cannot be screened by this version of hegui and are never let through unscreened; send text")
	}
	before := ""
	out := strings.Contains(q.service, "response")
	if out && q.session != "" { // pieces of one answer: what stands over their borders is seen
		key := c.key.ID + "\x00" + q.session
		before = g.tails.get(key, g.o.Now())
		defer func() { g.tails.put(key, string(tail([]byte(before+q.content), tailBytes)), g.o.Now()) }()
	}
	var a *ScreenAnswer
	var texts []string
	if out {
		a, texts, in = g.verdictOnce(ctx, c, "out", nil, before+q.content)
	} else {
		a, texts, in = g.verdictOnce(ctx, c, "in", [][]byte{userMessage(q.content)}, "")
	}
	if in != nil {
		return in
	}
	if a.Approved != nil { // these plug-ins say an answer of ours only where they block
		if a.Refusal, in = g.sayApproved(ctx, c, a); in != nil {
			return in
		}
		a.Verdict, a.Reason = string(moderation.Guide), "approved_answer"
	}
	masked := ""
	if a.Verdict == string(moderation.Mask) && len(texts) > 0 {
		masked = string([]rune(texts[0])[min(len([]rune(before)), len([]rune(texts[0]))):])
	}
	answer := alibabaOf(q.action, a.Verdict, a.Reason, a.Refusal, masked)
	answer.RequestID = a.Exchange
	writeJSON(c, answer, a.Exchange)
	return nil
}

// alibabaOf is a verdict in Alibaba's words.
func alibabaOf(action, verdict, reason, refusal, masked string) alibabaAnswer {
	a := alibabaAnswer{Code: http.StatusOK, Message: "OK"}
	label, level, suggestion := "nonLabel", "none", "pass"
	if ends(verdict) {
		label, level, suggestion = reason, "high", "block"
		if label == "" {
			label = "content_filter"
		}
		a.Data.Advice = []alibabaAdvice{{refusal, label}}
	}
	sensitive := "S0"
	if masked != "" {
		sensitive = "S2"
	}
	if action != "MultiModalGuard" {
		a.Data.RiskLevel, a.Data.AttackLevel, a.Data.SensitiveLevel = level, "none", sensitive
		a.Data.Result = []alibabaResult{{Label: label, Confidence: 100}}
		return a
	}
	if level == "high" {
		level = "max" // the bar of Higress stands there unless it is configured
	}
	a.Data.Detail = []alibabaDetail{{"contentModeration", level, suggestion, []alibabaResult{{Label: label, Confidence: 100, Level: level}}}}
	if masked != "" && suggestion == "pass" {
		suggestion = "mask"
		a.Data.Detail = append(a.Data.Detail, alibabaDetail{"sensitiveData", sensitive, "mask",
			[]alibabaResult{{Label: "personal_information", Confidence: 100, Level: sensitive, Ext: map[string]string{"Desensitization": masked}}}})
	}
	a.Data.Suggestion = suggestion
	return a
}

// alibabaNo answers what could not be judged as the highest risk, strangers too: anything else would let the text through.
func (g *Gateway) alibabaNo(c *call, in *Interruption) {
	spoken := in.Message
	if c.key.ID != "" {
		spoken = c.spoken(in)
	} else {
		hangUp(c.w, c.r)
	}
	a := alibabaOf(c.alibaba, string(moderation.Refuse), in.Code, spoken, "")
	a.Message, a.RequestID = in.Message, c.id
	writeJSON(c, a, c.id)
}

const (
	// tailBytes is how much of an answer's earlier pieces is judged again with the next: room for the longest entry.
	tailBytes = 2 * seamBytes
	// tailKept is how long, and maxTails how many. Ours.
	tailKept = 10 * time.Minute
	maxTails = 10_000
)

// tails are the ends of answers that come in pieces without a number. They live on this node only: pieces of one answer that go to
// different nodes are judged each for itself.
type tails struct {
	mu   sync.Mutex
	kept map[string]tailed
}

type tailed struct {
	text string
	at   time.Time
}

func (t *tails) get(key string, now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x, ok := t.kept[key]; ok && now.Sub(x.at) < tailKept {
		return x.text
	}
	return ""
}

func (t *tails) put(key, text string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == nil {
		t.kept = map[string]tailed{}
	}
	if len(t.kept) >= maxTails {
		for k, x := range t.kept {
			if now.Sub(x.at) >= tailKept || len(t.kept) >= maxTails {
				delete(t.kept, k)
			}
		}
	}
	t.kept[key] = tailed{text, now}
}
