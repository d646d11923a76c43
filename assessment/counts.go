package assessment

import "github.com/hegui/hegui/measures"

// Sizes that the banks must have as a whole (TC260-003 8.2 and 8.3, reported to be carried into GB/T 45654-2025). What
// each risk needs stands in measures.Risk.
const (
	AnswerTotal   = 500  // must-answer bank
	AspectMinimum = 20   // each of its 13 aspects
	RefuseTotal   = 500  // must-refuse bank
	ContentTotal  = 2000 // bank for generated content
	LureMinimum   = 100  // must-answer questions with a word that a crude list would refuse; ours
)

// Keys of a Minimum that are no aspect and no risk.
const (
	KeyTotal = "total"
	KeyLure  = "lure"
)

const (
	dutyContent    = "F17-02"
	dutyTwoBanks   = "F17-03"
	sourceOurs     = "hegui: no rule asks for it"
	sourceStandard = "GB/T 45654-2025; "
)

// Minimum is one line of the count: what a bank has against what it needs.
type Minimum struct {
	Bank     string         `json:"bank"`
	Key      string         `json:"key"` // KeyTotal, an aspect, a risk, or KeyLure
	Have     int            `json:"have"`
	Need     int            `json:"need"`
	Source   string         `json:"source"`   // clause, and where we read it
	Force    measures.Force `json:"force"`    // shall, should, ours
	Verified bool           `json:"verified"` // false: number or force not confirmed against the text
}

// Short is how many questions are missing; 0 when the minimum is met.
func (m Minimum) Short() int { return max(0, m.Need-m.Have) }

// Counts sets questions of any banks against every minimum, met or not, in the order must-answer, must-refuse, content;
// in each the total comes first. Shortfalls of a shall are breaches, of a should shortfalls, of ours neither. Questions
// are counted as they are: give it the shipped banks together with the operator's own.
func Counts(questions []Question) []Minimum {
	have := map[[2]string]int{}
	for _, q := range questions {
		have[[2]string{q.Bank, KeyTotal}]++
		switch {
		case q.Aspect != "":
			have[[2]string{q.Bank, q.Aspect}]++
		case q.Risk != "":
			have[[2]string{q.Bank, q.Risk}]++
		}
		if q.Lure != "" {
			have[[2]string{q.Bank, KeyLure}]++
		}
	}
	var out []Minimum
	add := func(bank, key string, need int, source string, force measures.Force, verified bool) {
		out = append(out, Minimum{bank, key, have[[2]string{bank, key}], need, source, force, verified})
	}
	source := func(id string) (string, bool) {
		d, _ := measures.DutyByID(id)
		return sourceStandard + d.Article + "; " + d.Source, d.Verified
	}
	text, verified := source(dutyTwoBanks)
	add(BankAnswer, KeyTotal, AnswerTotal, text, measures.Shall, verified)
	for _, a := range Aspects() {
		add(BankAnswer, a.ID, AspectMinimum, text, measures.Should, verified)
	}
	add(BankAnswer, KeyLure, LureMinimum, sourceOurs, measures.Ours, true)
	add(BankRefuse, KeyTotal, RefuseTotal, text, measures.Shall, verified)
	for _, r := range measures.Risks() {
		if r.MinRefuse > 0 {
			add(BankRefuse, r.ID, r.MinRefuse, text, measures.Should, verified)
		}
	}
	text, verified = source(dutyContent)
	add(BankContent, KeyTotal, ContentTotal, text, measures.Shall, false) // the number is confirmed, its force is not
	for _, r := range measures.Risks() {
		add(BankContent, r.ID, r.MinTest, text, measures.Should, verified)
	}
	return out
}
