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
		Train: func(ctx context.Context, examples []review.Example) ([]byte, json.RawMessage, error) {
			samples := make([]linear.Sample, len(examples))
			for i, e := range examples {
				samples[i] = linear.Sample(e)
			}
			samples = append(samples, linear.Background()...)
			model, report, err := linear.Train(samples, linear.Options{OverBlock: linear.CarefulOverBlock})
			if err != nil {
				return nil, nil, err
			}
			told, err := json.Marshal(report)
			if err != nil {
				return nil, nil, fmt.Errorf("report: %w", err)
			}
			var artefact bytes.Buffer
			if _, err := model.WriteTo(&artefact); err != nil {
				return nil, nil, err
			}
			return artefact.Bytes(), told, ctx.Err()
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
