package moderation

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"
)

func TestBenignIsLargeVariedAndAlwaysTheSame(t *testing.T) {
	lines := Benign()
	if len(lines) != BenignLines || len(lines) < 20_000 {
		t.Fatalf("%d lines", len(lines))
	}
	again, err := makeBenign(benignFiles, BenignLines)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lines, again) {
		t.Error("two builds differ")
	}
	lines[0] = "changed by a caller"
	if Benign()[0] == lines[0] {
		t.Error("a caller can change the corpus")
	}
	size, seen, runes := 0, map[string]bool{}, map[rune]bool{}
	for i, line := range again {
		size += len(line)
		if seen[line] {
			t.Errorf("line %d stands twice: %s", i, line)
		}
		seen[line] = true
		if line != strings.TrimSpace(line) || line == "" || !utf8.ValidString(line) || strings.ContainsRune(line, '\n') {
			t.Errorf("line %d is empty, broken or has space around it: %q", i, line)
		}
		for _, r := range line {
			if unicode.Is(unicode.Han, r) {
				runes[r] = true
			}
		}
	}
	if size < 900_000 || size > 2_000_000 {
		t.Errorf("%d bytes, want about a megabyte", size)
	}
	if len(runes) < 2_200 {
		t.Errorf("%d different ideographs", len(runes))
	}
	t.Logf("%d lines, %d bytes, %d different ideographs", len(again), size, len(runes))
}

// Public lists ban these; a corpus in which they are rare would let a linter pass such lists.
func TestBenignHoldsWhatPublicListsWronglyBan(t *testing.T) {
	written, err := makeBenign(benignFiles, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(written) < 1_500 {
		t.Errorf("%d written sentences, want 1500", len(written))
	}
	in := func(lines []string, word string) int {
		n := 0
		for _, line := range lines {
			if strings.Contains(line, word) {
				n++
			}
		}
		return n
	}
	lines := Benign()
	for word, least := range map[string]int{"中国": 10, "人民": 10, "公司": 10, "信息": 10, "没有": 10, "一个": 10, "社会": 10, "大学": 10, "学生": 10} {
		if n := in(written, word); n < least {
			t.Errorf("%s stands in %d written sentences, want %d", word, n, least)
		}
		if n := in(lines, word); n < 100 {
			t.Errorf("%s stands in %d lines, want 100", word, n)
		}
	}
	for _, word := range strings.Fields(`五星红旗 天安门 人民大会堂 台湾 西藏 新疆 香港 主席 总理 书记 党员 政府 军 警察 法院 民主 自由 革命 宗教 佛教
		基督 上帝 女人 美女 身体 乳房 怀孕 避孕 月经 发票 彩票 贷款 兼职 代理 微信 游戏 操作 操场 日本 下面 干 杀 死 毒 枪 血 炸 鸡 裸
		class ass kill child sex drug bomb 臺灣 警察 資訊`) {
		if n := in(lines, word); n < 3 {
			t.Errorf("%s stands in %d lines, want 3", word, n)
		}
	}
}

func TestStarterLexiconBlocksNothingBenign(t *testing.T) {
	l, err := Compile(StarterEntries())
	if err != nil {
		t.Fatal(err)
	}
	signals := 0
	for _, line := range Benign() {
		signal := false
		for _, f := range l.Scan([]byte(line)) {
			if f.Tier == Block {
				t.Errorf("%q is blocked by %s", line, f.Entry)
			}
			signal = true
		}
		if signal {
			signals++
		}
	}
	if signals == 0 {
		t.Error("no signal at all: the corpus avoids what is sensitive but lawful")
	}
	t.Logf("%d of %d lines with a signal", signals, BenignLines)
}

func TestTemplatesSayWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{"@a x|y\n{a}", "no line ==="},
		{"@a\n===\n{a}", `slot "a" is empty`},
		{"@a x|y\n===\nplain {b}", "has no slot"},
		{"@a x|y\n===\n", "none"},
		{"@a x|y\n===\n{a}!\n", "2 different lines, want 5"},
	} {
		_, err := makeBenign(fstest.MapFS{"benign/templates.tmpl": {Data: []byte(c.data)}}, 5)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.data, err, c.want)
		}
	}
	got, err := makeBenign(fstest.MapFS{
		"benign/a.txt":          {Data: []byte("one\ntwo\none\n")},
		"benign/templates.tmpl": {Data: []byte("@a x\n===\n{\"k\":\"{a}\",\"{a}\":{}}\n")},
	}, 3)
	if want := []string{"one", "two", `{"k":"x","x":{}}`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func BenchmarkBenign(b *testing.B) {
	for b.Loop() {
		if _, err := makeBenign(benignFiles, BenignLines); err != nil {
			b.Fatal(err)
		}
	}
}
