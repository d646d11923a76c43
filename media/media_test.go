package media

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/xuri/excelize/v2"

	"github.com/hegui/hegui/internal/testkit"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// coded is a picture with a QR code at a place of it.
func coded(t testing.TB, text string, side, at, size int) []byte {
	t.Helper()
	m, err := qrcode.NewQRCodeWriter().Encode(text, gozxing.BarcodeFormat_QR_CODE, size, size, nil)
	must(t, err)
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			img.Set(x, y, color.NRGBA{uint8(x / 4), uint8(y / 4), 140, 255})
		}
	}
	draw.Draw(img, image.Rect(at, at, at+m.GetWidth(), at+m.GetHeight()), m, image.Point{}, draw.Src)
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return b.Bytes()
}

func packedFile(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	names := []string{"[Content_Types].xml"}
	for name := range parts {
		if name != names[0] {
			names = append(names, name)
		}
	}
	slices.Sort(names[1:])
	for _, name := range names {
		w, err := z.Create(name)
		must(t, err)
		_, err = w.Write([]byte(parts[name]))
		must(t, err)
	}
	must(t, z.Close())
	return b.Bytes()
}

func docx(t testing.TB, body string, more map[string]string) []byte {
	t.Helper()
	parts := map[string]string{
		"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`,
		"_rels/.rels":         `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
		"word/document.xml":   `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>` + body + `</w:body></w:document>`,
	}
	for k, v := range more {
		parts[k] = v
	}
	return packedFile(t, parts)
}

// written is a PDF by hand: objects one after the other, the last being the catalogue.
func written(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.5\n")
	at := make([]int, len(objects))
	for i, o := range objects {
		at[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, len(objects), xref)
	return b.Bytes()
}

func onePage(content, resources string, more ...string) []byte {
	return written(append([]string{
		fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(content), content),
		"<</Type/Page/Parent 3 0 R/MediaBox[0 0 300 200]/Contents 1 0 R/Resources<<" + resources + "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
		"<</Type/Pages/Kids[2 0 R]/Count 1>>"}, append(more, "<</Type/Catalog/Pages 3 0 R>>")...)...)
}

func read(t testing.TB, r *Reader, b []byte) Look {
	t.Helper()
	look, err := r.Read(t.Context(), b)
	must(t, err)
	return look
}

func (l Look) text() string {
	var b strings.Builder
	for _, w := range l.Words {
		b.WriteString(w.Where + ": " + w.Text + "\n")
	}
	return b.String()
}

func reader(t testing.TB) *Reader {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	r := NewReader(filepath.Join(cache, "hegui-pdfium"))
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

func TestWords(t *testing.T) {
	r := reader(t)
	x := excelize.NewFile()
	must(t, x.SetCellStr("Sheet1", "B2", "表格里的话"))
	must(t, x.SetCellInt("Sheet1", "B3", 4711))
	must(t, x.AddPictureFromBytes("Sheet1", "D4", &excelize.Picture{Extension: ".png", File: coded(t, "https://example.com/in-a-sheet", 400, 60, 200), Format: &excelize.GraphicOptions{AltText: "代替文字"}}))
	var sheet bytes.Buffer
	must(t, x.Write(&sheet))
	split := docx(t, `<w:p><w:r><w:t>违禁</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>物品</w:t></w:r></w:p><w:p><w:r><w:t>next</w:t></w:r></w:p>`,
		map[string]string{"word/footnotes.xml": `<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:p><w:t>脚注</w:t></w:p></w:footnotes>`, "word/media/a.png": string(coded(t, "in a picture", 300, 20, 200))})
	for _, c := range []struct {
		name     string
		file     []byte
		kind     string
		says     []string
		pictures int
	}{
		{"utf-8", []byte("普通的话"), "text", []string{"普通的话"}, 0},
		{"gb18030", []byte("\xc6\xd5\xcd\xa8\xb5\xc4\xbb\xb0"), "text", []string{"普通的话"}, 0},
		{"utf-16", []byte("\xff\xfe\x6e\x66\x1a\x90"), "text", []string{"普通"}, 0},
		{"html", []byte("<!doctype html><p>违禁<b></b>物品<img alt='替代'>"), "html", []string{"违禁物品", "替代"}, 0},
		{"docx", split, "docx", []string{"违禁物品\n", "next", "脚注", "in a picture"}, 1},
		{"xlsx", sheet.Bytes(), "xlsx", []string{"表格里的话", "4711", "in-a-sheet", "代替文字"}, 1},
		{"docx in docx", docx(t, "", map[string]string{"word/embeddings/inner.docx": string(split)}), "docx", []string{"违禁物品\n"}, 1},
		{"png", coded(t, "https://example.com/加群", 900, 300, 240), "png", []string{"QR code: https://example.com/加群"}, 0},
		{"pdf", onePage("BT /F 12 Tf 20 100 Td (plain words) Tj ET", ""), "pdf", []string{"page 1: plain words"}, 0},
		{"pdf with a picture", onePage("BT /F 12 Tf 20 100 Td (caption) Tj ET q 80 0 0 80 20 20 cm /I Do Q", "/XObject<</I 4 0 R>>",
			"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>stream\n0\nendstream"), "pdf", []string{"caption"}, 1},
		{"pdf without words", onePage("10 10 80 80 re f", ""), "pdf", nil, 1},
	} {
		look := read(t, r, c.file)
		if look.Name != c.kind || len(look.Pictures) != c.pictures || len(look.Unread) != 0 {
			t.Errorf("%s: %s, %d pictures, unread %q", c.name, look.Name, len(look.Pictures), look.Unread)
		}
		for _, says := range c.says {
			if !strings.Contains(look.text(), says) {
				t.Errorf("%s: %q does not say %q", c.name, look.text(), says)
			}
		}
	}
}

// What a browser prints, read back: Chinese words as they were.
func TestPrinted(t *testing.T) {
	dir := t.TempDir()
	page, out := filepath.Join(dir, "p.html"), filepath.Join(dir, "p.pdf")
	must(t, os.WriteFile(page, []byte("<meta charset=utf-8><body style=\"font-family:'WenQuanYi Micro Hei'\">第一页的话<div style='break-before:page'>第二页 two"), 0o600))
	testkit.Tool(t, "chromium", "install chromium")("--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", "--user-data-dir="+filepath.Join(dir, "u"), "--print-to-pdf="+out, "file://"+page)
	b, err := os.ReadFile(out)
	must(t, err)
	if got := read(t, reader(t), b).text(); got != "page 1: 第一页的话\npage 2: 第二页 two\n" && !strings.HasPrefix(got, "page 1: 第一页的话\npage 2: 第二页 two\n") {
		t.Errorf("%q", got)
	}
}

func TestUnreadAndBroken(t *testing.T) {
	r := reader(t)
	bomb := docx(t, strings.Repeat(" ", maxInflated+1), nil)
	many := docx(t, "", func() map[string]string {
		m := map[string]string{}
		for i := range maxParts {
			m[fmt.Sprintf("word/p%d.xml", i)] = "<a/>"
		}
		return m
	}())
	var twice bytes.Buffer
	z := zip.NewWriter(&twice)
	for _, name := range []string{"[Content_Types].xml", "word/document.xml", "word/Document.xml"} {
		w, err := z.Create(name)
		must(t, err)
		_, err = w.Write([]byte(`<w:document xmlns:w="w"/>`))
		must(t, err)
	}
	must(t, z.Close())
	for _, c := range []struct {
		name, why string
		file      []byte
	}{
		{"empty", "empty", nil},
		{"bomb", "unpacks to more", bomb},
		{"parts", "too many parts", many},
		{"two of a name", "two parts", twice.Bytes()},
		{"cut png", "cannot be read", coded(t, "x", 300, 10, 100)[:200]},
		{"no pdf", "cannot be read", []byte("%PDF-1.7\nnothing")},
	} {
		_, err := r.Read(t.Context(), c.file)
		var broken *BrokenError
		if !errors.As(err, &broken) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := r.Read(t.Context(), []byte{0, 1, 2, 3}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	for name, file := range map[string][]byte{
		"too deep":                   docx(t, "", map[string]string{"word/embeddings/a.docx": string(docx(t, "", map[string]string{"word/embeddings/a.docx": string(docx(t, "", map[string]string{"word/embeddings/a.docx": "x"}))}))}),
		"an image of a strange kind": docx(t, "", map[string]string{"word/media/a.emf": "\x01\x00\x00\x00\x6c"}),
		"an attached file": written("<</Type/Pages/Kids[]/Count 0>>", "<</Type/Filespec/F(a.bin)/EF<</F 3 0 R>>>>", "<</Type/EmbeddedFile/Length 1>>stream\nx\nendstream",
			"<</Type/Catalog/Pages 1 0 R/Names<</EmbeddedFiles<</Names[(a) 2 0 R]>>>>>>"),
		"many words": bytes.Repeat([]byte("话 "), maxWords/3),
	} {
		if look := read(t, r, file); len(look.Unread) == 0 {
			t.Errorf("%s: nothing is said to be unread: %.200q", name, look.text())
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Read(gone, onePage("BT ET", "")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("text"))
	f.Add(coded(f, "x", 200, 10, 100))
	f.Add(docx(f, "<w:p><w:t>x</w:t></w:p>", nil))
	f.Add(onePage("BT /F 12 Tf 20 100 Td (plain words) Tj ET", ""))
	r := reader(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		look, err := r.Read(t.Context(), b)
		var broken *BrokenError
		if err != nil && !errors.Is(err, ErrUnknown) && !errors.As(err, &broken) {
			t.Fatal(err)
		}
		total := 0
		for _, w := range look.Words {
			total += len(w.Text)
		}
		if total > maxWords {
			t.Fatalf("%d bytes of words", total)
		}
	})
}
