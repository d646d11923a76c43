package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// try sends one request to one endpoint. It returns an answer of any status, or an error; limit is what is left of
// Request.Total. An answer that refuses the content is told from one that failed.
func (p *Pool) try(ctx context.Context, at entry, r *Request, limit time.Duration, tries int) (*http.Response, *Refusal, *Error) {
	ep := at.ep
	b := &body{pool: p, ep: ep, parent: ctx, tries: tries, idle: ep.idle, start: time.Now()}
	b.since.Store(waiting)
	tctx, cancel := context.WithCancelCause(ctx)
	b.ctx, b.cancel = tctx, cancel
	late, wait := errNoHeaders, ep.firstByte
	if limit < wait {
		late, wait = errTotal, limit
	}
	b.timer = time.AfterFunc(wait, func() { b.expire(late) })

	resp, err := ep.rt.RoundTrip(ep.newRequest(tctx, at.target, r))
	if !b.since.CompareAndSwap(waiting, resting) && err == nil {
		// The timer was first by a hair.
		_ = resp.Body.Close()
		cancel(late)
		err = late
	}
	if err != nil {
		b.timer.Stop()
		fail := b.failed(err)
		cancel(nil)
		switch {
		case fail.Kind == KindCancelled, errors.Is(fail.Err, errTotal) && tries > 1:
			// A later try that got only the rest of the time proves nothing against its endpoint.
			ep.breaker.undecided(at.trial)
		default:
			p.failure(ep, at.trial, fail.Kind+": "+fail.Err.Error())
		}
		return nil, nil, fail
	}
	b.rc = resp.Body
	resp.Body = b
	b.timer.Reset(b.idle)
	var refusal *Refusal
	if resp.StatusCode >= 400 {
		b.settled.Store(resp.StatusCode >= 500) // what it says decides whether it failed, not that it could be read
		refusal = ep.refusals.peek(resp)
	}
	if resp.StatusCode >= 500 && refusal == nil {
		p.failure(ep, at.trial, "HTTP "+resp.Status)
		return resp, nil, nil
	}
	if refusal != nil {
		ep.breaker.whole()
	}
	if at.trial {
		ep.breaker.alive(true)
		p.tell(ep)
	}
	if b.rc == http.NoBody {
		b.finish(io.EOF)
	}
	return resp, refusal, nil
}

func (p *Pool) failure(ep *endpoint, trial bool, why string) {
	ep.breaker.failure(trial, why)
	p.tell(ep)
}

func (p *Pool) tell(ep *endpoint) {
	ep.breaker.tell(func(c change) {
		if p.onChange != nil {
			p.onChange(ep.name, c.open, c.why)
		}
	})
}

// newRequest copies the endpoint's prepared request and fills in what differs.
func (ep *endpoint) newRequest(ctx context.Context, t Target, r *Request) *http.Request {
	req := ep.request.WithContext(ctx)
	u := *ep.request.URL
	u.Path += r.Path
	req.URL = &u
	req.Method = r.Method
	var payload []byte
	if r.Body != nil {
		payload = r.Body(t)
	}
	req.Header = ep.outgoing(r, len(payload) > 0)
	if len(payload) > 0 {
		req.ContentLength = int64(len(payload))
		// GetBody lets the transport send the request again when upstream had closed a kept connection meanwhile.
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
		req.Body, _ = req.GetBody()
	}
	return req
}

// What body.since holds besides the nanoseconds (plus 1) after start at which the running read began.
const (
	resting int64 = 0  // headers are here, nobody reads
	waiting int64 = -1 // for headers
	expired int64 = -2
)

// body is a response body that watches for silence and tells the breaker how the answer ended. One timer serves both the
// wait for headers and the reads; a read only stores when it began, and the timer, when it fires, looks whether that is
// too long ago.
type body struct {
	rc     io.ReadCloser
	pool   *Pool
	ep     *endpoint
	parent context.Context // the caller's
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	tries  int
	idle   time.Duration
	start  time.Time
	since  atomic.Int64

	settled atomic.Bool // the breaker has been told, or the timer and context released
	once    sync.Once
	end     error // what every read after the end returns
}

// expire is the timer's.
func (b *body) expire(late error) {
	if b.since.CompareAndSwap(waiting, expired) {
		b.cancel(late)
		return
	}
	since := b.since.Load()
	switch {
	case b.ctx.Err() != nil || since == expired:
	case since == resting:
		b.timer.Reset(b.idle)
	default:
		silent := time.Since(b.start) - time.Duration(since-1)
		if silent >= b.idle {
			b.cancel(errSilent)
			return
		}
		b.timer.Reset(b.idle - silent)
	}
}

// Read reads the answer; see Response for its errors.
func (b *body) Read(p []byte) (int, error) {
	if b.end != nil {
		return 0, b.end
	}
	b.since.Store(1 + int64(time.Since(b.start)))
	n, err := b.rc.Read(p)
	b.since.Store(resting)
	if err != nil {
		err = b.finish(err)
	}
	return n, err
}

// finish ends the answer once: it releases timer and context and tells the breaker.
func (b *body) finish(err error) error {
	b.timer.Stop()
	if err != io.EOF {
		fail := b.failed(err)
		err = fail
		if fail.Kind != KindCancelled && b.settled.CompareAndSwap(false, true) {
			b.pool.failure(b.ep, false, fail.Kind+" inside an answer: "+fail.Err.Error())
		}
	} else if b.settled.CompareAndSwap(false, true) {
		b.ep.breaker.whole()
	}
	b.end = err
	b.cancel(nil)
	return err
}

// Close ends the call; what upstream was still sending is cancelled.
func (b *body) Close() error {
	var err error
	b.once.Do(func() {
		b.timer.Stop()
		if b.settled.CompareAndSwap(false, true) && b.parent.Err() == nil {
			b.ep.breaker.whole()
		}
		b.cancel(nil)
		err = b.rc.Close()
	})
	return err
}

// failed says in our words what went wrong.
func (b *body) failed(err error) *Error {
	e := &Error{Kind: KindBroken, Endpoint: b.ep.name, Tries: b.tries, Err: err}
	cause := context.Cause(b.ctx)
	var op *net.OpError
	switch {
	case errors.Is(cause, errNoHeaders), errors.Is(cause, errTotal), errors.Is(cause, errSilent):
		e.Kind, e.Err = KindTimeout, cause
	case b.parent.Err() != nil:
		e.Kind, e.Err = KindCancelled, b.parent.Err()
	case b.ctx.Err() != nil:
		e.Kind = KindCancelled // closed while it was read
	case errors.As(err, &op) && op.Op == "dial", isTLS(err):
		e.Kind = KindDial
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Err = fmt.Errorf("upstream broke off: %w", io.ErrUnexpectedEOF)
	}
	return e
}
