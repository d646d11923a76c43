package mark

import (
	"image"
	"image/color"
)

// Shown decodes an image file as a viewer shows it: turned as its EXIF says, the first picture of an animation, the first page of a TIFF.
// PNG, JPEG, GIF, TIFF and WebP are read; one of more than maxPixels (0: MaxPixels) is refused before its pixels are. The bounds begin at
// 0,0. Errors are *Error.
func Shown(file []byte, maxPixels int64) (image.Image, error) {
	o, err := Options{MaxPixels: maxPixels}.settled()
	if err != nil {
		return nil, err
	}
	v, err := readView(file, o)
	if err != nil {
		return nil, err
	}
	return shown{v}, nil
}

// shown is a view to the outside.
type shown struct{ v *view }

func (s shown) ColorModel() color.Model { return s.v.img.ColorModel() }
func (s shown) Bounds() image.Rectangle { return s.v.bounds() }
func (s shown) At(x, y int) color.Color { return s.v.img.At(s.v.stored(x, y)) }
