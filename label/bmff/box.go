// Package bmff reads and writes the implicit label of files in the ISO base media file format: MP4, MOV and M4A, fragmented too
// (TC260-PG-20257A, TC260-PG-202510A), and HEIC and AVIF (TC260-PG-20259A). Media data is never read.
package bmff

import (
	"encoding/binary"
	"fmt"

	"github.com/hegui/hegui/label/carrier"
)

// box is a box of the file, by its place.
type box struct {
	at, size, head int64
	kind           string
}

func (b box) body() int64 { return b.at + b.head }
func (b box) end() int64  { return b.at + b.size }

// reader reads the boxes of one file.
type reader struct {
	f      *carrier.File
	format string
	parts  int
}

func (r *reader) fault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return &carrier.Error{Format: r.format, Kind: kind, Offset: at, Rule: fmt.Sprintf(rule, args...)}
}

// boxes are those from one place to another, which they must fill. A rest of fewer than eight bytes is padding.
func (r *reader) boxes(from, to int64) (out []box, err error) {
	for at := from; to-at >= 8; {
		if r.parts++; r.parts > carrier.MaxParts {
			return out, r.fault(carrier.TooLarge, at, "more than %d boxes", carrier.MaxParts)
		}
		h, err := r.f.Read(r.format, at, min(16, to-at))
		if err != nil {
			return out, err
		}
		b := box{at: at, size: int64(binary.BigEndian.Uint32(h)), head: 8, kind: string(h[4:8])}
		switch {
		case b.size == 0 && to == r.f.Size(): // to the end of the file
			b.size = to - at
		case b.size == 0 && b.kind == "\x00\x00\x00\x00": // QuickTime ends lists so
			return out, nil
		case b.size == 1:
			if len(h) < 16 {
				return out, r.fault(carrier.Truncated, at, "box %q has a long size and no room for it", b.kind)
			}
			b.size, b.head = int64(binary.BigEndian.Uint64(h[8:])), 16
		}
		if b.size < b.head || b.size > to-at {
			kind := carrier.Malformed
			if b.size > to-at && to == r.f.Size() {
				kind = carrier.Truncated
			}
			return out, r.fault(kind, at, "box %q says %d bytes, there is room for %d", b.kind, b.size, to-at)
		}
		out = append(out, b)
		at += b.size
	}
	return out, nil
}

// node is a box in memory: a leaf with its bytes, or a container with what is before its boxes, them, and what is behind.
type node struct {
	kind     string
	long     bool // a 64-bit size
	at       int64
	body     []byte // of a leaf, or before the boxes of a container
	children []*node
	parent   bool
	tail     []byte
}

// holds are the boxes that are taken apart, and how many bytes stand before the boxes in them.
func holds(kind string) (before int, ok bool) {
	switch kind {
	case "moov", "trak", "mdia", "minf", "stbl", "udta", "moof", "traf", "mfra", "iprp", "edts", "mvex", "dinf", "ilst":
		return 0, true
	case "meta":
		return 4, true
	}
	return 0, false
}

// tree reads a box into memory, with what is in it.
func (r *reader) tree(b box, depth int) (*node, error) {
	if depth > carrier.MaxDepth {
		return nil, r.fault(carrier.TooLarge, b.at, "boxes in boxes more than %d deep", carrier.MaxDepth)
	}
	n := &node{kind: b.kind, long: b.head == 16, at: b.at}
	before, container := holds(b.kind)
	if !container {
		body, err := r.f.Read(r.format, b.body(), b.size-b.head)
		n.body = body
		return n, err
	}
	if b.kind == "meta" && b.size-b.head >= 8 { // QuickTime's has no version
		h, err := r.f.Read(r.format, b.body(), 8)
		if err != nil {
			return nil, err
		}
		if string(h[4:]) == "hdlr" {
			before = 0
		}
	}
	if b.size-b.head < int64(before) {
		return nil, r.fault(carrier.Malformed, b.at, "box %q of %d bytes is too short", b.kind, b.size)
	}
	n.parent = true
	var err error
	if n.body, err = r.f.Read(r.format, b.body(), int64(before)); err != nil {
		return nil, err
	}
	list, err := r.boxes(b.body()+int64(before), b.end())
	if err != nil {
		return nil, err
	}
	end := b.body() + int64(before)
	for _, x := range list {
		child, err := r.tree(x, depth+1)
		if err != nil {
			return nil, err
		}
		n.children, end = append(n.children, child), x.end()
	}
	n.tail, err = r.f.Read(r.format, end, b.end()-end)
	return n, err
}

// size is how many bytes the box has.
func (n *node) size() int64 {
	size := int64(8 + len(n.body) + len(n.tail))
	if n.long {
		size += 8
	}
	for _, c := range n.children {
		size += c.size()
	}
	return size
}

// write appends the box.
func (n *node) write(to []byte) []byte {
	size := n.size()
	if n.long {
		to = append(binary.BigEndian.AppendUint32(to, 1), n.kind...)
		to = binary.BigEndian.AppendUint64(to, uint64(size))
	} else {
		to = append(binary.BigEndian.AppendUint32(to, uint32(size)), n.kind...)
	}
	to = append(to, n.body...)
	for _, c := range n.children {
		to = c.write(to)
	}
	return append(to, n.tail...)
}

// find is the first box of a path below n.
func (n *node) find(path ...string) *node {
	if n == nil || len(path) == 0 {
		return n
	}
	for _, c := range n.children {
		if c.kind == path[0] {
			return c.find(path[1:]...)
		}
	}
	return nil
}

// every calls f for n and all boxes below it.
func (n *node) every(f func(*node)) {
	f(n)
	for _, c := range n.children {
		c.every(f)
	}
}

func leaf(kind string, parts ...[]byte) *node {
	n := &node{kind: kind}
	for _, p := range parts {
		n.body = append(n.body, p...)
	}
	return n
}

func parent(kind string, before []byte, children ...*node) *node {
	return &node{kind: kind, parent: true, body: before, children: children}
}

func u16(v int) []byte   { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func u32(v int64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func u64(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
