package gateway

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hegui/hegui/moderation"
)

// escaped looks at what a channel's text says once its \uXXXX escapes are resolved: many programs write everything beyond ASCII so in
// the arguments of tools, and a reader of the JSON sees the words. It stands behind the channel's own watch and is given what that lets
// through, so what is shown still depends on the text alone. It begins at the first escape; before that the text says what it says,
// and is not held back for what an escape may make of it: of an entry that is written half in letters and half in the text's first escape,
// the letters are shown.
type escaped struct {
	start   func() *moderation.Watch
	pending []byte // an escape that may go on
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
	text       string // how it is written when that is an escape
	shown      bool   // before the watch began
}

// longestEscape is a surrogate pair.
const longestEscape = len(`\ud83d\ude00`)

// whole returns the text that can be looked at now: an escape that may go on waits for the rest of it.
func (e *escaped) whole(text []byte, last bool) []byte {
	if len(e.pending) > 0 {
		text = append(e.pending, text...)
		e.pending = nil
	}
	if last {
		return text
	}
	at := len(text)
	for i := max(0, len(text)-longestEscape); i < len(text); i++ {
		if text[i] == '\\' && partOfEscape(text[i:]) {
			at = i
			break
		}
	}
	e.pending = bytes.Clone(text[at:])
	return text[:at]
}

// partOfEscape tells whether a text that ends here can be the beginning of an escape, or of the second half of one.
func partOfEscape(text []byte) bool {
	_, _, state := escape(text)
	return state == escapeOpen
}

type escapeState int

const (
	escapeNone  escapeState = iota
	escapeOpen              // what is there may become one
	escapeWhole             // one
)

// escape reads \uXXXX at the beginning of a text; surrogates in pairs.
func escape(text []byte) (r rune, n int, state escapeState) {
	one := func(text []byte) (rune, int, escapeState) {
		for i := range 6 {
			switch {
			case i >= len(text):
				return 0, 0, escapeOpen
			case i == 0 && text[0] != '\\', i == 1 && text[1] != 'u':
				return 0, 0, escapeNone
			case i >= 2 && !hexDigit(text[i]):
				return 0, 0, escapeNone
			}
		}
		var v rune
		for _, c := range text[2:6] {
			v = v<<4 | rune(hexValue(c))
		}
		return v, 6, escapeWhole
	}
	r, n, state = one(text)
	if state != escapeWhole || !utf16.IsSurrogate(r) {
		return r, n, state
	}
	second, more, rest := one(text[n:])
	switch {
	case rest == escapeOpen:
		return r, n, escapeOpen
	case rest == escapeWhole && utf16.DecodeRune(r, second) != utf8.RuneError:
		return utf16.DecodeRune(r, second), n + more, escapeWhole
	}
	return utf8.RuneError, n, escapeWhole
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
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

// firstEscape is where the first escape begins, or the end.
func firstEscape(text []byte) int {
	for at := 0; ; at++ {
		i := bytes.IndexByte(text[at:], '\\')
		if i < 0 {
			return len(text)
		}
		at += i
		if _, _, state := escape(text[at:]); state == escapeWhole {
			return at
		}
	}
}

// resolve is what a text says.
func (e *escaped) resolve(text []byte) []byte {
	if over := e.shown - lettersKept; over > 0 {
		e.letters, e.shown = append(e.letters[:0], e.letters[over:]...), lettersKept
	}
	plain := make([]byte, 0, len(text))
	for len(text) > 0 {
		l := letter{at: e.at, start: e.pos}
		r, n, state := rune(0), 0, escapeNone
		if text[0] == '\\' {
			r, n, state = escape(text)
		}
		if state == escapeWhole {
			l.text = string(text[:n])
		} else {
			r, n = utf8.DecodeRune(text)
		}
		before := len(plain)
		plain = utf8.AppendRune(plain, r)
		e.at, e.pos, text = e.at+len(plain)-before, e.pos+n, text[n:]
		l.r, l.end = r, e.pos
		e.letters = append(e.letters, l)
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
		case r == l.r && l.text != "":
			visible = append(visible, l.text...)
		default:
			visible = utf8.AppendRune(visible, r)
		}
	}
	return visible, found
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
				end, written = l.end, written || l.text != ""
			}
		}
		if written {
			f.Start, f.End = start, end
			found = append(found, f)
		}
	}
	return found
}
