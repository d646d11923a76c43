package lexicon

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// Return is an earlier version as the gate measured it beside the one in force.
type Return struct {
	N        int       `json:"n"`      // the version that would be in force again
	Base     int       `json:"base"`   // the one in force when it was measured
	Agreed   bool      `json:"agreed"` // two persons have agreed to these very entries before
	Figures  Figures   `json:"figures"`
	Proposal *Proposal `json:"proposal,omitempty"` // somebody asks for a second person's approval
}

// Concerns lists why a second person must approve; none: one person may go back alone. They are those of publishing, held
// to what is in force: the limit alone does not hold a version that refuses no more, for staying would be no better; and of
// a version that two persons have agreed to, only what it refuses of the bank of today is asked about again.
func (b Return) Concerns() []OverBlock {
	all := b.Figures.Concerns()
	if !slices.ContainsFunc(all, func(c OverBlock) bool {
		return c.Code == "bank_rises" || !b.Agreed && c.Code != "bank_limit"
	}) {
		return nil
	}
	return all
}

// Passes tells whether one person may go back.
func (b Return) Passes() bool { return len(b.Concerns()) == 0 }

// way reads an earlier version and where it would be put: Base and Agreed.
func (r *Register) way(ctx context.Context, n int) (Return, error) {
	b := Return{N: n}
	list, err := r.Versions(ctx)
	if err != nil {
		return b, err
	}
	if len(list) > 0 {
		b.Base = list[0].N
	}
	if n == b.Base {
		return b, &InvalidError{Field: "version", Value: strconv.Itoa(n), Mend: "is in force already; name an earlier one, or 0 for none of the register's own entries"}
	}
	if n == 0 {
		return b, nil
	}
	at := slices.IndexFunc(list, func(v Version) bool { return v.N == n })
	if at < 0 {
		return b, fmt.Errorf("%w: %d", ErrNoVersion, n)
	}
	b.Agreed = slices.ContainsFunc(list, func(v Version) bool { return v.Hash == list[at].Hash && v.Approved.ID != "" })
	return b, nil
}

// Rollback publishes an earlier version again, as a new one, on what the gate has measured of it today beside the version
// that is still in force. When a second person is needed it is ErrNeedsSecond and nothing changes: ProposeRollback then, and
// let another ApproveRollback. The draft stays as it is.
func (r *Register) Rollback(ctx context.Context, who journal.Actor, n int, note string, measured Return) (Version, error) {
	if err := checkNote(note); err != nil {
		return Version{}, err
	}
	b, err := r.readyBack(ctx, n, measured)
	if err != nil {
		return Version{}, err
	}
	if !b.Passes() {
		return Version{}, ErrNeedsSecond
	}
	return r.goBack(ctx, b, Version{By: who, Note: note})
}

// readyBack holds what was measured of a version to what is stored now: who agreed is never taken from the caller.
func (r *Register) readyBack(ctx context.Context, n int, measured Return) (Return, error) {
	b, err := r.way(ctx, n)
	switch {
	case err != nil:
		return b, err
	case measured.N != n, measured.Figures.At.IsZero(), Today(measured.Figures.At) != Today(r.now()):
		return b, ErrNotMeasured
	case measured.Base != b.Base:
		return b, ErrRaced
	}
	b.Figures, b.Proposal = measured.Figures, measured.Proposal
	return b, nil
}

// goBack writes the version; what was measured and proposed beside the one before it goes.
func (r *Register) goBack(ctx context.Context, b Return, v Version) (Version, error) {
	entries, err := r.read(ctx, b.N)
	if err != nil {
		return Version{}, err
	}
	current, err := r.read(ctx, b.Base)
	if err != nil {
		return Version{}, err
	}
	v.N, v.Restores, v.Tally, v.Figures = b.Base+1, b.N, TallyOf(Compare(current, entries)), &b.Figures
	return r.publish(ctx, v, &b, entries, func(ctx context.Context, tx *sql.Tx) error { return r.outdate(ctx, tx) })
}

// ProposeRollback asks for a second person's approval of going back, on what the gate measured. It takes the place of what
// was asked before.
func (r *Register) ProposeRollback(ctx context.Context, who journal.Actor, n int, note string, measured Return) (Return, error) {
	if err := checkNote(note); err != nil {
		return Return{}, err
	}
	if !who.Person() {
		return Return{}, &InvalidError{Field: "by", Value: who.ID, Mend: "name the staff member who proposes it"}
	}
	b, err := r.readyBack(ctx, n, measured)
	if err != nil {
		return b, err
	}
	b.Proposal = &Proposal{who, r.now().UTC().Truncate(time.Millisecond), note}
	about, err := json.Marshal(b)
	if err != nil {
		return b, fmt.Errorf("lexicon: %w", err)
	}
	event, err := r.event(who, journal.LexiconDrafted, "rollback", b.Proposal.At, map[string]any{"what": "rollback proposed", "restores": n, "base": b.Base,
		"agreed": b.Agreed, "bank": b.Figures.Bank, "benign": b.Figures.Benign, "accepted": b.Figures.Accepted})
	if err != nil {
		return b, err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO lexicon_rollback (id, about) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET about = excluded.about`, string(about))
		return err
	}})
	if err != nil {
		return b, fmt.Errorf("lexicon: propose a rollback: %w", err)
	}
	return b, nil
}

// Proposed returns the rollback that waits for a second person; nil when none does. One lapses with the next version, and
// when the day of its figures ends.
func (r *Register) Proposed(ctx context.Context) (*Return, error) {
	about, err := store.Row[string](ctx, r.db.R, `SELECT about FROM lexicon_rollback WHERE id = 1`)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	var b Return
	if err == nil {
		err = json.Unmarshal([]byte(about), &b)
	}
	if err != nil {
		return nil, fmt.Errorf("lexicon: the proposed rollback: %w", err)
	}
	now, err := r.Newest(ctx)
	if err != nil {
		return nil, err
	}
	if now.N != b.Base || Today(b.Figures.At) != Today(r.now()) {
		return nil, nil
	}
	return &b, nil
}

// ApproveRollback puts the version in force again that somebody else has asked for. The new version is the proposer's,
// approved by who.
func (r *Register) ApproveRollback(ctx context.Context, who journal.Actor, n int) (Version, error) {
	if !who.Person() {
		return Version{}, &InvalidError{Field: "by", Value: who.ID, Mend: "name the staff member who approves it"}
	}
	proposed, err := r.Proposed(ctx)
	switch {
	case err != nil:
		return Version{}, err
	case proposed == nil || proposed.N != n:
		return Version{}, ErrNoRollback
	case proposed.Proposal.By.ID == who.ID:
		return Version{}, ErrSamePerson
	}
	b, err := r.readyBack(ctx, n, *proposed)
	if err != nil {
		return Version{}, err
	}
	return r.goBack(ctx, b, Version{By: b.Proposal.By, Approved: who, Note: b.Proposal.Note})
}

// MeasureRollback runs the gate over an earlier version, beside the one in force. An UnmeasuredError when it cannot.
func (w *Workbench) MeasureRollback(ctx context.Context, n int) (Return, error) {
	b, err := w.way(ctx, n)
	if err != nil {
		return b, err
	}
	own, err := w.read(ctx, n)
	if err == nil {
		b.Figures, err = w.gate(ctx, own)
	}
	if err != nil {
		return b, &UnmeasuredError{n, err}
	}
	return b, nil
}

// Restore measures an earlier version and publishes it again; or, when a second person is needed and who is one that can be
// named, asks for that person's approval. The error is then ErrNeedsSecond, and Return has the figures.
func (w *Workbench) Restore(ctx context.Context, who journal.Actor, n int, note string) (Version, Return, error) {
	if err := checkNote(note); err != nil {
		return Version{}, Return{}, err
	}
	b, err := w.MeasureRollback(ctx, n)
	if err != nil {
		return Version{}, b, err
	}
	v, err := w.Rollback(ctx, who, n, note, b)
	if errors.Is(err, ErrNeedsSecond) && who.Person() {
		proposed, failed := w.ProposeRollback(ctx, who, n, note, b)
		if failed != nil {
			return v, b, failed
		}
		b = proposed
	}
	return v, b, err
}

// UnmeasuredError says that a version was not put in force because the gate could not measure it, and why.
type UnmeasuredError struct {
	N   int
	Err error
}

func (e *UnmeasuredError) Error() string {
	return fmt.Sprintf("lexicon: version %d could not be measured, so it was not put in force and nothing has changed: %s; mend that and go back again", e.N, e.Err)
}

func (e *UnmeasuredError) Unwrap() error { return e.Err }
