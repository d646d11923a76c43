package lexicon

import (
	"context"
	"errors"
	"fmt"

	"github.com/hegui/hegui/moderation"
)

// Trial is what a policy would change if it were put in force, on the lexicon that is.
type Trial struct {
	Name        string                  `json:"name"`
	Rows        int                     `json:"rows"`
	Before      string                  `json:"before_hash"` // of the policy in force
	After       string                  `json:"after_hash"`
	Failed      string                  `json:"failed,omitempty"` // why its own tests fail; it cannot be put in force then
	Differences []moderation.Difference `json:"differences"`
	Figures     Figures                 `json:"figures"` // what the two refuse by the hits of the lexicon alone
}

// Same tells whether the policy decides nothing otherwise that was tried.
func (t Trial) Same() bool { return len(t.Differences) == 0 }

// ErrNoTrial says that nothing was given to judge by policies.
var ErrNoTrial = errors.New("lexicon: this workbench knows no policies")

// TryPolicy runs a policy beside the one in force: its tests, what it decides otherwise, and what it would refuse of the evidence. Nothing
// is changed. Hits of the lexicon are judged; what other detectors would find is not asked again.
func (w *Workbench) TryPolicy(ctx context.Context, before, after *moderation.Policy) (Trial, error) {
	if w.Evidence.JudgeBy == nil {
		return Trial{}, ErrNoTrial
	}
	l, _, err := w.InForce(ctx)
	if err != nil {
		return Trial{}, err
	}
	t := Trial{Name: after.Name(), Rows: after.Rows(), Before: before.Hash(), After: after.Hash(), Differences: moderation.Differences(before, after)}
	if err := after.Test(l); err != nil {
		t.Failed = err.Error()
	}
	if t.Figures, err = MeasureJudges(ctx, l, w.Evidence.JudgeBy(before), w.Evidence.JudgeBy(after), w.Evidence, w.clock()); err != nil {
		return Trial{}, fmt.Errorf("lexicon: trial of a policy: %w", err)
	}
	return t, nil
}
