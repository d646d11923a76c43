package lexicon

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

// Formats of exports.
const (
	CSV  = "csv"
	XLSX = "xlsx"
	JSON = "json"
)

// Export writes entries in a format, so that Import reads them back: JSON with everything, CSV and XLSX as a table.
func Export(w io.Writer, format string, entries []moderation.Entry) error {
	if format == JSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		if entries == nil {
			entries = []moderation.Entry{}
		}
		if err := e.Encode(entries); err != nil {
			return fmt.Errorf("lexicon: export: %w", err)
		}
		return nil
	}
	var b bytes.Buffer
	if err := moderation.ExportCSV(&b, entries); err != nil {
		return fmt.Errorf("lexicon: export: %w", err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		return fmt.Errorf("lexicon: export: %w", err)
	}
	return write(w, format, table{name: "entries", header: rows[0], rows: rows[1:]})
}

// Filing writes the keyword library as a filing shows it: the keywords in force with their risks and, in XLSX, a sheet of
// the numbers beside what is asked for. Allow entries and what is in quarantine are no keywords.
func Filing(w io.Writer, format string, entries []moderation.Entry, l Library) error {
	words := table{name: "关键词库", guard: true, header: []string{"序号", "关键词", "风险编号", "条款", "风险类别", "处置级别", "来源", "最后生效日"}}
	names := map[moderation.Tier]string{moderation.Block: "拦截", moderation.Signal: "线索", moderation.Observe: "观察"}
	risks := map[string]measures.Risk{}
	for _, r := range measures.Risks() {
		risks[r.ID] = r
	}
	for _, e := range entries {
		if e.Allow || e.Tier == moderation.Quarantine {
			continue
		}
		r := risks[e.Category]
		words.rows = append(words.rows, []string{strconv.Itoa(len(words.rows) + 1), e.Text, e.Category, r.Clause, r.ZH, names[e.Tier], e.Source, e.Expires})
	}
	sums := table{name: "汇总", header: []string{"风险编号", "条款", "风险类别", "关键词数", "建议数量（宜）", "状态"}}
	for _, c := range l.Risks {
		asked, state := "", ""
		if c.Risk.Library {
			asked, state = strconv.Itoa(c.Risk.MinKeywords), "达到"
		}
		switch {
		case c.Missing:
			state = "缺失（应）"
		case c.Short > 0:
			state = fmt.Sprintf("少 %d 条（宜）", c.Short)
		}
		sums.rows = append(sums.rows, []string{c.Risk.ID, c.Risk.Clause, c.Risk.ZH, strconv.Itoa(c.Entries), asked, state})
	}
	sums.rows = append(sums.rows, []string{"", "", "合计", strconv.Itoa(l.Entries), strconv.Itoa(l.Minimum), ""})
	if format == CSV {
		return write(w, format, words)
	}
	return write(w, format, words, sums)
}

type table struct {
	name   string
	header []string
	rows   [][]string
	guard  bool // no cell may run as a formula; what is read back must stay as it is
}

func write(w io.Writer, format string, tables ...table) error {
	var err error
	switch format {
	case CSV:
		err = tables[0].csv(w)
	case XLSX:
		err = workbook(w, tables)
	default:
		return &InvalidError{Field: "format", Value: format, Mend: "use csv, xlsx or json"}
	}
	if err != nil {
		return fmt.Errorf("lexicon: export: %w", err)
	}
	return nil
}

// csv writes UTF-8 with its mark, so that spreadsheet programs do not garble Chinese.
func (t table) csv(w io.Writer) error {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write(t.header); err != nil {
		return err
	}
	for _, row := range t.rows {
		if t.guard {
			for i, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					row[i] = "'" + cell
				}
			}
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// workbook writes one sheet a table. Cells are strings: nothing runs as a formula.
func workbook(w io.Writer, tables []table) (err error) {
	f := excelize.NewFile()
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	for i, t := range tables {
		if i == 0 {
			err = f.SetSheetName(f.GetSheetName(0), t.name)
		} else {
			_, err = f.NewSheet(t.name)
		}
		if err != nil {
			return err
		}
		s, err := f.NewStreamWriter(t.name)
		if err != nil {
			return err
		}
		for n, row := range append([][]string{t.header}, t.rows...) {
			cells := make([]any, len(row))
			for i, cell := range row {
				cells[i] = cell
			}
			at, err := excelize.CoordinatesToCellName(1, n+1)
			if err != nil {
				return err
			}
			if err := s.SetRow(at, cells); err != nil {
				return err
			}
		}
		if err := s.Flush(); err != nil {
			return err
		}
	}
	return f.Write(w)
}
