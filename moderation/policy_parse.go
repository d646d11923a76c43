package moderation

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	yamlparser "github.com/goccy/go-yaml/parser"

	"github.com/hegui/hegui/measures"
)

// Bounds of a policy file. Ours.
const (
	maxPolicyBytes = 1 << 20
	maxPolicyRows  = 1000
	maxPolicyTests = 10000
	maxGuidance    = 2000 // bytes of a guidance text
)

// The file's shape. Every field of a row but name and action may be left out and then matches everything.
type policyFile struct {
	Name    string        `yaml:"name"`
	Rows    []policyRow   `yaml:"rows"`
	Default policyDefault `yaml:"default"`
	Tests   []policyTest  `yaml:"tests"`
}

type policyRow struct {
	Name      string   `yaml:"name"`
	Category  []string `yaml:"category"`
	Direction []string `yaml:"direction"`
	User      []string `yaml:"user"`
	Tier      []Tier   `yaml:"tier"`
	Severity  int      `yaml:"severity"`
	Detector  []string `yaml:"detector"`
	Profile   []string `yaml:"profile"`
	Service   []string `yaml:"service"`
	When      string   `yaml:"when"`
	Action    Action   `yaml:"action"`
	Reason    string   `yaml:"reason"`
	TextZH    string   `yaml:"text_zh"`
	TextEN    string   `yaml:"text_en"`
}

type policyDefault struct {
	Action Action `yaml:"action"`
	Reason string `yaml:"reason"`
}

// policyTest is a golden test: a text, scanned with the lexicon in force, or a finding, and what must come of it.
type policyTest struct {
	Name        string       `yaml:"name"`
	Text        string       `yaml:"text"`
	Finding     *testFinding `yaml:"finding"`
	Direction   string       `yaml:"direction"`
	User        string       `yaml:"user"`
	Profile     string       `yaml:"profile"`
	Service     string       `yaml:"service"`
	OnViolation Action       `yaml:"on_violation"`
	Expect      Action       `yaml:"expect"`
	Row         string       `yaml:"row"`
}

type testFinding struct {
	Category string  `yaml:"category"`
	Tier     Tier    `yaml:"tier"`
	Severity int     `yaml:"severity"`
	Detector string  `yaml:"detector"`
	Entry    string  `yaml:"entry"`
	Form     Form    `yaml:"form"`
	Score    float64 `yaml:"score"`
}

var (
	rowNameShape = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	kindShape    = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
)

// errYAML stands for a file that the YAML library cannot take without falling over.
var errYAML = errors.New("cannot be read as YAML: something in it, such as a tag (!), does not belong there; write it plainly")

func parseYAML(text []byte) (tree *ast.File, err error) {
	defer func() {
		if recover() != nil {
			tree, err = nil, errYAML
		}
	}()
	return yamlparser.ParseBytes(text, 0)
}

func decodeYAML(text []byte, into any) (err error) {
	defer func() {
		if recover() != nil {
			err = errYAML
		}
	}()
	return yaml.UnmarshalWithOptions(text, into, yaml.Strict())
}

// ParsePolicy compiles a policy file and runs those of its golden tests that need no lexicon; Test runs all of them. Errors
// name the file, the line, the field and the mend. name is the file's, for errors.
func ParsePolicy(name string, text []byte) (*Policy, error) {
	if len(text) > maxPolicyBytes {
		return nil, fmt.Errorf("policy %s: has %d bytes; at most %d", name, len(text), maxPolicyBytes)
	}
	explain := func(err error) error {
		if wrong := (*yaml.TypeError)(nil); errors.As(err, &wrong) {
			err = &yaml.SyntaxError{Token: wrong.Token, Message: fmt.Sprintf("%s cannot be read as %s", yamlKind(wrong.SrcType), yamlKind(wrong.DstType))}
		}
		if wrong := (*yaml.UnexpectedNodeTypeError)(nil); errors.As(err, &wrong) {
			err = &yaml.SyntaxError{Token: wrong.Token, Message: fmt.Sprintf("a %s is wanted here, not a %s", strings.ToLower(wrong.Expected.YAMLName()), strings.ToLower(wrong.Actual.YAMLName()))}
		}
		return fmt.Errorf("policy %s: %s", name, strings.TrimRight(yaml.FormatError(err, false, true), "\n "))
	}
	tree, err := parseYAML(text)
	if err != nil {
		return nil, explain(err)
	}
	switch {
	case len(tree.Docs) > 1:
		return nil, fmt.Errorf("policy %s: holds %d documents; a policy is one", name, len(tree.Docs))
	case len(bytes.TrimSpace(text)) == 0 || tree.Docs[0].Body == nil:
		return nil, fmt.Errorf("policy %s: is empty; it begins with the fields name and default", name)
	}
	if bad := foreign(tree.Docs[0].Body); bad != nil {
		return nil, explain(&yaml.SyntaxError{Message: "anchors, aliases and merge keys are not read in a policy; write it out", Token: bad.GetToken()})
	}
	var f policyFile
	if err := decodeYAML(text, &f); err != nil {
		return nil, explain(err)
	}
	c := &policyChecker{tree: tree, file: name}
	p := c.compile(&f)
	p.hash = hashPolicy(text)
	if len(c.bad) > 0 {
		return nil, errors.Join(c.bad...)
	}
	if err := p.Test(nil); err != nil {
		return nil, err
	}
	return p, nil
}

// foreign finds an anchor, alias or merge key: with them a small file can grow without bound.
func foreign(n ast.Node) ast.Node {
	var found ast.Node
	ast.Walk(visitor(func(n ast.Node) bool {
		switch n.Type() {
		case ast.AnchorType, ast.AliasType, ast.MergeKeyType:
			found = n
		}
		return found == nil
	}), n)
	return found
}

type visitor func(ast.Node) bool

// Visit makes visitor an ast.Visitor.
func (v visitor) Visit(n ast.Node) ast.Visitor {
	if v(n) {
		return v
	}
	return nil
}

func yamlKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "a group of keys"
	}
	return t.String()
}

// policyChecker gathers everything that is wrong with a policy.
type policyChecker struct {
	tree *ast.File
	file string
	bad  []error
}

// fail points at a place of the file; when the place is not there, at the nearest above it.
func (c *policyChecker) fail(path, message string, args ...any) {
	text := path + ": " + fmt.Sprintf(message, args...)
	for at := path; at != ""; at = at[:max(strings.LastIndexAny(at, ".["), 0)] {
		p, err := yaml.PathString("$." + at)
		if err != nil {
			continue
		}
		if n, err := p.FilterFile(c.tree); err == nil && n != nil && n.GetToken() != nil {
			text = strings.TrimRight(yaml.FormatError(&yaml.SyntaxError{Message: text, Token: n.GetToken()}, false, true), "\n ")
			break
		}
	}
	c.bad = append(c.bad, fmt.Errorf("policy %s: %s", c.file, text))
}

func (c *policyChecker) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.fail(path, "%q: use one of %s", value, strings.Join(allowed, ", "))
	}
}

func (c *policyChecker) each(path string, values []string, allowed ...string) {
	for i, v := range values {
		c.oneOf(fmt.Sprintf("%s[%d]", path, i), v, allowed...)
	}
}

func (c *policyChecker) compile(f *policyFile) *Policy {
	p := &Policy{name: f.Name, tests: f.Tests}
	if !rowNameShape.MatchString(f.Name) {
		c.fail("name", "%q: give the policy a name of lower-case letters, digits, - and _", f.Name)
	}
	if len(f.Rows) > maxPolicyRows || len(f.Tests) > maxPolicyTests {
		c.fail("rows", "%d rows and %d tests; at most %d and %d", len(f.Rows), len(f.Tests), maxPolicyRows, maxPolicyTests)
		return p
	}
	seen := map[string]bool{"default": true}
	for i := range f.Rows {
		r := &f.Rows[i]
		at := fmt.Sprintf("rows[%d]", i)
		if !rowNameShape.MatchString(r.Name) || seen[r.Name] {
			c.fail(at+".name", "%q: give each row a name of its own, of lower-case letters, digits, - and _", r.Name)
		}
		seen[r.Name] = true
		p.rows = append(p.rows, c.row(at, r))
	}
	c.action("default.action", f.Default.Action, nil)
	if a := f.Default.Action; a == Guide || a == Mask {
		c.fail("default.action", "%q: the default is allow or block; write a row for the rest", a)
	}
	c.reason("default.reason", f.Default.Reason)
	p.base = Decision{Action: f.Default.Action, Row: "default", Reason: f.Default.Reason}
	if p.base.Reason == "" {
		p.base.Reason = "default"
	}
	for i := range f.Tests {
		c.test(fmt.Sprintf("tests[%d]", i), &f.Tests[i], seen)
	}
	return p
}

func (c *policyChecker) row(at string, r *policyRow) row {
	out := row{name: r.Name, categories: r.Category, directions: r.Direction, users: r.User, tiers: r.Tier, severity: r.Severity,
		detectors: r.Detector, profiles: r.Profile, services: r.Service}
	for i, pattern := range r.Category {
		prefix, glob := strings.CutSuffix(pattern, "*")
		if !slices.ContainsFunc(measures.Risks(), func(k measures.Risk) bool { return k.ID == pattern || glob && strings.HasPrefix(k.ID, prefix) }) {
			c.fail(fmt.Sprintf("%s.category[%d]", at, i), "%q: no risk has this id; use A1a to A5b of GB/T 45654-2025 Annex A, a group such as A1*, or leave category out for all", pattern)
		}
	}
	c.each(at+".direction", r.Direction, "in", "out")
	c.each(at+".user", r.User, "adult", "minor", "unknown")
	for i, t := range r.Tier {
		c.oneOf(fmt.Sprintf("%s.tier[%d]", at, i), string(t), string(Block), string(Signal), string(Observe))
	}
	if r.Severity < 0 || r.Severity > 5 {
		c.fail(at+".severity", "%d: severity is 1, slight, to 5, gravest; a row matches from there upwards", r.Severity)
	}
	for i, k := range r.Detector {
		if !kindShape.MatchString(k) {
			c.fail(fmt.Sprintf("%s.detector[%d]", at, i), "%q: name a kind of detector, for example lexicon", k)
		}
	}
	if r.When != "" {
		var err error
		if out.when, err = compileWhen(r.When); err != nil {
			c.fail(at+".when", "%v", err)
		}
	}
	c.action(at+".action", r.Action, r.Direction)
	c.reason(at+".reason", r.Reason)
	if (r.TextZH != "" || r.TextEN != "") && r.Action != Guide {
		c.fail(at+".text_zh", "texts belong to action guide; this row's is %q", r.Action)
	}
	if (r.TextZH == "") != (r.TextEN == "") || len(r.TextZH) > maxGuidance || len(r.TextEN) > maxGuidance {
		c.fail(at+".text_zh", "give text_zh and text_en both, each of at most %d bytes, or neither for the default guidance", maxGuidance)
	}
	out.decision = Decision{Action: r.Action, Row: r.Name, Reason: r.Reason, TextZH: r.TextZH, TextEN: r.TextEN}
	if r.Reason == "" {
		out.decision.Reason = r.Name
	}
	return out
}

// action checks that an action is known and possible in the directions of its row.
func (c *policyChecker) action(path string, a Action, directions []string) {
	only := func(direction string) bool { return len(directions) == 1 && directions[0] == direction }
	switch a {
	case Allow, Mask, Guide, Blocked:
	case Refuse:
		if !only("in") {
			c.fail(path, "refuse is for input only: say direction: [in], or use block, which stops what is already being answered")
		}
	case Stop, Retract, Replace:
		if !only("out") {
			c.fail(path, "%s is for output only: say direction: [out], or use block, which refuses on input", a)
		}
	default:
		c.fail(path, "%q: use one of allow, mask, guide, block, refuse (input), stop, retract, replace (output)", a)
	}
}

func (c *policyChecker) reason(path, code string) {
	if code != "" && !rowNameShape.MatchString(code) {
		c.fail(path, "%q: a reason is a code that clients see, of lower-case letters, digits, - and _", code)
	}
}

func (c *policyChecker) test(at string, t *policyTest, rows map[string]bool) {
	if (t.Text == "") == (t.Finding == nil) {
		c.fail(at, "give either text or finding")
	}
	c.oneOf(at+".direction", t.Direction, "in", "out")
	if t.User == "" {
		t.User = "unknown"
	}
	c.oneOf(at+".user", t.User, "adult", "minor", "unknown")
	if t.OnViolation == "" {
		t.OnViolation = Stop
	}
	c.oneOf(at+".on_violation", string(t.OnViolation), string(Stop), string(Retract), string(Replace))
	c.oneOf(at+".expect", string(t.Expect), string(Allow), string(Mask), string(Guide), string(Refuse), string(Stop), string(Retract), string(Replace))
	if t.Row != "" && !rows[t.Row] {
		c.fail(at+".row", "%q: no row has this name", t.Row)
	}
	if f := t.Finding; f != nil {
		if _, ok := measures.RiskByID(f.Category); !ok {
			c.fail(at+".finding.category", "%q: no risk has this id", f.Category)
		}
		c.oneOf(at+".finding.tier", string(f.Tier), string(Block), string(Signal), string(Observe))
		if f.Detector == "" {
			f.Detector = KindLexicon
		}
	}
}

// Test runs the policy's golden tests: those on texts with the lexicon given, and only without one those on findings alone.
// A policy that fails is not to be put in force.
func (p *Policy) Test(l *Lexicon) error {
	var errs []error
	for i := range p.tests {
		t := &p.tests[i]
		if t.Finding == nil && l == nil {
			continue
		}
		got := p.try(t, l)
		if got.Action == t.Expect && (t.Row == "" || t.Row == got.Row) {
			continue
		}
		want := string(t.Expect)
		if t.Row != "" {
			want += " by row " + t.Row
		}
		name := fmt.Sprintf("tests[%d]", i)
		if t.Name != "" {
			name += " " + t.Name
		}
		errs = append(errs, fmt.Errorf("policy %s: %s: expects %s, gets %s by row %s; mend the rows or the test", p.name, name, want, got.Action, got.Row))
	}
	return errors.Join(errs...)
}

// try is the strictest decision about what a test shows.
func (p *Policy) try(t *policyTest, l *Lexicon) Decision {
	scene := Scene{Service: t.Service, Direction: t.Direction, User: t.User}
	table := p.At(Place{Scene: scene, Profile: t.Profile, OnViolation: t.OnViolation})
	if f := t.Finding; f != nil {
		return table.Decide(Case{Category: f.Category, Tier: f.Tier, Severity: f.Severity, Detector: f.Detector, Entry: f.Entry, Form: f.Form, Score: f.Score})
	}
	worst := Decision{Action: Allow, Row: "default"}
	for _, f := range l.ScanIn(scene, []byte(t.Text)) {
		if d := table.Decide(CaseOf(f)); d.Action.Stricter(worst.Action) {
			worst = d
		}
	}
	return worst
}

// CaseOf is a lexicon's finding as a policy sees it.
func CaseOf(f Finding) Case {
	return Case{Category: f.Category, Tier: f.Tier, Severity: f.Severity, Detector: KindLexicon, Entry: f.Entry, Form: f.Form, Ordered: strings.HasPrefix(f.Entry, EmergencyPrefix)}
}

// EmergencyPrefix begins the ids of entries that were put in force on an order: no row of a policy lets a hit of them go on.
const EmergencyPrefix = "emergency-"
