package lexicon

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

func TestCache(t *testing.T) {
	cache := Cache(filepath.Join(t.TempDir(), "lexicons"))
	entries := moderation.StarterEntries()
	text := []byte("百家乐注册送，冰 毒 货 到 付 款")
	first, err := cache.Compile(entries)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(string(cache), first.Hash()+".lexicon")
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	check := func(what string) {
		l, err := cache.Compile(entries)
		if err != nil {
			t.Fatal(what, err)
		}
		if got := l.Scan(text); l.Hash() != first.Hash() || len(got) == 0 || !slices.EqualFunc(got, first.Scan(text), moderation.Finding.Equal) {
			t.Fatalf("%s: %+v", what, got)
		}
		if _, err := openArtefact(file); err != nil {
			t.Fatalf("%s: the artefact is not usable: %v", what, err)
		}
	}
	check("from the cache")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func() error{
		"cut":   func() error { return replace(file, whole[:100]) },
		"empty": func() error { return replace(file, nil) },
		"a bit": func() error { return replace(file, append([]byte{whole[0] ^ 1}, whole[1:]...)) },
		"gone":  func() error { return os.Remove(file) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		check(name)
	}
	for i := range 5 { // only the newest are kept, and those taken away go on working
		l, err := cache.Compile([]moderation.Entry{{ID: "x", Text: fmt.Sprint("词条", i), Category: "A1h", Tier: moderation.Block}})
		if err != nil {
			t.Fatal(err)
		}
		defer runtime.KeepAlive(l)
		time.Sleep(5 * time.Millisecond)
	}
	files, err := os.ReadDir(string(cache))
	if err != nil || len(files) != cacheKept {
		t.Fatalf("%d files kept: %v", len(files), err)
	}
	if len(first.Scan(text)) == 0 {
		t.Fatal("a lexicon died with its file")
	}
	if l, err := Cache("/proc/no such folder").Compile(entries); err != nil || l.Len() != len(entries) {
		t.Fatalf("without a folder: %v", err)
	}
}

// replace puts another file in a file's place; what is mapped stays as it is.
// TestFollowersTakeTheArtefact: what the gate compiled today is taken up without its entries; other lists, another day or an
// empty cache read them.
func TestFollowersTakeTheArtefact(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		ctx := t.Context()
		lists := []List{{Origin: "below", Entries: []moderation.Entry{entry("below", "下层词条", "block")}}}
		w := &Workbench{Register: r, Base: func() ([]List, error) { return lists, nil }, Cache: Cache(t.TempDir())}
		if err := r.Set(ctx, wang, entry("a", "甲乙丙丁", "block")); err != nil {
			t.Fatal(err)
		}
		d, err := w.MeasureDraft(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Publish(ctx, wang, d.Revision, ""); err != nil {
			t.Fatal(err)
		}
		whole, _, err := w.InForce(ctx)
		if err != nil || len(whole.Scan([]byte("甲乙丙丁，下层词条"))) != 2 {
			t.Fatal(whole, err)
		}
		if _, err := db.W.ExecContext(ctx, `DELETE FROM lexicon_part`); err != nil {
			t.Fatal(err)
		}
		if l, v, err := w.InForce(ctx); err != nil || l.Hash() != whole.Hash() || v.N != 1 {
			t.Errorf("the artefact is not taken up: %v", err)
		}
		lists[0].Entries = append(lists[0].Entries, entry("more", "另一词条", "block"))
		if _, _, err := w.InForce(ctx); err == nil {
			t.Error("an artefact over other lists is taken up")
		}
		lists[0].Entries = lists[0].Entries[:1]
		r.now = func() time.Time { return time.Now().Add(24 * time.Hour) }
		if _, _, err := w.InForce(ctx); err == nil {
			t.Error("an artefact of yesterday is taken up")
		}
		r.now, w.Cache = time.Now, Cache(t.TempDir())
		if _, _, err := w.InForce(ctx); err == nil {
			t.Error("entries that are gone are not missed")
		}
	})
}

func replace(file string, content []byte) error {
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
