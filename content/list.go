package content

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
)

// Filter selects items, newest first; zero fields do not restrict.
type Filter struct {
	Service, Medium, Model string
	ID                     string // content ID or exchange
	From, To               time.Time
	Before                 string // content ID, for paging
	Limit                  int    // 50 when 0, 500 at most
}

func (f Filter) where(paging bool) (string, []any) {
	var terms []string
	var args []any
	add := func(term string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			term = strings.Replace(term, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		terms = append(terms, term)
	}
	for _, t := range []struct{ column, value string }{{"m.service", f.Service}, {"m.medium", f.Medium}, {"m.model", f.Model}} {
		if t.value != "" {
			add(t.column+" = ?", t.value)
		}
	}
	if f.ID != "" {
		add("(m.id = ? OR m.exchange = ?)", f.ID, f.ID)
	}
	if !f.From.IsZero() {
		add("m.at_ms >= ?", f.From.UnixMilli())
	}
	if !f.To.IsZero() {
		add("m.at_ms < ?", f.To.UnixMilli())
	}
	if paging && f.Before != "" {
		add("(m.at_ms, m.id) < (SELECT at_ms, id FROM content_item WHERE id = ?)", f.Before)
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

// List returns the items that f selects.
func (l *Ledger) List(ctx context.Context, f Filter) ([]Item, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	where, args := f.where(true)
	return l.items(ctx, where+` ORDER BY m.at_ms DESC, m.id DESC LIMIT `+strconv.Itoa(min(limit, 500)), args...)
}

// Count returns how many items f selects, paging and Limit not applied.
func (l *Ledger) Count(ctx context.Context, f Filter) (int64, error) {
	where, args := f.where(false)
	n, err := store.Row[int64](ctx, l.db.R, `SELECT COUNT(*) FROM content_item m`+where, args...)
	if err != nil {
		return 0, fmt.Errorf("content: %w", err)
	}
	return n, nil
}

// Signs counts the contents of a medium since a time by what people see or hear of their label (Item.Explicit), and those of them whose
// metadata carry none.
func (l *Ledger) Signs(ctx context.Context, medium string, since time.Time) (signs map[string]int64, bare int64, err error) {
	rows, err := store.Rows[struct {
		Explicit string `db:"explicit"`
		Bare     bool   `db:"bare"`
		N        int64  `db:"n"`
	}](ctx, l.db.R, `SELECT explicit, label = '' AS bare, COUNT(*) AS n FROM content_item WHERE medium = $1 AND at_ms >= $2 GROUP BY explicit, label = ''`, medium, since.UnixMilli())
	if err != nil {
		return nil, 0, fmt.Errorf("content: signs: %w", err)
	}
	signs = map[string]int64{}
	for _, r := range rows {
		signs[r.Explicit] += r.N
		if r.Bare {
			bare += r.N
		}
	}
	return signs, bare, nil
}
