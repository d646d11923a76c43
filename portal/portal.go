// Package portal is the public site: what the service is, its agreement, and later complaints and requests (Art 10, 11, 15).
package portal

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/yuin/goldmark"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/review"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/users"
)

// Options of New; all required unless said.
type Options struct {
	Services *service.Register
	Users    *users.Register
	Reviews  *review.Register // takes disputes; nil: there are none, and their pages do not exist
	Content  *content.Ledger  // answers what was made here; nil: its page does not exist
	Base     string           // path the portal is mounted under, "" for the root
	Log      *slog.Logger
	Now      func() time.Time // time.Now when nil
}

//go:embed templates i18n
var files embed.FS

type portal struct {
	Options
	site   *web.Site
	mux    *http.ServeMux
	checks counter
}

// viewer is what every page knows: whose portal it is, and whether contents can be checked.
type viewer struct {
	service.Provider
	Check bool
}

func (p *portal) frame() web.Frame {
	provider := p.Services.Provider()
	return web.Frame{Sample: provider.Sample, Viewer: viewer{provider, p.Content != nil}}
}

type visit struct {
	w     http.ResponseWriter
	r     *http.Request
	lang  web.Lang
	frame web.Frame
}

// New returns the portal's handler. Paths: / (services), /services/{id} (About this service), /services/{id}/agreement,
// /accept?t=ticket (GET shows the text, POST accepts), /dispute?exchange=id (GET shows the form, POST takes it),
// /dispute/status?receipt=code, /check (GET asks by id, POST by id, file or text), /healthz, and the same by API below /api/v1/. It fails when a
// template or a text is missing.
func New(o Options) (http.Handler, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Services == nil || o.Users == nil || o.Log == nil {
		return nil, errors.New("portal: Services, Users and Log are required")
	}
	site, err := web.New(web.Options{Name: "portal", Base: o.Base, Files: files, Log: o.Log, Now: o.Now,
		Views: []string{"index", "about", "agreement", "accept", "accepted", "dispute", "disputed", "standing", "check"}, MaxBody: checkBodies})
	if err != nil {
		return nil, err
	}
	p := &portal{Options: o, site: site, mux: http.NewServeMux()}
	for _, rt := range routes {
		p.mux.HandleFunc(rt.method+" "+rt.path, p.open(rt))
	}
	p.mux.HandleFunc("/", p.stray)
	return site.Handler(p.mux), nil
}

func (p *portal) open(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{w: w, r: r, lang: web.ChooseLang(r), frame: p.frame()}
		if err := rt.serve(p, v); err != nil {
			p.site.Fail(w, r, v.frame, err)
		}
	}
}

// stray answers what no route does: another method is 405, everything else 404.
func (p *portal) stray(w http.ResponseWriter, r *http.Request) {
	frame := p.frame()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := p.mux.Handler(other); pattern != "/" && method != r.Method {
			w.Header().Set("Allow", method)
			p.site.Fail(w, r, frame, &web.Problem{Status: http.StatusMethodNotAllowed})
			return
		}
	}
	p.site.Fail(w, r, frame, &web.Problem{Status: http.StatusNotFound})
}

func (p *portal) show(v *visit, view string, data any) error {
	return p.site.Render(v.w, v.r, http.StatusOK, view, v.frame, data)
}

func (p *portal) healthz(v *visit) error {
	return web.JSON(v.w, http.StatusOK, map[string]string{"status": "ok"})
}

func (p *portal) index(v *visit) error {
	return p.show(v, "index", p.Services.Services())
}

// aboutData is what Article 10 and the filing practice of Article 17 ask to publish.
type aboutData struct {
	service.Service
	Provider service.Provider
	Models   []service.Model
	Text     *service.Text // in force, nil when none
}

func (p *portal) aboutData(v *visit) (aboutData, error) {
	s, ok := p.Services.Service(v.r.PathValue("id"))
	if !ok {
		return aboutData{}, &web.Problem{Status: http.StatusNotFound, Key: "about.unknown", Args: []any{v.r.PathValue("id")}}
	}
	d := aboutData{Service: s, Provider: p.Services.Provider()}
	seen := map[string]bool{}
	for _, rt := range s.Models {
		if m, ok := p.Services.Model(rt.Model); ok && !seen[m.ID] {
			seen[m.ID] = true
			d.Models = append(d.Models, m)
		}
	}
	if s.Agreement != "" {
		t, err := p.Services.Text(v.r.Context(), s.Agreement)
		if err != nil {
			return d, err
		}
		d.Text = &t
	}
	return d, nil
}

func (p *portal) about(v *visit) error {
	d, err := p.aboutData(v)
	if err != nil {
		return err
	}
	return p.show(v, "about", d)
}

type agreementData struct {
	Service  service.Service
	Text     *service.Text // nil when the service has none
	HTML     template.HTML
	Versions []service.Text
	InForce  bool
}

// agreement shows the version in force, or the one asked for by number or id.
func (p *portal) agreement(v *visit) error {
	ctx, want := v.r.Context(), v.r.URL.Query().Get("version")
	s, ok := p.Services.Service(v.r.PathValue("id"))
	if !ok {
		return &web.Problem{Status: http.StatusNotFound, Key: "about.unknown", Args: []any{v.r.PathValue("id")}}
	}
	versions, err := p.Services.Texts(ctx, s.ID)
	if err != nil {
		return err
	}
	d := agreementData{Service: s, Versions: versions}
	for i := range versions {
		if t := &versions[i]; (want == "" && t.ID == s.Agreement) || (want != "" && (t.ID == want || t.Number == want)) {
			d.Text, d.InForce = t, t.ID == s.Agreement
			break
		}
	}
	if d.Text == nil && want != "" {
		return &web.Problem{Status: http.StatusNotFound, Key: "agreement.unknown", Args: []any{want}}
	}
	if d.Text != nil {
		if d.HTML, err = markdown(v.lang.Pick(d.Text.ZH, d.Text.EN)); err != nil {
			return err
		}
	}
	return p.show(v, "agreement", d)
}

// markdown renders a text. Raw HTML in it is left out and links with scripts are emptied (goldmark's defaults), so the
// result may stand in a page as it is.
func markdown(text string) (template.HTML, error) {
	var b bytes.Buffer
	if err := goldmark.Convert([]byte(text), &b); err != nil {
		return "", fmt.Errorf("portal: agreement: %w", err)
	}
	return template.HTML(b.String()), nil
}

type acceptData struct {
	agreementData
	Ticket   string
	User     users.User
	Already  bool      // this version has been accepted
	At       time.Time // when
	Outdated bool      // a newer version is in force than the ticket names
}

// ticket reads a ticket and what it is about.
func (p *portal) ticket(v *visit, token string) (acceptData, error) {
	ctx := v.r.Context()
	subject, textID, err := p.Users.Redeem(token, p.Now())
	switch {
	case errors.Is(err, users.ErrTicketExpired):
		return acceptData{}, &web.Problem{Status: http.StatusGone, Key: "accept.expired", Err: err}
	case err != nil:
		return acceptData{}, &web.Problem{Status: http.StatusBadRequest, Key: "accept.forged", Field: "ticket", Err: err}
	}
	u, err := p.Users.Get(ctx, subject)
	if errors.Is(err, users.ErrUnknown) || (err == nil && u.Standing == users.Erased) {
		return acceptData{}, &web.Problem{Status: http.StatusGone, Key: "accept.erased", Err: err}
	}
	if err != nil {
		return acceptData{}, err
	}
	text, err := p.Services.Text(ctx, textID)
	if errors.Is(err, service.ErrUnknownText) {
		return acceptData{}, &web.Problem{Status: http.StatusGone, Key: "accept.expired", Err: err}
	}
	if err != nil {
		return acceptData{}, err
	}
	s, ok := p.Services.Service(text.Service)
	if !ok {
		return acceptData{}, &web.Problem{Status: http.StatusGone, Key: "accept.no_service"}
	}
	d := acceptData{Ticket: token, User: u, Already: u.Accepted == text.ID, At: u.AcceptedAt}
	d.Service = s
	if s.Agreement != "" && s.Agreement != text.ID {
		// What is accepted is what is in force now; the ticket only says who.
		if text, err = p.Services.Text(ctx, s.Agreement); err != nil {
			return acceptData{}, err
		}
		d.Outdated, d.Already = true, u.Accepted == text.ID
	}
	d.Text, d.InForce = &text, text.ID == s.Agreement
	d.HTML, err = markdown(v.lang.Pick(text.ZH, text.EN))
	return d, err
}

func (p *portal) acceptPage(v *visit) error {
	d, err := p.ticket(v, v.r.URL.Query().Get("t"))
	if err != nil {
		return err
	}
	return p.show(v, "accept", d)
}

// take records the acceptance of the text that was shown; a text that changed meanwhile is not accepted unread.
func (p *portal) take(v *visit, token, shown, channel string) (acceptData, error) {
	d, err := p.ticket(v, token)
	if err != nil {
		return d, err
	}
	if shown != "" && shown != d.Text.ID {
		return d, &web.Problem{Status: http.StatusConflict, Key: "accept.changed", Field: "text"}
	}
	if d.Already {
		return d, nil
	}
	address := v.r.RemoteAddr
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	err = p.Users.Accept(v.r.Context(), journal.Actor{Kind: "user", ID: d.User.Subject}, d.User.Subject,
		users.Acceptance{Text: d.Text.ID, At: p.Now(), Channel: channel, Address: address})
	if errors.Is(err, users.ErrErased) {
		return d, &web.Problem{Status: http.StatusGone, Key: "accept.erased", Err: err}
	}
	if err != nil {
		return d, err
	}
	if d.User, err = p.Users.Get(v.r.Context(), d.User.Subject); err != nil {
		return d, err
	}
	d.At = d.User.AcceptedAt
	return d, nil
}

func (p *portal) accept(v *visit) error {
	d, err := p.take(v, v.r.FormValue("t"), v.r.FormValue("text"), "portal")
	if err != nil {
		return err
	}
	return p.show(v, "accepted", d)
}
