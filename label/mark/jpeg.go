package mark

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
)

// jpegFile is a JPEG taken apart: what is kept, and how its pixels were packed.
type jpegFile struct {
	kept      [][]byte // segments of applications and comments, in order
	trailer   []byte   // behind the end of the image
	tables    [4]*[64]uint16
	component []jpegComponent
	w, h      int
	turn      int
	pictures  bool // the trailer holds further pictures (MPF), whose places would be wrong
}

type jpegComponent struct{ id, h, v, table byte }

// maxScans bounds the passes over an image; ours. Usual are one and ten.
const maxScans = 100

// zigzag is the order of coefficients in a file (T.81 figure 5): the place in a block for each.
func zigzag() [64]uint8 {
	var out [64]uint8
	x, y := 0, 0
	for i := range out {
		out[i] = uint8(8*y + x)
		switch up := (x+y)%2 == 0; {
		case up && x == 7:
			y++
		case up && y == 0:
			x++
		case up:
			x, y = x+1, y-1
		case y == 7:
			x++
		case x == 0:
			y++
		default:
			x, y = x-1, y+1
		}
	}
	return out
}

// readJPEG walks through the segments (T.81 B.1), over the scans, to the end of the image.
func readJPEG(b []byte, o Options) (*jpegFile, error) {
	p := &jpegFile{turn: 1}
	for at, scans := 2, 0; ; {
		if at+2 > len(b) {
			return nil, fault("jpeg", Truncated, at, "the end of the image should stand here, the file ends")
		}
		if b[at] != 0xFF {
			return nil, fault("jpeg", Malformed, at, "a marker begins with FF, here stands %02X", b[at])
		}
		marker := b[at+1]
		switch {
		case marker == 0xFF:
			at++
			continue
		case marker == 0xD9:
			p.trailer = b[at+2:]
			if p.component == nil {
				return nil, fault("jpeg", Malformed, at, "the image ends before it begins")
			}
			if p.pictures {
				p.trailer = nil
			}
			return p, nil
		case marker == 0x01 || marker >= 0xD0 && marker <= 0xD7:
			at += 2
			continue
		case marker < 0xC0 || marker == 0xD8:
			return nil, fault("jpeg", Malformed, at, "marker FF%02X has no place here", marker)
		}
		if at+4 > len(b) {
			return nil, fault("jpeg", Truncated, at, "segment FF%02X should stand here, the file ends", marker)
		}
		size := int(binary.BigEndian.Uint16(b[at+2:]))
		if size < 2 || size > len(b)-at-2 {
			return nil, fault("jpeg", Truncated, at, "segment FF%02X says %d bytes, the file ends before or it has no length", marker, size)
		}
		all := b[at : at+2+size]
		if err := p.segment(marker, all, at, o); err != nil {
			return nil, err
		}
		if at += 2 + size; marker == 0xDA {
			if scans++; scans > maxScans {
				return nil, fault("jpeg", TooLarge, at, "more than %d scans", maxScans)
			}
			for at+1 < len(b) && !(b[at] == 0xFF && b[at+1] != 0 && b[at+1] != 0xFF && (b[at+1] < 0xD0 || b[at+1] > 0xD7)) {
				at++
			}
		}
	}
}

func (p *jpegFile) segment(marker byte, all []byte, at int, o Options) error {
	body := all[4:]
	switch {
	case marker >= 0xE0 && marker <= 0xEF, marker == 0xFE:
		switch {
		case marker == 0xE1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) && p.turn == 1:
			p.turn = orientation(body[6:])
		case marker == 0xE2 && bytes.HasPrefix(body, []byte("MPF\x00")):
			p.pictures = true
			return nil
		}
		p.kept = append(p.kept, all)
	case marker == 0xDB:
		for len(body) > 0 {
			id, wide := body[0]&15, int(body[0]>>4)
			if id > 3 || wide > 1 || len(body) < 1+64*(1+wide) {
				return fault("jpeg", Malformed, at, "a table of quantisation is cut short or has number %d", id)
			}
			table := new([64]uint16)
			for i := range table {
				if table[i] = uint16(body[1+i]); wide == 1 {
					table[i] = binary.BigEndian.Uint16(body[1+2*i:])
				}
				table[i] = min(max(table[i], 1), 255) // what baseline holds
			}
			p.tables[id], body = table, body[1+64*(1+wide):]
		}
	case marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC:
		if p.component != nil {
			return fault("jpeg", Malformed, at, "a second frame header")
		}
		if marker > 0xC2 {
			return fault("jpeg", Unsupported, at, "process FF%02X: lossless, hierarchical or arithmetic", marker)
		}
		if len(body) < 6 || len(body) != 6+3*int(body[5]) {
			return fault("jpeg", Malformed, at, "a frame header of %d bytes", len(body))
		}
		p.h, p.w = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
		if err := o.sized("jpeg", at, int64(p.w), int64(p.h)); err != nil {
			return err
		}
		if n := body[5]; body[0] != 8 || n != 1 && n != 3 {
			return fault("jpeg", Unsupported, at, "%d colours of %d bits; only gray and three colours of 8 bits can be written", n, body[0])
		}
		for c := body[6:]; len(c) > 0; c = c[3:] {
			if c[2] > 3 {
				return fault("jpeg", Malformed, at, "a colour uses table %d", c[2])
			}
			p.component = append(p.component, jpegComponent{c[0], c[1] >> 4, c[1] & 15, c[2]})
		}
	}
	return nil
}

// markJPEG decodes, draws on the brightness and colour planes as they are, and packs them again as baseline with the same tables of
// quantisation and the same subsampling: blocks that did not change come out as they were, but for rounding.
func markJPEG(b []byte, o Options, f *fonts) ([]byte, Report, error) {
	p, err := readJPEG(b, o)
	if err != nil {
		return nil, Report{}, err
	}
	for _, c := range p.component {
		if p.tables[c.table] == nil {
			return nil, Report{}, fault("jpeg", Malformed, -1, "table of quantisation %d is missing", c.table)
		}
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, Report{}, unreadable("jpeg", err)
	}
	switch img.(type) {
	case *image.YCbCr, *image.Gray, *image.RGBA: // the last for RGB without transform
	default:
		return nil, Report{}, fault("jpeg", Unsupported, -1, "pixels of kind %T", img)
	}
	report, err := apply(newView(img, p.turn), o, f, 0)
	report.Format = "jpeg"
	if err != nil || report.Already {
		return b, report, err
	}
	if p.pictures {
		report.Notes = append(report.Notes, "further pictures in the file (MPF: previews, gain maps) have no mark and were left out")
	}
	out := []byte{0xFF, 0xD8}
	for _, s := range p.kept {
		out = append(out, s...)
	}
	out = p.encode(out, img)
	return append(out, p.trailer...), report, nil
}
