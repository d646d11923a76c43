package service

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

//go:embed sql/*.sql
var migrations embed.FS

// Register is the open register. Reads are served from memory, without a lock, and follow the journal's Generation:
// what this process writes is seen at once, what another one writes within reloadPause of Generation showing it.
// Safe for concurrent use.
type Register struct {
	db  *store.DB
	j   *journal.Journal
	now func() time.Time

	snap   atomic.Pointer[snapshot]
	reload sync.Mutex
	tried  atomic.Int64 // Unix nanoseconds of the last reload begun by a reader
	missed atomic.Int64 // and of the last look-up of a key that is not in memory
}

// snapshot is everything in force, as read at one Generation. It is never changed.
type snapshot struct {
	generation uint64
	provider   Provider
	services   []Service
	models     []Model
	service    map[string]int
	model      map[string]int
	keys       map[[32]byte]Key
	texts      map[string]Text
}

// reloadPause is how often readers may start a reload while other registers keep the Generation moving.
const reloadPause = 100 * time.Millisecond

// reloadLimit is how long a reader waits for the database before it goes on with what it has.
const reloadLimit = 5 * time.Second

// Open migrates the tables and reads what is in force.
func Open(ctx context.Context, db *store.DB, j *journal.Journal) (*Register, error) {
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	if err := db.Migrate(ctx, "service", files); err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	r := &Register{db: db, j: j, now: time.Now}
	if err := r.refresh(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// current returns the snapshot in force. When the Generation has moved, one reader reloads and the others go on with
// what they have; a reload that fails is tried again by a later reader.
func (r *Register) current() *snapshot {
	s := r.snap.Load()
	if s.generation == r.j.Generation() {
		return s
	}
	now, last := time.Now().UnixNano(), r.tried.Load()
	if now-last < int64(reloadPause) || !r.tried.CompareAndSwap(last, now) {
		return s
	}
	ctx, cancel := context.WithTimeout(context.Background(), reloadLimit)
	defer cancel()
	if r.refresh(ctx) != nil {
		return s
	}
	return r.snap.Load()
}

type declaredRow struct {
	Kind        string `db:"kind"`
	ID          string `db:"id"`
	Version     string `db:"version"`
	Declaration string `db:"declaration"`
}

type textRow struct {
	Text
	EffectiveMS int64 `db:"effective_ms"`
}

func (t textRow) text() Text {
	t.Text.Effective = time.UnixMilli(t.EffectiveMS).UTC()
	return t.Text
}

// check refuses a text that is not the one people accepted: its id is its hash.
func (t textRow) check() error {
	if TextID(t.Text) == t.ID {
		return nil
	}
	return fmt.Errorf("service: agreement %s of %s is not the text that was put in force (its hash differs); restore it from a backup", t.Number, t.Service)
}

// Verify implements journal.Projection: the stored agreement texts against the events that put them in force.
func (r *Register) Verify(ctx context.Context, events []journal.Event) ([]journal.Damage, error) {
	var damaged []journal.Damage
	for _, e := range events {
		if e.Verb != journal.TextInForce {
			continue
		}
		row, err := store.Row[textRow](ctx, r.db.R, selectTexts+` WHERE id = $1`, e.Ref.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			damaged = append(damaged, journal.Damage{Table: "service_text", Row: e.Ref.ID, What: "the row is missing"})
		case err != nil:
			return nil, fmt.Errorf("service: verify: %w", err)
		case row.check() != nil:
			damaged = append(damaged, journal.Damage{Table: "service_text", Row: e.Ref.ID, What: "the text is not the one that was put in force"})
		}
	}
	return damaged, nil
}

const (
	selectInForce = `SELECT kind, id, version, declaration FROM service_declared WHERE until_ms = 0 ORDER BY kind, id`
	selectTexts   = `SELECT id, service, kind, number, zh, en, effective_ms FROM service_text`
)

// refresh reads everything in force. The Generation is taken first: a change committed meanwhile moves it again.
func (r *Register) refresh(ctx context.Context) error {
	r.reload.Lock()
	defer r.reload.Unlock()
	s := &snapshot{generation: r.j.Generation(), service: map[string]int{}, model: map[string]int{}, keys: map[[32]byte]Key{}, texts: map[string]Text{}}
	rows, err := store.Rows[declaredRow](ctx, r.db.R, selectInForce)
	if err != nil {
		return fmt.Errorf("service: read what is in force: %w", err)
	}
	for _, row := range rows {
		if err := s.add(row); err != nil {
			return fmt.Errorf("service: %s %s: stored declaration: %w", row.Kind, row.ID, err)
		}
	}
	texts, err := store.Rows[textRow](ctx, r.db.R, selectTexts)
	if err != nil {
		return fmt.Errorf("service: read texts: %w", err)
	}
	for _, t := range texts {
		s.texts[t.ID] = t.text()
	}
	keys, err := store.Rows[keyRow](ctx, r.db.R, selectKeys)
	if err != nil {
		return fmt.Errorf("service: read keys: %w", err)
	}
	for _, k := range keys {
		s.keys[[32]byte(k.Secret)] = k.key()
	}
	r.snap.Store(s)
	return nil
}

func (s *snapshot) add(row declaredRow) error {
	b := []byte(row.Declaration)
	switch row.Kind {
	case "provider":
		return json.Unmarshal(b, &s.provider)
	case "service":
		var v Service
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		v.Version = row.Version
		s.service[v.ID] = len(s.services)
		s.services = append(s.services, v)
	case "model":
		var v Model
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		v.Version = row.Version
		s.model[v.ID] = len(s.models)
		s.models = append(s.models, v)
	}
	return nil
}

// Provider returns the provider in force; it is empty before the first Declare.
func (r *Register) Provider() Provider { return r.current().provider }

// Services lists the services in force ordered by id.
func (r *Register) Services() []Service { return slices.Clone(r.current().services) }

// Service returns a service in force. Its slices are shared and must not be changed.
func (r *Register) Service(id string) (Service, bool) {
	s := r.current()
	i, ok := s.service[id]
	if !ok {
		return Service{}, false
	}
	return s.services[i], true
}

// Model returns a model's dossier in force.
func (r *Register) Model(id string) (Model, bool) {
	s := r.current()
	i, ok := s.model[id]
	if !ok {
		return Model{}, false
	}
	return s.models[i], true
}

// Models lists the models in force ordered by id.
func (r *Register) Models() []Model { return slices.Clone(r.current().models) }

// Text returns a version by id, also one that is no longer in force. ErrUnknownText when there is none.
func (r *Register) Text(ctx context.Context, id string) (Text, error) {
	if t, ok := r.current().texts[id]; ok {
		return t, textRow{Text: t}.check() // nobody is shown, or accepts, a text that was changed afterwards
	}
	// Perhaps put in force by another process a moment ago.
	row, err := store.Row[textRow](ctx, r.db.R, selectTexts+` WHERE id = $1`, id)
	if errors.Is(err, store.ErrNotFound) {
		return Text{}, fmt.Errorf("%w %q", ErrUnknownText, id)
	}
	if err != nil {
		return Text{}, fmt.Errorf("service: read text: %w", err)
	}
	if err := row.check(); err != nil {
		return Text{}, err
	}
	return row.text(), nil
}

// Texts lists a service's versions, newest first.
func (r *Register) Texts(ctx context.Context, service string) ([]Text, error) {
	rows, err := store.Rows[textRow](ctx, r.db.R, selectTexts+` WHERE service = $1 ORDER BY effective_ms DESC, event DESC`, service)
	if err != nil {
		return nil, fmt.Errorf("service: read texts: %w", err)
	}
	out := make([]Text, len(rows))
	for i, row := range rows {
		out[i] = row.text()
	}
	return out, nil
}

// errRaced says that another process declared at the same moment.
var errRaced = errors.New("service: another process declared at the same moment; try again")

// Declare puts a declaration in force: what changed becomes a new version with an event, what did not stays as it is,
// what is missing goes out of force. Nothing is written when any part is invalid; the error is Invalid and names
// service, field, value and mend of everything that is wrong.
func (r *Register) Declare(ctx context.Context, who journal.Actor, d Declaration) error {
	var err error
	for range 3 {
		if err = r.declare(ctx, who, d); !errors.Is(err, errRaced) {
			return err
		}
	}
	return err
}

func (r *Register) declare(ctx context.Context, who journal.Actor, d Declaration) error {
	if err := r.refresh(ctx); err != nil {
		return err
	}
	snap := r.snap.Load()
	now := r.now()
	d, err := prepare(d, inForce{texts: snap.texts}, now)
	if err != nil {
		return err
	}
	w := change{who: who, now: now}
	for _, t := range d.Texts {
		if _, known := snap.texts[t.ID]; !known {
			w.text(t)
		}
	}
	if err := w.versions(ctx, r.db, d); err != nil {
		return err
	}
	if len(w.events) == 0 {
		return nil
	}
	if _, err := r.j.Commit(ctx, journal.Write{Events: w.events, Apply: w.apply}); err != nil {
		if store.IsUnique(err) {
			return errRaced
		}
		return fmt.Errorf("service: declare: %w", err)
	}
	return r.refresh(ctx)
}

// change gathers the events of one declaration and the statements that go with them.
type change struct {
	who    journal.Actor
	now    time.Time
	events []journal.Event
	steps  []func(ctx context.Context, tx *sql.Tx) error
}

func (w *change) apply(ctx context.Context, tx *sql.Tx) error {
	for _, step := range w.steps {
		if err := step(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// event adds one event and returns its id.
func (w *change) event(verb journal.Verb, kind, id string, body map[string]any) string {
	b, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("service: body of %s: %v", verb, err)) // strings and booleans only
	}
	e := journal.Event{ID: store.NewID(), At: w.now, Who: w.who, Verb: verb, Ref: journal.Ref{Kind: kind, ID: id}, Body: b}
	w.events = append(w.events, e)
	return e.ID
}

func (w *change) text(t Text) {
	event := w.event(journal.TextInForce, "text", t.ID, map[string]any{"service": t.Service, "kind": t.Kind, "number": t.Number,
		"effective": t.Effective.Format(time.RFC3339)})
	w.steps = append(w.steps, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO service_text (id, service, kind, number, zh, en, effective_ms, event)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, t.ID, t.Service, t.Kind, t.Number, t.ZH, t.EN, t.Effective.UnixMilli(), event)
		return err
	})
}

// versions compares d with the rows in force and plans what changes.
func (w *change) versions(ctx context.Context, db *store.DB, d Declaration) error {
	rows, err := store.Rows[declaredRow](ctx, db.R, selectInForce)
	if err != nil {
		return fmt.Errorf("service: read what is in force: %w", err)
	}
	type name struct{ kind, id string }
	old := map[name]declaredRow{}
	for _, row := range rows {
		old[name{row.Kind, row.ID}] = row
	}
	put := func(verb journal.Verb, kind, id, version string, v any, extra map[string]any) error {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("service: %s %s: %w", kind, id, err)
		}
		before, known := old[name{kind, id}]
		delete(old, name{kind, id})
		if known && before.Version == version {
			return nil
		}
		body := map[string]any{"version": version}
		for k, x := range extra {
			body[k] = x
		}
		event := w.event(verb, kind, id, body)
		w.replace(kind, id, before.Version, known, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO service_declared (kind, id, version, declaration, from_ms, event)
				VALUES ($1, $2, $3, $4, $5, $6)`, kind, id, version, string(b), w.now.UnixMilli(), event)
			return err
		})
		return nil
	}
	errs := []error{put(journal.ServiceInForce, "provider", "provider", version(d.Provider), d.Provider, nil)}
	for _, m := range d.Models {
		errs = append(errs, put(journal.ModelInForce, "model", m.ID, m.Version, m, map[string]any{"region": m.Region, "filing_no": m.FilingNo, "sample": m.Sample}))
	}
	for _, s := range d.Services {
		errs = append(errs, put(journal.ServiceInForce, "service", s.ID, s.Version, s, map[string]any{"agreement": s.Agreement}))
	}
	for n, row := range old {
		verb := journal.ServiceInForce
		if n.kind == "model" {
			verb = journal.ModelInForce
		}
		w.event(verb, n.kind, n.id, map[string]any{"version": "", "withdrawn": true})
		w.replace(n.kind, n.id, row.Version, true, nil)
	}
	return errors.Join(errs...)
}

// replace ends the version in force and runs next, which inserts the new one.
func (w *change) replace(kind, id, before string, known bool, next func(ctx context.Context, tx *sql.Tx) error) {
	w.steps = append(w.steps, func(ctx context.Context, tx *sql.Tx) error {
		if known {
			res, err := tx.ExecContext(ctx, `UPDATE service_declared SET until_ms = $1 WHERE kind = $2 AND id = $3 AND version = $4 AND until_ms = 0`,
				w.now.UnixMilli(), kind, id, before)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 {
				return errors.Join(errRaced, err)
			}
		}
		if next == nil {
			return nil
		}
		return next(ctx, tx)
	})
}
