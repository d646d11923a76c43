package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/hegui/hegui/moderation"
)

// OpenAI's /v1/moderations: one text or several, each flagged or not, by OpenAI's categories. X-Hegui-Direction: out judges as what a model
// said; without it as what a user said. Each text is an exchange of its own, named under hegui.

func (g *Gateway) moderationsRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{"/v1/moderations": g.detachedCall("moderations", g.moderations, g.fail)}
}

// maxModerations bounds the texts of one call. Ours.
const maxModerations = 128

// moderationCategories are OpenAI's, in its order.
var moderationCategories = [...]string{"harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm", "self-harm/intent",
	"self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic"}

// moderationsOf are the categories of OpenAI that a risk falls under, ours as a rule of thumb: the two lists do not match.
func moderationsOf(risk string) []string {
	switch {
	case risk == "A1d":
		return []string{"illicit/violent", "violence"}
	case risk == "A1e", strings.HasPrefix(risk, "A2"):
		return []string{"hate"}
	case risk == "A1f":
		return []string{"sexual", "violence"}
	case risk == "A4a":
		return []string{"self-harm"}
	case risk == "A4b", risk == "A4c", risk == "A4d":
		return []string{"harassment"}
	}
	return []string{"illicit"}
}

type moderationResult struct {
	Flagged    bool               `json:"flagged"`
	Categories map[string]bool    `json:"categories"`
	Scores     map[string]float64 `json:"category_scores"`
	Hegui      map[string]any     `json:"hegui"`
}

func (g *Gateway) moderations(ctx context.Context, c *call) *Interruption {
	if in := g.arrive(ctx, c, ""); in != nil {
		return in
	}
	texts, in := moderationTexts(c.body.Bytes())
	if in != nil {
		return in
	}
	if in := g.belong(ctx, c, ""); in != nil {
		return in
	}
	direction := c.r.Header.Get("X-Hegui-Direction")
	if direction != "" && direction != "in" && direction != "out" {
		return problem(http.StatusBadRequest, "invalid_request", "X-Hegui-Direction", "the header X-Hegui-Direction must be in or out")
	}
	var results []moderationResult
	for i, text := range texts {
		one := c
		if i > 0 {
			one = g.newDetached(c.w, c.r, c.via)
			one.key, one.service, one.user, one.vaultKey, one.name, one.watches = c.key, c.service, c.user, c.vaultKey, c.name, c.watches
		}
		var a *ScreenAnswer
		if direction == "out" {
			a, _, in = g.verdictOnce(ctx, one, "out", nil, text)
		} else {
			a, _, in = g.verdictOnce(ctx, one, "in", [][]byte{userMessage(text)}, "")
		}
		if in != nil {
			return in
		}
		results = append(results, moderationOf(a))
	}
	writeJSON(c, map[string]any{"id": "modr-" + c.id, "model": "hegui", "results": results}, c.id)
	return nil
}

// moderationOf is a verdict as OpenAI words it: evidence that decides nothing scores, and does not flag.
func moderationOf(a *ScreenAnswer) moderationResult {
	r := moderationResult{Flagged: ends(a.Verdict), Categories: map[string]bool{}, Scores: map[string]float64{},
		Hegui: map[string]any{"exchange": a.Exchange, "verdict": a.Verdict, "reason": a.Reason, "findings": a.Findings}}
	for _, name := range moderationCategories {
		r.Categories[name], r.Scores[name] = false, 0
	}
	for _, f := range a.Findings {
		score := 0.5
		switch moderation.Tier(f.Tier) {
		case moderation.Block:
			score = 1
		case moderation.Observe, "mask":
			continue
		}
		for _, name := range moderationsOf(f.Category) {
			r.Scores[name] = max(r.Scores[name], score)
			r.Categories[name] = r.Categories[name] || r.Flagged && score == 1
		}
	}
	if r.Flagged {
		any := false
		for _, on := range r.Categories {
			any = any || on
		}
		r.Categories["illicit"] = r.Categories["illicit"] || !any // a client that looks at categories alone must see it
	}
	return r
}

// moderationTexts reads the field input: a text, several, or parts.
func moderationTexts(body []byte) ([]string, *Interruption) {
	var d doc
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, problem(http.StatusBadRequest, "invalid_json", "", "the request body is empty; send a JSON object")
	}
	if err := d.scan(body); err != nil {
		return nil, problem(http.StatusBadRequest, "invalid_json", "", "the request body is not valid JSON: "+err.Error())
	}
	if d.nodes[0].kind != isObject {
		return nil, wrongType("", "the body", d.nodes[0].kind, "an object")
	}
	at := []int{-1}
	if err := d.object(0, []string{"input"}, at); err != nil {
		return nil, duplicate(err)
	}
	if at[0] < 0 || d.nodes[at[0]].kind == isNull {
		return nil, problem(http.StatusBadRequest, "invalid_request", "input", "the field input is missing; give a text, or a list of texts")
	}
	if d.nodes[at[0]].kind == isString {
		return []string{string(d.text(at[0]))}, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(d.raw(at[0]), &list) != nil || len(list) == 0 || len(list) > maxModerations {
		return nil, problem(http.StatusBadRequest, "invalid_request", "input", "the field input must be a text or a list of 1 to 128 texts")
	}
	var texts []string
	for _, raw := range list {
		var part struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}
		var one *string
		switch {
		case json.Unmarshal(raw, &one) == nil && one != nil:
			texts = append(texts, *one)
		case json.Unmarshal(raw, &part) == nil && part.Type == "text":
			texts = append(texts, part.Text)
		default:
			return nil, problem(http.StatusBadRequest, "unscreenable_content", "input", "only text can be screened by this version of hegui; nothing else is let through unscreened")
		}
	}
	return texts, nil
}
