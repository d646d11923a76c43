package content

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
)

// Unlabelled is one delivery of content without an explicit label at a user's request (Labelling Measures Art 9). The implicit label is in it
// all the same: nothing waives that. Times are UTC.
type Unlabelled struct {
	ID        string        `json:"id"`
	At        time.Time     `json:"at"`    // of the delivery; now when zero
	Until     time.Time     `json:"until"` // the entry is kept at least until then
	Content   string        `json:"content"`
	Exchange  string        `json:"exchange"`  // taken from the ledger when it has the content
	Clause    string        `json:"clause"`    // of the agreement, that makes the user's duty to label and liability clear
	Recipient string        `json:"recipient"` // who received it, as identified; "" once it need be kept no longer and the user was erased
	Purpose   string        `json:"purpose"`   // what for, as the user said
	By        journal.Actor `json:"by"`        // who recorded it
	Digest    string        `json:"digest"`    // keyed digest of all of it, as in the event
}

// KeepMonths is for how long an entry is kept at least: what Art 9 of the Labelling Measures says (clock unlabelled-log of the law library).
func KeepMonths() (int, error) {
	for _, c := range measures.Clocks() {
		if c.ID == "unlabelled-log" && c.Unit == "month" {
			return c.N, nil
		}
	}
	return 0, errors.New("content: the law library does not say how long unlabelled deliveries are kept")
}

// Waive records that content was given without an explicit label. The journal has clause, time and a keyed digest of the whole, never the recipient.
func (l *Ledger) Waive(ctx context.Context, who journal.Actor, u Unlabelled) (Unlabelled, error) {
	months, err := KeepMonths()
	if err != nil {
		return u, err
	}
	now := l.now().UTC().Truncate(time.Millisecond)
	u.ID, u.By, u.At = store.NewID(), who, u.At.UTC().Truncate(time.Millisecond)
	if u.At.Year() < 2000 {
		u.At = now
	}
	for _, field := range []*string{&u.Content, &u.Exchange, &u.Clause, &u.Recipient, &u.Purpose} {
		*field = strings.TrimSpace(*field)
	}
	if err := u.check(now); err != nil {
		return u, err
	}
	item, err := l.ByID(ctx, u.Content)
	switch {
	case errors.Is(err, ErrUnknown) && u.Exchange == "":
		return u, &InvalidError{"content", u.Content, "the ledger does not have it; mind the characters, or name the exchange that it came from"}
	case err == nil && u.Exchange != "" && u.Exchange != item.Exchange:
		return u, &InvalidError{"exchange", u.Exchange, "this content came from exchange " + item.Exchange}
	case err == nil:
		u.Exchange = item.Exchange
	case !errors.Is(err, ErrUnknown):
		return u, err
	}
	u.Until = u.At.AddDate(0, months, 0)
	if u.Digest, err = l.digestOf(u); err != nil {
		return u, err
	}
	body, err := json.Marshal(map[string]any{"id": u.ID, "content": u.Content, "exchange": u.Exchange, "clause": u.Clause, "at": u.At, "until": u.Until, "digest": u.Digest})
	if err != nil {
		return u, fmt.Errorf("content: %w", err)
	}
	by, err := json.Marshal(who)
	if err != nil {
		return u, fmt.Errorf("content: %w", err)
	}
	_, err = l.j.Commit(ctx, journal.Write{Events: []journal.Event{{Who: who, Verb: journal.LabelWaived, Ref: journal.Ref{Kind: "content", ID: u.Content}, Body: body}},
		Apply: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO content_unlabelled (id, at_ms, until_ms, content, exchange, clause, recipient, purpose, staff, digest)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, u.ID, u.At.UnixMilli(), u.Until.UnixMilli(), u.Content, u.Exchange, u.Clause, u.Recipient, u.Purpose, string(by), u.Digest)
			return err
		}})
	if err != nil {
		return u, fmt.Errorf("content: unlabelled delivery: %w", err)
	}
	return u, nil
}

func (u *Unlabelled) check(now time.Time) error {
	for _, f := range []struct {
		name, value, mend string
		most              int
	}{
		{"content", u.Content, "give the content ID: it stands in the implicit label as ProduceID", 256},
		{"clause", u.Clause, "name the clause of the agreement that makes the user's duty to label and liability clear", 500},
		{"recipient", u.Recipient, "say who received it, as identified", 500},
		{"purpose", u.Purpose, "say what for", 1000},
	} {
		switch {
		case f.value == "":
			return &InvalidError{f.name, "", f.mend}
		case len(f.value) > f.most || !utf8.ValidString(f.value) || strings.ContainsRune(f.value, 0):
			return &InvalidError{f.name, f.value, fmt.Sprintf("give at most %d bytes of UTF-8 text", f.most)}
		}
	}
	if u.At.After(now.Add(time.Minute)) {
		return &InvalidError{"at", u.At.Format(time.RFC3339), "lies in the future; record a delivery when it has been made"}
	}
	return nil
}

// Waived lists unlabelled deliveries, newest first; those before the entry of that id, "" for the first page; limit 0 is all.
func (l *Ledger) Waived(ctx context.Context, before string, limit int) ([]Unlabelled, error) {
	where, args := "", []any{}
	if before != "" {
		where, args = ` WHERE (at_ms, id) < (SELECT at_ms, id FROM content_unlabelled WHERE id = $1)`, append(args, before)
	}
	where += ` ORDER BY at_ms DESC, id DESC`
	if limit > 0 {
		where += fmt.Sprintf(` LIMIT %d`, limit)
	}
	rows, err := store.Rows[struct {
		ID        string `db:"id"`
		At        int64  `db:"at_ms"`
		Until     int64  `db:"until_ms"`
		Content   string `db:"content"`
		Exchange  string `db:"exchange"`
		Clause    string `db:"clause"`
		Recipient string `db:"recipient"`
		Purpose   string `db:"purpose"`
		Staff     string `db:"staff"`
		Digest    string `db:"digest"`
	}](ctx, l.db.R, `SELECT id, at_ms, until_ms, content, exchange, clause, recipient, purpose, staff, digest FROM content_unlabelled`+where, args...)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	out := make([]Unlabelled, len(rows))
	for i, r := range rows {
		out[i] = Unlabelled{ID: r.ID, At: time.UnixMilli(r.At).UTC(), Until: time.UnixMilli(r.Until).UTC(), Content: r.Content, Exchange: r.Exchange, Clause: r.Clause,
			Recipient: r.Recipient, Purpose: r.Purpose, Digest: r.Digest}
		if err := json.Unmarshal([]byte(r.Staff), &out[i].By); err != nil {
			return nil, fmt.Errorf("content: what is stored is damaged: %w", err)
		}
	}
	return out, nil
}

// WaivedCount is how many unlabelled deliveries are on record.
func (l *Ledger) WaivedCount(ctx context.Context) (int64, error) {
	n, err := store.Row[int64](ctx, l.db.R, `SELECT COUNT(*) FROM content_unlabelled`)
	if err != nil {
		return 0, fmt.Errorf("content: %w", err)
	}
	return n, nil
}

// Unexplained returns how many items since a moment bear no explicit label though no unlabelled delivery is on record for them, and the ids of the newest, at most 20.
func (l *Ledger) Unexplained(ctx context.Context, since time.Time) (int64, []string, error) {
	const which = ` FROM content_item m WHERE m.explicit = 'none' AND m.at_ms >= $1 AND NOT EXISTS (SELECT 1 FROM content_unlabelled u WHERE u.content = m.id)`
	n, err := store.Row[int64](ctx, l.db.R, `SELECT COUNT(*)`+which, since.UnixMilli())
	if err != nil || n == 0 {
		return 0, nil, err
	}
	ids, err := store.Rows[string](ctx, l.db.R, `SELECT m.id`+which+` ORDER BY m.at_ms DESC, m.id DESC LIMIT 20`, since.UnixMilli())
	return n, ids, err
}

// digestOf is the keyed digest of a whole entry.
func (l *Ledger) digestOf(u Unlabelled) (string, error) {
	u.Digest = ""
	whole, err := json.Marshal(u)
	if err != nil {
		return "", fmt.Errorf("content: %w", err)
	}
	return l.digest("unlabelled", string(whole)), nil
}

// waiver is the body of an event label.waived, as far as it is read again.
type waiver struct {
	ID     string `json:"id"`
	Digest string `json:"digest"`
}

// Verify implements journal.Projection: each unlabelled delivery against its event. What Purge has emptied is not compared.
func (l *Ledger) Verify(ctx context.Context, events []journal.Event) ([]journal.Damage, error) {
	var damaged []journal.Damage
	var rows map[string]Unlabelled // read when the first event asks for them
	for _, e := range events {
		var told waiver
		if e.Verb != journal.LabelWaived || json.Unmarshal(e.Body, &told) != nil {
			continue // the tree has named a damaged event already
		}
		if rows == nil {
			list, err := l.Waived(ctx, "", 0)
			if err != nil {
				return nil, err
			}
			rows = map[string]Unlabelled{}
			for _, u := range list {
				rows[u.ID] = u
			}
		}
		what := "the row is missing"
		if u, ok := rows[told.ID]; ok {
			digest, err := l.digestOf(u)
			if err != nil {
				return nil, err
			}
			what = ""
			if emptied := u.Recipient == "" && u.Purpose == ""; u.Digest != told.Digest || !emptied && digest != told.Digest {
				what = "the delivery is not the one that was recorded"
			}
		}
		if what != "" {
			damaged = append(damaged, journal.Damage{Table: "content_unlabelled", Row: told.ID, What: what})
		}
	}
	return damaged, nil
}

// Altered returns the ids of unlabelled deliveries that are not as the journal has them: changed, gone, or never recorded.
func (l *Ledger) Altered(ctx context.Context) ([]string, error) {
	var bad []string
	told := map[string]bool{}
	for f := (journal.Filter{Verbs: []journal.Verb{journal.LabelWaived}, Limit: 1000}); ; {
		events, err := l.j.Events(ctx, f)
		if err != nil {
			return nil, err
		}
		damaged, err := l.Verify(ctx, events)
		if err != nil {
			return nil, err
		}
		for _, d := range damaged {
			bad = append(bad, d.Row)
		}
		for _, e := range events {
			var w waiver
			if json.Unmarshal(e.Body, &w) == nil {
				told[w.ID] = true
			}
			f.Before = e.ID
		}
		if len(events) < f.Limit {
			break
		}
	}
	list, err := l.Waived(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	for _, u := range list {
		if !told[u.ID] {
			bad = append(bad, u.ID)
		}
	}
	slices.Sort(bad)
	return bad, nil
}
