package lexicon

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

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
func replace(file string, content []byte) error {
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
