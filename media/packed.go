package media

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// packed reads a document of the Office Open XML family: the words of every part, the pictures, and documents in it.
func (w *walk) packed(ctx context.Context, b []byte, depth int) error {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return &BrokenError{err.Error()}
	}
	if len(z.File) > maxParts {
		return &BrokenError{"it has too many parts"}
	}
	seen := map[string]bool{}
	for _, part := range z.File {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := strings.ToLower(part.Name)
		switch {
		case seen[name]: // readers differ in which one they take
			return &BrokenError{"it has two parts with the name " + clip(part.Name)}
		case part.Flags&1 != 0:
			return &BrokenError{"it is encrypted"}
		case part.FileInfo().IsDir(), unspoken(name):
			continue
		}
		seen[name] = true
		data, err := w.inflate(part)
		if err != nil {
			return err
		}
		switch ext := path.Ext(name); {
		case ext == ".xml" || ext == ".vml":
			text, err := xmlWords(data)
			if err != nil {
				w.unread(clip(part.Name), "it is no well-formed XML")
			}
			w.words(clip(part.Name), text)
		case ext == ".bin" && !strings.Contains(name, "embeddings"): // macros, printer settings
		case depth < maxNested:
			w.inside(ctx, part.Name, data, depth+1)
		default:
			w.unread(clip(part.Name), "it lies too deep inside other documents")
		}
	}
	return nil
}

// inside reads a file that lies in a document.
func (w *walk) inside(ctx context.Context, name string, data []byte, depth int) {
	inner, err := w.read(ctx, data, depth)
	if err != nil {
		w.unread(clip(name), err.Error())
		return
	}
	if inner.Medium == "image" {
		w.picture(clip(name), inner.MIME, data)
	} else if inner.Medium != "document" && inner.Medium != "text" {
		w.unread(clip(name), inner.Title+" inside a document")
	}
	for _, text := range inner.Words {
		text.Where = clip(name) + ", " + text.Where
		w.look.Words = append(w.look.Words, text)
	}
	for _, p := range inner.Pictures {
		w.picture(clip(name)+", "+p.Where, p.MIME, p.Bytes)
	}
	for _, why := range inner.Unread {
		w.unread(clip(name), why)
	}
}

// unspoken are parts that hold names and settings, which nobody reads.
func unspoken(name string) bool {
	return strings.HasSuffix(name, ".rels") || name == "[content_types].xml" || strings.Contains(name, "/theme/") || strings.HasSuffix(name, "/fonttable.xml") ||
		strings.HasSuffix(name, "/websettings.xml") || strings.Contains(name, "/fonts/") || strings.HasSuffix(name, "/calcchain.xml")
}

// inflate unpacks a part within what is left for the whole file.
func (w *walk) inflate(part *zip.File) ([]byte, error) {
	r, err := part.Open()
	if err != nil {
		return nil, &BrokenError{clip(part.Name) + ": " + err.Error()}
	}
	defer func() { _ = r.Close() }()
	data, err := io.ReadAll(io.LimitReader(r, w.inflated+1))
	switch {
	case err != nil:
		return nil, &BrokenError{clip(part.Name) + ": " + err.Error()}
	case int64(len(data)) > w.inflated:
		return nil, &BrokenError{"it unpacks to more than is read here"}
	}
	w.inflated -= int64(len(data))
	return data, nil
}

// breaks are the elements behind which a new line begins; within a paragraph words run on, however they are formatted.
func breaks(name string) bool {
	return slices.Contains([]string{"p", "br", "tab", "si", "row", "c", "tr", "tc", "comment", "is", "title", "creator", "description", "subject", "keywords", "lpwstr", "definedName", "pt", "oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter"}, name)
}

// xmlWords is everything that is said in a part: the characters, and texts that stand in for pictures.
func xmlWords(data []byte) (string, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = true
	var out strings.Builder
	shared := false // a cell whose value is a number of the list of texts
	value := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return strings.TrimSpace(out.String()), nil
		}
		if err != nil {
			return strings.TrimSpace(out.String()), err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "c":
				shared = slices.ContainsFunc(t.Attr, func(a xml.Attr) bool { return a.Name.Local == "t" && a.Value == "s" })
			case "v":
				value = true
			}
			for _, a := range t.Attr {
				switch a.Name.Local {
				case "descr", "title", "alt", "prompt", "promptTitle", "tooltip":
					if a.Value != "" {
						out.WriteString("\n" + a.Value + "\n")
					}
				}
			}
		case xml.CharData:
			if !value || !shared {
				out.Write(t)
			}
		case xml.EndElement:
			if t.Name.Local == "v" {
				value = false
			}
			if breaks(t.Name.Local) {
				out.WriteByte('\n')
			}
		}
	}
}

// untagged is what a reader of HTML sees, and what stands in for pictures.
func untagged(text string) string {
	z := html.NewTokenizer(strings.NewReader(text))
	var out strings.Builder
	hidden := ""
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return out.String()
		case html.TextToken:
			if hidden == "" {
				out.WriteString(z.Token().Data)
			}
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			t := z.Token()
			switch {
			case kind == html.StartTagToken && (t.Data == "script" || t.Data == "style"):
				hidden = t.Data
			case kind == html.EndTagToken && t.Data == hidden:
				hidden = ""
			}
			for _, a := range t.Attr {
				if a.Key == "alt" || a.Key == "title" || a.Key == "aria-label" || a.Key == "content" {
					out.WriteString("\n" + a.Val + "\n")
				}
			}
			switch t.Data {
			case "p", "div", "br", "li", "tr", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "title", "option", "body":
				out.WriteByte('\n')
			}
		}
	}
}

// clip bounds a name that came with a file.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
