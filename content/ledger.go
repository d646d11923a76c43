package content

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// MaxKept is the most bytes of one content that Keep takes; ours.
const MaxKept = 64 << 20

// Insert returns what writes items into the ledger, to be run in the transaction that closes their exchange (exchange.Store.FinishWith): it is all
// there or none of it. An id that is there already, and a bad item (InvalidError), fail it and with it the transaction. At is now when zero.
func (l *Ledger) Insert(items ...Item) func(context.Context, *sql.Tx) error {
	digests := make([][]string, len(items)) // before the transaction, which others wait for
	for i, item := range items {
		for _, text := range item.Texts {
			if plain, ok := normal(text); ok {
				digests[i] = append(digests[i], l.digest("text", plain))
			}
		}
		slices.Sort(digests[i])
		digests[i] = slices.Compact(digests[i])
	}
	now := l.now()
	return func(ctx context.Context, tx *sql.Tx) error {
		for i, item := range items {
			if item.At.IsZero() {
				item.At = now
			}
			if err := insert(ctx, tx, item, digests[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

func (m *Item) check() error {
	switch {
	case m.ID == "" || len(m.ID) > 256:
		return &InvalidError{"id", m.ID, "give the label's ProduceID, at most 256 bytes"}
	case m.Exchange == "":
		return &InvalidError{"exchange", "", "say which exchange it came from"}
	case !slices.Contains(Media(), m.Medium):
		return &InvalidError{"medium", m.Medium, "use one of " + strings.Join(Media(), ", ")}
	case m.Hash != "" && !isHash(m.Hash), m.Raw != "" && !isHash(m.Raw):
		return &InvalidError{"hash", m.Hash + " " + m.Raw, "give SHA-256 as 64 lower-case hex digits"}
	case len(m.Label) > 0 && !json.Valid(m.Label):
		return &InvalidError{"label", string(m.Label), "give the label's JSON"}
	}
	return nil
}

func isHash(s string) bool {
	return len(s) == 64 && strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }) < 0
}

func insert(ctx context.Context, tx *sql.Tx, m Item, digests []string) error {
	if err := m.check(); err != nil {
		return err
	}
	if m.Explicit == "" {
		m.Explicit = "none"
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO content_item (id, at_ms, exchange, service, application, subject, operation, model, medium, mime, bytes, hash, raw, look, explicit, label)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`, m.ID, m.At.UnixMilli(), m.Exchange, m.Service, m.Application, m.Subject,
		m.Operation, m.Model, m.Medium, m.MIME, m.Bytes, m.Hash, m.Raw, int64(m.Perceptual), m.Explicit, string(m.Label))
	if err != nil {
		return fmt.Errorf("content: %s: %w", m.ID, err)
	}
	if m.Perceptual != 0 {
		b := bands(m.Perceptual)
		if _, err := tx.ExecContext(ctx, `INSERT INTO content_look (band, id, look) VALUES ($1, $2, $3), ($4, $5, $6), ($7, $8, $9), ($10, $11, $12)`,
			b[0], m.ID, int64(m.Perceptual), b[1], m.ID, int64(m.Perceptual), b[2], m.ID, int64(m.Perceptual), b[3], m.ID, int64(m.Perceptual)); err != nil {
			return fmt.Errorf("content: %s: %w", m.ID, err)
		}
	}
	for _, digest := range digests {
		if _, err := tx.ExecContext(ctx, `INSERT INTO content_text (digest, id) VALUES ($1, $2)`, digest, m.ID); err != nil {
			return fmt.Errorf("content: %s: %w", m.ID, err)
		}
	}
	return nil
}

// Keep keeps the delivered bytes of an item of the ledger, sealed, for a download link until expires; Purge deletes them then. Keeping again replaces. ErrUnknown
// when there is no such item; an InvalidError when the bytes are not those that its hash names, or too many.
func (l *Ledger) Keep(ctx context.Context, id string, data []byte, expires time.Time) error {
	m, err := l.ByID(ctx, id)
	switch {
	case err != nil:
		return err
	case len(data) > MaxKept:
		return &InvalidError{"data", "", fmt.Sprintf("%d bytes; at most %d are kept", len(data), MaxKept)}
	case m.Hash != "" && m.Hash != hashOf(data):
		return &InvalidError{"data", id, "these are not the bytes that were delivered: their SHA-256 is another"}
	}
	sealed := l.seal.Seal(make([]byte, 0, len(data)+28), nil, data, []byte("content "+id))
	_, err = l.j.Commit(ctx, journal.Write{Apply: func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO content_kept (id, expires_ms, sealed) VALUES ($1, $2, $3)
			ON CONFLICT (id) DO UPDATE SET expires_ms = EXCLUDED.expires_ms, sealed = EXCLUDED.sealed`, id, expires.UnixMilli(), sealed)
		return err
	}})
	if err != nil {
		return fmt.Errorf("content: keep %s: %w", id, err)
	}
	return nil
}

// Bytes returns kept bytes and their MIME type for a download link; ErrNotKept from the moment on at which they expire.
func (l *Ledger) Bytes(ctx context.Context, id string) (data []byte, mime string, err error) {
	row, err := store.Row[struct {
		Sealed []byte `db:"sealed"`
		MIME   string `db:"mime"`
	}](ctx, l.db.R, `SELECT k.sealed, m.mime FROM content_kept k JOIN content_item m ON m.id = k.id WHERE k.id = $1 AND k.expires_ms > $2`, id, l.now().UnixMilli())
	if errors.Is(err, store.ErrNotFound) {
		return nil, "", fmt.Errorf("%w: %.80q", ErrNotKept, id)
	}
	if err != nil {
		return nil, "", fmt.Errorf("content: bytes of %s: %w", id, err)
	}
	if data, err = l.seal.Open(nil, nil, row.Sealed, []byte("content "+id)); err != nil {
		return nil, "", fmt.Errorf("content: bytes of %s do not open; they are damaged, or were kept under another key: %w", id, err)
	}
	return data, row.MIME, nil
}

// Delivered notes that content left.
func (l *Ledger) Delivered(ctx context.Context, d Delivery) error {
	if d.Content == "" || !slices.Contains([]string{"answer", "download", "export"}, d.How) {
		return &InvalidError{"how", d.How, "name the content, and one of answer, download, export"}
	}
	if d.At.IsZero() {
		d.At = l.now()
	}
	if _, err := l.j.Commit(ctx, journal.Write{Inserts: []journal.Insert{{Into: l.deliveries, Args: []any{store.NewID(), d.Content, d.At.UnixMilli(), d.How, d.To}}}}); err != nil {
		return fmt.Errorf("content: delivery of %s: %w", d.Content, err)
	}
	return nil
}

// Deliveries of one content, newest first, at most 500.
func (l *Ledger) Deliveries(ctx context.Context, id string) ([]Delivery, error) {
	rows, err := store.Rows[struct {
		At  int64  `db:"at_ms"`
		How string `db:"how"`
		To  string `db:"recipient"`
	}](ctx, l.db.R, `SELECT at_ms, how, recipient FROM content_delivery WHERE content = $1 ORDER BY at_ms DESC, id DESC LIMIT 500`, id)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	out := make([]Delivery, len(rows))
	for i, r := range rows {
		out[i] = Delivery{Content: id, At: time.UnixMilli(r.At).UTC(), How: r.How, To: r.To}
	}
	return out, nil
}

// row is an item as it is stored.
type row struct {
	ID          string `db:"id"`
	At          int64  `db:"at_ms"`
	Exchange    string `db:"exchange"`
	Service     string `db:"service"`
	Application string `db:"application"`
	Subject     string `db:"subject"`
	Operation   string `db:"operation"`
	Model       string `db:"model"`
	Medium      string `db:"medium"`
	MIME        string `db:"mime"`
	Bytes       int64  `db:"bytes"`
	Hash        string `db:"hash"`
	Raw         string `db:"raw"`
	Look        int64  `db:"look"`
	Explicit    string `db:"explicit"`
	Label       string `db:"label"`
	Expires     int64  `db:"expires_ms"`
}

func (r row) item() Item {
	m := Item{ID: r.ID, At: time.UnixMilli(r.At).UTC(), Exchange: r.Exchange, Service: r.Service, Application: r.Application, Subject: r.Subject, Operation: r.Operation,
		Model: r.Model, Medium: r.Medium, MIME: r.MIME, Bytes: r.Bytes, Hash: r.Hash, Raw: r.Raw, Perceptual: uint64(r.Look), Explicit: r.Explicit, Label: json.RawMessage("null")}
	if r.Label != "" {
		m.Label = json.RawMessage(r.Label)
	}
	if r.Expires > 0 {
		m.Expires = time.UnixMilli(r.Expires).UTC()
	}
	return m
}

// items reads those that a condition selects. What has expired and is not purged yet counts as not kept.
func (l *Ledger) items(ctx context.Context, where string, args ...any) ([]Item, error) {
	rows, err := store.Rows[row](ctx, l.db.R, `SELECT m.id, m.at_ms, m.exchange, m.service, m.application, m.subject, m.operation, m.model, m.medium, m.mime, m.bytes, m.hash, m.raw,
		m.look, m.explicit, m.label, COALESCE(k.expires_ms, 0) AS expires_ms FROM content_item m LEFT JOIN content_kept k ON k.id = m.id`+where, args...)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	now := l.now()
	out := make([]Item, len(rows))
	for i, r := range rows {
		if out[i] = r.item(); !out[i].Expires.After(now) {
			out[i].Expires = time.Time{}
		}
	}
	return out, nil
}

// found is the most items that a look-up by hash or text returns, newest first.
const found = 20

// ByID returns one item; ErrUnknown when there is none.
func (l *Ledger) ByID(ctx context.Context, id string) (Item, error) {
	list, err := l.items(ctx, ` WHERE m.id = $1`, id)
	if err == nil && len(list) == 0 {
		return Item{}, fmt.Errorf("%w: %.80q", ErrUnknown, id)
	}
	if err != nil {
		return Item{}, err
	}
	return list[0], nil
}

// ByHash returns the items whose delivered bytes, or whose bytes before labels, have this SHA-256 (hex), newest first, at most 20.
func (l *Ledger) ByHash(ctx context.Context, sha256 string) ([]Item, error) {
	if sha256 = strings.ToLower(sha256); !isHash(sha256) {
		return nil, nil
	}
	return l.items(ctx, ` WHERE m.hash = $1 OR m.raw = $2 ORDER BY m.at_ms DESC, m.id DESC LIMIT `+strconv.Itoa(found), sha256, sha256)
}

// ByText returns the items that gave out this text, newest first, at most 20. Worded labels, white space and width do not count, every
// other character does: a part of a text, or one that was changed, is not found, nor one of less than 20 characters.
func (l *Ledger) ByText(ctx context.Context, text string) ([]Item, error) {
	plain, ok := normal(text)
	if !ok {
		return nil, nil
	}
	return l.items(ctx, ` JOIN content_text t ON t.id = m.id WHERE t.digest = $1 ORDER BY m.at_ms DESC, m.id DESC LIMIT `+strconv.Itoa(found), l.digest("text", plain))
}

// Match is an item that looks like what was asked about.
type Match struct {
	Item
	Distance int `json:"distance"` // bits in which the perceptual hashes differ
}

// Near returns the images whose perceptual hash differs in at most most bits, nearest first and then newest, at most 20. All within a distance of
// NearMax (7) are found; most beyond it is taken as NearMax.
func (l *Ledger) Near(ctx context.Context, perceptual uint64, most int) ([]Match, error) {
	if perceptual == 0 {
		return nil, nil
	}
	most = min(most, NearMax)
	keys := probes(perceptual)
	marks, args := make([]string, len(keys)), make([]any, len(keys))
	for i, key := range keys {
		marks[i], args[i] = l.db.Mark(i+1), key
	}
	candidates, err := store.Rows[struct {
		ID   string `db:"id"`
		Look int64  `db:"look"`
	}](ctx, l.db.R, `SELECT DISTINCT id, look FROM content_look WHERE band IN (`+strings.Join(marks, ", ")+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	type near struct {
		id       string
		distance int
	}
	var list []near
	for _, c := range candidates {
		if d := Distance(perceptual, uint64(c.Look)); d <= most {
			list = append(list, near{c.ID, d})
		}
	}
	slices.SortFunc(list, func(a, b near) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(b.id, a.id) // ids are ULIDs: the newest first
	})
	var out []Match
	for _, n := range list[:min(len(list), found)] {
		m, err := l.ByID(ctx, n.id)
		if err != nil {
			return nil, err
		}
		out = append(out, Match{m, n.distance})
	}
	return out, nil
}
