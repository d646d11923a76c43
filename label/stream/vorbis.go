package stream

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// comments is a Vorbis comment header (xiph.org, Vorbis I 5): its vendor, its comments, and what follows.
type comments struct {
	vendor []byte
	list   []string
	tail   []byte
}

// readComments reads one; the error says what is wrong.
func readComments(b []byte) (c comments, err error) {
	take := func() ([]byte, error) {
		if len(b) < 4 {
			return nil, fmt.Errorf("a length is cut short")
		}
		n := int64(binary.LittleEndian.Uint32(b))
		if n > int64(len(b)-4) {
			return nil, fmt.Errorf("a text says %d bytes, there are %d", n, len(b)-4)
		}
		out := b[4 : 4+n]
		b = b[4+n:]
		return out, nil
	}
	if c.vendor, err = take(); err != nil {
		return c, err
	}
	if len(b) < 4 {
		return c, fmt.Errorf("the number of comments is cut short")
	}
	n := binary.LittleEndian.Uint32(b)
	b = b[4:]
	for range n {
		text, err := take()
		if err != nil {
			return c, err
		}
		c.list = append(c.list, string(text))
	}
	c.tail = b
	return c, nil
}

// own are the labels among the comments.
func (c comments) own() (out []string) {
	for _, text := range c.list {
		if key, value, ok := strings.Cut(text, "="); ok && strings.EqualFold(key, ownKey) {
			out = append(out, value)
		}
	}
	return out
}

// with is the header with one label, where the first stood or at the end.
func (c comments) with(value string) []byte {
	var list []string
	put := false
	for _, text := range c.list {
		if key, _, ok := strings.Cut(text, "="); ok && strings.EqualFold(key, ownKey) {
			if put {
				continue
			}
			put, text = true, ownKey+"="+value
		}
		list = append(list, text)
	}
	if !put {
		list = append(list, ownKey+"="+value)
	}
	out := append(binary.LittleEndian.AppendUint32(nil, uint32(len(c.vendor))), c.vendor...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(list)))
	for _, text := range list {
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(text))), text...)
	}
	return append(out, c.tail...)
}
