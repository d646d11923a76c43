package answers

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// sample is an answer of testdata/questions.txt.
type sample struct {
	version         Version
	held, different []string
}

func samples(t testing.TB) []sample {
	t.Helper()
	f, err := os.Open("testdata/questions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var list []sample
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		switch last := len(list) - 1; kind {
		case "=":
			list = append(list, sample{version: Version{Answer: Answer{ID: rest, ZH: "答 " + rest, Source: "test"}, N: 1, State: Approved}})
		case "q":
			list[last].version.Questions = append(list[last].version.Questions, rest)
		case "h":
			list[last].held = append(list[last].held, rest)
		case "x":
			list[last].different = append(list[last].different, rest)
		}
	}
	return list
}

// TestFigures measures hits and wrong answers on held-out paraphrases and on questions that only look alike. The bands and lists
// were chosen with the even answers; what counts are the odd ones.
func TestFigures(t *testing.T) {
	list := samples(t)
	var versions []Version
	for _, s := range list {
		if err := s.version.Check(); err != nil {
			t.Fatal(err)
		}
		versions = append(versions, s.version)
	}
	m := NewMatcher(versions)
	for half, name := range []string{"chosen with", "held out"} {
		held, hit, near, asked, wrong, wrongNear := 0, 0, 0, 0, 0, 0
		for i := half; i < len(list); i += 2 {
			for _, q := range list[i].held {
				held++
				switch got := m.Find(q, "demo", "2026-11-23"); {
				case got.Band == Far:
					t.Logf("far: %s (%.2f)", q, got.Score)
				case got.Version.ID != list[i].version.ID:
					wrong++
					t.Logf("wrong: %s -> %s (%s %.2f)", q, got.Question, got.Band, got.Score)
				case got.Band == Same:
					hit++
				default:
					near++
					t.Logf("near: %s ~ %s (%.2f)", q, got.Question, got.Score)
				}
			}
			for _, q := range list[i].different {
				asked++
				switch got := m.Find(q, "demo", "2026-11-23"); got.Band {
				case Same:
					wrong++
					t.Logf("WRONG: %s -> %s (%.2f)", q, got.Question, got.Score)
				case Near:
					wrongNear++
					t.Logf("wrong near: %s ~ %s (%.2f)", q, got.Question, got.Score)
				}
			}
		}
		t.Logf("%s: of %d paraphrases %.1f %% answered word for word, %.1f %% near; of %d questions in all %.2f %% answered wrongly; near to a wrong one %.1f %%",
			name, held, 100*float64(hit)/float64(held), 100*float64(near)/float64(held), held+asked, 100*float64(wrong)/float64(held+asked), 100*float64(wrongNear)/float64(asked))
		if rate := float64(wrong) / float64(held+asked); rate > 0.01 {
			t.Errorf("%s: %.2f %% answered wrongly, the limit is 1 %%", name, 100*rate)
		}
		if rate := float64(hit) / float64(held); rate < 0.5 {
			t.Errorf("%s: only %.1f %% of the paraphrases were answered", name, 100*rate)
		}
	}
}

// TestLookAlikes: questions that differ in a word, in a number or in who does what to whom are never answered word for word.
func TestLookAlikes(t *testing.T) {
	b, err := os.ReadFile("testdata/lookalikes.txt")
	if err != nil {
		t.Fatal(err)
	}
	pairs, alike := 0, 0
	for line := range strings.Lines(string(b)) {
		approved, asked, ok := strings.Cut(strings.TrimSpace(line), "|")
		if !ok {
			continue
		}
		for _, p := range [][2]string{{approved, asked}, {asked, approved}} {
			m := NewMatcher([]Version{{Answer: Answer{ID: "a", Questions: []string{p[0]}}, State: Approved}})
			pairs++
			switch got := m.Find(p[1], "", ""); {
			case got.Band == Same:
				t.Errorf("%s is answered as %s", p[1], p[0])
			case got.Band == Near:
				alike++
			}
		}
	}
	t.Logf("of %d look-alikes none is the same, %d are near", pairs, alike)
	if pairs < 80 {
		t.Errorf("only %d pairs", pairs)
	}
}

// TestCompare: a draft may be shorter and ordered otherwise; it may not say anything that the approved text does not.
func TestCompare(t *testing.T) {
	const approved, question = "请在购买后7天内联系客服申请退款，退款将在3个工作日内原路退回。", "会员怎么申请退款"
	for draft, ok := range map[string]bool{
		approved: true,
		"您可以在购买后7天内联系客服申请退款。":                                true,
		"会员退款请在购买后7天内联系客服申请，将在3个工作日内原路退回。":                   true,
		"请在购买后3天内联系客服申请退款，退款将在7个工作日内原路退回。":                   false,
		"请在购买后7天内联系客服申请退款，退款将在3个工作日外原路退回。":                   false,
		"请在购买前7天内联系客服申请退款，退款将在3个工作日内原路退回。":                   false,
		"请在购买后7天内联系客服申请退款，退款将在3个工作日内退回给他人。":                  false,
		"请在购买后7天内联系客服申请退款，退款将在3个工作日内原路退回，另送现金红包，客服微信请加甲乙丙丁。": false,
		"请在购买后7天内联系客服拒绝退款，退款将在3个工作日内原路扣除。":                   false,
		"请在购买后5天内联系客服申请退款。":                                  false,
		"请不要在购买后7天内联系客服申请退款。":                                false,
		"":         false,
		NotFitting: false,
	} {
		if err := Compare(draft, approved, question); (err == nil) != ok {
			t.Errorf("%s: %v", draft, err)
		}
	}
	const text = "Members may cancel before the end of the month. There is no fee for cancelling."
	for draft, ok := range map[string]bool{
		"You may cancel before the end of the month. There is no fee for cancelling.": true,
		"Members may cancel before the end of the month, and there is no fee.":        true,
		"You may cancel after the end of the month. There is no fee for cancelling.":  false,
		"Members may not cancel before the end of the month.":                         false,
		"No members may cancel before the end of the month. There is a fee.":          false,
	} {
		if err := Compare(draft, text, "Can I cancel my membership?"); (err == nil) != ok {
			t.Errorf("%s: %v", draft, err)
		}
	}
}
