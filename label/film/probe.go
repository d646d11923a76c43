package film

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// demuxer is what ffmpeg calls the reader of a kind of file; "" for kinds that are not worked on.
func demuxer(format string) string {
	switch format {
	case "mp4", "mov", "m4a":
		return "mov"
	case "mkv", "webm":
		return "matroska"
	case "avi", "flv", "mp3", "aac", "flac", "ogg", "wav":
		return format
	}
	return ""
}

// track is a stream of a file as ffprobe tells it.
type track struct {
	Index       int    `json:"index"`
	Kind        string `json:"codec_type"`
	Codec       string `json:"codec_name"`
	Profile     string `json:"profile"`
	Level       int    `json:"level"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	Aspect      string `json:"sample_aspect_ratio"`
	Pixels      string `json:"pix_fmt"`
	Range       string `json:"color_range"`
	Space       string `json:"color_space"`
	Transfer    string `json:"color_transfer"`
	Primaries   string `json:"color_primaries"`
	Chroma      string `json:"chroma_location"`
	Fields      string `json:"field_order"`
	Rate        string `json:"sample_rate"`
	Channels    int    `json:"channels"`
	Layout      string `json:"channel_layout"`
	SampleBits  string `json:"bits_per_raw_sample"`
	Samples     string `json:"sample_fmt"`
	BitRate     string `json:"bit_rate"`
	Disposition struct {
		Picture int `json:"attached_pic"`
		Thumbs  int `json:"timed_thumbnails"`
	} `json:"disposition"`
	Tags map[string]string `json:"tags"`
	Side []struct {
		Kind   string `json:"side_data_type"`
		Matrix string `json:"displaymatrix"`
	} `json:"side_data_list"`
}

// probed is what ffprobe tells of a file.
type probed struct {
	Tracks []track `json:"streams"`
	Format struct {
		Duration string            `json:"duration"`
		BitRate  string            `json:"bit_rate"`
		Tags     map[string]string `json:"tags"`
	} `json:"format"`
	Chapters []json.RawMessage `json:"chapters"`
}

func (w *bench) probe(ctx context.Context, demuxer, path string) (*probed, error) {
	args := append([]string{"-hide_banner", "-v", "error", "-threads", strconv.Itoa(w.limits.Threads)}, shown(demuxer, path)...)
	b, err := w.start(ctx, 8<<20, w.ffprobe, append(args, "-show_streams", "-show_format", "-show_chapters", "-of", "json"))
	if err != nil {
		return nil, err
	}
	p := &probed{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("%w: ffprobe's answer: %w", ErrFailed, err)
	}
	return p, nil
}

// picture is the first track that moves.
func (p *probed) picture() (track, bool) {
	for _, t := range p.Tracks {
		if t.Kind == "video" && t.Disposition.Picture == 0 && t.Disposition.Thumbs == 0 {
			return t, true
		}
	}
	return track{}, false
}

// sound is the first track that is heard.
func (p *probed) sound() (track, bool) {
	for _, t := range p.Tracks {
		if t.Kind == "audio" {
			return t, true
		}
	}
	return track{}, false
}

func whole(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// ratio reads "4:3"; 1 where nothing sensible is said.
func ratio(s string) float64 {
	a, b, ok := strings.Cut(s, ":")
	x, y := whole(a), whole(b)
	if !ok || x <= 0 || y <= 0 || x > 64*y || y > 64*x {
		return 1
	}
	return float64(x) / float64(y)
}
