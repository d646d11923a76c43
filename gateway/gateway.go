// Package gateway is the data plane: an OpenAI-compatible endpoint between an application and its models that takes every
// exchange through the ordered guards (see Guards) and delivers nothing that is not screened, labelled and recorded
// (Art 4, 9, 10, 12, 13, 14).
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hegui/hegui/answers"
	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/media"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/screening"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
	"github.com/hegui/hegui/users"
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
	Policy    func() *moderation.Policy  // the one in force; swapped while serving
	PortalURL func() string              // where agreement and appeal links point, without a slash at the end
	Log       *slog.Logger
	Metrics   prometheus.Registerer
	Detectors []moderation.Detector // besides the lexicon; may be empty
	Answers   *answers.Register     // approved answers; nil: none
	Contents  *content.Ledger       // what was generated here; nil: images and sound are not served

	// Media reads files; nil: none are taken. Files look at pictures and sound. Blocked tells whether a file is on the list of files that
	// are not taken, by which entry and for which risk; nil: there is no list.
	Media   *media.Reader
	Files   []moderation.FileDetector
	Blocked func(file []byte) (entry, category string, ok bool)

	// Film says that the commands are there which mark film and compressed sound; without them such files do not leave.
	Film bool

	// LabelKey signs labels of generated content; nil: they are not signed.
	LabelKey *label.SigningKey

	// Functions knows the functions of services and what people decided about them. Nil: none is off, and all may confuse.
	Functions *function.Register

	// Classifiers are further detectors, which may change while the gateway runs; an exchange keeps those it began with. Nil: none.
	Classifiers func() []moderation.Detector

	// Heightened tells which stricter profile a service follows for a time, and by which measure. Nil: none ever.
	Heightened func(ctx context.Context, service string) (profile, measure string, ok bool)

	// Screenings keeps the state of detached mode. Nil: neither it nor its adapters are served.
	Screenings *screening.Store

	// Ended is told of every exchange once its record is durable, with the names of the detectors that looked at it; it must
	// return at once. Nil: nobody is told.
	Ended func(r exchange.Record, looked []string)
	Now   func() time.Time // time.Now when nil
}

// Gateway serves /v1/… Safe for concurrent use.
type Gateway struct {
	o       Options
	guards  []Guard
	metrics *metrics
	limiter limiter
	probes  *upstream.Pool // the built-in probe model, for Probe

	draining atomic.Bool
	running  sync.WaitGroup
	stop     context.CancelCauseFunc // ends every stream when draining has lasted too long
	stopped  context.Context

	memory     *memory
	signalSets signalSets
	screens    *screens
	tails      tails
	answeredBy sync.Map // artefact by detector: what its last answer came from

	fetch func(ctx context.Context, address string) ([]byte, error) // of a file that a request names by its address

	degradedMu sync.Mutex
	degradedAt map[string]time.Time
}

// errDrained is why a stream ended that outlasted the draining.
var errDrained = errors.New("hegui is shutting down")

// New checks the options and builds the gateway.
func New(o Options) (*Gateway, error) {
	if o.Journal == nil || o.Vault == nil || o.Exchanges == nil || o.Services == nil || o.Users == nil || o.Pool == nil ||
		o.Lexicon == nil || o.Policy == nil || o.PortalURL == nil || o.Log == nil || o.Metrics == nil {
		return nil, errors.New("gateway: an option is missing; all but Detectors, Media, Files, Blocked, Functions, Film, LabelKey, Answers, Contents, Heightened, Screenings, Classifiers, Ended and Now are required")
	}
	for _, d := range o.Detectors {
		if err := d.Describe().Validate(); err != nil {
			return nil, fmt.Errorf("gateway: %w", err)
		}
	}
	for _, d := range o.Files {
		if err := d.DescribeFiles().Validate(); err != nil {
			return nil, fmt.Errorf("gateway: %w", err)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	probes, err := upstream.New([]upstream.Endpoint{{Name: "probe", BaseURL: upstream.ProbeURL}}, func(string, bool, string) {})
	if err != nil {
		return nil, err
	}
	g := &Gateway{o: o, guards: Guards(), probes: probes, memory: newMemory(), screens: newScreens(maxLive, maxLiveBytes), degradedAt: map[string]time.Time{}}
	g.fetch = func(ctx context.Context, address string) ([]byte, error) { return fetch(ctx, address, nil) }
	g.stopped, g.stop = context.WithCancelCause(context.Background())
	if g.metrics, err = newMetrics(o.Metrics); err != nil {
		return nil, err
	}
	return g, nil
}

// Detectors are those that look at texts now, besides the lexicon.
func (g *Gateway) Detectors() []moderation.Detector {
	if g.o.Classifiers == nil {
		return g.o.Detectors
	}
	return slices.Concat(g.o.Detectors, g.o.Classifiers())
}

// Handler serves /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models; every other path is an OpenAI-shaped 404.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, op := range operations() {
		if op.wordless() && op.name != "embedding" && g.o.Contents == nil {
			continue
		}
		mux.HandleFunc("POST /v1"+op.path, func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, op) })
		mux.HandleFunc("/v1"+op.path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", "POST")
			hangUp(w, r)
			writeError(w, problem(http.StatusMethodNotAllowed, "method_not_allowed", "", "use POST for "+r.URL.Path), "")
		})
	}
	mux.HandleFunc("GET /v1/models", g.models)
	mux.HandleFunc("GET /v1/models/{model...}", g.models)
	mux.HandleFunc("GET /v1/hegui/openapi.json", g.openAPI)
	if g.o.Contents != nil {
		mux.HandleFunc("GET "+contentPath+"{id}/{ticket}", g.file)
	}
	g.detachedRoutes(mux)
	g.functionRoutes(mux)
	g.videoRoutes(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		hangUp(w, r)
		writeError(w, problem(http.StatusNotFound, "unknown_path", "", "there is no "+clip(r.Method+" "+r.URL.Path, 120)+" here; hegui serves /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/images/…, /v1/audio/…, /v1/videos and /v1/models"), "")
	})
	return mux
}

// Drain stops taking requests (503 with Retry-After) and waits until the running ones are recorded and delivered, or ctx
// ends, when what still streams is stopped, told so on the wire and recorded.
func (g *Gateway) Drain(ctx context.Context) error {
	g.draining.Store(true)
	done := make(chan struct{})
	go func() { g.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	g.stop(errDrained)
	<-done // every step of a call is bounded in time once its stream has been stopped
	return ctx.Err()
}

// degraded tells journal and log that a guard could not work, at most once a minute for each guard and rule: the count of
// affected exchanges is in their own records.
func (g *Gateway) degraded(c *call, name, rule string, err error) {
	g.degradedMu.Lock()
	key := c.service.ID + "/" + name + "/" + rule
	now := g.o.Now()
	due := now.Sub(g.degradedAt[key]) > time.Minute
	if due {
		g.degradedAt[key] = now
	}
	g.degradedMu.Unlock()
	if !due {
		return
	}
	g.o.Log.Error("a guard could not work", "guard", name, "service", c.service.ID, "rule", rule, "error", err)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, commitErr := g.o.Journal.Commit(ctx, journal.Write{Events: []journal.Event{{
		Who: journal.Actor{Kind: "gateway", ID: name}, Verb: journal.GuardDegraded, Ref: journal.Ref{Kind: "service", ID: c.service.ID},
		Body: jsonObject(map[string]string{"guard": name, "service": c.service.ID, "rule": rule, "error": err.Error()})}}})
	if commitErr != nil {
		g.o.Log.Error("the outage could not be recorded", "guard", name, "error", commitErr)
	}
}
