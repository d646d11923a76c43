package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/decode"
)

type screenCmd struct {
	where
	File      string `arg:"" help:"File to look through, or - for standard input."`
	Whole     bool   `help:"Take the file as one text instead of one text a line."`
	JSONL     string `name:"jsonl" help:"Each line is a JSON object; the text is this member of it (a.b for one inside another)." placeholder:"FIELD"`
	Starter   bool   `help:"Screen with the built-in starter entries alone."`
	Lexicon   string `help:"Screen with this word list alone (any file that hegui lexicon import reads)." placeholder:"FILE"`
	Category  string `help:"With --lexicon: risk of entries that name none." default:"A1h"`
	Tier      string `help:"With --lexicon: tier of entries that name none: ${enum}." enum:"block,signal,observe" default:"block"`
	Service   string `help:"Screen as text of this service." placeholder:"ID"`
	Direction string `help:"Screen as text going this way: in or out." enum:"in,out" default:"in"`
	User      string `help:"Screen as text of such a user: adult, minor or unknown." enum:",adult,minor,unknown" default:""`
}

func (screenCmd) Help() string {
	return `Prints one JSON object for each text: line, verdict (what the policy says: allow, mask, guide, refuse, …), the hash of the lexicon, and the findings with
entry, category, tier, form and byte offsets. What is encoded in a text (Base64, character references, …) is looked through as in the gateway;
"partial" tells why not all of it was: depth, output (too much comes of it) or length (the text is longer than a megabyte).
Exit 1 when a text would be refused or something put in its place.

Without --starter and --lexicon the lexicon of the installation is used, or the starter where there is none.

Examples:
  hegui screen questions.txt --data ./hegui-data
  hegui screen answers.jsonl --jsonl answer.text
  printf '出售冰毒' | hegui screen - --whole --starter`
}

const (
	// longLine is the length above which a line is screened piece by piece as it is read, in bytes.
	longLine = 1 << 20
	// tooLong is the partial of what is screened piece by piece.
	tooLong = "length"
	// longJSON bounds a line of --jsonl, which must be held whole.
	longJSON = 64 << 20
	// findingsShown bounds the findings listed for one text; findings_total counts all that the engine reports.
	findingsShown = 500
)

// screened is one line of the output.
type screened struct {
	Line     int          `json:"line,omitempty"`
	Verdict  string       `json:"verdict,omitempty"` // allow, mask, guide, refuse, stop, retract or replace: the strictest that the policy says
	Lexicon  string       `json:"lexicon,omitempty"` // hash
	Bytes    int          `json:"bytes"`
	Invalid  bool         `json:"invalid_utf8,omitempty"` // read as U+FFFD byte by byte
	Partial  string       `json:"partial,omitempty"`      // why not everything encoded in it was looked through: depth, output or length
	Findings []foundEntry `json:"findings"`
	Total    int          `json:"findings_total"`
	Error    string       `json:"error,omitempty"`
}

type foundEntry struct {
	Entry    string          `json:"entry"`
	Category string          `json:"category"`
	Tier     moderation.Tier `json:"tier"`
	Form     moderation.Form `json:"form"`
	Start    int             `json:"start"`
	End      int             `json:"end"`
}

func (c screenCmd) Run(ctx context.Context, o out) error {
	if c.Whole && c.JSONL != "" {
		return usageError{"--whole and --jsonl exclude each other"}
	}
	if c.Starter && c.Lexicon != "" {
		return usageError{"--starter and --lexicon exclude each other"}
	}
	s, err := c.screen(ctx, o)
	if err != nil {
		return err
	}
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return usageError{err.Error()}
		}
		defer f.Close()
		if about, err := f.Stat(); err == nil && about.IsDir() {
			return usageError{c.File + " is a directory; name a file"}
		}
		in = f
	}
	w := bufio.NewWriter(o.stdout)
	s.out = json.NewEncoder(w)
	s.out.SetEscapeHTML(false)
	r := bufio.NewReaderSize(in, 64<<10)
	switch {
	case c.Whole:
		err = s.whole(ctx, r)
	case c.JSONL != "":
		err = s.jsonLines(ctx, r, c.JSONL)
	default:
		err = s.lines(ctx, r)
	}
	if err := errors.Join(err, w.Flush()); err != nil {
		return fmt.Errorf("screen %s: %w", c.File, err)
	}
	if s.invalid > 0 {
		fmt.Fprintf(o.stderr, "%d texts are not valid UTF-8, so words in them may have been missed; convert the file to UTF-8 and screen it again\n", s.invalid)
	}
	switch {
	case s.bad > 0:
		return usageError{fmt.Sprintf("%d lines could not be read; they carry an error in the output", s.bad)}
	case s.refused > 0, s.invalid > 0:
		return errFinding
	}
	return nil
}

// screen gathers the lexicon and the policy that the flags ask for.
func (c screenCmd) screen(ctx context.Context, o out) (*screen, error) {
	place := moderation.Place{Scene: moderation.Scene{Service: c.Service, Direction: c.Direction, Channel: "content", User: c.User}}
	with := func(l *moderation.Lexicon, p *moderation.Policy, err error) (*screen, error) {
		if err != nil {
			return nil, err
		}
		return &screen{lexicon: l, scene: place.Scene, table: p.At(place)}, nil
	}
	today := lexicon.Today(time.Now())
	if !c.Starter && c.Lexicon == "" {
		in, err := c.where.open(ctx, true)
		var usage usageError
		switch {
		case err == nil:
			defer in.close()
			if s, ok := in.services.Service(c.Service); ok {
				place.Profile, place.OnViolation = s.Profile, moderation.Action(s.OnViolation)
			}
			l, _, err := in.lexicon.InForce(ctx)
			if err != nil {
				return nil, err
			}
			p, err := in.config.policy()
			return with(l, p, err)
		case !errors.As(err, &usage) || c.Data != "" || c.Config != "":
			return nil, err
		}
		fmt.Fprintln(o.stderr, "hegui: there is no installation here; screening with the built-in starter entries alone (name one with --data)")
	}
	p, err := moderation.DefaultPolicy()
	if err != nil {
		return nil, err
	}
	entries := moderation.StarterEntries()
	if c.Lexicon != "" {
		if entries, err = readList(c.Lexicon, c.Category, moderation.Tier(c.Tier)); err != nil {
			return nil, err
		}
	}
	l, err := lexicon.Compile(entries, nil, today)
	return with(l, p, err)
}

// screen holds what one run keeps; never more than a line of longLine, and of longer ones nothing but the findings.
type screen struct {
	lexicon *moderation.Lexicon
	scene   moderation.Scene
	table   *moderation.Table // of the policy, at the scene
	out     *json.Encoder
	refused int
	bad     int
	invalid int // not valid UTF-8
}

// take adds findings to a result.
func (s *screen) take(r *screened, findings []moderation.Finding) {
	for _, f := range findings {
		if r.Total++; r.Total <= findingsShown {
			r.Findings = append(r.Findings, foundEntry{f.Entry, f.Category, f.Tier, f.Form, f.Start, f.End})
		}
		if d := s.table.Decide(moderation.CaseOf(f)); d.Action.Stricter(moderation.Action(r.Verdict)) {
			r.Verdict = string(d.Action)
		}
	}
}

func (s *screen) begin(line int) screened {
	return screened{Line: line, Verdict: "allow", Lexicon: s.lexicon.Hash(), Findings: []foundEntry{}}
}

func (s *screen) put(r screened) error {
	if moderation.Action(r.Verdict).Stricter(moderation.Mask) {
		s.refused++
	}
	if r.Error != "" {
		s.bad++
	}
	if r.Invalid {
		s.invalid++
	}
	return s.out.Encode(r)
}

// text screens one text that is held whole.
func (s *screen) text(line int, text []byte) error {
	r := s.begin(line)
	r.Bytes, r.Invalid = len(text), !utf8.Valid(text)
	found, partial := decode.Scan(s.lexicon, s.scene, text)
	if partial != nil {
		r.Partial = partial.Reason
	}
	s.take(&r, found)
	return s.put(r)
}

// piecewise screens a text that comes in pieces and is never held.
type piecewise struct {
	s      *screen
	r      screened
	window *moderation.Window
	tail   []byte // an unfinished rune, for Invalid
}

func (s *screen) pieces(line int) *piecewise {
	none := func(string, moderation.Tier) bool { return false } // findings alone: nothing is held back and nothing ends it
	p := &piecewise{s: s, r: s.begin(line), window: s.lexicon.NewWindow(s.scene, none)}
	p.r.Partial = tooLong
	return p
}

func (p *piecewise) write(piece []byte) {
	p.r.Bytes += len(piece)
	p.s.take(&p.r, p.window.Write(piece).Findings)
	b := append(p.tail, piece...)
	cut := len(b) // where an unfinished rune begins
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if utf8.RuneStart(b[len(b)-i]) {
			if !utf8.FullRune(b[len(b)-i:]) {
				cut = len(b) - i
			}
			break
		}
	}
	p.r.Invalid = p.r.Invalid || !utf8.Valid(b[:cut])
	p.tail = append([]byte(nil), b[cut:]...)
}

func (p *piecewise) end() error {
	p.s.take(&p.r, p.window.Close().Findings)
	p.r.Invalid = p.r.Invalid || len(p.tail) > 0
	return p.s.put(p.r)
}

func (s *screen) whole(ctx context.Context, r *bufio.Reader) error {
	begin, err := io.ReadAll(io.LimitReader(r, longLine))
	if err != nil {
		return err
	}
	if len(begin) < longLine {
		return s.text(0, begin)
	}
	p := s.pieces(0)
	p.write(begin)
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		p.write(buf[:n])
		if errors.Is(err, io.EOF) {
			return p.end()
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
	}
}

// lines screens line by line; the end of a line, LF or CRLF, is no part of its text.
func (s *screen) lines(ctx context.Context, r *bufio.Reader) error {
	for line := 1; ; line++ {
		text, more, err := readLine(r, longLine)
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !more {
			if err := s.text(line, text); err != nil {
				return err
			}
		} else {
			p := s.pieces(line)
			for p.write(text); more; p.write(text) {
				if text, more, err = readLine(r, longLine); err != nil && !errors.Is(err, io.EOF) {
					return err
				}
			}
			if err := p.end(); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// readLine reads up to the end of a line, which it leaves out, or up to about limit bytes; more tells that the line goes
// on. At the end of the file the error is io.EOF, with what stood there.
func readLine(r *bufio.Reader, limit int) (line []byte, more bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			line = line[:len(line)-1]
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			return line, false, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, false, err
		case len(line) >= limit:
			return line, true, nil
		}
	}
}

func (s *screen) jsonLines(ctx context.Context, r *bufio.Reader, field string) error {
	for line := 1; ; line++ {
		b, more, err := readLine(r, longJSON)
		if errors.Is(err, io.EOF) && len(b) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		bad := ""
		for more { // read past it
			bad = fmt.Sprintf("the line is longer than %d bytes", longJSON)
			if _, more, err = readLine(r, longLine); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		if bad == "" {
			text, err := member(b, field)
			if err == nil {
				if err := s.text(line, []byte(text)); err != nil {
					return err
				}
			} else {
				bad = err.Error()
			}
		}
		if bad != "" {
			if err := s.put(screened{Line: line, Bytes: len(b), Findings: []foundEntry{}, Error: bad}); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// member finds the string at a dotted path of a JSON object.
func member(line []byte, path string) (string, error) {
	v := json.RawMessage(line)
	for _, name := range strings.Split(path, ".") {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(v, &object); err != nil {
			return "", fmt.Errorf("no JSON object: %w", err)
		}
		inner, ok := object[name]
		if !ok {
			return "", fmt.Errorf("member %q of %q is missing", name, path)
		}
		v = inner
	}
	var text string
	if err := json.Unmarshal(v, &text); err != nil {
		return "", fmt.Errorf("member %q is not a string", path)
	}
	return text, nil
}
