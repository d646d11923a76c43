package image

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"github.com/hegui/hegui/label/carrier"
)

// Tags that matter (TIFF 6.0, Exif 3.0).
const (
	tagXMP         = 0x02BC
	tagExif        = 0x8769
	tagUserComment = 0x9286
)

// tree is a TIFF structure: a TIFF file, or the Exif block of another format.
type tree struct {
	f      *carrier.File
	format string
	base   int64 // where the structure begins in the file that people have, for errors
	order  binary.ByteOrder
	big    bool // BigTIFF
	first  int64
}

// entry of a directory.
type entry struct {
	tag, kind uint16
	count     int64
	at        int64 // of the entry
	value     int64 // where its value stands
	size      int64 // of the value in bytes
}

// directory is an IFD.
type directory struct {
	at, end int64 // end: behind the pointer to the next
	next    int64
	entries []entry
}

func (t *tree) fault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return fault(t.format, kind, t.base+at, rule, args...)
}

func (t *tree) read(at, n int64) ([]byte, error) {
	if !t.f.Has(at, n) {
		return nil, t.fault(carrier.Truncated, at, "%d bytes should stand here, there are %d in all", n, t.f.Size())
	}
	return t.f.Read(t.format, at, n)
}

// offset reads an offset or a count of the structure's width.
func (t *tree) offset(b []byte) int64 {
	if t.big {
		return int64(t.order.Uint64(b))
	}
	return int64(t.order.Uint32(b))
}

func (t *tree) width() int64 {
	if t.big {
		return 8
	}
	return 4
}

// readTree reads the header.
func readTree(format string, f *carrier.File, base int64) (*tree, error) {
	t := &tree{f: f, format: format, base: base, order: binary.LittleEndian}
	b, err := t.read(0, 8)
	if err != nil {
		return nil, err
	}
	if b[0] == 'M' {
		t.order = binary.BigEndian
	}
	switch magic := t.order.Uint16(b[2:]); {
	case b[0] != b[1] || b[0] != 'M' && b[0] != 'I':
		return nil, t.fault(carrier.Malformed, 0, "a TIFF structure begins with II or MM")
	case magic == 42:
		t.first = t.offset(b[4:])
	case magic == 43:
		t.big = true
		if b, err = t.read(0, 16); err != nil {
			return nil, err
		}
		if t.order.Uint16(b[4:]) != 8 {
			return nil, t.fault(carrier.Malformed, 4, "BigTIFF has offsets of 8 bytes, says %d", t.order.Uint16(b[4:]))
		}
		t.first = t.offset(b[8:])
	default:
		return nil, t.fault(carrier.Malformed, 2, "a TIFF structure says 42 or 43, says %d", magic)
	}
	return t, nil
}

// kindSize is the bytes of one value of a type (TIFF 6.0, BigTIFF).
func kindSize(kind uint16) int64 {
	if sizes := [...]int64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8}; int(kind) < len(sizes) {
		return sizes[kind]
	}
	return 0
}

func (t *tree) directory(at int64) (*directory, error) {
	counted, size := int64(2), int64(12)
	if t.big {
		counted, size = 8, 20
	}
	b, err := t.read(at, counted)
	if err != nil {
		return nil, err
	}
	n := int64(t.order.Uint16(b))
	if t.big {
		n = int64(t.order.Uint64(b))
	}
	if n < 0 || n > 1<<16 {
		return nil, t.fault(carrier.TooLarge, at, "a directory of %d entries; at most %d are read", n, 1<<16)
	}
	if b, err = t.read(at+counted, n*size+t.width()); err != nil {
		return nil, err
	}
	d := &directory{at: at, end: at + counted + n*size + t.width(), next: t.offset(b[n*size:])}
	for i := range n {
		e := b[i*size:]
		x := entry{tag: t.order.Uint16(e), kind: t.order.Uint16(e[2:]), count: t.offset(e[4:]), at: at + counted + i*size}
		one := kindSize(x.kind)
		if x.count < 0 || one > 0 && x.count > (1<<62)/one {
			return nil, t.fault(carrier.Malformed, x.at, "tag %#x says %d values", x.tag, x.count)
		}
		x.size, x.value = one*x.count, x.at+4+t.width()
		if x.size > t.width() {
			x.value = t.offset(e[4+t.width():])
		}
		d.entries = append(d.entries, x)
	}
	return d, nil
}

func (d *directory) find(tag uint16) *entry {
	for i := range d.entries {
		if d.entries[i].tag == tag {
			return &d.entries[i]
		}
	}
	return nil
}

// comment is the UserComment in the Exif directory below a directory; nil when there is none.
func (t *tree) comment(d *directory) (*entry, error) {
	x := d.find(tagExif)
	if x == nil {
		return nil, nil
	}
	b, err := t.read(x.value, t.width())
	if err != nil {
		return nil, err
	}
	sub, err := t.directory(t.offset(b))
	if err != nil {
		return nil, err
	}
	return sub.find(tagUserComment), nil
}

// commentSites is the label in a UserComment, as Annex B of the guide has it, and the comment's bytes.
func (t *tree) commentSites(d *directory) ([]carrier.Site, *entry, error) {
	x, err := t.comment(d)
	if x == nil || err != nil {
		return nil, nil, err
	}
	if x.size > maxPacket {
		return nil, nil, t.fault(carrier.TooLarge, x.value, "a comment of %d bytes; at most %d are read", x.size, maxPacket)
	}
	b, err := t.read(x.value, x.size)
	if err != nil {
		return nil, nil, err
	}
	text := t.commentText(b)
	if !strings.Contains(text, ownKeyword) || !strings.Contains(text, "{") {
		return nil, nil, nil
	}
	return []carrier.Site{{Place: "EXIF UserComment", Offset: t.base + x.value, Value: text[strings.IndexByte(text, '{'):],
		Remark: "in the EXIF UserComment, as Annex B of the guide has it; the guide's place is XMP"}}, x, nil
}

// commentText decodes a UserComment, whose first eight bytes name its characters.
func (t *tree) commentText(b []byte) string {
	if len(b) < 8 {
		return string(b)
	}
	code, b := b[:8], b[8:]
	if bytes.HasPrefix(code, []byte("UNICODE")) && len(b) >= 2 {
		order := t.order
		switch {
		case b[0] == 0xFF && b[1] == 0xFE:
			order = binary.LittleEndian
		case b[0] == 0xFE && b[1] == 0xFF:
			order = binary.BigEndian
		case b[0] == 0 && b[1] != 0: // many write it against the order of the structure
			order = binary.BigEndian
		case b[1] == 0:
			order = binary.LittleEndian
		}
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = order.Uint16(b[2*i:])
		}
		return strings.Trim(string(utf16.Decode(units)), "\ufeff\x00 ")
	}
	if !bytes.ContainsAny(code, "{\"") {
		return strings.Trim(string(b), "\x00 ")
	}
	return strings.Trim(string(code)+string(b), "\x00 ") // no code was written
}

// exifSites are the labels of an Exif block that begins at a place of the file. A block that cannot be read is an error.
func exifSites(format string, block []byte, at int64) ([]carrier.Site, error) {
	t, d, err := exifTree(format, block, at)
	if err != nil {
		return nil, err
	}
	sites, _, err := t.commentSites(d)
	return sites, err
}

func exifTree(format string, block []byte, at int64) (*tree, *directory, error) {
	t, err := readTree(format, carrier.Bytes(block), at)
	if err != nil {
		return nil, nil, err
	}
	d, err := t.directory(t.first)
	return t, d, err
}

// exifWithout is an Exif block whose UserComment no longer holds the label that now stands in XMP: blank, with every other byte where it
// was. nil when there is none in it.
func exifWithout(format string, block []byte, at int64) ([]byte, error) {
	t, d, err := exifTree(format, block, at)
	if err != nil {
		return nil, err
	}
	sites, x, err := t.commentSites(d)
	if err != nil || len(sites) == 0 {
		return nil, err
	}
	out := bytes.Clone(block)
	copy(out[x.value:x.value+x.size], blankComment(x.size))
	return out, nil
}

// blankComment is a UserComment of so many bytes that says nothing.
func blankComment(size int64) []byte {
	b := bytes.Repeat([]byte{' '}, int(size))
	copy(b, "ASCII\x00\x00\x00")
	return b
}
