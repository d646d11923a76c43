package image

import (
	"bytes"
	"math"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// tiffOf reads the header and the first directory, where the guide puts the label.
func tiffOf(f *carrier.File) (*tree, *directory, error) {
	t, err := readTree("tiff", f, 0)
	if err != nil {
		return nil, nil, err
	}
	d, err := t.directory(t.first)
	return t, d, err
}

// packet reads the XMP of a directory.
func (t *tree) packet(d *directory) (*entry, []byte, error) {
	x := d.find(tagXMP)
	if x == nil {
		return nil, nil, nil
	}
	if x.size > maxPacket {
		return nil, nil, t.fault(carrier.TooLarge, x.at, "an XMP packet of %d bytes; at most %d are read", x.size, maxPacket)
	}
	b, err := t.read(x.value, x.size)
	return x, b, err
}

func tiffSites(f *carrier.File) (sites []carrier.Site, err error) {
	t, err := readTree("tiff", f, 0)
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	for at, n := t.first, 0; at != 0; n++ {
		if seen[at] || n > carrier.MaxSites*64 {
			return sites, t.fault(carrier.Malformed, at, "the directories go round in a circle, or there are more than %d", carrier.MaxSites*64)
		}
		seen[at] = true
		d, err := t.directory(at)
		if err != nil {
			return sites, err
		}
		x, packet, err := t.packet(d)
		if err != nil {
			return sites, err
		}
		if x != nil {
			remark := ""
			if n > 0 {
				remark = "on a later page; the guide's place is the first"
			}
			found, err := packetSites("IFD tag 0x2BC", packet, x.value, remark)
			if sites = append(sites, found...); err != nil {
				return sites, err
			}
		}
		comments, _, err := t.commentSites(d)
		if sites = append(sites, comments...); err != nil {
			return sites, err
		}
		at = d.next
	}
	return sites, nil
}

// tiffPut appends the packet, and a new first directory where it had no place for one; strips and tiles stay where they are. What stood in
// the old packet's place is blank, so that nobody who looks for bytes finds two labels.
func tiffPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	sites, err := tiffSites(f)
	if err != nil {
		return nil, err
	}
	for _, s := range sites {
		if s.Place == "IFD tag 0x2BC" && s.Remark != "" && !s.Standard && bytes.HasPrefix([]byte(s.Remark), []byte("on a later")) {
			return nil, fault("tiff", carrier.Unsupported, s.Offset, "a label on a later page cannot be replaced by this version")
		}
	}
	t, d, err := tiffOf(f)
	if err != nil {
		return nil, err
	}
	var changes []carrier.Change
	if found, x, err := t.commentSites(d); err != nil {
		return nil, err
	} else if len(found) > 0 {
		changes = append(changes, carrier.Change{At: x.value, Remove: x.size, Insert: blankComment(x.size)})
	}
	x, old, err := t.packet(d)
	if err != nil {
		return nil, err
	}
	packet, err := xmp.Put(bytes.TrimRight(old, "\x00"), l)
	if err != nil {
		return nil, err
	}
	if x != nil && x.kind == 7 && bytes.Equal(packet, old) {
		return carrier.NewEdit(f, changes...)
	}
	tail := make([]byte, f.Size()%2) // values begin at even offsets
	at := f.Size() + int64(len(tail))
	if tail = append(tail, packet...); len(packet)%2 == 1 {
		tail = append(tail, 0)
	}
	entry := t.entry(tagXMP, 7, int64(len(packet)), at)
	if x != nil {
		if x.size > t.width() {
			changes = append(changes, carrier.Change{At: x.value, Remove: x.size, Insert: bytes.Repeat([]byte{' '}, int(x.size))})
		}
		changes = append(changes, carrier.Change{At: x.at, Remove: int64(len(entry)), Insert: entry})
	} else {
		again, err := t.with(d, entry)
		if err != nil {
			return nil, err
		}
		begin := f.Size() + int64(len(tail))
		tail = append(tail, again...)
		header := int64(4)
		if t.big {
			header = 8
		}
		changes = append(changes, carrier.Change{At: header, Remove: t.width(), Insert: t.number(begin)})
	}
	if !t.big && f.Size()+int64(len(tail)) > math.MaxUint32 {
		return nil, t.fault(carrier.TooLarge, -1, "the file would grow beyond the 4 GB that a TIFF file can have")
	}
	return carrier.NewEdit(f, append(changes, carrier.Change{At: f.Size(), Insert: tail})...)
}

// number is an offset or a count of the structure's width.
func (t *tree) number(v int64) []byte {
	b := make([]byte, t.width())
	if t.big {
		t.order.PutUint64(b, uint64(v))
	} else {
		t.order.PutUint32(b, uint32(v))
	}
	return b
}

// entry is a directory entry whose value stands elsewhere.
func (t *tree) entry(tag, kind uint16, count, value int64) []byte {
	b := make([]byte, 4)
	t.order.PutUint16(b, tag)
	t.order.PutUint16(b[2:], kind)
	return append(append(b, t.number(count)...), t.number(value)...)
}

// with is a copy of a directory with one entry more, in the order of tags.
func (t *tree) with(d *directory, entry []byte) ([]byte, error) {
	counted := int64(2)
	if t.big {
		counted = 8
	}
	b, err := t.read(d.at+counted, d.end-d.at-counted)
	if err != nil {
		return nil, err
	}
	if !t.big && len(d.entries) == math.MaxUint16 {
		return nil, t.fault(carrier.Unsupported, d.at, "the directory has as many entries as it can have")
	}
	out := make([]byte, counted)
	if t.big {
		t.order.PutUint64(out, uint64(len(d.entries)+1))
	} else {
		t.order.PutUint16(out, uint16(len(d.entries)+1))
	}
	k := 0
	for k < len(d.entries) && d.entries[k].tag < t.order.Uint16(entry) {
		k++
	}
	at := k * len(entry)
	out = append(append(out, b[:at]...), entry...)
	return append(out, b[at:]...), nil
}
