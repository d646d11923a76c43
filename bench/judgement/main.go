// Command judgement tells what a lexicon, a classifier, a guard model and the cascade of them are worth on public sets: which share of
// the harmful texts they hit, by category, and which share of the harmless ones, each with its 95 % interval (Wilson), beside a public
// list used as it is and as linted. Then it disguises and encodes the texts with programs that know nothing of hegui (obfuscate.py,
// encode.py) and tells what is still hit. The classifier learns from COLD train and dev.
//
//	bench/judgement/run.sh                                            # fetches sets and a list first
//	go run ./bench/judgement -sets folder -list dict.txt -python venv/bin/python
//	go run ./bench/judgement -sets folder -lexicon mine.csv           # an operator's own list, as hegui reads it
//
// ChineseHarm, COLD test, ChineseSafetyQA, CValues and JADE v2 are unseen: they are measured here and nothing is ever tuned
// on them, neither entries nor tiers nor rules. Who changes a lexicon because of a text that stands in one of them makes all
// its later figures worthless. COLD train and dev, JADE v1 and v3, and one's own traffic are there to learn from.
//
// The sets' labels are their authors'. A keyword is not expected to hit most harmful texts: what counts is what it hits
// against what it refuses that is harmless.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

type options struct {
	sets, lists, lexicons string
	python, scripts, out  string
	guard, recorded       string
	sample, texts         int
}

func main() {
	var o options
	flag.StringVar(&o.sets, "sets", "", "folder with public sets, as their authors lay them out")
	flag.StringVar(&o.lists, "list", "", "comma list of public word lists, one word a line, to compare with")
	flag.StringVar(&o.lexicons, "lexicon", "", "comma list of lexicons of your own, as hegui imports them")
	flag.StringVar(&o.python, "python", "", "python3 with the packages that obfuscate.py names; empty: no disguises")
	flag.StringVar(&o.scripts, "scripts", "bench/judgement/obfuscate.py,bench/judgement/encode.py", "comma list of programs that disguise or encode")
	flag.StringVar(&o.guard, "guard", "", "url,model,profile of a guard model to judge too (key in GUARD_KEY)")
	flag.StringVar(&o.recorded, "recorded", "", "file where the guard's verdicts are kept and taken from")
	flag.IntVar(&o.texts, "texts", 0, "judge so many texts of each set's harmful and harmless ones; 0: all. For slow guards")
	flag.StringVar(&o.out, "out", "", "write judgement.md and judgement.json into this folder as well")
	flag.IntVar(&o.sample, "sample", 1500, "harmful, harmless and planted texts to disguise, of each")
	usage := flag.Usage
	flag.Usage = func() {
		usage()
		fmt.Fprintln(flag.CommandLine.Output(), "\nChineseHarm, COLD test, ChineseSafetyQA, CValues and JADE v2 are unseen: measured here, and nothing may be tuned on them.")
	}
	flag.Parse()
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench/judgement:", err)
		os.Exit(1)
	}
}

func split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func run(o options, w io.Writer) error {
	if o.sets == "" {
		return fmt.Errorf("-sets is missing: name a folder with public sets, or run bench/judgement/run.sh, which fetches them")
	}
	samples, err := readSets(o.sets)
	if err != nil {
		return err
	}
	if o.texts > 0 {
		samples = some(samples, o.texts)
	}
	judges, recorded, err := judgesOf(o)
	if err != nil {
		return err
	}
	rep := judgeAll(samples, judges)
	if o.python != "" {
		for _, script := range split(o.scripts) {
			if err := rep.disguise(o, script, samples, judges); err != nil {
				return errors.Join(err, recorded.save())
			}
		}
	}
	return errors.Join(rep.write(o.out, w), recorded.save())
}
