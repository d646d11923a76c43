// Package answers is the register of approved answers (代答): questions that the provider wants answered in words that a person
// wrote and another approved, with the risk or must-answer aspect they belong to and the days on which they hold (Art 4, 14).
//
// A question that is one of an answer's, or all but so, gets the approved text word for word; one that is near may be answered by a
// model from the approved text, where a service allows it; all others go their normal way. Matching is by letters, in process:
// what it takes for the same is measured (see Matcher), and it rather lets a question go than answers another one.
package answers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
)

// Bounds of an answer. Ours.
const (
	MaxQuestions = 200
	MaxQuestion  = 200  // characters
	MaxText      = 8000 // characters of one language
	MaxAnswers   = 50_000
)

// Answer is one version of an approved answer. Its ID stays, its version grows with every change; a version never changes.
type Answer struct {
	ID        string   `json:"id"`        // the operator's own: lower-case letters, digits, hyphens
	Questions []string `json:"questions"` // the question and its paraphrases
	ZH        string   `json:"zh"`        // at least one of the languages is given
	EN        string   `json:"en"`
	Risk      string   `json:"risk,omitempty"`     // GB/T 45654-2025 Annex A
	Aspect    string   `json:"aspect,omitempty"`   // of must-answer questions, in the operator's words
	Services  []string `json:"services,omitempty"` // none: all
	Source    string   `json:"source"`             // what the text rests on
	From      string   `json:"valid_from,omitempty"`
	Until     string   `json:"valid_until,omitempty"` // last day, as From in China
}

// State of a version.
type State string

// A version is a draft until another person has approved it; approving one supersedes the version before.
const (
	Draft      State = "draft"
	Approved   State = "approved"
	Superseded State = "superseded"
	Retired    State = "retired"
)

// Version is an answer with its history.
type Version struct {
	Answer
	N        int           `json:"version"`
	State    State         `json:"state"`
	Author   journal.Actor `json:"author"`
	At       time.Time     `json:"at"`
	Approver journal.Actor `json:"approver,omitzero"`
	Approved time.Time     `json:"approved,omitzero"`
	Note     string        `json:"note,omitempty"` // why it was retired
	Hash     string        `json:"hash"`           // of the answer, as the journal has it
}

// Ref names a version in records: id@n.
func (v Version) Ref() string { return fmt.Sprintf("%s@%d", v.ID, v.N) }

// Holds tells whether the version may be given on a day (YYYY-MM-DD, China) to a service.
func (v Version) Holds(service, day string) bool {
	return v.State == Approved && (v.From == "" || v.From <= day) && (v.Until == "" || day <= v.Until) &&
		(len(v.Services) == 0 || slices.Contains(v.Services, service))
}

// Past tells whether the last day of an answer lies before a day.
func (a Answer) Past(day string) bool { return a.Until != "" && a.Until < day }

// clash is a question that another answer, in force, has too for a service and a day that both are for.
func (v Version) clash(other Version) (question string, clashes bool) {
	apart := v.From != "" && other.Past(v.From) || other.From != "" && v.Past(other.From) ||
		len(v.Services) > 0 && len(other.Services) > 0 && !slices.ContainsFunc(v.Services, func(s string) bool { return slices.Contains(other.Services, s) })
	if other.State != Approved || other.ID == v.ID || apart {
		return "", false
	}
	other.Services, other.From, other.Until = nil, "", ""
	m := NewMatcher([]Version{other})
	for _, q := range v.Questions {
		if m.Find(q, "", "").Band == Same {
			return q, true
		}
	}
	return "", false
}

// Text is the answer in a language, or in the other one when there is none.
func (v Version) Text(chinese bool) string {
	if chinese && v.ZH != "" || v.EN == "" {
		return v.ZH
	}
	return v.EN
}

// Errors of the register.
var (
	ErrUnknown    = errors.New("answers: there is no such answer")
	ErrSamePerson = errors.New("answers: another person than the author must approve")
	ErrNobody     = errors.New("answers: author and approver must be two staff members that are named; at the command line name yourself with --by, and write the answer again if its author is not named")
	ErrState      = errors.New("answers: this version cannot be approved or retired any more; look at it again")
	ErrUnchanged  = errors.New("answers: nothing was changed")
)

// InvalidError is bad input: which answer and field, the value, and how to mend it.
type InvalidError struct{ Answer, Field, Value, Mend string }

func (e *InvalidError) Error() string {
	at := "answers: "
	if e.Answer != "" {
		at += "answer " + e.Answer + ": "
	}
	if e.Value == "" {
		return at + e.Field + ": " + e.Mend
	}
	return fmt.Sprintf("%s%s %.80q: %s", at, e.Field, e.Value, e.Mend)
}

var idShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Check tidies an answer and tells what is wrong with it.
func (a *Answer) Check() error {
	bad := func(field, value, mend string) error { return &InvalidError{a.ID, field, value, mend} }
	a.ID, a.ZH, a.EN, a.Source = strings.TrimSpace(a.ID), strings.TrimSpace(a.ZH), strings.TrimSpace(a.EN), strings.TrimSpace(a.Source)
	if !idShape.MatchString(a.ID) {
		return &InvalidError{"", "id", a.ID, "use 1 to 63 lower-case letters, digits and hyphens"}
	}
	seen := map[string]bool{}
	kept := a.Questions[:0:0]
	for _, q := range a.Questions {
		q = strings.TrimSpace(q)
		if q == "" {
			continue
		}
		if utf8.RuneCountInString(q) > MaxQuestion {
			return bad("questions", q, fmt.Sprintf("is longer than %d characters; longer questions go their normal way", MaxQuestion))
		}
		k := sequence(tokens(q))
		if k == "" {
			return bad("questions", q, "has no letter or digit")
		}
		if !seen[k] {
			seen[k] = true
			kept = append(kept, q)
		}
	}
	a.Questions = kept
	switch {
	case len(a.Questions) == 0:
		return bad("questions", "", "give at least one question")
	case len(a.Questions) > MaxQuestions:
		return bad("questions", "", fmt.Sprintf("has %d; at most %d", len(a.Questions), MaxQuestions))
	case a.ZH == "" && a.EN == "":
		return bad("zh", "", "give the answer in Chinese, English or both")
	case utf8.RuneCountInString(a.ZH) > MaxText || utf8.RuneCountInString(a.EN) > MaxText:
		return bad("zh", "", fmt.Sprintf("an answer has at most %d characters", MaxText))
	case !utf8.ValidString(a.ZH + a.EN + strings.Join(a.Questions, "")):
		return bad("zh", "", "is not valid UTF-8; save it anew")
	case a.Source == "":
		return bad("source", "", "say what the text rests on: a law, a regulation, a decision of the provider")
	}
	if a.Risk != "" {
		if _, ok := measures.RiskByID(a.Risk); !ok {
			return bad("risk", a.Risk, "is none of the 31 risks, A1a to A5b; leave it empty for none")
		}
	}
	for _, d := range []struct{ field, day string }{{"valid_from", a.From}, {"valid_until", a.Until}} {
		if _, err := time.Parse(time.DateOnly, d.day); d.day != "" && err != nil {
			return bad(d.field, d.day, "write the day as YYYY-MM-DD")
		}
	}
	if a.From != "" && a.Until != "" && a.Until < a.From {
		return bad("valid_until", a.Until, "lies before valid_from "+a.From)
	}
	return nil
}
