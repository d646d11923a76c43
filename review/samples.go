package review

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// Reason says why a sample was drawn.
type Reason string

const (
	Random       Reason = "random"
	Disagreement Reason = "disagreement" // one detector found something in the text, another that looked did not
	Threshold    Reason = "threshold"    // a score near the threshold
	Disputed     Reason = "dispute"
)

// Verdict is what a person says of what the machine did with a text.
type Verdict string

const (
	Right         Verdict = "right"
	OverBlocked   Verdict = "over_blocked"
	Missed        Verdict = "missed"
	WrongCategory Verdict = "wrong_category"
)

// Verdicts lists them in the order of the keys 1 to 4.
func Verdicts() []Verdict { return []Verdict{Right, OverBlocked, Missed, WrongCategory} }

// Rates says how much of a service's traffic is drawn; shares of 1.
type Rates struct {
	Random       float64 `json:"random"`
	Disagreement float64 `json:"disagreement"` // of exchanges in which detectors disagree
	Threshold    float64 `json:"threshold"`    // of exchanges with a score near the threshold
	At           float64 `json:"at"`           // the threshold of scores
	Near         float64 `json:"near"`         // how near is near
}

// DefaultRates hold for services that declare none. Ours.
func DefaultRates() Rates {
	return Rates{Random: 0.01, Disagreement: 0.2, Threshold: 0.2, At: 0.5, Near: 0.1}
}

func (r Rates) check() error {
	for _, f := range []struct {
		name  string
		value float64
	}{{"random", r.Random}, {"disagreement", r.Disagreement}, {"threshold", r.Threshold}, {"at", r.At}, {"near", r.Near}} {
		if !(f.value >= 0 && f.value <= 1) {
			return &InvalidError{Field: f.name, Value: strconv.FormatFloat(f.value, 'g', -1, 64), Mend: "use a share between 0 and 1"}
		}
	}
	return nil
}

// Sample is one text of an exchange that people judge.
type Sample struct {
	ID        string     `json:"id"`
	Exchange  string     `json:"exchange"`
	Service   string     `json:"service"`
	Subject   string     `json:"subject"`
	Direction string     `json:"direction"`
	Channel   string     `json:"channel"` // empty: the newest text of that direction
	Choice    int        `json:"choice"`
	Reason    Reason     `json:"reason"`
	Did       string     `json:"did"` // the exchange's verdict
	Findings  []Finding  `json:"findings"`
	At        time.Time  `json:"at"`
	Decisions []Decision `json:"decisions"` // oldest first
	Outcome   Outcome    `json:"outcome"`
}

// holds tells whether a finding stands in the sample's own text.
func (s Sample) holds(f Finding) bool {
	return f.Direction == s.Direction && f.Channel == s.Channel && f.Choice == s.Choice
}

// Decision is what one person said of a sample.
type Decision struct {
	ID       string    `json:"id"`
	Reviewer string    `json:"reviewer"`
	Verdict  Verdict   `json:"verdict"`
	Labels   []string  `json:"labels"`
	Note     string    `json:"note"`
	At       time.Time `json:"at"`
}

type ratesAt struct {
	generation uint64
	byService  map[string]Rates
}

type rateRow struct {
	Service string `db:"service"`
	Rates   string `db:"rates"`
}

// Rates returns what a service has declared. It asks the database only after the journal's Generation has moved.
func (r *Register) Rates(ctx context.Context, service string) (Rates, error) {
	generation := r.j.Generation()
	at := r.rates.Load()
	if at == nil || at.generation != generation {
		rows, err := store.Rows[rateRow](ctx, r.db.R, `SELECT service, rates FROM review_rate`)
		if err != nil {
			return Rates{}, fmt.Errorf("review: rates: %w", err)
		}
		at = &ratesAt{generation, map[string]Rates{}}
		for _, row := range rows {
			var rates Rates
			if err := json.Unmarshal([]byte(row.Rates), &rates); err != nil {
				return Rates{}, fmt.Errorf("review: rates of %s are damaged: %w", row.Service, err)
			}
			at.byService[row.Service] = rates
		}
		r.rates.Store(at)
	}
	if rates, ok := at.byService[service]; ok {
		return rates, nil
	}
	return DefaultRates(), nil
}

// SetRates declares a service's rates; every node follows within a second.
func (r *Register) SetRates(ctx context.Context, who journal.Actor, service string, rates Rates) error {
	if err := needPerson(who); err != nil {
		return err
	}
	if err := rates.check(); err != nil {
		return err
	}
	b, err := json.Marshal(rates)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	now := r.clock()
	event, err := r.event(who, journal.ReviewRates, "service", service, now, map[string]any{"rates": rates})
	if err != nil {
		return err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO review_rate (service, rates, at_ms, event) VALUES ($1, $2, $3, $4)
			ON CONFLICT (service) DO UPDATE SET rates = excluded.rates, at_ms = excluded.at_ms, event = excluded.event`, service, string(b), now.UnixMilli(), event.ID)
		return err
	}})
	if err != nil {
		return fmt.Errorf("review: rates: %w", err)
	}
	return nil
}

// Draw decides whether an exchange that has ended becomes a sample, and makes it one. The choice depends on the exchange's
// id alone, so that it can be checked and not be steered. It is cheap for those that are not drawn. It returns the
// sample's id, "" when there is none.
func (r *Register) Draw(ctx context.Context, x Exchange) (string, error) {
	if x.Probe || x.Subject == "" {
		return "", nil
	}
	rates, err := r.Rates(ctx, x.Service)
	if err != nil {
		return "", err
	}
	s, drawn := choose(x, rates)
	if !drawn {
		return "", nil
	}
	// Only the stored record tells whether there is content to look at.
	if kept, err := r.src.Exchange(ctx, x.ID); err != nil || !kept.Kept {
		return "", err
	}
	waiting, err := store.Row[int64](ctx, r.db.R, `SELECT COUNT(*) FROM review_sample WHERE state = 'open'`)
	if err != nil {
		return "", fmt.Errorf("review: draw: %w", err)
	}
	if waiting >= OpenLimit {
		return "", nil
	}
	event, row, err := r.sampled(&s, journal.Actor{Kind: "system", ID: "review"})
	if err != nil {
		return "", err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		if gone, err := erased(ctx, tx, s.Subject); err != nil || gone {
			return errors.Join(err, journal.ErrErased)
		}
		return row(ctx, tx)
	}})
	if store.IsUnique(err) || errors.Is(err, journal.ErrErased) {
		return "", nil // drawn before, or the user has gone meanwhile
	}
	if err != nil {
		return "", fmt.Errorf("review: draw: %w", err)
	}
	return s.ID, nil
}

// choose is Draw's choice.
func choose(x Exchange, rates Rates) (Sample, bool) {
	for _, c := range []struct {
		reason Reason
		rate   float64
		at     func() (Finding, bool)
	}{
		{Disagreement, rates.Disagreement, func() (Finding, bool) { return disagreed(x) }},
		{Threshold, rates.Threshold, func() (Finding, bool) {
			i := slices.IndexFunc(x.Findings, func(f Finding) bool {
				return f.Score > 0 && f.Score >= rates.At-rates.Near && f.Score <= rates.At+rates.Near
			})
			if i < 0 {
				return Finding{}, false
			}
			return x.Findings[i], true
		}},
		{Random, rates.Random, func() (Finding, bool) { return anyText(x), true }},
	} {
		if !lot(string(c.reason), x.ID, c.rate) {
			continue
		}
		if at, ok := c.at(); ok {
			return sampleAt(x, at, c.reason), true
		}
	}
	return Sample{}, false
}

// lot draws by a hash: the same id has the same lot for ever, and no two reasons share one.
func lot(of, id string, rate float64) bool {
	sum := sha256.Sum256([]byte("hegui review " + of + " " + id))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11)/(1<<53) < rate
}

// disagreed finds a text in which one detector found something and another that looked did not.
func disagreed(x Exchange) (Finding, bool) {
	for _, f := range x.Findings {
		for _, d := range x.Looked {
			if d != f.Detector && !slices.ContainsFunc(x.Findings, func(g Finding) bool {
				return g.Detector == d && g.Direction == f.Direction && g.Channel == f.Channel && g.Choice == f.Choice
			}) {
				return f, true
			}
		}
	}
	return Finding{}, false
}

// anyText is the text that a random sample looks at: where something was found, else question or answer by lot.
func anyText(x Exchange) Finding {
	if f, ok := acting(x); ok {
		return f
	}
	if x.Answered && lot("answer", x.ID, 0.5) {
		return Finding{Direction: "out"}
	}
	return Finding{Direction: "in"}
}

// acting is the finding of the strongest tier.
func acting(x Exchange) (Finding, bool) {
	for _, tier := range []string{"block", "signal", "observe"} {
		if i := slices.IndexFunc(x.Findings, func(f Finding) bool { return f.Tier == tier }); i >= 0 {
			return x.Findings[i], true
		}
	}
	return Finding{}, false
}

func sampleAt(x Exchange, at Finding, reason Reason) Sample {
	return Sample{ID: store.NewID(), Exchange: x.ID, Service: x.Service, Subject: x.Subject, Direction: at.Direction, Channel: at.Channel,
		Choice: at.Choice, Reason: reason, Did: x.Verdict, Findings: x.Findings}
}

// sampled makes the event and the row of a sample.
func (r *Register) sampled(s *Sample, who journal.Actor) (journal.Event, func(context.Context, *sql.Tx) error, error) {
	s.At = r.clock()
	if s.Findings == nil {
		s.Findings = []Finding{}
	}
	findings, err := json.Marshal(s.Findings)
	if err != nil {
		return journal.Event{}, nil, fmt.Errorf("review: %w", err)
	}
	event, err := r.event(who, journal.ReviewSampled, "sample", s.ID, s.At, map[string]any{"exchange": s.Exchange, "reason": s.Reason})
	if err != nil {
		return event, nil, err
	}
	return event, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO review_sample (id, exchange, service, subject, direction, channel, choice, reason, verdict, findings, state, at_ms, event)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11, $12)`, s.ID, s.Exchange, s.Service, s.Subject, s.Direction, s.Channel,
			int64(s.Choice), string(s.Reason), s.Did, string(findings), s.At.UnixMilli(), event.ID)
		return err
	}, nil
}

type sampleRow struct {
	ID        string `db:"id"`
	Exchange  string `db:"exchange"`
	Service   string `db:"service"`
	Subject   string `db:"subject"`
	Direction string `db:"direction"`
	Channel   string `db:"channel"`
	Choice    int64  `db:"choice"`
	Reason    string `db:"reason"`
	Verdict   string `db:"verdict"`
	Findings  string `db:"findings"`
	AtMS      int64  `db:"at_ms"`
}

type decisionRow struct {
	ID       string `db:"id"`
	Sample   string `db:"sample"`
	Reviewer string `db:"reviewer"`
	Verdict  string `db:"verdict"`
	Labels   string `db:"labels"`
	Note     string `db:"note"`
	AtMS     int64  `db:"at_ms"`
}

// load reads samples that a condition selects, oldest first, with their decisions; outcomes are not filled in.
func (r *Register) load(ctx context.Context, where string, args ...any) ([]Sample, error) {
	rows, err := store.Rows[sampleRow](ctx, r.db.R, `SELECT id, exchange, service, subject, direction, channel, choice, reason, verdict, findings, at_ms
		FROM review_sample WHERE `+where+` ORDER BY id`, args...)
	if err != nil {
		return nil, fmt.Errorf("review: samples: %w", err)
	}
	decisions, err := store.Rows[decisionRow](ctx, r.db.R, `SELECT id, sample, reviewer, verdict, labels, note, at_ms FROM review_decision
		WHERE sample IN (SELECT id FROM review_sample WHERE `+where+`) ORDER BY id`, args...)
	if err != nil {
		return nil, fmt.Errorf("review: decisions: %w", err)
	}
	of := map[string][]Decision{}
	for _, d := range decisions {
		of[d.Sample] = append(of[d.Sample], Decision{d.ID, d.Reviewer, Verdict(d.Verdict), split(d.Labels), d.Note, time.UnixMilli(d.AtMS).UTC()})
	}
	out := make([]Sample, len(rows))
	for i, row := range rows {
		s := Sample{ID: row.ID, Exchange: row.Exchange, Service: row.Service, Subject: row.Subject, Direction: row.Direction, Channel: row.Channel,
			Choice: int(row.Choice), Reason: Reason(row.Reason), Did: row.Verdict, At: time.UnixMilli(row.AtMS).UTC(), Decisions: of[row.ID]}
		if err := json.Unmarshal([]byte(row.Findings), &s.Findings); err != nil {
			return nil, fmt.Errorf("review: findings of sample %s are damaged: %w", row.ID, err)
		}
		out[i] = s
	}
	return out, nil
}

// Figures is what the decisions of the last Window say.
type Figures struct {
	Open      int        `json:"open"`
	Waiting   int        `json:"waiting"` // for a second or third person
	Counted   int        `json:"counted"`
	Overturn  Share      `json:"overturn"` // of what counts
	Reviewers []Reviewer `json:"reviewers"`
	Agreement Agreement  `json:"agreement"`
	Rates     []Rate     `json:"rates"`
}

// judged loads the samples of the last Window with their outcomes.
func (r *Register) judged(ctx context.Context) ([]Sample, []Reviewer, error) {
	if err := r.sweep(ctx); err != nil {
		return nil, nil, err
	}
	samples, err := r.load(ctx, `at_ms >= $1`, r.clock().Add(-Window).UnixMilli())
	if err != nil {
		return nil, nil, err
	}
	people := reviewers(samples)
	bounded := boundedOf(people)
	for i := range samples {
		samples[i].Outcome = settle(samples[i].Decisions, bounded)
	}
	return samples, people, nil
}

// Figures sums the last Window.
func (r *Register) Figures(ctx context.Context) (Figures, error) {
	samples, people, err := r.judged(ctx)
	if err != nil {
		return Figures{}, err
	}
	f := Figures{Reviewers: people, Agreement: agreement(samples), Rates: ratesOf(samples)}
	over := 0
	for _, s := range samples {
		switch {
		case s.Outcome.Counts:
			f.Counted++
			if s.Outcome.Verdict != Right {
				over++
			}
		case s.Outcome.Waits == "first":
			f.Open++
		default:
			f.Waiting++
		}
	}
	f.Overturn = ShareOf(over, f.Counted)
	return f, nil
}

// Filter selects samples of the last Window; zero fields do not restrict.
type Filter struct {
	Service string
	Reason  Reason
	State   string // open, waiting, counted
	Limit   int    // 0: all
}

// Samples lists what a filter selects: disputes first, then the oldest first.
func (r *Register) Samples(ctx context.Context, f Filter) ([]Sample, error) {
	samples, _, err := r.judged(ctx)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(samples, func(s Sample) bool {
		state := "waiting"
		switch {
		case s.Outcome.Counts:
			state = "counted"
		case s.Outcome.Waits == "first":
			state = "open"
		}
		return f.Service != "" && s.Service != f.Service || f.Reason != "" && s.Reason != f.Reason || f.State != "" && state != f.State
	})
	slices.SortStableFunc(out, func(a, b Sample) int {
		switch {
		case a.Reason == b.Reason || a.Reason != Disputed && b.Reason != Disputed:
			return strings.Compare(a.ID, b.ID)
		case a.Reason == Disputed:
			return -1
		}
		return 1
	})
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out, nil
}

// Sample returns one, however old.
func (r *Register) Sample(ctx context.Context, id string) (Sample, error) {
	_, people, err := r.judged(ctx)
	if err != nil {
		return Sample{}, err
	}
	list, err := r.load(ctx, `id = $1`, id)
	if err != nil {
		return Sample{}, err
	}
	if len(list) == 0 {
		return Sample{}, fmt.Errorf("%w: sample %q", ErrUnknown, id)
	}
	list[0].Outcome = settle(list[0].Decisions, boundedOf(people))
	return list[0], nil
}

// Open reads a sample's text through the vault; who read it and why is recorded first. A user erased meanwhile is
// journal.ErrErased, and the sample is gone.
func (r *Register) Open(ctx context.Context, who journal.Actor, id, reason string) (Sample, string, error) {
	if strings.TrimSpace(reason) == "" {
		return Sample{}, "", &InvalidError{Field: "reason", Mend: "say why you open the content; it is recorded"}
	}
	s, err := r.Sample(ctx, id)
	if err != nil {
		return s, "", err
	}
	texts, err := r.src.Read(ctx, who, s.Exchange, reason)
	if err != nil {
		return s, "", err
	}
	text, ok := textOf(texts, s)
	if !ok {
		return s, "", ErrNoContent
	}
	return s, text, nil
}

var place = regexp.MustCompile(`[0-9]+`)

// textOf finds a sample's text among those of its exchange: the one of its very channel, else the one with the same
// numbers in its channel's name, else the newest of its direction.
func textOf(texts []Text, s Sample) (string, bool) {
	same := slices.DeleteFunc(slices.Clone(texts), func(t Text) bool { return t.Direction != s.Direction || t.Choice != s.Choice || t.Text == "" })
	for _, fits := range []func(Text) bool{
		func(t Text) bool { return t.Channel == s.Channel },
		func(t Text) bool {
			of := place.FindString(s.Channel)
			return of != "" && place.FindString(t.Channel) == of
		},
	} {
		if i := slices.IndexFunc(same, fits); i >= 0 {
			return same[i].Text, true
		}
	}
	if len(same) == 0 {
		return "", false
	}
	return same[len(same)-1].Text, true
}

// Decide records what a person says of a sample: the first reading, or another person's second or third. A demotion that
// the figures then ask for is proposed.
func (r *Register) Decide(ctx context.Context, who journal.Actor, id string, d Decision) (Sample, error) {
	if err := needPerson(who); err != nil {
		return Sample{}, err
	}
	if !slices.Contains(Verdicts(), d.Verdict) {
		return Sample{}, &InvalidError{Field: "verdict", Value: string(d.Verdict), Mend: "use right, over_blocked, missed or wrong_category"}
	}
	labels, err := checkLabels(d.Labels)
	if err != nil {
		return Sample{}, err
	}
	if d.Verdict == OverBlocked && len(labels) > 0 {
		return Sample{}, &InvalidError{Field: "labels", Value: join(labels), Mend: "a text that was blocked wrongly has no risk; say wrong category if it has another"}
	}
	if (d.Verdict == Missed || d.Verdict == WrongCategory) && len(labels) == 0 {
		return Sample{}, &InvalidError{Field: "labels", Mend: "name the risk that the text has"}
	}
	if err := checkNote(d.Note); err != nil {
		return Sample{}, err
	}
	s, err := r.Sample(ctx, id)
	if err != nil {
		return s, err
	}
	if d.Verdict == Right && len(labels) == 0 {
		labels = s.found() // agreeing with the machine is agreeing with the risks it named
	}
	d.ID, d.Reviewer, d.Labels, d.At = store.NewID(), who.ID, labels, r.clock()
	event, err := r.event(who, journal.ReviewDecided, "sample", id, d.At, map[string]any{"exchange": s.Exchange, "verdict": d.Verdict, "labels": labels, "reading": len(s.Decisions) + 1})
	if err != nil {
		return s, err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		if err := one(tx.ExecContext(ctx, `UPDATE review_sample SET state = 'decided' WHERE id = $1`, id)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO review_decision (id, sample, reviewer, verdict, labels, note, at_ms, event) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			d.ID, id, d.Reviewer, string(d.Verdict), join(d.Labels), d.Note, d.At.UnixMilli(), event.ID)
		return err
	}})
	switch {
	case store.IsUnique(err):
		return s, ErrDecided
	case errors.Is(err, ErrState): // erased meanwhile
		return s, fmt.Errorf("%w: sample %q", ErrUnknown, id)
	case err != nil:
		return s, fmt.Errorf("review: decide: %w", err)
	}
	if d.Verdict == OverBlocked {
		if err := r.propose(ctx); err != nil {
			return s, err
		}
	}
	return r.Sample(ctx, id)
}

// found lists the risks that were found in the sample's text.
func (s Sample) found() []string {
	var out []string
	for _, f := range s.Findings {
		if s.holds(f) && !slices.Contains(out, f.Category) {
			out = append(out, f.Category)
		}
	}
	labels, err := checkLabels(out)
	if err != nil { // kinds of personal information are no risks
		labels = slices.DeleteFunc(out, func(l string) bool { _, err := checkLabels([]string{l}); return err != nil })
		slices.Sort(labels)
	}
	return labels
}
