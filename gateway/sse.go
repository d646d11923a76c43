package gateway

import "bytes"

// sseEvent is one server-sent event as it came. Fields point into the parser's buffer and die with the next call.
type sseEvent struct {
	raw  []byte // all lines and the blank line that ends it
	data []byte // data lines joined by \n
	has  bool   // there was a data line
	head []byte // the lines that are not data (id:, event:, retry:, comments), as they came
}

// sseParser cuts a byte stream into events, however it arrives. Lines may end in LF, CR LF or CR.
type sseParser struct {
	buf  []byte
	at   int // start of the event being collected
	join []byte
	head []byte
}

// maxEvent bounds one event, in bytes.
const maxEvent = 8 << 20

func (p *sseParser) write(b []byte) {
	if p.at > 0 {
		p.buf = p.buf[:copy(p.buf, p.buf[p.at:])]
		p.at = 0
	}
	p.buf = append(p.buf, b...)
}

// next returns the next whole event. last says that no more bytes will come: then a trailing event without its blank line
// is none (an event is only dispatched by a blank line).
func (p *sseParser) next(last bool) (sseEvent, bool) {
	p.join, p.head = p.join[:0], p.head[:0]
	e := sseEvent{}
	lines := 0
	for i := p.at; i < len(p.buf); {
		end, after, ok := lineEnd(p.buf, i, last)
		if !ok {
			break
		}
		line := p.buf[i:end]
		if len(line) == 0 {
			e.raw = p.buf[p.at:after]
			p.at = after
			if lines == 0 { // blank lines between events
				p.join, p.head = p.join[:0], p.head[:0]
				i = after
				continue
			}
			e.head = p.head
			if e.has && e.data == nil {
				e.data = p.join
			}
			return e, true
		}
		lines++
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) == "data" {
			value = bytes.TrimPrefix(value, []byte(" "))
			switch {
			case !e.has:
				e.data = value
			default:
				if e.data != nil {
					p.join = append(p.join, e.data...)
					e.data = nil
				}
				p.join = append(append(p.join, '\n'), value...)
			}
			e.has = true
		} else {
			p.head = append(append(p.head, line...), '\n')
		}
		i = after
	}
	return sseEvent{}, false
}

// tooLong tells whether an unfinished event has outgrown maxEvent.
func (p *sseParser) tooLong() bool { return len(p.buf)-p.at > maxEvent }

// rest tells whether anything but white space was left unfinished.
func (p *sseParser) rest() bool { return len(bytes.TrimSpace(p.buf[p.at:])) > 0 }

// lineEnd finds the end of the line at i and the start of the next. A CR at the very end waits: an LF may follow.
func lineEnd(b []byte, i int, last bool) (end, after int, ok bool) {
	k := bytes.IndexByte(b[i:], '\n')
	r := bytes.IndexByte(b[i:], '\r')
	if k < 0 && r < 0 {
		return 0, 0, false
	}
	if r >= 0 && (k < 0 || r < k) {
		switch {
		case i+r+1 < len(b) && b[i+r+1] == '\n':
			return i + r, i + r + 2, true
		case i+r+1 < len(b) || last:
			return i + r, i + r + 1, true
		}
		return 0, 0, false
	}
	return i + k, i + k + 1, true
}
