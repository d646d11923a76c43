package detector

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"sync"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/measures"
)

//go:embed sql/*.sql
var migrations embed.FS

// FlushEvery is how often a Ledger writes, at most.
const FlushEvery = time.Second

// Spend is what a detector has used on a day, of all nodes.
type Spend struct {
	Day       string `db:"day" json:"day"`
	Detector  string `db:"detector" json:"detector"`
	Checks    int64  `db:"checks" json:"checks"`
	Calls     int64  `db:"calls" json:"calls"`
	Chars     int64  `db:"chars" json:"chars"`
	In        int64  `db:"tokens_in" json:"tokens_in"`
	Out       int64  `db:"tokens_out" json:"tokens_out"`
	Cost      Micros `db:"micros" json:"micros"`
	Saved     int64  `db:"saved" json:"saved"`
	Skipped   int64  `db:"skipped" json:"skipped"`
	Capped    int64  `db:"capped" json:"capped"`
	Estimated int64  `db:"estimated" json:"estimated"`
	Over      int64  `db:"over" json:"over"`
	OverCost  Micros `db:"over_micros" json:"over_micros"`
}

func (s *Spend) add(o Spend) {
	s.Checks += o.Checks
	s.Calls += o.Calls
	s.Chars += o.Chars
	s.In += o.In
	s.Out += o.Out
	s.Cost += o.Cost
	s.Saved += o.Saved
	s.Skipped += o.Skipped
	s.Capped += o.Capped
	s.Estimated += o.Estimated
	s.Over += o.Over
	s.OverCost += o.OverCost
}

type spendKey struct{ day, detector string }

// Ledger counts what detectors use, by day and detector, in one table for all nodes. It writes at most once a second and when
// it is closed; what other nodes have written is known to it as of then. Safe for concurrent use.
type Ledger struct {
	db  *store.DB
	j   *journal.Journal
	now func() time.Time

	writing sync.Mutex // one flush at a time

	mu       sync.Mutex
	waiting  map[spendKey]Spend  // not written yet
	written  map[spendKey]Micros // of all nodes, as last read
	reserved map[spendKey]Micros // checks under way
	notices  map[notice]map[string]any
	told     map[notice]bool
}

type notice struct {
	spendKey
	what journal.Verb
}

// OpenLedger migrates the tables.
func OpenLedger(ctx context.Context, db *store.DB, j *journal.Journal) (*Ledger, error) {
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	if err := db.Migrate(ctx, "detector", files); err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	l := &Ledger{db: db, j: j, now: time.Now, waiting: map[spendKey]Spend{}, written: map[spendKey]Micros{}, reserved: map[spendKey]Micros{},
		notices: map[notice]map[string]any{}, told: map[notice]bool{}}
	return l, l.read(ctx)
}

func (l *Ledger) key(name string) spendKey { return spendKey{Day(l.now()), name} }

// reserve sets aside what a check is expected to cost. It says no when the day's limit does not hold that any more; limit 0
// is none. What was reserved must be settled under the key that is returned.
func (l *Ledger) reserve(name string, expected, limit Micros) (spendKey, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.key(name)
	if limit > 0 && l.written[k]+l.waiting[k].Cost+l.reserved[k]+expected > limit {
		return k, false
	}
	l.reserved[k] += expected
	return k, true
}

// settle counts what a check has cost in the place of what was reserved for it.
func (l *Ledger) settle(k spendKey, expected Micros, s Spend) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reserved[k] -= expected; l.reserved[k] <= 0 {
		delete(l.reserved, k)
	}
	l.count(k, s)
}

// note counts something that costs nothing.
func (l *Ledger) note(name string, s Spend) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(l.key(name), s)
}

func (l *Ledger) count(k spendKey, s Spend) {
	sum := l.waiting[k]
	sum.add(s)
	l.waiting[k] = sum
}

// tell asks for an event that is written once a day and detector, by whichever node comes first.
func (l *Ledger) tell(name string, what journal.Verb, body map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := notice{l.key(name), what}
	if _, waits := l.notices[n]; !waits && !l.told[n] {
		l.notices[n] = body
	}
}

// Flush writes what is waiting, and learns what other nodes have written. What cannot be written goes on waiting.
func (l *Ledger) Flush(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	batch := l.waiting
	l.waiting = map[spendKey]Spend{}
	for k, s := range batch { // until it is written it counts as reserved
		l.reserved[k] += s.Cost
	}
	l.mu.Unlock()
	err := l.write(ctx, batch)
	l.mu.Lock()
	for k, s := range batch {
		if l.reserved[k] -= s.Cost; l.reserved[k] <= 0 {
			delete(l.reserved, k)
		}
		if err != nil {
			l.count(k, s)
		} else {
			l.written[k] += s.Cost
		}
	}
	l.mu.Unlock()
	if err != nil {
		return fmt.Errorf("detector: spend: %w", err)
	}
	return errors.Join(l.writeNotices(ctx), l.read(ctx))
}

const addSpend = `INSERT INTO detector_spend (day, detector, checks, calls, chars, tokens_in, tokens_out, micros, saved, skipped, capped, estimated, over, over_micros)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (day, detector) DO UPDATE SET
  checks = detector_spend.checks + excluded.checks, calls = detector_spend.calls + excluded.calls, chars = detector_spend.chars + excluded.chars,
  tokens_in = detector_spend.tokens_in + excluded.tokens_in, tokens_out = detector_spend.tokens_out + excluded.tokens_out,
  micros = detector_spend.micros + excluded.micros, saved = detector_spend.saved + excluded.saved, skipped = detector_spend.skipped + excluded.skipped,
  capped = detector_spend.capped + excluded.capped, estimated = detector_spend.estimated + excluded.estimated, over = detector_spend.over + excluded.over,
  over_micros = detector_spend.over_micros + excluded.over_micros`

// write adds a batch, in one order on every node so that two of them cannot wait for each other.
func (l *Ledger) write(ctx context.Context, batch map[spendKey]Spend) error {
	if len(batch) == 0 {
		return nil
	}
	byText := map[string]spendKey{}
	for k := range batch {
		byText[k.day+" "+k.detector] = k
	}
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		for _, text := range sortedKeys(byText) {
			k := byText[text]
			s := batch[k]
			if _, err := tx.ExecContext(ctx, addSpend, k.day, k.detector, s.Checks, s.Calls, s.Chars, s.In, s.Out, int64(s.Cost), s.Saved, s.Skipped, s.Capped,
				s.Estimated, s.Over, int64(s.OverCost)); err != nil {
				return err
			}
		}
		return nil
	})
}

// read learns what all nodes have spent today.
func (l *Ledger) read(ctx context.Context) error {
	type row struct {
		Detector string `db:"detector"`
		Cost     Micros `db:"micros"`
	}
	day := Day(l.now())
	rows, err := store.Rows[row](ctx, l.db.R, `SELECT detector, micros FROM detector_spend WHERE day = $1`, day)
	if err != nil {
		return fmt.Errorf("detector: spend: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.written, func(k spendKey, _ Micros) bool { return k.day != day })
	maps.DeleteFunc(l.told, func(n notice, _ bool) bool { return n.day != day })
	for _, r := range rows {
		k := spendKey{day, r.Detector}
		l.written[k] = max(l.written[k], r.Cost) // a reading may be older than what this node has written since
	}
	return nil
}

// errTold says that another node has written the event already.
var errTold = errors.New("told already")

func (l *Ledger) writeNotices(ctx context.Context) error {
	l.mu.Lock()
	todo := maps.Clone(l.notices)
	l.mu.Unlock()
	var errs []error
	for n, body := range todo {
		err := l.writeNotice(ctx, n, body)
		if err != nil && !errors.Is(err, errTold) {
			errs = append(errs, fmt.Errorf("detector: %s of %s: %w", n.what, n.detector, err))
			continue
		}
		l.mu.Lock()
		delete(l.notices, n)
		l.told[n] = true
		l.mu.Unlock()
	}
	return errors.Join(errs...)
}

func (l *Ledger) writeNotice(ctx context.Context, n notice, body map[string]any) error {
	said, err := store.Row[int64](ctx, l.db.R, `SELECT COUNT(*) FROM detector_notice WHERE day = $1 AND detector = $2 AND what = $3`, n.day, n.detector, string(n.what))
	if err != nil {
		return err
	}
	if said > 0 {
		return errTold
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	event := journal.Event{ID: store.NewID(), At: l.now().UTC().Truncate(time.Millisecond), Who: journal.Actor{Kind: "system", ID: "hegui"}, Verb: n.what,
		Ref: journal.Ref{Kind: "detector", ID: n.detector}, Body: text}
	_, err = l.j.Commit(ctx, journal.Write{Events: []journal.Event{event}, Apply: func(ctx context.Context, tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO detector_notice (day, detector, what, at_ms, event) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (day, detector, what) DO NOTHING`,
			n.day, n.detector, string(n.what), event.At.UnixMilli(), event.ID)
		if err != nil {
			return err
		}
		if rows, err := res.RowsAffected(); err != nil || rows == 0 {
			return errors.Join(errTold, err)
		}
		return nil
	}})
	return err
}

// Close writes what is waiting.
func (l *Ledger) Close(ctx context.Context) error { return l.Flush(ctx) }

// Days lists what was used from a day on, by day and detector, without what is not written yet.
func (l *Ledger) Days(ctx context.Context, from string) ([]Spend, error) {
	out, err := store.Rows[Spend](ctx, l.db.R, `SELECT day, detector, checks, calls, chars, tokens_in, tokens_out, micros, saved, skipped, capped, estimated, over, over_micros
FROM detector_spend WHERE day >= $1 ORDER BY day, detector`, from)
	if err != nil {
		return nil, fmt.Errorf("detector: spend: %w", err)
	}
	return out, nil
}

// Forecast tells what a detector will have cost by the end of today and of the month, by what all nodes have written.
func (l *Ledger) Forecast(ctx context.Context, name string, limit Micros) (Forecast, error) {
	now := l.now().In(measures.Shanghai())
	from := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location())
	if week := now.AddDate(0, 0, -forecastDays); week.Before(from) {
		from = week
	}
	all, err := l.Days(ctx, from.Format(time.DateOnly))
	if err != nil {
		return Forecast{}, err
	}
	var own []Spend
	for _, s := range all {
		if s.Detector == name {
			own = append(own, s)
		}
	}
	return forecast(own, now, limit), nil
}

// Today is what a detector has cost today, with what is not written yet.
func (l *Ledger) Today(name string) Micros {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.key(name)
	return l.written[k] + l.waiting[k].Cost
}
