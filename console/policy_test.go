package console

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hegui/hegui/emergency"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

// TestPolicyInBrowser: somebody else's emergency word is signed, one's own waits for another person, a form with a mistake keeps what was
// typed, and lifting needs a reason.
func TestPolicyInBrowser(t *testing.T) {
	b := testkit.OpenBrowser(t)
	d := newDesk(t)
	ctx := t.Context()
	_, err := d.emergency.Declare(ctx, journal.Actor{Kind: "staff", ID: "li"}, emergency.Measure{Kind: emergency.Entry, Text: "某条谣言", Category: "A1g", Order: "网信令 7", Reason: "查实的谣言", Until: time.Now().Add(72 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	done := chromedp.WaitVisible(chromedp.CSS("main .box.good[role=status]"))
	tab := d.tab(b, t, "zh")
	tab.Go(d.url + "/policy")
	tab.Wants("block-tier", "tier: block", "某条谣言", "网信令 7", "无人签署则失效于", "生效中")
	tab.Do(chromedp.Click(chromedp.CSS(`form[action="/policy/measures/sign"] button`)), done)
	tab.Wants("已签署", "第二签署： 王丽")
	tab.Go(d.url + "/policy")
	tab.Allow("400")
	until := time.Now().Add(40 * 24 * time.Hour).Format("2006-01-02T15:04")
	for id, value := range map[string]string{"text": "另一条谣言", "order": "网信令 9", "reason": "待核实", "category": "A1g", "until": until} {
		tab.Do(chromedp.SetValue(chromedp.CSS("#entry #"+id), value))
	}
	tab.Do(chromedp.Click(chromedp.CSS("#entry button.danger")), chromedp.WaitVisible(chromedp.CSS("#entry .box.bad")))
	if typed := testkit.Eval[string](tab, `document.querySelector("#entry #text").value + document.querySelector("#entry #category").value`); typed != "另一条谣言A1g" {
		t.Errorf("what was typed is now %q", typed)
	}
	tab.Do(chromedp.SetValue(chromedp.CSS("#entry #until"), time.Now().Add(48*time.Hour).Format("2006-01-02T15:04")), chromedp.Click(chromedp.CSS("#entry button.danger")), done)
	tab.Wants("紧急词已生效", "另一条谣言")
	tab.Go(d.url + "/policy") // without the message
	for id, value := range map[string]string{"porder": "通知 3", "preason": "重大活动", "puntil": time.Now().Add(48 * time.Hour).Format("2006-01-02T15:04")} {
		tab.Do(chromedp.SetValue(chromedp.CSS("#period #"+id), value))
	}
	tab.Do(chromedp.Click(chromedp.CSS("#period button.main")), done)
	tab.Wants("时段已设定", "策略中没有规则使用该场景")
	if n := testkit.Eval[int](tab, `document.querySelectorAll('form[action="/policy/measures/sign"]').length`); n != 0 {
		t.Errorf("%d of one's own measures can be signed", n)
	}
	if entries, err := d.emergency.Entries(ctx); err != nil || len(entries) != 2 {
		t.Errorf("%v %v", entries, err)
	}
	if _, _, ok := d.emergency.Profile(ctx, "writer"); !ok {
		t.Error("the period is not in force")
	}
	for _, lang := range []string{"zh", "en"} {
		for look, name := range map[testkit.Look]string{testkit.Desktop: "", testkit.Phone: "-phone", testkit.Night: "-night"} {
			tab.As(look)
			tab.Go(d.url + "/policy?lang=" + lang)
			tab.Fits()
			tab.Shot("console-policy-" + lang + name)
		}
	}
}
