package main

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/review"
)

// TestSampleReviews: enough different texts on both sides, of risks that exist.
func TestSampleReviews(t *testing.T) {
	sides, seen := map[bool]int{}, map[string]bool{}
	for _, s := range readSampleReviews() {
		if text := moderation.Essence(s.text); seen[text] || text == "" || s.label != "" && s.label != "A1h" {
			t.Errorf("%q %q: there twice, or of no risk", s.label, s.text)
		} else {
			seen[text] = true
			sides[s.label == ""]++
		}
	}
	if sides[true] < review.MinSide*5/4 || sides[false] < review.MinSide*5/4 { // some reviews of the user's own may go against them
		t.Errorf("%v", sides)
	}
}

// TestDemoTrainsAClassifier: in the demonstration as it starts, two persons bring a classifier from nothing into force, and the
// gateway's next exchange is found by it.
func TestDemoTrainsAClassifier(t *testing.T) {
	sv, f := inProcess(t, nil)
	person := func(link string) func(path, want string, fields ...string) {
		t.Helper()
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		client := &http.Client{Jar: jar, Timeout: time.Minute}
		at, err := url.Parse(link)
		if err != nil || at.Query().Get("t") == "" {
			t.Fatalf("link %q: %v", link, err)
		}
		post := func(path, want string, fields ...string) {
			t.Helper()
			form := url.Values{}
			for i := 0; i+1 < len(fields); i += 2 {
				form.Set(fields[i], fields[i+1])
			}
			resp, err := client.PostForm(f.Console+path+"?lang=zh", form)
			if err != nil {
				t.Fatal(err)
			}
			if body := read(t, resp); resp.StatusCode != 200 || !strings.Contains(body, want) {
				t.Fatalf("%s: %d, want %q\n%s", path, resp.StatusCode, want, body)
			}
		}
		post("/link", "", "t", at.Query().Get("t"))
		return post
	}
	owner, second := person(f.ConsoleLogin), person(f.SecondLogin)
	owner("/classifier/material", "份示例样本")
	list := readSampleReviews()
	m, err := sv.in.reviews.Material(t.Context(), time.Time{})
	if err != nil || m.Samples != len(list) || !m.Enough() || m.Barred != 0 {
		t.Fatalf("%+v %v", m, err)
	}
	owner("/classifier/train", "开始训练")
	var c review.Classifier
	for end := time.Now().Add(patience); time.Now().Before(end) && (c.State == "" || c.State == review.Training); time.Sleep(50 * time.Millisecond) {
		if c, err = sv.in.reviews.Classifier(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if c.State != review.Trained || c.Figures == nil || c.Figures.Bank.Rate() > 0.05 || len(c.Figures.Labels) != 1 || c.Figures.Labels[0].Found.Rate() < 0.5 {
		t.Fatalf("%+v %+v", c, c.Figures)
	}
	owner("/classifier/move/shadow", "影子运行", "n", "1")
	owner("/classifier/move/ask", "误拦：须回答的题目", "n", "1", "note", "试用")
	second("/classifier/move/confirm", "已批准启用", "n", "1")
	findings := func(text string) string {
		t.Helper()
		resp := f.ask(t, f.User, text, false)
		if body := read(t, resp); resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
		r, _, err := sv.in.exchanges.Get(t.Context(), resp.Header.Get("X-Hegui-Exchange"))
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, x := range r.Findings {
			if x.Where == "in" {
				out = append(out, fmt.Sprint(x.Detector, " ", x.Tier, " ", x.Category))
			}
		}
		return strings.Join(out, ", ")
	}
	if got := findings("代开增值税专用发票，点数低，加我私聊报价"); !strings.Contains(got, "linear-1 signal A1h") {
		t.Errorf("in force: %q", got)
	}
	if got := findings("今天下午的会议改到几点？"); strings.Contains(got, "linear-1") {
		t.Errorf("harmless: %q", got)
	}
}
