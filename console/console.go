// Package console is the operators' site and its API. Everything a page shows is computed when it is asked for; every
// number opens the rows behind it. The pages work without JavaScript.
package console

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/hegui/hegui/answers"
	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/emergency"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/obligation"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
	"github.com/hegui/hegui/users"
)

// Options of New; all required unless said.
type Options struct {
	Journal    *journal.Journal
	Verifier   note.Verifier // of the journal's checkpoints; the console shows a proof only after checking it
	Exchanges  *exchange.Store
	Services   *service.Register
	Users      *users.Register
	Staff      *operator.Register
	Lexicon    func() *moderation.Lexicon
	Words      *lexicon.Workbench                  // the lexicon register
	Answers    *answers.Register                   // approved answers
	Policy     func() *moderation.Policy           // the one in force; nil, or nil from it: this process serves none
	Emergency  *emergency.Register                 // what is stricter for a time
	Content    *content.Ledger                     // what was made here
	Functions  *function.Register                  // what was decided about functions, and what interfaces attest
	Reviews    *review.Register                    // samples, disputes, trained classifiers
	Serves     func() (version int, failed string) // the register's version that this process serves with, and why not a newer one
	Health     func() []upstream.Health
	Detectors  func(context.Context) (DetectorsNow, error)                 // nil: none are configured
	Material   func(context.Context) (int, error)                          // of a demonstration: puts judged sample texts there; nil: no demonstration
	Findings   func(context.Context) []obligation.Result                   // computed now
	VerifyAll  func(context.Context) (journal.Report, error)               // re-reads journal and registers; nil: journal and exchanges
	Gateway    http.Handler                                                // Try it talks to the gateway's own handler, in process, with a real key
	TryKey     func(ctx context.Context, serviceID string) (string, error) // secret of the key that Try it uses for a service
	GatewayURL func() string
	PortalURL  func() string
	Base       string // path the console is mounted under, "" for the root
	Log        *slog.Logger
	Now        func() time.Time // time.Now when nil
}

//go:embed templates i18n static
var files embed.FS

var views = []string{"login", "link", "today", "exchanges", "exchange", "try", "obligations", "evidence", "event", "verify",
	"lexicon", "lexiconentries", "lexiconentry", "lexiconimport", "lexicondraft", "lexiconversions", "lexiconversion",
	"policy", "policytry", "answers", "answer", "review", "sample", "disputes", "classifier", "detectors",
	"ledger", "ledgeritem", "ledgerfind", "unlabelled", "functions",
	"settings", "keys", "users", "staff", "me"}

// console is the open site.
type console struct {
	Options
	site *web.Site
	mux  *http.ServeMux

	filling sync.Mutex // held while sample material is put there
}

// New returns the console's handler. It fails when a template, a text or an option is missing.
func New(o Options) (http.Handler, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	for name, missing := range map[string]bool{"Journal": o.Journal == nil, "Verifier": o.Verifier == nil, "Exchanges": o.Exchanges == nil,
		"Services": o.Services == nil, "Users": o.Users == nil, "Staff": o.Staff == nil, "Lexicon": o.Lexicon == nil, "Words": o.Words == nil, "Reviews": o.Reviews == nil, "Content": o.Content == nil, "Serves": o.Serves == nil, "Health": o.Health == nil,
		"Findings": o.Findings == nil, "Gateway": o.Gateway == nil, "TryKey": o.TryKey == nil, "GatewayURL": o.GatewayURL == nil,
		"PortalURL": o.PortalURL == nil, "Log": o.Log == nil} {
		if missing {
			return nil, fmt.Errorf("console: option %s is missing", name)
		}
	}
	c := &console{Options: o}
	site, err := web.New(web.Options{Name: "console", Base: o.Base, Files: files, Views: views, Log: o.Log, Now: o.Now,
		Funcs: c.funcs(), MaxBody: maxBody})
	if err != nil {
		return nil, err
	}
	c.site = site
	c.mux = http.NewServeMux()
	c.mux.HandleFunc("/", c.stray)
	for _, rt := range routes {
		c.mux.HandleFunc(rt.method+" "+rt.path, c.guarded(rt))
	}
	return site.Handler(c.mux), nil
}

const sessionCookie = "hegui_session"

// visit is one request of somebody, known or not.
type visit struct {
	w     http.ResponseWriter
	r     *http.Request
	lang  web.Lang
	staff operator.Staff // zero when nobody has logged in
	token string
	frame web.Frame
}

// viewer is what the frame of every page knows of who is looking.
type viewer struct {
	operator.Staff
	Role operator.Role
	Nav  []entry
}

// entry is one line of the navigation.
type entry struct{ Path, Key string }

// guarded is the one place where capabilities are enforced: the route's own need, from the table.
func (c *console) guarded(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{w: w, r: r, lang: web.ChooseLang(r), frame: web.Frame{Sample: c.Services.Provider().Sample}}
		if cookie, err := r.Cookie(sessionCookie); err == nil {
			staff, err := c.Staff.Session(r.Context(), cookie.Value)
			switch {
			case err == nil:
				v.staff, v.token = staff, cookie.Value
				v.frame.Viewer = c.viewer(staff)
			case !errors.Is(err, operator.ErrNoSession):
				c.site.Fail(w, r, v.frame, err)
				return
			}
		}
		if rt.need != public {
			if v.staff.ID == "" {
				c.askLogin(v)
				return
			}
			if rt.need != anyStaff && !v.staff.Can(rt.need) {
				c.site.Fail(w, r, v.frame, &web.Problem{Status: http.StatusForbidden})
				return
			}
		}
		if err := rt.serve(c, v); err != nil {
			c.site.Fail(w, r, v.frame, refusal(err))
		}
	}
}

func (c *console) viewer(s operator.Staff) viewer {
	role, _ := operator.RoleByID(s.Role)
	v := viewer{Staff: s, Role: role}
	for _, rt := range routes {
		if rt.nav != "" && (rt.need == anyStaff || s.Can(rt.need)) {
			v.Nav = append(v.Nav, entry{strings.TrimSuffix(rt.path, "{$}"), rt.nav})
		}
	}
	return v
}

// stray answers what no route does: another method is 405, everything else 404.
func (c *console) stray(w http.ResponseWriter, r *http.Request) {
	frame := web.Frame{Sample: c.Services.Provider().Sample}
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if staff, err := c.Staff.Session(r.Context(), cookie.Value); err == nil {
			frame.Viewer = c.viewer(staff)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := c.mux.Handler(other); pattern != "/" && method != r.Method {
			w.Header().Set("Allow", method)
			c.site.Fail(w, r, frame, &web.Problem{Status: http.StatusMethodNotAllowed})
			return
		}
	}
	c.site.Fail(w, r, frame, &web.Problem{Status: http.StatusNotFound})
}

// show renders a view.
func (c *console) show(v *visit, view string, data any) error {
	return c.site.Render(v.w, v.r, http.StatusOK, view, v.frame, data)
}

func (c *console) serviceName(id string, l web.Lang) string {
	if s, ok := c.Services.Service(id); ok {
		return l.Pick(s.NameZH, s.NameEN)
	}
	return id
}

func (c *console) modelName(id string, l web.Lang) string {
	if m, ok := c.Services.Model(id); ok {
		return l.Pick(m.NameZH, m.NameEN)
	}
	return id
}

// invalid is a 400 that names the field and the mend.
func invalid(field, key string, args ...any) error {
	return &web.Problem{Status: http.StatusBadRequest, Field: field, Key: key, Args: args}
}

// refusal turns what the registers refuse into what a person can act on; everything else passes through.
func refusal(err error) error {
	var badUser *users.InvalidError
	var badService *service.InvalidError
	var known *web.Problem
	switch {
	case errors.As(err, &known):
		return err
	case lexiconRefusal(err) != nil:
		return lexiconRefusal(err)
	case functionRefusal(err) != nil:
		return functionRefusal(err)
	case emergencyRefusal(err) != nil:
		return emergencyRefusal(err)
	case answersRefusal(err) != nil:
		return answersRefusal(err)
	case classifierRefusal(err) != nil:
		return classifierRefusal(err)
	case ledgerRefusal(err) != nil:
		return ledgerRefusal(err)
	case reviewRefusal(err) != nil:
		return reviewRefusal(err)
	case errors.As(err, &badUser):
		return &web.Problem{Status: http.StatusBadRequest, Field: badUser.Field, Key: "invalid.field", Args: []any{badUser.Field, badUser.Mend}, Err: err}
	case errors.As(err, &badService):
		return &web.Problem{Status: http.StatusBadRequest, Field: badService.Field, Key: "invalid.field", Args: []any{badService.Field, badService.Mend}, Err: err}
	case errors.Is(err, users.ErrUnknown), errors.Is(err, service.ErrUnknownKey):
		return &web.Problem{Status: http.StatusNotFound, Err: err}
	case errors.Is(err, users.ErrErased):
		return &web.Problem{Status: http.StatusConflict, Key: "users.is_erased", Err: err}
	case errors.Is(err, users.ErrNotSuspended):
		return &web.Problem{Status: http.StatusConflict, Key: "users.not_suspended", Err: err}
	case errors.Is(err, service.ErrRevokedKey):
		return &web.Problem{Status: http.StatusConflict, Key: "keys.already", Err: err}
	}
	return err
}
