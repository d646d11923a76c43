package console

import (
	"context"
	"time"

	"github.com/hegui/hegui/detector"
	"github.com/hegui/hegui/moderation/linear"
	"github.com/hegui/hegui/review"
)

// DetectorNow is a configured detector as this process sees it, with what it will cost.
type DetectorNow struct {
	detector.Status
	Forecast detector.Forecast
}

// DetectorsNow is what the page of detectors shows.
type DetectorsNow struct {
	Classifiers []ClassifierNow // trained ones, in shadow or in force
	Detectors   []DetectorNow
	Days        []detector.Spend // of all nodes, the last week
}

// ClassifierNow is a trained classifier as this process sees it.
type ClassifierNow struct {
	detector.Status
	N     int
	State review.State
	Drift *linear.Drifted // of the questions it was asked about; nil: none yet
	Worse bool            // samples reviewed since its training show it at its worse
}

// ClassifiersOf joins what is consulted with its counts.
func ClassifiersOf(consulted []review.Consulted, counts []detector.Status) []ClassifierNow {
	var out []ClassifierNow
	for _, c := range consulted {
		one := ClassifierNow{N: c.N, State: c.State, Status: detector.Status{Name: c.Detector.Describe().Name, Ask: detector.Always}}
		for _, s := range counts {
			if s.Name == one.Name {
				one.Status = s
			}
		}
		if drift, ok := linear.Live(c.Detector); ok {
			one.Drift = &drift
		}
		out = append(out, one)
	}
	return out
}

// DetectorsOf gathers it; all may be empty.
func DetectorsOf(ctx context.Context, all []*detector.Detector, ledger *detector.Ledger, now time.Time) (DetectorsNow, error) {
	var out DetectorsNow
	for _, d := range all {
		s := d.Status()
		f, err := ledger.Forecast(ctx, s.Name, s.Cap)
		if err != nil {
			return out, err
		}
		out.Detectors = append(out.Detectors, DetectorNow{s, f})
	}
	var err error
	out.Days, err = ledger.Days(ctx, detector.Day(now.AddDate(0, 0, -6)))
	return out, err
}

func (c *console) detectors(v *visit) error {
	var d DetectorsNow
	if c.Detectors != nil {
		var err error
		if d, err = c.Detectors(v.r.Context()); err != nil {
			return err
		}
	}
	list, err := c.Reviews.Classifiers(v.r.Context())
	if err != nil {
		return err
	}
	for i := range d.Classifiers {
		for _, x := range list {
			if x.N == d.Classifiers[i].N {
				d.Classifiers[i].Worse = x.Drifted()
			}
		}
	}
	return c.show(v, "detectors", d)
}
