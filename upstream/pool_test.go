package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func newPool(t *testing.T, onChange func(string, bool, string), endpoints ...Endpoint) *Pool {
	t.Helper()
	p, err := New(endpoints, onChange)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func benchServer(b *testing.B, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	b.Cleanup(s.Close)
	return s.URL
}

func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

// refusing is an address where nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String() + "/v1"
}

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangs reads the request and says nothing until the client leaves.
func hangs(w http.ResponseWriter, r *http.Request) {
	_, _ = io.ReadAll(r.Body)
	<-r.Context().Done()
}

func breaks(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func chat(body string) Request {
	return Request{Method: http.MethodPost, Path: "/chat/completions", Body: func(t Target) []byte {
		return []byte(strings.ReplaceAll(body, "MODEL", t.Model))
	}}
}

// outcome is an answer or error in one line.
func outcome(resp *Response, err error) string {
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return "not an *Error: " + err.Error()
		}
		return fmt.Sprintf("%s %s try %d", e.Kind, e.Endpoint, e.Tries)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Sprintf("%d then %v", resp.StatusCode, outcome(nil, err))
	}
	return fmt.Sprintf("%d %s from %s/%s try %d", resp.StatusCode, b, resp.Target.Endpoint, resp.Target.Model, resp.Tries)
}

func TestFailover(t *testing.T) {
	good := says(200, "ok")
	tests := []struct {
		name   string
		a, b   http.HandlerFunc // nil: nobody listens
		want   string
		header string // Retry-After of the answer
		health string // failures of a and b
	}{
		{"first answers", good, good, "200 ok from a/m1 try 1", "", "0 0"},
		{"dial refused", nil, good, "200 ok from b/m2 try 2", "", "1 0"},
		{"hang before headers", hangs, good, "200 ok from b/m2 try 2", "", "1 0"},
		{"broken before headers", breaks, good, "200 ok from b/m2 try 2", "", "1 0"},
		{"500", says(500, "no"), good, "200 ok from b/m2 try 2", "", "1 0"},
		{"502", says(502, "no"), good, "200 ok from b/m2 try 2", "", "1 0"},
		{"503 with Retry-After", says(503, "no", "Retry-After", "9"), good, "200 ok from b/m2 try 2", "", "1 0"},
		{"429 is no failure", says(429, "slow"), good, "200 ok from b/m2 try 2", "", "0 0"},
		{"400 is the answer", says(400, "bad"), good, "400 bad from a/m1 try 1", "", "0 0"},
		{"404 is the answer", says(404, "none"), good, "404 none from a/m1 try 1", "", "0 0"},
		{"302 is not followed", says(302, "away", "Location", "/elsewhere"), good, "302 away from a/m1 try 1", "", "0 0"},
		{"last 429 comes as it is", says(503, "no"), says(429, "slow", "Retry-After", "7"), "429 slow from b/m2 try 2", "7", "1 0"},
		{"last 503 comes as it is", nil, says(503, "later", "Retry-After", "3"), "503 later from b/m2 try 2", "3", "1 1"},
		{"both refuse", nil, nil, "dial b try 2", "", "1 1"},
		{"both hang", hangs, hangs, "timeout b try 2", "", "1 1"},
		{"both break", breaks, breaks, "broken b try 2", "", "1 1"},
		{"half an answer", says(200, "half", "Content-Length", "100"), good, "200 then broken a try 1", "", "1 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			endpoint := func(name string, h http.HandlerFunc) Endpoint {
				u := refusing(t)
				if h != nil {
					u = server(t, h)
				}
				return Endpoint{Name: name, BaseURL: u, FirstByte: 80 * time.Millisecond}
			}
			p := newPool(t, nil, endpoint("a", tt.a), endpoint("b", tt.b))
			targets := []Target{{"b", "m2", 2}, {"a", "m1", 1}}
			resp, err := p.Do(t.Context(), targets, chat(`{}`))
			if resp != nil && resp.Header.Get("Retry-After") != tt.header {
				t.Errorf("Retry-After %q, want %q", resp.Header.Get("Retry-After"), tt.header)
			}
			if got := outcome(resp, err); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			h := p.Health()
			if got := fmt.Sprint(h[0].Failures, h[1].Failures); got != tt.health {
				t.Errorf("failures %s, want %s (%+v)", got, tt.health, h)
			}
		})
	}
}

func TestRoundRobinByPriority(t *testing.T) {
	var p *Pool
	var endpoints []Endpoint
	for _, n := range []string{"a", "b", "c", "spare"} {
		endpoints = append(endpoints, Endpoint{Name: n, BaseURL: server(t, says(200, n))})
	}
	p = newPool(t, nil, endpoints...)
	targets := []Target{{"spare", "m", 9}, {"a", "m", 1}, {"b", "m", 1}, {"c", "m", 1}}
	seen := map[string]int{}
	for range 9 {
		resp, err := p.Do(t.Context(), targets, chat(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		seen[resp.Target.Endpoint]++
		resp.Body.Close()
	}
	if seen["a"] != 3 || seen["b"] != 3 || seen["c"] != 3 {
		t.Errorf("shares %v, want 3 each of a, b and c", seen)
	}
	if targets[0].Endpoint != "spare" {
		t.Error("Do reordered the caller's targets")
	}
}

func TestBodyAndHeadersAreWhatIsSent(t *testing.T) {
	var mu sync.Mutex
	var got *http.Request
	var body []byte
	u := server(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		got, body = r, b
		mu.Unlock()
		w.Header().Set("Content-Encoding", "gzip") // a lie; the bytes must come through unchanged all the same
		_, _ = io.WriteString(w, "\x1f\x8b not really")
	})
	p := newPool(t, nil, Endpoint{Name: "a", BaseURL: u + "/?api-version=3", Key: "sk-ours", Header: map[string]string{"X-Team": "legal"}})
	r := chat(`{"model":"MODEL","x_unknown":1.50}`)
	r.Header = http.Header{
		"Authorization": {"Bearer hg-clients"}, "Cookie": {"s=1"}, "X-Api-Key": {"k"}, "Api-Key": {"k"}, "X-Hegui-User": {"u1"},
		"Accept-Encoding": {"gzip"}, "Connection": {"keep-alive, X-Hop"}, "X-Hop": {"1"}, "Te": {"trailers"}, "X-Forwarded-For": {"1.2.3.4"},
		"Traceparent": {"00-1-2-01"}, "User-Agent": {"OpenAI/Python"}, "Openai-Beta": {"x"}, "X-Team": {"spoofed"},
	}
	resp, err := p.Do(t.Context(), []Target{{Endpoint: "a", Model: "there"}}, r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); string(b) != "\x1f\x8b not really" {
		t.Errorf("the answer's bytes were changed: %q", b)
	}
	if string(body) != `{"model":"there","x_unknown":1.50}` {
		t.Errorf("body %s", body)
	}
	if got.URL.String() != "/v1/chat/completions?api-version=3" {
		t.Errorf("address %s", got.URL)
	}
	want := map[string]string{
		"Authorization": "Bearer sk-ours", "X-Team": "legal", "Traceparent": "00-1-2-01", "User-Agent": "OpenAI/Python", "Openai-Beta": "x",
		"Content-Type": "application/json", "Accept": "application/json",
		"Cookie": "", "X-Api-Key": "", "Api-Key": "", "X-Hegui-User": "", "Accept-Encoding": "", "X-Hop": "", "Te": "", "X-Forwarded-For": "",
		"X-Idempotency-Key": "", "Idempotency-Key": "", "Connection": "",
	}
	for k, v := range want {
		if g := strings.Join(got.Header[k], "|"); g != v {
			t.Errorf("header %s: upstream got %q, want %q", k, g, v)
		}
	}
	if len(r.Header) != 14 || r.Header.Get("Authorization") != "Bearer hg-clients" {
		t.Error("Do changed the caller's header")
	}
}

func TestNoKeyMeansNoAuthorization(t *testing.T) {
	var auth atomic.Value
	u := server(t, func(w http.ResponseWriter, r *http.Request) { auth.Store(r.Header.Get("Authorization")) })
	p := newPool(t, nil, Endpoint{Name: "a", BaseURL: u})
	r := Request{Method: http.MethodGet, Path: "/models", Header: http.Header{"Authorization": {"Bearer hg-clients"}}}
	resp, err := p.Do(t.Context(), []Target{{Endpoint: "a"}}, r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if auth.Load() != "" {
		t.Errorf("the client's key %q went upstream", auth.Load())
	}
}

func TestCancelReachesUpstream(t *testing.T) {
	tests := []struct {
		name    string
		headers bool // cancel after the headers, while the body is read
		closing bool // close the body instead of cancelling
	}{{"before headers", false, false}, {"inside the body", true, false}, {"by closing", true, true}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			began, left := make(chan struct{}), make(chan time.Time, 1)
			u := server(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				if tt.headers {
					_, _ = io.WriteString(w, "data: 1\n\n")
					w.(http.Flusher).Flush()
				}
				close(began)
				<-r.Context().Done()
				left <- time.Now()
			})
			p := newPool(t, nil, Endpoint{Name: "a", BaseURL: u, Breaker: Breaker{Failures: 1}})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var when time.Time
			go func() {
				<-began
				time.Sleep(20 * time.Millisecond)
				if !tt.closing {
					when = time.Now()
					cancel()
				}
			}()
			resp, err := p.Do(ctx, []Target{{Endpoint: "a"}}, chat("{}"))
			if tt.closing {
				if err != nil {
					t.Fatal(err)
				}
				<-began
				when = time.Now()
				resp.Body.Close()
			} else if got := outcome(resp, err); !strings.Contains(got, "cancelled a try 1") {
				t.Errorf("got %s", got)
			}
			select {
			case at := <-left:
				if d := at.Sub(when); d > 100*time.Millisecond {
					t.Errorf("upstream learned of it after %s", d)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("upstream was never told")
			}
			if h := p.Health()[0]; h.Failures != 0 || h.Open {
				t.Errorf("a client that left counted against the endpoint: %+v", h)
			}
		})
	}
}

func TestTotalLimitsAllTries(t *testing.T) {
	u := server(t, hangs)
	p := newPool(t, nil, Endpoint{Name: "a", BaseURL: u, FirstByte: 150 * time.Millisecond}, Endpoint{Name: "b", BaseURL: u}, Endpoint{Name: "c", BaseURL: u})
	r := chat("{}")
	r.Total = 250 * time.Millisecond
	start := time.Now()
	got := outcome(p.Do(t.Context(), []Target{{"a", "", 1}, {"b", "", 2}, {"c", "", 3}}, r))
	if d := time.Since(start); d > 10*time.Second || got != "timeout b try 2" {
		t.Errorf("%s after %s", got, d)
	}
	if h := p.Health(); h[0].Failures != 1 || h[1].Failures != 0 {
		t.Errorf("b had only 100 ms and must not be blamed: %+v", h)
	}
}

func TestStaleConnectionIsReplayed(t *testing.T) {
	var calls atomic.Int64
	u := server(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if calls.Add(1) == 2 {
			panic(http.ErrAbortHandler) // as a server does that closes a kept connection just when we use it
		}
		_, _ = w.Write(b)
	})
	p := newPool(t, nil, Endpoint{Name: "a", BaseURL: u})
	for i := range 3 {
		if got := outcome(p.Do(t.Context(), []Target{{"a", "m", 0}}, chat("hello MODEL"))); got != "200 hello m from a/m try 1" {
			t.Errorf("call %d: %s", i, got)
		}
	}
}

func TestNewNamesFieldAndMend(t *testing.T) {
	tests := []struct {
		e    Endpoint
		want string
	}{
		{Endpoint{BaseURL: "http://x/v1"}, "endpoint number 1: name is empty"},
		{Endpoint{Name: "a"}, `"a": base_url "" must begin with http://`},
		{Endpoint{Name: "a", BaseURL: "127.0.0.1:8000/v1"}, "base_url cannot be read"},
		{Endpoint{Name: "a", BaseURL: "ftp://x/v1"}, "must begin with http://"},
		{Endpoint{Name: "a", BaseURL: "http://u:secret@x/v1"}, "put the credential into key"},
		{Endpoint{Name: "a", BaseURL: "builtin:other"}, "the built-in models are builtin:sample and builtin:probe"},
		{Endpoint{Name: "a", BaseURL: "builtin:sample?pace=fast"}, `pace is "fast"`},
		{Endpoint{Name: "a", BaseURL: "http://x", Idle: -1}, "idle is -1ns: a duration cannot be negative"},
		{Endpoint{Name: "a", BaseURL: "http://x", Breaker: Breaker{Failures: -1}}, "breaker.failures is -1"},
		{Endpoint{Name: "a", BaseURL: "http://x", Key: "sk\n"}, "key holds a space, a line break"},
		{Endpoint{Name: "a", BaseURL: "http://x", Header: map[string]string{"X Y": "1"}}, `header "X Y" is no header name`},
		{Endpoint{Name: "a", BaseURL: "http://x", Header: map[string]string{"X": "1\r\n"}}, `header "X" has a line break`},
	}
	for _, tt := range tests {
		_, err := New([]Endpoint{tt.e}, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want %s", tt.e, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
	if _, err := New([]Endpoint{{Name: "a", BaseURL: "http://x"}, {Name: "a", BaseURL: "http://y"}}, nil); err == nil || !strings.Contains(err.Error(), "used twice") {
		t.Errorf("double name: %v", err)
	}
}

func TestNothingToTry(t *testing.T) {
	p := newPool(t, nil)
	if got := outcome(p.Do(t.Context(), nil, chat("{}"))); got != "dial  try 0" {
		t.Errorf("no targets: %s", got)
	}
	if got := outcome(p.Do(t.Context(), []Target{{Endpoint: "gone"}}, chat("{}"))); got != "dial gone try 0" {
		t.Errorf("unknown endpoint: %s", got)
	}
}
