package operator

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Cost of a password hash: argon2id (RFC 9106) with 19 MiB of memory, 2 passes and 1 lane, OWASP's first choice for
// log-ins; about 30 ms here. At most hashSlots are computed at once, so that a flood of log-ins costs at most 38 MiB.
const (
	hashMemory = 19 * 1024 // KiB
	hashTime   = 2
	hashLanes  = 1
	hashSalt   = 16
	hashLength = 32
	hashSlots  = 2

	// MinPassword is the shortest password taken, in characters; no other rule is set (length beats composition).
	MinPassword = 10
	maxPassword = 1024 // bytes; longer input would only burn CPU
)

// hasher computes argon2id hashes, a bounded number at a time.
type hasher struct {
	slots chan struct{}
	dummy string // compared against when nobody has the login, so that the time taken does not tell
}

func newHasher() (*hasher, error) {
	h := &hasher{slots: make(chan struct{}, hashSlots)}
	dummy, err := h.hash(context.Background(), rand.Text())
	if err != nil {
		return nil, err
	}
	h.dummy = dummy
	return h, nil
}

// hash returns a fresh hash in PHC format.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, hashSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("operator: salt: %w", err)
	}
	sum, err := h.argon(ctx, password, salt, hashTime, hashMemory, hashLanes, hashLength)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashLanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum)), nil
}

// matches recomputes stored with its own cost, so that hashes made under an older cost keep working, and compares in
// constant time. An empty or unreadable stored hash costs as much as a real one and never matches.
func (h *hasher) matches(ctx context.Context, stored, password string) (bool, error) {
	salt, sum, m, t, p, err := parsePHC(stored)
	usable := err == nil
	if !usable {
		if salt, sum, m, t, p, err = parsePHC(h.dummy); err != nil {
			return false, err
		}
	}
	if len(password) > maxPassword {
		password, usable = password[:maxPassword], false
	}
	got, err := h.argon(ctx, password, salt, t, m, p, uint32(len(sum)))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, sum) == 1 && usable, nil
}

func (h *hasher) argon(ctx context.Context, password string, salt []byte, t, m uint32, p uint8, n uint32) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("operator: hash password: %w", ctx.Err())
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(password), salt, t, m, p, n), nil
}

func parsePHC(s string) (salt, sum []byte, m, t uint32, p uint8, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, nil, 0, 0, 0, fmt.Errorf("operator: not an argon2id hash")
	}
	if _, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &p); err != nil {
		return nil, nil, 0, 0, 0, fmt.Errorf("operator: cost of the hash: %w", err)
	}
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return nil, nil, 0, 0, 0, fmt.Errorf("operator: salt of the hash: %w", err)
	}
	if sum, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return nil, nil, 0, 0, 0, fmt.Errorf("operator: hash: %w", err)
	}
	if m == 0 || m > 1<<20 || t == 0 || t > 16 || p == 0 || len(sum) < 16 {
		return nil, nil, 0, 0, 0, fmt.Errorf("operator: cost of the hash out of range")
	}
	return salt, sum, m, t, p, nil
}

// checkPassword says what is wrong with a new password.
func checkPassword(login, password string) error {
	switch n := utf8.RuneCountInString(password); {
	case n < MinPassword:
		return &InvalidError{Field: "password", Value: fmt.Sprintf("%d characters", n), Mend: fmt.Sprintf("use at least %d characters; a short sentence is easy to keep in mind", MinPassword), Code: "short"}
	case len(password) > maxPassword:
		return &InvalidError{Field: "password", Value: fmt.Sprintf("%d bytes", len(password)), Mend: fmt.Sprintf("use at most %d bytes", maxPassword), Code: "long"}
	case !utf8.ValidString(password):
		return &InvalidError{Field: "password", Value: "bytes that are not UTF-8", Mend: "type it again", Code: "utf8"}
	case strings.EqualFold(password, login):
		return &InvalidError{Field: "password", Value: "the login itself", Mend: "use something that others do not know", Code: "login"}
	}
	return nil
}
