package moderation

import "slices"

// Entries returns the entries of the lexicon, ordered by id.
func (l *Lexicon) Entries() []Entry { return slices.Clone(l.entries) }
