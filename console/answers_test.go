package console

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hegui/hegui/answers"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

// TestAnswersInBrowser: somebody else's draft is approved, tried, replaced by a new version that waits for another person, and retired; a
// form with a mistake keeps what was typed.
func TestAnswersInBrowser(t *testing.T) {
	b := testkit.OpenBrowser(t)
	d := newDesk(t)
	ctx := t.Context()
	_, err := d.answers.Set(ctx, journal.Actor{Kind: "staff", ID: "li"}, answers.Answer{ID: "refund", Questions: []string{"怎么申请退款", "退款流程是什么", "How do I get a refund?"},
		ZH: "请在订单页申请退款，七天内有效。", EN: "Ask for it on the order page within seven days.", Source: "退款规则第三条", Until: "2030-12-31"})
	if err != nil {
		t.Fatal(err)
	}
	done := chromedp.WaitVisible(chromedp.CSS("main .box.good"))
	tab := d.tab(b, t, "zh")
	tab.Go(d.url + "/answers")
	tab.Wants("怎么申请退款", "草稿")
	tab.Do(chromedp.Click(chromedp.CSS(`th a[href*="refund"]`)), chromedp.WaitVisible(chromedp.CSS(`form[action="/answers/approve"] button`)),
		chromedp.Click(chromedp.CSS(`form[action="/answers/approve"] button`)), done)
	tab.Wants("refund@1 已生效", "王丽")
	tab.Go(d.url + "/answers?ask=" + "请问怎么申请退款呢")
	tab.Wants("相同：原文作答", "七天内有效")
	tab.Go(d.url + "/answers/answer?id=refund")
	tab.Do(chromedp.SetValue(chromedp.ID("source"), " "), chromedp.SetValue(chromedp.ID("zh"), "新的说法，typed"))
	testkit.Eval[bool](tab, `document.querySelector("#source").removeAttribute("required") === undefined`)
	tab.Allow("400") // the page says what is wrong
	tab.Do(chromedp.Click(chromedp.CSS(`form[action="/answers/answer"] button.main`)), chromedp.WaitVisible(chromedp.CSS("main .box.bad")))
	tab.Wants("source")
	if typed := testkit.Eval[string](tab, `document.querySelector("#zh").value`); typed != "新的说法，typed" {
		t.Errorf("what was typed is now %q", typed)
	}
	tab.Do(chromedp.SetValue(chromedp.ID("source"), "规则"), chromedp.Click(chromedp.CSS(`form[action="/answers/answer"] button.main`)), done)
	tab.Wants("refund 已保存为草稿", "须由作者以外的人批准")
	if m, err := d.answers.Find(ctx, "怎么申请退款", "writer"); err != nil || m.Version.Ref() != "refund@1" {
		t.Errorf("%+v %v", m, err)
	}
	for _, lang := range []string{"zh", "en"} {
		for _, p := range []struct{ name, path string }{{"answers", "/answers?ask=How+do+I+get+a+refund&"}, {"answer", "/answers/answer?id=refund&"}, {"answer-new", "/answers/answer?"}} {
			for look, name := range map[testkit.Look]string{testkit.Desktop: "", testkit.Phone: "-phone", testkit.Night: "-night"} {
				tab.As(look)
				tab.Go(d.url + p.path + "lang=" + lang)
				tab.Fits()
				tab.Shot("console-" + p.name + "-" + lang + name)
			}
		}
	}
	tab.As(testkit.Desktop)
	if _, err := d.answers.Approve(ctx, journal.Actor{Kind: "staff", ID: "li"}, "refund", 2); err != nil {
		t.Fatal(err)
	}
	tab.Go(d.url + "/answers/answer?id=refund&lang=zh")
	tab.Do(chromedp.SendKeys(chromedp.CSS(`#v2 input[name="reason"]`), "规则已改"), chromedp.Click(chromedp.CSS(`#v2 button.danger`)), done)
	tab.Wants("refund@2 已停用")
	if m, err := d.answers.Find(ctx, "怎么申请退款", "writer"); err != nil || m.Band != answers.Far {
		t.Errorf("%+v %v", m, err)
	}
	history, err := d.answers.History(ctx, "refund")
	if err != nil || len(history) != 2 || history[0].Note != "规则已改" || !strings.Contains(history[0].ZH, "typed") {
		t.Errorf("%+v %v", history, err)
	}
}
