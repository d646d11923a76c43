package detector

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/hegui/hegui/measures"
)

// Micros is money in millionths of a yuan: sums of it are exact.
type Micros int64

// Yuan is the same in yuan.
func (m Micros) Yuan() float64 { return float64(m) / 1e6 }

// String writes it in yuan, to the hundredth of a fen where that says something.
func (m Micros) String() string {
	s := fmt.Sprintf("%.4f", m.Yuan())
	s = strings.TrimSuffix(s, "00")
	return "¥" + s
}

// FromYuan rounds to the nearest millionth.
func FromYuan(y float64) Micros { return Micros(math.Round(y * 1e6)) }

// Price is what a detector costs, in yuan. What is not charged is 0; what is given adds up.
type Price struct {
	PerCall   float64
	PerKChars float64 // a thousand characters
	PerMIn    float64 // a million tokens of input
	PerMOut   float64 // a million tokens of output
}

// Validate tells what is wrong with a price.
func (p Price) Validate() error {
	for name, v := range map[string]float64{"per_call": p.PerCall, "per_1k_chars": p.PerKChars, "per_m_in": p.PerMIn, "per_m_out": p.PerMOut} {
		if v < 0 || v > 1e6 || v != v {
			return fmt.Errorf("%s: %v: give yuan, 0 to 1000000", name, v)
		}
	}
	return nil
}

func (p Price) free() bool { return p == Price{} }

// cost is what a use costs, and what was billed beyond it.
func (p Price) cost(u Usage) (counted, over Micros) {
	counted = FromYuan(p.PerCall*float64(u.Calls) + p.PerKChars*float64(u.Chars)/1e3 + p.PerMIn*float64(u.In)/1e6 + p.PerMOut*float64(u.Out)/1e6)
	beyond := p.PerMIn*float64(u.OverIn)/1e6 + p.PerMOut*float64(u.OverOut)/1e6
	return counted, FromYuan(min(beyond, 1e9))
}

// AtCap is what happens to texts once a detector has used up its day.
type AtCap string

const (
	CapHold    AtCap = "hold"    // they are not let through: the guard of the gateway applies its rule for outages
	CapSkip    AtCap = "skip"    // the others decide; recorded as degraded
	CapLexicon AtCap = "lexicon" // a hit of the lexicon or of an earlier detector holds the text; without one, as skip
)

// Validate tells what is wrong.
func (a AtCap) Validate() error {
	if a != CapHold && a != CapSkip && a != CapLexicon {
		return fmt.Errorf("%q: use hold, skip or lexicon", a)
	}
	return nil
}

// Day is the day in China that t falls on.
func Day(t time.Time) string { return t.In(measures.Shanghai()).Format(time.DateOnly) }

// Forecast is what is to be expected.
type Forecast struct {
	Today Micros `json:"today"` // by the end of the day
	Month Micros `json:"month"` // by the end of the month
}

// forecastDays is how many whole days before today a forecast rests on.
const forecastDays = 7

// firstHours is how much of a day must be over before today's rate is believed.
const firstHours = 2 * time.Hour

// forecast extends a detector's days (any order) to the end of today and of the month. Today goes on at the rate so far, or,
// in the first hours, like the days before; what is left of the month costs what the last days did on average. A cap bounds
// every day.
func forecast(days []Spend, now time.Time, limit Micros) Forecast {
	now = now.In(measures.Shanghai())
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	bound := func(m Micros) Micros {
		if limit > 0 {
			m = min(m, limit)
		}
		return m
	}
	var today, month, before Micros
	n := 0
	for _, d := range days {
		at, err := time.ParseInLocation(time.DateOnly, d.Day, now.Location())
		if err != nil || at.After(midnight) {
			continue
		}
		if at.Equal(midnight) {
			today += d.Cost
		} else if !at.Before(midnight.AddDate(0, 0, -forecastDays)) {
			before += d.Cost
			n++
		}
		if at.Year() == now.Year() && at.Month() == now.Month() && at.Before(midnight) {
			month += d.Cost
		}
	}
	var average Micros
	if n > 0 {
		average = before / Micros(n)
	}
	f := Forecast{Today: max(today, average)}
	if gone := now.Sub(midnight); gone >= firstHours {
		f.Today = Micros(float64(today) / gone.Hours() * 24)
	}
	f.Today = max(bound(f.Today), today)
	left := 0
	for d := midnight.AddDate(0, 0, 1); d.Month() == now.Month(); d = d.AddDate(0, 0, 1) {
		left++
	}
	if n == 0 {
		average = f.Today
	}
	f.Month = month + f.Today + bound(average)*Micros(left)
	return f
}

var errNoPrice = errors.New("a daily cap in yuan needs a price")
