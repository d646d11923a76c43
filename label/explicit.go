package label

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/film"
	"github.com/hegui/hegui/label/mark"
	"github.com/hegui/hegui/label/sound"
)

// Sign is what an explicit label on a file is (GB 45438-2025 chapter 5).
type Sign string

// Signs.
const (
	SignMark   Sign = "mark"   // words on an image (5.2)
	SignRhythm Sign = "rhythm" // the rhythm 短长 短短 in sound (5.3)
	SignClip   Sign = "clip"   // a spoken clip in sound (5.3)
	SignText   Sign = "text"   // words at the beginning of a text (5.1)
	SignUI     Sign = "ui"     // a notice that the interface shows around the content (5.6)
	SignNone   Sign = "none"
)

// Explicit says how content is marked for people.
type Explicit struct {
	Image mark.Options
	Sound sound.Options
	Tools *film.Tools // for film and compressed sound; nil: these get no mark
}

// ErrNoSign says that nothing here can put an explicit label on a file of this kind, or that it is too small for one. Its interface can show one (GB 45438-2025 5.6), or the
// content can be had in another format.
var ErrNoSign = errors.New("label: no explicit label can be put on this file here")

// largest is the file that is read into memory to be marked; ours.
const largest = 256 << 20

// Mark puts the explicit label on a file: words on an image or before a Markdown text, the rhythm or a clip into a WAV recording. Its implicit label must be written
// afterwards, for some formats come back as another (a WebP as PNG). A file that has the mark already comes back as it was. Errors are ErrNoSign,
// or say what is wrong with the file and where.
func Mark(f *carrier.File, e Explicit) (*carrier.File, Sign, error) {
	format, ok := FormatOf(f)
	switch {
	case !ok:
		return nil, SignNone, ErrUnknownFormat
	case format.Medium == "image":
		b, err := whole(f, format.Name)
		if err != nil {
			return nil, SignNone, err
		}
		kind := mark.Format(b)
		if kind == "" || kind == "webp" && e.Image.SameFormat {
			return nil, SignNone, fmt.Errorf("%w: %s", ErrNoSign, format.Title)
		}
		out, _, err := mark.Image(b, e.Image)
		if errors.Is(err, mark.ErrNoRoom) {
			return nil, SignNone, fmt.Errorf("%w: %w", ErrNoSign, err)
		}
		if err != nil {
			return nil, SignNone, fmt.Errorf("label: %w", err)
		}
		return carrier.Bytes(out), SignMark, nil
	case format.Name == "markdown":
		b, err := whole(f, format.Name)
		if err != nil {
			return nil, SignNone, err
		}
		return carrier.Bytes(markedText(b)).Named(f.Ext()), SignText, nil
	case e.Tools != nil && film.Marks(format.Name):
		if format.Medium == "video" {
			out, err := e.Tools.MarkFilm(f, format.Name, e.Image)
			if errors.Is(err, mark.ErrNoRoom) {
				err = fmt.Errorf("%w: %w", ErrNoSign, err)
			}
			return out, SignMark, err
		}
		out, err := e.Tools.MarkSound(f, format.Name, e.Sound)
		if e.Sound.Clip != nil {
			return out, SignClip, err
		}
		return out, SignRhythm, err
	case format.Name == "wav":
		edit, err := sound.MarkWAV(f, e.Sound)
		if err != nil {
			return nil, SignNone, fmt.Errorf("label: %w", err)
		}
		sign := SignRhythm
		if e.Sound.Clip != nil {
			sign = SignClip
		}
		return edit.File(), sign, nil
	}
	return nil, SignNone, fmt.Errorf("%w: %s", ErrNoSign, format.Title)
}

// markedText is Markdown with the words in a paragraph before the text and behind its front matter.
func markedText(b []byte) []byte {
	at := len(frontMatter(b))
	if HasExplicit(string(b[at:])) {
		return b
	}
	gap := ""
	if at > 0 {
		gap = "\n"
	}
	return slices.Concat(b[:at], []byte(gap+Words(Start, "zh").Prefix), b[at:])
}

// frontMatter is the block of YAML that a text may begin with.
func frontMatter(b []byte) string {
	if rest, ok := bytes.CutPrefix(b, []byte("---\n")); ok {
		if end := bytes.Index(rest, []byte("\n---\n")); end >= 0 {
			return string(b[:4+end+len("\n---\n")])
		}
	}
	return ""
}

// whole is a file in memory.
func whole(f *carrier.File, format string) ([]byte, error) {
	if f.Size() > largest {
		return nil, &carrier.Error{Format: format, Kind: carrier.TooLarge, Offset: -1, Rule: fmt.Sprintf("the file has %d bytes, at most %d are marked", f.Size(), int64(largest))}
	}
	if f.Size() <= carrier.MaxRead {
		return f.Read(format, 0, f.Size())
	}
	var b bytes.Buffer
	b.Grow(int(f.Size()))
	if _, err := io.Copy(&b, f.Section(0, f.Size())); err != nil {
		return nil, &carrier.Error{Format: format, Kind: carrier.Unreadable, Offset: -1, Rule: "the file could not be read", Err: err}
	}
	return b.Bytes(), nil
}

// Seen is what was found of an explicit label.
type Seen struct {
	Sign   Sign   `json:"sign"`             // mark, rhythm; none: nothing was found
	Looked bool   `json:"looked"`           // false: files of this kind are not looked at
	Detail string `json:"detail,omitempty"` // in words: where, how large
	Short  bool   `json:"short,omitempty"`  // it is surely below what the rule asks (5 % of the shortest side, 5.2)
	Reason string `json:"reason,omitempty"` // why it could not be looked at
}

// LookExplicit looks for an explicit label: the words on an image or at either end of a text, the rhythm in a WAV recording and, with tools (which may be
// nil), the words on the opening of a film and the rhythm in compressed sound. Nothing found is no proof of none: the
// words may be drawn in a way that is not known here, a spoken clip is not understood.
func LookExplicit(f *carrier.File, tools *film.Tools) Seen {
	format, ok := FormatOf(f)
	if !ok {
		return Seen{Sign: SignNone}
	}
	switch {
	case format.Medium == "image":
		b, err := whole(f, format.Name)
		if err != nil {
			return Seen{Sign: SignNone, Reason: err.Error()}
		}
		if mark.Format(b) == "" {
			return Seen{Sign: SignNone}
		}
		found, err := mark.FindIn(b, mark.Options{})
		switch {
		case err != nil:
			return Seen{Sign: SignNone, Reason: err.Error()}
		case found.State != mark.Found:
			return Seen{Sign: SignNone, Looked: true}
		}
		return Seen{Sign: SignMark, Looked: true, Short: found.Enough == mark.No,
			Detail: fmt.Sprintf("%s at %v, %.1f %% of the shortest side", found.Words, found.Box, 100*found.Share)}
	case format.Medium == "text":
		b, err := whole(f, format.Name)
		switch {
		case err != nil:
			return Seen{Sign: SignNone, Reason: err.Error()}
		case !HasExplicit(string(b)) && !HasExplicit(strings.TrimPrefix(string(b), frontMatter(b))):
			return Seen{Sign: SignNone, Looked: true}
		}
		return Seen{Sign: SignText, Looked: true, Detail: "words at the beginning or end of the text"}
	case film.Marks(format.Name) && tools == nil:
		return Seen{Sign: SignNone, Reason: film.ErrMissing.Error()}
	case film.Marks(format.Name) && format.Medium == "video":
		found, err := tools.Look(f, format.Name)
		switch {
		case err != nil:
			return Seen{Sign: SignNone, Reason: err.Error()}
		case found.State != mark.Found:
			return Seen{Sign: SignNone, Looked: true}
		}
		return Seen{Sign: SignMark, Looked: true, Short: found.Enough == mark.No,
			Detail: fmt.Sprintf("%s on the opening for 2 s, at %v, %.1f %% of the shortest side", found.Words, found.Box, 100*found.Share)}
	case film.Marks(format.Name):
		found, err := tools.Hear(f, format.Name)
		switch {
		case err != nil:
			return Seen{Sign: SignNone, Reason: err.Error()}
		case len(found) == 0:
			return Seen{Sign: SignNone, Looked: true}
		}
		return Seen{Sign: SignRhythm, Looked: true, Detail: fmt.Sprintf("from %.1f s to %.1f s", found[0].Start, found[0].End)}
	case format.Name == "wav":
		found, err := sound.FindWAV(f)
		switch {
		case err != nil:
			return Seen{Sign: SignNone, Reason: err.Error()}
		case len(found) == 0:
			return Seen{Sign: SignNone, Looked: true}
		}
		return Seen{Sign: SignRhythm, Looked: true, Detail: fmt.Sprintf("from %.1f s to %.1f s", found[0].Start, found[0].End)}
	}
	return Seen{Sign: SignNone}
}
