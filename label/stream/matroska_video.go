package stream

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

// Elements of Matroska that the frames are in.
const (
	idInfo        = 0x1549A966
	idScale       = 0x2AD7B1
	idTracks      = 0x1654AE6B
	idTrack       = 0xAE
	idTrackNumber = 0xD7
	idTrackType   = 0x83
	idCodec       = 0x86
	idPrivate     = 0x63A2
	idEncodings   = 0x6D80
	idTime        = 0xE7
	idPrevious    = 0xAB
	idSimpleBlock = 0xA3
	idGroup       = 0xA0
	idBlock       = 0xA1
	idReference   = 0xFB
	idRelative    = 0xF0
)

// mkvFilm is the video track of a file and its frames, as far as they were read.
type mkvFilm struct {
	*matroska
	tracks element
	number uint64
	frames []carrier.Frame
	blocks []mkvBlock
}

// mkvBlock is where a frame stands: its cluster, and the place of what stands before its bytes.
type mkvBlock struct {
	cluster int   // of top
	at      int64 // of the element
	head    int64
	time    int64 // of the cluster
}

// Video reads the first video track of a Matroska or WebM file, format mkv or webm, up to the second key frame that is shown after so many seconds, +Inf for all. The
// error names what is wrong or, as Unsupported, what is right and cannot be edited here: compressed or encrypted tracks, several frames in
// a block.
func Video(f *carrier.File, format string, seconds float64) (*carrier.Video, error) {
	top, err := readMatroska(f, format)
	if err != nil {
		return nil, err
	}
	m := &mkvFilm{matroska: top}
	v := &carrier.Video{Scale: 1000, Replace: m.replace}
	if err := m.heads(v); err != nil {
		return nil, err
	}
	ticks := int64(math.MaxInt64)
	if t := seconds * float64(v.Scale); t < 1<<62 {
		ticks = int64(t)
	}
	v.Rest, err = m.clusters(ticks)
	if err == nil && len(m.frames) == 0 {
		err = m.fault(carrier.Malformed, m.tracks.at, "the track has no frames")
	}
	if err != nil {
		return nil, err
	}
	v.Frames, v.Start = m.frames, m.frames[0].Time
	for _, x := range m.frames[:min(len(m.frames), 64)] {
		v.Start = min(v.Start, x.Time)
	}
	return v, nil
}

// integer is an element's number.
func integer(b []byte) (v uint64) {
	for _, c := range b[:min(8, len(b))] {
		v = v<<8 | uint64(c)
	}
	return v
}

// heads reads what the file says of its times and its video track.
func (m *mkvFilm) heads(v *carrier.Video) error {
	for _, e := range m.top {
		if e.id != idInfo && e.id != idTracks {
			continue
		}
		data, err := m.read(e)
		if err != nil {
			return err
		}
		list, err := m.nodes(data, e.body())
		if err != nil {
			return err
		}
		for _, n := range list {
			switch {
			case n.id == idScale:
				tick := integer(n.data) // in nanoseconds
				if tick == 0 || tick > 1e9 {
					return m.fault(carrier.Unsupported, n.at, "a tick of %d ns", tick)
				}
				v.Scale = int64(1e9 / tick)
			case n.id == idTrack && m.number == 0:
				m.tracks = e
				if err := m.track(n, v); err != nil {
					return err
				}
			}
		}
	}
	if m.number == 0 {
		return m.fault(carrier.Unsupported, m.segment.at, "the file has no video track")
	}
	return nil
}

// track reads a track, if it is one of pictures.
func (m *mkvFilm) track(n node, v *carrier.Video) error {
	list, err := m.inside(n)
	if err != nil {
		return err
	}
	kind, number, codec, packed := uint64(0), uint64(0), "", false
	var config []byte
	for _, x := range list {
		switch x.id {
		case idTrackNumber:
			number = integer(x.data)
		case idTrackType:
			kind = integer(x.data)
		case idCodec:
			codec = string(x.data)
		case idPrivate:
			config = x.data
		case idEncodings:
			packed = true
		}
	}
	if kind != 1 || number == 0 {
		return nil
	}
	if packed {
		return m.fault(carrier.Unsupported, n.at, "the track's frames are compressed or encrypted by the container")
	}
	m.number, v.Config = number, config
	switch codec {
	case "V_MPEG4/ISO/AVC":
		v.Codec = "h264"
	case "V_MPEGH/ISO/HEVC":
		v.Codec = "hevc"
	case "V_VP9":
		v.Codec = "vp9"
	case "V_AV1":
		v.Codec = "av1"
	default:
		v.Codec = codec
	}
	return nil
}

// clusters reads where the frames are, until enough; rest tells that there are more.
func (m *mkvFilm) clusters(ticks int64) (rest bool, err error) {
	late := 0
	for i, c := range m.top {
		if c.id != idCluster {
			continue
		}
		if late >= 2 {
			return true, nil
		}
		time := int64(0)
		for at := c.body(); at < c.end(); {
			e, err := m.element(at, c.end())
			if err != nil {
				return false, err
			}
			switch e.id {
			case idTime:
				b, err := m.f.Read(m.format, e.body(), min(e.size, 8))
				if err != nil {
					return false, err
				}
				time = int64(integer(b) & (1<<62 - 1))
			case idSimpleBlock:
				err = m.block(e, i, time, nil)
			case idGroup:
				err = m.group(e, i, time)
			}
			if err != nil {
				return false, err
			}
			at = e.end()
			if k := len(m.frames) - 1; k >= 0 && m.frames[k].Key && m.frames[k].At > e.at && m.frames[k].Time-m.frames[0].Time >= ticks && (e.id == idSimpleBlock || e.id == idGroup) {
				late++
			}
		}
	}
	return false, nil
}

// group reads the block in a block group. It is a key frame when it refers to no other.
func (m *mkvFilm) group(g element, cluster int, time int64) error {
	key := true
	var block *element
	for at := g.body(); at < g.end(); {
		e, err := m.element(at, g.end())
		if err != nil {
			return err
		}
		switch e.id {
		case idBlock:
			block = &e
		case idReference:
			key = false
		}
		at = e.end()
	}
	if block == nil {
		return nil
	}
	return m.block(*block, cluster, time, &key)
}

// block reads the head of a block; of other tracks it is passed over.
func (m *mkvFilm) block(e element, cluster int, time int64, key *bool) error {
	b, err := m.f.Read(m.format, e.body(), min(e.size, 12))
	if err != nil {
		return err
	}
	number, n, _ := number(b, false)
	switch {
	case n == 0 || len(b) < n+3:
		return m.fault(carrier.Malformed, e.at, "a block of %d bytes", e.size)
	case number != m.number:
		return nil
	case b[n+2]&6 != 0:
		return m.fault(carrier.Unsupported, e.at, "several frames of the film in one block")
	}
	head := int64(n + 3)
	f := carrier.Frame{At: e.body() + head, Size: e.size - head, Time: time + int64(int16(binary.BigEndian.Uint16(b[n:]))), Key: b[n+2]&0x80 != 0}
	if key != nil {
		f.Key = *key
	}
	m.frames = append(m.frames, f)
	m.blocks = append(m.blocks, mkvBlock{cluster, e.at, head, time})
	return nil
}

// replace is what carrier.Video promises.
func (m *mkvFilm) replace(frames [][]byte, config []byte) (*carrier.Edit, error) {
	if len(frames) > len(m.frames) {
		return nil, fmt.Errorf("stream: %d frames for %d", len(frames), len(m.frames))
	}
	shown := make([]int64, len(frames))
	for i := range frames {
		shown[i] = m.frames[i].Time
	}
	slices.Sort(shown)
	fresh := map[int64][]byte{} // from where the old block is to the data of the new one
	anew := map[int]bool{}
	for i, b := range frames {
		old, at := m.frames[i], m.blocks[i]
		head, err := m.f.Read(m.format, old.At-at.head, at.head)
		if err != nil {
			return nil, err
		}
		relative := shown[i] - at.time
		if relative < math.MinInt16 || relative > math.MaxInt16 {
			return nil, m.fault(carrier.Unsupported, old.At, "frame %d would be shown %d ticks after its cluster begins", i+1, relative)
		}
		head = slices.Clone(head)
		binary.BigEndian.PutUint16(head[at.head-3:], uint16(relative))
		head[at.head-1] &^= 1 // others may depend on it now
		fresh[at.at] = append(head, b...)
		anew[at.cluster] = true
	}
	pieces, err := m.untouched()
	if err != nil {
		return nil, err
	}
	used := 0
	for i, e := range m.top {
		switch {
		case anew[i]:
			b, one, err := m.rebuilt(e, fresh)
			if err != nil {
				return nil, err
			}
			pieces[i].bytes, used = b, used+one
		case e.id == idTracks && e.at == m.tracks.at && config != nil:
			if pieces[i].bytes, err = m.told(e, config); err != nil {
				return nil, err
			}
		}
	}
	if used != len(frames) {
		return nil, m.fault(carrier.Malformed, m.segment.at, "%d of %d frames found their places", used, len(frames))
	}
	m.unhinted(pieces, anew)
	return m.layOut(pieces)
}

// untouched are the elements of the segment as they are, with the places in them read.
func (m *matroska) untouched() (out []mkvPiece, err error) {
	for _, e := range m.top {
		p := mkvPiece{id: e.id, old: e}
		if e.id == idSeekHead || e.id == idCues {
			data, err := m.read(e)
			if err != nil {
				return nil, err
			}
			list, err := m.nodes(data, e.body())
			if err != nil {
				return nil, err
			}
			for _, n := range list {
				switch n.id {
				case idCRC:
					p.sum = true
				case idVoid:
				default:
					p.data = append(p.data, n)
				}
			}
		}
		out = append(out, p)
	}
	return out, nil
}

// rebuilt is a cluster with new blocks. What it says of its own place and the size of that before it is left out: nobody needs it.
func (m *mkvFilm) rebuilt(c element, fresh map[int64][]byte) (bytes []byte, used int, err error) {
	if c.size > carrier.MaxRead {
		return nil, 0, m.fault(carrier.TooLarge, c.at, "a cluster of %d bytes; at most %d are read", c.size, int64(carrier.MaxRead))
	}
	data, err := m.f.Read(m.format, c.body(), c.size)
	if err != nil {
		return nil, 0, err
	}
	list, err := m.nodes(data, c.body())
	if err != nil {
		return nil, 0, err
	}
	var out []byte
	sum := false
	for _, n := range list {
		switch n.id {
		case idCRC:
			sum = true
		case idPosition, idPrevious, idVoid:
		case idSimpleBlock:
			if b, ok := fresh[n.at]; ok {
				n.data, used = b, used+1
			}
			out = append(out, write(n.id, n.data)...)
		case idGroup:
			e, err := m.element(n.at, c.end())
			if err != nil {
				return nil, 0, err
			}
			inner, err := m.nodes(n.data, e.body())
			if err != nil {
				return nil, 0, err
			}
			var group []byte
			for _, x := range inner {
				if b, ok := fresh[x.at]; ok && x.id == idBlock {
					x.data, used = b, used+1
				}
				if x.id != idCRC {
					group = append(group, write(x.id, x.data)...)
				}
			}
			out = append(out, write(n.id, group)...)
		default:
			out = append(out, write(n.id, n.data)...)
		}
	}
	return sealed(idCluster, sum, out), used, nil
}

// told is Tracks with what the film's decoder is told.
func (m *mkvFilm) told(e element, config []byte) ([]byte, error) {
	data, err := m.read(e)
	if err != nil {
		return nil, err
	}
	list, err := m.nodes(data, e.body())
	if err != nil {
		return nil, err
	}
	var out []byte
	sum := false
	for _, n := range list {
		if n.id == idCRC {
			sum = true
			continue
		}
		if n.id == idTrack {
			inner, err := m.inside(n)
			if err != nil {
				return nil, err
			}
			ours := slices.ContainsFunc(inner, func(x node) bool { return x.id == idTrackNumber && integer(x.data) == m.number })
			var track []byte
			for _, x := range inner {
				if ours && x.id == idPrivate {
					x.data = config
				}
				if x.id != idCRC {
					track = append(track, write(x.id, x.data)...)
				}
			}
			n.data = track
		}
		out = append(out, write(n.id, n.data)...)
	}
	return sealed(idTracks, sum, out), nil
}

// unhinted takes out of the cues where within a rebuilt cluster a block stood; the cluster's place is what counts.
func (m *mkvFilm) unhinted(pieces []mkvPiece, anew map[int]bool) {
	moved := map[uint64]bool{}
	for i := range anew {
		moved[uint64(m.top[i].at-m.segment.body())] = true
	}
	for _, p := range pieces {
		if p.id != idCues {
			continue
		}
		for i, point := range p.data {
			list, err := m.inside(point)
			if err != nil {
				continue // told where the places are set right
			}
			var out []byte
			for _, x := range list {
				if inner, err := m.inside(x); x.id == idCueTracks && err == nil && slices.ContainsFunc(inner, func(y node) bool { return y.id == idCueAt && moved[integer(y.data)] }) {
					x.data = nil
					for _, y := range inner {
						if y.id != idRelative {
							x.data = append(x.data, write(y.id, y.data)...)
						}
					}
				}
				out = append(out, write(x.id, x.data)...)
			}
			p.data[i].data = out
		}
	}
}
