package moderation

import (
	"slices"
	"testing"
)

func TestLint(t *testing.T) {
	entries := []Entry{
		{ID: "a", Text: "中国", Category: "A1h", Tier: Block},
		{ID: "b", Text: "出售冰毒加微", Category: "A1h", Tier: Block},
		{ID: "c", Text: "出售氷毒加微", Category: "A1h", Tier: Signal},
		{ID: "d", Text: "的", Category: "A1h", Tier: Signal},
		{ID: "e", Text: "2024", Category: "A1h", Tier: Signal},
		{ID: "f", Text: "av", Category: "A1f", Tier: Signal},
		{ID: "g", Text: "便宜出售冰毒加微信", Category: "A1h", Tier: Signal},
		{ID: "h", Text: "老词条过期了", Category: "A1h", Tier: Signal, Expires: "2025-01-01"},
		{ID: "i", Text: "被放行的词条", Category: "A1h", Tier: Signal},
		{ID: "j", Text: "被放行的词条", Allow: true},
		{ID: "k", Text: "天气", Category: "A1h", Tier: Signal, Context: []Context{{Rule: Near, Words: []string{"炸弹"}}}},
		{ID: "m", Text: "一次命中的句子", Category: "A1h", Tier: Block},
		{ID: "n", Text: "人工审定条目", Category: "A1h", Tier: Block},
	}
	benign := []string{"今天中国的天气很好", "中国人民", "这里有一次命中的句子", "人工审定条目也会出现", "人工审定条目又出现了", "买了2024年的日历"}
	r, err := Lint(entries, benign, LintOptions{Day: "2026-01-01", Traffic: []string{"出售冰毒加微"}, Keep: []string{"n"}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]LintFinding{}
	for _, f := range r.Findings {
		got[f.Entry] = f
	}
	for id, want := range map[string]struct {
		tier Tier
		flaw Flaw
		of   string
	}{
		"a": {Quarantine, HitsBenign, ""}, "c": {Quarantine, Duplicate, "b"}, "d": {Quarantine, OneRune, ""}, "e": {Quarantine, Digits, ""}, "f": {Quarantine, ShortLatin, ""},
		"g": {Signal, Subsumed, "b"}, "h": {Signal, Expired, ""}, "i": {Quarantine, Cancelled, "j"}, "k": {Signal, NeverHit, ""}, "m": {Observe, HitsBenign, ""}, "n": {Block, HitsBenign, ""},
	} {
		if f := got[id]; f.Tier != want.tier || !slices.Contains(f.Flaws, want.flaw) || f.Of != want.of {
			t.Errorf("%s: %+v, want %+v", id, f, want)
		}
	}
	if b, ok := got["b"]; ok {
		t.Errorf("the good entry: %+v", b)
	}
	if r.Any != [2]int{6, 3} || r.Before[Block] != 5 || r.After[Block] != 2 {
		t.Errorf("any %v, before %v, after %v", r.Any, r.Before, r.After)
	}
	for i, e := range r.Apply(entries) {
		if want := got[e.ID].Tier; want != "" && e.Tier != want && !e.Allow {
			t.Errorf("%s applied as %s", entries[i].ID, e.Tier)
		}
	}
}

func TestFlawsHaveTexts(t *testing.T) {
	for _, f := range []Flaw{HitsBenign, Dictionary, OneRune, TwoRunes, Digits, ShortLatin, Duplicate, Subsumed, Cancelled, Expired, NeverHit} {
		if zh, en := f.Texts(); zh == "" || en == "" {
			t.Errorf("%s has no text", f)
		}
	}
}

func TestMappingIsOfRisks(t *testing.T) {
	for foreign, risk := range Mapping() {
		if !isRisk(risk) {
			t.Errorf("%s → %s", foreign, risk)
		}
	}
}
