package moderation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// naive is what the engine must be equal to, written the plain way: every text is folded as a whole, every entry is tried
// at every place, and everything around a hit is looked at afterwards.
type naive struct {
	entries []Entry
	scene   Scene
	units   []unit // the text's runes, skipped ones left out, and spaces behind a space
	all     []unit // with these
	number  []int  // of each of all, the unit it is, or the one it stands behind
	text    []byte
}

type unit struct {
	raw, fold  rune
	start, end int
}

type naiveHit struct {
	entry    int
	form     Form
	from, to int // units
	part     int

	start, end int // bytes
}

func newNaive(entries []Entry, scene Scene, text []byte) *naive {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int { return strings.Compare(a.ID, b.ID) })
	n := &naive{entries: sorted, scene: scene, text: text}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if f := fold(folds(), r); f != skip {
			if f != ' ' || len(n.all) == 0 || n.all[len(n.all)-1].fold != ' ' {
				n.units = append(n.units, unit{r, f, i, i + size})
			}
			n.all = append(n.all, unit{r, f, i, i + size})
			n.number = append(n.number, len(n.units)-1)
		}
		i += size
	}
	return n
}

// findings are all that count, in order.
func (n *naive) findings() []Finding {
	var out []Finding
	seen := map[int]map[int]bool{}
	type hit struct {
		naiveHit
		f Finding
	}
	var hits []hit
	for i, e := range n.entries {
		if e.Allow || e.Tier == Quarantine || !e.Scope.Holds(n.scene) {
			continue
		}
		for _, h := range n.places(i) {
			if n.counts(h) {
				hits = append(hits, hit{h, Finding{Listed: &Listed{e.ID, e.Category, e.Tier, e.Severity}, Form: h.form,
					Start: h.start, End: h.end}})
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		if a.f.End != b.f.End {
			return a.f.End - b.f.End
		}
		if a.f.Start != b.f.Start {
			return a.f.Start - b.f.Start
		}
		return strings.Compare(a.f.Entry, b.f.Entry)
	})
	for _, h := range hits {
		if e := n.entries[h.entry]; e.Kind == All {
			if seen[h.entry] == nil {
				seen[h.entry] = map[int]bool{}
			}
			seen[h.entry][h.part] = true
			if len(seen[h.entry]) < len(strings.Split(e.Text, "+")) {
				continue
			}
		}
		out = append(out, h.f)
	}
	return out
}

// places are where the patterns of an entry stand, borders looked at.
func (n *naive) places(i int) []naiveHit {
	e := n.entries[i]
	if e.Kind == Pattern {
		return n.patterns(i)
	}
	var out []naiveHit
	add := func(h naiveHit) {
		h.start, h.end = n.units[h.from].start, n.units[h.to-1].end
		for _, o := range out {
			if o == h {
				return
			}
		}
		out = append(out, h)
	}
	texts := []string{e.Text}
	if e.Kind == All {
		texts = strings.Split(e.Text, "+")
	}
	for part, text := range texts {
		want := foldText(folds(), strings.TrimSpace(text))
		dense := slices.DeleteFunc(slices.Clone(want), func(r rune) bool { return sepKind(r) != notSep })
		known := []string{string(want)}
		forms := []struct {
			form Form
			want []rune
		}{{AsWritten, want}}
		if e.Forms.Reversed {
			back := slices.Clone(want)
			slices.Reverse(back)
			forms = append(forms, struct {
				form Form
				want []rune
			}{Reversed, back})
		}
		if e.Forms.Split {
			for _, s := range splitVariants(want) {
				forms = append(forms, struct {
					form Form
					want []rune
				}{Split, foldText(folds(), string(s))})
			}
		}
		for k, f := range forms {
			if k > 0 {
				if slices.Contains(known, string(f.want)) {
					continue
				}
				known = append(known, string(f.want))
			}
			for at := range n.units {
				if to, ok := n.match(at, f.want, false, func(a, b rune) bool { return a == b }); ok && n.bordered(at, to) {
					add(naiveHit{entry: i, form: f.form, from: at, to: to, part: part})
				}
				if e.Forms.Separated && len(dense) >= minSep && (len(dense) == len(want) || k == 0) {
					text := f.want
					if len(dense) != len(want) {
						text = dense
					}
					if to, ok := n.match(at, text, true, func(a, b rune) bool { return a == b }); ok && n.bordered(at, to) {
						form := f.form
						if form == AsWritten {
							form = Separated
						}
						add(naiveHit{entry: i, form: form, from: at, to: to, part: part})
					}
				}
			}
		}
		if e.Forms.Pinyin {
			for at := range n.units {
				to, ok := n.match(at, want, false, func(a, b rune) bool { return syllable(a) != 0 && syllable(a) == syllable(b) })
				if _, literal := n.match(at, want, false, func(a, b rune) bool { return a == b }); ok && !literal {
					add(naiveHit{entry: i, form: Homophone, from: at, to: to, part: part})
				}
			}
		}
	}
	return out
}

// match compares from unit at on; over looks over separators, of which there must be some, evenly.
func (n *naive) match(at int, want []rune, over bool, same func(a, b rune) bool) (to int, ok bool) {
	k := at
	for i, r := range want {
		for over && i > 0 && k < len(n.units) && sepKind(n.units[k].fold) != notSep {
			k++
		}
		if k >= len(n.units) || !same(n.units[k].fold, r) {
			return 0, false
		}
		k++
	}
	return k, !over || evenGaps(n.text[n.units[at].start:n.units[k-1].end])
}

func wordRune(r rune) bool { return asciiWord(r) || latinLetter(r) }

// bordered: where a hit begins or ends in an ASCII letter or digit, no other stands beside it.
func (n *naive) bordered(from, to int) bool {
	if asciiWord(n.units[from].fold) && from > 0 && wordRune(n.units[from-1].fold) {
		return false
	}
	return !asciiWord(n.units[to-1].fold) || to == len(n.units) || !wordRune(n.units[to].fold)
}

// patterns: the match that ends first, of those the one that begins first, and again behind it. They see every space.
func (n *naive) patterns(i int) []naiveHit {
	var text []rune
	for _, u := range n.all {
		text = append(text, u.fold)
	}
	var out []naiveHit
	begin := 0
	for to := 1; to <= len(n.all); to++ {
		for from := begin; from < to; from++ {
			if asciiWord(n.all[from].fold) && from > 0 && wordRune(n.all[from-1].fold) {
				continue
			}
			re := regexp.MustCompile(fmt.Sprintf(`^(?s:.{%d})(?:(?i)%s)(?s:.{%d})$`, from, n.entries[i].Text, len(text)-to))
			if re.MatchString(string(text)) {
				begin = to
				if !wordRune(n.all[to-1].fold) || to == len(n.all) || !wordRune(n.all[to].fold) {
					out = append(out, naiveHit{entry: i, from: n.number[from], to: n.number[to-1] + 1, start: n.all[from].start, end: n.all[to-1].end})
				}
				break
			}
		}
	}
	return out
}

// counts looks at what stands around a hit.
func (n *naive) counts(h naiveHit) bool {
	e := n.entries[h.entry]
	if e.Kind == Whole {
		for k, u := range n.units {
			if (k < h.from || k >= h.to) && u.fold != ' ' {
				return false
			}
		}
	}
	for i, a := range n.entries {
		if !a.Allow || !a.Scope.Holds(n.scene) {
			continue
		}
		for _, p := range n.places(i) {
			if p.from < h.to && p.to > h.from && p.to-p.from >= h.to-h.from {
				return false
			}
		}
	}
	if size := h.to - h.from; e.Border && h.form == AsWritten && (size == 2 || size == 3) {
		fold := func(us []unit) []rune {
			var out []rune
			for _, u := range us {
				out = append(out, u.fold)
			}
			return out
		}
		left, right := n.units[max(0, h.from-borderRunes):h.from], n.units[h.to:min(len(n.units), h.to+borderRunes)]
		if !wordBook().border(fold(left), fold(n.units[h.from:h.to]), fold(right)) {
			return false
		}
	}
	for _, x := range e.Context {
		if n.near(h, x) != (x.Rule != NotNear) {
			return false
		}
	}
	return true
}

func (n *naive) near(h naiveHit, x Context) bool {
	reach := x.Within
	if reach == 0 {
		reach = DefaultNear
	}
	stands := func(from, to int) bool {
		if from-h.to > reach || h.from-to > reach {
			return false
		}
		if x.Sentence {
			for k := min(to, h.to); k < max(from, h.from); k++ {
				if endsSentence(n.units[k].raw) {
					return false
				}
			}
		}
		return true
	}
	if x.Rule == With {
		for i, o := range n.entries {
			if i == h.entry || o.Allow || o.Tier == Quarantine || o.Category != x.Category || len(o.Context) > 0 || o.Kind == Whole || o.Kind == All || !o.Scope.Holds(n.scene) {
				continue
			}
			for _, p := range n.places(i) {
				if stands(p.from, p.to) {
					return true
				}
			}
		}
		return false
	}
	for _, w := range x.Words {
		want := foldText(folds(), strings.TrimSpace(w))
		for at := range n.units {
			if to, ok := n.match(at, want, false, func(a, b rune) bool { return a == b }); ok && n.bordered(at, to) && stands(at, to) {
				return true
			}
		}
	}
	return false
}
