package pdf

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// built is a PDF by hand; the last object is the catalogue, the one before it the information dictionary if there is one.
func built(info bool, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
	at := make([]int, len(objects))
	for i, o := range objects {
		at[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	named := ""
	if info {
		named = fmt.Sprintf("/Info %d 0 R", len(objects)-1)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root %d 0 R%s/ID[<00><01>]>>\nstartxref\n%d\n%%%%EOF", len(objects)+1, len(objects), named, xref)
	return b.Bytes()
}

func content() []string {
	const words = "BT /F 18 Tf 20 100 Td (A page of words) Tj ET"
	return []string{
		fmt.Sprintf("<</Length %d>>stream\n%s\nendstream", len(words), words),
		"<</Type/Page/Parent 3 0 R/MediaBox[0 0 300 200]/Contents 1 0 R/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
		"<</Type/Pages/Kids[2 0 R]/Count 1>>",
	}
}

func plainPDF() []byte { return built(false, append(content(), "<</Type/Catalog/Pages 3 0 R>>")...) }

func withInfo(info string) []byte {
	return built(true, append(content(), info, "<</Type/Catalog/Pages 3 0 R>>")...)
}

// withXMP has a label in its metadata, as some producers write it.
func withXMP(t testing.TB, value string) []byte {
	t.Helper()
	packet, err := xmp.Put(nil, carrier.Label{Value: value})
	if err != nil {
		t.Fatal(err)
	}
	return built(true, append(content(), fmt.Sprintf("<</Type/Metadata/Subtype/XML/Length %d>>stream\n%s\nendstream", len(packet), packet), "<</Title(A title)>>", "<</Type/Catalog/Pages 3 0 R/Metadata 4 0 R>>")...)
}

func files(t testing.TB) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"no information":  plainPDF(),
		"information":     withInfo(`<</Title(A \(title\))/Producer<FEFF4F60597D>/Odd#20Key [1 0 R (x)] /CreationDate(D:20260101)>>`),
		"junk before":     append([]byte("junk\n"), withInfo("<<>>")...),
		"line end behind": append(withInfo("<</Author(x)>>"), "\r\n"...),
	}
}

func format() carrier.Format { return Formats()[0] }

func TestPut(t *testing.T) {
	for name, file := range files(t) {
		t.Run(name, func(t *testing.T) {
			f := format()
			if !f.Is(carrier.Bytes(file)) {
				t.Fatal("not taken for a PDF")
			}
			if sites, err := f.Sites(carrier.Bytes(file)); err != nil || len(sites) != 0 {
				t.Fatalf("%+v %v", sites, err)
			}
			once := carriertest.Put(t, f, file, carriertest.Value)
			carriertest.One(t, f, once, carriertest.Value)
			if !bytes.HasPrefix(once, file) {
				t.Error("what was there was changed")
			}
			if again := carriertest.Put(t, f, once, carriertest.Value); !bytes.Equal(again, once) {
				t.Error("the same label again changes the file")
			}
			other := carriertest.Put(t, f, once, carriertest.Other)
			carriertest.One(t, f, other, carriertest.Other)
			if !bytes.HasPrefix(other, once) {
				t.Error("what was there was changed")
			}
			chinese := strings.Replace(carriertest.Value, "EXAMPLE", "示例（科技）", 1)
			carriertest.One(t, f, carriertest.Put(t, f, file, chinese), chinese)
		})
	}
}

func TestXMP(t *testing.T) {
	file := withXMP(t, carriertest.Other)
	sites, err := format().Sites(carrier.Bytes(file))
	if err != nil || len(sites) != 1 || sites[0].Standard || sites[0].Value != carriertest.Other {
		t.Fatalf("%+v %v", sites, err)
	}
	out := carriertest.Put(t, format(), file, carriertest.Value)
	carriertest.One(t, format(), out, carriertest.Value)
	if !bytes.HasPrefix(out, file) {
		t.Error("what was there was changed")
	}
}

// Other people's readers, and files that other people's tools made.
func TestOthers(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	qpdf, pdfinfo, exiftool := testkit.Tool(t, "qpdf", "install qpdf"), testkit.Tool(t, "pdfinfo", "install poppler-utils"), testkit.Tool(t, "exiftool", "install libimage-exiftool-perl")
	totext := testkit.Tool(t, "pdftotext", "install poppler-utils")
	pypdf := testkit.Python(t, "pypdf==6.4.0")
	page := at("p.html")
	if err := os.WriteFile(page, []byte("<meta charset=utf-8><title>一个标题</title><body style=\"font-family:'WenQuanYi Micro Hei'\">第一页的话<div style='break-before:page'>第二页"), 0o600); err != nil {
		t.Fatal(err)
	}
	testkit.Tool(t, "chromium", "install chromium")("--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", "--user-data-dir="+at("u"), "--print-to-pdf="+at("browser.pdf"), "file://"+page)
	for name, file := range files(t) {
		if name != "junk before" { // qpdf warns of the junk, as it should
			if err := os.WriteFile(at(strings.ReplaceAll(name, " ", "-")+".pdf"), file, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	qpdf("--object-streams=generate", at("browser.pdf"), at("packed.pdf"))
	qpdf("--linearize", at("browser.pdf"), at("linear.pdf"))
	qpdf("--linearize", "--object-streams=generate", at("browser.pdf"), at("linear-packed.pdf"))
	names, err := filepath.Glob(at("*.pdf"))
	if err != nil || len(names) != 7 {
		t.Fatal(names, err)
	}
	for _, path := range names {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			before := totext(path, "-")
			out := carriertest.Put(t, format(), carriertest.Put(t, format(), file, carriertest.Other), carriertest.Value)
			carriertest.One(t, format(), out, carriertest.Value)
			labelled := path + ".labelled"
			if err := os.WriteFile(labelled, out, 0o600); err != nil {
				t.Fatal(err)
			}
			if said := qpdf("--check", labelled); !strings.Contains(said, "No syntax or stream encoding errors") {
				t.Error(said)
			}
			if got := exiftool("-b", "-PDF:AIGC", labelled); got != carriertest.Value {
				t.Errorf("exiftool: %q", got)
			}
			if said := pdfinfo("-custom", labelled); !strings.Contains(said, carriertest.Value) {
				t.Errorf("pdfinfo: %s", said)
			}
			if got := pypdf("import sys, logging, pypdf; logging.disable(logging.WARNING); r = pypdf.PdfReader(sys.argv[1], strict=True); print(r.metadata['/AIGC'])", labelled); got != carriertest.Value {
				t.Errorf("pypdf: %q", got)
			}
			if after := totext(labelled, "-"); after != before {
				t.Errorf("pdftotext: %q, was %q", after, before)
			}
			if title := exiftool("-b", "-PDF:Title", path); exiftool("-b", "-PDF:Title", labelled) != title {
				t.Errorf("the title %q is lost", title)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	good := withInfo("<</Title(x)>>")
	swap := func(old, new string) []byte {
		out := bytes.Replace(good, []byte(old), []byte(new), 1)
		if bytes.Equal(out, good) {
			t.Fatalf("%q is not there", old)
		}
		return out
	}
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	for name, x := range map[string]struct {
		file []byte
		kind carrier.Kind
	}{
		"cut":                  {good[:len(good)-60], carrier.Truncated},
		"only the mark":        {[]byte("%PDF-1.7\n"), carrier.Truncated},
		"offset beyond":        {swap("startxref\n", "startxref\n9999999"), carrier.Malformed},
		"offset that is none":  {swap("startxref\n", "startxref\n-"), carrier.Malformed},
		"encrypted":            {swap("/ID[", "/Encrypt 1 0 R/ID["), carrier.Encrypted},
		"itself before":        {swap("/ID[", "/Prev 0/ID["), carrier.Malformed},
		"many objects":         {swap("xref\n0 6", "xref\n0 99999999999999"), carrier.Malformed},
		"deep":                 {withInfo("<</Title " + deep + ">>"), carrier.Malformed},
		"another object":       {swap("4 0 obj", "9 0 obj"), carrier.Malformed},
		"no catalogue":         {swap("/Root 5 0 R", "/Root 4"), carrier.Malformed},
		"a string without end": {swap("(x)", "(x"), carrier.Truncated},
	} {
		before := bytes.Clone(x.file)
		_, err := format().Sites(carrier.Bytes(x.file))
		if kind := carrier.KindOf(err); kind != x.kind && !(kind == carrier.Malformed && x.kind == carrier.Truncated) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := format().Put(carrier.Bytes(x.file), carrier.Label{Value: carriertest.Value}); err == nil {
			t.Errorf("%s: was written", name)
		}
		if !bytes.Equal(before, x.file) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	certified := built(false, append(content(), "<</Type/Sig/Reference[<</TransformMethod/DocMDP/TransformParams<</P 1/V/1.2>>>>]>>", "<</Type/Catalog/Pages 3 0 R/Perms<</DocMDP 4 0 R>>>>")...)
	if _, err := format().Sites(carrier.Bytes(certified)); err != nil {
		t.Error(err)
	}
	if _, err := format().Put(carrier.Bytes(certified), carrier.Label{Value: carriertest.Value}); carrier.KindOf(err) != carrier.Unsupported || !strings.Contains(err.Error(), "certified") {
		t.Errorf("certified: %v", err)
	}
}

// A stream whose length lies in the stream itself once ended the process: a stack overflow cannot be caught.
func TestItself(t *testing.T) {
	file := leadsToItself()
	if _, err := sites(carrier.Bytes(file)); carrier.KindOf(err) != carrier.Malformed {
		t.Error(err)
	}
}

func leadsToItself() []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.5\n")
	one := b.Len()
	b.WriteString("1 0 obj\n<</Type/ObjStm/N 1/First 4/Length 2 0 R>>stream\n2 0 9\nendstream\nendobj\n")
	x := b.Len()
	rows := []byte{0, 0, 0, 0, 1, byte(one >> 8), byte(one), 0, 2, 0, 1, 0, 1, byte(x >> 8), byte(x), 0}
	fmt.Fprintf(&b, "3 0 obj\n<</Type/XRef/Size 4/W[1 2 1]/Root 2 0 R/Length %d>>stream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", len(rows), rows, x)
	return b.Bytes()
}

// A certification counts however its parts are given.
func TestCertifiedByReference(t *testing.T) {
	file := built(false, append(content(), "1", "<</P 4 0 R>>", "<</TransformMethod/DocMDP/TransformParams 5 0 R>>", "[6 0 R]", "<</Type/Sig/Reference 7 0 R>>", "<</DocMDP 8 0 R>>", "<</Type/Catalog/Pages 3 0 R/Perms 9 0 R>>")...)
	if _, err := put(carrier.Bytes(file), carrier.Label{Value: carriertest.Value}); carrier.KindOf(err) != carrier.Unsupported {
		t.Error(err)
	}
}

func FuzzPut(f *testing.F) {
	for _, file := range files(f) {
		f.Add(file)
	}
	f.Add(withXMP(f, carriertest.Value))
	f.Add(leadsToItself())
	f.Fuzz(func(t *testing.T, b []byte) {
		file := carrier.Bytes(b)
		if !is(file) {
			return
		}
		_, _ = sites(file)
		e, err := put(file, carrier.Label{Value: carriertest.Value})
		if err != nil {
			return
		}
		after, err := sites(e.File())
		if err != nil || len(after) != 1 || after[0].Value != carriertest.Value {
			t.Fatalf("written, and then: %+v %v", after, err)
		}
	})
}
