package console

import (
	"context"
	"strings"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/upstream"
)

type todayData struct {
	Stats       exchange.Stats
	Running     int64
	Chart       web.Bars
	From, To    time.Time
	Counts      []statusCount
	Duties      int
	Pressing    []dutyRow // at most pressingShown
	PressingAll int
	Health      []upstream.Health
	Lexicon     lexiconData
	Heads       []journal.Head
	Events      int64
	Checkpoint  checkpoint
	GatewayURL  string
	PortalURL   string
	Services    int
}

const pressingShown = 8

// lexiconData says what the lexicon in force covers of the risks that a keyword library must cover.
type lexiconData struct {
	Entries int
	Hash    string
	Missing []measures.Risk // libraries without a single entry
	Thin    []thinRisk      // fewer entries than asked for
	Needed  int
}

type thinRisk struct {
	measures.Risk
	Have int
}

func lexiconFacts(l *moderation.Lexicon) lexiconData {
	var d lexiconData
	counts := map[string]int{}
	if l != nil {
		d.Entries, d.Hash, counts = l.Len(), l.Hash(), l.Counts()
	}
	for _, r := range measures.Risks() {
		if !r.Library {
			continue
		}
		d.Needed++
		switch have := counts[r.ID]; {
		case have == 0:
			d.Missing = append(d.Missing, r)
		case have < r.MinKeywords:
			d.Thin = append(d.Thin, thinRisk{r, have})
		}
	}
	return d
}

func (c *console) today(v *visit) error {
	ctx, now := v.r.Context(), c.Now()
	d := todayData{From: now.Add(-24 * time.Hour), To: now, GatewayURL: c.GatewayURL(), PortalURL: c.PortalURL(), Services: len(c.Services.Services())}
	var err error
	if d.Stats, err = c.Exchanges.Stats(ctx, "", d.From, d.To); err != nil {
		return err
	}
	if d.Running, err = c.Exchanges.Unclosed(ctx, now); err != nil {
		return err
	}
	if d.Chart, err = c.verdictChart(ctx, v.lang, now); err != nil {
		return err
	}
	results := c.Findings(ctx)
	d.Counts, d.Duties = countStatuses(results), len(results)
	for _, status := range statuses {
		for _, r := range results {
			if r.Finding.Status != status || !pressing(status) {
				continue
			}
			d.PressingAll++
			if len(d.Pressing) < pressingShown {
				d.Pressing = append(d.Pressing, c.dutyRow(r))
			}
		}
	}
	d.Health = c.Health()
	d.Lexicon = lexiconFacts(c.Lexicon())
	if d.Heads, err = c.Journal.Heads(ctx); err != nil {
		return err
	}
	for _, h := range d.Heads {
		d.Events += h.Size
	}
	if d.Checkpoint, err = c.checkpoint(ctx); err != nil {
		return err
	}
	return c.show(v, "today", d)
}

// verdictChart counts the exchanges of each of the last 24 hours.
func (c *console) verdictChart(ctx context.Context, l web.Lang, now time.Time) (web.Bars, error) {
	const hours = 24
	word := func(key string) string { return c.site.Catalogue().T(l, key) }
	series := []web.Series{{Name: word("chart.allowed"), Class: "c-good"}, {Name: word("chart.masked"), Class: "c-info"},
		{Name: word("chart.refused"), Class: "c-bad"}, {Name: word("chart.stopped"), Class: "c-warn"}, {Name: word("chart.rejected"), Class: "c-notice"}, {Name: word("chart.failed"), Class: "c-mute"}}
	for i := range series {
		series[i].Values = make([]int64, hours)
	}
	b := web.Bars{Title: word("today.chart"), Series: series, Every: 3}
	end := now.In(web.China).Truncate(time.Hour).Add(time.Hour)
	for i := range hours {
		from := end.Add(time.Duration(i-hours) * time.Hour)
		b.Labels = append(b.Labels, from.Format("15:04"))
		s, err := c.Exchanges.Stats(ctx, "", from, from.Add(time.Hour))
		if err != nil {
			return web.Bars{}, err
		}
		// What no verdict accounts for did not come to one: no answer upstream, or hegui itself broke off.
		rest := max(0, s.Total-s.Allowed-s.Masked-s.Refused-s.Stopped-s.Rejected)
		for j, n := range []int64{s.Allowed, s.Masked, s.Refused, s.Stopped, s.Rejected, rest} {
			series[j].Values[i] = n
		}
	}
	return b, nil
}

// checkpoint is a signed tree head taken apart for people; Note is "" when none has been signed yet.
type checkpoint struct {
	journal.Signed
	Root string
}

// checkpoint returns the newest stored checkpoint of this node's tree.
func (c *console) checkpoint(ctx context.Context) (checkpoint, error) {
	newest, err := c.Journal.Checkpoints(ctx, c.Journal.Origin(), 1)
	if err != nil || len(newest) == 0 {
		return checkpoint{}, err
	}
	cp := checkpoint{Signed: newest[0]}
	if lines := strings.Split(cp.Note, "\n"); len(lines) > 2 {
		cp.Root = lines[2]
	}
	return cp, nil
}
