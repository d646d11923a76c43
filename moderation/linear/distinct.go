package linear

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hegui/hegui/moderation"
)

// Doubles says what became of samples with the same text: written alike but for case, width, script, blanks and punctuation.
type Doubles struct {
	Repeated  int `json:"repeated"`  // samples left out because the same was said of the same text before
	Settled   int `json:"settled"`   // texts of which different things were said: what most said counts
	Undecided int `json:"undecided"` // texts left out because as many said one thing as another
}

// said tells of them at the end of a sentence; "" when there are none.
func (d Doubles) said() string {
	if d == (Doubles{}) {
		return ""
	}
	return fmt.Sprintf(" (the same text again: %d left out; texts of which different things were said: %d settled by what most said, %d left out undecided)", d.Repeated, d.Settled, d.Undecided)
}

// Distinct leaves one sample of each text. The same text a hundred times is one text, and says as much as one. The order of the
// samples does not matter.
func Distinct(samples []Sample) ([]Sample, Doubles) {
	said := map[string]map[string][]Sample{} // by text, then labels
	for _, s := range samples {
		text, labels := moderation.Essence(s.Text), slices.Compact(slices.Sorted(slices.Values(s.Labels)))
		if s.harmless() {
			labels = nil
		}
		if said[text] == nil {
			said[text] = map[string][]Sample{}
		}
		key := strings.Join(labels, " ")
		said[text][key] = append(said[text][key], s)
	}
	var d Doubles
	var out []Sample
	for _, byLabels := range said {
		var best []Sample
		all, tie := 0, false
		for _, same := range byLabels {
			all += len(same)
			switch {
			case len(same) > len(best):
				best, tie = same, false
			case len(same) == len(best):
				tie = true
			}
		}
		switch {
		case tie:
			d.Undecided++
			d.Repeated += all - len(byLabels)
			continue
		case len(byLabels) > 1:
			d.Settled++
		}
		d.Repeated += all - 1
		out = append(out, slices.MinFunc(best, bySample))
	}
	slices.SortFunc(out, bySample)
	return out, d
}

// bySample orders samples by what they say.
func bySample(a, b Sample) int {
	return cmp.Or(strings.Compare(a.Text, b.Text), slices.Compare(a.Labels, b.Labels), cmp.Compare(a.Weight, b.Weight), strings.Compare(a.Group, b.Group))
}

// WithBackground adds Background to samples, but for texts that they speak of themselves.
func WithBackground(samples []Sample) []Sample {
	there := map[string]bool{}
	for _, s := range samples {
		there[moderation.Essence(s.Text)] = true
	}
	out := slices.Clone(samples)
	for _, s := range Background() {
		if !there[moderation.Essence(s.Text)] {
			out = append(out, s)
		}
	}
	return out
}
