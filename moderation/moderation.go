// Package moderation turns text into findings and a verdict (Art 4, 9, 14). It is a pure library: no database, no HTTP,
// no clock. Text in, findings and the bytes that may be shown out.
package moderation

// Tier says what a hit may do by itself.
type Tier string

const (
	Block   Tier = "block"   // hand-approved: a hit alone refuses or stops
	Signal  Tier = "signal"  // evidence for a decision, never the decision
	Observe Tier = "observe" // counted only
)

// Entry is one line of a lexicon.
type Entry struct {
	ID       string // stable within its lexicon; written into findings
	Text     string // as the author wrote it; matched folded
	Category string // risk id (measures.Risk), A1a … A5b
	Tier     Tier
	Source   string // where it came from
}

// Finding is one hit. Start and End are byte offsets in the unfolded logical text T.
type Finding struct {
	Entry    string
	Category string
	Tier     Tier
	Start    int
	End      int
}

// Lexicon is a compiled, immutable set of entries. Safe for concurrent use.
type Lexicon struct{}

// Compile builds a lexicon. Errors name the entry: empty after folding, unknown tier, duplicate id.
func Compile(entries []Entry) (*Lexicon, error) { panic("skeleton") }

// Hash is the hex SHA-256 of the entries and the folding tables' version; it goes into every record.
func (l *Lexicon) Hash() string { panic("skeleton") }

// Len is the number of entries; Counts tells them by risk.
func (l *Lexicon) Len() int               { panic("skeleton") }
func (l *Lexicon) Counts() map[string]int { panic("skeleton") }

// Scan returns every hit in text (overlapping ones too), ordered by End, then Start. Invalid UTF-8 is read as U+FFFD.
func (l *Lexicon) Scan(text []byte) []Finding { panic("skeleton") }

// Window watches one channel of one choice while it streams. Its results depend on the logical text alone, never on how
// it was cut, bytes inside a rune included (DESIGN §4 rules 1 and 2). Not safe for concurrent use.
type Window struct{}

// NewWindow starts at offset 0 of an empty text.
func (l *Lexicon) NewWindow() *Window { panic("skeleton") }

// Step is what one Write or Close allows.
type Step struct {
	Release   []byte    // text that may now be shown, in order; valid until the next call. Never cuts a rune
	Findings  []Finding // completed by this step
	Violation *Finding  // the first block-tier hit; after it nothing is released any more
}

// Write takes the next bytes of T. Held back is exactly what could still become a block-tier match (and an unfinished
// rune), nothing on a timer.
func (w *Window) Write(chunk []byte) Step { panic("skeleton") }

// Close ends T: what was held back and did not become a match is released.
func (w *Window) Close() Step { panic("skeleton") }

// Released is the number of bytes of T released so far; Scanned the number read.
func (w *Window) Released() int { panic("skeleton") }
func (w *Window) Scanned() int  { panic("skeleton") }

// StarterEntries is the lexicon hegui ships: plainly harmful things only (fraud, gambling, drugs, weapons, sexual
// exploitation, violence, discriminatory slurs). Categories that name political content are the operator's to fill and
// stay empty here.
func StarterEntries() []Entry { panic("skeleton") }

// ParseEntries reads the operator's list: UTF-8 CSV with header `text,category,tier[,id]`, or TXT with one entry a line.
// Errors carry line numbers.
func ParseEntries(name string, data []byte, category string, tier Tier) ([]Entry, error) {
	panic("skeleton")
}
