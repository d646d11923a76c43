package mark

import (
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"image/color/palette"
	"image/draw"

	"golang.org/x/image/tiff"
)

func encodePNG(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFiles(t *testing.T) {
	m := scene(400, 300, 3)
	pal := image.NewPaletted(m.Rect, palette.Plan9)
	draw.Draw(pal, pal.Rect, m, image.Point{}, draw.Src)
	var j, g, ti, tl bytes.Buffer
	jpeg.Encode(&j, m, &jpeg.Options{Quality: 90})
	gif.Encode(&g, m, nil)
	tiff.Encode(&ti, m, nil)
	tiff.Encode(&tl, m, &tiff.Options{Compression: tiff.Deflate, Predictor: true})
	for name, b := range map[string][]byte{"png": encodePNG(t, m), "pngpal": encodePNG(t, pal), "jpeg": j.Bytes(), "gif": g.Bytes(), "tiff": ti.Bytes(), "tiffdefl": tl.Bytes()} {
		out, r, err := Image(b, Options{})
		if err != nil {
			t.Error(name, err)
			continue
		}
		img, format, err := image.Decode(bytes.NewReader(out))
		if err != nil {
			t.Error(name, err)
			continue
		}
		t.Logf("%s %s %d->%d %+v", name, format, len(b), len(out), r)
		t.Logf("   %+v", Find(img))
		shot(t, "file-"+name, img)
		again, r, err := Image(out, Options{})
		t.Log("   again", r.Already, bytes.Equal(again, out), err)
		org, _, _ := image.Decode(bytes.NewReader(b))
		worst := 0
		for y := range 300 {
			for x := range 400 {
				if !image.Pt(x, y).In(r.Box.Inset(-8)) {
					a, _, _, _ := img.At(x, y).RGBA()
					b, _, _, _ := org.At(x, y).RGBA()
					worst = max(worst, int(max(a, b)-min(a, b))>>8)
				}
			}
		}
		t.Log("   differs by", worst)
	}
}
