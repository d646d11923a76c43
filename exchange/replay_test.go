package exchange_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/journal"
)

// TestReplay: the newest first, what is kept only, one event before anything is opened, erased users skipped.
func TestReplay(t *testing.T) {
	testkit.Engines(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		s, j, v := open(t, db)
		say := func(user, text string, kept bool) {
			t.Helper()
			key, err := v.Subject(ctx, user)
			if err != nil {
				t.Fatal(err)
			}
			in := intent(user)
			if err := s.Begin(ctx, in); err != nil {
				t.Fatal(err)
			}
			content := &exchange.Content{Request: json.RawMessage(`{"prompt":"` + text + `"}`), Visible: "答" + text}
			if !kept {
				content = nil
			}
			if err := s.Finish(ctx, done(in), key, content); err != nil {
				t.Fatal(err)
			}
		}
		say("a", "一", true)
		say("b", "二", true)
		say("a", "三", false)
		say("c", "四", true)
		system := journal.Actor{Kind: "system", ID: "lexicon"}
		if err := v.Destroy(ctx, system, "b", "request"); err != nil {
			t.Fatal(err)
		}
		run := func(reason string, f exchange.Filter, limit int) (string, exchange.Replayed, error) {
			var seen []string
			n, err := s.Replay(ctx, system, reason, f, limit, func(r exchange.Record, c exchange.Content) error {
				seen = append(seen, c.Visible)
				return nil
			})
			return strings.Join(seen, " "), n, err
		}
		reads := func() int {
			t.Helper()
			events, err := j.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.ContentRead}})
			if err != nil {
				t.Fatal(err)
			}
			return len(events)
		}
		if _, _, err := run(" ", exchange.Filter{}, 10); err == nil || reads() != 0 {
			t.Errorf("replayed without a reason: %v", err)
		}
		if seen, n, err := run("shadow run", exchange.Filter{}, 10); err != nil || seen != "答四 答一" || n != (exchange.Replayed{Opened: 2, Skipped: 1}) || reads() != 1 {
			t.Errorf("%q %+v %v, %d events", seen, n, err, reads())
		}
		if seen, _, err := run("shadow run", exchange.Filter{}, 1); err != nil || seen != "答四" {
			t.Errorf("limit 1: %q %v", seen, err)
		}
		if seen, n, err := run("shadow run", exchange.Filter{From: time.Now().Add(time.Hour)}, 10); err != nil || seen != "" || n.Opened != 0 || reads() != 2 {
			t.Errorf("nothing to read: %q %+v %v, %d events", seen, n, err, reads())
		}
		stop := errors.New("enough")
		if _, err := s.Replay(ctx, system, "x", exchange.Filter{}, 10, func(exchange.Record, exchange.Content) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("the caller's error: %v", err)
		}
	})
}
