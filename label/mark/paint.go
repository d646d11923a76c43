package mark

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
)

// view is an image as the viewer shows it: turned as its metadata say (EXIF orientation, 1 to 8). Its bounds begin at 0,0.
type view struct {
	img  image.Image
	turn int
	w, h int
}

func newView(img image.Image, turn int) *view {
	b := img.Bounds()
	v := &view{img, turn, b.Dx(), b.Dy()}
	if turn >= 5 {
		v.w, v.h = v.h, v.w
	}
	return v
}

func (v *view) bounds() image.Rectangle { return image.Rect(0, 0, v.w, v.h) }
func (v *view) short() int              { return min(v.w, v.h) }

// stored is where a pixel that is shown at x, y stands in the file (EXIF 2.32 4.6.5.A, tag 0x112).
func (v *view) stored(x, y int) (int, int) {
	switch v.turn {
	case 2:
		x = v.w - 1 - x
	case 3:
		x, y = v.w-1-x, v.h-1-y
	case 4:
		y = v.h - 1 - y
	case 5:
		x, y = y, x
	case 6:
		x, y = y, v.w-1-x
	case 7:
		x, y = v.h-1-y, v.w-1-x
	case 8:
		x, y = v.h-1-y, x
	}
	m := v.img.Bounds().Min
	return x + m.X, y + m.Y
}

// inFile is where a rectangle of the view stands in the file.
func (v *view) inFile(r image.Rectangle) image.Rectangle {
	if r.Empty() {
		return image.Rectangle{}
	}
	ax, ay := v.stored(r.Min.X, r.Min.Y)
	bx, by := v.stored(r.Max.X-1, r.Max.Y-1)
	return image.Rect(min(ax, bx), min(ay, by), max(ax, bx)+1, max(ay, by)+1)
}

// inView is where a rectangle of the file stands in the view.
func (v *view) inView(r image.Rectangle) image.Rectangle {
	back := *v
	b := v.img.Bounds()
	r = r.Sub(b.Min)
	if v.turn == 6 || v.turn == 8 { // each is the other's way back; all others are their own
		back.turn = 14 - v.turn
	}
	back.img, back.w, back.h = image.Rect(0, 0, v.w, v.h), b.Dx(), b.Dy()
	return back.inFile(r)
}

// at is a pixel as shown, colours multiplied by alpha.
func (v *view) at(x, y int) color.RGBA64 {
	x, y = v.stored(x, y)
	if m, ok := v.img.(image.RGBA64Image); ok {
		return m.RGBA64At(x, y)
	}
	r, g, b, a := v.img.At(x, y).RGBA()
	return color.RGBA64{R: uint16(r), G: uint16(g), B: uint16(b), A: uint16(a)}
}

// read copies the pixels of a rectangle.
func (v *view) read(r image.Rectangle) []color.RGBA64 {
	out := make([]color.RGBA64, 0, r.Dx()*r.Dy())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			out = append(out, v.at(x, y))
		}
	}
	return out
}

// write sets the pixels of a rectangle that are to change.
func (v *view) write(r image.Rectangle, pix []color.RGBA64, change []bool) {
	if m, ok := v.img.(*image.YCbCr); ok {
		v.writeYCbCr(m, r, pix, change)
		return
	}
	fast, _ := v.img.(draw.RGBA64Image)
	for i, c := range pix {
		if !change[i] {
			continue
		}
		x, y := v.stored(r.Min.X+i%r.Dx(), r.Min.Y+i/r.Dx())
		if fast != nil {
			fast.SetRGBA64(x, y, c)
		} else {
			v.img.(draw.Image).Set(x, y, c)
		}
	}
}

// writeYCbCr sets luma for each pixel and chroma as the mean over the pixels that share it and change.
func (v *view) writeYCbCr(m *image.YCbCr, r image.Rectangle, pix []color.RGBA64, change []bool) {
	type sum struct{ cb, cr, n int }
	chroma := map[int]sum{}
	for i, c := range pix {
		if !change[i] {
			continue
		}
		x, y := v.stored(r.Min.X+i%r.Dx(), r.Min.Y+i/r.Dx())
		yy, cb, cr := color.RGBToYCbCr(uint8(c.R>>8), uint8(c.G>>8), uint8(c.B>>8))
		m.Y[m.YOffset(x, y)] = yy
		at := m.COffset(x, y)
		s := chroma[at]
		chroma[at] = sum{s.cb + int(cb), s.cr + int(cr), s.n + 1}
	}
	for at, s := range chroma {
		m.Cb[at], m.Cr[at] = uint8((s.cb+s.n/2)/s.n), uint8((s.cr+s.n/2)/s.n)
	}
}

// drawable returns the image itself where it can be drawn on, else a copy that can.
func drawable(img image.Image) image.Image {
	switch m := img.(type) {
	case *image.YCbCr:
		return m
	case *image.Paletted:
		return m
	case draw.Image:
		return m
	}
	b := img.Bounds()
	out := image.NewNRGBA(b)
	draw.Draw(out, b, img, b.Min, draw.Src)
	return out
}

// visible is the rectangle around what is seen of a view.
func (v *view) visible() image.Rectangle {
	switch m := v.img.(type) {
	case *raster:
		return v.inView(m.visible())
	case interface{ Opaque() bool }:
		if m.Opaque() {
			return v.bounds()
		}
	}
	return around(v.bounds(), func(x, y int) bool { return v.at(x, y).A != 0 })
}

// light is the relative luminance of WCAG 2.2 for every value of an 8-bit sRGB channel.
type light [256]float64

func newLight() *light {
	var l light
	for i := range l {
		if v := float64(i) / 255; v <= 0.04045 {
			l[i] = v / 12.92
		} else {
			l[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return &l
}

func (l *light) of(c color.RGBA64) float64 {
	return 0.2126*l[c.R>>8] + 0.7152*l[c.G>>8] + 0.0722*l[c.B>>8]
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

// look is how a mark is drawn: white on black or black on white, and how much of the plate covers what is beneath.
type look struct {
	white bool
	plate float64
}

// looks are those to choose from: no plate, then more and more of it.
func looks(solidOnly bool) []look {
	var out []look
	for _, p := range []float64{0, 0.3, 0.45, 0.6, 0.75, 0.9, 1} {
		if !solidOnly || p == 1 {
			out = append(out, look{true, p}, look{false, p})
		}
	}
	return out
}

// inks are the colours of ink and plate.
func (l look) inks() (ink, plate uint16) {
	if l.white {
		return 0xFFFF, 0
	}
	return 0, 0xFFFF
}

// over blends a plate over a pixel.
func (l look) over(c color.RGBA64) color.RGBA64 {
	_, p := l.inks()
	mix := func(v uint16) uint16 { return uint16(float64(v)*(1-l.plate) + float64(p)*l.plate + 0.5) }
	return color.RGBA64{R: mix(c.R), G: mix(c.G), B: mix(c.B), A: max(c.A, uint16(l.plate*0xFFFF))}
}

// worst is the contrast of the ink with the ground that is nearest to it.
func (l look) worst(ground []color.RGBA64, lum *light) float64 {
	ink, _ := l.inks()
	inkL := lum[ink>>8]
	out := math.Inf(1)
	for _, c := range ground {
		out = min(out, contrast(inkL, lum.of(l.over(c))))
	}
	return out
}

// painted is a block over the ground: the pixels, and which of them change. steps bounds how many shades lie between plate and ink; 0 is all.
func (l look) painted(ground []color.RGBA64, mask *image.Alpha, steps int) ([]color.RGBA64, []bool) {
	out, change := make([]color.RGBA64, len(ground)), make([]bool, len(ground))
	ink, _ := l.inks()
	for i, c := range ground {
		m := uint32(mask.Pix[i])
		if steps > 0 {
			m = (m*uint32(steps) + 127) / 255 * 255 / uint32(steps)
		}
		change[i] = l.plate > 0 || m > 0
		if !change[i] {
			continue
		}
		c = l.over(c)
		mix := func(v uint16) uint16 { return uint16((uint32(v)*(255-m) + uint32(ink)*m + 127) / 255) }
		out[i] = color.RGBA64{R: mix(c.R), G: mix(c.G), B: mix(c.B), A: c.A}
	}
	return out, change
}

// measured is the contrast on pixels as they are: of the ink nearest to the ground with the ground nearest to the ink. What lies between
// them, the edges of the characters, is neither.
func measured(pix []color.RGBA64, mask *image.Alpha, white bool, lum *light) float64 {
	ink, ground := math.Inf(1), math.Inf(-1)
	if !white {
		ink, ground = ground, ink
	}
	for i, c := range pix {
		v := lum.of(c)
		switch m := mask.Pix[i]; {
		case m >= 250 && white, m == 0 && !white:
			if m == 0 {
				ground = min(ground, v)
			} else {
				ink = min(ink, v)
			}
		case m >= 250:
			ink = max(ink, v)
		case m == 0:
			ground = max(ground, v)
		}
	}
	if math.IsInf(ink, 0) || math.IsInf(ground, 0) || white != (ink > ground) {
		return 1
	}
	return contrast(ink, ground)
}

// shades lie between plate and ink where a palette must hold them.
const shades = 4

// markColours are what a palette needs: plate, ink, and the shades between.
func markColours() []color.RGBA64 {
	out := []color.RGBA64{{A: 0xFFFF}, {R: 0xFFFF, G: 0xFFFF, B: 0xFFFF, A: 0xFFFF}}
	for i := 1; i < shades; i++ {
		g := uint16(i * 0xFFFF / shades)
		out = append(out, color.RGBA64{R: g, G: g, B: g, A: 0xFFFF})
	}
	return out
}

// paint draws a block with its corner at a place, in the look that needs least of a plate, and returns the contrast that was reached. Where
// pixels beneath are not opaque the page behind them is unknown, and where there is a palette there are no half tones: there the plate is
// solid. entries is how many colours a palette may have.
func paint(v *view, b *block, at image.Point, entries int) (worst float64, changed int, err error) {
	box := image.Rectangle{Max: b.size}.Add(at)
	ground, mask, lum := v.read(box), b.mask(), newLight()
	solidOnly, steps := false, 0
	for _, c := range ground {
		solidOnly = solidOnly || c.A != 0xFFFF
	}
	pal, _ := v.img.(*raster)
	if pal != nil && pal.pal == nil {
		pal = nil
	}
	if pal != nil {
		solidOnly, steps = true, shades
		changed = pal.makeRoom(markColours(), entries)
	}
	for _, l := range looks(solidOnly) {
		if l.worst(ground, lum) < goodContrast {
			continue
		}
		pix, change := l.painted(ground, mask, steps)
		v.write(box, pix, change)
		if worst = measured(v.read(box), mask, l.white, lum); worst >= LeastContrast {
			return worst, changed, nil
		}
	}
	return worst, changed, fmt.Errorf("mark: the image's colours give a contrast of %.1f at the most, %.1f is needed", worst, LeastContrast)
}
