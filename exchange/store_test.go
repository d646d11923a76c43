package exchange_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func open(t testing.TB, db *store.DB) (*exchange.Store, *journal.Journal, *journal.Vault) {
	t.Helper()
	j, keys := testkit.Journal(t, db)
	v, err := journal.OpenVault(context.Background(), db, j, keys.Master)
	if err != nil {
		t.Fatal(err)
	}
	s, err := exchange.Open(context.Background(), db, j, v)
	if err != nil {
		t.Fatal(err)
	}
	return s, j, v
}

func intent(user string) exchange.Intent {
	return exchange.Intent{ID: store.NewID(), At: time.Now().UTC().Truncate(time.Millisecond), ContentID: store.NewID(), Service: "demo",
		Application: "app", Key: "k", User: user, Operation: "chat", Model: "m", Source: "127.0.0.1:1", Destination: "127.0.0.1:2",
		Client: "test", Input: "in", Policy: "p"}
}

func done(in exchange.Intent) exchange.Record {
	return exchange.Record{Intent: in, Ended: in.At, Outcome: exchange.Complete, Verdict: exchange.Allow, Route: "r", Answered: "m",
		Tries: 1, Label: "text", Output: "out", Checked: exchange.Checked{In: 10, Out: 20, Privacy: 30},
		Findings: []exchange.Finding{{Where: "out", Channel: "content", Category: "A1f", Tier: "signal", Detector: "lexicon", Entry: "e1", Start: 1, End: 4}}, Total: 1}
}

func TestExchangeIsKeptReadAndErased(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		s, j, v := open(t, db)
		key, err := v.Subject(ctx, "user-1")
		if err != nil {
			t.Fatal(err)
		}
		in := intent("user-1")
		if err := s.Begin(ctx, in); err != nil {
			t.Fatal(err)
		}
		if n := s.OpenCount(); n != 1 {
			t.Fatalf("running: %d", n)
		}
		content := exchange.Content{Request: json.RawMessage(`{"q":"你好"}`), Visible: "答案", Withheld: "no"}
		if err := s.Finish(ctx, done(in), key, &content); err != nil {
			t.Fatal(err)
		}
		got, event, err := s.Get(ctx, in.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.ContentID != in.ContentID || got.Verdict != exchange.Allow || len(got.Findings) != 1 || got.Blob == "" {
			t.Fatalf("record %+v", got)
		}
		if event.Verb != journal.ExchangeClosed || event.Seq != 1 {
			t.Fatalf("event %+v", event)
		}
		for name, f := range map[string]exchange.Filter{"category": {Category: "A1f"}, "user": {User: "user-1"}, "content": {ContentID: in.ContentID},
			"verdict": {Verdict: exchange.Allow, Service: "demo", Label: "text", Model: "m", Outcome: exchange.Complete, Application: "app"},
			"time":    {From: in.At, To: in.At.Add(time.Second)}} {
			if list, err := s.List(ctx, f); err != nil || len(list) != 1 {
				t.Errorf("%s: %d records, %v", name, len(list), err)
			}
			if n, err := s.Count(ctx, f); err != nil || n != 1 {
				t.Errorf("%s: count %d, %v", name, n, err)
			}
		}
		if n, err := s.Count(ctx, exchange.Filter{Category: "A1"}); err != nil || n != 0 {
			t.Errorf("a prefix of a risk found %d, %v", n, err)
		}
		stats, err := s.Stats(ctx, "demo", in.At.Add(-time.Hour), in.At.Add(time.Hour))
		if err != nil || stats.Total != 1 || stats.Generated != 1 || stats.Labelled != 1 || stats.OutChecked != 1 || stats.Asked != 1 {
			t.Fatalf("stats %+v, %v", stats, err)
		}
		who := journal.Actor{Kind: "staff", ID: "s1"}
		if _, err := s.Read(ctx, who, in.ID, "  "); err == nil {
			t.Error("content was read without a reason")
		}
		read, err := s.Read(ctx, who, in.ID, "complaint 7")
		if err != nil || read.Visible != "答案" {
			t.Fatalf("content %+v, %v", read, err)
		}
		events, err := j.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.ContentRead}, Ref: journal.Ref{Kind: "exchange", ID: in.ID}})
		if err != nil || len(events) != 1 || !strings.Contains(string(events[0].Body), "complaint 7") {
			t.Fatalf("reading not recorded: %v %v", events, err)
		}
		if err := v.Destroy(ctx, who, "user-1", "request"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(ctx, who, in.ID, "after"); !errors.Is(err, journal.ErrErased) {
			t.Fatalf("erased content: %v", err)
		}
		report, err := j.Verify(ctx, []journal.Projection{s}, nil)
		if err != nil || !report.Sound {
			t.Fatalf("verify %+v, %v", report, err)
		}
		if n, err := s.Purge(ctx, "demo", time.Now().Add(time.Hour)); err != nil || n != 1 {
			t.Fatalf("purged %d, %v", n, err)
		}
	})
}

func TestDamageIsNamed(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		s, j, v := open(t, db)
		key, err := v.Subject(ctx, "u")
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for range 20 {
			in := intent("u")
			ids = append(ids, in.ID)
			if err := errors.Join(s.Begin(ctx, in), s.Finish(ctx, done(in), key, &exchange.Content{Visible: "x"})); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := j.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		flip := func(b []byte) []byte {
			out := append([]byte(nil), b...)
			out[len(out)/2] ^= 1
			return out
		}
		cases := []struct{ table, row, column, where string }{
			{"journal_event", j.Origin() + "#7", "leaf", "seq = 7"},
			{"journal_event", j.Origin() + "#39", "leaf", "seq = 39"},
			{"journal_hash", "", "hashes", "first = 3"},
			{"exchange_content", ids[4], "sealed", "id = '" + ids[4] + "'"},
		}
		for _, c := range cases {
			old, err := store.Row[[]byte](ctx, db.R, "SELECT "+c.column+" FROM "+c.table+" WHERE "+c.where)
			if err != nil {
				t.Fatal(c, err)
			}
			put := func(b []byte) {
				if _, err := db.W.ExecContext(ctx, "UPDATE "+c.table+" SET "+c.column+" = $1 WHERE "+c.where, b); err != nil {
					t.Fatal(err)
				}
			}
			put(flip(old))
			report, err := j.Verify(ctx, []journal.Projection{s}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if report.Sound || report.Damaged[0].Table != c.table || c.row != "" && report.Damaged[0].Row != c.row {
				t.Errorf("%s: %+v", c.table, report.Damaged)
			}
			put(old)
		}
		for _, text := range []string{
			"UPDATE exchange SET verdict = 'refuse' WHERE id = '" + ids[3] + "'",
			"UPDATE journal_event SET verb = 'exchange.opened' WHERE seq = 9",
			"DELETE FROM journal_event WHERE seq = 11",
			"UPDATE journal_checkpoint SET note = REPLACE(note, 'hegui/test/node', 'hegui/test/nope')",
			"DELETE FROM exchange WHERE id = '" + ids[6] + "'",
		} {
			if _, err := db.W.ExecContext(ctx, text); err != nil {
				t.Fatal(err)
			}
			before := strings.Fields(text)
			report, err := j.Verify(ctx, []journal.Projection{s}, nil)
			if err != nil || report.Sound {
				t.Fatalf("%s went unseen: %+v %v", before[:3], report, err)
			}
		}
		report, err := j.Verify(ctx, []journal.Projection{s}, nil)
		if err != nil || report.DamagedAll != 5 {
			t.Fatalf("five damages, seen %d: %+v %v", report.DamagedAll, report.Damaged, err)
		}
	})
}

func TestBrokenExchangesAreClosedAtTheNextStart(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		s, j, _ := open(t, db)
		left := intent("u")
		if err := s.Begin(ctx, left); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				for range 66 { // together past the settled mark, which must not pass the one left open
					in := intent("u")
					if err := errors.Join(s.Begin(ctx, in), s.Finish(ctx, done(in), nil, nil)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		v2, err := exchange.Open(ctx, db, j, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := v2.Unclosed(ctx, time.Now().Add(time.Second)); err != nil || n != 1 {
			t.Fatalf("unclosed %d, %v", n, err)
		}
		if n, err := v2.Recover(ctx); err != nil || n != 1 {
			t.Fatalf("recovered %d, %v", n, err)
		}
		r, _, err := v2.Get(ctx, left.ID)
		if err != nil || r.Outcome != exchange.Broken {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}

// BenchmarkExchange is the durable cost of one exchange: Begin and Finish with sealed content, 64 at a time.
func BenchmarkExchange(b *testing.B) {
	db := testkit.SQLite(b)
	ctx := context.Background()
	s, _, v := open(b, db)
	key, err := v.Subject(ctx, "u")
	if err != nil {
		b.Fatal(err)
	}
	content := exchange.Content{Request: json.RawMessage(`{"messages":[{"role":"user","content":"` + strings.Repeat("x", 300) + `"}]}`), Visible: strings.Repeat("y", 300)}
	b.ReportAllocs()
	var wg sync.WaitGroup
	work := make(chan struct{})
	for range 64 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range work {
				in := intent("u")
				if err := s.Begin(ctx, in); err != nil {
					b.Error(err)
				}
				if err := s.Finish(ctx, done(in), key, &content); err != nil {
					b.Error(err)
				}
			}
		}()
	}
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
}
