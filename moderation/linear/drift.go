package linear

import (
	"fmt"
	"math"
	"slices"
)

// histogram has this many bins of equal width over probabilities.
const bins = 20

// Snapshot is how the scores of many texts lie, and how much of the texts was never seen in training.
type Snapshot struct {
	Texts  int         `json:"texts"`
	Scores [][bins]int `json:"scores"` // by label
	Grams  int         `json:"grams"`
	Unseen int         `json:"unseen"`
}

func (s Snapshot) clone() Snapshot {
	s.Scores = slices.Clone(s.Scores)
	return s
}

// add counts what another snapshot of the same model has.
func (s *Snapshot) add(o Snapshot) {
	s.Texts, s.Grams, s.Unseen = s.Texts+o.Texts, s.Grams+o.Grams, s.Unseen+o.Unseen
	for i := range s.Scores {
		for b, n := range o.Scores[i] {
			s.Scores[i][b] += n
		}
	}
}

// check refuses figures that no texts can have.
func (s Snapshot) check() error {
	if s.Texts < 0 || s.Texts > math.MaxInt32 || s.Grams < 0 || s.Unseen < 0 || s.Unseen > s.Grams {
		return fmt.Errorf("%d texts, %d n-grams, %d of them unseen: cannot be", s.Texts, s.Grams, s.Unseen)
	}
	for i, scores := range s.Scores {
		left := s.Texts
		for _, n := range scores {
			if n < 0 || n > left {
				return fmt.Errorf("histogram %d does not add up to %d texts", i+1, s.Texts)
			}
			left -= n
		}
		if left != 0 {
			return fmt.Errorf("histogram %d does not add up to %d texts", i+1, s.Texts)
		}
	}
	return nil
}

// Snapshot scores texts; what it keeps tells nothing of them but figures.
func (m *Model) Snapshot(texts []string) Snapshot {
	s := Snapshot{Texts: len(texts), Scores: make([][bins]int, len(m.head.Labels))}
	var p []float64
	for _, t := range texts {
		var n, unseen int
		p, n, unseen = m.score(p[:0], []byte(t))
		s.Grams, s.Unseen = s.Grams+n, s.Unseen+unseen
		for i, x := range p {
			s.Scores[i][min(int(x*bins), bins-1)]++
		}
	}
	return s
}

// Bands of drift, the customary ones of the population stability index; a rise of the share of unseen n-grams by these
// amounts counts the same.
const (
	WatchAt   = 0.10
	ShiftedAt = 0.25
)

// chance is the 99 % point of chi-square with as many degrees of freedom as there are bins less one: what the index of two
// samples of one source comes to, but for their sizes.
const chance = 36.19

// Drifted is how far texts have moved from those a model knows.
type Drifted struct {
	Labels      []float64 `json:"labels"` // stability index, by label
	Unseen      float64   `json:"unseen"` // share of n-grams never seen
	UnseenWas   float64   `json:"unseen_was"`
	Noise       float64   `json:"noise"` // stability index that chance alone reaches in one of a hundred pairs of so few texts; nothing below it counts
	Band        string    `json:"band"`  // stable, watch or shifted: the worst of all
	TextsBefore int       `json:"texts_before"`
	Texts       int       `json:"texts"`
}

// Drift compares two snapshots of one model.
func Drift(reference, current Snapshot) (Drifted, error) {
	if len(reference.Scores) != len(current.Scores) {
		return Drifted{}, fmt.Errorf("drift: %d and %d labels: snapshots of different models", len(reference.Scores), len(current.Scores))
	}
	if reference.Texts == 0 || current.Texts == 0 {
		return Drifted{}, fmt.Errorf("drift: %d and %d texts: nothing to compare", reference.Texts, current.Texts)
	}
	d := Drifted{Texts: current.Texts, TextsBefore: reference.Texts,
		Unseen: float64(current.Unseen) / float64(max(current.Grams, 1)), UnseenWas: float64(reference.Unseen) / float64(max(reference.Grams, 1))}
	worst := d.Unseen - d.UnseenWas
	d.Noise = chance * (1/float64(reference.Texts) + 1/float64(current.Texts))
	for i := range reference.Scores {
		psi := 0.0
		for b := range bins {
			p := (float64(reference.Scores[i][b]) + 0.5) / (float64(reference.Texts) + bins*0.5)
			q := (float64(current.Scores[i][b]) + 0.5) / (float64(current.Texts) + bins*0.5)
			psi += (q - p) * math.Log(q/p)
		}
		d.Labels = append(d.Labels, psi)
		if psi > d.Noise {
			worst = max(worst, psi)
		}
	}
	switch {
	case worst >= ShiftedAt:
		d.Band = "shifted"
	case worst >= WatchAt:
		d.Band = "watch"
	default:
		d.Band = "stable"
	}
	return d, nil
}
