package main

import (
	"fmt"
	"io"
	"os"

	"github.com/hegui/hegui/upstream"
)

type upstreamCmd struct {
	Refusals upstreamRefusalsCmd `cmd:"" help:"How providers say that they refuse content; tries an answer on the table."`
}

type upstreamRefusalsCmd struct {
	where
	Answer string `help:"File with an error answer of a provider (- is standard input); tells which row takes it for a refusal." placeholder:"FILE"`
	Status int    `help:"HTTP status that the answer came with." default:"400"`
	JSON   bool   `help:"Print as JSON."`
}

func (upstreamRefusalsCmd) Help() string {
	return "Examples:\n  hegui upstream refusals\n  hegui upstream refusals --answer error.json --status 500\n\nRows of your own stand in the configuration, under upstreams[].refusals; they come first. Exit code 1: no row takes the answer for a refusal."
}

func (c upstreamRefusalsCmd) Run(o out) error {
	known, err := upstream.KnownRefusals()
	if err != nil {
		return err
	}
	rows := known
	if f, err := c.load(); err != nil {
		return err
	} else if f.Path != "" {
		rows = nil
		for _, u := range f.Upstreams {
			for _, r := range u.Refusals {
				rows = append(rows, r.row(u.Name))
			}
		}
		rows = append(rows, known...)
	}
	if c.Answer != "" {
		return c.try(o, rows)
	}
	if c.JSON {
		return o.json(rows)
	}
	o.printf("%-18s  %-48s  %-8s  %-10s  %s\n", "ID", "PROVIDER", "REFUSES", "SEEN", "SOURCE")
	for _, r := range rows {
		o.printf("%-18s  %-48s  %-8s  %-10s  %s\n", r.ID, r.Provider, r.Side, r.Seen, r.Source)
	}
	o.printf("\nNo row was tried against the provider itself; they follow its documents or reports of its users.\n")
	return nil
}

// try tells which row an answer fits.
func (c upstreamRefusalsCmd) try(o out, rows []upstream.RefusalRow) error {
	body, err := readAnswerFile(c.Answer)
	if err != nil {
		return usageError{fmt.Sprintf("--answer: %v", err)}
	}
	found, err := upstream.RefusalIn(rows, c.Status, body)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		err = o.json(found)
	case found != nil:
		o.printf("a refusal of the %s: row %s (%s)\n", found.Side, found.Row, found.Provider)
	default:
		o.printf("no refusal: an answer like this counts as a failure or is passed on\n")
	}
	if err == nil && found == nil {
		return errFinding
	}
	return err
}

func readAnswerFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}
