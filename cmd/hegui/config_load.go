package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/hegui/hegui/upstream"
)

// configFile is a configuration with the place it came from, so that what is wrong with it can be pointed at.
type configFile struct {
	Config
	Path   string // "" for one that was made in memory
	source *ast.File
}

// UnmarshalYAML reads "30s".
func (d *Duration) UnmarshalYAML(n ast.Node) error {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return pointAt(n, "a duration is written with its unit, e.g. 30s, 5m, 1h30m")
	}
	v, err := time.ParseDuration(s.Value)
	if err != nil || v <= 0 {
		return pointAt(n, fmt.Sprintf("%q is no positive duration; write e.g. 30s, 5m, 1h30m", s.Value))
	}
	*d = Duration(v)
	return nil
}

// String writes 2m rather than 2m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

func pointAt(n ast.Node, message string) error {
	return &yaml.SyntaxError{Message: message, Token: n.GetToken()}
}

// loadConfig reads a file over the defaults. Its errors show the line with a caret.
func loadConfig(path string) (configFile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return configFile{}, usageError{fmt.Sprintf("configuration: %v; write one with: hegui init %s", err, path)}
	}
	return parseConfig(path, b)
}

func parseConfig(path string, b []byte) (configFile, error) {
	c := configFile{Config: DefaultConfig(), Path: path}
	explain := func(err error) error {
		if wrong := (*yaml.TypeError)(nil); errors.As(err, &wrong) {
			err = &yaml.SyntaxError{Token: wrong.Token, Message: fmt.Sprintf("%s is wanted here, not %s", plainType(wrong.DstType), plainType(wrong.SrcType))}
		}
		return usageError{fmt.Sprintf("configuration %s: %s", path, strings.TrimRight(yaml.FormatError(err, false, true), "\n "))}
	}
	file, err := parseYAML(b)
	if err != nil {
		return c, explain(err)
	}
	if len(file.Docs) > 1 {
		return c, explain(pointAt(file.Docs[1].Body, "a configuration is one document; this is a second one"))
	}
	c.source = file
	if len(bytes.TrimSpace(b)) == 0 || file.Docs[0].Body == nil {
		return c, nil
	}
	if err := decodeYAML(b, &c.Config); err != nil {
		return c, explain(err)
	}
	return c, c.check()
}

// errYAML stands for a file that the YAML library cannot take without falling over.
var errYAML = errors.New("cannot be read as YAML: something in it, such as a tag (!), does not belong there; write it plainly")

func parseYAML(b []byte) (file *ast.File, err error) {
	defer func() {
		if recover() != nil {
			file, err = nil, errYAML
		}
	}()
	return parser.ParseBytes(b, 0)
}

func decodeYAML(b []byte, into any) (err error) {
	defer func() {
		if recover() != nil {
			err = errYAML
		}
	}()
	return yaml.UnmarshalWithOptions(b, into, yaml.Strict())
}

// plainType names a Go type as writers of YAML know it.
func plainType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number with a fraction"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a group of keys"
	}
	return t.String()
}

// fault is something wrong with a value that has the right type. Path is its place in YAML, e.g. services[0].label.place;
// when the file does not have it, the nearest place above is shown.
type fault struct{ Path, Message string }

// explain points at the faults in the file.
func (c configFile) explain(faults ...fault) error {
	var errs []error
	for _, f := range faults {
		text := f.Path + ": " + f.Message
		if node := c.node(f.Path); node != nil {
			text = strings.TrimRight(yaml.FormatError(pointAt(node, text), false, true), "\n ")
		}
		errs = append(errs, usageError{fmt.Sprintf("configuration %s: %s", c.Path, text)})
	}
	return errors.Join(errs...)
}

// node finds the place of a path, or of the nearest one above it.
func (c configFile) node(path string) ast.Node {
	for c.source != nil && path != "" {
		if p, err := yaml.PathString("$." + path); err == nil {
			if n, err := p.FilterFile(c.source); err == nil && n != nil && n.GetToken() != nil {
				if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
					return m.Values[0].Key
				}
				return n
			}
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return nil
}

// check looks at what can be judged without reading another file. What the registers judge is left to them.
func (c configFile) check() error {
	var faults []fault
	bad := func(path, message string, args ...any) {
		faults = append(faults, fault{path, fmt.Sprintf(message, args...)})
	}
	if c.Data == "" {
		bad("data", "name a directory")
	}
	if c.Database.DSN != "" && c.Database.DSNFile != "" {
		bad("database.dsn_file", "only one of dsn and dsn_file can be set")
	}
	if !nodeShape.MatchString(c.Node) {
		bad("node", "%q: use 1 to 32 lower-case letters, digits and hyphens", c.Node)
	}
	if _, err := logLevel(c.Log.Level); err != nil {
		bad("log.level", "%v", err)
	}
	if c.Log.Format != "json" && c.Log.Format != "text" {
		bad("log.format", "%q: use json or text", c.Log.Format)
	}
	names := map[string]bool{}
	for i, u := range c.Upstreams {
		at := fmt.Sprintf("upstreams[%d]", i)
		if u.Name == "" || names[u.Name] {
			bad(at+".name", "%q: give each upstream a name of its own", u.Name)
		}
		names[u.Name] = true
		if u.URL == "" {
			bad(at+".url", "give the address up to and without /chat/completions")
		}
		for k, r := range u.Refusals {
			if err := r.row(u.Name).Validate(); err != nil {
				bad(fmt.Sprintf("%s.refusals[%d]", at, k), "%v", err)
			}
		}
		if u.BreakerFailures < 1 {
			bad(at+".breaker_failures", "%d: give at least 1", u.BreakerFailures)
		}
	}
	for i, l := range c.Lexicons {
		if l.File == "" {
			bad(fmt.Sprintf("lexicons[%d].file", i), "name the file of the list")
		}
	}
	for i, s := range c.Services {
		for k, r := range s.Models {
			if c.answersWithSample(r) && !c.isSample(r.Model) {
				bad(fmt.Sprintf("services[%d].models[%d].model", i, k), "%q is answered by the built-in sample model; its dossier needs sample: true, so that every page says so", r.Model)
			}
		}
		if u := s.Refusal.Upstream; u != "answer" && u != "next" {
			bad(fmt.Sprintf("services[%d].refusal.upstream", i), "%q: use answer or next", u)
		}
		a := s.Agreement
		if (a.ZHFile == "") != (a.ENFile == "") || (a.ZHFile == "") != (a.Number == "") {
			bad(fmt.Sprintf("services[%d].agreement", i), "number, zh_file and en_file belong together; give all three or none")
		}
	}
	faults = append(faults, c.detectorFaults()...)
	faults = append(faults, c.fileDetectorFaults()...)
	return c.explain(faults...)
}

// answersWithSample tells whether any target of a route is the built-in sample model.
func (c configFile) answersWithSample(r RouteConfig) bool {
	return slices.ContainsFunc(r.Targets, func(t TargetConfig) bool {
		return slices.ContainsFunc(c.Upstreams, func(u UpstreamConfig) bool { return u.Name == t.Upstream && u.URL == upstream.SampleURL })
	})
}

func (c configFile) isSample(model string) bool {
	return slices.ContainsFunc(c.Models, func(m ModelConfig) bool { return m.ID == model && m.Sample })
}

func logLevel(name string) (slog.Level, error) {
	var l slog.Level
	switch name {
	case "debug", "info", "warn", "error":
		return l, l.UnmarshalText([]byte(name))
	}
	return l, fmt.Errorf("%q: use debug, info, warn or error", name)
}

// file resolves a path that the configuration names.
func (c configFile) file(path string) string {
	if filepath.IsAbs(path) || c.Path == "" {
		return path
	}
	return filepath.Join(filepath.Dir(c.Path), path)
}

// secret reads a file that holds one secret; a line end after it is not part of it.
func (c configFile) secret(path string) (string, error) {
	b, err := os.ReadFile(c.file(path))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(b)), nil
}
