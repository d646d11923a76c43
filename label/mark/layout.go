package mark

import (
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
)

// Distances inside a mark, of the font size.
const (
	pad       = 0.2  // from the ink to the edge of the plate
	linePitch = 1.15 // from line to line
	cellPitch = 1.04 // from character to character where they stand below each other
	wideCell  = 1.3  // a word of Latin letters wider than this does not stand in a column
)

// glyph is a character at its place in a block: its origin on the baseline, in pixels from the block's corner.
type glyph struct {
	r       rune
	at      image.Point
	element bool
	s       sprite
}

// block is the words at one size in one arrangement.
type block struct {
	words    string // lines parted by "/"
	vertical bool
	em       float64
	glyphs   []glyph
	ink      int             // height of the lowest character of the elements, pixels
	size     image.Point     // with the plate
	inkBox   image.Rectangle // of all ink, within size
}

// mask is how much of each pixel of the block is ink.
func (b *block) mask() *image.Alpha {
	m := image.NewAlpha(image.Rectangle{Max: b.size})
	for _, g := range b.glyphs {
		r := g.s.Bounds()
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				p := g.at.Add(image.Pt(x, y))
				if v := g.s.Pix[g.s.PixOffset(x, y)]; v > 0 && p.In(m.Rect) {
					i := m.PixOffset(p.X, p.Y)
					m.Pix[i] = max(m.Pix[i], v)
				}
			}
		}
	}
	return m
}

// piece is what stays together on a line: a word of Latin letters, a pair such as 生成, a character with the marks that lean on it.
type piece struct {
	runes   []rune
	element []bool
	space   bool // before it
}

// pieces cuts words where a line may end.
func pieces(words string) []piece {
	runes, in := []rune(words), elementRunes(words)
	var out []piece
	glue, space := false, false // the next belongs to what was before; a space was before
	for i := 0; i < len(runes); {
		r := runes[i]
		if r == ' ' {
			space, i = true, i+1
			continue
		}
		n := 1
		switch {
		case latin(r):
			for i+n < len(runes) && latin(runes[i+n]) {
				n++
			}
		case i+1 < len(runes) && slices.Contains([]string{"人工", "智能", "生成", "合成"}, string(runes[i:i+2])):
			n = 2
		}
		leans := strings.ContainsRune("】」）)],.:;!，。、：！·-", r)
		if len(out) > 0 && !space && (glue || leans) {
			p := &out[len(out)-1]
			p.runes, p.element = append(p.runes, runes[i:i+n]...), append(p.element, in[i:i+n]...)
		} else {
			out = append(out, piece{slices.Clone(runes[i : i+n]), slices.Clone(in[i : i+n]), space && len(out) > 0})
		}
		glue, space = strings.ContainsRune("【「（([#@·-", r), false
		i += n
	}
	return out
}

// arrangement is the lines of a block.
type arrangement struct {
	lines    [][]piece
	vertical bool
}

// arrangements are the ways to write words: one line, then two and more, then a column.
func (f *fonts) arrangements(words string) ([]arrangement, error) {
	ps := pieces(words)
	widths := make([]float64, len(ps))
	total, widest := 0.0, 0.0
	for i, p := range ps {
		for _, r := range p.runes {
			w, err := f.advance(r, 1)
			if err != nil {
				return nil, err
			}
			widths[i] += w
		}
		total += widths[i] + 0.25
		widest = max(widest, widths[i])
	}
	out := []arrangement{{lines: [][]piece{ps}}}
	for n := 2; n <= len(ps); n++ {
		for limit := max(total/float64(n), widest); ; limit += 0.1 {
			if lines := fill(ps, widths, limit+1e-9); len(lines) <= n {
				if len(lines) == n {
					out = append(out, arrangement{lines: lines})
				}
				break
			}
		}
	}
	var column [][]piece
	for _, p := range ps {
		if latin(p.runes[0]) { // a word stands upright in one cell
			column = append(column, []piece{p})
			continue
		}
		for i, r := range p.runes {
			column = append(column, []piece{{[]rune{r}, p.element[i : i+1], false}})
		}
	}
	for _, c := range column {
		w := 0.0
		for _, r := range c[0].runes {
			a, err := f.advance(r, 1)
			if err != nil {
				return nil, err
			}
			w += a
		}
		if w > wideCell {
			return out, nil
		}
	}
	return append(out, arrangement{lines: column, vertical: true}), nil
}

// fill puts as many pieces on each line as the limit allows, in em.
func fill(ps []piece, widths []float64, limit float64) [][]piece {
	var lines [][]piece
	at := 0.0
	for i, p := range ps {
		w := widths[i]
		if p.space {
			w += 0.25
		}
		if len(lines) > 0 && at+w <= limit {
			lines[len(lines)-1] = append(lines[len(lines)-1], p)
			at += w
			continue
		}
		lines, at = append(lines, []piece{p}), widths[i]
	}
	return lines
}

// set draws an arrangement at a font size.
func (f *fonts) set(a arrangement, em float64) (*block, error) {
	b := &block{vertical: a.vertical, em: em, ink: math.MaxInt}
	pitch := linePitch
	if a.vertical {
		pitch = cellPitch
	}
	var said []string
	var all image.Rectangle
	for i, line := range a.lines {
		var text strings.Builder
		first, x := len(b.glyphs), 0.0
		for k, p := range line {
			if p.space && k > 0 {
				x += 0.25 * em
				text.WriteByte(' ')
			}
			for j, r := range p.runes {
				w, err := f.advance(r, em)
				if err != nil {
					return nil, err
				}
				s, err := f.draw(r, em, 0, 0)
				if err != nil {
					return nil, err
				}
				b.glyphs = append(b.glyphs, glyph{r, image.Pt(int(math.Round(x)), int(math.Round(float64(i)*pitch*em))), p.element[j], s})
				if ink := s.ink(); p.element[j] {
					b.ink = min(b.ink, ink.Dy())
				}
				x += w
				text.WriteRune(r)
			}
		}
		for k := first; k < len(b.glyphs); k++ { // lines are centred
			g := &b.glyphs[k]
			g.at.X -= int(math.Round(x / 2))
			if ink := g.s.ink(); !ink.Empty() {
				all = all.Union(ink.Add(g.at))
			}
		}
		said = append(said, text.String())
	}
	sep := "/"
	if a.vertical {
		sep = ""
	}
	b.words = strings.Join(said, sep)
	room := max(2, int(math.Round(pad*em)))
	move := image.Pt(room, room).Sub(all.Min)
	for k := range b.glyphs {
		b.glyphs[k].at = b.glyphs[k].at.Add(move)
	}
	b.inkBox = all.Add(move)
	b.size = b.inkBox.Max.Add(image.Pt(room, room))
	return b, nil
}

// sized is the arrangement at the least font size at which every character of the elements has at least this much ink in height, in
// pixels.
func (f *fonts) sized(a arrangement, ink float64) (*block, error) {
	low, lowest := math.Inf(1), 'A' // ink over font size of the lowest character
	for _, line := range a.lines {
		for _, p := range line {
			for j, r := range p.runes {
				if !p.element[j] {
					continue
				}
				h, err := f.height(r)
				if err != nil {
					return nil, err
				}
				if h < low {
					low, lowest = h, r
				}
			}
		}
	}
	if low <= 0 {
		return nil, fmt.Errorf("mark: the font draws no ink for %q", lowest)
	}
	for em := max(1, ink/low-1); em <= 2*ink+8; em += 0.25 {
		s, err := f.draw(lowest, em, 0, 0)
		if err != nil {
			return nil, err
		}
		if float64(s.ink().Dy()) < ink {
			continue
		}
		if b, err := f.set(a, em); err != nil || float64(b.ink) >= ink {
			return b, err
		}
	}
	return nil, fmt.Errorf("mark: no size of the font gives ink of %.1f pixels", ink)
}

// mayFit tells, before anything is drawn, whether an arrangement is not clearly too large: a font size is at least the height of the ink.
func (f *fonts) mayFit(a arrangement, ink float64, room image.Point) bool {
	if float64(len(a.lines)-1)*cellPitch*ink > float64(room.Y) {
		return false
	}
	for _, line := range a.lines {
		w := 0.0
		for _, p := range line {
			for _, r := range p.runes {
				x, err := f.advance(r, ink)
				if err != nil {
					return true // told where it is drawn
				}
				w += x
			}
		}
		if w-ink > float64(room.X) {
			return false
		}
	}
	return true
}

// fit chooses words, arrangement and size for a picture whose shortest side is short, to stand in a room. The words that are wanted stand if
// they take no more than fullCover of the room, in the first arrangement that does; else whatever is smallest and fits, smaller where it would
// cover more than mostCover. The margin
// gives way before the words do.
func (f *fonts) fit(room image.Point, short int, o Options) (*block, int, error) {
	var all []arrangement
	for _, w := range o.Words {
		as, err := f.arrangements(w)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, as...)
	}
	least := o.Share * float64(short)
	margin := max(1, int(math.Round(o.Margin*float64(short))))
	area := float64(room.X) * float64(room.Y)
	fits := func(b *block, margin int) bool { return b.size.X+2*margin <= room.X && b.size.Y+2*margin <= room.Y }
	for _, a := range all {
		if !f.mayFit(a, max(least, goodInk), room) {
			continue
		}
		b, err := f.sized(a, max(least, goodInk))
		if err != nil {
			return nil, 0, err
		}
		if fits(b, margin) && float64(b.size.X)*float64(b.size.Y) <= fullCover*area {
			return b, margin, nil
		}
	}
	for _, try := range []struct{ ink, cover float64 }{{goodInk, mostCover}, {11, mostCover}, {leastInk, mostCover}, {leastInk, 1}} {
		var best [2]*block // with the margin, without
		for _, a := range all {
			if !f.mayFit(a, max(least, try.ink), room) {
				continue
			}
			b, err := f.sized(a, max(least, try.ink))
			if err != nil {
				return nil, 0, err
			}
			for i, margin := range [2]int{margin, 0} {
				if fits(b, margin) && float64(b.size.X)*float64(b.size.Y) <= try.cover*area && (best[i] == nil || b.size.X*b.size.Y < best[i].size.X*best[i].size.Y) {
					best[i] = b
				}
			}
		}
		for i, margin := range [2]int{margin, 0} {
			if best[i] != nil {
				return best[i], margin, nil
			}
		}
	}
	return nil, 0, fmt.Errorf("mark: %d x %d pixels: the ink must be %.0f pixels high (5 %% of the shortest side, and at least %d to be read): %w",
		room.X, room.Y, math.Ceil(max(least, leastInk)), leastInk, ErrNoRoom)
}

// place is the corner of a block within a rectangle.
func place(at Position, room image.Rectangle, size image.Point, margin int) image.Point {
	p := image.Pt((room.Min.X+room.Max.X-size.X)/2, (room.Min.Y+room.Max.Y-size.Y)/2)
	s := string(at)
	switch {
	case strings.Contains(s, "left"):
		p.X = room.Min.X + margin
	case strings.Contains(s, "right"):
		p.X = room.Max.X - margin - size.X
	}
	switch {
	case strings.Contains(s, "top"):
		p.Y = room.Min.Y + margin
	case strings.Contains(s, "bottom"):
		p.Y = room.Max.Y - margin - size.Y
	}
	return p
}
