package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hegui/hegui/internal/testkit"
)

// asHegui in the environment makes this test binary be hegui, for tests that need a process of its own.
const asHegui = "HEGUI_TEST_AS_HEGUI"

func TestMain(m *testing.M) {
	if os.Getenv(asHegui) != "" {
		main()
	}
	testscript.Main(suite{m}, map[string]func(){"hegui": main})
}

// suite ends the PostgreSQL server after the last test.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	defer testkit.Stop()
	return s.m.Run()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"demo":       cmdDemo,
			"serving":    cmdServing,
			"http":       cmdHTTP,
			"eventually": cmdEventually,
			"says":       cmdSays,
			"damage":     cmdDamage,
			"mode":       cmdMode,
			"exits":      cmdExits,
			"keep":       cmdKeep,
			"guard":      cmdGuard,
			"picture":    cmdPicture,
		},
		RequireExplicitExec: true,
	})
}

// demo DIR waits for a demo server and sets GATEWAY, CONSOLE, PORTAL, LOGIN, KEY, USER, NEWUSER and MODEL.
func cmdDemo(ts *testscript.TestScript, neg bool, args []string) {
	f, err := awaitDemo(ts.MkAbs(args[0]), patience)
	ts.Check(err)
	for name, value := range map[string]string{"GATEWAY": f.Gateway, "CONSOLE": f.Console, "PORTAL": f.Portal, "LOGIN": f.ConsoleLogin,
		"KEY": f.Key, "USER": f.User, "NEWUSER": f.NewUser, "MODEL": f.Model} {
		ts.Setenv(name, value)
	}
}

// serving DIR waits for any server and sets GATEWAY, CONSOLE and PORTAL.
func cmdServing(ts *testscript.TestScript, neg bool, args []string) {
	s, err := await(ts.MkAbs(args[0]), patience)
	ts.Check(err)
	ts.Setenv("GATEWAY", s.Gateway)
	ts.Setenv("CONSOLE", s.Console)
	ts.Setenv("PORTAL", s.Portal)
}

// awaitDemo waits until the server of a directory is ready and reads its demo.json.
func awaitDemo(dir string, limit time.Duration) (f demoFile, err error) {
	if _, err := await(dir, limit); err != nil {
		return f, err
	}
	b, err := os.ReadFile(filepath.Join(dir, "demo.json"))
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(b, &f)
}

// await waits until the server of a directory is ready.
func await(dir string, limit time.Duration) (serving, error) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s := readServing(dir)
		if s.Gateway == "" {
			continue
		}
		resp, err := http.Get(s.Gateway + "/readyz")
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			continue
		}
		return s, nil
	}
	return serving{}, fmt.Errorf("no server in %s after %s", dir, limit)
}

// http STATUS METHOD URL [user [content]] sends a request (a chat with the demo's key when there is a user) and prints the
// answer's body.
func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	status, body, err := request(ts, args[1:])
	ts.Check(err)
	_, err = io.WriteString(ts.Stdout(), body)
	ts.Check(err)
	if (strconv.Itoa(status) == args[0]) == neg {
		ts.Fatalf("status %d, want %s\n%s", status, args[0], body)
	}
}

// patience is how long a test waits for what it does not time: a machine under load is slow, not wrong.
const patience = time.Minute

// eventually STATUS METHOD URL … repeats an http until it has the status.
func cmdEventually(ts *testscript.TestScript, neg bool, args []string) {
	last := 0
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		status, body, err := request(ts, args[1:])
		if last = status; err == nil && strconv.Itoa(status) == args[0] {
			_, err = io.WriteString(ts.Stdout(), body)
			ts.Check(err)
			return
		}
	}
	ts.Fatalf("still %d after %s, want %s", last, patience, args[0])
}

func request(ts *testscript.TestScript, args []string) (int, string, error) {
	var body io.Reader
	if len(args) > 2 {
		content := "你好"
		if len(args) > 3 {
			content = args[3]
		}
		body = strings.NewReader(chat(ts.Getenv("MODEL"), content, false))
	} else if args[0] == http.MethodPost {
		_, query, _ := strings.Cut(args[1], "?")
		body = strings.NewReader(query)
	}
	r, err := http.NewRequestWithContext(context.Background(), args[0], args[1], body)
	if err != nil {
		return 0, "", err
	}
	if len(args) > 2 {
		r.Header.Set("Authorization", "Bearer "+ts.Getenv("KEY"))
		r.Header.Set("X-Hegui-User", args[2])
		r.Header.Set("Content-Type", "application/json")
	} else {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func chat(model, content string, stream bool) string {
	b, err := json.Marshal(map[string]any{"model": model, "stream": stream, "messages": []any{map[string]string{"role": "user", "content": content}}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// damage FILE OLD NEW overwrites the first place of a text in a file with another of the same length.
func cmdDamage(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	i := bytes.Index(b, []byte(args[1]))
	if i < 0 || len(args[1]) != len(args[2]) {
		ts.Fatalf("%q is not in the file", args[1])
	}
	copy(b[i:], args[2])
	ts.Check(os.WriteFile(path, b, 0o600))
}

// keep NAME EXPRESSION sets a variable to what an expression finds in what the last command printed; SOON is the day after tomorrow.
func cmdKeep(ts *testscript.TestScript, neg bool, args []string) {
	found := regexp.MustCompile(args[1]).FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("%s is not in what was printed", args[1])
	}
	ts.Setenv(args[0], found)
	ts.Setenv("SOON", time.Now().AddDate(0, 0, 2).Format(time.DateOnly))
}

// exits CODE COMMAND … runs a command that must end with this exit code.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// mode FILE PERM checks who may read a file.
func cmdMode(ts *testscript.TestScript, neg bool, args []string) {
	s, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", s.Mode().Perm()); got != args[1] {
		ts.Fatalf("mode of %s is %s, want %s", args[0], got, args[1])
	}
}

// process is a demo server in a process of its own.
type process struct {
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	demo   demoFile
}

func startProcess(t testing.TB, dir string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(exe, "serve", "--demo", "--data", dir, "--gateway-listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0", "--portal-listen", "127.0.0.1:0"),
		stderr: &bytes.Buffer{}}
	p.cmd.Env = append(os.Environ(), asHegui+"=1")
	p.cmd.Stderr = p.stderr
	_ = os.Remove(servingPath(dir)) // of a process that was killed
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	if p.demo, err = awaitDemo(dir, patience); err != nil {
		t.Fatalf("%v\n%s", err, p.stderr)
	}
	return p
}

func (p *process) signal(t testing.TB, s syscall.Signal) error {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	return p.cmd.Wait()
}

// ask sends a chat and returns the open answer.
func (f demoFile) ask(t testing.TB, user, content string, stream bool) *http.Response {
	t.Helper()
	resp, err := f.try(context.Background(), user, content, stream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func (f demoFile) try(ctx context.Context, user, content string, stream bool) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.Gateway+"/v1/chat/completions", strings.NewReader(chat(f.Model, content, stream)))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+f.Key)
	r.Header.Set("X-Hegui-User", user)
	r.Header.Set("Content-Type", "application/json")
	return http.DefaultClient.Do(r)
}

func read(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// picture FILE writes a PNG of 480 by 300 pixels.
func cmdPicture(ts *testscript.TestScript, neg bool, args []string) {
	img := image.NewNRGBA(image.Rect(0, 0, 480, 300))
	for y := range 300 {
		for x := range 480 {
			img.SetNRGBA(x, y, color.NRGBA{uint8(x / 2), uint8(y / 2), 90, 255})
		}
	}
	var b bytes.Buffer
	ts.Check(png.Encode(&b, img))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}
