package document

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/hegui/hegui/label/carrier"
)

// Names of ECMA-376 (transitional) and ISO/IEC 29500 strict.
const (
	typesPart  = "[Content_Types].xml"
	rootRels   = "_rels/.rels"
	customPart = "docProps/custom.xml"

	nsTypes      = "http://schemas.openxmlformats.org/package/2006/content-types"
	nsRels       = "http://schemas.openxmlformats.org/package/2006/relationships"
	relsLoose    = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	relsStrict   = "http://purl.oclc.org/ooxml/officeDocument/relationships/"
	customLoose  = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"
	customStrict = "http://purl.oclc.org/ooxml/officeDocument/customProperties"
	vtLoose      = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"
	vtStrict     = "http://purl.oclc.org/ooxml/officeDocument/docPropsVTypes"

	customType = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
	// customSet is the property set of custom properties (ECMA-376 part 1, 22.3.2).
	customSet = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"

	xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
)

// property is the name of the label in all formats that name it.
const property = "AIGC"

func officeKinds() []carrier.Format {
	make := func(name, title, folder string, mimes, extensions []string) carrier.Format {
		return carrier.Format{Name: name, Title: title, MIME: mimes, Extensions: extensions, Medium: "document",
			Place: "docProps/custom.xml, property AIGC", Guide: guide,
			Is:    func(f *carrier.File) bool { return isOffice(f, name, folder) },
			Sites: func(f *carrier.File) ([]carrier.Site, error) { return officeSites(f, name) },
			Put:   func(f *carrier.File, l carrier.Label) (*carrier.Edit, error) { return officePut(f, name, l) },
		}
	}
	const ms, office = "application/vnd.ms-", "application/vnd.openxmlformats-officedocument."
	return []carrier.Format{
		make("docx", "Word document", "word/", []string{office + "wordprocessingml.document", office + "wordprocessingml.template", ms + "word.document.macroEnabled.12", ms + "word.template.macroEnabled.12"}, []string{"docx", "dotx", "docm", "dotm"}),
		make("xlsx", "Excel workbook", "xl/", []string{office + "spreadsheetml.sheet", office + "spreadsheetml.template", ms + "excel.sheet.macroEnabled.12", ms + "excel.template.macroEnabled.12"}, []string{"xlsx", "xltx", "xlsm", "xltm"}),
		make("pptx", "PowerPoint presentation", "ppt/", []string{office + "presentationml.presentation", office + "presentationml.template", office + "presentationml.slideshow", ms + "powerpoint.presentation.macroEnabled.12", ms + "powerpoint.slideshow.macroEnabled.12", ms + "powerpoint.template.macroEnabled.12"}, []string{"pptx", "potx", "ppsx", "pptm", "ppsm", "potm"}),
	}
}

// mainTypes are what the content type of a document's main part holds.
func mainTypes(contentType string) string {
	t := strings.ToLower(contentType)
	switch {
	case !strings.HasSuffix(t, ".main+xml"):
	case strings.Contains(t, "wordprocessingml.") || strings.Contains(t, "ms-word."):
		return "docx"
	case strings.Contains(t, "spreadsheetml.") || strings.Contains(t, "ms-excel."):
		return "xlsx"
	case strings.Contains(t, "presentationml.") || strings.Contains(t, "ms-powerpoint."):
		return "pptx"
	}
	return ""
}

// isOffice tells a kind by [Content_Types].xml. An archive whose directory cannot be read is taken by the names at its beginning, so that its fault is
// named and it is not taken for something unknown.
func isOffice(f *carrier.File, format, folder string) bool {
	head := f.Head()
	if !bytes.HasPrefix(head, []byte(localMagic)) {
		return false
	}
	p, err := openPackage(f, format)
	if p.typesRead {
		return p.kind == format
	}
	return err != nil && bytes.Contains(head, []byte(typesPart)) && bytes.Contains(head, []byte(folder))
}

// pack is an OOXML package: its archive with the two parts that say what all others are.
type pack struct {
	*archive
	kind      string // docx, xlsx, pptx or ""
	typesRead bool
	types     xmlPart
	rels      xmlPart
	main      string // the main part
	strict    bool
}

// xmlPart is a part that was read.
type xmlPart struct {
	name string
	at   int64
	text []byte
	all  []element
}

// xml reads a part.
func (a *archive) xml(name string) (x xmlPart, ok bool, err error) {
	x.name = name
	x.text, x.at, ok, err = a.read(name)
	if err != nil || !ok {
		return x, ok, err
	}
	if x.all, err = elements(x.text); err != nil {
		err = &carrier.Error{Format: a.format, Kind: carrier.Malformed, Offset: x.at, Rule: "part " + name + " is no XML to its end", Err: err}
	}
	return x, true, err
}

// openPackage reads what a package says of itself. p is never nil.
func openPackage(f *carrier.File, format string) (p *pack, err error) {
	p = &pack{archive: &archive{File: f, format: format}}
	a, err := openZip(f, format)
	if err != nil {
		return p, err
	}
	p.archive = a
	var ok bool
	if p.types, ok, err = a.xml(typesPart); err != nil || !ok || p.types.all[0].name.Local != "Types" {
		if err == nil {
			err = a.fault(carrier.Malformed, p.types.at, "an OOXML package has a part %s with element Types", typesPart)
		}
		return p, err
	}
	p.typesRead = true
	for _, e := range p.types.all {
		if e.depth == 2 && p.kind == "" {
			p.kind = mainTypes(e.attr("ContentType"))
		}
	}
	if p.rels, ok, err = a.xml(rootRels); err != nil || !ok || p.rels.all[0].name.Local != "Relationships" {
		if err == nil {
			err = a.fault(carrier.Malformed, p.rels.at, "an OOXML package has a part %s with element Relationships", rootRels)
		}
		return p, err
	}
	for _, r := range relations(p.rels) {
		if r.kind == "officeDocument" && p.main == "" {
			p.main, p.strict = r.target, strings.HasPrefix(r.raw, relsStrict)
		}
	}
	if p.main == "" {
		return p, a.fault(carrier.Malformed, p.rels.at, "no relationship in %s leads to the document", rootRels)
	}
	return p, nil
}

// relation is a relationship of a part.
type relation struct {
	id, raw string
	kind    string // the last word of its type
	target  string // the name of the part it leads to, "" outside the package
	element int
}

// relations of a relationships part, as _rels/.rels or word/_rels/document.xml.rels.
func relations(x xmlPart) (out []relation) {
	base := path.Dir(path.Dir(x.name)) // the folder of the part whose relationships these are
	for i, e := range x.all {
		if e.depth != 2 || e.name.Local != "Relationship" {
			continue
		}
		r := relation{id: e.attr("Id"), raw: e.attr("Type"), element: i}
		r.kind = path.Base(r.raw)
		if target := e.attr("Target"); e.attr("TargetMode") != "External" && target != "" {
			if !strings.HasPrefix(target, "/") {
				target = path.Join(base, target)
			}
			r.target = strings.TrimPrefix(path.Clean(target), "/")
		}
		out = append(out, r)
	}
	return out
}

// typeOf is the content type of a part.
func (p *pack) typeOf(name string) string {
	fallback := ""
	for _, e := range p.types.all {
		switch {
		case e.depth != 2:
		case e.name.Local == "Override" && strings.EqualFold(e.attr("PartName"), "/"+name):
			return e.attr("ContentType")
		case e.name.Local == "Default" && strings.EqualFold("."+e.attr("Extension"), path.Ext(name)):
			fallback = e.attr("ContentType")
		}
	}
	return fallback
}

// customs are the parts with custom properties: those that relationships lead to, and the usual one though none does. remarks are by name.
func (p *pack) customs() (names []string, remarks map[string]string) {
	remarks = map[string]string{}
	add := func(name, remark string) {
		i, there := p.names[strings.ToLower(name)]
		if !there {
			return
		}
		name = p.parts[i].name
		if _, seen := remarks[name]; seen {
			return
		}
		names, remarks[name] = append(names, name), remark
		switch {
		case remark != "":
		case len(names) > 1:
			remarks[name] = "in a second part of custom properties; readers look at one"
		case p.typeOf(name) != customType:
			remarks[name] = "the part's content type is not that of custom properties"
		}
	}
	for _, r := range relations(p.rels) {
		if r.customProperties() {
			add(r.target, "")
		}
	}
	add(customPart, "no relationship leads to the part, so readers do not see it")
	return names, remarks
}

func (r relation) customProperties() bool {
	return r.target != "" && (r.kind == "custom-properties" || r.kind == "customProperties")
}

// customLabel is a property that holds a label.
type customLabel struct {
	property int // the element
	value    string
	remark   string
}

// labels are those among the custom properties. A property whose name only holds the letters AIGC (Annex E a) counts when its value is JSON.
func (x xmlPart) labels() (out []customLabel) {
	for i, e := range x.all {
		name := e.attr("name")
		if e.depth != 2 || e.name.Local != "property" || !strings.Contains(strings.ToUpper(name), property) {
			continue
		}
		l := customLabel{property: i}
		var kinds []string
		for _, v := range x.all[i+1:] {
			if v.depth <= e.depth {
				break
			}
			kinds, l.value = append(kinds, v.name.Local), l.value+strings.TrimSpace(v.text)
		}
		if name != property && !strings.HasPrefix(l.value, "{") {
			continue
		}
		vt := x.all[min(i+1, len(x.all)-1)].name.Space
		switch {
		case name != property:
			l.remark = fmt.Sprintf("the property is called %.40s; the guide says %s", name, property)
		case len(kinds) != 1 || kinds[0] != "lpwstr":
			l.remark = "the value is " + strings.Join(kinds, ", ") + "; the guide says lpwstr"
		case vt != vtLoose && vt != vtStrict || e.name.Space != customLoose && e.name.Space != customStrict:
			l.remark = "the property is not in the namespace of custom properties"
		case !strings.EqualFold(e.attr("fmtid"), customSet):
			l.remark = "fmtid is not that of custom properties, " + customSet
		case len(out) > 0:
			l.remark = "a second property of the same name"
		}
		out = append(out, l)
	}
	return out
}

func officeSites(f *carrier.File, format string) (sites []carrier.Site, err error) {
	p, err := openPackage(f, format)
	if err != nil {
		return nil, err
	}
	names, remarks := p.customs()
	for _, name := range names {
		x, _, bad := p.xml(name)
		err = errors.Join(err, bad)
		for _, l := range x.labels() {
			if len(sites) >= carrier.MaxSites {
				return sites, p.fault(carrier.TooLarge, x.at, "more than %d labels", carrier.MaxSites)
			}
			remark := l.remark
			if remark == "" {
				remark = remarks[name]
			}
			sites = append(sites, carrier.Site{Place: name + " " + property, Offset: x.at, Value: l.value, Standard: remark == "", Remark: remark})
		}
	}
	return sites, err
}

func officePut(f *carrier.File, format string, l carrier.Label) (*carrier.Edit, error) {
	sites, err := officeSites(f, format)
	if err != nil {
		return nil, err
	}
	if len(sites) == 1 && sites[0].Standard && sites[0].Value == l.Value {
		return carrier.NewEdit(f)
	}
	p, err := openPackage(f, format)
	if err != nil {
		return nil, err
	}
	if at, bad := strings.IndexFunc(l.Value, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }), l.Value; at >= 0 {
		return nil, p.fault(carrier.Unsupported, -1, "the value has the character %q, which XML cannot hold", bad[at])
	}
	now := map[string][]byte{}
	home := ""
	names, _ := p.customs()
	if len(names) > 0 { // the labels of all parts go to the first
		home = names[0]
	}
	for _, name := range names {
		x, _, err := p.xml(name)
		if err != nil {
			return nil, err
		}
		value := ""
		if name == home {
			value = l.Value
		}
		if now[name], err = p.custom(x, value); err != nil {
			return nil, err
		}
	}
	if home == "" {
		home = customPart
		ns, vt := customLoose, vtLoose
		if p.strict {
			ns, vt = customStrict, vtStrict
		}
		now[home] = []byte(xmlHead + `<Properties xmlns="` + ns + `" xmlns:vt="` + vt + `"><property fmtid="` + customSet + `" pid="2" name="` + property + `"><vt:lpwstr>` + escape(l.Value) + `</vt:lpwstr></property></Properties>`)
	}
	p.register(now, home)
	return p.with(now)
}

// custom is a part of custom properties with this value as its one label, or, when it is "", with none because it stands in another part.
func (p *pack) custom(x xmlPart, value string) ([]byte, error) {
	root := x.all[0]
	if root.name.Local != "Properties" || root.name.Space != customLoose && root.name.Space != customStrict {
		return nil, p.fault(carrier.Malformed, x.at, "part %s has the element %s of %.80q, not Properties of %s", x.name, root.raw, root.name.Space, customLoose)
	}
	last, used, vt := 1, map[int]int{}, vtLoose
	if root.name.Space == customStrict {
		vt = vtStrict
	}
	for _, e := range x.all {
		if n, err := strconv.Atoi(e.attr("pid")); err == nil && e.depth == 2 && n >= 2 && n < 1<<31-1 {
			last = max(last, n)
			used[n]++
		}
	}
	write := func(pid int) string {
		pre := root.prefix()
		return "<" + pre + `property fmtid="` + customSet + `" pid="` + strconv.Itoa(pid) + `" name="` + property + `"><vt:lpwstr xmlns:vt="` + vt + `">` + escape(value) + "</vt:lpwstr></" + pre + "property>"
	}
	var changes []splice
	for _, l := range x.labels() {
		e, text := x.all[l.property], ""
		if pid, err := strconv.Atoi(e.attr("pid")); e.attr("name") == property && value != "" {
			if err != nil || used[pid] != 1 {
				pid = last + 1
			}
			text, value = write(pid), ""
		}
		changes = append(changes, splice{e.start, e.end, text})
	}
	if value != "" {
		changes = append(changes, lastChild(root, write(last+1)))
	}
	return spliced(x.text, changes...), nil
}

// register sees to it that a relationship leads to the part of custom properties and that its type is said.
func (p *pack) register(now map[string][]byte, name string) {
	if p.typeOf(name) != customType {
		root := p.types.all[0]
		var changes []splice
		for _, e := range p.types.all {
			if e.depth == 2 && e.name.Local == "Override" && strings.EqualFold(e.attr("PartName"), "/"+name) {
				changes = append(changes, splice{e.start, e.end, ""})
			}
		}
		changes = append(changes, lastChild(root, "<"+root.prefix()+`Override PartName="/`+escape(name)+`" ContentType="`+customType+`"/>`))
		now[typesPart] = spliced(p.types.text, changes...)
	}
	for _, r := range relations(p.rels) {
		if r.customProperties() && strings.EqualFold(r.target, name) {
			return
		}
	}
	kind := relsLoose + "custom-properties"
	if p.strict {
		kind = relsStrict + "customProperties"
	}
	text, _ := related(p.rels, kind, name)
	now[rootRels] = text
}

// related is a relationships part with one more relationship, and its id.
func related(x xmlPart, kind, target string) (text []byte, id string) {
	taken := map[string]bool{}
	for _, e := range x.all {
		taken[e.attr("Id")] = true
	}
	n := len(x.all)
	for taken["rId"+strconv.Itoa(n)] {
		n++
	}
	id = "rId" + strconv.Itoa(n)
	root := x.all[0]
	return spliced(x.text, lastChild(root, "<"+root.prefix()+`Relationship Id="`+id+`" Type="`+kind+`" Target="`+escape(target)+`"/>`)), id
}
