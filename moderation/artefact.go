package moderation

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unsafe"
)

// artefactMagic begins every artefact; its number changes with the layout.
const artefactMagic = "hegui-lexicon-4\n"

// ErrArtefact is wrapped by every error of Load.
var ErrArtefact = errors.New("moderation: not a usable lexicon artefact")

// An artefact is: the magic, the SHA-256 of all that follows, then sections, each a length in bytes (8 bytes, little
// endian) and its content, filled up to a multiple of 8 so that arrays lie aligned in a mapped file.
const artefactHead = len(artefactMagic) + sha256.Size

// coldPart is what Load decodes; the arrays it leaves where they are.
type coldPart struct {
	Hash      string           `json:"hash"`
	Fold      string           `json:"fold"`
	Classes   [2]int           `json:"classes"` // number, class of '0'
	Syllables int              `json:"syllables"`
	Beyond    map[int32]uint16 `json:"beyond,omitempty"`
	Single    bool             `json:"single"`
	Separable bool             `json:"separable"`
}

// patternRow is a pattern as it lies in an artefact.
type patternRow struct {
	Entry int32
	Role  uint8
	Form  uint8
	Part  uint8
	Runes uint8
	Flags uint8
	_     [3]uint8
}

// WriteTo writes the compiled lexicon so that Load can take it up without building anything, from memory or from a mapped
// file. The same entries give the same bytes.
func (l *Lexicon) WriteTo(w io.Writer) (int64, error) {
	cold := coldPart{Hash: l.hash, Fold: matchVersion, Classes: [2]int{l.letters.size, int(l.letters.letter)}, Single: l.filter.single,
		Separable: l.words.separable, Beyond: map[int32]uint16{}}
	for r, c := range l.letters.beyond {
		cold.Beyond[r] = c
	}
	rows := make([]patternRow, len(l.patterns))
	for i, p := range l.patterns {
		row := patternRow{Entry: p.entry, Role: uint8(p.role), Form: uint8(p.form), Part: p.part, Runes: p.runes}
		for k, set := range []bool{p.separable, p.onlySep, p.startWord, p.endWord, p.plain, p.free} {
			if set {
				row.Flags |= 1 << k
			}
		}
		rows[i] = row
	}
	entries, err := encodeEntries(l.entries)
	if err != nil {
		return 0, fmt.Errorf("moderation: artefact: %w", err)
	}
	sections := [][]byte{nil, entries, bytesOf(rows), bytesOf(l.letters.class), bytesOf(l.filter.pairs), bytesOf(l.filter.triples), bytesOf(l.filter.singles)}
	sections = append(sections, l.words.sections()...)
	if l.sounds != nil {
		cold.Syllables = l.syllables.size
		sections = append(sections, bytesOf(l.syllables.class))
		sections = append(sections, l.sounds.sections()...)
	}
	if sections[0], err = json.Marshal(cold); err != nil {
		return 0, fmt.Errorf("moderation: artefact: %w", err)
	}
	var body bytes.Buffer
	for _, s := range sections {
		body.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
		body.Write(s)
		body.Write(make([]byte, -len(s)&7))
	}
	sum := sha256.Sum256(body.Bytes())
	n, err := io.Copy(w, io.MultiReader(strings.NewReader(artefactMagic), bytes.NewReader(sum[:]), &body))
	if err != nil {
		return n, fmt.Errorf("moderation: artefact: %w", err)
	}
	return n, nil
}

func (t *trie) sections() [][]byte {
	return [][]byte{bytesOf(t.class), bytesOf(t.nodes), t.cold, t.flags, bytesOf(t.marks), bytesOf(t.first), bytesOf(t.ends)}
}

// Load takes up what WriteTo wrote. The lexicon keeps data and reads it for as long as it lives: data must stay as it is,
// and mapped. A damaged, cut or foreign artefact, or one written with other folding tables, is refused with an error that
// wraps ErrArtefact; compile the entries again then.
func Load(data []byte) (*Lexicon, error) {
	l, err := load(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArtefact, err)
	}
	return l, nil
}

func load(data []byte) (*Lexicon, error) {
	switch {
	case !littleEndian():
		return nil, errors.New("this machine's byte order is another")
	case len(data) < artefactHead || string(data[:len(artefactMagic)]) != artefactMagic:
		return nil, errors.New("it does not begin like one")
	case sha256.Sum256(data[artefactHead:]) != [sha256.Size]byte(data[len(artefactMagic):artefactHead]):
		return nil, errors.New("its checksum is wrong")
	}
	r := sectionReader{rest: data[artefactHead:]}
	var cold coldPart
	if err := json.Unmarshal(r.next(), &cold); err != nil {
		return nil, fmt.Errorf("head: %w", err)
	}
	if cold.Fold != matchVersion {
		return nil, fmt.Errorf("it was made with %q, here is %q", cold.Fold, matchVersion)
	}
	entries, err := decodeEntries(r.next())
	if err != nil {
		return nil, fmt.Errorf("entries: %w", err)
	}
	l := newLexicon(entries)
	l.hash = cold.Hash
	if err := l.loadPatterns(sliceOf[patternRow](r.next())); err != nil {
		return nil, err
	}
	l.letters = &alphabet{class: sliceOf[uint16](r.next()), beyond: map[rune]uint16{}, size: cold.Classes[0], letter: uint16(cold.Classes[1])}
	for k, v := range cold.Beyond {
		l.letters.beyond[k] = v
	}
	l.filter = &filter{single: cold.Single, pairs: sliceOf[uint64](r.next()), triples: sliceOf[uint64](r.next()), singles: sliceOf[uint64](r.next())}
	l.words = r.trie()
	l.words.separable = cold.Separable
	if err := l.check(l.letters, l.words); err != nil {
		return nil, err
	}
	if n := len(l.filter.pairs); n == 0 || n&(n-1) != 0 || len(l.filter.triples) != n || len(l.filter.singles) != l.letters.size/64+1 {
		return nil, errors.New("the filter has another size")
	}
	if cold.Syllables > 0 {
		l.syllables = &alphabet{class: sliceOf[uint16](r.next()), beyond: map[rune]uint16{}, letter: classFirst, size: cold.Syllables, foreign: true}
		l.sounds = r.trie()
		if err := l.check(l.syllables, l.sounds); err != nil {
			return nil, err
		}
	}
	if r.short || len(r.rest) > 0 {
		return nil, errors.New("it is cut short or too long")
	}
	return l, nil
}

// loadPatterns takes up the patterns; those of kind pattern are compiled again.
func (l *Lexicon) loadPatterns(rows []patternRow) error {
	l.patterns = make([]pattern, len(rows))
	for i, row := range rows {
		of := len(l.entries)
		if role(row.Role) == roleWord {
			of = l.asked
		}
		if row.Entry < 0 || int(row.Entry) >= of || row.Form >= uint8(forms) || row.Role > uint8(roleWord) || row.Runes > MaxRunes {
			return fmt.Errorf("pattern %d is damaged", i)
		}
		if role(row.Role) == rolePart && int(row.Part) >= maxParts {
			return fmt.Errorf("pattern %d is not of its entry", i)
		}
		flag := func(k int) bool { return row.Flags>>k&1 != 0 }
		l.patterns[i] = pattern{entry: row.Entry, role: role(row.Role), form: form(row.Form), part: row.Part, runes: row.Runes,
			separable: flag(0), onlySep: flag(1), startWord: flag(2), endWord: flag(3), plain: flag(4), free: flag(5)}
		if role(row.Role) != roleHit {
			continue
		}
		if e := &l.entries[row.Entry]; e.Kind == Pattern {
			p, err := compilePattern(e.Text, l.table)
			if err != nil {
				return fmt.Errorf("entry %s: %w", e.ID, err)
			}
			p.pattern = i
			l.programs = append(l.programs, p)
		}
	}
	return nil
}

// encodeEntries writes the entries as strings, each behind its length; what few entries have is JSON.
func encodeEntries(entries []Entry) ([]byte, error) {
	out := binary.AppendUvarint(nil, uint64(len(entries)))
	put := func(s string) { out = append(binary.AppendUvarint(out, uint64(len(s))), s...) }
	for _, e := range entries {
		more := ""
		if !usual(&e) {
			rest := e
			rest.ID, rest.Text, rest.Category, rest.Tier, rest.Source = "", "", "", "", ""
			b, err := json.Marshal(rest)
			if err != nil {
				return nil, err
			}
			more = string(b)
		}
		for _, s := range []string{e.ID, e.Text, e.Category, string(e.Tier), e.Source, more} {
			put(s)
		}
	}
	return out, nil
}

// usual tells an entry of which no more is said than where it belongs and comes from.
func usual(e *Entry) bool {
	return e.Kind == Contain && !e.Allow && e.Severity == 0 && !e.Border && e.Forms == Forms{} && len(e.Context) == 0 && isEmpty(e.Scope) &&
		e.Owner == "" && e.Note == "" && e.Expires == ""
}

func decodeEntries(data []byte) ([]Entry, error) {
	text := string(data) // one piece of memory that all fields share
	short := errors.New("cut short")
	at := 0
	number := func() (int, bool) {
		n, size := binary.Uvarint(data[at:])
		if size <= 0 || n > uint64(len(data)) {
			return 0, false
		}
		at += size
		return int(n), true
	}
	count, ok := number()
	if !ok {
		return nil, short
	}
	entries := make([]Entry, 0, min(count, len(data)/6+1))
	for range count {
		var f [6]string
		for i := range f {
			n, ok := number()
			if !ok || n > len(text)-at {
				return nil, short
			}
			f[i] = text[at : at+n]
			at += n
		}
		var e Entry
		if f[5] != "" {
			if err := json.Unmarshal([]byte(f[5]), &e); err != nil {
				return nil, err
			}
		}
		e.ID, e.Text, e.Category, e.Tier, e.Source = f[0], f[1], f[2], Tier(f[3]), f[4]
		if err := checkFields(e); err != nil {
			return nil, fmt.Errorf("entry %s: %w", e.ID, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// check makes sure that no number in a loaded automaton leads out of it.
func (l *Lexicon) check(a *alphabet, t *trie) error {
	n := len(t.cold)
	switch {
	case len(a.class) != foldLimit || a.size < int(a.letter)+asciiWords && a.letter != classFirst || a.letter < classFirst:
		return errors.New("the classes are damaged")
	case n == 0 || len(t.flags) != n || len(t.marks) != (n+63)/64*2 || len(t.nodes) != n || len(t.class) < n+a.size:
		return errors.New("the automaton has another size")
	}
	for _, c := range a.class {
		if int(c) >= a.size {
			return errors.New("a class is out of range")
		}
	}
	for _, v := range t.class[n:] {
		if v != 0 {
			return errors.New("the automaton's end is not empty")
		}
	}
	t.shortcut(a.size)
	ended := uint64(0)
	for i, v := range t.nodes {
		base, fail := int(v&slotMask), int(v>>failShift&slotMask)
		if base+a.size > len(t.class) || fail >= n || i > 0 && t.class[i] != 0 && t.cold[fail] >= t.cold[i] || i == 0 && (fail != 0 || t.cold[0] != 0 || base != 0) {
			return fmt.Errorf("slot %d leads nowhere", i)
		}
		here := v&endsHere != 0
		if here != (t.marks[i>>6*2]>>(i&63)&1 != 0) || i&63 == 0 && t.marks[i>>6*2+1] != ended {
			return fmt.Errorf("slot %d counts wrong", i)
		}
		if here {
			ended++
		}
	}
	if int(ended) != len(t.first) {
		return errors.New("the patterns' ends count wrong")
	}
	for _, p := range t.first {
		ends := []uint32{p}
		if p&several != 0 {
			at := int(p &^ several)
			if at >= len(t.ends) || int(t.ends[at]) > len(t.ends)-at-1 {
				return errors.New("a list of patterns is out of range")
			}
			ends = t.ends[at+1 : at+1+int(t.ends[at])]
		}
		for _, p := range ends {
			if int(p) >= len(l.patterns) {
				return errors.New("a pattern is out of range")
			}
		}
	}
	return nil
}

// sectionReader takes one section after the other.
type sectionReader struct {
	rest  []byte
	short bool
}

func (r *sectionReader) next() []byte {
	if len(r.rest) < 8 {
		r.short = true
		return nil
	}
	n := binary.LittleEndian.Uint64(r.rest)
	if n > uint64(len(r.rest)-8) {
		r.short = true
		return nil
	}
	s := r.rest[8 : 8+n : 8+n]
	r.rest = r.rest[min(len(r.rest), 8+int(n+7)&^7):]
	return s
}

func (r *sectionReader) trie() *trie {
	return &trie{class: sliceOf[uint16](r.next()), nodes: sliceOf[uint64](r.next()), cold: r.next(), flags: r.next(), marks: sliceOf[uint64](r.next()),
		first: sliceOf[uint32](r.next()), ends: sliceOf[uint32](r.next())}
}

// bytesOf is the memory of a slice of numbers.
func bytesOf[T any](s []T) []byte {
	var zero T
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(zero)))
}

// sliceOf reads bytes as numbers, where they lie if they are aligned.
func sliceOf[T any](b []byte) []T {
	var zero T
	n := len(b) / int(unsafe.Sizeof(zero))
	if n == 0 {
		return nil
	}
	if p := unsafe.Pointer(unsafe.SliceData(b)); uintptr(p)%unsafe.Alignof(zero) == 0 {
		return unsafe.Slice((*T)(p), n)
	}
	out := make([]T, n)
	copy(bytesOf(out), b)
	return out
}

func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }
