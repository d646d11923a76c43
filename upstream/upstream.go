// Package upstream speaks to model providers (Art 13): any OpenAI-compatible endpoint, several per model, with priority,
// health, failover before the first byte, a circuit breaker and timeouts. It knows nothing of screening or labels.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sort"
	"time"
)

// What an Endpoint's zero fields mean.
const (
	DefaultConnect   = 3 * time.Second
	DefaultFirstByte = 60 * time.Second
	DefaultIdle      = 60 * time.Second
	DefaultTotal     = 120 * time.Second
	DefaultFailures  = 5
	DefaultPause     = 10 * time.Second
)

// Endpoint is one place where a model can be reached.
type Endpoint struct {
	Name      string            // unique; shown in records
	BaseURL   string            // up to and without /chat/completions, e.g. http://127.0.0.1:9100/v1
	Key       string            // bearer token, may be empty
	Header    map[string]string // further headers
	Connect   time.Duration     // dial and TLS, 3 s when 0
	FirstByte time.Duration     // request sent to response headers of one try, 60 s when 0
	Idle      time.Duration     // longest silence inside a stream, 60 s when 0
	Breaker   Breaker
	Refusals  []RefusalRow // how this endpoint says that it refuses content, before what is known of all
}

// Breaker opens after Failures consecutive failures and tries one request again after Pause.
type Breaker struct {
	Failures int           // 5 when 0
	Pause    time.Duration // 10 s when 0
}

// Target is one way to serve a model: an endpoint and the name the model has there. Lower Priority is tried first; equal
// ones share the load in turn.
type Target struct {
	Endpoint string
	Model    string
	Priority int
}

// Request is one call. Body is sent as it is. Of Header everything is passed on except what is the client's business with
// the gateway alone: its credentials and cookies, X-Hegui-*, Accept-Encoding (a compressed answer could not be screened)
// and what HTTP says belongs to one connection.
type Request struct {
	Method, Path string // Path below BaseURL, e.g. /chat/completions
	Header       http.Header
	Stream       bool
	Body         func(t Target) []byte // the body for a target (its model name put in); called once per try; nil for none
	Total        time.Duration         // over all tries until response headers; 120 s when 0

	// PastRefusals asks the next target when one refuses the content. Without it a refusal is the answer.
	PastRefusals bool
}

// Response is an answer whose status line and headers have arrived. Body must be closed; closing it early cancels the call.
// A read of Body that fails returns *Error: timeout when upstream was silent for longer than Endpoint.Idle, broken when it
// broke off, cancelled when the context of Do ended. io.EOF means that upstream ended its answer properly, and only that.
type Response struct {
	*http.Response
	Target Target
	Tries  int

	// Refusal is not nil when the answer is the provider's no to the content: a verdict and no failure of the endpoint.
	Refusal *Refusal

	refusals *refusals
}

// RefusedAs tells whether something that came inside an answer of this endpoint is a refusal of content; nil when not. status
// is that of HTTP.
func (r *Response) RefusedAs(status int, body []byte) *Refusal {
	return r.refusals.answer(status, body)
}

// RefusedBy tells whether a finish_reason of this endpoint means that a filter ended the answer; nil when not.
func (r *Response) RefusedBy(finish string) *Refusal { return r.refusals.finish(finish) }

// Pool holds the endpoints. Safe for concurrent use.
type Pool struct {
	byName   map[string]*endpoint
	onChange func(endpoint string, open bool, why string)
}

// New builds a pool. onChange, which may be nil, is told in order of every breaker that opens or closes, from the
// goroutine of the call that did it. Errors name the endpoint and field.
func New(endpoints []Endpoint, onChange func(endpoint string, open bool, why string)) (*Pool, error) {
	p := &Pool{byName: make(map[string]*endpoint, len(endpoints)), onChange: onChange}
	known, err := KnownRefusals()
	if err != nil {
		return nil, err
	}
	for i, e := range endpoints {
		if e.Name == "" {
			return nil, fmt.Errorf("upstream: endpoint number %d: name is empty: give it a short unique name", i+1)
		}
		if p.byName[e.Name] != nil {
			return nil, fmt.Errorf("upstream: endpoint %q: name is used twice: rename one of them", e.Name)
		}
		ep, err := newEndpoint(e)
		if err != nil {
			return nil, fmt.Errorf("upstream: endpoint %q: %w", e.Name, err)
		}
		if ep.refusals, err = newRefusals(e.Refusals, known); err != nil {
			return nil, fmt.Errorf("upstream: endpoint %q: %w", e.Name, err)
		}
		p.byName[e.Name] = ep
	}
	return p, nil
}

// Do tries targets in order until one answers with a status below 500 and not 429, before any byte of a body has been
// handed out. A refusal of content is an answer, whatever its status (see Response.Refusal). The last failure is returned as *Error, or as a Response when upstream itself answered (429, 5xx), its
// Retry-After kept. Cancelling ctx cancels the call at once, also while the body is being read.
func (p *Pool) Do(ctx context.Context, targets []Target, r Request) (*Response, error) {
	total := r.Total
	if total <= 0 {
		total = DefaultTotal
	}
	start := time.Now()
	q := p.queue(targets)
	at, ok := q.next()
	if !ok {
		return nil, q.refused()
	}
	for tries := 1; ; tries++ {
		resp, refusal, fail := p.try(ctx, at, &r, total-time.Since(start), tries)
		done := func() (*Response, error) {
			return &Response{Response: resp, Target: at.target, Tries: tries, Refusal: refusal, refusals: at.ep.refusals}, nil
		}
		if refusal != nil && !r.PastRefusals {
			return done()
		}
		if resp != nil && refusal == nil && resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests {
			return done()
		}
		if fail != nil && (fail.Kind == KindCancelled || time.Since(start) >= total) {
			return nil, fail
		}
		next, ok := q.next()
		if !ok {
			if fail != nil {
				return nil, fail
			}
			return done()
		}
		if resp != nil {
			discard(resp.Body)
		}
		at = next
	}
}

// discard reads what little an error answer says, so that its connection can be used again.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 16<<10)
	_ = body.Close()
}

// Close closes idle connections. Calls still running are not touched: cancel their context.
func (p *Pool) Close() {
	for _, ep := range p.byName {
		if t, ok := ep.rt.(*http.Transport); ok {
			t.CloseIdleConnections()
		}
	}
}

// Health is the state of one endpoint, for the console and the register.
type Health struct {
	Endpoint  string    `json:"endpoint"`
	Open      bool      `json:"breaker_open"`
	Since     time.Time `json:"since"`      // when the breaker last opened or closed; the pool's start before that
	Calls     int64     `json:"calls"`      // tries sent to this endpoint
	Failures  int64     `json:"failures"`   // of these: not reached, too slow, broken off, or 5xx; what a client cancelled is none
	LastError string    `json:"last_error"` // without content; stays when the endpoint has recovered
}

// Health lists all endpoints by name.
func (p *Pool) Health() []Health {
	out := make([]Health, 0, len(p.byName))
	for _, ep := range p.byName {
		out = append(out, ep.health())
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Endpoint < out[j].Endpoint })
	return out
}

// The kinds of Error.
const (
	KindDial      = "dial"      // no connection: refused, no such host, TLS, or a target whose endpoint is not configured
	KindTimeout   = "timeout"   // no response headers in time, or silence inside a body
	KindBroken    = "broken"    // the connection broke, or what came was not HTTP
	KindOpen      = "open"      // every breaker is open, so nothing was sent
	KindCancelled = "cancelled" // the caller's context ended
)

// Error is a failure to get an answer. Kind: dial, timeout, broken, open (all breakers open), cancelled.
type Error struct {
	Kind     string
	Endpoint string
	Tries    int
	Retry    time.Duration // for open: when the first breaker lets a call through again
	Err      error
}

func (e *Error) Error() string {
	switch {
	case e.Endpoint == "":
		return fmt.Sprintf("upstream: %s: %v", e.Kind, e.Err)
	case e.Tries > 1:
		return fmt.Sprintf("upstream: endpoint %q: %s (try %d): %v", e.Endpoint, e.Kind, e.Tries, e.Err)
	}
	return fmt.Sprintf("upstream: endpoint %q: %s: %v", e.Endpoint, e.Kind, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

var (
	errNoHeaders = errors.New("no response headers in time")
	errTotal     = errors.New("the time for all tries is used up")
	errSilent    = errors.New("silent for longer than the idle timeout")
	errNoTarget  = errors.New("no target was given")
	errAllOpen   = errors.New("the circuit breaker of every target is open")
)
