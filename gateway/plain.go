package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/upstream"
)

// maxAnswer bounds an answer that does not stream, in bytes.
const maxAnswer = 64 << 20

// deliverPlain screens, labels and records an answer that arrives whole.
func (g *Gateway) deliverPlain(ctx context.Context, c *call, response *upstream.Response) {
	raw, err := readAnswer(response)
	if err != nil {
		g.broken(ctx, c, err)
		return
	}
	c.first = g.o.Now()
	d := doc{nodes: make([]node, 0, 64)}
	if err := d.scan(raw); err != nil || d.nodes[0].kind != isObject {
		g.broken(ctx, c, errors.New("upstream answered 200 with something that is not a JSON object"))
		return
	}
	out, err := g.rewrite(ctx, c, &d)
	if err != nil && c.cuts == "" {
		if refusal := response.RefusedAs(response.StatusCode, raw); refusal != nil { // some refuse under a 200
			g.upstreamRefused(c, refusal)
			return
		}
	}
	if err != nil {
		g.broken(ctx, c, err)
		return
	}
	outcome, code, reason := exchange.Complete, "", ""
	if c.cuts != "" {
		code, reason = "content_filter", c.cutReason()
	}
	if c.r.Context().Err() != nil {
		outcome, code, reason = exchange.ClientLeft, "client_left", "the client went away before the answer was ready"
		c.visible = nil
	}
	if g.conclude(c, outcome, code, reason) != nil {
		writeError(c.w, unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is delivered without one"), c.id)
		return
	}
	g.headers(c)
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(out)))
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(out) // delivered or not, the record stands
}

func readAnswer(response *upstream.Response) ([]byte, error) {
	size := response.ContentLength
	if size > maxAnswer {
		return nil, errors.New("upstream's answer is larger than hegui takes")
	}
	if size > 0 {
		buffer := make([]byte, size)
		_, err := io.ReadFull(response.Body, buffer)
		return buffer, err
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(raw) > maxAnswer {
		err = errors.New("upstream's answer is larger than hegui takes")
	}
	return raw, err
}

// rewrite screens every text of the answer and returns it with what must change changed, all else byte for byte.
func (g *Gateway) rewrite(ctx context.Context, c *call, d *doc) ([]byte, error) {
	var at [4]int
	if err := d.object(0, []string{"choices", "usage", "model", "data"}, at[:]); err != nil {
		return nil, errors.New("upstream's answer has a field twice")
	}
	if at[1] >= 0 && d.nodes[at[1]].kind == isObject {
		c.usage = append(json.RawMessage(nil), d.raw(at[1])...)
	}
	if at[2] >= 0 && d.nodes[at[2]].kind == isString {
		c.answered = string(d.text(at[2]))
	}
	o := g.newOutput(ctx, c)
	var edits []edit
	if c.op.name == "embedding" {
		if at[3] < 0 {
			return nil, errors.New("upstream's answer has no data")
		}
		c.checked.Out = -1 // vectors, no text
	} else {
		if at[0] < 0 || d.nodes[at[0]].kind != isArray || d.nodes[at[0]].next == int32(at[0]+1) {
			return nil, errors.New("upstream's answer has no choices")
		}
		position := 0
		d.children(at[0], func(i int) bool {
			edits = append(edits, o.whole(d, i, position)...)
			position++
			return true
		})
		// strings beside the choices are an output channel like any other
		others := o.choice(-1)
		d.children(0, func(i int) bool {
			n := d.nodes[i]
			if i == at[0] || i == at[1] || n.kind < isString {
				return true
			}
			name := string(d.key(i))
			check := func(i int, path, _, _ string) bool {
				e, stop := o.once(d, others, i, "answer."+path)
				edits = append(edits, e...)
				if stop != nil {
					o.violated(stop)
				}
				return true
			}
			if n.kind == isString {
				if !plainAnswerField(name) || !names(d.raw(i)) {
					check(i, name, "", "")
				}
				return true
			}
			return d.texts(i, name, unwrapped, "", check)
		})
		o.settle()
		sortEdits(edits)
	}
	end := int(d.nodes[0].end) - 1
	edits = append(edits, edit{end, end, g.note(c, o, len(d.nodes) > 1, true)})
	return splice(make([]byte, 0, len(d.b)+1024), d.b, edits), nil
}

// once screens a string that stands whole; a block-tier hit empties it.
func (o *output) once(d *doc, ch *choice, i int, path string) ([]edit, *cut) {
	text := d.text(i)
	x := o.channel(ch, path, "", "")
	altered := ch.altered
	shown := len(x.visible)
	visible, stop := o.feed(ch, x, text)
	visible = append([]byte(nil), visible...)
	if stop == nil {
		var rest []byte
		rest, stop = o.close(ch, x)
		visible = append(visible, rest...)
	}
	ch.altered = altered || stop != nil || len(visible) != len(text) && !ch.label.written || o.c.masked
	x.visible = append(x.visible[:shown], visible...)
	if stop != nil {
		visible = nil
		x.visible = nil
	}
	if stop == nil && string(visible) == string(text) {
		return nil, nil
	}
	return []edit{{int(d.nodes[i].start), int(d.nodes[i].end), appendJSON(nil, visible)}}, stop
}

// overParts looks at a message that comes in several parts as its reader does, in one piece, for what none of the parts says alone.
func (o *output) overParts(d *doc, ch *choice, at int) *cut {
	message := d.member(at, "message")
	if message < 0 || d.nodes[message].kind != isObject {
		return nil
	}
	content := d.member(message, "content")
	if content < 0 || d.nodes[content].kind != isArray {
		return nil
	}
	var text []byte
	var borders []int
	d.children(content, func(i int) bool {
		if d.nodes[i].kind != isObject {
			return true
		}
		if t := d.member(i, "text"); t >= 0 && d.nodes[t].kind == isString {
			if len(text) > 0 {
				borders = append(borders, len(text))
			}
			text = append(text, d.text(t)...)
		}
		return true
	})
	if len(borders) == 0 {
		return nil
	}
	scene := o.c.place("out").Scene
	scene.Channel = contentChannel
	for _, f := range o.c.lexicon.ScanIn(scene, text) {
		border, _ := slices.BinarySearch(borders, f.Start+1)
		if border == len(borders) || borders[border] >= f.End {
			continue
		}
		found := o.c.lexical("out", "message.content", ch.index, f)
		found.Start, found.End = 0, 0 // it lies in no one part
		o.c.found(found)
		d := o.table.Decide(moderation.CaseOf(f))
		if d.Action == moderation.Mask {
			d.Action = o.onViolation()
		}
		if o.enforce && d.Action != moderation.Allow {
			return &cut{code: "content_filter", category: f.Category, decision: d}
		}
	}
	return nil
}

// whole screens one choice of an answer that does not stream. A violation replaces the choice's whole message by the
// refusal: with the answer at hand there is no reason to show a part of it.
func (o *output) whole(d *doc, at, position int) []edit {
	index := position
	if i := d.member(at, "index"); i >= 0 {
		if n, err := strconv.Atoi(string(d.raw(i))); err == nil {
			index = n
		}
	}
	ch := o.choice(index)
	var edits []edit
	var stopped *cut
	content := -1
	screen := func(i int, path, _, _ string) bool {
		name := path
		if (path == "message.content" || path == "text") && content < 0 {
			name, content = contentChannel, i
		}
		e, stop := o.once(d, ch, i, name)
		edits = append(edits, e...)
		if stop != nil {
			stopped = stop
		}
		return stop == nil
	}
	d.texts(at, "", unwrapped, "", screen)
	if stopped == nil {
		stopped = o.overParts(d, ch, at)
	}
	if i := d.member(at, "finish_reason"); stopped == nil && i >= 0 && d.nodes[i].kind == isString {
		stop := refusedUpstream(o.c.response.RefusedBy(string(d.text(i))))
		switch {
		case stop == nil:
		case ch.said():
			o.violated(stop) // what was said before stays
		default:
			stopped = stop
		}
	}
	if stopped != nil {
		o.violated(stopped)
		ch.channels = nil
		ch.label = labeller{}
		text, finish := o.instead(stopped)
		o.c.notice = text
		refusal := appendJSON(nil, []byte(text))
		body := `{"index":` + strconv.Itoa(index) + `,"message":{"role":"assistant","content":` + string(refusal) + `,"refusal":null},"logprobs":null,"finish_reason":"` + finish + `"}`
		if o.c.op.name == "completion" {
			body = `{"index":` + strconv.Itoa(index) + `,"text":` + string(refusal) + `,"logprobs":null,"finish_reason":"` + finish + `"}`
		}
		return []edit{{int(d.nodes[at].start), int(d.nodes[at].end), []byte(body)}}
	}
	if suffix := ch.suffix(); suffix != nil && content >= 0 {
		x := o.channel(ch, contentChannel, "", "")
		x.visible = append(x.visible, suffix...)
		edits = replaceEdit(edits, edit{int(d.nodes[content].start), int(d.nodes[content].end), appendJSON(nil, x.visible)})
	}
	if i := d.member(at, "logprobs"); ch.altered && i >= 0 && d.nodes[i].kind != isNull {
		edits = append(edits, edit{int(d.nodes[i].start), int(d.nodes[i].end), []byte("null")}) // they would repeat what was masked
	}
	return edits
}

// said tells whether a choice has shown anything.
func (ch *choice) said() bool {
	return slices.ContainsFunc(ch.channels, func(x *channel) bool { return len(bytes.TrimSpace(x.visible)) > 0 })
}

func replaceEdit(edits []edit, e edit) []edit {
	for i := range edits {
		if edits[i].start == e.start {
			edits[i] = e
			return edits
		}
	}
	return append(edits, e)
}

// failed answers when no model could be had.
func (g *Gateway) failed(c *call, err error) {
	var e *upstream.Error
	in := problem(http.StatusBadGateway, "upstream_error", "", "the model could not be reached; try again, and tell the operator if it goes on")
	if errors.As(err, &e) {
		c.target, c.tries = e.Endpoint, e.Tries
		switch e.Kind {
		case "timeout":
			in = problem(http.StatusGatewayTimeout, "upstream_timeout", "", "the model did not answer in time; try again or ask for less")
		case "open":
			in = problem(http.StatusServiceUnavailable, "upstream_unavailable", "", "every endpoint of this model is resting after failures; try again shortly")
			in.Retry = 5 * time.Second
		}
	}
	outcome := exchange.UpstreamError
	if c.r.Context().Err() != nil {
		outcome, in.Code, in.Reason = exchange.ClientLeft, "client_left", "the client went away while the model was asked"
	}
	if g.conclude(c, outcome, in.Code, in.Reason) != nil {
		in = unavailable("record_unavailable", "the record cannot be written at the moment")
	}
	writeError(c.w, in, c.id)
}

// broken answers when upstream's 200 turned out to be no answer, before anything of it left.
func (g *Gateway) broken(ctx context.Context, c *call, err error) {
	in := problem(http.StatusBadGateway, "upstream_error", "", "the model's answer was broken and is not shown; try again, and tell the operator if it goes on")
	var e *upstream.Error
	if errors.As(err, &e) && e.Kind == "timeout" {
		in = problem(http.StatusGatewayTimeout, "upstream_timeout", "", "the model stopped in the middle of its answer; try again or ask for less")
	}
	outcome := exchange.UpstreamError
	if c.r.Context().Err() != nil {
		outcome, in.Code, in.Reason = exchange.ClientLeft, "client_left", "the client went away before the answer was ready"
	}
	g.o.Log.Warn("upstream's answer was broken", "exchange", c.id, "endpoint", c.target, "error", err)
	c.visible, c.labels, c.checked.Out = nil, "none", -1
	if g.conclude(c, outcome, in.Code, in.Reason) != nil {
		in = unavailable("record_unavailable", "the record cannot be written at the moment")
	}
	writeError(c.w, in, c.id)
}

// passError hands on what upstream said instead of an answer. Its 401 and 403 are about our key, not the client's.
func (g *Gateway) passError(c *call, response *upstream.Response) {
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	status := response.StatusCode
	in := problem(http.StatusBadGateway, "upstream_error", "", "the model provider answered with status "+strconv.Itoa(status)+"; try again, and tell the operator if it goes on")
	pass := false
	switch {
	case status == http.StatusTooManyRequests:
		in = problem(status, "upstream_rate_limited", "", "the model provider is taking no more requests at the moment; try again later")
	case status >= 400 && status < 500 && status != 401 && status != 403 && status != 407 && err == nil && json.Valid(body):
		pass = true
	}
	if g.conclude(c, exchange.UpstreamError, in.Code, "upstream answered with status "+strconv.Itoa(status)) != nil {
		writeError(c.w, unavailable("record_unavailable", "the record cannot be written at the moment"), c.id)
		return
	}
	if after := response.Header.Get("Retry-After"); after != "" {
		c.w.Header().Set("Retry-After", after)
	}
	if !pass {
		writeError(c.w, in, c.id)
		return
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Hegui-Exchange", c.id)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body)
}
