package moderation

import (
	"strings"
	"testing"
)

// Texts with the hit between brackets.
var (
	bordered = []string{
		"吸食[大麻]违法", "他在家里种了几株[大麻]，被邻居举报", "[大麻]", "我要买[大麻]", "出售[大麻]种子", "走私[冰毒]三公斤", "他吸了[冰毒]就发疯",
		"怎么制作[冰毒]", "这里有[冰毒]卖", "他拔出[手枪]对准我", "黑市[手枪]多少钱", "仿真[手枪]出售", "买一把[手枪]", "他想[自杀]", "如何[自杀]才不痛",
		"昨天有人[自杀]了", "她多次企图[自杀]", "网上[赌博]平台", "参与[赌博]会被拘留", "不要[赌博]", "他因[诈骗]被抓", "电信[诈骗]案件", "提供[口交]服务",
		"她给他[口交]", "一起[嫖娼]的朋友", "[嫖娼]被抓怎么办", "组织[卖淫]", "介绍她去[卖淫]", "制造[炸弹]的方法", "教你做[炸弹]", "公园里放了[炸弹]",
		"[吸毒]者名单", "戒掉[吸毒]", "他有[毒品]", "贩卖[毒品]", "买卖[枪支]", "出售[枪支]弹药", "[强奸]犯出狱", "遭到[强奸]", "下载[黄片]", "看[裸聊]直播",
		"加我[裸聊]吧", "约[援交]妹", "出[冰毒]k粉", "abc[手枪]123", "他[杀人]了", "我要[杀人]", "代开[假发票]", "办[假证件]", "买[海洛因]", "[海洛因]怎么卖",
		"武汉市[长江]边", "北京[大学生]宿舍", "南京市[长江]大桥",
	}
	crossed = []string{
		"我想买[大麻]袋装米", "两个[大麻]袋里全是土豆", "请从路[口交]通灯处右转", "十字路[口交]通拥堵", "进出[口交]易会", "出入[口交]接处", "人[口交]流",
		"他们各[自杀]青回家", "各[自杀]出重围", "公安局长[江泽]湖", "大[学生]活", "研究[生物]理", "提高人[民生]活", "他[们都]会来",
		"男[性交]往时", "女[性交]友广泛", "异[性交]往过密", "理[性交]流很重要",
		"消除黑[色情]绪", "人物的角[色情]感", "时[代孕]育了英雄", "双方展[开枪]战", "马[上吊]销执照", "网[上吊]唁逝者", "期[中奖]励优秀学生", "高[中奖]学金",
		"提[供奉]献的机会", "散[开枪]声四起", "乒乓球拍[卖会]", "中国[人民]币", "结[婚的]人", "和[尚未]来的人", "这件[衣服]务员", "发展[中国]家的经济", "他从马[上下]来",
		"地面积[水果]然很多", "计算[机会]议", "人[工会]议", "新[生活]动",
		"年轻[人口]味重", "上[海洛]川", "共[产党]员", "马[克思]主义",
	}
)

func cut(t *testing.T, text string) (left, hit, right []rune) {
	t.Helper()
	before, rest, found := strings.Cut(text, "[")
	inside, after, closed := strings.Cut(rest, "]")
	if !found || !closed {
		t.Fatalf("%q has no hit between brackets", text)
	}
	return []rune(before), []rune(inside), []rune(after)
}

func TestBorder(t *testing.T) {
	w := wordBook()
	for _, text := range bordered {
		if !w.border(cut(t, text)) {
			t.Errorf("%s: torn apart", text)
		}
	}
	for _, text := range crossed {
		if w.border(cut(t, text)) {
			t.Errorf("%s: taken for a word", text)
		}
	}
}

func TestBorderOfTheUnusual(t *testing.T) {
	w := wordBook()
	far := []rune(strings.Repeat("我们", 5000))
	if !w.border(far, []rune("冰毒"), far) || !w.border(nil, []rune("冰毒"), nil) || !w.border(nil, nil, nil) {
		t.Error("long, empty and absent contexts leave a word whole")
	}
	if !w.border(nil, []rune(strings.Repeat("大", hitReach+1)), nil) {
		t.Error("a hit too long to be read stays")
	}
	if w.border([]rune("ab"), []rune("cd"), []rune("ef")) {
		t.Error("a hit inside a run of letters is no word")
	}
	if !w.border([]rune("买"), []rune("k粉"), []rune("吗")) || w.border([]rune("o"), []rune("k粉"), []rune("丝")) {
		t.Error("a letter belongs to its run")
	}
	if !w.border([]rune("𠀀"), []rune("𠮷野"), []rune("\U0010FFFF，")) {
		t.Error("rare characters stand for themselves")
	}
	left, hit, right := cut(t, "今天天气不错我想买两个[大麻]袋装米回家做饭吃")
	if n := testing.AllocsPerRun(100, func() { w.border(left, hit, right) }); n != 0 {
		t.Errorf("%v allocations at a hit", n)
	}
}

func TestHas(t *testing.T) {
	w := wordBook()
	common, ok := w.has("我们")
	rare, also := w.has("大麻")
	if !ok || !also || common <= rare || rare == 0 {
		t.Errorf("我们 %d %v, 大麻 %d %v: the common word is the more frequent one", common, ok, rare, also)
	}
	for _, word := range []string{"", "吸冰", "中华人民共和国", "我們", "ab", "\U00020000\U00020000", "我\x00\x00们"} {
		if f, ok := w.has(word); ok {
			t.Errorf("%q is no word, and has frequency %d", word, f)
		}
	}
}

func TestWordTableIsFolded(t *testing.T) {
	w := wordBook()
	long := 0
	for key, freq := range w.freq {
		if freq == 0 {
			t.Errorf("%x: no frequency", key)
		}
		if key>>16 != 0 {
			long++
		}
		for ; key != 0; key >>= 16 {
			if r := rune(key & 0xFFFF); class(r) != han || simplify(r) != r {
				t.Errorf("%c is in a word, and not as folding leaves it", r)
			}
		}
	}
	if long < 30_000 || long > 40_000 {
		t.Errorf("%d words", long)
	}
	if len(wordTable) > 500<<10 {
		t.Errorf("the table takes %d bytes of the binary", len(wordTable))
	}
}

func BenchmarkBorder(b *testing.B) {
	w, left, hit, right := wordBook(), []rune("今天天气不错我想买两个"), []rune("大麻"), []rune("袋装米回家做饭吃")
	b.ReportAllocs()
	for b.Loop() {
		w.border(left, hit, right)
	}
}
