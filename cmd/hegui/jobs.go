package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/obligation"
	"github.com/hegui/hegui/service"
)

// How often the background does its work. The register's freshness limits rest on the probes.
const (
	probeEvery      = time.Minute
	checkpointEvery = time.Minute
	findingsEvery   = time.Hour
	purgeEvery      = time.Hour
	settleEvery     = time.Minute
	screeningEvery  = 5 * time.Second
	lexiconEvery    = 250 * time.Millisecond // looks at one number in memory; reads nothing until the journal moves
)

// startJobs begins the background work of this process. Each job ends with endJobs, after what it is doing.
func (sv *server) startJobs(ctx context.Context) {
	ctx, sv.endJobs = context.WithCancel(context.WithoutCancel(ctx))
	sv.jobs = &errgroup.Group{}
	every := func(d time.Duration, at time.Duration, job func(context.Context)) {
		sv.jobs.Go(func() error {
			timer := time.NewTimer(at)
			defer timer.Stop()
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-timer.C:
				}
				sv.guarded(ctx, job)
				timer.Reset(d)
			}
		})
	}
	if sv.serves("gateway") {
		every(screeningEvery, screeningEvery, sv.sweepScreenings)
		every(probeEvery, 0, sv.probe)
		sv.jobs.Go(func() error { sv.reloadOnHangup(ctx); return nil })
		sv.jobs.Go(func() error { sv.drawSamples(ctx); return nil })
		sv.jobs.Go(func() error { sv.reloadPolicy(ctx); return nil })
	}
	every(lexiconEvery, lexiconEvery, sv.followLexicon)
	every(lexiconEvery, 0, sv.followClassifiers)
	every(checkpointEvery, checkpointEvery, sv.checkpoint)
	every(detector.FlushEvery, detector.FlushEvery, sv.flushSpend)
	every(detector.FlushEvery, detector.FlushEvery, sv.flushOwed)
	if sv.serves("worker") {
		every(findingsEvery, 10*time.Second, sv.takeFindings) // after the first probes
		every(purgeEvery, time.Minute, sv.purge)
		every(settleEvery, settleEvery, sv.settle)
	}
}

// guarded keeps one job's bug from ending the server; it is logged as an error, and the duty that rests on the job turns
// by itself when its evidence grows stale.
func (sv *server) guarded(ctx context.Context, job func(context.Context)) {
	defer func() {
		if r := recover(); r != nil {
			sv.log.Error("background job panicked", "panic", fmt.Sprint(r))
		}
	}()
	job(ctx)
}

// probe sends each service's synthetic requests through the gateway and records what came out.
func (sv *server) probe(ctx context.Context) {
	for _, s := range sv.in.services.Services() {
		one, cancel := context.WithTimeout(ctx, 30*time.Second)
		results := sv.gateway.Probe(one, s.ID)
		cancel()
		for _, r := range results {
			if !r.OK {
				sv.log.Warn("self-test failed", "service", s.ID, "guard", r.Guard, "saw", r.Saw)
			}
		}
		sv.event(ctx, journal.ProbeRan, journal.Ref{Kind: "service", ID: s.ID}, map[string]any{"service": s.ID, "results": results})
	}
}

// sweepScreenings ends texts of detached mode that were not sent whole, and erases what has expired.
func (sv *server) sweepScreenings(ctx context.Context) {
	if err := sv.gateway.SweepScreenings(ctx); err != nil && ctx.Err() == nil {
		sv.log.Error("detached sessions not swept", "error", err)
	}
}

func (sv *server) checkpoint(ctx context.Context) {
	if _, err := sv.in.journal.Checkpoint(ctx); err != nil && ctx.Err() == nil {
		sv.log.Error("checkpoint not signed", "error", err)
	}
}

// takeFindings records the status of every duty, so that "what was our status on that day" can be answered and proved.
func (sv *server) takeFindings(ctx context.Context) {
	statuses := map[string]obligation.Status{}
	for _, r := range sv.findings(ctx) {
		statuses[r.Duty.ID] = r.Finding.Status
	}
	if ctx.Err() == nil {
		sv.event(ctx, journal.FindingsTaken, journal.Ref{Kind: "node", ID: sv.in.config.Node}, map[string]any{"statuses": statuses})
	}
}

// flushOwed writes which interfaces had to show something.
func (sv *server) flushOwed(ctx context.Context) {
	if err := sv.in.functions.Flush(ctx); err != nil && !errors.Is(err, context.Canceled) {
		sv.log.Error("what interfaces had to show could not be written; it is kept and written later", "error", err)
	}
}

// settle tells the journal of emergency measures that have come to their end or lapsed.
func (sv *server) settle(ctx context.Context) {
	if _, err := sv.in.emergency.Settle(ctx, journal.Actor{Kind: "system", ID: "emergency"}); err != nil && ctx.Err() == nil {
		sv.log.Error("the end of emergency measures is not recorded", "error", err)
	}
}

// purge deletes content that has been kept for as long as its service says, and bytes whose download links have ended.
func (sv *server) purge(ctx context.Context) {
	if n, err := sv.in.content.Purge(ctx); err != nil && ctx.Err() == nil {
		sv.log.Error("kept bytes not purged", "error", err)
	} else if n > 0 {
		sv.log.Info("purged kept bytes", "count", n)
	}
	for _, s := range sv.in.services.Services() {
		if s.ContentDays == 0 {
			continue
		}
		n, err := sv.in.exchanges.Purge(ctx, s.ID, time.Now().AddDate(0, 0, -s.ContentDays))
		if err != nil && ctx.Err() == nil {
			sv.log.Error("content not purged", "service", s.ID, "error", err)
		} else if n > 0 {
			sv.log.Info("purged content", "service", s.ID, "count", n, "days", s.ContentDays)
		}
	}
}

// tryKeys are the keys with which the console's Try it page talks to the gateway; they live as long as the process.
type tryKeys struct {
	mu      sync.Mutex
	secrets map[string]string
}

// tryKeyLife is how long such a key works; another is issued when it has run out.
const tryKeyLife = 24 * time.Hour

// tryKey returns the secret of this process's key for a service, issuing it on first use.
func (sv *server) tryKey(ctx context.Context, serviceID string) (string, error) {
	sv.keys.mu.Lock()
	defer sv.keys.mu.Unlock()
	now := time.Now()
	if secret, ok := sv.keys.secrets[serviceID]; ok {
		if _, err := sv.in.services.Authenticate(ctx, secret, now.Add(time.Minute)); err == nil {
			return secret, nil
		}
	}
	_, secret, err := sv.in.services.IssueKey(ctx, journal.Actor{Kind: "system", ID: "console"},
		service.Key{Service: serviceID, Application: "hegui-console", Expires: now.Add(tryKeyLife)})
	if err != nil {
		return "", err
	}
	if sv.keys.secrets == nil {
		sv.keys.secrets = map[string]string{}
	}
	sv.keys.secrets[serviceID] = secret
	return secret, nil
}

// newLogger writes JSON, or text for people. Nothing that hegui logs holds content, keys or users' names.
func newLogger(c LogConfig, w io.Writer) *slog.Logger {
	level, err := logLevel(c.Level)
	if err != nil {
		level = slog.LevelInfo // checked when the configuration was read
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
