package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// guard FILE starts an endpoint with a Llama Guard that finds "poison", and writes a configuration with two detectors that ask
// it: one that can read its answers and one that cannot.
func cmdGuard(ts *testscript.TestScript, neg bool, args []string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		said := "safe"
		if strings.Contains(string(body), "poison") {
			said = "unsafe\nS2"
		}
		q, _ := json.Marshal(said)
		_, _ = fmt.Fprintf(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":"stop"}],"usage":{"prompt_tokens":210,"completion_tokens":4}}`, q)
	}))
	ts.Defer(server.Close)
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, []byte(`
detectors:
  - name: llama
    profile: llama-guard-3
    url: `+server.URL+`/v1
    model: guard
    timeout: 2s
    on_error: degrade
    price: {per_call: 0.01}
    daily_cap: 0.5
    at_cap: skip
  - name: second
    profile: qwen3guard
    url: `+server.URL+`/v1
    model: guard
    ask: hit
    sample: 0
`), 0o600))
}
