package lexicon

import (
	"time"

	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

// Coverage is what a lexicon has of one risk. That a keyword library covers each of its 17 risks is a shall, the number of
// entries a should (TC260-003 8.1).
type Coverage struct {
	Risk    measures.Risk  `json:"risk"`
	Entries int            `json:"entries"` // in force
	Tiers   map[string]int `json:"tiers"`
	Missing bool           `json:"missing"` // asked for, and no entry
	Short   int            `json:"short"`   // entries fewer than asked for
}

// Library is a lexicon's coverage of all 31 risks.
type Library struct {
	Entries int        `json:"entries"` // in force, all risks
	Minimum int        `json:"minimum"` // asked for in all (should)
	Risks   []Coverage `json:"risks"`
	Covered int        `json:"covered"`          // of Needed
	Needed  int        `json:"needed"`           // risks that a keyword library must cover
	Changed time.Time  `json:"changed,omitzero"` // when the register's entries last changed; zero: never
	Days    int        `json:"days"`             // since then
	MaxDays int        `json:"max_days"`         // asked for (should)
}

// refreshDays is how often a keyword library should change (TC260-003 8.1: at least weekly).
const refreshDays = 7

// CoverageOf counts entries in force by risk. Allow entries refuse nothing and do not count.
func CoverageOf(entries []moderation.Entry, changed, now time.Time) Library {
	l := Library{Minimum: measures.LibraryTotal, Changed: changed, MaxDays: refreshDays}
	if !changed.IsZero() {
		l.Days = int(now.Sub(changed) / (24 * time.Hour))
	}
	tiers := map[string]map[string]int{}
	for _, e := range entries {
		if e.Allow || e.Tier == moderation.Quarantine {
			continue
		}
		if tiers[e.Category] == nil {
			tiers[e.Category] = map[string]int{}
		}
		tiers[e.Category][string(e.Tier)]++
		l.Entries++
	}
	for _, r := range measures.Risks() {
		c := Coverage{Risk: r, Tiers: tiers[r.ID]}
		for _, n := range c.Tiers {
			c.Entries += n
		}
		if r.Library {
			l.Needed++
			c.Missing = c.Entries == 0
			c.Short = max(0, r.MinKeywords-c.Entries)
			if !c.Missing {
				l.Covered++
			}
		}
		l.Risks = append(l.Risks, c)
	}
	return l
}
