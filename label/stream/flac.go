package stream

import (
	"bytes"

	"github.com/hegui/hegui/label/carrier"
)

// Types of FLAC's metadata blocks (RFC 9639, 8.1).
const (
	flacPadding  = 1
	flacComments = 4
	flacMost     = 1<<24 - 1
)

type flacBlock struct {
	kind byte
	last bool
	at   int64 // of its head
	size int64 // of its data
}

func isFLAC(f *carrier.File) bool {
	at, err := behindTags(f)
	if err != nil {
		return false
	}
	h, err := f.Read("", at, min(4, f.Size()-at))
	return err == nil && string(h) == "fLaC"
}

// flacBlocks are the metadata blocks; tags are ID3 tags in front, which do not belong there and are common.
func flacBlocks(f *carrier.File) (blocks []flacBlock, tags []*tag, err error) {
	if tags, err = readTags(f, "flac"); err != nil {
		return nil, tags, err
	}
	at := int64(4)
	for _, t := range tags {
		if !t.tail {
			at += t.size
		}
	}
	for len(blocks) < carrier.MaxParts {
		h, err := f.Read("flac", at, 4)
		if err != nil {
			return blocks, tags, err
		}
		b := flacBlock{kind: h[0] & 0x7F, last: h[0]&0x80 != 0, at: at, size: int64(h[1])<<16 | int64(h[2])<<8 | int64(h[3])}
		if !f.Has(at+4, b.size) {
			return blocks, tags, fault("flac", carrier.Truncated, at, "a metadata block says %d bytes, the file ends before", b.size)
		}
		if len(blocks) == 0 && (b.kind != 0 || b.size != 34) {
			return blocks, tags, fault("flac", carrier.Malformed, at, "the first block is STREAMINFO with 34 bytes, here is type %d with %d", b.kind, b.size)
		}
		blocks = append(blocks, b)
		if b.last {
			return blocks, tags, nil
		}
		at += 4 + b.size
	}
	return blocks, tags, fault("flac", carrier.TooLarge, at, "more than %d metadata blocks", carrier.MaxParts)
}

func flacComment(f *carrier.File, b flacBlock) (comments, error) {
	data, err := f.Read("flac", b.at+4, b.size)
	if err != nil {
		return comments{}, err
	}
	c, err := readComments(data)
	if err != nil {
		return c, fault("flac", carrier.Malformed, b.at, "the Vorbis comment: %v", err)
	}
	return c, nil
}

func flacSites(f *carrier.File) (sites []carrier.Site, err error) {
	blocks, tags, err := flacBlocks(f)
	for _, t := range tags {
		for _, x := range t.own {
			sites = append(sites, carrier.Site{Place: "ID3v2 " + x.id + " AIGC", Offset: x.at, Value: x.value, Remark: "in an ID3 tag; the guide says Vorbis comment"})
		}
	}
	for _, b := range blocks {
		if b.kind != flacComments {
			continue
		}
		c, bad := flacComment(f, b)
		for _, value := range c.own() {
			sites = append(sites, carrier.Site{Place: "Vorbis comment AIGC", Offset: b.at, Value: value, Standard: true})
		}
		if err == nil {
			err = bad
		}
	}
	return sites, err
}

func flacPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	blocks, tags, err := flacBlocks(f)
	if err != nil {
		return nil, err
	}
	var changes []carrier.Change
	for _, t := range tags {
		if t.needs(nil) {
			changes = append(changes, carrier.Change{At: t.at, Remove: t.size, Insert: t.with(nil)})
		}
	}
	home := -1
	for i, b := range blocks {
		if b.kind == flacComments {
			if home >= 0 {
				return nil, fault("flac", carrier.Malformed, b.at, "a second Vorbis comment; RFC 9639 allows one")
			}
			home = i
		}
	}
	c, at, was := comments{vendor: []byte("hegui")}, blocks[0].at+4+blocks[0].size, int64(0)
	head := byte(flacComments)
	if home >= 0 {
		b := blocks[home]
		if c, err = flacComment(f, b); err != nil {
			return nil, err
		}
		at, was = b.at, 4+b.size
		if b.last {
			head |= 0x80
		}
		if own := c.own(); len(own) == 1 && own[0] == l.Value && len(changes) == 0 {
			if now := c.with(l.Value); int64(len(now)) == b.size {
				return carrier.NewEdit(f)
			}
		}
	} else if blocks[0].last { // the new one is the last now
		head |= 0x80
		changes = append(changes, carrier.Change{At: blocks[0].at, Remove: 1, Insert: []byte{0}})
	}
	data := c.with(l.Value)
	if len(data) > flacMost {
		return nil, fault("flac", carrier.TooLarge, at, "the Vorbis comment would have %d bytes, a block has at most %d", len(data), flacMost)
	}
	block := func(head byte, data []byte) []byte {
		return append([]byte{head, byte(len(data) >> 16), byte(len(data) >> 8), byte(len(data))}, data...)
	}
	// Padding behind it gives room or takes up what is left over.
	if i := home + 1; home >= 0 && i < len(blocks) && blocks[i].kind == flacPadding {
		p := blocks[i]
		if left := was + 4 + p.size - int64(4+len(data)) - 4; left >= 0 && left <= flacMost {
			last := byte(flacPadding)
			if p.last {
				last |= 0x80
			}
			both := append(block(head, data), block(last, bytes.Repeat([]byte{0}, int(left)))...)
			changes = append(changes, carrier.Change{At: at, Remove: was + 4 + p.size, Insert: both})
			return carrier.NewEdit(f, changes...)
		}
	}
	return carrier.NewEdit(f, append(changes, carrier.Change{At: at, Remove: was, Insert: block(head, data)})...)
}
