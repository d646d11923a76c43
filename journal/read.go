package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hegui/hegui/internal/store"
)

// Head is the state of one tree.
type Head struct {
	Log  string `json:"log"`
	Size int64  `json:"size"`
	Root string `json:"root"` // base64 of the tree hash at Size
}

type headRow struct {
	Log  string `db:"log"`
	Size int64  `db:"size"`
}

// Heads lists every node's tree with its present root.
func (j *Journal) Heads(ctx context.Context) ([]Head, error) {
	rows, err := store.Rows[headRow](ctx, j.db.R, `SELECT log, size FROM journal_head ORDER BY log`)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	heads := make([]Head, len(rows))
	for i, row := range rows {
		root, err := tlog.TreeHash(row.Size, newHashes(ctx, j.db.R, row.Log))
		if err != nil {
			return nil, fmt.Errorf("journal: root of %s: %w", row.Log, err)
		}
		heads[i] = Head{Log: row.Log, Size: row.Size, Root: root.String()}
	}
	return heads, nil
}

// Filter selects events; zero fields do not restrict. Newest first unless Ascending.
type Filter struct {
	Log       string
	Verbs     []Verb
	Ref       Ref
	From, To  time.Time // half open
	Before    string    // event id, for paging (with Ascending: after this id)
	Ascending bool
	Limit     int // 100 when 0, 1000 at most
}

func (f Filter) where(paging bool) (string, []any) {
	var terms []string
	var args []any
	add := func(term string, arg any) {
		args = append(args, arg)
		terms = append(terms, strings.Replace(term, "?", "$"+strconv.Itoa(len(args)), 1))
	}
	if f.Log != "" {
		add("log = ?", f.Log)
	}
	if len(f.Verbs) > 0 {
		var marks []string
		traffic := false
		for _, v := range f.Verbs {
			args = append(args, string(v))
			marks = append(marks, "$"+strconv.Itoa(len(args)))
			traffic = traffic || v.Traffic()
		}
		terms = append(terms, "verb IN ("+strings.Join(marks, ", ")+")")
		if !traffic { // lets the partial indexes serve
			terms = append(terms, "NOT traffic")
		}
	}
	if f.Ref.Kind != "" {
		add("ref_kind = ?", f.Ref.Kind)
		if f.Ref.Kind != "exchange" {
			terms = append(terms, "NOT traffic")
		}
	}
	if f.Ref.ID != "" {
		add("ref_id = ?", f.Ref.ID)
	}
	if !f.From.IsZero() {
		add("at >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		add("at < ?", f.To.UnixMilli())
	}
	if paging && f.Before != "" {
		if f.Ascending {
			add("id > ?", f.Before)
		} else {
			add("id < ?", f.Before)
		}
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

// Events returns the events that f selects, ordered by id (time).
func (j *Journal) Events(ctx context.Context, f Filter) ([]Event, error) {
	where, args := f.where(true)
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	order := " ORDER BY id DESC LIMIT "
	if f.Ascending {
		order = " ORDER BY id LIMIT "
	}
	leaves, err := store.Rows[[]byte](ctx, j.db.R, `SELECT leaf FROM journal_event`+where+order+strconv.Itoa(min(limit, 1000)), args...)
	if err != nil {
		return nil, fmt.Errorf("journal: events: %w", err)
	}
	events := make([]Event, len(leaves))
	for i, leaf := range leaves {
		if err := json.Unmarshal(leaf, &events[i]); err != nil {
			return nil, fmt.Errorf("journal: an event is damaged, run `hegui journal verify`: %w", err)
		}
	}
	return events, nil
}

// Count returns how many events f selects, paging and Limit not applied.
func (j *Journal) Count(ctx context.Context, f Filter) (int64, error) {
	where, args := f.where(false)
	n, err := store.Row[int64](ctx, j.db.R, `SELECT COUNT(*) FROM journal_event`+where, args...)
	if err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	return n, nil
}

// Leaf returns one event and its exact bytes.
func (j *Journal) Leaf(ctx context.Context, log string, seq int64) (Event, []byte, error) {
	leaf, err := store.Row[[]byte](ctx, j.db.R, `SELECT leaf FROM journal_event WHERE log = $1 AND seq = $2`, log, seq)
	if err != nil {
		return Event{}, nil, fmt.Errorf("journal: event %s#%d: %w", log, seq, err)
	}
	var e Event
	if err := json.Unmarshal(leaf, &e); err != nil {
		return Event{}, nil, fmt.Errorf("journal: event %s#%d is damaged: %w", log, seq, err)
	}
	return e, leaf, nil
}
