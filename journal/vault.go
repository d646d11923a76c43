package journal

import (
	"context"

	"github.com/hegui/hegui/internal/store"
)

// Vault keeps one key per subject (a user of a service), wrapped by the installation's master key. Content is sealed
// under it and committed to by an HMAC of it, so destroying it erases the content and unlinks the commitments at once.
type Vault struct{ db *store.DB }

// OpenVault needs a 32-byte master key, which never enters the database.
func OpenVault(ctx context.Context, db *store.DB, j *Journal, master []byte) (*Vault, error) {
	panic("skeleton")
}

// Subject returns the live key of a subject, creating it on first use (durable before Subject returns). Keys are cached
// and the cache is dropped when the journal's Generation moves. A destroyed subject is ErrErased.
func (v *Vault) Subject(ctx context.Context, subject string) (*SubjectKey, error) { panic("skeleton") }

// Destroy erases a subject: its wrapped key is overwritten and, on SQLite, the write-ahead log truncated.
func (v *Vault) Destroy(ctx context.Context, who Actor, subject, reason string) error {
	panic("skeleton")
}

// SubjectKey seals and commits. It is safe for concurrent use.
type SubjectKey struct{ ID string }

// Seal appends AES-256-GCM(plain) to dst: 12-byte random nonce, ciphertext, tag. aad binds it to its row.
func (k *SubjectKey) Seal(dst, plain []byte, aad string) []byte { panic("skeleton") }

// Open reverses Seal.
func (k *SubjectKey) Open(dst, sealed []byte, aad string) ([]byte, error) { panic("skeleton") }

// Commitment is HMAC-SHA256 of data under the subject's commitment key, in lower-case hex, separated by domain.
func (k *SubjectKey) Commitment(domain string, data []byte) string { panic("skeleton") }

// ErrErased says that the subject's key has been destroyed, so nothing sealed under it can be read again.
var ErrErased = errErased{}

type errErased struct{}

func (errErased) Error() string { return "journal: the subject has been erased" }
