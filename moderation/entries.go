package moderation

import (
	"fmt"
	"slices"
)

// Tier says what a hit may do by itself.
type Tier string

const (
	Block      Tier = "block"      // hand-approved: a hit alone refuses or stops
	Signal     Tier = "signal"     // evidence for a decision, never the decision
	Observe    Tier = "observe"    // counted only
	Quarantine Tier = "quarantine" // kept in the list, matched by nothing: found unfit by lint, or not read yet
)

// Kind says how an entry's text is matched.
type Kind string

const (
	Contain Kind = ""        // anywhere in the text
	Whole   Kind = "whole"   // the text is this and nothing else, spaces around it aside
	All     Kind = "all"     // parts joined by +, in any order: the hit is the part that completes them
	Pattern Kind = "pattern" // RE2, over folded text, at most MaxRunes long
)

// Entry is one line of a lexicon. The zero value of every field but ID, Text, Category and Tier is the usual case.
type Entry struct {
	ID       string    `json:"id"`                 // stable within its lexicon; written into findings
	Text     string    `json:"text"`               // as the author wrote it; matched folded
	Kind     Kind      `json:"kind,omitempty"`     //
	Allow    bool      `json:"allow,omitempty"`    // cancels the hits it overlaps that are not longer than itself; Category and Tier are not used
	Category string    `json:"category,omitempty"` // risk id (measures.Risk), A1a … A5b
	Tier     Tier      `json:"tier,omitempty"`     //
	Severity int       `json:"severity,omitempty"` // 1, slight, to 5, gravest; 0 not rated
	Border   bool      `json:"border,omitempty"`   // counts only where it stands on word borders (词中词 left out); two or three ideographs
	Forms    Forms     `json:"forms,omitzero"`     // disguises to look through
	Context  []Context `json:"context,omitempty"`  // all must hold for a hit to count
	Scope    Scope     `json:"scope,omitzero"`     // where it applies
	Source   string    `json:"source,omitempty"`   // where it came from
	Owner    string    `json:"owner,omitempty"`    // who answers for it
	Note     string    `json:"note,omitempty"`     // why it is here
	Expires  string    `json:"expires,omitempty"`  // last day in force, YYYY-MM-DD; "" never
}

// Alone tells whether the entry's text by itself, with nothing around it, is a hit: it asks for nothing near it.
func (e Entry) Alone() bool {
	return !e.Allow && (e.Kind == Contain || e.Kind == Whole) && !slices.ContainsFunc(e.Context, func(x Context) bool { return x.Rule != NotNear })
}

// Forms are the disguises that an entry is recognised in, besides those folding undoes for every entry.
type Forms struct {
	Separated bool `json:"separated,omitempty"` // with a space or sign between its characters; three characters or more
	Pinyin    bool `json:"pinyin,omitempty"`    // by other characters of the same toneless reading; four characters or more
	Split     bool `json:"split,omitempty"`     // with characters written as their two halves (拆字)
	Reversed  bool `json:"reversed,omitempty"`  // back to front
}

// Context is a condition on what stands around a hit. Distances are in folded runes, not counting skipped ones.
type Context struct {
	Rule     ContextRule `json:"rule"`
	Words    []string    `json:"words,omitempty"`    // near, not_near: any of these; folded like entries, without disguises
	Category string      `json:"category,omitempty"` // with: a hit of this risk, of an entry without context of its own
	Within   int         `json:"within,omitempty"`   // at most this many runes between; 1 to MaxNear. 0: DefaultNear
	Sentence bool        `json:"sentence,omitempty"` // in the same sentence as well
}

// ContextRule is a kind of Context.
type ContextRule string

const (
	Near    ContextRule = "near"     // one of Words stands near
	NotNear ContextRule = "not_near" // none of Words stands near
	With    ContextRule = "with"     // a hit of Category stands near
)

const (
	// DefaultNear is the reach of a Context that names none. Ours.
	DefaultNear = 20
	// MaxNear bounds the reach of a Context, and with it what a Window may hold back after a hit.
	MaxNear = 64
)

// Scope restricts where an entry applies; an empty list restricts nothing.
type Scope struct {
	Services   []string `json:"services,omitempty"`
	Directions []string `json:"directions,omitempty"` // in, out
	Channels   []string `json:"channels,omitempty"`   // content, reasoning, arguments, other
	Users      []string `json:"users,omitempty"`      // adult, minor, unknown
}

// Scene is where a text stands. The zero Scene is everywhere: no scope excludes it.
type Scene struct {
	Service   string
	Direction string // in, out
	Channel   string // content, reasoning, arguments, other
	User      string // adult, minor, unknown
}

// Holds tells whether an entry with this scope applies in a scene; an empty field of the scene matches any scope.
func (s Scope) Holds(in Scene) bool {
	match := func(list []string, value string) bool {
		return len(list) == 0 || value == "" || slices.Contains(list, value)
	}
	return match(s.Services, in.Service) && match(s.Directions, in.Direction) && match(s.Channels, in.Channel) && match(s.Users, in.User)
}

// InForce returns the entries that have not expired on day (YYYY-MM-DD) and are not in quarantine.
func InForce(entries []Entry, day string) []Entry {
	var out []Entry
	for _, e := range entries {
		if e.Tier != Quarantine && (e.Expires == "" || e.Expires >= day) {
			out = append(out, e)
		}
	}
	return out
}

// Form tells in which shape an entry was found.
type Form string

const (
	AsWritten Form = ""          // as written, folding aside
	Separated Form = "separated" // with separators between
	Homophone Form = "pinyin"    // by characters of the same reading
	Split     Form = "split"     // characters written as halves
	Reversed  Form = "reversed"  // back to front
)

// Listed is what a finding tells of the entry it is a hit of.
type Listed struct {
	Entry    string
	Category string
	Tier     Tier
	Severity int
}

// Finding is one hit. Start and End are byte offsets in the unfolded logical text T. Listed is shared by all hits of one
// entry and must not be changed.
type Finding struct {
	*Listed
	Form  Form
	Start int
	End   int
}

// Equal tells whether two findings say the same, of whatever lexicon they come.
func (f Finding) Equal(other Finding) bool {
	return *f.Listed == *other.Listed && f.Form == other.Form && f.Start == other.Start && f.End == other.End
}

// String is for messages and logs; it holds no text.
func (f Finding) String() string {
	return fmt.Sprintf("%s %s/%s %s[%d:%d]", f.Entry, f.Category, f.Tier, f.Form, f.Start, f.End)
}

// Entries returns the entries of the lexicon, ordered by id.
func (l *Lexicon) Entries() []Entry { return slices.Clone(l.entries) }

// risksPerGroup tells how many risks A1 … A5 have in GB/T 45654-2025 Annex A: A1a-A1h, A2a-A2i, A3a-A3e, A4a-A4g, A5a-A5b.
const risksPerGroup = "89572"

// isRisk tells whether id names one of the 31 risks.
func isRisk(id string) bool {
	return len(id) == 3 && id[0] == 'A' && id[1] >= '1' && id[1] <= '5' && id[2] >= 'a' && id[2]-'a' < risksPerGroup[id[1]-'1']-'0'
}
