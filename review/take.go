package review

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// Take makes a sample of an exchange because a person wants it looked at: what was found on that side (in, out), or its newest text.
// It returns the sample's id, that of the one that exists when the text is one already. ErrNoContent when nothing was kept of it.
func (r *Register) Take(ctx context.Context, who journal.Actor, exchange, direction string) (string, error) {
	if err := needPerson(who); err != nil {
		return "", err
	}
	if direction != "in" && direction != "out" {
		return "", &InvalidError{Field: "direction", Value: direction, Mend: "use in or out"}
	}
	x, err := r.src.Exchange(ctx, exchange)
	if err != nil {
		return "", err
	}
	if !x.Kept || x.Subject == "" {
		return "", ErrNoContent
	}
	at := Finding{Direction: direction}
	for _, f := range x.Findings {
		if f.Direction == direction {
			at = f
			break
		}
	}
	s := sampleAt(x, at, Picked)
	event, insert, err := r.sampled(&s, who)
	if err != nil {
		return "", err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		if gone, err := erased(ctx, tx, s.Subject); err != nil || gone {
			return errors.Join(err, journal.ErrErased)
		}
		return insert(ctx, tx)
	}})
	switch {
	case store.IsUnique(err):
		id, err := store.Row[string](ctx, r.db.R, `SELECT id FROM review_sample WHERE exchange = $1 AND direction = $2 AND channel = $3 AND choice = $4`, s.Exchange, s.Direction, s.Channel, int64(s.Choice))
		if err != nil {
			return "", fmt.Errorf("review: take: %w", err)
		}
		return id, nil
	case errors.Is(err, journal.ErrErased):
		return "", journal.ErrErased
	case err != nil:
		return "", fmt.Errorf("review: take: %w", err)
	}
	return s.ID, nil
}
