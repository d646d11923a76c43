package mark

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/draw"

	"golang.org/x/image/webp"
)

// markWebP reads a WebP (lossy or lossless, with alpha) and returns a PNG with the same pixels and the mark. EXIF, ICC and XMP go into the
// chunks that PNG has for them. An animated WebP is refused.
func markWebP(b []byte, o Options, f *fonts) ([]byte, Report, error) {
	if o.SameFormat {
		return nil, Report{}, fault("webp", Unsupported, 0, "there is no writer for WebP here; without Options.SameFormat a PNG comes back")
	}
	meta := map[string][]byte{}
	for at := 12; at+8 <= len(b); {
		kind, size := string(b[at:at+4]), int64(binary.LittleEndian.Uint32(b[at+4:]))
		if size > int64(len(b)-at-8) {
			return nil, Report{}, fault("webp", Truncated, at, "chunk %q says %d bytes, the file ends before", kind, size)
		}
		switch kind {
		case "ANIM", "ANMF":
			return nil, Report{}, fault("webp", Unsupported, at, "an animated WebP")
		case "EXIF", "ICCP", "XMP ":
			meta[kind] = b[at+8 : at+8+int(size)]
		}
		at += 8 + int(size) + int(size)&1
	}
	c, err := webp.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, Report{}, &Error{Format: "webp", Kind: Malformed, Offset: -1, Rule: "its header cannot be read", Err: err}
	}
	if err := o.sized("webp", 0, int64(c.Width), int64(c.Height)); err != nil {
		return nil, Report{}, err
	}
	img, err := webp.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, Report{}, &Error{Format: "webp", Kind: Malformed, Offset: -1, Rule: "its pixels cannot be read", Err: err}
	}
	exif := bytes.TrimPrefix(meta["EXIF"], []byte("Exif\x00\x00"))
	bounds := img.Bounds()
	p := &pngFile{w: bounds.Dx(), h: bounds.Dy(), depth: 8, colour: pngRGBA}
	pix := image.NewNRGBA(image.Rect(0, 0, p.w, p.h))
	draw.Draw(pix, pix.Rect, img, bounds.Min, draw.Src)
	r := &raster{w: p.w, h: p.h, depth: 8, channels: 4, alpha: true, stride: pix.Stride, pix: pix.Pix}
	if pix.Opaque() {
		p.colour, r.channels, r.alpha, r.stride = pngRGB, 3, false, 3*p.w
		for i := range p.w * p.h {
			copy(pix.Pix[3*i:3*i+3], pix.Pix[4*i:4*i+3])
		}
		r.pix = pix.Pix[:3*p.w*p.h]
	}
	report, err := apply(newView(r, orientation(exif)), o, f, 0)
	report.Format = "png"
	if err != nil {
		return nil, Report{}, err
	}
	if report.Already {
		report.Format = "webp"
		return b, report, nil
	}
	report.Notes = append(report.Notes, "the WebP came back as PNG")
	data, err := p.packed(r, nil, 0, 0)
	if err != nil {
		return nil, Report{}, err
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(p.w)), uint32(p.h))
	out := appendChunk([]byte(pngSignature), "IHDR", append(head, byte(p.depth), byte(p.colour), 0, 0, 0))
	if profile := meta["ICCP"]; profile != nil {
		var z bytes.Buffer
		if err := writeAll(zlib.NewWriter(&z), profile); err != nil {
			return nil, Report{}, err
		}
		out = appendChunk(out, "iCCP", append([]byte("ICC\x00\x00"), z.Bytes()...))
	}
	if packet := meta["XMP "]; packet != nil {
		out = appendChunk(out, "iTXt", append([]byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"), packet...))
	}
	if len(exif) > 0 {
		out = appendChunk(out, "eXIf", exif)
	}
	for ; len(data) > 0; data = data[min(len(data), mostData):] {
		out = appendChunk(out, "IDAT", data[:min(len(data), mostData)])
	}
	return appendChunk(out, "IEND", nil), report, nil
}
