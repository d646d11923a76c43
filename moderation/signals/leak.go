package signals

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

const (
	leakGram   = 8  // letters of one fingerprint
	leakWeight = 24 // Chinese characters in a row that are a leak; a letter of an alphabet counts a third
)

// Prompt holds the fingerprints of a system prompt: of every run of leakGram letters and digits, so that nothing of the
// prompt itself has to be kept.
type Prompt struct {
	prints map[uint64]struct{}
	weight float64
}

// NewPrompt takes the fingerprints of a prompt. Short tells whether it is too short to be told from ordinary talk.
func NewPrompt(text []byte) *Prompt {
	p := &Prompt{prints: map[uint64]struct{}{}}
	var w gramWindow
	for _, r := range string(text) {
		if g, ok := w.push(r); ok {
			p.prints[g] = struct{}{}
		}
		p.weight += leakShare(r)
	}
	return p
}

// Short tells that the prompt is not watched because it is too short; who asks reports that.
func (p *Prompt) Short() bool { return p.weight < leakWeight }

// Leaking watches one answer. Not safe for concurrent use.
type Leaking struct {
	prompt  *Prompt
	window  gramWindow
	weights [leakGram]float64
	starts  [leakGram]int
	n       int
	run     float64 // weight of the run that equals the prompt
	start   int
	bytes   int
	pending []byte
	done    bool
}

// Watch begins an answer.
func (p *Prompt) Watch() *Leaking { return &Leaking{prompt: p} }

// Write takes the next bytes and tells a leak, once: leakWeight Chinese characters of the prompt in a row, spaces, case and
// punctuation aside. Leaks that are reworded are not seen. What is found does not depend on how the text was cut.
func (l *Leaking) Write(chunk []byte) []Finding {
	if l.done || l.prompt.Short() {
		return nil
	}
	data := append(l.pending, chunk...)
	for len(data) > 0 && utf8.FullRune(data) {
		r, n := utf8.DecodeRune(data)
		data = data[n:]
		at := l.bytes
		l.bytes += n
		if leakShare(r) == 0 {
			continue
		}
		l.weights[l.n%leakGram], l.starts[l.n%leakGram] = leakShare(r), at
		l.n++
		g, ok := l.window.push(r)
		if !ok {
			continue
		}
		if _, same := l.prompt.prints[g]; !same {
			l.run = 0
			continue
		}
		if l.run == 0 {
			for _, w := range l.weights {
				l.run += w
			}
			l.start = l.starts[l.n%leakGram]
		} else {
			l.run += leakShare(r)
		}
		if l.run >= leakWeight {
			l.done, l.pending = true, nil
			return []Finding{{Signal: Leak, Start: l.start, End: l.bytes, Score: 1, Reason: fmt.Sprintf("%d characters of the system prompt in a row", int(l.run))}}
		}
	}
	l.pending = append([]byte(nil), data...)
	return nil
}

func leakShare(r rune) float64 {
	switch {
	case unicode.Is(unicode.Han, r):
		return 1
	case unicode.IsLetter(r) || unicode.IsDigit(r):
		return 1.0 / 3
	}
	return 0
}

// gramWindow gives the hash of the last leakGram letters.
type gramWindow struct {
	last [leakGram]rune
	n    int
}

func (w *gramWindow) push(r rune) (uint64, bool) {
	if leakShare(r) == 0 {
		return 0, false
	}
	w.last[w.n%leakGram] = unicode.ToLower(r)
	if w.n++; w.n < leakGram {
		return 0, false
	}
	h := uint64(14695981039346656037)
	for k := range leakGram {
		h = (h ^ uint64(w.last[(w.n+k)%leakGram])) * 1099511628211
		h ^= h >> 29
	}
	return h, true
}
