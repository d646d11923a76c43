package stream

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hegui/hegui/label/carrier"
)

// tag is an ID3v2 tag (id3.org, 2.2 to 2.4).
type tag struct {
	at, size int64 // whole
	version  byte
	frames   [][]byte // as they stand; those that hold the label are in own
	own      []ownFrame
	extended bool // it has an extended header, which goes when the tag is written anew: it holds checksums and sizes only
	unsync   bool // as a whole; gone when the tag is written anew
	footer   bool
	room     int64 // bytes of the body
	tail     bool  // it stands behind the frames of audio
}

// ownFrame is a TXXX frame with the label.
type ownFrame struct {
	id, value string
	at        int64
	exact     bool // in the form that is written
}

// syncsafe is a number of 28 bits in bytes of 7.
func syncsafe(b []byte) (int64, bool) {
	var v int64
	for _, c := range b[:4] {
		if c >= 0x80 {
			return 0, false
		}
		v = v<<7 | int64(c)
	}
	return v, true
}

func putSyncsafe(v int64) []byte {
	return []byte{byte(v >> 21 & 0x7F), byte(v >> 14 & 0x7F), byte(v >> 7 & 0x7F), byte(v & 0x7F)}
}

// behindTags is where the tags at the beginning end.
func behindTags(f *carrier.File) (int64, error) {
	at := int64(0)
	for range carrier.MaxSites {
		_, size, err := tagHead(f, "", at)
		if err != nil || size == 0 {
			return at, err
		}
		at += size
	}
	return at, nil
}

// tagHead is the head of a tag at a place and its whole size, 0 when there is none.
func tagHead(f *carrier.File, format string, at int64) (head []byte, size int64, err error) {
	if !f.Has(at, 10) {
		return nil, 0, nil
	}
	if head, err = f.Read(format, at, 10); err != nil || string(head[:3]) != "ID3" || head[3] == 0xFF {
		return head, 0, err
	}
	n, ok := syncsafe(head[6:])
	if !ok {
		return head, 0, fault(format, carrier.Malformed, at+6, "the ID3 tag's size has a bit that must be zero")
	}
	size = 10 + n
	if head[3] == 4 && head[5]&0x10 != 0 {
		size += 10
	}
	if !f.Has(at, size) {
		return head, 0, fault(format, carrier.Truncated, at, "the ID3 tag says %d bytes, the file ends before", size)
	}
	return head, size, nil
}

// readTags are the ID3v2 tags of a file: those at the beginning, and one at the end that a footer tells of.
func readTags(f *carrier.File, format string) (out []*tag, err error) {
	at := int64(0)
	for len(out) < carrier.MaxSites {
		t, err := readTag(f, format, at)
		if err != nil {
			return out, err
		}
		if t == nil {
			break
		}
		out = append(out, t)
		at += t.size
	}
	end := f.Size()
	if f.Has(end-128, 128) {
		b, err := f.Read(format, end-128, 3)
		if err != nil {
			return out, err
		}
		if string(b) == "TAG" {
			end -= 128
		}
	}
	if f.Has(end-10, 10) && end-10 >= at {
		b, err := f.Read(format, end-10, 10)
		if err != nil {
			return out, err
		}
		if n, ok := syncsafe(b[6:]); string(b[:3]) == "3DI" && ok && end-20-n >= at {
			t, err := readTag(f, format, end-20-n)
			if err != nil {
				return out, err
			}
			if t != nil && t.at+t.size == end {
				t.tail = true
				out = append(out, t)
			}
		}
	}
	return out, nil
}

// readTag reads the tag at a place; nil when there is none.
func readTag(f *carrier.File, format string, at int64) (*tag, error) {
	head, size, err := tagHead(f, format, at)
	if err != nil || size == 0 {
		return nil, err
	}
	if size > maxText {
		return nil, fault(format, carrier.TooLarge, at, "an ID3 tag of %d bytes; at most %d are read", size, maxText)
	}
	t := &tag{at: at, size: size, version: head[3]}
	flags := head[5]
	if t.version < 2 || t.version > 4 || t.version == 2 && flags&0x40 != 0 {
		return nil, fault(format, carrier.Unsupported, at+3, "an ID3 tag of version 2.%d, flags %#x", t.version, flags)
	}
	t.unsync, t.footer = flags&0x80 != 0 && t.version < 4, t.version == 4 && flags&0x10 != 0
	n, _ := syncsafe(head[6:])
	body, err := f.Read(format, at+10, n)
	if err != nil {
		return nil, err
	}
	t.room = n
	if t.unsync {
		body = bytes.ReplaceAll(body, []byte{0xFF, 0x00}, []byte{0xFF})
	}
	if flags&0x40 != 0 {
		if len(body) < 6 {
			return nil, fault(format, carrier.Malformed, at+10, "the ID3 tag's extended header is cut short")
		}
		skip := 4 + int64(binary.BigEndian.Uint32(body))
		if t.version == 4 {
			skip, _ = syncsafe(body)
		}
		if skip < 6 || skip > int64(len(body)) {
			return nil, fault(format, carrier.Malformed, at+10, "the ID3 tag's extended header says %d bytes", skip)
		}
		t.extended, body = true, body[skip:]
	}
	return t, t.readFrames(format, body)
}

// readFrames takes the tag's body apart. What follows the frames is padding.
func (t *tag) readFrames(format string, body []byte) error {
	head := 10
	if t.version == 2 {
		head = 6
	}
	from := t.at + t.size - int64(len(body))
	if t.footer {
		from -= 10
	}
	whole := len(body)
	for len(body) >= head && body[0] != 0 {
		var size int64
		switch t.version {
		case 2:
			size = int64(body[3])<<16 | int64(body[4])<<8 | int64(body[5])
		case 3:
			size = int64(binary.BigEndian.Uint32(body[4:]))
		default:
			n, ok := syncsafe(body[4:])
			if !ok { // many wrote plain numbers
				n = int64(binary.BigEndian.Uint32(body[4:]))
			}
			size = n
		}
		at := from + int64(whole-len(body))
		if size > int64(len(body)-head) {
			return fault(format, carrier.Malformed, at, "frame %q says %d bytes, the tag has %d left", body[:3], size, len(body)-head)
		}
		frame := body[:int64(head)+size]
		id := string(frame[:4])
		if t.version == 2 {
			id = id[:3]
		}
		own, ok := t.ownText(id, frame, head)
		if ok {
			own.at = at
			t.own = append(t.own, own)
		} else {
			t.frames = append(t.frames, frame)
		}
		if len(t.frames)+len(t.own) > carrier.MaxParts/16 {
			return fault(format, carrier.TooLarge, at, "more than %d frames", carrier.MaxParts/16)
		}
		body = body[len(frame):]
	}
	return nil
}

// ownText tells whether a frame is a TXXX of the label's name, and what it says.
func (t *tag) ownText(id string, frame []byte, head int) (x ownFrame, ok bool) {
	if id != "TXXX" && id != "TXX" {
		return x, false
	}
	data, exact := frame[head:], true
	if t.version > 2 {
		a, b := frame[8], frame[9]
		exact = a == 0 && b == 0
		if t.version == 3 && b&0xC0 != 0 || t.version == 4 && b&0x0C != 0 { // compressed or encrypted: it cannot be read
			return x, false
		}
		if t.version == 4 {
			if b&0x40 != 0 && len(data) > 0 { // group
				data = data[1:]
			}
			if b&0x01 != 0 && len(data) >= 4 { // data length
				data = data[4:]
			}
			if b&0x02 != 0 {
				data = bytes.ReplaceAll(data, []byte{0xFF, 0x00}, []byte{0xFF})
			}
		}
	}
	if len(data) == 0 {
		return x, false
	}
	texts := strings.SplitN(decodeText(data[0], data[1:]), "\x00", 3)
	if len(texts) < 2 || !strings.EqualFold(texts[0], ownKey) {
		return x, false
	}
	value := texts[1]
	return ownFrame{id: id, value: value, exact: exact && bytes.Equal(frame, t.frame(value))}, true
}

// decodeText is text in one of ID3's encodings.
func decodeText(encoding byte, b []byte) string {
	switch encoding {
	case 0: // Latin-1
		r := make([]rune, len(b))
		for i, c := range b {
			r[i] = rune(c)
		}
		return string(r)
	case 1, 2:
		big := encoding == 2
		var units []uint16
		for i := 0; i+1 < len(b); i += 2 {
			u := uint16(b[i]) | uint16(b[i+1])<<8
			if big {
				u = u<<8 | u>>8
			}
			switch {
			case u == 0xFEFF && encoding == 1:
				continue
			case u == 0xFFFE && encoding == 1:
				big = !big
				continue
			}
			units = append(units, u)
		}
		return string(utf16.Decode(units))
	}
	return strings.ToValidUTF8(string(b), "\ufffd")
}

// frame is a TXXX frame with the label, in the tag's version.
func (t *tag) frame(value string) []byte {
	text := append([]byte(ownKey), 0)
	text = append(text, value...)
	encoding := byte(3) // UTF-8
	if t.version < 4 {
		encoding = 0
		if strings.ContainsFunc(value, func(r rune) bool { return r >= utf8.RuneSelf }) {
			encoding, text = 1, nil
			for _, s := range []string{ownKey + "\x00", value} {
				for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
					text = append(text, byte(u), byte(u>>8))
				}
			}
		}
	}
	n := len(text) + 1
	var out []byte
	switch t.version {
	case 2:
		out = append([]byte("TXX"), byte(n>>16), byte(n>>8), byte(n))
	case 3:
		out = append(binary.BigEndian.AppendUint32([]byte("TXXX"), uint32(n)), 0, 0)
	default:
		out = append(append([]byte("TXXX"), putSyncsafe(int64(n))...), 0, 0)
	}
	return append(append(out, encoding), text...)
}

// needs tells whether the tag must be written to hold this label, or, without one, none.
func (t *tag) needs(value *string) bool {
	if value == nil {
		return len(t.own) > 0
	}
	return len(t.own) != 1 || !t.own[0].exact || t.own[0].value != *value
}

// spare is the padding of a tag that had to grow, so that it need not the next time.
const spare = 512

// with is the tag with the label, or, without one, of a file whose label stands in another tag. It stays as long as it was when it can. nil
// when it would be longer than a tag can be.
func (t *tag) with(value *string) []byte {
	var body []byte
	if value != nil {
		body = t.frame(*value)
	}
	for _, f := range t.frames {
		body = append(body, f...)
	}
	room := t.room
	if t.footer {
		room += 10
	}
	if t.tail { // nothing may follow the frames but the footer
		room = int64(len(body))
	} else if int64(len(body)) > room {
		room = int64(len(body)) + spare
	}
	if room >= 1<<28 {
		return nil
	}
	body = append(body, make([]byte, room-int64(len(body)))...)
	flags := byte(0)
	if t.tail {
		flags = 0x10
	}
	out := append([]byte("ID3"), t.version, 0, flags)
	out = append(append(out, putSyncsafe(room)...), body...)
	if t.tail {
		out = append(append([]byte(nil), out...), append(append([]byte("3DI"), t.version, 0, flags), putSyncsafe(room)...)...)
	}
	return out
}
