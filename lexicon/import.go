package lexicon

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

// ImportOptions says how a word list is read and taken.
type ImportOptions struct {
	Category  string          // risk of entries that name none
	Tier      moderation.Tier // tier of entries that name none; signal when empty
	Overwrite bool            // replace entries that the register has, instead of leaving them as they are there
	Lint      bool            // give entries the tier that lint proposes where it is weaker
	Strict    bool            // take nothing of a list with a bad line, instead of setting the line aside
}

// Imported is what became of a list.
type Imported struct {
	Name  string `json:"name"`
	Read  int    `json:"read"`      // entries found in it
	Aside int    `json:"set_aside"` // lines not taken
	Lines []Line `json:"lines"`     // the first of them
	Taken Taken  `json:"taken"`
	Lint  *Lint  `json:"lint,omitempty"` // what harmless text said, and which tiers were weakened for it
}

// Line is a line of a list that was not taken.
type Line struct {
	N    int    `json:"line"`
	Text string `json:"text"` // its beginning
	Why  string `json:"why"`
}

// asideListed is how many lines an Imported names.
const asideListed = 1000

// UnreadError says that a list could not be read; nothing of it was taken.
type UnreadError struct{ Err error }

func (e *UnreadError) Error() string { return e.Err.Error() }

func (e *UnreadError) Unwrap() error { return e.Err }

// Import reads a word list into the draft. Of a list with one entry a line, lines that cannot be entries are set aside and
// named; a table with such a line is not taken.
func (w *Workbench) Import(ctx context.Context, who journal.Actor, name string, data []byte, o ImportOptions) (Imported, error) {
	r := Imported{Name: name, Lines: []Line{}}
	entries, err := r.read(data, o)
	if err != nil {
		return r, &UnreadError{fmt.Errorf("lexicon: nothing was taken: %w", err)}
	}
	r.Read = len(entries)
	if o.Lint {
		l, err := w.Lint(ctx, entries)
		if err != nil {
			return r, err
		}
		r.Lint, entries = &l, l.Apply(entries)
	}
	r.Taken, err = w.Add(ctx, who, entries, o.Overwrite)
	return r, err
}

func (r *Imported) read(data []byte, o ImportOptions) ([]moderation.Entry, error) {
	tier := cmp.Or(o.Tier, moderation.Signal)
	entries, err := moderation.ParseEntries(r.Name, data, o.Category, tier)
	if err == nil || o.Strict || strings.EqualFold(path.Ext(r.Name), ".csv") || !utf8.Valid(data) {
		return entries, err
	}
	if _, ok := measures.RiskByID(o.Category); !ok {
		return nil, err // every line would say so
	}
	first := map[string]int{} // line of each id
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\uFEFF")) {
		n++
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		one, err := moderation.ParseEntries(r.Name, []byte(text), o.Category, tier)
		why := ""
		switch {
		case err != nil:
			_, why, _ = strings.Cut(err.Error(), " line 1: ")
		case first[one[0].ID] != 0:
			why = fmt.Sprintf("is the same as line %d after folding", first[one[0].ID])
		}
		if why != "" {
			if r.Aside++; r.Aside <= asideListed {
				r.Lines = append(r.Lines, Line{n, string([]rune(text)[:min(40, utf8.RuneCountInString(text))]), why})
			}
			continue
		}
		one[0].Source = fmt.Sprintf("%s:%d", path.Base(r.Name), n)
		first[one[0].ID] = n
		entries = append(entries, one[0])
	}
	if len(entries) == 0 {
		return nil, err
	}
	return entries, nil
}
