package moderation

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/hegui/hegui/measures"
)

// KindLexicon is the kind of the built-in matcher.
const KindLexicon = "lexicon"

// Detector looks at a text and tells what is in it: a classifier, a guard model, whatever answers to this. It may be slow,
// down or wrong; Consult is the way to ask one.
type Detector interface {
	Describe() Description
	// Check judges Query.Text. It should return when ctx ends; who asks does not wait for it any longer.
	Check(ctx context.Context, q Query) (Judgement, error)
}

// Description is what a detector declares about itself. It does not change while the detector is in use.
type Description struct {
	Name    string        // as operators know it; unique among those in use
	Kind    string        // rows of a policy ask for it: linear, guard, … (lower-case)
	Window  int           // characters of a streaming text looked at together; 0: DefaultWindow
	First   int           // characters of the first window; 0: DefaultFirst
	Context int           // characters before the window that come with it; 0: DefaultContext
	Exposed Exposure      // how much may be shown that it has not looked at yet
	Timeout time.Duration // of one check; 0: DefaultTimeout
	OnError OnError       // what happens with text that it cannot look at

	Observes bool // in shadow: its findings are recorded and act on nothing
}

// Defaults of a Description. Ours (DESIGN §4 rule 3).
const (
	DefaultWindow   = 120
	DefaultFirst    = 40
	DefaultContext  = 400
	DefaultExposure = 120
	DefaultTimeout  = 2 * time.Second
	minSentence     = 40 // characters after which the end of a sentence ends a window
)

// Unlimited as an exposure shows everything at once and checks behind it.
const Unlimited = int(^uint(0) >> 1)

// Exposure is the number of characters that may be shown before a detector has looked at them (E).
type Exposure struct {
	Sync       bool           // none, for everybody: the text waits for the detector
	Otherwise  int            // 0: DefaultExposure; negative: none
	Categories map[string]int // less for a risk that it looks for: the smallest counts
	Minors     int            // for minors; none unless given
}

// For returns E for a class of users.
func (e Exposure) For(user string) int {
	if e.Sync {
		return 0
	}
	n := e.Otherwise
	switch {
	case n == 0:
		n = DefaultExposure
	case n < 0:
		n = 0
	}
	if user == "minor" {
		n = e.Minors
	}
	for _, of := range e.Categories {
		n = min(n, max(of, 0))
	}
	return max(n, 0)
}

// OnError is a detector's declared rule for when it cannot work.
type OnError string

const (
	Hold    OnError = ""        // the text waits until the time limit and then ends there
	Degrade OnError = "degrade" // the other detectors and the lexicon decide; the span is recorded as degraded
)

// Query is one question to a detector.
type Query struct {
	Scene   Scene
	Text    []byte // the text to judge
	Context []byte // what stands before it, already judged
}

// Outcome of a check. That a detector could not work is an outcome of its own, never a clear.
type Outcome string

const (
	Clear       Outcome = "clear"
	Found       Outcome = "findings"
	Unavailable Outcome = "unavailable"
)

// Judgement is a detector's answer.
type Judgement struct {
	Outcome  Outcome
	Findings []Detection // when Found
	Score    float64     // the highest of any risk, 0 … 1, also below what makes a finding; a classifier's findings begin at 0.5; 0: it tells none
	Artefact string      // hash of model and settings, for the record
	Reason   string      // why, for operators; shown to nobody else

	// Rule is what happens with the text this once when Unavailable; nil: as the description says. A detector that has a rule of
	// its own for why it does not answer, a daily cap for example, says so here.
	Rule *OnError

	// TooLong says, with Unavailable, that the text is longer than the detector takes: asking again gives the same.
	TooLong bool
}

// Detection is one finding of a detector. Start and End are byte offsets in Query.Text; both 0 is the whole of it.
type Detection struct {
	Category string
	Tier     Tier // signal when empty
	Severity int
	Score    float64
	Start    int
	End      int
	Reason   string // for operators
}

// maxDetections bounds what one check may report.
const maxDetections = 256

var detectorNameShape = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// Validate tells what is wrong with a description.
func (d Description) Validate() error {
	switch {
	case !detectorNameShape.MatchString(d.Name):
		return fmt.Errorf("detector %q: name: use lower-case letters, digits, . - and _", d.Name)
	case !kindShape.MatchString(d.Kind) || d.Kind == KindLexicon:
		return fmt.Errorf("detector %s: kind %q: use a word in lower case other than lexicon", d.Name, d.Kind)
	case d.Window < 0 || d.First < 0 || d.Context < 0 || d.Timeout < 0:
		return fmt.Errorf("detector %s: window, first, context and timeout cannot be negative", d.Name)
	case d.OnError != Hold && d.OnError != Degrade:
		return fmt.Errorf("detector %s: on_error %q: leave it empty (hold) or say degrade", d.Name, d.OnError)
	}
	for id := range d.Exposed.Categories {
		if _, ok := measures.RiskByID(id); !ok {
			return fmt.Errorf("detector %s: exposure of %q: no risk has this id", d.Name, id)
		}
	}
	return nil
}

// StreamPolicy is how a stream is watched.
type StreamPolicy struct {
	Window, First, Context int
	Exposed                int
}

// Fold is the strictest of what several detectors declare, for a class of users.
func Fold(detectors []Detector, user string) StreamPolicy {
	p := StreamPolicy{Window: Unlimited, First: Unlimited, Exposed: Unlimited}
	or := func(n, other int) int {
		if n == 0 {
			return other
		}
		return n
	}
	for _, d := range detectors {
		a := d.Describe()
		p.Window = min(p.Window, or(a.Window, DefaultWindow))
		p.First = min(p.First, or(a.First, DefaultFirst))
		p.Context = max(p.Context, or(a.Context, DefaultContext))
		p.Exposed = min(p.Exposed, a.Exposed.For(user))
	}
	p.First = min(p.First, p.Window)
	return p
}

// Consult asks a detector and always has an answer in time: an error, a panic, silence beyond the time limit and an answer
// that cannot be true (a span outside the text, an unknown risk or tier) are all Unavailable, with the reason.
func Consult(ctx context.Context, d Detector, q Query) Judgement {
	about := d.Describe()
	limit := about.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answer := make(chan Judgement, 1) // a late answer finds room and is forgotten
	go func() { answer <- ask(ctx, d, q) }()
	select {
	case j := <-answer:
		return j
	case <-ctx.Done():
	}
	reason := "was told to stop"
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		reason = fmt.Sprintf("did not answer within %s", limit)
	}
	return Judgement{Outcome: Unavailable, Reason: reason}
}

// ask is one check, made safe.
func ask(ctx context.Context, d Detector, q Query) (j Judgement) {
	defer func() {
		if p := recover(); p != nil {
			j = Judgement{Outcome: Unavailable, Reason: fmt.Sprintf("panic: %v", p)}
		}
	}()
	j, err := d.Check(ctx, q)
	if err != nil {
		return Judgement{Outcome: Unavailable, Artefact: j.Artefact, Reason: err.Error()}
	}
	if err := j.believe(len(q.Text)); err != nil {
		return Judgement{Outcome: Unavailable, Artefact: j.Artefact, Reason: "its answer cannot be true: " + err.Error()}
	}
	return j
}

// believe checks that an answer holds together, and fills in what may be left out.
func (j *Judgement) believe(size int) error {
	switch j.Outcome {
	case Clear:
		if len(j.Findings) > 0 {
			return fmt.Errorf("clear with %d findings", len(j.Findings))
		}
	case Found:
		if len(j.Findings) == 0 || len(j.Findings) > maxDetections {
			return fmt.Errorf("%d findings; 1 to %d are possible", len(j.Findings), maxDetections)
		}
	case Unavailable:
		j.Findings = nil
		if j.Rule != nil && *j.Rule != Hold && *j.Rule != Degrade {
			return fmt.Errorf("rule %q", *j.Rule)
		}
	default:
		return fmt.Errorf("outcome %q", j.Outcome)
	}
	j.Findings = slices.Clone(j.Findings)
	for i := range j.Findings {
		f := &j.Findings[i]
		if f.Start == 0 && f.End == 0 {
			f.End = size
		}
		if f.Tier == "" {
			f.Tier = Signal
		}
		_, known := measures.RiskByID(f.Category)
		switch {
		case f.Start < 0 || f.End > size || f.Start >= f.End:
			return fmt.Errorf("span %d to %d of a text of %d bytes", f.Start, f.End, size)
		case !known:
			return fmt.Errorf("risk %q", f.Category)
		case f.Tier != Block && f.Tier != Signal && f.Tier != Observe:
			return fmt.Errorf("tier %q", f.Tier)
		case f.Severity < 0 || f.Severity > 5 || f.Score < 0 || f.Score > 1 || f.Score != f.Score:
			return fmt.Errorf("severity %d, score %v", f.Severity, f.Score)
		}
	}
	return nil
}
