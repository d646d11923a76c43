package sound

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/testkit"
	"github.com/hegui/hegui/label/carrier"
)

// wav is a file of one kind that holds the same samples in all channels.
func wav(code uint16, bits, rate, channels int, samples []float64, extra ...string) []byte {
	w := &wave{code: code, bits: bits}
	var data []byte
	for _, v := range samples {
		for range channels {
			data = append(data, w.encode(v)...)
		}
	}
	frame := channels * bits / 8
	format := binary.LittleEndian.AppendUint16(nil, code)
	format = binary.LittleEndian.AppendUint16(format, uint16(channels))
	format = binary.LittleEndian.AppendUint32(format, uint32(rate))
	format = binary.LittleEndian.AppendUint32(format, uint32(rate*frame))
	format = binary.LittleEndian.AppendUint16(format, uint16(frame))
	format = binary.LittleEndian.AppendUint16(format, uint16(bits))
	chunk := func(id string, b []byte) []byte {
		out := append([]byte(id), binary.LittleEndian.AppendUint32(nil, uint32(len(b)))...)
		return append(append(out, b...), make([]byte, len(b)%2)...)
	}
	body := append([]byte("WAVE"), chunk("fmt ", format)...)
	if code != 1 {
		body = append(body, chunk("fact", binary.LittleEndian.AppendUint32(nil, uint32(len(samples))))...)
	}
	body = append(body, chunk("data", data)...)
	for _, x := range extra {
		body = append(body, chunk("LIST", []byte(x))...)
	}
	return append(append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...), body...)
}

// babble is something like speech: syllables of a few harmonics with a moving pitch, pauses, and noise.
func babble(rate int, seconds float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]float64, int(seconds*float64(rate)))
	for at := 0; at < len(out); {
		n := int((0.08 + 0.25*r.Float64()) * float64(rate))
		hz, bend, loud := 90+160*r.Float64(), 0.8+0.4*r.Float64(), 0.1+0.3*r.Float64()
		var weights [14]float64
		for k := range weights {
			weights[k] = r.Float64() / float64(k+1)
		}
		phase := 0.0
		for i := 0; i < n && at+i < len(out); i++ {
			x := float64(i) / float64(n)
			phase += 2 * math.Pi * hz * (1 + (bend-1)*x) / float64(rate)
			v := 0.05 * r.NormFloat64()
			for k, w := range weights {
				v += w * math.Sin(phase*float64(k+1))
			}
			out[at+i] = min(max(loud*v*math.Sin(math.Pi*x), -1), 1)
		}
		at += n + int(0.12*r.Float64()*float64(rate))
	}
	return out
}

func write(t testing.TB, e *carrier.Edit) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := e.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestMarkWAV: every kind of samples gets a rhythm at its rate that is found again, in front or behind, once; what was there stays bit for bit.
func TestMarkWAV(t *testing.T) {
	for _, kind := range []struct {
		code uint16
		bits int
	}{{1, 8}, {1, 16}, {1, 24}, {1, 32}, {3, 32}, {3, 64}, {6, 8}, {7, 8}} {
		for _, rate := range []int{8000, 22050, 48000} {
			channels := 1
			if rate == 8000 {
				channels = 2
			}
			for _, end := range []bool{false, true} {
				name := fmt.Sprintf("kind %d, %d bits, %d Hz, %d channels, end %t", kind.code, kind.bits, rate, channels, end)
				file := wav(kind.code, kind.bits, rate, channels, babble(rate, 3.1, 7), "INFOkept")
				e, err := MarkWAV(carrier.Bytes(file), Options{End: end})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				marked := write(t, e)
				before, _ := readWave(carrier.Bytes(file))
				after, err := readWave(carrier.Bytes(marked))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				was, is := file[before.data:before.data+before.size], marked[after.data:after.data+after.size]
				if !end && !bytes.HasSuffix(is, was) || end && !bytes.HasPrefix(is, was) || !bytes.Contains(marked, []byte("INFOkept")) {
					t.Errorf("%s: what was there has changed", name)
				}
				if n := int64(binary.LittleEndian.Uint32(marked[4:])) + 8; n != int64(len(marked)) {
					t.Errorf("%s: says %d bytes, has %d", name, n, len(marked))
				}
				if after.fact > 0 && int64(binary.LittleEndian.Uint32(marked[after.fact:])) != after.size/after.frame {
					t.Errorf("%s: fact is wrong", name)
				}
				marks, err := FindWAV(carrier.Bytes(marked))
				if err != nil || len(marks) != 1 || !marks[0].Letters || math.Abs(marks[0].Unit-DefaultUnit) > 0.02 || math.Abs(marks[0].Pitch-DefaultPitch) > 50 {
					t.Errorf("%s: found %+v, %v", name, marks, err)
				}
				again, err := MarkWAV(carrier.Bytes(marked), Options{End: end})
				if err != nil || again.Size() != int64(len(marked)) {
					t.Errorf("%s: marked twice: %d and %d bytes, %v", name, again.Size(), len(marked), err)
				}
			}
		}
	}
}

// TestNoRhythm: speech-like sounds, noise, music of single tones and other letters in Morse code are no mark.
func TestNoRhythm(t *testing.T) {
	const rate = 16000
	for seed := range uint64(12) {
		if m := Find(babble(rate, 12, seed), rate); len(m) > 0 {
			t.Errorf("babble %d: %+v", seed, m)
		}
	}
	r := rand.New(rand.NewPCG(3, 3))
	for tune := range 20 { // single tones of a scale, as long as notes are
		var x []float64
		for range 40 {
			hz, n := 220*math.Pow(2, float64(r.IntN(36))/12), int([]float64{0.125, 0.25, 0.375, 0.5}[r.IntN(4)]*rate)
			for i := range n {
				x = append(x, 0.3*math.Sin(2*math.Pi*hz*float64(i)/rate)*math.Exp(-3*float64(i)/float64(n)))
			}
		}
		if m := Find(x, rate); len(m) > 0 {
			t.Errorf("tune %d: %+v", tune, m)
		}
	}
	noise := make([]float64, 30*rate)
	for i := range noise {
		noise[i] = 0.2 * r.NormFloat64()
	}
	if m := Find(noise, rate); len(m) > 0 {
		t.Errorf("noise: %+v", m)
	}
	for name, units := range map[string][]int{"SOS": {1, 1, 1, 1, 1, 3, 3, 1, 3, 1, 3, 3, 1, 1, 1, 1, 1}, "IA": {1, 1, 1, 3, 1, 1, 3}, "ringing": {3, 3, 3, 3, 3, 3, 3, 3, 3}, "beeps": {1, 1, 1, 1, 1, 1, 1, 1, 1}} {
		if m := Find(morse(rate, units), rate); len(m) > 0 {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if m := Find(morse(rate, []int{1, 1, 3, 1, 1, 1, 1}), rate); len(m) != 1 || m[0].Letters {
		t.Errorf("the letter L: %+v", m)
	}
	for name, x := range map[string][]float64{"nothing": nil, "one": {1}, "silence": make([]float64, rate)} {
		if m := Find(x, rate); len(m) > 0 {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// morse is sounds and gaps in turn.
func morse(rate int, units []int) (x []float64) {
	x = make([]float64, rate/2)
	for i, u := range units {
		for k := range int(float64(u) * 0.12 * float64(rate)) {
			v := 0.0
			if i%2 == 0 {
				v = 0.3 * math.Sin(2*math.Pi*700*float64(k)/float64(rate))
			}
			x = append(x, v)
		}
	}
	return append(x, make([]float64, rate/2)...)
}

func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ffmpeg", append([]string{"-v", "error", "-y"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestRhythmSurvives what a mark meets on its way: lossy coding and a telephone line.
func TestRhythmSurvives(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		testkit.Missing(t, "ffmpeg", "apt-get install ffmpeg")
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	e, err := MarkWAV(carrier.Bytes(wav(1, 16, 24000, 1, babble(24000, 8, 11))), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("marked.wav"), write(t, e), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"mp3":       {"-b:a", "64k", path("x.mp3")},
		"mp3 16k":   {"-b:a", "16k", "-ar", "16000", path("y.mp3")},
		"aac":       {"-c:a", "aac", "-b:a", "32k", path("x.m4a")},
		"opus":      {"-c:a", "libopus", "-b:a", "24k", path("x.opus")},
		"telephone": {"-ar", "8000", "-c:a", "pcm_mulaw", "-filter:a", "volume=-12dB", path("t.wav")},
		"louder":    {"-filter:a", "volume=8dB", "-ar", "44100", path("l.wav")},
	} {
		out := args[len(args)-1]
		ffmpeg(t, append([]string{"-i", path("marked.wav")}, args...)...)
		ffmpeg(t, "-i", out, "-c:a", "pcm_s16le", path("back.wav"))
		b, err := os.ReadFile(path("back.wav"))
		if err != nil {
			t.Fatal(err)
		}
		marks, err := FindWAV(carrier.Bytes(b))
		if err != nil || len(marks) != 1 || !marks[0].Letters {
			t.Errorf("%s: %+v, %v", name, marks, err)
		}
	}
}

// TestClip: a spoken clip stands in front at the file's rate.
func TestClip(t *testing.T) {
	clip, err := ReadClip(carrier.Bytes(wav(1, 16, 16000, 1, babble(16000, 2, 5))))
	if err != nil || len(clip.Samples) != 32000 {
		t.Fatal(err)
	}
	file := wav(1, 16, 8000, 1, babble(8000, 1, 6))
	e, err := MarkWAV(carrier.Bytes(file), Options{Clip: clip})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := e.Size()-int64(len(file)), int64(2*(2*8000+2000)); got != want {
		t.Errorf("%d bytes more, want %d", got, want)
	}
}

func TestBadWAV(t *testing.T) {
	good := wav(1, 16, 8000, 1, make([]float64, 100))
	change := func(at int, b ...byte) []byte {
		out := bytes.Clone(good)
		copy(out[at:], b)
		return out
	}
	for name, c := range map[string]struct {
		file []byte
		kind carrier.Kind
	}{
		"empty":           {nil, carrier.Truncated},
		"other":           {[]byte("RIFF\x00\x00\x00\x00AVI LIST"), carrier.Malformed},
		"no data":         {good[:36], carrier.Malformed},
		"cut":             {good[:80], carrier.Truncated},
		"no channels":     {change(22, 0, 0), carrier.Malformed},
		"no rate":         {change(24, 0, 0, 0, 0), carrier.Malformed},
		"ADPCM":           {change(20, 2, 0), carrier.Unsupported},
		"twelve bits":     {change(32, 2, 0, 12, 0), carrier.Unsupported},
		"frames that lie": {change(32, 9, 0), carrier.Malformed},
		"short fmt":       {append(bytes.Clone(good[:16]), 4, 0, 0, 0, 1, 0, 1, 0), carrier.Malformed},
	} {
		if _, err := MarkWAV(carrier.Bytes(c.file), Options{}); carrier.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		}
	}
	for _, o := range []Options{{Unit: 2}, {Pitch: 50}, {Pitch: 4000}} {
		if _, err := MarkWAV(carrier.Bytes(good), o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// TestG711 compares with the values of the standard's own table at a few places, and every code with itself.
func TestG711(t *testing.T) {
	for b := range 256 {
		if got := unMuLaw(muLaw(unMuLaw(byte(b)))); got != unMuLaw(byte(b)) {
			t.Errorf("µ-law %#x: %d", b, got)
		}
		if got := unALaw(aLaw(unALaw(byte(b)))); got != unALaw(byte(b)) {
			t.Errorf("A-law %#x: %d, want %d", b, got, unALaw(byte(b)))
		}
	}
	if unMuLaw(0xFF) != 0 || unMuLaw(0x00) != -32124 || unMuLaw(0x80) != 32124 || unALaw(0xD5) != 8 || unALaw(0x2A) != -32256 {
		t.Error(unMuLaw(0xFF), unMuLaw(0x00), unMuLaw(0x80), unALaw(0xD5), unALaw(0x2A))
	}
}

func FuzzMarkWAV(f *testing.F) {
	f.Add(wav(1, 16, 8000, 1, babble(8000, 0.2, 1)))
	f.Add(wav(3, 32, 44100, 2, babble(44100, 0.1, 2), "x"))
	f.Add(wav(7, 8, 8000, 1, make([]float64, 33)))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := MarkWAV(carrier.Bytes(b), Options{})
		if err != nil {
			return
		}
		if _, err := readWave(e.File()); err != nil {
			t.Fatalf("the marked file cannot be read: %v", err)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	x := babble(48000, 10, 1)
	for b.Loop() {
		Find(x, 48000)
	}
}
