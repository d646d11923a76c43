package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/hegui/hegui/console"
	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/gateway"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/film"
	"github.com/hegui/hegui/media"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/obligation"
	"github.com/hegui/hegui/portal"
	"github.com/hegui/hegui/screening"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
)

type serveCmd struct {
	where
	Demo          bool   `help:"Run at once with a sample provider, service, agreement, users and key, all marked as samples."`
	Role          string `help:"What this process does: ${enum}." enum:"all,gateway,console,portal,worker" default:"all"`
	Upstream      string `help:"With --demo: an OpenAI-compatible endpoint in the sample model's place." placeholder:"URL"`
	UpstreamModel string `help:"With --upstream: the model's name there." placeholder:"NAME"`
	GatewayListen string `help:"Address of the gateway (default 127.0.0.1:8080)." placeholder:"ADDR"`
	ConsoleListen string `help:"Address of the console (default 127.0.0.1:8081)." placeholder:"ADDR"`
	PortalListen  string `help:"Address of the portal (default 127.0.0.1:8082)." placeholder:"ADDR"`
}

func (serveCmd) Help() string {
	return `Examples:
  hegui serve --demo
  hegui serve --demo --upstream http://127.0.0.1:9100/v1 --upstream-model qwen3
  hegui serve --config /etc/hegui/hegui.yaml

SIGINT and SIGTERM let running answers finish (timeouts.drain, 30 s); a second signal ends at once.
SIGHUP reads the word lists and the policy again. /healthz and /readyz are on every listener, /metrics on the console's.`
}

// gcPercent lets the heap grow to three times what is alive before it is collected: the live heap is small, and at Go's
// default of 100 collecting it costs a tenth of the CPU under load (bench/gateway). GOGC in the environment overrules it.
const gcPercent = 200

func (s serveCmd) Run(ctx context.Context, o out) error {
	begun := time.Now()
	if os.Getenv("GOGC") == "" { // a small live heap is collected too often at Go's default of 100
		debug.SetGCPercent(gcPercent)
	}
	c, err := s.configuration()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	sv, err := startServer(ctx, c, s.Role, o, begun)
	if err != nil {
		return err
	}
	<-ctx.Done()
	stop() // a second signal kills
	return sv.stop(o)
}

// configuration is the file's, or the demo's, with what the flags say laid over it.
func (s serveCmd) configuration() (configFile, error) {
	c, err := s.load()
	if err != nil {
		return c, err
	}
	if s.Demo {
		if c.Path != "" {
			return c, usageError{fmt.Sprintf("--demo runs without a configuration, and %s is one; leave out --demo, or take another --data", c.Path)}
		}
		if c.Config, err = demoConfig(c.Data, s.Upstream, s.UpstreamModel); err != nil {
			return c, err
		}
	} else {
		if c.Path == "" {
			return c, usageError{"there is no configuration; try: hegui serve --demo, or write one with: hegui init"}
		}
		if s.Upstream != "" || s.UpstreamModel != "" {
			return c, usageError{"--upstream goes with --demo; otherwise upstreams stand in the configuration"}
		}
	}
	c.Listen.Gateway = cmp.Or(s.GatewayListen, c.Listen.Gateway)
	c.Listen.Console = cmp.Or(s.ConsoleListen, c.Listen.Console)
	c.Listen.Portal = cmp.Or(s.PortalListen, c.Listen.Portal)
	return c, nil
}

// face is one listener and what it serves.
type face struct {
	name     string
	listener net.Listener
	url      string
	http     *http.Server
}

// server is a running installation.
type server struct {
	readyMu  sync.Mutex // guards the answer of the last try to write
	readyAt  time.Time
	readyErr error

	in                *installation
	role              string
	demo              bool
	log               *slog.Logger
	release           func()
	pool              *upstream.Pool
	gateway           *gateway.Gateway
	lexicon           atomic.Pointer[moderation.Lexicon]
	state             lexiconState // of lexicon
	policy            atomic.Pointer[moderation.Policy]
	media             *media.Reader
	judges            []*detector.Detector      // that are configured
	watcher           *detector.Watcher         // of the trained classifiers
	detectorsRecorded *obligation.DetectorFacts // nil: not yet looked up
	keys              tryKeys
	over              chan endedExchange // exchanges that samples are drawn from

	classifiersFailed atomic.Pointer[string] // why the newest could not be taken up; told once
	faces             map[string]*face
	ready             atomic.Bool
	jobs              *errgroup.Group
	endJobs           context.CancelFunc
}

// startServer wires everything in the order of the layers and begins to serve. When it returns, all three faces answer.
func startServer(ctx context.Context, c configFile, role string, o out, begun time.Time) (sv *server, err error) {
	sv = &server{role: role, demo: c.Path == "", faces: map[string]*face{}, over: make(chan endedExchange, 1024), log: newLogger(c.Log, o.stderr)}
	defer func() {
		if err != nil {
			sv.abandon()
		}
	}()

	// Ports and the data directory first: what another process holds is told before anything is written.
	if err := sv.listen(c); err != nil {
		return sv, err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return sv, fmt.Errorf("data directory: %w; choose another with --data", err)
	}
	if err := sv.lockData(c.Data); err != nil {
		return sv, err
	}

	if err := noteConfigPath(c); err != nil {
		return sv, err
	}

	// Evidence and registers.
	if sv.in, err = openInstallation(ctx, c, false); err != nil {
		return sv, err
	}
	in := sv.in
	if sv.serves("gateway") {
		n, err := in.exchanges.Recover(ctx)
		if err != nil {
			return sv, err
		}
		if n > 0 {
			sv.log.Warn("closed exchanges that an earlier process left open", "count", n)
		}
	}
	declaration, err := sv.declaration()
	if err != nil {
		return sv, err
	}
	if err := in.services.Declare(ctx, journal.Actor{Kind: "system", ID: "configuration"}, declaration); err != nil {
		return sv, c.located(err)
	}

	// Engines.
	if err := sv.loadLexicon(ctx); err != nil {
		return sv, err
	}
	if err := sv.loadPolicy(ctx); err != nil {
		return sv, err
	}
	endpoints, err := c.endpoints()
	if err != nil {
		return sv, err
	}
	if sv.pool, err = upstream.New(endpoints, sv.upstreamChanged); err != nil {
		return sv, err
	}

	// The three faces.
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	screenings, err := screening.New(ctx, in.db, in.journal)
	if err != nil {
		return sv, err
	}
	sv.watcher = detector.NewWatcher(in.reviews.Detectors, detectorParts{lexicon: sv.lexicon.Load}.hits(), time.Now)
	judges, err := sv.openDetectors(c, metrics)
	if err != nil {
		return sv, err
	}
	eyes, blocked, err := c.fileDetectors()
	if err != nil {
		return sv, err
	}
	var labelKey *label.SigningKey
	if path := c.Provider.LabelKey; path != "" {
		if labelKey, err = signingKey(c.file(path)); err != nil {
			return sv, c.explain(fault{"provider.label_key", err.Error()})
		}
	}
	sv.media = media.NewReader(filepath.Join(c.Data, "cache", "pdfium"))
	sv.gateway, err = gateway.New(gateway.Options{Film: film.Ready() == nil, LabelKey: labelKey, Functions: in.functions, Media: sv.media, Files: eyes, Blocked: blocked, Journal: in.journal, Vault: in.vault, Exchanges: in.exchanges, Services: in.services,
		Users: in.users, Pool: sv.pool, Lexicon: sv.lexicon.Load, Policy: sv.policy.Load, PortalURL: sv.portalURL, Log: sv.log, Metrics: metrics,
		Detectors: judges, Answers: in.answers, Contents: in.content, Heightened: in.emergency.Profile, Screenings: screenings, Classifiers: sv.watcher.Detectors, Ended: sv.ended})
	if err != nil {
		return sv, err
	}
	var material func(context.Context) (int, error)
	if sv.demo {
		material = sv.sampleMaterial
	}
	public, err := portal.New(portal.Options{Services: in.services, Users: in.users, Reviews: in.reviews, Content: in.content, Log: sv.log})
	if err != nil {
		return sv, err
	}
	operators, err := console.New(console.Options{Functions: in.functions, Journal: in.journal, Verifier: in.keys.Verifier, Exchanges: in.exchanges, Services: in.services,
		Users: in.users, Staff: in.staff, Lexicon: sv.lexicon.Load, Words: in.lexicon, Answers: in.answers, Policy: sv.policy.Load, Emergency: in.emergency, Reviews: in.reviews, Content: in.content, Serves: sv.serving, Health: sv.pool.Health, Detectors: sv.detectorsNow, Material: material, Findings: sv.findings,
		VerifyAll: func(ctx context.Context) (journal.Report, error) { return in.verify(ctx, nil) },
		Gateway:   sv.gateway.Handler(), TryKey: sv.tryKey, GatewayURL: sv.gatewayURL, PortalURL: sv.portalURL, Log: sv.log})
	if err != nil {
		return sv, err
	}
	sv.face("gateway", c, nil, sv.gateway.Handler())
	sv.face("portal", c, nil, public)
	sv.face("console", c, promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}), operators)

	if err := sv.announce(ctx, o, declaration, begun); err != nil {
		return sv, err
	}
	sv.ready.Store(true)
	sv.startJobs(ctx)
	return sv, nil
}

func noteConfigPath(c configFile) error {
	if c.Path == "" {
		return nil
	}
	path, err := filepath.Abs(c.Path)
	if err == nil {
		err = writePrivate(configPathFile(c.Data), []byte(path+"\n"))
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// serves tells whether this process has a part.
func (sv *server) serves(part string) bool { return sv.role == "all" || sv.role == part }

// listen takes the addresses of the faces that this role serves.
func (sv *server) listen(c configFile) error {
	for _, f := range []struct{ name, address, public string }{
		{"gateway", c.Listen.Gateway, c.Public.Gateway}, {"console", c.Listen.Console, c.Public.Console}, {"portal", c.Listen.Portal, c.Public.Portal},
	} {
		url := strings.TrimRight(f.public, "/")
		if !sv.serves(f.name) {
			if url == "" {
				url = "http://" + f.address // where another process serves it
			}
			sv.faces[f.name] = &face{name: f.name, url: url}
			continue
		}
		l, err := net.Listen("tcp", f.address)
		if err != nil {
			mend := ""
			if errors.Is(err, syscall.EADDRINUSE) {
				mend = fmt.Sprintf("; another program listens there: stop it, or choose another address with --%s-listen (port 0 takes any free one)", f.name)
			}
			return fmt.Errorf("%s: %w%s", f.name, err, mend)
		}
		if url == "" {
			url = "http://" + l.Addr().String()
		}
		sv.faces[f.name] = &face{name: f.name, listener: l, url: url}
	}
	return nil
}

// face begins to serve one listener, if this process has it.
func (sv *server) face(name string, c configFile, metrics http.Handler, handler http.Handler) {
	f := sv.faces[name]
	if f.listener == nil {
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("GET /healthz", sv.healthz)
	mux.HandleFunc("GET /readyz", sv.readyz)
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	f.http = &http.Server{Handler: mux, ReadHeaderTimeout: time.Duration(c.Timeouts.ReadHeader), IdleTimeout: time.Duration(c.Timeouts.Idle),
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(sv.log.Handler(), slog.LevelDebug)}
	if name != "gateway" { // the gateway sets deadlines per request: its answers may stream for long
		f.http.ReadTimeout, f.http.WriteTimeout = time.Minute, 10*time.Minute
	}
	go func() {
		if err := f.http.Serve(f.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			sv.log.Error("listener ended", "face", name, "error", err)
		}
	}()
}

// healthz says that the process is alive.
func (sv *server) healthz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

// writable tries an empty commit, which takes the whole way of a record to the disk. It is asked at most once a second, so
// that probing costs nothing.
func (sv *server) writable(ctx context.Context) error {
	sv.readyMu.Lock()
	defer sv.readyMu.Unlock()
	if time.Since(sv.readyAt) < time.Second {
		return sv.readyErr
	}
	_, sv.readyErr = sv.in.journal.Commit(ctx, journal.Write{})
	sv.readyAt = time.Now()
	return sv.readyErr
}

// readyz says whether requests can be served now: a record can be written, a lexicon is in force, and no stop has begun.
func (sv *server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	why := ""
	switch {
	case !sv.ready.Load():
		why = "starting or stopping"
	case sv.writable(ctx) != nil:
		why = "the record cannot be written (database locked, full, gone or not answering)"
	case sv.lexicon.Load() == nil:
		why = "no lexicon is in force"
	}
	if why != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "not ready:", why)
		return
	}
	fmt.Fprintln(w, "ready")
}

func (sv *server) gatewayURL() string { return sv.faces["gateway"].url }
func (sv *server) portalURL() string  { return sv.faces["portal"].url }
func (sv *server) consoleURL() string { return sv.faces["console"].url }

// findings computes the register now. A version that has just been published is taken up first.
func (sv *server) findings(ctx context.Context) []obligation.Result {
	sv.followLexicon(ctx)
	return sv.in.findings(ctx, sv.portalURL())
}

func (in *installation) findings(ctx context.Context, portalURL string) []obligation.Result {
	// A lexicon or policy that cannot be read shows as unknown in the duties that rest on it.
	lexicon, _ := in.lexiconFacts(ctx)
	policy, _ := obligation.PolicyInForce(ctx, in.journal)
	detectors, _ := obligation.DetectorsInForce(ctx, in.journal)
	return obligation.Run(ctx, obligation.Evidence{Functions: in.functions, Journal: in.journal, Content: in.content, Exchanges: in.exchanges, Services: in.services, Users: in.users,
		Staff: in.staff, Lexicon: lexicon, Policy: policy, Detectors: detectors, PortalURL: portalURL, Now: time.Now()})
}

func (sv *server) declaration() (service.Declaration, error) {
	if sv.demo {
		return demoDeclaration(sv.in.config)
	}
	return sv.in.config.declaration()
}

// event writes one line of the process's own doings. It must not fail silently: what cannot be recorded is logged.
func (sv *server) event(ctx context.Context, verb journal.Verb, ref journal.Ref, body map[string]any) {
	b, err := json.Marshal(body)
	if err == nil {
		_, err = sv.in.journal.Commit(ctx, journal.Write{Events: []journal.Event{{Who: journal.Actor{Kind: "system", ID: "hegui"}, Verb: verb, Ref: ref, Body: b}}})
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		sv.log.Error("event not recorded", "verb", verb, "error", err)
	}
}

func (sv *server) upstreamChanged(endpoint string, open bool, why string) {
	state := "closed"
	if open {
		state = "open"
	}
	sv.log.Warn("upstream breaker", "endpoint", endpoint, "state", state, "why", why)
	// Called from a request: the record must not hold it up.
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		sv.event(ctx, journal.UpstreamChanged, journal.Ref{Kind: "upstream", ID: endpoint}, map[string]any{"endpoint": endpoint, "state": state, "reason": why})
	}()
}

// stop drains, records and closes. It returns an error when something could not be made durable.
func (sv *server) stop(o out) error {
	drain := time.Duration(sv.in.config.Timeouts.Drain)
	sv.log.Info("stopping", "drain", drain.String())
	sv.ready.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	var errs []error
	if err := sv.gateway.Drain(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		errs = append(errs, err)
	}
	// What has been drained is only flushed out now; a few seconds are enough.
	last, cancelLast := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancelLast()
	for _, f := range sv.faces {
		if f.http != nil && f.http.Shutdown(last) != nil {
			_ = f.http.Close()
		}
	}
	sv.endJobs()
	errs = append(errs, sv.jobs.Wait())
	sv.pool.Close()
	sv.event(last, journal.ServerStopped, journal.Ref{Kind: "node", ID: sv.in.config.Node}, map[string]any{"role": sv.role, "reason": "signal"})
	if _, err := sv.in.journal.Checkpoint(last); err != nil {
		errs = append(errs, err)
	}
	if readServing(sv.in.config.Data).PID == os.Getpid() {
		_ = os.Remove(servingPath(sv.in.config.Data)) // it only tells commands where to look
	}
	errs = append(errs, sv.media.Close(), sv.in.close())
	sv.release()
	return errors.Join(errs...)
}

// abandon gives back what a start that failed has taken.
func (sv *server) abandon() {
	for _, f := range sv.faces {
		if f.http != nil {
			_ = f.http.Close()
		} else if f.listener != nil {
			_ = f.listener.Close()
		}
	}
	if sv.in != nil {
		_ = sv.in.close()
	}
	if sv.release != nil {
		sv.release()
	}
}

// parts are what role all is made of.
var parts = []string{"gateway", "console", "portal", "worker"}

// lockData keeps a second server of the same part off a data directory: it would close the exchanges of the first one as
// broken. The locks go with the process.
func (sv *server) lockData(data string) (err error) {
	var files []*os.File
	sv.release = func() {
		for _, f := range files {
			_ = f.Close()
		}
	}
	for _, part := range parts {
		if !sv.serves(part) {
			continue
		}
		f, err := os.OpenFile(filepath.Join(data, part+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
		files = append(files, f)
		if err := flock(f); err != nil {
			return fmt.Errorf("another hegui serves the %s of %s; stop it, or take another directory with --data", part, data)
		}
	}
	return nil
}
