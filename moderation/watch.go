package moderation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Watch watches one channel of one choice while it streams: the lexicon's Window, further detectors, and the policy that
// says what their findings lead to (DESIGN §4 rules 1 to 5). Not safe for concurrent use.
//
// Text T is shown up to the release pointer: never past what the Window has released, and never more than E characters past
// what every detector has looked at. Detectors see T in pieces that begin and end at places of T (every so many characters,
// or at the end of a sentence), one piece at a time. Write waits for a detector only when there is text that may not be
// shown without it.
//
// Findings, decisions and the text that stands in the end depend on T alone, as long as detectors answer in time. When a
// detector's finding ends the text, up to E characters after it may have been shown: Cut tells how many, so that clients
// can take them back and the record can say so.
type Watch struct {
	ctx       context.Context
	lexicon   *Lexicon
	hash      string
	scene     Scene
	window    *Window
	table     *Table
	detectors []Detector
	enforce   bool
	now       func() time.Time
	wake      func()
	stream    StreamPolicy

	text     []byte // T from base on
	base     int
	clean    int // T up to here has passed the lexicon
	released int // T up to here has been shown
	masks    []span
	found    []WatchFinding // of the lexicon, not reported yet
	checked  []WatchFinding // of detectors, not reported yet
	cut      *Cut           // the lexicon ended T; it counts once the detectors have seen what stands before it
	over     bool

	piece      piece         // being collected
	ahead      int           // piece has been measured up to here
	ready      []piece       // whole, not asked about yet
	flying     *piece        // being asked about
	answers    chan []Answer // about flying
	verified   int           // T up to here has been looked at by every detector
	allowed    int           // verified and E characters more, measured up to allowedAt
	allowedFor int           // the verified that allowed was measured from
	spare      int           // characters still allowed after allowed
	degraded   []Degraded
}

// piece is what detectors look at together.
type piece struct {
	start, end int
	runes      int
}

type span struct{ start, end int }

// Answer is what one detector says.
type Answer struct {
	Detector Description
	Judgement
	Took time.Duration
}

// WatchOptions of NewWatch.
type WatchOptions struct {
	Lexicon   *Lexicon
	Scene     Scene
	Table     *Table // the policy at the scene
	Detectors []Detector
	Observe   bool             // record what would have been done, and show everything
	Wake      func()           // called, from anywhere, when Poll has news; nil: nobody waits for it
	Now       func() time.Time // to tell how long detectors were out; nil: that is not told
}

// WatchFinding is a finding with where it comes from and what the policy says about it.
type WatchFinding struct {
	Finding           // offsets in T
	Detector string   // name
	Artefact string   // hash of the detector's data
	Decision Decision // as the policy has it, also when only observing
	Reason   string   // for operators
	Score    float64  // of a detector that gives one
}

// String is for messages and logs; it holds no text.
func (f WatchFinding) String() string {
	return fmt.Sprintf("%v by %s: %s", f.Finding, f.Detector, f.Decision.Action)
}

// Degraded is a span of T that a detector could not look at.
type Degraded struct {
	Detector   string
	Rule       OnError
	Start, End int
	Reason     string
	TooLong    bool          // see Judgement
	Took       time.Duration // waited for in vain
}

// Cut says that T ends early.
type Cut struct {
	At       int          // T stands up to here
	Exposed  int          // bytes of T that had been shown after At
	Shown    int          // the same in characters
	Finding  WatchFinding // why; its Decision is what to do
	Degraded *Degraded    // or that a detector could not work, whose rule is to hold
}

// WatchStep is what one Write or Close allows.
type WatchStep struct {
	Release  []byte         // text to show now, hits masked; valid until the next call. Never cuts a rune
	Findings []WatchFinding // ordered by End, then Start; with detectors, those of the lexicon come at the end of T
	Degraded []Degraded
	Cut      *Cut // after it nothing is released any more
}

// NewWatch starts at offset 0 of an empty text. ctx ends with the exchange; a detector's check ends with it.
func NewWatch(ctx context.Context, o WatchOptions) *Watch {
	w := &Watch{ctx: ctx, lexicon: o.Lexicon, hash: o.Lexicon.Hash(), scene: o.Scene, table: o.Table, detectors: o.Detectors, enforce: !o.Observe, now: o.Now, wake: o.Wake,
		stream: Fold(o.Detectors, o.Scene.User)}
	acts := o.Table.Acts
	if o.Observe {
		acts = func(string, Tier) bool { return false }
		w.stream.Exposed = Unlimited
	} else if o.Table.masks { // what has been shown cannot be masked any more
		w.stream.Exposed = 0
	}
	w.window = o.Lexicon.NewWindow(o.Scene, acts)
	w.window.Spare(func(f Finding) bool { return w.table.Decide(CaseOf(f)).Action == Allow })
	w.spare = w.stream.Exposed
	return w
}

// Write takes the next bytes of T. It waits for detectors when text that came before is still held back for them.
func (w *Watch) Write(chunk []byte) WatchStep {
	if w.over {
		return WatchStep{}
	}
	w.forget()
	from := w.released
	w.check(w.released < w.clean, false)
	w.text = append(w.text, chunk...)
	if !w.over {
		w.lex(w.window.Write(chunk))
		w.check(false, w.cut != nil)
	}
	return w.report(from, w.cut != nil)
}

// Poll takes in what detectors have answered since, without waiting, and releases what that allows.
func (w *Watch) Poll() WatchStep {
	if w.over {
		return WatchStep{}
	}
	w.forget()
	from := w.released
	w.check(false, false)
	return w.report(from, w.cut != nil)
}

// Close ends T: detectors see the rest of it, and what is left is released.
func (w *Watch) Close() WatchStep {
	if w.over {
		return WatchStep{}
	}
	w.forget()
	from := w.released
	w.lex(w.window.Close())
	w.check(true, true)
	s := w.report(from, true)
	w.over = true
	return s
}

// Abandon ends the watch where it stands, when the rest of T will never come, and returns the findings not reported yet.
func (w *Watch) Abandon() []WatchFinding {
	if w.over {
		return nil
	}
	w.over = true
	return sortFindings(append(w.found, w.checked...))
}

// Released is the number of bytes of T that have been shown.
func (w *Watch) Released() int { return w.released }

// Held returns the bytes of T that have not been shown, also those that came with a cut.
func (w *Watch) Held() []byte { return w.text[w.released-w.base:] }

// lex works off a step of the lexicon's window, and goes on after hits that are masked.
func (w *Watch) lex(s Step) {
	for {
		w.clean += len(s.Release)
		for _, f := range s.Findings {
			w.found = append(w.found, w.lexical(f))
		}
		if s.Violation == nil {
			return
		}
		hit := w.lexical(*s.Violation)
		w.clean = hit.Start
		if hit.Decision.Action != Mask {
			w.cut = &Cut{At: hit.Start, Finding: hit}
			return
		}
		w.masks = append(w.masks, span{hit.Start, hit.End})
		w.clean = hit.End
		s = w.window.Resume()
	}
}

func (w *Watch) lexical(f Finding) WatchFinding {
	return WatchFinding{Finding: f, Detector: KindLexicon, Artefact: w.hash, Decision: w.table.Decide(CaseOf(f))}
}

// check asks the detectors what there is to ask, one piece after the other. With wait it does so until nothing clean is
// held back; last says that T ends where it is clean, and that everything is looked at now.
func (w *Watch) check(wait, last bool) {
	if len(w.detectors) == 0 {
		w.verified = w.clean
	}
	for len(w.detectors) > 0 && !w.over {
		w.measure(last)
		w.launch()
		if w.flying == nil {
			break
		}
		if !last && !(wait && max(w.released, w.limit()) < w.clean) {
			select {
			case answers := <-w.answers:
				w.judge(answers)
				continue
			default:
			}
			break
		}
		w.judge(<-w.answers) // bounded by the detectors' time limits
	}
	w.released = max(w.released, w.limit())
}

// report gathers what happened since T was shown up to from. ended says that nothing of T is left to look at.
func (w *Watch) report(from int, ended bool) (s WatchStep) {
	if ended && w.cut != nil {
		w.over = true
		if from > w.cut.At {
			w.cut.Exposed, w.cut.Shown = from-w.cut.At, utf8.RuneCount(w.text[w.cut.At-w.base:from-w.base])
		}
		w.released = max(from, w.cut.At)
		s.Cut = w.cut
	}
	s.Release = w.shown(from, w.released)
	s.Findings, w.checked = w.checked, nil
	if len(w.detectors) == 0 || ended {
		s.Findings = sortFindings(append(s.Findings, w.found...))
		w.found = nil
	}
	s.Degraded, w.degraded = w.degraded, nil
	return s
}

// measure cuts T, as far as it is clean, into pieces at places that depend on T alone.
func (w *Watch) measure(last bool) {
	for w.ahead < w.clean {
		r, size := utf8.DecodeRune(w.text[w.ahead-w.base : w.clean-w.base])
		w.ahead += size
		w.piece.runes++
		whole := w.stream.Window
		if w.piece.start == 0 {
			whole = w.stream.First
		}
		if w.piece.runes >= whole || w.piece.runes >= minSentence && strings.ContainsRune("。！？；!?\n", r) {
			w.close()
		}
	}
	if last && w.piece.runes > 0 {
		w.close()
	}
}

func (w *Watch) close() {
	w.piece.end = w.ahead
	w.ready = append(w.ready, w.piece)
	w.piece = piece{start: w.ahead}
}

// launch asks all detectors about the next piece, unless they are busy with one.
func (w *Watch) launch() {
	if w.flying != nil || len(w.ready) == 0 {
		return
	}
	p := w.ready[0]
	w.ready = w.ready[1:]
	w.flying = &p
	before := p.start - w.base
	for n := 0; n < w.stream.Context && before > 0; n++ {
		_, size := utf8.DecodeLastRune(w.text[:before])
		before -= size
	}
	q := Query{Scene: w.scene, Text: slices.Clone(w.text[p.start-w.base : p.end-w.base]), Context: slices.Clone(w.text[before : p.start-w.base])}
	answers := make(chan []Answer, 1)
	w.answers = answers
	ctx, detectors, now, wake := w.ctx, w.detectors, w.now, w.wake
	go func() {
		answers <- ConsultAll(ctx, detectors, q, now)
		if wake != nil {
			wake()
		}
	}()
}

// judge takes in the answers about a piece.
func (w *Watch) judge(replies []Answer) {
	p := *w.flying
	w.flying = nil
	var found []WatchFinding
	var held *Degraded
	for _, r := range replies {
		if r.Outcome == Unavailable {
			d := Degraded{Detector: r.Detector.Name, Rule: r.Detector.OnError, Start: p.start, End: p.end, Reason: r.Reason, TooLong: r.TooLong, Took: r.Took}
			w.degraded = append(w.degraded, d)
			if d.Rule == Hold && held == nil {
				held = &d
			}
		}
		for _, d := range r.Findings {
			found = append(found, w.detected(p, r, d))
		}
	}
	found = sortFindings(found)
	w.checked = append(w.checked, found...)
	w.verified = p.end
	if !w.enforce {
		return
	}
	var first *Cut
	for _, f := range found {
		switch f.Decision.Action {
		case Allow:
		case Mask:
			w.masks = append(w.masks, span{f.Start, f.End})
		default:
			if first == nil || f.Start < first.At || f.Start == first.At && f.Decision.Action.Stricter(first.Finding.Decision.Action) {
				first = &Cut{At: f.Start, Finding: f}
			}
		}
	}
	if held != nil && (first == nil || p.start <= first.At) {
		first = &Cut{At: p.start, Degraded: held}
	}
	if first == nil {
		return
	}
	w.cut, w.over, w.verified = first, true, first.At
	// What of the lexicon's findings counts must not depend on how far it has read.
	w.found = w.found[:0]
	for _, f := range w.lexicon.ScanIn(w.scene, w.text[:first.At-w.base]) {
		f.Start, f.End = f.Start+w.base, f.End+w.base
		w.found = append(w.found, w.lexical(f))
	}
}

func (w *Watch) detected(p piece, r Answer, d Detection) WatchFinding {
	f := Finding{Listed: &Listed{Category: d.Category, Tier: d.Tier, Severity: d.Severity}, Start: p.start + d.Start, End: p.start + d.End}
	text := w.text[:p.end-w.base] // a span that begins or ends inside a rune takes all of it
	for f.Start > p.start && !utf8.RuneStart(text[f.Start-w.base]) {
		f.Start--
	}
	for f.End < p.end && !utf8.RuneStart(text[f.End-w.base]) {
		f.End++
	}
	c := Case{Category: d.Category, Tier: d.Tier, Severity: d.Severity, Detector: r.Detector.Kind, Score: d.Score}
	return WatchFinding{Finding: f, Detector: r.Detector.Name, Artefact: r.Artefact, Decision: w.table.Decide(c), Reason: cmp.Or(d.Reason, r.Reason), Score: d.Score}
}

// limit is how far T may be shown: clean, and at most E characters after what is verified; a hit to mask is shown whole or
// not at all.
func (w *Watch) limit() int {
	if len(w.detectors) == 0 || w.stream.Exposed == Unlimited {
		return w.clean
	}
	if w.verified > w.allowedFor { // count E anew
		w.allowedFor, w.spare = w.verified, w.stream.Exposed
		w.allowed = w.verified
	}
	for w.spare > 0 && w.allowed < w.clean {
		_, size := utf8.DecodeRune(w.text[w.allowed-w.base : w.clean-w.base])
		w.allowed += size
		w.spare--
	}
	until := min(w.allowed, w.clean)
	for _, m := range w.masks {
		if m.start < until && until < m.end {
			until = m.start
		}
	}
	return until
}

// shown is T between two places, hits masked.
func (w *Watch) shown(from, until int) []byte {
	if until <= from {
		return nil
	}
	text := w.text[from-w.base : until-w.base]
	if !slices.ContainsFunc(w.masks, func(m span) bool { return m.start < until && from < m.end }) {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		at := from + i
		switch {
		case !slices.ContainsFunc(w.masks, func(m span) bool { return m.start <= at && at < m.end }), r == '\n':
			out = append(out, text[i:i+size]...)
		default:
			out = append(out, '*')
		}
		i += size
	}
	return out
}

// forget drops what nobody needs any more. With detectors all of T is kept: see judge.
func (w *Watch) forget() {
	if len(w.detectors) > 0 {
		return
	}
	n := w.released - w.base
	w.text = w.text[:copy(w.text, w.text[n:])]
	w.base = w.released
	w.masks = slices.DeleteFunc(w.masks, func(m span) bool { return m.end <= w.released })
}

// ConsultAll asks all detectors the same at once and waits for all answers. With a clock it tells how long each took.
func ConsultAll(ctx context.Context, detectors []Detector, q Query, now func() time.Time) []Answer {
	out := make([]Answer, len(detectors))
	done := make(chan struct{})
	for i, d := range detectors {
		go func() {
			defer func() { done <- struct{}{} }()
			if now == nil {
				out[i] = consult(ctx, d, q)
				return
			}
			began := now()
			out[i] = consult(ctx, d, q)
			out[i].Took = now().Sub(began)
		}()
	}
	for range detectors {
		<-done
	}
	return out
}

// sortFindings sorts findings by where they end, then begin, then whose they are.
func sortFindings(found []WatchFinding) []WatchFinding {
	slices.SortStableFunc(found, func(a, b WatchFinding) int {
		return cmp.Or(a.End-b.End, a.Start-b.Start, strings.Compare(a.Detector, b.Detector), strings.Compare(a.Entry, b.Entry), strings.Compare(a.Category, b.Category))
	})
	return found
}

// consult is Consult with whom was asked; a description that panics is an outage too.
func consult(ctx context.Context, d Detector, q Query) (r Answer) {
	defer func() {
		if p := recover(); p != nil {
			r = Answer{Detector: Description{Name: "unknown"}, Judgement: Judgement{Outcome: Unavailable, Reason: fmt.Sprintf("panic: %v", p)}}
		}
	}()
	r = Answer{Detector: d.Describe(), Judgement: Consult(ctx, d, q)}
	if r.Outcome == Unavailable && r.Rule != nil {
		r.Detector.OnError = *r.Rule
	}
	return r
}
