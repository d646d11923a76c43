package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/label/carrier"
)

// The clients' versions, pinned.
const (
	nodeOpenAI   = "7.57.0"
	pythonOpenAI = "3.54.0"
)

// results is what both scripts print.
type results struct {
	Plain struct {
		Text, Finish, Role, Exchange string
		Usage                        int
		Hegui                        map[string]any
	}
	Stream struct {
		Text, Finish  string
		Chunks, Usage int
	}
	Tool          called
	ToolStream    called `json:"tool_stream"`
	Refusal       ended
	RefusalStream ended `json:"refusal_stream"`
	Agreement     failed
	BadKey        failed `json:"bad_key"`
	BadModel      failed `json:"bad_model"`
	Models        []string
	Embeddings    struct {
		Count, Length int
		Norm          float64
	}
	JSON struct {
		Text   string
		Object bool
	}
	Files       [][]byte // two images and a recording
	NoWAV       failed   `json:"no_wav"`
	BadImage    failed   `json:"bad_image"`
	CancelledAt int64    `json:"cancelled_at"` // ms
}

type called struct{ Finish, Name, Arguments string }

type ended struct{ Finish, Text string }

type failed struct {
	Class, Code, Message string
	Status               int
}

func TestOfficialClients(t *testing.T) {
	clients := map[string]client{}
	for name, install := range map[string]func(*testing.T) client{"node": node, "python": python} {
		t.Run("install "+name, func(t *testing.T) { clients[name] = install(t) })
	}
	if len(clients) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("no client could be installed; see above")
		}
		t.Skip("no client could be installed; see above")
	}
	bin := build(t)
	model := newSlowModel(t)
	demo := serve(t, bin)
	slow := serve(t, bin, "--upstream", model.url, "--upstream-model", "slow-1")
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			cmd := command(t, c.argv...)
			cmd.Env = append(os.Environ(), c.env, "HEGUI_DEMO="+demo.text(t), "HEGUI_SLOW="+slow.text(t))
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			var r results
			if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
				t.Fatalf("%v in %s", err, stdout.String())
			}
			check(t, demo, r)
			left, ok := model.left("[[cancel:" + name + "]]")
			if !ok {
				t.Fatal("the model was never told that the client had left")
			}
			if d := left - r.CancelledAt; d > 1000 {
				t.Errorf("the model learned %d ms after the client left that it had", d)
			}
		})
	}
}

// client is how a script is run.
type client struct {
	argv []string
	env  string
}

func check(t *testing.T, demo installation, r results) {
	t.Helper()
	expect := func(ok bool, what string, got any) {
		t.Helper()
		if !ok {
			t.Errorf("%s: got %+v", what, got)
		}
	}
	expect(strings.Contains(r.Plain.Text, "长城") && r.Plain.Finish == "stop" && r.Plain.Role == "assistant" && r.Plain.Usage > 10, "plain answer about 长城", r.Plain)
	expect(labelled(r.Plain.Text), "plain answer carries the label", r.Plain.Text)
	expect(r.Plain.Exchange != "" && len(r.Plain.Hegui) > 0, "plain answer carries X-Hegui-Exchange and the hegui object", r.Plain)
	expect(strings.Contains(r.Stream.Text, "about tea") && r.Stream.Finish == "stop" && r.Stream.Chunks > 10 && r.Stream.Usage > 10, "streamed answer about tea with usage", r.Stream)
	expect(labelled(r.Stream.Text), "streamed answer carries the label", r.Stream.Text)
	for what, c := range map[string]called{"tool call": r.Tool, "streamed tool call": r.ToolStream} {
		expect(c == called{"tool_calls", "get_weather", `{"city":"上海"}`}, what, c)
	}
	for what, e := range map[string]ended{"refusal": r.Refusal, "streamed refusal": r.RefusalStream} {
		expect(e.Finish == "content_filter" && e.Text != "" && !strings.Contains(e.Text, "冰毒"), what, e)
	}
	expect(r.Agreement.Code == "agreement_required" && r.Agreement.Status >= 400 && r.Agreement.Status < 500 && r.Agreement.Message != "", "user without agreement", r.Agreement)
	expect(r.BadKey.Class == "AuthenticationError" && r.BadKey.Status == 401 && r.BadKey.Message != "", "wrong key", r.BadKey)
	expect(r.BadModel.Class == "NotFoundError" && r.BadModel.Status == 404 && r.BadModel.Message != "", "unknown model", r.BadModel)
	expect(strings.Contains(strings.Join(r.Models, " "), demo.Model), "models", r.Models)
	expect(r.Embeddings.Count == 2 && r.Embeddings.Length > 0 && math.Abs(r.Embeddings.Norm-1) < 1e-3, "embeddings", r.Embeddings)
	expect(r.JSON.Object, "JSON mode", r.JSON)

	expect(len(r.Files) == 3, "two images and a recording", len(r.Files))
	for i, file := range r.Files {
		sign := label.SignMark
		if i == 2 {
			sign = label.SignRhythm
		}
		v := label.Verify(carrier.Bytes(file))
		expect(v.Verdict == label.Compliant, "implicit label", v)
		expect(label.LookExplicit(t.Context(), carrier.Bytes(file)).Sign == sign, "explicit label", label.LookExplicit(t.Context(), carrier.Bytes(file)))
		said := demo.check(t, file)
		expect(said.Outcome == "made_here", "the portal says that it was made here", said)
	}
	expect(r.NoWAV.Status == 400 && r.NoWAV.Code == "label_failed" && strings.Contains(r.NoWAV.Message, "wav"), "speech in a format that cannot be marked", r.NoWAV)
	expect(r.BadImage.Status == 400 && r.BadImage.Code == "content_filter", "a prompt that is refused", r.BadImage)
}

// checked is what the portal says of a file.
type checked struct{ Outcome string }

// check asks the portal's public page about a file.
func (in installation) check(t *testing.T, file []byte) (c checked) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", "file")
	if err == nil {
		_, err = part.Write(file)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(in.Portal+"/api/v1/check", w.FormDataContentType(), &body) //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

// labelled looks for both elements of the explicit label: that it is AI, and that it generated the text.
func labelled(text string) bool {
	return (strings.Contains(text, "AI") || strings.Contains(text, "人工智能")) &&
		(strings.Contains(text, "生成") || strings.Contains(text, "合成") || strings.Contains(strings.ToLower(text), "generated"))
}

// slowModel streams a piece every 20 ms for half a minute and notes when a client left.
type slowModel struct {
	url string
	mu  sync.Mutex
	at  map[string]int64 // by a marker in the request: Unix ms
}

func newSlowModel(t *testing.T) *slowModel {
	t.Helper()
	m := &slowModel{at: map[string]int64{}}
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	m.url = s.URL + "/v1"
	return m
}

func (m *slowModel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range 1500 {
		fmt.Fprintf(w, "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"slow-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word %d \"},\"finish_reason\":null}]}\n\n", i)
		w.(http.Flusher).Flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			_, after, _ := bytes.Cut(body, []byte("[[cancel:"))
			name, _, _ := bytes.Cut(after, []byte("]]"))
			m.mu.Lock()
			m.at["[[cancel:"+string(name)+"]]"] = time.Now().UnixMilli()
			m.mu.Unlock()
			return
		}
	}
}

// left waits a little until the request with this marker was given up.
func (m *slowModel) left(marker string) (int64, bool) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		m.mu.Lock()
		at, ok := m.at[marker]
		m.mu.Unlock()
		if ok {
			return at, true
		}
	}
	return 0, false
}

// installation is what demo.json tells, with the address clients are to use.
type installation struct {
	Gateway string `json:"gateway"`
	Portal  string `json:"portal"`
	Base    string `json:"base"`
	Key     string `json:"key"`
	User    string `json:"user"`
	Model   string `json:"model"`
}

func (i installation) text(t *testing.T) string {
	t.Helper()
	b, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "hegui")
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/hegui")
	cmd.Dir = filepath.Join("..", "..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building hegui: %v\n%s", err, out)
	}
	return bin
}

// serve starts the binary as a new user would and stops it when the test ends; it must then end in good order.
func serve(t *testing.T, bin string, more ...string) installation {
	t.Helper()
	data := t.TempDir()
	cmd := exec.Command(bin, append([]string{"serve", "--demo", "--data", data,
		"--gateway-listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0", "--portal-listen", "127.0.0.1:0"}, more...)...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil || t.Failed() {
				t.Logf("hegui ended with %v\n%s", err, log.String())
			}
			if err != nil {
				t.Errorf("hegui did not end in good order: %v", err)
			}
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			<-ended
			t.Errorf("hegui did not end within 20 s of SIGTERM\n%s", log.String())
		}
	})
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var i installation
		b, err := os.ReadFile(filepath.Join(data, "demo.json"))
		if err != nil || json.Unmarshal(b, &i) != nil || i.Gateway == "" {
			continue
		}
		i.Base = strings.TrimSuffix(strings.TrimSuffix(i.Gateway, "/"), "/v1") + "/v1"
		return i
	}
	t.Fatalf("hegui wrote no demo.json within 20 s\n%s", log.String())
	return installation{}
}

// lacking skips where a developer's machine lacks a tool; the machine that decides must have it.
func lacking(t *testing.T, tool, mend string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: %s", tool, mend)
	}
	t.Skipf("%s is missing: %s", tool, mend)
}

// cache is a folder outside the repository; done tells whether install has already run there to its end.
func cache(t *testing.T, name string, install func(dir string) *exec.Cmd) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	dir := filepath.Join(base, "hegui-sdk", name)
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return dir
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := install(dir)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		lacking(t, name, fmt.Sprintf("it could not be installed: %v\n%s", err, out))
	}
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// command is ended with the test, or after four minutes.
func command(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, argv[0], argv[1:]...)
}

func node(t *testing.T) client {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacking(t, tool, "install Node 20 or later")
		}
	}
	dir := cache(t, "openai-node-"+nodeOpenAI, func(dir string) *exec.Cmd {
		return command(t, "npm", "install", "--prefix", dir, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "openai@"+nodeOpenAI)
	})
	module := "OPENAI_MODULE=file://" + filepath.Join(dir, "node_modules", "openai", "index.mjs")
	return client{[]string{"node", filepath.Join("testdata", "client.mjs")}, module}
}

func python(t *testing.T) client {
	if exec.Command("python3", "-m", "pip", "--version").Run() != nil {
		lacking(t, "python3 with pip", "install python3 and python3-pip")
	}
	dir := cache(t, "openai-python-"+pythonOpenAI, func(dir string) *exec.Cmd {
		return command(t, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", dir, "openai=="+pythonOpenAI)
	})
	return client{[]string{"python3", filepath.Join("testdata", "client.py")}, "PYTHONPATH=" + dir}
}
