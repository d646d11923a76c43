package image

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

const gifApplication = "XMP DataXMP"

// gifTrailer leads a reader of sub-blocks that falls into the packet back to the block's end (XMP part 3, 1.1.2).
func gifTrailer() []byte {
	out := []byte{1}
	for i := 255; i >= 0; i-- {
		out = append(out, byte(i))
	}
	return append(out, 0)
}

// gifPacket is an XMP application extension.
type gifPacket struct {
	at, size int64 // of the whole extension
	packet   []byte
}

// gifReader walks through a GIF file.
type gifReader struct {
	r    *bufio.Reader
	size int64
	at   int64
}

func (g *gifReader) fault(kind carrier.Kind, rule string, args ...any) error {
	return fault("gif", kind, g.at, rule, args...)
}

// take reads n bytes.
func (g *gifReader) take(n int) ([]byte, error) {
	b := make([]byte, n)
	if got, err := io.ReadFull(g.r, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, g.fault(carrier.Truncated, "%d bytes should stand here, there are %d", n, got)
		}
		return nil, &carrier.Error{Format: "gif", Kind: carrier.Unreadable, Offset: g.at, Rule: "the file could not be read", Err: err}
	}
	g.at += int64(n)
	return b, nil
}

func (g *gifReader) skip(n int) error {
	got, err := g.r.Discard(n)
	g.at += int64(got)
	if err != nil {
		return g.fault(carrier.Truncated, "the file ends %d bytes before this part does", n-got)
	}
	return nil
}

// blocks reads sub-blocks up to their end; keep gathers them with their lengths.
func (g *gifReader) blocks(keep bool) (raw []byte, err error) {
	for {
		n, err := g.take(1)
		if err != nil {
			return raw, err
		}
		if keep {
			raw = append(raw, n[0])
		}
		if n[0] == 0 {
			return raw, nil
		}
		if !keep {
			if err := g.skip(int(n[0])); err != nil {
				return nil, err
			}
			continue
		}
		b, err := g.take(int(n[0]))
		if err != nil {
			return raw, err
		}
		if raw = append(raw, b...); len(raw) > maxPacket {
			return raw, g.fault(carrier.TooLarge, "an XMP packet of more than %d bytes", maxPacket)
		}
	}
}

// gifPackets are the XMP extensions, and where a new one goes: behind the global colour table. old says that the file is GIF87a, which
// knows no extensions.
func gifPackets(f *carrier.File) (out []gifPacket, begin int64, old bool, err error) {
	g := &gifReader{r: bufio.NewReaderSize(f.Section(0, f.Size()), 64<<10), size: f.Size()}
	head, err := g.take(13)
	if err != nil {
		return nil, 0, false, err
	}
	old = string(head[:6]) == "GIF87a"
	table := func(flags byte) error {
		if flags&0x80 == 0 {
			return nil
		}
		return g.skip(3 << (flags&7 + 1))
	}
	if err := table(head[10]); err != nil {
		return nil, 0, old, err
	}
	begin = g.at
	for n := 0; ; n++ {
		if n > carrier.MaxParts {
			return out, begin, old, g.fault(carrier.TooLarge, "more than %d blocks", carrier.MaxParts)
		}
		start := g.at
		b, err := g.take(1)
		if err != nil {
			return out, begin, old, err
		}
		switch b[0] {
		case 0x3B:
			return out, begin, old, nil
		case 0x2C:
			image, err := g.take(9)
			if err == nil {
				err = table(image[8])
			}
			if err == nil {
				err = g.skip(1)
			}
			if err == nil {
				_, err = g.blocks(false)
			}
			if err != nil {
				return out, begin, old, err
			}
		case 0x21:
			kind, err := g.take(1)
			if err != nil {
				return out, begin, old, err
			}
			if kind[0] != 0xFF {
				if _, err := g.blocks(false); err != nil {
					return out, begin, old, err
				}
				continue
			}
			n, err := g.take(1)
			if err != nil {
				return out, begin, old, err
			}
			name, err := g.take(int(n[0]))
			if err != nil {
				return out, begin, old, err
			}
			raw, err := g.blocks(string(name) == gifApplication)
			if err != nil {
				return out, begin, old, err
			}
			if string(name) == gifApplication {
				packet := raw
				if k := bytes.LastIndex(raw, []byte{1, 0xFF, 0xFE}); k >= 0 {
					packet = raw[:k]
				}
				out = append(out, gifPacket{start, g.at - start, packet})
			}
		default:
			return out, begin, old, fault("gif", carrier.Malformed, start, "a block begins with 21, 2C or 3B, here stands %02X", b[0])
		}
	}
}

func gifSites(f *carrier.File) (sites []carrier.Site, err error) {
	packets, _, _, err := gifPackets(f)
	for i, p := range packets {
		remark := ""
		if i > 0 {
			remark = "in a second XMP extension; readers look at the first"
		}
		found, bad := packetSites("Application Extension XMP Data", p.packet, p.at+14, remark)
		if sites = append(sites, found...); err == nil {
			err = bad
		}
	}
	return sites, err
}

func gifPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	there, begin, old, err := gifPackets(f)
	if err != nil {
		return nil, err
	}
	var packets [][]byte
	for _, p := range there {
		packets = append(packets, p.packet)
	}
	if packets, err = xmp.PutInto(packets, l); err != nil {
		return nil, err
	}
	var changes []carrier.Change
	if old {
		changes = append(changes, carrier.Change{At: 3, Remove: 3, Insert: []byte("89a")})
	}
	for i, packet := range packets {
		if bytes.IndexByte(packet, 0) >= 0 {
			return nil, fault("gif", carrier.Unsupported, begin, "an XMP packet with a zero byte cannot stand in a GIF file")
		}
		whole := append(append([]byte{0x21, 0xFF, byte(len(gifApplication))}, gifApplication...), packet...)
		whole = append(whole, gifTrailer()...)
		switch {
		case i >= len(there):
			changes = append(changes, carrier.Change{At: begin, Insert: whole})
		case !bytes.Equal(packet, there[i].packet):
			changes = append(changes, carrier.Change{At: there[i].at, Remove: there[i].size, Insert: whole})
		}
	}
	return carrier.NewEdit(f, changes...)
}
