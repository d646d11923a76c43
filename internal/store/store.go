// Package store opens the one database hegui keeps its state in, SQLite or PostgreSQL, under one SQL text.
//
// Every statement in the project is written once and means the same on both engines: `$1…$n` placeholders in order of
// first use, TEXT (ULID) keys, times as Unix milliseconds in BIGINT, BYTEA, BOOLEAN, DOUBLE PRECISION, ON CONFLICT and
// RETURNING. LIKE without a lower-cased column is forbidden (SQLite ignores ASCII case), text is compared by bytes.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"
)

// Engine names the database behind a DB. Only this package and tests may branch on it.
type Engine string

// The engines that the contract suite runs on.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// ErrNotFound is returned by Row when no row answers the query.
var ErrNotFound = errors.New("store: not found")

// busyTimeout is how long a statement waits for another process's write lock on SQLite before it fails as busy.
const busyTimeout = 5 * time.Second

// DB is an open database. Reads go to R, which many goroutines may use at once; writes go through Tx, which on SQLite
// holds the only write connection (BEGIN IMMEDIATE) and on PostgreSQL any connection of the pool.
type DB struct {
	Engine Engine
	W      *sql.DB
	R      *sql.DB

	path string      // of the SQLite file
	file os.FileInfo // the file that was opened
}

// errGone says that the SQLite file is not where it was: what is written now would vanish with the process.
var errGone = errors.New("the database file has been moved, replaced or deleted while in use; stop hegui, put the file back or restore a backup, and start again")

// Present tells whether the file that was opened is still the one at its path. SQLite itself goes on writing into a
// deleted file without a word. Always nil on PostgreSQL.
func (db *DB) Present() error {
	if db.file == nil {
		return nil
	}
	now, err := os.Stat(db.path)
	if err != nil || !os.SameFile(db.file, now) {
		return fmt.Errorf("store: %s: %w", db.path, errGone)
	}
	return nil
}

// Open opens the database named by dsn: "sqlite:/path/file.db" or "postgres://user@host:port/name?…".
// SQLite is opened in WAL mode with synchronous=FULL, foreign keys, secure_delete and a busy timeout on every connection.
// The PostgreSQL database must keep text as UTF-8 and compare it by bytes (C or C.UTF-8 collation); Open refuses another.
func Open(ctx context.Context, dsn string) (*DB, error) {
	switch {
	case strings.HasPrefix(dsn, "sqlite:"):
		return openSQLite(ctx, strings.TrimPrefix(dsn, "sqlite:"))
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		return openPostgres(ctx, dsn)
	}
	scheme, _, _ := strings.Cut(dsn, ":")
	return nil, fmt.Errorf("store: database %q: unknown kind; write sqlite:/path/hegui.db or postgres://user@host:5432/name", scheme+":…")
}

func openSQLite(ctx context.Context, path string) (*DB, error) {
	if path == "" {
		return nil, errors.New("store: database sqlite: has no path; write sqlite:/path/hegui.db")
	}
	// The file and its -wal and -shm siblings hold sealed content and pseudonyms: the owner's alone from the start.
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: database file: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("store: database file: %w", err)
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(ON)",
		"secure_delete(ON)",
		"wal_autocheckpoint(8000)",
	}}
	name := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
	w, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	w.SetMaxOpenConns(1)
	w.SetMaxIdleConns(1)
	if err := w.PingContext(ctx); err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	r, err := sql.Open("sqlite", strings.Replace(name, "_txlock=immediate", "_txlock=deferred", 1)+"&_pragma=query_only(ON)")
	if err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("store: open %s for reading: %w", path, err)
	}
	n := max(4, runtime.GOMAXPROCS(0))
	r.SetMaxOpenConns(n)
	r.SetMaxIdleConns(n)
	info, err := os.Stat(path)
	if err != nil {
		_ = r.Close()
		_ = w.Close()
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	return &DB{Engine: SQLite, W: w, R: r, path: path, file: info}, nil
}

func openPostgres(ctx context.Context, dsn string) (*DB, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, fmt.Errorf("store: open postgres: %w", err)
	}
	n := max(8, 4*runtime.GOMAXPROCS(0))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxIdleTime(5 * time.Minute)
	// datlocprovider exists from PostgreSQL 15 on: c the system's locales, i ICU, b PostgreSQL's own, which sort by bytes.
	var encoding, provider, collation string
	err = db.QueryRowContext(ctx, `SELECT pg_encoding_to_char(encoding), COALESCE(to_jsonb(d) ->> 'datlocprovider', 'c'), datcollate
		FROM pg_database d WHERE datname = current_database()`).Scan(&encoding, &provider, &collation)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("store: open postgres: %w", err)
	}
	bytewise := provider == "b"
	switch strings.ToUpper(strings.ReplaceAll(collation, "-", "")) {
	case "C", "POSIX", "C.UTF8":
		bytewise = bytewise || provider == "c"
	}
	if !bytewise || encoding != "UTF8" {
		_ = db.Close()
		if provider == "i" {
			collation = "ICU"
		}
		return nil, fmt.Errorf("store: this PostgreSQL database keeps text as %s and compares it by %q; hegui needs UTF-8 and byte order: create it with CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'", encoding, collation)
	}
	return &DB{Engine: Postgres, W: db, R: db}, nil
}

// Close waits for running statements and closes both pools; on SQLite it truncates the write-ahead log first.
func (db *DB) Close() error {
	if db.Engine == Postgres {
		return db.W.Close()
	}
	readErr := db.R.Close()
	truncateErr := db.Truncate(context.Background())
	if IsBusy(truncateErr) { // another process still reads the log; it will truncate when it leaves
		truncateErr = nil
	}
	return errors.Join(readErr, truncateErr, db.W.Close())
}

// Mark is the n-th placeholder of a generated statement. Written statements use $n, which both engines know; but SQLite
// looks a $n up by name in a list, which is quadratic in the hundreds of places of a multi-row insert.
func (db *DB) Mark(n int) string {
	if db.Engine == SQLite {
		return "?"
	}
	return "$" + strconv.Itoa(n)
}

// Truncate moves the write-ahead log into the database file and empties it, so that what secure_delete has overwritten
// is in neither. A no-op on PostgreSQL, where vacuum and the archive policy of the server decide.
func (db *DB) Truncate(ctx context.Context) error {
	if db.Engine != SQLite {
		return nil
	}
	var busy, log, moved int
	if err := db.W.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &moved); err != nil {
		return fmt.Errorf("store: truncate write-ahead log: %w", err)
	}
	if busy != 0 {
		return fmt.Errorf("store: truncate write-ahead log: %w", errBusy)
	}
	return nil
}

// Tx runs fn in one write transaction: committed when fn returns nil, else rolled back and the error returned unchanged.
func (db *DB) Tx(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := db.W.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit this does nothing
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	return nil
}
