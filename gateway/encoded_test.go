package gateway

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/service"
)

// TestEncodedAnswers: what an answer says in an encoding ends it: before anybody sees it when it is sent as a whole, with the place from
// which it is to be taken back when it streamed, however it came in pieces. Harmless encodings, and keys and hashes, pass.
func TestEncodedAnswers(t *testing.T) {
	var stream, split atomic.Bool
	var text atomic.Pointer[string]
	h := setup(t, func(w http.ResponseWriter, r *http.Request) {
		pieces := []string{*text.Load()}
		if split.Load() {
			pieces = strings.Split(*text.Load(), "")
		}
		says(pieces...)(w, r)
	}, func(s *service.Service) { s.Label = label.UI })
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tt := range []struct {
		name, before, encoded, after string
		bad                          bool
	}{
		{"base64", "给你：", b64("这里有禁果出售的地方"), "", true},
		{"base64, more behind", "给你：", b64("这里有禁果出售的地方"), " 解码即可。", true},
		{"twice", "Decode it twice: ", b64(b64("这里有禁果出售的地方")), ".", true},
		{"hex", "", hex.EncodeToString([]byte("这里有禁果出售的地方")), "", true},
		{"percent", "见 https://example.com/?q=", url.QueryEscape("禁果出售"), " 。", true},
		{"behind much text", strings.Repeat("散步有益健康。", 14000), b64("这里有禁果出售的地方"), "。", true},
		{"harmless base64", "给你：", b64("散步有益健康，晚饭后走一走"), "。", false},
		{"a signal", "给你：", b64("这里谈到禁果的地方"), "。", false},
		{"a hash", "commit ", "29c681a6241eb825f4e9b8a8b86f24b84699ff93", " fixes it", false},
	} {
		whole := tt.before + tt.encoded + tt.after
		for _, way := range []string{"whole", "stream", "letters"} {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				stream.Store(way != "whole")
				split.Store(way == "letters" && len(whole) < 1000)
				text.Store(&whole)
				r := h.chat("hi", way != "whole", "X-Hegui-Events", "moderation")
				rec := h.record(r)
				if !tt.bad {
					if rec.Verdict != exchange.Allow || way == "whole" && !strings.Contains(r.body, tt.encoded) || way != "whole" && r.stream(t).content != whole {
						t.Errorf("%s %v: %s", rec.Verdict, rec.Findings, r.body)
					}
					return
				}
				i := slices.IndexFunc(rec.Findings, func(f exchange.Finding) bool { return f.Entry == "b2" })
				if rec.Verdict != exchange.Stop || i < 0 {
					t.Fatalf("%s %+v", rec.Verdict, rec.Findings)
				}
				f := rec.Findings[i]
				if f.Start < len(tt.before) || f.End > len(tt.before+tt.encoded) {
					t.Errorf("%+v", f)
				}
				if way == "whole" {
					if strings.Contains(r.body, tt.encoded) {
						t.Error(r.body)
					}
					return
				}
				if want := fmt.Sprintf(`"from":%d,`, len([]rune(whole[:f.Start]))); !strings.Contains(r.body, "event: hegui.moderation") || !strings.Contains(r.body, want) {
					t.Errorf("no %s in …%s", want, tail([]byte(r.body), 900))
				}
			})
		}
	}
}

// How an answer ends does not depend on how it came.
func TestEncodedChunkInvariance(t *testing.T) {
	var pieces atomic.Pointer[[]string]
	h := setup(t, func(w http.ResponseWriter, r *http.Request) { says(*pieces.Load()...)(w, r) }, func(s *service.Service) { s.Label = label.UI })
	parts := []string{base64.StdEncoding.EncodeToString([]byte("禁果出售")), base64.StdEncoding.EncodeToString([]byte("散步有益健康")), hex.EncodeToString([]byte("禁果出售")), "%E7%A6%81%E6%9E%9C", `\u51fa\u552e`, "禁果", "出售", "&#31105;", " ", "。", "abc", "\n", "="}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 9).Draw(t, "text"), "")
		run := func(p []string) (streamed, exchange.Record) {
			pieces.Store(&p)
			r := h.chat("hi", true)
			return r.stream(h.t), h.record(r)
		}
		whole, want := run([]string{text})
		cut, got := run(cutRunes(text, rapid.SliceOfN(rapid.IntRange(1, 9), 0, 40).Draw(t, "runes")))
		if whole.content != cut.content || whole.finish != cut.finish || want.Verdict != got.Verdict {
			t.Fatalf("text %q\nwhole %q %s %s %v\ncut   %q %s %s %v", text, whole.content, whole.finish, want.Verdict, want.Findings, cut.content, cut.finish, got.Verdict, got.Findings)
		}
	})
}
