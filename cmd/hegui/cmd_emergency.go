package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/emergency"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

type emergencyCmd struct {
	Add    emergencyAddCmd    `cmd:"" help:"Put a word in force at once, on an order; a second person signs within 24 hours, or it lapses."`
	Period emergencyPeriodCmd `cmd:"" help:"Have services follow a stricter profile for a time."`
	Sign   emergencySignCmd   `cmd:"" help:"The second signature."`
	Lift   emergencyLiftCmd   `cmd:"" help:"End a measure before its time."`
	List   emergencyListCmd   `cmd:"" help:"List the measures."`
}

type emergencyAddCmd struct {
	where
	by
	Text     string `arg:"" help:"The word."`
	Category string `required:"" help:"Its risk, A1a to A5b." placeholder:"RISK"`
	Order    string `required:"" help:"Number of the order or decision."`
	Reason   string `required:"" help:"Why, in a sentence."`
	Until    string `required:"" help:"When it ends: YYYY-MM-DD (end of that day in China) or YYYY-MM-DDTHH:MM; at most 30 days."`
	JSON     bool   `help:"Print the measure as JSON."`
}

func (emergencyAddCmd) Help() string {
	return "Example:\n  hegui emergency add '某谣言' --category A1g --order '网信令 7' --reason '查实的谣言' --until 2026-12-01 --by wang"
}

func (c emergencyAddCmd) Run(ctx context.Context, o out) error {
	until, err := moment("until", c.Until, true)
	if err != nil {
		return err
	}
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	m, err := in.emergency.Declare(ctx, who, emergency.Measure{Kind: emergency.Entry, Text: c.Text, Category: c.Category, Order: c.Order, Reason: c.Reason, Until: until})
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(m)
	}
	o.printf("%s is in force within a second.", m.ID)
	if lapse := m.Lapses(); !lapse.IsZero() {
		o.printf(" It lapses at %s unless another person signs: hegui emergency sign %s --by SOMEBODY-ELSE", china(lapse), m.ID)
	}
	hits, of, err := harmlessHits(m.Lexical())
	if err != nil {
		return err
	}
	o.printf("\nIt refuses %d of the %d harmless lines and must-answer questions that ship.\n", hits, of)
	return nil
}

// harmlessHits counts the harmless lines and must-answer questions that an entry hits.
func harmlessHits(e moderation.Entry) (hits, of int, err error) {
	l, err := moderation.Compile([]moderation.Entry{e})
	if err != nil {
		return 0, 0, err
	}
	for _, texts := range [][]lexicon.Text{benign(), mustAnswer()} {
		for _, t := range texts {
			if of++; len(l.Scan([]byte(t.Text))) > 0 {
				hits++
			}
		}
	}
	return hits, of, nil
}

type emergencyPeriodCmd struct {
	where
	by
	Profile  string   `arg:"" help:"Profile that rows of the policy ask for, such as heightened."`
	Services []string `help:"Ids of services (default: all)."`
	From     string   `help:"When it begins: YYYY-MM-DD or YYYY-MM-DDTHH:MM in China (default: now)."`
	Until    string   `required:"" help:"When it ends: YYYY-MM-DD (end of that day in China) or YYYY-MM-DDTHH:MM; at most 90 days."`
	Order    string   `required:"" help:"Number of the order or decision."`
	Reason   string   `required:"" help:"Why, in a sentence."`
	JSON     bool     `help:"Print the measure as JSON."`
}

func (emergencyPeriodCmd) Help() string {
	return "Example:\n  hegui emergency period heightened --from 2026-12-01 --until 2026-12-07 --order '通知 3' --reason '重大活动' --by wang"
}

func (c emergencyPeriodCmd) Run(ctx context.Context, o out) error {
	until, err := moment("until", c.Until, true)
	if err != nil {
		return err
	}
	var from time.Time
	if c.From != "" {
		if from, err = moment("from", c.From, false); err != nil {
			return err
		}
	}
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	for _, id := range c.Services {
		if _, ok := in.services.Service(id); !ok {
			return usageError{fmt.Sprintf("--services: there is no service %q", id)}
		}
	}
	m, err := in.emergency.Declare(ctx, who, emergency.Measure{Kind: emergency.Period, Profile: c.Profile, Services: c.Services, From: from, Until: until, Order: c.Order, Reason: c.Reason})
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(m)
	}
	o.printf("%s: profile %s from %s to %s; it returns by itself\n", m.ID, m.Profile, china(m.From), china(m.Until))
	if p, err := in.config.policy(); err == nil && !p.AsksFor(m.Profile) {
		o.printf("note: no row of the policy in the configuration asks for the profile %s, so nothing changes while it lasts\n", m.Profile)
	}
	return nil
}

type emergencySignCmd struct {
	where
	by
	ID string `arg:"" help:"Id of the measure, as in: hegui emergency list"`
}

func (emergencySignCmd) Help() string {
	return "Example:\n  hegui emergency sign 01JD0000000000000000000000 --by li"
}

func (c emergencySignCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	m, err := in.emergency.Sign(ctx, who, c.ID)
	if err != nil {
		return err
	}
	o.printf("%s is signed and stands until %s\n", m.ID, china(m.Until))
	return nil
}

type emergencyLiftCmd struct {
	where
	by
	ID     string `arg:"" help:"Id of the measure."`
	Reason string `required:"" help:"Why; recorded as evidence."`
}

func (emergencyLiftCmd) Help() string {
	return "Example:\n  hegui emergency lift 01JD0000000000000000000000 --reason '已澄清' --by li"
}

func (c emergencyLiftCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	who, err := c.actor(ctx, in)
	if err != nil {
		return err
	}
	m, err := in.emergency.Lift(ctx, who, c.ID, c.Reason)
	if err != nil {
		return err
	}
	o.printf("%s is lifted\n", m.ID)
	return nil
}

type emergencyListCmd struct {
	where
	JSON bool `help:"Print the list as JSON."`
}

func (emergencyListCmd) Help() string { return "Example:\n  hegui emergency list" }

func (c emergencyListCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	list, err := in.emergency.List(ctx, 1000)
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(notNil(list))
	}
	o.printf("%-26s  %-6s  %-8s  %-16s  %-16s  %-9s  %s\n", "ID", "KIND", "STATE", "FROM", "UNTIL", "SIGNED", "WHAT")
	for _, m := range list {
		signed := "no"
		if !m.Signed.IsZero() {
			signed = "yes"
		} else if m.Kind == emergency.Period {
			signed = "-"
		}
		what := m.Category + " " + m.Text
		if m.Kind == emergency.Period {
			what = "profile " + m.Profile
		}
		o.printf("%-26s  %-6s  %-8s  %-16s  %-16s  %-9s  %s (order %s)\n", m.ID, m.Kind, m.State(time.Now()), china(m.From), china(m.Until), signed, what, m.Order)
	}
	return nil
}

func china(t time.Time) string { return t.In(measures.Shanghai()).Format("2006-01-02 15:04") }

// moment reads a day or a minute as China counts it; a day that ends something ends with its last moment.
func moment(field, text string, end bool) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, measures.Shanghai()); err == nil {
			return t, nil
		}
	}
	t, err := time.ParseInLocation(time.DateOnly, text, measures.Shanghai())
	if err != nil {
		return t, usageError{fmt.Sprintf("--%s %q: write YYYY-MM-DD or YYYY-MM-DDTHH:MM, in China's time", field, text)}
	}
	if end {
		t = t.AddDate(0, 0, 1)
	}
	return t, nil
}

// stricter holds a period to its name: with its profile the policy lets nothing through that it stops without.
func (in *installation) stricter(_ context.Context, m emergency.Measure) error {
	p, err := in.config.policy()
	if err != nil {
		return err
	}
	for _, s := range in.services.Services() {
		if len(m.Services) > 0 && !slices.Contains(m.Services, s.ID) {
			continue
		}
		if looser := p.Looser(s.ID, s.Profile, m.Profile); len(looser) > 0 {
			more := ""
			if len(looser) > 6 {
				looser, more = looser[:6], ", …"
			}
			return &emergency.InvalidError{Field: "profile", Value: m.Profile, Mend: fmt.Sprintf("the policy lets more through for service %s with this profile than without it (%s%s), so it is not stricter; name another, or change the policy", s.ID, strings.Join(looser, ", "), more)}
		}
	}
	return nil
}
