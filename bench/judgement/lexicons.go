package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/decode"
)

// judged is one lexicon on one footing: a text is hit or it is not.
type judged struct {
	Name    string `json:"name"`
	Entries int    `json:"entries"`
	hit     func(text string) bool
	planted []string // texts of entries, to plant in a harmless sentence and disguise
}

// lexicons are what is compared: the starter lexicon, raw lists and, where given, an operator's own.
func lexicons(o options) ([]judged, error) {
	var out []judged
	for _, file := range split(o.lists) {
		words, err := readList(file)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(file)
		out = append(out, judged{name + ", as substrings", len(words), substrings(words), words})
		raw, err := compiled(entriesOf(words))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, named(name+", raw in hegui", raw)[0])
		if raw, err = linted(entriesOf(words)); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, named(name+", linted", raw)...)
		if raw, err = compiled(everyForm(entriesOf(words))); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, named(name+", raw in hegui with every form", raw)[0])
	}
	for _, file := range split(o.lexicons) {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		list, err := moderation.Import(file, data, moderation.ImportOptions{Category: "A1a", Strict: true})
		if err != nil {
			return nil, err
		}
		l, err := compiled(list.Entries)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, named(filepath.Base(file), l)...)
	}
	starter, err := compiled(moderation.StarterEntries())
	if err != nil {
		return nil, err
	}
	out = append(out, named("starter", starter)...)
	if starter, err = compiled(everyForm(moderation.StarterEntries())); err != nil {
		return nil, err
	}
	return append(out, named("starter with every form", starter)[1]), nil
}

// linted is a list with the tiers that lint proposes, from the benign corpus that ships and nothing else.
func linted(entries []moderation.Entry) (*moderation.Lexicon, error) {
	rep, err := moderation.Lint(entries, moderation.Benign(), moderation.LintOptions{})
	if err != nil {
		return nil, err
	}
	return compiled(rep.Apply(entries))
}

// everyForm has each entry looked for in all disguises that its length allows: what that finds, and what it costs.
func everyForm(entries []moderation.Entry) []moderation.Entry {
	out := slices.Clone(entries)
	readable := map[rune]bool{} // hegui has a reading of it
	read := func(r rune) bool {
		yes, known := readable[r]
		if !known {
			_, err := moderation.Compile([]moderation.Entry{{ID: "x", Text: strings.Repeat(string(r), 4), Category: "A1a", Tier: moderation.Block, Forms: moderation.Forms{Pinyin: true}}})
			yes = err == nil
			readable[r] = yes
		}
		return yes
	}
	for i, e := range out {
		if e.Kind != moderation.Contain || e.Allow {
			continue
		}
		n, han, known := 0, 0, 0
		for _, r := range e.Text {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				n++
			}
			if unicode.Is(unicode.Han, r) {
				han++
				if read(r) {
					known++
				}
			}
		}
		out[i].Forms = moderation.Forms{Separated: n >= 3, Pinyin: n >= 4 && known == utf8.RuneCountInString(e.Text), Split: n >= 2 && han > 0, Reversed: n >= 3}
	}
	return out
}

func compiled(entries []moderation.Entry) (*moderation.Lexicon, error) {
	var in []moderation.Entry
	for _, e := range entries {
		if e.Tier != moderation.Quarantine {
			in = append(in, e)
		}
	}
	return moderation.Compile(in)
}

// named makes two judges of a lexicon: its block tier alone, and all that is evidence.
func named(name string, l *moderation.Lexicon) []judged {
	judge := func(tiers ...moderation.Tier) judged {
		j := judged{hit: func(text string) bool {
			return slices.ContainsFunc(scan(l, text), func(f moderation.Finding) bool { return slices.Contains(tiers, f.Tier) })
		}}
		for _, e := range l.Entries() {
			if e.Allow || !slices.Contains(tiers, e.Tier) {
				continue
			}
			j.Entries++
			if e.Kind == moderation.Contain && e.Alone() {
				j.planted = append(j.planted, e.Text)
			}
		}
		return j
	}
	block, signal := judge(moderation.Block), judge(moderation.Block, moderation.Signal)
	block.Name, signal.Name = name+", block", name+", block or signal"
	return []judged{block, signal}
}

// scan reads a text as the gateway reads an input.
func scan(l *moderation.Lexicon, text string) []moderation.Finding {
	found, _ := decode.Scan(l, moderation.Scene{}, []byte(text))
	return found
}

// readList reads a public list, one word a line; a word twice or of one character is left out, as its publishers' own
// programs do not mind it.
func readList(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%s is not UTF-8", file)
	}
	seen := map[string]bool{}
	var words []string
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		w := strings.TrimSpace(string(line))
		if n := utf8.RuneCountInString(w); n < 2 || n > moderation.MaxRunes || seen[w] {
			continue
		}
		seen[w] = true
		words = append(words, w)
	}
	if len(words) == 0 {
		return nil, errors.New(file + " holds no words")
	}
	return words, nil
}

// entriesOf takes a list as it is: every word blocks. Words of signs alone fold to nothing and are left out.
func entriesOf(words []string) []moderation.Entry {
	var out []moderation.Entry
	for i, w := range words {
		if strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			out = append(out, moderation.Entry{ID: fmt.Sprintf("w%06d", i), Text: w, Category: "A1a", Tier: moderation.Block})
		}
	}
	return out
}

// substrings finds words the way most programs use such a list: lower case, and nothing else.
func substrings(words []string) func(string) bool {
	set, most := map[string]bool{}, 0
	for _, w := range words {
		w = strings.ToLower(w)
		set[w] = true
		most = max(most, len(w))
	}
	return func(text string) bool {
		text = strings.ToLower(text)
		for i := range text {
			for end := i + 1; end <= min(len(text), i+most); end++ {
				if set[text[i:end]] {
					return true
				}
			}
		}
		return false
	}
}
