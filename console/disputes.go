package console

import (
	"strings"

	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
)

type disputesData struct {
	Can       bool
	Me        string
	Disputes  []review.Dispute
	Newest    []review.Dispute // those shown
	Open      int
	Rates     []review.Rate
	Proposals []review.Proposal
	Name      map[string]string
	Least     int
	Limit     float64
}

func (c *console) disputes(v *visit) error {
	ctx := v.r.Context()
	d := disputesData{Can: v.staff.Can(operator.Review), Me: v.staff.ID, Least: review.MinReviewed, Limit: review.OverturnLimit}
	var err error
	if d.Disputes, err = c.Reviews.Disputes(ctx); err != nil {
		return err
	}
	d.Newest = d.Disputes[:min(len(d.Disputes), reviewPage)]
	for _, x := range d.Disputes {
		if !x.Outcome.Counts {
			d.Open++
		}
	}
	figures, err := c.Reviews.Figures(ctx)
	if err != nil {
		return err
	}
	d.Rates = figures.Rates
	if d.Proposals, err = c.Reviews.Proposals(ctx); err != nil {
		return err
	}
	if d.Name, err = c.staffNames(v); err != nil {
		return err
	}
	return c.show(v, "disputes", d)
}

func (c *console) exportDisputes(v *visit) error {
	list, err := c.Reviews.Disputes(v.r.Context())
	if err != nil {
		return err
	}
	return exportRows(c, v, "hegui-disputes", list, []any{"id", "exchange", "service", "sample", "at", "counts", "verdict", "reasoned"}, func(x review.Dispute) []any {
		return []any{x.ID, x.Exchange, x.Service, x.Sample, stampOf(x.At), x.Outcome.Counts, string(x.Outcome.Verdict), x.Reasoned}
	})
}

func (c *console) secondProposal(v *visit) error {
	id, note := v.r.FormValue("id"), strings.TrimSpace(v.r.FormValue("note"))
	return c.afterProposal(v, "flash.proposal_seconded", c.Reviews.Second(v.r.Context(), v.staff.Actor(), id, note))
}

func (c *console) approveProposal(v *visit) error {
	id, note := v.r.FormValue("id"), strings.TrimSpace(v.r.FormValue("note"))
	return c.afterProposal(v, "flash.proposal_applied", c.Reviews.Approve(v.r.Context(), v.staff.Actor(), id, note))
}

func (c *console) declineProposal(v *visit) error {
	id, note := v.r.FormValue("id"), strings.TrimSpace(v.r.FormValue("note"))
	return c.afterProposal(v, "flash.proposal_declined", c.Reviews.Decline(v.r.Context(), v.staff.Actor(), id, note))
}

func (c *console) afterProposal(v *visit, flash string, err error) error {
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", flash)
	c.site.Redirect(v.w, v.r, "/disputes")
	return nil
}
