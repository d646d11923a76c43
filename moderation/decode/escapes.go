package decode

import (
	"html"
	"unicode/utf16"
	"unicode/utf8"
)

// starts are the bytes that a character-by-character encoding begins with.
var starts = [256]bool{'%': true, '&': true, '\\': true, '=': true, '+': true, 'x': true, 'X': true, 'U': true, 'u': true}

// hexValue gives the value of a hex digit, 16 for other bytes.
var hexValue = func() (t [256]uint8) {
	for i := range t {
		t[i] = 16
	}
	for i := range uint8(10) {
		t['0'+i] = i
	}
	for i := range uint8(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

// escapes replaces what is encoded character by character.
func escapes(b *builder) {
	src := b.src
	for i := 0; i < len(src); {
		if !starts[src[i]] {
			i++
			continue
		}
		i = b.escape(i)
	}
}

// escape deals with what may begin at i and gives the place to go on from.
func (b *builder) escape(i int) int {
	switch b.src[i] {
	case '=':
		if end, ok := b.mimeWords(i); ok {
			return end
		}
	case '+':
		return b.utf7(i)
	case 'x', 'X':
		return b.punycode(i)
	case '&':
		if end, ok := b.named(i); ok {
			return end
		}
	}
	e := readEscape(b.src, i)
	switch {
	case e.n == 0:
		for i++; b.src[i-1] == '\\' && i < len(b.src) && b.src[i] == '\\'; { // each of a row would see the same
			i++
		}
		return i
	case e.octet:
		return b.octets(i, e)
	}
	r, n := e.r, e.n
	if utf16.IsSurrogate(r) {
		low := readEscape(b.src, i+n)
		if r = utf16.DecodeRune(r, low.r); low.n == 0 || low.octet || r == utf8.RuneError {
			return i + n
		}
		n += low.n
	}
	if !shown(r) {
		return i + n
	}
	var buf [utf8.UTFMax]byte
	text := utf8.AppendRune(buf[:0], r)
	if b.may(i, i+n, len(text)) {
		b.put(i, i+n, text, len(text), n, e.kind)
	}
	return i + n
}

// oneEscape is a character or an octet written in signs.
type oneEscape struct {
	n     int // bytes it takes, 0 if there is none
	r     rune
	octet bool
	kind  string
}

// number reads between least and most digits of a base that has no more than 16.
func number(src []byte, i, least, most int, base uint8) (value rune, digits int) {
	for digits < most && i+digits < len(src) {
		v := hexValue[src[i+digits]]
		if v >= base {
			break
		}
		value = value*rune(base) + rune(v)
		digits++
	}
	if digits < least {
		return 0, 0
	}
	return value, digits
}

// braced reads hex digits in braces.
func braced(src []byte, i int) (rune, int) {
	if i < len(src) && src[i] == '{' {
		if v, n := number(src, i+1, 1, 6, 16); n > 0 && i+1+n < len(src) && src[i+1+n] == '}' {
			return v, n + 2
		}
	}
	return 0, 0
}

func readEscape(src []byte, i int) oneEscape {
	if i+2 >= len(src) {
		return oneEscape{}
	}
	switch src[i] {
	case '%':
		if v, n := number(src, i+1, 2, 2, 16); n > 0 {
			return oneEscape{3, v, true, Percent}
		}
		if src[i+1]|0x20 == 'u' {
			if v, n := number(src, i+2, 4, 4, 16); n > 0 {
				return oneEscape{6, v, false, Percent}
			}
		}
	case '=':
		if v, n := number(src, i+1, 2, 2, 16); n > 0 {
			return oneEscape{3, v, true, Quoted}
		}
	case '&':
		if src[i+1] != '#' {
			return oneEscape{}
		}
		at, base, most := i+2, uint8(10), 10
		if src[at]|0x20 == 'x' {
			at, base, most = at+1, 16, 8
		}
		for most < 40 && at < len(src) && src[at] == '0' { // leading zeros are allowed and used to hide
			at++
			most++
		}
		v, n := number(src, at, 1, 8, base)
		if n == 0 || v > utf8.MaxRune {
			return oneEscape{}
		}
		if at += n; at < len(src) && src[at] == ';' {
			at++
		}
		return oneEscape{at - i, v, false, Entity}
	case 'U', 'u':
		if src[i+1] != '+' || i > 0 && classes[src[i-1]] != 0 && hexValue[src[i-1]] > 15 {
			return oneEscape{}
		}
		v, n := number(src, i+2, 4, 6, 16)
		if n == 0 {
			return oneEscape{}
		}
		if n += 2; i+n < len(src) && classes[src[i+n]]&^isSign != 0 && src[i+n]|0x20 != 'u' {
			return oneEscape{}
		}
		for _, gap := range [...]string{" ", ",", ", "} { // between two of them only
			if next := i + n + len(gap); next+6 <= len(src) && string(src[i+n:next]) == gap && src[next] == src[i] && src[next+1] == '+' {
				n += len(gap)
				break
			}
		}
		return oneEscape{n, v, false, Unicode}
	case '\\':
		at := i
		for at < len(src) && src[at] == '\\' { // text quoted twice has two or four of them
			at++
		}
		if e := readBackslash(src, at); e.n > 0 {
			e.n += at - i
			return e
		}
	}
	return oneEscape{}
}

// readBackslash reads what follows the backslashes; n counts from there.
func readBackslash(src []byte, i int) oneEscape {
	if i >= len(src) {
		return oneEscape{}
	}
	switch src[i] {
	case 'u':
		if v, n := number(src, i+1, 4, 4, 16); n > 0 {
			return oneEscape{5, v, false, Unicode}
		}
		if v, n := braced(src, i+1); n > 0 {
			return oneEscape{1 + n, v, false, Unicode}
		}
	case 'U':
		if v, n := number(src, i+1, 8, 8, 16); n > 0 && v >= 0 && v <= utf8.MaxRune {
			return oneEscape{9, v, false, Unicode}
		}
	case 'x':
		if v, n := number(src, i+1, 2, 2, 16); n > 0 {
			return oneEscape{3, v, true, Bytes}
		}
		if v, n := braced(src, i+1); n > 0 {
			return oneEscape{1 + n, v, false, Unicode}
		}
	default:
		if v, n := number(src, i, 4, 6, 16); n > 0 && (isCommon(v) || n == 6 && shown(v)) { // CSS, which eats a space
			if i+n < len(src) && src[i+n] == ' ' {
				n++
			}
			return oneEscape{n, v, false, Unicode}
		}
		if v, n := number(src, i, 3, 3, 8); n > 0 && v <= 0xFF {
			return oneEscape{3, v, true, Octal}
		}
	}
	return oneEscape{}
}

// octets replaces a run of octets of one kind that begins at i by the text they are in UTF-8, else in GB18030.
func (b *builder) octets(i int, first oneEscape) int {
	data, ends := append(b.scratch[:0], byte(first.r)), append(b.ends[:0], int32(i+first.n))
	at := i + first.n
	for at < len(b.src) {
		if first.kind == Quoted && b.src[at] == '=' {
			if n := softBreak(b.src, at); n > 0 {
				at += n
				continue
			}
		}
		e := readEscape(b.src, at)
		if !e.octet || e.kind != first.kind {
			break
		}
		at += e.n
		data, ends = append(data, byte(e.r)), append(ends, int32(at))
	}
	b.scratch, b.ends = data, ends
	place := func(k int) int {
		if k == 0 {
			return i
		}
		return int(ends[k-1])
	}
	end := place(len(data))
	switch {
	case len(data) < 3 && first.kind != Percent && first.kind != Bytes && data[0] < utf8.RuneSelf:
		return end // =20 and \012 stand in ordinary text
	case !utf8.Valid(data) && (gb18030.plausible(data, 2*worthDouble-10) || len(data) == 2 && isLevelOne(doubleByte(data[0], data[1]))):
		b.transcode(gb18030, data, place, first.kind)
		return end
	}
	for k := 0; k < len(data); {
		r, n := utf8.DecodeRune(data[k:])
		if r != utf8.RuneError && shown(r) && b.may(place(k), place(k+n), n) {
			b.put(place(k), place(k+n), data[k:k+n], n, place(k+n)-place(k), first.kind)
		}
		k += n
	}
	return end
}

// softBreak is the length of a line end that quoted-printable hides.
func softBreak(src []byte, i int) int {
	switch {
	case i+1 < len(src) && src[i+1] == '\n':
		return 2
	case i+2 < len(src) && src[i+1] == '\r' && src[i+2] == '\n':
		return 3
	}
	return 0
}

// transcode replaces octets by the text they are in a character encoding; place tells where an octet begins in the source.
func (b *builder) transcode(c charset, data []byte, place func(int) int, kind string) {
	for k := 0; k < len(data); {
		r, n, _, _ := c.decodeRune(data[k:])
		if n == 0 {
			return
		}
		var buf [utf8.UTFMax]byte
		text := utf8.AppendRune(buf[:0], r)
		if r != 0xFEFF && b.may(place(k), place(k+n), len(text)) {
			b.put(place(k), place(k+n), text, len(text), place(k+n)-place(k), kind)
		}
		k += n
	}
}

// named replaces a character reference by name.
func (b *builder) named(i int) (end int, ok bool) {
	const longest = 33
	for end = i + 1; end < len(b.src) && end-i < longest; end++ {
		switch c := b.src[end]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z', end > i+1 && c >= '0' && c <= '9':
			continue
		case c != ';' || end < i+3:
			return 0, false
		}
		var buf [longest + 1]byte
		name := string(append(buf[:0], b.src[i:end+1]...))
		text := html.UnescapeString(name)
		if text == name || !b.may(i, end+1, len(text)) {
			return 0, false
		}
		b.put(i, end+1, []byte(text), 0, 0, Entity)
		return end + 1, true
	}
	return 0, false
}

// utf7 replaces +…- if it holds Chinese characters.
func (b *builder) utf7(i int) int {
	const longest = 1024
	at := max(i+1, b.signs)
	for at < len(b.src) && at-b.signs < longest && base64Value[b.src[at]] < 64 && b.src[at] != '-' && b.src[at] != '_' {
		at++
	}
	b.signs = at
	n := at - i - 1
	if n < 3 || n%8 != 0 && n%8 != 3 && n%8 != 6 || n > longest { // whole characters of 16 bits
		return i + 1
	}
	closed := at < len(b.src) && b.src[at] == '-'
	data := decodeBase64(b.scratch[:0], b.src[i+1:at])
	b.scratch = data
	data = data[:len(data)&^1]
	if bits := n * 6 % 16; b.src[at-1] != 'A' && base64Value[b.src[at-1]]&(1<<bits-1) != 0 {
		return i + 1 // what is left over is zero
	}
	han := 0
	for k := 0; k+1 < len(data); k += 2 {
		switch r := rune(data[k])<<8 | rune(data[k+1]); {
		case isCommon(r):
			han++
		case r < 0x3000 && r != ' ' || r > 0x3020 && r < 0xFF00 || !shown(r):
			return i + 1
		}
	}
	if han*2 < len(data)/2 || han < 2 && !closed {
		return i + 1
	}
	if closed {
		at++
	}
	var text []byte
	for k := 0; k < len(data); {
		r, n, _, _ := utf16be.decodeRune(data[k:])
		if n == 0 {
			return i + 1
		}
		text = utf8.AppendRune(text, r)
		k += n
	}
	if b.may(i, at, len(text)) {
		b.put(i, at, text, 0, 0, UTF7)
	}
	return at
}
