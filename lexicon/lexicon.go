// Package lexicon is the register of the installation's own word-list entries: a draft that people work on, and numbered
// versions, one of which is in force (Art 4, 17; GB/T 45654).
//
// The lexicon that a node compiles is the built-in starter, the lists of the configuration, and over both the entries of
// the version in force here: an entry of the register takes the place of one with the same id. Publishing is held at a gate
// (Measure): what the new version would refuse of questions that must be answered, of harmless text and of the operator's
// own accepted traffic. A version that refuses more than the one before, or more than the limit, needs a second person; so
// does an earlier version that is put in force again and refuses more (Return).
//
// Texts of entries stand in the tables only; the journal's events carry ids, hashes and counts.
package lexicon

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

// MaxEntries bounds the register: about a hundred times what the standard asks for. Ours.
const MaxEntries = 1_000_000

// maxNote bounds the note of a version, in bytes.
const maxNote = 2000

var (
	// ErrRaced says that somebody changed the draft, or published, meanwhile; look at it again.
	ErrRaced = errors.New("lexicon: the draft or the version in force was changed meanwhile; look at it again")
	// ErrEmptyDraft says that nothing differs from the version in force.
	ErrEmptyDraft = errors.New("lexicon: the draft is empty: nothing differs from the version in force")
	// ErrNotMeasured says that the gate has not measured this draft today.
	ErrNotMeasured = errors.New("lexicon: this draft has not been measured today; measure it first")
	// ErrNeedsSecond says that the gate asks for a second person's approval.
	ErrNeedsSecond = errors.New("lexicon: the gate asks for a second person's approval")
	// ErrSamePerson says that whoever proposed a draft cannot approve it.
	ErrSamePerson = errors.New("lexicon: another person than the one who proposed it must approve")
	// ErrNoProposal says that nobody has proposed the draft as it stands.
	ErrNoProposal = errors.New("lexicon: nobody has proposed this draft")
	// ErrNoRollback says that nobody has asked to go back to that version, or not today, or not since the last version.
	ErrNoRollback = errors.New("lexicon: nobody asks to put this version in force again, beside the one in force and today; ask for it first")
	// ErrNoVersion says that there is no version of that number.
	ErrNoVersion = errors.New("lexicon: there is no such version")
	// ErrUnknown says that no entry has that id.
	ErrUnknown = errors.New("lexicon: no entry has that id")
)

// InvalidError is bad input: which entry and field, the value, and how to mend it.
type InvalidError struct{ Entry, Field, Value, Mend string }

func (e *InvalidError) Error() string {
	at := "lexicon: "
	if e.Entry != "" {
		at += "entry " + e.Entry + ": "
	}
	if e.Value == "" {
		return fmt.Sprintf("%s%s: %s", at, e.Field, e.Mend)
	}
	return fmt.Sprintf("%s%s %.80q: %s", at, e.Field, e.Value, e.Mend)
}

// Merge lays the register's entries over a base (starter and configured lists): the same id takes the place of the base's.
func Merge(base, own []moderation.Entry) []moderation.Entry {
	over := map[string]bool{}
	for _, e := range own {
		over[e.ID] = true
	}
	out := make([]moderation.Entry, 0, len(base)+len(own))
	for _, e := range base {
		if !over[e.ID] {
			out = append(out, e)
		}
	}
	return append(out, own...)
}

// Compile compiles base and own entries as they are in force on a day (YYYY-MM-DD).
func Compile(base, own []moderation.Entry, day string) (*moderation.Lexicon, error) {
	return moderation.Compile(moderation.InForce(Merge(base, own), day))
}

// Change is an entry of the draft: what it becomes, or nil when it goes.
type Change struct {
	ID    string            `json:"id"`
	Entry *moderation.Entry `json:"entry,omitempty"`
}

// Edit is one difference between two sets of entries.
type Edit struct {
	ID     string            `json:"id"`
	Before *moderation.Entry `json:"before,omitempty"` // nil: added
	After  *moderation.Entry `json:"after,omitempty"`  // nil: removed
}

// Kind is added, removed or changed.
func (e Edit) Kind() string {
	switch {
	case e.Before == nil:
		return "added"
	case e.After == nil:
		return "removed"
	}
	return "changed"
}

// Tally counts a difference.
type Tally struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
	Changed int `json:"changed"`
}

// Sum is the number of entries that differ.
func (t Tally) Sum() int { return t.Added + t.Removed + t.Changed }

// TallyOf counts edits.
func TallyOf(edits []Edit) (t Tally) {
	for _, e := range edits {
		switch e.Kind() {
		case "added":
			t.Added++
		case "removed":
			t.Removed++
		default:
			t.Changed++
		}
	}
	return t
}

// Compare lists what differs between two sets of entries, by id.
func Compare(before, after []moderation.Entry) []Edit {
	old := byID(before)
	var out []Edit
	for i := range after {
		e := &after[i]
		b, known := old[e.ID]
		delete(old, e.ID)
		switch {
		case !known:
			out = append(out, Edit{ID: e.ID, After: e})
		case !same(*b, *e):
			out = append(out, Edit{ID: e.ID, Before: b, After: e})
		}
	}
	for id, b := range old {
		out = append(out, Edit{ID: id, Before: b})
	}
	slices.SortFunc(out, func(a, b Edit) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func byID(entries []moderation.Entry) map[string]*moderation.Entry {
	m := make(map[string]*moderation.Entry, len(entries))
	for i := range entries {
		m[entries[i].ID] = &entries[i]
	}
	return m
}

func same(a, b moderation.Entry) bool { return reflect.DeepEqual(normal(a), normal(b)) }

// normal makes absent and empty lists the same, as they are in JSON.
func normal(e moderation.Entry) moderation.Entry {
	if len(e.Context) == 0 {
		e.Context = nil
	}
	for _, list := range []*[]string{&e.Scope.Services, &e.Scope.Directions, &e.Scope.Channels, &e.Scope.Users} {
		if len(*list) == 0 {
			*list = nil
		}
	}
	return e
}

// pack writes values as JSON lines, compressed, and returns them with the hash of the lines.
func pack[T any](values []T) (packed []byte, hash string, err error) {
	var out bytes.Buffer
	sum := sha256.New()
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, "", fmt.Errorf("lexicon: %w", err)
	}
	lines := json.NewEncoder(io.MultiWriter(z, sum))
	lines.SetEscapeHTML(false)
	for i := range values {
		if err := lines.Encode(&values[i]); err != nil {
			return nil, "", fmt.Errorf("lexicon: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, "", fmt.Errorf("lexicon: %w", err)
	}
	return out.Bytes(), hex.EncodeToString(sum.Sum(nil)), nil
}

// unpack is the reverse of pack. No bytes are no values.
func unpack[T any](packed []byte) (values []T, hash string, err error) {
	sum := sha256.New()
	if len(packed) == 0 {
		return nil, hex.EncodeToString(sum.Sum(nil)), nil
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, "", fmt.Errorf("lexicon: stored entries are damaged: %w", err)
	}
	lines := json.NewDecoder(io.TeeReader(z, sum))
	for {
		var v T
		switch err := lines.Decode(&v); {
		case errors.Is(err, io.EOF):
			return values, hex.EncodeToString(sum.Sum(nil)), nil
		case err != nil:
			return nil, "", fmt.Errorf("lexicon: stored entries are damaged: %w", err)
		}
		values = append(values, v)
	}
}

// sorted puts entries into the order in which they are stored.
func sorted(m map[string]*moderation.Entry) []moderation.Entry {
	out := make([]moderation.Entry, 0, len(m))
	for _, id := range slices.Sorted(maps.Keys(m)) {
		out = append(out, *m[id])
	}
	return out
}

// CountBy counts entries that are not in quarantine by risk, and all entries by tier. Allow entries count under the tier
// "allow" and no risk.
func CountBy(entries []moderation.Entry) (risks, tiers map[string]int) {
	risks, tiers = map[string]int{}, map[string]int{}
	for _, e := range entries {
		if e.Allow {
			tiers["allow"]++
			continue
		}
		tiers[string(e.Tier)]++
		if e.Tier != moderation.Quarantine {
			risks[e.Category]++
		}
	}
	return risks, tiers
}

// check refuses entries that could not be compiled.
func check(entries []moderation.Entry) error {
	texts, seen := make([]moderation.Entry, len(entries)), make(map[string]bool, len(entries))
	for i, e := range entries {
		if err := checkFields(e); err != nil {
			return err
		}
		if seen[e.ID] {
			return &InvalidError{e.ID, "id", e.ID, "stands twice in the list; give each entry its own"}
		}
		seen[e.ID] = true
		if e.Tier == moderation.Quarantine {
			e.Tier = moderation.Observe // kept and matched by nothing; its text must be one that could be matched all the same
		}
		texts[i] = e
	}
	if _, err := moderation.Compile(texts); err != nil {
		return &InvalidError{Field: "entries", Mend: strings.ReplaceAll(err.Error(), "moderation: ", "")}
	}
	return nil
}

func checkFields(e moderation.Entry) error {
	bad := func(field, value, mend string) error { return &InvalidError{cmp.Or(e.ID, "(new)"), field, value, mend} }
	if e.ID == "" || len(e.ID) > 128 || strings.ContainsFunc(e.ID, func(r rune) bool { return r <= ' ' || r == 0x7F }) {
		return bad("id", e.ID, "use 1 to 128 characters without spaces")
	}
	if e.Expires != "" {
		if t, err := time.Parse(time.DateOnly, e.Expires); err != nil || t.Format(time.DateOnly) != e.Expires {
			return bad("expires", e.Expires, "write the last day in force as YYYY-MM-DD")
		}
	}
	if len(e.Note) > maxNote {
		return bad("note", e.Note, fmt.Sprintf("use at most %d bytes", maxNote))
	}
	if e.Allow {
		return nil
	}
	if _, ok := measures.RiskByID(e.Category); !ok {
		return bad("category", e.Category, "name one of the 31 risks, A1a … A5b")
	}
	switch e.Tier {
	case moderation.Block, moderation.Signal, moderation.Observe, moderation.Quarantine:
		return nil
	}
	return bad("tier", string(e.Tier), "use block, signal, observe or quarantine")
}
