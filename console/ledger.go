package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
)

// The content ledger: what was made here, and what of it was given without an explicit label.

type ledgerData struct {
	Rows     []content.Item
	Count    int64
	Filter   map[string]string
	Filtered bool
	Query    string
	Next     string
	First    bool
	Services []service.Service
	Media    []string
	Max      int // of a file to find, in MB
	MinText  int
}

func ledgerFilter(q url.Values) (f content.Filter, kept url.Values, err error) {
	kept = url.Values{}
	get := func(k string) string {
		value := strings.TrimSpace(q.Get(k))
		if value != "" {
			kept.Set(k, value)
		}
		return value
	}
	f = content.Filter{Service: get("service"), Medium: get("medium"), Model: get("model"), ID: get("id")}
	if f.From, err = moment("from", get("from"), false); err != nil {
		return f, kept, err
	}
	if f.To, err = moment("to", get("to"), true); err != nil {
		return f, kept, err
	}
	f.Before = strings.TrimSpace(q.Get("before"))
	if n := strings.TrimSpace(q.Get("limit")); n != "" {
		if f.Limit, err = strconv.Atoi(n); err != nil || f.Limit < 1 || f.Limit > 500 {
			return f, kept, invalid("limit", "invalid.limit", n)
		}
	}
	return f, kept, nil
}

func (c *console) ledger(v *visit) error {
	f, kept, err := ledgerFilter(v.r.URL.Query())
	if err != nil {
		return err
	}
	f.Limit = pageSize + 1
	d := ledgerData{Filter: map[string]string{}, Filtered: len(kept) > 0, Query: kept.Encode(), First: f.Before == "", Services: c.Services.Services(), Media: content.Media(),
		Max: maxUpload >> 20, MinText: content.MinText}
	for _, k := range []string{"service", "medium", "model", "id", "from", "to"} {
		d.Filter[k] = kept.Get(k)
	}
	if d.Rows, err = c.Content.List(v.r.Context(), f); err != nil {
		return err
	}
	if len(d.Rows) > pageSize {
		d.Rows = d.Rows[:pageSize]
		d.Next = d.Rows[pageSize-1].ID
	}
	if d.Count, err = c.Content.Count(v.r.Context(), f); err != nil {
		return err
	}
	return c.show(v, "ledger", d)
}

// exportLedger hands out the list as filtered.
func (c *console) exportLedger(v *visit) error {
	f, _, err := ledgerFilter(v.r.URL.Query())
	if err != nil {
		return err
	}
	var all []content.Item
	for f.Before, f.Limit = "", 500; ; f.Before = all[len(all)-1].ID {
		page, err := c.Content.List(v.r.Context(), f)
		if err != nil {
			return err
		}
		all = append(all, page...)
		if len(page) < f.Limit {
			break
		}
	}
	return exportRows(c, v, "hegui-content", all, []any{"id", "at", "exchange", "service", "application", "user", "operation", "model", "medium", "mime", "bytes", "sha256", "sha256_before_labels",
		"perceptual", "explicit", "label"}, func(m content.Item) []any {
		look := ""
		if m.Perceptual != 0 {
			look = strconv.FormatUint(m.Perceptual, 16)
		}
		return []any{m.ID, stampOf(m.At), m.Exchange, m.Service, m.Application, m.Subject, m.Operation, m.Model, m.Medium, m.MIME, m.Bytes, m.Hash, m.Raw, look, m.Explicit, string(m.Label)}
	})
}

type ledgerItemData struct {
	content.Item
	Deliveries []content.Delivery
	Look       string // the perceptual hash, hex
	Name       string // of the user
	Waivable   bool   // the reader may record an unlabelled delivery
}

func (c *console) ledgerItem(v *visit) error {
	m, err := c.Content.ByID(v.r.Context(), v.r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	d := ledgerItemData{Item: m, Waivable: v.staff.Can(operator.ManageUnlabelled)}
	if m.Perceptual != 0 {
		d.Look = strconv.FormatUint(m.Perceptual, 16)
	}
	if m.Subject != "" {
		d.Name = c.userName(v, m.Subject)
	}
	if d.Deliveries, err = c.Content.Deliveries(v.r.Context(), m.ID); err != nil {
		return err
	}
	return c.show(v, "ledgeritem", d)
}

// ledgerFind looks for what is uploaded or pasted.
func (c *console) ledgerFind(v *visit) error {
	q := content.Question{Provider: c.Services.Provider().Code}
	_, data, err := v.upload()
	var none *web.Problem
	switch {
	case err == nil && len(data) > 0:
		q.File = carrier.Bytes(data)
	case err != nil && !errors.As(err, &none): // none chosen is no fault: there may be a text
		return err
	}
	if q.Text = v.r.FormValue("text"); strings.TrimSpace(q.Text) == "" {
		q.Text = ""
	}
	a, err := c.Content.Look(v.r.Context(), q)
	if err != nil {
		return err
	}
	return c.show(v, "ledgerfind", a)
}

type unlabelledData struct {
	List    []content.Unlabelled
	Count   int64
	Next    string
	First   bool
	Can     bool
	Name    map[string]string
	Months  int
	Altered []string
	Form    map[string]string // as typed
	Problem string            // why it was not taken
}

func (c *console) unlabelled(v *visit) error {
	return c.showUnlabelled(v, http.StatusOK, unlabelledData{Form: map[string]string{"content": v.r.URL.Query().Get("content")}})
}

var unlabelledFields = []string{"content", "exchange", "clause", "recipient", "purpose", "at"}

func (c *console) showUnlabelled(v *visit, status int, d unlabelledData) (err error) {
	ctx, before := v.r.Context(), v.r.URL.Query().Get("before")
	d.First, d.Can = before == "", v.staff.Can(operator.ManageUnlabelled)
	for _, name := range unlabelledFields {
		d.Form[name] += ""
	}
	if d.List, err = c.Content.Waived(ctx, before, pageSize+1); err != nil {
		return err
	}
	if len(d.List) > pageSize {
		d.List = d.List[:pageSize]
		d.Next = d.List[pageSize-1].ID
	}
	if d.Count, err = c.Content.WaivedCount(ctx); err != nil {
		return err
	}
	if d.Altered, err = c.Content.Altered(ctx); err != nil {
		return err
	}
	if d.Months, err = content.KeepMonths(); err != nil {
		return err
	}
	if d.Name, err = c.staffNames(v); err != nil {
		return err
	}
	return c.site.Render(v.w, v.r, status, "unlabelled", v.frame, d)
}

// addUnlabelled records a delivery; what cannot be taken is shown again with the reason, so that nothing typed is lost.
func (c *console) addUnlabelled(v *visit) error {
	form := map[string]string{}
	for _, name := range unlabelledFields {
		form[name] = strings.TrimSpace(v.r.FormValue(name))
	}
	u := content.Unlabelled{Content: form["content"], Exchange: form["exchange"], Clause: form["clause"], Recipient: form["recipient"], Purpose: form["purpose"]}
	var err error
	if u.At, err = moment("at", form["at"], false); err == nil {
		u, err = c.Content.Waive(v.r.Context(), v.staff.Actor(), u)
	}
	var bad *content.InvalidError
	if errors.As(err, &bad) {
		return c.showUnlabelled(v, http.StatusBadRequest, unlabelledData{Form: form, Problem: c.site.Catalogue().T(v.lang, "invalid.field", bad.Field, bad.Mend)})
	}
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.unlabelled", u.Content)
	c.site.Redirect(v.w, v.r, "/unlabelled")
	return nil
}

func (c *console) exportUnlabelled(v *visit) error {
	list, err := c.Content.Waived(v.r.Context(), "", 0)
	if err != nil {
		return err
	}
	return exportRows(c, v, "hegui-unlabelled", list, []any{"id", "at", "kept_until_at_least", "content", "exchange", "clause", "recipient", "purpose", "recorded_by", "digest"}, func(u content.Unlabelled) []any {
		return []any{u.ID, stampOf(u.At), stampOf(u.Until), u.Content, u.Exchange, u.Clause, u.Recipient, u.Purpose, u.By.Kind + ":" + u.By.ID, u.Digest}
	})
}

// ledgerRefusal words what the ledger refuses; nil for other errors.
func ledgerRefusal(err error) error {
	var bad *content.InvalidError
	switch {
	case errors.As(err, &bad):
		return &web.Problem{Status: http.StatusBadRequest, Field: bad.Field, Key: "invalid.field", Args: []any{bad.Field, bad.Mend}, Err: err}
	case errors.Is(err, content.ErrUnknown):
		return &web.Problem{Status: http.StatusNotFound, Key: "ledger.unknown", Err: err}
	}
	return nil
}

// What the API of the ledger reads and writes.
type (
	contentsAnswer struct {
		Count    int64          `json:"count"` // of all that match, whatever the limit
		Contents []content.Item `json:"contents"`
	}
	contentAnswer struct {
		Content    content.Item       `json:"content"`
		Deliveries []content.Delivery `json:"deliveries"`
	}
	unlabelledAnswer struct {
		Count      int                  `json:"count"`
		Deliveries []content.Unlabelled `json:"deliveries"`
	}
	unlabelledBody struct {
		Content   string `json:"content"`
		Exchange  string `json:"exchange"` // may be empty when the ledger has the content
		Clause    string `json:"clause"`
		Recipient string `json:"recipient"`
		Purpose   string `json:"purpose"`
		At        string `json:"at"` // date or time, UTC+8 unless it says otherwise; empty: now
	}
)

// ledgerOperations describes the ledger's part of the API.
func ledgerOperations() []web.Operation {
	return []web.Operation{
		{Method: "GET", Path: "/api/v1/contents", Summary: "List what was generated, newest first", Query: [][2]string{{"service", "id of a service"}, {"medium", "image, audio, video, document, text"}, {"model", "as asked for"},
			{"id", "content ID or exchange"}, {"from", "date or time"}, {"to", "end"}, {"before", "content ID, for paging"}, {"limit", "1 to 500, 50 when empty"}}, Answer: contentsAnswer{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/contents/{id}", Summary: "One content with its newest deliveries", Answer: contentAnswer{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/unlabelled", Summary: "List deliveries without an explicit label, newest first", Answer: unlabelledAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/unlabelled", Summary: "Record a delivery without an explicit label", Body: unlabelledBody{}, Answer: content.Unlabelled{}, Status: http.StatusCreated},
	}
}

func (c *console) apiLedger(v *visit) error {
	f, _, err := ledgerFilter(v.r.URL.Query())
	if err != nil {
		return err
	}
	a := contentsAnswer{Contents: []content.Item{}}
	list, err := c.Content.List(v.r.Context(), f)
	if err != nil {
		return err
	}
	a.Contents = append(a.Contents, list...)
	if a.Count, err = c.Content.Count(v.r.Context(), f); err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, a)
}

func (c *console) apiLedgerItem(v *visit) error {
	m, err := c.Content.ByID(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	a := contentAnswer{Content: m, Deliveries: []content.Delivery{}}
	list, err := c.Content.Deliveries(v.r.Context(), m.ID)
	if err != nil {
		return err
	}
	a.Deliveries = append(a.Deliveries, list...)
	return web.JSON(v.w, http.StatusOK, a)
}

func (c *console) apiUnlabelled(v *visit) error {
	a := unlabelledAnswer{Deliveries: []content.Unlabelled{}}
	list, err := c.Content.Waived(v.r.Context(), "", 0)
	if err != nil {
		return err
	}
	a.Deliveries = append(a.Deliveries, list...)
	a.Count = len(a.Deliveries)
	return web.JSON(v.w, http.StatusOK, a)
}

func (c *console) apiAddUnlabelled(v *visit) error {
	var in unlabelledBody
	if err := decode(v, &in); err != nil {
		return err
	}
	at, err := moment("at", in.At, false)
	if err != nil {
		return err
	}
	u, err := c.Content.Waive(v.r.Context(), v.staff.Actor(), content.Unlabelled{Content: in.Content, Exchange: in.Exchange, Clause: in.Clause, Recipient: in.Recipient, Purpose: in.Purpose, At: at})
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusCreated, u)
}
