package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
	"unicode/utf8"
)

// operation is one of the endpoints that carry content.
type operation struct {
	name   string // as recorded: chat, completion, embedding, image, …
	path   string // below /v1 here, and below the endpoint's base URL there
	input  string // the member that holds the input
	stream bool   // whether stream:true is known to it
	media  string // what its answer is, when it is no text: image, audio
	form   bool   // its request is multipart/form-data
}

// wordless tells the operations whose answer has no place for words: what they refuse they refuse as an error.
func (o operation) wordless() bool { return o.name == "embedding" || o.media != "" || o.form }

func operations() []operation {
	return []operation{
		{name: "chat", path: "/chat/completions", input: "messages", stream: true},
		{name: "completion", path: "/completions", input: "prompt", stream: true},
		{name: "embedding", path: "/embeddings", input: "input"},
		{name: "image", path: "/images/generations", input: "prompt", media: "image"},
		{name: "image_edit", path: "/images/edits", input: "prompt", media: "image", form: true},
		{name: "image_variation", path: "/images/variations", input: "image", media: "image", form: true},
		{name: "video", path: "/videos", input: "prompt", media: "video", form: true},
		{name: "speech", path: "/audio/speech", input: "input", media: "audio"},
		{name: "transcription", path: "/audio/transcriptions", input: "file", form: true},
	}
}

// readTimeout is how long a client may take to send its body; ours, against slow-loris clients.
const readTimeout = 30 * time.Second

// defaultMaxBody applies while the service is not known or names no limit, in bytes.
const defaultMaxBody = 8 << 20

// maxLabelledValue is the longest value of a field that is not text (a role, a model name) before it is read as text.
const maxLabelledValue = 64

// request is a parsed body. Its members point into raw.
type request struct {
	raw    []byte
	doc    doc
	model  int // node of the model's name
	stream bool
	n      int
	user   string
	json   bool // the application asked for JSON
	tools  bool
	texts  []textNode
	joined []joinedText // messages in several parts, as models put them together
	turns  []turn       // what each message says
	who    []int        // nodes that name the end user
	last   []byte       // last user text, for the language of a refusal
	probe  bool
	files  []*attached // in the order in which they stand
}

// joinedText is the text of a message's parts, one after the other.
type joinedText struct {
	node    int // of the message's content
	channel string
	text    []byte
	borders []int // where its parts but the first begin
}

// textNode is a string of the request that a model may read.
type textNode struct {
	node    int
	key     bool // the member's name itself, not its value
	file    bool // it stands in a file that the node names
	channel string
}

// readBody reads the whole body under a size and a time limit.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, buffer *bytes.Buffer) *Interruption {
	if limit <= 0 {
		limit = defaultMaxBody
	}
	if r.ContentLength > limit {
		hangUp(w, r)
		return tooLarge(limit)
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(readTimeout)) // unsupported by test recorders only
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		_ = control.SetReadDeadline(time.Time{}) // an answer may stream for long, and the client stay silent
	} else {
		hangUp(w, r)
	}
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem(http.StatusRequestTimeout, "request_timeout", "", fmt.Sprintf("the request body did not arrive within %s; send it in one piece", readTimeout))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return problem(http.StatusBadRequest, "invalid_request", "", "the request body ended before its Content-Length; send it whole")
	}
	return problem(http.StatusBadRequest, "invalid_request", "", "the request body could not be read; send it again")
}

// hangUp prepares an answer to a request whose body has not been read: the connection closes after it, and net/http, which
// would first wait for the rest of the body, waits no longer than a moment.
func hangUp(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime)) // unsupported by test recorders only
}

// drainTime is how long a client may still send what nobody will read.
const drainTime = 250 * time.Millisecond

func tooLarge(limit int64) *Interruption {
	return problem(http.StatusRequestEntityTooLarge, "body_too_large", "", fmt.Sprintf("the request body is larger than %d bytes, the limit of this service; shorten the input or ask the operator to raise max_body_bytes", limit))
}

// parse scans the body and finds everything the guards act on.
func (q *request) parse(op operation, raw []byte) *Interruption {
	q.raw = raw
	if len(bytes.TrimSpace(raw)) == 0 {
		return problem(http.StatusBadRequest, "invalid_json", "", "the request body is empty; send a JSON object")
	}
	if err := q.doc.scan(raw); err != nil {
		var syntax *syntaxError
		where := ""
		if errors.As(err, &syntax) {
			upTo := raw[:min(syntax.offset, len(raw))]
			line := bytes.Count(upTo, []byte("\n")) + 1
			column := len([]rune(string(upTo[bytes.LastIndexByte(upTo, '\n')+1:]))) + 1
			where = fmt.Sprintf(" (line %d, column %d)", line, column)
		}
		return problem(http.StatusBadRequest, "invalid_json", "", "the request body is not valid JSON: "+err.Error()+where)
	}
	if q.doc.nodes[0].kind != isObject {
		return wrongType("", "the body", q.doc.nodes[0].kind, "an object")
	}
	names := []string{"model", op.input, "stream", "n", "user", "safety_identifier", "response_format", "tools", "functions", "modalities", "audio", "metadata"}
	at := make([]int, len(names))
	if err := q.doc.object(0, names, at); err != nil {
		return duplicate(err)
	}
	for i, want := range []kind{isString, isArray, isBool, isNumber, isString, isString, isObject, isArray, isArray, isArray} {
		node := at[i]
		if node < 0 || q.doc.nodes[node].kind == isNull {
			at[i] = -1
			continue
		}
		if i == 6 && op.wordless() {
			at[i] = -1 // for files it names their kind
			continue
		}
		if got := q.doc.nodes[node].kind; got != want && (i != 1 || got != isString || op.name == "chat") {
			return wrongType(names[i], "the field "+names[i], got, "of type "+want.String())
		}
	}
	if at[0] < 0 || len(q.doc.text(at[0])) == 0 {
		return problem(http.StatusBadRequest, "invalid_request", "model", "the field model is missing; name one of GET /v1/models")
	}
	if at[1] < 0 {
		return problem(http.StatusBadRequest, "invalid_request", op.input, "the field "+op.input+" is missing or null")
	}
	q.model = at[0]
	q.stream = at[2] >= 0 && string(q.doc.raw(at[2])) == "true"
	if q.stream && !op.stream {
		return problem(http.StatusBadRequest, "invalid_request", "stream", "this operation does not stream; leave stream out")
	}
	q.n = 1
	if at[3] >= 0 {
		n, err := strconv.Atoi(string(q.doc.raw(at[3])))
		if err != nil || n < 1 || n > 128 {
			return problem(http.StatusBadRequest, "invalid_request", "n", "the field n must be a whole number from 1 to 128")
		}
		q.n = n
	}
	for _, i := range []int{4, 5} { // safety_identifier before user, DESIGN §6
		if at[i] >= 0 {
			q.user = string(q.doc.text(at[i]))
			q.who = append(q.who, at[i])
		}
	}
	if at[6] >= 0 {
		kinds := []int{-1}
		if err := q.doc.object(at[6], []string{"type"}, kinds); err != nil {
			return duplicate(err)
		}
		q.json = kinds[0] >= 0 && q.doc.nodes[kinds[0]].kind == isString && string(q.doc.text(kinds[0])) != "text"
	}
	q.tools = at[7] >= 0 || at[8] >= 0
	if at[10] >= 0 && q.doc.nodes[at[10]].kind != isNull || at[9] >= 0 && bytes.Contains(q.doc.raw(at[9]), []byte("audio")) {
		return problem(http.StatusBadRequest, "unscreenable_content", "modalities", "audio output cannot be screened by this version of hegui and is never let through unscreened; ask for text only")
	}
	if in := q.input(op, at[1]); in != nil {
		return in
	}
	q.collect(0, "", 0)
	return nil
}

func duplicate(err error) *Interruption {
	var d *duplicateError
	errors.As(err, &d)
	return problem(http.StatusBadRequest, "duplicate_key", d.name, err.Error()+"; send it once")
}

func wrongType(param, what string, got kind, want string) *Interruption {
	return problem(http.StatusBadRequest, "invalid_request", param, what+" is "+got.String()+"; it must be "+want)
}

// input checks the shape of the operation's input, and that all of it can be screened.
func (q *request) input(op operation, at int) *Interruption {
	if op.name != "chat" {
		if q.doc.nodes[at].kind == isArray {
			bad := false
			q.doc.children(at, func(i int) bool {
				bad = q.doc.nodes[i].kind != isString
				return !bad
			})
			if bad {
				return problem(http.StatusBadRequest, "unscreenable_content", op.input, "token numbers cannot be screened and are never let through unscreened; send "+op.input+" as text")
			}
		}
		return nil
	}
	var problemFound *Interruption
	index := 0
	q.doc.children(at, func(i int) bool {
		problemFound = q.message(i, fmt.Sprintf("messages[%d]", index))
		index++
		return problemFound == nil
	})
	if problemFound == nil && index == 0 {
		return problem(http.StatusBadRequest, "invalid_request", "messages", "the field messages is empty; send at least one message")
	}
	return problemFound
}

func (q *request) message(at int, path string) *Interruption {
	if got := q.doc.nodes[at].kind; got != isObject {
		return wrongType(path, path, got, "an object")
	}
	var in [3]int
	if err := q.doc.object(at, []string{"role", "content", "tool_calls"}, in[:]); err != nil {
		return duplicate(err)
	}
	if in[0] < 0 || q.doc.nodes[in[0]].kind != isString {
		return problem(http.StatusBadRequest, "invalid_request", path+".role", "the field "+path+".role is missing or not a string; use system, user, assistant or tool")
	}
	switch string(q.doc.text(in[0])) {
	case "system", "developer", "user", "assistant", "tool", "function":
	default:
		return problem(http.StatusBadRequest, "invalid_request", path+".role", "the field "+path+".role is not a role hegui knows; use system, developer, user, assistant or tool")
	}
	role := string(q.doc.text(in[0]))
	user := role == "user"
	q.turns = append(q.turns, turn{node: at, role: role})
	said := &q.turns[len(q.turns)-1].text
	if in[2] >= 0 && q.doc.nodes[in[2]].kind == isArray {
		q.turns[len(q.turns)-1].calls = q.calls(in[2])
	}
	if in[1] < 0 {
		return nil
	}
	switch content := q.doc.nodes[in[1]]; content.kind {
	case isNull:
	case isString:
		text := q.doc.text(in[1])
		*said = text
		if user {
			q.last = text
		}
	case isArray:
		var bad *Interruption
		k := 0
		var joined []byte
		var borders []int
		q.doc.children(in[1], func(i int) bool {
			if k > 0 {
				borders = append(borders, len(joined))
			}
			bad = q.part(i, fmt.Sprintf("%s.content[%d]", path, k), user, &joined)
			k++
			return bad == nil
		})
		*said = joined
		if k > 1 {
			q.joined = append(q.joined, joinedText{in[1], path + ".content", joined, borders})
		}
		return bad
	default:
		return wrongType(path+".content", "the field "+path+".content", content.kind, "a string or an array of parts")
	}
	return nil
}

// calls are the arguments of calls of tools, one behind the other.
func (q *request) calls(at int) (out []byte) {
	q.doc.children(at, func(i int) bool {
		if q.doc.nodes[i].kind != isObject {
			return true
		}
		f := q.doc.member(i, "function")
		if f < 0 || q.doc.nodes[f].kind != isObject {
			return true
		}
		if a := q.doc.member(f, "arguments"); a >= 0 && q.doc.nodes[a].kind == isString {
			out = append(out, q.doc.text(a)...)
		}
		return true
	})
	return out
}

func (q *request) part(at int, path string, user bool, joined *[]byte) *Interruption {
	if got := q.doc.nodes[at].kind; got != isObject {
		return wrongType(path, path, got, "an object with a type")
	}
	var in [8]int
	if err := q.doc.object(at, []string{"type", "text", "image_url", "input_audio", "file", "video_url", "image", "audio"}, in[:]); err != nil {
		return duplicate(err)
	}
	for i, media := range in[2:] { // a lenient model may look at it whatever the type says
		if media >= 0 && q.doc.nodes[media].kind != isNull {
			if bad := q.attach(at, media, []string{"image_url", "input_audio", "file", "video_url", "image", "audio"}[i], path); bad != nil {
				return bad
			}
		}
	}
	if in[0] < 0 || q.doc.nodes[in[0]].kind != isString {
		return problem(http.StatusBadRequest, "invalid_request", path+".type", "the field "+path+".type is missing or not a string")
	}
	switch kind := string(q.doc.text(in[0])); kind {
	case "text", "refusal", "input_text", "output_text":
		if in[1] >= 0 && q.doc.nodes[in[1]].kind == isString {
			text := q.doc.text(in[1])
			*joined = append(*joined, text...)
			if user {
				q.last = text
			}
		}
		return nil
	case "image_url", "input_audio", "file", "video_url":
		if len(q.files) > 0 && q.files[len(q.files)-1].part == at {
			return nil
		}
		return problem(http.StatusBadRequest, "invalid_request", path, fmt.Sprintf("the part %s is of type %s and has no member %s", path, kind, kind))
	default:
		return problem(http.StatusBadRequest, "unscreenable_content", path, fmt.Sprintf("parts of type %q cannot be screened by this version of hegui and are never let through unscreened; send text", clip(kind, 40)))
	}
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}

// names tells whether a quoted value can only be a name: short, printable ASCII without spaces.
func names(quoted []byte) bool {
	if len(quoted) > maxLabelledValue+2 {
		return false
	}
	for _, c := range quoted {
		if c <= ' ' || c >= utf8.RuneSelf || c == '\\' {
			return false
		}
	}
	return true
}

// plainField tells of members whose values name things and are not read by models as text, while they look like names.
func plainField(name string) bool {
	switch name {
	case "model", "role", "type", "id", "tool_call_id", "user", "safety_identifier", "object", "encoding_format", "service_tier",
		"reasoning_effort", "effort", "detail", "format", "prompt_cache_key", "tool_choice", "verbosity", "finish_reason":
		return true
	}
	return false
}

// known are member names of the protocol; others are the caller's words and are screened too.
func protocolName(name string) bool {
	switch name {
	case "messages", "content", "text", "name", "arguments", "function", "functions", "function_call", "tools", "tool_calls", "parameters",
		"properties", "description", "required", "prompt", "input", "suffix", "stop", "metadata", "temperature", "top_p", "max_tokens",
		"max_completion_tokens", "stream", "stream_options", "include_usage", "n", "logprobs", "top_logprobs", "response_format",
		"json_schema", "schema", "strict", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "parallel_tool_calls",
		"enum", "items", "additionalProperties", "reasoning_content", "refusal", "store", "dimensions", "hegui_probe":
		return true
	}
	return plainField(name)
}

// collect lists every string below node at that a model may read, unknown fields included.
func (q *request) collect(at int, channel string, depth int) {
	index := 0
	inArray := q.doc.nodes[at].kind == isArray
	q.doc.children(at, func(i int) bool {
		name := ""
		if !inArray {
			name = string(q.doc.key(i))
		}
		path := channel
		if depth <= 5 { // messages[0].tool_calls[0].function.arguments; names deeper down are the caller's
			switch {
			case inArray:
				path += "[" + strconv.Itoa(index) + "]"
			case !protocolName(name):
				path += ".other"
			case path == "":
				path = name
			default:
				path += "." + name
			}
		}
		index++
		n := q.doc.nodes[i]
		if !inArray && !protocolName(name) && len(name) > 1 {
			q.texts = append(q.texts, textNode{node: i, key: true, channel: path})
		}
		switch n.kind {
		case isString:
			if !inArray && plainField(name) && names(q.doc.raw(i)) {
				break
			}
			if name == "hegui_probe" && q.probe {
				break
			}
			if n.end-n.start > 2 && !q.isFile(i) {
				q.texts = append(q.texts, textNode{node: i, channel: path})
			}
		case isObject, isArray:
			q.collect(i, path, depth+1)
		}
		return true
	})
}

// withModel returns the body with the model's name replaced and the edits applied.
func (q *request) withModel(name string, edits []edit) []byte {
	model := q.doc.nodes[q.model]
	all := make([]edit, 0, len(edits)+1)
	mine := edit{int(model.start), int(model.end), appendJSON(nil, []byte(name))}
	placed := false
	for _, e := range edits {
		if !placed && e.start > mine.start {
			all, placed = append(all, mine), true
		}
		all = append(all, e)
	}
	if !placed {
		all = append(all, mine)
	}
	return splice(make([]byte, 0, len(q.raw)+len(name)+16), q.raw, all)
}
