package gateway

import (
	"html"
	"unicode/utf16"
	"unicode/utf8"
)

type escapeState int

const (
	escapeNone  escapeState = iota
	escapeOpen              // what is there may become one; with a length: it is one already and may become longer
	escapeWhole             // one
)

// escape reads an escape at the beginning of a text, which is a backslash or an ampersand.
func escape(text []byte) (r rune, n int, state escapeState) {
	if text[0] == '&' {
		return reference(text)
	}
	return unicodeEscape(text)
}

// unicodeEscape reads \uXXXX; surrogates in pairs.
func unicodeEscape(text []byte) (r rune, n int, state escapeState) {
	one := func(text []byte) (rune, int, escapeState) {
		for i := range 6 {
			switch {
			case i >= len(text):
				return 0, 0, escapeOpen
			case i == 0 && text[0] != '\\', i == 1 && text[1] != 'u':
				return 0, 0, escapeNone
			case i >= 2 && !hexDigit(text[i]):
				return 0, 0, escapeNone
			}
		}
		var v rune
		for _, c := range text[2:6] {
			v = v<<4 | rune(hexValue(c))
		}
		return v, 6, escapeWhole
	}
	r, n, state = one(text)
	if state != escapeWhole || !utf16.IsSurrogate(r) {
		return r, n, state
	}
	second, more, rest := one(text[n:])
	switch {
	case rest == escapeOpen:
		return 0, 0, escapeOpen
	case rest == escapeWhole && utf16.DecodeRune(r, second) != utf8.RuneError:
		return utf16.DecodeRune(r, second), n + more, escapeWhole
	}
	return utf8.RuneError, n, escapeWhole
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// longestName is that of HTML's character references, and zerosRead how many zeros in front of a number are read, as they hide it (ours).
const (
	longestName = 31
	zerosRead   = 32
)

// reference reads a character reference of HTML: &#NNN; and &#xHH;, the semicolon may be missing as browsers allow, or &name;. One that
// stands for two characters or for a control is none.
func reference(text []byte) (r rune, n int, state escapeState) {
	if len(text) < 2 {
		return 0, 0, escapeOpen
	}
	if text[1] != '#' {
		return named(text)
	}
	at, base, most := 2, rune(10), 7
	if at < len(text) && text[at]|0x20 == 'x' {
		at, base, most = 3, 16, 6
	}
	for start := at; at < len(text) && text[at] == '0' && at-start < zerosRead; at++ {
	}
	digits := 0
	for ; at < len(text) && digits < most && hexDigit(text[at]) && rune(hexValue(text[at])) < base; at++ {
		r = r*base + rune(hexValue(text[at]))
		digits++
	}
	none := digits == 0 || r < ' ' || r > utf8.MaxRune || utf16.IsSurrogate(r)
	switch {
	case none && at == len(text):
		return 0, 0, escapeOpen
	case none:
		return 0, 0, escapeNone
	case at == len(text): // one as it stands, should this be the end
		return r, at, escapeOpen
	case text[at] == ';':
		at++
	}
	return r, at, escapeWhole
}

func named(text []byte) (r rune, n int, state escapeState) {
	at := 1
	for at < len(text) && at <= longestName && (text[at]|0x20 >= 'a' && text[at]|0x20 <= 'z' || at > 1 && text[at] >= '0' && text[at] <= '9') {
		at++
	}
	switch {
	case at == len(text):
		return 0, 0, escapeOpen
	case at < 3 || text[at] != ';':
		return 0, 0, escapeNone
	}
	stands := []rune(html.UnescapeString(string(text[:at+1])))
	if len(stands) != 1 || stands[0] < ' ' {
		return 0, 0, escapeNone
	}
	return stands[0], at + 1, escapeWhole
}
