package upstream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ownHeader is what an endpoint sets on every request: its credential and its further headers.
func ownHeader(e Endpoint) (http.Header, error) {
	h := make(http.Header, len(e.Header)+1)
	if e.Key != "" {
		if !printable(e.Key) {
			return nil, errors.New("key holds a space, a line break or another character that no header may carry: check for a stray line end")
		}
		h.Set("Authorization", "Bearer "+e.Key)
	}
	for k, v := range e.Header {
		if !token(k) {
			return nil, fmt.Errorf("header %q is no header name: use letters, digits and -", k)
		}
		if strings.ContainsAny(v, "\r\n\x00") {
			return nil, fmt.Errorf("header %q has a line break in its value: take it out", k)
		}
		h.Set(k, v)
	}
	return h, nil
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}

func token(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	}) < 0
}

// outgoing is the header of one try.
func (ep *endpoint) outgoing(r *Request, hasBody bool) http.Header {
	h := make(http.Header, len(r.Header)+len(ep.header)+4)
	for k, v := range r.Header {
		if !private(k) {
			h[k] = v
		}
	}
	for _, list := range r.Header["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			delete(h, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	if hasBody && h["Content-Type"] == nil {
		h["Content-Type"] = jsonType
	}
	if h["Accept"] == nil {
		if r.Stream {
			h["Accept"] = streamType
		} else {
			h["Accept"] = jsonType
		}
	}
	if h["User-Agent"] == nil {
		h["User-Agent"] = agent
	}
	if h["Idempotency-Key"] == nil && h["X-Idempotency-Key"] == nil {
		// Not sent. It tells net/http that a request may be sent again when a kept connection turns out to be closed.
		h["X-Idempotency-Key"] = noValue
	}
	for k, v := range ep.header {
		h[k] = v
	}
	return h
}

// Shared header values; never changed.
var (
	jsonType   = []string{"application/json"}
	streamType = []string{"text/event-stream"}
	agent      = []string{"hegui"}
	noValue    = []string{}
)

// private says that a client's header is not for upstream. k is in canonical form.
func private(k string) bool {
	switch k {
	case "Authorization", "Proxy-Authorization", "Cookie", "Cookie2", "Api-Key", "X-Api-Key", // credentials for us
		"Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", // one connection's
		"Host", "Content-Length", "Expect", "Accept-Encoding", // set by the transport, or not wanted
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip": // who the client is (Art 11)
		return true
	}
	return strings.HasPrefix(k, "X-Hegui-")
}

// isTLS says that no TLS connection could be made.
func isTLS(err error) bool {
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &cert) || errors.As(err, &record) || errors.As(err, &alert) ||
		err.Error() == "net/http: TLS handshake timeout" // the type is not exported
}
