package bmff

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
	"github.com/hegui/hegui/label/carrier/xmp"
)

func format(name string) carrier.Format { return carriertest.Format(Formats(), name) }

func brand(name string, others ...string) []byte {
	return leaf("ftyp", []byte(name), u32(512), []byte(strings.Join(others, ""))).write(nil)
}

// sound is a movie of one track whose two chunks lie at the given places.
func movieBox(at ...int64) *node {
	stco := leaf("stco", u32(0), u32(int64(len(at))))
	for _, a := range at {
		stco.body = append(stco.body, u32(a)...)
	}
	return parent("moov", nil, leaf("mvhd", make([]byte, 100)), parent("trak", nil, parent("mdia", nil, parent("minf", nil, parent("stbl", nil, stco)))))
}

func pad(n int) []byte { return leaf("free", make([]byte, n-8)).write(nil) }

// made are small files whose media data is told by its bytes: wherever it lies, the offsets must lead to it.
func made() map[string][]byte {
	media := leaf("mdat", []byte("FIRSTCHUNK"), []byte("SECONDCHNK")).write(nil)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	head := brand("isom", "isom", "mp42")
	size := movieBox(0, 0).size()
	h := int64(len(head))
	first := func(before int64) *node { return movieBox(h+before+8, h+before+18) }
	itunes := func(m *node, more ...*node) *node {
		list := parent("ilst", nil, leaf("\xa9nam", dataBox("Title")))
		list.children = append(list.children, more...)
		m.children = append(m.children, parent("udta", nil, parent("meta", make([]byte, 4), leaf("hdlr", make([]byte, 8), []byte("mdir"), make([]byte, 13)), list)))
		return m
	}
	keyed := func(where string, names ...string) []byte {
		meta := newMeta(carriertest.Other)
		keys, list := meta.find("keys"), meta.find("ilst")
		keys.body, list.children = append(u32(0), u32(int64(len(names)))...), nil
		for i, name := range names {
			keys.body = append(append(append(keys.body, u32(int64(8+len(name)))...), "mdta"...), name...)
			list.children = append(list.children, &node{kind: string(u32(int64(i + 1))), body: dataBox(map[bool]string{true: carriertest.Other, false: "value of " + name}[name == ownKey])})
		}
		m := movieBox(h+8, h+18)
		if where == "moov" {
			m.children = append(m.children, meta)
		} else {
			m.children = append(m.children, parent("udta", nil, meta))
		}
		return join(head, media, m.write(nil))
	}
	packet, _ := xmp.Put(nil, carrier.Label{Value: carriertest.Other})
	base := leaf("tfhd", u32(1), u32(1), u64(0))
	frag := parent("moof", nil, leaf("mfhd", make([]byte, 8)), parent("traf", nil, base, leaf("trun", make([]byte, 12))))
	binary.BigEndian.PutUint64(base.body[8:], uint64(h+movieBox().size()+frag.size()+8))
	quick := brand("qt  ", "qt  ")
	return map[string][]byte{
		"mp4, movie last":            join(head, media, first(0).write(nil)),
		"mp4, movie first":           join(head, first(size).write(nil), media),
		"mp4, room behind":           join(head, first(size+2000).write(nil), pad(2000), media),
		"mp4, just too little room":  join(head, first(size+9).write(nil), pad(9), media),
		"mp4, iTunes":                join(head, media, itunes(first(0)).write(nil)),
		"mp4, other keys":            keyed("udta", "com.a", "com.b"),
		"mp4, labelled by others":    keyed("udta", "com.a", ownKey, "com.b"),
		"mp4, labelled twice":        keyed("udta", ownKey, "com.b", ownKey),
		"mp4, bare meta":             keyed("moov", "com.a", ownKey),
		"mp4, iTunes item":           join(head, media, itunes(first(0), leaf(ownKey, dataBox(carriertest.Other))).write(nil)),
		"mp4, free-form item":        join(head, media, itunes(first(0), leaf("----", leaf("mean", u32(0), []byte("x")).write(nil), leaf("name", u32(0), []byte(ownKey)).write(nil), dataBox(carriertest.Other))).write(nil)),
		"mp4, XMP":                   join(head, media, first(0).write(nil), leaf("uuid", []byte(xmpUUID), packet).write(nil)),
		"mp4, fragments":             join(head, movieBox().write(nil), frag.write(nil), media),
		"mp4, long sizes":            join(head, (&node{kind: "moov", long: true, children: first(size + 8).children}).write(nil), media),
		"mov":                        join(quick, leaf("wide").write(nil), media, movieBox(int64(len(quick))+16, int64(len(quick))+26).write(nil)),
		"mov, before there was ftyp": join(media, movieBox(8, 18).write(nil)),
		"m4a":                        join(brand("M4A ", "M4A ", "isom"), media, itunes(movieBox(32, 42)).write(nil)),
	}
}

// chunks are the places in a movie's table.
func chunks(t testing.TB, x *file) []int64 {
	t.Helper()
	stbl := x.moov.find("trak", "mdia", "minf", "stbl")
	table, err := x.table(stbl.children[len(stbl.children)-1])
	if err != nil || table == nil {
		t.Fatalf("no table: %v", err)
	}
	return table.at
}

// TestRoundTrip: one label in its place, the chunks are where the tables say, and other metadata is there.
func TestRoundTrip(t *testing.T) {
	for name, file := range made() {
		is := 0
		for _, f := range Formats() {
			if f.Is(carrier.Bytes(file)) {
				is++
			}
		}
		if is == 0 {
			t.Errorf("%s is no kind", name)
		}
		labelled := carriertest.RoundTrip(t, format(name), file)
		m, err := read(carrier.Bytes(labelled), "mp4", false)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, at := range chunks(t, m) {
			if want := []string{"FIRSTCHUNK", "SECONDCHNK"}[i]; int(at)+10 > len(labelled) || string(labelled[at:at+10]) != want {
				t.Errorf("%s: chunk %d is not at %d", name, i, at)
			}
		}
		if i := bytes.Index(labelled, []byte("tfhd")); i > 0 {
			if at := binary.BigEndian.Uint64(labelled[i+12:]); string(labelled[at:at+10]) != "FIRSTCHUNK" {
				t.Errorf("%s: the fragment's data is not at %d", name, at)
			}
		}
		for _, kept := range []string{"Title", "value of com.a", "value of com.b", "\xa9nam"} {
			if bytes.Contains(file, []byte(kept)) != bytes.Contains(labelled, []byte(kept)) {
				t.Errorf("%s: %q was lost", name, kept)
			}
		}
		if strings.Contains(name, "room behind") && len(labelled) != len(file) {
			t.Errorf("%s: %d bytes became %d, there was room", name, len(file), len(labelled))
		}
	}
}

// TestPlacesOfOthers are found, with what is wrong.
func TestPlacesOfOthers(t *testing.T) {
	for name, remark := range map[string]string{"mp4, labelled by others": "", "mp4, bare meta": "moov.udta.meta", "mp4, iTunes item": "without a key", "mp4, free-form item": "free-form", "mp4, XMP": "in XMP"} {
		sites, err := format("mp4").Sites(carrier.Bytes(made()[name]))
		if err != nil || len(sites) != 1 || sites[0].Value != carriertest.Other || sites[0].Standard != (remark == "") || !strings.Contains(sites[0].Remark, remark) {
			t.Errorf("%s: %+v, %v", name, sites, err)
		}
	}
}

// sparse is a file of more than 4 GB of which only head and tail are there.
type sparse struct {
	size       int64
	head, tail []byte
}

func (s sparse) ReadAt(p []byte, at int64) (int, error) {
	for i := range p {
		switch k := at + int64(i); {
		case k < int64(len(s.head)):
			p[i] = s.head[k]
		case k >= s.size-int64(len(s.tail)):
			p[i] = s.tail[k-(s.size-int64(len(s.tail)))]
		default:
			p[i] = 0
		}
	}
	return len(p), nil
}

// TestBeyond4GB: a table of 32-bit offsets becomes one of 64 bits when the movie in front grows past what it can say.
func TestBeyond4GB(t *testing.T) {
	head := brand("isom")
	m := movieBox(0, 0)
	at := int64(len(head)) + m.size() + 16
	last := int64(1)<<32 - 20
	m = movieBox(at, last)
	data := append(append(u32(1), "mdat"...), u64(last+100-at+16)...)
	f := sparse{size: last + 100, head: bytes.Join([][]byte{head, m.write(nil), data}, nil)}
	e, err := format("mp4").Put(carrier.Open(f, f.size), carrier.Label{Value: carriertest.Value})
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(e.File(), "mp4", false)
	if err != nil {
		t.Fatal(err)
	}
	table := got.moov.find("trak", "mdia", "minf", "stbl", "co64")
	if table == nil || len(table.body) != 8+16 {
		t.Fatalf("%+v", got.moov.find("trak", "mdia", "minf", "stbl").children[0])
	}
	if o := chunks(t, got); o[0] != at+e.Size()-f.size || o[1] != last+e.Size()-f.size {
		t.Errorf("%v, the file grew by %d from %d and %d", o, e.Size()-f.size, at, last)
	}
	if sites, err := format("mp4").Sites(e.File()); err != nil || len(sites) != 1 || sites[0].Value != carriertest.Value {
		t.Errorf("%+v %v", sites, err)
	}
}

// stillFile is a HEIC file of one item; inside says that its bytes lie in box idat.
func stillFile(version int, packet []byte, inside bool) []byte {
	head := brand("heic", "mif1", "heic")
	entry := leaf("infe", []byte{2, 0, 0, 0}, u16(1), u16(0), []byte("hvc1"), []byte{0}).write(nil)
	count := 1
	p := &places{version: version, offsetSize: 4, lengthSize: 4, baseSize: 4}
	if version == 2 {
		p.baseSize = 8
	}
	children := []*node{leaf("hdlr", make([]byte, 8), []byte("pict"), make([]byte, 13)), leaf("pitm", u32(0), u16(1))}
	data := []byte("PIXELS AND MORE PIXELS")
	p.list = append(p.list, location{id: 1, base: 0, extents: []extent{{0, 0, 6}, {0, 0, int64(len(data) - 6)}}})
	if packet != nil {
		count++
		entry = append(entry, leaf("infe", []byte{2, 0, 0, 0}, u16(2), u16(0), []byte("mime\x00"+rdfType+"\x00")).write(nil)...)
		p.list = append(p.list, location{id: 2, extents: []extent{{0, 0, int64(len(packet))}}})
		children = append(children, leaf("iref", u32(0), leaf("cdsc", u16(2), u16(1), u16(1)).write(nil)))
	}
	children = append(children, leaf("iinf", u32(0), u16(count), entry), leaf("iprp"))
	if inside && packet != nil {
		p.list[1].method = 1
		children = append(children, leaf("idat", packet))
	}
	loc := leaf("iloc", p.write())
	meta := parent("meta", make([]byte, 4), append(children, loc)...)
	at := int64(len(head)) + meta.size() + 8
	p.list[0].base = at
	p.list[0].extents[1].offset = 6
	body := data
	if packet != nil && !inside {
		p.list[1].extents[0].offset = at + int64(len(data))
		body = append(bytes.Clone(data), packet...)
	}
	loc.body = p.write()
	return bytes.Join([][]byte{head, meta.write(nil), leaf("mdat", body).write(nil)}, nil)
}

func stills(t testing.TB) map[string][]byte {
	packet, err := xmp.Put(nil, carrier.Label{Value: carriertest.Other})
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"heic":                      stillFile(0, nil, false),
		"heic, version 1":           stillFile(1, nil, false),
		"heic, version 2":           stillFile(2, nil, false),
		"heic, XMP":                 stillFile(0, packet, false),
		"heic, XMP in the meta box": stillFile(1, packet, true),
	}
}

// TestStills: the same for pictures; the picture's own bytes are where the file says.
func TestStills(t *testing.T) {
	for name, file := range stills(t) {
		labelled := carriertest.RoundTrip(t, format("heic"), file)
		s, err := read(carrier.Bytes(labelled), "heic", true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var pixels []byte
		for _, e := range s.items.places.find(1).extents {
			at := s.items.places.find(1).base + e.offset
			pixels = append(pixels, labelled[at:at+e.length]...)
		}
		if string(pixels) != "PIXELS AND MORE PIXELS" {
			t.Errorf("%s: the picture is %q", name, pixels)
		}
	}
}

func TestBadFiles(t *testing.T) {
	good := made()["mp4, movie last"]
	change := func(find string, at int, b ...byte) []byte {
		out := bytes.Clone(good)
		copy(out[bytes.Index(out, []byte(find))+at:], b)
		return out
	}
	for name, c := range map[string]struct {
		file []byte
		kind carrier.Kind
	}{
		"cut":                   {good[:len(good)-30], carrier.Truncated},
		"no movie":              {good[:52], carrier.Malformed},
		"two movies":            {append(bytes.Clone(good), movieBox().write(nil)...), carrier.Malformed},
		"a box that lies":       {change("trak", -4, 0, 0, 0xFF, 0xFF), carrier.Truncated},
		"a size that overflows": {change("moov", -4, 0, 0, 0, 1), carrier.Truncated},
		"a table that lies":     {change("stco", 8, 0x7F, 0xFF, 0xFF, 0xFF), carrier.Malformed},
	} {
		if _, err := format("mp4").Put(carrier.Bytes(c.file), carrier.Label{Value: carriertest.Value}); carrier.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
}

func TestHostile(t *testing.T) {
	for name, file := range made() {
		carriertest.Hostile(t, format(name), file)
	}
	for _, file := range stills(t) {
		carriertest.Hostile(t, format("heic"), file)
	}
}

func FuzzMovie(f *testing.F) {
	for _, file := range made() {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, b []byte) { carriertest.Fuzz(t, format("mp4"), b) })
}

func FuzzStill(f *testing.F) {
	for _, file := range stills(f) {
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, b []byte) { carriertest.Fuzz(t, format("heic"), b) })
}
