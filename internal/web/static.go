package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"
)

// asset is one static file, held in memory and served under a path that names its content, so that browsers may keep it
// for ever and never see a stale one.
type asset struct {
	path string // below Base: /static/<12 hex of SHA-256>/<name>
	mime string
	data []byte
}

func (s *Site) loadStatic(dirs ...fs.FS) error {
	s.static, s.byPath = map[string]asset{}, map[string]asset{}
	for _, dir := range dirs {
		entries, err := fs.ReadDir(dir, "static")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("web: static: %w", err)
		}
		for _, e := range entries {
			data, err := fs.ReadFile(dir, "static/"+e.Name())
			if err != nil {
				return fmt.Errorf("web: static: %w", err)
			}
			if _, twice := s.static[e.Name()]; twice {
				return fmt.Errorf("web: static file %q stands twice", e.Name())
			}
			kind, ok := staticTypes[path.Ext(e.Name())]
			if !ok {
				return fmt.Errorf("web: static file %q: no content type for %q", e.Name(), path.Ext(e.Name()))
			}
			sum := sha256.Sum256(data)
			a := asset{path: "/static/" + hex.EncodeToString(sum[:6]) + "/" + e.Name(), mime: kind, data: data}
			s.static[e.Name()], s.byPath[a.path] = a, a
		}
	}
	return nil
}

// staticTypes is explicit: the system's mime table must not decide whether nosniff lets a style sheet in.
var staticTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// Static returns the address of a static file by its plain name.
func (s *Site) Static(name string) (string, error) {
	a, ok := s.static[name]
	if !ok {
		return "", fmt.Errorf("web: no static file %q", name)
	}
	return s.o.Base + a.path, nil
}

// serveStatic answers /static/… and /favicon.ico; ok tells whether it did.
func (s *Site) serveStatic(w http.ResponseWriter, r *http.Request) (ok bool) {
	a, found := s.byPath[r.URL.Path]
	cache := "public, max-age=31536000, immutable"
	if r.URL.Path == "/favicon.ico" {
		a, found = s.static["favicon.svg"]
		cache = "public, max-age=86400"
	}
	if !found {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", a.mime)
	h.Set("Cache-Control", cache)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.data))
	return true
}

// Attachment sets the headers of a file for download.
func Attachment(w http.ResponseWriter, contentType, name string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	w.Header().Set("Cache-Control", "no-store")
}
