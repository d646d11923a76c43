package decode

import (
	"bytes"
	"unicode/utf8"
)

// mimeWords replaces a row of MIME words (=?utf-8?B?…?=), which may cut a character between two of them.
func (b *builder) mimeWords(i int) (end int, ok bool) {
	var data []byte
	at, gb := i, false
	for {
		word, charset, enc, n := mimeWord(b.src[at:])
		if n == 0 {
			break
		}
		switch {
		case bytes.EqualFold(charset, []byte("utf-8")), bytes.EqualFold(charset, []byte("us-ascii")), bytes.EqualFold(charset, []byte("utf8")):
		case bytes.HasPrefix(bytes.ToLower(charset), []byte("gb")):
			gb = true
		default:
			return 0, false
		}
		if enc == 'b' {
			data = decodeBase64(data, bytes.TrimRight(word, "="))
		} else {
			data = decodeQ(data, word)
		}
		at += n
		end = at
		for at < len(b.src) && at-end < 4 && (b.src[at] == ' ' || b.src[at] == '\r' || b.src[at] == '\n' || b.src[at] == '\t') {
			at++
		}
	}
	if end == 0 || len(data) == 0 {
		return 0, false
	}
	if gb && !utf8.Valid(data) {
		var out []byte
		for k := 0; k < len(data); {
			r, n, _, _ := gb18030.decodeRune(data[k:])
			if n == 0 {
				return 0, false
			}
			out = utf8.AppendRune(out, r)
			k += n
		}
		data = out
	}
	for k := 0; k < len(data); {
		r, n := utf8.DecodeRune(data[k:])
		if !shown(r) {
			return 0, false
		}
		k += n
	}
	if !b.may(i, end, len(data)) {
		return end, true
	}
	b.put(i, end, data, 0, 0, Quoted)
	return end, true
}

// mimeWord reads one word; n is its length, 0 if there is none.
func mimeWord(src []byte) (word, charset []byte, enc byte, n int) {
	const longest = 1024
	if len(src) < 8 || src[0] != '=' || src[1] != '?' {
		return nil, nil, 0, 0
	}
	src = src[:min(len(src), longest)]
	name := bytes.IndexByte(src[2:], '?')
	if name < 1 || name > 40 || 2+name+3 > len(src) {
		return nil, nil, 0, 0
	}
	charset = src[2 : 2+name]
	enc = src[3+name] | 0x20
	if enc != 'b' && enc != 'q' || src[4+name] != '?' {
		return nil, nil, 0, 0
	}
	from := 5 + name
	stop := bytes.Index(src[from:], []byte("?="))
	if stop < 0 {
		return nil, nil, 0, 0
	}
	return src[from : from+stop], charset, enc, from + stop + 2
}

// decodeQ reads the Q encoding of MIME words.
func decodeQ(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '_':
			dst = append(dst, ' ')
		case '=':
			if v, n := number(src, i+1, 2, 2, 16); n > 0 {
				dst = append(dst, byte(v))
				i += 2
				continue
			}
			fallthrough
		default:
			dst = append(dst, src[i])
		}
	}
	return dst
}
