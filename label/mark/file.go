package mark

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Kind says what is wrong with a file; the words are those of label/carrier, which stands beside this package and is not used by it.
type Kind string

// The kinds.
const (
	Truncated   Kind = "truncated"
	Malformed   Kind = "malformed"
	Unsupported Kind = "unsupported"
	TooLarge    Kind = "too_large"
)

// Error is what is wrong with an image file, and where.
type Error struct {
	Format string
	Kind   Kind
	Offset int64 // in bytes from the beginning, -1 where no place can be named
	Rule   string
	Err    error // beneath it, if any
}

func (e *Error) Error() string {
	at := ""
	if e.Offset >= 0 {
		at = fmt.Sprintf(" at byte %d", e.Offset)
	}
	if e.Err != nil {
		return fmt.Sprintf("%s: %s%s: %s: %v", e.Format, e.Kind, at, e.Rule, e.Err)
	}
	return fmt.Sprintf("%s: %s%s: %s", e.Format, e.Kind, at, e.Rule)
}

func (e *Error) Unwrap() error { return e.Err }

func fault(format string, kind Kind, at int, rule string, args ...any) error {
	return &Error{Format: format, Kind: kind, Offset: int64(at), Rule: fmt.Sprintf(rule, args...)}
}

// sized refuses what is larger than the options allow.
func (o Options) sized(format string, at int, w, h int64) error {
	if w <= 0 || h <= 0 {
		return fault(format, Malformed, at, "an image of %d x %d pixels", w, h)
	}
	if w > o.MaxPixels/h {
		return &Error{Format: format, Kind: TooLarge, Offset: int64(at), Rule: fmt.Sprintf("%d x %d pixels, at most %d in all", w, h, o.MaxPixels), Err: ErrTooLarge}
	}
	return nil
}

// maxRaw bounds the unpacked bytes of an image; ours.
const maxRaw = 1 << 29

// Image puts the mark on an image file and returns the new file: PNG, JPEG, GIF (every frame), TIFF (every page) in their own format; a
// WebP comes back as PNG, since there is no writer for WebP here that loses nothing, and Report.Format says so (Options.SameFormat refuses it). All else
// in the file is kept byte for byte: EXIF, ICC, XMP, comments. The mark is upright where the viewer shows the image (EXIF orientation). If it
// stands there already the file comes back as it was. A manifest of C2PA in the file no longer fits the pixels and must be signed anew.
//
// Errors are *Error for what is wrong with the file, ErrNoRoom where no legible mark of 5 % fits, ErrWords and ErrOptions.
func Image(file []byte, o Options) ([]byte, Report, error) {
	o, err := o.settled()
	if err != nil {
		return nil, Report{}, err
	}
	f, err := newFonts(o.Font)
	if err != nil {
		return nil, Report{}, err
	}
	kind, ok := kindOf(file)
	if !ok {
		return nil, Report{}, errKind()
	}
	run := map[string]writer{"png": markPNG, "jpeg": markJPEG, "gif": markGIF, "tiff": markTIFF, "webp": markWebP}[kind]
	out, report, err := run(file, o, f)
	if err != nil {
		return nil, Report{}, err
	}
	return out, report, nil
}

type writer func(file []byte, o Options, f *fonts) ([]byte, Report, error)

// Format is the kind of image that a file is by its first bytes, as Report.Format has it; "" for those that cannot be marked.
func Format(file []byte) string {
	kind, _ := kindOf(file)
	return kind
}

// kindOf tells the kind of a file by its first bytes.
func kindOf(b []byte) (kind string, ok bool) {
	switch {
	case bytes.HasPrefix(b, []byte(pngSignature)):
		return "png", true
	case bytes.HasPrefix(b, []byte("\xFF\xD8\xFF")):
		return "jpeg", true
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return "gif", true
	case bytes.HasPrefix(b, []byte("II*\x00")), bytes.HasPrefix(b, []byte("MM\x00*")):
		return "tiff", true
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "webp", true
	}
	return "", false
}

func errKind() error { return fault("image", Unsupported, 0, "none of PNG, JPEG, GIF, TIFF, WebP") }

// orientation is tag 0x112 of the first directory of a TIFF structure, as EXIF is one; 1 when there is none or it makes no sense.
func orientation(exif []byte) int {
	if len(exif) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if exif[0] == 'I' {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(exif[4:]))
	if at+2 > int64(len(exif)) {
		return 1
	}
	n := int64(order.Uint16(exif[at:]))
	for i := range n {
		e := at + 2 + 12*i
		if e+12 > int64(len(exif)) {
			return 1
		}
		if order.Uint16(exif[e:]) == 0x112 {
			if v := int(order.Uint16(exif[e+8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
	}
	return 1
}
