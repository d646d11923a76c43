package main

import (
	"context"
	"os"
	"time"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/measures"
)

type contentCmd struct {
	Find contentFindCmd `cmd:"" help:"Was this made here, and by what? Asks the ledger and the file's label."`
	List contentListCmd `cmd:"" help:"List what was generated, newest first."`
	Hash contentHashCmd `cmd:"" help:"Print lines for the list of files that are not taken (blocked_files)."`
}

type contentFindCmd struct {
	where
	What string `arg:"" optional:"" name:"file-or-id" help:"A file, or a content ID (ProduceID of a label)."`
	Text string `help:"A text as it was given out, the whole of it." placeholder:"TEXT"`
	JSON bool   `help:"Print the answer as JSON."`
}

func (contentFindCmd) Help() string {
	return `A file is looked for by its bytes, its label and, if it is an image, by how it looks; a text by itself, at least 20 characters of it.

Exit: 0 it was made here, or may have been; 1 it carries a label that says otherwise or does not conform; 3 nothing was found; 10 the file cannot be read.

Examples:
  hegui content find picture.jpg
  hegui content find 01KB0000000000000000000000 --json
  hegui content find --text "$(cat answer.txt)"`
}

func (c contentFindCmd) Run(ctx context.Context, o out) error {
	if (c.What == "") == (c.Text == "") {
		return usageError{"name a file or a content ID, or give a text with --text"}
	}
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	q := content.Question{Text: c.Text, Provider: in.services.Provider().Code}
	if _, err := os.Stat(c.What); c.What != "" && err == nil {
		f, file, err := openFile(c.What)
		if err != nil {
			return usageError{c.What + ": " + err.Error()}
		}
		defer func() { _ = f.Close() }()
		q.File = file
	} else {
		q.ID = c.What
	}
	a, err := in.content.Look(ctx, q)
	if err != nil {
		return err
	}
	if c.JSON {
		err = o.json(a)
	} else {
		o.found(a)
	}
	code := map[content.Outcome]int{content.MadeHere: exitOK, content.MayBe: exitOK, content.Nothing: exitNotFound, content.Unread: exitFailure}
	if n, ok := code[a.Outcome]; err != nil || ok && n == exitOK {
		return err
	} else if ok {
		return exitError(n)
	}
	return exitError(exitFinding)
}

// found prints what is known of a content.
func (o out) found(a content.Answer) {
	o.printf("%s\n", map[content.Outcome]string{
		content.MadeHere:  "made here",
		content.MayBe:     "it may have been made here: it looks alike",
		content.Claims:    "its label names this provider, but the ledger does not have it: older than the ledger, or forged",
		content.Foreign:   "it carries the label of another producer",
		content.Malformed: "it carries a label that does not say who made it",
		content.Nothing:   "nothing found: no label and no trace; that does not prove that no AI made it",
		content.Unread:    "it cannot be told: the file is of no known kind or cannot be read whole",
	}[a.Outcome])
	for _, t := range a.Traces {
		o.printf("  %s  %s by %s  %s  service %s, model %s, exchange %s\n", t.ID, t.Sure, t.By, t.At.In(measures.Shanghai()).Format(time.DateTime), t.Service, t.Model, t.Exchange)
	}
	if a.Short {
		o.printf("  the text has less than %d characters: too short to be looked for\n", content.MinText)
	}
	if a.Worded {
		o.printf("  the text has the words of a label\n")
	}
	if a.NoLook != "" {
		o.printf("  not looked for by how it looks: %s\n", a.NoLook)
	}
	if a.Label != nil {
		o.verified(verified{File: "label", Report: *a.Label})
	}
}

type contentListCmd struct {
	where
	Service string `help:"Only this service's." placeholder:"ID"`
	Medium  string `help:"Only image, audio, video, document or text." placeholder:"KIND"`
	Model   string `help:"Only of this model." placeholder:"NAME"`
	Before  string `help:"Only content before this id, for paging." placeholder:"ID"`
	Limit   int    `help:"At most so many." default:"100"`
	JSON    bool   `help:"Print the list as JSON."`
}

func (contentListCmd) Help() string { return "Example:\n  hegui content list --medium image" }

func (c contentListCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	list, err := in.content.List(ctx, content.Filter{Service: c.Service, Medium: c.Medium, Model: c.Model, Before: c.Before, Limit: c.Limit})
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(notNil(list))
	}
	o.printf("%-28s  %-19s  %-8s  %-16s  %-20s  %-8s  %s\n", "ID", "TIME (UTC+8)", "KIND", "SERVICE", "MODEL", "LABEL", "BYTES")
	for _, m := range list {
		o.printf("%-28s  %-19s  %-8s  %-16s  %-20s  %-8s  %d\n", m.ID, m.At.In(measures.Shanghai()).Format(time.DateTime), m.Medium, m.Service, m.Model, m.Explicit, m.Bytes)
	}
	return nil
}
