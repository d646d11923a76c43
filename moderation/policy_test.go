package moderation

import (
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hegui/hegui/measures"
)

func policy(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := ParsePolicy("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDefaultPolicyDoesWhatWasDoneBefore(t *testing.T) {
	p, err := DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Test(lexicon(t, StarterEntries()...)); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"adult", "minor", "unknown"} {
		for _, on := range []Action{"", Stop, Retract, Replace} {
			for _, r := range append(measures.Risks(), measures.Risk{ID: "elsewhere"}) {
				for _, tier := range []Tier{Block, Signal, Observe} {
					in := p.At(Place{Scene: Scene{Direction: "in", User: user}, OnViolation: on})
					out := p.At(Place{Scene: Scene{Direction: "out", User: user}, OnViolation: on})
					c := Case{Category: r.ID, Tier: tier, Severity: 5, Detector: KindLexicon}
					wantIn, wantOut := Allow, Allow
					if tier == Block {
						if wantIn, wantOut = Refuse, on; on == "" {
							wantOut = Stop
						}
					}
					if got := in.Decide(c).Action; got != wantIn {
						t.Errorf("%v in: %s, want %s", c, got, wantIn)
					}
					if got := out.Decide(c).Action; got != wantOut {
						t.Errorf("%v out: %s, want %s", c, got, wantOut)
					}
					if in.Acts(r.ID, tier) != (tier == Block) {
						t.Errorf("%v: acts %t", c, in.Acts(r.ID, tier))
					}
				}
			}
		}
	}
}

const manyRows = `name: many
rows:
  - {name: poem, category: [A1f], when: 'entry == "b4" && form != "pinyin"', action: allow}
  - {name: minors, category: ["A1*"], user: [minor], tier: [block, signal], severity: 3, action: block, reason: minors}
  - {name: help, category: [A2i], direction: [in, out], action: guide, text_zh: 请求助, text_en: find help}
  - {name: hide, category: [A4a, A4b], detector: [lexicon], action: mask}
  - {name: school, profile: [education], category: ["A3*"], tier: [signal], action: block}
  - {name: kiosk, service: [kiosk], direction: [in], tier: [signal], action: refuse}
  - {name: block-tier, tier: [block], action: block}
default: {action: allow, reason: nothing}
tests:
  - {text: 禁果, direction: in, user: minor, expect: allow}
  - {finding: {category: A1h, tier: signal, severity: 3}, direction: out, user: minor, on_violation: replace, expect: replace, row: minors}
  - {finding: {category: A1f, tier: block, entry: b4, form: pinyin}, direction: in, expect: refuse, row: block-tier}
`

func TestPolicyRows(t *testing.T) {
	p := policy(t, manyRows)
	if err := p.Test(lexicon(t, testEntries...)); err != nil {
		t.Fatal(err)
	}
	in := Scene{Direction: "in", User: "unknown"}
	for _, x := range []struct {
		place Place
		c     Case
		want  Action
		row   string
	}{
		{Place{Scene: in}, Case{Category: "A1f", Tier: Block, Entry: "b4"}, Allow, "poem"},
		{Place{Scene: in}, Case{Category: "A1f", Tier: Block, Entry: "b3"}, Refuse, "block-tier"},
		{Place{Scene: Scene{Direction: "in", User: "minor"}}, Case{Category: "A1h", Tier: Signal, Severity: 2}, Allow, "default"},
		{Place{Scene: Scene{Direction: "in", User: "minor"}}, Case{Category: "A1h", Tier: Signal, Severity: 4}, Refuse, "minors"},
		{Place{Scene: in}, Case{Category: "A2i", Tier: Signal}, Guide, "help"},
		{Place{Scene: in}, Case{Category: "A4a", Tier: Signal, Detector: KindLexicon}, Mask, "hide"},
		{Place{Scene: in}, Case{Category: "A4a", Tier: Signal, Detector: "guard"}, Allow, "default"},
		{Place{Scene: in, Profile: "education"}, Case{Category: "A3a", Tier: Signal}, Refuse, "school"},
		{Place{Scene: Scene{Direction: "out"}, Profile: "education", OnViolation: Retract}, Case{Category: "A3a", Tier: Signal}, Retract, "school"},
		{Place{Scene: Scene{Service: "kiosk", Direction: "in"}}, Case{Category: "A1b", Tier: Signal}, Refuse, "kiosk"},
		{Place{Scene: Scene{Service: "kiosk", Direction: "out"}}, Case{Category: "A1b", Tier: Signal}, Allow, "default"},
	} {
		if d := p.At(x.place).Decide(x.c); d.Action != x.want || d.Row != x.row {
			t.Errorf("%+v %+v: %s by %s, want %s by %s", x.place, x.c, d.Action, d.Row, x.want, x.row)
		}
	}
	if d := p.At(Place{Scene: in}).Decide(Case{Category: "A2i", Tier: Signal}); d.TextIn(true) != "请求助" || d.TextIn(false) != "find help" {
		t.Errorf("%+v", d)
	}
}

// TestTableEqualsRows: what is sorted out beforehand changes no decision, and a hit that acts is announced by Acts.
func TestTableEqualsRows(t *testing.T) {
	p := policy(t, manyRows)
	risks := measures.Risks()
	rapid.Check(t, func(t *rapid.T) {
		place := Place{Scene: Scene{Service: rapid.SampledFrom([]string{"kiosk", "other"}).Draw(t, "service"),
			Direction: rapid.SampledFrom([]string{"in", "out"}).Draw(t, "direction"), User: rapid.SampledFrom([]string{"adult", "minor", "unknown"}).Draw(t, "user")},
			Profile: rapid.SampledFrom([]string{"", "education"}).Draw(t, "profile"), OnViolation: rapid.SampledFrom([]Action{Stop, Retract, Replace}).Draw(t, "on")}
		c := Case{Category: rapid.SampledFrom(risks).Draw(t, "risk").ID, Tier: rapid.SampledFrom([]Tier{Block, Signal, Observe}).Draw(t, "tier"),
			Severity: rapid.IntRange(0, 5).Draw(t, "severity"), Detector: rapid.SampledFrom([]string{KindLexicon, "guard"}).Draw(t, "detector"),
			Entry: rapid.SampledFrom([]string{"b4", "x"}).Draw(t, "entry"), Form: rapid.SampledFrom([]Form{AsWritten, Homophone}).Draw(t, "form")}
		table := p.At(place)
		want := p.base.at(place)
		for i := range p.rows {
			r := &p.rows[i]
			member := func(list []string, v string) bool {
				return len(list) == 0 || strings.Contains(" "+strings.Join(list, " ")+" ", " "+v+" ")
			}
			tier := len(r.tiers) == 0
			for _, x := range r.tiers {
				tier = tier || x == c.Tier
			}
			if tier && member(r.directions, place.Scene.Direction) && member(r.users, place.Scene.User) && member(r.profiles, place.Profile) &&
				member(r.services, place.Scene.Service) && r.covers(c.Category) && r.holds(&c, table) {
				want = r.decision.at(place)
				break
			}
		}
		got := table.Decide(c)
		if got != want {
			t.Fatalf("%+v %+v: %+v, row by row %+v", place, c, got, want)
		}
		if got.Action != Allow && !table.Acts(c.Category, c.Tier) {
			t.Fatalf("%+v %+v acts unannounced", place, c)
		}
	})
}

func TestPolicyErrorsNameLineAndMend(t *testing.T) {
	for name, x := range map[string]struct{ text, want string }{
		"empty":          {"", "is empty"},
		"unknown key":    {"name: a\nrowz: []\ndefault: {action: allow}\n", "rowz"},
		"wrong type":     {"name: a\nrows: 7\ndefault: {action: allow}\n", "a sequence is wanted here"},
		"action":         {"name: a\nrows:\n  - name: x\n    action: deny\ndefault: {action: allow}\n", `"deny": use one of allow, mask`},
		"line":           {"name: a\nrows:\n  - name: x\n    action: deny\ndefault: {action: allow}\n", "[4:13]"},
		"risk":           {"name: a\nrows: [{name: x, category: [A9z], action: allow}]\ndefault: {action: allow}\n", "no risk has this id"},
		"glob":           {"name: a\nrows: [{name: x, category: [B*], action: allow}]\ndefault: {action: allow}\n", "no risk has this id"},
		"refuse out":     {"name: a\nrows: [{name: x, action: refuse}]\ndefault: {action: allow}\n", "refuse is for input only"},
		"stop in":        {"name: a\nrows: [{name: x, direction: [in], action: stop}]\ndefault: {action: allow}\n", "stop is for output only"},
		"no default":     {"name: a\n", "default.action"},
		"twice":          {"name: a\nrows: [{name: x, action: allow}, {name: x, action: allow}]\ndefault: {action: allow}\n", "a name of its own"},
		"expression":     {"name: a\nrows: [{name: x, when: 'risk == 1', action: allow}]\ndefault: {action: allow}\n", "unknown name risk"},
		"not boolean":    {"name: a\nrows: [{name: x, when: 'severity', action: allow}]\ndefault: {action: allow}\n", "bool"},
		"loop":           {"name: a\nrows: [{name: x, when: 'all(1..1000000000, # > 0)', action: allow}]\ndefault: {action: allow}\n", "ranges"},
		"function":       {"name: a\nrows: [{name: x, when: 'len(category) > 1', action: allow}]\ndefault: {action: allow}\n", "unknown name len"},
		"long":           {"name: a\nrows: [{name: x, when: '" + strings.Repeat("severity > 1 && ", 100) + "true', action: allow}]\ndefault: {action: allow}\n", "at most 500"},
		"texts":          {"name: a\nrows: [{name: x, action: guide, text_zh: 一}]\ndefault: {action: allow}\n", "text_en both"},
		"test":           {"name: a\ndefault: {action: allow}\ntests: [{finding: {category: A1a, tier: block}, direction: in, expect: refuse}]\n", "expects refuse, gets allow by row default"},
		"test of no row": {"name: a\ndefault: {action: allow}\ntests: [{text: x, direction: in, expect: allow, row: nowhere}]\n", "no row has this name"},
		"alias":          {"name: a\nrows: [{name: x, category: &c [A1a], action: allow}, {name: y, category: *c, action: allow}]\ndefault: {action: allow}\n", "aliases"},
		"two documents":  {"name: a\ndefault: {action: allow}\n---\nname: b\n", "2 documents"},
	} {
		_, err := ParsePolicy("p.yaml", []byte(x.text))
		if err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), "p") {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
}

func TestPolicyTestsOnTextsNeedTheLexicon(t *testing.T) {
	p := policy(t, "name: a\nrows: [{name: x, tier: [block], action: block}]\ndefault: {action: allow}\ntests: [{name: fruit, text: 一个禁果出售, direction: in, expect: refuse}]\n")
	if err := p.Test(lexicon(t, testEntries...)); err != nil {
		t.Error(err)
	}
	if err := p.Test(lexicon(t)); err == nil || !strings.Contains(err.Error(), "fruit: expects refuse, gets allow") {
		t.Errorf("%v", err)
	}
}

// TestDocumentedPolicies: the examples of the documentation compile and pass their own tests.
func TestDocumentedPolicies(t *testing.T) {
	for _, lang := range []string{"en", "zh"} {
		page, err := os.ReadFile("../docs/" + lang + "/policy.md")
		if err != nil {
			t.Fatal(err)
		}
		_, example, _ := strings.Cut(string(page), "```yaml\n")
		example, _, _ = strings.Cut(example, "```")
		if err := policy(t, example).Test(lexicon(t, StarterEntries()...)); err != nil {
			t.Errorf("%s: %v", lang, err)
		}
	}
}

func TestPolicyHashIsOfItsText(t *testing.T) {
	text := "name: a\ndefault: {action: allow}\n"
	if a, b := policy(t, text), policy(t, text+"\n"); a.Hash() == b.Hash() || a.Hash() != policy(t, text).Hash() || len(a.Hash()) != 64 {
		t.Errorf("%s %s", a.Hash(), b.Hash())
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(manyRows))
	f.Add(DefaultPolicySource())
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy("fuzz", text)
		if err != nil {
			return
		}
		for _, direction := range []string{"in", "out"} {
			d := p.At(Place{Scene: Scene{Direction: direction}}).Decide(Case{Category: "A1a", Tier: Block})
			if d.Action.strictness() < 0 || d.Action == Refuse && direction == "out" {
				t.Fatalf("%q: %+v", text, d)
			}
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	plain, _, _ := strings.Cut(strings.ReplaceAll(manyRows, `when: 'entry == "b4" && form != "pinyin"', `, ""), "tests:")
	p := policy(b, plain)
	table := p.At(Place{Scene: Scene{Service: "s", Direction: "in", User: "minor"}})
	c := Case{Category: "A2c", Tier: Block, Severity: 2, Detector: KindLexicon}
	b.ReportAllocs()
	for b.Loop() {
		if table.Decide(c).Action != Refuse {
			b.Fatal("wrong")
		}
	}
}

func BenchmarkParsePolicy(b *testing.B) {
	for b.Loop() {
		if _, err := ParsePolicy("b", []byte(manyRows)); err != nil {
			b.Fatal(err)
		}
	}
}

// TestPoliciesThatBreakTheLibrary: a tag where a row belongs is an error like any other, and ends no process.
func TestPoliciesThatBreakTheLibrary(t *testing.T) {
	for _, text := range []string{"name: x\nrows:\n  ! 000000\n", "name: x\nrows: ! 0\n", "! 0\n", "tests:\n  ! 000\n"} {
		if p, err := ParsePolicy("p.yaml", []byte(text)); err == nil || p != nil {
			t.Errorf("%q became a policy", text)
		}
	}
}
