package content

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// Forget erases a user from the ledger: the pseudonym, the digests of texts and the kept bytes go, in one transaction with an event. The ids stay, with
// hash and look of files, so that "made here" can be answered; they say nothing about anybody. A subject that the ledger does not have is no error.
func (l *Ledger) Forget(ctx context.Context, subject string) error {
	if subject == "" {
		return nil
	}
	n, err := store.Row[int64](ctx, l.db.R, `SELECT (SELECT COUNT(*) FROM content_item WHERE subject = $1) + (SELECT COUNT(*) FROM content_job WHERE subject = $2)`, subject, subject)
	if err != nil || n == 0 {
		return err
	}
	body, err := json.Marshal(map[string]any{"count": n})
	if err != nil {
		return fmt.Errorf("content: forget: %w", err)
	}
	_, err = l.j.Commit(ctx, journal.Write{
		Events: []journal.Event{{Who: journal.Actor{Kind: "system", ID: "content"}, Verb: journal.ContentErased, Ref: journal.Ref{Kind: "user", ID: subject}, Body: body}},
		Apply: func(ctx context.Context, tx *sql.Tx) error {
			for _, q := range []string{`DELETE FROM content_text WHERE id IN (SELECT id FROM content_item WHERE subject = $1)`,
				`DELETE FROM content_kept WHERE id IN (SELECT id FROM content_item WHERE subject = $1)`, `UPDATE content_item SET subject = '' WHERE subject = $1`, `UPDATE content_job SET subject = '' WHERE subject = $1`} {
				if _, err := tx.ExecContext(ctx, q, subject); err != nil {
					return err
				}
			}
			return nil
		}})
	if err != nil {
		return fmt.Errorf("content: forget: %w", err)
	}
	return nil
}

// Purge deletes kept bytes whose time is over, forgets users who have been erased while an exchange of theirs was running, and empties the recipients of
// unlabelled deliveries that need be kept no longer and whose user has been erased. It returns how many contents lost their kept bytes. A job calls it.
func (l *Ledger) Purge(ctx context.Context) (int64, error) {
	subjects, err := store.Rows[string](ctx, l.db.R, `SELECT subject FROM (SELECT subject FROM content_item UNION SELECT subject FROM content_job) AS known WHERE subject <> '' AND subject IN (SELECT subject FROM subject_key WHERE destroyed_at > 0)`)
	if err != nil {
		return 0, fmt.Errorf("content: purge: %w", err)
	}
	for _, subject := range subjects {
		if err := l.Forget(ctx, subject); err != nil {
			return 0, err
		}
	}
	now := l.now()
	due, err := store.Row[int64](ctx, l.db.R, `SELECT COUNT(*) FROM content_kept WHERE expires_ms <= $1`, now.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("content: purge: %w", err)
	}
	over, err := store.Row[int64](ctx, l.db.R, `SELECT COUNT(*) FROM content_unlabelled WHERE until_ms <= $1 AND recipient <> '' AND content IN (SELECT id FROM content_item WHERE subject = '')`, now.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("content: purge: %w", err)
	}
	w := journal.Write{Apply: func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM content_kept WHERE expires_ms <= $1`, now.UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE content_unlabelled SET recipient = '', purpose = '' WHERE until_ms <= $1 AND content IN (SELECT id FROM content_item WHERE subject = '')`, now.UnixMilli())
		return err
	}}
	if due > 0 {
		body, err := json.Marshal(map[string]any{"kept_until": now.UTC().Truncate(time.Millisecond), "count": due})
		if err != nil {
			return 0, fmt.Errorf("content: purge: %w", err)
		}
		w.Events = []journal.Event{{Who: journal.Actor{Kind: "system", ID: "retention"}, Verb: journal.ContentPurged, Ref: journal.Ref{Kind: "register", ID: "content"}, Body: body}}
	}
	if due+over == 0 {
		return 0, nil
	}
	if _, err := l.j.Commit(ctx, w); err != nil {
		return 0, fmt.Errorf("content: purge: %w", err)
	}
	return due, nil
}
