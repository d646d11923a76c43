package label

import (
	"fmt"

	"github.com/hegui/hegui/label/carrier"
)

// Verdict on the implicit label of a file.
type Verdict string

const (
	Compliant    Verdict = "compliant"
	Noncompliant Verdict = "noncompliant" // a label is there, and breaks a rule that binds
	NotFound     Verdict = "not_found"    // the whole file was read, every place was looked at, and there is none
	Inconclusive Verdict = "inconclusive" // it could not be told: no kind that is known, damaged, encrypted, too large
)

// Force of the rule that a fault breaks.
type Force string

const (
	Shall  Force = "shall"  // GB 45438-2025
	Should Force = "should" // a practice guide of TC260
	Note   Force = "note"   // worth a word
)

// Fault is one thing that is wrong with a file's implicit label.
type Fault struct {
	Code   string `json:"code"` // stable: duplicate, value, characters, place, key
	Force  Force  `json:"force"`
	Place  string `json:"place,omitempty"`
	Detail string `json:"detail"`
}

// Found is one label of a file.
type Found struct {
	Place    string   `json:"place"`
	Offset   int64    `json:"offset"`
	Standard bool     `json:"standard"` // the place that the guide names for the format
	Value    Implicit `json:"value"`
	Wrapped  bool     `json:"wrapped,omitempty"`
}

// Report is what is known of the implicit label of a file.
type Report struct {
	Format  string  `json:"format"` // "" when it is no kind that is known
	Verdict Verdict `json:"verdict"`
	Labels  []Found `json:"labels"`
	Faults  []Fault `json:"faults"`
	Reason  string  `json:"reason,omitempty"` // why it is inconclusive, with the offset and the rule
	Err     error   `json:"-"`
}

// Label is the label that counts: the first in the place that the guide names, else the first.
func (r Report) Label() (Found, bool) {
	for _, l := range r.Labels {
		if l.Standard {
			return l, true
		}
	}
	if len(r.Labels) > 0 {
		return r.Labels[0], true
	}
	return Found{}, false
}

// Verify looks for implicit labels in all places and wrappings in use. A label that is there and not conforming is reported as that,
// never as missing; a file that could not be read whole is inconclusive unless a label was found that breaks a rule already.
func Verify(f *carrier.File) Report {
	format, ok := FormatOf(f)
	if !ok {
		r := Report{Verdict: Inconclusive, Labels: []Found{}, Faults: []Fault{}}
		r.Reason = "the file is of no kind that is known here; hegui label formats lists those that are"
		return r
	}
	return verify(f, format)
}

func verify(f *carrier.File, format carrier.Format) Report {
	r := Report{Format: format.Name, Labels: []Found{}, Faults: []Fault{}}
	sites, err := format.Sites(f)
	for _, s := range sites {
		r.add(s)
	}
	if len(sites) > 1 {
		r.fault("duplicate", Shall, sites[1].Place, fmt.Sprintf("the file has %d labels; GB 45438-2025 6.1 c) allows one", len(sites)))
	}
	if err != nil {
		r.Err, r.Reason = err, err.Error()
	}
	breaks := false
	for _, x := range r.Faults {
		breaks = breaks || x.Force == Shall
	}
	switch {
	case breaks:
		r.Verdict = Noncompliant
	case err != nil:
		r.Verdict = Inconclusive
	case len(sites) == 0:
		r.Verdict = NotFound
	default:
		r.Verdict = Compliant
	}
	return r
}

func (r *Report) fault(code string, force Force, place, detail string) {
	r.Faults = append(r.Faults, Fault{code, force, place, detail})
}

// add notes one site and what is wrong with it.
func (r *Report) add(s carrier.Site) {
	reading, err := Parse(s.Value)
	if err != nil {
		r.fault("value", Shall, s.Place, err.Error())
	}
	r.Labels = append(r.Labels, Found{Place: s.Place, Offset: s.Offset, Standard: s.Standard, Value: reading.Value, Wrapped: reading.Wrapped})
	for _, p := range reading.Problems {
		code, force := "key", Note
		switch p.Grade {
		case Broken:
			code, force = "value", Shall
		case Unusual:
			code, force = "characters", Should
		}
		r.fault(code, force, s.Place, p.Key+": "+p.Detail)
	}
	if !s.Standard {
		detail := s.Remark
		if detail == "" {
			detail = "not the place that the guide names"
		}
		r.fault("place", Should, s.Place, detail)
	}
}
