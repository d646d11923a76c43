package console

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/review"
)

// said keeps an exchange in which a user said something; refused by an entry of the lexicon, or answered.
func (d *desk) said(user, text, entry string) string {
	d.t.Helper()
	ctx := context.Background()
	u, err := d.users.Find(ctx, "writer", user)
	if err != nil {
		d.t.Fatal(err)
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	in := exchange.Intent{ID: store.NewID(), At: at, ContentID: store.NewID(), Service: "writer", Application: "web-app", Key: "k", User: u.Subject, Operation: "chat", Model: "sample-chat"}
	r := exchange.Record{Intent: in, Ended: at, Outcome: exchange.Complete, Verdict: exchange.Allow, Label: "text", Output: strings.Repeat("cd", 32)}
	request, err := json.Marshal(map[string]any{"model": "sample-chat", "messages": []any{map[string]string{"role": "user", "content": text}}})
	if err != nil {
		d.t.Fatal(err)
	}
	c := &exchange.Content{Request: request, Visible: "好的。"}
	if entry != "" {
		r.Verdict, r.Code, r.Label, r.Output, c.Visible, r.Total = exchange.Refuse, "content_filter", "none", "", "", 1
		r.Findings = []exchange.Finding{{Where: "in", Channel: "messages[0].content", Category: "A1h", Tier: "block", Detector: "lexicon", Entry: entry, End: 3}}
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
	return in.ID
}

// disputed makes a refused exchange that its user disputes, and returns the sample.
func (d *desk) disputed(user, text, entry, reason string) string {
	d.t.Helper()
	id := d.said(user, text, entry)
	if _, err := d.reviews.Dispute(context.Background(), review.Complaint{Exchange: id, Reason: reason, Channel: "api"}); err != nil {
		d.t.Fatal(err)
	}
	list, err := d.reviews.Disputes(context.Background())
	if err != nil || len(list) == 0 {
		d.t.Fatal(err)
	}
	return list[0].Sample
}

// seedReview leaves open samples, a split one and a proposal.
func (d *desk) seedReview() (open string) {
	d.t.Helper()
	ctx := context.Background()
	must := func(err error) {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
	}
	must(d.words.Set(ctx, d.owner.Actor(), moderation.Entry{ID: "harsh-1", Text: "诈骗", Category: "A1h", Tier: moderation.Block}))
	for i := range review.MinReviewed {
		s := d.disputed(fmt.Sprint("citizen-", i), "怎样防范诈骗？", "harsh-1", "")
		for _, who := range []string{d.owner.ID, "somebody"} {
			reader := journal.Actor{Kind: "staff", ID: who}
			_, _, err := d.reviews.Open(ctx, reader, s, "review")
			must(err)
			_, err = d.reviews.Decide(ctx, reader, s, review.Decision{Verdict: review.OverBlocked})
			must(err)
		}
	}
	open = d.disputed("teacher", "写一篇反诈骗宣传稿", "harsh-1", "我在做反诈宣传")
	for i := range 3 {
		x, _, err := d.exchanges.Get(ctx, d.said("pupil", "今天的作业是什么", ""))
		must(err)
		must(d.reviews.SetRates(ctx, d.owner.Actor(), "writer", review.Rates{Random: 1}))
		_, err = d.reviews.Draw(ctx, ReviewExchange(x, nil))
		must(err)
		_ = i
	}
	return open
}

func TestReviewPages(t *testing.T) {
	d := newDesk(t)
	p, auditor := d.in(), d.as("auditor")
	wants(t, p.get("/review?lang=zh", 200), "没有待判的样本", "还没有人判断过")
	wants(t, p.get("/disputes?lang=zh", 200), "还没有异议", "没有降级建议")
	open := d.seedReview()

	page := p.get("/review?lang=zh", 200)
	wants(t, page, "使用者异议", "随机", open[:13], "须第二人")
	wants(t, p.get("/review?state=counted", 200), "误拦")
	wants(t, p.get("/review?state=waiting&reason=random", 200), "没有符合条件的样本")
	p.get("/review?state=lost", 400)
	p.get("/review?reason=x", 400)
	wants(t, p.post("/review/rates?lang=zh", 400, "service", "writer", "random", "viel", "disagreement", "20", "threshold", "30"), "抽样率须为 0 到 100", `value="viel"`, `value="30"`)
	wants(t, p.post("/review/rates", 200, "service", "writer", "random", "2.5", "disagreement", "20", "threshold", "30"), "抽样率已保存", `value="2.5"`)
	p.post("/review/rates", 400, "service", "nothing", "random", "1")

	// Without a script: open the text for a reason, judge, go on to the next.
	path := "/review/samples/" + open
	page = p.get(path, 200)
	wants(t, page, "harsh-1", "内容")
	if strings.Contains(page, "反诈骗宣传稿") || strings.Contains(page, "我在做反诈宣传") {
		t.Fatal("content is shown unasked")
	}
	if strings.Contains(page, `id="judge"`) {
		t.Error("what was not shown is offered to be judged")
	}
	wants(t, p.post(path, 409, "verdict", "right"), "请先打开内容再判断")
	wants(t, p.post(path+"/content", 400, "reason", " "), "请写明打开内容的理由")
	wants(t, p.post(path+"/content", 200, "reason", "复核异议"), "<mark>写</mark>一篇反诈骗宣传稿", "我在做反诈宣传", "本次查看已记入日志账本", `class="veil"`)
	events, err := d.j.Events(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.ContentRead}})
	if err != nil || len(events) != 1+2*review.MinReviewed || !strings.Contains(string(events[0].Body), "复核异议") || events[0].Who.ID != d.owner.ID {
		t.Errorf("%v %v", events, err)
	}
	wants(t, p.post(path, 400, "verdict", "missed", "note", "保留我"), "漏判和类别有误须选风险", `value="保留我"`, `value="missed" required checked`)
	wants(t, p.post(path, 400, "verdict", "over_blocked", "label", "A1h"), "误拦不能选", `value="A1h" checked`)
	page = p.post(path, 200, "verdict", "over_blocked", "note", "反诈宣传")
	wants(t, page, "的判断已记录")
	p.post(path, 409, "verdict", "over_blocked")
	wants(t, p.get(path, 200), "反诈宣传", "等待第二人")
	p.get("/review/samples/nothing", 404)
	// Who may see, and who may not.
	wants(t, auditor.get(path, 200), "您的角色不能查看内容")
	auditor.post(path, 403, "verdict", "right")
	auditor.post(path+"/content", 403, "reason", "x")

	// Export: what the page shows, no content.
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(p.get("/review/export?format=csv&state=all", 200), "\uFEFF"))).ReadAll()
	if err != nil || len(rows) != 1+review.MinReviewed+1+3 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if all := p.get("/review/export?format=jsonl&state=all", 200); strings.Count(all, "\n") != len(rows)-1 || strings.Contains(all, "反诈骗宣传稿") {
		t.Errorf("%d lines", strings.Count(all, "\n"))
	}
	p.get("/review/export?format=pdf", 400)
	if n := strings.Count(p.get("/disputes/export?format=jsonl", 200), "\n"); n != review.MinReviewed+1 {
		t.Errorf("%d disputes", n)
	}
	wants(t, p.get("/disputes/export?format=csv", 200), "over_blocked")
}

func TestDemotionTakesTwoPersons(t *testing.T) {
	d := newDesk(t)
	d.seedReview()
	wang, li := d.in(), d.as("moderator")
	page := wang.get("/disputes?lang=zh", 200)
	wants(t, page, "harsh-1", "拦截 → 线索", "待附议", "20 名使用者", "推翻率", "检测器")
	id := value(t, page, "id")
	wants(t, li.post("/disputes/proposals/approve", 409, "id", id), "状态已改变")
	wants(t, wang.post("/disputes/proposals/second", 200, "id", id, "note", "误伤太多"), "已附议", "须另一人批准", "误伤太多")
	wants(t, wang.post("/disputes/proposals/approve", 403, "id", id), "须由另一人批准")
	wants(t, li.post("/disputes/proposals/approve", 200, "id", id), "已写入词库草稿", "请测算后发布")
	row, err := d.words.Find(t.Context(), "harsh-1")
	if err != nil || row.Tier != moderation.Signal || row.Allow {
		t.Errorf("%+v %v", row, err)
	}
	if v, err := d.words.Latest(t.Context()); err != nil || v.N != 0 {
		t.Errorf("published without the gate: %+v %v", v, err)
	}
	wants(t, wang.post("/disputes/proposals/decline", 409, "id", id, "note", "x"), "状态已改变")
	wang.post("/disputes/proposals/second", 404, "id", "nothing")
}

func TestReviewAPI(t *testing.T) {
	d := newDesk(t)
	open := d.seedReview()
	p := d.in()
	var samples samplesAnswer
	decodeInto(t, p.get("/api/v1/review/samples", 200), &samples)
	if samples.Count != 4 || samples.Samples[0].ID != open {
		t.Errorf("%d samples, first %+v", samples.Count, samples.Samples[0])
	}
	p.get("/api/v1/review/samples?state=x", 400)
	wants(t, p.send("/api/v1/review/samples/"+open+"/decisions?lang=zh", 409, `{"verdict":"right"}`), "请先打开内容再判断")
	var text sampleTextAnswer
	decodeInto(t, p.send("/api/v1/review/samples/"+open+"/content", 200, `{"reason":"check"}`), &text)
	if text.Text != "写一篇反诈骗宣传稿" || text.Words != "我在做反诈宣传" {
		t.Errorf("%+v", text)
	}
	p.send("/api/v1/review/samples/"+open+"/content", 400, `{"reason":""}`)
	wants(t, p.send("/api/v1/review/samples/"+open+"/decisions?lang=zh", 400, `{"verdict":"missed"}`), "漏判和类别有误须选风险", `"field":"labels"`)
	p.send("/api/v1/review/samples/"+open+"/decisions", 400, `{"verdict":"right","more":1}`)
	var s review.Sample
	decodeInto(t, p.send("/api/v1/review/samples/"+open+"/decisions", 200, `{"verdict":"right","labels":["A1h"],"note":""}`), &s)
	if len(s.Decisions) != 1 || s.Outcome.Waits != "second" {
		t.Errorf("%+v", s)
	}
	decodeInto(t, p.get("/api/v1/review/samples/"+open, 200), &s)
	var figures review.Figures
	decodeInto(t, p.get("/api/v1/review", 200), &figures)
	if figures.Counted != review.MinReviewed || figures.Open != 3 || figures.Waiting != 1 || len(figures.Reviewers) != 2 {
		t.Errorf("%+v", figures)
	}
	p.send("/api/v1/review/rates", 400, `{"service":"writer","rates":{"random":7}}`)
	p.send("/api/v1/review/rates", 200, `{"service":"writer","rates":{"random":0.5,"disagreement":0,"threshold":0,"at":0.4,"near":0.2}}`)
	// What is left out stays as it stands: a threshold looked for at 0 is never near anything.
	var rates review.Rates
	decodeInto(t, p.send("/api/v1/review/rates", 200, `{"service":"writer","rates":{"threshold":0.3}}`), &rates)
	if stored, err := d.reviews.Rates(t.Context(), "writer"); err != nil || rates != stored || stored != (review.Rates{Random: 0.5, Threshold: 0.3, At: 0.4, Near: 0.2}) {
		t.Errorf("%+v, stored %+v, %v", rates, stored, err)
	}
	var proposals proposalsAnswer
	decodeInto(t, p.get("/api/v1/review/proposals", 200), &proposals)
	if proposals.Count != 1 {
		t.Fatalf("%+v", proposals)
	}
	p.send("/api/v1/review/proposals/decline", 400, `{"id":"`+proposals.Proposals[0].ID+`"}`)
	decodeInto(t, p.send("/api/v1/review/proposals/second", 200, `{"id":"`+proposals.Proposals[0].ID+`","note":"ja"}`), &proposals)
	decodeInto(t, p.send("/api/v1/review/proposals/decline", 200, `{"id":"`+proposals.Proposals[0].ID+`","note":"doch nicht"}`), &proposals)
	if proposals.Proposals[0].State != "declined" {
		t.Errorf("%+v", proposals)
	}
	p.send("/api/v1/review/proposals/approve", 409, `{"id":"`+proposals.Proposals[0].ID+`"}`)
	var disputes disputesAnswer
	decodeInto(t, p.get("/api/v1/disputes", 200), &disputes)
	if disputes.Count != review.MinReviewed+1 {
		t.Errorf("%d disputes", disputes.Count)
	}
}

func TestPieces(t *testing.T) {
	at := func(start, end int) review.Finding {
		return review.Finding{Direction: "in", Channel: "c", Start: start, End: end}
	}
	for _, c := range []struct {
		findings []review.Finding
		want     string
	}{
		{nil, "怎样防骗"},
		{[]review.Finding{at(6, 9)}, "怎样[防]骗"},
		{[]review.Finding{at(0, 3), at(3, 9), at(6, 12)}, "[怎样防骗]"},
		{[]review.Finding{at(1, 3), at(6, 99), at(-1, 3), at(9, 9), {Direction: "out", Channel: "c", End: 3}}, "怎样防骗"},
	} {
		d := sampleData{Sample: review.Sample{Direction: "in", Channel: "c", Findings: c.findings}, Text: "怎样防骗"}
		got := ""
		for _, p := range d.Pieces() {
			if p.Hit {
				p.Text = "[" + p.Text + "]"
			}
			got += p.Text
		}
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.findings, got, c.want)
		}
	}
	if len(sampleData{}.Pieces()) != 0 {
		t.Error("pieces of nothing")
	}
}

// TestRequestTexts: texts stand under the names that findings use, the newest message last.
func TestRequestTexts(t *testing.T) {
	got := requestTexts(json.RawMessage(`{"model":"m","messages":[{"role":"system","content":"规则"},{"role":"user","content":[{"type":"text","text":"看图"},{"type":"text","text":"再看"}]},{"role":"user","content":"问"}]}`))
	want := []string{"messages[0].content=规则", "messages[1].content[0]=看图", "messages[1].content[1]=再看", "messages[2].content=问"}
	var have []string
	for _, x := range got {
		have = append(have, x.Channel+"="+x.Text)
	}
	if strings.Join(have, " ") != strings.Join(want, " ") {
		t.Errorf("%q, want %q", have, want)
	}
	if got := requestTexts(json.RawMessage(`"开头 …[cut by hegui]"`)); len(got) != 1 || got[0].Channel != "" {
		t.Errorf("%+v", got)
	}
	if requestTexts(nil) != nil || requestTexts(json.RawMessage(`[1]`)) != nil {
		t.Error("texts of nothing")
	}
}

// TestReviewInBrowser looks at the pages in both languages, on a desk and on a phone, and judges a sample by keys.
func TestReviewInBrowser(t *testing.T) {
	b := testkit.OpenBrowser(t)
	d := newDesk(t)
	open := d.seedReview()
	for _, lang := range []string{"zh", "en"} {
		t.Run(lang, func(t *testing.T) {
			tab := d.tab(b, t, lang)
			for _, p := range []struct{ name, path, zh, en string }{
				{"review", "/review", "使用者异议", "disputed"},
				{"sample", "/review/samples/" + open, "机器的判断", "What the machine found"},
				{"disputes", "/disputes", "降级建议", "Proposed demotions"},
			} {
				tab.As(testkit.Desktop)
				tab.Go(d.url + p.path + "?lang=" + lang)
				tab.Wants(map[string]string{"zh": p.zh, "en": p.en}[lang])
				for look, name := range map[testkit.Look]string{testkit.Desktop: "", testkit.Phone: "-phone", testkit.Night: "-night"} {
					tab.As(look)
					tab.Fits()
					tab.Shot("console-" + p.name + "-" + lang + name)
				}
			}
		})
	}
	t.Run("keys", func(t *testing.T) { reviewByKeys(t, d, d.tab(b, t, "zh"), open) })
}

// tab opens a browser's tab with the owner logged in.
func (d *desk) tab(b *testkit.Browser, t *testing.T, lang string) *testkit.Tab {
	t.Helper()
	tab := b.Tab(t)
	tab.As(testkit.Desktop)
	tab.Go(d.url + "/login?lang=" + lang)
	tab.Do(chromedp.SendKeys(chromedp.ID("login"), "wang"), chromedp.SendKeys(chromedp.ID("password"), password),
		chromedp.Click(chromedp.CSS("button.main")), chromedp.WaitVisible(chromedp.CSS("nav.side")))
	return tab
}

// reviewByKeys judges a sample with the keyboard alone.
func reviewByKeys(t *testing.T, d *desk, tab *testkit.Tab, open string) {
	t.Helper()
	tab.As(testkit.Desktop)
	tab.Go(d.url + "/review?lang=zh")
	press := func(keys string) { t.Helper(); tab.Do(chromedp.KeyEvent(keys)) }
	press("j")
	if href := testkit.Eval[string](tab, `document.activeElement.getAttribute("href")`); href != "/review/samples/"+open {
		t.Fatalf("j leads to %s", href)
	}
	press("\r")
	tab.Do(chromedp.WaitVisible(chromedp.CSS("#open")))
	press("o")
	tab.Do(chromedp.WaitVisible(chromedp.CSS("#judge")))
	blur := func() string {
		return testkit.Eval[string](tab, `getComputedStyle(document.querySelector(".veil")).filter`)
	}
	if !strings.Contains(blur(), "blur") {
		t.Errorf("the content is not veiled: %s", blur())
	}
	tab.Shot("console-sample-veiled-zh")
	press("r")
	if blur() != "none" {
		t.Errorf("the veil was not lifted: %s", blur())
	}
	tab.Wants("写一篇反诈骗宣传稿")
	press("2")
	tab.Shot("console-sample-judged-zh")
	press("\r")
	tab.Do(chromedp.WaitVisible(chromedp.CSS(".box.good")))
	tab.Wants("的判断已记录")
	s, err := d.reviews.Sample(t.Context(), open)
	if err != nil || len(s.Decisions) != 1 || s.Decisions[0].Verdict != review.OverBlocked {
		t.Errorf("%+v %v", s, err)
	}
}
