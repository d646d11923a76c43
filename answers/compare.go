package answers

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Covered is the share of a draft's runs that must stand in the approved text. Ours.
const Covered = 0.6

// NotFitting is what a model is asked to say when the approved text does not answer the question.
const NotFitting = "NOT_FITTING"

// Instruction tells a model to answer a question from an approved text and nothing else.
func Instruction(approved string) string {
	return "Answer the user's question in the user's language, using only what the approved text below says and, as far as possible, its own words. " +
		"Add no fact, number, name, date or opinion. If the text does not answer the question, reply with " + NotFitting + " and nothing else.\n\n" +
		"批准文本 / approved text:\n" + approved
}

// Compare tells whether a draft says no more and nothing else than the approved text: every word of it that carries something stands in the
// text or in the question, every number and negation beside the same word as there, as many negations, no other side of a
// pair such as before and after, and most of its runs of two letters. The error says what is wrong, for operators.
func Compare(draft, approved, question string) error {
	if strings.TrimSpace(draft) == "" || strings.Contains(draft, NotFitting) {
		return fmt.Errorf("the model says that the approved text does not answer the question")
	}
	letters := tokens(draft)
	d, a, q := strs(letters), strs(tokens(approved)), strs(tokens(question))
	if n, m := negations(d), negations(a); n != m {
		return fmt.Errorf("the draft has %d negations, the approved text %d", n, m)
	}
	stands := map[string]bool{}
	for _, list := range [][]string{a, q} {
		for i := range list {
			stands[list[i]] = true
			if i+1 < len(list) {
				stands[list[i]+"\x00"+list[i+1]] = true
			}
		}
	}
	in, all := 0, 0
	for i, w := range d {
		number := unicode.IsDigit([]rune(w)[0]) || numeral(w)
		switch {
		case number && !stands[w]:
			return fmt.Errorf("the draft has the number %s, which the approved text has not", w)
		case !stands[w] && !filler(w) && person(w) == 0 && !joining(w):
			return fmt.Errorf("the draft says %s, which neither the approved text nor the question does", w)
		}
		if i+1 == len(d) {
			break
		}
		together := stands[w+"\x00"+d[i+1]]
		if (number || slices.Contains(negating[:], w)) && !together {
			return fmt.Errorf("the draft has %s before %s, which the approved text has not", w, d[i+1])
		}
		if all++; together {
			in++
		}
	}
	if all == 0 || float64(in) < Covered*float64(all) {
		return fmt.Errorf("only %d of the draft's %d runs stand in the approved text", in, all)
	}
	known := slices.Concat(a, q)
	for i, p := range pairs {
		for _, side := range p {
			if onSide(d, side) && !onSide(known, side) {
				return fmt.Errorf("the draft is on another side of pair %d (%s)", i, strings.Join(side, ", "))
			}
		}
	}
	return nil
}

// joining tells words that join sentences and carry nothing of their own.
func joining(w string) bool {
	switch w {
	case "根", "据", "如", "果", "因", "为", "此", "和", "与", "及", "并", "在", "对", "于", "从", "由", "将", "把", "即", "时", "您", "好", "这", "那", "其",
		"if", "so", "and", "to", "in", "on", "for", "it", "this", "that", "when", "then", "with", "by", "at", "or", "as", "according":
		return true
	}
	return false
}

func negations(list []string) int {
	n := 0
	for _, w := range list {
		if slices.Contains(negating[:], w) {
			n++
		}
	}
	return n
}
