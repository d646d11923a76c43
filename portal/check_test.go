package portal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
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

const (
	madeID   = "01KB0CHECK0000000000000001"
	madeText = "春风又绿江南岸，明月何时照我还？这首诗的作者是王安石。"
	theirs   = "001191350100M000100Y4300000"
)

func painting(t testing.TB, hue int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 240, 180))
	for y := range 180 {
		for x := range 240 {
			img.SetRGBA(x, y, color.RGBA{uint8(x*hue + y), uint8(x * y / 90 * hue), uint8(y), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func labelled(t testing.TB, file []byte, producer, id string) []byte {
	edit, err := label.Write(carrier.Bytes(file), label.Produced(producer, id), "")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := edit.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// made puts one image and one text into the ledger and returns the file as it was delivered.
func (s *site) made() []byte {
	s.t.Helper()
	file := labelled(s.t, painting(s.t, 3), s.services.Provider().Code, madeID)
	look, err := content.PerceptualFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	sum := sha256.Sum256(file)
	at := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC) // the next day in China
	item := content.Item{ID: madeID, At: at, Exchange: "exchange-secret", Service: "writer", Application: "application-secret", Subject: "subject-secret", Model: "chat", Medium: "image",
		MIME: "image/png", Hash: hex.EncodeToString(sum[:]), Perceptual: look, Explicit: "mark", Label: json.RawMessage(label.Produced(s.services.Provider().Code, madeID).JSON())}
	text := item
	text.ID, text.Medium, text.Hash, text.Perceptual, text.Texts = madeID+"T", "text", "", 0, []string{madeText}
	if _, err := s.j.Commit(context.Background(), journal.Write{Apply: s.content.Insert(item, text)}); err != nil {
		s.t.Fatal(err)
	}
	return file
}

func (s *site) upload(path string, status int, file []byte, fields ...string) string {
	s.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := form.WriteField(fields[i], fields[i+1]); err != nil {
			s.t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("file", "a file.bin")
	if err == nil {
		_, err = part.Write(file)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.Post(s.url+path, form.FormDataContentType(), &b)
	return s.read(res, err, status)
}

// TestCheck asks as people do; no answer tells who asked for the content.
func TestCheck(t *testing.T) {
	s := newSite(t)
	file := s.made()
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, img, nil); err != nil {
		t.Fatal(err)
	}
	wants(t, s.get("/?lang=zh", 200), `href="/check"`, "内容查验")
	wants(t, s.get("/services/writer?lang=en", 200), `href="/check"`, "Check content")
	wants(t, s.get("/check?lang=zh", 200), `enctype="multipart/form-data"`, "不超过 20 MB")
	for _, c := range []struct {
		name string
		page func() string
		want []string
	}{
		{"id", func() string { return s.get("/check?lang=zh&id="+strings.ToLower(madeID), 200) }, []string{"是这里生成的", "写作助手", "chat", "2026-11-24", "编号在台账中", "确定"}},
		{"id in the form", func() string { return s.post("/check?lang=en", 200, "id", madeID) }, []string{"Made here", "Writing assistant", "its number is in the ledger"}},
		{"unknown id", func() string { return s.get("/check?lang=en&id=01K", 200) }, []string{"Nothing found", "does not prove that no AI made it"}},
		{"file", func() string { return s.upload("/check?lang=zh", 200, file) }, []string{"是这里生成的", "逐字节相同", "符合标准", "本提供者"}},
		{"file without label", func() string { return s.upload("/check?lang=en", 200, photo.Bytes()) }, []string{"Made here", "how it looks", "likely", "no label in the metadata"}},
		{"another's", func() string { return s.upload("/check?lang=zh", 200, labelled(t, painting(t, 7), theirs, "X1")) }, []string{"带有其他生成者的标识", theirs, "X1"}},
		{"ours, unknown", func() string {
			return s.upload("/check?lang=en", 200, labelled(t, painting(t, 7), s.services.Provider().Code, "X1"))
		}, []string{"our ledger does not have it"}},
		{"does not conform", func() string { return s.upload("/check?lang=en", 200, nameless(t, painting(t, 7))) }, []string{"does not say who made it", "An element is missing", "does not conform", "all zeros"}},
		{"unreadable", func() string { return s.upload("/check?lang=zh", 200, file[:300]) }, []string{"无法判断"}},
		{"text", func() string {
			return s.post("/check?lang=zh", 200, "text", "【本内容由人工智能生成】\n"+madeText)
		}, []string{"是这里生成的", "文字相同", "人工智能生成”一类的标识用语"}},
		{"short text", func() string { return s.post("/check?lang=en", 200, "text", "春风") }, []string{"Nothing found", "less than 20 characters"}},
		{"text file", func() string { return s.upload("/check?lang=zh", 200, []byte(madeText)) }, []string{"是这里生成的"}},
		{"nothing asked", func() string { return s.post("/check?lang=zh", 400, "text", "  ") }, []string{"三者之一"}},
		{"no file chosen", func() string { return s.upload("/check?lang=zh", 400, nil) }, []string{"三者之一"}},
		{"too large", func() string { return s.upload("/check?lang=en", 413, make([]byte, MaxCheck+1)) }, []string{"at most 20 MB"}},
		{"far too large", func() string { return s.upload("/check?lang=en", 413, make([]byte, MaxCheck+1<<20)) }, []string{"at most 20 MB"}},
		{"script", func() string { return s.post("/check?lang=en", 200, "id", "<script>alert(1)</script>") }, []string{"&lt;script&gt;"}},
	} {
		page := c.page()
		t.Log(c.name)
		wants(t, page, c.want...)
		for _, secret := range []string{"exchange-secret", "application-secret", "subject-secret", "<script>alert"} {
			if strings.Contains(page, secret) {
				t.Errorf("%s: the page tells %q", c.name, secret)
			}
		}
	}
}

// nameless writes a label that does not say who made the content.
func nameless(t testing.TB, file []byte) []byte {
	format, ok := label.FormatByName("png")
	if !ok {
		t.Fatal("no PNG")
	}
	edit, err := format.Put(carrier.Bytes(file), carrier.Label{Value: `{"Label":"AIGC","ProduceID":"0000"}`})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := edit.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCheckByAPI(t *testing.T) {
	s := newSite(t)
	file := s.made()
	answer := func(body string) checkAnswer {
		t.Helper()
		var a checkAnswer
		if err := json.Unmarshal([]byte(body), &a); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"exchange-secret", "application-secret", "subject-secret"} {
			if strings.Contains(body, secret) {
				t.Errorf("the answer tells %q", secret)
			}
		}
		return a
	}
	if a := answer(s.send("/api/v1/check", 200, `{"id":"`+madeID+`"}`)); a.Outcome != content.MadeHere || a.Made[0].ServiceEN != "Writing assistant" || a.Label != nil {
		t.Errorf("%+v", a)
	}
	if a := answer(s.send("/api/v1/check", 200, `{"text":"`+madeText+`"}`)); a.Outcome != content.MadeHere || a.Made[0].By != "text" {
		t.Errorf("%+v", a)
	}
	if a := answer(s.upload("/api/v1/check", 200, file)); a.Outcome != content.MadeHere || a.Made[0].By != "hash" || a.Label == nil || a.Label.Verdict != label.Compliant || a.Label.Whose != "ours" {
		t.Errorf("%+v", a)
	}
	s.send("/api/v1/check", 400, `{}`)
	s.send("/api/v1/check", 400, `{"user":"x"}`)
	s.send("/api/v1/check", 400, `{"text":"`+strings.Repeat("x", content.MaxText+1)+`"}`)
	s.send("/api/v1/check", 413, `{"text":"`+strings.Repeat("x", MaxCheck+1<<20)+`"}`)
	wants(t, s.get("/api/openapi.json", 200), "/api/v1/check", "multipart/form-data", "contentMediaType")
}

// TestCheckLimit: an address may ask so often in a minute, and everybody behind the same proxy more often together.
func TestCheckLimit(t *testing.T) {
	var c counter
	now := time.Now()
	for _, k := range []struct {
		address string
		limit   int
	}{{"203.0.113.9", checksEach}, {"", checksAll}} {
		for i := range k.limit {
			if wait := c.take(k.address, now); wait != 0 {
				t.Fatalf("%q: question %d has to wait %s", k.address, i, wait)
			}
		}
		if wait := c.take(k.address, now.Add(time.Second)); wait != checkSpan-time.Second {
			t.Errorf("%q: %s", k.address, wait)
		}
	}
	if c.take("203.0.113.10", now) != 0 || c.take("203.0.113.9", now.Add(checkSpan)) != 0 {
		t.Error("another address, or another minute, has to wait")
	}
	s := newSite(t)
	for range checksAll {
		s.get("/check?id=1", 200)
	}
	wants(t, s.get("/check?id=1&lang=zh", 429), "太频繁")
	wants(t, s.send("/api/v1/check", 429, `{"id":"1"}`), `"status":429`)
	s.now = s.now.Add(checkSpan)
	s.get("/check?id=1", 200)
}

// lookAtCheck uses the page as a person does, without a script of ours.
func lookAtCheck(tab *testkit.Tab, s *site, file []byte, lang string) {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "picture.png")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		s.t.Fatal(err)
	}
	for _, look := range []struct {
		name string
		look testkit.Look
	}{{"", testkit.Desktop}, {"-phone", testkit.Phone}, {"-night", testkit.Night}} {
		tab.As(look.look)
		tab.Go(s.url + "/check?lang=" + lang)
		tab.Do(chromedp.SetUploadFiles(chromedp.ID("file"), []string{path}), chromedp.Click(chromedp.CSS("button.main")), chromedp.WaitVisible(chromedp.CSS("#answer .box.good")))
		tab.Wants(map[string]string{"zh": "逐字节相同", "en": "byte for byte"}[lang])
		tab.Fits()
		tab.Shot("portal-check-made-" + lang + look.name)
	}
	foreign := filepath.Join(s.t.TempDir(), "foreign.png")
	if err := os.WriteFile(foreign, nameless(s.t, painting(s.t, 7)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	tab.As(testkit.Phone)
	tab.Go(s.url + "/check?lang=" + lang)
	tab.Do(chromedp.SetUploadFiles(chromedp.ID("file"), []string{foreign}), chromedp.Click(chromedp.CSS("button.main")), chromedp.WaitVisible(chromedp.CSS("#answer .box.notice")))
	tab.Fits()
	tab.Shot("portal-check-malformed-" + lang)
}
