package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hegui/hegui/moderation"
)

const (
	minPass = 100 * time.Millisecond // CPU time of one measurement, for engines that read 4 MB faster
	rebuild = 3 * time.Second        // engines that are built faster are built three times
)

// result is what one engine did with one number of words; times are of the best round.
type result struct {
	Engine        string    `json:"engine"`
	About         string    `json:"about"`
	Words         int       `json:"words"`
	ZhMBs         float64   `json:"zh_mb_per_s"`
	MixedMBs      float64   `json:"mixed_mb_per_s"`
	MessageNS     float64   `json:"ns_per_kb_message"`
	Allocs        float64   `json:"allocs_per_message"` // -1: not known
	BuildMS       float64   `json:"build_ms"`
	MemoryMB      float64   `json:"memory_mb"`
	ZhHits        int64     `json:"zh_hits"`
	MixedHits     int64     `json:"mixed_hits"`
	ZhRatio       float64   `json:"zh_ratio"`       // to -against, the median of the rounds
	MixedRatio    float64   `json:"mixed_ratio"`    //
	MessageRatio  float64   `json:"message_ratio"`  //
	OfFloor       float64   `json:"of_byte_floor"`  // speed on zh, to the sum of the bytes
	ZhRounds      []float64 `json:"zh_rounds"`      // MB/s of every round
	MixedRounds   []float64 `json:"mixed_rounds"`   //
	MessageRounds []float64 `json:"message_rounds"` // ns per message of every round
	Why           string    `json:"why,omitempty"`  // it was not measured
}

// race measures all targets with the same words, in rounds.
func (rep *report) race(o options, m *material, targets []target, words []string) error {
	file, err := m.wordFile(words)
	if err != nil {
		return err
	}
	type lane struct {
		t target
		r *runner
		*result
	}
	var lanes []lane
	defer func() {
		for _, l := range lanes {
			l.r.stop()
		}
	}()
	for _, t := range targets {
		res := &result{Engine: t.name, About: t.about, Words: len(words)}
		if mb := t.perWordMB * float64(len(words)) / 1000; mb > o.memory {
			rep.Absent[fmt.Sprintf("%s, %d words", t.name, len(words))] = fmt.Sprintf("would take about %.0f MB", mb)
			continue
		}
		fmt.Fprintf(os.Stderr, "%d words: %s is built\n", len(words), t.name)
		r, a, err := start(t, o.core, file, m.files)
		if err != nil {
			rep.Absent[fmt.Sprintf("%s, %d words", t.name, len(words))] = err.Error()
			continue
		}
		res.BuildMS, res.MemoryMB = float64(a.BuildNS)/1e6, float64(a.Memory)/1e6
		lanes = append(lanes, lane{t, r, res})
	}
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "%d words: round %d of %d\n", len(words), round+1, o.rounds)
		for _, l := range lanes {
			zh, err := l.r.ask(request{Text: 0, MinNS: int64(minPass)})
			if err != nil {
				return fmt.Errorf("%s: %w", l.t.name, err)
			}
			mixed, err := l.r.ask(request{Text: 1, MinNS: int64(minPass)})
			if err != nil {
				return fmt.Errorf("%s: %w", l.t.name, err)
			}
			short, err := l.r.ask(request{Text: 0, Messages: o.messages, MinNS: int64(minPass)})
			if err != nil {
				return fmt.Errorf("%s: %w", l.t.name, err)
			}
			l.ZhRounds = append(l.ZhRounds, speed(zh))
			l.MixedRounds = append(l.MixedRounds, speed(mixed))
			l.MessageRounds = append(l.MessageRounds, float64(short.CPUNS)/float64(short.Passes)/float64(short.Bytes)*messageSize)
			l.ZhHits, l.MixedHits = zh.Hits, mixed.Hits
			l.Allocs = -1
			if short.Allocs >= 0 {
				l.Allocs = float64(short.Allocs) / float64(short.Bytes) * messageSize
			}
		}
	}
	for _, l := range lanes {
		l.ZhMBs, l.MixedMBs, l.MessageNS = slices.Max(l.ZhRounds), slices.Max(l.MixedRounds), slices.Min(l.MessageRounds)
		for i := 0; i < 2 && l.BuildMS < float64(rebuild.Milliseconds()); i++ {
			r, a, err := start(l.t, o.core, file, nil)
			if err != nil {
				return fmt.Errorf("%s: %w", l.t.name, err)
			}
			r.stop()
			l.BuildMS = min(l.BuildMS, float64(a.BuildNS)/1e6)
		}
	}
	at := func(name string) *result {
		for _, l := range lanes {
			if l.t.name == name {
				return l.result
			}
		}
		return nil
	}
	against, floor := at(o.against), at("floor-bytes")
	for _, l := range lanes {
		if against != nil {
			l.ZhRatio, l.MixedRatio = ratio(l.ZhRounds, against.ZhRounds), ratio(l.MixedRounds, against.MixedRounds)
			l.MessageRatio = ratio(against.MessageRounds, l.MessageRounds)
		}
		if floor != nil {
			l.OfFloor = l.ZhMBs / floor.ZhMBs
		}
		rep.Results = append(rep.Results, *l.result)
	}
	return nil
}

// ratio is the median of the rounds' ratios: what else the machine does moves both sides of a round, but not the same in
// every round.
func ratio(a, b []float64) float64 {
	var of []float64
	for i := range min(len(a), len(b)) {
		of = append(of, a[i]/b[i])
	}
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return (of[len(of)/2] + of[(len(of)-1)/2]) / 2
}

// speed is in MB (1,000,000 bytes) per second.
func speed(a answer) float64 { return float64(a.Bytes*a.Passes) / float64(a.CPUNS) * 1000 }

// count is how many hits one engine reports on the words and text of the agreement check.
type count struct {
	Engine string  `json:"engine"`
	Hits   int64   `json:"hits"`
	MBs    float64 `json:"mb_per_s"` // best round
	rounds []float64
}

// agreeWords is how many words the check takes.
const agreeWords = 60_000

// agree lets all targets that report every overlapping match count the hits of words of Chinese characters alone, in a text
// of nothing else, with no two characters that hegui takes for one. All must count the same, and do the same work for it, so
// their speeds compare best here.
func (rep *report) agree(o options, m *material, targets []target) error {
	words, text, err := plain(m.words[:min(agreeWords, len(m.words))], m.zh)
	if err != nil {
		return err
	}
	file, err := m.wordFile(words)
	if err != nil {
		return err
	}
	textFile := strings.TrimSuffix(file, ".txt") + "-plain.txt"
	if err := os.WriteFile(textFile, []byte(text), 0o600); err != nil {
		return err
	}
	rep.PlainWords, rep.PlainMB = len(words), float64(len(text))/1e6
	var runners []*runner
	defer func() {
		for _, r := range runners {
			r.stop()
		}
	}()
	for _, t := range targets {
		if !t.all || t.perWordMB*float64(len(words))/1000 > o.memory {
			continue
		}
		r, _, err := start(t, o.core, file, []string{textFile})
		if err != nil {
			continue // race says why
		}
		runners = append(runners, r)
		rep.Counts = append(rep.Counts, count{Engine: t.name})
	}
	for range o.rounds {
		for i, r := range runners {
			c := &rep.Counts[i]
			a, err := r.ask(request{Text: 0, MinNS: int64(minPass)})
			if err != nil {
				return fmt.Errorf("%s: %w", c.Engine, err)
			}
			c.Hits, c.MBs, c.rounds = a.Hits, max(c.MBs, speed(a)), append(c.rounds, speed(a))
		}
	}
	return nil
}

// plain keeps the words of Han characters alone and puts a line end for everything else in text. Of characters that hegui
// takes for one, such as a traditional and a simplified form, only the commonest is kept in both.
func plain(words []string, text string) ([]string, string, error) {
	times := map[rune]int{}
	for _, s := range append([]string{text}, words...) {
		for _, r := range s {
			if unicode.Is(unicode.Han, r) {
				times[r]++
			}
		}
	}
	var entries []moderation.Entry
	var all strings.Builder
	han := map[rune]bool{}
	for r := range times {
		entries = append(entries, moderation.Entry{ID: string(r), Text: string(r), Category: "A1a", Tier: moderation.Signal})
		all.WriteRune(r)
		all.WriteByte('\n')
		han[r] = true
	}
	l, err := moderation.Compile(entries)
	if err != nil {
		return nil, "", err
	}
	for _, f := range l.Scan([]byte(all.String())) {
		here, _ := utf8.DecodeRuneInString(all.String()[f.Start:f.End])
		same, _ := utf8.DecodeRuneInString(f.Entry)
		if times[here] < times[same] || times[here] == times[same] && here > same {
			delete(han, here)
		}
	}
	var kept []string
	for _, w := range words {
		if !strings.ContainsFunc(w, func(r rune) bool { return !han[r] }) {
			kept = append(kept, w)
		}
	}
	return kept, strings.Map(func(r rune) rune {
		if han[r] {
			return r
		}
		return '\n'
	}, text), nil
}
