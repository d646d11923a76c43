package strictjson

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for in, want := range map[string]string{
		`{}`: "", `[]`: "", `1`: "", `"a"`: "", `null`: "", ` {"a":{"a":1},"b":[{"a":1},{"a":"a"}],"c":"c"} `: "",
		`{"a":1,"a":2}`: "twice", `{"a":1,"A":2}`: "twice", `{"a":{},"\u0061":[]}`: "twice", `[{"x":[{"b":"a","c":1,"B":2}]}]`: "twice", `{"k":1,"K":2}`: "twice", `{"s":1,"ſ":2}`: "twice",
		`{"a":"a","b":"a"}`: "", `{"a":1}{}`: "follows", `{"a":1} x`: "follows", `{"a"`: "no JSON", ``: "no JSON", `{"a":1,}`: "no JSON", `{a:1}`: "no JSON",
		strings.Repeat("[", 70) + strings.Repeat("]", 70): "deep",
	} {
		switch err := Check([]byte(in)); {
		case want == "" && err != nil:
			t.Errorf("%.60s: %v", in, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%.60s: %v, want %q", in, err, want)
		}
	}
}

// What is let pass is JSON, and JSON without objects and not too deep is let pass.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":{"a":[1,2,{"c":null}]}}`, `{"a":1,"a":2}`, `[1,"x",true]`, `"a" 1`, "[[[["} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := Check(b)
		if err == nil && !json.Valid(b) {
			t.Fatalf("%q passes and is no JSON", b)
		}
		if err != nil && json.Valid(b) && !strings.ContainsAny(string(b), "{") && strings.Count(string(b), "[") <= maxDepth {
			t.Fatalf("%q: %v", b, err)
		}
	})
}
