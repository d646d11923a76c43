package film

import (
	"encoding/binary"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

// Units of HEVC (ITU-T H.265 7.4.2.2).
const (
	hevcVPS, hevcSPS, hevcPPS = 32, 33, 34
	firstIRAP, lastIRAP       = 16, 23
)

func hevcKind(nal []byte) byte { return nal[0] >> 1 & 63 }

// hvcC is the configuration of HEVC (ISO 14496-15 8.3.3).
type hvcC struct {
	head   []byte // 22 bytes
	arrays []hevcArray
}

type hevcArray struct {
	head byte // complete or not, kind of the units
	nals [][]byte
}

func readHEVC(b []byte) (c hvcC, ok bool) {
	if len(b) < 23 || b[0] != 1 || b[21]&3 != 3 {
		return c, false
	}
	c.head = b[:22]
	at := 23
	for range int(b[22]) {
		if at+3 > len(b) {
			return c, false
		}
		a := hevcArray{head: b[at]}
		n := int(binary.BigEndian.Uint16(b[at+1:]))
		at += 3
		for range n {
			if at+2 > len(b) {
				return c, false
			}
			size := int(binary.BigEndian.Uint16(b[at:]))
			if at += 2; size < 3 || at+size > len(b) {
				return c, false
			}
			a.nals = append(a.nals, b[at:at+size])
			at += size
		}
		c.arrays = append(c.arrays, a)
	}
	return c, true
}

func (c hvcC) write() []byte {
	out := append(slices.Clone(c.head), byte(len(c.arrays)))
	for _, a := range c.arrays {
		out = binary.BigEndian.AppendUint16(append(out, a.head), uint16(len(a.nals)))
		for _, nal := range a.nals {
			out = append(binary.BigEndian.AppendUint16(out, uint16(len(nal))), nal...)
		}
	}
	return out
}

func (c hvcC) nals() (out [][]byte) {
	for _, a := range c.arrays {
		out = append(out, a.nals...)
	}
	return out
}

// bitsOut writes a bit string.
type bitsOut struct {
	b []byte
	n int
}

func (w *bitsOut) put(v uint, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

func (w *bitsOut) golomb(v uint) {
	n := 0
	for (v+1)>>n > 1 {
		n++
	}
	w.put(v+1, 2*n+1)
}

// escaped puts in the bytes that keep a unit from looking like a start code.
func escaped(plain []byte) []byte {
	out := make([]byte, 0, len(plain)+8)
	zeros := 0
	for _, c := range plain {
		if zeros >= 2 && c <= 3 {
			out, zeros = append(out, 3), 0
		}
		if zeros++; c != 0 {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}

// numbered gives the parameter sets of x265, and the slices that speak of them, another number. Every slice says the number of its picture's set near its
// beginning; 0 takes one bit there and 15 to 30 take nine, so all behind it moves by one byte and stays aligned as it was.
func numbered(nal []byte, n uint) ([]byte, bool) {
	if len(nal) < 4 {
		return nil, false
	}
	b := plain(nal)
	r := &bits{b: b, at: 16}
	w := &bitsOut{b: slices.Clone(b[:2]), n: 16}
	copyBits := func(k int) {
		for range k {
			w.put(r.one(), 1)
		}
	}
	kind := hevcKind(nal)
	switch {
	case kind == hevcVPS:
		r.take(4)
		w.put(n%16, 4)
	case kind == hevcSPS:
		r.take(4)
		w.put(n%16, 4)
		if layers := r.take(3); layers != 0 { // then the next field has other lengths
			return nil, false
		}
		w.put(0, 3)
		copyBits(1 + 96)
		r.golomb()
		w.golomb(n % 16)
	case kind == hevcPPS:
		r.golomb()
		w.golomb(n)
		r.golomb()
		w.golomb(n % 16)
	case kind < hevcVPS:
		copyBits(1)
		if kind >= firstIRAP && kind <= lastIRAP {
			copyBits(1)
		}
		if r.golomb() != 0 {
			return nil, false
		}
		w.golomb(n)
		if r.short || w.n != r.at+8 {
			return nil, false
		}
		whole := r.at / 8 // bytes from here on are the same, one further behind
		copyBits(8 - r.at%8)
		return escaped(append(w.b, b[whole+1:]...)), true
	default:
		return nal, true
	}
	if r.short {
		return nil, false
	}
	end := 8*len(b) - 1 // the last bit that is set ends the unit
	for end > r.at && b[end/8]>>(7-end%8)&1 == 0 {
		end--
	}
	copyBits(end - r.at)
	w.put(1, 1)
	return escaped(w.b), true
}

// spareHEVC is a number from 15 to 30 that no set has that the film is told beforehand or has among its frames.
func spareHEVC(f *carrier.File, v *carrier.Video) (int, error) {
	c, ok := readHEVC(v.Config)
	if !ok {
		return 0, unsupported("HEVC whose configuration cannot be read, or with units behind lengths of other than 4 bytes")
	}
	used := map[uint]bool{}
	note := func(nal []byte) {
		if len(nal) < 4 {
			return
		}
		r := bits{b: plain(nal[:min(len(nal), 128)]), at: 16}
		switch hevcKind(nal) {
		case hevcVPS:
			used[r.take(4)] = true
		case hevcSPS:
			r.take(4)
			if layers := r.take(3); layers == 0 {
				r.take(1 + 96)
				used[r.golomb()] = true
			}
		case hevcPPS:
			used[r.golomb()] = true
		}
	}
	for _, nal := range c.nals() {
		note(nal)
	}
	if err := setsAmong(f, v, note); err != nil {
		return 0, err
	}
	for n := uint(16); n < 31; n++ {
		if !used[n] && !used[n%16] {
			return int(n), nil
		}
	}
	return 0, unsupported("HEVC with parameter sets of all numbers")
}

// mergeHEVC gives the new frames and their sets the number, and puts the sets beside the old ones.
func mergeHEVC(old, now []byte, frames [][]byte, n uint) ([]byte, [][]byte, error) {
	fault := unsupported("HEVC from an encoder whose frames are not understood")
	a, ok := readHEVC(old)
	b, fine := readHEVC(now)
	if !ok || !fine {
		return nil, nil, fault
	}
	for _, nal := range b.nals() {
		kind := hevcKind(nal)
		if kind < hevcVPS || kind > hevcPPS {
			continue
		}
		nal, ok := numbered(nal, n)
		if !ok {
			return nil, nil, fault
		}
		i := slices.IndexFunc(a.arrays, func(x hevcArray) bool { return x.head&63 == kind })
		if i < 0 {
			a.arrays = append(a.arrays, hevcArray{head: kind})
			i = len(a.arrays) - 1
		}
		a.arrays[i].nals = append(slices.Clip(a.arrays[i].nals), nal)
	}
	a.head = slices.Clone(a.head)
	a.head[12] = max(a.head[12], b.head[12]) // level
	out := make([][]byte, len(frames))
	for i, frame := range frames {
		nals, ok := units(frame, 4)
		if !ok {
			return nil, nil, fault
		}
		for k, nal := range nals {
			if nals[k], ok = numbered(nal, n); !ok {
				return nil, nil, fault
			}
		}
		out[i] = joined(nals)
	}
	return a.write(), out, nil
}
