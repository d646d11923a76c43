package lexicon

import (
	"errors"
	"strings"
	"testing"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

func TestImportSetsBadLinesAside(t *testing.T) {
	each(t, func(t *testing.T, r *Register, j *journal.Journal, db *store.DB) {
		w := &Workbench{Register: r}
		list := "\uFEFF# a comment\n甲词条\n\n\u200b\n乙词条\r\n" + strings.Repeat("长", 200) + "\n甲詞條\n"
		got, err := w.Import(t.Context(), wang, "list.txt", []byte(list), ImportOptions{Category: "A1h"})
		if err != nil || got.Read != 2 || got.Taken.Added != 2 || got.Aside != 3 {
			t.Fatalf("%+v %v", got, err)
		}
		for i, want := range []struct {
			n   int
			why string
		}{{4, "nothing is left of it"}, {6, "at most"}, {7, "the same as line 2 after folding"}} {
			if l := got.Lines[i]; l.N != want.n || !strings.Contains(l.Why, want.why) || len([]rune(l.Text)) > 40 {
				t.Errorf("line %+v, want %d %s", l, want.n, want.why)
			}
		}
		for _, e := range draft(t, r).Entries {
			if e.Tier != "signal" || !strings.HasPrefix(e.Source, "list.txt:") {
				t.Errorf("entry %+v", e)
			}
		}
		var unread *UnreadError
		for name, c := range map[string]struct {
			name, list string
			o          ImportOptions
		}{
			"strict":       {"list.txt", list, ImportOptions{Category: "A1h", Strict: true}},
			"no risk":      {"list.txt", "丙词条\n", ImportOptions{}},
			"GBK":          {"list.txt", "\xb1\xf9\xb6\xbe\n", ImportOptions{Category: "A1h"}},
			"empty":        {"list.txt", "# nothing\n", ImportOptions{Category: "A1h"}},
			"nothing good": {"list.txt", "\u200b\n", ImportOptions{Category: "A1h"}},
			"bad table":    {"list.csv", "text,category\n丁,Z9\n", ImportOptions{}},
		} {
			if _, err := w.Import(t.Context(), wang, c.name, []byte(c.list), c.o); !errors.As(err, &unread) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if d := draft(t, r); len(d.Edits) != 2 {
			t.Errorf("the draft has %d changes", len(d.Edits))
		}
	})
}
