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

// Scan gives the spans in scripts that are not covered. Spaces, digits and signs between do not end a span.
func (g Gate) Scan(text []byte) []Finding {
	least := g.Least
	if least <= 0 {
		least = DefaultLeast
	}
	var out []Finding
	name, start, end, letters := "", 0, 0, 0
	flush := func() {
		if letters >= least {
			out = append(out, Finding{Signal: Script, Start: start, End: end, Score: 1, Reason: fmt.Sprintf("%d letters of the script %s, which no detector covers", letters, name)})
		}
		letters = 0
	}
	for i, r := range string(text) {
		s := ScriptOf(r)
		switch {
		case s == "":
			continue
		case slices.Contains(g.Covered, s):
			flush()
			continue
		case s != name || letters == 0:
			flush()
			name, start = s, i
		}
		letters++
		end = i + len(string(r))
	}
	flush()
	return out
}
