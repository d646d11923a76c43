package answers

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// alike turns different words for the same into one. Ours.
var alike = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("怎么办理", "怎么办", "怎么样", "怎么", "怎么办", "怎么", "如何", "怎么", "怎样", "怎么", "咋", "怎么", "账户", "账号", "帐号", "账号", "帐户", "账号",
		"哪里", "哪", "哪儿", "哪", "几个", "多少", "多少个", "多少", "网上", "网络", "在线", "网络", "打开", "开启", "我国", "中国", "犯法", "违法", "每个月", "每月", "一个月", "每月",
		"一下", "", "真的", "", "受到", "受", "到底", "", "一个", "", "一些", "", "有没有", "有", "您好", "", "你好", "", "谢谢", "", "请问", "", "是否", "是", "能否", "能", "可否", "可", "钱款", "钱", "应当", "应该", "应不应该", "应该",
		"don't", "do not", "dont", "do not", "doesn't", "does not", "isn't", "is not", "aren't", "are not", "can't", "can not", "cannot", "can not", "won't", "will not", "shouldn't", "should not",
		"someone", "somebody", "e-mail", "email", "can you tell me ", "", "could you tell me ", "", "please tell me ", "", "i want to know ", "", "how i can ", "how to ", "how do i ", "how to ", "how can i ", "how to ", "how could i ", "how to ", "how should i ", "how to ", "how would i ", "how to ", "would like", "want", "i'd like", "i want")
})

// filler tells words and characters that two ways to ask the same differ in. None of them says who, how much, which, where to or not.
func filler(t string) bool {
	switch t {
	case "的", "地", "了", "吗", "呢", "啊", "呀", "吧", "嘛", "哦", "么", "请", "问", "个", "就", "都", "也", "能", "可", "以", "要", "会", "该", "想", "是", "有", "得", "着", "还",
		"a", "an", "the", "is", "are", "am", "be", "do", "doe", "did", "please", "can", "could", "would", "will", "really", "just", "exactly", "here", "kind", "now", "actually", "tell", "there", "this", "that", "some", "have", "has", "of":
		return true
	}
	return false
}

// person tells the words for who asks (1) and who is asked (2); 0 for others.
func person(t string) int {
	switch t {
	case "我", "俺", "i", "me", "my", "mine", "we", "us", "our":
		return 1
	case "你", "您", "贵", "you", "your":
		return 2
	}
	return 0
}

// sequence is what a question says, in its order: everything but what filler leaves out. Who asks is left out too unless the one asked is
// named as well: then it matters who does what to whom.
func sequence(letters []token) string {
	addressed := slices.ContainsFunc(letters, func(t token) bool { return person(string(t)) == 2 })
	var b strings.Builder
	for i, t := range letters {
		w := string(t)
		plural := w == "们" && i > 0 && person(string(letters[i-1])) > 0
		if filler(w) || plural && !addressed || !addressed && person(w) == 1 {
			continue
		}
		b.WriteString(w)
		b.WriteByte(0)
	}
	return b.String()
}

// negating are words that turn a question round; the forms in which they only ask (是不是) are gone by then, see plainly.
var negating = [...]string{"不", "没", "未", "无", "非", "别", "勿", "禁", "not", "no", "never", "without", "cannot", "dont", "cant", "wont", "isnt", "arent", "doesnt", "shouldnt", "mustnt", "unable", "stop", "avoid"}

// pairs are the sides on which two questions cannot be the same. The words of a side are alike.
var pairs = [...][2][]string{
	{{"买", "购", "buy", "purchase"}, {"卖", "售", "sell", "selling"}},
	{{"增加", "上涨", "提高", "increase", "raise"}, {"减少", "下跌", "降低", "decrease", "lower", "reduce"}},
	{{"开启", "打开", "开通", "上班", "on", "open", "enable", "activate", "start"}, {"关闭", "关掉", "停用", "下班", "off", "close", "disable", "deactivate", "end"}},
	{{"之前", "以前", "before"}, {"之后", "以后", "after"}},
	{{"进口", "导入", "import", "in"}, {"出口", "导出", "export", "out"}},
	{{"最大", "最多", "最高", "maximum", "highest", "most"}, {"最小", "最少", "最低", "minimum", "lowest", "least"}},
	{{"优点", "好处", "优势", "advantage", "benefit"}, {"缺点", "坏处", "劣势", "disadvantage", "drawback"}},
	{{"申请", "提交", "apply", "request", "file"}, {"撤回", "撤销", "取消", "拒绝", "withdraw", "cancel", "refuse"}},
	{{"注册", "create", "register"}, {"注销", "删除", "delete", "remove"}},
	{{"合法", "legal", "lawful"}, {"违法", "犯法", "illegal", "unlawful"}},
	{{"上传", "upload"}, {"下载", "download"}},
	{{"登录", "login"}, {"退出", "登出", "logout"}},
	{{"国内", "domestic"}, {"国外", "foreign", "abroad"}},
	{{"结婚", "marry"}, {"离婚", "divorce"}},
	{{"每月", "个月", "month", "monthly"}, {"每年", "一年", "year", "yearly"}},
}

// traitsOf are what a question cannot differ in from one that is the same.
func traitsOf(letters []token) traits {
	var t traits
	var numbers []string
	list := strs(letters)
	for _, w := range list {
		if unicode.IsDigit([]rune(w)[0]) || numeral(w) {
			numbers = append(numbers, w)
		}
		if slices.Contains(negating[:], w) {
			t.negations++
		}
	}
	t.numbers = strings.Join(numbers, " ")
	var sides strings.Builder
	for _, p := range pairs {
		for k, side := range p {
			if onSide(list, side) {
				sides.WriteByte("ab"[k])
			}
		}
		sides.WriteByte('.')
	}
	t.sides = sides.String()
	return t
}

// onSide tells whether a text has a word of a side of a pair.
func onSide(list, side []string) bool {
	whole := strings.Join(list, "")
	return slices.ContainsFunc(side, func(w string) bool {
		return w[0] >= utf8.RuneSelf && strings.Contains(whole, w) || slices.Contains(list, w)
	})
}

func numeral(w string) bool {
	switch w {
	case "零", "〇", "一", "二", "两", "三", "四", "五", "六", "七", "八", "九", "十", "百", "千", "万", "亿", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "hundred", "thousand", "million", "one", "first", "second", "third":
		return true
	}
	return false
}
