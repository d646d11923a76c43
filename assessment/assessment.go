// Package assessment holds the question banks that Art 17 and GB/T 45654-2025 (before it TC260-003) ask a provider to
// keep, and counts them against the minima.
//
// The banks that ship are written for hegui and are a beginning, not a full set. The must-answer bank (非拒答测试题库)
// is above its minima in all 13 aspects. The must-refuse bank (拒答测试题库) and the bank for generated content
// (生成内容测试题库) are below theirs: they hold short requests without operational detail for the risks that can be
// filled honestly with plainly harmful or plainly delicate matter. Six risks of group A.1 (A1a, A1b, A1c, A1d, A1e, A1g)
// hold nothing; the operator fills them. Counts shows every shortfall as a number; nothing here pads or hides one.
package assessment

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/hegui/hegui/measures"
)

// The banks, by the names that stand in Question.Bank.
const (
	BankAnswer  = "must_answer" // 非拒答测试题库: what must not be refused
	BankRefuse  = "must_refuse" // 拒答测试题库: what must be refused
	BankContent = "content"     // 生成内容测试题库: what a model is asked to see whether its answers are fit
)

// Question is one line of a bank.
type Question struct {
	ID     string `json:"id"`               // stable, unique over all banks
	Bank   string `json:"-"`                // BankAnswer, BankRefuse or BankContent: the file it stands in
	Aspect string `json:"aspect,omitempty"` // must-answer: one of Aspects
	Risk   string `json:"risk,omitempty"`   // the other two: one of measures.Risks
	ZH     string `json:"question_zh"`      //
	EN     string `json:"question_en,omitempty"`
	Lure   string `json:"lure,omitempty"` // must-answer: the word in ZH that a crude keyword list would refuse it for
}

// Aspect is one of the 13 that the must-answer bank covers.
type Aspect struct{ ID, ZH, EN string }

// Aspects lists the 13 in the order of the standard.
func Aspects() []Aspect {
	return []Aspect{
		{"system", "制度", "system of the state"}, {"belief", "信仰", "belief"}, {"image", "形象", "image"},
		{"culture", "文化", "culture"}, {"customs", "习俗", "customs"}, {"ethnicity", "民族", "ethnicity"},
		{"geography", "地理", "geography"}, {"history", "历史", "history"}, {"heroes", "英烈", "heroes and martyrs"},
		{"gender", "性别", "gender"}, {"age", "年龄", "age"}, {"occupation", "职业", "occupation"}, {"health", "健康", "health"},
	}
}

// MustAnswer returns the must-answer bank: lawful, ordinary questions, some of which sound sensitive or hold a word that
// a crude keyword list hits. A service refuses at most 5 % of them.
func MustAnswer() []Question { return slices.Clone(shipped().answer) }

// MustRefuse returns the must-refuse bank: plainly harmful requests. It is short of its minima and has nothing for the
// risks that the operator fills; see Counts.
func MustRefuse() []Question { return slices.Clone(shipped().refuse) }

// Content returns the bank for generated content: questions whose answers show whether a model slips into one of the
// risks. Many deserve a good answer and not a refusal. It is short of its minima; see Counts.
func Content() []Question { return slices.Clone(shipped().content) }

//go:embed banks/*.jsonl
var files embed.FS

type banks struct{ answer, refuse, content []Question }

// shipped reads the embedded banks once. They are part of the program: a fault in them is a fault of the build, which the
// tests of this package find first.
var shipped = sync.OnceValue(func() banks {
	load := func(bank string) []Question {
		data, err := files.ReadFile("banks/" + bank + ".jsonl")
		if err != nil {
			panic(fmt.Sprintf("assessment: embedded bank %s: %v", bank, err))
		}
		questions, err := parse(bank, data)
		if err != nil {
			panic(fmt.Sprintf("assessment: embedded bank: %v", err))
		}
		return questions
	}
	return banks{load(BankAnswer), load(BankRefuse), load(BankContent)}
})

// parse reads one bank: JSON objects, one a line, without unknown fields. Every line must name its aspect or risk, and no
// id or question may stand twice, questions compared without case, width, spaces and punctuation.
func parse(bank string, data []byte) ([]Question, error) {
	var (
		out   []Question
		errs  []error
		ids   = map[string]int{}
		texts = map[string]int{}
	)
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		n := i + 1
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("%s line %d: %w", bank, n, fmt.Errorf(format, args...)))
		}
		var q Question
		d := json.NewDecoder(bytes.NewReader([]byte(line)))
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil {
			fail("not a question in JSON: %w", err)
			continue
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			fail("more than one JSON value; write one question a line")
			continue
		}
		q.Bank = bank
		if err := check(q); err != nil {
			fail("%w", err)
			continue
		}
		if before, ok := ids[q.ID]; ok {
			fail("id %q is already taken on line %d", q.ID, before)
		}
		key := fold(q.ZH)
		if before, ok := texts[key]; ok {
			fail("question_zh %q is the same as line %d after folding; keep one", q.ZH, before)
		}
		ids[q.ID], texts[key] = n, n
		out = append(out, q)
	}
	return out, errors.Join(errs...)
}

// check tells what is wrong with one question.
func check(q Question) error {
	if q.ID == "" {
		return errors.New("id is missing")
	}
	if fold(q.ZH) == "" {
		return fmt.Errorf("question_zh %q: nothing is left of it after folding", q.ZH)
	}
	switch q.Bank {
	case BankAnswer:
		if !slices.ContainsFunc(Aspects(), func(a Aspect) bool { return a.ID == q.Aspect }) {
			return fmt.Errorf("aspect %q: must be one of the 13, system … health", q.Aspect)
		}
		if q.Risk != "" {
			return fmt.Errorf("risk %q: a question of the must-answer bank has an aspect instead", q.Risk)
		}
		if !strings.Contains(q.ZH, q.Lure) {
			return fmt.Errorf("lure %q does not stand in question_zh %q", q.Lure, q.ZH)
		}
	case BankRefuse, BankContent:
		r, ok := measures.RiskByID(q.Risk)
		if !ok {
			return fmt.Errorf("risk %q: must be one of the 31, A1a … A5b", q.Risk)
		}
		if q.Bank == BankRefuse && !r.Library {
			return fmt.Errorf("risk %q: the must-refuse bank covers the 17 of A.1 and A.2", q.Risk)
		}
		if q.Aspect != "" || q.Lure != "" {
			return errors.New("aspect and lure belong to the must-answer bank")
		}
	default:
		return fmt.Errorf("bank %q: must be %s, %s or %s", q.Bank, BankAnswer, BankRefuse, BankContent)
	}
	return nil
}

// fold leaves what makes two questions the same: letters and digits, without case and width.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKC.String(s))
}
