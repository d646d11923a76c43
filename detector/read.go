package detector

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/hegui/hegui/internal/strictjson"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

// completion is what of an endpoint's answer is read.
type completion struct {
	Error   json.RawMessage `json:"error"`
	Choices []choice        `json:"choices"`
	Usage   *struct {
		In  int64 `json:"prompt_tokens"`
		Out int64 `json:"completion_tokens"`
	} `json:"usage"`
}

type choice struct {
	Message struct {
		Content string `json:"content"`
	} `json:"message"`
	Finish   string `json:"finish_reason"`
	Logprobs *struct {
		Content []struct {
			Token   string     `json:"token"`
			Logprob *float64   `json:"logprob"`
			Top     []logToken `json:"top_logprobs"`
		} `json:"content"`
	} `json:"logprobs"`
}

type logToken struct {
	Token   string   `json:"token"`
	Logprob *float64 `json:"logprob"`
}

// unread says why an answer is no answer. It never holds what the answer says.
type unread struct{ why string }

func (e *unread) Error() string { return "the answer cannot be read: " + e.why }

func cannotRead(format string, args ...any) error { return &unread{fmt.Sprintf(format, args...)} }

// reader reads the answers of one kind of model.
type reader struct {
	profile   Profile
	read      Read
	pattern   *regexp.Regexp
	threshold float64
	tier      moderation.Tier // "": the level's
}

func newReader(p Profile, r Read, threshold float64, tier moderation.Tier) (*reader, error) {
	out := &reader{profile: p, read: r, threshold: threshold, tier: tier}
	if r.How == "pattern" {
		var err error
		if out.pattern, err = r.compile(); err != nil {
			return nil, fmt.Errorf("profile %s: %w", p.ID, err)
		}
	}
	return out, nil
}

// findings reads one answer. No findings and no error: the model says that there is nothing.
func (r *reader) findings(c completion, ask Question, mark string) ([]moderation.Detection, error) {
	if len(c.Choices) != 1 {
		return nil, cannotRead("it holds %d choices, not one", len(c.Choices))
	}
	said := c.Choices[0]
	if r.read.How == "tokens" {
		return r.tokens(said, ask)
	}
	if said.Finish != "" && said.Finish != "stop" && said.Finish != "eos" {
		return nil, cannotRead("it ended for another reason than being complete")
	}
	if r.read.How == "json" {
		return r.object(said.Message.Content, ask, mark)
	}
	m := r.pattern.FindStringSubmatch(said.Message.Content)
	if m == nil {
		return nil, cannotRead("it does not have the form of %s", r.profile.Title)
	}
	verdict := m[r.pattern.SubexpIndex("verdict")]
	var names []string
	if i := r.pattern.SubexpIndex("categories"); i >= 0 {
		names = r.names(strings.Split(m[i], ","))
	}
	return r.weigh(verdict, names, -1, ask)
}

// names leaves out what stands for no category.
func (r *reader) names(list []string) []string {
	var out []string
	for _, n := range list {
		n = strings.TrimSpace(n)
		if n == "" || slices.ContainsFunc(r.read.None, func(none string) bool { return strings.EqualFold(none, n) }) {
			continue
		}
		out = append(out, n)
	}
	return out
}

// weigh turns a verdict and the categories named with it into findings. A score below 0 is none.
func (r *reader) weigh(verdict string, names []string, score float64, ask Question) ([]moderation.Detection, error) {
	if slices.ContainsFunc(r.read.Clear, func(c string) bool { return strings.EqualFold(c, verdict) }) {
		if len(names) > 0 {
			return nil, cannotRead("it says that there is nothing and names %d categories", len(names))
		}
		return nil, nil
	}
	for v, level := range r.read.Found {
		if !strings.EqualFold(v, verdict) {
			continue
		}
		if score < 0 {
			score = level.Score
		}
		if len(names) == 0 {
			names = []string{ask.ID}
		}
		if len(names) > maxNames {
			names = names[:maxNames] // the verdict stands whatever else is named
		}
		var out []moderation.Detection
		for _, n := range names {
			d := r.detection(n, level, score)
			if !slices.ContainsFunc(out, func(o moderation.Detection) bool { return o.Category == d.Category }) {
				out = append(out, d)
			}
		}
		return out, nil
	}
	return nil, cannotRead("its verdict is none of those that are known")
}

// maxNames bounds the categories of one answer.
const maxNames = 16

func (r *reader) detection(name string, level Level, score float64) moderation.Detection {
	risk, known := r.risk(name)
	reason := r.profile.ID + ": " + name
	if !known {
		reason = r.profile.ID + ": a category that is not known"
	}
	tier := level.Tier
	if r.tier != "" {
		tier = r.tier
	}
	return moderation.Detection{Category: risk, Tier: tier, Severity: level.Severity, Score: unit(score), Reason: reason}
}

// risk maps a model's own category; known tells whether it was known.
func (r *reader) risk(name string) (risk string, known bool) {
	for own, risk := range r.profile.Categories {
		if own != AnyCategory && strings.EqualFold(own, name) {
			return risk, true
		}
	}
	if _, ok := measures.RiskByID(name); ok {
		return name, true
	}
	// "S1: Violent Crimes", "S1. Violence" and "Violence (S1)" name what "S1" or "Violence" names.
	if head, _, ok := strings.Cut(name, ":"); ok && strings.TrimSpace(head) != name {
		if risk, known := r.risk(strings.TrimSpace(head)); known {
			return risk, true
		}
	}
	return r.profile.Categories[AnyCategory], false
}

// object reads an answer that is one JSON object.
func (r *reader) object(text string, ask Question, mark string) ([]moderation.Detection, error) {
	fields, err := oneObject(text)
	if err != nil {
		return nil, err
	}
	if r.read.Check != "" {
		if said, ok := fields[r.read.Check].(string); !ok || said != mark {
			return nil, cannotRead("its field %q does not repeat the mark of the question", r.read.Check)
		}
	}
	var verdict string
	switch v := fields[r.read.Verdict].(type) {
	case string:
		verdict = strings.TrimSpace(v)
	case bool:
		verdict = fmt.Sprint(v)
	default:
		return nil, cannotRead("its field %q is missing", r.read.Verdict)
	}
	var names []string
	switch v := fields[r.read.Categories].(type) {
	case nil:
	case string:
		names = r.names(strings.Split(v, ","))
	case []any:
		for _, n := range v {
			s, ok := n.(string)
			if !ok {
				return nil, cannotRead("its field %q holds something else than names", r.read.Categories)
			}
			names = append(names, r.names([]string{s})...)
		}
	default:
		return nil, cannotRead("its field %q is no list of names", r.read.Categories)
	}
	score := -1.0
	if v, ok := fields[r.read.Score]; ok && r.read.Score != "" && v != nil {
		n, ok := v.(float64)
		if !ok || n < 0 || n > 1 {
			return nil, cannotRead("its field %q is no number from 0 to 1", r.read.Score)
		}
		score = n
	}
	return r.weigh(verdict, names, score, ask)
}

// oneObject reads one JSON object, in a fence of Markdown or not, with nothing before or after it and no field twice.
func oneObject(text string) (map[string]any, error) {
	text = strings.TrimSpace(text)
	if inside, ok := strings.CutPrefix(text, "```"); ok {
		inside, ok = strings.CutSuffix(strings.TrimPrefix(inside, "json"), "```")
		if !ok {
			return nil, cannotRead("its fence is not closed")
		}
		text = strings.TrimSpace(inside)
	}
	if err := strictjson.Check([]byte(text)); err != nil {
		return nil, cannotRead("its JSON: %v", err)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil || out == nil {
		return nil, cannotRead("it is no JSON object")
	}
	return out, nil
}

// tokens reads the probabilities of the first token.
func (r *reader) tokens(said choice, ask Question) ([]moderation.Detection, error) {
	if said.Logprobs == nil || len(said.Logprobs.Content) == 0 || len(said.Logprobs.Content[0].Top) == 0 {
		return nil, cannotRead("it holds no probabilities; the endpoint must support logprobs and top_logprobs")
	}
	p := map[string]float64{}
	known, all, clear := 0.0, 0.0, 0.0
	for _, t := range said.Logprobs.Content[0].Top {
		if t.Logprob == nil || math.IsNaN(*t.Logprob) || *t.Logprob > 0.01 {
			return nil, cannotRead("a probability in it cannot be true")
		}
		share := math.Exp(*t.Logprob)
		all += share
		name := strings.TrimSpace(t.Token)
		if slices.Contains(r.read.Clear, name) {
			clear, known = clear+share, known+share
			continue
		}
		if _, ok := r.profile.Categories[name]; ok && name != AnyCategory {
			p[name] += share
			known += share
		}
	}
	if all > 1.01 {
		return nil, cannotRead("the probabilities in it are more than one together")
	}
	if known < 0.5 {
		return nil, cannotRead("its first token is none of those that are known (%.0f %% of the probability)", 100*known)
	}
	mass := (known - clear) / known
	if mass < r.threshold {
		return nil, nil
	}
	level := r.read.Found[AnyCategory]
	if len(r.profile.Asks) > 0 {
		return []moderation.Detection{r.detection(ask.ID, level, mass)}, nil
	}
	var out []moderation.Detection
	best, most := "", 0.0
	for _, name := range sortedKeys(p) {
		if share := p[name] / known; share >= r.threshold {
			out = append(out, r.detection(name, level, share))
		}
		if p[name] > most {
			best, most = name, p[name]
		}
	}
	if len(out) == 0 { // several categories share what is more than the threshold
		out = append(out, r.detection(best, level, mass))
	}
	return out, nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// parseCompletion reads an endpoint's answer.
func parseCompletion(body []byte) (completion, error) {
	var c completion
	if err := strictjson.Check(body); err != nil {
		return c, cannotRead("it is not what an OpenAI-compatible endpoint answers: %v", err)
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return c, cannotRead("it is not what an OpenAI-compatible endpoint answers")
	}
	if len(c.Error) > 0 && string(c.Error) != "null" {
		return c, cannotRead("it holds an error beside what it answers")
	}
	return c, nil
}
