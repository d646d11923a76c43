package stream

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

// page is an Ogg page (RFC 3533).
type page struct {
	at, size int64
	flags    byte
	granule  uint64
	serial   uint32
	number   uint32
	table    []byte // lacing values
}

const (
	oggContinued = 1
	oggFirst     = 2
	oggLast      = 4
	// maxHead bounds how far into a file the headers reach, in bytes: pictures stand among the comments.
	maxHead = 64 << 20
)

func oggFault(kind carrier.Kind, at int64, rule string, args ...any) error {
	return fault("ogg", kind, at, rule, args...)
}

func isOgg(f *carrier.File) bool { return bytes.HasPrefix(f.Head(), []byte("OggS")) }

// readPage reads the head of a page.
func readPage(f *carrier.File, at int64) (p page, err error) {
	h, err := f.Read("ogg", at, 27)
	if err != nil {
		return p, err
	}
	if string(h[:4]) != "OggS" || h[4] != 0 {
		return p, oggFault(carrier.Malformed, at, "a page begins with OggS and version 0")
	}
	p = page{at: at, flags: h[5], granule: binary.LittleEndian.Uint64(h[6:]), serial: binary.LittleEndian.Uint32(h[14:]), number: binary.LittleEndian.Uint32(h[18:])}
	if p.table, err = f.Read("ogg", at+27, int64(h[26])); err != nil {
		return p, err
	}
	p.size = 27 + int64(len(p.table))
	for _, n := range p.table {
		p.size += int64(n)
	}
	if !f.Has(at, p.size) {
		return p, oggFault(carrier.Truncated, at, "a page of %d bytes, the file ends before", p.size)
	}
	return p, nil
}

func (p page) body() int64 { return p.at + 27 + int64(len(p.table)) }

// oggStream is the header of the one sound or film in a file that carries comments.
type oggStream struct {
	f       *carrier.File
	serial  uint32
	magic   string // before the comments
	pages   []page // those that hold the header packets behind the first
	packets [][]byte
	next    int64 // behind them
}

// oggCodec tells by its first packet what a stream is: the bytes before its comments, and how many header packets follow the first.
func oggCodec(first []byte) (magic string, headers int) {
	switch {
	case bytes.HasPrefix(first, []byte("OpusHead")):
		return "OpusTags", 1
	case bytes.HasPrefix(first, []byte("\x01vorbis")):
		return "\x03vorbis", 2
	case bytes.HasPrefix(first, []byte("\x80theora")):
		return "\x81theora", 2
	case bytes.HasPrefix(first, []byte("Speex   ")):
		return "", 1
	case bytes.HasPrefix(first, []byte("\x7fFLAC")) && len(first) >= 9:
		return "", int(binary.BigEndian.Uint16(first[7:9]))
	}
	return "", 0
}

// readOgg finds the stream whose comments carry the label: sound before film, as players look.
func readOgg(f *carrier.File) (*oggStream, error) {
	var s *oggStream
	at, first := int64(0), true
	for first {
		p, err := readPage(f, at)
		if err != nil {
			return nil, err
		}
		if p.flags&oggFirst == 0 {
			break
		}
		b, err := f.Read("ogg", p.body(), p.size-27-int64(len(p.table)))
		if err != nil {
			return nil, err
		}
		magic, headers := oggCodec(b)
		switch {
		case headers == 0 && s == nil && len(b) > 0:
		case bytes.HasPrefix(b, []byte("\x7fFLAC")):
			return nil, oggFault(carrier.Unsupported, at, "FLAC in Ogg is not labelled by this version; the file as .flac is")
		case s == nil || s.magic == "\x81theora" && magic != s.magic:
			s = &oggStream{f: f, serial: p.serial, magic: magic, packets: make([][]byte, 0, headers), next: int64(headers)}
		case s.magic != "\x81theora" && magic != "\x81theora":
			return nil, oggFault(carrier.Unsupported, at, "two sounds in one file")
		}
		if at += p.size; at > maxHead {
			return nil, oggFault(carrier.TooLarge, at, "the headers reach beyond %d bytes", maxHead)
		}
	}
	if s == nil {
		return nil, oggFault(carrier.Unsupported, 0, "no Vorbis, Opus, Speex or Theora in the file")
	}
	return s, s.readHeaders(at)
}

// readHeaders gathers the header packets of the stream.
func (s *oggStream) readHeaders(at int64) error {
	want := int(s.next)
	var open []byte
	began := false
	for len(s.packets) < want {
		p, err := readPage(s.f, at)
		if err != nil {
			return err
		}
		if at += p.size; at > maxHead {
			return oggFault(carrier.TooLarge, at, "the headers reach beyond %d bytes", maxHead)
		}
		if p.serial != s.serial {
			if len(s.pages) > 0 { // a page of another stream among the header's pages keeps its place
				return oggFault(carrier.Unsupported, p.at, "the headers of two streams lie in one another")
			}
			continue
		}
		if p.flags&oggContinued != 0 != began || p.flags&oggFirst != 0 {
			return oggFault(carrier.Malformed, p.at, "the page's flags %#x do not go on with what was before", p.flags)
		}
		s.pages = append(s.pages, p)
		b, err := s.f.Read("ogg", p.body(), p.size-27-int64(len(p.table)))
		if err != nil {
			return err
		}
		for i, n := range p.table {
			open, b = append(open, b[:n]...), b[n:]
			if began = n == 255; began {
				continue
			}
			s.packets, open = append(s.packets, open), nil
			if len(s.packets) == want && i+1 < len(p.table) {
				return oggFault(carrier.Unsupported, p.at, "sound begins on the page where the headers end")
			}
		}
	}
	s.next = at
	return nil
}

// comments are those of the stream.
func (s *oggStream) comments() (comments, error) {
	packet, ok := bytes.CutPrefix(s.packets[0], []byte(s.magic))
	if !ok {
		return comments{}, oggFault(carrier.Malformed, s.pages[0].at, "the comments begin with %q", s.magic)
	}
	c, err := readComments(packet)
	if err != nil {
		return c, oggFault(carrier.Malformed, s.pages[0].at, "the comments: %v", err)
	}
	return c, nil
}

func oggSites(f *carrier.File) (sites []carrier.Site, err error) {
	s, err := readOgg(f)
	if err != nil {
		return nil, err
	}
	c, err := s.comments()
	for _, value := range c.own() {
		sites = append(sites, carrier.Site{Place: "Vorbis comment AIGC", Offset: s.pages[0].at, Value: value, Standard: true})
	}
	if err != nil {
		return sites, err
	}
	// A second stream behind the first (a chain) has comments of its own, which are not read.
	if chained, at, bad := s.chained(); bad != nil {
		err = bad
	} else if chained {
		err = oggFault(carrier.Unsupported, at, "a chain of streams; the comments of the later ones were not read")
	}
	return sites, err
}

// chained tells whether another stream begins behind the headers. The last page of a file tells: it is of the first stream, unless there
// is a chain.
func (s *oggStream) chained() (bool, int64, error) {
	size := s.f.Size()
	from := max(s.next, size-1<<17) // two of the longest pages
	b, err := s.f.Read("ogg", from, size-from)
	if err != nil {
		return false, 0, err
	}
	for i := len(b); ; {
		if i = bytes.LastIndex(b[:i], []byte("OggS")); i < 0 {
			return false, 0, nil
		}
		p, err := readPage(s.f, from+int64(i))
		if err != nil || p.at+p.size != size {
			continue
		}
		known, err := s.begins(p.serial)
		return !known, p.at, err
	}
}

// begins tells whether a stream of this number is one of those that begin the file.
func (s *oggStream) begins(serial uint32) (bool, error) {
	for at := int64(0); ; {
		p, err := readPage(s.f, at)
		if err != nil || p.flags&oggFirst == 0 {
			return false, err
		}
		if p.serial == serial {
			return true, nil
		}
		at += p.size
	}
}

func oggPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	if _, err := oggSites(f); err != nil {
		return nil, err
	}
	s, err := readOgg(f)
	if err != nil {
		return nil, err
	}
	c, err := s.comments()
	if err != nil {
		return nil, err
	}
	packet := append([]byte(s.magic), c.with(l.Value)...)
	if bytes.Equal(packet, s.packets[0]) {
		return carrier.NewEdit(f)
	}
	packets := append([][]byte{packet}, s.packets[1:]...)
	pages := s.laid(packets)
	from := s.pages[0].at
	changes := []carrier.Change{{At: from, Remove: s.next - from, Insert: bytes.Join(pages, nil)}}
	if by := len(pages) - len(s.pages); by != 0 { // later pages of the stream are counted on
		more, err := s.renumbered(by)
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	return carrier.NewEdit(f, changes...)
}

// laid are the pages of header packets: a packet ends on a page of its own, as the first and the last must.
func (s *oggStream) laid(packets [][]byte) (pages [][]byte) {
	number := s.pages[0].number
	var table, body []byte
	continued := false
	flush := func(complete bool) {
		flags, granule := byte(0), uint64(0)
		if continued {
			flags = oggContinued
		}
		if !complete && len(table) == 255 && !slices.ContainsFunc(table, func(n byte) bool { return n < 255 }) {
			granule = 1<<64 - 1 // no packet ends here
		}
		pages = append(pages, oggPage(flags, granule, s.serial, number, table, body))
		number++
		table, body, continued = nil, nil, !complete
	}
	for _, p := range packets {
		for rest := p; ; {
			n := min(len(rest), 255)
			if len(table) == 255 {
				flush(false)
			}
			table, body, rest = append(table, byte(n)), append(body, rest[:n]...), rest[n:]
			if n < 255 {
				break
			}
		}
	}
	flush(true)
	return pages
}

func oggPage(flags byte, granule uint64, serial, number uint32, table, body []byte) []byte {
	h := append([]byte("OggS\x00"), flags)
	h = binary.LittleEndian.AppendUint64(h, granule)
	h = binary.LittleEndian.AppendUint32(h, serial)
	h = binary.LittleEndian.AppendUint32(h, number)
	h = append(h, 0, 0, 0, 0, byte(len(table)))
	h = append(append(h, table...), body...)
	binary.LittleEndian.PutUint32(h[22:], oggSum(h))
	return h
}

// renumbered are the changes to the heads of the stream's pages behind the headers: their numbers, and with them their checksums.
func (s *oggStream) renumbered(by int) (out []carrier.Change, err error) {
	for at := s.next; at < s.f.Size(); {
		p, err := readPage(s.f, at)
		if err != nil {
			return nil, err
		}
		if p.serial == s.serial {
			if len(out) > carrier.MaxParts {
				return nil, oggFault(carrier.TooLarge, at, "more than %d pages", carrier.MaxParts)
			}
			b, err := s.f.Read("ogg", at, p.size)
			if err != nil {
				return nil, err
			}
			h := slices.Clone(b)
			binary.LittleEndian.PutUint32(h[18:], p.number+uint32(by))
			binary.LittleEndian.PutUint32(h[22:], 0)
			binary.LittleEndian.PutUint32(h[22:], oggSum(h))
			out = append(out, carrier.Change{At: at + 18, Remove: 8, Insert: h[18:26:26]})
		}
		at += p.size
	}
	return out, nil
}

// oggTable is Ogg's CRC: polynomial 0x04C11DB7, not reflected.
var oggTable = func() (t [256]uint32) {
	for i := range t {
		r := uint32(i) << 24
		for range 8 {
			if r&0x80000000 != 0 {
				r = r<<1 ^ 0x04C11DB7
			} else {
				r <<= 1
			}
		}
		t[i] = r
	}
	return t
}()

// oggSum is the checksum of a page whose checksum is zero.
func oggSum(b []byte) (sum uint32) {
	for _, c := range b {
		sum = sum<<8 ^ oggTable[byte(sum>>24)^c]
	}
	return sum
}
