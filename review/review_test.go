package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var (
	wang = journal.Actor{Kind: "staff", ID: "wang"}
	li   = journal.Actor{Kind: "staff", ID: "li"}
	zhao = journal.Actor{Kind: "staff", ID: "zhao"}
)

// house is a register over exchanges that the test makes up.
type house struct {
	t         testing.TB
	db        *store.DB
	j         *journal.Journal
	vault     *journal.Vault
	r         *Register
	exchanges map[string]Exchange
	texts     map[string]string // by exchange
	entries   map[string]moderation.Entry
	may       map[string]bool
	read      []string // reasons
	bank      []Question
	at        time.Time
}

func newHouse(t testing.TB, db *store.DB) *house {
	t.Helper()
	ctx := context.Background()
	h := &house{t: t, db: db, exchanges: map[string]Exchange{}, texts: map[string]string{}, may: map[string]bool{"writer": true}, at: time.Now(),
		entries: map[string]moderation.Entry{"e1": {ID: "e1", Text: "词", Category: "A1h", Tier: moderation.Block}}}
	j, keys := testkit.Journal(t, db)
	v, err := journal.OpenVault(ctx, db, j, keys.Master)
	if err != nil {
		t.Fatal(err)
	}
	h.j, h.vault = j, v
	h.r, err = Open(ctx, db, j, v, Source{
		Exchange: func(_ context.Context, id string) (Exchange, error) {
			x, ok := h.exchanges[id]
			if !ok {
				return x, ErrUnknownExchange
			}
			return x, nil
		},
		Read: func(ctx context.Context, who journal.Actor, id, reason string) ([]Text, error) {
			h.read = append(h.read, who.ID+": "+reason)
			if _, err := v.Subject(ctx, h.exchanges[id].Subject); err != nil {
				return nil, err
			}
			return []Text{{Direction: "in", Channel: "messages[0].content", Text: h.texts[id]}}, nil
		},
		MayTrain: func(service string) bool { return h.may[service] },
		Entry: func(_ context.Context, id string) (moderation.Entry, bool, error) {
			e, ok := h.entries[id]
			return e, ok, nil
		},
		Demote: func(_ context.Context, _ journal.Actor, id string, to moderation.Tier) error {
			e := h.entries[id]
			e.Tier = to
			h.entries[id] = e
			return nil
		},
		Bank:    func() []Question { return h.bank },
		Learner: bigrams(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.r.Close)
	h.r.now = func() time.Time { return h.at }
	return h
}

func each(t *testing.T, test func(t *testing.T, h *house)) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) { test(t, newHouse(t, db)) })
}

// refused makes an exchange that the entry refused.
func (h *house) refused(subject, entry, text string) Exchange {
	h.t.Helper()
	if _, err := h.vault.Subject(context.Background(), subject); err != nil {
		h.t.Fatal(err)
	}
	x := Exchange{ID: store.NewID(), Service: "writer", Subject: subject, At: h.at, Verdict: "refuse", Code: "content_filter", Acted: true, Kept: true,
		Findings: []Finding{{Direction: "in", Channel: "messages[0].content", Category: "A1h", Tier: "block", Detector: "lexicon", Entry: entry, End: 3}}}
	h.exchanges[x.ID], h.texts[x.ID] = x, text
	return x
}

// sample disputes an exchange from an address of its own and returns the sample's id.
func (h *house) sample(x Exchange) string {
	h.t.Helper()
	if _, err := h.r.Dispute(context.Background(), Complaint{Exchange: x.ID, Address: x.ID, Channel: "api"}); err != nil {
		h.t.Fatal(err)
	}
	list, err := h.r.load(context.Background(), `exchange = $1`, x.ID)
	if err != nil || len(list) != 1 {
		h.t.Fatalf("%d samples, %v", len(list), err)
	}
	return list[0].ID
}

func (h *house) decide(who journal.Actor, sample string, v Verdict, labels ...string) Sample {
	h.t.Helper()
	h.open(who, sample)
	s, err := h.r.Decide(context.Background(), who, sample, Decision{Verdict: v, Labels: labels})
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *house) proposals(want int) []Proposal {
	h.t.Helper()
	list, err := h.r.Proposals(context.Background())
	if err != nil || len(list) != want {
		h.t.Fatalf("%d proposals, want %d (%v)", len(list), want, err)
	}
	return list
}

func (h *house) events(verb journal.Verb) []journal.Event {
	h.t.Helper()
	events, err := h.j.Events(context.Background(), journal.Filter{Verbs: []journal.Verb{verb}})
	if err != nil {
		h.t.Fatal(err)
	}
	return events
}

// TestFiftyOverturnedHitsMakeOneProposal: one person's word alone makes none, two persons' exactly one, and two persons more
// put it into the draft.
func TestFiftyOverturnedHitsMakeOneProposal(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var ids []string
		for i := range 50 {
			id := h.sample(h.refused(fmt.Sprint("user-", i), "e1", "无害"))
			ids = append(ids, id)
			h.decide(wang, id, OverBlocked)
		}
		// wang has overturned all there was: bounded, so nothing counts yet.
		f, err := h.r.Figures(t.Context())
		if err != nil || len(f.Reviewers) != 1 || !f.Reviewers[0].Bounded || f.Counted != 0 || f.Waiting != 50 {
			t.Fatalf("%+v %v", f, err)
		}
		h.proposals(0)
		for _, id := range ids {
			h.decide(li, id, OverBlocked)
		}
		p := h.proposals(1)[0]
		if p.Entry != "e1" || p.Tier != moderation.Block || p.Becomes != moderation.Signal || p.State != "open" || p.Overturn.N != MinReviewed || p.Overturn.Low <= OverturnLimit {
			t.Fatalf("%+v", p)
		}
		// Never alone.
		if err := h.r.Approve(t.Context(), wang, p.ID, ""); !errors.Is(err, ErrState) {
			t.Errorf("approved without a second: %v", err)
		}
		if err := h.r.Second(t.Context(), journal.Actor{Kind: "cli", ID: "hegui"}, p.ID, ""); err == nil {
			t.Error("nobody has seconded it")
		}
		if err := h.r.Second(t.Context(), wang, p.ID, "五十次误伤"); err != nil {
			t.Fatal(err)
		}
		if err := h.r.Approve(t.Context(), wang, p.ID, ""); !errors.Is(err, ErrSamePerson) {
			t.Errorf("the same person approved: %v", err)
		}
		if h.entries["e1"].Tier != moderation.Block {
			t.Fatal("demoted by one person")
		}
		if err := h.r.Approve(t.Context(), li, p.ID, ""); err != nil {
			t.Fatal(err)
		}
		if e := h.entries["e1"]; e.Tier != moderation.Signal || e.Allow {
			t.Errorf("%+v", e)
		}
		if err := h.r.Decline(t.Context(), li, p.ID, "late"); !errors.Is(err, ErrState) {
			t.Errorf("declined after it was applied: %v", err)
		}
		// The same hits propose nothing again.
		h.decide(zhao, ids[0], OverBlocked)
		if p := h.proposals(1)[0]; p.State != "applied" || p.Seconded != wang || p.Decided != li || p.Note != "五十次误伤" {
			t.Errorf("%+v", p)
		}
		if n := len(h.events(journal.ReviewProposed)); n != 1 {
			t.Errorf("%d events of proposals", n)
		}
		f, err = h.r.Figures(t.Context())
		if err != nil || f.Counted != 50 || f.Agreement.Samples != 50 || f.Agreement.Kappa != 1 {
			t.Errorf("%+v %v", f, err)
		}
	})
}

// TestAFloodByOneUserProposesNothing: the user is held to a few disputes a day, and is one trial however many there are.
func TestAFloodByOneUserProposesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		n, refused := 0, 0
		for range 10 {
			for range 8 {
				x := h.refused("flooder", "e1", "无害")
				_, err := h.r.Dispute(t.Context(), Complaint{Exchange: x.ID, Address: x.ID})
				switch {
				case errors.Is(err, ErrTooMany):
					refused++
				case err != nil:
					t.Fatal(err)
				default:
					n++
					list, err := h.r.Samples(t.Context(), Filter{State: "open"})
					if err != nil || len(list) != 1 {
						t.Fatalf("%d open, %v", len(list), err)
					}
					h.decide(wang, list[0].ID, OverBlocked)
					h.decide(li, list[0].ID, OverBlocked)
				}
			}
			h.at = h.at.Add(DisputeDay + time.Minute)
		}
		if n != 10*DisputesPerUser || refused != 10*(8-DisputesPerUser) {
			t.Errorf("%d taken, %d refused", n, refused)
		}
		h.proposals(0)
		f, err := h.r.Figures(t.Context())
		if err != nil || f.Counted != n {
			t.Fatalf("%+v %v", f, err)
		}
		for _, r := range f.Rates {
			if r.Overturn.Of != 1 || r.Samples != n {
				t.Errorf("%+v, want one user", r)
			}
		}
	})
}

func TestDispute(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		x := h.refused("u1", "e1", "怎样防范诈骗？")
		const words = "我只是在写防骗宣传"
		receipt, err := h.r.Dispute(ctx, Complaint{Exchange: x.ID, Reason: words, Address: "203.0.113.9", Channel: "portal"})
		if err != nil || len(receipt) != len("HG-XXXX-XXXX-XXXX-XXXX") {
			t.Fatalf("%q %v", receipt, err)
		}
		if _, err := h.r.Dispute(ctx, Complaint{Exchange: x.ID}); !errors.Is(err, ErrDisputed) {
			t.Errorf("twice: %v", err)
		}
		if _, err := h.r.Dispute(ctx, Complaint{Exchange: "01JDB0000000000000000000ZZ"}); !errors.Is(err, ErrUnknownExchange) {
			t.Errorf("unknown: %v", err)
		}
		allowed := x
		allowed.ID, allowed.Acted = store.NewID(), false
		h.exchanges[allowed.ID] = allowed
		if _, err := h.r.Dispute(ctx, Complaint{Exchange: allowed.ID}); !errors.Is(err, ErrNotDisputable) {
			t.Errorf("allowed: %v", err)
		}
		var bad *InvalidError
		if _, err := h.r.Dispute(ctx, Complaint{Exchange: h.refused("u1", "e1", "").ID, Reason: strings.Repeat("长", MaxReason)}); !errors.As(err, &bad) || bad.Field != "reason" {
			t.Errorf("long: %v", err)
		}
		for _, r := range []string{receipt, strings.ToLower(strings.ReplaceAll(receipt, "-", " "))} {
			s, err := h.r.Standing(ctx, r)
			if err != nil || s.State != "received" || s.Exchange != x.ID || s.Result != "" {
				t.Errorf("%+v %v", s, err)
			}
		}
		if _, err := h.r.Standing(ctx, "HG-AAAA-AAAA-AAAA-AAAA"); !errors.Is(err, ErrUnknown) {
			t.Errorf("forged: %v", err)
		}
		list, err := h.r.Disputes(ctx)
		if err != nil || len(list) != 1 || !list[0].Reasoned {
			t.Fatalf("%+v %v", list, err)
		}
		s, text, err := h.r.Open(ctx, wang, list[0].Sample, "核对")
		if err != nil || text != "怎样防范诈骗？" || len(h.read) != 1 || h.read[0] != "wang: 核对" {
			t.Fatalf("%q %v %q", text, err, h.read)
		}
		if _, _, err := h.r.Open(ctx, wang, s.ID, " "); !errors.As(err, &bad) {
			t.Errorf("no reason: %v", err)
		}
		if got, err := h.r.Words(ctx, s); err != nil || got != words {
			t.Errorf("%q %v", got, err)
		}
		h.decide(wang, s.ID, OverBlocked)
		if s, err := h.r.Standing(ctx, receipt); err != nil || s.State != "decided" || s.Result != "overturned" {
			t.Errorf("%+v %v", s, err)
		}
		// Neither words nor text nor receipt nor address stand in the database or the journal.
		for _, table := range []string{"review_sample", "review_decision", "review_dispute"} {
			for _, secret := range []string{words, "怎样防范诈骗", receipt, "203.0.113.9"} {
				if holds(t, h.db, table, secret) {
					t.Errorf("%s holds %q", table, secret)
				}
			}
		}
		for _, verb := range []journal.Verb{journal.ReviewSampled, journal.ReviewDecided, journal.ReviewDisputed} {
			for _, e := range h.events(verb) {
				if b, _ := json.Marshal(e); strings.Contains(string(b), words) || strings.Contains(string(b), receipt) {
					t.Errorf("%s", b)
				}
			}
		}
		// Erasing the user removes it all.
		if err := h.vault.Destroy(ctx, wang, "u1", "request"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.r.Standing(ctx, receipt); !errors.Is(err, ErrUnknown) {
			t.Errorf("after erasure: %v", err)
		}
		for _, table := range []string{"review_sample", "review_decision", "review_dispute"} {
			if n, err := store.Row[int64](ctx, h.db.R, `SELECT COUNT(*) FROM `+table); err != nil || n != 0 {
				t.Errorf("%s has %d rows after erasure (%v)", table, n, err)
			}
		}
		if n := len(h.events(journal.ReviewErased)); n != 1 {
			t.Errorf("%d events", n)
		}
		if _, err := h.r.Dispute(ctx, Complaint{Exchange: h.exchanges[x.ID].ID}); !errors.Is(err, journal.ErrErased) {
			t.Errorf("dispute of an erased user: %v", err)
		}
	})
}

// holds looks for a text in every column of a table.
func holds(t *testing.T, db *store.DB, table, text string) bool {
	t.Helper()
	rows, err := db.R.QueryContext(t.Context(), `SELECT * FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		n++
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			if strings.Contains(fmt.Sprint(v), text) {
				return true
			}
		}
	}
	if n == 0 {
		t.Errorf("%s is empty: nothing was looked through", table)
	}
	return false
}

func TestAddressLimit(t *testing.T) {
	h := newHouse(t, testkit.SQLite(t))
	for i := range DisputesPerAddress + 3 {
		x := h.refused(fmt.Sprint("user-", i), "e1", "无害")
		_, err := h.r.Dispute(t.Context(), Complaint{Exchange: x.ID, Address: "198.51.100.7"})
		if want := i >= DisputesPerAddress; errors.Is(err, ErrTooMany) != want || !want && err != nil {
			t.Errorf("dispute %d: %v", i, err)
		}
	}
	if _, err := h.r.Dispute(t.Context(), Complaint{Exchange: h.refused("other", "e1", "无害").ID, Address: "198.51.100.8"}); err != nil {
		t.Errorf("another address: %v", err)
	}
}

func TestDecisions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		id := h.sample(h.refused("u1", "e1", "文"))
		h.open(wang, id)
		for _, d := range []Decision{{}, {Verdict: "fine"}, {Verdict: Missed}, {Verdict: WrongCategory}, {Verdict: OverBlocked, Labels: []string{"A1h"}},
			{Verdict: Missed, Labels: []string{"Z9"}}, {Verdict: Right, Note: strings.Repeat("x", MaxNote+1)}} {
			var bad *InvalidError
			if _, err := h.r.Decide(ctx, wang, id, d); !errors.As(err, &bad) {
				t.Errorf("%+v: %v", d, err)
			}
		}
		if _, err := h.r.Decide(ctx, wang, "nothing", Decision{Verdict: Right}); !errors.Is(err, ErrUnknown) {
			t.Errorf("unknown: %v", err)
		}
		s := h.decide(wang, id, Right)
		if !s.Outcome.Counts || len(s.Outcome.Labels) != 1 || s.Outcome.Labels[0] != "A1h" {
			t.Errorf("agreeing takes the machine's labels: %+v", s.Outcome)
		}
		if _, err := h.r.Decide(ctx, wang, id, Decision{Verdict: Right}); !errors.Is(err, ErrDecided) {
			t.Errorf("twice: %v", err)
		}
		if s = h.decide(li, id, OverBlocked); s.Outcome.Counts || s.Outcome.Waits != "split" {
			t.Errorf("two who differ: %+v", s.Outcome)
		}
		if s = h.decide(zhao, id, OverBlocked); !s.Outcome.Counts || s.Outcome.Verdict != OverBlocked {
			t.Errorf("a third settles it: %+v", s.Outcome)
		}
		decided := h.events(journal.ReviewDecided)
		if damage, err := h.r.Verify(ctx, decided); err != nil || len(decided) != 3 || len(damage) != 0 {
			t.Errorf("%d events, damage %v, %v", len(decided), damage, err)
		}
		if _, err := h.db.W.ExecContext(ctx, `UPDATE review_decision SET verdict = 'right' WHERE reviewer = 'li'`); err != nil {
			t.Fatal(err)
		}
		if _, err := h.db.W.ExecContext(ctx, `DELETE FROM review_decision WHERE reviewer = 'zhao'`); err != nil {
			t.Fatal(err)
		}
		if damage, err := h.r.Verify(ctx, decided); err != nil || len(damage) != 2 {
			t.Errorf("damage %v, %v", damage, err)
		}
	})
}

func TestDraw(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		if err := h.r.SetRates(ctx, wang, "writer", Rates{Random: 2}); err == nil {
			t.Error("a rate of 2 was taken")
		}
		if err := h.r.SetRates(ctx, wang, "writer", Rates{Random: 0.1, Disagreement: 1, Threshold: 1, At: 0.5, Near: 0.1}); err != nil {
			t.Fatal(err)
		}
		if n := len(h.events(journal.ReviewRates)); n != 1 {
			t.Errorf("%d events", n)
		}
		if d, err := h.r.Rates(ctx, "other"); err != nil || d != DefaultRates() {
			t.Errorf("%+v %v", d, err)
		}
		x := h.refused("u1", "e1", "文")
		x.Looked = []string{"lexicon", "guard"}
		id, err := h.r.Draw(ctx, x)
		if err != nil || id == "" {
			t.Fatalf("disagreement: %q %v", id, err)
		}
		if s, err := h.r.Sample(ctx, id); err != nil || s.Reason != Disagreement || s.Channel != "messages[0].content" {
			t.Errorf("%+v %v", s, err)
		}
		if again, err := h.r.Draw(ctx, x); err != nil || again != "" {
			t.Errorf("drawn twice: %q %v", again, err)
		}
		// A dispute of what was drawn already uses the same sample.
		if got := h.sample(x); got != id {
			t.Errorf("sample %s, want %s", got, id)
		}
		x = h.refused("u1", "e1", "文")
		x.Findings[0].Score = 0.55
		if id, err = h.r.Draw(ctx, x); err != nil || id == "" {
			t.Fatalf("threshold: %q %v", id, err)
		}
		x = h.refused("u1", "e1", "文")
		x.Probe, x.Looked = true, []string{"guard"}
		if id, err = h.r.Draw(ctx, x); err != nil || id != "" {
			t.Errorf("a probe was drawn: %q %v", id, err)
		}
		x = h.refused("u1", "e1", "文")
		x.Kept, x.Looked = false, []string{"guard"}
		h.exchanges[x.ID] = x
		if id, err = h.r.Draw(ctx, x); err != nil || id != "" {
			t.Errorf("without content: %q %v", id, err)
		}
		if err := h.vault.Destroy(ctx, wang, "gone", "request"); err != nil {
			t.Fatal(err)
		}
		x = Exchange{ID: store.NewID(), Service: "writer", Subject: "gone", Kept: true, Looked: []string{"guard"}, Findings: []Finding{{Direction: "in", Detector: "lexicon", Tier: "block"}}}
		h.exchanges[x.ID] = x
		if id, err = h.r.Draw(ctx, x); err != nil || id != "" {
			t.Errorf("of an erased user: %q %v", id, err)
		}
	})
	// The share that is drawn is the share declared, and no input of the user moves it.
	n := 0
	for range 20_000 {
		if _, drawn := choose(Exchange{ID: store.NewID()}, Rates{Random: 0.1}); drawn {
			n++
		}
	}
	if s := ShareOf(n, 20_000); s.Low > 0.1 || s.High < 0.1 {
		if math.Abs(s.Rate()-0.1) > 0.01 {
			t.Errorf("%+v of ids were drawn at a rate of 0.1", s)
		}
	}
}

func TestKappaAndShare(t *testing.T) {
	pairs := func(n int, a, b Verdict) (out [][2]Verdict) {
		for range n {
			out = append(out, [2]Verdict{a, b})
		}
		return out
	}
	// Cohen 1960's shape: 20 both yes, 15 both no, 5 and 10 differ: kappa 0.4.
	all := append(append(pairs(20, Right, Right), pairs(15, OverBlocked, OverBlocked)...), append(pairs(5, Right, OverBlocked), pairs(10, OverBlocked, Right)...)...)
	if k := Kappa(all); math.Abs(k.Kappa-0.4) > 1e-9 || k.Samples != 50 || k.Same != 35 {
		t.Errorf("%+v", k)
	}
	if k := Kappa(nil); k.Kappa != 0 {
		t.Errorf("%+v", k)
	}
	// Newcombe 1998: 81 of 263 has 0.2553 to 0.3662.
	if s := ShareOf(81, 263); math.Abs(s.Low-0.2553) > 5e-5 || math.Abs(s.High-0.3662) > 5e-5 {
		t.Errorf("%+v", s)
	}
	if s := ShareOf(0, 0); s.Low != 0 || s.High != 1 || s.Rate() != 0 {
		t.Errorf("%+v", s)
	}
}

// TestRatesByUsers: whatever the samples, no user weighs more than one, and only different users make a demotion due.
func TestRatesByUsers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		users := rapid.IntRange(1, 60).Draw(t, "users")
		over, right := map[string]int{}, map[string]int{}
		var samples []Sample
		for range rapid.IntRange(1, 150).Draw(t, "samples") {
			subject := fmt.Sprint(rapid.IntRange(1, users).Draw(t, "user"))
			v := rapid.SampledFrom(Verdicts()).Draw(t, "verdict")
			counts := rapid.Bool().Draw(t, "counts")
			samples = append(samples, Sample{Subject: subject, Outcome: Outcome{Counts: counts, Verdict: v}, Findings: []Finding{{Detector: "lexicon", Entry: "e", Tier: "block"}}})
			switch {
			case !counts || v == Missed:
			case v == OverBlocked:
				over[subject]++
				right[subject] += 0
			default:
				right[subject]++
			}
		}
		want := 0
		for s := range right {
			if over[s] > right[s] {
				want++
			}
		}
		for _, r := range ratesOf(samples) {
			if r.Overturn.Of != len(right) || r.Overturn.N != want {
				t.Fatalf("%+v, want %d of %d", r, want, len(right))
			}
			if r.due() && (r.Kind != "entry" || len(right) < MinReviewed || 2*want <= len(right)) {
				t.Fatalf("%+v is due with %d of %d users", r, want, len(right))
			}
		}
	})
}

// TestSettle: a bounded reviewer never decides alone, and what counts was said by one person who is not bounded or by two.
func TestSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bounded := map[string]bool{}
		var decisions []Decision
		votes := map[Verdict]int{}
		for i := range rapid.IntRange(0, 5).Draw(t, "readings") {
			who := fmt.Sprint("r", i)
			bounded[who] = rapid.Bool().Draw(t, "bounded")
			v := rapid.SampledFrom(Verdicts()).Draw(t, "verdict")
			decisions = append(decisions, Decision{Reviewer: who, Verdict: v})
			votes[v]++
		}
		o := settle(decisions, bounded)
		switch {
		case o.Counts && len(decisions) == 1 && bounded[decisions[0].Reviewer]:
			t.Fatal("a bounded reviewer decided alone")
		case o.Counts && len(decisions) > 1:
			for v, n := range votes {
				if n < 2 && v == o.Verdict || v != o.Verdict && n >= votes[o.Verdict] {
					t.Fatalf("%s won of %v", o.Verdict, votes)
				}
			}
		case !o.Counts && o.Waits == "":
			t.Fatal("it neither counts nor waits")
		case len(decisions) == 0 && o.Waits != "first":
			t.Fatalf("%+v", o)
		}
	})
}
