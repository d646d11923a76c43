package hegui_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hegui/hegui/"

// layers is the house. A package imports only packages of lines below its own; a package that stands on no line is an
// error. Folders under testdata, and modules of their own (benchmarks), are not part of it.
var layers = [][]string{
	{"measures", "internal/store", "internal/strictjson", "label/carrier", "label/carrier/xmp", "label/carrier/carriertest", "label/mark"},
	{"journal", "upstream", "internal/job", "internal/web",
		"label/image", "label/bmff", "label/riff", "label/stream", "label/document", "label/pdf", "label/sound", "label/c2pa", "label/watermark"},
	{"label/film"},
	{"moderation", "moderation/decode", "moderation/linear", "moderation/signals", "privacy", "label"},
	{"service", "users", "cases", "corpus", "operator", "exchange", "lexicon", "review", "answers", "emergency", "content", "media", "screening", "detector", "detector/hosted"},
	{"annotation", "assessment", "detector/files", "function"},
	{"obligation"},
	{"filing"},
	{"gateway", "portal", "console"},
	{"cmd/hegui"},
}

// Exceptions, each with its reason.
var (
	// testkit is imported by tests only; it opens stores and journals for them and may import these two only.
	testkit = "internal/testkit"
	// pure packages stay usable as libraries: no database, no HTTP, no clock of their own, nothing of ours.
	pure = map[string][]string{
		"measures":           {"net/http", "database/sql"},
		"moderation":         {"net/http", "database/sql"},
		"moderation/decode":  {"net/http", "database/sql"},
		"moderation/linear":  {"net/http", "database/sql"},
		"moderation/signals": {"net/http", "database/sql"},
		"privacy":            {"net/http", "database/sql"},
		"label":              {"net/http", "database/sql"},
	}
)

// outside stand beside the binary, on the top line: they may use everything and nothing may use them. bench holds programs
// run by hand; below testkit lie tests that drive the whole.
var outside = []string{"bench/", "internal/testkit/"}

const maxLines = 600

func line(pkg string) int {
	for _, p := range outside {
		if strings.HasPrefix(pkg, p) {
			return len(layers) - 1
		}
	}
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, pkg) })
}

// house walks the Go files below root and returns what breaks its rules.
func house(root string) ([]string, error) {
	var faults []string
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			switch name := d.Name(); {
			case rel == ".":
			case strings.HasPrefix(name, "."), name == "testdata", name == "node_modules", name == "hegui-data":
				return filepath.SkipDir
			default:
				if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil {
					return filepath.SkipDir
				}
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		src, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		faults = append(faults, judge(rel, src)...)
		return nil
	})
	return faults, err
}

// judge holds one file to the rules.
func judge(file string, src []byte) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, file+": "+fmt.Sprintf(format, args...)) }
	pkg, test := path.Dir(file), strings.HasSuffix(file, "_test.go")
	if n := strings.Count(string(src), "\n"); !test && n > maxLines {
		fault("%d lines; split it, %d is the most", n, maxLines)
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.SkipObjectResolution)
	if err != nil {
		return append(faults, err.Error())
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			fault("func init is forbidden: what a package needs is built by its constructor")
		}
	}
	if _, ok := pure[pkg]; ok && !test {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Now" {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
					fault("%s is pure and must not read the clock", pkg)
				}
			}
			return true
		})
	}
	own := line(pkg)
	if own < 0 && pkg != testkit && pkg != "." {
		fault("package %s stands on no line of the house; add it to layers", pkg)
		return faults
	}
	for _, spec := range f.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			fault("import %s: %v", spec.Path.Value, err)
			continue
		}
		if slices.Contains(pure[pkg], target) && !test {
			fault("%s is pure and must not import %s", pkg, target)
		}
		ours, ok := strings.CutPrefix(target, module)
		if !ok {
			continue
		}
		switch {
		case ours == pkg && test: // an external test of its own package
		case ours == testkit && !test:
			fault("%s is for tests only", testkit)
		case ours == testkit, pkg == ".":
		case pkg == testkit:
			if ours != "internal/store" && ours != "journal" {
				fault("%s may import internal/store and journal only, not %s", testkit, ours)
			}
		case line(ours) < 0:
			fault("imports %s, which stands on no line of the house", ours)
		case line(ours) == own && strings.HasPrefix(pkg, ours+"/"):
			// a folder below a package may use that package, as moderation/linear does; never the other way round
		case line(ours) == own:
			fault("imports %s of its own line %d", ours, own+1)
		case line(ours) > own:
			fault("line %d imports %s of line %d", own+1, ours, line(ours)+1)
		}
	}
	return faults
}

func TestLayers(t *testing.T) {
	faults, err := house(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

// TestPlantedFaultsAreCaught copies one package of the house and plants one fault at a time.
func TestPlantedFaultsAreCaught(t *testing.T) {
	long := strings.Repeat("// x\n", maxLines+1)
	for _, c := range []struct{ name, file, src, want string }{
		{"upward", "journal/planted.go", "package journal\nimport _ \"" + module + "exchange\"\n", "line 2 imports exchange of line 5"},
		{"own line", "gateway/planted.go", "package gateway\nimport _ \"" + module + "console\"\n", "of its own line 9"},
		{"upward in a test", "users/planted_test.go", "package users\nimport _ \"" + module + "gateway\"\n", "line 5 imports gateway of line 9"},
		{"no line", "helpers/planted.go", "package helpers\n", "stands on no line"},
		{"import of no line", "gateway/planted.go", "package gateway\nimport _ \"" + module + "helpers\"\n", "stands on no line"},
		{"testkit outside tests", "users/planted.go", "package users\nimport _ \"" + module + testkit + "\"\n", "for tests only"},
		{"testkit reaching up", testkit + "/planted.go", "package testkit\nimport _ \"" + module + "exchange\"\n", "may import internal/store and journal only"},
		{"leaning on a benchmark", "gateway/planted.go", "package gateway\nimport _ \"" + module + "bench/gateway\"\n", "line 9 imports bench/gateway of line 10"},
		{"impure", "label/planted.go", "package label\nimport _ \"net/http\"\n", "is pure"},
		{"a clock", "privacy/planted.go", "package privacy\nimport \"time\"\nvar now = time.Now\n", "must not read the clock"},
		{"init", "users/planted.go", "package users\nfunc init() {}\n", "func init is forbidden"},
		{"long", "users/planted.go", "package users\n" + long, "split it"},
		{"broken", "users/planted.go", "package\n", "expected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			real, err := os.ReadFile("measures/calendar.go")
			if err != nil {
				t.Fatal(err)
			}
			for file, src := range map[string][]byte{"measures/calendar.go": real, c.file: []byte(c.src)} {
				if err := os.MkdirAll(filepath.Join(root, filepath.Dir(file)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(root, file), src, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			faults, err := house(root)
			if err != nil {
				t.Fatal(err)
			}
			if len(faults) != 1 || !strings.Contains(faults[0], c.want) || !strings.HasPrefix(faults[0], c.file) {
				t.Errorf("found %q, want one fault of %s with %q", faults, c.file, c.want)
			}
		})
	}
}

func TestEveryLineHasItsOwnName(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range layers {
		for _, p := range l {
			if seen[p] {
				t.Errorf("%s stands on two lines", p)
			}
			seen[p] = true
		}
	}
}
