package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/review"
)

// What the API of reviews reads and writes.
type (
	samplesAnswer struct {
		Count   int             `json:"count"`
		Samples []review.Sample `json:"samples"`
	}
	sampleTextAnswer struct {
		Text  string `json:"text"`
		Words string `json:"words"` // what the user wrote in disputing it
	}
	decisionBody struct {
		Verdict review.Verdict `json:"verdict"` // right, over_blocked, missed, wrong_category
		Labels  []string       `json:"labels"`  // risks that the text has
		Note    string         `json:"note"`
	}
	ratesBody struct {
		Service string      `json:"service"`
		Rates   ratesChange `json:"rates"`
	}
	// ratesChange is what is to be other than it is: a rate that is left out stays as it stands.
	ratesChange struct {
		Random       *float64 `json:"random,omitempty"`
		Disagreement *float64 `json:"disagreement,omitempty"`
		Threshold    *float64 `json:"threshold,omitempty"`
		At           *float64 `json:"at,omitempty"`
		Near         *float64 `json:"near,omitempty"`
	}
	disputesAnswer struct {
		Count    int              `json:"count"`
		Disputes []review.Dispute `json:"disputes"`
	}
	proposalsAnswer struct {
		Count     int               `json:"count"`
		Proposals []review.Proposal `json:"proposals"`
	}
	proposalBody struct {
		ID   string `json:"id"`
		Note string `json:"note"`
	}
)

// reviewOperations describes the reviews' part of the API.
func reviewOperations() []web.Operation {
	const base = "/api/v1/review"
	return []web.Operation{
		{Method: "GET", Path: base, Summary: "Figures of the last 90 days: queue, reviewers, agreement, overturn rates", Answer: review.Figures{}, Status: http.StatusOK},
		{Method: "GET", Path: base + "/samples", Summary: "List samples: disputes first, then the oldest first", Query: [][2]string{{"service", "id of a service"}, {"reason", "dispute, disagreement, threshold, random, picked"}, {"state", "open (when empty), waiting, counted, all"}}, Answer: samplesAnswer{}, Status: http.StatusOK},
		{Method: "GET", Path: base + "/samples/{id}", Summary: "One sample with its decisions, without content", Answer: review.Sample{}, Status: http.StatusOK},
		{Method: "POST", Path: base + "/samples/{id}/content", Summary: "Open a sample's text for a reason, which is recorded", Body: reasonBody{}, Answer: sampleTextAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: base + "/samples/{id}/decisions", Summary: "Judge a sample", Body: decisionBody{}, Answer: review.Sample{}, Status: http.StatusOK},
		{Method: "POST", Path: base + "/rates", Summary: "Declare how much of a service is drawn; rates that are left out stay as they stand", Body: ratesBody{}, Answer: review.Rates{}, Status: http.StatusOK},
		{Method: "GET", Path: base + "/proposals", Summary: "Proposed demotions of lexicon entries, newest first", Answer: proposalsAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: base + "/proposals/second", Summary: "Be the first person for a proposal", Body: proposalBody{}, Answer: proposalsAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: base + "/proposals/approve", Summary: "Be the second person: the entry goes into the lexicon's draft", Body: proposalBody{}, Answer: proposalsAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: base + "/proposals/decline", Summary: "Decline a proposal for a reason", Body: proposalBody{}, Answer: proposalsAnswer{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/disputes", Summary: "List disputes of the last 90 days, newest first", Answer: disputesAnswer{}, Status: http.StatusOK},
	}
}

func (c *console) apiReview(v *visit) error {
	f, err := c.Reviews.Figures(v.r.Context())
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, f)
}

func (c *console) apiSamples(v *visit) error {
	f, err := reviewFilter(v)
	if err != nil {
		return err
	}
	list, err := c.Reviews.Samples(v.r.Context(), f)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, samplesAnswer{len(list), notNil(list)})
}

// notNil makes an empty list of none, for JSON.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (c *console) apiSample(v *visit) error {
	s, err := c.Reviews.Sample(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, s)
}

func (c *console) apiSampleContent(v *visit) error {
	var in reasonBody
	if err := decode(v, &in); err != nil {
		return err
	}
	if strings.TrimSpace(in.Reason) == "" {
		return invalid("reason", "content.reason_missing")
	}
	s, text, err := c.Reviews.Open(v.r.Context(), v.staff.Actor(), v.r.PathValue("id"), strings.TrimSpace(in.Reason))
	if errors.Is(err, journal.ErrErased) {
		return &web.Problem{Status: http.StatusGone, Key: "content.erased", Err: err}
	}
	if err != nil {
		return err
	}
	words, err := c.Reviews.Words(v.r.Context(), s)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, sampleTextAnswer{text, words})
}

func (c *console) apiDecide(v *visit) error {
	var in decisionBody
	if err := decode(v, &in); err != nil {
		return err
	}
	s, err := c.Reviews.Decide(v.r.Context(), v.staff.Actor(), v.r.PathValue("id"), review.Decision{Verdict: in.Verdict, Labels: in.Labels, Note: in.Note})
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, s)
}

func (c *console) apiRates(v *visit) error {
	var in ratesBody
	if err := decode(v, &in); err != nil {
		return err
	}
	if _, ok := c.Services.Service(in.Service); !ok {
		return invalid("service", "invalid.field", "service", in.Service)
	}
	rates, err := c.Reviews.Rates(v.r.Context(), in.Service)
	if err != nil {
		return err
	}
	for _, f := range []struct{ to, given *float64 }{{&rates.Random, in.Rates.Random}, {&rates.Disagreement, in.Rates.Disagreement},
		{&rates.Threshold, in.Rates.Threshold}, {&rates.At, in.Rates.At}, {&rates.Near, in.Rates.Near}} {
		if f.given != nil {
			*f.to = *f.given
		}
	}
	if err := c.Reviews.SetRates(v.r.Context(), v.staff.Actor(), in.Service, rates); err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, rates)
}

func (c *console) apiDisputes(v *visit) error {
	list, err := c.Reviews.Disputes(v.r.Context())
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, disputesAnswer{len(list), notNil(list)})
}

func (c *console) apiProposals(v *visit) error { return c.answerProposals(v, nil) }

func (c *console) answerProposals(v *visit, err error) error {
	if err != nil {
		return err
	}
	list, err := c.Reviews.Proposals(v.r.Context())
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, proposalsAnswer{len(list), notNil(list)})
}

func (c *console) apiSecond(v *visit) error {
	var in proposalBody
	if err := decode(v, &in); err != nil {
		return err
	}
	return c.answerProposals(v, c.Reviews.Second(v.r.Context(), v.staff.Actor(), in.ID, in.Note))
}

func (c *console) apiApproveProposal(v *visit) error {
	var in proposalBody
	if err := decode(v, &in); err != nil {
		return err
	}
	return c.answerProposals(v, c.Reviews.Approve(v.r.Context(), v.staff.Actor(), in.ID, in.Note))
}

func (c *console) apiDecline(v *visit) error {
	var in proposalBody
	if err := decode(v, &in); err != nil {
		return err
	}
	return c.answerProposals(v, c.Reviews.Decline(v.r.Context(), v.staff.Actor(), in.ID, in.Note))
}
