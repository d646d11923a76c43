package gateway

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// The gateway edits JSON as bytes and never re-marshals it, so that fields it does not know survive unchanged. A document
// is scanned once, strictly, into a flat list of nodes that point into the bytes.

// maxDepth bounds nesting; deeper documents are refused before they cost anything.
const maxDepth = 128

type kind uint8

const (
	isNull kind = iota
	isBool
	isNumber
	isString
	isArray
	isObject
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// node is one value. Its children, if any, are the nodes that follow it up to next.
type node struct {
	kind             kind
	escaped          bool  // a string with a backslash, or whose key has one
	start, end       int32 // of the value in the document, quotes and brackets included
	keyStart, keyEnd int32 // of its key inside an object, quotes excluded
	next             int32 // index of the node after the last descendant
}

// doc is a scanned document. The zero value is ready for scan and may be used again.
type doc struct {
	b     []byte
	nodes []node
}

// syntaxError is malformed JSON with its place.
type syntaxError struct {
	offset int
	what   string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.what, e.offset) }

// scan reads exactly one JSON value (RFC 8259) with optional white space around it.
func (d *doc) scan(b []byte) error {
	d.b, d.nodes = b, d.nodes[:0]
	i, err := d.value(space(b, 0), 0, 0, 0)
	if err != nil {
		return err
	}
	if i = space(b, i); i != len(b) {
		return &syntaxError{i, "unexpected text after the JSON value"}
	}
	return nil
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

func (d *doc) value(i, depth int, keyStart, keyEnd int32) (int, error) {
	b := d.b
	if i >= len(b) {
		return i, &syntaxError{i, "unexpected end"}
	}
	if depth > maxDepth {
		return i, &syntaxError{i, fmt.Sprintf("nested deeper than %d", maxDepth)}
	}
	at := len(d.nodes)
	d.nodes = append(d.nodes, node{start: int32(i), keyStart: keyStart, keyEnd: keyEnd})
	var err error
	n := node{start: int32(i), keyStart: keyStart, keyEnd: keyEnd}
	switch c := b[i]; {
	case c == '"':
		n.kind = isString
		i, n.escaped, err = scanString(b, i)
	case c == '{':
		n.kind = isObject
		i, err = d.members(i+1, depth)
	case c == '[':
		n.kind = isArray
		i, err = d.elements(i+1, depth)
	case c == '-' || c >= '0' && c <= '9':
		n.kind = isNumber
		i, err = scanNumber(b, i)
	case c == 't':
		n.kind = isBool
		i, err = literal(b, i, "true")
	case c == 'f':
		n.kind = isBool
		i, err = literal(b, i, "false")
	case c == 'n':
		i, err = literal(b, i, "null")
	default:
		err = &syntaxError{i, "unexpected character"}
	}
	if err != nil {
		return i, err
	}
	n.end, n.next = int32(i), int32(len(d.nodes))
	d.nodes[at] = n
	return i, nil
}

func (d *doc) members(i, depth int) (int, error) {
	b := d.b
	i = space(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return i, &syntaxError{i, "expected a quoted key"}
		}
		end, _, err := scanString(b, i)
		if err != nil {
			return end, err
		}
		keyStart, keyEnd := int32(i+1), int32(end-1)
		i = space(b, end)
		if i >= len(b) || b[i] != ':' {
			return i, &syntaxError{i, "expected ':'"}
		}
		if i, err = d.value(space(b, i+1), depth+1, keyStart, keyEnd); err != nil {
			return i, err
		}
		i = space(b, i)
		if i < len(b) && b[i] == ',' {
			i = space(b, i+1)
			continue
		}
		if i < len(b) && b[i] == '}' {
			return i + 1, nil
		}
		return i, &syntaxError{i, "expected ',' or '}'"}
	}
}

func (d *doc) elements(i, depth int) (int, error) {
	b := d.b
	i = space(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = d.value(i, depth+1, 0, 0); err != nil {
			return i, err
		}
		i = space(b, i)
		if i < len(b) && b[i] == ',' {
			i = space(b, i+1)
			continue
		}
		if i < len(b) && b[i] == ']' {
			return i + 1, nil
		}
		return i, &syntaxError{i, "expected ',' or ']'"}
	}
}

// plainByte marks what a string may hold without a closer look.
var plainByte = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// threeBytes marks the bytes that begin a character of three bytes whatever continuation bytes follow, which most Chinese text is
// made of.
var threeBytes = func() (t [256]bool) {
	for c := 0xE1; c <= 0xEF; c++ {
		t[c] = c != 0xED
	}
	return t
}()

// scanString returns the index after the closing quote. Invalid UTF-8 is an error: what one parser repairs another drops.
func scanString(b []byte, i int) (int, bool, error) {
	escaped := false
	for i++; i < len(b); {
		for i < len(b) && plainByte[b[i]] {
			i++
		}
		for i+2 < len(b) && threeBytes[b[i]] && b[i+1]&0xC0 == 0x80 && b[i+2]&0xC0 == 0x80 {
			i += 3
		}
		if i == len(b) {
			break
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, escaped, nil
		case c == '\\':
			escaped = true
			if i+1 >= len(b) {
				return i, false, &syntaxError{i, "unexpected end in an escape"}
			}
			switch b[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if _, ok := hex4(b, i+2); !ok {
					return i, false, &syntaxError{i, `\u needs four hexadecimal digits`}
				}
				i += 6
			default:
				return i, false, &syntaxError{i, "unknown escape"}
			}
		case c < 0x20:
			return i, false, &syntaxError{i, "a control character must be escaped"}
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size == 1 {
				return i, false, &syntaxError{i, "invalid UTF-8"}
			}
			i += size
		}
	}
	return i, false, &syntaxError{i, "a string is not closed"}
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

func scanNumber(b []byte, i int) (int, error) {
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return i, &syntaxError{i, "expected a digit"}
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return i, &syntaxError{i, "expected a digit"}
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return i, &syntaxError{i, "expected a digit"}
		}
	}
	return i, nil
}

func literal(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, &syntaxError{i, "unexpected character"}
	}
	return i + len(word), nil
}

// children calls f for each direct child of node at, with its index, until f returns false.
func (d *doc) children(at int, f func(i int) bool) {
	for i := at + 1; i < int(d.nodes[at].next); i = int(d.nodes[i].next) {
		if !f(i) {
			return
		}
	}
}

// raw is the value's bytes as they stand in the document.
func (d *doc) raw(i int) []byte { return d.b[d.nodes[i].start:d.nodes[i].end] }

// key is the value's key with escapes resolved; it may point into the document.
func (d *doc) key(i int) []byte {
	k := d.b[d.nodes[i].keyStart:d.nodes[i].keyEnd]
	for _, c := range k {
		if c == '\\' {
			return unescape(nil, k)
		}
	}
	return k
}

// text is a string value with escapes resolved; it points into the document when there are none.
func (d *doc) text(i int) []byte {
	n := d.nodes[i]
	inner := d.b[n.start+1 : n.end-1]
	if !n.escaped {
		return inner
	}
	return unescape(make([]byte, 0, len(inner)), inner)
}

// unescape appends the text of a valid JSON string body. Lone surrogates become U+FFFD, as encoding/json has it.
func unescape(out, s []byte) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		switch s[i+1] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(s, i+2)
			i += 6
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if i+1 < len(s) && s[i] == '\\' && s[i+1] == 'u' {
					low, ok = hex4(s, i+2)
				}
				if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
					r = pair
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			out = utf8.AppendRune(out, r)
			continue
		default:
			out = append(out, s[i+1])
		}
		i += 2
	}
	return out
}

// appendJSON appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendJSON(b []byte, s []byte) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c == '\n':
				b = append(b, '\\', 'n')
			case c == '\r':
				b = append(b, '\\', 'r')
			case c == '\t':
				b = append(b, '\\', 't')
			case c < 0x20:
				b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
			default:
				b = append(b, c)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		b = utf8.AppendRune(b, r)
		i += size
	}
	return append(b, '"')
}

// object reads the members of an object that the gateway acts on. A name that stands twice, or once more in other letter
// case or escaped, is refused: parsers disagree on which one counts, and what we screen must be what the model reads.
func (d *doc) object(at int, names []string, into []int) error {
	for i := range into {
		into[i] = -1
	}
	var err error
	d.children(at, func(i int) bool {
		key := d.key(i)
		for k, name := range names {
			if len(key) != len(name) {
				continue
			}
			if string(key) == name {
				if into[k] >= 0 {
					err = &duplicateError{name}
					return false
				}
				into[k] = i
			} else if foldEqual(key, name) {
				err = &duplicateError{name}
				return false
			}
		}
		return true
	})
	return err
}

func foldEqual(a []byte, b string) bool {
	for i := range a {
		x, y := a[i], b[i]
		if x >= 'A' && x <= 'Z' {
			x += 'a' - 'A'
		}
		if y >= 'A' && y <= 'Z' {
			y += 'a' - 'A'
		}
		if x != y {
			return false
		}
	}
	return true
}

type duplicateError struct{ name string }

func (e *duplicateError) Error() string {
	return fmt.Sprintf("the field %q stands more than once (letter case and escapes count as the same)", e.name)
}

// edit replaces document bytes [start, end) by with.
type edit struct {
	start, end int
	with       []byte
}

// splice appends src with the edits applied; they must be in order and not overlap.
func splice(out, src []byte, edits []edit) []byte {
	at := 0
	for _, e := range edits {
		out = append(out, src[at:e.start]...)
		out = append(out, e.with...)
		at = e.end
	}
	return append(out, src[at:]...)
}
