package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/film"
	"github.com/hegui/hegui/service"
)

func drawn(t testing.TB, seed int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 512, 384))
	for y := range 384 {
		for x := range 512 {
			img.SetNRGBA(x, y, color.NRGBA{uint8(x/2 + seed), uint8(y/2 + 3*seed), uint8((x*y)/700 + seed), 255})
		}
	}
	var b bytes.Buffer
	must(t, png.Encode(&b, img))
	return b.Bytes()
}

func spoken(t testing.TB) []byte {
	t.Helper()
	const rate, n = 16000, 32000
	var b bytes.Buffer
	b.WriteString("RIFF")
	for _, v := range []any{uint32(36 + 2*n), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1), uint32(rate), uint32(2 * rate), uint16(2), uint16(16), []byte("data"), uint32(2 * n)} {
		must(t, binary.Write(&b, binary.LittleEndian, v))
	}
	for i := range n {
		must(t, binary.Write(&b, binary.LittleEndian, int16(math.Sin(float64(i)*0.05)*math.Sin(float64(i)*0.0007)*9000)))
	}
	return b.Bytes()
}

func passing(s *service.Service) { s.Media.Unchecked = "pass" }

// both tells what a file carries, and asserts that the ledger knows it.
func (h *harness) both(file []byte, sign label.Sign) string {
	h.t.Helper()
	r := label.Verify(carrier.Bytes(file))
	if r.Verdict != label.Compliant {
		h.t.Fatalf("%+v", r)
	}
	if seen := label.LookExplicit(h.t.Context(), carrier.Bytes(file)); seen.Sign != sign {
		h.t.Errorf("explicit: %+v, want %s", seen, sign)
	}
	id := r.Labels[0].Value.ProduceID
	item, err := h.contents.ByID(h.t.Context(), id)
	if err != nil || item.Hash != hashOf(file) || item.Explicit != string(sign) || item.Exchange == "" {
		h.t.Errorf("ledger: %+v %v", item, err)
	}
	answer, err := h.contents.Look(h.t.Context(), content.Question{File: carrier.Bytes(file), Provider: h.services.Provider().Code})
	if err != nil || answer.Outcome != content.MadeHere {
		h.t.Errorf("look: %+v %v", answer, err)
	}
	return id
}

func TestImagesAreLabelled(t *testing.T) {
	one, two := drawn(t, 0), drawn(t, 40)
	h := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/files/two.png" {
			_, _ = w.Write(two)
			return
		}
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "by address") {
			_, _ = fmt.Fprintf(w, `{"created":1,"data":[{"url":"http://%s/files/two.png","revised_prompt":"a picture"}]}`, r.Host)
			return
		}
		_, _ = fmt.Fprintf(w, `{"created":1,"x_new":7,"data":[{"b64_json":%q},{"b64_json":%q}],"usage":{"total_tokens":9}}`, base64.StdEncoding.EncodeToString(one), base64.StdEncoding.EncodeToString(two))
	}, passing)
	type answer struct {
		Data []struct {
			B64 []byte `json:"b64_json"`
			URL string
			H   struct {
				ID string `json:"content_id"`
			} `json:"hegui"`
		}
		New int `json:"x_new"`
		H   struct {
			Label struct{ Explicit string }
		} `json:"hegui"`
	}
	read := func(r reply) (a answer) {
		t.Helper()
		if r.status != 200 {
			t.Fatalf("%d %.300s", r.status, r.body)
		}
		must(t, json.Unmarshal([]byte(r.body), &a))
		return a
	}
	r := h.post("/v1/images/generations", `{"model":"m","prompt":"a quiet lake, call 13812345678","n":2,"response_format":"b64_json"}`)
	if sent := string(<-h.seen); !strings.Contains(sent, "138****5678") || !strings.Contains(sent, `"real-name"`) || !strings.Contains(sent, `"response_format":"b64_json"`) {
		t.Errorf("upstream got %s", sent)
	}
	a := read(r)
	if len(a.Data) != 2 || a.New != 7 || a.H.Label.Explicit != "file" {
		t.Fatalf("%+v", a.H)
	}
	ids := map[string]bool{}
	for _, d := range a.Data {
		if id := h.both(d.B64, label.SignMark); id != d.H.ID {
			t.Errorf("the label says %s, the answer %s", id, d.H.ID)
		}
		ids[d.H.ID] = true
	}
	if rec := h.record(r); len(ids) != 2 || rec.Label != "file" || rec.Verdict != exchange.Mask || rec.Output == "" || len(rec.Usage) < 5 {
		t.Errorf("%v %+v", ids, rec)
	}

	// An address in, our address out: the bytes are fetched once, labelled, and served for a while.
	a = read(h.post("/v1/images/generations", `{"model":"m","prompt":"a lake by address"}`))
	if len(a.Data) != 1 || !strings.Contains(a.Data[0].URL, contentPath) {
		t.Fatalf("%+v", a)
	}
	get := func(url string) (int, []byte) {
		t.Helper()
		resp, err := http.Get(url) //nolint:noctx // a test
		must(t, err)
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		must(t, err)
		return resp.StatusCode, b
	}
	status, file := get(a.Data[0].URL)
	if status != 200 {
		t.Fatalf("%d %s", status, file)
	}
	id := h.both(file, label.SignMark)
	if d, err := h.contents.Deliveries(t.Context(), id); err != nil || len(d) != 2 {
		t.Errorf("deliveries %+v %v", d, err)
	}
	if status, _ := get(a.Data[0].URL[:len(a.Data[0].URL)-1] + "x"); status != 404 {
		t.Errorf("another ticket: %d", status)
	}
}

func TestSpeechIsLabelled(t *testing.T) {
	wav := spoken(t)
	answer := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/wav")
		_, _ = w.Write(wav)
	}
	h := setup(t, answer, nil)
	r := h.post("/v1/audio/speech", `{"model":"m","input":"你好","voice":"alloy","response_format":"wav"}`)
	if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "audio/") {
		t.Fatalf("%d %.200s", r.status, r.body)
	}
	h.both([]byte(r.body), label.SignRhythm)
	if rec := h.record(r); rec.Label != "file" || rec.Operation != "speech" {
		t.Errorf("%+v", rec)
	}
	for body, param := range map[string]string{`"response_format":"pcm"`: "response_format", `"voice":"x"`: "response_format", `"response_format":"wav","stream_format":"sse"`: "stream_format"} {
		if r := h.post("/v1/audio/speech", `{"model":"m","input":"你好",`+body+`}`); r.status != 400 || !strings.Contains(r.body, `"param":"`+param+`"`) {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	if r := h.post("/v1/audio/speech", `{"model":"m","input":"forbidden fruit","response_format":"wav"}`); r.status != 400 || r.code() != "content_filter" {
		t.Errorf("%d %s", r.status, r.body)
	}

	// Where the interface tells, the file carries the label in its metadata alone.
	h = setup(t, answer, func(s *service.Service) { s.Label = label.UI })
	r = h.post("/v1/audio/speech", `{"model":"m","input":"你好"}`)
	if v := label.Verify(carrier.Bytes([]byte(r.body))); r.status != 200 || v.Verdict != label.Compliant || r.header.Get("X-Hegui-UI") != "ai_notice" {
		t.Errorf("%d %v %+v", r.status, r.header, v)
	}
	if rec := h.record(r); rec.Label != "ui" {
		t.Errorf("%+v", rec)
	}
}

// What cannot be labelled, looked at or read does not leave, and the ledger has nothing of it.
func TestFilesThatDoNotLeave(t *testing.T) {
	image64 := base64.StdEncoding.EncodeToString(drawn(t, 0))
	var tiny bytes.Buffer
	must(t, png.Encode(&tiny, image.NewNRGBA(image.Rect(0, 0, 3, 3))))
	for name, x := range map[string]struct {
		answer string
		change func(*service.Service)
		status int
		code   string
	}{
		"not looked at":          {`{"data":[{"b64_json":"` + image64 + `"}]}`, nil, 400, "unscreenable_content"},
		"too small for words":    {`{"data":[{"b64_json":"` + base64.StdEncoding.EncodeToString(tiny.Bytes()) + `"}]}`, passing, 500, "label_failed"},
		"no image":               {`{"data":[{"b64_json":"aGVsbG8="}]}`, passing, 502, "upstream_error"},
		"not Base64":             {`{"data":[{"b64_json":"!!"}]}`, passing, 502, "upstream_error"},
		"cut short":              {`{"data":[{"b64_json":"` + image64[:len(image64)/2/4*4] + `"}]}`, passing, 502, "upstream_error"},
		"nothing":                {`{"data":[]}`, passing, 502, "upstream_error"},
		"no data":                {`{"created":1}`, passing, 502, "upstream_error"},
		"two of one field":       {`{"data":[{"b64_json":"` + image64 + `","b64_json":"` + image64 + `"}]}`, passing, 502, "upstream_error"},
		"a file address":         {`{"data":[{"url":"file:///etc/passwd"}]}`, passing, 502, "upstream_error"},
		"a private address":      {`{"data":[{"url":"http://127.0.0.1:1/x.png"}]}`, passing, 502, "upstream_error"},
		"words against the rule": {`{"data":[{"b64_json":"` + image64 + `","revised_prompt":"forbidden fruit"}]}`, passing, 400, "content_filter"},
	} {
		h := setup(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, x.answer) }, x.change)
		r := h.post("/v1/images/generations", `{"model":"m","prompt":"a lake"}`)
		if r.status != x.status || r.code() != x.code || strings.Contains(r.body, image64[:200]) {
			t.Errorf("%s: %d %.300s", name, r.status, r.body)
		}
		if n, err := h.contents.Count(t.Context(), content.Filter{}); err != nil || n != 0 {
			t.Errorf("%s: %d items, %v", name, n, err)
		}
		if rec := h.record(r); rec.Label != "none" || rec.Code == "" {
			t.Errorf("%s: %+v", name, rec)
		}
	}
	h := setup(t, says("x"), passing)
	if r := h.post("/v1/images/generations", `{"model":"m","prompt":"forbidden fruit"}`); r.status != 400 || r.code() != "content_filter" || len(h.seen) != 0 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// sendForm posts a form; files by name.
func (h *harness) sendForm(path string, fields map[string]string, files map[string][]byte, headers ...string) reply {
	h.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		must(h.t, w.WriteField(k, v))
	}
	for k, v := range files {
		p, err := w.CreateFormFile(k, "file \"of\" alice.png")
		must(h.t, err)
		_, err = p.Write(v)
		must(h.t, err)
	}
	must(h.t, w.Close())
	return h.post(path, b.String(), append(headers, "Content-Type", w.FormDataContentType())...)
}

func TestForms(t *testing.T) {
	pic := drawn(t, 0)
	var got *http.Request
	var form map[string][]string
	var file []byte
	answer := func(w http.ResponseWriter, r *http.Request) {
		got = r
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		form = r.MultipartForm.Value
		for _, f := range r.MultipartForm.File {
			in, _ := f[0].Open()
			file, _ = io.ReadAll(in)
		}
		if strings.HasSuffix(r.URL.Path, "transcriptions") {
			if r.FormValue("response_format") == "srt" {
				_, _ = io.WriteString(w, "1\n00:00 --> 00:02\ncall 13812345678\n")
				return
			}
			_, _ = io.WriteString(w, `{"text":"he said `+r.FormValue("prompt")+`","segments":[{"text":"call 13812345678"}]}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":[{"b64_json":%q}]}`, base64.StdEncoding.EncodeToString(pic))
	}
	h := setup(t, answer, passing)
	r := h.sendForm("/v1/images/edits", map[string]string{"model": "m", "prompt": "add a boat, call 13812345678", "n": "1"}, map[string][]byte{"image[]": pic})
	if r.status != 200 || got == nil || form["model"][0] != "real-name" || form["prompt"][0] != "add a boat, call 138****5678" || !bytes.Equal(file, pic) {
		t.Fatalf("%d %.300s: %v", r.status, r.body, form)
	}
	if r := h.sendForm("/v1/images/variations", map[string]string{"model": "m"}, map[string][]byte{"image": pic}); r.status != 200 {
		t.Errorf("%d %.300s", r.status, r.body)
	}
	if r := h.sendForm("/v1/images/edits", map[string]string{"model": "m", "prompt": "forbidden fruit"}, map[string][]byte{"image": pic}); r.code() != "content_filter" {
		t.Errorf("%d %.300s", r.status, r.body)
	}
	for name, x := range map[string]struct {
		file []byte
		code string
	}{"nothing": {nil, "invalid_request"}, "no image": {[]byte("hello, this is no image"), "invalid_request"}, "sound": {spoken(t), "invalid_request"}} {
		if r := h.sendForm("/v1/images/edits", map[string]string{"model": "m", "prompt": "x"}, map[string][]byte{"image": x.file}); r.status != 400 || r.code() != x.code {
			t.Errorf("%s: %d %.300s", name, r.status, r.body)
		}
	}
	if r := h.post("/v1/images/edits", `{"model":"m","prompt":"x"}`); r.status != 400 || !strings.Contains(r.body, "multipart/form-data") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.post("/v1/images/edits", "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm", "Content-Type", "multipart/form-data; boundary=b"); r.status != 400 {
		t.Errorf("half a form: %d %s", r.status, r.body)
	}

	wav := spoken(t)
	r = h.sendForm("/v1/audio/transcriptions", map[string]string{"model": "m", "prompt": "hello"}, map[string][]byte{"file": wav})
	if r.status != 200 || r.body != `{"text":"he said hello","segments":[{"text":"call 138****5678"}]}` {
		t.Errorf("%d %s", r.status, r.body)
	}
	if rec := h.record(r); rec.Label != "none" || rec.Operation != "transcription" || rec.Verdict != exchange.Mask {
		t.Errorf("%+v", rec)
	}
	if r := h.sendForm("/v1/audio/transcriptions", map[string]string{"model": "m", "response_format": "srt"}, map[string][]byte{"file": wav}); r.status != 200 || !strings.Contains(r.body, "\ncall 138****5678\n") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.sendForm("/v1/audio/transcriptions", map[string]string{"model": "m", "prompt": "so "}, map[string][]byte{"file": []byte("no recording")}); r.status != 400 {
		t.Errorf("%d %s", r.status, r.body)
	}
	h = setup(t, answer, nil)
	if r := h.sendForm("/v1/images/edits", map[string]string{"model": "m", "prompt": "x"}, map[string][]byte{"image": pic}); r.status != 400 || r.code() != "unscreenable_content" || len(h.seen) != 0 {
		t.Errorf("%d %.300s", r.status, r.body)
	}
}

// What a chat said is found again by its words.
func TestTextsAreInTheLedger(t *testing.T) {
	words := "散步有益健康，每天半小时，空气新鲜的地方最好，心情也会舒畅起来。"
	h := setup(t, says(words), nil)
	r := h.chat("说说散步", true)
	id := h.record(r).ContentID
	a, err := h.contents.Look(t.Context(), content.Question{Text: words})
	if err != nil || a.Outcome != content.MadeHere || len(a.Traces) != 1 || a.Traces[0].Item.ID != id {
		t.Errorf("%+v %v", a, err)
	}
	if a, err := h.contents.Look(t.Context(), content.Question{Text: "别的话，" + words}); err != nil || a.Outcome == content.MadeHere {
		t.Errorf("%+v %v", a, err)
	}
}

// With ffmpeg beside it the gateway marks compressed sound, which the SDKs ask for when nobody says otherwise.
func TestCompressedSpeech(t *testing.T) {
	if film.Ready() != nil {
		testkit.Missing(t, "ffmpeg", "install ffmpeg")
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "a.wav"), spoken(t), 0o600))
	for _, format := range []string{"mp3", "opus", "aac", "flac"} {
		path := filepath.Join(dir, "a."+format)
		testkit.Tool(t, "ffmpeg", "install ffmpeg")("-v", "error", "-i", filepath.Join(dir, "a.wav"), path)
		said, err := os.ReadFile(path)
		must(t, err)
		h := setup(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(said) }, nil)
		body := `{"model":"m","input":"hello","voice":"x","response_format":"` + format + `"}`
		if r := h.post("/v1/audio/speech", body); r.status != 400 || r.code() != "label_failed" || len(h.seen) != 0 {
			t.Errorf("%s without ffmpeg: %d %.200s", format, r.status, r.body)
		}
		h.gateway.o.Film = true
		r := h.post("/v1/audio/speech", body)
		if r.status != 200 {
			t.Fatalf("%s: %d %.300s", format, r.status, r.body)
		}
		h.both([]byte(r.body), label.SignRhythm)
	}
}
