package detector

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/linear"
)

// trendRecent is how many of the newest answers a Trend sets against those before them.
const trendRecent = 256

// Trend is how often a detector found something, of late and before, in this process.
type Trend struct {
	Recent linear.Share `json:"recent"` // of the newest 256 answers
	Before linear.Share `json:"before"` // of all others
}

// Shifted tells whether the two differ by more than chance: intervals of 95 % that do not meet.
func (t Trend) Shifted() bool {
	return t.Recent.Of > 0 && t.Before.Of > 0 && (t.Recent.Low > t.Before.High || t.Recent.High < t.Before.Low)
}

// trend keeps the newest answers in a ring.
type trend struct {
	mu       sync.Mutex
	ring     [trendRecent]bool
	n, found int // all answers
	recent   int // found in the ring
}

func (t *trend) add(found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.n % trendRecent
	if t.n >= trendRecent && t.ring[at] {
		t.recent--
	}
	t.ring[at] = found
	t.n++
	if found {
		t.recent++
		t.found++
	}
}

func (t *trend) now() Trend {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := min(t.n, trendRecent)
	return Trend{linear.NewShare(t.recent, of), linear.NewShare(t.found-t.recent, t.n-of)}
}

// Watcher keeps count of detectors that are asked about every text and cost nothing: the trained classifiers. Others decide
// which there are; the Watcher follows them.
type Watcher struct {
	source  func() []moderation.Detector
	lexicon func(moderation.Query) bool // nil: agreement is not known
	now     func() time.Time

	mu   sync.Mutex
	of   []moderation.Detector // what source returned last
	out  []moderation.Detector // the same, watched
	kept map[string]*tally     // by kind and name
}

// NewWatcher watches what source returns, now and later. lexicon tells whether the lexicon in force has a hit; nil: not known.
func NewWatcher(source func() []moderation.Detector, lexicon func(moderation.Query) bool, now func() time.Time) *Watcher {
	return &Watcher{source: source, lexicon: lexicon, now: now, kept: map[string]*tally{}}
}

// Detectors returns those of the moment, each counted. Counts go on as long as one is there under its name and kind.
func (w *Watcher) Detectors() []moderation.Detector {
	of := w.source()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(of) == len(w.of) && (len(of) == 0 || &of[0] == &w.of[0]) { // the same list
		return w.out
	}
	kept := map[string]*tally{}
	out := make([]moderation.Detector, len(of))
	for i, d := range of {
		about := d.Describe()
		key := about.Kind + " " + about.Name
		if kept[key] = w.kept[key]; kept[key] == nil { // nothing ever rests: nothing is remote
			kept[key] = &tally{about: about, pulse: &pulse{failures: int(^uint(0) >> 1), now: w.now, changed: func(bool, string) {}}}
		}
		out[i] = watched{d, w, kept[key]}
	}
	w.of, w.out, w.kept = of, out, kept
	return out
}

// Status lists how those of the moment do.
func (w *Watcher) Status() []Status {
	var out []Status
	for _, d := range w.Detectors() {
		if one, ok := d.(watched); ok {
			out = append(out, one.status())
		}
	}
	return out
}

// watched counts what a detector says.
type watched struct {
	moderation.Detector
	w *Watcher
	*tally
}

// tally is what is counted of one.
type tally struct {
	about moderation.Description
	pulse *pulse
	trend trend
	n     counts
	hash  atomic.Pointer[string] // that its last answer named
}

// Check implements moderation.Detector.
func (d watched) Check(ctx context.Context, q moderation.Query) (moderation.Judgement, error) {
	began := d.w.now()
	j, err := d.Detector.Check(ctx, q)
	took := d.w.now().Sub(began)
	d.n.asked.Add(1)
	if err != nil || j.Outcome == moderation.Unavailable {
		why := j.Reason
		if err != nil {
			why = err.Error()
		}
		if ctx.Err() == nil || why != ctx.Err().Error() { // who asked has left: no fault of its own
			d.pulse.done(took, why)
		}
		return j, err
	}
	found := j.Outcome == moderation.Found
	d.n.answered.Add(1)
	if found {
		d.n.found.Add(1)
	}
	d.trend.add(found)
	d.pulse.done(took, "")
	d.hash.Store(&j.Artefact)
	if d.w.lexicon != nil {
		if d.w.lexicon(q) == found {
			d.n.agreed.Add(1)
		} else {
			d.n.differed.Add(1)
		}
	}
	return j, nil
}

func (d *tally) status() Status {
	s := Status{Name: d.about.Name, Kind: d.about.Kind, Ask: Always, Timeout: d.about.Timeout, Health: d.pulse.health(), Asked: d.n.asked.Load(), Answered: d.n.answered.Load(),
		Found: d.n.found.Load(), Agreed: d.n.agreed.Load(), Differed: d.n.differed.Load(), Trend: d.trend.now()}
	if s.Timeout == 0 {
		s.Timeout = moderation.DefaultTimeout
	}
	if hash := d.hash.Load(); hash != nil {
		s.Artefact = *hash
	}
	return s
}
