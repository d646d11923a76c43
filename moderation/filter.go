package moderation

import (
	"math/bits"
	"unicode/utf8"
)

// filter tells from four runes in a row whether a pattern may begin there. pairs has one word for each hash of the first
// two: 64 buckets for the third, the last of them for patterns of two as well; triples has the same for the first three and the fourth.
// What passes is looked up in the trie.
type filter struct {
	pairs   []uint64 // a power of two of them, as triples
	triples []uint64
	singles []uint64 // by class: a pattern of one rune
	single  bool
}

const ended = 1 << 63 // a pattern of no more runes

// Multipliers of the hashes, odd and without a pattern.
const (
	mixPair   = 0x9E3779B97F4A7C15
	mixThird  = 0xC2B2AE3D27D4EB4F
	mixBucket = 0xD6E8FEB86659FD93
)

func hashPair(a, b uint16) uint64 { return (uint64(a)<<16 | uint64(b)) * mixPair }

func hashTriple(a, b, c uint16) uint64 { return hashPair(a, b) + uint64(c)*mixThird }

// at is the word for a hash.
func at(words []uint64, hash uint64) uint64 { return words[hash>>36&uint64(len(words)-1)] }

// place is where it lies.
func (f *filter) place(hash uint64) uint64 { return hash >> 36 & uint64(len(f.pairs)-1) }

func bucket(c uint16) uint64 { return uint64(c) * mixBucket >> 58 & 63 }

// says tells whether a word has the bucket, or that a pattern has ended: 1 or 0.
func says(w uint64, c uint16) uint64 { return (w>>bucket(c) | w>>63) & 1 }

// alone tells whether a rune is a pattern by itself: 1 or 0.
func (f *filter) alone(c uint16) uint64 { return f.singles[c/64] >> (c % 64) & 1 }

// newFilter takes the patterns of order.
func newFilter(order []uint32, seqs [][]uint16, classes int) *filter {
	size := max(10, bits.Len(uint(len(order))))
	f := &filter{pairs: make([]uint64, 1<<size), triples: make([]uint64, 1<<size), singles: make([]uint64, classes/64+1)}
	for _, p := range order {
		switch s := seqs[p]; len(s) {
		case 1:
			f.single = true
			f.singles[s[0]/64] |= 1 << (s[0] % 64)
		case 2:
			f.pairs[f.place(hashPair(s[0], s[1]))] |= ended
		case 3:
			f.pairs[f.place(hashPair(s[0], s[1]))] |= 1 << bucket(s[2])
			f.triples[f.place(hashTriple(s[0], s[1], s[2]))] |= ended
		default:
			f.pairs[f.place(hashPair(s[0], s[1]))] |= 1 << bucket(s[2])
			f.triples[f.place(hashTriple(s[0], s[1], s[2]))] |= 1 << bucket(s[3])
		}
	}
	return f
}

const (
	sweepRunes  = 2048           // read at a time
	sweepMargin = 2*MaxRunes + 2 // kept for the next time: a match that begins before it ends inside
)

// sweep is the loop for whole texts: it reads blocks as classes, asks the filter at every rune and the trie where it
// says yes.
type sweep struct {
	cursor
	block
	first  int // index of the block's first rune in T
	maybe  [sweepRunes + sweepMargin + 1]uint16
	walked [(sweepRunes+sweepMargin)/64 + 1]uint64 // bit j: rune j has been walked from
}

// block is a piece of a text as classes, skipped runes left out.
type block struct {
	n     int
	class [sweepRunes + sweepMargin + 4]uint16
	off   [sweepRunes + sweepMargin + 4]int32 // where each begins in the text
}

// whole scans the whole text.
func (s *sweep) whole() {
	c := &s.cursor
	s.n, s.first = 0, 0
	read := 0
	for {
		read = s.fill(c.text, c.l.letters, read)
		limit := s.n
		if read < len(c.text) {
			limit -= sweepMargin
		}
		s.look(limit)
		end := len(c.text)
		if limit < s.n {
			end = int(s.off[limit])
		}
		if c.l.sounds != nil {
			c.follow(&c.sounded, c.l.sounds, c.l.syllables, end)
		}
		if len(c.l.programs) > 0 {
			c.run(end)
		}
		c.at, c.seen = end, s.first+limit
		if len(c.queue) > 0 {
			c.settle(false)
		}
		c.thin()
		if read == len(c.text) {
			break
		}
		copy(s.class[:], s.class[limit:s.n])
		copy(s.off[:], s.off[limit:s.n])
		s.n -= limit
		s.first += limit
	}
	c.finish()
	c.settle(true)
}

// fill reads classes of text from offset i on, behind those it has, as many as there is room for, and returns where it
// stopped. Of spaces in a row it takes the first.
func (b *block) fill(text []byte, a *alphabet, i int) int {
	class := (*[foldLimit]uint16)(a.class)
	n := b.n
	for i < len(text) && uint(n) < sweepRunes+sweepMargin {
		var k uint16
		size := 1
		if x := text[i]; x < utf8.RuneSelf {
			k = class[x]
		} else if x >= 0xE1 && x != 0xED && x <= 0xEF && i+2 < len(text) && text[i+1]&0xC0 == 0x80 && text[i+2]&0xC0 == 0x80 {
			k = class[uint32(x&0x0F)<<12|uint32(text[i+1]&0x3F)<<6|uint32(text[i+2]&0x3F)]
			size = 3
		} else {
			var r rune
			r, size = utf8.DecodeRune(text[i:])
			k = a.of(r)
		}
		at := int32(i)
		i += size
		if k-classSkip <= classSpace-classSkip && (k == classSkip || n > 0 && b.class[n-1] == classSpace) {
			continue
		}
		b.class[n], b.off[n] = k, at
		n++
	}
	b.n = n
	clear(b.class[n : n+4]) // classOther
	return i
}

// endOf is where rune k of the block ends in text.
func (b *block) endOf(text []byte, k int) int {
	_, size := utf8.DecodeRune(text[b.off[k]:])
	return int(b.off[k]) + size
}

// look finds the patterns that begin in the first limit runes of the block. It goes over the block in passes without
// branches, so that the processor fetches many words of the filter at once.
func (s *sweep) look(limit int) {
	f := s.l.filter
	pairs, triples := f.pairs, f.triples
	class := s.class[:limit+3]
	maybe := s.maybe[:limit]
	n := 0
	c0, c1 := class[0], class[1]
	if f.single {
		for j, c2 := range class[2 : limit+2] {
			maybe[n] = uint16(j)
			n += int(says(at(pairs, hashPair(c0, c1)), c2) | f.alone(c0))
			c0, c1 = c1, c2
		}
	} else {
		for j, c2 := range class[2 : limit+2] {
			maybe[n] = uint16(j)
			n += int(says(at(pairs, hashPair(c0, c1)), c2))
			c0, c1 = c1, c2
		}
	}
	all := maybe[:n]
	n = 0
	for _, j := range all {
		c0, c1, c2 := class[j], class[j+1], class[j+2]
		maybe[n] = j
		n += int(at(pairs, hashPair(c0, c1))>>63 | says(at(triples, hashTriple(c0, c1, c2)), class[j+3]) | f.alone(c0))
	}
	clear(s.walked[:])
	for _, j := range s.maybe[:n] {
		s.walk(int(j))
	}
	if s.l.words.separable {
		a := s.l.letters
		for j := 1; j < len(class); j++ {
			if !a.isSep(class[j]) {
				continue
			}
			for k := max(0, j-3); k < min(j, limit); k++ {
				if c := class[k]; c >= a.letter && s.l.words.root[c] != 0 && !(k > 0 && a.isWord(c) && a.isWord(class[k-1])) {
					s.over(k)
				}
			}
		}
	}
}

// over looks at a rune behind which a separator stands: may a pattern begin there, were there none?
func (s *sweep) over(j int) {
	if s.walked[j/64]>>(j%64)&1 != 0 {
		return
	}
	next := [4]uint16{s.class[j]}
	k := j + 1
	for m := 1; m < len(next); m++ {
		for k < s.n && s.l.letters.isSep(s.class[k]) {
			k++
		}
		if k < s.n {
			next[m] = s.class[k]
			k++
		}
	}
	f := s.l.filter
	w := at(f.pairs, hashPair(next[0], next[1]))
	if says(w, next[2]) != 0 && w>>63|says(at(f.triples, hashTriple(next[0], next[1], next[2])), next[3]) != 0 {
		s.walk(j)
	}
}

// walk finds every pattern that begins at rune j of the block.
func (s *sweep) walk(j int) {
	t, a := s.l.words, s.l.letters
	if s.walked[j/64]>>(j%64)&1 != 0 {
		return
	}
	s.walked[j/64] |= 1 << (j % 64)
	if a.isWord(s.class[j]) && !s.border(j) {
		return // inside a word: nothing that begins with a letter begins here
	}
	n := t.child(0, s.class[j])
	fork, at := uint32(0), 0 // where the first separator stood
	for k := j; n != 0; {
		if t.nodes[n]&endsHere != 0 {
			for _, p := range t.endsAt(n) {
				if !s.l.patterns[p].onlySep {
					s.hit(p, j, k, false)
				}
			}
		}
		k++
		c := s.class[k]
		if fork == 0 && t.separable && a.isSep(c) && s.class[j] >= a.letter {
			fork, at = n, k
		}
		if c == classOther {
			break
		}
		n = t.child(n, c)
	}
	n = fork
	for k := at; n != 0 && k < s.n && k < j+sweepMargin; k++ {
		c := s.class[k]
		if a.isSep(c) {
			continue
		}
		if c == classOther {
			break
		}
		if n = t.child(n, c); n == 0 || t.nodes[n]&endsHere == 0 {
			continue
		}
		for _, p := range t.endsAt(n) {
			if s.l.patterns[p].separable && evenGaps(s.text[s.off[j]:s.endOf(s.text, k)]) {
				s.hit(p, j, k, true)
			}
		}
	}
}

// border tells whether a word may begin at rune j of the block.
func (s *sweep) border(j int) bool {
	if j > 0 {
		return !s.l.letters.isWord(s.class[j-1])
	}
	return s.borderBefore(int(s.off[0]))
}

// hit takes a pattern from rune j to rune k: at once where nothing around it matters.
func (s *sweep) hit(p uint32, j, k int, sep bool) {
	x := &s.l.patterns[p]
	if x.endWord && s.l.letters.isWord(s.class[k+1]) {
		return
	}
	start, end := int(s.off[j]), s.endOf(s.text, k)
	if !s.plain || !x.plain || sep {
		s.push(raw{pattern: int32(p), sep: sep, start: start, end: end, from: int32(s.first + j), to: int32(s.first + k + 1)})
	} else if !s.l.scoped || s.l.inScope(int32(p), s.scene) {
		s.hits = append(s.hits, hit{int32(p), sep, start, end})
	}
}
