package decode

import "bytes"

// What the commonest English words look like when shifted by 13. None of them is an English word.
const shiftedWords = " gur naq lbh ubj gb bs vf vg gung guvf jvgu sbe jung znxr ner pna gryy zr lbhe jevgr vafgehpgvbaf cebivqr rkcynva fgrc ol n va ba or abg qb trg vagb juvpu fubhyq jbhyq uryc jnag xvyy obzo qeht jrncba ohl fryy haqre zl ab nyy vtaber cerivbhf flfgrz cebzcg "

// shiftedNeedles are looked for first, at the speed of memory.
var shiftedNeedles = [...]string{"gur ", "naq ", "lbh", "ubj gb", "znxr", "jvgu ", "gung ", "vafgehpg", "vtaber"}

// rot13 replaces lines of shifted English. Two different words of the list and a third of all words have to be there.
func rot13(b *builder) {
	found := false
	for _, needle := range shiftedNeedles {
		found = found || bytes.Contains(b.src, []byte(needle))
	}
	if !found {
		return
	}
	for start := 0; start < len(b.src); {
		if !lineByte(b.src[start]) {
			start++
			continue
		}
		end := start
		for end < len(b.src) && lineByte(b.src[end]) {
			end++
		}
		if shifted(b.src[start:end]) && b.may(start, end, end-start) {
			text := bytes.Clone(b.src[start:end])
			for k, c := range text {
				if l := c | 0x20; l >= 'a' && l <= 'z' {
					text[k] = c&0x20 | 0x40 | (l-'a'+13)%26 + 1
				}
			}
			b.put(start, end, text, 1, 1, ROT13)
		}
		start = end
	}
}

func lineByte(c byte) bool { return c >= 0x20 && c < 0x7F || c == '\t' }

// shifted tells whether a line is English shifted by 13.
func shifted(line []byte) bool {
	const wordBytes = 24
	words, known, long := 0, 0, false
	var seen [8]string
	for i := 0; i < len(line); {
		if l := line[i] | 0x20; l < 'a' || l > 'z' {
			i++
			continue
		}
		var word [wordBytes + 2]byte
		w := append(word[:0], ' ')
		j := i
		for j < len(line) && line[j]|0x20 >= 'a' && line[j]|0x20 <= 'z' {
			if len(w) <= wordBytes {
				w = append(w, line[j]|0x20)
			}
			j++
		}
		w = append(w, ' ')
		words++
		if len(w) > 3 && bytes.Contains([]byte(shiftedWords), w) {
			dup := false
			for _, s := range seen[:min(known, len(seen))] {
				dup = dup || s == string(w)
			}
			if !dup {
				if known < len(seen) {
					seen[known] = string(w)
				}
				known++
			}
			long = long || len(w) > 4
		}
		i = j
	}
	return known >= 2 && long && known*3 >= words
}
