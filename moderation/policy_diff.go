package moderation

import (
	"cmp"
	"slices"
	"strconv"
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

// attempt is one combination of what the dimensions try.
type attempt struct {
	pick  []string // by dimension
	place Place
	c     Case
}

// attempts are all combinations, for texts going one way.
func attempts(dims []dimension, direction string) []attempt {
	list := []attempt{{}}
	for _, d := range dims {
		var longer []attempt
		for _, a := range list {
			for _, v := range d.values {
				longer = append(longer, attempt{pick: append(slices.Clone(a.pick), v)})
			}
		}
		list = longer
	}
	for i := range list {
		a := &list[i]
		a.place = Place{Scene: Scene{User: a.pick[0], Service: a.pick[2], Direction: direction}, Profile: a.pick[1], OnViolation: Stop}
		a.c.Detector = a.pick[3]
		a.c.Severity, _ = strconv.Atoi(a.pick[4]) // our own numbers
		a.c.Score, _ = strconv.ParseFloat(a.pick[5], 64)
	}
	return list
}

// Differences lists what one policy decides otherwise than another, for findings of every category, tier and direction, tried with every
// user class and with the profiles, services, detectors, severities and scores that the policies speak of (up to eight of each). Expressions
// are tried, not understood: what they say of single entries and forms does not show. The order is by direction, tier and categories.
func Differences(before, after *Policy) []Difference {
	dims := dimensions(before, after)
	type key struct {
		direction     string
		tier          Tier
		before, after Action
		where         string
	}
	found := map[key]*Difference{}
	for _, direction := range []string{"in", "out"} {
		tried := attempts(dims, direction)
		for _, tier := range tiers {
			for _, risk := range measures.Risks() {
				changed := map[[2]Action][]attempt{}
				for _, a := range tried {
					a.c.Category, a.c.Tier = risk.ID, tier
					if was, is := before.At(a.place).Decide(a.c).Action, after.At(a.place).Decide(a.c).Action; was != is {
						changed[[2]Action{was, is}] = append(changed[[2]Action{was, is}], a)
					}
				}
				for change, with := range changed {
					d := Difference{Direction: direction, Tier: tier, Before: change[0], After: change[1]}
					if len(with) < len(tried) {
						d.Where = narrowed(dims, with)
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

// narrowed names the dimensions of which not every value was decided otherwise, with those that were.
func narrowed(dims []dimension, with []attempt) (where []string) {
	for i, d := range dims {
		seen := map[string]bool{}
		for _, a := range with {
			seen[a.pick[i]] = true
		}
		if len(seen) < len(d.values) {
			where = append(where, d.name+": "+d.list(seen))
		}
	}
	return where
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
