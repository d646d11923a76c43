package journal

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hegui/hegui/internal/store"
)

// edge is the right edge of a tree: at each level whose bit is set in the size, the root of the last complete subtree.
// It is all that appending needs.
type edge [64]tlog.Hash

// append adds record n's hash and every subtree it completes to out, in tlog's order of stored hashes.
func (e *edge) append(out []byte, n int64, h tlog.Hash) []byte {
	out = append(out, h[:]...)
	level := 0
	for ; n>>level&1 == 1; level++ {
		h = tlog.NodeHash(e[level], h)
		out = append(out, h[:]...)
	}
	e[level] = h
	return out
}

// loadEdge reads the right edge of a tree of the given size.
func loadEdge(ctx context.Context, q store.Querier, log string, size int64) (edge, error) {
	var e edge
	var levels []int
	var indexes []int64
	for level := 0; size>>level > 0; level++ {
		if size>>level&1 == 1 {
			levels = append(levels, level)
			indexes = append(indexes, tlog.StoredHashIndex(level, size>>level-1))
		}
	}
	hashes, err := newHashes(ctx, q, log).ReadHashes(indexes)
	if err != nil {
		return e, err
	}
	for i, level := range levels {
		e[level] = hashes[i]
	}
	return e, nil
}

// hashes reads stored hashes of one tree; it is a tlog.HashReader. The row read last is kept, as neighbours are asked for
// together. Not safe for concurrent use.
type hashes struct {
	ctx   context.Context
	q     store.Querier
	log   string
	first int64
	row   []byte
}

func newHashes(ctx context.Context, q store.Querier, log string) *hashes {
	return &hashes{ctx: ctx, q: q, log: log, first: -1}
}

type hashRow struct {
	First  int64  `db:"first"`
	Hashes []byte `db:"hashes"`
}

// ReadHashes implements tlog.HashReader.
func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	order := make([]int, len(indexes))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return indexes[order[a]] < indexes[order[b]] })
	for _, i := range order {
		at := indexes[i]
		if h.first < 0 || at < h.first || at >= h.first+int64(len(h.row)/tlog.HashSize) {
			row, err := store.Row[hashRow](h.ctx, h.q,
				`SELECT first, hashes FROM journal_hash WHERE log = $1 AND first <= $2 ORDER BY first DESC LIMIT 1`, h.log, at)
			if err != nil {
				return nil, fmt.Errorf("journal: hash %d of %s: %w", at, h.log, err)
			}
			h.first, h.row = row.First, row.Hashes
		}
		from := int(at-h.first) * tlog.HashSize
		if from+tlog.HashSize > len(h.row) {
			return nil, fmt.Errorf("journal: hash %d of %s is missing", at, h.log)
		}
		copy(out[i][:], h.row[from:])
	}
	return out, nil
}

// appendLeaf appends the event as the bytes that are hashed and stored: one JSON object, keys in this order.
func (e *Event) appendLeaf(b []byte) []byte {
	b = append(b, `{"log":`...)
	b = appendString(b, e.Log)
	b = append(b, `,"seq":`...)
	b = strconv.AppendInt(b, e.Seq, 10)
	b = append(b, `,"id":`...)
	b = appendString(b, e.ID)
	b = append(b, `,"at":"`...)
	b = e.At.AppendFormat(b, leafTime)
	b = append(b, `","who":{"kind":`...)
	b = appendString(b, e.Who.Kind)
	b = append(b, `,"id":`...)
	b = appendString(b, e.Who.ID)
	b = append(b, `},"verb":`...)
	b = appendString(b, string(e.Verb))
	b = append(b, `,"ref":{"kind":`...)
	b = appendString(b, e.Ref.Kind)
	b = append(b, `,"id":`...)
	b = appendString(b, e.Ref.ID)
	b = append(b, `},"body":`...)
	b = append(b, e.Body...)
	return append(b, '}')
}

// leafTime is RFC 3339 with exactly three decimals, UTC.
const leafTime = "2006-01-02T15:04:05.000Z07:00"

// appendString appends s as a JSON string; anything but plain ASCII takes the escaping way.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20 || r == 0x7f || r == 0x2028 || r == 0x2029:
			b = append(b, fmt.Sprintf(`\u%04x`, r)...)
		default:
			b = append(b, string(r)...) // invalid UTF-8 arrives here as U+FFFD
		}
	}
	return append(b, '"')
}

// millis turns a stored time back.
func millis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
