package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// Verify implements journal.Projection: decisions and classifiers as stored against the events that made them. What went
// with an erased user is no damage: its sample is gone too.
func (r *Register) Verify(ctx context.Context, events []journal.Event) ([]journal.Damage, error) {
	var damaged []journal.Damage
	for _, e := range events {
		var table, what string
		var err error
		switch e.Verb {
		case journal.ReviewDecided:
			table = "review_decision"
			what, err = r.verifyDecision(ctx, e)
		case journal.ClassifierTrained:
			table = "review_classifier"
			what, err = r.verifyClassifier(ctx, e)
		}
		if err != nil {
			return nil, fmt.Errorf("review: verify: %w", err)
		}
		if what != "" {
			damaged = append(damaged, journal.Damage{Table: table, Row: e.Ref.ID, What: what})
		}
	}
	return damaged, nil
}

func (r *Register) verifyDecision(ctx context.Context, e journal.Event) (string, error) {
	var body struct {
		Verdict Verdict  `json:"verdict"`
		Labels  []string `json:"labels"`
	}
	if json.Unmarshal(e.Body, &body) != nil {
		return "", nil // the tree has named it already
	}
	row, err := store.Row[decisionRow](ctx, r.db.R, `SELECT id, sample, reviewer, verdict, labels, note, at_ms FROM review_decision WHERE event = $1`, e.ID)
	if errors.Is(err, store.ErrNotFound) {
		n, err := store.Row[int64](ctx, r.db.R, `SELECT COUNT(*) FROM review_sample WHERE id = $1`, e.Ref.ID)
		if err != nil || n == 0 {
			return "", err
		}
		return "a decision is missing", nil
	}
	if err != nil {
		return "", err
	}
	if Verdict(row.Verdict) != body.Verdict || row.Labels != join(body.Labels) || row.Reviewer != e.Who.ID || row.Sample != e.Ref.ID {
		return "a decision is not the one that was made", nil
	}
	return "", nil
}

func (r *Register) verifyClassifier(ctx context.Context, e journal.Event) (string, error) {
	var body struct {
		Hash string `json:"hash"`
	}
	n, err := strconv.ParseInt(e.Ref.ID, 10, 64)
	if err != nil || json.Unmarshal(e.Body, &body) != nil || body.Hash == "" {
		return "", nil // of a training that failed, or named by the tree already
	}
	row, err := store.Row[classifierRow](ctx, r.db.R, selectClassifier+` WHERE n = $1`, n)
	if errors.Is(err, store.ErrNotFound) {
		return "the row is missing", nil
	}
	if err != nil {
		return "", err
	}
	if row.Hash != body.Hash {
		return "the classifier is not the one that was trained", nil
	}
	if _, err := r.artefact(ctx, row.Hash); err != nil {
		return "the artefact is not the one that was trained", nil
	}
	return "", nil
}
