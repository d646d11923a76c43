package exchange

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/hegui/hegui/internal/store"
)

// MaxRefusedTurns bounds the turns that one record names.
const MaxRefusedTurns = 32

type apply func(context.Context, *sql.Tx) error

// inTurn does one after the other; nil ones are left out, and nothing at all is nil.
func inTurn(list ...apply) func(context.Context, *sql.Tx) error {
	var kept []apply
	for _, f := range list {
		if f != nil {
			kept = append(kept, f)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, f := range kept {
			if err := f(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}
}

// refusedTurns makes what a record says was refused findable.
func refusedTurns(r Record) apply {
	if len(r.Turns) == 0 {
		return nil
	}
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, turn := range r.Turns {
			if _, err := tx.ExecContext(ctx, `INSERT INTO exchange_refused_turn (subject, turn, service, at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (subject, turn) DO UPDATE SET at = excluded.at`, r.User, turn, r.Service, r.At.UnixMilli()); err != nil {
				return fmt.Errorf("exchange: refused turn: %w", err)
			}
		}
		return nil
	}
}

// AnyRefusedTurn tells whether anything a subject said was ever refused, as far back as content is kept.
func (s *Store) AnyRefusedTurn(ctx context.Context, subject string) (bool, error) {
	n, err := store.Row[int64](ctx, s.db.R, `SELECT COUNT(*) FROM (SELECT 1 FROM exchange_refused_turn WHERE subject = $1 LIMIT 1) AS any_turn`, subject)
	if err != nil {
		return false, fmt.Errorf("exchange: refused turns: %w", err)
	}
	return n > 0, nil
}

// RefusedTurns tells which of some turns of a subject were refused before, by their commitments.
func (s *Store) RefusedTurns(ctx context.Context, subject string, turns []string) (map[string]bool, error) {
	found := map[string]bool{}
	const batch = 500 // below the databases' limits of arguments
	for len(turns) > 0 {
		some := turns[:min(batch, len(turns))]
		turns = turns[len(some):]
		args, marks := []any{subject}, make([]string, len(some))
		for i, turn := range some {
			args, marks[i] = append(args, turn), fmt.Sprintf("$%d", i+2)
		}
		rows, err := store.Rows[string](ctx, s.db.R, `SELECT turn FROM exchange_refused_turn WHERE subject = $1 AND turn IN (`+strings.Join(marks, ", ")+`)`, args...)
		if err != nil {
			return nil, fmt.Errorf("exchange: refused turns: %w", err)
		}
		for _, turn := range rows {
			found[turn] = true
		}
	}
	return found, nil
}
