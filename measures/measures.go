// Package measures is the law as data: instruments, duties, risks, authorities, clocks and the calendar. It imports
// nothing of ours and holds no logic beyond reading and reckoning working days. Texts are paraphrased, each with source,
// force and confidence; what is not confirmed is marked and shown as hegui's default, never as quoted law.
//
// The data lies in data/*.json, one file per subject, and is embedded. It is read once, on first use, and never changes
// afterwards; every function returns copies.
package measures

// Force of a duty: a missed shall is a breach, a missed should a shortfall, design is our own choice.
type Force string

const (
	Shall  Force = "shall"  // 应
	Should Force = "should" // 宜
	Ours   Force = "ours"   // no rule asks for it in this form; our own design
)

// Duty is one row of the register.
type Duty struct {
	ID        string `json:"id"`
	Article   string `json:"article"`    // the clauses it rests on, e.g. "IM 9 p2; LM 8", by the short names of instruments
	ArticleNo string `json:"article_no"` // sorts and groups by article of the Measures: 02 … 23; a duty of another instrument stands under the article it serves
	TitleZH   string `json:"title_zh"`
	TitleEN   string `json:"title_en"`
	Actor     string `json:"actor"`
	Trigger   string `json:"trigger"`
	Runtime   string `json:"runtime"`  // what a system does for it
	Workflow  string `json:"workflow"` // what people do for it
	Evidence  string `json:"evidence"` // what is computed as proof
	Metric    string `json:"metric"`   // threshold; "(our default)" where no source gives a number
	Force     Force  `json:"force"`
	ForceNote string `json:"force_note"` // the original where the force is mixed, e.g. "shall (size)/should"; empty else
	Source    string `json:"source"`     // where we read it, and whether that was the text itself
	Verified  bool   `json:"verified"`   // false: part of it rests on memory or is our default, and is shown as such
	Module    string `json:"module"`
}

// Risk is one of the 31 of GB/T 45654-2025 Annex A (also TC260-003).
type Risk struct {
	ID          string `json:"id"`           // A1a
	Clause      string `json:"clause"`       // A.1 a)
	ZH          string `json:"zh"`           //
	EN          string `json:"en"`           //
	Group       string `json:"group"`        // A.1
	Library     bool   `json:"library"`      // one of the 17 that a keyword library must cover
	MinKeywords int    `json:"min_keywords"` // should; 0 when not in the library
	MinRefuse   int    `json:"min_refuse"`   // should, in the must-refuse bank; 0 when not asked for
	MinTest     int    `json:"min_test"`     // should, in the bank for generated content
}

// Instrument is a law, rule or standard with its dates.
type Instrument struct {
	ID         string `json:"id"` // the short name; Duty.Article may shorten a standard further (45654)
	ZH         string `json:"zh"`
	EN         string `json:"en"`
	Kind       string `json:"kind"`   // law, regulation, rule, normative, standard, guide
	Number     string `json:"number"` // "" when not confirmed
	Issued     string `json:"issued"` // YYYY-MM-DD or "" when not confirmed
	Effective  string `json:"effective"`
	Confidence string `json:"confidence"` // primary (the text was read), secondary, memory
	Note       string `json:"note"`
}

// Authority of Art 16.
type Authority struct {
	ID     string   `json:"id"`
	ZH     string   `json:"zh"`
	EN     string   `json:"en"`
	Topics []string `json:"topics"` // what is reported to it
	Note   string   `json:"note"`
}

// Clock is a deadline or period.
type Clock struct {
	ID       string `json:"id"`
	ZH       string `json:"zh"`
	EN       string `json:"en"`
	N        int    `json:"n"`
	Unit     string `json:"unit"` // s, min, h, d, wd, month, year, before (N is 0: before the event)
	From     string `json:"from"` // what starts it
	Source   string `json:"source"`
	Force    Force  `json:"force"`
	Verified bool   `json:"verified"`
}

// Article names a group of duties: an article of the Measures.
type Article struct {
	No string `json:"no"` // 02 … 23
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// LibraryTotal is the size that a keyword library should have (TC260-003 8.1).
const LibraryTotal = 10_000

// Shares of the questions that must be answered which may be refused.
const (
	OverBlockLimit  = 0.05 // at most (GB/T 45654: 拒答率不高于 5%)
	OverBlockTarget = 0.02 // our own aim
)

// Duties lists the 83 duties in the order of the Measures.
func Duties() []Duty { return append([]Duty(nil), book().duties...) }

// DutyByID returns one duty.
func DutyByID(id string) (Duty, bool) {
	for _, d := range book().duties {
		if d.ID == id {
			return d, true
		}
	}
	return Duty{}, false
}

// Articles lists the groups of duties in order.
func Articles() []Article { return append([]Article(nil), book().articles...) }

// Risks lists the 31 in the order of Annex A.
func Risks() []Risk { return append([]Risk(nil), book().risks...) }

// RiskByID returns one risk.
func RiskByID(id string) (Risk, bool) {
	for _, r := range book().risks {
		if r.ID == id {
			return r, true
		}
	}
	return Risk{}, false
}

// Instruments lists the laws, rules and standards that duties rest on.
func Instruments() []Instrument { return append([]Instrument(nil), book().instruments...) }

// Authorities lists the eight of Art 16 in its order.
func Authorities() []Authority {
	out := append([]Authority(nil), book().authorities...)
	for i := range out {
		out[i].Topics = append([]string(nil), out[i].Topics...)
	}
	return out
}

// Clocks lists every deadline and period.
func Clocks() []Clock { return append([]Clock(nil), book().clocks...) }

// Version is the hex SHA-256 over all data files, for records: what was in force as law when something was judged.
func Version() string { return book().version }

// VerifiedOn is the day (YYYY-MM-DD) on which the data was last checked against its sources.
func VerifiedOn() string { return book().verified.On }
