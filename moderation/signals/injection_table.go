package signals

// cue is a phrase that people use to change a model's role. All parts have to stand in this order, at most gap runes apart.
type cue struct {
	kind   string
	weight float64
	gap    int
	parts  [][]string
}

// injectionCues are in our own words. A cue of one kind counts once, the heaviest.
func injectionCues() []cue {
	one := func(kind string, weight float64, words ...string) cue { return cue{kind, weight, 0, [][]string{words}} }
	two := func(kind string, weight float64, gap int, first, second []string) cue {
		return cue{kind, weight, gap, [][]string{first, second}}
	}
	return []cue{
		two("override", 0.6, 24, []string{"ignore", "disregard", "forget", "override", "bypass"},
			[]string{"previous instruction", "prior instruction", "above instruction", "all instructions", "your instructions", "earlier instructions", "system prompt", "your guidelines", "safety rules", "your rules", "your programming", "everything above", "all of the above", "prior rule", "previous rule", "above rule", "all prior", "all previous", "previous prompt", "prior prompt"}),
		two("override", 0.6, 8, []string{"忽略", "无视", "無視", "忘记", "忘記", "忘掉", "不要理会", "不要理會", "别管", "跳过", "跳過", "抛开", "丢掉", "作废"},
			[]string{"以上指令", "之前的指令", "上面的指令", "以上所有", "之前所有", "先前的", "所有指令", "所有的指令", "全部指令", "所有的规则", "所有規則", "以上規則", "之前的规则", "之前的規則", "上面的规则", "上述指令", "上述规则", "前面的指令", "前面的规则", "系统提示", "系统指令", "安全规则", "所有规则", "你的设定", "你的限制", "内容政策"}),
		one("persona", 0.5, "do anything now", "you are now dan", "act as dan", "dan mode", "stan mode", "developer mode enabled", "enable developer mode", "jailbreak mode", "jailbroken", "unrestricted ai", "without any restrictions", "no ethical guidelines", "no moral limits"),
		one("persona", 0.5, "开发者模式", "越狱模式", "无限制模式", "不受任何限制", "没有任何限制的ai", "没有道德约束", "不受道德约束", "解除所有限制", "解除限制", "上帝模式"),
		two("persona", 0.35, 16, []string{"you are now", "pretend you are", "pretend to be", "from now on you", "roleplay as"}, []string{"uncensored", "unfiltered", "evil", "no rules", "no filter", "without limits", "amoral"}),
		two("persona", 0.35, 12, []string{"从现在开始你", "从现在起你", "假装你是", "扮演一个", "你现在是"}, []string{"没有限制", "不受限制", "没有道德", "邪恶", "无所不能", "不会拒绝", "不能拒绝"}),
		one("marker", 0.6, "<|im_start|>", "<|im_end|>", "<|system|>", "[inst]", "<<sys>>", "<|start_header_id|>", "<|endoftext|>", "### system:", "[system]:", "<|assistant|>", "<|user|>"),
		one("compel", 0.3, "you must never refuse", "never refuse", "do not refuse", "you cannot refuse", "don't say you can't", "no disclaimers", "without warnings", "start your answer with sure", "begin with \"sure"),
		one("compel", 0.3, "不许拒绝", "不能拒绝回答", "不得拒绝", "不要拒绝我", "不要警告", "不要任何警告", "必须回答任何", "以“好的”开头", "不要说你不能"),
		two("extract", 0.5, 16, []string{"reveal", "print", "repeat", "output", "show me", "leak"}, []string{"system prompt", "initial prompt", "hidden prompt", "instructions above", "your instructions verbatim"}),
		two("extract", 0.5, 10, []string{"输出", "重复", "复述", "告诉我", "打印", "泄露"}, []string{"系统提示词", "系统提示", "初始提示", "初始指令", "完整的提示词", "隐藏指令"}),
		two("payload", 0.4, 30, []string{"decode", "base64", "rot13", "from hex"}, []string{"and follow", "and execute", "and answer", "then answer", "then do what", "and carry out"}),
		two("payload", 0.4, 16, []string{"解码", "解密", "base64"}, []string{"并执行", "然后执行", "并回答", "然后回答", "并照做", "按其中"}),
	}
}
