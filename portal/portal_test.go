package portal

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/review"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
	"github.com/hegui/hegui/users"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var root = journal.Actor{Kind: "cli", ID: "test"}

const agreementZH = "# 使用协议\n\n## 一、内容\n\n请遵守**法律法规**，不得生成违法内容。\n\n- 不冒用他人身份\n- 不删除标识\n\n<script>alert(1)</script>\n\n[坏链接](javascript:alert(1))"

func declaration(number, zh, en string) service.Declaration {
	s := service.Defaults("writer")
	s.NameZH, s.NameEN, s.Agreement = "写作助手", "Writing assistant", number
	s.Models = []service.Route{{Name: "chat", Model: "filed", Targets: []upstream.Target{{Endpoint: "main", Model: "chat"}}},
		{Name: "draft", Model: "sample", Targets: []upstream.Target{{Endpoint: "main", Model: "draft"}}}}
	s.Disclosure = service.Disclosure{PeopleZH: "年满十八周岁的中文写作者。", PeopleEN: "Adults who write in Chinese.", OccasionsZH: "日常办公与学习。", OccasionsEN: "Office work and study.",
		PurposesZH: "起草、改写和校对文本。", PurposesEN: "Drafting, rewriting and proofreading.", LimitsZH: "内容可能有误，请核对事实。", LimitsEN: "Content may be wrong; check the facts.",
		OutlineZH: "基于大语言模型，逐字生成。", OutlineEN: "A large language model that writes word by word."}
	return service.Declaration{
		Provider: service.Provider{NameZH: "示例科技（上海）有限公司", NameEN: "Example Technology (Shanghai) Co., Ltd.", USCC: "91310000MA1FL0000N", Contact: "compliance@example.cn", Sample: true},
		Services: []service.Service{s},
		Models: []service.Model{{ID: "filed", NameZH: "文心样例", NameEN: "Filed model", Vendor: "示例科技", Region: "CN", FilingNo: "Shanghai-XieZuo-20260101", FilingURL: "https://example.cn/filing"},
			{ID: "sample", NameZH: "样例模型", NameEN: "Sample model", Vendor: "hegui", Region: "CN", Sample: true}},
		Texts: []service.Text{{Service: "writer", Kind: "agreement", Number: number, ZH: zh, EN: en}},
	}
}

type site struct {
	t        testing.TB
	url      string
	j        *journal.Journal
	services *service.Register
	users    *users.Register
	vault    *journal.Vault
	content  *content.Ledger
	reviews  *review.Register
	refused  map[string]review.Exchange
	now      time.Time
}

func newSite(t testing.TB) *site {
	t.Helper()
	ctx := context.Background()
	db := testkit.SQLite(t)
	j, keys := testkit.Journal(t, db)
	s := &site{t: t, j: j, now: time.Now()}
	var err error
	if s.services, err = service.Open(ctx, db, j); err != nil {
		t.Fatal(err)
	}
	v, err := journal.OpenVault(ctx, db, j, keys.Master)
	if err != nil {
		t.Fatal(err)
	}
	if s.users, err = users.Open(ctx, db, j, users.WithTicketSecret(keys.Ticket), users.WithDestroy(v.Destroy)); err != nil {
		t.Fatal(err)
	}
	if err := s.services.Declare(ctx, root, declaration("2026-10", "# 旧协议", "# Old agreement")); err != nil {
		t.Fatal(err)
	}
	if err := s.services.Declare(ctx, root, declaration("2026-11", agreementZH, "# Agreement\n\nObey the law.")); err != nil {
		t.Fatal(err)
	}
	s.vault, s.refused = v, map[string]review.Exchange{}
	s.reviews, err = review.Open(ctx, db, j, v, review.Source{
		Exchange: func(_ context.Context, id string) (review.Exchange, error) {
			x, ok := s.refused[id]
			if !ok {
				return x, review.ErrUnknownExchange
			}
			return x, nil
		},
		Read: func(context.Context, journal.Actor, string, string) ([]review.Text, error) {
			return nil, review.ErrNoContent
		},
		MayTrain: func(string) bool { return false },
		Entry:    func(context.Context, string) (moderation.Entry, bool, error) { return moderation.Entry{}, false, nil },
		Demote:   func(context.Context, journal.Actor, string, moderation.Tier) error { return nil },
		Bank:     func() []review.Question { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.reviews.Close)
	if s.content, err = content.Open(ctx, db, j, keys.Ticket); err != nil {
		t.Fatal(err)
	}
	h, err := New(Options{Services: s.services, Users: s.users, Reviews: s.reviews, Content: s.content, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now }})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

// ticket makes a link token for a user of a name.
func (s *site) ticket(name string) (users.User, string) {
	s.t.Helper()
	u, err := s.users.Find(context.Background(), "writer", name)
	if err != nil {
		s.t.Fatal(err)
	}
	w, _ := s.services.Service("writer")
	return u, s.users.Ticket(u.Subject, w.Agreement, s.now)
}

func (s *site) read(res *http.Response, err error, status int) string {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != status {
		s.t.Fatalf("%s: %d, want %d\n%s", res.Request.URL, res.StatusCode, status, b)
	}
	return string(b)
}

func (s *site) get(path string, status int) string {
	s.t.Helper()
	res, err := http.Get(s.url + path)
	return s.read(res, err, status)
}

func (s *site) post(path string, status int, fields ...string) string {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	res, err := http.PostForm(s.url+path, form)
	return s.read(res, err, status)
}

func (s *site) send(path string, status int, body string) string {
	s.t.Helper()
	res, err := http.Post(s.url+path, "application/json", strings.NewReader(body))
	return s.read(res, err, status)
}

func wants(t testing.TB, page string, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q:\n%s", want, page)
		}
	}
}

func TestAboutSaysWhatArticle10Asks(t *testing.T) {
	s := newSite(t)
	wants(t, s.get("/", 200), "写作助手", "起草、改写和校对文本。", "演示环境")
	page := s.get("/services/writer?lang=zh", 200)
	wants(t, page, "年满十八周岁", "日常办公与学习", "起草、改写", "内容可能有误", "基于大语言模型", "提供者尚未说明", // personal information was left empty
		"文心样例", "Shanghai-XieZuo-20260101", "https://example.cn/filing", "未登记备案号或上线编号", "回答末尾写明", "91310000MA1FL0000N", "compliance@example.cn", "版本 2026-11", "演示环境")
	page = s.get("/services/writer?lang=en", 200)
	wants(t, page, "Adults who write in Chinese", "No filing number is recorded", "Example Technology (Shanghai)", "not stated this yet")
	wants(t, s.get("/services/other?lang=en", 404), "There is no service “other”")
	var api struct {
		ID     string
		Models []struct {
			FilingNo string `json:"filing_no"`
		}
		Agreement struct{ Number string }
	}
	if err := json.Unmarshal([]byte(s.get("/api/v1/services/writer", 200)), &api); err != nil || api.ID != "writer" || len(api.Models) != 2 || api.Models[0].FilingNo == "" || api.Agreement.Number != "2026-11" {
		t.Errorf("%+v %v", api, err)
	}
	s.get("/api/v1/services/other", 404)
	doc := s.get("/api/openapi.json", 200)
	for _, rt := range routes {
		if strings.HasPrefix(rt.path, "/api/v1/") && !strings.Contains(doc, `"`+rt.path+`"`) {
			t.Errorf("%s is not described", rt.path)
		}
	}
	wants(t, s.get("/api/v1/services", 200), `"writer"`)
	wants(t, s.get("/healthz", 200), "ok")
	res, err := http.Post(s.url+"/services/writer", "text/plain", nil)
	s.read(res, err, 405)
}

func TestAgreementIsSafeAndKeepsItsHistory(t *testing.T) {
	s := newSite(t)
	page := s.get("/services/writer/agreement?lang=zh", 200)
	wants(t, page, "<strong>法律法规</strong>", "版本 2026-11", "版本 2026-10", "现行")
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "javascript:alert") {
		t.Errorf("script from the text reached the page: %s", page)
	}
	wants(t, s.get("/services/writer/agreement?version=2026-10&lang=zh", 200), "旧协议", "这不是现行版本")
	wants(t, s.get("/services/writer/agreement?version=nothing&lang=en", 404), "There is no version “nothing”")
	s.get("/services/other/agreement", 404)
}

func TestAccept(t *testing.T) {
	s := newSite(t)
	u, token := s.ticket("zhang-san")
	page := s.get("/accept?lang=zh&t="+token, 200)
	wants(t, page, "zhang-san", "我已阅读并接受", "法律法规")
	text := regexp.MustCompile(`name="text" value="([^"]+)"`).FindStringSubmatch(page)[1]
	wants(t, s.post("/accept?lang=zh", 200, "t", token, "text", text), "已记录您的接受", "回到应用")
	got, err := s.users.Get(t.Context(), u.Subject)
	if err != nil || got.Accepted != text {
		t.Fatalf("%+v %v", got, err)
	}
	acceptances, err := s.users.Acceptances(t.Context(), u.Subject)
	if err != nil || len(acceptances) != 1 || acceptances[0].Channel != "portal" || acceptances[0].Address != "127.0.0.1" {
		t.Fatalf("%+v %v", acceptances, err)
	}
	// Again: already accepted, and nothing new is written.
	wants(t, s.get("/accept?lang=en&t="+token, 200), "You have accepted this version")
	wants(t, s.post("/accept?lang=en", 200, "t", token, "text", text), "You have accepted this version")
	if n, err := s.j.Count(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.UserAccepted}}); err != nil || n != 1 {
		t.Errorf("%d acceptances recorded, %v", n, err)
	}
	// Forged, missing and late tickets.
	wants(t, s.get("/accept?lang=en&t=forged", 400), "incomplete or not valid")
	wants(t, s.get("/accept?lang=zh", 400), "不完整或无效")
	s.post("/accept", 400, "t", token+"x")
	s.now = s.now.Add(users.TicketLife + time.Minute)
	wants(t, s.get("/accept?lang=zh&t="+token, 410), "已过期", "重试")
	wants(t, s.send("/api/v1/accept", 410, `{"ticket":"`+token+`"}`), `"status":410`)
}

func TestAcceptByAPI(t *testing.T) {
	s := newSite(t)
	u, token := s.ticket("li-si")
	var out struct {
		User, Service, Number string
		Already               bool
	}
	if err := json.Unmarshal([]byte(s.send("/api/v1/accept", 200, `{"ticket":"`+token+`"}`)), &out); err != nil || out.User != u.Subject || out.Number != "2026-11" || out.Already {
		t.Fatalf("%+v %v", out, err)
	}
	if err := json.Unmarshal([]byte(s.send("/api/v1/accept", 200, `{"ticket":"`+token+`"}`)), &out); err != nil || !out.Already {
		t.Fatalf("again: %+v %v", out, err)
	}
	s.send("/api/v1/accept", 400, `{"ticket":"forged"}`)
	s.send("/api/v1/accept", 400, `{"ticket":`)
	s.send("/api/v1/accept", 400, `{"ticket":"x","more":1}`)
	s.send("/api/v1/accept", 413, `{"ticket":"`+strings.Repeat("x", 2<<20)+`"}`)
}

// TestTextThatChangedIsNotAcceptedUnread: the agreement changes between the page and the click.
func TestTextThatChangedIsNotAcceptedUnread(t *testing.T) {
	s := newSite(t)
	u, token := s.ticket("wang-wu")
	text := regexp.MustCompile(`name="text" value="([^"]+)"`).FindStringSubmatch(s.get("/accept?t="+token, 200))[1]
	if err := s.services.Declare(t.Context(), root, declaration("2026-12", "# 新协议", "# New agreement")); err != nil {
		t.Fatal(err)
	}
	wants(t, s.post("/accept?lang=en", 409, "t", token, "text", text), "changed while you were reading")
	if got, err := s.users.Get(t.Context(), u.Subject); err != nil || got.Accepted != "" {
		t.Fatalf("%+v %v", got, err)
	}
	page := s.get("/accept?lang=en&t="+token, 200)
	wants(t, page, "has changed since you got the link", "New agreement")
	text = regexp.MustCompile(`name="text" value="([^"]+)"`).FindStringSubmatch(page)[1]
	s.post("/accept", 200, "t", token, "text", text)
	w, _ := s.services.Service("writer")
	if got, err := s.users.Get(t.Context(), u.Subject); err != nil || got.Accepted != w.Agreement {
		t.Fatalf("%+v %v", got, err)
	}
	// An erased user cannot accept any more.
	if err := s.users.Erase(t.Context(), root, u.Subject, "request"); err != nil {
		t.Fatal(err)
	}
	wants(t, s.get("/accept?lang=en&t="+token, 410), "has been erased")
}

// TestBrowser looks at every page in Chromium, in both languages, on a desk, at night and on a phone.
func TestBrowser(t *testing.T) {
	b := testkit.OpenBrowser(t)
	s := newSite(t)
	file := s.made()
	for _, lang := range []string{"zh", "en"} {
		t.Run(lang, func(t *testing.T) {
			tab := b.Tab(t)
			_, token := s.ticket("browser-" + lang)
			for _, p := range []struct{ name, path string }{{"index", "/?x"}, {"about", "/services/writer?x"}, {"agreement", "/services/writer/agreement?x"}, {"accept", "/accept?t=" + token}, {"check", "/check?x"}} {
				for _, look := range []struct {
					name string
					look testkit.Look
				}{{"", testkit.Desktop}, {"-phone", testkit.Phone}, {"-night", testkit.Night}, {"-paper", testkit.Paper}} {
					tab.As(look.look)
					tab.Go(s.url + p.path + "&lang=" + lang)
					tab.Fits()
					tab.Shot("portal-" + p.name + "-" + lang + look.name)
				}
			}
			tab.As(testkit.Desktop)
			tab.Go(s.url + "/accept?t=" + token)
			tab.Do(chromedp.Click(chromedp.CSS("button.main")), chromedp.WaitVisible(chromedp.CSS(".box.good")))
			tab.Wants(map[string]string{"zh": "现在可以回到应用中继续使用", "en": "You can go back to the application now"}[lang])
			tab.Shot("portal-accepted-" + lang)
			id := s.refuse("browser-" + lang)
			for _, look := range []struct {
				name string
				look testkit.Look
			}{{"", testkit.Desktop}, {"-phone", testkit.Phone}} {
				tab.As(look.look)
				tab.Go(s.url + "/dispute?exchange=" + id + "&lang=" + lang)
				tab.Fits()
				tab.Shot("portal-dispute-" + lang + look.name)
			}
			tab.Do(chromedp.SendKeys(chromedp.ID("reason"), "正常问题"), chromedp.Click(chromedp.CSS("button.main")), chromedp.WaitVisible(chromedp.CSS(".box.good")))
			tab.Fits()
			tab.Shot("portal-disputed-" + lang)
			tab.Do(chromedp.Click(chromedp.CSS(`.card a[href*="receipt"]`)), chromedp.WaitVisible(chromedp.CSS(".box.info")))
			tab.Wants(map[string]string{"zh": "等待人员复核", "en": "People will look at it"}[lang])
			tab.Fits()
			tab.Shot("portal-standing-" + lang)
			lookAtCheck(tab, s, file, lang)
			tab.As(testkit.Desktop)
			tab.Allow("410")
			tab.Allow("400")
			tab.Go(s.url + "/accept?t=forged")
			tab.Shot("portal-problem-" + lang)
		})
	}
}

// refuse makes an exchange of a user that was refused.
func (s *site) refuse(name string) string {
	s.t.Helper()
	u, err := s.users.Find(context.Background(), "writer", name)
	if err != nil {
		s.t.Fatal(err)
	}
	id := store.NewID()
	s.refused[id] = review.Exchange{ID: id, Service: "writer", Subject: u.Subject, At: time.Now(), Verdict: "refuse", Code: "content_filter", Acted: true, Kept: true,
		Findings: []review.Finding{{Direction: "in", Channel: "messages[0].content", Category: "A1h", Tier: "block", Detector: "lexicon", Entry: "secret-entry"}}}
	return id
}

func TestDispute(t *testing.T) {
	s := newSite(t)
	id := s.refuse("zhang-san")
	page := s.get("/dispute?exchange="+id+"&lang=zh", 200)
	wants(t, page, id, "内容未通过筛查", "由人员复核", "<textarea")
	for _, secret := range []string{"secret-entry", "A1h", "zhang-san"} {
		if strings.Contains(page, secret) {
			t.Errorf("the page tells %q", secret)
		}
	}
	wants(t, s.get("/dispute?exchange=01JDB0000000000000000000ZZ&lang=en", 404), "There is no exchange of this number")
	s.get("/dispute", 404)
	wants(t, s.post("/dispute?lang=zh", 400, "exchange", id, "reason", strings.Repeat("长", review.MaxReason)), "理由太长", "长长长", id)
	page = s.post("/dispute?lang=zh", 200, "exchange", id, "reason", "我在写防骗宣传")
	receipt := regexp.MustCompile(`HG(-[A-Z2-7]{4}){4}`).FindString(page)
	wants(t, page, "已收到您的异议", receipt)
	if receipt == "" {
		t.Fatal("no receipt")
	}
	wants(t, s.post("/dispute?lang=en", 409, "exchange", id), "has been disputed already")
	wants(t, s.get("/dispute/status?lang=zh&receipt="+receipt, 200), "等待人员复核", id)
	wants(t, s.get("/dispute/status?lang=zh", 200), "HG-XXXX")
	wants(t, s.get("/dispute/status?lang=zh&receipt=HG-AAAA", 404), "没有这个回执")
	disputes, err := s.reviews.Disputes(t.Context())
	if err != nil || len(disputes) != 1 {
		t.Fatalf("%+v %v", disputes, err)
	}
	if _, _, err := s.reviews.Open(t.Context(), journal.Actor{Kind: "staff", ID: "wang"}, disputes[0].Sample, "review"); err != nil && !errors.Is(err, review.ErrNoContent) {
		t.Fatal(err)
	}
	if _, err := s.reviews.Decide(t.Context(), journal.Actor{Kind: "staff", ID: "wang"}, disputes[0].Sample, review.Decision{Verdict: review.OverBlocked}); err != nil {
		t.Fatal(err)
	}
	wants(t, s.get("/dispute/status?lang=en&receipt="+strings.ToLower(receipt), 200), "what was done was wrong")
}

func TestDisputeByAPI(t *testing.T) {
	s := newSite(t)
	var out disputeAnswer
	if err := json.Unmarshal([]byte(s.send("/api/v1/disputes", 201, `{"exchange":"`+s.refuse("li-si")+`"}`)), &out); err != nil || out.Receipt == "" {
		t.Fatalf("%+v %v", out, err)
	}
	var standing review.Standing
	if err := json.Unmarshal([]byte(s.get(out.Status, 200)), &standing); err != nil || standing.State != "received" {
		t.Errorf("%+v %v", standing, err)
	}
	wants(t, s.send("/api/v1/disputes", 404, `{"exchange":"01JDB0000000000000000000ZZ","reason":"x"}`), `"status":404`)
	s.send("/api/v1/disputes", 400, `{"exchange":`)
	s.send("/api/v1/disputes", 400, `{"exchange":"x","more":1}`)
	s.get("/api/v1/disputes/HG-0", 404)
	for i := range review.DisputesPerUser - 1 {
		s.send("/api/v1/disputes", 201, `{"exchange":"`+s.refuse("li-si")+`","reason":"`+strings.Repeat("再", i)+`"}`)
	}
	s.send("/api/v1/disputes", 429, `{"exchange":"`+s.refuse("li-si")+`"}`)
}

func TestAddress(t *testing.T) {
	for from, want := range map[string]string{"203.0.113.9:1": "203.0.113.9", "[2001:db8:1:2:3::9]:1": "2001:db8:1:2::/64", "127.0.0.1:9": "", "10.1.2.3:9": "", "nothing": "", "[::ffff:203.0.113.9]:1": "203.0.113.9"} {
		if got := address(&http.Request{RemoteAddr: from}); got != want {
			t.Errorf("%s is %q, want %q", from, got, want)
		}
	}
}
