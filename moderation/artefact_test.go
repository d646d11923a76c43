package moderation

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func artefact(t testing.TB, l *Lexicon) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := l.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestArtefactIsTheLexicon: what is loaded finds what was compiled, and writes the same bytes again.
func TestArtefactIsTheLexicon(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		entries := drawEntries(r)
		l, err := Compile(entries)
		if err != nil {
			r.Fatal(err)
		}
		data := artefact(t, l)
		loaded, err := Load(data)
		if err != nil {
			r.Fatal(err)
		}
		if loaded.Hash() != l.Hash() || !reflect.DeepEqual(loaded.Entries(), l.Entries()) || !bytes.Equal(artefact(t, loaded), data) {
			r.Fatalf("another lexicon came back: %+v", loaded.Entries())
		}
		text := []byte(drawText(r, "text", textPieces, 0, 30))
		if a, b := l.Scan(text), loaded.Scan(text); !slices.EqualFunc(a, b, Finding.Equal) {
			r.Fatalf("%q\ncompiled %+v\nloaded   %+v", text, a, b)
		}
	})
}

func TestLoadRefuses(t *testing.T) {
	data := artefact(t, lexicon(t, testEntries...))
	sealed := func(change func([]byte)) []byte {
		c := slices.Clone(data)
		change(c)
		sum := sha256.Sum256(c[artefactHead:])
		copy(c[len(artefactMagic):], sum[:])
		return c
	}
	for name, bad := range map[string][]byte{
		"nothing":        nil,
		"a text":         []byte("禁果\n出售\n"),
		"cut":            data[:len(data)-9],
		"one bit":        func() []byte { c := slices.Clone(data); c[len(c)/2] ^= 1; return c }(),
		"other folding":  sealed(func(c []byte) { copy(c[bytes.Index(c, []byte("fold/")):], "fold/0") }),
		"huge a section": sealed(func(c []byte) { c[artefactHead+7] = 0x7F }),
	} {
		if _, err := Load(bad); !errors.Is(err, ErrArtefact) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLoadFromAFile: the artefact works from where it lies, at any alignment.
func TestLoadFromAFile(t *testing.T) {
	l := lexicon(t, StarterEntries()...)
	file := filepath.Join(t.TempDir(), "lexicon")
	if err := os.WriteFile(file, append([]byte("x"), artefact(t, l)...), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(data[1:])
	if err != nil {
		t.Fatal(err)
	}
	text := []byte("百家乐注册送")
	if got := loaded.Scan(text); len(got) == 0 || !slices.EqualFunc(got, l.Scan(text), Finding.Equal) {
		t.Fatalf("got %+v", got)
	}
}

// FuzzLoad: a damaged artefact whose checksum is right is refused or works; it never fails while scanning.
func FuzzLoad(f *testing.F) {
	l, err := Compile(testEntries)
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := l.WriteTo(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(100, byte(1), 5000, byte(255))
	f.Fuzz(func(t *testing.T, at int, x byte, at2 int, y byte) {
		c := slices.Clone(b.Bytes())
		body := c[artefactHead:]
		body[uint(at)%uint(len(body))] ^= x
		body[uint(at2)%uint(len(body))] ^= y
		sum := sha256.Sum256(body)
		copy(c[len(artefactMagic):], sum[:])
		if l, err := Load(c); err == nil {
			l.Scan([]byte("abc 禁果出售枪 ａｂ x y aab"))
			l.ScanStateful([]byte("abc 禁果出售枪 ａｂ x y aab"))
		}
	})
}

func BenchmarkLoad(b *testing.B) {
	l := lexicon(b, StarterEntries()...)
	data := artefact(b, l)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Load(data); err != nil {
			b.Fatal(err)
		}
	}
}
