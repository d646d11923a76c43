package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/mark"
)

// labelCmd has no command that takes a label off, and there will be none (Labelling Measures Art 10).
type labelCmd struct {
	Add       labelAddCmd       `cmd:"" help:"Write the implicit label into generated files."`
	Verify    labelVerifyCmd    `cmd:"" help:"Look for labels and say whether they conform."`
	Audit     labelAuditCmd     `cmd:"" help:"Follow one content over several addresses and say where its labels are lost."`
	Propagate labelPropagateCmd `cmd:"" help:"Add the part of a platform that passes the content on."`
	Text      labelTextCmd      `cmd:"" help:"Write the explicit label into a text."`
	Formats   labelFormatsCmd   `cmd:"" help:"Kinds of files that can be labelled, and where the label stands."`
}

// exitNotFound is what label verify ends with when a file carries no label.
const exitNotFound = 3

// places says where edited files go.
type places struct {
	Files   []string `arg:"" name:"file" help:"Files; patterns such as *.png are expanded."`
	Out     string   `short:"o" help:"Directory to write to; the names stay." placeholder:"DIR"`
	InPlace bool     `help:"Replace the files. The old one stands until the new one is written and read back."`
	JSON    bool     `help:"Print as JSON lines."`
}

func (p places) check() error {
	if (p.Out == "") == !p.InPlace {
		return usageError{"say where to write: -o DIR, or --in-place"}
	}
	if p.Out != "" {
		if info, err := os.Stat(p.Out); err != nil || !info.IsDir() {
			return usageError{fmt.Sprintf("--out: %s is no directory", p.Out)}
		}
	}
	return nil
}

// labelled is what became of one file.
type labelled struct {
	File    string          `json:"file"`
	Written string          `json:"written,omitempty"`
	Format  string          `json:"format,omitempty"`
	Label   *label.Implicit `json:"label,omitempty"`
	Sign    label.Sign      `json:"explicit,omitempty"` // what people see or hear; ui: they must be told around it
	Notice  string          `json:"notice,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// each edits every file and goes on when one fails; the exit code tells that one did.
func (p places) each(o out, edit func(f *carrier.File, done *labelled) (*carrier.Edit, error)) error {
	files, err := expand(p.Files)
	if err != nil {
		return err
	}
	failed := 0
	bar := newBar(o.stderr, len(files))
	for _, path := range files {
		bar.at(path)
		done := labelled{File: path}
		if err := p.one(path, &done, edit); err != nil {
			failed++
			done.Error, done.Written = err.Error(), ""
		}
		bar.clear()
		switch {
		case p.JSON:
			if err := o.jsonLine(done); err != nil {
				return err
			}
		case done.Error != "":
			fmt.Fprintf(o.stderr, "%s: %s\n", path, done.Error)
		default:
			o.printf("%s: %s, %s %s\n", done.Written, done.Format, done.Label.ContentProducer, done.Label.ProduceID)
			if done.Sign != "" {
				o.printf("  %s\n", signWords(done.Sign))
			}
			if done.Notice != "" {
				o.printf("  %s\n", done.Notice)
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d files were not labelled; they are as they were", failed, len(files))
	}
	return nil
}

func (p places) one(path string, done *labelled, edit func(f *carrier.File, done *labelled) (*carrier.Edit, error)) error {
	f, file, err := openFile(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	e, err := edit(file, done)
	if err != nil {
		return err
	}
	if done.Written = path; p.Out != "" {
		done.Written = filepath.Join(p.Out, filepath.Base(path))
		if info, err := os.Stat(done.Written); err == nil {
			if was, err := f.Stat(); err == nil && os.SameFile(info, was) {
				return errors.New("-o is the directory of the file itself; use --in-place")
			}
		}
	}
	r := label.Verify(e.File())
	if l, ok := r.Label(); ok {
		done.Label = &l.Value
	}
	done.Format = r.Format
	return writeEdit(done.Written, f, e)
}

// writeEdit writes a labelled file beside the place where it goes, reads it back from there, and puts it in place.
func writeEdit(path string, was *os.File, e *carrier.Edit) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".labelled-*")
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	defer func() {
		_ = f.Close()
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := e.WriteTo(f); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if info, err := was.Stat(); err == nil {
		_ = f.Chmod(info.Mode().Perm()) // where the system has no such thing, the default stands
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	want, back := label.Verify(e.File()), label.Verify(carrier.Open(f, e.Size()))
	if info, err := f.Stat(); err != nil || info.Size() != e.Size() || fmt.Sprint(want) != fmt.Sprint(back) {
		return errors.New("what was written does not read back as it was to be; the disk may be full or failing")
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func openFile(path string) (*os.File, *carrier.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, plainPath(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, plainPath(err)
	}
	return f, carrier.Open(f, info.Size()).Named(path), nil
}

// plainPath is a path's error without the path, which the line names already.
func plainPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// expand resolves patterns that the shell left alone.
func expand(names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		if _, err := os.Stat(name); err == nil || !strings.ContainsAny(name, "*?[") {
			out = append(out, name)
			continue
		}
		found, err := filepath.Glob(name)
		if err != nil {
			return nil, usageError{fmt.Sprintf("%s: the pattern has a [ without a ]", name)}
		}
		if len(found) == 0 {
			return nil, usageError{fmt.Sprintf("%s: no file has such a name", name)}
		}
		out = append(out, found...)
	}
	return out, nil
}

// bar tells on a terminal which file is under way; elsewhere nothing.
type bar struct {
	w     io.Writer
	of, n int
}

func newBar(w io.Writer, of int) *bar {
	if f, ok := w.(*os.File); ok && of > 1 {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return &bar{w: w, of: of}
		}
	}
	return &bar{}
}

func (b *bar) at(path string) {
	if b.n++; b.w != nil {
		full := 20 * (b.n - 1) / b.of
		fmt.Fprintf(b.w, "\r\x1b[K[%s%s] %d/%d %s", strings.Repeat("#", full), strings.Repeat(".", 20-full), b.n, b.of, filepath.Base(path))
	}
}

func (b *bar) clear() {
	if b.w != nil {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}

type labelAddCmd struct {
	where
	places
	Producer string `help:"ContentProducer: provider code or name (default: the installation's)." placeholder:"CODE"`
	ID       string `help:"ProduceID, of a single file (default: a new one each)." placeholder:"ID"`
	Explicit string `help:"What people see or hear: auto (a mark on images and the opening of film at the bottom right, a rhythm before sound), none, or where the mark stands." enum:"auto,none,bottom-right,bottom-left,top-right,top-left,bottom,top,left,right" default:"auto"`
	SignKey  string `help:"Private key (PEM, PKCS #8: Ed25519 or SM2) that signs the label in ReservedCode1." placeholder:"FILE"`
	Source   string `help:"IPTC digital source type beside the label: generated, edited (composite with generated parts) or none." enum:"generated,edited,none" default:"generated"`
}

func (labelAddCmd) Help() string {
	return `Two labels (GB 45438-2025): words that people see on an image (5.2) or on the opening of a film (5.4), or a rhythm that they hear before sound (5.3), and the
label of Annex E in the metadata, where the practice guide of the format puts it. Film and compressed sound need ffmpeg. With --explicit none, pixels and
samples stay bit for bit. Files of other kinds get no visible or audible mark; then the page around them must tell. A file that carries the label of another producer or of other content is
refused: label propagate adds to it.

Examples:
  hegui label add *.png -o labelled --producer 001191110000EXAMPLE00F00000
  hegui label add picture.jpg --in-place --data ./hegui-data`
}

func (c labelAddCmd) Run(ctx context.Context, o out) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.ID != "" && len(c.Files) > 1 {
		return usageError{"--id: an id belongs to one file; leave it out for several"}
	}
	if c.Producer == "" {
		config, err := c.load()
		if err != nil {
			return err
		}
		if c.Producer, err = config.producer(); err != nil {
			return usageError{"--producer: name the provider's code, or the installation with --data or --config: " + err.Error()}
		}
	}
	sign := func(l label.Implicit) (label.Implicit, error) { return l, nil }
	if c.SignKey != "" {
		key, err := signingKey(c.SignKey)
		if err != nil {
			return usageError{"--sign-key: " + err.Error()}
		}
		sign = key.Sign
	}
	source := map[string]string{"generated": label.SourceGenerated, "edited": label.SourceEdited}[c.Source]
	return c.each(o, func(f *carrier.File, done *labelled) (*carrier.Edit, error) {
		id := c.ID
		if id == "" {
			id = store.NewID()
			if there, ok := label.Verify(f).Label(); ok && there.Value.ContentProducer == c.Producer {
				id = there.Value.ProduceID // its own, labelled again
			}
		}
		l, err := sign(label.Produced(c.Producer, id))
		if err != nil {
			return nil, err
		}
		if c.Explicit == "none" {
			return label.Write(f, l, source)
		}
		if _, err := label.Write(f, l, source); err != nil { // before anything is drawn: it may be somebody else's
			return nil, err
		}
		e := label.Explicit{Image: mark.Options{SameFormat: true}}
		if c.Explicit != "auto" {
			e.Image.At = mark.Position(c.Explicit)
		}
		marked, sign, err := label.Mark(ctx, f, e)
		switch {
		case errors.Is(err, label.ErrNoSign):
			marked, sign = f, label.SignUI
		case err != nil:
			return nil, err
		}
		done.Sign = sign
		return label.Write(marked, l, source)
	})
}

// signingKey reads a key that signs labels.
func signingKey(path string) (*label.SigningKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return label.ParseSigningKey(b)
}

// signWords says what people see or hear of a label.
func signWords(s label.Sign) string {
	switch s {
	case label.SignMark:
		return "visible: words on the image, or on the opening of the film"
	case label.SignRhythm:
		return "audible: the rhythm before the content"
	case label.SignText:
		return "visible: words at the beginning"
	case label.SignClip:
		return "audible: a spoken clip"
	}
	return "nothing visible or audible can be written into this file here; tell people around it (GB 45438-2025 5.6)"
}

// producer is the code that labels carry.
func (c configFile) producer() (string, error) {
	if c.Provider.Code != "" {
		return c.Provider.Code, nil
	}
	return label.ProviderCode(c.Provider.USCC, "")
}

type labelPropagateCmd struct {
	places
	Propagator string `required:"" help:"ContentPropagator: the platform's code or name." placeholder:"CODE"`
	ID         string `help:"PropagateID, of a single file (default: a new one each)." placeholder:"ID"`
	Declared   bool   `help:"Files without a label: their user declared them generated (\"may be\")." xor:"claim"`
	Suspected  bool   `help:"Files without a label: an explicit label or traces were found (\"suspected\")." xor:"claim"`
	Lang       string `help:"Language of the notice for the page: zh or en." enum:"zh,en" default:"zh"`
}

func (labelPropagateCmd) Help() string {
	return `Labelling Measures Art 6: the producer's part stays as it is, the platform's part is added, and the notice that the page has to show around the content is
printed. What the producer says is not raised.

Example:
  hegui label propagate video.mp4 --propagator 001191110000EXAMPLE00F20001 --in-place`
}

func (c labelPropagateCmd) Run(o out) error {
	if err := c.check(); err != nil {
		return err
	}
	if c.ID != "" && len(c.Files) > 1 {
		return usageError{"--id: an id belongs to one file; leave it out for several"}
	}
	p := label.Propagation{Propagator: c.Propagator, ID: c.ID}
	switch {
	case c.Declared:
		p.Claim = label.Declared
	case c.Suspected:
		p.Claim = label.Suspected
	}
	return c.each(o, func(f *carrier.File, done *labelled) (*carrier.Edit, error) {
		p := p
		if p.ID == "" {
			p.ID = store.NewID()
		}
		e, claim, err := label.Propagate(f, p)
		if err == nil {
			done.Notice = label.NoticeOf(claim, c.Lang)
		}
		return e, err
	})
}
