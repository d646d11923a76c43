package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// report is all that a run found.
type report struct {
	Go         string            `json:"go"`
	Against    string            `json:"against"`
	Rounds     int               `json:"rounds"`
	Words      int               `json:"words"`
	Real       int               `json:"words_from_lists"`
	Texts      string            `json:"texts"`
	Results    []result          `json:"results"`
	PlainWords int               `json:"agreement_words"`
	PlainMB    float64           `json:"agreement_mb"`
	Counts     []count           `json:"agreement"`
	Inside     []inside          `json:"hegui"`
	Absent     map[string]string `json:"absent"`
}

// write prints the report in Markdown and puts it, with all figures as JSON, into dir when one is named.
func (rep *report) write(dir string, w io.Writer) error {
	text := rep.markdown()
	if _, err := io.WriteString(w, text); err != nil || dir == "" {
		return err
	}
	data, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "moderation.json"), append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "moderation.md"), []byte(text), 0o600)
}

func (rep *report) markdown() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# Moderation engine beside its peers\n")
	say("%s, %d rounds interleaved, best round, CPU time of each process. %d words, %d of them from lists. × is the ratio to %s, the median of the rounds.", rep.Go, rep.Rounds, rep.Words, rep.Real, rep.Against)
	if rep.Texts == "" || rep.Real == 0 {
		say("Words or text are MADE UP: figures hold within this run only.")
	}
	words := 0
	for _, r := range rep.Results {
		if r.Words != words {
			words = r.Words
			say("\n## %d words\n", words)
			say("| engine | MB/s zh | × | ns per KB message | × | MB/s mixed | × | of byte floor | build ms | memory MB | allocs per message | hits zh / mixed |")
			say("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
		}
		allocs, hits := "–", fmt.Sprintf("%d / %d", r.ZhHits, r.MixedHits)
		if r.Allocs >= 0 {
			allocs = fmt.Sprintf("%.1f", r.Allocs)
		}
		if strings.HasPrefix(r.Engine, "floor") {
			hits = "–"
		}
		say("| %s | %.0f | %.2f | %.0f | %.2f | %.0f | %.2f | %.1f %% | %.0f | %.1f | %s | %s |", r.About, r.ZhMBs, r.ZhRatio, r.MessageNS, r.MessageRatio,
			r.MixedMBs, r.MixedRatio, 100*r.OfFloor, r.BuildMS, r.MemoryMB, allocs, hits)
	}
	if len(rep.Counts) > 0 {
		say("\n## Equal work: do they agree, and how fast\n")
		say("Hits of %d words of Chinese characters, no two of which hegui takes for one, in %.1f MB of such text, by engines that report every overlapping match. The work is the same for all here, so speeds compare best:\n\n| engine | hits | MB/s | × |\n|---|--:|--:|--:|", rep.PlainWords, rep.PlainMB)
		same := !slices.ContainsFunc(rep.Counts, func(c count) bool { return c.Hits != rep.Counts[0].Hits })
		for _, c := range rep.Counts {
			against := 0.0
			if i := slices.IndexFunc(rep.Counts, func(c count) bool { return c.Engine == rep.Against }); i >= 0 {
				against = ratio(c.rounds, rep.Counts[i].rounds)
			}
			say("| %s | %d | %.0f | %.2f |", c.Engine, c.Hits, c.MBs, against)
		}
		say("\n%s Where counts differ in the tables above, hegui looks through disguises and asks for word borders around Latin words, and others do not.",
			map[bool]string{true: "All agree.", false: "THEY DISAGREE: one of them is wrong."}[same])
	}
	rep.targets(say)
	if len(rep.Inside) > 0 {
		say("\n## What hegui holds back, and what the input costs\n")
		say("Held: runes written and not released after a delta of 1 to 8 runes, with every word of the block tier.\n")
		say("| words | held mean | p50 | p99 | p99.9 | max | ns per delta | lexicon + privacy ns per KB: zh | mixed | privacy alone | compile ms | artefact MB |")
		say("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
		for _, i := range rep.Inside {
			say("| %d | %.2f | %d | %d | %d | %d | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f |", i.Words, i.HeldMean, i.HeldP50, i.HeldP99, i.HeldP999, i.HeldMax,
				i.PerDeltaNS, i.PipelineNS, i.MixedNS, i.PrivacyNS, i.CompileMS, i.ArtefactMB)
		}
		say("\nWith the starter lexicon: %.0f ns per KB, %.2f runes held in the mean.", rep.Inside[0].StarterNS, rep.Inside[0].StarterHeld)
		say("\nMatches lost by windows that know nothing of each other, as published stream filters cut; hegui's loses none:\n")
		say("| words | %s |", strings.Join(strings.Fields(strings.Trim(fmt.Sprint(windowSizes()), "[]")), " B | ")+" B")
		say("|--:%s|", strings.Repeat("|--:", len(windowSizes())))
		for _, i := range rep.Inside {
			row := fmt.Sprintf("| %d |", i.Words)
			for _, size := range windowSizes() {
				row += fmt.Sprintf(" %.2f %% |", 100*i.LostByWindows[size])
			}
			say("%s", row)
		}
	}
	if len(rep.Absent) > 0 {
		say("\n## Not measured\n")
		for _, name := range slices.Sorted(maps.Keys(rep.Absent)) {
			say("- %s: %s", name, strings.ReplaceAll(rep.Absent[name], "\n", " "))
		}
	}
	return b.String()
}

// targets holds the run to what the project has set itself, where it measured what that needs. Ratios hold on any machine;
// absolute figures are meant for a quiet core.
func (rep *report) targets(say func(format string, args ...any)) {
	at := func(engine string, words int) *result {
		for i, r := range rep.Results {
			if r.Engine == engine && r.Words == words {
				return &rep.Results[i]
			}
		}
		return &result{}
	}
	line := func(what string, got, want float64, more bool) {
		if got == 0 || math.IsInf(got, 0) || math.IsNaN(got) {
			return
		}
		sign, met := "at most", got <= want
		if more {
			sign, met = "at least", got >= want
		}
		say("- %s %s: %.2f, %s %.2f", map[bool]string{true: "met", false: "MISSED"}[met], what, got, sign, want)
	}
	say("\n## Targets\n")
	for _, goal := range []struct {
		words                            int
		overGo, whole, stateful          float64
		buildMS, artefactMB, messageInNS float64
	}{{60_000, 4, 300, 250, 300, 8, 20_000}, {200_000, 8, 140, 0, 1000, 16, 0}} {
		whole, stateful := at("hegui", goal.words), at("hegui-stateful", goal.words)
		if whole.ZhMBs == 0 {
			continue
		}
		name := fmt.Sprintf("%d words, ", goal.words)
		line(name+"stateful loop to "+rep.Against, stateful.ZhRatio, 1, true)
		line(name+"whole text to "+rep.Against, whole.ZhRatio, 1.3, true)
		best := math.Inf(1)
		for _, peer := range []string{"anknown", "petar-dfa", "petar-nfa", "bobusumisu", "cloudflare", "go-zero"} {
			if r := ratio(whole.ZhRounds, at(peer, goal.words).ZhRounds); r > 0 {
				best = min(best, r)
			}
		}
		line(name+"whole text to the best Go module", best, goal.overGo, true)
		line(name+"whole text to houbb as it comes", ratio(whole.ZhRounds, at("houbb", goal.words).ZhRounds), 20, true)
		line(name+"whole text, MB/s", whole.ZhMBs, goal.whole, true)
		if goal.stateful > 0 {
			line(name+"stateful loop, MB/s", stateful.ZhMBs, goal.stateful, true)
		}
		line(name+"build, ms", whole.BuildMS, goal.buildMS, false)
		for _, in := range rep.Inside {
			if in.Words != goal.words {
				continue
			}
			line(name+"artefact, MB", in.ArtefactMB, goal.artefactMB, false)
			if goal.messageInNS > 0 {
				line(name+"lexicon and privacy, ns per KB", in.PipelineNS, goal.messageInNS, false)
				line(name+"held, mean runes", in.HeldMean, 1.5, false)
			}
		}
	}
}
