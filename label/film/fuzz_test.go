package film

import (
	"bytes"
	"testing"
)

// FuzzUnits: parameter sets and frames of an encoder, and of anybody, are read within bounds; what is renumbered keeps its bytes behind the head.
func FuzzUnits(f *testing.F) {
	f.Add([]byte{1, 100, 0, 31, 0xFF, 0xE1, 0, 4, 0x67, 100, 0, 31, 1, 0, 2, 0x68, 0xEE})
	f.Add([]byte{0x26, 1, 0xAF, 0x78, 0, 0, 3, 1, 5, 6, 7, 8, 9})
	f.Add([]byte{0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x1E, 0xA0, 0x20, 0x81})
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := readAVC(b); ok {
			avcNumbers(c.sps)
			if _, ok := readAVC(c.write()); !ok {
				t.Error("avcC does not read back")
			}
		}
		if c, ok := readHEVC(b); ok {
			if d, ok := readHEVC(c.write()); !ok || len(d.nals()) != len(c.nals()) {
				t.Error("hvcC does not read back")
			}
		}
		units(b, 4)
		numbered(b, 16)
		if p := plain(escaped(b)); !bytes.Equal(p, b) {
			t.Errorf("%x escaped and back is %x", b, p)
		}
	})
}
