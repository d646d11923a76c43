package review

import (
	"context"
	"encoding/json"
	"errors"
	"math"

	"github.com/hegui/hegui/moderation"
)

// bigrams is a small learner for tests: naive Bayes over pairs of characters.
func bigrams() Learner {
	return Learner{
		Train: func(_ context.Context, samples []Example) (Learned, error) {
			counts := map[string]map[string]float64{}
			for _, s := range samples {
				for _, pair := range pairs(s.Text) {
					if counts[pair] == nil {
						counts[pair] = map[string]float64{}
					}
					if len(s.Labels) == 0 {
						counts[pair][""]++
					}
					for _, l := range s.Labels {
						counts[pair][l]++
					}
				}
			}
			if len(counts) == 0 {
				return Learned{}, errors.New("nothing to learn from")
			}
			artefact, err := json.Marshal(counts)
			return Learned{Artefact: artefact, Report: json.RawMessage(`{"pairs":true}`), Calibrated: []Calibrated{{Category: "A1h", Limit: 0.02, Shown: true}}}, err
		},
		Open: func(artefact []byte, name string) (moderation.Detector, error) {
			d := pairDetector{name: name}
			return d, json.Unmarshal(artefact, &d.counts)
		},
	}
}

func pairs(text string) (out []string) {
	chars := []rune(text)
	for i := 0; i+1 < len(chars); i++ {
		out = append(out, string(chars[i:i+2]))
	}
	return out
}

type pairDetector struct {
	name   string
	counts map[string]map[string]float64
}

func (d pairDetector) Describe() moderation.Description {
	return moderation.Description{Name: d.name, Kind: "linear"}
}

func (d pairDetector) Check(_ context.Context, q moderation.Query) (moderation.Judgement, error) {
	scores := map[string]float64{}
	for _, pair := range pairs(string(q.Text)) {
		for label, n := range d.counts[pair] {
			if label != "" {
				scores[label] += math.Log((n + 0.5) / (d.counts[pair][""] + 0.5))
			}
		}
		if n := d.counts[pair][""]; n > 0 {
			for label := range scores {
				if d.counts[pair][label] == 0 {
					scores[label] -= math.Log((n + 0.5) / 0.5)
				}
			}
		}
	}
	j := moderation.Judgement{Outcome: moderation.Clear}
	for label, s := range scores {
		if s > 3 {
			j.Outcome = moderation.Found
			j.Findings = append(j.Findings, moderation.Detection{Category: label, Tier: moderation.Signal, Score: 1 / (1 + math.Exp(-s/10))})
		}
	}
	return j, nil
}
