package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestEveryHelpIsInChineseToo: no text of the command line lacks a Chinese one, and the table has none that nothing says.
func TestEveryHelpIsInChineseToo(t *testing.T) {
	table, err := chineseHelp()
	if err != nil {
		t.Fatal(err)
	}
	var c cli
	k, err := newParser(t.Context(), &c, out{})
	if err != nil {
		t.Fatal(err)
	}
	unused := map[string]bool{}
	for en := range table {
		unused[en] = true
	}
	if table[k.Model.Help] == "" {
		t.Errorf("no Chinese for %q", k.Model.Help)
	}
	delete(unused, k.Model.Help)
	_ = eachHelp(k.Model.Node, func(_ *string, key, _ string) error {
		if table[key] == "" {
			t.Errorf("no Chinese for %q", key)
		}
		delete(unused, key)
		return nil
	})
	for en := range unused {
		t.Errorf("nothing says %q", en)
	}
	if err := inChinese(k); err != nil {
		t.Error(err)
	}
	_ = eachHelp(k.Model.Node, func(help *string, key, enum string) error {
		if !strings.ContainsFunc(*help, func(r rune) bool { return r > 0x2E80 }) && *help != enum {
			t.Errorf("%q stayed %q", key, *help)
		}
		return nil
	})
}

// TestClassifierHelpIsChinese: under a Chinese locale the help of classifiers is Chinese throughout, its longer texts too.
func TestClassifierHelpIsChinese(t *testing.T) {
	t.Setenv("HEGUI_LANG", "")
	t.Setenv("LC_ALL", "zh_CN.UTF-8")
	for _, command := range []string{"", "list", "train", "import", "eval", "drift", "explain"} {
		var out bytes.Buffer
		if code := run(t.Context(), append([]string{"classifier"}, append(strings.Fields(command), "--help")...), &out, &out); code != 0 {
			t.Fatalf("%s: exit %d\n%s", command, code, out.String())
		}
		for line := range strings.Lines(out.String()) {
			chinese := strings.ContainsFunc(line, func(r rune) bool { return r > 0x2E80 })
			if words := strings.Fields(line); !chinese && len(words) > 4 && !strings.Contains(line, "hegui classifier") && !strings.Contains(line, "classifier "+words[0]) && words[0] != "classifier" {
				t.Errorf("classifier %s --help: %q", command, line)
			}
		}
	}
}
