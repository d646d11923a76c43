package film

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/label/mark"
)

// TestLook: a mark of this package is seen upright, where and for how long, on films of all shapes; nothing is seen on the plain ones.
func TestLook(t *testing.T) {
	need(t, "ffmpeg", "ffprobe")
	turn := func(path string, m turn) string { // a telephone writes the matrix of tkhd so
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(b, []byte("tkhd")) + 4 + 40
		for i, v := range []int{m.a, m.b, 0, m.c, m.d} {
			binary.BigEndian.PutUint32(b[at+4*i:], uint32(int32(v)<<16))
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	clock, back, over, mirror := turn4()
	const wide, high, old = "mandelbrot=s=640x360:r=25", "mandelbrot=s=360x640:r=25", "mandelbrot=s=480x360:r=25"
	film := func(name, source string, more ...string) string {
		return shoot(t, name, append(strings.Fields("-f lavfi -i "+source+" -t 4 -c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p"), more...)...)
	}
	for name, path := range map[string]string{
		"16:9": film("wide.mp4", wide), "9:16": film("high.mp4", high), "4:3": film("old.mp4", old),
		"turned 90": turn(film("a.mp4", wide), clock), "turned -90": turn(film("b.mp4", wide), back), "turned 180": turn(film("c.mp4", wide), over), "mirrored": turn(film("f.mp4", wide), mirror),
		"anamorphic": film("d.mp4", old, "-vf", "setsar=4/3"), "anamorphic, turned": turn(film("e.mp4", old, "-vf", "setsar=4/3"), clock),
	} {
		f := load(t, path)
		if s, _, err := Look(context.Background(), f, "mp4", Limits{}); s != nil || err != nil {
			t.Errorf("%s, plain: %+v, %v", name, s, err)
		}
		marked, r, err := Mark(context.Background(), f, "mp4", Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		out := save(t, marked, "marked.mp4")
		start := time.Now()
		s, _, err := Look(context.Background(), load(t, out), "mp4", Limits{})
		t.Log(name, time.Since(start), s, r.Anew)
		if err != nil || s == nil || s.Short || s.From != 0 || s.Seconds < 2 || s.Seconds > 2 || s.Enough == mark.No || !s.Edge {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
		if dir := os.Getenv("FILM_LOOK"); dir != "" {
			command(t, "ffmpeg", "-v", "error", "-y", "-i", out, "-vf", "scale=iw*sar:ih,setsar=1", "-frames:v", "1", filepath.Join(dir, strings.ReplaceAll(name, ":", "x")+".png"))
		}
	}
}

// turn4 are the turns that cameras write.
func turn4() (clock, back, over, mirror turn) {
	return turn{0, 1, -1, 0}, turn{0, -1, 1, 0}, turn{-1, 0, 0, -1}, turn{-1, 0, 0, 1}
}
