package journal

import (
	"crypto/rand"
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
	private, err := loadOrCreate(filepath.Join(dir, "journal.key"), func() ([]byte, error) {
		skey, vkey, err := note.GenerateKey(rand.Reader, origin)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "journal.pub"), []byte(vkey+"\n"), 0o644); err != nil {
			return nil, err
		}
		return []byte(skey + "\n"), nil
	})
	if err != nil {
		return k, err
	}
	if k.Signer, err = note.NewSigner(strings.TrimSpace(string(private))); err != nil {
		return k, fmt.Errorf("journal: keys: journal.key: %w", err)
	}
	public, err := os.ReadFile(filepath.Join(dir, "journal.pub"))
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
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) { // another process was first
			return os.ReadFile(path)
		}
		if err != nil {
			return nil, fmt.Errorf("journal: keys: %w", err)
		}
		_, writeErr := f.Write(data)
		if err := errors.Join(writeErr, f.Sync(), f.Close()); err != nil {
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
