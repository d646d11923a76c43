package mark

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"slices"
)

// Tags of TIFF 6.0 that say how pixels are stored.
const (
	tagSubfile     = 254
	tagWidth       = 256
	tagHeight      = 257
	tagBits        = 258
	tagCompression = 259
	tagPhotometric = 262
	tagFillOrder   = 266
	tagStrips      = 273
	tagOrientation = 274
	tagSamples     = 277
	tagStripRows   = 278
	tagStripBytes  = 279
	tagPlanar      = 284
	tagPredictor   = 317
	tagColours     = 320
	tagTileWidth   = 322
	tagTileHeight  = 323
	tagTiles       = 324
	tagTileBytes   = 325
	tagSubIFDs     = 330
	tagExtra       = 338
	tagFormat      = 339
)

// tiffEntry is a field of a directory.
type tiffEntry struct {
	at    int // of the entry
	kind  uint16
	count int64
	value int64 // where its values stand
}

// tiffPage is a directory and how its pixels are stored.
type tiffPage struct {
	at      int
	entries map[uint16]tiffEntry
	r       *raster
	turn    int
	across  int // tiles of a row; 1 for strips
	tw, th  int // of a strip or tile
	packing int64
	predict bool
	offsets []int64
	sizes   []int64
	where   [2]uint16 // tags of offsets and sizes
	reduced bool
}

// tiffFile is a TIFF that is being changed in place: what does not fit where it was goes to the end.
type tiffFile struct {
	b     []byte
	order binary.ByteOrder
	o     Options
	pages []*tiffPage
	area  int64
	taken [][2]int64 // ranges of directories and pixels, that must not overlap
}

// numbers are the values of an integer field; nil when it is missing.
func (t *tiffFile) numbers(p *tiffPage, tag uint16) ([]int64, error) {
	e, ok := p.entries[tag]
	if !ok {
		return nil, nil
	}
	size := map[uint16]int64{1: 1, 3: 2, 4: 4}[e.kind]
	if size == 0 || e.count < 0 || e.count > int64(len(t.b)) || e.value < 0 || e.value > int64(len(t.b))-size*e.count {
		return nil, fault("tiff", Malformed, e.at, "tag %d has %d values of type %d, which are no numbers or lie outside the file", tag, e.count, e.kind)
	}
	out := make([]int64, e.count)
	for i := range out {
		switch b := t.b[e.value+size*int64(i):]; size {
		case 1:
			out[i] = int64(b[0])
		case 2:
			out[i] = int64(t.order.Uint16(b))
		default:
			out[i] = int64(t.order.Uint32(b))
		}
	}
	return out, nil
}

// number is the first value of a field, or what stands for it when it is missing.
func (t *tiffFile) number(p *tiffPage, tag uint16, missing int64) (int64, error) {
	v, err := t.numbers(p, tag)
	if err != nil || len(v) == 0 {
		return missing, err
	}
	return v[0], nil
}

func readTIFF(b []byte, o Options) (*tiffFile, error) {
	t := &tiffFile{b: bytes.Clone(b), order: binary.BigEndian, o: o}
	if b[0] == 'I' {
		t.order = binary.LittleEndian
	}
	if len(b) < 8 {
		return nil, fault("tiff", Truncated, len(b), "a header has 8 bytes")
	}
	seen := map[int64]bool{}
	for at := int64(t.order.Uint32(b[4:])); at != 0; {
		if seen[at] || len(seen) >= maxFrames {
			return nil, fault("tiff", Malformed, int(at), "directories that lead back to an earlier one, or too many")
		}
		seen[at] = true
		if at+2 > int64(len(b)) {
			return nil, fault("tiff", Truncated, int(at), "a directory should stand here, the file ends")
		}
		n := int64(t.order.Uint16(b[at:]))
		end := at + 2 + 12*n
		if end+4 > int64(len(b)) {
			return nil, fault("tiff", Truncated, int(at), "a directory of %d entries, the file ends before", n)
		}
		p := &tiffPage{at: int(at), entries: map[uint16]tiffEntry{}}
		for i := at + 2; i < end; i += 12 {
			e := tiffEntry{at: int(i), kind: t.order.Uint16(b[i+2:]), count: int64(t.order.Uint32(b[i+4:])), value: i + 8}
			if width := []int64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8}; int(e.kind) >= len(width) || width[e.kind]*e.count > 4 {
				e.value = int64(t.order.Uint32(b[i+8:]))
			}
			p.entries[t.order.Uint16(b[i:])] = e
		}
		t.taken = append(t.taken, [2]int64{at, end + 4})
		mask, err := t.number(p, tagSubfile, 0)
		if err != nil {
			return nil, err
		}
		p.reduced = mask&1 != 0
		if mask&4 == 0 { // a mask of transparency has no words
			if err := t.page(p); err != nil {
				return nil, err
			}
			t.pages = append(t.pages, p)
		}
		at = int64(t.order.Uint32(b[end:]))
	}
	if len(t.pages) == 0 {
		return nil, fault("tiff", Malformed, 4, "there is no picture")
	}
	slices.SortFunc(t.taken, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	for i := range t.taken[1:] {
		if t.taken[i+1][0] < t.taken[i][1] {
			return nil, fault("tiff", Malformed, int(t.taken[i+1][0]), "pixels or directories that overlap")
		}
	}
	return t, nil
}

// page reads how the pixels of a page are stored.
func (t *tiffFile) page(p *tiffPage) error {
	get := map[uint16]int64{tagWidth: 0, tagHeight: 0, tagCompression: 1, tagPhotometric: -1, tagFillOrder: 1, tagOrientation: 1, tagSamples: 1,
		tagPlanar: 1, tagPredictor: 1, tagStripRows: 1<<32 - 1, tagTileWidth: 0, tagTileHeight: 0, tagExtra: 0, tagSubIFDs: 0}
	for tag, missing := range get {
		v, err := t.number(p, tag, missing)
		if err != nil {
			return err
		}
		get[tag] = v
	}
	w, h := get[tagWidth], get[tagHeight]
	if err := t.o.sized("tiff", p.at, w, h); err != nil {
		return err
	}
	if t.area += w * h; t.area > t.o.MaxPixels {
		return &Error{Format: "tiff", Kind: TooLarge, Offset: int64(p.at), Rule: "the pages together have more pixels than allowed", Err: ErrTooLarge}
	}
	depths, err := t.numbers(p, tagBits)
	if err != nil {
		return err
	}
	depth := int64(1)
	if len(depths) > 0 {
		depth = depths[0]
	}
	formats, err := t.numbers(p, tagFormat)
	if err != nil {
		return err
	}
	samples, photo := get[tagSamples], get[tagPhotometric]
	colours := map[int64]int64{0: 1, 1: 1, 2: 3, 3: 1}[photo]
	same := func(vs []int64, want int64) bool {
		return !slices.ContainsFunc(vs, func(v int64) bool { return v != want })
	}
	switch {
	case get[tagSubIFDs] != 0:
		return fault("tiff", Unsupported, p.at, "pictures within a picture (SubIFDs), which would have no mark")
	case colours == 0, samples != colours && samples != colours+1, photo == 3 && samples != 1:
		return fault("tiff", Unsupported, p.at, "photometric interpretation %d with %d samples", photo, samples)
	case !slices.Contains([]int64{1, 2, 4, 8, 16}, depth), !same(depths, depth), !same(formats, 1), samples > 1 && depth < 8, photo == 3 && depth > 8:
		return fault("tiff", Unsupported, p.at, "samples of %v bits, formats %v", depths, formats)
	case get[tagPlanar] != 1 && samples > 1, get[tagFillOrder] != 1, get[tagPredictor] != 1 && (get[tagPredictor] != 2 || depth < 8):
		return fault("tiff", Unsupported, p.at, "planes %d, bit order %d, predictor %d", get[tagPlanar], get[tagFillOrder], get[tagPredictor])
	case !slices.Contains([]int64{1, 5, 8, 32773, 32946}, get[tagCompression]):
		return fault("tiff", Unsupported, p.at, "compression %d; there are none, LZW, deflate, PackBits", get[tagCompression])
	}
	p.packing, p.predict, p.turn = get[tagCompression], get[tagPredictor] == 2, 1
	if v := get[tagOrientation]; v >= 1 && v <= 8 {
		p.turn = int(v)
	}
	stride := (w*samples*depth + 7) / 8
	if stride*h > maxRaw {
		return &Error{Format: "tiff", Kind: TooLarge, Offset: int64(p.at), Rule: "too many bytes of pixels", Err: ErrTooLarge}
	}
	p.r = &raster{w: int(w), h: int(h), depth: int(depth), channels: int(samples), stride: int(stride), little: t.b[0] == 'I', invert: photo == 0,
		alpha: samples > colours && get[tagExtra] != 0, premul: get[tagExtra] == 1}
	if photo == 3 {
		v, err := t.numbers(p, tagColours)
		if err != nil {
			return err
		}
		n := 1 << depth
		if len(v) != 3*n || p.entries[tagColours].kind != 3 {
			return fault("tiff", Malformed, p.at, "a map of %d colours for %d bits", len(v), depth)
		}
		for i := range n {
			p.r.pal = append(p.r.pal, color.RGBA64{R: uint16(v[i]), G: uint16(v[n+i]), B: uint16(v[2*n+i]), A: 0xFFFF})
		}
	}
	return t.segments(p, get[tagTileWidth], get[tagTileHeight], get[tagStripRows])
}

// segments reads where the strips or tiles of a page stand.
func (t *tiffFile) segments(p *tiffPage, tw, th, rows int64) (err error) {
	w, h := int64(p.r.w), int64(p.r.h)
	p.where = [2]uint16{tagStrips, tagStripBytes}
	if _, tiled := p.entries[tagTiles]; tiled {
		p.where = [2]uint16{tagTiles, tagTileBytes}
		if tw <= 0 || th <= 0 || tw > w+4096 || th > h+4096 {
			return fault("tiff", Malformed, p.at, "tiles of %d x %d pixels in an image of %d x %d", tw, th, w, h)
		}
	} else if tw, th = w, min(rows, h); th <= 0 {
		return fault("tiff", Malformed, p.at, "strips of %d rows", th)
	}
	if p.offsets, err = t.numbers(p, p.where[0]); err != nil {
		return err
	}
	if p.sizes, err = t.numbers(p, p.where[1]); err != nil {
		return err
	}
	p.tw, p.th, p.across = int(tw), int(th), int((w+tw-1)/tw)
	if int64(p.segmentRow()) > maxRaw/th {
		return &Error{Format: "tiff", Kind: TooLarge, Offset: int64(p.at), Rule: fmt.Sprintf("strips or tiles of %d x %d pixels", tw, th), Err: ErrTooLarge}
	}
	if n := int64(p.across) * ((h + th - 1) / th); int64(len(p.offsets)) != n || int64(len(p.sizes)) != n {
		return fault("tiff", Malformed, p.at, "%d places and %d sizes for %d strips or tiles", len(p.offsets), len(p.sizes), n)
	}
	for i, at := range p.offsets {
		if p.sizes[i] > int64(len(t.b)) || at > int64(len(t.b))-p.sizes[i] {
			return fault("tiff", Truncated, int(at), "strip or tile %d says %d bytes, the file ends before", i, p.sizes[i])
		}
		t.taken = append(t.taken, [2]int64{at, at + p.sizes[i]})
	}
	return nil
}

// rect is what a strip or tile covers, cut at the edges of the image.
func (p *tiffPage) rect(i int) image.Rectangle {
	x, y := i%p.across*p.tw, i/p.across*p.th
	return image.Rect(x, y, x+p.tw, y+p.th).Intersect(p.r.Bounds())
}

// segmentRow is the bytes of a row of a strip or tile.
func (p *tiffPage) segmentRow() int { return (p.tw*p.r.channels*p.r.depth + 7) / 8 }

// load unpacks the pixels of a page.
func (t *tiffFile) load(p *tiffPage) error {
	p.r.pix = make([]byte, p.r.stride*p.r.h)
	row := p.segmentRow()
	for i := range p.offsets {
		r := p.rect(i)
		rows := r.Dy()
		if p.where[0] == tagTiles {
			rows = p.th
		}
		raw, err := tiffUnpack(t.b[p.offsets[i]:p.offsets[i]+p.sizes[i]], p.packing, row*rows)
		if err != nil {
			return &Error{Format: "tiff", Kind: Malformed, Offset: p.offsets[i], Rule: "its pixels cannot be unpacked", Err: err}
		}
		for y := range r.Dy() {
			line := raw[y*row:][:row]
			if p.predict {
				p.difference(line, false)
			}
			if p.r.depth*p.r.channels%8 == 0 {
				copy(p.r.pix[(r.Min.Y+y)*p.r.stride+r.Min.X*p.r.depth*p.r.channels/8:(r.Min.Y+y+1)*p.r.stride], line)
				continue
			}
			part := raster{w: p.tw, h: 1, depth: p.r.depth, channels: p.r.channels, stride: row, pix: line}
			for x := range r.Dx() {
				p.r.setSample(r.Min.X+x, r.Min.Y+y, 0, part.sample(x, 0, 0))
			}
		}
	}
	return nil
}

// difference does or undoes the horizontal predictor (TIFF 6.0 section 14) on a row.
func (p *tiffPage) difference(line []byte, do bool) {
	n := p.r.channels
	part := raster{depth: p.r.depth, channels: 1, little: p.r.little, pix: line, stride: len(line)}
	count := len(line) * 8 / p.r.depth
	if do {
		for i := count - 1; i >= n; i-- {
			part.setSample(i, 0, 0, part.sample(i, 0, 0)-part.sample(i-n, 0, 0))
		}
		return
	}
	for i := n; i < count; i++ {
		part.setSample(i, 0, 0, part.sample(i, 0, 0)+part.sample(i-n, 0, 0))
	}
}

// save packs the strips or tiles that a rectangle touches, in their places where they fit, else at the end. What stood there is
// overwritten.
func (t *tiffFile) save(p *tiffPage, changed image.Rectangle) error {
	row := p.segmentRow()
	for i := range p.offsets {
		r := p.rect(i)
		if !r.Overlaps(changed) {
			continue
		}
		rows := r.Dy()
		if p.where[0] == tagTiles {
			rows = p.th
		}
		raw := make([]byte, row*rows)
		for y := range r.Dy() {
			line := raw[y*row:][:row]
			if p.r.depth*p.r.channels%8 == 0 {
				copy(line, p.r.pix[(r.Min.Y+y)*p.r.stride+r.Min.X*p.r.depth*p.r.channels/8:(r.Min.Y+y+1)*p.r.stride])
			} else {
				part := raster{w: p.tw, h: 1, depth: p.r.depth, channels: p.r.channels, stride: row, pix: line}
				for x := range r.Dx() {
					part.setSample(x, 0, 0, p.r.sample(r.Min.X+x, r.Min.Y+y, 0))
				}
			}
			if p.predict {
				p.difference(line, true)
			}
		}
		packed, err := tiffPack(raw, row, p.packing)
		if err != nil {
			return err
		}
		old := t.b[p.offsets[i] : p.offsets[i]+p.sizes[i]]
		clear(old)
		switch end := p.offsets[i] + p.sizes[i]; {
		case len(packed) <= len(old):
			copy(old, packed)
		case end == int64(len(t.b)): // the last in the file: it grows where it is
			t.b = append(t.b[:p.offsets[i]], packed...)
		default:
			p.offsets[i] = t.append(packed)
		}
		p.sizes[i] = int64(len(packed))
	}
	if p.r.pal != nil {
		n, at := len(p.r.pal), p.entries[tagColours].value
		for i, c := range p.r.pal {
			cr, cg, cb, _ := c.RGBA()
			for k, v := range [3]uint32{cr, cg, cb} {
				t.order.PutUint16(t.b[at+int64(2*(k*n+i)):], uint16(v))
			}
		}
	}
	for k, values := range [2][]int64{p.offsets, p.sizes} {
		if err := t.put(p.entries[p.where[k]], values); err != nil {
			return err
		}
	}
	return nil
}

// append puts bytes at the end of the file, on an even place.
func (t *tiffFile) append(b []byte) int64 {
	if len(t.b)%2 == 1 {
		t.b = append(t.b, 0)
	}
	at := int64(len(t.b))
	t.b = append(t.b, b...)
	return at
}

// put writes the values of a field, as longer numbers and at the end where they have grown.
func (t *tiffFile) put(e tiffEntry, values []int64) error {
	if top := slices.Max(values); top > 1<<32-1 {
		return fault("tiff", TooLarge, e.at, "the file grows beyond 4 GB")
	} else if e.kind == 3 && top > 0xFFFF {
		var long []byte
		for _, v := range values {
			long = append(long, 0, 0, 0, 0)
			t.order.PutUint32(long[len(long)-4:], uint32(v))
		}
		t.order.PutUint16(t.b[e.at+2:], 4)
		if len(long) == 4 {
			copy(t.b[e.at+8:], long)
			return nil
		}
		t.order.PutUint32(t.b[e.at+8:], uint32(t.append(long)))
		return nil
	}
	for i, v := range values {
		if e.kind == 3 {
			t.order.PutUint16(t.b[e.value+int64(2*i):], uint16(v))
		} else {
			t.order.PutUint32(t.b[e.value+int64(4*i):], uint32(v))
		}
	}
	return nil
}

// markTIFF draws on every page and packs anew the strips or tiles that the mark touches, in the compression they had. All else stays where it
// is.
func markTIFF(b []byte, o Options, f *fonts) ([]byte, Report, error) {
	t, err := readTIFF(b, o)
	if err != nil {
		return nil, Report{}, err
	}
	var report Report
	drawn := false
	for i, p := range t.pages {
		if err := t.load(p); err != nil {
			return nil, Report{}, err
		}
		v := newView(p.r, p.turn)
		r, err := apply(v, o, f, 1<<p.r.depth)
		if errors.Is(err, ErrNoRoom) && p.reduced && i > 0 {
			report.Notes = append(report.Notes, fmt.Sprintf("page %d, a smaller copy of another, is too small for a mark", i+1))
			p.r = nil
			continue
		}
		if err != nil {
			return nil, Report{}, err
		}
		if !r.Already {
			drawn = true
			changed := v.inFile(r.Box)
			if len(r.Notes) > 0 {
				changed = p.r.Bounds()
			}
			if err := t.save(p, changed); err != nil {
				return nil, Report{}, err
			}
		}
		p.r = nil
		if i == 0 {
			report = r
		} else {
			report.Already = report.Already && r.Already
			report.Contrast = min(report.Contrast, r.Contrast)
			report.Share = min(report.Share, r.Share)
		}
	}
	report.Format, report.Frames = "tiff", len(t.pages)
	if !drawn {
		return b, report, nil
	}
	return t.b, report, nil
}
