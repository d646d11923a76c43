package gateway

import (
	"context"
	"encoding/json"
	"net/http"
)

// agentgateway's guardrail webhook: POST /request and /response, answered by an action, of which the members tell the kind.

func (g *Gateway) agentgatewayRoutes() map[string]http.HandlerFunc {
	request := g.detachedCall("agentgateway", func(ctx context.Context, c *call) *Interruption { return g.agentgateway(ctx, c, "in") }, g.agentgatewayNo)
	response := g.detachedCall("agentgateway", func(ctx context.Context, c *call) *Interruption { return g.agentgateway(ctx, c, "out") }, g.agentgatewayNo)
	return map[string]http.HandlerFunc{"/request": request, "/response": response,
		"/v1/hegui/adapters/agentgateway/request": request, "/v1/hegui/adapters/agentgateway/response": response}
}

type agentMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type agentChoice struct {
	Message agentMessage `json:"message"`
}

type agentBody struct {
	Messages []agentMessage `json:"messages,omitempty"`
	Choices  []agentChoice  `json:"choices,omitempty"`
}

func agentAction(c *call, action map[string]any, id string) {
	writeJSON(c, map[string]any{"action": action}, id)
}

// agentgatewayNo rejects: never as 401 or 403, which clients take for a wrong key of theirs.
func (g *Gateway) agentgatewayNo(c *call, in *Interruption) {
	if c.key.ID == "" {
		g.fail(c, in)
		return
	}
	agentAction(c, map[string]any{"body": string(in.errorBody(c.id)), "status_code": http.StatusBadRequest, "reason": in.Code}, c.id)
}

func (g *Gateway) agentgateway(ctx context.Context, c *call, direction string) *Interruption {
	if in := g.arrive(ctx, c, c.r.Header.Get("X-Hegui-Key")); in != nil {
		return in
	}
	var d doc
	if _, in := d.fields(c.body.Bytes(), false, []field{{"body", isObject, true}}); in != nil {
		return in
	}
	var q struct {
		Body agentBody `json:"body"`
	}
	if err := json.Unmarshal(c.body.Bytes(), &q); err != nil {
		return problem(http.StatusBadRequest, "invalid_request", "body", "the body does not have the shape of agentgateway's webhook: "+shape(err))
	}
	if in := g.belong(ctx, c, ""); in != nil {
		return in
	}
	masked := q.Body
	var worst *ScreenAnswer
	if direction == "in" {
		if len(q.Body.Messages) == 0 {
			return problem(http.StatusBadRequest, "invalid_request", "body.messages", "the field body.messages is missing or empty")
		}
		messages := make([][]byte, len(q.Body.Messages))
		for i, m := range q.Body.Messages {
			messages[i] = roleMessage(m.Role, m.Content)
		}
		c.rewrites = true
		a, texts, in := g.verdictOnce(ctx, c, "in", messages, "")
		if in != nil {
			return in
		}
		worst = a
		for i := range texts {
			masked.Messages[i].Content = texts[i]
		}
	} else {
		if len(q.Body.Choices) == 0 {
			return problem(http.StatusBadRequest, "invalid_request", "body.choices", "the field body.choices is missing or empty")
		}
		for i, choice := range q.Body.Choices {
			one := c
			if i > 0 {
				one = g.newDetached(c.w, c.r, c.via)
				one.key, one.service, one.user, one.vaultKey, one.name = c.key, c.service, c.user, c.vaultKey, c.name
			}
			a, texts, in := g.verdictOnce(ctx, one, "out", nil, choice.Message.Content)
			if in != nil {
				return in
			}
			masked.Choices[i].Message.Content = texts[0]
			if worst == nil || ends(a.Verdict) || a.Verdict == "mask" && worst.Verdict == "allow" {
				worst = a
			}
			if ends(a.Verdict) {
				break
			}
		}
	}
	switch {
	case ends(worst.Verdict):
		no := &Interruption{Code: "content_filter", Type: "invalid_request_error", Message: worst.Refusal, Public: worst.Reason, Link: worst.Dispute}
		agentAction(c, map[string]any{"body": string(no.errorBody(worst.Exchange)), "status_code": http.StatusBadRequest, "reason": worst.Reason}, worst.Exchange)
	case worst.Verdict == "mask":
		agentAction(c, map[string]any{"body": masked, "reason": "mask"}, worst.Exchange)
	default:
		agentAction(c, map[string]any{"reason": "allow"}, worst.Exchange)
	}
	return nil
}
