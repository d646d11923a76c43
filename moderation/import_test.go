package moderation

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
	"pgregory.net/rapid"
)

func TestImport(t *testing.T) {
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("坏词一\n坏词二\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file, data string
		o          ImportOptions
		want       []Entry // ID and Source left out
		aside      int
	}{
		"one a line": {file: "list.txt", data: "\ufeff坏词一\r\n\r\n# note\n坏词二\n坏詞二\n", o: ImportOptions{Category: "A1h"},
			want: []Entry{{Text: "坏词一", Category: "A1h", Tier: Signal}, {Text: "坏词二", Category: "A1h", Tier: Signal}}},
		"weights, bars and combinations": {file: "w.txt", data: "坏词一\t3\n坏词二 10\n坏词三,\n坏词四|2.5\n加微+赚钱\n18+\nc++\nwindows 95\n", o: ImportOptions{Category: "A1h", Tier: Observe},
			want: []Entry{{Text: "坏词一"}, {Text: "坏词二"}, {Text: "坏词三"}, {Text: "坏词四"}, {Text: "加微+赚钱", Kind: All}, {Text: "18+"}, {Text: "c++"}, {Text: "windows 95"}}},
		"gbk": {file: "g.txt", data: gbk, o: ImportOptions{Category: "A1h"}, want: []Entry{{Text: "坏词一"}, {Text: "坏词二"}}},
		"named by the file": {file: "lists/色情词库.txt", data: "坏词一\n",
			want: []Entry{{Text: "坏词一", Category: "A1f", Tier: Signal}}},
		"chinese headings": {file: "a.csv", data: "敏感词,类别,级别,备注\n坏词一,赌博,拦截,x\n坏词二,政治,高,\n坏词三,A2a,,\n",
			want: []Entry{{Text: "坏词一", Category: "A1h", Tier: Block, Note: "x"}, {Text: "坏词二", Category: "A1h", Tier: Quarantine, Note: "category: 政治"}, {Text: "坏词三", Category: "A2a", Tier: Signal}}},
		"own map": {file: "a.tsv", data: "word\tlabel\n坏词一\t政治\n坏词二\t其他\n", o: ImportOptions{Map: map[string]string{"政治": "A1a", "其他": "-"}},
			want: []Entry{{Text: "坏词一", Category: "A1a", Tier: Signal}}},
		"no header": {file: "a.csv", data: "坏词一,毒品\n坏词二,色情\n", want: []Entry{{Text: "坏词一", Category: "A1h"}, {Text: "坏词二", Category: "A1f"}}},
		"json":      {file: "a.json", data: `["坏词一","坏词二"]`, o: ImportOptions{Category: "A1h"}, want: []Entry{{Text: "坏词一"}, {Text: "坏词二"}}},
		"json of others": {file: "a.jsonl", data: `{"word":"坏词一","type":"毒品","weight":3}` + "\n" + `{"id":7}` + "\n",
			want: []Entry{{Text: "坏词一", Category: "A1h"}}, aside: 1},
		"either plus sign": {file: "a.csv", data: "text,category,kind\n坏词＋出售,A1h,\n坏话＋购买,A1h,all\n18＋,A1h,\n甲＋乙,A1h,contain\n",
			want: []Entry{{Text: "坏词+出售", Kind: All}, {Text: "坏话+购买", Kind: All}, {Text: "18＋"}, {Text: "甲＋乙"}}},
		"yes and no": {file: "a.csv", data: "text,category,border,allow\n坏词一,A1h,yes,\n坏词二,A1h,maybe,\n坏词三,A1h,FALSE,\n坏词四,A1h,是,否\n坏词五,,,perhaps\n",
			want: []Entry{{Text: "坏词一", Border: true}, {Text: "坏词三"}, {Text: "坏词四", Border: true}}, aside: 2},
		"nothing in JSON": {file: "a.json", data: `["坏词一", null, {"text":null,"category":"A1h"}, {"word":null,"type":"毒品"}, {"word":"坏词二","type":null}]`, o: ImportOptions{Category: "A1h"},
			want: []Entry{{Text: "坏词一"}, {Text: "坏词二"}}, aside: 3},
		"controls": {file: "a.jsonl", data: `{"text":"坏\u0007词","category":"A1h"}` + "\n" + `{"text":"坏词二","category":"A1h","note":"a\ufffe"}` + "\n" + `{"text":"坏词三","category":"A1h","note":"a\nb"}` + "\n",
			want: []Entry{{Text: "坏词三", Note: "a\nb"}}, aside: 2},
		"broken lines": {file: "a.txt", data: "坏词一\n\xff\xfe坏\n坏词二\n" + strings.Repeat("长", 10_000) + "\n \u200b\u200d\n", o: ImportOptions{Category: "A1h"},
			want: []Entry{{Text: "坏词一"}, {Text: "坏词二"}}, aside: 3},
		"forms and kinds": {file: "a.csv", data: "text,category,kind,forms,expires\n坏词一二,A1h,whole,,2027-01-31\n坏词三四,A1h,,separated pinyin,\n\\d{3},A1h,regex,,\n.*,A1h,regex,,\n坏,A1h,fuzzy,,\n坏词,A1h,,,31.1.2027\n",
			want: []Entry{{Text: "坏词一二", Kind: Whole, Expires: "2027-01-31"}, {Text: "坏词三四", Forms: Forms{Separated: true, Pinyin: true}}, {Text: `\d{3}`, Kind: Pattern}}, aside: 3},
	} {
		got, err := Import(c.file, []byte(c.data), c.o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r := got.Report
		if r.SetAside != c.aside || len(r.Problems) != c.aside || r.Lines != r.Taken+r.Duplicates+r.Blank+r.Left+r.SetAside {
			t.Errorf("%s: %+v", name, r)
		}
		for i := range got.Entries {
			e := &got.Entries[i]
			if e.ID == "" || e.Source == "" {
				t.Errorf("%s: %+v", name, e)
			}
			e.ID, e.Source = "", ""
			if i < len(c.want) && c.want[i].Category == "" {
				e.Category, e.Tier = "", ""
			} else if i < len(c.want) && c.want[i].Tier == "" {
				e.Tier = ""
			}
		}
		if !reflect.DeepEqual(got.Entries, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got.Entries, c.want)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		file, data string
		o          ImportOptions
		want       string
	}{
		"empty":       {"a.txt", "\n\n", ImportOptions{Category: "A1h"}, "holds no entries"},
		"no category": {"a.txt", "坏词\n", ImportOptions{}, "line 1"},
		"strict":      {"a.txt", "坏词\n\u200b\n", ImportOptions{Category: "A1h", Strict: true}, "line 2"},
		"strict risk": {"a.csv", "text,category\n坏词,A1h\n坏话,A9z\n", ImportOptions{Category: "A1h", Strict: true}, "line 3: category \"A9z\""},
		"strict tier": {"a.csv", "text,tier\n坏词,ban\n", ImportOptions{Category: "A1h", Strict: true}, "line 2: tier \"ban\""},
		"category":    {"a.txt", "坏词\n", ImportOptions{Category: "A9z"}, "31 risks"},
		"tier":        {"a.txt", "坏词\n", ImportOptions{Category: "A1h", Tier: "ban"}, "tier"},
		"map":         {"a.txt", "坏词\n", ImportOptions{Map: map[string]string{"x": "y"}}, "map"},
		"not a list":  {"a.txt", "\x7fELF\x02\x01\xff\xfe\xfd\xfc\x80\x81\xff\xff\xff\xff", ImportOptions{Category: "A1h"}, ""},
		"json":        {"a.json", `["a",`, ImportOptions{Category: "A1h"}, "not JSON"},
		"ten million": {"a.txt", strings.Repeat("a\n", 10_000_000), ImportOptions{Category: "A1h"}, "10000000 lines"},
		"layout":      {"a.txt", "a\n" + strings.Repeat("\n", 10), ImportOptions{Category: "A1h", Layout: "excel"}, "layout"},
	} {
		_, err := Import(c.file, []byte(c.data), c.o)
		if !errors.Is(err, ErrImport) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExportImports: what is exported is imported as it was.
func TestExportImports(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := drawEntries(t)
		for i := range entries {
			entries[i].Source = "list.txt:1"
			entries[i].Owner = rapid.SampledFrom([]string{"", "张三, 审核"}).Draw(t, "owner")
			entries[i].Text = strings.TrimSpace(entries[i].Text)
		}
		var b strings.Builder
		if err := ExportCSV(&b, entries); err != nil {
			t.Fatal(err)
		}
		got, err := Import("export.csv", []byte(b.String()), ImportOptions{})
		if err != nil && !errors.Is(err, ErrImport) {
			t.Fatal(err)
		}
		if got.Report.SetAside > 0 {
			t.Fatalf("%s\n%+v", b.String(), got.Report)
		}
		// entries that are the same after folding come back once
		for _, e := range got.Entries {
			i := slices.IndexFunc(entries, func(x Entry) bool { return x.ID == e.ID })
			if i < 0 || !reflect.DeepEqual(entries[i], e) {
				t.Fatalf("%s\n got %+v\nwant %+v", b.String(), e, entries[max(i, 0)])
			}
		}
		if got.Report.Taken+got.Report.Duplicates+got.Report.Blank != len(entries) {
			t.Fatalf("%s\n%+v", b.String(), got.Report)
		}
	})
}

// TestTablesSayWhatTheyLose: columns that nobody can name and rows without a word are told of, and refused when strict.
func TestTablesSayWhatTheyLose(t *testing.T) {
	list, err := Import("a.csv", []byte("贩卖冰毒,A1h,block,4\n,A1h,block,4\n"), ImportOptions{})
	if err != nil || list.Report.Unread != 2 || list.Report.SetAside != 1 || list.Report.Taken != 1 {
		t.Errorf("%+v, %v", list.Report, err)
	}
	if _, err := Import("a.csv", []byte("贩卖冰毒,A1h,block,4\n"), ImportOptions{Strict: true}); err == nil || !strings.Contains(err.Error(), "text,category,tier,severity") {
		t.Error(err)
	}
}

func FuzzImport(f *testing.F) {
	f.Add("a.txt", []byte("坏词\t3\na+b\n"))
	f.Add("a.csv", []byte("词,类别\n\"坏,毒品\n"))
	f.Add("a.json", []byte(`[{"text":"x","category":"A1h","tier":"block"}]`))
	f.Add("a.txt", []byte("\xbb\xb5\xb4\xca\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		got, err := Import(name, data, ImportOptions{Category: "A1h"})
		if err != nil {
			return
		}
		if _, err := Compile(got.Entries); err != nil {
			t.Fatalf("%q %q gave entries that do not compile: %v", name, data, err)
		}
	})
}
