package image

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// Signatures of the application segments that matter (ISO 10918-6, XMP part 3, CIPA DC-007).
const (
	jpegXMP      = "http://ns.adobe.com/xap/1.0/\x00"
	jpegExtended = "http://ns.adobe.com/xmp/extension/\x00"
	jpegExif     = "Exif\x00\x00"
	jpegPictures = "MPF\x00"
	jpegSegment  = 65533 // the most that a segment holds
)

// segment is a marker segment before the first scan.
type segment struct {
	at, size int64 // whole, with marker and length
	marker   byte
	name     string // its signature, of those above
	data     []byte // behind the signature
}

func jpegFault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return fault("jpeg", kind, at, rule, args...)
}

// jpegSegments are the segments up to the first scan, and where new metadata goes: behind JFIF and Exif.
func jpegSegments(f *carrier.File) (out []segment, begin int64, err error) {
	begin = 2
	for at, n := int64(2), 0; n <= carrier.MaxParts; n++ {
		head, err := f.Read("jpeg", at, 2)
		if err != nil {
			return out, begin, err
		}
		if head[0] != 0xFF {
			return out, begin, jpegFault(carrier.Malformed, at, "a marker begins with FF, here stands %02X", head[0])
		}
		marker := head[1]
		switch {
		case marker == 0xFF: // fill
			at++
			continue
		case marker == 0xDA, marker == 0xD9: // scan, end
			return out, begin, nil
		case marker == 0x01 || marker >= 0xD0 && marker <= 0xD7: // stand alone
			at += 2
			continue
		case marker < 0xC0:
			return out, begin, jpegFault(carrier.Malformed, at, "marker FF%02X is reserved", marker)
		}
		b, err := f.Read("jpeg", at+2, 2)
		if err != nil {
			return out, begin, err
		}
		size := int64(binary.BigEndian.Uint16(b))
		if size < 2 || !f.Has(at+2, size) {
			return out, begin, jpegFault(carrier.Truncated, at, "segment FF%02X says %d bytes, the file ends before or it has no length", marker, size)
		}
		s := segment{at: at, size: size + 2, marker: marker}
		if marker >= 0xE0 && marker <= 0xEF {
			all, err := f.Read("jpeg", at+4, size-2)
			if err != nil {
				return out, begin, err
			}
			s.data = all
			for _, name := range []string{jpegXMP, jpegExtended, jpegExif, jpegPictures} {
				if bytes.HasPrefix(all, []byte(name)) {
					s.name, s.data = name, all[len(name):]
				}
			}
		}
		if marker == 0xE0 || marker == 0xE1 && s.name == jpegExif {
			begin = at + s.size
		}
		out = append(out, s)
		at += s.size
	}
	return out, begin, jpegFault(carrier.TooLarge, 0, "more than %d segments", carrier.MaxParts)
}

// extended puts the pieces of extended XMP together, those of each packet for themselves.
func extended(segments []segment) (packets [][]byte, at []int64, err error) {
	type part struct {
		s      segment
		offset int64
	}
	parts, sizes := map[string][]part{}, map[string]int64{}
	var names []string
	for _, s := range segments {
		if s.name != jpegExtended {
			continue
		}
		if len(s.data) < 40 {
			return nil, nil, jpegFault(carrier.Malformed, s.at, "a segment of extended XMP has 40 bytes before its text, this has %d", len(s.data))
		}
		guid := string(s.data[:32])
		if parts[guid] == nil {
			names = append(names, guid)
		}
		sizes[guid] = int64(binary.BigEndian.Uint32(s.data[32:]))
		parts[guid] = append(parts[guid], part{s, int64(binary.BigEndian.Uint32(s.data[36:]))})
	}
	for _, guid := range names {
		list := parts[guid]
		slices.SortStableFunc(list, func(a, b part) int { return cmp.Compare(a.offset, b.offset) })
		var packet []byte
		for _, p := range list {
			if p.offset != int64(len(packet)) || len(packet) > maxPacket {
				return packets, at, jpegFault(carrier.Malformed, p.s.at, "extended XMP: a piece for byte %d stands where byte %d is due, or there are more than %d", p.offset, len(packet), maxPacket)
			}
			packet = append(packet, p.s.data[40:]...)
		}
		if int64(len(packet)) != sizes[guid] {
			return packets, at, jpegFault(carrier.Malformed, list[0].s.at, "extended XMP has %d bytes, says %d", len(packet), sizes[guid])
		}
		packets, at = append(packets, packet), append(at, list[0].s.at)
	}
	return packets, at, nil
}

func jpegSites(f *carrier.File) (sites []carrier.Site, err error) {
	segments, _, err := jpegSegments(f)
	add := func(found []carrier.Site, bad error) {
		if sites = append(sites, found...); err == nil {
			err = bad
		}
	}
	seen := false
	for _, s := range segments {
		switch s.name {
		case jpegXMP:
			remark := ""
			if seen {
				remark = "in a second XMP segment; readers look at the first"
			}
			seen = true
			add(packetSites("APP1 XMP", s.data, s.at+4+int64(len(jpegXMP)), remark))
		case jpegExif:
			add(exifSites("jpeg", s.data, s.at+4+int64(len(jpegExif))))
		}
	}
	packets, at, bad := extended(segments)
	add(nil, bad)
	for i, packet := range packets {
		add(packetSites("APP1 extended XMP", packet, at[i], "in extended XMP; the guide wants it in the first packet"))
	}
	return sites, err
}

func jpegPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	sites, err := jpegSites(f)
	if err != nil {
		return nil, err
	}
	segments, begin, err := jpegSegments(f)
	if err != nil {
		return nil, err
	}
	for _, s := range sites {
		if strings.HasPrefix(s.Place, "APP1 extended") {
			return nil, jpegFault(carrier.Unsupported, s.Offset, "a label in extended XMP cannot be replaced by this version")
		}
	}
	var packets [][]byte
	var where []segment
	var changes []carrier.Change
	pictures := int64(-1)
	for _, s := range segments {
		switch s.name {
		case jpegXMP:
			packets, where = append(packets, s.data), append(where, s)
		case jpegPictures:
			if pictures < 0 {
				pictures = s.at
			}
		case jpegExif:
			blank, err := exifWithout("jpeg", s.data, s.at+4+int64(len(jpegExif)))
			if err != nil {
				return nil, err
			}
			if blank != nil {
				changes = append(changes, carrier.Change{At: s.at + 4 + int64(len(jpegExif)), Remove: int64(len(blank)), Insert: blank})
			}
		}
	}
	if packets, err = xmp.PutInto(packets, l); err != nil {
		return nil, err
	}
	for i, packet := range packets {
		if packet, err = fit(packet); err != nil {
			return nil, err
		}
		whole := append([]byte{0xFF, 0xE1, 0, 0}, jpegXMP...)
		whole = append(whole, packet...)
		binary.BigEndian.PutUint16(whole[2:], uint16(len(whole)-2))
		switch {
		case i >= len(where):
			changes = append(changes, carrier.Change{At: begin, Insert: whole})
		case bytes.Equal(packet, where[i].data):
		case pictures >= 0 && where[i].at > pictures && int64(len(whole)) != where[i].size:
			return nil, jpegFault(carrier.Unsupported, where[i].at, "the XMP stands behind an index of several pictures (MPF), whose places would shift")
		default:
			changes = append(changes, carrier.Change{At: where[i].at, Remove: where[i].size, Insert: whole})
		}
	}
	return carrier.NewEdit(f, changes...)
}

// fit takes padding off a packet that would not fit into a segment.
func fit(packet []byte) ([]byte, error) {
	over := len(jpegXMP) + len(packet) - jpegSegment
	if over <= 0 {
		return packet, nil
	}
	if end := bytes.LastIndex(packet, []byte("<?xpacket end")); end > 0 {
		text := bytes.TrimRight(packet[:end], " \t\r\n")
		if end-len(text) >= over {
			return slices.Concat(packet[:end-over], packet[end:]), nil
		}
	}
	return nil, jpegFault(carrier.TooLarge, -1, "the XMP packet would be %d bytes too long for its segment", over)
}
