package gateway

import (
	"slices"
	"unicode/utf8"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/decode"
)

// through is the text that a channel has let through, not masked, as far as it was not looked at for encodings yet.
type through struct {
	text []byte
	at   int // where it begins in the channel's text
}

// throughMost is how much is kept before it is looked at; an encoding over such a border is read in two parts. Ours.
const throughMost = 256 << 10

// encoded looks at what a channel's text says in Base64 and the other encodings that moderation/decode knows. Nobody reads them as they
// stand, so a stream is not held back for them: it is looked at when the channel ends, and what is found ends the answer after it was
// shown, to be taken back. An answer that is sent as a whole is not shown. released is the last of the text, not shown yet; what
// may be shown of it is returned.
func (o *output) encoded(ch *choice, x *channel, released []byte, last bool) (shown []byte, stop *cut) {
	before := len(x.through.text)
	x.through.text = append(x.through.text, released...)
	if !last && len(x.through.text) < throughMost {
		return released, nil
	}
	text, at := x.through.text, x.through.at
	x.through = through{at: at + len(text)}
	found, partial := decode.Encoded(o.c.lexicon, x.scene, text)
	if partial != nil {
		partial.Start, partial.End = at+partial.Start, at+partial.End
		if o.g.outage(o.c, "moderate_out", moderateOutMode, partial) != nil {
			return nil, &cut{code: "guard_unavailable", channel: x, shown: utf8.RuneCount(text[:before]), decision: moderation.Decision{Action: o.onViolation(), Reason: "guard_unavailable"}}
		}
	}
	var first *moderation.WatchFinding
	for _, f := range found {
		w := moderation.WatchFinding{Finding: f, Detector: moderation.KindLexicon, Artefact: o.c.lexicon.Hash(), Decision: o.table.Decide(moderation.CaseOf(f))}
		w.Start, w.End = at+f.Start, at+f.End
		if o.seen(ch, x, w) {
			continue
		}
		o.note(ch, x, []moderation.WatchFinding{w})
		switch {
		case w.Decision.Action == moderation.Allow || !o.enforce:
		case first == nil, w.Start < first.Start, w.Start == first.Start && w.Decision.Action.Stricter(first.Decision.Action):
			first = &w
		}
	}
	if first == nil {
		return released, nil
	}
	stop = &cut{code: "content_filter", category: first.Category, channel: x, decision: first.Decision}
	if stop.decision.Action == moderation.Mask { // a part of an encoding cannot be masked
		stop.decision.Action = o.onViolation()
	}
	if from := first.Start - at; from >= before {
		return released[:from-before], stop
	} else {
		stop.shown = utf8.RuneCount(text[from:before])
	}
	return nil, stop
}

// seen tells whether the watches found it already: they read escapes as the text goes along.
func (o *output) seen(ch *choice, x *channel, w moderation.WatchFinding) bool {
	return slices.ContainsFunc(o.c.findings, func(f exchange.Finding) bool {
		return f.Where == "out" && f.Choice == ch.index && f.Channel == x.name && f.Entry == w.Entry && f.Start == w.Start && f.End == w.End
	})
}
