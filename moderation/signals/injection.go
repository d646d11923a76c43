package signals

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultInjection is the score from which a text is reported.
const DefaultInjection = 0.5

// Injection looks for attempts to change the role or rules of a model.
type Injection struct {
	cues      []cue
	threshold float64
}

// NewInjection makes a detector; a threshold of 0 is DefaultInjection.
func NewInjection(threshold float64) *Injection {
	if threshold <= 0 {
		threshold = DefaultInjection
	}
	return &Injection{cues: injectionCues(), threshold: threshold}
}

// folded is a text in lower case, white space as one blank, with the bytes of the original that each of its bytes comes from.
type folded struct {
	text string
	from []int32
}

func foldASCII(text []byte) folded {
	var b strings.Builder
	from := make([]int32, 0, len(text)+1)
	blank := false
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case unicode.Is(unicode.Cf, r):
			i += n
			continue
		case r >= 0xFF01 && r <= 0xFF5E:
			r -= 0xFEE0
		}
		if unicode.IsSpace(r) {
			if blank {
				i += n
				continue
			}
			r = ' '
		}
		blank = r == ' '
		size, _ := b.WriteRune(unicode.ToLower(r))
		for range size {
			from = append(from, int32(i))
		}
		i += n
	}
	return folded{b.String(), append(from, int32(len(text)))}
}

func wordByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// find gives the first place of a phrase from a byte on; phrases of letters stand at word borders.
func (f folded) find(phrase string, from, until int) int {
	for from <= until {
		k := strings.Index(f.text[from:min(len(f.text), until+len(phrase))], phrase)
		if k < 0 {
			return -1
		}
		at, end := from+k, from+k+len(phrase)
		if !(wordByte(phrase[0]) && at > 0 && wordByte(f.text[at-1])) && !(wordByte(phrase[len(phrase)-1]) && end < len(f.text) && wordByte(f.text[end]) && f.text[end] != 's') {
			return at
		}
		from = at + 1
	}
	return -1
}

// Scan gives one finding if the cues together weigh enough, from the first to the last of them. No risk of the 31 is an
// attack on the model itself: the category is empty.
func (d *Injection) Scan(text []byte) []Finding {
	f := foldASCII(text)
	best := map[string]float64{}
	var kinds []string
	start, end := len(text), 0
	for _, c := range d.cues {
		from, to, ok := c.match(f)
		if !ok {
			continue
		}
		if _, known := best[c.kind]; !known {
			kinds = append(kinds, c.kind)
		}
		best[c.kind] = max(best[c.kind], c.weight)
		start, end = min(start, int(f.from[from])), max(end, int(f.from[to]))
	}
	rest := 1.0
	for _, kind := range kinds {
		rest *= 1 - best[kind]
	}
	if score := 1 - rest; score >= d.threshold {
		return []Finding{{Signal: Jailbreak, Start: start, End: end, Score: score, Reason: fmt.Sprintf("cues: %s", strings.Join(kinds, ", "))}}
	}
	return nil
}

func (c cue) match(f folded) (from, to int, ok bool) {
	for _, first := range c.parts[0] {
		for at := f.find(first, 0, len(f.text)); at >= 0; at = f.find(first, at+1, len(f.text)) {
			end := at + len(first)
			if len(c.parts) == 1 {
				return at, end, true
			}
			for _, second := range c.parts[1] {
				reach := c.gap
				if second[0] >= utf8.RuneSelf {
					reach *= 3
				}
				if k := f.find(second, end, end+reach); k >= 0 {
					return at, k + len(second), true
				}
			}
		}
	}
	return 0, 0, false
}
