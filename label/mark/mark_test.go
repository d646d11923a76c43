package mark

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/image/font/gofont/gobold"
)

// shot writes a picture to the folder HEGUI_SHOTS, to be looked at.
func shot(t *testing.T, name string, img image.Image) {
	t.Helper()
	dir := os.Getenv("HEGUI_SHOTS")
	if dir == "" {
		return
	}
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

// inkRuns measures by itself: on a flat image it cuts the drawn words into runs of columns that have ink and gives the height of each.
func inkRuns(img image.Image, ground color.NRGBA) (heights []int, box image.Rectangle) {
	b := img.Bounds()
	inked := func(x, y int) bool {
		c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
		return math.Abs(float64(c.R)-float64(ground.R)) > 127
	}
	low, high := -1, -1
	end := func() {
		if low >= 0 {
			heights = append(heights, high-low+1)
		}
		low = -1
	}
	for x := b.Min.X; x < b.Max.X; x++ {
		any := false
		for y := b.Min.Y; y < b.Max.Y; y++ {
			if inked(x, y) {
				if !any && low < 0 {
					low, high = y, y
				}
				any = true
				low, high = min(low, y), max(high, y)
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
		if !any {
			end()
		}
	}
	end()
	return heights, box
}

// TestInkHasFivePercent measures what was drawn, column by column, at many sizes and aspects: no run of ink of AI生成 is lower than 5 % of the
// shortest side (GB 45438-2025 5.2), and the report says the same.
func TestInkHasFivePercent(t *testing.T) {
	t.Parallel()
	for _, s := range []image.Point{{300, 300}, {512, 512}, {640, 480}, {1024, 1024}, {1080, 1920}, {1920, 1080}, {333, 777}, {2048, 400}} {
		for _, words := range []string{"AI生成", "人工智能合成", "AI辅助合成"} {
			img, r, err := Draw(flat(s.X, s.Y, white), Options{Words: []string{words}, Share: 0.05})
			if err != nil {
				t.Errorf("%v %s: %v", s, words, err)
				continue
			}
			heights, box := inkRuns(img, white)
			need := 0.05 * float64(min(s.X, s.Y))
			for _, h := range heights {
				if float64(h) < need {
					t.Errorf("%v %s: a run of ink is %d pixels high, %.1f are needed; all: %v", s, words, h, need, heights)
				}
			}
			if least := slices.Min(heights); words == "AI生成" && least != r.Ink {
				t.Errorf("%v: the report says %d pixels of ink, measured are %d", s, r.Ink, least)
			}
			if r.Words != words || !box.In(r.Box) || r.Share < LeastShare || r.Contrast < 20 || float64(r.Ink) > need+2 && r.Ink > goodInk {
				t.Errorf("%v: %+v, ink in %v", s, r, box)
			}
		}
	}
}

// TestLadder tells what becomes of the words where room is short.
func TestLadder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		w, h     int
		words    string
		vertical bool
		err      error
	}{
		{1024, 1024, "人工智能生成", false, nil},
		{4000, 200, "人工智能生成", false, nil},
		{200, 4000, "人工智能生成", false, nil},
		{128, 128, "AI生成", false, nil},
		{64, 64, "AI生成", false, nil},
		{60, 1000, "人工/智能/生成", false, nil},
		{24, 400, "AI生成", true, nil},
		{32, 32, "AI/生成", false, nil},
		{14, 80, "", false, ErrNoRoom},
		{400, 10, "", false, ErrNoRoom},
		{1, 1, "", false, ErrNoRoom},
	} {
		img, r, err := Draw(scene(c.w, c.h, 4), Options{})
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
			t.Errorf("%d x %d: %v", c.w, c.h, err)
			continue
		}
		if err != nil {
			continue
		}
		if r.Words != c.words || r.Vertical != c.vertical || !r.Box.In(img.Bounds()) || r.Ink < leastInk || r.Share < LeastShare {
			t.Errorf("%d x %d: %+v", c.w, c.h, r)
		}
		if f := Find(img); f.State != Found || f.Enough != Yes || !f.Edge {
			t.Errorf("%d x %d: drawn as %s, found as %+v", c.w, c.h, r.Words, f)
		}
		shot(t, fmt.Sprintf("ladder-%dx%d", c.w, c.h), img)
	}
}

// TestContrast draws at all places of many pictures and measures the contrast of the sure ink with all ground around it again.
func TestContrast(t *testing.T) {
	t.Parallel()
	grounds := []*image.NRGBA{flat(300, 200, white), flat(300, 200, color.NRGBA{A: 255}), flat(300, 200, color.NRGBA{118, 118, 118, 255}),
		flat(300, 200, color.NRGBA{255, 0, 0, 255}), flat(300, 200, color.NRGBA{0, 0, 255, 255}), flat(300, 200, color.NRGBA{255, 255, 0, 255})}
	for seed := range uint64(6) {
		grounds = append(grounds, scene(300, 200, seed))
	}
	lum := newLight()
	for i, ground := range grounds {
		for _, at := range Positions() {
			m := image.NewNRGBA(ground.Rect)
			copy(m.Pix, ground.Pix)
			_, r, err := Draw(m, Options{At: at})
			if err != nil {
				t.Errorf("ground %d %s: %v", i, at, err)
				continue
			}
			// by position in the box: the corners are ground, the extreme brightness there is the ink
			v := newView(m, 1)
			corner := lum.of(v.at(r.Box.Min.X, r.Box.Min.Y))
			far, worst := 0.0, math.Inf(1)
			for _, c := range v.read(r.Box) {
				far = max(far, contrast(corner, lum.of(c)))
			}
			for x := r.Box.Min.X; x < r.Box.Max.X; x++ { // the rim of the box has no ink
				ink := 1.0
				if corner > 0.18 {
					ink = 0
				}
				worst = min(worst, contrast(ink, lum.of(v.at(x, r.Box.Min.Y))), contrast(ink, lum.of(v.at(x, r.Box.Max.Y-1))))
			}
			if r.Contrast < LeastContrast || far < LeastContrast || worst < LeastContrast {
				t.Errorf("ground %d %s: report %.2f, corner to ink %.2f, rim %.2f", i, at, r.Contrast, far, worst)
			}
			gap := [4]int{r.Box.Min.X, r.Box.Min.Y, 300 - r.Box.Max.X, 200 - r.Box.Max.Y} // 2 % of 200 pixels on the sides named
			want := map[Position][]int{BottomRight: {2, 3}, BottomLeft: {0, 3}, TopRight: {1, 2}, TopLeft: {0, 1}, Bottom: {3}, Top: {1}, Left: {0}, Right: {2}}
			for side, n := range gap {
				if slices.Contains(want[at], side) != (n == 4) {
					t.Errorf("%s: box %v leaves %v pixels on the four sides", at, r.Box, gap)
				}
			}
		}
	}
}

// TestKinds draws on every kind of image: what lies outside the box is not touched, and the mark is found.
func TestKinds(t *testing.T) {
	t.Parallel()
	src := scene(240, 180, 11)
	on := func(m draw.Image) image.Image { draw.Draw(m, m.Bounds(), src, image.Point{}, draw.Src); return m }
	r := src.Rect
	kinds := []image.Image{on(image.NewNRGBA(r)), on(image.NewRGBA(r)), on(image.NewNRGBA64(r)), on(image.NewRGBA64(r)), on(image.NewGray(r)),
		on(image.NewGray16(r)), on(image.NewCMYK(r)), on(image.NewPaletted(r, palette.Plan9)), on(image.NewPaletted(r, palette.WebSafe[:200])),
		on(image.NewPaletted(r, color.Palette{color.Black, color.White})), image.NewNRGBA(r).SubImage(r)}
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410} {
		m := image.NewYCbCr(r, ratio)
		for y := range 180 {
			for x := range 240 {
				c := src.NRGBAAt(x, y)
				m.Y[m.YOffset(x, y)], m.Cb[m.COffset(x, y)], m.Cr[m.COffset(x, y)] = color.RGBToYCbCr(c.R, c.G, c.B)
			}
		}
		kinds = append(kinds, m)
	}
	moved := image.NewNRGBA(image.Rect(-30, 50, 210, 230))
	draw.Draw(moved, moved.Rect, src, image.Point{}, draw.Src)
	kinds = append(kinds, moved, readOnly{src})
	for i, m := range kinds {
		b := m.Bounds()
		before := image.NewNRGBA64(b)
		draw.Draw(before, b, m, b.Min, draw.Src)
		out, report, err := Draw(m, Options{})
		if err != nil {
			t.Errorf("%d %T: %v", i, m, err)
			continue
		}
		if out.Bounds() != b || !report.Box.In(b) || report.Contrast < LeastContrast {
			t.Errorf("%d %T: %v %+v", i, m, out.Bounds(), report)
		}
		reach := report.Box.Inset(-4) // colour is shared by up to four pixels
		if _, ok := m.(*image.Paletted); !ok {
			for y := b.Min.Y; y < b.Max.Y; y++ {
				for x := b.Min.X; x < b.Max.X; x++ {
					if now := color.NRGBA64Model.Convert(out.At(x, y)); !image.Pt(x, y).In(reach) && now != color.Color(before.NRGBA64At(x, y)) {
						t.Fatalf("%d %T: pixel %d,%d outside %v was %v, is %v", i, m, x, y, report.Box, before.NRGBA64At(x, y), now)
					}
				}
			}
		}
		if f := Find(out); f.State != Found || f.Enough != Yes {
			t.Errorf("%d %T: drawn %+v, found %+v", i, m, report, f)
		}
		if _, again, err := Draw(out, Options{}); err != nil || !again.Already {
			t.Errorf("%d %T: drawn twice: %+v, %v", i, m, again, err)
		}
	}
}

type readOnly struct{ m *image.NRGBA }

func (r readOnly) ColorModel() color.Model { return r.m.ColorModel() }
func (r readOnly) Bounds() image.Rectangle { return r.m.Rect }
func (r readOnly) At(x, y int) color.Color { return r.m.At(x, y) }

// TestTwice: on a copy that was packed again or has another size the mark is not drawn again; on one where it is elsewhere, or too
// faint, it is.
func TestTwice(t *testing.T) {
	t.Parallel()
	for i, at := range Positions() {
		m := scene(640, 480, uint64(60+i))
		if _, _, err := Draw(m, Options{At: at}); err != nil {
			t.Fatal(err)
		}
		for name, img := range map[string]image.Image{"JPEG": throughJPEG(t, m, 60), "smaller": scaled(m, 0.5), "larger": scaled(m, 1.7)} {
			out, r, err := Image(encodePNG(t, img), Options{At: at})
			if err != nil || !r.Already || r.Share < LeastShare || r.Contrast < LeastContrast || !bytes.Equal(out, encodePNG(t, img)) {
				t.Errorf("%s %s: %+v %v", at, name, r, err)
			}
		}
		other := Positions()[(i+1)%8]
		if _, r, err := Draw(m, Options{At: other}); err != nil || r.Already {
			t.Errorf("%s, then %s: %+v %v", at, other, r, err)
		}
	}
	faint := flat(400, 400, color.NRGBA{120, 120, 120, 255})
	write(t, faint, "人工智能生成", 29, image.Pt(216, 358), color.NRGBA{150, 150, 150, 255})
	if _, r, err := Draw(faint, Options{}); err != nil || r.Already {
		t.Errorf("a faint mark: %+v %v", r, err)
	}
}

// TestTransparent: the mark has an opaque plate where nothing was, stands on the rectangle around what is seen, and reads on any page.
func TestTransparent(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 800, 600))
	disc := image.Rect(200, 100, 600, 500)
	for y := disc.Min.Y; y < disc.Max.Y; y++ {
		for x := disc.Min.X; x < disc.Max.X; x++ {
			if (x-400)*(x-400)+(y-300)*(y-300) <= 200*200 {
				m.SetNRGBA(x, y, color.NRGBA{220, 120, 40, 255})
			}
		}
	}
	_, r, err := Draw(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Box.In(disc.Inset(-1)) || r.Box.Max.X < 580 || r.Box.Max.Y < 480 || float64(r.Ink) < 0.05*600 {
		t.Errorf("%+v, the disc is in %v", r, disc)
	}
	for y := r.Box.Min.Y; y < r.Box.Max.Y; y++ {
		for x := r.Box.Min.X; x < r.Box.Max.X; x++ {
			if m.NRGBAAt(x, y).A != 255 {
				t.Fatalf("pixel %d,%d of the mark lets the page through", x, y)
			}
		}
	}
	for _, page := range []color.Color{color.White, color.Black} {
		on := image.NewNRGBA(m.Rect)
		draw.Draw(on, on.Rect, image.NewUniform(page), image.Point{}, draw.Src)
		draw.Draw(on, on.Rect, m, image.Point{}, draw.Over)
		if f := Find(on); f.State != Found || f.Enough != Yes || f.Contrast < LeastContrast {
			t.Errorf("on %v: %+v", page, f)
		}
		shot(t, fmt.Sprintf("transparent-%v", page == color.White), on)
	}
	blank := image.NewNRGBA(image.Rect(0, 0, 300, 300))
	if _, r, err := Draw(blank, Options{}); err != nil || r.Contrast < 20 {
		t.Errorf("wholly transparent: %+v %v", r, err)
	}
	over, r, err := Overlay(1280, 720, Options{At: TopLeft})
	if err != nil || over.Rect != r.Box || !over.Opaque() || r.Box.Min.X > 30 || r.Share < LeastShare {
		t.Errorf("overlay: %v %+v %v", over.Rect, r, err)
	}
}

func TestOptions(t *testing.T) {
	big := flat(400, 400, white)
	for name, c := range map[string]struct {
		o    Options
		want error
	}{
		"no generation element": {Options{Words: []string{"人工智能"}}, ErrWords},
		"no AI element":         {Options{Words: []string{"本内容生成"}}, ErrWords},
		"AI within a word":      {Options{Words: []string{"MAIL生成"}}, ErrWords},
		"the short one lacks":   {Options{Words: []string{"AI生成", "AI"}}, ErrWords},
		"too small":             {Options{Share: 0.049}, ErrOptions},
		"not a number":          {Options{Share: math.NaN()}, ErrOptions},
		"margin":                {Options{Margin: 0.3}, ErrOptions},
		"no margin is negative": {Options{Margin: -1}, ErrOptions},
		"place":                 {Options{At: "middle"}, ErrOptions},
		"too many pixels":       {Options{MaxPixels: 1000}, ErrTooLarge},
	} {
		if _, _, err := Draw(big, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, _, err := Draw(image.NewUniform(color.White), Options{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("an endless image: %v", err)
	}
	if _, _, err := Draw(big, Options{Words: []string{"AI生成·龘"}}); err == nil {
		t.Error("a character that no font has was drawn")
	}
	if _, _, err := Draw(big, Options{Font: []byte("not a font")}); err == nil {
		t.Error("a damaged font file was taken")
	}
	words := "星河科技 AI生成"
	if _, r, err := Draw(flat(800, 800, white), Options{Words: []string{words}, Font: gobold.TTF}); err != nil || r.Words != words {
		t.Errorf("an operator's font: %+v %v", r, err)
	}
	if _, r, err := Draw(flat(800, 800, white), Options{Words: []string{"Ελλ AI合成"}, Font: gobold.TTF}); err != nil || r.Words != "Ελλ AI合成" {
		t.Errorf("letters that only the operator's font has: %+v %v", r, err)
	}
}

// TestFiveSizes draws the pictures that people look at, with HEGUI_SHOTS=dir; without, it still wants the mark on each.
func TestFiveSizes(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		w, h int
		o    Options
	}{
		{1024, 1024, Options{}},
		{1280, 720, Options{At: BottomLeft, Words: []string{"【本内容由人工智能生成】", ShortWords}}},
		{720, 1280, Options{At: Right, Words: []string{"星河 AI生成"}}},
		{2000, 250, Options{At: TopRight}},
		{96, 96, Options{}},
	} {
		img, r, err := Draw(scene(c.w, c.h, uint64(20+i)), c.o)
		if err != nil {
			t.Fatal(err)
		}
		if f := Find(img); f.State != Found || f.Enough == No || r.Contrast < LeastContrast {
			t.Errorf("%d x %d: %+v %+v", c.w, c.h, r, f)
		}
		shot(t, fmt.Sprintf("five-%d-%dx%d", i+1, c.w, c.h), img)
	}
}

// FuzzFont: a damaged font file of an operator gives an error or a mark that holds the rule, and no panic.
func FuzzFont(f *testing.F) {
	f.Add(gobold.TTF)
	f.Add(subset)
	f.Fuzz(func(t *testing.T, font []byte) {
		_, r, err := Draw(flat(200, 120, white), Options{Words: []string{"Ελ AI合成"}, Font: font})
		if err == nil && (r.Share < LeastShare || r.Contrast < LeastContrast) {
			t.Fatalf("%+v", r)
		}
	})
}
