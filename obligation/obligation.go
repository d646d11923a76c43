// Package obligation is THE REGISTER: each duty of the Measures, the control we run for it and the check that computes its
// status from the running system. Status is computed, never typed; stale is grey, never green.
//
// One file per article holds that article's controls. A duty is either live, with a Check, or says NotYet with what hegui
// does not do and what the provider has to do by other means meanwhile. A test refuses a duty in neither state or in both.
package obligation

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hegui/hegui/assessment"
	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/function"
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
	Refs    []string       `json:"refs"`   // what the check looked at: "log#seq" for an event, "verb:v from..to", "exchange:id", "content:id", or a page's address
	Mend    Bilingual      `json:"mend"`   // what to do, when not met
	Newest  time.Time      `json:"newest"` // age of the evidence: the oldest among the newest pieces that all have to be fresh
}

// Bilingual text.
type Bilingual struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Control is one duty's control and its check.
type Control struct {
	Duty    string                        // key into measures
	Control Bilingual                     // what we run
	Fresh   time.Duration                 // how old the evidence may be before the status turns Unknown
	Applies func(Scope) (bool, Bilingual) // nil: applies
	Check   func(ctx context.Context, ev Evidence) (Finding, error)
	NotYet  *Bilingual // set instead of Check when hegui does not prove it yet
}

// Evidence is what checks may look at.
type Evidence struct {
	Journal   *journal.Journal
	Exchanges *exchange.Store
	Services  *service.Register
	Content   *content.Ledger    // what was generated; nil: not known
	Functions *function.Register // what was decided about functions; nil: not known
	Users     *users.Register
	Staff     *operator.Register
	Lexicon   LexiconFacts
	Policy    PolicyFacts
	Detectors DetectorFacts
	Questions []assessment.Question // of the banks; those that ship when nil
	PortalURL string                // where the public pages are served; checks fetch them from outside. Empty: not served now
	Now       time.Time
	Client    *http.Client // fetches the portal; one with a 5 s timeout when nil

	look *look // what the checks of one Run share
}

// Result is one row of the register as computed.
type Result struct {
	Duty     measures.Duty `json:"duty"`
	Control  Bilingual     `json:"control"`
	Finding  Finding       `json:"finding"`
	At       time.Time     `json:"at"`
	FreshFor time.Duration `json:"fresh_for"` // nanoseconds
}

// Controls lists all, article by article.
func Controls() []Control {
	return slices.Concat(art02(), art04(), art07(), art08(), art09(), art10(), art11(), art12(), art13(), art14(), art15(),
		art17(), art19(), art22())
}

// Run checks everything, in the order of measures.Duties; a check that panics or errs is Unknown with the error as fact.
// Evidence.Now is time.Now when zero.
func Run(ctx context.Context, ev Evidence) []Result {
	if ev.Now.IsZero() {
		ev.Now = time.Now()
	}
	ev.look = &look{}
	scope := scopeOf(ev)
	byDuty := map[string]Control{}
	for _, c := range Controls() {
		byDuty[c.Duty] = c
	}
	var out []Result
	for _, d := range measures.Duties() {
		c := byDuty[d.ID]
		out = append(out, Result{Duty: d, Control: c.Control, Finding: c.find(ctx, d, scope, ev), At: ev.Now, FreshFor: c.Fresh})
	}
	return out
}

// find computes one finding and holds it to the rules of the house.
func (c Control) find(ctx context.Context, d measures.Duty, scope Scope, ev Evidence) Finding {
	if c.Applies != nil {
		if applies, why := c.Applies(scope); !applies {
			return Finding{Status: NotApplicable, Summary: why, Facts: map[string]any{}, Refs: []string{}}
		}
	}
	if c.NotYet != nil {
		return Finding{Status: NotYet, Summary: *c.NotYet, Facts: map[string]any{}, Refs: []string{}}
	}
	return hold(c.checked(ctx, ev), d, c.Fresh, ev.Now)
}

func (c Control) checked(ctx context.Context, ev Evidence) (f Finding) {
	defer func() {
		if p := recover(); p != nil {
			f = failed(fmt.Errorf("the check panicked: %v", p))
		}
	}()
	if c.Check == nil {
		return failed(fmt.Errorf("there is no check for this duty"))
	}
	f, err := c.Check(ctx, ev)
	if err != nil {
		return failed(err)
	}
	return f
}

func failed(err error) Finding {
	return Finding{Status: Unknown, Facts: map[string]any{"error": err.Error()}, Refs: []string{},
		Summary: Bilingual{"核查未能完成，状态未知。", "The check could not be completed, so the status is unknown."},
		Mend:    Bilingual{"查看错误信息与服务日志，排除后会自动重新核查。", "Look at the error and the service log; the check repeats by itself."}}
}

// hold applies what no check may get round: good news needs facts, references and fresh evidence; a should that is missed
// is never a breach. A breach does not fade by silence, it stays until fresh evidence says otherwise.
func hold(f Finding, d measures.Duty, fresh time.Duration, now time.Time) Finding {
	if f.Facts == nil {
		f.Facts = map[string]any{}
	}
	if f.Refs == nil {
		f.Refs = []string{}
	}
	if f.Status == Breach && d.Force != measures.Shall {
		f.Status = Short
	}
	age := now.Sub(f.Newest)
	switch {
	case f.Status == Breach || f.Status == Unknown || f.Status == NotYet || f.Status == NotApplicable:
	case f.Newest.IsZero():
		f.Facts["judged"] = f.Status
		f.Status = Unknown
		f.Summary = Bilingual{"没有可以说明时间的证据，状态未知。" + f.Summary.ZH, "There is no dated evidence, so the status is unknown. " + f.Summary.EN}
	case age > fresh:
		f.Facts["judged"] = f.Status
		f.Status = Unknown
		f.Summary = Bilingual{
			fmt.Sprintf("最新证据已有 %s，超过 %s 的时效，状态未知。", age.Round(time.Second), fresh) + f.Summary.ZH,
			fmt.Sprintf("The newest evidence is %s old and counts for %s only, so the status is unknown. ", age.Round(time.Second), fresh) + f.Summary.EN}
	case (f.Status == Met || f.Status == Notice) && (len(f.Facts) == 0 || len(f.Refs) == 0):
		f.Facts["judged"] = f.Status
		f.Status = Unknown
		f.Summary = Bilingual{"核查没有给出事实和依据，不能算作已履行。", "The check gave no facts or references, so the duty does not count as met."}
	}
	return f
}
