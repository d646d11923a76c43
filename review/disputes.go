package review

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// addressSubject names the key under which addresses of disputes are committed to. It belongs to no user.
const addressSubject = "hegui/review/addresses"

// Complaint is what a user hands in. Nobody has to log in for it: whoever has the exchange's id was there.
type Complaint struct {
	Exchange string
	Reason   string // why, in the user's words; may be empty
	Address  string // where it came from, without port; kept as a keyed commitment of the day; empty: not known, and not limited
	Channel  string // portal, api
}

// Dispute is one as staff see it.
type Dispute struct {
	ID       string    `json:"id"`
	Exchange string    `json:"exchange"`
	Service  string    `json:"service"`
	Subject  string    `json:"subject"`
	Sample   string    `json:"sample"`
	At       time.Time `json:"at"`
	Outcome  Outcome   `json:"outcome"`  // of its sample
	Reasoned bool      `json:"reasoned"` // the user wrote something
}

// Standing is what a receipt tells its holder.
type Standing struct {
	Exchange string    `json:"exchange"`
	At       time.Time `json:"at"`
	State    string    `json:"state"`            // received: people will look at it; decided
	Result   string    `json:"result,omitempty"` // upheld: what was done stands; overturned: it was wrong
	Decided  time.Time `json:"decided,omitzero"` // absent before
}

// About tells what can be said to anybody about an exchange before it is disputed: nothing of its content.
func (r *Register) About(ctx context.Context, id string) (Exchange, error) {
	x, err := r.src.Exchange(ctx, id)
	if err != nil {
		return Exchange{}, err
	}
	if !x.Acted || x.Subject == "" {
		return Exchange{}, ErrNotDisputable
	}
	return Exchange{ID: x.ID, Service: x.Service, At: x.At, Verdict: x.Verdict, Code: x.Code, Acted: true}, nil
}

// Dispute takes a complaint and returns its receipt, which is told this once. The exchange becomes a sample that people
// look at before others.
func (r *Register) Dispute(ctx context.Context, c Complaint) (receipt string, err error) {
	if len(c.Reason) > MaxReason || !utf8.ValidString(c.Reason) || strings.ContainsRune(c.Reason, 0) {
		return "", &InvalidError{Field: "reason", Mend: fmt.Sprintf("use at most %d bytes of text", MaxReason)}
	}
	x, err := r.src.Exchange(ctx, c.Exchange)
	if err != nil {
		return "", err
	}
	if !x.Acted || x.Subject == "" {
		return "", ErrNotDisputable
	}
	if err := r.sweep(ctx); err != nil {
		return "", err
	}
	key, err := r.vault.Subject(ctx, x.Subject)
	if err != nil {
		return "", err
	}
	now := r.clock()
	addresses, err := r.vault.Subject(ctx, addressSubject)
	if err != nil {
		return "", err
	}
	address := addresses.Commitment("dispute address "+now.Format(time.DateOnly), []byte(c.Address))
	id, code := store.NewID(), rand.Text()[:16]
	receipt = strings.Join([]string{"HG", code[:4], code[4:8], code[8:12], code[12:]}, "-")
	sealed := []byte{}
	if reason := strings.TrimSpace(c.Reason); reason != "" {
		sealed = key.Seal(nil, []byte(reason), "dispute "+id)
	}
	at, _ := acting(x)
	if at.Direction == "" {
		at.Direction = "in"
	}
	// A sample of the same text may be drawn by lot between the look for one and the commit. Then it is looked for again: it
	// serves the dispute, which is the first.
	for try := 1; ; try++ {
		err = r.dispute(ctx, x, at, filing{id: id, receipt: receipt, address: address, limited: c.Address != "", channel: c.Channel, sealed: sealed, at: now})
		if !store.IsUnique(err) || try == disputeTries {
			break
		}
	}
	switch {
	case errors.Is(err, ErrTooMany), errors.Is(err, ErrDisputed), errors.Is(err, journal.ErrErased):
		return "", err
	case err != nil:
		return "", fmt.Errorf("review: dispute: %w", err)
	}
	return receipt, nil
}

// disputeTries bounds how often a dispute is tried: a draw can come between once, an equal dispute once more.
const disputeTries = 4

// filing is a dispute about to be written.
type filing struct {
	id, receipt, address string
	limited              bool // the address is known
	channel              string
	sealed               []byte
	at                   time.Time
}

// dispute writes one with its sample, once. A unique violation says that somebody wrote the same sample or dispute meanwhile.
func (r *Register) dispute(ctx context.Context, x Exchange, at Finding, f filing) error {
	s := sampleAt(x, at, Disputed)
	who := journal.Actor{Kind: "user", ID: x.Subject}
	drawn, insert, err := r.sampled(&s, who)
	if err != nil {
		return err
	}
	// The sample that exists already, drawn by lot, serves the dispute too.
	have, err := store.Rows[string](ctx, r.db.R, `SELECT id FROM review_sample WHERE exchange = $1 AND direction = $2 AND channel = $3 AND choice = $4`,
		s.Exchange, s.Direction, s.Channel, int64(s.Choice))
	if err != nil {
		return err
	}
	var events []journal.Event
	if len(have) == 1 {
		s.ID = have[0]
		insert = func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE review_sample SET reason = 'dispute' WHERE id = $1`, s.ID)
			return err
		}
	} else {
		events = append(events, drawn)
	}
	event, err := r.event(who, journal.ReviewDisputed, "exchange", x.ID, f.at, map[string]any{"dispute": f.id, "sample": s.ID, "channel": f.channel, "reason": len(f.sealed) > 0})
	if err != nil {
		return err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: append(events, event), Apply: func(ctx context.Context, tx *sql.Tx) error {
		if gone, err := erased(ctx, tx, x.Subject); err != nil || gone {
			return errors.Join(err, journal.ErrErased)
		}
		for _, limit := range []struct {
			query string
			args  []any
			most  int64
		}{
			{`SELECT COUNT(*) FROM review_dispute WHERE subject = $1 AND at_ms > $2`, []any{x.Subject, f.at.Add(-DisputeDay).UnixMilli()}, DisputesPerUser},
			{`SELECT COUNT(*) FROM review_dispute WHERE address = $1`, []any{f.address}, DisputesPerAddress},
		} {
			if limit.most == DisputesPerAddress && !f.limited {
				continue
			}
			n, err := store.Row[int64](ctx, tx, limit.query, limit.args...)
			if err != nil {
				return err
			}
			if n >= limit.most {
				return ErrTooMany
			}
		}
		if n, err := store.Row[int64](ctx, tx, `SELECT COUNT(*) FROM review_dispute WHERE exchange = $1`, x.ID); err != nil || n > 0 {
			return errors.Join(err, ErrDisputed)
		}
		if err := insert(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO review_dispute (id, exchange, service, subject, receipt, address, reason, sample, at_ms, event)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, f.id, x.ID, x.Service, x.Subject, hashOf(f.receipt), f.address, f.sealed, s.ID, f.at.UnixMilli(), event.ID)
		return err
	}})
	return err
}

// hashOf is how a receipt is kept. Spaces, dashes and case do not matter.
func hashOf(receipt string) string {
	plain := strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(strings.TrimSpace(receipt)))
	sum := sha256.Sum256([]byte("hegui dispute " + plain))
	return hex.EncodeToString(sum[:])
}

type disputeRow struct {
	ID       string `db:"id"`
	Exchange string `db:"exchange"`
	Service  string `db:"service"`
	Subject  string `db:"subject"`
	Sample   string `db:"sample"`
	Reasoned int64  `db:"reasoned"`
	AtMS     int64  `db:"at_ms"`
}

const selectDispute = `SELECT id, exchange, service, subject, sample, LENGTH(reason) AS reasoned, at_ms FROM review_dispute`

// Standing tells how the dispute of a receipt stands; ErrUnknown when no dispute has it.
func (r *Register) Standing(ctx context.Context, receipt string) (Standing, error) {
	if err := r.sweep(ctx); err != nil {
		return Standing{}, err
	}
	row, err := store.Row[disputeRow](ctx, r.db.R, selectDispute+` WHERE receipt = $1`, hashOf(receipt))
	if errors.Is(err, store.ErrNotFound) {
		return Standing{}, fmt.Errorf("%w: receipt", ErrUnknown)
	}
	if err != nil {
		return Standing{}, fmt.Errorf("review: standing: %w", err)
	}
	out := Standing{Exchange: row.Exchange, At: time.UnixMilli(row.AtMS).UTC(), State: "received"}
	s, err := r.Sample(ctx, row.Sample)
	if err != nil {
		return out, err
	}
	if s.Outcome.Counts {
		out.State, out.Result, out.Decided = "decided", "upheld", s.Decisions[len(s.Decisions)-1].At
		if s.Outcome.Verdict == OverBlocked {
			out.Result = "overturned"
		}
	}
	return out, nil
}

// Disputes lists those of the last Window, newest first.
func (r *Register) Disputes(ctx context.Context) ([]Dispute, error) {
	samples, _, err := r.judged(ctx)
	if err != nil {
		return nil, err
	}
	outcomes := map[string]Outcome{}
	for _, s := range samples {
		outcomes[s.ID] = s.Outcome
	}
	rows, err := store.Rows[disputeRow](ctx, r.db.R, selectDispute+` WHERE at_ms >= $1 ORDER BY id DESC`, r.clock().Add(-Window).UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("review: disputes: %w", err)
	}
	out := make([]Dispute, len(rows))
	for i, row := range rows {
		out[i] = Dispute{ID: row.ID, Exchange: row.Exchange, Service: row.Service, Subject: row.Subject, Sample: row.Sample,
			At: time.UnixMilli(row.AtMS).UTC(), Outcome: outcomes[row.Sample], Reasoned: row.Reasoned > 0}
	}
	return out, nil
}

// Words opens what a user wrote in disputing the exchange of a sample, "" when nothing. It belongs to the content: ask for
// it only after Open has recorded the reading.
func (r *Register) Words(ctx context.Context, s Sample) (string, error) {
	type wordsRow struct {
		ID     string `db:"id"`
		Reason []byte `db:"reason"`
	}
	row, err := store.Row[wordsRow](ctx, r.db.R, `SELECT id, reason FROM review_dispute WHERE exchange = $1`, s.Exchange)
	if errors.Is(err, store.ErrNotFound) || err == nil && len(row.Reason) == 0 {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("review: words: %w", err)
	}
	key, err := r.vault.Subject(ctx, s.Subject)
	if err != nil {
		return "", err
	}
	plain, err := key.Open(nil, row.Reason, "dispute "+row.ID)
	return string(plain), err
}
