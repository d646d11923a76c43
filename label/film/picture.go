package film

import (
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/mark"
)

// turn is how a player turns the pictures of a film before it shows them: the linear part of a display matrix, -1, 0 or 1 each.
type turn struct{ a, b, c, d int }

// turned reads the display matrix of a track; the sample aspect ratio is not in it.
func (t track) turned() (turn, error) {
	for _, s := range t.Side {
		if s.Matrix == "" {
			continue
		}
		var cells []int
		for _, row := range strings.Split(strings.TrimSpace(s.Matrix), "\n") {
			_, numbers, _ := strings.Cut(row, ":")
			for _, f := range strings.Fields(numbers) {
				n, err := strconv.Atoi(f)
				if err != nil {
					return turn{}, fmt.Errorf("%w: display matrix %q", ErrFailed, s.Matrix)
				}
				cells = append(cells, n)
			}
		}
		if len(cells) != 9 {
			return turn{}, fmt.Errorf("%w: display matrix of %d numbers", ErrFailed, len(cells))
		}
		sign := func(n int) int { return int(math.Round(max(-1, min(1, float64(n)/(1<<16))))) }
		m := turn{sign(cells[0]), sign(cells[1]), sign(cells[3]), sign(cells[4])}
		if m.a*m.d-m.b*m.c == 0 || m.a*m.b != 0 || m.a*m.c != 0 || m.d*m.b != 0 {
			return turn{}, &carrier.Error{Format: "film", Kind: carrier.Unsupported, Offset: -1, Rule: "the film is to be shown at an angle that is no quarter of a circle"}
		}
		return m, nil
	}
	return turn{1, 0, 0, 1}, nil
}

// shown are width and height of the pictures as players show them: with square pixels, turned.
func (t track) shown(m turn) (w, h int) {
	w, h = int(math.Round(float64(t.Width)*ratio(t.Aspect))), t.Height
	if m.a == 0 {
		return h, w
	}
	return w, h
}

// sticker is the mark as it lies on the pictures as they are stored.
type sticker struct {
	path   string
	at     image.Rectangle // in stored pixels
	report mark.Report
}

// sticker draws the mark for the pictures as they are shown and turns it the way they are stored.
func (w *bench) sticker(t track, o mark.Options) (s sticker, err error) {
	m, err := t.turned()
	if err != nil {
		return s, err
	}
	width, height := t.shown(m)
	img, report, err := mark.Overlay(width, height, o)
	if err != nil {
		return s, fmt.Errorf("film: %w", err)
	}
	s.report, s.path = report, w.path("mark.png")
	// A stored point goes to (a x + c y, b x + d y), moved so that nothing is negative. Back again is the transpose.
	flipX, flipY := m.a+m.c < 0, m.b+m.d < 0
	back := func(x, y float64) (float64, float64) {
		if flipX {
			x = float64(width) - x
		}
		if flipY {
			y = float64(height) - y
		}
		return math.Abs(float64(m.a))*x + math.Abs(float64(m.b))*y, math.Abs(float64(m.c))*x + math.Abs(float64(m.d))*y
	}
	r := img.Rect
	x0, y0 := back(float64(r.Min.X), float64(r.Min.Y))
	x1, y1 := back(float64(r.Max.X), float64(r.Max.Y))
	x0, x1, y0, y1 = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
	out := image.NewNRGBA(image.Rect(0, 0, int(x1-x0), int(y1-y0)))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			bx, by := back(float64(x)+0.5, float64(y)+0.5)
			out.SetNRGBA(int(bx-x0), int(by-y0), img.NRGBAAt(x, y))
		}
	}
	aspect := ratio(t.Aspect)
	s.at = image.Rect(int(math.Floor(x0/aspect)), int(y0), int(math.Ceil(x1/aspect)), int(y1))
	f, err := os.Create(s.path)
	if err != nil {
		return s, fmt.Errorf("film: %w", err)
	}
	err = png.Encode(f, out)
	if bad := f.Close(); err == nil {
		err = bad
	}
	if err != nil {
		return s, fmt.Errorf("film: %w", err)
	}
	return s, nil
}
