// Command moderation measures the moderation engine beside its peers, in one run on one core: every engine is a process of
// its own that has built the same words, and rounds go from engine to engine, so that what else the machine does falls on all
// of them. Times are CPU time of the process, garbage collection with it; the best round counts. Ratios within the rounds,
// of which the median is told, say more than the figures themselves: on a machine that others use, take -rounds 15.
//
//	go run ./bench/moderation                                    # made-up words and text: runs offline
//	bench/moderation/run.sh                                      # fetches public lists and texts first
//	go run ./bench/moderation -lists a.txt,folder -zh zh.txt,posts.csv#TEXT -english en.txt
//
// Peers are built below -cache (HEGUI_BENCH, or hegui-bench in the user's cache folder) by cargo, go and mvn out of their
// registries; those that cannot be had are named and left out. Nothing of them becomes part of the repository.
//
// It also checks that all engines which report every overlapping match report equally many, on words and text that folding
// does not touch; measures what a stream window holds back when every word is of the block tier; what the input pipeline
// costs; and what compiling a lexicon costs, which is what a swap under load waits for.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"
)

type options struct {
	lists, zh, english   string
	sizes, cache, source string
	only, out, core      string
	houbb, against       string
	profile              string
	rounds, messages     int
	memory               float64
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "-engine" {
		exit(serve(own(), os.Args[2:], os.Stdin, os.Stdout))
		return
	}
	var o options
	flag.StringVar(&o.lists, "lists", "", "comma list of word lists, one word a line, or folders of .txt lists; empty: made-up words")
	flag.StringVar(&o.zh, "zh", "", "comma list of Chinese texts: a text file, or file.csv#column; empty: made-up text")
	flag.StringVar(&o.english, "english", "", "comma list of English texts for the mixed text; empty: README.md and CONTRIBUTING.md")
	flag.StringVar(&o.sizes, "sizes", "1000,10000,60000,200000", "numbers of words to measure; missing words are made up out of the text")
	flag.StringVar(&o.cache, "cache", os.Getenv("HEGUI_BENCH"), "folder that peers are built in; empty: hegui-bench in the user's cache folder")
	flag.StringVar(&o.source, "source", "bench/moderation", "this folder")
	flag.StringVar(&o.only, "only", "", "comma list of engines to measure; empty: all")
	flag.StringVar(&o.out, "out", "", "write moderation.md and moderation.json into this folder as well")
	flag.StringVar(&o.core, "core", strconv.Itoa(runtime.NumCPU()-1), "core to pin engines to, by taskset; empty: none")
	flag.StringVar(&o.houbb, "houbb", "", "class path of houbb/sensitive-word, where Maven Central does not give it")
	flag.StringVar(&o.against, "against", "daachorse4-charwise", "engine that ratios are formed with")
	flag.StringVar(&o.profile, "profile", "", "scan the Chinese text for three seconds with the last of -sizes, hegui alone, and write its CPU profile to this file")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds over all engines")
	flag.IntVar(&o.messages, "messages", 1000, "messages of 1 KB a round")
	flag.Float64Var(&o.memory, "memory", 6000, "leave out engines that would take more MB than this")
	flag.Parse()
	exit(run(o, os.Stdout))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/moderation:", err)
		os.Exit(1)
	}
}

func split(s string) []string {
	return slices.DeleteFunc(strings.Split(s, ","), func(p string) bool { return p == "" })
}

// material is what all engines are given.
type material struct {
	words     []string
	zh, mixed string
	real      int // how many of words come from lists
	files     []string
	dir       string
}

func gather(o options, most int) (*material, error) {
	words, err := readWords(split(o.lists))
	if err != nil {
		return nil, err
	}
	lines, err := readLines(split(o.zh))
	if err != nil {
		return nil, err
	}
	m := &material{real: len(words)}
	madeUpWords, madeUpLines := synthetic(most)
	if len(lines) == 0 {
		lines = madeUpLines
	}
	if m.zh, err = fill(lines, textSize); err != nil {
		return nil, err
	}
	if len(words) == 0 {
		words = madeUpWords
	} else if len(words) < most {
		words = append(words, invent(m.zh, most-len(words), words)...)
	}
	m.words = words
	english := split(o.english)
	if len(english) == 0 {
		english = []string{"README.md", "CONTRIBUTING.md"}
	}
	if lines, err = readLines(english); err != nil {
		return nil, err
	}
	en, err := fill(lines, textSize/4)
	if err != nil {
		return nil, err
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	if lines, err = codeLines(strings.TrimSpace(string(goroot))); err != nil {
		return nil, err
	}
	code, err := fill(lines, textSize/4)
	if err != nil {
		return nil, err
	}
	m.mixed = mix(m.zh, en, code, textSize)
	return m, nil
}

// profile scans text for three seconds of CPU time, without the building before.
func profile(file string, words []string, text string) error {
	scan, err := buildScan(words)
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	a := measure(scan, []byte(text), request{MinNS: int64(3 * time.Second)})
	pprof.StopCPUProfile()
	fmt.Fprintf(os.Stderr, "%d words: %.0f MB/s, %d hits\n", len(words), speed(a), a.Hits)
	return f.Close()
}

// write puts the texts where engines can read them.
func (m *material) write(dir string) error {
	m.dir = dir
	for name, text := range map[string]string{"zh.txt": m.zh, "mixed.txt": m.mixed} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	m.files = []string{filepath.Join(dir, "zh.txt"), filepath.Join(dir, "mixed.txt")}
	return nil
}

func (m *material) wordFile(words []string) (string, error) {
	file := filepath.Join(m.dir, fmt.Sprintf("words-%d.txt", len(words)))
	return file, os.WriteFile(file, []byte(strings.Join(words, "\n")+"\n"), 0o600)
}

func run(o options, w io.Writer) error {
	var sizes []int
	for _, s := range split(o.sizes) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("-sizes %q: want numbers of words with commas between", o.sizes)
		}
		sizes = append(sizes, n)
	}
	if len(sizes) == 0 || o.rounds < 1 {
		return fmt.Errorf("-sizes %q, -rounds %d: want at least one of each", o.sizes, o.rounds)
	}
	if o.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("%w; name a folder with -cache", err)
		}
		o.cache = filepath.Join(dir, "hegui-bench")
	}
	if err := os.MkdirAll(o.cache, 0o750); err != nil {
		return err
	}
	if _, err := exec.LookPath("taskset"); err != nil && o.core != "" {
		fmt.Fprintln(os.Stderr, "taskset is not here: engines are not pinned to a core")
		o.core = ""
	}
	m, err := gather(o, slices.Max(sizes))
	if err != nil {
		return err
	}
	if o.profile != "" {
		return profile(o.profile, m.words[:min(len(m.words), sizes[len(sizes)-1])], m.zh)
	}
	dir, err := os.MkdirTemp(o.cache, "run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := m.write(dir); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "building the peers ...")
	targets, err := plan(o, o.cache)
	if err != nil {
		return err
	}
	if only := split(o.only); len(only) > 0 {
		targets = slices.DeleteFunc(targets, func(t target) bool { return !slices.Contains(only, t.name) })
	}
	rep := &report{Against: o.against, Rounds: o.rounds, Words: len(m.words), Real: m.real, Texts: o.zh, Go: runtime.Version(), Absent: map[string]string{}}
	for _, t := range targets {
		if len(t.command) == 0 {
			rep.Absent[t.name] = t.why
		}
	}
	targets = slices.DeleteFunc(targets, func(t target) bool { return len(t.command) == 0 })
	if err := rep.agree(o, m, targets); err != nil {
		return err
	}
	for _, n := range sizes {
		if n > len(m.words) {
			return fmt.Errorf("-sizes %d: only %d words could be had or made up", n, len(m.words))
		}
		if err := rep.race(o, m, targets, m.words[:n]); err != nil {
			return err
		}
		if err := rep.inside(m, m.words[:n]); err != nil {
			return err
		}
	}
	return rep.write(o.out, w)
}
