package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
)

type lexiconImportCmd struct {
	where
	by
	Files     []string          `arg:"" name:"file" help:"Word lists; - for standard input."`
	Category  string            `help:"Risk of entries that name none, A1a to A5b." placeholder:"RISK"`
	Tier      string            `help:"Tier of entries that name none: ${enum}. block only for lists read and approved entry by entry." enum:"block,signal,observe" default:"signal"`
	Lint      bool              `help:"Hold the entries against harmless text and weaken the tier of those that hit it." default:"true" negatable:""`
	Map       map[string]string `help:"Risk of a category of the list's own, e.g. --map 色情=A1f; - leaves its entries out." placeholder:"FOREIGN=RISK"`
	Layout    string            `help:"How the list is written, when its name and first lines do not tell: lines, table or json." enum:",lines,table,json" default:""`
	Strict    bool              `help:"Take nothing of a list with a bad line, instead of setting the line aside."`
	Overwrite bool              `help:"Replace entries that the register has already; they keep their tier and note otherwise."`
	Publish   bool              `help:"Measure and put in force when the gate passes; exit 1 and keep the draft when it does not."`
	Note      string            `help:"With --publish: why; kept with the version."`
	JSON      bool              `help:"Print the outcome as JSON."`
}

func (lexiconImportCmd) Help() string {
	return `Examples:
  hegui lexicon import fraud.txt --category A1h
  hegui lexicon import 词库.xlsx --map 色情=A1f --map 广告=-
  hegui lexicon import words.csv --category A1h --tier block --publish --note 'approved 2026-03-02'`
}

// readList reads one word list without a register.
func readList(name, category string, tier moderation.Tier) ([]moderation.Entry, error) {
	b, err := readFile(name)
	if err != nil {
		return nil, err
	}
	list, err := lexicon.Read(filepath.Base(name), b, moderation.ImportOptions{Category: category, Tier: tier})
	return list.Entries, err
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
	var reports []lexicon.Imported
	for _, file := range c.Files {
		fmt.Fprintf(o.stderr, "reading %s ...\n", file)
		data, err := readFile(file)
		if err != nil {
			return err
		}
		r, err := in.lexicon.Import(ctx, who, filepath.Base(file), data, lexicon.ImportOptions{Overwrite: c.Overwrite, Lint: c.Lint,
			ImportOptions: moderation.ImportOptions{Layout: moderation.Layout(c.Layout), Category: c.Category, Tier: moderation.Tier(c.Tier), Map: c.Map, Strict: c.Strict}})
		if err != nil {
			return err
		}
		reports = append(reports, r)
		if c.JSON {
			continue
		}
		if r.Lint != nil {
			printLint(o, *r.Lint)
		}
		printReport(o, r)
	}
	if c.Publish {
		err := in.publish(ctx, o, who, c.Note, c.JSON)
		if errors.Is(err, lexicon.ErrEmptyDraft) { // the same list as last week: it is in force
			fmt.Fprintln(o.stderr, "nothing differs from the version in force")
			return nil
		}
		return err
	}
	if c.JSON {
		return o.json(reports)
	}
	o.printf("in the draft; put it in force with: hegui lexicon publish\n")
	return nil
}

func printReport(o out, r lexicon.Imported) {
	for _, p := range r.Report.Problems[:min(len(r.Report.Problems), 20)] {
		o.printf("  set aside: %s\n", p)
	}
	if r.Report.SetAside > 20 {
		o.printf("  … %d lines set aside in all; --json names the first 100\n", r.Report.SetAside)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Report.Unmapped)) {
		if r.Report.Given != "" {
			o.printf("  category %q has no risk: %d entries were given %s; name another with --map %s=RISK\n", name, r.Report.Unmapped[name], r.Report.Given, name)
			continue
		}
		o.printf("  category %q has no risk: %d entries in quarantine; name one with --map %s=A1h\n", name, r.Report.Unmapped[name], name)
	}
	if r.Report.Unread > 0 {
		o.printf("  %d columns were not read: the table has no row of headings; begin it with one such as text,category,tier,severity\n", r.Report.Unread)
	}
	o.printf("%s: %s, %d lines: %d entries, %d duplicates, %d set aside; %d added, %d changed, %d as they were, %d kept as the register has them\n", r.Name, r.Report.Encoding,
		r.Report.Lines, r.Report.Taken, r.Report.Duplicates, r.Report.SetAside, r.Taken.Added, r.Taken.Changed, r.Taken.Unchanged, r.Taken.Kept)
}

func printLint(o out, l moderation.LintReport) {
	o.printf("lint: %d entries on %d harmless lines and %d of your own accepted; lines hit by any: %d, as proposed %d; by the block tier: %d, as proposed %d\n",
		l.Entries, l.Benign, l.Traffic, l.Any[0], l.Any[1], l.Before[moderation.Block], l.After[moderation.Block])
	o.printf("  entries as proposed: %d block, %d signal, %d observe, %d quarantine\n", l.Tiers[moderation.Block], l.Tiers[moderation.Signal], l.Tiers[moderation.Observe], l.Tiers[moderation.Quarantine])
	for _, f := range l.Findings[:min(len(l.Findings), 20)] {
		flaws := make([]string, len(f.Flaws))
		for i, flaw := range f.Flaws {
			_, flaws[i] = flaw.Texts()
		}
		o.printf("  %-18s %-10s -> %-10s %5d harmless lines  %s: %s\n", f.Entry, f.Was, f.Tier, f.Benign, f.Text, strings.Join(flaws, ", "))
	}
}

type lexiconLintCmd struct {
	where
	by
	File     string `arg:"" optional:"" help:"A word list to look at instead of the draft; nothing is taken from it."`
	Category string `help:"With FILE: risk of entries that name none." default:"A1h" placeholder:"RISK"`
	Tier     string `help:"With FILE: tier of entries that name none: ${enum}." enum:"block,signal,observe" default:"signal"`
	Apply    bool   `help:"Write the tiers proposed into the draft."`
	JSON     bool   `help:"Print the report as JSON."`
}

func (lexiconLintCmd) Help() string {
	return `Holds entries against harmless text: the shipped corpus, and your own accepted text of the last days where content is
kept. Exit 1 when it proposes anything.

Examples:
  hegui lexicon lint
  hegui lexicon lint --apply
  hegui lexicon lint public-list.txt`
}

func (c lexiconLintCmd) Run(ctx context.Context, o out) error {
	if c.Apply && c.File != "" {
		return usageError{"--apply is for the draft; a FILE is linted as it is imported"}
	}
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	var entries []moderation.Entry
	if c.File != "" {
		entries, err = readList(c.File, c.Category, moderation.Tier(c.Tier))
	} else {
		var d lexicon.Draft
		d, err = in.lexicon.Draft(ctx)
		entries = d.Entries
	}
	if err != nil {
		return err
	}
	l, err := in.lexicon.Lint(ctx, entries)
	if err != nil {
		return err
	}
	if c.Apply {
		if err := in.lexicon.Set(ctx, who, lexicon.Weakened(l, entries)...); err != nil {
			return err
		}
	}
	weaker := len(lexicon.Weakened(l, entries))
	if c.JSON {
		if err := o.json(lexicon.Listed(l)); err != nil {
			return err
		}
	} else {
		printLint(o, l)
		if c.Apply {
			o.printf("written into the draft; put it in force with: hegui lexicon publish\n")
		}
	}
	if weaker > 0 && !c.Apply {
		return errFinding
	}
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
