// Package carrier holds what the readers and writers of all file formats share: a file that is read within bounds, the places where an
// implicit label stands in it, errors that name the offset and the rule, and an edit that keeps the file as it is but for a few
// pieces. Pure: no disk, no clock.
package carrier

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Label is what is written into a file.
type Label struct {
	Value  string // the JSON text of the seven keys (GB 45438-2025 Annex E), bare; what stands around it is the format's business
	Source string // IPTC digital source type, a URI, for formats that carry XMP; "" leaves what is there
}

// Format is what one kind of file can do.
type Format struct {
	Name       string   // short and stable, as in "png": it is what reports and the CLI say
	Title      string   // as people know it: "PNG image"
	MIME       []string // the first is written, all are known
	Extensions []string // without a dot; the first is the usual one
	Medium     string   // "image", "audio", "video", "document", "text"
	Place      string   // where the guide puts the label
	Guide      string   // the practice guide that says so, or "ours"

	// Is tells by the first bytes (at most HeadSize, fewer in a short file) and, for formats in containers, by looking further.
	Is func(f *File) bool

	// Sites returns every place a label stands in, in all wrappings known to be in use, conforming or not. An error means that the file could
	// not be read as a whole: then no site is no proof of none, and those returned were found before the fault.
	Sites func(f *File) ([]Site, error)

	// Put returns the file with this label in the place the guide names and in no other: what stood in any of Sites is replaced. Everything
	// else is kept: pixels and samples bit for bit, metadata of others as they were. Putting the same label twice changes
	// nothing further. A file that cannot be read as a whole is refused with the error of Sites, and nothing is written.
	Put func(f *File, l Label) (*Edit, error)
}

// HeadSize is how many of a file's first bytes tell its kind.
const HeadSize = 4096

// Site is one place where a label stands.
type Site struct {
	Place    string // in the format's own words: "iTXt XML:com.adobe.xmp", "moov.udta.meta AIGC"
	Offset   int64  // where the value, or what is packed around it, begins in the file
	Value    string // the value as text: bare or wrapped JSON as found; what was no JSON (YAML) as the JSON it stands for
	Standard bool   // the place and the form that the guide names
	Remark   string // why it is not, when it is not: "bare moov.meta; the guide says moov.udta.meta"
}

// Limits, ours: what a reader takes before it gives up with TooLarge.
const (
	MaxRead  = 64 << 20 // one read into memory
	MaxParts = 1 << 20  // chunks, boxes, elements or entries of a file
	MaxDepth = 32       // containers within containers
	MaxSites = 64       // labels in one file
)

// Kind says what is wrong with a file.
type Kind string

const (
	Truncated   Kind = "truncated"   // ends before it should
	Malformed   Kind = "malformed"   // breaks a rule of its format
	Unsupported Kind = "unsupported" // right, and not something we read or write
	TooLarge    Kind = "too_large"   // beyond our limits
	Encrypted   Kind = "encrypted"
	Unreadable  Kind = "unreadable" // the medium failed
)

// Error is what is wrong with a file, and where.
type Error struct {
	Format string // of the file
	Kind   Kind
	Offset int64  // in bytes from the beginning, -1 where no place can be named
	Rule   string // the rule it breaks, with what was found: "chunk IHDR must be 13 bytes long, says 12"
	Err    error  // beneath it, if any
}

func (e *Error) Error() string {
	at := ""
	if e.Offset >= 0 {
		at = fmt.Sprintf(" at byte %d", e.Offset)
	}
	if e.Err != nil {
		return fmt.Sprintf("%s: %s%s: %s: %v", e.Format, e.Kind, at, e.Rule, e.Err)
	}
	return fmt.Sprintf("%s: %s%s: %s", e.Format, e.Kind, at, e.Rule)
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of a file's error, "" for other errors.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// File is a file to be read. It holds nothing in memory that was not there before.
type File struct {
	from io.ReaderAt
	size int64
	mem  []byte // the whole file, when it was given as bytes
	ext  string // what its name ends with, when that is known
}

// Bytes is a file that lies in memory. It is not copied and must not change while in use.
func Bytes(b []byte) *File { return &File{from: bytes.NewReader(b), size: int64(len(b)), mem: b} }

// Open is a file of size bytes that from reads.
func Open(from io.ReaderAt, size int64) *File { return &File{from: from, size: size} }

// Named is the file with the end of its name, which tells kinds that their bytes do not: a short note may be Markdown or plain text.
func (f *File) Named(name string) *File {
	named := *f
	named.ext = strings.ToLower(path.Ext(name))
	return &named
}

// Ext is what the file's name ends with, such as .md; empty when it is not known.
func (f *File) Ext() string { return f.ext }

// Size of the file in bytes.
func (f *File) Size() int64 { return f.size }

// ReadAt reads as io.ReaderAt.
func (f *File) ReadAt(p []byte, at int64) (int, error) { return f.from.ReadAt(p, at) }

// Head is the first bytes of the file, at most HeadSize.
func (f *File) Head() []byte {
	b, err := f.Read("", 0, min(f.size, HeadSize))
	if err != nil {
		return nil
	}
	return b
}

// Has tells whether n bytes from at on lie within the file. It does not overflow.
func (f *File) Has(at, n int64) bool { return at >= 0 && n >= 0 && at <= f.size && n <= f.size-at }

// Read returns the n bytes at a place, without a copy where the file lies in memory: they must not be changed. The error, an
// *Error under the name of the format, says that the file is cut short, cannot be read, or that n is beyond MaxRead.
func (f *File) Read(format string, at, n int64) ([]byte, error) {
	switch {
	case !f.Has(at, n):
		return nil, &Error{Format: format, Kind: Truncated, Offset: at, Rule: fmt.Sprintf("%d bytes should stand here, the file has %d in all", n, f.size)}
	case n > MaxRead:
		return nil, &Error{Format: format, Kind: TooLarge, Offset: at, Rule: fmt.Sprintf("%d bytes would be read at once, the limit is %d", n, int64(MaxRead))}
	case f.mem != nil:
		return f.mem[at : at+n : at+n], nil
	}
	b := make([]byte, n)
	if got, err := f.from.ReadAt(b, at); int64(got) < n {
		return nil, &Error{Format: format, Kind: Unreadable, Offset: at, Rule: "the file could not be read", Err: err}
	}
	return b, nil
}

// Section reads a stretch of the file from its beginning.
func (f *File) Section(at, n int64) *io.SectionReader { return io.NewSectionReader(f.from, at, n) }
