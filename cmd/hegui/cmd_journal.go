package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/hegui/hegui/journal"
)

type journalCmd struct {
	Verify     journalVerifyCmd     `cmd:"" help:"Read everything again and recompute it; exit 1 when something is not what was committed."`
	Prove      journalProveCmd      `cmd:"" help:"Print the proof that an event stands in a signed tree."`
	Export     journalExportCmd     `cmd:"" help:"Write a tree as C2SP tlog-tiles, which outside tools verify."`
	Checkpoint journalCheckpointCmd `cmd:"" help:"Sign the present tree and print the checkpoint."`
}

// verify re-reads journal, registers that derive from it, and the subjects' keys.
func (in *installation) verify(ctx context.Context, progress func(done, total int64)) (journal.Report, error) {
	report, err := in.journal.Verify(ctx, []journal.Projection{in.exchanges, in.services, in.lexicon, in.reviews, in.answers, in.emergency, in.functions, in.content}, progress)
	if err != nil {
		return report, err
	}
	keys, err := in.vault.Check(ctx)
	if err != nil {
		return report, err
	}
	report.Damaged = append(report.Damaged, keys...)
	report.DamagedAll += int64(len(keys))
	report.Sound = report.Sound && len(keys) == 0
	return report, nil
}

type journalVerifyCmd struct {
	where
	JSON bool `help:"Print the report as JSON."`
}

func (journalVerifyCmd) Help() string {
	return "Example:\n  hegui journal verify --data ./hegui-data\n\nNames each damaged row and exits 1. Works beside a running server."
}

func (c journalVerifyCmd) Run(ctx context.Context, o out) error {
	in, err := c.openDamaged(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	report, err := in.verify(ctx, progressLine(o, c.JSON))
	if err != nil {
		return err
	}
	if c.JSON {
		if err := o.json(report); err != nil {
			return err
		}
	} else {
		for _, h := range report.Heads {
			o.printf("tree %s: %d events, root %s\n", h.Log, h.Size, h.Root)
		}
		for _, d := range report.Damaged {
			o.printf("DAMAGED %s %s: %s\n", d.Table, d.Row, d.What)
		}
		if report.Sound {
			o.printf("sound: %d events read, nothing damaged\n", report.Events)
			o.printf("compared with their events: journal, exchanges, sealed content, agreement texts, lexicon versions, reviewed decisions, classifiers, approved answers, emergency measures, decisions about functions; not yet: users, keys, staff\n")
		} else {
			o.printf("not sound: %d damaged; stop writing to this installation, keep a copy of its data directory, and compare with a backup\n", report.DamagedAll)
		}
	}
	if !report.Sound {
		return errFinding
	}
	return nil
}

// progressLine writes one line over and over where a person looks on.
func progressLine(o out, quiet bool) func(done, total int64) {
	f, ok := o.stderr.(*os.File)
	if !ok || quiet {
		return nil
	}
	if s, err := f.Stat(); err != nil || s.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(done, total int64) {
		fmt.Fprintf(f, "\r%d of %d", done, total)
		if done >= total {
			fmt.Fprint(f, "\r\033[K")
		}
	}
}

type journalProveCmd struct {
	where
	Event string `arg:"" help:"LOG#SEQ as events are named, a bare SEQ of this node's tree, or the id of an exchange."`
	JSON  bool   `help:"Print the proof as JSON."`
}

func (journalProveCmd) Help() string {
	return "Examples:\n  hegui journal prove 42\n  hegui journal prove 01JD0000000000000000000000 --json > proof.json\n\nThe proof is checked before it is printed."
}

func (c journalProveCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	log, seq, err := in.event(ctx, c.Event)
	if err != nil {
		return err
	}
	p, err := in.journal.Prove(ctx, log, seq)
	if err != nil {
		return err
	}
	if err := p.Check(in.keys.Verifier); err != nil {
		return fmt.Errorf("the proof does not hold: %w; run: hegui journal verify", err)
	}
	if c.JSON {
		return o.json(map[string]any{"proof": p, "public_key": in.keys.Public})
	}
	o.printf("event %s#%d stands in the tree of %d events\n\n%s\n\nleaf\n%s\n\naudit path\n", p.Log, p.Seq, p.Size, p.Checkpoint, p.Leaf)
	for _, h := range p.Hashes {
		o.printf("%s\n", h)
	}
	o.printf("\npublic key\n%s\n", strings.TrimSpace(in.keys.Public))
	return nil
}

// event finds the leaf that an argument names.
func (in *installation) event(ctx context.Context, name string) (log string, seq int64, err error) {
	log = in.journal.Origin()
	number := name
	if l, n, ok := strings.Cut(name, "#"); ok {
		log, number = l, n
	}
	if seq, err := strconv.ParseInt(number, 10, 64); err == nil && seq >= 0 {
		return log, seq, nil
	}
	_, e, err := in.exchanges.Get(ctx, name)
	if err != nil {
		return "", 0, usageError{fmt.Sprintf("%q is neither an event (LOG#SEQ) nor an exchange: %v", name, err)}
	}
	return e.Log, e.Seq, nil
}

type journalExportCmd struct {
	where
	Dir  string `arg:"" help:"Directory to write to; it must be empty or not exist."`
	Log  string `help:"Tree to export (default: this node's)." placeholder:"ORIGIN"`
	JSON bool   `help:"Print what was written as JSON."`
}

func (journalExportCmd) Help() string { return "Example:\n  hegui journal export ./evidence" }

func (c journalExportCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	log := c.Log
	if log == "" {
		log = in.journal.Origin()
	}
	if err := in.journal.Export(ctx, log, c.Dir, progressLine(o, c.JSON)); err != nil {
		return err
	}
	if c.JSON {
		return o.json(map[string]any{"log": log, "dir": c.Dir, "public_key": in.keys.Public})
	}
	o.printf("exported %s to %s\npublic key: %s\n", log, c.Dir, strings.TrimSpace(in.keys.Public))
	return nil
}

type journalCheckpointCmd struct {
	where
	JSON bool `help:"Print the checkpoint as JSON."`
}

func (journalCheckpointCmd) Help() string {
	return "Example:\n  hegui journal checkpoint > checkpoint.txt\n\nHand checkpoints to somebody outside now and then: nobody can rewrite what came before one that is out of the house."
}

func (c journalCheckpointCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	note, err := in.journal.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(map[string]any{"checkpoint": note, "public_key": in.keys.Public})
	}
	o.printf("%s", note)
	return nil
}
