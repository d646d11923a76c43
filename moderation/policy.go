package moderation

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/hegui/hegui/measures"
)

// Action is what a policy does about a finding.
type Action string

const (
	Allow   Action = "allow"   // nothing; the finding is recorded
	Mask    Action = "mask"    // * for each character of the hit, the rest goes on
	Guide   Action = "guide"   // a guidance text in place of the answer
	Refuse  Action = "refuse"  // input only: the model is not asked
	Stop    Action = "stop"    // output only: the answer ends before the hit
	Retract Action = "retract" // output only: as stop, and clients are asked to remove what they showed
	Replace Action = "replace" // output only: as stop, and clients are asked to show the refusal in its place

	// Blocked is refuse on the way in, and what the service declares (on_violation) on the way out. It stands in policies
	// only; a Decision never carries it.
	Blocked Action = "block"
)

// strictness orders actions: of several findings in one text the strictest action is taken.
func (a Action) strictness() int {
	return slices.Index([]Action{Allow, Mask, Guide, Stop, Retract, Replace, Refuse}, a)
}

// Stricter tells whether a is stricter than b.
func (a Action) Stricter(b Action) bool { return a.strictness() > b.strictness() }

// Place is where a policy is asked: what is the same for all findings of one text.
type Place struct {
	Scene       Scene
	Profile     string // scenario profile of the service
	OnViolation Action // what the service declares: stop, retract or replace; stop when empty
}

// Case is one finding as a policy sees it.
type Case struct {
	Category string
	Tier     Tier
	Severity int
	Detector string  // kind of the detector: lexicon, …
	Entry    string  // entry of a lexicon, empty for others
	Form     Form    // disguise, of a lexicon's hit
	Score    float64 // 0 to 1, of a detector that gives one
	Ordered  bool    // an entry that stands on an order (EmergencyPrefix): no row lets it go on
}

// Decision is a policy's word on a finding.
type Decision struct {
	Action         Action
	Row            string // name of the row that decided, "default" for the default
	Reason         string // code for the client and the record; tells no category
	TextZH, TextEN string // guidance of action guide; empty: the default one
}

// Default guidance of action guide. Ours. It neither lectures nor repeats what was asked.
const (
	GuidanceZH = "这个话题需要谨慎对待，这里不便展开。如果您或身边的人正处于危险之中，请立即联系身边可信赖的人，或拨打 110、120 求助。您也可以换一个角度提问。"
	GuidanceEN = "This is a matter that calls for care and is not gone into here. If you or somebody near you is in danger, turn at once to a person you trust, or call 110 or 120 for help. You may also ask from another angle."
)

// Policy is a compiled, immutable decision table. Safe for concurrent use.
type Policy struct {
	name   string
	hash   string
	rows   []row
	base   Decision // the default
	tests  []policyTest
	tables sync.Map // Place → *Table
}

// row is one line of the table, compiled.
type row struct {
	name       string
	categories []string // ids and globs; empty: every
	directions []string
	users      []string
	tiers      []Tier
	severity   int
	detectors  []string
	profiles   []string
	services   []string
	when       *vm.Program
	decision   Decision
}

//go:embed policy_default.yaml
var defaultPolicy []byte

// DefaultPolicy is the policy that ships: hits of the block tier are refused or stopped, all else passes.
func DefaultPolicy() (*Policy, error) { return ParsePolicy("policy_default.yaml", defaultPolicy) }

// DefaultPolicySource is the text of DefaultPolicy, to start one's own from.
func DefaultPolicySource() []byte { return slices.Clone(defaultPolicy) }

// Name is the name that the policy gives itself.
func (p *Policy) Name() string { return p.name }

// Hash is the hex SHA-256 of the policy's text; it goes into every record.
func (p *Policy) Hash() string { return p.hash }

// Rows is the number of rows.
func (p *Policy) Rows() int { return len(p.rows) }

// Line is a row of a policy for people to read. Empty fields match everything.
type Line struct {
	Name, When                                                  string
	Category, Direction, User, Tier, Detector, Profile, Service []string
	Severity                                                    int
	Decision                                                    Decision
}

// Conditions are what the row asks for, in the words of the policy file; none for a row that matches everything.
func (l Line) Conditions() []string {
	var out []string
	for _, f := range []struct {
		name string
		list []string
	}{{"category", l.Category}, {"direction", l.Direction}, {"user", l.User}, {"tier", l.Tier}, {"detector", l.Detector}, {"profile", l.Profile}, {"service", l.Service}} {
		if len(f.list) > 0 {
			out = append(out, f.name+": "+strings.Join(f.list, ", "))
		}
	}
	if l.Severity > 0 {
		out = append(out, fmt.Sprintf("severity ≥ %d", l.Severity))
	}
	if l.When != "" {
		out = append(out, "when "+l.When)
	}
	return out
}

// Lines are the rows in their order; the default stands last, under the name "default".
func (p *Policy) Lines() []Line {
	var out []Line
	for i := range p.rows {
		r := &p.rows[i]
		l := Line{Name: r.name, Category: r.categories, Direction: r.directions, User: r.users, Detector: r.detectors, Profile: r.profiles, Service: r.services,
			Severity: r.severity, Decision: r.decision}
		for _, t := range r.tiers {
			l.Tier = append(l.Tier, string(t))
		}
		if r.when != nil {
			l.When = r.when.Source().String()
		}
		out = append(out, l)
	}
	return append(out, Line{Name: "default", Decision: p.base})
}

// AsksFor tells whether a row asks for a scenario profile.
func (p *Policy) AsksFor(profile string) bool {
	return slices.ContainsFunc(p.rows, func(r row) bool { return slices.Contains(r.profiles, profile) })
}

// hashPolicy is the hash of a policy's text.
func hashPolicy(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Table is a policy at one Place: rows that cannot match there are gone, the others are sorted by risk and tier.
type Table struct {
	place   Place
	risks   map[string]int
	cells   [][]cell // by risk (the last is every other category), then tier
	acts    [][]bool // any reachable row of the cell does something
	ordered Decision // about entries that stand on an order
	masks   bool     // a hit of another detector than the lexicon can be masked
}

// cell is a row with its decision as it stands at the place.
type cell struct {
	row      *row
	decision Decision
}

var tiers = [...]Tier{Block, Signal, Observe}

func tierIndex(t Tier) int {
	switch t {
	case Block:
		return 0
	case Signal:
		return 1
	}
	return 2
}

// At returns the policy's table at a place. Tables are made once for each place.
func (p *Policy) At(place Place) *Table {
	place.Scene.Channel = "" // no row asks for it
	if place.OnViolation == "" {
		place.OnViolation = Stop
	}
	if t, ok := p.tables.Load(place); ok {
		return t.(*Table)
	}
	t, _ := p.tables.LoadOrStore(place, p.table(place))
	return t.(*Table)
}

func (p *Policy) table(place Place) *Table {
	risks := measures.Risks()
	t := &Table{place: place, risks: make(map[string]int, len(risks))}
	ids := make([]string, 0, len(risks)+1)
	for i, r := range risks {
		t.risks[r.ID] = i
		ids = append(ids, r.ID)
	}
	ids = append(ids, "")
	t.ordered = Decision{Action: Blocked, Row: "emergency", Reason: "content_filter"}.at(place)
	t.cells, t.acts = make([][]cell, 0, len(ids)*len(tiers)), make([][]bool, len(ids))
	for i, id := range ids {
		t.acts[i] = make([]bool, len(tiers))
		for k, tier := range tiers {
			cells := p.cells(place, id, tier)
			for _, c := range cells {
				t.acts[i][k] = t.acts[i][k] || c.decision.Action != Allow || tier == Block // which an order may ask for at any time
				t.masks = t.masks || c.decision.Action == Mask && c.row.others()
			}
			t.cells = append(t.cells, cells)
		}
	}
	return t
}

// cells are the rows that can decide about a risk and tier at a place, in order, up to the first that always does.
func (p *Policy) cells(place Place, category string, tier Tier) []cell {
	has := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	var out []cell
	for i := range p.rows {
		r := &p.rows[i]
		if !has(r.directions, place.Scene.Direction) || !has(r.users, place.Scene.User) || !has(r.profiles, place.Profile) ||
			!has(r.services, place.Scene.Service) || len(r.tiers) > 0 && !slices.Contains(r.tiers, tier) || !r.covers(category) {
			continue
		}
		out = append(out, cell{r, r.decision.at(place)})
		if r.severity == 0 && len(r.detectors) == 0 && r.when == nil {
			return out
		}
	}
	return append(out, cell{nil, p.base.at(place)})
}

// covers tells whether the row speaks of a category.
func (r *row) covers(category string) bool {
	return len(r.categories) == 0 || slices.ContainsFunc(r.categories, func(pattern string) bool {
		prefix, glob := strings.CutSuffix(pattern, "*")
		return pattern == category || glob && strings.HasPrefix(category, prefix)
	})
}

// others tells whether the row may match findings of other detectors than the lexicon.
func (r *row) others() bool {
	return r == nil || len(r.detectors) == 0 || slices.ContainsFunc(r.detectors, func(kind string) bool { return kind != KindLexicon })
}

// at resolves block.
func (d Decision) at(place Place) Decision {
	if d.Action == Blocked {
		d.Action = place.OnViolation
		if place.Scene.Direction == "in" {
			d.Action = Refuse
		}
	}
	return d
}

// cell finds the rows for a category and tier.
func (t *Table) cell(category string, tier Tier) int {
	i, ok := t.risks[category]
	if !ok {
		i = len(t.risks)
	}
	return i*len(tiers) + tierIndex(tier)
}

// Decide returns the decision of the first row that matches.
func (t *Table) Decide(c Case) Decision { return *t.decide(&c) }

func (t *Table) decide(c *Case) *Decision {
	d := t.first(c)
	if c.Ordered && !d.Action.Stricter(Mask) {
		return &t.ordered
	}
	return d
}

func (t *Table) first(c *Case) *Decision {
	cells := t.cells[t.cell(c.Category, c.Tier)]
	for i := range cells {
		if r := cells[i].row; r == nil || r.holds(c, t) {
			return &cells[i].decision
		}
	}
	return &cells[len(cells)-1].decision // there is always a last one that holds
}

// Acts tells whether a hit of this category and tier can lead to anything but allow: then text is held back for it.
func (t *Table) Acts(category string, tier Tier) bool {
	at := t.cell(category, tier)
	return t.acts[at/len(tiers)][at%len(tiers)]
}

// holds checks what is not settled by the table: severity, detector, expression.
func (r *row) holds(c *Case, t *Table) bool {
	if c.Severity < r.severity || len(r.detectors) > 0 && !slices.Contains(r.detectors, c.Detector) {
		return false
	}
	if r.when == nil {
		return true
	}
	yes, err := vm.Run(r.when, exprEnv(c, t.place))
	if err != nil { // an exception that cannot be computed never relaxes
		return r.decision.Action != Allow
	}
	return yes == true
}

// policyEnv is what an expression may speak of.
type policyEnv struct {
	Category  string  `expr:"category"`
	Tier      string  `expr:"tier"`
	Severity  int     `expr:"severity"`
	Detector  string  `expr:"detector"`
	Entry     string  `expr:"entry"`
	Form      string  `expr:"form"`
	Score     float64 `expr:"score"`
	Direction string  `expr:"direction"`
	User      string  `expr:"user"`
	Profile   string  `expr:"profile"`
	Service   string  `expr:"service"`
}

func exprEnv(c *Case, p Place) policyEnv {
	return policyEnv{c.Category, string(c.Tier), c.Severity, c.Detector, c.Entry, string(c.Form), c.Score,
		p.Scene.Direction, p.Scene.User, p.Profile, p.Scene.Service}
}

// Bounds of an expression. Ours.
const (
	maxWhen      = 500
	maxWhenNodes = 100
)

// compileWhen compiles an expression over policyEnv. Functions are switched off, and with them loops: what is left takes
// time in proportion to its length.
func compileWhen(text string) (*vm.Program, error) {
	if len(text) > maxWhen {
		return nil, fmt.Errorf("has %d bytes; at most %d: write rows instead", len(text), maxWhen)
	}
	if strings.Contains(text, "..") {
		return nil, fmt.Errorf("ranges are not known here; compare with >= and <=")
	}
	p, err := expr.Compile(text, expr.Env(policyEnv{}), expr.AsBool(), expr.DisableAllBuiltins(), expr.MaxNodes(maxWhenNodes))
	if err != nil {
		return nil, fmt.Errorf("%s; it may speak of category, tier, severity, detector, entry, form, score, direction, user, profile, service",
			strings.SplitN(err.Error(), "\n", 2)[0])
	}
	return p, nil
}

// TextIn returns a guidance text in Chinese or English.
func (d Decision) TextIn(chinese bool) string {
	switch {
	case chinese && d.TextZH != "":
		return d.TextZH
	case chinese:
		return GuidanceZH
	case d.TextEN != "":
		return d.TextEN
	}
	return GuidanceEN
}
