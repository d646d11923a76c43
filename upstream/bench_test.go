package upstream

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
)

// BenchmarkPlain compares a Pool with a bare http.Client doing the same; run both in one go and compare:
//
//	go test ./upstream -run '^$' -bench 'Plain|Stream' -benchmem
func BenchmarkPlain(b *testing.B)  { compare(b, bytes.Repeat([]byte("x"), 498), 1) }
func BenchmarkStream(b *testing.B) { compare(b, bytes.Repeat([]byte("x"), 200), 100) }

func compare(b *testing.B, piece []byte, pieces int) {
	payload := bytes.Repeat([]byte("p"), 341)
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for range pieces {
			_, _ = w.Write(piece)
			if pieces > 1 {
				w.(http.Flusher).Flush()
			}
		}
	}
	ep, err := newEndpoint(Endpoint{Name: "a", BaseURL: "http://127.0.0.1:1/v1"})
	if err != nil {
		b.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}, "Traceparent": {"00-1-2-01"}}
	buf := make([]byte, 4096)
	drain := func(body io.ReadCloser) {
		for {
			if _, err := body.Read(buf); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		_ = body.Close()
	}
	url := benchServer(b, handler)
	b.Run("client", func(b *testing.B) {
		c := &http.Client{Transport: ep.rt}
		b.ReportAllocs()
		for b.Loop() {
			req, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, url+"/chat/completions", bytes.NewReader(payload))
			req.Header = header.Clone()
			req.Header.Set("Authorization", "Bearer k")
			resp, err := c.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			drain(resp.Body)
		}
	})
	b.Run("pool", func(b *testing.B) {
		p, err := New([]Endpoint{{Name: "a", BaseURL: url, Key: "k"}}, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer p.Close()
		targets := []Target{{Endpoint: "a", Model: "m"}}
		r := Request{Method: http.MethodPost, Path: "/chat/completions", Header: header, Body: func(Target) []byte { return payload }}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		b.ReportAllocs()
		for b.Loop() {
			resp, err := p.Do(ctx, targets, r)
			if err != nil {
				b.Fatal(err)
			}
			drain(resp.Body)
		}
	})
}
