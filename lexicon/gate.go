package lexicon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/decode"
)

// worstListed is how many entries Figures names.
const worstListed = 20

// Text is one text that the gate measures with.
type Text struct {
	ID        string // of the question or exchange, for people to look it up
	Text      string
	Direction string // in, out
	Service   string
	Accepted  bool   // of an exchange: it was let through
	Of        string // what this is one wording of, such as a question in two languages: counted once, refused if any is; empty: itself
}

// Scene is where the text stands. The class of its user is not known.
func (t Text) Scene() moderation.Scene {
	return moderation.Scene{Service: t.Service, Direction: t.Direction, Channel: "content", User: "unknown"}
}

// Evidence is what a new version is measured on. Parts that are nil are not measured, and show as zero texts.
type Evidence struct {
	Bank    func() []Text                                                    // questions that must be answered
	Benign  func() []Text                                                    // harmless text
	Traffic func(ctx context.Context, each func(Text) error) (Window, error) // recently kept exchanges
	Judge   func() (Judge, error)                                            // the policy, read now; nil: hits of the block tier refuse
	JudgeBy func(*moderation.Policy) Judge                                   // any policy; nil: none is tried
}

// Judge tells whether a hit in a text refuses it.
type Judge func(Text, moderation.Finding) bool

// BlockTier is the Judge of no policy: hits of the block tier refuse.
func BlockTier(_ Text, f moderation.Finding) bool { return f.Tier == moderation.Block }

// Window says which exchanges Evidence.Traffic told of.
type Window struct {
	Days      int `json:"days"`
	Exchanges int `json:"exchanges"` // whose content was kept and read
	Skipped   int `json:"skipped"`   // erased, purged or unreadable, or beyond the limit
}

// Share counts texts that would be refused, before and after.
type Share struct {
	Texts  int `json:"texts"`
	Before int `json:"before"`
	After  int `json:"after"`
}

// BeforeRate and AfterRate are shares of all texts; 0 when there are none.
func (s Share) BeforeRate() float64 { return rate(s.Before, s.Texts) }

// AfterRate is BeforeRate of the new version.
func (s Share) AfterRate() float64 { return rate(s.After, s.Texts) }

// Rises tells whether the new version refuses more.
func (s Share) Rises() bool { return s.After > s.Before }

func rate(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// Culprit is an entry that refuses what should be answered, with how many texts of each kind.
type Culprit struct {
	Entry    string          `json:"entry"`
	Category string          `json:"category"`
	Tier     moderation.Tier `json:"tier"`
	Bank     int             `json:"bank"`
	Benign   int             `json:"benign"`
	Accepted int             `json:"accepted"`
	Example  string          `json:"example"` // id of one such text
}

// Bucket is one bar of the shadow run: texts of recent exchanges hit in a risk by a tier.
type Bucket struct {
	Category string          `json:"category"`
	Tier     moderation.Tier `json:"tier"`
	Before   int             `json:"before"`
	After    int             `json:"after"`
}

// Figures is what the gate measured of a new version beside the one in force.
type Figures struct {
	At       time.Time `json:"at"`
	Before   string    `json:"before_hash"` // of the compiled lexicon
	After    string    `json:"after_hash"`
	Lists    string    `json:"lists_hash"` // of the entries below the register
	Entries  int       `json:"entries"`    // of the compiled lexicon
	Bank     Share     `json:"bank"`
	Benign   Share     `json:"benign"`
	Accepted Share     `json:"accepted"` // the operator's own texts that were let through
	Culprits int       `json:"culprits"` // how many there are; Worst are the first of them
	Worst    []Culprit `json:"worst"`
	Window   Window    `json:"window"`
	Talk     Share     `json:"talk"`   // texts of recent exchanges with any hit
	Shadow   []Bucket  `json:"shadow"` // by risk and tier
}

// OverBlock is one limit that a version is held to.
type OverBlock struct {
	Code  string         `json:"code"`  // bank_rises, benign_rises, accepted_rises, bank_limit
	Force measures.Force `json:"force"` // whose number it is: ours, or the standard's
	Share Share          `json:"share"`
}

// Concerns lists why a second person must approve; none: whoever published may do it alone. A rise is our own rule, the
// limit the standard's: of the bank of questions that must be answered, at most OverBlockLimit may be refused.
func (f Figures) Concerns() []OverBlock {
	var out []OverBlock
	for _, s := range []struct {
		code  string
		share Share
	}{{"bank_rises", f.Bank}, {"benign_rises", f.Benign}, {"accepted_rises", f.Accepted}} {
		if s.share.Rises() {
			out = append(out, OverBlock{s.code, measures.Ours, s.share})
		}
	}
	if f.Bank.AfterRate() > measures.OverBlockLimit {
		out = append(out, OverBlock{"bank_limit", measures.Shall, f.Bank})
	}
	return out
}

// Passes tells whether one person may publish.
func (f Figures) Passes() bool { return len(f.Concerns()) == 0 }

// Measure runs the old and the new lexicon over the evidence. Texts leave it as ids and counts only.
func Measure(ctx context.Context, before, after *moderation.Lexicon, ev Evidence, now time.Time) (Figures, error) {
	judge := Judge(BlockTier)
	if ev.Judge != nil {
		var err error
		if judge, err = ev.Judge(); err != nil {
			return Figures{}, fmt.Errorf("lexicon: measure: %w", err)
		}
	}
	return compare(ctx, gate{before: before, after: after, refusedBefore: judge, refusedAfter: judge}, ev, now)
}

// MeasureJudges runs one lexicon over the evidence and tells what two judges, such as two policies, refuse by its hits.
func MeasureJudges(ctx context.Context, l *moderation.Lexicon, before, after Judge, ev Evidence, now time.Time) (Figures, error) {
	return compare(ctx, gate{before: l, after: l, refusedBefore: before, refusedAfter: after}, ev, now)
}

func compare(ctx context.Context, g gate, ev Evidence, now time.Time) (Figures, error) {
	g.culprits, g.shadow, g.wordings = map[string]*Culprit{}, map[bucketKey]*Bucket{}, map[string]*wordings{}
	before, after := g.before, g.after
	f := Figures{At: now.UTC().Truncate(time.Millisecond), Before: before.Hash(), After: after.Hash(), Entries: after.Len()}
	for _, set := range []struct {
		texts func() []Text
		share *Share
		count func(*Culprit) *int
	}{
		{ev.Bank, &f.Bank, func(c *Culprit) *int { return &c.Bank }},
		{ev.Benign, &f.Benign, func(c *Culprit) *int { return &c.Benign }},
	} {
		if set.texts == nil {
			continue
		}
		for _, t := range set.texts() {
			if err := ctx.Err(); err != nil {
				return Figures{}, fmt.Errorf("lexicon: measure: %w", err)
			}
			g.harmless(t, set.share, set.count)
		}
	}
	if ev.Traffic != nil {
		var err error
		f.Window, err = ev.Traffic(ctx, func(t Text) error {
			if t.Accepted {
				g.harmless(t, &f.Accepted, func(c *Culprit) *int { return &c.Accepted })
			}
			g.talk(t, &f.Talk)
			return ctx.Err()
		})
		if err != nil {
			return Figures{}, fmt.Errorf("lexicon: measure on recent exchanges: %w", err)
		}
	}
	for _, c := range g.culprits {
		f.Worst = append(f.Worst, *c)
	}
	slices.SortFunc(f.Worst, func(a, b Culprit) int {
		return cmp.Or(b.Bank+b.Benign+b.Accepted-a.Bank-a.Benign-a.Accepted, strings.Compare(a.Entry, b.Entry))
	})
	f.Culprits = len(f.Worst)
	f.Worst = f.Worst[:min(len(f.Worst), worstListed)]
	for _, b := range g.shadow {
		f.Shadow = append(f.Shadow, *b)
	}
	slices.SortFunc(f.Shadow, func(a, b Bucket) int {
		return cmp.Or(strings.Compare(a.Category, b.Category), strings.Compare(string(a.Tier), string(b.Tier)))
	})
	return f, nil
}

type bucketKey struct {
	category string
	tier     moderation.Tier
}

type gate struct {
	before, after *moderation.Lexicon
	refusedBefore Judge
	refusedAfter  Judge
	culprits      map[string]*Culprit
	shadow        map[bucketKey]*Bucket
	wordings      map[string]*wordings
}

// wordings is what has been counted of something that stands in several wordings.
type wordings struct{ text, before, after bool }

// harmless measures a text that nothing should refuse.
func (g *gate) harmless(t Text, share *Share, count func(*Culprit) *int) {
	seen := &wordings{}
	if t.Of != "" {
		if g.wordings[t.Of] == nil {
			g.wordings[t.Of] = seen
		}
		seen = g.wordings[t.Of]
	}
	once := func(n *int, done *bool) {
		if !*done {
			*done = true
			*n++
		}
	}
	once(&share.Texts, &seen.text)
	for _, f := range scan(g.before, t) {
		if g.refusedBefore(t, f) {
			once(&share.Before, &seen.before)
			break
		}
	}
	blamed := map[string]bool{}
	for _, f := range scan(g.after, t) {
		if !g.refusedAfter(t, f) || blamed[f.Entry] {
			continue
		}
		if len(blamed) == 0 {
			once(&share.After, &seen.after)
		}
		blamed[f.Entry] = true
		c := g.culprits[f.Entry]
		if c == nil {
			c = &Culprit{Entry: f.Entry, Category: f.Category, Tier: f.Tier, Example: t.ID}
			g.culprits[f.Entry] = c
		}
		*count(c)++
	}
}

// talk counts what both lexicons see in a text of a recent exchange.
func (g *gate) talk(t Text, share *Share) {
	share.Texts++
	for _, run := range []struct {
		lexicon *moderation.Lexicon
		texts   *int
		count   func(*Bucket) *int
	}{
		{g.before, &share.Before, func(b *Bucket) *int { return &b.Before }},
		{g.after, &share.After, func(b *Bucket) *int { return &b.After }},
	} {
		seen := map[bucketKey]bool{}
		for _, f := range scan(run.lexicon, t) {
			seen[bucketKey{f.Category, f.Tier}] = true
		}
		if len(seen) > 0 {
			*run.texts++
		}
		for k := range seen {
			if g.shadow[k] == nil {
				g.shadow[k] = &Bucket{Category: k.category, Tier: k.tier}
			}
			*run.count(g.shadow[k])++
		}
	}
}

// scan reads a text as the gateway would, what is encoded in a question too.
func scan(l *moderation.Lexicon, t Text) []moderation.Finding {
	if t.Direction == "out" {
		return l.ScanIn(t.Scene(), []byte(t.Text))
	}
	found, _ := decode.Scan(l, t.Scene(), []byte(t.Text))
	return found
}
