package content

import (
	"bufio"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/hegui/hegui/measures"
)

// Blocklist is the operator's list of files that are not taken and not given out: by their bytes, and images by how they look. Safe for
// concurrent use.
type Blocklist struct {
	hashes map[string]BlockedFile
	looks  []BlockedFile
}

// BlockedFile is a line of the list.
type BlockedFile struct {
	Line int
	Hash string // SHA-256, or empty
	Look uint64 // perceptual hash, or 0
	Risk string // of GB/T 45654-2025 Annex A
}

// ID names a line in findings, without telling what it looks for.
func (f BlockedFile) ID() string { return "line " + strconv.Itoa(f.Line) }

const maxBlocked = 1 << 20

// ReadBlocklist reads a list: a line is "sha256:…" or "look:…" (16 hexadecimal digits), a space or tab, and a risk such as A1f; what follows is a note,
// lines that begin with # are comments. Errors name the line.
func ReadBlocklist(r io.Reader) (*Blocklist, error) {
	b := &Blocklist{hashes: map[string]BlockedFile{}}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if text == "" || text[0] == '#' {
			continue
		}
		f := strings.Fields(text)
		bad := func(format string, args ...any) (*Blocklist, error) {
			return nil, fmt.Errorf("line %d: %s", n, fmt.Sprintf(format, args...))
		}
		if len(f) < 2 {
			return bad("write sha256:… or look:…, a space and a risk such as A1f")
		}
		risk, ok := measures.RiskByID(f[1])
		if !ok {
			return bad("%.40q is no risk of GB/T 45654-2025 Annex A; write A1a to A5b", f[1])
		}
		entry := BlockedFile{Line: n, Risk: risk.ID}
		kind, value, _ := strings.Cut(f[0], ":")
		switch raw, err := hex.DecodeString(value); {
		case kind == "sha256" && err == nil && len(raw) == 32:
			entry.Hash = strings.ToLower(value)
			b.hashes[entry.Hash] = entry
		case kind == "look" && err == nil && len(raw) == 8:
			entry.Look, err = strconv.ParseUint(value, 16, 64)
			if err != nil || bits.OnesCount64(entry.Look) < 8 || bits.OnesCount64(entry.Look) > 56 {
				return bad("%.40q is the look of hardly anything, and would meet too much", f[0])
			}
			b.looks = append(b.looks, entry)
		default:
			return bad("%.80q: write sha256: with 64 or look: with 16 hexadecimal digits (hegui content hash FILE prints both)", f[0])
		}
		if len(b.hashes)+len(b.looks) > maxBlocked {
			return bad("the list has more than %d files", maxBlocked)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, errors.New("a line is too long")
	} else if err != nil {
		return nil, err
	}
	return b, nil
}

// Len is the number of files on the list.
func (b *Blocklist) Len() int { return len(b.hashes) + len(b.looks) }

// Find tells whether a file is on the list. Images that look alike are found too (NearMax).
func (b *Blocklist) Find(file []byte) (BlockedFile, bool) {
	if f, ok := b.hashes[hashOf(file)]; ok {
		return f, true
	}
	if len(b.looks) == 0 {
		return BlockedFile{}, false
	}
	look, err := PerceptualFile(file)
	if err != nil || look == 0 {
		return BlockedFile{}, false
	}
	near := slices.MinFunc(b.looks, func(x, y BlockedFile) int { return cmp.Compare(Distance(x.Look, look), Distance(y.Look, look)) })
	return near, Distance(near.Look, look) <= NearMax
}

// BlockLines are the lines of a list that find a file: by its bytes and, where it is an image that can be told from others, by its look.
func BlockLines(file []byte, risk string) []string {
	lines := []string{"sha256:" + hashOf(file) + " " + risk}
	if look, err := PerceptualFile(file); err == nil && look != 0 {
		lines = append(lines, fmt.Sprintf("look:%016x %s", look, risk))
	}
	return lines
}
