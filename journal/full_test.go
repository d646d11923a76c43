package journal_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

// ledger is a register beside the journal: a Write is an event and a row, both or neither.
type ledger struct {
	j            *journal.Journal
	db           *store.DB
	table        *journal.Table
	acknowledged atomic.Int64
	next         atomic.Int64
}

func newLedger(t testing.TB, db *store.DB, j *journal.Journal) *ledger {
	t.Helper()
	if _, err := db.W.ExecContext(context.Background(), `CREATE TABLE entry (id TEXT NOT NULL PRIMARY KEY, seq BIGINT NOT NULL, fill TEXT NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	return &ledger{j: j, db: db, table: &journal.Table{Name: "entry", Columns: []string{"id", "seq", "fill"}}}
}

func (l *ledger) write(ctx context.Context) error {
	id := fmt.Sprint(l.next.Add(1))
	_, err := l.j.Commit(ctx, journal.Write{Events: []journal.Event{event(id)},
		Inserts: []journal.Insert{{Into: l.table, Args: []any{id, journal.SeqOf(0), strings.Repeat("x", 2000)}}}})
	if err == nil {
		l.acknowledged.Add(1)
	}
	return err
}

// whole checks that nothing is half-written, and all that was acknowledged there; doubtful writes may be there or not.
func (l *ledger) whole(t testing.TB, doubtful int64) {
	t.Helper()
	ctx := context.Background()
	events, err := l.j.Count(ctx, journal.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := store.Row[int64](ctx, l.db.R, `SELECT COUNT(*) FROM entry JOIN journal_event e ON e.seq = entry.seq AND e.ref_id = entry.id`)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := store.Row[int64](ctx, l.db.R, `SELECT COUNT(*) FROM entry`)
	if err != nil {
		t.Fatal(err)
	}
	if known := l.acknowledged.Load(); events != rows || rows != pairs || events < known || events > known+doubtful {
		t.Errorf("%d acknowledged; %d events, %d rows, %d pairs of them", known, events, rows, pairs)
	}
	if report, err := l.j.Verify(ctx, nil, nil); err != nil || !report.Sound {
		t.Errorf("%+v, %v", report, err)
	}
}

// crowd writes from many goroutines at once and returns the errors.
func (l *ledger) crowd(ctx context.Context, n int) (failed []error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := l.write(ctx); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
			}
		})
	}
	wg.Wait()
	return failed
}

// A full disk fails whole Writes with an error that the gateway answers 503 to; once there is room the same process goes on.
func TestFullDisk(t *testing.T) {
	ctx := context.Background()
	fill := func(t *testing.T, db *store.DB, l *ledger, makeRoom func()) {
		t.Helper()
		var failed []error
		for range 200 {
			if failed = l.crowd(ctx, 16); failed != nil {
				break
			}
		}
		if failed == nil {
			t.Fatal("the disk never filled")
		}
		failed = append(failed, l.crowd(ctx, 16)...)
		for _, err := range failed {
			if !store.IsBusy(err) || store.IsUnique(err) {
				t.Errorf("full: %v", err)
			}
		}
		if l.acknowledged.Load() == 0 {
			t.Error("nothing was written before it filled")
		}
		l.whole(t, 0) // what is there can be read and proved while nothing can be written
		makeRoom()
		if failed := l.crowd(ctx, 40); failed != nil {
			t.Errorf("there is room again: %v", failed)
		}
		l.whole(t, 0)
	}
	t.Run("page limit", func(t *testing.T) {
		db := testkit.SQLite(t)
		j, _ := testkit.Journal(t, db)
		l := newLedger(t, db, j)
		limit := func(pages int) {
			if _, err := db.W.ExecContext(ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)); err != nil {
				t.Fatal(err)
			}
		}
		limit(200)
		fill(t, db, l, func() { limit(1 << 30) })
	})
	if os.Geteuid() != 0 { // only root may mount a small disk
		return
	}
	t.Run("small disk", func(t *testing.T) {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
			t.Logf("no small disk here (%v): the page limit has to do", err)
			return
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		db, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "hegui.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		j, _ := testkit.Journal(t, db)
		fill(t, db, newLedger(t, db, j), func() {
			if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=32m"); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// Another process that holds the database longer than anybody waits: every waiting Write fails as busy, whole, and the next
// ones succeed when it lets go.
func TestLockedDatabase(t *testing.T) {
	t.Parallel() // it mostly waits
	ctx := context.Background()
	path := "sqlite:" + filepath.Join(t.TempDir(), "hegui.db")
	var pools [2]*store.DB
	for i := range pools {
		var err error
		if pools[i], err = store.Open(ctx, path); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pools[i].Close() })
	}
	j, _ := testkit.Journal(t, pools[0])
	l := newLedger(t, pools[0], j)
	if failed := l.crowd(ctx, 20); failed != nil {
		t.Fatal(failed)
	}
	other, err := pools[1].W.BeginTx(ctx, nil) // BEGIN IMMEDIATE
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(ctx, `UPDATE entry SET fill = ''`); err != nil {
		t.Fatal(err)
	}
	failed := l.crowd(ctx, 20)
	if len(failed) != 20 {
		t.Errorf("%d of 20 failed while another process wrote", len(failed))
	}
	for _, err := range failed {
		if !store.IsBusy(err) {
			t.Errorf("locked: %v", err)
		}
	}
	l.whole(t, 0)
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if failed := l.crowd(ctx, 20); failed != nil {
		t.Errorf("the other process let go: %v", failed)
	}
	l.whole(t, 0)
}

// PostgreSQL cuts every connection in full traffic, as at a restart of the server: Writes succeed or fail as busy, nothing is
// half-written, and the journal finds its connections again by itself.
func TestPostgresCutsTheLine(t *testing.T) {
	ctx := context.Background()
	dsn := testkit.PostgresDSN(t)
	var pools [2]*store.DB
	for i := range pools {
		var err error
		if pools[i], err = store.Open(ctx, dsn); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pools[i].Close() })
	}
	j, _ := testkit.Journal(t, pools[0])
	l := newLedger(t, pools[0], j)
	stop := make(chan struct{})
	var doubtful atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := l.write(ctx); err != nil {
					doubtful.Add(1) // the commit may have been done and its answer lost
					if !store.IsBusy(err) {
						t.Errorf("cut: %v", err)
					}
				}
			}
		})
	}
	for range 25 {
		time.Sleep(20 * time.Millisecond)
		if _, err := pools[1].W.ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	for range 40 { // the idle connections that were cut are found out one by one
		if l.write(ctx) == nil {
			break
		}
		doubtful.Add(1)
	}
	if failed := l.crowd(ctx, 20); failed != nil {
		t.Errorf("the server answers again: %v", failed)
	}
	t.Logf("%d acknowledged, %d in doubt", l.acknowledged.Load(), doubtful.Load())
	if doubtful.Load() == 0 {
		t.Error("no write met a cut line: the test shows nothing")
	}
	l.whole(t, doubtful.Load())
}

// A caller who waits no longer gets the end of his context, which is busy to the gateway; the journal goes on.
func TestALockedTreeDoesNotHoldTheCaller(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		j, _ := testkit.Journal(t, db)
		l := newLedger(t, db, j)
		release := make(chan struct{})
		var wg sync.WaitGroup
		locked := make(chan struct{})
		wg.Go(func() {
			err := db.Tx(ctx, func(tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, `UPDATE journal_head SET size = size WHERE log = $1`, j.Origin()); err != nil {
					return err
				}
				close(locked)
				<-release
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-locked
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		failed := l.crowd(short, 5)
		if len(failed) != 5 {
			t.Errorf("%d of 5 came back", len(failed))
		}
		for _, err := range failed {
			if !errors.Is(err, context.DeadlineExceeded) || !store.IsBusy(err) {
				t.Errorf("given up: %v", err)
			}
		}
		close(release)
		wg.Wait()
		if failed := l.crowd(ctx, 20); failed != nil {
			t.Errorf("after the lock: %v", failed)
		}
		l.whole(t, 5)
	})
}
