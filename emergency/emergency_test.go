package emergency

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var (
	ann = journal.Actor{Kind: "staff", ID: "ann"}
	ben = journal.Actor{Kind: "staff", ID: "ben"}
)

// clock is a register whose time the test sets.
type clock struct {
	*Register
	at time.Time
	j  *journal.Journal
}

func each(t *testing.T, test func(t *testing.T, c *clock)) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		j, _ := testkit.Journal(t, db)
		r, err := Open(context.Background(), db, j, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := &clock{Register: r, at: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), j: j}
		r.now = func() time.Time { return c.at }
		test(t, c)
	})
}

// TestEntries: in force at once, lapsed after a day without a second signature, else until its end; each step in the journal, the word never.
func TestEntries(t *testing.T) {
	each(t, func(t *testing.T, c *clock) {
		ctx := context.Background()
		count := func() int {
			t.Helper()
			list, err := c.Entries(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		begin := c.at
		one, err := c.Declare(ctx, ann, Measure{Kind: Entry, Text: "紧急词甲", Category: "A1g", Order: "网信令 7", Reason: "谣言", Until: begin.Add(72 * time.Hour)})
		if err != nil || count() != 1 {
			t.Fatal(one, err)
		}
		two, err := c.Declare(ctx, ann, Measure{Kind: Entry, Text: "紧急词乙", Category: "A1g", Order: "网信令 8", Reason: "谣言", Until: begin.Add(72 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Sign(ctx, ann, two.ID); !errors.Is(err, ErrSamePerson) {
			t.Error(err)
		}
		if _, err := c.Sign(ctx, ben, strings.ToLower(two.ID)); err != nil {
			t.Error(err)
		}
		if _, err := c.Sign(ctx, ben, two.ID); !errors.Is(err, ErrState) {
			t.Error(err)
		}
		before := c.Marker(ctx)
		c.at = begin.Add(SignWithin - time.Second)
		if count() != 2 {
			t.Error("an entry lapsed early")
		}
		c.at = begin.Add(SignWithin)
		if count() != 1 || c.Marker(ctx) == before {
			t.Error("an entry that nobody signed did not lapse")
		}
		if _, err := c.Sign(ctx, ben, one.ID); !errors.Is(err, ErrState) {
			t.Errorf("what lapsed was signed: %v", err)
		}
		c.at = begin.Add(72 * time.Hour)
		if count() != 0 {
			t.Error("an entry outlived its end")
		}
		for _, want := range []int{2, 0} {
			if n, err := c.Settle(ctx, journal.Actor{Kind: "system", ID: "emergency"}); err != nil || n != want {
				t.Errorf("settled %d, %v", n, err)
			}
		}
		for verb, want := range map[journal.Verb]int64{journal.EmergencyDeclared: 2, journal.EmergencySigned: 1, journal.EmergencyLapsed: 1, journal.EmergencyEnded: 1} {
			if n, err := c.j.Count(ctx, journal.Filter{Verbs: []journal.Verb{verb}}); err != nil || int64(n) != want {
				t.Errorf("%s: %d events, %v", verb, n, err)
			}
		}
		events, err := c.j.Events(ctx, journal.Filter{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if strings.Contains(string(e.Body), "紧急词") {
				t.Errorf("the word stands in the journal: %s", e.Body)
			}
		}
	})
}

// TestPeriods: a service follows the stricter profile in the days of the period, and returns by itself or when it is lifted.
func TestPeriods(t *testing.T) {
	each(t, func(t *testing.T, c *clock) {
		ctx := context.Background()
		begin := c.at
		p, err := c.Declare(ctx, ann, Measure{Kind: Period, Profile: "heightened", Services: []string{"demo"}, Order: "通知 3", Reason: "重大活动", From: begin.Add(time.Hour), Until: begin.Add(48 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		for at, want := range map[time.Duration]bool{0: false, time.Hour: true, 47 * time.Hour: true, 48 * time.Hour: false} {
			c.at = begin.Add(at)
			if profile, id, ok := c.Profile(ctx, "demo"); ok != want || ok && (profile != "heightened" || id != p.ID) {
				t.Errorf("after %s: %s %t", at, profile, ok)
			}
			if _, _, ok := c.Profile(ctx, "other"); ok {
				t.Error("another service follows it")
			}
		}
		c.at = begin.Add(2 * time.Hour)
		if _, err := c.Lift(ctx, ben, p.ID, ""); err == nil {
			t.Error("no reason was asked for")
		}
		if _, err := c.Lift(ctx, ben, p.ID, "活动取消"); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := c.Profile(ctx, "demo"); ok {
			t.Error("a lifted period goes on")
		}
		if list, err := c.List(ctx, 10); err != nil || len(list) != 1 || list[0].State(c.at) != Lifted || list[0].EndedWhy != "活动取消" {
			t.Errorf("%+v %v", list, err)
		}
	})
}

// TestBadMeasures: nothing stands without order, reason and end.
func TestBadMeasures(t *testing.T) {
	each(t, func(t *testing.T, c *clock) {
		for field, change := range map[string]func(*Measure){
			"order":    func(m *Measure) { m.Order = " " },
			"reason":   func(m *Measure) { m.Reason = "" },
			"until":    func(m *Measure) { m.Until = time.Time{} },
			"past":     func(m *Measure) { m.Until = c.at },
			"30 days":  func(m *Measure) { m.Until = c.at.Add(31 * 24 * time.Hour) },
			"category": func(m *Measure) { m.Category = "Z1" },
			"text":     func(m *Measure) { m.Text = "?" },
			"kind":     func(m *Measure) { m.Kind = "other" },
			"profile":  func(m *Measure) { m.Kind, m.Profile = Period, "Not One" },
		} {
			m := Measure{Kind: Entry, Text: "紧急词", Category: "A1g", Order: "1", Reason: "r", Until: c.at.Add(time.Hour)}
			change(&m)
			if _, err := c.Declare(context.Background(), ann, m); err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%s: %v", field, err)
			}
		}
		if _, err := c.Find(context.Background(), "nothing"); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
	})
}

// TestTwoPersons: a measure is declared and signed by two named people; the same one in the console and at the command line is one.
func TestTwoPersons(t *testing.T) {
	each(t, func(t *testing.T, c *clock) {
		ctx := t.Context()
		word := Measure{Kind: Entry, Text: "紧急词丙", Category: "A1g", Order: "7", Reason: "r", Until: c.at.Add(72 * time.Hour)}
		if _, err := c.Declare(ctx, journal.Actor{Kind: "cli", ID: "hegui"}, word); !errors.Is(err, ErrNobody) {
			t.Error(err)
		}
		m, err := c.Declare(ctx, journal.Actor{Kind: "cli", ID: "ann"}, word)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Sign(ctx, ann, m.ID); !errors.Is(err, ErrSamePerson) {
			t.Error(err)
		}
		if _, err := c.Sign(ctx, journal.Actor{Kind: "cli", ID: "hegui"}, m.ID); !errors.Is(err, ErrNobody) {
			t.Error(err)
		}
		var bad *InvalidError
		if _, err := c.Declare(ctx, ben, word); !errors.As(err, &bad) || bad.Field != "text" {
			t.Error(err)
		}
		if _, err := c.Sign(ctx, ben, m.ID); err != nil {
			t.Error(err)
		}

		period := Measure{Kind: Period, Profile: "heightened", Services: []string{"demo"}, Order: "8", Reason: "r", From: c.at.Add(24 * time.Hour), Until: c.at.Add(48 * time.Hour)}
		p, err := c.Declare(ctx, ann, period)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Sign(ctx, ben, p.ID); !errors.Is(err, ErrNoSignature) {
			t.Error(err)
		}
		period.Services, period.Profile = nil, "other"
		if _, err := c.Declare(ctx, ann, period); !errors.As(err, &bad) || bad.Field != "from" {
			t.Error(err)
		}
		period.Services = []string{"another"}
		if _, err := c.Declare(ctx, ann, period); err != nil {
			t.Error(err)
		}
		period.From = c.at.Add(-24 * time.Hour)
		if _, err := c.Declare(ctx, ann, period); !errors.As(err, &bad) || bad.Field != "from" {
			t.Error(err)
		}
		c.stricter = func(context.Context, Measure) error { return &InvalidError{"profile", "x", "is not stricter"} }
		period.From, period.Until = c.at.Add(72*time.Hour), c.at.Add(96*time.Hour)
		if _, err := c.Declare(ctx, ann, period); !errors.As(err, &bad) || bad.Field != "profile" {
			t.Error(err)
		}
	})
}

// TestVerify: a measure that was changed behind the register's back is named.
func TestVerify(t *testing.T) {
	each(t, func(t *testing.T, c *clock) {
		ctx := t.Context()
		var ids []string
		for _, text := range []string{"紧急词甲", "紧急词乙", "紧急词丙", "紧急词丁"} {
			m, err := c.Declare(ctx, ann, Measure{Kind: Entry, Text: text, Category: "A1g", Order: "7", Reason: "r", Until: c.at.Add(72 * time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, m.ID)
		}
		if _, err := c.Sign(ctx, ben, ids[0]); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Lift(ctx, ben, ids[1], "cleared up"); err != nil {
			t.Fatal(err)
		}
		check := func(want ...string) {
			t.Helper()
			report, err := c.j.Verify(ctx, []journal.Projection{c.Register}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range report.Damaged {
				got = append(got, d.Row)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%v, want %v", report.Damaged, want)
			}
		}
		check()
		for statement, id := range map[string]string{`UPDATE emergency_measure SET body = REPLACE(body, '紧急词甲', '无关词语') WHERE id = $1`: ids[0], `DELETE FROM emergency_measure WHERE id = $1`: ids[2],
			`UPDATE emergency_measure SET body = REPLACE(body, 'cleared up', 'never mind') WHERE id = $1`: ids[1]} {
			if _, err := c.db.W.ExecContext(ctx, statement, id); err != nil {
				t.Fatal(err)
			}
		}
		check(ids[0], ids[1], ids[2])
	})
}
