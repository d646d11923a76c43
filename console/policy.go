package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hegui/hegui/emergency"
	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/service"
)

// policyMeasures is how many measures the page shows.
const policyMeasures = 100

type policyData struct {
	Can      bool
	Me       string
	Policy   *moderation.Policy
	In, Out  moderation.Gaps
	Measures []emergency.Measure
	Now      time.Time
	Risks    []measures.Risk
	Services []service.Service
	Name     map[string]string
	Form     map[string]string // what was typed, when it could not be taken
	Problem  string
	Kind     string // of the form with the problem
}

func (c *console) policy(v *visit) error {
	return c.showPolicy(v, http.StatusOK, policyData{Form: map[string]string{}})
}

func (c *console) showPolicy(v *visit, status int, d policyData) error {
	d.Can, d.Me, d.Now, d.Risks, d.Services = v.staff.Can(operator.ManageLexicon), v.staff.ID, c.Now(), measures.Risks(), c.Services.Services()
	if c.Policy != nil {
		d.Policy = c.Policy()
	}
	if d.Policy != nil {
		d.In, d.Out = d.Policy.Gaps("in"), d.Policy.Gaps("out")
	}
	var err error
	if d.Measures, err = c.Emergency.List(v.r.Context(), policyMeasures); err != nil {
		return err
	}
	if d.Name, err = c.staffNames(v); err != nil {
		return err
	}
	return c.site.Render(v.w, v.r, status, "policy", v.frame, d)
}

// Unmatched tells whether a period's profile is asked for by no row, so that nothing changes while it lasts.
func (d policyData) Unmatched(profile string) bool {
	return d.Policy != nil && !d.Policy.AsksFor(profile)
}

// declareMeasure takes an emergency word or a period. What cannot be taken is shown again with the reason.
func (c *console) declareMeasure(v *visit) error {
	form := map[string]string{}
	for _, name := range []string{"kind", "text", "category", "order", "reason", "from", "until", "profile", "service"} {
		form[name] = strings.TrimSpace(v.r.FormValue(name))
	}
	m := emergency.Measure{Kind: emergency.Kind(form["kind"]), Text: form["text"], Category: form["category"], Order: form["order"], Reason: form["reason"], Profile: form["profile"]}
	if form["service"] != "" {
		m.Services = []string{form["service"]}
	}
	var err error
	if m.From, err = chinaMinute("from", form["from"]); err == nil {
		m.Until, err = chinaMinute("until", form["until"])
	}
	if err == nil {
		m, err = c.Emergency.Declare(v.r.Context(), v.staff.Actor(), m)
	}
	var bad *emergency.InvalidError
	if errors.As(err, &bad) {
		return c.showPolicy(v, http.StatusBadRequest, policyData{Form: form, Kind: form["kind"], Problem: c.site.Catalogue().T(v.lang, "invalid.field", bad.Field, bad.Mend)})
	}
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.measure_"+string(m.Kind))
	c.site.Redirect(v.w, v.r, "/policy#measures")
	return nil
}

// chinaMinute reads what a field for date and time gives, as China counts it.
func chinaMinute(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04", text, web.China)
	if err != nil {
		return t, &emergency.InvalidError{Field: field, Value: text, Mend: "YYYY-MM-DDTHH:MM"}
	}
	return t, nil
}

func (c *console) signMeasure(v *visit) error {
	return c.moveMeasure(v, "flash.measure_signed", func(ctx context.Context, id string) (emergency.Measure, error) {
		return c.Emergency.Sign(ctx, v.staff.Actor(), id)
	})
}

func (c *console) liftMeasure(v *visit) error {
	return c.moveMeasure(v, "flash.measure_lifted", func(ctx context.Context, id string) (emergency.Measure, error) {
		return c.Emergency.Lift(ctx, v.staff.Actor(), id, v.r.FormValue("reason"))
	})
}

func (c *console) moveMeasure(v *visit, flash string, move func(context.Context, string) (emergency.Measure, error)) error {
	if _, err := move(v.r.Context(), v.r.FormValue("id")); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", flash)
	c.site.Redirect(v.w, v.r, "/policy#measures")
	return nil
}

// emergencyRefusal words what the register refuses; nil for other errors.
func emergencyRefusal(err error) error {
	var bad *emergency.InvalidError
	switch {
	case errors.As(err, &bad):
		return &web.Problem{Status: http.StatusBadRequest, Field: bad.Field, Key: "invalid.field", Args: []any{bad.Field, bad.Mend}, Err: err}
	case errors.Is(err, emergency.ErrUnknown):
		return &web.Problem{Status: http.StatusNotFound, Err: err}
	case errors.Is(err, emergency.ErrSamePerson):
		return &web.Problem{Status: http.StatusConflict, Key: "policy.same_person", Err: err}
	case errors.Is(err, emergency.ErrState), errors.Is(err, emergency.ErrNoSignature):
		return &web.Problem{Status: http.StatusConflict, Key: "policy.moved_on", Err: err}
	}
	return nil
}

// conditions are what a row asks for.
func conditions(l moderation.Line) string {
	return cmp.Or(strings.Join(l.Conditions(), " · "), "—")
}

// maxPolicy bounds a policy that is tried, in bytes. Ours; policies are some kilobytes.
const maxPolicy = 1 << 20

// policyTrial is what the page of a trial shows.
type policyTrial struct {
	Trial   *lexicon.Trial
	File    string
	Problem string // why the file is no policy
	Limit   float64
	Target  float64
	Risks   int
}

// tryPolicy shows what an uploaded policy would change; nothing is put in force and nothing is kept.
func (c *console) tryPolicy(v *visit) error {
	name, data, err := v.upload()
	if err != nil {
		return err
	}
	d := policyTrial{File: name, Limit: measures.OverBlockLimit, Target: measures.OverBlockTarget, Risks: len(measures.Risks())}
	trial, err := c.trial(v.r.Context(), name, data)
	status := http.StatusOK
	var bad *web.Problem
	switch {
	case errors.As(err, &bad) && bad.Status == http.StatusBadRequest:
		status, d.Problem = bad.Status, c.site.Catalogue().T(v.lang, bad.Key, bad.Args...)
	case err != nil:
		return err
	default:
		d.Trial = &trial
	}
	return c.site.Render(v.w, v.r, status, "policytry", v.frame, d)
}

func (c *console) trial(ctx context.Context, name string, data []byte) (lexicon.Trial, error) {
	var before *moderation.Policy
	if c.Policy != nil {
		before = c.Policy()
	}
	if before == nil {
		return lexicon.Trial{}, &web.Problem{Status: http.StatusConflict, Key: "policy.elsewhere", Err: errors.New("this process serves no policy")}
	}
	if len(data) > maxPolicy {
		return lexicon.Trial{}, &web.Problem{Status: http.StatusBadRequest, Field: "file", Key: "policy.too_large", Args: []any{maxPolicy >> 20}, Err: fmt.Errorf("%d bytes; a policy has at most %d", len(data), maxPolicy)}
	}
	after, err := moderation.ParsePolicy(name, data)
	if err != nil {
		return lexicon.Trial{}, &web.Problem{Status: http.StatusBadRequest, Field: "file", Key: "policy.bad_file", Args: []any{err.Error()}, Err: err}
	}
	return c.Words.TryPolicy(ctx, before, after)
}

// policyBody is the body of POST /api/v1/policy/try.
type policyBody struct {
	Text string `json:"text"` // the file's text, YAML
}

func (c *console) apiTryPolicy(v *visit) error {
	var in policyBody
	if err := decode(v, &in); err != nil {
		return err
	}
	t, err := c.trial(v.r.Context(), "policy.yaml", []byte(in.Text))
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, t)
}
