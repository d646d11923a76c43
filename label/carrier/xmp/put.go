package xmp

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

const (
	head = "<?xpacket begin=\"\ufeff\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n<rdf:RDF xmlns:rdf=\"" + rdf + "\">\n"
	foot = "</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>"
)

// change replaces a stretch of the packet.
type change struct {
	start, end int
	text       string
}

// Put returns the packet with exactly one label, as an element, and, where the label names a source, exactly one digital source
// type. nil is a new packet. A label in the right form is replaced where it stands; others are taken out. Everything else stays byte for
// byte, and the same label again changes nothing. Packets in UTF-16 are Unsupported: no format that we write allows them.
func Put(packet []byte, l carrier.Label) ([]byte, error) {
	if len(bytes.TrimSpace(bytes.Trim(packet, "\x00"))) == 0 {
		return []byte(head + description("rdf", "", l.Value, l.Source) + foot), nil
	}
	if _, is := wide(packet); is {
		return nil, fault(carrier.Unsupported, 0, nil, "the packet is in UTF-16; convert it to UTF-8, which every other reader expects")
	}
	p, err := parse(packet)
	if err != nil {
		return nil, err
	}
	if p.rdfName == "" {
		return nil, fault(carrier.Malformed, 0, nil, "the packet has no rdf:RDF element")
	}
	changes, newLabel := keepOne(p.labels, l.Value)
	newSource := ""
	if l.Source != "" {
		more, missing := keepOne(p.sources, l.Source)
		changes, newSource = append(changes, more...), missing
	}
	if newLabel != "" || newSource != "" {
		text := description(prefixOf(p.rdfName), p.about, newLabel, newSource)
		if p.selfClosed {
			changes = append(changes, change{p.rdfEnd, p.rdfEnd + 2, ">\n" + text + "</" + p.rdfName + ">"})
		} else {
			changes = append(changes, change{p.rdfEnd, p.rdfEnd, text})
		}
	}
	out := apply(packet, changes)
	if back, err := parse(out); err != nil || len(back.labels) != 1 || back.labels[0].value.Text != l.Value || !back.labels[0].value.Standard {
		return nil, fault(carrier.Unsupported, 0, err, "the packet is built in a way that a label cannot be put into safely")
	}
	return out, nil
}

// PutInto is Put for a file with several packets: the label stands in the first, and in it alone. Packets that hold none are returned
// as they are.
func PutInto(packets [][]byte, l carrier.Label) ([][]byte, error) {
	if len(packets) == 0 {
		packets = [][]byte{nil}
	}
	out := make([][]byte, len(packets))
	for i, packet := range packets {
		var err error
		if i == 0 {
			out[i], err = Put(packet, l)
		} else {
			out[i], err = Elsewhere(packet)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Elsewhere is a packet of a file whose label stands in another place of the file, where its format wants it.
func Elsewhere(packet []byte) ([]byte, error) {
	if _, is := wide(packet); is {
		return nil, fault(carrier.Unsupported, 0, nil, "the packet is in UTF-16; convert it to UTF-8, which every other reader expects")
	}
	p, err := parse(packet)
	if err != nil {
		return nil, err
	}
	var changes []change
	for _, x := range p.labels {
		changes = append(changes, change{x.start, x.end, ""})
	}
	return apply(packet, changes), nil
}

// keepOne puts the value into the first property in the right form and takes the others out. When none is in that form it returns the
// value to be written anew.
func keepOne(there []place, value string) (changes []change, missing string) {
	kept := slices.IndexFunc(there, func(x place) bool { return x.value.Standard && x.to > 0 })
	for i, x := range there {
		switch {
		case i == kept && x.value.Text == value:
		case i == kept:
			changes = append(changes, change{x.from, x.to, escape(value)})
		default:
			changes = append(changes, change{x.start, x.end, ""})
		}
	}
	if kept < 0 {
		return changes, value
	}
	return changes, ""
}

// apply makes the changes. One inside another, a label in a label, goes with it.
func apply(packet []byte, changes []change) []byte {
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end)) })
	var out []byte
	at := 0
	for _, c := range changes {
		if c.start < at {
			continue
		}
		out = append(append(out, packet[at:c.start]...), c.text...)
		at = c.end
	}
	return append(out, packet[at:]...)
}

// description is an rdf:Description with what is not "".
func description(prefix, about, label, source string) string {
	name, of := "Description", "about"
	if prefix != "" {
		name, of = prefix+":"+name, prefix+":"+of
	}
	out := "<" + name + " " + of + "=\"" + attribute(about) + "\""
	if label != "" {
		out += " xmlns:" + Prefix + "=\"" + Namespace + "\""
	}
	if source != "" {
		out += " xmlns:" + iptcPrefix + "=\"" + iptc + "\""
	}
	out += ">\n"
	if label != "" {
		out += "<" + Prefix + ":" + Property + ">" + escape(label) + "</" + Prefix + ":" + Property + ">\n"
	}
	if source != "" {
		out += "<" + iptcPrefix + ":" + sourceType + ">" + escape(source) + "</" + iptcPrefix + ":" + sourceType + ">\n"
	}
	return out + "</" + name + ">\n"
}

// escape is text as it stands in XML. Quotation marks need no escape in an element.
func escape(s string) string {
	var b bytes.Buffer
	for _, r := range s {
		switch r {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// attribute is text as it stands in an attribute.
func attribute(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer does not fail
	return b.String()
}
