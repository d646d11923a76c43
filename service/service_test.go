package service

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/upstream"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var who = journal.Actor{Kind: "cli", ID: "test"}

func sample(t testing.TB) Declaration {
	t.Helper()
	s := Defaults("demo")
	s.NameZH, s.NameEN = "示例服务", "Sample service"
	s.Models = []Route{{Name: "small", Model: "m1", Targets: []upstream.Target{{Endpoint: "local", Model: "small"}}}}
	s.Agreement = "1"
	return Declaration{
		Provider:  Provider{NameZH: "示例公司", NameEN: "Sample Co.", USCC: uscc(t)},
		Services:  []Service{s},
		Models:    []Model{{ID: "m1", NameZH: "小模型", NameEN: "Small model", Vendor: "Sample", Region: "CN"}},
		Texts:     []Text{{Service: "demo", Kind: "agreement", Number: "1", ZH: "# 协议", EN: "# Agreement"}},
		Endpoints: []string{"local"},
	}
}

// uscc finds the check character of a code that is plainly made up.
func uscc(t testing.TB) string {
	for _, c := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
		if code := "91110000EXAMPLE00" + string(c); validUSCC(code) {
			return code
		}
	}
	t.Fatal("no check character fits")
	return ""
}

func validUSCC(code string) bool {
	_, err := label.ProviderCode(code, "")
	return err == nil
}

func each(t *testing.T, test func(t *testing.T, r *Register, j *journal.Journal, db *store.DB)) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		j, _ := testkit.Journal(t, db)
		r, err := Open(t.Context(), db, j)
		if err != nil {
			t.Fatal(err)
		}
		test(t, r, j, db)
	})
}

func count(t *testing.T, j *journal.Journal, verbs ...journal.Verb) int64 {
	t.Helper()
	n, err := j.Count(t.Context(), journal.Filter{Verbs: verbs})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDeclare(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		all := []journal.Verb{journal.ServiceInForce, journal.ModelInForce, journal.TextInForce}
		d := sample(t)
		if err := r.Declare(t.Context(), who, d); err != nil {
			t.Fatal(err)
		}
		if n := count(t, j, all...); n != 4 {
			t.Errorf("%d events, want 4: provider, model, service, text", n)
		}
		s, ok := r.Service("demo")
		if !ok || s.Version == "" || len(s.Agreement) != 64 || r.Provider().Code == "" {
			t.Fatalf("in force: %+v %v, provider %+v", s, ok, r.Provider())
		}
		text, err := r.Text(t.Context(), s.Agreement)
		if err != nil || text.ZH != "# 协议" || time.Since(text.Effective) > time.Minute {
			t.Errorf("text %+v %v", text, err)
		}
		if err := r.Declare(t.Context(), who, d); err != nil {
			t.Fatal(err)
		}
		if n := count(t, j, all...); n != 4 {
			t.Errorf("declaring the same again wrote %d events", n-4)
		}

		d.Services[0].NameEN = "Renamed"
		d.Texts = append(d.Texts, Text{Service: "demo", Kind: "agreement", Number: "2", ZH: "# 协议二", EN: "# Agreement two"})
		d.Services[0].Agreement = "2"
		if err := r.Declare(t.Context(), who, d); err != nil {
			t.Fatal(err)
		}
		if n := count(t, j, all...); n != 6 {
			t.Errorf("a new service version and text made %d events, want 2", n-4)
		}
		again, err := Open(t.Context(), db, j)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := again.Service("demo"); got.NameEN != "Renamed" || got.Version == s.Version {
			t.Errorf("after opening again: %+v", got)
		}
		if texts, err := again.Texts(t.Context(), "demo"); err != nil || len(texts) != 2 || texts[0].Number != "2" {
			t.Errorf("texts %+v %v", texts, err)
		}

		d.Services = nil
		d.Texts = nil
		if err := r.Declare(t.Context(), who, d); err != nil {
			t.Fatal(err)
		}
		if _, ok := r.Service("demo"); ok {
			t.Error("a service that is not declared any more is still in force")
		}
		if _, err := r.Text(t.Context(), s.Agreement); err != nil {
			t.Errorf("an old text is gone: %v", err)
		}
	})
}

func TestDeclareRefuses(t *testing.T) {
	cases := []struct {
		name   string
		break_ func(d *Declaration)
		want   string
	}{
		{"no provider code", func(d *Declaration) { d.Provider.USCC = "" }, `provider: uscc "": give the 18-character`},
		{"mistyped code", func(d *Declaration) { d.Provider.USCC = "911100000000000000" }, `provider: uscc "911100000000000000"`},
		{"code of another", func(d *Declaration) { d.Provider.Code = "001191110000600037341L00000" }, `does not carry the credit code`},
		{"no chinese name", func(d *Declaration) { d.Provider.NameZH = " " }, `provider: name_zh " "`},
		{"id", func(d *Declaration) { d.Services[0].ID = "Demo"; d.Texts[0].Service = "Demo" }, `service "Demo": id "Demo": use 1 to 63 lower-case`},
		{"twice", func(d *Declaration) { d.Services = append(d.Services, d.Services[0]) }, `two services have this id`},
		{"place", func(d *Declaration) { d.Services[0].Label = "middle" }, `label.place "middle": use one of start, end, ui`},
		{"refusal text", func(d *Declaration) { d.Services[0].RefusalEN = "" }, `refusal.en ""`},
		{"mode", func(d *Declaration) { d.Services[0].Modes.Label.OnError = "maybe" }, `modes.label.on_error "maybe"`},
		{"model", func(d *Declaration) { d.Services[0].Models[0].Model = "m2" }, `models[0].model "m2": no model`},
		{"endpoint", func(d *Declaration) { d.Services[0].Models[0].Targets[0].Endpoint = "far" }, `targets[0].endpoint "far": no upstream with this name is declared; there are: local`},
		{"no models", func(d *Declaration) { d.Services[0].Models = nil }, `name at least one model`},
		{"agreement", func(d *Declaration) { d.Services[0].Agreement = "9" }, `agreement "9": this service has no text`},
		{"future", func(d *Declaration) { d.Texts[0].Effective = time.Now().Add(time.Hour) }, `lies in the future`},
		{"region", func(d *Declaration) { d.Models[0].Region = "china" }, `region "china"`},
		{"filing", func(d *Declaration) { d.Models[0].FilingURL = "https://cac.example/1" }, `filing_no ""`},
		{"body", func(d *Declaration) { d.Services[0].MaxBodyBytes = 0 }, `limits.max_body_bytes "0"`},
		{"days", func(d *Declaration) { d.Services[0].ContentDays = 0 }, `content_days "0"`},
	}
	db := testkit.SQLite(t)
	j, _ := testkit.Journal(t, db)
	r, err := Open(t.Context(), db, j)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := sample(t)
			c.break_(&d)
			err := r.Declare(t.Context(), who, d)
			var invalid Invalid
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant it to say %q", err, c.want)
			}
		})
	}
	if n := count(t, j); n != 0 {
		t.Errorf("refused declarations left %d events", n)
	}
	if err := r.Declare(t.Context(), who, sample(t)); err != nil {
		t.Fatal(err)
	}
	d := sample(t)
	d.Texts[0].ZH = "# 另一个"
	if err := r.Declare(t.Context(), who, d); err == nil || !strings.Contains(err.Error(), "already in force with another wording") {
		t.Errorf("a text in force was changed: %v", err)
	}
}

// TestNewKeyOpensAtOnce: a key that another process has just issued is known on its first use; wrong keys, however many, cost one look
// each missPause.
func TestNewKeyOpensAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		if err := r.Declare(t.Context(), who, sample(t)); err != nil {
			t.Fatal(err)
		}
		other, err := Open(t.Context(), db, j)
		if err != nil {
			t.Fatal(err)
		}
		r.tried.Store(time.Now().Add(time.Hour).UnixNano()) // it does not learn of the change by itself
		issue := func() string {
			t.Helper()
			_, secret, err := other.IssueKey(t.Context(), who, Key{Service: "demo", Application: "app"})
			if err != nil {
				t.Fatal(err)
			}
			return secret
		}
		now := time.Now()
		if k, err := r.Authenticate(t.Context(), issue(), now); err != nil || k.Service != "demo" {
			t.Errorf("a new key: %+v, %v", k, err)
		}
		wrong := func(i int) string { return fmt.Sprintf("%s%043d", KeyPrefix, i) }
		now = now.Add(missPause)
		if _, err := r.Authenticate(t.Context(), wrong(0), now); !errors.Is(err, ErrUnknownKey) {
			t.Error(err)
		}
		another := issue()
		for i := range 10_000 {
			if _, err := r.Authenticate(t.Context(), wrong(i), now.Add(missPause-1)); !errors.Is(err, ErrUnknownKey) {
				t.Fatal(err)
			}
		}
		if r.missed.Load() != now.UnixNano() {
			t.Error("wrong keys were looked up again")
		}
		if _, err := r.Authenticate(t.Context(), another, now.Add(missPause)); err != nil {
			t.Errorf("after the pause: %v", err)
		}
	})
}

func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		if err := r.Declare(t.Context(), who, sample(t)); err != nil {
			t.Fatal(err)
		}
		k, secret, err := r.IssueKey(t.Context(), who, Key{Service: "demo", Application: "app", Contract: "HT-1"})
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^hg-[0-9A-Za-z]{43}$`).MatchString(secret) {
			t.Errorf("secret %q", secret)
		}
		now := time.Now()
		got, err := r.Authenticate(t.Context(), secret, now)
		if err != nil || got != k {
			t.Errorf("authenticated %+v %v, want %+v", got, err, k)
		}
		for _, wrong := range []string{"", "hg-", secret[:45], secret + "a", "hg-" + strings.Repeat("a", 43), strings.ToUpper(secret)} {
			if _, err := r.Authenticate(t.Context(), wrong, now); !errors.Is(err, ErrUnknownKey) {
				t.Errorf("%q: %v", wrong, err)
			}
		}
		short, shortSecret, err := r.IssueKey(t.Context(), who, Key{Service: "demo", Application: "app", Expires: now.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Authenticate(t.Context(), shortSecret, now.Add(time.Hour)); !errors.Is(err, ErrExpiredKey) {
			t.Errorf("after its hour: %v", err)
		}
		if _, _, err := r.IssueKey(t.Context(), who, Key{Service: "other", Application: "app"}); err == nil || !strings.Contains(err.Error(), "there are: demo") {
			t.Errorf("key for an unknown service: %v", err)
		}
		if _, _, err := r.IssueKey(t.Context(), who, Key{Service: "demo", Application: "app", Expires: now.Add(-time.Hour)}); err == nil {
			t.Error("a key that has expired was issued")
		}

		// Another process revokes: this one sees it within a second.
		other, err := Open(t.Context(), db, j)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.RevokeKey(t.Context(), who, k.ID, ""); err == nil {
			t.Error("revoked without a reason")
		}
		if err := other.RevokeKey(t.Context(), who, k.ID, "leaked"); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			if _, err := r.Authenticate(t.Context(), secret, time.Now()); errors.Is(err, ErrRevokedKey) {
				break
			} else if time.Now().After(end) {
				t.Fatalf("a revoked key still opens: %v", err)
			}
		}
		if err := other.RevokeKey(t.Context(), who, k.ID, "again"); !errors.Is(err, ErrRevokedKey) {
			t.Errorf("revoked twice: %v", err)
		}
		if err := other.RevokeKey(t.Context(), who, "nope", "x"); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("revoked what is not there: %v", err)
		}
		keys, err := r.Keys(t.Context())
		if err != nil || len(keys) != 2 || keys[0].Revoked.IsZero() || keys[1] != short {
			t.Errorf("keys %+v %v", keys, err)
		}
		events, err := j.Events(t.Context(), journal.Filter{Ref: journal.Ref{Kind: "key", ID: k.ID}})
		if err != nil || len(events) != 2 {
			t.Fatalf("events of the key: %v %v", events, err)
		}
		for _, e := range events {
			if strings.Contains(string(e.Body), secret[3:]) {
				t.Errorf("event tells too much: %s", e.Body)
			}
		}
	})
}

func TestAuthenticateIsCheap(t *testing.T) {
	r, secret := issued(t)
	ctx, now := context.Background(), time.Now()
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := r.Authenticate(ctx, secret, now); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations per key looked up", n)
	}
}

func issued(t testing.TB) (*Register, string) {
	db := testkit.SQLite(t)
	j, _ := testkit.Journal(t, db)
	r, err := Open(t.Context(), db, j)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Declare(t.Context(), who, sample(t)); err != nil {
		t.Fatal(err)
	}
	_, secret, err := r.IssueKey(t.Context(), who, Key{Service: "demo", Application: "app"})
	if err != nil {
		t.Fatal(err)
	}
	return r, secret
}

func BenchmarkAuthenticate(b *testing.B) {
	r, secret := issued(b)
	now := time.Now()
	for b.Loop() {
		if _, err := r.Authenticate(b.Context(), secret, now); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAChangedTextIsNeitherShownNorSound(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		if err := r.Declare(t.Context(), who, sample(t)); err != nil {
			t.Fatal(err)
		}
		s, _ := r.Service("demo")
		events, err := j.Events(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.TextInForce}})
		if err != nil {
			t.Fatal(err)
		}
		if damaged, err := r.Verify(t.Context(), events); err != nil || len(damaged) != 0 {
			t.Fatalf("%v %v", damaged, err)
		}
		if _, err := db.W.ExecContext(t.Context(), `UPDATE service_text SET zh = 'other'`); err != nil {
			t.Fatal(err)
		}
		if damaged, err := r.Verify(t.Context(), events); err != nil || len(damaged) != 1 || damaged[0].Row != s.Agreement {
			t.Errorf("%v %v", damaged, err)
		}
		fresh, err := Open(t.Context(), db, j)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fresh.Text(t.Context(), s.Agreement); err == nil {
			t.Error("the changed text is shown")
		}
	})
}
