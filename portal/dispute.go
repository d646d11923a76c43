package portal

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/review"
)

type disputeBody struct {
	Exchange string `json:"exchange"` // as the refusal named it
	Reason   string `json:"reason"`   // in the user's words; may be empty
}

type disputeAnswer struct {
	Receipt string `json:"receipt"` // told this once
	Status  string `json:"status"`  // where to ask how it stands
}

// disputeData is what the page shows: nothing of the content, neither what was asked nor what was found.
type disputeData struct {
	Exchange review.Exchange
	Reason   string // as typed
	Problem  string // to correct
}

// about finds an exchange that can be disputed.
func (p *portal) aboutExchange(v *visit, id string) (review.Exchange, error) {
	if p.Reviews == nil {
		return review.Exchange{}, &web.Problem{Status: http.StatusNotFound}
	}
	x, err := p.Reviews.About(v.r.Context(), strings.TrimSpace(id))
	return x, disputeRefusal(err)
}

func (p *portal) disputePage(v *visit) error {
	x, err := p.aboutExchange(v, v.r.URL.Query().Get("exchange"))
	if err != nil {
		return err
	}
	return p.show(v, "dispute", disputeData{Exchange: x})
}

// disputeRefusal words what the register refuses.
func disputeRefusal(err error) error {
	var bad *review.InvalidError
	if errors.As(err, &bad) {
		return &web.Problem{Status: http.StatusBadRequest, Key: "dispute.long", Args: []any{review.MaxReason / 4}, Field: bad.Field, Err: err}
	}
	for _, known := range []struct {
		err    error
		status int
		key    string
		retry  time.Duration
	}{
		{review.ErrUnknownExchange, http.StatusNotFound, "dispute.unknown", 0},
		{review.ErrNotDisputable, http.StatusConflict, "dispute.nothing", 0},
		{review.ErrDisputed, http.StatusConflict, "dispute.twice", 0},
		{review.ErrTooMany, http.StatusTooManyRequests, "dispute.too_many", review.DisputeDay},
		{review.ErrUnknown, http.StatusNotFound, "dispute.no_receipt", 0},
		{journal.ErrErased, http.StatusGone, "accept.erased", 0},
	} {
		if errors.Is(err, known.err) {
			return &web.Problem{Status: known.status, Key: known.key, Retry: known.retry, Err: err}
		}
	}
	return err
}

// address is where a request comes from. Behind a proxy of the operator's everybody has the proxy's address, which tells
// nobody from anybody: it is left out.
func address(r *http.Request) string {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || a.Addr().IsLoopback() || a.Addr().IsPrivate() {
		return ""
	}
	if ip := a.Addr().Unmap(); ip.Is6() { // one household has a whole /64
		if net, err := ip.Prefix(64); err == nil {
			return net.String()
		}
	}
	return a.Addr().Unmap().String()
}

func (p *portal) dispute(v *visit) error {
	x, err := p.aboutExchange(v, v.r.FormValue("exchange"))
	if err != nil {
		return err
	}
	reason := v.r.FormValue("reason")
	receipt, err := p.Reviews.Dispute(v.r.Context(), review.Complaint{Exchange: x.ID, Reason: reason, Address: address(v.r), Channel: "portal"})
	var bad *review.InvalidError
	if errors.As(err, &bad) { // what was typed is kept
		problem := p.site.Catalogue().T(v.lang, "dispute.long", review.MaxReason/4)
		return p.site.Render(v.w, v.r, http.StatusBadRequest, "dispute", v.frame, disputeData{x, reason, problem})
	}
	if err != nil {
		return disputeRefusal(err)
	}
	return p.show(v, "disputed", receipt)
}

type standingData struct {
	Receipt string
	review.Standing
	Asked bool
}

func (p *portal) standing(v *visit) error {
	if p.Reviews == nil {
		return &web.Problem{Status: http.StatusNotFound}
	}
	d := standingData{Receipt: strings.TrimSpace(v.r.URL.Query().Get("receipt"))}
	if d.Receipt == "" {
		return p.show(v, "standing", d)
	}
	s, err := p.Reviews.Standing(v.r.Context(), d.Receipt)
	if err != nil {
		return disputeRefusal(err)
	}
	d.Standing, d.Asked = s, true
	return p.show(v, "standing", d)
}

// apiDispute takes a dispute from an application, for the user of an exchange.
func (p *portal) apiDispute(v *visit) error {
	var in disputeBody
	if err := decode(v, &in, "dispute.json"); err != nil {
		return err
	}
	x, err := p.aboutExchange(v, in.Exchange)
	if err != nil {
		return err
	}
	receipt, err := p.Reviews.Dispute(v.r.Context(), review.Complaint{Exchange: x.ID, Reason: in.Reason, Address: address(v.r), Channel: "api"})
	if err != nil {
		return disputeRefusal(err)
	}
	return web.JSON(v.w, http.StatusCreated, disputeAnswer{receipt, p.site.URL("/api/v1/disputes/" + receipt)})
}

func (p *portal) apiStanding(v *visit) error {
	if p.Reviews == nil {
		return &web.Problem{Status: http.StatusNotFound}
	}
	s, err := p.Reviews.Standing(v.r.Context(), v.r.PathValue("receipt"))
	if err != nil {
		return disputeRefusal(err)
	}
	return web.JSON(v.w, http.StatusOK, s)
}
