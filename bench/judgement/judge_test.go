package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/hegui/hegui/moderation"
)

// TestWilson: the figures are those of Newcombe 1998 and of the formula done by hand.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		hits, of  int
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}, {29, 29, 0.8830, 1}, {0, 0, 0, 1},
	} {
		low, high := wilson(c.hits, c.of)
		if math.Abs(low-c.low) > 0.00006 || math.Abs(high-c.high) > 0.00006 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.hits, c.of, low, high, c.low, c.high)
		}
	}
}

// lay writes made-up sets as their authors lay them out.
func lay(t *testing.T) string {
	t.Helper()
	answers, err := simplifiedchinese.GB18030.NewEncoder().String("ID,问题,违规回答,安全有用回答\n1,问,\"甲物\n出售\",不答\n2,问,无,也不答\n")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for name, data := range map[string]string{
		"ChineseHarm-bench/benchmark/bench.json":               `[{"文本":"甲物出售","标签":"博彩"},{"文本":"甲 物","标签":"博彩"},{"文本":"看海","标签":"不违规"}]`,
		"ChineseHarm-bench/benchmark/博彩.json":                  `[{"文本":"甲物出售","标签":"博彩"}]`,
		"COLDataset/COLDataset/test.csv":                       "\ufeff,split,topic,label,fine-grained-label,TEXT\n1,test,race,1,2,甲物\n2,test,race,0,0,\"海,甲物\"\n3,test,region,1,1,乙\n",
		"COLDataset/COLDataset/train.csv":                      ",split,topic,label,TEXT\n1,train,race,1,甲物\n",
		"CValues/dataset/cvalues_responsibility_prompts.jsonl": "{\"id_\":1,\"prompt\":\"如何识别甲物\"}\n{\"id_\":2,\"prompt\":\"看海\"}\n",
		"ChineseSafetyQA/data/chinese_safetyqa.jsonl":          `{"question":"看海","options":"x"}` + "\n",
		"jade-db/jade-db-v1.0/jade_benchmark_zh.csv":           "ID,问题,违规类型,违规子类\n1,甲物在哪,违法犯罪,x\n",
		"jade-db/jade-db-v2.0/jade_benchmark_easy_zh.csv":      "ID,问题,违规类型,违规子类\n1,乙, 违法犯罪,x\n",
		"jade-db/jade-db-v2.0/jade_benchmark_medium_zh.csv":    "ID,问题,违规类型,违规子类\n1,甲物,违法犯罪,x\n",
		"jade-db/jade-db-v3.0/jade_alignment_hard_zh.csv":      answers,
	} {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func trialJudge(t *testing.T) []judged {
	t.Helper()
	l, err := compiled([]moderation.Entry{
		{ID: "1", Text: "甲物出售", Category: "A2i", Tier: moderation.Block},
		{ID: "2", Text: "甲物", Category: "A2i", Tier: moderation.Signal},
		{ID: "3", Text: "看海", Category: "A2i", Tier: moderation.Quarantine},
	})
	if err != nil {
		t.Fatal(err)
	}
	return named("trial", l)
}

func TestSetsAreReadAndJudged(t *testing.T) {
	samples, err := readSets(lay(t))
	if err != nil {
		t.Fatal(err)
	}
	rep := judgeAll(samples, trialJudge(t))
	var got []string
	for _, r := range rep.Rows {
		got = append(got, fmt.Sprintf("%s/%s harmful=%v unseen=%v %d: %d %d", r.Set, r.Category, r.Harmful, r.Unseen, r.Texts, r.Shares[0].Hits, r.Shares[1].Hits))
	}
	slices.Sort(got)
	want := []string{
		"COLD test/all harmful=true unseen=true 2: 0 1",
		"COLD test/not offensive harmful=false unseen=true 1: 0 1",
		"COLD test/race harmful=true unseen=true 1: 0 1",
		"COLD test/region harmful=true unseen=true 1: 0 0",
		"CValues/to be answered harmful=false unseen=true 2: 0 1",
		"ChineseHarm/不违规 harmful=false unseen=true 1: 0 0",
		"ChineseHarm/博彩 harmful=true unseen=true 2: 1 1",
		"ChineseSafetyQA/to be answered harmful=false unseen=true 1: 0 0",
		"JADE v1/违法犯罪 harmful=true unseen=false 1: 0 1",
		"JADE v2/违法犯罪 harmful=true unseen=true 2: 0 1",
		"JADE v3 answers/harmful answer harmful=true unseen=false 2: 0 1",
		"JADE v3 answers/safe answer harmful=false unseen=false 2: 0 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if text := rep.markdown(); !strings.Contains(text, "| COLD test * | race | 1 | 0.0 % [0.0–79.3] | 100.0 % [20.7–100.0] |") {
		t.Errorf("the table lacks COLD's line:\n%s", text)
	}
}

func TestBadSetsAreRefused(t *testing.T) {
	for name, data := range map[string]string{
		"bench.json":                              `[{"text":"x"}]`,
		"COLDataset/test.csv":                     "topic,label,TEXT\nrace,yes,x\n",
		"chinese_safetyqa.jsonl":                  `{"prompt":"x"}`,
		"other/unknown-layout.js":                 `{}`,
		"jade-db-v2.0/jade_benchmark_easy_zh.csv": "ID,问题\n1,x\n",
	} {
		root := t.TempDir()
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if samples, err := readSets(root); err == nil {
			t.Errorf("%s %q is read as %v", name, data, samples)
		}
	}
}

// TestDisguises runs a program that answers as obfuscate.py does: it puts a sign between 甲 and 物.
func TestDisguises(t *testing.T) {
	script := filepath.Join(t.TempDir(), "disguise.sh")
	program := `while IFS= read -r line; do
	printf '%s\n' "$line" | sed 's/}$/,"kind":"control"}/'
	case $line in *甲物*) printf '%s\n' "$line" | sed 's/}$/,"kind":"dots"}/; s/甲物/甲.物/';; esac
done
`
	if err := os.WriteFile(script, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	samples, err := readSets(lay(t))
	if err != nil {
		t.Fatal(err)
	}
	judges := append(trialJudge(t), judged{Name: "looks through", hit: func(s string) bool { return strings.Contains(strings.ReplaceAll(s, ".", ""), "甲物") }})
	rep := judgeAll(samples, judges)
	if err := rep.disguise(options{python: "sh", sample: 100}, script, samples, judges); err != nil {
		t.Fatal(err)
	}
	// Five of the harmful texts hold 甲物, one of them 甲物出售, and two of the seven harmless ones.
	want := map[string]string{
		"control block":         "1/1 1/1 0/7",
		"control signal":        "5/5 2/2 2/7",
		"dots block":            "0/1 0/1 0/2",
		"dots signal":           "0/5 0/2 0/2",
		"control looks through": "5/5 0/0 2/7",
		"dots looks through":    "5/5 0/0 2/2",
	}
	for _, d := range rep.Disguises {
		name := d.Kind + " " + map[string]string{"trial, block": "block", "trial, block or signal": "signal"}[d.Judge]
		if d.Judge == "looks through" {
			name = d.Kind + " looks through"
		}
		if got := fmt.Sprintf("%d/%d %d/%d %d/%d", d.Kept.Hits, d.Kept.Of, d.Planted.Hits, d.Planted.Of, d.Harmless.Hits, d.Harmless.Of); got != want[name] {
			t.Errorf("%s: %s, want %s", name, got, want[name])
		}
	}
	if len(rep.Disguises) != len(want) {
		t.Errorf("%d lines, want %d", len(rep.Disguises), len(want))
	}
}

func TestSubstringsFindWhatAPlainSearchFinds(t *testing.T) {
	hit := substrings([]string{"VIP群", "果实", "x"})
	for text, want := range map[string]bool{"加vip群": true, "果 实": false, "苹果实在": true, "": false, "eXit": true, "群": false} {
		if hit(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
