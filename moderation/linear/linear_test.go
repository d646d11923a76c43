package linear

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hegui/hegui/moderation"
)

// made are made-up texts: 甲物 is bad, the rest is not.
func made() []Sample {
	var out []Sample
	for i := range 400 {
		s := Sample{Text: fmt.Sprintf("今天第%d次去海边散步，风景很好", i)}
		if i%2 == 0 {
			s = Sample{Text: fmt.Sprintf("第%d批甲物出售，价格便宜", i), Labels: []string{"A1a"}}
		}
		out = append(out, s)
	}
	return out
}

func trained(t testing.TB, s []Sample) (*Model, *Report) {
	t.Helper()
	m, r, err := Train(s, Options{Name: "trial", Seed: 7, Buckets: 1 << 12})
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

func TestTrainedModelTellsTextsApart(t *testing.T) {
	m, r := trained(t, made())
	if l := r.Labels[0]; l.AUC < 0.99 || l.N == 0 || l.Recall.Hits < l.N*9/10 || l.OverBlock.Of == 0 || l.OverBlock.Hits > 3 {
		t.Errorf("report %+v", r)
	}
	back := slices.Clone(made())
	slices.Reverse(back)
	if other, _ := trained(t, back); other.Hash() != m.Hash() {
		t.Error("the order of samples changes the model")
	}
	long := strings.Repeat("风景很好。", 300) + "甲物出售，价格便宜" + strings.Repeat("风景很好。", 300)
	for text, want := range map[string]moderation.Outcome{"甲物出售，价格便宜": moderation.Found, "去海边散步，风景很好": moderation.Clear} {
		if j := moderation.Consult(context.Background(), Detector(m, "trial", DetectorOptions{}), moderation.Query{Text: []byte(text)}); j.Outcome != want || j.Artefact != m.Hash() {
			t.Errorf("%s: %+v", text, j)
		}
	}
	covered := 0
	_ = windows([]byte(long), 400, func(start, end int) error {
		if start > covered {
			t.Errorf("nobody judges %d to %d", covered, start)
		}
		covered = end
		return nil
	})
	if covered != len(long) {
		t.Errorf("judged up to %d of %d", covered, len(long))
	}
	parts, err := m.Explain("甲物出售", "A1a")
	if err != nil || len(parts) == 0 || parts[0].Weight <= 0 || "甲物出售"[parts[0].Start:parts[0].End] != parts[0].Text {
		t.Errorf("explained by %+v, %v", parts, err)
	}
}

func TestLoadGivesTheSameModelOrAnError(t *testing.T) {
	m, _ := trained(t, made())
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	again, err := Load(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("第1批甲物 ABCdefgh")
	if again.Hash() != m.Hash() || !slices.Equal(again.Score(nil, text), m.Score(nil, text)) {
		t.Error("the loaded model is another")
	}
	for n := 0; n < b.Len(); n += 97 {
		if _, err := Load(bytes.NewReader(b.Bytes()[:n])); err == nil {
			t.Fatalf("cut at %d it loads", n)
		}
		bad := slices.Clone(b.Bytes())
		bad[n] ^= 1
		if _, err := Load(bytes.NewReader(bad)); err == nil {
			t.Fatalf("with byte %d changed it loads", n)
		}
	}
	dst := make([]float64, 0, 4)
	if n := testing.AllocsPerRun(50, func() { dst = m.Score(dst[:0], text) }); n != 0 {
		t.Errorf("a score allocates %v times", n)
	}
}

func TestReadNamesLineAndField(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "empty",
		"{\"text\":\"\"}":                     "line 1: text",
		"{\"text\":\"x\"}\n{\"txt\":1}":       "line 2",
		"text,labels\nx,Z9":                   "line 2: labels",
		"text,weight\nx,y":                    "line 2: weight",
		"labels\nA1a":                         "column text",
		"text,labels\n":                       "line 1",
		"{\"text\":\"x\"} }":                  "line 1: something follows",
		"{\"text\":\"x\"} {\"text\":\"y\"}":   "line 1: something follows",
		"{\"text\":\"x\",\"labels\":[\"q\"]}": "line 1: labels",
	} {
		if _, err := Read(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
	got, err := Read(strings.NewReader("text\tlabels\tweight\nx, y\tA1a;A1b\t2\n"))
	if err != nil || len(got) != 1 || got[0].Text != "x, y" || !slices.Equal(got[0].Labels, []string{"A1a", "A1b"}) || got[0].Weight != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func BenchmarkScore(b *testing.B) {
	m, _ := trained(b, made())
	text := []byte(strings.Repeat("今天去海边散步，风景很好。", 100))
	b.SetBytes(int64(len(text)))
	dst := make([]float64, 0, 4)
	for b.Loop() {
		dst = m.Score(dst[:0], text)
	}
}

// TestDrift: few texts of the same kind are no drift, others are, and other words for the same scores show as unseen.
func TestDrift(t *testing.T) {
	m, _ := trained(t, made())
	same, other, unknown := []string{}, []string{}, []string{}
	for i := range 40 {
		s := made()[i*7]
		same = append(same, s.Text)
		other = append(other, fmt.Sprintf("第%d批甲物出售，价格便宜", i))
		unknown = append(unknown, fmt.Sprintf("量子纠缠实验报告第%d章 hydrogen", i))
	}
	for band, texts := range map[string][]string{"stable": same, "shifted": append(other, other...)} {
		d, err := Drift(m.Snapshot(same), m.Snapshot(texts))
		if err != nil || d.Band != band || d.Noise <= 0 {
			t.Errorf("%s: %+v, %v", band, d, err)
		}
	}
	for i := range 20 { // draws of 30 from one source: chance is not drift
		var a, b []string
		for j := range 30 {
			a, b = append(a, made()[(j*13+i)%400].Text), append(b, made()[(j*29+i*3+7)%400].Text)
		}
		if d, err := Drift(m.Snapshot(a), m.Snapshot(b)); err != nil || slices.Max(d.Labels) > d.Noise {
			t.Errorf("chance: %+v, %v", d, err)
		}
	}
	d, err := Drift(m.Reference(), m.Snapshot(unknown))
	if err != nil || d.Band != "shifted" || d.Unseen-d.UnseenWas < ShiftedAt {
		t.Errorf("unknown words: %+v, %v", d, err)
	}
	if _, err := Drift(m.Reference(), m.Snapshot(nil)); err == nil {
		t.Error("nothing is compared")
	}
}

// TestScores: on the scale that detectors tell, findings begin at 0.5 whatever the threshold; order stays, and odds come back.
func TestScores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		threshold := rapid.Float64Range(0, 2).Draw(t, "threshold")
		a, b := rapid.Float64Range(0, 1).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b")
		if rapid.Bool().Draw(t, "at the threshold") {
			a = min(threshold, 1)
		}
		x, y := Scaled(a, threshold), Scaled(b, threshold)
		if !(x >= 0 && x <= 1) || (x >= Middle) != (a >= threshold) || a < b && x > y {
			t.Fatalf("odds %v and %v at threshold %v score %v and %v", a, b, threshold, x, y)
		}
		if threshold > 1e-3 && threshold < 0.999 && x > 1e-6 && x < 1-1e-6 && math.Abs(Odds(x, threshold)-a) > 1e-6 {
			t.Fatalf("odds %v come back as %v", a, Odds(x, threshold))
		}
	})
	// A classifier whose threshold lies far from the middle: what is unsure about a text is still told around 0.5.
	m, _ := trained(t, made())
	m.head.Labels[0].Threshold = 0.02
	low, high := 0, 0
	for i := range 200 {
		text := []byte(fmt.Sprintf("第%d批甲物的风景，%s", i, strings.Repeat("散步很好", i%12)))
		j := moderation.Consult(t.Context(), Detector(m, "trial", DetectorOptions{}), moderation.Query{Text: text})
		switch odds := m.worst(string(text))[0]; {
		case (odds >= 0.02) != (j.Outcome == moderation.Found), (j.Score >= Middle) != (j.Outcome == moderation.Found):
			t.Fatalf("%s: odds %v, %+v", text, odds, j)
		case j.Outcome == moderation.Found:
			high++
			if j.Findings[0].Score != j.Score {
				t.Errorf("%+v", j)
			}
		default:
			low++
		}
	}
	if high == 0 {
		t.Errorf("%d below the threshold and %d above", low, high)
	}
}

// TestLive: a detector tells how the questions it is asked about differ from what its model was measured on.
func TestLive(t *testing.T) {
	m, _ := trained(t, made())
	d := Detector(m, "trial", DetectorOptions{})
	if _, ok := Live(d); ok {
		t.Error("nothing was asked, and something is compared")
	}
	say := func(direction, text string) {
		moderation.Consult(t.Context(), d, moderation.Query{Scene: moderation.Scene{Direction: direction}, Text: []byte(text)})
	}
	for _, s := range made() {
		say("in", s.Text)
		say("out", "wholly other words")
	}
	if drift, ok := Live(d); !ok || drift.Band != "stable" || drift.Texts != len(made()) {
		t.Errorf("%+v", drift)
	}
	for i := range 400 {
		say("in", fmt.Sprintf("量子纠缠实验报告第%d章 hydrogen", i))
	}
	if drift, ok := Live(d); !ok || drift.Band != "shifted" || drift.Texts != len(made())+400 {
		t.Errorf("%+v", drift)
	}
}

// TestSameTextCountsOnce: numbers of samples are numbers of different texts, and what is said both ways of one text is settled by
// most or left out.
func TestSameTextCountsOnce(t *testing.T) {
	var same []Sample
	for i := range 200 {
		same = append(same, Sample{Text: []string{"甲物出售，价格便宜", "甲物出售,价格便宜!", " 甲物出售 价格便宜"}[i%3], Labels: []string{"A1a"}})
	}
	harmless := slices.DeleteFunc(made(), func(s Sample) bool { return !s.harmless() })
	if _, _, err := Train(append(same, harmless...), Options{Seed: 7, Buckets: 1 << 12}); err == nil || !strings.Contains(err.Error(), "no label has 50 different texts; there are A1a: 1 ") || !strings.Contains(err.Error(), "199 left out") {
		t.Errorf("one text 200 times: %v", err)
	}
	again := append(made(), made()...)
	again = append(again, Sample{Text: "第0批甲物出售，价格便宜"}, Sample{Text: "今天第1次去海边散步，风景很好", Labels: []string{"A1a"}}, Sample{Text: "今天第1次去海边散步，风景很好", Labels: []string{"A1a"}})
	m, r := trained(t, again)
	if want := (Doubles{Repeated: 402, Settled: 1, Undecided: 1}); r.Doubles != want || r.Samples != 399 {
		t.Errorf("%d samples, %+v, want %+v", r.Samples, r.Doubles, want)
	}
	slices.Reverse(again)
	if other, _ := trained(t, again); other.Hash() != m.Hash() {
		t.Error("the order of doubles changes the model")
	}
	there := Background()[0]
	with := WithBackground([]Sample{{Text: there.Text + "！", Labels: []string{"A1a"}}})
	if len(with) != len(Background()) {
		t.Errorf("%d samples: what was judged stands beside the same text as harmless", len(with))
	}
}

// TestNothingHarmfulToCalibrateWith: when chance leaves no text with the label among those to calibrate with, what was learnt still counts.
func TestNothingHarmfulToCalibrateWith(t *testing.T) {
	samples := made()
	for seed := range uint64(50) {
		for i := range samples {
			if samples[i].Group = ""; !samples[i].harmless() {
				samples[i].Group = fmt.Sprint("one of few ", i%8) // few users say what is harmful
			}
		}
		none := true
		for _, e := range prepare(samples, Options{Seed: seed, Holdout: 0.2}) {
			none = none && (e.harmless() || e.part == toTrain)
		}
		if !none {
			continue
		}
		m, _, err := Train(samples, Options{Seed: seed, Buckets: 1 << 12})
		if err != nil {
			t.Fatal(err)
		}
		if j := moderation.Consult(t.Context(), Detector(m, "trial", DetectorOptions{}), moderation.Query{Text: []byte("第900批甲物出售，价格便宜")}); j.Outcome != moderation.Found {
			t.Errorf("seed %d: %+v", seed, j)
		}
		return
	}
	t.Fatal("no seed of these leaves none")
}

// TestNoFindingWithoutEvidence: what the classifier knows nothing about is no finding, however low its threshold would have been.
func TestNoFindingWithoutEvidence(t *testing.T) {
	m, _ := trained(t, made())
	for _, text := range []string{"", "1", "12345", "!!!", "😀😀😀", "zzz qqq", "2+2=?", "བོད་ཡིག", "안녕하세요"} {
		for i, p := range m.Score(nil, []byte(text)) {
			if l := m.head.Labels[i]; p >= l.Threshold {
				t.Errorf("%q is a finding of %s: %.3f reaches %.3f", text, l.ID, p, l.Threshold)
			}
		}
	}
}
