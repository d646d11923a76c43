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
		if rate := float64(hit) / float64(held); rate < 0.6 {
			t.Errorf("%s: only %.1f %% of the paraphrases were answered", name, 100*rate)
		}
	}
}
