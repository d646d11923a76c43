package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
)

// seedLedger puts contents into the ledger, one an exchange and newest last, and returns the file of the first.
func (d *desk) seedLedger(exchanges []string) []byte {
	d.t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 240, 180))
	for y := range 180 {
		for x := range 240 {
			img.SetRGBA(x, y, color.RGBA{uint8(x*3 + y), uint8(x * y / 40), uint8(y), 255})
		}
	}
	var raw, file bytes.Buffer
	if err := png.Encode(&raw, img); err != nil {
		d.t.Fatal(err)
	}
	value := label.Produced(d.services.Provider().Code, "01KB0LEDGER000")
	edit, err := label.Write(carrier.Bytes(raw.Bytes()), value, "")
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := edit.WriteTo(&file); err != nil {
		d.t.Fatal(err)
	}
	look, err := content.PerceptualFile(file.Bytes())
	if err != nil {
		d.t.Fatal(err)
	}
	sum := sha256.Sum256(file.Bytes())
	u, err := d.users.Find(context.Background(), "writer", "zhang-san")
	if err != nil {
		d.t.Fatal(err)
	}
	marks := []string{"mark", "rhythm", "clip", "none", "text"}
	var items []content.Item
	for i, x := range exchanges {
		m := content.Item{ID: fmt.Sprintf("01KB0LEDGER%03d", i), At: time.Now().Add(time.Duration(i-len(exchanges)) * time.Minute), Exchange: x, Service: "writer", Application: "web-app", Subject: u.Subject,
			Operation: "image", Model: "sample-chat", Medium: content.Media()[i%5], MIME: "image/png", Bytes: 40960 + int64(i), Explicit: marks[i%5]}
		if i == 0 {
			m.Hash, m.Perceptual, m.Label, m.Model = hex.EncodeToString(sum[:]), look, json.RawMessage(value.JSON()), "=sample-image"
		}
		items = append(items, m)
	}
	if _, err := d.j.Commit(context.Background(), journal.Write{Apply: d.content.Insert(items...)}); err != nil {
		d.t.Fatal(err)
	}
	for _, how := range []string{"answer", "download"} {
		if err := d.content.Delivered(context.Background(), content.Delivery{Content: items[0].ID, How: how, To: "web-app"}); err != nil {
			d.t.Fatal(err)
		}
	}
	return file.Bytes()
}

func TestLedger(t *testing.T) {
	d := newDesk(t)
	p := d.as("auditor")
	wants(t, p.get("/content?lang=zh", 200), "还没有内容入账", "内容台账")
	wants(t, p.get("/content?lang=en&medium=audio", 200), "No content matches")
	d.seedLedger(append(d.seed(3), make60()...))
	wants(t, p.get("/content?lang=en", 200), "63 in all", "01KB0LEDGER062", "Older")
	wants(t, p.get("/content?lang=en&before=01KB0LEDGER013", 200), "01KB0LEDGER000")
	wants(t, p.get("/content?lang=zh&medium=image&service=writer&model=%3Dsample-image", 200), "符合条件 1 份", "01KB0LEDGER000")
	wants(t, p.get("/content/item?lang=zh&id=01KB0LEDGER000", 200), "ContentProducer", "文字角标", "下载", "/exchanges/", "zhang-san")
	wants(t, p.get("/content/item?lang=en&id=nothing", 404), "The ledger has no such number")
	p.get("/content?from=yesterday", 400)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(p.get("/content/export?format=csv", 200), "\uFEFF"))).ReadAll()
	if err != nil || len(rows) != 64 || rows[63][0] != "01KB0LEDGER000" || rows[63][7] != "'=sample-image" {
		t.Errorf("%d rows, %v, %q", len(rows), err, rows[len(rows)-1])
	}
	if lines := strings.Count(p.get("/content/export?format=jsonl&medium=image", 200), "\n"); lines != 13 {
		t.Errorf("%d lines", lines)
	}
	p.get("/content/export?format=pdf", 400)
	wants(t, p.post("/content/find?lang=zh", 200, "text", "没有人在这里说过的一段文字，它足够长，可以拿来查找。"), "没有查到")
	p.post("/content/find", 400)
	var answer contentsAnswer
	decodeInto(t, p.get("/api/v1/contents?limit=2", 200), &answer)
	if answer.Count != 63 || len(answer.Contents) != 2 {
		t.Errorf("%+v", answer)
	}
	var one contentAnswer
	decodeInto(t, p.get("/api/v1/contents/01KB0LEDGER000", 200), &one)
	if one.Content.Explicit != "mark" || len(one.Deliveries) != 2 {
		t.Errorf("%+v", one)
	}
	p.get("/api/v1/contents/nothing", 404)
	p.get("/api/v1/contents?limit=x", 400)
}

func make60() []string {
	out := make([]string, 60)
	for i := range out {
		out[i] = fmt.Sprintf("x%d", i)
	}
	return out
}

// TestUnlabelled: recorded by those who may, seen by those who may, exported, and an entry that was changed is named.
func TestUnlabelled(t *testing.T) {
	d := newDesk(t)
	d.seedLedger(d.seed(1))
	lead, auditor, engineer := d.as("compliance"), d.as("auditor"), d.as("engineer")
	wants(t, auditor.get("/unlabelled?lang=zh", 200), "没有无显式标识提供的记录", "至少保存 6 个月")
	if strings.Contains(auditor.get("/unlabelled?lang=zh", 200), "登记一次提供") {
		t.Error("an auditor is offered the form")
	}
	engineer.get("/unlabelled", 403)
	wants(t, lead.get("/unlabelled?lang=en&content=01KB0LEDGER000", 200), `value="01KB0LEDGER000"`, "Record a delivery")
	wants(t, lead.post("/unlabelled?lang=en", 400, "content", "01KB0LEDGER000", "clause", "clause 7", "recipient", "", "purpose", "typed purpose"), "recipient", "typed purpose")
	wants(t, lead.post("/unlabelled?lang=zh", 200, "content", "01KB0LEDGER000", "clause", "协议第七条", "recipient", "某影视公司 李某", "purpose", "影视后期", "at", time.Now().Add(-time.Hour).In(time.FixedZone("", 8*3600)).Format("2006-01-02T15:04")),
		"已登记", "某影视公司 李某", "协议第七条")
	var u content.Unlabelled
	decodeInto(t, lead.send("/api/v1/unlabelled", 201, `{"content":"01KB0LEDGER000","clause":"c","recipient":"r","purpose":"p"}`), &u)
	auditor.send("/api/v1/unlabelled", 403, `{}`)
	lead.send("/api/v1/unlabelled", 400, `{"content":"nothing","clause":"c","recipient":"r","purpose":"p"}`)
	var list unlabelledAnswer
	decodeInto(t, auditor.get("/api/v1/unlabelled", 200), &list)
	if list.Count != 2 || list.Deliveries[0] != u {
		t.Errorf("%+v", list)
	}
	wants(t, auditor.get("/unlabelled/export?format=csv", 200), "kept_until_at_least", "某影视公司 李某", "影视后期")
	if _, err := d.db.W.ExecContext(t.Context(), `DELETE FROM content_unlabelled WHERE id = $1`, u.ID); err != nil {
		t.Fatal(err)
	}
	wants(t, auditor.get("/unlabelled?lang=zh", 200), "与日志账本不一致")
}

// TestLedgerInBrowser finds a file, follows it to its exchange, and records an unlabelled delivery.
func TestLedgerInBrowser(t *testing.T) {
	b := testkit.OpenBrowser(t)
	d := newDesk(t)
	tab := d.tab(b, t, "zh")
	shots := func(name, path string) {
		t.Helper()
		for _, lang := range []string{"zh", "en"} {
			for look, suffix := range map[testkit.Look]string{testkit.Desktop: "", testkit.Phone: "-phone", testkit.Night: "-night"} {
				tab.As(look)
				tab.Go(d.url + path + "lang=" + lang)
				tab.Fits()
				tab.Shot("console-" + name + "-" + lang + suffix)
			}
		}
		tab.As(testkit.Desktop)
	}
	shots("ledger-empty", "/content?")
	file := d.seedLedger(d.seed(7))
	path := filepath.Join(t.TempDir(), "a.png")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	tab.Go(d.url + "/content?lang=zh")
	tab.Do(chromedp.Click(chromedp.CSS("#find summary")), chromedp.SetUploadFiles(chromedp.ID("file"), []string{path}), chromedp.Click(chromedp.CSS("#find button.main")), chromedp.WaitVisible(chromedp.CSS("#answer.good")))
	tab.Wants("是这里生成的", "字节相同", "符合")
	for look, suffix := range map[testkit.Look]string{testkit.Phone: "-phone", testkit.Desktop: ""} {
		tab.As(look)
		tab.Fits()
		tab.Shot("console-ledger-find-zh" + suffix)
	}
	tab.As(testkit.Desktop)
	tab.Do(chromedp.Click(chromedp.CSS(`td a[href*="/content/item"]`)), chromedp.WaitVisible(chromedp.CSS(`a[href*="/unlabelled"].button`)))
	tab.Wants("感知哈希", "去向")
	tab.Do(chromedp.Click(chromedp.CSS(`main a[href*="/unlabelled"].button`)), chromedp.WaitVisible(chromedp.ID("clause")))
	tab.Do(chromedp.SendKeys(chromedp.ID("clause"), "用户协议 2026-11 第七条"), chromedp.SendKeys(chromedp.ID("recipient"), "某影视公司 李某（已核验）"), chromedp.SendKeys(chromedp.ID("purpose"), "影视后期制作"),
		chromedp.Click(chromedp.CSS(`form[action="/unlabelled"] button.main`)), chromedp.WaitVisible(chromedp.CSS("main .box.good")))
	tab.Wants("已登记 01KB0LEDGER000", "某影视公司 李某", "王丽")
	shots("ledger", "/content?")
	shots("ledger-item", "/content/item?id=01KB0LEDGER000&")
	shots("unlabelled", "/unlabelled?")
}
