package stream

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/bits"

	"github.com/hegui/hegui/label/carrier"
)

// Elements of Matroska that matter (RFC 9559).
const (
	idEBML      = 0x1A45DFA3
	idSegment   = 0x18538067
	idSeekHead  = 0x114D9B74
	idSeek      = 0x4DBB
	idSeekID    = 0x53AB
	idSeekPos   = 0x53AC
	idCluster   = 0x1F43B675
	idCues      = 0x1C53BB6B
	idCuePoint  = 0xBB
	idCueTracks = 0xB7
	idCueAt     = 0xF1
	idTags      = 0x1254C367
	idTag       = 0x7373
	idTargets   = 0x63C0
	idSimple    = 0x67C8
	idTagName   = 0x45A3
	idTagText   = 0x4487
	idVoid      = 0xEC
	idCRC       = 0xBF
	idPosition  = 0xA7
)

// element is an EBML element by its place.
type element struct {
	id       uint32
	at, head int64
	size     int64 // of its data
	unknown  bool  // it says no size, and goes on until an element of its parents' level
}

func (e element) body() int64 { return e.at + e.head }
func (e element) end() int64  { return e.at + e.head + e.size }

// matroska is a Matroska or WebM file.
type matroska struct {
	f       *carrier.File
	format  string
	segment element
	top     []element // in the segment
	parts   int
}

func (m *matroska) fault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return fault(m.format, kind, at, rule, args...)
}

// number reads a variable-length number; with its marker for ids. unknown is the value that means no size.
func number(b []byte, marker bool) (v uint64, n int, unknown bool) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0, false
	}
	n = bits.LeadingZeros8(b[0]) + 1
	if len(b) < n {
		return 0, 0, false
	}
	v = uint64(b[0])
	if !marker {
		v &= 1<<(8-n) - 1
	}
	for _, c := range b[1:n] {
		v = v<<8 | uint64(c)
	}
	return v, n, !marker && v == 1<<(7*n)-1
}

// element reads the one at a place; its data must end at limit or before.
func (m *matroska) element(at, limit int64) (e element, err error) {
	if m.parts++; m.parts > carrier.MaxParts {
		return e, m.fault(carrier.TooLarge, at, "more than %d elements", carrier.MaxParts)
	}
	h, err := m.f.Read(m.format, at, min(12, limit-at))
	if err != nil {
		return e, err
	}
	id, n, _ := number(h, true)
	if n == 0 || n > 4 {
		return e, m.fault(carrier.Malformed, at, "here should stand an element")
	}
	size, k, unknown := number(h[n:], false)
	if k == 0 {
		return e, m.fault(carrier.Truncated, at, "element %X has no size", id)
	}
	e = element{id: uint32(id), at: at, head: int64(n + k), unknown: unknown}
	if unknown {
		e.size = limit - e.body()
		return e, nil
	}
	if size > uint64(limit-e.body()) {
		kind := carrier.Malformed
		if limit == m.f.Size() {
			kind = carrier.Truncated
		}
		return e, m.fault(kind, at, "element %X says %d bytes, there is room for %d", id, size, limit-e.body())
	}
	e.size = int64(size)
	return e, nil
}

// topLevel tells the elements that stand in a segment, and so end a cluster of no size.
func topLevel(id uint32) bool {
	switch id {
	case idSeekHead, idCluster, idCues, idTags, 0x1549A966, 0x1654AE6B, 0x1941A469, 0x1043A770, idSegment, idEBML:
		return true
	}
	return false
}

func isMatroska(doctype string) func(*carrier.File) bool {
	return func(f *carrier.File) bool {
		h := f.Head()
		if !bytes.HasPrefix(h, []byte{0x1A, 0x45, 0xDF, 0xA3}) {
			return false
		}
		webm := bytes.Contains(h[:min(64, len(h))], []byte("webm"))
		return webm == (doctype == "webm")
	}
}

// readMatroska finds the elements of the segment.
func readMatroska(f *carrier.File, format string) (*matroska, error) {
	m := &matroska{f: f, format: format}
	head, err := m.element(0, f.Size())
	if err != nil {
		return m, err
	}
	if m.segment, err = m.element(head.end(), f.Size()); err != nil {
		return m, err
	}
	if head.id != idEBML || m.segment.id != idSegment {
		return m, m.fault(carrier.Malformed, head.end(), "behind the EBML head should stand a Segment")
	}
	for at := m.segment.body(); at < m.segment.end(); {
		e, err := m.element(at, m.segment.end())
		if err != nil {
			return m, err
		}
		if e.unknown {
			if e.id != idCluster {
				return m, m.fault(carrier.Unsupported, at, "element %X says no size", e.id)
			}
			if e.size, err = m.until(e); err != nil {
				return m, err
			}
		}
		m.top = append(m.top, e)
		at = e.end()
	}
	return m, nil
}

// until is how many bytes a cluster of no size has: up to the next element of the segment.
func (m *matroska) until(c element) (int64, error) {
	for at := c.body(); ; {
		if at >= m.segment.end() {
			return m.segment.end() - c.body(), nil
		}
		e, err := m.element(at, m.segment.end())
		if err != nil {
			return 0, err
		}
		if topLevel(e.id) {
			return at - c.body(), nil
		}
		if e.unknown {
			return 0, m.fault(carrier.Unsupported, at, "element %X says no size", e.id)
		}
		at = e.end()
	}
}

// read is an element's data in memory.
func (m *matroska) read(e element) ([]byte, error) {
	if e.size > maxText {
		return nil, m.fault(carrier.TooLarge, e.at, "element %X of %d bytes; at most %d are read", e.id, e.size, maxText)
	}
	return m.f.Read(m.format, e.body(), e.size)
}

// node is an element in memory.
type node struct {
	id   uint32
	at   int64
	data []byte
}

// nodes takes data apart that begins at a place.
func (m *matroska) nodes(data []byte, at int64) (out []node, err error) {
	for len(data) > 0 {
		if m.parts++; m.parts > carrier.MaxParts {
			return out, m.fault(carrier.TooLarge, at, "more than %d elements", carrier.MaxParts)
		}
		id, n, _ := number(data, true)
		if n == 0 || n > 4 {
			return out, m.fault(carrier.Malformed, at, "here should stand an element")
		}
		size, k, unknown := number(data[n:], false)
		if k == 0 || unknown || size > uint64(len(data)-n-k) {
			return out, m.fault(carrier.Malformed, at, "element %X says more bytes than there are", id)
		}
		end := n + k + int(size)
		out = append(out, node{uint32(id), at, data[n+k : end]})
		data, at = data[end:], at+int64(end)
	}
	return out, nil
}

func (m *matroska) inside(n node) ([]node, error) { return m.nodes(n.data, n.at) }

// write is an element with the shortest id and size.
func write(id uint32, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	out := bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, id), "\x00")
	width := 1
	for width < 8 && uint64(size) >= 1<<(7*width)-1 {
		width++
	}
	head := binary.BigEndian.AppendUint64(nil, uint64(size)|1<<(7*width))
	out = append(out, head[8-width:]...)
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// sealed is an element with a checksum in front, where it had one.
func sealed(id uint32, sum bool, data []byte) []byte {
	if !sum {
		return write(id, data)
	}
	return write(id, write(idCRC, binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(data))), data)
}

// simple reads a SimpleTag.
func (m *matroska) simple(n node) (name, text string, err error) {
	list, err := m.inside(n)
	for _, x := range list {
		switch x.id {
		case idTagName:
			name = string(bytes.TrimRight(x.data, "\x00"))
		case idTagText:
			text = string(bytes.TrimRight(x.data, "\x00"))
		}
	}
	return name, text, err
}

// tagSites are the labels in a Tags element.
func (m *matroska) tagSites(e element) (sites []carrier.Site, err error) {
	data, err := m.read(e)
	if err != nil {
		return nil, err
	}
	tags, err := m.nodes(data, e.body())
	if err != nil {
		return nil, err
	}
	for _, tag := range tags {
		if tag.id != idTag {
			continue
		}
		list, err := m.inside(tag)
		if err != nil {
			return sites, err
		}
		remark := ""
		for _, x := range list {
			switch x.id {
			case idTargets:
				some, err := m.inside(x)
				if err != nil {
					return sites, err
				}
				for _, t := range some { // of a track, an edition, a chapter, an attachment
					if (t.id == 0x63C5 || t.id == 0x63C9 || t.id == 0x63C4 || t.id == 0x63C6) && len(bytes.Trim(t.data, "\x00")) > 0 {
						remark = "of a track or a part; the guide wants it of the whole"
					}
				}
			case idSimple:
				name, text, err := m.simple(x)
				if err != nil {
					return sites, err
				}
				if name == ownKey {
					sites = append(sites, carrier.Site{Place: "Tags.Tag.SimpleTag AIGC", Offset: x.at, Value: text, Standard: remark == "", Remark: remark})
				}
			}
		}
	}
	return sites, nil
}

func matroskaSites(format string) func(*carrier.File) ([]carrier.Site, error) {
	return func(f *carrier.File) (sites []carrier.Site, err error) {
		m, err := readMatroska(f, format)
		for _, e := range m.top {
			if e.id == idTags {
				found, bad := m.tagSites(e)
				if sites = append(sites, found...); err == nil {
					err = bad
				}
			}
		}
		if err == nil && m.segment.end() < f.Size() {
			if e, bad := m.element(m.segment.end(), f.Size()); bad == nil && (e.id == idEBML || e.id == idSegment) {
				err = m.fault(carrier.Unsupported, e.at, "a second film behind the first was not read")
			}
		}
		return sites, err
	}
}
