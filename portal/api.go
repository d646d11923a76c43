package portal

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/review"
	"github.com/hegui/hegui/service"
)

// publicService is what the API tells about a service: the page, as data.
type publicService struct {
	ID         string             `json:"id"`
	NameZH     string             `json:"name_zh"`
	NameEN     string             `json:"name_en"`
	Sample     bool               `json:"sample"`
	Provider   publicProvider     `json:"provider"`
	Disclosure service.Disclosure `json:"disclosure"`
	Models     []publicModel      `json:"models"`
	Label      string             `json:"label"`
	Agreement  *publicText        `json:"agreement"` // null when none is in force
}

type publicProvider struct {
	NameZH  string `json:"name_zh"`
	NameEN  string `json:"name_en"`
	USCC    string `json:"uscc"`
	Contact string `json:"contact"`
}

type publicModel struct {
	NameZH    string `json:"name_zh"`
	NameEN    string `json:"name_en"`
	Vendor    string `json:"vendor"`
	FilingNo  string `json:"filing_no"`
	FilingURL string `json:"filing_url"`
	Sample    bool   `json:"sample"`
}

type publicText struct {
	ID        string    `json:"id"`
	Number    string    `json:"number"`
	Effective time.Time `json:"effective"`
	ZH        string    `json:"zh"`
	EN        string    `json:"en"`
}

type servicesAnswer struct {
	Services []serviceLine `json:"services"`
}

type serviceLine struct {
	ID     string `json:"id"`
	NameZH string `json:"name_zh"`
	NameEN string `json:"name_en"`
}

type acceptBody struct {
	Ticket string `json:"ticket"`
	Text   string `json:"text"` // id of the text that the user read; empty: the one in force
}

type acceptAnswer struct {
	User       string    `json:"user"`
	Service    string    `json:"service"`
	Text       string    `json:"text"`
	Number     string    `json:"number"`
	AcceptedAt time.Time `json:"accepted_at,omitzero"`
	Already    bool      `json:"already"` // it had been accepted before
}

// openAPI serves the document of the API, made from the types above.
func (p *portal) openAPI(v *visit) error {
	doc, err := web.Document{Title: "hegui portal", Base: p.Base, Operations: []web.Operation{
		{Method: "GET", Path: "/api/v1/services", Summary: "List the services", Answer: servicesAnswer{}, Status: http.StatusOK},
		{Method: "GET", Path: "/api/v1/services/{id}", Summary: "What Article 10 asks to publish about a service", Answer: publicService{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/accept", Summary: "Accept the agreement for the user of a ticket", Body: acceptBody{}, Answer: acceptAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/disputes", Summary: "Dispute what was refused for its content in an exchange", Body: disputeBody{}, Answer: disputeAnswer{}, Status: http.StatusCreated},
		{Method: "GET", Path: "/api/v1/disputes/{receipt}", Summary: "How a dispute stands", Answer: review.Standing{}, Status: http.StatusOK},
		{Method: "POST", Path: "/api/v1/check", Summary: "Whether content was made here: by its id, its text, or a file of at most 20 MB", Body: checkBody{}, File: "file", Answer: checkAnswer{}, Status: http.StatusOK},
	}}.OpenAPI()
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	_, _ = v.w.Write(doc) // the client has gone; there is nobody to tell
	return nil
}

func (p *portal) apiServices(v *visit) error {
	lines := []serviceLine{}
	for _, s := range p.Services.Services() {
		lines = append(lines, serviceLine{s.ID, s.NameZH, s.NameEN})
	}
	return web.JSON(v.w, http.StatusOK, servicesAnswer{lines})
}

func (p *portal) apiService(v *visit) error {
	d, err := p.aboutData(v)
	if err != nil {
		return err
	}
	out := publicService{ID: d.ID, NameZH: d.NameZH, NameEN: d.NameEN, Sample: d.Provider.Sample, Disclosure: d.Disclosure, Label: string(d.Label),
		Provider: publicProvider{d.Provider.NameZH, d.Provider.NameEN, d.Provider.USCC, d.Provider.Contact}, Models: []publicModel{}}
	for _, m := range d.Models {
		out.Models = append(out.Models, publicModel{m.NameZH, m.NameEN, m.Vendor, m.FilingNo, m.FilingURL, m.Sample})
	}
	if d.Text != nil {
		out.Agreement = &publicText{d.Text.ID, d.Text.Number, d.Text.Effective, d.Text.ZH, d.Text.EN}
	}
	return web.JSON(v.w, http.StatusOK, out)
}

// apiAccept accepts for the user of a ticket. An application that shows the text itself sends its id along as text.
func (p *portal) apiAccept(v *visit) error {
	var in acceptBody
	if err := decode(v, &in, "accept.json"); err != nil {
		return err
	}
	d, err := p.take(v, in.Ticket, in.Text, "api")
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, acceptAnswer{d.User.Subject, d.Service.ID, d.Text.ID, d.Text.Number, d.At.UTC(), d.Already})
}

// decode reads a JSON body strictly; key words what is wrong with one.
func decode(v *visit, into any, key string) error {
	dec := json.NewDecoder(v.r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return err
		}
		return &web.Problem{Status: http.StatusBadRequest, Key: key, Args: []any{err.Error()}}
	}
	return nil
}
