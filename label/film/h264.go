package film

import (
	"encoding/binary"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

// bits reads a bit string of at most a few numbers; what is beyond the end reads as zero and sets short.
type bits struct {
	b     []byte
	at    int
	short bool
}

func (r *bits) one() uint {
	if r.at >= 8*len(r.b) {
		r.short = true
		return 0
	}
	v := r.b[r.at/8] >> (7 - r.at%8) & 1
	r.at++
	return uint(v)
}

func (r *bits) take(n int) (v uint) {
	for range n {
		v = v<<1 | r.one()
	}
	return v
}

// golomb reads ue(v) of H.264 and HEVC.
func (r *bits) golomb() uint {
	zeros := 0
	for r.one() == 0 && !r.short && zeros < 32 {
		zeros++
	}
	return 1<<zeros - 1 + r.take(zeros)
}

// plain takes the bytes out of a unit that keep it from looking like a start code.
func plain(nal []byte) []byte {
	out := make([]byte, 0, len(nal))
	zeros := 0
	for _, c := range nal {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if zeros++; c != 0 {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}

// avcC is the configuration of H.264 (ISO 14496-15 5.3.3).
type avcC struct {
	head     []byte // 5 bytes: version, profile, what it keeps to, level, length of a length
	sps, pps [][]byte
	rest     []byte
}

func readAVC(b []byte) (c avcC, ok bool) {
	if len(b) < 7 || b[0] != 1 {
		return c, false
	}
	c.head = b[:5]
	at := 6
	list := func(n int) (out [][]byte, ok bool) {
		for range n {
			if at+2 > len(b) {
				return nil, false
			}
			size := int(binary.BigEndian.Uint16(b[at:]))
			if at += 2; size == 0 || at+size > len(b) {
				return nil, false
			}
			out = append(out, b[at:at+size])
			at += size
		}
		return out, true
	}
	if c.sps, ok = list(int(b[5] & 31)); !ok || at >= len(b) {
		return c, false
	}
	n := int(b[at])
	at++
	if c.pps, ok = list(n); !ok {
		return c, false
	}
	c.rest = b[at:]
	return c, true
}

func (c avcC) write() []byte {
	out := append(slices.Clone(c.head), 0xE0|byte(len(c.sps)))
	for i, list := range [][][]byte{c.sps, c.pps} {
		if i == 1 {
			out = append(out, byte(len(c.pps)))
		}
		for _, nal := range list {
			out = append(binary.BigEndian.AppendUint16(out, uint16(len(nal))), nal...)
		}
	}
	return append(out, c.rest...)
}

// avcNumbers are the numbers of the parameter sets in units of H.264.
func avcNumbers(nals [][]byte) (out []int) {
	for _, nal := range nals {
		if len(nal) < 4 {
			continue
		}
		r := bits{b: plain(nal[:min(len(nal), 64)])}
		switch r.at = 8; nal[0] & 31 {
		case 7:
			r.at = 32
			out = append(out, int(r.golomb()))
		case 8:
			out = append(out, int(r.golomb()), int(r.golomb()))
		}
	}
	return out
}

// units cuts a frame into its units, each behind its length of so many bytes. ok is false where they do not fit.
func units(frame []byte, width int) (out [][]byte, ok bool) {
	for len(frame) > 0 {
		if len(frame) < width {
			return nil, false
		}
		n := 0
		for _, c := range frame[:width] {
			n = n<<8 | int(c)
		}
		if frame = frame[width:]; n > len(frame) {
			return nil, false
		}
		out = append(out, frame[:n])
		frame = frame[n:]
	}
	return out, true
}

// joined is a frame of units.
func joined(nals [][]byte) (out []byte) {
	for _, n := range nals {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(n))), n...)
	}
	return out
}

// spareAVC is a number that no parameter set of the film has, neither those told beforehand nor those among the frames: players that keep old sets
// when they jump about must not mix the two.
func spareAVC(f *carrier.File, v *carrier.Video) (int, error) {
	c, ok := readAVC(v.Config)
	if !ok || c.head[4]&3 != 3 {
		return 0, unsupported("H.264 whose configuration cannot be read, or with units behind lengths of other than 4 bytes")
	}
	used := avcNumbers(slices.Concat(c.sps, c.pps))
	if err := setsAmong(f, v, func(nal []byte) { used = append(used, avcNumbers([][]byte{nal})...) }); err != nil {
		return 0, err
	}
	for n := 1; n < 32; n++ {
		if !slices.Contains(used, n) {
			return n, nil
		}
	}
	return 0, unsupported("H.264 with parameter sets of all numbers")
}

// setsAmong calls note for the first units of every key frame, where parameter sets would stand; of long units their beginning.
func setsAmong(f *carrier.File, v *carrier.Video, note func(nal []byte)) error {
	for _, x := range v.Frames {
		if !x.Key {
			continue
		}
		b, err := f.Read("film", x.At, min(x.Size, 4096))
		if err != nil {
			return err
		}
		for at := 0; at+5 < len(b); {
			n := int(binary.BigEndian.Uint32(b[at:]))
			if n <= 0 || int64(n) > x.Size {
				break
			}
			note(b[at+4 : min(len(b), at+4+n)])
			at += 4 + n
		}
	}
	return nil
}

// mergeAVC is the old configuration with the new parameter sets beside the old ones, so that either kind of frames is decoded wherever a player begins.
func mergeAVC(old, now []byte) ([]byte, error) {
	a, ok := readAVC(old)
	b, fine := readAVC(now)
	if !ok || !fine || b.head[4]&3 != 3 || len(a.sps)+len(b.sps) > 31 || len(a.pps)+len(b.pps) > 255 {
		return nil, unsupported("H.264 whose configuration cannot be read")
	}
	a.head = slices.Clone(a.head)
	a.head[3] = max(a.head[3], b.head[3])
	a.sps, a.pps = slices.Concat(a.sps, b.sps), slices.Concat(a.pps, b.pps)
	return a.write(), nil
}
