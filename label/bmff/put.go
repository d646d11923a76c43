package bmff

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// putOf returns the function Put of a format.
func putOf(format string, still bool) func(*carrier.File, carrier.Label) (*carrier.Edit, error) {
	return func(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
		x, err := read(f, format, still)
		if _, err = x.sites(err); err != nil {
			return nil, err
		}
		changed, err := x.keyed(l.Value)
		if err != nil {
			return nil, err
		}
		boxes, err := x.clearBoxes()
		if err != nil {
			return nil, err
		}
		items, moved, err := x.packets(l)
		if err != nil {
			return nil, err
		}
		if !changed && len(boxes)+len(items)+len(moved) == 0 {
			return carrier.NewEdit(f)
		}
		return x.layOut(append(boxes, items...), moved)
	}
}

// keyed puts the label into the movie's metadata, where it belongs there, and takes it out of all other places in the movie and in the file's
// meta box.
func (x *file) keyed(value string) (changed bool, err error) {
	var home *node
	if !x.still {
		udta := x.moov.find("udta")
		if udta == nil {
			udta = parent("udta", nil)
			x.moov.children = append(x.moov.children, udta)
		}
		i := slices.IndexFunc(udta.children, func(n *node) bool { return n.kind == "meta" && handler(n) == "mdta" })
		if i >= 0 {
			home = udta.children[i]
			if changed, err = x.metaWith(home, &value); err != nil {
				return false, err
			}
		} else { // behind iTunes' list, whose readers look at the first meta box only
			home, changed = newMeta(value), true
			udta.children = append(udta.children, home)
		}
	}
	for _, n := range []*node{x.moov, x.meta} {
		if n == nil {
			continue
		}
		one, err := x.clear(n, home)
		if err != nil {
			return false, err
		}
		changed = changed || one
	}
	return changed, nil
}

// clear takes labels out of a box and all below it, but for the keys of home.
func (x *file) clear(n, home *node) (changed bool, err error) {
	if n.kind == "meta" && n != home {
		if changed, err = x.metaWith(n, nil); err != nil {
			return false, err
		}
	}
	var left []*node
	for _, c := range n.children {
		before, packet := packetIn(c)
		switch {
		case c.kind == "ilst":
		case c.kind == ownKey:
			changed = true
			continue
		case packet:
			text, err := xmp.Elsewhere(c.body[before:])
			if err != nil {
				return false, err
			}
			if len(text) < len(c.body)-before {
				c, changed = &node{kind: c.kind, long: c.long, at: c.at, body: slices.Concat(c.body[:before], text)}, true
			}
		default:
			one, err := x.clear(c, home)
			if err != nil {
				return false, err
			}
			changed = changed || one
		}
		left = append(left, c)
	}
	n.children = left
	return changed, nil
}

// clearBoxes takes labels out of the XMP boxes of the file, which stay as long as they were: what comes behind them need not move.
func (x *file) clearBoxes() (changes []carrier.Change, err error) {
	for _, b := range x.top {
		packet, err := x.packetOf(b)
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
		if !bytes.Equal(left, packet) {
			changes = append(changes, carrier.Change{At: b.end() - int64(len(packet)), Remove: int64(len(packet)), Insert: padded(left, len(packet))})
		}
	}
	return changes, nil
}

// padded is a packet with blanks behind it.
func padded(packet []byte, n int) []byte {
	return append(slices.Clip(packet), bytes.Repeat([]byte{' '}, n-len(packet))...)
}

// packet of an item that has a new place.
type placed struct {
	id   int64
	text []byte
}

// packets puts the label into the first XMP item, where it belongs there, and takes it out of the others. What has room stays where it is; moved are
// those that have none.
func (x *file) packets(l carrier.Label) (changes []carrier.Change, moved []placed, err error) {
	if x.items == nil {
		return nil, nil, nil
	}
	var old, now [][]byte
	for _, p := range x.items.packets {
		text, _, err := x.packet(p)
		if err != nil {
			return nil, nil, err
		}
		old = append(old, text)
		if !x.still {
			left, err := xmp.Elsewhere(text)
			if err != nil {
				return nil, nil, err
			}
			now = append(now, left)
		}
	}
	if x.still {
		if now, err = xmp.PutInto(old, l); err != nil {
			return nil, nil, err
		}
	}
	for i, text := range now {
		if i >= len(old) {
			p, err := x.newItem()
			if err != nil {
				return nil, nil, err
			}
			moved = append(moved, placed{p.id, text})
			continue
		}
		if bytes.Equal(old[i], text) {
			continue
		}
		id := x.items.packets[i].id
		if len(text) <= len(old[i]) {
			text = padded(text, len(old[i]))
		} else {
			moved = append(moved, placed{id, text})
			text = nil // nothing is left of the old one, so that nobody who looks for bytes finds two labels
		}
		more, err := x.overwrite(id, text)
		if err != nil {
			return nil, nil, err
		}
		changes = append(changes, more...)
	}
	return x.dropEmptied(changes, moved), moved, nil
}

// dropEmptied takes out the boxes that held nothing but a packet that has moved.
func (x *file) dropEmptied(changes []carrier.Change, moved []placed) []carrier.Change {
	for _, p := range moved {
		for i, c := range changes {
			l := x.items.places.find(p.id)
			k := slices.IndexFunc(x.top, func(b box) bool { return b.kind == "mdat" && c.At == b.body() && c.Remove == b.size-b.head })
			if k >= 0 && l.method == 0 && len(l.extents) == 1 && l.base+l.extents[0].offset == c.At {
				changes[i] = carrier.Change{At: x.top[k].at, Remove: x.top[k].size}
			}
		}
	}
	return changes
}

// layOut finds places for everything. The movie and the meta box stay where they are; what they need more is taken from a free box behind
// them, else what is behind them moves. XMP that has no room where it was goes behind the meta box, not to the end of the file: others
// (motion photos) count from there. All offsets are set right.
func (x *file) layOut(changes []carrier.Change, moved []placed) (*carrier.Edit, error) {
	var tail []byte
	for _, p := range moved {
		*x.items.places.find(p.id) = location{id: p.id, extents: []extent{{length: int64(len(p.text))}}}
		tail = append(tail, leaf("mdat", p.text).write(nil)...)
	}
	for range 8 { // a table that grows moves what is behind it once more
		behind := map[int64]int64{} // how far from the beginning of the meta box an item's bytes begin
		if x.items != nil {
			x.meta.find("iloc").body = x.items.places.write()
			at := x.meta.size()
			for _, p := range moved {
				behind[p.id] = at + 8
				at += 8 + int64(len(p.text))
			}
		}
		all := slices.Clone(changes)
		blocks := map[*node]int{}
		for _, part := range []struct {
			n    *node
			at   box
			more int64
		}{{x.moov, x.moovBox, 0}, {x.meta, x.metaBox, int64(len(tail))}} {
			if part.n == nil {
				continue
			}
			size := part.n.size()
			if !part.n.long && size > math.MaxUint32 {
				return nil, x.fault(carrier.TooLarge, part.at.at, "box %s would be %d bytes long", part.n.kind, size)
			}
			blocks[part.n] = len(all)
			all = append(all, x.room(part.at, size+part.more))
		}
		s := newShift(all)
		wider, err := x.widen(s, behind)
		if err != nil {
			return nil, err
		}
		if wider {
			continue
		}
		for n, i := range blocks {
			out := n.copied()
			if err := x.move(out, s); err != nil {
				return nil, err
			}
			if n == x.moov {
				copy(all[i].Insert, out.write(nil))
				continue
			}
			if x.items != nil {
				out.find("iloc").body = x.items.places.shifted(s, x.metaBox.at, behind).write()
			}
			copy(all[i].Insert, append(out.write(nil), tail...))
		}
		rest, err := x.fragments(s)
		if err != nil {
			return nil, err
		}
		e, err := carrier.NewEdit(x.f, append(all, rest...)...)
		if err != nil {
			return nil, x.fault(carrier.Malformed, -1, "boxes and items must not lie within each other: %v", err)
		}
		return e, nil
	}
	return nil, x.fault(carrier.Unsupported, -1, "no layout was found for the file")
}

// room is a change that makes room for n bytes where a box was. What is over becomes a free box.
func (x *file) room(b box, n int64) carrier.Change {
	i := slices.IndexFunc(x.top, func(t box) bool { return t.at == b.end() && (t.kind == "free" || t.kind == "skip") })
	var free box
	if i >= 0 {
		free = x.top[i]
	}
	over := b.size + free.size - n
	switch {
	case n == b.size || over < 0 || over > 0 && over < 8 || over > math.MaxUint32:
		return carrier.Change{At: b.at, Remove: b.size, Insert: make([]byte, n)}
	case over == 0:
		return carrier.Change{At: b.at, Remove: b.size + free.size, Insert: make([]byte, n)}
	}
	remove := max(n+8, b.size)
	insert := make([]byte, remove)
	binary.BigEndian.PutUint32(insert[n:], uint32(over))
	copy(insert[n+4:], "free")
	return carrier.Change{At: b.at, Remove: remove, Insert: insert}
}
