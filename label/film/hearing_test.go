package film

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/label/sound"
)

// music is chords, a melody of notes with overtones and a drum, at a beat that lies about as long as the rhythm's units.
func music(rate int, seconds float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 9))
	out := make([]float64, int(seconds*float64(rate)))
	note := func(at, length, hz, loud float64, pure bool) {
		n := int(length * float64(rate))
		for i := range n {
			k := int(at*float64(rate)) + i
			if k >= len(out) {
				return
			}
			x, v := float64(i)/float64(rate), 0.0
			for h := 1.0; h <= 6; h++ {
				if v += math.Sin(2*math.Pi*hz*h*x) / (h * h); pure {
					break
				}
			}
			out[k] += loud * v * min(1, 200*x) * math.Exp(-x*2) * min(1, float64(n-i)/100)
		}
	}
	beat := 0.08 + 0.2*r.Float64()
	chords, drums, pure := r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
	for at := 0.0; at < seconds; {
		length := beat * []float64{1, 1, 2, 3, 4}[r.IntN(5)]
		note(at, length*(0.5+0.5*r.Float64()), 220*math.Pow(2, float64(r.IntN(40))/12), 0.25, pure)
		if chords && r.IntN(3) == 0 {
			for _, k := range []int{0, 4, 7} {
				note(at, 4*beat, 130*math.Pow(2, float64(k+r.IntN(5))/12), 0.12, false)
			}
		}
		if drums {
			for i := range min(1000, len(out)-int(at*float64(rate))) {
				out[int(at*float64(rate))+i] += 0.2 * r.NormFloat64() * math.Exp(-float64(i)/200)
			}
		}
		at += length + beat*float64(r.IntN(4))
	}
	return out
}

// keyed is a tone that is switched on and off for so many units in turn.
func keyed(rate int, hz, unit float64, units ...float64) []float64 {
	out := make([]float64, rate/2)
	for i, u := range units {
		for k := range int(u * unit * float64(rate)) {
			v := 0.0
			if i%2 == 0 {
				v = 0.3 * math.Sin(2*math.Pi*hz*float64(k)/float64(rate))
			}
			out = append(out, v)
		}
	}
	return append(out, make([]float64, rate)...)
}

// TestNothingHeard counts false hearings in music, noise, tones of telephones and all other pairs of letters in Morse code.
func TestNothingHeard(t *testing.T) {
	const rate = listenRate
	minutes := 0.0
	heard := func(what string, x []float64) {
		minutes += float64(len(x)) / rate / 60
		if m := letters(x, 0); len(m) > 0 {
			t.Errorf("%s: %+v", what, m)
		}
	}
	for seed := range uint64(120) {
		heard(fmt.Sprint("music ", seed), music(rate, 30, seed))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for k := range 6 {
		x, low := make([]float64, 60*rate), 0.0
		for i := range x {
			low += (r.NormFloat64() - low) / float64(1+4*k)
			x[i] = 0.2 * low
		}
		heard(fmt.Sprint("noise ", k), x)
	}
	for name, u := range map[string][]float64{"dial tone": {200}, "busy": {4, 4, 4, 4, 4, 4, 4, 4, 4}, "ringing": {10, 40, 10, 40, 10}, "double ringing": {4, 2, 4, 20, 4, 2, 4}, "fast busy": {2, 2, 2, 2, 2, 2, 2, 2},
		"reversing": {5, 5, 5, 5, 5, 5}, "alarm": {1, 1, 1, 1, 1, 7, 1, 1, 1, 1, 1}, "pips": {1, 9, 1, 9, 1, 9, 5}} {
		for _, hz := range []float64{400, 425, 800, 1000, 2000} {
			heard(name, keyed(rate, hz, 0.1, u...))
		}
	}
	code := map[string]string{"A": ".-", "B": "-...", "C": "-.-.", "D": "-..", "E": ".", "F": "..-.", "G": "--.", "H": "....", "I": "..", "J": ".---", "K": "-.-", "L": ".-..", "M": "--", "N": "-.", "O": "---", "P": ".--.", "Q": "--.-", "R": ".-.", "S": "...", "T": "-", "U": "..-", "V": "...-", "W": ".--", "X": "-..-", "Y": "-.--", "Z": "--.."}
	pairs := 0
	for a, first := range code {
		for b, second := range code {
			if a+b == "AI" || strings.HasSuffix(first+" "+second, ".- ..") {
				continue // it, or it behind more sounds of the same letter
			}
			var u []float64
			for i, letter := range []string{first, second} {
				if i > 0 {
					u = append(u, 3)
				}
				for k, c := range letter {
					if k > 0 {
						u = append(u, 1)
					}
					u = append(u, map[rune]float64{'.': 1, '-': 3}[c])
				}
			}
			pairs++
			heard("Morse "+a+b, keyed(rate, 700, 0.1, u...))
		}
	}
	t.Logf("no rhythm in %.0f minutes, %d pairs of letters among them", minutes, pairs)
}

// TestHeardAgain: the rhythm is heard after every codec and a telephone line, before speech and before music.
func TestHeardAgain(t *testing.T) {
	need(t, "ffmpeg", "ffprobe", "espeak-ng")
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	command(t, "espeak-ng", "-v", "cmn", "-w", path("speech.wav"), "今天天气很好，我们一起去公园散步，看看湖边的花。")
	w := &bench{dir: dir}
	if err := w.raw("music.f32", music(44100, 8, 5), 2); err != nil {
		t.Fatal(err)
	}
	command(t, "ffmpeg", "-v", "error", "-f", "f32le", "-ar", "44100", "-ac", "2", "-i", path("music.f32"), path("music.wav"))
	for _, content := range []string{"speech", "music"} {
		command(t, "ffmpeg", "-v", "error", "-y", "-i", path(content+".wav"), "-b:a", "64k", path("was.mp3"))
		if _, heard, err := Look(context.Background(), load(t, path("was.mp3")), "mp3", Limits{}); err != nil || len(heard) > 0 {
			t.Errorf("%s: %v %v", content, heard, err)
		}
		f, _, err := Mark(context.Background(), load(t, path("was.mp3")), "mp3", Options{Sound: sound.Options{}})
		if err != nil {
			t.Fatal(err)
		}
		marked := save(t, f, "marked.mp3")
		for name, args := range map[string]string{
			"x.mp3": "-b:a 32k -ar 22050", "x.m4a": "-c:a aac -b:a 32k -ac 1", "x.ogg": "-c:a libopus -b:a 16k -ac 1", "x.wav": "-c:a pcm_mulaw -ar 8000 -ac 1", "quiet.wav": "-c:a pcm_mulaw -ar 8000 -ac 1 -af volume=-15dB", "x.flac": "-c:a flac -af acompressor",
		} {
			command(t, "ffmpeg", append(append([]string{"-v", "error", "-y", "-i", marked}, strings.Fields(args)...), path(name))...)
			_, heard, err := Look(context.Background(), load(t, path(name)), strings.TrimPrefix(filepath.Ext(name), "."), Limits{})
			if err != nil || len(heard) != 1 || heard[0].Start > 0.3 {
				t.Errorf("%s, %s: %+v %v", content, name, heard, err)
			}
		}
	}
}
