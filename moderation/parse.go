package moderation

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// risksPerGroup tells how many risks A1 … A5 have in GB/T 45654-2025 Annex A: A1a-A1h, A2a-A2i, A3a-A3e, A4a-A4g, A5a-A5b.
const risksPerGroup = "89572"

// isRisk tells whether id names one of the 31 risks.
func isRisk(id string) bool {
	return len(id) == 3 && id[0] == 'A' && id[1] >= '1' && id[1] <= '5' && id[2] >= 'a' && id[2]-'a' < risksPerGroup[id[1]-'1']-'0'
}

// maxParseErrors is how many bad lines ParseEntries tells of before it gives up.
const maxParseErrors = 20

// ParseEntries reads the operator's list: UTF-8 CSV with header `text,category,tier[,id]` (columns in any order; name ends
// in .csv), or TXT with one entry a line. Blank lines and lines beginning with # are left out, a byte order mark and CRLF
// are allowed. category and tier hold where the list says nothing. An entry without an id gets one made from its folded
// text, so that importing twice gives the same ids. Errors carry line numbers. Lists in GBK must be converted first.
func ParseEntries(name string, data []byte, category string, tier Tier) ([]Entry, error) {
	base := path.Base(strings.ReplaceAll(name, "\\", "/"))
	if bytes.HasPrefix(data, []byte{0xFF, 0xFE}) || bytes.HasPrefix(data, []byte{0xFE, 0xFF}) {
		return nil, fmt.Errorf("moderation: %s is UTF-16; save it as UTF-8", base)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if line, ok := firstInvalid(data); !ok {
		return nil, fmt.Errorf("moderation: %s line %d is not valid UTF-8 (perhaps GBK); convert it, for example: iconv -f GB18030 -t UTF-8", base, line)
	}
	p := parser{name: base, table: folds(), ids: map[string]int{}, texts: map[string]int{}}
	if strings.EqualFold(path.Ext(base), ".csv") {
		p.csv(data, category, tier)
	} else {
		p.lines(data, category, tier)
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	if len(p.entries) == 0 {
		return nil, fmt.Errorf("moderation: %s holds no entries", base)
	}
	return p.entries, nil
}

func firstInvalid(data []byte) (line int, ok bool) {
	line = 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			return line, false
		}
		if r == '\n' {
			line++
		}
		data = data[size:]
	}
	return 0, true
}

type parser struct {
	name    string
	table   *[foldLimit]rune
	entries []Entry
	ids     map[string]int // line of each id
	texts   map[string]int // line of each folded text
	errs    []error
}

// fail notes an error and tells whether to go on.
func (p *parser) fail(line int, format string, args ...any) bool {
	p.errs = append(p.errs, fmt.Errorf("moderation: %s line %d: %w", p.name, line, fmt.Errorf(format, args...)))
	return len(p.errs) < maxParseErrors
}

func (p *parser) lines(data []byte, category string, tier Tier) {
	for i, text := range strings.Split(string(data), "\n") {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if !p.add(i+1, Entry{Text: text, Category: category, Tier: tier}) {
			return
		}
	}
}

func (p *parser) csv(data []byte, category string, tier Tier) {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	r.Comment = '#'
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if err != nil {
		p.fail(1, "no header; the first line must be text,category,tier or text,category,tier,id")
		return
	}
	column := map[string]int{}
	for i, h := range header {
		h = strings.ToLower(strings.TrimSpace(h))
		if !slices.Contains([]string{"text", "category", "tier", "id"}, h) {
			p.fail(1, "column %q is not known; columns are text, category, tier and id", h)
			return
		}
		if _, twice := column[h]; twice {
			p.fail(1, "column %q stands twice", h)
			return
		}
		column[h] = i
	}
	if _, ok := column["text"]; !ok {
		p.fail(1, "column text is missing; the first line must be text,category,tier or text,category,tier,id")
		return
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			var pe *csv.ParseError
			line := 0
			if errors.As(err, &pe) {
				line, err = pe.Line, pe.Err
			}
			p.fail(line, "%w", err)
			return
		}
		line, _ := r.FieldPos(0)
		if len(row) > len(header) {
			if !p.fail(line, "%d fields, the header has %d; put quotation marks around a text with commas", len(row), len(header)) {
				return
			}
			continue
		}
		get := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		e := Entry{ID: get("id"), Text: get("text"), Category: get("category"), Tier: Tier(strings.ToLower(get("tier")))}
		if e.Category == "" {
			e.Category = category
		}
		if e.Tier == "" {
			e.Tier = tier
		}
		if !p.add(line, e) {
			return
		}
	}
}

// add checks and takes one entry; it tells whether to go on.
func (p *parser) add(line int, e Entry) bool {
	folded := foldText(p.table, e.Text)
	if err := checkText(e.Text, folded); err != nil {
		return p.fail(line, "text %.80q: %w", e.Text, err)
	}
	if !isRisk(e.Category) {
		return p.fail(line, "category %q: must be one of the 31 risks, A1a … A5b", e.Category)
	}
	if e.Tier != Block && e.Tier != Signal && e.Tier != Observe {
		return p.fail(line, "tier %q: must be block, signal or observe", e.Tier)
	}
	if before, ok := p.texts[string(folded)]; ok {
		return p.fail(line, "text %.80q is the same as line %d after folding; keep one", e.Text, before)
	}
	if e.ID == "" {
		sum := sha256.Sum256([]byte(string(folded)))
		e.ID = "t-" + hex.EncodeToString(sum[:6])
	}
	if before, ok := p.ids[e.ID]; ok {
		return p.fail(line, "id %q is already taken on line %d", e.ID, before)
	}
	p.texts[string(folded)] = line
	p.ids[e.ID] = line
	e.Source = fmt.Sprintf("%s:%d", p.name, line)
	p.entries = append(p.entries, e)
	return true
}
