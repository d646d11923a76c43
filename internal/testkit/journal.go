package testkit

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// Journal opens a journal with fresh keys on db; both end with the test.
func Journal(t testing.TB, db *store.DB) (*journal.Journal, journal.Keys) {
	t.Helper()
	const origin = "hegui/test/node"
	keys, err := journal.LoadKeys(filepath.Join(t.TempDir(), "keys"), origin)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(context.Background(), db, journal.Options{Origin: origin, Signer: keys.Signer, Verifier: keys.Verifier})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j, keys
}
