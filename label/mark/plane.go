package mark

import (
	"image"
	"math"
)

// plane is brightness, 0 to 255, as seen on a white page.
type plane struct {
	w, h int
	pix  []float32
}

// brightness fills a row of a view, from x0 on.
func (v *view) brightness(row []float32, x0, y int) {
	sx, sy := v.stored(x0, y)
	if v.turn <= 1 {
		switch m := v.img.(type) {
		case *image.YCbCr:
			for i, c := range m.Y[m.YOffset(sx, sy):][:len(row)] {
				row[i] = float32(c)
			}
			return
		case *image.Gray:
			for i, c := range m.Pix[m.PixOffset(sx, sy):][:len(row)] {
				row[i] = float32(c)
			}
			return
		case *image.NRGBA:
			bright(row, m.Pix[m.PixOffset(sx, sy):], 4, true)
			return
		case *raster:
			if m.depth == 8 && m.channels >= 3 && !m.invert && !m.premul && m.key == nil {
				bright(row, m.pix[sy*m.stride+sx*m.channels:], m.channels, m.alpha)
				return
			}
		}
	}
	for i := range row {
		c := v.at(x0+i, y)
		row[i] = (0.299*float32(c.R) + 0.587*float32(c.G) + 0.114*float32(c.B) + float32(0xFFFF-c.A)) / 257
	}
}

func bright(row []float32, p []byte, channels int, alpha bool) {
	for i := range row {
		q := p[i*channels : i*channels+channels]
		l := 0.299*float32(q[0]) + 0.587*float32(q[1]) + 0.114*float32(q[2])
		if alpha && q[3] != 255 {
			a := float32(q[3]) / 255
			l = l*a + 255*(1-a)
		}
		row[i] = l
	}
}

// span is how one sample of a finer row or column spreads over a coarser one.
type span struct {
	at   int
	a, b float32 // weights of at and at+1
}

// spans spreads n samples over n/f, every coarse sample the mean of what it covers.
func spans(n int, f float64) ([]span, int) {
	m := max(1, int(float64(n)/f+1e-9))
	out := make([]span, n)
	for i := range out {
		from, to := float64(i)/f, float64(i+1)/f
		k := int(from)
		cut := float64(k + 1)
		s := span{at: k, a: float32(min(to, cut) - from)}
		if to > cut {
			s.b = float32(to - cut)
		}
		out[i] = s
	}
	return out, m
}

// plane reads a rectangle of the view at 1/f of its size, f >= 1.
func (v *view) plane(r image.Rectangle, f float64) *plane {
	cols, w := spans(r.Dx(), f)
	rows, h := spans(r.Dy(), f)
	p := &plane{w, h, make([]float32, w*h)}
	row, thin := make([]float32, r.Dx()), make([]float32, w+2)
	for y := range r.Dy() {
		v.brightness(row, r.Min.X, r.Min.Y+y)
		if f == 1 {
			copy(p.pix[y*w:], row)
			continue
		}
		clear(thin)
		for x, c := range cols {
			if c.at < w {
				thin[c.at] += row[x] * c.a
				thin[c.at+1] += row[x] * c.b
			}
		}
		s := rows[y]
		for k, weight := range [2]float32{s.a, s.b} {
			if at := s.at + k; weight > 0 && at < h {
				line := p.pix[at*w : at*w+w]
				for x := range line {
					line[x] += thin[x] * weight
				}
			}
		}
	}
	return p
}

// half is the plane at half its size.
func (p *plane) half() *plane {
	q := &plane{p.w / 2, p.h / 2, make([]float32, (p.w/2)*(p.h/2))}
	for y := range q.h {
		a, b := p.pix[2*y*p.w:], p.pix[(2*y+1)*p.w:]
		for x := range q.w {
			q.pix[y*q.w+x] = (a[2*x] + a[2*x+1] + b[2*x] + b[2*x+1]) / 4
		}
	}
	return q
}

// sums are integral images: of the values and of their squares.
type sums struct {
	w      int
	v, sqr []float64
}

func (p *plane) sums() *sums {
	s := &sums{p.w + 1, make([]float64, (p.w+1)*(p.h+1)), make([]float64, (p.w+1)*(p.h+1))}
	for y := range p.h {
		var a, b float64
		for x := range p.w {
			v := float64(p.pix[y*p.w+x])
			a, b = a+v, b+v*v
			s.v[(y+1)*s.w+x+1] = s.v[y*s.w+x+1] + a
			s.sqr[(y+1)*s.w+x+1] = s.sqr[y*s.w+x+1] + b
		}
	}
	return s
}

// spread is the standard deviation within a rectangle.
func (s *sums) spread(x, y, w, h int) float64 {
	i, j := y*s.w+x, (y+h)*s.w+x
	n := float64(w * h)
	mean := (s.v[j+w] - s.v[j] - s.v[i+w] + s.v[i]) / n
	return math.Sqrt(max(0, (s.sqr[j+w]-s.sqr[j]-s.sqr[i+w]+s.sqr[i])/n-mean*mean))
}

// placed is a character of a template: where its origin stands, in font sizes.
type placed struct {
	r    rune
	x, y float64
}

// template is what characters look like at a size: values of mean 0 and length 1.
type template struct {
	w, h   int
	dx, dy int // from the origin to the corner, pixels
	v      []float32
	dark   []int // offsets (y<<16|x) of pixels that are ink for certain, and
	bare   []int // of those that are not, spread over the template
	cover  []float32
}

// template draws characters at a size in pixels.
func (f *fonts) template(word []placed, em float64) (*template, error) {
	var box image.Rectangle
	type part struct {
		s  sprite
		at image.Point
	}
	var parts []part
	for _, p := range word {
		x, y := p.x*em, p.y*em
		at := image.Pt(int(math.Floor(x)), int(math.Floor(y)))
		s, err := f.draw(p.r, em, x-float64(at.X), y-float64(at.Y))
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{s, at})
		for y := s.Rect.Min.Y; y < s.Rect.Max.Y; y++ { // without its empty edges
			for x := s.Rect.Min.X; x < s.Rect.Max.X; x++ {
				if s.Pix[s.PixOffset(x, y)] > 16 {
					box = box.Union(image.Rect(x, y, x+1, y+1).Add(at))
				}
			}
		}
	}
	box = box.Inset(-1)
	t := &template{w: box.Dx(), h: box.Dy(), dx: box.Min.X, dy: box.Min.Y}
	t.cover = make([]float32, t.w*t.h)
	for _, p := range parts {
		for y := p.s.Rect.Min.Y; y < p.s.Rect.Max.Y; y++ {
			for x := p.s.Rect.Min.X; x < p.s.Rect.Max.X; x++ {
				if q := image.Pt(x, y).Add(p.at); q.In(box) {
					i := (q.Y-box.Min.Y)*t.w + q.X - box.Min.X
					t.cover[i] = max(t.cover[i], float32(p.s.Pix[p.s.PixOffset(x, y)])/255)
				}
			}
		}
	}
	var mean, length float64
	for _, c := range t.cover {
		mean += float64(c) / float64(len(t.cover))
	}
	t.v = make([]float32, len(t.cover))
	for i, c := range t.cover {
		t.v[i] = c - float32(mean)
		length += float64(t.v[i]) * float64(t.v[i])
	}
	for i := range t.v {
		t.v[i] /= float32(math.Sqrt(length))
	}
	t.dark = t.sure(func(c float32) bool { return c >= 0.75 })
	t.bare = t.sure(func(c float32) bool { return c <= 0.05 })
	return t, nil
}

// probes is how many sure pixels of each kind are looked at first.
const probes = 14

// sure are some of the pixels that are what is asked for, spread evenly.
func (t *template) sure(is func(float32) bool) []int {
	var all []int
	for i, c := range t.cover {
		if is(c) {
			all = append(all, i/t.w<<16|i%t.w)
		}
	}
	if len(all) <= probes {
		return all
	}
	out := make([]int, probes)
	for i := range out {
		// steps that share no divisor with the width, so that they do not fall on one column
		out[i] = all[(i*len(all)/probes+i*7%5)%len(all)]
	}
	return out
}

// match is the normalised correlation with a plane, -1 to 1: below zero for dark words on a light ground.
func (t *template) match(p *plane, x, y int) float64 {
	if x < 0 || y < 0 || x+t.w > p.w || y+t.h > p.h {
		return 0
	}
	var dot, sum, sqr float32
	base := p.pix[y*p.w+x] // near zero, so that nothing is lost in float32
	for j := range t.h {
		row := p.pix[(y+j)*p.w+x:][:t.w]
		tv := t.v[j*t.w:][:t.w]
		for i, v := range row {
			v -= base
			dot += v * tv[i]
			sum += v
			sqr += v * v
		}
	}
	dev := float64(sqr) - float64(sum)*float64(sum)/float64(len(t.v))
	if dev < 4*float64(len(t.v)) { // flat: a spread below 2 of 255
		return 0
	}
	return float64(dot) / math.Sqrt(dev)
}

// probe are the pixels of a template that are looked at first, as distances in a plane.
type probe struct{ dark, bare []int }

func (t *template) probe(p *plane) (out probe) {
	for _, o := range t.dark {
		out.dark = append(out.dark, o>>16*p.w+o&0xFFFF)
	}
	for _, o := range t.bare {
		out.bare = append(out.bare, o>>16*p.w+o&0xFFFF)
	}
	return out
}

// hopeful tells by a few pixels whether a match is worth the work.
func (o probe) hopeful(p *plane, s *sums, x, y, w, h int) bool {
	pix := p.pix[y*p.w+x:]
	var d, b float32
	for _, at := range o.dark {
		d += pix[at]
	}
	for _, at := range o.bare {
		b += pix[at]
	}
	d = d/float32(len(o.dark)) - b/float32(len(o.bare))
	if d < 0 {
		d = -d
	}
	return d > leastStep && float64(d) > 0.95*s.spread(x, y, w, h)
}

// leastStep is how far ink and ground must lie apart, of 255.
const leastStep = 16
