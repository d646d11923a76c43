package hegui_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hegui/hegui/obligation"
)

var (
	heading = regexp.MustCompile(`(?m)^(#+) `)
	link    = regexp.MustCompile(`(?:^|[^!])\[[^\]]*\]\(([^)#\s]+)`)
	code    = regexp.MustCompile("(?m)^\\| \\d{3} \\| `([a-z_]+)` \\|")
	fenced  = regexp.MustCompile("(?s)```.*?```")
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shape is the order of heading levels and the number of table rows: what two languages of one page must share.
func shape(text string) string {
	text = fenced.ReplaceAllString(text, "")
	var levels []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		levels = append(levels, m[1])
	}
	return fmt.Sprint(levels, strings.Count(text, "\n|"), " rows")
}

// TestDocsMirror: what is written in one language is written in the other.
func TestDocsMirror(t *testing.T) {
	pages := func(lang string) []string {
		files, err := filepath.Glob("docs/" + lang + "/*.md")
		if err != nil || len(files) == 0 {
			t.Fatalf("docs/%s: %d pages, %v", lang, len(files), err)
		}
		for i := range files {
			files[i] = filepath.Base(files[i])
		}
		return files
	}
	zh, en := pages("zh"), pages("en")
	if fmt.Sprint(zh) != fmt.Sprint(en) {
		t.Fatalf("docs/zh has %v, docs/en has %v", zh, en)
	}
	pairs := [][2]string{{"README.zh.md", "README.md"}}
	for _, p := range zh {
		pairs = append(pairs, [2]string{"docs/zh/" + p, "docs/en/" + p})
	}
	for _, p := range pairs {
		if a, b := shape(read(t, p[0])), shape(read(t, p[1])); a != b {
			t.Errorf("%s has the headings %s, %s has %s", p[0], a, p[1], b)
		}
	}
}

// TestDocsLinks: a link inside the repository leads somewhere.
func TestDocsLinks(t *testing.T) {
	files, err := filepath.Glob("docs/*/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "README.md", "README.zh.md", "CONTRIBUTING.md") {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s: %s leads nowhere", file, m[1])
			}
		}
	}
}

// TestErrorCodes: every code that the gateway can answer with stands in the table, and no other does.
func TestErrorCodes(t *testing.T) {
	used, literals := map[string]bool{}, map[string]bool{}
	files, err := filepath.Glob("gateway/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if b, ok := n.(*ast.BasicLit); ok && b.Kind == token.STRING {
				literals[strings.Trim(b.Value, "`\"")] = true
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name, ok := call.Fun.(*ast.Ident)
			at, isError := map[string]int{"problem": 1, "unavailable": 0}[fmt.Sprint(name)]
			if ok && isError && len(call.Args) > at {
				if b, ok := call.Args[at].(*ast.BasicLit); ok {
					used[strings.Trim(b.Value, `"`)] = true
				}
			}
			return true
		})
	}
	if len(used) < 20 {
		t.Fatalf("only %d codes found; did the gateway's constructor change its name?", len(used))
	}
	for _, lang := range []string{"zh", "en"} {
		documented := map[string]bool{}
		for _, m := range code.FindAllStringSubmatch(read(t, "docs/"+lang+"/api.md"), -1) {
			documented[m[1]] = true
			if !literals[m[1]] {
				t.Errorf("docs/%s/api.md tells of %s, which the gateway does not know", lang, m[1])
			}
		}
		for c := range used {
			if !documented[c] {
				t.Errorf("docs/%s/api.md does not tell of %s", lang, c)
			}
		}
	}
}

// TestReadmeCounts: the numbers of duties in the README are those of the register.
func TestReadmeCounts(t *testing.T) {
	live, notYet := 0, 0
	for _, c := range obligation.Controls() {
		if c.NotYet != nil {
			notYet++
		} else {
			live++
		}
	}
	for file, want := range map[string][2]string{
		"README.md":    {fmt.Sprintf("For %d of them", live), fmt.Sprintf("The other %d say", notYet)},
		"README.zh.md": {fmt.Sprintf("其中 %d 项的状态", live), fmt.Sprintf("其余 %d 项写明", notYet)},
	} {
		for _, w := range want {
			if !strings.Contains(read(t, file), w) {
				t.Errorf("%s does not say %q", file, w)
			}
		}
	}
}

// TestDocsCodeRuns: the Go code of the pages stands in an example, which is run as a test.
func TestDocsCodeRuns(t *testing.T) {
	plain := func(text string) string {
		var lines []string
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "// ")); line != "" {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "\n")
	}
	examples := plain(read(t, "moderation/example_test.go"))
	n := 0
	for _, lang := range []string{"en", "zh"} {
		for _, m := range regexp.MustCompile("(?s)```(?:go|text)\n(.*?)```").FindAllStringSubmatch(read(t, "docs/"+lang+"/lexicon.md"), -1) {
			if n++; !strings.Contains(examples, plain(m[1])) {
				t.Errorf("docs/%s/lexicon.md: no example has\n%s", lang, m[1])
			}
		}
	}
	if n != 8 {
		t.Errorf("%d pieces of code", n)
	}
}
