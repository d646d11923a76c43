package review

import (
	"slices"

	"github.com/hegui/hegui/moderation"
)

// distinct leaves one example of each text and counts anew what a training has. What several people said of one text is settled by
// most of them; where as many said one thing as another, the text is left out. Of those who agree the first stands.
func distinct(list []Example, m *Material) []Example {
	type vote struct{ n, first int }
	votes, order := map[string]map[string]*vote{}, []string{}
	for i, e := range list {
		text, labels := moderation.Essence(e.Text), join(slices.Sorted(slices.Values(e.Labels)))
		if votes[text] == nil {
			votes[text] = map[string]*vote{}
			order = append(order, text)
		}
		if votes[text][labels] == nil {
			votes[text][labels] = &vote{first: i}
		}
		votes[text][labels].n++
	}
	m.Samples, m.Harmless, m.Labels = 0, 0, map[string]int{}
	var out []Example
	for _, text := range order {
		var best vote
		all, tie := 0, false
		for _, v := range votes[text] {
			all += v.n
			switch {
			case v.n > best.n:
				best, tie = *v, false
			case v.n == best.n:
				tie = true
			}
		}
		if tie {
			m.Undecided += all
			continue
		}
		m.Repeated += all - 1
		e := list[best.first]
		m.count(e.Labels)
		out = append(out, e)
	}
	return out
}
