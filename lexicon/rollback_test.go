package lexicon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

// bench is a workbench over no lists.
func bench(r *Register, ev Evidence) *Workbench {
	return &Workbench{Register: r, Base: func() ([]List, error) { return nil, nil }, Evidence: ev}
}

// bankOf is a bank of 20 questions that an entry 甲 hits n of.
func bankOf(n int) func() []Text {
	var list []Text
	for i := range 20 {
		text := "今天天气"
		if i < n {
			text = "甲词条是什么？"
		}
		list = append(list, Text{ID: fmt.Sprint("q", i), Text: text})
	}
	return texts(list...)
}

// accepted is one day's traffic that was let through.
func accepted(list ...string) func(context.Context, func(Text) error) (Window, error) {
	return func(_ context.Context, each func(Text) error) (Window, error) {
		for i, text := range list {
			if err := each(Text{ID: fmt.Sprint("x", i), Text: text, Accepted: true}); err != nil {
				return Window{}, err
			}
		}
		return Window{Days: 7, Exchanges: len(list)}, nil
	}
}

// Going back is held at what would be refused today.
func TestRollbackIsMeasured(t *testing.T) {
	const first, second = "甲词条", "乙词条"
	for _, c := range []struct {
		name    string
		old     string // what version 1 blocks, version 2 does not
		new     string // what version 2 blocks, version 1 does not
		agreed  bool   // two persons published version 1
		bank    func() []Text
		traffic []string
		want    string // concerns; empty: one person suffices
	}{
		{"refuses less", "", first, false, bankOf(4), nil, ""},
		{"refuses the same", "别的", "", false, bankOf(4), nil, ""},
		{"still over the limit, but no more than now", first, first, false, bankOf(4), nil, ""},
		{"a fifth of the bank of today", first, "", false, bankOf(4), nil, "bank_rises bank_limit"},
		{"one question more, below the limit", first, "", false, bankOf(1), nil, "bank_rises"},
		{"a fifth of the bank, though two persons agreed to it once", first, "", true, bankOf(4), nil, "bank_rises bank_limit"},
		{"accepted text", second, "", false, bankOf(0), []string{"乙词条好"}, "accepted_rises"},
		{"accepted text, and over the limit as now", "词条", first, false, bankOf(4), []string{"乙词条好"}, "accepted_rises bank_limit"},
		{"accepted text, of what two persons agreed to", second, "", true, bankOf(0), []string{"乙词条好"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
				ctx := t.Context()
				set := func(id, text string) {
					t.Helper()
					tier := moderation.Block
					if text == "" {
						text, tier = "没有用的词条"+id, moderation.Observe
					}
					if err := r.Set(ctx, wang, entry(id, text, tier)); err != nil {
						t.Fatal(err)
					}
				}
				set("a", c.old)
				if c.agreed {
					d := measure(t, r, Evidence{})
					if err := r.Propose(ctx, wang, d.Revision, ""); err != nil {
						t.Fatal(err)
					}
					if _, err := r.Approve(ctx, li, d.Revision); err != nil {
						t.Fatal(err)
					}
				} else {
					publish(t, r, wang, "")
				}
				if c.new != c.old {
					set("a", c.new)
				} else {
					set("b", "")
				}
				publish(t, r, wang, "")

				w := bench(r, Evidence{Bank: c.bank, Traffic: accepted(c.traffic...)})
				v, back, err := w.Restore(ctx, wang, 1, "back")
				codes := ""
				for _, o := range back.Concerns() {
					codes += " " + o.Code
				}
				if strings.TrimSpace(codes) != c.want {
					t.Errorf("concerns %q, want %q; figures %+v", codes, c.want, back.Figures)
				}
				if back.Figures.Bank.Texts != 20 || back.Agreed != c.agreed {
					t.Errorf("measured %+v", back)
				}
				if c.want == "" {
					if err != nil || v.N != 3 || v.Restores != 1 || v.Figures == nil || v.Figures.Bank != back.Figures.Bank || v.Approved.ID != "" {
						t.Errorf("%+v %v", v, err)
					}
					return
				}
				if now, _ := r.Newest(ctx); !errors.Is(err, ErrNeedsSecond) || now.N != 2 {
					t.Fatalf("version %d in force, %v", now.N, err)
				}
				if _, err := w.ApproveRollback(ctx, wang, 1); !errors.Is(err, ErrSamePerson) {
					t.Errorf("approved by the proposer: %v", err)
				}
				v, err = w.ApproveRollback(ctx, li, 1)
				if err != nil || v.N != 3 || v.By != wang || v.Approved != li || v.Note != "back" || v.Figures.Bank != back.Figures.Bank {
					t.Errorf("%+v %v", v, err)
				}
			})
		})
	}
}

// The event of going back has the figures before and after.
func TestRollbackFiguresInTheJournal(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		ctx := t.Context()
		if err := r.Set(ctx, wang, entry("a", "甲词条", "block")); err != nil {
			t.Fatal(err)
		}
		publish(t, r, wang, "")
		w := bench(r, Evidence{Bank: bankOf(4)})
		if _, _, err := w.Restore(ctx, wang, 0, "off"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.Restore(ctx, wang, 1, "on"); !errors.Is(err, ErrNeedsSecond) {
			t.Fatal(err)
		}
		if _, err := w.ApproveRollback(ctx, li, 1); err != nil {
			t.Fatal(err)
		}
		events, err := j.Events(ctx, journal.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		type body struct {
			What     string         `json:"what"`
			Restores *int           `json:"restores"`
			Approved *journal.Actor `json:"approved"`
			Bank     Share          `json:"bank"`
			Gate     struct {
				Passes bool  `json:"passes"`
				Bank   Share `json:"bank"`
			} `json:"gate"`
		}
		var got []string
		for _, e := range events { // newest first
			var b body
			if err := json.Unmarshal(e.Body, &b); err != nil {
				t.Fatal(err)
			}
			if b.Restores != nil {
				got = append(got, fmt.Sprint(e.Verb, " ", b.What, *b.Restores, b.Approved != nil, b.Gate.Passes, b.Gate.Bank, b.Bank))
			}
		}
		want := []string{"lexicon.published 1 true false {20 0 4} {0 0 0}", "lexicon.drafted rollback proposed1 false false {0 0 0} {20 0 4}",
			"lexicon.published 0 false true {20 4 0} {0 0 0}"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// Nothing is put in force on figures that are missing, of another day, of another version, or beside another than the one
// in force.
func TestRollbackFailsClosed(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		ctx := t.Context()
		for i, text := range []string{"甲词条", "乙词条"} {
			if err := r.Set(ctx, wang, entry(fmt.Sprint("e", i), text, "block")); err != nil {
				t.Fatal(err)
			}
			publish(t, r, wang, "")
		}
		w := bench(r, Evidence{Bank: bankOf(1), Traffic: func(context.Context, func(Text) error) (Window, error) {
			return Window{}, errors.New("the vault is locked")
		}})
		var unmeasured *UnmeasuredError
		if _, _, err := w.Restore(ctx, wang, 1, ""); !errors.As(err, &unmeasured) || !strings.Contains(err.Error(), "the vault is locked; mend that") {
			t.Errorf("could not be measured: %v", err)
		}
		w.Evidence.Traffic = nil
		w.Accept = func(*moderation.Lexicon) error { return errors.New("the policy's test 3 fails") }
		if _, _, err := w.Restore(ctx, wang, 1, ""); !errors.As(err, &unmeasured) || !strings.Contains(err.Error(), "test 3 fails") {
			t.Errorf("does not go with the policy: %v", err)
		}
		w.Accept = nil
		back, err := w.MeasureRollback(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Rollback(ctx, wang, 1, "", Return{}); !errors.Is(err, ErrNotMeasured) {
			t.Errorf("without figures: %v", err)
		}
		if _, err := r.Rollback(ctx, wang, 0, "", back); !errors.Is(err, ErrNotMeasured) {
			t.Errorf("on the figures of another version: %v", err)
		}
		r.now = func() time.Time { return time.Now().Add(24 * time.Hour) }
		if _, err := r.Rollback(ctx, wang, 1, "", back); !errors.Is(err, ErrNotMeasured) {
			t.Errorf("on yesterday's figures: %v", err)
		}
		r.now = time.Now
		if _, err := w.ApproveRollback(ctx, li, 1); !errors.Is(err, ErrNoRollback) {
			t.Errorf("approved what nobody asked for: %v", err)
		}
		// Who agreed is read from the register, whatever the caller says.
		back.Figures.Bank, back.Figures.Accepted, back.Agreed = Share{}, Share{Texts: 1, After: 1}, true
		if _, err := r.Rollback(ctx, wang, 1, "", back); !errors.Is(err, ErrNeedsSecond) {
			t.Errorf("on an agreement that never was: %v", err)
		}
		var invalid *InvalidError
		if _, err := r.ProposeRollback(ctx, cli, 1, "", back); !errors.As(err, &invalid) {
			t.Errorf("proposed by nobody: %v", err)
		}
		if _, err := r.ProposeRollback(ctx, wang, 1, "", back); err != nil {
			t.Fatal(err)
		}
		if p, err := r.Proposed(ctx); err != nil || p == nil || p.N != 1 || p.Agreed || p.Proposal.By != wang {
			t.Errorf("proposed %+v %v", p, err)
		}
		if _, err := w.ApproveRollback(ctx, li, 0); !errors.Is(err, ErrNoRollback) {
			t.Errorf("approved another version than was asked for: %v", err)
		}
		// Another version is published meanwhile: figures and proposal were beside the one before.
		if err := r.Set(ctx, wang, entry("c", "丙词条", "observe")); err != nil {
			t.Fatal(err)
		}
		publish(t, r, wang, "")
		if _, err := r.Rollback(ctx, wang, 1, "", back); !errors.Is(err, ErrRaced) {
			t.Errorf("beside a version that is no longer in force: %v", err)
		}
		if _, err := w.ApproveRollback(ctx, li, 1); !errors.Is(err, ErrNoRollback) {
			t.Errorf("approved beside a version that is no longer in force: %v", err)
		}
	})
}
