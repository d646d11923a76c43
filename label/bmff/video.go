package bmff

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

// Bounds of a film's tables; ours. Ten million frames are 46 hours at 60 a second.
const maxFrames = 10_000_000

// film is the video track of a file, in its tables.
type film struct {
	*file
	trak, stbl, entry *node
	config            *node // avcC and its like, within the sample entry
	frames            []carrier.Frame
	decoded           []int64 // when each is decoded, in ticks
}

// Video reads the first video track of an MP4 or QuickTime file, format mp4, mov or m4a. The error names what is wrong or, as Unsupported,
// what is right and cannot be edited here: films in fragments, encrypted films, several kinds of frames in one track.
func Video(f *carrier.File, format string) (*carrier.Video, error) {
	x, err := read(f, format, false)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(x.top, func(b box) bool { return b.kind == "moof" }) || x.moov.find("mvex") != nil {
		return nil, x.fault(carrier.Unsupported, x.moovBox.at, "a film in fragments")
	}
	m := &film{file: x}
	for _, n := range x.moov.children {
		if n.kind == "trak" && handler(n.find("mdia")) == "vide" && n.find("mdia", "minf", "stbl") != nil {
			m.trak, m.stbl = n, n.find("mdia", "minf", "stbl")
			break
		}
	}
	if m.trak == nil {
		return nil, x.fault(carrier.Unsupported, x.moovBox.at, "the file has no video track")
	}
	if own, others := references(m.trak); !own || others {
		return nil, x.fault(carrier.Unsupported, m.trak.at, "a track with data in other files")
	}
	v := &carrier.Video{Replace: m.replace}
	if v.Codec, err = m.sampleEntry(); err != nil {
		return nil, err
	}
	if m.config != nil {
		v.Config = m.config.body
	}
	if v.Scale, err = m.scale(m.trak.find("mdia", "mdhd")); err != nil {
		return nil, err
	}
	if err = m.times(); err == nil {
		err = m.sizes()
	}
	if err == nil {
		err = m.offsets()
	}
	if err == nil {
		v.Start, err = m.start()
	}
	v.Frames = m.frames
	return v, err
}

// sampleEntry finds what kind of frames the track has.
func (m *film) sampleEntry() (codec string, err error) {
	stsd := m.stbl.find("stsd")
	if stsd == nil || len(stsd.body) < 16+78 {
		return "", m.fault(carrier.Malformed, m.stbl.at, "the track has no sample entry")
	}
	if n := binary.BigEndian.Uint32(stsd.body[4:]); n != 1 {
		return "", m.fault(carrier.Unsupported, stsd.at, "%d sample entries in one track", n)
	}
	at := stsd.at + 16
	b, _, err := m.header(stsd.body[8:], at, int64(len(stsd.body)-8))
	if err != nil {
		return "", err
	}
	body := stsd.body[8+b.head : 8+b.size]
	if len(body) < 78 {
		return "", m.fault(carrier.Malformed, at, "a sample entry of %d bytes is too short", b.size)
	}
	m.entry = &node{kind: b.kind, at: at, body: body[:78:78], tail: body[78:]}
	for at := b.body() + 78; len(m.entry.tail) >= 8; {
		c, ends, err := m.header(m.entry.tail, at, int64(len(m.entry.tail)))
		if err != nil {
			return "", err
		}
		if ends {
			break
		}
		child := &node{kind: c.kind, long: c.head == 16, at: at, body: m.entry.tail[c.head:c.size:c.size]}
		m.entry.children = append(m.entry.children, child)
		if slices.Contains([]string{"avcC", "hvcC", "av1C", "vpcC"}, c.kind) && m.config == nil {
			m.config = child
		}
		at, m.entry.tail = c.end(), m.entry.tail[c.size:]
	}
	switch b.kind {
	case "avc1", "avc3":
		codec = "h264"
	case "hvc1", "hev1":
		codec = "hevc"
	case "vp09":
		codec = "vp9"
	case "av01":
		codec = "av1"
	case "encv":
		return "", &carrier.Error{Format: m.format, Kind: carrier.Encrypted, Offset: at, Rule: "the film is encrypted"}
	default:
		return b.kind, nil
	}
	if m.config == nil {
		return "", m.fault(carrier.Malformed, at, "sample entry %q has no configuration", b.kind)
	}
	return codec, nil
}

// scale is the ticks of a second in mdhd or mvhd.
func (m *film) scale(n *node) (int64, error) {
	if n != nil && len(n.body) >= 24 {
		at := 12
		if n.body[0] == 1 {
			at = 20
		}
		if v := int64(binary.BigEndian.Uint32(n.body[at:])); v > 0 {
			return v, nil
		}
	}
	return 0, m.fault(carrier.Malformed, m.trak.at, "the track does not say how long a tick is")
}

// list is a table box of the track: its entries of so many bytes each, behind 8 bytes.
func (m *film) list(kind string, width int) (entries []byte, n int, err error) {
	b := m.stbl.find(kind)
	if b == nil {
		return nil, 0, nil
	}
	if len(b.body) < 8 {
		return nil, 0, m.fault(carrier.Malformed, b.at, "box %s is too short", kind)
	}
	count := int64(binary.BigEndian.Uint32(b.body[4:]))
	if count*int64(width) > int64(len(b.body)-8) {
		return nil, 0, m.fault(carrier.Malformed, b.at, "box %s says %d entries, there is room for %d", kind, count, (len(b.body)-8)/width)
	}
	return b.body[8:], int(count), nil
}

// times reads when frames are decoded and shown, and which are key frames.
func (m *film) times() error {
	stts, n, err := m.list("stts", 8)
	if err != nil {
		return err
	}
	at := int64(0)
	for i := range n {
		count, delta := binary.BigEndian.Uint32(stts[8*i:]), binary.BigEndian.Uint32(stts[8*i+4:])
		if int64(count)+int64(len(m.decoded)) > maxFrames {
			return m.fault(carrier.TooLarge, m.stbl.at, "more than %d frames", maxFrames)
		}
		for range count {
			m.decoded = append(m.decoded, at)
			at += int64(delta)
		}
	}
	m.frames = make([]carrier.Frame, len(m.decoded))
	for i := range m.frames {
		m.frames[i].Time = m.decoded[i]
	}
	ctts, n, err := m.list("ctts", 8)
	if err != nil {
		return err
	}
	k := 0
	for i := range n {
		count, offset := int(binary.BigEndian.Uint32(ctts[8*i:])), int64(int32(binary.BigEndian.Uint32(ctts[8*i+4:])))
		for ; count > 0 && k < len(m.frames); count-- {
			m.frames[k].Time += offset
			k++
		}
	}
	stss, n, err := m.list("stss", 4)
	if err != nil {
		return err
	}
	for i := range n {
		if at := int64(binary.BigEndian.Uint32(stss[4*i:])); at >= 1 && at <= int64(len(m.frames)) {
			m.frames[at-1].Key = true
		}
	}
	if m.stbl.find("stss") == nil { // all are
		for i := range m.frames {
			m.frames[i].Key = true
		}
	}
	if len(m.frames) == 0 {
		return m.fault(carrier.Malformed, m.stbl.at, "the track has no frames")
	}
	return nil
}

// sizes reads how many bytes each frame has.
func (m *film) sizes() error {
	b := m.stbl.find("stsz")
	if b == nil || len(b.body) < 12 {
		return m.fault(carrier.Unsupported, m.stbl.at, "the track has no box stsz")
	}
	same, count := int64(binary.BigEndian.Uint32(b.body[4:])), int64(binary.BigEndian.Uint32(b.body[8:]))
	if count != int64(len(m.frames)) || same == 0 && 4*count > int64(len(b.body)-12) {
		return m.fault(carrier.Malformed, b.at, "box stsz says %d frames, box stts %d", count, len(m.frames))
	}
	for i := range m.frames {
		if m.frames[i].Size = same; same == 0 {
			m.frames[i].Size = int64(binary.BigEndian.Uint32(b.body[12+4*i:]))
		}
	}
	return nil
}

// offsets reads where the frames are.
func (m *film) offsets() error {
	var chunks *table
	for _, kind := range []string{"stco", "co64"} {
		if b := m.stbl.find(kind); b != nil {
			t, err := m.table(b)
			if err != nil {
				return err
			}
			chunks = t
		}
	}
	stsc, n, err := m.list("stsc", 12)
	if err != nil {
		return err
	}
	if chunks == nil || n == 0 {
		return m.fault(carrier.Malformed, m.stbl.at, "the track does not say where its frames are")
	}
	k := 0
	for i := range n {
		first, per, entry := int64(binary.BigEndian.Uint32(stsc[12*i:])), int64(binary.BigEndian.Uint32(stsc[12*i+4:])), binary.BigEndian.Uint32(stsc[12*i+8:])
		next := int64(len(chunks.at)) + 1
		if i+1 < n {
			next = int64(binary.BigEndian.Uint32(stsc[12*(i+1):]))
		}
		if first < 1 || next < first || next > int64(len(chunks.at))+1 || entry != 1 {
			return m.fault(carrier.Malformed, m.stbl.at, "box stsc speaks of chunks %d to %d of %d, sample entry %d", first, next-1, len(chunks.at), entry)
		}
		for c := first; c < next && k < len(m.frames); c++ {
			at := chunks.at[c-1]
			for j := int64(0); j < per && k < len(m.frames); j++ {
				if !m.f.Has(at, m.frames[k].Size) {
					return m.fault(carrier.Truncated, at, "frame %d of %d bytes should stand here", k+1, m.frames[k].Size)
				}
				m.frames[k].At = at
				at += m.frames[k].Size
				k++
			}
		}
	}
	if k < len(m.frames) {
		return m.fault(carrier.Malformed, m.stbl.at, "the chunks hold %d frames of %d", k, len(m.frames))
	}
	return nil
}

// start is where an edit list lets the film begin.
func (m *film) start() (int64, error) {
	first := m.frames[0].Time
	for _, f := range m.frames[:min(len(m.frames), 64)] {
		first = min(first, f.Time)
	}
	elst := m.trak.find("edts", "elst")
	if edts := m.trak.find("edts"); elst == nil && edts != nil && len(edts.body) >= 8 && string(edts.body[4:8]) == "elst" {
		elst = &node{kind: "elst", at: edts.at + 8, body: edts.body[8:]}
	}
	if elst == nil || len(elst.body) < 8 {
		return first, nil
	}
	width := 4
	if elst.body[0] == 1 {
		width = 8
	}
	x := &fields{elst.body[8:], true}
	seen := 0
	at := int64(0)
	for range binary.BigEndian.Uint32(elst.body[4:]) {
		x.next(width)
		raw := slices.Clone(x.b[:min(width, len(x.b))])
		if x.ok = x.ok && len(raw) == width; !x.ok {
			break
		}
		x.b = x.b[width:]
		rate := x.next(4)
		time := int64(int32(binary.BigEndian.Uint32(raw)))
		if width == 8 {
			time = int64(binary.BigEndian.Uint64(raw))
		}
		if time < 0 { // nothing is shown for a while
			continue
		}
		if seen++; seen > 1 || rate != 1<<16 {
			return 0, m.fault(carrier.Unsupported, elst.at, "an edit list that cuts the film or changes its speed")
		}
		at = time
	}
	if !x.ok {
		return 0, m.fault(carrier.Malformed, elst.at, "the edit list is too short for what it says")
	}
	return max(at, first), nil
}

// replace is what carrier.Video promises.
func (m *film) replace(frames [][]byte, config []byte) (*carrier.Edit, error) {
	if len(frames) > len(m.frames) {
		return nil, fmt.Errorf("bmff: %d frames for %d", len(frames), len(m.frames))
	}
	var changes []carrier.Change
	grown := make([]int64, len(m.top))
	for i, b := range frames {
		old := m.frames[i]
		if len(b) > math.MaxInt32 {
			return nil, fmt.Errorf("bmff: a frame of %d bytes", len(b))
		}
		changes = append(changes, carrier.Change{At: old.At, Remove: old.Size, Insert: b})
		k := slices.IndexFunc(m.top, func(t box) bool { return old.At >= t.body() && old.At+old.Size <= t.end() })
		if k < 0 || m.top[k].kind != "mdat" {
			return nil, m.fault(carrier.Unsupported, old.At, "frame %d is not in a media box", i+1)
		}
		grown[k] += int64(len(b)) - old.Size
	}
	for k, more := range grown {
		if more == 0 {
			continue
		}
		change, err := m.resized(m.top[k], more)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change...)
	}
	m.newSizes(frames)
	m.newTimes(len(frames))
	if config != nil && m.config != nil {
		m.config.body = config
		stsd := m.stbl.find("stsd")
		stsd.body = m.entry.write(slices.Clone(stsd.body[:8]))
	}
	return m.layOut(changes, nil)
}

// resized is the head of a media box that has more bytes in it.
func (m *film) resized(b box, more int64) ([]carrier.Change, error) {
	raw, err := m.f.Read(m.format, b.at, 4)
	if err != nil {
		return nil, err
	}
	switch size := b.size + more; {
	case binary.BigEndian.Uint32(raw) == 0: // to the end of the file
		return nil, nil
	case b.head == 16:
		return []carrier.Change{{At: b.at + 8, Remove: 8, Insert: u64(size)}}, nil
	case size > math.MaxUint32:
		return nil, m.fault(carrier.TooLarge, b.at, "the media box would be %d bytes long", size)
	default:
		return []carrier.Change{{At: b.at, Remove: 4, Insert: u32(size)}}, nil
	}
}

func (m *film) newSizes(frames [][]byte) {
	stsz := m.stbl.find("stsz")
	body := append(slices.Clone(stsz.body[:4]), 0, 0, 0, 0)
	body = append(body, u32(int64(len(m.frames)))...)
	for i, f := range m.frames {
		size := f.Size
		if i < len(frames) {
			size = int64(len(frames[i]))
		}
		body = append(body, u32(size)...)
	}
	stsz.body = body
}

// newTimes lets the first frames be shown in the order of decoding, at the times they had among them, and takes back what was said of how they depend on
// each other.
func (m *film) newTimes(n int) {
	shown := make([]int64, n)
	for i, f := range m.frames[:n] {
		shown[i] = f.Time
	}
	slices.Sort(shown)
	if ctts := m.stbl.find("ctts"); ctts != nil {
		var runs [][2]int64
		for i, f := range m.frames {
			offset := f.Time - m.decoded[i]
			if i < n {
				offset = shown[i] - m.decoded[i]
			}
			if k := len(runs) - 1; k >= 0 && runs[k][1] == offset {
				runs[k][0]++
			} else {
				runs = append(runs, [2]int64{1, offset})
			}
		}
		body := append(slices.Clone(ctts.body[:4]), u32(int64(len(runs)))...)
		for _, r := range runs {
			body = append(append(body, u32(r[0])...), u32(r[1])...)
		}
		ctts.body = body
	}
	if sdtp := m.stbl.find("sdtp"); sdtp != nil && len(sdtp.body) >= 4+n {
		sdtp.body = slices.Clone(sdtp.body)
		clear(sdtp.body[4 : 4+n])
	}
}
