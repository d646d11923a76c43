package journal

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/hegui/hegui/internal/store"
)

// Proof shows that an event stands in a signed tree.
type Proof struct {
	Log        string   `json:"log"`
	Seq        int64    `json:"seq"`
	Leaf       string   `json:"leaf"`       // the exact bytes that were hashed (JSON)
	Size       int64    `json:"size"`       // of the tree that the checkpoint signs
	Hashes     []string `json:"hashes"`     // base64, RFC 6962 audit path
	Checkpoint string   `json:"checkpoint"` // C2SP tlog-checkpoint, a signed note
}

type checkpointRow struct {
	Size int64  `db:"size"`
	At   int64  `db:"at"`
	Note string `db:"note"`
}

// Signed is a stored checkpoint.
type Signed struct {
	Log  string    `json:"log"`
	Size int64     `json:"size"`
	At   time.Time `json:"at"`
	Note string    `json:"note"`
}

// Checkpoints lists the stored checkpoints of a tree, newest first.
func (j *Journal) Checkpoints(ctx context.Context, log string, limit int) ([]Signed, error) {
	rows, err := store.Rows[checkpointRow](ctx, j.db.R,
		`SELECT size, at, note FROM journal_checkpoint WHERE log = $1 ORDER BY size DESC LIMIT `+strconv.Itoa(max(1, limit)), log)
	if err != nil {
		return nil, fmt.Errorf("journal: checkpoints: %w", err)
	}
	out := make([]Signed, len(rows))
	for i, r := range rows {
		out[i] = Signed{Log: log, Size: r.Size, At: millis(r.At), Note: r.Note}
	}
	return out, nil
}

// Checkpoint signs the present tree, stores the note and returns it; an unchanged tree returns the stored note.
func (j *Journal) Checkpoint(ctx context.Context) (string, error) {
	if j.writer == nil {
		return "", ErrReadOnly
	}
	size, err := store.Row[int64](ctx, j.db.R, `SELECT size FROM journal_head WHERE log = $1`, j.o.Origin)
	if err != nil {
		return "", fmt.Errorf("journal: checkpoint: %w", err)
	}
	newest, err := j.Checkpoints(ctx, j.o.Origin, 1)
	if err != nil {
		return "", err
	}
	if len(newest) == 1 && newest[0].Size == size {
		return newest[0].Note, nil
	}
	root, err := tlog.TreeHash(size, newHashes(ctx, j.db.R, j.o.Origin))
	if err != nil {
		return "", fmt.Errorf("journal: checkpoint: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: checkpointText(j.o.Origin, size, root)}, j.o.Signer)
	if err != nil {
		return "", fmt.Errorf("journal: checkpoint: %w", err)
	}
	_, err = j.db.W.ExecContext(ctx, `INSERT INTO journal_checkpoint (log, size, at, note) VALUES ($1, $2, $3, $4) ON CONFLICT (log, size) DO NOTHING`,
		j.o.Origin, size, j.o.Now().UnixMilli(), string(signed))
	if err != nil {
		return "", fmt.Errorf("journal: checkpoint: %w", err)
	}
	return string(signed), nil
}

// checkpointText is the C2SP tlog-checkpoint body: origin, size, root, each on a line.
func checkpointText(origin string, size int64, root tlog.Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)
}

// parseCheckpoint verifies a signed note and takes it apart.
func parseCheckpoint(text string, v note.Verifier) (origin string, size int64, root tlog.Hash, err error) {
	n, err := note.Open([]byte(text), note.VerifierList(v))
	if err != nil {
		return "", 0, root, fmt.Errorf("checkpoint signature: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 {
		return "", 0, root, errors.New("checkpoint has fewer than three lines")
	}
	size, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return "", 0, root, fmt.Errorf("checkpoint size %q is not a number", lines[1])
	}
	root, err = tlog.ParseHash(lines[2])
	if err != nil {
		return "", 0, root, fmt.Errorf("checkpoint root: %w", err)
	}
	return lines[0], size, root, nil
}

// Prove returns the proof for one event, signing a fresh checkpoint if the newest of this node's tree does not cover it.
func (j *Journal) Prove(ctx context.Context, log string, seq int64) (Proof, error) {
	_, leaf, err := j.Leaf(ctx, log, seq)
	if err != nil {
		return Proof{}, err
	}
	newest, err := j.Checkpoints(ctx, log, 1)
	if err != nil {
		return Proof{}, err
	}
	if len(newest) == 0 || newest[0].Size <= seq {
		if log != j.o.Origin || j.writer == nil {
			return Proof{}, fmt.Errorf("journal: no checkpoint of %s covers event %d yet; sign one with `hegui journal checkpoint`", log, seq)
		}
		if _, err := j.Checkpoint(ctx); err != nil {
			return Proof{}, err
		}
		if newest, err = j.Checkpoints(ctx, log, 1); err != nil {
			return Proof{}, err
		}
	}
	path, err := tlog.ProveRecord(newest[0].Size, seq, newHashes(ctx, j.db.R, log))
	if err != nil {
		return Proof{}, fmt.Errorf("journal: prove %s#%d: %w", log, seq, err)
	}
	return Proof{Log: log, Seq: seq, Leaf: string(leaf), Size: newest[0].Size, Hashes: encode(path), Checkpoint: newest[0].Note}, nil
}

// Check verifies the proof with nothing but the public key.
func (p Proof) Check(v note.Verifier) error {
	origin, size, root, err := parseCheckpoint(p.Checkpoint, v)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if origin != p.Log || size != p.Size {
		return fmt.Errorf("journal: the checkpoint is of %s at %d, the proof of %s at %d", origin, size, p.Log, p.Size)
	}
	path := make(tlog.RecordProof, len(p.Hashes))
	for i, text := range p.Hashes {
		if path[i], err = tlog.ParseHash(text); err != nil {
			return fmt.Errorf("journal: hash %d of the proof: %w", i, err)
		}
	}
	if err := tlog.CheckRecord(path, size, root, p.Seq, tlog.RecordHash([]byte(p.Leaf))); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Consistency returns the proof that the tree of size old is a prefix of the tree of size new.
func (j *Journal) Consistency(ctx context.Context, log string, old, new int64) ([]string, error) {
	path, err := tlog.ProveTree(new, old, newHashes(ctx, j.db.R, log))
	if err != nil {
		return nil, fmt.Errorf("journal: consistency of %s from %d to %d: %w", log, old, new, err)
	}
	return encode(path), nil
}

func encode(path []tlog.Hash) []string {
	out := make([]string, len(path))
	for i, h := range path {
		out[i] = base64.StdEncoding.EncodeToString(h[:])
	}
	return out
}
