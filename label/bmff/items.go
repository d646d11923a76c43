package bmff

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/hegui/hegui/label/carrier"
)

// rdfType is the content type of an XMP item (ISO/IEC 23008-12 Annex A).
const rdfType = "application/rdf+xml"

// items are what a meta box says lies in the file or in the box itself (ISO/IEC 14496-12, 8.11).
type items struct {
	primary int64
	ids     []int64
	packets []packetItem
	places  *places
}

// packetItem is an item that holds XMP.
type packetItem struct {
	id        int64
	encoding  string // "" as it is
	protected bool
}

// readItems reads boxes pitm, iinf and iloc; nil when the meta box has none of the last two.
func (r *reader) readItems(meta *node) (*items, error) {
	info, loc := meta.find("iinf"), meta.find("iloc")
	if info == nil && loc == nil {
		return nil, nil
	}
	if info == nil || loc == nil || len(info.body) < 6 || info.body[0] > 0 && len(info.body) < 8 {
		return nil, r.fault(carrier.Malformed, meta.at, "the meta box has one of iinf and iloc, or an iinf box too short")
	}
	x := &items{}
	if p := meta.find("pitm"); p != nil {
		f := &fields{p.body, true}
		if version := f.next(1); version > 0 {
			f.next(3)
			x.primary = f.next(4)
		} else {
			f.next(3)
			x.primary = f.next(2)
		}
		if !f.ok {
			return nil, r.fault(carrier.Malformed, p.at, "box pitm is too short")
		}
	}
	rest := info.body[6:]
	if info.body[0] > 0 {
		rest = info.body[8:]
	}
	for len(rest) >= 8 {
		size := int(binary.BigEndian.Uint32(rest))
		if size < 12 || size > len(rest) {
			return nil, r.fault(carrier.Malformed, info.at, "an item says %d bytes, there are %d", size, len(rest))
		}
		if string(rest[4:8]) == "infe" {
			if err := r.item(x, info.at, rest[8:size]); err != nil {
				return nil, err
			}
		}
		if r.parts++; r.parts > carrier.MaxParts {
			return nil, r.fault(carrier.TooLarge, info.at, "more than %d boxes", carrier.MaxParts)
		}
		rest = rest[size:]
	}
	var err error
	if x.places, err = r.readPlaces(loc); err != nil {
		return nil, err
	}
	return x, nil
}

// item reads an infe box.
func (r *reader) item(x *items, at int64, b []byte) error {
	f := &fields{b, true}
	version, width := f.next(1), 2
	f.next(3)
	if version < 2 {
		return r.fault(carrier.Unsupported, at, "an item of version %d", version)
	}
	if version > 2 {
		width = 4
	}
	id, protection := f.next(width), f.next(2)
	if !f.ok || len(f.b) < 4 {
		return r.fault(carrier.Malformed, at, "an item's entry is too short")
	}
	x.ids = append(x.ids, id)
	if string(f.b[:4]) != "mime" {
		return nil
	}
	_, rest, _ := bytes.Cut(f.b[4:], []byte{0}) // its name
	kind, rest, _ := bytes.Cut(rest, []byte{0})
	encoding, _, _ := bytes.Cut(rest, []byte{0})
	if bare, _, _ := strings.Cut(string(kind), ";"); strings.EqualFold(strings.TrimSpace(bare), rdfType) {
		x.packets = append(x.packets, packetItem{id, string(encoding), protection != 0})
	}
	return nil
}

// fields reads numbers of given widths.
type fields struct {
	b  []byte
	ok bool
}

func (x *fields) next(width int) int64 {
	if !x.ok || len(x.b) < width {
		x.ok = false
		return 0
	}
	var v uint64
	for _, c := range x.b[:width] {
		v = v<<8 | uint64(c)
	}
	x.b = x.b[width:]
	if v > math.MaxInt64 {
		x.ok = false
	}
	return int64(v)
}

// places is an iloc box.
type places struct {
	version                             int
	offsetSize, lengthSize, baseSize, x int // bytes; x: of an extent's index
	list                                []location
}

// location is where an item lies. method is 0 for the file, 1 for box idat, 2 for another item.
type location struct {
	id, method, reference int64
	base                  int64
	extents               []extent
}

type extent struct{ index, offset, length int64 }

// inFile tells whether the places are counted from the beginning of this file. What has another reference is not moved: see layOut.
func (l *location) inFile() bool { return l.method == 0 && l.reference == 0 }

func (r *reader) readPlaces(loc *node) (*places, error) {
	x := &fields{loc.body, true}
	p := &places{version: int(x.next(1))}
	x.next(3)
	a, b := x.next(1), x.next(1)
	p.offsetSize, p.lengthSize, p.baseSize, p.x = int(a>>4), int(a&15), int(b>>4), int(b&15)
	if p.version > 2 {
		return nil, r.fault(carrier.Unsupported, loc.at, "box iloc of version %d", p.version)
	}
	if p.version == 0 {
		p.x = 0
	}
	for _, w := range []int{p.offsetSize, p.lengthSize, p.baseSize, p.x} {
		if w != 0 && w != 4 && w != 8 {
			return nil, r.fault(carrier.Malformed, loc.at, "box iloc has fields of %d bytes; 0, 4 and 8 are allowed", w)
		}
	}
	wide, total := p.wide(), 0
	for n := x.next(wide); n > 0 && x.ok; n-- {
		l := location{id: x.next(wide)}
		if p.version > 0 {
			l.method = x.next(2) & 15
		}
		l.reference = x.next(2)
		l.base = x.next(p.baseSize)
		for k := x.next(2); k > 0 && x.ok; k-- {
			if total++; total > carrier.MaxParts {
				return nil, r.fault(carrier.TooLarge, loc.at, "more than %d extents", carrier.MaxParts)
			}
			l.extents = append(l.extents, extent{x.next(p.x), x.next(p.offsetSize), x.next(p.lengthSize)})
		}
		for _, e := range l.extents {
			if e.offset > math.MaxInt64-l.base {
				return nil, r.fault(carrier.Malformed, loc.at, "item %d lies at %d and %d more", l.id, l.base, e.offset)
			}
		}
		p.list = append(p.list, l)
	}
	if !x.ok {
		return nil, r.fault(carrier.Malformed, loc.at, "box iloc says more than it holds")
	}
	return p, nil
}

// wide is the width of an item's number in bytes.
func (p *places) wide() int {
	if p.version == 2 {
		return 4
	}
	return 2
}

// write is the body of the iloc box.
func (p *places) write() []byte {
	out := []byte{byte(p.version), 0, 0, 0, byte(p.offsetSize<<4 | p.lengthSize), byte(p.baseSize<<4 | p.x)}
	number := func(v int64, width int) {
		for i := width - 1; i >= 0; i-- {
			out = append(out, byte(v>>(8*i)))
		}
	}
	number(int64(len(p.list)), p.wide())
	for _, l := range p.list {
		number(l.id, p.wide())
		if p.version > 0 {
			number(l.method, 2)
		}
		number(l.reference, 2)
		number(l.base, p.baseSize)
		number(int64(len(l.extents)), 2)
		for _, e := range l.extents {
			number(e.index, p.x)
			number(e.offset, p.offsetSize)
			number(e.length, p.lengthSize)
		}
	}
	return out
}

func (p *places) find(id int64) *location {
	for i := range p.list {
		if p.list[i].id == id {
			return &p.list[i]
		}
	}
	return nil
}

// shifted are the places in the edited file. behind says of items that get a new place how far behind the beginning of the block they
// lie.
func (p *places) shifted(s shift, block int64, behind map[int64]int64) *places {
	out := *p
	out.list = slices.Clone(p.list)
	for i := range out.list {
		l := &out.list[i]
		l.extents = slices.Clone(l.extents)
		if at, is := behind[l.id]; is {
			l.base, l.extents[0].offset = 0, s.of(block)+at
			continue
		}
		if !l.inFile() {
			continue
		}
		base := l.base
		for k := range l.extents {
			if e := &l.extents[k]; s.of(base+e.offset) < base {
				l.base = 0 // it has moved to before its base
			}
		}
		for k := range l.extents {
			e := &l.extents[k]
			e.offset = s.of(base+e.offset) - l.base
		}
	}
	return &out
}

// widen makes the fields wide enough for these places and tells whether that was needed.
func (p *places) widen(now *places) bool {
	offset, length := p.offsetSize, p.lengthSize
	for _, l := range now.list {
		for _, e := range l.extents {
			offset, length = max(offset, widthOf(e.offset)), max(length, widthOf(e.length))
		}
	}
	wider := offset != p.offsetSize || length != p.lengthSize
	p.offsetSize, p.lengthSize = offset, length
	return wider
}

func widthOf(v int64) int {
	switch {
	case v == 0:
		return 0
	case v <= math.MaxUint32:
		return 4
	}
	return 8
}

// span is where an extent lies in the file, or in box idat. A length of 0 reaches to the end.
func span(l *location, e extent, end int64) (at, n int64) {
	at, n = l.base+e.offset, e.length
	if n == 0 {
		n = max(0, end-at)
	}
	return at, n
}

// packet is the bytes of an XMP item and where they begin in the file.
func (x *file) packet(p packetItem) (text []byte, at int64, err error) {
	l := x.items.places.find(p.id)
	switch {
	case l == nil:
		return nil, 0, x.fault(carrier.Malformed, x.metaBox.at, "item %d has no place", p.id)
	case p.protected:
		return nil, 0, x.fault(carrier.Encrypted, x.metaBox.at, "XMP item %d is protected", p.id)
	case p.encoding != "":
		return nil, 0, x.fault(carrier.Unsupported, x.metaBox.at, "XMP item %d is encoded as %q", p.id, p.encoding)
	case l.reference != 0 || l.method > 1:
		return nil, 0, x.fault(carrier.Unsupported, x.metaBox.at, "the bytes of XMP item %d stand in another file or item", p.id)
	}
	if len(l.extents) > carrier.MaxSites {
		return nil, 0, x.fault(carrier.TooLarge, x.metaBox.at, "XMP item %d lies in %d pieces; at most %d are read", p.id, len(l.extents), carrier.MaxSites)
	}
	at = -1
	for _, e := range l.extents {
		var b []byte
		if l.method == 1 {
			data := x.meta.find("idat")
			if data == nil {
				return nil, 0, x.fault(carrier.Malformed, x.metaBox.at, "XMP item %d should lie in box idat, there is none", p.id)
			}
			from, n := span(l, e, int64(len(data.body)))
			if from > int64(len(data.body)) || n > int64(len(data.body))-from {
				return nil, 0, x.fault(carrier.Malformed, x.metaBox.at, "XMP item %d lies outside of box idat", p.id)
			}
			b, at = data.body[from:from+n], data.at
		} else {
			from, n := span(l, e, x.f.Size())
			if n > maxPacket {
				return nil, 0, x.fault(carrier.TooLarge, from, "an XMP item of more than %d bytes", maxPacket)
			}
			if b, err = x.f.Read(x.format, from, n); err != nil {
				return nil, 0, err
			}
			if at < 0 {
				at = from
			}
		}
		if text = append(text, b...); len(text) > maxPacket {
			return nil, 0, x.fault(carrier.TooLarge, x.metaBox.at, "an XMP item of more than %d bytes", maxPacket)
		}
	}
	return text, max(at, x.metaBox.at), nil
}

// newItem adds an XMP item that describes the primary one (cdsc). Its bytes have no place yet.
func (x *file) newItem() (packetItem, error) {
	taken := map[int64]bool{}
	p := packetItem{id: 1}
	for _, id := range x.items.ids {
		taken[id] = true
		p.id = max(p.id, id+1) // as others number them
	}
	for _, l := range x.items.places.list {
		taken[l.id] = true
	}
	for id := int64(1); taken[p.id] || p.id > math.MaxUint16; id++ {
		if p.id = id; id > math.MaxUint16 {
			return p, x.fault(carrier.Unsupported, x.metaBox.at, "the file has no item number left below %d", math.MaxUint16)
		}
	}
	info := x.meta.find("iinf")
	entry := leaf("infe", []byte{2, 0, 0, 0}, u16(int(p.id)), u16(0), []byte("mime"), []byte{0}, []byte(rdfType), []byte{0}).write(nil)
	info.body = append(slices.Clone(info.body), entry...)
	if info.body[0] > 0 {
		binary.BigEndian.PutUint32(info.body[4:], binary.BigEndian.Uint32(info.body[4:])+1)
	} else {
		count := binary.BigEndian.Uint16(info.body[4:])
		if count == math.MaxUint16 || len(x.items.places.list) >= math.MaxUint16 {
			return p, x.fault(carrier.Unsupported, info.at, "the file has as many items as its lists can count")
		}
		binary.BigEndian.PutUint16(info.body[4:], count+1)
	}
	refer := x.meta.find("iref")
	if refer == nil {
		refer = leaf("iref", make([]byte, 4))
		if x.items.primary > math.MaxUint16 {
			refer.body[0] = 1
		}
		x.meta.children = append(x.meta.children, refer)
	}
	number := u16
	switch {
	case len(refer.body) < 4:
		return p, x.fault(carrier.Malformed, refer.at, "box iref is too short")
	case refer.body[0] > 0:
		number = func(v int) []byte { return u32(int64(v)) }
	case x.items.primary > math.MaxUint16:
		return p, x.fault(carrier.Unsupported, refer.at, "box iref has no room for the number of the primary item, %d", x.items.primary)
	}
	refer.body = append(slices.Clone(refer.body), leaf("cdsc", number(int(p.id)), u16(1), number(int(x.items.primary))).write(nil)...)
	x.items.ids, x.items.packets = append(x.items.ids, p.id), append(x.items.packets, p)
	x.items.places.list = append(x.items.places.list, location{id: p.id, extents: []extent{{}}})
	return p, nil
}

// overwrite puts text, and blanks behind it, where an item's bytes are. They must be nobody else's.
func (x *file) overwrite(id int64, text []byte) ([]carrier.Change, error) {
	l := x.items.places.find(id)
	end := x.f.Size()
	data := x.meta.find("idat")
	if l.method == 1 {
		end = int64(len(data.body))
	}
	var changes []carrier.Change
	for i, e := range l.extents {
		at, n := span(l, e, end)
		for k := range x.items.places.list {
			o := &x.items.places.list[k]
			if o.method != l.method || o.reference != 0 {
				continue
			}
			for j, other := range o.extents {
				if from, m := span(o, other, end); (o != l || i != j) && n > 0 && from < at+n && at < from+m {
					return nil, x.fault(carrier.Malformed, x.metaBox.at, "the bytes of XMP item %d are those of item %d too", id, o.id)
				}
			}
		}
		part := bytes.Repeat([]byte{' '}, int(n))
		text = text[copy(part, text):]
		if l.method == 1 {
			data.body = slices.Clone(data.body)
			copy(data.body[at:], part)
			continue
		}
		if !slices.ContainsFunc(x.top, func(b box) bool { return b.kind == "mdat" && at >= b.body() && at+n <= b.end() }) {
			return nil, x.fault(carrier.Unsupported, at, "the bytes of XMP item %d are not in a box mdat", id)
		}
		changes = append(changes, carrier.Change{At: at, Remove: n, Insert: part})
	}
	return changes, nil
}
