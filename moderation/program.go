package moderation

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// program is a compiled entry of kind pattern: an RE2 expression over folded runes, run rune by rune, so that a stream
// needs no look back. Its match is the one that ends first; among those, the one that begins first; and after a match it
// begins anew.
type program struct {
	prog    *syntax.Prog
	pattern int // index into patterns
}

// maxProgram bounds the instructions of one pattern.
const maxProgram = 2000

// compilePattern refuses what a stream could not be held back for: no upper length, more than MaxRunes.
func compilePattern(text string, table *[foldLimit]rune) (*program, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("is not valid UTF-8")
	}
	var folded strings.Builder
	for _, r := range text {
		f := r
		if r >= utf8.RuneSelf {
			if f = fold(table, r); f == skip {
				continue
			}
			if f < utf8.RuneSelf && strings.ContainsRune(`\.+*?()|[]{}^$-`, f) {
				folded.WriteByte('\\')
			}
		}
		folded.WriteRune(f)
	}
	re, err := syntax.Parse(folded.String(), syntax.Perl|syntax.FoldCase)
	if err != nil {
		return nil, fmt.Errorf("is not an RE2 pattern: %w", err)
	}
	shortest, longest, err := extent(re)
	switch {
	case err != nil:
		return nil, err
	case shortest == 0:
		return nil, errors.New("matches the empty text; ask for at least one character")
	case longest > MaxRunes:
		return nil, fmt.Errorf("may match %d characters; at most %d", longest, MaxRunes)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, fmt.Errorf("is not an RE2 pattern: %w", err)
	}
	if len(prog.Inst) > maxProgram {
		return nil, fmt.Errorf("is too large: %d steps, at most %d", len(prog.Inst), maxProgram)
	}
	return &program{prog: prog}, nil
}

// extent is how short and how long a match may be, in runes.
func extent(re *syntax.Regexp) (shortest, longest int, err error) {
	switch re.Op {
	case syntax.OpNoMatch:
		return 0, 0, errors.New("can never match")
	case syntax.OpEmptyMatch:
		return 0, 0, nil
	case syntax.OpLiteral:
		return len(re.Rune), len(re.Rune), nil
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, 1, nil
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return 0, 0, nil
	case syntax.OpStar, syntax.OpPlus:
		return 0, 0, fmt.Errorf("has no upper length; write {1,%d} or less in place of * and +", MaxRunes)
	case syntax.OpCapture:
		return extent(re.Sub[0])
	case syntax.OpQuest:
		_, longest, err = extent(re.Sub[0])
		return 0, longest, err
	case syntax.OpRepeat:
		if re.Max < 0 {
			return 0, 0, fmt.Errorf("has no upper length; write {%d,%d} or less", re.Min, MaxRunes)
		}
		shortest, longest, err = extent(re.Sub[0])
		return shortest * re.Min, min(longest, 1<<20) * re.Max, err
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			s, l, err := extent(sub)
			if err != nil {
				return 0, 0, err
			}
			shortest, longest = shortest+s, min(longest+l, 1<<20)
		}
		return shortest, longest, nil
	case syntax.OpAlternate:
		for i, sub := range re.Sub {
			s, l, err := extent(sub)
			if err != nil {
				return 0, 0, err
			}
			if i == 0 || s < shortest {
				shortest = s
			}
			longest = max(longest, l)
		}
		return shortest, longest, nil
	}
	return 0, 0, fmt.Errorf("uses %s, which is not supported", re.Op)
}

// thread is one way of matching that is still possible.
type thread struct {
	pc    uint32
	start place
}

// place is a place in T.
type place struct {
	byte int // offset of the rune
	rune int // number of runes before it, skipped ones not counted
}

// machine runs one program over one text. Its threads stand before a rune, or before an anchor that the next rune decides.
type machine struct {
	p       *program
	threads []thread
	next    []thread
	seen    []uint32 // by pc: generation in which it was added
	gen     uint32
}

func newMachine(p *program) machine { return machine{p: p, seen: make([]uint32, len(p.prog.Inst))} }

// noRune stands before T and behind it.
const noRune rune = -1

// match is where a match began.
type match struct {
	start place
	ok    bool
}

// step takes the next folded rune, which begins at here behind the rune prev; border tells that a word may begin there. It
// returns the match that ended before this rune, which an anchor left open, and the one that ends with it. With noRune T
// ends.
func (m *machine) step(prev, r rune, here place, border bool) (before, with match) {
	flags := syntax.EmptyOpContext(prev, r)
	m.gen++
	m.next = m.next[:0]
	for _, t := range m.threads {
		m.next, before = m.add(m.next, before, t.pc, t.start, flags)
	}
	if before.ok {
		m.next = m.next[:0]
		m.gen++
	}
	if r == noRune {
		m.threads = m.threads[:0]
		return before, with
	}
	if border || !asciiWord(r) {
		m.next, _ = m.add(m.next, match{}, uint32(m.p.prog.Start), here, flags)
	}
	m.threads, m.next = m.next, m.threads[:0]
	m.gen++
	for _, t := range m.threads {
		if inst := &m.p.prog.Inst[t.pc]; inst.MatchRune(r) {
			m.next, with = m.add(m.next, with, inst.Out, t.start, anchorsWait)
		}
	}
	m.threads, m.next = m.next, m.threads
	if with.ok {
		m.threads = m.threads[:0]
	}
	return before, with
}

// anchorsWait makes add keep threads before anchors, until the next rune is known.
const anchorsWait syntax.EmptyOp = 1 << 7

// add follows what needs no rune, and anchors that hold. Threads come in the order of their starts, so the earliest start
// keeps a state.
func (m *machine) add(to []thread, found match, pc uint32, start place, flags syntax.EmptyOp) ([]thread, match) {
	if m.seen[pc] == m.gen {
		return to, found
	}
	m.seen[pc] = m.gen
	inst := &m.p.prog.Inst[pc]
	switch inst.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		to, found = m.add(to, found, inst.Out, start, flags)
		return m.add(to, found, inst.Arg, start, flags)
	case syntax.InstCapture, syntax.InstNop:
		return m.add(to, found, inst.Out, start, flags)
	case syntax.InstEmptyWidth:
		switch anchor := syntax.EmptyOp(inst.Arg); {
		case flags == anchorsWait:
			return append(to, thread{pc, start}), found
		case anchor&^flags == 0:
			return m.add(to, found, inst.Out, start, flags)
		}
		return to, found
	case syntax.InstMatch:
		if !found.ok || start.rune < found.start.rune {
			found = match{start, true}
		}
		return to, found
	case syntax.InstFail:
		return to, found
	}
	return append(to, thread{pc, start}), found
}

func asciiWord(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' }
