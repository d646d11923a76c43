// Package measures is the law as data: instruments, duties, risks, authorities, clocks and the calendar. It imports
// nothing of ours and holds no logic beyond reading and reckoning working days. Texts are paraphrased, each with source,
// force and confidence; what is not confirmed is marked and shown as hegui's default, never as quoted law.
package measures

import "time"

// Force of a duty: a missed shall is a breach, a missed should a shortfall, design is our own choice.
type Force string

const (
	Shall  Force = "shall"
	Should Force = "should"
	Ours   Force = "ours"
)

// Duty is one row of the register.
type Duty struct {
	ID, Article, ArticleNo string // ArticleNo sorts and groups by article of the Measures: 02 … 22
	TitleZH, TitleEN       string
	Actor, Trigger         string
	Runtime, Workflow      string
	Evidence, Metric       string
	Force                  Force
	Source                 string
	Verified               bool // false: shown as our default
	Module                 string
}

// Risk is one of the 31 of GB/T 45654-2025 Annex A (also TC260-003).
type Risk struct {
	ID                              string // A1a
	Clause                          string // A.1 a)
	ZH, EN                          string
	Group                           string // A.1
	Library                         bool   // one of the 17 that a keyword library must cover
	MinKeywords, MinRefuse, MinTest int
}

// Instrument is a law, rule or standard with its dates.
type Instrument struct {
	ID, ZH, EN string
	Kind       string // law, regulation, rule, normative, standard, guide
	Number     string
	Issued     string // YYYY-MM-DD or ""
	Effective  string
	Confidence string // primary, secondary, memory
	Note       string
}

// Authority of Art 16.
type Authority struct {
	ID, ZH, EN string
	Topics     []string
	Note       string
}

// Clock is a deadline or period.
type Clock struct {
	ID, ZH, EN string
	N          int
	Unit       string // s, min, h, d, wd, month, year, before
	From       string
	Source     string
	Force      Force
	Verified   bool
}

func Duties() []Duty            { panic("skeleton") }
func Risks() []Risk             { panic("skeleton") }
func Instruments() []Instrument { panic("skeleton") }
func Authorities() []Authority  { panic("skeleton") }
func Clocks() []Clock           { panic("skeleton") }

// Due adds n PRC working days to from (Asia/Shanghai; make-up days count, the day of from does not) and tells whether the
// answer rests on a year whose calendar is not yet published.
func Due(from time.Time, n int) (due time.Time, estimated bool) { panic("skeleton") }

// Version is the hash of all data files, for records.
func Version() string { panic("skeleton") }
