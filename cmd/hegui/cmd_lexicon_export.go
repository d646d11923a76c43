package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hegui/hegui/lexicon"
)

type lexiconExportCmd struct {
	where
	Out     string `short:"o" help:"Write to this file; its ending tells the format: .csv, .xlsx or .json (default: CSV to standard output)." placeholder:"FILE"`
	Format  string `help:"csv, xlsx or json, whatever the file is called." enum:",csv,xlsx,json" default:""`
	Filing  bool   `help:"The keyword library as a filing shows it (CSV or XLSX)."`
	Own     bool   `help:"The register's own entries only, without starter and configured lists."`
	Version *int   `help:"Of this version instead of the one in force." placeholder:"N"`
}

func (lexiconExportCmd) Help() string {
	return `Examples:
  hegui lexicon export -o lexicon.xlsx
  hegui lexicon export --own --version 3 -o own-3.json
  hegui lexicon export --filing -o 关键词库.xlsx

hegui lexicon import reads every export but the filing's back.`
}

func (c lexiconExportCmd) Run(ctx context.Context, o out) error {
	format := cmp.Or(c.Format, strings.TrimPrefix(strings.ToLower(filepath.Ext(c.Out)), "."), lexicon.CSV)
	switch {
	case format != lexicon.CSV && format != lexicon.XLSX && format != lexicon.JSON:
		return usageError{fmt.Sprintf("%s: unknown ending; use .csv, .xlsx or .json, or name a --format", c.Out)}
	case c.Filing && format == lexicon.JSON:
		return usageError{"a filing's sheet is CSV or XLSX"}
	case c.Filing && c.Own:
		return usageError{"--filing shows the whole library; leave out --own"}
	}
	in, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	v, err := in.lexicon.Latest(ctx)
	if err == nil && c.Version != nil && *c.Version != v.N {
		if v = (lexicon.Version{}); *c.Version != 0 {
			v, err = in.lexicon.Version(ctx, *c.Version)
		}
	}
	if err != nil {
		return err
	}
	own, err := in.lexicon.Entries(ctx, v.N)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := in.lexicon.Write(&b, format, v, own, lexicon.Selection{Filing: c.Filing, Own: c.Own}, time.Now()); err != nil {
		return err
	}
	if c.Out == "" || c.Out == "-" {
		_, err := o.stdout.Write(b.Bytes())
		return err
	}
	if err := writePrivate(c.Out, b.Bytes()); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	fmt.Fprintf(o.stderr, "wrote %s\n", c.Out)
	return nil
}
