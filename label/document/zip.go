package document

import (
	"bytes"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/hegui/hegui/label/carrier"
)

// The parts of a ZIP file (PKWARE APPNOTE 6.3.10, §4.3) that matter.
const (
	localMagic   = "PK\x03\x04"
	centralMagic = "PK\x01\x02"
	endMagic     = "PK\x05\x06"
	end64Magic   = "PK\x06\x06"
	locatorMagic = "PK\x06\x07"

	localSize, centralSize, endSize, locatorSize, end64Size = 30, 46, 22, 20, 56

	flagEncrypted, flagBehind, flagMasked, flagUTF8 = 1, 1 << 3, 1 << 13, 1 << 11
	stored, deflated                                = 0, 8

	// maxPart is what a part of an archive may grow to when unpacked; ours.
	maxPart = carrier.MaxRead
)

// part is a file in an archive.
type part struct {
	name    string
	flags   uint16
	method  uint16
	crc     uint32
	packed  int64
	size    int64
	at      int64  // its local header
	room    int64  // from there to what follows
	central []byte // its entry in the directory
}

// archive is a ZIP file, read from its directory.
type archive struct {
	*carrier.File
	format string
	parts  []part
	dir    int64  // where the directory begins
	note   []byte // the comment at the end
	names  map[string]int
}

func (a *archive) fault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return fault(a.format, kind, at, rule, args...)
}

// openZip reads the directory. Names that stand twice, parts that overlap and bytes before the first part are refused: readers differ on what
// such a file holds.
func openZip(f *carrier.File, format string) (*archive, error) {
	a := &archive{File: f, format: format, names: map[string]int{}}
	tail, err := f.Read(format, max(0, f.Size()-endSize-math.MaxUint16), min(f.Size(), endSize+math.MaxUint16))
	if err != nil {
		return nil, err
	}
	end := -1
	for i := len(tail) - endSize; i >= 0 && end < 0; i-- {
		if string(tail[i:i+4]) == endMagic && i+endSize+int(binary.LittleEndian.Uint16(tail[i+20:])) == len(tail) {
			end = i
		}
	}
	if end < 0 {
		return nil, a.fault(carrier.Truncated, f.Size(), "a ZIP file ends with its directory's end record, here is none")
	}
	e, at := tail[end:], f.Size()-int64(len(tail)-end)
	count, size, dir := uint64(binary.LittleEndian.Uint16(e[10:])), uint64(binary.LittleEndian.Uint32(e[12:])), uint64(binary.LittleEndian.Uint32(e[16:]))
	a.note = e[endSize:]
	if binary.LittleEndian.Uint16(e[4:]) != binary.LittleEndian.Uint16(e[6:]) || binary.LittleEndian.Uint16(e[8:]) != binary.LittleEndian.Uint16(e[10:]) {
		return nil, a.fault(carrier.Unsupported, at, "the archive is spread over several files")
	}
	stop := at
	if end >= locatorSize && string(tail[end-locatorSize:end-locatorSize+4]) == locatorMagic {
		where := binary.LittleEndian.Uint64(tail[end-locatorSize+8:])
		if where > math.MaxInt64 {
			return nil, a.fault(carrier.Malformed, at-locatorSize, "the zip64 end record is said to be at %d", where)
		}
		r, err := f.Read(format, int64(where), end64Size)
		if err != nil {
			return nil, err
		}
		if string(r[:4]) != end64Magic {
			return nil, a.fault(carrier.Malformed, int64(where), "here should be the zip64 end record")
		}
		if a.differ(count, math.MaxUint16, r[32:]) || a.differ(size, math.MaxUint32, r[40:]) || a.differ(dir, math.MaxUint32, r[48:]) {
			return nil, a.fault(carrier.Malformed, at, "the end record and the zip64 end record differ")
		}
		count, size, dir = binary.LittleEndian.Uint64(r[32:]), binary.LittleEndian.Uint64(r[40:]), binary.LittleEndian.Uint64(r[48:])
		stop = int64(where)
	}
	switch {
	case count > carrier.MaxParts:
		return nil, a.fault(carrier.TooLarge, at, "%d parts, at most %d are read", count, carrier.MaxParts)
	case dir > math.MaxInt64 || size > math.MaxInt64 || !f.Has(int64(dir), int64(size)):
		return nil, a.fault(carrier.Malformed, at, "the directory is said to be %d bytes at %d, the file has %d", size, dir, f.Size())
	case int64(dir)+int64(size) != stop:
		return nil, a.fault(carrier.Malformed, at, "the directory ends at %d and the end record begins at %d: there is something between or before", int64(dir)+int64(size), stop)
	}
	a.dir = int64(dir)
	return a, a.directory(int64(size), int(count))
}

// differ tells whether a number is neither the sign to look for a longer one nor equal to that.
func (a *archive) differ(short, sign uint64, long []byte) bool {
	return short != sign && short != binary.LittleEndian.Uint64(long)
}

// directory reads the entries of the directory.
func (a *archive) directory(size int64, count int) error {
	b, err := a.Read(a.format, a.dir, size)
	if err != nil {
		return err
	}
	for at := 0; at < len(b); {
		where := a.dir + int64(at)
		if len(b)-at < centralSize || string(b[at:at+4]) != centralMagic {
			return a.fault(carrier.Malformed, where, "here should be an entry of the directory")
		}
		e := b[at:]
		name, extra, note := int(binary.LittleEndian.Uint16(e[28:])), int(binary.LittleEndian.Uint16(e[30:])), int(binary.LittleEndian.Uint16(e[32:]))
		if len(e) < centralSize+name+extra+note {
			return a.fault(carrier.Malformed, where, "the entry is longer than the directory")
		}
		e = e[:centralSize+name+extra+note]
		p := part{name: string(e[centralSize : centralSize+name]), flags: binary.LittleEndian.Uint16(e[8:]), method: binary.LittleEndian.Uint16(e[10:]), crc: binary.LittleEndian.Uint32(e[16:]), central: e}
		wide, err := a.wide(e[centralSize+name:centralSize+name+extra], binary.LittleEndian.Uint32(e[24:]), binary.LittleEndian.Uint32(e[20:]), binary.LittleEndian.Uint32(e[42:]), where)
		if err != nil {
			return err
		}
		p.size, p.packed, p.at = wide[0], wide[1], wide[2]
		if p.flags&flagMasked != 0 {
			return a.fault(carrier.Encrypted, where, "the directory is encrypted")
		}
		if _, twice := a.names[strings.ToLower(p.name)]; twice {
			return a.fault(carrier.Malformed, where, "part %.80q stands twice in the archive", p.name)
		}
		a.names[strings.ToLower(p.name)] = len(a.parts)
		a.parts = append(a.parts, p)
		at += len(e)
	}
	if len(a.parts) != count {
		return a.fault(carrier.Malformed, a.dir, "the end record says %d parts, the directory has %d", count, len(a.parts))
	}
	order := make([]*part, len(a.parts))
	for i := range a.parts {
		order[i] = &a.parts[i]
	}
	slices.SortFunc(order, func(x, y *part) int { return cmp.Compare(x.at, y.at) })
	next := a.dir
	for i, p := range slices.Backward(order) {
		if p.at < 0 || p.packed < 0 || p.size < 0 || p.at > next || p.packed > next-p.at || p.packed+localSize+int64(len(p.name)) > next-p.at {
			return a.fault(carrier.Malformed, max(p.at, 0), "part %.80q overlaps what follows it", p.name)
		}
		p.room, next = next-p.at, p.at
		if i == 0 && p.at != 0 {
			return a.fault(carrier.Malformed, 0, "%d bytes stand before the first part", p.at)
		}
	}
	return nil
}

// wide are an entry's size, packed size and place, from its zip64 extra field where they do not fit elsewhere.
func (a *archive) wide(extra []byte, values ...any) (out [3]int64, err error) {
	at := values[3].(int64)
	var long []byte
	for len(extra) >= 4 {
		n := int(binary.LittleEndian.Uint16(extra[2:]))
		if n > len(extra)-4 {
			break // padding of some writers
		}
		if binary.LittleEndian.Uint16(extra) == 1 {
			long = extra[4 : 4+n]
		}
		extra = extra[4+n:]
	}
	for i := range out {
		v := uint64(values[i].(uint32))
		if v == math.MaxUint32 {
			if len(long) < 8 {
				return out, a.fault(carrier.Malformed, at, "an entry of the directory points to a zip64 field that is not there")
			}
			v, long = binary.LittleEndian.Uint64(long), long[8:]
		}
		if v > math.MaxInt64 {
			return out, a.fault(carrier.Malformed, at, "an entry of the directory says %d", v)
		}
		out[i] = int64(v)
	}
	return out, nil
}

// read unpacks a part. ok is false when there is none of that name.
func (a *archive) read(name string) (b []byte, at int64, ok bool, err error) {
	i, ok := a.names[strings.ToLower(name)]
	if !ok {
		return nil, 0, false, nil
	}
	p := a.parts[i]
	if p.flags&flagEncrypted != 0 {
		return nil, p.at, true, a.fault(carrier.Encrypted, p.at, "part %.80q is encrypted", p.name)
	}
	if p.size > maxPart {
		return nil, p.at, true, a.fault(carrier.TooLarge, p.at, "part %.80q has %d bytes unpacked, at most %d are read", p.name, p.size, int64(maxPart))
	}
	data, err := a.data(p)
	if err != nil {
		return nil, p.at, true, err
	}
	packed, err := a.Read(a.format, data, p.packed)
	if err != nil {
		return nil, p.at, true, err
	}
	switch p.method {
	case stored:
		b = packed
	case deflated:
		b, err = inflateRaw(packed, p.size)
	default:
		return nil, p.at, true, a.fault(carrier.Unsupported, p.at, "part %.80q is packed by method %d", p.name, p.method)
	}
	if err != nil {
		return nil, p.at, true, &carrier.Error{Format: a.format, Kind: carrier.Malformed, Offset: data, Rule: fmt.Sprintf("part %.80q cannot be unpacked", p.name), Err: err}
	}
	if int64(len(b)) != p.size || crc32.ChecksumIEEE(b) != p.crc {
		return nil, p.at, true, a.fault(carrier.Malformed, data, "part %.80q is not what the directory says: its size or its checksum differ", p.name)
	}
	return b, p.at, true, nil
}

// inflateRaw unpacks what must have so many bytes, and stops soon behind them: a bomb is never unpacked.
func inflateRaw(packed []byte, size int64) ([]byte, error) {
	z := flate.NewReader(bytes.NewReader(packed))
	b, err := io.ReadAll(io.LimitReader(z, size+1))
	if err == nil && int64(len(b)) > size {
		err = errors.New("it has more bytes than the directory says")
	}
	return b, err
}

// data is where the packed bytes of a part begin: behind its local header.
func (a *archive) data(p part) (int64, error) {
	h, err := a.Read(a.format, p.at, localSize)
	if err != nil {
		return 0, err
	}
	data := p.at + localSize + int64(binary.LittleEndian.Uint16(h[26:])) + int64(binary.LittleEndian.Uint16(h[28:]))
	switch {
	case string(h[:4]) != localMagic:
		return 0, a.fault(carrier.Malformed, p.at, "here should begin part %.80q", p.name)
	case data-p.at > p.room-p.packed:
		return 0, a.fault(carrier.Malformed, p.at, "part %.80q overlaps what follows it", p.name)
	}
	name, err := a.Read(a.format, p.at+localSize, int64(binary.LittleEndian.Uint16(h[26:])))
	if err == nil && string(name) != p.name {
		err = a.fault(carrier.Malformed, p.at, "the part is called %.80q here and %.80q in the directory", name, p.name)
	}
	return data, err
}

// with is the archive with these parts replaced where they stand, or added behind the others in the order of their names. All other parts
// keep their packed bytes; a part that is the same already is not touched.
func (a *archive) with(now map[string][]byte) (*carrier.Edit, error) {
	var changes []carrier.Change
	entries := make([][]byte, len(a.parts))
	type move struct{ at, by int64 } // parts from at on move
	var moves []move
	names := make([]string, 0, len(now))
	for name := range now {
		names = append(names, name)
	}
	slices.Sort(names)
	var added [][]byte // their directory entries
	behind := carrier.Change{At: a.dir}
	for _, name := range names {
		was, _, ok, err := a.read(name)
		if err != nil {
			return nil, err
		}
		if ok && bytes.Equal(was, now[name]) {
			continue
		}
		if !ok {
			local, central := packed(name, now[name], 0, dosEpoch, deflated)
			binary.LittleEndian.PutUint32(central[42:], uint32(len(behind.Insert))) // from where the first is added; set right below
			behind.Insert, added = append(behind.Insert, local...), append(added, central)
			continue
		}
		i := a.names[strings.ToLower(name)]
		p := a.parts[i]
		data, err := a.data(p)
		if err != nil {
			return nil, err
		}
		remove := data + p.packed - p.at
		if p.flags&flagBehind != 0 {
			remove = p.room // sizes stand behind the part, and nothing else may
			if over := remove - (data + p.packed - p.at); over > 24 {
				return nil, a.fault(carrier.Unsupported, p.at, "%d bytes stand behind part %.80q, a data descriptor has at most 24", over, p.name)
			}
		}
		local, central := packed(p.name, now[name], p.flags&flagUTF8, p.central[12:16], p.method)
		entries[i] = central
		changes = append(changes, carrier.Change{At: p.at, Remove: remove, Insert: local})
		moves = append(moves, move{p.at + 1, int64(len(local)) - remove})
	}
	if len(changes) == 0 && len(added) == 0 {
		return carrier.NewEdit(a.File)
	}
	moved := func(at int64) int64 {
		to := at
		for _, m := range moves {
			if at >= m.at {
				to += m.by
			}
		}
		return to
	}
	var dir []byte
	for i, p := range a.parts {
		e, err := a.entry(p, entries[i], moved(p.at))
		if err != nil {
			return nil, err
		}
		dir = append(dir, e...)
	}
	start := moved(a.dir)
	for _, e := range added {
		at := start + int64(binary.LittleEndian.Uint32(e[42:]))
		if at >= math.MaxUint32 {
			return nil, a.fault(carrier.TooLarge, a.dir, "a part would be added at %d; behind 4 GB this is not done", at)
		}
		binary.LittleEndian.PutUint32(e[42:], uint32(at))
		dir = append(dir, e...)
	}
	start += int64(len(behind.Insert))
	behind.Insert = append(append(behind.Insert, dir...), a.end(start, int64(len(dir)), len(a.parts)+len(added))...)
	behind.Remove = a.Size() - a.dir
	return carrier.NewEdit(a.File, append(changes, behind)...)
}

// entry is a part's entry of the directory with its new place; fresh is not nil for a part that was replaced.
func (a *archive) entry(p part, fresh []byte, at int64) ([]byte, error) {
	e := fresh
	if e == nil {
		e = bytes.Clone(p.central)
	}
	if fresh != nil || binary.LittleEndian.Uint32(e[42:]) != math.MaxUint32 {
		if at >= math.MaxUint32 {
			return nil, a.fault(carrier.TooLarge, p.at, "part %.80q would stand at %d; moving parts beyond 4 GB is not done", p.name, at)
		}
		binary.LittleEndian.PutUint32(e[42:], uint32(at))
		return e, nil
	}
	skip := 0 // of the zip64 field, what stands before the place
	for _, field := range []int{24, 20} {
		if binary.LittleEndian.Uint32(e[field:]) == math.MaxUint32 {
			skip += 8
		}
	}
	for x := e[centralSize+len(p.name):]; len(x) >= 4; {
		n := int(binary.LittleEndian.Uint16(x[2:]))
		if n > len(x)-4 {
			break
		}
		if binary.LittleEndian.Uint16(x) == 1 && n >= skip+8 {
			binary.LittleEndian.PutUint64(x[4+skip:], uint64(at))
			return e, nil
		}
		x = x[4+n:]
	}
	return nil, a.fault(carrier.Unsupported, p.at, "part %.80q has its place in a zip64 field that cannot be written", p.name)
}

// end is the end record, behind a zip64 one where the numbers need it.
func (a *archive) end(dir, size int64, count int) (out []byte) {
	le := binary.LittleEndian
	if count >= math.MaxUint16 || size >= math.MaxUint32 || dir >= math.MaxUint32 {
		out = le.AppendUint64(append(out, end64Magic...), end64Size-12)
		out = le.AppendUint64(append(out, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0), uint64(count))
		out = le.AppendUint64(le.AppendUint64(le.AppendUint64(out, uint64(count)), uint64(size)), uint64(dir))
		out = append(append(out, locatorMagic...), 0, 0, 0, 0)
		out = append(le.AppendUint64(out, uint64(dir+size)), 1, 0, 0, 0)
	}
	out = append(append(out, endMagic...), 0, 0, 0, 0)
	n := uint16(min(count, math.MaxUint16))
	out = le.AppendUint16(le.AppendUint16(out, n), n)
	out = le.AppendUint32(le.AppendUint32(out, uint32(min(size, math.MaxUint32))), uint32(min(dir, math.MaxUint32)))
	return append(le.AppendUint16(out, uint16(len(a.note))), a.note...)
}

// dosEpoch is 1980-01-01 00:00, the time of parts that are added: there is no clock here.
var dosEpoch = []byte{0, 0, 0x21, 0}

// packed is a part with its local header, and its entry of the directory without a place.
func packed(name string, data []byte, flags uint16, when []byte, method uint16) (local, central []byte) {
	body := data
	if method == deflated {
		var b bytes.Buffer
		z, _ := flate.NewWriter(&b, flate.DefaultCompression) // the level is one
		_, _ = z.Write(data)                                  // a buffer does not fail
		_ = z.Close()
		body = b.Bytes()
	}
	le := binary.LittleEndian
	common := le.AppendUint16(le.AppendUint16([]byte{20, 0}, flags), method)
	common = le.AppendUint32(append(common, when...), crc32.ChecksumIEEE(data))
	common = le.AppendUint32(le.AppendUint32(common, uint32(len(body))), uint32(len(data)))
	common = append(le.AppendUint16(common, uint16(len(name))), 0, 0) // no extra field
	local = slices.Concat([]byte(localMagic), common, []byte(name), body)
	central = slices.Concat([]byte(centralMagic), []byte{20, 0}, common, make([]byte, 14), []byte(name))
	return local, central
}
