// Package journal keeps hegui's evidence: an append-only Merkle log of events, written in the same transaction as the
// rows they speak of, signed in checkpoints and exportable as C2SP tlog-tiles.
//
// The journal commits and never contains: an event holds identifiers, times, codes and keyed commitments. Content lives
// in sealed blobs under a key per subject (Vault); destroying the key erases the content and the tree still verifies.
package journal

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"

	"github.com/hegui/hegui/internal/store"
)

// Actor says who did what an event records.
type Actor struct {
	Kind string `json:"kind"` // system, gateway, staff, user, party, authority, cli
	ID   string `json:"id"`   // staff id, user pseudonym, application id; never a name or a contact
}

// Person tells whether the actor is somebody who can stand for a decision: a staff member, in the console or named to a command.
// Commands that nobody is named to act as hegui. Who did the one and who the other of two signatures is told by ID alone: the
// same person may use console and command line.
func (a Actor) Person() bool {
	return a.ID != "" && (a.Kind == "staff" || a.Kind == "cli" && a.ID != "hegui")
}

// Event is one line of evidence. Body must hold no personal information and at most MaxBody bytes.
type Event struct {
	Log  string          `json:"log"`  // origin of the tree it stands in
	Seq  int64           `json:"seq"`  // leaf index in that tree, from 0
	ID   string          `json:"id"`   // ULID
	At   time.Time       `json:"at"`   // UTC, millisecond precision
	Who  Actor           `json:"who"`  //
	Verb Verb            `json:"verb"` // one of Verbs
	Ref  Ref             `json:"ref"`  // what it is about
	Body json.RawMessage `json:"body"` // a JSON object, fields fixed by the verb; {} when empty
}

// MaxBody is the largest body of an event, in bytes: evidence is short, content belongs in the vault.
const MaxBody = 8 << 10

// maxName is the largest identifier in an event (its own, the actor's, the reference's), in bytes.
const maxName = 1 << 10

// Ref names a row of some register: kind is the glossary's word (exchange, user, key, service, staff, text, …).
type Ref struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// Insert is one row for a table, to be written together with the events of its Write. Inserts of one group commit into
// the same table are joined into multi-row statements, which is what makes the gateway's record cheap. Into must be one
// *Table shared by all writers of that table: the journal groups by its identity.
type Insert struct {
	Into *Table
	Args []any // one per column of Into, in its order
}

// SeqOf, as an argument of an Insert, stands for the sequence number of the Write's k-th event, which is known only when
// the row is written.
type SeqOf int

// Table names the target of Inserts.
type Table struct {
	Name    string
	Columns []string
}

// Write is what one caller wants made durable at once: its events, its rows, or neither.
// Apply, if set, runs inside the shared transaction after the Inserts. It may run more than once (a group in which one
// Write fails is rolled back and its Writes are tried one by one), so it must not change anything but the transaction.
type Write struct {
	Events  []Event // Log, Seq, and when empty ID and At, are filled in by Commit
	Inserts []Insert
	Apply   func(ctx context.Context, tx *sql.Tx) error
}

// Receipt says where the events of a Write now stand.
type Receipt struct {
	Log   string
	First int64 // Seq of the first event; the others follow
	At    time.Time
}

// Options of Open. Zero values are good except Origin, Signer and Verifier.
type Options struct {
	Origin   string           // name of this node's tree, as the checkpoint's first line: hegui/<installation>/<node>
	Signer   note.Signer      // signs checkpoints (Ed25519)
	Verifier note.Verifier    // checks stored checkpoints; the public half of Signer
	Now      func() time.Time // time.Now when nil
	MaxBatch int              // writes in one transaction; 256 when 0
	ReadOnly bool             // no writer: Commit and Checkpoint are refused, nothing is migrated
}

// Journal is one node's tree. All methods may be called from many goroutines; other processes may write to the same
// tree (the CLI beside a running server): the head row in the database is the lock.
type Journal struct {
	db         *store.DB
	o          Options
	writer     *writer
	generation atomic.Uint64
	stop       chan struct{}
	done       sync.WaitGroup
	closed     sync.Once
}

//go:embed sql/*.sql
var sqlFiles embed.FS

// ErrReadOnly is returned by the writing methods of a Journal opened with ReadOnly.
var ErrReadOnly = errors.New("journal: opened for reading only")

// ErrClosed is returned by Commit after Close.
var ErrClosed = errors.New("journal: closed")

// pollEvery is how often the generation of other processes' writes is looked up.
const pollEvery = 250 * time.Millisecond

// Open migrates the journal's tables, checks that the stored frontier agrees with the stored head and starts the writer.
func Open(ctx context.Context, db *store.DB, o Options) (*Journal, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxBatch == 0 {
		o.MaxBatch = 256
	}
	j := &Journal{db: db, o: o, stop: make(chan struct{})}
	if o.ReadOnly {
		return j, nil
	}
	if o.Origin == "" || o.Signer == nil {
		return nil, errors.New("journal: Options.Origin and Options.Signer are required")
	}
	files, err := fs.Sub(sqlFiles, "sql")
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := db.Migrate(ctx, "journal", files); err != nil {
		return nil, err
	}
	if _, err := db.W.ExecContext(ctx, `INSERT INTO journal_head (log, size, generation) VALUES ($1, 0, 0) ON CONFLICT (log) DO NOTHING`, o.Origin); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	size, err := store.Row[int64](ctx, db.R, `SELECT size FROM journal_head WHERE log = $1`, o.Origin)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	edge, err := loadEdge(ctx, db.R, o.Origin, size)
	if err != nil {
		return nil, fmt.Errorf("journal: the stored tree is not whole, run `hegui journal verify`: %w", err)
	}
	j.writer = newWriter(j, size, edge)
	if err := j.poll(ctx); err != nil {
		return nil, err
	}
	j.done.Add(2)
	go func() { defer j.done.Done(); j.writer.run() }()
	go func() { defer j.done.Done(); j.follow() }()
	return j, nil
}

// Close stops the writer after everything queued is durable.
func (j *Journal) Close() error {
	if j.writer == nil {
		return nil
	}
	j.closed.Do(func() {
		close(j.stop)
		j.writer.close()
		j.done.Wait()
		j.writer.closeStatements()
	})
	return nil
}

// Origin returns the name of this node's tree.
func (j *Journal) Origin() string { return j.o.Origin }

// Commit makes w durable and returns when the transaction that holds it has been committed to disk. Writes of many
// callers share one transaction (group commit). When ctx ends first, Commit returns its error and w may still become
// durable. An error of w's own rows or Apply is returned to its caller alone.
func (j *Journal) Commit(ctx context.Context, w Write) (Receipt, error) {
	if j.writer == nil {
		return Receipt{}, ErrReadOnly
	}
	for i := range w.Events {
		if err := w.Events[i].check(); err != nil {
			return Receipt{}, err
		}
	}
	for _, in := range w.Inserts {
		if len(in.Args) != len(in.Into.Columns) {
			return Receipt{}, fmt.Errorf("journal: %d values for the %d columns of %s", len(in.Args), len(in.Into.Columns), in.Into.Name)
		}
	}
	return j.writer.commit(ctx, w)
}

// Generation grows whenever any node has committed an event that changes a register others keep in memory (keys, users'
// standing, services, texts; see Verb.Moves). Caches compare it to what they were filled at. It is refreshed by Commit at
// once and by polling every 250 ms, so a decision taken anywhere is seen everywhere within one second.
func (j *Journal) Generation() uint64 { return j.generation.Load() }

func (j *Journal) follow() {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-tick.C:
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			_ = j.poll(ctx) // a database that is away is seen by the next Commit; caches keep what they have
			cancel()
		}
	}
}

func (j *Journal) poll(ctx context.Context) error {
	sum, err := store.Row[int64](ctx, j.db.R, `SELECT CAST(COALESCE(SUM(generation), 0) AS BIGINT) FROM journal_head`)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.raise(uint64(sum))
	return nil
}

func (j *Journal) raise(to uint64) {
	for {
		now := j.generation.Load()
		if to <= now || j.generation.CompareAndSwap(now, to) {
			return
		}
	}
}

// check refuses an event that must not enter the journal.
func (e *Event) check() error {
	if _, ok := e.Verb.Doc(); !ok {
		return fmt.Errorf("journal: verb %q is not in the table of verbs", e.Verb)
	}
	if len(e.Body) == 0 {
		e.Body = json.RawMessage(`{}`)
	}
	if len(e.Body) > MaxBody {
		return fmt.Errorf("journal: %s: body of %d bytes, at most %d are allowed", e.Verb, len(e.Body), MaxBody)
	}
	// exchanges' bodies are marshalled by package exchange a moment ago; checking them again would cost more than writing them
	if e.Body[0] != '{' || !e.Verb.Traffic() && !json.Valid(e.Body) {
		return fmt.Errorf("journal: %s: body is not a JSON object", e.Verb)
	}
	for _, f := range []struct{ name, value string }{
		{"id", e.ID}, {"who.kind", e.Who.Kind}, {"who.id", e.Who.ID}, {"ref.kind", e.Ref.Kind}, {"ref.id", e.Ref.ID},
	} {
		switch {
		case len(f.value) > maxName: // the entries of an export have a 16-bit length
			return fmt.Errorf("journal: %s: %s of %d bytes, at most %d are allowed", e.Verb, f.name, len(f.value), maxName)
		case !utf8.ValidString(f.value) || strings.ContainsRune(f.value, 0): // the columns would differ from the leaf
			return fmt.Errorf("journal: %s: %s %q is not UTF-8 text without NUL", e.Verb, f.name, f.value)
		}
	}
	return nil
}
