package journal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hegui/hegui/internal/store"
)

// ErrErased says that the subject's key has been destroyed, so nothing sealed under it can be read again.
var ErrErased = errors.New("journal: the subject has been erased")

// cachedKeys bounds the keys kept in memory; past it the cache starts anew.
const cachedKeys = 100_000

// sweepBack is how far behind the newest destruction seen another node's clock may be without its destructions being
// missed. Dropping a key twice from the cache costs nothing.
const sweepBack = time.Hour

// Vault keeps one key per subject (a user of a service), wrapped by the installation's master key. Content is sealed
// under it and committed to by an HMAC of it, so destroying it erases the content and unlinks the commitments at once.
type Vault struct {
	db   *store.DB
	j    *Journal
	wrap cipher.AEAD
	keys *Table

	mu         sync.RWMutex
	cache      map[string]*SubjectKey
	generation uint64
	swept      int64 // destroyed_at up to which the cache has been swept
}

// OpenVault needs a 32-byte master key, which never enters the database. The journal must be open (its tables exist).
func OpenVault(ctx context.Context, db *store.DB, j *Journal, master []byte) (*Vault, error) {
	if len(master) != 32 {
		return nil, fmt.Errorf("journal: master key has %d bytes, needs 32", len(master))
	}
	wrap, err := aead(master, "hegui vault wrap")
	if err != nil {
		return nil, err
	}
	v := &Vault{db: db, j: j, wrap: wrap, cache: map[string]*SubjectKey{},
		keys: &Table{Name: "subject_key", Columns: []string{"subject", "wrapped", "created_at", "destroyed_at"}}}
	// A wrong master key must show at start, not at the first inspection.
	row, err := store.Rows[keyRow](ctx, db.R, `SELECT subject, wrapped, destroyed_at FROM subject_key WHERE destroyed_at = 0 LIMIT 1`)
	if err != nil {
		return nil, fmt.Errorf("journal: vault: %w", err)
	}
	for _, r := range row {
		if _, err := v.unwrap(r); err != nil {
			return nil, fmt.Errorf("journal: the master key does not open this installation's keys; restore keys/ from the backup that belongs to the database: %w", err)
		}
	}
	return v, nil
}

type keyRow struct {
	Subject   string `db:"subject"`
	Wrapped   []byte `db:"wrapped"`
	Destroyed int64  `db:"destroyed_at"`
}

func aead(secret []byte, purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Subject returns the live key of a subject, creating it on first use (durable before Subject returns). Keys are cached;
// a destruction anywhere drops them within a second. A destroyed subject is ErrErased.
func (v *Vault) Subject(ctx context.Context, subject string) (*SubjectKey, error) {
	if subject == "" {
		return nil, errors.New("journal: vault: empty subject")
	}
	if err := v.sweep(ctx); err != nil {
		return nil, err
	}
	v.mu.RLock()
	key := v.cache[subject]
	v.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	for range 2 {
		key, err := v.load(ctx, subject)
		if !errors.Is(err, store.ErrNotFound) {
			return key, err
		}
		secret := make([]byte, 32)
		rand.Read(secret) // never fails, see crypto/rand
		wrapped := v.wrap.Seal(nil, nil, secret, []byte(subject))
		_, err = v.j.Commit(ctx, Write{Inserts: []Insert{{Into: v.keys, Args: []any{subject, wrapped, v.j.o.Now().UnixMilli(), int64(0)}}}})
		if err != nil && !store.IsUnique(err) { // another request or node made it first
			return nil, fmt.Errorf("journal: vault: %w", err)
		}
	}
	return v.load(ctx, subject)
}

func (v *Vault) load(ctx context.Context, subject string) (*SubjectKey, error) {
	v.mu.RLock()
	generation := v.generation
	v.mu.RUnlock()
	row, err := store.Row[keyRow](ctx, v.db.R, `SELECT subject, wrapped, destroyed_at FROM subject_key WHERE subject = $1`, subject)
	if err != nil {
		return nil, err
	}
	key, err := v.unwrap(row)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.generation != generation { // swept since the row was read: this key may be one of those destroyed
		return key, nil
	}
	if len(v.cache) >= cachedKeys {
		v.cache = map[string]*SubjectKey{}
	}
	v.cache[subject] = key
	return key, nil
}

func (v *Vault) unwrap(row keyRow) (*SubjectKey, error) {
	if row.Destroyed != 0 {
		return nil, ErrErased
	}
	secret, err := v.wrap.Open(nil, nil, row.Wrapped, []byte(row.Subject))
	if err != nil {
		return nil, fmt.Errorf("journal: key of subject %s does not open: %w", row.Subject, err)
	}
	seal, err := aead(secret, "hegui vault seal")
	if err != nil {
		return nil, err
	}
	commit, err := hkdf.Key(sha256.New, secret, nil, "hegui vault commit", 32)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return &SubjectKey{ID: row.Subject, seal: seal, commit: commit}, nil
}

// sweep drops the keys that have been destroyed since it last looked.
func (v *Vault) sweep(ctx context.Context) error {
	now := v.j.Generation()
	v.mu.RLock()
	fresh, swept := v.generation == now, v.swept
	v.mu.RUnlock()
	if fresh {
		return nil
	}
	rows, err := store.Rows[keyRow](ctx, v.db.R, `SELECT subject, wrapped, destroyed_at FROM subject_key WHERE destroyed_at > 0 AND destroyed_at >= $1`, swept-sweepBack.Milliseconds())
	if err != nil {
		return fmt.Errorf("journal: vault: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range rows {
		delete(v.cache, r.Subject)
		v.swept = max(v.swept, r.Destroyed)
	}
	v.generation = max(v.generation, now)
	return nil
}

// Destroy erases a subject: its wrapped key is overwritten in the same transaction as the event and, on SQLite, the
// write-ahead log truncated, so that the key is in no file of the database. When a long reading of another process keeps the
// log from being truncated, the key is destroyed and the error is one of store.IsBusy: erasing again, which adds no event,
// finishes the work.
func (v *Vault) Destroy(ctx context.Context, who Actor, subject, reason string) error {
	if reason == "" {
		return errors.New("journal: erase: a reason is required")
	}
	row, err := store.Row[keyRow](ctx, v.db.R, `SELECT subject, wrapped, destroyed_at FROM subject_key WHERE subject = $1`, subject)
	if err == nil && row.Destroyed != 0 {
		return v.truncate(ctx)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("journal: erase: %w", err)
	}
	body, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return fmt.Errorf("journal: erase: %w", err)
	}
	now := v.j.o.Now().UnixMilli()
	_, err = v.j.Commit(ctx, Write{
		Events: []Event{{Who: who, Verb: UserErased, Ref: Ref{Kind: "user", ID: subject}, Body: body}},
		Apply: func(ctx context.Context, tx *sql.Tx) error {
			// a subject that never had a key gets a destroyed one, so that none is made later
			_, err := tx.ExecContext(ctx, `INSERT INTO subject_key (subject, wrapped, created_at, destroyed_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (subject) DO UPDATE SET wrapped = $5, destroyed_at = $6`, subject, []byte{}, now, now, []byte{}, now)
			return err
		},
	})
	if err != nil {
		return fmt.Errorf("journal: erase: %w", err)
	}
	v.mu.Lock()
	delete(v.cache, subject)
	v.mu.Unlock()
	return v.truncate(ctx)
}

func (v *Vault) truncate(ctx context.Context) error {
	if err := v.db.Truncate(ctx); err != nil {
		return fmt.Errorf("journal: erase: the key is destroyed, but the write-ahead log still holds its old page; erase once more: %w", err)
	}
	return nil
}

// Check tries to open every live key and names those that do not open.
func (v *Vault) Check(ctx context.Context) ([]Damage, error) {
	rows, err := store.Rows[keyRow](ctx, v.db.R, `SELECT subject, wrapped, destroyed_at FROM subject_key WHERE destroyed_at = 0 ORDER BY subject`)
	if err != nil {
		return nil, fmt.Errorf("journal: vault: %w", err)
	}
	var damaged []Damage
	for _, r := range rows {
		if _, err := v.unwrap(r); err != nil {
			damaged = append(damaged, Damage{Table: "subject_key", Row: r.Subject, What: "the wrapped key does not open under the master key"})
		}
	}
	return damaged, nil
}

// SubjectKey seals and commits. It is safe for concurrent use.
type SubjectKey struct {
	ID     string // the subject
	seal   cipher.AEAD
	commit []byte
}

// Seal appends AES-256-GCM(plain) to dst: 12-byte random nonce, ciphertext, tag. aad binds it to its row.
func (k *SubjectKey) Seal(dst, plain []byte, aad string) []byte {
	return k.seal.Seal(dst, nil, plain, []byte(aad))
}

// Open reverses Seal; anything changed, aad included, is an error.
func (k *SubjectKey) Open(dst, sealed []byte, aad string) ([]byte, error) {
	plain, err := k.seal.Open(dst, nil, sealed, []byte(aad))
	if err != nil {
		return nil, fmt.Errorf("journal: sealed content of %s does not open: %w", k.ID, err)
	}
	return plain, nil
}

// Commitment is HMAC-SHA256 of data under the subject's commitment key, in lower-case hex, separated by domain.
func (k *SubjectKey) Commitment(domain string, data []byte) string {
	mac := hmac.New(sha256.New, k.commit)
	mac.Write([]byte(domain))
	mac.Write([]byte{0})
	mac.Write(data)
	return hex.EncodeToString(mac.Sum(nil))
}
