package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/service"
)

// TestEveryCharacterIsJudged: harm at the head, in the middle and at the tail of 10 KB, 240 KB and 2 MB is found, in one text and in
// a long conversation, on the way in and on the way out.
func TestEveryCharacterIsJudged(t *testing.T) {
	for _, size := range []int{10 << 10, 240 << 10, 2 << 20} {
		filler := strings.Repeat("平常的话没有什么问题，", size/33+1)[:size/3*3]
		for place, at := range map[string]int{"head": 0, "middle": len(filler) / 6 * 3, "tail": len(filler)} {
			text := filler[:at] + "禁果出售" + filler[at:]
			h := setup(t, says(pieces(text, 64<<10)...), func(s *service.Service) { s.MaxBodyBytes = 8 << 20 })
			if rec := h.record(h.chat(text, false)); rec.Verdict != exchange.Refuse || rec.Findings[len(rec.Findings)-1].Start < at {
				t.Errorf("%d bytes, %s: %s %+v", size, place, rec.Verdict, rec.Findings)
			}
			for _, stream := range []bool{false, true} {
				rec := h.record(h.chat("你好", stream))
				if rec.Verdict != exchange.Stop || rec.Checked.Out < at {
					t.Errorf("%d bytes out, %s, stream %t: %s %+v", size, place, stream, rec.Verdict, rec.Checked)
				}
			}
		}
		var turns []message
		for i, part := range pieces(filler, 4096) {
			turns = append(turns, message{"user", part}, message{"assistant", fmt.Sprint("答", i)})
		}
		turns = append(turns, message{"user", "最后：禁果出售"})
		h := setup(t, says("fine"), func(s *service.Service) { s.MaxBodyBytes = 8 << 20 })
		if rec := h.record(h.post("/v1/chat/completions", conversationBody(turns...))); rec.Verdict != exchange.Refuse {
			t.Errorf("a conversation of %d bytes: %s", size, rec.Verdict)
		}
	}
}
