package gateway

import (
	"github.com/hegui/hegui/exchange"
)

// note is the top-level hegui object of an answer or a first chunk, with the comma before it.
func (g *Gateway) note(c *call, o *output, comma, final bool) []byte {
	place := string(c.service.Label)
	ui := ""
	switch {
	case c.op.name == "embedding" || c.op.name == "transcription" || c.service.Modes.Label.Act == "observe":
		place = "none"
	case c.op.media != "":
		if place = c.labels; place == "ui" {
			ui = `"` + c.owes() + `"`
		}
	case final && o.labels() == "ui" || c.request.json || place == "ui":
		place = "ui"
		ui = `"` + c.owes() + `"`
	}
	verdict := string(exchange.Allow)
	switch {
	case final && c.cuts != "":
		verdict = c.cuts
		if allRefused(o) {
			place, ui = "none", ""
		}
	case c.masked:
		verdict = string(exchange.Mask)
	}
	b := make([]byte, 0, 640)
	if comma {
		b = append(b, ',')
	}
	b = append(append(b, `"hegui":{"exchange":"`...), c.id...)
	b = append(append(b, `","content_id":"`...), c.content...)
	b = append(append(b, `","verdict":"`...), verdict...)
	b = append(append(b, `","label":{"explicit":"`...), place...)
	b = append(b, '"')
	if place != "none" {
		b = append(append(b, `,"implicit":`...), g.implicit(c)...)
	}
	b = append(append(append(b, `},"ui":[`...), ui...), ']')
	if final && c.cuts != "" {
		b = append(append(b, `,"reason":`...), appendJSON(nil, []byte(c.reason))...)
		b = append(append(b, `,"appeal":`...), appendJSON(nil, []byte(g.dispute(c)))...)
	}
	return append(b, '}')
}

// allRefused tells whether nothing generated is left in any choice.
func allRefused(o *output) bool {
	for _, ch := range o.choices {
		if len(ch.channels) > 0 {
			return false
		}
	}
	return true
}

// headers are those of every answer that carries generated content.
func (g *Gateway) headers(c *call) {
	h := c.w.Header()
	h.Set("X-Hegui-Exchange", c.id)
	h.Set("X-Hegui-Content-ID", c.content)
	if c.op.name != "embedding" && c.op.name != "transcription" && c.service.Modes.Label.Act != "observe" {
		h.Set("X-AIGC", g.implicit(c))
	}
}
