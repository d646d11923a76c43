package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
)

type functionCmd struct {
	List   functionListCmd   `cmd:"" help:"List functions, what was decided about them, and interfaces with what they attest."`
	Decide functionDecideCmd `cmd:"" help:"Sign whether the public may be confused by what a function generates."`
	Assess functionAssessCmd `cmd:"" help:"Record the security assessment of a function for faces, voices or special objects; until then it is off."`
}

type functionListCmd struct {
	where
	JSON bool `help:"Print functions and interfaces as JSON."`
}

func (c functionListCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	states := map[string][]function.State{}
	for _, s := range in.services.Services() {
		if states[s.ID], err = in.functions.States(ctx, s); err != nil {
			return err
		}
	}
	interfaces, err := in.functions.Interfaces(ctx, time.Now().AddDate(0, 0, -30))
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(map[string]any{"functions": states, "interfaces": interfaces})
	}
	n := 0
	for _, s := range in.services.Services() {
		for _, x := range states[s.ID] {
			n++
			o.printf("%s/%s  %s  %s\n", s.ID, x.Function.ID, x.Function.Class, strings.Join(x.Function.Operations, ","))
			switch {
			case x.Decided == nil:
				o.printf("  undecided: counts as confusing, so it is labelled\n")
			case x.Confusing():
				o.printf("  may confuse (%s, %s): %s\n", x.Decided.By.ID, china(x.Decided.At), x.Decided.Reason)
			default:
				o.printf("  does not confuse (%s, %s): %s\n", x.Decided.By.ID, china(x.Decided.At), x.Decided.Reason)
			}
			switch {
			case x.Locked():
				o.printf("  off: %s, and no assessment is recorded\n", x.Function.Biometric)
			case x.Assessed != nil:
				o.printf("  assessed %s by %s: %s\n", x.Assessed.On, x.Assessed.Assessor, x.Assessed.Document)
			}
		}
	}
	if n == 0 {
		o.printf("No service declares functions (services.functions): all content counts as confusing, and speech is off.\n")
	}
	for _, x := range interfaces {
		attested := "not attested"
		if x.Attested {
			attested = "attested"
		}
		name := x.Client
		if name == "" {
			name = "(no name)"
		}
		o.printf("interface %s of %s (%s): %s, %s, %d times\n", name, x.Application, x.Service, x.Owed, attested, x.Times)
	}
	return nil
}

type functionDecideCmd struct {
	where
	by
	Function  string `arg:"" help:"SERVICE/FUNCTION as they are declared."`
	Confusing bool   `negatable:"" required:"" help:"The public may be confused or misled, so the content is labelled; --no-confusing: a tool and word of it are enough."`
	Reason    string `required:"" help:"Why, in a sentence."`
}

func (functionDecideCmd) Help() string {
	return "Deep Synthesis Provisions Art 17. The decision holds until the declaration of the function changes.\n\nExample:\n  hegui function decide sample/forms --no-confusing --reason '固定格式的表单，不会被误认为真人所写' --by wang"
}

// declaredFunction finds the service of SERVICE/FUNCTION and who signs.
func declaredFunction(ctx context.Context, in *installation, b by, name string) (s service.Service, id string, err error) {
	of, id, _ := strings.Cut(name, "/")
	s, ok := in.services.Service(of)
	if !ok {
		return s, "", usageError{fmt.Sprintf("%q: write SERVICE/FUNCTION, such as sample/chat; hegui function list shows them", name)}
	}
	if b.By == "" {
		return s, "", usageError{"--by: name the person who signs; they are listed by hegui staff list"}
	}
	staff, err := staffMember{b.By}.find(ctx, in)
	if err != nil {
		return s, "", err
	}
	if !staff.Can(operator.ManageFunctions) {
		return s, "", usageError{fmt.Sprintf("--by: %s may not sign for functions: role %s, or disabled", staff.Login, staff.Role)}
	}
	return s, id, nil
}

func (c functionDecideCmd) Run(ctx context.Context, o out) error {
	return functionRecord(ctx, o, c.where, c.by, c.Function, function.Record{Kind: function.Decision, Confusing: c.Confusing, Reason: c.Reason})
}

func functionRecord(ctx context.Context, o out, w where, b by, name string, x function.Record) error {
	in, err := w.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	s, id, err := declaredFunction(ctx, in, b, name)
	if err != nil {
		return err
	}
	who, err := b.actor(ctx, in)
	if err != nil {
		return err
	}
	x.Function = id
	if x, err = in.functions.Decide(ctx, who, s, x); err != nil {
		return err
	}
	o.printf("%s is recorded.\n", x.ID)
	return nil
}

type functionAssessCmd struct {
	where
	by
	Function string `arg:"" help:"SERVICE/FUNCTION as they are declared."`
	Document string `required:"" help:"Number or title of the assessment."`
	Assessor string `required:"" help:"Who made it: the provider, or a professional body."`
	On       string `required:"" help:"The day it was made, YYYY-MM-DD."`
}

func (functionAssessCmd) Help() string {
	return "Deep Synthesis Provisions Art 15. The assessment holds until the declaration of the function changes.\n\nExample:\n  hegui function assess sample/voice --document '安评 2026-11' --assessor 本公司 --on 2026-11-01 --by wang"
}

func (c functionAssessCmd) Run(ctx context.Context, o out) error {
	return functionRecord(ctx, o, c.where, c.by, c.Function, function.Record{Kind: function.Assessment, Document: c.Document, Assessor: c.Assessor, On: c.On})
}
