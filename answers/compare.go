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

// Compare tells whether a draft says no more and nothing else than the approved text: no number or numeral that stands neither in it nor in
// the question, as many negations, and most of its runs of two letters. The error says what is wrong, for operators.
func Compare(draft, approved, question string) error {
	if strings.TrimSpace(draft) == "" || strings.Contains(draft, NotFitting) {
		return fmt.Errorf("the model says that the approved text does not answer the question")
	}
	d, a := strs(tokens(draft)), strs(tokens(approved))
	known := append(strs(tokens(question)), a...)
	for _, w := range d {
		if (unicode.IsDigit([]rune(w)[0]) || numeral(w)) && !slices.Contains(known, w) {
			return fmt.Errorf("the draft has the number %s, which the approved text has not", w)
		}
	}
	if n, m := negations(d), negations(a); n != m {
		return fmt.Errorf("the draft has %d negations, the approved text %d", n, m)
	}
	stands := map[string]bool{}
	for i := range a {
		if i+1 < len(a) {
			stands[a[i]+"\x00"+a[i+1]] = true
		}
	}
	in, all := 0, 0
	for i := 0; i+1 < len(d); i++ {
		if all++; stands[d[i]+"\x00"+d[i+1]] {
			in++
		}
	}
	if all == 0 || float64(in) < Covered*float64(all) {
		return fmt.Errorf("only %d of the draft's %d runs stand in the approved text", in, all)
	}
	return nil
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
