package lexicon

import (
	"context"
	"fmt"

	"github.com/hegui/hegui/moderation"
)

// lintListed is how many findings of a lint are handed out.
const lintListed = 200

// Lint holds entries against harmless text and the operator's own accepted text, and looks them through. The questions that
// must be answered are left to the gate, so that its figure is of text which the tiers were not fitted to.
func (w *Workbench) Lint(ctx context.Context, entries []moderation.Entry) (moderation.LintReport, error) {
	o := moderation.LintOptions{Day: Today(w.clock())}
	var benign []string
	if w.Evidence.Benign != nil {
		for _, t := range w.Evidence.Benign() {
			benign = append(benign, t.Text)
		}
	}
	if w.Evidence.Traffic != nil {
		_, err := w.Evidence.Traffic(ctx, func(t Text) error {
			if t.Accepted {
				o.Traffic = append(o.Traffic, t.Text)
			}
			return ctx.Err()
		})
		if err != nil {
			return moderation.LintReport{}, fmt.Errorf("lexicon: lint: %w", err)
		}
	}
	r, err := moderation.Lint(entries, benign, o)
	if err != nil {
		return r, &InvalidError{Field: "entries", Mend: err.Error()}
	}
	return r, nil
}

// Listed is a report with the first of its findings, for people to read.
func Listed(r moderation.LintReport) moderation.LintReport {
	r.Findings = r.Findings[:min(len(r.Findings), lintListed)]
	return r
}

// Weakened are the entries that a report gives another tier or border, as it proposes them.
func Weakened(r moderation.LintReport, entries []moderation.Entry) []moderation.Entry {
	var out []moderation.Entry
	for _, e := range Compare(entries, r.Apply(entries)) {
		out = append(out, *e.After)
	}
	return out
}
