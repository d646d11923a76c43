package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hegui/hegui/assessment"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
)

// says SECONDS TEXT METHOD URL … repeats an http until its answer holds a text.
func cmdSays(ts *testscript.TestScript, neg bool, args []string) {
	seconds, err := strconv.ParseFloat(args[0], 64)
	ts.Check(err)
	last := ""
	for end := time.Now().Add(time.Duration(seconds * float64(time.Second))); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, last, err = request(ts, args[2:]); err == nil && strings.Contains(last, args[1]) {
			return
		}
	}
	ts.Fatalf("no %q within %s s: %s", args[1], args[0], last)
}

func screenWith(t *testing.T, entries ...moderation.Entry) (*screen, *bytes.Buffer) {
	t.Helper()
	l, err := lexicon.Compile(nil, entries, "2026-01-01")
	if err != nil {
		t.Fatal(err)
	}
	p, err := moderation.DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	return &screen{lexicon: l, table: p.At(moderation.Place{Scene: moderation.Scene{Direction: "in"}}), out: json.NewEncoder(&out)}, &out
}

func results(t *testing.T, out *bytes.Buffer) []screened {
	t.Helper()
	var list []screened
	for d := json.NewDecoder(out); ; {
		var r screened
		if err := d.Decode(&r); err == io.EOF {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
}

// TestScreenLongLine: a line of 10 MB is screened as it is read, with the findings that the whole text has.
func TestScreenLongLine(t *testing.T) {
	banned := moderation.Entry{ID: "a", Text: "长行禁语", Category: "A1h", Tier: moderation.Signal}
	filler := strings.Repeat("无害的文字。", 600_000) // 10.8 MB
	line := filler[:6_000_000] + "长行禁语" + filler[6_000_000:] + "长行禁语"
	s, out := screenWith(t, banned)
	input := "短\n" + line + "\n" + "后\n"
	if err := s.lines(context.Background(), bufio.NewReaderSize(strings.NewReader(input), 64<<10)); err != nil {
		t.Fatal(err)
	}
	got := results(t, out)
	if len(got) != 3 || got[1].Bytes != len(line) || got[1].Total != 2 || got[1].Invalid || got[2].Line != 3 || got[2].Bytes != 3 {
		t.Fatalf("%+v", got)
	}
	for i, want := range s.lexicon.Scan([]byte(line)) {
		if f := got[1].Findings[i]; f.Start != want.Start || f.End != want.End {
			t.Errorf("finding %d at %d-%d, want %d-%d", i, f.Start, f.End, want.Start, want.End)
		}
	}
	if held := testing.AllocsPerRun(1, func() {
		s, _ := screenWith(t, banned)
		s.out = json.NewEncoder(io.Discard)
		_ = s.lines(context.Background(), bufio.NewReaderSize(&endless{left: 64 << 20}, 64<<10))
	}); held > 20_000 {
		t.Errorf("%.0f allocations for 64 MB on one line", held)
	}
}

// endless is a line that does not end for a while.
type endless struct{ left int }

func (e *endless) Read(b []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(b), e.left)
	for i := range b[:n] {
		b[i] = 'x'
	}
	e.left -= n
	return n, nil
}

func TestScreenPiecesSeeBrokenBytes(t *testing.T) {
	for _, c := range []struct {
		pieces  []string
		invalid bool
	}{
		{[]string{"你", "好"}, false},
		{[]string{"\xe4\xbd", "\xa0好"}, false},
		{[]string{"\xe4", "\xbd", "\xa0"}, false},
		{[]string{"你\xff", "好"}, true},
		{[]string{"你\xe4", "好"}, true},
		{[]string{"你\xe4"}, true},
		{[]string{"\xa0你"}, true},
	} {
		s, out := screenWith(t)
		p := s.pieces(1)
		for _, piece := range c.pieces {
			p.write([]byte(piece))
		}
		if err := p.end(); err != nil {
			t.Fatal(err)
		}
		if got := results(t, out); got[0].Invalid != c.invalid || got[0].Bytes != len(strings.Join(c.pieces, "")) {
			t.Errorf("%q: %+v", c.pieces, got)
		}
	}
}

func TestScreenCountsBeyondWhatItShows(t *testing.T) {
	s, out := screenWith(t, moderation.Entry{ID: "a", Text: "甲", Category: "A1h", Tier: moderation.Block})
	if err := s.text(1, []byte(strings.Repeat("甲", 900))); err != nil {
		t.Fatal(err)
	}
	if got := results(t, out)[0]; got.Total != 900 || len(got.Findings) != findingsShown || got.Verdict != "refuse" {
		t.Errorf("%d findings of %d, %s", len(got.Findings), got.Total, got.Verdict)
	}
}

func TestRequestTexts(t *testing.T) {
	for request, want := range map[string][]string{
		`{"messages":[{"role":"user","content":"甲"},{"role":"user","content":[{"type":"text","text":"乙"},{"type":"image_url","image_url":{"url":"x"}}]}],"model":"m"}`: {"甲", "乙"},
		`{"prompt":["丙","丁"]}`: {"丙", "丁"},
		`{"input":[{"role":"user","content":"戊"}],"instructions":"己"}`: {"己", "戊"},
		`"截断的 …[cut by hegui]"`:                                        {"截断的 …[cut by hegui]"},
		`null`:                                                         nil,
		``:                                                             nil,
		`5`:                                                            nil,
	} {
		if got := requestTexts(json.RawMessage(request)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", request, got, want)
		}
	}
}

func TestMustAnswerBankIsHandedIn(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range mustAnswer() {
		if q.Text == "" || seen[q.ID] {
			t.Errorf("question %+v", q)
		}
		seen[q.ID] = true
	}
	if len(seen) < 500 {
		t.Errorf("%d questions", len(seen))
	}
}

// What refuses questions of the must-answer bank is counted by question, whichever language is hit.
func TestOverBlock(t *testing.T) {
	p, err := moderation.DefaultPolicy()
	if err != nil {
		t.Fatal(err)
	}
	var q assessment.Question
	for _, q = range assessment.MustAnswer() {
		if q.EN != "" {
			break
		}
	}
	sv, _ := inProcess(t, nil)
	in := sv.in
	for _, c := range []struct {
		text string
		tier moderation.Tier
		want int
	}{{q.ZH, moderation.Block, 1}, {q.EN, moderation.Block, 1}, {q.ZH, moderation.Signal, 0}} {
		l, err := moderation.Compile([]moderation.Entry{{ID: "t-1", Text: c.text, Category: "A2a", Tier: c.tier}})
		if err != nil {
			t.Fatal(err)
		}
		b := in.overBlock(l, p)
		if b.Refused != c.want || b.Questions != len(assessment.MustAnswer()) || b.Policy != p.Hash() {
			t.Errorf("%s %s: %+v, want %d refused", c.tier, c.text, b, c.want)
		}
	}
}
