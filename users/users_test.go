package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var who = journal.Actor{Kind: "cli", ID: "test"}

func open(t testing.TB, db *store.DB, j *journal.Journal, o ...Option) *Register {
	t.Helper()
	r, err := Open(context.Background(), db, j, o...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func each(t *testing.T, test func(t *testing.T, r *Register, j *journal.Journal, db *store.DB)) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		j, _ := testkit.Journal(t, db)
		test(t, open(t, db, j), j, db)
	})
}

func find(t testing.TB, r *Register, name string) User {
	t.Helper()
	u, err := r.Find(t.Context(), "demo", name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestFindCreatesOnce(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		other := open(t, db, j)
		var mu sync.Mutex
		subjects := map[string]bool{}
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				reg := r
				if i%2 == 1 {
					reg = other
				}
				u, err := reg.Find(t.Context(), "demo", "张三@example.cn")
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				subjects[u.Subject] = true
			})
		}
		wg.Wait()
		if len(subjects) != 1 {
			t.Errorf("one name became %d users", len(subjects))
		}
		if elsewhere, err := r.Find(t.Context(), "other", "张三@example.cn"); err != nil || subjects[elsewhere.Subject] {
			t.Errorf("the same name at another service: %+v %v", elsewhere, err)
		}
		events, err := j.Events(t.Context(), journal.Filter{})
		if err != nil || len(events) != 2 {
			t.Fatalf("%d events %v, want 2", len(events), err)
		}
		for _, e := range events {
			if strings.Contains(string(e.Body), "张三") || e.Verb != journal.UserSeen {
				t.Errorf("event %+v %s", e, e.Body)
			}
		}
		for _, bad := range []string{"", strings.Repeat("x", 129), "a\x00b", "\xff", "a\nb"} {
			var invalid *InvalidError
			if _, err := r.Find(t.Context(), "demo", bad); !errors.As(err, &invalid) {
				t.Errorf("name %q: %v", bad, err)
			}
		}
	})
}

func TestAccept(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		u := find(t, r, "li")
		accept := func(text string) {
			t.Helper()
			if err := r.Accept(t.Context(), who, u.Subject, Acceptance{Text: text, Channel: "portal", Address: "203.0.113.9"}); err != nil {
				t.Fatal(err)
			}
			if got := find(t, r, "li"); got.Accepted != text || got.AcceptedAt.IsZero() {
				t.Errorf("after accepting %s: %+v", text, got)
			}
		}
		accept("v1")
		accept("v1")
		accept("v2")
		accept("v1") // the provider went back to the earlier version
		n, err := j.Count(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.UserAccepted}})
		if err != nil || n != 3 {
			t.Errorf("%d events %v, want 3", n, err)
		}
		list, err := r.Acceptances(t.Context(), u.Subject)
		if err != nil || len(list) != 3 || list[0].Text != "v1" || list[0].Address != "203.0.113.9" {
			t.Errorf("acceptances %+v %v", list, err)
		}
		if err := r.Accept(t.Context(), who, "01NOBODY", Acceptance{Text: "v1", Channel: "portal"}); !errors.Is(err, ErrUnknown) {
			t.Errorf("acceptance of nobody: %v", err)
		}
		if err := r.Accept(t.Context(), who, u.Subject, Acceptance{Text: "v1", Channel: "fax"}); err == nil {
			t.Error("accepted by fax")
		}
		find(t, r, "wang")
		if c, err := r.Counts(t.Context(), "demo", "v1"); err != nil || c != (Counts{Users: 2, Accepted: 1}) {
			t.Errorf("counts %+v %v", c, err)
		}
	})
}

func TestStanding(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		now := time.Now().Truncate(time.Millisecond)
		r.now = func() time.Time { return now }
		u := find(t, r, "zhao")
		if _, err := r.Suspend(t.Context(), who, u.Subject, " ", time.Time{}); err == nil {
			t.Error("suspended without a reason")
		}
		if _, err := r.Suspend(t.Context(), who, u.Subject, "x", now.Add(-time.Hour)); err == nil {
			t.Error("suspended into the past")
		}
		if _, err := r.Lift(t.Context(), who, u.Subject, "x"); !errors.Is(err, ErrNotSuspended) {
			t.Errorf("lifted nothing: %v", err)
		}
		d1, err := r.Suspend(t.Context(), who, u.Subject, "赌博推广", now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		got := find(t, r, "zhao")
		if !got.Suspended(now) || got.Suspended(now.Add(time.Hour)) || got.Decision != d1 || got.Reason != "赌博推广" {
			t.Errorf("suspended: %+v", got)
		}
		if c, err := r.Counts(t.Context(), "demo", ""); err != nil || c.Suspended != 1 || c.Accepted != 0 {
			t.Errorf("counts %+v %v", c, err)
		}
		d2, err := r.Lift(t.Context(), who, u.Subject, "appeal upheld")
		if err != nil || d2 == d1 {
			t.Fatalf("lift: %q %v", d2, err)
		}
		if got := find(t, r, "zhao"); got.Suspended(now) || got.Decision != d2 {
			t.Errorf("lifted: %+v", got)
		}
		if _, err := r.Suspend(t.Context(), who, u.Subject, "again", time.Time{}); err != nil {
			t.Fatal(err)
		}
		if got := find(t, r, "zhao"); !got.Suspended(now.AddDate(10, 0, 0)) {
			t.Errorf("suspended until lifted: %+v", got)
		}
		events, err := j.Events(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.UserSuspended, journal.UserLifted}})
		if err != nil || len(events) != 3 {
			t.Fatalf("%d events %v", len(events), err)
		}
		for _, e := range events {
			if strings.Contains(string(e.Body), "赌博") || !strings.Contains(string(e.Body), "decision") {
				t.Errorf("event body %s", e.Body)
			}
		}
	})
}

// What another process decides is seen here within a second, and looking up known users meanwhile costs no statement.
func TestFollowsOtherProcesses(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		other := open(t, db, j)
		u := find(t, r, "sun")
		find(t, other, "sun")
		if _, err := other.Suspend(t.Context(), who, u.Subject, "test", time.Time{}); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); !find(t, r, "sun").Suspended(time.Now()); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("a suspension decided elsewhere is not seen")
			}
		}
		// New users elsewhere move the Generation; a known one must still be found when the database is gone.
		if _, err := other.Find(t.Context(), "demo", "new one"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * catchUpPause)
		find(t, r, "sun")
		// A closed context would fail any statement.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Find(ctx, "demo", "sun"); err != nil {
			t.Errorf("a known user cost a statement: %v", err)
		}
	})
}

func TestErase(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		j, keys := testkit.Journal(t, db)
		v, err := journal.OpenVault(t.Context(), db, j, keys.Master)
		if err != nil {
			t.Fatal(err)
		}
		r := open(t, db, j, WithDestroy(v.Destroy))
		u := find(t, r, "周八")
		if _, err := v.Subject(t.Context(), u.Subject); err != nil {
			t.Fatal(err)
		}
		if err := r.Accept(t.Context(), who, u.Subject, Acceptance{Text: "v1", Channel: "portal", Address: "203.0.113.9"}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time changes nothing
			if err := r.Erase(t.Context(), who, u.Subject, "request 12"); err != nil {
				t.Fatal(err)
			}
		}
		got, err := r.Get(t.Context(), u.Subject)
		if err != nil || got.Standing != Erased || got.Name != "" {
			t.Errorf("erased user %+v %v", got, err)
		}
		if _, err := v.Subject(t.Context(), u.Subject); !errors.Is(err, journal.ErrErased) {
			t.Errorf("the key is still there: %v", err)
		}
		if a, err := r.Acceptances(t.Context(), u.Subject); err != nil || len(a) != 1 || a[0].Address != "" {
			t.Errorf("acceptances %+v %v", a, err)
		}
		if again := find(t, r, "周八"); again.Subject == u.Subject {
			t.Error("the name still leads to the erased user")
		}
		if err := r.Accept(t.Context(), who, u.Subject, Acceptance{Text: "v2", Channel: "portal"}); !errors.Is(err, ErrErased) {
			t.Errorf("an erased user accepted: %v", err)
		}
		if _, err := r.Suspend(t.Context(), who, u.Subject, "x", time.Time{}); !errors.Is(err, ErrErased) {
			t.Errorf("an erased user was suspended: %v", err)
		}
	})
}

func TestTicket(t *testing.T) {
	db := testkit.SQLite(t)
	j, keys := testkit.Journal(t, db)
	r := open(t, db, j, WithTicketSecret(keys.Ticket))
	now := time.Now()
	token := r.Ticket("01SUBJECT", "text", now)
	// Another process of the installation reads it.
	subject, text, err := open(t, db, j, WithTicketSecret(keys.Ticket)).Redeem(token, now.Add(TicketLife-2*time.Second))
	if err != nil || subject != "01SUBJECT" || text != "text" {
		t.Errorf("%q %q %v", subject, text, err)
	}
	if _, _, err := r.Redeem(token, now.Add(TicketLife+time.Second)); !errors.Is(err, ErrTicketExpired) {
		t.Errorf("after a day: %v", err)
	}
	if _, _, err := open(t, db, j).Redeem(token, now); !errors.Is(err, ErrTicket) {
		t.Errorf("another installation: %v", err)
	}
	for i := range token {
		forged := []byte(token)
		forged[i] ^= 1
		if _, _, err := r.Redeem(string(forged), now); !errors.Is(err, ErrTicket) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "ht1..", "ht1.YQ.YQ", strings.Repeat("a", 5000)} {
		if _, _, err := r.Redeem(bad, now); !errors.Is(err, ErrTicket) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(10, 0)
	for i := range 1000 {
		c.put(User{Subject: fmt.Sprint(i), Service: "s", Name: fmt.Sprint(i)}, 0)
		if i > 0 {
			if _, ok := c.find("s", fmt.Sprint(i-1)); !ok {
				t.Fatalf("%d was just put and is gone", i-1)
			}
		}
	}
	if n := len(c.newer.bySubject) + len(c.old.bySubject); n > 20 {
		t.Errorf("holds %d", n)
	}
	c.put(User{Subject: "late", Service: "s", Name: "late"}, -1)
	if _, ok := c.get("late"); ok {
		t.Error("a read that raced with a change was cached")
	}
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		for i := range 5 {
			find(t, r, fmt.Sprint("u", i))
		}
		var got []string
		for after := ""; ; {
			page, err := r.List(t.Context(), "demo", after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, u := range page {
				got = append(got, u.Name)
				after = u.Subject
			}
		}
		if len(got) != 5 {
			t.Errorf("paged through %v", got)
		}
		if none, err := r.List(t.Context(), "other", "", 10); err != nil || len(none) != 0 {
			t.Errorf("%v %v", none, err)
		}
	})
}

func BenchmarkFindKnown(b *testing.B) {
	db := testkit.SQLite(b)
	j, _ := testkit.Journal(b, db)
	r := open(b, db, j)
	find(b, r, "known")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Find(b.Context(), "demo", "known"); err != nil {
			b.Fatal(err)
		}
	}
}
