package bmff

import (
	"bytes"
	"testing"

	"github.com/hegui/hegui/label/carrier"
)

// FuzzVideo: the tables of a film are read within bounds, and frames that take the place of the first ones are found there again.
func FuzzVideo(f *testing.F) {
	entry := leaf("avc1", make([]byte, 78), leaf("avcC", []byte{1, 66, 0, 10, 0xFF, 0xE0, 0}).write(nil)).write(nil)
	film := func(chunk int64) []byte {
		stbl := parent("stbl", nil,
			leaf("stsd", u32(0), u32(1), entry), leaf("stts", u32(0), u32(1), u32(3), u32(10)), leaf("ctts", u32(0), u32(2), u32(1), u32(10), u32(2), u32(0)), leaf("stss", u32(0), u32(1), u32(1)),
			leaf("stsc", u32(0), u32(1), u32(1), u32(3), u32(1)), leaf("stsz", u32(0), u32(0), u32(3), u32(5), u32(6), u32(7)), leaf("stco", u32(0), u32(1), u32(chunk)))
		moov := parent("moov", nil, leaf("mvhd", make([]byte, 100)), parent("trak", nil, leaf("tkhd", make([]byte, 84)),
			parent("mdia", nil, leaf("mdhd", u32(0), u32(0), u32(0), u32(25), u32(0), u32(0)), leaf("hdlr", u32(0), u32(0), []byte("vide"), make([]byte, 13)), parent("minf", nil, stbl))))
		out := leaf("ftyp", []byte("isom"), u32(0)).write(nil)
		return leaf("mdat", []byte("aaaaabbbbbbccccccc")).write(moov.write(out))
	}
	f.Add(film(int64(len(film(0)) - 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		file := carrier.Bytes(b)
		v, err := Video(file, "mp4")
		if err != nil {
			return
		}
		n, _ := v.Head(1, func(carrier.Frame) bool { return true })
		fresh := make([][]byte, n)
		for i := range fresh {
			fresh[i] = bytes.Repeat([]byte{byte(i)}, 1+i%5)
		}
		e, err := v.Replace(fresh, nil)
		if err != nil {
			return
		}
		now, err := Video(e.File(), "mp4")
		if err != nil || len(now.Frames) != len(v.Frames) {
			t.Fatalf("the new film cannot be read: %v", err)
		}
		for i, want := range fresh {
			x := now.Frames[i]
			if got, err := e.File().Read("", x.At, x.Size); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("frame %d is %x, %v", i, got, err)
			}
		}
	})
}
