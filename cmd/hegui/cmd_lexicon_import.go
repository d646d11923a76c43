package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
)

type lexiconImportCmd struct {
	where
	by
	Files     []string `arg:"" name:"file" help:"Word lists; - for standard input."`
	Category  string   `help:"Risk of entries that name none, A1a to A5b." placeholder:"RISK"`
	Tier      string   `help:"Tier of entries that name none: ${enum}. block only for lists read and approved entry by entry." enum:"block,signal,observe" default:"signal"`
	Overwrite bool     `help:"Replace entries that the register has already; they keep their tier and note otherwise."`
	Publish   bool     `help:"Measure and put in force when the gate passes; exit 1 and keep the draft when it does not."`
	Note      string   `help:"With --publish: why; kept with the version."`
	JSON      bool     `help:"Print the outcome as JSON."`
}

func (lexiconImportCmd) Help() string {
	return `Examples:
  hegui lexicon import fraud.txt --category A1h
  hegui lexicon import words.csv --category A1h --tier block --publish --note 'approved 2026-03-02'`
}

type listOptions struct {
	category string
	tier     moderation.Tier
	strict   bool
}

// readList reads one word list.
func readList(name string, o listOptions) ([]moderation.Entry, any, error) {
	b, err := readFile(name)
	if err != nil {
		return nil, nil, err
	}
	entries, err := moderation.ParseEntries(filepath.Base(name), b, o.category, o.tier)
	if err != nil {
		return nil, nil, usageError{err.Error()}
	}
	return entries, nil, nil
}

func (c lexiconImportCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	var total lexicon.Taken
	for _, file := range c.Files {
		entries, _, err := readList(file, listOptions{category: c.Category, tier: moderation.Tier(c.Tier)})
		if err != nil {
			return err
		}
		taken, err := in.lexicon.Add(ctx, who, entries, c.Overwrite)
		if err != nil {
			return err
		}
		total.Added += taken.Added
		total.Changed += taken.Changed
		total.Unchanged += taken.Unchanged
		total.Kept += taken.Kept
		if !c.JSON {
			o.printf("%s: %d entries: %d added, %d changed, %d as they were, %d kept as the register has them\n", file, len(entries), taken.Added, taken.Changed, taken.Unchanged, taken.Kept)
		}
	}
	if c.Publish {
		return in.publish(ctx, o, who, c.Note, c.JSON)
	}
	if c.JSON {
		return o.json(total)
	}
	o.printf("in the draft; put it in force with: hegui lexicon publish\n")
	return nil
}

func (c lexiconStatsCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	library, v, err := in.library(ctx, c.Draft)
	if err != nil {
		return err
	}
	missing := 0
	for _, r := range library.Risks {
		if r.Missing {
			missing++
		}
	}
	if c.JSON {
		if err := o.json(map[string]any{"version": v.N, "library": library}); err != nil {
			return err
		}
	} else {
		o.printf("%-4s %8s %8s %8s %8s %8s  %s\n", "RISK", "BLOCK", "SIGNAL", "OBSERVE", "ALL", "ASKED", "")
		for _, r := range library.Risks {
			asked, state := "-", ""
			if r.Risk.Library {
				asked = fmt.Sprint(r.Risk.MinKeywords)
			}
			switch {
			case r.Missing:
				state = "MISSING (shall)"
			case r.Short > 0:
				state = fmt.Sprintf("%d short (should)", r.Short)
			}
			o.printf("%-4s %8d %8d %8d %8d %8s  %-18s %s\n", r.Risk.ID, r.Tiers["block"], r.Tiers["signal"], r.Tiers["observe"], r.Entries, asked, state, r.Risk.ZH)
		}
		o.printf("%d entries in force, %d asked for (should); %d of %d risks covered (shall); ", library.Entries, library.Minimum, library.Covered, library.Needed)
		if library.Changed.IsZero() {
			o.printf("never refreshed, at least every %d days asked for (should)\n", library.MaxDays)
		} else {
			o.printf("refreshed %d days ago, at least every %d asked for (should)\n", library.Days, library.MaxDays)
		}
	}
	if missing > 0 {
		return errFinding
	}
	return nil
}

// library is the coverage of the version in force or of the draft.
func (in *installation) library(ctx context.Context, draft bool) (lexicon.Library, lexicon.Version, error) {
	d, err := in.lexicon.Draft(ctx)
	if err != nil {
		return lexicon.Library{}, lexicon.Version{}, err
	}
	own, changed := d.Entries, d.Changed
	if !draft {
		changed = d.Base.At
		if own, err = in.lexicon.Entries(ctx, d.Base.N); err != nil {
			return lexicon.Library{}, d.Base, err
		}
	}
	rows, err := in.lexicon.Rows(own)
	if err != nil {
		return lexicon.Library{}, d.Base, err
	}
	now := time.Now()
	return lexicon.CoverageOf(inForceRows(rows, now), changed, now), d.Base, nil
}

// inForceRows are the entries of a whole lexicon that are in force on a day.
func inForceRows(rows []lexicon.Row, now time.Time) []moderation.Entry {
	entries := make([]moderation.Entry, len(rows))
	for i, r := range rows {
		entries[i] = r.Entry
	}
	return moderation.InForce(entries, lexicon.Today(now))
}
