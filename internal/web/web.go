// Package web is what console and portal share: html/template rendering with zh/en catalogues, the language choice, strict
// CSP and other headers, cross-origin protection, static files under content-hashed paths, flash messages, own SVG charts.
//
// Everything that could be missing (a view, a part, a text, a static file) is looked for when a Site is made, so a page
// that starts does not fail later for want of one.
package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/template/parse"
	"time"
)

//go:embed static templates i18n
var shared embed.FS

// Options of New.
type Options struct {
	Name  string           // console or portal; marks the body so that the style sheet can tell them apart
	Base  string           // path under which the site is mounted, without a slash at the end; "" is the root
	Files fs.FS            // templates/views/*.html, templates/parts/*.html, i18n/*.json, and static/* if it has any
	Views []string         // every view by name; one not listed or not there is an error
	Funcs template.FuncMap // further functions for templates, language-independent
	// MaxBody allows a request a larger body than the usual 1 MiB; nil, or a smaller number, does not.
	MaxBody func(*http.Request) int64
	Log     *slog.Logger
	Now     func() time.Time // time.Now when nil
}

// Site renders the pages of one surface. Safe for concurrent use.
type Site struct {
	o      Options
	cat    *Catalogue
	views  map[Lang]map[string]*template.Template
	static map[string]asset // by plain name
	byPath map[string]asset // by hashed path below Base
}

// New reads templates, texts and static files. It returns an error for any view, part, text or file that is named
// somewhere and missing, and for a view that nobody listed.
func New(o Options) (*Site, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	cat, err := LoadCatalogue(shared, o.Files)
	if err != nil {
		return nil, err
	}
	s := &Site{o: o, cat: cat, views: map[Lang]map[string]*template.Template{}}
	if err := s.loadStatic(shared, o.Files); err != nil {
		return nil, err
	}
	if err := s.loadViews(); err != nil {
		return nil, err
	}
	return s, nil
}

// Catalogue returns the site's texts.
func (s *Site) Catalogue() *Catalogue { return s.cat }

// loadViews parses each view once per language: functions are bound to the language at parse time, so that rendering
// shares no state between requests.
func (s *Site) loadViews() error {
	found, err := fs.Glob(s.o.Files, "templates/views/*.html")
	if err != nil {
		return fmt.Errorf("web: views: %w", err)
	}
	want := append(slices.Clone(s.o.Views), "problem")
	for _, path := range found {
		if name := strings.TrimSuffix(strings.TrimPrefix(path, "templates/views/"), ".html"); !slices.Contains(want, name) {
			return fmt.Errorf("web: view %s is not listed in Options.Views", path)
		}
	}
	for _, l := range Langs {
		s.views[l] = map[string]*template.Template{}
		base := template.New("layout").Option("missingkey=error").Funcs(s.funcs(l)).Funcs(s.o.Funcs)
		if base, err = base.ParseFS(shared, "templates/*.html"); err != nil {
			return fmt.Errorf("web: shared templates: %w", err)
		}
		if parts, _ := fs.Glob(s.o.Files, "templates/parts/*.html"); len(parts) > 0 {
			if base, err = base.ParseFS(s.o.Files, parts...); err != nil {
				return fmt.Errorf("web: parts: %w", err)
			}
		}
		for _, name := range want {
			t, err := base.Clone()
			if err != nil {
				return fmt.Errorf("web: view %s: %w", name, err)
			}
			from, path := s.o.Files, "templates/views/"+name+".html"
			if name == "problem" {
				from, path = shared, "templates/views/problem.html"
			}
			if t, err = t.ParseFS(from, path); err != nil {
				return fmt.Errorf("web: view %s: %w", name, err)
			}
			if err := s.check(name, t); err != nil {
				return err
			}
			s.views[l][name] = t
		}
	}
	return nil
}

// check walks the parse trees of a view for names that lead nowhere.
func (s *Site) check(view string, t *template.Template) error {
	var errs []error
	for _, part := range []string{"page", "nav", "title", "main"} {
		if t.Lookup(part) == nil {
			errs = append(errs, fmt.Errorf("web: view %s does not define %q", view, part))
		}
	}
	for _, tt := range t.Templates() {
		if tt.Tree == nil {
			continue
		}
		walk(tt.Tree.Root, func(n parse.Node) {
			switch n := n.(type) {
			case *parse.TemplateNode:
				if t.Lookup(n.Name) == nil {
					errs = append(errs, fmt.Errorf("web: view %s: %s: there is no part %q", view, tt.Name(), n.Name))
				}
			case *parse.CommandNode:
				if len(n.Args) < 2 {
					return
				}
				fn, ok := n.Args[0].(*parse.IdentifierNode)
				arg, isText := n.Args[1].(*parse.StringNode)
				if !ok || !isText {
					return
				}
				switch {
				case fn.Ident == "t" && !s.cat.Has(arg.Text):
					errs = append(errs, fmt.Errorf("web: view %s: %s: no text has the key %q", view, tt.Name(), arg.Text))
				case (fn.Ident == "word" || fn.Ident == "words") && !s.cat.HasPrefix(arg.Text+"."):
					errs = append(errs, fmt.Errorf("web: view %s: %s: no text begins with %q", view, tt.Name(), arg.Text+"."))
				case fn.Ident == "static" && s.static[arg.Text].path == "":
					errs = append(errs, fmt.Errorf("web: view %s: %s: no static file %q", view, tt.Name(), arg.Text))
				}
			}
		})
	}
	return errors.Join(errs...)
}

// walk calls visit for every node of a template that can name something.
func walk(n parse.Node, visit func(parse.Node)) {
	switch n := n.(type) {
	case nil:
		return
	case *parse.ListNode:
		if n != nil {
			for _, c := range n.Nodes {
				walk(c, visit)
			}
		}
		return
	case *parse.ActionNode:
		walk(n.Pipe, visit)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				walk(c, visit)
			}
		}
		return
	case *parse.CommandNode:
		for _, a := range n.Args {
			walk(a, visit)
		}
	case *parse.TemplateNode:
		walk(n.Pipe, visit)
	case *parse.IfNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.RangeNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.WithNode:
		walkBranch(&n.BranchNode, visit)
	}
	visit(n)
}

func walkBranch(n *parse.BranchNode, visit func(parse.Node)) {
	walk(n.Pipe, visit)
	walk(n.List, visit)
	walk(n.ElseList, visit)
}

// Page is what every template sees as its dot; Data is the view's own.
type Page struct {
	Site   string // Options.Name
	View   string
	Lang   Lang
	Path   string // of this page below Base
	Switch string // this page in the other language
	Flash  *Flash
	Now    time.Time
	Sample bool // demo installation
	Viewer any  // who is looking; nil when nobody has logged in
	Data   any
}

// Frame is what a surface knows of the request beyond the view's data.
type Frame struct {
	Viewer any
	Sample bool
}

// Render writes a view as a whole page. Nothing is sent before the template has run to its end, so an error in it never
// leaves half a page; it is returned for the caller to answer.
func (s *Site) Render(w http.ResponseWriter, r *http.Request, status int, view string, f Frame, data any) error {
	l := ChooseLang(r)
	t, ok := s.views[l][view]
	if !ok {
		return fmt.Errorf("web: no view %q", view)
	}
	p := Page{Site: s.o.Name, View: view, Lang: l, Path: r.URL.Path, Switch: s.switchURL(r, l), Flash: s.takeFlash(w, r),
		Now: s.o.Now(), Sample: f.Sample, Viewer: f.Viewer, Data: data}
	var buf bytes.Buffer
	if err := t.ExecuteTemplate(&buf, "page", p); err != nil {
		return fmt.Errorf("web: view %s: %w", view, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", l.Tag())
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie, Accept-Language")
	w.WriteHeader(status)
	_, err := w.Write(buf.Bytes())
	if err != nil {
		s.o.Log.DebugContext(r.Context(), "page not delivered", "view", view, "error", err)
	}
	return nil
}

// switchURL is the present page, query and all, in the other language.
func (s *Site) switchURL(r *http.Request, l Lang) string {
	q := r.URL.Query()
	q.Set("lang", string(l.Other()))
	return s.o.Base + r.URL.EscapedPath() + "?" + q.Encode()
}

// URL builds an address below Base from a path and pairs of query keys and values; pairs with an empty value are left out.
func (s *Site) URL(path string, pairs ...any) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := fmt.Sprint(pairs[i+1]); v != "" {
			q.Set(fmt.Sprint(pairs[i]), v)
		}
	}
	if len(q) == 0 {
		return s.o.Base + path
	}
	return s.o.Base + path + "?" + q.Encode()
}

// Redirect sends the browser to path below Base by GET, as every successful form does.
func (s *Site) Redirect(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, s.o.Base+path, http.StatusSeeOther)
}
