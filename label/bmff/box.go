// Package bmff reads and writes the implicit label of files in the ISO base media file format: MP4, MOV and M4A, fragmented too
// (TC260-PG-20257A, TC260-PG-202510A), and HEIC and AVIF (TC260-PG-20259A). Media data is never read.
package bmff

import (
	"encoding/binary"
	"fmt"
	"slices"

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

// header reads the header of a box from its first bytes, 16 where there are as many. room is how many bytes it may have. ends tells
// of the zeros that end a list in QuickTime files.
func (r *reader) header(h []byte, at, room int64) (b box, ends bool, err error) {
	if r.parts++; r.parts > carrier.MaxParts {
		return b, false, r.fault(carrier.TooLarge, at, "more than %d boxes", carrier.MaxParts)
	}
	b = box{at: at, size: int64(binary.BigEndian.Uint32(h)), head: 8, kind: string(h[4:8])}
	last := room == r.f.Size()-at
	switch {
	case b.size == 0 && b.kind == "\x00\x00\x00\x00":
		return b, true, nil
	case b.size == 0 && last: // to the end of the file
		b.size = room
	case b.size == 1 && len(h) < 16:
		return b, false, r.fault(carrier.Truncated, at, "box %q has a long size and no room for it", b.kind)
	case b.size == 1:
		b.size, b.head = int64(binary.BigEndian.Uint64(h[8:])), 16
	}
	if b.size < b.head || b.size > room {
		kind := carrier.Malformed
		if b.size > room && last {
			kind = carrier.Truncated
		}
		return b, false, r.fault(kind, at, "box %q says %d bytes, there is room for %d", b.kind, b.size, room)
	}
	return b, false, nil
}

// boxes are those of the file. A rest of fewer than eight bytes is padding, and so is all from eight zeros on.
func (r *reader) boxes() (out []box, err error) {
	for at := int64(0); r.f.Size()-at >= 8; {
		h, err := r.f.Read(r.format, at, min(16, r.f.Size()-at))
		if err != nil {
			return out, err
		}
		b, ends, err := r.header(h, at, r.f.Size()-at)
		if err != nil || ends {
			return out, err
		}
		out = append(out, b)
		at = b.end()
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
	tail     []byte
}

// holds are the boxes that are taken apart, and how many bytes stand before the boxes in them.
func holds(kind string, body []byte) (before int, ok bool) {
	switch kind {
	case "moov", "trak", "mdia", "minf", "stbl", "udta", "moof", "traf", "mfra", "dinf", "ilst":
		return 0, true
	case "meta":
		if len(body) >= 8 && slices.Contains([]string{"hdlr", "keys", "ilst", "free"}, string(body[4:8])) {
			return 0, true // QuickTime's has no version
		}
		return 4, len(body) >= 4
	}
	return 0, false
}

// tree reads a box into memory, with what is in it. With an error it is what was read before the fault.
func (r *reader) tree(b box) (*node, error) {
	if b.size > carrier.MaxRead {
		return nil, r.fault(carrier.TooLarge, b.at, "a box %s of %d bytes; at most %d are read", b.kind, b.size, carrier.MaxRead)
	}
	body, err := r.f.Read(r.format, b.body(), b.size-b.head)
	if err != nil {
		return nil, err
	}
	return r.apart(b, body, 0)
}

func (r *reader) apart(b box, body []byte, depth int) (*node, error) {
	n := &node{kind: b.kind, long: b.head == 16, at: b.at}
	before, container := holds(b.kind, body)
	if !container {
		n.body = body
		return n, nil
	}
	if depth > carrier.MaxDepth {
		return n, r.fault(carrier.TooLarge, b.at, "boxes in boxes more than %d deep", carrier.MaxDepth)
	}
	n.body, n.tail = body[:before:before], body[before:]
	for at := b.body() + int64(before); len(n.tail) >= 8; {
		x, ends, err := r.header(n.tail, at, int64(len(n.tail)))
		if err != nil || ends {
			return n, err
		}
		child, err := r.apart(x, n.tail[x.head:x.size:x.size], depth+1)
		n.children = append(n.children, child)
		if err != nil {
			return n, err
		}
		at, n.tail = x.end(), n.tail[x.size:]
	}
	return n, nil
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

// copied is a box whose bodies and children may be replaced.
func (n *node) copied() *node {
	c := *n
	c.children = make([]*node, len(n.children))
	for i, x := range n.children {
		c.children[i] = x.copied()
	}
	return &c
}

func leaf(kind string, parts ...[]byte) *node {
	n := &node{kind: kind}
	for _, p := range parts {
		n.body = append(n.body, p...)
	}
	return n
}

func parent(kind string, before []byte, children ...*node) *node {
	return &node{kind: kind, body: before, children: children}
}

func u16(v int) []byte   { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func u32(v int64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func u64(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
