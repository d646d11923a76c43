package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/obligation"
)

// statuses in the order of their urgency; the page counts and filters by them.
var statuses = []obligation.Status{obligation.Breach, obligation.Short, obligation.Unknown, obligation.Notice, obligation.NotYet, obligation.Met, obligation.NotApplicable}

// pressing tells the statuses that somebody must act on.
func pressing(s obligation.Status) bool {
	return s == obligation.Breach || s == obligation.Short || s == obligation.Unknown
}

type statusCount struct {
	Status obligation.Status
	N      int
}

func countStatuses(results []obligation.Result) []statusCount {
	counts := make([]statusCount, len(statuses))
	for i, s := range statuses {
		counts[i].Status = s
	}
	for _, r := range results {
		if i := slices.Index(statuses, r.Finding.Status); i >= 0 {
			counts[i].N++
		}
	}
	return counts
}

// dutyRow is a result as the page shows it.
type dutyRow struct {
	obligation.Result
	Facts []fact
	Refs  []ref
	Until time.Time // when the evidence goes stale, zero when it does not
	Open  bool
}

type fact struct {
	Name  string
	Value any
}

// ref is something a check looked at, and where it can be seen; Path is "" when it is no page of ours.
type ref struct{ Text, Path, External string }

var (
	leafRef     = regexp.MustCompile(`^(.+)#(\d+)$`)
	exchangeRef = regexp.MustCompile(`^exchange[:/ ]([0-9A-HJKMNP-TV-Z]{26})$`)
	windowRef   = regexp.MustCompile(`^verb:(\S+) (\S+)\.\.(\S+)$`)
	verbRef     = regexp.MustCompile(`^(?:verb[:= ])?([a-z_]+\.[a-z_]+)\b`)
)

func (c *console) refOf(text string) ref {
	if m := exchangeRef.FindStringSubmatch(text); m != nil {
		return ref{Text: text, Path: "/exchanges/" + m[1]}
	}
	if id, ok := strings.CutPrefix(text, "content:"); ok {
		return ref{Text: text, Path: "/content/item?id=" + url.QueryEscape(id)}
	}
	if strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://") {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			return ref{Text: text, External: text}
		}
		return ref{Text: text}
	}
	if m := leafRef.FindStringSubmatch(text); m != nil {
		return ref{Text: text, Path: "/evidence/event?log=" + url.QueryEscape(m[1]) + "&seq=" + m[2]}
	}
	if m := windowRef.FindStringSubmatch(text); m != nil {
		return ref{Text: text, Path: "/evidence?verb=" + url.QueryEscape(m[1]) + "&from=" + url.QueryEscape(m[2]) + "&to=" + url.QueryEscape(m[3])}
	}
	if m := verbRef.FindStringSubmatch(text); m != nil {
		return ref{Text: text, Path: "/evidence?verb=" + url.QueryEscape(m[1])}
	}
	return ref{Text: text}
}

func (c *console) dutyRow(r obligation.Result) dutyRow {
	row := dutyRow{Result: r}
	for name := range r.Finding.Facts {
		row.Facts = append(row.Facts, fact{name, r.Finding.Facts[name]})
	}
	slices.SortFunc(row.Facts, func(a, b fact) int { return strings.Compare(a.Name, b.Name) })
	for _, text := range r.Finding.Refs {
		row.Refs = append(row.Refs, c.refOf(text))
	}
	if r.FreshFor > 0 && !r.Finding.Newest.IsZero() {
		row.Until = r.Finding.Newest.Add(r.FreshFor)
	}
	return row
}

// articleGroup is one article of the Measures with its duties.
type articleGroup struct {
	No     string // "4", or "" for duties that no single article carries
	Counts []statusCount
	Rows   []dutyRow
}

type obligationsData struct {
	All, Shown int
	Counts     []statusCount
	Status     string
	Article    string
	Duty       string
	Groups     []articleGroup
	At         time.Time
}

// chosen reads the filter of the page and of its exports.
func chosenDuties(v *visit, results []obligation.Result) (status, article, duty string, shown []obligation.Result, err error) {
	q := v.r.URL.Query()
	status, article, duty = q.Get("status"), q.Get("article"), q.Get("duty")
	if status != "" && !slices.Contains(statuses, obligation.Status(status)) {
		return "", "", "", nil, invalid("status", "invalid.status", status)
	}
	for _, r := range results {
		if (status == "" || string(r.Finding.Status) == status) && (article == "" || articleNo(r) == article) && (duty == "" || r.Duty.ID == duty) {
			shown = append(shown, r)
		}
	}
	return status, article, duty, shown, nil
}

func articleNo(r obligation.Result) string { return strings.TrimLeft(r.Duty.ArticleNo, "0") }

func (c *console) obligations(v *visit) error {
	results := c.Findings(v.r.Context())
	status, article, duty, shown, err := chosenDuties(v, results)
	if err != nil {
		return err
	}
	d := obligationsData{All: len(results), Shown: len(shown), Counts: countStatuses(results), Status: status, Article: article, Duty: duty, At: c.Now()}
	byArticle := map[string][]obligation.Result{}
	for _, r := range shown {
		byArticle[r.Duty.ArticleNo] = append(byArticle[r.Duty.ArticleNo], r)
	}
	for _, no := range sortedKeys(byArticle) {
		g := articleGroup{No: strings.TrimLeft(no, "0"), Counts: countStatuses(byArticle[no])}
		for _, r := range byArticle[no] {
			row := c.dutyRow(r)
			row.Open = duty != ""
			g.Rows = append(g.Rows, row)
		}
		d.Groups = append(d.Groups, g)
	}
	return c.show(v, "obligations", d)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// exportObligations hands out the list as filtered, as CSV or JSON.
func (c *console) exportObligations(v *visit) error {
	_, _, _, shown, err := chosenDuties(v, c.Findings(v.r.Context()))
	if err != nil {
		return err
	}
	stamp := c.Now().In(web.China).Format("20060102-1504")
	switch format := v.r.URL.Query().Get("format"); format {
	case "json":
		web.Attachment(v.w, "application/json", "hegui-obligations-"+stamp+".json")
		return web.JSON(v.w, http.StatusOK, shown)
	case "csv":
		web.Attachment(v.w, "text/csv; charset=utf-8", "hegui-obligations-"+stamp+".csv")
		sheet := newSheet(v.w)
		sheet.row("duty", "article", "title", "force", "status", "summary", "mend", "at", "evidence_of", "fresh_for_s", "metric", "source", "verified", "facts", "refs")
		for _, r := range shown {
			facts, err := json.Marshal(r.Finding.Facts)
			if err != nil {
				return err
			}
			sheet.row(r.Duty.ID, r.Duty.Article, v.lang.Pick(r.Duty.TitleZH, r.Duty.TitleEN), string(r.Duty.Force), string(r.Finding.Status),
				v.lang.Pick(r.Finding.Summary.ZH, r.Finding.Summary.EN), v.lang.Pick(r.Finding.Mend.ZH, r.Finding.Mend.EN), stampOf(r.At), stampOf(r.Finding.Newest),
				int64(r.FreshFor/time.Second), r.Duty.Metric, r.Duty.Source, r.Duty.Verified, string(facts), strings.Join(r.Finding.Refs, " "))
		}
		return sheet.flush()
	default:
		return invalid("format", "invalid.format", format)
	}
}

func (c *console) apiObligations(v *visit) error {
	results := c.Findings(v.r.Context())
	_, _, _, shown, err := chosenDuties(v, results)
	if err != nil {
		return err
	}
	counts := map[obligation.Status]int{}
	for _, n := range countStatuses(results) {
		counts[n.Status] = n.N
	}
	if shown == nil {
		shown = []obligation.Result{}
	}
	return web.JSON(v.w, http.StatusOK, obligationsAnswer{len(results), len(shown), counts, shown})
}
