package document

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
)

func format(name string) carrier.Format { return carriertest.Format(Formats(), name) }

// zipped makes an archive with Go's writer. streamed gives parts data descriptors.
func zipped(t testing.TB, streamed bool, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		if streamed {
			p, err := w.CreateHeader(&zip.FileHeader{Name: parts[i], Method: zip.Deflate})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(p, parts[i+1]); err != nil {
				t.Fatal(err)
			}
			continue
		}
		local, _ := packed(parts[i], []byte(parts[i+1]), 0, dosEpoch, deflated)
		le := binary.LittleEndian
		p, err := w.CreateRaw(&zip.FileHeader{Name: parts[i], Method: zip.Deflate, CRC32: le.Uint32(local[14:]), CompressedSize64: uint64(le.Uint32(local[18:])), UncompressedSize64: uint64(len(parts[i+1]))})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write(local[localSize+len(parts[i]):]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetComment("note"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	wordBody = `<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>BODY TEXT</w:t></w:r></w:p><w:sectPr/></w:body></w:document>`
	mainRel  = `<Relationship Id="rId1" Type="` + relsLoose + `officeDocument" Target="word/document.xml"/>`
	propsRel = `<Relationship Id="rId4" Type="` + relsLoose + `custom-properties" Target="docProps/custom.xml"/>`
)

func typesXML(more string) string {
	return xmlHead + `<Types xmlns="` + nsTypes + `"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>` + more + `</Types>`
}

func relsXML(more string) string {
	return xmlHead + `<Relationships xmlns="` + nsRels + `">` + mainRel + more + `</Relationships>`
}

const customOverride = `<Override PartName="/docProps/custom.xml" ContentType="` + customType + `"/>`

func customXML(properties string) string {
	return xmlHead + `<Properties xmlns="` + customLoose + `" xmlns:vt="` + vtLoose + `">` + properties + `</Properties>`
}

func prop(name, pid, kind, value string) string {
	return `<property fmtid="` + customSet + `" pid="` + pid + `" name="` + name + `"><vt:` + kind + `>` + escape(value) + `</vt:` + kind + `></property>`
}

func word(t testing.TB, custom string) []byte {
	return zipped(t, false, typesPart, typesXML(customOverride), rootRels, relsXML(propsRel), "word/document.xml", wordBody, customPart, customXML(custom))
}

func officeFiles(t testing.TB) map[string][]byte {
	client := prop("Client", "2", "lpwstr", "Somebody")
	prefixed := strings.NewReplacer("<Types xmlns", "<ct:Types xmlns:ct", "</Types", "</ct:Types", "<Default", "<ct:Default", "<Override", "<ct:Override").Replace(typesXML(""))
	return map[string][]byte{
		"docx":                        zipped(t, false, typesPart, typesXML(""), rootRels, relsXML(""), "word/document.xml", wordBody),
		"docx, streamed":              zipped(t, true, typesPart, typesXML(""), rootRels, relsXML(""), "word/document.xml", wordBody),
		"docx, last":                  zipped(t, true, "word/document.xml", wordBody, rootRels, relsXML(""), typesPart, typesXML("")),
		"docx, prefixed":              zipped(t, false, typesPart, prefixed, rootRels, relsXML(""), "word/document.xml", wordBody),
		"docx, properties":            word(t, client),
		"docx, no properties":         zipped(t, false, typesPart, typesXML(customOverride), rootRels, relsXML(propsRel), "word/document.xml", wordBody, customPart, `<Properties xmlns="`+customLoose+`"/>`),
		"docx, labelled":              word(t, client+prop("AIGC", "3", "lpwstr", carriertest.Other)),
		"docx, labelled twice":        word(t, prop("AIGC", "2", "lpwstr", carriertest.Other)+client+prop("AIGC", "2", "lpwstr", carriertest.Other)),
		"docx, labelled as lpstr":     word(t, prop("AIGC", "2", "lpstr", carriertest.Other)),
		"docx, in small letters":      word(t, prop("aigc", "2", "lpwstr", carriertest.Other)+prop("AIGCVersion", "3", "lpwstr", "1.0")),
		"docx, without relationship":  zipped(t, false, typesPart, typesXML(""), rootRels, relsXML(""), "word/document.xml", wordBody, customPart, customXML(prop("AIGC", "2", "lpwstr", carriertest.Other))),
		"docx, strict":                zipped(t, false, typesPart, typesXML(""), rootRels, strings.ReplaceAll(relsXML(""), relsLoose, relsStrict), "word/document.xml", wordBody),
		"docx, custom part elsewhere": zipped(t, false, typesPart, typesXML(strings.ReplaceAll(customOverride, "docProps", "props")), rootRels, relsXML(strings.ReplaceAll(propsRel, "docProps", "/props")), "word/document.xml", wordBody, "props/custom.xml", customXML(client)),
	}
}

func TestOfficeRoundTrip(t *testing.T) {
	for name, file := range officeFiles(t) {
		labelled := carriertest.RoundTrip(t, format(name), file)
		was, is := unzipped(t, file), unzipped(t, labelled)
		for part, text := range was {
			if part != typesPart && part != rootRels && !strings.HasSuffix(part, "custom.xml") && is[part] != text {
				t.Errorf("%s: part %s changed", name, part)
			}
		}
		if strings.Contains(was[customPart], "Somebody") && !strings.Contains(is[customPart], "Somebody") {
			t.Errorf("%s: another property was lost", name)
		}
		if strings.Count(is[rootRels], "/custom-properties")+strings.Count(is[rootRels], "/customProperties") != 1 {
			t.Errorf("%s: relationships %s", name, is[rootRels])
		}
	}
}

// unzipped reads all with Go's own reader, which checks sizes and checksums.
func unzipped(t testing.TB, b []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Comment != "note" {
		t.Errorf("the archive's comment is %q", r.Comment)
	}
	out := map[string]string{}
	for _, p := range r.File {
		f, err := p.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		out[p.Name] = string(text)
	}
	return out
}

func TestOfficePlacesOfOthers(t *testing.T) {
	for name, remarks := range map[string]string{
		"docx, labelled":             "",
		"docx, labelled twice":       "|a second property",
		"docx, labelled as lpstr":    "the value is lpstr",
		"docx, in small letters":     "the property is called aigc",
		"docx, without relationship": "no relationship leads",
	} {
		sites, err := format(name).Sites(carrier.Bytes(officeFiles(t)[name]))
		want := strings.Split(remarks, "|")
		if err != nil || len(sites) != len(want) {
			t.Errorf("%s: %+v, %v", name, sites, err)
			continue
		}
		for i, remark := range want {
			if sites[i].Value != carriertest.Other || sites[i].Standard != (remark == "") || !strings.HasPrefix(sites[i].Remark, remark) {
				t.Errorf("%s: %+v", name, sites[i])
			}
		}
	}
}

func TestOfficeBadFiles(t *testing.T) {
	good := officeFiles(t)["docx"]
	change := func(at int, b ...byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return c
	}
	end := bytes.LastIndex(good, []byte(endMagic))
	dir := bytes.Index(good, []byte(centralMagic))
	bomb := zipped(t, false, typesPart, typesXML(""), rootRels, relsXML(propsRel), "word/document.xml", wordBody, customPart, strings.Repeat(" ", maxPart+1))
	lying := bytes.Clone(officeFiles(t)["docx, properties"])
	at := bytes.LastIndex(lying, []byte(customPart)) - centralSize
	copy(lying[at+24:], []byte{10, 0, 0, 0}) // the directory says 10 bytes
	for name, c := range map[string]struct {
		file []byte
		kind carrier.Kind
	}{
		"cut":                    {good[:len(good)-30], carrier.Truncated},
		"directory elsewhere":    {change(end+16, 0xFF, 0xFF, 0, 0), carrier.Malformed},
		"too few parts":          {change(end+8, 2, 0, 2, 0), carrier.Malformed},
		"several files":          {change(end+4, 1, 0), carrier.Unsupported},
		"part beyond the end":    {change(dir+20, 0xFF, 0xFF, 0xFF, 0x7F), carrier.Malformed},
		"encrypted part":         {change(dir+8, 1), carrier.Encrypted},
		"encrypted directory":    {change(dir+9, 0x20), carrier.Encrypted},
		"another method":         {change(dir+10, 99), carrier.Unsupported},
		"wrong checksum":         {change(dir+16, 1, 2, 3, 4), carrier.Malformed},
		"zip64 without a field":  {change(dir+42, 0xFF, 0xFF, 0xFF, 0xFF), carrier.Malformed},
		"bomb":                   {bomb, carrier.TooLarge},
		"bomb that lies":         {lying, carrier.Malformed},
		"twice the same name":    {zipped(t, false, typesPart, typesXML(""), strings.ToUpper(typesPart), ""), carrier.Malformed},
		"no document":            {zipped(t, false, typesPart, typesXML(""), rootRels, `<Relationships xmlns="`+nsRels+`"/>`), carrier.Malformed},
		"types are no XML":       {zipped(t, false, typesPart, "<Types", rootRels, relsXML("")), carrier.Malformed},
		"two roots":              {zipped(t, false, typesPart, "<Types/><Types/>", rootRels, relsXML("")), carrier.Malformed},
		"a DOCTYPE":              {zipped(t, false, typesPart, `<!DOCTYPE a [<!ENTITY b "c">]><Types/>`, rootRels, relsXML("")), carrier.Malformed},
		"deep":                   {zipped(t, false, typesPart, strings.Repeat("<a>", 300)+strings.Repeat("</a>", 300), rootRels, relsXML("")), carrier.Malformed},
		"custom part is no list": {zipped(t, false, typesPart, typesXML(customOverride), rootRels, relsXML(propsRel), "word/document.xml", wordBody, customPart, "<other/>"), carrier.Malformed},
		"stub before the parts":  {append([]byte("MZ"), good...), carrier.Malformed},
	} {
		if _, err := officePut(carrier.Bytes(c.file), "docx", carrier.Label{Value: carriertest.Value}); carrier.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
	if !format("docx").Is(carrier.Bytes(good[:len(good)-30])) || format("xlsx").Is(carrier.Bytes(good)) {
		t.Error("a cut file is not told by its first parts, or a document is taken for a workbook")
	}
}

// TestZip64: an archive whose numbers stand in zip64 fields keeps them.
func TestZip64(t *testing.T) {
	file := officeFiles(t)["docx, last"]
	end, dir := bytes.LastIndex(file, []byte(endMagic)), bytes.Index(file, []byte(centralMagic))
	le := binary.LittleEndian
	// the entry of rels says its place in a zip64 field
	second := dir + bytes.Index(file[dir:], []byte(rootRels)) - centralSize
	nameEnd := second + centralSize + len(rootRels)
	entry := bytes.Clone(file[second:nameEnd])
	field := le.AppendUint64([]byte{1, 0, 8, 0}, uint64(le.Uint32(entry[42:])))
	copy(entry[42:], []byte{0xFF, 0xFF, 0xFF, 0xFF})
	old := int(le.Uint16(entry[30:]))
	le.PutUint16(entry[30:], uint16(len(field)))
	now := bytes.Join([][]byte{file[:second], entry, field, file[nameEnd+old : end]}, nil)
	a := &archive{note: []byte("note")}
	size := len(now) - dir
	record := a.end(int64(dir), int64(size), 70000)
	le.PutUint64(record[24:], 3)
	le.PutUint64(record[32:], 3)
	now = append(now, record...)
	carriertest.RoundTrip(t, format("docx"), now)
	labelled := carriertest.Put(t, format("docx"), now, carriertest.Value)
	if text := unzipped(t, labelled)["word/document.xml"]; text != wordBody {
		t.Errorf("the document is %q", text)
	}
}

func TestOfficeHostile(t *testing.T) {
	for _, name := range []string{"docx", "docx, streamed", "docx, labelled twice"} {
		carriertest.Hostile(t, format(name), officeFiles(t)[name])
	}
}

func FuzzOffice(f *testing.F) {
	for _, file := range officeFiles(f) {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, name := range []string{"docx", "xlsx", "pptx"} {
			carriertest.Fuzz(t, format(name), file)
		}
	})
}

// FuzzProperties takes the text of the part with the label, which in FuzzOffice stands behind a checksum.
func FuzzProperties(f *testing.F) {
	for _, file := range officeFiles(f) {
		parts := unzipped(f, file)
		f.Add(parts[typesPart], parts[rootRels], parts[customPart])
	}
	f.Fuzz(func(t *testing.T, types, rels, custom string) {
		carriertest.Fuzz(t, format("docx"), zipped(t, false, typesPart, types, rootRels, rels, "word/document.xml", wordBody, customPart, custom))
	})
}

// pythonTools are what documents are made and read with.
func pythonTools(t testing.TB) func(program string, args ...string) string {
	return testkit.Python(t, "python-docx==1.2.0", "openpyxl==3.1.5", "python-pptx==1.0.2", "pikepdf==9.5.2", "lxml==5.4.0", "html5lib==1.1", "PyYAML==6.0.2")
}

const makeOffice = `
import sys, docx, openpyxl, pptx
d = sys.argv[1]
x = docx.Document(); x.core_properties.title = "Title"; x.add_heading("Heading", 0); x.add_paragraph("Body 正文"); x.add_table(2, 2); x.save(d + "/a.docx")
w = openpyxl.Workbook(); s = w.active; s.title = "Data"; s["A1"] = "name"; s["B2"] = 42; w.create_sheet("Second")["A1"] = "x"; w.save(d + "/a.xlsx")
from openpyxl.packaging.custom import StringProperty
w.custom_doc_props.append(StringProperty(name="Client", value="Somebody")); w.save(d + "/custom.xlsx")
p = pptx.Presentation(); s = p.slides.add_slide(p.slide_layouts[0]); s.shapes.title.text = "Slide"; p.slides.add_slide(p.slide_layouts[1]); p.save(d + "/a.pptx")
`

const readOffice = `
import sys, docx, openpyxl, pptx
f = sys.argv[1]
if f.endswith(".docx"):
    x = docx.Document(f); print(x.core_properties.title, [p.text for p in x.paragraphs], len(x.tables))
elif f.endswith(".xlsx"):
    w = openpyxl.load_workbook(f); print([(s.title, [[c.value for c in r] for r in s.rows]) for s in w], [(p.name, p.value) for p in w.custom_doc_props.props if p.name != "AIGC"])
else:
    p = pptx.Presentation(f); print([[h.text_frame.text for h in s.shapes if h.has_text_frame] for s in p.slides])
`

// TestOfficeWitnesses makes documents with the tools that others use, labels them, and has others read them.
func TestOfficeWitnesses(t *testing.T) {
	python := pythonTools(t)
	dir := t.TempDir()
	python(makeOffice, dir)
	for _, name := range []string{"a.docx", "a.xlsx", "custom.xlsx", "a.pptx"} {
		was, is := filepath.Join(dir, name), filepath.Join(dir, "labelled-"+name)
		file, err := os.ReadFile(was)
		if err != nil {
			t.Fatal(err)
		}
		kind := strings.TrimPrefix(filepath.Ext(name), ".")
		if err := os.WriteFile(is, carriertest.RoundTrip(t, format(kind), file), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := python(`
import sys, zipfile
from lxml import etree
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
ns = {"c": "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties", "vt": "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"}
print(etree.fromstring(z.read("docProps/custom.xml")).xpath("string(c:property[@name='AIGC']/vt:lpwstr)", namespaces=ns))
`, is); got != carriertest.Value {
			t.Errorf("%s: lxml reads %q", name, got)
		}
		if a, b := python(readOffice, was), python(readOffice, is); a != b {
			t.Errorf("%s: was read as\n%s\nand is\n%s", name, a, b)
		}
		if kind == "xlsx" {
			if got := python(`
import sys, openpyxl
print([p.value for p in openpyxl.load_workbook(sys.argv[1]).custom_doc_props.props if p.name == "AIGC"][0])`, is); got != carriertest.Value {
				t.Errorf("%s: openpyxl reads %q", name, got)
			}
		}
	}
}
