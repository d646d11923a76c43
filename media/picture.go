package media

import (
	"bytes"
	"fmt"
	"image"
	_ "image/gif" // decoders of what people send
	_ "image/jpeg"
	_ "image/png"

	"github.com/makiuchi-d/gozxing"
	multi "github.com/makiuchi-d/gozxing/multi/qrcode"
	_ "golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// codeSide is the longest side at which QR codes are looked for; larger pictures are made smaller as well. Ours.
const codeSide = 1400

// codes reads QR codes. A picture of a kind that cannot be decoded here is not searched, which is said.
func (w *walk) codes(where string, b []byte) (err error) {
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	switch {
	case err != nil && (w.look.Name == "heic" || w.look.Name == "avif"):
		w.unread(where, w.look.Title+" is not searched for QR codes")
		return nil
	case err != nil:
		return &BrokenError{err.Error()}
	case c.Width <= 0 || c.Height <= 0 || c.Width > maxPixels/c.Height:
		return &BrokenError{fmt.Sprintf("it has %d × %d pixels; at most %d are read", c.Width, c.Height, maxPixels)}
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return &BrokenError{err.Error()}
	}
	seen := map[string]bool{}
	for _, text := range qr(img) {
		if !seen[text] {
			seen[text] = true
			w.words(where, text)
		}
	}
	return nil
}

// qr is the texts of the QR codes in a picture.
func qr(img image.Image) (texts []string) {
	defer func() { _ = recover() }() // a library's slip with a strange picture finds no code
	if b := img.Bounds(); max(b.Dx(), b.Dy()) > codeSide {
		scale := float64(codeSide) / float64(max(b.Dx(), b.Dy()))
		small := image.NewGray(image.Rect(0, 0, max(1, int(float64(b.Dx())*scale)), max(1, int(float64(b.Dy())*scale))))
		draw.ApproxBiLinear.Scale(small, small.Bounds(), img, b, draw.Src, nil)
		img = small
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return nil
	}
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	found, err := multi.NewQRCodeMultiReader().DecodeMultiple(bitmap, hints)
	if err != nil {
		return nil
	}
	for _, f := range found {
		texts = append(texts, f.GetText())
	}
	return texts
}
