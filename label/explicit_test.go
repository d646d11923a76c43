package label

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"math"
	"testing"

	"github.com/hegui/hegui/label/carrier"
)

func picture(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{uint8(x * 255 / w), uint8(y * 255 / h), 128, 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func recording(t testing.TB, seconds float64) []byte {
	t.Helper()
	const rate = 16000
	n := int(seconds * rate)
	var b bytes.Buffer
	b.WriteString("RIFF")
	for _, v := range []any{uint32(36 + 2*n), [4]byte{'W', 'A', 'V', 'E'}, [4]byte{'f', 'm', 't', ' '}, uint32(16), uint16(1), uint16(1), uint32(rate), uint32(2 * rate), uint16(2), uint16(16), [4]byte{'d', 'a', 't', 'a'}, uint32(2 * n)} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		s := math.Sin(float64(i)*0.05) * math.Sin(float64(i)*0.0007) * 9000
		if err := binary.Write(&b, binary.LittleEndian, int16(s)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// Both labels on one file, in the order in which they are written; marking again changes nothing.
func TestBothLabels(t *testing.T) {
	l := Produced("001191110000EXAMPLE00F00000", "id-1")
	l.ContentProducer, l.ContentPropagator = "producer", "producer"
	for name, x := range map[string]struct {
		file []byte
		sign Sign
	}{"png": {picture(t, 640, 400), SignMark}, "wav": {recording(t, 3), SignRhythm}} {
		if seen := LookExplicit(t.Context(), carrier.Bytes(x.file)); seen.Sign != SignNone || !seen.Looked {
			t.Errorf("%s, plain: %+v", name, seen)
		}
		marked, sign, err := Mark(t.Context(), carrier.Bytes(x.file), Explicit{})
		if err != nil || sign != x.sign {
			t.Fatalf("%s: %s %v", name, sign, err)
		}
		edit, err := Write(marked, l, SourceGenerated)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var out bytes.Buffer
		if _, err := edit.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		if r := Verify(carrier.Bytes(out.Bytes())); r.Verdict != Compliant || r.Labels[0].Value != l {
			t.Errorf("%s: %+v", name, r)
		}
		if seen := LookExplicit(t.Context(), carrier.Bytes(out.Bytes())); seen.Sign != x.sign || seen.Short || seen.Detail == "" {
			t.Errorf("%s: %+v", name, seen)
		}
		again, _, err := Mark(t.Context(), carrier.Bytes(out.Bytes()), Explicit{})
		if err != nil || again.Size() != int64(out.Len()) {
			t.Errorf("%s is marked again: %d, was %d, %v", name, again.Size(), out.Len(), err)
		}
	}
}

func TestNoSign(t *testing.T) {
	if _, _, err := Mark(t.Context(), carrier.Bytes([]byte("fLaC\x80\x00\x00\x22aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")), Explicit{}); err == nil {
		t.Error("a recording without sound was marked")
	}
	if _, _, err := Mark(t.Context(), carrier.Bytes([]byte("<!doctype html><html><body>x</body></html>")), Explicit{}); !errors.Is(err, ErrNoSign) {
		t.Error(err)
	}
	if _, _, err := Mark(t.Context(), carrier.Bytes([]byte("\x00nothing that is known")), Explicit{}); !errors.Is(err, ErrUnknownFormat) {
		t.Error(err)
	}
	if _, _, err := Mark(t.Context(), carrier.Bytes([]byte("GIF89a")), Explicit{}); err == nil {
		t.Error("half a GIF was marked")
	}
	var b bytes.Buffer
	if err := gif.Encode(&b, image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.Black, color.White}), nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Mark(t.Context(), carrier.Bytes(b.Bytes()), Explicit{}); err == nil {
		t.Error("a picture of 8 pixels was marked")
	}
}
