package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// target is one engine to measure.
type target struct {
	name, about string
	all         bool     // reports every overlapping match, as hegui does
	perWordMB   float64  // about how much memory it takes for 1,000 words; what does not fit -memory is left out
	command     []string // without the arguments of serve.go; empty: it could not be built here
	why         string   // it could not be built
}

// plan names the engines, builds those that are not ours below cache, and tells of each that cannot be had why.
func plan(o options, cache string) ([]target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	us := []string{self, "-engine"}
	rust, rustWhy := buildRust(o.source, cache)
	gopeers, goWhy := buildGo(o.source, cache)
	java, javaWhy := buildJava(o, cache)
	targets := []target{
		{"floor-bytes", "floor: sum of the bytes (Go)", false, 0, us, ""},
		{"floor-runes", "floor: decode UTF-8, class of each rune (Go)", false, 0, us, ""},
		{"hegui", "**hegui**, whole text", true, 0.2, us, ""},
		{"hegui-stateful", "**hegui**, stateful loop over whole text", true, 0.2, us, ""},
		{"hegui-window", "**hegui**, stream window, 48-byte deltas", true, 0.2, us, ""},
		{"daachorse4-charwise", "Rust daachorse 4.0 char-wise", true, 0.2, rust, rustWhy},
		{"daachorse4-bytewise", "Rust daachorse 4.0 byte-wise", true, 0.2, rust, rustWhy},
		{"daachorse-charwise", "Rust daachorse 5.1 char-wise", true, 0.2, rust, rustWhy},
		{"daachorse-bytewise", "Rust daachorse 5.1 byte-wise", true, 0.2, rust, rustWhy},
		{"aho-corasick", "Rust aho-corasick 1.1 contiguous NFA", true, 0.2, rust, rustWhy},
		{"anknown", "Go anknown/ahocorasick", true, 0.4, gopeers, goWhy},
		{"petar-dfa", "Go petar-dambovaliev, DFA (leftmost-longest)", false, 16, gopeers, goWhy},
		{"petar-nfa", "Go petar-dambovaliev, NFA (overlapping)", true, 1, gopeers, goWhy},
		{"bobusumisu", "Go BobuSumisu/aho-corasick", true, 19, gopeers, goWhy},
		{"cloudflare", "Go cloudflare/ahocorasick (each word once)", false, 66, gopeers, goWhy},
		{"go-zero", "Go go-zero stringx.Trie (each word once)", false, 1, gopeers, goWhy},
		{"houbb", "Java houbb/sensitive-word, as it comes", false, 1, java, javaWhy},
		{"houbb-plain", "Java houbb/sensitive-word, folding off", false, 1, java, javaWhy},
	}
	return targets, nil
}

// quietly runs a build and returns the end of what it said when it failed.
func quietly(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		said := strings.TrimSpace(string(out))
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said[max(0, len(said)-600):])
	}
	return nil
}

func buildRust(source, cache string) ([]string, string) {
	dir := filepath.Join(source, "peers", "rust")
	if err := quietly(dir, "cargo", "build", "--quiet", "--release", "--locked", "--target-dir", filepath.Join(cache, "rust")); err != nil {
		return nil, err.Error()
	}
	return []string{filepath.Join(cache, "rust", "release", "hegui-bench-peers")}, ""
}

func buildGo(source, cache string) ([]string, string) {
	bin := filepath.Join(cache, "go-peers")
	if err := quietly(filepath.Join(source, "peers", "go"), "go", "build", "-o", bin, "."); err != nil {
		return nil, err.Error()
	}
	return []string{bin}, ""
}

// buildJava takes houbb from Maven Central, or from -houbb where that is not to be had.
func buildJava(o options, cache string) ([]string, string) {
	dir, err := filepath.Abs(filepath.Join(o.source, "peers", "java"))
	if err != nil {
		return nil, err.Error()
	}
	path := o.houbb
	if path == "" {
		jars := filepath.Join(cache, "jars")
		if err := quietly(dir, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory="+jars); err != nil {
			return nil, err.Error()
		}
		path = filepath.Join(jars, "*")
	}
	classes := filepath.Join(cache, "classes")
	if err := quietly(dir, "javac", "-cp", path, "-d", classes, "Peers.java"); err != nil {
		return nil, err.Error()
	}
	return []string{"java", "-Xmx4g", "-cp", classes + string(os.PathListSeparator) + path, "Peers"}, ""
}

// runner is a running engine.
type runner struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err *strings.Builder
}

// start runs an engine and waits until it is built.
func start(t target, core string, words string, texts []string) (*runner, answer, error) {
	args := append(append([]string{}, t.command...), t.name, words)
	args = append(args, texts...)
	if core != "" {
		args = append([]string{"taskset", "-c", core}, args...)
	}
	r := &runner{cmd: exec.Command(args[0], args[1:]...), err: new(strings.Builder)}
	r.cmd.Stderr = r.err
	var err error
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		return nil, answer{}, err
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, answer{}, err
	}
	r.out = bufio.NewScanner(out)
	if err := r.cmd.Start(); err != nil {
		return nil, answer{}, err
	}
	a, err := r.read()
	if err != nil {
		r.stop()
		return nil, a, err
	}
	return r, a, nil
}

func (r *runner) read() (answer, error) {
	var a answer
	if !r.out.Scan() {
		return a, fmt.Errorf("ended early: %s", strings.TrimSpace(r.err.String()))
	}
	if err := json.Unmarshal(r.out.Bytes(), &a); err != nil {
		return a, fmt.Errorf("answered %q: %w", r.out.Text(), err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

func (r *runner) ask(q request) (answer, error) {
	line, err := json.Marshal(q)
	if err != nil {
		return answer{}, err
	}
	if _, err := r.in.Write(append(line, '\n')); err != nil {
		return answer{}, err
	}
	return r.read()
}

// stop ends the engine and waits for it; how it ended tells nothing any more.
func (r *runner) stop() {
	_ = r.in.Close()
	_ = r.cmd.Wait()
}
