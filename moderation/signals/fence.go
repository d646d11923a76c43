package signals

import (
	"fmt"
	"math"
	"unicode"
)

// Sample is an example of a topic.
type Sample struct {
	Topic  string
	Denied bool
	Text   string
}

// Fence tells by samples which topics a service does not speak of: the cosine of character n-grams (1 to 3), weighed by how
// few samples have them. It knows what its samples are alike to, no meanings.
type Fence struct {
	samples []Sample
	vectors []map[string]float64
	rarity  map[string]float64
	least   float64
}

// DefaultLikeness is the cosine from which a text is held to be of a denied topic.
const DefaultLikeness = 0.2

// NewFence learns from samples; a least of 0 is DefaultLikeness.
func NewFence(samples []Sample, least float64) (*Fence, error) {
	if least <= 0 {
		least = DefaultLikeness
	}
	f := &Fence{samples: samples, rarity: map[string]float64{}, least: least}
	for i, s := range samples {
		if s.Topic == "" || s.Text == "" {
			return nil, fmt.Errorf("signals: sample %d: give it a topic and a text", i+1)
		}
		for g := range grams(s.Text) {
			f.rarity[g]++
		}
	}
	for g, n := range f.rarity {
		f.rarity[g] = math.Log(float64(len(samples)+1) / n)
	}
	for _, s := range samples {
		f.vectors = append(f.vectors, f.vector(s.Text))
	}
	return f, nil
}

func grams(text string) map[string]float64 {
	var rs []rune
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			rs = append(rs, unicode.ToLower(r))
		} else if len(rs) > 0 && rs[len(rs)-1] != ' ' {
			rs = append(rs, ' ')
		}
	}
	out := map[string]float64{}
	for n := 1; n <= 3; n++ {
		for i := 0; i+n <= len(rs); i++ {
			if g := string(rs[i : i+n]); len(g) > 1 { // single ASCII letters say nothing
				out[g]++
			}
		}
	}
	return out
}

func (f *Fence) vector(text string) map[string]float64 {
	v, norm := grams(text), 0.0
	for g, n := range v {
		rare, known := f.rarity[g]
		if !known {
			rare = math.Log(float64(len(f.samples) + 1))
		}
		v[g] = (1 + math.Log(n)) * rare
		norm += v[g] * v[g]
	}
	for g := range v {
		v[g] /= math.Sqrt(norm)
	}
	return v
}

// Scan reports a text that is more like a sample of a denied topic than like any of an allowed one.
func (f *Fence) Scan(text []byte) []Finding {
	v := f.vector(string(text))
	best, allowed, topic := 0.0, 0.0, ""
	for i, s := range f.samples {
		dot := 0.0
		for g, w := range f.vectors[i] {
			dot += w * v[g]
		}
		switch {
		case !s.Denied:
			allowed = max(allowed, dot)
		case dot > best:
			best, topic = dot, s.Topic
		}
	}
	if best < f.least || best <= allowed {
		return nil
	}
	return []Finding{{Signal: Topic, Start: 0, End: len(text), Score: min(best, 1), Reason: "like the samples of the topic " + topic}}
}
