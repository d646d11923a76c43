package measures

import (
	"fmt"
	"time"
)

// calendar is what the State Council publishes each autumn for the year to come.
type calendar struct {
	Note  string `json:"note"`
	Years []year `json:"years"`

	published map[int]bool
	off, work map[string]bool // YYYY-MM-DD
}

type year struct {
	Year     int    `json:"year"`
	Source   string `json:"source"`
	Holidays []struct {
		ZH   string `json:"zh"`
		EN   string `json:"en"`
		From string `json:"from"` // both days included
		To   string `json:"to"`
	} `json:"holidays"`
	Workdays []string `json:"workdays"` // weekend days on which people work
}

func (c *calendar) index() error {
	c.published, c.off, c.work = map[int]bool{}, map[string]bool{}, map[string]bool{}
	for _, y := range c.Years {
		c.published[y.Year] = true
		for _, h := range y.Holidays {
			from, err := time.Parse(time.DateOnly, h.From)
			if err != nil {
				return fmt.Errorf("measures: calendar %d %s: %w", y.Year, h.EN, err)
			}
			to, err := time.Parse(time.DateOnly, h.To)
			if err != nil || to.Before(from) {
				return fmt.Errorf("measures: calendar %d %s: %s to %s is no span of days", y.Year, h.EN, h.From, h.To)
			}
			for d := from; !d.After(to); d = d.AddDate(0, 0, 1) {
				c.off[d.Format(time.DateOnly)] = true
			}
		}
		for _, d := range y.Workdays {
			day, err := time.Parse(time.DateOnly, d)
			if err != nil {
				return fmt.Errorf("measures: calendar %d: %w", y.Year, err)
			}
			if !weekend(day) || c.off[d] {
				return fmt.Errorf("measures: calendar %d: %s cannot be a make-up day", y.Year, d)
			}
			c.work[d] = true
		}
	}
	return nil
}

func weekend(d time.Time) bool { return d.Weekday() == time.Saturday || d.Weekday() == time.Sunday }

// Shanghai is the zone in which Chinese law counts days; mainland China has kept UTC+8 without summer time since 1991,
// so no zone file is needed.
func Shanghai() *time.Location { return time.FixedZone("Asia/Shanghai", 8*60*60) }

// Workday tells whether the day of t in Asia/Shanghai is a PRC working day, and whether that answer rests on weekends
// alone because the calendar of its year is not in the data.
func Workday(t time.Time) (work, estimated bool) {
	c, t := &book().calendar, t.In(Shanghai())
	day := t.Format(time.DateOnly)
	work = c.work[day] || !c.off[day] && !weekend(t)
	return work, !c.published[t.Year()]
}

// Due adds n PRC working days to from (Asia/Shanghai; make-up days count, the day of from does not) and tells whether the
// answer rests on a year whose calendar is not yet published. The result is the last second of the due day; n of 0 or
// less gives the day of from itself.
func Due(from time.Time, n int) (due time.Time, estimated bool) {
	y, m, d := from.In(Shanghai()).Date()
	due = time.Date(y, m, d, 23, 59, 59, 0, Shanghai())
	_, estimated = Workday(due)
	for n > 0 {
		due = due.AddDate(0, 0, 1)
		work, guess := Workday(due)
		estimated = estimated || guess
		if work {
			n--
		}
	}
	return due, estimated
}
