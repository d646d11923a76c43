// Package gateway is the data plane: an OpenAI-compatible endpoint between an application and its models that takes every
// exchange through the ordered guards (see Guards) and delivers nothing that is not screened, labelled and recorded
// (Art 4, 9, 10, 12, 13, 14).
package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
	"github.com/hegui/hegui/users"
	"github.com/prometheus/client_golang/prometheus"
)

// Options of New. All fields are required unless said.
type Options struct {
	Journal   *journal.Journal
	Vault     *journal.Vault
	Exchanges *exchange.Store
	Services  *service.Register
	Users     *users.Register
	Pool      *upstream.Pool
	Lexicon   func() *moderation.Lexicon // the one in force; swapped while serving
	PortalURL func() string              // where agreement and appeal links point
	Log       *slog.Logger
	Metrics   prometheus.Registerer
	Now       func() time.Time // time.Now when nil
}

// Gateway serves /v1/… Safe for concurrent use.
type Gateway struct{}

func New(o Options) (*Gateway, error) { panic("skeleton") }

// Handler serves /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models; every other path is an OpenAI-shaped 404.
func (g *Gateway) Handler() http.Handler { panic("skeleton") }

// Drain stops taking requests (503 with Retry-After) and waits until the running ones are recorded and delivered, or ctx
// ends, when what still streams is stopped, told so on the wire and recorded.
func (g *Gateway) Drain(ctx context.Context) error { panic("skeleton") }

// ProbeResult is what a self-test of one guard of one service saw.
type ProbeResult struct {
	Service string `json:"service"`
	Guard   string `json:"guard"` // label, moderate_in, moderate_out, privacy, record, agreement
	OK      bool   `json:"ok"`
	Saw     string `json:"saw"` // what was expected and what came, without content
}

// Probe sends synthetic requests through the same pipeline a client's request takes, with the service's own settings and
// the built-in probe model, and looks at what comes out. They are recorded under application exchange.ProbeApplication.
// The caller writes the results as journal.ProbeRan; the register's checks rest on them and on how fresh they are.
func (g *Gateway) Probe(ctx context.Context, serviceID string) []ProbeResult { panic("skeleton") }
