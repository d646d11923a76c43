package stream

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
)

func format(name string) carrier.Format { return carriertest.Format(Formats(), name) }

// frames are heads of MP3 frames and what stands for their data.
var frames = bytes.Repeat(append([]byte{0xFF, 0xFB, 0x90, 0x64}, "FRAMEDATA"...), 5)

// text is a text frame of a version of ID3.
func text(version byte, id, value string) []byte {
	data := append([]byte{0}, value...)
	switch version {
	case 2:
		return append([]byte(id[:3]), append([]byte{0, 0, byte(len(data))}, data...)...)
	case 3:
		return append(binary.BigEndian.AppendUint32([]byte(id), uint32(len(data))), append([]byte{0, 0}, data...)...)
	}
	return append(append([]byte(id), putSyncsafe(int64(len(data)))...), append([]byte{0, 0}, data...)...)
}

func id3(version, flags byte, padding int, parts ...[]byte) []byte {
	body := append(bytes.Join(parts, nil), make([]byte, padding)...)
	return append(append([]byte{'I', 'D', '3', version, 0, flags}, putSyncsafe(int64(len(body)))...), body...)
}

func own(version byte) []byte {
	t := &tag{version: version}
	return t.frame(carriertest.Other)
}

func apeOf(items map[string]string) []byte {
	t := &apeTag{header: true, flags: 1 << 31}
	for _, key := range []string{"Artist", "AIGC", "removed"} {
		value, ok := items[key]
		if !ok {
			continue
		}
		raw := append(binary.LittleEndian.AppendUint32(nil, uint32(len(value))), 0, 0, 0, 0)
		t.items = append(t.items, apeItem{key: key, value: value, raw: append(append(append(raw, key...), 0), value...)})
	}
	raw := append(binary.LittleEndian.AppendUint32(nil, 0), 0, 0, 0, 0)
	t.items = append(t.items, apeItem{key: ownKey, raw: append(append(raw, ownKey...), 0)})
	all := t.without()
	if value, ok := items[ownKey]; ok { // put it in by hand, at the end of the items
		item := append(binary.LittleEndian.AppendUint32(nil, uint32(len(value))), 0, 0, 0, 0)
		item = append(append(append(item, ownKey...), 0), value...)
		body := append(bytes.Clone(all[32:len(all)-32]), item...)
		for _, at := range []int{0, len(all) - 32} {
			binary.LittleEndian.PutUint32(all[at+12:], uint32(len(body)+32))
			binary.LittleEndian.PutUint32(all[at+16:], binary.LittleEndian.Uint32(all[at+16:])+1)
		}
		all = bytes.Join([][]byte{all[:32], body, all[len(all)-32:]}, nil)
	}
	return all
}

func flacFile(first byte, blocks ...[]byte) []byte {
	out := append([]byte("fLaC"), first, 0, 0, 34)
	out = append(out, make([]byte, 34)...)
	return append(append(out, bytes.Join(blocks, nil)...), "\xFF\xF8FRAMEDATA"...)
}

func blockOf(head byte, data []byte) []byte {
	return append([]byte{head, byte(len(data) >> 16), byte(len(data) >> 8), byte(len(data))}, data...)
}

func files() map[string][]byte {
	title := func(v byte) []byte { return text(v, map[byte]string{2: "TT2", 3: "TIT2", 4: "TIT2"}[v], "A title") }
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	unsync := id3(3, 0x80, 0, bytes.ReplaceAll(join(title(3), text(3, "PRIV", "\xFF\xE0 art")), []byte{0xFF}, []byte{0xFF, 0x00}))
	footed := id3(4, 0x10, 0, title(4), own(4))
	foot := append([]byte("3DI"), footed[3:10]...)
	end := append([]byte("TAG"), make([]byte, 125)...)
	list := comments{vendor: []byte("v"), list: []string{"TITLE=A title", "aigc=" + carriertest.Other}}
	plain := comments{vendor: []byte("v"), list: []string{"TITLE=A title"}}
	plainBytes := func(c comments) []byte {
		out := append(binary.LittleEndian.AppendUint32(nil, uint32(len(c.vendor))), c.vendor...)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(c.list)))
		for _, s := range c.list {
			out = append(binary.LittleEndian.AppendUint32(out, uint32(len(s))), s...)
		}
		return out
	}
	opus := func(c []byte, more ...[]byte) []byte {
		s := &oggStream{serial: 7, pages: []page{{number: 1}}}
		out := oggPage(oggFirst, 0, 7, 0, []byte{19}, []byte("OpusHead\x01\x01234567890"[:19]))
		pages := s.laid([][]byte{append([]byte("OpusTags"), c...)})
		out = append(out, join(pages...)...)
		for i := range 3 {
			flags := byte(0)
			if i == 2 {
				flags = oggLast
			}
			out = append(out, oggPage(flags, uint64(960*i), 7, uint32(1+len(pages)+i), []byte{9}, []byte("FRAMEDATA"))...)
		}
		return append(out, join(more...)...)
	}
	film := func(void int, width int, tags []byte, behind bool) []byte {
		build := func(places map[uint32]int) ([]byte, map[uint32]int) {
			pos := func(id uint32) []byte { return binary.BigEndian.AppendUint64(nil, uint64(places[id]))[8-width:] }
			var body []byte
			at := map[uint32]int{}
			put := func(id uint32, b []byte) {
				if b != nil {
					at[id] = len(body)
					body = append(body, b...)
				}
			}
			seek := write(idSeek, write(idSeekID, []byte{0x1C, 0x53, 0xBB, 0x6B}), write(idSeekPos, pos(idCues)))
			put(idSeekHead, sealed(idSeekHead, true, append(seek, write(idSeek, write(idSeekID, []byte{0x15, 0x49, 0xA9, 0x66}), write(idSeekPos, pos(0x1549A966)))...)))
			if void > 0 {
				put(idVoid, write(idVoid, make([]byte, void)))
			}
			put(0x1549A966, write(0x1549A966, []byte("\x2A\xD7\xB1\x83\x0F\x42\x40")))
			if !behind {
				put(idTags, tags)
			}
			put(idCluster, write(idCluster, []byte("\xE7\x81\x00\xA3\x89FRAMEDATA")))
			put(idCues, write(idCues, write(idCuePoint, write(0xB3, []byte{0}), write(idCueTracks, write(0xF7, []byte{1}), write(idCueAt, pos(idCluster))))))
			if behind {
				put(idTags, tags)
			}
			return body, at
		}
		_, at := build(map[uint32]int{})
		body, _ := build(at)
		head := write(idEBML, write(0x4282, []byte("matroska")))
		segment := append([]byte{0x18, 0x53, 0x80, 0x67}, binary.BigEndian.AppendUint64(nil, uint64(len(body))|1<<56)...)
		return join(head, segment, body)
	}
	tagsOf := func(value string, more ...[]byte) []byte {
		title := write(idTag, write(idTargets), write(idSimple, write(idTagName, []byte("TITLE")), write(idTagText, []byte("A title"))))
		if value != "" {
			title = append(title, newTag(value)...)
		}
		return sealed(idTags, true, append(title, join(more...)...))
	}
	ofTrack := write(idTag, write(idTargets, write(0x63C5, []byte{1})), write(idSimple, simpleTag(carriertest.Other)))
	flash := func(scripts ...[]byte) []byte {
		out := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
		out = append(out, join(scripts...)...)
		frame := append([]byte{9, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0}, "FRAMEDATA"...)
		return append(append(out, frame...), 0, 0, 0, 20)
	}
	meta := func(properties ...[]byte) []byte {
		data := append([]byte{amfString, 0, 10}, metadataName...)
		data = append(data, amfECMA, 0, 0, 0, byte(len(properties)))
		return flvScriptTag(append(append(data, join(properties...)...), 0, 0, amfEnd))
	}
	flvTitle := append([]byte{0, 5}, "title\x02\x00\x07A title"...)
	keyframes := func(at float64) []byte {
		out := append([]byte{0, 9}, "keyframes\x03\x00\x0Dfilepositions"...)
		out = binary.BigEndian.AppendUint64(append(out, amfStrict, 0, 0, 0, 1, amfNumber), math.Float64bits(at))
		return append(out, 0, 0, amfEnd)
	}
	return map[string][]byte{
		"flv":                       flash(),
		"flv, metadata":             flash(meta(flvTitle)),
		"flv, key frames":           flash(meta(flvTitle, keyframes(float64(len(flash(meta(flvTitle, keyframes(0))))-24)))),
		"flv, labelled":             flash(meta(flvTitle, amfProperty(carriertest.Other))),
		"flv, labelled twice":       flash(meta(amfProperty(carriertest.Other), flvTitle, amfProperty(carriertest.Other))),
		"mkv":                       film(0, 2, nil, false),
		"mkv, room":                 film(900, 2, nil, false),
		"mkv, tags":                 film(0, 4, tagsOf(""), false),
		"mkv, tags behind":          film(0, 4, tagsOf(""), true),
		"mkv, narrow places":        film(0, 1, nil, false),
		"mkv, labelled":             film(0, 4, tagsOf(carriertest.Other), false),
		"mkv, labelled behind":      film(0, 4, tagsOf(carriertest.Other), true),
		"mkv, labelled in a track":  film(0, 4, tagsOf("", ofTrack), true),
		"mkv, labelled twice":       film(0, 4, tagsOf(carriertest.Other, newTag(carriertest.Other)), false),
		"ogg":                       opus(plainBytes(plain)),
		"ogg, labelled":             opus(plainBytes(list)),
		"ogg, a picture":            opus(plainBytes(comments{vendor: []byte("v"), list: []string{"METADATA_BLOCK_PICTURE=" + strings.Repeat("PICTURE", 20000), "TITLE=A title"}})),
		"ogg, just a page":          opus(plainBytes(comments{vendor: []byte("v"), list: []string{"X=" + strings.Repeat("x", 255*255-8-4-1-4-4-2-1)}})),
		"mp3":                       frames,
		"mp3, 2.2":                  join(id3(2, 0, 100, title(2)), frames),
		"mp3, 2.3":                  join(id3(3, 0, 1000, title(3)), frames),
		"mp3, 2.4, no room":         join(id3(4, 0, 0, title(4)), frames),
		"mp3, 2.2, labelled":        join(id3(2, 0, 0, own(2), title(2)), frames),
		"mp3, 2.3, labelled twice":  join(id3(3, 0, 0, own(3), title(3), own(3)), frames),
		"mp3, 2.4, labelled":        join(id3(4, 0, 0, title(4), own(4)), frames, end),
		"mp3, whole unsynchronised": join(unsync, frames),
		"mp3, extended header":      join(id3(3, 0x40, 0, []byte{0, 0, 0, 6, 0, 0, 0, 0, 0, 0}, title(3)), frames),
		"mp3, footer":               join(footed, foot, frames),
		"mp3, at the end":           join(frames, footed, foot, end),
		"mp3, two tags":             join(id3(4, 0, 0, title(4)), id3(3, 0, 9, own(3)), frames),
		"mp3, APE":                  join(frames, apeOf(map[string]string{"Artist": "A title", "AIGC": carriertest.Other}), end),
		"mp3, UTF-16":               join(id3(3, 0, 0, title(3), utf16Own()), frames),
		"aac":                       bytes.Repeat(append([]byte{0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC}, "FRAMEDATA"...), 4),
		"flac":                      flacFile(0x80),
		"flac, comments":            flacFile(0, blockOf(flacComments|0x80, plainBytes(plain))),
		"flac, padding":             flacFile(0, blockOf(flacComments, plainBytes(plain)), blockOf(flacPadding|0x80, make([]byte, 2000))),
		"flac, too little padding":  flacFile(0, blockOf(flacComments, plainBytes(plain)), blockOf(flacPadding, make([]byte, 20)), blockOf(6|0x80, []byte("PICTURE"))),
		"flac, labelled":            flacFile(0, blockOf(6, []byte("PICTURE")), blockOf(flacComments|0x80, plainBytes(list))),
		"flac, behind ID3":          join(id3(3, 0, 0, title(3), own(3)), flacFile(0, blockOf(flacComments|0x80, plainBytes(plain)))),
	}
}

// utf16Own is a label as Windows programs write it.
func utf16Own() []byte {
	data := []byte{1}
	for _, s := range []string{"\ufeffAIGC\x00", "\ufeff" + carriertest.Other} {
		for _, r := range s {
			data = append(data, byte(r), byte(r>>8))
		}
	}
	return append(binary.BigEndian.AppendUint32([]byte("TXXX"), uint32(len(data))), append([]byte{0, 0}, data...)...)
}

// TestRoundTrip: one label in its place; titles, pictures and frames are as they were, and room is used where there is some.
func TestRoundTrip(t *testing.T) {
	for name, file := range files() {
		labelled := carriertest.RoundTrip(t, format(name), file)
		for _, kept := range []string{"A title", "PICTURE", "FRAMEDATA", "\xFF\xE0 art", "Artist"} {
			was := bytes.ReplaceAll(file, []byte("\xFF\x00\xE0"), []byte("\xFF\xE0"))
			if bytes.Count(was, []byte(kept)) != bytes.Count(labelled, []byte(kept)) {
				t.Errorf("%s: %q was lost", name, kept)
			}
		}
		if name == "flv, key frames" {
			i := bytes.Index(labelled, []byte("filepositions")) + 13 + 6
			if at := int(math.Float64frombits(binary.BigEndian.Uint64(labelled[i:]))); string(labelled[at+11:at+20]) != "FRAMEDATA" {
				t.Errorf("%s: the key frame is not at %d", name, at)
			}
		}
		if strings.HasPrefix(name, "mkv") {
			checkFilm(t, name, labelled)
		}
		if name == "mkv, room" || name == "mp3, 2.3" || name == "flac, padding" {
			if len(labelled) != len(file) {
				t.Errorf("%s: %d bytes became %d, there was room", name, len(file), len(labelled))
			}
		}
		is := []string{}
		for _, f := range Formats() {
			if f.Is(carrier.Bytes(labelled)) {
				is = append(is, f.Name)
			}
		}
		if len(is) != 1 {
			t.Errorf("%s is %v", name, is)
		}
	}
	chinese := `{"Label":"1","ContentProducer":"某公司","ProduceID":"1","ReservedCode1":"","ContentPropagator":"P","PropagateID":"2","ReservedCode2":""}`
	for _, name := range []string{"mp3, 2.2", "mp3, 2.3", "mp3, 2.4, labelled", "flac"} { // what a producer wrote is kept on propagation
		carriertest.One(t, format(name), carriertest.Put(t, format(name), files()[name], chinese), chinese)
	}
}

// checkFilm follows every place in the file's lists, and looks at the sums.
func checkFilm(t *testing.T, name string, b []byte) {
	t.Helper()
	m, err := readMatroska(carrier.Bytes(b), "mkv")
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if m.segment.end() != int64(len(b)) {
		t.Errorf("%s: the segment ends at %d of %d", name, m.segment.end(), len(b))
	}
	number := func(b []byte) (v int64) {
		for _, c := range b {
			v = v<<8 | int64(c)
		}
		return v
	}
	find := func(list []node, id uint32) node {
		for _, x := range list {
			if x.id == id {
				return x
			}
		}
		return node{}
	}
	seen := 0
	for _, e := range m.top {
		data, _ := m.read(e)
		list, err := m.nodes(data, e.body())
		if err != nil || e.id == idCluster || e.id == idVoid {
			continue
		}
		if sum := find(list, idCRC); sum.id != 0 {
			if rest := data[6:]; binary.LittleEndian.Uint32(sum.data) != crc32.ChecksumIEEE(rest) {
				t.Errorf("%s: the sum of element %X is wrong", name, e.id)
			}
		}
		for _, x := range list {
			inside, _ := m.inside(x)
			var want uint32
			var at int64
			switch {
			case e.id == idSeekHead && x.id == idSeek:
				want, at = uint32(number(find(inside, idSeekID).data)), number(find(inside, idSeekPos).data)
			case e.id == idCues && x.id == idCuePoint:
				tracks, _ := m.inside(find(inside, idCueTracks))
				want, at = idCluster, number(find(tracks, idCueAt).data)
			default:
				continue
			}
			seen++
			if got, err := m.element(m.segment.body()+at, m.segment.end()); err != nil || got.id != want {
				t.Errorf("%s: at %d stands %X, want %X, %v", name, at, got.id, want, err)
			}
		}
	}
	if seen < 3 {
		t.Errorf("%s: %d places", name, seen)
	}
}

func TestPlacesOfOthers(t *testing.T) {
	for name, remark := range map[string]string{"mp3, 2.2, labelled": "", "mp3, 2.4, labelled": "", "mp3, UTF-16": "", "mp3, footer": "", "mp3, two tags": "in a further", "mp3, at the end": "in a further", "mp3, APE": "in an APE", "flac, labelled": "", "ogg, labelled": "", "flv, labelled": "", "mkv, labelled": "", "mkv, labelled behind": "", "mkv, labelled in a track": "of a track", "flac, behind ID3": "in an ID3"} {
		sites, err := format(name).Sites(carrier.Bytes(files()[name]))
		if err != nil || len(sites) != 1 || sites[0].Value != carriertest.Other || sites[0].Standard != (remark == "") || !strings.HasPrefix(sites[0].Remark, remark) {
			t.Errorf("%s: %+v, %v", name, sites, err)
		}
	}
}

func TestBadFiles(t *testing.T) {
	good := files()
	for name, c := range map[string]struct {
		format string
		file   []byte
		kind   carrier.Kind
	}{
		"tag cut":                {"mp3", good["mp3, 2.3"][:100], carrier.Truncated},
		"a size that lies":       {"mp3", append([]byte("ID3\x03\x00\x00\x00\x00\x80\x00"), frames...), carrier.Malformed},
		"a frame that lies":      {"mp3", append(id3(3, 0, 0, []byte("TIT2\x00\x00\xFF\xFF\x00\x00")), frames...), carrier.Malformed},
		"version 2.9":            {"mp3", append(id3(9, 0, 0, []byte("x")), frames...), carrier.Unsupported},
		"an extended header":     {"mp3", append(id3(3, 0x40, 0, []byte("\xFF\xFF\xFF\xFFxxxx")), frames...), carrier.Malformed},
		"an APE tag that lies":   {"mp3", append(bytes.Clone(frames), append([]byte("APETAGEX\xD0\x07\x00\x00\xFF\xFF\xFF\x7F"), make([]byte, 16)...)...), carrier.Malformed},
		"flv cut":                {"flv", good["flv, metadata"][:60], carrier.Truncated},
		"flv, a value that lies": {"flv", bytes.Replace(good["flv, metadata"], []byte("\x02\x00\x07A"), []byte("\x02\xFF\x07A"), 1), carrier.Malformed},
		"mkv cut":                {"mkv", good["mkv"][:len(good["mkv"])-9], carrier.Truncated},
		"mkv, two films":         {"mkv", append(bytes.Clone(good["mkv"]), good["mkv"]...), carrier.Unsupported},
		"ogg cut":                {"ogg", good["ogg"][:70], carrier.Truncated},
		"ogg, a chain":           {"ogg", append(bytes.Clone(good["ogg"]), bytes.ReplaceAll(good["ogg"], []byte{7, 0, 0, 0}, []byte{8, 0, 0, 0})...), carrier.Unsupported},
		"ogg, no comments":       {"ogg", bytes.Replace(good["ogg"], []byte("OpusTags"), []byte("OpusTaxs"), 1), carrier.Malformed},
		"ogg of nothing known":   {"ogg", oggPage(oggFirst, 0, 1, 0, []byte{4}, []byte("what")), carrier.Truncated},
		"flac cut":               {"flac", good["flac, padding"][:80], carrier.Truncated},
		"flac without info":      {"flac", append([]byte("fLaC\x84\x00\x00\x22"), make([]byte, 50)...), carrier.Malformed},
		"flac, broken comment":   {"flac", flacFile(0, blockOf(flacComments|0x80, []byte("\xFF\xFF\xFF\xFF"))), carrier.Malformed},
		"flac, two comments":     {"flac", flacFile(0, blockOf(flacComments, comments{}.with("x")), blockOf(flacComments|0x80, comments{}.with("y"))), carrier.Malformed},
	} {
		_, err := format(c.format).Put(carrier.Bytes(c.file), carrier.Label{Value: carriertest.Value})
		if carrier.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
}

func TestHostile(t *testing.T) {
	for name, file := range files() {
		carriertest.Hostile(t, format(name), file)
	}
}

func fuzz(f *testing.F, kind string) {
	for name, file := range files() {
		if strings.HasPrefix(name, kind) {
			f.Add(file)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { carriertest.Fuzz(t, format(kind), b) })
}

func FuzzMP3(f *testing.F)  { fuzz(f, "mp3") }
func FuzzMKV(f *testing.F)  { fuzz(f, "mkv") }
func FuzzFLV(f *testing.F)  { fuzz(f, "flv") }
func FuzzOgg(f *testing.F)  { fuzz(f, "ogg") }
func FuzzFLAC(f *testing.F) { fuzz(f, "flac") }

// TestOthersRead: ffprobe and mutagen read the label, titles stay, and packets and samples are the same.
func TestOthersRead(t *testing.T) {
	ffmpeg := testkit.Tool(t, "ffmpeg", "apt-get install ffmpeg")
	ffprobe := testkit.Tool(t, "ffprobe", "apt-get install ffmpeg")
	python := testkit.Python(t, "mutagen==1.48.1")
	dir := t.TempDir()
	source := []string{"-v", "error", "-y", "-f", "lavfi", "-i", "sine=frequency=500:duration=2", "-metadata", "title=Ein Titel 题"}
	picture := []string{"-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=2"}
	video := append(append(picture[:len(picture):len(picture)], source[3:]...), "-c:v", "libx264", "-g", "5", "-c:a", "aac")
	for name, args := range map[string][]string{
		"a.mp3":    source,
		"v23.mp3":  append(source[:len(source):len(source)], "-id3v2_version", "3", "-write_id3v1", "1"),
		"bare.mp3": append(source[:len(source):len(source)], "-id3v2_version", "0", "-write_xing", "0"),
		"a.flac":   source,
		"a.aac":    source,
		"a.mkv":    video,
		"a.flv":    append(video[:len(video):len(video)], "-flvflags", "add_keyframe_index"),
		"live.mkv": append(video[:len(video):len(video)], "-live", "1"),
		"a.mka":    append(source[:len(source):len(source)], "-c:a", "flac"),
		"a.webm":   append(append(picture[:len(picture):len(picture)], source[3:]...), "-c:v", "libvpx", "-c:a", "libopus"),
		"a.ogg":    append(source[:len(source):len(source)], "-c:a", "libvorbis"),
		"a.opus":   append(source[:len(source):len(source)], "-c:a", "libopus"),
		"long.ogg": append(source[:len(source):len(source)], "-c:a", "libvorbis", "-metadata", "comment="+strings.Repeat("lang ", 13000)),
	} {
		was, is := filepath.Join(dir, name), filepath.Join(dir, "labelled-"+name)
		ffmpeg(append(args[:len(args):len(args)], was)...)
		file, err := os.ReadFile(was)
		if err != nil {
			t.Fatal(err)
		}
		kind := map[string]string{".opus": "ogg", ".mka": "mkv"}[filepath.Ext(name)]
		if kind == "" {
			kind = strings.TrimPrefix(filepath.Ext(name), ".")
		}
		where := "format_tags"
		if kind == "ogg" {
			where = "stream_tags"
		}
		if err := os.WriteFile(is, carriertest.RoundTrip(t, format(kind), file), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := ffprobe("-v", "error", "-show_entries", where+"=AIGC", "-of", "default=nw=1:nk=1", is); got != carriertest.Value {
			t.Errorf("%s: ffprobe reads %q", name, got)
		}
		if kind != "aac" && name != "bare.mp3" {
			if got := ffprobe("-v", "error", "-show_entries", where+"=title", "-of", "default=nw=1:nk=1", is); got != "Ein Titel 题" {
				t.Errorf("%s: the title is %q", name, got)
			}
		}
		if kind == "mkv" && name != "live.mkv" || kind == "webm" || kind == "flv" { // through the index
			for _, at := range []string{"0.6", "1.5"} {
				if kind == "mkv" && strings.HasSuffix(name, "a") {
					break
				}
				a, b := ffmpeg("-v", "error", "-ss", at, "-i", was, "-frames:v", "1", "-f", "md5", "-"), ffmpeg("-v", "error", "-ss", at, "-i", is, "-frames:v", "1", "-f", "md5", "-")
				if a != b {
					t.Errorf("%s: at %s s the picture was %s, is %s", name, at, a, b)
				}
			}
		}
		if kind != "aac" && kind != "mkv" && kind != "webm" && kind != "flv" {
			if got := python("import sys, mutagen; t = mutagen.File(sys.argv[1]).tags; print(t['TXXX:AIGC'].text[0] if 'TXXX:AIGC' in t else t['aigc'][0])", is); got != carriertest.Value {
				t.Errorf("%s: mutagen reads %q", name, got)
			}
		}
		for _, way := range [][]string{{"-map", "0", "-c", "copy", "-f", "md5", "-"}, {"-f", "md5", "-"}} {
			a, b := ffmpeg(append([]string{"-v", "error", "-i", was}, way...)...), ffmpeg(append([]string{"-v", "error", "-i", is}, way...)...)
			if a != b || !strings.HasPrefix(a, "MD5=") {
				t.Errorf("%s: packets or samples were %s, are %s", name, a, b)
			}
		}
	}
}
