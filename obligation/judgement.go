package obligation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// judgement gathers what a check sees. The worst status said stands; what was said at that status is told first.
type judgement struct {
	status Status
	said   []saying
	mends  []Bilingual
	facts  map[string]any
	refs   []string
	newest time.Time
}

type saying struct {
	status Status
	text   Bilingual
}

// severity orders the statuses a check may give; Unknown outranks all but a breach, so that doubt is never painted over.
var severity = []Status{Met, Notice, Short, Unknown, Breach}

func begin() *judgement { return &judgement{status: Met, facts: map[string]any{}} }

// say states one thing that was seen and how much it weighs.
func (j *judgement) say(s Status, zh, en string) {
	if slices.Index(severity, s) > slices.Index(severity, j.status) {
		j.status = s
	}
	j.said = append(j.said, saying{s, Bilingual{zh, en}})
}

// sayf is say with the same arguments for both languages.
func (j *judgement) sayf(s Status, zh, en string, args ...any) {
	j.say(s, fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...))
}

// mend says what to do about what was said.
func (j *judgement) mend(zh, en string) {
	if b := (Bilingual{zh, en}); !slices.Contains(j.mends, b) {
		j.mends = append(j.mends, b)
	}
}

func (j *judgement) fact(name string, value any) { j.facts[name] = value }

// ref names what was looked at; at most 20 are kept, the fact "refs_more" tells how many were not.
func (j *judgement) ref(refs ...string) {
	for _, r := range refs {
		switch {
		case r == "" || slices.Contains(j.refs, r):
		case len(j.refs) < 20:
			j.refs = append(j.refs, r)
		default:
			n, _ := j.facts["refs_more"].(int)
			j.facts["refs_more"] = n + 1
		}
	}
}

// seen dates a piece of evidence that has to be fresh; the oldest of them counts.
func (j *judgement) seen(at time.Time) {
	if j.newest.IsZero() || at.Before(j.newest) {
		j.newest = at
	}
}

func (j *judgement) finding() (Finding, error) {
	order := append([]saying(nil), j.said...)
	slices.SortStableFunc(order, func(a, b saying) int { return slices.Index(severity, b.status) - slices.Index(severity, a.status) })
	var zh, en []string
	for _, s := range order {
		zh, en = append(zh, s.text.ZH), append(en, s.text.EN)
	}
	f := Finding{Status: j.status, Facts: j.facts, Refs: j.refs, Newest: j.newest, Summary: Bilingual{strings.Join(zh, ""), strings.Join(en, " ")}}
	if j.status != Met {
		var mzh, men []string
		for _, m := range j.mends {
			mzh, men = append(mzh, m.ZH), append(men, m.EN)
		}
		f.Mend = Bilingual{strings.Join(mzh, ""), strings.Join(men, " ")}
	}
	return f, nil
}
