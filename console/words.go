package console

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/obligation"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
)

// funcs are the functions that the console's templates have beyond those of internal/web.
func (c *console) funcs() template.FuncMap {
	risks := map[string]measures.Risk{}
	for _, r := range measures.Risks() {
		risks[r.ID] = r
	}
	return template.FuncMap{
		"serviceName":  c.serviceName,
		"modelName":    c.modelName,
		"categoriesOf": categories,
		"riskWord": func(id string, l web.Lang) string {
			if r, ok := risks[id]; ok {
				return l.Pick(r.ZH, r.EN)
			}
			return c.site.Catalogue().Word(l, "kind", id)
		},
		"current":    current,
		"conditions": conditions,
		"actorName":  actorName,
		"flawText":   func(f moderation.Flaw, l web.Lang) string { return l.Pick(f.Texts()) },
		"hits":       func(n, of int) string { return shareText(review.ShareOf(n, of)) },
		"outage":     c.outage,
		"hundred":    func(share float64) float64 { return 100 * share },
		"share":      func(s review.Share) string { return shareText(s) },
		"percent":    func(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) + " %" },
		// A moment with a time of day does not fit into a date field: browsers would show it empty.
		"dateType": func(s string) string {
			if s == "" || len(s) == len("2006-01-02") {
				return "date"
			}
			return "text"
		},
		"statusmeter":  statusMeter,
		"capabilities": func() []operator.Capability { return operator.Capabilities[:] },
		"holds":        func(r operator.Role, can operator.Capability) bool { return slices.Contains(r.Can, can) },
	}
}

// outages are phrases of errors that come from below, with the catalogue's words for them.
var outages = []struct{ says, key string }{{"context deadline exceeded", "outage.deadline"}, {"Client.Timeout exceeded while awaiting headers", "outage.deadline"}, {"context canceled", "outage.cancelled"},
	{"connection refused", "outage.refused"}, {"no such host", "outage.host"}, {"connection reset by peer", "outage.reset"}, {"did not answer within", "outage.within"},
	{"the process that trained it ended before the training did", "outage.died"}, {"it rests after failures and is tried again in", "outage.rests"}}

// outage words an error for the reader as far as it is known; the rest stays as the program that failed has it.
func (c *console) outage(text string, l web.Lang) string {
	for _, o := range outages {
		text = strings.ReplaceAll(text, o.says, c.site.Catalogue().T(l, o.key))
	}
	return text
}

// current tells whether path lies under an entry of the navigation.
func current(path, entry string) bool {
	return path == entry || (entry != "/" && strings.HasPrefix(path, entry+"/"))
}

var statusClass = map[obligation.Status]string{obligation.Breach: "c-bad", obligation.Short: "c-warn", obligation.Unknown: "c-mute",
	obligation.Notice: "c-notice", obligation.NotYet: "c-later", obligation.Met: "c-good", obligation.NotApplicable: "c-none"}

// statusMeter draws how many duties have which status, beside the numbers themselves.
func statusMeter(counts []statusCount) (template.HTML, error) {
	var pairs []any
	for i := len(counts) - 1; i >= 0; i-- {
		pairs = append(pairs, statusClass[counts[i].Status], counts[i].N)
	}
	return web.Meter("", pairs...)
}

// shareText is a share with its interval of 95 %, for tables.
func shareText(s review.Share) string {
	if s.Of == 0 {
		return "—"
	}
	return fmt.Sprintf("%.1f %% [%.1f–%.1f]", 100*s.Rate(), 100*s.Low, 100*s.High)
}
