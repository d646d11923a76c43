// Package privacy finds and masks Chinese personal information in text (Art 11; PIPL 51). Pure: no database, no HTTP, no clock.
//
// Found are resident identity numbers, mobile numbers, bank cards and e-mail addresses. Every rule decides by checksum,
// table and border, so that order numbers, timestamps, versions and addresses of machines stay as they are: masking what
// is nobody's data is a defect too.
package privacy

import "bytes"

// Kind of personal information.
type Kind string

// The kinds that are found.
const (
	ResidentID Kind = "resident_id" // GB 11643: region, date, ISO 7064 MOD 11-2 check digit
	Mobile     Kind = "mobile"
	BankCard   Kind = "bank_card" // Luhn and a known issuer prefix
	Email      Kind = "email"
)

// Version names the rules, for the record.
const Version = "privacy/2"

// Span is one find; offsets are bytes in the text given.
type Span struct {
	Kind       Kind
	Start, End int
}

// Scan returns the finds in text, in order, not overlapping.
func Scan(text []byte) []Span {
	spans, _ := scan(nil, text, 0, true)
	return spans
}

// Mask appends text to dst with every find masked and returns dst and the finds. A mobile keeps its first three and last
// four digits (138****5678), an identity number its first three and last two, a card its last four, an address its first
// letter and domain; every other digit or letter of a find becomes '*', separators and the number of characters stay. A
// number that runs on into an address (138 1234 5678@example.com) is one address. Masking what is masked changes nothing.
func Mask(dst, text []byte) ([]byte, []Span) {
	spans := Scan(text)
	return mask(dst, text, 0, spans, nil), spans
}

// MaskJSON is Mask for a text that a parser will read as JSON: a find that is a number, in no string, becomes another number that is nobody's,
// a one and noughts.
func MaskJSON(dst, text []byte) ([]byte, []Span) {
	spans := Scan(text)
	return mask(dst, text, 0, spans, &quotes{}), spans
}

// quotes tells whether a place of a JSON text is inside a string.
type quotes struct{ in, escaped bool }

func (q *quotes) read(text []byte) {
	for _, c := range text {
		switch {
		case q.escaped:
			q.escaped = false
		case q.in && c == '\\':
			q.escaped = true
		case c == '"':
			q.in = !q.in
		}
	}
}

// mask appends text, which stands at base in the whole, with the spans masked. q is not nil in a JSON text and stands at its beginning;
// it is taken to its end.
func mask(dst, text []byte, base int, spans []Span, q *quotes) []byte {
	at := 0
	for _, s := range spans {
		before, find := text[at:s.Start-base], text[s.Start-base:s.End-base]
		dst = append(dst, before...)
		if q != nil {
			q.read(before)
		}
		if q != nil && !q.in && s.Kind != Email {
			dst = nobody(dst, find)
		} else {
			dst = maskOne(dst, find, s.Kind)
		}
		if q != nil {
			q.read(find)
		}
		at = s.End - base
	}
	if q != nil {
		q.read(text[at:])
	}
	return append(dst, text[at:]...)
}

// nobody writes a number of as many digits that is no telephone number, card or identity number.
func nobody(dst, find []byte) []byte {
	first := true
	for i := 0; i < len(find); {
		n, size := digit(find, i)
		switch {
		case n >= 0 && first:
			dst, first = append(dst, '1'), false
		case n >= 0:
			dst = append(dst, '0')
		default:
			dst = append(dst, find[i:i+size]...)
		}
		i += size
	}
	return dst
}

func maskOne(dst, find []byte, kind Kind) []byte {
	const fill = '*'
	if kind == Email {
		for i := 0; find[i] != '@'; {
			_, size := digit(find, i)
			if i > 0 || find[size] == '@' {
				dst = append(dst, fill)
			} else {
				dst = append(dst, find[:size]...)
			}
			i += size
		}
		return append(dst, find[bytes.IndexByte(find, '@'):]...)
	}
	total := 0
	for i := 0; i < len(find); {
		n, size := digit(find, i)
		if n >= 0 || find[i] == 'X' || find[i] == 'x' {
			total++
		}
		i += size
	}
	keepFirst, keepLast := 3, 2
	switch kind {
	case Mobile:
		keepFirst, keepLast = 3, 4
		keepFirst += total - 11 // a country code stays
	case BankCard:
		keepFirst, keepLast = 0, 4
	}
	seen := 0
	for i := 0; i < len(find); {
		n, size := digit(find, i)
		if n < 0 && find[i] != 'X' && find[i] != 'x' {
			dst = append(dst, find[i:i+size]...)
			i += size
			continue
		}
		seen++
		if seen <= keepFirst || seen > total-keepLast {
			dst = append(dst, find[i:i+size]...)
		} else {
			dst = append(dst, fill)
		}
		i += size
	}
	return dst
}

// Stream masks a channel while it streams: it holds back only what could still be part of a find, at most holdMax bytes.
// Its output depends on the text alone, never on how it was cut. Not safe for concurrent use.
type Stream struct {
	q    *quotes // nil: the text is not JSON
	buf  []byte  // lookBehind bytes already given out, then what is held
	from int     // where the held part of buf begins
	base int     // offset of buf in the whole text
	out  []byte
}

// NewStream starts at offset 0 of an empty text.
func NewStream() *Stream { return &Stream{} }

// NewJSONStream masks as MaskJSON does.
func NewJSONStream() *Stream { return &Stream{q: &quotes{}} }

// Write returns masked text that is final, valid until the next call, and the finds completed (offsets in the whole
// unmasked text).
func (s *Stream) Write(chunk []byte) ([]byte, []Span) { return s.step(chunk, false) }

// Close returns the rest.
func (s *Stream) Close() ([]byte, []Span) { return s.step(nil, true) }

func (s *Stream) step(chunk []byte, final bool) ([]byte, []Span) {
	if drop := s.from - lookBehind; drop > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[drop:])]
		s.from -= drop
		s.base += drop
	}
	s.buf = append(s.buf, chunk...)
	spans, upTo := scan(nil, s.buf, s.from, final)
	for i := range spans {
		spans[i].Start += s.base
		spans[i].End += s.base
	}
	s.out = mask(s.out[:0], s.buf[s.from:upTo], s.base+s.from, spans, s.q)
	s.from = upTo
	return s.out, spans
}
