package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var errBusy = errors.New("the database is busy")

// IsUnique tells whether err is a violated primary key or unique constraint, on either engine.
func IsUnique(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}

// IsBusy tells whether err says that the database is locked, full or unreachable, so that the caller may answer 503: the
// same request may succeed once the operator or the other writer has made room.
func IsBusy(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, errBusy) || errors.Is(err, errGone) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
			sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
			return true
		}
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		// 08 connection, 53 resources (disk full, too many connections), 55P03 lock, 57P shutdown, 40 serialisation
		for _, class := range []string{"08", "53", "55P03", "57P", "40"} {
			if strings.HasPrefix(pg.Code, class) {
				return true
			}
		}
		return false
	}
	var conn *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &conn) || errors.As(err, &network)
}
