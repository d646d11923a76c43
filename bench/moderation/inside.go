package main

import (
	"math/rand/v2"
	"slices"
	"unicode/utf8"

	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/privacy"
)

// inside is what only hegui does, with one number of words.
type inside struct {
	Words       int     `json:"words"`
	HeldMean    float64 `json:"held_runes_mean"` // after each delta of 1 to 8 runes, every word of the block tier
	HeldP50     int     `json:"held_runes_p50"`
	HeldP99     int     `json:"held_runes_p99"`
	HeldP999    int     `json:"held_runes_p99_9"`
	HeldMax     int     `json:"held_runes_max"`
	Deltas      int     `json:"deltas"`
	Violations  int     `json:"violations"` // after each a new window begins
	PipelineNS  float64 `json:"pipeline_ns_per_kb_message"`
	PrivacyNS   float64 `json:"privacy_ns_per_kb_message"`
	MixedNS     float64 `json:"pipeline_mixed_ns_per_kb_message"`
	CompileMS   float64 `json:"compile_ms"` // CPU time, best of three
	ArtefactMB  float64 `json:"artefact_mb"`
	PerDeltaNS  float64 `json:"window_ns_per_delta"`
	StarterNS   float64 `json:"starter_pipeline_ns_per_kb_message"`
	StarterHeld float64 `json:"starter_held_runes_mean"`

	LostByWindows map[int]float64 `json:"lost_by_disjoint_windows"` // share of matches, by bytes of the window
}

func (rep *report) inside(m *material, words []string) error {
	in := inside{Words: len(words)}
	var signal *moderation.Lexicon
	for range 3 {
		start := cpu()
		l, err := moderation.Compile(entriesOf(words, moderation.Signal))
		if err != nil {
			return err
		}
		signal = l
		if ms := float64(cpu()-start) / 1e6; in.CompileMS == 0 || ms < in.CompileMS {
			in.CompileMS = ms
		}
	}
	in.ArtefactMB = float64(signal.Size()) / 1e6
	zh, mixed := messages(m.zh, 1000), messages(m.mixed, 1000)
	in.PipelineNS = best(zh, func(b []byte) int { return len(signal.Scan(b)) + len(privacy.Scan(b)) })
	in.MixedNS = best(mixed, func(b []byte) int { return len(signal.Scan(b)) + len(privacy.Scan(b)) })
	in.PrivacyNS = best(zh, func(b []byte) int { return len(privacy.Scan(b)) })
	starter, err := moderation.Compile(moderation.StarterEntries())
	if err != nil {
		return err
	}
	in.StarterNS = best(zh, func(b []byte) int { return len(starter.Scan(b)) + len(privacy.Scan(b)) })
	block, err := moderation.Compile(entriesOf(words, moderation.Block))
	if err != nil {
		return err
	}
	held, violations, ns := holdBack(block, m.zh)
	slices.Sort(held)
	sum := 0
	for _, h := range held {
		sum += h
	}
	at := func(share float64) int { return held[min(len(held)-1, int(share*float64(len(held))))] }
	in.HeldMean = float64(sum) / float64(len(held))
	in.HeldP50, in.HeldP99, in.HeldP999, in.HeldMax = at(0.5), at(0.99), at(0.999), held[len(held)-1]
	in.Deltas, in.Violations, in.PerDeltaNS = len(held), violations, ns
	held, _, _ = holdBack(starter, m.zh)
	sum = 0
	for _, h := range held {
		sum += h
	}
	in.StarterHeld = float64(sum) / float64(len(held))
	in.LostByWindows = map[int]float64{}
	for _, size := range windowSizes() {
		in.LostByWindows[size] = lostByWindows(signal, []byte(m.zh), size)
	}
	rep.Inside = append(rep.Inside, in)
	return nil
}

// best is the CPU time of f over each message, in ns per KB, of the best of three rounds of at least 100 ms.
func best(texts []string, f func([]byte) int) float64 {
	var bytes [][]byte
	size := 0
	for _, t := range texts {
		bytes = append(bytes, []byte(t))
		size += len(t)
	}
	least := 0.0
	for range 3 {
		start, passes, sum := cpu(), 0, 0
		for passes == 0 || cpu()-start < minPass {
			for _, b := range bytes {
				sum += f(b)
			}
			passes++
		}
		if ns := float64(cpu()-start) / float64(passes) / float64(size) * messageSize; least == 0 || ns < least {
			least = ns
		}
	}
	return least
}

// holdBack streams text through windows in deltas of 1 to 8 runes and tells, after each, how many runes that were written
// are not released yet. After a violation a new window begins where the match ends.
func holdBack(l *moderation.Lexicon, text string) (held []int, violations int, nsPerDelta float64) {
	rnd := rand.New(rand.NewPCG(9, 10))
	start := cpu()
	b, from, at := []byte(text), 0, 0
	w := l.NewWindow(moderation.Scene{}, nil)
	for at < len(b) {
		end := at
		for n := 1 + rnd.IntN(8); n > 0 && end < len(b); n-- {
			_, size := utf8.DecodeRune(b[end:])
			end += size
		}
		s := w.Write(b[at:end])
		if s.Violation != nil {
			violations++
			from += s.Violation.End
			at = from
			w = l.NewWindow(moderation.Scene{}, nil)
			continue
		}
		at = end
		held = append(held, utf8.RuneCount(b[from+w.Released():at]))
	}
	return held, violations, float64(cpu()-start) / float64(len(held)+violations)
}

// windowSizes are those of published filters, and around them.
func windowSizes() []int { return []int{24, 48, 128, 384, 1000} }

// lostByWindows is the share of matches that are lost when text is scanned in windows of about size bytes that know nothing
// of each other, none ending inside a rune.
func lostByWindows(l *moderation.Lexicon, text []byte, size int) float64 {
	all := len(l.Scan(text))
	if all == 0 {
		return 0
	}
	found := 0
	for len(text) > 0 {
		end := min(size, len(text))
		for end < len(text) && !utf8.RuneStart(text[end]) {
			end++
		}
		found += len(l.Scan(text[:end]))
		text = text[end:]
	}
	return 1 - float64(found)/float64(all)
}
