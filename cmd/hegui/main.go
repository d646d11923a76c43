// Command hegui is the one binary: gateway, console, portal, registers and their tools.
//
// Exit codes: 0 ok, 1 a finding or breach, 2 wrong use, 10 failure.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/hegui/hegui/answers"
	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/emergency"
	"github.com/hegui/hegui/function"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/users"
)

const (
	exitOK      = 0
	exitFinding = 1
	exitUsage   = 2
	exitFailure = 10
)

// cli is the whole command line.
type cli struct {
	Serve      serveCmd      `cmd:"" help:"Run gateway, console and portal."`
	Init       initCmd       `cmd:"" help:"Write a documented hegui.yaml."`
	Doctor     doctorCmd     `cmd:"" help:"Check this machine and installation, and say how to mend what is wrong."`
	Check      checkCmd      `cmd:"" help:"Compute the obligation register now."`
	Lexicon    lexiconCmd    `cmd:"" help:"The installation's word lists: import, measure, publish."`
	Policy     policyCmd     `cmd:"" help:"What follows from a finding: the table, and trying another."`
	Answers    answersCmd    `cmd:"" help:"Approved answers (代答): import, approve, try."`
	Function   functionCmd   `cmd:"" help:"What services offer: may the public be confused, was it assessed, what interfaces show."`
	Emergency  emergencyCmd  `cmd:"" help:"What is stricter for a time: words on an order, periods."`
	Content    contentCmd    `cmd:"" help:"Content ledger: what was made here, found by id, file or text."`
	Label      labelCmd      `cmd:"" help:"Labels of generated files: add, verify, propagate."`
	Screen     screenCmd     `cmd:"" help:"Look through a file with the lexicon; JSON lines out."`
	Journal    journalCmd    `cmd:"" help:"Verify, prove and export evidence."`
	Keys       keysCmd       `cmd:"" help:"Keys of applications."`
	Users      usersCmd      `cmd:"" help:"Users and their standing."`
	Upstream   upstreamCmd   `cmd:"" help:"Endpoints of models: how they refuse content."`
	Detector   detectorCmd   `cmd:"" help:"Models that judge texts: try them, see what they cost."`
	Classifier classifierCmd `cmd:"" help:"Classifiers of your own: train, measure, explain."`
	Staff      staffCmd      `cmd:"" help:"People who may log in to the console."`
	Version    versionCmd    `cmd:"" help:"Version, or a software bill of materials."`
}

// out is where a command writes.
type out struct {
	stdout, stderr io.Writer
}

// json writes v as one indented document.
func (o out) json(v any) error {
	e := json.NewEncoder(o.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// jsonLine writes v as one line.
func (o out) jsonLine(v any) error {
	e := json.NewEncoder(o.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (o out) printf(format string, args ...any) {
	fmt.Fprintf(o.stdout, format, args...)
}

// errFinding ends a command that worked and found something; what it found has been printed.
var errFinding = errors.New("finding")

// exitError ends a command that has said everything with a code of its own.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError is a command line that parsed and makes no sense.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// exited carries an exit code out of kong, which ends --help and --version by calling os.Exit.
type exited int

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// newParser makes the command line; its commands get o and ctx.
func newParser(ctx context.Context, c *cli, o out) (*kong.Kong, error) {
	return kong.New(c, kong.Name("hegui"), kong.Writers(o.stdout, o.stderr), kong.UsageOnError(),
		kong.Description("hegui 合规: the compliance platform for generative-AI services in China."),
		kong.Exit(func(n int) { panic(exited(n)) }),
		kong.Bind(o), kong.BindTo(ctx, (*context.Context)(nil)))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exited)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	var c cli
	parser, err := newParser(ctx, &c, out{stdout, stderr})
	if err == nil && wantsChinese() {
		err = errors.Join(inChinese(parser), kong.Help(chineseHeadings).Apply(parser))
	}
	if err != nil {
		fmt.Fprintln(stderr, "hegui:", err)
		return exitFailure
	}
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "hegui: %v\nSee: hegui --help\n", err)
		return exitUsage
	}
	err = k.Run()
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFinding):
		return exitFinding
	}
	var ends exitError
	if errors.As(err, &ends) {
		return int(ends)
	}
	fmt.Fprintln(stderr, "hegui:", err)
	if wrongUse(err) {
		return exitUsage
	}
	return exitFailure
}

// wrongUse tells errors that the caller mends by calling differently from failures of the system.
func wrongUse(err error) bool {
	var (
		usage    usageError
		invalidU *users.InvalidError
		invalidS *service.InvalidError
		invalidO *operator.InvalidError
		invalidL *lexicon.InvalidError
		unread   *lexicon.UnreadError
		declared service.Invalid
		invalidA *answers.InvalidError
		invalidE *emergency.InvalidError
		invalidC *content.InvalidError
		invalidF *function.InvalidError
	)
	for _, refused := range []error{service.ErrUnknownKey, service.ErrRevokedKey, users.ErrNotSuspended, users.ErrErased, operator.ErrLastOwner, operator.ErrLoginTaken,
		lexicon.ErrUnknown, lexicon.ErrNoVersion, lexicon.ErrEmptyDraft, lexicon.ErrNoProposal, lexicon.ErrNoRollback, lexicon.ErrSamePerson, lexicon.ErrNotMeasured,
		emergency.ErrUnknown, emergency.ErrSamePerson, emergency.ErrNobody, emergency.ErrNoSignature, emergency.ErrState, answers.ErrUnknown, answers.ErrState, answers.ErrSamePerson, answers.ErrNobody, function.ErrUnknown, function.ErrNobody, function.ErrState} {
		if errors.Is(err, refused) {
			return true
		}
	}
	return errors.As(err, &usage) || errors.As(err, &invalidU) || errors.As(err, &invalidS) || errors.As(err, &invalidO) || errors.As(err, &invalidL) || errors.As(err, &unread) || errors.As(err, &declared) || errors.As(err, &invalidA) || errors.As(err, &invalidE) || errors.As(err, &invalidC) || errors.As(err, &invalidF)
}
