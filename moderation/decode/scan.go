package decode

import (
	"cmp"
	"slices"

	"github.com/hegui/hegui/moderation"
)

// Scan gives what a lexicon finds in a text and in what is encoded in it, and what could not be decoded. Places are those of the
// text as it is: a hit inside Base64 is all of it. Findings in the text itself come first, in their order.
func Scan(l *moderation.Lexicon, scene moderation.Scene, text []byte) ([]moderation.Finding, *Partial) {
	plain := l.ScanIn(scene, text)
	found, partial := encoded(l, scene, text, func() []moderation.Finding { return plain })
	return append(plain, found...), partial
}

// Encoded gives what Scan gives beyond what is found in the text as it stands.
func Encoded(l *moderation.Lexicon, scene moderation.Scene, text []byte) ([]moderation.Finding, *Partial) {
	return encoded(l, scene, text, func() []moderation.Finding { return l.ScanIn(scene, text) })
}

// encoded scans what is encoded in a text; plain is asked for what the text has as it stands only when something is.
func encoded(l *moderation.Lexicon, scene moderation.Scene, text []byte, plain func() []moderation.Finding) (found []moderation.Finding, partial *Partial) {
	view := Look(text, Limits{})
	if view == nil {
		return nil, nil
	}
	stands := plain()
	for _, p := range view.Passages(moderation.MaxRunes) { // room for the longest entry
		for _, f := range l.ScanIn(scene, p.Text) {
			f.Start, f.End = view.Origin(p.At+f.Start, p.At+f.End)
			if !among(stands, f) {
				found = append(found, f)
			}
		}
	}
	return found, view.Partial
}

// among tells whether a finding is one of a scan's, which are ordered by End, then Start.
func among(scan []moderation.Finding, f moderation.Finding) bool {
	i, ok := slices.BinarySearchFunc(scan, f, func(a, b moderation.Finding) int { return cmp.Or(a.End-b.End, a.Start-b.Start) })
	for ; ok && i < len(scan) && scan[i].End == f.End && scan[i].Start == f.Start; i++ {
		if scan[i].Entry == f.Entry {
			return true
		}
	}
	return false
}
