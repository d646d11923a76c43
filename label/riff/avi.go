package riff

import (
	"encoding/binary"
	"strings"

	"github.com/hegui/hegui/label/carrier"
)

func aviSites(f *carrier.File) ([]carrier.Site, error) {
	r, err := read(f, "avi")
	return chunkSites(r, err, true)
}

// aviPut puts the label into the INFO list, which stands before the frames, for readers look no further. Room for it is taken from a JUNK chunk
// when there is one; else the frames move, and with them the indexes that count from the file's beginning.
func aviPut(f *carrier.File, l carrier.Label) (*carrier.Edit, error) {
	r, err := read(f, "avi")
	if err != nil {
		return nil, err
	}
	movie := int64(-1)
	for _, c := range r.chunks {
		if c.form == "movi" && movie < 0 {
			movie = c.at
		}
	}
	if movie < 0 {
		return nil, r.fault(carrier.Malformed, -1, "the file has no LIST movi")
	}
	var home *chunk
	for i, c := range r.chunks {
		if c.form == "INFO" && c.at < movie && home == nil {
			home = &r.chunks[i]
		}
	}
	changes, err := r.without(true, false)
	if err != nil {
		return nil, err
	}
	for _, c := range r.chunks {
		if c.form != "INFO" || home != nil && c.at == home.at {
			continue
		}
		data, err := r.infoWith(c, nil)
		if err != nil {
			return nil, err
		}
		if data != nil {
			changes = append(changes, carrier.Change{At: c.at, Remove: r.span(c), Insert: data})
		}
	}
	list, at, was := []byte(nil), movie, int64(0)
	if home != nil {
		if list, err = r.infoWith(*home, []byte(l.Value)); err != nil {
			return nil, err
		}
		at, was = home.at, home.end()-home.at
	} else {
		list = written("LIST", append([]byte("INFO"), written(ownChunk, []byte(l.Value))...))
	}
	if list != nil {
		changes = append(changes, r.room(list, at, was, movie))
	}
	if len(changes) == 0 {
		return carrier.NewEdit(f)
	}
	indexes, err := r.indexes(changes)
	if err != nil {
		return nil, err
	}
	sizes, err := r.sized(grown(changes))
	if err != nil {
		return nil, err
	}
	return carrier.NewEdit(f, append(append(changes, indexes...), sizes...)...)
}

// room is the change that puts the list where the old one was, with the JUNK behind it, or into a JUNK before the frames, or at its place as it is.
func (r *file) room(list []byte, at, was, movie int64) carrier.Change {
	for _, c := range r.chunks {
		if c.id != "JUNK" || c.at >= movie || was > 0 && c.at != at+was {
			continue
		}
		from := c.at
		if was > 0 {
			from = at
		}
		switch left := c.end() - from - int64(len(list)); {
		case left == 0:
			return carrier.Change{At: from, Remove: c.end() - from, Insert: list}
		case left >= 8:
			return carrier.Change{At: from, Remove: c.end() - from, Insert: append(list, written("JUNK", make([]byte, left-8))...)}
		}
	}
	return carrier.Change{At: at, Remove: was, Insert: list}
}

// indexes are the changes to what counts from the beginning of the file: OpenDML's indexes, and an old index that does so.
func (r *file) indexes(changes []carrier.Change) (out []carrier.Change, err error) {
	moved := func(at int64) int64 {
		now := at
		for _, c := range changes {
			if at >= c.At+c.Remove {
				now += int64(len(c.Insert)) - c.Remove
			}
		}
		return now
	}
	number := func(at int64) error { // one offset of 64 bits
		b, err := r.Read(r.format, at, 8)
		if err != nil {
			return err
		}
		if was := int64(binary.LittleEndian.Uint64(b)); was > 0 && moved(was) != was {
			out = append(out, carrier.Change{At: at, Remove: 8, Insert: binary.LittleEndian.AppendUint64(nil, uint64(moved(was)))})
		}
		return nil
	}
	// Of every RIFF: the first has the streams' lists, all have frames.
	for at := int64(0); at+12 <= r.Size(); {
		h, err := r.Read(r.format, at, 12)
		if err != nil {
			return nil, err
		}
		size := int64(binary.LittleEndian.Uint32(h[4:]))
		if at == 0 {
			size = r.size - 8
		}
		if string(h[:4]) != "RIFF" || !r.Has(at+8, size) {
			break
		}
		list := r.chunks
		if at > 0 {
			if list, err = r.list(at+12, at+8+size, false); err != nil {
				return nil, err
			}
		}
		for _, c := range list {
			if err := r.indexed(c, number, 0); err != nil {
				return nil, err
			}
		}
		at += 8 + size + size%2
	}
	old, err := r.oldIndex(moved)
	return append(out, old...), err
}

// indexed looks for OpenDML's indexes in a list: indx tells places of others, ix## counts from a base.
func (r *file) indexed(c chunk, number func(int64) error, depth int) error {
	switch {
	case c.form == "hdrl" || c.form == "strl" || c.form == "movi" || c.form == "rec " || strings.HasPrefix(c.form, "odml"):
		if depth > carrier.MaxDepth {
			return r.fault(carrier.TooLarge, c.at, "lists in lists more than %d deep", carrier.MaxDepth)
		}
		list, err := r.list(c.body()+4, c.body()+c.size, false)
		if err != nil {
			return err
		}
		for _, x := range list {
			if err := r.indexed(x, number, depth+1); err != nil {
				return err
			}
		}
	case c.id == "indx" || strings.HasPrefix(c.id, "ix"):
		h, err := r.Read(r.format, c.body(), min(c.size, 24))
		if err != nil || len(h) < 24 {
			return err
		}
		if kind := h[3]; kind == 1 { // AVI_INDEX_OF_CHUNKS
			return number(c.body() + 12)
		}
		entries := int64(binary.LittleEndian.Uint32(h[4:]))
		if entries > (c.size-24)/16 {
			return r.fault(carrier.Malformed, c.at, "chunk indx says %d entries, there is room for %d", entries, (c.size-24)/16)
		}
		for i := range entries {
			if err := number(c.body() + 24 + 16*i); err != nil {
				return err
			}
		}
	}
	return nil
}

// oldIndex are the changes to chunk idx1 when its places count from the beginning of the file; mostly they count from LIST movi.
func (r *file) oldIndex(moved func(int64) int64) ([]carrier.Change, error) {
	var movie, index *chunk
	for i, c := range r.chunks {
		switch {
		case c.form == "movi" && movie == nil:
			movie = &r.chunks[i]
		case c.id == "idx1" && index == nil:
			index = &r.chunks[i]
		}
	}
	if movie == nil || index == nil || index.size < 16 || moved(movie.at) == movie.at {
		return nil, nil
	}
	first, err := r.Read(r.format, index.body()+8, 4)
	if err != nil {
		return nil, err
	}
	if at := int64(binary.LittleEndian.Uint32(first)); at < movie.at {
		return nil, nil
	}
	b, err := r.Read(r.format, index.body(), index.size)
	if err != nil {
		return nil, err
	}
	out := append([]byte(nil), b...)
	for i := 0; i+16 <= len(out); i += 16 {
		at := moved(int64(binary.LittleEndian.Uint32(out[i+8:])))
		binary.LittleEndian.PutUint32(out[i+8:], uint32(at))
	}
	return []carrier.Change{{At: index.body(), Remove: index.size, Insert: out}}, nil
}
