package review

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

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
