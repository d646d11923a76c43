package exchange

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// settleEvery is after how many closed exchanges the settled mark moves.
const settleEvery = 1000

// Store is the register of exchanges. Safe for concurrent use.
type Store struct {
	db    *store.DB
	j     *journal.Journal
	vault *journal.Vault

	rows, contents, shown *journal.Table

	mu     sync.Mutex
	open   map[string]int64 // exchanges begun in this process and their opening event
	newest int64            // highest opening event seen
	doubt  int64            // the settled mark stays at or before it, -1 when no Begin has failed
	closed int64
}

// Open migrates the tables.
func Open(ctx context.Context, db *store.DB, j *journal.Journal, v *journal.Vault) (*Store, error) {
	files, err := fs.Sub(sqlFiles, "sql")
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	if err := db.Migrate(ctx, "exchange", files); err != nil {
		return nil, err
	}
	return &Store{
		db: db, j: j, vault: v, open: map[string]int64{}, doubt: -1,
		rows: &journal.Table{Name: "exchange", Columns: []string{"id", "at", "content_id", "service", "application", "subject",
			"operation", "model", "outcome", "verdict", "label", "categories", "generated", "in_bytes", "out_bytes",
			"privacy_bytes", "degraded", "log", "seq"}},
		contents: &journal.Table{Name: "exchange_content", Columns: []string{"id", "service", "at", "sealed"}},
		shown:    &journal.Table{Name: "exchange_shown", Columns: []string{"id", "at", "service", "shown", "labelled", "whole", "log", "seq"}},
	}, nil
}

// Begin makes the intent durable. Nothing of the answer may leave before it returns nil.
func (s *Store) Begin(ctx context.Context, in Intent) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	// Registered before the commit, at a leaf that it must come after: between a commit and its receipt another exchange
	// may move the settled mark, which must not pass this one.
	s.mu.Lock()
	s.open[in.ID] = s.newest
	s.mu.Unlock()
	receipt, err := s.j.Commit(ctx, journal.Write{Events: []journal.Event{{
		Who: journal.Actor{Kind: "gateway", ID: in.Application}, Verb: journal.ExchangeOpened,
		Ref: journal.Ref{Kind: "exchange", ID: in.ID}, At: in.At, Body: body}}})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		// It may have become durable all the same (the answer of the database was lost, or ctx ended): the mark stays before
		// it, and the next start closes it.
		if s.doubt < 0 || s.open[in.ID] < s.doubt {
			s.doubt = s.open[in.ID]
		}
		delete(s.open, in.ID)
		return fmt.Errorf("exchange: begin: %w", err)
	}
	s.open[in.ID] = receipt.First
	s.newest = max(s.newest, receipt.First)
	return nil
}

// Finish makes the record and its sealed content durable. key and c may be nil when no content is to be kept.
// The last byte of the answer may leave only after it returns nil. It also serves for requests turned away before Begin.
func (s *Store) Finish(ctx context.Context, r Record, key *journal.SubjectKey, c *Content) error {
	return s.FinishWith(ctx, r, key, c, nil)
}

// FinishWith is Finish with a further change in the same transaction; when that fails, nothing is written.
func (s *Store) FinishWith(ctx context.Context, r Record, key *journal.SubjectKey, c *Content, also func(context.Context, *sql.Tx) error) error {
	w := journal.Write{}
	if key != nil && c != nil {
		sealed, err := seal(key, r.ID, *c)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(sealed)
		r.Blob = hex.EncodeToString(sum[:])
		w.Inserts = append(w.Inserts, journal.Insert{Into: s.contents, Args: []any{r.ID, r.Service, r.At.UnixMilli(), sealed}})
	}
	body, err := bodyOf(&r)
	if err != nil {
		return err
	}
	verb := journal.ExchangeClosed
	if r.Outcome == Rejected {
		verb = journal.ExchangeRefused
	}
	w.Events = []journal.Event{{Who: journal.Actor{Kind: "gateway", ID: r.Application}, Verb: verb,
		Ref: journal.Ref{Kind: "exchange", ID: r.ID}, Body: body}}
	w.Inserts = append(w.Inserts, journal.Insert{Into: s.rows, Args: []any{r.ID, r.At.UnixMilli(), r.ContentID, r.Service,
		r.Application, r.User, r.Operation, r.Model, string(r.Outcome), string(r.Verdict), r.Label, r.categories(), r.generated(),
		int64(r.Checked.In), int64(r.Checked.Out), int64(r.Checked.Privacy), len(r.Guards) > 0, s.j.Origin(), journal.SeqOf(0)}})
	w.Apply = inTurn(also, s.settle(r.ID), refusedTurns(r))
	if _, err := s.j.Commit(ctx, w); err != nil {
		return fmt.Errorf("exchange: finish: %w", err)
	}
	s.mu.Lock()
	delete(s.open, r.ID)
	s.mu.Unlock()
	return nil
}

// settle moves the settled mark now and then: past every exchange that was opened before the oldest one still running.
func (s *Store) settle(id string) func(context.Context, *sql.Tx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	if s.closed%settleEvery != 0 {
		return nil
	}
	mark := s.newest
	if s.doubt >= 0 {
		mark = min(mark, s.doubt)
	}
	for other, seq := range s.open {
		if other != id {
			mark = min(mark, seq)
		}
	}
	return func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO exchange_settled (log, seq) VALUES ($1, $2) ON CONFLICT (log) DO UPDATE SET seq = $3`, s.j.Origin(), mark, mark)
		return err
	}
}

// bodyOf is the record as the closing event's body; findings are dropped from the end until it fits.
func bodyOf(r *Record) (json.RawMessage, error) {
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	if r.Guards == nil {
		r.Guards = []Outage{}
	}
	if len(r.Usage) == 0 || len(r.Usage) > 1<<10 {
		r.Usage = json.RawMessage("null")
	}
	if len(r.Findings) > 64 {
		r.Findings = r.Findings[:64]
	}
	for {
		body, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("exchange: record: %w", err)
		}
		if len(body) <= journal.MaxBody || len(r.Findings) == 0 {
			return body, nil
		}
		r.Findings = r.Findings[:len(r.Findings)/2]
	}
}

// seal keeps content under the subject's key, bound to the exchange.
func seal(key *journal.SubjectKey, id string, c Content) ([]byte, error) {
	if len(c.Request) > MaxRequest {
		n := MaxRequest
		for n > 0 && !utf8.RuneStart(c.Request[n]) {
			n--
		}
		cut, err := json.Marshal(string(c.Request[:n]) + CutMark)
		if err != nil {
			return nil, fmt.Errorf("exchange: content: %w", err)
		}
		c.Request = cut
	}
	if len(c.Request) == 0 {
		c.Request = json.RawMessage("null")
	}
	texts, err := json.Marshal([2]string{c.Visible, c.Withheld})
	if err != nil {
		return nil, fmt.Errorf("exchange: content: %w", err)
	}
	// Content as JSON, put together by hand: encoding/json would read the whole request once more to compact it.
	plain := make([]byte, 0, len(c.Request)+len(texts)+64)
	plain = append(append(append(plain, `{"request":`...), c.Request...), `,"texts":`...)
	plain = append(append(plain, texts...), '}')
	return key.Seal(make([]byte, 0, len(plain)+28), plain, aad(id)), nil
}

func aad(id string) string { return "exchange " + id }

// OpenCount tells how many exchanges of this process are running now.
func (s *Store) OpenCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Recover closes as Broken what an earlier process of this node opened and did not close. Call it once, before serving,
// and only in the process that serves this node's tree. It returns how many it closed.
func (s *Store) Recover(ctx context.Context) (int, error) {
	mark, err := store.Row[int64](ctx, s.db.R, `SELECT seq FROM exchange_settled WHERE log = $1`, s.j.Origin())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Errorf("exchange: recover: %w", err)
	}
	leaves, err := store.Rows[[]byte](ctx, s.db.R, `SELECT e.leaf FROM journal_event e WHERE e.log = $1 AND e.seq >= $2 AND e.verb = $3
		AND NOT EXISTS (SELECT 1 FROM exchange x WHERE x.id = e.ref_id) ORDER BY e.seq`, s.j.Origin(), mark, string(journal.ExchangeOpened))
	if err != nil {
		return 0, fmt.Errorf("exchange: recover: %w", err)
	}
	for _, leaf := range leaves {
		var e journal.Event
		if err := json.Unmarshal(leaf, &e); err != nil {
			return 0, fmt.Errorf("exchange: recover: %w", err)
		}
		r := Record{Outcome: Broken, Verdict: Allow, Code: "broken", Label: "none",
			Reason:  "hegui stopped without closing this exchange; found at the next start",
			Checked: Checked{In: -1, Out: -1, Privacy: -1}, Ended: time.Now().UTC()}
		if err := json.Unmarshal(e.Body, &r.Intent); err != nil {
			return 0, fmt.Errorf("exchange: recover %s: %w", e.Ref.ID, err)
		}
		if err := s.Finish(ctx, r, nil, nil); err != nil {
			return 0, err
		}
	}
	return len(leaves), nil
}

// Purge deletes the sealed content of a service's exchanges older than before, with an event that says how many.
func (s *Store) Purge(ctx context.Context, service string, before time.Time) (int64, error) {
	due, err := store.Row[int64](ctx, s.db.R, `SELECT COUNT(*) FROM exchange_content WHERE service = $1 AND at < $2`, service, before.UnixMilli())
	if err != nil || due == 0 {
		return 0, err
	}
	body, err := json.Marshal(map[string]any{"service": service, "before": before.UTC(), "count": due})
	if err != nil {
		return 0, fmt.Errorf("exchange: purge: %w", err)
	}
	_, err = s.j.Commit(ctx, journal.Write{
		Events: []journal.Event{{Who: journal.Actor{Kind: "system", ID: "retention"}, Verb: journal.ContentPurged, Ref: journal.Ref{Kind: "service", ID: service}, Body: body}},
		Apply: func(ctx context.Context, tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `DELETE FROM exchange_content WHERE service = $1 AND at < $2`, service, before.UnixMilli()); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `DELETE FROM exchange_refused_turn WHERE service = $1 AND at < $2`, service, before.UnixMilli())
			return err
		},
	})
	if err != nil {
		return 0, fmt.Errorf("exchange: purge: %w", err)
	}
	return due, nil
}
