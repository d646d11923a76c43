package linear

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Share is so many of so many, with the Wilson interval of 95 %.
type Share struct {
	Hits int     `json:"hits"`
	Of   int     `json:"of"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// NewShare works the interval out; of nothing it is 0 to 1.
func NewShare(hits, of int) Share {
	if of == 0 {
		return Share{0, 0, 0, 1}
	}
	const z = 1.959963984540054
	n, p := float64(of), float64(hits)/float64(of)
	mid, half := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return Share{hits, of, max(0, (mid-half)/(1+z*z/n)), min(1, (mid+half)/(1+z*z/n))}
}

func (s Share) String() string {
	if s.Of == 0 {
		return "no texts"
	}
	return fmt.Sprintf("%.1f %% [%.1f–%.1f] of %d", 100*float64(s.Hits)/float64(s.Of), 100*s.Low, 100*s.High, s.Of)
}

// LabelReport is what a label is worth on texts not trained on.
type LabelReport struct {
	Label       string  `json:"label"`
	N           int     `json:"n"` // texts with the label
	Recall      Share   `json:"recall"`
	OverBlock   Share   `json:"over_block"` // of harmless texts
	AUC         float64 `json:"auc"`
	Calibration float64 `json:"calibration_error"` // expected, over ten bins
	Threshold   float64 `json:"threshold"`

	Calibrated *Calibrated `json:"calibrated,omitempty"` // after Train only
}

// Calibrated is what a label's threshold was chosen by.
type Calibrated struct {
	OverBlock Share `json:"over_block"` // of the harmless texts kept to calibrate with
	Shown     bool  `json:"shown"`      // the upper end of its interval keeps the limit; else there are too few texts to tell
	Needed    int   `json:"needed"`     // harmless texts to calibrate with, of which none is hit, that would show it
}

// Untrained is a label that was left out, and why.
type Untrained struct {
	Label   string `json:"label"`
	Samples int    `json:"samples"`
	Reason  string `json:"reason"`
}

// Report is what a model is worth. After Train the figures are of the part kept from training and calibration.
type Report struct {
	Samples   int           `json:"samples"` // after Train: of different texts
	Tested    int           `json:"tested"`
	Limit     float64       `json:"limit,omitempty"` // of over-block
	Labels    []LabelReport `json:"labels"`
	Recall    Share         `json:"recall"`     // harmful texts with any finding
	OverBlock Share         `json:"over_block"` // harmless texts with any finding
	Untrained []Untrained   `json:"untrained,omitempty"`
	Doubles   Doubles       `json:"doubles,omitzero"` // after Train: samples with the same text
}

// Evaluate measures a model on texts that it was not trained on.
func Evaluate(m *Model, samples []Sample) *Report {
	r := &Report{Samples: len(samples)}
	r.measure(m, samples)
	return r
}

func (r *Report) measure(m *Model, samples []Sample) {
	r.Tested = len(samples)
	scores := make([][]float64, len(samples))
	var recall, over [2]int
	for i, s := range samples {
		scores[i] = m.worst(s.Text)
		hit := 0
		for j, l := range m.head.Labels {
			if scores[i][j] >= l.Threshold {
				hit = 1
			}
		}
		if s.harmless() {
			over[0], over[1] = over[0]+hit, over[1]+1
		} else {
			recall[0], recall[1] = recall[0]+hit, recall[1]+1
		}
	}
	r.Recall, r.OverBlock = NewShare(recall[0], recall[1]), NewShare(over[0], over[1])
	for j, l := range m.head.Labels {
		one := LabelReport{Label: l.ID, Threshold: l.Threshold}
		got, of, wrong, none := 0, 0, 0, 0
		is := make([]bool, len(samples))
		p := make([]float64, len(samples))
		for i, s := range samples {
			is[i], p[i] = s.has(l.ID), scores[i][j]
			hit := 0
			if p[i] >= l.Threshold {
				hit = 1
			}
			switch {
			case is[i]:
				got, of = got+hit, of+1
			case s.harmless():
				wrong, none = wrong+hit, none+1
			}
		}
		one.N, one.Recall, one.OverBlock = of, NewShare(got, of), NewShare(wrong, none)
		one.AUC, one.Calibration = auc(p, is), calibrationError(p, is)
		r.Labels = append(r.Labels, one)
	}
}

// auc is the chance that a text with the label scores above one without; ties count half, and without both kinds it is 0.5.
func auc(p []float64, is []bool) float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	var pos, neg, area float64
	for i := 0; i < len(order); {
		var x, y float64
		at := p[order[i]]
		for ; i < len(order) && p[order[i]] == at; i++ {
			if is[order[i]] {
				x++
			} else {
				y++
			}
		}
		area += x*neg + x*y/2
		pos, neg = pos+x, neg+y
	}
	if pos*neg == 0 {
		return 0.5
	}
	return area / (pos * neg)
}

func calibrationError(p []float64, is []bool) float64 {
	const bins = 10
	var n, sum, pos [bins]float64
	for i, x := range p {
		b := min(int(x*bins), bins-1)
		n[b]++
		sum[b] += x
		if is[i] {
			pos[b]++
		}
	}
	total := 0.0
	for b := range bins {
		total += math.Abs(sum[b] - pos[b])
	}
	return total / float64(max(len(p), 1))
}
