package gateway

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestOpenAPISaysWhatIsThere: every call described is there, and what the document says of bodies and answers is what is read and written.
func TestOpenAPISaysWhatIsThere(t *testing.T) {
	h := setup(t, says("x"), nil)
	resp, err := http.Get(h.url + "/v1/hegui/openapi.json")
	must(t, err)
	defer resp.Body.Close()
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]any
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	must(t, json.NewDecoder(resp.Body).Decode(&doc))
	if doc.OpenAPI != "3.1.0" || len(doc.Paths) < 7 {
		t.Fatalf("%+v", doc)
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			req, err := http.NewRequest(strings.ToUpper(method), h.url+strings.ReplaceAll(path, "{model}", "m"), strings.NewReader("{}"))
			must(t, err)
			resp, err := http.DefaultClient.Do(req)
			must(t, err)
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s without a key: %d", method, path, resp.StatusCode)
			}
			_ = resp.Body.Close()
		}
	}
	has := func(schema string, written []byte, all bool) {
		t.Helper()
		var fields map[string]any
		must(t, json.Unmarshal(written, &fields))
		properties := doc.Components.Schemas[schema].Properties
		for name := range fields {
			if _, ok := properties[name]; !ok {
				t.Errorf("%s does not describe %q", schema, name)
			}
		}
		if all && len(fields) != len(properties) {
			t.Errorf("%s describes %d fields, %d are there", schema, len(properties), len(fields))
		}
	}
	full, err := json.Marshal(ScreenSlice{Session: "s", Channel: "content", Text: "你好", Done: true, Direction: "in", User: "demo", History: []ScreenMessage{{"user", "早"}}, Heal: true})
	must(t, err)
	has("gateway.ScreenSlice", full, true)
	r := h.post("/v1/hegui/screen", string(full))
	if r.status != 200 {
		t.Fatalf("a body with every field that is described: %d %s", r.status, r.body)
	}
	has("gateway.ScreenAnswer", []byte(r.body), false)
	_, a := h.slice("o", 0, "好", true)
	ack, err := json.Marshal(ScreenAck{a.Exchange, 1, true})
	must(t, err)
	has("gateway.ScreenAck", ack, true)
	if r = h.post("/v1/hegui/screen/ack", string(ack)); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	has("gateway.ScreenAcknowledged", []byte(r.body), true)
	r = h.post("/v1/hegui/screen", `{}`)
	var e struct{ Error json.RawMessage }
	must(t, json.Unmarshal([]byte(r.body), &e))
	has("gateway.ErrorJSON", []byte(r.body), true)
}
