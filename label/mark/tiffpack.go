package mark

import (
	"bytes"
	stdzlib "compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
	"golang.org/x/image/tiff/lzw"
)

var errShort = errors.New("they end early")

// tiffUnpack unpacks n bytes.
func tiffUnpack(b []byte, packing int64, n int) ([]byte, error) {
	out := make([]byte, n)
	var r io.Reader
	switch packing {
	case 1:
		if len(b) < n {
			return nil, errShort
		}
		return append(out[:0], b[:n]...), nil
	case 5:
		z := lzw.NewReader(bytes.NewReader(b), lzw.MSB, 8)
		defer z.Close()
		r = z
	case 8, 32946:
		z, err := zlib.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		r = z
	case 32773:
		return unpackBits(b, out)
	default:
		return nil, fmt.Errorf("compression %d", packing)
	}
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// tiffPack packs bytes in a compression, PackBits row by row as it wants.
func tiffPack(raw []byte, row int, packing int64) ([]byte, error) {
	switch packing {
	case 1:
		return raw, nil
	case 5:
		return packLZW(raw), nil
	case 8, 32946:
		var out bytes.Buffer
		err := writeAll(stdzlib.NewWriter(&out), raw)
		return out.Bytes(), err
	case 32773:
		var out []byte
		for ; len(raw) > 0; raw = raw[row:] {
			out = packBits(out, raw[:row])
		}
		return out, nil
	}
	return nil, fmt.Errorf("mark: compression %d", packing)
}

// unpackBits is TIFF 6.0 section 9.
func unpackBits(b, out []byte) ([]byte, error) {
	for at := 0; at < len(out); {
		if len(b) < 2 {
			return nil, errShort
		}
		n, k := int(int8(b[0])), 0
		switch {
		case n == -128:
			b = b[1:]
			continue
		case n < 0:
			for k = 0; k < 1-n && at+k < len(out); k++ {
				out[at+k] = b[1]
			}
			b = b[2:]
		default:
			if len(b) < n+2 {
				return nil, errShort
			}
			k = copy(out[at:], b[1:n+2])
			b = b[n+2:]
		}
		at += k
	}
	return out, nil
}

func packBits(out, row []byte) []byte {
	for len(row) > 0 {
		same := 1
		for same < len(row) && same < 128 && row[same] == row[0] {
			same++
		}
		if same > 1 {
			out, row = append(out, byte(1-same), row[0]), row[same:]
			continue
		}
		n := 1
		for n < len(row) && n < 128 && (n+1 >= len(row) || row[n] != row[n+1]) {
			n++
		}
		out, row = append(append(out, byte(n-1)), row[:n]...), row[n:]
	}
	return out
}

// packLZW is TIFF 6.0 section 13: codes grow longer one entry earlier than in GIF, and the table is cleared before it holds 4,094.
func packLZW(raw []byte) []byte {
	const clearCode, endCode, first, full = 256, 257, 258, 4094
	var out []byte
	acc, held, width := uint32(0), uint(0), uint(9)
	emit := func(code uint32) {
		acc, held = acc<<width|code, held+width
		for held >= 8 {
			held -= 8
			out = append(out, byte(acc>>held))
		}
	}
	table := map[uint32]uint32{}
	next := uint32(first)
	emit(clearCode)
	prefix := int64(-1)
	grow := func() {
		if next++; next >= full {
			emit(clearCode)
			clear(table)
			next, width = first, 9
		} else if next >= 1<<width {
			width++
		}
	}
	for _, v := range raw {
		if prefix < 0 {
			prefix = int64(v)
			continue
		}
		key := uint32(prefix)<<8 | uint32(v)
		if code, ok := table[key]; ok {
			prefix = int64(code)
			continue
		}
		emit(uint32(prefix))
		table[key] = next
		grow()
		prefix = int64(v)
	}
	if prefix >= 0 {
		emit(uint32(prefix))
		grow()
	}
	emit(endCode)
	if held > 0 {
		out = append(out, byte(acc<<(8-held)))
	}
	return out
}
