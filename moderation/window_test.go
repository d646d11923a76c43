package moderation

import (
	"strings"
	"testing"
	"unicode/utf8"
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
