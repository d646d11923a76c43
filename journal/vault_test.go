package journal_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

func vault(t testing.TB, db *store.DB, j *journal.Journal, master []byte) *journal.Vault {
	t.Helper()
	v, err := journal.OpenVault(context.Background(), db, j, master)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func subject(t testing.TB, v *journal.Vault, name string) *journal.SubjectKey {
	t.Helper()
	k, err := v.Subject(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedContentOpensOnlyAsItWasSealed(t *testing.T) {
	db := testkit.SQLite(t)
	j, keys := testkit.Journal(t, db)
	v := vault(t, db, j, keys.Master)
	key, other := subject(t, v, "u1"), subject(t, v, "u2")
	plain := []byte("用户说的话")
	sealed := key.Seal(nil, plain, "exchange 1")
	if got, err := key.Open(nil, sealed, "exchange 1"); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("%q, %v", got, err)
	}
	if again := key.Seal(nil, plain, "exchange 1"); bytes.Equal(again, sealed) {
		t.Error("two sealings of one text are the same: the nonce repeats")
	}
	if bytes.Contains(sealed, plain) {
		t.Error("the sealed content shows the text")
	}
	if _, err := key.Open(nil, sealed, "exchange 2"); err == nil {
		t.Error("sealed content opened in another row")
	}
	if _, err := other.Open(nil, sealed, "exchange 1"); err == nil {
		t.Error("sealed content opened under another subject's key")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := key.Open(nil, bad, "exchange 1"); err == nil {
			t.Errorf("byte %d was changed and it opened", i)
		}
		if _, err := key.Open(nil, sealed[:i], "exchange 1"); err == nil {
			t.Errorf("the first %d bytes alone opened", i)
		}
	}
	// the same key after a restart, and from a second instance
	later := subject(t, vault(t, db, j, keys.Master), "u1")
	if got, err := later.Open(nil, sealed, "exchange 1"); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%q, %v", got, err)
	}
	c := key.Commitment("input", plain)
	if len(c) != 64 || c != later.Commitment("input", plain) {
		t.Errorf("commitments of one text differ: %s", c)
	}
	if c == key.Commitment("output", plain) || c == other.Commitment("input", plain) || c == key.Commitment("inpu", append([]byte("t\x00"), plain...)) {
		t.Error("commitments are not kept apart by domain or subject")
	}
	if _, err := journal.OpenVault(context.Background(), db, j, bytes.Repeat([]byte{7}, 32)); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("a wrong master key: %v", err)
	}
	if _, err := journal.OpenVault(context.Background(), db, j, []byte("short")); err == nil {
		t.Error("a short master key was taken")
	}
	if _, err := v.Subject(context.Background(), ""); err == nil {
		t.Error("an empty subject got a key")
	}
}

// Many requests of a new user at once, on two nodes, end with one key.
func TestOneKeyASubject(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		j, keys := testkit.Journal(t, db)
		vaults := []*journal.Vault{vault(t, db, j, keys.Master), vault(t, db, j, keys.Master)}
		seen := make([]string, 32)
		var wg sync.WaitGroup
		for i := range seen {
			wg.Go(func() {
				k, err := vaults[i%2].Subject(context.Background(), "u")
				if err != nil {
					t.Error(err)
					return
				}
				seen[i] = k.Commitment("d", nil)
			})
		}
		wg.Wait()
		for i := range seen {
			if seen[i] != seen[0] {
				t.Fatal("two keys for one subject")
			}
		}
	})
}

// unwrap opens a wrapped key as anybody with the master key and the database could.
func unwrap(t testing.TB, master, wrapped []byte, name string) []byte {
	t.Helper()
	key, err := hkdf.Key(sha256.New, master, nil, "hegui vault wrap", 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := gcm.Open(nil, wrapped[:12], wrapped[12:], []byte(name))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func filesWith(t testing.TB, dir string, what []byte) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, what) {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// After an erasure the key is in no file of the database, not even wrapped, so no backup taken later brings it back; and
// what was sealed was never there in clear.
func TestErasedKeyIsInNoFile(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	db, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "hegui.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	j, keys := testkit.Journal(t, db)
	v := vault(t, db, j, keys.Master)
	if _, err := db.W.ExecContext(ctx, `CREATE TABLE content (id TEXT NOT NULL PRIMARY KEY, sealed BYTEA NOT NULL)`); err != nil {
		t.Fatal(err)
	}
	content := &journal.Table{Name: "content", Columns: []string{"id", "sealed"}}
	plain := []byte("recognisable-plaintext-of-the-user")
	for i := range 300 { // many keys, so that theirs shares pages with others and pages split
		name := fmt.Sprint("user ", i)
		sealed := subject(t, v, name).Seal(nil, plain, name)
		if _, err := j.Commit(ctx, journal.Write{Inserts: []journal.Insert{{Into: content, Args: []any{name, sealed}}}}); err != nil {
			t.Fatal(err)
		}
	}
	who := journal.Actor{Kind: "staff", ID: "s"}
	for _, name := range []string{"user 0", "user 150", "user 299"} {
		wrapped, err := store.Row[[]byte](ctx, db.R, `SELECT wrapped FROM subject_key WHERE subject = $1`, name)
		if err != nil {
			t.Fatal(err)
		}
		secret := unwrap(t, keys.Master, wrapped, name)
		if len(secret) != 32 || len(filesWith(t, dir, wrapped)) == 0 {
			t.Fatalf("the wrapped key of %s is not where the test looks for it", name)
		}
		if err := v.Destroy(ctx, who, name, "request of the user"); err != nil {
			t.Fatal(err)
		}
		for what, b := range map[string][]byte{"wrapped key": wrapped, "half of the wrapped key": wrapped[20:40], "key": secret, "plaintext": plain} {
			if found := filesWith(t, dir, b); found != nil {
				t.Errorf("the %s of %s is still in %v", what, name, found)
			}
		}
		if _, err := v.Subject(ctx, name); !errors.Is(err, journal.ErrErased) {
			t.Errorf("%s after the erasure: %v", name, err)
		}
	}
	if damaged, err := v.Check(ctx); err != nil || damaged != nil {
		t.Errorf("%v, %v", damaged, err)
	}
}

// A reader that stands in the way of truncating the log is named, not passed over; once it has gone, erasing again finishes.
func TestErasureBesideALongReader(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	dsn := "sqlite:" + filepath.Join(dir, "hegui.db")
	db, err := store.Open(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	j, keys := testkit.Journal(t, db)
	v := vault(t, db, j, keys.Master)
	subject(t, v, "u")
	wrapped, err := store.Row[[]byte](ctx, db.R, `SELECT wrapped FROM subject_key WHERE subject = 'u'`)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := db.R.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Row[int64](ctx, reader, `SELECT COUNT(*) FROM subject_key`); err != nil {
		t.Fatal(err)
	}
	who := journal.Actor{Kind: "staff", ID: "s"}
	if err := v.Destroy(ctx, who, "u", "request"); !store.IsBusy(err) {
		t.Errorf("the reader went unmentioned: %v", err)
	}
	if _, err := v.Subject(ctx, "u"); !errors.Is(err, journal.ErrErased) {
		t.Errorf("the erasure itself is done: %v", err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := v.Destroy(ctx, who, "u", "request"); err != nil {
		t.Fatal(err)
	}
	if found := filesWith(t, dir, wrapped); found != nil {
		t.Errorf("the wrapped key is still in %v", found)
	}
	if n, err := j.Count(ctx, journal.Filter{Verbs: []journal.Verb{journal.UserErased}}); err != nil || n != 1 {
		t.Errorf("%d erasures recorded, %v", n, err)
	}
}

func TestErasureIsSeenByEveryNode(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		j, keys := testkit.Journal(t, db)
		// the second node's clock is ten minutes behind
		late, err := journal.Open(ctx, db, journal.Options{Origin: "hegui/test/late", Signer: keys.Signer, Verifier: keys.Verifier,
			Now: func() time.Time { return time.Now().Add(-10 * time.Minute) }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = late.Close() })
		a, b := vault(t, db, j, keys.Master), vault(t, db, late, keys.Master)
		who := journal.Actor{Kind: "staff", ID: "s"}
		for i := range 6 {
			name := fmt.Sprint("u", i)
			from, to := a, b
			if i%2 == 1 {
				from, to = b, a
			}
			subject(t, from, name)
			subject(t, to, name)
			if err := from.Destroy(ctx, who, name, ""); err == nil {
				t.Error("erased without a reason")
			}
			if err := from.Destroy(ctx, who, name, "request"); err != nil {
				t.Fatal(err)
			}
			if _, err := from.Subject(ctx, name); !errors.Is(err, journal.ErrErased) {
				t.Errorf("%s where it was erased: %v", name, err)
			}
			eventually(t, name+" is erased on the other node", func() bool {
				_, err := to.Subject(ctx, name)
				return errors.Is(err, journal.ErrErased)
			})
			if err := to.Destroy(ctx, who, name, "again"); err != nil {
				t.Error(err)
			}
		}
		if err := a.Destroy(ctx, who, "never seen", "request"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Subject(ctx, "never seen"); !errors.Is(err, journal.ErrErased) {
			t.Errorf("a subject erased before it had a key: %v", err)
		}
		n, err := j.Count(ctx, journal.Filter{Verbs: []journal.Verb{journal.UserErased}})
		if err != nil || n != 7 {
			t.Errorf("%d erasures recorded, %v", n, err)
		}
		if report, err := j.Verify(ctx, nil, nil); err != nil || !report.Sound {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

func TestVaultNamesDamagedKeys(t *testing.T) {
	db := testkit.SQLite(t)
	ctx := context.Background()
	j, keys := testkit.Journal(t, db)
	v := vault(t, db, j, keys.Master)
	for _, name := range []string{"a", "b", "c"} {
		subject(t, v, name)
	}
	// a's key under b's name must not open either: the name is part of the wrapping
	if _, err := db.W.ExecContext(ctx, `UPDATE subject_key SET wrapped = (SELECT wrapped FROM subject_key WHERE subject = 'a') WHERE subject = 'b'`); err != nil {
		t.Fatal(err)
	}
	damaged, err := v.Check(ctx)
	if err != nil || len(damaged) != 1 || damaged[0].Row != "b" {
		t.Errorf("%v, %v", damaged, err)
	}
}

func TestKeyFiles(t *testing.T) {
	const origin = "hegui/test/node"
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := journal.LoadKeys(dir, origin)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"": 0o700, "master.key": 0o600, "ticket.key": 0o600, "journal.key": 0o600, "journal.pub": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 4 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	again, err := journal.LoadKeys(dir, origin)
	if err != nil || !bytes.Equal(first.Master, again.Master) || !bytes.Equal(first.Ticket, again.Ticket) || first.Public != again.Public {
		t.Fatalf("a second start got other keys: %v", err)
	}
	if bytes.Equal(first.Master, first.Ticket) {
		t.Error("two secrets are one")
	}
	refused := func(what, want string) {
		t.Helper()
		if _, err := journal.LoadKeys(dir, origin); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, name := range []string{"master.key", "ticket.key", "journal.key"} {
		path := filepath.Join(dir, name)
		for _, mode := range []fs.FileMode{0o644, 0o640, 0o604} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			refused(fmt.Sprintf("%s with %o", name, mode), "chmod 600 "+path)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pub := filepath.Join(dir, "journal.pub")
	if err := os.Remove(pub); err != nil {
		t.Fatal(err)
	}
	if again, err = journal.LoadKeys(dir, origin); err != nil || again.Public != first.Public {
		t.Errorf("the public half was not made again: %v", err)
	}
	if err := os.WriteFile(pub, []byte(keysOf(t, origin).Public), 0o644); err != nil {
		t.Fatal(err)
	}
	refused("another's public key", "one backup")
	if err := os.Remove(filepath.Join(dir, "journal.key")); err != nil {
		t.Fatal(err)
	}
	refused("a lost signing key", "one backup")
	if err := os.WriteFile(filepath.Join(dir, "master.key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("a short secret", "needs 32")
}

// Two processes that start for the first time at once end with the same keys.
func TestKeysAreMadeOnce(t *testing.T) {
	for range 10 {
		dir := filepath.Join(t.TempDir(), "keys")
		all := make([]journal.Keys, 8)
		var wg sync.WaitGroup
		for i := range all {
			wg.Go(func() {
				var err error
				if all[i], err = journal.LoadKeys(dir, "hegui/test/node"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, k := range all {
			if !bytes.Equal(k.Master, all[0].Master) || !bytes.Equal(k.Ticket, all[0].Ticket) || k.Public != all[0].Public {
				t.Fatal("two starts, two keys")
			}
		}
	}
}
