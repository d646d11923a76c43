package label

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Grade of what a reader found in a label that somebody else may have written.
type Grade int

const (
	Conforming Grade = iota // as Annex E wants it
	Info                    // worth a word, no fault: a reserved key is absent, an unknown key is there
	Unusual                 // amber: characters outside the set of Annex E j)
	Broken                  // red: a required key missing, empty, of the wrong type or with an impossible value
)

// String names the grade as it is written in reports.
func (g Grade) String() string {
	switch g {
	case Conforming:
		return "conforming"
	case Info:
		return "info"
	case Unusual:
		return "unusual"
	}
	return "broken"
}

// Problem is one graded finding about a label that was read.
type Problem struct {
	Key    string // one of the seven, or the unknown key
	Grade  Grade
	Detail string
}

// Reading is a label as found. A label that is there but not conforming is still a label: never treat it as unlabelled.
type Reading struct {
	Value    Implicit
	Wrapped  bool // the seven keys stood inside {"AIGC":{…}}
	Problems []Problem
}

// Grade is the worst grade among the problems.
func (r Reading) Grade() Grade {
	worst := Conforming
	for _, p := range r.Problems {
		worst = max(worst, p.Grade)
	}
	return worst
}

// MaxValue is the longest implicit label value that Parse reads, in bytes.
const MaxValue = 64 << 10

// Parse reads an implicit label value, bare or wrapped in {"AIGC":{…}}. Surrounding white space, a byte order mark and
// closing zero bytes (fixed-size metadata fields) are allowed. The error says the value is no label at all; everything
// else is graded in Problems.
func Parse(value string) (Reading, error) {
	value = strings.TrimSpace(strings.TrimRight(strings.TrimPrefix(value, "\ufeff"), "\x00"))
	if len(value) > MaxValue {
		return Reading{}, fmt.Errorf("label: value of %d bytes; an implicit label has at most %d", len(value), MaxValue)
	}
	keys, err := object(value)
	if err != nil {
		return Reading{}, fmt.Errorf("label: not an implicit label: %w", err)
	}
	var r Reading
	if len(keys) == 1 && keys[0].name == "AIGC" {
		r.Wrapped = true
		if keys, err = object(string(keys[0].value)); err != nil {
			return Reading{}, fmt.Errorf("label: not an implicit label: AIGC: %w", err)
		}
	}
	known := 0
	seen, mistyped := map[string]bool{}, map[string]bool{}
	for _, k := range keys {
		dst := r.Value.field(k.name)
		switch {
		case dst == nil:
			r.note(k.name, Info, "not one of the seven keys of Annex E")
			continue
		case seen[k.name]:
			r.note(k.name, Broken, "stands twice; a file carries one label")
			continue
		}
		seen[k.name] = true
		known++
		if json.Unmarshal(k.value, dst) != nil || string(k.value) == "null" {
			r.note(k.name, Broken, fmt.Sprintf("must be a string, is %.40s", k.value))
			*dst, mistyped[k.name] = "", true
			continue
		}
		r.judge(k.name, *dst)
	}
	if known == 0 {
		return Reading{}, errors.New("label: not an implicit label: none of the seven keys of GB 45438-2025 Annex E is there")
	}
	for _, key := range Keys() {
		switch {
		case mistyped[key], seen[key] && *r.Value.field(key) != "":
		case r.Value.unproduced(key):
			r.note(key, Info, "empty: a propagator wrote the label and knows no producer")
		case seen[key] && !reserved(key):
			r.note(key, Broken, "empty")
		case seen[key]:
		case reserved(key):
			r.note(key, Info, "absent; it may be empty but should be there")
		default:
			r.note(key, Broken, "missing")
		}
	}
	return r, nil
}

// unproduced tells the keys that a label may leave empty because a propagator made it for content that was declared or is suspected
// (Labelling Measures Art 6): nobody knows the producer. Our reading; the standard does not speak of it.
func (l *Implicit) unproduced(key string) bool {
	return (key == "ContentProducer" || key == "ProduceID") && (l.Label == "2" || l.Label == "3") && l.ContentProducer == "" && l.ProduceID == "" && l.ContentPropagator != ""
}

func (r *Reading) note(key string, g Grade, detail string) {
	r.Problems = append(r.Problems, Problem{Key: key, Grade: g, Detail: detail})
}

// judge grades one string value.
func (r *Reading) judge(key, value string) {
	if value == "" {
		return // Parse tells when it knows the rest
	}
	if key == "Label" {
		if value != "1" && value != "2" && value != "3" {
			r.note(key, Broken, fmt.Sprintf("%.40q is not \"1\", \"2\" or \"3\"", value))
		}
		return
	}
	if strings.Trim(value, "0") == "" && (key == "ProduceID" || key == "PropagateID") {
		r.note(key, Broken, "all zeros: a placeholder, no unique number")
		return
	}
	// An escaped quotation mark inside a value (nested JSON in a reserved code) conforms.
	if at := strings.IndexFunc(value, func(c rune) bool { return !strict(c) && c != '"' }); at >= 0 {
		r.note(key, Unusual, fmt.Sprintf("unusual character at byte %d", at))
		return
	}
	if key == "ContentProducer" || key == "ContentPropagator" {
		if err := checkProvider(value); err != nil {
			r.note(key, Broken, err.Error())
		}
	}
}

type member struct {
	name  string
	value json.RawMessage
}

// object reads one JSON object and nothing after it, keeping order and repeated keys.
func object(s string) ([]member, error) {
	dec := json.NewDecoder(strings.NewReader(s))
	open, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if open != json.Delim('{') {
		return nil, errors.New("a JSON object is wanted")
	}
	var out []member
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("read JSON: %w", err)
		}
		var m member
		m.name = name.(string) // a key inside an object is a string, the decoder sees to it
		if err := dec.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("read JSON: %s: %w", m.name, err)
		}
		out = append(out, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return out, nil
}
