package moderation

import "unicode/utf8"

// mark remembers one seen rune of a partial match.
type mark struct {
	start  int  // where the rune begins in T
	border bool // a word may begin here: the rune before it is no letter or digit
}

// cursor is the state of one scan: a whole text or a stream.
type cursor struct {
	l     *Lexicon
	node  int32
	last  uint16 // class of the rune before, skipped ones not counted
	wait  bool   // hits end at node whose last border is not known yet
	n     int    // marks made so far; marks[(n-1)%MaxRunes] is the newest. Only runes after which node is not the root are marked
	end   int    // where the newest marked rune ends in T
	found []Finding
	stop  bool    // a block-tier entry matched and the caller asked to stop there
	first Finding // that match
	marks [MaxRunes]mark
}

// feed reads text, which begins at offset base of T, as far as it holds whole runes, and returns how much that was. With
// untilBlock it stops at the rune that completed the first block-tier match.
func (c *cursor) feed(text []byte, base int, untilBlock bool) int {
	a := c.l.a
	class := &a.class
	for i := 0; i < len(text); {
		var k uint16
		size := 1
		if b := text[i]; b < utf8.RuneSelf {
			k = class[b]
		} else if b >= 0xE1 && b <= 0xEC && i+2 < len(text) && text[i+1]&0xC0 == 0x80 && text[i+2]&0xC0 == 0x80 {
			k = class[rune(b&0x0F)<<12|rune(text[i+1]&0x3F)<<6|rune(text[i+2]&0x3F)]
			size = 3
		} else {
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			k = a.classOf(r)
		}
		at := i
		i += size
		if k == classSkip {
			continue
		}
		if c.wait && !isWord(k) {
			c.hits(untilBlock)
			if c.stop {
				return at
			}
		}
		c.wait = false
		var next int32
		if k >= classFirst {
			if c.node == 0 {
				next = a.first[k]
			} else {
				next = a.step(c.node, k)
			}
		}
		c.node = next
		if next == 0 {
			c.last = k
			continue
		}
		c.marks[c.n%MaxRunes] = mark{start: base + at, border: !isWord(c.last)}
		c.n++
		c.last = k
		c.end = base + i
		if nd := &a.nodes[next]; nd.hits != 0 {
			if nd.endWord {
				c.wait = true
			} else if c.hits(untilBlock); c.stop {
				return i
			}
		}
	}
	return len(text)
}

// finish ends T: a word that ends with it has its border.
func (c *cursor) finish(untilBlock bool) {
	if c.wait && !c.stop {
		c.hits(untilBlock)
	}
	c.wait = false
}

// hits records the entries that end with the newest marked rune, longest first, which is by Start.
func (c *cursor) hits(untilBlock bool) {
	a := c.l.a
	for n := a.nodes[c.node].hits; n != 0; n = a.nodes[a.nodes[n].fail].hits {
		nd := &a.nodes[n]
		m := c.mark(nd)
		if nd.startWord && !m.border {
			continue
		}
		for _, e := range a.ends[nd.from:nd.to] {
			f := c.l.finding(e, m.start, c.end)
			c.found = append(c.found, f)
			if untilBlock && f.Tier == Block && !c.stop {
				c.stop, c.first = true, f
			}
		}
	}
}

// mark is where the match that has come to nd began.
func (c *cursor) mark(nd *node) *mark { return &c.marks[uint(c.n-int(nd.depth))%MaxRunes] }

// hold returns where the longest suffix of the text read that can still become a block-tier match begins.
func (c *cursor) hold() (start int, ok bool) {
	a := c.l.a
	for n := a.nodes[c.node].block; n != 0; n = a.nodes[a.nodes[n].fail].block {
		nd := &a.nodes[n]
		if m := c.mark(nd); !nd.startWord || m.border {
			return m.start, true
		}
	}
	return 0, false
}
