package gateway

import (
	"bytes"
	"unicode/utf8"

	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/decode"
)

const override = string(decode.Override)

// escaped looks at what a channel's text says once its escapes are resolved: \uXXXX, for many programs write everything beyond ASCII so in
// the arguments of tools and a reader of the JSON sees the words, and the character references of HTML, which whoever shows Markdown
// resolves. So it does with what a bidi override shows from right to left; such
// a stretch is shown as a whole. It stands behind the channel's own watch and is given what that lets
// through, so what is shown still depends on the text alone. It begins at the first escape; before that the text says what it says,
// and is not held back for what an escape may make of it: of an entry that is written half in letters and half in the text's first escape,
// the letters are shown.
type escaped struct {
	start   func() *moderation.Watch
	pending []byte // an escape or a turned stretch that may go on
	turning bool   // the text goes on behind an override
	recent  []byte // the end of the text so far, while there was no escape
	pos     int    // bytes of the text so far

	watch   *moderation.Watch // nil: no escape yet
	at      int               // bytes given to the watch
	letters []letter          // the last ones given to the watch
	shown   int               // how many of these it has let through
}

// letter is one rune that the watch was given, and where it stands in the text.
type letter struct {
	at         int // in what the watch was given, in bytes
	start, end int // in the text, in bytes
	r          rune
	text       string  // how it is written when that is an escape
	turn       *turned // the turned stretch it is one of
	shown      bool    // before the watch began
}

// turned is a stretch that an override shows from right to left.
type turned struct {
	text    string // as it stands
	left    int    // letters of it that the watch has not let through
	said    []rune // those it has
	altered bool   // some of them masked
}

// turnedMost is how much of a turned stretch is held back to be read from its end, in bytes (ours); of a longer one, each piece of so
// many bytes is read by itself.
const turnedMost = 1024

// whole returns the text that can be looked at now: an escape that may go on waits for the rest of it.
func (e *escaped) whole(text []byte, last bool) []byte {
	if len(e.pending) > 0 {
		text = append(e.pending, text...)
		e.pending = nil
	}
	if last {
		return text
	}
	at := 0
	for turning := e.turning; at < len(text); {
		u := nextUnit(text[at:], turning)
		if u.state == escapeOpen {
			break
		}
		at, turning = at+u.n, u.goesOn
	}
	e.pending = bytes.Clone(text[at:])
	return text[:at]
}

// unit is what stands at the beginning of a text: an escape, a turned stretch, or what comes before one of them.
type unit struct {
	n      int
	state  escapeState
	r      rune // that an escape says
	turned bool
	goesOn bool // behind the unit, the override goes on
}

// resolves tells an escape, also one that only the end of the text ends.
func (u unit) resolves() bool {
	return u.state == escapeWhole || u.state == escapeOpen && u.n > 0 && !u.turned
}

// nextUnit reads one; turning tells that the text stands behind an override.
func nextUnit(text []byte, turning bool) unit {
	if turning || bytes.HasPrefix(text, []byte(override)) {
		n, ended := decode.Turned(text, turning)
		switch {
		case n > turnedMost:
			n = turnedMost
			for !utf8.RuneStart(text[n]) {
				n--
			}
			return unit{n: n, state: escapeWhole, turned: true, goesOn: true}
		case n == 0: // an end of line
			return nextUnit(text, false)
		case ended:
			return unit{n: n, state: escapeWhole, turned: true}
		}
		return unit{n: n, state: escapeOpen, turned: true, goesOn: true}
	}
	if text[0] == '\\' || text[0] == '&' {
		if r, n, state := escape(text); state != escapeNone {
			return unit{n: n, r: r, state: state}
		}
	}
	n := len(text)
	for _, sign := range []byte{'\\', '&'} {
		if i := bytes.IndexByte(text[1:n], sign); i >= 0 {
			n = i + 1
		}
	}
	if i := bytes.Index(text[:n], []byte(override)); i > 0 {
		n = i
	}
	return unit{n: n}
}

// recentBytes is how much before the first escape is looked at with it, and lettersKept how many letters behind the end a finding may
// begin: room for the longest entries.
const (
	recentBytes = utf8.UTFMax * moderation.MaxRunes
	lettersKept = 16 * moderation.MaxRunes
)

// write takes the text that comes next and returns what may be shown and what was found with an escape in it. Offsets are in bytes of the
// text as it was given. After the last text nothing is held.
func (e *escaped) write(text []byte, last bool) (visible []byte, found []moderation.WatchFinding, stop *moderation.Cut) {
	text = e.whole(text, last)
	take := func(step moderation.WatchStep) {
		shown, more := e.took(step)
		visible, found, stop = append(visible, shown...), append(found, more...), step.Cut
	}
	if e.watch == nil {
		first := firstEscape(text)
		e.recent, e.pos = append(e.recent, text[:first]...), e.pos+first
		if first == len(text) {
			if len(e.recent) > 2*recentBytes {
				e.recent = append(e.recent[:0], tail(e.recent, recentBytes)...)
			}
			return text, nil, nil
		}
		visible = append(visible, text[:first]...)
		before := tail(e.recent, recentBytes)
		text, e.recent, e.pos = text[first:], nil, e.pos-len(before)
		e.watch = e.start()
		plain := e.resolve(before)
		for i := range e.letters {
			e.letters[i].shown = true
		}
		take(e.watch.Write(plain))
	}
	if stop == nil {
		take(e.watch.Write(e.resolve(text)))
	}
	if last && stop == nil {
		take(e.watch.Close())
	}
	return visible, found, stop
}

// abandon returns what was found in a text that broke off.
func (e *escaped) abandon() []moderation.WatchFinding {
	if e.watch == nil {
		return nil
	}
	return e.inEscapes(e.watch.Abandon())
}

// firstEscape is where the first escape or turned stretch begins, or the end.
func firstEscape(text []byte) int {
	at := 0
	for at < len(text) {
		u := nextUnit(text[at:], false)
		if u.resolves() || u.turned {
			break
		}
		at += max(u.n, 1)
	}
	return at
}

// resolve is what a text says.
func (e *escaped) resolve(text []byte) []byte {
	if over := e.shown - lettersKept; over > 0 {
		e.letters, e.shown = append(e.letters[:0], e.letters[over:]...), lettersKept
	}
	plain := make([]byte, 0, len(text))
	say := func(l letter) {
		before := len(plain)
		l.at, plain = e.at, utf8.AppendRune(plain, l.r)
		e.at += len(plain) - before
		e.letters = append(e.letters, l)
	}
	for len(text) > 0 {
		u := nextUnit(text, e.turning)
		piece, start := text[:max(u.n, 1)], e.pos
		e.turning, e.pos, text = u.goesOn, e.pos+len(piece), text[len(piece):]
		switch {
		case u.turned:
			seen := []rune(string(decode.Seen(piece)))
			if len(seen) == 0 { // controls alone
				seen = []rune(string(piece))
			}
			t := &turned{text: string(piece), left: len(seen)}
			for _, r := range seen {
				say(letter{start: start, end: e.pos, r: r, turn: t})
			}
		case u.resolves():
			say(letter{start: start, end: e.pos, r: u.r, text: string(piece)})
		default:
			for i := 0; i < len(piece); {
				r, n := utf8.DecodeRune(piece[i:])
				say(letter{start: start + i, end: start + i + n, r: r})
				i += n
			}
		}
	}
	return plain
}

// took follows what the watch lets through: each letter as it was written, or as it was masked.
func (e *escaped) took(step moderation.WatchStep) (visible []byte, found []moderation.WatchFinding) {
	found = e.inEscapes(step.Findings)
	for release := step.Release; len(release) > 0; {
		r, n := utf8.DecodeRune(release)
		release = release[n:]
		if e.shown == len(e.letters) {
			break
		}
		l := e.letters[e.shown]
		e.shown++
		switch {
		case l.shown:
		case l.turn != nil:
			visible = append(visible, l.turn.shows(r, l.r)...)
		case r == l.r && l.text != "":
			visible = append(visible, l.text...)
		default:
			visible = utf8.AppendRune(visible, r)
		}
	}
	return visible, found
}

// shows takes a letter that the watch lets through, as it was or masked, and returns the stretch when it was the last: as it stands, or
// the right way round if something in it is masked.
func (t *turned) shows(r, was rune) string {
	t.left--
	t.said, t.altered = append(t.said, r), t.altered || r != was
	switch {
	case t.left > 0:
		return ""
	case t.altered:
		return string(t.said)
	}
	return t.text
}

// inEscapes are the findings with an escape in them, where they stand in the text. The others are the channel's own watch's.
func (e *escaped) inEscapes(all []moderation.WatchFinding) (found []moderation.WatchFinding) {
	for _, f := range all {
		start, end, written := -1, 0, false
		for _, l := range e.letters {
			if l.at >= f.Start && l.at < f.End {
				if start < 0 {
					start = l.start
				}
				end, written = l.end, written || l.text != "" || l.turn != nil
			}
		}
		if written {
			f.Start, f.End = start, end
			found = append(found, f)
		}
	}
	return found
}
