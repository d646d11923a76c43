package answers

import (
	"context"
	"encoding/json"

	"github.com/hegui/hegui/journal"
)

// Verify implements journal.Projection: the stored versions against the events that wrote, approved and retired them.
func (r *Register) Verify(ctx context.Context, events []journal.Event) ([]journal.Damage, error) {
	var damaged []journal.Damage
	for _, e := range events {
		if e.Verb != journal.AnswerDrafted && e.Verb != journal.AnswerApproved && e.Verb != journal.AnswerRetired {
			continue
		}
		var body struct {
			Version int    `json:"version"`
			Hash    string `json:"hash"`
		}
		if json.Unmarshal(e.Body, &body) != nil {
			continue // the tree has named it already
		}
		list, err := r.versions(ctx, ` WHERE id = $1 AND n = $2`, e.Ref.ID, body.Version)
		what := ""
		switch {
		case err != nil:
			what = "what is stored is damaged"
		case len(list) == 0:
			what = "the row is missing"
		case list[0].Hash != body.Hash || hashOf(list[0].Answer) != body.Hash:
			what = "the answer is not the one that was written"
		case e.Verb == journal.AnswerDrafted && list[0].Author.ID != e.Who.ID, e.Verb == journal.AnswerApproved && (list[0].Approver.ID != e.Who.ID || list[0].State == Draft),
			e.Verb == journal.AnswerRetired && list[0].State != Retired:
			what = "its state is not what was decided"
		}
		if what != "" {
			damaged = append(damaged, journal.Damage{Table: "answer_version", Row: list0(list, e.Ref.ID), What: what})
		}
	}
	return damaged, nil
}

func list0(list []Version, id string) string {
	if len(list) == 0 {
		return id
	}
	return list[0].Ref()
}
