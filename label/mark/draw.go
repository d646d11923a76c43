package mark

import (
	"fmt"
	"image"
)

// Draw puts the mark on an image and returns it: the image itself where its kind can be drawn on (all kinds of package image; YCbCr and
// Paletted too), else a copy. A Paletted image may get other colours for those used least. The image is as the viewer shows it: bounds
// may begin anywhere. A mark that is there already is not drawn again.
func Draw(img image.Image, o Options) (image.Image, Report, error) {
	o, err := o.settled()
	if err != nil {
		return nil, Report{}, err
	}
	b := img.Bounds()
	if err := bounded(int64(b.Dx()), int64(b.Dy()), o); err != nil {
		return nil, Report{}, err
	}
	f, err := newFonts(o.Font)
	if err != nil {
		return nil, Report{}, err
	}
	img = drawable(img)
	if m, ok := img.(*image.Paletted); ok {
		r := rasterOf(m)
		report, err := apply(newView(r, 1), o, f, 256)
		report.Box = report.Box.Add(b.Min)
		m.Palette = r.pal
		return m, report, err
	}
	report, err := apply(newView(img, 1), o, f, 0)
	report.Box = report.Box.Add(b.Min)
	return img, report, err
}

// Overlay is the mark alone, to be laid over a picture of a size: its Rect says where. The plate is solid, since what it will lie on is not
// known.
func Overlay(width, height int, o Options) (*image.NRGBA, Report, error) {
	o, err := o.settled()
	if err != nil {
		return nil, Report{}, err
	}
	if err := bounded(int64(width), int64(height), o); err != nil {
		return nil, Report{}, err
	}
	f, err := newFonts(o.Font)
	if err != nil {
		return nil, Report{}, err
	}
	b, margin, err := f.fit(image.Pt(width, height), min(width, height), o)
	if err != nil {
		return nil, Report{}, err
	}
	at := place(o.At, image.Rect(0, 0, width, height), b.size, margin)
	out := image.NewNRGBA(image.Rectangle{Max: b.size}.Add(at))
	v := newView(out, 1)
	worst, _, err := paint(v, b, image.Point{}, 0)
	return out, b.report(o, at, min(width, height), worst), err
}

// rasterOf is a paletted image as a raster over the same pixels.
func rasterOf(m *image.Paletted) *raster {
	b := m.Bounds()
	return &raster{w: b.Dx(), h: b.Dy(), depth: 8, channels: 1, pal: m.Palette, stride: m.Stride, pix: m.Pix[m.PixOffset(b.Min.X, b.Min.Y):]}
}

// bounded refuses images that are empty or larger than allowed.
func bounded(w, h int64, o Options) error {
	if w <= 0 || h <= 0 {
		return fmt.Errorf("mark: an image of %d x %d pixels", w, h)
	}
	if w > o.MaxPixels/h {
		return fmt.Errorf("mark: %d x %d pixels, at most %d in all: %w", w, h, o.MaxPixels, ErrTooLarge)
	}
	return nil
}

func (b *block) report(o Options, at image.Point, short int, worst float64) Report {
	return Report{Words: b.words, At: o.At, Vertical: b.vertical, Box: image.Rectangle{Max: b.size}.Add(at), Ink: b.ink,
		Share: float64(b.ink) / float64(short), Contrast: worst}
}

// planned is a mark and its place.
type planned struct {
	*block
	at image.Point
}

// plan chooses words, size and place. The height is always that which the whole image asks for; a picture with transparent edges has its
// mark on the rectangle around what is seen, if it fits there.
func plan(v *view, o Options, f *fonts) (planned, error) {
	rooms := []image.Rectangle{v.bounds()}
	if seen := v.visible(); !seen.Empty() && seen != rooms[0] {
		rooms = []image.Rectangle{seen, rooms[0]}
	}
	var fault error
	for _, room := range rooms {
		b, margin, err := f.fit(room.Size(), v.short(), o)
		if err == nil {
			return planned{b, place(o.At, room, b.size, margin)}, nil
		}
		fault = err
	}
	return planned{}, fault
}

// apply draws the mark on a view, unless it is there.
func apply(v *view, o Options, f *fonts, entries int) (Report, error) {
	p, err := plan(v, o, f)
	if err != nil {
		return Report{}, err
	}
	if r, ok := p.there(v, o, f); ok {
		return r, nil
	}
	worst, changed, err := paint(v, p.block, p.at, entries)
	if err != nil {
		return Report{}, err
	}
	r := p.report(o, p.at, v.short(), worst)
	if changed > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d pixels got the nearest other colour of the palette, to make room for those of the mark", changed))
	}
	return r, nil
}

// there tells whether a mark that does stands at the place already: this one, or one a little larger, or smaller and within the rule, as
// on a copy of another size.
func (p planned) there(v *view, o Options, f *fonts) (Report, bool) {
	box := image.Rectangle{Max: p.size}.Add(p.at)
	least := max(LeastShare*float64(v.short()), leastInk)
	found := f.findNear(v, box.Inset(-int(p.em/2)), 0.92*p.em*min(1, least/float64(p.ink)), 1.16*p.em)
	if found.State != Found || found.Share < LeastShare || found.Ink < leastInk-0.5 || found.Contrast < LeastContrast {
		return Report{}, false
	}
	r := p.report(o, p.at, v.short(), found.Contrast)
	r.Already, r.Words, r.Box, r.Ink, r.Share = true, found.Words, found.Box, int(found.Ink+0.5), found.Share
	return r, true
}
