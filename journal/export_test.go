package journal_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

// foreign builds Tessera's fsck, the reader of exports that is not ours.
func foreign(t *testing.T) func(dir, vkey string) (string, error) {
	t.Helper()
	module, err := filepath.Abs("../internal/testkit/fsck")
	if err != nil {
		t.Fatal(err)
	}
	run := func(limit time.Duration, dir, name string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		c := exec.CommandContext(ctx, name, args...)
		c.Dir, c.WaitDelay = dir, time.Second
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := run(3*time.Minute, module, "go", "mod", "download"); err != nil {
		testkit.Missing(t, "Tessera's fsck: "+out, "the Go module proxy must be reachable once")
	}
	program := filepath.Join(t.TempDir(), "fsck")
	if out, err := run(5*time.Minute, module, "go", "build", "-o", program, "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return func(dir, vkey string) (string, error) { return run(time.Minute, "", program, dir, vkey) }
}

func fill(t *testing.T, j *journal.Journal, n int) {
	t.Helper()
	for done := 0; done < n; {
		var ids []string
		for len(ids) < 1000 && done+len(ids) < n {
			ids = append(ids, fmt.Sprintf("事件 %d", done+len(ids)))
		}
		if _, err := commit(j, ids...); err != nil {
			t.Fatal(err)
		}
		done += len(ids)
	}
}

// A program that is not ours reads the export, rebuilds the tree from the entries and finds it sound; one changed byte, in an
// entry, a tile or the checkpoint, and it does not.
func TestExportIsReadByTessera(t *testing.T) {
	fsck := foreign(t)
	ctx := context.Background()
	// one leaf; full bundles and a part; full bundles only; three levels of tiles
	for _, size := range []int{1, 256*2 + 188, 1024, 65536 + 256 + 3} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			j, keys := testkit.Journal(t, testkit.SQLite(t))
			fill(t, j, size)
			dir := filepath.Join(t.TempDir(), "export")
			var last, total int64
			if err := j.Export(ctx, j.Origin(), dir, func(done, all int64) { last, total = done, all }); err != nil {
				t.Fatal(err)
			}
			if last == 0 || last != total {
				t.Errorf("progress ended at %d of %d", last, total)
			}
			if out, err := fsck(dir, keys.Public); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if err := j.Export(ctx, j.Origin(), dir, nil); err == nil || !strings.Contains(err.Error(), "not empty") {
				t.Errorf("a second export into the same directory: %v", err)
			}
			if size != 256*2+188 {
				return
			}
			if out, err := fsck(dir, keysOf(t, j.Origin()).Public); err == nil {
				t.Errorf("another key's checkpoint passed: %s", out)
			}
			for _, name := range []string{"tile/entries/001", "tile/entries/002.p/188", "tile/0/000", "checkpoint"} {
				path := filepath.Join(dir, filepath.FromSlash(name))
				sound, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				damaged := append([]byte(nil), sound...)
				damaged[len(damaged)/2] ^= 1
				if err := os.WriteFile(path, damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				if out, err := fsck(dir, keys.Public); err == nil {
					t.Errorf("a changed byte in %s went unseen: %s", name, out)
				}
				if err := os.WriteFile(path, sound, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := fsck(dir, keys.Public); err != nil {
				t.Fatalf("put back: %v\n%s", err, out)
			}
		})
	}
}

func TestExportNeedsACheckpointAndWholeEvents(t *testing.T) {
	db := testkit.SQLite(t)
	ctx := context.Background()
	j, keys := testkit.Journal(t, db)
	fill(t, j, 300)
	r, err := journal.Open(ctx, db, journal.Options{Origin: j.Origin(), Verifier: keys.Verifier, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Export(ctx, j.Origin(), filepath.Join(t.TempDir(), "a"), nil); err == nil || !strings.Contains(err.Error(), "hegui journal checkpoint") {
		t.Errorf("no checkpoint: %v", err)
	}
	if _, err := db.W.ExecContext(ctx, `DELETE FROM journal_event WHERE seq = 270`); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "b")
	if err := j.Export(ctx, j.Origin(), dir, nil); err == nil || !strings.Contains(err.Error(), "hegui journal verify") {
		t.Errorf("a missing event: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "checkpoint")); err == nil {
		t.Error("an export that broke off has a checkpoint and looks whole")
	}
}
