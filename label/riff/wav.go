package riff

import (
	"bytes"
	"encoding/binary"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// xmpInWAV is the chunk that holds XMP in WAV and AVI files (XMP part 3).
const xmpInWAV = "_PMX"

func wavSites(f *carrier.File) (sites []carrier.Site, err error) {
	r, err := read(f, "wav")
	return chunkSites(r, err, false)
}

// chunkSites are the labels in chunks of their own, in INFO lists and in XMP; info says which of the two first is the format's place.
func chunkSites(r *file, failed error, info bool) (sites []carrier.Site, err error) {
	err = failed
	add := func(bad error, found ...carrier.Site) {
		if sites = append(sites, found...); err == nil {
			err = bad
		}
	}
	own, listed := "", "in LIST INFO; the guide says a chunk of its own"
	if info {
		own, listed = "a chunk of its own; the guide says LIST INFO", ""
	}
	for _, c := range r.chunks {
		switch c.id {
		case ownChunk:
			text, bad := r.text(c)
			if bad != nil {
				add(bad)
				continue
			}
			add(nil, carrier.Site{Place: "chunk AIGC", Offset: c.at, Value: string(text), Standard: own == "", Remark: own})
		case xmpInWAV:
			found, bad := r.packetSites(c, "in XMP; the guide names another place")
			add(bad, found...)
		}
	}
	list, bad := r.info()
	add(bad)
	for _, c := range list {
		if c.id != ownChunk {
			continue
		}
		text, bad := r.text(c)
		if bad != nil {
			add(bad)
			continue
		}
		add(nil, carrier.Site{Place: "LIST INFO AIGC", Offset: c.at, Value: string(text), Standard: listed == "", Remark: listed})
	}
	return sites, err
}

// without are the changes that take the label out of places where the format does not want it.
func (r *file) without(chunks, info bool) (changes []carrier.Change, err error) {
	for _, c := range r.chunks {
		switch {
		case c.id == ownChunk && chunks:
			changes = append(changes, carrier.Change{At: c.at, Remove: r.span(c)})
		case c.id == xmpInWAV:
			packet, err := r.text(c)
			if err != nil {
				return nil, err
			}
			left, err := xmp.Elsewhere(packet)
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(left, packet) {
				changes = append(changes, carrier.Change{At: c.at, Remove: r.span(c), Insert: written(c.id, left)})
			}
		case c.form == "INFO" && info:
			data, err := r.infoWith(c, nil)
			if err != nil {
				return nil, err
			}
			if data != nil {
				changes = append(changes, carrier.Change{At: c.at, Remove: r.span(c), Insert: data})
			}
		}
	}
	return changes, nil
}

// infoWith is an INFO list with the label, or, without a value, as it is when the label stands in another place; nil when that is as it was.
func (r *file) infoWith(c chunk, value []byte) ([]byte, error) {
	if c.size > maxText {
		return nil, r.fault(carrier.TooLarge, c.at, "an INFO list of %d bytes; at most %d are read", c.size, maxText)
	}
	list, err := r.list(c.body()+4, c.body()+c.size, false)
	if err != nil {
		return nil, err
	}
	data, changed, put := []byte("INFO"), false, value == nil
	for _, x := range list {
		b, err := r.Read(r.format, x.at, min(x.end(), c.body()+c.size)-x.at)
		if err != nil {
			return nil, err
		}
		if int64(len(b))%2 == 1 {
			b = append(bytes.Clone(b), 0)
		}
		if x.id == ownChunk {
			if put {
				changed = true
				continue
			}
			put = true
			now := written(ownChunk, value)
			changed = changed || !bytes.Equal(bytes.TrimRight(b, "\x00"), bytes.TrimRight(now, "\x00"))
			b = now
		}
		data = append(data, b...)
	}
	if !put {
		data, changed = append(data, written(ownChunk, value)...), true
	}
	if !changed {
		return nil, nil
	}
	return written("LIST", data), nil
}

// wavPut puts the chunk behind the others. A file that was streamed gets its sizes, which its writer could not know.
func wavPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	r, err := read(f, "wav")
	if err != nil {
		return nil, err
	}
	changes, err := r.without(false, true)
	if err != nil {
		return nil, err
	}
	put := false
	for _, c := range r.chunks {
		switch {
		case c.id == ownChunk && !put:
			put = true
			text, err := r.text(c)
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(text, []byte(l.Value)) {
				changes = append(changes, carrier.Change{At: c.at, Remove: r.span(c), Insert: written(ownChunk, []byte(l.Value))})
			}
		case c.id == ownChunk:
			changes = append(changes, carrier.Change{At: c.at, Remove: r.span(c)})
		case c.open:
			if c.size > 1<<32-2 {
				return nil, r.fault(carrier.TooLarge, c.at, "%d bytes of samples are more than a RIFF can say", c.size)
			}
			changes = append(changes, carrier.Change{At: c.at + 4, Remove: 4, Insert: binary.LittleEndian.AppendUint32(nil, uint32(c.size))})
		}
	}
	if !put {
		changes = append(changes, r.behind(ownChunk, []byte(l.Value)))
	}
	if len(changes) == 0 {
		return carrier.NewEdit(f)
	}
	sizes, err := r.sized(grown(changes))
	if err != nil {
		return nil, err
	}
	return carrier.NewEdit(f, append(changes, sizes...)...)
}
