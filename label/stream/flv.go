package stream

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/hegui/hegui/label/carrier"
)

// FLV's tags (Adobe, Video File Format 10.1, E.4) and the types of AMF0 values in them.
const (
	flvScript = 18

	amfNumber  = 0
	amfBoolean = 1
	amfString  = 2
	amfObject  = 3
	amfNull    = 5
	amfUndef   = 6
	amfECMA    = 8
	amfEnd     = 9
	amfStrict  = 10
	amfDate    = 11
	amfLong    = 12

	metadataName = "onMetaData"
)

// flvTag is a tag of the file.
type flvTag struct {
	at, size int64 // whole, with the size behind it
	kind     byte
	data     int64 // of its data
}

func flvFault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return fault("flv", kind, at, rule, args...)
}

func isFLV(f *carrier.File) bool {
	h := f.Head()
	return len(h) >= 9 && string(h[:3]) == "FLV" && h[3] == 1
}

// flvTags are the script tags at the beginning, and where the first other tag stands. The label is in the first onMetaData; readers look no
// further.
func flvTags(f *carrier.File) (scripts []flvTag, begin int64, err error) {
	h, err := f.Read("flv", 0, 9)
	if err != nil {
		return nil, 0, err
	}
	begin = int64(binary.BigEndian.Uint32(h[5:])) + 4
	if begin < 13 || !f.Has(begin, 0) {
		return nil, 0, flvFault(carrier.Malformed, 5, "the head says it has %d bytes", begin-4)
	}
	for at := begin; at < f.Size(); {
		if len(scripts) > carrier.MaxSites {
			return scripts, begin, flvFault(carrier.TooLarge, at, "more than %d script tags", carrier.MaxSites)
		}
		h, err := f.Read("flv", at, 11)
		if err != nil {
			return scripts, begin, err
		}
		t := flvTag{at: at, kind: h[0] & 0x1F, data: int64(h[1])<<16 | int64(h[2])<<8 | int64(h[3])}
		t.size = 11 + t.data + 4
		if !f.Has(at, t.size) {
			return scripts, begin, flvFault(carrier.Truncated, at, "a tag of %d bytes, the file ends before", t.data)
		}
		if t.kind != flvScript {
			break
		}
		scripts = append(scripts, t)
		at += t.size
	}
	return scripts, begin, nil
}

// amf reads AMF0 values.
type amf struct {
	b     []byte
	at    int
	depth int
}

// bytes takes n bytes; nil when there are fewer.
func (a *amf) bytes(n int) []byte {
	if n < 0 || n > len(a.b)-a.at {
		return nil
	}
	a.at += n
	return a.b[a.at-n : a.at : a.at]
}

// name is a string with a length of 16 bits.
func (a *amf) name() (string, bool) {
	h := a.bytes(2)
	if h == nil {
		return "", false
	}
	s := a.bytes(int(binary.BigEndian.Uint16(h)))
	return string(s), s != nil || binary.BigEndian.Uint16(h) == 0
}

// skip goes over a value.
func (a *amf) skip() bool {
	if a.depth++; a.depth > carrier.MaxDepth {
		return false
	}
	defer func() { a.depth-- }()
	kind := a.bytes(1)
	if kind == nil {
		return false
	}
	switch kind[0] {
	case amfNumber:
		return a.bytes(8) != nil
	case amfBoolean:
		return a.bytes(1) != nil
	case amfString:
		_, ok := a.name()
		return ok
	case amfLong:
		h := a.bytes(4)
		return h != nil && (a.bytes(int(binary.BigEndian.Uint32(h))) != nil || binary.BigEndian.Uint32(h) == 0)
	case amfNull, amfUndef:
		return true
	case amfDate:
		return a.bytes(10) != nil
	case amfStrict:
		h := a.bytes(4)
		if h == nil {
			return false
		}
		for n := binary.BigEndian.Uint32(h); n > 0; n-- {
			if !a.skip() {
				return false
			}
		}
		return true
	case amfECMA:
		if a.bytes(4) == nil {
			return false
		}
		return a.properties(nil) == ended
	case amfObject:
		return a.properties(nil) == ended
	}
	return false
}

// property is one of an object's.
type property struct {
	name       string
	start, end int // with its name
	value      int // where the value begins
}

// How a list of properties ends.
const (
	broken = iota
	open   // with the data: only a list that is in no other may
	ended
)

// properties goes over an object's up to its end.
func (a *amf) properties(each func(property)) int {
	for a.at < len(a.b) {
		p := property{start: a.at}
		var ok bool
		if p.name, ok = a.name(); !ok {
			return broken
		}
		p.value = a.at
		if p.name == "" && a.at < len(a.b) && a.b[a.at] == amfEnd {
			a.at++
			return ended
		}
		if !a.skip() {
			return broken
		}
		if p.end = a.at; each != nil {
			each(p)
		}
	}
	return open
}

// metadata is a script tag's onMetaData: where the list's count stands, its properties, and where they end.
type metadata struct {
	data  []byte
	count int // place of the count, -1: an object without one
	list  []property
	end   int
}

// readMetadata reads a script tag; nil when it is another.
func readMetadata(f *carrier.File, t flvTag) (*metadata, error) {
	data, err := f.Read("flv", t.at+11, t.data)
	if err != nil {
		return nil, err
	}
	a := &amf{b: data}
	if kind := a.bytes(1); kind == nil || kind[0] != amfString {
		return nil, nil
	}
	if name, ok := a.name(); !ok || name != metadataName {
		return nil, nil
	}
	m := &metadata{data: data, count: -1}
	kind := a.bytes(1)
	if kind == nil || kind[0] != amfECMA && kind[0] != amfObject {
		return nil, flvFault(carrier.Malformed, t.at, "onMetaData holds no list")
	}
	if kind[0] == amfECMA {
		if m.count = a.at; a.bytes(4) == nil {
			return nil, flvFault(carrier.Malformed, t.at, "onMetaData is cut short")
		}
	}
	m.end = a.at
	if a.properties(func(p property) { m.list, m.end = append(m.list, p), p.end }) == broken {
		return nil, flvFault(carrier.Malformed, t.at, "a value in onMetaData is longer than the tag, or of an unknown kind")
	}
	return m, nil
}

// text is a property's value when it is a string.
func (m *metadata) text(p property) (string, bool) {
	a := &amf{b: m.data[:p.end], at: p.value}
	switch kind := a.bytes(1); {
	case kind == nil:
		return "", false
	case kind[0] == amfString:
		return a.name()
	case kind[0] == amfLong:
		a.bytes(4)
		return string(m.data[a.at:p.end]), true
	}
	return "", false
}

func flvSites(f *carrier.File) (sites []carrier.Site, err error) {
	scripts, _, err := flvTags(f)
	first := true
	for _, t := range scripts {
		m, bad := readMetadata(f, t)
		if err == nil {
			err = bad
		}
		if m == nil {
			continue
		}
		remark := ""
		if !first {
			remark = "in a further onMetaData; readers look at the first"
		}
		first = false
		for _, p := range m.list {
			if text, ok := m.text(p); ok && p.name == ownKey {
				sites = append(sites, carrier.Site{Place: "onMetaData AIGC", Offset: t.at + 11 + int64(p.start), Value: text, Standard: remark == "", Remark: remark})
			}
		}
	}
	return sites, err
}

// with is the tag's data with the label, or, without one, of a file whose label stands in another tag; nil when that is as it was.
func (m *metadata) with(value *string) []byte {
	var body []byte
	put, changed, n := value == nil, false, len(m.list)
	at := len(m.data[:m.end])
	if len(m.list) > 0 {
		at = m.list[0].start
	}
	head := bytes.Clone(m.data[:at])
	for _, p := range m.list {
		text, is := m.text(p)
		switch {
		case p.name != ownKey || !is:
			body = append(body, m.data[p.start:p.end]...)
		case put:
			changed = true
			n--
		default:
			put, changed = true, text != *value
			body = append(body, amfProperty(*value)...)
		}
	}
	if !put {
		body, changed = append(body, amfProperty(*value)...), true
		n++
	}
	if !changed {
		return nil
	}
	if m.count >= 0 {
		binary.BigEndian.PutUint32(head[m.count:], uint32(n))
	}
	return append(append(head, body...), m.data[m.end:]...)
}

func amfProperty(value string) []byte {
	out := append(binary.BigEndian.AppendUint16(nil, uint16(len(ownKey))), ownKey...)
	out = binary.BigEndian.AppendUint16(append(out, amfString), uint16(len(value)))
	return append(out, value...)
}

// flvPut puts the label into onMetaData. A list of key frames in it counts from the file's beginning, so its places move with what is behind.
func flvPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	if len(l.Value) > math.MaxUint16 {
		return nil, flvFault(carrier.TooLarge, -1, "the label has %d bytes, a string of AMF0 has at most %d", len(l.Value), math.MaxUint16)
	}
	scripts, begin, err := flvTags(f)
	if err != nil {
		return nil, err
	}
	var changes []carrier.Change
	var home *metadata
	place := -1
	for _, t := range scripts {
		m, err := readMetadata(f, t)
		if err != nil {
			return nil, err
		}
		if m == nil {
			continue
		}
		value := &l.Value
		if home != nil {
			value = nil
		} else {
			home, place = m, len(changes)
		}
		data := m.with(value)
		if data == nil {
			if value != nil {
				place = -1
			}
			continue
		}
		changes = append(changes, carrier.Change{At: t.at, Remove: t.size, Insert: flvScriptTag(data)})
	}
	if home == nil {
		data := append([]byte{amfString}, binary.BigEndian.AppendUint16(nil, uint16(len(metadataName)))...)
		data = append(append(data, metadataName...), amfECMA, 0, 0, 0, 1)
		data = append(append(data, amfProperty(l.Value)...), 0, 0, amfEnd)
		return carrier.NewEdit(f, carrier.Change{At: begin, Insert: flvScriptTag(data)})
	}
	grown := int64(0)
	for _, c := range changes {
		grown += int64(len(c.Insert)) - c.Remove
	}
	if place >= 0 {
		t := changes[place]
		moveKeyframes(t.Insert[11:len(t.Insert)-4], t.At, grown)
	}
	if place < 0 && grown != 0 {
		return nil, flvFault(carrier.Unsupported, begin, "a further onMetaData would have to shrink, and with it a list of key frames that stands in the first")
	}
	for _, c := range changes {
		if len(c.Insert)-15 >= 1<<24 {
			return nil, flvFault(carrier.TooLarge, c.At, "the tag would have %d bytes, at most %d are possible", len(c.Insert)-15, 1<<24-1)
		}
	}
	return carrier.NewEdit(f, changes...)
}

// flvScriptTag is a script tag at time zero with the size behind it.
func flvScriptTag(data []byte) []byte {
	n := len(data)
	out := append([]byte{flvScript, byte(n >> 16), byte(n >> 8), byte(n), 0, 0, 0, 0, 0, 0, 0}, data...)
	return binary.BigEndian.AppendUint32(out, uint32(n+11))
}

// moveKeyframes adds to the places of key frames (keyframes.filepositions) that lie behind the tag, and to the file's size, in a tag's data.
func moveKeyframes(data []byte, at, grown int64) {
	add := func(b []byte) {
		if v := math.Float64frombits(binary.BigEndian.Uint64(b)); v > float64(at) && v < 1<<52 {
			binary.BigEndian.PutUint64(b, math.Float64bits(v+float64(grown)))
		}
	}
	a := &amf{b: data}
	a.bytes(1)
	if _, ok := a.name(); !ok {
		return
	}
	if kind := a.bytes(1); kind != nil && kind[0] == amfECMA {
		a.bytes(4)
	}
	a.properties(func(p property) {
		v := data[p.value:p.end]
		switch {
		case p.name == "filesize" && len(v) == 9 && v[0] == amfNumber:
			add(v[1:])
		case p.name == "keyframes" && len(v) > 1 && v[0] == amfObject:
			inner := &amf{b: v, at: 1}
			inner.properties(func(q property) {
				list := v[q.value:q.end]
				if q.name != "filepositions" || len(list) < 5 || list[0] != amfStrict {
					return
				}
				for list = list[5:]; len(list) >= 9 && list[0] == amfNumber; list = list[9:] {
					add(list[1:])
				}
			})
		}
	})
}
