package moderation

import (
	"cmp"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Classes of runes. Every folded rune of the alphabet (the runes that occur in patterns, and the ASCII letters and digits
// always) has a class of its own; the space comes first, which is always one of them, then the other separators of the alphabet, then 0-9 and a-z, then the rest, the most
// frequent first, so that the trie's hot part lies close together.
const (
	classOther uint16 = iota // ends every partial match; in a trie, an empty slot
	classWord                // a Latin letter outside the alphabet: no word border beside it
	classSkip                // not seen
	classSpace               // the space; one behind another is not seen
	classSep                 // a separator outside the alphabet
	classFirst               // the rest of the alphabet
)

// alphabet maps any rune to its class: folding costs a scan nothing.
type alphabet struct {
	class  []uint16        // by rune below foldLimit
	beyond map[rune]uint16 // folded runes of the alphabet past foldLimit
	letter uint16          // class of '0': classes of separators lie below, those of ASCII letters and digits in letter … letter+35
	size   int             // number of classes

	foreign bool // ASCII has no place in it
}

// asciiWords is the number of classes of 0-9 and a-z.
const asciiWords = 36

func (a *alphabet) isWord(c uint16) bool { return c == classWord || c-a.letter < asciiWords }

// isSep tells separators, in the alphabet or not.
func (a *alphabet) isSep(c uint16) bool { return c >= classSpace && c < a.letter }

// of returns the class of any rune.
func (a *alphabet) of(r rune) uint16 {
	if uint32(r) < foldLimit {
		return a.class[r]
	}
	f := foldSlow(r)
	if f == skip {
		return classSkip
	}
	if uint32(f) < foldLimit {
		return a.class[f]
	}
	if c, ok := a.beyond[f]; ok {
		return c
	}
	if sepKind(f) != notSep {
		return classSep
	}
	return classOther
}

// newAlphabet gives every folded rune of the texts a class.
func newAlphabet(texts [][]rune, table *[foldLimit]rune) (*alphabet, map[rune]uint16, error) {
	counts := make(map[rune]int, 4096)
	for _, text := range texts {
		for _, r := range text {
			counts[r]++
		}
	}
	var seps, rest []rune
	for r := range counts {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r == ' ':
		case sepKind(r) != notSep:
			seps = append(seps, r)
		default:
			rest = append(rest, r)
		}
	}
	const last = 1<<16 - 1
	if n := int(classFirst) + len(seps) + asciiWords + len(rest); n > last {
		return nil, nil, fmt.Errorf("the entries use %d different characters; at most %d", n, last)
	}
	slices.Sort(seps)
	slices.SortFunc(rest, func(a, b rune) int { return cmp.Or(counts[b]-counts[a], int(a-b)) })
	classes := make(map[rune]uint16, len(counts)+asciiWords+1)
	classes[' '] = classSpace
	next := classFirst
	give := func(r rune) {
		classes[r] = next
		next++
	}
	for _, r := range seps {
		give(r)
	}
	a := &alphabet{class: make([]uint16, foldLimit), beyond: map[rune]uint16{}, letter: next}
	for r := '0'; r <= '9'; r++ {
		give(r)
	}
	for r := 'a'; r <= 'z'; r++ {
		give(r)
	}
	for _, r := range rest {
		give(r)
	}
	a.size = int(next)
	for r := range rune(foldLimit) {
		f := table[r]
		if c, ok := classes[f]; ok {
			a.class[r] = c
			continue
		}
		switch {
		case f == skip:
			a.class[r] = classSkip
		case latinLetter(f):
			a.class[r] = classWord
		case sepKind(f) != notSep:
			a.class[r] = classSep
		}
	}
	for r, c := range classes {
		if r >= foldLimit {
			a.beyond[r] = c
		}
	}
	return a, classes, nil
}

// latinLetter tells the letters, folded, that make words with ASCII letters: ß, ø, đ …
func latinLetter(r rune) bool { return r >= 0xDF && r < 0x250 && r != 0xF7 }

// Kinds of separators that an entry found with Forms.Separated looks over.
const (
	notSep    = iota
	softSep   // one of them may stand in any gap
	clauseSep // counts only where the same stands in every gap: commas, line breaks
)

// sepKind tells what kind of separator a rune is, folded or not. Ends of sentences are none.
func sepKind(r rune) int {
	switch r {
	case '。', '！', '？', '!', '?', '．':
		return notSep
	case ',', '，', '、', ';', '；', ':', '：', '\n', '\r', 0x85, 0x2028, 0x2029:
		return clauseSep
	}
	if r < utf8.RuneSelf {
		if r > ' ' && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == 0x7F) || r < ' ' && r != '\t' {
			return notSep
		}
		return softSep
	}
	if r == utf8.RuneError {
		return notSep
	}
	if unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsSymbol(r) {
		return softSep
	}
	return notSep
}

// endsSentence tells the marks and breaks between sentences.
func endsSentence(r rune) bool {
	switch r {
	case '。', '！', '？', '!', '?', '\n', '\r', 0x85, 0x2028, 0x2029:
		return true
	}
	return false
}
