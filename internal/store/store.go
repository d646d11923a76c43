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
	"io/fs"
)

// Engine names the database behind a DB. Only this package and tests may branch on it.
type Engine string

const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// ErrNotFound is returned by Row when no row answers the query.
var ErrNotFound = errors.New("store: not found")

// DB is an open database. Reads go to R, which many goroutines may use at once; writes go through Tx, which on SQLite
// holds the only write connection (BEGIN IMMEDIATE) and on PostgreSQL any connection of the pool.
type DB struct {
	Engine Engine
	W      *sql.DB
	R      *sql.DB
}

// Open opens the database named by dsn: "sqlite:/path/file.db" or "postgres://user@host:port/name?…".
// SQLite is opened in WAL mode with synchronous=FULL, foreign keys, secure_delete and a busy timeout on every connection.
// The PostgreSQL database must compare text by bytes (C or C.UTF-8 collation); Open refuses another.
func Open(ctx context.Context, dsn string) (*DB, error) { panic("skeleton") }

// Close waits for running statements and closes both pools; on SQLite it truncates the write-ahead log first.
func (db *DB) Close() error { panic("skeleton") }

// Migrate brings the tables of one package up to date. Each package embeds its own numbered SQL files (NNN_name.sql) and
// keeps its own version table, so packages never share a numbering. Safe to call from several processes at once.
func (db *DB) Migrate(ctx context.Context, pkg string, files fs.FS) error { panic("skeleton") }

// Tx runs fn in one write transaction: committed when fn returns nil, else rolled back and the error returned unchanged.
func (db *DB) Tx(ctx context.Context, fn func(*sql.Tx) error) error { panic("skeleton") }

// Querier is what *sql.DB, *sql.Conn and *sql.Tx have in common.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Rows runs query and maps each row onto a T, by column name to the field tagged `db:"column"` (embedded structs are
// walked). A column without a field and a field without a column are both errors: a mapping is never silently partial.
func Rows[T any](ctx context.Context, q Querier, query string, args ...any) ([]T, error) {
	panic("skeleton")
}

// Row is Rows for exactly one row; none is ErrNotFound, more than one an error.
func Row[T any](ctx context.Context, q Querier, query string, args ...any) (T, error) {
	panic("skeleton")
}

// IsUnique tells whether err is a violated primary key or unique constraint, on either engine.
func IsUnique(err error) bool { panic("skeleton") }

// IsBusy tells whether err says that the database is locked, full or unreachable, so that the caller may answer 503.
func IsBusy(err error) bool { panic("skeleton") }

// NewID returns a fresh ULID (26 characters, sortable by time, monotonic within a process).
func NewID() string { panic("skeleton") }
