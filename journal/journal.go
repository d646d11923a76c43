// Package journal keeps hegui's evidence: an append-only Merkle log of events, written in the same transaction as the
// rows they speak of, signed in checkpoints and exportable as C2SP tlog-tiles.
//
// The journal commits and never contains: an event holds identifiers, times, codes and keyed commitments. Content lives
// in the Vault's sealed blobs under a key per subject; destroying the key erases the content and the tree still verifies.
package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/hegui/hegui/internal/store"
)

// Actor says who did what an event records.
type Actor struct {
	Kind string `json:"kind"` // system, gateway, staff, user, party, authority, cli
	ID   string `json:"id"`   // staff id, user pseudonym, application id; never a name or a contact
}

// Event is one line of evidence. Body must hold no personal information and at most 8 KiB.
type Event struct {
	Log  string          `json:"log"`  // origin of the tree it stands in
	Seq  int64           `json:"seq"`  // leaf index in that tree, from 0
	ID   string          `json:"id"`   // ULID
	At   time.Time       `json:"at"`   // UTC, millisecond precision
	Who  Actor           `json:"who"`  //
	Verb Verb            `json:"verb"` // one of Verbs
	Ref  Ref             `json:"ref"`  // what it is about
	Body json.RawMessage `json:"body"` // a JSON object, fields fixed by the verb
}

// Ref names a row of some register: kind is the glossary's word (exchange, user, key, service, staff, text, …).
type Ref struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// Insert is one row for a table, to be written together with the events of its Write. Inserts of one group commit into
// the same table are joined into multi-row statements, which is what makes the gateway's record cheap. Into must be a
// package-level *Table: the journal groups by its identity.
type Insert struct {
	Into *Table
	Args []any // one per column of Into, in its order
}

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

// Options of Open. Zero values are good except Origin and Signer.
type Options struct {
	Origin   string           // name of this node's tree, as the checkpoint's first line: hegui/<installation>/<node>
	Signer   note.Signer      // signs checkpoints (Ed25519)
	Now      func() time.Time // time.Now when nil
	MaxBatch int              // writes in one transaction; 256 when 0
}

// Journal is one node's tree. All methods may be called from many goroutines; other processes may write to the same
// tree (the CLI beside a running server), the head row in the database is the lock.
type Journal struct {
	db *store.DB
	// unexported state: writer goroutine, frontier
}

// Open migrates the journal's tables, checks that the stored frontier agrees with the stored head and starts the writer.
func Open(ctx context.Context, db *store.DB, o Options) (*Journal, error) { panic("skeleton") }

// Close stops the writer after everything queued is durable.
func (j *Journal) Close() error { panic("skeleton") }

// Origin returns the name of this node's tree.
func (j *Journal) Origin() string { panic("skeleton") }

// Commit makes w durable and returns when the transaction that holds it has been committed to disk. Writes of many
// callers share one transaction (group commit). When ctx ends first, Commit returns its error and w may still become
// durable. An error of w's own rows or Apply is returned to its caller alone.
func (j *Journal) Commit(ctx context.Context, w Write) (Receipt, error) { panic("skeleton") }

// Generation grows whenever any node has committed an event other than an exchange's; caches of registers (keys, users,
// services) compare it to what they were filled at. It is refreshed by Commit at once and by polling every 250 ms, so a
// decision taken anywhere is seen everywhere within one second.
func (j *Journal) Generation() uint64 { panic("skeleton") }

// Head is the state of one tree.
type Head struct {
	Log  string `db:"log" json:"log"`
	Size int64  `db:"size" json:"size"`
	Root string `db:"-" json:"root"` // base64, computed
}

// Heads lists every node's tree.
func (j *Journal) Heads(ctx context.Context) ([]Head, error) { panic("skeleton") }

// Filter selects events; zero fields do not restrict. Newest first unless Ascending.
type Filter struct {
	Log       string
	Verbs     []Verb
	Ref       Ref
	From, To  time.Time // half open
	Before    string    // event id, for paging
	Ascending bool
	Limit     int // 100 when 0, 1000 at most
}

// Events returns the events that f selects.
func (j *Journal) Events(ctx context.Context, f Filter) ([]Event, error) { panic("skeleton") }

// Count returns how many events f selects, Limit not applied.
func (j *Journal) Count(ctx context.Context, f Filter) (int64, error) { panic("skeleton") }

// Proof shows that an event stands in a signed tree.
type Proof struct {
	Log        string   `json:"log"`
	Seq        int64    `json:"seq"`
	Leaf       string   `json:"leaf"`   // the exact bytes that were hashed (JSON)
	Size       int64    `json:"size"`   // of the tree that the checkpoint signs
	Hashes     []string `json:"hashes"` // base64, RFC 6962 audit path
	Checkpoint string   `json:"checkpoint"`
}

// Prove returns the proof for one event, signing a fresh checkpoint if the newest does not cover it.
func (j *Journal) Prove(ctx context.Context, log string, seq int64) (Proof, error) { panic("skeleton") }

// Check verifies the proof with nothing but the public key.
func (p Proof) Check(v note.Verifier) error { panic("skeleton") }

// Consistency returns the proof that the tree of size old is a prefix of the tree of size new.
func (j *Journal) Consistency(ctx context.Context, log string, old, new int64) ([]string, error) {
	panic("skeleton")
}

// Checkpoint signs the present tree, stores the note and returns it; an unchanged tree returns the stored note.
func (j *Journal) Checkpoint(ctx context.Context) (string, error) { panic("skeleton") }

// Export writes one tree as C2SP tlog-tiles (checkpoint, tile/<L>/…, tile/entries/…) into dir, which must be empty.
func (j *Journal) Export(ctx context.Context, log, dir string, progress func(done, total int64)) error {
	panic("skeleton")
}

// Damage is one place where what is stored is not what was committed.
type Damage struct {
	Table string `json:"table"`
	Row   string `json:"row"` // primary key of the damaged row
	What  string `json:"what"`
}

// Report is what Verify found. Sound is true only when everything was read and nothing is damaged.
type Report struct {
	Sound      bool     `json:"sound"`
	Heads      []Head   `json:"heads"`
	Events     int64    `json:"events"`
	Blobs      int64    `json:"blobs"`
	Damaged    []Damage `json:"damaged"` // the first 100
	DamagedAll int64    `json:"damaged_total"`
}

// Projection re-checks the rows that a register derived from its events: given an event and its body, it returns the
// damage it sees. Registers hand theirs to Verify through cmd/hegui.
type Projection interface {
	// Verify is called once per batch of events in ascending order.
	Verify(ctx context.Context, events []Event) ([]Damage, error)
}

// Verify re-reads every leaf, index column, tree hash, checkpoint and sealed blob and recomputes them.
func (j *Journal) Verify(ctx context.Context, projections []Projection, progress func(done, total int64)) (Report, error) {
	panic("skeleton")
}
