package carrier

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
)

// Change replaces the Remove bytes at a place of the original by Insert.
type Change struct {
	At, Remove int64
	Insert     []byte
}

// Edit is a file as it is to be: stretches of the original and new bytes, in order. Nothing is copied before it is written or read. The
// original must stay open and unchanged for as long as the edit is used.
type Edit struct {
	file   *File
	pieces []piece
	size   int64
}

// piece is a stretch of the edited file: new bytes, or bytes of the original.
type piece struct {
	start int64 // in the edited file
	n     int64
	from  int64  // in the original, when insert is nil
	bytes []byte // new
}

// NewEdit makes the changes to a file. They must not overlap and must lie within the file; what is inserted at a place
// stands in the order given, before what replaces the bytes there. The
// error is one of the caller's, not of the file.
func NewEdit(f *File, changes ...Change) (*Edit, error) {
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(min(a.Remove, 1), min(b.Remove, 1)))
	})
	e := &Edit{file: f}
	at := int64(0)
	for _, c := range changes {
		if c.At < at || !f.Has(c.At, c.Remove) {
			return nil, fmt.Errorf("carrier: change of %d bytes at %d overlaps another or leaves the file of %d bytes", c.Remove, c.At, f.size)
		}
		e.keep(at, c.At-at)
		e.insert(c.Insert)
		at = c.At + c.Remove
	}
	e.keep(at, f.size-at)
	return e, nil
}

func (e *Edit) keep(from, n int64) {
	if n == 0 {
		return
	}
	if k := len(e.pieces) - 1; k >= 0 && e.pieces[k].bytes == nil && e.pieces[k].from+e.pieces[k].n == from {
		e.pieces[k].n += n
	} else {
		e.pieces = append(e.pieces, piece{start: e.size, n: n, from: from})
	}
	e.size += n
}

func (e *Edit) insert(b []byte) {
	if len(b) == 0 {
		return
	}
	e.pieces = append(e.pieces, piece{start: e.size, n: int64(len(b)), bytes: b})
	e.size += int64(len(b))
}

// Size of the edited file in bytes.
func (e *Edit) Size() int64 { return e.size }

// File is the edited file, to be read back before it is written anywhere.
func (e *Edit) File() *File { return Open(e, e.size) }

// ReadAt reads the edited file; it is an io.ReaderAt.
func (e *Edit) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, fmt.Errorf("carrier: read at %d", at)
	}
	k, found := slices.BinarySearchFunc(e.pieces, at, func(p piece, at int64) int { return cmp.Compare(p.start, at) })
	if !found {
		k--
	}
	for ; n < len(p) && k >= 0 && k < len(e.pieces); k++ {
		x := e.pieces[k]
		skip := at + int64(n) - x.start
		if skip >= x.n {
			break
		}
		want := p[n:min(int64(len(p)), int64(n)+x.n-skip)]
		if x.bytes != nil {
			n += copy(want, x.bytes[skip:])
			continue
		}
		got, err := e.file.from.ReadAt(want, x.from+skip)
		if n += got; got < len(want) {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteTo writes the edited file; it is an io.WriterTo.
func (e *Edit) WriteTo(w io.Writer) (n int64, err error) {
	var buffer []byte
	for _, x := range e.pieces {
		var m int64
		switch {
		case x.bytes != nil:
			var k int
			k, err = w.Write(x.bytes)
			m = int64(k)
		case e.file.mem != nil:
			var k int
			k, err = w.Write(e.file.mem[x.from : x.from+x.n])
			m = int64(k)
		default:
			if buffer == nil {
				buffer = make([]byte, min(e.file.size, copySize))
			}
			m, err = e.copy(w, x, buffer)
		}
		if n += m; err != nil {
			return n, err
		}
	}
	return n, nil
}

// copySize is how much of the original is copied at once: fewer calls of the system than with io.Copy's 32 KB.
const copySize = 1 << 20

func (e *Edit) copy(w io.Writer, x piece, buffer []byte) (n int64, err error) {
	for n < x.n {
		part := buffer[:min(int64(len(buffer)), x.n-n)]
		if got, err := e.file.from.ReadAt(part, x.from+n); got < len(part) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return n, fmt.Errorf("carrier: read %d bytes of the original at %d: %w", len(part), x.from+n, err)
		}
		m, err := w.Write(part)
		if n += int64(m); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Buffers are the pieces of the edited file without a copy, for net.Buffers' one write of many; nil unless the original lies in memory.
func (e *Edit) Buffers() net.Buffers {
	if e.file.mem == nil && e.file.size > 0 {
		return nil
	}
	b := make(net.Buffers, len(e.pieces))
	for i, x := range e.pieces {
		if b[i] = x.bytes; x.bytes == nil {
			b[i] = e.file.mem[x.from : x.from+x.n]
		}
	}
	return b
}

// InPlace tells whether what is kept of the original stays where it is, so that only the new bytes need be written.
func (e *Edit) InPlace() bool {
	for _, x := range e.pieces {
		if x.bytes == nil && x.from != x.start {
			return false
		}
	}
	return e.size >= e.file.size
}

// WriteInPlace writes the new bytes into the original, those at its end first, so that a failure there changes nothing that was.
func (e *Edit) WriteInPlace(w io.WriterAt) error {
	if !e.InPlace() {
		return fmt.Errorf("carrier: the edit moves bytes of the original and cannot be made in place")
	}
	for _, x := range slices.Backward(e.pieces) {
		if x.bytes == nil {
			continue
		}
		if _, err := w.WriteAt(x.bytes, x.start); err != nil {
			return fmt.Errorf("carrier: write %d bytes at %d: %w", x.n, x.start, err)
		}
	}
	return nil
}
