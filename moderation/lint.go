package moderation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Flaw is why lint thinks less of an entry.
type Flaw string

const (
	HitsBenign Flaw = "hits_benign" // stands in harmless text
	Dictionary Flaw = "dictionary"  // a common word of the language
	OneRune    Flaw = "one_rune"    // a single character
	TwoRunes   Flaw = "two_runes"   // two or three ideographs: found inside other words unless word borders are asked for
	Digits     Flaw = "digits"      // nothing but digits
	ShortLatin Flaw = "short_latin" // one or two Latin letters
	Duplicate  Flaw = "duplicate"   // the same as another after folding
	Subsumed   Flaw = "subsumed"    // another entry hits wherever this one does
	Cancelled  Flaw = "cancelled"   // an allow entry always cancels it
	Expired    Flaw = "expired"     // its last day is past
	NeverHit   Flaw = "never_hit"   // not once in the traffic given
)

// Texts says what a flaw is, for people.
func (f Flaw) Texts() (zh, en string) {
	t := map[Flaw][2]string{
		HitsBenign: {"命中无害文本", "hits harmless text"},
		Dictionary: {"常用词", "a common word"},
		OneRune:    {"单字", "a single character"},
		TwoRunes:   {"两三个字，须按词边界匹配", "two or three characters: counts at word borders only"},
		Digits:     {"纯数字", "digits only"},
		ShortLatin: {"一两个字母", "one or two letters"},
		Duplicate:  {"折叠后重复", "a duplicate after folding"},
		Subsumed:   {"已被另一词条覆盖", "covered by another entry"},
		Cancelled:  {"总被放行词条抵消", "always cancelled by an allow entry"},
		Expired:    {"已过期", "expired"},
		NeverHit:   {"在所给流量中从未命中", "never hit in the traffic given"},
	}[f]
	return t[0], t[1]
}

// Lint's rules, ours. They weaken a tier and never strengthen one.
const (
	benignQuarantine = 2   // harmless lines that an entry may not hit
	commonWord       = 104 // frequency byte (16 ln) from which a dictionary word is common: about 660 in a corpus of 60 million words
)

// LintOptions of Lint.
type LintOptions struct {
	Day     string   // YYYY-MM-DD, to tell expired entries; empty: none is
	Traffic []string // the operator's own accepted text; empty: not looked at
	Keep    []string // ids of entries that people have approved one by one: told of, and left at their tier
}

// LintFinding is what lint says of one entry.
type LintFinding struct {
	Entry    string   `json:"entry"`
	Text     string   `json:"text"`
	Flaws    []Flaw   `json:"flaws"`
	Of       string   `json:"of,omitempty"` // the entry it repeats, or that covers or cancels it
	Benign   int      `json:"benign"`       // harmless lines hit
	Traffic  int      `json:"traffic"`      // of the operator's own
	Examples []string `json:"examples,omitempty"`
	Was      Tier     `json:"was"`
	Tier     Tier     `json:"tier"`             // proposed
	Border   bool     `json:"border,omitempty"` // proposed
}

// LintReport of a list. Shares of lines are over Benign lines.
type LintReport struct {
	Entries  int           `json:"entries"`
	Benign   int           `json:"benign"` // lines looked at
	Traffic  int           `json:"traffic"`
	Before   map[Tier]int  `json:"before"` // harmless lines hit by an entry of the tier, as the list is
	After    map[Tier]int  `json:"after"`  // as proposed
	Any      [2]int        `json:"any"`    // hit by any entry, before and after
	Tiers    map[Tier]int  `json:"tiers"`  // entries as proposed
	Flaws    map[Flaw]int  `json:"flaws"`
	Findings []LintFinding `json:"findings"` // of entries with a flaw, those that hit most harmless lines first
}

// Lint tries a word list on harmless text and looks its entries through, and proposes a weaker tier for those that would
// refuse ordinary people. Public lists used as they are hit half of harmless text; a few hundred of their entries do it.
// The entries must pass CheckEntry.
func Lint(entries []Entry, benign []string, o LintOptions) (LintReport, error) {
	probe := make([]Entry, len(entries))
	index := make(map[string]int, len(entries))
	for i, e := range entries {
		if !e.Allow && e.Tier == Quarantine {
			e.Tier = Observe // it is looked at as well
		}
		e.Scope = Scope{}
		probe[i] = e
		if _, twice := index[e.ID]; twice {
			return LintReport{}, fmt.Errorf("moderation: lint: id %s stands twice", e.ID)
		}
		index[e.ID] = i
	}
	l, err := Compile(probe)
	if err != nil {
		return LintReport{}, fmt.Errorf("moderation: lint: %w", err)
	}
	x := linter{entries: entries, index: index, l: l, o: o, found: make([]LintFinding, len(entries))}
	hits := x.count(benign, func(f *LintFinding) *int { return &f.Benign }, true)
	x.count(o.Traffic, func(f *LintFinding) *int { return &f.Traffic }, false)
	x.each()
	x.overlaps()
	return x.report(len(benign), hits), nil
}

type linter struct {
	entries []Entry
	index   map[string]int
	l       *Lexicon
	o       LintOptions
	found   []LintFinding
}

// count scans lines and returns for each line that was hit which entries did it.
func (x *linter) count(lines []string, into func(*LintFinding) *int, examples bool) [][]int {
	var all [][]int
	for _, line := range lines {
		var hit []int
		for _, f := range x.l.Scan([]byte(line)) {
			if i := x.index[f.Entry]; !slices.Contains(hit, i) {
				hit = append(hit, i)
				*into(&x.found[i])++
				if examples && len(x.found[i].Examples) < 3 {
					x.found[i].Examples = append(x.found[i].Examples, cutText(line, 60))
				}
			}
		}
		if len(hit) > 0 {
			all = append(all, hit)
		}
	}
	return all
}

// each looks at every entry by itself and proposes its tier.
func (x *linter) each() {
	table, book := folds(), wordBook()
	for i, e := range x.entries {
		f := &x.found[i]
		f.Entry, f.Text, f.Was, f.Tier, f.Border = e.ID, e.Text, e.Tier, e.Tier, e.Border
		if e.Allow {
			continue
		}
		flaw := func(k Flaw) { f.Flaws = append(f.Flaws, k) }
		folded := foldText(table, strings.TrimSpace(e.Text))
		han, digits, letters := kinds(folded)
		if x.o.Day != "" && e.Expires != "" && e.Expires < x.o.Day {
			flaw(Expired)
		}
		plain := e.Kind == Contain && len(e.Context) == 0
		if plain {
			freq, known := book.has(string(folded))
			common := known && freq >= commonWord
			switch {
			case len(folded) == 1:
				flaw(OneRune)
				f.weaken(Quarantine)
			case digits == len(folded):
				flaw(Digits)
				f.weaken(Quarantine)
			case letters == len(folded) && len(folded) <= 2:
				flaw(ShortLatin)
				f.weaken(Quarantine)
			case han == len(folded) && len(folded) <= 3:
				flaw(TwoRunes)
				f.Border = true
			}
			if common {
				flaw(Dictionary)
				f.weaken(Observe)
			} else if known {
				f.weaken(Signal)
			}
			if f.Benign > 0 && common {
				f.weaken(Quarantine)
			}
		}
		switch {
		case f.Benign >= benignQuarantine:
			f.weaken(Quarantine)
		case f.Benign > 0:
			f.weaken(Observe)
		}
		if f.Benign > 0 {
			flaw(HitsBenign)
		}
		if len(x.o.Traffic) > 0 && f.Traffic == 0 {
			flaw(NeverHit)
		}
		if slices.Contains(x.o.Keep, e.ID) {
			f.Tier, f.Border = e.Tier, e.Border
		}
	}
}

// kinds counts ideographs, digits and ASCII letters.
func kinds(text []rune) (han, digits, letters int) {
	for _, r := range text {
		switch {
		case r >= 0x3400 && r <= 0x9FFF:
			han++
		case r >= '0' && r <= '9':
			digits++
		case r >= 'a' && r <= 'z':
			letters++
		}
	}
	return han, digits, letters
}

// tierOrder has the weakest first.
var tierOrder = [...]Tier{Quarantine, Observe, Signal, Block}

// weaken proposes a tier if it is weaker than the one proposed.
func (f *LintFinding) weaken(t Tier) {
	if slices.Index(tierOrder[:], t) < slices.Index(tierOrder[:], f.Tier) {
		f.Tier = t
	}
}

// overlaps finds entries that repeat one another, or are covered or always cancelled.
func (x *linter) overlaps() {
	table := folds()
	first := make(map[string]int, len(x.entries))
	for i, e := range x.entries {
		if e.Kind != Contain && e.Kind != Whole {
			continue
		}
		key := string(foldText(table, strings.TrimSpace(e.Text))) + "\x00" + string(e.Kind) + "\x00" + e.Category
		if e.Allow || len(e.Context) > 0 || !isEmpty(e.Scope) {
			continue
		}
		if j, twice := first[key]; twice {
			f := &x.found[i]
			f.Flaws, f.Of = append(f.Flaws, Duplicate), x.entries[j].ID
			f.weaken(Quarantine)
			continue
		}
		first[key] = i
	}
	for i, e := range x.entries {
		f := &x.found[i]
		if e.Allow || e.Kind != Contain || slices.Contains(f.Flaws, Duplicate) {
			continue
		}
		text := []byte(strings.TrimSpace(e.Text))
		own := false
		for _, h := range x.l.Scan(text) {
			j := x.index[h.Entry]
			if j == i {
				own = true
				continue
			}
			o := x.entries[j]
			if f.Of == "" && o.Kind == Contain && h.Form == AsWritten && o.Category == e.Category && len(o.Context) == 0 && isEmpty(o.Scope) && !x.found[j].Border && !latinEdge(o.Text) &&
				utf8.RuneCountInString(o.Text) < utf8.RuneCountInString(e.Text) && slices.Index(tierOrder[:], x.found[j].Tier) >= slices.Index(tierOrder[:], f.Tier) && f.Tier != Quarantine {
				f.Flaws, f.Of = append(f.Flaws, Subsumed), o.ID
			}
		}
		if !own && len(e.Context) == 0 && x.l.allows {
			if by := x.cancelledBy(text); by != "" {
				f.Flaws, f.Of = append(f.Flaws, Cancelled), by
				f.weaken(Quarantine)
			}
		}
	}
}

// latinEdge tells whether a text begins or ends in an ASCII letter or digit: inside a longer text it may have no border.
func latinEdge(s string) bool {
	r := foldText(folds(), strings.TrimSpace(s))
	return len(r) > 0 && (asciiWord(r[0]) || asciiWord(r[len(r)-1]))
}

// cancelledBy is the allow entry whose text is all of this text.
func (x *linter) cancelledBy(text []byte) string {
	want := string(foldText(folds(), string(text)))
	for _, e := range x.entries {
		if e.Allow && string(foldText(folds(), strings.TrimSpace(e.Text))) == want {
			return e.ID
		}
	}
	return ""
}

func isEmpty(s Scope) bool {
	return len(s.Services)+len(s.Directions)+len(s.Channels)+len(s.Users) == 0
}

func (x *linter) report(lines int, hits [][]int) LintReport {
	r := LintReport{Entries: len(x.entries), Benign: lines, Traffic: len(x.o.Traffic), Before: map[Tier]int{}, After: map[Tier]int{}, Tiers: map[Tier]int{}, Flaws: map[Flaw]int{}}
	for _, line := range hits {
		before, after := map[Tier]bool{}, map[Tier]bool{}
		for _, i := range line {
			before[x.found[i].Was] = true
			after[x.found[i].Tier] = true
		}
		delete(before, Quarantine)
		delete(after, Quarantine)
		for t := range maps.Keys(before) {
			r.Before[t]++
		}
		for t := range maps.Keys(after) {
			r.After[t]++
		}
		if len(before) > 0 {
			r.Any[0]++
		}
		if len(after) > 0 {
			r.Any[1]++
		}
	}
	for i, f := range x.found {
		if x.entries[i].Allow {
			continue
		}
		r.Tiers[f.Tier]++
		for _, k := range f.Flaws {
			r.Flaws[k]++
		}
		if len(f.Flaws) > 0 || f.Tier != f.Was {
			r.Findings = append(r.Findings, f)
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b LintFinding) int {
		return cmp.Or(b.Benign-a.Benign, b.Traffic-a.Traffic, strings.Compare(a.Entry, b.Entry))
	})
	return r
}

// Apply returns the entries as the report proposes them.
func (r LintReport) Apply(entries []Entry) []Entry {
	by := make(map[string]*LintFinding, len(r.Findings))
	for i := range r.Findings {
		by[r.Findings[i].Entry] = &r.Findings[i]
	}
	out := slices.Clone(entries)
	for i := range out {
		if f := by[out[i].ID]; f != nil {
			out[i].Tier, out[i].Border = f.Tier, f.Border
		}
	}
	return out
}
