package emergency

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/hegui/hegui/journal"
)

// Verify implements journal.Projection: each stored measure against the newest event about it.
func (r *Register) Verify(ctx context.Context, events []journal.Event) ([]journal.Damage, error) {
	seen := map[string]bool{}
	var damaged []journal.Damage
	for _, e := range events {
		switch e.Verb {
		case journal.EmergencyDeclared, journal.EmergencySigned, journal.EmergencyLapsed, journal.EmergencyEnded:
		default:
			continue
		}
		id := e.Ref.ID
		if seen[id] {
			continue
		}
		seen[id] = true
		newest, err := r.j.Events(ctx, journal.Filter{Ref: journal.Ref{Kind: "emergency", ID: id}, Limit: 1})
		if err != nil {
			return nil, err
		}
		var said Measure
		if len(newest) == 0 || json.Unmarshal(newest[0].Body, &said) != nil {
			continue // the tree has named it already
		}
		m, err := r.Find(ctx, id)
		what := ""
		switch {
		case errors.Is(err, ErrUnknown):
			what = "the row is missing"
		case err != nil:
			what = "what is stored is damaged"
		default:
			stored, err := json.Marshal(m.told())
			if err != nil {
				return nil, err
			}
			recorded, err := json.Marshal(said)
			if err != nil {
				return nil, err
			}
			if string(stored) != string(recorded) {
				what = "the measure is not the one that was declared, signed or lifted"
			}
		}
		if what != "" {
			damaged = append(damaged, journal.Damage{Table: "emergency_measure", Row: id, What: what})
		}
	}
	return damaged, nil
}
