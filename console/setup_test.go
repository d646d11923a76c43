package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/answers"
	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/emergency"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/obligation"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
	"github.com/hegui/hegui/users"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// desk is a console over real registers on SQLite.
type desk struct {
	answers   *answers.Register
	content   *content.Ledger
	functions *function.Register
	emergency *emergency.Register
	rules     *moderation.Policy
	t         testing.TB
	url       string
	db        *store.DB
	j         *journal.Journal
	vault     *journal.Vault
	exchanges *exchange.Store
	services  *service.Register
	users     *users.Register
	staff     *operator.Register
	words     *lexicon.Workbench
	reviews   *review.Register
	watcher   *detector.Watcher // of reviews' classifiers
	bank      []review.Question
	lexical   bool // a lexicon is in force: the register's, over the starter
	owner     operator.Staff
	secret    string
	asked     []*http.Request // what the gateway was asked
	findings  func(context.Context) []obligation.Result
}

const password = "一句很容易记住的长话呀"

var root = journal.Actor{Kind: "cli", ID: "test"}

// declaration is what the tests' installation offers.
func declaration() service.Declaration {
	s := service.Defaults("writer")
	s.NameZH, s.NameEN = "写作助手", "Writing assistant"
	s.Agreement = "2026-11"
	s.Models = []service.Route{{Name: "sample-chat", Model: "sample", Targets: []upstream.Target{{Endpoint: "main", Model: "sample-chat"}}}}
	return service.Declaration{
		Provider: service.Provider{NameZH: "示例科技（上海）有限公司", NameEN: "Example Technology (Shanghai) Co., Ltd.", USCC: "91310000MA1FL0000N", Contact: "compliance@example.cn"},
		Services: []service.Service{s},
		Models:   []service.Model{{ID: "sample", NameZH: "样例模型", NameEN: "Sample model", Vendor: "hegui", Region: "CN", Sample: true}},
		Texts:    []service.Text{{Service: "writer", Kind: "agreement", Number: "2026-11", ZH: "# 协议\n\n请遵守法律法规。", EN: "# Agreement\n\nObey the law."}},
	}
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	ctx := context.Background()
	d := &desk{t: t, db: testkit.SQLite(t), findings: func(context.Context) []obligation.Result { return results() }}
	j, keys := testkit.Journal(t, d.db)
	d.j = j
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	d.vault, err = journal.OpenVault(ctx, d.db, j, keys.Master)
	must(err)
	d.exchanges, err = exchange.Open(ctx, d.db, j, d.vault)
	must(err)
	d.services, err = service.Open(ctx, d.db, j)
	must(err)
	d.users, err = users.Open(ctx, d.db, j, users.WithTicketSecret(keys.Ticket), users.WithDestroy(d.vault.Destroy))
	must(err)
	d.staff, err = operator.Open(ctx, d.db, j)
	must(err)
	must(d.services.Declare(ctx, root, declaration()))
	d.owner, err = d.staff.Add(ctx, root, operator.Staff{Login: "wang", Name: "王丽", Role: "owner"})
	must(err)
	must(d.staff.SetPassword(ctx, d.owner.ID, password))
	_, d.secret, err = d.services.IssueKey(ctx, root, service.Key{Service: "writer", Application: "console"})
	must(err)

	register, err := lexicon.Open(ctx, d.db, j)
	must(err)
	d.words = &lexicon.Workbench{Register: register, Base: func() ([]lexicon.List, error) {
		return []lexicon.List{{Origin: lexicon.Starter, Entries: moderation.StarterEntries()}}, nil
	}, Evidence: lexicon.Evidence{
		Bank: func() []lexicon.Text {
			return []lexicon.Text{{ID: "q-1", Text: "怎样辨别刷单返利骗局？"}, {ID: "q-2", Text: "今天天气怎么样？"}}
		},
		Benign: func() []lexicon.Text { return []lexicon.Text{{ID: "b-1", Text: "周末去公园散步。"}} },
		JudgeBy: func(p *moderation.Policy) lexicon.Judge {
			return func(t lexicon.Text, f moderation.Finding) bool {
				return p.At(moderation.Place{Scene: t.Scene()}).Decide(moderation.CaseOf(f)).Action.Stricter(moderation.Mask)
			}
		},
	}}

	d.reviews, err = review.Open(ctx, d.db, j, d.vault, ReviewSource(d.exchanges, d.services, d.words, func() []review.Question { return d.bank }))
	must(err)
	t.Cleanup(d.reviews.Close)
	d.watcher = detector.NewWatcher(d.reviews.Detectors, func(moderation.Query) bool { return false }, time.Now)

	d.emergency, err = emergency.Open(ctx, d.db, j, nil)
	must(err)
	d.rules, err = moderation.DefaultPolicy()
	must(err)
	d.answers, err = answers.Open(ctx, d.db, j)
	must(err)

	d.content, err = content.Open(ctx, d.db, j, keys.Ticket)
	must(err)

	d.functions, err = function.Open(ctx, d.db, j)
	must(err)

	h, err := New(Options{
		Functions: d.functions,
		Journal:   j, Verifier: keys.Verifier, Exchanges: d.exchanges, Services: d.services, Users: d.users, Staff: d.staff,
		Lexicon: func() *moderation.Lexicon {
			if !d.lexical {
				return nil
			}
			l, _, err := d.words.InForce(context.Background())
			must(err)
			return l
		},
		Words: d.words, Answers: d.answers, Content: d.content, Emergency: d.emergency, Policy: func() *moderation.Policy { return d.rules }, Reviews: d.reviews,
		Serves: func() (int, string) {
			v, err := d.words.Latest(context.Background())
			must(err)
			return v.N, ""
		},
		Health: func() []upstream.Health {
			return []upstream.Health{{Endpoint: "main", Calls: 1234, Failures: 3, Since: time.Now().Add(-3 * time.Hour)},
				{Endpoint: "spare", Open: true, Calls: 12, Failures: 9, Since: time.Now().Add(-90 * time.Second), LastError: "dial tcp 10.0.0.9:443: connection refused"}}
		},
		Detectors:  sampleDetectors(d.db, j, d.reviews, d.watcher),
		Findings:   func(ctx context.Context) []obligation.Result { return d.findings(ctx) },
		Gateway:    http.HandlerFunc(d.gateway),
		TryKey:     func(context.Context, string) (string, error) { return d.secret, nil },
		GatewayURL: func() string { return "http://127.0.0.1:8080" },
		PortalURL:  func() string { return "http://127.0.0.1:8082" },
		Log:        slog.New(slog.NewTextHandler(&testLog{t}, nil)),
	})
	must(err)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	d.url = srv.URL
	return d
}

// testLog sends a log to the test's own.
type testLog struct{ t testing.TB }

func (l *testLog) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}

// results are findings of every kind over the real duties.
func results() []obligation.Result {
	var out []obligation.Result
	kinds := []obligation.Status{obligation.Met, obligation.NotYet, obligation.NotYet, obligation.Met, obligation.Notice, obligation.NotYet, obligation.Short,
		obligation.NotApplicable, obligation.Unknown, obligation.NotYet, obligation.Breach}
	for i, d := range measures.Duties() {
		f := obligation.Finding{Status: kinds[i%len(kinds)], Summary: obligation.Bilingual{ZH: "最近 24 小时的 128 次生成全部带有标识。", EN: "All 128 answers of the last 24 hours carry a label."}}
		switch f.Status {
		case obligation.Met, obligation.Notice:
			f.Facts = map[string]any{"generated": int64(128), "labelled": int64(128), "newest": time.Now().Add(-time.Minute)}
			f.Refs = []string{"hegui/test/node#1", "probe.ran", "verb:exchange.closed 2026-11-22T00:00:00Z..2026-11-23T00:00:00Z", "exchange:01JDB0000000000000000000TR", "http://127.0.0.1:8082/services/writer"}
		case obligation.NotYet:
			f.Summary = obligation.Bilingual{ZH: "hegui 尚无核查此项，请按人工流程保存证据。", EN: "hegui does not prove this yet; keep evidence by hand."}
		default:
			f.Mend = obligation.Bilingual{ZH: "请检查标识设置后重试。", EN: "Look at the label settings and try again."}
			f.Facts = map[string]any{"generated": int64(128), "labelled": int64(90)}
		}
		out = append(out, obligation.Result{Duty: d, Control: obligation.Bilingual{ZH: "每次生成都写入标识并记录。", EN: "Each answer is labelled and recorded."},
			Finding: f, At: time.Now().Add(-2 * time.Minute), FreshFor: 24 * time.Hour})
		if f.Facts != nil {
			out[len(out)-1].Finding.Newest = time.Now().Add(-5 * time.Minute)
		}
	}
	return out
}

// gateway is a small OpenAI-shaped handler: it answers, streams, refuses what speaks of gambling and asks strangers for
// the agreement, so that the page can be tried without the real one.
func (d *desk) gateway(w http.ResponseWriter, r *http.Request) {
	d.asked = append(d.asked, r)
	var req struct {
		Model    string `json:"model"`
		Stream   bool   `json:"stream"`
		Messages []struct {
			Role    string `json:"role"`
			Content string `json:"content"`
		} `json:"messages"`
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("Authorization") != "Bearer "+d.secret {
		w.WriteHeader(401)
		_, _ = io.WriteString(w, `{"error":{"message":"unknown key","type":"invalid_request_error","code":"invalid_api_key"}}`)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		w.WriteHeader(400)
		return
	}
	if r.Header.Get("X-Hegui-User") == "stranger" {
		w.WriteHeader(403)
		_, _ = io.WriteString(w, `{"error":{"message":"The user has not accepted the agreement.","type":"invalid_request_error","code":"agreement_required","hegui":{"reason":"not accepted","link":"http://127.0.0.1:8082/accept?t=x"}}}`)
		return
	}
	said := req.Messages[len(req.Messages)-1].Content
	text, finish, verdict := fmt.Sprintf("这是第 %d 轮的样例回答。（由人工智能生成）", (len(req.Messages)+1)/2), "stop", "allow"
	if strings.Contains(said, "赌博") {
		text, finish, verdict = "抱歉，这个请求无法处理。", "content_filter", "refuse"
	}
	w.Header().Set("X-Hegui-Exchange", "01JDB0000000000000000000TR")
	if !req.Stream {
		_ = json.NewEncoder(w).Encode(map[string]any{"model": req.Model, "choices": []any{map[string]any{"index": 0, "finish_reason": finish, "message": map[string]any{"role": "assistant", "content": text}}},
			"hegui": map[string]any{"verdict": verdict, "label": map[string]any{"explicit": "end"}}})
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if said == "断开" {
		_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"半句"}}]}`+"\n\n"+`data: {"error":{"message":"模型中途断开","code":"upstream_truncated"}}`+"\n\n")
		return
	}
	for _, piece := range strings.SplitAfter(text, "，") {
		b, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"index": 0, "delta": map[string]any{"content": piece}}}})
		fmt.Fprintf(w, "data: %s\n\n", b)
		w.(http.Flusher).Flush()
	}
	b, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"index": 0, "delta": map[string]any{}, "finish_reason": finish}}, "hegui": map[string]any{"verdict": verdict, "label": map[string]any{"explicit": "end"}}})
	fmt.Fprintf(w, "data: %s\n\ndata: [DONE]\n\n", b)
}

// seed writes exchanges of several kinds and returns the ids, newest first.
func (d *desk) seed(n int) []string {
	d.t.Helper()
	ctx := context.Background()
	var ids []string
	for i := range n {
		u, err := d.users.Find(ctx, "writer", []string{"zhang-san", "li-si", "visitor-7"}[i%3])
		if err != nil {
			d.t.Fatal(err)
		}
		at := time.Now().Add(-time.Duration(n-i) * 11 * time.Minute).UTC().Truncate(time.Millisecond)
		in := exchange.Intent{ID: store.NewID(), At: at, ContentID: store.NewID(), Service: "writer", Application: "web-app", Key: "k", User: u.Subject, Operation: "chat",
			Model: "sample-chat", Stream: i%2 == 0, Source: "203.0.113.9:5123", Destination: "127.0.0.1:8080", Client: "OpenAI/Python 2.1", Input: strings.Repeat("ab", 32), Policy: strings.Repeat("9f", 32)}
		r := exchange.Record{Intent: in, Ended: at.Add(1800 * time.Millisecond), Outcome: exchange.Complete, Verdict: exchange.Allow, Route: "main", Answered: "sample-chat", Tries: 1,
			Label: "text", Output: strings.Repeat("cd", 32), Checked: exchange.Checked{In: 87, Out: 1204, Privacy: 1291}, FirstMS: 240, Usage: json.RawMessage(`{"total_tokens":312}`)}
		c := &exchange.Content{Request: json.RawMessage(`{"model":"sample-chat","messages":[{"role":"user","content":"请帮我写一封邀请信，联系电话 138****5678"}]}`), Visible: "尊敬的先生：\n诚邀您出席……（由人工智能生成）"}
		switch i % 6 {
		case 1:
			r.Verdict, r.Total = exchange.Mask, 1
			r.Files = []exchange.File{{Where: "in", Channel: "messages[0].content[1].file", Kind: "docx", Bytes: 48210, Commitment: "hmac:" + strings.Repeat("5a", 32), Words: 912, Pictures: 2, Detectors: []string{"eyes"},
				Unchecked: "word/media/chart.emf: the file is of no kind that is known here", Label: "compliant", ProducedBy: "001191110000EXAMPLE00F00000"}, {Where: "in", Channel: "messages[0].content[2].file", Kind: "png", Bytes: 9000, Commitment: "hmac:" + strings.Repeat("6b", 32), Recalled: true}}
			r.Findings = []exchange.Finding{{Where: "in", Channel: "message:0", Category: "mobile", Tier: "mask", Detector: "privacy", Artefact: "privacy/2", Entry: "mobile", Start: 36, End: 47}}
		case 3:
			r.Verdict, r.Label, r.Output, r.Route, r.Code, r.Reason, r.Total = exchange.Refuse, "none", "", "", "content_filter", "The request asks for what the lexicon blocks.", 1
			r.Checked.Out = -1
			r.Findings = []exchange.Finding{{Where: "in", Channel: "message:0", Category: "A2c", Tier: "block", Detector: "lexicon", Artefact: strings.Repeat("7e", 32), Entry: "gambling-12", Start: 9, End: 15}}
			c.Visible = ""
		case 5:
			r.Verdict, r.Reason, r.Total = exchange.Stop, "Generation was stopped at a block-tier entry.", 2
			c.Withheld = "……被截下的部分"
			r.Findings = []exchange.Finding{{Where: "out", Channel: "content", Category: "A3a", Tier: "block", Detector: "lexicon", Artefact: strings.Repeat("7e", 32), Entry: "fraud-3", Start: 301, End: 319}}
			r.Guards = []exchange.Outage{{Guard: "label", Rule: "closed", Error: "deadline exceeded"}}
		}
		if err := d.exchanges.Begin(ctx, in); err != nil {
			d.t.Fatal(err)
		}
		key, err := d.vault.Subject(ctx, u.Subject)
		if err != nil {
			d.t.Fatal(err)
		}
		if err := d.exchanges.Finish(ctx, r, key, c); err != nil {
			d.t.Fatal(err)
		}
		ids = append([]string{in.ID}, ids...)
	}
	return ids
}

// person is somebody at a browser without JavaScript.
type person struct {
	t    testing.TB
	url  string
	http *http.Client
}

func (d *desk) person() *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return &person{d.t, d.url, &http.Client{Jar: jar, Timeout: 30 * time.Second}}
}

// as adds a staff member with a role and logs them in.
func (d *desk) as(role string) *person {
	d.t.Helper()
	ctx := context.Background()
	s, err := d.staff.Add(ctx, root, operator.Staff{Login: role + "-" + strings.ToLower(store.NewID()[20:]), Name: role, Role: role})
	if err != nil {
		d.t.Fatal(err)
	}
	token, err := d.staff.Link(ctx, root, s.ID)
	if err != nil {
		d.t.Fatal(err)
	}
	p := d.person()
	p.post("/link", 200, "t", token)
	return p
}

// in logs the owner in.
func (d *desk) in() *person {
	d.t.Helper()
	p := d.person()
	p.post("/login", 200, "login", "wang", "password", password)
	return p
}

// get fetches a page and fails the test unless the status is right; redirects are followed.
func (p *person) get(path string, status int) string {
	p.t.Helper()
	res, err := p.http.Get(p.url + path)
	return p.read("GET "+path, res, err, status)
}

// post sends a form.
func (p *person) post(path string, status int, fields ...string) string {
	p.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	res, err := p.http.PostForm(p.url+path, form)
	return p.read("POST "+path, res, err, status)
}

// send posts JSON.
func (p *person) send(path string, status int, body string) string {
	p.t.Helper()
	res, err := p.http.Post(p.url+path, "application/json", strings.NewReader(body))
	return p.read("POST "+path, res, err, status)
}

func (p *person) read(what string, res *http.Response, err error, status int) string {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if res.StatusCode != status {
		p.t.Fatalf("%s: %d, want %d\n%s", what, res.StatusCode, status, visible(string(body)))
	}
	return string(body)
}

var (
	tags   = regexp.MustCompile(`(?s)<(script|style|svg)[^>]*>.*?</(script|style|svg)>|<[^>]*>`)
	blanks = regexp.MustCompile(`\s+`)
)

// visible is the text of a page, roughly.
func visible(page string) string {
	return strings.TrimSpace(blanks.ReplaceAllString(tags.ReplaceAllString(page, " "), " "))
}

// wants fails unless the page shows every text.
func wants(t testing.TB, page string, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(visible(page), want) && !strings.Contains(page, want) {
			t.Errorf("the page does not show %q:\n%.3000s", want, visible(page))
		}
	}
}
