package journal

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hegui/hegui/internal/store"
)

// commitTimeout bounds one group's transaction; a database that is away fails the group instead of hanging it.
const commitTimeout = 15 * time.Second

// writer turns waiting Writes into transactions. One goroutine runs it; it owns the frontier.
type writer struct {
	j     *Journal
	queue chan *pending
	quit  chan struct{}
	ended chan struct{} // closed when run has returned: what is queued then is never written

	size int64
	edge edge

	events     *Table
	statements map[string]*sql.Stmt
	texts      map[insertKey]string
	hashes     []byte // scratch
}

type pending struct {
	Write
	result chan outcome
}

type outcome struct {
	Receipt
	err error
}

func newWriter(j *Journal, size int64, e edge) *writer {
	return &writer{
		j: j, size: size, edge: e,
		queue:      make(chan *pending, 4*j.o.MaxBatch),
		quit:       make(chan struct{}),
		ended:      make(chan struct{}),
		events:     &Table{Name: "journal_event", Columns: []string{"log", "seq", "id", "at", "verb", "ref_kind", "ref_id", "traffic", "leaf"}},
		statements: map[string]*sql.Stmt{},
		texts:      map[insertKey]string{},
	}
}

func (w *writer) commit(ctx context.Context, write Write) (Receipt, error) {
	p := &pending{Write: write, result: make(chan outcome, 1)}
	select {
	case <-w.quit:
		return Receipt{}, ErrClosed
	default:
	}
	select {
	case w.queue <- p:
	case <-w.quit:
		return Receipt{}, ErrClosed
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	}
	select {
	case o := <-p.result:
		return o.Receipt, o.err
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	case <-w.ended: // queued beside Close: written with the rest, or never seen
		select {
		case o := <-p.result:
			return o.Receipt, o.err
		default:
			return Receipt{}, ErrClosed
		}
	}
}

func (w *writer) close() { close(w.quit) }

// run takes whatever waits, up to MaxBatch, as one transaction: a lone caller waits for nobody and a crowd shares one fsync.
func (w *writer) run() {
	defer close(w.ended)
	var group []*pending
	crowd := 0
	for {
		group = group[:0]
		select {
		case p := <-w.queue:
			group = append(group, p)
		case <-w.quit:
			for { // everything that was queued before Close is still made durable
				select {
				case p := <-w.queue:
					w.transact([]*pending{p})
				default:
					return
				}
			}
		}
		group = w.gather(group, crowd)
		crowd = len(group)
		w.transact(group)
	}
}

// gather adds what waits. When the last group was a crowd, its callers have just been answered and most are about to ask
// again: a moment's patience lets them share one fsync instead of two. A lone caller never waits.
func (w *writer) gather(group []*pending, crowd int) []*pending {
	var patience <-chan time.Time
	for len(group) < w.j.o.MaxBatch {
		select {
		case p := <-w.queue:
			group = append(group, p)
			continue
		default:
		}
		if crowd < crowded || len(group) >= crowd+crowd/2 {
			break
		}
		if patience == nil {
			timer := time.NewTimer(gatherFor)
			defer timer.Stop()
			patience = timer.C
		}
		select {
		case p := <-w.queue:
			group = append(group, p)
		case <-patience:
			return group
		}
	}
	return group
}

const (
	crowded   = 6                      // writes in a group from which on waiting pays
	gatherFor = 250 * time.Microsecond // ours; measured with bench/gateway: fewer fsyncs, no later median
)

// transact commits a group; when that fails each Write is tried alone, so that only the bad one fails.
func (w *writer) transact(group []*pending) {
	err := w.try(group)
	switch {
	case err == nil:
	case len(group) == 1:
		group[0].result <- outcome{err: err}
	case store.IsBusy(err): // nobody's fault: the database is locked, full or gone
		for _, p := range group {
			p.result <- outcome{err: err}
		}
	default:
		for i := range group {
			w.transact(group[i : i+1])
		}
	}
}

func (w *writer) try(group []*pending) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	var events, moves int64
	for _, p := range group {
		events += int64(len(p.Events))
		for i := range p.Events {
			if d, _ := p.Events[i].Verb.Doc(); d.Moves {
				moves++
			}
		}
	}
	if err := w.j.db.Present(); err != nil {
		return err
	}
	if err := w.prepare(ctx, group, int(events)); err != nil {
		return err
	}
	now := w.j.o.Now().UTC().Truncate(time.Millisecond)
	receipts := make([]Receipt, len(group))
	var after edge
	var start int64
	err := w.j.db.Tx(ctx, func(tx *sql.Tx) error {
		var size int64
		err := tx.StmtContext(ctx, w.statements[headText]).QueryRowContext(ctx, events, moves, w.j.o.Origin).Scan(&size)
		if err != nil {
			return fmt.Errorf("journal: head: %w", err)
		}
		start = size - events
		after = w.edge
		if start != w.size { // another process wrote to this tree
			if after, err = loadEdge(ctx, tx, w.j.o.Origin, start); err != nil {
				return err
			}
		}
		if err := w.insert(ctx, tx, w.events, w.grow(group, receipts, now, start, &after)); err != nil {
			return err
		}
		if events > 0 {
			if err := w.exec(ctx, tx, hashText, w.j.o.Origin, tlog.StoredHashCount(start), w.hashes); err != nil {
				return fmt.Errorf("journal: hashes: %w", err)
			}
		}
		return w.registers(ctx, tx, group, receipts)
	})
	if err != nil {
		return err
	}
	w.size, w.edge = start+events, after
	if moves > 0 {
		// Read, not added: a poll may have counted this commit already, and a generation ahead of the database would hide
		// the next change of another process. Should the reading fail, the next poll does it.
		_ = w.j.poll(ctx)
	}
	for i, p := range group {
		p.result <- outcome{Receipt: receipts[i]}
	}
	return nil
}

// grow appends the group's events to the tree from leaf start on and returns their rows; w.hashes gets the new hashes.
func (w *writer) grow(group []*pending, receipts []Receipt, now time.Time, start int64, e *edge) [][]any {
	w.hashes = nil // the driver may keep the last one
	var rows [][]any
	n := start
	for i, p := range group {
		receipts[i] = Receipt{Log: w.j.o.Origin, First: n, At: now}
		for k := range p.Events {
			ev := p.Events[k] // a copy: a group that fails is tried again
			ev.Log, ev.Seq = w.j.o.Origin, n
			if ev.ID == "" {
				ev.ID = store.NewID()
			}
			if ev.At.IsZero() {
				ev.At = now
			}
			ev.At = ev.At.UTC().Truncate(time.Millisecond)
			leaf := ev.appendLeaf(make([]byte, 0, len(ev.Body)+320))
			w.hashes = e.append(w.hashes, n, tlog.RecordHash(leaf))
			rows = append(rows, []any{ev.Log, ev.Seq, ev.ID, ev.At.UnixMilli(), string(ev.Verb), ev.Ref.Kind, ev.Ref.ID, ev.Verb.Traffic(), leaf})
			n++
		}
	}
	return rows
}

// registers writes the rows of the group's registers: inserts of one table together, in the order tables first appear,
// then what each Write applies by itself.
func (w *writer) registers(ctx context.Context, tx *sql.Tx, group []*pending, receipts []Receipt) error {
	var order []*Table
	rows := map[*Table][][]any{}
	for i, p := range group {
		for _, in := range p.Inserts {
			if rows[in.Into] == nil {
				order = append(order, in.Into)
			}
			rows[in.Into] = append(rows[in.Into], resolve(in.Args, receipts[i].First))
		}
	}
	for _, t := range order {
		if err := w.insert(ctx, tx, t, rows[t]); err != nil {
			return err
		}
	}
	for _, p := range group {
		if p.Apply != nil {
			if err := p.Apply(ctx, tx); err != nil {
				return err
			}
		}
	}
	return nil
}

// resolve puts the sequence number in that an Insert asks for (one SeqOf a row); the caller's slice is left alone for a second try.
func resolve(args []any, first int64) []any {
	for i, a := range args {
		if k, ok := a.(SeqOf); ok {
			out := append([]any(nil), args...)
			out[i] = first + int64(k)
			return out
		}
	}
	return args
}

// insert writes rows by prepared statements of a few fixed sizes, largest first.
func (w *writer) insert(ctx context.Context, tx *sql.Tx, t *Table, rows [][]any) error {
	for _, size := range statementSizes {
		for len(rows) >= size {
			args := make([]any, 0, size*len(t.Columns))
			for _, row := range rows[:size] {
				args = append(args, row...)
			}
			if err := w.exec(ctx, tx, w.insertText(t, size), args...); err != nil {
				return fmt.Errorf("journal: insert into %s: %w", t.Name, err)
			}
			rows = rows[size:]
		}
	}
	return nil
}

// insertText is the statement that inserts so many rows into t.
func (w *writer) insertText(t *Table, rows int) string {
	key := insertKey{t, rows}
	text, ok := w.texts[key]
	if !ok {
		text = buildInsert(w.j.db, t, rows)
		w.texts[key] = text
	}
	return text
}

type insertKey struct {
	table *Table
	rows  int
}

func buildInsert(db *store.DB, t *Table, rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + t.Name + " (" + strings.Join(t.Columns, ", ") + ") VALUES ")
	n := 0
	for r := range rows {
		separator := "("
		if r > 0 {
			separator = ", ("
		}
		for range t.Columns {
			n++
			b.WriteString(separator + db.Mark(n))
			separator = ", "
		}
		b.WriteByte(')')
	}
	return b.String()
}

// prepare readies the statements that the group's inserts will run. It must happen before the transaction begins: SQLite
// has one write connection, and a statement prepared inside a transaction dies with it.
func (w *writer) prepare(ctx context.Context, group []*pending, events int) error {
	if err := w.ready(ctx, headText, hashText); err != nil {
		return err
	}
	counts := map[*Table]int{w.events: events}
	for _, p := range group {
		for _, in := range p.Inserts {
			counts[in.Into]++
		}
	}
	for t, n := range counts {
		for _, size := range statementSizes {
			if n < size {
				continue
			}
			n %= size
			if err := w.ready(ctx, w.insertText(t, size)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) ready(ctx context.Context, texts ...string) error {
	for _, text := range texts {
		if w.statements[text] != nil {
			continue
		}
		stmt, err := w.j.db.W.PrepareContext(ctx, text)
		if err != nil {
			return fmt.Errorf("journal: prepare %q: %w", text, err)
		}
		w.statements[text] = stmt
	}
	return nil
}

// exec runs a statement that prepare has readied.
func (w *writer) exec(ctx context.Context, tx *sql.Tx, text string, args ...any) error {
	_, err := tx.StmtContext(ctx, w.statements[text]).ExecContext(ctx, args...)
	return err
}

func (w *writer) closeStatements() {
	for _, s := range w.statements {
		_ = s.Close()
	}
}

const (
	headText = `UPDATE journal_head SET size = size + $1, generation = generation + $2 WHERE log = $3 RETURNING size`
	hashText = `INSERT INTO journal_hash (log, first, hashes) VALUES ($1, $2, $3)`
)

// statementSizes are the rows of the prepared multi-row inserts, largest first, ending in 1.
var statementSizes = [...]int{64, 16, 4, 1}
