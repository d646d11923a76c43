package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/operator"
)

type lexiconCmd struct {
	Import   lexiconImportCmd   `cmd:"" help:"Read word lists into the draft."`
	Lint     lexiconLintCmd     `cmd:"" help:"Find entries that hit harmless text, and propose weaker tiers."`
	Stats    lexiconStatsCmd    `cmd:"" help:"Entries by risk against the numbers asked for."`
	Diff     lexiconDiffCmd     `cmd:"" help:"What differs between two versions, or the draft and the version in force."`
	Publish  lexiconPublishCmd  `cmd:"" help:"Measure the draft and put it in force."`
	Rollback lexiconRollbackCmd `cmd:"" help:"Put an earlier version in force again."`
	Versions lexiconVersionsCmd `cmd:"" help:"List the versions."`
	Show     lexiconShowCmd     `cmd:"" help:"Show one entry."`
	Set      lexiconSetCmd      `cmd:"" help:"Change entries in the draft."`
	Remove   lexiconRemoveCmd   `cmd:"" help:"Take entries out in the draft."`
	Discard  lexiconDiscardCmd  `cmd:"" help:"Empty the draft."`
	Export   lexiconExportCmd   `cmd:"" help:"Write the entries in force as CSV, XLSX or JSON, or the sheet for a filing."`
}

// by names who stands for a change at the command line.
type by struct {
	By string `help:"Log-in of the staff member who stands for it (see: hegui staff list)." placeholder:"LOGIN"`
}

// actor is the named staff member, acting at the command line, or hegui when nobody is named.
func (b by) actor(ctx context.Context, in *installation) (journal.Actor, error) {
	if b.By == "" {
		return actor(), nil
	}
	s, err := staffMember{b.By}.find(ctx, in)
	if err != nil {
		return journal.Actor{}, err
	}
	if !s.Can(operator.ManageLexicon) {
		return journal.Actor{}, usageError{fmt.Sprintf("%s may not change the lexicon: role %s, or disabled; owner, compliance and moderator may", s.Login, s.Role)}
	}
	return journal.Actor{Kind: "cli", ID: s.ID}, nil
}

type lexiconPublishCmd struct {
	where
	by
	Approve bool   `help:"Approve, as another person than the one who proposed it, and put in force."`
	Note    string `help:"Why; kept with the version."`
	JSON    bool   `help:"Print the version, or the figures that stood in its way, as JSON."`
}

func (lexiconPublishCmd) Help() string {
	return `Measures the draft beside the version in force: questions that must be answered, harmless text, and the kept texts of the
last ` + fmt.Sprint(shadowDays) + ` days. When it refuses no more than before and no more than the limit, it is put in force; running servers take it up within
a second. Else nothing changes and the exit code is 1; with --by the draft is then proposed, and another person may --approve it.

Examples:
  hegui lexicon publish --note 'weekly refresh'
  hegui lexicon publish --by wang.li --note 'new fraud scripts'
  hegui lexicon publish --approve --by li.na`
}

func (c lexiconPublishCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	if !c.Approve {
		return in.publish(ctx, o, who, c.Note, c.JSON)
	}
	if c.By == "" {
		return usageError{"--approve needs --by LOGIN: another person than the one who proposed it"}
	}
	d, err := in.lexicon.Draft(ctx)
	if err != nil {
		return err
	}
	v, err := in.lexicon.Approve(ctx, who, d.Revision)
	if err != nil {
		return err
	}
	return printPublished(o, v, c.JSON)
}

// publish measures the draft and publishes it, or proposes it when a second person is needed and somebody is named.
func (in *installation) publish(ctx context.Context, o out, who journal.Actor, note string, asJSON bool) error {
	fmt.Fprintln(o.stderr, "measuring the draft ...")
	d, err := in.lexicon.MeasureDraft(ctx)
	if err != nil {
		return err
	}
	v, err := in.lexicon.Publish(ctx, who, d.Revision, note)
	if err == nil {
		return printPublished(o, v, asJSON)
	}
	if !errors.Is(err, lexicon.ErrNeedsSecond) {
		return err
	}
	proposed := who != actor()
	if proposed {
		if err := in.lexicon.Propose(ctx, who, d.Revision, note); err != nil {
			return err
		}
	}
	if asJSON {
		return errors.Join(o.json(map[string]any{"published": false, "proposed": proposed, "concerns": d.Figures.Concerns(), "figures": d.Figures}), errFinding)
	}
	printFigures(o, *d.Figures)
	o.printf("NOT published: a second person must approve. The draft is kept.\n")
	if proposed {
		o.printf("Proposed. Another person may now run: hegui lexicon publish --approve --by LOGIN\n")
	} else {
		o.printf("Mend the entries named above, or propose it as somebody: hegui lexicon publish --by LOGIN\n")
	}
	return errFinding
}

func printPublished(o out, v lexicon.Version, asJSON bool) error {
	if asJSON {
		return o.json(map[string]any{"published": true, "version": v})
	}
	if v.Figures != nil {
		printFigures(o, *v.Figures)
	}
	o.printf("version %d is in force: %d own entries (%d added, %d changed, %d removed), hash %s\n", v.N, v.Entries, v.Tally.Added, v.Tally.Changed, v.Tally.Removed, v.Hash[:12])
	return nil
}

// concernText words what the gate objects to.
func concernText(c lexicon.OverBlock) string {
	switch c.Code {
	case "bank_rises":
		return "more questions that must be answered would be refused than before (our rule)"
	case "benign_rises":
		return "more harmless texts would be refused than before (our rule)"
	case "accepted_rises":
		return "more of your own accepted texts would be refused than before (our rule)"
	case "bank_limit":
		return fmt.Sprintf("more than %.0f %% of the questions that must be answered would be refused (the standard's limit)", 100*measures.OverBlockLimit)
	}
	return c.Code
}

func printFigures(o out, f lexicon.Figures) {
	o.printf("%-44s %8s  %16s  %16s\n", "WOULD BE REFUSED", "TEXTS", "BEFORE", "AFTER")
	for _, s := range []struct {
		name  string
		share lexicon.Share
	}{{fmt.Sprintf("questions to answer (limit %.0f %%, our aim %.0f %%)", 100*measures.OverBlockLimit, 100*measures.OverBlockTarget), f.Bank},
		{"harmless texts", f.Benign}, {fmt.Sprintf("accepted texts of %d days", f.Window.Days), f.Accepted}, {"any hit in texts of those days", f.Talk}} {
		o.printf("%-44s %8d  %7d %6.2f %%  %7d %6.2f %%\n", s.name, s.share.Texts, s.share.Before, 100*s.share.BeforeRate(), s.share.After, 100*s.share.AfterRate())
	}
	if len(f.Shadow) > 0 {
		o.printf("shadow run over %d exchanges, texts hit:\n", f.Window.Exchanges)
		for _, b := range f.Shadow {
			o.printf("  %-4s %-8s %7d -> %d\n", b.Category, b.Tier, b.Before, b.After)
		}
	}
	if len(f.Worst) > 0 {
		o.printf("entries that refuse what should be answered:\n")
		for _, c := range f.Worst {
			o.printf("  %-28s %-4s questions %d, harmless %d, accepted %d; e.g. %s\n", c.Entry, c.Category, c.Bank, c.Benign, c.Accepted, c.Example)
		}
		if more := f.Culprits - len(f.Worst); more > 0 {
			o.printf("  … and %d more; see what an entry says with: hegui lexicon show ID\n", more)
		}
	}
	for _, c := range f.Concerns() {
		o.printf("GATE: %s: %d -> %d of %d\n", concernText(c), c.Share.Before, c.Share.After, c.Share.Texts)
	}
}

type lexiconVersionsCmd struct {
	where
	JSON bool `help:"Print the list as JSON."`
}

func (lexiconVersionsCmd) Help() string { return "Example:\n  hegui lexicon versions" }

func (c lexiconVersionsCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	list, err := in.lexicon.Versions(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(notNil(list))
	}
	names, err := in.staffNames(ctx)
	if err != nil {
		return err
	}
	o.printf("%5s  %-16s  %8s  %7s %7s %7s  %-12s  %-12s  %-14s  %s\n", "N", "AT", "ENTRIES", "ADDED", "CHANGED", "REMOVED", "HASH", "BY", "APPROVED", "NOTE")
	for i, v := range list {
		note := v.Note
		if v.Restores != 0 {
			note = strings.TrimSpace(fmt.Sprintf("(again version %d) %s", v.Restores, note))
		}
		mark := " "
		if i == 0 {
			mark = "*"
		}
		o.printf("%s%4d  %-16s  %8d  %7d %7d %7d  %-12s  %-12s  %-14s  %s\n", mark, v.N, v.At.In(measures.Shanghai()).Format("2006-01-02 15:04"),
			v.Entries, v.Tally.Added, v.Tally.Changed, v.Tally.Removed, v.Hash[:12], names(v.By), names(v.Approved), note)
	}
	if len(list) == 0 {
		o.printf("nothing has been published yet; the starter and the lists of hegui.yaml are in force\n")
	}
	back, err := in.lexicon.Proposed(ctx)
	if err != nil || back == nil {
		return err
	}
	o.printf("%s asks to put version %d in force again; another person may now run: hegui lexicon rollback %d --approve --by LOGIN\n", names(back.Proposal.By), back.N, back.N)
	return nil
}

// staffNames returns what to call an actor: a staff member's log-in, or the id.
func (in *installation) staffNames(ctx context.Context) (func(journal.Actor) string, error) {
	list, err := in.staff.List(ctx)
	if err != nil {
		return nil, err
	}
	logins := map[string]string{}
	for _, s := range list {
		logins[s.ID] = s.Login
	}
	return func(a journal.Actor) string { return cmp.Or(logins[a.ID], a.ID, "-") }, nil
}

type lexiconDiffCmd struct {
	where
	A    *int `arg:"" optional:"" help:"Number of the earlier version."`
	B    *int `arg:"" optional:"" help:"Number of the later version (default: the draft)."`
	JSON bool `help:"Print the differences as JSON lines."`
}

func (lexiconDiffCmd) Help() string {
	return "Examples:\n  hegui lexicon diff          the draft against the version in force\n  hegui lexicon diff 3        the draft against version 3\n  hegui lexicon diff 3 5\n\nExit 1 when something differs."
}

func (c lexiconDiffCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	d, err := in.lexicon.Draft(ctx)
	if err != nil {
		return err
	}
	edits := d.Edits
	if c.A != nil {
		before, err := in.lexicon.Entries(ctx, *c.A)
		if err != nil {
			return err
		}
		after := d.Entries
		if c.B != nil {
			if after, err = in.lexicon.Entries(ctx, *c.B); err != nil {
				return err
			}
		}
		edits = lexicon.Compare(before, after)
	}
	if c.JSON {
		for _, e := range edits {
			if err := o.jsonLine(e); err != nil {
				return err
			}
		}
	} else {
		for _, e := range edits {
			switch e.Kind() {
			case "added":
				o.printf("+ %s\n", entryLine(*e.After))
			case "removed":
				o.printf("- %s\n", entryLine(*e.Before))
			default:
				o.printf("- %s\n+ %s\n", entryLine(*e.Before), entryLine(*e.After))
			}
		}
		t := lexicon.TallyOf(edits)
		o.printf("%d added, %d changed, %d removed\n", t.Added, t.Changed, t.Removed)
	}
	if len(edits) > 0 {
		return errFinding
	}
	return nil
}

// entryLine is an entry on one line.
func entryLine(e moderation.Entry) string {
	tier := string(e.Tier)
	if e.Allow {
		tier = "allow"
	}
	s := fmt.Sprintf("%-20s %-4s %-10s %s", e.ID, e.Category, tier, e.Text)
	if e.Kind != moderation.Contain {
		s += " kind=" + string(e.Kind)
	}
	if e.Expires != "" {
		s += " expires=" + e.Expires
	}
	if e.Note != "" {
		s += " note=" + e.Note
	}
	return s
}

type lexiconShowCmd struct {
	where
	ID   string `arg:"" help:"Id of the entry, as a finding names it."`
	JSON bool   `help:"Print the entry as JSON."`
}

func (lexiconShowCmd) Help() string {
	return "Example:\n  hegui lexicon show t-3f29ab10cc4e\n\nShows the entry as the draft has it, and where it comes from."
}

func (c lexiconShowCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	row, err := in.lexicon.Find(ctx, c.ID)
	if err != nil {
		return err
	}
	return o.json(row)
}

type lexiconSetCmd struct {
	where
	by
	IDs      []string `arg:"" name:"id" help:"Ids of entries; with --text one new or old entry."`
	Tier     string   `help:"block, signal, observe or quarantine." enum:",block,signal,observe,quarantine" default:""`
	Category string   `help:"Risk, A1a to A5b." placeholder:"RISK"`
	Text     *string  `help:"The text to match."`
	Note     *string  `help:"Why the entry is here."`
	Expires  *string  `help:"Last day in force, YYYY-MM-DD; empty: never ends." placeholder:"DAY"`
	Allow    *bool    `help:"Make it an allow entry, which cancels hits it overlaps." negatable:""`
	JSON     bool     `help:"Print the entries as JSON."`
}

func (lexiconSetCmd) Help() string {
	return `Examples:
  hegui lexicon set starter-A1h-block-0012 --tier observe --note 'hits recipes'
  hegui lexicon set own-1 --text '代开发票' --category A2c --tier signal

Changes the draft; hegui lexicon publish puts it in force. An entry of the starter or of a list in hegui.yaml is changed by an own
entry of the same id, which takes its place.`
}

func (c lexiconSetCmd) Run(ctx context.Context, o out) error {
	if c.Text != nil && len(c.IDs) != 1 {
		return usageError{"--text is of one entry; name one id"}
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
	d, err := in.lexicon.Draft(ctx)
	if err != nil {
		return err
	}
	rows, err := in.lexicon.Rows(d.Entries)
	if err != nil {
		return err
	}
	have := map[string]moderation.Entry{}
	for _, r := range rows {
		have[r.ID] = r.Entry
	}
	var entries []moderation.Entry
	for _, id := range c.IDs {
		e, known := have[id]
		if !known && c.Text == nil {
			return usageError{fmt.Sprintf("no entry has the id %q; a new one needs --text, --category and --tier", id)}
		}
		e.ID = id
		e.Tier, e.Category = cmp.Or(moderation.Tier(c.Tier), e.Tier), cmp.Or(c.Category, e.Category)
		for _, field := range []struct{ from, to *string }{{c.Text, &e.Text}, {c.Note, &e.Note}, {c.Expires, &e.Expires}} {
			if field.from != nil {
				*field.to = *field.from
			}
		}
		if c.Allow != nil {
			e.Allow = *c.Allow
		}
		entries = append(entries, e)
	}
	if err := in.lexicon.Set(ctx, who, entries...); err != nil {
		return err
	}
	if c.JSON {
		return o.json(entries)
	}
	for _, e := range entries {
		o.printf("%s\n", entryLine(e))
	}
	o.printf("in the draft; put it in force with: hegui lexicon publish\n")
	return nil
}

type lexiconRemoveCmd struct {
	where
	by
	IDs  []string `arg:"" name:"id" help:"Ids of own entries."`
	JSON bool     `help:"Print the outcome as JSON."`
}

func (lexiconRemoveCmd) Help() string {
	return "Example:\n  hegui lexicon remove t-3f29ab10cc4e\n\nAn entry of the starter or of hegui.yaml is put out of force with: hegui lexicon set ID --tier quarantine"
}

func (c lexiconRemoveCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	if err := in.lexicon.Remove(ctx, who, c.IDs...); err != nil {
		return err
	}
	if c.JSON {
		return o.json(map[string]any{"removed": c.IDs})
	}
	o.printf("removed %d in the draft; put it in force with: hegui lexicon publish\n", len(c.IDs))
	return nil
}

type lexiconDiscardCmd struct {
	where
	by
	JSON bool `help:"Print the outcome as JSON."`
}

func (lexiconDiscardCmd) Help() string { return "Example:\n  hegui lexicon discard" }

func (c lexiconDiscardCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	d, err := in.lexicon.Draft(ctx)
	if err != nil {
		return err
	}
	if err := in.lexicon.Discard(ctx, who); err != nil {
		return err
	}
	if c.JSON {
		return o.json(map[string]any{"discarded": d.Tally.Sum()})
	}
	o.printf("discarded %d changes\n", d.Tally.Sum())
	return nil
}

type lexiconStatsCmd struct {
	where
	Draft bool `help:"Of the draft instead of the version in force."`
	JSON  bool `help:"Print the numbers as JSON."`
}

func (lexiconStatsCmd) Help() string {
	return "Examples:\n  hegui lexicon stats\n  hegui lexicon stats --draft --json\n\nExit 1 when a risk that a keyword library must cover has no entry. hegui ships no list of sensitive terms: fill those risks with your own."
}

// readFile reads a list that a command names, - for standard input.
func readFile(name string) ([]byte, error) {
	in := os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usageError{err.Error()}
		}
		defer f.Close()
		in = f
	}
	if about, err := in.Stat(); err == nil && about.Mode().IsRegular() && about.Size() > moderation.MaxImportBytes {
		return nil, usageError{fmt.Sprintf("%s has %d MB; split it into files of at most %d MB", name, about.Size()>>20, moderation.MaxImportBytes>>20)}
	}
	b, err := io.ReadAll(io.LimitReader(in, moderation.MaxImportBytes+1))
	if err != nil {
		return nil, usageError{err.Error()}
	}
	if len(b) > moderation.MaxImportBytes {
		return nil, usageError{fmt.Sprintf("%s has more than %d MB; split it into files", name, moderation.MaxImportBytes>>20)}
	}
	return b, nil
}
