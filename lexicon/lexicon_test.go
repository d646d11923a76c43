package lexicon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var (
	wang = journal.Actor{Kind: "staff", ID: "wang"}
	li   = journal.Actor{Kind: "staff", ID: "li"}
	cli  = journal.Actor{Kind: "cli", ID: "hegui"}
)

func open(t testing.TB, db *store.DB, j *journal.Journal) *Register {
	t.Helper()
	r, err := Open(context.Background(), db, j)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func each(t *testing.T, test func(t *testing.T, r *Register, j *journal.Journal, db *store.DB)) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		j, _ := testkit.Journal(t, db)
		test(t, open(t, db, j), j, db)
	})
}

func entry(id, text string, tier moderation.Tier) moderation.Entry {
	return moderation.Entry{ID: id, Text: text, Category: "A1h", Tier: tier}
}

func texts(list ...Text) func() []Text { return func() []Text { return list } }

func draft(t testing.TB, r *Register) Draft {
	t.Helper()
	d, err := r.Draft(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// measure gates the draft as it stands against evidence.
func measure(t testing.TB, r *Register, ev Evidence) Draft {
	t.Helper()
	d := draft(t, r)
	before, err := r.Entries(t.Context(), d.Base.N)
	if err != nil {
		t.Fatal(err)
	}
	old, err := Compile(nil, before, Today(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	now, err := Compile(nil, d.Entries, Today(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Measure(t.Context(), old, now, ev, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Measured(t.Context(), d.Revision, f); err != nil {
		t.Fatal(err)
	}
	return draft(t, r)
}

func publish(t testing.TB, r *Register, who journal.Actor, note string) Version {
	t.Helper()
	d := measure(t, r, Evidence{})
	v, err := r.Publish(t.Context(), who, d.Revision, note)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func ids(entries []moderation.Entry) string {
	var s []string
	for _, e := range entries {
		s = append(s, e.ID+"/"+e.Text+"/"+string(e.Tier))
	}
	return strings.Join(s, " ")
}

func TestDraftPublishRollback(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		ctx := t.Context()
		if v, err := r.Latest(ctx); err != nil || v.N != 0 {
			t.Fatalf("before the first version: %+v %v", v, err)
		}
		if _, err := r.Publish(ctx, wang, 0, ""); !errors.Is(err, ErrEmptyDraft) {
			t.Errorf("publishing nothing: %v", err)
		}
		taken, err := r.Add(ctx, wang, []moderation.Entry{entry("b", "乙词条", "signal"), entry("a", "甲词条", "block")}, false)
		if err != nil || taken != (Taken{Added: 2}) {
			t.Fatalf("%+v %v", taken, err)
		}
		d := draft(t, r)
		if got := ids(d.Entries); got != "a/甲词条/block b/乙词条/signal" || d.Tally.Added != 2 || d.By != wang || d.Changed.IsZero() {
			t.Errorf("draft %s %+v", got, d)
		}
		if _, err := r.Publish(ctx, wang, d.Revision, ""); !errors.Is(err, ErrNotMeasured) {
			t.Errorf("publishing what was not measured: %v", err)
		}
		generation := j.Generation()
		v1 := publish(t, r, wang, "first")
		if v1.N != 1 || v1.Entries != 2 || v1.Note != "first" || v1.By != wang || v1.Risks["A1h"] != 2 || v1.Tiers["block"] != 1 || len(v1.Hash) != 64 || v1.Figures == nil {
			t.Errorf("version %+v", v1)
		}
		if j.Generation() == generation {
			t.Error("other processes do not learn of the version")
		}
		if d := draft(t, r); len(d.Edits) != 0 || ids(d.Entries) != "a/甲词条/block b/乙词条/signal" || d.Figures != nil {
			t.Errorf("after publishing the draft has %+v", d)
		}

		// Known entries keep what people gave them, unless overwritten.
		weekly := []moderation.Entry{entry("a", "甲词条", "observe"), entry("b", "乙词条", "signal"), entry("c", "丙词条", "signal")}
		if taken, err := r.Add(ctx, wang, weekly, false); err != nil || taken != (Taken{Added: 1, Unchanged: 1, Kept: 1}) {
			t.Errorf("the same list again: %+v %v", taken, err)
		}
		if taken, err := r.Add(ctx, wang, weekly, true); err != nil || taken != (Taken{Changed: 1, Unchanged: 2}) {
			t.Errorf("overwriting: %+v %v", taken, err)
		}
		if err := r.Remove(ctx, wang, "b"); err != nil {
			t.Fatal(err)
		}
		if err := r.Remove(ctx, wang, "nobody"); !errors.Is(err, ErrUnknown) {
			t.Errorf("removing what is not there: %v", err)
		}
		d = draft(t, r)
		if d.Tally != (Tally{Added: 1, Removed: 1, Changed: 1}) || ids(d.Entries) != "a/甲词条/observe c/丙词条/signal" {
			t.Errorf("draft %s %+v", ids(d.Entries), d.Tally)
		}
		if err := r.Undo(ctx, wang, "a"); err != nil {
			t.Fatal(err)
		}
		v2 := publish(t, r, li, "second")
		if entries, err := r.Entries(ctx, 2); err != nil || ids(entries) != "a/甲词条/block c/丙词条/signal" || v2.Tally != (Tally{Added: 1, Removed: 1}) {
			t.Errorf("version 2: %s %+v %v", ids(entries), v2, err)
		}

		w := bench(r, Evidence{})
		v3, back, err := w.Restore(ctx, cli, 1, "back")
		if err != nil || v3.N != 3 || v3.Restores != 1 || v3.Hash != v1.Hash || v3.Figures == nil || back.Base != 2 {
			t.Fatalf("rollback %+v %+v %v", v3, back, err)
		}
		if v0, _, err := w.Restore(ctx, cli, 0, "none"); err != nil || v0.N != 4 || v0.Entries != 0 {
			t.Errorf("rollback to nothing: %+v %v", v0, err)
		}
		if _, _, err := w.Restore(ctx, cli, 9, ""); !errors.Is(err, ErrNoVersion) {
			t.Errorf("rollback to what never was: %v", err)
		}
		var invalid *InvalidError
		if _, _, err := w.Restore(ctx, cli, 4, ""); !errors.As(err, &invalid) {
			t.Errorf("rollback to what is in force: %v", err)
		}
		list, err := r.Versions(ctx)
		if err != nil || len(list) != 4 || list[0].N != 4 || list[3].Note != "first" {
			t.Errorf("versions %+v %v", list, err)
		}
		again := open(t, db, j)
		if v, err := again.Latest(ctx); err != nil || v.N != 4 {
			t.Errorf("another register sees %+v %v", v, err)
		}

		// The journal has ids, hashes and counts, never texts.
		events, err := j.Events(ctx, journal.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		verbs := map[journal.Verb]int{}
		for _, e := range events {
			verbs[e.Verb]++
			if strings.Contains(string(e.Body), "词条") {
				t.Errorf("an entry's text in the journal: %s", e.Body)
			}
		}
		if verbs[journal.LexiconVersion] != 4 || verbs[journal.LexiconDrafted] != 5 {
			t.Errorf("events %v", verbs)
		}
		if damaged, err := r.Verify(ctx, events); err != nil || len(damaged) != 0 {
			t.Errorf("verify: %+v %v", damaged, err)
		}
	})
}

func TestTwoPersonRule(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		ctx := t.Context()
		ev := Evidence{Bank: texts(Text{ID: "q1", Text: "甲词条是什么？"}, Text{ID: "q2", Text: "今天天气"})}
		if err := r.Set(ctx, wang, entry("a", "甲词条", "block")); err != nil {
			t.Fatal(err)
		}
		d := measure(t, r, ev)
		if d.Figures.Passes() {
			t.Fatalf("over-block rises and the gate lets it pass: %+v", d.Figures)
		}
		if _, err := r.Publish(ctx, wang, d.Revision, ""); !errors.Is(err, ErrNeedsSecond) {
			t.Errorf("published alone: %v", err)
		}
		if _, err := r.Approve(ctx, li, d.Revision); !errors.Is(err, ErrNoProposal) {
			t.Errorf("approved what nobody proposed: %v", err)
		}
		var invalid *InvalidError
		if err := r.Propose(ctx, cli, d.Revision, ""); !errors.As(err, &invalid) {
			t.Errorf("proposed by nobody: %v", err)
		}
		if err := r.Propose(ctx, wang, d.Revision, "needed"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Approve(ctx, wang, d.Revision); !errors.Is(err, ErrSamePerson) {
			t.Errorf("approved by the proposer: %v", err)
		}
		if _, err := r.Approve(ctx, journal.Actor{Kind: "cli", ID: "wang"}, d.Revision); !errors.Is(err, ErrSamePerson) {
			t.Errorf("approved by the proposer at the command line: %v", err)
		}
		if _, err := r.Approve(ctx, cli, d.Revision); !errors.As(err, &invalid) {
			t.Errorf("approved by nobody: %v", err)
		}
		// A change after the proposal ends it.
		if err := r.Set(ctx, wang, entry("b", "乙词条", "block")); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Approve(ctx, li, d.Revision); !errors.Is(err, ErrRaced) {
			t.Errorf("approved another draft than was proposed: %v", err)
		}
		if d := draft(t, r); d.Proposal != nil || d.Figures != nil {
			t.Errorf("the changed draft is still proposed: %+v", d)
		}
		d = measure(t, r, ev)
		if err := r.Propose(ctx, wang, d.Revision, "needed"); err != nil {
			t.Fatal(err)
		}
		v, err := r.Approve(ctx, li, d.Revision)
		if err != nil || v.By != wang || v.Approved != li || v.Note != "needed" {
			t.Errorf("approved: %+v %v", v, err)
		}
		// Less over-block than before passes.
		if err := r.Remove(ctx, wang, "a"); err != nil {
			t.Fatal(err)
		}
		if d := measure(t, r, ev); !d.Figures.Passes() {
			t.Errorf("less over-block does not pass: %+v", d.Figures)
		}
	})
}

func TestFiguresOfYesterdayDoNotCount(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		if err := r.Set(t.Context(), wang, entry("a", "甲词条", "block")); err != nil {
			t.Fatal(err)
		}
		d := measure(t, r, Evidence{})
		r.now = func() time.Time { return time.Now().Add(24 * time.Hour) }
		if _, err := r.Publish(t.Context(), wang, d.Revision, ""); !errors.Is(err, ErrNotMeasured) {
			t.Errorf("published on yesterday's figures: %v", err)
		}
		if err := r.Measured(t.Context(), d.Revision+1, Figures{}); !errors.Is(err, ErrRaced) {
			t.Errorf("figures of another revision: %v", err)
		}
	})
}

func TestManyHands(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		others := []*Register{r, open(t, db, j)}
		var wg sync.WaitGroup
		var mu sync.Mutex
		put := 0
		for i := range 8 {
			wg.Go(func() {
				err := others[i%2].Set(context.Background(), wang, entry(fmt.Sprint("e", i), fmt.Sprintf("词条%d", i), "signal"))
				if err != nil && !errors.Is(err, ErrRaced) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					put++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if d := draft(t, r); len(d.Edits) != put || put == 0 {
			t.Errorf("%d entries were taken, the draft has %d", put, len(d.Edits))
		}
	})
}

func TestBadEntries(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		for _, c := range []struct {
			name string
			e    moderation.Entry
			want string
		}{
			{"no id", entry("", "x", "block"), "id"},
			{"space in id", entry("a b", "x", "block"), "without spaces"},
			{"tier", entry("a", "词条", "shout"), "block, signal, observe or quarantine"},
			{"category", moderation.Entry{ID: "a", Text: "词条", Category: "Z9", Tier: "block"}, "31 risks"},
			{"day", moderation.Entry{ID: "a", Text: "词条", Category: "A1h", Tier: "block", Expires: "2026-02-30"}, "YYYY-MM-DD"},
			{"folds to nothing", entry("a", "\u200b", "block"), "a"},
			{"quarantined and too long", entry("a", strings.Repeat("长", 10000), "quarantine"), "at most 64"},
		} {
			if err := r.Set(t.Context(), wang, entry("good", "好词条", "signal"), c.e); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if err := r.Set(t.Context(), wang, entry("a", "甲", "signal"), entry("a", "乙", "signal")); err == nil || !strings.Contains(err.Error(), "twice") {
			t.Errorf("two entries of one id: %v", err)
		}
		if d := draft(t, r); len(d.Edits) != 0 || d.Revision != 0 {
			t.Errorf("half a list was taken: %+v", d)
		}
	})
}

func TestChangedEntriesAreNamed(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		ctx := t.Context()
		if err := r.Set(ctx, wang, entry("a", "甲词条", "block")); err != nil {
			t.Fatal(err)
		}
		publish(t, r, wang, "")
		forged, _, err := pack([]moderation.Entry{entry("a", "别的", "observe")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.W.ExecContext(ctx, `UPDATE lexicon_part SET data = $1`, forged); err != nil {
			t.Fatal(err)
		}
		events, err := j.Events(ctx, journal.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		if damaged, err := r.Verify(ctx, events); err != nil || len(damaged) != 1 || damaged[0].Table != "lexicon_version" {
			t.Errorf("verify: %+v %v", damaged, err)
		}
		if _, err := open(t, db, j).Entries(ctx, 1); err == nil || !strings.Contains(err.Error(), "not those that were published") {
			t.Errorf("forged entries were read: %v", err)
		}
		if _, err := db.W.ExecContext(ctx, `DELETE FROM lexicon_version`); err != nil {
			t.Fatal(err)
		}
		if damaged, err := r.Verify(ctx, events); err != nil || len(damaged) != 1 || !strings.Contains(damaged[0].What, "missing") {
			t.Errorf("verify: %+v %v", damaged, err)
		}
	})
}

func TestMergeAndExpiry(t *testing.T) {
	base := []moderation.Entry{entry("s1", "起步一", "block"), entry("s2", "起步二", "block")}
	own := []moderation.Entry{entry("s1", "起步一", "quarantine"), {ID: "n", Text: "新词条", Category: "A1h", Tier: "block", Expires: "2026-05-01"}}
	for day, want := range map[string]int{"2026-05-01": 2, "2026-05-02": 1} {
		l, err := Compile(base, own, day)
		if err != nil || l.Len() != want {
			t.Errorf("%s: %d entries in force %v, want %d", day, l.Len(), err, want)
		}
		if len(l.Scan([]byte("起步一"))) != 0 || len(l.Scan([]byte("起步二"))) != 1 {
			t.Errorf("%s: quarantine of a starter entry does not hold", day)
		}
	}
}

func TestMeasureCountsAndBlames(t *testing.T) {
	old, err := Compile(nil, []moderation.Entry{entry("a", "甲", "block")}, "2026-01-01")
	if err != nil {
		t.Fatal(err)
	}
	now, err := Compile(nil, []moderation.Entry{entry("b", "乙", "block"), entry("s", "丙", "signal"), {ID: "c", Text: "丁", Category: "A2a", Tier: "block"}}, "2026-01-01")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Measure(t.Context(), old, now, Evidence{
		Bank:   texts(Text{ID: "q1", Text: "甲"}, Text{ID: "q2", Text: "乙乙"}, Text{ID: "q3", Text: "乙丁"}, Text{ID: "q4", Text: "丙"}),
		Benign: texts(Text{ID: "h1", Text: "乙"}, Text{ID: "h2", Text: "甲"}),
		Traffic: func(_ context.Context, each func(Text) error) (Window, error) {
			for _, x := range []Text{{ID: "x1", Text: "丙", Accepted: true}, {ID: "x2", Text: "甲丁", Accepted: false}} {
				if err := each(x); err != nil {
					return Window{}, err
				}
			}
			return Window{Days: 7, Exchanges: 2}, nil
		},
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if f.Bank != (Share{4, 1, 2}) || f.Benign != (Share{2, 1, 1}) || f.Accepted != (Share{1, 0, 0}) || f.Talk != (Share{2, 1, 2}) || f.Window.Exchanges != 2 {
		t.Errorf("figures %+v", f)
	}
	if len(f.Worst) != 2 || f.Worst[0] != (Culprit{Entry: "b", Category: "A1h", Tier: "block", Bank: 2, Benign: 1, Example: "q2"}) {
		t.Errorf("worst %+v", f.Worst)
	}
	want := []Bucket{{"A1h", "block", 1, 0}, {"A1h", "signal", 0, 1}, {"A2a", "block", 0, 1}}
	if fmt.Sprint(f.Shadow) != fmt.Sprint(want) {
		t.Errorf("shadow %v, want %v", f.Shadow, want)
	}
	// A policy that refuses by other hits than those of the block tier.
	odd, err := Measure(t.Context(), old, now, Evidence{Bank: texts(Text{ID: "q4", Text: "丙"}),
		Judge: func() (Judge, error) {
			return func(_ Text, f moderation.Finding) bool { return f.Tier == moderation.Signal }, nil
		}}, time.Now())
	if err != nil || odd.Bank != (Share{1, 0, 1}) {
		t.Errorf("with a policy of its own %+v, %v", odd.Bank, err)
	}
	codes := ""
	for _, c := range f.Concerns() {
		codes += c.Code + "/" + string(c.Force) + " "
	}
	if codes != "bank_rises/ours bank_limit/shall " {
		t.Errorf("concerns %q", codes)
	}
	if measures.OverBlockTarget >= measures.OverBlockLimit {
		t.Error("the aim is not below the limit")
	}
}

// A question in two languages is one question, refused if either wording is.
func TestMeasureCountsAQuestionOnce(t *testing.T) {
	lexicon := func(entries ...moderation.Entry) *moderation.Lexicon {
		l, err := moderation.Compile(entries)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	bank := []Text{{ID: "q1", Of: "q1", Text: "甲词条"}, {ID: "q1/en", Of: "q1", Text: "first"}, {ID: "q2", Of: "q2", Text: "其他"}, {ID: "q2/en", Of: "q2", Text: "other"}}
	f, err := Measure(t.Context(), lexicon(), lexicon(moderation.Entry{ID: "a", Text: "甲词条", Category: "A1h", Tier: moderation.Block},
		moderation.Entry{ID: "b", Text: "first", Category: "A1h", Tier: moderation.Block}), Evidence{Bank: func() []Text { return bank }}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if f.Bank != (Share{Texts: 2, Before: 0, After: 1}) {
		t.Errorf("%+v", f.Bank)
	}
}
