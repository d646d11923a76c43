package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// China is the time zone of every page: one zone for the whole country, UTC+8, no summer time since 1991.
var China = time.FixedZone("UTC+8", 8*60*60)

func (s *Site) funcs(l Lang) template.FuncMap {
	return template.FuncMap{
		"t":      func(key string, args ...any) string { return s.cat.T(l, key, args...) },
		"word":   func(prefix string, v any) string { return s.cat.Word(l, prefix, v) },
		"words":  func(prefix string) (string, error) { return s.cat.words(l, prefix) },
		"pick":   l.Pick,
		"flash":  func(f *Flash) string { return s.flashText(l, f) },
		"url":    s.URL,
		"static": s.Static,
		"when":   When,
		"minute": Minute,
		"day":    func(t time.Time) string { return t.In(China).Format("2006-01-02") },
		"ago":    func(t time.Time) string { return s.ago(l, t) },
		"span":   func(d time.Duration) string { return s.span(l, d) },
		"num":    Num,
		"pct":    Pct,
		"json":   prettyJSON,
		"dict":   dict,
		"list":   func(v ...any) []any { return v },
		"icon":   icon,
		"short":  short,
		"bars":   func(c Bars) template.HTML { return c.SVG() },
		"meter":  Meter,
		"join":   strings.Join,
		"value":  func(v any) string { return s.value(l, v) },
	}
}

// When is a moment as a person in China reads it, with its zone, machine-readable beside it.
func When(t time.Time) template.HTML {
	if t.IsZero() {
		return "—"
	}
	t = t.In(China)
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format("2006-01-02 15:04:05") + ` <small>UTC+8</small></time>`)
}

// Minute is When for columns whose heading names the zone.
func Minute(t time.Time) template.HTML {
	if t.IsZero() {
		return "—"
	}
	t = t.In(China)
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `" title="` + t.Format("2006-01-02 15:04:05.000") + ` UTC+8">` +
		t.Format("01-02 15:04:05") + `</time>`)
}

func (s *Site) ago(l Lang, t time.Time) string {
	if t.IsZero() {
		return s.cat.T(l, "time.never")
	}
	d := s.o.Now().Sub(t)
	if d < 0 {
		return s.cat.T(l, "time.in", s.span(l, -d))
	}
	if d < 5*time.Second {
		return s.cat.T(l, "time.now")
	}
	if d < 10*time.Second { // milliseconds would be out of place here
		return s.cat.T(l, "time.ago", s.cat.T(l, "time.s", int64(d/time.Second)))
	}
	return s.cat.T(l, "time.ago", s.span(l, d))
}

// span words a length of time by its largest unit.
func (s *Site) span(l Lang, d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return s.cat.T(l, "time.ms", d.Milliseconds())
	case d < 2*time.Minute:
		return s.cat.T(l, "time.s", int64(d/time.Second))
	case d < 2*time.Hour:
		return s.cat.T(l, "time.min", int64(d/time.Minute))
	case d < 48*time.Hour:
		return s.cat.T(l, "time.h", int64(d/time.Hour))
	}
	return s.cat.T(l, "time.d", int64(d/(24*time.Hour)))
}

// Num groups digits by thousands.
func Num(v any) (string, error) {
	var text string
	switch n := v.(type) {
	case int:
		text = strconv.Itoa(n)
	case int64:
		text = strconv.FormatInt(n, 10)
	case uint64:
		text = strconv.FormatUint(n, 10)
	default:
		return "", fmt.Errorf("web: num of %T", v)
	}
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text, nil
}

// Pct is part of whole in per cent with one digit, and a dash when there is no whole. It never rounds up to 100 %: that is
// said only of all.
func Pct(part, whole int64) string {
	if whole == 0 {
		return "—"
	}
	p := math.Floor(float64(part)/float64(whole)*1000) / 10
	return strconv.FormatFloat(p, 'f', -1, 64) + " %"
}

func prettyJSON(v any) (string, error) {
	if raw, ok := v.(json.RawMessage); ok && len(raw) == 0 {
		return "", nil
	}
	b, err := json.MarshalIndent(v, "", "  ")
	return string(b), err
}

// value words a fact of any type for a table.
func (s *Site) value(l Lang, v any) string {
	switch v := v.(type) {
	case nil:
		return "—"
	case string:
		return v
	case bool:
		return s.cat.Word(l, "bool", v)
	case int, int64, uint64:
		n, _ := Num(v)
		return n
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			n, _ := Num(int64(v))
			return n
		}
		return strconv.FormatFloat(v, 'g', 6, 64)
	case time.Time:
		return v.In(China).Format("2006-01-02 15:04:05 UTC+8")
	case time.Duration:
		return s.span(l, v)
	case []string:
		if len(v) == 0 {
			return "—"
		}
		return strings.Join(v, ", ")
	case fmt.Stringer:
		return v.String()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("web: dict wants pairs")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		k, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("web: dict key %v is no string", pairs[i])
		}
		m[k] = pairs[i+1]
	}
	return m, nil
}

// short cuts a long identifier in the middle; the whole stands in the title attribute beside it.
func short(n int, s string) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-5]) + "…" + string(r[len(r)-4:])
}

func (s *Site) flashText(l Lang, f *Flash) string {
	args := make([]any, len(f.Args))
	for i, a := range f.Args {
		args[i] = a
	}
	return s.cat.T(l, f.Key, args...)
}

// icon is a small drawing that says with its shape what the colour beside it says: statuses must be readable in print and
// by people who do not tell red from green.
func icon(name string) (template.HTML, error) {
	d, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("web: no icon %q", name)
	}
	return template.HTML(`<svg class="icon icon-` + name + `" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">` + d + `</svg>`), nil
}

var icons = map[string]string{
	"met":            `<circle cx="8" cy="8" r="7" class="fill"/><path class="cut" d="M4.5 8.4l2.4 2.4 4.6-5"/>`,
	"notice":         `<path class="fill" d="M8 1.2 15.4 14H.6z"/><path class="cut" d="M8 6v4M8 11.6v.6"/>`,
	"short":          `<path class="fill" d="M8 .8 15.2 8 8 15.2.8 8z"/><path class="cut" d="M8 4.6v4M8 10.6v.6"/>`,
	"breach":         `<rect x="1" y="1" width="14" height="14" rx="2" class="fill"/><path class="cut" d="M5 5l6 6M11 5l-6 6"/>`,
	"unknown":        `<circle cx="8" cy="8" r="7" class="fill"/><path class="cut" d="M6 6.4a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.3M8 11.4v.6"/>`,
	"not_yet":        `<circle cx="8" cy="8" r="6.2" class="line"/><path class="line" d="M8 4.5V8l2.4 1.6"/>`,
	"not_applicable": `<circle cx="8" cy="8" r="6.2" class="line"/><path class="line" d="M4.8 8h6.4"/>`,
}
