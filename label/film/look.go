package film

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"math"
	"strconv"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/mark"
	"github.com/hegui/hegui/label/sound"
)

// How a film is looked at; ours.
const (
	looksASecond = 4
	lookSeconds  = 3
	lookShort    = 540 // pixels of the shortest side; larger pictures are looked at smaller
	listenFor    = 30  // seconds of either end
	listenRate   = 8000
)

// Seen is a mark on the opening of a film.
type Seen struct {
	mark.Finding             // on the first picture that has it, in pixels of that picture as it was looked at; Share is of the shortest side
	Size         image.Point // of that picture
	From         float64     // seconds from the beginning
	Seconds      float64     // for which it stands there, at least
	Short        bool        // it is surely shorter or smaller than the rule asks (GB 45438-2025 5.4)
}

// Look looks for the mark on the opening of a film, or listens for the rhythm at both ends of a recording that has no pictures; Start and End of what is heard count
// from its beginning, and a rhythm that reads as one letter does not count. Both are nil where nothing is found, which is no proof. Errors are those of Mark.
func Look(ctx context.Context, f *carrier.File, format string, l Limits) (seen *Seen, heard []sound.Mark, err error) {
	j, err := start(ctx, f, format, Options{Limits: l})
	if err != nil {
		return nil, nil, err
	}
	defer j.close()
	if t, ok := j.p.picture(); ok {
		s, ok, err := j.look(ctx, format, j.path, t)
		if err != nil || !ok {
			return nil, nil, err
		}
		return &s, nil, nil
	}
	heard, err = j.listen(ctx, format, j.path, j.p)
	return nil, heard, err
}

func (w *bench) look(ctx context.Context, format, path string, t track) (s Seen, ok bool, err error) {
	opening, err := w.opening(ctx, format, path, t, lookSeconds)
	if err != nil || len(opening) == 0 {
		return s, false, err
	}
	found := make([]*mark.Finding, len(opening))
	see := func(i int) bool {
		if found[i] == nil {
			x := mark.Find(opening[i])
			found[i] = &x
		}
		return found[i].State == mark.Found
	}
	first := -1
	for _, i := range []int{0, looksASecond, 2 * looksASecond} { // a mark that counts is on one of them
		if i < len(opening) && see(i) {
			first = i
			break
		}
	}
	if first < 0 {
		return s, false, nil
	}
	last := first
	for first > 0 && see(first-1) {
		first--
	}
	for last+1 < len(opening) && see(last+1) {
		last++
	}
	s = Seen{Finding: *found[first], Size: opening[first].Bounds().Size(), From: float64(first) / looksASecond, Seconds: float64(last-first+1) / looksASecond}
	whole := first == 0 && last == len(opening)-1 // of a film that may be shorter than the rule
	s.Short = s.Enough == mark.No || s.Seconds < LeastSeconds && !whole
	return s, true, nil
}

// stands makes sure that the mark is on the first picture and on the last of those that must have it.
func (w *bench) stands(ctx context.Context, format, path string, t track) error {
	opening, err := w.opening(ctx, format, path, t, LeastSeconds)
	if err != nil {
		return err
	}
	if len(opening) == 0 {
		return fmt.Errorf("%w: the marked film shows nothing", ErrFailed)
	}
	for _, i := range []int{0, min(len(opening), LeastSeconds*looksASecond) - 1} {
		if x := mark.Find(opening[i]); x.State != mark.Found || x.Enough == mark.No {
			return fmt.Errorf("%w: the mark is not seen in the marked film at %.2f s", ErrFailed, float64(i)/looksASecond)
		}
	}
	return nil
}

// opening are pictures of the first seconds as players show them.
func (w *bench) opening(ctx context.Context, format, path string, t track, seconds int) ([]image.Image, error) {
	m, err := t.turned()
	if err != nil {
		return nil, err
	}
	width, height := t.shown(m)
	if width <= 0 || height <= 0 || width > w.limits.Pixels/height {
		return nil, &carrier.Error{Format: "film", Kind: carrier.TooLarge, Offset: -1, Rule: fmt.Sprintf("pictures of %d x %d pixels, at most %d in all", width, height, w.limits.Pixels)}
	}
	if k := float64(lookShort) / float64(min(width, height)); k < 1 {
		width, height = max(1, int(math.Round(k*float64(width)))), max(1, int(math.Round(k*float64(height))))
	}
	size := 4 * width * height
	most := seconds * looksASecond
	args := append(shown(demuxer(format), path), "-map", fmt.Sprintf("0:%d", t.Index), "-an", "-sn", "-dn", "-t", strconv.Itoa(seconds+1),
		"-vf", fmt.Sprintf("setpts=PTS-STARTPTS,fps=%d:round=up,scale=%d:%d:flags=area,setsar=1", looksASecond, width, height),
		"-frames:v", strconv.Itoa(most), "-c:v", "rawvideo", "-pix_fmt", "rgba", "-f", "rawvideo", "-")
	out, err := w.run(ctx, int64(most*size), args...)
	if err != nil {
		return nil, err
	}
	var pictures []image.Image
	for ; len(out) >= size; out = out[size:] {
		pictures = append(pictures, &image.NRGBA{Pix: out[:size:size], Stride: 4 * width, Rect: image.Rect(0, 0, width, height)})
	}
	return pictures, nil
}

func (w *bench) listen(ctx context.Context, format, path string, p *probed) ([]sound.Mark, error) {
	heard, err := w.heard(ctx, format, path, 0)
	if err != nil {
		return nil, err
	}
	out := letters(heard, 0)
	if seconds, err := strconv.ParseFloat(p.Format.Duration, 64); err == nil && seconds > listenFor {
		from := max(listenFor, seconds-listenFor)
		if heard, err = w.heard(ctx, format, path, from); err != nil {
			return nil, err
		}
		out = append(out, letters(heard, from)...)
	}
	return out, nil
}

// letters are the rhythms that read as they must.
func letters(samples []float64, from float64) (out []sound.Mark) {
	for _, m := range sound.Find(samples, listenRate) {
		if m.Letters {
			m.Start, m.End = m.Start+from, m.End+from
			out = append(out, m)
		}
	}
	return out
}

// heard are samples of one channel.
func (w *bench) heard(ctx context.Context, format, path string, from float64) ([]float64, error) {
	var args []string
	if from > 0 {
		args = append(args, "-ss", strconv.FormatFloat(from, 'f', 3, 64))
	}
	args = append(args, shown(demuxer(format), path)...)
	args = append(args, "-map", "0:a:0", "-vn", "-sn", "-dn", "-t", strconv.Itoa(listenFor), "-ac", "1", "-ar", strconv.Itoa(listenRate), "-c:a", "pcm_f32le", "-f", "f32le", "-")
	out, err := w.run(ctx, (listenFor+1)*listenRate*4, args...)
	if err != nil {
		return nil, err
	}
	samples := make([]float64, len(out)/4)
	for i := range samples {
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:])))
		if !math.IsNaN(v) {
			samples[i] = min(max(v, -1), 1)
		}
	}
	return samples, nil
}
