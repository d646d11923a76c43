package bmff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// first is a file whose movie stands before its media, with other boxes between them.
func first(movie *node, between ...[]byte) []byte {
	head := brand("isom")
	media := leaf("mdat", []byte("FIRSTCHUNK"), []byte("SECONDCHNK")).write(nil)
	gap := bytes.Join(between, nil)
	at := int64(len(head)) + movie.size() + int64(len(gap)) + 8
	stbl := movie.find("trak", "mdia", "minf", "stbl")
	for _, n := range stbl.children {
		if n.kind == "stco" {
			n.body = slices.Concat(u32(0), u32(2), u32(at), u32(at+10))
		}
	}
	return slices.Concat(head, movie.write(nil), gap, media)
}

// at is what stands at a place of a file.
func at(t *testing.T, file []byte, place int64, want string) {
	t.Helper()
	if place < 0 || place+int64(len(want)) > int64(len(file)) || string(file[place:place+int64(len(want))]) != want {
		t.Errorf("at %d there is no %q", place, want)
	}
}

// TestOthersPlaces: everything that counts from the file's beginning is moved, and what counts from elsewhere is not.
func TestOthersPlaces(t *testing.T) {
	t.Run("items of the file", func(t *testing.T) {
		p := &places{version: 1, offsetSize: 4, lengthSize: 4, baseSize: 4, list: []location{{id: 7, base: 100, extents: []extent{{length: 10}}}, {id: 8, method: 1, extents: []extent{{offset: 3, length: 1}}}}}
		loc := leaf("iloc", p.write())
		info := leaf("iinf", u32(0), u16(1), leaf("infe", []byte{2, 0, 0, 0}, u16(7), u16(0), []byte("jpeg"), []byte{0}).write(nil))
		meta := parent("meta", make([]byte, 4), leaf("hdlr", make([]byte, 8), []byte("pict"), make([]byte, 13)), info, loc, leaf("idat", []byte("abcd")))
		file := first(movieBox(0, 0), meta.write(nil))
		p.list[0].base = int64(bytes.Index(file, []byte("SECONDCHNK")))
		file = bytes.Replace(file, loc.body, p.write(), 1)
		out := carriertest.RoundTrip(t, format("mp4"), file)
		x, err := read(carrier.Bytes(out), "mp4", false)
		if err != nil {
			t.Fatal(err)
		}
		l := x.items.places.find(7)
		at(t, out, l.base+l.extents[0].offset, "SECONDCHNK")
		if l := x.items.places.find(8); l.base+l.extents[0].offset != 3 {
			t.Errorf("an item in idat has moved: %+v", l)
		}
	})
	t.Run("XMP item of a movie", func(t *testing.T) {
		packet, _ := xmp.Put(nil, carrier.Label{Value: carriertest.Other})
		p := &places{version: 1, lengthSize: 4, offsetSize: 4, list: []location{{id: 1, method: 1, extents: []extent{{length: int64(len(packet))}}}}}
		info := leaf("iinf", u32(0), u16(1), leaf("infe", []byte{2, 0, 0, 0}, u16(1), u16(0), []byte("mime\x00application/rdf+xml; charset=utf-8\x00")).write(nil))
		meta := parent("meta", make([]byte, 4), leaf("hdlr", make([]byte, 8), []byte("pict"), make([]byte, 13)), info, leaf("iloc", p.write()), leaf("idat", packet))
		file := first(movieBox(0, 0), meta.write(nil))
		if s, err := format("mp4").Sites(carrier.Bytes(file)); err != nil || len(s) != 1 || s[0].Standard || s[0].Value != carriertest.Other {
			t.Errorf("%+v, %v", s, err)
		}
		carriertest.RoundTrip(t, format("mp4"), file)
	})
	t.Run("segment index", func(t *testing.T) {
		movie := movieBox()
		index := leaf("sidx", u32(0), u32(1), u32(1000), u32(0), u32(movie.size()), u16(0), u16(1), u32(28), u32(1), u32(0))
		head := brand("isom")
		file := slices.Concat(head, index.write(nil), movie.write(nil), leaf("mdat", []byte("FIRSTCHUNKSECONDCHNK")).write(nil))
		out := carriertest.RoundTrip(t, format("mp4"), file)
		i := int64(bytes.Index(out, []byte("sidx")))
		at(t, out, i+int64(len(index.body))+4+int64(binary.BigEndian.Uint32(out[i+20:]))+4, "mdat")
		// One that speaks of the movie itself cannot stay true.
		index.body = slices.Concat(index.body[:16], u32(0), u16(0), u16(1), u32(movie.size()+8), index.body[28:])
		file = slices.Concat(head, index.write(nil), movie.write(nil), leaf("mdat").write(nil))
		if _, err := format("mp4").Put(carrier.Bytes(file), carrier.Label{Value: carriertest.Value}); carrier.KindOf(err) != carrier.Unsupported {
			t.Errorf("%v", err)
		}
	})
	t.Run("data in another file", func(t *testing.T) {
		for flag, moved := range map[int64]bool{0: false, 1: true} {
			movie := movieBox(0, 0)
			minf := movie.find("trak", "mdia", "minf")
			minf.children = append(minf.children, parent("dinf", nil, leaf("dref", u32(0), u32(1), leaf("url ", u32(flag), []byte("other.mp4\x00")).write(nil))))
			file := first(movie)
			was, err := read(carrier.Bytes(file), "mp4", false)
			if err != nil {
				t.Fatal(err)
			}
			is, err := read(carrier.Bytes(carriertest.RoundTrip(t, format("mp4"), file)), "mp4", false)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Equal(chunks(t, was), chunks(t, is)) == moved {
				t.Errorf("flag %d: %v became %v", flag, chunks(t, was), chunks(t, is))
			}
		}
	})
	t.Run("index of fragments", func(t *testing.T) {
		for version, width := range map[byte]int{0: 4, 1: 8} {
			movie := movieBox()
			media := leaf("mdat", []byte("FIRSTCHUNKSECONDCHNK")).write(nil)
			place := int64(len(brand("isom"))) + movie.size()
			entry := slices.Concat(make([]byte, width), u64(place)[8-width:], []byte{1, 1, 1})
			file := slices.Concat(brand("isom"), movie.write(nil), media, parent("mfra", nil, leaf("tfra", []byte{version, 0, 0, 0}, u32(1), u32(0), u32(1), entry)).write(nil))
			out := carriertest.RoundTrip(t, format("mp4"), file)
			i := bytes.Index(out, []byte("tfra")) + 4 + 16 + width
			x := fields{out[i:], true}
			at(t, out, x.next(width)+4, "mdat")
		}
	})
}

// counted says how many bytes are written into a file, and fails beyond where it may.
type counted struct {
	n    int64
	file []byte
}

func (c *counted) WriteAt(p []byte, at int64) (int, error) {
	c.n += int64(len(p))
	if need := int(at) + len(p); c.file != nil && need > len(c.file) {
		c.file = append(c.file, make([]byte, need-len(c.file))...)
	}
	if c.file != nil {
		copy(c.file[at:], p)
	}
	return len(p), nil
}

// TestInPlace: where there is room, or the movie stands last, nothing of the original moves.
func TestInPlace(t *testing.T) {
	put := func(file []byte, value string) *carrier.Edit {
		t.Helper()
		e, err := format("mp4").Put(carrier.Bytes(file), carrier.Label{Value: value})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	longer := strings.Replace(carriertest.Value, `"ReservedCode1":""`, `"ReservedCode1":"`+strings.Repeat("x", 300)+`"`, 1)
	once := carriertest.Bytes(t, put(first(movieBox(0, 0)), longer))
	shorter := put(once, carriertest.Value)
	if !shorter.InPlace() || shorter.Size() != int64(len(once)) {
		t.Errorf("a shorter label moves the media: %d bytes became %d", len(once), shorter.Size())
	}
	back := put(carriertest.Bytes(t, shorter), longer)
	if !back.InPlace() || back.Size() != int64(len(once)) || !bytes.Equal(carriertest.Bytes(t, back), once) {
		t.Errorf("the label that was there has no room any more: %d bytes became %d", len(once), back.Size())
	}
	for _, name := range []string{"mp4, movie last", "mp4, room behind", "mov"} {
		file := made()[name]
		e, err := format(name).Put(carrier.Bytes(bytes.Clone(file)), carrier.Label{Value: carriertest.Value})
		if err != nil || !e.InPlace() {
			t.Errorf("%s: cannot be made in place, %v", name, err)
			continue
		}
		w := &counted{file: bytes.Clone(file)}
		if err := e.WriteInPlace(w); err != nil || !bytes.Equal(w.file, carriertest.Bytes(t, e)) {
			t.Errorf("%s: in place it comes out otherwise, %v", name, err)
		}
	}
	// A free box of 3 GB is not written anew.
	head := brand("isom")
	m := movieBox().write(nil)
	free := append(u32(3<<30), "free"...)
	f := sparse{size: int64(len(head)+len(m)) + 3<<30, head: slices.Concat(head, m, free)}
	e, err := format("mp4").Put(carrier.Open(f, f.size), carrier.Label{Value: carriertest.Value})
	w := &counted{}
	if err != nil || e.Size() != f.size || !e.InPlace() || e.WriteInPlace(w) != nil || w.n > 1000 {
		t.Errorf("%v; %d bytes were written", err, w.n)
	}
}

// TestLongSizes: media with a 64-bit size, and media that reaches to the end of the file whatever its size.
func TestLongSizes(t *testing.T) {
	movie := movieBox(0, 0)
	short := first(movie)
	open := bytes.Clone(short)
	binary.BigEndian.PutUint32(open[len(open)-28:], 0)
	long := slices.Concat(short[:len(short)-28], u32(1), []byte("mdat"), u64(36), short[len(short)-20:])
	for i := range 2 { // eight bytes further
		k := bytes.Index(long, []byte("stco")) + 12 + 4*i
		binary.BigEndian.PutUint32(long[k:], binary.BigEndian.Uint32(long[k:])+8)
	}
	for name, file := range map[string][]byte{"to the end": open, "64 bits": long} {
		out := carriertest.RoundTrip(t, format("mp4"), file)
		x, err := read(carrier.Bytes(out), "mp4", false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		at(t, out, chunks(t, x)[0], "FIRSTCHUNK")
		at(t, out, chunks(t, x)[1], "SECONDCHNK")
	}
	// A movie that reaches to the end.
	file := made()["mp4, movie last"]
	binary.BigEndian.PutUint32(file[bytes.Index(file, []byte("moov"))-4:], 0)
	carriertest.RoundTrip(t, format("mp4"), file)
}

// guarded fails when media data is read.
type guarded struct {
	file     []byte
	from, to int
}

func (g guarded) ReadAt(p []byte, at int64) (int, error) {
	if int(at)+len(p) > g.from && int(at) < g.to {
		return 0, errors.New("media data was read")
	}
	return bytes.NewReader(g.file).ReadAt(p, at)
}

func TestMediaIsNotRead(t *testing.T) {
	all := made()
	for name, file := range stills(t) {
		if !strings.Contains(name, "XMP") {
			all[name] = file
		}
	}
	for name, file := range all {
		from := bytes.Index(file, []byte("FIRSTCHUNK"))
		if from < 0 {
			from = bytes.Index(file, []byte("PIXELS"))
		}
		// A header is read with the eight bytes behind it, which may be its long size.
		f := carrier.Open(guarded{file, from + 8, from + 20}, int64(len(file)))
		if _, err := format(name).Sites(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := format(name).Put(f, carrier.Label{Value: carriertest.Value}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCutFiles: what stands before the cut is told, beside the error.
func TestCutFiles(t *testing.T) {
	movie := first(movieBox(0, 0))
	labelled := carriertest.Put(t, format("mp4"), movie, carriertest.Value)
	still := carriertest.Put(t, format("heic"), stills(t)["heic"], carriertest.Value)
	for name, c := range map[string]struct {
		format string
		file   []byte
	}{"mp4": {"mp4", labelled[:len(labelled)-5]}, "heic": {"heic", still[:len(still)-5]}} {
		sites, err := format(c.format).Sites(carrier.Bytes(c.file))
		if carrier.KindOf(err) != carrier.Truncated || len(sites) != 1 || sites[0].Value != carriertest.Value {
			t.Errorf("%s: %+v, %v", name, sites, err)
		}
		if _, err := format(c.format).Put(carrier.Bytes(c.file), carrier.Label{Value: carriertest.Other}); carrier.KindOf(err) != carrier.Truncated {
			t.Errorf("%s: put: %v", name, err)
		}
	}
}

// TestForms are the ways in which others write a label, in one movie each. All are found, and one is left.
func TestForms(t *testing.T) {
	other := []byte(carriertest.Other)
	var wide []byte
	for _, c := range carriertest.Other {
		wide = append(wide, byte(c>>8), byte(c))
	}
	data := func(kind int64, value []byte) []byte {
		return slices.Concat(u32(int64(16+len(value))), []byte("data"), u32(kind), u32(0), value)
	}
	keyed := func(name string, body ...[]byte) *node {
		m := newMeta("")
		m.find("keys").body = slices.Concat(u32(0), u32(1), u32(int64(8+len(name))), []byte("mdta"), []byte(name))
		m.find("ilst").children[0].body = bytes.Join(body, nil)
		return m
	}
	quick := keyed(ownKey, data(1, other))
	quick.body = nil // QuickTime's has no version
	noHandler := keyed(ownKey, data(1, other))
	noHandler.children = noHandler.children[1:]
	packet, err := xmp.Put(nil, carrier.Label{Value: carriertest.Other})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		in     []string // boxes around it
		n      *node
		count  int
		remark string
	}{
		"the guide's":            {[]string{"udta"}, keyed(ownKey, data(1, other)), 1, ""},
		"QuickTime's":            {[]string{"udta"}, quick, 1, ""},
		"QuickTime's, bare":      {nil, quick, 1, "in moov.meta"},
		"of a track":             {[]string{"trak", "udta"}, keyed(ownKey, data(1, other)), 1, "in moov.trak.udta.meta"},
		"UTF-16":                 {[]string{"udta"}, keyed(ownKey, data(2, wide)), 1, "not of type UTF-8"},
		"two values":             {[]string{"udta"}, keyed(ownKey, data(1, other), data(1, other)), 2, "second value"},
		"a key of somebody's":    {[]string{"udta"}, keyed("com.example.aigc", data(1, other)), 1, "com.example.aigc"},
		"no handler":             {[]string{"udta"}, noHandler, 1, "handler"},
		"a box":                  {[]string{"udta"}, leaf(ownKey, other), 1, "a box of its own"},
		"QuickTime's XMP":        {[]string{"udta"}, leaf("XMP_", packet), 1, "in moov.udta.XMP_"},
		"XMP box in the movie":   {nil, leaf("uuid", []byte(xmpUUID), packet), 1, "in moov.uuid"},
		"two lists of user data": {nil, parent("udta", nil, keyed(ownKey, data(1, other))), 1, ""},
	} {
		m := movieBox(0, 0)
		place := m
		if strings.HasPrefix(name, "two lists") {
			m.children = append(m.children, parent("udta", nil, leaf("name", []byte("kept"))))
		}
		for _, kind := range c.in {
			next := place.find(kind)
			if next == nil {
				next = parent(kind, nil)
				place.children = append(place.children, next)
			}
			place = next
		}
		place.children = append(place.children, c.n)
		file := first(m)
		sites, err := format("mp4").Sites(carrier.Bytes(file))
		if err != nil || len(sites) != c.count {
			t.Errorf("%s: %+v, %v", name, sites, err)
			continue
		}
		if last := sites[c.count-1]; last.Value != carriertest.Other || last.Standard != (c.remark == "") || !strings.Contains(last.Remark, c.remark) {
			t.Errorf("%s: %+v", name, last)
		}
		carriertest.RoundTrip(t, format("mp4"), file)
	}
}

// TestOddStills: fields too narrow for what they must say, a sequence's movie, what stands at the end, and what cannot be done.
func TestOddStills(t *testing.T) {
	pixels := func(name string, file []byte) {
		t.Helper()
		x, err := read(carrier.Bytes(file), "heic", true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []byte
		for _, e := range x.items.places.find(1).extents {
			from, n := span(x.items.places.find(1), e, int64(len(file)))
			got = append(got, file[from:from+n]...)
		}
		if !bytes.HasPrefix(got, []byte("PIXELS AND MORE PIXELS")) {
			t.Errorf("%s: the picture is %q", name, got)
		}
	}
	build := func(p *places, more ...*node) []byte {
		loc := leaf("iloc", p.write())
		entry := leaf("infe", []byte{2, 0, 0, 0}, u16(1), u16(0), []byte("hvc1"), []byte{0}).write(nil)
		meta := parent("meta", make([]byte, 4), append([]*node{leaf("hdlr", make([]byte, 8), []byte("pict"), make([]byte, 13)), leaf("pitm", u32(0), u16(1)), leaf("iinf", u32(0), u16(1), entry), loc}, more...)...)
		head := brand("heic", "mif1")
		p.list[0].base = int64(len(head)) + meta.size() + 8
		if p.baseSize == 0 {
			p.list[0].extents[0].offset, p.list[0].base = p.list[0].base, 0
		}
		loc.body = p.write()
		return slices.Concat(head, meta.write(nil), leaf("mdat", []byte("PIXELS AND MORE PIXELS")).write(nil))
	}
	item := func(n int64) []location { return []location{{id: 1, extents: []extent{{length: n}}}} }
	for name, p := range map[string]*places{
		"no field for the offset": {baseSize: 4, lengthSize: 4, list: item(22)},
		"no field for the length": {baseSize: 4, offsetSize: 4, list: item(0)},
		"no fields at all":        {baseSize: 8, list: item(0)},
		"64 bits":                 {version: 2, baseSize: 8, offsetSize: 8, lengthSize: 8, x: 8, list: item(22)},
		"no base":                 {version: 1, offsetSize: 4, lengthSize: 4, list: item(22)},
	} {
		pixels(name, carriertest.RoundTrip(t, format("heic"), build(p)))
	}
	plain := func() []byte { return build(&places{baseSize: 4, offsetSize: 4, lengthSize: 4, list: item(22)}) }

	video := slices.Concat(plain(), leaf("mpvd", []byte("a motion photo's video, found from the end")).write(nil))
	out := carriertest.RoundTrip(t, format("heic"), video)
	pixels("motion photo", out)
	if !bytes.HasSuffix(out, video[len(video)-50:]) {
		t.Error("something was put behind the last box")
	}

	open := plain()
	binary.BigEndian.PutUint32(open[len(open)-30:], 0)
	pixels("media to the end", carriertest.RoundTrip(t, format("heic"), open))

	zeros := append(plain(), make([]byte, 20)...)
	pixels("zeros at the end", carriertest.RoundTrip(t, format("heic"), zeros))

	sequence := plain()
	movie := movieBox(0)
	movie.children = append(movie.children, parent("udta", nil, newMeta(carriertest.Other)))
	stco := movie.find("trak", "mdia", "minf", "stbl", "stco")
	stco.body = slices.Concat(u32(0), u32(1), u32(int64(bytes.Index(sequence, []byte("PIXELS")))))
	sequence = append(sequence, movie.write(nil)...)
	out = carriertest.RoundTrip(t, format("heic"), sequence)
	pixels("sequence", out)
	x, err := read(carrier.Bytes(out), "heic", true)
	if err != nil {
		t.Fatal(err)
	}
	at(t, out, chunks(t, x)[0], "PIXELS")

	// A shorter label stays where the longer one was.
	longer := strings.Replace(carriertest.Value, `"ReservedCode1":""`, `"ReservedCode1":"`+strings.Repeat("x", 300)+`"`, 1)
	was := carriertest.Put(t, format("heic"), plain(), longer)
	e, err := format("heic").Put(carrier.Bytes(was), carrier.Label{Value: carriertest.Value})
	if err != nil || !e.InPlace() || e.Size() != int64(len(was)) {
		t.Errorf("a shorter label moves things: %d bytes became %d, %v", len(was), e.Size(), err)
	}
	// Again and again a longer one leaves no heap of blanks.
	grown := was
	for i := range 5 {
		longer = strings.Replace(longer, "xx", strings.Repeat("x", 50+i), 1)
		grown = carriertest.Put(t, format("heic"), grown, longer)
	}
	if fresh := carriertest.Put(t, format("heic"), plain(), longer); len(grown) != len(fresh) {
		t.Errorf("relabelled five times the file has %d bytes, labelled once %d", len(grown), len(fresh))
	}

	packet := stills(t)["heic, XMP"]
	change := func(file []byte, find string, by int, b ...byte) []byte {
		out := bytes.Clone(file)
		copy(out[bytes.Index(out, []byte(find))+by:], b)
		return out
	}
	shared, err := read(carrier.Bytes(packet), "heic", true)
	if err != nil {
		t.Fatal(err)
	}
	l := shared.items.places.find(2)
	before := shared.items.places.write()
	shared.items.places.find(1).base, shared.items.places.find(1).extents[0].offset = 0, l.base+l.extents[0].offset+5
	for name, c := range map[string]struct {
		file []byte
		kind carrier.Kind
	}{
		"XMP is protected":             {change(packet, "mime", -1, 1), carrier.Encrypted},
		"XMP shares bytes with pixels": {bytes.Replace(packet, before, shared.items.places.write(), 1), carrier.Malformed},
		"an item list that lies":       {change(packet, "infe", -4, 0, 0, 0xFF, 0xFF), carrier.Malformed},
		"an unknown list of places":    {change(packet, "iloc", 4, 9), carrier.Unsupported},
		"two meta boxes":               {slices.Concat(packet, leaf("meta", make([]byte, 4)).write(nil)), carrier.Malformed},
		"no items":                     {slices.Concat(brand("heic"), leaf("meta", make([]byte, 4)).write(nil)), carrier.Malformed},
	} {
		if _, err := format("heic").Put(carrier.Bytes(c.file), carrier.Label{Value: carriertest.Value}); carrier.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
}

// TestEncodedPacket: XMP that is compressed is not taken for a file without a label.
func TestEncodedPacket(t *testing.T) {
	x, err := read(carrier.Bytes(stills(t)["heic, XMP"]), "heic", true)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.item(x.items, 0, slices.Concat([]byte{3, 0, 0, 0}, u32(2), u16(0), []byte("mime\x00Application/RDF+XML\x00deflate\x00"))); err != nil || len(x.items.packets) != 2 {
		t.Fatalf("%+v, %v", x.items.packets, err)
	}
	if _, _, err := x.packet(x.items.packets[1]); carrier.KindOf(err) != carrier.Unsupported || !strings.Contains(err.Error(), "deflate") {
		t.Errorf("%v", err)
	}
}

// TestBombs: what says much in few bytes is given up, and what has more labels than anybody looks at is no file to label.
func TestBombs(t *testing.T) {
	value := carrier.Label{Value: carriertest.Value}
	loc := []byte{0, 0, 0, 0, 0, 0, 0xFF, 0xFF} // every extent has no bytes, and 65,535 of them
	for range math.MaxUint16 {
		loc = append(loc, 0, 1, 0, 0, 0xFF, 0xFF)
	}
	info := leaf("iinf", u32(0), u16(0))
	packet, err := xmp.Put(nil, carrier.Label{Value: carriertest.Other})
	if err != nil {
		t.Fatal(err)
	}
	deep := leaf("free")
	for range 50 {
		deep = parent("udta", nil, deep)
	}
	many := parent("moov", nil)
	for range carrier.MaxParts + 1 {
		many.children = append(many.children, leaf("free"))
	}
	labels := first(movieBox(0, 0))
	for range carrier.MaxSites + 1 {
		labels = append(labels, leaf("uuid", []byte(xmpUUID), packet).write(nil)...)
	}
	for name, c := range map[string]struct {
		format string
		file   []byte
	}{
		"extents":   {"heic", slices.Concat(brand("heic"), parent("meta", make([]byte, 4), info, leaf("iloc", loc)).write(nil))},
		"depth":     {"mp4", first(parent("moov", nil, slices.Concat(movieBox(0, 0).children, []*node{deep})...))},
		"boxes":     {"mp4", slices.Concat(brand("isom"), many.write(nil))},
		"labels":    {"mp4", labels},
		"top boxes": {"mp4", slices.Concat(brand("isom"), bytes.Repeat(leaf("free").write(nil), carrier.MaxParts+1))},
	} {
		if _, err := format(c.format).Put(carrier.Bytes(c.file), value); carrier.KindOf(err) != carrier.TooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	big := sparse{size: 100 << 20, head: slices.Concat(brand("isom"), u32(99<<20), []byte("moov"))}
	if _, err := format("mp4").Put(carrier.Open(big, big.size), value); carrier.KindOf(err) != carrier.TooLarge {
		t.Errorf("a movie of 99 MB: %v", err)
	}
}

// TestWidths: 32-bit places grow where they must, beside tables that need not.
func TestWidths(t *testing.T) {
	p := &places{offsetSize: 4, lengthSize: 4, list: []location{{id: 1, extents: []extent{{offset: math.MaxUint32 - 10, length: 5}}}, {id: 2, extents: []extent{{offset: 500, length: 5}}}}}
	s := newShift([]carrier.Change{{At: 100, Remove: 0, Insert: make([]byte, 20)}})
	if !p.widen(p.shifted(s, 0, nil)) || p.offsetSize != 8 || p.lengthSize != 4 {
		t.Errorf("%+v", p)
	}
	if now := p.shifted(s, 0, nil); p.widen(now) || now.list[0].extents[0].offset != math.MaxUint32+10 || now.list[1].extents[0].offset != 520 {
		t.Errorf("%+v", now)
	}
	p = &places{version: 1, offsetSize: 4, lengthSize: 4, baseSize: 4, list: []location{{id: 1, base: 200, extents: []extent{{length: 5}, {offset: 5, length: 5}}}, {id: 2, method: 1, extents: []extent{{offset: 500, length: 5}}}}}
	now := p.shifted(newShift([]carrier.Change{{At: 100, Remove: 20, Insert: make([]byte, 13)}}), 0, nil)
	if l := now.list[0]; l.base != 0 || l.extents[0].offset != 193 || l.extents[1].offset != 198 || now.list[1].extents[0].offset != 500 {
		t.Errorf("%+v", now.list)
	}
	n := leaf("saio", u32(0), u32(1), u32(math.MaxUint32-10))
	x := &file{moov: parent("moov", nil, n)}
	if wider, err := x.widen(s, nil); err != nil || !wider || n.body[0] != 1 || len(n.body) != 16 {
		t.Errorf("%v, %v, %x", wider, err, n.body)
	}
	if err := x.move(x.moov, s); err != nil || binary.BigEndian.Uint64(n.body[8:]) != math.MaxUint32+10 {
		t.Errorf("%v, %x", err, n.body)
	}
	compressed := slices.Concat(brand("qt  "), parent("moov", nil, leaf("cmov", make([]byte, 20))).write(nil))
	if _, err := format("mov").Sites(carrier.Bytes(compressed)); carrier.KindOf(err) != carrier.Unsupported {
		t.Errorf("a compressed movie: %v", err)
	}
}
