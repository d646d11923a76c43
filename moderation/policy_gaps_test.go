package moderation

import (
	"slices"
	"testing"
)

// TestGaps: what weakens a policy is found, whoever and wherever it is weakened for.
func TestGaps(t *testing.T) {
	p, err := DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	for _, direction := range []string{"in", "out"} {
		if g := p.Gaps(direction); !g.None() {
			t.Errorf("the policy that ships has gaps on %s: %+v", direction, g)
		}
	}
	const block = "  - {name: block-tier, tier: [block], action: block, reason: content_filter}\n"
	for _, c := range []struct {
		name, rows, direction string
		always, sometimes     []string
	}{
		{"one risk", "  - {name: weak, category: [A1c], action: allow}\n" + block, "in", []string{"A1c"}, nil},
		{"masked", "  - {name: weak, category: [A1c], action: mask}\n" + block, "out", []string{"A1c"}, nil},
		{"guided", "  - {name: firm, category: [A1c], action: guide}\n" + block, "in", nil, nil},
		{"one direction", "  - {name: weak, category: [A1c], direction: [out], action: allow}\n" + block, "in", nil, nil},
		{"one service", "  - {name: weak, category: [A1c], service: [demo], action: allow}\n" + block, "out", []string{"A1c"}, nil},
		{"one profile, adults", "  - {name: weak, category: [A1c], profile: [law], user: [adult], action: allow}\n" + block, "out", []string{"A1c"}, nil},
		{"one entry", "  - {name: exception, when: 'entry == \"x\"', action: allow}\n" + block, "in", nil,
			[]string{"A1a", "A1b", "A1c", "A1d", "A1e", "A1f", "A1g", "A1h"}},
		{"all but one entry", "  - {name: weak, category: [A1c], when: 'entry != \"x\"', action: allow}\n" + block, "in", []string{"A1c"}, nil},
		{"slight ones", "  - {name: weak, category: [A1*], severity: 3, action: block, reason: content_filter}\n", "in",
			[]string{"A1a", "A1b", "A1c", "A1d", "A1e", "A1f", "A1g", "A1h"}, nil},
		{"another group", "  - {name: weak, category: [A2a], action: allow}\n" + block, "in", nil, nil},
	} {
		p, err := ParsePolicy("test.yaml", []byte("name: test\nrows:\n"+c.rows+"default:\n  action: allow\n"))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if g := p.Gaps(c.direction); !slices.Equal(g.Always, c.always) || !slices.Equal(g.Sometimes, c.sometimes) {
			t.Errorf("%s: %+v, want always %v, sometimes %v", c.name, g, c.always, c.sometimes)
		}
	}
}

func TestHeeds(t *testing.T) {
	all := []string{"A1a", "A1b", "A1c", "A1d", "A1e", "A1f", "A1g", "A1h"}
	for _, c := range []struct {
		name, rows string
		in, out    []string
	}{
		{"block tier alone", "  - {name: b, tier: [block], action: block}\n", nil, nil},
		{"guards", "  - {name: g, detector: [guard], when: 'score >= 0.5', action: block}\n", all, all},
		{"another kind", "  - {name: g, detector: [linear], when: 'score >= 0.5', action: block}\n", nil, nil},
		{"one risk, on the way in", "  - {name: g, detector: [guard], category: [A1c], direction: [in], action: guide}\n", []string{"A1c"}, nil},
		{"one service alone", "  - {name: g, detector: [guard], service: [demo], action: block}\n", nil, nil},
		{"masked is not acted on", "  - {name: g, detector: [guard], action: mask}\n", nil, nil},
	} {
		p, err := ParsePolicy("test.yaml", []byte("name: test\nrows:\n"+c.rows+"default:\n  action: allow\n"))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if in, out := p.Heeds("in", "guard"), p.Heeds("out", "guard"); !slices.Equal(in, c.in) || !slices.Equal(out, c.out) {
			t.Errorf("%s: in %v, out %v", c.name, in, out)
		}
	}
}
