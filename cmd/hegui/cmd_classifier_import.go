package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation/linear"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
)

type classifierImportCmd struct {
	where
	Artefact string `arg:"" help:"Artefact that hegui classifier train wrote."`
	Samples  string `help:"Samples that it was not trained on, to measure it with beside the must-answer bank." placeholder:"FILE"`
	By       string `required:"" help:"Login of the member of staff who takes it in; the journal names them." placeholder:"LOGIN"`
	JSON     bool   `help:"Print as JSON."`
}

func (classifierImportCmd) Help() string {
	return samplesHelp + `

The artefact is measured on the must-answer bank, and on --samples, and stands as trained beside those of the installation. In the console
it goes to shadow and into force; above a limit, or measured on too few harmless samples, only with a second person.

Example:
  hegui classifier import mine.hgc --samples unseen.jsonl --by wang --data ./hegui-data`
}

func (c classifierImportCmd) Run(ctx context.Context, o out) error {
	model, err := openArtefact(c.Artefact)
	if err != nil {
		return err
	}
	for _, l := range model.Labels() {
		if _, ok := measures.RiskByID(l); !ok {
			return usageError{fmt.Sprintf("%s: it finds %q, which is none of the risks A1a to A5b; train it with their names as labels", c.Artefact, l)}
		}
	}
	var samples []review.Example
	if c.Samples != "" {
		read, err := readSamples(c.Samples)
		if err != nil {
			return err
		}
		samples = examples(read)
	}
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	staff, err := staffMember{c.By}.find(ctx, in)
	if err != nil {
		return err
	}
	if !staff.Can(operator.ManageDetectors) {
		return usageError{fmt.Sprintf("--by: %s may not take in classifiers: role %s, or disabled", staff.Login, staff.Role)}
	}
	var artefact bytes.Buffer
	if _, err := model.WriteTo(&artefact); err != nil {
		return err
	}
	x, err := in.reviews.Import(ctx, journal.Actor{Kind: "cli", ID: staff.ID}, artefact.Bytes(), filepath.Base(c.Artefact), samples)
	switch {
	case errors.Is(err, review.ErrTraining):
		return usageError{err.Error()}
	case err != nil:
		return err
	case x.State == review.Failed:
		return fmt.Errorf("classifier %d: %s", x.N, x.Failed)
	}
	if c.JSON {
		return o.json(x)
	}
	o.printf("classifier %d: must-answer questions hit: %s; harmless samples hit: %s\n", x.N, shareWords(x.Figures.Bank), shareWords(x.Figures.Harmless))
	return nil
}

// examples are samples as the register of reviews measures with them.
func examples(samples []linear.Sample) []review.Example {
	out := make([]review.Example, len(samples))
	for i, s := range samples {
		out[i] = review.Example{Text: s.Text, Labels: s.Labels, Weight: s.Weight, Group: s.Group}
	}
	return out
}
