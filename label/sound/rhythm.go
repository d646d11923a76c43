// Package sound writes and finds the audible mark of generated audio: the rhythm 短长 短短 (GB 45438-2025 5.3), which is "AI" in
// Morse code, or a spoken clip of the operator's. Pure: no disk, no clock.
package sound

import (
	"fmt"
	"math"
)

// Units of the rhythm, as of Morse code: a short sound is one unit, a long one three, the gap inside a letter one, between letters three.
// With equal gaps the same sounds read as another letter.
const (
	short, long     = 1, 3
	inside, between = 1, 3
)

// pulses are the sounds of the rhythm, each with the gap behind it, in units.
func pulses() [4][2]int {
	return [4][2]int{{short, inside}, {long, between}, {short, inside}, {short, 0}}
}

// Units is how long the rhythm is, in units.
const Units = short + inside + long + between + short + inside + short

// Defaults, ours: the standard gives no numbers for length, pitch and level.
const (
	DefaultUnit  = 0.12 // seconds
	DefaultPitch = 800  // Hz, which a telephone still carries
	edge         = 0.006
	silence      = 0.25 // seconds between the mark and the content
)

// tone is the rhythm as samples from -1 to 1, one channel, with soft edges so that nothing clicks.
func tone(rate int, unit, pitch, level float64) []float64 {
	out := make([]float64, 0, int(float64(rate)*unit*Units)+rate)
	for _, p := range pulses() {
		n := int(math.Round(float64(p[0]) * unit * float64(rate)))
		ramp := max(1, min(n/4, int(edge*float64(rate))))
		for i := range n {
			v := level * math.Sin(2*math.Pi*pitch*float64(i)/float64(rate))
			if at := min(i, n-1-i); at < ramp {
				v *= 0.5 - 0.5*math.Cos(math.Pi*float64(at)/float64(ramp))
			}
			out = append(out, v)
		}
		out = append(out, make([]float64, int(math.Round(float64(p[1])*unit*float64(rate))))...)
	}
	return out
}

// settled are the options with the usual values filled in for recordings of a rate, or what is wrong with them.
func (o Options) settled(rate int) (Options, error) {
	if o.Unit == 0 {
		o.Unit = DefaultUnit
	}
	if o.Pitch == 0 {
		o.Pitch = min(DefaultPitch, float64(rate)/5)
	}
	if highest := min(maxPitch, float64(rate)/2.5); o.Unit < minUnit || o.Unit > maxUnit || o.Pitch < minPitch || o.Pitch > highest {
		return o, fmt.Errorf("sound: unit %.3f s, pitch %.0f Hz: use %.2f to %.2f s and %d to %.0f Hz at this rate", o.Unit, o.Pitch, minUnit, maxUnit, minPitch, highest)
	}
	return o, nil
}

// Samples is the mark at a rate, one channel, with the silence between it and the content, of which some samples tell how loud it is.
func Samples(rate int, content []float64, o Options) ([]float64, error) {
	o, err := o.settled(rate)
	if err != nil {
		return nil, err
	}
	return o.samples(rate, content), nil
}

func (o Options) samples(rate int, content []float64) (out []float64) {
	if o.Clip != nil {
		out = resample(o.Clip.Samples, o.Clip.Rate, rate)
	} else {
		level := o.Level
		if level == 0 {
			level = min(max(1.4*loudness(content), 0.1), 0.5) // audible beside quiet content, no shock behind it
		}
		out = tone(rate, o.Unit, o.Pitch, level)
	}
	gap := make([]float64, int(silence*float64(rate)))
	if o.End {
		return append(gap, out...)
	}
	return append(out, gap...)
}

// loudness is the root mean square of what is no silence.
func loudness(samples []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range samples {
		if math.Abs(v) > 0.01 {
			sum, n = sum+v*v, n+1
		}
	}
	if n == 0 {
		return 0
	}
	return math.Sqrt(sum / float64(n))
}

// Mark is a rhythm that was found.
type Mark struct {
	Start, End float64 // seconds
	Unit       float64 // seconds of a short sound
	Pitch      float64 // Hz
	Letters    bool    // the gap between the letters is wider than those inside, as "AI" has it; else it reads as one letter
}

// Search bounds what is looked for: units from a twentieth to two fifths of a second. Ours.
const (
	minUnit, maxUnit = 0.05, 0.40
	frame            = 0.010 // seconds
	minPitch         = 300
	maxPitch         = 2600
)

// Find returns the rhythms in a recording of one channel. It listens for a single steady pitch that is switched on and off in the pattern,
// whatever its pitch, and stands out of what else sounds; speech and music have no such four sounds.
func Find(samples []float64, rate int) []Mark {
	if rate < 4*minPitch {
		return nil
	}
	samples, rate = slower(samples, rate)
	var marks []Mark
	strongest := spectrum(samples, rate)
	if len(strongest) == 0 {
		return nil
	}
	seen := map[int]bool{}
	for _, s := range strongest { // every pitch that is the clear one of some frame
		if s.bin == 0 || seen[s.bin] {
			continue
		}
		seen[s.bin] = true
		marks = append(marks, along(strongest, s.bin)...)
	}
	return apart(marks)
}

// slower brings a recording to the rate of a telephone or a little above, where everything that is looked for still is.
func slower(samples []float64, rate int) ([]float64, int) {
	by := rate / 8000
	if by < 2 {
		return samples, rate
	}
	out := make([]float64, len(samples)/by)
	for i := range out {
		for _, v := range samples[i*by : (i+1)*by] {
			out[i] += v / float64(by)
		}
	}
	return out, rate / by
}

// peak is the pitch that rules a frame: its bin of width pitchStep, 0 for none.
type peak struct{ bin int }

const (
	pitchStep = 50   // Hz
	purity    = 0.55 // share of a frame's energy that one pitch must have
	quiet     = 1e-6 // energy a sample below which a frame is silent
)

// spectrum is the ruling pitch of each frame, by Goertzel's algorithm over windows of two frames.
func spectrum(samples []float64, rate int) []peak {
	step := int(frame * float64(rate))
	size := 2 * step
	if step == 0 || len(samples) < size {
		return nil
	}
	top := min(maxPitch, rate/2-2*pitchStep)
	window := make([]float64, size)
	for i := range window {
		window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(size-1))
	}
	out := make([]peak, 0, len(samples)/step)
	buf := make([]float64, size)
	for at := 0; at+size <= len(samples); at += step {
		energy := 0.0
		for i := range buf {
			buf[i] = samples[at+i] * window[i]
			energy += buf[i] * buf[i]
		}
		best, bin := 0.0, 0
		if energy/float64(size) > quiet {
			for hz := minPitch; hz <= top; hz += pitchStep {
				if p := goertzel(buf, float64(hz), rate); p > best {
					best, bin = p, hz/pitchStep
				}
			}
		}
		// A pure tone under this window has a third of size*energy at its own frequency, less between two bins.
		if best < purity*energy*float64(size)/3 {
			bin = 0
		}
		out = append(out, peak{bin})
	}
	return out
}

// goertzel is the power of one frequency.
func goertzel(x []float64, hz float64, rate int) float64 {
	c := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	var a, b float64
	for _, v := range x {
		a, b = v+c*a-b, a
	}
	return a*a + b*b - c*a*b
}

// run is a stretch in which a pitch rules or does not, in frames.
type run struct {
	on    bool
	n, at int
}

// along finds the pattern in the frames that one pitch rules.
func along(peaks []peak, bin int) (marks []Mark) {
	var runs []run
	for i, p := range peaks {
		on := p.bin >= bin-1 && p.bin <= bin+1
		if k := len(runs) - 1; k >= 0 && runs[k].on == on {
			runs[k].n++
			continue
		}
		runs = append(runs, run{on, 1, i})
	}
	runs = steady(runs)
	for i := 0; i+6 < len(runs); i++ {
		if r := runs[i : i+7]; r[0].on {
			if unit, letters, ok := fits(r); ok && alone(runs, i, unit/frame) {
				end := r[6].at + r[6].n
				marks = append(marks, Mark{Start: float64(r[0].at) * frame, End: float64(end+1) * frame, Unit: unit, Pitch: float64(bin * pitchStep), Letters: letters})
				i += 6
			}
		}
	}
	return marks
}

// alone tells whether the seven runs from i on are no part of longer letters: the gaps around them are wider than those inside a letter.
func alone(runs []run, i int, unit float64) bool {
	for _, k := range []int{i - 1, i + 7} {
		if k > 0 && k < len(runs)-1 && float64(runs[k].n) <= 1.4*unit+1.5 {
			return false
		}
	}
	return true
}

// steady joins what an interruption of one frame parts.
func steady(runs []run) []run {
	var out []run
	for _, r := range runs {
		k := len(out) - 1
		switch {
		case k >= 0 && out[k].on == r.on:
			out[k].n += r.n
		case r.n == 1 && k >= 0:
			out[k].n++
		default:
			out = append(out, r)
		}
	}
	return out
}

// fits tells whether seven runs, sounds and gaps in turn, are the rhythm, and how long its unit is in seconds. A frame of a sound's edge
// counts for the sound or the gap; both may be off by it.
func fits(r []run) (unit float64, letters, ok bool) {
	n := func(i int) float64 { return float64(r[i].n) }
	unit = (n(0) + n(2) + n(4) + n(6)) / (3*short + long)
	if s := unit * frame; s < minUnit || s > maxUnit {
		return 0, false, false
	}
	near := func(got, want float64) bool { return math.Abs(got-want*unit) <= 0.4*unit+1.5 }
	if !near(n(0), short) || !near(n(2), long) || !near(n(4), short) || !near(n(6), short) || !near(n(1), inside) || !near(n(5), inside) {
		return 0, false, false
	}
	switch gap := n(3); {
	case near(gap, between) || gap > 2*unit && gap < 5*unit:
		return unit * frame, true, true
	case near(gap, inside):
		return unit * frame, false, true
	}
	return 0, false, false
}

// apart keeps one of the marks that lie over one another: those with letters first.
func apart(marks []Mark) (out []Mark) {
	for _, letters := range []bool{true, false} {
		for _, m := range marks {
			free := m.Letters == letters
			for _, o := range out {
				free = free && (m.End <= o.Start || m.Start >= o.End)
			}
			if free {
				out = append(out, m)
			}
		}
	}
	return out
}
