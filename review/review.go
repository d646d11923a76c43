// Package review is where people judge what the machines decided: samples of exchanges, decisions, disputes of users, the
// rates at which entries and detectors are overturned, demotions proposed from them, and the classifiers trained from what
// was decided (Art 4, 11, 15).
//
// A sample names a text of an exchange and never holds it. Content is read through the vault, each time with a reason and an
// event; erasing a user removes the user's samples, decisions and disputes. The journal carries ids, labels and counts.
//
// No figure acts by itself: a demotion is proposed, seconded by one person and approved by another, and then stands in the
// lexicon's draft, which has a gate of its own.
package review

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

//go:embed sql/*.sql
var migrations embed.FS

// Limits of this package. Ours: neither law nor standard names numbers for them.
const (
	// Window is how far back figures look.
	Window = 90 * 24 * time.Hour
	// MinReviewed is how many different users' hits of an entry must have been judged before a demotion is proposed.
	MinReviewed = 20
	// OverturnLimit is what the lower bound of the overturned share (95 %) must exceed for that.
	OverturnLimit = 0.5
	// ReviewerMin and ReviewerLimit bound a reviewer: whoever has overturned more than this share of at least so many samples
	// decides nothing alone.
	ReviewerMin   = 20
	ReviewerLimit = 0.8
	// OpenLimit is how many samples may wait; beyond it only disputes are added.
	OpenLimit = 10_000
	// DisputesPerUser and DisputesPerAddress are taken in a day (DisputeDay).
	DisputesPerUser    = 5
	DisputesPerAddress = 20
	DisputeDay         = 24 * time.Hour
	// MaxReason bounds what a user writes, in bytes; MaxNote what a reviewer does.
	MaxReason = 4000
	MaxNote   = 2000
)

var (
	// ErrUnknown says that there is no such sample, dispute, proposal or classifier.
	ErrUnknown = errors.New("review: there is none of that id")
	// ErrUnknownExchange says that no exchange has that id.
	ErrUnknownExchange = errors.New("review: no exchange has that id")
	// ErrDecided says that this person has judged the sample already.
	ErrDecided = errors.New("review: you have judged this sample already; another person can read it a second time")
	// ErrUnseen says that this person has not opened the sample's text.
	ErrUnseen = errors.New("review: open the text before you judge it")
	// ErrSamePerson says that another person must do it.
	ErrSamePerson = errors.New("review: another person must do this")
	// ErrState says that it is past the state in which this can be done.
	ErrState = errors.New("review: this cannot be done any more; look at it again")
	// ErrDisputed says that the exchange has been disputed before.
	ErrDisputed = errors.New("review: this exchange has been disputed already; its receipt tells how it stands")
	// ErrNotDisputable says that nothing was decided about the content of an exchange.
	ErrNotDisputable = errors.New("review: nothing was refused for its content in this exchange")
	// ErrTooMany says that somebody disputes more than is taken in a day.
	ErrTooMany = errors.New("review: too many disputes in a day; try again tomorrow")
	// ErrNoContent says that the text is no longer, or was never, kept.
	ErrNoContent = errors.New("review: no content is kept of this exchange")
)

// InvalidError is bad input: which field, the value, and how to mend it.
type InvalidError struct{ Field, Value, Mend string }

func (e *InvalidError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("review: %s: %s", e.Field, e.Mend)
	}
	return fmt.Sprintf("review: %s %.80q: %s", e.Field, e.Value, e.Mend)
}

// Finding is one hit of a detector as an exchange records it: its place and entry, never the text.
type Finding struct {
	Direction string  `json:"direction"` // in, out
	Channel   string  `json:"channel"`
	Choice    int     `json:"choice"`
	Category  string  `json:"category"`
	Tier      string  `json:"tier"`
	Detector  string  `json:"detector"`
	Artefact  string  `json:"artefact"`
	Entry     string  `json:"entry"`
	Score     float64 `json:"score,omitempty"` // 0: the detector gives none
	Start     int     `json:"start"`
	End       int     `json:"end"`
}

// Exchange is what review needs to know of one.
type Exchange struct {
	ID, Service, Subject string
	At                   time.Time
	Verdict, Code        string
	Acted                bool // something was refused, stopped or replaced for its content
	Answered             bool // there is an answer to look at
	Kept                 bool // content was kept
	Probe                bool // hegui's own self-test
	Findings             []Finding
	Looked               []string // names of the detectors that looked, whether they found anything or not
}

// Text is one text of an exchange's content.
type Text struct {
	Direction string
	Channel   string
	Choice    int
	Text      string
}

// Source is what review asks other registers for. All functions but the Learner's are needed.
type Source struct {
	// Exchange tells of one; ErrUnknownExchange when there is none.
	Exchange func(ctx context.Context, id string) (Exchange, error)
	// Read opens the texts of an exchange for somebody, after recording who reads and why. ErrNoContent when none is kept,
	// journal.ErrErased when the user has been erased.
	Read func(ctx context.Context, who journal.Actor, exchange, reason string) ([]Text, error)
	// MayTrain tells whether a service has declared that content may serve to train its own detectors.
	MayTrain func(service string) bool
	// Entry returns an entry of the lexicon as the draft has it, and whether there is one.
	Entry func(ctx context.Context, id string) (moderation.Entry, bool, error)
	// Demote puts an entry with another tier into the lexicon's draft.
	Demote func(ctx context.Context, who journal.Actor, id string, to moderation.Tier) error
	// Bank lists the questions that must be answered; wordings of one question share its id.
	Bank func() []Question
	// Learner trains classifiers and opens them. Without one nothing can be trained.
	Learner Learner
}

// Learner is what trains classifiers. This house keeps what it makes and knows nothing of how.
type Learner struct {
	// Train makes a classifier.
	Train func(ctx context.Context, samples []Example) (Learned, error)
	// Open reads an artefact as a detector of a name.
	Open func(artefact []byte, name string) (moderation.Detector, error)
}

// Learned is what a Learner has made.
type Learned struct {
	Artefact   []byte
	Report     json.RawMessage // the trainer's own
	Calibrated []Calibrated
}

// Calibrated is what the threshold of one risk was chosen by.
type Calibrated struct {
	Category  string  `json:"category"`
	Threshold float64 `json:"threshold"`  // odds from which on it is a finding, as a share of 1
	Limit     float64 `json:"limit"`      // share of harmless text that it may hit
	OverBlock Share   `json:"over_block"` // of the harmless texts kept to calibrate with
	Shown     bool    `json:"shown"`      // the upper end of that interval keeps the limit; else there were too few texts to tell
	Needed    int     `json:"needed"`     // harmless texts, of which none is hit, that would show it
}

// Example is one text to learn from.
type Example struct {
	Text   string
	Labels []string // risks; none: harmless
	Weight float64
	Group  string // examples of one user stand together
}

// Question is one wording of a question that must be answered.
type Question struct{ ID, Text string }

// Register is the open register. Safe for concurrent use, also of several processes. Close it before the journal.
type Register struct {
	db    *store.DB
	j     *journal.Journal
	vault *journal.Vault
	src   Source
	now   func() time.Time

	rates atomic.Pointer[ratesAt]
	swept atomic.Uint64 // generation at which erased subjects were last looked for, plus one
	line  atomic.Pointer[lineup]

	background context.Context
	stop       context.CancelFunc
	jobs       sync.WaitGroup
}

// Open migrates the tables.
func Open(ctx context.Context, db *store.DB, j *journal.Journal, v *journal.Vault, src Source) (*Register, error) {
	for name, missing := range map[string]bool{"Exchange": src.Exchange == nil, "Read": src.Read == nil, "MayTrain": src.MayTrain == nil,
		"Entry": src.Entry == nil, "Demote": src.Demote == nil, "Bank": src.Bank == nil} {
		if missing {
			return nil, fmt.Errorf("review: Source.%s is missing", name)
		}
	}
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("review: %w", err)
	}
	if err := db.Migrate(ctx, "review", files); err != nil {
		return nil, fmt.Errorf("review: %w", err)
	}
	r := &Register{db: db, j: j, vault: v, src: src, now: time.Now}
	r.background, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	return r, nil
}

// Close ends a training that runs and waits for it.
func (r *Register) Close() {
	r.stop()
	r.jobs.Wait()
}

func (r *Register) clock() time.Time { return r.now().UTC().Truncate(time.Millisecond) }

// event makes one; body holds ids, labels and counts only.
func (r *Register) event(who journal.Actor, verb journal.Verb, kind, id string, at time.Time, body map[string]any) (journal.Event, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return journal.Event{}, fmt.Errorf("review: body of %s: %w", verb, err)
	}
	return journal.Event{ID: store.NewID(), At: at, Who: who, Verb: verb, Ref: journal.Ref{Kind: kind, ID: id}, Body: b}, nil
}

// person tells whether an actor is somebody who can stand for a decision.
func person(a journal.Actor) bool {
	return a.ID != "" && (a.Kind == "staff" || a.Kind == "cli" && a.ID != "hegui")
}

func needPerson(a journal.Actor) error {
	if !person(a) {
		return &InvalidError{Field: "by", Value: a.ID, Mend: "name the staff member who does this"}
	}
	return nil
}

func checkNote(note string) error {
	if len(note) > MaxNote {
		return &InvalidError{Field: "note", Value: note, Mend: fmt.Sprintf("use at most %d bytes", MaxNote)}
	}
	return nil
}

// checkLabels orders risks and refuses what is none.
func checkLabels(labels []string) ([]string, error) {
	labels = slices.Clone(labels)
	slices.Sort(labels)
	labels = slices.Compact(labels)
	for _, l := range labels {
		if _, ok := measures.RiskByID(l); !ok {
			return nil, &InvalidError{Field: "labels", Value: l, Mend: "name risks, A1a … A5b"}
		}
	}
	return labels, nil
}

// one turns an update that found no row into ErrState.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrState, err)
	}
	return nil
}

// sweep removes what is left of subjects that have been erased since it last looked. Every reading begins with it.
func (r *Register) sweep(ctx context.Context) error {
	generation := r.j.Generation() + 1
	if r.swept.Load() == generation {
		return nil
	}
	const gone = ` WHERE subject IN (SELECT subject FROM subject_key WHERE destroyed_at > 0)`
	subjects, err := store.Rows[string](ctx, r.db.R, `SELECT subject FROM review_sample`+gone+` UNION SELECT subject FROM review_dispute`+gone)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	for _, subject := range subjects {
		if err := r.forget(ctx, subject); err != nil {
			return err
		}
	}
	r.swept.Store(generation)
	return nil
}

// forget removes everything about a subject.
func (r *Register) forget(ctx context.Context, subject string) error {
	samples, err := store.Row[int64](ctx, r.db.R, `SELECT COUNT(*) FROM review_sample WHERE subject = $1`, subject)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	event, err := r.event(journal.Actor{Kind: "system", ID: "review"}, journal.ReviewErased, "user", subject, r.clock(), map[string]any{"samples": samples})
	if err != nil {
		return err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		for _, q := range []string{`DELETE FROM review_decision WHERE sample IN (SELECT id FROM review_sample WHERE subject = $1)`,
			`DELETE FROM review_opening WHERE sample IN (SELECT id FROM review_sample WHERE subject = $1)`,
			`DELETE FROM review_sample WHERE subject = $1`, `DELETE FROM review_dispute WHERE subject = $1`} {
			if _, err := tx.ExecContext(ctx, q, subject); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("review: forget: %w", err)
	}
	return nil
}

// erased tells inside a transaction whether a subject has been erased.
func erased(ctx context.Context, tx *sql.Tx, subject string) (bool, error) {
	n, err := store.Row[int64](ctx, tx, `SELECT COUNT(*) FROM subject_key WHERE subject = $1 AND destroyed_at > 0`, subject)
	return n > 0, err
}

func join(labels []string) string { return strings.Join(labels, " ") }

func split(labels string) []string { return strings.Fields(labels) }
