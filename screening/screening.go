// Package screening keeps the state of texts that applications send slice by slice to be judged and show themselves (detached
// mode). It is in the database, so that any node can take the next slice: a change names the version it was made from and fails
// with ErrMoved when another node was faster. Texts and answers come sealed and are erased: texts when a screening ends, answers
// and the row when it expires.
package screening

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

//go:embed sql/*.sql
var migrations embed.FS

// State of a screening.
type State string

// The states. Only open takes slices.
const (
	Open       State = "open"
	Ended      State = "ended"      // its last slice has been judged
	Cut        State = "cut"        // a finding ended it
	Incomplete State = "incomplete" // slices were lost, or nothing came for too long
)

var (
	// ErrUnknown says that there is no such screening: it has not begun, or has expired.
	ErrUnknown = errors.New("screening: there is none of that id")
	// ErrMoved says that another request or node has changed it since it was read.
	ErrMoved = errors.New("screening: it has been changed since it was read")
)

// Screening is one text on its way.
type Screening struct {
	ID        string `db:"id"`
	Exchange  string `db:"exchange"`
	Key       string `db:"key_id"`
	Service   string `db:"service"`
	Subject   string `db:"subject"`
	Direction string `db:"direction"`
	State     State  `db:"state"`
	Version   int64  `db:"version"` // 0: not stored yet
	Next      int64  `db:"next"`
	Final     int64  `db:"final"`
	Bytes     int64  `db:"bytes"`
	Given     int64  `db:"given"`
	At        int64  `db:"at_ms"`
	Until     int64  `db:"until_ms"`
	Sealed    []byte `db:"sealed"`
}

// Slice is one piece of it.
type Slice struct {
	Seq    int64  `db:"seq"`
	Digest string `db:"digest"`
	Bytes  int64  `db:"bytes"`
	Text   []byte `db:"text"`
	Answer []byte `db:"answer"`
}

// Store is safe for concurrent use.
type Store struct {
	db *store.DB
	j  *journal.Journal
}

// New migrates the tables.
func New(ctx context.Context, db *store.DB, j *journal.Journal) (*Store, error) {
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("screening: %w", err)
	}
	if err := db.Migrate(ctx, "screening", files); err != nil {
		return nil, err
	}
	return &Store{db: db, j: j}, nil
}

const columns = `id, exchange, key_id, service, subject, direction, state, version, next, final, bytes, given, at_ms, until_ms, sealed`

// Find returns a screening as it stands.
func (s *Store) Find(ctx context.Context, id string) (Screening, error) {
	row, err := store.Row[Screening](ctx, s.db.R, `SELECT `+columns+` FROM screening WHERE id = $1`, id)
	if errors.Is(err, store.ErrNotFound) {
		return Screening{}, ErrUnknown
	}
	if err != nil {
		return Screening{}, fmt.Errorf("screening: %w", err)
	}
	return row, nil
}

// Slice returns one slice; ok is false when it has not come.
func (s *Store) Slice(ctx context.Context, id string, seq int64) (slice Slice, ok bool, err error) {
	slice, err = store.Row[Slice](ctx, s.db.R, `SELECT seq, digest, bytes, text, answer FROM screening_slice WHERE screening = $1 AND seq = $2`, id, seq)
	if errors.Is(err, store.ErrNotFound) {
		return Slice{}, false, nil
	}
	if err != nil {
		return Slice{}, false, fmt.Errorf("screening: slice: %w", err)
	}
	return slice, true, nil
}

// Slices returns the slices from one number up to, and without, another, in order, without their answers.
func (s *Store) Slices(ctx context.Context, id string, from, until int64) ([]Slice, error) {
	slices, err := store.Rows[Slice](ctx, s.db.R, `SELECT seq, digest, bytes, text, '' AS answer FROM screening_slice
		WHERE screening = $1 AND seq >= $2 AND seq < $3 ORDER BY seq`, id, from, until)
	if err != nil {
		return nil, fmt.Errorf("screening: slices: %w", err)
	}
	return slices, nil
}

// OpenOf counts the open screenings of a key, at most limit.
func (s *Store) OpenOf(ctx context.Context, key string, limit int) (int, error) {
	n, err := store.Row[int](ctx, s.db.R, `SELECT COUNT(*) FROM (SELECT 1 FROM screening WHERE key_id = $1 AND state = 'open' LIMIT $2) AS o`, key, limit)
	if err != nil {
		return 0, fmt.Errorf("screening: count: %w", err)
	}
	return n, nil
}

// Due lists open screenings that are to be given up, the oldest first.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]Screening, error) {
	rows, err := store.Rows[Screening](ctx, s.db.R, `SELECT `+columns+` FROM screening WHERE until_ms < $1 AND state = 'open' ORDER BY until_ms LIMIT $2`, now.UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("screening: due: %w", err)
	}
	return rows, nil
}

// Change is a step of a screening.
type Change struct {
	After  Screening // as it stands then; Version is the one that was read, 0 for a new one
	Slices []Slice   // new ones, and waiting ones that have been judged
}

// Apply makes a change within a transaction. When it ends the screening, the texts of its slices are erased.
func (s *Store) Apply(ctx context.Context, tx *sql.Tx, c Change) error {
	a := c.After
	if a.Sealed == nil {
		a.Sealed = []byte{}
	}
	var done sql.Result
	var err error
	if a.Version == 0 {
		done, err = tx.ExecContext(ctx, `INSERT INTO screening (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (id) DO NOTHING`,
			a.ID, a.Exchange, a.Key, a.Service, a.Subject, a.Direction, string(a.State), 1, a.Next, a.Final, a.Bytes, a.Given, a.At, a.Until, a.Sealed)
	} else {
		done, err = tx.ExecContext(ctx, `UPDATE screening SET state = $1, version = version + 1, next = $2, final = $3, bytes = $4, given = $5, until_ms = $6, sealed = $7
			WHERE id = $8 AND version = $9`, string(a.State), a.Next, a.Final, a.Bytes, a.Given, a.Until, a.Sealed, a.ID, a.Version)
	}
	if err != nil {
		return fmt.Errorf("screening: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return errors.Join(ErrMoved, err)
	}
	for _, x := range c.Slices {
		text, answer := x.Text, x.Answer
		if text == nil || a.State != Open {
			text = []byte{}
		}
		if answer == nil {
			answer = []byte{}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO screening_slice (screening, seq, digest, bytes, text, answer) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (screening, seq) DO UPDATE SET answer = $7`, a.ID, x.Seq, x.Digest, x.Bytes, text, answer, answer); err != nil {
			return fmt.Errorf("screening: slice: %w", err)
		}
	}
	if a.State != Open && (a.Version > 0 || len(c.Slices) > 1) {
		if _, err := tx.ExecContext(ctx, `UPDATE screening_slice SET text = $1 WHERE screening = $2 AND bytes > 0`, []byte{}, a.ID); err != nil {
			return fmt.Errorf("screening: erase: %w", err)
		}
	}
	return nil
}

// Commit makes a change durable, together with an event when there is one.
func (s *Store) Commit(ctx context.Context, c Change, events ...journal.Event) error {
	_, err := s.j.Commit(ctx, journal.Write{Events: events, Apply: func(ctx context.Context, tx *sql.Tx) error { return s.Apply(ctx, tx, c) }})
	return err
}

// sweepSize bounds what one Sweep erases, so that its transaction is short.
const sweepSize = 500

// Sweep erases ended screenings that have expired, some at a time, and returns how many it erased.
func (s *Store) Sweep(ctx context.Context, now time.Time) (int, error) {
	ids, err := store.Rows[string](ctx, s.db.R, `SELECT id FROM screening WHERE until_ms < $1 AND state <> 'open' ORDER BY until_ms LIMIT $2`, now.UnixMilli(), sweepSize)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	_, err = s.j.Commit(ctx, journal.Write{Apply: func(ctx context.Context, tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `DELETE FROM screening_slice WHERE screening = $1`, id); err != nil {
				return fmt.Errorf("screening: sweep: %w", err)
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM screening WHERE id = $1`, id); err != nil {
				return fmt.Errorf("screening: sweep: %w", err)
			}
		}
		return nil
	}})
	if err != nil {
		return 0, err
	}
	return len(ids), nil
}
