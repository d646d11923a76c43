// Package console is the operators' site and its API.
package console

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/obligation"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
	"github.com/hegui/hegui/users"
)

// Options of New; all required.
type Options struct {
	Journal    *journal.Journal
	Exchanges  *exchange.Store
	Services   *service.Register
	Users      *users.Register
	Staff      *operator.Register
	Lexicon    func() *moderation.Lexicon
	Health     func() []upstream.Health
	Findings   func(context.Context) []obligation.Result // computed now
	Gateway    http.Handler                              // Try it talks to the gateway's own handler, in process, with a real key
	TryKey     func(ctx context.Context, serviceID string) (secret string, err error)
	GatewayURL func() string
	PortalURL  func() string
	Log        *slog.Logger
}

// New returns the console's handler.
func New(o Options) (http.Handler, error) { panic("skeleton") }
