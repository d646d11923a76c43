package decode

import (
	"bytes"
	"unicode/utf8"
)

// MaxOpen is the most that Open asks a stream to hold back, in bytes.
const MaxOpen = 512

// Open tells from which byte on an encoded stretch at the end of a text may still be incomplete: len(text) if none is. A
// stream that shows no more than text[:Open(text)] shows no beginning of an encoding that the next bytes complete, and what
// was shown is decoded in the same way whatever follows.
//
// Held are the last word of printable ASCII without a space, the groups before it (e8 b5 8c), the line before it if both
// look like a block in lines, a line with words of ROT13, and what an override turns round. A stretch longer than MaxOpen
// cannot be held as a whole: then its last MaxOpen bytes are. The cost is that of reading them.
func Open(text []byte) int {
	low := max(0, len(text)-MaxOpen)
	at := len(text)
	for k := 1; k < utf8.UTFMax && k <= len(text); k++ { // a character of which bytes are missing
		if c := text[len(text)-k]; utf8.RuneStart(c) {
			if !utf8.FullRune(text[len(text)-k:]) {
				at -= k
			}
			break
		}
	}
	at = wordStart(text, at, low)
	for at > low {
		k := at
		for k > low && (text[k-1] == ' ' || text[k-1] == '\t' || text[k-1] == '\r' || text[k-1] == '\n') {
			k--
		}
		before := wordStart(text, k, low)
		if before == k {
			break
		}
		lines := bytes.IndexByte(text[k:at], '\n') >= 0
		if word := text[before:k]; !(lines && k-before >= 16 && blockWord(word) || k-at >= -3 && groupWord(word) || bytes.HasPrefix(word, []byte("=?"))) {
			break
		}
		at = before
	}
	line := len(text)
	for line > low && lineByte(text[line-1]) {
		line--
	}
	for _, needle := range shiftedNeedles {
		if bytes.Contains(text[line:], bytes.TrimRight([]byte(needle), " ")) {
			at = min(at, line)
			break
		}
	}
	for i := low; i < at; {
		k := bytes.Index(text[i:at], overrideBytes)
		if k < 0 {
			break
		}
		n, ended := Turned(text[i+k:], false)
		if !ended {
			at = i + k
		}
		i += k + n
	}
	return max(at, low)
}

func wordStart(text []byte, at, low int) int {
	for at > low && text[at-1] > ' ' && text[at-1] < 0x7F {
		at--
	}
	return at
}

// blockWord tells whether a line may be one of a block.
func blockWord(word []byte) bool {
	for _, c := range word {
		if base64Value[c] > 63 && c != '=' {
			return false
		}
	}
	return true
}

// groupWord tells whether a word may be a group of a list: digits, hex digits, a character written as a number.
func groupWord(word []byte) bool {
	word = bytes.TrimRight(word, ",;")
	if len(word) > 2 && (word[0] == '0' && word[1]|0x20 == 'x' || word[0]|0x20 == 'u' && word[1] == '+') {
		word = word[2:]
	}
	word = bytes.TrimLeft(word, "[({\\")
	return len(word) >= 2 && len(word) <= 8 && hexWord(word)
}
