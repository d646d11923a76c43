package lexicon

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/hegui/hegui/moderation"
)

func exported() []moderation.Entry {
	return []moderation.Entry{
		{ID: "a", Text: "甲,词\"条", Category: "A1h", Tier: "block", Forms: moderation.Forms{Separated: true, Reversed: true}, Severity: 3, Note: "为何"},
		{ID: "b", Text: "=SUM(A1)", Category: "A2c", Tier: "signal", Kind: moderation.Whole, Expires: "2027-01-01", Scope: moderation.Scope{Users: []string{"minor"}}},
		{ID: "c", Text: "丙词条", Allow: true},
		{ID: "d", Text: "丁词条", Category: "A1a", Tier: "quarantine"},
	}
}

func TestExport(t *testing.T) {
	var b bytes.Buffer
	if err := Export(&b, JSON, exported()); err != nil {
		t.Fatal(err)
	}
	var back []moderation.Entry
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || !reflect.DeepEqual(back, exported()) {
		t.Errorf("JSON came back as %+v, %v", back, err)
	}
	b.Reset()
	if err := Export(&b, CSV, exported()); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.String(), "\uFEFF"))).ReadAll()
	if err != nil || len(rows) != 5 || rows[1][1] != "甲,词\"条" || rows[1][8] != "separated reversed" || rows[2][1] != "=SUM(A1)" || rows[3][3] != "yes" {
		t.Errorf("CSV %q, %v", rows, err)
	}
	b.Reset()
	if err := Export(&b, XLSX, exported()); err != nil {
		t.Fatal(err)
	}
	if sheet := open1(t, &b, "entries"); len(sheet) != 5 || sheet[2][1] != "=SUM(A1)" || sheet[0][1] != "text" {
		t.Errorf("XLSX %q", sheet)
	}
	var invalid *InvalidError
	if err := Export(&b, "pdf", nil); !errors.As(err, &invalid) {
		t.Errorf("an unknown format: %v", err)
	}
}

func open1(t *testing.T, b *bytes.Buffer, name string) [][]string {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows(name)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestFilingShowsWhatIsInForceAndWhatIsMissing(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	w := &Workbench{Base: func() ([]List, error) { return nil, nil }}
	own := append(exported(), moderation.Entry{ID: "e", Text: "戊词条", Category: "A1h", Tier: "block", Expires: "2026-04-01"})
	var b bytes.Buffer
	if err := w.Write(&b, XLSX, Version{}, own, Selection{Filing: true}, now); err != nil {
		t.Fatal(err)
	}
	words := open1(t, &b, "关键词库")
	if len(words) != 3 || words[1][1] != "甲,词\"条" || words[1][3] != "A.1 h)" || words[1][5] != "拦截" {
		t.Errorf("keywords %q", words)
	}
	sums := open1(t, &b, "汇总")
	if len(sums) != 33 || sums[1][0] != "A1a" || sums[1][5] != "缺失（应）" || sums[8][3] != "1" || sums[8][5] != "少 199 条（宜）" || sums[32][3] != "2" {
		t.Errorf("numbers %q", sums)
	}
	b.Reset()
	if err := w.Write(&b, CSV, Version{}, own, Selection{Filing: true}, now); err != nil || !strings.Contains(b.String(), ",'=SUM(A1),") {
		t.Errorf("a keyword would run as a formula: %s %v", b.String(), err)
	}
	b.Reset()
	if err := w.Write(&b, JSON, Version{}, own, Selection{}, now); err != nil || !strings.Contains(b.String(), "戊词条") || !strings.Contains(b.String(), "quarantine") {
		t.Errorf("an export leaves entries out: %v", err)
	}
}
