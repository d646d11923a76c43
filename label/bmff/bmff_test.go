package bmff

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
	"github.com/hegui/hegui/label/carrier/xmp"
)

func format(name string) carrier.Format {
	for _, f := range Formats() {
		if f.Name == name {
			return f
		}
	}
	panic(name)
}

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

// made are small files whose media data is told by its bytes: wherever it lies, the offsets must lead to it.
func made() map[string][]byte {
	data := leaf("mdat", []byte("FIRSTCHUNK"), []byte("SECONDCHNK")).write(nil)
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
		return join(head, data, m.write(nil))
	}
	packet, _ := xmp.Put(nil, carrier.Label{Value: carriertest.Other})
	base := leaf("tfhd", u32(1), u32(1), u64(0))
	frag := parent("moof", nil, leaf("mfhd", make([]byte, 8)), parent("traf", nil, base, leaf("trun", make([]byte, 12))))
	set(base.body[8:], 8, h+movieBox().size()+frag.size()+8)
	quick := brand("qt  ", "qt  ")
	return map[string][]byte{
		"mp4, movie last":            join(head, data, first(0).write(nil)),
		"mp4, movie first":           join(head, first(size).write(nil), data),
		"mp4, room behind":           join(head, first(size+2000).write(nil), pad(2000), data),
		"mp4, just too little room":  join(head, first(size+9).write(nil), pad(9), data),
		"mp4, iTunes":                join(head, data, itunes(first(0)).write(nil)),
		"mp4, other keys":            keyed("udta", "com.a", "com.b"),
		"mp4, labelled by others":    keyed("udta", "com.a", ownKey, "com.b"),
		"mp4, labelled twice":        keyed("udta", ownKey, "com.b", ownKey),
		"mp4, bare meta":             keyed("moov", "com.a", ownKey),
		"mp4, iTunes item":           join(head, data, itunes(first(0), leaf(ownKey, dataBox(carriertest.Other))).write(nil)),
		"mp4, free-form item":        join(head, data, itunes(first(0), leaf("----", leaf("mean", u32(0), []byte("x")).write(nil), leaf("name", u32(0), []byte(ownKey)).write(nil), dataBox(carriertest.Other))).write(nil)),
		"mp4, XMP":                   join(head, data, first(0).write(nil), leaf("uuid", []byte(xmpUUID), packet).write(nil)),
		"mp4, fragments":             join(head, movieBox().write(nil), frag.write(nil), data),
		"mp4, long sizes":            join(head, (&node{kind: "moov", long: true, parent: true, children: first(size + 8).children}).write(nil), data),
		"mov":                        join(quick, leaf("wide").write(nil), leaf("mdat", []byte("FIRSTCHUNK"), []byte("SECONDCHNK")).write(nil), movieBox(int64(len(quick))+16, int64(len(quick))+26).write(nil)),
		"mov, before there was ftyp": join(leaf("mdat", []byte("FIRSTCHUNK"), []byte("SECONDCHNK")).write(nil), movieBox(8, 18).write(nil)),
		"m4a":                        join(brand("M4A ", "M4A ", "isom"), data, itunes(movieBox(32, 42)).write(nil)),
	}
}

func formatOf(name string) carrier.Format {
	kind, _, _ := strings.Cut(name, ",")
	return format(kind)
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
		labelled := carriertest.RoundTrip(t, formatOf(name), file)
		m, err := readMovie(carrier.Bytes(labelled), "mp4")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m.moov.every(func(n *node) {
			if n.kind != "stco" || len(n.body) == 8 {
				return
			}
			for i, want := range []string{"FIRSTCHUNK", "SECONDCHNK"} {
				if at := offsets(n.body[8:], 2, 4)[i]; int(at)+10 > len(labelled) || string(labelled[at:at+10]) != want {
					t.Errorf("%s: chunk %d is not at %d", name, i, at)
				}
			}
		})
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
	got, err := readMovie(e.File(), "mp4")
	if err != nil {
		t.Fatal(err)
	}
	table := got.moov.find("trak", "mdia", "minf", "stbl", "co64")
	if table == nil || len(table.body) != 8+16 {
		t.Fatalf("%+v", got.moov.find("trak", "mdia", "minf", "stbl").children[0])
	}
	if o := offsets(table.body[8:], 2, 8); o[0] != at+e.Size()-f.size || o[1] != last+e.Size()-f.size {
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
	p.items = append(p.items, location{id: 1, base: 0, extents: []extent{{0, 0, 6}, {0, 0, int64(len(data) - 6)}}})
	if packet != nil {
		count++
		entry = append(entry, leaf("infe", []byte{2, 0, 0, 0}, u16(2), u16(0), []byte("mime\x00"+rdfType+"\x00")).write(nil)...)
		p.items = append(p.items, location{id: 2, extents: []extent{{0, 0, int64(len(packet))}}})
		children = append(children, leaf("iref", u32(0), leaf("cdsc", u16(2), u16(1), u16(1)).write(nil)))
	}
	children = append(children, leaf("iinf", u32(0), u16(count), entry), leaf("iprp"))
	if inside && packet != nil {
		p.items[1].method = 1
		children = append(children, leaf("idat", packet))
	}
	loc := leaf("iloc", p.write())
	meta := parent("meta", make([]byte, 4), append(children, loc)...)
	at := int64(len(head)) + meta.size() + 8
	p.items[0].base = at
	p.items[0].extents[1].offset = 6
	body := data
	if packet != nil && !inside {
		p.items[1].extents[0].offset = at + int64(len(data))
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
		s, err := readStill(carrier.Bytes(labelled), "heic")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var pixels []byte
		for _, e := range s.places.find(1).extents {
			at := s.places.find(1).base + e.offset
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
		carriertest.Hostile(t, formatOf(name), file)
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

// TestOthersReadMovies: files that ffmpeg made, in every layout: ffprobe, exiftool and mutagen read the label, titles stay, and the packets
// are the same.
func TestOthersReadMovies(t *testing.T) {
	ffmpeg := testkit.Tool(t, "ffmpeg", "apt-get install ffmpeg")
	ffprobe := testkit.Tool(t, "ffprobe", "apt-get install ffmpeg")
	exiftool := testkit.Tool(t, "exiftool", "apt-get install libimage-exiftool-perl")
	python := testkit.Python(t, "mutagen==1.48.1")
	dir := t.TempDir()
	source := []string{"-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=3", "-f", "lavfi", "-i", "sine=frequency=500:duration=3", "-metadata", "title=Ein Titel 题"}
	video := append(source, "-c:v", "libx264", "-g", "10", "-c:a", "aac")
	for name, args := range map[string][]string{
		"last.mp4":      video,
		"first.mp4":     append(video[:len(video):len(video)], "-movflags", "faststart"),
		"tags.mp4":      append(video[:len(video):len(video)], "-movflags", "use_metadata_tags", "-metadata", "mine=kept"),
		"fragments.mp4": append(video[:len(video):len(video)], "-movflags", "frag_keyframe+empty_moov"),
		"dash.mp4":      append(video[:len(video):len(video)], "-movflags", "frag_keyframe+empty_moov+default_base_moof"),
		"x.mov":         video,
		"x.m4a":         append(source[:len(source):len(source)], "-vn", "-map", "1:a", "-c:a", "aac"),
	} {
		was, is := filepath.Join(dir, name), filepath.Join(dir, "labelled-"+name)
		ffmpeg(append(args[:len(args):len(args)], was)...)
		file, err := os.ReadFile(was)
		if err != nil {
			t.Fatal(err)
		}
		f := format(strings.TrimPrefix(filepath.Ext(name), "."))
		if !f.Is(carrier.Bytes(file)) {
			t.Errorf("%s is not told", name)
		}
		if err := os.WriteFile(is, carriertest.RoundTrip(t, f, file), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := ffprobe("-v", "error", "-show_entries", "format_tags=AIGC", "-of", "default=nw=1:nk=1", is); got != carriertest.Value {
			t.Errorf("%s: ffprobe reads %q", name, got)
		}
		if got := exiftool("-b", "-Keys:AIGC", is); got != carriertest.Value {
			t.Errorf("%s: exiftool reads %q", name, got)
		}
		if a, b := ffprobe("-v", "error", "-show_entries", "format_tags=title", "-of", "default=nw=1:nk=1", was), ffprobe("-v", "error", "-show_entries", "format_tags=title", "-of", "default=nw=1:nk=1", is); a != b || a == "" {
			t.Errorf("%s: the title was %q, is %q", name, a, b)
		}
		for _, way := range [][]string{{"-map", "0", "-c", "copy", "-f", "md5", "-"}, {"-f", "md5", "-"}} {
			a, b := ffmpeg(append([]string{"-v", "error", "-i", was}, way...)...), ffmpeg(append([]string{"-v", "error", "-i", is}, way...)...)
			if a != b || !strings.HasPrefix(a, "MD5=") {
				t.Errorf("%s: packets or pictures were %s, are %s", name, a, b)
			}
		}
		seek := []string{"-v", "error", "-ss", "2.0", "-i", "", "-frames:v", "1", "-f", "md5", "-"}
		if strings.HasSuffix(name, "mp4") { // through the index
			seek[5] = was
			a := ffmpeg(seek...)
			seek[5] = is
			if b := ffmpeg(seek...); a != b {
				t.Errorf("%s: at 2 s the picture was %s, is %s", name, a, b)
			}
		}
		if name == "last.mp4" || name == "x.m4a" {
			if got := python("import sys,mutagen.mp4; print(mutagen.mp4.MP4(sys.argv[1]).tags['\\xa9nam'][0])", is); got != "Ein Titel 题" {
				t.Errorf("%s: mutagen reads the title %q", name, got)
			}
		}
	}
}

// TestOthersReadStills: HEIC and AVIF as libheif and libavif write them.
func TestOthersReadStills(t *testing.T) {
	exiftool := testkit.Tool(t, "exiftool", "apt-get install libimage-exiftool-perl")
	python := testkit.Python(t, "pillow==13.0.0", "pillow-heif==1.8.1")
	dir := t.TempDir()
	python(`
import sys
from PIL import Image
import pillow_heif
pillow_heif.register_heif_opener()
im = Image.effect_mandelbrot((120, 80), (-2, -1.2, 1, 1.2), 60).convert("RGB")
d = sys.argv[1]
im.save(d + "/a.heic", quality=80)
im.save(d + "/b.heic", quality=80, xmp=b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="kept"/></rdf:RDF></x:xmpmeta>')
im.save(d + "/a.avif", quality=80)
`, dir)
	for _, name := range []string{"a.heic", "b.heic", "a.avif"} {
		was, is := filepath.Join(dir, name), filepath.Join(dir, "labelled-"+name)
		file, err := os.ReadFile(was)
		if err != nil {
			t.Fatal(err)
		}
		f := format(strings.TrimPrefix(filepath.Ext(name), "."))
		if !f.Is(carrier.Bytes(file)) {
			t.Errorf("%s is not told", name)
		}
		if err := os.WriteFile(is, carriertest.RoundTrip(t, f, file), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := exiftool("-b", "-XMP-TC260:Aigc", is); got != carriertest.Value {
			t.Errorf("%s: exiftool reads %q", name, got)
		}
		if name == "b.heic" {
			if got := exiftool("-b", "-XMP-dc:Format", is); got != "kept" {
				t.Errorf("%s: the other XMP is %q", name, got)
			}
		}
		if got := python(`
import sys
from PIL import Image
import pillow_heif
pillow_heif.register_heif_opener()
a, b = Image.open(sys.argv[1]), Image.open(sys.argv[2])
print(a.tobytes() == b.tobytes(), b"01M85GF9Y64H5ADVDBPB26KE03" in (b.info.get("xmp") or b""))
`, was, is); got != "True True" {
			t.Errorf("%s: pillow: same pixels, label: %s", name, got)
		}
	}
}
