package linear

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"unicode/utf8"

	"github.com/hegui/hegui/moderation"
)

// Kind is what rows of a policy ask for.
const Kind = "linear"

// DefaultSpan is the number of characters of a long text that are scored together: few, for a harmful sentence among hundreds of
// harmless characters would be thinned to nothing. Measured on COLD dev, each text between 300 harmless characters on either side:
// with 60 a quarter of the harmful ones is found and 1.8 % of the others hit, with 400 none of either; alone 60 % and 6.6 %, against
// 62 % and 7.4 %. Ours.
const DefaultSpan = 60

// DetectorOptions of a Detector; zero values are the defaults.
type DetectorOptions struct {
	Tier     moderation.Tier // signal
	Severity int
	Span     int // characters scored together; DefaultSpan. Windows overlap by half
}

type detector struct {
	m    *Model
	name string
	o    DetectorOptions

	mu   sync.Mutex
	live Snapshot // of what it was asked about
}

// liveBytes bounds the texts that Live looks at: longer ones would be scored a second time for it.
const liveBytes = 8 << 10

// Live compares the questions that a Detector of this package was asked about, since it was made, with those that its model was
// measured on. Answers and texts above 8 KB are left out. ok is false for other detectors and while there is nothing to compare.
func Live(d moderation.Detector) (drift Drifted, ok bool) {
	of, ok := d.(*detector)
	if !ok {
		return Drifted{}, false
	}
	of.mu.Lock()
	now := of.live.clone()
	of.mu.Unlock()
	drift, err := Drift(of.m.Reference(), now)
	return drift, err == nil
}

// note takes a question into the snapshot.
func (d *detector) note(q moderation.Query) {
	if q.Scene.Direction != "in" || len(q.Text) == 0 || len(q.Text) > liveBytes {
		return
	}
	s := d.m.Snapshot([]string{string(q.Text)})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.live.add(s)
}

// Middle is the score at which a finding begins, on the scale that detectors tell.
const Middle = 0.5

// Scaled puts calibrated odds on the scale of detectors: their log odds, less those of the threshold. So each label's threshold, which
// lies at a few per cent and elsewhere for every classifier, becomes 0.5, and what asks for scores near it (ask: unsure, the draw of
// samples, a policy) means the same for all. More odds are never less score, and a score reaches 0.5 just when odds reach the threshold.
func Scaled(odds, threshold float64) float64 {
	s := sigmoid(logit(odds) - logit(threshold))
	if odds >= threshold {
		return max(s, Middle)
	}
	return min(s, math.Nextafter(Middle, 0))
}

// Odds takes Scaled back.
func Odds(score, threshold float64) float64 { return sigmoid(logit(score) + logit(threshold)) }

// logit is of odds within what a sigmoid can tell apart.
func logit(p float64) float64 {
	p = min(max(p, 1e-12), 1-1e-12)
	return math.Log(p / (1 - p))
}

// Detector asks the model; its scores are Scaled. Every character of a text is judged: longer texts are scored in windows that overlap by half. Each
// label has one finding, its highest window.
func Detector(m *Model, name string, o DetectorOptions) moderation.Detector {
	if o.Tier == "" {
		o.Tier = moderation.Signal
	}
	if o.Span < 2 {
		o.Span = DefaultSpan
	}
	return &detector{m: m, name: name, o: o, live: m.Snapshot(nil)}
}

func (d *detector) Describe() moderation.Description {
	return moderation.Description{Name: d.name, Kind: Kind}
}

func (d *detector) Check(ctx context.Context, q moderation.Query) (moderation.Judgement, error) {
	j := moderation.Judgement{Outcome: moderation.Clear, Artefact: d.m.hash}
	if d.m.hash == "" {
		return j, errors.New("the classifier has no artefact")
	}
	best := make([]moderation.Detection, len(d.m.head.Labels))
	var p []float64
	err := windows(q.Text, d.o.Span, func(start, end int) error {
		p = d.m.Score(p[:0], q.Text[start:end])
		for i, odds := range p {
			l := &d.m.head.Labels[i]
			s := Scaled(odds, l.Threshold)
			j.Score = max(j.Score, s)
			if odds >= l.Threshold && s > best[i].Score {
				best[i] = moderation.Detection{Category: l.ID, Tier: d.o.Tier, Severity: d.o.Severity, Score: s, Start: start, End: end,
					Reason: fmt.Sprintf("%s has calibrated odds of %.4f, from %.4f on it is a finding", l.ID, odds, l.Threshold)}
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return j, err
	}
	d.note(q)
	for _, b := range best {
		if b.Category != "" {
			j.Outcome, j.Findings = moderation.Found, append(j.Findings, b)
		}
	}
	return j, nil
}

// windows cuts a text into windows of span characters that overlap by half. The last one reaches the end.
func windows(text []byte, span int, take func(start, end int) error) error {
	start := 0
	for start < len(text) {
		half, end, n := start, start, 0
		for end < len(text) && n < span {
			_, size := utf8.DecodeRune(text[end:])
			end += size
			if n++; n == span/2 {
				half = end
			}
		}
		if err := take(start, end); err != nil {
			return err
		}
		if end == len(text) {
			return nil
		}
		start = half
	}
	return nil
}

// worst is the highest score of each label over a text's windows, as a Detector sees it.
func (m *Model) worst(text string) []float64 {
	most := make([]float64, len(m.head.Labels))
	b := []byte(text)
	var p []float64
	_ = windows(b, DefaultSpan, func(start, end int) error { // take never fails
		p = m.Score(p[:0], b[start:end])
		for i, s := range p {
			most[i] = max(most[i], s)
		}
		return nil
	})
	return most
}
