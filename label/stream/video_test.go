package stream

import (
	"bytes"
	"math"
	"testing"

	"github.com/hegui/hegui/label/carrier"
)

// FuzzVideo: the blocks of a film are read within bounds, and frames that take the place of the first ones are found there again.
func FuzzVideo(f *testing.F) {
	head := write(idEBML, write(0x4282, []byte("matroska")))
	tracks := write(idTracks, write(idTrack, write(idTrackNumber, []byte{1}), write(idTrackType, []byte{1}), write(idCodec, []byte("V_VP9"))))
	cluster := write(idCluster, write(idTime, []byte{0}), write(idSimpleBlock, []byte{0x81, 0, 0, 0x80, 'a', 'b'}), write(idSimpleBlock, []byte{0x81, 0, 40, 0, 'c'}),
		write(idGroup, write(idBlock, []byte{0x81, 0, 80, 0, 'd'}), write(idReference, []byte{1})))
	f.Add(append(bytes.Clone(head), write(idSegment, tracks, cluster)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := Video(carrier.Bytes(b), "mkv", math.Inf(1))
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
		now, err := Video(e.File(), "mkv", math.Inf(1))
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
