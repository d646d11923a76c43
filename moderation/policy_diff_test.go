package moderation

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func policyOf(t testing.TB, rows string) *Policy {
	t.Helper()
	p, err := ParsePolicy("p.yaml", []byte("name: p\nrows:\n"+rows+"\ndefault: {action: allow}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDifferences(t *testing.T) {
	block := "  - {name: b, tier: [block], action: block}"
	for name, x := range map[string]struct {
		before, after string
		want          []string
	}{
		"none":     {block, block, nil},
		"a risk":   {block, "  - {name: a, category: [A1h], tier: [block], direction: [in], action: guide, reason: r}\n" + block, []string{"in block refuse→guide A1h"}},
		"a glob":   {block, "  - {name: a, category: [A4*], tier: [block], action: mask}\n" + block, []string{"in block refuse→mask 7", "out block stop→mask 7"}},
		"minors":   {block, "  - {name: a, category: [A2i], tier: [signal], user: [minor], action: block}\n" + block, []string{"in signal allow→refuse A2i user: minor", "out signal allow→stop A2i user: minor"}},
		"a score":  {block, "  - {name: a, category: [A1h], tier: [signal], direction: [in], detector: [guard], when: 'score >= 0.5', action: refuse, reason: r}\n" + block, []string{"in signal allow→refuse A1h detector: guard; score: 0.5 0.75 0.9 1"}},
		"severity": {block, "  - {name: a, category: [A1h], tier: [signal], direction: [in], severity: 4, action: refuse, reason: r}\n" + block, []string{"in signal allow→refuse A1h severity: 4 5"}},
		"gone":     {block, "  - {name: a, tier: [signal], category: [A1h], direction: [in], profile: [education], action: refuse, reason: r}", []string{"in block refuse→allow 31", "in signal allow→refuse A1h profile: education", "out block stop→allow 31"}},
	} {
		var got []string
		for _, d := range Differences(policyOf(t, x.before), policyOf(t, x.after)) {
			what := strings.Join(d.Categories, ",")
			if len(d.Categories) > 1 {
				what = fmt.Sprint(len(d.Categories))
			}
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s→%s %s %s", d.Direction, d.Tier, d.Before, d.After, what, strings.Join(d.Where, "; "))))
		}
		if fmt.Sprint(got) != fmt.Sprint(x.want) {
			t.Errorf("%s:\n got %q\nwant %q", name, got, x.want)
		}
	}
}

// Two policies without a difference decide alike; swapped, a difference is the same the other way round.
func TestDifferencesAreMutual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) *Policy {
			var rows []string
			for i := range rapid.IntRange(1, 4).Draw(t, label) {
				rows = append(rows, fmt.Sprintf("  - {name: r%d, category: [%s], tier: [%s], direction: [%s], action: %s, reason: r}", i, rapid.SampledFrom([]string{"A1h", "A1*", "A2b"}).Draw(t, "c"),
					rapid.SampledFrom([]string{"block", "signal", "block, signal"}).Draw(t, "t"), rapid.SampledFrom([]string{"in", "out", "in, out"}).Draw(t, "d"), rapid.SampledFrom([]string{"allow", "mask", "block"}).Draw(t, "a")))
			}
			p, err := ParsePolicy("p.yaml", []byte("name: p\nrows:\n"+strings.Join(rows, "\n")+"\ndefault: {action: allow}\n"))
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		a, b := draw("a"), draw("b")
		there, back := Differences(a, b), Differences(b, a)
		n := 0
		for _, d := range there {
			n += len(d.Categories)
			if d.Before == d.After {
				t.Fatalf("%+v", d)
			}
		}
		for _, d := range back {
			n -= len(d.Categories)
		}
		if n != 0 {
			t.Fatalf("%+v\n%+v", there, back)
		}
		for _, direction := range []string{"in", "out"} {
			for _, tier := range tiers {
				place := Place{Scene: Scene{Direction: direction, User: "adult"}}
				c := Case{Category: "A1h", Tier: tier, Detector: KindLexicon}
				x, y := a.At(place).Decide(c).Action, b.At(place).Decide(c).Action
				told := false
				for _, d := range there {
					told = told || d.Direction == direction && d.Tier == tier && d.Before == x && d.After == y && strings.Contains(strings.Join(d.Categories, " "), "A1h")
				}
				if (x != y) != told {
					t.Fatalf("%s %s: %s becomes %s; told: %+v", direction, tier, x, y, there)
				}
			}
		}
	})
}
