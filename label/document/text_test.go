package document

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
)

const exifMend = "install libimage-exiftool-perl"

func textFiles() map[string]string {
	other := strings.ReplaceAll(entities(carriertest.Other), "&#39;", "&#39;")
	yaml, _ := yamlBlock(carriertest.Other, "\n")
	return map[string]string{
		"html":                   "<!DOCTYPE html>\n<html lang=zh>\n<head>\n<meta charset=\"utf-8\">\n<title>标题 <meta></title>\n</head>\n<body><p>PAGE TEXT 正文</p></body></html>\n",
		"html, no head":          "<!doctype html><p>PAGE TEXT",
		"html, XHTML":            "<?xml version=\"1.0\"?>\r\n<html xmlns=\"http://www.w3.org/1999/xhtml\">\r\n<head><title>x</title></head><body>PAGE TEXT</body></html>",
		"html, GBK":              "<html><head><meta http-equiv=Content-Type content='text/html; charset=gbk'></head><body>PAGE TEXT \xD6\xD0\xCE\xC4</body></html>",
		"html, comment first":    "\ufeff<!-- a > b --><HTML><Head><script>if (a<b) '<meta name=AIGC>'</script></Head><body>PAGE TEXT</body></html>",
		"html, labelled":         "<html><head><META data-x=1 content=\"" + other + "\" name=AIGC></head><body>PAGE TEXT</body></html>",
		"html, labelled twice":   "<html><head><meta name=AIGC content=\"" + other + "\"><meta name=AIGC content='" + other + "'></head><body>PAGE TEXT</body></html>",
		"html, labelled in body": "<html><body>PAGE TEXT<meta property=aigc content=\"" + other + "\"></body></html>",
		"html, labelled in JSON": `<html><head><script type="application/ld+json">{"@type": "Article", "AIGC": ` + carriertest.Other + `, "name": "Title"}</script></head><body>PAGE TEXT</body></html>`,
		"html, JSON of its own":  `<html><head><script type="application/json" id="AIGC">` + carriertest.Other + `</script></head><body>PAGE TEXT</body></html>`,
		"html, in a comment":     `<html><head></head><body>PAGE TEXT<!-- AIGC: ` + carriertest.Other + ` --></body></html>`,
		"markdown":               "# Title\n\nPAGE TEXT with **strong** words\n\n- one\n- two\n",
		"markdown, Windows":      "\ufeff# Title\r\n\r\n> PAGE TEXT\r\n\r\n* one\r\n",
		"markdown, front matter": "---\ntitle: \"Title: x\"\ntags:\n  - a\n  - b\n---\n\nPAGE TEXT\n",
		"markdown, labelled":     "---\ntitle: x\n" + yaml + "\ndate: 2025-09-01\n---\nPAGE TEXT\n",
		"markdown, twice":        "---\n" + yaml + "# why\n" + yaml + "---\nPAGE TEXT\n",
		"markdown, bare":         "---\nAIGC:\n  Label: \"1\"\n  ContentProducer: Minimax Agent AI\n  ProduceID: '00000000'\n  ReservedCode1: \"\"\n---\n\nPAGE TEXT\n",
		"markdown, wild":         "---\nAIGC:\n    Label: AIGC\n    Weight: 1\n---\n\nPAGE TEXT\n",
		"markdown, as JSON":      "---\nAIGC: " + carriertest.Other + "\n---\nPAGE TEXT\n",
		"markdown, as text":      "---\nAIGC: '" + strings.ReplaceAll(carriertest.Other, "'", "''") + "'\n---\nPAGE TEXT\n",
		"markdown, folded":       "---\naigc: >-\n  " + carriertest.Other + "\n---\nPAGE TEXT\n",
		"markdown, comment":      "<!-- AIGC: " + carriertest.Other + " -->\n# Title\n\n- PAGE TEXT\n\n**x**\n",
		"markdown, end comment":  "# Title\n\n- PAGE TEXT\n\n**x**\n\n<!-- {\"AIGC\":" + carriertest.Other + "} -->\n",
	}
}

func TestTextRoundTrip(t *testing.T) {
	for name, file := range textFiles() {
		labelled := carriertest.RoundTrip(t, format(name), []byte(file))
		if !strings.Contains(string(labelled), "PAGE TEXT") || strings.Contains(file, "Title") && !strings.Contains(string(labelled), "Title") {
			t.Errorf("%s: became\n%s", name, labelled)
		}
	}
	for name, want := range map[string]string{
		"markdown":               "---\nAIGC:\n  Label: \"1\"\n  ContentProducer: \"001191110000EXAMPLE00F00000\"\n  ProduceID: \"01M85GF9Y64H5ADVDBPB26KE03\"\n  ReservedCode1: \"\"\n  ContentPropagator: \"001191110000EXAMPLE00F00000\"\n  PropagateID: \"01M85GF9Y64H5ADVDBPB26KE03\"\n  ReservedCode2: \"\"\n---\n# Title\n\nPAGE TEXT with **strong** words\n\n- one\n- two\n",
		"html, no head":          "<!doctype html><meta name=\"AIGC\" content='" + carriertest.Value + "' />\n<p>PAGE TEXT",
		"html, labelled in JSON": "<html><head><meta name=\"AIGC\" content='" + carriertest.Value + "' />\n" + `<script type="application/ld+json">{"@type": "Article", "name": "Title"}</script></head><body>PAGE TEXT</body></html>`,
	} {
		if got := carriertest.Put(t, format(name), []byte(textFiles()[name]), carriertest.Value); string(got) != want {
			t.Errorf("%s: is\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestTextPlacesOfOthers(t *testing.T) {
	for name, remarks := range map[string]string{
		"html, labelled":         "",
		"html, labelled twice":   "|a second meta tag",
		"html, labelled in body": "the tag says property",
		"html, labelled in JSON": "in a script",
		"html, JSON of its own":  "in a script",
		"html, in a comment":     "in a comment",
		"html, comment first":    "none",
		"markdown, labelled":     "",
		"markdown, twice":        "|a second mapping",
		"markdown, as JSON":      "written as JSON",
		"markdown, as text":      "one text",
		"markdown, folded":       "the mapping is called",
		"markdown, comment":      "in a comment",
	} {
		sites, err := format(name).Sites(carrier.Bytes([]byte(textFiles()[name])))
		want := strings.Split(remarks, "|")
		if remarks == "none" {
			want = nil
		}
		if err != nil || len(sites) != len(want) {
			t.Errorf("%s: %+v, %v", name, sites, err)
			continue
		}
		for i, remark := range want {
			value := strings.TrimSuffix(strings.TrimPrefix(sites[i].Value, `{"AIGC":`), "}") + "}"
			if value != carriertest.Other && sites[i].Value != carriertest.Other || sites[i].Standard != (remark == "") || !strings.HasPrefix(sites[i].Remark, remark) {
				if name != "markdown, folded" || !sites[i].Standard && sites[i].Value != carriertest.Other {
					t.Errorf("%s: %+v", name, sites[i])
				}
			}
		}
	}
	for name, want := range map[string]string{
		"markdown, bare": `{"Label":"1","ContentProducer":"Minimax Agent AI","ProduceID":"00000000","ReservedCode1":""}`,
		"markdown, wild": `{"Label":"AIGC","Weight":1}`,
	} {
		sites, err := markdownSites(carrier.Bytes([]byte(textFiles()[name])))
		if err != nil || len(sites) != 1 || sites[0].Value != want || sites[0].Standard || sites[0].Remark == "" {
			t.Errorf("%s: %+v, %v", name, sites, err)
		}
	}
	sites, err := textSites(carrier.Bytes([]byte("Some words\nAIGC: " + carriertest.Other + "\n")))
	if err != nil || len(sites) != 1 || sites[0].Value != carriertest.Other || sites[0].Offset != 11 || sites[0].Standard {
		t.Errorf("text: %+v, %v", sites, err)
	}
	if _, err := textPut(carrier.Bytes([]byte("words")), carrier.Label{Value: carriertest.Value}); carrier.KindOf(err) != carrier.Unsupported {
		t.Errorf("text: %v", err)
	}
}

// TestTextKinds: what a file is taken for by its content.
func TestTextKinds(t *testing.T) {
	for text, want := range map[string]string{
		"今天天气很好。\n\n第二段。":                             "text",
		"A letter - with a dash.":                     "text",
		"# comment\nx = [1](a)\nprint(x)  # **kwargs": "text",
		"# T\n\n- a\n\n[x](https://a)":                "markdown",
		"---\ntitle: x\n---\n\nWords.":                "markdown",
		"---\na: 1\n---\nb: 2\n":                      "text",
		"---\nAIGC:\n  Label: \"1\"\n---\n":           "markdown",
		"{\"a\": 1}":                                  "",
		"<svg></svg>":                                 "",
		"<?xml version='1.0'?><rss/>":                 "",
		"<!DOCTYPE note><note/>":                      "",
		"<div>x</div>":                                "",
		" \n<!-- x --><!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"><p>": "html",
		"<title>x</title>":              "html",
		"#!/bin/sh\necho":               "",
		"caf\xE9":                       "",
		"a\x00b":                        "",
		"":                              "",
		strings.Repeat("中", 1366) + "文": "text", // a character across the end of the head
	} {
		got := ""
		for _, f := range Formats() {
			if f.Is(carrier.Bytes([]byte(text))) {
				got = f.Name
				break
			}
		}
		if got != want {
			t.Errorf("%.40q is taken for %q, want %q", text, got, want)
		}
	}
}

func TestTextBadFiles(t *testing.T) {
	for name, c := range map[string]struct {
		format, file string
		kind         carrier.Kind
	}{
		"UTF-16 page":      {"html", "\xFF\xFE<\x00h\x00", carrier.Unsupported},
		"broken JSON":      {"html", `<script type=application/json>{"AIGC": {"Label"</script>`, carrier.Malformed},
		"UTF-16 text":      {"markdown", "\xFE\xFF\x00#", carrier.Unsupported},
		"TOML":             {"markdown", "+++\na = 1\n+++\n", carrier.Unsupported},
		"no block mapping": {"markdown", "---\n{a: 1}\n---\nx\n", carrier.Unsupported},
		"too many":         {"html", strings.Repeat("<meta name=AIGC content='{}'>", carrier.MaxSites+2), carrier.TooLarge},
	} {
		if _, err := format(c.format).Put(carrier.Bytes([]byte(c.file)), carrier.Label{Value: carriertest.Value}); carrier.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
	if _, err := markdownPut(carrier.Bytes([]byte("# x\n")), carrier.Label{Value: `{"Label":1}`}); carrier.KindOf(err) != carrier.Unsupported {
		t.Errorf("a label that is no mapping of texts: %v", err)
	}
}

func FuzzText(f *testing.F) {
	for _, file := range textFiles() {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		carriertest.Fuzz(t, format("html"), file)
		carriertest.Fuzz(t, format("markdown"), file)
		carriertest.Fuzz(t, format("text"), file)
	})
}

func TestTextHostile(t *testing.T) {
	for name, file := range textFiles() {
		carriertest.Hostile(t, format(name), []byte(file))
	}
}

// TestTextWitnesses has other readers look for the label, and compares what they see of the rest.
func TestTextWitnesses(t *testing.T) {
	python, exiftool := pythonTools(t), testkit.Tool(t, "exiftool", exifMend)
	dir := t.TempDir()
	for i, name := range []string{"html", "html, no head", "html, GBK", "html, comment first", "html, XHTML", "html, labelled twice"} {
		was, is := filepath.Join(dir, string(rune('a'+i))+".html"), filepath.Join(dir, string(rune('a'+i))+"-labelled.html")
		file := []byte(textFiles()[name])
		for path, b := range map[string][]byte{was: file, is: carriertest.Put(t, format("html"), file, carriertest.Value)} {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		const program = `
import sys, html5lib, lxml.html
def read(f):
    b = open(f, "rb").read()
    t = html5lib.parse(b, namespaceHTMLElements=False)
    u = lxml.html.fromstring(b)
    head = [e.get("content") for e in t.find("head").iter("meta") if e.get("name") == "AIGC"]
    return head, u.xpath("//meta[@name='AIGC']/@content"), "".join(t.find("body").itertext()).strip(), t.findtext("head/title")
(a, b, text, title), (c, d, text2, title2) = read(sys.argv[1]), read(sys.argv[2])
print(c[0] if len(c) == 1 and c == [str(x) for x in d] and text == text2 and title == title2 else (c, d, text, text2))
`
		if got := python(program, was, is); got != carriertest.Value {
			t.Errorf("%s: html5lib and lxml read %q", name, got)
		}
		if got := exiftool("-b", "-HTML:AIGC", is); got != carriertest.Value && (name == "html" || name == "html, XHTML") { // the others are no HTML to exiftool
			t.Errorf("%s: exiftool reads %q", name, got)
		}
	}
	for _, name := range []string{"markdown", "markdown, Windows", "markdown, front matter", "markdown, labelled"} {
		is := filepath.Join(dir, "a.md")
		if err := os.WriteFile(is, carriertest.Put(t, format("markdown"), []byte(textFiles()[name]), carriertest.Value), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := python(`
import sys, yaml, json
front = open(sys.argv[1], encoding="utf-8-sig").read().split("---\n")[1]
print(json.dumps(yaml.safe_load(front)["AIGC"], separators=(",", ":")))`, is); got != carriertest.Value {
			t.Errorf("%s: PyYAML reads %q", name, got)
		}
	}
}
