// Package linear judges text with a linear classifier over hashed character n-grams, trained by the operator on reviewed
// decisions. It is pure: no clock, no database, no HTTP. The same samples, in whatever order, and the same seed make the same model.
package linear

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

// Bounds of a model, so that a hostile artefact cannot take much memory.
const (
	MinBuckets = 1 << 10
	MaxBuckets = 1 << 22
	MaxLabels  = 64
	maxHeader  = 1 << 20
	magic      = "HGCLASS1"
)

// Model is a trained classifier, immutable and safe for concurrent use.
type Model struct {
	head    header
	weights []int8 // by bucket, then label
	known   []byte // bit by bucket: seen in training
	hash    string
	folder  moderation.Folder
	shift   uint
}

type header struct {
	Name      string   `json:"name"`
	Fold      string   `json:"fold"`
	Buckets   int      `json:"buckets"`
	Labels    []output `json:"labels"`
	Reference Snapshot `json:"reference"`
}

// output is one label: probability = sigmoid(slope·(scale·Σw/√n + bias) + shift).
type output struct {
	ID        string  `json:"id"`
	Scale     float64 `json:"scale"`
	Bias      float64 `json:"bias"`
	Slope     float64 `json:"slope"`
	Shift     float64 `json:"shift"`
	Threshold float64 `json:"threshold"`
}

func newModel(h header, weights []int8, known []byte) *Model {
	return &Model{head: h, weights: weights, known: known, folder: moderation.NewFolder(), shift: uint(64 - bits.Len(uint(h.Buckets-1)))}
}

// Name is the name given in training.
func (m *Model) Name() string { return m.head.Name }

// Hash is the SHA-256 of the artefact, all that WriteTo writes, in hexadecimal.
func (m *Model) Hash() string { return m.hash }

// Labels are the trained risk ids, in the order of scores.
func (m *Model) Labels() []string {
	ids := make([]string, len(m.head.Labels))
	for i, l := range m.head.Labels {
		ids[i] = l.ID
	}
	return ids
}

// Thresholds are the probabilities from which a label is a finding, in the order of Labels.
func (m *Model) Thresholds() []float64 {
	t := make([]float64, len(m.head.Labels))
	for i, l := range m.head.Labels {
		t[i] = l.Threshold
	}
	return t
}

// Reference is how the scores of held-out texts lay when the model was trained.
func (m *Model) Reference() Snapshot { return m.head.Reference.clone() }

// Score appends the probability of each label to dst. It allocates nothing when dst has room.
func (m *Model) Score(dst []float64, text []byte) []float64 {
	dst, _, _ = m.score(dst, text)
	return dst
}

func (m *Model) score(dst []float64, text []byte) (scores []float64, n, unseen int) {
	var sums [MaxLabels]int64
	var out [features]uint32
	var first [features]int
	labels := len(m.head.Labels)
	g := grams{folder: m.folder, shift: m.shift}
	add := func(k int) {
		n += k
		for _, b := range out[:k] {
			if m.known[b>>3]>>(b&7)&1 == 0 {
				unseen++
				continue
			}
			w := m.weights[int(b)*labels:][:labels]
			for i, v := range w {
				sums[i] += int64(v)
			}
		}
	}
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		add(g.next(r, i, &out, &first))
		i += size
	}
	add(g.endWord(&out, &first))
	for i, l := range m.head.Labels {
		dst = append(dst, sigmoid(l.Slope*(l.Scale*float64(sums[i])*norm(n)+l.Bias)+l.Shift))
	}
	return dst, n, unseen
}

// Part is an n-gram of a text and what it adds to the score of a label, in log odds.
type Part struct {
	Text   string  `json:"text"`
	Start  int     `json:"start"`
	End    int     `json:"end"`
	Weight float64 `json:"weight"`
}

// maxParts bounds what Explain returns.
const maxParts = 20

// Explain returns the n-grams that weigh most for or against a label, heaviest first; an error names an unknown label.
func (m *Model) Explain(text, label string) ([]Part, error) {
	at := slices.Index(m.Labels(), label)
	if at < 0 {
		return nil, fmt.Errorf("label %q: the model knows %s", label, strings.Join(m.Labels(), ", "))
	}
	var out [features]uint32
	var first [features]int
	var parts []Part
	n := 0
	l := m.head.Labels[at]
	add := func(k, end int) {
		n += k
		for i, b := range out[:k] {
			if w := m.weights[int(b)*len(m.head.Labels)+at]; w != 0 {
				parts = append(parts, Part{text[first[i]:end], first[i], end, float64(w) * l.Scale * l.Slope})
			}
		}
	}
	g := grams{folder: m.folder, shift: m.shift}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		add(g.next(r, i, &out, &first), i+size)
		i += size
	}
	add(g.endWord(&out, &first), len(text))
	for i := range parts {
		parts[i].Weight *= norm(n)
	}
	slices.SortStableFunc(parts, func(a, b Part) int {
		switch x, y := math.Abs(a.Weight), math.Abs(b.Weight); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return a.Start - b.Start
	})
	return parts[:min(len(parts), maxParts)], nil
}

// encode is the artefact without its checksum.
func (m *Model) encode() ([]byte, error) {
	head, err := json.Marshal(m.head)
	if err != nil {
		return nil, fmt.Errorf("classifier: %w", err)
	}
	b := append([]byte(magic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[len(magic):], uint32(len(head)))
	b = append(append(b, head...), m.known...)
	for _, w := range m.weights {
		b = append(b, byte(w))
	}
	return b, nil
}

// sealed is the artefact: magic, length, JSON head, known buckets, weights of 8 bits, SHA-256 of all before.
func (m *Model) sealed() ([]byte, error) {
	b, err := m.encode()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

func hashOf(artefact []byte) string {
	sum := sha256.Sum256(artefact)
	return hex.EncodeToString(sum[:])
}

// WriteTo writes the artefact. The same model writes the same bytes.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	b, err := m.sealed()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	if err != nil {
		return int64(n), fmt.Errorf("classifier: %w", err)
	}
	return int64(n), nil
}

// Load reads an artefact. Anything that WriteTo did not write is an error; sizes are checked before memory is taken.
func Load(r io.Reader) (*Model, error) {
	fail := func(format string, args ...any) (*Model, error) {
		return nil, fmt.Errorf("classifier artefact: "+format, args...)
	}
	start := make([]byte, len(magic)+4)
	if _, err := io.ReadFull(r, start); err != nil {
		return fail("truncated: %w", err)
	}
	if string(start[:len(magic)]) != magic {
		return fail("begins with %q, want %q: not a classifier, or of another version", start[:len(magic)], magic)
	}
	size := binary.LittleEndian.Uint32(start[len(magic):])
	if size > maxHeader {
		return fail("head of %d bytes; at most %d", size, maxHeader)
	}
	head := make([]byte, size)
	if _, err := io.ReadFull(r, head); err != nil {
		return fail("truncated in its head: %w", err)
	}
	var h header
	if err := json.Unmarshal(head, &h); err != nil {
		return fail("head: %w", err)
	}
	if err := h.check(); err != nil {
		return fail("%w", err)
	}
	want := int64(h.Buckets/8 + h.Buckets*len(h.Labels) + sha256.Size)
	var rest bytes.Buffer // grows with what is really there
	if n, err := io.Copy(&rest, io.LimitReader(r, want+1)); err != nil {
		return fail("%w", err)
	} else if n != want {
		return fail("%d bytes or more after the head, want %d: truncated, or something follows", n, want)
	}
	body, sum := rest.Bytes()[:want-sha256.Size], rest.Bytes()[want-sha256.Size:]
	of := sha256.New()
	for _, b := range [][]byte{start, head, body} {
		of.Write(b)
	}
	if !bytes.Equal(of.Sum(nil), sum) {
		return fail("checksum does not fit: corrupted")
	}
	weights := make([]int8, h.Buckets*len(h.Labels))
	for i, b := range body[h.Buckets/8:] {
		weights[i] = int8(b)
	}
	m := newModel(h, weights, slices.Clone(body[:h.Buckets/8]))
	raw, err := m.sealed()
	if err != nil {
		return fail("%w", err)
	}
	if !bytes.Equal(raw[len(start):len(start)+len(head)], head) { // one model, one artefact, one hash
		return fail("its head is not written as this program writes it")
	}
	m.hash = hashOf(raw)
	return m, nil
}

func (h *header) check() error {
	switch {
	case h.Buckets < MinBuckets || h.Buckets > MaxBuckets || h.Buckets&(h.Buckets-1) != 0:
		return fmt.Errorf("buckets %d: want a power of two from %d to %d", h.Buckets, MinBuckets, MaxBuckets)
	case len(h.Labels) == 0 || len(h.Labels) > MaxLabels:
		return fmt.Errorf("%d labels; 1 to %d are possible", len(h.Labels), MaxLabels)
	case h.Fold != moderation.FoldVersion():
		return fmt.Errorf("trained with folding %q, this build has %q: train again", h.Fold, moderation.FoldVersion())
	case len(h.Reference.Scores) != len(h.Labels):
		return errors.New("the reference has not one histogram for each label")
	}
	if err := h.Reference.check(); err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	for i, l := range h.Labels {
		if _, ok := measures.RiskByID(l.ID); !ok || i > 0 && h.Labels[i-1].ID >= l.ID {
			return fmt.Errorf("label %q: unknown, twice or out of order", l.ID)
		}
		if !(l.Threshold >= 0 && l.Threshold <= 2) || !(l.Scale >= 0) || math.Abs(l.Scale)+math.Abs(l.Bias)+math.Abs(l.Slope)+math.Abs(l.Shift) > 1e9 {
			return fmt.Errorf("label %s: scale, bias, slope, shift or threshold out of range", l.ID)
		}
	}
	return nil
}
