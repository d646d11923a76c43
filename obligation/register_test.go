package obligation

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/measures"
)

var han = regexp.MustCompile(`\p{Han}`)

func bilingual(t *testing.T, where string, b Bilingual) {
	t.Helper()
	if !han.MatchString(b.ZH) || b.EN == "" || han.MatchString(b.EN) {
		t.Errorf("%s is not one Chinese and one English text: %q / %q", where, b.ZH, b.EN)
	}
}

// TestComplete: every duty is in exactly one state, and no control stands without a duty.
func TestComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Controls() {
		d, ok := measures.DutyByID(c.Duty)
		if !ok {
			t.Errorf("control %s has no duty", c.Duty)
		}
		if seen[c.Duty] {
			t.Errorf("duty %s has two controls", c.Duty)
		}
		seen[c.Duty] = true
		if (c.Check == nil) == (c.NotYet == nil) {
			t.Errorf("duty %s must be either live or not yet", c.Duty)
		}
		if (c.Check == nil) != (c.Fresh == 0) {
			t.Errorf("duty %s: a live check, and only one, has a freshness limit", c.Duty)
		}
		bilingual(t, c.Duty+" control", c.Control)
		if c.NotYet != nil {
			bilingual(t, c.Duty+" reason", *c.NotYet)
		}
		if d.ArticleNo == "" {
			t.Errorf("duty %s has no article", c.Duty)
		}
	}
	for _, d := range measures.Duties() {
		if !seen[d.ID] {
			t.Errorf("duty %s is neither live nor not yet", d.ID)
		}
	}
}

// TestHold: what no check may get round.
func TestHold(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	facts, refs := map[string]any{"n": 1}, []string{"log#1"}
	fresh := now.Add(-time.Minute)
	for _, c := range []struct {
		name  string
		f     Finding
		force measures.Force
		want  Status
	}{
		{"met", Finding{Status: Met, Facts: facts, Refs: refs, Newest: fresh}, measures.Shall, Met},
		{"met without facts", Finding{Status: Met, Refs: refs, Newest: fresh}, measures.Shall, Unknown},
		{"met without references", Finding{Status: Met, Facts: facts, Newest: fresh}, measures.Shall, Unknown},
		{"notice without references", Finding{Status: Notice, Facts: facts, Newest: fresh}, measures.Shall, Unknown},
		{"met on stale evidence", Finding{Status: Met, Facts: facts, Refs: refs, Newest: now.Add(-time.Hour)}, measures.Shall, Unknown},
		{"met on undated evidence", Finding{Status: Met, Facts: facts, Refs: refs}, measures.Shall, Unknown},
		{"short on stale evidence", Finding{Status: Short, Facts: facts, Refs: refs, Newest: now.Add(-time.Hour)}, measures.Shall, Unknown},
		{"a breach does not fade", Finding{Status: Breach, Facts: facts, Refs: refs, Newest: now.Add(-time.Hour)}, measures.Shall, Breach},
		{"a should is never a breach", Finding{Status: Breach, Facts: facts, Refs: refs, Newest: fresh}, measures.Should, Short},
		{"nor is our own design", Finding{Status: Breach, Facts: facts, Refs: refs, Newest: fresh}, measures.Ours, Short},
	} {
		f := c.f
		f.Facts = map[string]any{}
		for k, v := range c.f.Facts {
			f.Facts[k] = v
		}
		got := hold(f, measures.Duty{Force: c.force}, 5*time.Minute, now)
		if got.Status != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.Status, c.want)
		}
		if got.Status == Unknown && got.Facts["judged"] == nil {
			t.Errorf("%s: what the check had judged is lost", c.name)
		}
	}
}

func TestCheckThatFailsIsUnknown(t *testing.T) {
	for name, check := range map[string]func(context.Context, Evidence) (Finding, error){
		"error": func(context.Context, Evidence) (Finding, error) {
			return Finding{Status: Met}, errors.New("the disk is gone")
		},
		"panic": func(context.Context, Evidence) (Finding, error) { panic("the disk is gone") },
	} {
		f := Control{Duty: "L12-01", Fresh: time.Minute, Check: check}.find(t.Context(), measures.Duty{Force: measures.Shall}, Scope{}, Evidence{Now: time.Now()})
		if f.Status != Unknown || !strings.Contains(f.Facts["error"].(string), "the disk is gone") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// TestEmptyEvidence: an installation that is not there makes no duty look met, and breaks nothing.
func TestEmptyEvidence(t *testing.T) {
	results := Run(t.Context(), Evidence{})
	if len(results) != 83 {
		t.Fatalf("%d rows, want 83", len(results))
	}
	for _, r := range results {
		switch r.Finding.Status {
		case NotYet, Unknown, Breach:
		default:
			if r.Duty.ID != "V19-03" { // rests on the data in the binary
				t.Errorf("%s is %s without any evidence", r.Duty.ID, r.Finding.Status)
			}
		}
		bilingual(t, r.Duty.ID+" summary", r.Finding.Summary)
		if r.Finding.Facts == nil || r.Finding.Refs == nil {
			t.Errorf("%s: facts and references are null in JSON", r.Duty.ID)
		}
	}
}
