package review

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

// open shows a sample's text to somebody, as must be before it is judged.
func (h *house) open(who journal.Actor, sample string) {
	h.t.Helper()
	if _, _, err := h.r.Open(context.Background(), who, sample, "review"); err != nil && !errors.Is(err, ErrNoContent) {
		h.t.Fatal(err)
	}
}

// TestUnseenIsNotJudged: each person opens the text before judging it, also the second one. Where no text is kept any more the
// attempt is enough, and the journal says that nothing was shown.
func TestUnseenIsNotJudged(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		kept, gone := h.refused("u1", "e1", "文"), h.refused("u2", "e1", "")
		id, none := h.sample(kept), h.sample(gone)
		for _, who := range []journal.Actor{wang, li} {
			if _, err := h.r.Decide(ctx, who, id, Decision{Verdict: Right}); !errors.Is(err, ErrUnseen) {
				t.Errorf("%s judged what was not shown: %v", who.ID, err)
			}
			h.decide(who, id, Right)
		}
		if _, err := h.r.Decide(ctx, wang, none, Decision{Verdict: Right}); !errors.Is(err, ErrUnseen) {
			t.Errorf("not even asked for: %v", err)
		}
		h.decide(wang, none, Right)
		shown := 0
		for _, e := range h.events(journal.ReviewDecided) {
			if strings.Contains(string(e.Body), `"shown":true`) {
				shown++
			}
		}
		if shown != 2 {
			t.Errorf("%d of 3 decisions were shown their text, want 2", shown)
		}
	})
}

// TestDisputeWhileASampleIsDrawn: the sample of the very text is drawn after the dispute has looked for one and before it is
// written. The dispute is the first and is taken, and the drawn sample serves it.
func TestDisputeWhileASampleIsDrawn(t *testing.T) {
	h := newHouse(t, testkit.SQLite(t))
	ctx := t.Context()
	x := h.refused("u1", "e1", "文")
	if _, err := h.vault.Subject(ctx, addressSubject); err != nil { // else making its key would wait for the draw
		t.Fatal(err)
	}
	// SQLite has one writer: while the draw's transaction is open, what a dispute has read is still true and its commit waits.
	tx, err := h.db.W.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := sampleAt(x, x.Findings[0], Random)
	_, insert, err := h.r.sampled(&s, journal.Actor{Kind: "system", ID: "review"})
	if err != nil {
		t.Fatal(err)
	}
	if err := insert(ctx, tx); err != nil {
		t.Fatal(err)
	}
	waiting := h.db.W.Stats().WaitCount
	done := make(chan error, 1)
	go func() {
		_, err := h.r.Dispute(context.Background(), Complaint{Exchange: x.ID, Address: "192.0.2.1", Channel: "api"})
		done <- err
	}()
	for h.db.W.Stats().WaitCount == waiting {
		time.Sleep(time.Millisecond)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatalf("the first dispute: %v", err)
	}
	list, err := h.r.Disputes(ctx)
	if err != nil || len(list) != 1 || list[0].Sample != s.ID {
		t.Fatalf("%+v %v", list, err)
	}
	if got, err := h.r.Sample(ctx, s.ID); err != nil || got.Reason != Disputed {
		t.Errorf("%+v %v", got, err)
	}
	if n := len(h.events(journal.ReviewSampled)); n != 0 {
		t.Errorf("%d samples are told of; the drawn one is the only one", n)
	}
}

// TestTake: a person has a text looked at; what is a sample already stays one, and what was not kept is none.
func TestTake(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		x := h.refused("u1", "e1", "文")
		id, err := h.r.Take(ctx, wang, x.ID, "in")
		if err != nil {
			t.Fatal(err)
		}
		if s, err := h.r.Sample(ctx, id); err != nil || s.Reason != Picked || s.Channel != "messages[0].content" || len(s.Findings) != 1 {
			t.Errorf("%+v %v", s, err)
		}
		if again, err := h.r.Take(ctx, li, x.ID, "in"); err != nil || again != id {
			t.Errorf("taken again: %q, want %q (%v)", again, id, err)
		}
		if out, err := h.r.Take(ctx, wang, x.ID, "out"); err != nil || out == id {
			t.Errorf("the answer: %q %v", out, err)
		}
		x.Kept = false
		h.exchanges[x.ID] = x
		if _, err := h.r.Take(ctx, wang, x.ID, "in"); !errors.Is(err, ErrNoContent) {
			t.Errorf("not kept: %v", err)
		}
		var bad *InvalidError
		if _, err := h.r.Take(ctx, wang, x.ID, "up"); !errors.As(err, &bad) {
			t.Errorf("no side: %v", err)
		}
		if _, err := h.r.Take(ctx, journal.Actor{Kind: "system", ID: "x"}, x.ID, "in"); !errors.As(err, &bad) {
			t.Errorf("nobody: %v", err)
		}
	})
}
