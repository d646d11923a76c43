package detector

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

// Profile is how a kind of guard model is asked and how its answer is read. profiles.yaml holds those known.
type Profile struct {
	ID      string   `yaml:"id" json:"id"`
	Title   string   `yaml:"title" json:"title"`
	Seen    string   `yaml:"seen" json:"seen"` // documented, reported, or assumed: our own way of asking, the maker's was not to be had
	Source  string   `yaml:"source" json:"source"`
	Prompt  Prompt   `yaml:"prompt" json:"prompt"`
	Special []string `yaml:"special" json:"special,omitempty"` // marks of the model's own frame; a text that holds them gets a space inside
	// Params go into each request as they are, beside model and messages.
	Params   map[string]any `yaml:"params" json:"params"`
	MaxChars int            `yaml:"max_chars" json:"max_chars"` // characters of text in one call
	Overhead int            `yaml:"overhead" json:"overhead"`   // tokens that the model's own template may add
	Policy   string         `yaml:"policy" json:"policy"`       // "": takes none; required: the operator's; risks: the 31 risks, unless the operator gives one
	Asks     []Question     `yaml:"asks" json:"asks,omitempty"` // one call each; none: one call for everything
	Read     Read           `yaml:"read" json:"read"`
	ReadOut  *Read          `yaml:"read_out" json:"read_out,omitempty"` // for answers of models; nil: as Read
	// Categories maps the model's own to risks of GB/T 45654 Annex A. "*" is any that is not named: what a model finds is
	// never lost because its name for it is not known.
	Categories map[string]string `yaml:"categories" json:"categories"`
}

// Prompt is what is sent about texts of users (In) and of models (Out; none: as In). {text} stands for the text to judge,
// {policy} and {ask} for the policy and question, {mark} for a mark that nobody can foresee.
type Prompt struct {
	In  []Message `yaml:"in" json:"in"`
	Out []Message `yaml:"out" json:"out,omitempty"`
}

// Message is one of a chat.
type Message struct {
	Role    string `yaml:"role" json:"role"`
	Content string `yaml:"content" json:"content"`
}

// Question is one thing that a model with one question a call is asked.
type Question struct {
	ID     string `yaml:"id" json:"id"`
	Policy string `yaml:"policy" json:"policy"`
	Base   bool   `yaml:"base" json:"base"` // asked unless the operator chooses
}

// Read says how an answer is read.
type Read struct {
	How string `yaml:"how" json:"how"` // pattern, json, tokens

	// pattern: must fit the whole answer; groups verdict and, where there are any, categories.
	Pattern string `yaml:"pattern" json:"pattern,omitempty"`

	// json: names of fields.
	Verdict    string `yaml:"verdict" json:"verdict,omitempty"`
	Categories string `yaml:"categories" json:"categories,omitempty"`
	Score      string `yaml:"score" json:"score,omitempty"`
	Check      string `yaml:"check" json:"check,omitempty"` // must repeat {mark}

	// tokens: the first token's probabilities. Tokens that are neither Clear nor in the categories do not count; when those
	// known are less than half of it, the model did not answer the question.

	Clear []string         `yaml:"clear" json:"clear"` // verdicts, or tokens, that say that there is nothing
	Found map[string]Level `yaml:"found" json:"found"` // verdicts that say that there is something; "*" for tokens
	None  []string         `yaml:"none" json:"none"`   // names that stand for no category
}

// Level is what a verdict weighs.
type Level struct {
	Tier     moderation.Tier `yaml:"tier" json:"tier"`
	Severity int             `yaml:"severity" json:"severity"`
	Score    float64         `yaml:"score" json:"score"` // where the model gives none
}

// AnyCategory is the key of Profile.Categories for those that are not named.
const AnyCategory = "*"

//go:embed profiles.yaml
var profilesYAML []byte

// Profiles are those that hegui knows.
func Profiles() ([]Profile, error) { return parseProfiles("profiles.yaml", profilesYAML) }

// ProfileByID finds one of them.
func ProfileByID(id string) (Profile, error) {
	all, err := Profiles()
	if err != nil {
		return Profile{}, err
	}
	var names []string
	for _, p := range all {
		if p.ID == id {
			return p, nil
		}
		names = append(names, p.ID)
	}
	return Profile{}, fmt.Errorf("profile %q is not known; use one of %s", id, strings.Join(names, ", "))
}

func parseProfiles(name string, text []byte) ([]Profile, error) {
	var f struct {
		Profiles []Profile `yaml:"profiles"`
	}
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("detector: %s: %w", name, err)
	}
	seen := map[string]bool{}
	for i, p := range f.Profiles {
		if seen[p.ID] {
			return nil, fmt.Errorf("detector: %s: profile %q is there twice", name, p.ID)
		}
		seen[p.ID] = true
		if err := p.Validate(); err != nil {
			return nil, fmt.Errorf("detector: %s: profile %d (%q): %w", name, i+1, p.ID, err)
		}
	}
	return f.Profiles, nil
}

var profileShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)

// Validate tells what is wrong with a profile.
func (p Profile) Validate() error {
	switch {
	case !profileShape.MatchString(p.ID):
		return fmt.Errorf("id %q: use lower-case letters, digits and -", p.ID)
	case p.Title == "" || p.Source == "":
		return errors.New("title and source are needed")
	case p.Seen != "documented" && p.Seen != "reported" && p.Seen != "assumed":
		return fmt.Errorf("seen %q: use documented, reported or assumed", p.Seen)
	case p.MaxChars < 100:
		return fmt.Errorf("max_chars %d: give at least 100", p.MaxChars)
	case p.Overhead < 0:
		return fmt.Errorf("overhead %d: cannot be negative", p.Overhead)
	}
	for name, list := range map[string][]Message{"in": p.Prompt.In, "out": p.Prompt.Out} {
		if name == "out" && len(list) == 0 {
			continue
		}
		texts := 0
		for _, m := range list {
			texts += strings.Count(m.Content, "{text}")
			if m.Role != "system" && m.Role != "user" && m.Role != "assistant" {
				return fmt.Errorf("prompt.%s: role %q: use system, user or assistant", name, m.Role)
			}
		}
		if texts != 1 {
			return fmt.Errorf("prompt.%s: {text} stands there %d times; it must stand there once", name, texts)
		}
	}
	for _, s := range p.Special {
		if r := []rune(s); len(r) < 2 || r[0] == ' ' || r[1] == ' ' || strings.ContainsAny(s, "\t\n") {
			return fmt.Errorf("special %q: a mark has at least two characters, no line break, and no space among the first two", s)
		}
	}
	for own, risk := range p.Categories {
		if _, ok := measures.RiskByID(risk); !ok {
			return fmt.Errorf("categories: %q is mapped to %q, which is no risk; use A1a … A5b", own, risk)
		}
	}
	if p.Categories[AnyCategory] == "" {
		return errors.New(`categories: "*" is missing; what is found under an unknown name must have a risk`)
	}
	ids := map[string]bool{}
	for _, a := range p.Asks {
		if a.ID == "" || ids[a.ID] || p.Categories[a.ID] == "" {
			return fmt.Errorf("asks: %q must be named once and have a risk under categories", a.ID)
		}
		ids[a.ID] = true
	}
	if len(p.Asks) > 0 && !slices.ContainsFunc(p.Asks, func(a Question) bool { return a.Base }) {
		return errors.New("asks: none has base: true, so nothing would be asked")
	}
	if err := p.Read.validate(); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if p.ReadOut != nil {
		if err := p.ReadOut.validate(); err != nil {
			return fmt.Errorf("read_out: %w", err)
		}
	}
	return nil
}

func (r Read) validate() error {
	switch r.How {
	case "pattern":
		e, err := r.compile()
		if err != nil {
			return err
		}
		if e.SubexpIndex("verdict") < 0 {
			return errors.New("pattern: the group verdict is missing")
		}
	case "json":
		if r.Verdict == "" {
			return errors.New("verdict: name the field")
		}
	case "tokens":
		if _, ok := r.Found[AnyCategory]; !ok {
			return errors.New(`found: "*" is missing`)
		}
	default:
		return fmt.Errorf("how %q: use pattern, json or tokens", r.How)
	}
	if len(r.Clear) == 0 || len(r.Found) == 0 {
		return errors.New("clear and found must name at least one verdict each")
	}
	for v, l := range r.Found {
		if slices.ContainsFunc(r.Clear, func(c string) bool { return strings.EqualFold(c, v) }) {
			return fmt.Errorf("found: %q is clear too", v)
		}
		if l.Tier != moderation.Block && l.Tier != moderation.Signal && l.Tier != moderation.Observe {
			return fmt.Errorf("found: %s: tier %q: use block, signal or observe", v, l.Tier)
		}
		if l.Severity < 1 || l.Severity > 5 || l.Score < 0 || l.Score > 1 {
			return fmt.Errorf("found: %s: severity is 1 to 5 and score 0 to 1", v)
		}
	}
	return nil
}

// compile anchors the pattern: it must fit the whole answer, so that an answer which holds more than the model's own form,
// or its form twice, is none.
func (r Read) compile() (*regexp.Regexp, error) {
	e, err := regexp.Compile(`(?i)\A\s*(?:` + r.Pattern + `)\s*\z`)
	if err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	return e, nil
}
