package journal

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Keys are the secrets of an installation, kept as files beside the database and never in it. Losing master loses all
// sealed content; losing the signing key ends the line of checkpoints. Back them up apart from the database.
type Keys struct {
	Master   []byte // 32 bytes; wraps the subjects' keys
	Ticket   []byte // 32 bytes; signs acceptance links
	Signer   note.Signer
	Verifier note.Verifier
	Public   string // the verifier's text form, to hand to whoever checks an export
}

// LoadKeys reads DIR/master.key, ticket.key, journal.key and journal.pub, creating on first use what is missing. A key
// file that others can read is refused. origin names the signing key inside checkpoints.
func LoadKeys(dir, origin string) (Keys, error) {
	var k Keys
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return k, fmt.Errorf("journal: keys: %w", err)
	}
	var err error
	if k.Master, err = secret(filepath.Join(dir, "master.key")); err != nil {
		return k, err
	}
	if k.Ticket, err = secret(filepath.Join(dir, "ticket.key")); err != nil {
		return k, err
	}
	pub := filepath.Join(dir, "journal.pub")
	_, missing := os.Stat(pub) // before the key is looked for: the public half is only ever written after it
	private, err := loadOrCreate(filepath.Join(dir, "journal.key"), func() ([]byte, error) {
		if missing == nil {
			return nil, fmt.Errorf("%s is there but its journal.key is not; restore both from one backup", pub)
		}
		skey, _, err := note.GenerateKey(rand.Reader, origin)
		return []byte(skey + "\n"), err
	})
	if err != nil {
		return k, err
	}
	if k.Signer, err = note.NewSigner(strings.TrimSpace(string(private))); err != nil {
		return k, fmt.Errorf("journal: keys: journal.key: %w", err)
	}
	public, err := os.ReadFile(pub)
	if errors.Is(err, fs.ErrNotExist) {
		if public, err = publicOf(string(private)); err == nil {
			err = writeNew(pub, public, 0o644) // when another process was first, it wrote the same
		}
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err != nil {
		return k, fmt.Errorf("journal: keys: %w", err)
	}
	k.Public = strings.TrimSpace(string(public))
	if k.Verifier, err = note.NewVerifier(k.Public); err != nil {
		return k, fmt.Errorf("journal: keys: journal.pub: %w", err)
	}
	if k.Verifier.KeyHash() != k.Signer.KeyHash() {
		return k, fmt.Errorf("journal: keys: journal.pub does not belong to journal.key in %s; restore both from one backup", dir)
	}
	return k, nil
}

func secret(path string) ([]byte, error) {
	data, err := loadOrCreate(path, func() ([]byte, error) {
		b := make([]byte, 32)
		rand.Read(b)
		return b, nil
	})
	if err == nil && len(data) != 32 {
		return nil, fmt.Errorf("journal: keys: %s has %d bytes, needs 32", path, len(data))
	}
	return data, err
}

func loadOrCreate(path string, create func() ([]byte, error)) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err := create()
		if err != nil {
			return nil, fmt.Errorf("journal: keys: %w", err)
		}
		err = writeNew(path, data, 0o600)
		if errors.Is(err, fs.ErrExist) { // another process was first
			return os.ReadFile(path)
		}
		if err != nil {
			return nil, fmt.Errorf("journal: keys: %w", err)
		}
		return data, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("journal: keys: %s can be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("journal: keys: %w", err)
	}
	return data, nil
}

// writeNew makes a file that is whole and on disk when it appears; it is an fs.ErrExist if there is one already.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, writeErr := f.Write(data)
	if err := errors.Join(writeErr, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

// publicOf derives the verifier's text from the signer's ("PRIVATE+KEY+name+hash+base64(1, seed)").
func publicOf(private string) ([]byte, error) {
	parts := strings.SplitN(strings.TrimSpace(private), "+", 5)
	if len(parts) != 5 {
		return nil, errors.New("journal.key is not a note signer's key")
	}
	key, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(key) != 1+ed25519.SeedSize {
		return nil, errors.New("journal.key is not an Ed25519 key")
	}
	vkey, err := note.NewEd25519VerifierKey(parts[2], ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey))
	return []byte(vkey + "\n"), err
}
