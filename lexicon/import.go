package lexicon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

// ImportOptions says how a word list is read and taken.
type ImportOptions struct {
	moderation.ImportOptions
	Overwrite bool // replace entries that the register has, instead of leaving them as they are there
	Lint      bool // give entries the tier that lint proposes where it is weaker
}

// Imported is what became of a list.
type Imported struct {
	Name   string                  `json:"name"`
	Report moderation.ImportReport `json:"report"` // of its lines
	Lint   *moderation.LintReport  `json:"lint,omitempty"`
	Taken  Taken                   `json:"taken"`
}

// UnreadError says that a list could not be read; nothing of it was taken.
type UnreadError struct{ Err error }

func (e *UnreadError) Error() string { return e.Err.Error() }

func (e *UnreadError) Unwrap() error { return e.Err }

// Read reads a word list: whatever moderation.Import reads, and the first sheet of an XLSX workbook.
func Read(name string, data []byte, o moderation.ImportOptions) (moderation.Imported, error) {
	list, err := read(name, data, o)
	if err != nil {
		return list, &UnreadError{err}
	}
	return list, nil
}

func read(name string, data []byte, o moderation.ImportOptions) (list moderation.Imported, err error) {
	if !strings.EqualFold(path.Ext(name), ".xlsx") {
		return moderation.Import(name, data, o)
	}
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{UnzipSizeLimit: moderation.MaxImportBytes, UnzipXMLSizeLimit: 16 << 20})
	if err != nil {
		return list, fmt.Errorf("%w: %s is no workbook that can be read: %w", moderation.ErrImport, name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rows, err := f.GetRows(f.GetSheetName(0))
	if err != nil {
		return list, fmt.Errorf("%w: %s: %w", moderation.ErrImport, name, err)
	}
	return moderation.ImportRows(name, rows, o)
}

// Import reads a word list into the draft. Lines that cannot be entries are set aside and named.
func (w *Workbench) Import(ctx context.Context, who journal.Actor, name string, data []byte, o ImportOptions) (Imported, error) {
	r := Imported{Name: name}
	list, err := Read(name, data, o.ImportOptions)
	if err != nil {
		return r, err
	}
	r.Report = list.Report
	entries := list.Entries
	if o.Lint {
		l, err := w.Lint(ctx, entries)
		if err != nil {
			return r, err
		}
		entries = l.Apply(entries)
		l = Listed(l)
		r.Lint = &l
	}
	r.Taken, err = w.Add(ctx, who, entries, o.Overwrite)
	return r, err
}
