package pdf

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"strconv"

	"github.com/hegui/hegui/label/carrier"
)

// Bounds. Ours.
const (
	maxObject   = 4 << 20  // bytes of one object, without its stream
	maxStream   = 64 << 20 // bytes of a stream once it is unpacked
	maxSections = 1024     // revisions of a file, and parts of a linearised one
	tailBytes   = 2048     // at the end, in which startxref stands
)

// document is a file that has been opened: its cross-reference sections, newest first. Objects are looked up in them, so that a table of a
// million objects costs nothing.
type document struct {
	f        *carrier.File
	base     int64 // where %PDF- stands; offsets count from there
	start    int64 // of the newest section, from base
	sections []section
	trailer  *dict // the newest
	inStream bool  // the newest section is a stream

	packed  map[int64][]byte // object streams that were unpacked
	looking map[int64]bool   // objects that are being looked up: one that leads back to itself is a fault, not a way on
}

// section is one cross-reference table or stream.
type section struct {
	ranges []objects
	rows   []byte // of a stream, unpacked
	w      [3]int64
}

// objects are consecutive ones; at is where their rows begin: in the file for a table, in rows for a stream.
type objects struct{ first, count, at int64 }

// found says where an object lies.
type found struct {
	at     int64 // in the file, from base
	gen    int64
	stream int64 // number of the object stream that holds it, 0 for none
	index  int64
}

func open(f *carrier.File) (*document, error) {
	d := &document{f: f, packed: map[int64][]byte{}, looking: map[int64]bool{}}
	head := f.Head()
	at := bytes.Index(head[:min(len(head), 1024)], []byte("%PDF-"))
	if at < 0 {
		return nil, fault(carrier.Malformed, 0, "a PDF begins with %%PDF-")
	}
	d.base = int64(at)
	n := min(f.Size(), tailBytes)
	tail, err := f.Read("pdf", f.Size()-n, n)
	if err != nil {
		return nil, err
	}
	at = bytes.LastIndex(tail, []byte("startxref"))
	if at < 0 {
		return nil, fault(carrier.Truncated, f.Size(), "a PDF ends with startxref")
	}
	l := &lexer{b: tail, pos: at + len("startxref"), at: f.Size() - n}
	if d.start, err = strconv.ParseInt(l.word(), 10, 64); err != nil {
		return nil, l.fault("behind startxref stands an offset")
	}
	next := []int64{d.start}
	seen := map[int64]bool{}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		if len(seen) > maxSections {
			return nil, fault(carrier.TooLarge, d.base+at, "the file has more than %d cross-reference sections", maxSections)
		}
		s, trailer, inStream, err := d.section(at)
		if err != nil {
			return nil, err
		}
		d.sections = append(d.sections, s)
		if d.trailer == nil {
			d.trailer, d.inStream = trailer, inStream
		}
		var more []int64
		if hybrid, ok := trailer.int("XRefStm"); ok {
			more = append(more, hybrid)
		}
		if prev, ok := trailer.int("Prev"); ok {
			more = append(more, prev)
		}
		next = append(more, next...)
	}
	if d.trailer.get("Encrypt") != nil {
		return nil, fault(carrier.Encrypted, -1, "the PDF is encrypted, and so are the strings in it; take the encryption off first")
	}
	return d, nil
}

// window is the bytes at an offset from base, at most maxObject.
func (d *document) window(at int64) (*lexer, error) {
	at += d.base
	if at < d.base || at >= d.f.Size() {
		return nil, fault(carrier.Malformed, at, "an offset leaves the file of %d bytes", d.f.Size())
	}
	b, err := d.f.Read("pdf", at, min(maxObject, d.f.Size()-at))
	return &lexer{b: b, at: at}, err
}

// section reads one cross-reference section and its trailer.
func (d *document) section(at int64) (s section, trailer *dict, inStream bool, err error) {
	l, err := d.window(at)
	if err != nil {
		return s, nil, false, err
	}
	if l.keyword("xref") != nil {
		s, trailer, err = d.xrefStream(at)
		return s, trailer, true, err
	}
	from := at + int64(l.pos)
	for rows := int64(0); ; {
		if l, err = d.window(from); err != nil {
			return s, nil, false, err
		}
		if l.keyword("trailer") == nil {
			v, err := l.object(0)
			if err != nil {
				return s, nil, false, err
			}
			t, ok := v.(*dict)
			if !ok {
				return s, nil, false, l.fault("a trailer is a dictionary")
			}
			return s, t, false, nil
		}
		first, err1 := strconv.ParseInt(l.word(), 10, 64)
		count, err2 := strconv.ParseInt(l.word(), 10, 64)
		if err1 != nil || err2 != nil || first < 0 || count < 0 || count > carrier.MaxParts*16 || first > 1<<40 {
			return s, nil, false, l.fault("a subsection of the cross-reference table begins with two numbers")
		}
		l.skip()
		r := objects{first, count, from + int64(l.pos)}
		if !d.f.Has(d.base+r.at, 20*count) {
			return s, nil, false, fault(carrier.Truncated, d.base+r.at, "the cross-reference table ends before its %d rows", count)
		}
		if rows++; rows > maxSections*64 {
			return s, nil, false, l.fault("the cross-reference table has too many subsections")
		}
		s.ranges = append(s.ranges, r)
		from = r.at + 20*count
	}
}

// xrefStream reads a cross-reference stream (7.5.8).
func (d *document) xrefStream(at int64) (s section, dic *dict, err error) {
	_, v, data, err := d.indirect(at)
	if err != nil {
		return s, nil, err
	}
	dic, ok := v.(*dict)
	if !ok || dic.get("Type") != name("XRef") {
		return s, nil, fault(carrier.Malformed, d.base+at, "a cross-reference table or stream stands here")
	}
	if s.rows, err = data(); err != nil {
		return s, nil, err
	}
	w, ok := dic.get("W").(array)
	if !ok || len(w) != 3 {
		return s, nil, fault(carrier.Malformed, d.base+at, "W of a cross-reference stream has three numbers")
	}
	for i := range s.w {
		if s.w[i], ok = integer(w[i]); !ok || s.w[i] < 0 || s.w[i] > 8 {
			return s, nil, fault(carrier.Malformed, d.base+at, "W of a cross-reference stream has three numbers from 0 to 8")
		}
	}
	size, _ := dic.int("Size")
	index := array{number("0"), number(strconv.FormatInt(size, 10))}
	if given, ok := dic.get("Index").(array); ok {
		index = given
	}
	row, pos := s.w[0]+s.w[1]+s.w[2], int64(0)
	for i := 0; i+1 < len(index); i += 2 {
		first, ok1 := integer(index[i])
		count, ok2 := integer(index[i+1])
		if !ok1 || !ok2 || first < 0 || count < 0 || row == 0 || count > int64(len(s.rows))/row-pos/row {
			return s, nil, fault(carrier.Malformed, d.base+at, "Index of a cross-reference stream does not fit its rows")
		}
		s.ranges = append(s.ranges, objects{first, count, pos})
		pos += count * row
	}
	return s, dic, nil
}

// find looks an object up, newest section first. ok is false for one that is free or not there.
func (d *document) find(num int64) (w found, ok bool, err error) {
	for _, s := range d.sections {
		for _, r := range s.ranges {
			if num < r.first || num-r.first >= r.count {
				continue
			}
			if s.rows != nil {
				return s.row(r.at+(num-r.first)*(s.w[0]+s.w[1]+s.w[2]), num)
			}
			row, err := d.f.Read("pdf", d.base+r.at+20*(num-r.first), 20)
			if err != nil {
				return w, false, err
			}
			l := &lexer{b: row, at: d.base + r.at + 20*(num-r.first)}
			at, err1 := strconv.ParseInt(l.word(), 10, 64)
			gen, err2 := strconv.ParseInt(l.word(), 10, 64)
			kind := l.word()
			if err1 != nil || err2 != nil || kind != "n" && kind != "f" {
				return w, false, l.fault("a row of the cross-reference table has 20 bytes")
			}
			return found{at: at, gen: gen}, kind == "n", nil
		}
	}
	return w, false, nil
}

// row reads one row of a cross-reference stream.
func (s section) row(at, num int64) (w found, ok bool, err error) {
	field := func(n, usual int64) int64 {
		if n == 0 {
			return usual
		}
		v := uint64(0)
		for _, c := range s.rows[at : at+n] {
			v = v<<8 | uint64(c)
		}
		at += n
		return int64(v & (1<<63 - 1))
	}
	kind, a, b := field(s.w[0], 1), field(s.w[1], 0), field(s.w[2], 0)
	switch kind {
	case 1:
		return found{at: a, gen: b}, true, nil
	case 2:
		if a == num {
			return w, false, fault(carrier.Malformed, -1, "object %d says that it lies in itself", num)
		}
		return found{stream: a, index: b}, true, nil
	}
	return w, false, nil
}

// indirect reads "12 0 obj …" at an offset; data unpacks its stream, if it has one.
func (d *document) indirect(at int64) (r ref, v any, data func() ([]byte, error), err error) {
	l, err := d.window(at)
	if err != nil {
		return r, nil, nil, err
	}
	num, err1 := strconv.ParseInt(l.word(), 10, 64)
	gen, err2 := strconv.ParseInt(l.word(), 10, 64)
	if err1 != nil || err2 != nil || num < 0 || gen < 0 {
		return r, nil, nil, l.fault("an object begins with its number and its generation")
	}
	if err := l.keyword("obj"); err != nil {
		return r, nil, nil, err
	}
	if v, err = l.object(0); err != nil {
		return r, nil, nil, err
	}
	r = ref{num, gen}
	data = func() ([]byte, error) {
		return nil, fault(carrier.Malformed, d.base+at, "object %d has no stream", num)
	}
	if dic, ok := v.(*dict); ok && l.keyword("stream") == nil {
		if l.pos < len(l.b) && l.b[l.pos] == '\r' {
			l.pos++
		}
		if l.pos < len(l.b) && l.b[l.pos] == '\n' {
			l.pos++
		}
		from := at + int64(l.pos)
		data = func() ([]byte, error) { return d.unpack(dic, from) }
	}
	return r, v, data, nil
}

// unpack reads the stream that begins at an offset.
func (d *document) unpack(dic *dict, from int64) ([]byte, error) {
	n, ok := dic.int("Length")
	if r, isRef := dic.get("Length").(ref); isRef {
		v, err := d.object(r)
		if err != nil {
			return nil, err
		}
		n, ok = integer(v)
	}
	at := d.base + from
	if !ok || n < 0 || n > maxStream || !d.f.Has(at, n) {
		return nil, fault(carrier.Malformed, at, "Length of a stream is its number of bytes, at most %d here", maxStream)
	}
	b, err := d.f.Read("pdf", at, n)
	if err != nil {
		return nil, err
	}
	filter, parms := dic.get("Filter"), dic.get("DecodeParms")
	if list, ok := filter.(array); ok {
		if len(list) > 1 {
			return nil, fault(carrier.Unsupported, at, "a stream is packed more than once")
		}
		filter = nil
		if len(list) == 1 {
			filter = list[0]
		}
		if list, ok := parms.(array); ok && len(list) == 1 {
			parms = list[0]
		}
	}
	switch filter {
	case nil:
		return b, nil
	case name("FlateDecode"), name("Fl"):
	default:
		return nil, fault(carrier.Unsupported, at, "a stream is packed by %v", filter)
	}
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fault(carrier.Malformed, at, "a stream is no Flate: %v", err)
	}
	out, err := io.ReadAll(io.LimitReader(z, maxStream+1))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fault(carrier.Malformed, at, "a stream is no Flate: %v", err)
	}
	if len(out) > maxStream {
		return nil, fault(carrier.TooLarge, at, "a stream unpacks to more than %d bytes", maxStream)
	}
	if p, ok := parms.(*dict); ok {
		return unpredict(out, p, at)
	}
	return out, nil
}

// unpredict undoes the PNG filters (7.4.4.4).
func unpredict(b []byte, p *dict, at int64) ([]byte, error) {
	kind, ok := p.int("Predictor")
	if !ok || kind == 1 {
		return b, nil
	}
	width, ok := p.int("Columns")
	if !ok {
		width = 1
	}
	if colors, ok := p.int("Colors"); kind < 10 || width < 1 || width > 1<<16 || ok && colors != 1 {
		return nil, fault(carrier.Unsupported, at, "a stream has a predictor that is not read here")
	}
	if bits, ok := p.int("BitsPerComponent"); ok && bits != 8 {
		return nil, fault(carrier.Unsupported, at, "a stream has a predictor that is not read here")
	}
	n := int(width)
	out := make([]byte, 0, len(b))
	before := make([]byte, n)
	for len(b) >= n+1 {
		row := b[1 : n+1]
		for i := range row {
			var left, up, corner byte = 0, before[i], 0
			if i > 0 {
				left, corner = row[i-1], before[i-1]
			}
			switch b[0] {
			case 0:
			case 1:
				row[i] += left
			case 2:
				row[i] += up
			case 3:
				row[i] += byte((int(left) + int(up)) / 2)
			case 4:
				row[i] += paeth(left, up, corner)
			default:
				return nil, fault(carrier.Malformed, at, "a row has PNG filter %d", b[0])
			}
		}
		out, before, b = append(out, row...), row, b[n+1:]
	}
	return out, nil
}

func paeth(a, b, c byte) byte {
	abs := func(n int) int { return max(n, -n) }
	p := int(a) + int(b) - int(c)
	pa, pb, pc := abs(p-int(a)), abs(p-int(b)), abs(p-int(c))
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

// object reads the object that a reference names; nil for one that is not there.
func (d *document) object(r ref) (any, error) {
	v, _, _, err := d.resolve(r)
	return v, err
}

// resolve reads an object, its stream, and where it lies in the file (-1: inside another).
func (d *document) resolve(r ref) (v any, data func() ([]byte, error), at int64, err error) {
	if d.looking[r.num] {
		return nil, nil, -1, fault(carrier.Malformed, -1, "object %d can only be read by way of itself", r.num)
	}
	if len(d.looking) >= carrier.MaxDepth {
		return nil, nil, -1, fault(carrier.TooLarge, -1, "object %d can only be read by way of %d others", r.num, carrier.MaxDepth)
	}
	d.looking[r.num] = true
	defer delete(d.looking, r.num)
	w, ok, err := d.find(r.num)
	if err != nil || !ok {
		return nil, nil, -1, err
	}
	if w.stream == 0 {
		got, v, data, err := d.indirect(w.at)
		if err == nil && got.num != r.num {
			err = fault(carrier.Malformed, d.base+w.at, "object %d stands where object %d should", got.num, r.num)
		}
		return v, data, d.base + w.at, err
	}
	v, err = d.inside(w, r.num)
	return v, nil, -1, err
}

// plain is a value that may be given by reference.
func (d *document) plain(v any) (any, error) {
	if r, ok := v.(ref); ok {
		return d.object(r)
	}
	return v, nil
}

// inside reads an object out of an object stream (7.5.7).
func (d *document) inside(w found, num int64) (any, error) {
	holder, ok, err := d.find(w.stream)
	if err != nil {
		return nil, err
	}
	if !ok || holder.stream != 0 {
		return nil, fault(carrier.Malformed, -1, "object %d lies in object %d, which is no stream", num, w.stream)
	}
	_, v, data, err := d.indirect(holder.at)
	if err != nil {
		return nil, err
	}
	dic, ok := v.(*dict)
	if !ok || dic.get("Type") != name("ObjStm") {
		return nil, fault(carrier.Malformed, d.base+holder.at, "object %d lies in object %d, which is no object stream", num, w.stream)
	}
	b := d.packed[w.stream]
	if b == nil {
		if b, err = data(); err != nil {
			return nil, err
		}
		d.packed[w.stream] = b
	}
	first, ok1 := dic.int("First")
	n, ok2 := dic.int("N")
	if !ok1 || !ok2 || first < 0 || first > int64(len(b)) || w.index >= n {
		return nil, fault(carrier.Malformed, d.base+holder.at, "an object stream says where its objects begin")
	}
	l := &lexer{b: b[:first], at: -1}
	for i := int64(0); ; i++ {
		which, err1 := strconv.ParseInt(l.word(), 10, 64)
		at, err2 := strconv.ParseInt(l.word(), 10, 64)
		if err1 != nil || err2 != nil || at < 0 || at > int64(len(b))-first {
			return nil, fault(carrier.Malformed, d.base+holder.at, "object %d is not among those of its object stream", num)
		}
		if i == w.index || which == num {
			if which != num {
				continue
			}
			return (&lexer{b: b[first+at:], at: -1}).object(0)
		}
	}
}
