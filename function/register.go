package function

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
	"github.com/hegui/hegui/service"
)

//go:embed sql/*.sql
var migrations embed.FS

// Register is the open register. Safe for concurrent use, also of several processes.
type Register struct {
	db  *store.DB
	j   *journal.Journal
	now func() time.Time

	last atomic.Pointer[live]

	mu   sync.Mutex
	owed map[owing]int64 // deliveries that an interface had to show something with, not yet written
}

// live is all decisions, assessments and attestations, as read at one Generation.
type live struct {
	generation uint64
	newest     map[string]Record // by kind, service, subject and version
}

// owing is an interface and what it had to show.
type owing struct{ service, application, client, what string }

// Open migrates the tables.
func Open(ctx context.Context, db *store.DB, j *journal.Journal) (*Register, error) {
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("function: %w", err)
	}
	if err := db.Migrate(ctx, "function", files); err != nil {
		return nil, fmt.Errorf("function: %w", err)
	}
	return &Register{db: db, j: j, now: time.Now, owed: map[owing]int64{}}, nil
}

func (r *Register) read(ctx context.Context, where string, args ...any) ([]Record, error) {
	rows, err := store.Rows[string](ctx, r.db.R, `SELECT body FROM function_record`+where, args...)
	if err != nil {
		return nil, fmt.Errorf("function: %w", err)
	}
	list := make([]Record, len(rows))
	for i, body := range rows {
		if err := json.Unmarshal([]byte(body), &list[i]); err != nil {
			return nil, fmt.Errorf("function: what is stored is damaged: %w", err)
		}
	}
	return list, nil
}

// List returns the records of a kind, newest first, at most limit; service may be empty.
func (r *Register) List(ctx context.Context, kind Kind, service string, limit int) ([]Record, error) {
	return r.read(ctx, ` WHERE kind = $1 AND ($2 = '' OR service = $3) ORDER BY at_ms DESC, id DESC LIMIT $4`, string(kind), service, service, limit)
}

// Find returns one record; ErrUnknown when there is none.
func (r *Register) Find(ctx context.Context, id string) (Record, error) {
	list, err := r.read(ctx, ` WHERE id = $1`, strings.ToUpper(strings.TrimSpace(id)))
	if err == nil && len(list) == 0 {
		return Record{}, fmt.Errorf("%w: %q", ErrUnknown, id)
	}
	if err != nil {
		return Record{}, err
	}
	return list[0], nil
}

// Decide records a signed decision or an assessment about a function as it is declared now.
func (r *Register) Decide(ctx context.Context, who journal.Actor, s service.Service, x Record) (Record, error) {
	if !who.Person() {
		return x, ErrNobody
	}
	i := slices.IndexFunc(s.Functions, func(f service.Function) bool { return f.ID == x.Function })
	switch {
	case i < 0:
		return x, &InvalidError{"function", x.Function, "service " + s.ID + " declares no such function (services.functions)"}
	case x.Kind == Assessment && s.Functions[i].Biometric == "":
		return x, &InvalidError{"function", x.Function, "is declared without biometric, so no assessment of Art 15 belongs to it"}
	case x.Kind != Decision && x.Kind != Assessment:
		return x, &InvalidError{"kind", string(x.Kind), "use decision or assessment"}
	}
	x.Service, x.Version = s.ID, VersionOf(s.Functions[i])
	verb := journal.FunctionDecided
	if x.Kind == Assessment {
		verb = journal.FunctionAssessed
	}
	return r.add(ctx, who, verb, x, x.Function)
}

// Attest records that an interface shows what it must, all the time. The application says so; a picture of it is kept by its owner.
func (r *Register) Attest(ctx context.Context, who journal.Actor, x Record) (Record, error) {
	x.Kind = Attestation
	slices.Sort(x.Shows)
	x.Shows = slices.Compact(x.Shows)
	return r.add(ctx, who, journal.InterfaceAttested, x, x.Application+" "+x.Client)
}

// Agree records a consent to have face or voice edited.
func (r *Register) Agree(ctx context.Context, who journal.Actor, x Record) (Record, error) {
	x.Kind = Consent
	return r.add(ctx, who, journal.ConsentRecorded, x, x.Person)
}

func (r *Register) add(ctx context.Context, who journal.Actor, verb journal.Verb, x Record, subject string) (Record, error) {
	now := r.now().UTC().Truncate(time.Millisecond)
	x.ID, x.By, x.At, x.Withdrawn = store.NewID(), who, now, time.Time{}
	if err := x.check(now); err != nil {
		return x, err
	}
	return x, r.commit(ctx, who, verb, x, func(ctx context.Context, tx *sql.Tx, body string) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO function_record (id, kind, service, subject, body, at_ms) VALUES ($1, $2, $3, $4, $5, $6)`, x.ID, string(x.Kind), x.Service, subject, body, now.UnixMilli())
		return err
	})
}

// Withdraw ends a consent: no job may name it any more.
func (r *Register) Withdraw(ctx context.Context, who journal.Actor, service, application, id string) (Record, error) {
	x, err := r.Find(ctx, id)
	if err != nil {
		return x, err
	}
	switch {
	case x.Kind != Consent || x.Service != service || application != "" && x.Application != application:
		return Record{}, fmt.Errorf("%w: %q", ErrUnknown, id)
	case !x.Withdrawn.IsZero():
		return x, ErrState
	}
	x.Withdrawn = r.now().UTC().Truncate(time.Millisecond)
	return x, r.commit(ctx, who, journal.ConsentWithdrawn, x, func(ctx context.Context, tx *sql.Tx, body string) error {
		_, err := tx.ExecContext(ctx, `UPDATE function_record SET body = $1 WHERE id = $2`, body, x.ID)
		return err
	})
}

// Holds tells whether a consent may be named by a job now.
func (r *Register) Holds(ctx context.Context, service, application, id, scope string) error {
	x, err := r.Find(ctx, id)
	switch {
	case err != nil:
		return err
	case x.Kind != Consent || x.Service != service || x.Application != application:
		return fmt.Errorf("%w: %q", ErrUnknown, id)
	case x.Scope != scope:
		return &InvalidError{"scope", x.Scope, "this consent is for another edit; one for " + scope + " is needed"}
	case !x.Withdrawn.IsZero():
		return ErrState
	case !x.Until.IsZero() && !r.now().Before(x.Until):
		return &InvalidError{"until", x.Until.Format(time.RFC3339), "this consent is over"}
	}
	return nil
}

// commit writes row and event in one transaction. The person stays out of the journal.
func (r *Register) commit(ctx context.Context, who journal.Actor, verb journal.Verb, x Record, apply func(context.Context, *sql.Tx, string) error) error {
	body, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("function: %w", err)
	}
	told, err := json.Marshal(x.told())
	if err != nil {
		return fmt.Errorf("function: %w", err)
	}
	if _, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{{Who: who, Verb: verb, Ref: journal.Ref{Kind: "function", ID: x.ID}, Body: told}},
		Apply: func(ctx context.Context, tx *sql.Tx) error { return apply(ctx, tx, string(body)) }}); err != nil {
		return fmt.Errorf("function: %w", err)
	}
	return nil
}

// told is the record as the journal has it.
func (x Record) told() Record {
	x.Person, x.Evidence = "", ""
	return x
}

func key(kind Kind, service, subject, version string) string {
	return string(kind) + "\x00" + service + "\x00" + subject + "\x00" + version
}

// current asks the database only after the journal's Generation has moved. A database that is away leaves what was known.
func (r *Register) current(ctx context.Context) (map[string]Record, error) {
	generation := r.j.Generation()
	l := r.last.Load()
	if l != nil && l.generation == generation {
		return l.newest, nil
	}
	list, err := r.read(ctx, ` WHERE kind <> $1 ORDER BY at_ms, id`, string(Consent))
	if err != nil {
		if l != nil {
			return l.newest, nil
		}
		return nil, err
	}
	newest := map[string]Record{}
	for _, x := range list {
		switch x.Kind {
		case Attestation:
			newest[key(x.Kind, x.Service, x.Application+" "+x.Client, "")] = x
		default:
			newest[key(x.Kind, x.Service, x.Function, x.Version)] = x
		}
	}
	r.last.Store(&live{generation, newest})
	return newest, nil
}

// State is what holds for a function now. An error means that it cannot be told, and that the function must be taken for locked and confusing.
func (r *Register) State(ctx context.Context, s service.Service, f service.Function, known bool) (State, error) {
	out := State{Function: f, Known: known}
	newest, err := r.current(ctx)
	if err != nil {
		return out, err
	}
	version := VersionOf(f)
	if x, ok := newest[key(Decision, s.ID, f.ID, version)]; ok {
		out.Decided = &x
	}
	if x, ok := newest[key(Assessment, s.ID, f.ID, version)]; ok {
		out.Assessed = &x
	}
	return out, nil
}

// States are those of all functions of a service.
func (r *Register) States(ctx context.Context, s service.Service) ([]State, error) {
	list := make([]State, 0, len(s.Functions))
	for _, f := range s.Functions {
		x, err := r.State(ctx, s, f, true)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

// Attested tells whether an interface has attested that it shows something.
func (r *Register) Attested(ctx context.Context, service, application, client, what string) (bool, error) {
	newest, err := r.current(ctx)
	if err != nil {
		return false, err
	}
	x, ok := newest[key(Attestation, service, application+" "+client, "")]
	return ok && slices.Contains(x.Shows, what), nil
}

// maxOwing bounds the interfaces that are told apart between two writes.
const maxOwing = 4096

// Owes notes that an answer went to an interface that had to show something. It is written with the next Flush.
func (r *Register) Owes(service, application, client, what string) {
	if !ClientName(client) {
		client = ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := owing{service, application, client, what}
	if _, ok := r.owed[k]; !ok && len(r.owed) >= maxOwing {
		k.client = ""
	}
	r.owed[k]++
}

// Flush writes what was noted.
func (r *Register) Flush(ctx context.Context) error {
	r.mu.Lock()
	owed := r.owed
	r.owed = map[owing]int64{}
	r.mu.Unlock()
	if len(owed) == 0 {
		return nil
	}
	now := r.now().UnixMilli()
	err := r.db.Tx(ctx, func(tx *sql.Tx) error {
		for k, n := range owed {
			if _, err := tx.ExecContext(ctx, `INSERT INTO function_interface (service, application, client, owed, last_ms, times) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (service, application, client, owed) DO UPDATE SET last_ms = excluded.last_ms, times = function_interface.times + excluded.times`,
				k.service, k.application, k.client, k.what, now, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, n := range owed {
		r.owed[k] += n
	}
	return fmt.Errorf("function: %w", err)
}

// Interface is one that had to show something.
type Interface struct {
	Service     string `json:"service" db:"service"`
	Application string `json:"application" db:"application"`
	Client      string `json:"client" db:"client"` // empty: it did not say which it is
	Owed        string `json:"owed" db:"owed"`
	LastMS      int64  `json:"last_ms" db:"last_ms"`
	Times       int64  `json:"times" db:"times"`

	Attested bool `json:"attested" db:"-"`
}

// Interfaces are those that had to show something since a time, and whether they have attested it.
func (r *Register) Interfaces(ctx context.Context, since time.Time) ([]Interface, error) {
	if err := r.Flush(ctx); err != nil {
		return nil, err
	}
	list, err := store.Rows[Interface](ctx, r.db.R, `SELECT service, application, client, owed, last_ms, times FROM function_interface WHERE last_ms >= $1 ORDER BY service, application, client, owed`, since.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("function: %w", err)
	}
	for i := range list {
		x := &list[i]
		if x.Client == "" {
			continue
		}
		if x.Attested, err = r.Attested(ctx, x.Service, x.Application, x.Client, x.Owed); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Verify implements journal.Projection: each stored record against the newest event about it.
func (r *Register) Verify(ctx context.Context, events []journal.Event) ([]journal.Damage, error) {
	seen := map[string]bool{}
	var damaged []journal.Damage
	for _, e := range events {
		if e.Ref.Kind != "function" || seen[e.Ref.ID] {
			continue
		}
		seen[e.Ref.ID] = true
		newest, err := r.j.Events(ctx, journal.Filter{Ref: e.Ref, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(newest) == 0 {
			continue
		}
		x, err := r.Find(ctx, e.Ref.ID)
		what := ""
		switch {
		case errors.Is(err, ErrUnknown):
			what = "the row is missing"
		case err != nil:
			what = "what is stored is damaged"
		default:
			stored, err := json.Marshal(x.told())
			if err != nil {
				return nil, err
			}
			var said Record
			if json.Unmarshal(newest[0].Body, &said) != nil {
				continue
			}
			if recorded, err := json.Marshal(said); err != nil || string(recorded) != string(stored) {
				what = "the record is not the one that was signed"
			}
		}
		if what != "" {
			damaged = append(damaged, journal.Damage{Table: "function_record", Row: e.Ref.ID, What: what})
		}
	}
	return damaged, nil
}
