package console

import (
	"context"
	"time"

	"github.com/hegui/hegui/detector"
)

// DetectorNow is a configured detector as this process sees it, with what it will cost.
type DetectorNow struct {
	detector.Status
	Forecast detector.Forecast
}

// DetectorsNow is what the page of detectors shows.
type DetectorsNow struct {
	Detectors []DetectorNow
	Days      []detector.Spend // of all nodes, the last week
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
	return c.show(v, "detectors", d)
}
