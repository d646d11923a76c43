package mark

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/tiff"

	"github.com/hegui/hegui/internal/testkit"
)

const pillow = "pillow==13.0.0"

// makeFiles has Pillow write one picture in many ways, with EXIF, ICC, XMP and comments where the format has them.
const makeFiles = `
import sys, random
from PIL import Image, ImageCms, TiffImagePlugin, PngImagePlugin
src, out = sys.argv[1], sys.argv[2]
im = Image.open(src).convert("RGB")
icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
def exif(turn):
    e = Image.Exif(); e[0x112] = turn; e[0x10e] = "a picture"; e[0x13b] = "somebody"; return e.tobytes()
for n, (q, s) in {"q95": (95, 0), "q80": (80, 2), "q50": (50, 2), "s422": (85, 1)}.items():
    im.save(f"{out}/jpeg-{n}.jpg", quality=q, subsampling=s, exif=exif(1), icc_profile=icc, xmp=xmp, comment=b"a comment")
im.save(f"{out}/jpeg-progressive.jpg", quality=88, progressive=True, icc_profile=icc)
im.save(f"{out}/jpeg-restart.jpg", quality=88, restart_marker_blocks=4)
im.convert("L").save(f"{out}/jpeg-gray.jpg", quality=88)
im.save(f"{out}/jpeg-rgb.jpg", quality=88, keep_rgb=True)
for t in range(1, 9):
    im.save(f"{out}/turn-{t}.jpg", quality=92, exif=exif(t))
im.save(f"{out}/turn-6.png", exif=exif(6)); im.save(f"{out}/turn-8.webp", exif=exif(8), lossless=True)
info = PngImagePlugin.PngInfo(); info.add_text("Author", "somebody"); info.add_itxt("XML:com.adobe.xmp", xmp.decode())
im.save(f"{out}/png-rgb.png", pnginfo=info, icc_profile=icc, exif=exif(1), dpi=(300, 300))
rgba = im.convert("RGBA"); rgba.putalpha(im.convert("L").point(lambda v: 255 if v > 90 else 0)); rgba.save(f"{out}/png-rgba.png")
im.convert("L").save(f"{out}/png-gray.png"); im.convert("LA").save(f"{out}/png-graya.png")
im.convert("L").point(lambda v: v * 256, "I").convert("I;16").save(f"{out}/png-gray16.png")
im.convert("1").save(f"{out}/png-bits1.png")
for n in (2, 4, 16, 256):
    im.quantize(n).save(f"{out}/png-pal{n}.png")
im.quantize(200).save(f"{out}/png-paltrns.png", transparency=3)
im.save(f"{out}/png-key.png", transparency=im.getpixel((300, 220)))
for c in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
    im.save(f"{out}/tiff-{c}.tif", compression=c, icc_profile=icc, tiffinfo={270: "a picture", 700: xmp})
im.save(f"{out}/tiff-lzwpred.tif", compression="tiff_lzw", tiffinfo={317: 2})
im.quantize(256).save(f"{out}/tiff-pal.tif", compression="tiff_lzw"); im.convert("L").save(f"{out}/tiff-gray.tif"); im.convert("1").save(f"{out}/tiff-bits1.tif")
im.convert("RGBA").save(f"{out}/tiff-rgba.tif", compression="tiff_lzw")
im.save(f"{out}/tiff-pages.tif", save_all=True, append_images=[im.rotate(180), im.resize((200, 150))], compression="tiff_lzw")
im.save(f"{out}/webp-lossy.webp", quality=80, exif=exif(1), icc_profile=icc, xmp=xmp); rgba.save(f"{out}/webp-alpha.webp", quality=80); im.save(f"{out}/webp-lossless.webp", lossless=True)
im.save(f"{out}/gif-one.gif", comment=b"a comment")
def frames(mode):
    fs = []
    for i in range(6):
        f = Image.new("RGBA", im.size, (0, 0, 0, 0)) if mode != "full" else im.convert("RGBA")
        f.paste((250, 40 * i, 20, 255), (40 * i, 30 * i, 40 * i + 90, 30 * i + 80)); fs.append(f)
    return fs
for mode, disposal in (("full", 0), ("full", 1), ("cut", 2)):
    fs = frames(mode); fs[0].save(f"{out}/gif-{mode}{disposal}.gif", save_all=True, append_images=fs[1:], duration=[50, 60, 70, 80, 90, 100], loop=3, disposal=disposal)
`

// showFiles has Pillow show every picture of every file as a viewer does, and tell what else is in it.
const showFiles = `
import sys, json, os, hashlib
from PIL import Image, ImageOps, ImageSequence
src, out = sys.argv[1], sys.argv[2]
tell = {}
for n in sorted(os.listdir(src)):
    im = Image.open(f"{src}/{n}"); pics = []
    h = lambda b: hashlib.sha256(b if isinstance(b, bytes) else str(b).encode()).hexdigest()[:12] if b else ""
    t = {"icc": h(im.info.get("icc_profile")), "xmp": h(im.info.get("xmp") or im.info.get("XML:com.adobe.xmp")), "comment": str(im.info.get("comment", "")), "author": im.info.get("Author", ""),
         "exif": {str(k): str(v) for k, v in im.getexif().items() if k in (0x112, 0x10e, 0x13b)}, "size": list(im.size),
         "quantization": sum(sum(q) for q in im.quantization.values()) if hasattr(im, "quantization") else 0, "loop": im.info.get("loop"),
         "sampling": [l[1:3] for l in im.layer] if hasattr(im, "layer") else None, "durations": []}
    for i, f in enumerate(ImageSequence.Iterator(im)):
        t["durations"].append(f.info.get("duration"))
        g = f.copy() if getattr(im, "n_frames", 1) > 1 else ImageOps.exif_transpose(f)
        if g.mode.startswith("I"): g = g.point(lambda v: v / 256).convert("L")
        base = Image.new("RGBA", g.size, (255, 255, 255, 255)); base.alpha_composite(g.convert("RGBA"))
        base.convert("RGB").save(f"{out}/{n}.{i}.png"); pics.append(f"{n}.{i}.png")
    t["pictures"] = pics; tell[n] = t
print(json.dumps(tell))
`

type told struct {
	ICC, XMP, Comment, Author string
	Exif                      map[string]string
	Size                      []int
	Quantization              int
	Loop                      *int
	Sampling                  [][]int
	Durations                 []any
	Pictures                  []string
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func picture(t *testing.T, path string) *image.NRGBA {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(readFile(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	out := image.NewNRGBA(m.Bounds())
	draw.Draw(out, out.Rect, m, image.Point{}, draw.Src)
	return out
}

// psnr compares two pictures outside a box, in decibels, and gives the largest difference.
func psnr(a, b *image.NRGBA, without image.Rectangle) (float64, int) {
	sum, n, worst := 0.0, 0, 0
	for y := range a.Rect.Dy() {
		for x := range a.Rect.Dx() {
			if image.Pt(x, y).In(without) {
				continue
			}
			i := a.PixOffset(x, y)
			for c := range 3 {
				d := int(a.Pix[i+c]) - int(b.Pix[i+c])
				sum, n, worst = sum+float64(d*d), n+1, max(worst, d, -d)
			}
		}
	}
	return 10 * math.Log10(255*255*float64(n)/max(sum, 1e-9)), worst
}

// TestFilesOfOthers marks files that Pillow wrote and has Pillow read them again: every picture, turned as a viewer turns it, has the mark
// upright with its 5 %; outside the mark pixels are what they were (JPEG: but for rounding); metadata are kept.
func TestFilesOfOthers(t *testing.T) {
	t.Parallel()
	python := testkit.Python(t, pillow)
	dir := t.TempDir()
	path := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	for _, d := range []string{"in", "out", "seen", "before"} {
		if err := os.Mkdir(path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path("scene.png"), encodePNG(t, scene(320, 240, 31)), 0o600); err != nil {
		t.Fatal(err)
	}
	python(makeFiles, path("scene.png"), path("in"))
	entries, err := os.ReadDir(path("in"))
	if err != nil {
		t.Fatal(err)
	}
	reports := map[string]Report{}
	for _, e := range entries {
		in := readFile(t, path("in", e.Name()))
		out, r, err := Image(in, Options{})
		if err != nil {
			t.Errorf("%s: %v", e.Name(), err)
			continue
		}
		if r.Share < LeastShare || r.Contrast < LeastContrast {
			t.Errorf("%s: %+v", e.Name(), r)
		}
		if f, err := FindIn(out, Options{}); err != nil || f.State != Found || !f.Box.In(r.Box.Inset(-1)) {
			t.Errorf("%s: found in the file: %+v, %v; drawn %+v", e.Name(), f, err, r)
		}
		if f, err := FindIn(in, Options{}); err != nil || f.State != Unknown {
			t.Errorf("%s: found before it was drawn: %+v, %v", e.Name(), f, err)
		}
		again, twice, err := Image(out, Options{})
		if err != nil || !twice.Already || !bytes.Equal(again, out) {
			t.Errorf("%s: a second time: %+v, %v", e.Name(), twice, err)
		}
		reports[e.Name()] = r
		if err := os.WriteFile(path("out", e.Name()), out, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var before, after map[string]told
	for d, into := range map[string]*map[string]told{"before": &before, "seen": &after} {
		if err := json.Unmarshal([]byte(python(showFiles, path(map[string]string{"before": "in", "seen": "out"}[d]), path(d))), into); err != nil {
			t.Fatal(err)
		}
	}
	for name, was := range before {
		is, ok := after[name]
		if !ok {
			continue // told above
		}
		if is.ICC != was.ICC || is.XMP != was.XMP || is.Comment != was.Comment || is.Author != was.Author || fmt.Sprint(is.Exif, is.Size, is.Durations) != fmt.Sprint(was.Exif, was.Size, was.Durations) ||
			(strings.HasPrefix(name, "gif") && was.Loop != nil && (is.Loop == nil || *is.Loop != *was.Loop)) || len(is.Pictures) != len(was.Pictures) {
			t.Errorf("%s: was %+v, is %+v", name, was, is)
			continue
		}
		if strings.HasPrefix(name, "jpeg-") && (is.Quantization != was.Quantization || fmt.Sprint(is.Sampling) != fmt.Sprint(was.Sampling)) {
			t.Errorf("%s: tables of sum %d and sampling %v became %d and %v", name, was.Quantization, was.Sampling, is.Quantization, is.Sampling)
		}
		r := reports[name]
		for i := range is.Pictures {
			a, b := picture(t, path("before", was.Pictures[i])), picture(t, path("seen", is.Pictures[i]))
			f := Find(b)
			if f.State != Found || f.Enough == No || f.Contrast < LeastContrast || !f.Edge {
				t.Errorf("%s picture %d: %+v; drawn %+v", name, i, f, r)
			}
			box := r.Box
			if name == "tiff-pages.tif" {
				box = f.Box.Inset(-12)
			} else if !f.Box.In(box.Inset(-1)) {
				t.Errorf("%s picture %d: drawn in %v, seen in %v", name, i, box, f.Box)
			}
			db, worst := psnr(a, b, box.Inset(-16))
			switch {
			case strings.HasSuffix(name, ".jpg"):
				if db < 43 {
					t.Errorf("%s: %.1f dB outside the mark, %d at worst", name, db, worst)
				}
			case len(r.Notes) > 0 && r.Format != "png":
			case worst > 0 && !(strings.HasPrefix(name, "png-pal") || strings.HasPrefix(name, "webp-lossy") || strings.HasPrefix(name, "webp-alpha")):
				t.Errorf("%s picture %d: pixels outside %v differ by up to %d", name, i, box, worst)
			case worst > 0 && db < 40:
				t.Errorf("%s picture %d: %.1f dB outside the mark", name, i, db)
			}
		}
		if os.Getenv("HEGUI_SHOTS") != "" {
			shot(t, "file-"+name, picture(t, path("seen", is.Pictures[len(is.Pictures)-1])))
		}
	}
	if len(before) < 40 {
		t.Errorf("only %d files", len(before))
	}
}

// TestInterlaced has ffmpeg write an interlaced PNG.
func TestInterlaced(t *testing.T) {
	t.Parallel()
	ffmpeg := testkit.Tool(t, "ffmpeg", "apt-get install ffmpeg")
	dir := t.TempDir()
	src := scene(203, 151, 33)
	if err := os.WriteFile(filepath.Join(dir, "a.png"), encodePNG(t, src), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"rgb24", "gray", "rgb48be", "rgba", "monob"} {
		name := filepath.Join(dir, kind+".png")
		ffmpeg("-v", "error", "-y", "-i", filepath.Join(dir, "a.png"), "-pix_fmt", kind, "-flags", "+ildct", "-update", "1", name)
		in := readFile(t, name)
		if in[28] != 1 {
			t.Fatalf("%s: ffmpeg wrote no interlaced file", kind)
		}
		out, r, err := Image(in, Options{})
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		a, err := png.Decode(bytes.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		b, err := png.Decode(bytes.NewReader(out))
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		for y := range 151 {
			for x := range 203 {
				if !image.Pt(x, y).In(r.Box) && a.At(x, y) != b.At(x, y) {
					t.Fatalf("%s: pixel %d,%d was %v, is %v", kind, x, y, a.At(x, y), b.At(x, y))
				}
			}
		}
		if f := Find(b); f.State != Found {
			t.Errorf("%s: %+v, %+v", kind, r, f)
		}
	}
}

// TestGIFHard are animations that leave the mark's place open in the ways that disposal allows.
func TestGIFHard(t *testing.T) {
	t.Parallel()
	pal := append(image.NewPaletted(image.Rectangle{}, nil).Palette, image.Transparent, image.White, image.Black)
	frame := func(r image.Rectangle, i uint8) *image.Paletted {
		m := image.NewPaletted(r, pal)
		for k := range m.Pix {
			m.Pix[k] = i
		}
		return m
	}
	whole, part := image.Rect(0, 0, 160, 120), image.Rect(10, 10, 60, 60)
	corner := image.Rect(120, 90, 160, 120)
	for name, c := range map[string]struct {
		frames   []*image.Paletted
		disposal []byte
		fails    bool
	}{
		"first leaves it open":      {[]*image.Paletted{frame(part, 1), frame(corner, 2), frame(part, 2)}, []byte{1, 1, 1}, false},
		"each is taken away":        {[]*image.Paletted{frame(part, 1), frame(corner, 2), frame(whole, 0)}, []byte{2, 2, 2}, false},
		"each is put back":          {[]*image.Paletted{frame(whole, 1), frame(corner, 2), frame(part, 2)}, []byte{1, 3, 3}, false},
		"the place is taken away":   {[]*image.Paletted{frame(whole, 1), frame(corner, 2), frame(part, 2)}, []byte{1, 2, 1}, false},
		"what else is there stays":  {[]*image.Paletted{frame(whole, 1), frame(corner, 2), frame(part, 2)}, []byte{1, 2, 2}, true},
		"nothing of a transparency": {[]*image.Paletted{frame(whole, 0)}, []byte{0}, false},
	} {
		g := &gif.GIF{Image: c.frames, Disposal: c.disposal, Delay: make([]int, len(c.frames)), Config: image.Config{Width: 160, Height: 120, ColorModel: pal}}
		var b bytes.Buffer
		if err := gif.EncodeAll(&b, g); err != nil {
			t.Fatal(err)
		}
		out, r, err := Image(b.Bytes(), Options{})
		if c.fails {
			var e *Error
			if !errors.As(err, &e) || e.Kind != Unsupported {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back, err := gif.DecodeAll(bytes.NewReader(out))
		if err != nil || len(back.Image) != len(c.frames) || !slices.Equal(back.Disposal, c.disposal) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := &screen{shown: image.NewNRGBA(whole)}
		for i, m := range back.Image { // composed as GIF89a says
			was := s.clone()
			s.show(m)
			if f := Find(s.shown); f.State != Found || !f.Box.In(r.Box) {
				t.Errorf("%s: picture %d: %+v", name, i, f)
			}
			switch c.disposal[i] {
			case 2:
				s.erase(m.Rect)
			case 3:
				s = was
			}
		}
	}
}

func encodeJPEG(t testing.TB, m image.Image, q int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: q}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestHostile: what is cut short or lies gives an error that names format and rule, and never a panic or a file.
func TestHostile(t *testing.T) {
	t.Parallel()
	m := scene(90, 80, 2)
	files := map[string][]byte{"png": encodePNG(t, m), "jpeg": encodeJPEG(t, m, 80), "gif": encodeGIF(t, m), "tiff": plainTIFF(m)}
	for name, b := range files {
		if _, _, err := Image(b, Options{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for n := 0; n < len(b); n += 1 + n/6 {
			out, _, err := Image(b[:n], Options{})
			var e *Error
			if f, _ := FindIn(b[:n], Options{}); f.State != Unknown {
				t.Errorf("%s cut to %d bytes: %+v", name, n, f)
			}
			if n < len(b)-2 && !errors.As(err, &e) || err == nil && name != "tiff" {
				t.Errorf("%s cut to %d of %d bytes: %d bytes, %v", name, n, len(b), len(out), err)
			}
		}
		if _, _, err := Image(b, Options{MaxPixels: 90*80 - 1}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s beyond the limit: %v", name, err)
		}
	}
	huge := bytes.Clone(files["png"])
	binary.BigEndian.PutUint32(huge[16:], 1<<31-1)
	for name, c := range map[string]struct {
		b    []byte
		want Kind
	}{
		"gigantic PNG":       {fixIHDR(huge), TooLarge},
		"PNG that says more": {fixIHDR(func() []byte { b := bytes.Clone(files["png"]); binary.BigEndian.PutUint32(b[20:], 9000); return b }()), Truncated},
		"checksum":           {func() []byte { b := bytes.Clone(files["png"]); b[len(b)-20] ^= 1; return b }(), Malformed},
		"animated PNG":       {appendChunk(bytes.Clone(files["png"][:33]), "acTL", make([]byte, 8)), Unsupported},
		"no image":           {[]byte("hello"), Unsupported},
		"empty":              {nil, Unsupported},
		"12-bit JPEG":        {func() []byte { b := bytes.Clone(files["jpeg"]); b[bytes.Index(b, []byte{0xFF, 0xC0})+4] = 12; return b }(), Unsupported},
		"arithmetic JPEG": {func() []byte {
			b := bytes.Clone(files["jpeg"])
			b[bytes.Index(b, []byte{0xFF, 0xC0})+1] = 0xC9
			return b
		}(), Unsupported},
		"JPEG of many scans": {func() []byte {
			b := files["jpeg"]
			scan := b[bytes.Index(b, []byte{0xFF, 0xDA}) : len(b)-2]
			return append(append(bytes.Clone(b[:len(b)-2]), bytes.Repeat(scan, maxScans)...), 0xFF, 0xD9)
		}(), TooLarge},
		"TIFF that goes round": {func() []byte { b := bytes.Clone(files["tiff"]); copy(b[len(b)-4:], b[4:8]); return b }(), Malformed},
	} {
		_, _, err := Image(c.b, Options{})
		var e *Error
		if !errors.As(err, &e) || e.Kind != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, _, err := Image([]byte("RIFF\x04\x00\x00\x00WEBP"), Options{SameFormat: true}); err == nil || !strings.Contains(err.Error(), "no writer for WebP") {
		t.Error(err)
	}
}

func fixIHDR(b []byte) []byte {
	return append(appendChunk(append([]byte{}, b[:8]...), "IHDR", b[16:29]), b[33:]...)
}

func encodeGIF(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// plainTIFF is RGB in one strip, its directory last.
func plainTIFF(m *image.NRGBA) []byte {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("II*\x00"), uint32(8+3*w*h+6))
	for i := 0; i < len(m.Pix); i += 4 {
		b = append(b, m.Pix[i:i+3]...)
	}
	bits := len(b)
	b = append(b, 8, 0, 8, 0, 8, 0)
	entries := [][3]int{{tagWidth, 4, w}, {tagHeight, 4, h}, {tagBits, 3, bits}, {tagPhotometric, 3, 2}, {tagStrips, 4, 8}, {tagSamples, 3, 3}, {tagStripBytes, 4, 3 * w * h}}
	b = le.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		n := uint32(1)
		if e[0] == tagBits {
			n = 3
		}
		b = le.AppendUint32(le.AppendUint16(le.AppendUint16(b, uint16(e[0])), uint16(e[1])), n)
		b = le.AppendUint32(b, uint32(e[2]))
	}
	return append(b, 0, 0, 0, 0)
}

// tiledTIFF is RGB in tiles, 8 or 16 bits, with or without LZW and predictor.
func tiledTIFF(t testing.TB, m *image.NRGBA, order binary.AppendByteOrder, tile, bytesEach, packing, predictor int) []byte {
	t.Helper()
	w, h := m.Rect.Dx(), m.Rect.Dy()
	b := []byte("II*\x00\x00\x00\x00\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*\x00\x00\x00\x00")
	}
	long := func(v int) { b = order.AppendUint32(b, uint32(v)) }
	short := func(v int) { b = order.AppendUint16(b, uint16(v)) }
	var offsets, sizes []int
	for ty := 0; ty < h; ty += tile {
		for tx := 0; tx < w; tx += tile {
			var raw []byte
			for y := range tile {
				var line []int
				for x := range tile {
					c := m.NRGBAAt(min(tx+x, w-1), min(ty+y, h-1))
					line = append(line, int(c.R), int(c.G), int(c.B))
				}
				for i, v := range line {
					if v *= 1 + 256*(bytesEach-1); predictor == 2 && i > 2 {
						v -= line[i-3] * (1 + 256*(bytesEach-1))
					}
					if bytesEach == 1 {
						raw = append(raw, byte(v))
					} else {
						raw = order.AppendUint16(raw, uint16(v))
					}
				}
			}
			packed, err := tiffPack(raw, 3*tile*bytesEach, int64(packing))
			if err != nil {
				t.Fatal(err)
			}
			offsets, sizes = append(offsets, len(b)), append(sizes, len(packed))
			b = append(b, packed...)
		}
	}
	places := [3]int{len(b), 0, 0}
	for range 3 {
		short(8 * bytesEach)
	}
	for i, list := range [2][]int{offsets, sizes} {
		places[i+1] = len(b)
		for _, v := range list {
			long(v)
		}
	}
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	directory := len(b)
	entries := [][4]int{{tagWidth, 4, 1, w}, {tagHeight, 4, 1, h}, {tagBits, 3, 3, places[0]}, {tagCompression, 4, 1, packing}, {tagPhotometric, 4, 1, 2}, {tagSamples, 4, 1, 3},
		{tagPredictor, 4, 1, predictor}, {tagTileWidth, 4, 1, tile}, {tagTileHeight, 4, 1, tile}, {tagTiles, 4, len(offsets), places[1]}, {tagTileBytes, 4, len(sizes), places[2]}}
	short(len(entries))
	for _, e := range entries {
		short(e[0])
		short(e[1])
		long(e[2])
		long(e[3])
	}
	long(0)
	copy(b[4:], order.AppendUint32(nil, uint32(directory)))
	return b
}

// TestTiles: of a tiled TIFF only the tiles under the mark change, and another's reader sees what was there and the mark.
func TestTiles(t *testing.T) {
	t.Parallel()
	m := scene(230, 170, 41)
	for name, c := range map[string]struct {
		order                          binary.AppendByteOrder
		tile, each, packing, predictor int
	}{
		"plain":              {binary.LittleEndian, 64, 1, 1, 1},
		"16 bits":            {binary.LittleEndian, 32, 2, 1, 1},
		"big-endian 16 bits": {binary.BigEndian, 48, 2, 8, 2},
		"LZW, predictor":     {binary.BigEndian, 64, 1, 5, 2},
		"PackBits":           {binary.LittleEndian, 80, 1, 32773, 1},
	} {
		in := tiledTIFF(t, m, c.order, c.tile, c.each, c.packing, c.predictor)
		before, err := tiff.Decode(bytes.NewReader(in))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out, r, err := Image(in, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		after, err := tiff.Decode(bytes.NewReader(out))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for y := range 170 {
			for x := range 230 {
				if !image.Pt(x, y).In(r.Box) && before.At(x, y) != after.At(x, y) {
					t.Fatalf("%s: pixel %d,%d was %v, is %v", name, x, y, before.At(x, y), after.At(x, y))
				}
			}
		}
		if f := Find(after); f.State != Found || f.Enough != Yes {
			t.Errorf("%s: %+v %+v", name, r, f)
		}
		if first := c.tile * c.tile * 3 * c.each; c.packing == 1 && (len(out) != len(in) || !bytes.Equal(out[8:8+first], in[8:8+first])) {
			t.Errorf("%s: the first tile, which the mark does not touch, was moved or changed", name)
		}
	}
}

// FuzzImage: no file panics, and what comes back is an image that has its mark.
func FuzzImage(f *testing.F) {
	m := scene(48, 40, 2)
	for _, b := range [][]byte{encodePNG(f, m), encodeJPEG(f, m, 80), encodeGIF(f, m), plainTIFF(m), []byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00")} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, r, err := Image(b, Options{MaxPixels: 1 << 16})
		if err != nil {
			if out != nil {
				t.Fatal("a file beside an error")
			}
			return
		}
		if r.Share < LeastShare {
			t.Fatalf("%+v", r)
		}
		if _, again, err := Image(out, Options{MaxPixels: 1 << 16}); err != nil {
			t.Fatalf("%+v; what was written is not read: %v", r, err)
		} else if again.Share < LeastShare {
			t.Fatalf("%+v, then %+v", r, again)
		}
	})
}
