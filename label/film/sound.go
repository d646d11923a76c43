package film

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/sound"
)

// markSound puts the rhythm, or a clip, before or behind a recording.
func (j *job) markSound(ctx context.Context) (*carrier.File, Report, error) {
	r := Report{Heard: true}
	fail := func(err error) (*carrier.File, Report, error) { return nil, r, err }
	w, p, o, ok := j.bench, j.p, j.o.Sound, false
	if j.t, ok = p.sound(); !ok {
		return fail(unsupported("the file has neither pictures that move nor sound"))
	}
	how, err := soundEncoder(j.format, j.t, p)
	if err != nil {
		return fail(err)
	}
	if o.Clip == nil {
		marks, err := w.listen(ctx, j.format, j.path, p)
		if err != nil {
			return fail(err)
		}
		if there(marks, p, o.End) {
			r.Already = true
			return j.f, r, nil
		}
	}
	content, err := w.heard(ctx, j.format, j.path, 0)
	if err != nil {
		return fail(err)
	}
	rate := whole(j.t.Rate)
	samples, err := sound.Samples(rate, content, o)
	if err != nil {
		return fail(fmt.Errorf("film: %w", err))
	}
	if err := w.raw("mark.f32", samples, j.t.Channels); err != nil {
		return fail(err)
	}
	out := w.path("marked")
	if _, err := w.run(ctx, 1<<20, w.join(j.t, j.format, j.path, out, float64(len(samples))/float64(rate), o.End, how)...); err != nil {
		return fail(err)
	}
	if info, err := os.Stat(out); err != nil || info.Size() >= w.limits.Bytes {
		return fail(fmt.Errorf("%w: the marked recording is larger than %d bytes", ErrFailed, w.limits.Bytes))
	}
	if err := w.proved(ctx, j.format, out, p, o, float64(len(samples))/float64(rate)); err != nil {
		return fail(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		return fail(fmt.Errorf("film: %w", err))
	}
	return carrier.Bytes(b), r, nil
}

// there tells whether a rhythm stands where it belongs.
func there(marks []sound.Mark, p *probed, end bool) bool {
	seconds, _ := strconv.ParseFloat(p.Format.Duration, 64)
	for _, m := range marks {
		if !end && m.Start < 1 || end && seconds-m.End < 1 {
			return true
		}
	}
	return false
}

// proved hears the rhythm in the result, which must be as long as it should.
func (w *bench) proved(ctx context.Context, format, path string, was *probed, o sound.Options, more float64) error {
	p, err := w.probe(ctx, demuxer(format), path)
	if err != nil {
		return err
	}
	before, err1 := strconv.ParseFloat(was.Format.Duration, 64)
	after, err2 := strconv.ParseFloat(p.Format.Duration, 64)
	known := format != "mp3" && format != "aac" && err1 == nil && err2 == nil // those may only be guessed at
	if known && math.Abs(after-before-more) > 0.2 {
		return fmt.Errorf("%w: the recording had %.2f s and has %.2f s with a mark of %.2f s", ErrFailed, before, after, more)
	}
	if o.Clip != nil {
		return nil
	}
	marks, err := w.listen(ctx, format, path, p)
	if err != nil {
		return err
	}
	if !there(marks, p, o.End) {
		return fmt.Errorf("%w: the rhythm is not heard in the marked recording", ErrFailed)
	}
	return nil
}

// raw writes samples for ffmpeg, the same in every channel.
func (w *bench) raw(name string, samples []float64, channels int) error {
	b := make([]byte, 0, 4*len(samples)*channels)
	for _, v := range samples {
		for range channels {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		}
	}
	if err := os.WriteFile(w.path(name), b, 0o600); err != nil {
		return fmt.Errorf("film: %w", err)
	}
	return nil
}

// join are the arguments that put the mark before or behind the content. Chapters move with the content.
func (w *bench) join(t track, format, path, out string, more float64, end bool, how []string) []string {
	first, second := "[m]", "[c]"
	if end {
		first, second, more = second, first, 0
	}
	kind := "sample_fmts=" + t.Samples
	if t.Layout != "" && t.Layout != "unknown" {
		kind += ":channel_layouts=" + t.Layout
	}
	graph := fmt.Sprintf("[1:a]aformat=%s[m];[0:%d]asetpts=N/SR/TB[c];%s%sconcat=n=2:v=0:a=1[o]", kind, t.Index, first, second)
	args := append([]string{"-itsoffset", strconv.FormatFloat(more, 'f', 6, 64)}, shown(demuxer(format), path)...)
	args = append(args, "-f", "f32le", "-ar", t.Rate, "-ac", strconv.Itoa(t.Channels), "-i", w.path("mark.f32"), "-filter_complex", graph, "-map", "[o]")
	if format == "mp3" || format == "m4a" || format == "flac" { // the cover
		args = append(args, "-map", "0:v?", "-c:v", "copy", "-disposition:v", "attached_pic")
	}
	args = append(args, "-map_metadata", "0", "-map_metadata:s:a:0", "0:s:a:0", "-map_chapters", "0", "-fflags", "+bitexact", "-flags:a", "+bitexact",
		"-ar", t.Rate, "-threads", strconv.Itoa(w.limits.Threads))
	return append(append(args, how...), "-fs", strconv.FormatInt(w.limits.Bytes, 10), out)
}

// soundEncoder are the arguments that encode a recording as it was.
func soundEncoder(format string, t track, p *probed) ([]string, error) {
	rate := whole(t.Rate)
	if rate < 4000 || rate > 768000 || t.Channels < 1 || t.Channels > 8 {
		return nil, unsupported("sound of %d channels at %d Hz", t.Channels, rate)
	}
	bit := whole(t.BitRate)
	if bit == 0 {
		bit = whole(p.Format.BitRate)
	}
	if bit == 0 {
		bit = 64000 * t.Channels
	}
	lossy := func(codec string, least, most int) []string {
		return []string{"-c:a", codec, "-b:a", strconv.Itoa(min(max(bit, least*t.Channels), most*t.Channels))}
	}
	var how []string
	switch t.Codec {
	case "mp3":
		how = append(lossy("libmp3lame", 16000, 320000), "-id3v2_version", "3")
	case "aac":
		least := 16000
		if t.Profile != "LC" { // the others sound well at bit rates at which this one does not
			least = 48000
		}
		how = lossy("aac", least, 256000)
	case "opus":
		how = lossy("libopus", 12000, 255000)
	case "vorbis":
		how = lossy("libvorbis", 32000, 240000)
	case "flac", "alac":
		how = []string{"-c:a", t.Codec, "-sample_fmt", t.Samples}
		if n := whole(t.SampleBits); n > 0 {
			how = append(how, "-bits_per_raw_sample", strconv.Itoa(n))
		}
	default:
		return nil, unsupported("sound in %s; MP3, AAC, ALAC, Opus, Vorbis and FLAC are marked", t.Codec)
	}
	muxer := map[string][]string{"mp3": {"mp3"}, "aac": {"adts", "-write_id3v2", "1"}, "m4a": {"ipod", "-movflags", "+faststart"}, "mp4": {"mp4", "-movflags", "+faststart"},
		"mov": {"mov"}, "ogg": {"ogg"}, "flac": {"flac"}, "webm": {"webm"}, "mkv": {"matroska"}}[format]
	if muxer == nil || format == "ogg" && t.Codec == "aac" {
		return nil, unsupported("sound in a file of kind %s", format)
	}
	return append(append(how, "-f"), muxer...), nil
}
