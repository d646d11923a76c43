package moderation

// syllableClass is the class of a toneless reading in the second automaton; 0 has none.
func syllableClass(s uint16) uint16 {
	if s == 0 {
		return classOther
	}
	return classFirst + asciiWords + s - 1
}

// newSyllables maps every rune to its reading: characters that sound alike are one class.
func newSyllables(table *[foldLimit]rune) *alphabet {
	a := &alphabet{class: make([]uint16, foldLimit), beyond: map[rune]uint16{}, letter: classFirst, foreign: true}
	for r := range rune(foldLimit) {
		f := table[r]
		if f == skip {
			a.class[r] = classSkip
			continue
		}
		c := syllableClass(syllable(f))
		if f == ' ' {
			c = classSpace
		}
		a.class[r] = c
		a.size = max(a.size, int(c)+1)
	}
	return a
}
