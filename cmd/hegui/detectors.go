package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hegui/hegui/console"
	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/detector/hosted"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/review"
)

// detectorFaults is what can be judged without reading another file.
func (c configFile) detectorFaults() []fault {
	var faults []fault
	bad := func(path, message string, args ...any) {
		faults = append(faults, fault{path, fmt.Sprintf(message, args...)})
	}
	if c.DetectorCache < 0 {
		bad("detector_cache", "%d: give 0 or more", c.DetectorCache)
	}
	names := map[string]bool{}
	for i, d := range c.Detectors {
		at := fmt.Sprintf("detectors[%d]", i)
		if d.Name == "" || names[d.Name] {
			bad(at+".name", "%q: give each detector a name of its own", d.Name)
		}
		names[d.Name] = true
		if d.Name == moderation.KindLexicon || review.Owns(d.Name) {
			bad(at+".name", "%q: the lexicon and trained classifiers (linear-1, …) have such names; choose another", d.Name)
		}
		if d.OnError != "hold" && d.OnError != "degrade" {
			bad(at+".on_error", "%q: use hold or degrade", d.OnError)
		}
		if d.KeyFile != "" && d.KeyEnv != "" {
			bad(at+".key_env", "only one of key_file and key_env can be set")
		}
		if d.BreakerFailures < 1 {
			bad(at+".breaker_failures", "%d: give at least 1", d.BreakerFailures)
		}
		switch _, err := detector.ProfileByID(d.Profile); {
		case d.Vendor != "" && d.Profile != "":
			bad(at+".vendor", "only one of profile and vendor can be set")
		case d.Vendor == "" && err != nil:
			bad(at+".profile", "%v", err)
		}
		if err := d.options().Validate(); err != nil {
			fields, message, _ := strings.Cut(err.Error(), ": ") // it begins with the field, or several
			field, _, _ := strings.Cut(fields, ",")
			bad(at+"."+field, "%s", message)
		}
	}
	return faults
}

// options are what the configuration says of when a detector is asked and what it costs.
func (d DetectorConfig) options() detector.Options {
	return detector.Options{Ask: detector.Ask(d.Ask), Low: d.Low, High: d.High, Sample: d.Sample,
		Price: detector.Price{PerCall: d.Price.PerCall, PerKChars: d.Price.PerKChars, PerMIn: d.Price.PerMIn, PerMOut: d.Price.PerMOut},
		Cap:   detector.FromYuan(d.DailyCap), AtCap: detector.AtCap(d.AtCap), Failures: d.BreakerFailures, Pause: time.Duration(d.BreakerPause)}
}

// guard builds the model that a detector asks, reading key and policy.
func (c configFile) guard(i int) (*detector.Guard, error) {
	d := c.Detectors[i]
	at := fmt.Sprintf("detectors[%d]", i)
	s := detector.Settings{Name: d.Name, Profile: d.Profile, URL: d.URL, Model: d.Model, Asks: d.Asks, Tier: moderation.Tier(d.Tier), Threshold: d.Threshold,
		MaxChars: d.MaxChars, MaxPieces: d.MaxPieces, Context: d.Context, Window: d.Window, Sync: d.Sync, Timeout: time.Duration(d.Timeout)}
	if d.OnError == "degrade" {
		s.OnError = moderation.Degrade
	}
	var err error
	if s.Key, err = c.detectorKey(i); err != nil {
		return nil, err
	}
	if d.PolicyFile != "" {
		b, err := os.ReadFile(c.file(d.PolicyFile))
		if err != nil {
			return nil, c.explain(fault{at + ".policy_file", err.Error()})
		}
		s.Policy = string(b)
	}
	g, err := detector.NewGuard(s)
	if err != nil {
		return nil, c.explain(fault{at, err.Error()})
	}
	return g, nil
}

// detectorKey reads what a detector proves itself with; empty when it needs nothing.
func (c configFile) detectorKey(i int) (string, error) {
	d, at := c.Detectors[i], fmt.Sprintf("detectors[%d]", i)
	switch {
	case d.KeyFile != "":
		key, err := c.secret(d.KeyFile)
		if err != nil {
			return "", c.explain(fault{at + ".key_file", err.Error()})
		}
		return key, nil
	case d.KeyEnv != "":
		key := os.Getenv(d.KeyEnv)
		if key == "" {
			return "", c.explain(fault{at + ".key_env", fmt.Sprintf("the environment has no variable %s, or it is empty", d.KeyEnv)})
		}
		return key, nil
	}
	return "", nil
}

// asks is what a detector asks: a model, or a vendor's hosted check.
func (c configFile) asks(i int) (detector.Source, error) {
	d := c.Detectors[i]
	if d.Vendor == "" {
		g, err := c.guard(i)
		if err != nil {
			return detector.Source{}, err
		}
		return g.Source(), nil
	}
	secret, err := c.detectorKey(i)
	if err != nil {
		return detector.Source{}, err
	}
	s := hosted.Settings{Name: d.Name, Vendor: d.Vendor, URL: d.URL, Region: d.Region, KeyID: d.KeyID, Secret: secret, Project: d.Project, Service: d.Service,
		Tier: moderation.Tier(d.Tier), MaxPieces: d.MaxPieces, Window: d.Window, Sync: d.Sync, Timeout: time.Duration(d.Timeout)}
	if d.OnError == "degrade" {
		s.OnError = moderation.Degrade
	}
	check, err := hosted.New(s)
	if err != nil {
		return detector.Source{}, c.explain(fault{fmt.Sprintf("detectors[%d]", i), err.Error()})
	}
	usage := func(u hosted.Used) detector.Usage { return detector.Usage{Calls: u.Calls, Chars: u.Chars} }
	estimate := func(q moderation.Query) detector.Usage { return usage(check.Estimate(q)) }
	return detector.Source{About: check.Describe(), Artefact: check.Artefact(), Estimate: estimate, Judge: func(ctx context.Context, q moderation.Query) (moderation.Judgement, detector.Usage, error) {
		j, used, err := check.Judge(ctx, q)
		return j, usage(used), err
	}}, nil
}

// detectorParts are what the configured detectors share with the rest of the process; what is nil is left out.
type detectorParts struct {
	classifiers func() []moderation.Detector
	lexicon     func() *moderation.Lexicon
	cache       *detector.Cache
	ledger      *detector.Ledger
	metrics     *detector.Metrics
	changed     func(name string, open bool, why string)
}

// hits tells whether the lexicon in force has a hit; nil without one.
func (p detectorParts) hits() func(moderation.Query) bool {
	if p.lexicon == nil {
		return nil
	}
	return func(q moderation.Query) bool {
		return len(p.lexicon().ScanIn(q.Scene, slices.Concat(q.Context, q.Text))) > 0
	}
}

// detectors builds the cascade: each detector knows those above it.
func (c configFile) detectors(p detectorParts) ([]*detector.Detector, error) {
	var out []*detector.Detector
	var earlier []moderation.Detector
	var wait time.Duration
	for i, d := range c.Detectors {
		src, err := c.asks(i)
		if err != nil {
			return nil, err
		}
		o := d.options()
		o.Cache, o.Ledger, o.Metrics, o.Changed, o.Wait = p.cache, p.ledger, p.metrics, p.changed, wait
		before := slices.Clone(earlier)
		o.Earlier = func() []moderation.Detector {
			if p.classifiers == nil {
				return before
			}
			return slices.Concat(p.classifiers(), before)
		}
		o.Free, o.Lexicon = p.classifiers, p.hits()
		one, err := detector.New(src, o)
		if err != nil {
			return nil, c.explain(fault{fmt.Sprintf("detectors[%d]", i), err.Error()})
		}
		out, earlier = append(out, one), append(earlier, one)
		wait = max(wait, one.Describe().Timeout)
	}
	return out, nil
}

// openDetectors builds those of a server.
func (sv *server) openDetectors(c configFile, metrics prometheus.Registerer) ([]moderation.Detector, error) {
	if len(c.Detectors) == 0 {
		return nil, nil
	}
	p := detectorParts{classifiers: sv.in.reviews.Detectors, lexicon: sv.lexicon.Load, ledger: sv.in.spend, changed: sv.detectorChanged}
	var err error
	if p.cache, err = detector.NewCache(c.DetectorCache); err != nil {
		return nil, err
	}
	if p.metrics, err = detector.NewMetrics(metrics); err != nil {
		return nil, err
	}
	if sv.judges, err = c.detectors(p); err != nil {
		return nil, err
	}
	var out []moderation.Detector
	for _, d := range sv.judges {
		out = append(out, d)
	}
	return out, nil
}

// detectorChanged records that a breaker opened or closed. It is called from a check, which it must not hold up.
func (sv *server) detectorChanged(name string, open bool, why string) {
	state := "closed"
	if open {
		state = "open"
	}
	sv.log.Warn("detector breaker", "detector", name, "state", state, "why", why)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		sv.event(ctx, journal.DetectorChanged, journal.Ref{Kind: "detector", ID: name}, map[string]any{"detector": name, "state": state, "reason": why})
	}()
}

// detectorsNow is what the console shows of them.
func (sv *server) detectorsNow(ctx context.Context) (console.DetectorsNow, error) {
	d, err := console.DetectorsOf(ctx, sv.judges, sv.in.spend, time.Now())
	d.Classifiers = console.ClassifiersOf(sv.in.reviews.Consulted(), sv.watcher.Status())
	return d, err
}

// flushSpend writes what detectors have used.
func (sv *server) flushSpend(ctx context.Context) {
	if len(sv.judges) == 0 {
		return
	}
	if err := sv.in.spend.Flush(ctx); err != nil && !errors.Is(err, context.Canceled) {
		sv.log.Error("the use of detectors could not be written; it is kept and written later", "error", err)
	}
}
