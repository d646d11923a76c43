package web

import (
	"fmt"
	"html"
	"html/template"
	"strings"
)

// Bars is a chart of stacked columns, drawn as SVG by the server: it needs no script, obeys a strict CSP (classes, no
// style attributes), prints, and carries its numbers as text for those who do not see it.
type Bars struct {
	Title  string
	Series []Series // stacked from below
	Labels []string // one per column
	Every  int      // write every n-th label under the axis; 1 when 0
	Width  int      // 720 when 0
	Height int      // 160 when 0
}

// Series is one layer of a Bars; Class is its CSS class (its colour and, in print, its pattern).
type Series struct {
	Name   string
	Class  string
	Values []int64 // one per label
}

// Total is the sum over all columns.
func (s Series) Total() int64 {
	var n int64
	for _, v := range s.Values {
		n += v
	}
	return n
}

// SVG draws the chart. Columns share a scale from 0 to a round number above the highest.
func (b Bars) SVG() template.HTML {
	w, h := b.Width, b.Height
	if w == 0 {
		w = 720
	}
	if h == 0 {
		h = 160
	}
	every := max(b.Every, 1)
	const left, right, top, bottom = 40, 4, 8, 22
	var highest int64
	for i := range b.Labels {
		var sum int64
		for _, s := range b.Series {
			sum += s.Values[i]
		}
		highest = max(highest, sum)
	}
	scale := roundUp(highest)
	inner, step := float64(h-top-bottom), float64(w-left-right)/float64(max(len(b.Labels), 1))
	y := func(v int64) float64 { return float64(h-bottom) - inner*float64(v)/float64(scale) }

	var o strings.Builder
	fmt.Fprintf(&o, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, w, h, html.EscapeString(b.describe()))
	fmt.Fprintf(&o, `<title>%s</title>`, html.EscapeString(b.Title))
	for _, v := range []int64{0, scale / 2, scale} {
		if v == 0 || v != scale/2 || scale > 1 {
			n, _ := Num(v)
			fmt.Fprintf(&o, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`,
				left, w-right, y(v), y(v), left-6, y(v)+4, n)
		}
	}
	for i, label := range b.Labels {
		x := left + float64(i)*step
		var base int64
		for _, s := range b.Series {
			v := s.Values[i]
			if v == 0 {
				continue
			}
			fmt.Fprintf(&o, `<rect class="bar %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s · %s: %d</title></rect>`,
				s.Class, x+step*.14, y(base+v), step*.72, y(base)-y(base+v), html.EscapeString(label), html.EscapeString(s.Name), v)
			base += v
		}
		if i%every == 0 {
			fmt.Fprintf(&o, `<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`, x+step/2, h-6, html.EscapeString(label))
		}
	}
	o.WriteString(`</svg>`)
	return template.HTML(o.String())
}

// describe is the chart in one sentence, for screen readers.
func (b Bars) describe() string {
	parts := []string{b.Title}
	for _, s := range b.Series {
		parts = append(parts, fmt.Sprintf("%s %d", s.Name, s.Total()))
	}
	return strings.Join(parts, ", ")
}

// roundUp returns the next of 2, 4, 10, 20, 40, 100 … not below v: even, so that the middle line is a whole number.
func roundUp(v int64) int64 {
	for base := int64(1); ; base *= 10 {
		for _, m := range []int64{2, 4, 10} {
			if v <= m*base {
				return m * base
			}
		}
	}
}

// Meter draws shares of a whole as one bar, in the order given: pairs of CSS class and number. Without a label it is hidden
// from screen readers, for bars that stand beside their numbers.
func Meter(label string, pairs ...any) (template.HTML, error) {
	var total int64
	values := make([]int64, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		switch v := pairs[i+1].(type) {
		case int:
			values = append(values, int64(v))
		case int64:
			values = append(values, v)
		default:
			return "", fmt.Errorf("web: meter of %T", pairs[i+1])
		}
		total += values[i/2]
	}
	var o strings.Builder
	what := `aria-hidden="true"`
	if label != "" {
		what = `role="img" aria-label="` + html.EscapeString(label) + `"`
	}
	fmt.Fprintf(&o, `<svg class="meter" viewBox="0 0 400 10" preserveAspectRatio="none" %s><rect class="track" width="400" height="10"/>`, what)
	var x float64
	for i, v := range values {
		if v == 0 {
			continue
		}
		w := 400 * float64(v) / float64(total)
		fmt.Fprintf(&o, `<rect class="bar %s" x="%.2f" width="%.2f" height="10"/>`, html.EscapeString(fmt.Sprint(pairs[2*i])), x, w)
		x += w
	}
	o.WriteString(`</svg>`)
	return template.HTML(o.String()), nil
}
