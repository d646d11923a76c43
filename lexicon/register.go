package lexicon

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

//go:embed sql/*.sql
var migrations embed.FS

// Register is the open register. Safe for concurrent use, also of several processes.
type Register struct {
	db  *store.DB
	j   *journal.Journal
	now func() time.Time

	last   atomic.Pointer[latest]
	opened atomic.Pointer[opened]
	worked atomic.Pointer[worked]
}

// latest is the newest version as read at one Generation.
type latest struct {
	generation uint64
	version    Version
}

// opened is the version whose entries were read last; most readers want the same.
type opened struct {
	n       int
	entries []moderation.Entry
}

// Version is one published state of the register. The zero value stands before the first: no entries of its own.
type Version struct {
	N        int            `json:"n"`
	Hash     string         `json:"hash"` // SHA-256 of its entries
	At       time.Time      `json:"at,omitzero"`
	By       journal.Actor  `json:"by"`
	Approved journal.Actor  `json:"approved"` // the second person; zero when none was needed
	Note     string         `json:"note"`
	Restores int            `json:"restores"` // the earlier version that this is again; 0 when it is a new one
	Entries  int            `json:"entries"`
	Risks    map[string]int `json:"risks"` // entries by risk, quarantine left out
	Tiers    map[string]int `json:"tiers"`
	Tally    Tally          `json:"tally"` // against the version before
	Figures  *Figures       `json:"figures,omitempty"`
}

// Open migrates the tables.
func Open(ctx context.Context, db *store.DB, j *journal.Journal) (*Register, error) {
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("lexicon: %w", err)
	}
	if err := db.Migrate(ctx, "lexicon", files); err != nil {
		return nil, fmt.Errorf("lexicon: %w", err)
	}
	return &Register{db: db, j: j, now: time.Now}, nil
}

// Today is the day by which entries expire: the calendar day in mainland China.
func Today(now time.Time) string { return now.In(measures.Shanghai()).Format(time.DateOnly) }

const selectVersion = `SELECT n, hash, about, at_ms, event FROM lexicon_version`

type versionRow struct {
	N     int64  `db:"n"`
	Hash  string `db:"hash"`
	About string `db:"about"`
	AtMS  int64  `db:"at_ms"`
	Event string `db:"event"`
}

func (r versionRow) version() (Version, error) {
	var v Version
	if err := json.Unmarshal([]byte(r.About), &v); err != nil {
		return v, fmt.Errorf("lexicon: version %d: what is stored about it is damaged: %w", r.N, err)
	}
	v.N, v.Hash, v.At = int(r.N), r.Hash, time.UnixMilli(r.AtMS).UTC()
	return v, nil
}

// Latest returns the version in force; its N is 0 before the first. It asks the database only after the journal's
// Generation has moved.
func (r *Register) Latest(ctx context.Context) (Version, error) {
	generation := r.j.Generation()
	if l := r.last.Load(); l != nil && l.generation == generation {
		return l.version, nil
	}
	row, err := store.Row[versionRow](ctx, r.db.R, selectVersion+` ORDER BY n DESC LIMIT 1`)
	var v Version
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return v, fmt.Errorf("lexicon: version in force: %w", err)
	default:
		if v, err = row.version(); err != nil {
			return v, err
		}
	}
	r.last.Store(&latest{generation, v})
	return v, nil
}

// Versions lists all versions, newest first.
func (r *Register) Versions(ctx context.Context) ([]Version, error) {
	rows, err := store.Rows[versionRow](ctx, r.db.R, selectVersion+` ORDER BY n DESC`)
	if err != nil {
		return nil, fmt.Errorf("lexicon: versions: %w", err)
	}
	out := make([]Version, len(rows))
	for i, row := range rows {
		if out[i], err = row.version(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Version returns one version; ErrNoVersion when there is none of that number.
func (r *Register) Version(ctx context.Context, n int) (Version, error) {
	row, err := store.Row[versionRow](ctx, r.db.R, selectVersion+` WHERE n = $1`, n)
	if errors.Is(err, store.ErrNotFound) {
		return Version{}, fmt.Errorf("%w: %d", ErrNoVersion, n)
	}
	if err != nil {
		return Version{}, fmt.Errorf("lexicon: version %d: %w", n, err)
	}
	return row.version()
}

type packedRow struct {
	Hash   string `db:"hash"`
	Packed []byte `db:"-"`
}

// Entries returns the entries of a version, ordered by id; of version 0, none. They must not be changed. A version whose
// stored entries are not those that were published is an error.
func (r *Register) Entries(ctx context.Context, n int) ([]moderation.Entry, error) {
	if n == 0 {
		return nil, nil
	}
	if o := r.opened.Load(); o != nil && o.n == n {
		return o.entries, nil
	}
	entries, err := r.read(ctx, n)
	if err == nil {
		r.opened.Store(&opened{n, entries})
	}
	return entries, err
}

// read is Entries without its cache.
func (r *Register) read(ctx context.Context, n int) ([]moderation.Entry, error) {
	if n == 0 {
		return nil, nil
	}
	row, err := r.packed(ctx, `SELECT hash FROM lexicon_version WHERE n = $1`, n)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: %d", ErrNoVersion, n)
	}
	if err != nil {
		return nil, fmt.Errorf("lexicon: version %d: %w", n, err)
	}
	entries, hash, err := unpack[moderation.Entry](row.Packed)
	if err == nil && hash != row.Hash {
		err = errors.New("lexicon: the stored entries are not those that were published; restore them from a backup")
	}
	if err != nil {
		return nil, fmt.Errorf("lexicon: version %d: %w", n, err)
	}
	return entries, nil
}

// Newest is Latest past its cache: what anybody has published before is in it, whatever this process has heard of.
func (r *Register) Newest(ctx context.Context) (Version, error) {
	r.last.Store(nil)
	return r.Latest(ctx)
}

// partBytes is the size of a piece of a version's entries: what a transaction writes while exchanges wait.
const partBytes = 64 << 10

// keep writes the entries of a version piece by piece. The same again is no news.
func (r *Register) keep(ctx context.Context, hash string, packed []byte) error {
	i := 0
	for data := range slices.Chunk(packed, partBytes) {
		if _, err := r.db.W.ExecContext(ctx, `INSERT INTO lexicon_part (hash, part, data) VALUES ($1, $2, $3)
			ON CONFLICT (hash, part) DO UPDATE SET data = excluded.data WHERE lexicon_part.data <> excluded.data`, hash, i, data); err != nil {
			return fmt.Errorf("lexicon: entries of a version: %w", err)
		}
		i++
	}
	if _, err := r.db.W.ExecContext(ctx, `DELETE FROM lexicon_part WHERE hash = $1 AND part >= $2`, hash, i); err != nil {
		return fmt.Errorf("lexicon: entries of a version: %w", err)
	}
	return nil
}

// packed reads the entries of a version; query gives its hash.
func (r *Register) packed(ctx context.Context, query string, arg any) (packedRow, error) {
	row, err := store.Row[packedRow](ctx, r.db.R, query, arg)
	if err != nil {
		return row, err
	}
	parts, err := store.Rows[partRow](ctx, r.db.R, `SELECT data FROM lexicon_part WHERE hash = $1 ORDER BY part`, row.Hash)
	for _, p := range parts {
		row.Packed = append(row.Packed, p.Data...)
	}
	return row, err
}

type partRow struct {
	Data []byte `db:"data"`
}

// publish writes a version with its event; back is set when it is an earlier one again. with runs in the same transaction.
func (r *Register) publish(ctx context.Context, v Version, back *Return, entries []moderation.Entry, with func(context.Context, *sql.Tx) error) (Version, error) {
	packed, hash, err := pack(entries)
	if err != nil {
		return v, err
	}
	v.Hash, v.Entries, v.At = hash, len(entries), r.now().UTC().Truncate(time.Millisecond)
	v.Risks, v.Tiers = CountBy(entries)
	about, err := json.Marshal(v)
	if err != nil {
		return v, fmt.Errorf("lexicon: %w", err)
	}
	body := map[string]any{"version": v.N, "hash": hash, "entries": v.Entries, "tally": v.Tally, "tiers": v.Tiers, "risks": v.Risks}
	if back != nil {
		body["restores"], body["agreed"] = back.N, back.Agreed
	}
	if v.Approved.ID != "" {
		body["approved"] = v.Approved
	}
	if f := v.Figures; f != nil {
		passes := f.Passes()
		if back != nil {
			passes = back.Passes()
		}
		body["gate"] = map[string]any{"passes": passes, "bank": f.Bank, "benign": f.Benign, "accepted": f.Accepted, "talk": f.Talk,
			"compiled": f.After, "compiled_before": f.Before}
	}
	event, err := r.event(v.By, journal.LexiconVersion, strconv.Itoa(v.N), v.At, body)
	if err != nil {
		return v, err
	}
	if err := r.keep(ctx, hash, packed); err != nil {
		return v, err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO lexicon_version (n, hash, about, at_ms, event) VALUES ($1, $2, $3, $4, $5)`,
			v.N, hash, string(about), v.At.UnixMilli(), event.ID); err != nil {
			return err
		}
		return with(ctx, tx)
	}})
	if store.IsUnique(err) {
		return v, ErrRaced // another process has published the same number
	}
	if err != nil {
		return v, fmt.Errorf("lexicon: publish: %w", err)
	}
	return v, nil
}

func (r *Register) event(who journal.Actor, verb journal.Verb, id string, at time.Time, body map[string]any) (journal.Event, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return journal.Event{}, fmt.Errorf("lexicon: body of %s: %w", verb, err)
	}
	return journal.Event{ID: store.NewID(), At: at, Who: who, Verb: verb, Ref: journal.Ref{Kind: "lexicon", ID: id}, Body: b}, nil
}

func checkNote(note string) error {
	if len(note) > maxNote {
		return &InvalidError{Field: "note", Value: note, Mend: fmt.Sprintf("use at most %d bytes", maxNote)}
	}
	return nil
}

// Verify implements journal.Projection: the stored versions against the events that published them.
func (r *Register) Verify(ctx context.Context, events []journal.Event) ([]journal.Damage, error) {
	var damaged []journal.Damage
	for _, e := range events {
		if e.Verb != journal.LexiconVersion {
			continue
		}
		var body struct {
			Hash string `json:"hash"`
		}
		if json.Unmarshal(e.Body, &body) != nil {
			continue // the tree has named it already
		}
		row, err := r.packed(ctx, `SELECT hash FROM lexicon_version WHERE event = $1`, e.ID)
		what := ""
		switch {
		case errors.Is(err, store.ErrNotFound):
			what = "the row is missing"
		case err != nil:
			return nil, fmt.Errorf("lexicon: verify: %w", err)
		default:
			_, hash, err := unpack[json.RawMessage](row.Packed)
			if err != nil || hash != body.Hash || row.Hash != body.Hash {
				what = "the entries are not those that were published"
			}
		}
		if what != "" {
			damaged = append(damaged, journal.Damage{Table: "lexicon_version", Row: e.Ref.ID, What: what})
		}
	}
	return damaged, nil
}
