package operator

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// clock is a register's time, moved by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

var boss = journal.Actor{Kind: "cli", ID: "test"}

// each runs a test on both engines with an owner who has a password.
func each(t *testing.T, test func(t *testing.T, r *Register, c *clock, owner Staff, j *journal.Journal)) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		j, _ := testkit.Journal(t, db)
		r, err := Open(t.Context(), db, j)
		if err != nil {
			t.Fatal(err)
		}
		c := &clock{t: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
		r.now = c.now
		owner, err := r.Add(t.Context(), boss, Staff{Login: " Wang.Li ", Name: "王丽", Role: "owner"})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.SetPassword(t.Context(), owner.ID, password); err != nil {
			t.Fatal(err)
		}
		test(t, r, c, owner, j)
	})
}

const password = "一句好记的长话 plus"

func count(t *testing.T, j *journal.Journal, verb journal.Verb) int64 {
	t.Helper()
	n, err := j.Count(context.Background(), journal.Filter{Verbs: []journal.Verb{verb}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLogin(t *testing.T) {
	each(t, func(t *testing.T, r *Register, c *clock, owner Staff, j *journal.Journal) {
		ctx := t.Context()
		s, token, err := r.Login(ctx, "WANG.li", password, "192.0.2.1:4444")
		if err != nil || s.ID != owner.ID || !s.HasPassword {
			t.Fatalf("log-in: %v %+v", err, s)
		}
		if got, err := r.Session(ctx, token); err != nil || got.ID != owner.ID {
			t.Fatalf("session: %v", err)
		}
		for name, try := range map[string][2]string{"wrong password": {"wang.li", "not the password"}, "unknown login": {"nobody", password}, "no password": {"wang.li", ""}} {
			if _, _, err := r.Login(ctx, try[0], try[1], "192.0.2.1:4444"); !errors.Is(err, ErrDenied) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := count(t, j, journal.StaffLoggedIn); n != 1 {
			t.Errorf("%d log-in events", n)
		}
		if n := count(t, j, journal.StaffFailed); n != 3 {
			t.Errorf("%d failure events", n)
		}
		if err := r.Logout(ctx, token); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Session(ctx, token); !errors.Is(err, ErrNoSession) {
			t.Errorf("after log-out: %v", err)
		}
		if err := r.Logout(ctx, token); err != nil {
			t.Errorf("log-out twice: %v", err)
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	each(t, func(t *testing.T, r *Register, c *clock, owner Staff, j *journal.Journal) {
		ctx := t.Context()
		login := func() string {
			t.Helper()
			_, token, err := r.Login(ctx, "wang.li", password, "192.0.2.1:1")
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		idle := login()
		c.add(SessionIdle)
		if _, err := r.Session(ctx, idle); !errors.Is(err, ErrNoSession) {
			t.Errorf("idle for %s: %v", SessionIdle, err)
		}
		used := login()
		for at := time.Duration(0); at < SessionLife-time.Hour; at += time.Hour {
			c.add(time.Hour)
			if _, err := r.Session(ctx, used); err != nil {
				t.Fatalf("in use after %s: %v", at+time.Hour, err)
			}
		}
		c.add(time.Hour)
		if _, err := r.Session(ctx, used); !errors.Is(err, ErrNoSession) {
			t.Errorf("after %s: %v", SessionLife, err)
		}
		one, two := login(), login()
		if err := r.EndSessions(ctx, owner.Actor(), owner.ID, two); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Session(ctx, one); !errors.Is(err, ErrNoSession) {
			t.Errorf("another session survived: %v", err)
		}
		if _, err := r.Session(ctx, two); err != nil {
			t.Errorf("the session to keep ended: %v", err)
		}
		if _, err := r.Session(ctx, "forged"); !errors.Is(err, ErrNoSession) {
			t.Errorf("forged: %v", err)
		}
	})
}

func TestLinksWorkOnce(t *testing.T) {
	each(t, func(t *testing.T, r *Register, c *clock, owner Staff, j *journal.Journal) {
		ctx := t.Context()
		m, err := r.Add(ctx, owner.Actor(), Staff{Login: "chen", Name: "陈", Role: "moderator"})
		if err != nil {
			t.Fatal(err)
		}
		old, err := r.Link(ctx, owner.Actor(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		link, err := r.Link(ctx, owner.Actor(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.PeekLink(ctx, old); !errors.Is(err, ErrLink) {
			t.Errorf("a link that was replaced: %v", err)
		}
		for range 3 {
			if s, err := r.PeekLink(ctx, link); err != nil || s.ID != m.ID {
				t.Fatalf("looking at a link must not use it up: %v", err)
			}
		}
		// Eight at once: one gets in.
		var wg sync.WaitGroup
		var mu sync.Mutex
		in := 0
		for range 8 {
			wg.Go(func() {
				_, _, err := r.UseLink(ctx, link, "192.0.2.7:1")
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					in++
				case !errors.Is(err, ErrLink):
					t.Errorf("use: %v", err)
				}
			})
		}
		wg.Wait()
		if in != 1 {
			t.Errorf("%d got in by one link", in)
		}
		late, err := r.Link(ctx, owner.Actor(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		c.add(LinkLife)
		if _, _, err := r.UseLink(ctx, late, "192.0.2.7:1"); !errors.Is(err, ErrLink) {
			t.Errorf("after %s: %v", LinkLife, err)
		}
		if _, err := r.Link(ctx, owner.Actor(), "nobody"); !errors.Is(err, ErrUnknown) {
			t.Errorf("for nobody: %v", err)
		}
	})
}

func TestThrottle(t *testing.T) {
	each(t, func(t *testing.T, r *Register, c *clock, owner Staff, j *journal.Journal) {
		ctx := t.Context()
		var throttled *ThrottledError
		// By login, from ever new addresses.
		for i := range FailLogin {
			if _, _, err := r.Login(ctx, "wang.li", "guess", fmt.Sprintf("192.0.2.%d:1", i)); !errors.Is(err, ErrDenied) {
				t.Fatalf("try %d: %v", i, err)
			}
		}
		if _, _, err := r.Login(ctx, "wang.li", password, "198.51.100.1:1"); !errors.As(err, &throttled) || throttled.Retry <= 0 || throttled.Retry > FailWindow {
			t.Fatalf("after %d failures: %v", FailLogin, err)
		}
		before := count(t, j, journal.StaffFailed)
		for range 3 {
			_, _, _ = r.Login(ctx, "wang.li", "guess", "198.51.100.1:1")
		}
		if after := count(t, j, journal.StaffFailed); after != before {
			t.Errorf("throttled tries wrote %d events; they must not flood the journal", after-before)
		}
		c.add(FailWindow)
		if _, _, err := r.Login(ctx, "wang.li", password, "198.51.100.1:1"); err != nil {
			t.Fatalf("after the window: %v", err)
		}
		// By address, over ever new logins.
		for i := range FailAddress {
			if _, _, err := r.Login(ctx, fmt.Sprintf("nobody%d", i), "guess", "203.0.113.5:1"); !errors.Is(err, ErrDenied) {
				t.Fatalf("try %d: %v", i, err)
			}
		}
		if _, _, err := r.Login(ctx, "wang.li", password, "203.0.113.5:2"); !errors.As(err, &throttled) {
			t.Errorf("after %d failures of an address: %v", FailAddress, err)
		}
		if _, _, err := r.Login(ctx, "wang.li", password, "198.51.100.1:1"); err != nil {
			t.Errorf("another address: %v", err)
		}
	})
}

func TestDisabled(t *testing.T) {
	each(t, func(t *testing.T, r *Register, c *clock, owner Staff, j *journal.Journal) {
		ctx := t.Context()
		if err := r.SetDisabled(ctx, boss, owner.ID, true); !errors.Is(err, ErrLastOwner) {
			t.Fatalf("the last owner: %v", err)
		}
		if s, err := r.Get(ctx, owner.ID); err != nil || s.Disabled {
			t.Fatalf("the refusal changed something: %+v %v", s, err)
		}
		second, err := r.Add(ctx, boss, Staff{Login: "zhao", Name: "赵", Role: "owner"})
		if err != nil {
			t.Fatal(err)
		}
		link, err := r.Link(ctx, boss, second.ID)
		if err != nil {
			t.Fatal(err)
		}
		_, token, err := r.UseLink(ctx, link, "192.0.2.1:1")
		if err != nil {
			t.Fatal(err)
		}
		link, err = r.Link(ctx, boss, second.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.SetDisabled(ctx, owner.Actor(), second.ID, true); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Session(ctx, token); !errors.Is(err, ErrNoSession) {
			t.Errorf("session of the disabled: %v", err)
		}
		if _, _, err := r.UseLink(ctx, link, "192.0.2.1:1"); !errors.Is(err, ErrLink) {
			t.Errorf("link of the disabled: %v", err)
		}
		var bad *InvalidError
		if _, err := r.Link(ctx, owner.Actor(), second.ID); !errors.As(err, &bad) {
			t.Errorf("link for the disabled: %v", err)
		}
		if err := r.SetDisabled(ctx, owner.Actor(), second.ID, false); err != nil {
			t.Fatal(err)
		}
		if s, err := r.Get(ctx, second.ID); err != nil || s.Disabled {
			t.Errorf("enabled again: %+v %v", s, err)
		}
	})
}

func TestBadInput(t *testing.T) {
	each(t, func(t *testing.T, r *Register, c *clock, owner Staff, j *journal.Journal) {
		ctx := t.Context()
		var bad *InvalidError
		for _, s := range []Staff{{Login: "a", Name: "n", Role: "owner"}, {Login: "-ab", Name: "n", Role: "owner"}, {Login: "ab c", Name: "n", Role: "owner"},
			{Login: "abc", Name: " ", Role: "owner"}, {Login: "abc", Name: strings.Repeat("长", 65), Role: "owner"}, {Login: "abc", Name: "n", Role: "king"}} {
			if _, err := r.Add(ctx, boss, s); !errors.As(err, &bad) || bad.Mend == "" {
				t.Errorf("%+v: %v", s, err)
			}
		}
		if _, err := r.Add(ctx, boss, Staff{Login: "wang.li", Name: "other", Role: "auditor"}); !errors.Is(err, ErrLoginTaken) {
			t.Errorf("taken: %v", err)
		}
		for _, p := range []string{"", "short", "九个字符的密码啊", strings.Repeat("x", 1025), "bad \xff bytes here", "WANG.LI"} {
			if err := r.SetPassword(ctx, owner.ID, p); !errors.As(err, &bad) || bad.Field != "password" {
				t.Errorf("password %.20q: %v", p, err)
			}
		}
		if err := r.SetPassword(ctx, "nobody", password); !errors.Is(err, ErrUnknown) {
			t.Errorf("nobody: %v", err)
		}
		list, err := r.List(ctx)
		if err != nil || len(list) != 1 {
			t.Errorf("list: %v %v", list, err)
		}
	})
}

// TestNothingSecretIsStored looks at every text of the register's tables and of the journal.
func TestNothingSecretIsStored(t *testing.T) {
	db := testkit.SQLite(t)
	j, _ := testkit.Journal(t, db)
	r, err := Open(t.Context(), db, j)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	owner, err := r.Add(ctx, boss, Staff{Login: "secretlogin", Name: "秘密姓名", Role: "owner"})
	if err != nil {
		t.Fatal(err)
	}
	link, err := r.Link(ctx, boss, owner.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, session, err := r.UseLink(ctx, link, "192.0.2.99:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetPassword(ctx, owner.ID, password); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Login(ctx, "secretlogin", "typed by mistake", "192.0.2.99:1"); !errors.Is(err, ErrDenied) {
		t.Fatal(err)
	}
	dump := func(query string) string {
		t.Helper()
		rows, err := store.Rows[string](ctx, db.R, query)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 0 {
			t.Fatalf("nothing from %s", query)
		}
		return strings.Join(rows, "\n")
	}
	tables := dump(`SELECT password || hash FROM operator_staff, operator_sessions`) + dump(`SELECT hash FROM operator_links`) + dump(`SELECT name FROM operator_failures`)
	for _, secret := range []string{password, link, session, "typed by mistake"} {
		if strings.Contains(tables, secret) {
			t.Errorf("%.10q… stands in a table", secret)
		}
	}
	if !strings.Contains(tables, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("no argon2id hash with the documented cost: %s", tables)
	}
	events, err := j.Events(ctx, journal.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		for _, personal := range []string{"secretlogin", "秘密姓名", "192.0.2.99", "typed by mistake", link, session} {
			if strings.Contains(string(e.Body)+e.Who.ID+e.Ref.ID, personal) {
				t.Errorf("event %s holds %q", e.Verb, personal)
			}
		}
	}
}

func TestRoles(t *testing.T) {
	can := func(role string, c Capability) bool { return Staff{Role: role}.Can(c) }
	for _, c := range Capabilities {
		if !can("owner", c) {
			t.Errorf("an owner cannot %s", c)
		}
		if can("", c) || (Staff{Role: "owner", Disabled: true}).Can(c) {
			t.Errorf("nobody, or a disabled owner, can %s", c)
		}
	}
	for _, role := range []string{"engineer", "auditor"} {
		if can(role, ReadContent) {
			t.Errorf("%s can read content", role)
		}
	}
	for _, role := range []string{"compliance", "moderator", "engineer", "auditor"} {
		if can(role, ManageStaff) || !can(role, View) {
			t.Errorf("%s: staff %v, view %v", role, can(role, ManageStaff), can(role, View))
		}
	}
	if !can("auditor", Verify) || can("auditor", ManageKeys) || can("auditor", TryService) {
		t.Error("an auditor reads and verifies, nothing else")
	}
}

// TestUnknownLoginCostsTheSame compares work, not time: both paths must fill the memory of one argon2id hash of the same cost.
func TestUnknownLoginCostsTheSame(t *testing.T) {
	h, err := newHasher()
	if err != nil {
		t.Fatal(err)
	}
	real, err := h.hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	filled := func(stored string) int {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if ok, err := h.matches(t.Context(), stored, "guess"); ok || err != nil {
			t.Fatalf("matched %q: %v", stored, err)
		}
		runtime.ReadMemStats(&after)
		return int(after.TotalAlloc-before.TotalAlloc) >> 20
	}
	cost := hashMemory >> 10 // MiB
	if known, unknown := filled(real), filled(""); known != cost || unknown != cost {
		t.Errorf("a wrong password fills %d MiB, an unknown login %d, want %d", known, unknown, cost)
	}
	if params := func(hash string) []string { return strings.Split(hash, "$")[:4] }; !slices.Equal(params(real), params(h.dummy)) {
		t.Errorf("%v, %v", params(real), params(h.dummy))
	}
	if ok, err := h.matches(t.Context(), real, password); !ok || err != nil {
		t.Errorf("the right password: %v %v", ok, err)
	}
}
