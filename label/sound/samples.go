package sound

import (
	"encoding/binary"
	"math"
)

// encode is a sample from -1 to 1 as it stands in the file.
func (w *wave) encode(v float64) []byte {
	v = min(max(v, -1), 1)
	switch {
	case w.code == 3 && w.bits == 32:
		return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
	case w.code == 3:
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
	case w.code == 6:
		return []byte{aLaw(int(math.Round(v * 32767)))}
	case w.code == 7:
		return []byte{muLaw(int(math.Round(v * 32767)))}
	case w.bits == 8: // unsigned
		return []byte{byte(math.Round(v*127) + 128)}
	}
	n := int64(math.Round(v * float64(int64(1)<<(w.bits-1)-1)))
	out := binary.LittleEndian.AppendUint64(nil, uint64(n))
	return out[:w.bits/8]
}

// decode is the sample at the beginning of b, from -1 to 1. What is no number counts as silence.
func (w *wave) decode(b []byte) float64 {
	switch {
	case w.code == 3:
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		if w.bits == 64 {
			v = math.Float64frombits(binary.LittleEndian.Uint64(b))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return 0
		}
		return min(max(v, -1), 1)
	case w.code == 6:
		return float64(unALaw(b[0])) / 32768
	case w.code == 7:
		return float64(unMuLaw(b[0])) / 32768
	case w.bits == 8:
		return (float64(b[0]) - 128) / 128
	}
	var n int64
	for i := w.bits/8 - 1; i >= 0; i-- {
		n = n<<8 | int64(b[i])
	}
	shift := 64 - w.bits
	return float64(n<<shift>>shift) / float64(int64(1)<<(w.bits-1))
}

// muLaw and its like are ITU-T G.711.
func muLaw(s int) byte {
	sign := byte(0)
	if s < 0 {
		s, sign = -s, 0x80
	}
	s = min(s, 32635) + 132
	exponent := 7
	for mask := 0x4000; s&mask == 0 && exponent > 0; mask >>= 1 {
		exponent--
	}
	return ^(sign | byte(exponent<<4) | byte(s>>(exponent+3)&15))
}

func unMuLaw(b byte) int {
	b = ^b
	v := (int(b&15)<<3+132)<<(b>>4&7) - 132
	if b&0x80 != 0 {
		return -v
	}
	return v
}

func aLaw(s int) byte {
	sign := byte(0x80)
	if s < 0 {
		s, sign = -s-1, 0
	}
	s = min(s, 32767)
	exponent := 7
	for mask := 0x4000; s&mask == 0 && exponent > 0; mask >>= 1 {
		exponent--
	}
	mantissa := s >> (exponent + 3) & 15
	if exponent == 0 {
		mantissa = s >> 4 & 15
	}
	return (sign | byte(exponent<<4) | byte(mantissa)) ^ 0x55
}

func unALaw(b byte) int {
	b ^= 0x55
	exponent, mantissa := int(b>>4&7), int(b&15)
	v := mantissa<<4 + 8
	if exponent > 0 {
		v = (v + 256) << (exponent - 1)
	}
	if b&0x80 == 0 {
		return -v
	}
	return v
}

// resample brings samples to another rate with a windowed sinc, so that nothing folds back.
func resample(x []float64, from, to int) []float64 {
	if from == to || len(x) == 0 {
		return append([]float64(nil), x...)
	}
	ratio := float64(to) / float64(from)
	cut := min(1, ratio)
	const half = 16
	reach := half / cut
	out := make([]float64, int(float64(len(x))*ratio))
	for i := range out {
		at := float64(i) / ratio
		var sum, weights float64
		for k := max(0, int(math.Ceil(at-reach))); k <= min(len(x)-1, int(at+reach)); k++ {
			d := at - float64(k)
			weight := cut * (0.5 + 0.5*math.Cos(math.Pi*d/reach))
			if d != 0 {
				weight *= math.Sin(math.Pi*d*cut) / (math.Pi * d * cut)
			}
			sum, weights = sum+x[k]*weight, weights+weight
		}
		if weights != 0 {
			out[i] = sum / weights
		}
	}
	return out
}
