// Package document reads and writes the labels of documents (TC260-PG-20258A): DOCX, XLSX and PPTX (ECMA-376), PDF (ISO 32000), HTML, Markdown and
// plain text. The implicit label goes through Formats as in all format packages; Mark and Marked are for the words that people see
// (GB 45438-2025 5.1). What a label does not touch keeps its bytes: parts of an archive stay packed as they are, a PDF grows at its end.
package document

import (
	"fmt"

	"github.com/hegui/hegui/label/carrier"
)

const guide = "TC260-PG-20258A"

// kind is a format with what makes and finds its visible words.
type kind struct {
	carrier.Format
	mark   func(f *carrier.File, m words) (*carrier.Edit, error)
	marked func(f *carrier.File) ([]string, error)
}

// Formats are the kinds of files of this package, in the order in which a file is tried: those with a signature first, plain text, which is what is
// nothing else, last. They belong behind all formats of other packages.
func Formats() []carrier.Format {
	var out []carrier.Format
	for _, k := range kinds() {
		out = append(out, k.Format)
	}
	return out
}

func kinds() []kind {
	return officeKinds()
}

func fault(format string, kind carrier.Kind, at int64, rule string, args ...any) error {
	return &carrier.Error{Format: format, Kind: kind, Offset: at, Rule: fmt.Sprintf(rule, args...)}
}

// words are what a mark says; Mark fills it.
type words struct{ text string }
