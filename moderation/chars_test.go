package moderation

import (
	"slices"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestSimplify(t *testing.T) {
	pairs := []rune("後后發发髮发氷冰賭赌槍枪騙骗詐诈藥药彈弹於于裡里裏里麼么麽么餘余鍾钟徵征綵彩砲炮姦奸兇凶妳你週周⼥女⺟母⻢马樂乐見见")
	for i := 0; i < len(pairs); i += 2 {
		if got := simplify(pairs[i]); got != pairs[i+1] {
			t.Errorf("simplify(%c) = %c, want %c", pairs[i], got, pairs[i+1])
		}
	}
	for _, r := range "毐冰毒后发乾著藉干a1，😀口一丨〇" {
		if got := simplify(r); got != r {
			t.Errorf("simplify(%c) = %c, want it left alone", r, got)
		}
	}
}

func TestSimplifyStandsStill(t *testing.T) {
	table := variantForms()
	if len(table) < 4500 {
		t.Fatalf("%d variants: the table is not whole", len(table))
	}
	for from, to := range table {
		if again := simplify(to); again != to {
			t.Errorf("%c folds to %c, which folds to %c", from, to, again)
		}
		if !unicode.Is(unicode.Han, to) {
			t.Errorf("%c folds to %c, not a Chinese character", from, to)
		}
		if from < 0x2E80 {
			t.Errorf("%c (%U) is no Chinese character", from, from)
		}
	}
}

func TestLookalike(t *testing.T) {
	for from, want := range map[rune]rune{'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'х': 'x', 'у': 'y', 'і': 'i', 'І': 'i', 'ѕ': 's', 'В': 'b', 'Н': 'h',
		'Α': 'a', 'Ν': 'n', 'ν': 'v', 'ο': 'o', 'Ρ': 'p', 'ρ': 'p', 'ɑ': 'a', 'ı': 'i', 'ɡ': 'g', 'ᴀ': 'a', 'ʙ': 'b', 'ᴢ': 'z', 'ø': 'o', 'ł': 'l',
		'Ꭺ': 'a', 'Ꮪ': 's', 'օ': 'o', 'ꓮ': 'a'} {
		if got := lookalike(from); got != want {
			t.Errorf("lookalike(%c %U) = %c, want %c", from, from, got, want)
		}
	}
	for _, r := range "aZ019口一丨〇工人Λλбдж中|!$@" {
		if got := lookalike(r); got != r {
			t.Errorf("lookalike(%c) = %c, want it left alone", r, got)
		}
	}
}

func TestLookalikesAreLetters(t *testing.T) {
	table := lookalikeForms()
	if len(table) < 600 {
		t.Fatalf("%d lookalikes: the table is not whole", len(table))
	}
	for from, to := range table {
		if to < 'a' || to > 'z' {
			t.Errorf("%c passes for %c, not for a lower-case ASCII letter", from, to)
		}
		if !unicode.IsLetter(from) || from < 0x80 || unicode.In(from, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo) {
			t.Errorf("%c (%U) may pass for no letter", from, from)
		}
	}
}

func TestSyllable(t *testing.T) {
	for r, want := range map[rune]string{'毒': "du", '冰': "bing", '赌': "du", '賭': "du", '博': "bo", '枪': "qiang", '女': "nv", '绿': "lv", '略': "lve", '虐': "nve",
		'中': "zhong", '〇': "ling", '安': "an", '鱼': "yu", '儿': "er", '爽': "shuang", 'a': "", '，': "", 0: "", 0x3400: "", 0x20000: ""} {
		if got := syllableName(syllable(r)); got != want {
			t.Errorf("%c is read %q, want %q", r, got, want)
		}
	}
	if syllable('赌') != syllable('毒') || syllable('赌') == syllable('博') {
		t.Error("same reading, same number; other reading, other number")
	}
	if n := len(readings().names); n < 400 || n > 430 {
		t.Errorf("%d syllables", n)
	}
	if !slices.IsSorted(readings().names) || syllableName(60000) != "" {
		t.Error("names are in order, and numbers past them have none")
	}
	missing := 0
	for r := rune(0x4E00); r <= 0x9FA5; r++ {
		if syllable(r) == 0 {
			missing++
		}
	}
	if missing > 60 {
		t.Errorf("%d of the basic characters have no reading", missing)
	}
}

func TestHalves(t *testing.T) {
	for r, want := range map[rune]string{'赌': "贝者", '枪': "木仓", '炮': "火包", '骗': "马扁", '诈': "言乍", '银': "金艮", '弹': "弓单", '假': "亻叚", '嫖': "女票", '妓': "女支",
		'奸': "女干", '码': "石马", '冰': "冫水", '毒': "主母", '淫': "氵壬", '嫩': "女敕", '炸': "火乍", '娼': "女昌"} {
		if !slices.Contains(halves(r), want) {
			t.Errorf("halves of %c: %v, want %s among them", r, halves(r), want)
		}
	}
	if halves('一') != nil || halves('x') != nil {
		t.Error("what is not split has no halves")
	}
	table := splitPairs()
	if len(table) < 600 {
		t.Fatalf("%d characters: the table is not whole", len(table))
	}
	forms := map[string]rune{}
	for r, list := range table {
		if simplify(r) != r || len(list) == 0 {
			t.Errorf("%c: the key is a simplified character and has a form", r)
		}
		for _, form := range list {
			if utf8.RuneCountInString(form) != 2 || []rune(form)[0] == r || []rune(form)[1] == r {
				t.Errorf("%c: %q is not its two halves", r, form)
			}
			if other, taken := forms[form]; taken {
				t.Errorf("%q is split from both %c and %c", form, r, other)
			}
			forms[form] = r
		}
	}
}

func BenchmarkTables(b *testing.B) {
	for name, build := range map[string]func(){
		"fold":      func() { runeMap(variantTable, 5000); runeMap(lookalikeTable, 800) },
		"syllables": func() { readSounds() },
		"halves":    func() { readHalves() },
		"words":     func() { newWords() },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				build()
			}
		})
	}
}
