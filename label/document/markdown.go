package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hegui/hegui/label/carrier"
)

// maxMatter bounds front matter that is read; ours.
const maxMatter = 1 << 20

// matter is the YAML front matter of a Markdown text.
type matter struct {
	from, to int // of the lines between the dashes
	behind   int // behind the closing dashes
	newline  string
	plain    bool     // a mapping in block style, to which a key can be added
	block    int      // index of the label's first block in blocks, -1 without
	blocks   [][2]int // where labels stand, whole lines
}

// openMatter finds front matter at the beginning of a text without a byte order mark.
func openMatter(b []byte) (m matter, ok bool) {
	m.block = -1
	first, _, found := bytes.Cut(b, []byte("\n"))
	if !found || strings.TrimRight(string(first), " \t\r") != "---" {
		return m, false
	}
	m.newline, m.plain = "\n", true
	if bytes.HasSuffix(first, []byte("\r")) {
		m.newline = "\r\n"
	}
	m.from = len(first) + 1
	at, inside := m.from, false
	for line := range bytes.Lines(b[m.from:]) {
		end := at + len(line)
		text := strings.TrimRight(string(line), " \t\r\n")
		switch {
		case text == "---" || text == "...":
			m.to, m.behind = at, end
			return m, true
		case text == "": // belongs to the block when an indented line follows
		case line[0] == ' ' || line[0] == '\t':
			if inside {
				m.blocks[len(m.blocks)-1][1] = end
			}
		case strings.HasPrefix(text, "#"):
			inside = false
		default:
			key, _, colon := strings.Cut(text, ":")
			if inside = colon && strings.EqualFold(strings.Trim(strings.TrimSpace(key), `"'`), property); inside {
				if m.block < 0 {
					m.block = 0
				}
				m.blocks = append(m.blocks, [2]int{at, end})
			} else if !yamlLine.MatchString(text) && !strings.HasPrefix(text, "- ") && text != "-" {
				m.plain = false
			}
		}
		if at = end; at > maxMatter {
			return m, false
		}
	}
	return m, false
}

// markdownFile is a Markdown text that was read.
type markdownFile struct {
	text   []byte // without the byte order mark
	skip   int64  // its length
	matter matter
	has    bool
}

func openMarkdown(f *carrier.File) (m markdownFile, err error) {
	b, err := f.Read("markdown", 0, f.Size())
	if err != nil {
		return m, err
	}
	m.text = bytes.TrimPrefix(b, []byte(bom))
	m.skip = int64(len(b) - len(m.text))
	if bytes.HasPrefix(b, []byte("\xFF\xFE")) || bytes.HasPrefix(b, []byte("\xFE\xFF")) {
		return m, fault("markdown", carrier.Unsupported, 0, "the text is in UTF-16; convert it to UTF-8")
	}
	if m.matter, m.has = openMatter(m.text); len(m.matter.blocks) > carrier.MaxSites {
		return m, fault("markdown", carrier.TooLarge, m.skip, "more than %d labels", carrier.MaxSites)
	}
	if toml := []byte("+++"); bytes.HasPrefix(m.text, toml) && bytes.Contains(m.text[3:], []byte("\n+++")) {
		return m, fault("markdown", carrier.Unsupported, m.skip, "the front matter is TOML; the guide knows YAML")
	}
	return m, nil
}

// notes are labels in the comments at the beginning and the end of the text; elsewhere they may be examples.
func (m markdownFile) notes() (out []carrier.Site, spans [][2]int) {
	from := m.matter.behind
	add := func(start, end int) {
		if value := labelLine(string(m.text[start+4 : end-3])); value != "" {
			out = append(out, carrier.Site{Place: "comment", Offset: m.skip + int64(start), Value: value, Remark: "in a comment; the guide says front matter"})
			spans = append(spans, [2]int{start, end})
		}
	}
	body := m.text[from:]
	lead := len(body) - len(bytes.TrimLeft(body, " \t\r\n"))
	start, first := from+lead, -1
	if bytes.HasPrefix(m.text[start:], []byte("<!--")) {
		if k := bytes.Index(m.text[start+4:], []byte("-->")); k >= 0 {
			first = start
			add(start, start+4+k+3)
		}
	}
	end := len(bytes.TrimRight(m.text, " \t\r\n"))
	if end-3 >= start && bytes.HasSuffix(m.text[:end], []byte("-->")) {
		if k := bytes.LastIndex(m.text[:end-3], []byte("<!--")); k >= start && k != first {
			add(k, end)
		}
	}
	return out, spans
}

func markdownSites(f *carrier.File) (sites []carrier.Site, err error) {
	m, err := openMarkdown(f)
	if err != nil {
		return nil, err
	}
	if m.has {
		for i, span := range m.matter.blocks {
			value, remark := yamlLabel(string(m.text[span[0]:span[1]]))
			if i > 0 && remark == "" {
				remark = "a second mapping of the same name"
			}
			sites = append(sites, carrier.Site{Place: "front matter " + property, Offset: m.skip + int64(span[0]), Value: value, Standard: remark == "", Remark: remark})
		}
	}
	notes, _ := m.notes()
	return append(sites, notes...), nil
}

// yamlLabel is what the lines of one mapping say, as JSON, and what is unlike the guide's form: a mapping with quoted values.
func yamlLabel(block string) (value, remark string) {
	lines := strings.Split(strings.TrimRight(block, " \t\r\n"), "\n")
	key, rest, _ := strings.Cut(lines[0], ":")
	if key != property {
		remark = fmt.Sprintf("the mapping is called %.40s; the guide says %s", key, property)
	}
	rest = uncomment(strings.TrimSpace(rest))
	inner := strings.TrimSpace(strings.Join(append([]string{rest}, lines[1:]...), "\n"))
	switch {
	case strings.HasPrefix(rest, "{"):
		return inner, "written as JSON; the guide shows a mapping in lines"
	case strings.HasPrefix(rest, `"`), strings.HasPrefix(rest, "'"):
		text, _, _ := scalar(inner)
		return text, "one text; the guide shows a mapping"
	case strings.HasPrefix(rest, "|"), strings.HasPrefix(rest, ">"):
		return strings.TrimSpace(strings.Join(lines[1:], "\n")), "one text; the guide shows a mapping"
	case rest != "":
		return inner, "one text; the guide shows a mapping"
	}
	var out bytes.Buffer
	out.WriteByte('{')
	indent := -1
	for _, line := range lines[1:] {
		text := strings.TrimLeft(line, " ")
		if trimmed := strings.TrimSpace(text); trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		name, v, found := strings.Cut(text, ":")
		if indent < 0 {
			indent = len(line) - len(text)
		}
		if !found || indent == 0 || len(line)-len(text) != indent || v != "" && v[0] != ' ' && v[0] != '\t' && v[0] != '\r' {
			return strings.TrimSpace(strings.Join(lines[1:], "\n")), "the lines are no mapping that could be read"
		}
		text, kind, ok := scalar(strings.TrimSpace(v))
		if !ok && remark == "" {
			remark = "a value is written in a way that could not be read"
		}
		if kind == bare && remark == "" {
			remark = "values are not quoted; the guide shows them quoted"
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.Write(jsonText(strings.Trim(strings.TrimSpace(name), `"'`)))
		out.WriteByte(':')
		if kind == number {
			out.WriteString(text)
			remark = "a value is no text; all are texts"
		} else {
			out.Write(jsonText(text))
		}
	}
	out.WriteByte('}')
	return out.String(), remark
}

// uncomment cuts a comment off what is not quoted.
func uncomment(s string) string {
	if strings.HasPrefix(s, "#") {
		return ""
	}
	if strings.HasPrefix(s, `"`) || strings.HasPrefix(s, "'") || strings.HasPrefix(s, "{") {
		return s
	}
	s, _, _ = strings.Cut(s, " #")
	return strings.TrimSpace(s)
}

// Kinds of scalars.
const (
	quoted = iota
	bare   // without quotes, and a text
	number // without quotes, and JSON of another type
)

// scalar reads a YAML scalar of one line (YAML 1.2.2, 7.3). ok is false when it is written in a way that is not read here; it is then as it stands.
func scalar(s string) (text string, kind int, ok bool) {
	switch {
	case strings.HasPrefix(s, `"`):
		d := json.NewDecoder(strings.NewReader(s)) // a JSON string is a YAML one
		if d.Decode(&text) != nil {
			return s, quoted, false
		}
		rest := strings.TrimSpace(s[d.InputOffset():])
		return text, quoted, rest == "" || strings.HasPrefix(rest, "#")
	case strings.HasPrefix(s, "'"):
		var b strings.Builder
		for i := 1; i < len(s); i++ {
			if s[i] != '\'' {
				b.WriteByte(s[i])
			} else if i+1 < len(s) && s[i+1] == '\'' {
				b.WriteByte('\'')
				i++
			} else {
				rest := strings.TrimSpace(s[i+1:])
				return b.String(), quoted, rest == "" || strings.HasPrefix(rest, "#")
			}
		}
		return s, quoted, false
	}
	s = uncomment(s)
	var v any
	if json.Unmarshal([]byte(s), &v) == nil {
		return s, number, true
	}
	return s, bare, s == "" || !strings.ContainsAny(s[:1], "&*!|>%@`[{")
}

// jsonText is a JSON string with nothing escaped that need not be.
func jsonText(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string cannot fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// yamlBlock writes the label as the guide's mapping.
func yamlBlock(value, newline string) (string, error) {
	d := json.NewDecoder(strings.NewReader(value))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return "", errors.New("the label is no JSON object")
	}
	out := property + ":" + newline
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", err
		}
		v, err := d.Token()
		if err != nil {
			return "", err
		}
		text, is := v.(string)
		if name, _ := key.(string); !is || name == "" || strings.ContainsAny(name, ":#\"' \n\r\t") {
			return "", fmt.Errorf("the value of %v is no text", key)
		}
		out += "  " + key.(string) + ": " + string(jsonText(text)) + newline
	}
	if _, err := d.Token(); err != nil {
		return "", err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("something follows the JSON object")
	}
	return out, nil
}

func markdownPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	m, err := openMarkdown(f)
	if err != nil {
		return nil, err
	}
	newline := "\n"
	if m.has {
		newline = m.matter.newline
	} else if bytes.Contains(m.text[:min(len(m.text), carrier.HeadSize)], []byte("\r\n")) {
		newline = "\r\n"
	}
	block, err := yamlBlock(l.Value, newline)
	if err != nil {
		return nil, &carrier.Error{Format: "markdown", Kind: carrier.Unsupported, Offset: -1, Rule: "front matter holds the label as a mapping of texts", Err: err}
	}
	var changes []carrier.Change
	change := func(from, to int, text string) {
		changes = append(changes, carrier.Change{At: m.skip + int64(from), Remove: int64(to - from), Insert: []byte(text)})
	}
	written := false
	if m.has {
		for _, span := range m.matter.blocks {
			was := string(m.text[span[0]:span[1]])
			value, remark := yamlLabel(was)
			same, _ := yamlLabel(block)
			switch {
			case !written && remark == "" && value == same:
			case !written:
				change(span[0], span[1], block)
			default:
				change(span[0], span[1], "")
			}
			written = true
		}
		if !written && !m.matter.plain {
			return nil, fault("markdown", carrier.Unsupported, m.skip, "the front matter is no mapping in lines, to which a label could be added")
		}
		if !written {
			change(m.matter.to, m.matter.to, block)
		}
	} else {
		change(0, 0, "---"+newline+block+"---"+newline)
	}
	_, spans := m.notes()
	for _, s := range spans {
		change(s[0], s[1], "")
	}
	e, err := carrier.NewEdit(f, changes...)
	if err != nil {
		return nil, err
	}
	same, _ := yamlLabel(block)
	return readBack("markdown", e, markdownSites, same)
}
