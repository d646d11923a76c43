// Package film puts marks that people see on films and marks that they hear into compressed sound (GB 45438-2025 5.4, 5.3), with the commands
// ffmpeg and ffprobe, 5.1 or later, where they are installed; ErrTool where they are not. Of a film only the opening is encoded anew, up to the first key
// frame behind the mark; all other frames, all other tracks, times and metadata stay byte for byte.
package film

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hegui/hegui/label/bmff"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/mark"
	"github.com/hegui/hegui/label/sound"
	"github.com/hegui/hegui/label/stream"
)

// LeastSeconds is how long the mark stands on the opening at least (GB 45438-2025 5.4).
const LeastSeconds = 2

// Numbers that are ours.
const (
	usualMost   = 4.0  // seconds for which the mark stands on what is encoded anyway
	longestHead = 60.0 // seconds that are encoded anew unless more is allowed
	mostChecked = 300  // frames behind the opening that are decoded before and after
)

// ErrLong says that more would have to be encoded anew than is allowed.
var ErrLong = errors.New("film: there is no key frame to cut at")

// Options of a mark; zero values are the usual ones.
type Options struct {
	Mark    mark.Options
	Sound   sound.Options // of recordings without pictures
	Seconds float64       // on the opening, at least LeastSeconds; 2.5
	Always  bool          // on every picture: all of the film is encoded anew
	Whole   bool          // encode all anew where the opening alone cannot be
	Limits  Limits
}

// Report is what was done.
type Report struct {
	Mark    mark.Report `json:"mark"`
	Heard   bool        `json:"heard,omitempty"`   // the mark is one that is heard
	Seconds float64     `json:"seconds"`           // for which the mark stands
	Anew    int         `json:"anew"`              // frames encoded anew
	Frames  int         `json:"frames"`            // of the film, as far as it was read
	Already bool        `json:"already,omitempty"` // it was there, nothing was done
}

// Mark puts the mark on the opening of a film (mp4, mov, mkv, webm), or the rhythm or a clip before or behind a recording without pictures (mp3, aac, m4a,
// ogg, flac, and films' containers). Of a film all stays byte for byte but the frames up to the first key frame behind the mark; the old file must stay open as long as
// the new one is used. A recording is encoded anew with the codec, the rate, the channels and about the bit rate it had; what was kept without loss stays so to
// the sample. A file that has the mark comes back as it was, and what comes back has a mark that was seen or heard again. Errors are ErrTool,
// ErrFailed, ErrLong, those of packages mark and sound and of the context, and *carrier.Error.
func Mark(ctx context.Context, f *carrier.File, format string, o Options) (*carrier.File, Report, error) {
	most := o.Seconds
	if o.Seconds == 0 {
		o.Seconds, most = LeastSeconds, usualMost
	}
	if !(o.Seconds >= LeastSeconds && o.Seconds <= 3600) {
		return nil, Report{}, fmt.Errorf("film: %g seconds; the mark stands for at least %d (GB 45438-2025 5.4), at most 3600", o.Seconds, LeastSeconds)
	}
	j, err := start(ctx, f, format, o)
	if err != nil {
		return nil, Report{}, err
	}
	defer j.close()
	j.most = most
	if t, ok := j.p.picture(); ok {
		j.t = t
		return j.markPicture(ctx)
	}
	return j.markSound(ctx)
}

// start opens a file for work.
func start(ctx context.Context, f *carrier.File, format string, o Options) (j *job, err error) {
	if demuxer(format) == "" {
		return nil, unsupported("a file of kind %s", format)
	}
	w, err := open(o.Limits)
	if err != nil {
		return nil, err
	}
	j = &job{bench: w, f: f, format: format, o: o}
	if j.path, err = j.put("film", f); err == nil {
		j.p, err = j.probe(ctx, demuxer(format), j.path)
	}
	if err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

// video reads the video track of a film.
func video(f *carrier.File, format string, o Options) (*carrier.Video, error) {
	switch format {
	case "mp4", "mov":
		return bmff.Video(f, format)
	case "mkv", "webm":
		if o.Always {
			o.Seconds = math.Inf(1)
		}
		return stream.Video(f, format, o.Seconds)
	}
	return nil, unsupported("the opening of %s is not edited here; MP4, MOV, MKV and WebM are", strings.ToUpper(format))
}

// job is one file that is worked on.
type job struct {
	*bench
	f       *carrier.File
	format  string
	o       Options
	path    string // of a copy
	p       *probed
	t       track // the film, or the sound of a recording
	v       *carrier.Video
	most    float64 // seconds for which the mark stands
	n       int     // frames encoded anew
	checked int     // frames behind them that are compared
}

func (j *job) markPicture(ctx context.Context) (*carrier.File, Report, error) {
	var r Report
	fail := func(err error) (*carrier.File, Report, error) { return nil, r, err }
	var err error
	if j.v, err = video(j.f, j.format, j.o); err != nil {
		return fail(err)
	}
	if err := j.suits(); err != nil {
		return fail(err)
	}
	if !j.o.Always {
		s, ok, err := j.look(ctx, j.format, j.path, j.t)
		if err != nil {
			return fail(err)
		}
		if ok && s.From == 0 && !s.Short {
			r.Already, r.Seconds, r.Frames = true, s.Seconds, len(j.v.Frames)
			return j.f, r, nil
		}
	}
	if err := j.cut(); err != nil {
		return fail(err)
	}
	s, err := j.sticker(j.t, j.o.Mark)
	if err != nil {
		return fail(err)
	}
	frames, config, before, err := j.encode(ctx, s)
	if err != nil {
		return fail(err)
	}
	e, err := j.v.Replace(frames, config)
	if err != nil {
		return fail(err)
	}
	if err := j.check(ctx, e, before); err != nil {
		return fail(err)
	}
	r.Mark, r.Anew, r.Frames, r.Seconds = s.report, j.n, len(j.v.Frames), min(j.most, float64(j.n)/spread(j.v, j.n))
	return e.File(), r, nil
}

// suits tells whether the film is of a kind that is marked.
func (j *job) suits() error {
	switch t := j.t; {
	case t.Codec != j.v.Codec:
		return unsupported("film in %s", strings.ToUpper(t.Codec))
	case t.Width <= 0 || t.Height <= 0 || t.Width > j.limits.Pixels/t.Height:
		return &carrier.Error{Format: "film", Kind: carrier.TooLarge, Offset: -1, Rule: fmt.Sprintf("pictures of %d x %d pixels, at most %d in all", t.Width, t.Height, j.limits.Pixels)}
	case !slices.Contains(pixels(), t.Pixels):
		return unsupported("pictures of kind %q", t.Pixels)
	case t.Fields != "" && t.Fields != "progressive" && t.Fields != "unknown":
		return unsupported("interlaced film")
	}
	return nil
}

// cut finds how many frames are encoded anew.
func (j *job) cut() error {
	ticks := int64(j.o.Seconds * float64(j.v.Scale))
	n, ok := j.v.Head(ticks, j.clean)
	if j.o.Always {
		n, ok = len(j.v.Frames), false
	}
	last := j.v.Start
	for _, f := range j.v.Frames[:n] {
		last = max(last, f.Time)
	}
	switch seconds := float64(last-j.v.Start) / float64(j.v.Scale); {
	case !ok && j.v.Rest:
		return unsupported("the film was not read to its end")
	case seconds > longestHead && !j.o.Whole && !j.o.Always:
		return fmt.Errorf("%w: %.0f s of the film would be encoded anew; the option for the whole film allows it", ErrLong, seconds)
	}
	j.n = n
	for _, f := range j.v.Frames[n:] { // up to the next key frame
		if j.checked > 0 && f.Key || j.checked == mostChecked {
			break
		}
		j.checked++
	}
	if j.n+j.checked < len(j.v.Frames) { // frames shown behind the next key frame's do not belong to these
		shown := j.v.Frames[j.n+j.checked].Time
		for j.checked > 0 && slices.ContainsFunc(j.v.Frames[j.n+j.checked:min(len(j.v.Frames), j.n+j.checked+64)], func(f carrier.Frame) bool { return f.Time < shown }) {
			j.checked--
		}
	}
	return nil
}

// clean tells whether a key frame forgets what was before it. In H.264 and HEVC only an IDR picture does.
func (j *job) clean(x carrier.Frame) bool {
	if j.v.Codec != "h264" && j.v.Codec != "hevc" {
		return true
	}
	for at, parts := x.At, 0; at+6 <= x.At+x.Size && parts < 64; parts++ {
		b, err := j.f.Read("film", at, 6)
		if err != nil {
			return false
		}
		switch n := b[4] & 31; {
		case j.v.Codec == "h264" && n >= 1 && n <= 5:
			return n == 5
		case j.v.Codec == "hevc" && b[4]>>1&63 < 32:
			return b[4]>>1&63 == 19 || b[4]>>1&63 == 20
		}
		at += 4 + int64(binary.BigEndian.Uint32(b))
	}
	return false
}

// marked is how many of the frames, in the order in which they are shown, have the mark.
func (j *job) marked() int {
	if j.o.Always {
		return j.n
	}
	n := 0
	for _, f := range j.v.Frames[:j.n] {
		if float64(f.Time-j.v.Start) < j.most*float64(j.v.Scale) {
			n++
		}
	}
	return n
}

// encode makes the new frames. before are the digests of the pictures of those that are compared.
func (j *job) encode(ctx context.Context, s sticker) (frames [][]byte, config []byte, before []string, err error) {
	spare := 0
	switch j.v.Codec {
	case "h264":
		spare, err = spareAVC(j.f, j.v)
	case "hevc":
		spare, err = spareHEVC(j.f, j.v)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	how, err := encoder(j.t, spare)
	if err != nil {
		return nil, nil, nil, err
	}
	rate := spread(j.v, j.n)
	graph := fmt.Sprintf("[0:%d]settb=1/90000,setpts=N*%s[f];[1:v]scale=%d:%d:flags=bicubic[m];[f][m]overlay=%d:%d:format=auto:eof_action=repeat:enable='lt(n,%d)',format=%s[o]",
		j.t.Index, strconv.FormatFloat(90000/rate, 'f', 4, 64), s.at.Dx(), s.at.Dy(), s.at.Min.X, s.at.Min.Y, j.marked(), j.t.Pixels)
	args := append([]string{"-noautorotate"}, from(demuxer(j.format), j.path)...)
	args = append(args, "-f", "png_pipe", "-i", s.path, "-filter_complex", graph, "-map", "[o]", "-fps_mode", "passthrough", "-enc_time_base", "1:90000",
		"-frames:v", strconv.Itoa(j.n), "-map_metadata", "-1", "-threads", strconv.Itoa(j.limits.Threads))
	args = append(args, how...)
	args = append(args, j.t.colours()...)
	args = append(args, "-force_key_frames", keys(j.v.Frames[:j.n], rate), "-fs", strconv.FormatInt(j.limits.Bytes, 10), "-f", "mp4", j.path+".head")
	if j.checked > 0 {
		args = append(args, j.digests()...)
	}
	out, err := j.run(ctx, 64<<20, args...)
	if err != nil {
		return nil, nil, nil, err
	}
	if before, err = j.read(out); err != nil {
		return nil, nil, nil, err
	}
	b, err := os.ReadFile(j.path + ".head")
	if err != nil {
		return nil, nil, nil, fmt.Errorf("film: %w", err)
	}
	now, err := bmff.Video(carrier.Bytes(b), "mp4")
	if err != nil {
		return nil, nil, nil, fmt.Errorf("film: the new opening: %w", err)
	}
	if len(now.Frames) != j.n || !sameKeys(j.v.Frames[:j.n], now.Frames) {
		return nil, nil, nil, unsupported("the opening has %d frames, %d pictures came out of it or its key frames are others", j.n, len(now.Frames))
	}
	for _, x := range now.Frames {
		frames = append(frames, b[x.At:x.At+x.Size])
	}
	switch j.v.Codec {
	case "h264":
		config, err = mergeAVC(j.v.Config, now.Config)
	case "hevc":
		config, frames, err = mergeHEVC(j.v.Config, now.Config, frames, uint(spare))
	}
	return frames, config, before, err
}

// digests are the arguments that print a digest of each picture, to the end of what is compared.
func (j *job) digests() []string {
	return []string{"-map", fmt.Sprintf("0:%d", j.t.Index), "-fps_mode", "passthrough", "-frames:v", strconv.Itoa(j.n + j.checked), "-c:v", "rawvideo", "-f", "framehash", "-hash", "md5", "-"}
}

// read takes the digests of what is compared.
func (j *job) read(out []byte) (digests []string, err error) {
	for line := range bytes.Lines(out) {
		if line[0] == '#' {
			continue
		}
		cells := strings.Split(strings.TrimSpace(string(line)), ",")
		digests = append(digests, strings.TrimSpace(cells[len(cells)-1]))
	}
	if j.checked == 0 {
		return nil, nil
	}
	if len(digests) != j.n+j.checked {
		return nil, unsupported("%d frames, %d pictures came out of them", j.n+j.checked, len(digests))
	}
	return digests[j.n:], nil
}

// check decodes the new opening and what is behind it, which must be as it was.
func (j *job) check(ctx context.Context, e *carrier.Edit, before []string) error {
	path, err := j.put("marked", e.File())
	if err != nil {
		return err
	}
	args := append([]string{"-xerror", "-noautorotate"}, from(demuxer(j.format), path)...)
	j.checked = max(j.checked, 0)
	out, err := j.run(ctx, 64<<20, append(args, j.digests()...)...)
	if err != nil {
		return err
	}
	after, err := j.read(out)
	if err != nil {
		return err
	}
	if !slices.Equal(before, after) {
		return unsupported("pictures behind the opening come out otherwise when the opening is encoded anew")
	}
	return j.stands(ctx, j.format, path, j.t)
}
