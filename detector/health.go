package detector

import (
	"slices"
	"sync"
	"time"
)

// Defaults of the breaker.
const (
	DefaultFailures = 5
	DefaultPause    = 10 * time.Second
	recentCalls     = 256 // that rates and times are computed over
)

// Health is how a detector does, for the console.
type Health struct {
	Open        bool          `json:"breaker_open"`
	Since       time.Time     `json:"since,omitzero"` // when the breaker last opened or closed
	LastSuccess time.Time     `json:"last_success,omitzero"`
	LastError   string        `json:"last_error"` // without content; stays when the detector has recovered
	LastErrorAt time.Time     `json:"last_error_at,omitzero"`
	Recent      int           `json:"recent"` // checks that the figures below are over
	Errors      int           `json:"errors"`
	P50         time.Duration `json:"p50"` // of checks that were answered
	P99         time.Duration `json:"p99"`
}

// ErrorRate is the share of recent checks that failed.
func (h Health) ErrorRate() float64 {
	if h.Recent == 0 {
		return 0
	}
	return float64(h.Errors) / float64(h.Recent)
}

// pulse keeps health and breaker. The breaker opens after so many failures in a row; after a pause one check is let through
// to try, and closes it or begins another pause.
type pulse struct {
	failures int
	pause    time.Duration
	now      func() time.Time
	changed  func(open bool, why string) // never nil; called without the lock

	mu    sync.Mutex
	state Health
	inRow int
	until time.Time
	trial bool
	took  [recentCalls]time.Duration // negative: failed
	n     int
}

// admit tells whether a check may be put; when not, for how long not.
func (p *pulse) admit() (ok bool, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.state.Open {
		return true, 0
	}
	if left := p.until.Sub(p.now()); left > 0 {
		return false, left
	}
	if p.trial {
		return false, time.Second
	}
	p.trial = true
	return true, 0
}

// done takes in how a check went. failed is empty when it was answered.
func (p *pulse) done(took time.Duration, failed string) {
	p.mu.Lock()
	now, was := p.now(), p.state.Open
	p.trial = false
	if failed == "" {
		p.state.LastSuccess, p.inRow, p.state.Open = now, 0, false
		p.took[p.n%recentCalls] = max(took, 1)
	} else {
		p.state.LastError, p.state.LastErrorAt = failed, now
		p.took[p.n%recentCalls] = -1
		if p.inRow++; p.inRow >= p.failures {
			p.state.Open, p.until = true, now.Add(p.pause)
		}
	}
	p.n++
	is := p.state.Open
	if is != was {
		p.state.Since = now
	}
	p.mu.Unlock()
	if is != was {
		p.changed(is, failed)
	}
}

// leave takes back an admitted check of which nothing was learnt.
func (p *pulse) leave() {
	p.mu.Lock()
	p.trial = false
	p.mu.Unlock()
}

func (p *pulse) health() Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.state
	h.Recent = min(p.n, recentCalls)
	var good []time.Duration
	for _, t := range p.took[:h.Recent] {
		if t < 0 {
			h.Errors++
		} else {
			good = append(good, t)
		}
	}
	if len(good) > 0 {
		slices.Sort(good)
		h.P50, h.P99 = good[len(good)/2], good[min(len(good)*99/100, len(good)-1)]
	}
	return h
}
