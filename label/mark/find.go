package mark

import (
	"cmp"
	"image"
	"math"
	"slices"
)

// State of a search. There is no "no": a mark in another font, or one too faint, is not seen here, and to see none proves nothing.
type State string

// The two states.
const (
	Found   State = "found"
	Unknown State = "unknown"
)

// Enough answers whether the ink has its 5 %.
type Enough string

// The three answers: sure, sure not, too near to tell.
const (
	Yes   Enough = "yes"
	No    Enough = "no"
	Close Enough = "unknown"
)

// Finding is what was seen of a visible mark.
type Finding struct {
	State    State           `json:"state"`
	Words    string          `json:"words,omitempty"`    // the elements that were seen: "AI 生成"
	Box      image.Rectangle `json:"box,omitzero"`       // around their ink, pixels of the image
	Ink      float64         `json:"ink,omitempty"`      // pixels: height of the lowest of their characters
	Share    float64         `json:"share,omitempty"`    // Ink over the shortest side
	Error    float64         `json:"error,omitempty"`    // of Share, either way
	Enough   Enough          `json:"enough,omitempty"`   // whether Share is at least 5 %
	Edge     bool            `json:"edge,omitempty"`     // on an edge or corner
	Contrast float64         `json:"contrast,omitempty"` // of ink and ground, WCAG, means; what lies between is not counted
	Score    float64         `json:"score,omitempty"`    // correlation of the worst character, 0 to 1
}

// Bounds of the search; ours.
const (
	leastEm, mostEm = 10.5, 21.5 // pixels of the planes that are looked through
	emStep          = 1.07
	planeShort      = 320  // shortest side of the finest plane, and
	planeEm         = 14   // the least size looked for there: marks down to 3.3 % are seen
	soleScore       = 0.45 // correlation of the last character alone, coarsely
	firstScore      = 0.52 // of two characters together, coarsely
	pairScore       = 0.66 // and finely
	oneScore        = 0.58 // each of them
	otherScore      = 0.62 // the AI element beside them
	mostSpots       = 40   // looked at finely
	fineEm          = 32   // pixels
	edgeReach       = 0.15 // of the shortest side, from the edge
	mostElongation  = 64   // of an image: longer ones are not searched whole
)

// generated are the words looked for first.
func generated() [][]placed {
	return [][]placed{
		{{'生', 0, 0}, {'成', 1, 0}}, {{'合', 0, 0}, {'成', 1, 0}},
		{{'生', 0, 0}, {'成', 0, cellPitch}}, {{'合', 0, 0}, {'成', 0, cellPitch}},
	}
}

// spot is a place where words may stand: the origin of the first character and the font size, in pixels of the view.
type spot struct {
	word         int
	x, y, em     float64
	score, worst float64
}

// Find looks for a mark of this package along the edges: 生成 or 合成 in the embedded font, light on dark or dark on light, and 人工智能 or AI in
// line with it. It reports what it measures and never says that there is none.
func Find(img image.Image) Finding {
	return find(newView(img, 1))
}

func find(v *view) Finding {
	f, err := newFonts(nil)
	if err != nil || v.short() < 8 || max(v.w, v.h)/v.short() > mostElongation {
		return Finding{State: Unknown}
	}
	scale := max(1, float64(v.short())/planeShort)
	p := v.plane(v.bounds(), scale)
	var spots []spot
	var sizes []float64
	for em := leastEm; em <= mostEm; em *= emStep {
		sizes = append(sizes, em)
	}
	for i := range 3 {
		here := sizes
		if i == 0 && scale > 1 {
			here = slices.DeleteFunc(slices.Clone(sizes), func(em float64) bool { return em < planeEm })
		}
		spots = append(spots, f.scan(p, scale, image.Point{}, here, v.bounds())...)
		if min(p.w, p.h) < 2*leastEm {
			break
		}
		p, scale = p.half(), scale*2
	}
	return f.best(v, spots)
}

// findNear looks for a mark of font sizes from low to high within a rectangle only.
func (f *fonts) findNear(v *view, r image.Rectangle, low, high float64) Finding {
	r = r.Intersect(v.bounds())
	scale := max(1, low/leastEm)
	var sizes []float64
	for em := low; em <= high; em *= 1.05 {
		sizes = append(sizes, em/scale)
	}
	return f.best(v, f.scan(v.plane(r, scale), scale, r.Min, sizes, image.Rectangle{}))
}

// scan looks for the words in a plane whose pixels are scale of the view's and whose corner is at a point: first for 成, which all of them end
// with, then for the words around it. Where an image is given, only places near its edges count.
func (f *fonts) scan(p *plane, scale float64, corner image.Point, sizes []float64, whole image.Rectangle) []spot {
	s := p.sums()
	var out []spot
	reach := int(0.3 * float64(min(p.w, p.h)))
	for _, em := range sizes {
		last, err := f.template([]placed{{'成', 0, 0}}, em)
		if err != nil || len(last.dark) == 0 || len(last.bare) == 0 {
			continue
		}
		words := make([]*template, len(generated()))
		for i, word := range generated() {
			if words[i], err = f.template(word, em); err != nil {
				return nil
			}
		}
		few := last.probe(p)
		for y := 0; y+last.h <= p.h; y++ {
			high := y < reach || y+last.h > p.h-reach
			for x := 0; x+last.w <= p.w; x++ {
				if !whole.Empty() && !high && x >= reach+5*int(em) && x+last.w <= p.w-reach {
					x = p.w - reach - last.w
					continue
				}
				if !few.hopeful(p, s, x, y, last.w, last.h) || math.Abs(last.match(p, x, y)) < soleScore {
					continue
				}
				for i, word := range generated() {
					t := words[i]
					ox, oy := x-last.dx-int(math.Round(word[1].x*em)), y-last.dy-int(math.Round(word[1].y*em))
					best := spot{word: i, em: em * scale}
					for d := range 9 {
						dx, dy := d%3-1, d/3-1
						if m := math.Abs(t.match(p, ox+t.dx+dx, oy+t.dy+dy)); m > best.score {
							best.score = m
							best.x, best.y = float64(corner.X)+float64(ox+dx)*scale, float64(corner.Y)+float64(oy+dy)*scale
						}
					}
					if best.score >= firstScore {
						out = append(out, best)
					}
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b spot) int { return cmp.Compare(b.score, a.score) })
	var kept []spot
	for _, c := range out {
		if len(kept) == mostSpots {
			break
		}
		if !slices.ContainsFunc(kept, func(k spot) bool {
			return k.word == c.word && math.Hypot(k.x-c.x, k.y-c.y) < 0.4*k.em && c.em < k.em*1.25 && k.em < c.em*1.25
		}) {
			kept = append(kept, c)
		}
	}
	return kept
}

// window is a part of a view at the size at which it is compared.
type window struct {
	*plane
	corner image.Point
	scale  float64
}

// window reads what lies from lo to hi, in font sizes around a spot, at about em pixels of font size.
func (v *view) window(s spot, lox, loy, hix, hiy, em float64) window {
	r := image.Rect(int(s.x+lox*s.em), int(s.y+loy*s.em), int(s.x+hix*s.em)+1, int(s.y+hiy*s.em)+1).Intersect(v.bounds())
	scale := max(1, s.em/em)
	if r.Empty() {
		return window{&plane{}, r.Min, scale}
	}
	return window{v.plane(r, scale), r.Min, scale}
}

// origin is where a point of the view lies in the window.
func (w window) origin(x, y float64) (float64, float64) {
	return (x - float64(w.corner.X)) / w.scale, (y - float64(w.corner.Y)) / w.scale
}

// refine moves a spot to where it matches best and measures each character.
func (f *fonts) refine(v *view, s spot) spot {
	word := generated()[s.word]
	w := v.window(s, -0.6, -1.5, word[1].x+1.6, word[1].y+0.7, fineEm)
	best := s
	best.score = 0
	try := func(ratio float64, reach, step int, from spot) {
		em := from.em * ratio
		t, err := f.template(word, em/w.scale)
		if err != nil {
			return
		}
		// the middle of the words stays where it is
		mx, my := from.x+(from.em-em)*(word[1].x+1)/2, from.y+(from.em-em)*(word[1].y-0.76)/2
		x, y := w.origin(mx, my)
		for dy := -reach; dy <= reach; dy += step {
			for dx := -reach; dx <= reach; dx += step {
				ax, ay := math.Round(x)+float64(dx), math.Round(y)+float64(dy)
				if m := math.Abs(t.match(w.plane, int(ax)+t.dx, int(ay)+t.dy)); m > best.score {
					best = spot{word: s.word, em: em, score: m, x: ax*w.scale + float64(w.corner.X), y: ay*w.scale + float64(w.corner.Y)}
				}
			}
		}
	}
	reach := max(2, int(math.Round(0.13*min(fineEm, s.em))))
	for _, k := range []float64{0.9, 0.93, 0.96, 1, 1.04, 1.07, 1.1} {
		try(k, reach, 2, s)
	}
	if best.score < pairScore-0.2 {
		return best
	}
	for range 2 {
		for _, k := range []float64{0.97, 0.98, 0.99, 1, 1.01, 1.02, 1.03} {
			try(k, 1, 1, best)
		}
	}
	best.worst = 1
	for _, c := range word {
		best.worst = min(best.worst, f.one(w, best, c))
	}
	return best
}

// one is how well a single character of a word matches.
func (f *fonts) one(w window, s spot, c placed) float64 {
	x, y := w.origin(s.x, s.y)
	em := s.em / w.scale
	t, err := f.template([]placed{{c.r, 0, 0}}, em)
	if err != nil {
		return 0
	}
	best := 0.0
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			best = max(best, math.Abs(t.match(w.plane, int(math.Round(x+c.x*em))+t.dx+dx, int(math.Round(y+c.y*em))+t.dy+dy)))
		}
	}
	return best
}

// partner is an AI element, or half of one, beside a spot.
type partner struct {
	name string
	word []placed
}

func (f *fonts) partners() []partner {
	a, err := f.advance('A', 1)
	if err != nil {
		return nil
	}
	return []partner{
		{"AI", []placed{{'A', 0, 0}, {'I', a, 0}}},
		{"人工智能", []placed{{'人', 0, 0}, {'工', 0, cellPitch}, {'智', 0, 2 * cellPitch}, {'能', 0, 3 * cellPitch}}},
		{"人工", []placed{{'人', 0, 0}, {'工', 1, 0}}},
		{"智能", []placed{{'智', 0, 0}, {'能', 1, 0}}},
	}
}

// beside finds a word in line with a spot: before or behind it, on the lines above and below, or in its column.
func (f *fonts) beside(w window, s spot, p partner) (at spot) {
	em := s.em / w.scale
	t, err := f.template(p.word, em)
	if err != nil {
		return at
	}
	ox, oy := w.origin(s.x, s.y)
	slack := max(1, 0.13*em)
	for y := 0; y+t.h <= w.h; y++ {
		dy := float64(y-t.dy) - oy
		line := math.Abs(dy-math.Round(dy/(linePitch*em))*linePitch*em) <= slack
		for x := 0; x+t.w <= w.w; x++ {
			dx := float64(x-t.dx) - ox
			if !line && math.Abs(dx) > 0.5*em {
				continue
			}
			if m := math.Abs(t.match(w.plane, x, y)); m > at.score {
				at = spot{em: s.em, score: m, x: s.x + dx*w.scale, y: s.y + dy*w.scale}
			}
		}
	}
	if at.score >= otherScore {
		at.worst = 1
		for _, c := range p.word {
			if c.r != 'I' { // a bar, which alone says little
				at.worst = min(at.worst, f.one(w, at, c))
			}
		}
	}
	return at
}

// best is the finding of the best of the spots that have both elements.
func (f *fonts) best(v *view, spots []spot) Finding {
	slices.SortStableFunc(spots, func(a, b spot) int { return cmp.Compare(b.score, a.score) })
	var fine []spot
	for _, s := range spots[:min(len(spots), mostSpots)] {
		if s = f.refine(v, s); s.score >= pairScore && s.worst >= oneScore {
			fine = append(fine, s)
		}
	}
	slices.SortStableFunc(fine, func(a, b spot) int { return cmp.Compare(b.score, a.score) })
	for _, s := range fine[:min(len(fine), 6)] {
		if out, ok := f.whole(v, s); ok {
			return out
		}
	}
	return Finding{State: Unknown}
}

// whole looks for the AI element beside a spot and measures the mark.
func (f *fonts) whole(v *view, s spot) (Finding, bool) {
	w := v.window(s, -9, -6, 7, 6, 20)
	var ai []spot
	var words [][]placed
	name := ""
	seen := map[string]spot{}
	ps := f.partners()
	for _, p := range ps {
		if at := f.beside(w, s, p); at.score >= otherScore && at.worst >= oneScore {
			seen[p.name] = at
		}
	}
	for _, p := range ps[:2] {
		if at, ok := seen[p.name]; ok && (name == "" || at.score > ai[0].score) {
			name, ai, words = p.name, []spot{at}, [][]placed{p.word}
		}
	}
	a, one := seen["人工"]
	b, two := seen["智能"]
	if one && two && (name == "" || min(a.score, b.score) > ai[0].score-0.1) {
		name, ai, words = "人工智能", []spot{a, b}, [][]placed{ps[2].word, ps[3].word}
	}
	if name == "" {
		return Finding{}, false
	}
	pair := generated()[s.word]
	ai, words = append(ai, s), append(words, pair)
	out := Finding{State: Found, Words: name + " " + string([]rune{pair[0].r, pair[1].r}), Score: 1}
	low := math.Inf(1)
	for i, word := range words {
		out.Score = min(out.Score, ai[i].worst)
		for _, c := range word {
			big, err := f.draw(c.r, 256, 0, 0)
			if err != nil {
				return Finding{}, false
			}
			ink := big.ink()
			k := s.em / 256 // the sprite is 256 pixels large
			low = min(low, float64(ink.Dy())*k)
			x, y := ai[i].x+c.x*s.em, ai[i].y+c.y*s.em
			out.Box = out.Box.Union(image.Rect(int(math.Floor(x+float64(ink.Min.X)*k)), int(math.Floor(y+float64(ink.Min.Y)*k)),
				int(math.Ceil(x+float64(ink.Max.X)*k)), int(math.Ceil(y+float64(ink.Max.Y)*k))))
		}
	}
	out.Box = out.Box.Intersect(v.bounds())
	short := float64(v.short())
	out.Ink, out.Share = low, low/short
	out.Error = (0.5 + 0.015*low) / short // half a pixel, and the step of sizes that was tried
	switch {
	case out.Share-out.Error >= LeastShare:
		out.Enough = Yes
	case out.Share+out.Error < LeastShare:
		out.Enough = No
	default:
		out.Enough = Close
	}
	near := min(out.Box.Min.X, out.Box.Min.Y, v.w-out.Box.Max.X, v.h-out.Box.Max.Y)
	out.Edge = float64(near) <= edgeReach*short
	out.Contrast = f.contrast(v, s, pair)
	return out, true
}

// contrast is that of the ink and the ground of two characters, of the mean of each.
func (f *fonts) contrast(v *view, s spot, word []placed) float64 {
	t, err := f.template(word, s.em)
	if err != nil {
		return 0
	}
	lum := newLight()
	var sum [2]float64
	var n [2]float64
	x0, y0 := int(math.Round(s.x))+t.dx, int(math.Round(s.y))+t.dy
	for i, c := range t.cover {
		k := 0
		switch {
		case c >= 0.9:
			k = 1
		case c > 0.02:
			continue
		}
		if p := image.Pt(x0+i%t.w, y0+i/t.w); p.In(v.bounds()) {
			sum[k] += lum.of(v.at(p.X, p.Y))
			n[k]++
		}
	}
	if n[0] == 0 || n[1] == 0 {
		return 0
	}
	return contrast(sum[0]/n[0], sum[1]/n[1])
}
