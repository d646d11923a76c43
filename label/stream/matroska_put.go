package stream

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

// tagsWith is a Tags element's data with the label, or, without one, of a file whose label stands in another; changed tells whether that
// is other than it was. sum tells that it has a checksum.
func (m *matroska) tagsWith(e element, value *string) (data []byte, sum, changed bool, err error) {
	old, err := m.read(e)
	if err != nil {
		return nil, false, false, err
	}
	tags, err := m.nodes(old, e.body())
	if err != nil {
		return nil, false, false, err
	}
	sites, err := m.tagSites(e)
	if err != nil {
		return nil, false, false, err
	}
	own := map[int64]carrier.Site{}
	for _, s := range sites {
		own[s.Offset] = s
	}
	put := value == nil
	for _, tag := range tags {
		switch tag.id {
		case idCRC:
			sum = true
			continue
		case idVoid:
			continue
		case idTag:
		default:
			data = append(data, write(tag.id, tag.data)...)
			continue
		}
		list, err := m.inside(tag)
		if err != nil {
			return nil, false, false, err
		}
		var body []byte
		left := 0
		for _, x := range list {
			s, is := own[x.at]
			switch {
			case is && x.id == idSimple && !put && s.Standard:
				put = true
				if s.Value != *value {
					x.data, changed = simpleTag(*value), true
				}
			case is && x.id == idSimple:
				changed = true
				continue
			}
			if x.id == idCRC { // of the tag as it was
				continue
			}
			if x.id == idSimple {
				left++
			}
			body = append(body, write(x.id, x.data)...)
		}
		if left == 0 && len(list) > 0 && changed { // a tag says something
			continue
		}
		data = append(data, write(idTag, body)...)
	}
	if !put {
		data, changed = append(data, newTag(*value)...), true
	}
	return data, sum, changed, nil
}

func simpleTag(value string) []byte {
	return append(write(idTagName, []byte(ownKey)), write(idTagText, []byte(value))...)
}

func newTag(value string) []byte {
	return write(idTag, write(idTargets), write(idSimple, simpleTag(value)))
}

// piece is an element of the segment as it is to be: bytes, or the old one where it was.
type mkvPiece struct {
	id    uint32
	old   element // of the file; id 0: none
	bytes []byte  // nil: as it was
	sum   bool
	data  []node // of a SeekHead or Cues, whose places are set right
}

func matroskaPut(format string) func(*carrier.File, carrier.Label) (*carrier.Edit, error) {
	return func(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
		if _, err := matroskaSites(format)(f); err != nil {
			return nil, err
		}
		m, err := readMatroska(f, format)
		if err != nil {
			return nil, err
		}
		pieces, changed, err := m.pieces(l.Value)
		if err != nil {
			return nil, err
		}
		if !changed {
			return carrier.NewEdit(f)
		}
		return m.layOut(pieces)
	}
}

// pieces are the elements of the segment with the label among them: in the Tags that are there, else in new ones before the first cluster.
func (m *matroska) pieces(value string) (out []mkvPiece, changed bool, err error) {
	home := slices.IndexFunc(m.top, func(e element) bool { return e.id == idTags })
	for i, e := range m.top {
		p := mkvPiece{id: e.id, old: e}
		switch e.id {
		case idTags:
			want := &value
			if i != home {
				want = nil
			}
			data, sum, one, err := m.tagsWith(e, want)
			if err != nil {
				return nil, false, err
			}
			if one {
				p.bytes, changed = sealed(idTags, sum, data), true
			}
		case idSeekHead, idCues:
			data, err := m.read(e)
			if err != nil {
				return nil, false, err
			}
			list, err := m.nodes(data, e.body())
			if err != nil {
				return nil, false, err
			}
			for _, n := range list {
				switch n.id {
				case idCRC:
					p.sum = true
				case idVoid:
				default:
					p.data = append(p.data, n)
				}
			}
		}
		out = append(out, p)
	}
	if home < 0 {
		changed = true
		at := slices.IndexFunc(out, func(p mkvPiece) bool { return p.id == idCluster || p.id == idVoid }) // a Void gives it room
		if at < 0 {
			at = len(out)
		}
		out = slices.Insert(out, at, mkvPiece{id: idTags, bytes: sealed(idTags, false, newTag(value))})
		if at := slices.IndexFunc(out, func(p mkvPiece) bool { return p.id == idSeekHead }); at >= 0 { // what jumps about finds it there
			out[at].data = append(out[at].data, node{id: idSeek, data: append(write(idSeekID, []byte{0x12, 0x54, 0xC3, 0x67}), write(idSeekPos, make([]byte, 8))...), at: -1})
		}
	}
	return out, changed, nil
}

// layOut sets all places right. A Void behind what grows gives room; else what is behind moves. Places that need more bytes make their list
// longer, which moves what is behind once more.
func (m *matroska) layOut(pieces []mkvPiece) (*carrier.Edit, error) {
	for range 8 {
		m.room(pieces)
		now := map[int64]int64{} // from where an element began to where it begins, both from the segment's data on
		at, tags := int64(0), int64(0)
		for _, p := range pieces {
			if p.old.id != 0 {
				now[p.old.at-m.segment.body()] = at
			}
			if p.id == idTags && p.old.id == 0 {
				tags = at
			}
			at += p.size()
		}
		stable := true
		for i := range pieces {
			p := &pieces[i]
			if p.data == nil {
				continue
			}
			b, err := m.places(p, now, tags)
			if err != nil {
				return nil, err
			}
			if p.bytes == nil || !bytes.Equal(b, p.bytes) {
				stable = stable && p.size() == int64(len(b))
				p.bytes = b
			}
		}
		if stable {
			return m.edit(pieces, at)
		}
	}
	return nil, m.fault(carrier.Unsupported, m.segment.at, "no layout was found for the file")
}

func (p mkvPiece) size() int64 {
	if p.bytes != nil {
		return int64(len(p.bytes))
	}
	return p.old.head + p.old.size
}

// room lets every Void take up what the elements before it have grown by since the last Void, as far as it reaches.
func (m *matroska) room(pieces []mkvPiece) {
	grown := int64(0)
	for i := range pieces {
		p := &pieces[i]
		if p.id != idVoid {
			if p.old.id != 0 {
				grown += p.size() - p.old.head - p.old.size
			} else {
				grown += p.size()
			}
			continue
		}
		left := p.old.head + p.old.size - grown
		if left == 1 || left < 0 || left == p.old.head+p.old.size {
			if left != 0 {
				p.bytes = nil
				continue
			}
		}
		if p.bytes = void(left); p.bytes == nil {
			p.bytes = []byte{}
		}
		grown = 0
	}
}

// void is an element of so many bytes that says nothing; nil for 0.
func void(n int64) []byte {
	if n == 0 {
		return nil
	}
	if n < 9 {
		return write(idVoid, make([]byte, n-2))
	}
	out := append([]byte{idVoid}, binary.BigEndian.AppendUint64(nil, uint64(n-9)|1<<56)...)
	return append(out, make([]byte, n-9)...)
}

// places is a SeekHead or Cues with its places set right; each keeps its width where the new one fits.
func (m *matroska) places(p *mkvPiece, now map[int64]int64, tags int64) ([]byte, error) {
	var data []byte
	for _, n := range p.data {
		var err error
		switch {
		case p.id == idSeekHead && n.id == idSeek:
			n.data, err = m.place(n, idSeekPos, now, tags)
		case p.id == idCues && n.id == idCuePoint:
			n.data, err = m.cue(n, now)
		}
		if err != nil {
			return nil, err
		}
		data = append(data, write(n.id, n.data)...)
	}
	return sealed(p.id, p.sum, data), nil
}

// place is the data of an element in which one child says a place.
func (m *matroska) place(n node, child uint32, now map[int64]int64, tags int64) ([]byte, error) {
	list, err := m.nodes(n.data, max(n.at, 0))
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, x := range list {
		if x.id == child {
			if len(x.data) > 8 {
				return nil, m.fault(carrier.Malformed, x.at, "a place of %d bytes", len(x.data))
			}
			was := int64(0)
			for _, c := range x.data {
				was = was<<8 | int64(c)
			}
			to, known := now[was]
			switch {
			case n.at < 0:
				to = tags
			case !known: // it led to nothing before
				to = was
			}
			b := binary.BigEndian.AppendUint64(nil, uint64(to))
			width := len(x.data)
			for width < 8 && uint64(to) >= 1<<(8*width) {
				width++
			}
			x.data = b[8-width:]
		}
		if x.id != idCRC {
			out = append(out, write(x.id, x.data)...)
		}
	}
	return out, nil
}

// cue is the data of a CuePoint.
func (m *matroska) cue(n node, now map[int64]int64) ([]byte, error) {
	list, err := m.inside(n)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, x := range list {
		if x.id == idCueTracks {
			if x.data, err = m.place(x, idCueAt, now, 0); err != nil {
				return nil, err
			}
		}
		if x.id != idCRC {
			out = append(out, write(x.id, x.data)...)
		}
	}
	return out, nil
}

// edit is the file with the pieces, and the segment's size set right in as many bytes as it has.
func (m *matroska) edit(pieces []mkvPiece, size int64) (*carrier.Edit, error) {
	var changes []carrier.Change
	at := m.segment.body()
	for _, p := range pieces {
		switch {
		case p.old.id == 0:
			changes = append(changes, carrier.Change{At: at, Insert: p.bytes})
			continue
		case p.bytes != nil:
			changes = append(changes, carrier.Change{At: p.old.at, Remove: p.old.end() - p.old.at, Insert: p.bytes})
		}
		at = p.old.end()
	}
	if !m.segment.unknown {
		width := m.segment.head - 4
		if uint64(size) >= 1<<(7*width)-1 {
			return nil, m.fault(carrier.Unsupported, m.segment.at, "the segment's size of %d bytes does not fit where it stands", size)
		}
		b := binary.BigEndian.AppendUint64(nil, uint64(size)|1<<(7*width))
		changes = append(changes, carrier.Change{At: m.segment.at + 4, Remove: width, Insert: b[8-width:]})
	}
	return carrier.NewEdit(m.f, changes...)
}
