package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hegui/hegui/label"
)

type labelVerifyCmd struct {
	Files []string `arg:"" name:"file" help:"Files; patterns such as *.png are expanded."`
	Keys  string   `help:"Public keys (PEM) of producers that are known; signatures in ReservedCode1 are checked with them." placeholder:"FILE"`
	JSON  bool     `help:"Print as JSON lines."`
}

func (labelVerifyCmd) Help() string {
	return `Every place and wrapping in use is read. A label that does not conform is reported as that, never as missing; a file that cannot be read whole is
inconclusive. Words on images and the rhythm in WAV recordings are looked for too; they do not change the verdict, for a mark may be drawn in ways that are
not known here.

Exit: 0 all carry a conforming label, 1 a label does not conform, 3 a file carries none, 10 a file is inconclusive; of several files the worst.

Example:
  hegui label verify *.jpg --json`
}

// verified is a line of label verify.
type verified struct {
	File     string     `json:"file"`
	Explicit label.Seen `json:"explicit"`
	label.Report
	Signature *label.Signature `json:"signature,omitempty"` // in ReservedCode1 of the label that counts
}

func (c labelVerifyCmd) Run(ctx context.Context, o out) error {
	files, err := expand(c.Files)
	if err != nil {
		return err
	}
	var keys []label.PublicKey
	if c.Keys != "" {
		b, err := os.ReadFile(c.Keys)
		if err == nil {
			keys, err = label.ParsePublicKeys(b)
		}
		if err != nil {
			return usageError{"--keys: " + err.Error()}
		}
	}
	worst := exitOK
	rank := map[int]int{exitOK: 0, exitNotFound: 1, exitFinding: 2, exitFailure: 3}
	bar := newBar(o.stderr, len(files))
	for _, path := range files {
		bar.at(path)
		v := verifyFile(ctx, path)
		if there, ok := v.Label(); ok {
			if s, ok := there.Value.CheckSignature(keys); ok {
				v.Signature = &s
			}
		}
		bar.clear()
		code := map[label.Verdict]int{label.Compliant: exitOK, label.NotFound: exitNotFound, label.Noncompliant: exitFinding, label.Inconclusive: exitFailure}[v.Verdict]
		if rank[code] > rank[worst] {
			worst = code
		}
		if c.JSON {
			if err := o.jsonLine(v); err != nil {
				return err
			}
			continue
		}
		o.verified(v)
	}
	if worst == exitOK {
		return nil
	}
	return exitError(worst)
}

func verifyFile(ctx context.Context, path string) verified {
	f, file, err := openFile(path)
	if err != nil {
		return verified{File: path, Explicit: label.Seen{Sign: label.SignNone}, Report: label.Report{Verdict: label.Inconclusive, Labels: []label.Found{}, Faults: []label.Fault{}, Reason: err.Error(), Err: err}}
	}
	defer func() { _ = f.Close() }()
	return verified{File: path, Explicit: label.LookExplicit(ctx, file), Report: label.Verify(file)}
}

// verified prints what is known of a file.
func (o out) verified(v verified) {
	kind := v.Format
	if kind == "" {
		kind = "unknown"
	}
	o.printf("%s: %s (%s)\n", v.File, v.Verdict, kind)
	for _, l := range v.Labels {
		meaning := map[string]string{"1": "is generated", "2": "may be generated", "3": "suspected"}[l.Value.Label]
		if meaning == "" {
			meaning = fmt.Sprintf("Label %q", l.Value.Label)
		}
		o.printf("  %s at byte %d: %s; producer %s, %s; propagator %s, %s\n", l.Place, l.Offset, meaning, l.Value.ContentProducer, l.Value.ProduceID, l.Value.ContentPropagator, l.Value.PropagateID)
	}
	if s := v.Signature; s != nil {
		word := "does not hold"
		switch {
		case s.Trusted:
			word = "holds, key " + s.KeyID
		case s.Valid:
			word = "holds for an unknown key"
		case s.Unknown:
			word = "cannot be checked"
		}
		o.printf("  signature (%s): %s", s.Profile, word)
		if s.Reason != "" {
			o.printf("; %s", s.Reason)
		}
		o.printf("\n")
	}
	switch x := v.Explicit; {
	case x.Sign != label.SignNone:
		short := ""
		if x.Short {
			short = "; GB 45438-2025 5.2 asks for 5 %"
		}
		o.printf("  people see or hear: %s, %s%s\n", x.Sign, x.Detail, short)
	case x.Looked:
		o.printf("  people see or hear: nothing that is known here\n")
	case x.Reason != "":
		o.printf("  not looked at for a visible or audible mark: %s\n", x.Reason)
	}
	for _, f := range v.Faults {
		o.printf("  %s %s: %s\n", f.Force, f.Code, f.Detail)
	}
	if v.Reason != "" {
		o.printf("  %s\n", v.Reason)
	}
}

type labelTextCmd struct {
	File  string `arg:"" optional:"" default:"-" help:"Text to label; - is standard input."`
	Place string `help:"Where the label stands: start or end." enum:"start,end" default:"start"`
	Lang  string `help:"Language of the label: zh or en." enum:"zh,en" default:"zh"`
}

func (labelTextCmd) Help() string {
	return `The words of GB 45438-2025 5.1 in a paragraph of their own. A text that carries a worded label already is printed as it is.

Example:
  hegui label text answer.txt > labelled.txt`
}

func (c labelTextCmd) Run(o out) error {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return usageError{err.Error()}
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	text := string(b)
	if !label.HasExplicit(text) {
		words := label.Words(label.Place(c.Place), c.Lang)
		text = words.Prefix + strings.TrimSuffix(text, "\n") + words.Suffix + "\n"
	}
	o.printf("%s", text)
	return nil
}

type labelFormatsCmd struct {
	JSON bool `help:"Print as JSON."`
}

// labelFormat is a line of label formats.
type labelFormat struct {
	Name       string   `json:"name"`
	Title      string   `json:"title"`
	Medium     string   `json:"medium"`
	Extensions []string `json:"extensions"`
	MIME       []string `json:"mime"`
	Place      string   `json:"place"`
	Guide      string   `json:"guide"`
}

func (c labelFormatsCmd) Run(o out) error {
	var list []labelFormat
	for _, f := range label.Formats() {
		list = append(list, labelFormat{f.Name, f.Title, f.Medium, f.Extensions, f.MIME, f.Place, f.Guide})
	}
	if c.JSON {
		return o.json(list)
	}
	for _, f := range list {
		o.printf("%-8s  %-9s  %-20s  %s (%s)\n", f.Name, f.Medium, strings.Join(f.Extensions, " "), f.Place, f.Guide)
	}
	return nil
}
