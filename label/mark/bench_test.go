package mark

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
	"testing"
)

// BenchmarkPNG puts the mark on a PNG of 1024 x 1024 pixels: ours, and the same with the standard library's decoder and encoder.
func BenchmarkPNG(b *testing.B) {
	for name, m := range map[string]*image.NRGBA{"photo": scene(1024, 1024, 5), "flat": flat(1024, 1024, white)} {
		file := encodePNG(b, m)
		b.Run(name+"/ours", func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Image(file, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/std", func(b *testing.B) {
			for b.Loop() {
				img, err := png.Decode(bytes.NewReader(file))
				if err != nil {
					b.Fatal(err)
				}
				on := image.NewNRGBA(img.Bounds())
				draw.Draw(on, on.Rect, img, image.Point{}, draw.Src)
				out, _, err := Draw(on, Options{})
				if err != nil {
					b.Fatal(err)
				}
				var back bytes.Buffer
				if err := png.Encode(&back, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFind looks for a mark on 1024 x 1024 pixels, where one is and where none is.
func BenchmarkFind(b *testing.B) {
	m := scene(1024, 1024, 5)
	b.Run("none", func(b *testing.B) {
		for b.Loop() {
			Find(m)
		}
	})
	if _, _, err := Draw(m, Options{}); err != nil {
		b.Fatal(err)
	}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			Find(m)
		}
	})
}
