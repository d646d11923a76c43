package review

import (
	"context"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

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
