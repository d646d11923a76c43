package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hegui/hegui/answers"
)

type answersCmd struct {
	Import  answersImportCmd  `cmd:"" help:"Read answers from XLSX or JSON lines, as drafts."`
	List    answersListCmd    `cmd:"" help:"List the answers."`
	Show    answersShowCmd    `cmd:"" help:"Show one answer with its history."`
	Approve answersApproveCmd `cmd:"" help:"Put a draft in force; another person than its author."`
	Retire  answersRetireCmd  `cmd:"" help:"Take an answer out of force, or drop a draft."`
	Try     answersTryCmd     `cmd:"" help:"Say which answer a question would get."`
	Export  answersExportCmd  `cmd:"" help:"Write the answers in force as XLSX or JSON lines."`
}

type answersImportCmd struct {
	where
	by
	File string `arg:"" help:"XLSX with the headings id, questions, zh, en, risk, aspect, services, source, valid_from, valid_until; or JSON lines with the same names."`
	JSON bool   `help:"Print the versions as JSON."`
}

func (answersImportCmd) Help() string {
	return "Examples:\n  hegui answers import 代答.xlsx --by wang\n  hegui answers import answers.jsonl --by wang\n\nOne bad line refuses the whole file. What did not change is left alone; the rest becomes drafts, which another person approves."
}

func (c answersImportCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	data, err := readFile(c.File)
	if err != nil {
		return usageError{err.Error()}
	}
	list, err := answers.Read(filepath.Base(c.File), data)
	if err != nil {
		return usageError{err.Error()}
	}
	written, err := in.answers.Set(ctx, who, list...)
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(notNil(written))
	}
	var past []string
	for _, v := range written {
		if v.Past(answers.Today(time.Now())) {
			past = append(past, v.ID+" ("+v.Until+")")
		}
	}
	if len(past) > 0 {
		o.printf("warning: the last day of these is over; they cannot be approved and would never be given: %s\n", strings.Join(past, ", "))
	}
	o.printf("%d answers read, %d new drafts; approve them with: hegui answers approve ID --by SOMEBODY-ELSE, or in the console\n", len(list), len(written))
	return nil
}

type answersListCmd struct {
	where
	JSON bool `help:"Print the list as JSON."`
}

func (answersListCmd) Help() string { return "Example:\n  hegui answers list" }

func (c answersListCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	list, err := in.answers.List(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(notNil(list))
	}
	o.printf("%-24s  %-10s  %-5s  %-23s  %s\n", "ANSWER", "STATE", "RISK", "VALID", "QUESTION")
	for _, v := range list {
		valid := strings.Trim(v.From+" to "+v.Until, " ")
		if v.From == "" && v.Until == "" {
			valid = "always"
		}
		o.printf("%-24s  %-10s  %-5s  %-23s  %s\n", v.Ref(), v.State, v.Risk, valid, v.Questions[0])
	}
	return nil
}

type answersShowCmd struct {
	where
	ID string `arg:"" help:"Id of the answer."`
}

func (answersShowCmd) Help() string { return "Example:\n  hegui answers show refund" }

func (c answersShowCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	list, err := in.answers.History(ctx, c.ID)
	if err != nil {
		return err
	}
	return o.json(list)
}

type answersApproveCmd struct {
	where
	by
	ID      string `arg:"" help:"Id of the answer."`
	Version int    `help:"Version (default: the newest)."`
}

func (answersApproveCmd) Help() string { return "Example:\n  hegui answers approve refund --by li" }

func (c answersApproveCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	v, err := in.answers.Approve(ctx, who, c.ID, c.Version)
	if err != nil {
		return err
	}
	o.printf("%s is in force\n", v.Ref())
	return nil
}

type answersRetireCmd struct {
	where
	by
	ID      string `arg:"" help:"Id of the answer."`
	Version int    `help:"Version (default: the newest)."`
	Reason  string `required:"" help:"Why; recorded as evidence."`
}

func (answersRetireCmd) Help() string {
	return "Example:\n  hegui answers retire refund --reason '规则已改'"
}

func (c answersRetireCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	v, err := in.answers.Retire(ctx, who, c.ID, c.Version, c.Reason)
	if err != nil {
		return err
	}
	o.printf("%s is retired\n", v.Ref())
	return nil
}

type answersTryCmd struct {
	where
	Question string `arg:"" help:"A question."`
	Service  string `help:"Id of the service." required:""`
	JSON     bool   `help:"Print the match as JSON."`
}

func (answersTryCmd) Help() string {
	return "Example:\n  hegui answers try '怎么申请退款' --service assistant\n\nExit code 1: no answer would be given."
}

func (c answersTryCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	if _, ok := in.services.Service(c.Service); !ok {
		return usageError{fmt.Sprintf("--service %q: there is no such service; the configuration names those there are", c.Service)}
	}
	m, err := in.answers.Find(ctx, c.Question, c.Service)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		err = o.json(map[string]any{"band": m.Band, "answer": m.Version.ID, "version": m.Version.N, "question": m.Question, "score": m.Score})
	case m.Band == answers.Far:
		o.printf("far (%.2f): the model answers\n", m.Score)
	default:
		o.printf("%s (%.2f): %s, by its question: %s\n", m.Band, m.Score, m.Version.Ref(), m.Question)
	}
	if err == nil && m.Band != answers.Same {
		return errFinding
	}
	return err
}

type answersExportCmd struct {
	where
	Out    string `short:"o" help:"Write to this file, .xlsx or .jsonl (default: JSON lines to standard output)." placeholder:"FILE"`
	Drafts bool   `help:"Drafts too."`
}

func (answersExportCmd) Help() string { return "Example:\n  hegui answers export -o 代答.xlsx" }

func (c answersExportCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	all, err := in.answers.List(ctx)
	if err != nil {
		return err
	}
	var list []answers.Version
	for _, v := range all {
		if v.State == answers.Approved || c.Drafts && v.State == answers.Draft {
			list = append(list, v)
		}
	}
	if c.Out == "" {
		return answers.Export(o.stdout, "jsonl", list)
	}
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(c.Out)), ".")
	if format != "xlsx" && format != "jsonl" {
		return usageError{fmt.Sprintf("--out %q: end its name in .xlsx or .jsonl", c.Out)}
	}
	f, err := os.Create(c.Out)
	if err != nil {
		return usageError{err.Error()}
	}
	if err := answers.Export(f, format, list); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	o.printf("wrote %s: %d answers\n", c.Out, len(list))
	return nil
}
