package upstream

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
)

// inproc answers requests by a handler in this process, through a pipe instead of a socket. Streaming, cancelling and
// breaking off behave as they do over a network: a handler sees its context end when the client leaves, and a handler that
// panics breaks the answer off.
type inproc struct{ h http.Handler }

// RoundTrip runs the handler in a goroutine that ends with the answer.
func (t inproc) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	pr, pw := io.Pipe()
	w := &pipeWriter{header: make(http.Header), pw: pw, ready: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { _ = pw.CloseWithError(ctx.Err()) })
	if req.Body == nil {
		req.Body = http.NoBody
	}
	in := req.WithContext(ctx)
	in.RequestURI = req.URL.RequestURI()
	go func() {
		defer cancel()
		defer func() {
			stop()
			_ = req.Body.Close()
			if p := recover(); p != nil {
				w.fail(fmt.Errorf("the built-in model broke off: %v", p))
				_ = pw.CloseWithError(io.ErrUnexpectedEOF)
				return
			}
			w.WriteHeader(http.StatusOK)
			// Nil is io.EOF; a handler that stopped because its client left has not ended its answer.
			_ = pw.CloseWithError(ctx.Err())
		}()
		t.h.ServeHTTP(w, in)
	}()
	select {
	case <-w.ready:
	case <-ctx.Done():
		if req.Context().Err() != nil {
			return nil, context.Cause(req.Context())
		}
		<-w.ready // the handler has returned
	}
	if w.err != nil {
		return nil, w.err
	}
	length := int64(-1)
	if n, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil {
		length = n
	}
	return &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: &pipeBody{pr, cancel}, ContentLength: length, Request: req,
	}, nil
}

// pipeBody cancels the handler when it is closed.
type pipeBody struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *pipeBody) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

// pipeWriter is a handler's http.ResponseWriter and http.Flusher.
type pipeWriter struct {
	header http.Header
	pw     *io.PipeWriter
	once   sync.Once
	ready  chan struct{} // closed when the fields below are set
	sent   http.Header
	status int
	err    error
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.ready)
	})
}

func (w *pipeWriter) fail(err error) {
	w.once.Do(func() {
		w.err = err
		close(w.ready)
	})
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pw.Write(p)
}

func (w *pipeWriter) Flush() { w.WriteHeader(http.StatusOK) }

// builtin finds the handler of a builtin: address.
func builtin(u *url.URL) (http.Handler, error) {
	switch u.Opaque {
	case "sample":
		return newSample(u.Query())
	case "probe":
		return probe{}, nil
	}
	return nil, fmt.Errorf("base_url %q: the built-in models are %s and %s", u.String(), SampleURL, ProbeURL)
}
