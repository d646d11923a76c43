package linear

import (
	"math"
	"unicode/utf8"

	"github.com/hegui/hegui/moderation"
)

const (
	maxGram  = 4 // runes of the longest n-gram
	minWord  = 5 // letters of the shortest word; shorter ones are n-grams already
	features = maxGram + 1
)

// grams walks a text and yields the buckets of the n-grams that end at each rune.
type grams struct {
	folder moderation.Folder
	shift  uint // 64 less the bits of a bucket
	last   [maxGram - 1]uint64
	starts [maxGram - 1]int
	seen   int
	word   uint64
	length int
	begin  int // of the word
}

const mixer = 0x9E3779B97F4A7C15

// next takes the rune r at byte offset at. out gets the buckets, from the bytes that Explain looks up with first.
func (g *grams) next(r rune, at int, out *[features]uint32, first *[features]int) int {
	f, ok := g.folder.Rune(r)
	if !ok {
		return 0
	}
	n := 0
	if f < utf8.RuneSelf && (f >= 'a' && f <= 'z' || f >= '0' && f <= '9') {
		if g.length == 0 {
			g.begin = at
		}
		g.word = (g.word ^ uint64(f)) * mixer
		g.length++
	} else if g.length > 0 {
		n = g.endWord(out, first)
	}
	if f == ' ' && g.seen > 0 && g.last[0] == ' ' {
		return n
	}
	h := uint64(f) * mixer
	h ^= h >> 29
	out[n], first[n] = uint32(h*mixer>>g.shift), at
	n++
	for i := range min(g.seen, maxGram-1) {
		h = (h ^ g.last[i] + uint64(i) + 1) * mixer
		h ^= h >> 29
		out[n], first[n] = uint32(h*mixer>>g.shift), g.starts[i]
		n++
	}
	g.last[2], g.last[1], g.last[0] = g.last[1], g.last[0], uint64(f)
	g.starts[2], g.starts[1], g.starts[0] = g.starts[1], g.starts[0], at
	g.seen++
	return n
}

// endWord yields the word that has just ended, when it is long enough.
func (g *grams) endWord(out *[features]uint32, first *[features]int) int {
	w, n := g.word, g.length
	g.word, g.length = 0, 0
	if n < minWord {
		return 0
	}
	w ^= w >> 31
	out[0], first[0] = uint32((w+1)*mixer>>g.shift), g.begin
	return 1
}

// norm makes long and short texts comparable.
func norm(n int) float64 { return 1 / math.Sqrt(float64(max(n, 1))) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
