package mark

import (
	"bytes"
	stdzlib "compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image/color"
	"io"
	"math"

	"github.com/klauspost/compress/zlib"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// Colour types of PNG.
const (
	pngGray      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGrayAlpha = 4
	pngRGBA      = 6
)

// pngFile is a PNG taken apart. Chunks keep their place.
type pngFile struct {
	w, h       int
	depth      int
	colour     int
	interlaced bool
	chunks     []pngChunk
	data       [][]byte // of the chunks IDAT
	turn       int
	palette    []byte
	trns       []byte
}

type pngChunk struct {
	kind string
	at   int
	all  []byte // with length, kind and checksum
}

func (c pngChunk) body() []byte { return c.all[8 : len(c.all)-4] }

// readPNG walks through the chunks (PNG third edition, 5). The checksums of those that are used are checked.
func readPNG(b []byte, o Options) (*pngFile, error) {
	p := &pngFile{turn: 1}
	done := false
	for at := len(pngSignature); !done; {
		if len(b)-at < 12 {
			return nil, fault("png", Truncated, at, "a chunk should stand here, the file ends")
		}
		size := int64(binary.BigEndian.Uint32(b[at:]))
		if size > math.MaxInt32 || size > int64(len(b)-at-12) {
			return nil, fault("png", Truncated, at, "chunk %q says %d bytes, the file ends before", b[at+4:at+8], size)
		}
		c := pngChunk{string(b[at+4 : at+8]), at, b[at : at+12+int(size)]}
		body := c.body()
		if first := len(p.chunks) == 0; first != (c.kind == "IHDR") || first && size != 13 {
			return nil, fault("png", Malformed, at, "the first chunk, and no other, is IHDR with 13 bytes; here stands %q with %d", c.kind, size)
		}
		if c.kind[0] < 'a' && crc32.ChecksumIEEE(c.all[4:8+size]) != binary.BigEndian.Uint32(c.all[8+size:]) {
			return nil, fault("png", Malformed, at, "the checksum of chunk %q is wrong", c.kind)
		}
		switch c.kind {
		case "IHDR":
			p.depth, p.colour, p.interlaced = int(body[8]), int(body[9]), body[12] == 1
			w, h := int64(binary.BigEndian.Uint32(body)), int64(binary.BigEndian.Uint32(body[4:]))
			if err := o.sized("png", at, w, h); err != nil {
				return nil, err
			}
			p.w, p.h = int(w), int(h)
			if !pngDepth(p.colour, p.depth) || body[10] != 0 || body[11] != 0 || body[12] > 1 {
				return nil, fault("png", Malformed, at, "colour type %d with %d bits, methods %d %d %d", p.colour, p.depth, body[10], body[11], body[12])
			}
		case "IDAT":
			if n := len(p.chunks); len(p.data) > 0 && p.chunks[n-1].kind != "IDAT" {
				return nil, fault("png", Malformed, at, "chunks IDAT must follow each other")
			}
			p.data = append(p.data, body)
		case "PLTE":
			if size%3 != 0 || size > 768 || size == 0 || len(p.data) > 0 {
				return nil, fault("png", Malformed, at, "chunk PLTE of %d bytes, or behind the pixels", size)
			}
			p.palette = body
		case "tRNS":
			p.trns = body
		case "eXIf":
			p.turn = orientation(body)
		case "acTL":
			return nil, fault("png", Unsupported, at, "an animated PNG; only the first of its pictures would get the mark")
		case "IEND":
			done = true
		}
		p.chunks = append(p.chunks, c)
		at += len(c.all)
	}
	switch {
	case len(p.data) == 0:
		return nil, fault("png", Malformed, -1, "there is no chunk IDAT")
	case p.colour == pngPalette && p.palette == nil:
		return nil, fault("png", Malformed, -1, "colours of a palette, and no chunk PLTE")
	}
	return p, nil
}

func pngDepth(colour, depth int) bool {
	switch colour {
	case pngGray:
		return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16
	case pngPalette:
		return depth == 1 || depth == 2 || depth == 4 || depth == 8
	case pngRGB, pngGrayAlpha, pngRGBA:
		return depth == 8 || depth == 16
	}
	return false
}

func (p *pngFile) channels() int {
	return map[int]int{pngGray: 1, pngRGB: 3, pngPalette: 1, pngGrayAlpha: 2, pngRGBA: 4}[p.colour]
}

func (p *pngFile) rowBytes(w int) int { return (w*p.depth*p.channels() + 7) / 8 }

// step is how many bytes lie between a sample and the one that its filter looks at.
func (p *pngFile) step() int { return max(1, p.depth*p.channels()/8) }

// passes are the pictures that an interlaced PNG is made of: first pixel and distance of each (Adam7).
func (p *pngFile) passes() [][4]int {
	if !p.interlaced {
		return [][4]int{{0, 0, 1, 1}}
	}
	return [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}
}

// inflate unpacks the pixels as they stand in the file: each row with its filter before it.
func (p *pngFile) inflate() ([]byte, error) {
	total, packed := int64(0), int64(0)
	for _, s := range p.passes() {
		if w, h := (p.w-s[0]+s[2]-1)/s[2], (p.h-s[1]+s[3]-1)/s[3]; w > 0 && h > 0 {
			total += int64(p.rowBytes(w)+1) * int64(h)
		}
	}
	readers := make([]io.Reader, len(p.data))
	for i, d := range p.data {
		readers[i] = bytes.NewReader(d)
		packed += int64(len(d))
	}
	if total > maxRaw {
		return nil, fault("png", TooLarge, -1, "%d bytes of pixels, at most %d", total, int64(maxRaw))
	}
	if total > packed*1040+1024 { // deflate packs no denser
		return nil, fault("png", Truncated, -1, "%d bytes of pixels cannot be packed in %d", total, packed)
	}
	z, err := zlib.NewReader(io.MultiReader(readers...))
	if err != nil {
		return nil, &Error{Format: "png", Kind: Malformed, Offset: -1, Rule: "the pixels are not packed as zlib", Err: err}
	}
	out := make([]byte, total)
	if _, err := io.ReadFull(z, out); err != nil {
		return nil, &Error{Format: "png", Kind: Truncated, Offset: -1, Rule: "the pixels end early", Err: err}
	}
	if n, err := z.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return nil, &Error{Format: "png", Kind: Malformed, Offset: -1, Rule: "more pixels than the header says, or their checksum is wrong", Err: err}
	}
	return out, nil
}

// unfilter undoes the filters of rows (PNG 9.2) into raw, which has no filter bytes.
func unfilter(raw, filtered []byte, rowBytes, step int) error {
	h := len(raw) / rowBytes
	prev := make([]byte, rowBytes)
	for y := range h {
		in := filtered[y*(rowBytes+1):][:rowBytes+1]
		out := raw[y*rowBytes:][:rowBytes]
		kind := in[0]
		in = in[1:]
		switch kind {
		case 0:
			copy(out, in)
		case 1:
			copy(out[:min(step, rowBytes)], in)
			for i := step; i < rowBytes; i++ {
				out[i] = in[i] + out[i-step]
			}
		case 2:
			for i, v := range in {
				out[i] = v + prev[i]
			}
		case 3:
			for i := range min(step, rowBytes) {
				out[i] = in[i] + prev[i]/2
			}
			for i := step; i < rowBytes; i++ {
				out[i] = in[i] + byte((int(out[i-step])+int(prev[i]))/2)
			}
		case 4:
			for i := range min(step, rowBytes) {
				out[i] = in[i] + prev[i]
			}
			for i := step; i < rowBytes; i++ {
				out[i] = in[i] + paeth(out[i-step], prev[i], prev[i-step])
			}
		default:
			return fault("png", Malformed, -1, "row %d has filter %d; there are 0 to 4", y, kind)
		}
		prev = out
	}
	return nil
}

func paeth(a, b, c byte) byte {
	pc := int(c)
	pa, pb := int(b)-pc, int(a)-pc
	pc = pa + pb
	if pa < 0 {
		pa = -pa
	}
	if pb < 0 {
		pb = -pb
	}
	if pc < 0 {
		pc = -pc
	}
	if pa <= pb && pa <= pc {
		return a
	}
	if pb <= pc {
		return b
	}
	return c
}

// filter writes a row with its filter before it.
func filter(out []byte, kind byte, row, prev []byte, step int) {
	out[0] = kind
	out = out[1:]
	for i, v := range row {
		var a, c byte
		if i >= step {
			a, c = row[i-step], prev[i-step]
		}
		switch kind {
		case 1:
			v -= a
		case 2:
			v -= prev[i]
		case 3:
			v -= byte((int(a) + int(prev[i])) / 2)
		case 4:
			v -= paeth(a, prev[i], c)
		}
		out[i] = v
	}
}

// raster unpacks the pixels. filtered are they as they stood in the file, nil where the new file has its rows otherwise.
func (p *pngFile) raster() (r *raster, filtered []byte, err error) {
	if filtered, err = p.inflate(); err != nil {
		return nil, nil, err
	}
	n := p.rowBytes(p.w)
	r = &raster{w: p.w, h: p.h, depth: p.depth, channels: p.channels(), stride: n, alpha: p.colour == pngGrayAlpha || p.colour == pngRGBA}
	if int64(n)*int64(p.h) > maxRaw {
		return nil, nil, fault("png", TooLarge, -1, "%d bytes in a row, %d rows", n, p.h)
	}
	r.pix = make([]byte, n*p.h)
	switch {
	case p.colour == pngPalette:
		for i := 0; i < len(p.palette); i += 3 {
			a := byte(255)
			if i/3 < len(p.trns) {
				a = p.trns[i/3]
			}
			r.pal = append(r.pal, color.NRGBA{p.palette[i], p.palette[i+1], p.palette[i+2], a})
		}
	case p.trns != nil && !r.alpha && len(p.trns) >= 2*r.channels:
		for c := range r.channels {
			r.key = append(r.key, binary.BigEndian.Uint16(p.trns[2*c:]))
		}
	}
	if !p.interlaced {
		err = unfilter(r.pix, filtered, n, p.step())
	} else {
		err, filtered = p.woven(r, filtered), nil
	}
	if err != nil || p.colour != pngPalette || p.depth == 8 {
		return r, filtered, err
	}
	// a palette of few colours is given room for those of the mark
	wide := &raster{w: r.w, h: r.h, depth: 8, channels: 1, stride: r.w, pal: r.pal, pix: make([]byte, r.w*r.h)}
	for y := range r.h {
		for x := range r.w {
			wide.pix[y*r.w+x] = byte(r.sample(x, y, 0))
		}
	}
	return wide, nil, nil
}

// woven puts the pictures of an interlaced PNG together.
func (p *pngFile) woven(r *raster, filtered []byte) error {
	for _, s := range p.passes() {
		w, h := (p.w-s[0]+s[2]-1)/s[2], (p.h-s[1]+s[3]-1)/s[3]
		if w <= 0 || h <= 0 {
			continue
		}
		n := p.rowBytes(w)
		part := &raster{w: w, h: h, depth: r.depth, channels: r.channels, stride: n, pix: make([]byte, n*h)}
		if err := unfilter(part.pix, filtered[:(n+1)*h], n, p.step()); err != nil {
			return err
		}
		filtered = filtered[(n+1)*h:]
		for y := range h {
			for x := range w {
				for c := range r.channels {
					r.setSample(s[0]+x*s[2], s[1]+y*s[3], c, part.sample(x, y, c))
				}
			}
		}
	}
	return nil
}

// packed are the pixels as they go into the file. Rows outside y0 to y1 are as they were and keep their bytes, where there are such; the
// row behind is filtered anew, since its filter looks at the one before it.
func (p *pngFile) packed(r *raster, filtered []byte, y0, y1 int) ([]byte, error) {
	n, step := r.stride, max(1, r.depth*r.channels/8)
	if filtered == nil {
		filtered, y0, y1 = make([]byte, (n+1)*r.h), 0, r.h
		kind := byte(4)
		if r.pal != nil || r.depth < 8 {
			kind = 0
		}
		for y := range r.h {
			filtered[y*(n+1)] = kind
		}
	}
	prev := make([]byte, n)
	for y := y0; y < min(y1+1, r.h); y++ {
		if y > 0 {
			prev = r.pix[(y-1)*n:][:n]
		}
		at := filtered[y*(n+1):][:n+1]
		filter(at, at[0], r.pix[y*n:][:n], prev, step)
	}
	was := 0
	for _, d := range p.data {
		was += len(d)
	}
	return packPNG(filtered, was)
}

// Packing of PNG. Level 3 of the fast packer is within 2 % of zlib's usual level on most pictures and takes a third of its time; on those it
// packs badly (few colours, sharp edges: quick to pack anyway) zlib's usual level is tried too.
const (
	fastLevel = 3
	badly     = 1.15 // of what the pixels took before
	little    = 16 << 10
)

// packPNG packs rows that took was bytes before, 0 if that is not known.
func packPNG(rows []byte, was int) ([]byte, error) {
	var fast bytes.Buffer
	fast.Grow(was + 1024)
	z, err := zlib.NewWriterLevel(&fast, fastLevel)
	if err != nil {
		return nil, err
	}
	if err := writeAll(z, rows); err != nil {
		return nil, err
	}
	if float64(fast.Len()) <= badly*float64(was) || fast.Len() <= was+little {
		return fast.Bytes(), nil
	}
	var usual bytes.Buffer
	if err := writeAll(stdzlib.NewWriter(&usual), rows); err != nil {
		return nil, err
	}
	if usual.Len() < fast.Len() {
		return usual.Bytes(), nil
	}
	return fast.Bytes(), nil
}

func writeAll(w io.WriteCloser, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.Close()
}

func appendChunk(out []byte, kind string, body []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	at := len(out)
	out = append(append(out, kind...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[at:]))
}

// mostData is the size of the chunks IDAT that are written.
const mostData = 1 << 30

func markPNG(b []byte, o Options, f *fonts) ([]byte, Report, error) {
	p, err := readPNG(b, o)
	if err != nil {
		return nil, Report{}, err
	}
	r, filtered, err := p.raster()
	if err != nil {
		return nil, Report{}, err
	}
	v := newView(r, p.turn)
	before := r.pal
	report, err := apply(v, o, f, 256)
	report.Format = "png"
	if err != nil || report.Already {
		return b, report, err
	}
	changed := v.inFile(report.Box)
	if len(report.Notes) > 0 { // pixels elsewhere took other colours
		filtered = nil
	}
	data, err := p.packed(r, filtered, changed.Min.Y, changed.Max.Y)
	if err != nil {
		return nil, Report{}, err
	}
	out := make([]byte, 0, len(b)+len(data))
	out = append(out, pngSignature...)
	written := false
	for _, c := range p.chunks {
		switch {
		case c.kind == "IHDR":
			head := bytes.Clone(c.body())
			head[8], head[12] = byte(r.depth), 0
			out = appendChunk(out, "IHDR", head)
		case c.kind == "PLTE" && before != nil:
			var pal, trns []byte
			for i, c := range r.pal {
				n := color.NRGBAModel.Convert(c).(color.NRGBA)
				pal = append(pal, n.R, n.G, n.B)
				if n.A != 255 {
					trns = append(append(trns, bytes.Repeat([]byte{255}, i-len(trns))...), n.A)
				}
			}
			if out = appendChunk(out, "PLTE", pal); trns != nil {
				out = appendChunk(out, "tRNS", trns)
			}
		case before != nil && (c.kind == "tRNS" || c.kind == "hIST"): // of the old palette
		case c.kind == "IDAT":
			for ; !written && len(data) > 0; data = data[min(len(data), mostData):] {
				out = appendChunk(out, "IDAT", data[:min(len(data), mostData)])
			}
			written = true
		default:
			out = append(out, c.all...)
		}
	}
	return append(out, b[p.end():]...), report, nil
}

// end is where the last chunk ends.
func (p *pngFile) end() int {
	c := p.chunks[len(p.chunks)-1]
	return c.at + len(c.all)
}
