package decode

import (
	"bytes"
	"unicode/utf8"
)

// Tag characters (U+E0020 to U+E007E) are ASCII that nobody sees: they once named languages, stand in the flags of regions, and
// carry words to a model that its user's screen does not show.
const (
	tagFirst  = 0xE0020
	tagLast   = 0xE007E
	tagSize   = 4   // bytes of each
	blackFlag = "🏴" // before the tags of a region's flag
)

var tagBytes = []byte("\U000E0020")[:2]

// tags replaces runs of tag characters by what they say.
func tags(b *builder) {
	for at := 0; ; {
		i := bytes.Index(b.src[at:], tagBytes)
		if i < 0 {
			return
		}
		start := at + i
		at = start
		var said []byte
		for {
			r, n := utf8.DecodeRune(b.src[at:])
			if r < tagFirst || r > tagLast {
				if at == start { // the same bytes begin other characters too
					at++
				}
				break
			}
			said, at = append(said, byte(r-0xE0000)), at+n
		}
		end := start + tagSize*len(said)
		if len(said) < 3 || bytes.HasSuffix(b.src[:start], []byte(blackFlag)) {
			continue
		}
		if b.may(start, end, len(said)) {
			b.put(start, end, said, 1, tagSize, Tags)
		}
	}
}
