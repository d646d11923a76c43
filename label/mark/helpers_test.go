package mark

import (
	"bytes"
	"image/png"
	"testing"

	"image"
	"image/color"
	"math"
	"math/rand/v2"
)

// scene is a picture somewhat like a photograph: large soft shapes, finer ones on them, edges and grain. The same seed gives the same picture.
func scene(w, h int, seed uint64) *image.NRGBA {
	r := rand.New(rand.NewPCG(seed, 7))
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	type wave struct{ fx, fy, p, a float64 }
	var waves [3][]wave
	for c := range waves {
		for k := range 7 {
			s := math.Pow(1.9, float64(k)) / float64(min(w, h)) * 4
			waves[c] = append(waves[c], wave{r.NormFloat64() * s, r.NormFloat64() * s, r.Float64() * 7, 55 / math.Pow(1.45, float64(k))})
		}
	}
	base := r.Float64()*160 + 40
	type disc struct{ x, y, r, v float64 }
	var discs []disc
	for range 12 {
		discs = append(discs, disc{r.Float64() * float64(w), r.Float64() * float64(h), (0.02 + 0.2*r.Float64()) * float64(min(w, h)), r.Float64()*160 - 80})
	}
	for y := range h {
		for x := range w {
			var v [3]float64
			edge := 0.0
			for _, d := range discs {
				if dx, dy := float64(x)-d.x, float64(y)-d.y; dx*dx+dy*dy < d.r*d.r {
					edge += d.v
				}
			}
			grain := r.NormFloat64() * 5
			for c := range v {
				v[c] = base + edge + grain
				for _, k := range waves[c] {
					v[c] += k.a * math.Sin(k.fx*float64(x)+k.fy*float64(y)+k.p)
				}
				v[c] = min(255, max(0, v[c]))
			}
			m.SetNRGBA(x, y, color.NRGBA{uint8(v[0]), uint8(v[1]), uint8(v[2]), 255})
		}
	}
	return m
}

// flat is one colour.
func flat(w, h int, c color.NRGBA) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := 0; i < len(m.Pix); i += 4 {
		m.Pix[i], m.Pix[i+1], m.Pix[i+2], m.Pix[i+3] = c.R, c.G, c.B, c.A
	}
	return m
}

var white = color.NRGBA{255, 255, 255, 255}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
