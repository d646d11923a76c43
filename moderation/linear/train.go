package linear

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"

	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

// Harmless is the label of a text that shows no risk; no labels mean the same.
const Harmless = "harmless"

// Least numbers of samples to train on: below them an interval says nothing. Ours.
const (
	MinSamples  = 50 // of a label
	MinHarmless = 50
)

// Sample is a text with what people said of it. Texts of one Group (a conversation, near-duplicates) stay on one side of
// every split; without a group it is the folded text itself.
type Sample struct {
	Text   string
	Labels []string // risk ids; none: harmless
	Weight float64  // 0: 1
	Group  string
}

// Options of training; zero values are the defaults.
type Options struct {
	Name      string
	Buckets   int     // power of two; 1<<18
	Epochs    int     // 6
	L2        float64 // 1e-6 a step
	Seed      uint64
	Holdout   float64 // share kept from training, half to calibrate and half to test; 0.2
	OverBlock float64 // share of harmless text that a label may hit, kept by the upper end of its 95 % interval; 0.02, ours
}

func (o Options) filled() (Options, error) {
	o.Buckets = cmp.Or(o.Buckets, 1<<18)
	o.Epochs = cmp.Or(o.Epochs, 6)
	o.L2 = cmp.Or(o.L2, 1e-6)
	o.Holdout = cmp.Or(o.Holdout, 0.2)
	o.OverBlock = cmp.Or(o.OverBlock, 0.02)
	switch {
	case o.Buckets < MinBuckets || o.Buckets > MaxBuckets || o.Buckets&(o.Buckets-1) != 0:
		return o, fmt.Errorf("buckets %d: want a power of two from %d to %d", o.Buckets, MinBuckets, MaxBuckets)
	case o.Epochs < 1 || o.Epochs > 100:
		return o, fmt.Errorf("epochs %d: want 1 to 100", o.Epochs)
	case !(o.L2 > 0 && o.L2 < 0.1):
		return o, fmt.Errorf("L2 %v: want more than 0 and less than 0.1", o.L2)
	case !(o.Holdout >= 0.05 && o.Holdout <= 0.5):
		return o, fmt.Errorf("holdout %v: want 0.05 to 0.5", o.Holdout)
	case !(o.OverBlock > 0 && o.OverBlock < 1):
		return o, fmt.Errorf("over-block %v: want a share between 0 and 1", o.OverBlock)
	}
	return o, nil
}

func (s Sample) check() error {
	if strings.TrimSpace(s.Text) == "" {
		return errors.New("text: empty")
	}
	if !(s.Weight >= 0 && s.Weight <= 1000) {
		return fmt.Errorf("weight %v: want 0 (which means 1) to 1000", s.Weight)
	}
	for _, l := range s.Labels {
		if _, ok := measures.RiskByID(l); !ok && l != Harmless {
			return fmt.Errorf("labels: %q is no risk id; want one like A1a, or %s", l, Harmless)
		}
		if l == Harmless && len(s.Labels) > 1 {
			return fmt.Errorf("labels: %q cannot stand beside another", Harmless)
		}
	}
	return nil
}

func (s Sample) has(label string) bool { return slices.Contains(s.Labels, label) }
func (s Sample) harmless() bool        { return len(s.Labels) == 0 || s.Labels[0] == Harmless }

// parts of a split.
const (
	toTrain = iota
	toCalibrate
	toTest
)

// example is a sample as training sees it.
type example struct {
	Sample
	key    [32]byte
	part   int
	index  []uint32
	value  []float32
	weight float64
}

// prepare orders by content and splits by group.
func prepare(samples []Sample, o Options) []example {
	out := make([]example, len(samples))
	for i, s := range samples {
		s.Labels = slices.Sorted(slices.Values(s.Labels))
		group := s.Group
		if group == "" {
			group = moderation.Essence(s.Text)
		}
		g := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s", o.Seed, group))
		u := float64(binary.LittleEndian.Uint64(g[:])>>11) / (1 << 53)
		e := example{Sample: s, weight: cmp.Or(s.Weight, 1)}
		e.key = sha256.Sum256(fmt.Appendf(nil, "%q %q %v %q", s.Text, s.Labels, s.Weight, s.Group))
		switch {
		case u < o.Holdout/2:
			e.part = toCalibrate
		case u < o.Holdout:
			e.part = toTest
		}
		out[i] = e
	}
	slices.SortFunc(out, func(a, b example) int { return slices.Compare(a.key[:], b.key[:]) })
	return out
}

// vector fills in the buckets of a text, each once, in order.
func (e *example) vector(m *Model) {
	var out [features]uint32
	var first [features]int
	var all []uint32
	g := grams{folder: m.folder, shift: m.shift}
	for i, r := range e.Text {
		all = append(all, out[:g.next(r, i, &out, &first)]...)
	}
	all = append(all, out[:g.endWord(&out, &first)]...)
	slices.Sort(all)
	v := float32(norm(len(all)))
	for i, b := range all {
		if i > 0 && all[i-1] == b {
			e.value[len(e.value)-1] += v
			continue
		}
		e.index, e.value = append(e.index, b), append(e.value, v)
	}
}

// Train makes a model. Of samples with the same text one is learnt from (Distinct), and numbers of samples are numbers of different
// texts. A label with too few is left out and the report says so; without any label it is an error.
func Train(samples []Sample, o Options) (*Model, *Report, error) {
	o, err := o.filled()
	if err != nil {
		return nil, nil, fmt.Errorf("classifier: %w", err)
	}
	for i, s := range samples {
		if err := s.check(); err != nil {
			return nil, nil, fmt.Errorf("classifier: sample %d: %w", i+1, err)
		}
	}
	different, doubles := Distinct(samples)
	all := prepare(different, o)
	rep := &Report{Samples: len(all), Limit: o.OverBlock, Doubles: doubles}
	counts, harmless := map[string]int{}, [3]int{}
	for _, e := range all {
		if e.harmless() {
			harmless[e.part]++
			continue
		}
		for _, l := range slices.Compact(slices.Clone(e.Labels)) {
			counts[l]++
		}
	}
	if n := harmless[0] + harmless[1] + harmless[2]; n < MinHarmless || harmless[toCalibrate] == 0 || harmless[toTest] == 0 {
		return nil, nil, fmt.Errorf("classifier: %d different harmless texts (%d to calibrate, %d to test); want at least %d, with some in each part%s", n, harmless[toCalibrate], harmless[toTest], MinHarmless, doubles.said())
	}
	h := header{Name: o.Name, Fold: moderation.FoldVersion(), Buckets: o.Buckets}
	for _, risk := range measures.Risks() {
		switch n := counts[risk.ID]; {
		case n >= MinSamples:
			h.Labels = append(h.Labels, output{ID: risk.ID, Slope: 1})
		case n > 0:
			rep.Untrained = append(rep.Untrained, Untrained{risk.ID, n, fmt.Sprintf("%d different texts; at least %d are needed", n, MinSamples)})
		}
	}
	if len(h.Labels) == 0 {
		return nil, rep, fmt.Errorf("classifier: no label has %d different texts; there are %s%s", MinSamples, tallied(rep.Untrained), doubles.said())
	}
	slices.SortFunc(h.Labels, func(a, b output) int { return strings.Compare(a.ID, b.ID) })
	m := newModel(h, make([]int8, o.Buckets*len(h.Labels)), make([]byte, o.Buckets/8))
	var train, calibrate, test []example
	for i := range all {
		e := &all[i]
		switch e.part {
		case toCalibrate:
			calibrate = append(calibrate, *e)
		case toTest:
			test = append(test, *e)
		default:
			e.vector(m)
			for _, b := range e.index {
				m.known[b>>3] |= 1 << (b & 7)
			}
			train = append(train, *e)
		}
	}
	for at := range m.head.Labels {
		m.fit(at, train, o)
	}
	limits := m.calibrate(calibrate, o.OverBlock)
	texts := make([]string, len(test))
	for i, e := range test {
		texts[i] = e.Text
	}
	m.head.Reference = m.Snapshot(texts)
	raw, err := m.sealed()
	if err != nil {
		return nil, nil, err
	}
	m.hash = hashOf(raw)
	held := make([]Sample, len(test))
	for i, e := range test {
		held[i] = e.Sample
	}
	rep.measure(m, held)
	for i := range rep.Labels {
		rep.Labels[i].Calibrated = &limits[i]
	}
	return m, rep, nil
}

// tallied lists labels with their numbers of texts.
func tallied(labels []Untrained) string {
	if len(labels) == 0 {
		return "none with a risk"
	}
	var parts []string
	for _, u := range labels {
		parts = append(parts, fmt.Sprintf("%s: %d", u.Label, u.Samples))
	}
	return strings.Join(parts, ", ")
}

// fit learns one label against all others by logistic regression: steps of AdaGrad in a shuffled order, then 8-bit weights.
func (m *Model) fit(at int, train []example, o Options) {
	l := &m.head.Labels[at]
	w, squares := make([]float64, o.Buckets), make([]float64, o.Buckets)
	bias, biasSquares := 0.0, 1.0
	rnd := rand.New(rand.NewPCG(o.Seed, 1))
	for range o.Epochs {
		for _, i := range rnd.Perm(len(train)) {
			e := &train[i]
			z, y := bias, 0.0
			for k, b := range e.index {
				z += float64(w[b] * float64(e.value[k]))
			}
			if e.has(l.ID) {
				y = 1
			}
			d := (sigmoid(z) - y) * e.weight
			biasSquares += float64(d * d)
			bias -= float64(0.1 * d / math.Sqrt(biasSquares))
			for k, b := range e.index {
				g := float64(d*float64(e.value[k])) + float64(o.L2*w[b])
				squares[b] += float64(g * g)
				if squares[b] > 0 {
					w[b] -= float64(0.1 * g / math.Sqrt(squares[b]+1e-8))
				}
			}
		}
	}
	most := 0.0
	for _, v := range w {
		most = max(most, math.Abs(v))
	}
	l.Bias, l.Scale = bias, most/127
	for b, v := range w {
		if v != 0 {
			m.weights[b*len(m.head.Labels)+at] = int8(math.Round(v / l.Scale))
		}
	}
}

// calibrate fits Platt's sigmoid on held-out texts, and takes for each label the least threshold at which the upper end of the
// interval of its over-block there keeps the limit. Too few texts to show that leave the strictest threshold that they speak
// for: none of them is hit.
func (m *Model) calibrate(held []example, limit float64) []Calibrated {
	out := make([]Calibrated, len(m.head.Labels))
	raw := make([][]float64, len(held))
	for i, e := range held {
		raw[i] = m.worst(e.Text) // as the Detector sees it
		for j, p := range raw[i] {
			raw[i][j] = logit(p)
		}
	}
	for at := range m.head.Labels {
		l := &m.head.Labels[at]
		var z, y []float64
		pos := 0.0
		for i, e := range held {
			z = append(z, raw[i][at])
			is := 0.0
			if e.has(l.ID) {
				is = 1
				pos++
			}
			y = append(y, is)
		}
		if pos > 0 { // of harmless texts alone a sigmoid would be flat, and nothing would ever reach a threshold: the odds stay as learnt
			l.Slope, l.Shift = platt(z, y, pos)
		}
		var harmless []float64
		for i, e := range held {
			if e.harmless() {
				harmless = append(harmless, sigmoid(l.Slope*z[i]+l.Shift))
			}
		}
		slices.SortFunc(harmless, func(a, b float64) int { return cmp.Compare(b, a) })
		allowed := allowedHits(len(harmless), limit)
		l.Threshold = max(math.Nextafter(harmless[min(max(allowed, 0), len(harmless)-1)], 2), m.leastEvidence(at))
		hits := 0
		for hits < len(harmless) && harmless[hits] >= l.Threshold {
			hits++
		}
		out[at] = Calibrated{OverBlock: NewShare(hits, len(harmless)), Needed: Needed(limit)}
		out[at].Shown = out[at].OverBlock.High <= limit
	}
	return out
}

// leastEvidence is the lowest threshold of a label: the score of a text that says nothing, with its odds doubled (ours). What a
// classifier knows nothing about, a number, a smile, another script, is no finding however low its harmless texts score.
func (m *Model) leastEvidence(at int) float64 {
	return sigmoid(logit(m.Score(nil, nil)[at]) + math.Ln2)
}

// allowedHits is the greatest number of hits among n harmless texts whose interval still lies within the limit; -1: even none
// of so few does not show it.
func allowedHits(n int, limit float64) int {
	first := sort.Search(n+1, func(k int) bool { return NewShare(k, n).High > limit }) // High rises with k
	return first - 1
}

// Needed is how many harmless texts, of which none is hit, it takes to show that a limit of over-block is kept.
func Needed(limit float64) int {
	n := sort.Search(1<<30, func(n int) bool { return NewShare(0, n).High <= limit })
	return n
}

// platt fits slope and shift by Newton's method to smoothed targets; the slope is never negative.
func platt(z, y []float64, pos float64) (slope, shift float64) {
	neg := float64(len(y)) - pos
	high, low := (pos+1)/(pos+2), 1/(neg+2)
	a, b := 1.0, 0.0
	for range 50 {
		ga, gb, haa, hab, hbb := 1e-3*(a-1), 0.0, 1e-3, 0.0, 1e-6
		for i, x := range z {
			t := low
			if y[i] == 1 {
				t = high
			}
			p := sigmoid(a*x + b)
			d, v := p-t, p*(1-p)
			ga, gb = ga+float64(d*x), gb+d
			haa, hab, hbb = haa+float64(v*x*x), hab+float64(v*x), hbb+v
		}
		det := haa*hbb - hab*hab
		if !(det > 1e-12) {
			break
		}
		da, db := (hbb*ga-hab*gb)/det, (haa*gb-hab*ga)/det
		step := min(1, 5/(math.Abs(da)+math.Abs(db)+1e-12))
		a, b = max(0.01, a-step*da), b-step*db
		if math.Abs(da)+math.Abs(db) < 1e-9 {
			break
		}
	}
	return a, max(-1e6, min(1e6, b))
}
