package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble makes a pool whose endpoints are handlers without sockets, so that time can be faked.
func inBubble(t *testing.T, onChange func(string, bool, string), e Endpoint, h http.HandlerFunc) *Pool {
	t.Helper()
	e.Name, e.BaseURL = "a", SampleURL
	p := newPool(t, onChange, e)
	p.byName["a"].rt = inproc{h}
	return p
}

func TestBreakerOpensTriesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := http.StatusServiceUnavailable
		sent := 0
		var told []string
		p := inBubble(t, func(ep string, open bool, why string) { told = append(told, fmt.Sprint(ep, " ", open, " ", why)) },
			Endpoint{Breaker: Breaker{Failures: 3, Pause: 10 * time.Second}},
			func(w http.ResponseWriter, r *http.Request) { sent++; w.WriteHeader(status) })
		do := func() string { return outcome(p.Do(t.Context(), []Target{{Endpoint: "a"}}, chat("{}"))) }
		expect := func(step, want string, wantSent int) {
			t.Helper()
			if got := do(); got != want || sent != wantSent {
				t.Errorf("%s: %s after %d sent, want %s after %d", step, got, sent, want, wantSent)
			}
		}
		for i := range 3 {
			expect("closed", "503  from a/ try 1", i+1)
		}
		expect("open", "open  try 0", 3)
		var e *Error
		if _, err := p.Do(t.Context(), []Target{{Endpoint: "a"}}, chat("{}")); !errors.As(err, &e) || e.Retry != 10*time.Second {
			t.Errorf("open error %+v, want Retry 10s", e)
		}
		if h := p.Health()[0]; !h.Open || h.Calls != 3 || h.Failures != 3 || h.LastError != "HTTP 503 Service Unavailable" {
			t.Errorf("health %+v", h)
		}
		time.Sleep(10 * time.Second)
		expect("trial fails", "503  from a/ try 1", 4)
		expect("open again", "open  try 0", 4)
		status = http.StatusOK
		time.Sleep(10 * time.Second)
		expect("trial", "200  from a/ try 1", 5)
		expect("closed again", "200  from a/ try 1", 6)
		if h := p.Health()[0]; h.Open || h.Failures != 4 {
			t.Errorf("health %+v", h)
		}
		if want := []string{"a true HTTP 503 Service Unavailable", "a false a trial request was answered"}; !slices.Equal(told, want) {
			t.Errorf("onChange was told %q, want %q", told, want)
		}
	})
}

func TestHalfOpenLetsOneThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var running, most, sent atomic.Int64
		var down atomic.Bool
		down.Store(true)
		p := inBubble(t, nil, Endpoint{Breaker: Breaker{Failures: 1, Pause: time.Second}}, func(w http.ResponseWriter, r *http.Request) {
			sent.Add(1)
			if down.Load() {
				w.WriteHeader(500)
				return
			}
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			<-release
		})
		do := func() string { return outcome(p.Do(t.Context(), []Target{{Endpoint: "a"}}, chat("{}"))) }
		do()
		down.Store(false)
		time.Sleep(time.Second)
		var wg sync.WaitGroup
		var refused atomic.Int64
		for range 8 {
			wg.Go(func() {
				if strings.HasPrefix(do(), "open") {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		if refused.Load() != 7 || sent.Load() != 2 || most.Load() != 1 {
			t.Errorf("%d refused, %d sent, %d at once; want 7, 2, 1", refused.Load(), sent.Load(), most.Load())
		}
		close(release)
		wg.Wait()
		if got := do(); got != "200  from a/ try 1" {
			t.Errorf("after the trial: %s", got)
		}
	})
}

func TestCancelledTrialLeavesTheNextOneToTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var step atomic.Int64
		p := inBubble(t, nil, Endpoint{Breaker: Breaker{Failures: 1, Pause: time.Second}}, func(w http.ResponseWriter, r *http.Request) {
			switch step.Add(1) {
			case 1:
				w.WriteHeader(500)
			case 2:
				<-r.Context().Done()
			}
		})
		do := func(ctx context.Context) string { return outcome(p.Do(ctx, []Target{{Endpoint: "a"}}, chat("{}"))) }
		do(t.Context())
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := do(ctx); got != "cancelled a try 1" {
			t.Errorf("trial: %s", got)
		}
		if got := do(t.Context()); got != "200  from a/ try 1" {
			t.Errorf("after the cancelled trial: %s", got)
		}
	})
}

// An endpoint that sends headers and breaks off every answer must not stay in use because its headers looked fine.
func TestBrokenAnswersOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := inBubble(t, nil, Endpoint{Breaker: Breaker{Failures: 3}}, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "data: 1\n\n")
			panic(http.ErrAbortHandler)
		})
		do := func() string { return outcome(p.Do(t.Context(), []Target{{Endpoint: "a"}}, chat("{}"))) }
		for i := range 3 {
			if got := do(); got != "200 then broken a try 1" {
				t.Errorf("call %d: %s", i, got)
			}
		}
		if got := do(); got != "open  try 0" {
			t.Errorf("after 3 broken answers: %s", got)
		}
		time.Sleep(DefaultPause)
		if got := do(); got != "200 then broken a try 1" {
			t.Errorf("trial: %s", got)
		}
		if got := do(); got != "open  try 0" {
			t.Errorf("a trial that broke off must open the breaker again at once: %s", got)
		}
	})
}

func TestAnswersClearTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		p := inBubble(t, nil, Endpoint{Breaker: Breaker{Failures: 2}}, func(w http.ResponseWriter, r *http.Request) {
			if n++; n%2 == 1 {
				w.WriteHeader(500)
				return
			}
			_, _ = io.WriteString(w, "fine")
		})
		for range 10 {
			outcome(p.Do(t.Context(), []Target{{Endpoint: "a"}}, chat("{}")))
		}
		if h := p.Health()[0]; h.Open || h.Calls != 10 || h.Failures != 5 {
			t.Errorf("failures that did not follow one another opened the breaker: %+v", h)
		}
	})
}

func TestIdle(t *testing.T) {
	const idle = 10 * time.Second
	tests := []struct {
		name     string
		gaps     []time.Duration // before each piece
		pauses   time.Duration   // of the reader after each piece
		want     string
		duration time.Duration
	}{
		{"steady", []time.Duration{9 * time.Second, 9 * time.Second, 9 * time.Second}, 0, "200 xxx from a/ try 1", 27 * time.Second},
		{"silent at once", []time.Duration{time.Minute}, 0, "200 then timeout a try 1", idle},
		{"silent later", []time.Duration{3 * time.Second, 7 * time.Second, time.Minute}, 0, "200 then timeout a try 1", 20 * time.Second},
		{"a slow reader is not silence", []time.Duration{0, 0, 0}, 30 * time.Second, "200 xxx from a/ try 1", 90 * time.Second},
		{"a slow reader, then silence", []time.Duration{0, time.Hour}, 33 * time.Second, "200 then timeout a try 1", 43 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := inBubble(t, nil, Endpoint{Idle: idle}, func(w http.ResponseWriter, r *http.Request) {
					w.(http.Flusher).Flush()
					for _, g := range tt.gaps {
						select {
						case <-time.After(g):
						case <-r.Context().Done():
							return
						}
						_, _ = io.WriteString(w, "x")
					}
				})
				resp, err := p.Do(t.Context(), []Target{{Endpoint: "a"}}, chat("{}"))
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				resp.Body = slow{resp.Body, tt.pauses}
				if got := outcome(resp, nil); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				if d := time.Since(start); d != tt.duration {
					t.Errorf("took %s, want %s", d, tt.duration)
				}
			})
		})
	}
}

// slow is a reader that takes its time after each piece.
type slow struct {
	io.ReadCloser
	pause time.Duration
}

func (s slow) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if n > 0 {
		time.Sleep(s.pause)
	}
	return n, err
}

func TestFirstByteIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := inBubble(t, nil, Endpoint{FirstByte: 5 * time.Second}, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		start := time.Now()
		if got := outcome(p.Do(t.Context(), []Target{{Endpoint: "a"}}, chat("{}"))); got != "timeout a try 1" {
			t.Error(got)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("after %s", d)
		}
	})
}

func TestReadAfterTheEnd(t *testing.T) {
	u := server(t, says(200, "ok"))
	p := newPool(t, nil, Endpoint{Name: "a", BaseURL: u})
	resp, err := p.Do(t.Context(), []Target{{Endpoint: "a"}}, chat("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); string(b) != "ok" || err != nil {
		t.Fatal(string(b), err)
	}
	for range 2 {
		if n, err := resp.Body.Read(make([]byte, 8)); n != 0 || err != io.EOF {
			t.Errorf("read after the end: %d %v", n, err)
		}
	}
	for range 2 {
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Whatever becomes of a call, nothing of it stays behind.
func TestNoGoroutineStays(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"fine": says(200, "ok"), "hang": hangs, "broken": breaks, "500": says(500, "no"),
		"stream": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "data: 1\n\n")
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		},
	} {
		for kind, rt := range map[string]bool{"socket": false, "in process": true} {
			t.Run(name+" "+kind, func(t *testing.T) {
				before := runtime.NumGoroutine()
				s := httptest.NewServer(h)
				p, err := New([]Endpoint{{Name: "a", BaseURL: s.URL, FirstByte: 30 * time.Millisecond, Breaker: Breaker{Failures: 1000}}}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if rt {
					p.byName["a"].rt = inproc{h}
				}
				for range 10 {
					resp, err := p.Do(t.Context(), []Target{{Endpoint: "a"}}, chat("{}"))
					if err == nil {
						_, _ = resp.Body.Read(make([]byte, 1))
						resp.Body.Close()
					}
				}
				p.Close()
				s.Close()
				for end := time.Now().Add(3 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
					time.Sleep(5 * time.Millisecond)
				}
				if after := runtime.NumGoroutine(); after > before {
					buf := make([]byte, 1<<16)
					t.Errorf("%d goroutines before, %d after:\n%s", before, after, buf[:runtime.Stack(buf, true)])
				}
			})
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	var n atomic.Int64
	u := server(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%7 == 0 {
			w.WriteHeader(500)
			return
		}
		_, _ = io.Copy(w, r.Body)
	})
	p := newPool(t, func(string, bool, string) {}, Endpoint{Name: "a", BaseURL: u}, Endpoint{Name: "b", BaseURL: u})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				body := fmt.Sprintf("%d-%d", g, i)
				resp, err := p.Do(t.Context(), []Target{{"a", "", 0}, {"b", "", 0}}, chat(body))
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(resp.Body)
				if err != nil || (resp.StatusCode == 200 && string(b) != body) {
					t.Errorf("%s: got %q %v", body, b, err)
				}
				resp.Body.Close()
				p.Health()
			}
		})
	}
	wg.Wait()
}
