package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Dify's API extension for moderation: points ping, app.moderation.input and app.moderation.output. Dify shows an answer unmoderated
// when the extension fails, so whoever has a key is always answered 200, flagged when the text could not be judged.

func (g *Gateway) difyRoutes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{"/v1/hegui/adapters/dify": g.detachedCall("dify", g.dify, g.difyNo)}
}

type difyRequest struct {
	Point  string `json:"point"`
	Params struct {
		Inputs map[string]any `json:"inputs"`
		Query  *string        `json:"query"`
		Text   string         `json:"text"`
	} `json:"params"`
}

type difyAnswer struct {
	Flagged  bool           `json:"flagged"`
	Action   string         `json:"action"`
	Preset   string         `json:"preset_response,omitempty"`
	Inputs   map[string]any `json:"inputs,omitempty"`
	Query    *string        `json:"query,omitempty"`
	Text     string         `json:"text,omitempty"`
	Exchange string         `json:"exchange,omitempty"`
}

// difyNo flags, with what can be told to the user.
func (g *Gateway) difyNo(c *call, in *Interruption) {
	if c.key.ID == "" {
		g.fail(c, in)
		return
	}
	writeJSON(c, difyAnswer{Flagged: true, Action: "direct_output", Preset: c.spoken(in), Exchange: c.id}, c.id)
}

// spoken is what a user is told of a no: how to accept or appeal, else the service's refusal.
func (c *call) spoken(in *Interruption) string {
	if in.Link != "" {
		return in.Message
	}
	return cmp.Or(c.refusalText(), in.Message)
}

func (g *Gateway) dify(ctx context.Context, c *call) *Interruption {
	if in := g.arrive(ctx, c, ""); in != nil {
		return in
	}
	var d doc
	if _, in := d.fields(c.body.Bytes(), false, []field{{"point", isString, true}, {"params", isObject, false}}); in != nil {
		return in
	}
	var q difyRequest
	numbers := json.NewDecoder(bytes.NewReader(c.body.Bytes()))
	numbers.UseNumber()
	if err := numbers.Decode(&q); err != nil {
		return problem(http.StatusBadRequest, "invalid_request", "params", "the params do not have the shape of Dify's extension: "+shape(err))
	}
	switch q.Point {
	case "ping":
		writeJSON(c, map[string]string{"result": "pong"}, "")
		return nil
	case "app.moderation.input", "app.moderation.output":
	default:
		return problem(http.StatusBadRequest, "invalid_request", "point", "the point "+clip(q.Point, 60)+" is not known here; use ping, app.moderation.input or app.moderation.output")
	}
	if in := g.belong(ctx, c, ""); in != nil {
		return in
	}
	if q.Point == "app.moderation.output" {
		a, _, in := g.verdictOnce(ctx, c, "out", nil, q.Params.Text)
		if in != nil {
			return in
		}
		out := difyAnswer{Action: "direct_output", Exchange: a.Exchange}
		switch {
		case ends(a.Verdict):
			out.Flagged, out.Preset = true, a.instead()
		case a.Verdict == "mask":
			out.Flagged, out.Action, out.Text = true, "overridden", a.Text
		}
		writeJSON(c, out, a.Exchange)
		return nil
	}
	names := slices.Sorted(maps.Keys(q.Params.Inputs))
	var messages [][]byte
	for _, name := range names {
		messages = append(messages, userMessage(difyValue(q.Params.Inputs[name])))
	}
	if q.Params.Query != nil || len(messages) == 0 {
		query := ""
		if q.Params.Query != nil {
			query = *q.Params.Query
		}
		messages = append(messages, userMessage(query))
	}
	a, texts, in := g.verdictOnce(ctx, c, "in", messages, "")
	if in != nil {
		return in
	}
	out := difyAnswer{Action: "direct_output", Exchange: a.Exchange}
	switch {
	case ends(a.Verdict):
		out.Flagged, out.Preset = true, a.Refusal
	case a.Approved != nil:
		if out.Preset, in = g.sayApproved(ctx, c, a); in != nil {
			return in
		}
		out.Flagged = true
	case a.Verdict == "mask":
		out.Flagged, out.Action, out.Inputs = true, "overridden", q.Params.Inputs
		for i, name := range names {
			was := q.Params.Inputs[name]
			if texts[i] == difyValue(was) {
				continue
			}
			masked, ok := likeBefore(was, texts[i])
			if !ok { // a variable that cannot be written masked is not passed on
				writeJSON(c, difyAnswer{Flagged: true, Action: "direct_output", Preset: c.refusalText(), Exchange: a.Exchange}, a.Exchange)
				return nil
			}
			out.Inputs[name] = masked
		}
		if q.Params.Query != nil {
			out.Query = &texts[len(texts)-1]
		}
	}
	writeJSON(c, out, a.Exchange)
	return nil
}

// difyValue is a variable as text.
func difyValue(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(jsonObject(v))
}

// likeBefore is the text of a masked variable as a value of the kind that it had; ok is false when it is none.
func likeBefore(was any, text string) (value any, ok bool) {
	if _, is := was.(string); is {
		return text, true
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil || !json.Valid([]byte(text)) {
		return nil, false
	}
	kind := func(v any) string {
		switch v.(type) {
		case []any:
			return "list"
		case map[string]any:
			return "object"
		case json.Number, float64:
			return "number"
		}
		return fmt.Sprintf("%T", v)
	}
	return value, kind(value) == kind(was)
}

// instead is what is shown in place of a whole answer that was ended: the clean beginning and the refusal, or the refusal.
func (a *ScreenAnswer) instead() string {
	if a.Verdict == string("stop") && a.Withdraw == 0 && a.Text != "" {
		return a.Text + "\n\n" + a.Refusal
	}
	return a.Refusal
}
