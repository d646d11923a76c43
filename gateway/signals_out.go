package gateway

import (
	"slices"

	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/signals"
)

// A channel's signals are looked for while it streams. What is found, and where the text ends because of it, depends on the
// text alone: runaway repetition and leaks of the prompt are told at a character, the others at every half window.
type outSignals struct {
	set    *signalSet
	loop   *signals.Loop
	leak   *signals.Leaking
	plain  bool // secrets, links or lures are looked for
	day    string
	window []byte // of the text that has not been looked at by all, from base on
	base   int
	bytes  int // of the channel's text so far
}

// signalWindow is how much of an answer is looked at together, in bytes; what is longer than half of it may be missed. Ours.
const signalWindow = 1024

// newOutSignals watches one channel; nil when there is nothing to watch for.
func (o *output) newOutSignals() *outSignals {
	set := o.c.watches
	if set == nil {
		return nil
	}
	s := &outSignals{set: set, day: o.c.day()}
	d := set.declared
	s.plain = d.Watches(signals.Secret) || d.Watches(signals.Link) || d.Watches(signals.Lure)
	if d.Watches(signals.Repetition) {
		s.loop = &signals.Loop{}
	}
	if d.Watches(signals.Leak) {
		if p := o.g.signalSets.prompts.of(o.g.memory, &o.c.request); p != nil {
			s.leak = p.Watch()
		}
	}
	if !s.plain && s.loop == nil && s.leak == nil {
		return nil
	}
	return s
}

// seen is a finding with the byte of the channel's text up to which it may be shown.
type seen struct {
	signals.Finding
	until int
}

// write looks at the next text and returns what was found in it, in order. Offsets are those of the channel's text.
func (s *outSignals) write(text []byte, last bool) []seen {
	var found []seen
	if s.loop != nil {
		found = appendSeen(found, s.loop.Write(text))
	}
	if s.leak != nil {
		found = appendSeen(found, s.leak.Write(text))
	}
	s.bytes += len(text)
	if s.plain {
		s.window = append(s.window, text...)
		for len(s.window) >= signalWindow {
			found = append(found, s.look(s.window[:signalWindow], signalWindow/2)...)
			s.window = append(s.window[:0], s.window[signalWindow/2:]...)
			s.base += signalWindow / 2
		}
		if last && len(s.window) > 0 {
			found = append(found, s.look(s.window, len(s.window))...)
			s.window = nil
		}
	}
	slices.SortStableFunc(found, func(a, b seen) int { return a.until - b.until })
	return found
}

// look reports what begins in the first bytes of a window; what begins later is seen whole in the next.
func (s *outSignals) look(window []byte, begins int) []seen {
	var found []seen
	for _, f := range s.set.scanPlain(window, s.day) {
		if f.Start >= begins {
			continue
		}
		f.Start, f.End = f.Start+s.base, f.End+s.base
		found = append(found, seen{f, s.base + len(window)})
	}
	return found
}

func appendSeen(list []seen, found []signals.Finding) []seen {
	for _, f := range found {
		list = append(list, seen{f, f.End})
	}
	return list
}

// signaled records what a channel's signals tell of its next text. If that ends the answer, only the first keep bytes of the
// text may still be looked at and shown.
func (o *output) signaled(ch *choice, x *channel, text []byte, last bool) (keep int, stop *cut) {
	if x.signals == nil {
		return len(text), nil
	}
	before := x.signals.bytes
	for _, f := range x.signals.write(text, last) {
		o.c.found(signalFinding("out", x.name, ch.index, x.signals.set, f.Finding, 0))
		d := o.table.Decide(signalCase(f.Finding))
		if !o.enforce || !d.Action.Stricter(moderation.Mask) { // what is found late cannot be masked
			continue
		}
		if stop == nil {
			keep = min(max(f.until-before, 0), len(text))
			stop = &cut{code: "content_filter", category: f.Category, channel: x, decision: d}
		}
	}
	if stop == nil {
		return len(text), nil
	}
	return keep, stop
}
