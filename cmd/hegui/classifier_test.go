package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/review"
)

// TestClassifierCommands: a classifier trained from a file finds what it was taught and leaves the rest, on texts that it has not seen.
func TestClassifierCommands(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ways, goods, towns := []string{"出售", "低价转让", "现货供应", "长期批发"}, []string{"仿真手枪", "弹药", "枪支配件", "军用匕首"}, []string{"北京", "上海", "广州", "成都", "杭州", "南京", "苏州", "长沙", "重庆", "天津", "青岛", "大连", "厦门", "福州", "昆明", "贵阳", "西安", "武汉"}
	asks, things := []string{"哪里能学", "怎么写", "请推荐", "请解释"}, []string{"书法", "论文提纲", "家常菜", "二次函数"}
	lines := func(from, to int) string {
		var b strings.Builder
		for _, town := range towns[from:to] {
			for i, way := range ways {
				for j, good := range goods {
					fmt.Fprintf(&b, "{\"text\":\"%s%s%s\",\"labels\":[\"A1h\"]}\n{\"text\":\"%s%s%s\"}\n", town, way, good, town, asks[i], things[j])
				}
			}
		}
		return b.String()
	}
	write("train.jsonl", lines(0, len(towns)-2))
	write("unseen.jsonl", lines(len(towns)-2, len(towns)))
	write("shifted.jsonl", strings.Repeat("{\"text\":\"wholly other words of another tongue\"}\n", 40))
	write("bad.jsonl", "{\"text\":\"a\",\"labels\":[\"Z9\"]}\n")
	write("few.csv", "text,labels\n枪,A1h\n")
	write("blocks.jsonl", strings.ReplaceAll(lines(len(towns)-2, len(towns)), `,"labels":["A1h"]`, "")) // what it finds is said to be harmless
	command := func(code int, want string, args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), append([]string{"classifier"}, args...), &stdout, &stderr); got != code || !strings.Contains(stdout.String()+stderr.String(), want) {
			t.Errorf("%s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), got, code, want, stdout.String(), stderr.String())
		}
		return stdout.String()
	}
	model := path("m.hgc")
	command(0, "too few harmless texts to show that the limit is kept", "train", path("train.jsonl"), "-o", model)
	var report struct {
		Recall, Over struct{ Hits, Of int }
		OverBlock    struct{ Hits, Of int } `json:"over_block"`
	}
	if err := json.Unmarshal([]byte(command(0, "", "eval", model, path("unseen.jsonl"), "--json")), &report); err != nil || report.Recall.Of != 32 || report.Recall.Hits < 28 || report.OverBlock.Hits != 0 || report.OverBlock.Of != 32 {
		t.Errorf("%+v %v", report, err)
	}
	command(1, "harmless hit", "eval", model, path("blocks.jsonl"))
	command(0, "A1h", "train", path("train.jsonl"), "-o", path("alone"), "--alone", "--over-block", "0.05")
	command(0, "stable: 512 texts against", "drift", path("alone"), path("train.jsonl"))
	command(1, "shifted", "drift", path("alone"), path("shifted.jsonl"))
	command(0, "reaches the threshold", "explain", model, "武汉现货供应弹药")
	command(0, "below the threshold", "explain", model, "武汉哪里能学书法", "--label", "A1h")
	command(2, `label "A9z": the model knows A1h`, "explain", model, "x", "--label", "A9z")
	command(2, "bad.jsonl", "train", path("bad.jsonl"), "-o", path("x"))
	command(2, "no label has 50 different texts; there are A1h: 1", "train", path("few.csv"), "-o", path("x"))
	write("same.jsonl", strings.Repeat("{\"text\":\"出售枪支弹药\",\"labels\":[\"A1h\"]}\n{\"text\":\"出售，枪支弹药！\"}\n", 100)+lines(0, 1))
	command(2, "1 left out undecided", "train", path("same.jsonl"), "-o", path("x"))
	command(2, "-o mine.hgc", "train", path("train.jsonl"))
	command(2, "--out goes with a file", "train", "-o", path("x"))
	command(2, "go with reviewed decisions", "train", path("train.jsonl"), "-o", path("x"), "--since", "2026-01-01")
	command(2, "over-block", "train", path("train.jsonl"), "-o", path("x"), "--over-block", "2")
	command(2, "not a classifier", "eval", path("train.jsonl"), path("unseen.jsonl"))
	command(2, "no such file", "eval", path("none"), path("unseen.jsonl"))
	if _, err := os.Stat(path("x")); err == nil {
		t.Error("a failed training left a file")
	}
	command(2, "hegui", "list", "--data", path("nothing"))

	// Taken into an installation it is measured and stands beside those trained there; the way into force is theirs.
	c := configFile{Config: DefaultConfig()}
	c.Data = path("data")
	in, err := openInstallation(t.Context(), c, false)
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	for login, role := range map[string]string{"li": "owner", "du": "auditor"} {
		var out bytes.Buffer
		if code := run(t.Context(), []string{"staff", "add", login, "--name", login, "--role", role, "--data", c.Data}, &out, &out); code != 0 {
			t.Fatal(out.String())
		}
	}
	command(2, "may not take in classifiers", "import", model, "--by", "du", "--data", c.Data)
	command(2, "not a classifier", "import", path("train.jsonl"), "--by", "li", "--data", c.Data)
	command(2, "bad.jsonl", "import", model, "--samples", path("bad.jsonl"), "--by", "li", "--data", c.Data)
	command(0, "no classifier was trained here yet", "list", "--data", c.Data)
	var x review.Classifier
	if err := json.Unmarshal([]byte(command(0, "", "import", model, "--samples", path("unseen.jsonl"), "--by", "li", "--data", c.Data, "--json")), &x); err != nil {
		t.Fatal(err)
	}
	if x.State != review.Trained || x.Source != "m.hgc" || x.Figures.Bank.Of < 500 || x.Figures.Harmless.Of != 32 || len(x.Figures.Labels) != 1 || x.Figures.Labels[0].Found.N < 28 {
		t.Errorf("%+v %+v", x, x.Figures)
	}
	ann := journal.Actor{Kind: "staff", ID: "ann"}
	if err := in.reviews.ToShadow(t.Context(), ann, x.N); err != nil {
		t.Error(err)
	}
	if err := in.reviews.ToForce(t.Context(), ann, x.N); !errors.Is(err, review.ErrNeedsSecond) { // the samples came with it
		t.Error(err)
	}
	command(0, "shadow", "list", "--data", c.Data)
}
