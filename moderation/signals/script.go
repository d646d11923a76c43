package signals

import (
	"fmt"
	"slices"
	"unicode"
)

// DefaultLeast is the number of letters from which a script that no detector covers is reported: a loan word is shorter.
const DefaultLeast = 8

// Gate finds text in scripts for which no detector is in force.
type Gate struct {
	Covered []string // names of scripts as Unicode has them: Han, Latin, Tibetan, Arabic, Mongolian, Hangul, …
	Least   int      // 0: DefaultLeast
}

// gateScripts are the scripts told apart; what is written in others counts as Other.
var gateScripts = [...]string{"Han", "Latin", "Tibetan", "Arabic", "Mongolian", "Hangul", "Hiragana", "Katakana", "Thai", "Cyrillic", "Devanagari",
	"Greek", "Hebrew", "Yi", "Khmer", "Lao", "Myanmar", "Bengali", "Tamil", "Georgian", "Armenian", "Ethiopic"}

// ScriptOf names the script of a letter; "" for what is no letter, or common to all.
func ScriptOf(r rune) string {
	switch {
	case r < 0x80:
		if r|0x20 >= 'a' && r|0x20 <= 'z' {
			return "Latin"
		}
		return ""
	case r >= 0x4E00 && r < 0xA000:
		return "Han"
	case !unicode.IsLetter(r):
		return ""
	}
	for _, name := range gateScripts {
		if unicode.Is(unicode.Scripts[name], r) {
			return name
		}
	}
	if unicode.Is(unicode.Scripts["Common"], r) {
		return ""
	}
	return "Other"
}

// Shares gives the part of the letters of a text that each script has.
func Shares(text []byte) map[string]float64 {
	out, all := map[string]float64{}, 0.0
	for _, r := range string(text) {
		if s := ScriptOf(r); s != "" {
			out[s]++
			all++
		}
	}
	for s := range out {
		out[s] /= all
	}
	return out
}

// gateGap is how many covered letters in a row end a span, and gateShare the part of a span's letters that must not be covered: words of
// another script in between do not hide a text. Ours.
const (
	gateGap   = 12
	gateShare = 0.25
)

// Scan gives the spans in scripts that are not covered. Spaces, digits and signs between do not end a span, nor do a few covered letters.
func (g Gate) Scan(text []byte) []Finding {
	least := g.Least
	if least <= 0 {
		least = DefaultLeast
	}
	var out []Finding
	start, end, letters, covered, gap := 0, 0, 0, 0, 0
	names := map[string]int{}
	flush := func() {
		if letters >= least && float64(letters) >= gateShare*float64(letters+covered-gap) {
			most := ""
			for name, n := range names {
				if most == "" || n > names[most] || n == names[most] && name < most {
					most = name
				}
			}
			reason := fmt.Sprintf("%d letters of the script %s, which no detector covers", letters, most)
			if len(names) > 1 {
				reason = fmt.Sprintf("%d letters of %d scripts that no detector covers, mostly %s", letters, len(names), most)
			}
			out = append(out, Finding{Signal: Script, Start: start, End: end, Score: 1, Reason: reason})
		}
		letters, covered, gap = 0, 0, 0
		clear(names)
	}
	for i, r := range string(text) {
		s := ScriptOf(r)
		switch {
		case s == "":
			continue
		case slices.Contains(g.Covered, s):
			covered++
			if gap++; letters > 0 && gap > gateGap {
				flush()
			}
			continue
		case letters == 0:
			start, covered = i, 0
		}
		letters++
		names[s]++
		gap, end = 0, i+len(string(r))
	}
	flush()
	return out
}
