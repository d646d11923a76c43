package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/users"
)

var (
	verdicts   = []exchange.Verdict{exchange.Allow, exchange.Mask, exchange.Guide, exchange.Refuse, exchange.Stop, exchange.Retract, exchange.Replace, exchange.UpstreamRefused}
	outcomes   = []exchange.Outcome{exchange.Complete, exchange.ClientLeft, exchange.UpstreamError, exchange.Truncated, exchange.Incomplete, exchange.Rejected, exchange.Broken}
	labels     = []string{"text", "file", "ui", "none"}
	filterKeys = []string{"service", "application", "user", "model", "verdict", "outcome", "category", "label", "content_id", "from", "to"}
)

// exchangeFilter reads the filter of a request; pages, exports and API share it, so that they always show the same rows.
// The user may be a pseudonym or a name; note says in the reader's language why the rows of a name cannot be had, and such
// a filter matches none.
func (c *console) exchangeFilter(v *visit) (f exchange.Filter, note string, err error) {
	if f, err = readFilter(v.r.URL.Query()); err != nil || f.User == "" {
		return f, "", err
	}
	_, err = c.Users.Get(v.r.Context(), f.User)
	if !errors.Is(err, users.ErrUnknown) {
		return f, "", err
	}
	var subjects []string
	for _, s := range c.Services.Services() {
		if f.Service != "" && f.Service != s.ID {
			continue
		}
		switch u, err := c.Users.Lookup(v.r.Context(), s.ID, f.User); {
		case err == nil:
			subjects = append(subjects, u.Subject)
		case !errors.Is(err, users.ErrUnknown):
			return f, "", err
		}
	}
	switch len(subjects) {
	case 0:
		return f, c.site.Catalogue().T(v.lang, "exchanges.no_user", f.User), nil
	case 1:
		f.User = subjects[0]
		return f, "", nil
	}
	return f, c.site.Catalogue().T(v.lang, "exchanges.many_users", f.User), nil
}

func readFilter(q url.Values) (exchange.Filter, error) {
	get := func(k string) string { return strings.TrimSpace(q.Get(k)) }
	f := exchange.Filter{Service: get("service"), Application: get("application"), User: get("user"), Model: get("model"),
		Verdict: exchange.Verdict(get("verdict")), Outcome: exchange.Outcome(get("outcome")), Category: get("category"),
		Label: get("label"), ContentID: get("content_id"), Before: get("before")}
	if f.Verdict != "" && !slices.Contains(verdicts, f.Verdict) {
		return f, invalid("verdict", "invalid.verdict", string(f.Verdict))
	}
	if f.Outcome != "" && !slices.Contains(outcomes, f.Outcome) {
		return f, invalid("outcome", "invalid.outcome", string(f.Outcome))
	}
	if f.Label != "" && !slices.Contains(labels, f.Label) {
		return f, invalid("label", "invalid.label", f.Label)
	}
	var err error
	if f.From, err = moment("from", get("from"), false); err != nil {
		return f, err
	}
	if f.To, err = moment("to", get("to"), true); err != nil {
		return f, err
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return f, invalid("to", "invalid.range")
	}
	if n := get("limit"); n != "" {
		if f.Limit, err = strconv.Atoi(n); err != nil || f.Limit < 1 || f.Limit > 500 {
			return f, invalid("limit", "invalid.limit", n)
		}
	}
	return f, nil
}

// moment reads a date or a time, in China's zone unless it names one. A bare date as the end means the end of that day.
func moment(field, s string, end bool) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation("2006-01-02", s, web.China); err == nil {
		if end {
			t = t.AddDate(0, 0, 1)
		}
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, s, web.China); err == nil {
			return t, nil
		}
	}
	return time.Time{}, invalid(field, "invalid.time", s)
}

type exchangesData struct {
	Rows     []exchange.Record
	Count    int64
	Filter   map[string]string
	Filtered bool
	Note     string // why no user is meant by what was typed
	Query    string // the filter as a query, without paging
	Next     string // id to page on from, "" on the last page
	First    bool
	Services []service.Service
	Models   []string
	Risks    []measures.Risk
	Kinds    []string // of personal information, which findings name beside risks
	Verdicts []exchange.Verdict
	Outcomes []exchange.Outcome
	Labels   []string
	People   map[string]string // names by pseudonym
}

const pageSize = 50

func (c *console) exchanges(v *visit) error {
	ctx, q := v.r.Context(), v.r.URL.Query()
	f, note, err := c.exchangeFilter(v)
	if err != nil {
		return err
	}
	f.Limit = pageSize + 1 // one more tells whether there is a next page
	rows, err := c.Exchanges.List(ctx, f)
	if err != nil {
		return err
	}
	d := exchangesData{First: f.Before == "", Note: note, Filter: map[string]string{}, Services: c.Services.Services(), Verdicts: verdicts, Outcomes: outcomes,
		Labels: labels, Kinds: personalKinds, Risks: measures.Risks(), People: map[string]string{}}
	if len(rows) > pageSize {
		rows = rows[:pageSize]
		d.Next = rows[pageSize-1].ID
	}
	d.Rows = rows
	if d.Count, err = c.Exchanges.Count(ctx, f); err != nil {
		return err
	}
	kept := url.Values{}
	for _, k := range filterKeys {
		d.Filter[k] = strings.TrimSpace(q.Get(k))
		if d.Filter[k] != "" {
			kept.Set(k, d.Filter[k])
			d.Filtered = true
		}
	}
	d.Query = kept.Encode()
	for _, s := range d.Services {
		for _, m := range s.Models {
			if !slices.Contains(d.Models, m.Name) {
				d.Models = append(d.Models, m.Name)
			}
		}
	}
	for _, row := range rows {
		if _, done := d.People[row.User]; !done && row.User != "" {
			d.People[row.User] = c.userName(v, row.User)
		}
	}
	return c.show(v, "exchanges", d)
}

// personalKinds are the categories under which the privacy guard records its findings.
var personalKinds = []string{"resident_id", "mobile", "bank_card", "email"}

// userName is what the application calls a user; a user who cannot be found is shown by the pseudonym alone.
func (c *console) userName(v *visit, subject string) string {
	u, err := c.Users.Get(v.r.Context(), subject)
	if err != nil {
		return ""
	}
	return u.Name
}

// each calls fn for every record of a filter, page by page, so that an export never holds the whole table in memory.
func (c *console) each(v *visit, f exchange.Filter, fn func(exchange.Record) error) error {
	f.Limit = 500
	for {
		rows, err := c.Exchanges.List(v.r.Context(), f)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := fn(r); err != nil {
				return err
			}
		}
		if len(rows) < f.Limit {
			return nil
		}
		f.Before = rows[len(rows)-1].ID
	}
}

// exportExchanges hands out the list as filtered: CSV for people, JSON lines for programs. Neither holds content.
func (c *console) exportExchanges(v *visit) error {
	f, _, err := c.exchangeFilter(v)
	if err != nil {
		return err
	}
	f.Before = ""
	name := "hegui-exchanges-" + c.Now().In(web.China).Format("20060102-1504")
	switch format := v.r.URL.Query().Get("format"); format {
	case "jsonl":
		web.Attachment(v.w, "application/x-ndjson", name+".jsonl")
		enc := json.NewEncoder(v.w)
		err = c.each(v, f, func(r exchange.Record) error { return enc.Encode(r) })
	case "csv":
		web.Attachment(v.w, "text/csv; charset=utf-8", name+".csv")
		s := newSheet(v.w)
		s.row("id", "at", "ended", "content_id", "service", "application", "user", "operation", "model", "stream", "verdict", "outcome",
			"code", "reason", "label", "findings", "categories", "checked_in", "checked_out", "checked_privacy", "route", "answered", "tries", "first_ms")
		err = c.each(v, f, func(r exchange.Record) error {
			s.row(r.ID, stampOf(r.At), stampOf(r.Ended), r.ContentID, r.Service, r.Application, r.User, r.Operation, r.Model, r.Stream,
				string(r.Verdict), string(r.Outcome), r.Code, r.Reason, r.Label, r.Total, strings.Join(categories(r), " "), r.Checked.In, r.Checked.Out,
				r.Checked.Privacy, r.Route, r.Answered, r.Tries, r.FirstMS)
			return nil
		})
		if err == nil {
			err = s.flush()
		}
	default:
		return invalid("format", "invalid.format", format)
	}
	if err != nil {
		// Part of the file has left; tearing the connection is the only way to say that it is not whole.
		c.Log.ErrorContext(v.r.Context(), "export broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

func categories(r exchange.Record) []string {
	var out []string
	for _, f := range r.Findings {
		if !slices.Contains(out, f.Category) {
			out = append(out, f.Category)
		}
	}
	return out
}

type exchangeData struct {
	exchange.Record
	Place      place
	Name       string // of the user
	Reads      []reading
	Content    *exchange.Content
	Request    []message
	Erased     bool
	Gone       bool // kept once, deleted when its time was over
	CanRead    bool
	Producer   string
	Categories []string
	Missing    string // reason text to correct
}

// place is where the closing event stands in the journal, and what checking its proof said.
type place struct {
	Log     string
	Seq     int64
	Size    int64
	Hashes  int
	Proved  bool
	Problem string
}

// reading is one earlier look at the content.
type reading struct {
	At     time.Time
	Who    string
	Reason string
}

// message is one turn of a request's conversation, as far as it can be shown as text.
type message struct{ Role, Text string }

func (c *console) exchange(v *visit) error {
	d, err := c.exchangeData(v, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.show(v, "exchange", d)
}

func (c *console) exchangeData(v *visit, id string) (exchangeData, error) {
	ctx := v.r.Context()
	record, closing, err := c.Exchanges.Get(ctx, id)
	if err != nil {
		return exchangeData{}, err
	}
	d := exchangeData{Record: record, CanRead: v.staff.Can(operator.ReadContent), Producer: c.Services.Provider().Code, Categories: categories(record)}
	if record.User != "" {
		d.Name = c.userName(v, record.User)
	}
	d.Place.Log, d.Place.Seq = closing.Log, closing.Seq
	if p, err := c.prove(v, closing.Log, closing.Seq); err != nil {
		d.Place.Problem = err.Error()
	} else {
		d.Place.Proved, d.Place.Size, d.Place.Hashes = true, p.Size, len(p.Hashes)
	}
	d.Reads, err = c.readings(v, id)
	if u, uerr := c.Users.Get(ctx, record.User); uerr == nil && u.Standing == "erased" {
		d.Erased = true
	}
	return d, err
}

// readings lists who has opened the content before, and why.
func (c *console) readings(v *visit, id string) ([]reading, error) {
	events, err := c.Journal.Events(v.r.Context(), journal.Filter{Verbs: []journal.Verb{journal.ContentRead}, Ref: journal.Ref{Kind: "exchange", ID: id}})
	if err != nil {
		return nil, err
	}
	staff, err := c.Staff.List(v.r.Context())
	if err != nil {
		return nil, err
	}
	var out []reading
	for _, e := range events {
		var body struct {
			Reason string `json:"reason"`
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return nil, fmt.Errorf("console: body of event %s: %w", e.ID, err)
		}
		who := e.Who.ID
		for _, s := range staff {
			if s.ID == e.Who.ID {
				who = s.Name
			}
		}
		out = append(out, reading{e.At, who, body.Reason})
	}
	return out, nil
}

// readContent opens the content for a reason, which the exchange register records with the reader before it answers.
func (c *console) readContent(v *visit) error {
	id, reason := v.r.PathValue("id"), strings.TrimSpace(v.r.FormValue("reason"))
	if reason == "" {
		d, err := c.exchangeData(v, id)
		if err != nil {
			return err
		}
		d.Missing = c.site.Catalogue().T(v.lang, "content.reason_missing")
		return c.site.Render(v.w, v.r, http.StatusBadRequest, "exchange", v.frame, d)
	}
	content, err := c.Exchanges.Read(v.r.Context(), v.staff.Actor(), id, reason)
	erased, gone := errors.Is(err, journal.ErrErased), errors.Is(err, exchange.ErrNoContent)
	if err != nil && !erased && !gone {
		return err
	}
	d, err := c.exchangeData(v, id)
	if err != nil {
		return err
	}
	d.Gone = gone
	if d.Erased = d.Erased || erased; !erased && !gone {
		d.Content = &content
		d.Request = messages(content.Request)
	}
	return c.show(v, "exchange", d)
}

// messages takes the turns out of a chat or completion request; anything else is left to be shown as JSON.
func messages(raw json.RawMessage) []message {
	var req struct {
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		Prompt json.RawMessage `json:"prompt"`
		Input  json.RawMessage `json:"input"`
	}
	if json.Unmarshal(raw, &req) != nil {
		return nil
	}
	var out []message
	for _, m := range req.Messages {
		out = append(out, message{m.Role, textOf(m.Content)})
	}
	for _, raw := range []json.RawMessage{req.Prompt, req.Input} {
		if len(raw) > 0 {
			out = append(out, message{"user", textOf(raw)})
		}
	}
	return out
}

// textOf reads a string, a list of strings or a list of content parts; what is none of these stays JSON.
func textOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil {
		return string(raw)
	}
	var texts []string
	for _, p := range parts {
		var part struct {
			Text *string `json:"text"`
		}
		if json.Unmarshal(p, &s) == nil {
			texts = append(texts, s)
		} else if json.Unmarshal(p, &part) == nil && part.Text != nil {
			texts = append(texts, *part.Text)
		} else {
			texts = append(texts, string(p))
		}
	}
	return strings.Join(texts, "\n")
}

func (c *console) apiExchanges(v *visit) error {
	f, _, err := c.exchangeFilter(v)
	if err != nil {
		return err
	}
	rows, err := c.Exchanges.List(v.r.Context(), f)
	if err != nil {
		return err
	}
	count, err := c.Exchanges.Count(v.r.Context(), f)
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []exchange.Record{}
	}
	return web.JSON(v.w, http.StatusOK, exchangesAnswer{count, rows})
}

func (c *console) apiExchange(v *visit) error {
	record, closing, err := c.Exchanges.Get(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	reads, err := c.readings(v, record.ID)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, exchangeAnswer{record, leafAnswer{closing.Log, closing.Seq}, len(reads)})
}

func (c *console) apiContent(v *visit) error {
	var in reasonBody
	if err := decode(v, &in); err != nil {
		return err
	}
	if strings.TrimSpace(in.Reason) == "" {
		return invalid("reason", "content.reason_missing")
	}
	content, err := c.Exchanges.Read(v.r.Context(), v.staff.Actor(), v.r.PathValue("id"), strings.TrimSpace(in.Reason))
	if errors.Is(err, journal.ErrErased) {
		return &web.Problem{Status: http.StatusGone, Key: "content.erased", Err: err}
	}
	if errors.Is(err, exchange.ErrNoContent) {
		return &web.Problem{Status: http.StatusGone, Key: "content.gone", Err: err}
	}
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, content)
}

// decode reads a JSON body strictly.
func decode(v *visit, into any) error {
	dec := json.NewDecoder(v.r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return err
		}
		return invalid("", "invalid.json", err.Error())
	}
	return nil
}
