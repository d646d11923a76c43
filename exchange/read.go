package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// Filter selects records, newest first; zero fields do not restrict.
type Filter struct {
	Service, Application, User, Model string
	Verdict                           Verdict
	Outcome                           Outcome
	Category                          string // a finding's risk
	Label                             string
	ContentID                         string
	Probes                            bool // hegui's own self-tests too; they are left out unless asked for, or named as Application
	From, To                          time.Time
	Before                            string // exchange id, for paging
	Limit                             int    // 50 when 0, 500 at most
}

func (f Filter) where(paging bool) (string, []any) {
	var terms []string
	var args []any
	add := func(term string, arg any) {
		args = append(args, arg)
		terms = append(terms, strings.Replace(term, "?", "$"+strconv.Itoa(len(args)), 1))
	}
	for _, t := range []struct{ column, value string }{
		{"x.service", f.Service}, {"x.application", f.Application}, {"x.subject", f.User}, {"x.model", f.Model},
		{"x.verdict", string(f.Verdict)}, {"x.outcome", string(f.Outcome)}, {"x.label", f.Label}, {"x.content_id", f.ContentID},
	} {
		if t.value != "" {
			add(t.column+" = ?", t.value)
		}
	}
	if !f.Probes && f.Application == "" {
		add("x.application <> ?", ProbeApplication)
	}
	if f.Category != "" { // the same substring on both engines; no LIKE
		add("REPLACE(x.categories, ?, '') <> x.categories", " "+f.Category+" ")
	}
	if !f.From.IsZero() {
		add("x.at >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		add("x.at < ?", f.To.UnixMilli())
	}
	if paging && f.Before != "" {
		add("x.id < ?", f.Before)
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

// List returns the records that f selects.
func (s *Store) List(ctx context.Context, f Filter) ([]Record, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	where, args := f.where(true)
	leaves, err := store.Rows[[]byte](ctx, s.db.R, `SELECT e.leaf FROM exchange x JOIN journal_event e ON e.log = x.log AND e.seq = x.seq`+
		where+` ORDER BY x.id DESC LIMIT `+strconv.Itoa(min(limit, 500)), args...)
	if err != nil {
		return nil, fmt.Errorf("exchange: list: %w", err)
	}
	records := make([]Record, len(leaves))
	for i, leaf := range leaves {
		if _, err := parse(leaf, &records[i]); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func parse(leaf []byte, r *Record) (journal.Event, error) {
	var e journal.Event
	if err := json.Unmarshal(leaf, &e); err != nil {
		return e, fmt.Errorf("exchange: a record is damaged, run `hegui journal verify`: %w", err)
	}
	if err := json.Unmarshal(e.Body, r); err != nil {
		return e, fmt.Errorf("exchange: record %s is damaged, run `hegui journal verify`: %w", e.Ref.ID, err)
	}
	return e, nil
}

// Count returns how many records f selects, paging and Limit not applied.
func (s *Store) Count(ctx context.Context, f Filter) (int64, error) {
	where, args := f.where(false)
	n, err := store.Row[int64](ctx, s.db.R, `SELECT COUNT(*) FROM exchange x`+where, args...)
	if err != nil {
		return 0, fmt.Errorf("exchange: count: %w", err)
	}
	return n, nil
}

// Get returns one record and its closing event; store.ErrNotFound when there is none.
func (s *Store) Get(ctx context.Context, id string) (Record, journal.Event, error) {
	leaf, err := store.Row[[]byte](ctx, s.db.R, `SELECT e.leaf FROM exchange x JOIN journal_event e ON e.log = x.log AND e.seq = x.seq WHERE x.id = $1`, id)
	if err != nil {
		return Record{}, journal.Event{}, fmt.Errorf("exchange %s: %w", id, err)
	}
	var r Record
	e, err := parse(leaf, &r)
	return r, e, err
}

// ErrNoContent says that an exchange's content was not kept, or has been deleted when its retention ended.
var ErrNoContent = errors.New("exchange: no content is kept")

// Read opens an exchange's content for a staff member, recording who read it and why before anything is returned. An
// empty reason is refused. Content of an erased user is journal.ErrErased, content not kept ErrNoContent.
func (s *Store) Read(ctx context.Context, who journal.Actor, id, reason string) (Content, error) {
	var c Content
	if strings.TrimSpace(reason) == "" {
		return c, errors.New("exchange: reading content needs a reason")
	}
	r, _, err := s.Get(ctx, id)
	if err != nil {
		return c, err
	}
	sealed, err := store.Row[[]byte](ctx, s.db.R, `SELECT sealed FROM exchange_content WHERE id = $1`, id)
	if errors.Is(err, store.ErrNotFound) {
		return c, ErrNoContent
	}
	if err != nil {
		return c, fmt.Errorf("exchange: content of %s: %w", id, err)
	}
	key, err := s.vault.Subject(ctx, r.User)
	if err != nil {
		return c, err
	}
	if c, err = unseal(key, id, sealed); err != nil {
		return Content{}, err
	}
	body, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return Content{}, fmt.Errorf("exchange: %w", err)
	}
	_, err = s.j.Commit(ctx, journal.Write{Events: []journal.Event{{Who: who, Verb: journal.ContentRead, Ref: journal.Ref{Kind: "exchange", ID: id}, Body: body}}})
	if err != nil {
		return Content{}, fmt.Errorf("exchange: the reading could not be recorded, so nothing is shown: %w", err)
	}
	return c, nil
}

// Stats sums a window for the register and the Today page. hegui's own probes are left out.
type Stats struct {
	Total     int64 `db:"total" json:"total"`
	Allowed   int64 `db:"allowed" json:"allowed"`
	Masked    int64 `db:"masked" json:"masked"`
	Refused   int64 `db:"refused" json:"refused"` // content refused, before or after generation
	Stopped   int64 `db:"stopped" json:"stopped"` // stopped, retracted or replaced while generating
	Rejected  int64 `db:"rejected" json:"rejected"`
	Broken    int64 `db:"broken" json:"broken"`
	Truncated int64 `db:"truncated" json:"truncated"`
	Errors    int64 `db:"errors" json:"errors"` // upstream gave no answer
	Left      int64 `db:"client_left" json:"client_left"`

	Generated int64 `db:"generated_n" json:"generated"` // answers that showed generated text
	Labelled  int64 `db:"labelled" json:"labelled"`     // of those, with label text, file or ui

	Asked          int64 `db:"asked" json:"asked"`                     // exchanges that went to a model
	InChecked      int64 `db:"in_checked" json:"in_checked"`           // of those, with their input screened
	OutChecked     int64 `db:"out_checked" json:"out_checked"`         // of the generated, with their output screened
	PrivacyChecked int64 `db:"privacy_checked" json:"privacy_checked"` // of those that went to a model, looked at for personal information
	Degraded       int64 `db:"degraded_n" json:"degraded"`             // with at least one guard that could not work

	OldestMS int64 `db:"oldest" json:"oldest_ms"` // 0 when Total is 0
	NewestMS int64 `db:"newest" json:"newest_ms"`

	// Detached are those in which hegui only judged. They count in none of Generated, Labelled, Asked and the Checked: what
	// became of their texts is the application's word.
	Detached Detached `db:"-" json:"detached"`
}

// Stats computes the sums for [from, to), optionally of one service.
func (s *Store) Stats(ctx context.Context, service string, from, to time.Time) (Stats, error) {
	where, args := Filter{Service: service, From: from, To: to}.where(false)
	n := func(condition string) string {
		return "COUNT(CASE WHEN " + condition + " THEN 1 END)"
	}
	asked := "x.outcome NOT IN ('rejected', 'broken') AND x.operation NOT IN ('" + ScreenIn + "', '" + ScreenOut + "')"
	row, err := store.Row[Stats](ctx, s.db.R, `SELECT COUNT(*) AS total, `+
		n("x.verdict = 'allow' AND x.outcome NOT IN ('rejected', 'broken', 'upstream_error')")+` AS allowed, `+
		n("x.verdict = 'mask'")+` AS masked, `+
		n("x.verdict = 'refuse' AND x.outcome <> 'rejected'")+` AS refused, `+
		n("x.verdict IN ('stop', 'retract', 'replace')")+` AS stopped, `+
		n("x.outcome = 'rejected'")+` AS rejected, `+
		n("x.outcome = 'broken'")+` AS broken, `+
		n("x.outcome = 'truncated'")+` AS truncated, `+
		n("x.outcome = 'upstream_error'")+` AS errors, `+
		n("x.outcome = 'client_left'")+` AS client_left, `+
		n("x.generated")+` AS generated_n, `+
		n("x.generated AND x.label IN ('text', 'file', 'ui')")+` AS labelled, `+
		n(asked)+` AS asked, `+
		n(asked+" AND x.in_bytes >= 0")+` AS in_checked, `+
		n("x.generated AND x.out_bytes >= 0")+` AS out_checked, `+
		n(asked+" AND x.privacy_bytes >= 0")+` AS privacy_checked, `+
		n("x.degraded")+` AS degraded_n, `+
		`COALESCE(MIN(x.at), 0) AS oldest, COALESCE(MAX(x.at), 0) AS newest FROM exchange x`+where, args...)
	if err != nil {
		return Stats{}, fmt.Errorf("exchange: stats: %w", err)
	}
	row.Detached, err = s.detached(ctx, where, args)
	return row, err
}

// Unclosed counts the exchanges of all nodes that were opened before a moment and are not closed: running, or left by a
// node that died and has not come back.
func (s *Store) Unclosed(ctx context.Context, before time.Time) (int64, error) {
	n, err := store.Row[int64](ctx, s.db.R, `SELECT COUNT(*) FROM journal_event e LEFT JOIN exchange_settled m ON m.log = e.log
		WHERE e.seq >= COALESCE(m.seq, 0) AND e.verb = $1 AND e.at < $2
		AND NOT EXISTS (SELECT 1 FROM exchange x WHERE x.id = e.ref_id)`, string(journal.ExchangeOpened), before.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("exchange: unclosed: %w", err)
	}
	return n, nil
}

type exchangeRow struct {
	ID          string `db:"id"`
	At          int64  `db:"at"`
	ContentID   string `db:"content_id"`
	Service     string `db:"service"`
	Application string `db:"application"`
	Subject     string `db:"subject"`
	Operation   string `db:"operation"`
	Model       string `db:"model"`
	Outcome     string `db:"outcome"`
	Verdict     string `db:"verdict"`
	Label       string `db:"label"`
	Categories  string `db:"categories"`
	Generated   bool   `db:"generated"`
	In          int64  `db:"in_bytes"`
	Out         int64  `db:"out_bytes"`
	Privacy     int64  `db:"privacy_bytes"`
	Degraded    bool   `db:"degraded"`
	Log         string `db:"log"`
	Seq         int64  `db:"seq"`
}

type sealedRow struct {
	ID     string `db:"id"`
	Sealed []byte `db:"sealed"`
}

// Verify implements journal.Projection: rows and sealed content against closing events. Content that is gone is no damage
// (retention and erasure delete it, with events of their own); content that differs is.
func (s *Store) Verify(ctx context.Context, events []journal.Event) ([]journal.Damage, error) {
	var damaged []journal.Damage
	for start := 0; start < len(events); start += 250 {
		var ids []any
		var marks []string
		closing := map[string]journal.Event{}
		for _, e := range events[start:min(start+250, len(events))] {
			if e.Verb == journal.ExchangeClosed || e.Verb == journal.ExchangeRefused {
				ids = append(ids, e.Ref.ID)
				marks = append(marks, "$"+strconv.Itoa(len(ids)))
				closing[e.Ref.ID] = e
			}
		}
		if len(ids) == 0 {
			continue
		}
		in := " WHERE id IN (" + strings.Join(marks, ", ") + ")"
		rows, err := store.Rows[exchangeRow](ctx, s.db.R, `SELECT id, at, content_id, service, application, subject, operation, model,
			outcome, verdict, label, categories, generated, in_bytes, out_bytes, privacy_bytes, degraded, log, seq FROM exchange`+in, ids...)
		if err != nil {
			return nil, fmt.Errorf("exchange: verify: %w", err)
		}
		sealed, err := store.Rows[sealedRow](ctx, s.db.R, `SELECT id, sealed FROM exchange_content`+in, ids...)
		if err != nil {
			return nil, fmt.Errorf("exchange: verify: %w", err)
		}
		have := map[string]exchangeRow{}
		for _, row := range rows {
			have[row.ID] = row
		}
		for id, e := range closing {
			var r Record
			if err := json.Unmarshal(e.Body, &r); err != nil {
				continue // the tree has named it already
			}
			row, ok := have[id]
			want := exchangeRow{ID: id, At: r.At.UnixMilli(), ContentID: r.ContentID, Service: r.Service, Application: r.Application,
				Subject: r.User, Operation: r.Operation, Model: r.Model, Outcome: string(r.Outcome), Verdict: string(r.Verdict),
				Label: r.Label, Categories: r.categories(), Generated: r.generated(), In: int64(r.Checked.In), Out: int64(r.Checked.Out),
				Privacy: int64(r.Checked.Privacy), Degraded: len(r.Guards) > 0, Log: e.Log, Seq: e.Seq}
			switch {
			case !ok:
				damaged = append(damaged, journal.Damage{Table: "exchange", Row: id, What: "the row is missing"})
			case row != want:
				damaged = append(damaged, journal.Damage{Table: "exchange", Row: id, What: "a column differs from the record that was committed"})
			}
		}
		for _, b := range sealed {
			var r Record
			sum := sha256.Sum256(b.Sealed)
			if json.Unmarshal(closing[b.ID].Body, &r) == nil && r.Blob != hex.EncodeToString(sum[:]) {
				damaged = append(damaged, journal.Damage{Table: "exchange_content", Row: b.ID, What: "the sealed content is not what was committed to"})
			}
		}
	}
	return damaged, nil
}
