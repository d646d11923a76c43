package gateway

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

// eye is a detector of files that finds what has the bytes of bad in it.
type eye struct {
	media  []string
	bad    []byte
	words  string
	err    error
	rule   moderation.OnError
	looked atomic.Int64
}

func (e *eye) DescribeFiles() moderation.FileDescription {
	return moderation.FileDescription{Name: "eye", Kind: "guard", Media: e.media, OnError: e.rule}
}

func (e *eye) CheckFile(_ context.Context, f moderation.File) (moderation.FileJudgement, error) {
	e.looked.Add(1)
	j := moderation.FileJudgement{Judgement: moderation.Judgement{Outcome: moderation.Clear}, Words: e.words}
	if e.bad != nil && bytes.Contains(f.Bytes, e.bad) {
		j.Outcome, j.Findings = moderation.Found, []moderation.Detection{{Category: "A1f", Tier: moderation.Block, Severity: 5, Score: 1}}
	}
	return j, e.err
}

func dataURL(kind string, b []byte) string {
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(b)
}

func withFile(text string, part any) string {
	b, _ := json.Marshal(map[string]any{"model": "m", "messages": []any{map[string]any{"role": "user", "content": []any{map[string]string{"type": "text", "text": text}, part}}}})
	return string(b)
}

func imagePart(address string) any {
	return map[string]any{"type": "image_url", "image_url": map[string]string{"url": address}}
}

func filePart(name string, b []byte) any {
	return map[string]any{"type": "file", "file": map[string]string{"filename": name, "file_data": dataURL("application/octet-stream", b)}}
}

func qrPicture(t testing.TB, text string) []byte {
	t.Helper()
	m, err := qrcode.NewQRCodeWriter().Encode(text, gozxing.BarcodeFormat_QR_CODE, 300, 300, nil)
	must(t, err)
	img := image.NewNRGBA(image.Rect(0, 0, 500, 400))
	draw.Draw(img, img.Bounds(), image.NewUniform(color.NRGBA{200, 210, 230, 255}), image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(60, 40, 360, 340), m, image.Point{}, draw.Src)
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return b.Bytes()
}

func wordFile(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`},
		{"word/document.xml", `<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:t>` + text + `</w:t></w:p></w:body></w:document>`}} {
		w, err := z.Create(part[0])
		must(t, err)
		_, err = io.WriteString(w, part[1])
		must(t, err)
	}
	must(t, z.Close())
	return b.Bytes()
}

func TestFilesThatComeIn(t *testing.T) {
	pic := drawn(t, 3)
	bad := append(bytes.Clone(pic), "BAD"...) // a picture with something behind its end is still one
	for _, x := range []struct {
		name   string
		part   any
		eye    *eye
		change func(*service.Service)
		status int
		code   string
		sees   []string // what the model gets
		not    []string
	}{
		{"nothing looks", imagePart(dataURL("image/png", pic)), nil, nil, 400, "unscreenable_content", nil, nil},
		{"nothing looks and may", imagePart(dataURL("image/png", pic)), nil, passing, 200, "", []string{base64.StdEncoding.EncodeToString(pic)}, nil},
		{"looked at", imagePart(dataURL("image/png", pic)), &eye{media: []string{"image"}}, nil, 200, "", nil, nil},
		{"found", imagePart(dataURL("image/png", bad)), &eye{media: []string{"image"}, bad: []byte("BAD")}, nil, 200, "content_filter", nil, nil},
		{"held", imagePart(dataURL("image/png", pic)), &eye{media: []string{"image"}, err: errors.New("down")}, nil, 503, "guard_unavailable", nil, nil},
		{"degraded", imagePart(dataURL("image/png", pic)), &eye{media: []string{"image"}, err: errors.New("down"), rule: moderation.Degrade}, nil, 200, "", nil, nil},
		{"a QR code", imagePart(dataURL("image/png", qrPicture(t, "eat forbidden fruit"))), &eye{media: []string{"image"}}, nil, 200, "content_filter", nil, nil},
		{"words in a document", filePart("a.docx", wordFile(t, "eat forbidden fruit")), nil, nil, 200, "content_filter", nil, nil},
		{"harmless words", filePart("a.docx", wordFile(t, "eat an apple")), nil, nil, 200, "", nil, nil},
		{"a file's name", filePart("forbidden fruit.docx", wordFile(t, "eat an apple")), nil, nil, 200, "content_filter", nil, nil},
		{"a broken document", filePart("a.docx", wordFile(t, "x")[:300]), nil, nil, 400, "unscreenable_content", nil, nil},
		{"something else", filePart("a.exe", []byte{0, 1, 2}), nil, passing, 400, "unscreenable_content", nil, nil},
		{"a document as an image", imagePart(dataURL("image/png", wordFile(t, "x"))), nil, passing, 400, "unscreenable_content", nil, nil},
		{"sound", map[string]any{"type": "input_audio", "input_audio": map[string]string{"data": base64.StdEncoding.EncodeToString(spoken(t)), "format": "wav"}}, nil, nil, 400, "unscreenable_content", nil, nil},
		{"sound with words", map[string]any{"type": "input_audio", "input_audio": map[string]string{"data": base64.StdEncoding.EncodeToString(spoken(t)), "format": "wav"}},
			&eye{media: []string{"audio"}, words: "eat forbidden fruit"}, nil, 200, "content_filter", nil, nil},
		{"a file id", map[string]any{"type": "file", "file": map[string]string{"file_id": "file-1"}}, nil, passing, 400, "unscreenable_content", nil, nil},
		{"not Base64", imagePart("data:image/png;base64,!!"), nil, passing, 400, "invalid_request", nil, nil},
		{"no address", imagePart("ftp://x"), nil, passing, 400, "invalid_request", nil, nil},
		{"a private address", imagePart("http://127.0.0.1:1/x.png"), nil, passing, 400, "invalid_request", nil, nil},
		{"no file", map[string]any{"type": "image_url"}, nil, passing, 400, "invalid_request", nil, nil},
		{"a file without its type", map[string]any{"type": "text", "text": "x", "image_url": map[string]string{"url": dataURL("image/png", pic)}}, nil, nil, 400, "unscreenable_content", nil, nil},
		{"another member", map[string]any{"type": "image", "image": "x"}, nil, passing, 400, "unscreenable_content", nil, nil},
		{"observed", imagePart(dataURL("image/png", pic)), nil, func(s *service.Service) { s.Modes.ModerateIn.Act = "observe" }, 200, "", nil, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			h := setup(t, says("An answer."), x.change)
			if x.eye != nil {
				h.gateway.o.Files = []moderation.FileDetector{x.eye}
			}
			r := h.post("/v1/chat/completions", withFile("what is this?", x.part))
			got := r.code()
			if r.status == 200 && strings.Contains(r.body, `"finish_reason":"content_filter"`) {
				got = "content_filter"
			}
			if r.status != x.status || got != x.code {
				t.Fatalf("%d %s %.400s", r.status, got, r.body)
			}
			if asked := len(h.seen) > 0; asked != (x.status == 200 && x.code == "") {
				t.Errorf("the model was asked: %t", asked)
			}
			rec := h.record(r)
			if x.code != "invalid_request" && x.name != "a file id" && x.name != "another member" && x.name != "a broken document" && (len(rec.Files) != 1 || rec.Files[0].Where != "in" || !strings.HasPrefix(rec.Files[0].Commitment, "hmac")) && len(rec.Files) != 1 {
				t.Errorf("%+v", rec.Files)
			}
			if x.name == "nothing looks and may" && rec.Files[0].Unchecked == "" || x.name == "looked at" && (rec.Files[0].Unchecked != "" || len(rec.Files[0].Detectors) != 1) {
				t.Errorf("%+v", rec.Files)
			}
			if len(x.sees) > 0 {
				sent := string(<-h.seen)
				for _, s := range x.sees {
					if !strings.Contains(sent, s) {
						t.Errorf("the model got %.300s", sent)
					}
				}
			}
			if raw, err := json.Marshal(rec); err != nil || bytes.Contains(raw, []byte("forbidden")) || len(raw) > 20_000 {
				t.Errorf("content in the record: %.300s %v", raw, err)
			}
		})
	}
}

// A file by its address is fetched once, and the model gets the bytes that were judged.
func TestFilesByAddress(t *testing.T) {
	pic := drawn(t, 5)
	var fetched atomic.Int64
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fetched.Add(1) == 1 {
			_, _ = w.Write(pic)
			return
		}
		_, _ = w.Write(qrPicture(t, "another one"))
	}))
	t.Cleanup(files.Close)
	h := setup(t, says("An answer."), nil)
	e := &eye{media: []string{"image"}}
	h.gateway.o.Files = []moderation.FileDetector{e}
	h.gateway.fetch = func(ctx context.Context, address string) ([]byte, error) {
		resp, err := http.Get(strings.Replace(address, "https://pictures.example.com", files.URL, 1))
		if err != nil {
			return nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		return io.ReadAll(resp.Body)
	}
	r := h.post("/v1/chat/completions", withFile("what is this?", imagePart("https://pictures.example.com/a.png")))
	sent := string(<-h.seen)
	if r.status != 200 || fetched.Load() != 1 || !strings.Contains(sent, dataURL("image/png", pic)) || strings.Contains(sent, "pictures.example.com") {
		t.Errorf("%d, fetched %d times: %.300s", r.status, fetched.Load(), sent)
	}
}

// A conversation goes on after a file in it was refused, and what was judged is not judged again.
func TestFilesInHistory(t *testing.T) {
	pic := drawn(t, 7)
	bad := append(bytes.Clone(pic), "BAD"...)
	h := setup(t, says("An answer."), nil)
	e := &eye{media: []string{"image"}, bad: []byte("BAD")}
	h.gateway.o.Files = []moderation.FileDetector{e}
	turns := func(first any, later ...string) string {
		messages := []any{map[string]any{"role": "user", "content": []any{map[string]string{"type": "text", "text": "what is this?"}, first}}}
		for i, text := range later {
			messages = append(messages, map[string]any{"role": "assistant", "content": fmt.Sprintf("Answer %d.", i)}, map[string]any{"role": "user", "content": text})
		}
		b, _ := json.Marshal(map[string]any{"model": "m", "messages": messages})
		return string(b)
	}
	if r := h.post("/v1/chat/completions", turns(imagePart(dataURL("image/png", bad)))); !strings.Contains(r.body, "content_filter") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	r := h.post("/v1/chat/completions", turns(imagePart(dataURL("image/png", bad)), "and what is a lake?"))
	if r.status != 200 || strings.Contains(r.body, "content_filter") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	sent := string(<-h.seen)
	if !json.Valid([]byte(sent)) || strings.Contains(sent, base64.StdEncoding.EncodeToString(bad)[:400]) || !strings.Contains(sent, "and what is a lake?") {
		t.Errorf("the model got %.600s", sent)
	}
	if rec := h.record(r); rec.Healed != 1 {
		t.Errorf("%+v", rec)
	}
	// the same words about another picture are another turn
	before := e.looked.Load()
	for i := range 3 {
		if r := h.post("/v1/chat/completions", turns(imagePart(dataURL("image/png", pic)), "and what is a lake?", "go on")); r.status != 200 || strings.Contains(r.body, "content_filter") {
			t.Fatalf("%d: %d %s", i, r.status, r.body)
		}
		if sent := string(<-h.seen); !strings.Contains(sent, base64.StdEncoding.EncodeToString(pic)[:400]) {
			t.Errorf("the model got %.600s", sent)
		}
	}
	if n := e.looked.Load() - before; n != 1 {
		t.Errorf("looked at %d times", n)
	}
}

// Files that are uploaded, and files that models make, are looked at too; the label that a file comes with is recorded.
func TestFilesOfForms(t *testing.T) {
	pic := drawn(t, 9)
	bad := append(bytes.Clone(pic), "BAD"...)
	answer := base64.StdEncoding.EncodeToString(pic)
	h := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"created":1,"data":[{"b64_json":%q}]}`, answer)
	}, nil)
	h.gateway.o.Files = []moderation.FileDetector{&eye{media: []string{"image"}, bad: []byte("BAD")}}
	edit := label.Produced("001191110000EXAMPLE00F00000", "somewhere-else-1")
	e, err := label.Write(carrier.Bytes(pic), edit, label.SourceGenerated)
	must(t, err)
	var labelled bytes.Buffer
	_, err = e.WriteTo(&labelled)
	must(t, err)
	r := h.sendForm("/v1/images/edits", map[string]string{"model": "m", "prompt": "x"}, map[string][]byte{"image": labelled.Bytes()})
	if r.status != 200 {
		t.Fatalf("%d %.300s", r.status, r.body)
	}
	rec := h.record(r)
	if len(rec.Files) != 2 || rec.Files[0].Where != "in" || rec.Files[0].Label == "" || rec.Files[0].ProducedBy != "001191110000EXAMPLE00F00000" || rec.Files[1].Where != "out" || len(rec.Files[1].Detectors) != 1 {
		t.Errorf("%+v", rec.Files)
	}
	if r := h.sendForm("/v1/images/edits", map[string]string{"model": "m", "prompt": "x"}, map[string][]byte{"image": bad}); r.status != 400 || r.code() != "content_filter" {
		t.Errorf("%d %.300s", r.status, r.body)
	}
	for _, answer = range []string{base64.StdEncoding.EncodeToString(bad), base64.StdEncoding.EncodeToString(qrPicture(t, "forbidden fruit"))} {
		if r := h.post("/v1/images/generations", `{"model":"m","prompt":"a lake"}`); r.status != 400 || r.code() != "content_filter" {
			t.Errorf("%d %.300s", r.status, r.body)
		}
	}
	h.gateway.o.Blocked = func(b []byte) (string, string, bool) { return "f1", "A1f", bytes.Equal(b, pic) }
	r = h.sendForm("/v1/images/edits", map[string]string{"model": "m", "prompt": "x"}, map[string][]byte{"image": pic})
	if rec := h.record(r); r.status != 400 || r.code() != "content_filter" || rec.Findings[0].Detector != "filelist" || rec.Findings[0].Entry != "f1" {
		t.Errorf("%d %.300s", r.status, r.body)
	}
	h.gateway.o.Files = []moderation.FileDetector{&eye{media: []string{"image"}, err: errors.New("down")}}
	h.gateway.o.Blocked = nil
	if r := h.post("/v1/images/generations", `{"model":"m","prompt":"a lake"}`); r.status != 503 || r.code() != "guard_unavailable" {
		t.Errorf("%d %.300s", r.status, r.body)
	}
}

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{"93.184.216.34": true, "2606:2800:220:1::1": true, "100.100.100.200": false, "169.254.169.254": false, "10.0.0.1": false, "127.0.0.1": false,
		"0.1.2.3": false, "198.18.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "::1": false, "fd00::1": false, "::127.0.0.1": false, "224.0.0.1": false} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}
