// Package emergency holds what is stricter for a time (Art 4, 14, 20): words that one person puts in force at once on an order, and
// periods in which services follow a stricter profile of the policy. Each names its order and its end and returns by itself; a word
// stands without a second signature for a day and then lapses. Every step is an event.
//
// The numbers here are ours; neither law nor standard names any.
package emergency

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

const (
	// SignWithin is how long an entry stands without a second signature.
	SignWithin = 24 * time.Hour
	// MaxEntry is how long an entry may stand; what is needed for longer belongs into the lexicon.
	MaxEntry = 30 * 24 * time.Hour
	// MaxPeriod is how long a period may last.
	MaxPeriod = 90 * 24 * time.Hour
)

// Kind of a measure.
type Kind string

const (
	Entry  Kind = "entry"
	Period Kind = "period"
)

// Measure is one emergency entry or one period. Times are UTC.
type Measure struct {
	ID     string        `json:"id"`
	Kind   Kind          `json:"kind"`
	Order  string        `json:"order"`  // number of the order or decision that it rests on
	Reason string        `json:"reason"` // why, in a sentence
	By     journal.Actor `json:"by"`
	At     time.Time     `json:"at"`
	From   time.Time     `json:"from"`  // from when it holds; At for entries
	Until  time.Time     `json:"until"` // to when

	Text     string `json:"text,omitempty"`     // entry: the word
	Category string `json:"category,omitempty"` // entry: its risk

	Profile  string   `json:"profile,omitempty"`  // period: the profile that services follow
	Services []string `json:"services,omitempty"` // period: which; none: all

	Second journal.Actor `json:"second,omitzero"` // who signed
	Signed time.Time     `json:"signed,omitzero"`

	EndedBy  journal.Actor `json:"ended_by,omitzero"`
	Ended    time.Time     `json:"ended,omitzero"` // lifted before its end
	EndedWhy string        `json:"ended_why,omitempty"`
}

// State of a measure at a time.
type State string

const (
	Waiting State = "waiting"  // a period that has not begun
	InForce State = "in_force" // an entry without second signature is in force until it lapses
	Over    State = "over"     // it has come to its end
	Lapsed  State = "lapsed"   // nobody signed in time
	Lifted  State = "lifted"
)

// State tells how a measure stands at a time. It needs no job: what is over is over.
func (m *Measure) State(now time.Time) State {
	switch lapse := m.Lapses(); {
	case !m.Ended.IsZero():
		return Lifted
	case !lapse.IsZero() && !now.Before(lapse):
		return Lapsed
	case !now.Before(m.Until):
		return Over
	case now.Before(m.From):
		return Waiting
	}
	return InForce
}

// Lapses is when the measure lapses unless it is signed; zero when it does not.
func (m *Measure) Lapses() time.Time {
	if m.Kind != Entry || !m.Signed.IsZero() || !m.At.Add(SignWithin).Before(m.Until) {
		return time.Time{}
	}
	return m.At.Add(SignWithin)
}

// Lexical is an emergency entry as the lexicon has it: of the block tier, for it stands on an order.
func (m *Measure) Lexical() moderation.Entry {
	return moderation.Entry{ID: moderation.EmergencyPrefix + strings.ToLower(m.ID), Text: m.Text, Category: m.Category, Tier: moderation.Block, Severity: 5, Source: "emergency, order " + m.Order,
		Owner: m.By.ID, Forms: moderation.Forms{Separated: utf8.RuneCountInString(m.Text) >= 3}}
}

// Errors of the register.
var (
	ErrUnknown     = errors.New("emergency: there is no such measure")
	ErrSamePerson  = errors.New("emergency: another person must sign")
	ErrNobody      = errors.New("emergency: whoever declares or signs a measure must be named; at the command line name yourself with --by")
	ErrNoSignature = errors.New("emergency: a period needs no second signature")
	ErrState       = errors.New("emergency: this cannot be done any more; look at it again")
)

// InvalidError is bad input: the field, the value, and how to mend it.
type InvalidError struct{ Field, Value, Mend string }

func (e *InvalidError) Error() string {
	if e.Value == "" {
		return "emergency: " + e.Field + ": " + e.Mend
	}
	return fmt.Sprintf("emergency: %s %.80q: %s", e.Field, e.Value, e.Mend)
}

var profileShape = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// check tidies a measure that is to begin now and tells what is wrong with it.
func (m *Measure) check(now time.Time) error {
	bad := func(field, value, mend string) error { return &InvalidError{field, value, mend} }
	m.Order, m.Reason, m.Text = strings.TrimSpace(m.Order), strings.TrimSpace(m.Reason), strings.TrimSpace(m.Text)
	most := MaxEntry
	switch {
	case m.Order == "":
		return bad("order", "", "give the number of the order or decision that it rests on")
	case m.Reason == "":
		return bad("reason", "", "say why, in a sentence")
	case m.Until.IsZero():
		return bad("until", "", "say when it ends; nothing here stands without an end")
	}
	switch m.Kind {
	case Entry:
		m.From = now
		if _, ok := measures.RiskByID(m.Category); !ok {
			return bad("category", m.Category, "is none of the 31 risks, A1a to A5b")
		}
		letters := 0
		for _, r := range m.Text {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				letters++
			}
		}
		if letters < 2 {
			return bad("text", m.Text, "give at least two letters or digits; one would refuse nearly everything")
		}
		if err := moderation.CheckEntry(m.Lexical()); err != nil {
			return bad("text", m.Text, err.Error())
		}
	case Period:
		most = MaxPeriod
		if m.From.IsZero() {
			m.From = now
		}
		if m.From.Before(now.Add(-early)) {
			return bad("from", day(m.From), "lies in the past; leave it out to begin now")
		}
		if !profileShape.MatchString(m.Profile) {
			return bad("profile", m.Profile, "name a profile that rows of the policy ask for: lower-case letters, digits, - and _")
		}
		slices.Sort(m.Services)
		m.Services = slices.Compact(m.Services)
	default:
		return bad("kind", string(m.Kind), "use entry or period")
	}
	switch {
	case !m.Until.After(now):
		return bad("until", day(m.Until), "lies in the past")
	case !m.Until.After(m.From):
		return bad("until", day(m.Until), "lies before its beginning, "+day(m.From))
	case m.Until.Sub(m.From) > most:
		return bad("until", day(m.Until), fmt.Sprintf("is more than %d days after it begins; what is needed for longer belongs into lexicon or policy", int(most.Hours()/24)))
	}
	return nil
}

// early is how long before now a period may begin: somebody typed its beginning a moment ago.
const early = 5 * time.Minute

// day writes a time as people in China read it.
func day(t time.Time) string { return t.In(measures.Shanghai()).Format("2006-01-02 15:04") }
