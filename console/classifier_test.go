package console

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hegui/hegui/assessment"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
)

// declareTraining has the service say that reviewed content trains its detectors.
func (d *desk) declareTraining() {
	d.t.Helper()
	declared := declaration()
	declared.Services[0].Disclosure.TrainingZH = "经复核的内容用于训练本服务的检测器，保存一百八十天。"
	declared.Services[0].Disclosure.TrainingEN = "Reviewed content trains this service's detectors; kept for 180 days."
	if err := d.services.Declare(context.Background(), root, declared); err != nil {
		d.t.Fatal(err)
	}
}

// material judges n harmful and n harmless texts of as many users.
func (d *desk) material(n int) {
	d.t.Helper()
	ctx := context.Background()
	must := func(err error) {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
	}
	must(d.reviews.SetRates(ctx, d.owner.Actor(), "writer", review.Rates{Random: 1}))
	benign := moderation.Benign()
	// Few kinds of harmless text, each said by several users: the ones kept apart say what others have taught, so that the
	// figures do not hang on which users chance keeps apart.
	const kinds = 101
	for i := range 2 * n {
		text, decision := benign[(4*i+1)%kinds], review.Decision{Verdict: review.Right}
		if i%2 == 0 {
			text, decision = fmt.Sprintf("低价代开增值税发票，当天出票，加微信联系，第%d号客服", i), review.Decision{Verdict: review.Missed, Labels: []string{"A1h"}}
		}
		// Questions are drawn, not the answers: findings point at them.
		x, _, err := d.exchanges.Get(ctx, d.said(fmt.Sprint("user-", i), text, ""))
		must(err)
		drawn := ReviewExchange(x, nil)
		drawn.Answered = false
		id, err := d.reviews.Draw(ctx, drawn)
		must(err)
		_, _, err = d.reviews.Open(ctx, d.owner.Actor(), id, "review")
		must(err)
		_, err = d.reviews.Decide(ctx, d.owner.Actor(), id, decision)
		must(err)
	}
}

// comesIn has another person take over a browser's tab: logged in with a one-time link.
func (d *desk) comesIn(tab *testkit.Tab, role string) {
	d.t.Helper()
	s, err := d.staff.Add(context.Background(), root, operator.Staff{Login: role + "-2", Name: role, Role: role})
	if err != nil {
		d.t.Fatal(err)
	}
	token, err := d.staff.Link(context.Background(), root, s.ID)
	if err != nil {
		d.t.Fatal(err)
	}
	tab.Go(d.url + "/link?t=" + url.QueryEscape(token))
	tab.Do(chromedp.Click(chromedp.CSS(`main button.main`)), chromedp.WaitVisible(chromedp.CSS("nav.side")))
}

// TestClassifierFromSamplesToForceInBrowser: trained in the browser from reviewed samples, a classifier goes from shadow to
// force with its over-block figure shown.
func TestClassifierFromSamplesToForceInBrowser(t *testing.T) {
	b := testkit.OpenBrowser(t)
	d := newDesk(t)
	for _, q := range assessment.MustAnswer() {
		d.bank = append(d.bank, review.Question{ID: q.ID, Text: q.ZH})
	}
	of := fmt.Sprintf(" / %d", len(d.bank))
	d.declareTraining()
	d.material(350) // enough that the figures do not hang on which users are kept apart
	tab := d.tab(b, t, "zh")
	tab.Go(d.url + "/classifier?lang=zh")
	tab.Wants("700", "已计入的样本", "还没有训练过分类器")
	tab.Fits()
	tab.Shot("console-classifier-empty-zh")
	tab.Do(chromedp.Click(chromedp.ID("start")), chromedp.WaitVisible(chromedp.CSS("#c1")))
	// The page renews itself, without a script of ours, until the report is there.
	tab.Do(chromedp.WaitVisible(chromedp.CSS(`#c1 form[action="/classifier/move/shadow"]`)))
	tab.Wants("分类器 1", "已训练", "误拦：须回答的题目", "误拦：留出的无害样本", "召回 A1h", of)
	if len(d.reviews.Detectors()) != 0 {
		t.Error("consulted before it was put in shadow")
	}
	tab.Wants("阈值的依据", "未能证明不超过 0.10 %", "线索", "自带策略只处理“拦截”级")
	tab.Do(chromedp.Click(chromedp.CSS(`#c1 form[action="/classifier/move/shadow"] button`)), chromedp.WaitVisible(chromedp.CSS(`#c1 form[action="/classifier/move/ask"]`)))
	tab.Wants("影子运行", of, "上限 5.00 %", "未能证明误拦不超过上限", "须由另一人批准后才能启用")
	tier := func() moderation.Tier {
		t.Helper()
		list := d.reviews.Detectors()
		if len(list) != 1 {
			t.Fatalf("%d detectors", len(list))
		}
		j := moderation.Consult(t.Context(), list[0], moderation.Query{Scene: moderation.Scene{Direction: "in", Channel: "content", User: "unknown"}, Text: []byte("低价代开增值税发票，当天出票，加微信联系，第7777号客服")})
		if len(j.Findings) == 0 {
			t.Fatalf("%+v", j)
		}
		return j.Findings[0].Tier
	}
	if got := tier(); got != moderation.Observe {
		t.Errorf("in shadow: %s", got)
	}
	for _, lang := range []string{"zh", "en"} {
		for look, name := range map[testkit.Look]string{testkit.Desktop: "", testkit.Phone: "-phone", testkit.Night: "-night"} {
			tab.As(look)
			tab.Go(d.url + "/classifier?lang=" + lang)
			tab.Fits()
			tab.Shot("console-classifier-" + lang + name)
		}
	}
	tab.As(testkit.Desktop)
	tab.Go(d.url + "/classifier?lang=zh")
	tab.Do(chromedp.SendKeys(chromedp.CSS(`#c1 input[name=note]`), "影子运行一周，未见误拦"), chromedp.Click(chromedp.CSS(`#c1 form[action="/classifier/move/ask"] button`)),
		chromedp.WaitVisible(chromedp.CSS(`main .box.good[role=status]`)))
	if got := tier(); got != moderation.Observe {
		t.Errorf("asked for by one person alone: %s", got)
	}
	d.comesIn(tab, "compliance")
	tab.Go(d.url + "/classifier?lang=zh")
	tab.Wants("王丽 已提请批准", "影子运行一周，未见误拦")
	tab.Do(chromedp.Click(chromedp.CSS(`#c1 form[action="/classifier/move/confirm"] button`)), chromedp.WaitVisible(chromedp.CSS(`main .box.good[role=status]`)))
	tab.Wants("分类器 1 已批准启用", of)
	if got := tier(); got == moderation.Observe {
		t.Error("in force it only observes")
	}
	tab.Do(chromedp.Click(chromedp.CSS(`#c1 form[action="/classifier/move/retire"] button`)), chromedp.WaitNotPresent(chromedp.CSS(`form[action="/classifier/move/retire"]`)))
	if len(d.reviews.Detectors()) != 0 {
		t.Error("retired and still consulted")
	}
	events, err := d.j.Events(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.ContentRead}})
	if err != nil || len(events) < 100 || !strings.Contains(string(events[0].Body), "training of classifier 1") {
		t.Errorf("%d readings recorded, %v", len(events), err)
	}
}

func TestClassifierPages(t *testing.T) {
	d := newDesk(t)
	d.bank = []review.Question{{ID: "q-1", Text: "低价代开增值税发票，当天出票，加微信联系，第1号客服"}, {ID: "q-2", Text: "公园几点开门？"}}
	wang, li, auditor := d.in(), d.as("compliance"), d.as("auditor")
	wants(t, wang.get("/classifier?lang=zh", 200), "没有服务声明", "还没有训练过分类器", "各须至少 80 份")
	wants(t, wang.post("/classifier/train", 409), "各须至少 80 份")
	auditor.post("/classifier/train", 403)
	d.material(150)
	wants(t, wang.get("/classifier", 200), "300 份样本所属服务没有声明训练用途")
	wants(t, wang.post("/classifier/train", 409), "各须至少 80 份")
	d.declareTraining()
	wants(t, wang.post("/classifier/train", 400, "since", "gestern"), `value="gestern"`)
	wants(t, wang.post("/classifier/train", 200), "开始训练")
	for range 600 {
		if c, err := d.reviews.Classifier(t.Context(), 1); err != nil || c.State != review.Training {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	wants(t, wang.get("/classifier", 200), "已训练", "1 / 2")
	wants(t, wang.post("/classifier/move/force", 409, "n", "1"), "还没有影子运行", "请先选“影子运行”")
	if list := wang.get("/api/v1/classifiers", 200); strings.Contains(list, "0001-01-01") || strings.Contains(list, `"approved"`) {
		t.Errorf("what has not happened has a date or a person:\n%s", list)
	}
	page := wang.post("/classifier/move/shadow", 200, "n", "1")
	wants(t, page, "进入影子运行", "误拦率超过上限", "须由另一人批准后才能启用")
	if strings.Contains(page, "/classifier/move/force") {
		t.Error("one person is offered to force it")
	}
	// The page of detectors counts what it is asked about, and tells of drift.
	wants(t, wang.get("/detectors?lang=zh", 200), "分类器 1", "linear-1", "影子运行", "还没有可比较的问题")
	for i := range 60 {
		moderation.ConsultAll(t.Context(), d.watcher.Detectors(), moderation.Query{Scene: moderation.Scene{Direction: "in", Channel: "content"}, Text: []byte(fmt.Sprint("안녕하세요 오늘 날씨가 참 좋네요 ", i))}, nil)
	}
	wants(t, wang.get("/detectors?lang=zh", 200), "与词库", "一致 60，不一致 0", "60 个问题", "已漂移")
	wang.get("/classifier?lang=zh", 200)
	wants(t, wang.post("/classifier/move/force", 409, "n", "1"), "第二人批准")
	wants(t, li.post("/classifier/move/confirm", 409, "n", "1"), "没有人提请批准")
	wants(t, wang.post("/classifier/move/ask", 200, "n", "1", "note", "题库有误"), "题库有误", "王丽 已提请批准")
	wants(t, wang.post("/classifier/move/confirm", 403, "n", "1"), "须由另一人批准")
	wants(t, li.post("/classifier/move/confirm", 200, "n", "1"), "已批准启用", "compliance 批准")
	wants(t, wang.post("/classifier/move/measure", 200, "n", "1"), "已重新测量", "未见漂移")
	wants(t, wang.post("/classifier/move/retire", 200, "n", "1"), "已停用")
	wang.post("/classifier/move/retire", 409, "n", "1")
	wang.post("/classifier/move/force", 404, "n", "x")
	wang.post("/classifier/move/dance", 404, "n", "1")
	if n := strings.Count(wang.get("/classifier/export?format=jsonl", 200), "\n"); n != 1 {
		t.Errorf("%d lines", n)
	}
	wants(t, wang.get("/classifier/export?format=csv", 200), "bank_hit", "retired")
	// By API.
	var list classifiersAnswer
	decodeInto(t, wang.get("/api/v1/classifiers", 200), &list)
	if list.Count != 1 || list.Classifiers[0].Figures == nil || list.Material.Samples != 300 {
		t.Errorf("%+v", list)
	}
	var trained trainAnswer
	decodeInto(t, wang.send("/api/v1/classifiers", 202, `{"since":""}`), &trained)
	if trained.N != 2 {
		t.Errorf("%+v", trained)
	}
	wang.send("/api/v1/classifiers", 400, `{"since":"morgen"}`)
	wang.send("/api/v1/classifiers/shadow", 404, `{"n":99}`)
	wang.send("/api/v1/classifiers/dance", 404, `{"n":1}`)
	decodeInto(t, wang.send("/api/v1/classifiers/shadow", 200, `{"n":1,"note":""}`), &list)
	if list.Classifiers[1].State != review.Shadow {
		t.Errorf("%+v", list.Classifiers[1])
	}
}
