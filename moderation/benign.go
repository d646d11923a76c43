package moderation

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// BenignLines is how many lines Benign returns.
const BenignLines = 24_000

//go:embed benign/*.txt benign/*.tmpl
var benignFiles embed.FS

// Benign returns harmless text, one line each, to try word lists on: an entry that hits it hits ordinary people. The
// lines are synthetic and in our own words: some 1,500 written sentences (news, chat, shopping, school, medicine, law,
// technology, code, history, geography, recipes, games, finance, addresses, traditional Chinese, English), and sentences
// made of templates and lists of everyday words. No line stands twice, and the lines and their order are always the same.
//
// Topics that are sensitive but lawful to speak of occur on purpose. A single word that hits here may still be worth
// counting; it is no ground to refuse.
func Benign() []string { return slices.Clone(benign()) }

var benign = sync.OnceValue(func() []string {
	lines, err := makeBenign(benignFiles, BenignLines)
	if err != nil {
		panic(err) // the files are part of the program; the tests of this package read them all
	}
	return lines
})

// makeBenign takes every line of the .txt files and fills up to n lines from the templates.
func makeBenign(files fs.FS, n int) ([]string, error) {
	written, err := fs.Glob(files, "benign/*.txt")
	if err != nil {
		return nil, fmt.Errorf("moderation: benign corpus: %w", err)
	}
	lines, seen := make([]string, 0, n), make(map[string]struct{}, n)
	add := func(line string) {
		if _, twice := seen[line]; !twice {
			seen[line] = struct{}{}
			lines = append(lines, line)
		}
	}
	for _, name := range written {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("moderation: benign corpus: %w", err)
		}
		for line := range strings.Lines(string(data)) {
			add(strings.TrimSuffix(line, "\n"))
		}
	}
	data, err := fs.ReadFile(files, "benign/templates.tmpl")
	if err != nil {
		return nil, fmt.Errorf("moderation: benign corpus: %w", err)
	}
	templates, err := parseTemplates(string(data))
	if err != nil {
		return nil, fmt.Errorf("moderation: benign corpus: %w", err)
	}
	var d draw
	var line strings.Builder
	for tries := 0; len(lines) < n; tries++ {
		if tries == 4*n {
			return nil, fmt.Errorf("moderation: benign corpus: the templates give %d different lines, want %d", len(lines), n)
		}
		line.Reset()
		for _, choices := range templates[tries%len(templates)] {
			line.WriteString(choices[d.below(len(choices))])
		}
		add(line.String())
	}
	return lines, nil
}

// template is a line in parts, each with its choices; fixed text is a part with one choice.
type template [][]string

// parseTemplates reads slots (@name a|b|c), then after a line of === the templates, in which {name} stands for a slot.
// Braces around anything else are text.
func parseTemplates(data string) ([]template, error) {
	head, body, ok := strings.Cut(data, "\n===")
	if !ok {
		return nil, fmt.Errorf("templates: no line === between slots and templates")
	}
	slots := map[string][]string{}
	for line := range strings.Lines(head) {
		if !strings.HasPrefix(line, "@") {
			continue
		}
		name, list, ok := strings.Cut(strings.TrimSpace(line[1:]), " ")
		if !ok {
			return nil, fmt.Errorf("templates: slot %q is empty", name)
		}
		slots[name] = strings.Split(list, "|")
	}
	_, body, _ = strings.Cut(body, "\n")
	var out []template
	for line := range strings.Lines(body) {
		var t template
		text := strings.TrimSuffix(line, "\n")
		for from := 0; ; {
			open := strings.IndexByte(text[from:], '{')
			if open < 0 {
				break
			}
			open += from
			end := strings.IndexByte(text[open:], '}')
			if end < 0 {
				break
			}
			choices, ok := slots[text[open+1:open+end]]
			if !ok {
				from = open + 1
				continue
			}
			t = append(t, []string{text[:open]}, choices)
			text, from = text[open+end+1:], 0
		}
		if len(t) == 0 {
			return nil, fmt.Errorf("templates: %q has no slot", text)
		}
		out = append(out, append(t, []string{text}))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("templates: none")
	}
	return out, nil
}

// draw is a sequence of numbers that look random and are always the same (SplitMix64), so that the corpus depends on no
// library's generator.
type draw uint64

func (d *draw) below(n int) int {
	if n == 1 {
		return 0
	}
	*d += 0x9E3779B97F4A7C15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return int((z ^ z>>31) % uint64(n))
}
