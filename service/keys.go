package service

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// KeyPrefix begins every secret, so that scanners of code and logs can find leaked ones.
const KeyPrefix = "hg-"

// secretLen is the length of the random part: 43 characters of base62 hold 256 bits.
const secretLen = 43

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const (
	selectKeys = `SELECT id, service, application, secret, hint, created_ms, expires_ms, revoked_ms, contract FROM service_key ORDER BY id`
	isKey      = `SELECT id FROM service_key WHERE secret = $1`
)

// missPause is how often a key that is not known here is looked up in the database: often enough for one that another process issued a
// moment ago, and no more often however many wrong keys come. Ours.
const missPause = 250 * time.Millisecond

type keyRow struct {
	ID          string `db:"id"`
	Service     string `db:"service"`
	Application string `db:"application"`
	Secret      []byte `db:"secret"`
	Hint        string `db:"hint"`
	Created     int64  `db:"created_ms"`
	Expires     int64  `db:"expires_ms"`
	Revoked     int64  `db:"revoked_ms"`
	Contract    string `db:"contract"`
}

func (k keyRow) key() Key {
	return Key{ID: k.ID, Service: k.Service, Application: k.Application, Hint: k.Hint, Created: moment(k.Created),
		Expires: moment(k.Expires), Revoked: moment(k.Revoked), Contract: k.Contract}
}

// moment reads a column of Unix milliseconds in which 0 means never.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// newSecret draws a secret; bytes of 248 and more are thrown away, so that every character is equally likely.
func newSecret() string {
	out := make([]byte, 0, len(KeyPrefix)+secretLen)
	out = append(out, KeyPrefix...)
	var buf [64]byte
	for len(out) < cap(out) {
		rand.Read(buf[:]) // never fails (crypto/rand)
		for _, b := range buf {
			if b < 248 && len(out) < cap(out) {
				out = append(out, base62[b%62])
			}
		}
	}
	return string(out)
}

// IssueKey creates a key and returns its secret (hg-…, 43 characters of base62 after the prefix), which is not kept.
// Service, Application, Expires and Contract are taken from k.
func (r *Register) IssueKey(ctx context.Context, who journal.Actor, k Key) (Key, string, error) {
	if err := r.refresh(ctx); err != nil {
		return Key{}, "", err
	}
	now := r.now()
	c := &checker{where: "key"}
	if _, ok := r.Service(k.Service); !ok {
		c.fail("service", k.Service, "no such service is in force; there are: %s", strings.Join(r.serviceIDs(), ", "))
	}
	c.id("application", k.Application)
	if !k.Expires.IsZero() && !k.Expires.After(now) {
		c.fail("expires", k.Expires.Format(time.RFC3339), "lies in the past; give a later time, or none")
	}
	if len(k.Contract) > 128 {
		c.fail("contract", k.Contract[:128]+"…", "give the contract's number, at most 128 bytes")
	}
	if len(c.bad) > 0 {
		return Key{}, "", c.bad[0]
	}
	secret := newSecret()
	sum := sha256.Sum256([]byte(secret))
	k = Key{ID: store.NewID(), Service: k.Service, Application: k.Application, Contract: k.Contract,
		Hint: secret[:7] + "…" + secret[len(secret)-4:], Created: now.UTC().Truncate(time.Millisecond), Expires: k.Expires.UTC().Truncate(time.Millisecond)}
	if k.Expires.Before(k.Created) {
		k.Expires = time.Time{}
	}
	body := map[string]any{"service": k.Service, "application": k.Application, "contract": k.Contract, "expires": millis(k.Expires)}
	err := r.commitKey(ctx, who, journal.KeyIssued, k.ID, now, body, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO service_key (id, service, application, secret, hint, created_ms, expires_ms, revoked_ms, contract)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)`, k.ID, k.Service, k.Application, sum[:], k.Hint, k.Created.UnixMilli(), millis(k.Expires), k.Contract)
		return err
	})
	if err != nil {
		return Key{}, "", err
	}
	return k, secret, nil
}

func (r *Register) serviceIDs() []string {
	var ids []string
	for _, s := range r.current().services {
		ids = append(ids, s.ID)
	}
	return ids
}

// RevokeKey ends a key at once and for good; a reason is required and stands in the event, so it must name no person. ErrUnknownKey when there is no such id, ErrRevokedKey
// when it has been revoked before.
func (r *Register) RevokeKey(ctx context.Context, who journal.Actor, id, reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > 500 {
		return &InvalidError{Where: fmt.Sprintf("key %q", id), Field: "reason", Value: reason, Mend: "say why in 1 to 500 bytes"}
	}
	rows, err := store.Rows[keyRow](ctx, r.db.R, selectKeys)
	if err != nil {
		return fmt.Errorf("service: read keys: %w", err)
	}
	err = fmt.Errorf("%w %q", ErrUnknownKey, id)
	for _, k := range rows {
		if k.ID == id && k.Revoked != 0 {
			err = fmt.Errorf("%w %q since %s", ErrRevokedKey, id, moment(k.Revoked).Format(time.RFC3339))
		} else if k.ID == id {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	now := r.now()
	return r.commitKey(ctx, who, journal.KeyRevoked, id, now, map[string]any{"reason": reason}, func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE service_key SET revoked_ms = $1, reason = $2 WHERE id = $3 AND revoked_ms = 0`, now.UnixMilli(), reason, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			return errors.Join(fmt.Errorf("%w %q", ErrRevokedKey, id), err)
		}
		return nil
	})
}

// commitKey writes a key's event with its row and makes it count in this process before it returns.
func (r *Register) commitKey(ctx context.Context, who journal.Actor, verb journal.Verb, id string, now time.Time, body map[string]any,
	apply func(context.Context, *sql.Tx) error) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("service: body of %s: %w", verb, err)
	}
	e := journal.Event{At: now, Who: who, Verb: verb, Ref: journal.Ref{Kind: "key", ID: id}, Body: b}
	if _, err := r.j.Commit(ctx, journal.Write{Events: []journal.Event{e}, Apply: apply}); err != nil {
		return fmt.Errorf("service: %s: %w", verb, err)
	}
	return r.refresh(ctx)
}

// Keys lists all keys, also expired and revoked ones, oldest first.
func (r *Register) Keys(ctx context.Context) ([]Key, error) {
	rows, err := store.Rows[keyRow](ctx, r.db.R, selectKeys)
	if err != nil {
		return nil, fmt.Errorf("service: read keys: %w", err)
	}
	out := make([]Key, len(rows))
	for i, k := range rows {
		out[i] = k.key()
	}
	return out, nil
}

// Authenticate finds the key of a secret, from memory; one that is not there is looked up once, for another process may have issued it a
// moment ago, but at most every missPause. ErrUnknownKey, ErrExpiredKey and ErrRevokedKey say why not; with
// the latter two the key is returned too, so that the refusal can be recorded under its application.
// The look-up goes by the SHA-256 of the secret, so its timing tells nothing about secrets that exist.
func (r *Register) Authenticate(ctx context.Context, secret string, now time.Time) (Key, error) {
	var buf [len(KeyPrefix) + secretLen]byte
	if len(secret) != len(buf) || secret[:len(KeyPrefix)] != KeyPrefix {
		return Key{}, ErrUnknownKey
	}
	copy(buf[:], secret)
	hash := sha256.Sum256(buf[:])
	k, ok := r.current().keys[hash]
	if !ok && r.issuedElsewhere(ctx, hash, now) {
		k, ok = r.snap.Load().keys[hash]
	}
	switch {
	case !ok:
		return Key{}, ErrUnknownKey
	case !k.Revoked.IsZero() && !now.Before(k.Revoked):
		return k, ErrRevokedKey
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return k, ErrExpiredKey
	}
	return k, nil
}

// issuedElsewhere looks in the database for a key that is not in memory, and reads everything again when it is there. One caller looks,
// the others and those who come too soon are told no; when the database is away nothing is known of the key.
func (r *Register) issuedElsewhere(ctx context.Context, hash [32]byte, now time.Time) bool {
	at, last := now.UnixNano(), r.missed.Load()
	if at-last < int64(missPause) || !r.missed.CompareAndSwap(last, at) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	if _, err := store.Row[string](ctx, r.db.R, isKey, hash[:]); err != nil {
		return false
	}
	return r.refresh(ctx) == nil
}
