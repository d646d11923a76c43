package moderation

import (
	_ "embed"
	"iter"
	"strings"
	"sync"
	"unicode/utf8"
)

// The tables are written by tables/generate.py, which names the sources. Each line is a key, a space and the characters
// that have it; lines that begin with # say where they come from.
var (
	//go:embed tables/variants.txt
	variantTable string
	//go:embed tables/lookalikes.txt
	lookalikeTable string
	//go:embed tables/syllables.txt
	syllableTable string
	//go:embed tables/halves.txt
	halvesTable string
)

// rows walks the lines of a table.
func rows(table string) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for line := range strings.Lines(table) {
			key, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			if found && key != "#" && !yield(key, value) {
				return
			}
		}
	}
}

// runeMap reads a table whose keys are single runes: character to key.
func runeMap(table string, size int) map[rune]rune {
	out := make(map[rune]rune, size)
	for key, chars := range rows(table) {
		to, _ := utf8.DecodeRuneInString(key)
		for _, r := range chars {
			out[r] = to
		}
	}
	return out
}

// variantForms maps traditional, rare, radical and compatibility forms of Chinese characters to the common simplified form.
var variantForms = sync.OnceValue(func() map[rune]rune { return runeMap(variantTable, 5000) })

// simplify gives the common simplified form of a Chinese character, and any other rune as it is. Its results stand still:
// simplify(simplify(r)) == simplify(r). It knows single characters only: 乾, one word's 干 and another's 乾, stays.
func simplify(r rune) rune {
	if to, ok := variantForms()[r]; ok {
		return to
	}
	return r
}

// lookalikeForms maps letters of other scripts, and of the far ends of the Latin one, to the ASCII letter they look like.
var lookalikeForms = sync.OnceValue(func() map[rune]rune { return runeMap(lookalikeTable, 800) })

// lookalike gives the ASCII lower-case letter that a letter passes for, and any other rune as it is. Ask before folding
// case: Ν looks like n, its lower case ν like v. Digits and Chinese characters pass for no letter.
func lookalike(r rune) rune {
	if to, ok := lookalikeForms()[r]; ok {
		return to
	}
	return r
}

// Bounds of the characters that have a syllable; 〇 is the one outside.
const (
	firstRead = 0x4E00
	lastRead  = 0x9FFF
)

// sounds holds the toneless pinyin of characters by their first reading.
type sounds struct {
	names []string // of the syllables, in alphabetical order; 0 is no syllable
	of    [lastRead - firstRead + 1]uint16
	zero  uint16 // of 〇
}

var readings = sync.OnceValue(readSounds)

func readSounds() *sounds {
	s := &sounds{names: make([]string, 1, 420)}
	for name, chars := range rows(syllableTable) {
		n := uint16(len(s.names))
		s.names = append(s.names, name)
		for _, r := range chars {
			if r == '〇' {
				s.zero = n
			} else {
				s.of[r-firstRead] = n
			}
		}
	}
	return s
}

// syllable gives the number of the toneless pinyin syllable in which a Chinese character is first read, 0 for other runes.
// Numbers are stable for one table only.
func syllable(r rune) uint16 {
	switch {
	case r >= firstRead && r <= lastRead:
		return readings().of[r-firstRead]
	case r == '〇':
		return readings().zero
	}
	return 0
}

// syllableName gives the syllable of a number, ü written v; "" for none.
func syllableName(n uint16) string {
	if names := readings().names; int(n) < len(names) {
		return names[n]
	}
	return ""
}

// splitPairs maps characters to the pairs of characters they are written as by people who hide them (拆字).
var splitPairs = sync.OnceValue(readHalves)

func readHalves() map[rune][]string {
	out := make(map[rune][]string, 512)
	for key, forms := range rows(halvesTable) {
		r, _ := utf8.DecodeRuneInString(key)
		out[r] = strings.Fields(forms)
	}
	return out
}

// halves gives the split forms of a character, the commonest first; none if it is not known to be split.
// The forms are as people write them, not folded. The caller does not change them.
func halves(r rune) []string { return splitPairs()[r] }

// standing gives the character that people type for a side form of a radical: 亻 is written 人 by those who split 代 into 人弋.
// Side forms do not stand in ordinary text, so nothing else changes.
func standing(r rune) rune {
	switch r {
	case '亻':
		return '人'
	case '讠', '訁':
		return '言'
	case '钅', '釒':
		return '金'
	case '扌':
		return '手'
	case '氵', '氺':
		return '水'
	case '纟', '糹':
		return '丝'
	case '饣', '飠':
		return '食'
	case '忄':
		return '心'
	case '犭':
		return '犬'
	case '艹':
		return '草'
	case '刂':
		return '刀'
	case '灬':
		return '火'
	case '衤':
		return '衣'
	case '礻':
		return '示'
	case '疒':
		return '病'
	case '攵':
		return '文'
	}
	return r
}
