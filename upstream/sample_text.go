package upstream

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What the sample model says when it is asked to misbehave. The number is a carrier's service number and the resident ID
// is the example printed in GB 11643, so that neither belongs to a person.
const (
	sampleHarmZH = "出售冰毒，包邮到家，加微信详谈。"
	sampleHarmEN = "Buy crystal meth here (出售冰毒), free delivery."
	sampleMobile = "13800138000"
	sampleID18   = "11010519491231002X"
)

// reply is the sample model's answer to a question; seed picks among the templates.
func reply(question string, seed uint64) string {
	zh := chinese(question)
	switch {
	case strings.Contains(question, SampleHarm) && zh:
		return "我是 hegui 内置的演示模型。下面应演示要求说一句明显违法的话，请看护栏如何处理：" + sampleHarmZH + "这之后的文字不应出现在你的屏幕上。"
	case strings.Contains(question, SampleHarm):
		return "I am hegui's built-in sample model. As asked, here comes a plainly illegal sentence; watch the guards: " + sampleHarmEN + " Nothing after this should reach your screen."
	case strings.Contains(question, SamplePII) && zh:
		return "我是 hegui 内置的演示模型，以下信息为演示编造：张三，手机 " + sampleMobile + "，身份证号 " + sampleID18 + "。个人信息护栏开启时，你看到的应是遮蔽后的文字。"
	case strings.Contains(question, SamplePII):
		return "I am hegui's built-in sample model; this is made up for the demo: Zhang San, mobile " + sampleMobile + ", resident ID " + sampleID18 + ". With the privacy guard on you should see it masked."
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	lower := strings.ToLower(question)
	for _, word := range []string{"代码", "编程", "python", "code", "函数", "function"} {
		if strings.Contains(lower, word) {
			return codeReply(zh, topic(question, zh))
		}
	}
	if t := topic(question, zh); t == "" {
		if zh {
			return "你好！我是 hegui 内置的演示模型，这是一段示例回答。请随便问我一个问题，看看回答如何逐字生成、审核并加上标识。"
		}
		return "Hello! I am hegui's built-in sample model, and this is a sample answer. Ask me anything to see how an answer is streamed, screened and labelled."
	} else if zh {
		return fmt.Sprintf(repliesZH[rng.IntN(len(repliesZH))], t)
	} else {
		return fmt.Sprintf(repliesEN[rng.IntN(len(repliesEN))], t)
	}
}

// Each has its topic exactly once or uses %[1]s, and says that it is a sample.
var repliesZH = [...]string{
	"关于“%[1]s”，可以从三个方面来看。第一，先弄清楚问题的背景和要达到的目的；第二，把它拆成几个能够逐一回答的小问题；第三，找可靠的资料核对每一步的结论。以上是 hegui 内置演示模型给出的示例回答，并非真实模型的意见。",
	"你问的是“%[1]s”。我是 hegui 内置的演示模型，只会按模板作答：通常的做法是先收集事实，再比较不同的选择，最后说明理由。接入真实模型之后，同样的问题会得到真正的回答，而审核、标识和记录的过程与现在完全一样。",
	"这是一段示例回答。说到“%[1]s”，不妨先列出已经知道的内容，再写下还不确定的地方，这样更容易看出下一步该做什么。需要说明的是，我是 hegui 内置的演示模型，内容仅用于展示流式输出。",
	"好的，我们来谈谈“%[1]s”。简单地说，要点有两个：一是抓住最重要的部分，二是留出时间检查结果。如果你愿意，我可以继续展开其中任何一点。（本回答由 hegui 内置演示模型生成，仅为示例。）",
}

var repliesEN = [...]string{
	"About \"%[1]s\": it helps to look at it from three sides. First, what is the background and the aim; second, which smaller questions can be answered one by one; third, which sources confirm each step. This is a sample answer by hegui's built-in sample model, not the view of a real one.",
	"You asked: \"%[1]s\". I am hegui's built-in sample model and answer from templates only. A good start is to collect the facts, compare the choices and give reasons. With a real model connected the same question gets a real answer, screened, labelled and recorded in just the same way.",
	"Here is a sample answer. On \"%[1]s\", write down what is known, then what is still open; the next step is usually easy to see from there. Please note that I am hegui's built-in sample model and only show how an answer streams.",
	"Let us talk about \"%[1]s\". In short there are two points: keep to what matters most, and leave time to check the result. I can go into either of them. (Sample text by hegui's built-in sample model.)",
}

func codeReply(zh bool, topic string) string {
	if zh {
		return fmt.Sprintf("下面是一段示例代码，回应“%s”。我是 hegui 内置的演示模型，代码只是演示：\n\n```python\ndef greet(name: str) -> str:\n    return f\"你好，{name}\"\n\nprint(greet(\"合规\"))\n```\n\n运行后会打印一句问候。", topic)
	}
	return fmt.Sprintf("Here is some sample code for \"%s\". I am hegui's built-in sample model, so it is only a demonstration:\n\n```python\ndef greet(name: str) -> str:\n    return f\"Hello, {name}\"\n\nprint(greet(\"hegui\"))\n```\n\nIt prints a greeting.", topic)
}

// afterTool answers once a tool has been called.
func afterTool(question, result string) string {
	if chinese(question) {
		return "工具返回的结果是：" + clip(result, 200) + "。以上由 hegui 内置演示模型整理，仅为示例。"
	}
	return "The tool returned: " + clip(result, 200) + ". Put together by hegui's built-in sample model, as a sample only."
}

// jsonAnswer is for JSON mode.
func jsonAnswer(question string) string {
	zh := chinese(question)
	note := "This is sample output of hegui's built-in sample model."
	if zh {
		note = "这是 hegui 内置演示模型的示例输出。"
	}
	return jsonText(map[string]any{"sample": true, "note": note, "topic": topic(question, zh), "points": []int{1, 2, 3}})
}

// chinese says whether a question reads as Chinese: two letters of an alphabet weigh as much as one Han character.
func chinese(s string) bool {
	han, latin := 0, 0
	s = strings.NewReplacer(SampleHarm, "", SamplePII, "").Replace(s)
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Han, r):
			han++
		case unicode.IsLetter(r):
			latin++
		}
	}
	return han > 0 && 2*han >= latin/2 || latin == 0
}

// topic is the beginning of a question, short enough to be quoted.
func topic(question string, zh bool) string {
	line, _, _ := strings.Cut(strings.TrimSpace(question), "\n")
	line = strings.Trim(strings.Join(strings.Fields(line), " "), "\"'“”「」。，！？、.!?,;；:： ")
	if zh {
		return clip(line, 28)
	}
	if words := strings.Fields(line); len(words) > 14 {
		return strings.Join(words[:14], " ") + " …"
	}
	return clip(line, 120)
}

// clip cuts s after n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// tokens cuts text the way the sample model counts it: a Han character, a word with the blank before it, a punctuation mark.
// Joined they are the text again.
func tokens(text string) []string {
	var out []string
	start, word := 0, false
	for i, r := range text {
		letter := (unicode.IsLetter(r) || unicode.IsDigit(r)) && !unicode.Is(unicode.Han, r)
		blank := i > start && strings.TrimSpace(text[start:i]) == "" // a blank joins what follows it
		if i > start && !(word && letter) && !blank {
			out, start = append(out, text[start:i]), i
		}
		word = letter
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}

// pieces joins one to four tokens each, as models do who stream more than one at a time.
func pieces(tokens []string, rng *rand.Rand) []string {
	var out []string
	for len(tokens) > 0 {
		n := min(1+rng.IntN(4), len(tokens))
		out, tokens = append(out, strings.Join(tokens[:n], "")), tokens[n:]
	}
	return out
}
