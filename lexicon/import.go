package lexicon

import (
	"cmp"
	"context"
	"fmt"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

// ImportOptions says how a word list is read and taken.
type ImportOptions struct {
	Category  string          // risk of entries that name none
	Tier      moderation.Tier // tier of entries that name none; signal when empty
	Overwrite bool            // replace entries that the register has, instead of leaving them as they are there
	Lint      bool            // give entries the tier that lint proposes where it is weaker
}

// Imported is what became of a list.
type Imported struct {
	Name  string `json:"name"`
	Read  int    `json:"read"` // entries found in it
	Taken Taken  `json:"taken"`
	Lint  *Lint  `json:"lint,omitempty"` // what harmless text said, and which tiers were weakened for it
}

// UnreadError says that a list could not be read; nothing of it was taken.
type UnreadError struct{ Err error }

func (e *UnreadError) Error() string { return e.Err.Error() }

func (e *UnreadError) Unwrap() error { return e.Err }

// Import reads a word list into the draft.
func (w *Workbench) Import(ctx context.Context, who journal.Actor, name string, data []byte, o ImportOptions) (Imported, error) {
	r := Imported{Name: name}
	entries, err := moderation.ParseEntries(name, data, o.Category, cmp.Or(o.Tier, moderation.Signal))
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
