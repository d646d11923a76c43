package pdf

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"unicode/utf16"

	"github.com/hegui/hegui/label/carrier"
)

// An object is one of: nil, bool, number, name, text, array, *dict, ref (ISO 32000-1, 7.3).
type (
	number string // as written
	name   string // decoded, without its slash
	text   []byte // decoded
	array  []any
	ref    struct{ num, gen int64 }
)

// dict keeps the order and the bytes of its entries, so that they can be written again as they were.
type dict struct{ entries []entry }

type entry struct {
	key   name
	value any
	raw   []byte // of the value
}

func (d *dict) get(key name) any {
	if d == nil {
		return nil
	}
	for i := len(d.entries) - 1; i >= 0; i-- { // a key that stands twice: the last counts for most readers
		if d.entries[i].key == key {
			return d.entries[i].value
		}
	}
	return nil
}

func (d *dict) raw(key name) []byte {
	for i := len(d.entries) - 1; i >= 0; i-- {
		if d.entries[i].key == key {
			return d.entries[i].raw
		}
	}
	return nil
}

func (d *dict) int(key name) (int64, bool) { return integer(d.get(key)) }

func integer(v any) (int64, bool) {
	n, ok := v.(number)
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, err == nil
}

// lexer reads objects from bytes; at is where they lie in the file, for errors, or -1 for those that were packed.
type lexer struct {
	b   []byte
	pos int
	at  int64
}

func (l *lexer) fault(rule string, args ...any) error {
	at := l.at
	if at >= 0 {
		at += int64(l.pos)
	}
	return fault(carrier.Malformed, at, rule, args...)
}

func fault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return &carrier.Error{Format: "pdf", Kind: kind, Offset: at, Rule: fmt.Sprintf(rule, args...)}
}

func space(c byte) bool {
	return c == 0 || c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == ' '
}
func delimiter(c byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), c) >= 0 }

// skip passes white space and comments.
func (l *lexer) skip() {
	for l.pos < len(l.b) {
		switch c := l.b[l.pos]; {
		case space(c):
			l.pos++
		case c == '%':
			for l.pos < len(l.b) && l.b[l.pos] != '\n' && l.b[l.pos] != '\r' {
				l.pos++
			}
		default:
			return
		}
	}
}

// word is the next run of regular characters.
func (l *lexer) word() string {
	l.skip()
	start := l.pos
	for l.pos < len(l.b) && !space(l.b[l.pos]) && !delimiter(l.b[l.pos]) {
		l.pos++
	}
	return string(l.b[start:l.pos])
}

// keyword passes a word, or fails.
func (l *lexer) keyword(want string) error {
	before := l.pos
	if got := l.word(); got != want {
		l.pos = before
		return l.fault("%s stands here, not %.20q", want, got)
	}
	return nil
}

// object reads one object.
func (l *lexer) object(depth int) (any, error) {
	if depth > carrier.MaxDepth {
		return nil, l.fault("arrays and dictionaries lie more than %d deep", carrier.MaxDepth)
	}
	l.skip()
	if l.pos >= len(l.b) {
		return nil, fault(carrier.Truncated, l.at, "an object ends before it should, or is larger than %d bytes", maxObject)
	}
	switch c := l.b[l.pos]; {
	case c == '/':
		return l.name()
	case c == '(':
		return l.literal()
	case c == '<' && l.pos+1 < len(l.b) && l.b[l.pos+1] == '<':
		return l.dict(depth)
	case c == '<':
		return l.hex()
	case c == '[':
		l.pos++
		out := array{}
		for {
			l.skip()
			if l.pos < len(l.b) && l.b[l.pos] == ']' {
				l.pos++
				return out, nil
			}
			v, err := l.object(depth + 1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
	before := l.pos
	switch w := l.word(); {
	case w == "true" || w == "false":
		return w == "true", nil
	case w == "null":
		return nil, nil
	case w != "" && bytes.IndexByte([]byte("+-.0123456789"), w[0]) >= 0:
		if r, ok := l.reference(w); ok {
			return r, nil
		}
		return number(w), nil
	default:
		l.pos = before
		return nil, l.fault("no object begins with %.20q", l.b[l.pos:min(len(l.b), l.pos+20)])
	}
}

// reference looks whether a number is the first of "12 0 R".
func (l *lexer) reference(first string) (ref, bool) {
	num, err := strconv.ParseInt(first, 10, 64)
	if err != nil || num < 0 {
		return ref{}, false
	}
	before := l.pos
	gen, err := strconv.ParseInt(l.word(), 10, 64)
	if err == nil && gen >= 0 && l.word() == "R" {
		return ref{num, gen}, true
	}
	l.pos = before
	return ref{}, false
}

func (l *lexer) name() (any, error) {
	l.pos++
	var out []byte
	for l.pos < len(l.b) && !space(l.b[l.pos]) && !delimiter(l.b[l.pos]) {
		c := l.b[l.pos]
		if c == '#' && l.pos+2 < len(l.b) {
			if b, err := hex.DecodeString(string(l.b[l.pos+1 : l.pos+3])); err == nil {
				c = b[0]
				l.pos += 2
			}
		}
		out = append(out, c)
		l.pos++
	}
	return name(out), nil
}

func (l *lexer) dict(depth int) (any, error) {
	l.pos += 2
	d := &dict{}
	for {
		l.skip()
		if l.pos+1 < len(l.b) && l.b[l.pos] == '>' && l.b[l.pos+1] == '>' {
			l.pos += 2
			return d, nil
		}
		if l.pos >= len(l.b) || l.b[l.pos] != '/' {
			return nil, l.fault("a key of a dictionary is a name")
		}
		key, err := l.name()
		if err != nil {
			return nil, err
		}
		l.skip()
		from := l.pos
		v, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		d.entries = append(d.entries, entry{key.(name), v, bytes.Clone(l.b[from:l.pos])})
	}
}

func (l *lexer) hex() (any, error) {
	l.pos++
	var digits []byte
	for ; l.pos < len(l.b) && l.b[l.pos] != '>'; l.pos++ {
		if !space(l.b[l.pos]) {
			digits = append(digits, l.b[l.pos])
		}
	}
	if l.pos >= len(l.b) {
		return nil, l.fault("a string in hexadecimal has no end")
	}
	l.pos++
	if len(digits)%2 == 1 {
		digits = append(digits, '0')
	}
	out, err := hex.DecodeString(string(digits))
	if err != nil {
		return nil, l.fault("a string in hexadecimal holds another character")
	}
	return text(out), nil
}

// literal reads a string in brackets.
func (l *lexer) literal() (any, error) {
	l.pos++
	out := text{}
	for depth := 1; l.pos < len(l.b); l.pos++ {
		c := l.b[l.pos]
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				l.pos++
				return out, nil
			}
		case '\\':
			l.pos++
			if l.pos >= len(l.b) {
				return nil, l.fault("a string has no end")
			}
			switch c = l.b[l.pos]; {
			case c == 'n':
				c = '\n'
			case c == 'r':
				c = '\r'
			case c == 't':
				c = '\t'
			case c == 'b':
				c = '\b'
			case c == 'f':
				c = '\f'
			case c >= '0' && c <= '7':
				n := 0
				for k := 0; k < 3 && l.pos < len(l.b) && l.b[l.pos] >= '0' && l.b[l.pos] <= '7'; k++ {
					n = n*8 + int(l.b[l.pos]-'0')
					l.pos++
				}
				l.pos--
				c = byte(n)
			case c == '\r' || c == '\n': // the line goes on
				if c == '\r' && l.pos+1 < len(l.b) && l.b[l.pos+1] == '\n' {
					l.pos++
				}
				continue
			}
		}
		out = append(out, c)
	}
	return nil, l.fault("a string has no end")
}

// words is a text string as people read it (7.9.2.2): UTF-16 or UTF-8 with its mark, else PDFDocEncoding, of which the part that labels use is
// Latin-1.
func words(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}), bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		units := make([]uint16, 0, len(b)/2)
		for i := 2; i+1 < len(b); i += 2 {
			if b[0] == 0xfe {
				units = append(units, uint16(b[i])<<8|uint16(b[i+1]))
			} else {
				units = append(units, uint16(b[i+1])<<8|uint16(b[i]))
			}
		}
		return string(utf16.Decode(units))
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		return string(b[3:])
	}
	out := make([]rune, len(b))
	for i, c := range b {
		out[i] = rune(c)
	}
	return string(out)
}

// written is a text string as it is written: in brackets where ASCII suffices, else UTF-16 in hexadecimal.
func written(s string) []byte {
	plain := true
	for i := range len(s) {
		plain = plain && s[i] >= ' ' && s[i] < 0x7f
	}
	if !plain {
		out := []byte("<FEFF")
		for _, u := range utf16.Encode([]rune(s)) {
			out = fmt.Appendf(out, "%04X", u)
		}
		return append(out, '>')
	}
	out := []byte{'('}
	for i := range len(s) {
		if c := s[i]; c == '(' || c == ')' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, s[i])
	}
	return append(out, ')')
}
