package film

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/label/sound"
)

// TestSound: every codec gets a rhythm that is heard again, before and behind, once, and keeps its kind, its rate and its tags.
func TestSound(t *testing.T) {
	need(t, "ffmpeg", "ffprobe")
	for _, c := range []struct {
		name, args string
	}{
		{"a.mp3", "-c:a libmp3lame -b:a 96k -ar 44100 -ac 2"},
		{"small.mp3", "-c:a libmp3lame -b:a 24k -ar 16000 -ac 1"},
		{"a.m4a", "-c:a aac -b:a 96k -ar 44100 -ac 2"},
		{"lossless.m4a", "-c:a alac -ar 44100 -ac 2"},
		{"a.aac", "-c:a aac -b:a 48k -ar 24000 -ac 1"},
		{"a.opus", "-c:a libopus -b:a 32k -ac 1"},
		{"a.ogg", "-c:a libvorbis -b:a 80k -ar 44100 -ac 2"},
		{"a.flac", "-c:a flac -ar 48000 -ac 2 -sample_fmt s32 -bits_per_raw_sample 24"},
		{"surround.flac", "-c:a flac -ar 44100 -ac 6"},
	} {
		was := shoot(t, c.name, append(strings.Fields("-f lavfi -i anoisesrc=c=pink:a=0.2:d=6:seed=3 -metadata title=Hello -metadata artist=Somebody"), strings.Fields(c.args)...)...)
		format := strings.TrimPrefix(filepath.Ext(was), ".")
		if format == "opus" {
			format = "ogg"
		}
		f := load(t, was)
		if _, marks, err := Look(context.Background(), f, format, Limits{}); err != nil || len(marks) > 0 {
			t.Errorf("%s, plain: %v %v", c.name, marks, err)
		}
		for _, end := range []bool{false, true} {
			o := Options{Sound: sound.Options{End: end}}
			out, r, err := Mark(context.Background(), f, format, o)
			if err != nil || r.Already || !r.Heard {
				t.Errorf("%s: %v %v", c.name, r, err)
				continue
			}
			if _, r, err := Mark(context.Background(), out, format, o); err != nil || !r.Already {
				t.Errorf("%s is marked twice: %v", c.name, err)
			}
			is := filepath.Join(t.TempDir(), c.name)
			write(t, is, out)
			if c.name == "a.flac" || c.name == "lossless.m4a" || c.name == "surround.flac" {
				rate := 44100
				if c.name == "a.flac" {
					rate = 48000
				}
				pcm := func(path, filter string) string {
					return command(t, "ffmpeg", "-v", "error", "-i", path, "-af", filter, "-c:a", "pcm_s32le", "-f", "md5", "-")
				}
				mark, err := sound.Samples(rate, nil, o.Sound)
				if err != nil {
					t.Fatal(err)
				}
				cut := fmt.Sprintf("atrim=start_sample=%d", len(mark))
				if end {
					cut = fmt.Sprintf("atrim=end_sample=%d", 6*rate)
				}
				if pcm(was, "anull") != pcm(is, cut) {
					t.Errorf("%s, end %t: the content's samples have changed", c.name, end)
				}
			}
			info := func(path string) string {
				return command(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,profile,sample_rate,channels,channel_layout,bits_per_raw_sample:stream_tags=title,artist:format_tags=title,artist", path)
			}
			if x, y := info(was), info(is); x != y {
				t.Errorf("%s: ffprobe says\n%s\nbefore it said\n%s", c.name, y, x)
			}
		}
	}
}
