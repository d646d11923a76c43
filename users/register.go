package users

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

//go:embed sql/*.sql
var migrations embed.FS

const (
	// cacheHalf bounds the cache to twice as many users, about 10 MB.
	cacheHalf = 16384
	// catchUpPause is how often look-ups may ask for what changed while other registers keep the Generation moving.
	catchUpPause = 100 * time.Millisecond
)

// Register is the open register. Look-ups are served from a bounded cache that follows the journal's Generation: what
// this process writes is seen at once, what another one writes within catchUpPause of Generation showing it.
// Safe for concurrent use.
type Register struct {
	db      *store.DB
	j       *journal.Journal
	now     func() time.Time
	ticket  []byte
	destroy func(ctx context.Context, who journal.Actor, subject, reason string) error

	cache    *cache
	seen     atomic.Uint64 // Generation that the cache has caught up with
	tried    atomic.Int64  // Unix nanoseconds of the last catch-up begun by a look-up
	creating singleflight.Group
}

// Option of Open.
type Option func(*Register)

// WithTicketSecret sets the installation's secret that signs Tickets, at least 32 bytes. Without it every process draws
// its own, and links die with the process that gave them out.
func WithTicketSecret(secret []byte) Option {
	return func(r *Register) { r.ticket = secret }
}

// WithDestroy sets what Erase calls to destroy the subject's key (journal.Vault.Destroy). It must be idempotent.
func WithDestroy(fn func(ctx context.Context, who journal.Actor, subject, reason string) error) Option {
	return func(r *Register) { r.destroy = fn }
}

// Open migrates the tables.
func Open(ctx context.Context, db *store.DB, j *journal.Journal, options ...Option) (*Register, error) {
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	if err := db.Migrate(ctx, "users", files); err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	r := &Register{db: db, j: j, now: time.Now, ticket: make([]byte, 32)}
	rand.Read(r.ticket) // never fails (crypto/rand)
	for _, o := range options {
		o(r)
	}
	if len(r.ticket) < 32 {
		return nil, fmt.Errorf("users: the ticket secret has %d bytes; at least 32 are needed", len(r.ticket))
	}
	// The cache is empty, so it has missed nothing up to here.
	r.seen.Store(j.Generation())
	n, err := store.Row[revisionRow](ctx, db.R, `SELECT n FROM users_revision WHERE id = 1`)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	r.cache = newCache(cacheHalf, n.N)
	return r, nil
}

type revisionRow struct {
	N int64 `db:"n"`
}

type userRow struct {
	Subject        string `db:"subject"`
	Service        string `db:"service"`
	Name           string `db:"name"`
	Created        int64  `db:"created_ms"`
	Accepted       string `db:"accepted"`
	AcceptedAt     int64  `db:"accepted_ms"`
	Standing       string `db:"standing"`
	SuspendedUntil int64  `db:"suspended_until_ms"`
	Decision       string `db:"decision"`
	Reason         string `db:"reason"`
	Revision       int64  `db:"revision"`
}

func (r userRow) user() User {
	return User{Subject: r.Subject, Service: r.Service, Name: r.Name, Created: moment(r.Created), Accepted: r.Accepted,
		AcceptedAt: moment(r.AcceptedAt), Standing: r.Standing, SuspendedUntil: moment(r.SuspendedUntil), Decision: r.Decision, Reason: r.Reason, revision: r.Revision}
}

// moment reads a column of Unix milliseconds in which 0 means never.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

const selectUsers = `SELECT subject, service, COALESCE(name, '') AS name, created_ms, accepted, accepted_ms, standing, suspended_until_ms,
	decision, reason, revision FROM users`

// catchUp brings the cache up to the journal's Generation. One look-up does the work, the others go on with what they
// have; when it fails a later look-up tries again.
func (r *Register) catchUp() {
	if r.seen.Load() == r.j.Generation() {
		return
	}
	now, last := time.Now().UnixNano(), r.tried.Load()
	if now-last < int64(catchUpPause) || !r.tried.CompareAndSwap(last, now) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	generation, since := r.j.Generation(), r.cache.caughtUp()
	for {
		rows, err := store.Rows[userRow](ctx, r.db.R, selectUsers+` WHERE revision > $1 ORDER BY revision LIMIT 1000`, since)
		if err != nil {
			return
		}
		changed := make([]User, len(rows))
		for i, row := range rows {
			changed[i], since = row.user(), row.Revision
		}
		r.cache.apply(changed, since)
		if len(rows) < 1000 {
			break
		}
	}
	r.seen.Store(generation)
}

// usersTable is the target of new pseudonyms; the journal joins those of many requests into one statement.
var usersTable = &journal.Table{Name: "users", Columns: []string{"subject", "service", "name", "created_ms", "accepted", "accepted_ms",
	"standing", "suspended_until_ms", "decision", "reason", "revision"}}

// Find returns the user that an application calls name, creating the pseudonym on first sight. A user in the cache costs
// no statement. An unusable name is an *InvalidError.
func (r *Register) Find(ctx context.Context, service, name string) (User, error) {
	r.catchUp()
	if u, ok := r.cache.find(service, name); ok {
		return u, nil
	}
	if err := checkName(name); err != nil {
		return User{}, err
	}
	// The name may be part of a request body that must not be kept alive by the cache.
	name = strings.Clone(name)
	v, err, _ := r.creating.Do(service+"\x00"+name, func() (any, error) {
		// Callers who wait share this work, so one of them leaving must not end it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return r.findOrCreate(ctx, service, name)
	})
	if err != nil {
		return User{}, err
	}
	return v.(User), nil
}

func (r *Register) findOrCreate(ctx context.Context, service, name string) (User, error) {
	u, err := r.read(ctx, `WHERE service = $1 AND name = $2`, service, name)
	if !errors.Is(err, ErrUnknown) {
		return u, err
	}
	asOf := r.cache.caughtUp()
	row := userRow{Subject: store.NewID(), Service: service, Name: name, Created: r.now().UnixMilli(), Standing: Good}
	_, err = r.j.Commit(ctx, journal.Write{
		Events: []journal.Event{{At: moment(row.Created), Who: journal.Actor{Kind: "system", ID: "users"}, Verb: journal.UserSeen,
			Ref: journal.Ref{Kind: "user", ID: row.Subject}, Body: body(map[string]any{"service": service})}},
		Inserts: []journal.Insert{{Into: usersTable, Args: []any{row.Subject, row.Service, row.Name, row.Created, "", int64(0), Good, int64(0), "", "", int64(0)}}},
	})
	if store.IsUnique(err) { // another process was faster
		return r.read(ctx, `WHERE service = $1 AND name = $2`, service, name)
	}
	if err != nil {
		return User{}, fmt.Errorf("users: create: %w", err)
	}
	r.cache.put(row.user(), asOf)
	return row.user(), nil
}

// Get returns a user by subject. ErrUnknown when there is none.
func (r *Register) Get(ctx context.Context, subject string) (User, error) {
	r.catchUp()
	if u, ok := r.cache.get(subject); ok {
		return u, nil
	}
	return r.read(ctx, `WHERE subject = $1`, subject)
}

// Lookup returns the user that an application calls name without creating one. ErrUnknown when there is none.
func (r *Register) Lookup(ctx context.Context, service, name string) (User, error) {
	return r.read(ctx, `WHERE service = $1 AND name = $2`, service, name)
}

// read fetches one user from the database and remembers it.
func (r *Register) read(ctx context.Context, where string, args ...any) (User, error) {
	asOf := r.cache.caughtUp()
	row, err := store.Row[userRow](ctx, r.db.R, selectUsers+` `+where, args...)
	if errors.Is(err, store.ErrNotFound) {
		return User{}, ErrUnknown
	}
	if err != nil {
		return User{}, fmt.Errorf("users: read: %w", err)
	}
	r.cache.put(row.user(), asOf)
	return row.user(), nil
}

// List pages through users of a service by subject: those after the one given, at most limit (100 when 0, 1000 at most).
// An empty service lists all.
func (r *Register) List(ctx context.Context, service, after string, limit int) ([]User, error) {
	if limit <= 0 {
		limit = 100
	}
	rows, err := store.Rows[userRow](ctx, r.db.R, selectUsers+` WHERE subject > $1 AND ($2 = '' OR service = $2) ORDER BY subject LIMIT $3`,
		after, service, min(limit, 1000))
	if err != nil {
		return nil, fmt.Errorf("users: list: %w", err)
	}
	out := make([]User, len(rows))
	for i, row := range rows {
		out[i] = row.user()
	}
	return out, nil
}

// Counts sums the users of a service; Accepted are those whose last acceptance is text.
func (r *Register) Counts(ctx context.Context, service, text string) (Counts, error) {
	row, err := store.Row[struct {
		Users     int64 `db:"users"`
		Accepted  int64 `db:"accepted"`
		Suspended int64 `db:"suspended"`
	}](ctx, r.db.R, `SELECT COUNT(*) AS users,
		COALESCE(SUM(CASE WHEN accepted = $1 AND accepted <> '' THEN 1 ELSE 0 END), 0) AS accepted,
		COALESCE(SUM(CASE WHEN standing = 'suspended' AND (suspended_until_ms = 0 OR suspended_until_ms > $2) THEN 1 ELSE 0 END), 0) AS suspended
		FROM users WHERE service = $3 AND standing <> 'erased'`, text, r.now().UnixMilli(), service)
	if err != nil {
		return Counts{}, fmt.Errorf("users: count: %w", err)
	}
	return Counts{Users: row.Users, Accepted: row.Accepted, Suspended: row.Suspended}, nil
}
