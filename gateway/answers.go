package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/answers"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
)

// approved is the approved answer (代答) that an exchange gets in place of the model's.
type approved struct {
	version answers.Version
	text    string // what is said: the approved text, or a draft that was compared with it
	draft   bool
}

// ref names it in the record.
func (a *approved) ref() string {
	if a.draft {
		return a.version.Ref() + " draft"
	}
	return a.version.Ref()
}

const (
	// answersTarget stands for the register in records where an upstream would.
	answersTarget = "answers"
	// draftTime bounds how long a model may take over a draft; after it the question goes its normal way. Ours.
	draftTime = 8 * time.Second
	// maxDraft bounds a draft, in bytes.
	maxDraft = 64 << 10
	// answerPiece is how many characters of an approved answer stream at a time.
	answerPiece = 24
)

// approvedAnswer looks whether the newest question has an approved answer. What the register cannot do leaves the question to
// the model, which the record says.
func approvedAnswer(ctx context.Context, g *Gateway, c *call) *Interruption {
	mode := c.service.Answers
	if g.o.Answers == nil || c.probe || mode.Act == "off" || !c.plainQuestion() {
		return nil
	}
	question := string(c.request.last)
	m, err := g.o.Answers.Find(ctx, question, c.service.ID)
	if err != nil {
		c.outages = append(c.outages, exchange.Outage{Guard: "answers", Rule: "open", Error: clip(err.Error(), 500)})
		g.metrics.outages.WithLabelValues("answers", "open").Inc()
		g.degraded(c, "answers", "open", err)
		return nil
	}
	switch {
	case m.Band == answers.Same && mode.Act == "observe":
		c.answer = "observed " + m.Version.Ref()
	case m.Band == answers.Same:
		c.approve(&approved{version: m.Version, text: m.Version.Text(c.chinese())})
	case m.Band == answers.Near && mode.Near == "draft" && mode.Act != "observe" && !c.masked && c.op.name == "chat": // what is masked stays so; applications on their own draft nothing
		text, err := g.draft(ctx, c, m.Version, question)
		if err != nil {
			g.o.Log.Info("a draft of an approved answer is not given", "exchange", c.id, "answer", m.Version.Ref(), "why", err)
			c.answer = "not given " + m.Version.Ref()
			return nil
		}
		c.approve(&approved{version: m.Version, text: text, draft: true})
	}
	return nil
}

func (c *call) approve(a *approved) { c.approved, c.answer = a, a.ref() }

// plainQuestion tells whether the newest turn is a question of the user that an answer in words can stand for.
func (c *call) plainQuestion() bool {
	q := &c.request
	if c.op.name != "chat" && c.op.name != exchange.ScreenIn || q.n != 1 || q.json || len(q.turns) == 0 {
		return false
	}
	last := q.turns[len(q.turns)-1]
	return last.role == "user" && len(last.text) > 0 && len(last.text) <= utf8.UTFMax*answers.MaxQuestion && bytes.Equal(last.text, q.last) &&
		utf8.RuneCount(last.text) <= answers.MaxQuestion
}

// guided is the approved text for a question that the policy answers with guidance: its own, or the one for the risk.
func (g *Gateway) guided(ctx context.Context, c *call, risk string) (answers.Version, bool) {
	if g.o.Answers == nil || c.service.Answers.Act == "off" || c.service.Answers.Act == "observe" {
		return answers.Version{}, false
	}
	m, err := g.o.Answers.Matcher(ctx)
	if err != nil {
		g.o.Log.Error("approved answers cannot be looked up", "exchange", c.id, "error", err)
		return answers.Version{}, false
	}
	if c.plainQuestion() {
		if got := m.Find(string(c.request.last), c.service.ID, c.day()); got.Band == answers.Same {
			return got.Version, true
		}
	}
	return m.ForRisk(risk, c.service.ID, c.day())
}

// draft has the service's model put the approved text into words that fit the question, and compares.
func (g *Gateway) draft(ctx context.Context, c *call, v answers.Version, question string) (string, error) {
	var route *service.Route
	for i := range c.service.Models {
		if c.service.Models[i].Name == c.service.Answers.Model {
			route = &c.service.Models[i]
		}
	}
	if route == nil {
		return "", fmt.Errorf("the model %q is not in force for this service", c.service.Answers.Model)
	}
	ctx, cancel := context.WithTimeout(ctx, draftTime)
	defer cancel()
	source := v.Text(c.chinese())
	response, err := c.pool.Do(ctx, route.Targets, upstream.Request{Method: http.MethodPost, Path: c.op.path, Total: draftTime, Header: http.Header{"Content-Type": {"application/json"}},
		Body: func(t upstream.Target) []byte {
			return jsonObject(map[string]any{"model": t.Model, "temperature": 0, "user": c.user.Subject, "messages": []map[string]string{
				{"role": "system", "content": answers.Instruction(source)}, {"role": "user", "content": question}}})
		}})
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDraft))
	if err != nil {
		return "", err
	}
	var said struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if response.StatusCode != http.StatusOK || json.Unmarshal(body, &said) != nil || len(said.Choices) == 0 {
		return "", fmt.Errorf("the model answered with status %d and no text", response.StatusCode)
	}
	text := strings.TrimSpace(said.Choices[0].Message.Content)
	return text, answers.Compare(text, source, question)
}

// answerResponse is an approved text as an upstream would send it, so that it takes the way of every answer.
func (c *call) answerResponse() *upstream.Response {
	model, created := string(appendJSON(nil, []byte(c.route.Name))), strconv.FormatInt(c.started.Unix(), 10)
	head := `{"id":"` + c.id + `","object":"chat.completion`
	about := `","created":` + created + `,"model":` + model + `,"choices":[{"index":0,`
	var b strings.Builder
	if c.stream {
		event := func(delta, finish string) {
			b.WriteString("data: " + head + ".chunk" + about + `"delta":` + delta + `,"finish_reason":` + finish + "}]}\n\n")
		}
		event(`{"role":"assistant","content":""}`, "null")
		runes := []rune(c.approved.text)
		for len(runes) > 0 {
			n := min(answerPiece, len(runes))
			event(`{"content":`+string(appendJSON(nil, []byte(string(runes[:n]))))+`}`, "null")
			runes = runes[n:]
		}
		event(`{}`, `"stop"`)
		b.WriteString("data: [DONE]\n\n")
	} else {
		b.WriteString(head + about + `"message":{"role":"assistant","content":` + string(appendJSON(nil, []byte(c.approved.text))) +
			`},"finish_reason":"stop"}],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}`)
	}
	return &upstream.Response{Response: &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: int64(b.Len()), Body: io.NopCloser(strings.NewReader(b.String()))},
		Target: upstream.Target{Endpoint: answersTarget, Model: answersTarget}}
}
