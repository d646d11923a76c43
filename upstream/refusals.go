package upstream

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// RefusalRow tells one way in which a provider says that it refuses content. refusals.yaml holds those known; an endpoint may
// add its own. At least one of Codes, Messages, Finishes and Statuses is given; Statuses beside others narrows them.
type RefusalRow struct {
	ID       string   `yaml:"id" json:"id"`
	Provider string   `yaml:"provider" json:"provider"`
	Statuses []int    `yaml:"statuses" json:"statuses,omitempty"` // of HTTP; none: any
	Codes    []string `yaml:"codes" json:"codes,omitempty"`       // whole values, without case
	Messages []string `yaml:"messages" json:"messages,omitempty"` // parts, without case
	Both     bool     `yaml:"both" json:"both,omitempty"`         // a code and a message must be there
	Finishes []string `yaml:"finishes" json:"finishes,omitempty"` // values of finish_reason
	Side     string   `yaml:"side" json:"side"`                   // input, output or unknown
	Seen     string   `yaml:"seen" json:"seen"`                   // documented or reported
	Source   string   `yaml:"source" json:"source"`
}

// Refusal is a provider's no to content.
type Refusal struct {
	Row      string // id of the row that told
	Provider string
	Side     string // input, output or unknown
}

//go:embed refusals.yaml
var refusalsYAML []byte

// KnownRefusals is the table that every endpoint is judged by.
func KnownRefusals() ([]RefusalRow, error) {
	var f struct {
		Refusals []RefusalRow `yaml:"refusals"`
	}
	if err := yaml.UnmarshalWithOptions(refusalsYAML, &f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("upstream: refusals.yaml: %w", err)
	}
	for i := range f.Refusals {
		r := &f.Refusals[i]
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("upstream: refusals.yaml: row %d: %w", i+1, err)
		}
	}
	return f.Refusals, nil
}

// Validate tells what is wrong with a row.
func (r RefusalRow) Validate() error {
	switch {
	case r.ID == "":
		return fmt.Errorf("id is empty: give the row a short unique name")
	case len(r.Codes)+len(r.Messages)+len(r.Finishes)+len(r.Statuses) == 0:
		return fmt.Errorf("row %q says nothing: give codes, messages, finishes or statuses", r.ID)
	case r.Both && (len(r.Codes) == 0 || len(r.Messages) == 0):
		return fmt.Errorf("row %q: both asks for codes and messages; give both lists", r.ID)
	case r.Side != "" && r.Side != "input" && r.Side != "output" && r.Side != "unknown":
		return fmt.Errorf("row %q: side %q: use input, output or unknown", r.ID, r.Side)
	}
	for _, s := range r.Statuses {
		if s < 200 || s > 599 {
			return fmt.Errorf("row %q: status %d: use 200 to 599", r.ID, s)
		}
	}
	for _, list := range [][]string{r.Codes, r.Messages, r.Finishes} {
		if slices.ContainsFunc(list, func(s string) bool { return strings.TrimSpace(s) == "" }) {
			return fmt.Errorf("row %q: an empty code, message or finish would fit everything; take it out", r.ID)
		}
	}
	return nil
}

// refusals is a table ready to be asked; an endpoint's own rows come first.
type refusals struct{ rows []RefusalRow }

func newRefusals(own, known []RefusalRow) (*refusals, error) {
	t := &refusals{}
	for _, r := range slices.Concat(own, known) {
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("refusals: %w", err)
		}
		if r.Side == "" {
			r.Side = "unknown"
		}
		r.Codes, r.Messages, r.Finishes = lower(r.Codes), lower(r.Messages), lower(r.Finishes)
		t.rows = append(t.rows, r)
	}
	return t, nil
}

// RefusalIn tells whether an answer is a refusal of content by a table; nil when not.
func RefusalIn(rows []RefusalRow, status int, body []byte) (*Refusal, error) {
	t, err := newRefusals(rows, nil)
	if err != nil {
		return nil, err
	}
	return t.answer(status, body), nil
}

func lower(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(s)
	}
	return out
}

func (r *RefusalRow) refusal() *Refusal {
	return &Refusal{Row: r.ID, Provider: r.Provider, Side: r.Side}
}

// finish tells whether a finish_reason means that a filter ended the answer; nil when not.
func (t *refusals) finish(reason string) *Refusal {
	if t == nil || reason == "" || reason == "stop" || reason == "length" || reason == "tool_calls" { // nearly every answer
		return nil
	}
	reason = strings.ToLower(reason)
	for i := range t.rows {
		if slices.Contains(t.rows[i].Finishes, reason) {
			return t.rows[i].refusal()
		}
	}
	return nil
}

// answer tells whether an answer of a status is a refusal of content; nil when not.
func (t *refusals) answer(status int, body []byte) *Refusal {
	if t == nil {
		return nil
	}
	said := hear(body)
	for i := range t.rows {
		if r := &t.rows[i]; r.fits(status, said) {
			return r.refusal()
		}
	}
	return nil
}

// distinctive is how long a code is, in bytes, that is looked for inside messages too. Ours.
const distinctive = 8

func (r *RefusalRow) fits(status int, said *errorText) bool {
	if len(r.Statuses) > 0 && !slices.Contains(r.Statuses, status) {
		return false
	}
	if len(r.Codes)+len(r.Messages) == 0 {
		return len(r.Statuses) > 0
	}
	code := slices.ContainsFunc(r.Codes, func(c string) bool {
		return slices.Contains(said.codes, c) || len(c) >= distinctive && (r.Both && said.says(c) || said.names(c))
	})
	message := slices.ContainsFunc(r.Messages, said.says)
	if r.Both {
		return code && message
	}
	return code || message
}

// errorText is what an error answer says, in lower case.
type errorText struct{ codes, messages []string }

func (h *errorText) says(part string) bool {
	return slices.ContainsFunc(h.messages, func(m string) bool { return strings.Contains(m, part) })
}

// names tells whether a message gives this as a code, as proxies put the error that they got: 'code': 'content_filter', code=…, [content_filter].
// One that only speaks of it, an outage of a content_filter service, does not.
func (h *errorText) names(code string) bool {
	return slices.ContainsFunc(h.messages, func(m string) bool {
		for from := 0; ; {
			i := strings.Index(m[from:], code)
			if i < 0 {
				return false
			}
			i += from
			from = i + len(code)
			if strings.HasSuffix(m[:i], "[") && strings.HasPrefix(m[from:], "]") {
				return true
			}
			before := strings.TrimRight(m[:i], " \t'\"`\\")
			given := strings.HasSuffix(before, ":") || strings.HasSuffix(before, "=")
			if given {
				before = strings.TrimRight(before[:len(before)-1], " \t'\"`\\")
			}
			k := strings.LastIndexFunc(before, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
			if key := before[k+1:]; codeKey(key) && (given || key == "code") {
				return true
			}
		}
	})
}

// hear takes an error answer apart. Proxies wrap the error they got: as JSON in a string, or as text.
func hear(body []byte) *errorText {
	h := &errorText{}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		h.messages = []string{strings.ToLower(string(body))}
		return h
	}
	h.walk("", v, 0)
	return h
}

// Bounds of what is heard. Ours.
const (
	maxWrapped    = 8   // objects inside each other
	maxErrorParts = 256 // values
)

func (h *errorText) walk(key string, v any, depth int) {
	if depth > maxWrapped || len(h.codes)+len(h.messages) >= maxErrorParts {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		for k, v := range v {
			h.walk(strings.ToLower(k), v, depth+1)
		}
	case []any:
		for _, v := range v {
			h.walk(key, v, depth+1)
		}
	case float64:
		if codeKey(key) {
			h.codes = append(h.codes, fmt.Sprintf("%.0f", v))
		}
	case string:
		text := strings.TrimSpace(v)
		if codeKey(key) {
			h.codes = append(h.codes, strings.ToLower(text))
		}
		if i := strings.IndexByte(text, '{'); i >= 0 && messageKey(key) {
			var inside any
			if json.NewDecoder(strings.NewReader(text[i:])).Decode(&inside) == nil {
				h.walk("", inside, depth+1)
			}
		}
		if messageKey(key) || codeKey(key) {
			h.messages = append(h.messages, strings.ToLower(text))
		}
	}
}

func codeKey(key string) bool {
	switch key {
	case "code", "type", "status", "status_code", "error_code", "errcode", "err_code", "reason", "block_reason", "blockreason":
		return true
	}
	return false
}

func messageKey(key string) bool {
	switch key {
	case "message", "msg", "status_msg", "error_msg", "errmsg", "error_message", "error", "detail", "details", "description", "raw":
		return true
	}
	return false
}

// maxPeek is how much of an error answer is read to learn whether it refuses content, in bytes.
const maxPeek = 64 << 10

// peek reads the beginning of an error answer, and leaves the answer as it was.
func (t *refusals) peek(resp *http.Response) *Refusal {
	head, err := io.ReadAll(io.LimitReader(resp.Body, maxPeek))
	resp.Body = &replayed{head: head, err: err, rest: resp.Body}
	return t.answer(resp.StatusCode, head)
}

// replayed is a body whose beginning has been read.
type replayed struct {
	head []byte
	err  error
	rest io.ReadCloser
}

func (r *replayed) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	if r.err != nil {
		return 0, r.err
	}
	return r.rest.Read(p)
}

func (r *replayed) Close() error { return r.rest.Close() }
