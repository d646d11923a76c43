package document

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hegui/hegui/label/carrier"
)

// maxXMLDepth bounds elements within elements.
const maxXMLDepth = 8 * carrier.MaxDepth

// element is an element of an XML text, with where it stands in it.
type element struct {
	name   xml.Name
	raw    string // as the tag writes it, with its prefix
	attrs  []xml.Attr
	depth  int // 1 is the root
	parent int // its index, -1 of the root
	start  int // of its start tag
	open   int // behind its start tag
	shut   int // where its end tag begins; open of one that closes itself
	end    int // behind it
	closed bool
	text   string // the character data right in it, for elements without elements
}

func (e *element) attr(local string) string {
	for _, a := range e.attrs {
		if a.Name.Local == local && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// prefix of the element's tag with its colon, "" when there is none.
func (e *element) prefix() string {
	if p, _, ok := strings.Cut(e.raw, ":"); ok {
		return p + ":"
	}
	return ""
}

// elements are all elements of an XML text in document order. The error says why it could not be read to its end; those before the fault are
// returned. Entities that the text declares itself are not followed (there are none in OOXML), so none can grow.
func elements(b []byte) (out []element, err error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") || strings.EqualFold(charset, "ascii") {
			return in, nil
		}
		return nil, fmt.Errorf("encoding %q is not read", charset)
	}
	at := -1 // the element that is open
	for {
		from := int(d.InputOffset())
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) && at < 0 {
			return out, bind(out)
		}
		if errors.Is(err, io.EOF) {
			return out, fmt.Errorf("element %s is not closed", out[at].raw)
		}
		if err != nil {
			return out, err
		}
		to := int(d.InputOffset())
		switch t := token.(type) {
		case xml.StartElement:
			if len(out) >= carrier.MaxParts {
				return out, fmt.Errorf("more than %d elements", carrier.MaxParts)
			}
			e := element{name: t.Name, raw: t.Name.Local, attrs: t.Copy().Attr, depth: 1, parent: at, start: from, open: to}
			if t.Name.Space != "" {
				e.raw = t.Name.Space + ":" + e.raw
			}
			if at >= 0 {
				e.depth = out[at].depth + 1
				out[at].text = ""
			}
			if e.depth > maxXMLDepth {
				return out, fmt.Errorf("more than %d levels", maxXMLDepth)
			}
			e.closed = to > from && bytes.HasSuffix(b[from:to], []byte("/>"))
			out = append(out, e)
			at = len(out) - 1
		case xml.CharData:
			if at >= 0 && (len(out)-1 == at) {
				out[at].text += string(t)
			}
		case xml.EndElement:
			if at < 0 || t.Name != out[at].name {
				return out, fmt.Errorf("an end tag %s where none fits", t.Name.Local)
			}
			out[at].shut, out[at].end = from, to
			at = out[at].parent
		case xml.Directive:
			if bytes.HasPrefix(bytes.TrimSpace(t), []byte("DOCTYPE")) {
				return out, errors.New("a document type declaration, which OOXML forbids")
			}
		}
	}
}

// bind puts the namespaces of the prefixes into the names of elements and attributes.
func bind(all []element) error {
	roots, copied := 0, 0
	spaces := make([]map[string]string, len(all)) // shared with the parent where nothing is declared
	for i := range all {
		e := &all[i]
		var scope map[string]string
		if e.parent >= 0 {
			scope = spaces[e.parent]
		} else if roots++; roots > 1 {
			return errors.New("more than one root element")
		}
		own := false
		for _, a := range e.attrs {
			prefix, declares := a.Name.Local, a.Name.Space == "xmlns"
			if a.Name.Space == "" && a.Name.Local == "xmlns" {
				prefix, declares = "", true
			}
			if !declares {
				continue
			}
			if !own {
				was := scope
				if copied += len(was) + 1; copied > 4*carrier.MaxParts {
					return errors.New("too many namespaces are declared")
				}
				scope, own = make(map[string]string, len(was)+1), true
				for k, v := range was {
					scope[k] = v
				}
			}
			scope[prefix] = a.Value
		}
		spaces[i] = scope
		e.name.Space = scope[e.name.Space]
		for k, a := range e.attrs {
			if a.Name.Space != "" && a.Name.Space != "xmlns" {
				e.attrs[k].Name.Space = scope[a.Name.Space]
			}
		}
	}
	if roots == 0 {
		return errors.New("no element")
	}
	return nil
}

// splice is a stretch of a text to be replaced.
type splice struct {
	from, to int
	text     string
}

// spliced makes the changes, which do not overlap and are in order.
func spliced(b []byte, changes ...splice) []byte {
	var out []byte
	at := 0
	for _, c := range changes {
		out = append(append(out, b[at:c.from]...), c.text...)
		at = c.to
	}
	return append(out, b[at:]...)
}

// lastChild puts text behind all that stands in an element.
func lastChild(e element, text string) splice {
	if e.closed {
		return splice{e.open - 2, e.open, ">" + text + "</" + e.raw + ">"}
	}
	return splice{e.shut, e.shut, text}
}

// escape is text as it stands in XML, in an element or an attribute in double quotes.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
