package console

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hegui/hegui/emergency"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
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

const strictPolicy = `name: stricter
rows:
  - {name: fraud, category: [A1h], tier: [signal], direction: [in], user: [minor], action: refuse, reason: care}
  - {name: signals, category: [A1h], tier: [signal], action: block}
  - {name: block-tier, tier: [block], action: guide, reason: care}
default: {action: allow}
tests:
  - {finding: {category: A1h, tier: signal}, direction: in, expect: refuse}
`

// TestPolicyTrialInBrowser: an uploaded policy is compared with the one in force and nothing changes; one that is none is told why.
func TestPolicyTrialInBrowser(t *testing.T) {
	b := testkit.OpenBrowser(t)
	d := newDesk(t)
	file := filepath.Join(t.TempDir(), "stricter.yaml")
	if err := os.WriteFile(file, []byte(strictPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	hash := d.rules.Hash()
	tab := d.tab(b, t, "zh")
	tab.Go(d.url + "/policy")
	tab.Do(chromedp.SetUploadFiles(chromedp.ID("file"), []string{file}), chromedp.Click(chromedp.CSS("#try button.main")), chromedp.WaitVisible(chromedp.ID("result")))
	tab.Wants("stricter", "全部通过", "输入 · 拦截", "refuse", "guide", "更宽", "输入 · 线索", "更严", "须回答的题目中，会被拒绝的比现行版本多")
	tab.Fits()
	for look, name := range map[testkit.Look]string{testkit.Desktop: "", testkit.Phone: "-phone", testkit.Night: "-night"} {
		tab.As(look)
		tab.Fits()
		tab.Shot("console-policy-try" + name)
	}
	if d.rules.Hash() != hash {
		t.Error("the policy in force has changed")
	}
}

func TestPolicyTrial(t *testing.T) {
	d := newDesk(t)
	p := d.in()
	var trial lexicon.Trial
	body, err := json.Marshal(policyBody{strictPolicy})
	if err != nil {
		t.Fatal(err)
	}
	decodeInto(t, p.send("/api/v1/policy/try", 200, string(body)), &trial)
	if trial.Name != "stricter" || trial.Failed != "" || trial.Same() || trial.Before != d.rules.Hash() || trial.Figures.Bank.Texts != 2 {
		t.Errorf("%+v", trial)
	}
	body, _ = json.Marshal(policyBody{string(moderation.DefaultPolicySource())})
	decodeInto(t, p.send("/api/v1/policy/try", 200, string(body)), &trial)
	if !trial.Same() || trial.Figures.Bank.Before != trial.Figures.Bank.After {
		t.Errorf("the same policy: %+v", trial)
	}
	body, _ = json.Marshal(policyBody{strictPolicy + "  - {text: 怎样辨别刷单返利骗局？, direction: in, expect: allow}\n"})
	decodeInto(t, p.send("/api/v1/policy/try", 200, string(body)), &trial)
	if !strings.Contains(trial.Failed, "refuse") {
		t.Errorf("%+v", trial)
	}
	wants(t, p.send("/api/v1/policy/try", 400, `{"text":"name: x\nrows: [{name: a, action: dance}]"}`), "dance")
	d.as("auditor").send("/api/v1/policy/try", 403, `{"text":""}`)
	wants(t, p.upload("/policy/try", 400, "bad.yaml", "rows: 5"), "不是可用的策略")
}
