package moderation

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// pieces are what entries and texts of the property tests are made of: few, so that they meet often.
var (
	letterPieces = []string{"甲", "乙", "丙", "丁", "假", "以", "a", "b", "1", "赌", "賭"}
	textPieces   = append([]string{" ", " ", "  ", "\u3000", "\u00a0\u200b ", "-", ".", "，", "、", "。", "！", "\n", "\u200b", "\u0301", "é", "ß", "Ａ", "ⓑ", "\xff", "\xe7", "\xa6\x81", "😀", "贝", "者",
		"的", "c", "①", "a plain piece of text ", "家", "宜", "鼎", "а"}, slices.Concat(letterPieces, letterPieces, letterPieces)...)
	patternPieces = []string{"甲", "[甲乙]", "a", "\\d", "丙?", "(?:乙|丁丁)", "b{1,2}", ".", "[ ]", `\s{2}`, `\b`, `\B`, "^", "$"}
)

func drawText(t *rapid.T, label string, pieces []string, least, most int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), least, most).Draw(t, label), "")
}

// drawEntries makes a lexicon that compiles.
func drawEntries(t *rapid.T) []Entry {
	flip := func(label string) bool { return rapid.IntRange(0, 3).Draw(t, label) == 0 }
	var out []Entry
	for i := range rapid.IntRange(1, 7).Draw(t, "entries") {
		e := Entry{ID: fmt.Sprintf("e%d", i), Text: drawText(t, "word", append(letterPieces, " ", " ", "  "), 1, 5),
			Category: rapid.SampledFrom([]string{"A1a", "A1h", "A2b"}).Draw(t, "category"),
			Tier:     rapid.SampledFrom([]Tier{Block, Block, Signal, Observe, Quarantine}).Draw(t, "tier")}
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 0:
			e.Kind = Whole
		case 1:
			e.Kind = All
			e.Text = drawText(t, "one", letterPieces, 1, 2) + "+" + drawText(t, "other", letterPieces, 1, 2)
		case 2:
			e.Kind = Pattern
			e.Text = drawText(t, "pattern", patternPieces, 1, 4)
		case 3:
			e.Allow, e.Category, e.Tier = true, "", ""
		}
		if !e.Allow {
			e.Forms.Separated = e.Kind != Pattern && flip("separated")
			if e.Kind == Contain {
				e.Forms.Reversed, e.Forms.Split, e.Forms.Pinyin, e.Border = flip("reversed"), flip("split"), flip("pinyin"), flip("border")
			}
			for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "contexts") {
				x := Context{Rule: rapid.SampledFrom([]ContextRule{Near, NotNear, With}).Draw(t, "rule"),
					Within: rapid.SampledFrom([]int{0, 1, 2, 5}).Draw(t, "within"), Sentence: flip("sentence")}
				if x.Rule == With {
					x.Category = "A1h"
				} else {
					x.Words = []string{drawText(t, "near", append(letterPieces, " "), 1, 3)}
					if strings.TrimSpace(x.Words[0]) == "" {
						x.Words[0] = "a b"
					}
				}
				e.Context = append(e.Context, x)
			}
		}
		if flip("scope") {
			e.Scope = Scope{Directions: []string{"in"}}
		}
		for CheckEntry(e) != nil { // forms that do not suit the text are taken back
			switch {
			case e.Forms.Pinyin:
				e.Forms.Pinyin = false
			case e.Forms.Separated:
				e.Forms.Separated = false
			default:
				e = Entry{ID: e.ID, Text: "甲乙", Category: "A1h", Tier: Block}
			}
		}
		out = append(out, e)
	}
	return out
}

func drawScene(t *rapid.T) Scene {
	return Scene{Direction: rapid.SampledFrom([]string{"", "in", "out"}).Draw(t, "direction")}
}

func sorted(f []Finding) []Finding {
	slices.SortFunc(f, func(a, b Finding) int {
		if a.End != b.End || a.Start != b.Start {
			return (a.End-b.End)*1_000_000 + a.Start - b.Start
		}
		return strings.Compare(a.Entry+string(a.Form), b.Entry+string(b.Form))
	})
	return f
}

// TestEngineEqualsReference (P5): whole-text scan, stateful scan and the plain way find the same.
func TestEngineEqualsReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, scene := drawEntries(t), drawScene(t)
		l, err := Compile(entries)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(drawText(t, "text", textPieces, 0, 30))
		want := sorted(newNaive(entries, scene, text).findings())
		if got := sorted(l.ScanIn(scene, text)); !slices.EqualFunc(got, want, Finding.Equal) {
			t.Fatalf("%+v\n%q\n got %+v\nwant %+v", entries, text, got, want)
		}
		if scene == (Scene{}) {
			if got := sorted(l.ScanStateful(text)); !slices.EqualFunc(got, want, Finding.Equal) {
				t.Fatalf("stateful: %+v\n%q\n got %+v\nwant %+v", entries, text, got, want)
			}
		}
	})
}

// acting is a policy of the tests: block tier, and of signals those of one category.
func acting(category string, tier Tier) bool {
	return tier == Block || tier == Signal && category == "A2b"
}

// played is what a client saw of a stream.
type played struct {
	visible   string
	found     []Finding
	violation *Finding
}

// play streams text cut at sizes; at every step no text that is a violation may be visible.
func play(t *rapid.T, l *Lexicon, scene Scene, acts func(string, Tier) bool, text []byte, sizes []int) played {
	w := l.NewWindow(scene, acts)
	var p played
	var visible []byte
	take := func(s Step) {
		visible = append(visible, s.Release...)
		p.found = append(p.found, s.Findings...)
		if s.Violation != nil {
			p.violation = s.Violation
		}
		if w.Released() != len(visible) || w.Released() > w.Scanned() {
			t.Fatalf("released %d, scanned %d, visible %d", w.Released(), w.Scanned(), len(visible))
		}
	}
	at := 0
	for _, n := range sizes {
		end := min(at+n, len(text))
		take(w.Write(text[at:end]))
		at = end
	}
	take(w.Write(text[at:]))
	take(w.Close())
	p.visible = string(visible)
	sorted(p.found)
	return p
}

// TestWindowEqualsReference (P1-P4): what a client sees and what is found depend on the text alone, nothing of a violation
// is ever visible, and everything before it is.
func TestWindowEqualsReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries, scene := drawEntries(t), drawScene(t)
		l, err := Compile(entries)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(drawText(t, "text", textPieces, 0, 25))
		acts := acting
		if rapid.Bool().Draw(t, "block only") {
			acts = nil
		}
		var first *Finding
		var want []Finding
		for _, f := range sorted(newNaive(entries, scene, text).findings()) {
			if first != nil && f.End > first.End {
				break
			}
			want = append(want, f)
			if first == nil && (acts == nil && f.Tier == Block || acts != nil && acts(f.Category, f.Tier)) {
				first = &f
			}
		}
		visible := string(text)
		if first != nil {
			visible = string(text[:first.Start])
		}
		for _, sizes := range [][]int{nil, rapid.SliceOfN(rapid.IntRange(0, 4), 0, 60).Draw(t, "cuts")} {
			p := play(t, l, scene, acts, text, sizes)
			if p.visible != visible || !slices.EqualFunc(p.found, want, Finding.Equal) || (p.violation == nil) != (first == nil) || first != nil && !p.violation.Equal(*first) {
				t.Fatalf("%+v\n%q cut %v\nvisible %q\n   want %q\n  found %+v\n   want %+v\nviolation %+v\n     want %+v", entries, text, sizes, p.visible, visible, p.found, want, p.violation, first)
			}
		}
	})
}

// TestResume: behind a violation the window goes on as if a text began there, whatever the cuts.
func TestResume(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, err := Compile(drawEntries(t))
		if err != nil {
			t.Fatal(err)
		}
		text := []byte(drawText(t, "text", textPieces, 0, 25))
		mask := func(sizes []int) string {
			w := l.NewWindow(Scene{}, nil)
			var out strings.Builder
			take := func(s Step) {
				out.Write(s.Release)
				for s.Violation != nil {
					fmt.Fprintf(&out, "[%s %d-%d]", s.Violation.Entry, s.Violation.Start, s.Violation.End)
					s = w.Resume()
					out.Write(s.Release)
				}
			}
			at := 0
			for _, n := range sizes {
				end := min(at+n, len(text))
				take(w.Write(text[at:end]))
				at = end
			}
			take(w.Write(text[at:]))
			take(w.Close())
			return out.String()
		}
		whole := mask(nil)
		if cut := mask(rapid.SliceOfN(rapid.IntRange(0, 4), 0, 60).Draw(t, "cuts")); cut != whole {
			t.Fatalf("%q\nwhole %q\ncut   %q", text, whole, cut)
		}
	})
}

// FuzzScan: no text makes the engine fail, and its two loops agree.
func FuzzScan(f *testing.F) {
	l, err := Compile([]Entry{
		{ID: "1", Text: "禁果出售", Category: "A1h", Tier: Block, Forms: Forms{Separated: true, Reversed: true, Split: true}},
		{ID: "2", Text: "bad word", Category: "A1h", Tier: Block, Forms: Forms{Separated: true}},
		{ID: "3", Text: "禁果", Category: "A1a", Tier: Signal, Context: []Context{{Rule: NotNear, Words: []string{"圣经"}}}},
		{ID: "4", Text: "禁果汁", Allow: true},
		{ID: "5", Text: "加+微", Kind: All, Category: "A1h", Tier: Signal},
		{ID: "6", Text: `[a-z]\d{3,5}`, Kind: Pattern, Category: "A1h", Tier: Signal},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("禁 果 出 售 bad word b.a.d.w.o.r.d 禁果汁 a1234 加你微信"))
	f.Add([]byte("\xff\xe7\xa6禁\u200d果\u0300\u0301\u202e出\U000e0100售"))
	f.Fuzz(func(t *testing.T, text []byte) {
		whole, stateful := sorted(l.Scan(text)), sorted(l.ScanStateful(text))
		if !slices.Equal(whole, stateful) {
			t.Fatalf("%q\nwhole    %+v\nstateful %+v", text, whole, stateful)
		}
		for _, x := range whole {
			if x.Start < 0 || x.Start >= x.End || x.End > len(text) {
				t.Fatalf("%q: %+v", text, x)
			}
		}
		w := l.NewWindow(Scene{}, nil)
		var shown []byte
		for i := 0; i < len(text); i += 3 {
			shown = append(shown, w.Write(text[i:min(i+3, len(text))]).Release...)
		}
		shown = append(shown, w.Close().Release...)
		if utf8.Valid(text) && !utf8.Valid(shown) {
			t.Fatalf("%q is shown as %q", text, shown)
		}
	})
}

func TestPlainASCII(t *testing.T) {
	for b := range 256 {
		for at := range 8 {
			text := []byte("abcdefgh~ 0ZZ~. tail")
			text[at] = byte(b)
			want := 16
			if b < 0x20 || b >= 0x7F {
				want = 0
			}
			if got := plainASCII(text, false); got != want {
				t.Fatalf("%q: %d, want %d", text, got, want)
			}
		}
	}
	for text, want := range map[string]int{"seven b": 0, "a  cdefgijklmnop": 0, "abcdefg ijklmnop": 16, "abcdefg  jklmnop": 8, " bcdefghi j l n ": 16} {
		if got := plainASCII([]byte(text), false); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if n := plainASCII([]byte(" bcdefgh"), true); n != 0 {
		t.Error("a space behind a space is taken for one that is seen")
	}
}

// Patterns that engines with a literal prefilter are known never to run.
func TestPatternsWithoutLiterals(t *testing.T) {
	for pattern, text := range map[string]string{`\d{11}`: "电话13800138000", `[大小][麻嘛]`: "小麻", `\bAV\b`: "an av", `(?i)viagra`: "VIAGRA", `^[vV][xX]`: "Ｖx 加我"} {
		l := lexicon(t, Entry{ID: "p", Text: pattern, Kind: Pattern, Category: "A1h", Tier: Block})
		if got := l.Scan([]byte(text)); len(got) != 1 || len(l.ScanStateful([]byte(text))) != 1 {
			t.Errorf("%s in %q: %+v", pattern, text, got)
		}
		w := l.NewWindow(Scene{}, nil)
		stopped := false
		for i := range len(text) {
			stopped = stopped || w.Write([]byte{text[i]}).Violation != nil
		}
		if !stopped && w.Close().Violation == nil {
			t.Errorf("%s in a stream of %q is not found", pattern, text)
		}
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	l := lexicon(t, StarterEntries()...)
	text := []byte(strings.Repeat("今天天气很好, we go for a walk in the park. 晚上回家做饭，番茄炒蛋。", 40))
	if n := testing.AllocsPerRun(50, func() {
		if len(l.Scan(text)) != 0 {
			t.Fatal("harmless text was hit")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// An entry of several words is found however wide the gaps between them are, and its span is all of it.
func TestSpacesInARow(t *testing.T) {
	l := lexicon(t, Entry{ID: "a", Text: "sell \u3000 weapons", Category: "A1f", Tier: Block}, Entry{ID: "b", Text: "买 枪", Category: "A1f", Tier: Block},
		Entry{ID: "c", Text: "赌博网站", Category: "A1h", Tier: Block, Forms: Forms{Pinyin: true}})
	for _, text := range []string{"sell weapons", "sell  weapons", "sell \n\t weapons", "sell\n\u00a0\u200b\u3000weapons", "sell" + strings.Repeat(" ", 5000) + "weapons", "买   枪", "买\n 枪"} {
		for name, got := range map[string][]Finding{"whole": l.Scan([]byte("x " + text + " y")), "stateful": l.ScanStateful([]byte("x " + text + " y"))} {
			if len(got) != 1 || got[0].Start != 2 || got[0].End != 2+len(text) {
				t.Errorf("%s: %.40q: %+v", name, text, got)
			}
		}
		w := l.NewWindow(Scene{}, nil)
		found := w.Write([]byte("x "))
		for i := 0; i < len(text) && found.Violation == nil; i++ {
			if found = w.Write([]byte{text[i]}); len(found.Release) > 0 && i > 0 {
				t.Errorf("%.40q: %q shown", text, found.Release)
			}
		}
		if found.Violation == nil {
			found = w.Close()
		}
		if found.Violation == nil || found.Violation.End != 2+len(text) {
			t.Errorf("%.40q in a stream: %+v", text, found)
		}
	}
	for _, text := range []string{"sellweapons", "sell . weapons", "买枪"} {
		if got := l.Scan([]byte(text)); len(got) != 0 {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// TestEmphasis: the signs that Markdown sets around words do not part them for who reads the text, and other signs in a few gaps still do.
func TestEmphasis(t *testing.T) {
	l := lexicon(t, Entry{ID: "e", Text: "禁果出售", Category: "A1h", Tier: Block, Forms: Forms{Separated: true}})
	for text, want := range map[string]int{
		"有**禁果**出售": 1, "有禁果__出__售": 1, "有禁果~~出售~~": 1, "有***禁***果出售": 1, "有`禁果`出售": 1, "有禁****果出售": 0, "有禁*_果出售": 0, "说到禁果，出售的是苹果": 0,
	} {
		if got := l.Scan([]byte(text)); len(got) != want || len(l.ScanStateful([]byte(text))) != want {
			t.Errorf("%s: %+v", text, got)
		}
	}
}
