package main

import (
	"fmt"
	"unicode/utf8"

	"github.com/hegui/hegui/moderation"
)

// own are hegui's engine, by each way into it, and the floors: what reading the text alone costs.
func own() map[string]builder {
	return map[string]builder{
		"hegui":          buildScan,
		"hegui-stateful": buildStateful,
		"hegui-window":   buildWindow,
		"floor-bytes":    buildByteSum,
		"floor-runes":    buildRuneClasses,
	}
}

// entriesOf makes signal entries, such as an unread list becomes.
func entriesOf(words []string, tier moderation.Tier) []moderation.Entry {
	entries := make([]moderation.Entry, len(words))
	for i, w := range words {
		entries[i] = moderation.Entry{ID: fmt.Sprintf("w%06d", i), Text: w, Category: "A1a", Tier: tier}
	}
	return entries
}

func buildScan(words []string) (func([]byte, string) int, error) {
	l, err := moderation.Compile(entriesOf(words, moderation.Signal))
	if err != nil {
		return nil, err
	}
	var found []moderation.Finding
	return func(b []byte, _ string) int {
		found = l.AppendScan(found[:0], moderation.Scene{}, b)
		return len(found)
	}, nil
}

// buildStateful takes the loop that streams use over whole texts.
func buildStateful(words []string) (func([]byte, string) int, error) {
	l, err := moderation.Compile(entriesOf(words, moderation.Signal))
	if err != nil {
		return nil, err
	}
	return func(b []byte, _ string) int { return len(l.ScanStateful(b)) }, nil
}

// deltaSize is about what a model sends at a time.
const deltaSize = 48

// buildWindow streams the text through a window in small deltas.
func buildWindow(words []string) (func([]byte, string) int, error) {
	l, err := moderation.Compile(entriesOf(words, moderation.Signal))
	if err != nil {
		return nil, err
	}
	return func(b []byte, _ string) int {
		w, n := l.NewWindow(moderation.Scene{}, nil), 0
		for len(b) > deltaSize {
			n += len(w.Write(b[:deltaSize]).Findings)
			b = b[deltaSize:]
		}
		n += len(w.Write(b).Findings)
		return n + len(w.Close().Findings)
	}, nil
}

func buildByteSum([]string) (func([]byte, string) int, error) {
	return func(b []byte, _ string) int {
		var sum uint8
		for _, c := range b {
			sum += c
		}
		return int(sum)
	}, nil
}

// buildRuneClasses decodes the text and looks each rune up in a table: engines that read runes do this at least.
func buildRuneClasses(words []string) (func([]byte, string) int, error) {
	class := new([1 << 16]uint16)
	for i, w := range words {
		for _, r := range w {
			class[uint16(r)] = uint16(i)
		}
	}
	return func(b []byte, _ string) int {
		var sum uint16
		for i := 0; i < len(b); {
			r, size := rune(b[i]), 1
			switch {
			case r < utf8.RuneSelf:
			case r >= 0xE1 && r <= 0xEC && i+2 < len(b) && b[i+1]&0xC0 == 0x80 && b[i+2]&0xC0 == 0x80: // most of Chinese
				r, size = r&0x0F<<12|rune(b[i+1]&0x3F)<<6|rune(b[i+2]&0x3F), 3
			default:
				r, size = utf8.DecodeRune(b[i:])
			}
			sum += class[uint16(r)]
			i += size
		}
		return int(sum)
	}, nil
}
