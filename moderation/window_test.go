package moderation

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func lexicon(t testing.TB, entries ...Entry) *Lexicon {
	t.Helper()
	l, err := Compile(entries)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var testEntries = []Entry{
	{ID: "b1", Text: "abc", Category: "A1h", Tier: Block},
	{ID: "b2", Text: "ab", Category: "A1h", Tier: Signal},
	{ID: "b3", Text: "禁果出售", Category: "A1f", Tier: Block},
	{ID: "b4", Text: "禁果", Category: "A1f", Tier: Signal},
	{ID: "b5", Text: "果出", Category: "A1f", Tier: Observe},
	{ID: "b6", Text: "出售枪", Category: "A1f", Tier: Block},
	{ID: "b7", Text: "x y", Category: "A2i", Tier: Block},
	{ID: "b8", Text: "aab", Category: "A2i", Tier: Signal},
}

// reference finds entries the plain way: fold every rune, drop what is skipped, compare at every place.
func reference(entries []Entry, text []byte) []Finding {
	table := folds()
	type unit struct {
		r          rune
		start, end int
	}
	var units []unit
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if f := fold(table, r); f != skip {
			units = append(units, unit{f, i, i + size})
		}
		i += size
	}
	word := func(i int) bool {
		if i < 0 || i >= len(units) {
			return false
		}
		r := units[i].r
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
	}
	var out []Finding
	for _, e := range entries {
		want := foldText(table, e.Text)
		for i := 0; i+len(want) <= len(units); i++ {
			match := true
			for k, r := range want {
				match = match && units[i+k].r == r
			}
			first, last := want[0], want[len(want)-1]
			ascii := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }
			if !match || ascii(first) && word(i-1) || ascii(last) && word(i+len(want)) {
				continue
			}
			out = append(out, Finding{Entry: e.ID, Category: e.Category, Tier: e.Tier, Start: units[i].start, End: units[i+len(want)-1].end})
		}
	}
	order(out)
	return out
}

func order(f []Finding) {
	slices.SortFunc(f, func(a, b Finding) int { return cmp.Or(a.End-b.End, a.Start-b.Start, strings.Compare(a.Entry, b.Entry)) })
}

var strewn = []string{"abc", "ABC", "ａｂｃ", "a\u200bb\ufe0fc", "ab", "a", "aab", "禁果出售", "禁果", "禁\u200d果", "果出", "出售枪", "出", "售", "枪", "x y", "x\u00a0y", "x", " ", "。",
	"1", "é", "\xff", "\xe7", "\xa6\x81", "😀", "\n"}

func TestScanEqualsReference(t *testing.T) {
	l := lexicon(t, testEntries...)
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(strewn), 0, 25).Draw(t, "text"), ""))
		got := l.Scan(text)
		order(got)
		if want := reference(testEntries, text); !slices.Equal(got, want) {
			t.Fatalf("%q\n got %v\nwant %v", text, got, want)
		}
	})
}

// stream runs a window over text cut at the given sizes, in bytes, and checks after every step that nothing leaked.
func stream(t *rapid.T, l *Lexicon, text []byte, sizes []int) (string, []Finding, *Finding) {
	w := l.NewWindow(Scene{}, nil)
	var visible []byte
	var found []Finding
	var violation *Finding
	take := func(s Step) {
		visible = append(visible, s.Release...)
		found = append(found, s.Findings...)
		if s.Violation != nil {
			violation = s.Violation
		}
		for _, f := range l.Scan(visible) {
			if f.Tier == Block && f.End < len(visible) { // at the very end a word's border is not known yet
				t.Fatalf("%q shows %q", text, visible)
			}
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
	order(found)
	return string(visible), found, violation
}

func TestWindowDependsOnTheTextAlone(t *testing.T) {
	l := lexicon(t, testEntries...)
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(strewn), 0, 20).Draw(t, "text"), ""))
		cuts := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 80).Draw(t, "cuts")
		whole, wantFound, wantStop := stream(t, l, text, nil)
		cut, gotFound, gotStop := stream(t, l, text, cuts)
		if whole != cut || !slices.Equal(wantFound, gotFound) || (wantStop == nil) != (gotStop == nil) || wantStop != nil && *wantStop != *gotStop {
			t.Fatalf("%q cut %v\nwhole %q %v %v\ncut   %q %v %v", text, cuts, whole, wantFound, wantStop, cut, gotFound, gotStop)
		}
		// against the whole-text scan: the first block-tier match ends the text, before it everything is shown
		var first *Finding
		for _, f := range reference(testEntries, text) {
			if f.Tier == Block {
				first = &f
				break
			}
		}
		switch {
		case first == nil:
			if whole != string(text) || wantStop != nil {
				t.Fatalf("%q has no block-tier entry, shown %q, %v", text, whole, wantStop)
			}
		case wantStop == nil || *wantStop != *first:
			t.Fatalf("%q: first match %v, violation %v", text, *first, wantStop)
		case whole != string(text[:first.Start]):
			t.Fatalf("%q: shown %q, want %q", text, whole, text[:first.Start])
		}
	})
}

// TestHoldIsShort: what is held back is no more than the longest block-tier entry with what is skipped in it.
func TestHoldIsShort(t *testing.T) {
	l := lexicon(t, testEntries...)
	w := l.NewWindow(Scene{}, nil)
	read, shown := 0, 0
	for _, piece := range strings.Split(strings.Repeat("普通文字没有什么可以说的 plain words ab 禁果 ", 200), "") {
		s := w.Write([]byte(piece))
		read += len(piece)
		shown += len(s.Release)
		if held := read - shown; held > 4*utf8.UTFMax {
			t.Fatalf("%d bytes held back", held)
		}
	}
}

func FuzzParseEntries(f *testing.F) {
	f.Add("list.csv", []byte("text,category,tier\n坏词,A1h,block\n"))
	f.Add("list.txt", []byte("\ufeffone\r\ntwo\n\n# note\n"))
	f.Add("list.csv", []byte("text,category\n\"open"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		entries, err := ParseEntries(name, data, "A1h", Signal)
		if err != nil {
			return
		}
		for _, e := range entries {
			if strings.TrimSpace(e.Text) == "" || e.Tier == "" {
				t.Fatalf("%q gave entry %+v", data, e)
			}
		}
	})
}

func TestCompileRefuses(t *testing.T) {
	for name, entries := range map[string][]Entry{
		"empty":     {{ID: "1", Text: " \u200b", Category: "A1h", Tier: Block}},
		"tier":      {{ID: "1", Text: "x", Category: "A1h", Tier: "maybe"}},
		"duplicate": {{ID: "1", Text: "x", Category: "A1h", Tier: Block}, {ID: "1", Text: "y", Category: "A1h", Tier: Block}},
		"no id":     {{Text: "x", Category: "A1h", Tier: Block}},
	} {
		if _, err := Compile(entries); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	l := lexicon(b, StarterEntries()...)
	for name, text := range map[string]string{
		"zh": strings.Repeat("生成式人工智能服务提供者应当依法开展活动，保护使用者的合法权益。", 300),
		"en": strings.Repeat("The quick brown fox jumps over the lazy dog and says the same thing. ", 300),
	} {
		t := []byte(text)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(t)))
			for b.Loop() {
				l.Scan(t)
			}
		})
		b.Run(name+"/floor-byte-sum", func(b *testing.B) {
			b.SetBytes(int64(len(t)))
			sum := 0
			for b.Loop() {
				for _, c := range t {
					sum += int(c)
				}
			}
			if sum == 0 {
				b.Fatal("nothing summed")
			}
		})
	}
}
