package mark

import (
	_ "embed" // the font
	"fmt"
	"image"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// subset is Noto Sans CJK SC Bold cut down to the characters of font/characters.txt (SIL OFL 1.1, see font/NOTICE.md).
//
//go:embed font/NotoSansCJKsc-Bold-subset.otf
var subset []byte

// maxFont bounds an operator's font file; ours.
const maxFont = 64 << 20

// fonts draws characters: those of the two elements always from the embedded font, which is the one that Find knows, all others from the
// operator's font if it has them. Not for use by several goroutines.
type fonts struct {
	own, theirs *sfnt.Font
	buf         sfnt.Buffer
	raster      vector.Rasterizer
	heights     map[rune]float64 // of the ink, in font sizes
}

// height is how high the ink of a character is, in font sizes.
func (f *fonts) height(r rune) (float64, error) {
	if h, ok := f.heights[r]; ok {
		return h, nil
	}
	const big = 256
	s, err := f.draw(r, big, 0, 0)
	if err != nil {
		return 0, err
	}
	if f.heights == nil {
		f.heights = map[rune]float64{}
	}
	f.heights[r] = float64(s.ink().Dy()) / big
	return f.heights[r], nil
}

func newFonts(operator []byte) (*fonts, error) {
	own, err := sfnt.Parse(subset)
	if err != nil {
		return nil, fmt.Errorf("mark: the embedded font: %w", err)
	}
	f := &fonts{own: own}
	if operator == nil {
		return f, nil
	}
	if len(operator) > maxFont {
		return nil, fmt.Errorf("mark: the font file has %d bytes, at most %d are read", len(operator), maxFont)
	}
	c, err := sfnt.ParseCollection(operator)
	if err != nil {
		return nil, fmt.Errorf("mark: the font file: %w", err)
	}
	if f.theirs, err = c.Font(0); err != nil {
		return nil, fmt.Errorf("mark: the font file: %w", err)
	}
	return f, nil
}

// of finds the font that draws a character.
func (f *fonts) of(r rune) (*sfnt.Font, sfnt.GlyphIndex, error) {
	try := []*sfnt.Font{f.theirs, f.own}
	if inElement(r) {
		try = try[1:]
	}
	for _, face := range try {
		if face == nil {
			continue
		}
		if i, err := face.GlyphIndex(&f.buf, r); err == nil && i != 0 {
			return face, i, nil
		}
	}
	return nil, 0, fmt.Errorf("mark: no font has the character %q; give a font file that has it", r)
}

// advance is the width of a character in pixels for a font size in pixels.
func (f *fonts) advance(r rune, em float64) (float64, error) {
	face, i, err := f.of(r)
	if err != nil {
		return 0, err
	}
	const fine = 64 // the advance is read at a size where rounding does not matter
	a, err := face.GlyphAdvance(&f.buf, i, fixed.Int26_6(fine*64*16), font.HintingNone)
	if err != nil {
		return 0, fmt.Errorf("mark: the width of %q: %w", r, err)
	}
	return float64(a) / 64 / (fine * 16) * em, nil
}

// sprite is a character as drawn: how much of each pixel is ink. Its Rect is relative to the origin on the baseline.
type sprite struct {
	*image.Alpha
}

// draw makes the sprite of a character at a font size in pixels, its origin moved by a fraction of a pixel.
func (f *fonts) draw(r rune, em, dx, dy float64) (sprite, error) {
	face, i, err := f.of(r)
	if err != nil {
		return sprite{}, err
	}
	segments, err := face.LoadGlyph(&f.buf, i, fixed.Int26_6(math.Round(em*64)), nil)
	if err != nil {
		return sprite{}, fmt.Errorf("mark: the outline of %q: %w", r, err)
	}
	b := segments.Bounds()
	box := image.Rect(b.Min.X.Floor()-1, b.Min.Y.Floor()-1, b.Max.X.Ceil()+2, b.Max.Y.Ceil()+2)
	if box.Dx() > int(8*em)+8 || box.Dy() > int(8*em)+8 {
		return sprite{}, fmt.Errorf("mark: the outline of %q is %d x %d pixels at size %.0f: the font is damaged", r, box.Dx(), box.Dy(), em)
	}
	z := &f.raster
	z.Reset(box.Dx(), box.Dy())
	x := func(p fixed.Point26_6) float32 { return float32(p.X)/64 - float32(box.Min.X) + float32(dx) }
	y := func(p fixed.Point26_6) float32 { return float32(p.Y)/64 - float32(box.Min.Y) + float32(dy) }
	for _, s := range segments {
		a := s.Args
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			z.ClosePath()
			z.MoveTo(x(a[0]), y(a[0]))
		case sfnt.SegmentOpLineTo:
			z.LineTo(x(a[0]), y(a[0]))
		case sfnt.SegmentOpQuadTo:
			z.QuadTo(x(a[0]), y(a[0]), x(a[1]), y(a[1]))
		case sfnt.SegmentOpCubeTo:
			z.CubeTo(x(a[0]), y(a[0]), x(a[1]), y(a[1]), x(a[2]), y(a[2]))
		}
	}
	z.ClosePath()
	out := image.NewAlpha(box)
	z.Draw(out, box, image.Opaque, image.Point{})
	return sprite{out}, nil
}

// solid is the coverage from which a pixel counts as ink.
const solid = 128

// ink is the rectangle of the pixels that are ink, relative to the origin.
func (s sprite) ink() image.Rectangle {
	b := s.Bounds()
	r := image.Rectangle{Min: b.Max, Max: b.Min}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		row := s.Pix[(y-b.Min.Y)*s.Stride:][:b.Dx()]
		for i, v := range row {
			if v >= solid {
				x := b.Min.X + i
				r.Min.X, r.Max.X = min(r.Min.X, x), max(r.Max.X, x+1)
				r.Min.Y, r.Max.Y = min(r.Min.Y, y), max(r.Max.Y, y+1)
			}
		}
	}
	if r.Empty() {
		return image.Rectangle{}
	}
	return r
}
