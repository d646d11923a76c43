// Package obligation is THE REGISTER: each duty of the Measures, the control we run for it and the check that computes its
// status from the running system. Status is computed, never typed; stale is grey, never green.
package obligation

import (
	"context"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/users"
)

// Status of a duty.
type Status string

const (
	NotApplicable Status = "not_applicable" // with a reason
	NotYet        Status = "not_yet"        // hegui does not prove this duty yet; the reason says what to do meanwhile
	Met           Status = "met"            // with facts and references
	Notice        Status = "notice"         // met, but somebody should look
	Short         Status = "short"          // a should missed
	Breach        Status = "breach"         // a shall missed
	Unknown       Status = "unknown"        // the check failed or its evidence is stale; never shown as met
)

// Finding is what a check said.
type Finding struct {
	Status  Status         `json:"status"`
	Summary Bilingual      `json:"summary"`
	Facts   map[string]any `json:"facts"`
	Refs    []string       `json:"refs"` // journal references: log#seq, verb ranges, page addresses: what the check looked at
	Mend    Bilingual      `json:"mend"` // what to do, when not met
}

// Bilingual text.
type Bilingual struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Control is one duty's control and its check.
type Control struct {
	Duty    string        // key into measures
	Control Bilingual     // what we run
	Fresh   time.Duration // how old the evidence may be before the status turns Unknown
	Applies func(Scope) (bool, Bilingual)
	Check   func(ctx context.Context, ev Evidence) (Finding, error)
	NotYet  *Bilingual // set instead of Check when hegui does not prove it yet
}

// Scope is what the installation is, as far as it decides which duties apply.
type Scope struct {
	Provider service.Provider
	Services []service.Service
	Models   []service.Model
}

// Evidence is what checks may look at.
type Evidence struct {
	Journal   *journal.Journal
	Exchanges *exchange.Store
	Services  *service.Register
	Users     *users.Register
	Staff     *operator.Register
	Lexicon   LexiconFacts
	PortalURL string // where the public pages are served; checks fetch them from outside
	Now       time.Time
}

// LexiconFacts is what is known of the lexicon in force, from the journal.
type LexiconFacts struct {
	Hash   string
	Counts map[string]int
	At     time.Time
}

// Result is one row of the register as computed.
type Result struct {
	Duty     measures.Duty `json:"duty"`
	Control  Bilingual     `json:"control"`
	Finding  Finding       `json:"finding"`
	At       time.Time     `json:"at"`
	FreshFor time.Duration `json:"fresh_for"`
}

// Controls lists all, article by article.
func Controls() []Control { panic("skeleton") }

// Run checks everything; a check that panics or errs is Unknown with the error as fact.
func Run(ctx context.Context, ev Evidence) []Result { panic("skeleton") }
