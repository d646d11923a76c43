// Package document reads and writes the labels of documents (TC260-PG-20258A): DOCX, XLSX and PPTX (ECMA-376), HTML, Markdown and
// plain text. What a label does not touch keeps its bytes: parts of an archive stay packed as they are.
package document

import (
	"fmt"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

const guide = "TC260-PG-20258A"

// Formats are the kinds of files of this package, in the order in which a file is tried: those with a signature first, plain text, which is what is
// nothing else, last. They belong behind all formats of other packages.
func Formats() []carrier.Format {
	return slices.Concat(officeKinds(), []carrier.Format{htmlKind()}, textKinds())
}

func fault(format string, kind carrier.Kind, at int64, rule string, args ...any) error {
	return &carrier.Error{Format: format, Kind: kind, Offset: at, Rule: fmt.Sprintf(rule, args...)}
}

// readBack is an edit that carries exactly this label; what cannot be written so that it does is refused. For texts, which have no structure that
// could be checked before: a page that ends within a comment swallows what is put behind.
func readBack(format string, e *carrier.Edit, sites func(*carrier.File) ([]carrier.Site, error), value string) (*carrier.Edit, error) {
	there, err := sites(e.File())
	if err != nil || len(there) != 1 || there[0].Value != value || !there[0].Standard {
		return nil, &carrier.Error{Format: format, Kind: carrier.Unsupported, Offset: -1, Rule: "the file is built in a way that a label cannot be put into safely", Err: err}
	}
	return e, nil
}
