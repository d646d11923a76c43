package gateway

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

func TestKeysThatDoNotWorkAnyMore(t *testing.T) {
	h := setup(t, says("ok"), nil)
	ctx, who := context.Background(), journal.Actor{Kind: "system", ID: "test"}
	_, expired, err := h.services.IssueKey(ctx, who, service.Key{Service: "demo", Application: "app", Expires: time.Now().Add(50 * time.Millisecond)})
	must(t, err)
	gone, revoked, err := h.services.IssueKey(ctx, who, service.Key{Service: "demo", Application: "app"})
	must(t, err)
	must(t, h.services.RevokeKey(ctx, who, gone.ID, "test"))
	time.Sleep(60 * time.Millisecond)
	for secret, code := range map[string]string{expired: "key_expired", revoked: "key_revoked"} {
		if r := h.chat("hi", false, "Authorization", "bearer "+secret); r.status != 401 || r.code() != code {
			t.Errorf("%s: %d %s", code, r.status, r.body)
		}
	}
}

func TestRateLimit(t *testing.T) {
	h := setup(t, says("ok"), func(s *service.Service) { s.RequestsPerMinute = 8 })
	limited := 0
	for range 12 {
		if r := h.chat("hi", false); r.code() == "rate_limited" {
			limited++
			if r.status != 429 || r.header.Get("Retry-After") == "" {
				t.Errorf("%d %v", r.status, r.header)
			}
		}
	}
	if limited < 8 {
		t.Errorf("%d of 12 were limited", limited)
	}
}

func TestViolationPolicies(t *testing.T) {
	for _, policy := range []string{"stop", "retract", "replace"} {
		h := setup(t, says("clean start ", "forbidden fruit"), func(s *service.Service) { s.OnViolation = policy })
		r := h.chat("hi", true, "X-Hegui-Events", "moderation")
		if !strings.Contains(r.body, `"action":"`+policy+`"`) || !strings.Contains(r.body, `"verdict":"`+policy+`"`) {
			t.Errorf("%s: %s", policy, r.body)
		}
		if rec := h.record(r); string(rec.Verdict) != policy {
			t.Errorf("%s: %+v", policy, rec)
		}
	}
}

func TestObserveLetsPassAndRecords(t *testing.T) {
	h := setup(t, says("a forbidden fruit 13812345678"), func(s *service.Service) {
		s.Modes.ModerateIn.Act, s.Modes.ModerateOut.Act, s.Modes.Privacy.Act = "observe", "observe", "observe"
	})
	r := h.chat("forbidden fruit", false)
	if !strings.HasSuffix(r.content(), "a forbidden fruit 13812345678") {
		t.Errorf("%s", r.body)
	}
	if rec := h.record(r); rec.Verdict != exchange.Allow || rec.Total != 3 {
		t.Errorf("%+v", rec)
	}
}

// TestABrokenGuardFollowsItsRule: a lexicon that panics is an outage of its own, closed or open as declared, recorded.
func TestABrokenGuardFollowsItsRule(t *testing.T) {
	for rule, status := range map[string]int{"closed": http.StatusServiceUnavailable, "open": http.StatusOK} {
		h := setup(t, says("fine"), func(s *service.Service) { s.Modes.ModerateIn.OnError, s.Modes.ModerateOut.OnError = rule, rule })
		whole := h.gateway.o.Lexicon
		h.gateway.guards = brokenGuards(h.gateway.guards)
		r := h.chat("hi", false)
		if r.status != status || rule == "closed" && r.code() != "guard_unavailable" {
			t.Errorf("%s: %d %s", rule, r.status, r.body)
		}
		rec := h.record(r)
		if len(rec.Guards) != 1 || rec.Guards[0].Rule != rule || rec.Guards[0].Guard != "moderate_in" || rec.Checked.In != -1 {
			t.Errorf("%s: %+v", rule, rec)
		}
		n, err := h.journal.Count(context.Background(), journal.Filter{Verbs: []journal.Verb{journal.GuardDegraded}})
		if err != nil || n != 1 {
			t.Errorf("%s: %d outages in the journal, %v", rule, n, err)
		}
		if whole() == nil {
			t.Fatal("no lexicon")
		}
	}
}

// brokenGuards makes the input screen panic, as a bug in an engine would.
func brokenGuards(guards []Guard) []Guard {
	out := append([]Guard(nil), guards...)
	for i := range out {
		if out[i].Name == "moderate_in" {
			out[i].run = func(context.Context, *Gateway, *call) *Interruption {
				var none *moderation.Lexicon
				return problem(int(none.Scan(nil)[0].Start), "", "", "")
			}
		}
	}
	return out
}

func TestNothingIsAnsweredWithoutARecord(t *testing.T) {
	h := setup(t, says("ok"), nil)
	if r := h.chat("hi", false); r.status != 200 {
		t.Fatal(r.body)
	}
	dir := h.dir()
	must(t, os.Rename(dir+"/hegui.db", dir+"/moved.db"))
	for _, stream := range []bool{false, true} {
		if r := h.chat("hi", stream); r.status != 503 || r.code() != "record_unavailable" {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	must(t, os.Rename(dir+"/moved.db", dir+"/hegui.db"))
	if r := h.chat("hi", false); r.status != 200 {
		t.Error(r.body)
	}
}

func TestNoAgreementNoGeneration(t *testing.T) {
	h := setup(t, says("ok"), func(s *service.Service) { s.Agreement = "" })
	if r := h.chat("hi", false); r.status != 403 || r.code() != "agreement_missing" {
		t.Errorf("%d %s", r.status, r.body)
	}
}
