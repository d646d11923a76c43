// Package content is the ledger of what was generated here (内容台账): which exchange, model and service a content ID (the label's ProduceID) belongs to, what
// the delivered bytes were, how they look, and where they went; so that "was this made here?" can be answered from an id, a file or a text
// (Art 12 with the Labelling Measures, GB 45438-2025). It keeps beside it the register of content given without an explicit label (Labelling
// Measures Art 9).
//
// It never keeps a text: a keyed digest of it answers whether this text was given out. The key is not in the database.
package content

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

//go:embed sql/*.sql
var migrations embed.FS

// Item is one generated content. Times are UTC.
type Item struct {
	ID          string          `json:"id"` // the label's ProduceID; one a file
	At          time.Time       `json:"at"`
	Exchange    string          `json:"exchange"`
	Service     string          `json:"service"`
	Application string          `json:"application"`
	Subject     string          `json:"subject"` // pseudonym; "" when the user has been erased
	Operation   string          `json:"operation"`
	Model       string          `json:"model"`
	Medium      string          `json:"medium"` // image, audio, video, document, text
	MIME        string          `json:"mime"`
	Bytes       int64           `json:"bytes"`      // length of what was delivered
	Hash        string          `json:"hash"`       // SHA-256, hex, of the delivered, labelled bytes; "" for text
	Raw         string          `json:"raw"`        // SHA-256, hex, of the bytes before labels, "" when not known
	Perceptual  uint64          `json:"perceptual"` // how it looks (Perceptual); 0: none
	Explicit    string          `json:"explicit"`   // what visible or audible mark it has: mark, rhythm, clip, ui, none; text for words in a text
	Label       json.RawMessage `json:"label"`      // the implicit label; null when there is none
	Expires     time.Time       `json:"expires"`    // of the kept bytes; zero: none are kept

	// Texts are what Insert takes keyed digests of, one a choice: the visible text. They are not kept and never read back.
	Texts []string `json:"-"`
}

// Media are the values of Item.Medium.
func Media() []string { return []string{"image", "audio", "video", "document", "text"} }

// Delivery is one time that content left.
type Delivery struct {
	Content string    `json:"content"` // content ID
	At      time.Time `json:"at"`      // now when zero
	How     string    `json:"how"`     // answer, download, export
	To      string    `json:"to"`      // application
}

// Errors of the ledger.
var (
	ErrUnknown = errors.New("content: there is no content of this id")
	// ErrNotKept says that bytes were never kept, have been deleted when their time was over, or with the user.
	ErrNotKept = errors.New("content: its bytes are not kept, or no longer")
)

// InvalidError is bad input: the field, the value, and how to mend it.
type InvalidError struct{ Field, Value, Mend string }

func (e *InvalidError) Error() string {
	if e.Value == "" {
		return "content: " + e.Field + ": " + e.Mend
	}
	return fmt.Sprintf("content: %s %.80q: %s", e.Field, e.Value, e.Mend)
}

// Ledger is the open ledger. Safe for concurrent use, also of several processes.
type Ledger struct {
	db      *store.DB
	j       *journal.Journal
	now     func() time.Time
	digests []byte      // key of the digests of texts and of the register of unlabelled deliveries
	seal    cipher.AEAD // of kept bytes
	eyes    chan struct{}

	deliveries *journal.Table
}

// looking is how many images are decoded at once, for their pixels lie in memory.
const looking = 2

// Open migrates the tables. secret is one of the installation (journal.Keys.Ticket), at least 32 bytes; from it come, for this ledger alone, the
// key of the digests and that of kept bytes. With another secret, texts are not found and kept bytes do not open.
func Open(ctx context.Context, db *store.DB, j *journal.Journal, secret []byte) (*Ledger, error) {
	if len(secret) < 32 {
		return nil, fmt.Errorf("content: the secret has %d bytes; at least 32 are needed", len(secret))
	}
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	if err := db.Migrate(ctx, "content", files); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	l := &Ledger{db: db, j: j, now: time.Now, eyes: make(chan struct{}, looking),
		deliveries: &journal.Table{Name: "content_delivery", Columns: []string{"id", "content", "at_ms", "how", "recipient"}}}
	if l.digests, err = hkdf.Key(sha256.New, secret, nil, "hegui content digests", 32); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "hegui content kept bytes", 32)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	if l.seal, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	return l, nil
}

// digest is a keyed digest, hex; domains keep texts and rows apart.
func (l *Ledger) digest(domain, text string) string {
	mac := hmac.New(sha256.New, l.digests)
	mac.Write([]byte(domain))
	mac.Write([]byte{0})
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}
