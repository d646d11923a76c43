package decode

import "unicode/utf8"

// punycode replaces a label xn--… of a domain name (RFC 3492) by the letters it stands for.
func (b *builder) punycode(i int) int {
	src := b.src
	if i+4 >= len(src) || src[i+1]|0x20 != 'n' || src[i+2] != '-' || src[i+3] != '-' || i > 0 && labelByte(src[i-1]) {
		return i + 1
	}
	end := i + 4
	for end < len(src) && end-i <= 63 && labelByte(src[end]) {
		end++
	}
	if end-i > 63 {
		return i + 1
	}
	var buf [64]rune
	runes, ok := decodePunycode(buf[:0], src[i+4:end])
	if !ok {
		return i + 1
	}
	var out [4 * 64]byte
	text := out[:0]
	for _, r := range runes {
		if !shown(r) {
			return end
		}
		text = utf8.AppendRune(text, r)
	}
	if b.may(i, end, len(text)) {
		b.put(i, end, text, 0, 0, Punycode)
	}
	return end
}

func labelByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
}

// decodePunycode reads a label without its prefix. It fails if the label is none or encodes nothing.
func decodePunycode(out []rune, label []byte) ([]rune, bool) {
	const base, tMin, tMax, skew, damp = 36, 1, 26, 38, 700
	rest := label
	for k := len(label) - 1; k >= 0; k-- {
		if label[k] == '-' {
			for _, c := range label[:k] {
				out = append(out, rune(c))
			}
			rest = label[k+1:]
			break
		}
	}
	if len(rest) == 0 {
		return nil, false
	}
	n, at, bias := int64(128), int64(0), int64(72)
	for i := 0; i < len(rest); {
		old, w := at, int64(1)
		for k := int64(base); ; k += base {
			if i == len(rest) {
				return nil, false
			}
			var digit int64
			switch c := rest[i]; {
			case c >= '0' && c <= '9':
				digit = int64(c-'0') + 26
			case c|0x20 >= 'a' && c|0x20 <= 'z':
				digit = int64(c|0x20) - 'a'
			default:
				return nil, false
			}
			i++
			if at += digit * w; at > 1<<40 {
				return nil, false
			}
			t := min(max(k-bias, tMin), tMax)
			if digit < t {
				break
			}
			w *= base - t
			if w > 1<<40 {
				return nil, false
			}
		}
		size := int64(len(out) + 1)
		delta := at - old
		if old == 0 {
			delta /= damp
		} else {
			delta /= 2
		}
		delta += delta / size
		k := int64(0)
		for ; delta > (base-tMin)*tMax/2; k += base {
			delta /= base - tMin
		}
		bias = k + (base-tMin+1)*delta/(delta+skew)
		n += at / size
		at %= size
		if n > utf8.MaxRune || n >= 0xD800 && n < 0xE000 {
			return nil, false
		}
		out = append(out, 0)
		copy(out[at+1:], out[at:])
		out[at] = rune(n)
		at++
	}
	return out, true
}
