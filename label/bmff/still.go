package bmff

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// still is a HEIC or AVIF file (ISO/IEC 23008-12): items, and where their bytes lie.
type still struct {
	movie   // HEIC sequences have a moov box too
	metaBox box
	meta    *node
	primary int64
	items   []int64 // all ids
	packets []int64 // ids of the XMP items
	places  *places
}

// places is an iloc box.
type places struct {
	version                             int
	offsetSize, lengthSize, baseSize, x int // bytes; x: of an extent's index
	items                               []location
}

type location struct {
	id, method, reference int
	base                  int64
	extents               []extent
}

type extent struct{ index, offset, length int64 }

// rdfType is the content type of an XMP item.
const rdfType = "application/rdf+xml"

func readStill(f *carrier.File, format string) (*still, error) {
	s := &still{movie: movie{reader: reader{f: f, format: format}}}
	var err error
	if s.top, err = s.boxes(0, f.Size()); err != nil {
		return s, err
	}
	for _, b := range s.top {
		switch b.kind {
		case "meta":
			if s.meta != nil {
				return s, s.fault(carrier.Malformed, b.at, "a second meta box")
			}
			if b.size > carrier.MaxRead {
				return s, s.fault(carrier.TooLarge, b.at, "a meta box of %d bytes; at most %d are read", b.size, carrier.MaxRead)
			}
			s.metaBox = b
			if s.meta, err = s.tree(b, 0); err != nil {
				return s, err
			}
		case "moov":
			if b.size > carrier.MaxRead || s.moov != nil {
				return s, s.fault(carrier.Malformed, b.at, "a second moov box, or one of %d bytes", b.size)
			}
			s.moovBox = b
			if s.moov, err = s.tree(b, 0); err != nil {
				return s, err
			}
		}
	}
	if s.meta == nil {
		return s, s.fault(carrier.Malformed, -1, "the file has no meta box")
	}
	if err := s.readItems(); err != nil {
		return s, err
	}
	loc := s.meta.find("iloc")
	if loc == nil {
		return s, s.fault(carrier.Malformed, s.metaBox.at, "the meta box has no iloc box")
	}
	s.places, err = s.readPlaces(loc)
	return s, err
}

// readItems reads pitm and iinf.
func (s *still) readItems() error {
	if p := s.meta.find("pitm"); p != nil && len(p.body) >= 6 {
		s.primary = int64(binary.BigEndian.Uint16(p.body[4:]))
		if p.body[0] > 0 && len(p.body) >= 8 {
			s.primary = int64(binary.BigEndian.Uint32(p.body[4:]))
		}
	}
	info := s.meta.find("iinf")
	if info == nil || len(info.body) < 6 {
		return s.fault(carrier.Malformed, s.metaBox.at, "the meta box has no iinf box, or one too short")
	}
	rest := info.body[6:]
	if info.body[0] > 0 {
		if len(info.body) < 8 {
			return s.fault(carrier.Malformed, info.at, "box iinf is too short")
		}
		rest = info.body[8:]
	}
	for len(rest) >= 8 {
		size := int(binary.BigEndian.Uint32(rest))
		if size < 12 || size > len(rest) {
			return s.fault(carrier.Malformed, info.at, "an item says %d bytes, there are %d", size, len(rest))
		}
		if string(rest[4:8]) == "infe" {
			if err := s.item(info.at, rest[8:size]); err != nil {
				return err
			}
		}
		rest = rest[size:]
	}
	return nil
}

// item reads an infe box.
func (s *still) item(at int64, b []byte) error {
	version := b[0]
	if version < 2 {
		return s.fault(carrier.Unsupported, at, "an item of version %d", version)
	}
	id, rest := int64(0), b[4:]
	switch {
	case version == 2 && len(rest) >= 8:
		id, rest = int64(binary.BigEndian.Uint16(rest)), rest[2:]
	case version > 2 && len(rest) >= 10:
		id, rest = int64(binary.BigEndian.Uint32(rest)), rest[4:]
	default:
		return s.fault(carrier.Malformed, at, "an item's entry is too short")
	}
	s.items = append(s.items, id)
	if string(rest[2:6]) != "mime" { // behind the protection index
		return nil
	}
	_, kind, _ := bytes.Cut(rest[6:], []byte{0})
	kind, _, _ = bytes.Cut(kind, []byte{0})
	if string(kind) == rdfType {
		s.packets = append(s.packets, id)
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

func (s *still) readPlaces(loc *node) (*places, error) {
	x := &fields{loc.body, true}
	p := &places{version: int(x.next(1))}
	x.next(3)
	a, b := x.next(1), x.next(1)
	p.offsetSize, p.lengthSize, p.baseSize, p.x = int(a>>4), int(a&15), int(b>>4), int(b&15)
	if p.version == 0 {
		p.x = 0
	}
	for _, w := range []int{p.offsetSize, p.lengthSize, p.baseSize, p.x} {
		if w != 0 && w != 4 && w != 8 {
			return nil, s.fault(carrier.Malformed, loc.at, "box iloc has fields of %d bytes", w)
		}
	}
	if p.version > 2 {
		return nil, s.fault(carrier.Unsupported, loc.at, "box iloc of version %d", p.version)
	}
	wide := 2
	if p.version == 2 {
		wide = 4
	}
	for n := x.next(wide); n > 0 && x.ok; n-- {
		l := location{id: int(x.next(wide))}
		if p.version > 0 {
			l.method = int(x.next(2) & 15)
		}
		l.reference = int(x.next(2))
		l.base = x.next(p.baseSize)
		for k := x.next(2); k > 0 && x.ok; k-- {
			l.extents = append(l.extents, extent{x.next(p.x), x.next(p.offsetSize), x.next(p.lengthSize)})
		}
		p.items = append(p.items, l)
	}
	if !x.ok {
		return nil, s.fault(carrier.Malformed, loc.at, "box iloc says more than it holds")
	}
	return p, nil
}

// write is the body of the iloc box.
func (p *places) write() []byte {
	out := []byte{byte(p.version), 0, 0, 0, byte(p.offsetSize<<4 | p.lengthSize), byte(p.baseSize<<4 | p.x)}
	number := func(v int64, width int) {
		for i := width - 1; i >= 0; i-- {
			out = append(out, byte(v>>(8*i)))
		}
	}
	wide := 2
	if p.version == 2 {
		wide = 4
	}
	number(int64(len(p.items)), wide)
	for _, l := range p.items {
		number(int64(l.id), wide)
		if p.version > 0 {
			number(int64(l.method), 2)
		}
		number(int64(l.reference), 2)
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
	for i := range p.items {
		if int64(p.items[i].id) == id {
			return &p.items[i]
		}
	}
	return nil
}

// packet is the bytes of an XMP item and where they stand: in the file, or, at -1, in the meta box.
func (s *still) packet(id int64) (text []byte, at int64, err error) {
	l := s.places.find(id)
	if l == nil {
		return nil, 0, s.fault(carrier.Malformed, s.metaBox.at, "item %d has no place", id)
	}
	at = -1
	for _, e := range l.extents {
		offset, length := l.base+e.offset, e.length
		if offset < 0 || length < 0 || int64(len(text))+length > maxPacket {
			return nil, 0, s.fault(carrier.TooLarge, s.metaBox.at, "an XMP item of more than %d bytes", maxPacket)
		}
		switch {
		case l.reference != 0 || l.method > 1:
			return nil, 0, s.fault(carrier.Unsupported, s.metaBox.at, "the bytes of XMP item %d are built from others", id)
		case l.method == 1:
			data := s.meta.find("idat")
			if data == nil || offset > int64(len(data.body)) || length > int64(len(data.body))-offset {
				return nil, 0, s.fault(carrier.Malformed, s.metaBox.at, "XMP item %d lies outside of box idat", id)
			}
			text = append(text, data.body[offset:offset+length]...)
		default:
			if length == 0 && len(l.extents) == 1 {
				length = s.f.Size() - offset
			}
			if !s.f.Has(offset, length) || length > maxPacket {
				return nil, 0, s.fault(carrier.Truncated, offset, "XMP item %d should have %d bytes here", id, length)
			}
			b, err := s.f.Read(s.format, offset, length)
			if err != nil {
				return nil, 0, err
			}
			if at < 0 {
				at = offset
			}
			text = append(text, b...)
		}
	}
	return text, at, nil
}

func stillSites(format string) func(*carrier.File) ([]carrier.Site, error) {
	return func(f *carrier.File) (sites []carrier.Site, err error) {
		s, err := readStill(f, format)
		if err != nil {
			return nil, err
		}
		for i, id := range s.packets {
			text, at, err := s.packet(id)
			if err != nil {
				return sites, err
			}
			remark := ""
			if i > 0 {
				remark = "in a second XMP item; readers look at the first"
			}
			found, err := packetSites("XMP item", text, max(at, s.metaBox.at), remark)
			if sites = append(sites, found...); err != nil {
				return sites, err
			}
		}
		return sites, nil
	}
}

func stillPut(format string) func(*carrier.File, carrier.Label) (*carrier.Edit, error) {
	return func(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
		s, err := readStill(f, format)
		if err != nil {
			return nil, err
		}
		var old [][]byte
		for _, id := range s.packets {
			text, _, err := s.packet(id)
			if err != nil {
				return nil, err
			}
			old = append(old, text)
		}
		now, err := xmp.PutInto(old, l)
		if err != nil {
			return nil, err
		}
		if slices.EqualFunc(old, now, bytes.Equal) {
			return carrier.NewEdit(f)
		}
		if len(s.packets) == 0 {
			if err := s.newItem(); err != nil {
				return nil, err
			}
		}
		return s.layOut(old, now)
	}
}

// newItem adds an XMP item that describes the primary one (cdsc).
func (s *still) newItem() error {
	id := int64(1)
	for _, i := range s.items {
		id = max(id, i+1)
	}
	if id > math.MaxUint16 {
		return s.fault(carrier.Unsupported, s.metaBox.at, "the file has no item number left below %d", math.MaxUint16)
	}
	entry := leaf("infe", []byte{2, 0, 0, 0}, u16(int(id)), u16(0), []byte("mime"), []byte{0}, []byte(rdfType), []byte{0}).write(nil)
	info := s.meta.find("iinf")
	info.body = append(slices.Clone(info.body), entry...)
	if info.body[0] == 0 {
		binary.BigEndian.PutUint16(info.body[4:], binary.BigEndian.Uint16(info.body[4:])+1)
	} else {
		binary.BigEndian.PutUint32(info.body[4:], binary.BigEndian.Uint32(info.body[4:])+1)
	}
	refer := s.meta.find("iref")
	if refer == nil {
		refer = leaf("iref", make([]byte, 4))
		s.meta.children = append(s.meta.children, refer)
	}
	if len(refer.body) < 4 {
		return s.fault(carrier.Malformed, refer.at, "box iref is too short")
	}
	number := u16
	if refer.body[0] > 0 {
		number = func(v int) []byte { return u32(int64(v)) }
	}
	refer.body = append(slices.Clone(refer.body), leaf("cdsc", number(int(id)), u16(1), number(int(s.primary))).write(nil)...)
	s.packets = append(s.packets, id)
	s.places.items = append(s.places.items, location{id: int(id), extents: []extent{{}}})
	return nil
}

// layOut puts the packets that changed behind everything else, blanks where they were, and sets all places right.
func (s *still) layOut(old, now [][]byte) (*carrier.Edit, error) {
	last := s.top[len(s.top)-1]
	h, err := s.f.Read(s.format, last.at, 4)
	if err != nil {
		return nil, err
	}
	if binary.BigEndian.Uint32(h) == 0 {
		return nil, s.fault(carrier.Unsupported, last.at, "the last box reaches to the end of the file whatever its size; nothing can be put behind it")
	}
	if last.end() != s.f.Size() {
		return nil, s.fault(carrier.Malformed, last.end(), "%d bytes behind the last box are none", s.f.Size()-last.end())
	}
	var changes []carrier.Change
	var tail []byte
	behind := map[int]int64{} // where in the tail an item's bytes begin
	for i, text := range now {
		if i < len(old) && bytes.Equal(old[i], text) {
			continue
		}
		l := s.places.find(s.packets[i])
		if i < len(old) {
			if err := s.blank(l, last, &changes); err != nil {
				return nil, err
			}
		}
		behind[l.id] = int64(len(tail)) + 8
		*l = location{id: l.id, extents: []extent{{length: int64(len(text))}}}
		tail = append(tail, leaf("mdat", text).write(nil)...)
	}
	loc := s.meta.find("iloc")
	loc.body = s.places.write() // as long as it will be
	meta := carrier.Change{At: s.metaBox.at, Remove: s.metaBox.size, Insert: make([]byte, s.meta.size())}
	sh := shift{changes: append(changes, meta)}
	for i := range s.places.items {
		l := &s.places.items[i]
		at, moved := behind[l.id]
		switch {
		case moved:
			l.extents[0].offset = sh.of(s.f.Size()) + at
		case l.method == 0: // bases stay
			for k := range l.extents {
				e := &l.extents[k]
				e.offset = sh.of(l.base+e.offset) - l.base
			}
		}
	}
	if err := s.places.fits(s); err != nil {
		return nil, err
	}
	loc.body = s.places.write()
	meta.Insert = s.meta.write(nil)
	rest, err := s.rest(sh)
	if err != nil {
		return nil, err
	}
	return carrier.NewEdit(s.f, append(append(changes, meta, carrier.Change{At: s.f.Size(), Insert: tail}), rest...)...)
}

// fits tells whether offsets and lengths fit into their fields.
func (p *places) fits(s *still) error {
	for _, l := range p.items {
		for _, e := range l.extents {
			if e.offset < 0 || p.offsetSize == 0 && e.offset != 0 || p.offsetSize == 4 && e.offset > math.MaxUint32 || p.lengthSize == 0 && e.length != 0 || p.lengthSize == 4 && e.length > math.MaxUint32 {
				return s.fault(carrier.Unsupported, s.metaBox.at, "the place of item %d (%d, %d bytes) does not fit into fields of %d and %d bytes", l.id, e.offset, e.length, p.offsetSize, p.lengthSize)
			}
		}
	}
	return nil
}

// blank overwrites where a packet was, so that nobody who looks for bytes finds two labels. A last box that holds nothing else goes.
func (s *still) blank(l *location, last box, changes *[]carrier.Change) error {
	for _, e := range l.extents {
		at, n := l.base+e.offset, e.length
		switch {
		case l.method == 1:
			data := s.meta.find("idat")
			data.body = slices.Clone(data.body)
			copy(data.body[at:at+n], bytes.Repeat([]byte{' '}, int(n)))
		case n == 0:
			return s.fault(carrier.Unsupported, at, "an XMP item that reaches to the end of the file")
		case last.kind == "mdat" && at == last.body() && n == last.size-last.head:
			*changes = append(*changes, carrier.Change{At: last.at, Remove: last.size})
		default:
			*changes = append(*changes, carrier.Change{At: at, Remove: n, Insert: bytes.Repeat([]byte{' '}, int(n))})
		}
	}
	return nil
}

// rest are the changes to a sequence's movie.
func (s *still) rest(sh shift) ([]carrier.Change, error) {
	if s.moov == nil {
		return nil, nil
	}
	moov, wider, err := s.shifted(sh)
	if err != nil {
		return nil, err
	}
	if wider {
		return nil, s.fault(carrier.Unsupported, s.moovBox.at, "an offset in box stco would pass 4 GB")
	}
	return []carrier.Change{{At: s.moovBox.at, Remove: s.moovBox.size, Insert: moov.write(nil)}}, nil
}
