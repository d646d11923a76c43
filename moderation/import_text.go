package moderation

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// decodeList turns a list's bytes into UTF-8. A list that is mostly UTF-8 stays so, its broken lines are set aside later;
// anything else is read as GB18030, of which GBK and GB 2312 are parts.
func decodeList(data []byte) (text []byte, encoding string, err error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		return decodeUTF16(data[2:], binary.LittleEndian), "utf-16", nil
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		return decodeUTF16(data[2:], binary.BigEndian), "utf-16", nil
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if utf8.Valid(data) {
		return data, "utf-8", nil
	}
	good, bad := 0, 0
	for line := range bytes.Lines(data) {
		switch {
		case !utf8.Valid(line):
			bad++
		case slices.ContainsFunc(line, func(b byte) bool { return b >= utf8.RuneSelf }):
			good++
		}
	}
	if good >= bad {
		return data, "utf-8", nil
	}
	out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
	if err != nil {
		return nil, "", fmt.Errorf("it is neither UTF-8 nor GB18030: %w", err)
	}
	if n := bytes.Count(out, []byte("\ufffd")); n > 16 && n*20 > utf8.RuneCount(out) {
		return nil, "", errors.New("it is neither UTF-8 nor GB18030; save it as UTF-8")
	}
	return out, "gb18030", nil
}

func decodeUTF16(data []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

// guessLayout tells the layout by the name's ending, and by the beginning where that says nothing.
func guessLayout(base string, text []byte) Layout {
	switch strings.ToLower(path.Ext(base)) {
	case ".csv", ".tsv":
		return Sheet
	case ".json", ".jsonl", ".ndjson":
		return JSON
	}
	switch start := bytes.TrimLeft(text[:min(len(text), 4096)], " \t\r\n"); {
	case bytes.HasPrefix(start, []byte("[\"")), bytes.HasPrefix(start, []byte("[{")), bytes.HasPrefix(start, []byte("{\"")):
		return JSON
	}
	first, _, _ := bytes.Cut(text[:min(len(text), 4096)], []byte("\n"))
	for _, comma := range []string{",", "\t", ";"} {
		if cells := strings.Split(strings.TrimRight(string(first), "\r"), comma); len(cells) > 1 {
			if _, ok := header(cells); ok { // a table, whatever it is called
				return Sheet
			}
		}
	}
	return Lines
}

// lines reads an entry a line. Behind the entry may stand, after a tab, a comma, a bar or spaces, a weight or nothing.
func (im *importer) lines(text []byte) error {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		im.report.Lines++
		if err := im.line(n, line); err != nil {
			return err
		}
	}
	return nil
}

func (im *importer) line(n int, line []byte) error {
	if !utf8.Valid(line) {
		return im.aside(n, "text", strings.ToValidUTF8(string(line), "?"), "is not valid UTF-8; save the line anew")
	}
	s := strings.TrimSpace(string(line))
	if s == "" || strings.HasPrefix(s, "#") || strings.HasPrefix(s, "//") {
		im.report.Blank++
		return nil
	}
	s = withoutWeight(s)
	e := Entry{Text: s}
	if parts := splitParts(s); len(parts) > 1 {
		e.Kind, e.Text = All, strings.Join(parts, "+")
	}
	return im.add(n, e, "")
}

// withoutWeight cuts what some lists put behind a word: a trailing comma or bar, and a number behind a tab, comma, bar or
// space.
func withoutWeight(s string) string {
	s = strings.TrimRight(s, ",，|、;； \t")
	i := strings.LastIndexAny(s, "\t,|= ")
	if i < 0 {
		return s
	}
	head, tail := strings.TrimRight(s[:i], "\t,|= "), strings.TrimSpace(s[i+1:])
	if _, err := strconv.ParseFloat(tail, 64); err == nil && head != "" && strings.ContainsFunc(head, unicode.IsLetter) && (s[i] != ' ' || !asciiOnly(head)) {
		return head
	}
	return s
}

func asciiOnly(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// splitParts cuts a combination a+b, written with either plus sign; words such as c++ and 18+ are none.
func splitParts(s string) []string {
	s = strings.ReplaceAll(s, "＋", "+")
	if !strings.Contains(s, "+") {
		return nil
	}
	parts := strings.Split(s, "+")
	for i, p := range parts {
		if parts[i] = strings.TrimSpace(p); parts[i] == "" {
			return nil
		}
	}
	return parts
}

// columns tells where each field of a table stands.
type columns map[string]int

// columnNames are the headings that lists use for our fields.
func columnNames() map[string][]string {
	return map[string][]string{
		"text":     {"text", "word", "words", "keyword", "keywords", "entry", "term", "sensitive_word", "content", "value", "name", "词", "词语", "词条", "敏感词", "关键词", "违禁词", "屏蔽词", "内容", "文本"},
		"category": {"category", "type", "label", "class", "risk", "tag", "kind_name", "类别", "类型", "分类", "标签", "风险", "一级分类", "二级分类"},
		"tier":     {"tier", "level", "action", "级别", "等级", "处置"},
		"kind":     {"kind", "match", "匹配方式", "匹配"},
		"id":       {"id", "编号"},
		"allow":    {"allow", "white", "whitelist", "白名单"},
		"severity": {"severity", "严重程度"},
		"note":     {"note", "remark", "comment", "备注", "说明"},
		"source":   {"source", "来源"},
		"owner":    {"owner", "负责人"},
		"expires":  {"expires", "expire", "到期", "有效期"},
		"border":   {"border"},
		"forms":    {"forms", "变体"},
		"context":  {"context"},
		"scope":    {"scope"},
	}
}

// header reads a first row as headings; ok is false when none of them names the text.
func header(row []string) (columns, bool) {
	h := columns{}
	for i, cell := range row {
		cell = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(cell, "\ufeff")))
		for field, names := range columnNames() {
			if _, taken := h[field]; !taken && slices.Contains(names, cell) {
				h[field] = i
			}
		}
	}
	_, ok := h["text"]
	return h, ok
}

// sheet reads CSV or TSV. Without a header that it knows, the first column is the text and the second, if it is one that
// the tables of categories know, the category.
func (im *importer) sheet(text []byte) error {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(bytes.ToValidUTF8(text, []byte("\ufffd"))))
	r.FieldsPerRecord, r.TrimLeadingSpace, r.ReuseRecord = -1, true, true
	r.LazyQuotes = true
	switch {
	case bytes.ContainsRune(first, '\t'):
		r.Comma = '\t'
	case bytes.ContainsRune(first, ';') && !bytes.ContainsRune(first, ','):
		r.Comma = ';'
	}
	var h columns
	for n := 1; ; n++ {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		if n == 1 {
			var ok bool
			if h, ok = header(row); ok {
				continue
			}
			h = columns{"text": 0}
			if len(row) > 1 {
				if _, known := im.risk(row[1]); known {
					h["category"] = 1
				}
			}
			if im.report.Unread = len(row) - len(h); im.report.Unread > 0 && im.o.Strict {
				if err := im.aside(line, "headings", strings.Join(row, ","), "are missing; begin the table with a row such as text,category,tier,severity"); err != nil {
					return err
				}
			}
		}
		if err := im.row(line, h, row); err != nil {
			return err
		}
	}
}

// row takes one row of a table.
func (im *importer) row(line int, h columns, row []string) error {
	im.report.Lines++
	get := func(field string) string {
		if i, ok := h[field]; ok && i < len(row) {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	text := get("text")
	switch {
	case text == "" && slices.ContainsFunc(row, func(cell string) bool { return strings.TrimSpace(cell) != "" }):
		return im.aside(line, "text", "", "is empty; give the word, or take the row out")
	case text == "" || strings.HasPrefix(text, "#"):
		im.report.Blank++
		return nil
	case strings.ContainsRune(text, utf8.RuneError):
		return im.aside(line, "text", text, "is not valid UTF-8; save the line anew")
	}
	e := Entry{ID: get("id"), Text: text, Note: get("note"), Source: get("source"), Owner: get("owner"), Expires: get("expires")}
	switch kind := strings.ToLower(get("kind")); kind {
	case "", "contain", "contains", "包含", "模糊":
	case "whole", "exact", "完全", "精确":
		e.Kind = Whole
	case "all", "and", "组合":
		e.Kind = All
	case "pattern", "regex", "regexp", "re2", "正则":
		e.Kind = Pattern
	default:
		return im.aside(line, "kind", kind, "must be contain, whole, all or pattern")
	}
	if parts := splitParts(text); (get("kind") == "" || e.Kind == All) && len(parts) > 1 {
		e.Kind, e.Text = All, strings.Join(parts, "+")
	}
	switch tier := strings.ToLower(get("tier")); tier {
	case "":
	case "block", "reject", "拦截", "禁止", "高", "high":
		e.Tier = Block
	case "signal", "review", "提示", "审核", "人审", "中", "medium":
		e.Tier = Signal
	case "observe", "pass", "观察", "低", "low":
		e.Tier = Observe
	case "quarantine", "隔离":
		e.Tier = Quarantine
	default:
		if _, err := strconv.ParseFloat(tier, 64); err != nil { // a number is a weight of somebody's own
			return im.aside(line, "tier", tier, "must be block, signal, observe or quarantine")
		}
	}
	for _, c := range []struct {
		field string
		into  *bool
	}{{"allow", &e.Allow}, {"border", &e.Border}} {
		yes, ok := yesOrNo(get(c.field))
		if !ok {
			return im.aside(line, c.field, get(c.field), "must be yes or no")
		}
		*c.into = yes
	}
	if e.Allow {
		e.Tier = ""
	}
	if s := get("severity"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return im.aside(line, "severity", s, "must be a number from 1 to 5")
		}
		e.Severity = n
	}
	for form := range strings.FieldsFuncSeq(strings.ToLower(get("forms")), func(r rune) bool { return r == ' ' || r == '|' || r == ';' || r == ',' }) {
		switch form {
		case "separated":
			e.Forms.Separated = true
		case "pinyin":
			e.Forms.Pinyin = true
		case "split":
			e.Forms.Split = true
		case "reversed":
			e.Forms.Reversed = true
		default:
			return im.aside(line, "forms", form, "must be separated, pinyin, split or reversed")
		}
	}
	for _, j := range []struct {
		field string
		into  any
	}{{"context", &e.Context}, {"scope", &e.Scope}} {
		if s := get(j.field); s != "" {
			if err := json.Unmarshal([]byte(s), j.into); err != nil {
				return im.aside(line, j.field, s, "must be JSON as entries have it: "+err.Error())
			}
		}
	}
	return im.add(line, e, get("category"))
}

// yesOrNo reads a cell; an empty one says no.
func yesOrNo(cell string) (yes, ok bool) {
	switch strings.ToLower(cell) {
	case "", "0", "no", "n", "false", "否":
		return false, true
	case "1", "yes", "y", "true", "是":
		return true, true
	}
	return false, false
}

// json reads an array, or a value a line, of strings or entries.
func (im *importer) json(text []byte) error {
	if t := bytes.TrimSpace(text); len(t) > 0 && t[0] == '[' {
		var values []json.RawMessage
		if err := json.Unmarshal(t, &values); err != nil {
			return fmt.Errorf("it is not JSON: %w", err)
		}
		for i, v := range values {
			im.report.Lines++
			if err := im.value(i+1, v); err != nil {
				return err
			}
		}
		return nil
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		im.report.Lines++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			im.report.Blank++
			continue
		}
		if err := im.value(n, lines.Bytes()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", im.report.Lines+1, err)
	}
	return nil
}

func (im *importer) value(n int, v []byte) error {
	if string(bytes.TrimSpace(v)) == "null" {
		return im.aside(n, "value", "null", "stands for no entry; give a string or an object, or take it out")
	}
	var s string
	if json.Unmarshal(v, &s) == nil {
		return im.line(n, []byte(s))
	}
	var e Entry
	d := json.NewDecoder(bytes.NewReader(v))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err == nil {
		foreign := e.Category
		e.Category = ""
		return im.add(n, e, foreign)
	}
	var loose map[string]any // somebody else's fields
	if err := json.Unmarshal(v, &loose); err != nil {
		return im.aside(n, "value", string(v), "must be a string or an object")
	}
	keys := make([]string, 0, len(loose))
	row := make([]string, 0, len(loose))
	for k, x := range loose {
		if _, nested := x.([]any); !nested && x != nil {
			keys, row = append(keys, k), append(row, fmt.Sprint(x))
		}
	}
	h, ok := header(keys)
	if !ok {
		return im.aside(n, "value", string(v), "has no field that names the word (word, text, 词 …)")
	}
	im.report.Lines-- // row counts it
	return im.row(n, h, row)
}
