package document

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/hegui/hegui/label/carrier"
)

func textKinds() []carrier.Format {
	return []carrier.Format{
		{Name: "markdown", Title: "Markdown text", MIME: []string{"text/markdown", "text/x-markdown"}, Extensions: []string{"md", "markdown"}, Medium: "text",
			Place: "YAML front matter, mapping AIGC", Guide: guide, Is: isMarkdown, Sites: markdownSites, Put: markdownPut},
		{Name: "text", Title: "plain text", MIME: []string{"text/plain"}, Extensions: []string{"txt", "text"}, Medium: "text",
			Place: "none: the words in the text, and the envelope it is sent in", Guide: "GB 45438-2025 5.1", Is: isText, Sites: textSites, Put: textPut},
	}
}

// isText takes for plain text what is UTF-8 without control characters and looks like nothing that a machine reads: JSON, XML, scripts and
// Windows' settings are left alone.
func isText(f *carrier.File) bool {
	head, ok := utf8Head(f)
	head = bytes.TrimSpace(head)
	return ok && len(head) > 0 && bytes.IndexByte([]byte("<{["), head[0]) < 0 && !bytes.HasPrefix(head, []byte("#!")) && !bytes.HasPrefix(head, []byte("%"))
}

// utf8Head is the beginning of a text without a byte order mark. ok is false for what is no text in UTF-8.
func utf8Head(f *carrier.File) (head []byte, ok bool) {
	head = f.Head()
	if int64(len(head)) < f.Size() { // the last character may be cut
		for range utf8.UTFMax - 1 {
			if r, n := utf8.DecodeLastRune(head); r == utf8.RuneError && n == 1 {
				head = head[:len(head)-1]
			}
		}
	}
	head = bytes.TrimPrefix(head, []byte(bom))
	if !utf8.Valid(head) || bytes.ContainsFunc(head, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\r\f", r) || r == 0x7F }) {
		return nil, false
	}
	return head, true
}

// Signs of Markdown. None alone is proof: a program has comments that look like headings, a letter has dashes.
var (
	heading  = regexp.MustCompile(`(?m)^ {0,3}#{1,6} +\S`)
	fence    = regexp.MustCompile("(?m)^ {0,3}(```|~~~)")
	link     = regexp.MustCompile(`\[[^\]\n]+\]\((https?://|mailto:|/|#|\.)[^)\n]*\)`)
	strong   = regexp.MustCompile(`\*\*[^\s*][^*\n]*\*\*`)
	table    = regexp.MustCompile(`(?m)^ *\|? *:?-{3,}:? *\|[ :|-]*$`)
	quote    = regexp.MustCompile(`(?m)^ {0,3}> ?\S`)
	bullet   = regexp.MustCompile(`(?m)^ {0,3}([-*+]|\d{1,9}[.)]) +\S`)
	yamlLine = regexp.MustCompile(`^("[^"\n]*"|'[^'\n]*'|[^\s#"'{}\[\]&*!|>%@,?-][^\n:]*)\s*:(\s.*)?$`)
)

// isMarkdown takes for Markdown a text that begins with front matter and goes on behind it, or shows three of the signs. A shorter Markdown file is
// plain text by its content; its name tells (carrier.File.Named).
func isMarkdown(f *carrier.File) bool {
	head, ok := utf8Head(f)
	if !ok || bytes.HasPrefix(head, []byte("{")) || bytes.HasPrefix(head, []byte("#!")) {
		return false
	}
	if ext := f.Ext(); ext == ".md" || ext == ".markdown" {
		return true
	}
	if m, ok := openMatter(head); ok {
		return m.plain && (m.block >= 0 || prose(head[m.behind:]))
	}
	signs := 0
	for _, sign := range []*regexp.Regexp{heading, fence, link, strong, table, quote, bullet} {
		if sign.Match(head) {
			signs++
		}
	}
	return signs >= 3
}

// prose tells whether a text has a line that is not YAML: two YAML documents in a file look like front matter.
func prose(b []byte) bool {
	for line := range bytes.Lines(b) {
		text := strings.TrimRight(string(line), " \t\r\n")
		if text != "" && text[0] != ' ' && text != "---" && !strings.HasPrefix(text, "- ") && !yamlLine.MatchString(text) {
			return true
		}
	}
	return false
}

// textSites are lines of a plain text that hold a label and nothing else. No guide knows them.
func textSites(f *carrier.File) ([]carrier.Site, error) {
	b, err := f.Read("text", 0, f.Size())
	return labelLines("text", b, 0, err)
}

func labelLines(format string, b []byte, at int64, err error) (out []carrier.Site, _ error) {
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(b) {
		if len(line) < 16<<10 {
			text := strings.TrimPrefix(strings.TrimSpace(string(line)), bom)
			if len(text) >= 7 && strings.HasPrefix(text, "<!--") && strings.HasSuffix(text, "-->") {
				text = text[4 : len(text)-3]
			}
			if value := labelLine(text); value != "" {
				out = append(out, carrier.Site{Place: "a line of the text", Offset: at, Value: value, Remark: "a line of the text; plain text has no place for metadata"})
			}
		}
		if len(out) > carrier.MaxSites {
			return out, fault(format, carrier.TooLarge, at, "more than %d labels", carrier.MaxSites)
		}
		at += int64(len(line))
	}
	return out, nil
}

// textPut refuses: a line in the text would be content, and the guides name no place (TC260-PG-20258A).
func textPut(f *carrier.File, _ carrier.Label) (*carrier.Edit, error) {
	if _, err := textSites(f); err != nil {
		return nil, err
	}
	return nil, fault("text", carrier.Unsupported, -1, "plain text has no place for metadata: put the words into the text and the label into the envelope it is sent in, or keep it as Markdown")
}
