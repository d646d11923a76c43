package privacy

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMask(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"电话13812345678。", "电话138****5678。"},
		{"138-1234-5678 or 138 1234 5678", "138-****-5678 or 138 **** 5678"},
		{"+8613812345678, +86 138 1234 5678", "+86138****5678, +86 138 **** 5678"},
		{"１３８１２３４５６７８", "１３８****５６７８"},
		{"身份证110101199003077758号", "身份证110*************58号"},
		{"110101199003071092", "110101199003071092"},         // wrong check digit
		{"id 44052418800101001X.", "id 44052418800101001X."}, // born 1880
		{"卡号 6222021234567890128", "卡号 ***************0128"},
		{"银行卡4111 1111 1111 1111", "银行卡**** **** **** 1111"},
		{"num 4111111111111111", "num 4111111111111111"}, // no word of a card before it
		{"写信给 zhang.san@example.com.cn。", "写信给 z********@example.com.cn。"},
		{"a@b.co, <x_y@z.org>", "*@b.co, <x**@z.org>"},
		{"root@localhost x@10.0.0.1 @name a@b", "root@localhost x@10.0.0.1 @name a@b"},
		{"时间戳1700000000000 订单20231123138123456789012345", "时间戳1700000000000 订单20231123138123456789012345"},
		{"v1.13812345678 和 3.13812345678", "v1.13812345678 和 3.13812345678"},
		{"13812345678.5 A13812345678 13812345678元", "13812345678.5 A13812345678 138****5678元"},
		{"12345678901 10812345678", "12345678901 10812345678"},
		{"两个13812345678，13987654321", "两个138****5678，139****4321"},
		{"13812345678@qq.com", "1**********@qq.com"},
		{"138 1234 5678@x.com", "1************@x.com"},
		{"１３８ 1234-5678-a@x.com。", "１**************@x.com。"},
		{"卡 6222 0212 3456 7890 128@x.com", "卡 6**********************@x.com"},
		{strings.Repeat("a", 70) + "-13812345678@x.com", strings.Repeat("a", 70) + "-1**********@x.com"},
		{"a@13812345678.com", "*@13812345678.com"},
		{"**13812345678**、***13812345678***、* 138 1234 5678", "**138****5678**、***138****5678***、* 138 **** 5678"},
		{"**** 138 1234 5678、**** 86 138-1234-5678", "**** 138 **** 5678、**** 86 138-****-5678"},
		{"138 1234 6222 0212 3456 7894", "138 **** 6222 0212 3456 7894"},
		{"x@a.cn-6222021234567890128", "x@a.cn-***************0128"},
		{"6222 0212 3456 7002 13812345678", "6222 0212 3456 7002 138****5678"},
		{"卡13812345678 １３８１２３４５６７８ 4111111111111111", "卡138****5678 １３８****５６７８ ************1111"},
		{"", ""},
	} {
		got, spans := Mask(nil, []byte(c.in))
		if string(got) != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
		if again, _ := Mask(nil, got); string(again) != string(got) {
			t.Errorf("%q is masked again to %q", got, again)
		}
		for _, s := range spans {
			if s.Start >= s.End || s.End > len(c.in) {
				t.Errorf("%q: span %+v", c.in, s)
			}
		}
	}
}

// In JSON a number stays one and becomes nobody's; what stands in a string is starred as elsewhere.
func TestMaskJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"b":"13812345678","n":13812345678}`:             `{"b":"138****5678","n":10000000000}`,
		`["\" 13812345678", 13812345678]`:                 `["\" 138****5678", 10000000000]`,
		`{"id":110101199003077758,"m":"a.b@example.com"}`: `{"id":100000000000000000,"m":"a**@example.com"}`,
	} {
		got, _ := MaskJSON(nil, []byte(in))
		if string(got) != want || !json.Valid(got) {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

// pieces are strewn into random text; most are finds or nearly so.
var pieces = []string{"13812345678", "138-1234-5678", "+86 138 1234 5678", "110101199003077758", "6222021234567890128", "卡4111 1111 1111 1111",
	"a.b@example.com", "１３８１２３４５６７８", " ", "-", ".", "@", "+", "x", "X", "1", "86", "电话", "卡", "。", "word", "\"", "\\", ":", "\xef", "\xef\xbc", "４"}

func streamed(s *Stream, cuts []int, text []byte) (string, []Span) {
	var out []byte
	var spans []Span
	at := 0
	for _, c := range cuts {
		end := min(at+c, len(text))
		b, sp := s.Write(text[at:end])
		out, spans = append(out, b...), append(spans, sp...)
		at = end
	}
	b, sp := s.Write(text[at:])
	out, spans = append(out, b...), append(spans, sp...)
	b, sp = s.Close()
	return string(append(out, b...)), append(spans, sp...)
}

func TestStreamEqualsMaskForAnyCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 30).Draw(t, "text"), ""))
		cuts := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 60).Draw(t, "cuts")
		masking, stream := Mask, NewStream()
		if rapid.Bool().Draw(t, "JSON") {
			masking, stream = MaskJSON, NewJSONStream()
		}
		want, spans := masking(nil, text)
		got, seen := streamed(stream, cuts, text)
		if got != string(want) || len(seen) != len(spans) {
			t.Fatalf("text %q cuts %v\n got %q %v\nwant %q %v", text, cuts, got, seen, want, spans)
		}
		if again, _ := masking(nil, want); string(again) != string(want) {
			t.Fatalf("%q is masked to %q, then to %q", text, want, again)
		}
		for i := range spans {
			if spans[i] != seen[i] {
				t.Fatalf("span %v, streamed %v", spans[i], seen[i])
			}
		}
	})
}

func TestStreamHoldsLittle(t *testing.T) {
	s := NewStream()
	given := 0
	text := strings.Repeat("1", 10_000) + strings.Repeat("a", 10_000) + strings.Repeat("汉字 12 ", 2000)
	for i := range len(text) {
		out, _ := s.Write([]byte{text[i]})
		given += len(out)
		if held := i + 1 - given; held > holdMax {
			t.Fatalf("%d bytes held at %d", held, i)
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add([]byte("13812345678 a@b.com"), uint64(1))
	f.Add([]byte("138 1234 5678@x.com"), uint64(2))
	f.Add([]byte("a@13812345678.com 110101 19900307 7758 卡 6222 0212 3456 7890 128"), uint64(3))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		masking, stream := Mask, NewStream()
		if seed%2 == 1 {
			masking, stream = MaskJSON, NewJSONStream()
		}
		want, _ := masking(nil, text)
		if again, _ := masking(nil, want); string(again) != string(want) {
			t.Fatalf("%q is masked to %q, then to %q", text, want, again)
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		cuts := make([]int, 20)
		for i := range cuts {
			cuts[i] = rng.IntN(12)
		}
		if got, _ := streamed(stream, cuts, text); got != string(want) {
			t.Fatalf("%q cut %v: %q, whole %q", text, cuts, got, want)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	for name, text := range map[string]string{
		"zh": strings.Repeat("生成式人工智能服务提供者应当依法开展活动，保护使用者的合法权益。", 300),
		"en": strings.Repeat("The quick brown fox jumps over the lazy dog and says the same thing. ", 300),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			t := []byte(text)
			for b.Loop() {
				Scan(t)
			}
		})
	}
}
