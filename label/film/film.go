// Package film puts visible marks on film and audible ones on compressed sound, and looks for them, by the commands ffmpeg and ffprobe
// (GB 45438-2025 5.3, 5.4). Without them nothing is marked: the error says what to install.
//
// Files come from anywhere, so the commands read nothing but the one file: no lists, no network, one known container, a time limit, a folder of
// its own that is removed. What comes back has been looked at again and carries the mark.
package film

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/mark"
	"github.com/hegui/hegui/label/sound"
)

// Seconds is how long the opening mark stands; the rule asks for 2 (5.4), the rest is room for players that begin a little late. Ours.
const Seconds = 2.5

// Bounds. Ours.
const (
	timeLimit = 20 * time.Minute
	maxSide   = 8192
	maxOutput = 4 << 30
)

// ErrMissing says that the commands are not there.
var ErrMissing = errors.New("film: ffmpeg and ffprobe are needed for this and are not installed here (Debian, Ubuntu: apt-get install ffmpeg)")

// ErrCheck says that the mark was written and is not found again; the file is not given out.
var ErrCheck = errors.New("film: the mark was written and cannot be found again")

// Tools are the two commands.
type Tools struct{ ffmpeg, ffprobe string }

// Find looks for the commands; ErrMissing when one is not there.
func Find() (*Tools, error) {
	t := &Tools{}
	for name, at := range map[string]*string{"ffmpeg": &t.ffmpeg, "ffprobe": &t.ffprobe} {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, ErrMissing
		}
		*at = path
	}
	return t, nil
}

// kind is a container that is marked: what ffmpeg calls it when it reads and when it writes, and with which encoders.
type kind struct {
	demuxer, muxer, ext string
	extra               []string
}

func kinds() map[string]kind {
	return map[string]kind{
		"mp3":  {"mp3", "mp3", "mp3", nil},
		"aac":  {"aac", "adts", "aac", nil},
		"m4a":  {"mov", "ipod", "m4a", []string{"-movflags", "+faststart"}},
		"flac": {"flac", "flac", "flac", nil},
		"ogg":  {"ogg", "ogg", "ogg", nil},
		"mp4":  {"mov", "mp4", "mp4", []string{"-movflags", "+faststart+use_metadata_tags"}},
		"mov":  {"mov", "mov", "mov", []string{"-movflags", "+faststart+use_metadata_tags"}},
		"mkv":  {"matroska", "matroska", "mkv", nil},
		"webm": {"matroska", "webm", "webm", nil},
	}
}

// Marks tells whether a format (a carrier.Format's name) can be marked here.
func Marks(format string) bool { _, ok := kinds()[format]; return ok }

// stream is what ffprobe says of one.
type stream struct {
	Index  int    `json:"index"`
	Type   string `json:"codec_type"`
	Codec  string `json:"codec_name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Rate   string `json:"bit_rate"`
	Sample string `json:"sample_rate"`
	Pixels string `json:"pix_fmt"`
	Start  string `json:"start_time"`
	Aspect string `json:"sample_aspect_ratio"`
	Cover  struct {
		Picture int `json:"attached_pic"`
	} `json:"disposition"`
	Side []struct {
		Rotation float64 `json:"rotation"`
	} `json:"side_data_list"`
}

// job is one file in a folder of its own.
type job struct {
	t    *Tools
	ctx  context.Context
	dir  string
	in   string
	kind kind
	name string // of the format
}

// begin writes the file where the commands can read it. end removes everything.
func (t *Tools) begin(f *carrier.File, format string) (j *job, end func(), err error) {
	k, ok := kinds()[format]
	if !ok {
		return nil, nil, fmt.Errorf("film: files of format %s are not marked here", format)
	}
	dir, err := os.MkdirTemp("", "hegui-film-")
	if err != nil {
		return nil, nil, fmt.Errorf("film: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeLimit)
	end = func() { cancel(); _ = os.RemoveAll(dir) }
	j = &job{t, ctx, dir, filepath.Join(dir, "in."+k.ext), k, format}
	out, err := os.OpenFile(j.in, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(out, f.Section(0, f.Size()))
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("film: %w", err)
	}
	return j, end, nil
}

// input is how the one file is read: by its own container only, and nothing that it names.
func (j *job) input(path string, demuxer string) []string {
	return []string{"-protocol_whitelist", "file,pipe", "-f", demuxer, "-i", path}
}

// run runs ffmpeg and returns what it prints.
func (j *job) run(args ...string) ([]byte, error) {
	return j.command(j.t.ffmpeg, append([]string{"-nostdin", "-hide_banner", "-v", "error", "-xerror", "-threads", "2", "-y"}, args...)...)
}

func (j *job) command(name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(j.ctx, name, args...)
	c.Dir, c.WaitDelay = j.dir, 5*time.Second
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		if j.ctx.Err() != nil {
			return nil, fmt.Errorf("film: %s took longer than %s", filepath.Base(name), timeLimit)
		}
		last := strings.TrimSpace(said.String())
		if i := strings.LastIndexByte(last, '\n'); i >= 0 {
			last = last[i+1:]
		}
		if len(last) > 300 {
			last = last[:300]
		}
		return nil, &carrier.Error{Format: j.name, Kind: carrier.Malformed, Offset: -1, Rule: "ffmpeg cannot work with it: " + strings.ReplaceAll(last, j.dir, ""), Err: err}
	}
	return out.Bytes(), nil
}

// probe lists the streams of the file.
func (j *job) probe(path string) ([]stream, error) {
	b, err := j.command(j.t.ffprobe, append([]string{"-v", "error", "-of", "json", "-show_streams", "-show_format"}, j.input(path, j.kind.demuxer)...)...)
	if err != nil {
		return nil, err
	}
	var got struct {
		Streams []stream `json:"streams"`
		Format  struct {
			Rate string `json:"bit_rate"`
		} `json:"format"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		return nil, fmt.Errorf("film: ffprobe: %w", err)
	}
	if len(got.Streams) == 1 && got.Streams[0].Rate == "" {
		got.Streams[0].Rate = got.Format.Rate // Ogg tells it of the whole only
	}
	return got.Streams, nil
}

func first(streams []stream, kind string) (stream, bool) {
	i := slices.IndexFunc(streams, func(s stream) bool { return s.Type == kind && s.Cover.Picture == 0 })
	if i < 0 {
		return stream{}, false
	}
	return streams[i], true
}

// result reads what was written.
func (j *job) result(path string) (*carrier.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("film: %w", err)
	}
	if info.Size() > maxOutput {
		return nil, &carrier.Error{Format: j.name, Kind: carrier.TooLarge, Offset: -1, Rule: "the marked file is larger than is given out here"}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("film: %w", err)
	}
	return carrier.Bytes(b), nil
}

// MarkSound puts the rhythm or the clip before (or behind) compressed sound. It comes back in the codec and about the bit rate that it had; FLAC
// stays lossless. Tags and a cover stay.
func (t *Tools) MarkSound(f *carrier.File, format string, o sound.Options) (*carrier.File, error) {
	j, end, err := t.begin(f, format)
	if err != nil {
		return nil, err
	}
	defer end()
	streams, err := j.probe(j.in)
	if err != nil {
		return nil, err
	}
	s, ok := first(streams, "audio")
	if !ok {
		return nil, &carrier.Error{Format: format, Kind: carrier.Malformed, Offset: -1, Rule: "the file has no sound"}
	}
	codec, err := soundCodec(s)
	if err != nil {
		return nil, err
	}
	wav, marked, out := filepath.Join(j.dir, "a.wav"), filepath.Join(j.dir, "b.wav"), filepath.Join(j.dir, "out."+j.kind.ext)
	depth := "pcm_s16le"
	if s.Codec == "flac" && s.Pixels == "" {
		depth = "pcm_s24le"
	}
	if _, err := j.run(append(j.input(j.in, j.kind.demuxer), "-map", "0:a:0", "-c:a", depth, "-f", "wav", "-rf64", "auto", wav)...); err != nil {
		return nil, err
	}
	if err := markWAV(wav, marked, o); err != nil {
		return nil, err
	}
	args := append(j.input(marked, "wav"), j.input(j.in, j.kind.demuxer)...)
	args = append(args, "-map", "0:a:0", "-map_metadata", "1")
	if slices.Contains([]string{"mp3", "m4a", "flac"}, format) {
		args = append(args, "-map", "1:v?", "-c:v", "copy", "-disposition:v", "attached_pic")
	}
	args = append(append(append(args, codec...), j.kind.extra...), "-f", j.kind.muxer, out)
	if _, err := j.run(args...); err != nil {
		return nil, err
	}
	if o.Clip == nil {
		heard, err := j.hear(out)
		if err != nil {
			return nil, err
		}
		if len(heard) == 0 {
			return nil, ErrCheck
		}
	}
	return j.result(out)
}

// markWAV puts the mark on the decoded sound.
func markWAV(from, to string, o sound.Options) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("film: %w", err)
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("film: %w", err)
	}
	edit, err := sound.MarkWAV(carrier.Open(in, info.Size()), o)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("film: %w", err)
	}
	_, err = edit.WriteTo(out)
	return errors.Join(err, out.Close())
}

// soundCodec is the encoder for a stream's own codec.
func soundCodec(s stream) ([]string, error) {
	bits, err := strconv.Atoi(s.Rate)
	if err != nil || bits < 8000 {
		bits = 128_000
	}
	rate := strconv.Itoa(min(bits, 512_000))
	switch s.Codec {
	case "mp3":
		return []string{"-c:a", "libmp3lame", "-b:a", strconv.Itoa(min(bits, 320_000))}, nil
	case "aac":
		return []string{"-c:a", "aac", "-b:a", rate}, nil
	case "opus":
		return []string{"-c:a", "libopus", "-b:a", strconv.Itoa(min(bits, 256_000))}, nil
	case "vorbis":
		return []string{"-c:a", "libvorbis", "-q:a", "5"}, nil
	case "flac":
		return []string{"-c:a", "flac"}, nil
	}
	return nil, &carrier.Error{Format: s.Codec, Kind: carrier.Unsupported, Offset: -1, Rule: fmt.Sprintf("sound in codec %.40s is not written here", s.Codec)}
}

// hear decodes a file's sound and listens for the rhythm.
func (j *job) hear(path string) ([]sound.Mark, error) {
	wav := filepath.Join(j.dir, "heard.wav")
	if _, err := j.run(append(j.input(path, j.kind.demuxer), "-map", "0:a:0", "-ac", "1", "-c:a", "pcm_s16le", "-f", "wav", "-rf64", "auto", wav)...); err != nil {
		return nil, err
	}
	b, err := os.Open(wav)
	if err != nil {
		return nil, fmt.Errorf("film: %w", err)
	}
	defer func() { _ = b.Close() }()
	info, err := b.Stat()
	if err != nil {
		return nil, fmt.Errorf("film: %w", err)
	}
	return sound.FindWAV(carrier.Open(b, info.Size()))
}

// Hear listens for the rhythm in compressed sound.
func (t *Tools) Hear(f *carrier.File, format string) ([]sound.Mark, error) {
	j, end, err := t.begin(f, format)
	if err != nil {
		return nil, err
	}
	defer end()
	return j.hear(j.in)
}

// MarkFilm draws the words on the opening of a film, for Seconds from its first picture. Only the pictures are encoded anew; sound, subtitles,
// chapters and tags stay as they are.
func (t *Tools) MarkFilm(f *carrier.File, format string, o mark.Options) (*carrier.File, error) {
	j, end, err := t.begin(f, format)
	if err != nil {
		return nil, err
	}
	defer end()
	streams, err := j.probe(j.in)
	if err != nil {
		return nil, err
	}
	s, ok := first(streams, "video")
	if !ok {
		return nil, &carrier.Error{Format: format, Kind: carrier.Malformed, Offset: -1, Rule: "the file has no pictures"}
	}
	codec, err := filmCodec(s)
	if err != nil {
		return nil, err
	}
	width, height := shown(s)
	if width < 1 || height < 1 || width > maxSide || height > maxSide {
		return nil, &carrier.Error{Format: format, Kind: carrier.TooLarge, Offset: -1, Rule: fmt.Sprintf("pictures of %d × %d are not marked here", width, height)}
	}
	over, _, err := mark.Overlay(width, height, o)
	if err != nil {
		return nil, err
	}
	overlay, out := filepath.Join(j.dir, "mark.png"), filepath.Join(j.dir, "out."+j.kind.ext)
	var b bytes.Buffer
	if err := png.Encode(&b, over); err != nil {
		return nil, fmt.Errorf("film: %w", err)
	}
	if err := os.WriteFile(overlay, b.Bytes(), 0o600); err != nil {
		return nil, fmt.Errorf("film: %w", err)
	}
	start, err := strconv.ParseFloat(s.Start, 64)
	if err != nil {
		start = 0
	}
	at := over.Bounds().Min
	filter := fmt.Sprintf("[0:v:0][1:v]overlay=%d:%d:format=auto:enable='lt(t,%.3f)',format=%s[v]", at.X, at.Y, start+Seconds, pixels(s.Pixels))
	args := append(j.input(j.in, j.kind.demuxer), "-protocol_whitelist", "file,pipe", "-f", "png_pipe", "-i", overlay, "-filter_complex", filter,
		"-map", "[v]", "-map", "0:a?", "-map", "0:s?", "-c", "copy", "-map_metadata", "0", "-map_chapters", "0", "-fps_mode", "passthrough")
	args = append(append(append(args, codec...), j.kind.extra...), "-f", j.kind.muxer, out)
	if _, err := j.run(args...); err != nil {
		return nil, err
	}
	seen, err := j.look(out)
	if err != nil {
		return nil, err
	}
	if seen.State != mark.Found || seen.Enough == mark.No {
		return nil, ErrCheck
	}
	return j.result(out)
}

// shown is the size of the pictures as they are shown: turned as the file says. Pictures with oblong samples are marked before they are stretched.
func shown(s stream) (width, height int) {
	for _, side := range s.Side {
		if turn := int(side.Rotation); turn%180 != 0 {
			return s.Height, s.Width
		}
	}
	return s.Width, s.Height
}

// pixels keeps the sampling that the encoders take, else the usual one.
func pixels(format string) string {
	if slices.Contains([]string{"yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le"}, format) {
		return format
	}
	return "yuv420p"
}

// filmCodec is the encoder for a stream's own codec.
func filmCodec(s stream) ([]string, error) {
	switch s.Codec {
	case "h264":
		return []string{"-c:v", "libx264", "-preset", "veryfast", "-crf", "18"}, nil
	case "hevc":
		return []string{"-c:v", "libx265", "-preset", "veryfast", "-crf", "20", "-tag:v", "hvc1", "-x265-params", "log-level=error"}, nil
	case "vp9":
		return []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "6", "-row-mt", "1", "-crf", "28", "-b:v", "0"}, nil
	case "vp8":
		return []string{"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "6", "-crf", "10", "-b:v", "8M"}, nil
	case "av1":
		return []string{"-c:v", "libsvtav1", "-preset", "8", "-crf", "30"}, nil
	case "mpeg4":
		return []string{"-c:v", "mpeg4", "-q:v", "3"}, nil
	}
	return nil, &carrier.Error{Format: s.Codec, Kind: carrier.Unsupported, Offset: -1, Rule: fmt.Sprintf("film in codec %.40s is not written here", s.Codec)}
}

// moments are when the opening is looked at, in seconds from the first picture: the mark has to stand at all of them.
func moments() []string { return []string{"0", "1", "1.95"} }

// look tells whether the mark stands on the opening. A film that ends sooner is looked at to its end.
func (j *job) look(path string) (worst mark.Finding, err error) {
	for i, at := range moments() {
		b, err := j.run(append(append([]string{"-ss", at}, j.input(path, j.kind.demuxer)...), "-map", "0:v:0", "-frames:v", "1", "-c:v", "png", "-f", "image2pipe", "pipe:1")...)
		if err != nil {
			return worst, err
		}
		if len(b) == 0 && i > 0 { // it has ended
			break
		}
		found, err := mark.FindIn(b, mark.Options{})
		if err != nil {
			return worst, err
		}
		if i == 0 || found.State != mark.Found || worst.State == mark.Found && found.Share < worst.Share {
			worst = found
		}
		if found.State != mark.Found {
			break
		}
	}
	return worst, nil
}

// Look looks for the mark on the opening of a film.
func (t *Tools) Look(f *carrier.File, format string) (mark.Finding, error) {
	j, end, err := t.begin(f, format)
	if err != nil {
		return mark.Finding{}, err
	}
	defer end()
	return j.look(j.in)
}
