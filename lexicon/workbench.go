package lexicon

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/moderation"
)

// Origins of entries.
const (
	Starter       = "starter"       // built in
	Configuration = "configuration" // a list of hegui.yaml
	Emergency     = "emergency"     // for a time, on an order
	Own           = "register"      // the register's
)

// List is one of the lists below the register.
type List struct {
	Origin  string
	Entries []moderation.Entry
}

// Workbench joins the register with what it lies on and what it is measured with. Console and commands work through it.
type Workbench struct {
	*Register
	Base     func() ([]List, error) // starter and configured lists, read now
	Evidence Evidence
	Cache    Cache                           // of compiled lexicons; empty: none
	Accept   func(*moderation.Lexicon) error // refuses a lexicon that must not be in force: the policy's tests fail with it; nil: none
}

// Row is an entry of the whole lexicon with where it stands.
type Row struct {
	moderation.Entry
	Origin string `json:"origin"`           // starter, configuration, register
	Covers string `json:"covers,omitempty"` // origin of the entry whose place this one has taken
}

// Rows lists the whole lexicon: the lists below, with the register's own entries over them.
func (w *Workbench) Rows(own []moderation.Entry) ([]Row, error) {
	lists, err := w.Base()
	if err != nil {
		return nil, fmt.Errorf("lexicon: lists below the register: %w", err)
	}
	mine := byID(own)
	below := map[string]string{}
	var rows []Row
	for _, l := range lists {
		for _, e := range l.Entries {
			if below[e.ID] = l.Origin; mine[e.ID] == nil {
				rows = append(rows, Row{Entry: e, Origin: l.Origin})
			}
		}
	}
	for _, e := range own {
		rows = append(rows, Row{Entry: e, Origin: Own, Covers: below[e.ID]})
	}
	return rows, nil
}

// Find returns an entry of the whole lexicon as the draft has it. ErrUnknown when there is none.
func (w *Workbench) Find(ctx context.Context, id string) (Row, error) {
	d, err := w.Draft(ctx)
	if err != nil {
		return Row{}, err
	}
	rows, err := w.Rows(d.Entries)
	if err != nil {
		return Row{}, err
	}
	for _, r := range rows {
		if r.ID == id {
			return r, nil
		}
	}
	return Row{}, fmt.Errorf("%w: %q", ErrUnknown, id)
}

// Compile compiles own entries over the lists below, as they are in force now.
func (w *Workbench) Compile(own []moderation.Entry, now time.Time) (*moderation.Lexicon, error) {
	base, err := w.base()
	if err != nil {
		return nil, err
	}
	return w.compile(base, own, now)
}

// base is what the lists below the register hold.
func (w *Workbench) base() ([]moderation.Entry, error) {
	lists, err := w.Base()
	if err != nil {
		return nil, fmt.Errorf("lexicon: lists below the register: %w", err)
	}
	var base []moderation.Entry
	for _, l := range lists {
		base = append(base, l.Entries...)
	}
	return base, nil
}

func (w *Workbench) compile(base, own []moderation.Entry, now time.Time) (*moderation.Lexicon, error) {
	l, err := w.Cache.Compile(moderation.InForce(Merge(base, own), Today(now)))
	if err != nil {
		return nil, fmt.Errorf("lexicon: %w", err)
	}
	return l, nil
}

// InForce compiles the version in force. What the gate has compiled on this machine today, over the same lists, is taken
// out of the cache and no entries are read: publishing a large version must not slow the gateways that follow it.
func (w *Workbench) InForce(ctx context.Context) (*moderation.Lexicon, Version, error) {
	v, err := w.Newest(ctx)
	if err != nil {
		return nil, v, err
	}
	base, err := w.base()
	if err != nil {
		return nil, v, err
	}
	now := w.now()
	if f := v.Figures; f != nil && Today(f.At) == Today(now) && f.Lists == moderation.HashOf(base) {
		if l := w.Cache.Open(f.After); l != nil {
			return l, v, nil
		}
	}
	own, err := w.read(ctx, v.N)
	if err != nil {
		return nil, v, err
	}
	l, err := w.compile(base, own, now)
	return l, v, err
}

// gate measures entries beside the version in force.
func (w *Workbench) gate(ctx context.Context, own []moderation.Entry) (Figures, error) {
	before, _, err := w.InForce(ctx)
	if err != nil {
		return Figures{}, err
	}
	base, err := w.base()
	if err != nil {
		return Figures{}, err
	}
	now := w.now()
	after, err := w.compile(base, own, now)
	if err == nil && w.Accept != nil {
		err = w.Accept(after)
	}
	if err != nil {
		return Figures{}, &InvalidError{Field: "entries", Mend: strings.TrimPrefix(err.Error(), "lexicon: ")}
	}
	f, err := Measure(ctx, before, after, w.Evidence, now)
	f.Lists = moderation.HashOf(base) // those that after was compiled over
	return f, err
}

// MeasureDraft runs the gate over the draft and keeps the figures with it.
func (w *Workbench) MeasureDraft(ctx context.Context) (Draft, error) {
	d, err := w.Draft(ctx)
	if err != nil {
		return d, err
	}
	if len(d.Edits) == 0 {
		return d, ErrEmptyDraft
	}
	f, err := w.gate(ctx, d.Entries)
	if err != nil {
		return d, err
	}
	if err := w.Measured(ctx, d.Revision, f); err != nil {
		return d, err
	}
	d.Figures, d.Proposal = &f, nil
	return d, nil
}

// Selection says what Write writes.
type Selection struct {
	Filing bool // as a filing shows it
	Own    bool // the register's own entries only
}

// Write exports the lexicon of a version: own are its entries. What is in quarantine or has expired is in an export, which
// is read back, and not in a filing, which shows what is in force.
func (w *Workbench) Write(to io.Writer, format string, v Version, own []moderation.Entry, s Selection, now time.Time) error {
	if s.Own {
		return Export(to, format, own)
	}
	rows, err := w.Rows(own)
	if err != nil {
		return err
	}
	all := make([]moderation.Entry, len(rows))
	for i, r := range rows {
		all[i] = r.Entry
	}
	slices.SortFunc(all, func(a, b moderation.Entry) int {
		return cmp.Or(strings.Compare(a.Category, b.Category), strings.Compare(a.ID, b.ID))
	})
	if !s.Filing {
		return Export(to, format, all)
	}
	all = moderation.InForce(all, Today(now))
	return Filing(to, format, all, CoverageOf(all, v.At, now))
}

// clock is the register's, or the wall's of a workbench without one.
func (w *Workbench) clock() time.Time {
	if w.Register == nil {
		return time.Now()
	}
	return w.now()
}
