package sdk_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// The frameworks' versions, pinned.
const (
	nodeLangChain     = "1.6.0"
	nodeLangChainCore = "1.4.0"
	nodeVercel        = "7.0.173"
	nodeVercelOpenAI  = "3.0.92"
	pythonLangChain   = "1.7.0"
)

// providerNos are the shapes in which providers refuse, by name.
var providerNos = map[string]struct {
	status int
	body   string
}{
	"deepseek":  {400, `{"error":{"message":"Content Exists Risk","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}`},
	"dashscope": {400, `{"error":{"code":"data_inspection_failed","message":"Input data may contain inappropriate content.","type":"data_inspection_failed"}}`},
	"zhipu":     {400, `{"contentFilter":[{"level":1,"role":"user"}],"error":{"code":"1301","message":"系统检测到输入或生成内容可能包含不安全或敏感内容。"}}`},
	"moonshot":  {400, `{"error":{"message":"The request was rejected because it was considered high risk","type":"content_filter"}}`},
	"azure":     {400, `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}`},
	"in500":     {500, `{"error":{"message":"provider said: {\"error\":{\"message\":\"Content Exists Risk\"}}"}}`},
	"in403":     {403, `{"error":{"message":"Content Exists Risk"}}`},
	"in429":     {429, `{"error":{"message":"considered high risk"}}`},
	"empty":     {200, ""},
}

var marker = regexp.MustCompile(`\[\[refuse:([a-z0-9]+):([a-z-]+)\]\]`)

// refuser is a provider that refuses every conversation in which a marker stands, in the shape that the marker names, and
// counts its calls by marker; others it answers.
type refuser struct {
	mu    sync.Mutex
	calls map[string]int
}

func (m *refuser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	stream := bytes.Contains(body, []byte(`"stream":true`)) || bytes.Contains(body, []byte(`"stream": true`))
	text, finish := "好的，这是回答。", "stop"
	if found := marker.FindStringSubmatch(string(body)); found != nil {
		m.mu.Lock()
		m.calls[found[0]]++
		m.mu.Unlock()
		no := providerNos[found[1]]
		if no.status != 200 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(no.status)
			_, _ = io.WriteString(w, no.body)
			return
		}
		text, finish = "", "content_filter"
	}
	if !stream {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":"c1","object":"chat.completion","created":1,"model":"real","choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":%q}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`, text, finish)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for _, c := range []string{fmt.Sprintf(`{"role":"assistant","content":%q},"finish_reason":null`, text), fmt.Sprintf(`{},"finish_reason":%q`, finish)} {
		_, _ = fmt.Fprintf(w, `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":%s}]}`+"\n\n", c)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// tried is what a framework got.
type tried struct {
	Refused map[string]struct{ Text, Error string }
	Turns   []string
}

// TestProvidersRefusalsThroughFrameworks: with the frameworks' own retries a provider's refusal is one call, no exception where
// the application asks for messages, and a conversation goes on after it.
func TestProvidersRefusalsThroughFrameworks(t *testing.T) {
	var scripts []client
	for name, install := range map[string]func(*testing.T) client{"node": nodeFrameworks, "python": pythonFrameworks} {
		t.Run("install "+name, func(t *testing.T) { scripts = append(scripts, install(t)) })
	}
	if len(scripts) == 0 {
		lacking(t, "frameworks", "none could be installed; see above")
	}
	model := &refuser{calls: map[string]int{}}
	upstream := httptest.NewServer(model)
	t.Cleanup(upstream.Close)
	demo := serve(t, build(t), "--upstream", upstream.URL+"/v1", "--upstream-model", "real")
	var shapes []string
	for name := range providerNos {
		shapes = append(shapes, name)
	}
	names, err := json.Marshal(shapes)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range scripts {
		cmd := command(t, c.argv...)
		cmd.Env = append(os.Environ(), c.env, "HEGUI="+demo.text(t), "SHAPES="+string(names))
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		var got map[string]tried
		if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
			t.Fatalf("%v in %s", err, stdout.String())
		}
		for name, r := range got {
			t.Run(name, func(t *testing.T) { r.check(t, name, model) })
		}
	}
}

func (r tried) check(t *testing.T, name string, model *refuser) {
	model.mu.Lock()
	defer model.mu.Unlock()
	want := "抱歉"
	if strings.HasSuffix(name, "-error") {
		want = "refused: content_filter"
	}
	for shape := range providerNos {
		x, ok := r.Refused[shape]
		if !ok || x.Error != "" || shape != "empty" && !strings.HasPrefix(x.Text, want) || shape == "empty" && x.Text == "" {
			t.Errorf("%s: %+v", shape, x)
		}
		if n := model.calls["[[refuse:"+shape+":"+name+"]]"]; n != 1 {
			t.Errorf("%s: the provider was asked %d times", shape, n)
		}
	}
	if len(r.Turns) != 20 {
		t.Fatalf("%d turns", len(r.Turns))
	}
	for i, text := range r.Turns {
		if answered := strings.Contains(text, "这是回答"); answered != (i != 4) {
			t.Errorf("turn %d: %q", i+1, text)
		}
	}
	if n := model.calls["[[refuse:deepseek:"+name+"-chat]]"]; n != 1 {
		t.Errorf("the refused turn reached the provider %d times", n)
	}
}

func nodeFrameworks(t *testing.T) client {
	if _, err := exec.LookPath("npm"); err != nil {
		lacking(t, "npm", "install Node 20 or later")
	}
	dir := cache(t, "frameworks-node-"+nodeLangChain+"-"+nodeVercel, func(dir string) *exec.Cmd {
		return command(t, "npm", "install", "--prefix", dir, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "openai@"+nodeOpenAI,
			"@langchain/openai@"+nodeLangChain, "@langchain/core@"+nodeLangChainCore, "ai@"+nodeVercel, "@ai-sdk/openai-compatible@"+nodeVercelOpenAI)
	})
	return client{[]string{"node", filepath.Join("testdata", "frameworks.mjs")}, "MODULES=" + filepath.Join(dir, "node_modules")}
}

func pythonFrameworks(t *testing.T) client {
	if exec.Command("python3", "-m", "pip", "--version").Run() != nil {
		lacking(t, "python3 with pip", "install python3 and python3-pip")
	}
	dir := cache(t, "frameworks-python-"+pythonLangChain, func(dir string) *exec.Cmd {
		return command(t, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", dir, "langchain-openai=="+pythonLangChain)
	})
	return client{[]string{"python3", filepath.Join("testdata", "frameworks.py")}, "PYTHONPATH=" + dir}
}
