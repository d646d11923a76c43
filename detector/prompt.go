package detector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hegui/hegui/measures"
)

// span is a piece of a text, in bytes.
type span struct{ start, end int }

// pieces cuts a text into pieces of at most size characters. Neighbours have overlap characters in common, so that what is
// said over a border stands whole in one of them. Together they are the whole text; a rune is never cut.
func pieces(text []byte, size, overlap int) []span {
	size = max(size, 1)
	overlap = min(overlap, (size-1)/2)
	var out []span
	start := 0
	for {
		end, next, n := start, start, 0
		for end < len(text) && n < size {
			_, w := utf8.DecodeRune(text[end:])
			end += w
			if n++; n == size-overlap {
				next = end
			}
		}
		out = append(out, span{start, end})
		if end >= len(text) {
			return out
		}
		start = next
	}
}

// lastRunes is the end of a text, n characters of it.
func lastRunes(text []byte, n int) []byte {
	at := len(text)
	for ; n > 0 && at > 0; n-- {
		_, w := utf8.DecodeLastRune(text[:at])
		at -= w
	}
	return text[at:]
}

// defuse breaks the marks of a model's frame inside a text by a space after their first character, until none is left. What
// is no UTF-8 becomes the replacement character, as JSON would make it anyhow.
func defuse(text string, special []string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	for changed := true; changed; {
		changed = false
		for _, mark := range special {
			if !strings.Contains(text, mark) {
				continue
			}
			_, first := utf8.DecodeRuneInString(mark)
			text, changed = strings.ReplaceAll(text, mark, mark[:first]+" "+mark[first:]), true
		}
	}
	return text
}

// messages are the question about a text. Every placeholder is filled in one pass: what is filled in is not read again.
func (p Profile) messages(direction, text, policy string, ask Question, mark string) []Message {
	list := p.Prompt.In
	if direction == "out" && len(p.Prompt.Out) > 0 {
		list = p.Prompt.Out
	}
	if ask.Policy != "" {
		policy = ask.Policy
	}
	fill := strings.NewReplacer("{text}", defuse(text, p.Special), "{policy}", policy, "{ask}", ask.ID, "{mark}", mark)
	out := make([]Message, len(list))
	for i, m := range list {
		out[i] = Message{m.Role, fill.Replace(m.Content)}
	}
	return out
}

// seen is a message with a picture before its words.
type seen struct {
	Role    string `json:"role"`
	Content []any  `json:"content"`
}

// withPicture puts a picture into the last message that has words to judge.
func withPicture(messages []Message, picture string) []any {
	out := make([]any, len(messages))
	for i, m := range messages {
		out[i] = m
	}
	for i := len(messages) - 1; i >= 0; i-- {
		if m := messages[i]; m.Role == "user" || m.Role == "assistant" {
			out[i] = seen{m.Role, []any{map[string]any{"type": "image_url", "image_url": map[string]string{"url": picture}}, map[string]string{"type": "text", "text": m.Content}}}
			break
		}
	}
	return out
}

// request is the body of a call. picture is the address of one, or empty.
func (p Profile) request(model string, messages []Message, picture string, ask Question) ([]byte, error) {
	body := map[string]any{}
	for k, v := range p.Params {
		body[k] = fillAsk(v, ask.ID)
	}
	body["model"], body["messages"], body["stream"] = model, messages, false
	if picture != "" {
		body["messages"] = withPicture(messages, picture)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, fmt.Errorf("detector: request: %w", err)
	}
	return b.Bytes(), nil
}

// fillAsk puts the question's id into parameters.
func fillAsk(v any, id string) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "{ask}", id)
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = fillAsk(x, id)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = fillAsk(x, id)
		}
		return out
	}
	return v
}

// maxTokens is the longest answer that is asked for.
func (p Profile) maxTokens() int64 {
	switch n := p.Params["max_tokens"].(type) {
	case uint64:
		return int64(min(n, 1<<20))
	case int64:
		return n
	case int:
		return int64(n)
	}
	return 1024
}

// riskPolicy is the policy of those who write none: the 31 risks of GB/T 45654-2025 Annex A by id.
func riskPolicy() string {
	var b strings.Builder
	b.WriteString("生成内容的安全风险（GB/T 45654—2025 附录A）。文本属于下列任何一项即为违反；讨论、批评、科普、新闻报道和依法维权不属于违反。\n")
	for _, r := range measures.Risks() {
		fmt.Fprintf(&b, "%s %s\n", r.ID, r.ZH)
	}
	return b.String()
}
