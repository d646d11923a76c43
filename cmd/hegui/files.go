package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/detector/files"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
)

// fileDetectorFaults is what can be judged without reading another file.
func (c configFile) fileDetectorFaults() []fault {
	var faults []fault
	names := map[string]bool{}
	for _, d := range c.Detectors {
		names[d.Name] = true
	}
	for i, d := range c.FileDetectors {
		at := fmt.Sprintf("file_detectors[%d]", i)
		switch {
		case d.Name == "" || names[d.Name]:
			faults = append(faults, fault{at + ".name", fmt.Sprintf("%q: give each detector a name of its own", d.Name)})
		case !slices.Contains([]string{"", "hold", "degrade"}, d.OnError):
			faults = append(faults, fault{at + ".on_error", fmt.Sprintf("%q: use hold or degrade", d.OnError)})
		case d.KeyFile != "" && d.KeyEnv != "":
			faults = append(faults, fault{at + ".key_env", "only one of key_file and key_env can be set"})
		}
		names[d.Name] = true
	}
	return faults
}

// fileDetectors builds what looks at files, and the list of those that are not taken, nil without one.
func (c configFile) fileDetectors() (eyes []moderation.FileDetector, blocked func([]byte) (string, string, bool), err error) {
	for i, d := range c.FileDetectors {
		at := fmt.Sprintf("file_detectors[%d]", i)
		s := files.Settings{Name: d.Name, How: d.How, URL: d.URL, Model: d.Model, Profile: d.Profile, Asks: d.Asks, Media: d.Media, Tier: moderation.Tier(d.Tier), Timeout: time.Duration(d.Timeout)}
		if d.OnError == "degrade" {
			s.OnError = moderation.Degrade
		}
		if d.KeyFile != "" {
			if s.Key, err = c.secret(d.KeyFile); err != nil {
				return nil, nil, c.explain(fault{at + ".key_file", err.Error()})
			}
		}
		if d.KeyEnv != "" {
			if s.Key = os.Getenv(d.KeyEnv); s.Key == "" {
				return nil, nil, c.explain(fault{at + ".key_env", fmt.Sprintf("the environment has no variable %s, or it is empty", d.KeyEnv)})
			}
		}
		if d.PolicyFile != "" {
			b, err := os.ReadFile(c.file(d.PolicyFile))
			if err != nil {
				return nil, nil, c.explain(fault{at + ".policy_file", err.Error()})
			}
			s.Policy = string(b)
		}
		one, err := files.New(s)
		if err != nil {
			field, message, _ := strings.Cut(err.Error(), ": ")
			field, _, _ = strings.Cut(field, " ")
			return nil, nil, c.explain(fault{at + "." + field, cmp.Or(message, err.Error())})
		}
		eyes = append(eyes, one)
	}
	if c.BlockedFiles == "" {
		return eyes, nil, nil
	}
	f, err := os.Open(c.file(c.BlockedFiles))
	if err != nil {
		return nil, nil, c.explain(fault{"blocked_files", err.Error()})
	}
	defer func() { _ = f.Close() }()
	list, err := content.ReadBlocklist(f)
	if err != nil {
		return nil, nil, c.explain(fault{"blocked_files", filepath.Base(c.BlockedFiles) + ": " + err.Error()})
	}
	return eyes, func(b []byte) (string, string, bool) {
		found, ok := list.Find(b)
		return found.ID(), found.Risk, ok
	}, nil
}

type contentHashCmd struct {
	Files []string `arg:"" name:"file" help:"Files, or patterns such as *.png."`
	Risk  string   `required:"" help:"Risk of GB/T 45654-2025 Annex A that they fall under, A1a to A5b." placeholder:"RISK"`
}

func (contentHashCmd) Help() string {
	return `Two lines for an image, by its bytes and by how it looks, so that it is found when it has been saved again; one for any other file. The file itself is not kept.

Example:
  hegui content hash found.jpg --risk A1f >> blocked.txt`
}

func (c contentHashCmd) Run(o out) error {
	risk, ok := measures.RiskByID(c.Risk)
	if !ok {
		return usageError{fmt.Sprintf("--risk %s: is no risk of GB/T 45654-2025 Annex A; write A1a to A5b", c.Risk)}
	}
	paths, err := expand(c.Files)
	if err != nil {
		return err
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return usageError{err.Error()}
		}
		for _, line := range content.BlockLines(b, risk.ID) {
			o.printf("%s %s\n", line, filepath.Base(path))
		}
	}
	return nil
}
