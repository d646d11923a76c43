package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/linear"
	"github.com/hegui/hegui/review"
)

// linearLearner trains the linear classifiers of the engine. What people judge is little and of one kind; beside it stands
// the shipped harmless text, without which a classifier takes everything that it has not seen for harmful.
func linearLearner() review.Learner {
	return review.Learner{
		Train: func(ctx context.Context, examples []review.Example) (review.Learned, error) {
			samples := make([]linear.Sample, len(examples))
			for i, e := range examples {
				samples[i] = linear.Sample(e)
			}
			samples = linear.WithBackground(samples)
			model, report, err := linear.Train(samples, linear.Options{OverBlock: linear.CarefulOverBlock})
			if err != nil {
				return review.Learned{}, err
			}
			told, err := json.Marshal(report)
			if err != nil {
				return review.Learned{}, fmt.Errorf("report: %w", err)
			}
			var artefact bytes.Buffer
			if _, err := model.WriteTo(&artefact); err != nil {
				return review.Learned{}, err
			}
			return review.Learned{Artefact: artefact.Bytes(), Report: told, Calibrated: calibratedOf(report)}, ctx.Err()
		},
		Open: func(artefact []byte, name string) (moderation.Detector, error) {
			model, err := linear.Load(bytes.NewReader(artefact))
			if err != nil {
				return nil, err
			}
			return linear.Detector(model, name, linear.DetectorOptions{}), nil
		},
	}
}

// calibratedOf is what a report says of its thresholds, as the register of reviews looks at it.
func calibratedOf(r *linear.Report) []review.Calibrated {
	var out []review.Calibrated
	for _, l := range r.Labels {
		if c := l.Calibrated; c != nil {
			out = append(out, review.Calibrated{Category: l.Label, Threshold: l.Threshold, Limit: r.Limit, OverBlock: review.ShareOf(c.OverBlock.Hits, c.OverBlock.Of), Shown: c.Shown, Needed: c.Needed})
		}
	}
	return out
}
