package label

import (
	"bytes"
	"context"
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
	SignMark   Sign = "mark"   // words on an image or on the opening of a film (5.2, 5.4)
	SignRhythm Sign = "rhythm" // the rhythm 短长 短短 in sound (5.3)
	SignClip   Sign = "clip"   // a spoken clip in sound (5.3)
	SignText   Sign = "text"   // words at the beginning of a text (5.1)
	SignUI     Sign = "ui"     // a notice that the interface shows around the content (5.6)
	SignNone   Sign = "none"
)

// Explicit says how content is marked for people.
type Explicit struct {
	Image mark.Options // of films too, unless Film.Mark says other words or another place
	Sound sound.Options
	Film  film.Options // of its limits also for compressed sound
}

// ErrNoSign says that nothing here can put an explicit label on a file of this kind, or that it is too small for one. Its interface can show one (GB 45438-2025 5.6), or the
// content can be had in another format.
var ErrNoSign = errors.New("label: no explicit label can be put on this file here")

// largest is the file that is read into memory to be marked; ours.
const largest = 256 << 20

// ErrTool says that the file needs the commands ffmpeg and ffprobe to be marked, and that they are not installed: then it must not leave as if it had no need.
var ErrTool = film.ErrTool

// Mark puts the explicit label on a file: words on an image, on the opening of a film or before a Markdown text, the rhythm or a clip into a recording. Its
// implicit label must be written afterwards, for some formats come back as another (a WebP as PNG); one that is there stays. A file that has
// the mark already comes back as it was. Errors are ErrNoSign, ErrTool, those of the context, or say what is wrong with the file and where. Films and compressed
// sound are worked on in a temporary directory, by commands that the context ends.
func Mark(ctx context.Context, f *carrier.File, e Explicit) (*carrier.File, Sign, error) {
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
	if format.Medium == "video" || format.Medium == "audio" {
		return markFilm(ctx, f, format, e)
	}
	return nil, SignNone, fmt.Errorf("%w: %s", ErrNoSign, format.Title)
}

// markFilm marks a film or a compressed recording.
func markFilm(ctx context.Context, f *carrier.File, format carrier.Format, e Explicit) (*carrier.File, Sign, error) {
	o := e.Film
	if o.Mark.At == "" && len(o.Mark.Words) == 0 {
		o.Mark = e.Image
	}
	o.Sound = e.Sound
	marked, report, err := film.Mark(ctx, f, format.Name, o)
	switch {
	case errors.Is(err, mark.ErrNoRoom), carrier.KindOf(err) == carrier.Unsupported, carrier.KindOf(err) == carrier.Encrypted:
		return nil, SignNone, fmt.Errorf("%w: %s: %w", ErrNoSign, format.Title, err)
	case err != nil:
		return nil, SignNone, fmt.Errorf("label: %w", err)
	}
	sign := SignMark
	switch {
	case report.Heard && e.Sound.Clip != nil:
		sign = SignClip
	case report.Heard:
		sign = SignRhythm
	}
	marked, err = keepLabel(f, marked, format)
	return marked, sign, err
}

// keepLabel puts back the implicit label of a file that was written anew, if it was lost on the way.
func keepLabel(was, is *carrier.File, format carrier.Format) (*carrier.File, error) {
	old, err := format.Sites(was)
	if err != nil || len(old) == 0 || is == was {
		return is, nil // nothing to lose, or told where it is verified
	}
	now, err := format.Sites(is)
	if err != nil {
		return nil, fmt.Errorf("label: the marked file: %w", err)
	}
	if slices.EqualFunc(old, now, func(a, b carrier.Site) bool { return a.Value == b.Value }) {
		return is, nil
	}
	if len(old) > 1 {
		return nil, fmt.Errorf("label: the file carries %d implicit labels, which marking it would lose; verify it first", len(old))
	}
	edit, err := format.Put(is, carrier.Label{Value: old[0].Value})
	if err != nil {
		return nil, fmt.Errorf("label: the marked file: %w", err)
	}
	return edit.File(), nil
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
	Sign   Sign   `json:"sign"`             // mark, rhythm, text; none: nothing was found
	Looked bool   `json:"looked"`           // false: files of this kind are not looked at
	Detail string `json:"detail,omitempty"` // in words: where, how large
	Short  bool   `json:"short,omitempty"`  // it is surely below what the rule asks (5 % of the shortest side, 5.2)
	Reason string `json:"reason,omitempty"` // why it could not be looked at
}

// LookExplicit looks for an explicit label: the words on an image, on the opening of a film or at either end of a text, the rhythm in a recording. Nothing found is no
// proof of none: the words may be drawn in a way that is not known here, a spoken clip is not understood. Films and compressed sound are not looked at
// where ffmpeg is missing, and Reason says so.
func LookExplicit(ctx context.Context, f *carrier.File) Seen {
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
	if format.Medium == "video" || format.Medium == "audio" {
		return lookFilm(ctx, f, format, film.Limits{})
	}
	return Seen{Sign: SignNone}
}

// lookFilm looks at a film, or listens to a recording.
func lookFilm(ctx context.Context, f *carrier.File, format carrier.Format, l film.Limits) Seen {
	seen, heard, err := film.Look(ctx, f, format.Name, l)
	switch {
	case err != nil:
		return Seen{Sign: SignNone, Reason: err.Error()}
	case seen != nil:
		return Seen{Sign: SignMark, Looked: true, Short: seen.Short, Detail: fmt.Sprintf("%s at %v of %d x %d, %.1f %% of the shortest side, for %.1f s at least from %.1f s on",
			seen.Words, seen.Box, seen.Size.X, seen.Size.Y, 100*seen.Share, seen.Seconds, seen.From)}
	case len(heard) > 0:
		return Seen{Sign: SignRhythm, Looked: true, Detail: fmt.Sprintf("from %.1f s to %.1f s", heard[0].Start, heard[0].End)}
	}
	return Seen{Sign: SignNone, Looked: true}
}
