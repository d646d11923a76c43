package decode

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Bidi controls that matter for a text that is turned round.
const (
	Override  = '\u202E' // what follows is shown from right to left, whatever it is (UAX #9, RLO)
	PopFormat = '\u202C' // ends it, as a new line does
)

var overrideBytes = []byte(string(Override))

// turned replaces what an override shows from right to left by what a reader sees. A hit in it is all of it.
func turned(b *builder) {
	for at := 0; ; {
		i := bytes.Index(b.src[at:], overrideBytes)
		if i < 0 {
			return
		}
		start := at + i
		n, _ := Turned(b.src[start:], false)
		at = start + n
		if seen := Seen(b.src[start:at]); b.may(start, at, len(seen)) {
			b.put(start, at, seen, 0, 0, Bidi)
		}
	}
}

// Turned tells how many bytes a text's beginning takes that an override, which it begins with or stands in, shows from right to left:
// up to the control that ends it or to the end of the line, which is not part of it. ended is false where the text ends first.
func Turned(text []byte, in bool) (n int, ended bool) {
	inside := 0
	if in {
		inside = 1
	}
	for n < len(text) {
		r, size := utf8.DecodeRune(text[n:])
		switch r {
		case '\n', '\r', 0x85, 0x2028, 0x2029:
			return n, true
		case 0x202A, 0x202B, 0x202D, Override:
			inside++
		case PopFormat:
			if inside--; inside <= 0 {
				return n + size, true
			}
		}
		n += size
	}
	return n, false
}

// Seen is what a reader sees of a text that Turned measured: its runes from the last to the first, without bidi controls.
func Seen(text []byte) []byte {
	runes := make([]rune, 0, len(text))
	for _, r := range string(text) {
		if r < 0x202A || r > Override {
			runes = append(runes, r)
		}
	}
	slices.Reverse(runes)
	return []byte(string(runes))
}
