package lexicon

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hegui/hegui/moderation"
)

// Cache is a folder that keeps the newest compiled lexicons, so that a start need not compile, and the processes of one
// machine share the memory of one. It may be emptied at any time: what is missing or damaged is compiled again.
type Cache string

// cacheKept is how many artefacts are kept: the one in force, the one before and one to come.
const cacheKept = 3

// Compile returns the lexicon of the entries, out of the cache if it is there.
func (c Cache) Compile(entries []moderation.Entry) (*moderation.Lexicon, error) {
	if c == "" {
		return moderation.Compile(entries)
	}
	hash := moderation.HashOf(entries)
	if l := c.Open(hash); l != nil {
		return l, nil
	}
	l, err := moderation.Compile(entries)
	if err != nil {
		return nil, err
	}
	_ = c.keep(c.file(hash), l) // a cache that cannot be written costs the next start its time, nothing else
	return l, nil
}

// Open returns the lexicon of a hash if it is there, else nil.
func (c Cache) Open(hash string) *moderation.Lexicon {
	if c == "" || hash == "" {
		return nil
	}
	l, err := openArtefact(c.file(hash))
	if err != nil || l.Hash() != hash {
		return nil
	}
	return l
}

func (c Cache) file(hash string) string { return filepath.Join(string(c), hash+".lexicon") }

// openArtefact maps an artefact and takes it up.
func openArtefact(file string) (*moderation.Lexicon, error) {
	data, release, err := mapFile(file)
	if err != nil {
		return nil, err
	}
	l, err := moderation.Load(data)
	if err != nil {
		release()
		return nil, err
	}
	freeWith(l, release)
	return l, nil
}

// keep writes an artefact whole or not at all, and takes the oldest away.
func (c Cache) keep(file string, l *moderation.Lexicon) error {
	if err := os.MkdirAll(string(c), 0o700); err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := l.WriteTo(&b); err != nil {
		return err
	}
	part, err := os.CreateTemp(string(c), "part-*")
	if err != nil {
		return err
	}
	_, err = part.Write(b.Bytes())
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("lexicon: cache: %w", err), os.Remove(part.Name()))
	}
	files, err := filepath.Glob(filepath.Join(string(c), "*.lexicon"))
	if err != nil {
		return err
	}
	for len(files) > cacheKept {
		oldest := 0
		for i := range files {
			if older(files[i], files[oldest]) {
				oldest = i
			}
		}
		if err := os.Remove(files[oldest]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		files = append(files[:oldest], files[oldest+1:]...)
	}
	return nil
}

func older(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errY == nil && (errX != nil || x.ModTime().Before(y.ModTime()))
}
