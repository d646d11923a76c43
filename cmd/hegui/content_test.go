package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/journal"
)

// TestContentLedger: what the ledger has is found by the command line and the portal of a running server, its bytes go when their time
// is over, and an erased user leaves nothing but the id.
func TestContentLedger(t *testing.T) {
	sv, f := inProcess(t, nil)
	ctx := t.Context()
	const text = "春风又绿江南岸，明月何时照我还？这首诗的作者是王安石。"
	all, err := sv.in.users.List(ctx, "", "", 1)
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v %v", all, err)
	}
	subject := all[0].Subject
	item := content.Item{ID: "01KB0CONTENT1", Exchange: "01KB0X", Service: all[0].Service, Subject: subject, Model: "sample", Medium: "text", Explicit: "text", Texts: []string{text}}
	if _, err := sv.in.journal.Commit(ctx, journal.Write{Apply: sv.in.content.Insert(item)}); err != nil {
		t.Fatal(err)
	}
	if err := sv.in.content.Keep(ctx, item.ID, []byte(text), time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	hegui := func(want int, args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := run(ctx, append(args, "--data", sv.in.config.Data), &stdout, &stderr); code != want {
			t.Fatalf("%v: exit %d, want %d\n%s%s", args, code, want, &stdout, &stderr)
		}
		return stdout.String()
	}
	file := filepath.Join(t.TempDir(), "answer.txt")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"content", "find", item.ID}, {"content", "find", "--text", text}, {"content", "find", file}} {
		if out := hegui(exitOK, args...); !strings.Contains(out, "made here") || !strings.Contains(out, item.ID) {
			t.Errorf("%v: %s", args, out)
		}
	}
	var a content.Answer
	if err := json.Unmarshal([]byte(hegui(exitOK, "content", "find", item.ID, "--json")), &a); err != nil || a.Outcome != content.MadeHere || a.Traces[0].By != "id" {
		t.Errorf("%+v %v", a, err)
	}
	if out := hegui(exitOK, "content", "list", "--medium", "text"); !strings.Contains(out, item.ID) {
		t.Error(out)
	}
	forged := filepath.Join(t.TempDir(), "forged.png")
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(forged, picture.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	hegui(exitOK, "label", "add", forged, "--producer", sv.in.services.Provider().Code, "--id", "01NEVER", "--in-place")
	if out := hegui(exitFinding, "content", "find", forged); !strings.Contains(out, "the ledger does not have it") {
		t.Error(out)
	}
	r, err := http.Post(f.Portal+"/api/v1/check", "application/json", strings.NewReader(`{"text":"`+text+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	if body := read(t, r); r.StatusCode != 200 || !strings.Contains(body, `"made_here"`) || strings.Contains(body, subject) {
		t.Errorf("%d %s", r.StatusCode, body)
	}

	sv.purge(ctx)
	if n, err := sv.in.journal.Count(ctx, journal.Filter{Verbs: []journal.Verb{journal.ContentPurged}}); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	hegui(exitOK, "users", "erase", subject, "--reason", "request 1", "--yes")
	hegui(exitNotFound, "content", "find", "--text", text)
	if out := hegui(exitOK, "content", "find", item.ID); !strings.Contains(out, "made here") {
		t.Error(out)
	}
	if m, err := sv.in.content.ByID(ctx, item.ID); err != nil || m.Subject != "" {
		t.Errorf("%+v %v", m, err)
	}
	hegui(exitOK, "journal", "verify")
}
