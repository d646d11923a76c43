package moderation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hegui/hegui/measures"
)

// Difference is what two policies decide otherwise: Before becomes After for findings of the tier in a text going this way, in the
// categories named, where every condition in Where holds. Where narrows by user class, profile, service, detector, severity and score;
// a narrowing names every value that was tried and decided otherwise, so a combination of them may still be decided alike.
type Difference struct {
	Direction  string   `json:"direction"`
	Tier       Tier     `json:"tier"`
	Before     Action   `json:"before"`
	After      Action   `json:"after"`
	Categories []string `json:"categories"`
	Where      []string `json:"where,omitempty"` // such as "user: minor", "score: 0.9 1"; empty: everywhere
}

// Looser tells whether less is done than before.
func (d Difference) Looser() bool { return d.Before.Stricter(d.After) }

// dimension is one thing a policy may look at, with the values that are tried.
type dimension struct {
	name   string
	values []string
}

// mostTried bounds the values of one dimension, so that policies of many services are compared in a second. Ours.
const mostTried = 8

// dimensions are what cases are tried with: the values that either policy names, the first of them, and one that neither does.
func dimensions(policies ...*Policy) []dimension {
	users := dimension{"user", []string{"adult", "minor", "unknown"}}
	profiles, services := dimension{"profile", []string{""}}, dimension{"service", []string{""}}
	detectors := dimension{"detector", []string{KindLexicon, "guard"}}
	severities := dimension{"severity", []string{"0"}}
	scores := dimension{"score", []string{"0"}}
	add := func(d *dimension, values ...string) {
		for _, v := range values {
			if !slices.Contains(d.values, v) && len(d.values) < mostTried {
				d.values = append(d.values, v)
			}
		}
	}
	for _, p := range policies {
		for i := range p.rows {
			r := &p.rows[i]
			add(&profiles, r.profiles...)
			add(&services, r.services...)
			add(&detectors, r.detectors...)
			if r.severity > 0 || r.when != nil {
				add(&severities, "1", "2", "3", "4", "5")
			}
			if r.when != nil {
				add(&scores, "0.25", "0.5", "0.75", "0.9", "1")
			}
		}
	}
	return []dimension{users, profiles, services, detectors, severities, scores}
}

// Differences lists what one policy decides otherwise than another, for findings of every category, tier and direction, tried with every
// user class and with the profiles, services, detectors, severities and scores that the policies speak of (up to eight of each). Expressions are tried, not
// understood: what they say of single entries and forms does not show. The order is by direction, tier and categories.
func Differences(before, after *Policy) []Difference {
	dims := dimensions(before, after)
	cases := 1
	for _, d := range dims {
		cases *= len(d.values)
	}
	type key struct {
		direction     string
		tier          Tier
		before, after Action
		where         string
	}
	found := map[key]*Difference{}
	for _, direction := range []string{"in", "out"} {
		for _, tier := range tiers {
			for _, risk := range measures.Risks() {
				changed := map[[2]Action][]map[string]bool{} // by change, by dimension: the values that it was seen with
				counts := map[[2]Action]int{}
				for n := range cases {
					pick, rest := make([]string, len(dims)), n
					for i, d := range dims {
						pick[i] = d.values[rest%len(d.values)]
						rest /= len(d.values)
					}
					place := Place{Scene: Scene{Service: pick[2], Direction: direction, User: pick[0]}, Profile: pick[1], OnViolation: Stop}
					c := Case{Category: risk.ID, Tier: tier, Detector: pick[3]}
					_, _ = fmt.Sscan(pick[4], &c.Severity) // our own numbers
					_, _ = fmt.Sscan(pick[5], &c.Score)
					change := [2]Action{before.At(place).Decide(c).Action, after.At(place).Decide(c).Action}
					if change[0] == change[1] {
						continue
					}
					if changed[change] == nil {
						changed[change] = make([]map[string]bool, len(dims))
						for i := range dims {
							changed[change][i] = map[string]bool{}
						}
					}
					counts[change]++
					for i := range dims {
						changed[change][i][pick[i]] = true
					}
				}
				for change, seen := range changed {
					d := Difference{Direction: direction, Tier: tier, Before: change[0], After: change[1]}
					for i, dim := range dims {
						if counts[change] < cases && len(seen[i]) < len(dim.values) {
							d.Where = append(d.Where, dim.name+": "+dim.list(seen[i]))
						}
					}
					k := key{direction, tier, change[0], change[1], strings.Join(d.Where, "\n")}
					if found[k] == nil {
						found[k] = &d
					}
					found[k].Categories = append(found[k].Categories, risk.ID)
				}
			}
		}
	}
	out := make([]Difference, 0, len(found))
	for _, d := range found {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.Direction, b.Direction), tierIndex(a.Tier)-tierIndex(b.Tier), slices.Compare(a.Categories, b.Categories),
			slices.Compare(a.Where, b.Where), strings.Compare(string(a.After), string(b.After)), strings.Compare(string(a.Before), string(b.Before)))
	})
	return out
}

// list writes values in the order they are tried.
func (d dimension) list(seen map[string]bool) string {
	var out []string
	for _, v := range d.values {
		switch {
		case !seen[v]:
		case v == "" && d.name == "service":
			out = append(out, "(any other)")
		case v == "":
			out = append(out, "(none)")
		default:
			out = append(out, v)
		}
	}
	return strings.Join(out, " ")
}
