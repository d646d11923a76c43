package lexicon

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hegui/hegui/moderation"
)

func TestLintWeakensWhatHitsHarmlessText(t *testing.T) {
	var harmless []Text
	for i := range 100 {
		text := "无关的话"
		switch {
		case i < 8:
			text = "中国的公司"
		case i < 10:
			text = "信息"
		case i == 10:
			text = "茶馆"
		}
		harmless = append(harmless, Text{ID: fmt.Sprint("h", i), Text: text})
	}
	w := &Workbench{Evidence: Evidence{Benign: texts(harmless...), Bank: texts(Text{ID: "q", Text: "从不出现"}), // the gate's, not lint's
		Traffic: func(_ context.Context, each func(Text) error) (Window, error) {
			return Window{}, each(Text{ID: "x", Text: "茶馆没有被放行"}) // refused: says nothing of harmless text
		}}}
	entries := []moderation.Entry{entry("a", "中国", "signal"), entry("b", "信息", "block"), entry("c", "茶馆", "block"), entry("d", "从不出现", "block"),
		entry("e", "观察", "observe"), entry("f", "公司", "quarantine"), {ID: "g", Text: "无关", Allow: true}}
	l, err := w.Lint(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	if l.Entries != 5 || l.Texts != 100 || l.Hitting != 3 || fmt.Sprint(l.To) != "map[observe:1 quarantine:1 signal:1]" {
		t.Errorf("%+v", l)
	}
	if got := fmt.Sprint(l.Proposals); got != "[{a signal quarantine 8 h0} {b block observe 2 h8} {c block signal 1 h10}]" {
		t.Errorf("proposals %s", got)
	}
	var tiers []string
	for _, e := range l.Apply(entries) {
		tiers = append(tiers, string(e.Tier))
	}
	if got := strings.Join(tiers, " "); got != "quarantine observe signal block observe quarantine " {
		t.Errorf("applied %q", got)
	}
	if changed := l.Changed(entries); len(changed) != 3 || !strings.Contains(changed[0].Note, "hits 8 of 100") || entries[0].Tier != "signal" {
		t.Errorf("changed %+v", changed)
	}
}

func TestLintNeverStrengthens(t *testing.T) {
	order := map[moderation.Tier]int{"quarantine": 0, "observe": 1, "signal": 2, "block": 3}
	for tier := range order {
		for hits := range 20 {
			for _, texts := range []int{10, 1000, 100_000} {
				if to := proposed(tier, hits, texts); order[to] > order[tier] || hits == 0 && to != tier {
					t.Errorf("%s with %d of %d becomes %s", tier, hits, texts, to)
				}
			}
		}
	}
}
