// Package moderation turns text into findings and a verdict (Art 4, 9, 14). It is a pure library: no database, no HTTP,
// no clock. Text in, findings and the bytes that may be shown out.
//
// Matching is by folded runes (see fold.go): an entry matches however its letters are cased, widened, enclosed, written in
// traditional or simplified characters or in look-alikes of other scripts, and whatever invisible runes stand between them.
// An entry that begins or ends in an ASCII letter or digit matches there only at a word border. More disguises are looked
// through where an entry asks for it (Forms).
//
// Compile makes a Lexicon of entries, [Lexicon.Scan] finds every hit in a text, and a Window screens a text while it
// arrives and says how much of it may be shown.
package moderation

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Lexicon is a compiled, immutable set of entries. Safe for concurrent use.
type Lexicon struct {
	entries  []Entry // by ID
	hash     string
	table    *[foldLimit]rune
	patterns []pattern
	parts    map[int32]uint32    // by entry of kind all: its parts as bits
	reach    []int               // by entry
	near     map[int32][][]int32 // by entry with contexts, by context: its words
	asked    int                 // number of words that contexts ask for
	allows   bool
	contexts bool
	withs    bool // some context asks for hits of a risk
	kinds    []kind

	letters   *alphabet
	words     *trie
	syllables *alphabet
	sounds    *trie // nil: no entry is known by its reading
	programs  []*program
	filter    *filter

	scoped bool
	listed []Listed   // by entry: what findings tell
	room   *sync.Pool // of *sweep
}

// kind is a category and tier that occur.
type kind struct {
	category string
	tier     Tier
}

// Compile builds a lexicon. Errors name the entry: missing or duplicate id, empty after folding, too long, unknown tier,
// and what else CheckEntry finds. The order of entries does not matter. Entries in quarantine are kept and match nothing.
// No entries make a lexicon that finds nothing.
func Compile(entries []Entry) (*Lexicon, error) {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return strings.Compare(a.ID, b.ID) })
	table := folds()
	c := compiled{patterns: make([]pattern, 0, len(sorted)), texts: make([][]rune, 0, len(sorted))}
	var errs []error
	for i, e := range sorted {
		switch {
		case e.ID == "":
			errs = append(errs, fmt.Errorf("moderation: entry %q: id is missing", e.Text))
		case i > 0 && sorted[i-1].ID == e.ID:
			errs = append(errs, fmt.Errorf("moderation: entry %s %q: id is already taken by %q", e.ID, e.Text, sorted[i-1].Text))
		}
		if e.Tier == Quarantine {
			if err := CheckEntry(e); err != nil {
				errs = append(errs, fmt.Errorf("moderation: entry %s: %w", e.ID, err))
			}
			continue
		}
		if err := c.add(int32(i), e, table); err != nil {
			errs = append(errs, fmt.Errorf("moderation: entry %s: %w", e.ID, err))
		}
	}
	if n := len(errs); n > maxErrors {
		errs = append(errs[:maxErrors], fmt.Errorf("moderation: and %d entries more", n-maxErrors))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	l := newLexicon(sorted)
	l.patterns, l.programs = c.patterns, c.regexps
	if err := l.build(c); err != nil {
		return nil, fmt.Errorf("moderation: %w", err)
	}
	l.hash = hashOf(sorted)
	return l, nil
}

// newLexicon works out what follows from the entries alone, which are checked and in order.
func newLexicon(entries []Entry) *Lexicon {
	l := &Lexicon{entries: entries, table: folds(), parts: map[int32]uint32{}, near: map[int32][][]int32{}, reach: make([]int, len(entries)), listed: make([]Listed, len(entries)),
		room: &sync.Pool{New: func() any { return new(sweep) }}}
	seen := map[kind]bool{}
	var words wordNumbers
	for i := range entries {
		e := &entries[i]
		l.listed[i] = Listed{e.ID, e.Category, e.Tier, e.Severity}
		if e.Tier == Quarantine {
			continue
		}
		if e.Allow {
			l.allows = true
		} else if k := (kind{e.Category, e.Tier}); !seen[k] {
			seen[k] = true
			l.kinds = append(l.kinds, k)
		}
		if e.Kind == All {
			l.parts[int32(i)] = 1<<(strings.Count(e.Text, "+")+1) - 1
		}
		if len(e.Context) > 0 {
			l.contexts = true
			l.near[int32(i)] = make([][]int32, len(e.Context))
		}
		for k, x := range e.Context {
			for _, w := range x.Words {
				n, _ := words.of(contextWord(l.table, w))
				l.near[int32(i)][k] = append(l.near[int32(i)][k], n)
			}
			l.withs = l.withs || x.Rule == With
			longest := 2 * MaxRunes // a hit of another entry, separators in it
			if x.Rule != With {
				longest = 0
				for _, w := range x.Words {
					longest = max(longest, utf8.RuneCountInString(w))
				}
			}
			l.reach[i] = max(l.reach[i], reachOf(x)+longest+1)
		}
		s := &e.Scope
		l.scoped = l.scoped || len(s.Services)+len(s.Directions)+len(s.Channels)+len(s.Users) > 0
	}
	l.asked = len(words)
	return l
}

// build makes the automata.
func (l *Lexicon) build(c compiled) error {
	marks := make([]uint8, len(c.patterns))
	var written, sounded []uint32
	var texts [][]rune
	separable := false
	for i := range c.patterns {
		p := &c.patterns[i]
		if p.role != roleWord {
			e := &l.entries[p.entry]
			p.plain = p.role == roleHit && p.form != byReading && e.Kind == Contain && !e.Border && len(e.Context) == 0
			p.free = p.plain && !p.startWord && !p.endWord
			marks[i] = l.mark(p, e)
		}
		separable = separable || p.separable
		switch {
		case c.texts[i] == nil: // kind pattern
		case p.form == byReading:
			sounded = append(sounded, uint32(i))
		default:
			written = append(written, uint32(i))
			texts = append(texts, c.texts[i])
		}
	}
	letters, classes, err := newAlphabet(texts, l.table)
	if err != nil {
		return err
	}
	seqs := sequences(c.texts, written, func(r rune) uint16 { return classes[r] })
	if l.words, err = newTrie(written, seqs, marks, letters.size); err != nil {
		return err
	}
	l.letters, l.words.separable = letters, separable
	l.filter = newFilter(written, seqs, letters.size)
	if len(sounded) > 0 {
		l.syllables = newSyllables(l.table)
		seqs := sequences(c.texts, sounded, func(r rune) uint16 { return syllableClass(syllable(r)) })
		if l.sounds, err = newTrie(sounded, seqs, marks, l.syllables.size); err != nil {
			return err
		}
	}
	return nil
}

// mark is what a pattern counts as for the nodes above its end.
func (l *Lexicon) mark(p *pattern, e *Entry) uint8 {
	switch p.role {
	case roleAllow:
		return belowAllow
	}
	m := belowAny
	if p.onlySep {
		m = 0
	}
	if p.separable {
		m |= belowSepAny
	}
	if e.Tier == Block {
		if m&belowAny != 0 {
			m |= belowBlock
		}
		if p.separable {
			m |= belowSepBlock
		}
	}
	return m
}

// sequences turns the texts of patterns into classes.
func sequences(texts [][]rune, of []uint32, class func(rune) uint16) [][]uint16 {
	total := 0
	for _, p := range of {
		total += len(texts[p])
	}
	all := make([]uint16, 0, total)
	seqs := make([][]uint16, len(texts))
	for _, p := range of {
		from := len(all)
		for _, r := range texts[p] {
			all = append(all, class(r))
		}
		seqs[p] = all[from:len(all):len(all)]
	}
	return seqs
}

// HashOf is the hash that a lexicon of these entries has: the hex SHA-256 of the version of the rules of matching and the entries,
// whatever their order.
func HashOf(entries []Entry) string {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return strings.Compare(a.ID, b.ID) })
	return hashOf(sorted)
}

func hashOf(sorted []Entry) string {
	h := sha256.New()
	h.Write([]byte(matchVersion + "\n"))
	text, err := encodeEntries(sorted)
	if err != nil {
		text = []byte(err.Error()) // strings and numbers: cannot fail
	}
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// Hash is the hex SHA-256 of the entries and the version of the rules of matching; it goes into every record.
func (l *Lexicon) Hash() string { return l.hash }

// Len is the number of entries.
func (l *Lexicon) Len() int { return len(l.entries) }

// Size is what the automata take, in bytes.
func (l *Lexicon) Size() int {
	n := 2*len(l.letters.class) + l.words.bytes() + 16*len(l.filter.pairs)
	if l.sounds != nil {
		n += 2*len(l.syllables.class) + l.sounds.bytes()
	}
	return n
}

// Counts tells the number of entries by risk, allow entries and those in quarantine left out.
func (l *Lexicon) Counts() map[string]int {
	counts := map[string]int{}
	for _, e := range l.entries {
		if !e.Allow && e.Tier != Quarantine {
			counts[e.Category]++
		}
	}
	return counts
}

// Scan returns every hit in text (overlapping ones too), ordered by End, then Start, wherever the text stands. Invalid
// UTF-8 is read as U+FFFD, one for each byte that is not part of a whole rune. It does not allocate unless something is
// found.
func (l *Lexicon) Scan(text []byte) []Finding { return l.ScanIn(Scene{}, text) }

// ScanIn is Scan for a text that stands in scene: entries whose scope excludes it find nothing.
func (l *Lexicon) ScanIn(scene Scene, text []byte) []Finding {
	return l.AppendScan(nil, scene, text)
}

// AppendScan is ScanIn that appends to dst: with room in it, nothing is allocated.
func (l *Lexicon) AppendScan(dst []Finding, scene Scene, text []byte) []Finding {
	s := l.begin(scene, text)
	s.whole()
	return l.end(dst, s)
}

// ScanStateful is Scan by the loop that streams use: the same findings, at another speed.
func (l *Lexicon) ScanStateful(text []byte) []Finding {
	s := l.begin(Scene{}, text)
	s.read(len(text))
	s.finish()
	s.settle(true)
	return l.end(nil, s)
}

// begin takes the room for a scan of a whole text.
func (l *Lexicon) begin(scene Scene, text []byte) *sweep {
	s := l.room.Get().(*sweep)
	s.cursor = cursor{l: l, scene: scene, text: text, blank: true, thick: 1 << 16, plain: !l.allows && !l.withs, queue: s.queue[:0], hits: s.hits[:0], counts: s.counts}
	return s
}

// end orders the hits, appends them to dst and gives the room back.
func (l *Lexicon) end(dst []Finding, s *sweep) []Finding {
	if hits := s.hits; len(hits) > 0 {
		for i := 1; i < len(hits); i++ { // nearly in order: hits that overlap may not be
			h := hits[i]
			k := i
			for ; k > 0 && hits[k-1].after(h); k-- {
				hits[k] = hits[k-1]
			}
			hits[k] = h
		}
		hits = s.capped(hits, 1)
		dst = slices.Grow(dst, len(hits))
		for _, h := range hits {
			dst = append(dst, l.finding(h))
		}
	}
	if cap(s.hits) > keptHits {
		s.hits = nil
	}
	s.text, s.parts, s.machines = nil, nil, nil
	l.room.Put(s)
	return dst
}

// MaxFindings is how many findings of one entry are told of one text at least, the first ones; in texts longer than 16 KB,
// one more for every 16 bytes. It bounds what a hostile text costs.
const MaxFindings = 1000

// mostFindings is how many findings of one entry may be told that end up to here.
func mostFindings(end int) int { return max(MaxFindings, end/16) }

// capped leaves out what is beyond that many hits of each entry, or a multiple of it.
func (c *cursor) capped(hits []hit, times int) []hit {
	if len(hits) <= MaxFindings {
		return hits
	}
	if c.counts == nil {
		c.counts = make([]int32, len(c.l.entries))
	}
	clear(c.counts)
	return slices.DeleteFunc(hits, func(h hit) bool {
		n := &c.counts[c.l.patterns[h.pattern].entry]
		*n++
		return int(*n) > times*mostFindings(h.end)
	})
}

// thin keeps a hostile text's hits from filling memory; twice as many, since they are not in order yet.
func (c *cursor) thin() {
	if len(c.hits) > c.thick {
		c.hits = c.capped(c.hits, 2)
		c.thick = max(1<<16, 2*len(c.hits))
	}
}

// keptHits is up to how many hits the room of a scan is kept for.
const keptHits = 1 << 18

// inScope tells whether a pattern applies in a scene.
func (l *Lexicon) inScope(p int32, scene Scene) bool {
	x := &l.patterns[p]
	return scene == Scene{} || x.role == roleWord || l.entries[x.entry].Scope.Holds(scene)
}
