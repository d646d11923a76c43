package moderation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxRunes is the length limit of one entry, in folded runes. It bounds what a Window may hold back.
const MaxRunes = 64

// Limits of one entry, ours: they bound what compiling can be made to do.
const (
	maxParts    = 8  // of kind all
	maxWords    = 32 // of one Context
	maxContexts = 8
	maxVariants = 16 // split forms
	minPinyin   = 4  // runes; three with a context (moderation research: three give 0.7 % false hits, four 0.17 %)
	minSep      = 3
)

// role is what a pattern is for.
type role uint8

const (
	roleHit   role = iota
	roleAllow      // cancels hits
	rolePart       // of kind all
	roleWord       // of contexts: one pattern, however many entries ask for the word
)

// form is a Form as patterns keep it: many patterns lie close together, and hold no pointers.
type form uint8

const (
	asWritten form = iota
	separated
	byReading
	inHalves
	backwards
	forms
)

func (f form) name() Form {
	switch f {
	case separated:
		return Separated
	case byReading:
		return Homophone
	case inHalves:
		return Split
	case backwards:
		return Reversed
	}
	return AsWritten
}

// pattern is one sequence of runes that the automaton looks for.
type pattern struct {
	entry     int32 // number of the word for roleWord
	role      role
	form      form
	part      uint8 // part of kind all
	runes     uint8
	separable bool // may be interrupted by separators
	onlySep   bool // counts only where it is
	startWord bool // its first rune is an ASCII letter or digit: needs a border before it
	endWord   bool // its last is: needs one after it
	plain     bool // nothing around a hit matters but ASCII letters and digits beside it
	free      bool // these neither
}

// compiled is what the entries become before the automata are built.
type compiled struct {
	patterns []pattern
	texts    [][]rune // of patterns; nil for kind pattern
	regexps  []*program
	words    wordNumbers
}

// wordNumbers gives every word that a context asks for, as folded, a number: in order of entries, as they come.
type wordNumbers map[string]int32

// of numbers a word; known tells that it had its number.
func (w *wordNumbers) of(folded []rune) (number int32, known bool) {
	if number, known = (*w)[string(folded)]; !known {
		if *w == nil {
			*w = wordNumbers{}
		}
		number = int32(len(*w))
		(*w)[string(folded)] = number
	}
	return number, known
}

// contextWord is a word of a context as matching sees it.
func contextWord(table *[foldLimit]rune, word string) []rune {
	return foldText(table, strings.TrimSpace(word))
}

// checkText tells why a text cannot be matched; folded is the same text folded.
func checkText(text string, folded []rune) error {
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError):
		return errors.New("is not valid UTF-8")
	case len(folded) == 0 || strings.TrimSpace(string(folded)) == "":
		return errors.New("nothing is left of it after folding")
	case len(folded) > MaxRunes:
		return fmt.Errorf("has %d characters; at most %d", len(folded), MaxRunes)
	}
	return nil
}

// CheckEntry tells what is wrong with an entry that is to be taken in, its id and its place among others aside.
func CheckEntry(e Entry) error {
	for _, f := range []struct{ name, text string }{{"id", e.ID}, {"text", e.Text}, {"source", e.Source}, {"owner", e.Owner}, {"note", e.Note}} {
		if i := strings.IndexFunc(f.text, controls); i >= 0 {
			r, _ := utf8.DecodeRuneInString(f.text[i:])
			return fmt.Errorf("%s %q: holds U+%04X, a control character that no file of a spreadsheet can hold; take it out", f.name, cutText(f.text, 40), r)
		}
	}
	var c compiled
	return c.add(0, e, folds())
}

// add turns one entry into patterns.
func (c *compiled) add(i int32, e Entry, table *[foldLimit]rune) error {
	if err := checkFields(e); err != nil {
		return err
	}
	for k, x := range e.Context {
		for _, w := range x.Words {
			folded := contextWord(table, w)
			if err := checkText(w, folded); err != nil {
				return fmt.Errorf("context %d, word %q: %w", k+1, w, err)
			}
			if n, known := c.words.of(folded); !known {
				c.put(pattern{entry: n, role: roleWord}, folded)
			}
		}
	}
	r := roleHit
	if e.Allow {
		r = roleAllow
	}
	switch e.Kind {
	case Pattern:
		p, err := compilePattern(e.Text, table)
		if err != nil {
			return fmt.Errorf("text %q: %w", e.Text, err)
		}
		p.pattern = len(c.patterns)
		c.regexps = append(c.regexps, p)
		c.patterns = append(c.patterns, pattern{entry: i, role: r})
		c.texts = append(c.texts, nil)
		return nil
	case All:
		parts := strings.Split(e.Text, "+")
		if len(parts) < 2 || len(parts) > maxParts {
			return fmt.Errorf("text %q: kind all needs 2 to %d parts joined by +", e.Text, maxParts)
		}
		var seen []string
		for k, part := range parts {
			folded := foldText(table, strings.TrimSpace(part))
			if err := checkText(part, folded); err != nil {
				return fmt.Errorf("part %q: %w", part, err)
			}
			if slices.Contains(seen, string(folded)) {
				return fmt.Errorf("part %q stands twice", part)
			}
			seen = append(seen, string(folded))
			c.put(pattern{entry: i, role: rolePart, part: uint8(k), separable: e.Forms.Separated && separableText(folded)}, folded)
		}
		return nil
	}
	folded := foldText(table, strings.TrimSpace(e.Text))
	if err := checkText(e.Text, folded); err != nil {
		return fmt.Errorf("text %q: %w", cutText(e.Text, 40), err)
	}
	return c.forms(i, e, r, folded)
}

// forms adds the patterns of an entry as written and in its disguises.
func (c *compiled) forms(i int32, e Entry, r role, folded []rune) error {
	f := e.Forms
	if f.Separated && len(folded) < minSep {
		return fmt.Errorf("text %q: forms.separated needs at least %d characters", e.Text, minSep)
	}
	sep := f.Separated && separableText(folded)
	c.put(pattern{entry: i, role: r, separable: sep}, folded)
	if f.Separated && !sep { // its own separators left out
		if dense := slices.DeleteFunc(slices.Clone(folded), func(r rune) bool { return sepKind(r) != notSep }); len(dense) >= minSep {
			c.put(pattern{entry: i, role: r, form: separated, separable: true, onlySep: true}, dense)
		}
	}
	known := []string{string(folded)}
	variant := func(form form, text []rune) {
		if len(text) > MaxRunes || slices.Contains(known, string(text)) {
			return
		}
		known = append(known, string(text))
		c.put(pattern{entry: i, role: r, form: form, separable: sep}, text)
	}
	if f.Reversed {
		back := slices.Clone(folded)
		slices.Reverse(back)
		variant(backwards, back)
	}
	if f.Split {
		for _, text := range splitVariants(folded) {
			variant(inHalves, foldText(folds(), string(text)))
		}
	}
	if f.Pinyin {
		least := minPinyin
		if len(e.Context) > 0 {
			least--
		}
		if len(folded) < least {
			return fmt.Errorf("text %q: forms.pinyin needs at least %d characters, three with a context: shorter ones sound like ordinary words", e.Text, minPinyin)
		}
		for _, r := range folded {
			if syllable(r) == 0 {
				return fmt.Errorf("text %q: forms.pinyin needs ideographs only; %q has no reading", e.Text, r)
			}
		}
		c.patterns = append(c.patterns, pattern{entry: i, role: r, form: byReading, runes: uint8(len(folded))})
		c.texts = append(c.texts, folded)
	}
	return nil
}

// splitVariants writes the characters of a text as their halves: one at a time, and all that can be.
func splitVariants(text []rune) [][]rune {
	var out [][]rune
	var all []rune
	n := 0
	for k, r := range text {
		hs := halves(r)
		for _, h := range hs {
			if len(out) < maxVariants-1 {
				out = append(out, slices.Concat(text[:k], []rune(h), text[k+1:]))
			}
		}
		if len(hs) > 0 {
			all = append(all, []rune(hs[0])...)
			n++
		} else {
			all = append(all, r)
		}
	}
	if n > 1 {
		out = append(out, all)
	}
	return out
}

func separableText(folded []rune) bool {
	return len(folded) >= minSep && !slices.ContainsFunc(folded, func(r rune) bool { return sepKind(r) != notSep })
}

func (c *compiled) put(p pattern, folded []rune) {
	word := func(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' }
	p.runes = uint8(len(folded))
	p.startWord, p.endWord = word(folded[0]), word(folded[len(folded)-1])
	c.patterns = append(c.patterns, p)
	c.texts = append(c.texts, folded)
}

func reachOf(x Context) int {
	if x.Within == 0 {
		return DefaultNear
	}
	return x.Within
}

func checkFields(e Entry) error {
	switch e.Kind {
	case Contain, Whole, All, Pattern:
	default:
		return fmt.Errorf("kind %q: must be whole, all, pattern or empty", e.Kind)
	}
	if e.Allow {
		switch {
		case e.Kind != Contain:
			return fmt.Errorf("kind %q: an allow entry is matched as it stands", e.Kind)
		case e.Forms != Forms{} || len(e.Context) > 0 || e.Border:
			return errors.New("allow: an allow entry has no forms, context or border of its own")
		}
	} else {
		if !isRisk(e.Category) {
			return fmt.Errorf("category %q: must be one of the 31 risks, A1a to A5b", e.Category)
		}
		switch e.Tier {
		case Block, Signal, Observe, Quarantine:
		default:
			return fmt.Errorf("tier %q: must be block, signal, observe or quarantine", e.Tier)
		}
	}
	if e.Severity < 0 || e.Severity > 5 {
		return fmt.Errorf("severity %d: must be 1 to 5, or 0 for not rated", e.Severity)
	}
	if e.Expires != "" && !isDay(e.Expires) {
		return fmt.Errorf("expires %q: write the day as YYYY-MM-DD", e.Expires)
	}
	if e.Kind != Contain && (e.Forms.Pinyin || e.Forms.Split || e.Forms.Reversed || e.Border) || e.Kind == Pattern && e.Forms.Separated {
		return fmt.Errorf("kind %q: forms and border belong to entries matched as they stand", e.Kind)
	}
	if len(e.Context) > maxContexts {
		return fmt.Errorf("context: %d of them; at most %d", len(e.Context), maxContexts)
	}
	for k, x := range e.Context {
		if err := checkContext(x); err != nil {
			return fmt.Errorf("context %d: %w", k+1, err)
		}
	}
	for _, f := range []struct {
		name    string
		have    []string
		allowed []string
	}{{"directions", e.Scope.Directions, []string{"in", "out"}},
		{"channels", e.Scope.Channels, []string{"content", "reasoning", "arguments", "other"}},
		{"users", e.Scope.Users, []string{"adult", "minor", "unknown"}}} {
		for _, v := range f.have {
			if !slices.Contains(f.allowed, v) {
				return fmt.Errorf("scope.%s %q: must be one of %s", f.name, v, strings.Join(f.allowed, ", "))
			}
		}
	}
	return nil
}

// controls are the characters that XML 1.0, and with it every spreadsheet, cannot hold, and the other controls of C0 and C1.
func controls(r rune) bool {
	switch r {
	case '\t', '\n', '\r', 0x85:
		return false
	case 0xFFFE, 0xFFFF:
		return true
	}
	return unicode.IsControl(r)
}

func checkContext(x Context) error {
	switch x.Rule {
	case Near, NotNear:
		if len(x.Words) == 0 || len(x.Words) > maxWords {
			return fmt.Errorf("words: %d of them; %s needs 1 to %d", len(x.Words), x.Rule, maxWords)
		}
		if x.Category != "" {
			return fmt.Errorf("category %q: belongs to rule with", x.Category)
		}
	case With:
		if !isRisk(x.Category) {
			return fmt.Errorf("category %q: rule with needs one of the 31 risks", x.Category)
		}
		if len(x.Words) > 0 {
			return errors.New("words belong to near and not_near")
		}
	default:
		return fmt.Errorf("rule %q: must be near, not_near or with", x.Rule)
	}
	if x.Within < 0 || x.Within > MaxNear {
		return fmt.Errorf("within %d: must be 1 to %d, or 0 for %d", x.Within, MaxNear, DefaultNear)
	}
	return nil
}

// isDay tells a date that exists, written YYYY-MM-DD.
func isDay(s string) bool {
	var y, m, d int
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	if n, err := fmt.Sscanf(s, "%4d-%2d-%2d", &y, &m, &d); n != 3 || err != nil || y < 1000 || m < 1 || m > 12 || d < 1 {
		return false
	}
	days := []int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	if m == 2 && (y%4 == 0 && y%100 != 0 || y%400 == 0) {
		return d <= 29
	}
	return d <= days[m-1]
}
