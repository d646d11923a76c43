// Package portal is the public site: what the service is, its agreement, and later complaints and requests (Art 10, 11, 15).
package portal

import (
	"log/slog"
	"net/http"

	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/users"
)

// Options of New; all required.
type Options struct {
	Services *service.Register
	Users    *users.Register
	Log      *slog.Logger
}

// New returns the portal's handler. Paths: / (services), /services/{id} (About this service), /services/{id}/agreement,
// /accept?t=ticket (GET shows the text, POST accepts), /healthz.
func New(o Options) (http.Handler, error) { panic("skeleton") }
