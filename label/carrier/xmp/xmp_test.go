package xmp

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/hegui/hegui/label/carrier"
)

const (
	value  = `{"Label":"1","ContentProducer":"MINE","ProduceID":"01&<>","ReservedCode1":"","ContentPropagator":"MINE","PropagateID":"01","ReservedCode2":""}`
	source = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
)

func packet(inside string) string {
	return "<?xpacket begin=\"\ufeff\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\" x:xmptk=\"a b\">\n <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n" +
		inside + " </rdf:RDF>\n</x:xmpmeta>\n" + strings.Repeat(strings.Repeat(" ", 99)+"\n", 20) + "<?xpacket end=\"w\"?>"
}

const (
	dublin  = "  <rdf:Description rdf:about='uuid:7' xmlns:dc=\"http://purl.org/dc/elements/1.1/\" dc:format = 'image/png'\n   xmlns:y='y' y:z=\"a=b 'c'\">\n   <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">标题 &amp; mehr</rdf:li></rdf:Alt></dc:title>\n  </rdf:Description>\n"
	element = `  <rdf:Description rdf:about="" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"><TC260:AIGC>{"Label":"1"}</TC260:AIGC></rdf:Description>` + "\n"
)

func TestValues(t *testing.T) {
	for _, c := range []struct {
		name, packet string
		want         []string // text, then the remark's first word
	}{
		{"none", packet(dublin), nil},
		{"element", packet(dublin + element), []string{`{"Label":"1"}`, ""}},
		{"lower-case prefix", strings.ReplaceAll(packet(element), "TC260:", "tc260:"), []string{`{"Label":"1"}`, "the"}},
		{"lower-case prefix, bound", strings.ReplaceAll(strings.ReplaceAll(packet(element), "TC260:", "tc260:"), "xmlns:TC260", "xmlns:tc260"), []string{`{"Label":"1"}`, ""}},
		{"attribute", packet(`<rdf:Description rdf:about="" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" TC260:AIGC='{"Label":"1"}'/>`), []string{`{"Label":"1"}`, "written"}},
		{"escaped", packet(strings.ReplaceAll(element, `"1"`, "&quot;1&#34;")), []string{`{"Label":"1"}`, ""}},
		{"CDATA", packet(strings.ReplaceAll(element, `{"Label":"1"}`, `<![CDATA[{"Label":"1"}]]>`)), []string{`{"Label":"1"}`, ""}},
		{"in an Alt", packet(strings.ReplaceAll(element, `{"Label":"1"}`, `<rdf:Alt><rdf:li xml:lang="x-default">{"Label":"1"}</rdf:li></rdf:Alt>`)), []string{`{"Label":"1"}`, "the"}},
		{"no namespace bound", packet(`<rdf:Description><TC260:AIGC>{}</TC260:AIGC></rdf:Description>`), []string{"{}", "the"}},
		{"two", packet(element + dublin + element), []string{`{"Label":"1"}`, "", `{"Label":"1"}`, ""}},
		{"empty", packet(`<rdf:Description xmlns:q="http://www.tc260.org.cn/ns/AIGC/1.0/"><q:AIGC/></rdf:Description>`), []string{"", ""}},
		{"UTF-16", utf16Of(packet(element)), []string{`{"Label":"1"}`, ""}},
		{"behind it zeros", packet(element) + "\x00\x00", []string{`{"Label":"1"}`, ""}},
	} {
		got, err := Values([]byte(c.packet))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var flat []string
		for _, v := range got {
			first, _, _ := strings.Cut(v.Remark, " ")
			flat = append(flat, v.Text, first)
			if v.Standard != (v.Remark == "") {
				t.Errorf("%s: %+v", c.name, v)
			}
		}
		if strings.Join(flat, "|") != strings.Join(c.want, "|") {
			t.Errorf("%s: %q", c.name, flat)
		}
	}
	for name, p := range map[string]string{"cut": packet(element)[:300], "no XML": "<a><b></a>", "encoding": `<?xml version="1.0" encoding="GBK"?><a/>`} {
		if _, err := Values([]byte(p)); carrier.KindOf(err) != carrier.Malformed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func utf16Of(s string) string {
	var out []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
		out = binary.BigEndian.AppendUint16(out, u)
	}
	return string(out)
}

// TestPut: one label in the right form stands, everything else is as it was, and the same again changes nothing.
func TestPut(t *testing.T) {
	attribute := `<rdf:Description rdf:about="" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"  TC260:AIGC='{"Label":"1"}' xmlns:k="k" k:l="m"/>`
	for _, c := range []struct{ name, before, left string }{
		{"new", "", ""},
		{"beside others", packet(dublin), packet(dublin)},
		{"in place", packet(dublin + element), packet(dublin + strings.Replace(element, `{"Label":"1"}`, "@", 1))},
		{"twice", packet(element + dublin + element), packet(strings.Replace(element, `{"Label":"1"}`, "@", 1) + dublin + strings.Replace(element, `<TC260:AIGC>{"Label":"1"}</TC260:AIGC>`, "", 1))},
		{"from an attribute", packet(attribute), packet(strings.Replace(attribute, `  TC260:AIGC='{"Label":"1"}'`, "", 1))},
		{"empty RDF", "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>", "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'"},
		{"another prefix", strings.ReplaceAll(strings.ReplaceAll(packet(dublin), "xmlns:rdf", "xmlns:r"), "rdf:", "r:"), ""},
		{"source there", packet(`<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="x"/>`), packet(`<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"/>`)},
	} {
		out, err := Put([]byte(c.before), carrier.Label{Value: value, Source: source})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got, err := Values(out)
		if err != nil || len(got) != 1 || got[0].Text != value || !got[0].Standard {
			t.Errorf("%s: %+v %v\n%s", c.name, got, err, out)
		}
		p, err := parse(out)
		if err != nil || len(p.sources) != 1 || p.sources[0].value.Text != source {
			t.Errorf("%s: source %+v %v", c.name, p.sources, err)
		}
		if again, err := Put(out, carrier.Label{Value: value, Source: source}); err != nil || !bytes.Equal(again, out) {
			t.Errorf("%s: put again differs, %v", c.name, err)
		}
		// What is left when our own lines are taken out is what was there.
		left := string(out)
		if i := strings.Index(left, `<rdf:Description rdf:about="`); c.left != "" {
			for _, own := range []string{description("rdf", p.about, value, source), description("rdf", p.about, value, ""), description("rdf", p.about, "", source)} {
				left = strings.Replace(left, own, "", 1)
			}
			left = strings.Replace(left, escape(value), "@", 1)
			if left = strings.Replace(left, ">\n</rdf:RDF>", "", 1); left != c.left {
				t.Errorf("%s (%d): left\n%s\nwant\n%s", c.name, i, left, c.left)
			}
		}
		if err := xml.Unmarshal(out, new(struct{ XMLName xml.Name })); err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for name, c := range map[string]struct {
		packet string
		kind   carrier.Kind
	}{"UTF-16": {utf16Of(packet(element)), carrier.Unsupported}, "no RDF": {"<a/>", carrier.Malformed}, "cut": {packet(element)[:300], carrier.Malformed}} {
		if _, err := Put([]byte(c.packet), carrier.Label{Value: value}); carrier.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzPut(f *testing.F) {
	f.Add([]byte(packet(dublin + element)))
	f.Add([]byte(packet(`<rdf:Description xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" TC260:AIGC='x'><TC260:AIGC><TC260:AIGC/></TC260:AIGC></rdf:Description>`)))
	f.Add([]byte(utf16Of(packet(dublin))))
	f.Add([]byte("<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = Values(b)
		out, err := Put(b, carrier.Label{Value: value, Source: source})
		if err != nil {
			return
		}
		if got, err := Values(out); err != nil || len(got) != 1 || got[0].Text != value {
			t.Fatalf("%q: %+v %v", out, got, err)
		}
		if again, err := Put(out, carrier.Label{Value: value, Source: source}); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%q: put again gives %q, %v", out, again, err)
		}
	})
}
