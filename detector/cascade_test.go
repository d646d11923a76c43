package detector

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

// scripted is a source whose answer the test decides.
type scripted struct {
	calls  atomic.Int64
	answer func(ctx context.Context, text string) (moderation.Judgement, error)
	used   Usage
}

func (s *scripted) source(name string, rule moderation.OnError) Source {
	return Source{About: moderation.Description{Name: name, Kind: Kind, Timeout: time.Second, OnError: rule}, Artefact: "a",
		Judge: func(ctx context.Context, q moderation.Query) (moderation.Judgement, Usage, error) {
			s.calls.Add(1)
			used := s.used
			used.Calls = 1
			j, err := s.answer(ctx, string(q.Text))
			return j, used, err
		}}
}

func harm(text string) moderation.Judgement {
	if strings.Contains(text, "harm") {
		return moderation.Judgement{Outcome: moderation.Found, Findings: []moderation.Detection{{Category: "A1h", Severity: 3, Score: 0.9}}}
	}
	return moderation.Judgement{Outcome: moderation.Clear}
}

func scriptedHarm() *scripted {
	return &scripted{answer: func(_ context.Context, text string) (moderation.Judgement, error) { return harm(text), nil }}
}

// cheap is an earlier detector that scores what the text says.
type cheap struct{ name string }

func (c cheap) Describe() moderation.Description {
	return moderation.Description{Name: c.name, Kind: "linear"}
}

func (c cheap) Check(_ context.Context, q moderation.Query) (moderation.Judgement, error) {
	var score float64
	switch {
	case strings.Contains(string(q.Text), "down"):
		return moderation.Judgement{}, errors.New("no model")
	case strings.Contains(string(q.Text), "maybe"):
		score = 0.5
	case strings.Contains(string(q.Text), "surely"):
		score = 0.95
	case strings.Contains(string(q.Text), "nearly"):
		return moderation.Judgement{Outcome: moderation.Clear, Score: 0.4}, nil
	case strings.Contains(string(q.Text), "hardly"):
		return moderation.Judgement{Outcome: moderation.Clear, Score: 0.2}, nil
	default:
		return moderation.Judgement{Outcome: moderation.Clear}, nil
	}
	return moderation.Judgement{Outcome: moderation.Found, Findings: []moderation.Detection{{Category: "A1h", Score: score}}}, nil
}

func ask(t testing.TB, d *Detector, text string) moderation.Judgement {
	t.Helper()
	return moderation.Consult(t.Context(), d, moderation.Query{Scene: moderation.Scene{Service: "s", Direction: "in"}, Text: []byte(text)})
}

func TestWhoIsAskedWhen(t *testing.T) {
	for _, c := range []struct {
		ask   Ask
		text  string
		asked bool
	}{
		{Always, "plain", true},
		{Unsure, "plain", false}, {Unsure, "maybe", true}, {Unsure, "surely", false}, {Unsure, "down", true}, {Unsure, "word", false},
		{Unsure, "nearly", true}, {Unsure, "hardly", false}, {Hit, "nearly", false},
		{Hit, "plain", false}, {Hit, "maybe", true}, {Hit, "surely", true}, {Hit, "down", true}, {Hit, "word", true},
	} {
		s := scriptedHarm()
		d := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Ask: c.ask, Low: 0.3, High: 0.8,
			Earlier: func() []moderation.Detector { return []moderation.Detector{cheap{"linear"}} },
			Lexicon: func(q moderation.Query) bool { return strings.Contains(string(q.Text), "word") }}))
		j := ask(t, d, c.text+" harm")
		if got := s.calls.Load() == 1; got != c.asked {
			t.Errorf("%s, %q: asked %v", c.ask, c.text, got)
		}
		want := moderation.Clear
		if c.asked {
			want = moderation.Found
		}
		if j.Outcome != want || j.Artefact == "" {
			t.Errorf("%s, %q: %+v", c.ask, c.text, j)
		}
	}
}

// Of what the cascade does not need a share is asked all the same, and what that finds is counted.
func TestSampleShowsDrift(t *testing.T) {
	s := scriptedHarm()
	cache := must[*Cache](t)(NewCache(10_000))
	d := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Ask: Hit, Sample: 0.2, Cache: cache}))
	for i := range 2000 {
		ask(t, d, fmt.Sprint("harm ", i))
	}
	st := d.Status()
	if st.Sampled < 300 || st.Sampled > 500 || st.SampledFound != st.Sampled || st.Skipped+st.Sampled != 2000 || st.Differed != st.Sampled || s.calls.Load() != st.Sampled {
		t.Errorf("%+v", st)
	}
}

// Verdicts are kept for one service, scene and artefact, and only definite ones.
func TestVerdictCache(t *testing.T) {
	s := scriptedHarm()
	cache := must[*Cache](t)(NewCache(100))
	d := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Cache: cache}))
	base := moderation.Query{Scene: moderation.Scene{Service: "a", Direction: "in", Channel: "content", User: "adult"}, Text: []byte("harm"), Context: []byte("c")}
	check := func(change func(*moderation.Query)) int64 {
		q := base
		change(&q)
		before := s.calls.Load()
		if j := moderation.Consult(t.Context(), d, q); j.Outcome == moderation.Unavailable {
			t.Fatalf("%+v", j)
		}
		return s.calls.Load() - before
	}
	if check(func(*moderation.Query) {}) != 1 || check(func(*moderation.Query) {}) != 0 {
		t.Error("the same question was not answered from the cache")
	}
	j := moderation.Consult(t.Context(), d, base)
	j.Findings[0].Category = "A2a" // what a caller does with an answer is its own business
	if j := moderation.Consult(t.Context(), d, base); j.Findings[0].Category != "A1h" || j.Findings[0].Score != 0.9 {
		t.Errorf("%+v", j)
	}
	for name, change := range map[string]func(*moderation.Query){
		"service": func(q *moderation.Query) { q.Scene.Service = "b" }, "direction": func(q *moderation.Query) { q.Scene.Direction = "out" },
		"user": func(q *moderation.Query) { q.Scene.User = "minor" }, "channel": func(q *moderation.Query) { q.Scene.Channel = "reasoning" },
		"text": func(q *moderation.Query) { q.Text = []byte("harm!") }, "context": func(q *moderation.Query) { q.Context = nil },
		"border": func(q *moderation.Query) { q.Text, q.Context = []byte("arm"), []byte("ch") },
	} {
		if check(change) != 1 {
			t.Errorf("another %s was answered from the cache", name)
		}
	}
	other := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Cache: cache, Ask: Hit, Lexicon: func(moderation.Query) bool { return true }}))
	before := s.calls.Load()
	if moderation.Consult(t.Context(), other, base); s.calls.Load() != before+1 {
		t.Error("other settings were answered from the cache")
	}
	later := time.Now().Add(CacheLife + time.Minute)
	cache.now = func() time.Time { return later }
	if check(func(*moderation.Query) {}) != 1 {
		t.Error("a verdict outlived its hour")
	}
	for i := range 300 {
		ask(t, d, fmt.Sprint(i))
	}
	if cache.Len() != 100 {
		t.Errorf("%d verdicts are kept, 100 have room", cache.Len())
	}

	down := &scripted{answer: func(context.Context, string) (moderation.Judgement, error) {
		return moderation.Judgement{}, errors.New("down")
	}}
	d = must[*Detector](t)(New(down.source("h", moderation.Hold), Options{Cache: cache, Failures: 100}))
	for range 3 {
		ask(t, d, "x")
	}
	if down.calls.Load() != 3 {
		t.Error("an outage was kept as a verdict")
	}
}

// Equal questions at the same time are one call, and who leaves does not take it from the others.
func TestEqualQuestionsShareACall(t *testing.T) {
	begun, release := make(chan struct{}, 10), make(chan struct{})
	s := &scripted{answer: func(ctx context.Context, text string) (moderation.Judgement, error) {
		begun <- struct{}{}
		select {
		case <-release:
			return harm(text), nil
		case <-ctx.Done():
			return moderation.Judgement{}, ctx.Err()
		}
	}}
	d := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Cache: must[*Cache](t)(NewCache(10))}))
	first, leave := context.WithCancel(t.Context())
	left := make(chan moderation.Judgement, 1)
	go func() { left <- moderation.Consult(first, d, moderation.Query{Text: []byte("harm")}) }()
	<-begun
	var all sync.WaitGroup
	var found atomic.Int64
	for range 20 {
		all.Go(func() {
			if moderation.Consult(context.Background(), d, moderation.Query{Text: []byte("harm")}).Outcome == moderation.Found {
				found.Add(1)
			}
		})
	}
	leave()
	if j := <-left; j.Outcome != moderation.Unavailable {
		t.Errorf("who left got %+v", j)
	}
	time.Sleep(50 * time.Millisecond)
	close(release)
	all.Wait()
	if s.calls.Load() != 1 || found.Load() != 20 {
		t.Errorf("%d calls, %d answers", s.calls.Load(), found.Load())
	}
}

func TestBreakerOpensTriesAndCloses(t *testing.T) {
	var now atomic.Int64
	clock := func() time.Time { return time.Unix(1_700_000_000, now.Load()) }
	up := false
	s := &scripted{answer: func(_ context.Context, text string) (moderation.Judgement, error) {
		if !up {
			return moderation.Judgement{Outcome: moderation.Unavailable, Reason: "the answer cannot be read"}, nil
		}
		return harm(text), nil
	}}
	var told []string
	d := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Failures: 3, Pause: 10 * time.Second, Now: clock,
		Changed: func(name string, open bool, why string) { told = append(told, fmt.Sprint(name, " ", open)) }}))
	n := 0
	next := func() moderation.Judgement { n++; return ask(t, d, fmt.Sprint("text ", n)) }
	for range 5 {
		if j := next(); j.Outcome != moderation.Unavailable || j.Reason == "" {
			t.Fatalf("%+v", j)
		}
	}
	if s.calls.Load() != 3 || !d.Status().Health.Open || d.Status().Health.ErrorRate() != 1 {
		t.Errorf("%d calls, %+v", s.calls.Load(), d.Status().Health)
	}
	now.Add(int64(11 * time.Second))
	if next(); s.calls.Load() != 4 || !d.Status().Health.Open {
		t.Error("after the pause one trial is made, and its failure begins another pause")
	}
	if next(); s.calls.Load() != 4 {
		t.Error("asked during the second pause")
	}
	now.Add(int64(11 * time.Second))
	up = true
	if j := next(); j.Outcome != moderation.Clear || d.Status().Health.Open || d.Status().Health.LastSuccess != clock() {
		t.Errorf("%+v %+v", j, d.Status().Health)
	}
	if got := strings.Join(told, ", "); got != "g true, g false" {
		t.Errorf("told %s", got)
	}
	up = false
	if next(); d.Status().Health.Open || d.Status().Health.LastError == "" {
		t.Error("a single failure opens it")
	}
}

func TestPanicsAreOutages(t *testing.T) {
	s := &scripted{answer: func(context.Context, string) (moderation.Judgement, error) { panic("boom") }}
	d := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{}))
	if j := ask(t, d, "x"); j.Outcome != moderation.Unavailable || !strings.Contains(j.Reason, "boom") {
		t.Errorf("%+v", j)
	}
	d = must[*Detector](t)(New(scriptedHarm().source("g", moderation.Hold), Options{Ask: Hit, Lexicon: func(moderation.Query) bool { panic("lexicon") }}))
	if j := ask(t, d, "x"); j.Outcome != moderation.Unavailable {
		t.Errorf("%+v", j)
	}
}

func ledger(t *testing.T, db *store.DB) (*Ledger, *journal.Journal) {
	t.Helper()
	j, _ := testkit.Journal(t, db)
	return must[*Ledger](t)(OpenLedger(t.Context(), db, j)), j
}

func TestDailyCap(t *testing.T) {
	for rule, want := range map[AtCap]map[string]moderation.OnError{
		CapHold: {"plain": moderation.Hold, "word": moderation.Hold}, CapSkip: {"plain": moderation.Degrade, "word": moderation.Degrade},
		CapLexicon: {"plain": moderation.Degrade, "word": moderation.Hold, "surely": moderation.Hold},
	} {
		t.Run(string(rule), func(t *testing.T) {
			db := testkit.SQLite(t)
			l, j := ledger(t, db)
			s := scriptedHarm()
			d := must[*Detector](t)(New(s.source("g", moderation.Degrade), Options{Price: Price{PerCall: 0.1}, Cap: FromYuan(0.35), AtCap: rule, Ledger: l,
				Earlier: func() []moderation.Detector { return []moderation.Detector{cheap{"linear"}} },
				Lexicon: func(q moderation.Query) bool { return strings.Contains(string(q.Text), "word") }}))
			for i := range 3 {
				if j := ask(t, d, fmt.Sprint(i)); j.Outcome != moderation.Clear {
					t.Fatalf("%+v", j)
				}
			}
			for text, on := range want {
				q := moderation.Query{Text: []byte(text)}
				a := moderation.ConsultAll(t.Context(), []moderation.Detector{d}, q, nil)[0]
				if a.Outcome != moderation.Unavailable || a.Detector.OnError != on || !strings.Contains(a.Reason, "daily cap of ¥0.35") {
					t.Errorf("%s: %+v, want rule %q", text, a, on)
				}
			}
			if s.calls.Load() != 3 {
				t.Errorf("%d calls", s.calls.Load())
			}
			for range 3 { // the event comes once a day
				if err := l.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				ask(t, d, "more")
			}
			second, _ := OpenLedger(t.Context(), db, j) // another node
			e := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Price: Price{PerCall: 0.1}, Cap: FromYuan(0.35), AtCap: rule, Ledger: second}))
			if a := ask(t, e, "elsewhere"); a.Outcome != moderation.Unavailable {
				t.Errorf("another node goes on spending: %+v", a)
			}
			if err := second.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			n, err := j.Count(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.DetectorCapped}})
			if err != nil || n != 1 {
				t.Errorf("%d events, %v", n, err)
			}
			st := d.Status()
			if st.Today != FromYuan(0.3) || st.Capped < 2 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// Many checks at once do not pass the cap: what is under way is set aside.
func TestCapHoldsUnderLoad(t *testing.T) {
	l, _ := ledger(t, testkit.SQLite(t))
	s := &scripted{answer: func(_ context.Context, text string) (moderation.Judgement, error) {
		time.Sleep(10 * time.Millisecond)
		return harm(text), nil
	}}
	d := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Price: Price{PerCall: 1}, Cap: FromYuan(5), Ledger: l}))
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { moderation.Consult(context.Background(), d, moderation.Query{Text: []byte(fmt.Sprint(i))}) })
	}
	all.Wait()
	if s.calls.Load() != 5 || l.Today("g") != FromYuan(5) {
		t.Errorf("%d calls, %s", s.calls.Load(), l.Today("g"))
	}
}

// A provider that bills too much cannot use up the cap, and is told of once a day.
func TestOverchargingIsRecorded(t *testing.T) {
	l, j := ledger(t, testkit.SQLite(t))
	s := scriptedHarm()
	s.used = Usage{In: 100, Over: 1, OverIn: 1_000_000_000}
	m := must[*Metrics](t)(NewMetrics(prometheus.NewRegistry()))
	d := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Price: Price{PerMIn: 10}, Cap: FromYuan(1), Ledger: l, Metrics: m}))
	for i := range 10 {
		if a := ask(t, d, fmt.Sprint(i)); a.Outcome != moderation.Clear {
			t.Fatalf("%d: %+v", i, a)
		}
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	days, err := l.Days(t.Context(), "2000-01-01")
	if err != nil || len(days) != 1 || days[0].Over != 10 || days[0].Cost != FromYuan(0.01) || days[0].OverCost != FromYuan(100_000) {
		t.Errorf("%+v %v", days, err)
	}
	n, err := j.Count(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.DetectorOvercharged}})
	if err != nil || n != 1 {
		t.Errorf("%d events, %v", n, err)
	}
}

// TestSpendContract: on every engine, what nodes write adds up, by day in China.
func TestSpendContract(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		first, j := ledger(t, db)
		nodes := []*Ledger{first, must[*Ledger](t)(OpenLedger(t.Context(), db, j)), must[*Ledger](t)(OpenLedger(t.Context(), db, j))}
		at := time.Date(2026, 11, 30, 15, 59, 0, 0, time.UTC) // 23:59 in China
		var all sync.WaitGroup
		for _, l := range nodes {
			l.now = func() time.Time { return at }
			all.Go(func() {
				for i := range 20 {
					k, ok := l.reserve("g", 7, 0)
					if !ok {
						t.Error("no limit, and no")
					}
					l.settle(k, 7, Spend{Checks: 1, Calls: 2, Chars: 3, In: 4, Out: 5, Cost: 6, Estimated: 1, Over: 1, OverCost: 9})
					l.note("h", Spend{Saved: 1, Skipped: 2, Capped: 3})
					if i%5 == 4 {
						if err := l.Flush(t.Context()); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		all.Wait()
		days, err := first.Days(t.Context(), "2026-11-30")
		if err != nil {
			t.Fatal(err)
		}
		want := []Spend{{Day: "2026-11-30", Detector: "g", Checks: 60, Calls: 120, Chars: 180, In: 240, Out: 300, Cost: 360, Estimated: 60, Over: 60, OverCost: 540},
			{Day: "2026-11-30", Detector: "h", Saved: 60, Skipped: 120, Capped: 180}}
		if fmt.Sprint(days) != fmt.Sprint(want) {
			t.Errorf("%+v\nwant %+v", days, want)
		}
		if err := first.Flush(t.Context()); err != nil || first.Today("g") != 360 {
			t.Errorf("%v %v: it does not know what others have spent", first.Today("g"), err)
		}
		if _, ok := first.reserve("g", 41, 400); ok {
			t.Error("the limit does not count what others have spent")
		}
		if k, ok := first.reserve("g", 40, 400); !ok {
			t.Error("the limit is reached too early")
		} else {
			first.settle(k, 40, Spend{})
		}
		at = at.Add(2 * time.Minute) // another day in China
		if err := first.Flush(t.Context()); err != nil || first.Today("g") != 0 {
			t.Errorf("%v %v on the next day", first.Today("g"), err)
		}
		first.note("g", Spend{Checks: 1, Cost: 5})
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if err := first.Flush(cancelled); err == nil {
			t.Error("a write that was cancelled was none")
		}
		if first.Today("g") != 5 {
			t.Error("what could not be written is lost")
		}
		if err := first.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if days, err = first.Days(t.Context(), "2026-12-01"); err != nil || len(days) != 1 || days[0].Cost != 5 {
			t.Errorf("%+v %v", days, err)
		}
	})
}

// Two processes on one SQLite file add up too.
func TestSpendOfTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spend.db")
	var nodes []*Ledger
	for range 2 {
		db := must[*store.DB](t)(store.Open(t.Context(), "sqlite:"+path))
		t.Cleanup(func() { _ = db.Close() })
		l := &Ledger{}
		if len(nodes) == 0 {
			l, _ = ledger(t, db)
		} else {
			l = must[*Ledger](t)(OpenLedger(t.Context(), db, nodes[0].j))
		}
		nodes = append(nodes, l)
	}
	for range 5 {
		for _, l := range nodes {
			l.note("g", Spend{Calls: 1, Cost: 2})
			if err := l.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if nodes[1].Today("g") != 20 {
		t.Errorf("%v", nodes[1].Today("g"))
	}
}

func TestForecast(t *testing.T) {
	day := func(d string, yuan float64) Spend { return Spend{Day: d, Cost: FromYuan(yuan)} }
	noon := time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC) // 12:00 in China
	week := []Spend{day("2026-11-13", 4), day("2026-11-19", 8), day("2026-11-20", 5), day("2026-11-01", 100)}
	for _, c := range []struct {
		name         string
		days         []Spend
		now          time.Time
		limit        float64
		today, month float64
	}{
		{"a day half over goes on as it began; ten days at the average of 6", week, noon, 0, 10, 112 + 10 + 60},
		{"a cap bounds every day to come", week, noon, 5.5, 5.5, 112 + 5.5 + 55},
		{"in the first hours the days before tell more", []Spend{day("2026-11-19", 8), day("2026-11-20", 1)}, noon.Add(-11 * time.Hour), 0, 8, 8 + 8 + 80},
		{"the first day", []Spend{day("2026-11-20", 3)}, noon, 0, 6, 6 + 60},
		{"nothing", nil, noon, 0, 0, 0},
	} {
		f := forecast(c.days, c.now, FromYuan(c.limit))
		if f.Today != FromYuan(c.today) || f.Month != FromYuan(c.month) {
			t.Errorf("%s: %s and %s, want %v and %v", c.name, f.Today, f.Month, c.today, c.month)
		}
	}
}

func TestOptionsAreRefused(t *testing.T) {
	for want, o := range map[string]Options{
		"ask": {Ask: "often"}, "low, high": {Ask: Unsure, Low: 0.9, High: 0.1}, "sample": {Sample: 2}, "per_call": {Price: Price{PerCall: -1}},
		"none would ever be made": {Cap: 5, Price: Price{PerCall: 1}}, "needs a price": {Cap: 5}, "at_cap": {AtCap: "stop"}, "daily_cap": {Cap: -1, Price: Price{PerCall: 1}}, "breaker": {Failures: -1},
	} {
		if _, err := New(scriptedHarm().source("g", moderation.Hold), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
