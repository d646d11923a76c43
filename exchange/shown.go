package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// Shown is what an application says it did with a text that it had only sent to be judged (a detached exchange). hegui cannot
// see that; it records the word of the application.
type Shown struct {
	Characters int64 `json:"characters"` // of the text, from its beginning
	Labelled   bool  `json:"labelled"`   // with the explicit label (GB 45438-2025)
	Within     bool  `json:"within"`     // no more than it had been told it may show
}

// ErrAcknowledged says that something else has been acknowledged before.
var ErrAcknowledged = errors.New("exchange: it has been acknowledged already, with something else")

type shownRow struct {
	Characters int64 `db:"shown"`
	Labelled   bool  `db:"labelled"`
	Within     bool  `db:"whole"`
}

// Acknowledge records what was shown of a detached exchange. The same twice is one; another is ErrAcknowledged.
func (s *Store) Acknowledge(ctx context.Context, r Record, shown Shown, at time.Time) error {
	body, err := json.Marshal(shown)
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	_, err = s.j.Commit(ctx, journal.Write{
		Events:  []journal.Event{{Who: journal.Actor{Kind: "application", ID: r.Application}, Verb: journal.ExchangeShown, Ref: journal.Ref{Kind: "exchange", ID: r.ID}, Body: body}},
		Inserts: []journal.Insert{{Into: s.shown, Args: []any{r.ID, at.UnixMilli(), r.Service, shown.Characters, shown.Labelled, shown.Within, s.j.Origin(), journal.SeqOf(0)}}},
	})
	if err == nil {
		return nil
	}
	if !store.IsUnique(err) {
		return fmt.Errorf("exchange: acknowledge: %w", err)
	}
	before, err := store.Row[shownRow](ctx, s.db.R, `SELECT shown, labelled, whole FROM exchange_shown WHERE id = $1`, r.ID)
	if err != nil {
		return fmt.Errorf("exchange: acknowledge: %w", err)
	}
	if Shown(before) != shown {
		return ErrAcknowledged
	}
	return nil
}

// Detached sums the exchanges in which hegui only judged an answer that the application shows itself.
type Detached struct {
	Answers  int64 `db:"answers" json:"answers"`   // of which something may have been shown
	Shown    int64 `db:"shown" json:"shown"`       // acknowledged: no more was shown than might be
	Labelled int64 `db:"labelled" json:"labelled"` // of those, acknowledged as labelled
	Beyond   int64 `db:"beyond" json:"beyond"`     // acknowledged: more was shown than might be
	Inputs   int64 `db:"inputs" json:"inputs"`     // inputs judged
}

// detached computes the sums for the exchanges that a where clause selects.
func (s *Store) detached(ctx context.Context, where string, args []any) (Detached, error) {
	n := func(condition string) string { return "COUNT(CASE WHEN " + condition + " THEN 1 END)" }
	answer := "x.operation = '" + ScreenOut + "' AND x.outcome <> 'rejected' AND x.verdict <> 'refuse'"
	d, err := store.Row[Detached](ctx, s.db.R, `SELECT `+n(answer)+` AS answers, `+n(answer+" AND a.whole")+` AS shown, `+
		n(answer+" AND a.whole AND a.labelled")+` AS labelled, `+n("NOT a.whole")+` AS beyond, `+
		n("x.operation = '"+ScreenIn+"' AND x.outcome <> 'rejected'")+` AS inputs
		FROM exchange x LEFT JOIN exchange_shown a ON a.id = x.id`+where, args...)
	if err != nil {
		return Detached{}, fmt.Errorf("exchange: detached: %w", err)
	}
	return d, nil
}
