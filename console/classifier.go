package console

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/web"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/operator"
	"github.com/hegui/hegui/review"
)

type classifierData struct {
	Can         bool
	Me          string
	Material    review.Material
	Least       int
	Declared    []string // services whose content may train, by id
	Classifiers []review.Classifier
	Training    bool
	Since       string // as typed
	Problem     string // to correct
	Limit       float64
	Demo        bool // sample texts can be put there
	Name        map[string]string
}

func (c *console) classifier(v *visit) error {
	since, err := moment("since", v.r.URL.Query().Get("since"), false)
	if err != nil {
		return err
	}
	d, err := c.classifierData(v, since)
	if err != nil {
		return err
	}
	if d.Since = v.r.URL.Query().Get("since"); d.Training {
		v.w.Header().Set("Refresh", "2") // works without a script
	}
	return c.show(v, "classifier", d)
}

func (c *console) classifierData(v *visit, since time.Time) (classifierData, error) {
	ctx := v.r.Context()
	d := classifierData{Can: v.staff.Can(operator.ManageDetectors), Me: v.staff.ID, Least: review.MinSide, Limit: measures.OverBlockLimit}
	var err error
	if d.Material, err = c.Reviews.Material(ctx, since); err != nil {
		return d, err
	}
	d.Demo = c.Material != nil && !d.Material.Enough()
	for _, s := range c.Services.Services() {
		if s.Disclosure.TrainingZH != "" {
			d.Declared = append(d.Declared, s.ID)
		}
	}
	if d.Classifiers, err = c.Reviews.Classifiers(ctx); err != nil {
		return d, err
	}
	for _, x := range d.Classifiers {
		d.Training = d.Training || x.State == review.Training
	}
	d.Name, err = c.staffNames(v)
	return d, err
}

// sampleMaterial puts judged sample texts into a demonstration, so that something can be trained there.
func (c *console) sampleMaterial(v *visit) error {
	if c.Material == nil {
		return &web.Problem{Status: http.StatusNotFound}
	}
	if !c.filling.TryLock() {
		return &web.Problem{Status: http.StatusConflict, Key: "classifier.filling"}
	}
	defer c.filling.Unlock()
	m, err := c.Reviews.Material(v.r.Context(), time.Time{})
	if err != nil {
		return err
	}
	if m.Enough() {
		return &web.Problem{Status: http.StatusConflict, Key: "classifier.filled"}
	}
	n, err := c.Material(v.r.Context())
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.classifier_material", strconv.Itoa(n))
	c.site.Redirect(v.w, v.r, "/classifier")
	return nil
}

// trainClassifier starts a training; the page it leads to tells how far it is. A date that cannot be read is shown again.
func (c *console) trainClassifier(v *visit) error {
	typed := strings.TrimSpace(v.r.FormValue("since"))
	since, err := moment("since", typed, false)
	if err != nil {
		d, err := c.classifierData(v, time.Time{})
		if err != nil {
			return err
		}
		d.Since, d.Problem = typed, c.site.Catalogue().T(v.lang, "invalid.time", typed)
		return c.site.Render(v.w, v.r, http.StatusBadRequest, "classifier", v.frame, d)
	}
	n, err := c.Reviews.Train(v.r.Context(), v.staff.Actor(), since)
	if err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.classifier_training", strconv.Itoa(n))
	c.site.Redirect(v.w, v.r, "/classifier")
	return nil
}

// classifierMove is one thing that can be done with a trained classifier.
type classifierMove func(ctx context.Context, who journal.Actor, n int, note string) error

func (c *console) moves() map[string]classifierMove {
	plain := func(do func(context.Context, journal.Actor, int) error) classifierMove {
		return func(ctx context.Context, who journal.Actor, n int, _ string) error { return do(ctx, who, n) }
	}
	return map[string]classifierMove{
		"shadow": plain(c.Reviews.ToShadow), "force": plain(c.Reviews.ToForce), "ask": c.Reviews.AskForce,
		"confirm": plain(c.Reviews.ConfirmForce), "retire": plain(c.Reviews.Retire),
		"measure": func(ctx context.Context, who journal.Actor, n int, _ string) error {
			_, err := c.Reviews.MeasureLater(ctx, who, n)
			return err
		},
	}
}

func (c *console) moveClassifier(v *visit) error {
	what := v.r.PathValue("what")
	move, ok := c.moves()[what]
	if !ok {
		return &web.Problem{Status: http.StatusNotFound}
	}
	n, err := strconv.Atoi(v.r.FormValue("n"))
	if err != nil {
		return review.ErrUnknown
	}
	if err := move(v.r.Context(), v.staff.Actor(), n, strings.TrimSpace(v.r.FormValue("note"))); err != nil {
		return err
	}
	c.site.SetFlash(v.w, v.r, "good", "flash.classifier_"+what, strconv.Itoa(n))
	c.site.Redirect(v.w, v.r, "/classifier")
	return nil
}

func (c *console) exportClassifiers(v *visit) error {
	list, err := c.Reviews.Classifiers(v.r.Context())
	if err != nil {
		return err
	}
	return exportRows(c, v, "hegui-classifiers", list, []any{"n", "state", "hash", "by", "started", "samples", "harmless", "trained_on", "held_out",
		"bank_hit", "bank", "harmless_hit", "harmless_held_out", "approved"}, func(x review.Classifier) []any {
		f := review.Measured{}
		if x.Figures != nil {
			f = *x.Figures
		}
		return []any{x.N, string(x.State), x.Hash, x.By.ID, stampOf(x.Started), x.Set.Samples, x.Set.Harmless, x.Trained, x.Held,
			f.Bank.N, f.Bank.Of, f.Harmless.N, f.Harmless.Of, x.Approved.ID}
	})
}

// classifierRefusal words what training and forcing refuse; nil for other errors.
func classifierRefusal(err error) error {
	var state *review.StateError
	if errors.As(err, &state) {
		key := "classifier.state_" + state.What
		if state.What == "force" && state.Is == review.Trained {
			key = "classifier.state_force_trained"
		}
		return &web.Problem{Status: http.StatusConflict, Key: key, Args: []any{state.N}, Err: err}
	}
	for _, known := range []struct {
		err error
		key string
	}{{review.ErrTooFew, "classifier.too_few"}, {review.ErrTraining, "classifier.busy"}, {review.ErrNoLearner, "classifier.no_learner"}, {review.ErrNeedsSecond, "words.needs_second"},
		{review.ErrNotMeasured, "classifier.not_measured"}, {review.ErrNoProposal, "classifier.not_asked"}} {
		if errors.Is(err, known.err) {
			p := &web.Problem{Status: http.StatusConflict, Key: known.key, Err: err}
			if known.err == review.ErrTooFew {
				p.Args = []any{review.MinSide}
			}
			return p
		}
	}
	return nil
}

// What the API of classifiers reads and writes.
type (
	classifiersAnswer struct {
		Count       int                 `json:"count"`
		Material    review.Material     `json:"material"` // what a training now would have
		Classifiers []review.Classifier `json:"classifiers"`
	}
	trainBody struct {
		Since string `json:"since"` // samples drawn from this date or time on; empty: all
	}
	classifierBody struct {
		N    int    `json:"n"`
		Note string `json:"note"` // of ask
	}
	trainAnswer struct {
		N int `json:"n"`
	}
)

// classifierOperations describes the classifiers' part of the API.
func classifierOperations() []web.Operation {
	const base = "/api/v1/classifiers"
	ops := []web.Operation{
		{Method: "GET", Path: base, Summary: "Classifiers trained here, newest first, with their figures", Answer: classifiersAnswer{}, Status: http.StatusOK},
		{Method: "POST", Path: base, Summary: "Start training one from reviewed samples; ask for the list to see how far it is", Body: trainBody{}, Answer: trainAnswer{}, Status: http.StatusAccepted},
		{Method: "POST", Path: base + "/{what}", Summary: "shadow, force, ask (a second person), confirm (as the second person), retire or measure one", Body: classifierBody{}, Answer: classifiersAnswer{}, Status: http.StatusOK},
	}
	return ops
}

func (c *console) apiClassifiers(v *visit) error {
	m, err := c.Reviews.Material(v.r.Context(), time.Time{})
	if err != nil {
		return err
	}
	list, err := c.Reviews.Classifiers(v.r.Context())
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusOK, classifiersAnswer{len(list), m, notNil(list)})
}

func (c *console) apiTrain(v *visit) error {
	var in trainBody
	if err := decode(v, &in); err != nil {
		return err
	}
	since, err := moment("since", in.Since, false)
	if err != nil {
		return err
	}
	n, err := c.Reviews.Train(v.r.Context(), v.staff.Actor(), since)
	if err != nil {
		return err
	}
	return web.JSON(v.w, http.StatusAccepted, trainAnswer{n})
}

func (c *console) apiMoveClassifier(v *visit) error {
	var in classifierBody
	move, ok := c.moves()[v.r.PathValue("what")]
	if !ok {
		return &web.Problem{Status: http.StatusNotFound}
	}
	if err := decode(v, &in); err != nil {
		return err
	}
	if err := move(v.r.Context(), v.staff.Actor(), in.N, in.Note); err != nil {
		return err
	}
	return c.apiClassifiers(v)
}
