// Package carriertest holds what the tests of all file formats ask of a reader and writer of labels. For tests only.
package carriertest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hegui/hegui/label/carrier"
)

// Value and Other are labels to write.
const (
	Value  = `{"Label":"1","ContentProducer":"001191110000EXAMPLE00F00000","ProduceID":"01M85GF9Y64H5ADVDBPB26KE03","ReservedCode1":"","ContentPropagator":"001191110000EXAMPLE00F00000","PropagateID":"01M85GF9Y64H5ADVDBPB26KE03","ReservedCode2":""}`
	Other  = `{"Label":"1","ContentProducer":"OTHER","ProduceID":"2","ReservedCode1":"<&>'","ContentPropagator":"OTHER","PropagateID":"2","ReservedCode2":""}`
	Source = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
)

// Format is the one of a name; what follows a comma in it tells files of the kind apart.
func Format(formats []carrier.Format, name string) carrier.Format {
	name, _, _ = strings.Cut(name, ",")
	for _, f := range formats {
		if f.Name == name {
			return f
		}
	}
	panic("carriertest: no format " + name)
}

// Bytes is an edited file.
func Bytes(t testing.TB, e *carrier.Edit) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := e.WriteTo(&b); err != nil || n != e.Size() {
		t.Fatalf("written %d of %d bytes: %v", n, e.Size(), err)
	}
	return b.Bytes()
}

// Put labels a file in memory, and the same from a reader, and compares.
func Put(t testing.TB, format carrier.Format, file []byte, value string) []byte {
	t.Helper()
	e, err := format.Put(carrier.Bytes(file), carrier.Label{Value: value, Source: Source})
	if err != nil {
		t.Fatalf("%s: %v", format.Name, err)
	}
	out := Bytes(t, e)
	e, err = format.Put(carrier.Open(bytes.NewReader(file), int64(len(file))), carrier.Label{Value: value, Source: Source})
	if err != nil || !bytes.Equal(Bytes(t, e), out) {
		t.Fatalf("%s: from a reader it comes out otherwise: %v", format.Name, err)
	}
	return out
}

// One tells what is wrong when a file does not carry exactly this label in the standard place.
func One(t testing.TB, format carrier.Format, file []byte, value string) {
	t.Helper()
	sites, err := format.Sites(carrier.Bytes(file))
	if err != nil || len(sites) != 1 || sites[0].Value != value || !sites[0].Standard || sites[0].Remark != "" {
		t.Fatalf("%s: sites %+v, %v; want one with %s", format.Name, sites, err, value)
	}
}

// RoundTrip labels a file, labels it again, and relabels it: there is always one label, the same again changes nothing, and going back gives the
// same file. It returns the labelled file.
func RoundTrip(t testing.TB, format carrier.Format, file []byte) []byte {
	t.Helper()
	if !format.Is(carrier.Bytes(file)) {
		t.Fatalf("%s: not told by its content", format.Name)
	}
	once := Put(t, format, file, Value)
	One(t, format, once, Value)
	if again := Put(t, format, once, Value); !bytes.Equal(again, once) {
		t.Fatalf("%s: labelled twice is another file: %d and %d bytes", format.Name, len(once), len(again))
	}
	other := Put(t, format, once, Other)
	One(t, format, other, Other)
	if bytes.Contains(other, []byte("01M85GF9Y64H5ADVDBPB26KE03")) {
		t.Errorf("%s: the label that was replaced is still among the bytes", format.Name)
	}
	return once
}

// Hostile cuts and flips a file in many ways: nothing may panic, and what can be written carries one label.
func Hostile(t testing.TB, format carrier.Format, file []byte) {
	t.Helper()
	places := 400
	if len(file) > 20_000 {
		places = 40
	}
	step := max(1, len(file)/places)
	for at := 0; at < len(file); at += step {
		Fuzz(t, format, file[:at])
		b := bytes.Clone(file)
		for _, v := range []byte{0, 0xFF, b[at] ^ 0x80, b[at] + 1} {
			b[at] = v
			Fuzz(t, format, b)
		}
	}
}

// Fuzz is the property of a fuzz target: whatever the bytes, a label that was put is the only one, in place, and the same again
// changes nothing.
func Fuzz(t testing.TB, format carrier.Format, file []byte) {
	t.Helper()
	_, _ = format.Sites(carrier.Bytes(file))
	e, err := format.Put(carrier.Bytes(file), carrier.Label{Value: Value, Source: Source})
	if err != nil {
		return
	}
	out := Bytes(t, e)
	sites, err := format.Sites(carrier.Bytes(out))
	if err != nil || len(sites) != 1 || sites[0].Value != Value || !sites[0].Standard {
		t.Fatalf("%s: %x\nwas labelled and has %+v, %v", format.Name, clip(file), sites, err)
	}
	e, err = format.Put(carrier.Bytes(out), carrier.Label{Value: Value, Source: Source})
	if err != nil || !bytes.Equal(Bytes(t, e), out) {
		t.Fatalf("%s: %x\nlabelled twice is another file, %v", format.Name, clip(file), err)
	}
}

func clip(b []byte) []byte { return b[:min(len(b), 2000)] }
