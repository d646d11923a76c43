package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
)

// Problem is an error made for the person at the browser or the client of the API: a status, and a text of the catalogue
// that says what to do. Field names the input at fault, if one is.
type Problem struct {
	Status int
	Key    string // catalogue key; "" uses the status's own text
	Args   []any
	Field  string
	Err    error // for the log
	Retry  time.Duration
}

func (p *Problem) Error() string {
	if p.Err != nil {
		return p.Err.Error()
	}
	return fmt.Sprintf("web: %d %s", p.Status, p.Key)
}

func (p *Problem) Unwrap() error { return p.Err }

// AsProblem turns any error into a Problem: a missing row is 404, a database that is busy, full or gone 503, a body that
// is too large 413, everything else 500.
func AsProblem(err error) *Problem {
	var p *Problem
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, store.ErrNotFound):
		return &Problem{Status: http.StatusNotFound, Err: err}
	case errors.As(err, &tooBig):
		return &Problem{Status: http.StatusRequestEntityTooLarge, Err: err}
	case store.IsBusy(err):
		return &Problem{Status: http.StatusServiceUnavailable, Err: err, Retry: 5 * time.Second}
	}
	return &Problem{Status: http.StatusInternalServerError, Err: err}
}

// problemData is what the problem view shows.
type problemData struct {
	Status            int
	Title, Text, What string
	Reference         string
}

// Fail answers a request with an error: as a page, or as problem+json (RFC 9457) below /api/. What went wrong inside is
// logged under a reference and never shown.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, f Frame, err error) {
	p := AsProblem(err)
	l := ChooseLang(r)
	title := s.cat.Word(l, "problem.title", p.Status)
	if !s.cat.Has(fmt.Sprintf("problem.title.%d", p.Status)) {
		title = http.StatusText(p.Status)
	}
	text, what := "", s.cat.Word(l, "problem.what", p.Status)
	if p.Key != "" {
		text = s.cat.T(l, p.Key, p.Args...)
	} else if s.cat.Has(fmt.Sprintf("problem.text.%d", p.Status)) {
		text = s.cat.Word(l, "problem.text", p.Status)
	}
	if !s.cat.Has(fmt.Sprintf("problem.what.%d", p.Status)) {
		what = ""
	}
	reference := ""
	if p.Status >= 500 {
		reference = store.NewID()
		s.o.Log.ErrorContext(r.Context(), "request failed", "site", s.o.Name, "method", r.Method, "path", r.URL.Path,
			"status", p.Status, "reference", reference, "error", p.Err)
	}
	if p.Retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((p.Retry+time.Second-1)/time.Second)))
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(p.Status)
		body := ProblemJSON{Type: "about:blank", Title: title, Status: p.Status, Detail: strings.TrimSpace(text + " " + what), Field: p.Field, Reference: reference}
		if err := json.NewEncoder(w).Encode(body); err != nil {
			s.o.Log.DebugContext(r.Context(), "problem not delivered", "error", err)
		}
		return
	}
	if err := s.Render(w, r, p.Status, "problem", f, problemData{p.Status, title, text, what, reference}); err != nil {
		s.o.Log.ErrorContext(r.Context(), "problem page failed", "error", err)
		http.Error(w, title, p.Status)
	}
}

// JSON writes v as the answer of an API call.
func JSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("web: answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client has gone; there is nobody to tell
	return nil
}

// contentSecurityPolicy allows nothing that does not come from us: no inline script or style, no frame, no foreign form.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// maxBody bounds what a form or API call may send where Options.MaxBody does not allow more.
const maxBody = 1 << 20

// Handler wraps a surface's routes with what every answer needs: security headers, static files, refusal of cross-origin
// writes, a bound on bodies, the language cookie, the base path, and a page instead of a torn connection after a panic.
func (s *Site) Handler(routes http.Handler) http.Handler {
	protect := http.NewCrossOriginProtection()
	protect.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Fail(w, r, Frame{}, &Problem{Status: http.StatusForbidden, Key: "problem.cross_origin"})
	}))
	inner := protect.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.serveStatic(w, r) {
			return
		}
		if l, ok := parseLang(r.URL.Query().Get("lang")); ok {
			http.SetCookie(w, s.cookie(r, langCookie, string(l), 365*24*time.Hour))
		}
		limit := int64(maxBody)
		if s.o.MaxBody != nil {
			limit = max(limit, s.o.MaxBody(r))
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		routes.ServeHTTP(w, r)
	}))
	var outer http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler {
					panic(v)
				}
				s.Fail(w, r, Frame{}, fmt.Errorf("web: panic: %v\n%s", v, debug.Stack()))
			}
		}()
		inner.ServeHTTP(w, r)
	})
	if s.o.Base != "" {
		return http.StripPrefix(s.o.Base, outer)
	}
	return outer
}

// cookie makes a cookie that scripts cannot read and other sites' forms do not carry. It is Secure behind TLS.
func (s *Site) cookie(r *http.Request, name, value string, life time.Duration) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: s.o.Base + "/", MaxAge: int(life / time.Second), HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"}
}

// SetCookie sets a cookie under the rules of the site; a negative life deletes it.
func (s *Site) SetCookie(w http.ResponseWriter, r *http.Request, name, value string, life time.Duration) {
	c := s.cookie(r, name, value, life)
	if life < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// Flash is a message about what was just done, shown once on the next page.
type Flash struct {
	Kind string   `json:"kind"` // good or bad
	Key  string   `json:"key"`
	Args []string `json:"args"`
}

const flashCookie = "hegui_flash"

// SetFlash puts a message by for the next page. It travels in a cookie: key and arguments only, which the page escapes.
func (s *Site) SetFlash(w http.ResponseWriter, r *http.Request, kind, key string, args ...string) {
	b, err := json.Marshal(Flash{kind, key, args})
	if err != nil {
		s.o.Log.ErrorContext(r.Context(), "flash", "error", err)
		return
	}
	s.SetCookie(w, r, flashCookie, base64.RawURLEncoding.EncodeToString(b), 5*time.Minute)
}

func (s *Site) takeFlash(w http.ResponseWriter, r *http.Request) *Flash {
	c, err := r.Cookie(flashCookie)
	if err != nil {
		return nil
	}
	s.SetCookie(w, r, flashCookie, "", -1)
	b, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	var f Flash
	if json.Unmarshal(b, &f) != nil || !strings.HasPrefix(f.Key, "flash.") || !s.cat.Has(f.Key) || len(f.Args) != len(verbs.FindAllString(s.cat.T(ZH, f.Key), -1)) {
		return nil // not one of ours
	}
	return &f
}
