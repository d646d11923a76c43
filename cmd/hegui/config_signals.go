package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/moderation/signals"
	"github.com/hegui/hegui/service"
)

// plain is what a service watches for, without what stands in files.
func (s SignalsConfig) plain() *service.Signals {
	if len(s.On) == 0 {
		return nil
	}
	out := &service.Signals{On: s.On}
	if out.Watches(signals.Script) {
		out.Scripts = s.Scripts
	}
	return out
}

// signals reads what a service watches for, with the files it names.
func (c configFile) signals(at string, s SignalsConfig) (*service.Signals, error) {
	out := s.plain()
	if out == nil {
		return nil, nil
	}
	if s.DomainsFile != "" {
		err := c.table(s.DomainsFile, []string{"name", "owner", "expires", "allowed"}, func(cell map[string]string) error {
			d := signals.Domain{Name: strings.ToLower(cell["name"]), Owner: cell["owner"], Expires: cell["expires"]}
			if d.Expires != "" {
				if _, err := time.Parse(time.DateOnly, d.Expires); err != nil {
					return fmt.Errorf("expires %q: write the day as YYYY-MM-DD", d.Expires)
				}
			}
			var err error
			d.Allowed, err = yes("allowed", cell["allowed"])
			out.Domains = append(out.Domains, d)
			return err
		})
		if err != nil {
			return nil, c.explain(fault{at + ".signals.domains_file", err.Error()})
		}
	}
	if s.TopicsFile != "" {
		err := c.table(s.TopicsFile, []string{"topic", "denied", "text"}, func(cell map[string]string) error {
			denied, err := yes("denied", cell["denied"])
			out.Topics = append(out.Topics, signals.Sample{Topic: cell["topic"], Denied: denied, Text: cell["text"]})
			return err
		})
		if err != nil {
			return nil, c.explain(fault{at + ".signals.topics_file", err.Error()})
		}
	}
	return out, nil
}

func yes(name, value string) (bool, error) {
	if value == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(strings.ToLower(value))
	if err != nil {
		return false, fmt.Errorf("%s %q: write true or false", name, value)
	}
	return b, nil
}

// table reads a CSV file with headings; the first of them must be filled in every row. Errors name file and line.
func (c configFile) table(path string, headings []string, row func(map[string]string) error) error {
	f, err := os.Open(c.file(path))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	r.TrimLeadingSpace, r.FieldsPerRecord = true, -1
	first, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: has no row of headings; begin it with %s", path, strings.Join(headings, ","))
	}
	for i := range first {
		first[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(first[i], "\ufeff")))
		if !slices.Contains(headings, first[i]) {
			return fmt.Errorf("%s: heading %q is not known; use %s", path, first[i], strings.Join(headings, ","))
		}
	}
	if !slices.Contains(first, headings[0]) {
		return fmt.Errorf("%s: the heading %s is missing", path, headings[0])
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		line, _ := r.FieldPos(0)
		cell := map[string]string{}
		for i, v := range cells[:min(len(cells), len(first))] {
			cell[first[i]] = strings.TrimSpace(v)
		}
		if cell[headings[0]] == "" {
			return fmt.Errorf("%s: line %d: %s is empty", path, line, headings[0])
		}
		if err := row(cell); err != nil {
			return fmt.Errorf("%s: line %d: %w", path, line, err)
		}
	}
}
