package mark

import (
	"bytes"
	"compress/lzw"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"math/bits"
)

// gifFrame is where a picture of a GIF stands.
type gifFrame struct {
	control, at, end int // the control extension before it (-1: none), the picture, its end
	rect             image.Rectangle
	disposal         byte
}

// maxFrames bounds the pictures of an animation and the pages of a TIFF; ours.
const maxFrames = 20_000

// maxShown is how many times MaxPixels the screens of an animation may have together; ours.
const maxShown = 10

// readGIF walks through the blocks (GIF89a appendix A).
func readGIF(b []byte, o Options) (frames []gifFrame, size image.Point, err error) {
	if len(b) < 13 {
		return nil, size, fault("gif", Truncated, len(b), "a header has 13 bytes")
	}
	size = image.Pt(int(binary.LittleEndian.Uint16(b[6:])), int(binary.LittleEndian.Uint16(b[8:])))
	if err := o.sized("gif", 6, int64(size.X), int64(size.Y)); err != nil {
		return nil, size, err
	}
	at, control, area := 13+tableBytes(b[10]), -1, int64(0)
	blocks := func(from int) (int, bool) { // over sub-blocks
		for from < len(b) {
			n := int(b[from])
			if from += 1 + n; n == 0 {
				return from, from <= len(b)
			}
		}
		return from, false
	}
	for at < len(b) {
		ok := true
		start := at
		switch b[at] {
		case 0x3B:
			if len(frames) == 0 {
				return nil, size, fault("gif", Malformed, at, "there is no picture")
			}
			return frames, size, nil
		case 0x21:
			if at+2 < len(b) && b[at+1] == 0xF9 {
				if control = at; at+8 > len(b) || b[at+2] != 4 {
					return nil, size, fault("gif", Malformed, at, "a control extension has 4 bytes")
				}
			}
			at, ok = blocks(at + 2)
		case 0x2C:
			if at+11 > len(b) {
				return nil, size, fault("gif", Truncated, at, "a picture should stand here, the file ends")
			}
			le := binary.LittleEndian
			f := gifFrame{control: control, at: at}
			f.rect = image.Rect(0, 0, int(le.Uint16(b[at+5:])), int(le.Uint16(b[at+7:]))).Add(image.Pt(int(le.Uint16(b[at+1:])), int(le.Uint16(b[at+3:]))))
			if control >= 0 {
				f.disposal = b[control+3] >> 2 & 7
			}
			if f.rect.Empty() || !f.rect.In(image.Rectangle{Max: size}) {
				return nil, size, fault("gif", Malformed, at, "a picture at %v leaves the screen of %v", f.rect, size)
			}
			if area += int64(f.rect.Dx()) * int64(f.rect.Dy()); area > o.MaxPixels || len(frames) >= maxFrames {
				return nil, size, &Error{Format: "gif", Kind: TooLarge, Offset: int64(at), Rule: "more pixels or pictures than allowed", Err: ErrTooLarge}
			}
			at, ok = blocks(at + 11 + tableBytes(b[at+9]))
			f.end, control = at, -1
			if int64(len(frames)) > maxShown*o.MaxPixels/(int64(size.X)*int64(size.Y)) { // each is composed on the whole screen
				return nil, size, &Error{Format: "gif", Kind: TooLarge, Offset: int64(start), Rule: "too many pictures for a screen of this size", Err: ErrTooLarge}
			}
			frames = append(frames, f)
		default:
			return nil, size, fault("gif", Malformed, at, "a block begins with 21, 2C or 3B, here stands %02X", b[at])
		}
		if !ok {
			return nil, size, fault("gif", Truncated, start, "a block runs beyond the end of the file")
		}
	}
	return nil, size, fault("gif", Truncated, at, "the file ends without its last byte, 3B")
}

// tableBytes is the length of the table of colours that flags announce.
func tableBytes(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// screen is what a GIF shows, and which pixels of the mark are seen on it.
type screen struct {
	shown   *image.NRGBA
	box     image.Rectangle
	covered []bool
}

func (s *screen) clone() *screen {
	c := *s.shown
	c.Pix = bytes.Clone(c.Pix)
	return &screen{&c, s.box, append([]bool{}, s.covered...)}
}

func (s *screen) show(m *image.Paletted) {
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
			if c := m.Palette[m.ColorIndexAt(x, y)]; opaque(c) {
				s.shown.Set(x, y, c)
			}
		}
	}
}

func (s *screen) erase(r image.Rectangle) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		clear(s.shown.Pix[s.shown.PixOffset(r.Min.X, y):][:4*r.Dx()])
	}
	s.cover(r, false)
}

func (s *screen) cover(r image.Rectangle, seen bool) {
	r = r.Intersect(s.box)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			s.covered[(y-s.box.Min.Y)*s.box.Dx()+x-s.box.Min.X] = seen
		}
	}
}

// lacks tells whether part of the mark outside r is not seen.
func (s *screen) lacks(r image.Rectangle) bool {
	for i, seen := range s.covered {
		if !seen && !image.Pt(s.box.Min.X+i%s.box.Dx(), s.box.Min.Y+i/s.box.Dx()).In(r) {
			return true
		}
	}
	return false
}

func opaque(c color.Color) bool { _, _, _, a := c.RGBA(); return a != 0 }

// markGIF draws the mark so that it is seen whole on every picture of the animation. Pictures that do not touch its place and come when it is
// there are kept as they are; others are packed anew with a table of colours of their own; one that leaves the place open is made
// larger by transparent pixels.
func markGIF(b []byte, o Options, f *fonts) ([]byte, Report, error) {
	frames, size, err := readGIF(b, o)
	if err != nil {
		return nil, Report{}, err
	}
	all, err := gif.DecodeAll(bytes.NewReader(b))
	if err != nil {
		return nil, Report{}, unreadable("gif", err)
	}
	if len(all.Image) != len(frames) {
		return nil, Report{}, fault("gif", Malformed, -1, "%d pictures were read of %d", len(all.Image), len(frames))
	}
	bl, margin, err := f.fit(size, min(size.X, size.Y), o)
	if err != nil {
		return nil, Report{}, err
	}
	p := planned{bl, place(o.At, image.Rectangle{Max: size}, bl.size, margin)}
	if r, ok := p.onAll(all, frames, size, o, f); ok {
		r.Format, r.Frames = "gif", len(frames)
		return b, r, nil
	}
	s := &screen{image.NewNRGBA(image.Rectangle{Max: size}), image.Rectangle{Max: bl.size}.Add(p.at), make([]bool, bl.size.X*bl.size.Y)}
	report := bl.report(o, p.at, min(size.X, size.Y), 0)
	report.Format, report.Frames, report.Contrast = "gif", len(frames), 21
	out := append([]byte{}, "GIF89a"...)
	last, touched := 6, 0
	for i, fr := range frames {
		img := all.Image[i]
		before := s
		if fr.disposal == 3 {
			before = s.clone()
		}
		rect, fresh := fr.rect, s.lacks(fr.rect)
		if fresh {
			rect = rect.Union(s.box)
			if fr.disposal == 2 && s.seenBetween(rect, fr.rect) {
				return nil, Report{}, fault("gif", Unsupported, fr.at, "picture %d is taken away after it was shown, and the mark cannot be held beside it", i+1)
			}
		}
		if fresh || rect.Overlaps(s.box) {
			work := image.NewPaletted(rect, img.Palette)
			clearIndex, changed, err := repaint(work, img, s.box, bl, fresh)
			if err != nil {
				return nil, Report{}, err
			}
			touched += changed
			worst := measuredOn(work, s.box, bl)
			report.Contrast = min(report.Contrast, worst)
			from := fr.at
			if clearIndex >= 0 {
				if fr.control >= 0 {
					from = fr.control
				}
				out = append(out, b[last:from]...)
				control := [8]byte{0x21, 0xF9, 4}
				if fr.control >= 0 {
					copy(control[:], b[fr.control:fr.control+8])
				}
				control[3], control[6] = control[3]|1, byte(clearIndex)
				out = append(out, control[:]...)
				if fr.control >= 0 {
					out = append(out, b[fr.control+8:fr.at]...)
				}
			} else {
				out = append(out, b[last:from]...)
			}
			if out, err = appendPicture(out, work); err != nil {
				return nil, Report{}, err
			}
			last, img = fr.end, work
			s.cover(rect, true)
		}
		s.show(img)
		switch fr.disposal {
		case 2:
			s.erase(rect)
		case 3:
			s = before
		}
	}
	if report.Contrast < LeastContrast {
		return nil, Report{}, fault("gif", Unsupported, -1, "the colours give a contrast of %.1f at the most", report.Contrast)
	}
	if touched > 0 {
		report.Notes = append(report.Notes, "some pixels got the nearest other colour of a palette, to make room for those of the mark")
	}
	return append(out, b[last:]...), report, nil
}

// seenBetween tells whether anything is seen within outer and outside inner and the mark.
func (s *screen) seenBetween(outer, inner image.Rectangle) bool {
	for y := outer.Min.Y; y < outer.Max.Y; y++ {
		for x := outer.Min.X; x < outer.Max.X; x++ {
			if q := image.Pt(x, y); !q.In(inner) && !q.In(s.box) && s.shown.NRGBAAt(x, y).A != 0 {
				return true
			}
		}
	}
	return false
}

// repaint puts a picture and the mark onto a larger one. clear is the index of the transparent colour where one had to be chosen, else -1.
func repaint(work, img *image.Paletted, box image.Rectangle, bl *block, fresh bool) (clearIndex, changed int, err error) {
	clearIndex = -1
	transparent := -1
	for i, c := range work.Palette {
		if !opaque(c) {
			transparent = i
		}
	}
	if transparent < 0 && fresh {
		r := rasterOf(img)
		if len(r.pal) == 256 { // give up the colour used least
			other := unlike(r.pal)
			changed += r.makeRoom([]color.RGBA64{other}, 256)
			transparent = r.pal.Index(other)
			work.Palette = append(color.Palette{}, r.pal...)
			work.Palette[transparent] = color.RGBA{}
		} else {
			transparent = len(r.pal)
			work.Palette = append(append(color.Palette{}, r.pal...), color.RGBA{})
		}
		clearIndex = transparent
	}
	if fresh {
		for i := range work.Pix {
			work.Pix[i] = byte(transparent)
		}
	}
	for y := img.Rect.Min.Y; y < img.Rect.Max.Y; y++ {
		copy(work.Pix[work.PixOffset(img.Rect.Min.X, y):], img.Pix[img.PixOffset(img.Rect.Min.X, y):][:img.Rect.Dx()])
	}
	r := rasterOf(work)
	wants := markColours()
	changed += r.makeRoom(wants, 256)
	work.Palette = r.pal
	part := box.Intersect(work.Rect)
	mask := bl.mask()
	l := look{white: true, plate: 1}
	pix, _ := l.painted(make([]color.RGBA64, len(mask.Pix)), mask, shades)
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			r.SetRGBA64(x-work.Rect.Min.X, y-work.Rect.Min.Y, pix[(y-box.Min.Y)*box.Dx()+x-box.Min.X])
		}
	}
	return clearIndex, changed, nil
}

// unlike is a colour that is near none of a palette.
func unlike(pal color.Palette) color.RGBA64 {
	for i := range 16 * 16 * 16 {
		c := color.RGBA64{R: uint16(i>>8) * 0x1111, G: uint16(i>>4&15) * 0x1111, B: uint16(i&15) * 0x1111, A: 0xFFFF}
		alone := true
		for _, p := range pal {
			r, g, b, _ := p.RGBA()
			alone = alone && !(near(r, c.R) && near(g, c.G) && near(b, c.B))
		}
		if alone {
			return c
		}
	}
	return color.RGBA64{A: 0xFFFF} // not reached: 256 colours are near fewer than 4,096
}

// measuredOn is the contrast of the part of the mark that stands on a picture, 21 where it is too small a part to tell.
func measuredOn(m *image.Paletted, box image.Rectangle, bl *block) float64 {
	if !box.In(m.Rect) {
		return 21
	}
	return measured(newView(m, 1).read(box.Sub(m.Rect.Min)), bl.mask(), true, newLight())
}

// onAll tells whether a mark stands on every picture as it is shown.
func (p planned) onAll(all *gif.GIF, frames []gifFrame, size image.Point, o Options, f *fonts) (Report, bool) {
	box := image.Rectangle{Max: p.size}.Add(p.at)
	s := &screen{shown: image.NewNRGBA(image.Rectangle{Max: size})}
	var report Report
	var first []color.RGBA64
	for i, fr := range frames {
		before := s
		if fr.disposal == 3 {
			before = s.clone()
		}
		s.show(all.Image[i])
		v := newView(s.shown, 1)
		now := v.read(box)
		if i == 0 {
			r, ok := p.there(v, o, f)
			if !ok {
				return r, false
			}
			report, first = r, now
		}
		for k, c := range now {
			if !near(uint32(c.R), first[k].R) || !near(uint32(c.G), first[k].G) || !near(uint32(c.B), first[k].B) || c.A != 0xFFFF {
				return Report{}, false
			}
		}
		switch fr.disposal {
		case 2:
			s.erase(fr.rect)
		case 3:
			s = before
		}
	}
	return report, true
}

// appendPicture packs a picture with its own table of colours.
func appendPicture(out []byte, m *image.Paletted) ([]byte, error) {
	le := binary.LittleEndian
	out = append(out, 0x2C)
	for _, v := range []int{m.Rect.Min.X, m.Rect.Min.Y, m.Rect.Dx(), m.Rect.Dy()} {
		out = le.AppendUint16(out, uint16(v))
	}
	deep := max(1, bits.Len(uint(len(m.Palette)-1)))
	out = append(out, 0x80|byte(deep-1))
	for i := range 1 << deep {
		var c color.RGBA
		if i < len(m.Palette) {
			c = color.RGBAModel.Convert(m.Palette[i]).(color.RGBA)
		}
		out = append(out, c.R, c.G, c.B)
	}
	deep = max(2, deep)
	out = append(out, byte(deep))
	var packed bytes.Buffer
	w := lzw.NewWriter(&packed, lzw.LSB, deep)
	for y := range m.Rect.Dy() {
		if _, err := w.Write(m.Pix[y*m.Stride:][:m.Rect.Dx()]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	for packed.Len() > 0 {
		part := packed.Next(255)
		out = append(append(out, byte(len(part))), part...)
	}
	return append(out, 0), nil
}
