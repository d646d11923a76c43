package riff

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
	"github.com/hegui/hegui/label/carrier/xmp"
)

func format(name string) carrier.Format { return carriertest.Format(Formats(), name) }

func riff(form string, chunks ...[]byte) []byte {
	return written("RIFF", append([]byte(form), bytes.Join(chunks, nil)...))
}

func list(form string, chunks ...[]byte) []byte {
	return written("LIST", append([]byte(form), bytes.Join(chunks, nil)...))
}

func u32(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) }

var (
	pcm     = written("fmt ", bytes.Join([][]byte{{1, 0, 1, 0}, u32(8000), u32(16000), {2, 0, 16, 0}}, nil))
	samples = []byte("SAMPLESandsampl")
)

// film is an AVI file with an old index, OpenDML's indexes and a second RIFF; junk is the room before the frames.
func film(junk int, info ...[]byte) []byte {
	build := func(base, second int64, absolute int) []byte {
		frame := written("00dc", []byte("FRAME"))
		ix := func(at int64) []byte {
			return written("ix00", bytes.Join([][]byte{{2, 0, 0, 1}, u32(1), []byte("00dc"), binary.LittleEndian.AppendUint64(nil, uint64(at)), u32(0), u32(8), u32(5)}, nil))
		}
		indx := written("indx", bytes.Join([][]byte{{4, 0, 0, 0}, u32(2), []byte("00dc"), make([]byte, 12), binary.LittleEndian.AppendUint64(nil, uint64(base)), u32(40), u32(1),
			binary.LittleEndian.AppendUint64(nil, uint64(second)), u32(40), u32(1)}, nil))
		parts := [][]byte{list("hdrl", written("avih", make([]byte, 56)), list("strl", written("strh", make([]byte, 56)), indx))}
		parts = append(parts, info...)
		if junk > 0 {
			parts = append(parts, written("JUNK", make([]byte, junk)))
		}
		parts = append(parts, list("movi", ix(base), frame), written("idx1", bytes.Join([][]byte{[]byte("00dc"), u32(16), u32(absolute), u32(5)}, nil)))
		return append(riff("AVI ", parts...), riff("AVIX", list("movi", ix(second), frame))...)
	}
	b := build(0, 0, 4)
	first := int64(bytes.Index(b, []byte("ix00")))
	return build(first, int64(bytes.LastIndex(b, []byte("ix00"))), 4+40)
}

func files(t testing.TB) map[string][]byte {
	packet, err := xmp.Put(nil, carrier.Label{Value: carriertest.Other})
	if err != nil {
		t.Fatal(err)
	}
	other := []byte(carriertest.Other)
	ds64 := func(rest []byte) []byte {
		size := binary.LittleEndian.AppendUint64(nil, uint64(4+36+len(rest)))
		body := bytes.Join([][]byte{[]byte("WAVE"), written("ds64", bytes.Join([][]byte{size, binary.LittleEndian.AppendUint64(nil, uint64(len(samples))), make([]byte, 12)}, nil)), rest}, nil)
		return append(append([]byte("RF64"), u32(math.MaxUint32)...), body...)
	}
	open := written("data", samples)
	copy(open[4:], u32(math.MaxUint32))
	long := ds64(append(bytes.Clone(pcm), written("data", samples)...))
	copy(long[bytes.Index(long, []byte("data"))+4:], u32(math.MaxUint32))
	streamed := riff("WAVE", pcm, open)
	copy(streamed[4:], u32(math.MaxUint32))
	vp8l := written("VP8L", append([]byte{0x2F}, u32(9|19<<14|1<<28)...))
	vp8 := written("VP8 ", []byte{0, 0, 0, 0x9D, 1, 0x2A, 10, 0, 20, 0, 1, 2, 3})
	return map[string][]byte{
		"wav":                     riff("WAVE", pcm, written("data", samples)),
		"wav, RF64":               long,
		"wav, streamed":           streamed[:len(streamed)-1],
		"wav, other chunks":       riff("WAVE", pcm, list("INFO", written("INAM", []byte("Title"))), written("data", samples), written("cue ", u32(0))),
		"wav, labelled":           riff("WAVE", pcm, written(ownChunk, other), written("data", samples)),
		"wav, labelled twice":     riff("WAVE", pcm, written(ownChunk, other), written("data", samples), written(ownChunk, other)),
		"wav, labelled elsewhere": riff("WAVE", pcm, list("INFO", written("INAM", []byte("Title")), written(ownChunk, append(bytes.Clone(other), 0))), written("data", samples), written(xmpInWAV, packet)),
		"wav, no padding":         bytes.TrimSuffix(riff("WAVE", pcm, written("data", samples)), []byte{0}),
		"avi, room":               film(2000),
		"avi, exactly":            film(len(list("INFO", written(ownChunk, []byte(carriertest.Value)))) - 8),
		"avi, no room":            film(0),
		"avi, INFO":               film(2000, list("INFO", written("ISFT", []byte("Lavf")))),
		"avi, INFO, no room":      film(0, list("INFO", written("ISFT", []byte("Lavf")), written(ownChunk, other))),
		"avi, a chunk of its own": film(10, written(ownChunk, other)),
		"webp, lossy":             riff("WEBP", vp8),
		"webp, lossless":          riff("WEBP", vp8l),
		"webp, extended":          riff("WEBP", written("VP8X", []byte{0x10, 0, 0, 0, 9, 0, 0, 19, 0, 0}), vp8l),
		"webp, XMP":               riff("WEBP", written("VP8X", []byte{0x14, 0, 0, 0, 9, 0, 0, 19, 0, 0}), vp8l, written(xmpInWebP, packet)),
		"webp, unflagged":         riff("WEBP", written("VP8X", []byte{0x10, 0, 0, 0, 9, 0, 0, 19, 0, 0}), vp8l, written(xmpInWebP, packet)),
	}
}

// TestRoundTrip: one label in its place, sizes and indexes are right, and what was there is there.
func TestRoundTrip(t *testing.T) {
	for name, file := range files(t) {
		labelled := carriertest.RoundTrip(t, format(name), file)
		if outer := string(labelled[:4]); outer == "RIFF" && !strings.HasPrefix(name, "avi") {
			if said := 8 + int(binary.LittleEndian.Uint32(labelled[4:])); said != len(labelled) {
				t.Errorf("%s: says %d bytes, has %d", name, said, len(labelled))
			}
		}
		for _, kept := range []string{"SAMPLESandsampl", "Title", "Lavf", "FRAME", "cue "} {
			if bytes.Count(file, []byte(kept)) != bytes.Count(labelled, []byte(kept)) {
				t.Errorf("%s: %q was lost", name, kept)
			}
		}
		if strings.HasPrefix(name, "avi") {
			checkFilm(t, name, labelled)
		}
		if name == "avi, room" || name == "avi, exactly" || name == "avi, INFO" {
			if len(labelled) != len(file) {
				t.Errorf("%s: %d bytes became %d, there was room", name, len(file), len(labelled))
			}
		}
	}
	lossless := carriertest.Put(t, format("webp"), files(t)["webp, lossless"], carriertest.Value)
	if !bytes.Equal(lossless[20:30], []byte{hasXMP | hasAlpha, 0, 0, 0, 9, 0, 0, 19, 0, 0}) {
		t.Errorf("VP8X is %x", lossless[20:30])
	}
}

// checkFilm follows every index.
func checkFilm(t *testing.T, name string, b []byte) {
	t.Helper()
	indx := b[bytes.Index(b, []byte("indx"))+8:]
	for i := range 2 {
		at := binary.LittleEndian.Uint64(indx[24+16*i:])
		if at+40 > uint64(len(b)) || string(b[at:at+4]) != "ix00" {
			t.Errorf("%s: index %d is not at %d", name, i, at)
			continue
		}
		if base := binary.LittleEndian.Uint64(b[at+20:]); base != at {
			t.Errorf("%s: index %d counts from %d, not %d", name, i, base, at)
		}
	}
	old := b[bytes.Index(b, []byte("idx1"))+8:]
	movie := bytes.Index(b, []byte("movi"))
	if at := movie + int(binary.LittleEndian.Uint32(old[8:])); string(b[at:at+4]) != "00dc" {
		t.Errorf("%s: the old index does not lead to the frame", name)
	}
}

func TestPlacesOfOthers(t *testing.T) {
	for name, remarks := range map[string]string{"wav, labelled": "", "wav, labelled elsewhere": "in XMP|in LIST INFO", "avi, a chunk of its own": "a chunk of its own", "avi, INFO, no room": "", "webp, XMP": "", "webp, unflagged": "the flag"} {
		sites, err := format(name).Sites(carrier.Bytes(files(t)[name]))
		if err != nil || len(sites) != 1+strings.Count(remarks, "|") {
			t.Errorf("%s: %+v, %v", name, sites, err)
			continue
		}
		for i, remark := range strings.Split(remarks, "|") {
			if sites[i].Value != carriertest.Other || sites[i].Standard != (remark == "") || !strings.HasPrefix(sites[i].Remark, remark) {
				t.Errorf("%s: %+v", name, sites[i])
			}
		}
	}
}

func TestBadFiles(t *testing.T) {
	good := riff("WAVE", pcm, written("data", samples))
	lying := bytes.Clone(good)
	copy(lying[40:], u32(500))
	for name, c := range map[string]struct {
		format string
		file   []byte
		kind   carrier.Kind
	}{
		"cut":               {"wav", good[:40], carrier.Truncated},
		"a chunk that lies": {"wav", lying, carrier.Truncated},
		"RF64 without ds64": {"wav", append([]byte("RF64\xFF\xFF\xFF\xFFWAVEfmt "), make([]byte, 60)...), carrier.Malformed},
		"no frames":         {"avi", riff("AVI ", list("hdrl")), carrier.Malformed},
		"no picture":        {"webp", riff("WEBP"), carrier.Malformed},
		"another picture":   {"webp", riff("WEBP", written("ALPH", nil)), carrier.Malformed},
		"broken picture":    {"webp", riff("WEBP", written("VP8L", []byte{1, 2, 3, 4, 5})), carrier.Malformed},
	} {
		if _, err := format(c.format).Put(carrier.Bytes(c.file), carrier.Label{Value: carriertest.Value}); carrier.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
}

func TestHostile(t *testing.T) {
	for name, file := range files(t) {
		carriertest.Hostile(t, format(name), file)
	}
}

func fuzz(f *testing.F, kind string) {
	for name, file := range files(f) {
		if strings.HasPrefix(name, kind) {
			f.Add(file)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { carriertest.Fuzz(t, format(kind), b) })
}

func FuzzWAV(f *testing.F)  { fuzz(f, "wav") }
func FuzzAVI(f *testing.F)  { fuzz(f, "avi") }
func FuzzWebP(f *testing.F) { fuzz(f, "webp") }

// TestOthersRead: exiftool, ffprobe and Pillow read the label; samples, frames and pixels are the same.
func TestOthersRead(t *testing.T) {
	ffmpeg := testkit.Tool(t, "ffmpeg", "apt-get install ffmpeg")
	ffprobe := testkit.Tool(t, "ffprobe", "apt-get install ffmpeg")
	exiftool := testkit.Tool(t, "exiftool", "apt-get install libimage-exiftool-perl")
	python := testkit.Python(t, "pillow==13.0.0")
	dir := t.TempDir()
	video := []string{"-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=2", "-f", "lavfi", "-i", "sine=frequency=500:duration=2"}
	for name, args := range map[string][]string{
		"a.wav":         {"-v", "error", "-y", "-f", "lavfi", "-i", "sine=frequency=500:duration=1", "-metadata", "title=Title"},
		"float.wav":     {"-v", "error", "-y", "-f", "lavfi", "-i", "sine=frequency=500:duration=1", "-c:a", "pcm_f32le"},
		"rf64.wav":      {"-v", "error", "-y", "-f", "lavfi", "-i", "sine=frequency=500:duration=1", "-rf64", "always"},
		"a.avi":         append(video[:len(video):len(video)], "-c:v", "mpeg4", "-c:a", "pcm_s16le", "-metadata", "title=Title"),
		"plain.avi":     append(video[:len(video):len(video)], "-c:v", "mjpeg", "-fflags", "+bitexact", "-metadata_header_padding", "0"),
		"lossy.webp":    nil,
		"lossless.webp": nil,
		"moving.webp":   nil,
	} {
		was, is := filepath.Join(dir, name), filepath.Join(dir, "labelled-"+name)
		if args != nil {
			ffmpeg(append(args[:len(args):len(args)], was)...)
		} else {
			python(`
import sys
from PIL import Image
im = [Image.effect_mandelbrot((120, 80), (-2, -1.2, 1, 1.2), q).convert("RGBA") for q in (20, 40, 60)]
name = sys.argv[1]
if "moving" in name: im[0].save(name, save_all=True, append_images=im[1:], duration=100)
else: im[0].save(name, lossless="lossless" in name)
`, was)
		}
		file, err := os.ReadFile(was)
		if err != nil {
			t.Fatal(err)
		}
		kind := strings.TrimPrefix(filepath.Ext(name), ".")
		if err := os.WriteFile(is, carriertest.RoundTrip(t, format(kind), file), 0o600); err != nil {
			t.Fatal(err)
		}
		if kind == "webp" {
			if got := exiftool("-b", "-XMP-TC260:Aigc", is); got != carriertest.Value {
				t.Errorf("%s: exiftool reads %q", name, got)
			}
			if got := python(`
import sys
from PIL import Image
a, b = Image.open(sys.argv[1]), Image.open(sys.argv[2])
same = a.n_frames == b.n_frames
for i in range(a.n_frames):
    a.seek(i); b.seek(i)
    same = same and a.tobytes() == b.tobytes()
print(same, b"01M85GF9Y64H5ADVDBPB26KE03" in b.info.get("xmp", b""))
`, was, is); got != "True True" {
				t.Errorf("%s: pillow: same pixels, label: %s", name, got)
			}
			continue
		}
		if got := strings.TrimRight(exiftool("-u", "-b", "-RIFF:Unknown_AIGC", is), "\x00"); got != carriertest.Value {
			t.Errorf("%s: exiftool reads %q", name, got)
		}
		if kind == "avi" {
			if got := ffprobe("-v", "error", "-show_entries", "format_tags=AIGC", "-of", "default=nw=1:nk=1", is); got != carriertest.Value {
				t.Errorf("%s: ffprobe reads %q", name, got)
			}
		}
		if strings.HasPrefix(name, "a.") {
			if got := ffprobe("-v", "error", "-show_entries", "format_tags=title", "-of", "default=nw=1:nk=1", is); got != "Title" {
				t.Errorf("%s: the title is %q", name, got)
			}
		}
		for _, way := range [][]string{{"-map", "0", "-c", "copy", "-f", "md5", "-"}, {"-f", "md5", "-"}} {
			a, b := ffmpeg(append([]string{"-v", "error", "-i", was}, way...)...), ffmpeg(append([]string{"-v", "error", "-i", is}, way...)...)
			if a != b || !strings.HasPrefix(a, "MD5=") {
				t.Errorf("%s: packets were %s, are %s", name, a, b)
			}
		}
		if kind == "avi" { // through the index
			a, b := ffmpeg("-v", "error", "-ss", "1.5", "-i", was, "-frames:v", "1", "-f", "md5", "-"), ffmpeg("-v", "error", "-ss", "1.5", "-i", is, "-frames:v", "1", "-f", "md5", "-")
			if a != b {
				t.Errorf("%s: at 1.5 s the picture was %s, is %s", name, a, b)
			}
		}
	}
}
