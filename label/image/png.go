package image

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

const (
	pngSignature = "\x89PNG\r\n\x1a\n"
	xmpKeyword   = "XML:com.adobe.xmp"
	ownKeyword   = "AIGC"
)

// pngText is a text chunk that matters.
type pngText struct {
	at, size int64  // of the whole chunk in the file
	kind     string // tEXt, zTXt, iTXt, eXIf
	keyword  string
	text     []byte
	packed   bool
	behind   bool // the pixels
	damaged  bool // its checksum is wrong
}

func pngFault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return fault("png", kind, at, rule, args...)
}

// pngTexts walks through the chunks. begin is where the first chunk behind IHDR stands.
func pngTexts(f *carrier.File) (texts []pngText, begin int64, err error) {
	at, behind := int64(len(pngSignature)), false
	for n := 0; ; n++ {
		if n > carrier.MaxParts {
			return texts, begin, pngFault(carrier.TooLarge, at, "more than %d chunks", carrier.MaxParts)
		}
		head, err := f.Read("png", at, 8)
		if err != nil {
			return texts, begin, err
		}
		size, kind := int64(binary.BigEndian.Uint32(head)), string(head[4:])
		switch {
		case size > 1<<31-1:
			return texts, begin, pngFault(carrier.Malformed, at, "chunk %q says %d bytes; a chunk has at most 2^31-1", kind, size)
		case !f.Has(at+8, size+4):
			return texts, begin, pngFault(carrier.Truncated, at, "chunk %q says %d bytes, the file ends before", kind, size)
		case n == 0 && (kind != "IHDR" || size != 13):
			return texts, begin, pngFault(carrier.Malformed, at, "the first chunk must be IHDR with 13 bytes, is %q with %d", kind, size)
		case n == 0:
			begin = at + 12 + size
		}
		switch kind {
		case "IDAT":
			behind = true
		case "IEND":
			return texts, begin, nil
		case "tEXt", "zTXt", "iTXt", "eXIf":
			x, err := pngText1(f, at, size, kind)
			if err != nil {
				return texts, begin, err
			}
			if x != nil {
				x.behind = behind
				texts = append(texts, *x)
			}
		}
		at += 12 + size
	}
}

// pngText1 reads a text chunk; nil when it is none of those that may hold a label.
func pngText1(f *carrier.File, at, size int64, kind string) (*pngText, error) {
	x := &pngText{at: at, size: size + 12, kind: kind}
	if kind != "eXIf" {
		key, err := f.Read("png", at+8, min(size, 80))
		if err != nil {
			return nil, err
		}
		k := bytes.IndexByte(key, 0)
		if k < 0 {
			return nil, nil
		}
		if x.keyword = string(key[:k]); x.keyword != xmpKeyword && !strings.EqualFold(x.keyword, ownKeyword) {
			return nil, nil
		}
	}
	if size > maxPacket {
		return nil, pngFault(carrier.TooLarge, at, "chunk %q of %d bytes; at most %d are read", kind, size, maxPacket)
	}
	all, err := f.Read("png", at+4, size+8)
	if err != nil {
		return nil, err
	}
	x.damaged = crc32.ChecksumIEEE(all[:size+4]) != binary.BigEndian.Uint32(all[size+4:])
	data := all[4 : size+4]
	if kind == "eXIf" {
		x.text = data
		return x, nil
	}
	rest := data[len(x.keyword)+1:]
	switch kind {
	case "tEXt":
		x.text = rest
		return x, nil
	case "zTXt":
		x.packed = true
		if len(rest) > 0 {
			rest = rest[1:]
		}
	case "iTXt":
		if len(rest) < 2 {
			return nil, pngFault(carrier.Malformed, at, "chunk iTXt ends before its text")
		}
		x.packed = rest[0] != 0
		rest = rest[2:]
		for range 2 { // language, translated keyword
			k := bytes.IndexByte(rest, 0)
			if k < 0 {
				return nil, pngFault(carrier.Malformed, at, "chunk iTXt ends before its text")
			}
			rest = rest[k+1:]
		}
	}
	x.text = rest
	if x.packed {
		if x.text, err = inflate(rest); err != nil {
			kind := carrier.Malformed
			if errors.Is(err, errBomb) {
				kind = carrier.TooLarge
			}
			return nil, pngFault(kind, at, "the text of chunk %q: %v", x.kind, err)
		}
	}
	return x, nil
}

var errBomb = errors.New("it grows beyond the limit when unpacked")

func inflate(b []byte) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, maxPacket+1))
	if err == nil && len(out) > maxPacket {
		err = errBomb
	}
	return out, err
}

func (x *pngText) isXMP() bool { return x.keyword == xmpKeyword }

// remark is what is wrong with the place of a packet.
func (x *pngText) remark() string {
	switch {
	case x.kind != "iTXt":
		return "in chunk " + x.kind + "; the guide says iTXt"
	case x.packed:
		return "compressed; the guide wants it readable as it stands"
	case x.behind:
		return "behind the pixels; the guide wants it before them"
	case x.damaged:
		return "the chunk's checksum is wrong"
	}
	return ""
}

func pngSites(f *carrier.File) (sites []carrier.Site, err error) {
	texts, _, err := pngTexts(f)
	for _, x := range texts {
		var found []carrier.Site
		var bad error
		switch {
		case x.isXMP():
			found, bad = packetSites(x.kind+" "+xmpKeyword, x.text, x.at, x.remark())
		case x.kind == "eXIf":
			found, bad = exifSites("png", x.text, x.at+8)
		default:
			found = []carrier.Site{{Place: x.kind + " " + x.keyword, Offset: x.at, Value: string(x.text), Remark: "a text chunk of its own, as Annex B of the guide has it; the guide's place is XMP"}}
		}
		if sites = append(sites, found...); err == nil {
			err = bad
		}
	}
	return sites, err
}

func pngPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	texts, begin, err := pngTexts(f)
	if err != nil {
		return nil, err
	}
	var packets [][]byte
	var where []pngText
	var changes []carrier.Change
	for _, x := range texts {
		switch {
		case x.isXMP():
			packets, where = append(packets, x.text), append(where, x)
		case x.kind == "eXIf":
			blank, err := exifWithout("png", x.text, x.at+8)
			if err != nil {
				return nil, err
			}
			if blank != nil {
				changes = append(changes, carrier.Change{At: x.at, Remove: x.size, Insert: pngChunk("eXIf", blank)})
			}
		default:
			changes = append(changes, carrier.Change{At: x.at, Remove: x.size})
		}
	}
	packets, err = xmp.PutInto(packets, l)
	if err != nil {
		return nil, err
	}
	for i, packet := range packets {
		chunk := pngChunk("iTXt", append([]byte(xmpKeyword+"\x00\x00\x00\x00\x00"), packet...))
		switch {
		case i >= len(where): // there was none
			changes = append(changes, carrier.Change{At: begin, Insert: chunk})
		case i == 0 && where[0].behind:
			changes = append(changes, carrier.Change{At: begin, Insert: chunk}, carrier.Change{At: where[0].at, Remove: where[0].size})
		case where[i].remark() != "" || !bytes.Equal(packet, where[i].text):
			changes = append(changes, carrier.Change{At: where[i].at, Remove: where[i].size, Insert: chunk})
		}
	}
	return carrier.NewEdit(f, changes...)
}

func pngChunk(kind string, data []byte) []byte {
	out := binary.BigEndian.AppendUint32(make([]byte, 0, len(data)+12), uint32(len(data)))
	out = append(append(out, kind...), data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}
