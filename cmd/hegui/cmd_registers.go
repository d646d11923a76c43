package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/users"
)

type keysCmd struct {
	Issue  keysIssueCmd  `cmd:"" help:"Issue a key; its secret is shown once."`
	List   keysListCmd   `cmd:"" help:"List all keys."`
	Revoke keysRevokeCmd `cmd:"" help:"End a key at once."`
}

type keysIssueCmd struct {
	where
	Service     string         `arg:"" help:"Id of the service."`
	Application string         `arg:"" help:"Id of the application: lower-case letters, digits, hyphens."`
	For         *time.Duration `help:"How long it works, e.g. 720h (default: until revoked)."`
	Contract    string         `help:"Number of a signed contract that stands in for the application's own agreement."`
	JSON        bool           `help:"Print the key as JSON."`
}

func (keysIssueCmd) Help() string { return "Example:\n  hegui keys issue assistant my-app --for 2160h" }

func (c keysIssueCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	k := service.Key{Service: c.Service, Application: c.Application, Contract: c.Contract}
	if c.For != nil && *c.For <= 0 {
		return usageError{"--for must be positive"}
	}
	if c.For != nil {
		k.Expires = time.Now().Add(*c.For)
	}
	k, secret, err := in.services.IssueKey(ctx, actor(), k)
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(map[string]any{"key": k, "secret": secret})
	}
	o.printf("%s\n\nkey %s of application %s for service %s. The secret above is not kept; store it now.\n", secret, k.ID, k.Application, k.Service)
	return nil
}

type keysListCmd struct {
	where
	JSON bool `help:"Print the list as JSON."`
}

func (keysListCmd) Help() string { return "Example:\n  hegui keys list" }

func (c keysListCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	keys, err := in.services.Keys(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(notNil(keys))
	}
	o.printf("%-26s  %-16s  %-16s  %-12s  %s\n", "ID", "SERVICE", "APPLICATION", "SECRET", "STATE")
	for _, k := range keys {
		state := "good"
		switch {
		case !k.Revoked.IsZero():
			state = "revoked " + k.Revoked.Format(time.DateOnly)
		case !k.Expires.IsZero() && time.Now().After(k.Expires):
			state = "expired " + k.Expires.Format(time.DateOnly)
		case !k.Expires.IsZero():
			state = "until " + k.Expires.Format(time.DateOnly)
		}
		o.printf("%-26s  %-16s  %-16s  %-12s  %s\n", k.ID, k.Service, k.Application, k.Hint, state)
	}
	return nil
}

type keysRevokeCmd struct {
	where
	ID     string `arg:"" help:"Id of the key, as in: hegui keys list"`
	Reason string `required:"" help:"Why; recorded as evidence, so name no person."`
	JSON   bool   `help:"Print the outcome as JSON."`
}

func (keysRevokeCmd) Help() string {
	return "Example:\n  hegui keys revoke 01JD0000000000000000000000 --reason leaked\n\nA running server refuses the key within a second."
}

func (c keysRevokeCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	if err := in.services.RevokeKey(ctx, actor(), c.ID, c.Reason); err != nil {
		return err
	}
	if c.JSON {
		return o.json(map[string]any{"revoked": c.ID})
	}
	o.printf("revoked %s\n", c.ID)
	return nil
}

type usersCmd struct {
	List    usersListCmd    `cmd:"" help:"List users."`
	Suspend usersSuspendCmd `cmd:"" help:"Bar a user from generating."`
	Lift    usersLiftCmd    `cmd:"" help:"End a suspension."`
	Erase   usersEraseCmd   `cmd:"" help:"Forget a user: destroy the key of what was said. Cannot be undone."`
}

type usersListCmd struct {
	where
	Service string `help:"Only this service's." placeholder:"ID"`
	After   string `help:"Only users after this subject, for paging." placeholder:"SUBJECT"`
	Limit   int    `help:"At most so many." default:"100"`
	JSON    bool   `help:"Print the list as JSON."`
}

func (usersListCmd) Help() string { return "Example:\n  hegui users list --service assistant" }

func (c usersListCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	list, err := in.users.List(ctx, c.Service, c.After, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(notNil(list))
	}
	o.printf("%-26s  %-16s  %-24s  %s\n", "SUBJECT", "SERVICE", "NAME", "STANDING")
	for _, u := range list {
		standing := u.Standing
		if standing == users.Suspended && !u.Suspended(time.Now()) {
			standing = "good (term has run out)"
		}
		o.printf("%-26s  %-16s  %-24s  %s\n", u.Subject, u.Service, u.Name, standing)
	}
	return nil
}

// who names a user by subject, or by service and name.
type who struct {
	User    string `arg:"" help:"Subject (pseudonym), or with --service the name an application calls the user."`
	Service string `help:"The service, when USER is a name." placeholder:"ID"`
}

func (w who) find(ctx context.Context, in *installation) (u users.User, err error) {
	if w.Service != "" {
		u, err = in.users.Lookup(ctx, w.Service, w.User)
	} else {
		u, err = in.users.Get(ctx, w.User)
	}
	if err != nil {
		return u, usageError{fmt.Sprintf("user %q: %v; see: hegui users list (a name needs --service)", w.User, err)}
	}
	return u, nil
}

type usersSuspendCmd struct {
	where
	who
	Reason string         `required:"" help:"Why; the user will read it."`
	For    *time.Duration `help:"Term, e.g. 72h (default: until lifted)."`
	JSON   bool           `help:"Print the decision as JSON."`
}

func (usersSuspendCmd) Help() string {
	return "Example:\n  hegui users suspend alice --service assistant --reason '推广赌博' --for 72h\n\nA running server refuses the user within a second."
}

func (c usersSuspendCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	u, err := c.find(ctx, in)
	if err != nil {
		return err
	}
	if c.For != nil && *c.For <= 0 {
		return usageError{"--for must be positive"}
	}
	var until time.Time
	if c.For != nil {
		until = time.Now().Add(*c.For)
	}
	id, err := in.users.Suspend(ctx, actor(), u.Subject, c.Reason, until)
	return c.done(o, c.JSON, "suspended", u.Subject, id, err)
}

// done prints a decision.
func (who) done(o out, asJSON bool, what, subject, decision string, err error) error {
	if err != nil {
		return err
	}
	if asJSON {
		return o.json(map[string]any{"subject": subject, "standing": what, "decision": decision})
	}
	o.printf("%s %s", what, subject)
	if decision != "" {
		o.printf(", decision %s", decision)
	}
	o.printf("\n")
	return nil
}

type usersLiftCmd struct {
	where
	who
	Reason string `required:"" help:"Why; the user will read it."`
	JSON   bool   `help:"Print the decision as JSON."`
}

func (usersLiftCmd) Help() string {
	return "Example:\n  hegui users lift alice --service assistant --reason '申诉成立'"
}

func (c usersLiftCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	u, err := c.find(ctx, in)
	if err != nil {
		return err
	}
	id, err := in.users.Lift(ctx, actor(), u.Subject, c.Reason)
	return c.done(o, c.JSON, "lifted", u.Subject, id, err)
}

type usersEraseCmd struct {
	where
	who
	Reason string `required:"" help:"Why, e.g. the number of the request; recorded as evidence, so name no person."`
	Yes    bool   `required:"" help:"Yes, this cannot be undone."`
	JSON   bool   `help:"Print the outcome as JSON."`
}

func (usersEraseCmd) Help() string {
	return "Example:\n  hegui users erase alice --service assistant --reason 'request 2026-17' --yes"
}

func (c usersEraseCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	u, err := c.find(ctx, in)
	if err != nil {
		return err
	}
	return c.done(o, c.JSON, "erased", u.Subject, "", in.users.Erase(ctx, actor(), u.Subject, c.Reason))
}

type staffCmd struct {
	Add     staffAddCmd     `cmd:"" help:"Add a person; they get in by a one-time link."`
	List    staffListCmd    `cmd:"" help:"List staff."`
	Link    staffLinkCmd    `cmd:"" help:"Make a one-time log-in link."`
	Disable staffDisableCmd `cmd:"" help:"Shut a person out."`
}

type staffAddCmd struct {
	where
	Login string `arg:"" help:"Log-in name."`
	Name  string `required:"" help:"The person's name."`
	Role  string `required:"" help:"${enum}" enum:"owner,compliance,moderator,engineer,auditor"`
	JSON  bool   `help:"Print the person and link as JSON."`
}

func (staffAddCmd) Help() string {
	return "Example:\n  hegui staff add wang.li --name 王丽 --role compliance"
}

func (c staffAddCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	s, err := in.staff.Add(ctx, actor(), operator.Staff{Login: c.Login, Name: c.Name, Role: c.Role})
	if err != nil {
		return err
	}
	return in.printLink(ctx, o, s, c.JSON)
}

// printLink makes a link and prints it with the address of the console that runs, or would run.
func (in *installation) printLink(ctx context.Context, o out, s operator.Staff, asJSON bool) error {
	token, err := in.staff.Link(ctx, actor(), s.ID)
	if err != nil {
		return err
	}
	base := readServing(in.config.Data).Console
	if base == "" {
		if base = in.config.Public.Console; base == "" {
			base = "http://" + in.config.Listen.Console
		}
	}
	link := linkURL(base, token)
	if asJSON {
		return o.json(map[string]any{"staff": s, "link": link})
	}
	o.printf("%s (%s), log in once within 24 hours:\n%s\n", s.Login, s.Role, link)
	return nil
}

type staffListCmd struct {
	where
	JSON bool `help:"Print the list as JSON."`
}

func (staffListCmd) Help() string { return "Example:\n  hegui staff list" }

func (c staffListCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	list, err := in.staff.List(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return o.json(notNil(list))
	}
	o.printf("%-20s  %-12s  %-10s  %s\n", "LOGIN", "ROLE", "STATE", "NAME")
	for _, s := range list {
		state := "good"
		switch {
		case s.Disabled:
			state = "disabled"
		case !s.HasPassword:
			state = "invited"
		}
		o.printf("%-20s  %-12s  %-10s  %s\n", s.Login, s.Role, state, s.Name)
	}
	return nil
}

// staffMember names one by log-in.
type staffMember struct {
	Login string `arg:"" help:"Log-in name, as in: hegui staff list"`
}

func (m staffMember) find(ctx context.Context, in *installation) (operator.Staff, error) {
	list, err := in.staff.List(ctx)
	if err != nil {
		return operator.Staff{}, err
	}
	for _, s := range list {
		if s.Login == m.Login || s.ID == m.Login {
			return s, nil
		}
	}
	return operator.Staff{}, usageError{fmt.Sprintf("nobody has the log-in %q; see: hegui staff list", m.Login)}
}

type staffLinkCmd struct {
	where
	staffMember
	JSON bool `help:"Print the link as JSON."`
}

func (staffLinkCmd) Help() string { return "Example:\n  hegui staff link owner" }

func (c staffLinkCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	s, err := c.find(ctx, in)
	if err != nil {
		return err
	}
	return in.printLink(ctx, o, s, c.JSON)
}

type staffDisableCmd struct {
	where
	staffMember
	Enable bool `help:"Let the person in again instead."`
	JSON   bool `help:"Print the outcome as JSON."`
}

func (staffDisableCmd) Help() string {
	return "Examples:\n  hegui staff disable wang.li\n  hegui staff disable wang.li --enable"
}

func (c staffDisableCmd) Run(ctx context.Context, o out) error {
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	s, err := c.find(ctx, in)
	if err != nil {
		return err
	}
	if err := in.staff.SetDisabled(ctx, actor(), s.ID, !c.Enable); err != nil {
		return err
	}
	if c.JSON {
		return o.json(map[string]any{"login": s.Login, "disabled": !c.Enable})
	}
	o.printf("%s is %s\n", s.Login, map[bool]string{true: "enabled", false: "disabled"}[c.Enable])
	return nil
}

// notNil keeps an empty list from printing as null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
