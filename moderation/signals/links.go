package signals

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Domain is an entry of an operator's list. It holds for its subdomains too.
type Domain struct {
	Name    string
	Owner   string // who answers for the entry
	Expires string // last day it holds, YYYY-MM-DD; empty: until removed
	Allowed bool   // else denied
}

// Address is a link found in a text.
type Address struct {
	Start, End int
	Host       string // in lower case, dots and invisible characters put right
	Puny       bool   // an internationalised name
	Mixed      bool   // letters of several alphabets in one label: a look-alike
	IP         bool
}

var linkShape = sync.OnceValue(func() *regexp.Regexp {
	// A host in letters of alphabets ends where Chinese goes on behind it; one that begins in Chinese is a name in Chinese.
	const letters = `\p{Latin}\p{Cyrillic}\p{Greek}\p{N}`
	const host = `(?:[` + letters + `\[][` + letters + `\x{200b}-\x{200d}._~%@:\[\]．。｡-]{0,252}|[^\s/?#"'<>，！？；（）。、]{1,253})`
	return regexp.MustCompile(`(?i)(?:https?|hxxps?|ftp)[\x{200b}-\x{200d}]*[:：]//` + host + `|(?:[` + letters + `][` + letters + `\x{200b}-\x{200d}-]{0,62}[.．。｡])+(?:` + topLevels + `)\b`)
})

const topLevels = "com|cn|net|org|top|xyz|vip|cc|info|io|me|ru|club|shop|site|online"

// topLevel tells whether a text begins with one of them.
func topLevel(text []byte) bool {
	n := 0
	for n < len(text) && n < 7 && text[n]|0x20 >= 'a' && text[n]|0x20 <= 'z' {
		n++
	}
	return n > 1 && slices.Contains(strings.Split(topLevels, "|"), strings.ToLower(string(text[:n])))
}

// mayLink tells texts that can hold a link from nearly all others: a scheme, or a dot with a letter right behind it.
func mayLink(text []byte) bool {
	if bytes.Contains(text, []byte("//")) {
		return true
	}
	for i := 1; i < len(text); i++ {
		if c := text[i] | 0x20; c < 'a' || c > 'z' {
			continue
		}
		dot := text[i-1] == '.'
		if i >= 3 && text[i-1] >= utf8.RuneSelf {
			switch string(text[i-3 : i]) {
			case "．", "。", "｡":
				dot = true
			}
		}
		if dot && topLevel(text[i:]) {
			return true
		}
	}
	return false
}

// Links finds the addresses of a text, also with full-width dots and invisible characters.
func Links(text []byte) []Address {
	if !mayLink(text) {
		return nil
	}
	var out []Address
	for _, m := range linkShape().FindAllIndex(text, 1000) {
		host := strings.ToLower(string(text[m[0]:m[1]]))
		if _, rest, ok := strings.Cut(strings.ReplaceAll(host, "：", ":"), "://"); ok {
			host = rest
		}
		host = strings.Map(func(r rune) rune {
			switch {
			case unicode.Is(unicode.Cf, r):
				return -1
			case r == '。', r == '．', r == '｡':
				return '.'
			case r >= 0xFF01 && r <= 0xFF5E:
				return r - 0xFEE0
			}
			return r
		}, host)
		if k := strings.LastIndexByte(host, '@'); k >= 0 {
			host = host[k+1:]
		}
		a := Address{Start: m[0], End: m[1]}
		if strings.HasPrefix(host, "[") {
			host, _, _ = strings.Cut(host[1:], "]")
		} else {
			host, _, _ = strings.Cut(host, ":")
		}
		a.Host = strings.Trim(host, ".")
		_, err := netip.ParseAddr(a.Host)
		a.IP = err == nil || plainNumber(a.Host)
		for _, label := range strings.Split(a.Host, ".") {
			a.Puny = a.Puny || strings.HasPrefix(label, "xn--")
			scripts := map[string]bool{}
			for _, r := range label {
				if s := ScriptOf(r); s == "Latin" || s == "Cyrillic" || s == "Greek" {
					scripts[s] = true
				}
			}
			a.Mixed = a.Mixed || len(scripts) > 1
		}
		if a.Host != "" {
			out = append(out, a)
		}
	}
	return out
}

// plainNumber tells an address written as one number, which browsers take: 3221225991, 0xC0000207.
func plainNumber(host string) bool {
	_, err := strconv.ParseUint(host, 0, 32)
	return err == nil
}

// named are the places where a text names a domain or one below it, whatever stands around it and however its dots are written: full
// width, or in brackets so that nothing makes a link of it.
func named(folded []byte, at []int, name string) (out [][2]int) {
	part := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c >= utf8.RuneSelf && name[0] >= utf8.RuneSelf
	}
	for from := 0; ; {
		i := bytes.Index(folded[from:], []byte(name))
		if i < 0 {
			return out
		}
		i += from
		end := i + len(name)
		from = end
		if i > 0 && part(folded[i-1]) || end < len(folded) && part(folded[end]) || end+1 < len(folded) && folded[end] == '.' && part(folded[end+1]) && folded[end+1] < utf8.RuneSelf {
			continue // part of a longer name
		}
		out = append(out, [2]int{at[i], at[end]})
	}
}

// foldHost is a text as names in it are compared: lower case, narrow, dots as dots, nothing invisible; at tells where each byte stood.
func foldHost(text []byte) (folded []byte, at []int) {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		size := n
		switch {
		case r == '[' || r == '(' || r == '{': // [.]
			if next, k := utf8.DecodeRune(text[i+1:]); (next == '.' || next == '。') && i+1+k < len(text) && strings.IndexByte("])}", text[i+1+k]) >= 0 {
				r, size = '.', 2+k
			}
		case r == '。' || r == '．' || r == '｡':
			r = '.'
		case r >= 0xFF01 && r <= 0xFF5E:
			r -= 0xFEE0
		case unicode.Is(unicode.Cf, r):
			i += n
			continue
		}
		before := len(folded)
		if r == utf8.RuneError && n == 1 {
			folded = append(folded, text[i])
		} else {
			folded = utf8.AppendRune(folded, unicode.ToLower(r))
		}
		for range len(folded) - before {
			at = append(at, i)
		}
		i += size
	}
	return folded, append(at, len(text))
}

// CheckLinks reports links that a list denies on a day (YYYY-MM-DD), look-alikes, and addresses of numbers; what the list
// allows passes.
func CheckLinks(text []byte, list []Domain, day string) []Finding {
	var out []Finding
	var folded []byte
	var at []int
	for _, d := range list {
		if d.Allowed || d.Name == "" || d.Expires != "" && day > d.Expires || !bytes.ContainsAny(text, ".．。｡") {
			continue
		}
		if folded == nil {
			folded, at = foldHost(text)
		}
		for _, place := range named(folded, at, strings.ToLower(d.Name)) {
			out = append(out, Finding{Signal: Link, Category: "A3e", Start: place[0], End: place[1], Score: 1, Reason: fmt.Sprintf("denied by the entry %s of %s", d.Name, d.Owner)})
		}
	}
	for _, a := range Links(text) {
		reason, score, listed := "", 0.0, false
		for _, d := range list {
			name := strings.ToLower(d.Name)
			listed = listed || (d.Expires == "" || day <= d.Expires) && (a.Host == name || strings.HasSuffix(a.Host, "."+name))
		}
		if !listed { // what is denied was found above
			switch {
			case a.Mixed:
				reason, score = "a name in letters of several alphabets", 0.8
			case a.IP:
				reason, score = "an address in numbers", 0.5
			case a.Puny:
				reason, score = "an internationalised name", 0.3
			}
		}
		if reason != "" {
			out = append(out, Finding{Signal: Link, Category: "A3e", Start: a.Start, End: a.End, Score: score, Reason: reason})
		}
	}
	return out
}
