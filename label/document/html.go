package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"strings"

	"github.com/hegui/hegui/label/carrier"
)

func htmlKind() carrier.Format {
	return carrier.Format{Name: "html", Title: "HTML page", MIME: []string{"text/html", "application/xhtml+xml"}, Extensions: []string{"html", "htm", "xhtml"}, Medium: "document",
		Place: `<meta name="AIGC"> in the head`, Guide: "ours", Is: isHTML, Sites: htmlSites, Put: htmlPut}
}

// isHTML tells a page by its first tag. A fragment that begins with another one is text: a program would have to guess what it is.
func isHTML(f *carrier.File) bool {
	head := bytes.TrimPrefix(f.Head(), []byte(bom))
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	for _, t := range tags(head) {
		text := strings.TrimSpace(string(head[t.before:t.start]))
		switch {
		case text != "":
			return false
		case t.kind == comment:
			doctype := strings.Fields(strings.ToLower(string(head[t.start:t.end])) + " -")
			if strings.HasPrefix(doctype[0], "<!doctype") {
				return len(doctype) > 1 && strings.TrimRight(doctype[1], ">") == "html"
			}
		default:
			return t.kind == opening && (t.name == "html" || t.name == "head" || t.name == "body" || t.name == "title" || t.name == "meta")
		}
	}
	return false
}

const bom = "\ufeff"

const (
	opening = iota
	closing
	comment // also a document type and a processing instruction
)

// tag is a tag or a comment of a page, with its place.
type tag struct {
	kind       int
	name       string // in small letters
	before     int    // where what the one before left begins
	start, end int
	attrs      []attribute
	bodyEnd    int // of script, style and the like: where their text, which begins at end, ends
}

// attribute of a tag; from and to are around its value with the quotes, both 0 when it has none.
type attribute struct {
	name, value string
	from, to    int
}

func (t tag) attr(name string) (a attribute, ok bool) {
	for _, a := range t.attrs {
		if a.name == name {
			return a, true // of two the first counts
		}
	}
	return a, false
}

// tags reads a page as WHATWG HTML 13.2.5 does, as far as tags, comments and raw text go. Any bytes are a page; none is refused.
func tags(b []byte) (out []tag) {
	lower := bytes.ToLower(b) // of the same length for ASCII, which all names are
	if len(lower) != len(b) {
		lower = asciiLower(b)
	}
	before := 0
	add := func(t tag) {
		t.before = before
		out, before = append(out, t), max(t.end, t.bodyEnd)
	}
	missing := map[string]bool{} // end tags that are known not to come, so that none is looked for again
	for at := 0; at < len(b) && len(out) < carrier.MaxParts; {
		i := bytes.IndexByte(b[at:], '<')
		if i < 0 || at+i+1 >= len(b) {
			return out
		}
		at += i
		next := b[at+1]
		switch {
		case bytes.HasPrefix(b[at:], []byte("<!--")):
			end := len(b)
			if k := bytes.Index(b[at+4:], []byte("-->")); k >= 0 {
				end = at + 4 + k + 3
			}
			if rest := b[at+4:]; bytes.HasPrefix(rest, []byte(">")) {
				end = at + 5
			} else if bytes.HasPrefix(rest, []byte("->")) {
				end = at + 6
			}
			add(tag{kind: comment, start: at, end: end})
			at = end
		case next == '!' || next == '?' || next == '/' && (at+2 >= len(b) || !letter(b[at+2])):
			end := len(b)
			if k := bytes.IndexByte(b[at:], '>'); k >= 0 {
				end = at + k + 1
			}
			add(tag{kind: comment, start: at, end: end})
			at = end
		case next == '/' || letter(next):
			t := readTag(b, lower, at)
			if t.kind == opening && rawText(t.name) {
				t.bodyEnd = len(b)
				for k := t.end; !missing[t.name]; {
					i := bytes.Index(lower[k:], []byte("</"+t.name))
					if i < 0 {
						missing[t.name] = true
						break
					}
					if k += i + 2 + len(t.name); k < len(b) && bytes.IndexByte([]byte("\t\n\f\r />"), b[k]) >= 0 {
						t.bodyEnd = k - 2 - len(t.name)
						break
					}
				}
			}
			add(t)
			at = max(t.end, t.bodyEnd)
		default:
			at++
		}
	}
	return out
}

func asciiLower(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return out
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// rawText tells the elements in which tags are text.
func rawText(name string) bool {
	switch name {
	case "script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "plaintext":
		return true
	}
	return false
}

// readTag reads the tag at a place. One that is not closed reaches to the end of the page.
func readTag(b, lower []byte, at int) tag {
	t := tag{start: at}
	i := at + 1
	if b[i] == '/' {
		t.kind = closing
		i++
	}
	from := i
	for i < len(b) && !space(b[i]) && b[i] != '/' && b[i] != '>' {
		i++
	}
	t.name = string(lower[from:i])
	for {
		for i < len(b) && (space(b[i]) || b[i] == '/') {
			i++
		}
		if i >= len(b) {
			t.end = len(b)
			return t
		}
		if b[i] == '>' {
			t.end = i + 1
			return t
		}
		from := i
		for i++; i < len(b) && !space(b[i]) && b[i] != '/' && b[i] != '>' && b[i] != '='; i++ {
		}
		a := attribute{name: string(lower[from:i])}
		k := i
		for k < len(b) && space(b[k]) {
			k++
		}
		if k < len(b) && b[k] == '=' {
			for k++; k < len(b) && space(b[k]); k++ {
			}
			a.from = k
			if k < len(b) && (b[k] == '"' || b[k] == '\'') {
				end := bytes.IndexByte(b[k+1:], b[k])
				if end < 0 {
					end = len(b) - k - 1
				}
				a.value, k = html.UnescapeString(string(b[k+1:k+1+end])), min(k+end+2, len(b))
			} else {
				for k < len(b) && !space(b[k]) && b[k] != '>' {
					k++
				}
				a.value = html.UnescapeString(string(b[a.from:k]))
			}
			a.to, i = k, k
		}
		t.attrs = append(t.attrs, a)
	}
}

// page is an HTML page that was read.
type page struct {
	text []byte
	tags []tag
	body int // the first tag of what is seen: that of the body, or one that opens it unsaid
}

func openPage(f *carrier.File) (p page, err error) {
	if p.text, err = f.Read("html", 0, f.Size()); err != nil {
		return p, err
	}
	if bytes.HasPrefix(p.text, []byte("\xFF\xFE")) || bytes.HasPrefix(p.text, []byte("\xFE\xFF")) || bytes.IndexByte(p.text[:min(len(p.text), carrier.HeadSize)], 0) >= 0 {
		return p, fault("html", carrier.Unsupported, 0, "the page is in UTF-16 or holds zeros; convert it to UTF-8")
	}
	p.tags = tags(p.text)
	if len(p.tags) >= carrier.MaxParts {
		return p, fault("html", carrier.TooLarge, int64(p.tags[len(p.tags)-1].end), "more than %d tags", carrier.MaxParts)
	}
	p.body = len(p.tags)
	for i, t := range p.tags {
		if seen := strings.TrimSpace(strings.TrimPrefix(string(p.text[t.before:t.start]), bom)) != ""; seen || t.kind == opening && !headTag(t.name) || t.kind == closing && t.name == "html" {
			p.body = i
			break
		}
	}
	return p, nil
}

// headTag tells what may stand before the body.
func headTag(name string) bool {
	switch name {
	case "html", "head", "meta", "title", "link", "base", "script", "style", "noscript", "template", "noembed":
		return true
	}
	return false
}

// htmlLabel is a label of a page: from and to are what is replaced when it is not the one that stays.
type htmlLabel struct {
	carrier.Site
	content  attribute
	from, to int
	keep     string // what takes the place of from to to when the label goes
}

// labels of a page.
func (p page) labels() (out []htmlLabel, err error) {
	standard := false
	for i, t := range p.tags {
		l := htmlLabel{from: t.start, to: t.end}
		l.Offset = int64(t.start)
		switch {
		case t.kind == opening && t.name == "meta":
			name, _ := t.attr("name")
			if name.value == "" {
				name, _ = t.attr("property")
			}
			if !strings.EqualFold(strings.TrimSpace(name.value), property) {
				continue
			}
			content, has := t.attr("content")
			l.content, l.Place, l.Value = content, "meta "+property, strings.TrimSpace(content.value)
			switch {
			case !has || content.to == 0:
				l.Remark = "the tag has no content"
			case name.name != "name" || name.value != property:
				l.Remark = fmt.Sprintf("the tag says %s=%q; name=%q is usual", name.name, name.value, property)
			case i >= p.body:
				l.Remark = "in the body; a meta tag belongs into the head"
			case standard:
				l.Remark = "a second meta tag of the same name"
			}
			standard = standard || l.Remark == ""
			l.Standard = l.Remark == ""
		case t.kind == comment:
			text := strings.TrimSuffix(strings.TrimPrefix(string(p.text[t.start:t.end]), "<!--"), "-->")
			if l.Value = labelLine(text); l.Value == "" {
				continue
			}
			l.Place, l.Remark = "comment", "in a comment; a meta tag is usual"
		case t.kind == opening && t.name == "script":
			kind, _ := t.attr("type")
			id, _ := t.attr("id")
			own := strings.EqualFold(id.value, property)
			if media := strings.ToLower(strings.TrimSpace(kind.value)); !strings.HasPrefix(media, "application/") || !strings.HasSuffix(media, "json") {
				continue
			}
			body := p.text[t.end:t.bodyEnd]
			value, rest, found, bad := member(body)
			switch {
			case bad != nil && (own || bytes.Contains(body, []byte(`"`+property+`"`))):
				return out, &carrier.Error{Format: "html", Kind: carrier.Malformed, Offset: int64(t.end), Rule: "a script of JSON that speaks of " + property + " cannot be read", Err: bad}
			case own && bad == nil && !found:
				l.Value, l.from, l.to = strings.TrimSpace(string(body)), t.end, t.bodyEnd
			case found:
				l.Value, l.from, l.to, l.keep = value, t.end, t.bodyEnd, rest
			default:
				continue
			}
			if l.Value == "" || l.Value == "{}" {
				continue
			}
			if l.keep == "" {
				l.keep = "{}"
			}
			l.Place, l.Remark = "script "+kind.value, "in a script of JSON; a meta tag is usual"
		default:
			continue
		}
		if out = append(out, l); len(out) > carrier.MaxSites {
			return out, fault("html", carrier.TooLarge, l.Offset, "more than %d labels", carrier.MaxSites)
		}
	}
	return out, nil
}

// labelLine is the JSON of a text such as `AIGC: {…}` or `{"AIGC":{…}}`, "" of any other.
func labelLine(text string) string {
	text = strings.TrimSpace(text)
	if rest := strings.TrimSpace(strings.TrimPrefix(text, property)); len(rest) < len(text) {
		text = strings.TrimSpace(strings.TrimLeft(rest, ":=： "))
	} else if rest := strings.TrimSpace(strings.TrimPrefix(text, "{")); !strings.HasPrefix(rest, `"`+property+`"`) {
		return ""
	}
	if !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") {
		return ""
	}
	return text
}

// member takes the member AIGC out of a JSON object: its value as text, and the object with all others.
func member(b []byte) (value, rest string, found bool, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	open, err := d.Token()
	if err != nil || open != json.Delim('{') {
		return "", "", false, err
	}
	from := int(d.InputOffset()) // behind the brace or the member before
	for first := true; d.More(); first = false {
		name, err := d.Token()
		if err != nil {
			return "", "", false, err
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return "", "", false, err
		}
		to := int(d.InputOffset())
		if name == property && !found {
			value, found = string(raw), true
			var text string
			if json.Unmarshal(raw, &text) == nil {
				value = text
			}
			if first && d.More() { // the comma behind goes too
				to += bytes.IndexByte(b[to:], ',') + 1
			}
			rest = string(b[:from]) + string(b[to:])
		}
		from = to
	}
	_, err = d.Token()
	return value, rest, found, err
}

func htmlSites(f *carrier.File) (sites []carrier.Site, err error) {
	p, err := openPage(f)
	if err != nil {
		return nil, err
	}
	found, err := p.labels()
	for _, l := range found {
		sites = append(sites, l.Site)
	}
	return sites, err
}

func htmlPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	p, err := openPage(f)
	if err != nil {
		return nil, err
	}
	found, err := p.labels()
	if err != nil {
		return nil, err
	}
	quoted := "'" + strings.ReplaceAll(entities(l.Value), "&#34;", `"`) + "'"
	written := false
	var changes []carrier.Change
	for _, x := range found {
		switch {
		case x.Standard && !written && x.Value == l.Value:
			written = true
		case x.Standard && !written:
			written = true
			changes = append(changes, carrier.Change{At: int64(x.content.from), Remove: int64(x.content.to - x.content.from), Insert: []byte(quoted)})
		default:
			changes = append(changes, carrier.Change{At: int64(x.from), Remove: int64(x.to - x.from), Insert: []byte(x.keep)})
		}
	}
	if !written {
		at, text := p.headPlace(), `<meta name="`+property+`" content=`+quoted+` />`
		if at > 0 && at < len(p.text) && p.text[at] == '\n' || bytes.HasPrefix(p.text[at:], []byte("\r\n")) {
			text = "\n" + text
		} else {
			text += "\n"
		}
		changes = append(changes, carrier.Change{At: int64(at), Insert: []byte(text)})
	}
	e, err := carrier.NewEdit(f, changes...)
	if err != nil {
		return nil, err
	}
	return readBack("html", e, htmlSites, l.Value)
}

// headPlace is where a meta tag goes: behind the one that says the encoding, which must be near the beginning, else where the head begins. A
// head need not be written (WHATWG HTML 13.1.2.4).
func (p page) headPlace() int {
	at := 0
	if bytes.HasPrefix(p.text, []byte(bom)) {
		at = len(bom)
	}
	for _, t := range p.tags[:p.body] {
		_, charset := t.attr("charset")
		equiv, _ := t.attr("http-equiv")
		switch {
		case t.kind == comment && (bytes.HasPrefix(p.text[t.start:], []byte("<?")) || strings.HasPrefix(strings.ToLower(string(p.text[t.start:t.end])), "<!doctype")),
			t.kind == opening && (t.name == "html" || t.name == "head"),
			t.kind == opening && t.name == "meta" && (charset || strings.EqualFold(equiv.value, "content-type")):
			at = t.end
		}
	}
	return at
}

// entities is text as it stands in a page of any encoding: all but ASCII as numbers.
func entities(s string) string {
	var b strings.Builder
	for _, r := range html.EscapeString(s) {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return b.String()
}
