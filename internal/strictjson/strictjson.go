// Package strictjson looks at JSON that somebody else wrote and that a decision hangs on. encoding/json takes the last of two members
// with one name, whatever their case, so two readers of one answer may read two things.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth is how deep values may lie in one another. Ours.
const maxDepth = 64

// Check tells whether b is one JSON value with nothing after it in which no object has a name twice, also not in another case: only
// then does it mean one thing to everybody. Errors hold nothing of what stands in b.
func Check(b []byte) error {
	type level struct {
		names map[string]bool // nil in a list
		value bool            // a member's value comes next
	}
	var stack []level
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	for {
		at := d.InputOffset()
		t, err := d.Token()
		if err != nil {
			return fmt.Errorf("no JSON from byte %d on", at)
		}
		top := len(stack) - 1
		if name, ok := t.(string); ok && top >= 0 && stack[top].names != nil && !stack[top].value {
			name = strings.ToLower(strings.ToUpper(name)) // the long s and the Kelvin sign are s and k to encoding/json
			if stack[top].names[name] {
				return fmt.Errorf("a field stands twice, at byte %d", at)
			}
			stack[top].names[name], stack[top].value = true, true
			continue
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if len(stack) == maxDepth {
				return fmt.Errorf("values lie more than %d deep", maxDepth)
			}
			next := level{}
			if t == json.Delim('{') {
				next.names = map[string]bool{}
			}
			stack = append(stack, next)
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
		}
		if len(stack) == 0 {
			break
		}
		stack[len(stack)-1].value = false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}
