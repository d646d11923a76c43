package files

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/moderation"
)

func TestAsk(t *testing.T) {
	var answer, seen string
	status := 200
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		seen = r.URL.Path + " " + r.Header.Get("Authorization") + " " + string(b)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(srv.Close)
	said := func(text string) string {
		b, _ := json.Marshal(text)
		return fmt.Sprintf(`{"choices":[{"message":{"content":%s},"finish_reason":"stop"}]}`, b)
	}
	picture := moderation.File{Medium: "image", MIME: "image/png", Bytes: []byte("PNG")}
	sound := moderation.File{Medium: "audio", MIME: "audio/mpeg", Bytes: []byte("MP3")}
	for _, c := range []struct {
		name   string
		s      Settings
		f      moderation.File
		answer string
		status int
		want   moderation.Outcome
		finds  string // risks, or words
		sent   []string
	}{
		{"clear", Settings{How: Moderations}, picture, `{"results":[{"flagged":false,"categories":{"sexual":false},"category_applied_input_types":{"sexual":["image"]}}]}`, 200, moderation.Clear, "",
			[]string{"/v1/moderations Bearer k", `"data:image/png;base64,UE5H"`}},
		{"found", Settings{How: Moderations}, picture, `{"results":[{"flagged":true,"categories":{"sexual":true},"category_scores":{"sexual":0.9}}]}`, 200, moderation.Found, "A1f", nil},
		{"flagged without a name", Settings{How: Moderations}, picture, `{"results":[{"flagged":true}]}`, 200, moderation.Found, "A1h", nil},
		{"a model that sees no images", Settings{How: Moderations}, picture, `{"results":[{"flagged":false,"category_applied_input_types":{"sexual":["text"]}}]}`, 200, moderation.Unavailable, "", nil},
		{"another shape", Settings{How: Moderations}, picture, `{"results":[]}`, 200, moderation.Unavailable, "", nil},
		{"down", Settings{How: Moderations}, picture, `{}`, 503, moderation.Unavailable, "", nil},
		{"guard found", Settings{How: Guard, Profile: "llama-guard-4"}, picture, said("\n\nunsafe\nS9"), 200, moderation.Found, "A1d", []string{"/v1/chat/completions Bearer k", `{"image_url":{"url":"data:image/png;base64,UE5H"},"type":"image_url"}`}},
		{"guard clear", Settings{How: Guard, Profile: "llama-guard-4"}, picture, said("\n\nsafe"), 200, moderation.Clear, "", nil},
		{"guard says something", Settings{How: Guard, Profile: "llama-guard-4"}, picture, said("I cannot see images."), 200, moderation.Unavailable, "", nil},
		{"words", Settings{How: Transcribe}, sound, `{"text":"说的话"}`, 200, moderation.Clear, "说的话", []string{"/v1/audio/transcriptions Bearer k", `filename=recording.mp3`}},
		{"silence", Settings{How: Transcribe}, sound, `{"text":""}`, 200, moderation.Clear, "", nil},
		{"no words", Settings{How: Transcribe}, sound, `{"error":"x"}`, 200, moderation.Unavailable, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.s.Name, c.s.URL, c.s.Model, c.s.Key = "eyes", srv.URL+"/v1", "m", "k"
			answer, status = c.answer, c.status
			d, err := New(c.s)
			if err != nil {
				t.Fatal(err)
			}
			j := moderation.ConsultFile(t.Context(), d, c.f)
			if j.Outcome != c.want || (j.Outcome == moderation.Unavailable) != (j.Reason != "") {
				t.Fatalf("%+v", j)
			}
			got := j.Words
			for _, f := range j.Findings {
				got += f.Category
			}
			if got != c.finds {
				t.Errorf("%q, want %q", got, c.finds)
			}
			for _, s := range c.sent {
				if !strings.Contains(strings.ReplaceAll(seen, `filename="recording.mp3"`, "filename=recording.mp3"), s) {
					t.Errorf("sent %s\nnot %s", seen, s)
				}
			}
		})
	}
	slow, err := New(Settings{Name: "slow", How: Transcribe, URL: "http://192.0.2.1/v1", Model: "m", Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if j := moderation.ConsultFile(t.Context(), slow, sound); j.Outcome != moderation.Unavailable {
		t.Errorf("%+v", j)
	}
}

func TestSettings(t *testing.T) {
	good := Settings{Name: "eyes", How: Moderations, URL: "http://127.0.0.1/v1", Model: "m"}
	for want, change := range map[string]func(*Settings){
		"how":     func(s *Settings) { s.How = "look" },
		"media":   func(s *Settings) { s.Media = []string{"audio"} },
		"url":     func(s *Settings) { s.URL = "here" },
		"model":   func(s *Settings) { s.Model = "" },
		"tier":    func(s *Settings) { s.Tier = "kill" },
		"profile": func(s *Settings) { s.Profile = "llama-guard-4" },
		"name":    func(s *Settings) { s.Name = "A B" },
		"policy":  func(s *Settings) { s.How, s.Profile, s.Policy = Guard, "llama-guard-4", "x" },
	} {
		s := good
		change(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
