package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hegui/hegui/lexicon"
)

type lexiconRollbackCmd struct {
	where
	by
	N       int    `arg:"" name:"n" help:"Number of the version, as in: hegui lexicon versions. 0: none of the register's own entries."`
	Approve bool   `help:"Approve, as another person than the one who proposed it, and put in force again."`
	Note    string `help:"Why; kept with the new version."`
	JSON    bool   `help:"Print the version, or the figures that stood in its way, as JSON."`
}

func (lexiconRollbackCmd) Help() string {
	return `Measures an earlier version today, beside the one in force, and publishes its entries as a new one. When more would be refused than
now (of the questions that must be answered, of harmless text, of your own accepted texts), nothing changes and the exit code is 1;
with --by it is then proposed, and another person may --approve it. Of a version that two persons have agreed to before, only the
questions are asked about again. The draft stays as it is.

Examples:
  hegui lexicon rollback 7 --note 'version 8 refused recipes'
  hegui lexicon rollback 7 --by wang.li --note 'version 8 let fraud through'
  hegui lexicon rollback 7 --approve --by li.na`
}

func (c lexiconRollbackCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	if c.Approve {
		if c.By == "" {
			return usageError{"--approve needs --by LOGIN: another person than the one who proposed it"}
		}
		v, err := in.lexicon.ApproveRollback(ctx, who, c.N)
		if err != nil {
			return err
		}
		return printPublished(o, v, c.JSON)
	}
	fmt.Fprintf(o.stderr, "measuring version %d ...\n", c.N)
	v, back, err := in.lexicon.Restore(ctx, who, c.N, c.Note)
	if err == nil {
		return printPublished(o, v, c.JSON)
	}
	if !errors.Is(err, lexicon.ErrNeedsSecond) {
		return err
	}
	if c.JSON {
		return errors.Join(o.json(map[string]any{"published": false, "proposed": back.Proposal != nil, "concerns": back.Concerns(), "figures": back.Figures}), errFinding)
	}
	printFigures(o, back.Figures)
	o.printf("NOT in force: it would refuse more than what is in force, so a second person must approve.\n")
	if back.Proposal != nil {
		o.printf("Proposed, for today. Another person may now run: hegui lexicon rollback %d --approve --by LOGIN\n", c.N)
	} else {
		o.printf("Propose it as somebody: hegui lexicon rollback %d --by LOGIN; or go back to a version that refuses less\n", c.N)
	}
	return errFinding
}
