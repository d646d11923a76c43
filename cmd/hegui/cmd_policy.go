package main

import (
	"context"
	"os"
	"strings"

	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

type policyCmd struct {
	Show policyShowCmd `cmd:"" help:"Print the configured policy's table."`
	Try  policyTryCmd  `cmd:"" help:"Try a policy beside the configured one: its tests, what it decides otherwise, what it would refuse."`
}

type policyShowCmd struct {
	where
	JSON bool `help:"Print the rows as JSON."`
}

func (policyShowCmd) Help() string { return "Example:\n  hegui policy show" }

func (c policyShowCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	p, err := in.config.policy()
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(p.Lines())
	}
	o.printf("%s, %d rows, hash %s; from the top, the first row that matches decides\n", p.Name(), p.Rows(), p.Hash()[:12])
	for _, l := range p.Lines() {
		o.printf("  %-20s %-9s %-20s %s\n", l.Name, l.Decision.Action, l.Decision.Reason, strings.Join(l.Conditions(), "; "))
	}
	return nil
}

type policyTryCmd struct {
	where
	File string `arg:"" help:"The policy, as policy.file names one." type:"existingfile"`
	JSON bool   `help:"Print everything as JSON."`
}

func (policyTryCmd) Help() string {
	return `Compiles the file, runs its tests with the lexicon in force, lists for which findings it decides otherwise than the configured policy, and
counts what both refuse of the questions that must be answered, of harmless text and of recently accepted content. Nothing is put in
force: name the file in hegui.yaml for that (policy: {file: ...}).

Example:
  hegui policy try new-policy.yaml

Exit 1 when its tests fail, or it would refuse more of what should be answered.`
}

func (c policyTryCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	text, err := os.ReadFile(c.File)
	if err != nil {
		return usageError{err.Error()}
	}
	after, err := moderation.ParsePolicy(c.File, text)
	if err != nil {
		return usageError{err.Error()}
	}
	before, err := in.config.policy()
	if err != nil {
		return err
	}
	t, err := in.lexicon.TryPolicy(ctx, before, after)
	if err != nil {
		return err
	}
	bad := t.Failed != "" || !t.Figures.Passes()
	if c.JSON {
		if err := o.json(t); err != nil {
			return err
		}
	} else {
		o.printf("%s, %d rows, hash %s, beside %s, hash %s\n", t.Name, t.Rows, t.After[:12], before.Name(), t.Before[:12])
		if t.Failed != "" {
			o.printf("ITS TESTS FAIL: %s\n", t.Failed)
		}
		if t.Same() {
			o.printf("it decides nothing otherwise\n")
		}
		for _, d := range t.Differences {
			o.printf("%-3s  %-7s  %8s -> %-8s  %s\n", d.Direction, d.Tier, d.Before, d.After, strings.Join(append([]string{riskList(d.Categories)}, d.Where...), "; "))
		}
		printFigures(o, t.Figures)
	}
	if bad {
		return errFinding
	}
	return nil
}

// riskList names risks, all of them in one word.
func riskList(ids []string) string {
	if len(ids) == len(measures.Risks()) {
		return "every risk"
	}
	return strings.Join(ids, " ")
}
