package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation/linear"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
)

type classifierCmd struct {
	List    classifierListCmd    `cmd:"" help:"Classifiers of the installation, with their figures."`
	Train   classifierTrainCmd   `cmd:"" help:"Train one from a file, or from the installation's reviewed decisions."`
	Import  classifierImportCmd  `cmd:"" help:"Take an artefact into the installation, measured, as a candidate for shadow and force."`
	Eval    classifierEvalCmd    `cmd:"" help:"Measure an artefact on texts that it was not trained on."`
	Drift   classifierDriftCmd   `cmd:"" help:"Compare texts of today with those an artefact was trained on."`
	Explain classifierExplainCmd `cmd:"" help:"Show what in a text weighs for and against a risk."`
}

const samplesHelp = "Samples: JSON lines {text, labels, weight, group}, or CSV or TSV with these columns; no labels: harmless. - is standard input."

type classifierListCmd struct {
	where
	JSON bool `help:"Print as JSON."`
}

func (c classifierListCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	list, err := in.reviews.Classifiers(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		if list == nil {
			list = []review.Classifier{}
		}
		return o.json(list)
	}
	if len(list) == 0 {
		o.printf("no classifier was trained here yet: hegui classifier train, or the console's page of classifiers\n")
		return nil
	}
	o.printf("%-4s  %-9s  %-16s  %-9s  %-24s  %s\n", "N", "STATE", "MOVED", "SAMPLES", "MUST-ANSWER HIT", "HARMLESS HIT")
	for _, x := range list {
		bank, harmless := "not measured", "not measured"
		if x.Figures != nil {
			bank, harmless = shareWords(x.Figures.Bank), shareWords(x.Figures.Harmless)
		}
		moved := "-"
		if !x.Moved.IsZero() {
			moved = china(x.Moved)
		}
		o.printf("%-4d  %-9s  %-16s  %-9d  %-24s  %s\n", x.N, x.State, moved, x.Set.Samples, bank, harmless)
		if x.Failed != "" {
			o.printf("      failed: %s\n", x.Failed)
		}
	}
	return nil
}

func shareWords(s review.Share) string { return linear.NewShare(s.N, s.Of).String() }

type classifierTrainCmd struct {
	where
	By        string  `help:"Of reviewed decisions: login of the member of staff who trains; the journal names them." placeholder:"LOGIN"`
	Samples   string  `arg:"" optional:"" help:"File with samples (default: the reviewed decisions of the installation)."`
	Out       string  `short:"o" help:"With a file: write the artefact here." placeholder:"FILE"`
	Name      string  `help:"With a file: name of the classifier." default:"classifier"`
	OverBlock float64 `help:"With a file: share of harmless text that a label may hit." default:"0.001"`
	Holdout   float64 `help:"With a file: share kept from training, half to set thresholds and half to measure." default:"0.2"`
	Alone     bool    `help:"With a file: train on it alone, without the shipped harmless text beside it."`
	Since     string  `help:"Of reviewed decisions: only samples drawn since, YYYY-MM-DD." placeholder:"DATE"`
	JSON      bool    `help:"Print the report as JSON."`
}

func (classifierTrainCmd) Help() string {
	return samplesHelp + `

From a file an artefact is written, to be measured with eval, drift and explain, and taken in with import. From reviewed decisions the classifier is kept in
the installation as trained; it goes to shadow and into force in the console, where its over-blocking is shown.

Examples:
  hegui classifier train samples.jsonl -o mine.hgc
  hegui classifier train --by wang --data ./hegui-data`
}

func (c classifierTrainCmd) Run(ctx context.Context, o out) error {
	if c.Samples == "" {
		if c.Out != "" {
			return usageError{"--out goes with a file of samples; what is trained from reviewed decisions stays in the installation"}
		}
		return c.reviewed(ctx, o)
	}
	if c.Since != "" || c.By != "" {
		return usageError{"--since and --by go with reviewed decisions; leave them out, or leave out the file"}
	}
	if c.Out == "" {
		return usageError{"--out: say where to write the artefact, as in: -o mine.hgc"}
	}
	samples, err := readSamples(c.Samples)
	if err != nil {
		return err
	}
	if !c.Alone {
		samples = linear.WithBackground(samples)
	}
	model, report, err := linear.Train(samples, linear.Options{Name: c.Name, OverBlock: c.OverBlock, Holdout: c.Holdout})
	if err != nil {
		return usageError{fmt.Sprintf("%s: %v", c.Samples, err)}
	}
	var artefact bytes.Buffer
	if _, err := model.WriteTo(&artefact); err != nil {
		return err
	}
	if err := writePrivate(c.Out, artefact.Bytes()); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if c.JSON {
		return o.json(report)
	}
	o.printf("wrote %s: %d bytes, %s\n", c.Out, artefact.Len(), model.Hash())
	o.report(report)
	return nil
}

// reviewed trains from what people judged and waits for the end.
func (c classifierTrainCmd) reviewed(ctx context.Context, o out) error {
	var since time.Time
	var err error
	if c.Since != "" {
		if since, err = moment("since", c.Since, false); err != nil {
			return err
		}
	}
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	if c.By == "" {
		return usageError{"--by: name the member of staff who trains; it reads what people wrote"}
	}
	staff, err := staffMember{c.By}.find(ctx, in)
	if err != nil {
		return err
	}
	if !staff.Can(operator.ManageDetectors) {
		return usageError{fmt.Sprintf("--by: %s may not train classifiers: role %s, or disabled", staff.Login, staff.Role)}
	}
	n, err := in.reviews.Train(ctx, journal.Actor{Kind: "cli", ID: staff.ID}, since)
	switch {
	case errors.Is(err, review.ErrTooFew):
		m, countErr := in.reviews.Material(ctx, since)
		if countErr != nil {
			return countErr
		}
		return usageError{fmt.Sprintf("too few reviewed samples: %d with a risk and %d without; each side needs %d", m.Samples-m.Harmless, m.Harmless, review.MinSide)}
	case errors.Is(err, review.ErrTraining):
		return usageError{err.Error()}
	case err != nil:
		return err
	}
	last := review.Progress{}
	for {
		x, err := in.reviews.Classifier(ctx, n)
		if err != nil {
			return err
		}
		if x.Progress != last && x.State == review.Training {
			last = x.Progress
			fmt.Fprintf(o.stderr, "%s %d of %d\n", last.Stage, last.Done, last.Of)
		}
		switch x.State {
		case review.Training:
		case review.Failed:
			return fmt.Errorf("classifier %d: %s", n, x.Failed)
		default:
			if c.JSON {
				return o.json(x)
			}
			o.printf("classifier %d is trained on %d samples", n, x.Trained)
			if x.Figures != nil {
				o.printf("; must-answer questions hit: %s; harmless samples hit: %s", shareWords(x.Figures.Bank), shareWords(x.Figures.Harmless))
			}
			o.printf("\n")
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

type classifierEvalCmd struct {
	Artefact string `arg:"" help:"Artefact that hegui classifier train wrote."`
	Samples  string `arg:"" help:"File with samples that it was not trained on, as train reads them."`
	JSON     bool   `help:"Print as JSON."`
}

func (classifierEvalCmd) Help() string {
	return samplesHelp + "\n\nExit 1: more than 5 % of the harmless texts are hit. The number is the one that GB/T 45654-2025 sets for refusals of must-answer questions; using it here is our choice.\n\nExample:\n  hegui classifier eval mine.hgc unseen.jsonl"
}

func (c classifierEvalCmd) Run(o out) error {
	model, samples, err := artefactAnd(c.Artefact, c.Samples)
	if err != nil {
		return err
	}
	r := linear.Evaluate(model, samples)
	if c.JSON {
		err = o.json(r)
	} else {
		o.report(r)
	}
	if err == nil && r.OverBlock.Of > 0 && float64(r.OverBlock.Hits) > measures.OverBlockLimit*float64(r.OverBlock.Of) {
		return errFinding
	}
	return err
}

type classifierDriftCmd struct {
	Artefact string `arg:"" help:"Artefact that hegui classifier train wrote."`
	Texts    string `arg:"" help:"File with texts of today, as train reads them; labels are not looked at."`
	JSON     bool   `help:"Print as JSON."`
}

func (classifierDriftCmd) Help() string {
	return samplesHelp + fmt.Sprintf("\n\nThe population stability index of each label's scores, and the rise of the share of n-grams never seen: from %.2f on watch, from %.2f on shifted (customary bands). Exit 1: shifted.", linear.WatchAt, linear.ShiftedAt)
}

func (c classifierDriftCmd) Run(o out) error {
	model, samples, err := artefactAnd(c.Artefact, c.Texts)
	if err != nil {
		return err
	}
	texts := make([]string, len(samples))
	for i, s := range samples {
		texts[i] = s.Text
	}
	d, err := linear.Drift(model.Reference(), model.Snapshot(texts))
	if err != nil {
		return usageError{err.Error()}
	}
	if c.JSON {
		err = o.json(d)
	} else {
		for i, l := range model.Labels() {
			o.printf("%-10s  %.3f\n", l, d.Labels[i])
		}
		o.printf("n-grams never seen: %.1f %%, at training %.1f %%\n%s: %d texts against %d\n", 100*d.Unseen, 100*d.UnseenWas, d.Band, d.Texts, d.TextsBefore)
	}
	if err == nil && d.Band == "shifted" {
		return errFinding
	}
	return err
}

type classifierExplainCmd struct {
	Artefact string `arg:"" help:"Artefact that hegui classifier train wrote."`
	Text     string `arg:"" help:"The text."`
	Label    string `help:"Risk to explain (default: the one with the highest score)." placeholder:"RISK"`
	JSON     bool   `help:"Print as JSON."`
}

// explained is a text's score and what makes it.
type explained struct {
	Label     string        `json:"label"`
	Score     float64       `json:"score"`
	Threshold float64       `json:"threshold"`
	Parts     []linear.Part `json:"parts"`
}

func (c classifierExplainCmd) Run(o out) error {
	model, err := openArtefact(c.Artefact)
	if err != nil {
		return err
	}
	scores, best := model.Score(nil, []byte(c.Text)), 0
	for i, l := range model.Labels() {
		if l == c.Label || c.Label == "" && scores[i] > scores[best] {
			best = i
		}
	}
	x := explained{Label: model.Labels()[best], Score: scores[best], Threshold: model.Thresholds()[best]}
	if c.Label != "" {
		x.Label = c.Label
	}
	if x.Parts, err = model.Explain(c.Text, x.Label); err != nil {
		return usageError{"--" + err.Error()}
	}
	if c.JSON {
		return o.json(x)
	}
	word := "below"
	if x.Score >= x.Threshold {
		word = "reaches"
	}
	o.printf("%s: %.3f, %s the threshold %.3f\n", x.Label, x.Score, word, x.Threshold)
	for _, p := range x.Parts {
		o.printf("  %+.3f  %q\n", p.Weight, p.Text)
	}
	return nil
}

// report prints what a classifier is worth.
func (o out) report(r *linear.Report) {
	o.printf("measured on %d texts: harmful found %s; harmless hit %s\n", r.Tested, r.Recall, r.OverBlock)
	if len(r.Labels) > 0 {
		o.printf("%-10s  %-6s  %-30s  %-30s  %-6s  %s\n", "RISK", "TEXTS", "FOUND", "HARMLESS HIT", "AUC", "THRESHOLD")
	}
	for _, l := range r.Labels {
		o.printf("%-10s  %-6d  %-30s  %-30s  %-6.3f  %.3f\n", l.Label, l.N, l.Recall, l.OverBlock, l.AUC, l.Threshold)
	}
	for _, l := range r.Labels {
		if c := l.Calibrated; c != nil && !c.Shown {
			o.printf("%s: too few harmless texts to show that the limit is kept: %d were there, %d are needed; its threshold hits none of them\n", l.Label, c.OverBlock.Of, c.Needed)
		}
	}
	if d := r.Doubles; d != (linear.Doubles{}) {
		o.printf("the same text again: %d left out; texts of which different things were said: %d settled by what most said, %d left out undecided\n", d.Repeated, d.Settled, d.Undecided)
	}
	for _, u := range r.Untrained {
		o.printf("left out: %s (%d texts): %s\n", u.Label, u.Samples, u.Reason)
	}
}

func artefactAnd(artefact, samples string) (*linear.Model, []linear.Sample, error) {
	model, err := openArtefact(artefact)
	if err != nil {
		return nil, nil, err
	}
	list, err := readSamples(samples)
	return model, list, err
}

func openArtefact(path string) (*linear.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usageError{err.Error()}
	}
	defer func() { _ = f.Close() }()
	model, err := linear.Load(f)
	if err != nil {
		return nil, usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	return model, nil
}

func readSamples(path string) ([]linear.Sample, error) {
	var in io.Reader = os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, usageError{err.Error()}
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	list, err := linear.Read(in)
	if err != nil {
		return nil, usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	return list, nil
}
