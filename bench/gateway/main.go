// Command gateway measures hegui's gateway against proxies that do almost nothing, in one interleaved run on one machine,
// with every guard on, the record durable (SQLite) and content kept; or, with -probe, looks what it does to requests and
// answers. It drives two tools that are not part of this repository:
//
//	gwbench  a mock model, floors (hand: a proxy written by hand on net/http; parse: the same with keys and JSON) and a load
//	         generator; GWBENCH or -gwbench names its source folder or binary, ../shared/tools/gwbench when unset
//	gwprobe  the same for fidelity; GWPROBE or -gwprobe, ../shared/tools/gwprobe when unset
//
// Everything listens on loopback: the mock on 9100, floors on 9202 and 9203, hegui on 9250. Run it from the repository:
//
//	go run ./bench/gateway                    # about 3 minutes
//	go run ./bench/gateway -reps 1 -scale 0.3 # about 1 minute, rough
//	go run ./bench/gateway -profile cpu.prof  # hegui alone, saturated, with a CPU profile
//	go run ./bench/gateway -probe
//
// CPU per request and the ratios to floor-hand are the steadiest figures on a machine that others use too.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	mockURL = "http://127.0.0.1:9100"
	listen  = "127.0.0.1:9250"
	pprofAt = "127.0.0.1:9251"
)

type options struct {
	gwbench, gwprobe   string
	reps               int
	scale              float64
	only, out, profile string
	probe              bool
	nice               int
}

func main() {
	var o options
	flag.StringVar(&o.gwbench, "gwbench", env("GWBENCH", "../shared/tools/gwbench"), "source folder or binary of gwbench")
	flag.StringVar(&o.gwprobe, "gwprobe", env("GWPROBE", "../shared/tools/gwprobe"), "source folder or binary of gwprobe")
	flag.IntVar(&o.reps, "reps", 2, "repetitions, targets interleaved")
	flag.Float64Var(&o.scale, "scale", 0.6, "scale of the lengths of the phases; 1 is about 25 s a target")
	flag.StringVar(&o.only, "only", "", "comma list of targets: direct, floor-hand, floor-parse, hegui")
	flag.StringVar(&o.out, "out", "", "keep gwbench's results (JSON lines) in this file")
	flag.StringVar(&o.profile, "profile", "", "saturate hegui alone and write its CPU profile to this file")
	flag.BoolVar(&o.probe, "probe", false, "run gwprobe instead: fidelity, abort, cancel, 429")
	flag.IntVar(&o.nice, "nice", 0, "scheduling group priority of the fixed-rate phases, e.g. -19; needs root")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/gateway:", err)
		os.Exit(1)
	}
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func run(o options) error {
	for _, addr := range []string{"127.0.0.1:9100", "127.0.0.1:9202", "127.0.0.1:9203", listen, pprofAt} {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("another program listens on %s (another measurement?): stop it first: %w", addr, err)
		}
		_ = l.Close()
	}
	tmp, err := os.MkdirTemp("", "hegui-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	hegui := filepath.Join(tmp, "hegui")
	if err := buildHegui(hegui, tmp, o.profile != ""); err != nil {
		return err
	}
	b := bench{options: o, tmp: tmp, hegui: hegui}
	if o.probe {
		if b.tool, err = tool("gwprobe", o.gwprobe, tmp); err != nil {
			return err
		}
		return b.fidelity()
	}
	if b.tool, err = tool("gwbench", o.gwbench, tmp); err != nil {
		return err
	}
	if o.profile != "" {
		return b.profiled()
	}
	return b.compare()
}

// tool finds one of the tools, building it when src is its source folder.
func tool(name, src, tmp string) (string, error) {
	info, err := os.Stat(src)
	if err != nil {
		return "", fmt.Errorf("%s is not at %s: set %s (or -%s) to its source folder or binary; it is not part of this repository",
			name, src, strings.ToUpper(name), name)
	}
	if !info.IsDir() {
		return filepath.Abs(src)
	}
	bin := filepath.Join(tmp, name)
	cmd := exec.Command("go", "build", "-C", src, "-o", bin, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s in %s: %w\n%s", name, src, err, out)
	}
	return bin, nil
}

// buildHegui builds the binary as it is released; for a profile a file is laid over it that serves net/http/pprof.
func buildHegui(bin, tmp string, profile bool) error {
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", bin}
	if profile {
		extra := filepath.Join(tmp, "pprof.go")
		src := "package main\n\nimport (\n\t\"net/http\"\n\t_ \"net/http/pprof\"\n)\n\nfunc init() { go http.ListenAndServe(\"" + pprofAt + "\", nil) }\n"
		if err := os.WriteFile(extra, []byte(src), 0o600); err != nil {
			return err
		}
		root, err := filepath.Abs(".")
		if err != nil {
			return err
		}
		overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "cmd/hegui/zz_pprof.go"): extra}})
		if err != nil {
			return err
		}
		file := filepath.Join(tmp, "overlay.json")
		if err := os.WriteFile(file, overlay, 0o600); err != nil {
			return err
		}
		args = []string{"build", "-overlay", file, "-o", bin}
	}
	cmd := exec.Command("go", append(args, "./cmd/hegui")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building hegui (run this from the repository's root): %w\n%s", err, out)
	}
	return nil
}

type bench struct {
	options
	tmp, tool, hegui string
}

// target is what both tools read.
type target struct {
	Name   string            `json:"name"`
	URL    string            `json:"url"`
	Auth   string            `json:"auth"`
	Model  string            `json:"model"`
	Header map[string]string `json:"header,omitempty"`
	Cmd    []string          `json:"cmd,omitempty"`
	Size   []string          `json:"size,omitempty"`
}

func (b bench) command() []string {
	return []string{b.hegui, "serve", "--demo", "--data", filepath.Join(b.tmp, "data"), "--upstream", mockURL + "/v1", "--upstream-model", "mock-1",
		"--gateway-listen", listen, "--console-listen", "127.0.0.1:0", "--portal-listen", "127.0.0.1:0"}
}

// installation starts hegui once, so that its data directory and the demo's key exist, and describes it as a target.
func (b bench) installation() (target, error) {
	argv := b.command()
	cmd := exec.Command(argv[0], argv[1:]...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return target{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var demo struct{ Gateway, Key, User, Model string }
	file := filepath.Join(b.tmp, "data", "demo.json")
	for end := time.Now().Add(20 * time.Second); ; {
		raw, err := os.ReadFile(file)
		if err == nil && json.Unmarshal(raw, &demo) == nil && demo.Key != "" {
			break
		}
		select {
		case err := <-ended:
			return target{}, fmt.Errorf("hegui ended at once: %v\n%s", err, out.String())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			_ = cmd.Process.Kill()
			<-ended
			return target{}, fmt.Errorf("hegui wrote no %s within 20 s\n%s", file, out.String())
		}
	}
	if err := stop(cmd.Process, ended); err != nil {
		return target{}, fmt.Errorf("stopping hegui: %w\n%s", err, out.String())
	}
	return target{Name: "hegui", URL: "http://" + listen + "/v1/chat/completions", Auth: demo.Key, Model: demo.Model,
		Header: map[string]string{"X-Hegui-User": demo.User}, Cmd: argv, Size: []string{b.hegui}}, nil
}

func stop(p *os.Process, ended <-chan error) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(15 * time.Second):
		_ = p.Kill()
		<-ended
		return errors.New("it did not end within 15 s of SIGTERM")
	}
}

func (b bench) write(targets ...target) (string, error) {
	raw, err := json.MarshalIndent(targets, "", " ")
	if err != nil {
		return "", err
	}
	file := filepath.Join(b.tmp, "targets.json")
	return file, os.WriteFile(file, raw, 0o600)
}

func (b bench) exec(args ...string) error {
	cmd := exec.Command(b.tool, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.tmp, os.Stdout, os.Stderr
	return cmd.Run()
}

func (b bench) fidelity() error {
	us, err := b.installation()
	if err != nil {
		return err
	}
	file, err := b.write(us)
	if err != nil {
		return err
	}
	return b.exec(file)
}

func (b bench) floor(kind, addr string) target {
	return target{Name: "floor-" + kind, URL: "http://" + addr + "/v1/chat/completions", Auth: "sk-test", Model: "gpt-4o-mini",
		Cmd: []string{b.tool, "floor", "-kind", kind, "-addr", addr}, Size: []string{b.tool}}
}

func (b bench) compare() error {
	targets := []target{
		{Name: "direct", URL: mockURL + "/v1/chat/completions", Auth: "sk-test", Model: "gpt-4o-mini"},
		b.floor("hand", "127.0.0.1:9202"), b.floor("parse", "127.0.0.1:9203"),
	}
	if b.only == "" || slices.Contains(strings.Split(b.only, ","), "hegui") {
		us, err := b.installation()
		if err != nil {
			return err
		}
		targets = append(targets, us)
	}
	file, err := b.write(targets...)
	if err != nil {
		return err
	}
	results := filepath.Join(b.tmp, "results.jsonl")
	if err := b.exec("run", "-targets", file, "-reps", fmt.Sprint(b.reps), "-scale", fmt.Sprint(b.scale), "-only", b.only,
		"-nice", fmt.Sprint(b.nice), "-quiet", "1", "-out", results); err != nil {
		return fmt.Errorf("gwbench: %w", err)
	}
	raw, err := os.ReadFile(results)
	if err != nil {
		return err
	}
	if b.out != "" {
		if err := os.WriteFile(b.out, raw, 0o644); err != nil {
			return err
		}
	}
	return report(os.Stdout, raw)
}

// profiled starts mock and hegui and takes a profile while 64 connections and then 50 streams keep it busy.
func (b bench) profiled() error {
	us, err := b.installation()
	if err != nil {
		return err
	}
	mock := exec.Command(b.tool, "mock", "-addr", "127.0.0.1:9100")
	hegui := exec.Command(us.Cmd[0], us.Cmd[1:]...)
	for _, c := range []*exec.Cmd{mock, hegui} {
		if err := c.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		defer func() { _ = stop(c.Process, ended) }()
	}
	time.Sleep(2 * time.Second)
	if err := us.saturate(64, false, time.Second); err != nil {
		return err
	}
	for _, phase := range []struct {
		conns  int
		stream bool
		file   string
	}{{64, false, b.profile}, {50, true, b.profile + ".stream"}} {
		got := make(chan error, 1)
		go func() { got <- fetch("http://"+pprofAt+"/debug/pprof/profile?seconds=5", phase.file) }()
		if err := us.saturate(phase.conns, phase.stream, 6*time.Second); err != nil {
			return err
		}
		if err := <-got; err != nil {
			return err
		}
	}
	fmt.Printf("profiles: %s (plain) and %s.stream; look with: go tool pprof -top -cum FILE\n", b.profile, b.profile)
	return fetch("http://"+pprofAt+"/debug/pprof/allocs", b.profile+".allocs")
}

// saturate keeps conns requests under way for a while.
func (t target) saturate(conns int, stream bool, d time.Duration) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: conns}}
	defer client.CloseIdleConnections()
	body := fmt.Sprintf(`{"model":%q,"stream":%t,"temperature":0.7,"messages":[{"role":"user","content":"[[m0]] 请用一句话介绍你自己，并说明你能做什么。Please answer briefly."}]}`, t.Model, stream)
	end := time.Now().Add(d)
	worker := func() (n int, err error) {
		for ; time.Now().Before(end); n++ {
			req, err := http.NewRequest(http.MethodPost, t.URL, strings.NewReader(body))
			if err != nil {
				return n, err
			}
			req.Header.Set("Authorization", "Bearer "+t.Auth)
			req.Header.Set("Content-Type", "application/json")
			for k, v := range t.Header {
				req.Header.Set(k, v)
			}
			resp, err := client.Do(req)
			if err != nil {
				return n, err
			}
			answer, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != http.StatusOK {
				return n, fmt.Errorf("hegui answered %s (%v): %.300s", resp.Status, err, answer)
			}
		}
		return n, nil
	}
	type outcome struct {
		n   int
		err error
	}
	done := make(chan outcome, conns)
	for range conns {
		go func() {
			n, err := worker()
			done <- outcome{n, err}
		}()
	}
	total := 0
	var errs []error
	for range conns {
		o := <-done
		total, errs = total+o.n, append(errs, o.err)
	}
	fmt.Printf("%d answers in %s over %d connections, streamed: %t\n", total, d, conns, stream)
	return errors.Join(errs...)
}

func fetch(url, file string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, fs.FileMode(0o644))
}

// median of what is there.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
