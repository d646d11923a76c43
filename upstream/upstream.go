// Package upstream speaks to model providers (Art 13): any OpenAI-compatible endpoint, several per model, with priority,
// health, failover before the first byte, a circuit breaker and timeouts. It knows nothing of screening or labels.
package upstream

import (
	"context"
	"net/http"
	"time"
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

// Request is one call. Body is sent as it is.
type Request struct {
	Method, Path string // Path below BaseURL, e.g. /chat/completions
	Header       http.Header
	Stream       bool
	Body         func(t Target) []byte // the body for a target (its model name put in); called once per try
	Total        time.Duration         // over all tries until response headers; 120 s when 0
}

// Response is an answer whose status line and headers have arrived. Body must be closed; closing it early cancels the call.
type Response struct {
	*http.Response
	Target Target
	Tries  int
}

// Pool holds the endpoints. Safe for concurrent use.
type Pool struct{}

// New builds a pool. Errors name the endpoint and field.
func New(endpoints []Endpoint, onChange func(endpoint string, open bool, why string)) (*Pool, error) {
	panic("skeleton")
}

// Do tries targets in order until one answers with a status below 500 and not 429, before any byte of a body has been
// handed out. The last failure is returned as *Error, or as a Response when upstream itself answered (429, 5xx), its
// Retry-After kept. Cancelling ctx cancels the call at once.
func (p *Pool) Do(ctx context.Context, targets []Target, r Request) (*Response, error) {
	panic("skeleton")
}

// Close closes idle connections.
func (p *Pool) Close() {}

// Health is the state of one endpoint, for the console and the register.
type Health struct {
	Endpoint  string    `json:"endpoint"`
	Open      bool      `json:"breaker_open"`
	Since     time.Time `json:"since"`
	Calls     int64     `json:"calls"`
	Failures  int64     `json:"failures"`
	LastError string    `json:"last_error"`
}

// Health lists all endpoints by name.
func (p *Pool) Health() []Health { panic("skeleton") }

// Error is a failure to get an answer. Kind: dial, timeout, broken, open (all breakers open), cancelled.
type Error struct {
	Kind     string
	Endpoint string
	Tries    int
	Err      error
}

func (e *Error) Error() string { panic("skeleton") }
func (e *Error) Unwrap() error { return e.Err }
