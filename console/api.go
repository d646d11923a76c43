package console

import (
	"net/http"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/obligation"
	"github.com/hegui/hegui/service"
)

// What the API reads and writes. The same types make the OpenAPI document, so the two cannot differ.
type (
	exchangesAnswer struct {
		Count     int64             `json:"count"` // of all that match, whatever the limit
		Exchanges []exchange.Record `json:"exchanges"`
	}
	exchangeAnswer struct {
		Exchange     exchange.Record `json:"exchange"`
		Journal      leafAnswer      `json:"journal"`       // its closing event
		ContentReads int             `json:"content_reads"` // how often staff have opened its content
	}
	leafAnswer struct {
		Log string `json:"log"`
		Seq int64  `json:"seq"`
	}
	reasonBody struct {
		Reason string `json:"reason"`
	}
	obligationsAnswer struct {
		Total       int                       `json:"total"`
		Count       int                       `json:"count"`
		Counts      map[obligation.Status]int `json:"counts"` // of all, by status
		Obligations []obligation.Result       `json:"obligations"`
	}
	eventsAnswer struct {
		Count  int64           `json:"count"`
		Events []journal.Event `json:"events"`
	}
	keysAnswer struct {
		Count int           `json:"count"`
		Keys  []service.Key `json:"keys"`
	}
	keyBody struct {
		Service     string `json:"service"`
		Application string `json:"application"`
		Contract    string `json:"contract"`
		Expires     string `json:"expires"` // a date or a time; empty: never
	}
	keyAnswer struct {
		Key    service.Key `json:"key"`
		Secret string      `json:"secret"` // told this once
	}
	revokeBody struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
	}
	idAnswer struct {
		ID string `json:"id"`
	}
)

// operations describes every route below /api/v1/; a test holds it and the table of routes together.
func operations() []web.Operation {
	exchangeQuery := [][2]string{{"service", "id of a service"}, {"application", "name of an application"}, {"user", "pseudonym of a user, or the name an application calls one"}, {"model", "as asked for"},
		{"verdict", "allow, mask, guide, refuse, stop, retract, replace"}, {"outcome", "complete, client_left, upstream_error, truncated, rejected, broken"},
		{"category", "risk id or kind of personal information of a finding"}, {"label", "text, ui, none"}, {"content_id", "the label's ProduceID"},
		{"from", "date or time, UTC+8 unless it says otherwise"}, {"to", "end; a bare date is included"}, {"before", "exchange id, for paging"}, {"limit", "1 to 500, 50 when empty"}}
	place := [][2]string{{"log", "name of the tree"}, {"seq", "place of the event in it"}}
	return append([]web.Operation{
		{Method: "GET", Path: "/api/v1/exchanges", Summary: "List exchanges, newest first", Query: exchangeQuery, Answer: exchangesAnswer{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/exchanges/{id}", Summary: "One exchange, without content", Answer: exchangeAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/exchanges/{id}/content", Summary: "Open an exchange's content for a reason, which is recorded", Body: reasonBody{}, Answer: exchange.Content{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/obligations", Summary: "All duties with their status, computed now", Query: [][2]string{{"status", "only this status"}, {"article", "only this article"}, {"duty", "only this duty"}}, Answer: obligationsAnswer{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/events", Summary: "List events of the journal, newest first", Query: [][2]string{{"log", "name of a tree"}, {"verb", "what happened"}, {"kind", "kind of object"}, {"id", "id of the object"}, {"from", "date or time"}, {"to", "end"}, {"before", "event id, for paging"}, {"limit", "1 to 1000, 100 when empty"}}, Answer: eventsAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/policy/try", Summary: "What a policy would change; nothing is put in force", Body: policyBody{}, Answer: lexicon.Trial{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/proof", Summary: "Inclusion proof of one event, with its signed checkpoint", Query: place, Answer: journal.Proof{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/verify", Summary: "Re-read and recompute everything", Answer: journal.Report{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/keys", Summary: "List keys; secrets are not kept", Answer: keysAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/keys", Summary: "Issue a key", Body: keyBody{}, Answer: keyAnswer{}, Status: http.StatusCreated},
		{Method: "POST", Path: "/api/v1/keys/revoke", Summary: "Revoke a key for a reason", Body: revokeBody{}, Answer: idAnswer{}, Status: http.StatusOK},
	}, append(lexiconOperations(), append(reviewOperations(), append(classifierOperations(), ledgerOperations()...)...)...)...)
}

// openAPI serves the document of the API.
func (c *console) openAPI(v *visit) error {
	doc, err := web.Document{Title: "hegui console", Base: c.Base, Session: sessionCookie, Operations: operations()}.OpenAPI()
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	_, _ = v.w.Write(doc) // the client has gone; there is nobody to tell
	return nil
}
