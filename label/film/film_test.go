package film

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
)

// need skips a test without its command, and fails under CI.
func need(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			testkit.Missing(t, name, "internal/testkit/install.sh")
		}
	}
}

// command runs a command and returns what it prints.
func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out, said bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said.String())
	}
	return out.String()
}

// make a file with ffmpeg; the arguments end before its name.
func shoot(t testing.TB, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	command(t, "ffmpeg", append(append([]string{"-v", "error", "-y"}, args...), path)...)
	return path
}

func load(t testing.TB, path string) *carrier.File {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return carrier.Bytes(b)
}

func save(t testing.TB, f *carrier.File, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	write(t, path, f)
	return path
}

// lines of what a command prints, without comments.
func lines(s string) (out []string) {
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// packets are those of all streams as ffprobe has them: stream, time shown, duration, flags, digest; times of decoding aside, which it may guess.
func packets(t testing.TB, path, stream string) []string {
	return lines(command(t, "ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", "packet=stream_index,pts,duration,flags,data_hash", "-show_data_hash", "md5", "-of", "csv=p=0", path))
}

// pictures are the digests of what a player shows, with the times.
func pictures(t testing.TB, path string) []string {
	return lines(command(t, "ffmpeg", "-v", "error", "-xerror", "-i", path, "-map", "0:V:0", "-fps_mode", "passthrough", "-copyts", "-f", "framemd5", "-"))
}

// kept holds a marked film against the old one.
func kept(t *testing.T, was, is string, r Report) {
	t.Helper()
	a, b := packets(t, was, "V:0"), packets(t, is, "V:0")
	if len(a) != len(b) || len(a) < r.Anew || !slices.Equal(a[r.Anew:], b[r.Anew:]) {
		t.Errorf("packets behind the opening: %d and %d, or they differ", len(a), len(b))
	}
	times := func(list []string) (out []string) {
		for _, l := range list {
			cells := strings.Split(l, ",")
			out = append(out, cells[1])
		}
		slices.Sort(out)
		return out
	}
	if !slices.Equal(times(a), times(b)) {
		t.Error("times of the pictures differ")
	}
	for _, kind := range []string{"a", "s", "d", "t", "v:1"} {
		if x, y := packets(t, was, kind), packets(t, is, kind); !slices.Equal(x, y) {
			t.Errorf("streams %s differ: %d and %d packets", kind, len(x), len(y))
		}
	}
	p, q := pictures(t, was), pictures(t, is)
	if len(p) != len(q) {
		t.Fatalf("%d pictures, were %d", len(q), len(p))
	}
	changed, last := 0, -1
	for i := range p {
		x, y := strings.Split(p[i], ","), strings.Split(q[i], ",")
		if strings.TrimSpace(x[2]) != strings.TrimSpace(y[2]) {
			t.Fatalf("picture %d at %s, was at %s", i, y[2], x[2])
		}
		if x[5] != y[5] {
			changed, last = changed+1, i
		}
	}
	if changed == 0 || last >= r.Anew {
		t.Errorf("%d pictures changed, the last is %d; %d were encoded anew", changed, last, r.Anew)
	}
	info := func(path string) string {
		return command(t, "ffprobe", "-v", "error", "-show_chapters", "-show_entries", "format=nb_streams,duration,start_time:format_tags:stream=index,codec_name,profile,pix_fmt,width,height,start_time,duration,nb_frames,r_frame_rate,sample_aspect_ratio,color_space,color_range,color_transfer,color_primaries:stream_tags:stream_disposition:stream_side_data", path)
	}
	if x, y := info(was), info(is); x != y {
		t.Errorf("ffprobe says\n%s\nbefore it said\n%s", y, x)
	}
}

func TestPicture(t *testing.T) {
	need(t, "ffmpeg", "ffprobe")
	for _, c := range []struct {
		name string
		args []string
	}{
		{"plain.mp4", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -f lavfi -i sine=440:r=48000 -t 8 -c:v libx264 -g 50 -pix_fmt yuv420p -c:a aac -metadata title=Hello")},
		{"faststart.mp4", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -f lavfi -i sine=440:r=48000 -t 8 -c:v libx264 -g 50 -pix_fmt yuv420p -c:a aac -movflags +faststart -metadata title=Hello")},
		{"baseline.mov", strings.Fields("-f lavfi -i testsrc2=s=240x320:r=30 -f lavfi -i sine=440:r=44100 -t 6 -c:v libx264 -profile:v baseline -g 30 -pix_fmt yuv420p -c:a pcm_s16le")},
		{"single.mp4", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=24 -t 5 -c:v libx264 -pix_fmt yuv420p")},
		{"open.mp4", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -t 9 -c:v libx264 -x264-params open-gop=1:keyint=25:scenecut=0 -pix_fmt yuv420p")},
		{"hevc.mp4", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -t 9 -c:v libx265 -tag:v hvc1 -x265-params log-level=error:keyint=50:open-gop=0 -pix_fmt yuv420p")},
		{"ten.mp4", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -t 6 -c:v libx265 -tag:v hev1 -x265-params log-level=error:keyint=25:open-gop=0 -pix_fmt yuv420p10le")},
		{"vp9.mp4", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -t 6 -c:v libvpx-vp9 -cpu-used 5 -deadline realtime -g 50 -pix_fmt yuv420p")},
		{"av1.mp4", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -t 5 -c:v libaom-av1 -cpu-used 8 -usage realtime -g 50 -pix_fmt yuv420p")},
		{"svt.mp4", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -t 5 -c:v libsvtav1 -preset 12 -g 50 -pix_fmt yuv420p")},
		{"plain.mkv", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -f lavfi -i sine=440:r=48000 -t 14 -c:v libx264 -g 50 -pix_fmt yuv420p -c:a libopus -metadata title=Hello")},
		{"hevc.mkv", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -t 9 -c:v libx265 -x265-params log-level=error:keyint=50:open-gop=0 -pix_fmt yuv420p")},
		{"vp9.webm", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -f lavfi -i sine=440:r=48000 -t 9 -c:v libvpx-vp9 -cpu-used 5 -deadline realtime -g 50 -pix_fmt yuv420p -c:a libopus")},
		{"live.webm", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -f lavfi -i sine=440:r=48000 -t 9 -c:v libvpx-vp9 -cpu-used 5 -deadline realtime -g 50 -pix_fmt yuv420p -c:a libopus -live 1")},
		{"single.mkv", strings.Fields("-f lavfi -i testsrc2=s=320x240:r=25 -t 6 -c:v libx264 -pix_fmt yuv420p")},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := shoot(t, c.name, c.args...)
			marked, r, err := Mark(context.Background(), load(t, was), strings.TrimPrefix(filepath.Ext(c.name), "."), Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%+v", r)
			kept(t, was, save(t, marked, c.name), r)
		})
	}
}

func write(t testing.TB, path string, f *carrier.File) {
	t.Helper()
	b, err := f.Read("", 0, f.Size())
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func text(t testing.TB, path, words string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(words), 0o600); err != nil {
		t.Fatal(err)
	}
}
