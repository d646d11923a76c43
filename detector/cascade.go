package detector

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

// Source is what is asked: a Guard, or anything else that judges texts.
type Source struct {
	About    moderation.Description
	Artefact string // hash of everything that its answers depend on
	// Judge answers and tells what that has used, also when it failed.
	Judge func(context.Context, moderation.Query) (moderation.Judgement, Usage, error)
	// Estimate tells before a check what it will use; nil: one call.
	Estimate func(moderation.Query) Usage
}

// Ask says when a detector is asked.
type Ask string

const (
	Always Ask = "always"
	Unsure Ask = "unsure" // an earlier detector scored from Low to High, or could not work
	Hit    Ask = "hit"    // the lexicon or an earlier detector has a finding, or one could not work
)

// Options of New; the zero value asks always, keeps and counts nothing.
type Options struct {
	Ask       Ask
	Low, High float64 // for Unsure: scores of earlier detectors, both included
	Sample    float64 // share of the texts for which it is not needed that it is asked about all the same, so that drift shows

	// Earlier are the detectors before this one in the cascade; they may change while it runs. Wait is how long they may take.
	Earlier func() []moderation.Detector
	Wait    time.Duration
	// Free are detectors that cost nothing to ask, the trained classifiers: one that is always asked is compared with them and the
	// lexicon. Others are compared with all of Earlier, which they had to ask anyway.
	Free func() []moderation.Detector
	// Lexicon tells whether the lexicon in force has a hit.
	Lexicon func(moderation.Query) bool

	Price Price
	Cap   Micros // a day; 0: none
	AtCap AtCap  // "": hold

	Cache    *Cache  // nil: none
	Ledger   *Ledger // nil: nothing is counted
	Metrics  *Metrics
	Failures int           // in a row that open the breaker; 0: DefaultFailures
	Pause    time.Duration // that it rests; 0: DefaultPause
	// Changed is told when the breaker opens or closes; it must return at once.
	Changed func(name string, open bool, why string)
	Now     func() time.Time // time.Now when nil
}

// Validate tells what is wrong, by the names that the configuration uses.
func (o Options) Validate() error {
	switch o.Ask {
	case "", Always:
	case Unsure:
		if !(o.Low >= 0 && o.Low < o.High && o.High <= 1) {
			return fmt.Errorf("low, high: %v and %v: give scores from 0 to 1, low below high", o.Low, o.High)
		}
	case Hit:
	default:
		return fmt.Errorf("ask: %q: use always, unsure or hit", o.Ask)
	}
	if !(o.Sample >= 0 && o.Sample <= 1) {
		return fmt.Errorf("sample: %v: give a share from 0 to 1", o.Sample)
	}
	if err := o.Price.Validate(); err != nil {
		return fmt.Errorf("price: %w", err)
	}
	if o.Cap < 0 {
		return fmt.Errorf("daily_cap: %v: cannot be negative", o.Cap.Yuan())
	}
	if o.Cap > 0 && o.Price.free() {
		return fmt.Errorf("daily_cap: %w", errNoPrice)
	}
	if least, _ := o.Price.cost(Usage{Calls: 1, Chars: 1}); o.Cap > 0 && o.Cap < least {
		return fmt.Errorf("daily_cap: %v: one call costs at least %s, so none would ever be made", o.Cap.Yuan(), least)
	}
	if o.AtCap != "" {
		if err := o.AtCap.Validate(); err != nil {
			return fmt.Errorf("at_cap: %w", err)
		}
	}
	if o.Failures < 0 || o.Pause < 0 {
		return errors.New("breaker_failures, breaker_pause: cannot be negative")
	}
	return nil
}

// Detector decides whether a Source is asked, asks it, and keeps count. Safe for concurrent use.
type Detector struct {
	src      Source
	o        Options
	about    moderation.Description
	artefact string
	pulse    *pulse
	flights  singleflight.Group
	n        counts
	trend    trend
}

type counts struct {
	asked, answered, found, saved, skipped, sampled, sampledFound, capped, agreed, differed atomic.Int64
}

// New puts a Detector around a source.
func New(src Source, o Options) (*Detector, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("detector %q: %w", src.About.Name, err)
	}
	if o.Ask == "" {
		o.Ask = Always
	}
	if o.AtCap == "" {
		o.AtCap = CapHold
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Failures == 0 {
		o.Failures = DefaultFailures
	}
	if o.Pause == 0 {
		o.Pause = DefaultPause
	}
	if src.Estimate == nil {
		src.Estimate = func(q moderation.Query) Usage { return Usage{Calls: 1, Chars: int64(len([]rune(string(q.Text))))} }
	}
	d := &Detector{src: src, o: o, about: src.About}
	if d.about.Timeout == 0 {
		d.about.Timeout = moderation.DefaultTimeout
	}
	if o.Ask != Always {
		d.about.Timeout += o.Wait
	}
	if err := d.about.Validate(); err != nil {
		return nil, err
	}
	var err error
	if d.artefact, err = artefact("detector", src.Artefact, o.Ask, o.Low, o.High, o.Sample); err != nil {
		return nil, err
	}
	d.pulse = &pulse{failures: o.Failures, pause: o.Pause, now: o.Now, changed: d.changed}
	d.pulse.state.Since = o.Now()
	return d, nil
}

func (d *Detector) changed(open bool, why string) {
	d.o.Metrics.open(d.about.Name, open)
	if d.o.Changed != nil {
		d.o.Changed(d.about.Name, open, why)
	}
}

// Describe implements moderation.Detector.
func (d *Detector) Describe() moderation.Description { return d.about }

// Check implements moderation.Detector. Equal questions at the same time are one.
func (d *Detector) Check(ctx context.Context, q moderation.Query) (moderation.Judgement, error) {
	key, share := d.keyOf(q)
	if d.o.Cache != nil {
		if j, ok := d.o.Cache.get(key); ok {
			d.save()
			return j, nil
		}
	}
	flight := d.flights.DoChan(string(key[:]), func() (any, error) {
		// Who asked first may leave; others wait for the same answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.about.Timeout)
		defer cancel()
		return d.decide(ctx, q, key, share), nil
	})
	select {
	case r := <-flight:
		j := r.Val.(moderation.Judgement)
		j.Findings = append([]moderation.Detection(nil), j.Findings...)
		return j, nil
	case <-ctx.Done():
		return moderation.Judgement{Outcome: moderation.Unavailable, Artefact: d.artefact}, ctx.Err()
	}
}

// keyOf hashes the question and draws from it where in 0 … 1 it lies, for the sample.
func (d *Detector) keyOf(q moderation.Query) (verdictKey, float64) {
	c := d.o.Cache
	if c == nil {
		c = &Cache{} // no key: only equality counts
	}
	key := c.keyOf(d.artefact, q)
	return key, float64(binary.BigEndian.Uint64(key[:8])) / math.MaxUint64
}

func (d *Detector) save() {
	d.n.saved.Add(1)
	d.o.Metrics.check(d.about.Name, "cached")
	if d.o.Ledger != nil {
		d.o.Ledger.note(d.about.Name, Spend{Saved: 1})
	}
}

// decide runs the cascade and asks the source when it is needed. It never panics.
func (d *Detector) decide(ctx context.Context, q moderation.Query, key verdictKey, share float64) (j moderation.Judgement) {
	defer func() {
		if p := recover(); p != nil {
			j = d.unavailable(fmt.Sprintf("panic: %v", p), nil)
		}
		j.Artefact = d.artefact
	}()
	needed, before := d.needed(ctx, q)
	sampled := !needed && share < d.o.Sample
	if !needed && !sampled {
		d.n.skipped.Add(1)
		d.o.Metrics.check(d.about.Name, "not_needed")
		if d.o.Ledger != nil {
			d.o.Ledger.note(d.about.Name, Spend{Skipped: 1})
		}
		return moderation.Judgement{Outcome: moderation.Clear}
	}
	j = d.ask(ctx, q, needed)
	if j.Outcome != moderation.Unavailable && before.known {
		if before.found == (j.Outcome == moderation.Found) {
			d.n.agreed.Add(1)
		} else {
			d.n.differed.Add(1)
		}
	}
	if sampled {
		d.n.sampled.Add(1)
		if j.Outcome == moderation.Found {
			d.n.sampledFound.Add(1)
		}
		if j.Outcome == moderation.Unavailable { // it was not needed
			j = moderation.Judgement{Outcome: moderation.Clear, Reason: "asked for the sample alone, and out: " + j.Reason}
		}
	}
	if d.o.Cache != nil {
		j.Artefact = d.artefact
		d.o.Cache.put(key, j)
	}
	return j
}

// verdict is what those before said.
type verdict struct{ known, found bool }

// needed runs the cascade before this detector.
func (d *Detector) needed(ctx context.Context, q moderation.Query) (bool, verdict) {
	if d.o.Ask == Always {
		return true, d.free(ctx, q)
	}
	v := verdict{known: true}
	need := false
	if d.o.Ask == Hit && d.o.Lexicon != nil && d.o.Lexicon(q) {
		need, v.found = true, true
	}
	if d.o.Earlier == nil {
		return need, v
	}
	for _, a := range moderation.ConsultAll(ctx, d.o.Earlier(), q, nil) {
		if a.Outcome == moderation.Unavailable {
			need, v.known = true, false
		}
		if d.o.Ask == Unsure && a.Score > 0 && a.Score >= d.o.Low && a.Score <= d.o.High {
			need = true
		}
		for _, f := range a.Findings {
			v.found = true
			if d.o.Ask == Hit || f.Score >= d.o.Low && f.Score <= d.o.High {
				need = true
			}
		}
	}
	return need, v
}

// free is what lexicon and classifiers say, which cost nothing; not known where there are none or one is out.
func (d *Detector) free(ctx context.Context, q moderation.Query) verdict {
	var v verdict
	if d.o.Lexicon != nil {
		v.known, v.found = true, d.o.Lexicon(q)
	}
	if d.o.Free == nil {
		return v
	}
	for _, a := range moderation.ConsultAll(ctx, d.o.Free(), q, nil) {
		if a.Outcome == moderation.Unavailable {
			return verdict{}
		}
		v.known, v.found = true, v.found || a.Outcome == moderation.Found
	}
	return v
}

// ask puts the question, if breaker and cap let it.
func (d *Detector) ask(ctx context.Context, q moderation.Query, needed bool) moderation.Judgement {
	ok, wait := d.pulse.admit()
	if !ok {
		return d.unavailable(fmt.Sprintf("it rests after failures and is tried again in %s", wait.Round(100*time.Millisecond)), nil)
	}
	expected, _ := d.o.Price.cost(d.src.Estimate(q))
	var at spendKey
	if d.o.Ledger != nil {
		if at, ok = d.o.Ledger.reserve(d.about.Name, expected, d.o.Cap); !ok {
			d.pulse.leave()
			return d.atCap(ctx, q, needed)
		}
	}
	began := d.o.Now()
	j, used, err := d.judge(ctx, q)
	took := d.o.Now().Sub(began)
	d.count(at, expected, used)
	switch {
	case err != nil:
		j = d.unavailable(err.Error(), nil)
	case j.Outcome == moderation.Unavailable:
		tooLong := j.TooLong
		j = d.unavailable(j.Reason, j.Rule)
		j.TooLong = tooLong
	}
	d.n.asked.Add(1)
	switch {
	case j.Outcome != moderation.Unavailable:
		d.n.answered.Add(1)
		if j.Outcome == moderation.Found {
			d.n.found.Add(1)
		}
		d.trend.add(j.Outcome == moderation.Found)
		d.pulse.done(took, "")
	case used.Calls == 0 && err == nil: // it was not tried: the text is not for it
		d.pulse.leave()
	default:
		d.pulse.done(took, j.Reason)
	}
	d.o.Metrics.check(d.about.Name, string(j.Outcome))
	d.o.Metrics.took(d.about.Name, took)
	return j
}

// judge asks the source; a panic is an error of its, and what was reserved is given back.
func (d *Detector) judge(ctx context.Context, q moderation.Query) (j moderation.Judgement, used Usage, err error) {
	defer func() {
		if p := recover(); p != nil {
			used.Calls, err = max(used.Calls, 1), fmt.Errorf("panic: %v", p)
		}
	}()
	return d.src.Judge(ctx, q)
}

func (d *Detector) unavailable(reason string, rule *moderation.OnError) moderation.Judgement {
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return moderation.Judgement{Outcome: moderation.Unavailable, Reason: reason, Rule: rule}
}

// maxReason bounds what is kept of a failure, in bytes.
const maxReason = 400

// count books what a check has used.
func (d *Detector) count(at spendKey, expected Micros, used Usage) {
	cost, over := d.o.Price.cost(used)
	d.o.Metrics.spent(d.about.Name, cost)
	if d.o.Ledger == nil {
		return
	}
	d.o.Ledger.settle(at, expected, Spend{Checks: 1, Calls: used.Calls, Chars: used.Chars, In: used.In, Out: used.Out, Cost: cost, Estimated: used.Estimated,
		Over: used.Over, OverCost: over})
	if used.Over > 0 {
		d.o.Ledger.tell(d.about.Name, journal.DetectorOvercharged, map[string]any{"day": at.day, "detector": d.about.Name,
			"counted_in": used.In, "counted_out": used.Out, "billed_in": used.In + used.OverIn, "billed_out": used.Out + used.OverOut})
	}
}

// atCap is the declared degrade.
func (d *Detector) atCap(ctx context.Context, q moderation.Query, needed bool) moderation.Judgement {
	d.n.capped.Add(1)
	d.o.Metrics.check(d.about.Name, "capped")
	d.o.Ledger.note(d.about.Name, Spend{Capped: 1})
	d.o.Ledger.tell(d.about.Name, journal.DetectorCapped, map[string]any{"day": Day(d.o.Now()), "detector": d.about.Name, "cap": d.o.Cap.Yuan(), "at_cap": string(d.o.AtCap)})
	rule := moderation.Hold
	switch {
	case d.o.AtCap == CapSkip, !needed:
		rule = moderation.Degrade
	case d.o.AtCap == CapLexicon && !d.evidence(ctx, q):
		rule = moderation.Degrade
	}
	return d.unavailable(fmt.Sprintf("its daily cap of %s leaves no room for this call (at_cap: %s)", d.o.Cap, d.o.AtCap), &rule)
}

// evidence tells whether the lexicon or an earlier detector has anything.
func (d *Detector) evidence(ctx context.Context, q moderation.Query) bool {
	if d.o.Lexicon != nil && d.o.Lexicon(q) {
		return true
	}
	if d.o.Earlier == nil {
		return false
	}
	for _, a := range moderation.ConsultAll(ctx, d.o.Earlier(), q, nil) {
		if a.Outcome == moderation.Found {
			return true
		}
	}
	return false
}

// Status is a detector as the console shows it. Counts are of this process.
type Status struct {
	Name         string        `json:"name"`
	Kind         string        `json:"kind"`
	Artefact     string        `json:"artefact"`
	Ask          Ask           `json:"ask"`
	Timeout      time.Duration `json:"timeout"`
	Health       Health        `json:"health"`
	Asked        int64         `json:"asked"`
	Answered     int64         `json:"answered"`
	Found        int64         `json:"found"`
	Saved        int64         `json:"saved"`         // by the cache
	Skipped      int64         `json:"skipped"`       // by the cascade
	Sampled      int64         `json:"sampled"`       // asked though the cascade did not need it
	SampledFound int64         `json:"sampled_found"` // and something was found: the cascade misses that share
	Capped       int64         `json:"capped"`
	Agreed       int64         `json:"agreed"` // on whether there is anything: with those before it in the cascade; of one that is always asked, with lexicon and classifiers
	Differed     int64         `json:"differed"`
	Trend        Trend         `json:"trend"`
	Cap          Micros        `json:"cap"`
	AtCap        AtCap         `json:"at_cap"`
	Today        Micros        `json:"today"` // spent by all nodes
}

// Status tells how it does.
func (d *Detector) Status() Status {
	s := Status{Name: d.about.Name, Kind: d.about.Kind, Artefact: d.artefact, Ask: d.o.Ask, Timeout: d.about.Timeout, Health: d.pulse.health(), Asked: d.n.asked.Load(),
		Answered: d.n.answered.Load(), Found: d.n.found.Load(), Saved: d.n.saved.Load(), Skipped: d.n.skipped.Load(), Sampled: d.n.sampled.Load(),
		SampledFound: d.n.sampledFound.Load(), Capped: d.n.capped.Load(), Agreed: d.n.agreed.Load(), Differed: d.n.differed.Load(), Trend: d.trend.now(), Cap: d.o.Cap, AtCap: d.o.AtCap}
	if d.o.Ledger != nil {
		s.Today = d.o.Ledger.Today(d.about.Name)
	}
	return s
}
