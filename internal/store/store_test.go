package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func exec(t testing.TB, db *store.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.W.ExecContext(context.Background(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

type pair struct {
	ID string `db:"id"`
	N  int64  `db:"n"`
}

// Text is compared by bytes on both engines: upper case before lower, and Chinese by code point, not by pinyin.
func TestTextIsComparedByBytes(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec(t, db, `CREATE TABLE word (w TEXT NOT NULL PRIMARY KEY)`)
		words := []string{"b", "B", "a", "A", "_", "é", "z", "中", "阿", "一", "a b", "ab", "", "01JZ", "01jz"}
		for _, w := range words {
			exec(t, db, `INSERT INTO word (w) VALUES ($1)`, w)
		}
		slices.Sort(words)
		got, err := store.Rows[string](ctx, db.R, `SELECT w FROM word ORDER BY w`)
		if err != nil || !slices.Equal(got, words) {
			t.Errorf("%q, want %q, %v", got, words, err)
		}
		below, err := store.Row[int64](ctx, db.R, `SELECT COUNT(*) FROM word WHERE w < $1`, "a")
		if at := slices.Index(words, "a"); err != nil || below != int64(at) {
			t.Errorf("%d words below a, want %d, %v", below, at, err)
		}
	})
}

func TestPlaceholdersAreTakenInOrderOfFirstUse(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		exec(t, db, `CREATE TABLE pair (id TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)`)
		for i, id := range []string{"a", "b", "c"} {
			exec(t, db, `INSERT INTO pair (id, n) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET n = $3`, id, int64(i), int64(-1))
		}
		exec(t, db, `INSERT INTO pair (id, n) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET n = $3`, "c", int64(0), int64(9))
		got, err := store.Row[pair](context.Background(), db.R, `SELECT n, id FROM pair WHERE id > $1 AND n > $2 AND n <= $3`, "a", int64(1), int64(9))
		if err != nil || got != (pair{"c", 9}) {
			t.Errorf("%+v, %v", got, err)
		}
		made, err := store.Row[pair](context.Background(), db.W, `INSERT INTO pair (id, n) VALUES ($1, $2) RETURNING id, n`, "d", int64(1)<<53+1)
		if err != nil || made != (pair{"d", 1<<53 + 1}) {
			t.Errorf("%+v, %v", made, err)
		}
	})
}

type common struct {
	ID   string `db:"id"`
	Note string `db:"-"`
	calm int
}

type full struct {
	common
	Yes   bool            `db:"yes"`
	Blob  []byte          `db:"blob"`
	Ratio float64         `db:"ratio"`
	Maybe sql.NullString  `db:"maybe"`
	When  sql.Null[int64] `db:"moment"`
}

func TestRowsMapEveryKindOfColumn(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec(t, db, `CREATE TABLE kinds (id TEXT NOT NULL PRIMARY KEY, yes BOOLEAN NOT NULL, blob BYTEA NOT NULL,
			ratio DOUBLE PRECISION NOT NULL, maybe TEXT, moment BIGINT)`)
		blob := make([]byte, 256)
		for i := range blob {
			blob[i] = byte(i)
		}
		exec(t, db, `INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6)`, "x", true, blob, 0.1, nil, nil)
		exec(t, db, `INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6)`, "y", false, []byte{}, -1e300, "", int64(-1))
		all, err := store.Rows[full](ctx, db.R, `SELECT * FROM kinds ORDER BY id`)
		if err != nil || len(all) != 2 {
			t.Fatal(all, err)
		}
		x, y := all[0], all[1]
		if x.ID != "x" || !x.Yes || !bytes.Equal(x.Blob, blob) || x.Ratio != 0.1 || x.Maybe.Valid || x.When.Valid || x.calm != 0 || x.Note != "" {
			t.Errorf("%+v", x)
		}
		if y.Yes || len(y.Blob) != 0 || y.Ratio != -1e300 || !y.Maybe.Valid || y.When.V != -1 {
			t.Errorf("%+v", y)
		}
		if n, err := store.Row[int64](ctx, db.R, `SELECT COUNT(*) FROM kinds WHERE yes AND NOT (NOT yes)`); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		for query, want := range map[string]string{
			`SELECT id, 1 AS n, 2 AS more FROM kinds`: `column "more" has no field`,
			`SELECT id FROM kinds`:                    `field "n" of store_test.pair has no column`,
			`SELECT id, id, 1 AS n FROM kinds`:        `column "id" stands twice`,
			`SELECT maybe AS id, 1 AS n FROM kinds`:   "NULL",
			`SELECT nothing FROM kinds`:               "nothing",
		} {
			if _, err := store.Rows[pair](ctx, db.R, query); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", query, err)
			}
		}
		if _, err := store.Rows[string](ctx, db.R, `SELECT id, maybe FROM kinds`); err == nil || !strings.Contains(err.Error(), "2 columns for one string") {
			t.Errorf("two columns for a string: %v", err)
		}
		if _, err := store.Row[string](ctx, db.R, `SELECT id FROM kinds WHERE id = 'z'`); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("none: %v", err)
		}
		if _, err := store.Row[string](ctx, db.R, `SELECT id FROM kinds`); err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "2 rows") {
			t.Errorf("two: %v", err)
		}
	})
}

func TestTransactions(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		exec(t, db, `CREATE TABLE pair (id TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)`)
		put := func(id string, after error) error {
			return db.Tx(ctx, func(tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, `INSERT INTO pair (id, n) VALUES ($1, 0)`, id); err != nil {
					return err
				}
				return after
			})
		}
		ours := errors.New("ours")
		if err := put("a", ours); err != ours {
			t.Errorf("the error came back as %v", err)
		}
		if err := put("a", nil); err != nil {
			t.Errorf("the rolled back row is there: %v", err)
		}
		if err := put("a", nil); !store.IsUnique(err) || store.IsBusy(err) {
			t.Errorf("a second row of one key: %v", err)
		}
		exec(t, db, `CREATE UNIQUE INDEX pair_n ON pair (n)`)
		if err := put("b", nil); !store.IsUnique(err) {
			t.Errorf("a second row of a unique column: %v", err)
		}
		if _, err := db.W.ExecContext(ctx, `INSERT INTO pair (id) VALUES ('c')`); err == nil || store.IsUnique(err) || store.IsBusy(err) {
			t.Errorf("a NULL where none may be: %v", err)
		}
		if store.IsUnique(nil) || store.IsBusy(nil) {
			t.Error("no error is unique or busy")
		}
		var wg sync.WaitGroup
		for range 16 { // what everybody raises by one is raised by as many
			wg.Go(func() {
				for range 10 {
					if err := db.Tx(ctx, func(tx *sql.Tx) error {
						_, err := store.Row[int64](ctx, tx, `UPDATE pair SET n = n + 1 WHERE id = 'a' RETURNING n`)
						return err
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got, err := store.Row[pair](ctx, db.R, `SELECT id, n FROM pair`); err != nil || got != (pair{"a", 160}) {
			t.Errorf("%+v, %v", got, err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = db.Tx(ctx, func(tx *sql.Tx) error {
				_, _ = tx.ExecContext(ctx, `DELETE FROM pair`)
				panic("in the middle")
			})
		}()
		if n, err := store.Row[int64](ctx, db.W, `SELECT COUNT(*) FROM pair`); err != nil || n != 1 {
			t.Errorf("after a panic %d rows, %v", n, err)
		}
		if db.Engine == store.SQLite {
			if _, err := db.R.ExecContext(ctx, `DELETE FROM pair`); err == nil {
				t.Error("the reading side wrote")
			}
		}
	})
}

func migrations(n int) fstest.MapFS {
	files := fstest.MapFS{}
	for i := 1; i <= n; i++ {
		files[fmt.Sprintf("%03d_step.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "-- +goose Up\nCREATE TABLE step%d (id TEXT NOT NULL PRIMARY KEY);\n-- +goose Down\nDROP TABLE step%d;\n", i, i)}
	}
	return files
}

func TestMigrate(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		var wg sync.WaitGroup
		for range 6 { // several processes may start at once
			wg.Go(func() {
				if err := db.Migrate(ctx, "first", migrations(2)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		exec(t, db, `INSERT INTO step2 (id) VALUES ('kept')`)
		for range 2 {
			if err := db.Migrate(ctx, "first", migrations(2)); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Migrate(ctx, "first", migrations(3)); err != nil {
			t.Fatal(err)
		}
		exec(t, db, `INSERT INTO step3 (id) SELECT id FROM step2`)
		if err := db.Migrate(ctx, "first", migrations(2)); err == nil || !strings.Contains(err.Error(), "newer hegui") {
			t.Errorf("tables of a newer hegui: %v", err)
		}
		other := fstest.MapFS{"001_other.sql": {Data: []byte("-- +goose Up\nCREATE TABLE other (id TEXT NOT NULL PRIMARY KEY);\n")}}
		if err := db.Migrate(ctx, "second", other); err != nil {
			t.Errorf("two packages share a numbering: %v", err)
		}
		broken := fstest.MapFS{"001_broken.sql": {Data: []byte("-- +goose Up\nCREATE TABLE whole (id TEXT NOT NULL PRIMARY KEY);\nCREATE TABEL half;\n")}}
		if err := db.Migrate(ctx, "third", broken); err == nil || !strings.Contains(err.Error(), "third") {
			t.Errorf("a broken migration: %v", err)
		}
		if _, err := db.W.ExecContext(ctx, `SELECT id FROM whole`); err == nil {
			t.Error("half a migration was kept")
		}
		for name, want := range map[string]string{"one.sql": "begin with its number", "001_readme.txt": "no NNN_name.sql"} {
			if err := db.Migrate(ctx, "fourth", fstest.MapFS{name: {Data: []byte("x")}}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestOpenRefusesWhatItCannotKeep(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	for dsn, want := range map[string]string{
		"":                                     "sqlite:/path",
		"mysql://root:secret@localhost/x":      "unknown kind",
		"sqlite:":                              "no path",
		"sqlite:" + filepath.Join(dir, "no/x"): "no such file",
		"sqlite:" + dir:                        "directory",
		"postgres://hegui:secret@127.0.0.1:1/x?connect_timeout=2": "postgres",
		"postgres://[": "postgres",
	} {
		db, err := store.Open(ctx, dsn)
		if err == nil {
			_ = db.Close()
			t.Errorf("%q was opened", dsn)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", dsn, err)
		}
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, bytes.Repeat([]byte("not a database\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err := store.Open(ctx, "sqlite:"+text); err == nil {
		_ = db.Close()
		t.Error("a text file was opened as a database")
	}
}

func TestSQLiteIsOpenedAsPromised(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"plain.db", "with space & ?#%41.db", "数据.db"} {
		path := filepath.Join(t.TempDir(), name)
		db, err := store.Open(ctx, "sqlite:"+path)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, `CREATE TABLE pair (id TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL)`)
		for _, pool := range []*sql.DB{db.W, db.R} {
			for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1", "busy_timeout": "5000"} {
				if got, err := store.Row[string](ctx, pool, `PRAGMA `+pragma); err != nil || got != want {
					t.Errorf("%s: %s is %q, want %q, %v", name, pragma, got, want, err)
				}
			}
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if info, err := os.Stat(path + suffix); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", name+suffix, info, err)
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 || entries[0].Name() != name {
			t.Errorf("after Close: %v, %v", entries, err)
		}
	}
}

// A database that sorts as a language does would find other rows than SQLite; it is refused with the command that makes a
// right one. ICU is there wherever PostgreSQL is, other locales of the system are not.
func TestPostgresOfAnotherCollationIsRefused(t *testing.T) {
	ctx := context.Background()
	dsn := testkit.PostgresDSN(t)
	admin, err := store.Open(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	named := func(name string) string {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + name
		return u.String()
	}
	for name, c := range map[string]struct {
		create  string
		refused bool
	}{
		"posix": {`ENCODING 'UTF8' LC_COLLATE 'POSIX' LC_CTYPE 'POSIX'`, false},
		"c":     {`ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'`, false},
		"icu":   {`ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'`, true},
		"latin": {`ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`, true},
	} {
		exec(t, admin, `CREATE DATABASE collation_`+name+` TEMPLATE template0 `+c.create)
		db, err := store.Open(ctx, named("collation_"+name))
		if err == nil {
			_ = db.Close()
		}
		if c.refused != (err != nil) || err != nil && !strings.Contains(err.Error(), "LC_COLLATE 'C.UTF-8'") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIDsAreSorted(t *testing.T) {
	last := ""
	for range 10_000 {
		id := store.NewID()
		if len(id) != 26 || id <= last {
			t.Fatalf("%q after %q", id, last)
		}
		last = id
	}
}
