package journal_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

func TestMain(m *testing.M) { testkit.Main(m) }

type fatal interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// instance opens the journal of a tree; two of the same keys are the server and the CLI beside it.
func instance(t fatal, db *store.DB, keys journal.Keys, batch int) *journal.Journal {
	t.Helper()
	j, err := journal.Open(context.Background(), db, journal.Options{Origin: keys.Verifier.Name(), Signer: keys.Signer, Verifier: keys.Verifier, MaxBatch: batch})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func keysOf(t testing.TB, origin string) journal.Keys {
	t.Helper()
	keys, err := journal.LoadKeys(filepath.Join(t.TempDir(), "keys"), origin)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func event(id string) journal.Event {
	return journal.Event{Who: journal.Actor{Kind: "cli", ID: "test"}, Verb: journal.ServerStarted, Ref: journal.Ref{Kind: "node", ID: id}, Body: json.RawMessage(`{"n":"` + id + `"}`)}
}

func commit(j *journal.Journal, ids ...string) (journal.Receipt, error) {
	var w journal.Write
	for _, id := range ids {
		w.Events = append(w.Events, event(id))
	}
	return j.Commit(context.Background(), w)
}

// naive is the tree built from the leaves alone, one record after the other, as RFC 6962 says and nothing of ours.
type naive struct{ hashes []tlog.Hash }

func (n *naive) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, k := range at {
		out[i] = n.hashes[k]
	}
	return out, nil
}

func grow(t fatal, j *journal.Journal) (tree *naive, size int64) {
	t.Helper()
	tree = &naive{}
	for {
		_, leaf, err := j.Leaf(context.Background(), j.Origin(), size)
		if errors.Is(err, store.ErrNotFound) {
			return tree, size
		}
		if err != nil {
			t.Fatal(err)
		}
		hashes, err := tlog.StoredHashes(size, leaf, tree)
		if err != nil {
			t.Fatal(err)
		}
		tree.hashes = append(tree.hashes, hashes...)
		size++
	}
}

func rootAt(t fatal, tree *naive, size int64) tlog.Hash {
	t.Helper()
	root, err := tlog.TreeHash(size, tree)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Whatever way events come, alone or in crowds, from one process or from two, the stored tree is the tree of its leaves,
// every event can be proved to somebody with the public key only, and every earlier tree is a prefix of every later one.
func TestTreeIsTheTreeOfItsLeaves(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		var tries atomic.Int64
		ctx := context.Background()
		rapid.Check(t, func(r *rapid.T) {
			keys := keysOf(t, fmt.Sprintf("hegui/test/%d", tries.Add(1)))
			batch := rapid.SampledFrom([]int{1, 3, 256}).Draw(r, "batch")
			nodes := []*journal.Journal{instance(r, db, keys, batch), instance(r, db, keys, batch)}
			defer func() {
				for _, j := range nodes {
					_ = j.Close()
				}
			}()
			var want atomic.Int64
			rounds := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) []int {
				return rapid.SliceOfN(rapid.IntRange(0, 5), 1, 12).Draw(r, "events of each write")
			}), 1, 5).Draw(r, "rounds")
			for i, sizes := range rounds {
				together := rapid.Bool().Draw(r, "together")
				var wg sync.WaitGroup
				for k, n := range sizes {
					write := func() {
						ids := make([]string, n)
						for e := range ids {
							ids[e] = fmt.Sprintf("%d-%d-%d", i, k, e)
						}
						receipt, err := commit(nodes[(i+k)%2], ids...)
						if err != nil {
							t.Errorf("commit: %v", err)
						}
						for e, id := range ids {
							ev, _, err := nodes[0].Leaf(ctx, receipt.Log, receipt.First+int64(e))
							if err != nil || ev.Ref.ID != id {
								t.Errorf("the receipt names %d for %s, there stands %s (%v)", receipt.First+int64(e), id, ev.Ref.ID, err)
							}
						}
						want.Add(int64(n))
					}
					if together {
						wg.Go(write)
					} else {
						write()
					}
				}
				wg.Wait()
				if rapid.Bool().Draw(r, "checkpoint") {
					if _, err := nodes[i%2].Checkpoint(ctx); err != nil {
						r.Fatal(err)
					}
				}
			}
			j := nodes[0]
			tree, size := grow(r, j)
			if size != want.Load() {
				r.Fatalf("%d events were acknowledged, %d are there", want.Load(), size)
			}
			heads, err := j.Heads(ctx)
			if err != nil {
				r.Fatal(err)
			}
			at := slices.IndexFunc(heads, func(h journal.Head) bool { return h.Log == j.Origin() })
			if heads[at].Size != size || heads[at].Root != rootAt(r, tree, size).String() {
				r.Fatalf("head %+v, naive root %s at %d", heads[at], rootAt(r, tree, size), size)
			}
			for seq := range size {
				proof, err := j.Prove(ctx, j.Origin(), seq)
				if err != nil {
					r.Fatal(err)
				}
				if err := proof.Check(keys.Verifier); err != nil {
					r.Fatalf("event %d: %v", seq, err)
				}
				proof.Leaf += " "
				if proof.Check(keys.Verifier) == nil {
					r.Fatalf("event %d: a changed leaf was proved", seq)
				}
			}
			for old := int64(1); old < size; old++ {
				texts, err := j.Consistency(ctx, j.Origin(), old, size)
				if err != nil {
					r.Fatal(err)
				}
				path := make(tlog.TreeProof, len(texts))
				for i, text := range texts {
					if path[i], err = tlog.ParseHash(text); err != nil {
						r.Fatal(err)
					}
				}
				if err := tlog.CheckTree(path, size, rootAt(r, tree, size), old, rootAt(r, tree, old)); err != nil {
					r.Fatalf("from %d to %d: %v", old, size, err)
				}
			}
		})
		j := instance(t, db, keysOf(t, "hegui/test/last"), 0)
		defer func() { _ = j.Close() }()
		report, err := j.Verify(ctx, nil, nil)
		if err != nil || !report.Sound || len(report.Heads) != int(tries.Load())+1 {
			t.Fatalf("all trees: %+v, %v", report, err)
		}
	})
}

func TestProofNeedsTheRightKey(t *testing.T) {
	j, _ := testkit.Journal(t, testkit.SQLite(t))
	if _, err := commit(j, "a"); err != nil {
		t.Fatal(err)
	}
	proof, err := j.Prove(context.Background(), j.Origin(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var other note.Verifier = keysOf(t, j.Origin()).Verifier
	if proof.Check(other) == nil {
		t.Error("a proof passed under another installation's key")
	}
	proof.Size++
	if proof.Check(other) == nil {
		t.Error("a proof of another size passed")
	}
}

// In a crowd that shares a transaction one bad Write fails, and only it.
func TestABadWriteFailsAlone(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		j, _ := testkit.Journal(t, db)
		if _, err := db.W.ExecContext(ctx, `CREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY, seq BIGINT NOT NULL)`); err != nil {
			t.Fatal(err)
		}
		things := &journal.Table{Name: "thing", Columns: []string{"id", "seq"}}
		ours := errors.New("ours")
		errs := make([]error, 60)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				id := fmt.Sprint("thing ", i)
				w := journal.Write{Events: []journal.Event{event(fmt.Sprint(i))}}
				switch i % 6 {
				case 2:
					w.Apply = func(context.Context, *sql.Tx) error { return ours }
				case 4:
					id = "the same"
				}
				w.Inserts = []journal.Insert{{Into: things, Args: []any{id, journal.SeqOf(0)}}}
				_, errs[i] = j.Commit(ctx, w)
			})
		}
		wg.Wait()
		same := 0
		for i, err := range errs {
			switch i % 6 {
			case 2:
				if !errors.Is(err, ours) {
					t.Errorf("write %d: %v", i, err)
				}
			case 4:
				if err == nil {
					same++
				} else if !store.IsUnique(err) {
					t.Errorf("write %d: %v", i, err)
				}
			default:
				if err != nil {
					t.Errorf("write %d had nothing wrong with it: %v", i, err)
				}
			}
		}
		if same != 1 {
			t.Errorf("%d writes made the same row", same)
		}
		if _, err := j.Commit(ctx, journal.Write{Inserts: []journal.Insert{{Into: things, Args: []any{"short"}}}}); err == nil || !strings.Contains(err.Error(), "thing") {
			t.Errorf("one value for two columns: %v", err)
		}
		rows, err := store.Rows[struct {
			ID  string `db:"id"`
			Seq int64  `db:"seq"`
		}](ctx, db.R, `SELECT id, seq FROM thing`)
		if err != nil || len(rows) != 41 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, row := range rows {
			e, _, err := j.Leaf(ctx, j.Origin(), row.Seq)
			if err != nil || row.ID != "the same" && row.ID != "thing "+e.Ref.ID {
				t.Errorf("row %q stands at event %q, %v", row.ID, e.Ref.ID, err)
			}
		}
		if report, err := j.Verify(ctx, nil, nil); err != nil || !report.Sound || report.Events != 41 {
			t.Fatalf("%+v, %v", report, err)
		}
	})
}

func TestWhatMayNotEnterIsRefused(t *testing.T) {
	j, _ := testkit.Journal(t, testkit.SQLite(t))
	ctx := context.Background()
	for name, change := range map[string]func(*journal.Event){
		"verb":          func(e *journal.Event) { e.Verb = "made.up" },
		"JSON object":   func(e *journal.Event) { e.Body = json.RawMessage(`[1]`) },
		"a JSON object": func(e *journal.Event) { e.Body = json.RawMessage(`{"a":`) },
		"at most 8192": func(e *journal.Event) {
			e.Body = json.RawMessage(`{"a":"` + strings.Repeat("x", journal.MaxBody) + `"}`)
		},
		"ref.id":   func(e *journal.Event) { e.Ref.ID = strings.Repeat("x", 70_000) },
		"who.id":   func(e *journal.Event) { e.Who.ID = "a\x00b" },
		"ref.kind": func(e *journal.Event) { e.Ref.Kind = "a\xffb" },
	} {
		e := event("x")
		change(&e)
		if _, err := j.Commit(ctx, journal.Write{Events: []journal.Event{event("fine"), e}}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := j.Count(ctx, journal.Filter{}); err != nil || n != 0 {
		t.Errorf("%d events entered, %v", n, err)
	}
	big := event("x")
	big.Body = json.RawMessage(`{"a":"` + strings.Repeat("x", journal.MaxBody-8) + `"}`)
	empty := event("y")
	empty.Body = nil
	if _, err := j.Commit(ctx, journal.Write{Events: []journal.Event{big, empty}}); err != nil {
		t.Errorf("%d bytes: %v", len(big.Body), err)
	}
	if e, _, err := j.Leaf(ctx, j.Origin(), 1); err != nil || string(e.Body) != "{}" {
		t.Errorf("an empty body became %q, %v", e.Body, err)
	}
}

// eventually waits for what Generation promises within a second; a loaded machine is slow, not wrong.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Errorf("never: %s", what)
}

func TestGenerationIsSeenEverywhere(t *testing.T) {
	t.Parallel() // it mostly waits
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		a, _ := testkit.Journal(t, db)
		b := instance(t, db, keysOf(t, "hegui/test/other"), 0)
		t.Cleanup(func() { _ = b.Close() })
		start := a.Generation()
		if _, err := commit(a, "still"); err != nil {
			t.Fatal(err)
		}
		if a.Generation() != start {
			t.Error("an event that changes no register moved the generation")
		}
		// Own commits and the poll must not count the same change twice: a generation ahead of the database would hide what
		// the other node does next.
		for i := range 12 {
			from, to := a, b
			if i%2 == 1 {
				from, to = b, a
			}
			own, other := from.Generation(), to.Generation()
			e := event("moves")
			e.Verb = journal.KeyRevoked
			if _, err := from.Commit(ctx, journal.Write{Events: []journal.Event{e}}); err != nil {
				t.Fatal(err)
			}
			if from.Generation() <= own {
				t.Fatal("the committing node did not see its own change at once")
			}
			eventually(t, "the other node's generation moves", func() bool { return to.Generation() > other })
		}
		if a.Generation() != b.Generation() {
			t.Errorf("two nodes, two generations: %d and %d", a.Generation(), b.Generation())
		}
	})
}

func TestCloseMakesWhatIsQueuedDurable(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		for round := range 60 {
			keys := keysOf(t, fmt.Sprint("hegui/test/", round))
			j := instance(t, db, keys, 4)
			var acknowledged atomic.Int64
			var wg sync.WaitGroup
			for i := range 40 {
				wg.Go(func() {
					for { // until the journal is closed under it
						switch _, err := commit(j, fmt.Sprint(i)); {
						case err == nil:
							acknowledged.Add(1)
						case errors.Is(err, journal.ErrClosed):
							return
						default:
							t.Error(err)
							return
						}
					}
				})
			}
			time.Sleep(time.Duration(round%10) * time.Millisecond)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			wg.Wait() // nobody waits for ever
			if _, err := commit(j, "late"); !errors.Is(err, journal.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
			again := instance(t, db, keys, 0)
			n, err := again.Count(context.Background(), journal.Filter{Log: again.Origin()})
			if err != nil || n != acknowledged.Load() {
				t.Errorf("%d acknowledged, %d there, %v", acknowledged.Load(), n, err)
			}
			_ = again.Close()
		}
	})
}

func TestReadOnlyJournalWritesNothing(t *testing.T) {
	db := testkit.SQLite(t)
	ctx := context.Background()
	j, keys := testkit.Journal(t, db)
	if _, err := commit(j, "a"); err != nil {
		t.Fatal(err)
	}
	r, err := journal.Open(ctx, db, journal.Options{Verifier: keys.Verifier, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := commit(r, "b"); !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("commit: %v", err)
	}
	if _, err := r.Checkpoint(ctx); !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("checkpoint: %v", err)
	}
	if _, err := r.Prove(ctx, j.Origin(), 0); err == nil || !strings.Contains(err.Error(), "hegui journal checkpoint") {
		t.Errorf("prove without a checkpoint: %v", err)
	}
	if report, err := r.Verify(ctx, nil, nil); err != nil || !report.Sound || report.Events != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// The server goes on writing while the CLI verifies; what came in meanwhile is no damage.
func TestVerifyBesideAWriter(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		j, keys := testkit.Journal(t, db)
		fill(t, j, 3000) // so that reading takes long enough for others to write
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := commit(j, "a", "b")
				if _, signed := j.Checkpoint(ctx); errors.Join(err, signed) != nil {
					t.Error(err, signed)
					return
				}
			}
		})
		r, err := journal.Open(ctx, db, journal.Options{Verifier: keys.Verifier, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if report, err := r.Verify(ctx, nil, nil); err != nil || !report.Sound {
				t.Errorf("%+v, %v", report, err)
				break
			}
		}
		close(stop)
		wg.Wait()
	})
}

// Hash rows that are cut, emptied or moved are named and never end in a panic or an endless search.
func TestDamagedHashRowsAreNamed(t *testing.T) {
	db := testkit.SQLite(t)
	ctx := context.Background()
	j, _ := testkit.Journal(t, db)
	for i := range 9 {
		if _, err := commit(j, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := store.Rows[int64](ctx, db.R, `SELECT first FROM journal_hash ORDER BY first`)
	if err != nil || len(rows) != 9 {
		t.Fatal(rows, err)
	}
	for _, change := range []string{`hashes = X''`, `hashes = X'00'`, `first = first + 1000000000000000000`, `hashes = CAST(hashes || hashes AS BLOB)`} {
		for _, first := range rows {
			keep, err := store.Row[[]byte](ctx, db.R, `SELECT hashes FROM journal_hash WHERE first = $1`, first)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.W.ExecContext(ctx, `UPDATE journal_hash SET `+change+` WHERE first = $1`, first); err != nil {
				t.Fatal(err)
			}
			limit, cancel := context.WithTimeout(ctx, 5*time.Second)
			report, err := j.Verify(limit, nil, nil)
			cancel()
			if err != nil || report.Sound {
				t.Errorf("%s at %d: %+v, %v", change, first, report, err)
			}
			if _, err := db.W.ExecContext(ctx, `DELETE FROM journal_hash WHERE first = $1 OR first = $2`, first, first+1000000000000000000); err != nil {
				t.Fatal(err)
			}
			if _, err := db.W.ExecContext(ctx, `INSERT INTO journal_hash (log, first, hashes) VALUES ($1, $2, $3)`, j.Origin(), first, keep); err != nil {
				t.Fatal(err)
			}
		}
	}
	if report, err := j.Verify(ctx, nil, nil); err != nil || !report.Sound {
		t.Fatalf("put back: %+v, %v", report, err)
	}
}
