package exchange_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

const (
	writerDSN  = "HEGUI_TEST_WRITER_DSN"
	writerKeys = "HEGUI_TEST_WRITER_KEYS"
)

func reopen(t testing.TB, dsn, dir string) (*journal.Journal, *journal.Vault, *exchange.Store) {
	t.Helper()
	ctx := context.Background()
	keys, err := journal.LoadKeys(dir, "hegui/test/killed")
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	j, err := journal.Open(ctx, db, journal.Options{Origin: "hegui/test/killed", Signer: keys.Signer, Verifier: keys.Verifier})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	v, err := journal.OpenVault(ctx, db, j, keys.Master)
	if err != nil {
		t.Fatal(err)
	}
	s, err := exchange.Open(ctx, db, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return j, v, s
}

// TestHelperWriter is the process that TestKilledWriterLosesNothing kills: it says on standard output what has been
// acknowledged to it, and only after that.
func TestHelperWriter(t *testing.T) {
	dsn := os.Getenv(writerDSN)
	if dsn == "" {
		return // only a helper; the test proper starts it with an address
	}
	_, v, s := reopen(t, dsn, os.Getenv(writerKeys))
	var out sync.Mutex
	say := func(what, id string) {
		out.Lock()
		defer out.Unlock()
		fmt.Println("ack", what, id)
	}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for {
				ctx := context.Background()
				in := intent(fmt.Sprint("user ", g))
				key, err := v.Subject(ctx, in.User)
				if err == nil {
					err = s.Begin(ctx, in)
				}
				if err != nil {
					t.Error(err)
					return
				}
				say("begun", in.ID)
				if err := s.Finish(ctx, done(in), key, &exchange.Content{Visible: "said to " + in.ID}); err != nil {
					t.Error(err)
					return
				}
				say("done", in.ID)
			}
		})
	}
	wg.Wait()
}

// kill -9 in full traffic: everything that was acknowledged is there, what was under way is closed as broken, and the whole
// is sound. Three times over on one database, so that each start finds what the last one left.
func TestKilledWriterLosesNothing(t *testing.T) {
	sqlite := func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "hegui.db") }
	for name, address := range map[string]func(*testing.T) string{"sqlite": sqlite, "postgres": func(t *testing.T) string { t.Helper(); return testkit.PostgresDSN(t) }} {
		t.Run(name, func(t *testing.T) {
			dsn, keys := address(t), filepath.Join(t.TempDir(), "keys")
			begun, finished := map[string]bool{}, map[string]bool{}
			for range 3 {
				killWriter(t, dsn, keys, begun, finished)
				// A server that is killed may still have a commit under way in PostgreSQL; it ends with its connection.
				time.Sleep(200 * time.Millisecond)
				t.Run("reopened", func(t *testing.T) { judge(t, dsn, keys, begun, finished) })
			}
		})
	}
}

// killWriter runs the writer until it has been acknowledged some 300 exchanges, and kills it.
func killWriter(t *testing.T, dsn, keys string, begun, finished map[string]bool) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestHelperWriter$", "-test.timeout=2m")
	c.Env = append(os.Environ(), writerDSN+"="+dsn, writerKeys+"="+keys)
	c.Stderr = os.Stderr
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
	defer limit.Stop()
	lines, acknowledged := bufio.NewScanner(pipe), 0
	var other []string
	for lines.Scan() { // to the end: what it said before it died counts as well
		words := strings.Fields(lines.Text())
		if len(words) != 3 || words[0] != "ack" || len(words[2]) != 26 {
			other = append(other, lines.Text())
			continue
		}
		if words[1] == "begun" {
			begun[words[2]] = true
			continue
		}
		finished[words[2]] = true
		if acknowledged++; acknowledged == 300 {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); err == nil || acknowledged < 300 {
		t.Fatalf("the writer ended by itself (%v) after %d: %q", err, acknowledged, other)
	}
}

func judge(t *testing.T, dsn, keys string, begun, finished map[string]bool) {
	t.Helper()
	ctx := context.Background()
	j, _, s := reopen(t, dsn, keys)
	unclosed, err := s.Unclosed(ctx, time.Now().Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.Recover(ctx)
	if err != nil || int64(n) != unclosed {
		t.Fatalf("closed %d of %d: %v", n, unclosed, err)
	}
	if n, err = s.Recover(ctx); err != nil || n != 0 {
		t.Errorf("recovered twice: %d, %v", n, err)
	}
	for id := range begun {
		r, _, err := s.Get(ctx, id)
		if err != nil {
			t.Errorf("acknowledged and lost: %v", err)
			continue
		}
		if finished[id] && r.Outcome != exchange.Complete {
			t.Errorf("%s was acknowledged whole and is %s", id, r.Outcome)
		}
	}
	for id := range finished {
		c, err := s.Read(ctx, journal.Actor{Kind: "staff", ID: "s"}, id, "test")
		if err != nil || c.Visible != "said to "+id {
			t.Errorf("content of %s: %q, %v", id, c.Visible, err)
		}
		break // one is enough: Verify looks at all
	}
	broken, err := s.Count(ctx, exchange.Filter{Outcome: exchange.Broken})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Count(ctx, exchange.Filter{})
	if err != nil || all < int64(len(begun)) || broken > 16*3 {
		t.Errorf("%d records, %d broken, %d acknowledged: %v", all, broken, len(begun), err)
	}
	report, err := j.Verify(ctx, []journal.Projection{s}, nil)
	if err != nil || !report.Sound {
		t.Errorf("%+v, %v", report, err)
	}
	t.Logf("%d acknowledged, %d records, %d broken so far", len(finished), all, broken)
}
