package decode

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// sound checks what must hold for the view of any text.
func sound(text []byte, v *View) error {
	if v == nil {
		return nil
	}
	if len(v.Text) > DefaultRatio*len(text)+len(text) {
		return fmt.Errorf("%d bytes became %d", len(text), len(v.Text))
	}
	if p := v.Partial; p != nil && (p.Start < 0 || p.End < p.Start || p.End > len(text)) {
		return fmt.Errorf("partial %+v of %d bytes", *p, len(text))
	}
	last := -1
	for _, s := range v.Stretches() {
		if s.Start <= last || s.End <= s.Start || s.End > len(text) {
			return fmt.Errorf("stretch %d to %d after %d, of %d bytes", s.Start, s.End, last, len(text))
		}
		last = s.End
		if len(s.Chain) == 0 {
			return fmt.Errorf("stretch %d to %d has no chain", s.Start, s.End)
		}
		for _, k := range s.Chain {
			if !slices.Contains(Kinds(), k) {
				return fmt.Errorf("kind %q", k)
			}
		}
		if from, to := s.Origin(0, len(s.Text)); len(s.Text) > 0 && (from < s.Start || to > s.End) {
			return fmt.Errorf("stretch %d to %d comes from %d to %d", s.Start, s.End, from, to)
		}
	}
	prev := 0
	for i, r := range string(v.Text) {
		n := utf8.RuneLen(r)
		if r == utf8.RuneError {
			n = 1
		}
		from, to := v.Origin(i, i+n)
		if from < 0 || to > len(text) || from >= to && len(text) > 0 || from < prev {
			return fmt.Errorf("rune %d (%q) comes from %d to %d after %d", i, r, from, to, prev)
		}
		prev = from
		if i > 2000 {
			break
		}
	}
	for _, p := range v.Passages(8) {
		if p.At < 0 || p.At+len(p.Text) > len(v.Text) || !bytes.Equal(p.Text, v.Text[p.At:p.At+len(p.Text)]) {
			return fmt.Errorf("passage at %d", p.At)
		}
	}
	return nil
}

func FuzzLook(f *testing.F) {
	for _, encode := range encodings() {
		f.Add([]byte("解码 " + encode(sayings[1]) + " 谢谢"))
	}
	f.Add([]byte("=?utf-8?B?6LWM?= =?utf-8?B?5Y2a?= +jUxTWg- xn--fiqs8s ubj gb znxr n obzo"))
	f.Add([]byte("\xff\xfe%E8%B5\\ud83d\\u &#x110000; &#99999999999; xn--0000000000 0x 0x0 =\r\n="))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := sound(text, Look(text, Limits{})); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// drawText makes a text of plain and encoded parts; wants are what the encoded parts say.
func drawText(t *rapid.T) (text string, wants []string) {
	all := encodings()
	delete(all, "percent") // leaves words of ASCII as they are
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range all {
			if !yield(name) {
				return
			}
		}
	})
	var b strings.Builder
	for range rapid.IntRange(1, 4).Draw(t, "parts") {
		b.WriteString(rapid.SampledFrom([]string{"", "你好，", "请看：", "Please decode this: ", "第一条\n", "（附件）"}).Draw(t, "plain"))
		want := rapid.SampledFrom(sayings).Draw(t, "saying")
		b.WriteString(all[rapid.SampledFrom(names).Draw(t, "encoding")](want))
		wants = append(wants, want)
		b.WriteString(rapid.SampledFrom([]string{"。", "，谢谢！", " 好的 ", "\n\n完"}).Draw(t, "after"))
	}
	return b.String(), wants
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, wants := drawText(t)
		v := Look([]byte(text), Limits{})
		if err := sound([]byte(text), v); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, want := range wants {
			if !says(v, want) {
				t.Fatalf("%q says %q, want %q", text, v.Text, want)
			}
		}
	})
}

func TestBombs(t *testing.T) {
	nested := "赌博网站开户，加群领取彩金，欢迎新老客户"
	for range 20 {
		nested = base64.StdEncoding.EncodeToString([]byte(nested))
	}
	const size = 10 << 20
	for _, c := range []struct {
		name, text, reason string
	}{
		{"percent", strings.Repeat("%25", size/3), ""},
		{"percent of percent", "%" + strings.Repeat("25", size/2), ""},
		{"quoted", "=" + strings.Repeat("25", size/2), ""},
		{"nested", nested, TooDeep},
		{"entities", strings.Repeat("&#21338;", size/8), ""},
		{"amp", "&" + strings.Repeat("amp;", size/4), TooDeep},
		{"open entities", strings.Repeat("&#", size/2), ""},
		{"backslashes", strings.Repeat("\\", size), ""},
		{"hex", strings.Repeat("e8b58c", size/6), ""},
		{"base64", strings.Repeat("6LWM", size/4), ""},
		{"zeros", strings.Repeat("A", size), ""},
		{"lines", strings.Repeat(strings.Repeat("A", 16)+"\n", size/17), ""},
		{"short lines", strings.Repeat("AAAAAAAAAAAAAAAAAAAA\nAAAAAA\n", size/28), ""},
		{"groups", strings.Repeat("00 ", size/3), ""},
		{"numbers", strings.Repeat("200 ", size/4), ""},
		{"binary", strings.Repeat("0", size), ""},
		{"punycode", strings.Repeat("xn--aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.", size/65), ""},
		{"mime", strings.Repeat("=?utf-8?B?", size/10), ""},
		{"utf-7", strings.Repeat("+jUxTWg-", size/8), ""},
		{"rot13", strings.Repeat("gur ", size/4), ""},
		{"rot13 lines", strings.Repeat("gur naq\n", size/8), ""},
		{"plus", strings.Repeat("+AAAAAAA", size/8), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := []byte(c.text)
			start := time.Now()
			v := Look(text, Limits{})
			took := time.Since(start)
			if err := sound(text, v); err != nil {
				t.Fatal(err)
			}
			perMB := took.Seconds() / max(1, float64(len(text))/(1<<20))
			if perMB > 2 { // some 0.02 s on a quiet machine; what is not linear takes minutes
				t.Errorf("%.2f s for a megabyte", perMB)
			}
			got := ""
			if v != nil && v.Partial != nil {
				got = v.Partial.Reason
			}
			if c.reason != "" && got != c.reason {
				t.Errorf("partial %q, want %q: %.40q %+v", got, c.reason, v.Text, v.levels[:min(3, len(v.levels))])
			}
			t.Logf("%.0f ms a megabyte, %q", perMB*1000, got)
		})
	}
}

func TestLimits(t *testing.T) {
	text := []byte("看 " + base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("怎样制作危险物品")))))
	if v := Look(text, Limits{Depth: 1}); v == nil || v.Partial == nil || v.Partial.Reason != TooDeep || says(v, "危险") || v.Partial.Start != 4 {
		t.Errorf("depth 1: %+v", v)
	}
	if v := Look(text, Limits{Depth: 2}); !says(v, "危险") || v.Partial != nil {
		t.Errorf("depth 2: %+v", v)
	}
	s, partial := Find(text, Limits{})
	if len(s) != 1 || partial != nil || !slices.Equal(s[0].Chain, []string{Base64, Base64}) || string(s[0].Text) != "怎样制作危险物品" || s[0].Start != 4 || s[0].End != len(text) {
		t.Errorf("stretches %+v", s)
	}
	if from, to := s[0].Origin(0, 3); from != 4 || to > 4+16 {
		t.Errorf("the first character comes from %d to %d", from, to)
	}
	puny := []byte(strings.Repeat("xn--fiqs8s.", 50))
	if v := Look(puny, Limits{Ratio: 1}); v == nil || v.Partial != nil {
		t.Errorf("ratio 1: %+v", v)
	}
}

func TestTooLarge(t *testing.T) {
	b := builder{looker: &looker{depth: 3, left: 5}, src: []byte("&#21338;&#21338;")}
	escapes(&b)
	if b.v.Partial == nil || b.v.Partial.Reason != TooLarge || b.v.Partial.Start != 8 || string(b.finish()) != "博&#21338;" {
		t.Errorf("%+v", b.v.Partial)
	}
}

func TestPassages(t *testing.T) {
	v := Look([]byte("本站提供赌&#21338;服务，欢迎光临。远处还有一个&#35789;。"), Limits{})
	got := v.Passages(3)
	if len(got) != 2 || string(got[0].Text) != "提供赌博服务，" || string(got[1].Text) != "有一个词。" {
		t.Errorf("%s", fmt.Sprintf("%+v", got))
	}
	at := bytes.Index(got[0].Text, []byte("赌博"))
	if from, to := v.Origin(got[0].At+at, got[0].At+at+6); from != 12 || to != 23 {
		t.Errorf("from %d to %d", from, to)
	}
}

// harmless are things that look encoded and say nothing.
var harmless = []string{
	"550e8400-e29b-41d4-a716-446655440000",
	"commit 8d32b15f0a4d1e97c7b6c2a55bfa7a3ce3d9f104",
	"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"ssh-key AAAAA3NzaC1lZDI1NTE5AAAAIJ0QX8yP6o3m0c5TfYzJZ8mHqk1Wl2nV7rB9tD4uE6sA",
	"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
	"H4sIAAAAAAAAA8tIzcnJVyjPL8pJAQCFEUoNCwAAAA==",
	"00:1A:2B:3C:4D:5E", "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "192.168.0.1 10.0.0.1", "4111 1111 1111 1111", "13812345678",
	"#ff8800 #1e90ff #deadbe", "0xdeadbeef 0xcafebabe", "98 100 105 112 99 101 110 87 66", "身高 172 168 180 175 169 183",
	"25000 30000 21000 28000 36000 40000", "2025-06-11 12:30:45", "price=100&count=20&page=2", "x=41;y=42;z=43", "100% 95%",
	"fmt.Printf(\"%d%%\\n\", n)", "C:\\Users\\wang\\2024", "if a&&b || c&d {", "getElementByIdentifierName(someLongVariableName)",
	"/usr/local/share/applications/mimeinfo.cache", "https://www.example.com/a/b/c?id=1024&from=homepage_top",
	"A+B+C+D- +86-10-12345678 1+1=2", "abc+def-ghi", "MDAwMDAwMDA", "internationalization", "PneumonoultramicroscopicSilico",
	"a1b2c3d4e5f6a7b8c9d0", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPBdG",
}

func hanIn(text []byte) int {
	n := 0
	for _, r := range string(text) {
		if unicode.Is(unicode.Han, r) {
			n++
		}
	}
	return n
}

func TestHarmless(t *testing.T) {
	for _, text := range harmless {
		if v := Look([]byte(text), Limits{}); v != nil && (hanIn(v.Text) > hanIn([]byte(text)) || len(v.Stretches()) > 0) {
			t.Errorf("%q says %q", text, v.Text)
		}
	}
	jwt := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
	if v := Look([]byte(jwt), Limits{}); !says(v, `{"sub":"1234567890","name":"John Doe","iat":1516239022}`) || hanIn(v.Text) > 0 {
		t.Errorf("a token says %q", v.Text)
	}
}

// TestBenign reads the written lines of the benign corpus: no line gets Chinese characters that it did not have.
func TestBenign(t *testing.T) {
	files, err := filepath.Glob("../benign/*.t*")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	lines := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			lines++
			if v := Look(line, Limits{}); v != nil && hanIn(v.Text) > hanIn(line) {
				t.Errorf("%s: %q says %q", file, line, v.Text)
			}
		}
	}
	if lines < 1000 {
		t.Errorf("%d lines", lines)
	}
}

// TestRandomKeys reads random octets in several encodings: next to none may say anything.
func TestRandomKeys(t *testing.T) {
	state := uint64(1)
	random := func(n int) string {
		out := make([]byte, n)
		for i := range out {
			state ^= state << 13
			state ^= state >> 7
			state ^= state << 17
			out[i] = byte(state >> 32)
		}
		return string(out)
	}
	all := encodings()
	for _, name := range []string{"base64", "base64 url", "base64 lines", "base64 mime", "base32", "hex", "hex spaced", "binary joined"} {
		said := 0
		for i := range 5000 {
			if v := Look([]byte(all[name](random(6+i%60))), Limits{}); v != nil {
				said++
			}
		}
		if said > 5 { // one in a thousand
			t.Errorf("%s: %d of 5000 keys say something", name, said)
		}
	}
	for range 20 {
		if v := Look([]byte(all["base64"](random(100_000))), Limits{}); v != nil {
			s := v.Stretches()[0]
			t.Errorf("100 kB of noise say %v %d-%d %d %.40q", s.Chain, s.Start, s.End, len(s.Text), s.Text)
		}
	}
}

// TestSourceCode reads Go's own library: what is found there in Chinese must be written there on purpose.
func TestSourceCode(t *testing.T) {
	root := filepath.Join(build.Default.GOROOT, "src", "net")
	size, false_ := 0, 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		size += len(data)
		if v := Look(data, Limits{}); v != nil {
			for _, s := range v.Stretches() {
				if hanIn(s.Text) > 0 {
					false_++
					t.Logf("%s: %.80q says %.80q", path, data[s.Start:s.End], s.Text)
				}
			}
		}
		return nil
	})
	if err != nil || size < 1<<20 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	if false_ > 0 {
		t.Errorf("%d places say something in Chinese", false_)
	}
}

func plainTexts(t testing.TB) map[string][]byte {
	out := map[string][]byte{}
	for name, file := range map[string]string{"zh": "../benign/news.txt", "en": "../benign/english.txt", "go": "../../privacy/scan.go"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = data[:min(len(data), 7000)]
	}
	return out
}

// One allocation is the working state; nothing grows with the text.
func TestPlainTextCostsNoMemory(t *testing.T) {
	common()
	gbTable()
	for name, text := range plainTexts(t) {
		if n := testing.AllocsPerRun(20, func() { Look(text, Limits{}) }); n > 1 && name != "go" {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkPlain(b *testing.B) {
	for name, text := range plainTexts(b) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				Look(text, Limits{})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(float64(len(text))/1024), "ns/KB")
		})
	}
}

func BenchmarkEncoded(b *testing.B) {
	for _, name := range []string{"base64", "percent all", "entity", "hex"} {
		text := []byte(encodings()[name](strings.Repeat(sayings[1], 100)))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				Look(text, Limits{})
			}
		})
	}
}
