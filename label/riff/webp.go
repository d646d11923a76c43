package riff

import (
	"bytes"
	"encoding/binary"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

const (
	xmpInWebP = "XMP "
	hasXMP    = 0x04 // flags of VP8X
	hasAlpha  = 0x10
)

func webpSites(f *carrier.File) (sites []carrier.Site, err error) {
	r, err := read(f, "webp")
	seen := false
	for _, c := range r.chunks {
		if c.id != xmpInWebP {
			continue
		}
		remark := ""
		switch {
		case seen:
			remark = "in a second XMP chunk; readers look at the first"
		case !r.flagged():
			remark = "the flag in VP8X that says there is XMP is not set, so readers skip it"
		}
		seen = true
		found, bad := r.packetSites(c, remark)
		if sites = append(sites, found...); err == nil {
			err = bad
		}
	}
	return sites, err
}

// flagged tells whether VP8X says that there is XMP.
func (r *file) flagged() bool {
	for _, c := range r.chunks {
		if c.id == "VP8X" && c.size >= 10 {
			b, err := r.Read(r.format, c.body(), 1)
			return err == nil && b[0]&hasXMP != 0
		}
	}
	return false
}

func webpPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	r, err := read(f, "webp")
	if err != nil {
		return nil, err
	}
	if len(r.chunks) == 0 {
		return nil, r.fault(carrier.Malformed, 12, "the file has no picture")
	}
	var changes []carrier.Change
	switch first := r.chunks[0]; first.id {
	case "VP8X":
		if first.size < 10 {
			return nil, r.fault(carrier.Malformed, first.at, "chunk VP8X has 10 bytes, says %d", first.size)
		}
		b, err := r.Read(r.format, first.body(), 1)
		if err != nil {
			return nil, err
		}
		if b[0]&hasXMP == 0 {
			changes = append(changes, carrier.Change{At: first.body(), Remove: 1, Insert: []byte{b[0] | hasXMP}})
		}
	case "VP8 ", "VP8L":
		extended, err := r.extended(first)
		if err != nil {
			return nil, err
		}
		changes = append(changes, carrier.Change{At: 12, Insert: extended})
	default:
		return nil, r.fault(carrier.Malformed, 12, "a WebP file begins with VP8, VP8L or VP8X, here stands %q", first.id)
	}
	var packets [][]byte
	var where []chunk
	for _, c := range r.chunks {
		if c.id == xmpInWebP {
			packet, err := r.text(c)
			if err != nil {
				return nil, err
			}
			packets, where = append(packets, packet), append(where, c)
		}
	}
	now, err := xmp.PutInto(packets, l)
	if err != nil {
		return nil, err
	}
	for i, packet := range now {
		switch {
		case i >= len(where):
			changes = append(changes, r.behind(xmpInWebP, packet))
		case !bytes.Equal(packet, packets[i]):
			changes = append(changes, carrier.Change{At: where[i].at, Remove: r.span(where[i]), Insert: written(xmpInWebP, packet)})
		}
	}
	if len(changes) == 0 {
		return carrier.NewEdit(f)
	}
	sizes, err := r.sized(grown(changes))
	if err != nil {
		return nil, err
	}
	return carrier.NewEdit(f, append(changes, sizes...)...)
}

// extended is the VP8X chunk of a picture that had none: only behind one may metadata stand.
func (r *file) extended(c chunk) ([]byte, error) {
	b, err := r.Read(r.format, c.body(), min(c.size, 10))
	if err != nil {
		return nil, err
	}
	var width, height uint32 // less one
	flags := byte(hasXMP)
	switch {
	case c.id == "VP8 " && len(b) == 10 && b[3] == 0x9D && b[4] == 0x01 && b[5] == 0x2A:
		width, height = uint32(binary.LittleEndian.Uint16(b[6:])&0x3FFF), uint32(binary.LittleEndian.Uint16(b[8:])&0x3FFF)
		if width == 0 || height == 0 {
			return nil, r.fault(carrier.Malformed, c.at, "a picture of %d by %d", width, height)
		}
		width, height = width-1, height-1
	case c.id == "VP8L" && len(b) >= 5 && b[0] == 0x2F:
		bits := binary.LittleEndian.Uint32(b[1:])
		width, height = bits&0x3FFF, bits>>14&0x3FFF
		if bits>>28&1 != 0 {
			flags |= hasAlpha
		}
	default:
		return nil, r.fault(carrier.Malformed, c.at, "the picture's head in chunk %q is broken", c.id)
	}
	data := []byte{flags, 0, 0, 0, byte(width), byte(width >> 8), byte(width >> 16), byte(height), byte(height >> 8), byte(height >> 16)}
	return written("VP8X", data), nil
}
