package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// Replayed says how much of the kept content a Replay went through.
type Replayed struct {
	Opened  int
	Skipped int // erased or damaged
}

// Replay opens the kept content of the newest limit exchanges that f selects, for a program and not for a person's eyes:
// a shadow run of a new lexicon. One event tells who read how many for what reason, before anything is opened. Exchanges
// without kept content do not count. An error of each ends it.
func (s *Store) Replay(ctx context.Context, who journal.Actor, reason string, f Filter, limit int, each func(Record, Content) error) (Replayed, error) {
	var n Replayed
	if strings.TrimSpace(reason) == "" {
		return n, errors.New("exchange: reading content needs a reason")
	}
	body, err := json.Marshal(map[string]any{"reason": reason, "limit": limit})
	if err != nil {
		return n, fmt.Errorf("exchange: %w", err)
	}
	recorded := false
	keys := map[string]*journal.SubjectKey{}
	f.Limit = 500
	for n.Opened+n.Skipped < limit {
		page, err := s.List(ctx, f)
		if err != nil {
			return n, err
		}
		for _, r := range page {
			if n.Opened+n.Skipped == limit {
				break
			}
			if r.Blob == "" {
				continue
			}
			sealed, err := store.Row[[]byte](ctx, s.db.R, `SELECT sealed FROM exchange_content WHERE id = $1`, r.ID)
			if errors.Is(err, store.ErrNotFound) {
				continue // past its retention
			}
			if err != nil {
				return n, fmt.Errorf("exchange: content of %s: %w", r.ID, err)
			}
			if !recorded {
				if _, err := s.j.Commit(ctx, journal.Write{Events: []journal.Event{{Who: who, Verb: journal.ContentRead,
					Ref: journal.Ref{Kind: "exchanges", ID: r.ID}, Body: body}}}); err != nil {
					return n, fmt.Errorf("exchange: the reading could not be recorded, so nothing is opened: %w", err)
				}
				recorded = true
			}
			key, known := keys[r.User]
			if !known {
				if key, err = s.vault.Subject(ctx, r.User); err != nil && !errors.Is(err, journal.ErrErased) {
					return n, err
				}
				keys[r.User] = key
			}
			c, err := unseal(key, r.ID, sealed)
			if err != nil {
				n.Skipped++
				continue
			}
			n.Opened++
			if err := each(r, c); err != nil {
				return n, err
			}
		}
		if len(page) < f.Limit {
			break
		}
		f.Before = page[len(page)-1].ID
	}
	return n, nil
}

// unseal opens sealed content; a nil key is an erased user's.
func unseal(key *journal.SubjectKey, id string, sealed []byte) (Content, error) {
	if key == nil {
		return Content{}, journal.ErrErased
	}
	plain, err := key.Open(nil, sealed, aad(id))
	if err != nil {
		return Content{}, err
	}
	var kept struct {
		Request json.RawMessage `json:"request"`
		Texts   [2]string       `json:"texts"`
	}
	if err := json.Unmarshal(plain, &kept); err != nil {
		return Content{}, fmt.Errorf("exchange: content of %s: %w", id, err)
	}
	return Content{Request: kept.Request, Visible: kept.Texts[0], Withheld: kept.Texts[1]}, nil
}
