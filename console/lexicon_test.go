package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
)

// seedLexicon publishes two versions and leaves a draft that another person must approve.
func (d *desk) seedLexicon() {
	d.t.Helper()
	ctx := context.Background()
	must := func(err error) {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
	}
	who := d.owner.Actor()
	publish := func(note string) {
		draft, err := d.words.MeasureDraft(ctx)
		must(err)
		_, err = d.words.Publish(ctx, who, draft.Revision, note)
		must(err)
	}
	must(d.words.Set(ctx, who, moderation.Entry{ID: "own-1", Text: "代开假发票", Category: "A1h", Tier: moderation.Signal, Note: "来自投诉", Expires: "2027-12-31"},
		moderation.Entry{ID: "own-2", Text: "内部测试词", Category: "A2c", Tier: moderation.Observe}))
	publish("首批")
	must(d.words.Set(ctx, who, moderation.Entry{ID: "own-2", Text: "内部测试词", Category: "A2c", Tier: moderation.Quarantine}))
	publish("误伤")
	must(d.words.Set(ctx, who, moderation.Entry{ID: "own-3", Text: "刷单返利", Category: "A1h", Tier: moderation.Block}))
	draft, err := d.words.MeasureDraft(ctx)
	must(err)
	must(d.words.Propose(ctx, journal.Actor{Kind: "staff", ID: "somebody"}, draft.Revision, "诈骗话术"))
}

// upload sends a word list as a browser's form does.
func (p *person) upload(path string, status int, name, list string, fields ...string) string {
	p.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := form.WriteField(fields[i], fields[i+1]); err != nil {
			p.t.Fatal(err)
		}
	}
	if name != "" {
		part, err := form.CreateFormFile("file", name)
		if err != nil {
			p.t.Fatal(err)
		}
		fmt.Fprint(part, list)
	}
	if err := form.Close(); err != nil {
		p.t.Fatal(err)
	}
	res, err := p.http.Post(p.url+path, form.FormDataContentType(), &body)
	return p.read("POST "+path, res, err, status)
}

// value is the value of a hidden field.
func value(t testing.TB, page, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `name="`+name+`" value="`)
	if !ok {
		t.Fatalf("the page has no field %q", name)
	}
	v, _, _ := strings.Cut(rest, `"`)
	return v
}

func TestLexiconFromUploadToForce(t *testing.T) {
	d := newDesk(t)
	d.lexical = true
	p := d.in()
	wants(t, p.get("/lexicon?lang=zh", 200), "尚未发布自有词条", "6 / 17 个须有关键词库的类别为空", "hegui 不附带政治类等敏感词表", "先导入一份词表")
	wants(t, p.get("/lexicon/draft", 200), "草稿为空")
	wants(t, p.get("/lexicon/versions", 200), "尚未发布自有词条")
	wants(t, p.upload("/lexicon/import", 400, "", ""), "请选择一个词表文件")
	wants(t, p.upload("/lexicon/import", 400, "bad.txt", "词条\n", "category", "Z9", "tier", "signal"), "词表没有读入", "Z9")
	wants(t, p.upload("/lexicon/import", 200, "list.txt", "甲号违禁品\n乙号违禁品\n", "category", "A1h", "tier", "block", "lint", "1"), "已读取 list.txt", "2 新增", "检查了 1 行无害文本")
	wants(t, p.get("/lexicon", 200), "草稿有 2 处改动")

	page := p.get("/lexicon/draft", 200)
	wants(t, page, "新增 2，修改 0，删除 0", "甲号违禁品", "测算")
	wants(t, p.post("/lexicon/draft/publish", 409, "revision", "1"), "请先测算")
	page = p.post("/lexicon/draft/measure", 200)
	wants(t, page, "草稿已测算", "闸门通过", "须回答的题目", "2", "0 · 0.00 %", "上限 5.00 %", "目标 2.00 %")
	revision := value(t, page, "revision")
	// Somebody changes the draft meanwhile.
	p.post("/lexicon/entries/entry", 200, "text", "丙号违禁品", "category", "A1h", "tier", "signal", "note", "新增")
	wants(t, p.post("/lexicon/draft/publish", 409, "revision", revision), "草稿或现行版本在此期间被改动")
	page = p.post("/lexicon/draft/measure", 200)
	page = p.post("/lexicon/draft/publish", 200, "revision", value(t, page, "revision"), "note", "首批词表")
	wants(t, page, "第 1 版已发布", "第 1 版", "首批词表", "王丽")
	if got := d.words; len(must(got.Entries(t.Context(), 1))) != 3 {
		t.Error("version 1 does not have the three entries")
	}
	wants(t, p.get("/lexicon/entries?q=号违禁品", 200), "符合条件的有 3 条", "甲号违禁品", "自有")
	wants(t, p.get("/lexicon/entries?tier=quarantine", 200), "没有符合条件的词条")
	wants(t, p.get("/lexicon/entries?page=2", 200), "第 2 / ", "上一页")

	// A starter entry is put out of force by an own entry of the same id.
	id := moderation.StarterEntries()[0].ID
	page = p.get("/lexicon/entries/entry?id="+id, 200)
	wants(t, page, "内置起步词条")
	page = p.post("/lexicon/entries/entry", 200, "id", id, "text", moderation.StarterEntries()[0].Text, "category", "A1h", "tier", "quarantine")
	wants(t, page, "此词条取代了来自内置起步词条的同编号词条", "已写入草稿")
	wants(t, p.post("/lexicon/entries/undo", 200, "id", id), "已恢复为现行版本的样子", "草稿为空")
	wants(t, p.get("/lexicon/entries/entry?id=nobody", 404), "没有这个编号的词条")
	wants(t, p.post("/lexicon/entries/entry", 400, "text", "无类别", "tier", "block"), "category")

	// Out again.
	wants(t, p.get("/lexicon/export?format=csv", 200), "甲号违禁品", moderation.StarterEntries()[0].ID)
	wants(t, p.get("/lexicon/export?format=csv&filing=1", 200), "序号,关键词")
	if b := p.get("/lexicon/export?format=xlsx&filing=1", 200); !strings.HasPrefix(b, "PK") {
		t.Error("no workbook")
	}
	wants(t, p.get("/lexicon/export?format=pdf", 400), "没有“pdf”这种格式")
	p.get("/lexicon/export?format=csv&n=9", 404)

	// Removing, discarding, going back.
	entries := must(d.words.Entries(t.Context(), 1))
	wants(t, p.post("/lexicon/entries/remove", 200, "id", entries[0].ID), "删除")
	wants(t, p.post("/lexicon/draft/discard", 200), "草稿已清空")
	wants(t, p.post("/lexicon/versions/rollback", 200, "n", "0", "note", "全部停用"), "第 2 版已发布", "全部停用")
	wants(t, p.get("/lexicon/versions/2", 200), "删除 3", "发布时的测算")
	wants(t, p.get("/lexicon/versions/2?against=2", 200), "两版没有差别")
	p.get("/lexicon/versions/9", 404)
	p.get("/lexicon/versions/x", 404)
	wants(t, p.post("/lexicon/versions/rollback", 404, "n", "9"), "没有这个版本")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestLexiconSecondPerson(t *testing.T) {
	d := newDesk(t)
	d.lexical = true
	wang, li, auditor := d.in(), d.as("compliance"), d.as("auditor")
	wang.post("/lexicon/entries/entry", 200, "text", "刷单返利", "category", "A1h", "tier", "block")
	page := wang.post("/lexicon/draft/measure", 200)
	wants(t, page, "会被拒绝的比现行版本多", "须由另一人批准后才能发布", "误伤最多的词条", "q-1")
	revision := value(t, page, "revision")
	wants(t, wang.post("/lexicon/draft/publish", 409, "revision", revision), "闸门要求第二人批准")
	wants(t, li.post("/lexicon/draft/approve", 409, "revision", revision), "没有人提请批准")
	page = wang.post("/lexicon/draft/propose", 200, "revision", revision, "note", "必要")
	wants(t, page, "王丽 已提请批准")
	if strings.Contains(page, "批准并发布") {
		t.Error("the proposer is offered to approve")
	}
	wants(t, wang.post("/lexicon/draft/approve", 403, "revision", revision), "须由另一人批准")
	page = auditor.get("/lexicon/draft", 200)
	if strings.Contains(page, "批准并发布") || strings.Contains(page, "撤销此改动") {
		t.Error("an auditor is offered to act")
	}
	auditor.post("/lexicon/draft/approve", 403, "revision", revision)
	auditor.get("/lexicon/import", 403)
	page = li.get("/lexicon/draft", 200)
	wants(t, page, "批准并发布")
	wants(t, li.post("/lexicon/draft/approve", 200, "revision", value(t, page, "revision")), "第 1 版已发布", "批准人", "compliance")
}

func TestLexiconAPI(t *testing.T) {
	d := newDesk(t)
	d.lexical = true
	p := d.in()
	var overview lexiconAnswer
	decodeInto(t, p.get("/api/v1/lexicon", 200), &overview)
	if overview.State.Entries == 0 || overview.Library.Needed != 17 || overview.Library.Covered != 11 || overview.Version.N != 0 {
		t.Errorf("overview %+v", overview)
	}
	var draft draftAnswer
	decodeInto(t, p.send("/api/v1/lexicon/entries", 200, `{"entries":[{"id":"x1","text":"子号违禁品","category":"A1h","tier":"block"}]}`), &draft)
	if draft.Count != 1 || draft.Edits[0].ID != "x1" {
		t.Errorf("draft %+v", draft)
	}
	p.send("/api/v1/lexicon/entries", 400, `{"entries":[{"id":"x2","text":"丑号","category":"A1h","tier":"shout"}]}`)
	p.send("/api/v1/lexicon/entries", 400, `{"entry":[]}`)
	var imported lexicon.Imported
	list, err := json.Marshal(importBody{Name: "l.txt", Data: []byte("寅号违禁品\n"), Category: "A1h", Tier: "signal"})
	if err != nil {
		t.Fatal(err)
	}
	decodeInto(t, p.send("/api/v1/lexicon/import", 200, string(list)), &imported)
	if imported.Report.Taken != 1 || imported.Taken.Added != 1 {
		t.Errorf("imported %+v", imported)
	}
	decodeInto(t, p.send("/api/v1/lexicon/draft/measure", 200, ``), &draft)
	if draft.Draft.Figures == nil || draft.Draft.Figures.Bank.Texts != 2 || len(draft.Concerns) != 0 {
		t.Errorf("measured %+v", draft)
	}
	var version lexicon.Version
	decodeInto(t, p.send("/api/v1/lexicon/draft/publish", 200, fmt.Sprintf(`{"revision":%d,"note":"by API"}`, draft.Draft.Revision)), &version)
	if version.N != 1 || version.Entries != 2 {
		t.Errorf("version %+v", version)
	}
	var entries entriesAnswer
	decodeInto(t, p.get("/api/v1/lexicon/entries?origin=register&limit=1", 200), &entries)
	if entries.Count != 2 || len(entries.Entries) != 1 {
		t.Errorf("entries %+v", entries)
	}
	p.get("/api/v1/lexicon/entries?limit=x", 400)
	decodeInto(t, p.send("/api/v1/lexicon/entries/remove", 200, `{"ids":["x1"]}`), &draft)
	decodeInto(t, p.send("/api/v1/lexicon/entries/undo", 200, `{"ids":["x1"]}`), &draft)
	if draft.Count != 0 {
		t.Errorf("undone %+v", draft)
	}
	p.send("/api/v1/lexicon/draft/discard", 200, ``)
	p.send("/api/v1/lexicon/draft/propose", 409, `{"revision":1}`)
	var back rollbackAnswer
	decodeInto(t, p.send("/api/v1/lexicon/rollback", 200, `{"n":0,"note":"off"}`), &back)
	if !back.Published || back.Version.N != 2 || back.Version.Figures == nil || back.Rollback != nil {
		t.Errorf("rollback %+v", back)
	}
	var versions versionsAnswer
	decodeInto(t, p.get("/api/v1/lexicon/versions", 200), &versions)
	if versions.Count != 2 || versions.Versions[0].Restores != 0 || versions.Versions[0].Note != "off" {
		t.Errorf("versions %+v", versions)
	}
}

// Going back to a version that refuses more than the one in force is shown with its figures and waits for another person.
func TestLexiconRollbackNeedsSecondPerson(t *testing.T) {
	d := newDesk(t)
	d.lexical = true
	wang, li, auditor := d.in(), d.as("compliance"), d.as("auditor")
	wang.post("/lexicon/entries/entry", 200, "text", "刷单返利", "category", "A1h", "tier", "block")
	page := wang.post("/lexicon/draft/measure", 200)
	wang.post("/lexicon/draft/propose", 200, "revision", value(t, page, "revision"), "note", "必要")
	page = li.get("/lexicon/draft", 200)
	li.post("/lexicon/draft/approve", 200, "revision", value(t, page, "revision"))

	// Out by one person, though the version it replaces was approved by two.
	page = wang.post("/lexicon/versions/rollback", 200, "n", "0", "note", "误伤")
	wants(t, page, "第 2 版已发布", "发布时的测算", "1 · 50.00 %", "误伤")
	// Back in by two only.
	page = wang.post("/lexicon/versions/rollback", 200, "n", "1", "note", "又要")
	wants(t, page, "尚未生效", "恢复第 1 版", "王丽 提请恢复", "会被拒绝的比现行版本多", "0 → 1 / 2", "又要")
	if strings.Contains(page, "批准并恢复") || strings.Contains(auditor.get("/lexicon/versions", 200), "批准并恢复") {
		t.Error("the proposer or an auditor is offered to approve")
	}
	if v := must(d.words.Latest(t.Context())); v.N != 2 {
		t.Fatalf("version %d is in force", v.N)
	}
	wants(t, wang.post("/lexicon/versions/approve", 403, "n", "1"), "须由另一人批准")
	auditor.post("/lexicon/versions/approve", 403, "n", "1")
	wants(t, li.post("/lexicon/versions/approve", 409, "n", "0"), "没有人针对现行版本提请恢复")
	page = li.get("/lexicon/versions", 200)
	wants(t, page, "批准并恢复")
	page = li.post("/lexicon/versions/approve", 200, "n", "1")
	wants(t, page, "第 3 版已发布", "即第 1 版", "1 · 50.00 %", "王丽", "compliance")
	if strings.Contains(li.get("/lexicon/versions", 200), "批准并恢复") {
		t.Error("what was approved is still asked for")
	}

	// The same by the API.
	var back rollbackAnswer
	decodeInto(t, wang.send("/api/v1/lexicon/rollback", 200, `{"n":2}`), &back)
	if !back.Published || back.Version.Figures.Bank != (lexicon.Share{Texts: 2, Before: 1}) || len(back.Concerns) != 0 {
		t.Errorf("out %+v", back)
	}
	back = rollbackAnswer{}
	decodeInto(t, wang.send("/api/v1/lexicon/rollback", 202, `{"n":3,"note":"api"}`), &back)
	if back.Published || back.Version != nil || back.Rollback.N != 3 || back.Rollback.Figures.Bank != (lexicon.Share{Texts: 2, After: 1}) || back.Concerns[0].Code != "bank_rises" {
		t.Errorf("in %+v", back)
	}
	var versions versionsAnswer
	decodeInto(t, li.get("/api/v1/lexicon/versions", 200), &versions)
	if versions.Count != 4 || versions.Waiting == nil || versions.Waiting.Proposal.Note != "api" {
		t.Errorf("versions %+v", versions)
	}
	wang.send("/api/v1/lexicon/rollback/approve", 403, `{"n":3}`)
	back = rollbackAnswer{}
	decodeInto(t, li.send("/api/v1/lexicon/rollback/approve", 200, `{"n":3}`), &back)
	if back.Version == nil || back.Version.N != 5 || back.Version.Approved.ID == "" {
		t.Errorf("approved %+v", back)
	}

	// What cannot be measured is not put in force.
	d.words.Accept = func(*moderation.Lexicon) error { return errors.New("policy test 3 fails") }
	wants(t, wang.post("/lexicon/versions/rollback", 409, "n", "0"), "第 0 版未能测算，因此没有生效", "policy test 3 fails")
	if v := must(d.words.Latest(t.Context())); v.N != 5 {
		t.Errorf("version %d is in force", v.N)
	}
}

func decodeInto(t testing.TB, body string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
}

// TestLexiconInBrowser uploads, measures and publishes with a mouse.
func TestLexiconInBrowser(t *testing.T) {
	b := testkit.OpenBrowser(t)
	d := newDesk(t)
	d.lexical = true
	tab := b.Tab(t)
	tab.As(testkit.Desktop)
	tab.Go(d.url + "/login?lang=zh")
	tab.Do(chromedp.SendKeys(chromedp.ID("login"), "wang"), chromedp.SendKeys(chromedp.ID("password"), password),
		chromedp.Click(chromedp.CSS("button.main")), chromedp.WaitVisible(chromedp.CSS("nav.side")))
	tab.Go(d.url + "/lexicon/entries/entry?lang=zh")
	tab.Do(chromedp.SendKeys(chromedp.ID("text"), "卯号违禁品"), chromedp.SetValue(chromedp.ID("category"), "A1h"), chromedp.SetValue(chromedp.ID("tier"), "block"),
		chromedp.Click(chromedp.CSS("main form button.main")), chromedp.WaitVisible(chromedp.CSS("button.danger")))
	tab.Wants("已写入草稿", "卯号违禁品")
	tab.Go(d.url + "/lexicon/draft")
	tab.Do(chromedp.Click(chromedp.CSS(`form[action="/lexicon/draft/measure"] button`)), chromedp.WaitVisible(chromedp.CSS(`form[action="/lexicon/draft/publish"]`)))
	tab.Wants("闸门通过")
	tab.Do(chromedp.Click(chromedp.CSS(`form[action="/lexicon/draft/publish"] button`)), chromedp.WaitVisible(chromedp.CSS(".figures")))
	tab.Wants("第 1 版已发布")
	tab.Shot("console-lexicon-published-zh")
}
