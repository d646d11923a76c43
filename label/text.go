package label

import (
	"strings"
	"unicode/utf8"
)

// Place says where the explicit text label stands (GB 45438-2025 5.1).
type Place string

const (
	Start Place = "start"
	End   Place = "end"
	UI    Place = "ui" // a continuous notice in the interface; only an obligation is sent (GB 45438-2025 5.6)
)

// Text is a worded label. Both elements (人工智能/AI and 生成/合成) are always present.
type Text struct {
	Prefix string // goes before the first visible character, "" unless Place is Start
	Suffix string // goes after the last, "" unless Place is End
}

// Notice is the bare wording of the label for a language; the interface shows it where Place is UI. The English wording
// keeps the Chinese elements, because the standard knows the generation element only as 生成 or 合成.
func Notice(lang string) string {
	if lang == "en" || strings.HasPrefix(lang, "en-") {
		return "[AI-generated content · 人工智能生成]"
	}
	return "【本内容由人工智能生成】"
}

// Words returns the label for a place and a language ("zh", "en"; any other language gets the Chinese words). The label
// stands in a paragraph of its own so that it breaks no Markdown around it.
func Words(p Place, lang string) Text {
	switch p {
	case Start:
		return Text{Prefix: Notice(lang) + "\n\n"}
	case End:
		return Text{Suffix: "\n\n" + Notice(lang)}
	}
	return Text{}
}

// explicitReach is how far from either end of a text HasExplicit looks, in characters.
const explicitReach = 64

// HasExplicit tells whether text carries a worded label: both elements within the first or last 64 characters. It is a
// necessary test, not proof: prose about 人工智能生成 has the same words. A corner mark with AI alone is not accepted.
func HasExplicit(text string) bool {
	return bothElements(firstRunes(text, explicitReach)) || bothElements(lastRunes(text, explicitReach))
}

func bothElements(s string) bool {
	if !strings.Contains(s, "生成") && !strings.Contains(s, "合成") {
		return false
	}
	return strings.Contains(s, "人工智能") || hasWord(s, "AI") || hasWord(s, "ＡＩ")
}

// hasWord finds word where no Latin letter or digit touches it, so that MAIL or AIR is no AI.
func hasWord(s, word string) bool {
	for at := 0; ; {
		i := strings.Index(s[at:], word)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(s[:at+i])
		after, _ := utf8.DecodeRuneInString(s[at+i+len(word):])
		if !latin(before) && !latin(after) {
			return true
		}
		at += i + len(word)
	}
}

func latin(r rune) bool {
	if r >= 0xFF01 && r <= 0xFF5E { // full width
		r -= 0xFEE0
	}
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func lastRunes(s string, n int) string {
	end := len(s)
	for ; n > 0 && end > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(s[:end])
		end -= size
	}
	return s[end:]
}
