package users

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// errUnchanged rolls a change back that turned out to change nothing.
var errUnchanged = errors.New("users: nothing to change")

// body marshals what an event says; it holds strings, numbers and booleans only.
func body(fields map[string]any) json.RawMessage {
	b, err := json.Marshal(fields)
	if err != nil {
		panic(fmt.Sprintf("users: event body: %v", err))
	}
	return b
}

// nextRevision draws the number of a change. It must come first in its transaction: the row's lock orders all changes.
func nextRevision(ctx context.Context, tx *sql.Tx) (int64, error) {
	row, err := store.Row[revisionRow](ctx, tx, `UPDATE users_revision SET n = n + 1 WHERE id = 1 RETURNING n`)
	return row.N, err
}

// change commits e together with statements on one user and makes the change count in this process before it returns.
func (r *Register) change(ctx context.Context, subject string, e journal.Event, steps func(ctx context.Context, tx *sql.Tx, revision int64) error) error {
	_, err := r.j.Commit(ctx, journal.Write{Events: []journal.Event{e}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		n, err := nextRevision(ctx, tx)
		if err != nil {
			return err
		}
		return steps(ctx, tx, n)
	}})
	// Also when it failed: the error may be of the caller's ctx, and the change durable all the same.
	if _, readErr := r.read(context.WithoutCancel(ctx), `WHERE subject = $1`, subject); err == nil && readErr != nil {
		err = readErr
	}
	return err
}

// exactlyOne runs an UPDATE that must hit its row.
func exactlyOne(ctx context.Context, tx *sql.Tx, query string, args ...any) error {
	res, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n != 1 {
		err = errUnchanged
	}
	return err
}

// fresh reads a user past the cache and refuses one who is gone.
func (r *Register) fresh(ctx context.Context, subject string) (User, error) {
	u, err := r.read(ctx, `WHERE subject = $1`, subject)
	if err != nil {
		return User{}, fmt.Errorf("%w (subject %q)", err, subject)
	}
	if u.Standing == Erased {
		return u, ErrErased
	}
	return u, nil
}

// Accept records acceptance (G9-01). Accepting the version that was accepted last again changes nothing.
func (r *Register) Accept(ctx context.Context, who journal.Actor, subject string, a Acceptance) error {
	switch a.Channel {
	case "portal", "api", "cli", "contract":
	default:
		return &InvalidError{"channel", a.Channel, "use portal, api, cli or contract"}
	}
	if a.Text == "" {
		return &InvalidError{"text", a.Text, "give the id of the agreement's version"}
	}
	u, err := r.fresh(ctx, subject)
	if err != nil {
		return err
	}
	if u.Accepted == a.Text {
		return nil
	}
	if a.At.IsZero() {
		a.At = r.now()
	}
	e := journal.Event{ID: store.NewID(), At: r.now(), Who: who, Verb: journal.UserAccepted, Ref: journal.Ref{Kind: "user", ID: subject}}
	e.Body = body(map[string]any{"service": u.Service, "text": a.Text, "channel": a.Channel, "at": a.At.UTC().Format(time.RFC3339Nano),
		"address_hmac": r.commitment(e.ID, a.Address)})
	err = r.change(ctx, subject, e, func(ctx context.Context, tx *sql.Tx, revision int64) error {
		if err := exactlyOne(ctx, tx, `UPDATE users SET accepted = $1, accepted_ms = $2, revision = $3
			WHERE subject = $4 AND accepted <> $1 AND standing <> 'erased'`, a.Text, a.At.UnixMilli(), revision, subject); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO users_acceptance (event, subject, text, at_ms, channel, address) VALUES ($1, $2, $3, $4, $5, $6)`,
			e.ID, subject, a.Text, a.At.UnixMilli(), a.Channel, a.Address)
		return err
	})
	if errors.Is(err, errUnchanged) {
		_, err = r.fresh(ctx, subject)
	}
	return err
}

// Acceptances lists what a user has accepted, newest first.
func (r *Register) Acceptances(ctx context.Context, subject string) ([]Acceptance, error) {
	rows, err := store.Rows[struct {
		Acceptance
		AtMS int64 `db:"at_ms"`
	}](ctx, r.db.R, `SELECT text, channel, address, at_ms FROM users_acceptance WHERE subject = $1 ORDER BY at_ms DESC, event DESC`, subject)
	if err != nil {
		return nil, fmt.Errorf("users: acceptances: %w", err)
	}
	out := make([]Acceptance, len(rows))
	for i, row := range rows {
		row.Acceptance.At = moment(row.AtMS)
		out[i] = row.Acceptance
	}
	return out, nil
}

// Suspend bars a user from generating until a moment, or until lifted when it is zero (Art 14 p2). A reason is required;
// it is shown to the user and kept in the decision, the event carries its hash. The returned id names the decision.
func (r *Register) Suspend(ctx context.Context, who journal.Actor, subject, reason string, until time.Time) (decision string, err error) {
	now := r.now()
	if !until.IsZero() && !until.After(now) {
		return "", &InvalidError{"until", until.Format(time.RFC3339), "lies in the past; give a later moment, or none to suspend until lifted"}
	}
	return r.decide(ctx, who, subject, reason, "suspend", journal.UserSuspended, now, until)
}

// Lift ends a suspension early. A reason is required; the returned id names the decision. ErrNotSuspended when there is
// nothing to lift.
func (r *Register) Lift(ctx context.Context, who journal.Actor, subject, reason string) (decision string, err error) {
	return r.decide(ctx, who, subject, reason, "lift", journal.UserLifted, r.now(), time.Time{})
}

func (r *Register) decide(ctx context.Context, who journal.Actor, subject, reason, kind string, verb journal.Verb, now, until time.Time) (string, error) {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > 2000 {
		return "", &InvalidError{"reason", "", "state the reason in 1 to 2000 bytes; the user will read it"}
	}
	u, err := r.fresh(ctx, subject)
	if err != nil {
		return "", err
	}
	standing := Suspended
	if kind == "lift" {
		standing = Good
		if !u.Suspended(now) {
			return "", ErrNotSuspended
		}
	}
	id := store.NewID()
	sum := sha256.Sum256([]byte(id + "\x00" + reason))
	fields := map[string]any{"service": u.Service, "decision": id, "reason_sha256": hex.EncodeToString(sum[:])}
	if !until.IsZero() {
		fields["until"] = until.UTC().Format(time.RFC3339Nano)
	}
	if kind == "lift" {
		fields["lifts"] = u.Decision
	}
	e := journal.Event{ID: store.NewID(), At: now, Who: who, Verb: verb, Ref: journal.Ref{Kind: "user", ID: subject}, Body: body(fields)}
	err = r.change(ctx, subject, e, func(ctx context.Context, tx *sql.Tx, revision int64) error {
		// The decision acted upon must still be the one that was looked at.
		if err := exactlyOne(ctx, tx, `UPDATE users SET standing = $1, suspended_until_ms = $2, decision = $3, reason = $4, revision = $5
			WHERE subject = $6 AND decision = $7 AND standing <> 'erased'`, standing, millis(until), id, reason, revision, subject, u.Decision); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO users_decision (id, subject, kind, reason, at_ms, until_ms, by_kind, by_id, event)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, id, subject, kind, reason, now.UnixMilli(), millis(until), who.Kind, who.ID, e.ID)
		return err
	})
	if errors.Is(err, errUnchanged) {
		return "", fmt.Errorf("users: %s: the user's standing changed at the same moment; look again", kind)
	}
	if err != nil {
		return "", fmt.Errorf("users: %s: %w", kind, err)
	}
	return id, nil
}

// Erase forgets a user (PIPL 47): name, reasons and network addresses go, the subject's key is destroyed, so that what
// was said cannot be read again; the pseudonym and its events stay. The same name is a new user afterwards. Erasing again
// repeats the destruction of the key, so a call that failed half-way can be repeated.
func (r *Register) Erase(ctx context.Context, who journal.Actor, subject, reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > 500 {
		return &InvalidError{"reason", "", "state the reason in 1 to 500 bytes, without personal information, e.g. the number of the request"}
	}
	if r.destroy == nil {
		return errors.New("users: erase: no way to destroy keys was given at Open (WithDestroy)")
	}
	u, err := r.fresh(ctx, subject)
	if err != nil && !errors.Is(err, ErrErased) {
		return err
	}
	if err == nil {
		e := journal.Event{At: r.now(), Who: who, Verb: journal.UserErased, Ref: journal.Ref{Kind: "user", ID: subject},
			Body: body(map[string]any{"service": u.Service, "register": "users"})}
		err = r.change(ctx, subject, e, func(ctx context.Context, tx *sql.Tx, revision int64) error {
			if err := exactlyOne(ctx, tx, `UPDATE users SET name = NULL, standing = 'erased', reason = '', suspended_until_ms = 0, revision = $1
				WHERE subject = $2 AND standing <> 'erased'`, revision, subject); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE users_acceptance SET address = '' WHERE subject = $1`, subject); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `UPDATE users_decision SET reason = '' WHERE subject = $1`, subject)
			return err
		})
		if err != nil && !errors.Is(err, errUnchanged) {
			return fmt.Errorf("users: erase: %w", err)
		}
	}
	if err := r.destroy(ctx, who, subject, reason); err != nil {
		return fmt.Errorf("users: erase: destroy the key: %w", err)
	}
	return nil
}
