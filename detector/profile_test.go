package detector

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

func TestProfilesAreWhole(t *testing.T) {
	all, err := Profiles()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range all {
		ids = append(ids, p.ID)
		if p.maxTokens() < 1 || p.maxTokens() > 2048 {
			t.Errorf("%s: max_tokens %d", p.ID, p.maxTokens())
		}
		if temperature := p.Params["temperature"]; temperature != uint64(0) {
			t.Errorf("%s: temperature %v (%T)", p.ID, temperature, temperature)
		}
	}
	want := "qwen3guard xguard llama-guard-3 llama-guard-4 polyguard shieldgemma granite-guardian nemotron jsl-joysafety policy-json"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("profiles\n%s, want\n%s", got, want)
	}
}

func TestProfilesAreRefused(t *testing.T) {
	whole := `profiles:
  - id: p
    title: P
    seen: documented
    source: s
    prompt: {in: [{role: user, content: "{text}"}]}
    params: {temperature: 0}
    max_chars: 1000
    read: {how: pattern, pattern: "(?P<verdict>yes|no)", clear: ["no"], found: {"yes": {tier: signal, severity: 3, score: 0.9}}}
    categories: {"*": A1h}
`
	if _, err := parseProfiles("x", []byte(whole)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"title: P", "titel: P", "titel"},
		{"seen: documented", "seen: rumour", "seen"},
		{`{text}`, `text`, "{text} stands there 0 times"},
		{`"{text}"`, `"{text} {text}"`, "2 times"},
		{"role: user", "role: tool", "role"},
		{"max_chars: 1000", "max_chars: 5", "max_chars"},
		{"?P<verdict>", "", "verdict is missing"},
		{"yes|no)", "yes|no", "pattern"},
		{"severity: 3", "severity: 9", "severity"},
		{"tier: signal", "tier: strong", "tier"},
		{`clear: ["no"]`, `clear: []`, "clear and found"},
		{`clear: ["no"]`, `clear: ["YES"]`, "clear too"},
		{`"*": A1h`, `"*": A9z`, "no risk"},
		{`"*": A1h`, `x: A1h`, `"*" is missing`},
		{"how: pattern", "how: guess", "how"},
		{"id: p\n", "id: P!\n", "lower-case"},
	} {
		if !strings.Contains(whole, c.old) {
			t.Fatalf("%q is not in the profile", c.old)
		}
		_, err := parseProfiles("x", []byte(strings.Replace(whole, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one that says %q", c.new, err, c.want)
		}
	}
	if _, err := parseProfiles("x", []byte(whole+strings.TrimPrefix(whole, "profiles:\n"))); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("the same profile twice: %v", err)
	}
}

// says is an answer with a text.
func says(text string) completion {
	var c completion
	c.Choices = make([]choice, 1)
	c.Choices[0].Message.Content, c.Choices[0].Finish = text, "stop"
	return c
}

// thinks is an answer with the first token's probabilities.
func thinks(share map[string]float64) completion {
	type top map[string]any
	var list []top
	for _, token := range sortedKeys(share) {
		list = append(list, top{"token": token, "logprob": math.Log(share[token])})
	}
	raw, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"finish_reason": "length", "message": map[string]any{"content": "x"},
		"logprobs": map[string]any{"content": []any{map[string]any{"token": "x", "logprob": -0.1, "top_logprobs": list}}}}}})
	c, _ := parseCompletion(raw)
	return c
}

func TestAnswersAreRead(t *testing.T) {
	const mark = "0123456789abcdef"
	found := func(list []moderation.Detection) string {
		var s []string
		for _, d := range list {
			s = append(s, d.Category)
		}
		return strings.Join(s, " ")
	}
	for _, c := range []struct {
		profile, direction string
		answer             completion
		want               string // risks; "unread": no answer
		score              float64
	}{
		{"qwen3guard", "in", says("Safety: Safe\nCategories: None"), "", 0},
		{"qwen3guard", "in", says("Safety: Unsafe\nCategories: Violent"), "A1f", 0.9},
		{"qwen3guard", "in", says("Safety: Unsafe\nCategories: Non-violent Illegal Acts, PII"), "A1h A4f", 0.9},
		{"qwen3guard", "in", says("Safety: Controversial\nCategories: Politically Sensitive Topics\n"), "A1g", 0.5},
		{"qwen3guard", "out", says("Safety: Unsafe\nCategories: Suicide & Self-Harm\nRefusal: No"), "A4a", 0.9},
		{"qwen3guard", "out", says("Safety: Safe\nCategories: None\nRefusal: Yes"), "", 0},
		{"qwen3guard", "in", says("Safety: Unsafe\nCategories: Something New"), "A1h", 0.9},
		{"qwen3guard", "in", says("Safety: Unsafe\nCategories: None"), "A1h", 0.9},
		{"qwen3guard", "in", says("Safety: Safe\nCategories: Violent"), "unread", 0},
		{"qwen3guard", "in", says("Safety: Safe\nCategories: None\nSafety: Unsafe\nCategories: Violent"), "unread", 0},
		{"qwen3guard", "in", says("I think this is fine. Safety: Safe\nCategories: None"), "unread", 0},
		{"qwen3guard", "in", says("Safe"), "unread", 0},
		{"qwen3guard", "in", says(""), "unread", 0},
		{"qwen3guard", "in", completion{}, "unread", 0},
		{"llama-guard-3", "in", says("\n\nsafe"), "", 0},
		{"llama-guard-3", "in", says("unsafe\nS1,S10"), "A1f A2i", 0.9},
		{"llama-guard-4", "out", says("unsafe\nS11"), "A4a", 0.9},
		{"llama-guard-4", "in", says("unsafe"), "A1h", 0.9},
		{"llama-guard-3", "in", says("safe\nS1"), "unread", 0},
		{"llama-guard-3", "in", says("safe unsafe"), "unread", 0},
		{"llama-guard-3", "in", says("unsafe\nS99"), "A1h", 0.9},
		{"polyguard", "in", says("Harmful request: yes\nRequest safety violations: S5, S7\nResponse refusal: no\nHarmful response: no\nResponse safety violations: None"), "A4c A4e", 0.9},
		{"polyguard", "out", says("Harmful request: yes\nRequest safety violations: S5\nResponse refusal: no\nHarmful response: no\nResponse safety violations: None"), "", 0},
		{"polyguard", "out", says("Harmful request: no\nRequest safety violations: None\nResponse refusal: no\nHarmful response: yes\nResponse safety violations: S12"), "A1f", 0.9},
		{"polyguard", "in", says("Harmful request: no"), "unread", 0},
		{"granite-guardian", "in", says("<think>\n</think>\n<score> no </score>"), "", 0},
		{"granite-guardian", "in", says("<score>yes</score>"), "A1h", 0.9},
		{"granite-guardian", "in", says("Yes\n<confidence> High </confidence>"), "A1h", 0.9},
		{"granite-guardian", "in", says("<score>maybe</score>"), "unread", 0},
		{"nemotron", "in", says(`{"User Safety": "safe"}`), "", 0},
		{"nemotron", "in", says("```json\n{\"User Safety\": \"unsafe\", \"Safety Categories\": \"PII/Privacy, Threat\"}\n```"), "A4f A4a", 0.9},
		{"nemotron", "out", says(`{"Response Safety": "unsafe", "Safety Categories": "Malware"}`), "A1h", 0.9},
		{"nemotron", "out", says(`{"User Safety": "safe"}`), "unread", 0},
		{"nemotron", "in", says(`{"User Safety": "safe", "User Safety": "unsafe"}`), "unread", 0},
		{"nemotron", "in", says(`{"User Safety": "safe"} {"User Safety": "unsafe"}`), "unread", 0},
		{"policy-json", "in", says(`{"check":"` + mark + `","violates":true,"risks":["A2e","A4c"],"score":0.7}`), "A2e A4c", 0.7},
		{"policy-json", "in", says(`{"check":"` + mark + `","violates":false,"risks":[],"score":0.1}`), "", 0},
		{"policy-json", "in", says(`{"check":"` + mark + `","violates":true,"risks":["偏见"]}`), "A1h", 0.8},
		{"policy-json", "in", says(`{"check":"` + mark + `","violates":false,"risks":["A1a"]}`), "unread", 0},
		{"policy-json", "in", says(`{"violates":false,"risks":[]}`), "unread", 0},
		{"policy-json", "in", says(`{"check":"ffffffffffffffff","violates":false,"risks":[]}`), "unread", 0},
		{"policy-json", "in", says(`{"check":"` + mark + `","violates":true,"risks":["A1a"],"score":7}`), "unread", 0},
		{"jsl-joysafety", "out", says(`{"check":"` + mark + `","violates":true,"risks":["A1d"],"score":1}`), "A1d", 1},
		{"xguard", "in", thinks(map[string]float64{"sec": 0.97, "dw": 0.02}), "", 0},
		{"xguard", "in", thinks(map[string]float64{"sec": 0.1, "ter": 0.8, "sd": 0.05}), "A1d", 0.8 / 0.95},
		{"xguard", "in", thinks(map[string]float64{"sec": 0.1, "pc": 0.4, "def": 0.4}), "A4c", 0.8 / 0.9},
		{"xguard", "in", thinks(map[string]float64{"Sure": 0.9, "sec": 0.05}), "unread", 0},
		{"xguard", "in", thinks(map[string]float64{"sec": 1.4}), "unread", 0},
		{"xguard", "in", says("sec"), "unread", 0},
		{"shieldgemma", "in", thinks(map[string]float64{"Yes": 0.6, "No": 0.3}), "A1h", 0.6 / 0.9},
		{"shieldgemma", "in", thinks(map[string]float64{"Yes": 0.2, "No": 0.7}), "", 0},
		{"shieldgemma", "in", thinks(map[string]float64{"Well": 0.9, "No": 0.1}), "unread", 0},
	} {
		p, err := ProfileByID(c.profile)
		if err != nil {
			t.Fatal(err)
		}
		asks, _ := p.choose(nil)
		read := p.Read
		if c.direction == "out" && p.ReadOut != nil {
			read = *p.ReadOut
		}
		r, err := newReader(p, read, DefaultThreshold, "")
		if err != nil {
			t.Fatal(err)
		}
		list, err := r.findings(c.answer, asks[0], mark)
		got := found(list)
		if err != nil {
			got = "unread"
		}
		if got != c.want {
			t.Errorf("%s %s %+v: %q (%v), want %q", c.profile, c.direction, c.answer, got, err, c.want)
			continue
		}
		if len(list) > 0 && (math.Abs(list[0].Score-c.score) > 1e-9 || list[0].Tier != moderation.Signal || list[0].Severity == 0) {
			t.Errorf("%s %+v: %+v, want score %v", c.profile, c.answer, list[0], c.score)
		}
	}
	cut := says("safe")
	cut.Choices[0].Finish = "length"
	p, _ := ProfileByID("llama-guard-3")
	r, _ := newReader(p, p.Read, DefaultThreshold, "")
	if _, err := r.findings(cut, Question{}, mark); err == nil {
		t.Error("an answer that was cut off was read as safe")
	}
}

// FuzzAnswers: whatever an endpoint answers, reading it does not panic, and what comes out holds together.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{"Safety: Unsafe\nCategories: Violent", "unsafe\nS1", `{"check":"m","violates":true,"risks":["A1a"],"score":0.5}`,
		`{"choices":[{"message":{"content":"safe"},"finish_reason":"stop"}]}`, `{"choices":[{"logprobs":{"content":[{"token":"sec","top_logprobs":[{"token":"sec","logprob":-1e308}]}]}}]}`,
		"```json\n{}\n```", `{"a":1,"A":2}`} {
		f.Add(s)
	}
	all, err := Profiles()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw, _ := parseCompletion([]byte(text))
		for _, p := range all {
			asks, _ := p.choose(nil)
			for _, read := range []*Read{&p.Read, p.ReadOut} {
				if read == nil {
					continue
				}
				r, err := newReader(p, *read, DefaultThreshold, "")
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range []completion{says(text), raw} {
					list, err := r.findings(c, asks[0], "m")
					if err != nil && list != nil {
						t.Fatalf("%s: findings beside an error", p.ID)
					}
					for _, d := range list {
						_, known := measures.RiskByID(d.Category)
						if !known || d.Score < 0 || d.Score > 1 || d.Score != d.Score || d.Tier == "" {
							t.Fatalf("%s: %+v", p.ID, d)
						}
					}
				}
			}
		}
	})
}

func FuzzDefuse(f *testing.F) {
	f.Add("a<|im_end|>b", "<<||im_end|>")
	f.Add("||||", "||")
	f.Fuzz(func(t *testing.T, text, mark string) {
		if len([]rune(mark)) < 2 || strings.HasPrefix(string([]rune(mark)[1:]), " ") || strings.ContainsAny(mark[:1], " ") || strings.ContainsAny(mark, "\t\n") || len(text) > 2000 || strings.ToValidUTF8(mark, "") != mark {
			return
		}
		marks := []string{mark, "<|", "|>"}
		out := defuse(text, marks)
		for _, m := range marks {
			if strings.Contains(out, m) {
				t.Fatalf("%q still holds %q", out, m)
			}
		}
		if strings.ReplaceAll(out, " ", "") != strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), " ", "") {
			t.Fatalf("%q became %q", text, out)
		}
	})
}

func TestPiecesCoverTheText(t *testing.T) {
	text := []byte(strings.Repeat("合规ab", 501))
	for _, size := range []int{1, 2, 3, 100, 1000, 5000} {
		list := pieces(text, size, 20)
		end := 0
		for i, p := range list {
			if p.start > end || p.end <= end || len([]rune(string(text[p.start:p.end]))) > size {
				t.Fatalf("size %d: piece %d is %v after %d", size, i, p, end)
			}
			if i > 0 && size >= 100 && list[i-1].end-p.start < 20 {
				t.Fatalf("size %d: pieces %d and %d do not overlap", size, i-1, i)
			}
			end = p.end
		}
		if end != len(text) {
			t.Fatalf("size %d: ends at %d of %d", size, end, len(text))
		}
	}
}
