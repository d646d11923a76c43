package upstream

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

type completion struct {
	ID, Object, Model string
	Choices           []struct {
		Index        int
		Text         string
		Finish       *string `json:"finish_reason"`
		Message      said
		Delta        said
		FinishReason string `json:"-"`
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
	Error *struct{ Message, Param, Code string }
}

type said struct {
	Role      string
	Content   *string
	ToolCalls []struct {
		Index    int
		ID, Type string
		Function struct{ Name, Arguments string }
	} `json:"tool_calls"`
}

// heard is a plain or a streamed answer put together.
type heard struct {
	text, finish, calls map[int]string
	callName            string
	chunks              int
	usage               int // completion tokens; -1 when not told
	done                bool
	status              int
	problem             string
}

func ask(t *testing.T, url, path, body string) heard {
	t.Helper()
	p := newPool(t, nil, Endpoint{Name: "s", BaseURL: url})
	resp, err := p.Do(t.Context(), []Target{{Endpoint: "s"}}, Request{Method: http.MethodPost, Path: path, Body: func(Target) []byte { return []byte(body) }})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	h := heard{text: map[int]string{}, finish: map[int]string{}, calls: map[int]string{}, usage: -1, status: resp.StatusCode}
	add := func(data []byte) {
		var c completion
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if c.Error != nil {
			h.problem = c.Error.Param + ": " + c.Error.Message
		}
		if c.Usage != nil {
			h.usage = c.Usage.Completion
			if c.Usage.Prompt+c.Usage.Completion != c.Usage.Total {
				t.Errorf("usage does not add up: %s", data)
			}
		}
		for _, ch := range c.Choices {
			for _, s := range []said{ch.Message, ch.Delta} {
				if s.Content != nil {
					h.text[ch.Index] += *s.Content
				}
				for _, call := range s.ToolCalls {
					h.callName += call.Function.Name
					h.calls[ch.Index] += call.Function.Arguments
				}
			}
			h.text[ch.Index] += ch.Text
			if ch.Finish != nil {
				h.finish[ch.Index] = *ch.Finish
			}
		}
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		add(b)
		return h
	}
	for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
		data, ok := strings.CutPrefix(sc.Text(), "data: ")
		switch {
		case data == "[DONE]":
			h.done = true
		case ok:
			h.chunks++
			add([]byte(data))
		case sc.Text() != "":
			t.Errorf("not an event: %q", sc.Text())
		}
	}
	return h
}

const still = SampleURL + "?pace=0s"

func sampleAsk(t *testing.T, body string) heard { return ask(t, still, "/chat/completions", body) }

// Streamed and not, the same request says the same, in its own language, and always that it is a sample.
func TestSampleSaysWhatItIs(t *testing.T) {
	questions := map[string][]string{
		"zh": {"怎样学好写作？", "介绍一下杭州的春天", "用 Python 写一段代码", "", "[[sample:pii]] 请给我一个例子", "你好", "JSON 是什么格式"},
		"en": {"How do I learn to write well?", "Tell me about spring in Hangzhou", "Write some code please", "[[sample:pii]] show me one", "Translate 你好 into English for me please now"},
	}
	different := map[string]bool{}
	for lang, list := range questions {
		for _, question := range list {
			body := func(stream bool) string {
				return jsonText(map[string]any{"model": "m", "stream": stream, "messages": []any{map[string]any{"role": "user", "content": question}}})
			}
			plain := sampleAsk(t, body(false))
			streamed := sampleAsk(t, body(true))
			mark := "hegui 内置"
			if lang == "en" {
				mark = "hegui's built-in sample model"
			}
			for _, h := range []heard{plain, streamed} {
				if !strings.Contains(h.text[0], mark) || h.finish[0] != "stop" {
					t.Errorf("%q: %q (%s) does not say %q", question, h.text[0], h.finish[0], mark)
				}
			}
			if !streamed.done || streamed.chunks < 10 || streamed.usage != -1 {
				t.Errorf("%q: done %v, %d chunks, usage %d", question, streamed.done, streamed.chunks, streamed.usage)
			}
			if plain.usage < 10 || plain.usage != len(tokens(plain.text[0])) {
				t.Errorf("%q: usage %d for %d tokens", question, plain.usage, len(tokens(plain.text[0])))
			}
			different[plain.text[0]] = true
		}
	}
	if len(different) != 12 {
		t.Errorf("12 questions got %d different answers", len(different))
	}
}

func TestSampleParameters(t *testing.T) {
	user := `"messages":[{"role":"system","content":"x"},{"role":"user","content":[{"type":"text","text":"讲讲长城的历史"},{"type":"image_url","image_url":{"url":"data:"}}]}]`
	for _, stream := range []string{"false", "true"} {
		t.Run("stream "+stream, func(t *testing.T) {
			head := `{"model":"m","stream":` + stream + `,"unknown_x":{"a":[1]},"temperature":0.7,` + user
			h := sampleAsk(t, head+`,"n":3,"stream_options":{"include_usage":true}}`)
			if len(h.text) != 3 || h.text[0] == "" || h.text[0] == h.text[1] && h.text[1] == h.text[2] || h.usage < 30 {
				t.Errorf("n=3: %+v", h)
			}
			if !strings.Contains(h.text[0], "长城") {
				t.Errorf("a list of parts was not read: %q", h.text[0])
			}
			h = sampleAsk(t, head+`,"max_tokens":5,"stream_options":{"include_usage":true}}`)
			if h.finish[0] != "length" || h.usage != 5 || len(tokens(h.text[0])) != 5 {
				t.Errorf("max_tokens=5: %+v", h)
			}
			h = sampleAsk(t, head+`,"stop":["，","。"]}`)
			if strings.ContainsAny(h.text[0], "，。") || h.finish[0] != "stop" || h.text[0] == "" {
				t.Errorf("stop: %+v", h)
			}
			h = sampleAsk(t, head+`,"response_format":{"type":"json_object"}}`)
			var v struct {
				Sample bool
				Note   string
			}
			if err := json.Unmarshal([]byte(h.text[0]), &v); err != nil || !v.Sample || !strings.Contains(v.Note, "示例") {
				t.Errorf("JSON mode: %q %v", h.text[0], err)
			}
			h = sampleAsk(t, head+`,"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"object","properties":{"city":{"type":"string"},"list":{"type":"array","items":{"type":"integer","minimum":3}},"ok":{"type":"boolean"}}}}}}`)
			if h.text[0] != `{"city":"北京","list":[3],"ok":true}` {
				t.Errorf("JSON schema: %s", h.text[0])
			}
		})
	}
}

func TestSampleTools(t *testing.T) {
	tools := `,"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},"unit":{"type":"string","enum":["c","f"]}}}}},{"type":"function","function":{"name":"search","parameters":{"type":"object","properties":{"query":{"type":"string"}}}}}]`
	tests := []struct {
		name, question, more, history string
		call, arguments               string
	}{
		{"named", "用 get_weather 查上海 3 天的天气", "", "", "get_weather", `{"city":"上海","days":3,"unit":"c"}`},
		{"named in words", "Please get weather for Paris", "", "", "get_weather", `{"city":"Paris","days":1,"unit":"c"}`},
		{"not named", "讲个故事", "", "", "", ""},
		{"required", "讲个故事", `,"tool_choice":"required"`, "", "get_weather", `{"city":"北京","days":1,"unit":"c"}`},
		{"this one", "讲个故事", `,"tool_choice":{"type":"function","function":{"name":"search"}}`, "", "search", `{"query":"讲个故事"}`},
		{"none", "用 get_weather 查上海", `,"tool_choice":"none"`, "", "", ""},
		{"answered", "用 get_weather 查上海", "", `,{"role":"assistant","content":null,"tool_calls":[]},{"role":"tool","content":"晴，25 度"}`, "", ""},
	}
	for _, tt := range tests {
		for _, stream := range []string{"false", "true"} {
			h := sampleAsk(t, `{"stream":`+stream+`,"messages":[{"role":"user","content":"`+tt.question+`"}`+tt.history+`]`+tools+tt.more+`}`)
			want := "stop"
			if tt.call != "" {
				want = "tool_calls"
			}
			if h.callName != tt.call || h.calls[0] != tt.arguments || h.finish[0] != want {
				t.Errorf("%s, stream %s: %s %s %s", tt.name, stream, h.callName, h.calls[0], h.finish[0])
			}
			if tt.history != "" && !strings.Contains(h.text[0], "晴，25 度") {
				t.Errorf("the tool's result was not used: %q", h.text[0])
			}
		}
	}
}

func TestSampleOtherPaths(t *testing.T) {
	for _, stream := range []string{"false", "true"} {
		h := ask(t, still, "/completions", `{"model":"m","stream":`+stream+`,"prompt":["讲讲茶","Tell me about tea"]}`)
		if !strings.Contains(h.text[0], "茶") || !strings.Contains(h.text[1], "about tea") || h.finish[1] != "stop" {
			t.Errorf("completions: %+v", h)
		}
	}
	for body, want := range map[string]string{
		`{`:               "body: the body is not the JSON expected",
		`{"messages":[]}`: "messages: messages is empty",
		`{"messages":[{"role":"user","content":"x"}],"n":99}`: "n: n is 99",
	} {
		if h := sampleAsk(t, body); h.status != 400 || !strings.HasPrefix(h.problem, want) {
			t.Errorf("%s: %d %s", body, h.status, h.problem)
		}
	}
	if h := ask(t, still, "/audio/noise", `{}`); h.status != 404 {
		t.Errorf("unknown path: %d", h.status)
	}
	p := newPool(t, nil, Endpoint{Name: "s", BaseURL: still})
	resp, err := p.Do(t.Context(), []Target{{Endpoint: "s"}}, Request{Method: http.MethodGet, Path: "/models"})
	if got := outcome(resp, err); !strings.Contains(got, `"id":"hegui-sample"`) {
		t.Errorf("models: %s", got)
	}
}

func TestSampleEmbeddings(t *testing.T) {
	embed := func(input, more string) [][]float64 {
		t.Helper()
		p := newPool(t, nil, Endpoint{Name: "s", BaseURL: still})
		resp, err := p.Do(t.Context(), []Target{{Endpoint: "s"}}, Request{Method: http.MethodPost, Path: "/embeddings", Body: func(Target) []byte {
			return []byte(`{"model":"m","input":` + input + more + `}`)
		}})
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		defer resp.Body.Close()
		var out struct {
			Data []struct{ Embedding json.RawMessage }
		}
		if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		var vs [][]float64
		for _, d := range out.Data {
			var v []float64
			var s string
			if json.Unmarshal(d.Embedding, &s) == nil {
				raw, _ := base64.StdEncoding.DecodeString(s)
				for ; len(raw) >= 4; raw = raw[4:] {
					v = append(v, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))))
				}
			} else if err := json.Unmarshal(d.Embedding, &v); err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for _, f := range v {
				sum += f * f
			}
			if math.Abs(sum-1) > 1e-5 {
				t.Errorf("not a unit vector: %f", sum)
			}
			vs = append(vs, v)
		}
		return vs
	}
	dot := func(a, b []float64) (s float64) {
		for i := range a {
			s += a[i] * b[i]
		}
		return s
	}
	v := embed(`["今天天气很好","今天天气不错","stock market news"]`, "")
	if near, far := dot(v[0], v[1]), dot(v[0], v[2]); near < far+0.2 {
		t.Errorf("like texts %f, unlike texts %f", near, far)
	}
	again := embed(`"今天天气很好"`, `,"encoding_format":"base64"`)
	if len(again[0]) != 256 || dot(v[0], again[0]) < 0.9999 {
		t.Error("the same text in base64 gives another vector")
	}
	if v := embed(`[[1,2,3],[4]]`, `,"dimensions":16`); len(v) != 2 || len(v[0]) != 16 {
		t.Errorf("token numbers: %d vectors", len(v))
	}
}

func TestSampleStreamsAtAHumanPaceAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, nil, Endpoint{Name: "s", BaseURL: SampleURL})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		resp, err := p.Do(ctx, []Target{{Endpoint: "s"}}, Request{Method: http.MethodPost, Path: "/chat/completions", Stream: true,
			Body: func(Target) []byte {
				return []byte(`{"stream":true,"messages":[{"role":"user","content":"讲讲长城"}]}`)
			}})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		sc := bufio.NewScanner(resp.Body)
		last := time.Now()
		for n := 0; n < 20 && sc.Scan(); {
			if sc.Text() == "" {
				continue
			}
			if d := time.Since(last); n > 0 && (d < 30*time.Millisecond || d > 60*time.Millisecond) {
				t.Errorf("piece %d came after %s", n, d)
			}
			last = time.Now()
			n++
		}
		cancel()
		for sc.Scan() {
			if strings.Contains(sc.Text(), "[DONE]") {
				t.Error("the stream went on to its end after the client had left")
			}
		}
		synctest.Wait() // synctest.Test fails when the handler's goroutine stays
	})
}

func TestProbeSaysWhatItIsTold(t *testing.T) {
	text := "一二三 <b>&\n\"x\" 出售冰毒 \U0001F600"
	for _, path := range []string{"/chat/completions", "/completions"} {
		for _, stream := range []bool{false, true} {
			h := ask(t, ProbeURL, path, jsonText(map[string]any{"model": "m", "stream": stream, "messages": []any{}, "metadata": map[string]any{"hegui_probe": text}}))
			if h.text[0] != text || h.finish[0] != "stop" {
				t.Errorf("%s stream %v: %q", path, stream, h.text[0])
			}
			if stream && h.chunks < 7 {
				t.Errorf("the stream came in %d chunks; it must be cut small", h.chunks)
			}
		}
	}
	if h := ask(t, ProbeURL, "/chat/completions", `{"messages":[]}`); h.status != 400 || !strings.HasPrefix(h.problem, "metadata.hegui_probe") {
		t.Errorf("%d %s", h.status, h.problem)
	}
}

// The made-up resident ID must be one that a check digit accepts, else the guard rightly ignores it.
func TestSampleResidentIDIsWellFormed(t *testing.T) {
	sum := 0
	for i, w := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(sampleID18[i]-'0') * w
	}
	if want := "10X98765432"[sum%11]; sampleID18[17] != want {
		t.Errorf("check digit %c, want %c", sampleID18[17], want)
	}
	for _, q := range []string{SamplePII, SamplePII + " please show me an example"} {
		if r := reply(q, 1); !strings.Contains(r, sampleID18) || !strings.Contains(r, sampleMobile) {
			t.Errorf("%q: %s", q, r)
		}
	}
}

func TestTokens(t *testing.T) {
	tests := map[string]string{
		"你好，world 123!": "你|好|，|world| 123|!",
		"a  b":          "a|  b",
		"":              "",
		" x":            " x",
		"x ":            "x| ",
		"中 文":           "中| 文",
	}
	for in, want := range tests {
		if got := strings.Join(tokens(in), "|"); got != want {
			t.Errorf("tokens(%q) = %q, want %q", in, got, want)
		}
	}
	for _, r := range append(repliesZH[:], repliesEN[:]...) {
		text := fmt.Sprintf(r, "x")
		if strings.Join(tokens(text), "") != text || !utf8.ValidString(text) {
			t.Errorf("tokens lose something of %q", text)
		}
	}
}
