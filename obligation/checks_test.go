package obligation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/assessment"
	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

// good is a world with traffic and a self-test.
func good(w *world) {
	w.exchange()
	w.probe(time.Now())
	w.generated("mark")
}

// TestChecks has for every live check at least one green case, the best that it can say today, and one red.
func TestChecks(t *testing.T) {
	failing := func(guard string) func(*world) {
		return func(w *world) { good(w); w.probe(time.Now().Add(time.Millisecond), guard) }
	}
	stale := func(w *world) { good(w); w.now = w.now.Add(6 * time.Minute) }
	unprobed := func(w *world) { w.exchange() }
	declared := func(edit func(*service.Declaration)) func(*world) {
		return func(w *world) { good(w); edit(&w.decl); w.declare(); w.now = time.Now().Add(2 * time.Second) }
	}
	without := func(edit func(*exchange.Record)) func(*world) {
		return func(w *world) { good(w); w.exchange(edit) }
	}
	lexicon := func(edit func(map[string]int), age time.Duration) func(*world) {
		return func(w *world) {
			good(w)
			counts := map[string]int{}
			for id, n := range w.lex.Counts {
				counts[id] = n
			}
			edit(counts)
			counts["made-up"] = 1 // another hash than the one before
			w.lexicon(counts, time.Now().Add(-age))
		}
	}
	allowing := func(direction string, g moderation.Gaps) func(*world) {
		return func(w *world) {
			good(w)
			gaps := map[string]moderation.Gaps{"in": {}, "out": {}}
			gaps[direction] = g
			w.policy(gaps)
			w.now = time.Now().Add(2 * time.Second)
		}
	}
	refusing := func(n int) func(*world) {
		return func(w *world) { w.bank.Refused = n; lexicon(func(map[string]int) {}, time.Minute)(w) }
	}
	asking := func(drop func(assessment.Question) bool) func(*world) {
		return func(w *world) { good(w); w.asked = slices.DeleteFunc(w.asked, drop) }
	}
	judging := func(observe bool, heeded ...string) func(*world) {
		return func(w *world) {
			good(w)
			w.detectors(DetectorFact{Name: "g", Kind: "guard", Observe: observe, Heeded: map[string][]string{"in": heeded, "out": heeded}})
		}
	}
	for _, c := range []struct {
		duty, name string
		prepare    func(*world)
		want       Status
		says       string // in the English summary
	}{
		{"G9-01", "accepted", good, Met, "looked at in the last 24 h: 1, all"},
		{"G9-01", "never accepted", without(func(r *exchange.Record) { r.User = "nobody" }), Breach, "was accepted: 1."},
		{"G9-01", "an older version accepted", func(w *world) {
			good(w)
			w.decl.Texts = append(w.decl.Texts, service.Text{Service: "demo", Kind: "agreement", Number: "2", ZH: "# 协议二", EN: "# Agreement two"})
			w.decl.Services[0].Agreement = "2"
			w.declare()
			w.exchange(func(r *exchange.Record) { r.At = r.At.Add(5 * time.Second) })
			w.now = time.Now().Add(10 * time.Second)
		}, Breach, "was accepted: 1."},
		{"G9-01", "a key under contract", func(w *world) {
			good(w)
			k, _, err := w.sv.IssueKey(t.Context(), tester, service.Key{Service: "demo", Application: "app", Contract: "HT-1"})
			w.must(err)
			w.exchange(func(r *exchange.Record) { r.Key, r.User = k.ID, "nobody" })
		}, Met, "looked at in the last 24 h: 2, all"},
		{"G9-01", "self-test failed", failing("agreement"), Breach, "self-test of agreement failed"},
		{"G9-01", "self-test stale", stale, Unknown, "counts for 5m0s only"},
		{"G9-01", "no self-test", unprobed, Unknown, "no self-test of agreement"},

		{"P4-01", "all checked, no classifier", good, Short, "no classifier and no guard model"},
		{"P4-01", "unchecked", without(func(r *exchange.Record) { r.Checked.In = -1 }), Breach, "not checked: 1."},
		{"P4-01", "observing", declared(func(d *service.Declaration) { d.Services[0].Modes.ModerateIn.Act = "observe" }), Breach, "mode observe"},
		{"P4-01", "published, not yet served", func(w *world) { good(w); w.lex.Pending, w.lex.Version = true, 7 }, Short, "Version 7 of the lexicon is published; no server"},
		{"P4-01", "risk without entry", lexicon(func(m map[string]int) { delete(m, "A1c") }, time.Hour), Breach, "no entry for A1c"},
		{"P4-01", "self-test stale", stale, Unknown, "counts for"},
		{"P4-02", "all checked, no classifier", good, Short, "no classifier and no guard model"},
		{"P4-02", "unchecked", without(func(r *exchange.Record) { r.Checked.Out = -1 }), Breach, "not checked: 1."},
		{"P4-02", "self-test failed", failing("moderate_out"), Breach, "self-test of moderate_out failed"},
		{"P4-01", "policy allows", allowing("in", moderation.Gaps{Always: []string{"A1c"}}), Breach, "go on for A1c"},
		{"P4-01", "policy excepts an entry", allowing("in", moderation.Gaps{Sometimes: []string{"A1d"}}), Short, "exceptions for some hits of the block tier in A1d"},
		{"P4-01", "policy allows on the way out only", allowing("out", moderation.Gaps{Always: []string{"A1c"}}), Short, "no classifier and no guard model"},
		{"P4-01", "detectors not recorded", func(w *world) { good(w); w.det = DetectorFacts{} }, Unknown, "which detectors"},
		{"P4-01", "a guard in force", judging(false, risksOfA1()...), Met, "Besides keywords, g looks at texts and the policy acts"},
		{"P4-02", "a guard in force", judging(false, risksOfA1()...), Met, "Besides keywords, g looks at texts and the policy acts"},
		{"P4-01", "a guard in shadow", judging(true, risksOfA1()...), Short, "no classifier and no guard model"},
		{"P4-01", "a guard that nothing heeds", judging(false), Short, "acts on none of its findings"},
		{"P4-01", "a guard that is heeded for some", judging(false, risksOfA1()[1:]...), Short, "findings in A1a"},
		{"P4-01", "policy not recorded", func(w *world) { good(w); w.pol = PolicyFacts{} }, Unknown, "which policy"},
		{"P4-01", "policy recorded without its gaps", func(w *world) { good(w); w.pol.Gaps = nil }, Unknown, "which policy"},
		{"P4-02", "policy allows", allowing("out", moderation.Gaps{Always: []string{"A1c"}}), Breach, "go on for A1c"},
		{"P4-02", "a detector was away", without(func(r *exchange.Record) {
			r.Guards = []exchange.Outage{{Guard: "moderate_out", Rule: "degraded", Detector: "remote-1"}}
		}), Short, "at times: remote-1"},
		{"P4-08", "published, not yet served", func(w *world) { good(w); w.lex.Pending, w.lex.Version = true, 7 }, Notice, "Version 7 of the lexicon is published; no server"},
		{"P4-08", "2 % of the bank", good, Notice, "1000, the lexicon in force refuses 20 (2.0 %"},
		{"P4-08", "more than our aim", refusing(21), Notice, "above our own aim"},
		{"P4-08", "at the limit", refusing(50), Notice, "refuses 50"},
		{"P4-08", "over the limit", refusing(51), Breach, "refuses 51"},
		{"P4-08", "not measured", func(w *world) { w.bank = nil; lexicon(func(map[string]int) {}, time.Minute)(w) }, Unknown, "have not been run"},
		{"P4-08", "measured with another policy", func(w *world) { w.bank.Policy = "other"; lexicon(func(map[string]int) {}, time.Minute)(w) }, Unknown, "have not been run"},
		{"P4-08", "over the limit, no traffic", func(w *world) {
			w.bank.Refused = 51
			w.lexicon(map[string]int{"A1a": 1}, time.Now())
		}, Breach, "refuses 51"},
		{"P4-08", "reasons given, many refused", func(w *world) {
			good(w)
			w.exchange(func(r *exchange.Record) {
				r.Verdict, r.Code, r.Reason, r.Label, r.Output = exchange.Refuse, "content_filter", "a block-tier entry was hit", "none", ""
			})
		}, Notice, "50.0 %"},
		{"P4-08", "no reason", without(func(r *exchange.Record) { r.Verdict, r.Code, r.Label = exchange.Stop, "content_filter", "text" }), Breach, "code or reason: 1"},
		{"P4-08", "no traffic", func(w *world) { w.probe(time.Now()) }, Unknown, "no exchange"},

		{"T7-09", "filed", good, Notice, "Models: 1, all"},
		{"T7-09", "not filed", declared(func(d *service.Declaration) { d.Models[0].FilingNo, d.Models[0].FilingURL = "", "" }), Breach, "demo/small"},
		{"T7-09", "sample model", declared(func(d *service.Declaration) {
			d.Models[0].Sample, d.Models[0].FilingNo, d.Models[0].FilingURL = true, "", ""
		}), NotApplicable, "sample model"},
		{"SC-02", "dossiers complete", good, Short, "Routes: 1, all"},

		{"D10-01", "page complete", good, Notice, "all six parts"},
		{"D10-01", "a part is missing", func(w *world) {
			good(w)
			w.pages["/services/demo?lang=en"] = strings.Replace(w.pages["/services/demo?lang=en"], "It may err", "", 1)
		}, Breach, "demo/en/limits"},
		{"D10-01", "not linked from home", func(w *world) { good(w); w.pages["/?lang=zh"] = "<html></html>" }, Breach, "home page does not lead"},
		{"D10-01", "page gone", func(w *world) { good(w); delete(w.pages, "/services/demo?lang=zh") }, Breach, "cannot be fetched"},
		{"D10-01", "portal not running", func(w *world) { good(w); w.url = "" }, Unknown, "not running"},

		{"R11-02", "masked", good, Notice, "no personal information found"},
		{"R11-02", "masking off", declared(func(d *service.Declaration) { d.Services[0].Privacy.In = "off" }), Breach, "does not mask"},
		{"R11-02", "not looked at", without(func(r *exchange.Record) { r.Checked.Privacy = -1 }), Breach, "information: 1."},
		{"R11-02", "leak in the journal", without(func(r *exchange.Record) { r.Reason = "call 13812345678" }), Breach, "holding personal information: 1"},
		{"R11-02", "self-test failed", failing("privacy"), Breach, "self-test of privacy failed"},
		{"R11-04", "in the mainland", good, Notice, "Routes: 1, all"},
		{"R11-04", "abroad", declared(func(d *service.Declaration) { d.Models[0].Region = "US" }), Breach, "demo/small (US)"},

		{"L12-01", "labelled", good, Met, "24 h: 1, all labelled"},
		{"L12-01", "unlabelled", without(func(r *exchange.Record) { r.Label = "none" }), Breach, "without label: 1"},
		{"L12-01", "observing", declared(func(d *service.Declaration) { d.Services[0].Modes.Label.Act = "observe" }), Breach, "mode observe"},
		{"L12-01", "self-test failed", failing("label"), Breach, "self-test of label failed"},
		{"L12-01", "self-test stale", stale, Unknown, "counts for"},

		{"L12-04", "no films", good, Unknown, "No films were generated"},
		{"L12-04", "words on the opening", func(w *world) { w.file("video", "mark", `{"Label":"1"}`) }, Met, "with an explicit label: 1"},
		{"L12-04", "one without", func(w *world) { w.file("video", "none", "") }, Breach, "without explicit label: 1"},
		{"L12-05", "no functions declared", good, Notice, "declares no functions"},
		{"L12-05", "decided, nothing owed", decided, Met, "Nothing in the last 24 h had to be told by an interface"},
		{"L12-05", "no name", func(w *world) { decided(w); w.fn.Owes("demo", "app", "", function.Notice) }, Breach, "did not name itself"},
		{"L12-05", "not attested", func(w *world) { decided(w); w.fn.Owes("demo", "app", "web/1", function.Notice) }, Breach, "has not attested"},
		{"L12-05", "attested", func(w *world) {
			decided(w)
			w.fn.Owes("demo", "app", "web/1", function.Notice)
			_, err := w.fn.Attest(w.t.Context(), journal.Actor{Kind: "application", ID: "app"}, function.Record{Service: "demo", Application: "app", Client: "web/1", Shows: []string{function.Notice}})
			w.must(err)
		}, Met, "all attested by their applications"},
		{"F17-13", "nothing declared", good, Met, "keeps off until"},
		{"F17-13", "locked", decided, Notice, "is off"},
		{"P4-05", "nothing declared", good, Notice, "No function is declared to edit"},
		{"P4-05", "no calls", decided, Met, "that edited a face or voice: 0"},
		{"P4-05", "with consent", func(w *world) {
			decided(w)
			w.exchange(func(r *exchange.Record) { r.Function, r.Consent = "swap", "01" })
		}, Met, "that edited a face or voice: 1"},
		{"P4-05", "without consent", func(w *world) { decided(w); w.exchange(func(r *exchange.Record) { r.Function = "swap" }) }, Breach, "without naming a consent: 1"},
		{"L12-02", "no images", func(w *world) { w.exchange() }, Unknown, "No images were generated"},
		{"L12-02", "words on it", good, Met, "with an explicit label: 1"},
		{"L12-02", "one without", func(w *world) { good(w); w.generated("none") }, Breach, "without explicit label: 1"},
		{"L12-02", "told by the interface", func(w *world) { good(w); w.generated("ui") }, Notice, "the interface must tell, which the gateway cannot see: 1"},
		{"L12-03", "no recordings", good, Unknown, "No recordings were generated"},
		{"L12-03", "a rhythm", func(w *world) { w.file("audio", "rhythm", `{"Label":"1"}`) }, Met, "with an explicit label: 1"},
		{"L12-03", "one without", func(w *world) { w.file("audio", "none", "") }, Breach, "without explicit label: 1"},
		{"L12-06", "no files", func(w *world) { w.exchange() }, Unknown, "No files were generated"},
		{"L12-06", "metadata", func(w *world) { w.file("audio", "rhythm", `{"Label":"1"}`) }, Met, "1, all with the label in their metadata"},
		{"L12-06", "one without", func(w *world) { w.file("image", "mark", `{"Label":"1"}`); w.file("image", "mark", "") }, Breach, "without the label in their metadata: 1"},

		{"L12-09", "empty ledger", func(w *world) { w.exchange() }, Unknown, "Nothing is in the content ledger"},
		{"L12-09", "all marked", good, Met, "Contents in the ledger: 1; none of the last 6 months"},
		{"L12-09", "one without mark", func(w *world) { good(w); w.generated("none") }, Breach, "without an entry: 1"},
		{"L12-09", "recorded", func(w *world) {
			good(w)
			_, err := w.led.Waive(w.t.Context(), tester, content.Unlabelled{Content: w.generated("none"), Clause: "7", Recipient: "r", Purpose: "p"})
			w.must(err)
		}, Notice, "on record: 1"},
		{"L12-09", "entry removed", func(w *world) {
			good(w)
			_, err := w.led.Waive(w.t.Context(), tester, content.Unlabelled{Content: w.generated("mark"), Clause: "7", Recipient: "r", Purpose: "p"})
			w.must(err)
			_, err = w.db.W.ExecContext(w.t.Context(), `DELETE FROM content_unlabelled`)
			w.must(err)
		}, Breach, "differ from the journal: 1"},

		{"S13-01", "up, no drill", good, Notice, "100.00 %"},
		{"S13-01", "down", without(func(r *exchange.Record) { r.Outcome, r.Output = exchange.UpstreamError, "" }), Short, "50.00 %"},
		{"S13-01", "no traffic", func(w *world) { w.probe(time.Now()) }, Unknown, "no exchange"},

		{"F17-01", "library complete", good, Met, "Entries: 10200"},
		{"F17-01", "risk without entry", lexicon(func(m map[string]int) { m["A2d"] = 0 }, time.Hour), Breach, "A2d"},
		{"F17-01", "risk below minimum", lexicon(func(m map[string]int) { m["A1a"] = 199 }, time.Hour), Short, "recommended: 1."},
		{"F17-01", "old", lexicon(func(map[string]int) {}, 8*24*time.Hour), Short, "8 days"},
		{"F17-01", "published, not yet served", func(w *world) { w.lex.Pending, w.lex.Version = true, 7 }, Notice, "Version 7 of the lexicon is published; no server"},
		{"F17-01", "none in force", func(w *world) { w.lex = LexiconFacts{} }, Unknown, "does not tell which lexicon"},
		{"F17-01", "the lexicon that ships, quarantined and allowed entries", shipped, Breach, "those without entry are 6: A1a A1b A1c A1d A1e A1g."},
		{"F17-02", "full", good, Notice, "recommended number"},
		{"F17-02", "that ships", func(w *world) { good(w); w.asked = nil }, Breach, "no question for A1a, A1b, A1c, A1d, A1e, A1g"},
		{"F17-02", "one below the total", asking(dropOne(assessment.BankContent, "")), Breach, "questions: 1999, needed: 2000"},
		{"F17-02", "one risk short", func(w *world) {
			asking(dropOne(assessment.BankContent, "A1a"))(w)
			w.asked = append(w.asked, assessment.Question{Bank: assessment.BankContent, Risk: "A2a"})
		}, Short, "too few questions for A1a."},
		{"F17-02", "another bank", asking(func(q assessment.Question) bool { return q.Bank == assessment.BankRefuse }), Notice, "recommended number"},
		{"F17-03", "full", good, Notice, "must-refuse bank has the recommended number"},
		{"F17-03", "that ship", func(w *world) { good(w); w.asked = nil }, Breach, "must-refuse bank has no question for A1a, A1b, A1c, A1d, A1e, A1g"},
		{"F17-03", "no must-answer bank", asking(func(q assessment.Question) bool { return q.Bank == assessment.BankAnswer }), Breach, "questions: 0, needed: 500"},
		{"F17-03", "one aspect short", func(w *world) {
			asking(dropOne(assessment.BankAnswer, "health"))(w)
			w.asked = append(w.asked, assessment.Question{Bank: assessment.BankAnswer, Aspect: "age"})
		}, Short, "too few questions for health."},
		{"F17-11", "shown", good, Met, "routes: 1."},
		{"F17-11", "not shown", func(w *world) {
			good(w)
			w.pages["/services/demo?lang=zh"] = strings.Replace(w.pages["/services/demo?lang=zh"], "Beijing-Sample", "", 1)
		}, Breach, "does not show"},
		{"F17-11", "link missing", func(w *world) {
			good(w)
			w.pages["/services/demo?lang=zh"] = strings.Replace(w.pages["/services/demo?lang=zh"], "example.invalid", "elsewhere.invalid", 1)
		}, Breach, "(link)"},
		{"F17-11", "no number", declared(func(d *service.Declaration) { d.Models[0].FilingNo, d.Models[0].FilingURL = "", "" }), Breach, "no number to show"},
		{"F17-11", "portal not running", func(w *world) { good(w); w.url = "" }, Unknown, "not running"},

		{"V19-02", "complete, proved, kept long enough", good, Met, "is proved from a checkpoint"},
		{"V19-02", "fields lacking", without(func(r *exchange.Record) { r.Source = "" }), Breach, "less than 99.9 %"},
		{"V19-02", "no end", func(w *world) {
			good(w)
			in := w.exchange().Intent
			in.ID, in.At = "01J00000000000000000000000", time.Now().Add(-2*time.Hour)
			w.must(w.ex.Begin(t.Context(), in))
		}, Breach, "began: 1."},
		{"V19-02", "self-test failed", failing("record"), Breach, "self-test of record failed"},
		{"V19-02", "recorder stopped", stale, Unknown, "counts for"},
		{"V19-03", "checked lately", func(w *world) { w.now = verified(t).AddDate(0, 0, -60) }, Met, "was last checked"},
		{"V19-03", "calendar runs out", func(w *world) { w.now = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC) }, Notice, "estimated"},
		{"V19-03", "not checked for long", func(w *world) { w.now = verified(t).AddDate(0, 0, 91) }, Short, "in days: 91"},
	} {
		t.Run(c.duty+" "+c.name, func(t *testing.T) {
			w := newWorld(t)
			c.prepare(w)
			f := w.finding(c.duty)
			if f.Status != c.want || !strings.Contains(f.Summary.EN, c.says) {
				t.Errorf("%s %q, want %s with %q; facts %v", f.Status, f.Summary.EN, c.want, c.says, f.Facts)
			}
			bilingual(t, "summary", f.Summary)
			if (f.Status == Short || f.Status == Breach) && f.Mend.EN == "" {
				t.Errorf("it does not say what to do: %s", f.Summary.EN)
			}
			if f.Mend.EN != "" {
				bilingual(t, "mend", f.Mend)
			}
		})
	}
}

// shipped puts in force what ships, with entries beside it that must not count.
func shipped(w *world) {
	good(w)
	l, err := moderation.Compile(append(moderation.StarterEntries(),
		moderation.Entry{ID: "t-1", Text: "阿吧阿吧一号", Category: "A1a", Tier: moderation.Quarantine},
		moderation.Entry{ID: "t-2", Text: "阿吧阿吧二号", Category: "A1b", Tier: moderation.Block, Allow: true}))
	w.must(err)
	w.lexicon(l.Counts(), time.Now())
}

// dropOne drops the first question of a bank that has this aspect or risk; empty: any.
func dropOne(bank, key string) func(assessment.Question) bool {
	done := false
	return func(q assessment.Question) bool {
		if done || q.Bank != bank || key != "" && q.Aspect != key && q.Risk != key {
			return false
		}
		done = true
		return true
	}
}

func verified(t *testing.T) time.Time {
	t.Helper()
	on, err := time.ParseInLocation(time.DateOnly, measures.VerifiedOn(), measures.Shanghai())
	if err != nil {
		t.Fatal(err)
	}
	return on.Add(time.Hour)
}

// decided is a good day on which functions are declared and decided about.
func decided(w *world) {
	w.decl.Services[0].Functions = []service.Function{{ID: "chat", NameZH: "对话", NameEN: "Chat", Operations: []string{"chat"}, Class: "dialogue"},
		{ID: "swap", NameZH: "换脸", NameEN: "Swap", Operations: []string{"image_edit"}, Class: "face", Biometric: "face", Consent: true}}
	w.declare()
	good(w)
	s, _ := w.sv.Service("demo")
	for _, f := range s.Functions {
		_, err := w.fn.Decide(w.t.Context(), tester, s, function.Record{Kind: function.Decision, Function: f.ID, Confusing: true, Reason: "people may take it for real"})
		w.must(err)
	}
}

// TestRegisterOfAGoodDay: 83 rows; none is met without facts and references; nothing is unknown when all is fresh.
func TestRegisterOfAGoodDay(t *testing.T) {
	w := newWorld(t)
	good(w)
	w.file("audio", "rhythm", `{"Label":"1"}`)
	w.file("video", "mark", `{"Label":"1"}`)
	statuses := map[Status]int{}
	for _, r := range Run(t.Context(), w.evidence()) {
		f := r.Finding
		statuses[f.Status]++
		if (f.Status == Met || f.Status == Notice) && (len(f.Facts) == 0 || len(f.Refs) == 0 || f.Newest.IsZero()) {
			t.Errorf("%s is %s without facts, references or date", r.Duty.ID, f.Status)
		}
		if f.Status == Unknown || f.Status == Breach {
			t.Errorf("%s is %s: %s %v", r.Duty.ID, f.Status, f.Summary.EN, f.Facts)
		}
	}
	if fmt.Sprint(statuses[Met], statuses[NotYet]) != "11 58" {
		t.Errorf("statuses: %v", statuses)
	}
}

// TestSilenceTurnsGrey: when prober and recorder stop, everything that rests on them is unknown within its limit, by
// itself; what rests on the declarations in force stays.
func TestSilenceTurnsGrey(t *testing.T) {
	w := newWorld(t)
	good(w)
	w.now = w.now.Add(probeFresh + time.Minute)
	for _, r := range Run(t.Context(), w.evidence()) {
		switch r.Duty.ID {
		case "G9-01", "P4-01", "P4-02", "R11-02", "L12-01", "V19-02":
			if r.Finding.Status != Unknown {
				t.Errorf("%s is still %s", r.Duty.ID, r.Finding.Status)
			}
		}
	}
}

// TestProofIsRead: a proof that does not fit its checkpoint is refused.
func TestProofIsRead(t *testing.T) {
	w := newWorld(t)
	good(w)
	p, err := w.j.Prove(t.Context(), w.j.Origin(), 0)
	w.must(err)
	w.must(included(p))
	for name, spoil := range map[string]func(*journal.Proof){
		"leaf": func(p *journal.Proof) { p.Leaf = strings.Replace(p.Leaf, "server", "sorter", 1) },
		"size": func(p *journal.Proof) { p.Size++ },
		"log":  func(p *journal.Proof) { p.Log = "hegui/other/node" },
		"hash": func(p *journal.Proof) { p.Hashes = append([]string{"AAAA"}, p.Hashes[1:]...) },
		"path": func(p *journal.Proof) { p.Hashes = p.Hashes[1:] },
	} {
		bad := p
		spoil(&bad)
		if included(bad) == nil {
			t.Errorf("a proof with another %s is accepted", name)
		}
	}
}

func risksOfA1() []string {
	var out []string
	for _, r := range measures.Risks() {
		if r.Group == "A.1" {
			out = append(out, r.ID)
		}
	}
	return out
}
