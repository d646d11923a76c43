package moderation

import (
	"slices"

	"github.com/hegui/hegui/measures"
)

// Gaps are the risks of A.1, which the law itself bans, for which a policy lets a text with a hit of the block tier go on:
// by allow, or by mask.
type Gaps struct {
	Always    []string `json:"always"`    // any hit of the lexicon, or any of some severity, for some service, profile or users
	Sometimes []string `json:"sometimes"` // only where a row's further conditions hold, as with an exception for one entry
}

// None tells whether every such hit is acted upon.
func (g Gaps) None() bool { return len(g.Always)+len(g.Sometimes) == 0 }

// Gaps looks for weakened enforcement in one direction, in or out, for every kind of user and every service and profile
// that a row names. Lists are in the order of measures.Risks and never nil.
func (p *Policy) Gaps(direction string) Gaps {
	always, sometimes := map[string]bool{}, map[string]bool{}
	p.everywhere(direction, func(t *Table) {
		for _, r := range measures.Risks() {
			if r.Group != "A.1" {
				continue
			}
			always[r.ID] = always[r.ID] || t.letsAll(r.ID)
			sometimes[r.ID] = sometimes[r.ID] || t.letsSome(r.ID)
		}
	})
	g := Gaps{Always: []string{}, Sometimes: []string{}}
	for _, r := range measures.Risks() {
		switch {
		case always[r.ID]:
			g.Always = append(g.Always, r.ID)
		case sometimes[r.ID]:
			g.Sometimes = append(g.Sometimes, r.ID)
		}
	}
	return g
}

// Heeds lists the risks of A.1 for which the policy acts, for every service and every user, on what a detector of this kind is sure of: a
// finding of the signal tier with the highest severity and score. Guard models, hosted checks and classifiers report that tier unless
// they are told otherwise. In the order of measures.Risks, never nil.
func (p *Policy) Heeds(direction, kind string) []string {
	out := []string{}
	for _, r := range measures.Risks() {
		if r.Group != "A.1" {
			continue
		}
		heeded := true
		p.everywhere(direction, func(t *Table) {
			heeded = heeded && t.Decide(Case{Category: r.ID, Tier: Signal, Severity: 5, Detector: kind, Score: 1}).Action.Stricter(Mask)
		})
		if heeded {
			out = append(out, r.ID)
		}
	}
	return out
}

// everywhere calls f with the table of every place that the rows tell apart.
func (p *Policy) everywhere(direction string, f func(*Table)) {
	services, profiles := []string{""}, []string{""}
	for i := range p.rows {
		services, profiles = append(services, p.rows[i].services...), append(profiles, p.rows[i].profiles...)
	}
	slices.Sort(services)
	slices.Sort(profiles)
	for _, service := range slices.Compact(services) {
		for _, profile := range slices.Compact(profiles) {
			for _, user := range []string{"adult", "minor", "unknown"} {
				f(p.table(Place{Scene: Scene{Service: service, Direction: direction, User: user}, Profile: profile, OnViolation: Stop}))
			}
		}
	}
}

// letsAll tells whether a plain hit of the lexicon, of no particular entry, goes on at some severity.
func (t *Table) letsAll(risk string) bool {
	for severity := 0; severity <= 5; severity++ {
		c := Case{Category: risk, Tier: Block, Severity: severity, Detector: KindLexicon}
		if !t.Decide(c).Action.Stricter(Mask) {
			return true
		}
	}
	return false
}

// letsSome tells whether any row that can be reached for a block-tier hit lets it go on.
func (t *Table) letsSome(risk string) bool {
	return slices.ContainsFunc(t.cells[t.cell(risk, Block)], func(c cell) bool { return !c.decision.Action.Stricter(Mask) })
}

// Looser lists for which risks and tiers a service that follows another profile than its own would let more through, as "A1f signal"; nil when
// for none. What expressions say of single entries is not tried (Differences).
func (p *Policy) Looser(service, own, other string) []string {
	var out []string
	tried := append(attempts(dimensions(p, p), "in"), attempts(dimensions(p, p), "out")...)
	for _, risk := range measures.Risks() {
		for _, tier := range tiers {
			if slices.ContainsFunc(tried, func(a attempt) bool {
				a.c.Category, a.c.Tier, a.place.Scene.Service = risk.ID, tier, service
				was, is := a.place, a.place
				was.Profile, is.Profile = own, other
				return p.At(was).Decide(a.c).Action.Stricter(p.At(is).Decide(a.c).Action)
			}) {
				out = append(out, risk.ID+" "+string(tier))
			}
		}
	}
	return out
}
