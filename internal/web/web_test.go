package web

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/hegui/hegui/internal/store"
)

// small is a site with one view that exercises what pages use.
func small(extra fstest.MapFS) fstest.MapFS {
	m := fstest.MapFS{
		"i18n/zh.json":               {Data: []byte(`{"hello":"您好，%s","flash.done":"已完成 %s"}`)},
		"i18n/en.json":               {Data: []byte(`{"hello":"Hello, %s","flash.done":"Done %s"}`)},
		"templates/parts/nav.html":   {Data: []byte(`{{define "nav"}}<nav>{{template "langswitch" .}}</nav>{{end}}{{define "navend"}}{{end}}`)},
		"templates/views/hello.html": {Data: []byte(`{{define "title"}}{{t "hello" "x"}}{{end}}{{define "main"}}<p>{{t "hello" .Data}}</p>{{end}}`)},
	}
	for k, v := range extra {
		m[k] = v
	}
	return m
}

func mustSite(t *testing.T) *Site {
	t.Helper()
	s, err := New(Options{Name: "test", Files: small(nil), Views: []string{"hello"}, Now: func() time.Time { return time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		files fstest.MapFS
		views []string
		want  string
	}{
		"a view that is missing":     {small(nil), []string{"hello", "gone"}, "gone"},
		"a view nobody listed":       {small(fstest.MapFS{"templates/views/stray.html": {Data: []byte("")}}), []string{"hello"}, "stray"},
		"a part that is missing":     {small(fstest.MapFS{"templates/views/hello.html": {Data: []byte(`{{define "title"}}{{end}}{{define "main"}}{{if .Data}}{{template "lost"}}{{end}}{{end}}`)}}), []string{"hello"}, "lost"},
		"a text that is missing":     {small(fstest.MapFS{"templates/views/hello.html": {Data: []byte(`{{define "title"}}{{end}}{{define "main"}}{{with .Data}}{{else}}{{t "lost.text"}}{{end}}{{end}}`)}}), []string{"hello"}, "lost.text"},
		"a family that is missing":   {small(fstest.MapFS{"templates/views/hello.html": {Data: []byte(`{{define "title"}}{{end}}{{define "main"}}{{range list 1}}{{word "lostfamily" .}}{{end}}{{end}}`)}}), []string{"hello"}, "lostfamily"},
		"a text as an argument":      {small(fstest.MapFS{"templates/views/hello.html": {Data: []byte(`{{define "title"}}{{end}}{{define "main"}}{{print (t "lost.inner")}}{{end}}`)}}), []string{"hello"}, "lost.inner"},
		"a static file not there":    {small(fstest.MapFS{"templates/views/hello.html": {Data: []byte(`{{define "title"}}{{end}}{{define "main"}}{{static "lost.css"}}{{end}}`)}}), []string{"hello"}, "lost.css"},
		"a key in one language only": {small(fstest.MapFS{"i18n/en.json": {Data: []byte(`{"hello":"Hello, %s"}`)}}), []string{"hello"}, "flash.done"},
		"different verbs":            {small(fstest.MapFS{"i18n/en.json": {Data: []byte(`{"hello":"Hello, %d","flash.done":"Done %s"}`)}}), []string{"hello"}, "verbs"},
		"an empty text":              {small(fstest.MapFS{"i18n/en.json": {Data: []byte(`{"hello":"Hello, %s","flash.done":""}`)}}), []string{"hello"}, "empty"},
		"a key that stands twice":    {small(fstest.MapFS{"i18n/en.json": {Data: []byte(`{"hello":"Hello, %s","hello":"Hi, %s","flash.done":"Done %s"}`)}}), []string{"hello"}, "twice"},
		"a key of ours":              {small(fstest.MapFS{"i18n/en.json": {Data: []byte(`{"hello":"Hello, %s","flash.done":"Done %s","site.name":"x"}`)}, "i18n/zh.json": {Data: []byte(`{"hello":"%s","flash.done":"%s","site.name":"x"}`)}}), []string{"hello"}, "site.name"},
	} {
		_, err := New(Options{Name: "test", Files: c.files, Views: c.views})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error that names %q", name, err, c.want)
		}
	}
}

func TestChooseLang(t *testing.T) {
	for _, c := range []struct {
		query, cookie, accept string
		want                  Lang
	}{
		{"", "", "", ZH},
		{"", "", "en-GB,en;q=0.9", EN},
		{"", "", "zh-TW,zh;q=0.8,en;q=0.5", ZH},
		{"", "", "fr", EN},
		{"", "", "nonsense;;;", ZH},
		{"", "zh", "en", ZH},
		{"?lang=en", "zh", "zh", EN},
		{"?lang=xx", "en", "zh", EN},
		{"", "xx", "en", EN},
	} {
		r := httptest.NewRequest("GET", "/"+c.query, nil)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: langCookie, Value: c.cookie})
		}
		if c.accept != "" {
			r.Header.Set("Accept-Language", c.accept)
		}
		if got := ChooseLang(r); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

func serve(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	s := mustSite(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Render(w, r, 200, "hello", Frame{}, "<b>"); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("POST /hello", func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Body.Read(make([]byte, 1)); err != nil && err.Error() != "EOF" {
			s.Fail(w, r, Frame{}, err)
			return
		}
		s.SetFlash(w, r, "good", "flash.done", "<i>")
		s.Redirect(w, r, "/hello")
	})
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	h := s.Handler(mux)

	w := serve(t, h, httptest.NewRequest("GET", "/hello?lang=en&q=1", nil))
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, "<p>Hello, &lt;b&gt;</p>") || !strings.Contains(body, `href="/hello?lang=zh&amp;q=1"`) {
		t.Errorf("page: %d %s", w.Code, body)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("CSP %q", csp)
	}
	if c := w.Result().Cookies(); len(c) != 1 || c[0].Value != "en" || !c[0].HttpOnly || c[0].SameSite != http.SameSiteLaxMode || c[0].Secure {
		t.Errorf("cookies %v", c)
	}

	// A form of another site is refused, one of ours is not, and its message is shown once and escaped.
	r := httptest.NewRequest("POST", "/hello", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if w := serve(t, h, r); w.Code != 403 {
		t.Errorf("cross-site POST: %d", w.Code)
	}
	w = serve(t, h, httptest.NewRequest("POST", "/hello", nil))
	if w.Code != 303 || len(w.Result().Cookies()) != 1 {
		t.Fatalf("POST: %d %v", w.Code, w.Result().Cookies())
	}
	r = httptest.NewRequest("GET", "/hello", nil)
	r.AddCookie(w.Result().Cookies()[0])
	w = serve(t, h, r)
	if !strings.Contains(w.Body.String(), "已完成 &lt;i&gt;") || w.Result().Cookies()[0].MaxAge >= 0 {
		t.Errorf("flash: %s %v", w.Body.String(), w.Result().Cookies())
	}
	r = httptest.NewRequest("GET", "/hello", nil)
	r.AddCookie(&http.Cookie{Name: flashCookie, Value: "bm90IG91cnM"})
	if w := serve(t, h, r); w.Code != 200 || strings.Contains(w.Body.String(), `role="status"`) {
		t.Errorf("foreign flash: %d", w.Code)
	}

	// Static files name their content and may be kept for ever; a stale name is 404.
	path, err := s.Static("hegui.css")
	if err != nil {
		t.Fatal(err)
	}
	if w := serve(t, h, httptest.NewRequest("GET", path, nil)); w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("static: %d %v", w.Code, w.Header())
	}
	if w := serve(t, h, httptest.NewRequest("GET", "/static/000000000000/hegui.css", nil)); w.Code != 404 {
		t.Errorf("stale static: %d", w.Code)
	}

	// A panic becomes a page with a reference and without the panic's text.
	w = serve(t, h, httptest.NewRequest("GET", "/panic?lang=en", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "boom") || !strings.Contains(w.Body.String(), "Reference") {
		t.Errorf("panic: %d %s", w.Code, w.Body.String())
	}
}

func TestBase(t *testing.T) {
	s, err := New(Options{Name: "test", Base: "/sub", Files: small(nil), Views: []string{"hello"}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Render(w, r, 200, "hello", Frame{}, "x"); err != nil {
			t.Error(err)
		}
	})
	w := serve(t, s.Handler(mux), httptest.NewRequest("GET", "/sub/hello?lang=en", nil))
	if body := w.Body.String(); w.Code != 200 || !strings.Contains(body, `href="/sub/static/`) || !strings.Contains(body, `href="/sub/hello?lang=zh"`) {
		t.Errorf("%d %s", w.Code, body)
	}
	if c := w.Result().Cookies(); len(c) != 1 || c[0].Path != "/sub/" {
		t.Errorf("cookie %v", c)
	}
}

func TestAsProblem(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{fmt.Errorf("x: %w", store.ErrNotFound), 404}, {fmt.Errorf("x: %w", driver.ErrBadConn), 503}, {errors.New("x"), 500},
		{&http.MaxBytesError{Limit: 1}, 413}, {fmt.Errorf("x: %w", &Problem{Status: 409}), 409},
	} {
		if got := AsProblem(c.err); got.Status != c.want {
			t.Errorf("%v: %d, want %d", c.err, got.Status, c.want)
		}
	}
	s := mustSite(t)
	w := httptest.NewRecorder()
	s.Fail(w, httptest.NewRequest("GET", "/api/v1/x?lang=en", nil), Frame{}, fmt.Errorf("secret detail: %w", driver.ErrBadConn))
	body := w.Body.String()
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(body, "secret") || !strings.Contains(body, "disk space") {
		t.Errorf("%d %v %s", w.Code, w.Header(), body)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got, err := Num(n); err != nil || got != want {
			t.Errorf("Num(%d) = %q, %v", n, got, err)
		}
	}
	for _, c := range []struct {
		a, b int64
		want string
	}{{0, 0, "—"}, {1, 3, "33.3 %"}, {9999, 10000, "99.9 %"}, {5, 5, "100 %"}} {
		if got := Pct(c.a, c.b); got != c.want {
			t.Errorf("Pct(%d, %d) = %q", c.a, c.b, got)
		}
	}
	if got := string(When(time.Date(2026, 12, 31, 16, 30, 0, 0, time.UTC))); !strings.Contains(got, "2027-01-01 00:30:00") || !strings.Contains(got, "UTC+8") {
		t.Errorf("When: %s", got)
	}
	for v, want := range map[int64]int64{0: 2, 1: 2, 3: 4, 5: 10, 11: 20, 21: 40, 400: 400, 401: 1000} {
		if got := roundUp(v); got != want {
			t.Errorf("roundUp(%d) = %d, want %d", v, got, want)
		}
	}
}

func TestBars(t *testing.T) {
	svg := string(Bars{Title: `a "b" <c>`, Labels: []string{"00", "01"}, Series: []Series{{"x<", "c-good", []int64{1, 3}}, {"y", "c-bad", []int64{0, 2}}}}.SVG())
	if strings.Contains(svg, "style=") || strings.Contains(svg, "<c>") || strings.Contains(svg, "x<") {
		t.Errorf("unsafe: %s", svg)
	}
	if n := strings.Count(svg, "<rect"); n != 3 {
		t.Errorf("%d columns, want 3: %s", n, svg)
	}
	if !strings.Contains(svg, `y 2`) {
		t.Errorf("its numbers are not told: %s", svg)
	}
}
