package signals

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Loop watches a stream for runaway repetition: the same period, up to maxPeriod runes long, again and again. What it finds
// depends on the text alone, not on how it was cut. Lines of signs only (rules of tables) need eight times as many runes.
// The zero value is ready. Not safe for concurrent use.
type Loop struct {
	ring    [ringSize]rune
	last    [ringSize]int // where runes that hash alike stood last, plus 1
	period  int           // that the text follows now; 0: none
	same    int           // runes in a row that equal the rune a period before
	runes   int
	letter  int // rune at which the last letter or digit stood
	bytes   int
	pending []byte
	done    bool
}

const (
	maxPeriod   = 160
	ringSize    = 256
	loopTimes   = 10  // repeats
	loopRunes   = 200 // and runes, at least
	loopOfSigns = 8 * loopRunes
	loopGram    = 4 // runes by which a period is found
)

// gram is the slot of the last runes.
func (l *Loop) gram() int {
	h := uint32(2166136261)
	for k := range loopGram {
		h = (h ^ uint32(l.ring[(l.runes-k)%ringSize])) * 16777619
	}
	return int(h>>16) % ringSize
}

// alike tells whether the last runes are those that ended at a place.
func (l *Loop) alike(at int) bool {
	for k := range loopGram {
		if at < k || l.ring[(l.runes-k)%ringSize] != l.ring[(at-k)%ringSize] {
			return false
		}
	}
	return true
}

// Write takes the next bytes and tells the first runaway repetition, once. Its Start is where the repetition begins.
func (l *Loop) Write(chunk []byte) []Finding {
	if l.done {
		return nil
	}
	data := append(l.pending, chunk...)
	for len(data) > 0 && utf8.FullRune(data) {
		r, n := utf8.DecodeRune(data)
		data = data[n:]
		l.bytes += n
		if f := l.step(r, n); f != nil {
			l.done, l.pending = true, nil
			return f
		}
	}
	l.pending = append([]byte(nil), data...)
	return nil
}

func (l *Loop) step(r rune, size int) []Finding {
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		l.letter = l.runes
	}
	if l.period > 0 && l.ring[(l.runes-l.period)%ringSize] == r {
		l.same++
	} else {
		l.period, l.same = 0, 0
	}
	l.ring[l.runes%ringSize] = r
	if l.runes >= loopGram {
		slot := l.gram()
		if at := l.last[slot] - 1; l.period == 0 && at >= 0 && l.runes-at <= maxPeriod && l.alike(at) {
			l.period, l.same = l.runes-at, loopGram
		}
		l.last[slot] = l.runes + 1
	}
	if p, n := l.period, l.same+l.period; p > 0 && n >= loopRunes && n >= loopTimes*p && (l.runes-l.letter < p || n >= loopOfSigns) {
		back := 0
		for k := range min(n, ringSize, l.runes+1) { // the bytes of the runes still at hand; the rest by their mean
			if k == 0 {
				back += size
			} else {
				back += max(1, utf8.RuneLen(l.ring[(l.runes-k)%ringSize]))
			}
		}
		back = back * n / min(n, ringSize, l.runes+1)
		return []Finding{{Signal: Repetition, Start: max(0, l.bytes-back), End: l.bytes, Score: 1, Reason: fmt.Sprintf("%d characters repeated %d times", p, n/p)}}
	}
	l.runes++
	return nil
}
