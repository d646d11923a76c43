package bmff

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

// shift tells where bytes of the original stand in the edited file.
type shift struct{ changes []carrier.Change }

// of is the new place of a place.
func (s shift) of(at int64) int64 {
	moved := at
	for _, c := range s.changes {
		if at >= c.At+c.Remove && c.Remove+int64(len(c.Insert)) > 0 {
			moved += int64(len(c.Insert)) - c.Remove
		}
	}
	return moved
}

// table is a list of offsets in a box: where the first stands in its body, how many, and their width in bytes.
func (r *reader) table(n *node) (at, count, width int, ok bool, err error) {
	switch n.kind {
	case "stco", "co64":
		at, width = 8, 4
		if n.kind == "co64" {
			width = 8
		}
	case "saio":
		if len(n.body) < 4 {
			return 0, 0, 0, false, r.fault(carrier.Malformed, n.at, "box saio is too short")
		}
		at, width = 8, 4
		if n.body[3]&1 != 0 {
			at = 16
		}
		if n.body[0] == 1 {
			width = 8
		}
	default:
		return 0, 0, 0, false, nil
	}
	if len(n.body) < at {
		return 0, 0, 0, false, r.fault(carrier.Malformed, n.at, "box %s of %d bytes is too short", n.kind, len(n.body)+8)
	}
	c := int64(binary.BigEndian.Uint32(n.body[at-4:]))
	if c*int64(width) > int64(len(n.body)-at) {
		return 0, 0, 0, false, r.fault(carrier.Malformed, n.at, "box %s says %d offsets, there is room for %d", n.kind, c, (len(n.body)-at)/width)
	}
	return at, int(c), width, true, nil
}

// shifted is the movie with its chunk offsets set right. wider tells that a table of 32 bits could not hold them; then it has 64 bits in what is
// returned, with the old offsets.
func (m *movie) shifted(s shift) (moov *node, wider bool, err error) {
	moov = m.moov.copied()
	moov.every(func(n *node) {
		at, count, width, ok, bad := m.table(n)
		if bad != nil || !ok || err != nil {
			if err == nil {
				err = bad
			}
			return
		}
		if n.kind == "stco" && slices.ContainsFunc(offsets(n.body[at:], count, 4), func(v int64) bool { return s.of(v) > math.MaxUint32 }) {
			wider = true
		}
		if width == 4 && n.kind == "saio" && slices.ContainsFunc(offsets(n.body[at:], count, 4), func(v int64) bool { return s.of(v) > math.MaxUint32 }) {
			err = m.fault(carrier.Unsupported, n.at, "an offset in box saio would pass 4 GB")
		}
	})
	if err != nil {
		return nil, false, err
	}
	moov.every(func(n *node) {
		at, count, width, ok, _ := m.table(n)
		switch {
		case !ok:
		case wider && n.kind == "stco":
			body := slices.Clone(n.body[:8])
			for _, v := range offsets(n.body[at:], count, 4) {
				body = append(body, u64(v)...)
			}
			n.kind, n.body = "co64", body
		case !wider:
			n.body = slices.Clone(n.body)
			for i, v := range offsets(n.body[at:], count, width) {
				set(n.body[at+i*width:], width, s.of(v))
			}
		}
	})
	return moov, wider, nil
}

// copied is a box whose bytes may be changed.
func (n *node) copied() *node {
	c := *n
	c.children = make([]*node, len(n.children))
	for i, x := range n.children {
		c.children[i] = x.copied()
	}
	return &c
}

func offsets(b []byte, count, width int) []int64 {
	out := make([]int64, count)
	for i := range out {
		if width == 8 {
			out[i] = int64(binary.BigEndian.Uint64(b[8*i:]))
		} else {
			out[i] = int64(binary.BigEndian.Uint32(b[4*i:]))
		}
	}
	return out
}

func set(b []byte, width int, v int64) {
	if width == 8 {
		binary.BigEndian.PutUint64(b, uint64(v))
	} else {
		binary.BigEndian.PutUint32(b, uint32(v))
	}
}

// fragments are the changes to offsets outside the movie: in fragments that count from the file's beginning, and in their index.
func (m *movie) fragments(s shift) (out []carrier.Change, err error) {
	for _, b := range m.top {
		if b.kind != "moof" && b.kind != "mfra" || s.of(b.end()) == b.end() && s.of(b.at) == b.at && b.kind == "moof" {
			continue
		}
		if b.size > carrier.MaxRead {
			return nil, m.fault(carrier.TooLarge, b.at, "a box %s of %d bytes; at most %d are read", b.kind, b.size, carrier.MaxRead)
		}
		n, err := m.tree(b, 0)
		if err != nil {
			return nil, err
		}
		changed := false
		n = n.copied()
		n.every(func(x *node) {
			if one, bad := m.refer(x, s); bad != nil && err == nil {
				err = bad
			} else if one {
				changed = true
			}
		})
		if err != nil {
			return nil, err
		}
		if changed {
			out = append(out, carrier.Change{At: b.at, Remove: b.size, Insert: n.write(nil)})
		}
	}
	return out, nil
}

// refer sets the offsets of a tfhd or tfra box right and tells whether that changed it.
func (m *movie) refer(n *node, s shift) (changed bool, err error) {
	switch n.kind {
	case "tfhd":
		if len(n.body) < 16 || n.body[3]&1 == 0 { // base-data-offset-present
			return false, nil
		}
		was := int64(binary.BigEndian.Uint64(n.body[8:]))
		if s.of(was) == was {
			return false, nil
		}
		n.body = slices.Clone(n.body)
		set(n.body[8:], 8, s.of(was))
		return true, nil
	case "tfra":
		if len(n.body) < 16 {
			return false, m.fault(carrier.Malformed, n.at, "box tfra of %d bytes is too short", len(n.body)+8)
		}
		width := 4
		if n.body[0] == 1 {
			width = 8
		}
		sizes := binary.BigEndian.Uint32(n.body[8:])
		entry := 2*width + 3 + int(sizes>>4&3) + int(sizes>>2&3) + int(sizes&3)
		count := int64(binary.BigEndian.Uint32(n.body[12:]))
		if count*int64(entry) > int64(len(n.body)-16) {
			return false, m.fault(carrier.Malformed, n.at, "box tfra says %d entries, there is room for %d", count, (len(n.body)-16)/entry)
		}
		n.body = slices.Clone(n.body)
		for i := range int(count) {
			at := n.body[16+i*entry+width:]
			was := offsets(at, 1, width)[0]
			now := s.of(was)
			if width == 4 && now > math.MaxUint32 {
				return false, m.fault(carrier.Unsupported, n.at, "an offset in box tfra would pass 4 GB")
			}
			if now != was {
				set(at, width, now)
				changed = true
			}
		}
	}
	return changed, nil
}
