package bmff

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/hegui/hegui/label/carrier"
)

const ownKey = "AIGC"

// Types of the values of QuickTime metadata.
const (
	typeUTF8  = 1
	typeUTF16 = 2
)

// handler is what a meta box says it holds: mdta (keys) or mdir (iTunes).
func handler(meta *node) string {
	if h := meta.find("hdlr"); h != nil && len(h.body) >= 12 {
		return string(h.body[8:12])
	}
	return ""
}

// keys are the names in a meta box, each as it stands.
func (r *reader) keys(meta *node) (names [][]byte, err error) {
	k := meta.find("keys")
	if k == nil {
		return nil, nil
	}
	if len(k.body) < 8 {
		return nil, r.fault(carrier.Malformed, k.at, "box keys of %d bytes is too short", len(k.body)+8)
	}
	rest := k.body[8:]
	for n := binary.BigEndian.Uint32(k.body[4:]); n > 0; n-- {
		if len(rest) < 8 {
			return nil, r.fault(carrier.Malformed, k.at, "box keys says more keys than it holds")
		}
		size := int(binary.BigEndian.Uint32(rest))
		if size < 8 || size > len(rest) {
			return nil, r.fault(carrier.Malformed, k.at, "a key says %d bytes, there are %d", size, len(rest))
		}
		names, rest = append(names, rest[:size]), rest[size:]
	}
	return names, nil
}

// keyName is a key without its namespace.
func keyName(key []byte) string { return string(key[8:]) }

// own tells the names under which a label goes: the guide's, and those that others made of it, such as "com.vendor.aigc".
func own(name string) bool {
	return strings.EqualFold(name[strings.LastIndexByte(name, '.')+1:], ownKey)
}

// datum is a value of an item, of which it may have several.
type datum struct {
	text string
	kind int
}

// data are the values in an item of an ilst; there is at least one.
func (r *reader) data(item *node) (out []datum, err error) {
	for b := item.body; len(b) >= 8; {
		size := int(binary.BigEndian.Uint32(b))
		if size < 8 || size > len(b) {
			return out, r.fault(carrier.Malformed, item.at, "a box in the item says %d bytes, there are %d", size, len(b))
		}
		if string(b[4:8]) == "data" && size >= 16 {
			d := datum{kind: int(binary.BigEndian.Uint32(b[8:])), text: string(b[16:size])}
			if d.kind == typeUTF16 {
				units := make([]uint16, (size-16)/2)
				for i := range units {
					units[i] = binary.BigEndian.Uint16(b[16+2*i:])
				}
				d.text = string(utf16.Decode(units))
			}
			out = append(out, d)
		}
		b = b[size:]
	}
	if len(out) == 0 {
		err = r.fault(carrier.Malformed, item.at, "the item has no value")
	}
	return out, err
}

// named is the name of a free-form item of iTunes ("----": mean, name, data).
func named(item *node) string {
	for b := item.body; len(b) >= 12; {
		size := int(binary.BigEndian.Uint32(b))
		if size < 12 || size > len(b) {
			return ""
		}
		if string(b[4:8]) == "name" {
			return string(b[12:size])
		}
		b = b[size:]
	}
	return ""
}

// index is the number of the key that an item of an mdta list goes with.
func index(item *node) int { return int(binary.BigEndian.Uint32([]byte(item.kind))) }

// metaSites are the labels in a meta box. place names it; remark says what is wrong with the place.
func (r *reader) metaSites(meta *node, place, remark string) (out []carrier.Site, err error) {
	names, err := r.keys(meta)
	if err != nil {
		return nil, err
	}
	list := meta.find("ilst")
	if list == nil {
		return nil, nil
	}
	for _, item := range list.children {
		why := remark
		switch i := index(item); {
		case i >= 1 && i <= len(names):
			switch name := keyName(names[i-1]); {
			case !own(name):
				continue
			case why != "":
			case name != ownKey:
				why = fmt.Sprintf("the key is %q; the guide says %s", name, ownKey)
			case handler(meta) != "mdta":
				why = fmt.Sprintf("the handler of the meta box is %q, not mdta", handler(meta))
			case string(names[i-1][4:8]) != "mdta":
				why = fmt.Sprintf("the key is of namespace %q, not mdta", names[i-1][4:8])
			}
		case item.kind == ownKey:
			why = "an item of iTunes' list without a key"
		case item.kind == "----" && own(named(item)):
			why = "a free-form item of iTunes' list; the guide wants a key"
		default:
			continue
		}
		values, err := r.data(item)
		for i, d := range values {
			s := carrier.Site{Place: place + " " + ownKey, Offset: item.at, Value: d.text, Remark: why}
			switch {
			case why != "":
			case i > 0:
				s.Remark = "a second value of the same key"
			case d.kind != typeUTF8:
				s.Remark = "the value is not of type UTF-8"
			}
			s.Standard = s.Remark == ""
			out = append(out, s)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// metaWith sets the label in a meta box of keys, or takes it out where value is nil because it stands in another. Other keys and items stay as
// they are. It tells whether anything has changed.
func (r *reader) metaWith(meta *node, value *string) (changed bool, err error) {
	names, err := r.keys(meta)
	if err != nil {
		return false, err
	}
	k, list := meta.find("keys"), meta.find("ilst")
	if list == nil {
		if value == nil {
			return false, nil
		}
		list = parent("ilst", nil)
		meta.children, changed = append(meta.children, list), true
	}
	kept := -1 // the key that the label goes with
	var items []*node
	drop := make([]bool, len(names))
	for _, item := range list.children {
		i := index(item) - 1
		if value != nil && i >= len(names) && i < 1<<16 {
			return false, r.fault(carrier.Malformed, item.at, "item %d goes with no key; there are %d", i+1, len(names))
		}
		keyed := i >= 0 && i < len(names)
		switch {
		case keyed && !own(keyName(names[i])):
		case !keyed && item.kind != ownKey && !(item.kind == "----" && own(named(item))):
		case value != nil && keyed && kept < 0 && string(names[i][4:]) == "mdta"+ownKey:
			kept = i
			if data := dataBox(*value); !bytes.Equal(item.body, data) {
				item, changed = &node{kind: item.kind, body: data}, true
			}
		default:
			changed = true
			continue
		}
		items = append(items, item)
	}
	for i, name := range names { // keys whose item is gone, or that had none
		if own(keyName(name)) && i != kept {
			drop[i], changed = true, true
		}
	}
	if value != nil && kept < 0 {
		names, drop = append(names, append(append(u32(int64(8+len(ownKey))), "mdta"...), ownKey...)), append(drop, false)
		items = append(items, &node{kind: string(u32(int64(len(names)))), body: dataBox(*value)})
		changed = true
	}
	if !changed {
		return false, nil
	}
	if names == nil {
		list.children = items
		return true, nil
	}
	// Numbers behind a key that goes move up.
	number, left := make([]int, len(names)), 0
	body := make([]byte, 8)
	if k != nil {
		copy(body, k.body[:4])
	}
	for i, name := range names {
		if !drop[i] {
			left++
			number[i] = left
			body = append(body, name...)
		}
	}
	binary.BigEndian.PutUint32(body[4:], uint32(left))
	if k == nil {
		k = &node{kind: "keys"}
		meta.children = slices.Insert(meta.children, min(1, len(meta.children)), k)
	}
	k.body = body
	for j, item := range items {
		if i := index(item) - 1; i >= 0 && i < len(names) && number[i] != i+1 {
			items[j] = &node{kind: string(u32(int64(number[i]))), long: item.long, at: item.at, body: item.body}
		}
	}
	list.children = items
	return true, nil
}

func dataBox(value string) []byte {
	return bytes.Join([][]byte{u32(int64(16 + len(value))), []byte("data"), u32(typeUTF8), u32(0), []byte(value)}, nil)
}

// newMeta is a meta box of keys with the label. It has a version in QuickTime files too: in udta, ffmpeg writes it so and all readers expect it.
func newMeta(value string) *node {
	handler := leaf("hdlr", make([]byte, 8), []byte("mdta"), make([]byte, 13))
	keys := leaf("keys", u32(0), u32(1), u32(int64(8+len(ownKey))), []byte("mdta"), []byte(ownKey))
	return parent("meta", make([]byte, 4), handler, keys, parent("ilst", nil, &node{kind: string(u32(1)), body: dataBox(value)}))
}
