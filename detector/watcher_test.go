package detector

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/moderation"
)

// TestWatcherCounts: what trained classifiers say is counted as long as they are there, also after another joined them.
func TestWatcherCounts(t *testing.T) {
	list := []moderation.Detector{cheap{"linear-1"}}
	w := NewWatcher(func() []moderation.Detector { return list }, func(q moderation.Query) bool { return strings.Contains(string(q.Text), "word") }, time.Now)
	say := func(text string) {
		for _, d := range w.Detectors() {
			moderation.Consult(t.Context(), d, moderation.Query{Text: []byte(text)})
		}
	}
	for _, text := range []string{"surely", "surely word", "plain", "plain word", "down"} {
		say(text)
	}
	s := w.Status()
	if len(s) != 1 || s[0].Name != "linear-1" || s[0].Asked != 5 || s[0].Answered != 4 || s[0].Found != 2 || s[0].Agreed != 2 || s[0].Differed != 2 || s[0].Health.LastError != "no model" || s[0].Health.Open {
		t.Errorf("%+v", s)
	}
	list = []moderation.Detector{cheap{"linear-1"}, cheap{"linear-2"}}
	say("surely word")
	if s = w.Status(); len(s) != 2 || s[0].Asked != 6 || s[1].Asked != 1 || s[1].Agreed != 1 {
		t.Errorf("%+v", s)
	}
	list = nil
	if s = w.Status(); len(s) != 0 {
		t.Errorf("%+v", s)
	}
}

// TestAlwaysAskedIsCompared: a detector that is asked about every text is compared with what costs nothing; nobody else is asked for it.
func TestAlwaysAskedIsCompared(t *testing.T) {
	s := scriptedHarm()
	earlier := scriptedHarm()
	first := must[*Detector](t)(New(earlier.source("first", moderation.Hold), Options{}))
	d := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Free: func() []moderation.Detector { return []moderation.Detector{cheap{"linear"}} },
		Earlier: func() []moderation.Detector { return []moderation.Detector{cheap{"linear"}, first} },
		Lexicon: func(q moderation.Query) bool { return strings.Contains(string(q.Text), "word") }}))
	for _, text := range []string{"surely harm", "word harm", "plain", "surely", "harm", "down harm"} {
		ask(t, d, text)
	}
	if st := d.Status(); st.Agreed != 3 || st.Differed != 2 || earlier.calls.Load() != 0 {
		t.Errorf("%+v, %d calls of another", st, earlier.calls.Load())
	}
	alone := must[*Detector](t)(New(s.source("alone", moderation.Hold), Options{}))
	ask(t, alone, "harm")
	if st := alone.Status(); st.Agreed+st.Differed != 0 {
		t.Errorf("agreed with nobody: %+v", st)
	}
}

// TestTrendShows: what a detector finds of late is set against what it found before.
func TestTrendShows(t *testing.T) {
	s := &scripted{answer: func(_ context.Context, text string) (moderation.Judgement, error) {
		if text == "out" {
			return moderation.Judgement{}, errors.New("down")
		}
		return harm(text), nil
	}}
	d := must[*Detector](t)(New(s.source("g", moderation.Hold), Options{Failures: 1000}))
	for i := range 500 {
		ask(t, d, fmt.Sprint("plain ", i))
	}
	ask(t, d, "out")
	if tr := d.Status().Trend; tr.Shifted() || tr.Recent.Of != trendRecent || tr.Before.Of != 500-trendRecent {
		t.Errorf("%+v", tr)
	}
	for i := range trendRecent {
		text := fmt.Sprint("plain again ", i)
		if i%4 == 0 {
			text = fmt.Sprint("harm ", i)
		}
		ask(t, d, text)
	}
	if tr := d.Status().Trend; !tr.Shifted() || tr.Recent.Hits != trendRecent/4 || tr.Before.Hits != 0 || tr.Before.Of != 500 {
		t.Errorf("%+v", tr)
	}
}
