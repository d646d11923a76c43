package operator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

const (
	SessionLife = 12 * time.Hour // a session ends this long after log-in
	SessionIdle = 2 * time.Hour  // and this long after it was last used
	LinkLife    = 24 * time.Hour // a one-time link can be used this long

	seenEvery = time.Minute // how finely the last use of a session is kept

	// FailWindow, FailLogin and FailAddress bound guessing: after FailLogin wrong passwords for one login, or FailAddress
	// from one address, inside FailWindow, further tries are refused unread until the window has passed.
	FailWindow  = 15 * time.Minute
	FailLogin   = 10
	FailAddress = 30
)

// newToken returns 256 random bits and what is stored of them.
func newToken() (token, hash string, err error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", "", fmt.Errorf("operator: token: %w", err)
	}
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, hashToken(token), nil
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Link returns a one-time token (valid LinkLife) that logs the staff member in and lets them set a password. Earlier
// links of the same person stop working.
func (r *Register) Link(ctx context.Context, who journal.Actor, staffID string) (token string, err error) {
	token, hash, err := newToken()
	if err != nil {
		return "", err
	}
	ev, err := event(who, journal.StaffLinked, staffID, map[string]any{"hours": int(LinkLife / time.Hour)})
	if err != nil {
		return "", err
	}
	now := r.now()
	err = r.commit(ctx, ev, func(ctx context.Context, tx *sql.Tx) error {
		row, err := r.row(ctx, tx, "id", staffID)
		if err != nil {
			return err
		}
		if row.Disabled {
			return &InvalidError{Field: "staff", Value: row.Login, Mend: "enable the person first", Code: "disabled"}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM operator_links WHERE staff = $1`, staffID); err != nil {
			return fmt.Errorf("operator: replace link: %w", err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO operator_links (hash, staff, expires, used) VALUES ($1, $2, $3, $4)`,
			hash, staffID, now.Add(LinkLife).UnixMilli(), 0)
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

type linkRow struct {
	Staff   string `db:"staff"`
	Expires int64  `db:"expires"`
	Used    int64  `db:"used"`
}

// link reads a link that may still be used, and whose it is.
func (r *Register) link(ctx context.Context, q store.Querier, token string) (staffRow, error) {
	l, err := store.Row[linkRow](ctx, q, `SELECT staff, expires, used FROM operator_links WHERE hash = $1`, hashToken(token))
	if errors.Is(err, store.ErrNotFound) {
		return staffRow{}, ErrLink
	}
	if err != nil {
		return staffRow{}, fmt.Errorf("operator: read link: %w", err)
	}
	if l.Used != 0 || !r.now().Before(time.UnixMilli(l.Expires)) {
		return staffRow{}, ErrLink
	}
	row, err := r.row(ctx, q, "id", l.Staff)
	if err != nil {
		return staffRow{}, err
	}
	if row.Disabled {
		return staffRow{}, ErrLink
	}
	return row, nil
}

// PeekLink tells whose a link is without using it, so that fetching the page of a link (as mail scanners do) costs nothing.
func (r *Register) PeekLink(ctx context.Context, token string) (Staff, error) {
	row, err := r.link(ctx, r.db.R, token)
	return row.staff(), err
}

// UseLink consumes the token and opens a session.
func (r *Register) UseLink(ctx context.Context, token, address string) (Staff, string, error) {
	row, err := r.link(ctx, r.db.R, token) // to name the person in the event; decided again inside the transaction
	if err != nil {
		return Staff{}, "", err
	}
	session, err := r.open(ctx, row.staff(), "link", address, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := r.link(ctx, tx, token); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `UPDATE operator_links SET used = $1 WHERE hash = $2 AND used = 0`, r.now().UnixMilli(), hashToken(token))
		if err != nil {
			return fmt.Errorf("operator: use link: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(ErrLink, err)
		}
		return nil
	})
	if err != nil {
		return Staff{}, "", err
	}
	return row.staff(), session, nil
}

// open writes a session, what goes with it, and the event of the log-in.
func (r *Register) open(ctx context.Context, s Staff, how, address string, with func(context.Context, *sql.Tx) error) (string, error) {
	token, hash, err := newToken()
	if err != nil {
		return "", err
	}
	ev, err := event(s.Actor(), journal.StaffLoggedIn, s.ID, map[string]any{"how": how})
	if err != nil {
		return "", err
	}
	now := r.now()
	err = r.commit(ctx, ev, func(ctx context.Context, tx *sql.Tx) error {
		if err := with(ctx, tx); err != nil {
			return err
		}
		old := now.Add(-SessionLife).UnixMilli()
		if _, err := tx.ExecContext(ctx, `DELETE FROM operator_sessions WHERE created < $1`, old); err != nil {
			return fmt.Errorf("operator: sweep sessions: %w", err)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO operator_sessions (hash, staff, address, created, seen) VALUES ($1, $2, $3, $4, $5)`,
			hash, s.ID, hostOf(address), now.UnixMilli(), now.UnixMilli())
		return err
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// Login checks a password (slow by design, throttled per login and address) and opens a session. A wrong login and a
// wrong password take the same time and get the same answer.
func (r *Register) Login(ctx context.Context, login, password, address string) (Staff, string, error) {
	login = strings.ToLower(strings.TrimSpace(login))
	names := []string{"login:" + hashToken(login)[:32], "address:" + hostOf(address)}
	if err := r.throttled(ctx, names); err != nil {
		return Staff{}, "", err
	}
	row, err := r.row(ctx, r.db.R, "login", login)
	known := err == nil
	if err != nil && !errors.Is(err, ErrUnknown) {
		return Staff{}, "", err
	}
	ok, err := r.hasher.matches(ctx, row.Password, password)
	if err != nil {
		return Staff{}, "", err
	}
	if !ok || !known || row.Disabled {
		if err := r.failed(ctx, row, names); err != nil {
			return Staff{}, "", err
		}
		return Staff{}, "", ErrDenied
	}
	session, err := r.open(ctx, row.staff(), "password", address, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM operator_failures WHERE name = $1`, names[0])
		return err
	})
	if err != nil {
		return Staff{}, "", err
	}
	return row.staff(), session, nil
}

type failureRow struct {
	Count int64 `db:"count"`
	Since int64 `db:"since"`
}

func failLimit(name string) int64 {
	if strings.HasPrefix(name, "login:") {
		return FailLogin
	}
	return FailAddress
}

func (r *Register) throttled(ctx context.Context, names []string) error {
	for _, name := range names {
		f, err := store.Row[failureRow](ctx, r.db.R, `SELECT count, since FROM operator_failures WHERE name = $1`, name)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("operator: read failures: %w", err)
		}
		if left := time.UnixMilli(f.Since).Add(FailWindow).Sub(r.now()); f.Count >= failLimit(name) && left > 0 {
			return &ThrottledError{Retry: left}
		}
	}
	return nil
}

// failed counts a wrong try and records it. What was typed is not kept: people type passwords into the wrong field.
func (r *Register) failed(ctx context.Context, row staffRow, names []string) error {
	why := "password"
	switch {
	case row.ID == "":
		why = "unknown"
	case row.Disabled:
		why = "disabled"
	}
	ev, err := event(journal.Actor{Kind: "party"}, journal.StaffFailed, row.ID, map[string]any{"why": why})
	if err != nil {
		return err
	}
	now := r.now()
	return r.commit(ctx, ev, func(ctx context.Context, tx *sql.Tx) error {
		old := now.Add(-FailWindow).UnixMilli()
		if _, err := tx.ExecContext(ctx, `DELETE FROM operator_failures WHERE since < $1`, old); err != nil {
			return fmt.Errorf("operator: sweep failures: %w", err)
		}
		for _, name := range names {
			if _, err := tx.ExecContext(ctx, `INSERT INTO operator_failures (name, count, since) VALUES ($1, 1, $2)
				ON CONFLICT (name) DO UPDATE SET count = operator_failures.count + 1`, name, now.UnixMilli()); err != nil {
				return fmt.Errorf("operator: count failure: %w", err)
			}
		}
		return nil
	})
}

type sessionRow struct {
	Staff   string `db:"staff"`
	Created int64  `db:"created"`
	Seen    int64  `db:"seen"`
}

// Session returns the staff member of a session token; sessions end after SessionLife or SessionIdle without use.
// The time of last use is the one thing here that is written without an event: it is no deed and proves nothing.
func (r *Register) Session(ctx context.Context, token string) (Staff, error) {
	if token == "" {
		return Staff{}, ErrNoSession
	}
	hash, now := hashToken(token), r.now()
	s, err := store.Row[sessionRow](ctx, r.db.R, `SELECT staff, created, seen FROM operator_sessions WHERE hash = $1`, hash)
	if errors.Is(err, store.ErrNotFound) {
		return Staff{}, ErrNoSession
	}
	if err != nil {
		return Staff{}, fmt.Errorf("operator: read session: %w", err)
	}
	if !now.Before(time.UnixMilli(s.Created).Add(SessionLife)) || !now.Before(time.UnixMilli(s.Seen).Add(SessionIdle)) {
		return Staff{}, ErrNoSession
	}
	row, err := r.row(ctx, r.db.R, "id", s.Staff)
	if err != nil {
		return Staff{}, err
	}
	if row.Disabled {
		return Staff{}, ErrNoSession
	}
	if now.Sub(time.UnixMilli(s.Seen)) >= seenEvery {
		err := r.db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE operator_sessions SET seen = $1 WHERE hash = $2 AND seen < $3`, now.UnixMilli(), hash, now.UnixMilli())
			return err
		})
		if err != nil {
			return Staff{}, fmt.Errorf("operator: mark session: %w", err)
		}
	}
	return row.staff(), nil
}

// Logout ends a session. An unknown token is no error.
func (r *Register) Logout(ctx context.Context, token string) error {
	s, err := r.Session(ctx, token)
	if errors.Is(err, ErrNoSession) {
		return nil
	}
	if err != nil {
		return err
	}
	ev, err := event(s.Actor(), journal.StaffChanged, s.ID, map[string]any{"change": "logged_out"})
	if err != nil {
		return err
	}
	return r.commit(ctx, ev, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM operator_sessions WHERE hash = $1`, hashToken(token))
		return err
	})
}

// EndSessions ends all sessions of a person except the one of token keep ("" for none); done when a password changes.
func (r *Register) EndSessions(ctx context.Context, who journal.Actor, staffID, keep string) error {
	ev, err := event(who, journal.StaffChanged, staffID, map[string]any{"change": "sessions_ended"})
	if err != nil {
		return err
	}
	return r.commit(ctx, ev, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM operator_sessions WHERE staff = $1 AND hash <> $2`, staffID, hashToken(keep))
		return err
	})
}

// hostOf drops the port of an address.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
