package upstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Names of the built-in models, usable as Endpoint.BaseURL; they answer in process, through the same Pool code.
const (
	// SampleURL streams plausible Chinese or English text that says it is a sample, for demos. It honours max_tokens,
	// n, stream_options.include_usage and tools (calls the first tool when the user's text names it), and embeddings.
	// "builtin:sample?pace=0s" streams without pauses.
	SampleURL = "builtin:sample"
	// ProbeURL answers with the JSON string found in the request's metadata.hegui_probe as its text, for Gateway.Probe.
	ProbeURL = "builtin:probe"
)

// What a user may write to see the guards of an installation at work: the sample model then says something harmful, or
// makes up personal information.
const (
	SampleHarm = "[[sample:harm]]"
	SamplePII  = "[[sample:pii]]"
)

// Sample is the built-in sample model: OpenAI-shaped chat completions, completions, embeddings and models. Its answers are
// made of templates and the words of the question, the same for the same request, and every text says that it is a sample.
type Sample struct {
	// Pace is the mean time between two pieces of a stream, varied by a third either way; 45 ms when 0, none when negative.
	Pace time.Duration
}

const maxSampleBody = 32 << 20

func newSample(q url.Values) (http.Handler, error) {
	s := Sample{}
	for k := range q {
		if k != "pace" {
			return nil, fmt.Errorf("base_url: %s knows no setting %q, only pace", SampleURL, k)
		}
	}
	if v := q.Get("pace"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return nil, fmt.Errorf("base_url: pace is %q: write a duration such as 30ms, or 0s for none", v)
		}
		if s.Pace = d; d == 0 {
			s.Pace = -1
		}
	}
	return s, nil
}

// ServeHTTP answers paths ending in /chat/completions, /completions, /embeddings, /images/generations, /audio/speech, /models and /models/NAME.
func (s Sample) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/chat/completions"):
		s.post(w, r, s.chat)
	case strings.HasSuffix(path, "/completions"):
		s.post(w, r, s.completion)
	case strings.HasSuffix(path, "/embeddings"):
		s.post(w, r, s.embeddings)
	case strings.HasSuffix(path, "/images/generations"):
		s.images(w, r)
	case strings.HasSuffix(path, "/audio/speech"):
		s.speech(w, r)
	case strings.HasSuffix(path, "/models"):
		writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": []any{sampleModel("hegui-sample")}})
	case strings.Contains(path, "/models/"):
		writeJSON(w, http.StatusOK, sampleModel(path[strings.LastIndex(path, "/")+1:]))
	default:
		refuse(w, http.StatusNotFound, "path", "the sample model has no "+path)
	}
}

func sampleModel(id string) map[string]any {
	return map[string]any{"id": id, "object": "model", "created": sampleCreated, "owned_by": "hegui"}
}

const sampleCreated = 1735689600 // the sample model's own date; answers carry the time they were made

func (s Sample) post(w http.ResponseWriter, r *http.Request, f func(http.ResponseWriter, *http.Request, *sampleRequest)) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, "method", "use POST")
		return
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxSampleBody+1))
	if err != nil || len(b) > maxSampleBody {
		refuse(w, http.StatusRequestEntityTooLarge, "body", "the body could not be read, or is over 32 MiB")
		return
	}
	q := &sampleRequest{}
	if err := json.Unmarshal(b, q); err != nil {
		refuse(w, http.StatusBadRequest, "body", "the body is not the JSON expected: "+err.Error())
		return
	}
	if q.N == 0 {
		q.N = 1
	}
	if q.N < 0 || q.N > 16 {
		refuse(w, http.StatusBadRequest, "n", fmt.Sprintf("n is %d: the sample model gives 1 to 16 choices", q.N))
		return
	}
	h := fnv.New64a()
	_, _ = h.Write(b)
	q.seed = h.Sum64()
	q.created = time.Now().Unix()
	f(w, r, q)
}

// sampleRequest is what the sample model looks at in a request; everything else is accepted and has no effect.
type sampleRequest struct {
	Model               string          `json:"model"`
	Stream              bool            `json:"stream"`
	Messages            []sampleMessage `json:"messages"`
	Prompt              json.RawMessage `json:"prompt"`
	Input               json.RawMessage `json:"input"`
	N                   int             `json:"n"`
	MaxTokens           int             `json:"max_tokens"`
	MaxCompletionTokens int             `json:"max_completion_tokens"`
	Stop                json.RawMessage `json:"stop"`
	StreamOptions       struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Tools          []sampleTool    `json:"tools"`
	ToolChoice     json.RawMessage `json:"tool_choice"`
	ResponseFormat struct {
		Type       string `json:"type"`
		JSONSchema struct {
			Schema map[string]any `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	Dimensions     int    `json:"dimensions"`
	EncodingFormat string `json:"encoding_format"`

	seed    uint64
	created int64
}

type sampleMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// text is a message's content, whether a string or a list of parts.
func (m sampleMessage) text() string { return strings.Join(texts(m.Content), "\n") }

// texts reads a string, a list of strings, or a list of parts with a text.
func texts(raw json.RawMessage) []string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return []string{s}
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var out []string
	for _, item := range list {
		var part struct {
			Text string `json:"text"`
		}
		switch {
		case json.Unmarshal(item, &s) == nil:
			out = append(out, s)
		case json.Unmarshal(item, &part) == nil && part.Text != "":
			out = append(out, part.Text)
		}
	}
	return out
}

// answer is one choice.
type answer struct {
	tokens []string // the text, cut
	call   *sampleCall
	finish string
}

func (a answer) text() string { return strings.Join(a.tokens, "") }

// limit cuts an answer at stop and max_tokens.
func (q *sampleRequest) limit(text string) answer {
	a := answer{finish: "stop"}
	for _, stop := range texts(q.Stop) {
		if i := strings.Index(text, stop); i >= 0 && stop != "" {
			text = text[:i]
		}
	}
	a.tokens = tokens(text)
	most := q.MaxCompletionTokens
	if most <= 0 {
		most = q.MaxTokens
	}
	if most > 0 && len(a.tokens) > most {
		a.tokens, a.finish = a.tokens[:most], "length"
	}
	return a
}

func (s Sample) chat(w http.ResponseWriter, r *http.Request, q *sampleRequest) {
	if len(q.Messages) == 0 {
		refuse(w, http.StatusBadRequest, "messages", "messages is empty: send at least one message")
		return
	}
	var question, result string
	prompt := 0
	for _, m := range q.Messages {
		text := m.text()
		prompt += 4 + len(tokens(text))
		switch m.Role {
		case "user":
			question, result = text, ""
		case "tool":
			result = text
		}
	}
	call := q.callFor(question, result)
	answers := make([]answer, q.N)
	for i := range answers {
		switch {
		case call != nil:
			answers[i] = answer{call: call, finish: "tool_calls"}
		case result != "":
			answers[i] = q.limit(afterTool(question, result))
		case q.ResponseFormat.Type == "json_schema" && q.ResponseFormat.JSONSchema.Schema != nil:
			answers[i] = q.limit(jsonText(plausible("", q.ResponseFormat.JSONSchema.Schema, question, 0)))
		case q.ResponseFormat.Type == "json_object" || q.ResponseFormat.Type == "json_schema":
			answers[i] = q.limit(jsonAnswer(question))
		default:
			answers[i] = q.limit(reply(question, q.seed+uint64(i)))
		}
	}
	s.send(w, r, q, "chat", prompt, answers)
}

func (s Sample) completion(w http.ResponseWriter, r *http.Request, q *sampleRequest) {
	prompts := texts(q.Prompt)
	if len(prompts) == 0 {
		refuse(w, http.StatusBadRequest, "prompt", "prompt must be a text or a list of texts")
		return
	}
	prompt := 0
	var answers []answer
	for i, p := range prompts {
		prompt += len(tokens(p))
		for n := range q.N {
			answers = append(answers, q.limit(reply(p, q.seed+uint64(i*q.N+n))))
		}
	}
	s.send(w, r, q, "text", prompt, answers)
}

// send writes the answers in one piece or as a stream. kind is chat or text.
func (s Sample) send(w http.ResponseWriter, r *http.Request, q *sampleRequest, kind string, prompt int, answers []answer) {
	used := 0
	for _, a := range answers {
		used += len(a.tokens)
		if a.call != nil {
			used += len(tokens(a.call.name + a.call.arguments))
		}
	}
	usage := map[string]int{"prompt_tokens": prompt, "completion_tokens": used, "total_tokens": prompt + used}
	head := map[string]any{"id": sampleID(kind, q.seed), "created": q.created, "model": q.Model, "system_fingerprint": "hegui-sample"}
	if !q.Stream {
		var choices []any
		for i, a := range answers {
			choice := map[string]any{"index": i, "finish_reason": a.finish, "logprobs": nil}
			if kind == "chat" {
				choice["message"] = a.message()
			} else {
				choice["text"] = a.text()
			}
			choices = append(choices, choice)
		}
		head["object"], head["choices"], head["usage"] = objectName(kind, false), choices, usage
		if s.pause(r, min(used, 20), rand.New(rand.NewPCG(q.seed, 1))) {
			writeJSON(w, http.StatusOK, head)
		}
		return
	}
	head["object"] = objectName(kind, true)
	if q.StreamOptions.IncludeUsage {
		head["usage"] = nil
	}
	out := &sampleStream{w: w, r: r, head: head, pace: s, rng: rand.New(rand.NewPCG(q.seed, 2))}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	out.run(kind, answers)
	if q.StreamOptions.IncludeUsage {
		head["usage"] = usage
		out.event([]any{})
	}
	out.line("[DONE]")
}

func sampleID(kind string, seed uint64) string {
	if kind == "chat" {
		return "chatcmpl-sample" + strconv.FormatUint(seed, 36)
	}
	return "cmpl-sample" + strconv.FormatUint(seed, 36)
}

func objectName(kind string, stream bool) string {
	switch {
	case kind == "text":
		return "text_completion"
	case stream:
		return "chat.completion.chunk"
	}
	return "chat.completion"
}

func (a answer) message() map[string]any {
	if a.call == nil {
		return map[string]any{"role": "assistant", "content": a.text(), "refusal": nil}
	}
	return map[string]any{"role": "assistant", "content": nil, "refusal": nil, "tool_calls": []any{a.call.whole()}}
}

// sampleStream writes server-sent events; after a failed write it does nothing more.
type sampleStream struct {
	w    http.ResponseWriter
	r    *http.Request
	head map[string]any
	pace Sample
	rng  *rand.Rand
	gone bool
}

// run sends the pieces of all answers in turn.
func (o *sampleStream) run(kind string, answers []answer) {
	choice := func(i int, delta any, finish any) {
		c := map[string]any{"index": i, "finish_reason": finish, "logprobs": nil}
		if kind == "chat" {
			c["delta"] = delta
		} else {
			c["text"] = delta
		}
		o.event([]any{c})
	}
	rest := make([][]any, len(answers)) // the deltas of each answer
	for i, a := range answers {
		if kind == "chat" {
			rest[i] = append(rest[i], map[string]any{"role": "assistant", "content": ""})
		}
		if a.call != nil {
			rest[i] = append(rest[i], a.call.deltas(o.rng)...)
		}
		for _, piece := range pieces(a.tokens, o.rng) {
			if kind == "chat" {
				rest[i] = append(rest[i], map[string]any{"content": piece})
			} else {
				rest[i] = append(rest[i], piece)
			}
		}
		if kind == "chat" {
			rest[i] = append(rest[i], map[string]any{})
		} else {
			rest[i] = append(rest[i], "")
		}
	}
	for more := true; more && !o.gone; {
		more = false
		for i := range rest {
			if len(rest[i]) == 0 {
				continue
			}
			var finish any
			if len(rest[i]) == 1 {
				finish = answers[i].finish
			}
			choice(i, rest[i][0], finish)
			rest[i], more = rest[i][1:], true
		}
		if more && !o.pace.pause(o.r, 1, o.rng) {
			o.gone = true
		}
	}
}

func (o *sampleStream) event(choices []any) {
	o.head["choices"] = choices
	o.line(jsonText(o.head))
}

func (o *sampleStream) line(data string) {
	if o.gone {
		return
	}
	if _, err := io.WriteString(o.w, "data: "+data+"\n\n"); err != nil {
		o.gone = true
		return
	}
	if f, ok := o.w.(http.Flusher); ok {
		f.Flush()
	}
}

// pause waits for n pieces' time; false when the client has left.
func (s Sample) pause(r *http.Request, n int, rng *rand.Rand) bool {
	if s.Pace < 0 {
		return r.Context().Err() == nil
	}
	mean := s.Pace
	if mean == 0 {
		mean = 45 * time.Millisecond
	}
	t := time.NewTimer(time.Duration(n) * (mean*2/3 + time.Duration(rng.Int64N(int64(mean*2/3)+1))))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// jsonText is v as JSON, without HTML escapes.
func jsonText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("upstream: sample answer: %v", err)) // only strings, numbers and maps go in
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	s := jsonText(v)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(s)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, s)
}

// refuse answers with an error in OpenAI's shape.
func refuse(w http.ResponseWriter, status int, param, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"message": message, "type": "invalid_request_error", "param": param, "code": "sample_model",
	}})
}
