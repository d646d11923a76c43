package sound

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/hegui/hegui/label/carrier"
)

// Options of a mark; zero values are the defaults.
type Options struct {
	End   bool    // behind the content instead of before it
	Unit  float64 // seconds of a short sound; DefaultUnit
	Pitch float64 // Hz; DefaultPitch
	Clip  *Clip   // a spoken clip instead of the rhythm; the operator answers for its words (人工智能 or AI, and 生成 or 合成)
	Level float64 // of the rhythm, 0 to 1; 0: taken from the content
}

// Clip is a recording of one channel, samples from -1 to 1.
type Clip struct {
	Rate    int
	Samples []float64
}

// wave is what a WAV file says of its samples.
type wave struct {
	f          *carrier.File
	code       uint16 // 1 PCM, 3 float, 6 A-law, 7 µ-law
	channels   int
	rate       int
	bits       int
	frame      int64 // bytes of one sample in all channels
	data, size int64 // where the samples are
	sizeAt     int64 // of the data chunk's size field
	fact       int64 // where the number of samples is told, 0: nowhere
	ds64       int64 // where an RF64 file tells its sizes, 0: it is none
	padded     bool
}

func fault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return &carrier.Error{Format: "wav", Kind: kind, Offset: at, Rule: fmt.Sprintf(rule, args...)}
}

// readWave finds the samples.
func readWave(f *carrier.File) (*wave, error) {
	head, err := f.Read("wav", 0, 12)
	if err != nil {
		return nil, err
	}
	kind := string(head[:4])
	if kind != "RIFF" && kind != "RF64" && kind != "BW64" || string(head[8:]) != "WAVE" {
		return nil, fault(carrier.Malformed, 0, "a WAV file begins with RIFF, RF64 or BW64 and says WAVE")
	}
	w := &wave{f: f}
	var long int64 // size of data in ds64
	for at, parts := int64(12), 0; at+8 <= f.Size(); parts++ {
		if parts > carrier.MaxParts {
			return nil, fault(carrier.TooLarge, at, "more than %d chunks", carrier.MaxParts)
		}
		h, err := f.Read("wav", at, 8)
		if err != nil {
			return nil, err
		}
		n := int64(binary.LittleEndian.Uint32(h[4:]))
		id := string(h[:4])
		if id == "data" && w.ds64 > 0 && n == math.MaxUint32 {
			n = long
		}
		if !f.Has(at+8, n) {
			if id != "data" {
				return nil, fault(carrier.Truncated, at, "chunk %q says %d bytes, the file ends before", id, n)
			}
			return nil, fault(carrier.Truncated, at, "the samples should be %d bytes, the file ends before", n)
		}
		switch id {
		case "ds64":
			b, err := f.Read("wav", at+8, min(n, 28))
			if err != nil {
				return nil, err
			}
			if len(b) < 24 {
				return nil, fault(carrier.Malformed, at, "chunk ds64 must have 24 bytes at least, says %d", n)
			}
			if w.ds64, long = at+8, int64(binary.LittleEndian.Uint64(b[8:])); long < 0 {
				return nil, fault(carrier.Malformed, at+16, "the samples should be %d bytes", uint64(long))
			}
		case "fmt ":
			if err := w.format(at, n); err != nil {
				return nil, err
			}
		case "fact":
			if n >= 4 {
				w.fact = at + 8
			}
		case "data":
			w.data, w.size, w.sizeAt, w.padded = at+8, n, at+4, n%2 == 1 && f.Has(at+8+n, 1)
		}
		at += 8 + n + n%2
	}
	switch {
	case w.rate == 0:
		return nil, fault(carrier.Malformed, -1, "chunk fmt is missing")
	case w.data == 0:
		return nil, fault(carrier.Malformed, -1, "chunk data is missing")
	}
	return w, nil
}

func (w *wave) format(at, n int64) error {
	b, err := w.f.Read("wav", at+8, min(n, 40))
	if err != nil {
		return err
	}
	if len(b) < 16 {
		return fault(carrier.Malformed, at, "chunk fmt must have 16 bytes at least, says %d", n)
	}
	w.code = binary.LittleEndian.Uint16(b)
	w.channels = int(binary.LittleEndian.Uint16(b[2:]))
	rate := binary.LittleEndian.Uint32(b[4:])
	w.frame = int64(binary.LittleEndian.Uint16(b[12:]))
	w.bits = int(binary.LittleEndian.Uint16(b[14:]))
	if w.code == 0xFFFE {
		if len(b) < 26 {
			return fault(carrier.Malformed, at, "an extensible format must name its kind; the chunk has %d bytes", n)
		}
		w.code = binary.LittleEndian.Uint16(b[24:])
	}
	if w.channels == 0 || rate < 1000 || rate > 1<<20 || w.frame != int64(w.channels*((w.bits+7)/8)) {
		return fault(carrier.Malformed, at, "%d channels of %d bits at %d Hz in frames of %d bytes do not go together", w.channels, w.bits, rate, w.frame)
	}
	w.rate = int(rate)
	switch {
	case w.code == 1 && (w.bits == 8 || w.bits == 16 || w.bits == 24 || w.bits == 32):
	case w.code == 3 && (w.bits == 32 || w.bits == 64):
	case (w.code == 6 || w.code == 7) && w.bits == 8:
	default:
		return fault(carrier.Unsupported, at, "samples of kind %d with %d bits are not written; PCM, float, A-law and µ-law are", w.code, w.bits)
	}
	return nil
}

// MarkWAV returns a WAV file with an audible mark before or behind its content, at its rate, in all its channels and about as loud as it is. The samples
// that were there stay bit for bit. A file that has the rhythm there already stays as it is.
func MarkWAV(f *carrier.File, o Options) (*carrier.Edit, error) {
	w, err := readWave(f)
	if err != nil {
		return nil, err
	}
	if o, err = o.settled(w.rate); err != nil {
		return nil, err
	}
	if o.Clip == nil {
		if there, err := w.marked(o.End); err != nil || there {
			if err != nil {
				return nil, err
			}
			return carrier.NewEdit(f)
		}
	}
	mark, err := w.mark(o)
	if err != nil {
		return nil, err
	}
	at := w.data
	if o.End {
		at += w.size - w.size%w.frame
	}
	return w.insert(at, mark)
}

// mark is the mark's samples as they stand in the file.
func (w *wave) mark(o Options) ([]byte, error) {
	content, err := w.samples(false)
	if err != nil {
		return nil, err
	}
	samples := o.samples(w.rate, content)
	out := make([]byte, 0, int64(len(samples))*w.frame)
	for _, v := range samples {
		one := w.encode(v)
		for range w.channels {
			out = append(out, one...)
		}
	}
	return out, nil
}

// insert puts bytes into the samples and sets right what tells their number.
func (w *wave) insert(at int64, mark []byte) (*carrier.Edit, error) {
	grown := w.size + int64(len(mark))
	pad := int64(0)
	if w.padded {
		pad = 1
	}
	changes := []carrier.Change{{At: at, Insert: mark}, {At: w.data + w.size, Remove: pad, Insert: make([]byte, grown%2)}}
	u32 := func(v int64) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) }
	u64 := func(v int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v)) }
	total := w.f.Size() + int64(len(mark)) - pad + grown%2 - 8
	if w.ds64 > 0 {
		frames := grown / w.frame
		changes = append(changes, carrier.Change{At: w.ds64, Remove: 24, Insert: append(append(u64(total), u64(grown)...), u64(frames)...)})
	} else {
		if total > math.MaxUint32 {
			return nil, fault(carrier.TooLarge, 4, "the marked file would have %d bytes, a RIFF file has at most %d", total+8, int64(math.MaxUint32)+8)
		}
		changes = append(changes, carrier.Change{At: 4, Remove: 4, Insert: u32(total)}, carrier.Change{At: w.sizeAt, Remove: 4, Insert: u32(grown)})
	}
	if w.fact > 0 {
		changes = append(changes, carrier.Change{At: w.fact, Remove: 4, Insert: u32(min(grown/w.frame, math.MaxUint32))})
	}
	return carrier.NewEdit(w.f, changes...)
}

// listened is how much of either end is listened to for a mark, in seconds.
const listened = 10

// marked tells whether the rhythm is at that end already.
func (w *wave) marked(end bool) (bool, error) {
	samples, err := w.samples(end)
	if err != nil {
		return false, err
	}
	marks := Find(samples, w.rate)
	for _, m := range marks {
		if m.Letters && (!end && m.Start < 1 || end && float64(len(samples))/float64(w.rate)-m.End < 1) {
			return true, nil
		}
	}
	return false, nil
}

// samples are those of one end, all channels in one.
func (w *wave) samples(end bool) ([]float64, error) {
	n := min(w.size/w.frame, int64(listened*w.rate))
	at := w.data
	if end {
		at += (w.size/w.frame - n) * w.frame
	}
	b, err := w.f.Read("wav", at, n*w.frame)
	if err != nil {
		return nil, err
	}
	out := make([]float64, n)
	size := w.bits / 8
	for i := range out {
		for c := range w.channels {
			out[i] += w.decode(b[int64(i)*w.frame+int64(c*size):]) / float64(w.channels)
		}
	}
	return out, nil
}

// FindWAV returns the rhythms in the first and the last seconds of a WAV file; Start and End count from the file's beginning.
func FindWAV(f *carrier.File) ([]Mark, error) {
	w, err := readWave(f)
	if err != nil {
		return nil, err
	}
	var out []Mark
	for _, end := range []bool{false, true} {
		samples, err := w.samples(end)
		if err != nil {
			return nil, err
		}
		from := 0.0
		if end {
			from = float64(w.size/w.frame-int64(len(samples))) / float64(w.rate)
			if from == 0 {
				break
			}
		}
		for _, m := range Find(samples, w.rate) {
			m.Start, m.End = m.Start+from, m.End+from
			if k := len(out); k == 0 || out[k-1].End <= m.Start {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// ReadClip reads a WAV file as a clip of one channel.
func ReadClip(f *carrier.File) (*Clip, error) {
	w, err := readWave(f)
	if err != nil {
		return nil, err
	}
	if most := int64(60 * w.rate); w.size/w.frame > most {
		return nil, fault(carrier.TooLarge, w.data, "a clip has at most a minute, this has %d seconds", w.size/w.frame/int64(w.rate))
	}
	all := *w
	out := &Clip{Rate: w.rate}
	for at := int64(0); at < all.size/all.frame; {
		part := all
		part.data, part.size = all.data+at*all.frame, min(all.size-at*all.frame, int64(listened*all.rate)*all.frame)
		samples, err := part.samples(false)
		if err != nil {
			return nil, err
		}
		if len(samples) == 0 {
			break
		}
		out.Samples, at = append(out.Samples, samples...), at+int64(len(samples))
	}
	return out, nil
}
