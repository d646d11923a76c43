// Package moderation turns text into findings and a verdict (Art 4, 9, 14). It is a pure library: no database, no HTTP,
// no clock. Text in, findings and the bytes that may be shown out.
//
// Matching is by folded runes (see folds): an entry matches however its letters are cased, widened, enclosed or interrupted
// by invisible runes. An entry that begins or ends in an ASCII letter or digit matches there only at a word border.
package moderation

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxRunes is the length limit of one entry, in folded runes. It bounds what a Window may hold back.
const MaxRunes = 64

// Lexicon is a compiled, immutable set of entries. Safe for concurrent use.
type Lexicon struct {
	entries []Entry // by ID
	a       *automaton
	hash    string
}

// Compile builds a lexicon. Errors name the entry: empty after folding, too long, unknown tier, missing or duplicate id.
// The order of entries does not matter. No entries make a lexicon that finds nothing.
func Compile(entries []Entry) (*Lexicon, error) {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return strings.Compare(a.ID, b.ID) })
	table := folds()
	texts := make([][]rune, len(sorted))
	var errs []error
	for i, e := range sorted {
		texts[i] = foldText(table, strings.TrimSpace(e.Text))
		switch {
		case e.ID == "":
			errs = append(errs, fmt.Errorf("moderation: entry %q: id is missing", e.Text))
		case i > 0 && sorted[i-1].ID == e.ID:
			errs = append(errs, fmt.Errorf("moderation: entry %s %q: id is already taken by %q", e.ID, e.Text, sorted[i-1].Text))
		}
		switch e.Tier {
		case Block, Signal, Observe:
		default:
			errs = append(errs, fmt.Errorf("moderation: entry %s: tier %q: must be block, signal or observe", e.ID, e.Tier))
		}
		if err := checkText(e.Text, texts[i]); err != nil {
			errs = append(errs, fmt.Errorf("moderation: entry %s: text %q: %w", e.ID, e.Text, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	a, err := build(sorted, texts, table)
	if err != nil {
		return nil, fmt.Errorf("moderation: %w", err)
	}
	return &Lexicon{entries: sorted, a: a, hash: hashOf(sorted)}, nil
}

// checkText tells why a text cannot be matched; folded is the same text folded.
func checkText(text string, folded []rune) error {
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError):
		return errors.New("is not valid UTF-8")
	case len(folded) == 0 || strings.TrimSpace(string(folded)) == "":
		return errors.New("nothing is left of it after folding")
	case len(folded) > MaxRunes:
		return fmt.Errorf("has %d characters; at most %d", len(folded), MaxRunes)
	}
	return nil
}

func hashOf(sorted []Entry) string {
	h := sha256.New()
	put := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		io.WriteString(h, s)
	}
	put(foldVersion)
	for _, e := range sorted {
		put(e.ID)
		put(e.Text)
		put(e.Category)
		put(string(e.Tier))
		put(e.Source)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Hash is the hex SHA-256 of the entries and the folding tables' version; it goes into every record.
func (l *Lexicon) Hash() string { return l.hash }

// Len is the number of entries.
func (l *Lexicon) Len() int { return len(l.entries) }

// Counts tells the number of entries by risk.
func (l *Lexicon) Counts() map[string]int {
	counts := map[string]int{}
	for _, e := range l.entries {
		counts[e.Category]++
	}
	return counts
}

// Scan returns every hit in text (overlapping ones too), ordered by End, then Start, wherever the text stands. Invalid UTF-8 is read as U+FFFD, one
// for each byte that is not part of a whole rune; it never allocates unless something is found.
func (l *Lexicon) Scan(text []byte) []Finding {
	c := cursor{l: l}
	c.feed(text, 0, false)
	c.finish(false)
	return c.found
}

func (l *Lexicon) finding(entry int32, start, end int) Finding {
	e := &l.entries[entry]
	return Finding{Entry: e.ID, Category: e.Category, Tier: e.Tier, Start: start, End: end}
}
