package gateway

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/hegui/hegui/exchange"
)

// refuse answers a refused or guided input as an assistant message, in the shape the client asked for. A refusal is our own fixed
// text and no generated content: it carries no AI label (law: the mark is only for generated content, law_addendum C12).
func (g *Gateway) refuse(c *call, in *Interruption) {
	text := string(appendJSON(nil, []byte(in.Message)))
	model := string(appendJSON(nil, []byte(c.route.Name)))
	note := string(jsonObject(map[string]any{"exchange": c.id, "verdict": in.Verdict, "reason": cmp.Or(in.Public, in.Reason), "appeal": in.Link,
		"label": map[string]any{"explicit": "none"}, "ui": []string{}}))
	created := strconv.FormatInt(c.started.Unix(), 10)
	h := c.w.Header()
	h.Set("X-Hegui-Exchange", c.id)
	chat := c.op.name == "chat"
	finish := "content_filter"
	if in.Verdict == exchange.Guide {
		finish = "stop" // an answer, if another than asked for
	}
	if !c.stream {
		object, choice := "chat.completion", `"message":{"role":"assistant","content":`+text+`,"refusal":null}`
		if !chat {
			object, choice = "text_completion", `"text":`+text
		}
		body := `{"id":"` + c.id + `","object":"` + object + `","created":` + created + `,"model":` + model + `,"choices":[{"index":0,` + choice +
			`,"logprobs":null,"finish_reason":"` + finish + `"}],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0},"hegui":` + note + `}`
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		c.w.WriteHeader(http.StatusOK)
		_, _ = c.w.Write([]byte(body))
		return
	}
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	c.w.WriteHeader(http.StatusOK)
	chunk := func(choice, finished, more string) string {
		object := "chat.completion.chunk"
		if !chat {
			object = "text_completion"
		}
		return `data: {"id":"` + c.id + `","object":"` + object + `","created":` + created + `,"model":` + model + `,"choices":[{"index":0,` + choice +
			`,"logprobs":null,"finish_reason":` + finished + `}]` + more + "}\n\n"
	}
	var b strings.Builder
	if chat {
		b.WriteString(chunk(`"delta":{"role":"assistant","content":`+text+`}`, "null", `,"hegui":`+note))
		b.WriteString(chunk(`"delta":{}`, `"`+finish+`"`, ""))
	} else {
		b.WriteString(chunk(`"text":`+text, `"`+finish+`"`, `,"hegui":`+note))
	}
	b.WriteString("data: [DONE]\n\n")
	_, _ = c.w.Write([]byte(b.String()))
}
