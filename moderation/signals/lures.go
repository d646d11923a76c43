package signals

import (
	"bytes"
	"regexp"
	"sync"
)

// Lures finds contact details that draw people to another channel (引流): WeChat, QQ, groups, Telegram, telephone numbers,
// with the disguises they come in (薇信, 扣扣, 卫星), where words around them ask to get in touch.
//
// Numbers of public services (110, 12345, 95588, 400-…) pass, and so does a name of a channel without a number.
func Lures(text []byte) []Finding {
	f := foldASCII(text)
	reads := []byte(f.text)
	if !digits(reads, 5) && bytes.IndexByte(reads, '@') < 0 && !called(reads) {
		return nil
	}
	p := lurePatterns()
	var out []Finding
	find := func(shape *regexp.Regexp, score float64, reason string) {
		for _, m := range shape.FindAllSubmatchIndex(reads, 256) {
			if m[2] >= 0 && p.service.Match(reads[m[2]:m[3]]) {
				continue
			}
			out = append(out, Finding{Signal: Lure, Category: "A3e", Start: int(f.from[m[0]]), End: int(f.from[m[1]]), Score: score, Reason: reason})
		}
	}
	find(p.channel, 0.8, "a contact at another channel")
	find(p.phone, 0.6, "a telephone number with an invitation")
	find(p.invites, 0.6, "a telephone number with an invitation")
	return out
}

// digits tells whether so many digits stand near one another, which every number does.
func digits(text []byte, n int) bool {
	run, gap := 0, 0
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			if run, gap = run+1, 0; run >= n {
				return true
			}
		case gap < 2:
			gap++
		default:
			run = 0
		}
	}
	return false
}

// called tells whether a channel is named whose accounts need no number.
func called(text []byte) bool {
	for _, name := range [...]string{"信", "芯", "微X", "卫星", "扣", "Q", "q", "企鹅", "球球", "电报", "纸飞机", "群号", "裙号"} {
		if bytes.Contains(text, []byte(name)) {
			return true
		}
	}
	for i := 0; i+1 < len(text); i++ {
		switch a, b := text[i]|0x20, text[i+1]|0x20; {
		case (a == 'v' || a == 'w') && b == 'x', a == 't' && b == 'g',
			a == 'w' && b == 'e' && i+2 < len(text) && (text[i+2]|0x20 == 'c' || text[i+2]|0x20 == 'i'),
			a == 't' && b == 'e' && i+2 < len(text) && text[i+2]|0x20 == 'l':
			return true
		}
	}
	return false
}

type lureTable struct{ channel, phone, invites, service *regexp.Regexp }

var lurePatterns = sync.OnceValue(func() lureTable {
	return lureTable{
		channel: regexp.MustCompile(`(?i)(?:(?:加\s?v|微\s?信|薇信|威信|徽信|维信|葳信|徾信|微X|V信|VX|WX|wechat|weixin|卫星|威芯|薇芯|扣扣|企鹅|球球|Q群|QQ群|QQ|扣群|电报|纸飞机|telegram|tg)(?:群|号|號|账号)?[\s:：为是加➕+号=@]{0,6}|(?:群号|裙号)[\s:：]{0,4})([A-Za-z][-_A-Za-z0-9]{5,19}|[0-9](?:[- ]?[0-9]){4,13}|@[A-Za-z][A-Za-z0-9_]{4,31})`),
		phone:   regexp.MustCompile(`(?:加我|联系我|私聊|咨询电话|拨打|致电|来电|详询|订购热线|办理请|call me|text me|whatsapp)[^。！？\n]{0,12}?((?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}|\+[0-9]{8,14})`),
		invites: regexp.MustCompile(`((?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4})[^。！？\n]{0,6}?(?:加我|联系我|私聊我|加好友)`),
		service: regexp.MustCompile(`^(?:1[0-2][0-9]|12[0-9]{3}|9[56][0-9]{3,4}|100[0-9]{2}|[48]00[0-9]{7})$`),
	}
})
