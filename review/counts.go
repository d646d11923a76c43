package review

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hegui/hegui/moderation"
)

// Share is so many of so many, with its 95 % interval.
type Share struct {
	N    int     `json:"n"`
	Of   int     `json:"of"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// ShareOf computes the interval of Wilson, which stays within 0 and 1 and holds for few trials as well.
func ShareOf(n, of int) Share {
	s := Share{N: n, Of: of, High: 1}
	if of == 0 {
		return s
	}
	const z = 1.959964
	p, t := float64(n)/float64(of), float64(of)
	middle, half := p+z*z/(2*t), z*math.Sqrt(p*(1-p)/t+z*z/(4*t*t))
	s.Low, s.High = max(0, (middle-half)/(1+z*z/t)), min(1, (middle+half)/(1+z*z/t))
	return s
}

// Rate is N of Of; 0 when there are none.
func (s Share) Rate() float64 {
	if s.Of == 0 {
		return 0
	}
	return float64(s.N) / float64(s.Of)
}

// Outcome is what a sample's decisions come to.
type Outcome struct {
	Counts  bool     `json:"counts"`           // it goes into figures and training
	Waits   string   `json:"waits,omitempty"`  // why it does not yet: first (nobody has judged it), second (a bounded reviewer's alone), split
	Verdict Verdict  `json:"verdict"`          // when it counts
	Labels  []string `json:"labels,omitempty"` // risks that the text has
}

// settle decides what decisions, oldest first, come to. One decision counts unless its reviewer is bounded; several count when
// at least two of them agree and no other verdict has as many.
func settle(decisions []Decision, bounded map[string]bool) Outcome {
	if len(decisions) == 0 {
		return Outcome{Waits: "first"}
	}
	if len(decisions) == 1 {
		d := decisions[0]
		if bounded[d.Reviewer] {
			return Outcome{Waits: "second"}
		}
		return Outcome{Counts: true, Verdict: d.Verdict, Labels: d.Labels}
	}
	type said struct {
		verdict Verdict
		labels  string
	}
	votes := map[said]int{}
	for _, d := range decisions {
		votes[said{d.Verdict, join(d.Labels)}]++
	}
	var best said
	most, tie := 0, false
	for s, n := range votes {
		switch {
		case n > most:
			best, most, tie = s, n, false
		case n == most:
			tie = true
		}
	}
	if most < 2 || tie {
		return Outcome{Waits: "split"}
	}
	return Outcome{Counts: true, Verdict: best.verdict, Labels: split(best.labels)}
}

// Reviewer is how one person decides.
type Reviewer struct {
	ID       string `json:"id"`
	Overturn Share  `json:"overturn"` // of what this person has judged
	Bounded  bool   `json:"bounded"`  // above ReviewerLimit: decisions wait for a second person
}

func reviewer(id string, over, all int) Reviewer {
	share := ShareOf(over, all)
	return Reviewer{id, share, all >= ReviewerMin && share.Rate() > ReviewerLimit}
}

func boundedOf(list []Reviewer) map[string]bool {
	m := map[string]bool{}
	for _, r := range list {
		m[r.ID] = r.Bounded
	}
	return m
}

// Agreement is how far two readings of the same samples agree beyond chance.
type Agreement struct {
	Samples int     `json:"samples"`
	Same    int     `json:"same"`
	Kappa   float64 `json:"kappa"` // Cohen's; 1 is full agreement, 0 chance, and 1 too when both always say the same one thing
}

// Kappa computes Cohen's kappa of pairs of verdicts.
func Kappa(pairs [][2]Verdict) Agreement {
	a := Agreement{Samples: len(pairs)}
	first, second := map[Verdict]int{}, map[Verdict]int{}
	for _, p := range pairs {
		first[p[0]]++
		second[p[1]]++
		if p[0] == p[1] {
			a.Same++
		}
	}
	if len(pairs) == 0 {
		return a
	}
	n := float64(len(pairs))
	observed, chance := float64(a.Same)/n, 0.0
	for v, k := range first {
		chance += float64(k) / n * float64(second[v]) / n
	}
	if chance == 1 {
		a.Kappa = 1
		return a
	}
	a.Kappa = (observed - chance) / (1 - chance)
	return a
}

// agreement pairs the first two readings of every sample that was read twice.
func agreement(samples []Sample) Agreement {
	var pairs [][2]Verdict
	for _, s := range samples {
		if len(s.Decisions) >= 2 {
			pairs = append(pairs, [2]Verdict{s.Decisions[0].Verdict, s.Decisions[1].Verdict})
		}
	}
	return Kappa(pairs)
}

// Rate is how often hits of one thing were overturned. Each user counts once, so that nobody moves a figure alone.
type Rate struct {
	Kind     string `json:"kind"` // entry, detector, threshold
	ID       string `json:"id"`   // of the entry; name of the detector; name and lower end of a band of scores
	Tier     string `json:"tier"` // of the hits
	Overturn Share  `json:"overturn"`
	Samples  int    `json:"samples"`
}

// due tells whether the figures ask for a demotion.
func (r Rate) due() bool {
	return r.Kind == "entry" && r.Overturn.Of >= MinReviewed && r.Overturn.Low > OverturnLimit && lower(moderation.Tier(r.Tier)) != ""
}

// lower is the tier below one; "" when there is none to go to.
func lower(t moderation.Tier) moderation.Tier {
	switch t {
	case moderation.Block:
		return moderation.Signal
	case moderation.Signal:
		return moderation.Observe
	}
	return ""
}

type rateKey struct{ kind, id, tier string }

// ratesOf sums the samples that count. A user's samples of one key are one trial, overturned when more of them were
// over-blocked than not. A wrong category is no over-blocking.
func ratesOf(samples []Sample) []Rate {
	type trial struct{ over, right int }
	trials, n := map[rateKey]map[string]*trial{}, map[rateKey]int{}
	for _, s := range samples {
		if !s.Outcome.Counts || s.Outcome.Verdict == Missed {
			continue
		}
		keys := map[rateKey]bool{}
		for _, f := range s.Findings {
			if !s.holds(f) {
				continue
			}
			if f.Entry != "" {
				keys[rateKey{"entry", f.Entry, f.Tier}] = true
			}
			keys[rateKey{"detector", f.Detector, f.Tier}] = true
			if f.Score > 0 {
				keys[rateKey{"threshold", fmt.Sprintf("%s ≥ %.1f", f.Detector, math.Floor(f.Score*10)/10), f.Tier}] = true
			}
		}
		for k := range keys {
			if trials[k] == nil {
				trials[k] = map[string]*trial{}
			}
			t := trials[k][s.Subject]
			if t == nil {
				t = &trial{}
				trials[k][s.Subject] = t
			}
			n[k]++
			if s.Outcome.Verdict == OverBlocked {
				t.over++
			} else {
				t.right++
			}
		}
	}
	var out []Rate
	for k, bySubject := range trials {
		over := 0
		for _, t := range bySubject {
			if t.over > t.right {
				over++
			}
		}
		out = append(out, Rate{k.kind, k.id, k.tier, ShareOf(over, len(bySubject)), n[k]})
	}
	slices.SortFunc(out, func(a, b Rate) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), cmp.Compare(b.Overturn.Low, a.Overturn.Low), strings.Compare(a.ID, b.ID), strings.Compare(a.Tier, b.Tier))
	})
	return out
}
