package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/hegui/hegui/moderation"
)

// dying is a detector that clears what it is asked about until it dies. Texts it is asked about have no character twice.
type dying struct {
	about    moderation.Description
	text     []rune
	calls    atomic.Int64
	after    int64        // calls it answers
	verified atomic.Int64 // characters of the text that it has cleared
}

func (d *dying) Describe() moderation.Description { return d.about }

func (d *dying) Check(_ context.Context, q moderation.Query) (moderation.Judgement, error) {
	if d.calls.Add(1) > d.after {
		return moderation.Judgement{}, errors.New("connection refused")
	}
	last, _ := utf8.DecodeLastRune(q.Text)
	for i, r := range d.text {
		if r == last {
			d.verified.Store(max(d.verified.Load(), int64(i+1)))
		}
	}
	return moderation.Judgement{Outcome: moderation.Clear, Artefact: "weights-1"}, nil
}

// TestDetachedOutage is P6 through the API: kill the detector at any point and never more than E characters may be shown that it has not
// looked at; without it the text ends where it last looked, or goes on without it and the record says so, as declared.
func TestDetachedOutage(t *testing.T) {
	h := ruled(t, noRow, says("x"), nil)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		e := rapid.SampledFrom([]int{-1, 1, 20, 120}).Draw(t, "E")
		rule := rapid.SampledFrom([]moderation.OnError{moderation.Hold, moderation.Degrade}).Draw(t, "rule")
		d := &dying{after: int64(rapid.IntRange(0, 6).Draw(t, "dies after")), about: moderation.Description{Name: "guard-a", Kind: "guard", OnError: rule,
			Exposed: moderation.Exposure{Otherwise: e}, Timeout: 5 * time.Second}}
		for i := range rapid.IntRange(1, 400).Draw(t, "characters") {
			d.text = append(d.text, '一'+rune(i))
		}
		h.gateway.o.Detectors = []moderation.Detector{d}
		pieces := cutRunes(string(d.text), rapid.SliceOfN(rapid.IntRange(1, 90), 0, 12).Draw(t, "cuts"))
		n++
		var a ScreenAnswer
		withdrawn := int64(0)
		for i, piece := range pieces {
			var r reply
			if r, a = h.slice(fmt.Sprint("o", n), i, piece, i == len(pieces)-1); r.status != 200 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			withdrawn += int64(a.Withdraw)
			if died := d.calls.Load() > d.after; (rule == moderation.Hold || !died) && a.Releasable > d.verified.Load()+int64(max(e, 0)) {
				t.Fatalf("slice %d: %d characters may be shown, %d are verified, E is %d", i, a.Releasable, d.verified.Load(), e)
			}
		}
		rec, _, err := h.exchanges.Get(t.Context(), a.Exchange)
		if err != nil {
			t.Fatal(err)
		}
		died := d.calls.Load() > d.after
		switch {
		case !died:
			if a.State != "ended" || a.Releasable != int64(len(d.text)) || len(rec.Guards) != 0 {
				t.Fatalf("%+v, %+v", a, rec.Guards)
			}
		case rule == moderation.Degrade:
			if a.State != "ended" || a.Releasable != int64(len(d.text)) || len(rec.Guards) == 0 || rec.Guards[0].Rule != "degraded" || !strings.Contains(rec.Guards[0].Error, "refused") {
				t.Fatalf("%+v, %+v", a, rec.Guards)
			}
		default:
			if a.State != "cut" || a.Releasable-withdrawn > d.verified.Load() || len(rec.Guards) == 0 || rec.Guards[0].Detector != "guard-a" {
				t.Fatalf("%d verified, %d withdrawn: %+v, %+v", d.verified.Load(), withdrawn, a, rec.Guards)
			}
		}
	})
}

// TestDetachedLag is P4 through the API: what is not released is no more than the longest entry with what is skipped in it.
func TestDetachedLag(t *testing.T) {
	h := setup(t, says("x"), nil)
	folder := moderation.NewFolder()
	longest := 0
	for _, e := range banned {
		longest = max(longest, utf8.RuneCountInString(e.Text))
	}
	// Latin words are held back as a whole, for they may become an address.
	parts := []string{"禁果出", "禁果", "禁\u200d果出\ufe0f", "。", "汉字", "😀", "\n", "平常的话。", "好"}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 30).Draw(t, "text"), "")
		n++
		so, i := 0, 0
		for _, piece := range cutRunes(text, rapid.SliceOfN(rapid.IntRange(1, 6), 0, 30).Draw(t, "cuts")) {
			_, a := h.slice(fmt.Sprint("l", n), i, piece, false)
			so += utf8.RuneCountInString(piece)
			i++
			if a.State == "cut" {
				return
			}
			held := 0
			for _, r := range []rune(text)[a.Releasable:so] {
				if _, seen := folder.Rune(r); seen {
					held++
				}
			}
			if held >= longest {
				t.Fatalf("%q: %q is held back, longer than any entry", text, string([]rune(text)[a.Releasable:so]))
			}
		}
	})
}
