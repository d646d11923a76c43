package mark

import (
	"image"
	"image/color"
)

// raster is pixels as files hold them: samples of 1 to 16 bits, one after the other in rows that begin on a byte. It is an image that can be
// drawn on; samples of pixels that are not drawn on stay what they were.
type raster struct {
	w, h     int
	depth    int // bits of a sample: 1, 2, 4, 8, 16
	channels int // samples of a pixel: 1 gray or palette, 2 gray and alpha, 3 RGB, 4 RGB and alpha
	pal      color.Palette
	stride   int
	pix      []byte
	little   bool     // samples of 16 bits have their low byte first
	invert   bool     // 0 is white
	premul   bool     // colours are multiplied by alpha already
	alpha    bool     // the last of 2 or 4 samples is alpha; else it is of no meaning here
	key      []uint16 // the colour that stands for "transparent"
	nearest  map[color.RGBA64]uint16
}

func (r *raster) ColorModel() color.Model {
	if r.pal != nil {
		return r.pal
	}
	return color.NRGBA64Model
}
func (r *raster) Bounds() image.Rectangle { return image.Rect(0, 0, r.w, r.h) }
func (r *raster) At(x, y int) color.Color { return r.RGBA64At(x, y) }
func (r *raster) Set(x, y int, c color.Color) {
	cr, cg, cb, ca := c.RGBA()
	r.SetRGBA64(x, y, color.RGBA64{R: uint16(cr), G: uint16(cg), B: uint16(cb), A: uint16(ca)})
}

// sample is the value of one channel as it stands in the file.
func (r *raster) sample(x, y, c int) uint16 {
	i := x*r.channels + c
	row := r.pix[y*r.stride:]
	switch r.depth {
	case 8:
		return uint16(row[i])
	case 16:
		if r.little {
			return uint16(row[2*i]) | uint16(row[2*i+1])<<8
		}
		return uint16(row[2*i])<<8 | uint16(row[2*i+1])
	}
	per := 8 / r.depth
	return uint16(row[i/per]>>(8-r.depth*(i%per+1))) & (1<<r.depth - 1)
}

func (r *raster) setSample(x, y, c int, v uint16) {
	i := x*r.channels + c
	row := r.pix[y*r.stride:]
	switch r.depth {
	case 8:
		row[i] = byte(v)
		return
	case 16:
		if r.little {
			row[2*i], row[2*i+1] = byte(v), byte(v>>8)
			return
		}
		row[2*i], row[2*i+1] = byte(v>>8), byte(v)
		return
	}
	per := 8 / r.depth
	shift := 8 - r.depth*(i%per+1)
	mask := byte(1<<r.depth-1) << shift
	row[i/per] = row[i/per]&^mask | byte(v)<<shift&mask
}

// top is the largest value of a sample.
func (r *raster) top() uint32 { return 1<<r.depth - 1 }

// RGBA64At is a pixel, its colours multiplied by its alpha.
func (r *raster) RGBA64At(x, y int) color.RGBA64 {
	if r.pal != nil {
		i := int(r.sample(x, y, 0))
		if i >= len(r.pal) {
			return color.RGBA64{A: 0xFFFF}
		}
		cr, cg, cb, ca := r.pal[i].RGBA()
		return color.RGBA64{R: uint16(cr), G: uint16(cg), B: uint16(cb), A: uint16(ca)}
	}
	top := r.top()
	full := func(c int) uint16 {
		v := uint32(r.sample(x, y, c)) * 0xFFFF / top
		if r.invert {
			v = 0xFFFF - v
		}
		return uint16(v)
	}
	if r.key != nil {
		same := true
		for c := range r.channels {
			same = same && r.sample(x, y, c) == r.key[c]
		}
		if same {
			return color.RGBA64{}
		}
	}
	out := color.RGBA64{R: full(0), A: 0xFFFF}
	if out.G, out.B = out.R, out.R; r.channels >= 3 {
		out.G, out.B = full(1), full(2)
	}
	if r.alpha {
		out.A = uint16(uint32(r.sample(x, y, r.channels-1)) * 0xFFFF / top)
		if !r.premul {
			a := uint32(out.A)
			out.R, out.G, out.B = uint16(uint32(out.R)*a/0xFFFF), uint16(uint32(out.G)*a/0xFFFF), uint16(uint32(out.B)*a/0xFFFF)
		}
	}
	return out
}

// SetRGBA64 draws a pixel. What is drawn here is always opaque.
func (r *raster) SetRGBA64(x, y int, c color.RGBA64) {
	if r.pal != nil {
		i, ok := r.nearest[c]
		if !ok {
			if r.nearest == nil {
				r.nearest = map[color.RGBA64]uint16{}
			}
			i = uint16(r.pal.Index(c))
			r.nearest[c] = i
		}
		r.setSample(x, y, 0, i)
		return
	}
	top := r.top()
	cut := func(v uint16) uint16 {
		if r.invert {
			v = 0xFFFF - v
		}
		return uint16((uint32(v)*top + 0x7FFF) / 0xFFFF)
	}
	if r.channels < 3 {
		r.setSample(x, y, 0, cut(uint16((19595*uint32(c.R)+38470*uint32(c.G)+7471*uint32(c.B)+1<<15)>>16)))
	} else {
		r.setSample(x, y, 0, cut(c.R))
		r.setSample(x, y, 1, cut(c.G))
		r.setSample(x, y, 2, cut(c.B))
	}
	if r.alpha {
		r.setSample(x, y, r.channels-1, uint16((uint32(c.A)*top+0x7FFF)/0xFFFF))
	}
	if r.key == nil {
		return
	}
	for ch := range r.channels { // the colour that stands for "transparent" is not to be drawn by chance
		if r.sample(x, y, ch) != r.key[ch] {
			return
		}
	}
	if v := r.key[0]; v > 0 {
		r.setSample(x, y, 0, v-1)
	} else {
		r.setSample(x, y, 0, 1)
	}
}

// Opaque tells whether every pixel is.
func (r *raster) Opaque() bool { return r.visible() == r.Bounds() && !r.translucent() }

func (r *raster) translucent() bool {
	if r.pal != nil {
		for _, c := range r.pal {
			if _, _, _, a := c.RGBA(); a != 0xFFFF {
				return true
			}
		}
	}
	return r.alpha || r.key != nil
}

// visible is the rectangle around all pixels that are not wholly transparent.
func (r *raster) visible() image.Rectangle {
	if !r.translucent() {
		return r.Bounds()
	}
	return around(r.Bounds(), func(x, y int) bool {
		if r.alpha && r.depth == 8 {
			return r.pix[y*r.stride+(x+1)*r.channels-1] != 0
		}
		return r.RGBA64At(x, y).A != 0
	})
}

// around is the rectangle around all pixels of b that are seen, empty when none is. It looks from the edges inward.
func around(b image.Rectangle, seen func(x, y int) bool) image.Rectangle {
	row := func(y int) bool {
		for x := b.Min.X; x < b.Max.X; x++ {
			if seen(x, y) {
				return true
			}
		}
		return false
	}
	column := func(x int) bool {
		for y := b.Min.Y; y < b.Max.Y; y++ {
			if seen(x, y) {
				return true
			}
		}
		return false
	}
	for b.Min.Y < b.Max.Y && !row(b.Min.Y) {
		b.Min.Y++
	}
	for b.Max.Y > b.Min.Y && !row(b.Max.Y-1) {
		b.Max.Y--
	}
	if b.Empty() {
		return image.Rectangle{}
	}
	for !column(b.Min.X) {
		b.Min.X++
	}
	for !column(b.Max.X - 1) {
		b.Max.X--
	}
	return b
}

// makeRoom puts colours into the palette: where they are there already, in entries that no pixel uses, or in those used least, whose pixels take the
// nearest other colour. entries is how many the format can hold. It returns how many pixels changed.
func (r *raster) makeRoom(wants []color.RGBA64, entries int) (changed int) {
	used := make([]int, 1<<r.depth)
	for y := range r.h {
		for x := range r.w {
			used[r.sample(x, y, 0)]++
		}
	}
	entries = min(entries, 1<<r.depth)
	pal := append(color.Palette{}, r.pal...)
	kept := map[int]bool{} // wanted
	turned := map[int]int{}
	for _, want := range wants {
		at, least := -1, -1
		for i, c := range pal {
			if cr, cg, cb, ca := c.RGBA(); !kept[i] && ca == 0xFFFF && near(cr, want.R) && near(cg, want.G) && near(cb, want.B) {
				at = i
				break
			}
		}
		if at >= 0 {
			kept[at] = true
			continue
		}
		for i, c := range pal {
			_, _, _, a := c.RGBA()
			if !kept[i] && a == 0xFFFF && (least < 0 || used[i] < used[least]) {
				least = i
			}
		}
		switch {
		case least >= 0 && used[least] == 0:
			at = least
		case len(pal) < entries:
			at = len(pal)
			pal = append(pal, want)
		case least < 0:
			continue
		default:
			at = least
			rest := make(color.Palette, len(pal)) // the nearest of the others; what is gone or transparent is no choice
			copy(rest, pal)
			best, far := -1, uint64(1<<63)
			for i, c := range rest {
				if _, _, _, a := c.RGBA(); i == at || a != 0xFFFF || turnedAway(turned, i) || kept[i] {
					continue
				}
				if d := distance(c, pal[at]); d < far {
					best, far = i, d
				}
			}
			if best < 0 {
				continue
			}
			for from, to := range turned {
				if to == at {
					turned[from] = best
				}
			}
			turned[at] = best
			used[best] += used[at]
			changed += used[at]
		}
		pal[at], used[at] = want, 0
		kept[at] = true
	}
	r.pal, r.nearest = pal, nil
	if len(turned) > 0 {
		for y := range r.h {
			for x := range r.w {
				if to, ok := turned[int(r.sample(x, y, 0))]; ok {
					r.setSample(x, y, 0, uint16(to))
				}
			}
		}
	}
	return changed
}

func turnedAway(turned map[int]int, i int) bool { _, ok := turned[i]; return ok }

func near(a uint32, b uint16) bool { return max(a, uint32(b))-min(a, uint32(b)) <= 8*257 }

func distance(a, b color.Color) uint64 {
	ar, ag, ab, _ := a.RGBA()
	br, bg, bb, _ := b.RGBA()
	sq := func(x, y uint32) uint64 { d := uint64(max(x, y) - min(x, y)); return d * d }
	return sq(ar, br) + sq(ag, bg) + sq(ab, bb)
}
