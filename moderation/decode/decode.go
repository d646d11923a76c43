// Package decode looks through encodings that hide a text from a matcher: Base64, hex, percent-encoding, Punycode, character
// references, \u escapes, text turned round by a bidi control, invisible tag characters and further ones (Kinds lists them), nested in one another up to a
// depth.
//
// Look gives a View: the whole text with every encoded stretch replaced by what it says, so that a word of which one
// character is written plainly and the next as a reference is found as a word. A matcher scans the view and maps its hits
// back with Origin. Only what reads like text is replaced: keys, hashes, pictures and compressed data stay as they are.
//
// Everything is bounded: the depth, the bytes produced, the time (linear in the text for a given depth). Where a limit cut
// something off, the view says so (Partial). Text without encodings costs one fast pass and one small allocation.
//
// Pure: no database, no HTTP, no clock.
package decode

import (
	"fmt"
	"slices"
	"sort"
	"unicode/utf8"
)

// Kinds of encodings, as they stand in a chain.
const (
	Base64    = "base64"   // standard and URL-safe, padded or not, in lines or not
	Base32    = "base32"   // RFC 4648
	Hex       = "hex"      // plain, 0x…, in groups
	Binary    = "binary"   // groups of eight 0 and 1
	Decimal   = "decimal"  // numbers of bytes or characters in a list
	Percent   = "percent"  // %E8 and %u8D4C
	Entity    = "entity"   // &#36172; &#x8d4c; &lt;
	Unicode   = "unicode"  // \u8d4c \u{8d4c} \U00008d4c \x{8d4c} U+8D4C, CSS
	Bytes     = "bytes"    // \xe8\xb5\x8c
	Octal     = "octal"    // \350\265\214
	Quoted    = "quoted"   // quoted-printable, also in MIME words
	UTF7      = "utf7"     // +jUxTWg-
	Punycode  = "punycode" // xn--…
	ROT13     = "rot13"    // English letters shifted by 13
	Bidi      = "bidi"     // turned round behind U+202E, which shows it the right way round
	Tags      = "tags"     // ASCII in tag characters, which nobody sees
	plainKind = ""         // text as it was
)

// Kinds lists every kind that a chain may name.
func Kinds() []string {
	return []string{Base64, Base32, Hex, Binary, Decimal, Percent, Entity, Unicode, Bytes, Octal, Quoted, UTF7, Punycode, ROT13, Bidi, Tags}
}

// Limits bound what is done for one text. Zero values are the defaults.
type Limits struct {
	Depth int // encodings inside one another; default 3
	Ratio int // bytes that decoding may produce, all depths together, as a multiple of the text; default 4
}

// Defaults of Limits.
const (
	DefaultDepth = 3
	DefaultRatio = 4
)

// Reasons of a Partial.
const (
	TooDeep  = "depth"  // something readable is still encoded inside
	TooLarge = "output" // decoding would have produced more than allowed
)

// Partial tells that not everything was decoded, and where in the original text that begins.
type Partial struct {
	Reason string
	Start  int
	End    int
}

// Error says what was not looked at.
func (p *Partial) Error() string {
	return fmt.Sprintf("partial: an encoded text was not looked at whole (limit: %s), from byte %d to %d", p.Reason, p.Start, p.End)
}

// Stretch is a place of the text that was encoded.
type Stretch struct {
	Start, End int      // bytes of the original text
	Chain      []string // the kinds, outermost first
	Text       []byte   // what it says, in UTF-8; part of the view, not to be changed

	view *View
	at   int // of Text in the view
}

// Origin gives the bytes of the original text that cover Text[start:end].
func (s Stretch) Origin(start, end int) (from, to int) { return s.view.Origin(s.at+start, s.at+end) }

// Find gives the encoded stretches of a text in their order. It is Look for those who do not need the text between them.
func Find(text []byte, limits Limits) ([]Stretch, *Partial) {
	v := Look(text, limits)
	if v == nil {
		return nil, nil
	}
	return v.Stretches(), v.Partial
}

// View is a text with its encoded stretches replaced by what they say.
type View struct {
	Text    []byte   // UTF-8 where the original was
	Partial *Partial // nil if everything was decoded that can be

	original int // bytes
	levels   []level
}

// level maps one text to the text it was made from. Its pieces follow one another without gaps in both.
type level []piece

// piece is a part of a level that is mapped by one rule: uo bytes of the result come from ui bytes of the source.
type piece struct {
	out, n int32 // place and length in the result
	src, m int32 // place and length in the source
	uo, ui int32 // 0: only the whole is mapped
	kind   string
}

// maxText is the largest text that is looked at; offsets are kept in 32 bits.
const maxText = 1 << 29

// Look decodes a text. It returns nil if nothing in it is encoded. The text is not changed and not kept.
func Look(text []byte, limits Limits) *View {
	if limits.Depth <= 0 {
		limits.Depth = DefaultDepth
	}
	if limits.Ratio <= 0 {
		limits.Ratio = DefaultRatio
	}
	if len(text) > maxText {
		return &View{Text: text, original: len(text), Partial: &Partial{Reason: TooLarge, Start: 0, End: len(text)}}
	}
	l := looker{depth: limits.Depth, left: limits.Ratio * len(text), v: View{original: len(text)}}
	cur := text
	for again := true; again; {
		again = false
		for pass := range 5 {
			b := builder{looker: &l, src: cur, scratch: l.scratch[:0]}
			switch pass {
			case 0:
				turned(&b)
			case 1:
				tags(&b)
			case 2:
				escapes(&b)
			case 3:
				blocks(&b)
			default:
				rot13(&b)
			}
			if len(b.level) > 0 {
				cur = b.finish()
				l.v.levels = append(l.v.levels, b.level)
				again = true
			}
		}
	}
	if len(l.v.levels) == 0 && l.v.Partial == nil {
		return nil
	}
	v := l.v
	v.Text = cur
	return &v
}

// looker is the state of one Look.
type looker struct {
	depth   int
	left    int // bytes that may still be produced
	v       View
	scratch [512]byte
}

// builder makes one level.
type builder struct {
	*looker
	src     []byte
	out     []byte
	level   level
	last    int // bytes of src taken over
	scratch []byte
	ends    []int32 // of octets in the source
	rows    int     // up to here rows of groups were tried
	signs   int     // up to here signs of UTF-7 follow one another
	lined   int     // up to here blocks in lines were tried
}

// may tells whether src[start:end] may be replaced by n bytes, and notes why not.
func (b *builder) may(start, end, n int) bool {
	switch {
	case n > b.left:
		b.partial(TooLarge, start, end)
	case len(b.v.levels) >= b.depth && b.deep(start) >= b.depth:
		b.partial(TooDeep, start, end)
	default:
		return true
	}
	return false
}

// deep is the number of encodings that src[at] was taken out of.
func (b *builder) deep(at int) int {
	n := 0
	for i := len(b.v.levels) - 1; i >= 0; i-- {
		p := b.v.levels[i].find(at)
		if p == nil {
			break
		}
		if p.kind != plainKind {
			n++
		}
		at, _ = b.v.levels[i].origin(at, at+1)
	}
	return n
}

func (b *builder) partial(reason string, start, end int) {
	if b.v.Partial == nil {
		start, end = b.v.Origin(start, end)
		b.v.Partial = &Partial{Reason: reason, Start: start, End: end}
	}
}

// put replaces src[start:end], uo bytes of it standing for ui of the source each time. The caller has asked may.
func (b *builder) put(start, end int, text []byte, uo, ui int, kind string) {
	b.plain(start)
	b.add(piece{n: int32(len(text)), m: int32(end - start), uo: int32(uo), ui: int32(ui), kind: kind})
	b.out = append(b.out, text...)
	b.last = end
	b.left -= len(text)
}

// plain takes over the source up to a place.
func (b *builder) plain(until int) {
	if b.level == nil {
		b.out = make([]byte, 0, len(b.src))
	}
	if until > b.last {
		b.add(piece{n: int32(until - b.last), m: int32(until - b.last), uo: 1, ui: 1})
		b.out = append(b.out, b.src[b.last:until]...)
		b.last = until
	}
}

// add appends a piece, to the one before if it goes on by the same rule.
func (b *builder) add(p piece) {
	p.out, p.src = int32(len(b.out)), int32(b.last)
	if k := len(b.level) - 1; k >= 0 {
		q := &b.level[k]
		if q.kind == p.kind && q.uo == p.uo && q.ui == p.ui && p.uo > 0 && q.n%q.uo == 0 && q.m == q.n/q.uo*q.ui {
			q.n += p.n
			q.m += p.m
			return
		}
	}
	b.level = append(b.level, p)
}

func (b *builder) finish() []byte {
	b.plain(len(b.src))
	return b.out
}

// find gives the piece that a byte of the result stands in.
func (l level) find(at int) *piece {
	i := sort.Search(len(l), func(i int) bool { return int(l[i].out+l[i].n) > at })
	if i == len(l) {
		return nil
	}
	return &l[i]
}

// origin maps a span of the result to the source. An empty span stays empty.
func (l level) origin(start, end int) (int, int) {
	if start >= end {
		if p := l.find(start); p != nil {
			from, _ := p.origin(start, start+1)
			return from, from
		}
		if len(l) == 0 {
			return start, start
		}
		last := l[len(l)-1]
		return int(last.src + last.m), int(last.src + last.m)
	}
	from, to := start, end
	if p := l.find(start); p != nil {
		from, _ = p.origin(start, start+1)
	}
	if p := l.find(end - 1); p != nil {
		_, to = p.origin(end-1, end)
	}
	return from, to
}

func (p *piece) origin(start, end int) (int, int) {
	if p.uo == 0 {
		return int(p.src), int(p.src + p.m)
	}
	a, b := int64(start)-int64(p.out), int64(end)-int64(p.out)
	from := a * int64(p.ui) / int64(p.uo)
	to := (b*int64(p.ui) + int64(p.uo) - 1) / int64(p.uo)
	return int(p.src) + int(min(from, int64(p.m))), int(p.src) + int(min(to, int64(p.m)))
}

// Origin gives the bytes of the original text that cover Text[start:end].
func (v *View) Origin(start, end int) (from, to int) {
	for i := len(v.levels) - 1; i >= 0; i-- {
		start, end = v.levels[i].origin(start, end)
	}
	return start, end
}

// place maps a span of the original text to the view: the smallest span that holds all that came of it.
func (v *View) place(start, end int) (int, int) {
	for _, l := range v.levels {
		i := sort.Search(len(l), func(i int) bool { return int(l[i].src+l[i].m) > start })
		j := sort.Search(len(l), func(i int) bool { return int(l[i].src) >= end })
		if i >= j {
			return 0, 0
		}
		from, to := int(l[i].out), int(l[j-1].out+l[j-1].n)
		if l[i].kind == plainKind {
			from += start - int(l[i].src)
		}
		if p := l[j-1]; p.kind == plainKind {
			to -= int(p.src+p.m) - end
		}
		start, end = from, to
	}
	return start, end
}

// Stretches gives the places of the text that were encoded, in order; they do not overlap. Encodings that touch, or of
// which one was found around the other, are one stretch.
func (v *View) Stretches() []Stretch {
	type found struct {
		start, end, level int
		kind              string
	}
	var all []found
	for k, l := range v.levels {
		below := &View{levels: v.levels[:k]}
		for _, p := range l {
			if p.kind != plainKind {
				start, end := below.Origin(int(p.src), int(p.src+p.m))
				all = append(all, found{start, end, k, p.kind})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b found) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	var out []Stretch
	for i := 0; i < len(all); {
		s := Stretch{Start: all[i].start, End: all[i].end, view: v}
		j := i
		for ; j < len(all) && all[j].start <= s.End; j++ {
			s.End = max(s.End, all[j].end)
		}
		group := slices.Clone(all[i:j])
		slices.SortStableFunc(group, func(a, b found) int { return a.level - b.level })
		level := -1
		for _, f := range group {
			if f.level != level { // the first of its level speaks for the others
				s.Chain, level = append(s.Chain, f.kind), f.level
			}
		}
		from, to := v.place(s.Start, s.End)
		s.at, s.Text = from, v.Text[from:to:to]
		out = append(out, s)
		i = j
	}
	return out
}

// Passage is a part of a view with encoded stretches and what stands around them: what a matcher has to look at again when
// it has seen the text itself.
type Passage struct {
	At   int    // in the view; Origin(At+start, At+end) maps a hit back
	Text []byte // part of the view, not to be changed
}

// Passages gives every stretch with up to n runes of the view on both sides; those that meet are one. A word of up to n+1
// runes that is partly encoded stands in a passage as a whole.
func (v *View) Passages(n int) []Passage {
	var out []Passage
	end := 0
	for _, s := range v.Stretches() {
		from, to := s.at, s.at+len(s.Text)
		for k := 0; k < n && from > 0; k++ {
			_, size := utf8.DecodeLastRune(v.Text[:from])
			from -= size
		}
		for k := 0; k < n && to < len(v.Text); k++ {
			_, size := utf8.DecodeRune(v.Text[to:])
			to += size
		}
		if len(out) > 0 && from <= end {
			p := &out[len(out)-1]
			end = max(end, to)
			p.Text = v.Text[p.At:end:end]
			continue
		}
		out, end = append(out, Passage{At: from, Text: v.Text[from:to:to]}), to
	}
	return out
}
