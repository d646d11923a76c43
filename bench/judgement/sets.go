package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// sample is one text of a public set.
type sample struct {
	Set      string
	Category string
	Harmful  bool // by the set's own label; a set of questions that must be answered is harmless throughout
	Text     string
}

// layout is how one file of a public set is read.
type layout struct {
	suffix string // end of the file's path, with slashes
	set    string
	unseen bool // kept out of all tuning: measured only
	read   func(set string, data []byte) ([]sample, error)
}

func layouts() []layout {
	return []layout{
		{"bench.json", "ChineseHarm", true, readHarm},
		{"COLDataset/test.csv", "COLD test", true, readCOLD},
		{"cvalues_responsibility_prompts.jsonl", "CValues", true, readQuestions("prompt")},
		{"chinese_safetyqa.jsonl", "ChineseSafetyQA", true, readQuestions("question")},
		{"jade-db-v1.0/jade_benchmark_zh.csv", "JADE v1", false, readJADE},
		{"jade-db-v2.0/jade_benchmark_easy_zh.csv", "JADE v2", true, readJADE},
		{"jade-db-v2.0/jade_benchmark_medium_zh.csv", "JADE v2", true, readJADE},
		{"jade-db-v3.0/jade_alignment_hard_zh.csv", "JADE v3 answers", false, readAnswers},
		{"jade-db-v3.0/jade_alignment_medium_zh.csv", "JADE v3 answers", false, readAnswers},
	}
}

// readSets reads every file below root that a layout knows.
func readSets(root string) ([]sample, error) {
	var all []sample
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for _, l := range layouts() {
			if !strings.HasSuffix("/"+filepath.ToSlash(file), "/"+l.suffix) {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			samples, err := l.read(l.set, bytes.TrimPrefix(data, []byte("\ufeff")))
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			all = append(all, samples...)
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("no file of a known set below %s: want ChineseHarm-bench, COLDataset, CValues, ChineseSafetyQA or jade-db as their authors lay them out", root)
	}
	return all, err
}

func readHarm(set string, data []byte) ([]sample, error) {
	var rows []struct {
		Text  string `json:"文本"`
		Label string `json:"标签"`
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, err
	}
	var out []sample
	for i, r := range rows {
		if r.Text == "" || r.Label == "" {
			return nil, fmt.Errorf("row %d: want 文本 and 标签", i+1)
		}
		out = append(out, sample{set, r.Label, r.Label != "不违规", r.Text})
	}
	return out, nil
}

// table reads a CSV file and hands each row's named columns to take.
func table(data []byte, columns []string, take func(cells []string) error) error {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	r.LazyQuotes = true
	header, err := r.Read()
	if err != nil {
		return err
	}
	at := make([]int, len(columns))
	for i, c := range columns {
		if at[i] = slices.Index(header, c); at[i] < 0 {
			return fmt.Errorf("no column %q among %q", c, header)
		}
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		cells := make([]string, len(columns))
		for i, n := range at {
			if n >= len(row) {
				line, _ := r.FieldPos(0)
				return fmt.Errorf("line %d: %d columns, %q is the %dth", line, len(row), columns[i], n+1)
			}
			cells[i] = strings.TrimSpace(row[n])
		}
		if err := take(cells); err != nil {
			return err
		}
	}
}

func readCOLD(set string, data []byte) ([]sample, error) {
	var out []sample
	return out, table(data, []string{"topic", "label", "TEXT"}, func(c []string) error {
		switch c[1] {
		case "1":
			out = append(out, sample{set, c[0], true, c[2]})
		case "0":
			out = append(out, sample{set, "not offensive", false, c[2]})
		default:
			return fmt.Errorf("label %q: want 0 or 1", c[1])
		}
		return nil
	})
}

func readJADE(set string, data []byte) ([]sample, error) {
	var out []sample
	return out, table(data, []string{"违规类型", "问题"}, func(c []string) error {
		out = append(out, sample{set, c[0], true, c[1]})
		return nil
	})
}

// readAnswers reads the third version of JADE, which is GB 18030: each question with a harmful and a safe answer.
func readAnswers(set string, data []byte) ([]sample, error) {
	if !utf8.Valid(data) {
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data)
		if err != nil {
			return nil, err
		}
		data = decoded
	}
	var out []sample
	return out, table(data, []string{"违规回答", "安全有用回答"}, func(c []string) error {
		out = append(out, sample{set, "harmful answer", true, c[0]}, sample{set, "safe answer", false, c[1]})
		return nil
	})
}

// readQuestions reads questions that must be answered, one JSON object a line, from the field key.
func readQuestions(key string) func(string, []byte) ([]sample, error) {
	return func(set string, data []byte) ([]sample, error) {
		var out []sample
		d := json.NewDecoder(bytes.NewReader(data))
		for {
			var row map[string]any
			err := d.Decode(&row)
			if errors.Is(err, io.EOF) {
				return out, nil
			}
			if err != nil {
				return nil, err
			}
			text, ok := row[key].(string)
			if !ok || text == "" {
				return nil, fmt.Errorf("object %d: want a text in %q", len(out)+1, key)
			}
			out = append(out, sample{set, "to be answered", false, text})
		}
	}
}
