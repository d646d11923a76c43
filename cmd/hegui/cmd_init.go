package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

type initCmd struct {
	File string `arg:"" optional:"" help:"File to write." default:"hegui.yaml"`
	JSON bool   `help:"Print what was written as JSON."`
}

func (initCmd) Help() string {
	return `Writes a configuration in which every field stands with its meaning and default, and beside it templates of a
service agreement in Chinese and English. Nothing that exists is overwritten.

Example:
  hegui init /etc/hegui/hegui.yaml`
}

func (c initCmd) Run(ctx context.Context, o out) error {
	text, err := documented(StarterConfig())
	if err != nil {
		return err
	}
	blanks := agreementBlanks()
	words := strings.NewReplacer("{{service_zh}}", blanks[0], "{{service_en}}", blanks[1], "{{provider_zh}}", blanks[2],
		"{{provider_en}}", blanks[3], "{{contact}}", blanks[4])
	dir := filepath.Dir(c.File)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	files := []struct{ path, text string }{
		{c.File, text},
		{filepath.Join(dir, agreementZHFile), words.Replace(sampleAgreementZH)},
		{filepath.Join(dir, agreementENFile), words.Replace(sampleAgreementEN)},
	}
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			return usageError{fmt.Sprintf("%s exists and is not overwritten; move it away or name another file", f.path)}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("init: %w", err)
		}
	}
	var written []string
	for _, f := range files {
		if err := createNew(f.path, f.text); err != nil {
			return fmt.Errorf("init: %w", err)
		}
		written = append(written, f.path)
	}
	if c.JSON {
		return o.json(map[string]any{"written": written})
	}
	o.printf("wrote %s\nNext: fill in provider, upstreams, models and the service; have a lawyer read the agreement; then\n  hegui doctor --config %s\n  hegui serve --config %s\n",
		strings.Join(written, ", "), c.File, c.File)
	return nil
}

func createNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// agreementBlanks are what a template's owner has to fill in; a text that still has one is not put in force.
func agreementBlanks() []string {
	return []string{"【服务名称】", "[service]", "【提供者名称】", "[provider]", "【联系方式 contact】"}
}
