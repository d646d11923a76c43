// Package pdf reads and writes the implicit label of PDF files: key AIGC of the document information dictionary (TC260-PG-20258A), written as an
// incremental update (ISO 32000-1, 7.5.6), so that every byte that was there stays. A label in the XMP metadata is read as well.
package pdf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// Formats is the one format of this package.
func Formats() []carrier.Format {
	return []carrier.Format{{Name: "pdf", Title: "PDF document", MIME: []string{"application/pdf"}, Extensions: []string{"pdf"}, Medium: "document",
		Place: "document information dictionary, key AIGC", Guide: "TC260-PG-20258A", Is: is, Sites: sites, Put: put}}
}

const property = "AIGC"

// maxTable is where offsets of ten digits end, with room for the update.
const maxTable = 10_000_000_000 - 1<<20

// is takes for PDF what has the mark among its first 1024 bytes, as readers do.
func is(f *carrier.File) bool {
	head := f.Head()
	at := bytes.Index(head[:min(len(head), 1024)], []byte("%PDF-"))
	return at == 0 || at > 0 && !bytes.HasPrefix(head, []byte("PK")) && bytes.IndexByte([]byte("<{["), head[0]) < 0
}

// state is what a label's reader and writer need to know of a file.
type state struct {
	*document
	info    *dict
	infoRef ref // num 0: it has none of its own
	infoAt  int64
	meta    ref // the XMP metadata; num 0: none
	packet  []byte
	metaAt  int64
}

func read(f *carrier.File) (s *state, err error) {
	d, err := open(f)
	if err != nil {
		return nil, err
	}
	s = &state{document: d, infoAt: -1, metaAt: -1}
	switch v := d.trailer.get("Info").(type) {
	case ref:
		s.infoRef = v
		o, _, at, err := d.resolve(v)
		if err != nil {
			return s, err
		}
		s.infoAt = at
		s.info, _ = o.(*dict)
	case *dict:
		s.info = v
	}
	root, ok := d.trailer.get("Root").(ref)
	if !ok {
		return s, fault(carrier.Malformed, d.base+d.start, "a trailer names the catalogue (Root)")
	}
	o, err := d.object(root)
	if err != nil {
		return s, err
	}
	catalogue, ok := o.(*dict)
	if !ok {
		return s, fault(carrier.Malformed, d.base+d.start, "the catalogue is a dictionary")
	}
	if s.meta, ok = catalogue.get("Metadata").(ref); ok {
		_, data, at, err := d.resolve(s.meta)
		if err != nil {
			return s, err
		}
		if s.metaAt = at; data != nil {
			if s.packet, err = data(); err != nil {
				return s, err
			}
		}
	}
	return s, s.mayChange(catalogue)
}

// errCertified says that whoever certified the document allows no change at all.
var errCertified = errors.New("certified")

// mayChange looks at a certification (12.8.2.2); the error counts for writing only.
func (s *state) mayChange(catalogue *dict) error {
	v, err := s.plain(catalogue.get("Perms"))
	perms, _ := v.(*dict)
	if err != nil || perms == nil {
		return err
	}
	v, err = s.plain(perms.get("DocMDP"))
	signature, _ := v.(*dict)
	if err != nil || signature == nil {
		return err
	}
	if v, err = s.plain(signature.get("Reference")); err != nil {
		return err
	}
	references, _ := v.(array)
	for _, x := range references {
		if v, err = s.plain(x); err != nil {
			return err
		}
		one, _ := v.(*dict)
		if v, err = s.plain(one.get("TransformParams")); err != nil {
			return err
		}
		parameters, _ := v.(*dict)
		if v, err = s.plain(parameters.get("P")); err != nil {
			return err
		}
		if p, ok := integer(v); ok && p == 1 {
			return errCertified
		}
	}
	return nil
}

func sites(f *carrier.File) (out []carrier.Site, err error) {
	s, err := read(f)
	if s != nil && s.document != nil {
		var unread error
		if out, unread = s.sites(); err == nil || errors.Is(err, errCertified) {
			err = unread
		}
	}
	return out, err
}

func (s *state) sites() (out []carrier.Site, err error) {
	if s.info != nil {
		for _, e := range s.info.entries {
			if e.key != property {
				continue
			}
			if v, ok := e.value.(text); ok {
				at := s.infoAt
				if at < 0 {
					at = s.base + s.start
				}
				out = append(out, carrier.Site{Place: "Info AIGC", Offset: at, Value: words(v), Standard: true})
			}
		}
	}
	if len(bytes.TrimSpace(s.packet)) == 0 {
		return out, nil
	}
	values, err := xmp.Values(s.packet)
	for _, v := range values {
		out = append(out, carrier.Site{Place: "XMP TC260:AIGC", Offset: max(s.metaAt, 0), Value: v.Text, Remark: "XMP metadata; the guide says the document information dictionary"})
	}
	return out, err
}

// put appends an update with the information dictionary, and with the XMP metadata if a label stood there.
func put(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	s, err := read(f)
	if errors.Is(err, errCertified) {
		return nil, fault(carrier.Unsupported, -1, "the document is certified and allows no changes (DocMDP, P 1); label it before it is certified")
	}
	if err != nil {
		return nil, err
	}
	there, err := s.sites()
	if err != nil {
		return nil, err
	}
	if len(there) == 1 && there[0].Standard && there[0].Value == l.Value {
		return carrier.NewEdit(f) // it is there already
	}
	size, ok := s.trailer.int("Size")
	if !ok || size < 1 || size > 1<<31 {
		return nil, fault(carrier.Malformed, s.base+s.start, "a trailer says how many objects there are (Size)")
	}
	if !s.inStream && f.Size() >= maxTable {
		return nil, fault(carrier.TooLarge, -1, "offsets in a cross-reference table have ten digits, and the file ends beyond them")
	}
	u := &update{state: s, at: f.Size() - s.base, size: size}
	last, err := f.Read("pdf", f.Size()-1, 1)
	if err != nil {
		return nil, err
	}
	if last[0] != '\n' {
		u.b = append(u.b, '\n')
	}
	info := s.infoRef
	if info.num == 0 {
		info = ref{u.size, 0}
		u.size++
	}
	body := []byte("<<")
	if s.info != nil {
		for _, e := range s.info.entries {
			if e.key != property {
				body = append(append(append(body, escaped(e.key)...), ' '), e.raw...)
				body = append(body, '\n')
			}
		}
	}
	body = append(append(append(body, "/"+property+" "...), written(l.Value)...), ">>"...)
	u.object(info, body)
	if len(bytes.TrimSpace(s.packet)) > 0 {
		if values, err := xmp.Values(s.packet); err == nil && len(values) > 0 {
			packet, err := xmp.Elsewhere(s.packet)
			if err != nil {
				return nil, err
			}
			u.object(s.meta, fmt.Appendf(nil, "<</Type/Metadata/Subtype/XML/Length %d>>stream\n%s\nendstream", len(packet), packet))
		}
	}
	u.finish(info)
	return carrier.NewEdit(f, carrier.Change{At: f.Size(), Insert: u.b})
}

// escaped is a name as it is written.
func escaped(n name) []byte {
	out := []byte{'/'}
	for i := range len(n) {
		if c := n[i]; c <= ' ' || c >= 0x7f || c == '#' || delimiter(c) {
			out = fmt.Appendf(out, "#%02X", c)
		} else {
			out = append(out, c)
		}
	}
	return out
}

// update is what is appended.
type update struct {
	*state
	at   int64 // where it begins, from base
	b    []byte
	size int64 // objects there are then
	rows []row
}

type row struct {
	r  ref
	at int64
}

func (u *update) here() int64 { return u.at + int64(len(u.b)) }

func (u *update) object(r ref, body []byte) {
	if w, ok, err := u.find(r.num); err == nil && ok && w.stream != 0 {
		r.gen = 0
	}
	u.rows = append(u.rows, row{r, u.here()})
	u.b = fmt.Appendf(u.b, "%d %d obj\n", r.num, r.gen)
	u.b = append(append(u.b, body...), "\nendobj\n"...)
}

// finish writes the cross-reference section, of the kind that the file's newest has (7.5.8.4), and the trailer.
func (u *update) finish(info ref) {
	trailer := fmt.Appendf(nil, "/Root %s/Info %d %d R/Prev %d", u.trailer.raw("Root"), info.num, u.rows[0].r.gen, u.start)
	if id := u.trailer.raw("ID"); id != nil {
		trailer = append(append(trailer, "/ID "...), id...)
	}
	start := u.here()
	if u.inStream {
		self := ref{u.size, 0}
		u.size++
		u.rows = append(u.rows, row{self, start})
		var index, data []byte
		for _, r := range u.rows {
			index = fmt.Appendf(index, "%d 1 ", r.r.num)
			data = append(data, 1)
			data = binary.BigEndian.AppendUint64(data, uint64(r.at))
			data = binary.BigEndian.AppendUint16(data, uint16(r.r.gen))
		}
		u.b = fmt.Appendf(u.b, "%d 0 obj\n<</Type/XRef/Size %d/W[1 8 2]/Index[%s]%s/Length %d>>stream\n", self.num, u.size, bytes.TrimSpace(index), trailer, len(data))
		u.b = append(append(u.b, data...), "\nendstream\nendobj\n"...)
	} else {
		u.b = append(u.b, "xref\n0 1\n0000000000 65535 f \n"...)
		for _, r := range u.rows {
			u.b = fmt.Appendf(u.b, "%d 1\n%010d %05d n \n", r.r.num, r.at, r.r.gen)
		}
		u.b = fmt.Appendf(u.b, "trailer\n<</Size %d%s>>\n", u.size, trailer)
	}
	u.b = fmt.Appendf(u.b, "startxref\n%d\n%%%%EOF\n", start)
}
