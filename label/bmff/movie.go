package bmff

import (
	"bytes"
	"math"
	"slices"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// xmpUUID marks the box that holds XMP (XMP part 3).
const xmpUUID = "\xBE\x7A\xCF\xCB\x97\xA9\x42\xE8\x9C\x71\x99\x94\x91\xE3\xAF\xAC"

// maxPacket bounds an XMP packet that is read; ours.
const maxPacket = 8 << 20

// movie is an MP4, MOV or M4A file.
type movie struct {
	reader
	top     []box
	moov    *node
	moovBox box
}

func readMovie(f *carrier.File, format string) (*movie, error) {
	m := &movie{reader: reader{f: f, format: format}}
	var err error
	if m.top, err = m.boxes(0, f.Size()); err != nil {
		return m, err
	}
	for _, b := range m.top {
		switch b.kind {
		case "moov":
			if m.moov != nil {
				return m, m.fault(carrier.Malformed, b.at, "a second moov box")
			}
			if b.size > carrier.MaxRead {
				return m, m.fault(carrier.TooLarge, b.at, "a moov box of %d bytes; at most %d are read", b.size, carrier.MaxRead)
			}
			m.moovBox = b
			if m.moov, err = m.tree(b, 0); err != nil {
				return m, err
			}
		}
	}
	if m.moov == nil {
		return m, m.fault(carrier.Malformed, -1, "the file has no moov box")
	}
	return m, nil
}

// packetOf is the XMP in a box, nil when it holds none.
func (r *reader) packetOf(b box) ([]byte, error) {
	if b.kind != "uuid" || b.size-b.head < 16 {
		return nil, nil
	}
	id, err := r.f.Read(r.format, b.body(), 16)
	if err != nil || string(id) != xmpUUID {
		return nil, err
	}
	if b.size > maxPacket {
		return nil, r.fault(carrier.TooLarge, b.at, "an XMP packet of %d bytes; at most %d are read", b.size, maxPacket)
	}
	return r.f.Read(r.format, b.body()+16, b.size-b.head-16)
}

// packetSites are the labels in XMP that stands in a box.
func packetSites(place string, packet []byte, at int64, remark string) (out []carrier.Site, err error) {
	values, err := xmp.Values(packet)
	for _, v := range values {
		s := carrier.Site{Place: place, Offset: at + int64(v.Offset), Value: v.Text, Standard: v.Standard && remark == "", Remark: remark}
		if remark == "" {
			s.Remark = v.Remark
		}
		out = append(out, s)
	}
	return out, err
}

func movieSites(format string) func(*carrier.File) ([]carrier.Site, error) {
	return func(f *carrier.File) (sites []carrier.Site, err error) {
		m, err := readMovie(f, format)
		add := func(found []carrier.Site, bad error) {
			if sites = append(sites, found...); err == nil {
				err = bad
			}
		}
		if m.moov != nil {
			for _, c := range m.moov.children {
				switch c.kind {
				case "meta":
					add(m.metaSites(c, "moov.meta", "in moov.meta; the guide says moov.udta.meta"))
				case "udta":
					add(m.userSites(c))
				}
			}
		}
		for _, b := range m.top {
			switch b.kind {
			case "meta":
				meta, bad := m.tree(b, 0)
				if bad == nil {
					add(m.metaSites(meta, "meta", "in a meta box of the file; the guide says moov.udta.meta"))
				} else {
					add(nil, bad)
				}
			case "uuid":
				packet, bad := m.packetOf(b)
				if packet != nil {
					add(packetSites("uuid XMP", packet, b.body()+16, "in XMP; the guide says moov.udta.meta"))
				}
				add(nil, bad)
			}
		}
		return sites, err
	}
}

// userSites are the labels in moov.udta.
func (m *movie) userSites(udta *node) (out []carrier.Site, err error) {
	for _, c := range udta.children {
		var found []carrier.Site
		var bad error
		switch c.kind {
		case "meta":
			found, bad = m.metaSites(c, "moov.udta.meta", "")
		case "XMP_":
			found, bad = packetSites("moov.udta.XMP_", c.body, c.at+8, "in XMP; the guide says moov.udta.meta")
		case ownKey:
			found = []carrier.Site{{Place: "moov.udta." + ownKey, Offset: c.at, Value: string(bytes.TrimLeft(c.body, "\x00")), Remark: "a box of its own; the guide says moov.udta.meta"}}
		}
		if out = append(out, found...); err == nil {
			err = bad
		}
	}
	return out, err
}

// label puts the label into the movie's metadata and takes it out of other places in it.
func (m *movie) label(value string) (changed bool, err error) {
	udta := m.moov.find("udta")
	if udta == nil {
		udta = parent("udta", nil)
		m.moov.children = append(m.moov.children, udta)
	}
	var home *node
	for _, c := range udta.children {
		if c.kind == "meta" && handler(c) == "mdta" && home == nil {
			home = c
		}
	}
	for _, place := range []*node{m.moov, udta} {
		var left []*node
		for _, c := range place.children {
			switch c.kind {
			case "meta":
				want := &value
				if c != home {
					want = nil
				}
				one, err := m.metaWith(c, want)
				if err != nil {
					return false, err
				}
				changed = changed || one
			case "XMP_":
				packet, err := xmp.Elsewhere(c.body)
				if err != nil {
					return false, err
				}
				if !bytes.Equal(packet, c.body) {
					c, changed = &node{kind: c.kind, long: c.long, at: c.at, body: packet}, true
				}
			case ownKey:
				if place == udta {
					changed = true
					continue
				}
			}
			left = append(left, c)
		}
		place.children = left
	}
	if home == nil { // behind iTunes' list, whose readers look at the first meta box only
		udta.children, changed = append(udta.children, newMeta(value)), true
	}
	return changed, nil
}

func moviePut(format string) func(*carrier.File, carrier.Label) (*carrier.Edit, error) {
	return func(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
		m, err := readMovie(f, format)
		if err != nil {
			return nil, err
		}
		var changes []carrier.Change
		for _, b := range m.top {
			var out []byte
			switch b.kind {
			case "meta":
				meta, err := m.tree(b, 0)
				if err != nil {
					return nil, err
				}
				if changed, err := m.metaWith(meta, nil); err != nil || !changed {
					if err != nil {
						return nil, err
					}
					continue
				}
				out = meta.write(nil)
			case "uuid":
				packet, err := m.packetOf(b)
				if err != nil {
					return nil, err
				}
				if packet == nil {
					continue
				}
				left, err := xmp.Elsewhere(packet)
				if err != nil {
					return nil, err
				}
				if bytes.Equal(left, packet) {
					continue
				}
				out = leaf("uuid", []byte(xmpUUID), left).write(nil)
			default:
				continue
			}
			changes = append(changes, carrier.Change{At: b.at, Remove: b.size, Insert: out})
		}
		changed, err := m.label(l.Value)
		if err != nil {
			return nil, err
		}
		if !changed && len(changes) == 0 {
			return carrier.NewEdit(f)
		}
		return m.layOut(changes)
	}
}

// layOut finds places for everything: the movie where it was, room made for it in a free box behind it when there is one, else by moving what
// is behind it, with all offsets set right.
func (m *movie) layOut(changes []carrier.Change) (*carrier.Edit, error) {
	free := m.freeBehind()
	for range 3 { // a table that grows moves what is behind it once more
		size := m.moov.size()
		if !m.moov.long && size > math.MaxUint32 {
			return nil, m.fault(carrier.TooLarge, m.moovBox.at, "the moov box would be %d bytes long", size)
		}
		all := slices.Clone(changes)
		if room := m.moovBox.size + free.size - size; free.size > 0 && (room == 0 || room >= 8) && room <= math.MaxUint32 {
			all = append(all, carrier.Change{At: m.moovBox.at, Remove: m.moovBox.size + free.size, Insert: append(make([]byte, size), pad(room)...)})
		} else {
			all = append(all, carrier.Change{At: m.moovBox.at, Remove: m.moovBox.size, Insert: make([]byte, size)})
		}
		s := shift{changes: all}
		moov, again, err := m.shifted(s)
		if err != nil {
			return nil, err
		}
		if again { // a table needs wider offsets
			m.moov = moov
			continue
		}
		rest, err := m.fragments(s)
		if err != nil {
			return nil, err
		}
		copy(all[len(all)-1].Insert, moov.write(nil))
		return carrier.NewEdit(m.f, append(all, rest...)...)
	}
	return nil, m.fault(carrier.Unsupported, m.moovBox.at, "no layout was found for the file")
}

// freeBehind is the free box right behind the movie, if any.
func (m *movie) freeBehind() box {
	for i, b := range m.top {
		if b.at == m.moovBox.at && i+1 < len(m.top) && (m.top[i+1].kind == "free" || m.top[i+1].kind == "skip") {
			return m.top[i+1]
		}
	}
	return box{}
}

// pad is a free box of so many bytes.
func pad(n int64) []byte {
	if n == 0 {
		return nil
	}
	return leaf("free", make([]byte, n-8)).write(nil)
}
