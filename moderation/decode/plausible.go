package decode

import (
	"math/bits"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// Whether bytes are text is decided by how unlikely it is that random bytes look like that: every character counts for
// about the bits of -log2 of its share among random bytes, in tenths. Twenty bits are one false alarm in a million keys.
const (
	worthHan    = 110 // a common Chinese character in UTF-8
	worthWide   = 60  // a letter of another script, three bytes or more
	worthTwo    = 40  // a letter of two bytes
	worthRare   = 20  // a rare Chinese character, a symbol
	worthLower  = 32  // a-z and the space
	worthASCII  = 14  // other letters, digits, common punctuation
	worthSign   = 5   // the rest of ASCII
	worthDouble = 41  // a common character in GB18030 or UTF-16
	enough      = 200 // twenty bits
	enoughOther = 240 // of text that is not UTF-8
)

// common tells the Chinese characters that running text is made of: the first levels of GB 2312 and Big5.
var common = sync.OnceValue(func() *[(0xA000 - 0x4E00) / 64]uint64 {
	set := new([(0xA000 - 0x4E00) / 64]uint64)
	add := func(text []byte, err error) {
		if err != nil {
			return // a gap in the table
		}
		if r, _ := utf8.DecodeRune(text); r >= 0x4E00 && r < 0xA000 {
			set[(r-0x4E00)/64] |= 1 << ((r - 0x4E00) % 64)
		}
	}
	gb, big := simplifiedchinese.GBK.NewDecoder(), traditionalchinese.Big5.NewDecoder()
	for hi := 0xB0; hi <= 0xD7; hi++ {
		for lo := 0xA1; lo <= 0xFE; lo++ {
			add(gb.Bytes([]byte{byte(hi), byte(lo)}))
		}
	}
	for hi := 0xA4; hi <= 0xC6; hi++ {
		for lo := 0x40; lo <= 0xFE; lo++ {
			if lo <= 0x7E || lo >= 0xA1 {
				add(big.Bytes([]byte{byte(hi), byte(lo)}))
			}
		}
	}
	return set
})

func isCommon(r rune) bool {
	return r >= 0x4E00 && r < 0xA000 && common()[(r-0x4E00)/64]>>((r-0x4E00)%64)&1 == 1
}

// shown tells whether a rune may stand in a text: no control, no hole of Unicode, no private use.
func shown(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0x7F:
		return true
	case r < 0xA0 || r == utf8.RuneError:
		return false
	case r >= 0x4E00 && r < 0xA000:
		return true
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Zs, unicode.Cf)
}

// class is what a rune is among its neighbours. Text stays in a class for a while, noise does not: a change of class costs.
type class uint8

const (
	neutral class = iota // may stand beside anything
	lower
	ascii
	han
	two
	wide
	rare
)

const (
	switchASCII = 15 // between small letters and the rest of ASCII
	switchOther = 40
)

// worth is what a rune of a UTF-8 text counts, and its class.
func worth(r rune) (tenths int, c class, sign bool) {
	switch {
	case r == ' ':
		return worthLower, neutral, false
	case r >= 'a' && r <= 'z':
		return worthLower, lower, false
	case r < 0x7F:
		switch {
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return worthASCII, ascii, false
		case r == '.', r == ',', r == '!', r == '?', r == '\'', r == '"', r == ':', r == '-', r == '\n', r == '{', r == '}':
			return worthASCII, ascii, true
		}
		return worthSign, ascii, true
	case r >= 0x4E00 && r < 0xA000:
		if isCommon(r) {
			return worthHan, han, false
		}
		return worthRare, rare, true
	case unicode.IsLetter(r) || unicode.IsMark(r):
		if r < 0x800 {
			return worthTwo, two, false
		}
		return worthWide, wide, false
	case r >= 0x3000 && r < 0x3040, r >= 0xFF00 && r < 0xFFF0, r >= 0x2010 && r <= 0x2026:
		return worthWide, han, true
	}
	return worthRare, rare, true
}

func switchCost(from, to class) int {
	switch {
	case from == to || from == neutral || to == neutral:
		return 0
	case from <= ascii && to <= ascii:
		return switchASCII
	}
	return switchOther
}

// island is a part of some bytes that reads as text.
type island struct{ from, to int }

// nextIsland finds the next part of data, from a place on, that reads as UTF-8 text. need is what it must be worth.
func nextIsland(data []byte, from, need int) (island, bool) {
	for i := from; i < len(data); {
		start, sum, runes, signs, before := i, 0, 0, 0, neutral
		for i < len(data) {
			r, n := rune(data[i]), 1
			if r >= utf8.RuneSelf {
				if r, n = utf8.DecodeRune(data[i:]); r == utf8.RuneError {
					break
				}
			}
			if !shown(r) {
				break
			}
			w, c, sign := worth(r)
			sum += w - switchCost(before, c)
			if c != neutral {
				before = c
			}
			runes++
			if sign {
				signs++
			}
			i += n
		}
		limit := need
		if start == 0 && i == len(data) {
			limit = min(limit, enough) // the whole is text: no choice was made among many places
		}
		if sum >= limit && signs*5 <= runes*3 {
			return island{start, i}, true
		}
		i++
	}
	return island{}, false
}

// needFor is what an island must be worth among n bytes: the more places, the more.
func needFor(n int) int { return enough + 10*bits.Len(uint(n/8)) }

// charset is a character encoding other than UTF-8.
type charset int

const (
	gb18030 charset = iota
	utf16le
	utf16be
)

// decodeRune reads one character; size 0 if there is none. strange is one that a text has few of.
func (c charset) decodeRune(b []byte) (r rune, size, tenths int, strange bool) {
	switch c {
	case gb18030:
		if b[0] < utf8.RuneSelf {
			if !shown(rune(b[0])) {
				return 0, 0, 0, false
			}
			return rune(b[0]), 1, worthSign, false
		}
		if len(b) < 2 {
			return 0, 0, 0, false
		}
		r = doubleByte(b[0], b[1])
		size = 2
	default:
		if len(b) < 2 {
			return 0, 0, 0, false
		}
		r, size = rune(b[0])|rune(b[1])<<8, 2
		if c == utf16be {
			r = rune(b[1]) | rune(b[0])<<8
		}
		if r == 0xFEFF {
			return r, size, 0, false
		}
		if r > 0 && r < 0x7F {
			return r, size, 3 * worthLower, false
		}
	}
	switch {
	case r == 0 || !shown(r):
		return 0, 0, 0, false
	case isLevelOne(r):
		return r, size, worthDouble, false
	case isCommon(r):
		return r, size, worthDouble - 10, false
	case r >= 0x3000 && r < 0x3040, r >= 0xFF00 && r < 0xFFF0:
		return r, size, worthDouble, false
	}
	return r, size, -worthRare, true
}

// firstLevel holds the characters of the first level of GB 2312; two-byte codes map to runes by the whole table.
var gbTable = sync.OnceValue(func() *gbSet {
	t := &gbSet{}
	dec := simplifiedchinese.GBK.NewDecoder()
	for hi := range 126 {
		for lo := range 191 {
			text, err := dec.Bytes([]byte{byte(hi + 0x81), byte(lo + 0x40)})
			if err != nil {
				continue
			}
			r, n := utf8.DecodeRune(text)
			if r == utf8.RuneError || n != len(text) || r > 0xFFFF {
				continue
			}
			t.runes[hi][lo] = uint16(r)
			if hi+0x81 >= 0xB0 && hi+0x81 <= 0xD7 && lo+0x40 >= 0xA1 && r >= 0x4E00 && r < 0xA000 {
				t.first[(r-0x4E00)/64] |= 1 << ((r - 0x4E00) % 64)
			}
		}
	}
	return t
})

type gbSet struct {
	runes [126][191]uint16
	first [(0xA000 - 0x4E00) / 64]uint64
}

func isLevelOne(r rune) bool {
	return r >= 0x4E00 && r < 0xA000 && gbTable().first[(r-0x4E00)/64]>>((r-0x4E00)%64)&1 == 1
}

// doubleByte reads a two-byte code of GB18030, 0 if there is none.
func doubleByte(hi, lo byte) rune {
	if hi < 0x81 || hi > 0xFE || lo < 0x40 || lo > 0xFE {
		return 0
	}
	return rune(gbTable().runes[hi-0x81][lo-0x40])
}

// plausible tells whether the whole of data is text in a character encoding, worth need or more.
func (c charset) plausible(data []byte, need int) bool {
	sum, runes, odd, han := 0, 0, 0, 0
	for i := 0; i < len(data); {
		r, n, w, strange := c.decodeRune(data[i:])
		if n == 0 {
			return len(data)-i < 2 && sum >= need && odd*5 <= runes && han*4 >= runes // a last byte without its second
		}
		if r >= 0x4E00 {
			han++
		}
		if c != gb18030 && r < 0x7F {
			han++ // every second byte is zero: no other text looks like that
		}
		if strange {
			odd++
		}
		if odd > 4 && odd*5 > runes {
			return false
		}
		sum += w
		runes++
		i += n
	}
	return sum >= need && odd*5 <= runes && han*4 >= runes
}
