package bmff

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

// shift tells where bytes of the original stand in the edited file.
type shift struct {
	ends  []int64 // where the changed stretches of the original end, in order
	moved []int64 // by how much what is behind each has moved
}

func newShift(changes []carrier.Change) (s shift) {
	changes = slices.Clone(changes)
	slices.SortFunc(changes, func(a, b carrier.Change) int { return cmp.Compare(a.At+a.Remove, b.At+b.Remove) })
	sum := int64(0)
	for _, c := range changes {
		if more := int64(len(c.Insert)) - c.Remove; more != 0 {
			sum += more
			s.ends, s.moved = append(s.ends, c.At+c.Remove), append(s.moved, sum)
		}
	}
	return s
}

// moves tells whether something stands elsewhere.
func (s shift) moves() bool { return len(s.ends) > 0 }

// of is the new place of a place.
func (s shift) of(at int64) int64 {
	if k, _ := slices.BinarySearch(s.ends, at+1); k > 0 {
		return at + s.moved[k-1]
	}
	return at
}

// table is a box that lists places in the file: chunks of samples (stco, co64) or data about them (saio).
type table struct {
	before []byte // what stands before the places
	width  int    // of a place, in bytes
	at     []int64
	behind []byte
}

// table reads a box; nil when it is none.
func (r *reader) table(n *node) (*table, error) {
	at, width := 8, 4
	switch n.kind {
	case "co64":
		width = 8
	case "stco":
	case "saio": // in a movie; in a fragment it counts from the fragment's own base
		if len(n.body) < 8 {
			return nil, r.fault(carrier.Malformed, n.at, "box saio is too short")
		}
		if n.body[3]&1 != 0 {
			at = 16
		}
		if n.body[0] > 0 {
			width = 8
		}
	default:
		return nil, nil
	}
	if len(n.body) < at {
		return nil, r.fault(carrier.Malformed, n.at, "box %s of %d bytes is too short", n.kind, len(n.body)+8)
	}
	count := int64(binary.BigEndian.Uint32(n.body[at-4:]))
	if count*int64(width) > int64(len(n.body)-at) {
		return nil, r.fault(carrier.Malformed, n.at, "box %s says %d places, there is room for %d", n.kind, count, (len(n.body)-at)/width)
	}
	x := &fields{n.body[at:], true}
	t := &table{before: n.body[:at], width: width, at: make([]int64, count)}
	for i := range t.at {
		t.at[i] = x.next(width)
	}
	if !x.ok {
		return nil, r.fault(carrier.Malformed, n.at, "box %s has a place beyond %d", n.kind, int64(math.MaxInt64))
	}
	t.behind = x.b
	return t, nil
}

// write puts the table into its box; one of 64 bits gets a name or a version that says so.
func (t *table) write(n *node) {
	body := slices.Grow(slices.Clone(t.before), t.width*len(t.at)+len(t.behind))
	for _, v := range t.at {
		if t.width == 8 {
			body = binary.BigEndian.AppendUint64(body, uint64(v))
		} else {
			body = binary.BigEndian.AppendUint32(body, uint32(v))
		}
	}
	switch {
	case t.width == 8 && n.kind == "stco":
		n.kind = "co64"
	case t.width == 8 && n.kind == "saio":
		body[0] = 1
	}
	n.body = append(body, t.behind...)
}

// widen makes the fields of places wide enough for where they will be, in the movie and in the meta box, and tells whether that was needed. The places
// themselves stay as they were.
func (x *file) widen(s shift, behind map[int64]int64) (wider bool, err error) {
	if x.items != nil {
		if wider, err = x.widenItems(x.items.places, s, x.metaBox.at, behind); err != nil {
			return false, err
		}
	}
	if x.moov == nil || !s.moves() {
		return wider, nil
	}
	err = x.tables(x.moov, func(n *node) error {
		if n.kind == "iloc" {
			p, err := x.readPlaces(n)
			if err != nil {
				return err
			}
			one, err := x.widenItems(p, s, 0, nil)
			if one {
				n.body, wider = p.write(), true
			}
			return err
		}
		t, err := x.table(n)
		if err != nil || t == nil || t.width == 8 || !slices.ContainsFunc(t.at, func(v int64) bool { return s.of(v) > math.MaxUint32 }) {
			return err
		}
		t.width, wider = 8, true
		t.write(n)
		return nil
	})
	return wider, err
}

func (x *file) widenItems(p *places, s shift, block int64, behind map[int64]int64) (wider bool, err error) {
	for _, l := range p.list {
		if s.moves() && l.method == 0 && l.reference != 0 {
			return false, x.fault(carrier.Unsupported, x.metaBox.at, "item %d has data reference %d; whether its bytes move with this file cannot be told", l.id, l.reference)
		}
	}
	return p.widen(p.shifted(s, block, behind)), nil
}

// move sets the places in a movie right; the file's own items are set by layOut.
func (x *file) move(n *node, s shift) error {
	if !s.moves() {
		return nil
	}
	return x.tables(n, func(n *node) error {
		if n.kind == "iloc" {
			p, err := x.readPlaces(n)
			if err == nil {
				n.body = p.shifted(s, 0, nil).write()
			}
			return err
		}
		t, err := x.table(n)
		if err != nil || t == nil {
			return err
		}
		for i, v := range t.at {
			t.at[i] = s.of(v)
		}
		t.write(n)
		return nil
	})
}

// tables calls f for every box below n that may hold places in this file.
func (x *file) tables(n *node, f func(*node) error) error {
	if n.kind == "trak" {
		own, others := references(n)
		if own && others {
			return x.fault(carrier.Unsupported, n.at, "a track with data in this file and in others")
		}
		if others {
			return nil
		}
	}
	for _, c := range n.children {
		if err := x.tables(c, f); err != nil {
			return err
		}
	}
	switch n.kind {
	case "stco", "co64", "saio", "iloc":
		return f(n)
	}
	return nil
}

// references tells from a track's dref box whether its data lies in this file, in others, or in both. An entry without the flag that says
// "this file" and without a place counts as this file: some writers forget the flag.
func references(trak *node) (own, others bool) {
	dref := trak.find("mdia", "minf", "dinf", "dref")
	if dref == nil || len(dref.body) < 8 {
		return true, false
	}
	for b := dref.body[8:]; len(b) >= 12; {
		size := int64(binary.BigEndian.Uint32(b))
		if size < 12 || size > int64(len(b)) {
			break
		}
		if b[11]&1 != 0 || size <= 13 {
			own = true
		} else {
			others = true
		}
		b = b[size:]
	}
	return own || !others, others
}

// fragments are the changes to places outside the movie: in fragments that count from the file's beginning, and in the indexes of
// fragments.
func (x *file) fragments(s shift) (out []carrier.Change, err error) {
	if !s.moves() {
		return nil, nil
	}
	for _, b := range x.top {
		if b.kind != "moof" && b.kind != "mfra" && b.kind != "sidx" {
			continue
		}
		n, err := x.tree(b)
		if err != nil {
			return nil, err
		}
		changed, err := x.refer(n, b, s)
		if err != nil {
			return nil, err
		}
		if changed {
			out = append(out, carrier.Change{At: b.at, Remove: b.size, Insert: n.write(nil)})
		}
	}
	return out, nil
}

// refer sets the places in a fragment or an index right and tells whether that changed it.
func (x *file) refer(n *node, top box, s shift) (changed bool, err error) {
	switch n.kind {
	case "tfhd":
		return x.field(n, 8, 8, n.flag(1), s.of) // base-data-offset-present
	case "sidx":
		return x.index(n, top.end(), s)
	case "tfra":
		return x.entries(n, s)
	}
	for _, c := range n.children {
		one, err := x.refer(c, top, s)
		if err != nil {
			return false, err
		}
		changed = changed || one
	}
	return changed, nil
}

// flag tells whether a box has a flag set.
func (n *node) flag(bit byte) bool { return len(n.body) >= 4 && n.body[3]&bit != 0 }

// field changes a number in a box.
func (x *file) field(n *node, at, width int, there bool, to func(int64) int64) (changed bool, err error) {
	if !there {
		return false, nil
	}
	if len(n.body) < at+width {
		return false, x.fault(carrier.Malformed, n.at, "box %s of %d bytes is too short", n.kind, len(n.body)+8)
	}
	f := &fields{n.body[at:], true}
	was := f.next(width)
	now := to(was)
	if !f.ok || now < 0 || width == 4 && now > math.MaxUint32 {
		return false, x.fault(carrier.Unsupported, n.at, "a place in box %s would be %d, its field has %d bytes", n.kind, now, width)
	}
	if now == was {
		return false, nil
	}
	n.body = slices.Clone(n.body)
	if width == 8 {
		binary.BigEndian.PutUint64(n.body[at:], uint64(now))
	} else {
		binary.BigEndian.PutUint32(n.body[at:], uint32(now))
	}
	return true, nil
}

// entries sets the fragments' places in box tfra right.
func (x *file) entries(n *node, s shift) (changed bool, err error) {
	if len(n.body) < 16 {
		return false, x.fault(carrier.Malformed, n.at, "box tfra of %d bytes is too short", len(n.body)+8)
	}
	width := 4
	if n.body[0] > 0 {
		width = 8
	}
	sizes := binary.BigEndian.Uint32(n.body[8:])
	entry := 2*width + 3 + int(sizes>>4&3) + int(sizes>>2&3) + int(sizes&3)
	count := int64(binary.BigEndian.Uint32(n.body[12:]))
	if count*int64(entry) > int64(len(n.body)-16) {
		return false, x.fault(carrier.Malformed, n.at, "box tfra says %d entries, there is room for %d", count, (len(n.body)-16)/entry)
	}
	body := slices.Clone(n.body)
	for i := range int(count) {
		at := body[16+i*entry+width:]
		f := &fields{at, true}
		was := f.next(width)
		now := s.of(was)
		switch {
		case !f.ok || width == 4 && now > math.MaxUint32:
			return false, x.fault(carrier.Unsupported, n.at, "a place in box tfra would be %d, its field has %d bytes", now, width)
		case now == was:
			continue
		case width == 8:
			binary.BigEndian.PutUint64(at, uint64(now))
		default:
			binary.BigEndian.PutUint32(at, uint32(now))
		}
		changed = true
	}
	n.body = body
	return changed, nil
}

// index sets the distance of what a segment index speaks of right. It counts from the end of the index; what it speaks of lies together and must
// stay as long as it is.
func (x *file) index(n *node, anchor int64, s shift) (changed bool, err error) {
	if len(n.body) < 12 {
		return false, x.fault(carrier.Malformed, n.at, "box sidx of %d bytes is too short", len(n.body)+8)
	}
	at, width := 16, 4
	if n.body[0] > 0 {
		at, width = 20, 8
	}
	f := &fields{n.body[min(at, len(n.body)):], true}
	first := f.next(width)
	f.next(2)
	total := int64(0)
	for count := f.next(2); count > 0 && f.ok; count-- {
		total += f.next(4) & math.MaxInt32
		f.next(8)
	}
	if !f.ok || first > x.f.Size() {
		return false, x.fault(carrier.Malformed, n.at, "box sidx is too short for what it says, or speaks of what is beyond the file")
	}
	from := anchor + first
	if s.of(from+total)-s.of(from) != total {
		return false, x.fault(carrier.Unsupported, n.at, "box sidx speaks of %d bytes from %d on, and their number would change", total, from)
	}
	return x.field(n, at, width, true, func(int64) int64 { return s.of(from) - s.of(anchor) })
}
