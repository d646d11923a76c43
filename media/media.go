// Package media says what stands in a file: what it is by its bytes, which words and pictures it holds, and whether all of that could be
// told. It judges nothing; who sends a file on must not take for looked at what stands in Unread.
//
// Words come out of text, HTML, DOCX, XLSX, PPTX and PDF (by PDFium, in a WebAssembly sandbox), and out of QR codes in pictures. What is in a
// picture or a recording otherwise is for a moderation.FileDetector to say.
package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/klippa-app/go-pdfium"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
)

// Bounds. Ours.
const (
	maxWords    = 8 << 20  // bytes of words in one file
	maxInflated = 64 << 20 // bytes of a packed document
	maxParts    = 4096     // of a packed document
	maxPictures = 64       // in one file
	maxPages    = 500      // of a PDF
	maxPixels   = 64 << 20 // of a picture that is decoded for QR codes
	maxNested   = 2        // documents in documents
	pageDPI     = 110      // at which a page with pictures is drawn; ours
	pdfTime     = 30 * time.Second
)

// Words are a text that stands in a file.
type Words struct {
	Where string // "page 2", "word/document.xml", "QR code"
	Text  string
}

// Picture is one that stands in a file.
type Picture struct {
	Where string
	MIME  string
	Bytes []byte
}

// Look is what stands in a file.
type Look struct {
	Name, Title, Medium, MIME string // by its content: pdf, PDF, document, application/pdf

	Words    []Words
	Pictures []Picture
	Unread   []string // what could not be read, and why; empty: all that this package reads of such a kind was

	// Label is what of a label stands in it, whosoever's (GB 45438-2025 6.1).
	Label label.Report
}

// ErrUnknown says that a file is of no kind that is known here.
var ErrUnknown = errors.New("the file is of no kind that is known here")

// BrokenError says what is wrong with a file that cannot be read at all.
type BrokenError struct{ Why string }

func (e *BrokenError) Error() string { return "the file cannot be read: " + e.Why }

// Reader reads files. It starts PDFium with the first PDF. Safe for concurrent use; close it.
type Reader struct {
	cache string

	mu     sync.Mutex
	pool   pdfium.Pool
	closed bool
	free   func() error
}

// NewReader keeps what PDFium is compiled to in a folder, so that it starts in a moment the next time; empty: nowhere.
func NewReader(cacheDir string) *Reader { return &Reader{cache: cacheDir} }

// Read tells what stands in a file. An error is ErrUnknown, a *BrokenError, or that of ctx.
func (r *Reader) Read(ctx context.Context, b []byte) (Look, error) {
	w := &walk{r: r, left: maxWords, inflated: maxInflated}
	look, err := w.read(ctx, b, 0)
	if err == nil {
		err = ctx.Err()
	}
	return look, err
}

// walk is the reading of one file and of those in it, within bounds.
type walk struct {
	r        *Reader
	look     *Look
	left     int // bytes of words that are still taken
	inflated int64
}

func (w *walk) read(ctx context.Context, b []byte, depth int) (Look, error) {
	if len(b) == 0 {
		return Look{}, &BrokenError{"it is empty"}
	}
	f := carrier.Bytes(b)
	var look Look
	switch format, ok := label.FormatOf(f); {
	case bytes.HasPrefix(b, []byte("%PDF-")) || !ok && bytes.Contains(b[:min(len(b), 1024)], []byte("%PDF-")): // readers take one that begins later
		look = Look{Name: "pdf", Title: "PDF", Medium: "document", MIME: "application/pdf"}
	case ok:
		look = Look{Name: format.Name, Title: format.Title, Medium: format.Medium, MIME: format.MIME[0]}
	case bytes.HasPrefix(b, []byte("BM")) && len(b) > 26:
		look = Look{Name: "bmp", Title: "BMP", Medium: "image", MIME: "image/bmp"}
	default:
		text, ok := plain(b)
		if !ok {
			return Look{}, ErrUnknown
		}
		look = Look{Name: "text", Title: "text", Medium: "document", MIME: "text/plain"}
		w.look = &look
		w.words("text", text)
		return look, nil
	}
	if depth == 0 {
		look.Label = label.Verify(f)
	}
	outer := w.look
	w.look = &look
	defer func() { w.look = outer }()
	var err error
	switch {
	case look.Name == "pdf":
		err = w.pdf(ctx, b)
	case look.Name == "docx" || look.Name == "xlsx" || look.Name == "pptx":
		err = w.packed(ctx, b, depth)
	case look.Medium == "image":
		err = w.codes("QR code", b)
	case look.Medium == "document" || look.Medium == "text":
		text, ok := plain(b)
		if !ok {
			return look, &BrokenError{"it is no text in UTF-8, UTF-16 or GB 18030"}
		}
		w.words("text", text)
		if look.Name == "html" {
			w.words("text without tags", untagged(text))
		}
	}
	return look, err
}

// words takes a text, or says that it is too much.
func (w *walk) words(where, text string) {
	if text == "" {
		return
	}
	if len(text) > w.left {
		w.unread(where, fmt.Sprintf("the file holds more than %d bytes of words", maxWords))
		text = text[:w.left]
		for len(text) > 0 && !utf8.ValidString(text[max(0, len(text)-utf8.UTFMax):]) {
			text = text[:len(text)-1]
		}
	}
	w.left -= len(text)
	w.look.Words = append(w.look.Words, Words{where, text})
}

// maxUnread bounds what is told of what could not be read.
const maxUnread = 16

func (w *walk) unread(where, why string) {
	if len(w.look.Unread) < maxUnread {
		w.look.Unread = append(w.look.Unread, where+": "+why)
	}
}

// picture takes a picture that stands in a document.
func (w *walk) picture(where, mime string, b []byte) {
	if len(w.look.Pictures) == maxPictures {
		w.unread(where, fmt.Sprintf("the file holds more than %d pictures", maxPictures))
		return
	}
	w.look.Pictures = append(w.look.Pictures, Picture{where, mime, b})
}

// plain is a text in the encodings that people here use.
func plain(b []byte) (string, bool) {
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		b = b[3:]
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		out, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(b)
		return string(out), err == nil && !binary(out)
	}
	if binary(b) {
		return "", false
	}
	if utf8.Valid(b) {
		return string(b), true
	}
	out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(b)
	return string(out), err == nil && !bytes.ContainsRune(out, utf8.RuneError)
}

// binary tells what is no text in any of them.
func binary(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b {
			return true
		}
	}
	return false
}
