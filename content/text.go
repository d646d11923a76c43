package content

import (
	"strings"
	"unicode"

	"github.com/hegui/hegui/label"
)

// MinText is how many characters a text needs to be found: shorter ones are given out again and again.
const MinText = 20

// MaxText is the longest text, in bytes, that is looked for; ours.
const MaxText = 1 << 20

// normal is a text as its digest is taken of: without the worded labels that this program writes, white space and invisible characters, and
// in half width. ok is false for one of less than MinText characters then.
func normal(text string) (plain string, ok bool) {
	n := 0
	plain = compact(text, &n)
	for _, lang := range []string{"zh", "en"} {
		notice := compact(label.Notice(lang), nil)
		n -= strings.Count(plain, notice) * len([]rune(notice))
		plain = strings.ReplaceAll(plain, notice, "")
	}
	return plain, n >= MinText
}

// compact drops and folds; n, if any, counts what is left, in characters.
func compact(text string, n *int) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Cf, r), unicode.IsControl(r):
			return -1
		case r >= 0xFF01 && r <= 0xFF5E:
			r -= 0xFEE0
		}
		if n != nil {
			*n++
		}
		return r
	}, text)
}
