package function

import (
	"errors"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/service"
)

func wang() journal.Actor { return journal.Actor{Kind: "staff", ID: "wang"} }
func app() journal.Actor  { return journal.Actor{Kind: "application", ID: "app"} }

func demo() service.Service {
	s := service.Defaults("demo")
	s.Functions = []service.Function{
		{ID: "chat", NameZH: "对话", NameEN: "Chat", Operations: []string{"chat"}, Class: "dialogue"},
		{ID: "draft", NameZH: "写作", NameEN: "Drafting", Operations: []string{"chat"}, Models: []string{"m2"}, Class: "dialogue"},
		{ID: "voice", NameZH: "朗读", NameEN: "Reading", Operations: []string{"speech"}, Class: "voice", Biometric: "voice"},
	}
	return s
}

// each runs a test on SQLite and on PostgreSQL.
func each(t *testing.T, test func(t *testing.T, db *store.DB, r *Register, j *journal.Journal)) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			j, _ := testkit.Journal(t, db)
			r, err := Open(t.Context(), db, j)
			if err != nil {
				t.Fatal(err)
			}
			test(t, db, r, j)
		})
	}
}

func TestDecisions(t *testing.T) {
	each(t, func(t *testing.T, _ *store.DB, r *Register, _ *journal.Journal) {
		ctx, s := t.Context(), demo()
		state := func(id, operation string) State {
			t.Helper()
			f, ok := Of(s, id, operation, "m2")
			x, err := r.State(ctx, s, f, ok)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		if x := state("chat", "chat"); !x.Confusing() || x.Locked() {
			t.Errorf("undecided: %+v", x)
		}
		if x := state("voice", "speech"); !x.Locked() {
			t.Errorf("not assessed, and not locked: %+v", x)
		}
		for _, bad := range []struct {
			who journal.Actor
			x   Record
		}{
			{journal.Actor{Kind: "cli", ID: "hegui"}, Record{Kind: Decision, Function: "chat", Reason: "because it is"}},
			{app(), Record{Kind: Decision, Function: "chat", Reason: "because it is"}},
			{wang(), Record{Kind: Decision, Function: "chat"}},
			{wang(), Record{Kind: Decision, Function: "nothing", Reason: "because it is"}},
			{wang(), Record{Kind: Assessment, Function: "chat", Document: "A 1", Assessor: "us", On: "2026-01-02"}},
			{wang(), Record{Kind: Assessment, Function: "voice", Document: "A 1", Assessor: "us", On: "2999-01-02"}},
			{wang(), Record{Kind: Assessment, Function: "voice", Assessor: "us", On: "2026-01-02"}},
			{wang(), Record{Kind: Consent, Function: "voice"}},
		} {
			if _, err := r.Decide(ctx, bad.who, s, bad.x); err == nil {
				t.Errorf("%+v was taken", bad.x)
			}
		}
		if _, err := r.Decide(ctx, wang(), s, Record{Kind: Decision, Function: "chat", Reason: "form letters with a letterhead"}); err != nil {
			t.Fatal(err)
		}
		if x := state("chat", "chat"); x.Confusing() || x.Decided.By.ID != "wang" {
			t.Errorf("%+v", x)
		}
		if x := state("draft", "chat"); !x.Confusing() {
			t.Error("a decision about another function counts")
		}
		if _, err := r.Decide(ctx, wang(), s, Record{Kind: Assessment, Function: "voice", Document: "A 1", Assessor: "us", On: "2026-01-02"}); err != nil {
			t.Fatal(err)
		}
		if x := state("voice", "speech"); x.Locked() {
			t.Errorf("%+v", x)
		}
		s.Functions[0].NameEN, s.Functions[2].Models = "Chat about anything", []string{"m2"}
		if x := state("chat", "chat"); !x.Confusing() {
			t.Error("a decision holds for another declaration")
		}
		if x := state("voice", "speech"); !x.Locked() {
			t.Error("an assessment holds for another declaration")
		}
	})
}

func TestOf(t *testing.T) {
	s := demo()
	for _, x := range []struct{ named, op, model, want string }{
		{"", "chat", "m1", "chat"}, {"", "chat", "m2", "chat"}, {"draft", "chat", "m2", "draft"}, {"draft", "chat", "m1", ""}, {"voice", "chat", "m1", ""}, {"", "speech", "m", "voice"}, {"", "image", "m", ""},
	} {
		if f, ok := Of(s, x.named, x.op, x.model); f.ID != x.want || ok != (x.want != "") {
			t.Errorf("%+v: %+v", x, f)
		}
	}
	s.Functions = nil
	if f, ok := Of(s, "", "speech", "m"); ok || f.Biometric != "voice" {
		t.Errorf("speech that nobody declared: %+v", f)
	}
}

func TestConsents(t *testing.T) {
	each(t, func(t *testing.T, _ *store.DB, r *Register, _ *journal.Journal) {
		ctx := t.Context()
		x, err := r.Agree(ctx, app(), Record{Service: "demo", Application: "app", Person: "p-7", Scope: "face", Evidence: "form 12", Until: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		for why, err := range map[string]error{
			"another application": r.Holds(ctx, "demo", "other", x.ID, "face"), "another service": r.Holds(ctx, "two", "app", x.ID, "face"),
			"another scope": r.Holds(ctx, "demo", "app", x.ID, "voice"), "nothing": r.Holds(ctx, "demo", "app", "01", "face"),
		} {
			if err == nil {
				t.Error(why)
			}
		}
		if err := r.Holds(ctx, "demo", "app", x.ID, "face"); err != nil {
			t.Error(err)
		}
		r.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
		if err := r.Holds(ctx, "demo", "app", x.ID, "face"); err == nil {
			t.Error("it holds beyond its end")
		}
		r.now = time.Now
		if _, err := r.Withdraw(ctx, app(), "demo", "other", x.ID); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
		if _, err := r.Withdraw(ctx, app(), "demo", "app", x.ID); err != nil {
			t.Error(err)
		}
		if err := r.Holds(ctx, "demo", "app", x.ID, "face"); !errors.Is(err, ErrState) {
			t.Error(err)
		}
		if _, err := r.Withdraw(ctx, app(), "demo", "app", x.ID); !errors.Is(err, ErrState) {
			t.Error(err)
		}
		for _, bad := range []Record{{Person: "p", Scope: "body", Evidence: "form"}, {Scope: "face", Evidence: "form"}, {Person: "p", Scope: "face"}, {Person: "p", Scope: "face", Evidence: "form 1", Until: time.Now().Add(-time.Hour)}} {
			if _, err := r.Agree(ctx, app(), bad); err == nil {
				t.Errorf("%+v", bad)
			}
		}
	})
}

func TestInterfaces(t *testing.T) {
	each(t, func(t *testing.T, _ *store.DB, r *Register, _ *journal.Journal) {
		ctx := t.Context()
		if _, err := r.Attest(ctx, app(), Record{Service: "demo", Application: "app", Client: "web/3.2", Shows: []string{Notice}}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			r.Owes("demo", "app", "web/3.2", Notice)
		}
		r.Owes("demo", "app", "web/3.3", Notice)
		r.Owes("demo", "app", "web/3.2", Player)
		r.Owes("demo", "app", "no name at all", Notice)
		list, err := r.Interfaces(ctx, time.Now().Add(-time.Hour))
		if err != nil || len(list) != 4 {
			t.Fatalf("%+v %v", list, err)
		}
		got := map[string]bool{}
		var times int64
		for _, x := range list {
			got[x.Client+" "+x.Owed] = x.Attested
			times += x.Times
		}
		if !got["web/3.2 "+Notice] || got["web/3.3 "+Notice] || got["web/3.2 "+Player] || got[" "+Notice] || times != 6 {
			t.Errorf("%+v", list)
		}
		r.Owes("demo", "app", "web/3.2", Notice)
		if list, err = r.Interfaces(ctx, time.Now().Add(-time.Hour)); err != nil || len(list) != 4 {
			t.Errorf("%+v %v", list, err)
		}
		for _, bad := range []Record{{Client: "web", Shows: []string{Notice}}, {Client: "web/1"}, {Client: "web/1", Shows: []string{"hover"}}, {Client: "web/1", Shows: []string{Notice}, Picture: "x"}} {
			if _, err := r.Attest(ctx, app(), bad); err == nil {
				t.Errorf("%+v", bad)
			}
		}
	})
}

func TestVerify(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, r *Register, j *journal.Journal) {
		ctx := t.Context()
		x, err := r.Decide(ctx, wang(), demo(), Record{Kind: Decision, Function: "chat", Reason: "form letters"})
		if err != nil {
			t.Fatal(err)
		}
		events, err := j.Events(ctx, journal.Filter{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if damaged, err := r.Verify(ctx, events); err != nil || len(damaged) != 0 {
			t.Fatalf("%+v %v", damaged, err)
		}
		if _, err := db.W.ExecContext(ctx, `UPDATE function_record SET body = REPLACE(body, 'form letters', 'other letters') WHERE id = $1`, x.ID); err != nil {
			t.Fatal(err)
		}
		if damaged, err := r.Verify(ctx, events); err != nil || len(damaged) != 1 {
			t.Errorf("%+v %v", damaged, err)
		}
		if _, err := db.W.ExecContext(ctx, `DELETE FROM function_record`); err != nil {
			t.Fatal(err)
		}
		if damaged, err := r.Verify(ctx, events); err != nil || len(damaged) != 1 {
			t.Errorf("%+v %v", damaged, err)
		}
	})
}
