package moderation

import "unicode/utf8"

// Window watches one channel of one choice while it streams. Its results depend on the logical text alone, never on how
// it was cut, bytes inside a rune included (DESIGN §4 rules 1 and 2). Not safe for concurrent use.
//
// The text ends, as far as findings go, where the first block-tier match ends: the one with the smallest End, among those
// the smallest Start, then the smallest entry id. Findings that end later are not reported, those that end with it are.
// Release pointer = scan pointer, less the longest suffix that can still become a block-tier match, the skipped runes
// inside it and an unfinished rune. Signal and observe entries never hold text back.
type Window struct {
	c       cursor
	buf     []byte // T from base on
	base    int
	out     int // bytes of buf that are released
	scanned int
	over    bool // closed or violated
}

// NewWindow starts at offset 0 of an empty text that stands in scene. acts tells which hits are violations and hold text
// back; nil means those of the block tier.
func (l *Lexicon) NewWindow(scene Scene, acts func(category string, tier Tier) bool) *Window {
	return &Window{c: cursor{l: l}}
}

// Step is what one Write or Close allows.
type Step struct {
	Release   []byte    // text that may now be shown, in order; valid until the next call. Never cuts a rune
	Findings  []Finding // completed by this step, ordered by End, then Start
	Violation *Finding  // the first block-tier hit; after it nothing is released any more
}

// Write takes the next bytes of T. Held back is exactly what could still become a block-tier match (and an unfinished
// rune), nothing on a timer. The step that finds a violation releases what stands before it. After a violation or Close,
// Write does nothing.
func (w *Window) Write(chunk []byte) Step {
	if w.over {
		return Step{}
	}
	w.shift()
	w.buf = append(w.buf, chunk...)
	w.read(wholeRunes(w.buf))
	return w.step()
}

// Close ends T: what was held back and did not become a match is released.
func (w *Window) Close() Step {
	if w.over {
		return Step{}
	}
	w.shift()
	w.read(len(w.buf))
	w.c.finish(true)
	if !w.c.stop {
		w.c.node = 0 // no match is under way any more: nothing is held
	}
	s := w.step()
	w.over = true
	return s
}

// Resume goes on after the end of the violation last reported, as if the text began there; the next Write or Close reads
// what had come with it. The bytes of the violation itself are never released: who resumes shows them, or something in
// their place. Without a violation it does nothing.
func (w *Window) Resume() {
	if !w.c.stop {
		return
	}
	w.out = w.scanned - w.base
	w.c = cursor{l: w.c.l}
	w.over = false
}

// shift forgets what the step before released.
func (w *Window) shift() {
	w.buf = w.buf[:copy(w.buf, w.buf[w.out:])]
	w.base += w.out
	w.out = 0
	w.c.found = nil
}

// read scans buf up to n.
func (w *Window) read(n int) {
	from := w.scanned - w.base
	w.scanned += w.c.feed(w.buf[from:n], w.scanned, true)
}

func (w *Window) step() Step {
	s := Step{Findings: w.c.found}
	until := w.scanned
	switch start, held := w.c.hold(); {
	case w.c.stop:
		violation := w.c.first
		s.Violation = &violation
		w.over = true
		w.scanned = violation.End
		until = violation.Start
	case held:
		until = start
	}
	w.out = until - w.base
	s.Release = w.buf[:w.out:w.out]
	return s
}

// Released is the number of bytes of T released so far.
func (w *Window) Released() int { return w.base + w.out }

// Scanned is the number of bytes of T read so far, an unfinished rune not counted; after a violation it is its End.
func (w *Window) Scanned() int { return w.scanned }

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
