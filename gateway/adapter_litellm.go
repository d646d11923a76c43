package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
)

// LiteLLM's generic guardrail API: texts of a request or of a response, answered NONE, BLOCKED or GUARDRAIL_INTERVENED.

const litellmPath = "/beta/litellm_basic_guardrail_api"

func (g *Gateway) litellmRoutes() map[string]http.HandlerFunc {
	h := g.detachedCall("litellm", g.litellm, g.litellmNo)
	return map[string]http.HandlerFunc{litellmPath: h, "/v1/hegui/adapters/litellm" + litellmPath: h}
}

type litellmRequest struct {
	InputType string            `json:"input_type"`
	Texts     []string          `json:"texts"`
	Images    []json.RawMessage `json:"images"`
	Tools     json.RawMessage   `json:"tools"`
	ToolCalls json.RawMessage   `json:"tool_calls"`
	Data      struct {
		User string `json:"user_api_key_end_user_id"`
	} `json:"request_data"`
}

type litellmAnswer struct {
	Action   string   `json:"action"`
	Reason   string   `json:"blocked_reason,omitempty"`
	Texts    []string `json:"texts,omitempty"`
	Exchange string   `json:"exchange,omitempty"`
}

func (g *Gateway) litellmNo(c *call, in *Interruption) {
	if c.key.ID == "" {
		g.fail(c, in)
		return
	}
	writeJSON(c, litellmAnswer{Action: "BLOCKED", Reason: c.spoken(in), Exchange: c.id}, c.id)
}

func (g *Gateway) litellm(ctx context.Context, c *call) *Interruption {
	if in := g.arrive(ctx, c, c.r.Header.Get("X-Api-Key")); in != nil {
		return in
	}
	var d doc
	if _, in := d.fields(c.body.Bytes(), false, []field{{"input_type", isString, true}, {"texts", isArray, false}}); in != nil {
		return in
	}
	var q litellmRequest
	if err := json.Unmarshal(c.body.Bytes(), &q); err != nil {
		return problem(http.StatusBadRequest, "invalid_request", "texts", "the body does not have the shape of LiteLLM's generic guardrail: "+shape(err))
	}
	if q.InputType != "request" && q.InputType != "response" {
		return problem(http.StatusBadRequest, "invalid_request", "input_type", "the field input_type must be request or response")
	}
	if in := g.belong(ctx, c, q.Data.User); in != nil {
		return in
	}
	if len(q.Images) > 0 {
		return problem(http.StatusBadRequest, "unscreenable_content", "images", "images cannot be screened by this version of hegui and are never let through unscreened; send text")
	}
	extra := bytes.TrimSpace(q.Tools) // definitions and calls of tools are read by the model, or made by it
	if q.InputType == "response" {
		extra = bytes.TrimSpace(q.ToolCalls)
	}
	texts := q.Texts
	if len(extra) > 0 && string(extra) != "null" {
		texts = append(texts, string(extra))
	}
	if len(texts) == 0 {
		texts = []string{""}
	}
	masked, verdict, reason, id := make([]string, 0, len(texts)), "allow", "", c.id
	if q.InputType == "request" {
		messages := make([][]byte, len(texts))
		for i, text := range texts {
			messages[i] = userMessage(text)
		}
		c.rewrites = true
		a, all, in := g.verdictOnce(ctx, c, "in", messages, "")
		if in != nil {
			return in
		}
		masked, verdict, reason = all, a.Verdict, a.Refusal
	} else {
		for i, text := range texts { // each an answer of its own, and an exchange of its own
			one := c
			if i > 0 {
				one = g.beside(c)
			}
			a, all, in := g.verdictOnce(ctx, one, "out", nil, text)
			if in != nil {
				return in
			}
			masked = append(masked, all...)
			if ends(a.Verdict) {
				verdict, reason, id = a.Verdict, cmp.Or(a.Refusal, c.refusalText()), a.Exchange
				break
			}
			if a.Verdict == "mask" {
				verdict = a.Verdict
			}
		}
	}
	answer := litellmAnswer{Action: "NONE", Exchange: id}
	switch {
	case ends(verdict):
		answer.Action, answer.Reason = "BLOCKED", reason
	case verdict == "mask" && len(texts) > len(q.Texts) && len(masked) == len(texts) && masked[len(masked)-1] != texts[len(texts)-1]:
		answer.Action, answer.Reason = "BLOCKED", c.refusalText() // what tools say cannot be written back masked
	case verdict == "mask":
		answer.Action, answer.Texts = "GUARDRAIL_INTERVENED", masked[:len(q.Texts)]
	}
	writeJSON(c, answer, id)
	return nil
}
