package content

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

// picture is made of soft light, shapes and a little grain, as photographs and drawings are; the same seed gives the same picture.
func picture(seed uint64, w, h int) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 1))
	type wave struct{ fx, fy, phase, height float64 }
	waves := make([]wave, 6)
	for i := range waves {
		waves[i] = wave{r.Float64() * 9, r.Float64() * 9, r.Float64() * 7, 10 + r.Float64()*30}
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			v := 128.0
			for _, k := range waves {
				v += k.height * math.Sin(k.fx*float64(x)/float64(w)+k.fy*float64(y)/float64(h)+k.phase)
			}
			v += r.Float64()*8 - 4
			c := uint8(max(0, min(255, v)))
			img.SetRGBA(x, y, color.RGBA{c, uint8(max(0, min(255, v*0.9+10))), 255 - c/2, 255})
		}
	}
	for range 7 {
		x, y, radius := r.Float64()*float64(w), r.Float64()*float64(h), (0.04+r.Float64()*0.18)*float64(min(w, h))
		c := color.RGBA{uint8(r.UintN(256)), uint8(r.UintN(256)), uint8(r.UintN(256)), 255}
		square := r.UintN(2) == 0
		for py := max(0, int(y-radius)); py < min(h, int(y+radius)); py++ {
			for px := max(0, int(x-radius)); px < min(w, int(x+radius)); px++ {
				if square || math.Hypot(float64(px)-x, float64(py)-y) < radius {
					img.SetRGBA(px, py, c)
				}
			}
		}
	}
	return img
}

func jpegged(t testing.TB, img image.Image, quality int) image.Image {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	out, err := jpeg.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func scaled(img image.Image, by float64) image.Image {
	b := img.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, int(float64(b.Dx())*by), int(float64(b.Dy())*by)))
	xdraw.CatmullRom.Scale(out, out.Bounds(), img, b, draw.Src, nil)
	return out
}

func cropped(img image.Image, share float64) image.Image {
	b := img.Bounds()
	return img.(*image.RGBA).SubImage(image.Rect(b.Min.X+int(share*float64(b.Dx())), b.Min.Y+int(share*float64(b.Dy())), b.Max.X-int(share*float64(b.Dx())), b.Max.Y-int(share*float64(b.Dy()))))
}

// TestPerceptual measures what the hash of a picture survives, and how far those of different pictures lie apart. Run with -v for the table.
func TestPerceptual(t *testing.T) {
	const n = 80
	pictures, hashes := make([]*image.RGBA, n), make([]uint64, n)
	sizes := [][2]int{{512, 512}, {640, 360}, {360, 640}, {400, 300}}
	for i := range pictures {
		size := sizes[i%len(sizes)]
		pictures[i] = picture(uint64(i), size[0], size[1])
		hashes[i] = Perceptual(pictures[i])
		if hashes[i] == 0 {
			t.Fatalf("picture %d has no hash", i)
		}
	}
	for _, c := range []struct {
		name  string
		edit  func(image.Image) image.Image
		found float64 // least share within NearMax
		sure  float64 // least share within SureLook
	}{
		{"JPEG 90", func(m image.Image) image.Image { return jpegged(t, m, 90) }, 1, 1},
		{"JPEG 75", func(m image.Image) image.Image { return jpegged(t, m, 75) }, 1, 1},
		{"JPEG 50", func(m image.Image) image.Image { return jpegged(t, m, 50) }, 1, 1},
		{"half size", func(m image.Image) image.Image { return scaled(m, 0.5) }, 1, 1},
		{"half size, JPEG 60", func(m image.Image) image.Image { return jpegged(t, scaled(m, 0.5), 60) }, 1, 1},
		{"crop 1 % a side", func(m image.Image) image.Image { return cropped(m, 0.01) }, 0.95, 0.8},
		{"crop 2 % a side", func(m image.Image) image.Image { return cropped(m, 0.02) }, 0.9, 0.25},
	} {
		within, sure, most, sum := 0, 0, 0, 0
		for i, p := range pictures {
			d := Distance(hashes[i], Perceptual(c.edit(p)))
			most, sum = max(most, d), sum+d
			if d <= NearMax {
				within++
			}
			if d <= SureLook {
				sure++
			}
		}
		t.Logf("%-20s  mean %4.1f  most %2d  within %d: %5.1f %%  within %d: %5.1f %%", c.name, float64(sum)/n, most, SureLook, 100*float64(sure)/n, NearMax, 100*float64(within)/n)
		if float64(within)/n < c.found || float64(sure)/n < c.sure {
			t.Errorf("%s: %d and %d of %d", c.name, sure, within, n)
		}
	}
	pairs, nearest, histogram := 0, 64, map[int]int{}
	for i := range hashes {
		for k := range i {
			d := Distance(hashes[i], hashes[k])
			pairs, nearest = pairs+1, min(nearest, d)
			histogram[d]++
		}
	}
	line := ""
	for d := nearest; d <= 16; d++ {
		line += fmt.Sprintf(" %d:%d", d, histogram[d])
	}
	t.Logf("%d pairs of different pictures: nearest %d;%s", pairs, nearest, line)
	if nearest <= NearMax {
		t.Errorf("two different pictures are %d apart", nearest)
	}
}
