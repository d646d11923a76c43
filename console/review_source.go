package console

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/review"
	"github.com/hegui/hegui/service"
)

// ReviewSource joins the review register with the registers that it asks. bank may be nil: no questions.
func ReviewSource(exchanges *exchange.Store, services *service.Register, words *lexicon.Workbench, bank func() []review.Question) review.Source {
	if bank == nil {
		bank = func() []review.Question { return nil }
	}
	return review.Source{
		Exchange: func(ctx context.Context, id string) (review.Exchange, error) {
			record, _, err := exchanges.Get(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				return review.Exchange{}, review.ErrUnknownExchange
			}
			return ReviewExchange(record, nil), err
		},
		Read: func(ctx context.Context, who journal.Actor, id, reason string) ([]review.Text, error) {
			content, err := exchanges.Read(ctx, who, id, reason)
			if errors.Is(err, exchange.ErrNoContent) {
				return nil, review.ErrNoContent
			}
			if err != nil {
				return nil, err
			}
			texts := requestTexts(content.Request)
			if out := content.Visible + content.Withheld; out != "" {
				texts = append(texts, review.Text{Direction: "out", Channel: "content", Text: out})
			}
			return texts, nil
		},
		MayTrain: func(id string) bool {
			s, ok := services.Service(id)
			return ok && s.Disclosure.TrainingZH != ""
		},
		Entry: func(ctx context.Context, id string) (moderation.Entry, bool, error) {
			row, err := words.Find(ctx, id)
			if errors.Is(err, lexicon.ErrUnknown) {
				return moderation.Entry{}, false, nil
			}
			return row.Entry, err == nil, err
		},
		Demote: func(ctx context.Context, who journal.Actor, id string, to moderation.Tier) error {
			row, err := words.Find(ctx, id)
			if err != nil {
				return err
			}
			row.Tier = to
			return words.Set(ctx, who, row.Entry)
		},
		Bank:    bank,
		Learner: linearLearner(),
	}
}

// ReviewExchange is a record as the review register looks at it. looked names the detectors that were asked, whether they
// found anything or not; nil when it is not known.
func ReviewExchange(r exchange.Record, looked []string) review.Exchange {
	x := review.Exchange{ID: r.ID, Service: r.Service, Subject: r.User, At: r.At, Verdict: string(r.Verdict), Code: r.Code,
		Answered: r.Output != "", Kept: r.Blob != "", Probe: r.Application == exchange.ProbeApplication, Looked: looked}
	switch r.Verdict {
	case exchange.Refuse, exchange.Stop, exchange.Retract, exchange.Replace, exchange.Guide:
		x.Acted = r.Outcome != exchange.Rejected && r.Outcome != exchange.Broken
	}
	for _, f := range r.Findings {
		x.Findings = append(x.Findings, review.Finding{Direction: f.Where, Channel: f.Channel, Choice: f.Choice, Category: f.Category, Tier: f.Tier,
			Detector: f.Detector, Artefact: f.Artefact, Entry: f.Entry, Score: f.Score, Start: f.Start, End: f.End})
	}
	return x
}

// requestTexts finds what a model read in a kept request, each under the name of the channel that findings use. The newest
// message stands last. A request that was cut is one text.
func requestTexts(request json.RawMessage) []review.Text {
	var v any
	if len(request) == 0 || json.Unmarshal(request, &v) != nil {
		return nil
	}
	if s, ok := v.(string); ok {
		return []review.Text{{Direction: "in", Text: s}}
	}
	top, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	var texts []review.Text
	var walk func(v any, path string, depth int)
	walk = func(v any, path string, depth int) {
		// Channels name three steps; deeper texts stand under the third, as the gateway has it.
		below := func(step string) string {
			if depth > 3 {
				return path
			}
			return path + step
		}
		switch v := v.(type) {
		case string:
			if v != "" {
				texts = append(texts, review.Text{Direction: "in", Channel: path, Text: v})
			}
		case []any:
			for i, x := range v {
				walk(x, below("["+strconv.Itoa(i)+"]"), depth+1)
			}
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				if name == "type" || name == "role" || name == "name" || name == "id" {
					continue
				}
				walk(v[name], below("."+name), depth+1)
			}
		}
	}
	for _, name := range []string{"instructions", "system", "messages", "prompt", "input"} {
		walk(top[name], name, 1)
	}
	return texts
}
