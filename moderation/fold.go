package moderation

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// foldVersion names the folding rules; with the Unicode versions it is part of every lexicon's hash.
const foldVersion = "fold/2 unicode " + unicode.Version + " norm " + norm.Version

// matchVersion names the rules of matching, those of folding among them.
const matchVersion = "match/2 " + foldVersion

// skip is the fold of a rune that matching does not see.
const skip rune = -1

// foldLimit bounds the runes that folds() holds by table: the two planes where letters, digits and symbols live.
const foldLimit = 0x20000

// folds returns the folding table, built once and never changed after.
//
// One rune folds to one rune: case, full and half width, compatibility forms, enclosed letters and digits, letters with
// diacritics and letters of other scripts that look like a Latin one fold to the plain letter; traditional and rare forms of
// Chinese characters to the common simplified form and radicals to the character; line breaks and tabs to a space, of which
// matching sees one where several stand in a row. Zero-width and bidi controls, variation selectors and combining marks fold to skip. A rune that stands for several (ﬁ, ㍿) stays itself.
var folds = sync.OnceValue(func() *[foldLimit]rune {
	table := new([foldLimit]rune)
	for r := range rune(foldLimit) {
		table[r] = foldSlow(r)
	}
	return table
})

// fold folds any rune.
func fold(table *[foldLimit]rune, r rune) rune {
	if r >= 0 && r < foldLimit {
		return table[r]
	}
	return foldSlow(r)
}

func foldSlow(r rune) rune {
	switch {
	case r < utf8.RuneSelf && r > ' ':
		return unicode.ToLower(r)
	case r >= 0x3400 && r <= 0x9FFF:
		return standing(simplify(r))
	case r >= 0xAC00 && r <= 0xD7A3, r >= 0xD800 && r <= 0xDFFF:
		return r // syllables stand for themselves; surrogates are no runes
	case r == '\t', r == '\n', r == '\r', r == 0x85, r == 0x2028, r == 0x2029:
		return ' '
	case invisible(r):
		return skip
	case r >= 0x2776 && r <= 0x277E: // negative circled digits have no compatibility form in Unicode
		return '1' + r - 0x2776
	case r >= 0x2780 && r <= 0x2788:
		return '1' + r - 0x2780
	case r >= 0x278A && r <= 0x2792:
		return '1' + r - 0x278A
	case r >= 0x24F5 && r <= 0x24FD:
		return '1' + r - 0x24F5
	case r == 0x24FF, r == 0x1F10B, r == 0x1F10C:
		return '0'
	case r >= 0x1F150 && r <= 0x1F169: // negative circled, negative squared and regional letters
		return 'a' + r - 0x1F150
	case r >= 0x1F170 && r <= 0x1F189:
		return 'a' + r - 0x1F170
	case r >= 0x1F1E6 && r <= 0x1F1FF:
		return 'a' + r - 0x1F1E6
	}
	if l := lookalike(r); l != r {
		return l
	}
	var buf [4 * utf8.UTFMax]byte
	whole := norm.NFKD.AppendString(buf[:0], string(r))
	one, n := rune(0), 0
	for _, d := range string(whole) {
		switch {
		case invisible(d):
		case len(whole) > 1 && (d == '(' || d == ')' || d == '.' || d == ','): // ⑴ ⒈ 🄁
		default:
			one = d
			n++
		}
	}
	if n != 1 {
		one = r
	}
	if l := lookalike(one); l != one {
		return l
	}
	return standing(simplify(lower(one)))
}

// lower maps to one lower-case form; runes whose lower case differs from that of their upper case (ſ, ς, Kelvin sign) meet.
func lower(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }

// invisible tells the runes that a reader does not see as characters of their own.
func invisible(r rune) bool {
	switch {
	case r < 0x20:
		return r != '\t' && r != '\n' && r != '\r'
	case r < 0x7F:
		return false
	case r <= 0x9F:
		return r != 0x85
	case r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0: // Hangul fillers
		return true
	case r == 0x180E, r >= 0x180B && r <= 0x180F, r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0000 && r <= 0xE0FFF:
		return true
	case r >= 0x1F3FB && r <= 0x1F3FF: // skin tones
		return true
	case unicode.Is(unicode.Cf, r):
		return true
	}
	// Marks of all scripts only: the vowel signs of Thai or Hindi are letters in all but name.
	return unicode.In(r, unicode.Mn, unicode.Me) && unicode.Is(unicode.Inherited, r)
}

// foldText folds a whole text as matching sees it: skipped runes left out, spaces in a row as one, none around it. It reads invalid
// UTF-8 as U+FFFD.
func foldText(table *[foldLimit]rune, s string) []rune {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if f := fold(table, r); f != skip && (f != ' ' || len(out) > 0 && out[len(out)-1] != ' ') {
			out = append(out, f)
		}
	}
	if n := len(out); n > 0 && out[n-1] == ' ' {
		out = out[:n-1]
	}
	return out
}

// Folder folds runes as lexicons do, for whatever else judges text and must see through the same spellings.
type Folder struct{ table *[foldLimit]rune }

// NewFolder returns the folding of this build; FoldVersion names it.
func NewFolder() Folder { return Folder{folds()} }

// Rune folds a rune; false when matching does not see it.
func (f Folder) Rune(r rune) (rune, bool) {
	r = fold(f.table, r)
	return r, r != skip
}

// Essence is what two writings of the same text have in common: its letters and digits, folded. A text without any is itself,
// without blanks around it.
func Essence(text string) string {
	folder := NewFolder()
	essence := strings.Map(func(r rune) rune {
		if r, ok := folder.Rune(r); ok && (unicode.IsLetter(r) || unicode.IsNumber(r)) {
			return r
		}
		return -1
	}, text)
	if essence == "" {
		return strings.TrimSpace(text)
	}
	return essence
}

// FoldVersion names the folding rules; what was trained under others does not fit.
func FoldVersion() string { return foldVersion }
