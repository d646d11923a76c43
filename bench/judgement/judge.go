package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// share is so many of so many, with the Wilson interval of 95 %.
type share struct {
	Hits int     `json:"hits"`
	Of   int     `json:"of"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

func shareOf(hits, of int) share {
	low, high := wilson(hits, of)
	return share{hits, of, low, high}
}

// wilson is the score interval of a share, which stays within 0 and 1 and holds for few trials as well.
func wilson(hits, of int) (low, high float64) {
	if of == 0 {
		return 0, 1
	}
	const z = 1.959963984540054
	n, p := float64(of), float64(hits)/float64(of)
	mid := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, (mid-half)/(1+z*z/n)), min(1, (mid+half)/(1+z*z/n))
}

func (s share) String() string {
	if s.Of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %% [%.1f–%.1f]", 100*float64(s.Hits)/float64(s.Of), 100*s.Low, 100*s.High)
}

// row is one category of one set.
type row struct {
	Set      string  `json:"set"`
	Category string  `json:"category"`
	Harmful  bool    `json:"harmful"`
	Unseen   bool    `json:"unseen"`
	Texts    int     `json:"texts"`
	Shares   []share `json:"shares"` // by judge
}

// disguised is what one judge does with one kind of disguise.
type disguised struct {
	Kind     string `json:"kind"`
	Judge    string `json:"judge"`
	Kept     share  `json:"kept"`     // of the harmful texts that it hits undisguised and that the disguise changes
	Planted  share  `json:"planted"`  // the same of its own entries in a harmless sentence
	Harmless share  `json:"harmless"` // harmless texts that it hits in this disguise
}

type report struct {
	Judges    []judged    `json:"judges"`
	Rows      []row       `json:"rows"`
	Disguises []disguised `json:"disguises"`
	Kinds     []string    `json:"kinds"`
}

// judgeAll counts by set and category; each set's harmful and harmless texts have a line for all of them as well.
func judgeAll(samples []sample, judges []judged) *report {
	type key struct {
		set, category string
		harmful       bool
	}
	texts, hits := map[key]int{}, map[key][]int{}
	var order []key
	count := func(k key, hit []bool) {
		if texts[k] == 0 {
			order = append(order, k)
			hits[k] = make([]int, len(judges))
		}
		texts[k]++
		for i, h := range hit {
			if h {
				hits[k][i]++
			}
		}
	}
	for _, s := range samples {
		hit := make([]bool, len(judges))
		for i, j := range judges {
			hit[i] = j.hit(s.Text)
		}
		count(key{s.Set, "all", s.Harmful}, hit)
		count(key{s.Set, s.Category, s.Harmful}, hit)
	}
	unseen := map[string]bool{}
	for _, l := range layouts() {
		unseen[l.set] = l.unseen
	}
	rep := &report{Judges: judges}
	for _, k := range order {
		r := row{Set: k.set, Category: k.category, Harmful: k.harmful, Unseen: unseen[k.set], Texts: texts[k]}
		for _, n := range hits[k] {
			r.Shares = append(r.Shares, shareOf(n, r.Texts))
		}
		alone := !slices.ContainsFunc(order, func(o key) bool { return o.set == k.set && o.harmful == k.harmful && o != k && texts[o] != texts[k] })
		if alone && k.category == "all" {
			continue // the set has one such category: its line says the same
		}
		rep.Rows = append(rep.Rows, r)
	}
	return rep
}

const (
	harmfulText = iota
	harmlessText
	plantedText
)

// item is a text that is disguised; who is the judge whose entry is planted in it.
type item struct {
	ID   int    `json:"id"`
	Kind string `json:"kind,omitempty"`
	Text string `json:"text"`
	sort int
	who  int
}

// disguise has a sample of the texts disguised, and entries, which are planted in a harmless sentence, and counts what is still hit.
func (rep *report) disguise(o options, script string, samples []sample, judges []judged) error {
	rnd := rand.New(rand.NewPCG(1, 2))
	var items []item
	add := func(text string, sort, who int) {
		items = append(items, item{ID: len(items), Text: text, sort: sort, who: who})
	}
	chosen := [2]int{}
	for _, i := range rnd.Perm(len(samples)) {
		s := samples[i]
		sort := harmlessText
		if s.Harmful {
			sort = harmfulText
			if !slices.ContainsFunc(judges, func(j judged) bool { return j.hit(s.Text) }) {
				continue // nothing to lose
			}
		}
		if chosen[sort] < o.sample {
			chosen[sort]++
			add(s.Text, sort, 0)
		}
	}
	for who, j := range judges {
		for n, i := range rnd.Perm(len(j.planted)) {
			if n == o.sample {
				break
			}
			add(j.planted[i], plantedText, who)
		}
	}
	variants, err := obfuscate(o.python, script, items)
	if err != nil {
		return err
	}
	type tally struct{ kept, of, planted, plantedOf, harmless, harmlessOf int }
	counts := map[string][]tally{}
	before := len(rep.Kinds)
	for _, v := range variants {
		if slices.Contains(rep.Kinds[:before], v.Kind) {
			continue // another program's: control
		}
		if counts[v.Kind] == nil {
			counts[v.Kind] = make([]tally, len(judges))
			rep.Kinds = append(rep.Kinds, v.Kind)
		}
		from := items[v.ID]
		for i, j := range judges {
			c := &counts[v.Kind][i]
			switch {
			case from.sort == harmlessText:
				c.harmlessOf++
				if j.hit(v.Text) {
					c.harmless++
				}
			case from.sort == plantedText && from.who == i && j.hit(plant(from.Text)):
				c.plantedOf++
				if j.hit(plant(v.Text)) {
					c.planted++
				}
			case from.sort == harmfulText && j.hit(from.Text):
				c.of++
				if j.hit(v.Text) {
					c.kept++
				}
			}
		}
	}
	for _, kind := range rep.Kinds[before:] {
		for i, c := range counts[kind] {
			rep.Disguises = append(rep.Disguises, disguised{kind, judges[i].Name, shareOf(c.kept, c.of), shareOf(c.planted, c.plantedOf), shareOf(c.harmless, c.harmlessOf)})
		}
	}
	return nil
}

// some takes so many of each set's harmful texts and as many of its harmless ones.
func some(samples []sample, n int) []sample {
	type key struct {
		set     string
		harmful bool
	}
	taken := map[key]int{}
	var out []sample
	for _, i := range rand.New(rand.NewPCG(3, 4)).Perm(len(samples)) {
		k := key{samples[i].Set, samples[i].Harmful}
		if taken[k]++; taken[k] <= n {
			out = append(out, samples[i])
		}
	}
	slices.SortStableFunc(out, func(a, b sample) int { return strings.Compare(a.Set, b.Set) })
	return out
}

// plant puts a word, as it is or disguised, into a harmless sentence.
func plant(word string) string { return "大家好，" + word + "。谢谢" }

// obfuscate runs the independent program over items.
func obfuscate(python, script string, items []item) ([]item, error) {
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, it := range items {
		it.Kind = ""
		if err := enc.Encode(it); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(python, script)
	cmd.Stdin = &in
	var said bytes.Buffer
	cmd.Stderr = &said
	raw, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", python, script, err, said.String())
	}
	var out []item
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var it item
		if err := json.Unmarshal(lines.Bytes(), &it); err != nil {
			return nil, fmt.Errorf("%s: %w", script, err)
		}
		if it.ID < 0 || it.ID >= len(items) || it.Kind == "" {
			return nil, fmt.Errorf("%s: answered for text %d of %d, kind %q", script, it.ID, len(items), it.Kind)
		}
		out = append(out, it)
	}
	return out, lines.Err()
}

func (rep *report) write(dir string, w io.Writer) error {
	text := rep.markdown()
	if _, err := io.WriteString(w, text); err != nil || dir == "" {
		return err
	}
	data, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "judgement.json"), append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "judgement.md"), []byte(text), 0o600)
}

func (rep *report) markdown() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	header, rule := "| set | category | texts |", "|---|---|--:|"
	for _, j := range rep.Judges {
		header += fmt.Sprintf(" %s (%d) |", j.Name, j.Entries)
		rule += "--:|"
	}
	say("# Judgement on public sets\n")
	say("Share of texts with a hit, with its 95 %% interval (Wilson); beside each lexicon the number of its entries, beside a classifier of the texts it learnt from. * unseen: nothing was tuned on it.")
	for _, harmful := range []bool{true, false} {
		say("\n## %s\n\n%s\n%s", map[bool]string{true: "Recall: harmful texts", false: "Over-block: harmless texts"}[harmful], header, rule)
		for _, r := range rep.Rows {
			if r.Harmful != harmful {
				continue
			}
			mark := ""
			if r.Unseen {
				mark = " *"
			}
			line := fmt.Sprintf("| %s%s | %s | %d |", r.Set, mark, r.Category, r.Texts)
			for _, s := range r.Shares {
				line += " " + s.String() + " |"
			}
			say("%s", line)
		}
	}
	if len(rep.Disguises) == 0 {
		return b.String()
	}
	for _, t := range []struct {
		title, about string
		share        func(disguised) share
	}{
		{"Harmful texts kept in disguise", "Of the texts that a lexicon hits undisguised and that the disguise changes, the share that it still hits. A text may be hit again by chance; see the harmless ones below.", func(d disguised) share { return d.Kept }},
		{"Entries kept in disguise", "The same of the lexicon's own entries, each in a harmless sentence: what the engine sees through.", func(d disguised) share { return d.Planted }},
		{"Harmless texts hit in disguise", "What seeing through disguises costs; control is the texts as they are.", func(d disguised) share { return d.Harmless }},
	} {
		say("\n## %s\n\n%s\n", t.title, t.about)
		header, rule := "| disguise |", "|---|"
		for _, j := range rep.Judges {
			header += " " + j.Name + " |"
			rule += "--:|"
		}
		say("%s\n%s", header, rule)
		for _, kind := range rep.Kinds {
			line := "| " + strings.ReplaceAll(kind, "_", " ") + " |"
			for _, d := range rep.Disguises {
				if d.Kind == kind {
					if s := t.share(d); s.Of > 0 {
						line += fmt.Sprintf(" %s of %d |", s, s.Of)
					} else {
						line += " – |"
					}
				}
			}
			say("%s", line)
		}
	}
	return b.String()
}
