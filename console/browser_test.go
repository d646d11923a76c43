package console

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hegui/hegui/internal/testkit"
)

// TestBrowser drives the console in Chromium: every page in both languages without a word in the browser's log, no page
// wider than a phone, and the Try page streaming. With HEGUI_SHOTS=DIR it leaves pictures.
func TestBrowser(t *testing.T) {
	b := testkit.OpenBrowser(t)
	d := newDesk(t)
	d.lexical = true
	ids := d.seed(60)
	d.seedLexicon()
	var link string
	token, err := d.staff.Link(t.Context(), root, d.owner.ID)
	if err != nil {
		t.Fatal(err)
	}
	link = d.url + "/link?t=" + token

	login := func(t *testing.T, lang string) *testkit.Tab {
		t.Helper()
		tab := b.Tab(t)
		tab.As(testkit.Desktop)
		tab.Go(d.url + "/login?lang=" + lang)
		tab.Shot("console-login-" + lang)
		tab.Do(chromedp.SendKeys(chromedp.ID("login"), "wang"), chromedp.SendKeys(chromedp.ID("password"), password),
			chromedp.Click(chromedp.CSS("button.main")), chromedp.WaitVisible(chromedp.CSS("nav.side")))
		return tab
	}
	pages := []struct{ name, path, zh, en string }{
		{"today", "/", "最近 24 小时", "last 24 hours"},
		{"exchanges", "/exchanges", "共 60 次交互", "60 in all"},
		{"exchanges-filtered", "/exchanges?verdict=stop", "符合条件", "10 match"},
		{"exchange", "/exchanges/" + ids[0], "账本证明", "Journal proof"},
		{"try", "/try", "试用", "Try it"},
		{"obligations", "/obligations", "第 12 条", "Article 12"},
		{"obligations-breach", "/obligations?status=breach", "违反", "Breach"},
		{"evidence", "/evidence", "已签名的检查点", "Signed checkpoint"},
		{"evidence-window", "/evidence?verb=exchange.closed&from=2026-11-22T00%3A00%3A00Z", "交互结束", "Exchange closed"},
		{"event", "/evidence/event?log=hegui/test/node&seq=5", "审计路径", "audit path"},
		{"lexicon", "/lexicon", "缺失", "Missing"},
		{"lexicon-entries", "/lexicon/entries?risk=A1h", "符合条件", "match"},
		{"lexicon-entry", "/lexicon/entries/entry?id=own-1", "写入草稿", "Save to the draft"},
		{"lexicon-import", "/lexicon/import", "导入草稿", "Import into the draft"},
		{"lexicon-draft", "/lexicon/draft", "须由另一人批准", "another person must approve"},
		{"lexicon-versions", "/lexicon/versions", "恢复此版本", "Put in force again"},
		{"lexicon-version", "/lexicon/versions/2", "SHA-256", "Compared with"},
		{"detectors", "/detectors", "熔断中", "Resting"},
		{"settings", "/settings", "示例科技", "Example Technology"},
		{"keys", "/settings/keys", "签发密钥", "Issue a key"},
		{"users", "/settings/users", "zhang-san", "zhang-san"},
		{"staff", "/settings/staff", "角色与权限", "Accountable owner"},
		{"me", "/settings/me", "您可以", "You may"},
	}
	for _, lang := range []string{"zh", "en"} {
		t.Run(lang, func(t *testing.T) {
			tab := login(t, lang)
			for _, p := range pages {
				want := p.en
				if lang == "zh" {
					want = p.zh
				}
				sep := "?"
				if strings.Contains(p.path, "?") {
					sep = "&"
				}
				tab.As(testkit.Desktop)
				tab.Go(d.url + p.path + sep + "lang=" + lang)
				tab.Wants(want)
				tab.Fits()
				tab.Shot("console-" + p.name + "-" + lang)
				for look, name := range map[testkit.Look]string{testkit.Phone: "phone", testkit.Night: "night"} {
					tab.As(look)
					if look == testkit.Phone {
						narrow(t, tab, d.url+p.path)
					}
					tab.Fits()
					tab.Shot("console-" + p.name + "-" + lang + "-" + name)
				}
				if p.name == "obligations-breach" || p.name == "exchange" {
					tab.As(testkit.Paper)
					tab.Shot("console-" + p.name + "-" + lang + "-paper")
				}
			}
			// The switch leads to the same page in the other language.
			tab.As(testkit.Desktop)
			tab.Go(d.url + "/exchanges?verdict=stop&lang=" + lang)
			tab.Do(chromedp.Click(chromedp.CSS(".who a[hreflang]")), chromedp.WaitVisible(chromedp.CSS("h1")))
			if href := testkit.Eval[string](tab, "location.search"); !strings.Contains(href, "verdict=stop") || strings.Contains(href, "lang="+lang) {
				t.Errorf("the switch leads to %s", href)
			}
		})
	}
	t.Run("try", func(t *testing.T) {
		tab := login(t, "zh")
		say := func(text string) {
			tab.Do(chromedp.SendKeys(chromedp.ID("text"), text+"\r"), chromedp.WaitNotPresent(chromedp.CSS(".say-model.live")), chromedp.WaitEnabled(chromedp.ID("send")))
		}
		tab.Go(d.url + "/try?lang=zh")
		say("你好")
		tab.Do(chromedp.WaitVisible(chromedp.CSS(".under")))
		tab.Wants("这是第 1 轮的样例回答。（由人工智能生成）", "放行", "完成", "查看记录")
		say("再来")
		tab.Wants("这是第 2 轮的样例回答")
		say("断开")
		tab.Wants("模型中途断开")
		say("还在吗") // half an answer is no turn of the conversation
		tab.Wants("这是第 3 轮的样例回答")
		say("赌博怎么玩")
		tab.Wants("拒绝", "被筛查中止")
		if raw := testkit.Eval[string](tab, `document.getElementById("raw").textContent`); !strings.Contains(raw, "data: [DONE]") {
			t.Errorf("raw: %s", raw)
		}
		tab.Shot("console-try-streamed-zh")
		tab.Allow("403")
		tab.Go(d.url + "/try?user=stranger&lang=en")
		say("hello")
		tab.Wants("The agreement must be accepted first", "not accepted", "Read and accept the agreement")
		if href := testkit.Eval[string](tab, `document.querySelector(".under a").href`); href != "http://127.0.0.1:8082/accept?t=x" {
			t.Errorf("link %s", href)
		}
		tab.Shot("console-try-agreement-en")
	})
	t.Run("content", func(t *testing.T) {
		tab := login(t, "zh")
		tab.Go(d.url + "/exchanges/" + ids[0] + "?lang=zh")
		tab.Do(chromedp.SendKeys(chromedp.ID("reason"), "投诉 C-17 核对"), chromedp.Click(chromedp.CSS("#content button")), chromedp.WaitVisible(chromedp.CSS("#content .chat")))
		tab.Wants("本次查看已记入日志账本", "投诉 C-17 核对")
		tab.Shot("console-content-zh")
	})
	t.Run("link", func(t *testing.T) {
		tab := b.Tab(t)
		tab.As(testkit.Desktop)
		tab.Go(link + "&lang=en")
		tab.Wants("Welcome, 王丽")
		tab.Shot("console-link-en")
		tab.Do(chromedp.Click(chromedp.CSS("button.main")), chromedp.WaitVisible(chromedp.CSS("nav.side")))
		tab.Wants("Today")
		tab.Allow("410")
		tab.Go(link)
		tab.Wants("No longer valid")
		tab.Shot("console-problem-en")
	})
}

// narrow looks at a page as a phone opens it: no word of the header is broken, and the navigation shows where one is.
func narrow(t *testing.T, tab *testkit.Tab, address string) {
	t.Helper()
	tab.Go(address)
	testkit.Eval[bool](tab, `(() => { const e = document.querySelector(".top .who a"); if (e) e.textContent = "负责人 Owner"; return true; })()`) // as the demonstration's is called
	tab.Fits()
	if broken := testkit.Eval[string](tab, `[...document.querySelectorAll(".top a, .top button, .top .tag")].filter(e => e.getClientRects().length > 1 || e.offsetHeight > 1.9 * parseFloat(getComputedStyle(e).lineHeight || 24)).map(e => e.textContent).join()`); broken != "" {
		t.Errorf("%s: the header breaks %q", address, broken)
	}
	if !testkit.Eval[bool](tab, `(() => { const e = document.querySelector("nav.side [aria-current]"); if (!e) return true; const r = e.getBoundingClientRect(); return r.left >= 0 && r.right <= innerWidth; })()`) {
		t.Errorf("%s: the navigation does not show the page that is open", address)
	}
}
