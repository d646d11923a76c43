package main

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What init writes must mean what it shows.
func TestInitEqualsDefaults(t *testing.T) {
	text, err := documented(StarterConfig())
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseConfig("hegui.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	// An empty list and none are the same thing.
	if d := cmp.Diff(StarterConfig(), got.Config, cmp.Transformer("nil", func(h map[string]string) int { return len(h) }),
		cmp.Transformer("lists", func(l []LexiconConfig) int { return len(l) })); d != "" {
		t.Errorf("init and defaults differ (-want +got):\n%s", d)
	}
	// A service of which nothing is said but the id has the defaults that init shows.
	bare, err := parseConfig("hegui.yaml", []byte("services:\n  - id: assistant\nupstreams:\n  - name: local\n    url: http://127.0.0.1:9100/v1\nmodels:\n  - id: my-model\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := defaultService()
	want.ID = "assistant"
	if d := cmp.Diff(want, bare.Services[0]); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(StarterConfig().Upstreams, bare.Upstreams); d != "" {
		t.Error(d)
	}
}

func TestEveryFieldIsDocumented(t *testing.T) {
	comments, err := fieldComments()
	if err != nil {
		t.Fatal(err)
	}
	text, err := documented(StarterConfig())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := typ.Name() + "." + f.Name
			if len(comments[name]) < 5 || f.Tag.Get("yaml") == "" {
				t.Errorf("%s has no comment or no key", name)
			}
			if !strings.Contains(text, "# "+strings.SplitN(comments[name], "\n", 2)[0]) || !strings.Contains(text, f.Tag.Get("yaml")+":") {
				t.Errorf("%s is not in what init writes", name)
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Config]())
	if len(seen) < 15 {
		t.Errorf("only %d structs were looked at", len(seen))
	}
}

// The defaults and the starter's service are what the register of services takes.
func TestStarterIsDeclarable(t *testing.T) {
	s := StarterConfig().Services[0].service()
	want := service.Defaults(s.ID)
	want.NameZH, want.NameEN, want.Models = s.NameZH, s.NameEN, s.Models
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
}

// Every bad file in testdata/config has beside it the message that its owner reads.
func TestBadConfigs(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c, err := parseConfig("hegui.yaml", b)
			if err == nil {
				_, err = c.declaration()
			}
			if err == nil {
				err = c.located(refuse(t, c))
			}
			if err == nil {
				t.Fatal("taken without a word")
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(golden)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if d := cmp.Diff(string(want), err.Error()+"\n"); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			// What is missing altogether cannot be pointed at.
			if !strings.Contains(err.Error(), "^") && !strings.Contains(path, "no_provider") {
				t.Error("the message has no caret")
			}
		})
	}
}

// TestConfiguredLists: lists are read as they are found, and a bad line is told by file and line.
func TestConfiguredLists(t *testing.T) {
	c := configFile{Path: filepath.Join(t.TempDir(), "hegui.yaml")}
	c.Lexicons = []LexiconConfig{{File: "own.csv", Category: "A2a", Tier: "signal"}}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(c.file("own.csv"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("敏感词,类别,级别\n坏词一号,A2c,拦截\n坏词二号,,\n")
	if err != nil {
		t.Fatal(err)
	}
	write(gbk)
	lists, err := c.lists()
	if err != nil {
		t.Fatal(err)
	}
	got := lists[len(lists)-1].Entries
	if len(got) != 2 || got[0].Text != "坏词一号" || got[0].Category != "A2c" || got[0].Tier != moderation.Block || got[0].Source != "own.csv:2" ||
		got[1].Category != "A2a" || got[1].Tier != moderation.Signal {
		t.Errorf("%+v", got)
	}
	for text, want := range map[string]string{
		"text,category\n坏词,A2a\n坏话,A9z\n": `own.csv: line 3: category "A9z"`,
		"text,tier\n坏词,ban\n":             `own.csv: line 2: tier "ban"`,
		"text\n":                          "own.csv holds no entries",
	} {
		write(text)
		if _, err := c.lists(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// refuse asks the register of services what it makes of the configuration.
func refuse(t *testing.T, c configFile) error {
	d, err := c.declaration()
	if err != nil {
		return err
	}
	c.Data = t.TempDir()
	in, err := openInstallation(t.Context(), c, false)
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	return in.services.Declare(t.Context(), actor(), d)
}
