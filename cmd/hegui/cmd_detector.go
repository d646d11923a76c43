package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

type detectorCmd struct {
	List     detectorListCmd     `cmd:"" help:"The detectors of the configuration."`
	Profiles detectorProfilesCmd `cmd:"" help:"Guard models that hegui can ask and read."`
	Test     detectorTestCmd     `cmd:"" help:"Ask the configured detectors about a text."`
	Spend    detectorSpendCmd    `cmd:"" help:"What detectors have used and will cost."`
}

type detectorListCmd struct {
	where
	JSON bool `help:"Print as JSON."`
}

func (c detectorListCmd) Run(o out) error {
	f, err := c.load()
	if err != nil {
		return err
	}
	all, err := f.detectors(detectorParts{})
	if err != nil {
		return err
	}
	if c.JSON {
		list := []detector.Status{}
		for _, d := range all {
			list = append(list, d.Status())
		}
		return o.json(list)
	}
	if len(all) == 0 {
		o.printf("no detectors are configured; they stand in hegui.yaml under detectors, see docs/en/detectors.md\n")
		return nil
	}
	o.printf("%-16s  %-16s  %-28s  %-7s  %-8s  %s\n", "NAME", "PROFILE", "MODEL", "ASK", "TIMEOUT", "DAILY CAP")
	for i, d := range all {
		conf, s := f.Detectors[i], d.Status()
		limit := "none"
		if s.Cap > 0 {
			limit = fmt.Sprintf("%s, then %s", s.Cap, s.AtCap)
		}
		o.printf("%-16s  %-16s  %-28s  %-7s  %-8s  %s\n", s.Name, cmp.Or(conf.Profile, "hosted: "+conf.Vendor), cmp.Or(conf.Model, conf.Service, "-"), s.Ask, conf.Timeout, limit)
	}
	return nil
}

type detectorProfilesCmd struct {
	JSON bool `help:"Print as JSON, with prompts, how answers are read and categories."`
}

func (c detectorProfilesCmd) Run(o out) error {
	all, err := detector.Profiles()
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(all)
	}
	o.printf("%-17s  %-10s  %-6s  %s\n", "ID", "SEEN", "CHARS", "TITLE")
	for _, p := range all {
		o.printf("%-17s  %-10s  %-6d  %s\n", p.ID, p.Seen, p.MaxChars, p.Title)
	}
	o.printf("\nNo profile was tried against the maker's own server; they follow documents, reports of users, or are assumed (SEEN).\n")
	return nil
}

type detectorTestCmd struct {
	where
	Text      string `arg:"" help:"The text to judge."`
	Name      string `help:"Only this detector." placeholder:"NAME"`
	Direction string `help:"What the text is: in (of a user) or out (of a model)." enum:"in,out" default:"in"`
	Service   string `help:"Service that it is asked for." placeholder:"ID"`
	JSON      bool   `help:"Print as JSON lines."`
}

func (detectorTestCmd) Help() string {
	return "Every configured detector is asked, whatever its cascade says; that costs what a check costs and is counted when there is an installation.\n" +
		"Exit code 1: something was found, or a detector could not judge the text.\n\nExamples:\n  hegui detector test 今天天气怎么样\n  hegui detector test --name qwen --direction out TEXT"
}

// tested is what one detector says.
type tested struct {
	Detector string                 `json:"detector"`
	Outcome  moderation.Outcome     `json:"outcome"`
	MS       int64                  `json:"ms"`
	Reason   string                 `json:"reason,omitempty"`
	Artefact string                 `json:"artefact,omitempty"`
	Findings []moderation.Detection `json:"findings,omitempty"`
}

func (c detectorTestCmd) Run(ctx context.Context, o out) (err error) {
	f, err := c.load()
	if err != nil {
		return err
	}
	var ledger *detector.Ledger
	if in, openErr := c.openExisting(ctx); openErr == nil {
		ledger = in.spend
		defer func() {
			if closeErr := in.close(); err == nil {
				err = closeErr
			}
		}()
	} else if !wrongUse(openErr) {
		return openErr
	}
	if len(f.Detectors) == 0 {
		return usageError{"no detectors are configured; they stand in hegui.yaml under detectors"}
	}
	for i := range f.Detectors {
		f.Detectors[i].Ask = string(detector.Always)
	}
	all, err := f.detectors(detectorParts{ledger: ledger})
	if err != nil {
		return err
	}
	if c.Name != "" {
		i := slices.IndexFunc(f.Detectors, func(d DetectorConfig) bool { return d.Name == c.Name })
		if i < 0 {
			return usageError{fmt.Sprintf("--name %q: no detector of the configuration has this name", c.Name)}
		}
		all = all[i : i+1]
	}
	var asked []moderation.Detector
	for _, d := range all {
		asked = append(asked, d)
	}
	q := moderation.Query{Scene: moderation.Scene{Service: c.Service, Direction: c.Direction, Channel: "content"}, Text: []byte(c.Text)}
	for _, a := range moderation.ConsultAll(ctx, asked, q, time.Now) {
		t := tested{a.Detector.Name, a.Outcome, a.Took.Milliseconds(), a.Reason, a.Artefact, a.Findings}
		if t.Outcome != moderation.Clear {
			err = errFinding
		}
		if c.JSON {
			if jsonErr := o.jsonLine(t); jsonErr != nil {
				return jsonErr
			}
			continue
		}
		o.printf("%s: %s (%d ms)%s\n", t.Detector, t.Outcome, t.MS, dash(t.Reason))
		for _, d := range t.Findings {
			risk, _ := measures.RiskByID(d.Category)
			o.printf("  %s %s · %s, severity %d, score %.2f · %s\n", d.Category, risk.ZH, d.Tier, d.Severity, d.Score, d.Reason)
		}
	}
	return err
}

func dash(s string) string {
	if s == "" {
		return ""
	}
	return " - " + s
}

type detectorSpendCmd struct {
	where
	Days int  `help:"So many days, today included." default:"7"`
	JSON bool `help:"Print as JSON."`
}

// spent is what the command tells about one detector to come.
type spent struct {
	Detector string            `json:"detector"`
	Cap      detector.Micros   `json:"cap_micros"`
	Forecast detector.Forecast `json:"forecast_micros"`
}

func (c detectorSpendCmd) Run(ctx context.Context, o out) (err error) {
	if c.Days < 1 || c.Days > 400 {
		return usageError{fmt.Sprintf("--days %d: use 1 to 400", c.Days)}
	}
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := in.close(); err == nil {
			err = closeErr
		}
	}()
	days, err := in.spend.Days(ctx, detector.Day(time.Now().AddDate(0, 0, 1-c.Days)))
	if err != nil {
		return err
	}
	var coming []spent
	for _, d := range in.config.Detectors {
		limit := detector.FromYuan(d.DailyCap)
		f, err := in.spend.Forecast(ctx, d.Name, limit)
		if err != nil {
			return err
		}
		coming = append(coming, spent{d.Name, limit, f})
	}
	if c.JSON {
		return o.json(map[string]any{"days": days, "forecast": coming})
	}
	o.printf("%-10s  %-16s  %8s  %8s  %10s  %12s  %8s  %8s  %8s  %6s\n", "DAY", "DETECTOR", "CHECKS", "CALLS", "TOKENS", "COST", "CACHED", "SKIPPED", "CAPPED", "OVER")
	for _, s := range days {
		o.printf("%-10s  %-16s  %8d  %8d  %10d  %12s  %8d  %8d  %8d  %6d\n", s.Day, s.Detector, s.Checks, s.Calls, s.In+s.Out, s.Cost, s.Saved, s.Skipped, s.Capped, s.Over)
	}
	if len(days) == 0 {
		o.printf("nothing yet\n")
	}
	for _, s := range coming {
		o.printf("%s: %s expected today, %s this month\n", s.Detector, s.Forecast.Today, s.Forecast.Month)
	}
	return nil
}
