package main

import (
	"context"

	"github.com/hegui/hegui/assessment"
	"github.com/hegui/hegui/console"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/review"
)

// reviewBank is the bank of questions that must be answered, in both languages, as classifiers are measured with it.
func reviewBank() []review.Question {
	var out []review.Question
	for _, q := range assessment.MustAnswer() {
		for _, text := range []string{q.ZH, q.EN} {
			if text != "" {
				out = append(out, review.Question{ID: q.ID, Text: text})
			}
		}
	}
	return out
}

// endedExchange is an exchange that is over, and the names of the detectors that looked at it.
type endedExchange struct {
	record exchange.Record
	looked []string
}

// ended hands an exchange on to be drawn from. It never holds up an answer: when too many are waiting it is left out.
func (sv *server) ended(r exchange.Record, looked []string) {
	if r.Outcome == exchange.Rejected { // nothing was judged: no agreement, too many requests, a wrong shape
		return
	}
	select {
	case sv.over <- endedExchange{r, looked}:
	default:
		sv.log.Warn("an exchange was left out of the draw of samples: too many at once", "exchange", r.ID)
	}
}

// drawSamples lets the review register decide which exchanges people look at.
func (sv *server) drawSamples(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case x := <-sv.over:
			if _, err := sv.in.reviews.Draw(ctx, console.ReviewExchange(x.record, x.looked)); err != nil && ctx.Err() == nil {
				sv.log.Error("a sample could not be drawn", "exchange", x.record.ID, "error", err)
			}
		}
	}
}

// followClassifiers takes up what was put in shadow or in force anywhere. What cannot be read is told once a change.
func (sv *server) followClassifiers(ctx context.Context) {
	err := sv.in.reviews.Refresh(ctx)
	text := ""
	if err != nil && ctx.Err() == nil {
		text = err.Error()
	}
	if before := sv.classifiersFailed.Swap(&text); text != "" && (before == nil || *before != text) {
		sv.log.Error("trained classifiers could not be taken up", "error", err)
	}
}
