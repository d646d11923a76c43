package web

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// Operation describes one call of an API for OpenAPI. Body and Answer are zero values of the Go types that the handler
// reads and writes, so that the document cannot say anything else than the code does.
type Operation struct {
	Method, Path string
	Summary      string
	Query        [][2]string // name and description of each query parameter
	Body, Answer any         // nil: none
	File         string      // name of a file part: the fields of Body may come as a form (multipart/form-data) with it; "": JSON only
	Status       int         // of success
}

// Document describes an API.
type Document struct {
	Title, Base string
	Session     string // cookie that calls need; "": none
	Bearer      bool   // calls need a key as bearer token
	Problem     any    // zero value of what a failed call answers with; nil: ProblemJSON
	Operations  []Operation
}

// OpenAPI makes an OpenAPI 3.1 document.
func (d Document) OpenAPI() ([]byte, error) {
	s := schemas{}
	problem, kind := d.Problem, "application/json"
	if problem == nil {
		problem, kind = ProblemJSON{}, "application/problem+json"
	}
	paths := map[string]map[string]any{}
	for _, op := range d.Operations {
		call := map[string]any{"summary": op.Summary, "operationId": operationID(op)}
		var params []any
		for _, m := range pathParam.FindAllStringSubmatch(op.Path, -1) {
			params = append(params, map[string]any{"name": m[1], "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		}
		for _, q := range op.Query {
			params = append(params, map[string]any{"name": q[0], "in": "query", "description": q[1], "schema": map[string]any{"type": "string"}})
		}
		if params != nil {
			call["parameters"] = params
		}
		if op.Body != nil {
			content := s.content(op.Body, "application/json")
			if op.File != "" {
				form := s.object(reflect.TypeOf(op.Body))
				form["properties"].(map[string]any)[op.File] = map[string]any{"type": "string", "contentMediaType": "application/octet-stream"}
				content["multipart/form-data"] = map[string]any{"schema": form}
			}
			call["requestBody"] = map[string]any{"required": true, "content": content}
		}
		call["responses"] = map[string]any{
			fmt.Sprint(op.Status): map[string]any{"description": "done", "content": s.content(op.Answer, "application/json")},
			"default":             map[string]any{"description": "what is wrong and what to do", "content": s.content(problem, kind)},
		}
		if paths[op.Path] == nil {
			paths[op.Path] = map[string]any{}
		}
		paths[op.Path][strings.ToLower(op.Method)] = call
	}
	doc := map[string]any{"openapi": "3.1.0", "info": map[string]any{"title": d.Title, "version": "v1"},
		"servers": []any{map[string]any{"url": d.Base + "/"}}, "paths": paths}
	components := map[string]any{"schemas": map[string]any(s)}
	switch {
	case d.Session != "":
		components["securitySchemes"] = map[string]any{"session": map[string]any{"type": "apiKey", "in": "cookie", "name": d.Session}}
		doc["security"] = []any{map[string]any{"session": []string{}}}
	case d.Bearer:
		components["securitySchemes"] = map[string]any{"key": map[string]any{"type": "http", "scheme": "bearer"}}
		doc["security"] = []any{map[string]any{"key": []string{}}}
	}
	doc["components"] = components
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("web: openapi: %w", err)
	}
	return append(b, '\n'), nil
}

// ProblemJSON is what every failed API call answers with.
type ProblemJSON struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Field     string `json:"field,omitempty"`     // the input at fault
	Reference string `json:"reference,omitempty"` // to be found in the server's log
}

var (
	pathParam = regexp.MustCompile(`\{([a-z_]+)\}`)
	notWord   = regexp.MustCompile(`[^A-Za-z0-9]+`)
)

func operationID(op Operation) string {
	return strings.ToLower(op.Method) + strings.TrimRight(notWord.ReplaceAllString(strings.TrimPrefix(op.Path, "/api/v1"), "_"), "_")
}

// schemas gathers the named types that a document speaks of.
type schemas map[string]any

func (s schemas) content(v any, kind string) map[string]any {
	return map[string]any{kind: map[string]any{"schema": s.of(reflect.TypeOf(v))}}
}

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
)

func (s schemas) of(t reflect.Type) map[string]any {
	switch {
	case t == timeType:
		return map[string]any{"type": "string", "format": "date-time"}
	case t == rawType, t.Kind() == reflect.Interface:
		return map[string]any{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return map[string]any{"anyOf": []any{s.of(t.Elem()), map[string]any{"type": "null"}}}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		if t.Name() == "" {
			return s.object(t)
		}
		pkg := t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]
		name := pkg + "." + t.Name()
		if _, known := s[name]; !known {
			s[name] = nil // so that a type may hold itself
			s[name] = s.object(t)
		}
		return map[string]any{"$ref": "#/components/schemas/" + name}
	}
	return map[string]any{}
}

// object lists a struct's fields as encoding/json writes them.
func (s schemas) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	s.fields(t, properties)
	return map[string]any{"type": "object", "properties": properties}
}

func (s schemas) fields(t reflect.Type, into map[string]any) {
	for f := range t.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case tag == "-" || (!f.IsExported() && !f.Anonymous):
		case f.Anonymous && tag == "" && f.Type.Kind() == reflect.Struct:
			s.fields(f.Type, into)
		default:
			if tag == "" {
				tag = f.Name
			}
			into[tag] = s.of(f.Type)
		}
	}
}
