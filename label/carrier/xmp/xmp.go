// Package xmp reads and writes the implicit label in an XMP packet (ISO 16684-1): property AIGC of the namespace that
// TC260-PG-20259A names, and beside it the IPTC digital source type. A packet is changed where it must be; everything else in it
// stays byte for byte.
package xmp

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hegui/hegui/label/carrier"
)

const (
	// Namespace and Property of the label; Prefix is the customary one (TC260-PG-20259A).
	Namespace = "http://www.tc260.org.cn/ns/AIGC/1.0/"
	Prefix    = "TC260"
	Property  = "AIGC"

	rdf        = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
	iptc       = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
	iptcPrefix = "Iptc4xmpExt"
	sourceType = "DigitalSourceType"
)

// Value is one label in a packet.
type Value struct {
	Text     string
	Offset   int    // of the element or the attribute in the packet
	Standard bool   // the form that the guide shows: an element of the right namespace with the text in it
	Remark   string // what is different, when it is
}

func fault(kind carrier.Kind, at int, err error, rule string, args ...any) error {
	return &carrier.Error{Format: "xmp", Kind: kind, Offset: int64(at), Rule: fmt.Sprintf(rule, args...), Err: err}
}

// Values returns the labels in a packet, whatever prefix they have, as elements and as attributes. An error says that the packet
// could not be read to its end; the values before it are returned. Offsets of a packet in UTF-16 are those of its text in UTF-8.
func Values(packet []byte) ([]Value, error) {
	if text, ok := wide(packet); ok {
		packet = text
	}
	p, err := parse(packet)
	var out []Value
	for _, x := range p.labels {
		out = append(out, x.value)
	}
	return out, err
}

// place is where a property stands in the packet.
type place struct {
	value      Value
	start, end int // all of it; of an attribute with the space before it
	from, to   int // what stands in the element; 0, 0 of an attribute
	prefix     string
}

// parsed is a packet with what matters in it found.
type parsed struct {
	labels, sources []place
	about           string // of the first description
	aboutSeen       bool
	rdfName         string // as the packet writes rdf:RDF, "" when there is none
	rdfEnd          int    // where its end tag begins; of one that closes itself, where "/>" begins
	selfClosed      bool
}

// parse walks through a packet until its RDF ends; what follows is padding.
func parse(packet []byte) (p parsed, err error) {
	d := xml.NewDecoder(bytes.NewReader(packet))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("encoding %q; packets are written in UTF-8", charset)
	}
	var open []place // properties that are not closed yet; Standard marks labels
	type element struct{ text strings.Builder }
	var stack []*element
	depth, rdfDepth := 0, 0
	for n := 0; ; n++ {
		at := int(d.InputOffset())
		token, err := d.Token()
		if errors.Is(err, io.EOF) && depth == 0 {
			return p, nil
		}
		if err != nil {
			return p, fault(carrier.Malformed, at, err, "the packet is no XML to its end")
		}
		if n > carrier.MaxParts || depth > 8*carrier.MaxDepth {
			return p, fault(carrier.TooLarge, at, nil, "more than %d parts or %d levels", carrier.MaxParts, 8*carrier.MaxDepth)
		}
		after := int(d.InputOffset())
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			raw := packet[at:after]
			if t.Name.Space == rdf && t.Name.Local == "RDF" && rdfDepth == 0 {
				rdfDepth, p.rdfName = depth, tagName(raw)
				if p.selfClosed = bytes.HasSuffix(raw, []byte("/>")); p.selfClosed {
					p.rdfEnd = after - 2
				}
			}
			p.attributes(t, raw, at)
			if len(stack) > 0 {
				stack[len(stack)-1].text.WriteByte(' ')
				open[len(open)-1].value.Remark = "the value is inside another element; the guide shows it as text"
			}
			if label, is := property(t.Name); is {
				x := place{start: at, from: after, prefix: prefixOf(tagName(raw))}
				x.value = Value{Offset: at, Standard: label}
				if t.Name.Space != Namespace && label {
					x.value.Remark = fmt.Sprintf("the prefix %s is not bound to %s", x.prefix, Namespace)
				}
				open, stack = append(open, x), append(stack, &element{})
				// A closing tag that encoding/xml makes up for <a/> has no bytes: from and to are then behind it.
			}
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text.Write(t)
			}
		case xml.EndElement:
			if depth == rdfDepth && !p.selfClosed {
				p.rdfEnd = at
			}
			if _, is := property(t.Name); is && len(open) > 0 {
				k := len(open) - 1
				x, text := open[k], strings.TrimSpace(stack[k].text.String())
				open, stack = open[:k], stack[:k]
				x.to, x.end = at, after
				if at == after { // <a/>
					x.from, x.to = 0, 0
				}
				label := x.value.Standard
				x.value.Text, x.value.Standard = text, x.value.Remark == "" && len(open) == 0
				if label {
					p.labels = append(p.labels, x)
				} else {
					p.sources = append(p.sources, x)
				}
				if len(p.labels) > carrier.MaxSites {
					return p, fault(carrier.TooLarge, at, nil, "more than %d labels", carrier.MaxSites)
				}
			}
			if depth--; depth < rdfDepth {
				return p, nil
			}
		}
	}
}

// property tells the two properties that are looked for. Names without a bound prefix are taken by the prefix: some writers forget to
// declare it.
func property(n xml.Name) (label, is bool) {
	switch {
	case n.Local == Property && (n.Space == Namespace || strings.EqualFold(n.Space, Prefix)):
		return true, true
	case n.Local == sourceType && (n.Space == iptc || n.Space == iptcPrefix):
		return false, true
	}
	return false, false
}

// attributes notes the properties that stand as attributes of a tag, and a description's about.
func (p *parsed) attributes(t xml.StartElement, raw []byte, at int) {
	if len(t.Attr) == 0 {
		return
	}
	spans := attributeSpans(raw)
	for i, a := range t.Attr {
		if t.Name.Space == rdf && t.Name.Local == "Description" && a.Name.Local == "about" && !p.aboutSeen {
			p.about, p.aboutSeen = a.Value, true
		}
		label, is := property(a.Name)
		if !is || i >= len(spans) {
			continue
		}
		x := place{start: at + spans[i][0], end: at + spans[i][1]}
		x.value = Value{Text: a.Value, Offset: x.start, Remark: "written as an attribute; the guide shows an element"}
		if label {
			p.labels = append(p.labels, x)
		} else {
			p.sources = append(p.sources, x)
		}
	}
}

// attributeSpans are the places of a tag's attributes, each with the white space before it. The tag is well-formed.
func attributeSpans(raw []byte) (out [][2]int) {
	i := len(tagName(raw)) + 1
	for i < len(raw) {
		start := i
		for i < len(raw) && bytes.IndexByte([]byte(" \t\r\n"), raw[i]) >= 0 {
			i++
		}
		equals := bytes.IndexByte(raw[i:], '=')
		if i >= len(raw) || raw[i] == '>' || raw[i] == '/' || equals < 0 {
			return out
		}
		open := bytes.IndexAny(raw[i+equals:], `"'`)
		if open < 0 {
			return out
		}
		open += i + equals
		shut := bytes.IndexByte(raw[open+1:], raw[open])
		if shut < 0 {
			return out
		}
		i = open + 1 + shut + 1
		out = append(out, [2]int{start, i})
	}
	return out
}

func tagName(raw []byte) string {
	raw = bytes.TrimPrefix(raw, []byte("<"))
	if i := bytes.IndexAny(raw, " \t\r\n/>"); i >= 0 {
		raw = raw[:i]
	}
	return string(raw)
}

func prefixOf(name string) string {
	prefix, _, ok := strings.Cut(name, ":")
	if !ok {
		return ""
	}
	return prefix
}

// wide is the text of a packet in UTF-16, which ISO 16684-1 allows where a file format does not say otherwise.
func wide(packet []byte) ([]byte, bool) {
	if len(packet) < 4 {
		return nil, false
	}
	big := packet[0] == 0xFE && packet[1] == 0xFF || packet[0] == 0 && packet[1] == '<'
	little := packet[0] == 0xFF && packet[1] == 0xFE || packet[0] == '<' && packet[1] == 0
	if !big && !little {
		return nil, false
	}
	units := make([]uint16, len(packet)/2)
	for i := range units {
		a, b := uint16(packet[2*i]), uint16(packet[2*i+1])
		if units[i] = a | b<<8; big {
			units[i] = a<<8 | b
		}
	}
	var out []byte
	for _, r := range utf16.Decode(units) {
		if r != 0xFEFF {
			out = utf8.AppendRune(out, r)
		}
	}
	return out, true
}
