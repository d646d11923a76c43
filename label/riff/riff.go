// Package riff reads and writes the implicit label of RIFF files: WAV (TC260-PG-202510A), AVI (TC260-PG-20257A) and WebP
// (TC260-PG-20259A). Samples, frames and pixels are never read.
package riff

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// Formats are the kinds of files of this package.
func Formats() []carrier.Format {
	is := func(form string, outer ...string) func(*carrier.File) bool {
		return func(f *carrier.File) bool {
			h := f.Head()
			for _, o := range outer {
				if len(h) >= 12 && string(h[:4]) == o && string(h[8:12]) == form {
					return true
				}
			}
			return false
		}
	}
	return []carrier.Format{
		{Name: "wav", Title: "WAV audio", MIME: []string{"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"}, Extensions: []string{"wav", "wave", "bwf", "rf64"}, Medium: "audio",
			Place: "RIFF chunk AIGC", Guide: "TC260-PG-202510A", Is: is("WAVE", "RIFF", "RF64", "BW64"), Sites: wavSites, Put: wavPut},
		{Name: "avi", Title: "AVI video", MIME: []string{"video/x-msvideo", "video/avi", "video/msvideo"}, Extensions: []string{"avi"}, Medium: "video",
			Place: "LIST INFO, chunk AIGC", Guide: "TC260-PG-20257A", Is: is("AVI ", "RIFF"), Sites: aviSites, Put: aviPut},
		{Name: "webp", Title: "WebP image", MIME: []string{"image/webp"}, Extensions: []string{"webp"}, Medium: "image",
			Place: "RIFF chunk XMP, property TC260:AIGC", Guide: "TC260-PG-20259A", Is: is("WEBP", "RIFF"), Sites: webpSites, Put: webpPut},
	}
}

const ownChunk = "AIGC"

// maxText bounds a chunk of text that is read; ours.
const maxText = 8 << 20

// chunk of a file, by its place.
type chunk struct {
	id   string
	at   int64
	size int64  // of the data
	form string // of a LIST
	open bool   // it says no size: it was streamed, and reaches to the end of the file
}

func (c chunk) body() int64 { return c.at + 8 }

// end is behind the chunk and its padding.
func (c chunk) end() int64 { return c.at + 8 + c.size + c.size%2 }

// span is how many bytes of the file a chunk takes; the padding of the last one may be missing.
func (r *file) span(c chunk) int64 { return min(c.end(), r.size) - c.at }

// file is a RIFF file: the chunks of its first RIFF.
type file struct {
	*carrier.File
	format string
	size   int64 // of the first RIFF, whole
	long   int64 // where ds64 tells the sizes, 0: not an RF64
	chunks []chunk
}

func (f *file) fault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return &carrier.Error{Format: f.format, Kind: kind, Offset: at, Rule: fmt.Sprintf(rule, args...)}
}

// read walks through the chunks of the first RIFF. Sizes that a stream could not know yet reach to the end of the file.
func read(f *carrier.File, format string) (*file, error) {
	r := &file{File: f, format: format}
	h, err := f.Read(format, 0, 12)
	if err != nil {
		return r, err
	}
	r.size = 8 + int64(binary.LittleEndian.Uint32(h[4:]))
	streamed := r.size == 8 || r.size == 8+math.MaxUint32
	if string(h[:4]) != "RIFF" && r.size == 8+math.MaxUint32 { // RF64 tells it in ds64
		b, err := f.Read(format, 12, 32)
		if err != nil {
			return r, err
		}
		if string(b[:4]) != "ds64" || binary.LittleEndian.Uint32(b[4:]) < 24 {
			return r, r.fault(carrier.Malformed, 12, "an RF64 file begins with chunk ds64")
		}
		r.long, streamed = 20, false
		if r.size = 8 + int64(binary.LittleEndian.Uint64(b[8:])); r.size < 8 {
			return r, r.fault(carrier.Malformed, 20, "the file says it has %d bytes", uint64(r.size))
		}
	}
	if streamed {
		r.size = f.Size()
	}
	if r.size < 12 {
		return r, r.fault(carrier.Malformed, 4, "the file says it has %d bytes", r.size)
	}
	if r.size == f.Size()+1 { // the last chunk's padding is missing
		r.size--
	}
	if r.size > f.Size() {
		return r, r.fault(carrier.Truncated, 4, "the file says it has %d bytes, and has %d", r.size, f.Size())
	}
	r.chunks, err = r.list(12, r.size, streamed)
	return r, err
}

// list are the chunks from one place to another.
func (r *file) list(from, to int64, streamed bool) (out []chunk, err error) {
	for at := from; at+8 <= to; {
		if len(out) > carrier.MaxParts {
			return out, r.fault(carrier.TooLarge, at, "more than %d chunks", carrier.MaxParts)
		}
		h, err := r.Read(r.format, at, 8)
		if err != nil {
			return out, err
		}
		c := chunk{id: string(h[:4]), at: at, size: int64(binary.LittleEndian.Uint32(h[4:]))}
		if c.id == "data" && c.size == math.MaxUint32 && r.long > 0 {
			b, err := r.Read(r.format, r.long+8, 8)
			if err != nil {
				return out, err
			}
			c.size = int64(binary.LittleEndian.Uint64(b))
		}
		if streamed && c.id == "data" && (c.size == 0 || c.size >= math.MaxInt32) && c.size > to-c.body() || streamed && c.id == "data" && c.size == 0 {
			c.size, c.open = to-c.body(), true
		}
		if c.size < 0 || c.size > to-c.body() {
			return out, r.fault(carrier.Truncated, at, "chunk %q says %d bytes, there is room for %d", c.id, c.size, to-c.body())
		}
		if c.id == "LIST" && c.size >= 4 {
			b, err := r.Read(r.format, c.body(), 4)
			if err != nil {
				return out, err
			}
			c.form = string(b)
		}
		out = append(out, c)
		at = c.end()
	}
	return out, nil
}

// text is a chunk's data without the zeros that close it.
func (r *file) text(c chunk) ([]byte, error) {
	if c.size > maxText {
		return nil, r.fault(carrier.TooLarge, c.at, "chunk %q of %d bytes; at most %d are read", c.id, c.size, maxText)
	}
	b, err := r.Read(r.format, c.body(), c.size)
	return bytes.TrimRight(b, "\x00"), err
}

// written is a chunk with its padding.
func written(id string, data []byte) []byte {
	out := append([]byte(id), binary.LittleEndian.AppendUint32(nil, uint32(len(data)))...)
	return append(append(out, data...), make([]byte, len(data)%2)...)
}

// info are the chunks of the INFO lists.
func (r *file) info() (out []chunk, err error) {
	for _, c := range r.chunks {
		if c.form == "INFO" {
			list, err := r.list(c.body()+4, c.body()+c.size, false)
			if out = append(out, list...); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// sized changes the sizes that the file's head tells for a file that grows by so many bytes.
func (r *file) sized(grown int64) ([]carrier.Change, error) {
	now := r.size + grown
	if r.long > 0 {
		return []carrier.Change{{At: r.long, Remove: 8, Insert: binary.LittleEndian.AppendUint64(nil, uint64(now-8))}}, nil
	}
	if now-8 >= math.MaxUint32 {
		return nil, r.fault(carrier.TooLarge, 4, "the labelled file would have %d bytes, a RIFF has less than %d", now, int64(math.MaxUint32)+8)
	}
	return []carrier.Change{{At: 4, Remove: 4, Insert: binary.LittleEndian.AppendUint32(nil, uint32(now-8))}}, nil
}

// behind is a further chunk behind the others.
func (r *file) behind(id string, data []byte) carrier.Change {
	insert, at := written(id, data), int64(12)
	if n := len(r.chunks); n > 0 {
		at = r.chunks[n-1].end()
	}
	if at > r.size { // the padding of the last one is missing
		at, insert = r.size, append([]byte{0}, insert...)
	}
	return carrier.Change{At: at, Insert: insert}
}

// grown is by how many bytes changes lengthen the file.
func grown(changes []carrier.Change) (n int64) {
	for _, c := range changes {
		n += int64(len(c.Insert)) - c.Remove
	}
	return n
}

// packetSites are the labels in an XMP chunk.
func (r *file) packetSites(c chunk, remark string) (out []carrier.Site, err error) {
	packet, err := r.text(c)
	if err != nil {
		return nil, err
	}
	values, err := xmp.Values(packet)
	for _, v := range values {
		s := carrier.Site{Place: "chunk " + c.id + " (XMP)", Offset: c.body() + int64(v.Offset), Value: v.Text, Standard: v.Standard && remark == "", Remark: remark}
		if remark == "" {
			s.Remark = v.Remark
		}
		out = append(out, s)
	}
	return out, err
}
