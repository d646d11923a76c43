package bmff

import (
	"bytes"
	"fmt"

	"github.com/hegui/hegui/label/carrier"
	"github.com/hegui/hegui/label/carrier/xmp"
)

// xmpUUID marks the box that holds XMP (XMP part 3).
const xmpUUID = "\xBE\x7A\xCF\xCB\x97\xA9\x42\xE8\x9C\x71\x99\x94\x91\xE3\xAF\xAC"

// maxPacket bounds an XMP packet that is read; ours.
const maxPacket = 8 << 20

// file is what matters of a file: where its boxes are, and in memory its movie and its own meta box.
type file struct {
	reader
	still            bool // the label belongs into XMP; else into the movie
	top              []box
	moov, meta       *node
	moovBox, metaBox box
	items            *items // of meta
}

// read reads as much as can be read; the error is the first fault.
func read(f *carrier.File, format string, still bool) (*file, error) {
	x := &file{reader: reader{f: f, format: format}, still: still}
	var err error
	note := func(bad error) {
		if err == nil {
			err = bad
		}
	}
	top, bad := x.boxes()
	x.top = top
	note(bad)
	for _, b := range top {
		switch {
		case b.kind == "moov" && x.moov == nil:
			x.moovBox = b
			x.moov, bad = x.tree(b)
			note(bad)
			if x.moov.find("cmov") != nil {
				note(x.fault(carrier.Unsupported, b.at, "the movie is compressed (box cmov)"))
			}
		case b.kind == "meta" && x.meta == nil:
			x.metaBox = b
			if x.meta, bad = x.tree(b); bad == nil {
				x.items, bad = x.readItems(x.meta)
			}
			note(bad)
		case b.kind == "moov" || b.kind == "meta":
			note(x.fault(carrier.Malformed, b.at, "a second %s box", b.kind))
		}
	}
	switch {
	case !still && x.moov == nil:
		note(x.fault(carrier.Malformed, -1, "the file has no moov box"))
	case still && x.meta == nil:
		note(x.fault(carrier.Malformed, -1, "the file has no meta box"))
	case still && x.items == nil:
		note(x.fault(carrier.Malformed, x.metaBox.at, "the meta box has no items"))
	}
	if x.items != nil && len(x.items.packets) > carrier.MaxSites {
		note(x.fault(carrier.TooLarge, x.metaBox.at, "%d XMP items; at most %d are read", len(x.items.packets), carrier.MaxSites))
		x.items.packets = x.items.packets[:carrier.MaxSites]
	}
	return x, err
}

// packetOf is the XMP in a box of the file, nil when it holds none.
func (r *reader) packetOf(b box) ([]byte, error) {
	if b.kind != "uuid" || b.size-b.head < int64(len(xmpUUID)) {
		return nil, nil
	}
	id, err := r.f.Read(r.format, b.body(), int64(len(xmpUUID)))
	if err != nil || string(id) != xmpUUID {
		return nil, err
	}
	if b.size > maxPacket {
		return nil, r.fault(carrier.TooLarge, b.at, "an XMP packet of %d bytes; at most %d are read", b.size, maxPacket)
	}
	return r.f.Read(r.format, b.body()+int64(len(xmpUUID)), b.size-b.head-int64(len(xmpUUID)))
}

// packetIn is the XMP in a box of the movie (QuickTime's XMP_, and the same box as in the file), how many bytes stand before it, and whether
// there is any.
func packetIn(n *node) (before int, ok bool) {
	switch {
	case n.kind == "XMP_":
		return 0, true
	case n.kind == "uuid" && bytes.HasPrefix(n.body, []byte(xmpUUID)):
		return len(xmpUUID), true
	}
	return 0, false
}

func (x *file) guide() string {
	if x.still {
		return "the guide says an XMP item"
	}
	return "the guide says moov.udta.meta"
}

// packetSites are the labels in XMP that stands at a place.
func packetSites(place string, packet []byte, at int64, remark string) (out []carrier.Site, err error) {
	values, err := xmp.Values(packet)
	for _, v := range values {
		s := carrier.Site{Place: place, Offset: at + int64(v.Offset), Value: v.Text, Standard: v.Standard && remark == "", Remark: remark}
		if remark == "" {
			s.Remark = v.Remark
		}
		out = append(out, s)
	}
	return out, err
}

// sitesOf returns the function Sites of a format.
func sitesOf(format string, still bool) func(*carrier.File) ([]carrier.Site, error) {
	return func(f *carrier.File) ([]carrier.Site, error) {
		x, err := read(f, format, still)
		return x.sites(err)
	}
}

// sites are the labels in a file that was read as far as err allowed.
func (x *file) sites(err error) (sites []carrier.Site, _ error) {
	add := func(found []carrier.Site, bad error) {
		if sites = append(sites, found...); err == nil {
			err = bad
		}
	}
	if x.moov != nil {
		x.below(x.moov, "moov", add)
	}
	if x.meta != nil {
		x.below(x.meta, "meta", add)
	}
	for _, b := range x.top {
		packet, bad := x.packetOf(b)
		add(nil, bad)
		if packet != nil {
			add(packetSites("uuid XMP", packet, b.body()+int64(len(xmpUUID)), "in XMP; "+x.guide()))
		}
	}
	if x.items != nil {
		for i, p := range x.items.packets {
			text, at, bad := x.packet(p)
			if bad != nil {
				add(nil, bad)
				continue
			}
			remark := ""
			switch {
			case !x.still:
				remark = "in an XMP item; " + x.guide()
			case i > 0:
				remark = "in a second XMP item; readers look at the first"
			}
			add(packetSites("XMP item", text, at, remark))
		}
	}
	if len(sites) > carrier.MaxSites {
		add(nil, x.fault(carrier.TooLarge, sites[carrier.MaxSites].Offset, "more than %d labels", carrier.MaxSites))
		sites = sites[:carrier.MaxSites]
	}
	return sites, err
}

// below adds the labels in a box and all below it. path is the way to it.
func (x *file) below(n *node, path string, add func([]carrier.Site, error)) {
	remark := "in " + path + "; " + x.guide()
	switch before, ok := packetIn(n); {
	case ok:
		add(packetSites(path+" XMP", n.body[before:], n.at+8+int64(before), remark))
	case n.kind == ownKey:
		add([]carrier.Site{{Place: path, Offset: n.at, Value: string(bytes.Trim(n.body, "\x00")), Remark: "a box of its own; " + x.guide()}}, nil)
	case n.kind == "meta":
		if !x.still && path == "moov.udta.meta" {
			remark = ""
		}
		add(x.metaSites(n, path, remark))
	}
	for _, c := range n.children {
		if c.kind != "ilst" {
			x.below(c, fmt.Sprintf("%s.%s", path, c.kind), add)
		}
	}
}
