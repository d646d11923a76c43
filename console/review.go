package console

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation/linear"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
	"github.com/hegui/hegui/service"
)

// reviewPage is how many samples the queue shows; those after them move up.
const reviewPage = 50

var (
	reviewStates  = []string{"open", "waiting", "counted"}
	reviewReasons = []review.Reason{review.Disputed, review.Disagreement, review.Threshold, review.Random, review.Picked}
)

type reviewData struct {
	Can      bool
	Samples  []review.Sample
	Count    int
	Filter   review.Filter
	Figures  review.Figures
	Services []service.Service
	Rates    []serviceRates
	Name     map[string]string
	Limit    float64
	Least    int
	Problem  string // of the rates form, to correct
}

type serviceRates struct {
	Service service.Service
	review.Rates
	Typed map[string]string // what was typed and refused
}

// States and Reasons are the choices of the filter.
func (reviewData) States() []string { return reviewStates }

// Reasons of samples.
func (reviewData) Reasons() []review.Reason { return reviewReasons }

// reviewFilter reads the filter that page, export and API share. Without a state the open ones are meant.
func reviewFilter(v *visit) (review.Filter, error) {
	q := v.r.URL.Query()
	f := review.Filter{Service: q.Get("service"), Reason: review.Reason(q.Get("reason")), State: q.Get("state")}
	switch {
	case f.Reason != "" && !slices.Contains(reviewReasons, f.Reason):
		return f, invalid("reason", "invalid.field", "reason", "dispute, disagreement, threshold, random, picked")
	case f.State == "":
		f.State = "open"
	case f.State == "all":
		f.State = ""
	case !slices.Contains(reviewStates, f.State):
		return f, invalid("state", "invalid.field", "state", "open, waiting, counted, all")
	}
	return f, nil
}

func (c *console) review(v *visit) error {
	d, err := c.reviewData(v)
	if err != nil {
		return err
	}
	return c.show(v, "review", d)
}

func (c *console) reviewData(v *visit) (reviewData, error) {
	ctx := v.r.Context()
	d := reviewData{Can: v.staff.Can(operator.Review), Services: c.Services.Services(), Limit: review.ReviewerLimit, Least: review.ReviewerMin}
	var err error
	if d.Filter, err = reviewFilter(v); err != nil {
		return d, err
	}
	if d.Samples, err = c.Reviews.Samples(ctx, d.Filter); err != nil {
		return d, err
	}
	d.Count = len(d.Samples)
	d.Samples = d.Samples[:min(d.Count, reviewPage)]
	if d.Figures, err = c.Reviews.Figures(ctx); err != nil {
		return d, err
	}
	for _, s := range d.Services {
		rates, err := c.Reviews.Rates(ctx, s.ID)
		if err != nil {
			return d, err
		}
		d.Rates = append(d.Rates, serviceRates{Service: s, Rates: rates})
	}
	d.Name, err = c.staffNames(v)
	return d, err
}

// Percent shows a rate as it is typed.
func (r serviceRates) Percent(name string) string {
	if text, ok := r.Typed[name]; ok {
		return text
	}
	value := map[string]float64{"random": r.Random, "disagreement": r.Disagreement, "threshold": r.Threshold}[name]
	return strconv.FormatFloat(100*value, 'f', -1, 64)
}

// setRates declares how much of a service is drawn. What cannot be read is shown again as it was typed.
func (c *console) setRates(v *visit) error {
	id := v.r.FormValue("service")
	if _, ok := c.Services.Service(id); !ok {
		return invalid("service", "invalid.field", "service", id)
	}
	rates, err := c.Reviews.Rates(v.r.Context(), id)
	if err != nil {
		return err
	}
	typed, wrong := map[string]string{}, false
	for name, into := range map[string]*float64{"random": &rates.Random, "disagreement": &rates.Disagreement, "threshold": &rates.Threshold} {
		typed[name] = strings.TrimSuffix(strings.TrimSpace(v.r.FormValue(name)), "%")
		n, err := strconv.ParseFloat(strings.TrimSpace(typed[name]), 64)
		wrong = wrong || err != nil || !(n >= 0 && n <= 100)
		*into = n / 100
	}
	if wrong {
		d, err := c.reviewData(v)
		if err != nil {
			return err
		}
		for i := range d.Rates {
			if d.Rates[i].Service.ID == id {
				d.Rates[i].Typed = typed
			}
		}
		d.Problem = c.site.Catalogue().T(v.lang, "review.bad_rate")
		return c.site.Render(v.w, v.r, http.StatusBadRequest, "review", v.frame, d)
	}
	if err := c.Reviews.SetRates(v.r.Context(), v.staff.Actor(), id, rates); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.review_rates", id)
	c.site.Redirect(v.w, v.r, "/review")
	return nil
}

type sampleData struct {
	review.Sample
	Can, CanRead bool
	Mine         bool   // this person has judged it
	Seen         bool   // this person has opened it, so may judge it
	Opened       bool   // Text is the content
	Text         string //
	Words        string // what the user wrote in disputing it
	Erased, Gone bool
	Risks        []measures.Risk
	Chosen       map[string]bool // what was chosen in the form
	Verdict      review.Verdict
	Note         string
	Problem      string // to correct
	Typed        string // as the reason for opening
	Name         map[string]string
	Before, Next string // neighbours in the queue of open samples

	thresholds map[string]map[string]float64 // calibrated odds, by classifier and risk
}

// Odds are the calibrated odds behind a classifier's score, "" where none are known.
func (d sampleData) Odds(f review.Finding) string {
	threshold, ok := d.thresholds[f.Detector][f.Category]
	if !ok || f.Score == 0 {
		return ""
	}
	return strconv.FormatFloat(linear.Odds(f.Score, threshold), 'f', 4, 64)
}

// Verdicts are the choices of the form, in the order of the keys 1 to 4.
func (sampleData) Verdicts() []review.Verdict { return review.Verdicts() }

func (c *console) sampleData(v *visit) (sampleData, error) {
	ctx := v.r.Context()
	s, err := c.Reviews.Sample(ctx, v.r.PathValue("id"))
	if err != nil {
		return sampleData{}, err
	}
	d := sampleData{Sample: s, Can: v.staff.Can(operator.Review), CanRead: v.staff.Can(operator.ReadContent), Risks: measures.Risks(), Chosen: map[string]bool{}}
	for _, decision := range s.Decisions {
		d.Mine = d.Mine || decision.Reviewer == v.staff.ID
	}
	if d.Seen, _, err = c.Reviews.Seen(ctx, s.ID, v.staff.ID); err != nil {
		return d, err
	}
	classifiers, err := c.Reviews.Classifiers(ctx)
	if err != nil {
		return d, err
	}
	d.thresholds = map[string]map[string]float64{}
	for _, x := range classifiers {
		of := map[string]float64{}
		for _, l := range x.Calibrated {
			of[l.Category] = l.Threshold
		}
		d.thresholds[x.Name()] = of
	}
	open, err := c.Reviews.Samples(ctx, review.Filter{State: "open"})
	if err != nil {
		return d, err
	}
	if i := slices.IndexFunc(open, func(o review.Sample) bool { return o.ID == s.ID }); i >= 0 {
		if i > 0 {
			d.Before = open[i-1].ID
		}
		if i+1 < len(open) {
			d.Next = open[i+1].ID
		}
	} else if len(open) > 0 {
		d.Next = open[0].ID
	}
	d.Name, err = c.staffNames(v)
	return d, err
}

func (c *console) sample(v *visit) error {
	d, err := c.sampleData(v)
	if err != nil {
		return err
	}
	return c.show(v, "sample", d)
}

// openSample shows the text, after the reading and its reason have been recorded.
func (c *console) openSample(v *visit) error {
	d, err := c.sampleData(v)
	if err != nil {
		return err
	}
	d.Typed = strings.TrimSpace(v.r.FormValue("reason"))
	if d.Typed == "" {
		d.Problem = c.site.Catalogue().T(v.lang, "content.reason_missing")
		return c.site.Render(v.w, v.r, http.StatusBadRequest, "sample", v.frame, d)
	}
	if err := c.fillContent(v, &d); err != nil {
		return err
	}
	return c.show(v, "sample", d)
}

func (c *console) fillContent(v *visit, d *sampleData) error {
	_, text, err := c.Reviews.Open(v.r.Context(), v.staff.Actor(), d.ID, d.Typed)
	d.Seen = d.Seen || err == nil || errors.Is(err, review.ErrNoContent)
	switch {
	case errors.Is(err, journal.ErrErased):
		d.Erased = true
		return nil
	case errors.Is(err, review.ErrNoContent):
		d.Gone = true
		return nil
	case err != nil:
		return err
	}
	d.Opened, d.Text = true, text
	d.Words, err = c.Reviews.Words(v.r.Context(), d.Sample)
	return err
}

// piece is a part of a text; Hit is one that a detector pointed at.
type piece struct {
	Text string
	Hit  bool
}

// Pieces is the text with what the machine pointed at marked. Places that cannot be those of this text, because only its
// beginning was kept or it was masked otherwise, are left out.
func (d sampleData) Pieces() []piece {
	hit := make([]bool, len(d.Text)+1) // by byte; the last stands for the end
	for _, f := range d.Findings {
		if f.Direction != d.Direction || f.Channel != d.Channel || f.Choice != d.Choice {
			continue
		}
		if f.Start < 0 || f.Start >= f.End || f.End > len(d.Text) || !utf8.ValidString(d.Text[f.Start:f.End]) {
			continue
		}
		for i := f.Start; i < f.End; i++ {
			hit[i] = true
		}
	}
	var out []piece
	from := 0
	for i := 1; i <= len(d.Text); i++ {
		if i == len(d.Text) || hit[i] != hit[from] {
			out = append(out, piece{d.Text[from:i], hit[from]})
			from = i
		}
	}
	return out
}

// judgeSample takes a decision and goes on to the next sample. A decision that cannot be taken is shown again as it was
// filled in; the content stays open only after it has been read anew.
func (c *console) judgeSample(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return invalid("", "invalid.form")
	}
	decision := review.Decision{Verdict: review.Verdict(v.r.FormValue("verdict")), Labels: v.r.Form["label"], Note: strings.TrimSpace(v.r.FormValue("note"))}
	next, err := c.sampleData(v)
	if err != nil {
		return err
	}
	_, err = c.Reviews.Decide(v.r.Context(), v.staff.Actor(), next.ID, decision)
	var bad *review.InvalidError
	if errors.As(err, &bad) {
		next.Verdict, next.Note = decision.Verdict, decision.Note
		for _, l := range decision.Labels {
			next.Chosen[l] = true
		}
		key := "review.bad_" + bad.Field
		if !c.site.Catalogue().Has(key) {
			return err
		}
		next.Problem = c.site.Catalogue().T(v.lang, key)
		return c.site.Render(v.w, v.r, http.StatusBadRequest, "sample", v.frame, next)
	}
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.review_decided", next.ID)
	if next.Next == "" {
		c.site.Redirect(v.w, v.r, "/review")
		return nil
	}
	c.site.Redirect(v.w, v.r, "/review/samples/"+next.Next)
	return nil
}

// exportReview hands out the samples as filtered, with decisions and without content.
func (c *console) exportReview(v *visit) error {
	f, err := reviewFilter(v)
	if err != nil {
		return err
	}
	list, err := c.Reviews.Samples(v.r.Context(), f)
	if err != nil {
		return err
	}
	return exportRows(c, v, "hegui-review", list, []any{"id", "exchange", "service", "reason", "at", "did", "direction", "channel", "choice", "categories", "counts", "verdict", "labels", "readings", "reviewers", "note"},
		func(s review.Sample) []any {
			var who, categories []string
			note := ""
			for _, d := range s.Decisions {
				who, note = append(who, d.Reviewer), d.Note
			}
			for _, f := range s.Findings {
				if !slices.Contains(categories, f.Category) {
					categories = append(categories, f.Category)
				}
			}
			return []any{s.ID, s.Exchange, s.Service, string(s.Reason), stampOf(s.At), s.Did, s.Direction, s.Channel, s.Choice, strings.Join(categories, " "),
				s.Outcome.Counts, string(s.Outcome.Verdict), strings.Join(s.Outcome.Labels, " "), len(s.Decisions), strings.Join(who, " "), note}
		})
}

// exportRows sends a list as CSV for people or JSON lines for programs.
func exportRows[T any](c *console, v *visit, name string, list []T, head []any, cells func(T) []any) error {
	name += "-" + c.Now().In(web.China).Format("20060102-1504")
	var err error
	switch format := v.r.URL.Query().Get("format"); format {
	case "jsonl":
		web.Attachment(v.w, "application/x-ndjson", name+".jsonl")
		enc := json.NewEncoder(v.w)
		for _, row := range list {
			if err == nil {
				err = enc.Encode(row)
			}
		}
	case "csv":
		web.Attachment(v.w, "text/csv; charset=utf-8", name+".csv")
		s := newSheet(v.w)
		s.row(head...)
		for _, row := range list {
			s.row(cells(row)...)
		}
		err = s.flush()
	default:
		return invalid("format", "invalid.format", format)
	}
	if err != nil { // the client has gone, or part of the file has left: it must not look whole
		c.Log.ErrorContext(v.r.Context(), "export broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// reviewMends are the catalogue's texts for fields that the review register refuses, so that they stand in the reader's language.
var reviewMends = map[string]string{"verdict": "review.bad_verdict", "labels": "review.bad_labels", "note": "review.bad_note", "reason": "content.reason_missing",
	"random": "review.bad_share", "disagreement": "review.bad_share", "threshold": "review.bad_share", "at": "review.bad_share", "near": "review.bad_share"}

// reviewRefusal words what the review register refuses; nil for other errors.
func reviewRefusal(err error) error {
	var bad *review.InvalidError
	if errors.As(err, &bad) {
		if key, ok := reviewMends[bad.Field]; ok {
			return &web.Problem{Status: http.StatusBadRequest, Field: bad.Field, Key: key, Err: err}
		}
		return &web.Problem{Status: http.StatusBadRequest, Field: bad.Field, Key: "invalid.field", Args: []any{bad.Field, bad.Mend}, Err: err}
	}
	return known(err, []refusedAs{
		{review.ErrUnseen, http.StatusConflict, "review.unseen"},
		{review.ErrUnknown, http.StatusNotFound, "review.unknown"},
		{review.ErrUnknownExchange, http.StatusNotFound, "review.unknown"},
		{review.ErrDecided, http.StatusConflict, "review.decided_before"},
		{review.ErrSamePerson, http.StatusForbidden, "words.same_person"},
		{review.ErrState, http.StatusConflict, "review.past"},
		{review.ErrNoContent, http.StatusGone, "content.gone"},
	})
}
