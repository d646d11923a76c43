package linear

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxLine bounds a line of samples.
const maxLine = 4 << 20

// Read reads samples: JSON lines {"text","labels","weight","group"}, or CSV or TSV with these columns (labels separated by
// blanks, commas or semicolons; only text is required). Errors name the line and the field.
func Read(r io.Reader) ([]Sample, error) {
	in := bufio.NewReader(r)
	if b, _ := in.Peek(3); bytes.Equal(b, []byte("\ufeff")) {
		_, _ = in.Discard(3) // they have been peeked
	}
	b, err := in.Peek(1)
	if errors.Is(err, io.EOF) {
		return nil, errors.New("samples: the file is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("samples: %w", err)
	}
	if b[0] == '{' {
		return readJSON(in)
	}
	return readTable(in)
}

func readJSON(r io.Reader) ([]Sample, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var out []Sample
	n := 0
	for lines.Scan() {
		n++
		b := bytes.TrimSpace(lines.Bytes())
		if len(b) == 0 {
			continue
		}
		if !utf8.Valid(b) {
			return nil, fmt.Errorf("line %d: not UTF-8", n)
		}
		var row struct {
			Text   string   `json:"text"`
			Labels []string `json:"labels"`
			Weight float64  `json:"weight"`
			Group  string   `json:"group"`
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&row); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("line %d: something follows the object: one object a line", n)
		}
		s := Sample(row)
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, s)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	return out, nil
}

func readTable(in *bufio.Reader) ([]Sample, error) {
	head, _ := in.Peek(in.Size())
	head, _, _ = bytes.Cut(head, []byte("\n"))
	r := csv.NewReader(in)
	if bytes.ContainsRune(head, '\t') {
		r.Comma = '\t'
	}
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("samples: %w", err)
	}
	for i, h := range header {
		if !slices.Contains([]string{"text", "labels", "weight", "group"}, h) || slices.Index(header, h) != i {
			return nil, fmt.Errorf("line 1: column %q: want text, and if need be labels, weight and group, each once", h)
		}
	}
	if !slices.Contains(header, "text") {
		return nil, errors.New("line 1: column text is missing")
	}
	var out []Sample
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) && len(out) == 0 {
			return nil, errors.New("line 1: column names and nothing below: no samples")
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("samples: %w", err)
		}
		n, _ := r.FieldPos(0)
		var s Sample
		for i, v := range row {
			if !utf8.ValidString(v) {
				return nil, fmt.Errorf("line %d: %s: not UTF-8", n, header[i])
			}
			switch header[i] {
			case "text":
				s.Text = v
			case "labels":
				s.Labels = strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" ,;，；", r) })
			case "group":
				s.Group = v
			case "weight":
				if v == "" {
					continue
				}
				if s.Weight, err = strconv.ParseFloat(v, 64); err != nil {
					return nil, fmt.Errorf("line %d: weight %q: want a number", n, v)
				}
			}
		}
		if err := s.check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, s)
	}
}
