package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hegui/hegui/moderation"
)

var cuts = flag.Int("cuts", 5000, "random texts, each cut at random, that the filters of streams are tried with")

// filter screens text that arrives in pieces of the given sizes, the rest in one. It calls show with all that is visible
// whenever that grows, and returns what it found.
type filter func(l *moderation.Lexicon, text []byte, sizes []int, show func(visible []byte)) []moderation.Finding

func pieces(text []byte, sizes []int) [][]byte {
	var out [][]byte
	for _, n := range sizes {
		n = min(n, len(text))
		out = append(out, text[:n])
		text = text[n:]
	}
	return append(out, text)
}

// window is hegui's filter.
func window(l *moderation.Lexicon, text []byte, sizes []int, show func([]byte)) []moderation.Finding {
	w := l.NewWindow(moderation.Scene{}, nil)
	var visible []byte
	var found []moderation.Finding
	take := func(s moderation.Step) {
		found = append(found, s.Findings...)
		if len(s.Release) > 0 {
			visible = append(visible, s.Release...)
			show(visible)
		}
	}
	for _, p := range pieces(text, sizes) {
		take(w.Write(p))
	}
	take(w.Close())
	return found
}

// disjoint collects what arrives until it has size bytes, screens that alone, shows it unless a block-tier entry is in it,
// and forgets it: as published gateway plug-ins do, at 128 bytes.
func disjoint(size int) filter {
	return func(l *moderation.Lexicon, text []byte, sizes []int, show func([]byte)) []moderation.Finding {
		var visible, held []byte
		var found []moderation.Finding
		stopped := false
		flush := func() {
			for _, f := range l.Scan(held) {
				f.Start += len(visible)
				f.End += len(visible)
				found = append(found, f)
				stopped = stopped || f.Tier == moderation.Block
			}
			if !stopped && len(held) > 0 {
				visible = append(visible, held...)
				show(visible)
			}
			held = held[:0]
		}
		for _, p := range pieces(text, sizes) {
			if held = append(held, p...); len(held) >= size && !stopped {
				flush()
			}
		}
		if !stopped {
			flush()
		}
		return found
	}
}

// Words that texts are made of here: none folds with another character, so that a plain search decides what is leaked.
var (
	forbidden = []string{"禁果出售", "代开白章", "黑市火种", "甲乙丙丁戊己", "夜航船票", "出售夜航", "火种", "白章代开处"}
	evidence  = []string{"出售", "禁果", "船票", "丙丁"}
	harmless  = []string{"今天天气不错", "我们去看海", "果", "出", "售", "禁", "代开", "白章", "黑市", "火", "甲乙丙", "，", "。", " ", "plain words", "夜航", "😀", "\n"}
)

func trialLexicon(t *testing.T) *moderation.Lexicon {
	t.Helper()
	entries := entriesOf(append(slices.Clone(forbidden), evidence...), moderation.Block)
	for i := len(forbidden); i < len(entries); i++ {
		entries[i].Tier = moderation.Signal
	}
	l, err := moderation.Compile(entries)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// trialText is about 300 bytes in which forbidden words stand once in a while, some with invisible characters inside.
func trialText(rnd *rand.Rand) []byte {
	var b []byte
	for range 10 + rnd.IntN(20) {
		switch n := rnd.IntN(60); {
		case n == 0:
			b = append(b, strings.Join(strings.Split(forbidden[rnd.IntN(len(forbidden))], ""), "\u200b")...)
		case n == 1:
			b = append(b, forbidden[rnd.IntN(len(forbidden))]...)
		case n < 6:
			b = append(b, evidence[rnd.IntN(len(evidence))]...)
		default:
			b = append(b, harmless[rnd.IntN(len(harmless))]...)
		}
	}
	return b
}

// leaks looks for forbidden words the plain way.
func leaks(visible []byte) bool {
	plain := bytes.ReplaceAll(visible, []byte("\u200b"), nil)
	return slices.ContainsFunc(forbidden, func(w string) bool { return bytes.Contains(plain, []byte(w)) })
}

var (
	errLeak   = errors.New("a forbidden word was visible")
	errCut    = errors.New("what was found or shown depends on how the text was cut")
	errDenied = errors.New("a harmless text was not shown whole")
)

// try holds a filter to its promise with one text: whatever the cuts, no visible prefix contains a forbidden word, the
// same is found and shown, and a text without one is shown whole.
func try(f filter, l *moderation.Lexicon, text []byte, sizes []int) error {
	leaked := false
	var shown [2][]byte
	var found [2][]moderation.Finding
	for i, s := range [][]int{nil, sizes} {
		found[i] = f(l, text, s, func(visible []byte) {
			leaked = leaked || leaks(visible)
			shown[i] = slices.Clone(visible)
		})
	}
	switch {
	case leaked:
		return errLeak
	case !bytes.Equal(shown[0], shown[1]) || !slices.Equal(found[0], found[1]):
		return errCut
	case !leaks(text) && !bytes.Equal(shown[0], text):
		return errDenied
	}
	return nil
}

// trials tries a filter with n texts and counts what went wrong; it hands the first that did to first.
func trials(f filter, l *moderation.Lexicon, n int, first func(text []byte, sizes []int, err error)) map[error]int {
	rnd := rand.New(rand.NewPCG(11, 12))
	wrong := map[error]int{}
	for range n {
		text := trialText(rnd)
		sizes := make([]int, rnd.IntN(40))
		for i := range sizes {
			sizes[i] = rnd.IntN(24) // through runes as well, and empty
		}
		if err := try(f, l, text, sizes); err != nil {
			if wrong[err] == 0 {
				first(text, sizes, err)
			}
			wrong[err]++
		}
	}
	return wrong
}

func TestWindowNeverLeaksHoweverTextIsCut(t *testing.T) {
	trials(window, trialLexicon(t), *cuts, func(text []byte, sizes []int, err error) {
		t.Errorf("%v: %q cut %v", err, text, sizes)
	})
}

// TestDisjointFilterLeaks: the property above is one that a filter can fail, and the usual one does.
func TestDisjointFilterLeaks(t *testing.T) {
	l := trialLexicon(t)
	wrong := trials(disjoint(128), l, *cuts, func(text []byte, sizes []int, err error) {
		t.Logf("for example, %v: %q cut %v", err, text, sizes)
	})
	t.Logf("of %d texts: %d leaked, %d depended on the cuts", *cuts, wrong[errLeak], wrong[errCut])
	if wrong[errLeak] == 0 || wrong[errCut] == 0 {
		t.Errorf("a filter of disjoint windows passed: %v", wrong)
	}
	if wrong[errDenied] != 0 {
		t.Errorf("it withheld harmless text %d times: the filter here is not the one meant", wrong[errDenied])
	}
}

// TestDisjointFilterLosesMatches tells which share, by window size; the smaller the window the more.
func TestDisjointFilterLosesMatches(t *testing.T) {
	l := trialLexicon(t)
	rnd := rand.New(rand.NewPCG(13, 14))
	var text []byte
	for len(text) < 1<<20 {
		text = append(text, trialText(rnd)...)
	}
	before := 1.0
	for _, size := range windowSizes() {
		lost := lostByWindows(l, text, size)
		t.Logf("windows of %d bytes lose %.1f %% of the matches", size, 100*lost)
		if lost <= 0 || lost >= before {
			t.Errorf("windows of %d bytes lose %.4f of the matches, smaller ones %.4f", size, lost, before)
		}
		before = lost
	}
	if lost := lostByWindows(l, text, len(text)); lost != 0 {
		t.Errorf("one window of the whole text loses %.4f", lost)
	}
}

func TestServeIsTheSameInBothModules(t *testing.T) {
	ours, err := os.ReadFile("serve.go")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(filepath.Join("peers", "go", "serve.go"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, theirs) {
		t.Error("serve.go and peers/go/serve.go differ: copy one over the other")
	}
}

// TestEnginesOfOursAgree runs what the benchmark runs, on little: each way into the engine counts what a plain search counts.
func TestEnginesOfOursAgree(t *testing.T) {
	words, lines := synthetic(300)
	text, err := fill(lines, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	words, text, err = plain(words, text)
	if err != nil {
		t.Fatal(err)
	}
	want := int64(0)
	for _, w := range words {
		for i := range text {
			if strings.HasPrefix(text[i:], w) {
				want++
			}
		}
	}
	if len(words) < 100 || want < 300 {
		t.Fatalf("%d words with %d hits are too few to tell", len(words), want)
	}
	dir := t.TempDir()
	wordFile, textFile := filepath.Join(dir, "words"), filepath.Join(dir, "text")
	for file, data := range map[string]string{wordFile: strings.Join(words, "\n") + "\n", textFile: text} {
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"hegui", "hegui-window", "hegui-stateful"} {
		var out bytes.Buffer
		if err := serve(own(), []string{name, wordFile, textFile}, strings.NewReader(`{"text":0}`+"\n"), &out); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf(`"hits":%d,`, want); !strings.Contains(out.String(), got) {
			t.Errorf("%s: want %s in\n%s", name, got, out.String())
		}
	}
}

func TestMixAndMessages(t *testing.T) {
	zh := strings.Repeat("字", 4000)
	mixed := mix(zh, strings.Repeat("e", 4000), strings.Repeat("{", 4000), 10_000)
	for part, share := range map[string]int{"字": 6000, "e": 2000, "{": 2000} {
		if got := strings.Count(mixed, part) * len(part); got < share*9/10 || got > share*14/10 {
			t.Errorf("%d bytes of %q in %d", got, part, len(mixed))
		}
	}
	parts := messages(zh, 5)
	for _, p := range parts {
		if len(p) != 1023 {
			t.Errorf("a message of %d bytes: want 1023, whole runes in 1 KB", len(p))
		}
	}
	if len(parts) != 5 {
		t.Errorf("%d messages", len(parts))
	}
}

func TestRatioIsTheMedianOfTheRounds(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		want float64
	}{{[]float64{2, 9, 4}, []float64{1, 1, 1}, 4}, {[]float64{2, 4}, []float64{1, 1}, 3}, {nil, []float64{1}, 0}} {
		if got := ratio(c.a, c.b); got != c.want {
			t.Errorf("%v to %v: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
