package mark

import (
	"bytes"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"

	"golang.org/x/image/webp"
)

// FindIn looks for a mark in an image file as the viewer shows it: turned as its EXIF says, the first picture of an animation, the first page
// of a TIFF. An error means that the file could not be read, which is no finding. Of the options only MaxPixels counts.
func FindIn(file []byte, o Options) (Finding, error) {
	o, err := Options{MaxPixels: o.MaxPixels}.settled()
	if err != nil {
		return Finding{State: Unknown}, err
	}
	v, err := readView(file, o)
	if err != nil {
		return Finding{State: Unknown}, err
	}
	return find(v), nil
}

// readView decodes a file.
func readView(b []byte, o Options) (*view, error) {
	kind, ok := kindOf(b)
	if !ok {
		return nil, errKind()
	}
	switch kind {
	case "png":
		p, err := readPNG(b, o)
		if err != nil {
			return nil, err
		}
		r, _, err := p.raster()
		if err != nil {
			return nil, err
		}
		return newView(r, p.turn), nil
	case "jpeg":
		p, err := readJPEG(b, o)
		if err != nil {
			return nil, err
		}
		img, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			return nil, unreadable(kind, err)
		}
		return newView(img, p.turn), nil
	case "gif":
		_, size, err := readGIF(b, o)
		if err != nil {
			return nil, err
		}
		img, err := gif.Decode(bytes.NewReader(b))
		if err != nil {
			return nil, unreadable(kind, err)
		}
		s := &screen{shown: image.NewNRGBA(image.Rectangle{Max: size})}
		s.show(img.(*image.Paletted))
		return newView(s.shown, 1), nil
	case "tiff":
		t, err := readTIFF(b, o)
		if err != nil {
			return nil, err
		}
		if err := t.load(t.pages[0]); err != nil {
			return nil, err
		}
		return newView(t.pages[0].r, t.pages[0].turn), nil
	}
	meta, err := readWebP(b, o)
	if err != nil {
		return nil, err
	}
	img, err := webp.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, unreadable(kind, err)
	}
	return newView(img, orientation(meta["EXIF"])), nil
}

func unreadable(format string, err error) error {
	kind, unsupported := Malformed, jpeg.UnsupportedError("")
	if errors.As(err, &unsupported) {
		kind = Unsupported
	}
	return &Error{Format: format, Kind: kind, Offset: -1, Rule: "its pixels cannot be read", Err: err}
}
