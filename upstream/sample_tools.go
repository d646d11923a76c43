package upstream

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

type sampleTool struct {
	Type     string `json:"type"`
	Function struct {
		Name       string         `json:"name"`
		Parameters map[string]any `json:"parameters"`
	} `json:"function"`
}

// sampleCall is a call of a tool.
type sampleCall struct{ id, name, arguments string }

// callFor decides whether the answer is a call: when tool_choice demands one, or the question names a tool and no tool
// has answered yet.
func (q *sampleRequest) callFor(question, result string) *sampleCall {
	var mode string
	var choice struct {
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	_ = json.Unmarshal(q.ToolChoice, &mode)
	_ = json.Unmarshal(q.ToolChoice, &choice)
	if mode == "none" {
		return nil
	}
	lower := strings.ToLower(question)
	for _, t := range q.Tools {
		name := t.Function.Name
		spoken := strings.NewReplacer("_", " ", "-", " ").Replace(strings.ToLower(name))
		named := strings.Contains(lower, strings.ToLower(name)) || strings.Contains(lower, spoken)
		switch {
		case name == "", choice.Function.Name != "" && choice.Function.Name != name:
			continue
		case choice.Function.Name == name, mode == "required", named && result == "":
			arguments := plausible("", t.Function.Parameters, question, 0)
			if _, ok := arguments.(map[string]any); !ok {
				arguments = map[string]any{}
			}
			return &sampleCall{"call_sample" + strconv.FormatUint(q.seed, 36), name, jsonText(arguments)}
		}
	}
	return nil
}

func (c *sampleCall) whole() map[string]any {
	return map[string]any{"id": c.id, "type": "function", "function": map[string]any{"name": c.name, "arguments": c.arguments}}
}

// deltas streams a call: its name first, its arguments in pieces.
func (c *sampleCall) deltas(rng *rand.Rand) []any {
	delta := func(call map[string]any) any {
		call["index"] = 0
		return map[string]any{"tool_calls": []any{call}}
	}
	out := []any{delta(map[string]any{"id": c.id, "type": "function", "function": map[string]any{"name": c.name, "arguments": ""}})}
	for _, piece := range pieces(tokens(c.arguments), rng) {
		out = append(out, delta(map[string]any{"function": map[string]any{"arguments": piece}}))
	}
	return out
}

var number = regexp.MustCompile(`-?\d+(\.\d+)?`)

// places are looked for in a question when a schema asks for one.
var places = [...]string{"北京", "上海", "广州", "深圳", "杭州", "成都", "Beijing", "Shanghai", "Shenzhen", "London", "Paris", "Tokyo"}

// plausible makes a value that fits a JSON schema, from the question's words where it can. Required properties come first
// in nobody's order: objects are written with sorted names.
func plausible(name string, schema map[string]any, question string, depth int) any {
	if v, ok := schema["const"]; ok {
		return v
	}
	if list, ok := schema["enum"].([]any); ok && len(list) > 0 {
		for _, v := range list {
			if s, ok := v.(string); ok && len(s) > 1 && strings.Contains(question, s) { // a single letter is in every question
				return v
			}
		}
		return list[0]
	}
	kind, _ := schema["type"].(string)
	if list, ok := schema["type"].([]any); ok && len(list) > 0 {
		kind, _ = list[0].(string)
	}
	properties, _ := schema["properties"].(map[string]any)
	switch {
	case kind == "object" || properties != nil:
		out := map[string]any{}
		for k, v := range properties {
			if sub, ok := v.(map[string]any); ok && depth < 8 {
				out[k] = plausible(k, sub, question, depth+1)
			}
		}
		return out
	case kind == "array":
		if items, ok := schema["items"].(map[string]any); ok && depth < 8 {
			return []any{plausible(name, items, question, depth+1)}
		}
		return []any{}
	case kind == "integer" || kind == "number":
		if s := number.FindString(question); s != "" {
			if f, err := strconv.ParseFloat(s, 64); err == nil && kind == "number" {
				return f
			} else if err == nil {
				return int64(f)
			}
		}
		if low, ok := schema["minimum"].(float64); ok {
			return low
		}
		return 1
	case kind == "boolean":
		return true
	case kind == "null":
		return nil
	}
	return word(strings.ToLower(name), question)
}

// word is a plausible text for a property of this name.
func word(name, question string) string {
	zh := chinese(question)
	switch {
	case strings.Contains(name, "city") || strings.Contains(name, "location") || strings.Contains(name, "place"):
		for _, p := range places {
			if strings.Contains(question, p) {
				return p
			}
		}
		if zh {
			return "北京"
		}
		return "Beijing"
	case strings.Contains(name, "date"):
		return "2026-01-01"
	case strings.Contains(name, "time"):
		return "09:00"
	case topic(question, zh) != "":
		return topic(question, zh)
	case zh:
		return "演示"
	}
	return "sample"
}

// embeddings answers with unit vectors that depend on the text alone; texts that share characters lie closer together.
func (s Sample) embeddings(w http.ResponseWriter, r *http.Request, q *sampleRequest) {
	inputs, err := embeddingInputs(q.Input)
	if err != nil {
		refuse(w, http.StatusBadRequest, "input", err.Error())
		return
	}
	if q.Dimensions == 0 {
		q.Dimensions = 256
	}
	if q.Dimensions < 1 || q.Dimensions > 4096 {
		refuse(w, http.StatusBadRequest, "dimensions", fmt.Sprintf("dimensions is %d: the sample model gives 1 to 4096", q.Dimensions))
		return
	}
	used := 0
	var data []any
	for i, in := range inputs {
		used += len(tokens(in))
		v := vector(in, q.Dimensions)
		var out any = v
		if q.EncodingFormat == "base64" {
			raw := make([]byte, 0, 4*len(v))
			for _, f := range v {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
			}
			out = base64.StdEncoding.EncodeToString(raw)
		}
		data = append(data, map[string]any{"object": "embedding", "index": i, "embedding": out})
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "model": q.Model, "data": data,
		"usage": map[string]int{"prompt_tokens": used, "total_tokens": used}})
}

// embeddingInputs reads a text, a list of texts, a list of token numbers, or a list of such lists.
func embeddingInputs(raw json.RawMessage) ([]string, error) {
	if in := texts(raw); len(in) > 0 {
		return in, nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil, fmt.Errorf("input must be a text or a list of texts, and not empty")
	}
	var one []int
	if json.Unmarshal(raw, &one) == nil {
		return []string{string(raw)}, nil
	}
	var out []string
	for _, item := range list {
		if json.Unmarshal(item, &one) != nil {
			return nil, fmt.Errorf("input holds something that is neither a text nor a list of token numbers")
		}
		out = append(out, string(item))
	}
	return out, nil
}

func vector(text string, dims int) []float32 {
	v := make([]float64, dims)
	add := func(s string) {
		h := fnv.New64a()
		_, _ = h.Write([]byte(s))
		rng := rand.New(rand.NewPCG(h.Sum64(), 4))
		for i := range v {
			v[i] += rng.NormFloat64()
		}
	}
	add("") // so that an empty text has a direction too
	runes := []rune(text)
	for i := range runes[:min(len(runes), 512)] {
		add(string(runes[i:min(i+2, len(runes))]))
	}
	sum := 0.0
	for _, f := range v {
		sum += f * f
	}
	out := make([]float32, dims)
	for i, f := range v {
		out[i] = float32(f / math.Sqrt(sum))
	}
	return out
}
