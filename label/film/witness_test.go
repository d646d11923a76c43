package film

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
)

// TestWitnesses: other people's readers see the same film, tags and chapters before and after; bytes that nobody opened are the same.
func TestWitnesses(t *testing.T) {
	need(t, "ffmpeg", "ffprobe", "exiftool", "mediainfo")
	chapters := filepath.Join(t.TempDir(), "chapters.txt")
	text(t, chapters, ";FFMETADATA1\ntitle=Hello\nAIGC={\"Label\":\"1\"}\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=3\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1\nSTART=3\nEND=6\ntitle=Two\n")
	words := filepath.Join(t.TempDir(), "words.srt")
	text(t, words, "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n2\n00:00:04,000 --> 00:00:05,000\nthere\n")
	for name, more := range map[string]string{"a.mp4": "-c:s mov_text -movflags use_metadata_tags -c:a aac", "a.mov": "-c:s mov_text -movflags use_metadata_tags -c:a pcm_s16le", "a.mkv": "-c:s srt -c:a libopus"} {
		args := append(strings.Fields("-f lavfi -i testsrc2=s=192x144:r=25 -f lavfi -i sine=440:r=48000 -i "+chapters+" -i "+words+" -map 0 -map 1 -map 3 -map_metadata 2 -t 6 -c:v libx264 -preset veryfast -g 25 -pix_fmt yuv420p"), strings.Fields(more)...)
		was := shoot(t, name, args...)
		f, r, err := Mark(context.Background(), load(t, was), strings.TrimPrefix(filepath.Ext(name), "."), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		is := save(t, f, name)
		kept(t, was, is, r)
		for _, tool := range [][]string{
			{"exiftool", "-a", "-G1", "-s", "-x", "System:all", "-x", "MediaDataSize", "-x", "MediaDataOffset", "-x", "AvgBitrate", "-x", "TagsPosition", "-x", "CuesPosition"},
			{"mediainfo", "--Output=General;%Format% %Duration% %Title% %AIGC% %OverallBitRate_Mode% %TextCount% %MenuCount%\\n"},
			{"mediainfo", "--Output=Video;%Format% %Width% %Height% %Duration% %FrameCount% %FrameRate% %DisplayAspectRatio% %ColorSpace% %Delay%\\n"},
			{"mediainfo", "--Output=Audio;%Format% %Duration% %SamplingRate% %StreamSize% %Delay% %Video_Delay%\\n"},
			{"mediainfo", "--Output=Text;%Format% %Duration% %ElementCount%\\n"},
		} {
			x, y := command(t, tool[0], append(tool[1:], was)...), command(t, tool[0], append(tool[1:], is)...)
			if tool[0] == "exiftool" {
				x, y = sizeless(x), sizeless(y)
			}
			if x != y || strings.TrimSpace(x) == "" {
				t.Errorf("%s, %s says\n%s\nbefore it said\n%s", name, tool[0], y, x)
			}
		}
	}
}

// sizeless is what exiftool says but for sizes and places, which must differ.
func sizeless(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		if !strings.Contains(line, "Position") && !strings.Contains(line, "DataSize") && !strings.Contains(line, "Bitrate") && !strings.Contains(line, "SeekPos") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}
