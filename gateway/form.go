package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
)

// Bounds of a form. Ours.
const (
	maxFormParts = 64
	maxFormField = 1 << 20
)

// form is a request that came as multipart/form-data. The guards see its fields as JSON; what they change there stands in the form that
// goes on.
type form struct {
	parts    []formPart
	boundary string
}

// formPart is a field, or a file.
type formPart struct {
	name, filename, kind string
	value                []byte
}

// isFile tells files from fields.
func (p formPart) isFile() bool { return p.filename != "" }

// key is the part's name without the brackets that say that there are several.
func (p formPart) key() string { return strings.TrimSuffix(p.name, "[]") }

// readForm takes a body apart.
func readForm(contentType string, body []byte) (*form, *Interruption) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, problem(http.StatusBadRequest, "invalid_request", "", "this operation takes multipart/form-data; send the file as a part of a form")
	}
	f := &form{}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, problem(http.StatusBadRequest, "invalid_request", "", "the form cannot be read: "+err.Error())
		}
		if len(f.parts) == maxFormParts {
			return nil, problem(http.StatusBadRequest, "invalid_request", "", fmt.Sprintf("the form has more than %d parts", maxFormParts))
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, problem(http.StatusBadRequest, "invalid_request", clip(part.FormName(), 80), "the form ends in the middle of a part: send it whole")
		}
		p := formPart{name: part.FormName(), filename: part.FileName(), kind: part.Header.Get("Content-Type"), value: value}
		switch {
		case p.name == "":
			return nil, problem(http.StatusBadRequest, "invalid_request", "", "a part of the form has no name")
		case part.Header.Get("Content-Transfer-Encoding") != "":
			return nil, problem(http.StatusBadRequest, "invalid_request", clip(p.name, 80), "the part "+clip(p.name, 80)+" has a Content-Transfer-Encoding; send it as it is")
		case !p.isFile() && len(value) > maxFormField:
			return nil, problem(http.StatusBadRequest, "invalid_request", clip(p.name, 80), fmt.Sprintf("the field %s has more than %d bytes", clip(p.name, 80), maxFormField))
		}
		f.parts = append(f.parts, p)
	}
	var mark [15]byte
	if _, err := rand.Read(mark[:]); err != nil {
		return nil, unavailable("internal", "the form cannot be sent on")
	}
	f.boundary = hex.EncodeToString(mark[:])
	return f, nil
}

// json is the form as the guards read it: fields by name, several of one name as a list, files by their names.
func (f *form) json() []byte {
	out := []byte{'{'}
	done := map[string]bool{}
	for _, p := range f.parts {
		key := p.key()
		if done[key] {
			continue
		}
		done[key] = true
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(appendJSON(out, []byte(key)), ':')
		values := f.of(key)
		if len(values) == 1 && p.name == key && !p.isFile() {
			out = append(out, f.value(values[0])...)
			continue
		}
		out = append(out, '[')
		for i, v := range values {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, f.value(v)...)
		}
		out = append(out, ']')
	}
	return append(out, '}')
}

// of are the parts of one name.
func (f *form) of(key string) (list []formPart) {
	for _, p := range f.parts {
		if p.key() == key {
			list = append(list, p)
		}
	}
	return list
}

// value is a part's value as JSON: text, but for the fields that the guards read as something else.
func (f *form) value(p formPart) []byte {
	text := string(p.value)
	switch _, err := strconv.Atoi(text); {
	case p.isFile():
		return appendJSON(nil, []byte(p.filename))
	case p.name == "n" && err == nil, p.name == "stream" && (text == "true" || text == "false"):
		return p.value
	}
	return appendJSON(nil, p.value)
}

// contentType of the form that goes on.
func (f *form) contentType() string { return "multipart/form-data; boundary=" + f.boundary }

// body is the form with what the guards changed in its JSON; files stay as they came.
func (f *form) body(changed []byte) []byte {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(changed, &fields) // ours: json with values in place of values
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	_ = w.SetBoundary(f.boundary) // ours, and valid
	nth := map[string]int{}
	for _, p := range f.parts {
		key := p.key()
		i := nth[key]
		nth[key]++
		var text string
		if list := []json.RawMessage(nil); json.Unmarshal(fields[key], &list) == nil && i < len(list) {
			text = plainValue(list[i])
		} else {
			text = plainValue(fields[key])
		}
		h := textproto.MIMEHeader{}
		value := []byte(text)
		if p.isFile() {
			h.Set("Content-Disposition", multipart.FileContentDisposition(p.name, text))
			if p.kind != "" {
				h.Set("Content-Type", p.kind)
			}
			value = p.value
		} else {
			h.Set("Content-Disposition", `form-data; name="`+strings.NewReplacer("\\", "\\\\", `"`, "\\\"", "\r", "", "\n", "").Replace(p.name)+`"`)
		}
		part, _ := w.CreatePart(h) // writes to memory
		_, _ = part.Write(value)
	}
	_ = w.Close()
	return out.Bytes()
}

// plainValue is a JSON value as a form has it.
func plainValue(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// takeFiles takes the files that came in a form, by what they are by their content.
func (c *call) takeFiles(compressed bool) *Interruption {
	if c.op.name == "speech" {
		return c.soundFormat(compressed)
	}
	if c.form == nil {
		if at := c.request.doc.member(0, "input_reference"); c.op.media == "video" && at >= 0 && c.request.doc.nodes[at].kind != isNull {
			return problem(http.StatusBadRequest, "unscreenable_content", "input_reference", "send the file that the film starts from as a part of a form (multipart/form-data), so that it can be looked at")
		}
		return nil
	}
	for _, p := range c.form.parts {
		if !p.isFile() {
			continue
		}
		format, ok := label.FormatOf(carrier.Bytes(p.value))
		want := "image"
		switch {
		case c.op.name == "transcription":
			want = "audio"
		case c.op.media == "video" && ok && format.Medium == "video":
			want = "video"
		}
		switch {
		case len(p.value) == 0:
			return problem(http.StatusBadRequest, "invalid_request", clip(p.name, 80), "the file "+clip(p.filename, 80)+" is empty")
		case !ok || format.Medium != want && !(want == "audio" && format.Medium == "video"): // recordings come in containers of film, too
			what := "something that is not known here"
			if ok {
				what = "a " + format.Title
			}
			return problem(http.StatusBadRequest, "invalid_request", clip(p.name, 80), "the file "+clip(p.filename, 80)+" is by its content "+what+"; this operation takes "+want)
		case c.op.name != "transcription": // a recording is judged by its words, which the answer brings
			c.request.files = append(c.request.files, &attached{value: -1, channel: clip(p.key(), 80) + ".file", medium: want, bytes: p.value})
		}
	}
	return nil
}

// soundFormat tells before the model is asked whether what is asked for can be labelled.
func (c *call) soundFormat(compressed bool) *Interruption {
	field := func(name, usual string) string {
		if at := c.request.doc.member(0, name); at >= 0 && c.request.doc.nodes[at].kind == isString {
			return string(c.request.doc.text(at))
		}
		return usual
	}
	if field("stream_format", "audio") == "sse" {
		return problem(http.StatusBadRequest, "invalid_request", "stream_format", "sound is labelled as a file; leave stream_format out")
	}
	if c.service.Modes.Label.Act == "observe" {
		return nil
	}
	switch format := field("response_format", "mp3"); {
	case format == "pcm":
		return problem(http.StatusBadRequest, "label_failed", "response_format", "raw samples have no place for a label, and nothing generated leaves without one; ask for response_format wav")
	case format != "wav" && !compressed && c.service.Label != label.UI:
		return problem(http.StatusBadRequest, "label_failed", "response_format", "without ffmpeg beside hegui an audible label can be put on sound of response_format wav only, and this service wants one on every file; ask for wav, or the operator has the interface tell (label.place ui)")
	}
	return nil
}
