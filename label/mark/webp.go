package mark

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/draw"

	"golang.org/x/image/webp"
)

// readWebP checks the header of a WebP and returns its metadata by chunk (RFC 9649).
func readWebP(b []byte, o Options) (map[string][]byte, error) {
	meta := map[string][]byte{}
	for at := 12; at+8 <= len(b); {
		kind, size := string(b[at:at+4]), int64(binary.LittleEndian.Uint32(b[at+4:]))
		if size > int64(len(b)-at-8) {
			return nil, fault("webp", Truncated, at, "chunk %q says %d bytes, the file ends before", kind, size)
		}
		switch kind {
		case "ANIM", "ANMF":
			return nil, fault("webp", Unsupported, at, "an animated WebP")
		case "EXIF", "ICCP", "XMP ":
			meta[kind] = bytes.TrimPrefix(b[at+8:at+8+int(size)], []byte("Exif\x00\x00"))
		}
		at += 8 + int(size) + int(size)&1
	}
	c, err := webp.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, &Error{Format: "webp", Kind: Malformed, Offset: -1, Rule: "its header cannot be read", Err: err}
	}
	if err := o.sized("webp", 0, int64(c.Width), int64(c.Height)); err != nil {
		return nil, err
	}
	return meta, nil
}

// markWebP reads a WebP (lossy or lossless, with alpha) and returns a PNG with the same pixels and the mark. EXIF, ICC and XMP go into the
// chunks that PNG has for them. An animated WebP is refused.
func markWebP(b []byte, o Options, f *fonts) ([]byte, Report, error) {
	if o.SameFormat {
		return nil, Report{}, fault("webp", Unsupported, 0, "there is no writer for WebP here; without Options.SameFormat a PNG comes back")
	}
	meta, err := readWebP(b, o)
	if err != nil {
		return nil, Report{}, err
	}
	img, err := webp.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, Report{}, unreadable("webp", err)
	}
	exif := meta["EXIF"]
	bounds := img.Bounds()
	p := &pngFile{w: bounds.Dx(), h: bounds.Dy(), depth: 8, colour: pngRGBA}
	pix := image.NewNRGBA(image.Rect(0, 0, p.w, p.h))
	switch m := img.(type) {
	case *image.YCbCr:
		videoRange(pix, m, nil, 0)
	case *image.NYCbCrA:
		videoRange(pix, &m.YCbCr, m.A, m.AStride)
	default:
		draw.Draw(pix, pix.Rect, img, bounds.Min, draw.Src)
	}
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

// videoRange turns the brightness and colours of a lossy WebP into RGB: brightness goes from 16 to 235 (RFC 6386 9.2, BT.601), not from 0 to
// 255 as package image takes it, and colours are blended between samples as libwebp does.
func videoRange(out *image.NRGBA, m *image.YCbCr, alpha []byte, alphaStride int) {
	w, h := out.Rect.Dx(), out.Rect.Dy()
	cw, ch := (w+1)/2, (h+1)/2
	clip := func(v int) uint8 { return uint8(min(max(v>>6, 0), 255)) }
	for y := range h {
		far := min(max(y/2+2*(y&1)-1, 0), ch-1) // the next row of colours, above or below
		a, b := y/2*m.CStride, far*m.CStride
		for x := range w {
			n, f := x/2, min(max(x/2+2*(x&1)-1, 0), cw-1)
			blend := func(p []byte) int {
				return (9*int(p[a+n]) + 3*int(p[a+f]) + 3*int(p[b+n]) + int(p[b+f]) + 8) >> 4
			}
			l, u, v := int(m.Y[y*m.YStride+x])*19077>>8, blend(m.Cb), blend(m.Cr)
			i := out.PixOffset(x, y)
			out.Pix[i] = clip(l + v*26149>>8 - 14234)
			out.Pix[i+1] = clip(l - u*6419>>8 - v*13320>>8 + 8708)
			out.Pix[i+2] = clip(l + u*33050>>8 - 17685)
			if out.Pix[i+3] = 255; alpha != nil {
				out.Pix[i+3] = alpha[y*alphaStride+x]
			}
		}
	}
}
