// Package stream reads and writes the implicit label of audio and video that comes as a stream of frames: MP3, AAC, FLAC, Ogg
// (TC260-PG-202510A), and Matroska, WebM and FLV (TC260-PG-20257A). Frames are never changed.
package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/hegui/hegui/label/carrier"
)

const (
	audioGuide = "TC260-PG-202510A"
	videoGuide = "TC260-PG-20257A"
	ownKey     = "AIGC"
)

// maxText bounds a tag that is read into memory; ours.
const maxText = 16 << 20

// Formats are the kinds of files of this package.
func Formats() []carrier.Format {
	return []carrier.Format{
		{Name: "flac", Title: "FLAC audio", MIME: []string{"audio/flac", "audio/x-flac"}, Extensions: []string{"flac"}, Medium: "audio",
			Place: "Vorbis comment AIGC", Guide: audioGuide, Is: isFLAC, Sites: flacSites, Put: flacPut},
		{Name: "ogg", Title: "Ogg (Vorbis, Opus, Speex, Theora)", MIME: []string{"audio/ogg", "audio/opus", "application/ogg", "video/ogg"}, Extensions: []string{"ogg", "opus", "oga", "spx", "ogv"}, Medium: "audio",
			Place: "Vorbis comment AIGC", Guide: audioGuide, Is: isOgg, Sites: oggSites, Put: oggPut},
		{Name: "webm", Title: "WebM video", MIME: []string{"video/webm", "audio/webm"}, Extensions: []string{"webm", "weba"}, Medium: "video",
			Place: "Segment.Tags.Tag.SimpleTag AIGC", Guide: videoGuide, Is: isMatroska("webm"), Sites: matroskaSites("webm"), Put: matroskaPut("webm")},
		{Name: "mkv", Title: "Matroska video", MIME: []string{"video/x-matroska", "audio/x-matroska", "video/matroska"}, Extensions: []string{"mkv", "mka", "mk3d"}, Medium: "video",
			Place: "Segment.Tags.Tag.SimpleTag AIGC", Guide: videoGuide, Is: isMatroska("matroska"), Sites: matroskaSites("mkv"), Put: matroskaPut("mkv")},
		{Name: "flv", Title: "Flash video", MIME: []string{"video/x-flv"}, Extensions: []string{"flv"}, Medium: "video",
			Place: "onMetaData, key AIGC", Guide: videoGuide, Is: isFLV, Sites: flvSites, Put: flvPut},
		{Name: "mp3", Title: "MP3 audio", MIME: []string{"audio/mpeg", "audio/mp3"}, Extensions: []string{"mp3"}, Medium: "audio",
			Place: "ID3v2 frame TXXX, description AIGC", Guide: audioGuide, Is: isFrames(isMP3), Sites: framesSites("mp3"), Put: framesPut("mp3")},
		{Name: "aac", Title: "AAC audio (ADTS)", MIME: []string{"audio/aac", "audio/x-aac"}, Extensions: []string{"aac"}, Medium: "audio",
			Place: "ID3v2 frame TXXX, description AIGC", Guide: "ours", Is: isFrames(isADTS), Sites: framesSites("aac"), Put: framesPut("aac")},
	}
}

func fault(format string, kind carrier.Kind, at int64, rule string, args ...any) error {
	return &carrier.Error{Format: format, Kind: kind, Offset: at, Rule: fmt.Sprintf(rule, args...)}
}

// isMP3 tells the head of an MPEG audio frame, layer 3.
func isMP3(h []byte) bool {
	return len(h) >= 4 && h[0] == 0xFF && h[1]&0xE0 == 0xE0 && h[1]&0x18 != 0x08 && h[1]&0x06 == 0x02 && h[2]&0xF0 != 0xF0 && h[2]&0x0C != 0x0C
}

// isADTS tells the head of an ADTS frame.
func isADTS(h []byte) bool {
	return len(h) >= 7 && h[0] == 0xFF && h[1]&0xF6 == 0xF0 && h[2]>>2&15 < 13
}

// isFrames tells a file whose frames begin so, behind ID3 tags and zeros.
func isFrames(is func([]byte) bool) func(*carrier.File) bool {
	return func(f *carrier.File) bool {
		at, err := behindTags(f)
		if err != nil {
			return false
		}
		h, err := f.Read("", at, min(HeadRoom, f.Size()-at))
		if err != nil {
			return false
		}
		h = bytes.TrimLeft(h, "\x00")
		return is(h)
	}
}

// HeadRoom is how far behind its tags a file's first frame is looked for, in bytes.
const HeadRoom = 4096

// framesSites are the labels of a file of frames with tags around it.
func framesSites(format string) func(*carrier.File) ([]carrier.Site, error) {
	return func(f *carrier.File) (sites []carrier.Site, err error) {
		tags, err := readTags(f, format)
		for i, t := range tags {
			for _, x := range t.own {
				s := carrier.Site{Place: "ID3v2 " + x.id + " AIGC", Offset: x.at, Value: x.value, Standard: i == 0 && t.at == 0}
				if !s.Standard {
					s.Remark = "in a further ID3 tag; readers look at the first"
				}
				sites = append(sites, s)
			}
		}
		ape, bad := readAPE(f, format)
		if ape != nil {
			for _, x := range ape.items {
				if strings.EqualFold(x.key, ownKey) {
					sites = append(sites, carrier.Site{Place: "APE tag AIGC", Offset: ape.at, Value: x.value, Remark: "in an APE tag; the guide says ID3v2"})
				}
			}
		}
		if err == nil {
			err = bad
		}
		return sites, err
	}
}

func framesPut(format string) func(*carrier.File, carrier.Label) (*carrier.Edit, error) {
	return func(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
		tags, err := readTags(f, format)
		if err != nil {
			return nil, err
		}
		var changes []carrier.Change
		if len(tags) == 0 || tags[0].at != 0 {
			fresh := &tag{version: 4}
			changes = append(changes, carrier.Change{At: 0, Insert: fresh.with(&l.Value)})
		}
		for i, t := range tags {
			value := &l.Value
			if i > 0 || t.at != 0 {
				value = nil
			}
			if !t.needs(value) {
				continue
			}
			b := t.with(value)
			if b == nil {
				return nil, fault(format, carrier.TooLarge, t.at, "the ID3 tag would be longer than the 256 MB it can have")
			}
			changes = append(changes, carrier.Change{At: t.at, Remove: t.size, Insert: b})
		}
		ape, err := readAPE(f, format)
		if err != nil {
			return nil, err
		}
		if ape != nil {
			if b := ape.without(); b != nil {
				changes = append(changes, carrier.Change{At: ape.at, Remove: ape.size, Insert: b})
			}
		}
		return carrier.NewEdit(f, changes...)
	}
}

// apeTag is an APEv2 tag.
type apeTag struct {
	at, size int64
	header   bool
	flags    uint32
	items    []apeItem
}

type apeItem struct {
	key, value string
	raw        []byte
}

// readAPE reads the APE tag at the end of a file; nil when there is none.
func readAPE(f *carrier.File, format string) (*apeTag, error) {
	end := f.Size()
	if f.Has(end-128, 128) {
		b, err := f.Read(format, end-128, 3)
		if err != nil {
			return nil, err
		}
		if string(b) == "TAG" {
			end -= 128
		}
	}
	if !f.Has(end-32, 32) {
		return nil, nil
	}
	foot, err := f.Read(format, end-32, 32)
	if err != nil || string(foot[:8]) != "APETAGEX" {
		return nil, err
	}
	size, count, flags := int64(binary.LittleEndian.Uint32(foot[12:])), binary.LittleEndian.Uint32(foot[16:]), binary.LittleEndian.Uint32(foot[20:])
	t := &apeTag{at: end - size, size: size, flags: flags, header: flags&(1<<31) != 0}
	if size < 32 || size > maxText || !f.Has(t.at, size) {
		return nil, fault(format, carrier.Malformed, end-32, "an APE tag says %d bytes", size)
	}
	b, err := f.Read(format, t.at, size-32)
	if err != nil {
		return nil, err
	}
	for range count {
		if len(b) < 8 {
			return nil, fault(format, carrier.Malformed, t.at, "an APE tag says %d items and has fewer", count)
		}
		n := int64(binary.LittleEndian.Uint32(b))
		k := bytes.IndexByte(b[8:], 0)
		if k < 0 || n > int64(len(b)-8-k-1) {
			return nil, fault(format, carrier.Malformed, t.at, "an item of the APE tag is longer than the tag")
		}
		whole := int64(8+k+1) + n
		t.items = append(t.items, apeItem{key: string(b[8 : 8+k]), value: string(b[8+k+1 : whole]), raw: b[:whole]})
		b = b[whole:]
	}
	if t.header {
		if !f.Has(t.at-32, 32) {
			return nil, fault(format, carrier.Malformed, t.at, "the APE tag has no header, and says it has one")
		}
		t.at, t.size = t.at-32, t.size+32
	}
	return t, nil
}

// without is the tag of a file whose label stands in its ID3 tag; nil when the tag held none.
func (t *apeTag) without() []byte {
	var body []byte
	n := 0
	for _, x := range t.items {
		if !strings.EqualFold(x.key, ownKey) {
			body = append(body, x.raw...)
			n++
		}
	}
	if n == len(t.items) {
		return nil
	}
	mark := func(flags uint32) []byte {
		b := append([]byte("APETAGEX"), binary.LittleEndian.AppendUint32(nil, 2000)...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(body)+32))
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
		b = binary.LittleEndian.AppendUint32(b, flags)
		return append(b, make([]byte, 8)...)
	}
	var out []byte
	if t.header {
		out = mark(t.flags | 1<<29)
	}
	return append(append(out, body...), mark(t.flags&^(1<<29))...)
}
