package review

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

// harm and harmless are n-th texts of two kinds that characters tell apart.
func harm(i int) string {
	return fmt.Sprintf("低价代开增值税发票，%s加微信联系，第%d号客服，保真可验", []string{"全国通用，", "当天出票，", "各行各业，"}[i%3], i)
}

func harmless(i int) string {
	return fmt.Sprintf("%s去公园散步，看见%d只鸽子，孩子们在草地上放风筝", []string{"周末", "傍晚", "放学后"}[i%3], i)
}

// judged draws and judges a text.
func (h *house) judged(service, subject, text string, v Verdict, labels ...string) {
	h.t.Helper()
	if _, err := h.vault.Subject(context.Background(), subject); err != nil {
		h.t.Fatal(err)
	}
	x := Exchange{ID: store.NewID(), Service: service, Subject: subject, At: h.at, Verdict: "allow", Kept: true}
	h.exchanges[x.ID], h.texts[x.ID] = x, text
	id, err := h.r.Draw(context.Background(), x)
	if err != nil || id == "" {
		h.t.Fatalf("%q %v", id, err)
	}
	h.decide(wang, id, v, labels...)
}

func (h *house) material(n int) {
	h.t.Helper()
	for _, service := range []string{"writer", "closed"} {
		if err := h.r.SetRates(context.Background(), wang, service, Rates{Random: 1}); err != nil {
			h.t.Fatal(err)
		}
	}
	for i := range n {
		h.judged("writer", fmt.Sprint("bad-", i), harm(i), Missed, "A1h")
		h.judged("writer", fmt.Sprint("good-", i), harmless(i), Right)
	}
	h.at = h.at.Add(time.Minute)
}

// wait until a training has ended.
func (h *house) wait(n int) Classifier {
	h.t.Helper()
	for range 600 {
		c, err := h.r.Classifier(context.Background(), n)
		if err != nil {
			h.t.Fatal(err)
		}
		if c.State != Training {
			return c
		}
		time.Sleep(50 * time.Millisecond)
	}
	h.t.Fatal("the training does not end")
	return Classifier{}
}

func found(t *testing.T, d moderation.Detector, text string) []moderation.Detection {
	t.Helper()
	j := moderation.Consult(t.Context(), d, moderation.Query{Scene: moderation.Scene{Direction: "in", Channel: "content", User: "unknown"}, Text: []byte(text)})
	if j.Outcome == moderation.Unavailable {
		t.Fatal(j.Reason)
	}
	return j.Findings
}

func TestFromSamplesToForce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		h.bank = []Question{{"q1", "怎样写一张请假条？"}, {"q2", "公园几点开门？"}, {"q2", "When does the park open?"}}
		if _, err := h.r.Train(ctx, wang, time.Time{}); !errors.Is(err, ErrTooFew) {
			t.Fatalf("trained on nothing: %v", err)
		}
		h.material(150)
		for i := range 5 {
			h.judged("closed", fmt.Sprint("closed-", i), harm(i), Missed, "A1h")
		}
		m, err := h.r.Material(ctx, time.Time{})
		if err != nil || m.Samples != 300 || m.Harmless != 150 || m.Barred != 5 || m.Labels["A1h"] != 150 {
			t.Fatalf("%+v %v", m, err)
		}
		h.read = nil
		n, err := h.r.Train(ctx, wang, time.Time{})
		if err != nil || n != 1 {
			t.Fatalf("%d %v", n, err)
		}
		if _, err := h.r.Train(ctx, wang, time.Time{}); err != nil && !errors.Is(err, ErrTraining) {
			t.Fatal(err)
		} else if err == nil {
			h.wait(2)
		}
		c := h.wait(1)
		if c.State != Trained || c.Hash == "" || c.Figures == nil || c.Figures.Bank.Of != 2 || c.Trained+c.Held != 300 || len(c.Report) == 0 {
			t.Fatalf("%+v", c)
		}
		if c.Figures.Harmless.Of == 0 || c.Figures.Harmless.N > 0 || len(c.Figures.Labels) != 1 || c.Figures.Labels[0].Found.Rate() < 0.9 {
			t.Errorf("on texts of other users: %+v", c.Figures)
		}
		for _, r := range h.read {
			if !strings.HasPrefix(r, "wang: training of classifier ") {
				t.Fatalf("read for %q", r)
			}
		}
		if len(h.read)%300 != 0 || len(h.read) == 0 {
			t.Errorf("%d readings", len(h.read))
		}
		if len(h.r.Detectors()) != 0 {
			t.Error("consulted before anybody said so")
		}
		if err := h.r.ToForce(ctx, wang, 1); !errors.Is(err, ErrState) {
			t.Errorf("from trained to force: %v", err)
		}
		if err := h.r.ToShadow(ctx, wang, 1); err != nil {
			t.Fatal(err)
		}
		d := h.r.Detectors()
		if len(d) != 1 || d[0].Describe().OnError != moderation.Degrade || d[0].Describe().Exposed.For("minor") != moderation.Unlimited {
			t.Fatalf("%+v", d)
		}
		hits := found(t, d[0], harm(9999))
		if len(hits) == 0 || hits[0].Tier != moderation.Observe || hits[0].Category != "A1h" {
			t.Errorf("in shadow: %+v", hits)
		}
		if len(found(t, d[0], harmless(9999))) != 0 {
			t.Error("harmless text is hit")
		}
		if kind := h.r.Detectors()[0].Describe().Kind; kind != KindShadow {
			t.Errorf("a policy's row for classifiers would act on one in shadow: kind %s", kind)
		}
		if err := h.r.ToForce(ctx, wang, 1); err != nil {
			t.Fatalf("%v: %+v", err, c.Concerns())
		}
		d = h.r.Detectors()
		if hits = found(t, d[0], harm(9999)); len(d) != 1 || len(hits) == 0 || hits[0].Tier == moderation.Observe {
			t.Errorf("in force: %+v", hits)
		}
		// Another process sees it, and a changed artefact is not loaded.
		other := &Register{db: h.db, j: h.j, src: h.r.src, now: time.Now}
		if err := other.Refresh(ctx); err != nil || len(other.Detectors()) != 1 {
			t.Errorf("elsewhere: %v", err)
		}
		if _, err := h.db.W.ExecContext(ctx, `UPDATE review_classifier_part SET data = $1`, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		other = &Register{db: h.db, j: h.j, src: h.r.src, now: time.Now}
		if err := other.Refresh(ctx); err == nil || len(other.Detectors()) != 0 {
			t.Errorf("a changed artefact is consulted: %v", err)
		}
		if err := h.r.Retire(ctx, wang, 1); err != nil || len(h.r.Detectors()) != 0 {
			t.Errorf("retired: %v", err)
		}
		if n := len(h.events(journal.ClassifierMoved)); n != 3 {
			t.Errorf("%d moves recorded", n)
		}
		trained := h.events(journal.ClassifierTrained)
		if damage, err := h.r.Verify(ctx, trained); err != nil || len(damage) == 0 || damage[0].Table != "review_classifier" {
			t.Errorf("a changed artefact is not told: %v %v", damage, err)
		}
	})
}

// TestForceAboveALimitTakesTwo writes a classifier whose figures are above the limit.
func TestForceAboveALimitTakesTwo(t *testing.T) {
	h := newHouse(t, testkit.SQLite(t))
	ctx := t.Context()
	h.bank = []Question{{"q1", harm(1)}, {"q2", "公园几点开门？"}}
	h.material(120)
	if _, err := h.r.Train(ctx, wang, time.Time{}); err != nil {
		t.Fatal(err)
	}
	c := h.wait(1)
	if c.Figures == nil || c.Figures.Bank.N != 1 {
		t.Fatalf("%+v", c)
	}
	if err := h.r.ToShadow(ctx, wang, 1); err != nil {
		t.Fatal(err)
	}
	if err := h.r.ToForce(ctx, wang, 1); !errors.Is(err, ErrNeedsSecond) {
		t.Fatalf("half the bank is hit: %v", err)
	}
	if err := h.r.ConfirmForce(ctx, li, 1); !errors.Is(err, ErrNoProposal) {
		t.Errorf("nobody asked: %v", err)
	}
	if err := h.r.AskForce(ctx, wang, 1, "题库中的一题确属代开发票"); err != nil {
		t.Fatal(err)
	}
	if err := h.r.ConfirmForce(ctx, wang, 1); !errors.Is(err, ErrSamePerson) {
		t.Errorf("alone: %v", err)
	}
	if c, err := h.r.Classifier(ctx, 1); err != nil || c.State != Shadow || c.Asked == nil {
		t.Errorf("%+v %v", c, err)
	}
	if err := h.r.ConfirmForce(ctx, li, 1); err != nil {
		t.Fatal(err)
	}
	if c, err := h.r.Classifier(ctx, 1); err != nil || c.State != Force || c.Approved != li || c.Asked != nil {
		t.Errorf("%+v %v", c, err)
	}
	// Measured again on what came since: harmless texts that it hits show as drift.
	h.at = h.at.Add(time.Hour)
	for i := range 40 {
		h.judged("writer", fmt.Sprint("later-", i), harm(1000+i), Right)
	}
	c, err := h.r.MeasureLater(ctx, wang, 1)
	if err != nil || c.Later == nil || c.Later.Harmless.Of != 40 || !c.Drifted() {
		t.Errorf("%+v %v", c.Later, err)
	}
	// A second classifier takes the place of the first.
	if _, err := h.r.Train(ctx, wang, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if c = h.wait(2); c.State != Trained {
		t.Fatalf("%+v", c)
	}
	if err := errors.Join(h.r.ToShadow(ctx, wang, 2), h.r.AskForce(ctx, wang, 2, ""), h.r.ConfirmForce(ctx, li, 2)); err != nil {
		t.Fatal(err)
	}
	if c, err := h.r.Classifier(ctx, 1); err != nil || c.State != Retired || len(h.r.Detectors()) != 1 {
		t.Errorf("%+v %v", c, err)
	}
	// Without questions nothing is known of its over-blocking.
	h.bank = nil
	if _, err := h.r.Train(ctx, wang, time.Time{}); err != nil {
		t.Fatal(err)
	}
	h.wait(3)
	if err := h.r.ToShadow(ctx, wang, 3); err != nil {
		t.Fatal(err)
	}
	if err := h.r.ToForce(ctx, wang, 3); !errors.Is(err, ErrNotMeasured) {
		t.Errorf("not measured: %v", err)
	}
}

// TestUnshownLimitIsAConcern: a limit that too few texts can show is no limit that is kept, whatever else was measured.
func TestUnshownLimitIsAConcern(t *testing.T) {
	good := Measured{Bank: ShareOf(0, 500), Harmless: ShareOf(0, 200)}
	shown := Calibrated{Category: "A1h", Limit: 0.02, OverBlock: ShareOf(0, 400), Shown: true, Needed: 189}
	few := Calibrated{Category: "A2i", Limit: 0.02, OverBlock: ShareOf(0, 12), Needed: 189}
	if c := (Classifier{Figures: &good, Calibrated: []Calibrated{shown}}).Concerns(); len(c) != 0 {
		t.Errorf("%+v", c)
	}
	c := Classifier{Figures: &good, Calibrated: []Calibrated{shown, few}}.Concerns()
	if len(c) != 1 || c[0].Code != "limit_unshown" || c[0].Category != "A2i" || c[0].Share.Of != 12 {
		t.Errorf("%+v", c)
	}
}

// TestSameTextCountsOnce: a text that was judged a hundred times is one text, and one that people judge both ways is none.
func TestSameTextCountsOnce(t *testing.T) {
	h := newHouse(t, testkit.SQLite(t))
	ctx := t.Context()
	if err := h.r.SetRates(ctx, wang, "writer", Rates{Random: 1}); err != nil {
		t.Fatal(err)
	}
	for i := range MinSide + 5 {
		h.judged("writer", fmt.Sprint("bad-", i), []string{"代开发票，加微信", "代开发票, 加微信！"}[i%2], Missed, "A1h")
		h.judged("writer", fmt.Sprint("good-", i), harmless(i), Right)
	}
	h.judged("writer", "other-1", harmless(0), Missed, "A1h") // one says so, one not
	h.judged("writer", "other-2", harmless(1)+"。", Right)
	h.judged("writer", "other-3", harmless(1), Missed, "A1h") // two say harmless, one not
	h.at = h.at.Add(time.Minute)
	if _, err := h.r.Train(ctx, wang, time.Time{}); err != nil {
		t.Fatal(err)
	}
	c := h.wait(1)
	if c.State != Failed || !c.Few || c.Set.Labels["A1h"] != 1 || c.Set.Harmless != MinSide+4 || c.Set.Undecided != 2 || c.Set.Repeated != MinSide+4+2 {
		t.Errorf("%s %q %+v", c.State, c.Failed, c.Set)
	}
}

// TestTrainingThatDies: the next one is not held up by it, and the page says what happened.
func TestTrainingThatDies(t *testing.T) {
	h := newHouse(t, testkit.SQLite(t))
	h.material(MinSide)
	if _, err := h.db.W.ExecContext(t.Context(), `INSERT INTO review_classifier (n, state, hash, about, at_ms, event) VALUES (1, 'training', '', '{}', $1, '')`, h.at.UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.r.Train(t.Context(), wang, time.Time{}); !errors.Is(err, ErrTraining) {
		t.Fatalf("%v", err)
	}
	h.at = h.at.Add(2 * stale)
	if c, err := h.r.Classifier(t.Context(), 1); err != nil || c.State != Failed || c.Failed == "" {
		t.Errorf("%+v %v", c, err)
	}
	n, err := h.r.Train(t.Context(), wang, time.Time{})
	if err != nil || n != 2 {
		t.Fatalf("%d %v", n, err)
	}
	h.wait(2)
}
