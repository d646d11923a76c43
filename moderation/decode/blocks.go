package decode

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

// Classes of the bytes that encoded blocks are written in.
const (
	isHexLower = 1 << iota // a-f
	isLower                // g-z
	isHexUpper             // A-F
	isUpper                // G-Z
	isDigit
	isSign // + / - _
)

var classes = func() (t [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-0x20] = isLower, isUpper
	}
	for c := 'a'; c <= 'f'; c++ {
		t[c], t[c-0x20] = isHexLower, isHexUpper
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = isDigit
	}
	t['+'], t['/'], t['-'], t['_'] = isSign, isSign, isSign, isSign
	return t
}()

// base64Value and base32Value give the value of a sign, 64 for bytes that are none.
var base64Value, base32Value = alphabets()

func alphabets() (b64, b32 [256]uint8) {
	for i := range b64 {
		b64[i], b32[i] = 64, 64
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		b64[c] = uint8(i)
	}
	b64['-'], b64['_'] = 62, 63
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" {
		b32[c] = uint8(i)
		b32[c|0x20] = uint8(i)
	}
	return b64, b32
}

const (
	shortBlock = 8  // signs of the shortest block: two Chinese characters in Base64
	plainWord  = 24 // letters of one case up to this are a word
)

// blocks replaces what is encoded as a whole: Base64, Base32, hex, binary, lists of numbers.
func blocks(b *builder) {
	src := b.src
	for i := 0; i < len(src); {
		if classes[src[i]] == 0 {
			i++
			continue
		}
		j, seen := i+1, classes[src[i]]
		for j < len(src) && classes[src[j]] != 0 {
			seen |= classes[src[j]]
			j++
		}
		i = b.block(i, j, seen)
	}
}

// block deals with the word src[i:j] and what belongs to it, and gives the place to go on from.
func (b *builder) block(i, j int, seen uint8) int {
	n := j - i
	digits := seen&isDigit != 0
	if i < b.rows {
		// part of a row that says nothing
	} else if n <= shortBlock && (digits || n == 2) || digits && n <= 48 && seen&(isLower|isUpper|isSign) == 0 || seen&isSign != 0 && seen&(isLower|isUpper) == 0 {
		if end := b.groups(i); end > 0 {
			return end
		}
	}
	if n >= 2 && n <= widestGroup && i >= b.grouped {
		if end := b.base64Groups(i, j); end > 0 {
			return end
		}
	}
	if n < shortBlock {
		return j
	}
	mixed := digits || seen&(isUpper|isHexUpper) != 0 && seen&(isLower|isHexLower) != 0
	if !mixed && n < plainWord {
		return j
	}
	if seen&(isLower|isUpper|isSign) == 0 && b.hex(i, j, 0) {
		return j
	}
	if n >= 3 && b.src[i] == '0' && b.src[i+1]|0x20 == 'x' && hexWord(b.src[i+2:j]) && b.hex(i+2, j, 2) {
		return j
	}
	if seen == isDigit {
		if n%8 == 0 && n >= 16 && b.binary(i, j) {
			return j
		}
		return j // figures are no Base64
	}
	if end := b.base64(i, j); end > 0 {
		return end
	}
	if n >= 16 && b.base32(i, j) {
		return j
	}
	return j
}

func hexWord(s []byte) bool {
	for _, c := range s {
		if hexValue[c] > 15 {
			return false
		}
	}
	return len(s) > 0
}

// run is a block read into octets.
type run struct {
	data    []byte
	start   int // of the first sign in the source
	end     int // behind the last sign and its padding
	uo, ui  int // uo octets stand in ui bytes of the source
	line    int // signs of a line if the block is broken into lines, else 0
	gap     int // bytes between lines
	perUnit int // signs of the uo octets; ui without gaps
	kind    string
	lead    int // bytes before start that belong to it: 0x
}

// place gives the byte of the source where an octet begins; those behind the last end at the end.
func (r *run) place(k int) int {
	if k >= len(r.data) {
		return r.end
	}
	if r.line == 0 {
		return min(r.start+k*r.ui/r.uo, r.end)
	}
	sign := k * r.perUnit / r.uo
	return min(r.start+sign+sign/r.line*r.gap, r.end)
}

// read replaces the parts of a block that read as text. slack is added to what they must be worth, in tenths of bits.
func (b *builder) read(r *run, slack int) bool {
	done := false
	need := needFor(len(r.data)) + slack
	for at := 0; ; {
		is, ok := nextIsland(r.data, at, need)
		if !ok {
			break
		}
		at, done = is.to, true
		b.island(r, is)
	}
	if done {
		return true
	}
	if len(r.data) < 8 || slack > 0 {
		return false
	}
	for _, c := range [...]charset{utf16le, utf16be, gb18030} {
		if c.plausible(r.data, enoughOther) {
			b.transcode(c, r.data, r.place, r.kind)
			return true
		}
	}
	return false
}

// island replaces one part of a block, line by line so that every piece is mapped by one rule.
func (b *builder) island(r *run, is island) {
	start, end := r.place(is.from), r.place(is.to)
	if !b.may(start, end, is.to-is.from) {
		return
	}
	if is.from == 0 && r.lead > 0 {
		b.put(start-r.lead, start, nil, 0, 0, r.kind)
	}
	if r.line == 0 {
		b.put(start, end, r.data[is.from:is.to], r.uo, r.ui, r.kind)
		return
	}
	if r.line%r.perUnit != 0 {
		b.put(start, end, r.data[is.from:is.to], 0, 0, r.kind)
		return
	}
	perLine := r.line / r.perUnit * r.uo
	for at := is.from; at < is.to; {
		next := min((at/perLine+1)*perLine, is.to)
		b.put(r.place(at), r.place(next), r.data[at:next], r.uo, r.perUnit, r.kind)
		at = next
	}
}

// decodeBase64 reads signs of either alphabet; other bytes are left out.
func decodeBase64(dst, src []byte) []byte {
	var acc uint32
	n := 0
	for _, c := range src {
		v := base64Value[c]
		if v > 63 {
			continue
		}
		acc = acc<<6 | uint32(v)
		if n += 6; n >= 8 {
			n -= 8
			dst = append(dst, byte(acc>>n))
		}
	}
	return dst
}

// base64 tries the word src[i:j] as Base64, with the lines that follow if they are as long.
func (b *builder) base64(i, j int) int {
	end, line, gap := b.lines(i, j)
	r := run{start: i, uo: 3, ui: 4, perUnit: 4, line: line, gap: gap, kind: Base64}
	r.data = decodeBase64(b.scratch[:0], b.src[i:end])
	b.scratch = r.data
	r.end = padding(b.src, end)
	if b.read(&r, 0) {
		return r.end
	}
	// What stands before may be of the same alphabet: a path, a name and a hyphen.
	for phase := 1; phase < 4 && line == 0 && j-i-phase >= shortBlock; phase++ {
		r.start = i + phase
		r.data = decodeBase64(b.scratch[:0], b.src[r.start:end])
		b.scratch = r.data
		if b.read(&r, 20) {
			return r.end
		}
	}
	return 0
}

const (
	widestGroup  = 16
	fewestGroups = 4
)

// base64Groups tries words of equal length with one sign between them, as 6ZuH 5Ye2 5p2A 5Lq6, as one block; the last may be shorter.
func (b *builder) base64Groups(i, j int) int {
	src, width := b.src, j-i
	if third := j + 2*(width+1); third >= len(src) || src[third] != src[j] || src[j+width+1] != src[j] {
		return 0
	}
	switch src[j] {
	case ' ', '\n', '\t', '.', ',', '|', ':', ';':
	default:
		return 0
	}
	end, count := j, 1
	for end+1 < len(src) && src[end] == src[j] {
		k := end + 1
		for k < len(src) && k-end-1 <= width && base64Value[src[k]] < 64 {
			k++
		}
		n := k - end - 1
		if n == 0 || n > width {
			break
		}
		count++
		end = k
		if n < width {
			break
		}
	}
	b.grouped = end
	if count < fewestGroups || count*width < 2*shortBlock-3 {
		return 0
	}
	r := run{start: i, end: padding(src, end), uo: 3, ui: 4, perUnit: 4, line: width, gap: 1, kind: Base64}
	r.data = decodeBase64(b.scratch[:0], src[i:end])
	b.scratch = r.data
	if b.read(&r, 20) {
		return r.end
	}
	return 0
}

// padding takes = signs, also written %3D.
func padding(src []byte, end int) int {
	for k := 0; k < 3 && end < len(src) && src[end] == '='; k++ {
		end++
	}
	return end
}

// lines finds how far a block broken into lines of equal length reaches. line is 0 if it has one line.
func (b *builder) lines(i, j int) (end, line, gap int) {
	const shortest = 16
	src := b.src
	end = j
	if j-i < shortest || i < b.lined {
		return end, 0, 0
	}
	for end < len(src) {
		n := 0
		for end+n < len(src) && n < 16 && (src[end+n] == '\n' || src[end+n] == '\r' || n > 0 && (src[end+n] == ' ' || src[end+n] == '\t')) {
			n++
		}
		if n == 0 || gap > 0 && n != gap {
			break
		}
		k := end + n
		for k < len(src) && base64Value[src[k]] < 64 && k-end-n <= j-i {
			k++
		}
		if m := k - end - n; m == 0 || m > j-i {
			break
		} else {
			line, gap, end = j-i, n, k
			if m < line {
				break
			}
		}
	}
	b.lined = end
	return end, line, gap
}

func (b *builder) base32(i, j int) bool {
	data := b.scratch[:0]
	var acc uint64
	n := 0
	for _, c := range b.src[i:j] {
		v := base32Value[c]
		if v > 31 {
			return false
		}
		acc = acc<<5 | uint64(v)
		if n += 5; n >= 8 {
			n -= 8
			data = append(data, byte(acc>>n))
		}
	}
	b.scratch = data
	end := j
	for k := 0; k < 6 && end < len(b.src) && b.src[end] == '='; k++ {
		end++
	}
	return b.read(&run{data: data, start: i, end: end, uo: 5, ui: 8, perUnit: 8, kind: Base32}, 0)
}

func (b *builder) hex(i, j, lead int) bool {
	for phase := range 2 {
		data := b.scratch[:0]
		for k := i + phase; k+1 < j; k += 2 {
			data = append(data, hexValue[b.src[k]]<<4|hexValue[b.src[k+1]])
		}
		b.scratch = data
		if b.read(&run{data: data, start: i + phase, end: j, uo: 1, ui: 2, perUnit: 2, kind: Hex, lead: lead + phase}, 20*phase) {
			return true
		}
	}
	return false
}

func (b *builder) binary(i, j int) bool {
	data := b.scratch[:0]
	for k := i; k < j; k += 8 {
		v, n := number(b.src, k, 8, 8, 2)
		if n == 0 {
			return false
		}
		data = append(data, byte(v))
	}
	b.scratch = data
	return b.read(&run{data: data, start: i, end: j, uo: 1, ui: 8, perUnit: 8, kind: Binary}, 0)
}

// groups tries a row of equal groups from i on: e8 b5 8c, 0xe8,0xb5, 8d4c 535a, 11101000 10110101, 36172, 21338. It gives the
// end of the row, 0 if what stands there is none that reads as text.
func (b *builder) groups(i int) int {
	src := b.src
	prefix := 0
	if i+2 < len(src) && src[i] == '0' && src[i+1]|0x20 == 'x' {
		prefix = 2
	}
	width := 0
	for i+prefix+width < len(src) && width < 9 && hexValue[src[i+prefix+width]] < 16 {
		width++
	}
	first := i + prefix + width
	sep := separator(src, first)
	if width == 0 || sep == 0 {
		return 0
	}
	bit := width == 8 && prefix == 0
	if bit {
		_, n := number(src, i, 8, 8, 2)
		bit = n == 8
	}
	if prefix == 0 && !bit && hexValue[src[i]] < 10 {
		if end := b.decimals(i); end > 0 {
			return end
		}
	}
	if bit || width == 2 || width == 4 || prefix > 0 && width == 5 {
		if end := b.equalGroups(i, prefix, width, sep, bit); end > 0 {
			return end
		}
	}
	return 0
}

// separator is the length of what separates two groups.
func separator(src []byte, i int) int {
	if i >= len(src) {
		return 0
	}
	switch src[i] {
	case ' ', '+', ':', '-', '_', '\n', '|', '.', '/':
		return 1
	case ',', ';':
		if i+1 < len(src) && (src[i+1] == ' ' || src[i+1] == '+') {
			return 2
		}
		return 1
	}
	return 0
}

func (b *builder) equalGroups(i, prefix, width, sep int, bit bool) int {
	src, data := b.src, b.scratch[:0]
	mark := i + prefix + width
	unit := prefix + width + sep
	at, count := i, 0
	for at+prefix+width <= len(src) {
		if prefix > 0 && (src[at] != '0' || src[at+1]|0x20 != 'x') {
			break
		}
		base := uint8(16)
		if bit {
			base = 2
		}
		v, n := number(src, at+prefix, width, width, base)
		next := at + prefix + width
		if n != width || next < len(src) && hexValue[src[next]] < 16 {
			break
		}
		switch {
		case bit || width == 2:
			data = append(data, byte(v))
		case width == 4:
			data = append(data, byte(v>>8), byte(v))
		default:
			return 0 // five digits: beyond what a list of Chinese characters needs
		}
		count++
		at = next
		if at+sep >= len(src) || !bytes.Equal(src[at:at+sep], src[mark:mark+sep]) {
			break
		}
		at += sep
	}
	b.scratch, b.rows = data, max(b.rows, at)
	if count < 3 {
		return 0
	}
	if at > i && sep > 0 && bytes.Equal(src[at-sep:at], src[mark:mark+sep]) {
		at -= sep
	}
	kind := Hex
	if bit {
		kind = Binary
	}
	r := run{data: data, start: i, end: at, uo: max(1, width/2), ui: unit, perUnit: unit, kind: kind}
	if bit {
		r.uo = 1
	}
	if b.read(&r, 0) {
		return at
	}
	if prefix > 0 && width == 4 && utf16be.plausible(data, 4*worthDouble) { // four characters, marked as numbers
		b.transcode(utf16be, data, r.place, kind)
		return at
	}
	return 0
}

// decimals tries a list of decimal numbers as octets or as characters.
func (b *builder) decimals(i int) int {
	const fewest = 4
	src := b.src
	data, ends := b.scratch[:0], b.ends[:0]
	at, wide, narrow := i, 0, 0
	end := i
	for {
		v, n := number(src, at, 2, 6, 10)
		if k := at + n; k < len(src) && hexValue[src[k]] < 16 {
			return 0 // hex, or too large
		}
		if n == 0 || v < 9 || at+n < len(src) && classes[src[at+n]]&^isSign != 0 {
			break
		}
		if v > 0xFF {
			wide++
		} else {
			narrow++
		}
		if !(v < 0x80 || isCommon(v) || v <= 0xFF || v >= 0x3000 && v < 0x3040 || v >= 0xFF00 && v < 0xFFF0) {
			break
		}
		data = append(data, byte(v>>8), byte(v))
		end = at + n
		ends = append(ends, int32(end))
		sep := separator(src, end)
		if sep == 0 {
			break
		}
		at = end + sep
	}
	b.scratch, b.ends, b.rows = data, ends, max(b.rows, end)
	if len(ends) < fewest {
		return 0
	}
	place := func(k int) int {
		if k == 0 {
			return i
		}
		return int(ends[min(k, len(ends))-1])
	}
	if wide > 0 {
		if han := wide; han*4 < len(ends)*3 || !utf16be.plausible(data, fewest*worthDouble+worthDouble/2) {
			return 0
		}
		b.transcode(utf16be, data, func(k int) int { return place(k / 2) }, Decimal)
		return end
	}
	octets := data[:0]
	spaces := 0
	for k := 1; k < len(data); k += 2 {
		if data[k] == ' ' {
			spaces++
		}
		octets = append(octets, data[k])
	}
	if !utf8.Valid(octets) || narrow < 6 {
		return 0
	}
	ascii := true
	for _, c := range octets {
		ascii = ascii && c < utf8.RuneSelf
	}
	if is, ok := nextIsland(octets, 0, enough+10*bits.Len(uint(len(octets)))); !ok || is.from != 0 || is.to != len(octets) || ascii && spaces == 0 && len(octets) < 12 {
		return 0 // marks and measures are numbers between 60 and 120 too
	}
	for k := 0; k < len(octets); {
		_, n := utf8.DecodeRune(octets[k:])
		if b.may(place(k), place(k+n), n) {
			b.put(place(k), place(k+n), octets[k:k+n], n, place(k+n)-place(k), Decimal)
		}
		k += n
	}
	return end
}
