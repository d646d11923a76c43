package moderation

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// verdicts on a raw hit
type settled uint8

const (
	no settled = iota
	yes
	wait // not known before more of T is seen
)

// borderRunes is how much text beside a hit the word lattice looks at.
const borderRunes = 10

// lookBack is how much text before anything under way is kept, in bytes: room for what contexts and word borders look at.
const lookBack = 1024

// keepRunes is how long a judged hit may still matter to a later one.
const keepRunes = 4*MaxRunes + MaxNear

// settle judges queued hits in order, as far as T has been seen; final says that T ends here. In order means that a later
// hit is judged after an earlier one, so that what is found, and where the first violation is, depends on T alone.
func (c *cursor) settle(final bool) {
	limit := c.seen
	if !final && c.anchored() { // a pattern may yet turn out to have ended with the newest rune
		limit--
	}
	for c.next < len(c.queue) {
		h := c.queue[c.next]
		if c.first != nil && h.end > c.first.End || int(h.to) > limit {
			break
		}
		v := no
		switch c.l.patterns[h.pattern].role {
		case roleHit, rolePart:
			v = c.judge(h, final)
		}
		if v == wait {
			return
		}
		c.next++
		if v == yes {
			c.find(h)
		}
	}
	if c.first != nil {
		c.limit = c.first.to
		return
	}
	c.prune()
}

// anchored tells whether a pattern waits at an anchor for the next rune.
func (c *cursor) anchored() bool {
	for i := range c.machines {
		m := &c.machines[i]
		for _, t := range m.threads {
			if m.p.prog.Inst[t.pc].Op == syntax.InstEmptyWidth {
				return true
			}
		}
	}
	return false
}

// find records a hit that counts.
func (c *cursor) find(h raw) {
	p := &c.l.patterns[h.pattern]
	if p.role == rolePart {
		if c.parts == nil {
			c.parts = map[int32]uint32{}
		}
		all := c.l.parts[p.entry]
		c.parts[p.entry] |= 1 << p.part
		if c.parts[p.entry] != all {
			return
		}
	}
	if !c.until {
		c.hits = append(c.hits, h.hit())
		return
	}
	f := c.l.finding(h.hit())
	if c.told == nil {
		c.told = map[int32]int{}
	}
	if c.told[p.entry]++; c.told[p.entry] <= mostFindings(h.end) {
		c.found = append(c.found, f)
	}
	if c.first == nil && c.act(&c.l.entries[p.entry]) && (c.spare == nil || !c.spare(f)) {
		c.first = &violation{f, int(h.to)}
	}
}

// finding is what is told of a hit.
func (l *Lexicon) finding(h hit) Finding {
	p := &l.patterns[h.pattern]
	form := p.form
	if h.sep && form == asWritten {
		form = separated
	}
	return Finding{Listed: &l.listed[p.entry], Form: form.name(), Start: h.start, End: h.end}
}

// violation is the finding that ends T.
type violation struct {
	Finding
	to int
}

// act tells whether hits of an entry are violations.
func (c *cursor) act(e *Entry) bool {
	if c.acts == nil {
		return e.Tier == Block
	}
	return c.acts(e.Category, e.Tier)
}

// judge tells whether a hit counts.
func (c *cursor) judge(h raw, final bool) settled {
	p := &c.l.patterns[h.pattern]
	if v := c.borders(h, final); v != yes {
		return v
	}
	if p.plain && !c.l.allows {
		return yes
	}
	e := &c.l.entries[p.entry]
	if p.form == byReading && c.literal(h, p.entry) {
		return no // found as written as well
	}
	if e.Kind == Whole {
		if v := c.alone(h, final); v != yes {
			return v
		}
	}
	if c.l.allows {
		if v := c.allowed(h, final); v != yes {
			return v
		}
	}
	if e.Border && p.form == asWritten && !h.sep {
		if v := c.onBorders(h, final); v != yes {
			return v
		}
	}
	for k := range e.Context {
		if v := c.context(h, p.entry, uint8(k), &e.Context[k], final); v != yes {
			return v
		}
	}
	return yes
}

// borders: a hit that ends in an ASCII letter or digit has no other behind it. What stands before it was looked at when it
// was queued.
func (c *cursor) borders(h raw, final bool) settled {
	p := &c.l.patterns[h.pattern]
	end := p.endWord
	if p.role == roleHit && c.l.entries[p.entry].Kind == Pattern {
		r, _ := utf8.DecodeLastRune(c.text[:h.end-c.base])
		end = c.l.letters.isWord(c.l.letters.of(r))
	}
	if !end {
		return yes
	}
	r, ok := c.after(h.end)
	switch {
	case ok && c.l.letters.isWord(c.l.letters.of(r)):
		return no
	case ok || final:
		return yes
	}
	return wait
}

// after is the next rune at or behind offset at that is not skipped.
func (c *cursor) after(at int) (rune, bool) {
	for i := at - c.base; i < c.at-c.base; {
		r, size := utf8.DecodeRune(c.text[i : c.at-c.base])
		if c.l.letters.of(r) != classSkip {
			return r, true
		}
		i += size
	}
	return 0, false
}

// literal tells whether the text of a hit is the entry as written.
func (c *cursor) literal(h raw, entry int32) bool {
	return slices.Equal(foldText(c.l.table, string(c.text[h.start-c.base:h.end-c.base])), foldText(c.l.table, c.l.entries[entry].Text))
}

// alone: nothing but space stands around the hit.
func (c *cursor) alone(h raw, final bool) settled {
	if !c.blank || !c.space(c.base, h.start) || !c.space(h.end, c.at) {
		return no
	}
	if final {
		return yes
	}
	return wait
}

// space tells whether T is nothing but space from one offset to another.
func (c *cursor) space(from, to int) bool {
	for _, r := range string(c.text[from-c.base : to-c.base]) {
		if f := fold(c.l.table, r); f != skip && f != ' ' && f != 0x3000 {
			return false
		}
	}
	return true
}

// allowed: no allow entry that is not shorter overlaps the hit.
func (c *cursor) allowed(h raw, final bool) settled {
	open := false
	for q := range c.around(h, 0) {
		if q.end <= h.start || c.l.patterns[q.pattern].role != roleAllow || q.start >= h.end || q.to-q.from < h.to-h.from {
			continue
		}
		switch c.borders(q, final) {
		case yes:
			return no
		case wait:
			open = true
		}
	}
	if final {
		return yes
	}
	if n := c.l.words.deepest(c.written.node, belowAllow); open || n != 0 && c.seen-c.l.words.depth(n) < int(h.to) {
		return wait
	}
	return yes
}

// onBorders asks the word lattice about a hit of two or three ideographs.
func (c *cursor) onBorders(h raw, final bool) settled {
	if n := h.to - h.from; n < 2 || n > 3 {
		return yes
	}
	if !final && c.seen < int(h.to)+borderRunes {
		return wait
	}
	var buf [2*borderRunes + 3]rune
	left := c.runesBefore(h.start, buf[:0:borderRunes])
	hit := c.runesAfter(h.start, h.end, buf[borderRunes:borderRunes:borderRunes+3])
	right := c.runesAfter(h.end, c.at, buf[borderRunes+3:borderRunes+3])
	if wordBook().border(left, hit, right) {
		return yes
	}
	return no
}

// runesBefore fills buf with the folded runes before at, in order; it looks back lookBack bytes at most.
func (c *cursor) runesBefore(at int, buf []rune) []rune {
	floor := max(0, at-lookBack) - c.base
	for i := at - c.base; i > floor && len(buf) < cap(buf); {
		r, size := utf8.DecodeLastRune(c.text[:i])
		i -= size
		if f := fold(c.l.table, r); f != skip && !spaceAgain(buf, f) {
			buf = append(buf, f)
		}
	}
	slices.Reverse(buf)
	return buf
}

// runesAfter fills buf with the folded runes between two offsets.
func (c *cursor) runesAfter(from, to int, buf []rune) []rune {
	for i := from - c.base; i < to-c.base && len(buf) < cap(buf); {
		r, size := utf8.DecodeRune(c.text[i : to-c.base])
		i += size
		if f := fold(c.l.table, r); f != skip && !spaceAgain(buf, f) {
			buf = append(buf, f)
		}
	}
	return buf
}

// spaceAgain tells a space beside another.
func spaceAgain(runes []rune, r rune) bool {
	return r == ' ' && len(runes) > 0 && runes[len(runes)-1] == ' '
}

// context judges one condition on what stands around a hit.
func (c *cursor) context(h raw, entry int32, k uint8, x *Context, final bool) settled {
	reach := reachOf(*x)
	words := c.l.near[entry][k]
	met := false
	open := false
	for q := range c.around(h, reach) {
		p := &c.l.patterns[q.pattern]
		switch {
		case x.Rule == With:
			other := &c.l.entries[p.entry]
			if p.role != roleHit || p.entry == entry || other.Category != x.Category || len(other.Context) > 0 || other.Kind == Whole {
				continue
			}
		case p.role != roleWord || !slices.Contains(words, p.entry):
			continue
		}
		if int(q.to)+reach < int(h.from) || int(h.to)+reach < int(q.from) {
			continue
		}
		if x.Sentence && !c.sameSentence(min(q.end, h.end), max(q.start, h.start)) {
			continue
		}
		switch c.borders(q, final) {
		case yes:
			met = true
		case wait:
			open = true
		}
	}
	known := final || met || !open && c.seen >= int(h.to)+c.l.reach[entry]
	switch {
	case !known:
		return wait
	case met == (x.Rule != NotNear):
		return yes
	}
	return no
}

// sameSentence tells whether no sentence ends between two offsets. It looks at lookBack bytes at most.
func (c *cursor) sameSentence(from, to int) bool {
	if to-from > lookBack {
		return false
	}
	if to <= from {
		return true
	}
	for _, r := range string(c.text[max(0, from-c.base) : to-c.base]) {
		if endsSentence(r) {
			return false
		}
	}
	return true
}

// around gives the queued patterns that may lie within reach runes of h, the one being judged.
func (c *cursor) around(h raw, reach int) func(func(raw) bool) {
	return func(yield func(raw) bool) {
		for i := c.next - 1; i >= 0 && int(c.queue[i].to)+reach >= int(h.from); i-- {
			if !yield(c.queue[i]) {
				return
			}
		}
		for i := c.next + 1; i < len(c.queue) && int(c.queue[i].to) <= int(h.to)+reach+2*MaxRunes; i++ {
			if !yield(c.queue[i]) {
				return
			}
		}
	}
}

// prune forgets judged hits that can matter to no later one.
func (c *cursor) prune() {
	if !c.l.allows && !c.l.contexts {
		c.queue = c.queue[:copy(c.queue, c.queue[c.next:])]
		c.next = 0
		return
	}
	oldest := c.seen
	if c.next < len(c.queue) {
		oldest = int(c.queue[c.next].from)
	}
	n := 0
	for n < c.next && int(c.queue[n].to)+keepRunes < oldest {
		n++
	}
	c.queue = c.queue[:copy(c.queue, c.queue[n:])]
	c.next -= n
}

// heldFrom is where the earliest thing under way that can still become a violation begins; T's end if there is none.
func (c *cursor) heldFrom() int {
	if n := c.fed(); c.heldSeen != n { // skipped runes change nothing
		c.heldSeen, c.held = n, -1
		if at := c.holds(); at < c.at {
			c.held = at
		}
	}
	if c.held >= 0 {
		return c.held
	}
	return c.at
}

// fed grows with every rune that changes a state; never 0.
func (c *cursor) fed() int {
	if len(c.machines) > 0 { // they see the spaces that are not counted
		return c.last.byte + 1
	}
	return c.seen + 1
}

func (c *cursor) holds() int {
	at := c.at
	if c.first != nil {
		at = c.first.Start
	}
	for _, h := range c.queue[c.next:] {
		if p := &c.l.patterns[h.pattern]; (p.role == roleHit || p.role == rolePart) && c.act(&c.l.entries[p.entry]) {
			at = min(at, h.start)
		}
	}
	return min(at, c.under(&c.written, c.l.words, c.l.letters, c.tight, c.loose), c.underSound(), c.underPattern())
}

// under is where the longest text under way in an automaton begins.
func (c *cursor) under(st *state, t *trie, a *alphabet, tight, loose uint8) int {
	return min(c.longest(t, a, st.node, tight, false), c.longest(t, a, st.loose, loose, true))
}

// longest is where the longest suffix begins that can become a pattern so flagged. One that begins inside a word cannot.
func (c *cursor) longest(t *trie, a *alphabet, n uint32, flags uint8, dense bool) int {
	for n = t.deepest(n, flags); n != 0; n = t.deepest(t.failOf(n), flags) {
		start, _ := c.back(a, c.at, t.depth(n), dense)
		if r, _ := utf8.DecodeRune(c.text[start-c.base:]); !a.isWord(a.of(r)) || c.borderBefore(start) {
			return start
		}
	}
	return c.at
}

func (c *cursor) underSound() int {
	if c.l.sounds == nil {
		return c.at
	}
	return c.under(&c.sounded, c.l.sounds, c.l.syllables, c.tight, 0)
}

func (c *cursor) underPattern() int {
	at := c.at
	for i := range c.machines {
		m := &c.machines[i]
		if e := &c.l.entries[c.l.patterns[m.p.pattern].entry]; len(m.threads) > 0 && c.act(e) {
			at = min(at, m.threads[0].start.byte)
		}
	}
	return at
}

// needsFrom is the offset from which T must be kept.
func (c *cursor) needsFrom() int {
	if n := c.fed(); c.needsSeen != n {
		c.needsSeen, c.needs = n, -1
		if at := c.uses(); at < c.at {
			c.needs = at
		}
	}
	at := c.at
	if c.needs >= 0 {
		at = c.needs
	}
	if at -= lookBack; at <= c.base {
		return c.base
	}
	for at > c.base && !utf8.RuneStart(c.text[at-c.base]) {
		at--
	}
	return at
}

func (c *cursor) uses() int {
	at := c.at
	for _, h := range c.queue {
		at = min(at, h.start)
	}
	at = min(at, c.deep(&c.written, c.l.words, c.l.letters))
	if c.l.sounds != nil {
		at = min(at, c.deep(&c.sounded, c.l.sounds, c.l.syllables))
	}
	for i := range c.machines {
		for _, t := range c.machines[i].threads {
			at = min(at, t.start.byte)
		}
	}
	return at
}

// deep is where the text that an automaton has under way begins.
func (c *cursor) deep(st *state, t *trie, a *alphabet) int {
	at, _ := c.back(a, c.at, t.depth(st.node), false)
	if st.loose != 0 {
		start, _ := c.back(a, c.at, t.depth(st.loose), true)
		at = min(at, start)
	}
	return at
}
