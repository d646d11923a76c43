package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/upstream"
)

// deliverTranscript screens what was heard in a recording, in whatever form it comes, and delivers it. It is the recording's own words and
// nothing generated: it carries no label.
func (g *Gateway) deliverTranscript(ctx context.Context, c *call, response *upstream.Response) {
	raw, err := readAnswer(response)
	if err == nil && !utf8.Valid(raw) {
		err = errors.New("upstream's transcript is not UTF-8")
	}
	if err != nil {
		g.broken(ctx, c, err)
		return
	}
	c.first = g.o.Now()
	kind := response.Header.Get("Content-Type")
	out := raw
	if strings.HasPrefix(strings.TrimSpace(string(raw)), "{") {
		kind = "application/json"
		out, err = g.screened(ctx, c, raw)
	} else {
		var quoted []byte
		if quoted, err = g.screened(ctx, c, append(appendJSON([]byte(`{"text":`), raw), '}')); err == nil {
			d := doc{nodes: make([]node, 0, 4)}
			if err = d.scan(quoted); err == nil {
				out = d.text(d.member(0, "text"))
			}
		}
	}
	if err != nil {
		g.broken(ctx, c, err)
		return
	}
	if c.cuts != "" {
		g.refuseAnswer(c)
		return
	}
	if g.conclude(c, exchange.Complete, "", "") != nil {
		writeError(c.w, unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is delivered without one"), c.id)
		return
	}
	h := c.w.Header()
	h.Set("X-Hegui-Exchange", c.id)
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(out)))
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(out)
}

// screened screens every string of an answer that is one JSON object.
func (g *Gateway) screened(ctx context.Context, c *call, raw []byte) ([]byte, error) {
	d := doc{nodes: make([]node, 0, 64)}
	if err := d.scan(raw); err != nil {
		return nil, errors.New("upstream answered 200 with something that is not a JSON object")
	}
	if at := d.member(0, "usage"); at >= 0 {
		c.usage = append([]byte(nil), d.raw(at)...)
	}
	o := g.newOutput(ctx, c)
	ch := o.choice(0)
	ch.ended = true
	var edits []edit
	d.texts(0, "", unwrapped, "", func(i int, path, _, _ string) bool {
		if path == "text" {
			path = contentChannel
		}
		e, stop := o.once(&d, ch, i, path)
		if edits = append(edits, e...); stop != nil {
			o.violated(stop)
			c.worst = stop.decision
		}
		return stop == nil
	})
	o.settle()
	c.labels = "none"
	sortEdits(edits)
	return splice(make([]byte, 0, len(raw)), raw, edits), nil
}

// refuseAnswer is the error in place of an answer whose words are against the rules, where no message can say so.
func (g *Gateway) refuseAnswer(c *call) {
	in := g.refusal(c, c.worst, c.cutReason())
	c.items, c.hosted, c.visible, c.labels = nil, nil, nil, "none"
	if g.conclude(c, exchange.Complete, in.Code, in.Reason) != nil {
		in = unavailable("record_unavailable", "the record cannot be written at the moment")
	}
	in.Status = max(in.Status, http.StatusBadRequest)
	writeError(c.w, in, c.id)
}
