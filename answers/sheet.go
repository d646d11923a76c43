package answers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// MaxImportBytes bounds a file.
const MaxImportBytes = 64 << 20

// maxFaults is how many lines of a file are named that cannot be taken.
const maxFaults = 20

// columns of a workbook, in the order of an export. Several questions stand in one cell, a line each.
var columns = [...]string{"id", "questions", "zh", "en", "risk", "aspect", "services", "source", "valid_from", "valid_until"}

// Read reads answers from XLSX or from JSON lines. All lines must be good: errors name each line or cell, and nothing is returned.
func Read(name string, data []byte) ([]Answer, error) {
	if len(data) > MaxImportBytes {
		return nil, fmt.Errorf("answers: %s has %d MB; split it into files of at most %d MB", name, len(data)>>20, MaxImportBytes>>20)
	}
	var list []Answer
	var faults []error
	at := func(line int, err error) {
		if err != nil && len(faults) < maxFaults {
			faults = append(faults, fmt.Errorf("%s: line %d: %w", name, line, err))
		}
	}
	var err error
	if strings.EqualFold(path.Ext(name), ".xlsx") {
		list, err = readBook(data, at)
	} else {
		list, err = readLines(data, at)
	}
	if err != nil {
		return nil, fmt.Errorf("answers: %s: %w", name, err)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("answers: %s holds no answers", name)
	}
	return list, nil
}

func readLines(data []byte, at func(int, error)) ([]Answer, error) {
	var list []Answer
	first := map[string]int{}
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\uFEFF"))))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var a Answer
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&a); err != nil {
			at(n, notAnswer(err))
			continue
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			at(n, errors.New("has something behind the answer; write one answer on each line"))
			continue
		}
		list = append(list, a)
		at(n, checkLine(&list[len(list)-1], first, n))
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("a line is longer than %d bytes; write one answer on each line", 1<<20)
	}
	return list, lines.Err()
}

// notAnswer says what is wrong with a line in the words of the file.
func notAnswer(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("is no answer as JSON: it begins with a JSON %s and must be an object, {\"id\": …}", kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("is no answer as JSON: the field %s holds a JSON %s", kind.Field, kind.Value)
	}
	return fmt.Errorf("is no answer as JSON: %w", err)
}

func checkLine(a *Answer, first map[string]int, n int) error {
	if err := a.Check(); err != nil {
		return err
	}
	if was, ok := first[a.ID]; ok {
		return &InvalidError{"", "id", a.ID, fmt.Sprintf("stands on line %d already", was)}
	}
	first[a.ID] = n
	return nil
}

func readBook(data []byte, at func(int, error)) (list []Answer, err error) {
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{UnzipSizeLimit: MaxImportBytes * 4, UnzipXMLSizeLimit: 16 << 20})
	if err != nil {
		return nil, fmt.Errorf("is no workbook that can be read: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rows, err := f.GetRows(f.GetSheetName(0))
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, nil
	}
	where := map[string]int{}
	for i, cell := range rows[0] {
		cell = strings.ToLower(strings.TrimSpace(cell))
		if !slices.Contains(columns[:], cell) {
			return nil, fmt.Errorf("heading %q is not known; use %s", cell, strings.Join(columns[:], ", "))
		}
		where[cell] = i
	}
	first := map[string]int{}
	for n, row := range rows[1:] {
		get := func(name string) string {
			if i, ok := where[name]; ok && i < len(row) {
				return strings.TrimSpace(row[i])
			}
			return ""
		}
		if !slices.ContainsFunc(row, func(cell string) bool { return strings.TrimSpace(cell) != "" }) {
			continue
		}
		a := Answer{ID: get("id"), Questions: strings.Split(get("questions"), "\n"), ZH: get("zh"), EN: get("en"), Risk: get("risk"), Aspect: get("aspect"),
			Source: get("source"), From: get("valid_from"), Until: get("valid_until")}
		a.Services = strings.FieldsFunc(get("services"), func(r rune) bool { return r == ',' || r == '，' || r == ' ' || r == '\n' })
		list = append(list, a)
		at(n+2, checkLine(&list[len(list)-1], first, n+2))
	}
	return list, nil
}

// Export writes versions as XLSX or as JSON lines, which Read takes back.
func Export(w io.Writer, format string, list []Version) (err error) {
	switch format {
	case "jsonl":
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		for _, v := range list {
			if err := out.Encode(v.Answer); err != nil {
				return fmt.Errorf("answers: export: %w", err)
			}
		}
		return nil
	case "xlsx":
	default:
		return &InvalidError{"", "format", format, "use xlsx or jsonl"}
	}
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	s, err := f.NewStreamWriter(f.GetSheetName(0))
	if err != nil {
		return fmt.Errorf("answers: export: %w", err)
	}
	rows := [][]string{columns[:]}
	for _, v := range list {
		rows = append(rows, []string{v.ID, strings.Join(v.Questions, "\n"), v.ZH, v.EN, v.Risk, v.Aspect, strings.Join(v.Services, ", "), v.Source, v.From, v.Until})
	}
	for n, row := range rows {
		cells := make([]any, len(row))
		for i, cell := range row {
			cells[i] = cell // as text: nothing runs as a formula
		}
		at, err := excelize.CoordinatesToCellName(1, n+1)
		if err != nil {
			return fmt.Errorf("answers: export: %w", err)
		}
		if err := s.SetRow(at, cells); err != nil {
			return fmt.Errorf("answers: export: %w", err)
		}
	}
	if err := s.Flush(); err != nil {
		return fmt.Errorf("answers: export: %w", err)
	}
	return f.Write(w)
}
