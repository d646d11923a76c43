package obligation

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/assessment"
	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
	"github.com/hegui/hegui/users"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var tester = journal.Actor{Kind: "cli", ID: "test"}

// world is an installation on a real store in which everything is as it should be, until a case spoils something.
type world struct {
	t     *testing.T
	db    *store.DB
	j     *journal.Journal
	ex    *exchange.Store
	sv    *service.Register
	us    *users.Register
	led   *content.Ledger
	fn    *function.Register
	decl  service.Declaration
	user  string
	key   service.Key
	lex   LexiconFacts
	bank  *BankFacts // of the next lexicon
	pol   PolicyFacts
	det   DetectorFacts
	asked []assessment.Question
	pages map[string]string // of the portal, by path and query
	url   string
	now   time.Time // of the evidence; a little ahead, so that what was just written lies before it
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db := testkit.SQLite(t)
	w := &world{t: t, db: db, pages: map[string]string{}}
	var keys journal.Keys
	w.j, keys = testkit.Journal(t, db)
	v, err := journal.OpenVault(t.Context(), db, w.j, keys.Master)
	w.must(err)
	w.ex, err = exchange.Open(t.Context(), db, w.j, v)
	w.must(err)
	w.sv, err = service.Open(t.Context(), db, w.j)
	w.must(err)
	w.led, err = content.Open(t.Context(), db, w.j, keys.Ticket)
	w.must(err)
	w.fn, err = function.Open(t.Context(), db, w.j)
	w.must(err)
	w.us, err = users.Open(t.Context(), db, w.j)
	w.must(err)
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, ok := w.pages[r.URL.RequestURI()]
		if !ok {
			http.NotFound(rw, r)
			return
		}
		fmt.Fprint(rw, body)
	}))
	t.Cleanup(srv.Close)
	w.url = srv.URL

	// An event from before six months ago: the log has been kept long enough.
	w.event(journal.Event{At: time.Now().AddDate(0, -7, 0), Verb: journal.ServerStarted, Ref: journal.Ref{Kind: "server", ID: "node"}}, map[string]any{"version": "test"})
	s := service.Defaults("demo")
	s.NameZH, s.NameEN, s.Agreement = "示例服务", "Sample service", "1"
	s.Disclosure = service.Disclosure{PeopleZH: "成年人", PeopleEN: "Adults & staff", OccasionsZH: "办公", OccasionsEN: "At work", PurposesZH: "写作", PurposesEN: "Writing",
		LimitsZH: "可能出错", LimitsEN: "It may err", OutlineZH: "大语言模型", OutlineEN: "A language model", PersonalZH: "化名", PersonalEN: "A pseudonym"}
	s.Models = []service.Route{{Name: "small", Model: "m1", Targets: []upstream.Target{{Endpoint: "a", Model: "small"}, {Endpoint: "b", Model: "small", Priority: 1}}}}
	w.decl = service.Declaration{
		Provider: service.Provider{NameZH: "示例公司", NameEN: "Sample Co.", USCC: uscc(t)},
		Services: []service.Service{s},
		Models:   []service.Model{{ID: "m1", NameZH: "小模型", NameEN: "Small model", Vendor: "Sample", Region: "CN", FilingNo: "Beijing-Sample-20260101", FilingURL: "https://example.invalid/filing?a=1&b=2"}},
		Texts:    []service.Text{{Service: "demo", Kind: "agreement", Number: "1", ZH: "# 协议一", EN: "# Agreement one"}},
	}
	w.declare()
	w.key, _, err = w.sv.IssueKey(t.Context(), tester, service.Key{Service: "demo", Application: "app"})
	w.must(err)
	w.user = w.accepting("u1")
	counts := map[string]int{}
	for _, r := range measures.Risks() {
		if r.Library {
			counts[r.ID] = 600
		}
	}
	w.policy(map[string]moderation.Gaps{"in": {}, "out": {}})
	w.detectors()
	w.bank = &BankFacts{Questions: 1000, Refused: 20, Policy: w.pol.Hash}
	w.lexicon(counts, time.Now().Add(-time.Hour))
	w.asked = fullBanks()
	w.publish()
	w.now = time.Now().Add(2 * time.Second)
	return w
}

// generated enters a content into the ledger and returns its id.
func (w *world) generated(explicit string) string {
	w.t.Helper()
	return w.file("image", explicit, `{"Label":"1"}`)
}

// file puts a file into the content ledger.
func (w *world) file(medium, explicit, label string) string {
	w.t.Helper()
	id := store.NewID()
	item := content.Item{ID: id, Exchange: id, Medium: medium, Explicit: explicit}
	if label != "" {
		item.Label = []byte(label)
	}
	_, err := w.j.Commit(w.t.Context(), journal.Write{Apply: w.led.Insert(item)})
	w.must(err)
	return id
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) event(e journal.Event, body map[string]any) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	w.must(err)
	e.Who, e.Body = journal.Actor{Kind: "system", ID: "node"}, raw
	_, err = w.j.Commit(w.t.Context(), journal.Write{Events: []journal.Event{e}})
	w.must(err)
}

func (w *world) declare() {
	w.t.Helper()
	w.must(w.sv.Declare(w.t.Context(), tester, w.decl))
}

func (w *world) accepting(name string) string {
	w.t.Helper()
	u, err := w.us.Find(w.t.Context(), "demo", name)
	w.must(err)
	s, _ := w.sv.Service("demo")
	w.must(w.us.Accept(w.t.Context(), tester, u.Subject, users.Acceptance{Text: s.Agreement, Channel: "api"}))
	return u.Subject
}

func (w *world) lexicon(counts map[string]int, at time.Time) {
	w.t.Helper()
	w.event(journal.Event{At: at, Verb: journal.LexiconInForce, Ref: journal.Ref{Kind: "lexicon", ID: "builtin"}},
		map[string]any{"hash": fmt.Sprintf("%064x", len(counts)), "counts": counts, "entries": 1, "bank": w.bank})
	var err error
	w.lex, err = LexiconInForce(w.t.Context(), w.j)
	w.must(err)
}

// policy puts a policy in force.
func (w *world) policy(gaps map[string]moderation.Gaps) {
	w.t.Helper()
	hash := fmt.Sprintf("%064x", 7)
	w.event(journal.Event{At: time.Now(), Verb: journal.PolicyInForce, Ref: journal.Ref{Kind: "policy", ID: hash}},
		map[string]any{"hash": hash, "name": "test", "rows": 1, "gaps": gaps})
	var err error
	w.pol, err = PolicyInForce(w.t.Context(), w.j)
	w.must(err)
}

// detectors records those besides the lexicon.
func (w *world) detectors(all ...DetectorFact) {
	w.t.Helper()
	w.event(journal.Event{At: time.Now(), Verb: journal.DetectorsInForce, Ref: journal.Ref{Kind: "node", ID: "n1"}}, map[string]any{"detectors": all})
	var err error
	w.det, err = DetectorsInForce(w.t.Context(), w.j)
	w.must(err)
}

// fullBanks are made-up questions that fill every minimum exactly where it binds.
func fullBanks() []assessment.Question {
	var out []assessment.Question
	for _, m := range assessment.Counts(nil) {
		if m.Key == assessment.KeyTotal || m.Key == assessment.KeyLure {
			continue
		}
		q := assessment.Question{Bank: m.Bank, Risk: m.Key}
		if m.Bank == assessment.BankAnswer {
			q.Aspect, q.Risk = m.Key, ""
		}
		for range m.Need {
			out = append(out, q)
		}
	}
	for _, m := range assessment.Counts(out) { // the totals ask for more than the parts
		for ; m.Key == assessment.KeyTotal && m.Have < m.Need; m.Have++ {
			out = append(out, assessment.Question{Bank: m.Bank})
		}
	}
	return out
}

// probe writes a self-test of every guard; those named fail.
func (w *world) probe(at time.Time, failing ...string) {
	w.t.Helper()
	var results []map[string]any
	for _, g := range []string{"label", "moderate_in", "moderate_out", "privacy", "record", "agreement"} {
		results = append(results, map[string]any{"service": "demo", "guard": g, "ok": !strings.Contains(strings.Join(failing, " "), g), "saw": "what came"})
	}
	w.event(journal.Event{At: at, Verb: journal.ProbeRan, Ref: journal.Ref{Kind: "service", ID: "demo"}}, map[string]any{"service": "demo", "results": results})
}

// exchange writes one whole exchange, changed by edits.
func (w *world) exchange(edits ...func(*exchange.Record)) exchange.Record {
	w.t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	r := exchange.Record{Intent: exchange.Intent{ID: store.NewID(), At: now, ContentID: store.NewID(), Service: "demo", Application: "app", Key: w.key.ID,
		User: w.user, Operation: "chat", Model: "small", Source: "127.0.0.1:50000", Destination: "127.0.0.1:8080", Client: "test/1", Input: "in", Policy: "p"},
		Ended: now, Outcome: exchange.Complete, Verdict: exchange.Allow, Route: "a", Answered: "small", Tries: 1, Label: "text", Output: "out",
		Checked: exchange.Checked{In: 10, Out: 20, Privacy: 30}}
	for _, edit := range edits {
		edit(&r)
	}
	if r.Outcome != exchange.Rejected {
		w.must(w.ex.Begin(w.t.Context(), r.Intent))
	}
	w.must(w.ex.Finish(w.t.Context(), r, nil, nil))
	return r
}

// publish sets the portal's pages as they should be.
func (w *world) publish() {
	s, m := w.decl.Services[0], w.decl.Models[0]
	w.pages["/?lang=zh"] = `<html><body><a href="/services/demo">` + s.NameZH + `</a></body></html>`
	for _, lang := range []string{"zh", "en"} {
		page := "<html><head><title>x</title></head><body>"
		for _, text := range disclosed(s.Disclosure, lang) {
			page += "<p>" + html.EscapeString(text) + "</p>\n"
		}
		w.pages["/services/demo?lang="+lang] = page + "<p>" + m.NameZH + " <a href=\"" + html.EscapeString(m.FilingURL) + "\">" + m.FilingNo + "</a></p></body></html>"
	}
}

func (w *world) evidence() Evidence {
	return Evidence{Journal: w.j, Exchanges: w.ex, Services: w.sv, Content: w.led, Functions: w.fn, Users: w.us, Lexicon: w.lex, Policy: w.pol, Detectors: w.det, Questions: w.asked, PortalURL: w.url, Now: w.now}
}

// finding runs the whole register and returns one row.
func (w *world) finding(duty string) Finding {
	w.t.Helper()
	for _, r := range Run(w.t.Context(), w.evidence()) {
		if r.Duty.ID == duty {
			return r.Finding
		}
	}
	w.t.Fatalf("no row %s", duty)
	return Finding{}
}

// uscc finds the check character of a code that is plainly made up.
func uscc(t *testing.T) string {
	t.Helper()
	for _, c := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
		code := "91110000EXAMPLE00" + string(c)
		if _, err := label.ProviderCode(code, ""); err == nil {
			return code
		}
	}
	t.Fatal("no check character fits")
	return ""
}
