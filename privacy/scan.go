package privacy

import (
	"bytes"
	"unicode/utf8"
)

const (
	// wordDistance is how many characters before a number may hold the word that tells a card from any number. Masking
	// changes the number of bytes, not of characters.
	wordDistance = 32
	lookBehind   = wordDistance * utf8.UTFMax
	// maxLocal and maxDomain bound an e-mail address (RFC 5321).
	maxLocal, maxDomain = 64, 255
	// maxDigits is one more than the longest number that can be a find, country code included.
	maxDigits = 24
	// maxYear is the last year of birth that an identity number is believed for; this package has no clock.
	maxYear = 2035
	// maxNumber bounds the bytes of a number: its digits may be full width, and separators stand between its groups.
	maxNumber = 3*maxDigits + 16
	// holdMax bounds what a Stream holds back: a number that may run on into an address in progress.
	holdMax = maxNumber + maxLocal + 1 + maxDomain
)

// scan looks at text[from:]; text[:from] is context that has been dealt with. It returns the finds and up to where its
// decisions are final: len(text) when final, else the beginning of what could still become a find.
func scan(spans []Span, text []byte, from int, final bool) ([]Span, int) {
	addresses := !final || bytes.IndexByte(text, '@') >= 0
	noAddressBefore := 0
	for i := from; i < len(text); {
		c := text[i]
		class := classes[c]
		if class == other || class == letter && !addresses {
			i++
			continue
		}
		if class == at {
			// The domain of an address that is masked already; its digits are nobody's.
			if i > 0 && text[i-1] == '*' {
				stop, whole := domain(text, i+1)
				if !whole && !final {
					return spans, i
				}
				i = max(stop, i+1)
				continue
			}
			i++
			continue
		}
		if class == lead { // may begin a full-width digit
			if i+3 > len(text) && !final {
				return spans, i
			}
			if n, _ := digit(text, i); n < 0 {
				i++
				continue
			}
		}
		if addresses && class != lead && i >= noAddressBefore && !(i > 0 && isLocal(text[i-1])) {
			end, at, whole := address(text, i)
			switch {
			case !whole && !final:
				return spans, i
			case at > 0:
				spans = append(spans, Span{Email, i, at})
				i = at
				continue
			}
			noAddressBefore = end
		}
		if n, _ := digit(text, i); n < 0 && !(c == '+' && i+1 < len(text) && isDigitAt(text, i+1)) {
			if c == '+' && !final && (i+1 == len(text) || text[i+1] == 0xEF && i+4 > len(text)) {
				return spans, i
			}
			i++
			continue
		}
		kind, end, whole := number(text, i, final)
		switch {
		case !whole:
			return spans, i
		case kind != "":
			// What stays of the number must not be the beginning of an address.
			_, at, whole := address(text, tail(text, i, end, kind))
			if !whole && !final {
				return spans, i
			}
			if at > 0 {
				kind, end = Email, at
			}
			spans = append(spans, Span{kind, i, end})
		}
		i = end
	}
	return spans, len(text)
}

// Byte classes: what may begin a find.
const (
	other  = iota
	letter // may be part of an address
	number10
	lead // first byte of a full-width digit
	at
)

var classes = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9' || c == '+':
			t[c] = number10
		case c == 0xEF:
			t[c] = lead
		case c == '@':
			t[c] = at
		case isLocal(byte(c)):
			t[c] = letter
		}
	}
	return t
}()

func isLocal(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '%' || c == '+' || c == '-'
}

// digit returns the digit at i (ASCII or full width) or -1, and the size of what stands there, one byte if no digit.
func digit(text []byte, i int) (int, int) {
	c := text[i]
	if c >= '0' && c <= '9' {
		return int(c - '0'), 1
	}
	if c == 0xEF && i+2 < len(text) && text[i+1] == 0xBC && text[i+2] >= 0x90 && text[i+2] <= 0x99 {
		return int(text[i+2] - 0x90), 3
	}
	return -1, 1
}

func isDigitAt(text []byte, i int) bool {
	n, _ := digit(text, i)
	return n >= 0
}

// address reads an e-mail address at i. word is the end of what could be its local part; at is the address's end or 0;
// whole is false when the text ended before that could be told.
func address(text []byte, i int) (word, at int, whole bool) {
	k := i
	for k < len(text) && isLocal(text[k]) {
		k++
	}
	switch {
	case k-i > maxLocal:
		return k, 0, true
	case k == len(text):
		return k, 0, false
	case text[k] != '@' || text[i] == '.' || text[k-1] == '.':
		return k, 0, true
	}
	at, whole = domain(text, k+1)
	return k, at, whole
}

// domain reads the domain of an address at d; at is its end or 0, whole is as address returns it.
func domain(text []byte, d int) (at int, whole bool) {
	end := d
	for end < len(text) && (text[end] == '.' || text[end] == '-' || alnum(text[end])) && end-d <= maxDomain {
		end++
	}
	whole = end < len(text) || end-d > maxDomain
	stop := end
	for stop > d && !alnum(text[stop-1]) { // the full stop of a sentence
		stop--
	}
	if stop < end { // a masked number had its digits here, as no address has
		masked, known := maskedAfter(text, end)
		if masked {
			return 0, whole
		}
		whole = whole && known
	}
	dot := bytes.LastIndexByte(text[d:stop], '.')
	if dot <= 0 || stop-(d+dot+1) < 2 || !alnum(text[d]) || bytes.Contains(text[d:stop], []byte("..")) {
		return 0, whole
	}
	for _, c := range text[d+dot+1 : stop] {
		if c >= '0' && c <= '9' { // no top-level domain has a digit; 10.0.0.1 is a machine
			return 0, whole
		}
	}
	return stop, whole
}

// tail returns where in the number text[from:to] an address could begin once it is masked: behind the last masked digit
// and the last character that no address holds.
func tail(text []byte, from, to int, kind Kind) int {
	kept := 4
	if kind == ResidentID {
		kept = 2
	}
	i := to
	for i > from && isLocal(text[i-1]) && kept > 0 {
		i--
		if text[i] != '-' {
			kept--
		}
	}
	return i
}

func alnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// group is a run of digits without separators.
type group struct {
	from, to int // bytes
	digits   int // before it in all
	n        int // of its own
}

// number judges the digits at i: a find (kind, end), or where to go on. whole is false when more text could change it.
func number(text []byte, i int, final bool) (kind Kind, end int, whole bool) {
	var all [maxDigits]byte
	var groups [8]group
	count, used := 0, 0
	k := i
	if text[k] == '+' {
		k++
	}
	_, size := digit(text, k)
	next := k + size // where to go on inside a word or a longer number
	if wordBefore(text, i) {
		return "", next, true
	}
	complete := false // the run's end has been seen
	var firstEnd int
	for used < len(groups) && !complete {
		g := group{from: k, digits: count}
		for k < len(text) {
			n, size := digit(text, k)
			if n < 0 {
				break
			}
			if count == maxDigits {
				if used == 0 {
					return "", next, true
				}
			} else {
				all[count] = byte(n)
				count++
			}
			g.n++
			k += size
		}
		g.to = k
		groups[used] = g
		used++
		if used == 1 {
			firstEnd = k
		}
		switch {
		case k == len(text):
			if !final {
				return "", i, false
			}
			complete = true
		case text[k] == 0xEF && k+3 > len(text) && !final:
			return "", i, false
		case text[k] == ' ' || text[k] == '-':
			switch {
			case k+1 == len(text):
				if !final {
					return "", i, false
				}
				complete = true
			case text[k+1] == 0xEF && k+4 > len(text) && !final:
				return "", i, false
			case isDigitAt(text, k+1) && count < maxDigits:
				k++
			default:
				complete = true
			}
		case (text[k] == 'X' || text[k] == 'x') && k+1 == len(text) && !final:
			return "", i, false
		case text[k] == '.' && !final && (k+1 == len(text) || text[k+1] == 0xEF && k+4 > len(text)):
			return "", i, false
		default:
			if _, known := maskedAfter(text, k); !known && !final {
				return "", i, false
			}
			complete = true
		}
	}
	if first := groups[0]; first.n <= 4 && maskedBefore(text, i) {
		if used > 1 && first.n+groups[1].n == 4 { // the last four digits of a card may stand in two groups
			return "", groups[1].to, true
		}
		if first.n != 3 { // no masked number ends in three digits: those may begin 138 1234 5678
			return "", firstEnd, true
		}
	}
	// the longest reading that is a find wins; it begins at i and ends with a group
	for last := used - 1; last >= 0; last-- {
		g := groups[last]
		digits := all[:min(g.digits+g.n, maxDigits)]
		if kind, end := judge(text, i, groups[:last+1], digits); kind != "" {
			return kind, end, true
		}
	}
	return "", firstEnd, true
}

// wordBefore tells whether what stands before i makes the digits at i part of something longer.
func wordBefore(text []byte, i int) bool {
	if i == 0 {
		return false
	}
	c := text[i-1]
	if alnum(c) || c == '_' {
		return true
	}
	if i >= 3 && isDigitAt(text, i-3) && text[i-3] == 0xEF {
		return true
	}
	return c == '.' && (i >= 2 && isDigitAt(text, i-2) || i >= 4 && isDigitAt(text, i-4) && text[i-4] == 0xEF) // the decimals of a number
}

// wordAfter tells whether what stands at i continues the number before it.
func wordAfter(text []byte, i int) bool {
	if i >= len(text) {
		return false
	}
	if c := text[i]; c == '.' {
		return i+1 < len(text) && isDigitAt(text, i+1)
	}
	return alnum(text[i]) || text[i] == '_' || isDigitAt(text, i)
}

// maskedBefore tells whether the digits at i are what a masked number shows of its end.
func maskedBefore(text []byte, i int) bool {
	stars := 0
	for i--; i >= 0 && stars < 4; i-- {
		switch {
		case text[i] == '*':
			stars++
		case (text[i] == ' ' || text[i] == '-') && i > 0 && text[i-1] == '*':
		default:
			return false
		}
	}
	return stars == 4
}

// maskedAfter tells whether the digits that end at i are what a masked number or address shows of its beginning. known is
// false when more text could change that.
func maskedAfter(text []byte, i int) (masked, known bool) {
	n := 0
	for n < 4 && i+n < len(text) && text[i+n] == '*' {
		n++
	}
	switch next := text[i+n:]; {
	case n == 4:
		return true, true
	case n == 0:
		return false, len(next) > 0
	case len(next) == 0:
		return false, false
	case n == 3 && (next[0] == ' ' || next[0] == '-'): // 110*** ******** **58
		return len(next) > 1 && next[1] == '*', len(next) > 1
	default:
		return next[0] == '@', true
	}
}

func judge(text []byte, from int, groups []group, digits []byte) (Kind, int) {
	end := groups[len(groups)-1].to
	plus := text[from] == '+'
	shape := make([]int, len(groups))
	for i, g := range groups {
		shape[i] = g.n
	}
	if !plus && len(digits) == 17 && end < len(text) && (text[end] == 'X' || text[end] == 'x') && !wordAfter(text, end+1) &&
		(is(shape, 17) || is(shape, 6, 8, 3)) && residentID(digits, 10) {
		return ResidentID, end + 1
	}
	if wordAfter(text, end) {
		return "", 0
	}
	if masked, _ := maskedAfter(text, end); masked && groups[len(groups)-1].n <= 7 {
		return "", 0
	}
	if !plus && len(digits) == 18 && (is(shape, 18) || is(shape, 6, 8, 4)) && residentID(digits[:17], int(digits[17])) {
		return ResidentID, end
	}
	if mobile(shape, digits, plus) {
		return Mobile, end
	}
	if !plus && len(digits) >= 16 && len(digits) <= 19 && cardShape(shape) && luhn(digits) && issuer(text[:from], digits) {
		return BankCard, end
	}
	return "", 0
}

func is(shape []int, want ...int) bool {
	if len(shape) != len(want) {
		return false
	}
	for i := range want {
		if shape[i] != want[i] {
			return false
		}
	}
	return true
}

// mobile: 1[3-9] and nine more, whole or 3-4-4, with or without the country code.
func mobile(shape []int, digits []byte, plus bool) bool {
	code := 0
	switch len(digits) {
	case 11:
	case 13:
		code = 2
	case 15:
		if plus || digits[0] != 0 || digits[1] != 0 {
			return false
		}
		code = 4
	default:
		return false
	}
	if code > 0 && (digits[code-2] != 8 || digits[code-1] != 6) || plus && code == 0 {
		return false
	}
	if digits[code] != 1 || digits[code+1] < 3 {
		return false
	}
	return is(shape, 11) || is(shape, 3, 4, 4) || code > 0 && (is(shape, code+11) || is(shape, code, 11) || is(shape, code, 3, 4, 4) || is(shape, code+3, 4, 4))
}

// residentID checks region, date of birth and check digit (10 stands for X).
func residentID(d []byte, check int) bool {
	switch region := int(d[0])*10 + int(d[1]); {
	case region >= 11 && region <= 15, region >= 21 && region <= 23, region >= 31 && region <= 37, region >= 41 && region <= 46,
		region >= 50 && region <= 54, region >= 61 && region <= 65, region == 71, region >= 81 && region <= 83, region == 91:
	default:
		return false
	}
	year := int(d[6])*1000 + int(d[7])*100 + int(d[8])*10 + int(d[9])
	month, day := int(d[10])*10+int(d[11]), int(d[12])*10+int(d[13])
	if year < 1900 || year > maxYear || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return false
	}
	sum := 0
	for i, weight := range [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(d[i]) * weight
	}
	return (12-sum%11)%11 == check
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// cardShape: whole, or groups of four with a shorter or equal last.
func cardShape(shape []int) bool {
	if len(shape) == 1 {
		return true
	}
	for _, n := range shape[:len(shape)-1] {
		if n != 4 {
			return false
		}
	}
	return len(shape) >= 4 && shape[len(shape)-1] <= 4
}

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i])
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// issuer: UnionPay's 62 stands alone; the prefixes of other schemes need a word that speaks of a card shortly before,
// because one number in ten passes Luhn.
func issuer(before, d []byte) bool {
	if d[0] == 6 && d[1] == 2 {
		return true
	}
	switch {
	case d[0] == 4, d[0] == 5 && d[1] >= 1 && d[1] <= 5, d[0] == 3 && (d[1] == 5 || d[1] == 7), d[0] == 9:
	default:
		return false
	}
	start := len(before)
	for n := 0; n < wordDistance && start > 0; n++ {
		_, size := utf8.DecodeLastRune(before[:start])
		start -= size
	}
	lower := bytes.ToLower(before[start:])
	for _, word := range []string{"卡", "账号", "帐号", "card", "account"} {
		if bytes.Contains(lower, []byte(word)) {
			return true
		}
	}
	return false
}
