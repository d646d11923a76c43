package film

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hegui/hegui/label/carrier"
)

// TestMissing: without the commands nothing is marked and nothing is said to be without a mark.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	f := carrier.Bytes([]byte("\x00\x00\x00\x10ftypisom\x00\x00\x00\x00"))
	_, _, err := Mark(context.Background(), f, "mp4", Options{})
	_, _, look := Look(context.Background(), f, "mp4", Limits{})
	for _, err := range []error{err, look} {
		if !errors.Is(err, ErrTool) || !strings.Contains(err.Error(), "install") {
			t.Error(err)
		}
	}
}

// TestHostile: what is no film fails with what ffmpeg said of it, a playlist is not followed, and nothing is left behind.
func TestHostile(t *testing.T) {
	need(t, "ffmpeg", "ffprobe")
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	film := load(t, shoot(t, "a.mp4", strings.Fields("-f lavfi -i testsrc2=s=128x128:r=10 -t 3 -c:v libx264 -pix_fmt yuv420p")...))
	good, err := film.Read("", 0, film.Size())
	if err != nil {
		t.Fatal(err)
	}
	for format, b := range map[string][]byte{
		"mp4": good[:len(good)/2], "mov": []byte("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:1/a.ts\n"), "mkv": []byte("ffconcat version 1.0\nfile /etc/passwd\n"),
		"mp3": []byte("nothing"), "flac": {}, "ogg": bytes.Repeat([]byte{0}, 4096),
	} {
		if f, _, err := Mark(context.Background(), carrier.Bytes(b), format, Options{}); err == nil || f != nil || errors.Is(err, ErrTool) {
			t.Errorf("%s: %v", format, err)
		}
		if s, heard, err := Look(context.Background(), carrier.Bytes(b), format, Limits{}); err == nil || s != nil || heard != nil {
			t.Errorf("%s: %v %v %v", format, s, heard, err)
		}
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Mark(gone, film, "mp4", Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, _, err := Mark(context.Background(), film, "mp4", Options{Limits: Limits{Time: time.Millisecond}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, _, err := Mark(context.Background(), film, "mp4", Options{Limits: Limits{Bytes: 100}}); carrier.KindOf(err) != carrier.TooLarge {
		t.Error(err)
	}
	if _, _, err := Mark(context.Background(), film, "mp4", Options{Limits: Limits{Pixels: 100}}); carrier.KindOf(err) != carrier.TooLarge {
		t.Error(err)
	}
	if _, _, err := Mark(context.Background(), film, "mp4", Options{Seconds: 1}); err == nil {
		t.Error("a second is too short")
	}
	left, err := os.ReadDir(tmp)
	for _, x := range left {
		if strings.HasPrefix(x.Name(), "hegui-film-") {
			t.Error("left behind:", x.Name())
		}
	}
	if err != nil || !bytes.Equal(good, must(t, film)) {
		t.Error("the original has changed", err)
	}
}

func must(t testing.TB, f *carrier.File) []byte {
	t.Helper()
	b, err := f.Read("", 0, f.Size())
	if err != nil {
		t.Fatal(err)
	}
	return b
}
