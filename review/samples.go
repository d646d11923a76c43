package review

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
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
	Picked       Reason = "picked" // by a person
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
	people, err := r.people(ctx)
	if err != nil {
		return nil, nil, err
	}
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

// people sums the decisions of the last Window by person.
func (r *Register) people(ctx context.Context) ([]Reviewer, error) {
	if err := r.sweep(ctx); err != nil {
		return nil, err
	}
	type row struct {
		Reviewer string `db:"reviewer"`
		All      int64  `db:"all_n"`
		Over     int64  `db:"over_n"`
	}
	rows, err := store.Rows[row](ctx, r.db.R, `SELECT reviewer, COUNT(*) AS all_n, COUNT(CASE WHEN verdict <> 'right' THEN 1 END) AS over_n FROM review_decision
		WHERE sample IN (SELECT id FROM review_sample WHERE at_ms >= $1) GROUP BY reviewer ORDER BY reviewer`, r.clock().Add(-Window).UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("review: reviewers: %w", err)
	}
	out := make([]Reviewer, len(rows))
	for i, row := range rows {
		out[i] = reviewer(row.Reviewer, int(row.Over), int(row.All))
	}
	return out, nil
}

// Sample returns one, however old.
func (r *Register) Sample(ctx context.Context, id string) (Sample, error) {
	people, err := r.people(ctx)
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
	if err != nil && !errors.Is(err, ErrNoContent) {
		return s, "", err
	}
	text, shown := textOf(texts, s)
	if err := r.opened(ctx, id, who.ID, shown); err != nil {
		return s, "", err
	}
	if !shown {
		return s, "", ErrNoContent
	}
	return s, text, nil
}

// opened notes that a sample's text was shown to somebody, or that there was none to show: a dispute of an exchange whose content
// is gone is judged by what was found in it.
func (r *Register) opened(ctx context.Context, sample, who string, shown bool) error {
	n := int64(0)
	if shown {
		n = 1
	}
	_, err := r.j.Commit(ctx, journal.Write{Apply: func(ctx context.Context, tx *sql.Tx) error { // together with others, not a disk's wait of its own
		_, err := tx.ExecContext(ctx, `INSERT INTO review_opening (sample, reviewer, shown, at_ms) VALUES ($1, $2, $3, $4)
			ON CONFLICT (sample, reviewer) DO UPDATE SET shown = excluded.shown, at_ms = excluded.at_ms`, sample, who, n, r.clock().UnixMilli())
		return err
	}})
	if err != nil {
		return fmt.Errorf("review: opening: %w", err)
	}
	return nil
}

// Seen tells whether somebody has opened a sample, and whether its text was shown then.
func (r *Register) Seen(ctx context.Context, sample, who string) (opened, shown bool, err error) {
	n, err := store.Row[int64](ctx, r.db.R, `SELECT shown FROM review_opening WHERE sample = $1 AND reviewer = $2`, sample, who)
	if errors.Is(err, store.ErrNotFound) {
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("review: opening: %w", err)
	}
	return true, n == 1, nil
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

// Decide records what a person says of a sample: the first reading, or another person's second or third. Who has not opened
// it says nothing about it: ErrUnseen. A demotion that the figures then ask for is proposed.
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
	opened, shown, err := r.Seen(ctx, id, who.ID)
	if err != nil {
		return s, err
	}
	if !opened {
		return s, ErrUnseen
	}
	if d.Verdict == Right && len(labels) == 0 {
		labels = s.found() // agreeing with the machine is agreeing with the risks it named
	}
	d.ID, d.Reviewer, d.Labels, d.At = store.NewID(), who.ID, labels, r.clock()
	event, err := r.event(who, journal.ReviewDecided, "sample", id, d.At, map[string]any{"exchange": s.Exchange, "verdict": d.Verdict, "labels": labels, "reading": len(s.Decisions) + 1, "shown": shown})
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
