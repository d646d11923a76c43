package mark

import (
	"encoding/binary"
	"image"
	"math"
	"math/bits"
)

// huffman is a table of codes (T.81 Annex K.3): how many codes there are of each length, and what they stand for.
type huffman struct {
	counts [16]byte
	values []byte
}

// huffmans are the tables of Annex K.3: brightness DC and AC, colour DC and AC.
func huffmans() [4]huffman {
	ac := func(head string, second []int) []byte { // what the two tables of AC have in common: after their heads every value is in order
		seen := map[byte]bool{}
		out := []byte(head)
		for _, v := range out {
			seen[v] = true
		}
		for _, run := range second {
			for size := 1; size <= 10; size++ {
				if v := byte(run<<4 | size); !seen[v] {
					out, seen[v] = append(out, v), true
				}
			}
		}
		return out
	}
	runs := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	dc := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	return [4]huffman{
		{[16]byte{0, 1, 5, 1, 1, 1, 1, 1, 1}, dc},
		{[16]byte{0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d}, ac("\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07"+
			"\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0\x24\x33\x62\x72\x82", runs)},
		{[16]byte{0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1}, dc},
		{[16]byte{0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77}, ac("\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71"+
			"\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1", runs)},
	}
}

// codes are the code and its length for each value, length in the upper byte.
func (h huffman) codes() (out [256]uint32) {
	code, k := uint32(0), 0
	for i, n := range h.counts {
		for range n {
			out[h.values[k]] = uint32(i+1)<<24 | code
			code++
			k++
		}
		code <<= 1
	}
	return out
}

// packer writes bits.
type packer struct {
	out  []byte
	acc  uint64
	held uint
}

func (p *packer) bits(v uint32, n uint) {
	p.acc, p.held = p.acc<<n|uint64(v), p.held+n
	for p.held >= 8 {
		p.held -= 8
		b := byte(p.acc >> p.held)
		if p.out = append(p.out, b); b == 0xFF {
			p.out = append(p.out, 0)
		}
	}
}

// layer is one colour as it is packed: its samples, how many blocks lie in a unit, its tables.
type layer struct {
	pix      []byte
	stride   int
	w, h     int // of what is there; beyond, the last sample is repeated
	across   int // blocks of a unit
	down     int
	recip    [64]float32 // 1/(8 q), by place in the block
	dc, ac   [256]uint32
	previous int
}

// encode appends tables, frame and one scan of an image to a file, in the layout of the original.
func (p *jpegFile) encode(out []byte, img image.Image) []byte {
	order := zigzag()
	huff := huffmans()
	layers := p.layers(img)
	for id, t := range p.tables {
		if t != nil {
			out = append(out, 0xFF, 0xDB, 0, 67, byte(id))
			for _, q := range t {
				out = append(out, byte(q))
			}
		}
	}
	out = append(out, 0xFF, 0xC0, 0, byte(8+3*len(layers)), 8)
	out = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(out, uint16(p.h)), uint16(p.w))
	out = append(out, byte(len(layers)))
	for i, l := range layers {
		out = append(out, p.component[i].id, byte(l.across<<4|l.down), p.component[i].table)
	}
	for i, h := range huff[:min(4, 2*len(layers))] {
		out = append(out, 0xFF, 0xC4)
		out = binary.BigEndian.AppendUint16(out, uint16(2+17+len(h.values)))
		out = append(append(append(out, byte(i%2<<4|i/2)), h.counts[:]...), h.values...)
	}
	out = append(out, 0xFF, 0xDA, 0, byte(6+2*len(layers)), byte(len(layers)))
	for i := range layers {
		out = append(out, p.component[i].id, byte(min(i, 1)*0x11))
	}
	out = append(out, 0, 63, 0)
	for i := range layers {
		l := &layers[i]
		l.dc, l.ac = huff[2*min(i, 1)].codes(), huff[2*min(i, 1)+1].codes()
		scale := dctScale()
		for k, at := range order {
			l.recip[at] = float32(1 / (8 * float64(p.tables[p.component[i].table][k]) * scale[at/8] * scale[at%8]))
		}
	}
	bw := packer{out: out}
	wide, high := 8*layers[0].across, 8*layers[0].down
	for y := 0; y < p.h; y += high {
		for x := 0; x < p.w; x += wide {
			for i := range layers {
				l := &layers[i]
				for by := range l.down {
					for bx := range l.across {
						l.block(&bw, (x/wide*l.across+bx)*8, (y/high*l.down+by)*8, &order)
					}
				}
			}
		}
	}
	if bw.held > 0 {
		bw.bits(1<<(8-bw.held)-1, 8-bw.held)
	}
	return append(bw.out, 0xFF, 0xD9)
}

// layers are the colours of an image.
func (p *jpegFile) layers(img image.Image) []layer {
	if m, ok := img.(*image.Gray); ok {
		return []layer{{pix: m.Pix, stride: m.Stride, w: p.w, h: p.h, across: 1, down: 1}}
	}
	if m, ok := img.(*image.RGBA); ok {
		planes := [3][]byte{make([]byte, p.w*p.h), make([]byte, p.w*p.h), make([]byte, p.w*p.h)}
		for i := range planes[0] {
			at := i/p.w*m.Stride + 4*(i%p.w)
			planes[0][i], planes[1][i], planes[2][i] = m.Pix[at], m.Pix[at+1], m.Pix[at+2]
		}
		var out []layer
		for _, pix := range planes {
			out = append(out, layer{pix: pix, stride: p.w, w: p.w, h: p.h, across: 1, down: 1})
		}
		return out
	}
	m := img.(*image.YCbCr)
	across, down := 1, 1
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		across = 2
	case image.YCbCrSubsampleRatio420:
		across, down = 2, 2
	case image.YCbCrSubsampleRatio440:
		down = 2
	case image.YCbCrSubsampleRatio411:
		across = 4
	case image.YCbCrSubsampleRatio410:
		across, down = 4, 2
	}
	cw, ch := (p.w+across-1)/across, (p.h+down-1)/down
	return []layer{
		{pix: m.Y, stride: m.YStride, w: p.w, h: p.h, across: across, down: down},
		{pix: m.Cb, stride: m.CStride, w: cw, h: ch, across: 1, down: 1},
		{pix: m.Cr, stride: m.CStride, w: cw, h: ch, across: 1, down: 1},
	}
}

// block packs the 64 samples at a place.
func (l *layer) block(bw *packer, x, y int, order *[64]uint8) {
	var b [64]float32
	for j := range 8 {
		row := l.pix[min(y+j, l.h-1)*l.stride:]
		if x+8 <= l.w {
			for i, v := range row[x : x+8] {
				b[8*j+i] = float32(v) - 128
			}
			continue
		}
		for i := range 8 {
			b[8*j+i] = float32(row[min(x+i, l.w-1)]) - 128
		}
	}
	for j := range 8 {
		dct(b[8*j:8*j+8:8*j+8], 1)
	}
	for i := range 8 {
		dct(b[i:], 8)
	}
	run := 0
	for k, at := range order {
		f := b[at] * l.recip[at]
		v := int(f + 0.5)
		if f < 0 {
			v = -int(0.5 - f)
		}
		if k == 0 {
			d := v - l.previous
			l.previous = v
			l.value(bw, &l.dc, 0, d)
			continue
		}
		if v == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			bw.bits(l.ac[0xF0]&0xFFFFFF, uint(l.ac[0xF0]>>24))
		}
		l.value(bw, &l.ac, run, min(max(v, -1023), 1023))
		run = 0
	}
	if run > 0 {
		bw.bits(l.ac[0]&0xFFFFFF, uint(l.ac[0]>>24))
	}
}

// value packs a number behind the code for its size and the run of zeros before it.
func (l *layer) value(bw *packer, codes *[256]uint32, run, v int) {
	abs, low := v, v
	if v < 0 {
		abs, low = -v, v-1
	}
	n := uint(bits.Len(uint(abs)))
	c := codes[run<<4|int(n)]
	bw.bits(c&0xFFFFFF, uint(c>>24))
	bw.bits(uint32(low)&(1<<n-1), n)
}

// dctScale is what the outcome of dct is larger by than the transform of T.81 A.3.3, for each of its eight numbers, over the square root of 8.
func dctScale() [8]float64 {
	out := [8]float64{1}
	for k := 1; k < 8; k++ {
		out[k] = math.Cos(float64(k)*math.Pi/16) * math.Sqrt2
	}
	return out
}

// dct is the forward transform of Arai, Agui and Nakajima (1988) on eight numbers a step apart; dctScale takes its factors out.
func dct(b []float32, s int) {
	t0, t7 := b[0]+b[7*s], b[0]-b[7*s]
	t1, t6 := b[s]+b[6*s], b[s]-b[6*s]
	t2, t5 := b[2*s]+b[5*s], b[2*s]-b[5*s]
	t3, t4 := b[3*s]+b[4*s], b[3*s]-b[4*s]
	a0, a3 := t0+t3, t0-t3
	a1, a2 := t1+t2, t1-t2
	b[0], b[4*s] = a0+a1, a0-a1
	z1 := (a2 + a3) * 0.707106781
	b[2*s], b[6*s] = a3+z1, a3-z1
	a0, a1, a2 = t4+t5, t5+t6, t6+t7
	z5 := (a0 - a2) * 0.382683433
	z2 := 0.541196100*a0 + z5
	z4 := 1.306562965*a2 + z5
	z3 := a1 * 0.707106781
	z11, z13 := t7+z3, t7-z3
	b[5*s], b[3*s] = z13+z2, z13-z2
	b[s], b[7*s] = z11+z4, z11-z4
}
