package lexicon

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

func TestImportLintsAndSetsAside(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		w := &Workbench{Register: r, Evidence: Evidence{Benign: texts(Text{Text: "子丑寅卯是地支"}, Text{Text: "子丑寅卯辰巳"}, Text{Text: "子丑寅卯午未"}),
			Bank: texts(Text{Text: "甲乙丙丁词条"})}}
		o := ImportOptions{ImportOptions: moderation.ImportOptions{Category: "A1h", Tier: moderation.Block}, Lint: true}
		list := "甲乙丙丁词条\n\u200b\n子丑寅卯\n甲乙丙丁詞條\n"
		got, err := w.Import(t.Context(), wang, "list.txt", []byte(list), o)
		if err != nil || got.Taken.Added != 2 || got.Report.SetAside != 1 || got.Report.Duplicates != 1 || got.Lint == nil || got.Lint.Benign != 3 {
			t.Fatalf("%+v %v", got, err)
		}
		tiers := map[string]moderation.Tier{}
		for _, e := range draft(t, r).Entries {
			tiers[e.Text] = e.Tier
		}
		if tiers["甲乙丙丁词条"] != moderation.Block || tiers["子丑寅卯"] == moderation.Block {
			t.Errorf("tiers %v", tiers)
		}
		var unread *UnreadError
		o.Strict = true
		if _, err := w.Import(t.Context(), wang, "list.txt", []byte(list), o); !errors.As(err, &unread) {
			t.Errorf("a list with a bad line, strictly: %v", err)
		}
		if _, err := w.Import(t.Context(), wang, "book.xlsx", []byte("no workbook"), o); !errors.As(err, &unread) {
			t.Errorf("a broken workbook: %v", err)
		}
	})
}

func TestWorkbookComesBack(t *testing.T) {
	for _, format := range []string{CSV, XLSX, JSON} {
		var b bytes.Buffer
		want := exported()
		if err := Export(&b, format, want); err != nil {
			t.Fatal(err)
		}
		got, err := Read("back."+format, b.Bytes(), moderation.ImportOptions{})
		if err != nil || len(got.Entries) != len(want) {
			t.Fatalf("%s: %+v %v", format, got.Report, err)
		}
		for i := range want {
			if !alike(want[i], got.Entries[i]) {
				t.Errorf("%s: %+v came back as %+v", format, want[i], got.Entries[i])
			}
		}
	}
	f := excelize.NewFile()
	for cell, v := range map[string]string{"A1": "敏感词", "B1": "风险", "A2": "子丑寅卯", "B2": "A1h"} {
		if err := f.SetCellStr("Sheet1", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Read("words.xlsx", b.Bytes(), moderation.ImportOptions{Category: "A2c"})
	if err != nil || len(got.Entries) != 1 || got.Entries[0].Text != "子丑寅卯" {
		t.Errorf("a workbook of one's own: %+v %v", got, err)
	}
}

func TestLintReadsAcceptedTrafficAndNotTheBank(t *testing.T) {
	w := &Workbench{Evidence: Evidence{Benign: texts(Text{Text: "无关的话"}), Bank: texts(Text{Text: "子丑寅卯"}),
		Traffic: func(_ context.Context, each func(Text) error) (Window, error) {
			return Window{}, errors.Join(each(Text{Text: "子丑寅卯", Accepted: true}), each(Text{Text: "子丑寅卯"}))
		}}}
	r, err := w.Lint(t.Context(), []moderation.Entry{entry("a", "子丑寅卯", "block"), entry("b", "从不出现的词", "block")})
	if err != nil || r.Benign != 1 || r.Traffic != 1 {
		t.Errorf("%+v %v", r, err)
	}
	for _, e := range Weakened(r, []moderation.Entry{entry("a", "子丑寅卯", "block"), entry("b", "从不出现的词", "block")}) {
		if e.Tier == moderation.Block && !e.Border {
			t.Errorf("not weakened: %+v", e)
		}
	}
}
