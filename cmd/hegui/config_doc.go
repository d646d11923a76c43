package main

import (
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"strconv"
	"strings"
)

//go:embed config.go config_media.go config_answers.go
var configSources embed.FS

// fieldComments reads the comments of the configuration's fields, by "Type.Field", from the source they stand in.
func fieldComments() (map[string]string, error) {
	out := map[string]string{}
	sources, err := fs.Glob(configSources, "*.go")
	if err != nil {
		return nil, fmt.Errorf("configuration comments: %w", err)
	}
	for _, name := range sources {
		source, err := configSources.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("configuration comments: %w", err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("configuration comments: %w", err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if fields, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range fields.Fields.List {
					for _, name := range f.Names {
						out[spec.Name.Name+"."+name.Name] = strings.TrimSpace(f.Doc.Text())
					}
				}
			}
			return true
		})
	}
	return out, nil
}

// documented writes c as YAML with every field's comment above it.
func documented(c Config) (string, error) {
	comments, err := fieldComments()
	if err != nil {
		return "", err
	}
	w := &yamlWriter{comments: comments}
	w.WriteString(configHead)
	w.fields(reflect.ValueOf(c), "", "")
	return w.String(), nil
}

const configHead = `# hegui 合规. Values shown are the defaults, except upstreams, models and services, which are there to be changed.
# Start with:  hegui serve --config hegui.yaml      Check with:  hegui doctor --config hegui.yaml
# Paths are relative to this file. An unknown key is an error.

`

type yamlWriter struct {
	strings.Builder
	comments map[string]string
}

// fields writes a struct. first is what stands before its first key ("- " in a list).
func (w *yamlWriter) fields(v reflect.Value, indent, first string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		lead := indent
		if i == 0 && first != "" {
			lead = indent[:len(indent)-len(first)] + first
		}
		comment := w.comments[v.Type().Name()+"."+f.Name]
		if i == 0 && first != "" {
			// A comment before the dash belongs to the element's first key.
			w.comment(comment, indent[:len(indent)-len(first)])
		} else {
			w.comment(comment, indent)
		}
		fmt.Fprintf(w, "%s%s:", lead, f.Tag.Get("yaml"))
		w.value(v.Field(i), indent)
		if indent == "" {
			w.WriteByte('\n')
		}
	}
}

func (w *yamlWriter) comment(text, indent string) {
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(w, "%s# %s\n", indent, line)
	}
}

// value writes what follows a key, line end included.
func (w *yamlWriter) value(v reflect.Value, indent string) {
	if d, ok := v.Interface().(Duration); ok {
		fmt.Fprintf(w, " %s\n", d)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		w.WriteByte('\n')
		w.fields(v, indent+"  ", "")
	case reflect.Slice:
		if v.Len() == 0 {
			w.WriteString(" []\n")
			if v.Type().Elem().Kind() == reflect.Struct {
				w.example(v.Type().Elem(), indent)
			}
			return
		}
		if v.Type().Elem().Kind() == reflect.String {
			list := make([]string, v.Len())
			for i := range list {
				list[i] = quoteYAML(v.Index(i).String())
			}
			fmt.Fprintf(w, " [%s]\n", strings.Join(list, ", "))
			return
		}
		w.WriteByte('\n')
		for i := range v.Len() {
			w.fields(v.Index(i), indent+"    ", "- ")
		}
	case reflect.Map:
		w.WriteString(" {}\n")
	case reflect.String:
		fmt.Fprintf(w, " %s\n", quoteYAML(v.String()))
	default:
		fmt.Fprintf(w, " %v\n", v.Interface())
	}
}

// example shows, commented out, what an element of an empty list looks like.
func (w *yamlWriter) example(t reflect.Type, indent string) {
	inner := &yamlWriter{comments: w.comments}
	v := reflect.New(t).Elem()
	switch t {
	case reflect.TypeFor[LexiconConfig]():
		v.Set(reflect.ValueOf(defaultLexicon()))
	case reflect.TypeFor[DetectorConfig]():
		v.Set(reflect.ValueOf(defaultDetector()))
	}
	inner.fields(v, "    ", "- ")
	for line := range strings.SplitSeq(strings.TrimRight(inner.String(), "\n"), "\n") {
		fmt.Fprintf(w, "%s# %s\n", indent, line)
	}
}

// quoteYAML writes a string in YAML's double quotes, whose escapes are those of Go; other letters stay as they are.
func quoteYAML(s string) string {
	return strconv.Quote(s)
}
