package main

import (
	"context"
	"strings"

	"github.com/hegui/hegui/obligation"
)

type checkCmd struct {
	where
	JSON bool `help:"Print all rows as JSON."`
}

func (checkCmd) Help() string {
	return `Computes the status of every duty from the evidence. Exit 1 when any is a breach.
The portal of a running server is looked at from outside; without one, duties that rest on it cannot be met.
The lexicon judged is the one published last; when no server has recorded that it serves with it, that is said.

Example:
  hegui check --data ./hegui-data --json`
}

func (c checkCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	running := readServing(in.config.Data)
	if listens(ctx, running.Gateway) || listens(ctx, running.Console) || listens(ctx, running.Portal) {
		in.awaitLexicon(ctx)
	}
	results := in.findings(ctx, running.Portal)
	breach := false
	counts := map[obligation.Status]int{}
	for _, r := range results {
		counts[r.Finding.Status]++
		breach = breach || r.Finding.Status == obligation.Breach
	}
	if c.JSON {
		if err := o.json(results); err != nil {
			return err
		}
	} else {
		article := ""
		for _, r := range results {
			if r.Duty.ArticleNo != article {
				article = r.Duty.ArticleNo
				o.printf("\n第 %s 条 Art %s\n", strings.TrimLeft(article, "0"), strings.TrimLeft(article, "0"))
			}
			o.printf("  %-14s %-7s %s / %s\n", r.Finding.Status, r.Duty.ID, r.Duty.TitleZH, r.Duty.TitleEN)
			if s := r.Finding.Summary; s.EN != "" && r.Finding.Status != obligation.Met {
				o.printf("  %-14s %-7s   %s\n", "", "", s.EN)
			}
		}
		o.printf("\n%d duties:", len(results))
		for _, s := range []obligation.Status{obligation.Met, obligation.Notice, obligation.Short, obligation.Breach, obligation.Unknown, obligation.NotYet, obligation.NotApplicable} {
			if counts[s] > 0 {
				o.printf(" %d %s", counts[s], s)
			}
		}
		o.printf("\n")
	}
	if breach {
		return errFinding
	}
	return nil
}
