package image

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/carriertest"
	"github.com/hegui/hegui/label/carrier/xmp"
)

func format(name string) carrier.Format { return carriertest.Format(Formats(), name) }

// picture has something of everything: shades, edges, noise.
func picture(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(1, 2))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.NRGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8(r.IntN(64)), 255})
		}
	}
	return m
}

func pngFile(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture(w, h)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegFile(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(w, h), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gifFile(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	palette := color.Palette{color.Black, color.White, color.RGBA{200, 10, 10, 255}}
	g := &gif.GIF{LoopCount: 0}
	for i := range 3 {
		m := image.NewPaletted(image.Rect(0, 0, 40, 30), palette)
		for k := range m.Pix {
			m.Pix[k] = uint8((k + i) % 3)
		}
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 10)
	}
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tiffFile is a grey picture of one strip, in either byte order, as TIFF or BigTIFF.
func tiffFile(order binary.AppendByteOrder, big bool) []byte {
	letters, magic := "II", uint16(42)
	if order.String() == "BigEndian" {
		letters = "MM"
	}
	if big {
		magic = 43
	}
	pixels := make([]byte, 20*10)
	for i := range pixels {
		pixels[i] = byte(i)
	}
	number := func(b []byte, v int) []byte {
		if big {
			return order.AppendUint64(b, uint64(v))
		}
		return order.AppendUint32(b, uint32(v))
	}
	out := order.AppendUint16([]byte(letters), magic)
	head := 8
	if big {
		head = 16
		out = order.AppendUint16(order.AppendUint16(out, 8), 0)
	}
	out = number(out, head+len(pixels))
	out = append(out, pixels...)
	entries := [][4]int{{256, 3, 1, 20}, {257, 3, 1, 10}, {258, 3, 1, 8}, {259, 3, 1, 1}, {262, 3, 1, 1}, {273, 4, 1, head}, {277, 3, 1, 1}, {278, 3, 1, 10}, {279, 4, 1, len(pixels)}}
	if big {
		out = order.AppendUint64(out, uint64(len(entries)))
	} else {
		out = order.AppendUint16(out, uint16(len(entries)))
	}
	for _, e := range entries {
		out = order.AppendUint16(order.AppendUint16(out, uint16(e[0])), uint16(e[1]))
		out = number(out, e[2])
		value := order.AppendUint32(nil, uint32(e[3]))
		if e[1] == 3 {
			value = append(order.AppendUint16(nil, uint16(e[3])), 0, 0)
		}
		if big {
			value = append(value, 0, 0, 0, 0)
		}
		out = append(out, value...)
	}
	return number(out, 0)
}

// exifBlock is an Exif block with a camera's name and a UserComment.
func exifBlock(comment string) []byte {
	o := binary.BigEndian
	comment = "ASCII\x00\x00\x00" + comment
	out := []byte("MM\x00*\x00\x00\x00\x08")
	out = o.AppendUint16(out, 2)
	out = append(o.AppendUint32(append(out, 0x01, 0x0F, 0, 2), 4), "Cam\x00"...)
	out = o.AppendUint32(o.AppendUint32(append(out, 0x87, 0x69, 0, 4), 1), 38)
	out = o.AppendUint32(out, 0)
	out = o.AppendUint16(out, 1)
	out = o.AppendUint32(o.AppendUint32(append(out, 0x92, 0x86, 0, 7), uint32(len(comment))), 56)
	out = o.AppendUint32(out, 0)
	return append(out, comment...)
}

func withChunk(file []byte, kind string, data []byte) []byte {
	return bytes.Join([][]byte{file[:33], pngChunk(kind, data), file[33:]}, nil)
}

func withSegment(file []byte, data string) []byte {
	s := append([]byte{0xFF, 0xE1}, binary.BigEndian.AppendUint16(nil, uint16(len(data)+2))...)
	return bytes.Join([][]byte{file[:2], s, []byte(data), file[2:]}, nil)
}

func mustPacket(t testing.TB, value string) []byte {
	t.Helper()
	p, err := xmp.Put(nil, carrier.Label{Value: value})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// files are one of each kind and what others have put into such files.
func files(t testing.TB) map[string][]byte {
	p, j := pngFile(t, 60, 40), jpegFile(t, 60, 40)
	return map[string][]byte{
		"png":                        p,
		"png, text chunk":            withChunk(p, "tEXt", []byte("AIGC\x00{\"AIGC\":"+carriertest.Other+"}")),
		"png, Exif":                  withChunk(p, "eXIf", exifBlock(`{"AIGC":`+carriertest.Other+`}`)),
		"png, two packets":           withChunk(withChunk(p, "iTXt", append([]byte(xmpKeyword+"\x00\x00\x00\x00\x00"), mustPacket(t, carriertest.Other)...)), "iTXt", append([]byte(xmpKeyword+"\x00\x00\x00\x00\x00"), mustPacket(t, carriertest.Other)...)),
		"jpeg":                       j,
		"jpeg, Exif":                 withSegment(j, jpegExif+string(exifBlock(`{"AIGC":`+carriertest.Other+`}`))),
		"jpeg, Exif without a label": withSegment(j, jpegExif+string(exifBlock("holiday"))),
		"jpeg, XMP":                  withSegment(j, jpegXMP+string(mustPacket(t, carriertest.Other))),
		"jpeg, trailing":             append(bytes.Clone(j), "a second picture"...),
		"gif":                        gifFile(t),
		"gif87a":                     bytes.Replace(gifFile(t), []byte("GIF89a"), []byte("GIF87a"), 1),
		"tiff":                       tiffFile(binary.LittleEndian, false),
		"tiff, big-endian":           tiffFile(binary.BigEndian, false),
		"tiff, BigTIFF":              tiffFile(binary.LittleEndian, true),
		"tiff, BigTIFF, big-endian":  tiffFile(binary.BigEndian, true),
	}
}

func formatOf(name string) carrier.Format {
	kind, _, _ := strings.Cut(name, ",")
	return format(strings.TrimSuffix(kind, "87a"))
}

// TestRoundTrip: every kind is labelled, once, and what was there stays; the pixels decode to the same.
func TestRoundTrip(t *testing.T) {
	for name, file := range files(t) {
		labelled := carriertest.RoundTrip(t, formatOf(name), file)
		if strings.HasPrefix(name, "tiff") {
			continue // the standard library does not read it; ffmpeg compares below
		}
		was, _, err := image.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		is, _, err := image.Decode(bytes.NewReader(labelled))
		if err != nil || fmt.Sprint(is.Bounds(), is.At(7, 9), is.At(31, 20)) != fmt.Sprint(was.Bounds(), was.At(7, 9), was.At(31, 20)) {
			t.Errorf("%s: the picture is another: %v", name, err)
		}
		if strings.Contains(name, "trailing") && !bytes.HasSuffix(labelled, []byte("a second picture")) || strings.Contains(name, "without") && !bytes.Contains(labelled, []byte("holiday")) {
			t.Errorf("%s: something was lost", name)
		}
	}
}

// TestForeignPlaces: labels that others have put elsewhere are found, with what is wrong with the place.
func TestForeignPlaces(t *testing.T) {
	p, j := pngFile(t, 8, 8), jpegFile(t, 8, 8)
	packed := func(b []byte) []byte {
		var out bytes.Buffer
		z := zlibWriter(&out)
		_, _ = z.Write(b)
		_ = z.Close()
		return out.Bytes()
	}
	packet := mustPacket(t, carriertest.Value)
	half := len(packet) / 2
	extension := func(at int, b []byte) string {
		return jpegExtended + strings.Repeat("A", 32) + string(binary.BigEndian.AppendUint32(nil, uint32(len(packet)))) + string(binary.BigEndian.AppendUint32(nil, uint32(at))) + string(b)
	}
	behind := func(file []byte, chunk []byte) []byte {
		return bytes.Join([][]byte{file[:len(file)-12], chunk, file[len(file)-12:]}, nil)
	}
	damaged := pngChunk("iTXt", append([]byte(xmpKeyword+"\x00\x00\x00\x00\x00"), packet...))
	damaged[len(damaged)-1] ^= 1
	unicode := "UNICODE\x00"
	for _, r := range `{"AIGC":{}}` {
		unicode += string([]byte{byte(r), 0})
	}
	for name, c := range map[string]struct {
		format string
		file   []byte
		remark string
	}{
		"tEXt":              {"png", withChunk(p, "tEXt", []byte("AIGC\x00"+carriertest.Value)), "Annex B"},
		"zTXt":              {"png", withChunk(p, "zTXt", append([]byte("AIGC\x00\x00"), packed([]byte(carriertest.Value))...)), "Annex B"},
		"iTXt":              {"png", withChunk(p, "iTXt", []byte("AIGC\x00\x00\x00zh\x00标签\x00"+carriertest.Value)), "Annex B"},
		"compressed":        {"png", withChunk(p, "iTXt", append([]byte(xmpKeyword+"\x00\x01\x00\x00\x00"), packed(packet)...)), "compressed"},
		"behind the pixels": {"png", behind(p, pngChunk("iTXt", append([]byte(xmpKeyword+"\x00\x00\x00\x00\x00"), packet...))), "behind"},
		"Exif, UTF-16":      {"jpeg", withSegment(j, jpegExif+strings.Replace(string(exifBlock(strings.Repeat(" ", 22))), "ASCII\x00\x00\x00"+strings.Repeat(" ", 22), unicode, 1)), "Annex B"},
		"extended XMP":      {"jpeg", withSegment(withSegment(j, extension(half, packet[half:])), extension(0, packet[:half])), "extended"},
	} {
		sites, err := format(c.format).Sites(carrier.Bytes(c.file))
		if err != nil || len(sites) != 1 || sites[0].Standard || !strings.Contains(sites[0].Remark, c.remark) || !strings.Contains(sites[0].Value, "{") {
			t.Errorf("%s: %+v, %v", name, sites, err)
		}
		if c.remark != "extended" {
			carriertest.RoundTrip(t, format(c.format), c.file)
		}
	}
	file := withChunk(p, "iTXt", nil)
	file = bytes.Replace(file, pngChunk("iTXt", nil), damaged, 1)
	if sites, err := format("png").Sites(carrier.Bytes(file)); err != nil || len(sites) != 1 || sites[0].Standard {
		t.Errorf("checksum: %+v %v", sites, err)
	}
}

func TestBadFiles(t *testing.T) {
	p, j, g, ti := pngFile(t, 8, 8), jpegFile(t, 8, 8), gifFile(t), tiffFile(binary.LittleEndian, false)
	var bomb bytes.Buffer
	z := zlibWriter(&bomb)
	for range 10 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	circle := bytes.Clone(ti)
	binary.LittleEndian.PutUint32(circle[len(circle)-4:], 8+200)
	for name, c := range map[string]struct {
		format string
		file   []byte
		kind   carrier.Kind
	}{
		"png cut":           {"png", p[:50], carrier.Truncated},
		"png without IHDR":  {"png", append([]byte(pngSignature), pngChunk("tEXt", []byte("a\x00b"))...), carrier.Malformed},
		"png bomb":          {"png", withChunk(p, "zTXt", append([]byte("AIGC\x00\x00"), bomb.Bytes()...)), carrier.TooLarge},
		"png broken zlib":   {"png", withChunk(p, "zTXt", []byte("AIGC\x00\x00nonsense")), carrier.Malformed},
		"png iTXt cut":      {"png", withChunk(p, "iTXt", []byte(xmpKeyword+"\x00")), carrier.Malformed},
		"jpeg cut":          {"jpeg", j[:30], carrier.Truncated},
		"jpeg no marker":    {"jpeg", []byte("\xFF\xD8\xFF\xE0\x00\x04ab12"), carrier.Malformed},
		"jpeg broken XMP":   {"jpeg", withSegment(j, jpegXMP+"<rdf:RDF"), carrier.Malformed},
		"gif cut":           {"gif", g[:len(g)-9], carrier.Truncated},
		"gif unknown block": {"gif", append(bytes.Clone(g[:13]), bytes.Repeat([]byte{0x99}, 99)...), carrier.Malformed},
		"tiff cut":          {"tiff", ti[:100], carrier.Truncated},
		"tiff circle":       {"tiff", circle, carrier.Malformed},
	} {
		if _, err := format(c.format).Sites(carrier.Bytes(c.file)); carrier.KindOf(err) != c.kind {
			t.Errorf("%s: sites: %v, want %s", name, err, c.kind)
		}
		if _, err := format(c.format).Put(carrier.Bytes(c.file), carrier.Label{Value: carriertest.Value}); err == nil {
			t.Errorf("%s: put: no error", name)
		}
	}
	long := withSegment(j, jpegXMP+strings.Replace(string(mustPacket(t, "{}")), "<?xpacket end", strings.Repeat(" ", 64000)+"<?xpacket end", 1))
	carriertest.RoundTrip(t, format("jpeg"), long)
	full := withSegment(j, jpegXMP+strings.Replace(string(mustPacket(t, "{}")), "</rdf:RDF", "<x>"+strings.Repeat("y", jpegSegment-len(jpegXMP)-len(mustPacket(t, "{}"))-7)+"</x></rdf:RDF", 1))
	if _, err := format("jpeg").Put(carrier.Bytes(full), carrier.Label{Value: carriertest.Value, Source: carriertest.Source}); carrier.KindOf(err) != carrier.TooLarge {
		t.Errorf("a packet that does not fit: %v", err)
	}
}

func TestHostile(t *testing.T) {
	for name, file := range files(t) {
		carriertest.Hostile(t, formatOf(name), file)
	}
}

// TestOthersRead: exiftool finds the label where the guide has it, finds nothing wrong with the file, and ffmpeg decodes the same pixels.
func TestOthersRead(t *testing.T) {
	for _, tool := range []string{"exiftool", "ffmpeg"} {
		if _, err := exec.LookPath(tool); err != nil {
			testkit.Missing(t, tool, "apt-get install libimage-exiftool-perl ffmpeg")
		}
	}
	dir := t.TempDir()
	said := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for name, file := range files(t) {
		f := formatOf(name)
		was, is := filepath.Join(dir, "was."+f.Extensions[0]), filepath.Join(dir, "is."+f.Extensions[0])
		for path, b := range map[string][]byte{was: file, is: carriertest.Put(t, f, file, carriertest.Value)} {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := said("exiftool", "-b", "-XMP-TC260:Aigc", is); got != carriertest.Value {
			t.Errorf("%s: exiftool reads %q", name, got)
		}
		if got := said("exiftool", "-b", "-XMP-iptcExt:DigitalSourceType", is); got != carriertest.Source {
			t.Errorf("%s: exiftool reads the source %q", name, got)
		}
		if strings.Contains(name, "BigTIFF") {
			continue // ffmpeg does not read it
		}
		if a, b := said("ffmpeg", "-v", "error", "-i", was, "-f", "md5", "-"), said("ffmpeg", "-v", "error", "-i", is, "-f", "md5", "-"); a != b || !strings.HasPrefix(a, "MD5=") {
			t.Errorf("%s: the pixels were %s, are %s", name, a, b)
		}
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

func FuzzPNG(f *testing.F)  { fuzz(f, "png") }
func FuzzJPEG(f *testing.F) { fuzz(f, "jpeg") }
func FuzzGIF(f *testing.F)  { fuzz(f, "gif") }
func FuzzTIFF(f *testing.F) { fuzz(f, "tiff") }

// BenchmarkPut compares the label of a PNG file of about 2 MB, as pieces, with a copy of the file.
func BenchmarkPut(b *testing.B) {
	file := pngFile(b, 1024, 768)
	b.Run("label", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			e, err := pngPut(carrier.Bytes(file), carrier.Label{Value: carriertest.Value, Source: carriertest.Source})
			if err != nil || len(e.Buffers()) < 3 {
				b.Fatal(err)
			}
		}
	})
	b.Run("memcpy", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		to := make([]byte, len(file))
		for b.Loop() {
			copy(to, file)
		}
	})
}
