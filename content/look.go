package content

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
)

// Question is what somebody wants to know about: one of ID, Text and File, or several of the same content.
type Question struct {
	ID       string        // content ID
	Text     string        // what an answer said
	File     *carrier.File // read within its bounds; its size is the caller's to limit
	Provider string        // our provider code, by which our labels are told from others'
}

// Outcome of a question.
type Outcome string

const (
	MadeHere  Outcome = "made_here"  // the ledger has it: certain or likely, see its Trace
	MayBe     Outcome = "may_be"     // nothing better than a faint look-alike
	Claims    Outcome = "claims"     // its label names us, and the ledger does not know the content
	Foreign   Outcome = "foreign"    // it carries the label of another producer
	Malformed Outcome = "malformed"  // it carries a label that does not say who made it, or says nothing that can be read
	Nothing   Outcome = "nothing"    // no label and no trace: it was not made here, or was changed since, or is older than the ledger
	Unread    Outcome = "unreadable" // the file is of no kind that is known or could not be read whole, and no trace was found
)

// Sure is how sure it is that a trace leads to the content asked about.
type Sure string

const (
	Certain  Sure = "certain"  // the same bytes, text or number
	Likely   Sure = "likely"   // its label has our code and a number of ours, but other bytes; or it hardly looks different
	Possible Sure = "possible" // it looks alike
)

func (s Sure) rank() int { return slices.Index([]Sure{Certain, Likely, Possible}, s) }

// Trace is an item of the ledger and what led to it.
type Trace struct {
	Item
	By       string `json:"by"` // id, hash, text, label, look
	Sure     Sure   `json:"sure"`
	Distance int    `json:"distance"` // by look: bits in which the hashes differ
}

// Answer to a Question. Portals show it without exchange, application and subject.
type Answer struct {
	Outcome  Outcome       `json:"outcome"`
	Traces   []Trace       `json:"traces"`   // surest first
	Label    *label.Report `json:"label"`    // of a file: as label.Verify reports it; nil when none was asked about, or it is plain text
	Producer string        `json:"producer"` // whose label it is: ours, other, unknown; "" when there is none
	Worded   bool          `json:"worded"`   // a text has the words of a label; by whom is not known
	Short    bool          `json:"short"`    // a text is too short to be looked for (MinText)
	NoLook   string        `json:"no_look"`  // why look-alikes of an image were not looked for
}

// Look answers what the portal and the CLI ask. The error is of the database, of a cancelled ctx or of an empty question; a file that cannot be read is an answer.
func (l *Ledger) Look(ctx context.Context, q Question) (Answer, error) {
	a := Answer{Traces: []Trace{}}
	if q.ID = strings.TrimSpace(q.ID); q.ID == "" && q.Text == "" && q.File == nil {
		return a, &InvalidError{"question", "", "give a content ID, a text or a file"}
	}
	if q.ID != "" {
		m, err := l.ByID(ctx, q.ID)
		if errors.Is(err, ErrUnknown) && q.ID != strings.ToUpper(q.ID) { // ids that we give are in capitals
			m, err = l.ByID(ctx, strings.ToUpper(q.ID))
		}
		if err != nil && !errors.Is(err, ErrUnknown) {
			return a, err
		}
		if err == nil {
			a.add(Trace{Item: m, By: "id", Sure: Certain})
		}
	}
	if q.Text != "" {
		if err := l.lookText(ctx, &a, q.Text); err != nil {
			return a, err
		}
	}
	if q.File != nil {
		if err := l.lookFile(ctx, &a, q); err != nil {
			return a, err
		}
	}
	a.settle()
	return a, nil
}

// add takes a trace unless the item is there by a surer one.
func (a *Answer) add(t Trace) {
	i := slices.IndexFunc(a.Traces, func(x Trace) bool { return x.ID == t.ID })
	switch {
	case i < 0:
		a.Traces = append(a.Traces, t)
	case t.Sure.rank() < a.Traces[i].Sure.rank():
		a.Traces[i] = t
	}
}

// settle decides the outcome.
func (a *Answer) settle() {
	slices.SortStableFunc(a.Traces, func(x, y Trace) int {
		return cmp.Or(cmp.Compare(x.Sure.rank(), y.Sure.rank()), cmp.Compare(x.Distance, y.Distance))
	})
	best := Sure("")
	if len(a.Traces) > 0 {
		best = a.Traces[0].Sure
	}
	switch {
	case best == Certain:
		a.Outcome = MadeHere
	case a.Producer == "other":
		a.Outcome = Foreign
	case best == Likely:
		a.Outcome = MadeHere
	case a.Producer == "ours":
		a.Outcome = Claims
	case best == Possible:
		a.Outcome = MayBe
	case a.Label != nil && len(a.Label.Labels) > 0:
		a.Outcome = Malformed
	case a.Label != nil && a.Label.Verdict == label.Inconclusive:
		a.Outcome = Unread
	default:
		a.Outcome = Nothing
	}
}

func (l *Ledger) lookText(ctx context.Context, a *Answer, text string) error {
	if len(text) > MaxText {
		return &InvalidError{"text", "", fmt.Sprintf("%d bytes; at most %d are looked for", len(text), MaxText)}
	}
	a.Worded = a.Worded || label.HasExplicit(text)
	_, long := normal(text)
	a.Short = !long
	list, err := l.ByText(ctx, text)
	for _, m := range list {
		a.add(Trace{Item: m, By: "text", Sure: Certain})
	}
	return err
}

func (l *Ledger) lookFile(ctx context.Context, a *Answer, q Question) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, q.File.Section(0, q.File.Size())); err != nil {
		return fmt.Errorf("content: read the file: %w", err)
	}
	same, err := l.ByHash(ctx, hex.EncodeToString(sum.Sum(nil)))
	if err != nil {
		return err
	}
	for _, m := range same {
		a.add(Trace{Item: m, By: "hash", Sure: Certain})
	}
	format, known := label.FormatOf(q.File)
	if !known || format.Medium == "text" {
		if text, ok := plain(q.File); ok {
			if err := l.lookText(ctx, a, text); err != nil || !known {
				return err
			}
		}
	}
	report := label.Verify(q.File)
	a.Label = &report
	if err := l.lookLabel(ctx, a, q); err != nil {
		return err
	}
	if format.Medium == "image" {
		return l.lookAlike(ctx, a, q.File)
	}
	return nil
}

// plain is a file as text, when it is UTF-8 without zero bytes and not too long.
func plain(f *carrier.File) (string, bool) {
	if f.Size() == 0 || f.Size() > MaxText {
		return "", false
	}
	b, err := f.Read("text", 0, f.Size())
	if err != nil || !utf8.Valid(b) || slices.Contains(b, 0) {
		return "", false
	}
	return string(b), true
}

// lookLabel tells whose the label is and follows its number.
func (l *Ledger) lookLabel(ctx context.Context, a *Answer, q Question) error {
	there, ok := a.Label.Label()
	if !ok {
		return nil
	}
	producer, id := there.Value.ContentProducer, there.Value.ProduceID
	m, err := l.ByID(ctx, id)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return err
	}
	ours := producer != "" && producer == q.Provider
	if err == nil && !ours { // written when our code was another
		was, badLabel := label.Parse(string(m.Label))
		ours = badLabel == nil && producer != "" && was.Value.ContentProducer == producer
	}
	switch {
	case ours:
		a.Producer = "ours"
	case producer == "":
		a.Producer = "unknown"
	default:
		a.Producer = "other"
	}
	if ours && err == nil {
		a.add(Trace{Item: m, By: "label", Sure: Likely})
	}
	return nil
}

// lookAlike looks for images that look like this one.
func (l *Ledger) lookAlike(ctx context.Context, a *Answer, f *carrier.File) error {
	select {
	case l.eyes <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.eyes }()
	b, err := f.Read("image", 0, f.Size())
	if err != nil {
		a.NoLook = err.Error()
		return nil
	}
	hash, err := PerceptualFile(b)
	if err != nil {
		a.NoLook = err.Error()
		return nil
	}
	near, err := l.Near(ctx, hash, NearMax)
	for _, m := range near {
		sure := Possible
		if m.Distance <= SureLook {
			sure = Likely
		}
		a.add(Trace{Item: m.Item, By: "look", Sure: sure, Distance: m.Distance})
	}
	return err
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
