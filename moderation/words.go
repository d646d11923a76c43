package moderation

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"strconv"
	"sync"
	"unicode"
	"unicode/utf8"
)

// wordTable is the gzip of sorted lines: the number of leading characters shared with the word before, the other
// characters, and 16 times the natural logarithm of the word's frequency in two hex digits. The figures are derived from
// the dictionary of jieba 0.42.1 (MIT); tables/generate.py says how.
//
//go:embed tables/words.gz
var wordTable []byte

// Costs of the lattice, in sixteenths of a natural logarithm: a word of frequency byte f costs costAll-f.
const (
	costAll     = 287 // 16 ln of the frequencies of all words together
	costUnknown = 320 // a character that is no word
	costSign    = 96  // a sign, or a run of letters or digits: it divides and says nothing else
	freqHit     = 64  // at least the frequency of a hit, so that names of things are not torn apart

	wordRunes   = 4  // the longest word
	borderReach = 10 // runes looked at on each side
	hitReach    = 12 // the longest hit looked at
)

// words knows common Chinese words, simplified, of one to four characters, and how frequent they are. It never changes.
type words struct{ freq map[uint64]byte }

// wordBook is the one book of the process, read when first asked for: all lexicons share it.
var wordBook = sync.OnceValue(newWords)

// newWords reads the table. It costs some 15 ms and a megabyte.
func newWords() *words {
	w := &words{freq: make(map[uint64]byte, 50_000)}
	zipped, err := gzip.NewReader(bytes.NewReader(wordTable))
	if err != nil {
		panic("moderation: word table: " + err.Error()) // built in, and read by a test
	}
	lines := bufio.NewScanner(zipped)
	var word [wordRunes]rune
	for lines.Scan() {
		line := lines.Bytes()
		n, tail := int(line[0]-'0'), len(line)-2
		for i := 1; i < tail; n++ {
			r, size := utf8.DecodeRune(line[i:tail])
			word[n] = r
			i += size
		}
		freq, err := strconv.ParseUint(string(line[tail:]), 16, 8)
		if err != nil {
			panic("moderation: word table: " + err.Error())
		}
		w.freq[wordKey(word[:n])] = byte(freq)
	}
	if err := lines.Err(); err != nil {
		panic("moderation: word table: " + err.Error())
	}
	return w
}

// wordKey packs a word; 0 for what can be none.
func wordKey(word []rune) uint64 {
	var key uint64
	if len(word) > wordRunes {
		return 0
	}
	for _, r := range word {
		if r > 0xFFFF {
			return 0
		}
		key = key<<16 | uint64(r)
	}
	return key
}

// has gives the frequency of a folded word: 16 times its natural logarithm in a corpus of some 60 million words.
func (w *words) has(word string) (freq byte, ok bool) {
	var buf [wordRunes]rune
	n := 0
	for _, r := range word {
		if n == wordRunes {
			return 0, false
		}
		buf[n] = r
		n++
	}
	freq, ok = w.freq[wordKey(buf[:n])]
	return freq, ok
}

// border tells whether both edges of a hit fall between words in the most probable segmentation of what stands around it:
// 大麻 in 买大麻袋装米 does not. Left, hit and right are folded runes that follow each other; the nearest ten on each side
// count. A hit that begins or ends a longer word and has its meaning there (吸毒 in 吸毒者) counts as bordered. When two
// readings are equally probable it says true: evidence stays. It says true of hits longer than twelve runes, unread.
func (w *words) border(left, hit, right []rune) bool {
	if len(hit) > hitReach || len(hit) == 0 {
		return true
	}
	left = left[max(0, len(left)-borderReach):]
	right = right[:min(len(right), borderReach)]
	var buf [2*borderReach + hitReach]rune
	text := append(append(append(buf[:0], left...), hit...), right...)
	from, to := len(left), len(left)+len(hit)

	// free is the cost of the cheapest reading of text[:i]; whole, of the cheapest that leaves the hit whole.
	const never = 1 << 30
	var free, whole [2*borderReach + hitReach + 1]int
	for i := 1; i <= len(text); i++ {
		free[i], whole[i] = never, never
	}
	step := func(i, j, cost int, keeps bool) {
		free[j] = min(free[j], free[i]+cost)
		if keeps {
			whole[j] = min(whole[j], whole[i]+cost)
		}
	}
	for i := range text {
		if free[i] >= never && whole[i] >= never {
			continue // inside a run of letters or digits
		}
		if i == from {
			freq := freqHit
			if f, ok := w.freq[wordKey(hit)]; ok {
				freq = max(freq, int(f))
			}
			step(i, to, costAll-freq, true)
		}
		if end := tokenEnd(text, i); end > i {
			step(i, end, costSign, !cuts(i, end, from, to))
			continue
		}
		known := false
		for j := i + 1; j <= min(len(text), i+wordRunes); j++ {
			f, ok := w.freq[wordKey(text[i:j])]
			if !ok {
				continue
			}
			known = known || j == i+1
			step(i, j, costAll-int(f), !cuts(i, j, from, to) || w.kin(text, i, j, from, to))
		}
		if !known {
			step(i, i+1, costUnknown, true)
		}
	}
	return whole[len(text)] <= free[len(text)]
}

// cuts tells whether the word text[i:j] reaches over an edge of the hit text[from:to].
func cuts(i, j, from, to int) bool { return i < from && from < j || i < to && to < j }

// kin tells whether the word text[i:j] is the hit with a word or an affix before or after it: 吸毒+者, 反+腐败.
func (w *words) kin(text []rune, i, j, from, to int) bool {
	var rest []rune
	switch {
	case i == from && to < j:
		rest = text[to:j]
	case i < from && to == j:
		rest = text[i:from]
	default:
		return false
	}
	if _, ok := w.freq[wordKey(text[from:to])]; !ok {
		return false // the longer word is known and the hit is none: 产党 in 共产党
	}
	if len(rest) > 1 {
		_, ok := w.freq[wordKey(rest)]
		return ok
	}
	return affix(rest[0])
}

// affix tells the characters that are put to a word and leave it its meaning.
func affix(r rune) bool {
	switch r {
	case '者', '犯', '罪', '案', '品', '徒', '式', '性', '症', '员', '们', '狂', '党', '派', '型', '类', '剂', '物', '片', '场', '所', '客', '商', '店', '馆',
		'费', '款', '网', '率', '团', '帮', '贩', '史', '男', '女', '反', '被', '小', '老', '大':
		return true
	}
	return false
}

// tokenEnd gives the end of the sign, or of the run of letters or digits, that begins at i; i if a Chinese character does.
func tokenEnd(text []rune, i int) int {
	switch class(text[i]) {
	case han:
		return i
	case sign:
		return i + 1
	}
	j := i + 1
	for j < len(text) && class(text[j]) == class(text[i]) {
		j++
	}
	return j
}

type runeClass int

const (
	han runeClass = iota
	sign
	digit
	letter
)

func class(r rune) runeClass {
	switch {
	case r >= 0x4E00 && r <= 0x9FFF, r == '〇', r >= 0x3400 && r <= 0x4DBF, r >= 0x20000 && r <= 0x3FFFF:
		return han
	case r >= '0' && r <= '9':
		return digit
	case unicode.IsLetter(r):
		return letter
	}
	return sign
}
