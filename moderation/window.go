package moderation

import "unicode/utf8"

// Window watches one channel of one choice while it streams. Its results depend on the logical text alone, never on how
// it was cut, bytes inside a rune included (DESIGN §4 rules 1 and 2). Not safe for concurrent use.
//
// The text ends, as far as findings go, where the first violation ends: the one with the smallest End, among those the
// smallest Start, then the smallest entry id. Findings that end later are not reported, those that end with it are.
// Release pointer = scan pointer, less the longest suffix that can still become a violation, hits whose surroundings are
// not seen yet, the skipped runes and separators inside them, and an unfinished rune. What can not become a violation
// never holds text back.
type Window struct {
	c      cursor
	buf    []byte // T from c.base on
	out    int    // offset up to which T is released
	closed bool
	over   bool // closed or violated
}

// NewWindow starts at offset 0 of an empty text that stands in scene. acts tells which hits are violations and hold text
// back; nil means those of the block tier.
func (l *Lexicon) NewWindow(scene Scene, acts func(category string, tier Tier) bool) *Window {
	w := &Window{c: cursor{l: l, scene: scene, acts: acts, until: true, blank: true}}
	w.c.tight, w.c.loose = belowBlock, belowSepBlock
	if acts != nil {
		w.c.tight, w.c.loose = 0, 0
		for _, k := range l.kinds {
			switch {
			case !acts(k.category, k.tier):
			case k.tier == Block:
				w.c.tight |= belowBlock
				w.c.loose |= belowSepBlock
			default:
				w.c.tight |= belowAny
				w.c.loose |= belowSepAny
			}
		}
	}
	return w
}

// Spare excepts single hits from being violations, though acts says so of their kind: text is held back for them, they are
// reported, and the text goes on, with every other hit in it. To be called before the first Write.
func (w *Window) Spare(hit func(Finding) bool) { w.c.spare = hit }

// Step is what one Write, Close or Resume allows.
type Step struct {
	Release   []byte    // text that may now be shown, in order; valid until the next call. Never cuts a rune
	Findings  []Finding // completed by this step, ordered by End, then Start; valid until the next call
	Violation *Finding  // the first violation; after it nothing is released any more, unless Resume is called
}

// Write takes the next bytes of T. Held back is exactly what could still become a violation (and an unfinished rune),
// nothing on a timer. The step that finds a violation releases what stands before it. After a violation or Close, Write
// does nothing.
func (w *Window) Write(chunk []byte) Step {
	if w.over {
		return Step{}
	}
	w.shift()
	w.buf = append(w.buf, chunk...)
	return w.look()
}

// Close ends T: what was held back and did not become a violation is released.
func (w *Window) Close() Step {
	if w.over {
		return Step{}
	}
	w.shift()
	w.closed = true
	return w.look()
}

// Resume goes on behind the violation that the step before reported, as if a new text began there: for callers that show
// something in its place. Text that had arrived already is screened at once.
func (w *Window) Resume() Step {
	if w.c.first == nil || !w.over {
		return Step{}
	}
	c := &w.c
	w.out, c.at, c.seen = c.first.End, c.first.End, c.first.to
	c.queue = c.queue[:c.next]
	c.written, c.sounded = state{sepAt: c.seen}, state{sepAt: c.seen}
	for i := range c.machines {
		c.machines[i].threads = c.machines[i].threads[:0]
	}
	r, _ := utf8.DecodeLastRune(c.text[:c.at-c.base])
	if r = fold(c.l.table, r); r == ' ' {
		c.written.spaceAt, c.sounded.spaceAt = c.seen+1, c.seen+1
	}
	if len(c.machines) > 0 {
		c.last, c.lastFold = place{c.at, c.seen}, r
	}
	c.first, c.limit = nil, 0
	c.heldSeen, c.needsSeen = 0, 0
	w.over = false
	w.shift()
	return w.look()
}

// shift forgets what no later step needs.
func (w *Window) shift() {
	w.c.text = w.buf
	keep := min(w.out, w.c.needsFrom())
	if cut := keep - w.c.base; cut > len(w.buf)/2 {
		w.c.blank = w.c.blank && w.c.space(w.c.base, keep)
		w.c.baseWord = !w.c.borderBefore(keep)
		w.buf = w.buf[:copy(w.buf, w.buf[cut:])]
		w.c.base = keep
	}
	w.c.text = w.buf
	w.c.found = w.c.found[:0]
}

// look reads what has arrived and says what may be shown.
func (w *Window) look() Step {
	c := &w.c
	c.text = w.buf
	n := len(w.buf)
	if !w.closed {
		n = wholeRunes(w.buf)
	}
	c.read(c.base + n)
	if w.closed && !c.stopped() {
		c.finish()
		c.settle(true)
	}
	s := Step{Findings: c.found}
	until := c.at
	switch {
	case c.stopped():
		violation := c.first.Finding
		s.Violation = &violation
		w.over = true
		until = violation.Start
	case w.closed:
		w.over = true
	default:
		until = c.heldFrom()
	}
	from := w.out
	w.out = max(w.out, until)
	s.Release = w.buf[from-c.base : w.out-c.base : w.out-c.base]
	return s
}

// Released is the number of bytes of T released so far.
func (w *Window) Released() int { return w.out }

// Scanned is the number of bytes of T read so far, an unfinished rune not counted; after a violation it is its End.
func (w *Window) Scanned() int {
	if w.c.stopped() {
		return w.c.first.End
	}
	return w.c.at
}

// wholeRunes is the length of b without an unfinished rune at its end.
func wholeRunes(b []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if at := len(b) - i; utf8.RuneStart(b[at]) {
			if !utf8.FullRune(b[at:]) {
				return at
			}
			break
		}
	}
	return len(b)
}
