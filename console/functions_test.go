package console

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/service"
)

// offer declares functions of the service.
func (d *desk) offer() {
	d.t.Helper()
	x := declaration()
	x.Services[0].Functions = []service.Function{
		{ID: "chat", NameZH: "对话与写作", NameEN: "Chat and writing", Operations: []string{"chat", "completion"}, Class: "dialogue"},
		{ID: "voice", NameZH: "朗读", NameEN: "Reading aloud", Operations: []string{"speech"}, Class: "voice", Biometric: "voice", Consent: true},
	}
	if err := d.services.Declare(d.t.Context(), root, x); err != nil {
		d.t.Fatal(err)
	}
	d.functions.Owes("writer", "app", "web/3.2.0", function.Notice)
	d.functions.Owes("writer", "app", "", function.Notice)
	d.functions.Owes("writer", "app", "ios/1.0", function.Tool)
	app := journal.Actor{Kind: "application", ID: "app"}
	if _, err := d.functions.Attest(d.t.Context(), app, function.Record{Service: "writer", Application: "app", Client: "web/3.2.0", Shows: []string{function.Notice}}); err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.functions.Agree(d.t.Context(), app, function.Record{Service: "writer", Application: "app", Person: "p-1", Scope: "voice", Evidence: "form 12"}); err != nil {
		d.t.Fatal(err)
	}
}

func TestFunctions(t *testing.T) {
	d := newDesk(t)
	p := d.in()
	wants(t, p.get("/functions?lang=en", 200), "No functions are declared", "None had to show anything")
	d.offer()
	wants(t, p.get("/functions?lang=en", 200), "Chat and writing", "Nobody has decided", "None is recorded, so the function is off", "web/3.2.0", "gave no name", "form 12")
	p.post("/functions/decide", 400, "service", "writer", "function", "chat", "confusing", "no", "reason", "x")
	p.post("/functions/decide", 404, "service", "nowhere", "function", "chat", "confusing", "no", "reason", "a good reason")
	p.post("/functions/assess", 400, "service", "writer", "function", "voice", "document", "A 1", "assessor", "us", "on", "2999-01-01")
	p.post("/functions/decide", 200, "service", "writer", "function", "chat", "confusing", "no", "reason", "a good reason")
	p.post("/functions/assess", 200, "service", "writer", "function", "voice", "document", "A 1", "assessor", "us", "on", "2026-01-01")
	wants(t, p.get("/functions?lang=zh", 200), "a good reason", "A 1", "王丽", "提供标识功能并提示")
}

// TestFunctionsInBrowser signs a decision and records an assessment.
func TestFunctionsInBrowser(t *testing.T) {
	b := testkit.OpenBrowser(t)
	d := newDesk(t)
	d.offer()
	tab := d.tab(b, t, "zh")
	tab.Go(d.url + "/functions?lang=zh")
	tab.Wants("尚无人判断", "关闭")
	tab.Do(chromedp.Click(chromedp.CSS("#chat summary")), chromedp.SendKeys(chromedp.CSS(`#chat input[name=reason]`), "固定格式的文书"), chromedp.SetValue(chromedp.CSS("#chat select"), "no"),
		chromedp.Click(chromedp.CSS("#chat button.main")), chromedp.WaitVisible(chromedp.CSS("main .box.good[role=status]")))
	tab.Wants("固定格式的文书", "王丽")
	for _, lang := range []string{"zh", "en"} {
		for look, suffix := range map[testkit.Look]string{testkit.Desktop: "", testkit.Phone: "-phone", testkit.Night: "-night"} {
			tab.As(look)
			tab.Go(d.url + "/functions?lang=" + lang)
			tab.Fits()
			tab.Shot("console-functions-" + lang + suffix)
		}
	}
}

// What came with a request is told on its page, and nothing of what it shows.
func TestFilesOfAnExchange(t *testing.T) {
	b := testkit.OpenBrowser(t)
	d := newDesk(t)
	ids := d.seed(2)
	tab := d.tab(b, t, "zh")
	for _, lang := range []string{"zh", "en"} {
		for look, suffix := range map[testkit.Look]string{testkit.Desktop: "", testkit.Phone: "-phone"} {
			tab.As(look)
			tab.Go(d.url + "/exchanges/" + ids[0] + "?lang=" + lang)
			tab.Fits()
			tab.Wants("docx", "eyes", "chart.emf", "001191110000EXAMPLE00F00000")
			tab.Shot("console-exchange-files-" + lang + suffix)
		}
	}
}
