package mark

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"

	xdraw "golang.org/x/image/draw"
)

func scaled(m image.Image, k float64) image.Image {
	b := m.Bounds()
	out := image.NewNRGBA(image.Rect(0, 0, int(math.Round(float64(b.Dx())*k)), int(math.Round(float64(b.Dy())*k))))
	xdraw.CatmullRom.Scale(out, out.Rect, m, b, draw.Src, nil)
	return out
}

func throughJPEG(t *testing.T, m image.Image, q int) image.Image {
	t.Helper()
	out, err := jpeg.Decode(bytes.NewReader(encodeJPEG(t, m, q)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// page is a screenshot: the picture at a size of its own on a page with lines of text.
func page(t *testing.T, m image.Image) image.Image {
	t.Helper()
	b := m.Bounds()
	out := flat(b.Dx()+60, b.Dy()+50, color.NRGBA{250, 250, 250, 255})
	draw.Draw(out, b.Add(image.Pt(30, 20)), m, b.Min, draw.Src)
	write(t, out, "天气信息：来自平台，服务广州用户。", 12, image.Pt(30, b.Dy()+24), color.Black)
	return out
}

// write puts words on an image in the embedded font, as pages of others have it.
func write(t *testing.T, m draw.Image, words string, em float64, at image.Point, c color.Color) {
	t.Helper()
	f, err := newFonts(nil)
	if err != nil {
		t.Fatal(err)
	}
	x := float64(at.X)
	for _, r := range words {
		a, err := f.advance(r, em)
		if err != nil {
			continue // the subset has it not
		}
		s, err := f.draw(r, em, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		to := s.Rect.Add(image.Pt(int(x), at.Y+int(em)))
		draw.DrawMask(m, to, image.NewUniform(c), image.Point{}, s.Alpha, s.Rect.Min, draw.Over)
		x += a
	}
}

// TestFindAfterUse is how many marks are found after what happens to pictures, and how well their height is told.
func TestFindAfterUse(t *testing.T) {
	t.Parallel()
	type use struct {
		name string
		do   func(image.Image) image.Image
		want float64 // share that must be found
	}
	uses := []use{
		{"as drawn", func(m image.Image) image.Image { return m }, 1},
		{"JPEG q50", func(m image.Image) image.Image { return throughJPEG(t, m, 50) }, 0.97},
		{"JPEG q30", func(m image.Image) image.Image { return throughJPEG(t, m, 30) }, 0.9},
		{"resize 50 %", func(m image.Image) image.Image { return scaled(m, 0.5) }, 0.97},
		{"resize 83 %, JPEG q75", func(m image.Image) image.Image { return throughJPEG(t, scaled(m, 0.83), 75) }, 0.97},
		{"resize 130 %", func(m image.Image) image.Image { return scaled(m, 1.3) }, 0.97},
		{"screenshot of a page", func(m image.Image) image.Image { return page(t, scaled(m, 0.9)) }, 0.95},
	}
	var marked []image.Image
	var reports []Report
	words := [][]string{nil, {"AI生成"}, {"AI合成"}, {"人工智能合成"}, {"【AI辅助生成】"}, {"本图片由AI生成"}}
	for i := range 12 {
		s := [][2]int{{400, 400}, {512, 320}, {320, 480}}[i%3]
		img, r, err := Draw(scene(s[0], s[1], uint64(100+i)), Options{At: Positions()[(i+i/8)%8], Words: words[i%6]})
		if err != nil {
			t.Fatal(err)
		}
		marked, reports = append(marked, img), append(reports, r)
	}
	for _, u := range uses {
		found, worst := 0, 0.0
		for i, m := range marked {
			now := u.do(m)
			f := Find(now)
			if f.State != Found {
				t.Logf("%s: not seen: %+v", u.name, reports[i])
				continue
			}
			found++
			if u.name == "screenshot of a page" { // the shortest side is another
				continue
			}
			if off := math.Abs(f.Share - reports[i].Share); off > f.Error+0.0021 { // the report counts whole rows
				t.Errorf("%s: share %.4f ± %.4f, drawn %.4f (%s)", u.name, f.Share, f.Error, reports[i].Share, reports[i].Words)
			} else {
				worst = max(worst, off)
			}
			if f.Enough == No {
				t.Errorf("%s: %+v of %+v", u.name, f, reports[i])
			}
		}
		t.Logf("%-24s %d of %d found, share off by %.4f at most", u.name, found, len(marked), worst)
		if float64(found) < u.want*float64(len(marked)) {
			t.Errorf("%s: %d of %d found", u.name, found, len(marked))
		}
	}
}

// TestFindSmall: a mark that is there and too low is found, and said to be too low.
func TestFindSmall(t *testing.T) {
	t.Parallel()
	for _, em := range []float64{24, 27, 30} { // ink of 3.5 to 4.3 % of 512
		m := scene(512, 512, 77)
		draw.Draw(m, image.Rect(330, 450, 512, 512), image.Black, image.Point{}, draw.Src)
		write(t, m, "AI生成", em, image.Pt(360, 460), color.White)
		f := Find(m)
		if want := em * 0.741 / 512; f.State != Found || f.Enough != No || math.Abs(f.Share-want) > f.Error {
			t.Errorf("size %.0f: %+v, drawn %.4f", em, f, want)
		}
	}
}

// TestFindNothing: no mark is seen where none is: pictures, gradients, noise, pages of other words in the same font, and words with
// one of the two elements only.
func TestFindNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	var none []image.Image
	for i := range 20 {
		none = append(none, scene(320+10*i, 300, uint64(500+i)))
	}
	for i := range 6 {
		m := image.NewNRGBA(image.Rect(0, 0, 300, 300))
		for y := range 300 {
			for x := range 300 {
				v := uint8((x*(i+1) + y*(6-i)) / 8)
				if i >= 3 {
					v = uint8(r.IntN(256))
				}
				m.SetNRGBA(x, y, color.NRGBA{v, v / 2, 255 - v, 255})
			}
		}
		none = append(none, m)
	}
	pool := []rune("人工智能本内容由辅助制作图片像视频音文字画面作品仅供参考来自平台服务提者标识疑似可科技信息网络云数据中国北京上海深圳广州杭有限公司集团星河天大小学新华通义文心千问智慧海美创未来软件生AIBCDE0123 ")
	for i := range 24 {
		m := flat(360, 300, white)
		ink := color.Color(color.Black)
		if i%2 == 1 {
			m, ink = flat(360, 300, color.NRGBA{20, 30, 60, 255}), color.White
		}
		em := 12 + float64(i)
		for y := 2; y < 300; y += int(em * 1.4) {
			line := make([]rune, int(360/em))
			for k := range line {
				line[k] = pool[r.IntN(len(pool))]
			}
			write(t, m, string(line), em, image.Pt(4, y), ink)
		}
		none = append(none, m)
	}
	for _, words := range []string{"AI", "人工智能", "生成", "合成", "人工服务 生成", "智能生成", "AI制作", "人工智能平台", "文心 AI 作品", "成生AI", "工人智能生成"} {
		for _, em := range []float64{20, 28} {
			m := scene(360, 300, 900)
			draw.Draw(m, image.Rect(120, 250, 360, 300), image.Black, image.Point{}, draw.Src)
			write(t, m, words, em, image.Pt(150, 254), color.White)
			none = append(none, m)
		}
	}
	wrong := 0
	for i, m := range none {
		if f := Find(m); f.State != Unknown {
			wrong++
			t.Errorf("picture %d: %+v", i, f)
			shot(t, fmt.Sprintf("false-%d", i), m)
		}
	}
	t.Logf("%d of %d pictures without a mark said to have one", wrong, len(none))
}

// TestForeignFont: what is not in our font is not known, and not denied.
func TestForeignFont(t *testing.T) {
	m := flat(300, 300, white)
	for i := range 8 { // strokes, no glyphs of ours
		draw.Draw(m, image.Rect(160+16*i, 270, 168+16*i, 290), image.Black, image.Point{}, draw.Src)
	}
	if f := Find(m); f.State != Unknown || f.Enough != "" || !f.Box.Empty() {
		t.Errorf("%+v", f)
	}
	for _, s := range []image.Point{{1, 1}, {7, 300}, {100000, 9}, {0, 0}} {
		if f := Find(image.NewGray(image.Rectangle{Max: s})); f.State != Unknown {
			t.Errorf("%v: %+v", s, f)
		}
	}
}
