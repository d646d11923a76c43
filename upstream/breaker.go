package upstream

import (
	"sync"
	"time"
)

// breaker is the state of one endpoint. It is closed until threshold failures came one after another; then open for
// pause; then it lets a single trial through. Response headers of a trial close it, but the next failure opens it again
// until one answer has come whole: an endpoint that breaks off every answer stays out.
type breaker struct {
	threshold int
	pause     time.Duration

	mu      sync.Mutex
	fails   int // consecutive
	open    bool
	trial   bool // one is under way
	until   time.Time
	since   time.Time
	calls   int64
	failed  int64
	lastErr string
	news    []change
	telling bool
}

type change struct {
	open bool
	why  string
}

// admit says whether a call may go out, whether it is the trial, and otherwise how long to wait.
func (b *breaker) admit() (trial, ok bool, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open {
		now := time.Now()
		if wait = b.until.Sub(now); wait > 0 {
			return false, false, wait
		}
		if b.trial {
			return false, false, time.Second // the trial's outcome is near, but not known
		}
		b.trial, trial = true, true
	}
	b.calls++
	return trial, true, 0
}

// alive notes response headers.
func (b *breaker) alive(trial bool) {
	if !trial {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trial, b.open, b.since = false, false, time.Now()
	b.fails = b.threshold - 1
	b.news = append(b.news, change{false, "a trial request was answered"})
}

// whole notes an answer that came to its end, or that we ourselves stopped reading.
func (b *breaker) whole() {
	b.mu.Lock()
	if !b.open {
		b.fails = 0
	}
	b.mu.Unlock()
}

// failure counts one. trial says that the call was the trial and that alive has not been called for it.
func (b *breaker) failure(trial bool, why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed++
	b.lastErr = why
	if trial {
		b.trial = false
		b.until = time.Now().Add(b.pause)
		return
	}
	if b.open {
		return // sent before it opened
	}
	if b.fails++; b.fails >= b.threshold {
		now := time.Now()
		b.open, b.since, b.until = true, now, now.Add(b.pause)
		b.news = append(b.news, change{true, why})
	}
}

// undecided gives a trial back that the client cancelled: the next call is the trial.
func (b *breaker) undecided(trial bool) {
	if !trial {
		return
	}
	b.mu.Lock()
	b.trial = false
	b.mu.Unlock()
}

// tell passes changes on in the order in which they happened, one goroutine at a time, without holding the lock.
func (b *breaker) tell(f func(change)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.telling {
		return
	}
	for len(b.news) > 0 {
		c := b.news[0]
		b.news = b.news[1:]
		b.telling = true
		func() {
			b.mu.Unlock()
			defer func() {
				b.mu.Lock()
				b.telling = false
			}()
			f(c)
		}()
	}
}

func (ep *endpoint) health() Health {
	b := &ep.breaker
	b.mu.Lock()
	defer b.mu.Unlock()
	return Health{Endpoint: ep.name, Open: b.open, Since: b.since, Calls: b.calls, Failures: b.failed, LastError: b.lastErr}
}
