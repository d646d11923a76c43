package gateway

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/film"
	"github.com/hegui/hegui/service"
)

// cinema is an endpoint that makes films as OpenAI's does.
func cinema(t *testing.T, fetched *atomic.Int64) http.HandlerFunc {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.mp4")
	testkit.Tool(t, "ffmpeg", "install ffmpeg")("-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=12:duration=3", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path)
	film, err := os.ReadFile(path)
	must(t, err)
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == "/v1/videos":
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), "no job") {
				_, _ = io.WriteString(w, `{"object":"video"}`)
				return
			}
			_, _ = fmt.Fprint(w, `{"id":"video_1","object":"video","status":"queued","model":"m","progress":0}`)
		case r.URL.Path == "/v1/videos/video_1/content":
			fetched.Add(1)
			w.Header().Set("Content-Type", "video/mp4")
			_, _ = w.Write(film)
		case r.URL.Path == "/v1/videos/video_1":
			_, _ = fmt.Fprintf(w, `{"id":"video_1","object":"video","status":"completed","method":%q}`, r.Method)
		default:
			http.NotFound(w, r)
		}
	}
}

func (h *harness) about(method, path, key string) reply {
	h.t.Helper()
	r, err := http.NewRequest(method, h.url+path, nil)
	must(h.t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(r)
	must(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func TestFilms(t *testing.T) {
	if film.Ready() != nil {
		testkit.Missing(t, "ffmpeg", "install ffmpeg")
	}
	var fetched atomic.Int64
	h := setup(t, cinema(t, &fetched), passing)
	h.gateway.o.Film = true
	r := h.post("/v1/videos", `{"model":"m","prompt":"a lake, call 13812345678","seconds":"4"}`)
	if r.status != 200 || !strings.Contains(r.body, `"id":"video_1"`) {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if rec := h.record(r); rec.Operation != "video" || rec.Label != "none" || rec.Output != "" || rec.Outcome != exchange.Complete {
		t.Errorf("%+v", rec)
	}
	if r := h.sendForm("/v1/videos", map[string]string{"model": "m", "prompt": "forbidden fruit"}, nil); r.status != 400 || r.code() != "content_filter" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.about("GET", "/v1/videos/video_1", h.key); r.status != 200 || !strings.Contains(r.body, "completed") {
		t.Errorf("%d %s", r.status, r.body)
	}
	r = h.about("GET", "/v1/videos/video_1/content", h.key)
	if r.status != 200 || r.header.Get("Content-Type") != "video/mp4" || r.header.Get("X-Hegui-UI") != "player_notice" {
		t.Fatalf("%d %v %.300s", r.status, r.header, r.body)
	}
	id := h.both([]byte(r.body), label.SignMark)
	if rec := h.record(r); rec.Operation != "video_content" || rec.Label != "file" || len(rec.Files) != 1 {
		t.Errorf("%+v", rec)
	}
	again := h.about("GET", "/v1/videos/video_1/content?variant=video", h.key)
	if again.body != r.body || fetched.Load() != 1 || again.header.Get("X-Hegui-Content-Id") != id {
		t.Errorf("the second download: %d, fetched %d times", again.status, fetched.Load())
	}
	if n, err := h.contents.Count(t.Context(), content.Filter{Medium: "video"}); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	_, other, err := h.services.IssueKey(t.Context(), journal.Actor{Kind: "system", ID: "test"}, service.Key{Service: "demo", Application: "other"})
	must(t, err)
	for _, x := range []struct {
		method, path, key string
		status            int
	}{{"GET", "/v1/videos/video_1", other, 404}, {"GET", "/v1/videos/video_1/content", other, 404}, {"GET", "/v1/videos/video_2", h.key, 404}, {"GET", "/v1/videos/video_1/content", "hg-x", 401},
		{"GET", "/v1/videos/video_1/content?variant=thumbnail", h.key, 400}, {"DELETE", "/v1/videos/video_1", h.key, 200}} {
		if r := h.about(x.method, x.path, x.key); r.status != x.status {
			t.Errorf("%s %s: %d %.200s", x.method, x.path, r.status, r.body)
		}
	}
	if r := h.post("/v1/videos", `{"model":"m","prompt":"no job"}`); r.status != 502 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := h.post("/v1/videos", `{"model":"m","prompt":"x","input_reference":{"image_url":"data:"}}`); r.status != 400 || r.code() != "unscreenable_content" {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// What cannot be marked or looked at does not leave.
func TestFilmsThatDoNotLeave(t *testing.T) {
	if film.Ready() != nil {
		testkit.Missing(t, "ffmpeg", "install ffmpeg")
	}
	for name, x := range map[string]struct {
		change func(*service.Service)
		film   bool
		status int
		code   string
	}{
		"nobody looks": {nil, true, 400, "unscreenable_content"},
		"no ffmpeg":    {passing, false, 500, "label_failed"},
	} {
		var fetched atomic.Int64
		h := setup(t, cinema(t, &fetched), x.change)
		h.gateway.o.Film = x.film
		if r := h.post("/v1/videos", `{"model":"m","prompt":"a lake"}`); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.body)
		}
		r := h.about("GET", "/v1/videos/video_1/content", h.key)
		if r.status != x.status || r.code() != x.code {
			t.Errorf("%s: %d %.300s", name, r.status, r.body)
		}
		if rec := h.record(r); rec.Label != "none" || rec.Code == "" {
			t.Errorf("%s: %+v", name, rec)
		}
		if n, err := h.contents.Count(t.Context(), content.Filter{}); err != nil || n != 0 {
			t.Errorf("%s: %d items, %v", name, n, err)
		}
	}
}
