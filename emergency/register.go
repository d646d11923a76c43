package emergency

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

//go:embed sql/*.sql
var migrations embed.FS

// Register is the open register. Safe for concurrent use, also of several processes.
type Register struct {
	db  *store.DB
	j   *journal.Journal
	now func() time.Time

	stricter func(context.Context, Measure) error

	last atomic.Pointer[live]
}

// live is what may be in force, as read at one Generation.
type live struct {
	generation uint64
	list       []Measure
}

// Open migrates the tables. stricter is asked before a period is declared and errs when the policy lets more through with its profile than
// without; nil: nobody is asked.
func Open(ctx context.Context, db *store.DB, j *journal.Journal, stricter func(context.Context, Measure) error) (*Register, error) {
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("emergency: %w", err)
	}
	if err := db.Migrate(ctx, "emergency", files); err != nil {
		return nil, fmt.Errorf("emergency: %w", err)
	}
	return &Register{db: db, j: j, now: time.Now, stricter: stricter}, nil
}

func (r *Register) read(ctx context.Context, where string, args ...any) ([]Measure, error) {
	rows, err := store.Rows[string](ctx, r.db.R, `SELECT body FROM emergency_measure`+where, args...)
	if err != nil {
		return nil, fmt.Errorf("emergency: %w", err)
	}
	list := make([]Measure, len(rows))
	for i, body := range rows {
		if err := json.Unmarshal([]byte(body), &list[i]); err != nil {
			return nil, fmt.Errorf("emergency: what is stored is damaged: %w", err)
		}
	}
	return list, nil
}

// List returns all measures, newest first, at most limit.
func (r *Register) List(ctx context.Context, limit int) ([]Measure, error) {
	return r.read(ctx, ` ORDER BY at_ms DESC, id DESC LIMIT $1`, limit)
}

// Find returns one measure; ErrUnknown when there is none.
func (r *Register) Find(ctx context.Context, id string) (Measure, error) {
	list, err := r.read(ctx, ` WHERE id = $1`, strings.ToUpper(strings.TrimSpace(id)))
	if err == nil && len(list) == 0 {
		return Measure{}, fmt.Errorf("%w: %q", ErrUnknown, id)
	}
	if err != nil {
		return Measure{}, err
	}
	return list[0], nil
}

// Declare puts a measure in force, or a period on the calendar. It holds on every node within a second.
func (r *Register) Declare(ctx context.Context, who journal.Actor, m Measure) (Measure, error) {
	if !who.Person() {
		return m, ErrNobody
	}
	now := r.now().UTC().Truncate(time.Millisecond)
	m.ID, m.By, m.At = store.NewID(), who, now
	m.Second, m.Signed, m.EndedBy, m.Ended, m.EndedWhy = journal.Actor{}, time.Time{}, journal.Actor{}, time.Time{}, ""
	m.From, m.Until = m.From.UTC().Truncate(time.Millisecond), m.Until.UTC().Truncate(time.Millisecond)
	if err := m.check(now); err != nil {
		return m, err
	}
	if err := r.fits(ctx, m, now); err != nil {
		return m, err
	}
	return m, r.commit(ctx, who, journal.EmergencyDeclared, m, false, func(ctx context.Context, tx *sql.Tx, body string) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO emergency_measure (id, kind, body, at_ms, over) VALUES ($1, $2, $3, $4, FALSE)`, m.ID, string(m.Kind), body, now.UnixMilli())
		return err
	})
}

// fits holds a measure to what is in force: a word stands there once, and a service follows one period at a time, which the policy must be
// stricter for.
func (r *Register) fits(ctx context.Context, m Measure, now time.Time) error {
	list, err := r.read(ctx, ` WHERE over = FALSE ORDER BY at_ms, id`)
	if err != nil {
		return err
	}
	for i := range list {
		other := &list[i]
		if s := other.State(now); s != InForce && s != Waiting || other.Kind != m.Kind {
			continue
		}
		shared := len(m.Services) == 0 || len(other.Services) == 0 || slices.ContainsFunc(m.Services, func(s string) bool { return slices.Contains(other.Services, s) })
		switch {
		case m.Kind == Entry && other.Text == m.Text && other.Category == m.Category:
			return &InvalidError{"text", m.Text, "is in force already (" + other.ID + "); sign or lift that one"}
		case m.Kind == Period && shared && m.From.Before(other.Until) && other.From.Before(m.Until):
			return &InvalidError{"from", day(m.From), fmt.Sprintf("the period %s (profile %s, %s to %s) is for a service and a time of these; lift it first, or choose other days", other.ID, other.Profile, day(other.From), day(other.Until))}
		}
	}
	if m.Kind == Period && r.stricter != nil {
		return r.stricter(ctx, m)
	}
	return nil
}

// Sign is the second signature, by another person than the one who declared it.
func (r *Register) Sign(ctx context.Context, who journal.Actor, id string) (Measure, error) {
	return r.change(ctx, who, id, journal.EmergencySigned, func(m *Measure, now time.Time) error {
		switch {
		case m.Kind != Entry:
			return ErrNoSignature
		case !who.Person():
			return ErrNobody
		case m.By.ID == who.ID:
			return ErrSamePerson
		case !m.Signed.IsZero() || m.State(now) != InForce && m.State(now) != Waiting:
			return fmt.Errorf("%w: it is %s", ErrState, m.State(now))
		}
		m.Second, m.Signed = who, now
		return nil
	})
}

// Lift ends a measure before its time; it needs a reason.
func (r *Register) Lift(ctx context.Context, who journal.Actor, id, why string) (Measure, error) {
	if why = strings.TrimSpace(why); why == "" {
		return Measure{}, &InvalidError{"reason", "", "say why; it is kept as evidence"}
	}
	return r.change(ctx, who, id, journal.EmergencyEnded, func(m *Measure, now time.Time) error {
		if s := m.State(now); s != InForce && s != Waiting {
			return fmt.Errorf("%w: it is %s", ErrState, s)
		}
		m.EndedBy, m.Ended, m.EndedWhy = who, now, why
		return nil
	})
}

// Settle records the measures that have come to their end or lapsed by themselves. They are out of force without it; it tells the journal.
func (r *Register) Settle(ctx context.Context, who journal.Actor) (int, error) {
	list, err := r.read(ctx, ` WHERE over = FALSE ORDER BY id`)
	if err != nil {
		return 0, err
	}
	now, n := r.now().UTC(), 0
	for _, m := range list {
		verb := journal.EmergencyEnded
		switch m.State(now) {
		case Lapsed:
			verb = journal.EmergencyLapsed
		case Over:
		default:
			continue
		}
		err := r.commit(ctx, who, verb, m, true, r.update(m, true))
		if err != nil && !errors.Is(err, ErrState) { // another node was first
			return n, err
		}
		n++
	}
	return n, nil
}

func (r *Register) change(ctx context.Context, who journal.Actor, id string, verb journal.Verb, change func(*Measure, time.Time) error) (Measure, error) {
	m, err := r.Find(ctx, id)
	if err != nil {
		return m, err
	}
	if err := change(&m, r.now().UTC().Truncate(time.Millisecond)); err != nil {
		return m, err
	}
	over := !m.Ended.IsZero()
	return m, r.commit(ctx, who, verb, m, over, r.update(m, over))
}

func (r *Register) update(m Measure, over bool) func(context.Context, *sql.Tx, string) error {
	return func(ctx context.Context, tx *sql.Tx, body string) error {
		done, err := tx.ExecContext(ctx, `UPDATE emergency_measure SET body = $1, over = $2 WHERE id = $3 AND over = FALSE`, body, over, m.ID)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, ErrState)
		}
		return nil
	}
}

// commit writes row and event in one transaction. The word itself stays out of the journal, which has its hash.
func (r *Register) commit(ctx context.Context, who journal.Actor, verb journal.Verb, m Measure, over bool, apply func(context.Context, *sql.Tx, string) error) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("emergency: %w", err)
	}
	told, err := json.Marshal(m.told())
	if err != nil {
		return fmt.Errorf("emergency: %w", err)
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{{Who: who, Verb: verb, Ref: journal.Ref{Kind: "emergency", ID: m.ID}, Body: told}},
		Apply: func(ctx context.Context, tx *sql.Tx) error { return apply(ctx, tx, string(body)) }})
	if err != nil {
		return fmt.Errorf("emergency: %w", err)
	}
	return nil
}

// told is the measure as the journal has it: the hash in place of the word.
func (m Measure) told() Measure {
	if m.Text != "" {
		sum := sha256.Sum256([]byte(m.Text))
		m.Text = "sha256:" + hex.EncodeToString(sum[:])
	}
	return m
}

// live is what may be in force now or later; it asks the database only after the journal's Generation has moved. A database that is
// away leaves what was known.
func (r *Register) live(ctx context.Context) ([]Measure, error) {
	generation := r.j.Generation()
	l := r.last.Load()
	if l != nil && l.generation == generation {
		return l.list, nil
	}
	list, err := r.read(ctx, ` WHERE over = FALSE ORDER BY at_ms, id`)
	if err != nil {
		if l != nil {
			return l.list, nil
		}
		return nil, err
	}
	r.last.Store(&live{generation, list})
	return list, nil
}

// Entries are the words in force now, as entries of the lexicon.
func (r *Register) Entries(ctx context.Context) ([]moderation.Entry, error) {
	list, err := r.live(ctx)
	if err != nil {
		return nil, err
	}
	now := r.now()
	var out []moderation.Entry
	for i := range list {
		if m := &list[i]; m.Kind == Entry && m.State(now) == InForce {
			out = append(out, m.Lexical())
		}
	}
	return out, nil
}

// Marker changes whenever Entries does.
func (r *Register) Marker(ctx context.Context) string {
	entries, err := r.Entries(ctx)
	if err != nil {
		return "?"
	}
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID
	}
	return strings.Join(ids, " ")
}

// Profile is the stricter profile that a service follows now, with the id of the period; ok is false when there is none. There is never
// more than one.
func (r *Register) Profile(ctx context.Context, service string) (profile, id string, ok bool) {
	list, err := r.live(ctx)
	if err != nil {
		return "", "", false
	}
	now := r.now()
	for i := len(list) - 1; i >= 0; i-- {
		if m := &list[i]; m.Kind == Period && m.State(now) == InForce && (len(m.Services) == 0 || slices.Contains(m.Services, service)) {
			return m.Profile, m.ID, true
		}
	}
	return "", "", false
}
