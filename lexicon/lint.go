package lexicon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hegui/hegui/moderation"
)

// When lint proposes a weaker tier. Ours: of public word lists, the few entries that occur twice in harmless text make
// nearly all of the wrong hits.
const (
	lintObserve    = 2    // harmless texts hit from which an entry is no evidence any more
	lintQuarantine = 5    // from which it is of no use …
	lintShare      = 2000 // … and more than one text in so many
	lintListed     = 200  // proposals that a Lint lists
)

// Lint is what harmless text says of entries. Proposals are the worst first.
type Lint struct {
	Entries   int            `json:"entries"` // looked at; allow entries and what is in quarantine are not
	Texts     int            `json:"texts"`   // harmless texts looked through
	Hitting   int            `json:"hitting"` // entries that hit any of them
	To        map[string]int `json:"to"`      // proposals by the tier proposed
	Proposals []Weaker       `json:"proposals"`
	all       []Weaker
}

// Weaker is a weaker tier for an entry.
type Weaker struct {
	ID      string          `json:"id"`
	Tier    moderation.Tier `json:"tier"`
	To      moderation.Tier `json:"to"`
	Texts   int             `json:"texts"`   // harmless texts that it hits
	Example string          `json:"example"` // id of one
}

// Lint holds entries against harmless text: the shipped corpus and the operator's own accepted text. The questions that must
// be answered are left to the gate, so that its figure is of text which the tiers were not fitted to.
func (w *Workbench) Lint(ctx context.Context, entries []moderation.Entry) (Lint, error) {
	l := Lint{To: map[string]int{}}
	var active []moderation.Entry
	for _, e := range entries {
		if !e.Allow && e.Tier != moderation.Quarantine {
			l.Entries++
		}
		if e.Tier != moderation.Quarantine {
			active = append(active, e)
		}
	}
	compiled, err := moderation.Compile(active)
	if err != nil {
		return l, &InvalidError{Field: "entries", Mend: strings.ReplaceAll(err.Error(), "moderation: ", "")}
	}
	hits := map[string]*Weaker{}
	look := func(t Text) error {
		l.Texts++
		seen := map[string]bool{}
		for _, f := range scan(compiled, t) {
			if seen[f.Entry] {
				continue
			}
			seen[f.Entry] = true
			if hits[f.Entry] == nil {
				hits[f.Entry] = &Weaker{ID: f.Entry, Tier: f.Tier, Example: t.ID}
			}
			hits[f.Entry].Texts++
		}
		return ctx.Err()
	}
	if w.Evidence.Benign != nil {
		for _, t := range w.Evidence.Benign() {
			if err := look(t); err != nil {
				return l, fmt.Errorf("lexicon: lint: %w", err)
			}
		}
	}
	if w.Evidence.Traffic != nil {
		_, err := w.Evidence.Traffic(ctx, func(t Text) error {
			if !t.Accepted {
				return nil
			}
			return look(t)
		})
		if err != nil {
			return l, fmt.Errorf("lexicon: lint: %w", err)
		}
	}
	l.Hitting = len(hits)
	for _, p := range hits {
		if p.To = proposed(p.Tier, p.Texts, l.Texts); p.To != p.Tier {
			l.all = append(l.all, *p)
			l.To[string(p.To)]++
		}
	}
	slices.SortFunc(l.all, func(a, b Weaker) int { return cmp.Or(b.Texts-a.Texts, strings.Compare(a.ID, b.ID)) })
	l.Proposals = l.all[:min(len(l.all), lintListed)]
	if l.Proposals == nil {
		l.Proposals = []Weaker{}
	}
	return l, nil
}

// proposed is the tier that fits an entry which hits so many of so many harmless texts; never a stronger one.
func proposed(tier moderation.Tier, hits, texts int) moderation.Tier {
	to := tier
	switch {
	case hits >= lintQuarantine && hits*lintShare > texts:
		to = moderation.Quarantine
	case hits >= lintObserve:
		to = moderation.Observe
	case hits > 0:
		to = moderation.Signal // alone it must not refuse
	}
	order := []moderation.Tier{moderation.Quarantine, moderation.Observe, moderation.Signal, moderation.Block}
	if slices.Index(order, to) < slices.Index(order, tier) {
		return to
	}
	return tier
}

// Apply returns the entries with the tiers proposed, each with a note of why.
func (l Lint) Apply(entries []moderation.Entry) []moderation.Entry {
	by := map[string]Weaker{}
	for _, p := range l.all {
		by[p.ID] = p
	}
	out := slices.Clone(entries)
	for i := range out {
		if p, ok := by[out[i].ID]; ok {
			why := fmt.Sprintf("lint: hits %d of %d harmless texts, %s -> %s", p.Texts, l.Texts, p.Tier, p.To)
			out[i].Tier, out[i].Note = p.To, strings.TrimSpace(out[i].Note+"\n"+why)
		}
	}
	return out
}

// Changed are the entries of a list that lint gives another tier, as Apply does.
func (l Lint) Changed(entries []moderation.Entry) []moderation.Entry {
	by := map[string]bool{}
	for _, p := range l.all {
		by[p.ID] = true
	}
	return slices.DeleteFunc(l.Apply(entries), func(e moderation.Entry) bool { return !by[e.ID] })
}
