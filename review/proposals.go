package review

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

// Proposal asks two persons to demote an entry. Nothing changes until both have said so; then the entry stands with its new
// tier in the lexicon's draft, whose own gate decides about publishing.
type Proposal struct {
	ID       string          `json:"id"`
	Entry    string          `json:"entry"`
	Tier     moderation.Tier `json:"tier"`
	Becomes  moderation.Tier `json:"becomes"`
	State    string          `json:"state"` // open, seconded, applied, declined
	At       time.Time       `json:"at"`
	Overturn Share           `json:"overturn"` // users whose hits were judged, and overturned, when it was made
	Samples  int             `json:"samples"`
	Seconded journal.Actor   `json:"seconded,omitzero"` // the first person for it
	Decided  journal.Actor   `json:"decided,omitzero"`  // who approved or declined
	On       time.Time       `json:"on,omitzero"`       // when; absent before
	Note     string          `json:"note"`
}

type proposalRow struct {
	ID      string `db:"id"`
	Entry   string `db:"entry"`
	Tier    string `db:"tier"`
	Becomes string `db:"becomes"`
	State   string `db:"state"`
	About   string `db:"about"`
	AtMS    int64  `db:"at_ms"`
}

func (row proposalRow) proposal() (Proposal, error) {
	var p Proposal
	if err := json.Unmarshal([]byte(row.About), &p); err != nil {
		return p, fmt.Errorf("review: proposal %s is damaged: %w", row.ID, err)
	}
	p.ID, p.Entry, p.Tier, p.Becomes, p.State, p.At = row.ID, row.Entry, moderation.Tier(row.Tier), moderation.Tier(row.Becomes), row.State, time.UnixMilli(row.AtMS).UTC()
	return p, nil
}

const selectProposal = `SELECT id, entry, tier, becomes, state, about, at_ms FROM review_proposal`

// Proposals lists them, newest first.
func (r *Register) Proposals(ctx context.Context) ([]Proposal, error) {
	rows, err := store.Rows[proposalRow](ctx, r.db.R, selectProposal+` ORDER BY id DESC`)
	if err != nil {
		return nil, fmt.Errorf("review: proposals: %w", err)
	}
	out := make([]Proposal, len(rows))
	for i, row := range rows {
		if out[i], err = row.proposal(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *Register) proposal(ctx context.Context, id string) (Proposal, error) {
	row, err := store.Row[proposalRow](ctx, r.db.R, selectProposal+` WHERE id = $1`, id)
	if errors.Is(err, store.ErrNotFound) {
		return Proposal{}, fmt.Errorf("%w: proposal %q", ErrUnknown, id)
	}
	if err != nil {
		return Proposal{}, fmt.Errorf("review: proposal: %w", err)
	}
	return row.proposal()
}

// propose writes a proposal for every entry whose figures ask for one and that has none. After one was decided, as many
// users again must have been judged before the next.
func (r *Register) propose(ctx context.Context) error {
	samples, _, err := r.judged(ctx)
	if err != nil {
		return err
	}
	var earlier []Proposal
	for _, rate := range ratesOf(samples) {
		if !rate.due() {
			continue
		}
		if earlier == nil {
			if earlier, err = r.Proposals(ctx); err != nil {
				return err
			}
		}
		if !news(rate, earlier) {
			continue
		}
		entry, ok, err := r.src.Entry(ctx, rate.ID)
		if err != nil {
			return err
		}
		if !ok || entry.Allow || string(entry.Tier) != rate.Tier {
			continue // it is gone, or stands otherwise in the draft already
		}
		if err := r.write(ctx, rate); err != nil {
			return err
		}
	}
	return nil
}

// news tells whether a rate says more than the proposals that were made of it before.
func news(rate Rate, earlier []Proposal) bool {
	for _, p := range earlier {
		if p.Entry == rate.ID && string(p.Tier) == rate.Tier && (p.State == "open" || p.State == "seconded" || rate.Overturn.Of < p.Overturn.Of+MinReviewed) {
			return false
		}
	}
	return true
}

func (r *Register) write(ctx context.Context, rate Rate) error {
	p := Proposal{ID: store.NewID(), Entry: rate.ID, Tier: moderation.Tier(rate.Tier), Becomes: lower(moderation.Tier(rate.Tier)), State: "open",
		At: r.clock(), Overturn: rate.Overturn, Samples: rate.Samples}
	about, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	event, err := r.event(journal.Actor{Kind: "system", ID: "review"}, journal.ReviewProposed, "entry", p.Entry, p.At,
		map[string]any{"proposal": p.ID, "tier": p.Tier, "becomes": p.Becomes, "overturn": p.Overturn})
	if err != nil {
		return err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO review_proposal (id, entry, tier, becomes, state, about, at_ms, event) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			p.ID, p.Entry, string(p.Tier), string(p.Becomes), p.State, string(about), p.At.UnixMilli(), event.ID)
		return err
	}})
	if err != nil && !store.IsUnique(err) { // another process has just proposed the same
		return fmt.Errorf("review: propose: %w", err)
	}
	return nil
}

// Second is the first person's word for a proposal.
func (r *Register) Second(ctx context.Context, who journal.Actor, id, note string) error {
	return r.settleProposal(ctx, who, id, note, "open", "seconded")
}

// Approve is the second person's: the entry goes into the lexicon's draft with its new tier.
func (r *Register) Approve(ctx context.Context, who journal.Actor, id, note string) error {
	return r.settleProposal(ctx, who, id, note, "seconded", "applied")
}

// Decline ends a proposal; one person may, for it leaves everything as it is. A note must say why.
func (r *Register) Decline(ctx context.Context, who journal.Actor, id, note string) error {
	if note == "" {
		return &InvalidError{Field: "note", Mend: "say why the entry stays as it is"}
	}
	return r.settleProposal(ctx, who, id, note, "", "declined")
}

func (r *Register) settleProposal(ctx context.Context, who journal.Actor, id, note, from, to string) error {
	if err := errors.Join(needPerson(who), checkNote(note)); err != nil {
		return err
	}
	p, err := r.proposal(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case from == "" && (p.State == "open" || p.State == "seconded"):
		from = p.State
	case p.State != from:
		return ErrState
	case to == "applied" && p.Seconded.ID == who.ID:
		return ErrSamePerson
	}
	now := r.clock()
	switch to {
	case "seconded":
		p.Seconded = who
	case "applied":
		entry, ok, err := r.src.Entry(ctx, p.Entry)
		if err != nil {
			return err
		}
		if !ok || entry.Tier != p.Tier && entry.Tier != p.Becomes {
			return ErrState // somebody has changed the entry meanwhile
		}
		// The draft first: should the rest fail, the entry stands in a draft that people still look at, and this can be tried again.
		if err := r.src.Demote(ctx, who, p.Entry, p.Becomes); err != nil {
			return err
		}
		p.Decided, p.On = who, now
	default:
		p.Decided, p.On = who, now
	}
	if note != "" {
		p.Note = note
	}
	p.State = to
	about, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("review: %w", err)
	}
	event, err := r.event(who, journal.ReviewSettled, "entry", p.Entry, now, map[string]any{"proposal": id, "state": to, "tier": p.Tier, "becomes": p.Becomes})
	if err != nil {
		return err
	}
	_, err = r.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, `UPDATE review_proposal SET state = $1, about = $2, event = $3 WHERE id = $4 AND state = $5`, to, string(about), event.ID, id, from))
	}})
	if err != nil && !errors.Is(err, ErrState) {
		return fmt.Errorf("review: proposal: %w", err)
	}
	return err
}
