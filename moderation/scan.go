package moderation

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// raw is a place where a pattern stands, before anything around it has been looked at.
type raw struct {
	pattern    int32
	sep        bool  // separators were looked over
	from, to   int32 // runes before start and end, skipped ones not counted
	start, end int   // byte offsets in T
}

// hit is a place where a pattern stands that counts.
type hit struct {
	pattern    int32
	sep        bool
	start, end int
}

func (r raw) hit() hit { return hit{r.pattern, r.sep, r.start, r.end} }

func (h hit) after(o hit) bool {
	switch {
	case h.end != o.end:
		return h.end > o.end
	case h.start != o.start:
		return h.start > o.start
	}
	return h.pattern > o.pattern
}

// state is where one automaton is in a text. Of spaces in a row it sees the first: an entry of several words is found however
// wide the gaps between them are, and runes are counted so.
type state struct {
	node uint32
	// loose is the node of the text with all separators left out; 0 while that is where node is, or nothing separable is
	// under way.
	loose   uint32
	sepAt   int // runes seen at the newest separator's end
	spaceAt int // one more than the runes seen at the newest space's end
}

// cursor is one scan, of a whole text or of a stream. Text arrives in order; patterns found are queued in order of their
// ends, and judged when all that matters around them has been seen.
type cursor struct {
	l     *Lexicon
	scene Scene
	acts  func(category string, tier Tier) bool // nil: block tier

	text     []byte // T from base to base+len(text), at least as far back as anything under way
	base     int
	at       int // bytes of T read
	seen     int // runes read, skipped ones not counted
	written  state
	sounded  state // pinyin
	machines []machine
	last     place // where the newest rune ends that the patterns have seen
	lastFold rune  // that rune

	queue                            []raw // by end, start, pattern
	next                             int   // queue[:next] are judged
	parts                            map[int32]uint32
	hits                             []hit     // that count, of a whole text
	counts                           []int32   // of them, by entry
	thick                            int       // number of hits at which they are thinned
	found                            []Finding // of a window
	first                            *violation
	told                             map[int32]int      // findings of each entry
	blank                            bool               // T before base is nothing but space
	baseWord                         bool               // the rune before base, skipped ones left out, is a letter or digit
	heldSeen, held, needsSeen, needs int                // what heldFrom and needsFrom found when seen was one less
	tight, loose                     uint8              // what the trie says lies below a node that must be held back
	until                            bool               // stop at the first violation
	spare                            func(Finding) bool // hits that are no violations though acts says so of their kind; nil: none
	plain                            bool               // a whole text, and no entry cancels hits: what nothing around matters for counts at once
	limit                            int                // rune index behind the violation
}

// segment is how much text is read between two judgements; it bounds the queue.
const segment = 32 << 10

// read reads text up to offset end of T.
func (c *cursor) read(end int) {
	for c.at < end && !c.stopped() {
		n := min(end, c.at+segment)
		if n < end { // cut between runes
			n = c.base + wholeRunes(c.text[:n-c.base])
			if n <= c.at {
				n = min(end, c.at+segment)
			}
		}
		c.advance(n)
		c.settle(false)
		c.thin()
	}
}

func (c *cursor) stopped() bool { return c.until && c.limit > 0 }

// advance takes text up to offset end through every automaton.
func (c *cursor) advance(end int) {
	seen := c.follow(&c.written, c.l.words, c.l.letters, end)
	if c.l.sounds != nil {
		c.follow(&c.sounded, c.l.sounds, c.l.syllables, end)
	}
	if len(c.l.programs) > 0 {
		c.run(end)
	}
	c.at, c.seen = end, seen
}

// follow is the stateful loop: one automaton over T from at to end. It returns how many runes have been seen then.
func (c *cursor) follow(st *state, t *trie, a *alphabet, end int) int {
	text := c.text[:end-c.base]
	class, check, nodes, root := (*[foldLimit]uint16)(a.class), t.class, t.nodes, t.root
	n := st.node
	v := nodes[n]
	seen := c.seen
	low := a.letter
	loose := st.loose != 0
	for i := c.at - c.base; i < len(text); {
		if a.foreign && n == 0 && text[i] < utf8.RuneSelf {
			if skipped := plainASCII(text[i:], st.spaceAt == seen+1); skipped > 0 {
				i += skipped
				if seen += skipped; text[i-1] == ' ' {
					st.spaceAt = seen + 1
				}
				continue
			}
		}
		var k uint16
		size := 1
		if b := text[i]; b < utf8.RuneSelf {
			k = class[b]
		} else if b >= 0xE1 && b != 0xED && b <= 0xEF && i+2 < len(text) && text[i+1]&0xC0 == 0x80 && text[i+2]&0xC0 == 0x80 {
			k = class[uint32(b&0x0F)<<12|uint32(text[i+1]&0x3F)<<6|uint32(text[i+2]&0x3F)]
			size = 3
		} else {
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			k = a.of(r)
		}
		i += size
		if k < low { // nothing, skipped, or a separator
			if k == classSkip || k == classSpace && st.spaceAt == seen+1 {
				continue
			}
			seen++
			if k == classSpace {
				st.spaceAt = seen + 1
			}
			if k < classSpace {
				st.loose = 0
			} else {
				if t.separable && st.loose == 0 {
					st.loose = t.within(n, seen-1-st.sepAt)
				}
				st.sepAt = seen
			}
			loose = st.loose != 0
			if k < classFirst && k != classSpace {
				n, v = 0, nodes[0]
				continue
			}
		} else {
			seen++
			if loose {
				c.loosen(st, t, a, k, c.base+i, seen)
				loose = st.loose != 0
			}
		}
		if uint32(v>>failShift)&slotMask == 0 { // at most one rune under way: no branch on what comes
			child, other := uint32(v&slotMask)+uint32(k), root[k]
			same := int32(uint32(check[child]^k)-1) >> 31 // all bits, if the class there is k
			n = other ^ (other^child)&uint32(same)
			v = nodes[n]
		} else {
			for {
				if child := uint32(v&slotMask) + uint32(k); check[child] == k {
					n, v = child, nodes[child]
					break
				}
				if n == 0 {
					break
				}
				n = uint32(v>>failShift) & slotMask
				v = nodes[n]
			}
		}
		if v >= endsChain {
			c.ends(t, a, n, c.base+i, seen)
		}
	}
	st.node = n
	return seen
}

// plainASCII is how many bytes text begins with, in eights, that are printable ASCII, each a rune that is seen: no space behind
// another. spaced tells that one stands before them. It may stop too early.
func plainASCII(text []byte, spaced bool) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	before := uint64(0)
	if spaced {
		before = 0x80
	}
	for ; n+8 <= len(text); n += 8 {
		x := binary.LittleEndian.Uint64(text[n:])
		y := x ^ 0x20*ones
		spaces := (y - ones) &^ y & tops // and perhaps what follows a space
		if (x|(x+ones)|(x-0x20*ones))&tops|spaces&(spaces<<8|before) != 0 {
			break
		}
		before = spaces >> 56
	}
	return n
}

// within is the longest suffix on the chain of n of at most this many runes.
func (t *trie) within(n uint32, runes int) uint32 {
	for t.depth(n) > runes {
		n = t.failOf(n)
	}
	return n
}

// loosen takes the text without separators one rune further, which ends at end.
func (c *cursor) loosen(st *state, t *trie, a *alphabet, k uint16, end, seen int) {
	n := t.step(st.loose, k)
	since := seen - st.sepAt
	if t.depth(n) <= since { // nothing under way reaches over a separator any more
		st.loose = 0
		return
	}
	st.loose = n
	for ; n != 0 && t.nodes[n]&endsChain != 0 && t.depth(n) > since; n = t.failOf(n) {
		if t.nodes[n]&endsHere == 0 {
			continue
		}
		for _, p := range t.endsAt(n) {
			if !c.l.patterns[p].separable {
				continue
			}
			start, runes := c.back(a, end, t.depth(n), true)
			if evenGaps(c.text[start-c.base : end-c.base]) {
				c.push(raw{pattern: int32(p), sep: true, start: start, end: end, from: int32(seen - runes), to: int32(seen)})
			}
		}
	}
}

// ends queues the patterns that end at node n, the longest first.
func (c *cursor) ends(t *trie, a *alphabet, n uint32, end, seen int) {
	for ; t.nodes[n]&endsChain != 0; n = t.failOf(n) {
		if t.nodes[n]&endsHere == 0 {
			continue
		}
		start, runes := -1, t.depth(n)
		for _, p := range t.endsAt(n) {
			if c.l.patterns[p].onlySep {
				continue
			}
			if start < 0 {
				start, _ = c.back(a, end, runes, false)
			}
			if c.plain && c.l.patterns[p].free && (!c.l.scoped || c.l.inScope(int32(p), c.scene)) {
				c.hits = append(c.hits, hit{int32(p), false, start, end})
			} else {
				c.push(raw{pattern: int32(p), start: start, end: end, from: int32(seen - runes), to: int32(seen)})
			}
		}
	}
}

// back walks from end back over n runes, skipped ones not counted, spaces in a row as one, and, when dense, no separators.
// It returns where they begin and how many runes they are with separators. The text always reaches back that far.
func (c *cursor) back(a *alphabet, end, n int, dense bool) (start, runes int) {
	i := end - c.base
	spaced := false
	for n > 0 && i > 0 {
		r, size := utf8.DecodeLastRune(c.text[:i])
		i -= size
		k := a.of(r)
		if k == classSkip || k == classSpace && spaced {
			continue
		}
		spaced = k == classSpace
		runes++
		if !dense || !a.isSep(k) {
			n--
		}
	}
	return c.base + i, runes
}

// push queues a pattern by (end, start, pattern).
func (c *cursor) push(r raw) {
	if c.l.scoped && !c.l.inScope(r.pattern, c.scene) {
		return
	}
	if c.l.patterns[r.pattern].startWord && !c.borderBefore(r.start) {
		return
	}
	at := len(c.queue)
	for at > c.next && c.queue[at-1].after(r) {
		at--
	}
	if at > 0 && c.queue[at-1] == r {
		return
	}
	c.queue = slices.Insert(c.queue, at, r)
}

func (r raw) after(s raw) bool { return r.hit().after(s.hit()) }

// evenGaps tells whether the separators inside a match are a disguise and not ordinary writing: at most one in each gap, or
// the same in every gap (commas and line breaks only so); and inside a run of ASCII letters and digits in every gap or none.
func evenGaps(match []byte) bool {
	table := folds()
	var first, gap []rune
	gaps, filled := 0, 0
	uniform, single := true, true
	inWord, wordGaps, wordFilled := false, 0, 0
	wordOK := func() bool { return wordFilled == 0 || wordFilled == wordGaps }
	started := false
	for _, r := range string(match) {
		f := fold(table, r)
		if f == skip {
			continue
		}
		if kind := sepKind(r); kind != notSep {
			gap = append(gap, r)
			if kind == clauseSep {
				single = false
			}
			continue
		}
		word := asciiWord(f)
		if started {
			gaps++
			if len(gap) > 0 {
				filled++
			}
			if len(gap) > 1 && !emphasis(gap) {
				single = false
			}
			if gaps == 1 {
				first = slices.Clone(gap)
			} else if !slices.Equal(first, gap) {
				uniform = false
			}
			if word && inWord {
				wordGaps++
				if len(gap) > 0 {
					wordFilled++
				}
			} else if !wordOK() {
				return false
			} else {
				wordGaps, wordFilled = 0, 0
			}
		}
		started, inWord, gap = true, word, gap[:0]
	}
	return filled > 0 && (uniform || single) && wordOK()
}

// emphasis tells the signs that Markdown sets around words, which its reader does not see: up to three of one kind.
func emphasis(gap []rune) bool {
	if len(gap) > 3 {
		return false
	}
	for _, r := range gap {
		if r != gap[0] {
			return false
		}
	}
	switch gap[0] {
	case '*', '_', '~', '`':
		return true
	}
	return false
}

// run takes the text up to end through the patterns of kind pattern.
func (c *cursor) run(end int) {
	table := c.l.table
	if c.machines == nil {
		for _, p := range c.l.programs {
			c.machines = append(c.machines, newMachine(p))
		}
	}
	seen := c.seen
	text := c.text[:end-c.base]
	for i := c.at - c.base; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		here := place{c.base + i, seen}
		i += size
		f := fold(table, r)
		if f == skip {
			continue
		}
		if f != ' ' || c.last.byte == 0 || c.lastFold != ' ' { // patterns see every space, and count like the rest
			seen++
		}
		c.feed(f, here, place{c.base + i, seen})
	}
}

// feed gives one folded rune, which stands between two places, to the patterns.
func (c *cursor) feed(r rune, from, to place) {
	prev, border := noRune, true
	if c.last.byte > 0 {
		prev = c.lastFold
		border = !asciiWord(prev) && !latinLetter(prev)
	}
	for i := range c.machines {
		m := &c.machines[i]
		before, with := m.step(prev, r, from, border)
		if before.ok {
			c.push(raw{pattern: int32(m.p.pattern), start: before.start.byte, end: c.last.byte, from: int32(before.start.rune), to: int32(c.last.rune)})
		}
		if with.ok {
			c.push(raw{pattern: int32(m.p.pattern), start: with.start.byte, end: to.byte, from: int32(with.start.rune), to: int32(to.rune)})
		}
	}
	c.last, c.lastFold = to, r
}

// finish tells the patterns that T ends here.
func (c *cursor) finish() {
	if len(c.machines) > 0 {
		at := c.last
		c.feed(noRune, at, at)
	}
}

// borderBefore tells whether a word may begin at offset at: the rune before it, skipped ones left out, is no letter or digit.
func (c *cursor) borderBefore(at int) bool {
	a := c.l.letters
	for i := at - c.base; i > 0; {
		r, size := utf8.DecodeLastRune(c.text[:i])
		i -= size
		if k := a.of(r); k != classSkip {
			return !a.isWord(k)
		}
	}
	return !c.baseWord
}
