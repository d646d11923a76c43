package bmff

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
)

// TestOthersReadMovies: files that ffmpeg made, in every layout: ffprobe, exiftool and mutagen read the label, titles stay, and the packets
// are the same.
func TestOthersReadMovies(t *testing.T) {
	ffmpeg := testkit.Tool(t, "ffmpeg", "apt-get install ffmpeg")
	ffprobe := testkit.Tool(t, "ffprobe", "apt-get install ffmpeg")
	exiftool := testkit.Tool(t, "exiftool", "apt-get install libimage-exiftool-perl")
	python := testkit.Python(t, "mutagen==1.48.1", "pymediainfo==7.0.1")
	dir := t.TempDir()
	source := []string{"-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=3", "-f", "lavfi", "-i", "sine=frequency=500:duration=3", "-metadata", "title=Ein Titel 题", "-metadata", "artist=谁"}
	video := append(source, "-c:v", "libx264", "-g", "10", "-c:a", "aac")
	for name, args := range map[string][]string{
		"last.mp4":      video,
		"first.mp4":     append(video[:len(video):len(video)], "-movflags", "faststart"),
		"tags.mp4":      append(video[:len(video):len(video)], "-movflags", "use_metadata_tags", "-metadata", "mine=kept"),
		"fragments.mp4": append(video[:len(video):len(video)], "-movflags", "frag_keyframe+empty_moov"),
		"dash.mp4":      append(video[:len(video):len(video)], "-movflags", "frag_keyframe+empty_moov+default_base_moof"),
		"index.mp4":     append(video[:len(video):len(video)], "-movflags", "frag_keyframe+default_base_moof+global_sidx"),
		"x.mov":         video,
		"tags.mov":      append(video[:len(video):len(video)], "-movflags", "use_metadata_tags+faststart"),
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
		// MediaInfo says of the tracks what it said.
		if got := python(`
import sys, pymediainfo
a, b = ([t.to_data() for t in pymediainfo.MediaInfo.parse(f).tracks] for f in sys.argv[1:])
names = ("title", "performer", "artist", "encoded_application", "track_type", "format", "codec_id", "duration", "frame_count", "width", "height", "sampling_rate", "samples_count", "stream_size", "stream_order")
print(b[0].get("aigc"), b[0].get("title"), len(a) == len(b),
    [(i, n) for i in range(len(a)) for n in names if a[i].get(n) != b[i].get(n) and (i, n) != (0, "stream_size")], sep="|")
`, was, is); got != carriertest.Value+"|Ein Titel 题|True|[]" {
			t.Errorf("%s: MediaInfo reads %q", name, got)
		}
		if name == "last.mp4" || name == "first.mp4" || name == "x.m4a" {
			if got := python("import sys,mutagen.mp4; t=mutagen.mp4.MP4(sys.argv[1]).tags; print(t['\\xa9nam'][0], t['\\xa9ART'][0])", is); got != "Ein Titel 题 谁" {
				t.Errorf("%s: mutagen reads %q", name, got)
			}
		}
	}
}

// TestOthersReadBeyond4GB: a film whose last chunk begins just below 4 GB. The label moves it beyond, so the table gets 64 bits, and ffmpeg finds
// the packets as before. Both files are sparse.
func TestOthersReadBeyond4GB(t *testing.T) {
	ffmpeg := testkit.Tool(t, "ffmpeg", "apt-get install ffmpeg")
	ffprobe := testkit.Tool(t, "ffprobe", "apt-get install ffmpeg")
	dir := t.TempDir()
	small, was, is := filepath.Join(dir, "small.mp4"), filepath.Join(dir, "was.mp4"), filepath.Join(dir, "is.mp4")
	ffmpeg("-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=10:duration=4", "-f", "lavfi", "-i", "sine=duration=4", "-g", "10", "-c:v", "libx264", "-c:a", "aac", "-movflags", "faststart", small)
	file, err := os.ReadFile(small)
	if err != nil {
		t.Fatal(err)
	}
	x, err := read(carrier.Bytes(file), "mp4", false)
	if err != nil {
		t.Fatal(err)
	}
	each := func(f func(*table)) {
		t.Helper()
		if err := x.tables(x.moov, func(n *node) error {
			table, err := x.table(n)
			if err == nil {
				f(table)
				table.write(n)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	last := int64(0)
	each(func(t *table) { last = max(last, slices.Max(t.at)) })
	gap := int64(math.MaxUint32) - 100 - last
	each(func(t *table) {
		for i := range t.at {
			t.at[i] += gap
		}
	})
	behind := x.moovBox.end()
	head := slices.Concat(file[:x.moovBox.at], x.moov.write(nil), u32(1), []byte("junk"), u64(gap))
	write := func(name string, head []byte, tail []byte, at int64) *os.File {
		t.Helper()
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		for place, b := range map[int64][]byte{0: head, at: tail} {
			if _, err := f.WriteAt(b, place); err != nil {
				t.Fatal(err)
			}
		}
		return f
	}
	f := write(was, head, file[behind:], behind+gap)
	e, err := format("mp4").Put(carrier.Open(f, int64(len(file))+gap), carrier.Label{Value: carriertest.Value})
	if err != nil {
		t.Fatal(err)
	}
	grown := e.Size() - int64(len(file)) - gap
	head, tail := make([]byte, int64(len(head))+grown), make([]byte, int64(len(file))-behind)
	for place, b := range map[int64][]byte{0: head, behind + gap + grown: tail} {
		if _, err := e.ReadAt(b, place); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	write(is, head, tail, behind+gap+grown)
	if !bytes.Contains(head, []byte("co64")) {
		t.Error("no table has 64 bits")
	}
	want := ffmpeg("-v", "error", "-i", small, "-map", "0", "-c", "copy", "-f", "md5", "-")
	for _, name := range []string{was, is} {
		if got := ffmpeg("-v", "error", "-i", name, "-map", "0", "-c", "copy", "-f", "md5", "-"); got != want {
			t.Errorf("%s: packets are %s, were %s", filepath.Base(name), got, want)
		}
	}
	if got := ffprobe("-v", "error", "-show_entries", "format_tags=AIGC", "-of", "default=nw=1:nk=1", is); got != carriertest.Value {
		t.Errorf("ffprobe reads %q", got)
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
