package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hegui/hegui/internal/store"
)

// Damage is one place where what is stored is not what was committed.
type Damage struct {
	Table string `json:"table"`
	Row   string `json:"row"` // primary key of the damaged row
	What  string `json:"what"`
}

// maxDamage bounds the list in a Report; the total is counted on.
const maxDamage = 100

// Report is what Verify found. Sound is true only when everything was read and nothing is damaged.
type Report struct {
	Sound      bool     `json:"sound"`
	Heads      []Head   `json:"heads"`
	Events     int64    `json:"events"`
	Damaged    []Damage `json:"damaged"` // the first 100
	DamagedAll int64    `json:"damaged_total"`
}

func (r *Report) add(table, row, what string) {
	r.DamagedAll++
	if len(r.Damaged) < maxDamage {
		r.Damaged = append(r.Damaged, Damage{Table: table, Row: row, What: what})
	}
}

// Projection re-checks the rows that a register derived from its events. Registers hand theirs to Verify through
// cmd/hegui.
type Projection interface {
	// Verify is called once per batch of events in ascending order and returns the damage it sees.
	Verify(ctx context.Context, events []Event) ([]Damage, error)
}

// verifyBatch is how many events are read at a time.
const verifyBatch = 1000

type eventRow struct {
	Seq     int64  `db:"seq"`
	ID      string `db:"id"`
	At      int64  `db:"at"`
	Verb    string `db:"verb"`
	RefKind string `db:"ref_kind"`
	RefID   string `db:"ref_id"`
	Traffic bool   `db:"traffic"`
	Leaf    []byte `db:"leaf"`
}

// Verify re-reads every leaf, index column, tree hash and checkpoint, recomputes them, and hands the events to the
// projections. It reports what it sees and never stops at the first damage.
func (j *Journal) Verify(ctx context.Context, projections []Projection, progress func(done, total int64)) (Report, error) {
	report := Report{Damaged: []Damage{}}
	rows, err := store.Rows[headRow](ctx, j.db.R, `SELECT log, size FROM journal_head ORDER BY log`)
	if err != nil {
		return report, fmt.Errorf("journal: verify: %w", err)
	}
	var total int64
	for _, row := range rows {
		total += row.Size
	}
	for _, row := range rows {
		err := j.verifyLog(ctx, &report, row, projections, func(done int64) {
			if progress != nil {
				progress(done, total)
			}
		})
		if err != nil {
			return report, err
		}
	}
	report.Sound = report.DamagedAll == 0
	return report, nil
}

func (j *Journal) verifyLog(ctx context.Context, report *Report, head headRow, projections []Projection, progress func(int64)) error {
	tree := &storedTree{log: head.Log}
	if err := tree.open(ctx, j.db.R, report, head.Size); err != nil {
		return err
	}
	var computed edge
	for next := int64(0); next < head.Size; next += verifyBatch {
		rows, err := store.Rows[eventRow](ctx, j.db.R, `SELECT seq, id, at, verb, ref_kind, ref_id, traffic, leaf FROM journal_event
			WHERE log = $1 AND seq >= $2 AND seq < $3 ORDER BY seq`, head.Log, next, min(next+verifyBatch, head.Size))
		if err != nil {
			return fmt.Errorf("journal: verify: %w", err)
		}
		events := make([]Event, 0, len(rows))
		want := next
		for _, row := range rows {
			for ; want < row.Seq; want++ {
				report.add("journal_event", fmt.Sprintf("%s#%d", head.Log, want), "the row is missing")
				computed.append(nil, want, tree.at(tlog.StoredHashIndex(0, want)))
			}
			want++
			report.Events++
			leafHash := tlog.RecordHash(row.Leaf)
			tree.judge(report, &computed, row.Seq, leafHash)
			var e Event
			if err := json.Unmarshal(row.Leaf, &e); err != nil {
				continue // the hash has named it already
			}
			if e.Log != head.Log || e.Seq != row.Seq || e.ID != row.ID || e.At.UnixMilli() != row.At ||
				string(e.Verb) != row.Verb || e.Ref.Kind != row.RefKind || e.Ref.ID != row.RefID || e.Verb.Traffic() != row.Traffic {
				report.add("journal_event", fmt.Sprintf("%s#%d", head.Log, row.Seq), "a column differs from the event that was hashed")
			}
			events = append(events, e)
		}
		for end := min(next+verifyBatch, head.Size); want < end; want++ {
			report.add("journal_event", fmt.Sprintf("%s#%d", head.Log, want), "the row is missing")
			computed.append(nil, want, tree.at(tlog.StoredHashIndex(0, want)))
		}
		for _, p := range projections {
			damaged, err := p.Verify(ctx, events)
			if err != nil {
				return fmt.Errorf("journal: verify: %w", err)
			}
			for _, d := range damaged {
				report.add(d.Table, d.Row, d.What)
			}
		}
		progress(report.Events)
	}
	extra, err := store.Rows[int64](ctx, j.db.R, `SELECT seq FROM journal_event WHERE log = $1 AND seq >= $2 ORDER BY seq LIMIT 10`, head.Log, head.Size)
	if err != nil {
		return fmt.Errorf("journal: verify: %w", err)
	}
	// Others may write while we read: what the head has taken in since is no damage.
	now, err := j.sizeOf(ctx, head.Log)
	if err != nil {
		return err
	}
	for _, seq := range extra {
		if seq < now {
			continue
		}
		report.add("journal_head", head.Log, fmt.Sprintf("the head says %d events, but there is an event %d", now, seq))
	}
	root, err := tlog.TreeHash(head.Size, tree)
	if err != nil {
		return fmt.Errorf("journal: verify: %w", err)
	}
	report.Heads = append(report.Heads, Head{Log: head.Log, Size: head.Size, Root: root.String()})
	return j.verifyCheckpoints(ctx, report, head, tree)
}

func (j *Journal) verifyCheckpoints(ctx context.Context, report *Report, head headRow, tree *storedTree) error {
	rows, err := store.Rows[checkpointRow](ctx, j.db.R, `SELECT size, at, note FROM journal_checkpoint WHERE log = $1 ORDER BY size`, head.Log)
	if err != nil {
		return fmt.Errorf("journal: verify: %w", err)
	}
	now, err := j.sizeOf(ctx, head.Log)
	if err != nil {
		return err
	}
	for _, row := range rows {
		name := fmt.Sprintf("%s@%d", head.Log, row.Size)
		if row.Size > now {
			report.add("journal_checkpoint", name, fmt.Sprintf("it signs %d events, the tree holds %d: events were cut off", row.Size, now))
		}
		if row.Size > head.Size { // signed while we read, or just named
			continue
		}
		root, err := tlog.TreeHash(row.Size, tree)
		if err != nil {
			return fmt.Errorf("journal: verify: %w", err)
		}
		if j.o.Verifier == nil || j.o.Verifier.Name() != head.Log {
			continue // another node's key; its own verify judges it
		}
		origin, size, signed, err := parseCheckpoint(row.Note, j.o.Verifier)
		switch {
		case err != nil:
			report.add("journal_checkpoint", name, err.Error())
		case origin != head.Log || size != row.Size:
			report.add("journal_checkpoint", name, "the note signs another tree or size")
		case signed != root:
			report.add("journal_checkpoint", name, "the signed root is not the root of the stored tree")
		}
	}
	return nil
}

func (j *Journal) sizeOf(ctx context.Context, log string) (int64, error) {
	size, err := store.Row[int64](ctx, j.db.R, `SELECT size FROM journal_head WHERE log = $1`, log)
	if err != nil {
		return 0, fmt.Errorf("journal: verify: %w", err)
	}
	return size, nil
}

// storedTree holds the stored hashes of one tree in memory (32 to 64 bytes an event) and tells damaged rows from sound
// ones: a leaf hash is confirmed by the parent that was stored when its neighbour arrived.
type storedTree struct {
	log    string
	hashes []byte
	rows   []int64 // first index of each journal_hash row, ascending
	named  map[int64]bool
}

func (t *storedTree) open(ctx context.Context, q store.Querier, report *Report, size int64) error {
	t.named = map[int64]bool{}
	want := tlog.StoredHashCount(size)
	for at, after := int64(0), int64(0); at < want; {
		rows, err := store.Rows[hashRow](ctx, q, `SELECT first, hashes FROM journal_hash WHERE log = $1 AND first >= $2 ORDER BY first LIMIT 1000`, t.log, after)
		if err != nil {
			return fmt.Errorf("journal: verify: %w", err)
		}
		if len(rows) == 0 {
			report.add("journal_hash", fmt.Sprintf("%s@%d", t.log, at), fmt.Sprintf("hashes %d to %d are missing", at, want-1))
			t.hashes = append(t.hashes, make([]byte, (want-at)*tlog.HashSize)...)
			break
		}
		for _, row := range rows {
			if at >= want { // written since the head was read
				break
			}
			if whole := len(row.Hashes) / tlog.HashSize * tlog.HashSize; whole == 0 || whole != len(row.Hashes) || row.First < at {
				// passed over: what it should hold is then missing, and named
				report.add("journal_hash", fmt.Sprintf("%s@%d", t.log, row.First), "the row is cut short, or overlaps the one before it")
				after = max(after, row.First+1)
				continue
			}
			if row.First != at {
				to := min(row.First, want)
				report.add("journal_hash", fmt.Sprintf("%s@%d", t.log, at), fmt.Sprintf("hashes %d to %d are missing", at, to-1))
				t.hashes = append(t.hashes, make([]byte, (to-at)*tlog.HashSize)...)
				if at = to; at == want {
					break
				}
			}
			t.rows = append(t.rows, row.First)
			t.hashes = append(t.hashes, row.Hashes...)
			at = row.First + int64(len(row.Hashes)/tlog.HashSize)
			after = max(after, at)
			if at > want && row.First < want {
				report.add("journal_hash", fmt.Sprintf("%s@%d", t.log, row.First), fmt.Sprintf("it holds more than the tree's %d hashes", want))
			}
		}
	}
	return nil
}

func (t *storedTree) at(index int64) (h tlog.Hash) {
	if from := int(index) * tlog.HashSize; from+tlog.HashSize <= len(t.hashes) {
		copy(h[:], t.hashes[from:])
	}
	return h
}

// ReadHashes implements tlog.HashReader over the stored hashes.
func (t *storedTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		out[i] = t.at(index)
	}
	return out, nil
}

// judge compares record seq's leaf hash and the subtrees it completes with what is stored.
func (t *storedTree) judge(report *Report, computed *edge, seq int64, leaf tlog.Hash) {
	index := tlog.StoredHashIndex(0, seq)
	stored := t.at(index)
	if stored != leaf {
		switch {
		case t.confirms(seq, leaf):
			t.nameRow(report, index, fmt.Sprintf("the hash of event %d is not the hash its parent was made of", seq))
		default:
			report.add("journal_event", fmt.Sprintf("%s#%d", t.log, seq), "the event is not the one that was hashed")
			leaf = stored // go on with what the tree holds, so that only the damaged row is named
		}
	}
	fresh := computed.append(nil, seq, leaf)
	for k := int64(1); k < int64(len(fresh)/tlog.HashSize); k++ {
		if h := t.at(index + k); string(h[:]) != string(fresh[k*tlog.HashSize:(k+1)*tlog.HashSize]) {
			t.nameRow(report, index+k, fmt.Sprintf("stored hash %d does not follow from the hashes below it", index+k))
		}
	}
}

// confirms tells whether the stored parent of record seq was made of leaf.
func (t *storedTree) confirms(seq int64, leaf tlog.Hash) bool {
	sibling := t.at(tlog.StoredHashIndex(0, seq^1))
	parent := tlog.StoredHashIndex(1, seq>>1)
	if parent >= int64(len(t.hashes)/tlog.HashSize) {
		return false
	}
	if seq&1 == 0 {
		return tlog.NodeHash(leaf, sibling) == t.at(parent)
	}
	return tlog.NodeHash(sibling, leaf) == t.at(parent)
}

// nameRow reports the journal_hash row that holds an index, once.
func (t *storedTree) nameRow(report *Report, index int64, what string) {
	i, found := slices.BinarySearch(t.rows, index)
	if !found {
		i--
	}
	if i < 0 || t.named[t.rows[i]] {
		return
	}
	t.named[t.rows[i]] = true
	report.add("journal_hash", fmt.Sprintf("%s@%d", t.log, t.rows[i]), what)
}
