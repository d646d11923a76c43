package upstream

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// endpoint is an Endpoint at work.
type endpoint struct {
	name      string
	firstByte time.Duration
	idle      time.Duration
	rt        http.RoundTripper
	request   http.Request // copied for each try
	header    http.Header  // set on each try, over what the caller gave
	turn      atomic.Uint32
	breaker   breaker
	refusals  *refusals
}

func newEndpoint(e Endpoint) (*endpoint, error) {
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"connect", e.Connect}, {"first_byte", e.FirstByte}, {"idle", e.Idle}, {"breaker.pause", e.Breaker.Pause}} {
		if d.value < 0 {
			return nil, fmt.Errorf("%s is %s: a duration cannot be negative; leave it out for the default", d.field, d.value)
		}
	}
	if e.Breaker.Failures < 0 {
		return nil, fmt.Errorf("breaker.failures is %d: it cannot be negative; leave it out for %d", e.Breaker.Failures, DefaultFailures)
	}
	ep := &endpoint{
		name:      e.Name,
		firstByte: cmp.Or(e.FirstByte, DefaultFirstByte),
		idle:      cmp.Or(e.Idle, DefaultIdle),
		breaker: breaker{
			threshold: cmp.Or(e.Breaker.Failures, DefaultFailures),
			pause:     cmp.Or(e.Breaker.Pause, DefaultPause),
			since:     time.Now(),
		},
	}
	var err error
	if ep.header, err = ownHeader(e); err != nil {
		return nil, err
	}
	base, err := url.Parse(e.BaseURL)
	if err != nil {
		// url.Error repeats the address, and with it what may be a password.
		return nil, errors.New("base_url cannot be read as an address: write for instance http://127.0.0.1:8000/v1")
	}
	if base.Scheme == "builtin" {
		h, err := builtin(base)
		if err != nil {
			return nil, err
		}
		base = &url.URL{Scheme: "http", Host: "builtin"}
		ep.rt = inproc{h}
	} else {
		if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
			return nil, fmt.Errorf("base_url %q must begin with http:// or https:// and name a host: write for instance http://127.0.0.1:8000/v1", base.Redacted())
		}
		if base.User != nil {
			return nil, fmt.Errorf("base_url %q carries a user or password: put the credential into key", base.Redacted())
		}
		if ep.rt, err = transport(base, cmp.Or(e.Connect, DefaultConnect)); err != nil {
			return nil, err
		}
	}
	base.Path, base.RawPath, base.Fragment = strings.TrimSuffix(base.Path, "/"), "", ""
	ep.request = http.Request{URL: base, Host: base.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	return ep, nil
}

// transport is tuned for many calls to one host: connections are kept, and nothing between us and upstream may change
// bytes (no transparent gzip). Timeouts to headers are not its business, see try.
func transport(base *url.URL, connect time.Duration) (*http.Transport, error) {
	t := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: connect,
		MaxIdleConns:        0, // no limit over all hosts: each transport has one
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
		ForceAttemptHTTP2:   base.Scheme == "https",
		WriteBufferSize:     16 << 10,
		ReadBufferSize:      16 << 10,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
	// The environment's proxy is looked up once, not for every call.
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: base})
	if err != nil {
		return nil, fmt.Errorf("proxy settings of the environment: %w", err)
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
	}
	return t, nil
}

// entry is a target with its endpoint, and what its breaker said.
type entry struct {
	target Target
	ep     *endpoint
	trial  bool
}

// queue hands out targets in the order in which they are to be tried, skipping those whose breaker is open.
type queue struct {
	pool    *Pool
	left    []Target
	buf     [4]Target // so that the usual short list needs no allocation
	unknown string
	retry   time.Duration
	given   int
}

func (p *Pool) queue(targets []Target) *queue {
	q := &queue{pool: p, given: len(targets)}
	if len(targets) < 2 {
		q.left = targets
		return q
	}
	q.left = append(q.buf[:0], targets...)
	slices.SortStableFunc(q.left, func(a, b Target) int { return cmp.Compare(a.Priority, b.Priority) })
	for i := 0; i < len(q.left); {
		j := i + 1
		for j < len(q.left) && q.left[j].Priority == q.left[i].Priority {
			j++
		}
		if ep := p.byName[q.left[i].Endpoint]; ep != nil && j-i > 1 {
			rotate(q.left[i:j], int(ep.turn.Add(1)-1)%(j-i))
		}
		i = j
	}
	return q
}

// rotate moves the first n of s to its end.
func rotate(s []Target, n int) {
	slices.Reverse(s[:n])
	slices.Reverse(s[n:])
	slices.Reverse(s)
}

func (q *queue) next() (entry, bool) {
	for len(q.left) > 0 {
		t := q.left[0]
		q.left = q.left[1:]
		ep := q.pool.byName[t.Endpoint]
		if ep == nil {
			q.unknown = t.Endpoint
			continue
		}
		trial, ok, wait := ep.breaker.admit()
		if ok {
			return entry{t, ep, trial}, true
		}
		if q.retry == 0 || wait < q.retry {
			q.retry = wait
		}
	}
	return entry{}, false
}

// refused says why not a single target could be tried.
func (q *queue) refused() *Error {
	switch {
	case q.given == 0:
		return &Error{Kind: KindDial, Err: errNoTarget}
	case q.retry == 0:
		return &Error{Kind: KindDial, Endpoint: q.unknown, Err: errors.New("this endpoint is not configured")}
	}
	return &Error{Kind: KindOpen, Retry: q.retry, Err: errAllOpen}
}
