package moderation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// fake is a detector that finds words. It may be slow, go down after so many checks, lie or panic.
type fake struct {
	about   Description
	words   map[string]Detection // what a word means; Start and End are set by the detector
	delay   time.Duration
	dies    int64 // after so many checks it is down; 0: never
	lies    *Judgement
	panics  bool
	checks  atomic.Int64
	running atomic.Int64
	most    atomic.Int64 // checks that ran at once
	looked  atomic.Int64 // bytes of T looked at with success
	pieces  chan string
}

func (f *fake) Describe() Description { return f.about }

func (f *fake) Check(ctx context.Context, q Query) (Judgement, error) {
	if n := f.running.Add(1); n > f.most.Load() {
		f.most.Store(n)
	}
	defer f.running.Add(-1)
	if f.pieces != nil {
		f.pieces <- string(q.Text)
	}
	if f.panics {
		panic("a bug in the detector")
	}
	n := f.checks.Add(1)
	if f.delay > 0 {
		select {
		case <-time.After(f.delay):
		case <-ctx.Done():
			return Judgement{}, ctx.Err()
		}
	}
	if f.dies > 0 && n > f.dies {
		return Judgement{}, errors.New("connection refused")
	}
	if f.lies != nil {
		return *f.lies, nil
	}
	j := Judgement{Outcome: Clear, Artefact: "a1"}
	for word, d := range f.words {
		if at := bytes.Index(q.Text, []byte(word)); at >= 0 {
			d.Start, d.End = at, at+len(word)
			j.Findings = append(j.Findings, d)
			j.Outcome = Found
		}
	}
	slices.SortFunc(j.Findings, func(a, b Detection) int { return a.Start - b.Start })
	f.looked.Add(int64(len(q.Text)))
	return j, nil
}

const watchRows = `name: watch
rows:
  - {name: hide, category: [A2i], tier: [block], detector: [lexicon], action: mask}
  - {name: care, category: [A4a], tier: [block], action: guide}
  - {name: block-tier, tier: [block], action: block}
default: {action: allow}
`

func watchTable(t testing.TB, user string) *Table {
	return policy(t, watchRows).At(Place{Scene: Scene{Direction: "out", User: user}})
}

// watched is what came of a whole text.
type watched struct {
	visible  string
	findings string
	cut      string
	exposed  int
	at       int
	degraded []Degraded
}

// runWatch streams text cut at sizes; after each step look is called with the watch.
func runWatch(o WatchOptions, text string, sizes []int, look func(*Watch)) watched {
	w := NewWatch(context.Background(), o)
	out := watched{at: -1}
	var found []string
	var visible []byte
	take := func(s WatchStep) {
		visible = append(visible, s.Release...)
		for _, f := range s.Findings {
			found = append(found, fmt.Sprint(f))
		}
		out.degraded = append(out.degraded, s.Degraded...)
		if s.Cut != nil {
			out.at, out.exposed = s.Cut.At, s.Cut.Exposed
			out.cut = fmt.Sprint(s.Cut.At, s.Cut.Finding, s.Cut.Degraded)
		}
		if look != nil {
			look(w)
		}
	}
	rest := text
	for _, n := range sizes {
		if n = min(n, len(rest)); n > 0 {
			take(w.Write([]byte(rest[:n])))
			rest = rest[n:]
		}
	}
	take(w.Write([]byte(rest)))
	take(w.Close())
	slices.Sort(found)
	out.visible, out.findings = string(visible), strings.Join(found, "\n")
	return out
}

var watchParts = []string{"abc", "a\u200bbc", "禁果出售", "禁果", "x y", "poison", "毒药", "悲伤", "普通文字没有什么可以说的。", "plain words go on! ", "很长的一段话没有标点符号一直说下去", "😀", "\xff", "\n", "ab", "1"}

func drawWatched(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(watchParts), 0, 40).Draw(t, "text"), "")
}

var watchWords = map[string]Detection{
	"poison": {Category: "A2a", Tier: Block, Reason: "p"}, "毒药": {Category: "A1h", Tier: Signal}, "悲伤": {Category: "A4a", Tier: Block},
}

// TestWatchDependsOnTheTextAlone is P1 for lexicon and detectors together: what is found, what is decided and what stands in
// the end do not depend on how T was cut, nor on how fast a detector is.
func TestWatchDependsOnTheTextAlone(t *testing.T) {
	l := lexicon(t, testEntries...)
	tables := map[string]*Table{"unknown": watchTable(t, "unknown"), "minor": watchTable(t, "minor")}
	rapid.Check(t, func(t *rapid.T) {
		text := drawWatched(t)
		exposure := rapid.SampledFrom([]Exposure{{}, {Sync: true}, {Otherwise: 7}, {Otherwise: Unlimited}}).Draw(t, "exposure")
		user := rapid.SampledFrom([]string{"unknown", "minor"}).Draw(t, "user")
		run := func(sizes []int, delay time.Duration) watched {
			a := &fake{about: Description{Name: "a", Kind: "guard", Window: 50, First: 10, Exposed: exposure}, words: watchWords, delay: delay}
			b := &fake{about: Description{Name: "b", Kind: "linear"}, words: map[string]Detection{"一直": {Category: "A1a"}}}
			got := runWatch(WatchOptions{Lexicon: l, Scene: Scene{Direction: "out", User: user}, Table: tables[user], Detectors: []Detector{a, b}}, text, sizes, nil)
			if a.most.Load() > 1 {
				t.Fatalf("%d checks at once", a.most.Load())
			}
			return got
		}
		whole := run(nil, 0)
		cut := run(rapid.SliceOfN(rapid.IntRange(1, 9), 0, 150).Draw(t, "sizes"), time.Duration(rapid.IntRange(0, 300).Draw(t, "delay"))*time.Microsecond)
		if whole.findings != cut.findings || whole.cut != cut.cut {
			t.Fatalf("%q\nwhole %+v\ncut   %+v", text, whole, cut)
		}
		end := len(text)
		if whole.at >= 0 {
			end = whole.at
		}
		standing := func(w watched) string { return w.visible[:len(w.visible)-lost(text, end, w.exposed, l)] }
		if a, b := standing(whole), standing(cut); a != b || a != maskedPart(text, 0, end, l) {
			t.Fatalf("%q\nwhole %q\ncut   %q\nwant  %q", text, a, b, maskedPart(text, 0, end, l))
		}
	})
}

// maskedPart is a part of text with the A2i block entries of the whole masked: what mask must make of it.
func maskedPart(text string, from, until int, l *Lexicon) string {
	in := make([]bool, len(text)+1)
	end := 0
	for _, f := range l.Scan([]byte(text)) {
		if f.Tier == Block && f.Start >= end {
			end = f.End
			for i := f.Start; f.Category == "A2i" && i < f.End; i++ {
				in[i] = true
			}
		}
	}
	var out []byte
	for i := from; i < until; {
		_, size := utf8.DecodeRuneInString(text[i:])
		if in[i] {
			out = append(out, '*')
		} else {
			out = append(out, text[i:i+size]...)
		}
		i += size
	}
	return string(out)
}

// lost is how many visible bytes n exposed bytes of T after end are.
func lost(text string, end, n int, l *Lexicon) int { return len(maskedPart(text, end, end+n, l)) }

// TestExposureIsBounded is P6: kill the detector at any point and never more than E characters stand unverified on the
// user's screen; without an answer the text ends where the detector last looked.
func TestExposureIsBounded(t *testing.T) {
	l := lexicon(t, testEntries...)
	table := watchTable(t, "unknown")
	rapid.Check(t, func(t *rapid.T) {
		text := drawWatched(t)
		e := rapid.SampledFrom([]int{-1, 1, 7, 60, 120}).Draw(t, "E")
		d := &fake{about: Description{Name: "a", Kind: "guard", Exposed: Exposure{Otherwise: e}}, words: watchWords, dies: int64(rapid.IntRange(1, 6).Draw(t, "dies")),
			delay: time.Duration(rapid.IntRange(0, 100).Draw(t, "delay")) * time.Microsecond}
		sizes := rapid.SliceOfN(rapid.IntRange(1, 30), 0, 100).Draw(t, "sizes")
		got := runWatch(WatchOptions{Lexicon: l, Scene: Scene{Direction: "out"}, Table: table, Detectors: []Detector{d}}, text, sizes, func(w *Watch) {
			if seen := int(d.looked.Load()); seen < w.Released() {
				if n := utf8.RuneCountInString(text[seen:w.Released()]); n > max(e, 0) {
					t.Fatalf("%q: %d characters were shown unverified, E is %d", text, n, e)
				}
			}
		})
		switch {
		case d.checks.Load() <= d.dies:
			if len(got.degraded) > 0 {
				t.Fatalf("%+v", got)
			}
		case len(got.degraded) != 1 || got.at != int(d.looked.Load()) || !strings.Contains(got.cut, "connection refused"):
			t.Fatalf("%q: it looked at %d bytes and died: %+v", text, d.looked.Load(), got)
		}
	})
}

func TestAFailingDetectorFollowsItsRule(t *testing.T) {
	l := lexicon(t, testEntries...)
	text := strings.Repeat("普通文字没有什么可以说的。", 20)
	for name, x := range map[string]struct {
		d    *fake
		says string
	}{
		"slow":          {&fake{delay: time.Hour}, "did not answer within"},
		"down":          {&fake{dies: 1}, "connection refused"},
		"panicking":     {&fake{panics: true}, "a bug in the detector"},
		"span":          {&fake{lies: &Judgement{Outcome: Found, Findings: []Detection{{Category: "A1a", Tier: Block, Start: 3, End: 1 << 20}}}}, "cannot be true: span"},
		"negative":      {&fake{lies: &Judgement{Outcome: Found, Findings: []Detection{{Category: "A1a", Start: -1, End: 1}}}}, "cannot be true: span"},
		"category":      {&fake{lies: &Judgement{Outcome: Found, Findings: []Detection{{Category: "nonsense", Tier: Block, End: 3}}}}, `cannot be true: risk "nonsense"`},
		"clear and not": {&fake{lies: &Judgement{Outcome: Clear, Findings: []Detection{{Category: "A1a"}}}}, "clear with 1 findings"},
		"no outcome":    {&fake{lies: &Judgement{}}, `outcome ""`},
		"tier":          {&fake{lies: &Judgement{Outcome: Found, Findings: []Detection{{Category: "A1a", Tier: "certain", End: 3}}}}, `tier "certain"`},
		"says so":       {&fake{lies: &Judgement{Outcome: Unavailable, Reason: "model is loading"}}, "model is loading"},
	} {
		for _, rule := range []OnError{Hold, Degrade} {
			d := &fake{delay: x.d.delay, dies: x.d.dies, panics: x.d.panics, lies: x.d.lies}
			d.about = Description{Name: "a", Kind: "guard", OnError: rule, Timeout: 10 * time.Millisecond}
			o := WatchOptions{Lexicon: l, Scene: Scene{Direction: "out"}, Table: watchTable(t, "unknown"), Detectors: []Detector{d}}
			got := runWatch(o, text, []int{30, 30, 300, 5}, nil)
			if len(got.degraded) == 0 || !strings.Contains(got.degraded[0].Reason, x.says) || got.degraded[0].Detector != "a" || got.degraded[0].Rule != rule {
				t.Errorf("%s, %q: %+v", name, rule, got.degraded)
			}
			if rule == Degrade && (got.at >= 0 || got.visible != text) {
				t.Errorf("%s degrades: %+v", name, got)
			}
			if rule == Hold && (got.at < 0 || got.at != got.degraded[0].Start) {
				t.Errorf("%s holds: %+v", name, got)
			}
			if rule == Degrade { // the lexicon still decides
				if got := runWatch(o, text+"禁果出售", nil, nil); got.visible != text || !strings.Contains(got.cut, "b3") {
					t.Errorf("%s: %+v", name, got)
				}
			}
		}
	}
}

// TestPiecesAreAnchored: the first piece is short, the others end at a sentence after 40 characters or at 120.
func TestPiecesAreAnchored(t *testing.T) {
	l := lexicon(t)
	text := strings.Repeat("字", 300) + "。" + strings.Repeat("词", 45) + "。" + strings.Repeat("语", 10)
	for _, sizes := range [][]int{nil, {1, 2, 3, 500, 1, 7}} {
		d := &fake{about: Description{Name: "a", Kind: "guard"}, pieces: make(chan string, 20)}
		runWatch(WatchOptions{Lexicon: l, Scene: Scene{Direction: "out"}, Table: watchTable(t, ""), Detectors: []Detector{d}}, text, sizes, nil)
		close(d.pieces)
		var runes []int
		for p := range d.pieces {
			runes = append(runes, utf8.RuneCountInString(p))
		}
		if want := []int{40, 120, 120, 67, 10}; !slices.Equal(runes, want) { // 300 = 40+120+120+20; 20+1+45+1 = 67: the full stop after 21 is too early
			t.Errorf("%v, want %v", runes, want)
		}
	}
}

func TestStrictestOfSeveral(t *testing.T) {
	a := &fake{about: Description{Name: "a", Kind: "guard", Window: 200, Context: 100}}
	b := &fake{about: Description{Name: "b", Kind: "guard", First: 20, Exposed: Exposure{Otherwise: 60, Categories: map[string]int{"A2a": 30}, Minors: 10}}}
	if p := Fold([]Detector{a, b}, "adult"); p != (StreamPolicy{Window: 120, First: 20, Context: 400, Exposed: 30}) {
		t.Errorf("%+v", p)
	}
	if p := Fold([]Detector{a, b}, "minor"); p.Exposed != 0 {
		t.Errorf("%+v", p)
	}
	if p := Fold([]Detector{b}, "minor"); p.Exposed != 10 {
		t.Errorf("%+v", p)
	}
	for _, d := range []Description{{}, {Name: "a"}, {Name: "a", Kind: KindLexicon}, {Name: "a", Kind: "k", Window: -1}, {Name: "a", Kind: "k", OnError: "open"},
		{Name: "a", Kind: "k", Exposed: Exposure{Categories: map[string]int{"Z": 1}}}} {
		if d.Validate() == nil {
			t.Errorf("%+v passes", d)
		}
	}
	if err := b.about.Validate(); err != nil {
		t.Error(err)
	}
}

// TestObservingShowsEverything: nothing is held back or ended, and what would have been done is told.
func TestObservingShowsEverything(t *testing.T) {
	l := lexicon(t, testEntries...)
	d := &fake{about: Description{Name: "a", Kind: "guard"}, words: watchWords}
	text := "abc 禁果出售 poison x y " + strings.Repeat("字", 200) + "禁果出售"
	got := runWatch(WatchOptions{Lexicon: l, Scene: Scene{Direction: "out"}, Table: watchTable(t, ""), Detectors: []Detector{d}, Observe: true}, text, []int{3, 9, 4}, nil)
	if got.visible != text || got.at >= 0 || strings.Count(got.findings, "stop") < 3 || !strings.Contains(got.findings, "mask") {
		t.Errorf("%+v", got)
	}
}

// TestAnExceptionHidesNothingElse: a hit that a row lets pass does not swallow another that begins in it or goes on after it,
// and a row on signals holds streams back like one on the block tier.
func TestAnExceptionHidesNothingElse(t *testing.T) {
	l := lexicon(t, Entry{ID: "short", Text: "禁果", Category: "A1f", Tier: Block}, Entry{ID: "long", Text: "禁果出售", Category: "A1f", Tier: Block},
		Entry{ID: "next", Text: "果汁店", Category: "A1f", Tier: Block}, Entry{ID: "signal", Text: "悲伤", Category: "A2i", Tier: Signal})
	table := policy(t, `name: x
rows:
  - {name: fine, when: 'entry == "short"', action: allow}
  - {name: signals, category: [A2i], tier: [signal], action: guide}
  - {name: block-tier, tier: [block], action: block}
default: {action: allow}
`).At(Place{Scene: Scene{Direction: "out"}})
	for text, want := range map[string]string{"一个禁果好": "一个禁果好", "一个禁果出售": "一个", "一个禁果出": "一个禁果出", "一个禁果汁店": "一个禁", "我很悲伤了": "我很"} {
		for _, sizes := range [][]int{nil, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}} {
			got := runWatch(WatchOptions{Lexicon: l, Scene: Scene{Direction: "out"}, Table: table}, text, sizes, nil)
			if got.visible != want || (got.at >= 0) != (want != text) {
				t.Errorf("%s: %+v", text, got)
			}
		}
	}
}
