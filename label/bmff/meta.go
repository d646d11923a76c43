package bmff

import (
	"bytes"
	"encoding/binary"
	"slices"
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

// dataOf is the value in an item of an ilst, and its type.
func dataOf(item *node) (text string, kind int, ok bool) {
	for b := item.body; len(b) >= 16; {
		size := int(binary.BigEndian.Uint32(b))
		if size < 8 || size > len(b) {
			return "", 0, false
		}
		if string(b[4:8]) == "data" && size >= 16 {
			kind, value := int(binary.BigEndian.Uint32(b[8:])), b[16:size]
			if kind == typeUTF16 {
				units := make([]uint16, len(value)/2)
				for i := range units {
					units[i] = binary.BigEndian.Uint16(value[2*i:])
				}
				return string(utf16.Decode(units)), kind, true
			}
			return string(value), kind, true
		}
		b = b[size:]
	}
	return "", 0, false
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
		s := carrier.Site{Place: place + " " + ownKey, Offset: item.at, Remark: remark}
		switch i := index(item); {
		case len(names) > 0 && i >= 1 && i <= len(names):
			if keyName(names[i-1]) != ownKey {
				continue
			}
			if s.Remark == "" && string(names[i-1][4:8]) != "mdta" {
				s.Remark = "the key is of namespace " + string(names[i-1][4:8]) + ", not mdta"
			}
		case item.kind == ownKey:
			s.Remark = "an item of iTunes' list without a key"
		case item.kind == "----" && named(item) == ownKey:
			s.Remark = "a free-form item of iTunes' list; the guide wants a key"
		default:
			continue
		}
		text, kind, ok := dataOf(item)
		if !ok {
			return out, r.fault(carrier.Malformed, item.at, "the item has no value")
		}
		if kind != typeUTF8 && s.Remark == "" {
			s.Remark = "the value is not of type UTF-8"
		}
		s.Value, s.Standard = text, s.Remark == ""
		out = append(out, s)
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
		own := keyed && keyName(names[i]) == ownKey || !keyed && (item.kind == ownKey || item.kind == "----" && named(item) == ownKey)
		switch {
		case !own:
		case value != nil && keyed && kept < 0 && string(names[i][4:8]) == "mdta":
			kept = i
			if text, kind, ok := dataOf(item); !ok || text != *value || kind != typeUTF8 {
				item, changed = &node{kind: item.kind, body: dataBox(*value)}, true
			}
		default:
			changed = true
			if keyed && i != kept {
				drop[i] = true
			}
			continue
		}
		items = append(items, item)
	}
	for i, name := range names { // keys of the name without an item
		if keyName(name) == ownKey && i != kept {
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

// newMeta is a meta box of keys with the label. It has a version in QuickTime files too: readers expect one in udta.
func newMeta(value string) *node {
	handler := leaf("hdlr", make([]byte, 8), []byte("mdta"), make([]byte, 13))
	keys := leaf("keys", u32(0), u32(1), u32(int64(8+len(ownKey))), []byte("mdta"), []byte(ownKey))
	return parent("meta", make([]byte, 4), handler, keys, parent("ilst", nil, &node{kind: string(u32(1)), body: dataBox(value)}))
}
