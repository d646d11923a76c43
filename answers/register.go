package answers

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
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
)

//go:embed sql/*.sql
var migrations embed.FS

// Register is the open register. Safe for concurrent use, also of several processes.
type Register struct {
	db  *store.DB
	j   *journal.Journal
	now func() time.Time

	filling sync.Mutex
	last    atomic.Pointer[inForce]
}

// inForce is the matcher as it was at one Generation.
type inForce struct {
	generation uint64
	matcher    *Matcher
}

// Open migrates the tables.
func Open(ctx context.Context, db *store.DB, j *journal.Journal) (*Register, error) {
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("answers: %w", err)
	}
	if err := db.Migrate(ctx, "answers", files); err != nil {
		return nil, fmt.Errorf("answers: %w", err)
	}
	return &Register{db: db, j: j, now: time.Now}, nil
}

// Today is the day by which answers hold: the calendar day in mainland China.
func Today(now time.Time) string { return now.In(measures.Shanghai()).Format(time.DateOnly) }

type row struct {
	ID    string `db:"id"`
	N     int64  `db:"n"`
	State string `db:"state"`
	Body  string `db:"body"`
	About string `db:"about"`
	Hash  string `db:"hash"`
	AtMS  int64  `db:"at_ms"`
}

// about is what is kept of a version beside the answer.
type about struct {
	Author   journal.Actor `json:"author"`
	Approver journal.Actor `json:"approver,omitzero"`
	Approved time.Time     `json:"approved,omitzero"`
	Note     string        `json:"note,omitempty"`
}

func (r row) version() (Version, error) {
	v := Version{N: int(r.N), State: State(r.State), Hash: r.Hash, At: time.UnixMilli(r.AtMS).UTC()}
	var a about
	if err := errors.Join(json.Unmarshal([]byte(r.Body), &v.Answer), json.Unmarshal([]byte(r.About), &a)); err != nil {
		return v, fmt.Errorf("answers: %s@%d: what is stored is damaged: %w", r.ID, r.N, err)
	}
	v.Author, v.Approver, v.Approved, v.Note = a.Author, a.Approver, a.Approved, a.Note
	return v, nil
}

const selectVersions = `SELECT id, n, state, body, about, hash, at_ms FROM answer_version`

func (r *Register) versions(ctx context.Context, where string, args ...any) ([]Version, error) {
	rows, err := store.Rows[row](ctx, r.db.R, selectVersions+where, args...)
	if err != nil {
		return nil, fmt.Errorf("answers: %w", err)
	}
	out := make([]Version, len(rows))
	for i, x := range rows {
		if out[i], err = x.version(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// List returns the newest version of every answer, and beside a draft the one that is still in force, ordered by id and version.
func (r *Register) List(ctx context.Context) ([]Version, error) {
	return r.versions(ctx, ` WHERE state = 'approved' OR n = (SELECT MAX(n) FROM answer_version newest WHERE newest.id = answer_version.id) ORDER BY id, n`)
}

// History returns every version of an answer, newest first; ErrUnknown when there is none.
func (r *Register) History(ctx context.Context, id string) ([]Version, error) {
	list, err := r.versions(ctx, ` WHERE id = $1 ORDER BY n DESC`, id)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: %s", ErrUnknown, id)
	}
	return list, err
}

// Set writes answers as drafts, each a new version; all or none. Answers that equal their newest version, unless that is retired,
// are left alone. It returns the versions written.
func (r *Register) Set(ctx context.Context, who journal.Actor, list ...Answer) ([]Version, error) {
	if !who.Person() {
		return nil, ErrNobody
	}
	seen := map[string]bool{}
	for i := range list {
		if err := list[i].Check(); err != nil {
			return nil, err
		}
		if seen[list[i].ID] {
			return nil, &InvalidError{"", "id", list[i].ID, "is given twice"}
		}
		seen[list[i].ID] = true
	}
	now := r.now().UTC().Truncate(time.Millisecond)
	var written []Version
	var events []journal.Event
	for _, a := range list {
		v := Version{Answer: a, N: 1, State: Draft, Author: who, At: now, Hash: hashOf(a)}
		before, err := r.versions(ctx, ` WHERE id = $1 ORDER BY n DESC LIMIT 1`, a.ID)
		if err != nil {
			return nil, err
		}
		if len(before) > 0 {
			if before[0].Hash == v.Hash && before[0].State != Retired {
				continue
			}
			v.N = before[0].N + 1
		}
		written = append(written, v)
		events = append(events, r.event(who, journal.AnswerDrafted, v, ""))
	}
	if len(written) == 0 {
		return nil, nil
	}
	_, err := r.j.Commit(ctx, journal.Write{Events: events, Apply: func(ctx context.Context, tx *sql.Tx) error {
		for _, v := range written {
			body, err := json.Marshal(v.Answer)
			if err != nil {
				return err
			}
			note, err := json.Marshal(about{Author: who})
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE answer_version SET state = 'superseded' WHERE id = $1 AND state = 'draft'`, v.ID); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO answer_version (id, n, state, body, about, hash, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				v.ID, v.N, string(v.State), string(body), string(note), v.Hash, v.At.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return nil, fmt.Errorf("answers: %w", err)
	}
	return written, nil
}

// hashOf is the SHA-256 of an answer as it is stored.
func hashOf(a Answer) string {
	body, _ := json.Marshal(a) // strings only
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// event tells of a version by its hash; texts stay out of the journal.
func (r *Register) event(who journal.Actor, verb journal.Verb, v Version, note string) journal.Event {
	body, _ := json.Marshal(map[string]any{"version": v.N, "hash": v.Hash, "risk": v.Risk, "valid_from": v.From, "valid_until": v.Until, "note": note})
	return journal.Event{Who: who, Verb: verb, Ref: journal.Ref{Kind: "answer", ID: v.ID}, Body: body}
}

// Approve puts the newest version of an answer in force, if it is a draft of another person; the one before is superseded. A version whose
// days are over, or one of whose questions another answer in force has for the same service and day, is refused with an InvalidError:
// which of two would be given would be chance.
func (r *Register) Approve(ctx context.Context, who journal.Actor, id string, n int) (Version, error) {
	all, err := r.List(ctx)
	if err != nil {
		return Version{}, err
	}
	return r.move(ctx, who, id, n, func(v *Version) error {
		switch {
		case v.State != Draft:
			return fmt.Errorf("%w: %s is %s", ErrState, v.Ref(), v.State)
		case !who.Person() || !v.Author.Person():
			return ErrNobody
		case v.Author.ID == who.ID:
			return ErrSamePerson
		case v.Past(Today(r.now())):
			return &InvalidError{v.ID, "valid_until", v.Until, "this day is over, so the answer would never be given; write a new version with another"}
		}
		for _, other := range all {
			if q, same := v.clash(other); same {
				return &InvalidError{v.ID, "questions", q, "the answer " + other.Ref() + ", in force, has it too for the same service and days; retire that one, or change questions, services or days"}
			}
		}
		v.State, v.Approver, v.Approved = Approved, who, r.now().UTC().Truncate(time.Millisecond)
		return nil
	}, journal.AnswerApproved, "")
}

// Retire takes a version out of force, or drops a draft; it needs a reason. Nothing of it is given any more within a second.
func (r *Register) Retire(ctx context.Context, who journal.Actor, id string, n int, reason string) (Version, error) {
	if reason = strings.TrimSpace(reason); reason == "" {
		return Version{}, &InvalidError{id, "reason", "", "say why; it is kept as evidence"}
	}
	return r.move(ctx, who, id, n, func(v *Version) error {
		if v.State != Draft && v.State != Approved {
			return fmt.Errorf("%w: %s is %s", ErrState, v.Ref(), v.State)
		}
		v.State, v.Note = Retired, reason
		return nil
	}, journal.AnswerRetired, reason)
}

// move changes the state of one version; n 0 is the newest that can be moved.
func (r *Register) move(ctx context.Context, who journal.Actor, id string, n int, change func(*Version) error, verb journal.Verb, note string) (Version, error) {
	list, err := r.History(ctx, id)
	if err != nil {
		return Version{}, err
	}
	v := list[0]
	if n > 0 {
		found := false
		for _, x := range list {
			if x.N == n {
				v, found = x, true
			}
		}
		if !found {
			return v, fmt.Errorf("%w: %s@%d", ErrUnknown, id, n)
		}
	}
	was := v.State
	if err := change(&v); err != nil {
		return v, err
	}
	notes, err := json.Marshal(about{v.Author, v.Approver, v.Approved, v.Note})
	if err != nil {
		return v, fmt.Errorf("answers: %w", err)
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{r.event(who, verb, v, note)}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		if v.State == Approved {
			if _, err := tx.ExecContext(ctx, `UPDATE answer_version SET state = 'superseded' WHERE id = $1 AND state = 'approved'`, id); err != nil {
				return err
			}
		}
		done, err := tx.ExecContext(ctx, `UPDATE answer_version SET state = $1, about = $2 WHERE id = $3 AND n = $4 AND state = $5`, string(v.State), string(notes), id, v.N, string(was))
		if err != nil {
			return err
		}
		if rows, err := done.RowsAffected(); err != nil || rows != 1 {
			return errors.Join(err, ErrState)
		}
		return nil
	}})
	if err != nil {
		return v, fmt.Errorf("answers: %w", err)
	}
	return v, nil
}

// Matcher is over the versions in force. It asks the database only after the journal's Generation has moved, so what is decided
// on any node holds on every other within a second.
func (r *Register) Matcher(ctx context.Context) (*Matcher, error) {
	generation := r.j.Generation()
	if l := r.last.Load(); l != nil && l.generation == generation {
		return l.matcher, nil
	}
	r.filling.Lock()
	defer r.filling.Unlock()
	if l := r.last.Load(); l != nil && l.generation == generation {
		return l.matcher, nil
	}
	list, err := r.versions(ctx, ` WHERE state = 'approved' ORDER BY id`)
	if err != nil {
		return nil, err
	}
	m := r.same(list)
	if m == nil {
		m = NewMatcher(list)
	}
	r.last.Store(&inForce{generation, m})
	return m, nil
}

// same is the matcher at hand, if it is over these versions: most changes of the journal are of other registers.
func (r *Register) same(list []Version) *Matcher {
	l := r.last.Load()
	if l == nil || len(l.matcher.versions) != len(list) {
		return nil
	}
	for i, v := range l.matcher.versions {
		if v.ID != list[i].ID || v.N != list[i].N {
			return nil
		}
	}
	return l.matcher
}

// Find returns the answer that a question is nearest to; see Matcher.Find.
func (r *Register) Find(ctx context.Context, question, service string) (Match, error) {
	m, err := r.Matcher(ctx)
	if err != nil {
		return Match{Band: Far}, err
	}
	return m.Find(question, service, Today(r.now())), nil
}

// ForRisk returns the answer that stands for a risk as a whole: one whose first question is the
// risk's id. ok is false when there is none.
func (m *Matcher) ForRisk(risk, service, day string) (Version, bool) {
	for _, v := range m.versions {
		if v.Risk == risk && v.Holds(service, day) && len(v.Questions) > 0 && strings.EqualFold(v.Questions[0], risk) {
			return v, true
		}
	}
	return Version{}, false
}
