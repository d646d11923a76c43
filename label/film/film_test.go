package film

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/mark"
	"github.com/hegui/hegui/label/sound"
)

func tools(t testing.TB) *Tools {
	t.Helper()
	x, err := Find()
	if err != nil {
		testkit.Missing(t, "ffmpeg", "install ffmpeg")
	}
	return x
}

// made is a file that ffmpeg makes.
func made(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	testkit.Tool(t, "ffmpeg", "install ffmpeg")(append(append([]string{"-v", "error", "-nostdin"}, args...), path)...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	speech = "aevalsrc='0.4*sin(2*PI*(140+30*sin(2*PI*0.7*t))*t)*(0.5+0.5*sin(2*PI*3*t))':s=%d:d=6"
	music  = "aevalsrc='0.2*sin(2*PI*220*t)+0.2*sin(2*PI*277*t)+0.15*sin(2*PI*330*t)+0.1*sin(2*PI*mod(floor(t*2),5)*55*t)':s=%d:d=6"
)

func source(expression string, rate int) string {
	return strings.Replace(expression, "%d", strconv.Itoa(rate), 1)
}

func TestSound(t *testing.T) {
	x := tools(t)
	for _, c := range []struct {
		format, file string
		args         []string
	}{
		{"mp3", "a.mp3", []string{"-f", "lavfi", "-i", source(speech, 44100), "-b:a", "128k", "-metadata", "title=a title"}},
		{"mp3", "low.mp3", []string{"-f", "lavfi", "-i", source(speech, 16000), "-b:a", "32k"}},
		{"aac", "a.aac", []string{"-f", "lavfi", "-i", source(speech, 24000), "-b:a", "64k"}},
		{"m4a", "a.m4a", []string{"-f", "lavfi", "-i", source(music, 44100), "-b:a", "128k", "-metadata", "title=a title"}},
		{"ogg", "a.opus", []string{"-f", "lavfi", "-i", source(speech, 48000), "-c:a", "libopus", "-b:a", "24k"}},
		{"ogg", "a.ogg", []string{"-f", "lavfi", "-i", source(music, 44100), "-c:a", "libvorbis"}},
		{"flac", "a.flac", []string{"-f", "lavfi", "-i", source(music, 48000)}},
	} {
		t.Run(c.file, func(t *testing.T) {
			file := made(t, c.file, c.args...)
			if heard, err := x.Hear(carrier.Bytes(file), c.format); err != nil || len(heard) != 0 {
				t.Fatalf("before: %v %v", heard, err)
			}
			out, err := x.MarkSound(carrier.Bytes(file), c.format, sound.Options{})
			if err != nil {
				t.Fatal(err)
			}
			heard, err := x.Hear(out, c.format)
			if err != nil || len(heard) != 1 || heard[0].Start > 0.5 {
				t.Fatalf("after: %+v %v", heard, err)
			}
			before, after := length(t, file, c.file), length(t, bytesOf(t, out), c.file)
			if longer := after - before; longer < 1 || longer > 4 {
				t.Errorf("%.2f s became %.2f s", before, after)
			}
			if strings.Contains(strings.Join(c.args, " "), "title") && !bytes.Contains(bytesOf(t, out), []byte("a title")) {
				t.Error("the title is lost")
			}
			if ratio := float64(out.Size()) / float64(len(file)); ratio > 2.2 {
				t.Errorf("%.1f times as large", ratio)
			}
		})
	}
}

// The rhythm is heard through the codecs that sound goes through on its way, the telephone included.
func TestHeardAfterTranscoding(t *testing.T) {
	x := tools(t)
	for name, expression := range map[string]string{"speech": speech, "music": music} {
		file := made(t, "a.flac", "-f", "lavfi", "-i", source(expression, 44100))
		marked, err := x.MarkSound(carrier.Bytes(file), "flac", sound.Options{})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "m.flac")
		if err := os.WriteFile(path, bytesOf(t, marked), 0o600); err != nil {
			t.Fatal(err)
		}
		for as, c := range map[string]struct {
			file, format string
			args         []string
		}{
			"mp3 64k":  {"b.mp3", "mp3", []string{"-b:a", "64k"}},
			"aac 48k":  {"b.m4a", "m4a", []string{"-b:a", "48k"}},
			"opus 16k": {"b.opus", "ogg", []string{"-c:a", "libopus", "-b:a", "16k"}},
		} {
			out := made(t, c.file, append([]string{"-i", path}, c.args...)...)
			if heard, err := x.Hear(carrier.Bytes(out), c.format); err != nil || len(heard) != 1 {
				t.Errorf("%s after %s: %+v %v", name, as, heard, err)
			}
		}
		phone := made(t, "b.wav", "-i", path, "-ar", "8000", "-ac", "1", "-c:a", "pcm_mulaw")
		again := made(t, "c.wav", "-i", written(t, "b.wav", phone), "-c:a", "pcm_s16le")
		if heard, err := sound.FindWAV(carrier.Bytes(again)); err != nil || len(heard) != 1 {
			t.Errorf("%s on the telephone: %+v %v", name, heard, err)
		}
	}
}

func TestFilm(t *testing.T) {
	x := tools(t)
	video := func(size string, more ...string) []string {
		return append([]string{"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=25:duration=5", "-f", "lavfi", "-i", source(speech, 44100), "-shortest", "-pix_fmt", "yuv420p", "-metadata", "title=a title"}, more...)
	}
	x264 := []string{"-c:v", "libx264", "-preset", "ultrafast"}
	for _, c := range []struct {
		format, file string
		args         []string
		w, h         int
	}{
		{"mp4", "wide.mp4", video("640x360", x264...), 640, 360},
		{"mp4", "tall.mp4", video("360x640", x264...), 360, 640},
		{"mp4", "short.mp4", append(video("320x240", x264...), "-t", "1"), 320, 240},
		{"mov", "a.mov", video("480x360", x264...), 480, 360},
		{"mkv", "a.mkv", append(video("640x360", x264...), "-c:a", "libopus"), 640, 360},
		{"webm", "a.webm", video("320x180", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "500k", "-c:a", "libopus"), 320, 180},
	} {
		t.Run(c.file, func(t *testing.T) {
			file := made(t, c.file, c.args...)
			if seen, err := x.Look(carrier.Bytes(file), c.format); err != nil || seen.State == mark.Found {
				t.Fatalf("before: %+v %v", seen, err)
			}
			out, err := x.MarkFilm(carrier.Bytes(file), c.format, mark.Options{})
			if err != nil {
				t.Fatal(err)
			}
			seen, err := x.Look(out, c.format)
			if err != nil || seen.State != mark.Found || seen.Enough != mark.Yes || !seen.Edge {
				t.Fatalf("after: %+v %v", seen, err)
			}
			if before, after := length(t, file, c.file), length(t, bytesOf(t, out), c.file); after-before > 0.06 || before-after > 0.06 {
				t.Errorf("%.3f s became %.3f s", before, after)
			}
			path, was := written(t, "m-"+c.file, bytesOf(t, out)), written(t, c.file, file)
			hash := func(p string) string {
				return testkit.Tool(t, "ffmpeg", "install ffmpeg")("-v", "error", "-i", p, "-map", "0:a", "-c", "copy", "-f", "streamhash", "-hash", "md5", "-")
			}
			if hash(path) != hash(was) {
				t.Error("the sound was changed")
			}
			if shot := os.Getenv("HEGUI_SHOTS"); shot != "" {
				testkit.Tool(t, "ffmpeg", "")("-v", "error", "-y", "-ss", "1", "-i", path, "-frames:v", "1", filepath.Join(shot, "film-"+c.file+".png"))
			}
			// from the third second on nothing is marked
			if c.file != "short.mp4" {
				b := testkit.Tool(t, "ffmpeg", "install ffmpeg")("-v", "error", "-ss", "3", "-i", path, "-frames:v", "1", "-y", filepath.Join(filepath.Dir(path), "late.png"))
				late, err := os.ReadFile(filepath.Join(filepath.Dir(path), "late.png"))
				if err != nil {
					t.Fatal(b, err)
				}
				if seen, err := mark.FindIn(late, mark.Options{}); err != nil || seen.State == mark.Found {
					t.Errorf("at 3 s: %+v %v", seen, err)
				}
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	x := tools(t)
	list := []byte("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
	for name, file := range map[string][]byte{"a list": list, "nothing": nil, "noise": bytes.Repeat([]byte{0xff, 0xfb, 3}, 100), "half": made(t, "a.mp4", "-f", "lavfi", "-i", "testsrc2=size=64x64:duration=1", "-c:v", "libx264")[:900]} {
		for _, format := range []string{"mp4", "mkv"} {
			if out, err := x.MarkFilm(carrier.Bytes(file), format, mark.Options{}); err == nil {
				t.Errorf("%s as %s: %d bytes", name, format, out.Size())
			}
		}
		if _, err := x.MarkSound(carrier.Bytes(file), "flac", sound.Options{}); err == nil {
			t.Errorf("%s as flac", name)
		}
	}
	if _, err := x.MarkFilm(carrier.Bytes(nil), "avi", mark.Options{}); err == nil {
		t.Error("avi")
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "apt-get install ffmpeg") {
		t.Error(err)
	}
}

func bytesOf(t testing.TB, f *carrier.File) []byte {
	t.Helper()
	b, err := f.Read("test", 0, f.Size())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func written(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// length is how long a file plays, in seconds.
func length(t testing.TB, b []byte, name string) float64 {
	t.Helper()
	path := written(t, name, b)
	out := testkit.Tool(t, "ffprobe", "install ffmpeg")("-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path)
	if out == "N/A" || strings.HasSuffix(name, ".aac") { // it has to be counted
		out = testkit.Tool(t, "ffprobe", "install ffmpeg")("-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", path)
		n, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
		if err != nil {
			t.Fatal(out, err)
		}
		return n * 1024 / 24000
	}
	s, err := strconv.ParseFloat(out, 64)
	if err != nil {
		t.Fatal(out, err)
	}
	return s
}
