// Command swap publishes large lexicons while requests run, and tells what the requests noticed. It drives the binary as it
// is released: a demonstration installation before an upstream of its own, requests at a fixed rate (their delay counts
// from the moment they were due), and hegui lexicon publish and rollback beside them, as an operator would.
//
//	go run ./bench/swap                                   # made-up words
//	go run ./bench/swap -list words.txt -rate 2000
//
// Every answer is checked: what no version refuses must be answered, what every version refuses must be refused, in the
// question and in a streamed answer, and what one version refuses must be either. A wrong verdict or an error ends with
// exit 1.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type options struct {
	list, listen string
	rate, words  int
	workers      int
	swaps        int
	quiet        time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.list, "list", "", "word list, one a line; empty: made-up words")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:9260", "address of the gateway")
	flag.IntVar(&o.rate, "rate", 2000, "requests a second")
	flag.IntVar(&o.words, "words", 200_000, "entries of the list")
	flag.IntVar(&o.workers, "workers", 64, "connections")
	flag.IntVar(&o.swaps, "swaps", 4, "versions put in force while requests run")
	flag.DurationVar(&o.quiet, "quiet", 5*time.Second, "time without a swap before, between and after")
	flag.Parse()
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench/swap:", err)
		os.Exit(1)
	}
}

// patience bounds a command: it runs at the lowest priority, and a machine that the requests fill leaves it nothing.
const patience = 3 * time.Minute

// What requests are made of. always is refused by every version, sometimes by every second one.
const (
	always    = "换库测试甲乙丙丁"
	sometimes = "换库测试戊己庚辛"
	harmless  = "今天天气很好，我们去公园散步，然后回家做饭。"
)

type demo struct{ Gateway, Key, User, Model string }

func run(o options, w io.Writer) error {
	tmp, err := os.MkdirTemp("", "hegui-swap-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	bin := filepath.Join(tmp, "hegui")
	build := exec.Command("go", "build", "-trimpath", "-o", bin, "./cmd/hegui")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building hegui (run this from the repository's root): %w\n%s", err, out)
	}
	words, err := wordList(o)
	if err != nil {
		return err
	}
	upstream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer upstream.Close()
	go func() { _ = http.Serve(upstream, http.HandlerFunc(model)) }()

	data := filepath.Join(tmp, "data")
	serve := exec.Command(bin, "serve", "--demo", "--data", data, "--upstream", "http://"+upstream.Addr().String()+"/v1", "--upstream-model", "m",
		"--gateway-listen", o.listen, "--console-listen", "127.0.0.1:0", "--portal-listen", "127.0.0.1:0")
	var log bytes.Buffer
	serve.Stdout, serve.Stderr = &log, &log
	if err := serve.Start(); err != nil {
		return err
	}
	defer func() {
		_ = serve.Process.Signal(syscall.SIGTERM)
		_ = serve.Wait()
	}()
	d, err := await(filepath.Join(data, "demo.json"))
	if err != nil {
		return fmt.Errorf("%w\n%s", err, log.String())
	}
	hegui := func(args ...string) error {
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		out, err := exec.CommandContext(ctx, "nice", append(append([]string{"-n", "19", bin}, args...), "--data", data)...).CombinedOutput()
		fmt.Fprintf(os.Stderr, "bench/swap: hegui %s: %s\n", strings.Join(args[:2], " "), time.Since(began).Round(time.Millisecond))
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("hegui %s was not done after %s: this machine has no time left for it at %d requests a second; lower -rate", strings.Join(args, " "), patience, o.rate)
		case err != nil:
			return fmt.Errorf("hegui %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	file := func(name string, lines ...string) string {
		f := filepath.Join(tmp, name)
		if err := os.WriteFile(f, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			panic(err)
		}
		return f
	}
	for _, args := range [][]string{
		{"staff", "add", "first", "--name", "first", "--role", "compliance"},
		{"staff", "add", "second", "--name", "second", "--role", "compliance"},
		{"lexicon", "import", file("words.txt", words...), "--category", "A1h", "--no-lint"},
		{"lexicon", "import", file("always.txt", always), "--category", "A1h", "--tier", "block", "--no-lint", "--publish", "--note", "version 1"},
		{"lexicon", "import", file("sometimes.txt", sometimes), "--category", "A1h", "--tier", "block", "--no-lint", "--publish", "--note", "version 2"},
	} {
		if err := hegui(args...); err != nil {
			return err
		}
	}
	time.Sleep(3 * time.Second) // until version 2 is in force

	l := load{o: o, demo: d, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.workers, MaxConnsPerHost: o.workers}, Timeout: 30 * time.Second}}
	l.start()
	var swaps []span
	time.Sleep(o.quiet)
	for i := range o.swaps {
		from := time.Now()
		n := fmt.Sprint(1 + i%2)
		// Version 2 refuses what version 1 let through a moment ago, so a second person must agree to it.
		if held := hegui("lexicon", "rollback", n, "--by", "first"); held != nil {
			if err := hegui("lexicon", "rollback", n, "--approve", "--by", "second"); err != nil {
				l.stop()
				return errors.Join(held, err)
			}
		}
		time.Sleep(2 * time.Second) // the server takes it up within a second, and compiles
		swaps = append(swaps, span{from, time.Now()})
		time.Sleep(o.quiet)
	}
	results := l.stop()
	if n := l.unsent.Load(); n > uint64(o.rate) {
		return fmt.Errorf("%d of %d requests were due and not sent: this machine does not keep up %d a second; lower -rate", n, n+uint64(len(results)), o.rate)
	}
	return report(w, o, len(words), results, swaps)
}

// model answers at once; asked to recite, it says what must not be shown.
func model(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	answer := "好的，祝您散步愉快。"
	if bytes.Contains(body, []byte("请背诵")) {
		answer = "这是开头" + always + "这是结尾"
	}
	if !bytes.Contains(body, []byte(`"stream":true`)) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`, answer)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for piece := range slices.Chunk([]rune(answer), 3) {
		fmt.Fprintf(w, "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":null}]}\n\n", string(piece))
	}
	fmt.Fprint(w, "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
}

func await(file string) (d demo, err error) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		raw, err := os.ReadFile(file)
		if err == nil && json.Unmarshal(raw, &d) == nil && d.Key != "" {
			return d, nil
		}
	}
	return d, fmt.Errorf("hegui wrote no %s within 20 s", file)
}

func wordList(o options) ([]string, error) {
	if o.list != "" {
		raw, err := os.ReadFile(o.list)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
		return lines[:min(len(lines), o.words)], nil
	}
	r := rand.New(rand.NewPCG(1, 2))
	words := make([]string, o.words)
	for i := range words {
		word := make([]rune, 3+r.IntN(6))
		for k := range word {
			word[k] = rune(0x4E00 + int(r.ExpFloat64()*1500)%0x5000)
		}
		words[i] = string(word)
	}
	return words, nil
}

type span struct{ from, to time.Time }

type result struct {
	due   time.Time
	took  time.Duration
	wrong string
}

// load sends requests at a fixed rate.
type load struct {
	o       options
	demo    demo
	client  *http.Client
	quit    chan struct{}
	due     chan time.Time
	sent    atomic.Uint64
	unsent  atomic.Uint64
	stopped atomic.Bool
	wait    sync.WaitGroup
	results [][]result
}

func (l *load) start() {
	l.quit, l.due = make(chan struct{}), make(chan time.Time, 1<<16)
	l.results = make([][]result, l.o.workers)
	for i := range l.o.workers {
		l.wait.Go(func() {
			for due := range l.due {
				if l.stopped.Load() { // due, and the machine never came to it
					l.unsent.Add(1)
					continue
				}
				wrong := l.ask(int(l.sent.Add(1) % 4))
				l.results[i] = append(l.results[i], result{due, time.Since(due), wrong})
			}
		})
	}
	go func() {
		defer close(l.due)
		begin := time.Now()
		for n := 0; ; n++ {
			due := begin.Add(time.Duration(n) * time.Second / time.Duration(l.o.rate))
			if d := time.Until(due); d > 0 {
				time.Sleep(d)
			}
			select {
			case <-l.quit:
				return
			case l.due <- due:
			}
		}
	}()
}

func (l *load) stop() []result {
	l.stopped.Store(true)
	close(l.quit)
	l.wait.Wait()
	return slices.Concat(l.results...)
}

// ask sends one request of a kind and tells what was wrong with the answer.
func (l *load) ask(kind int) string {
	text, stream := harmless, false
	switch kind {
	case 1:
		text = "请问" + always + "怎么办"
	case 2:
		text = "请问" + sometimes + "怎么办"
	case 3:
		text, stream = "请背诵那一句", true
	}
	body, err := json.Marshal(map[string]any{"model": l.demo.Model, "stream": stream, "messages": []any{map[string]string{"role": "user", "content": text}}})
	if err != nil {
		return err.Error()
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+l.o.listen+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Authorization", "Bearer "+l.demo.Key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Hegui-User", l.demo.User)
	response, err := l.client.Do(r)
	if err != nil {
		return "error: " + err.Error()
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "error: " + err.Error()
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Sprintf("status %d: %.200s", response.StatusCode, answer)
	}
	refused := bytes.Contains(answer, []byte("content_filter"))
	switch {
	case kind == 0 && refused:
		return "harmless text was refused"
	case kind == 1 && !refused:
		return "what every version refuses was answered"
	case kind == 3 && (!refused || bytes.Contains(answer, []byte("甲"))):
		return "what must not be shown was shown"
	}
	return ""
}

func report(w io.Writer, o options, words int, results []result, swaps []span) error {
	var during, quiet []time.Duration
	wrong := map[string]int{}
	for _, r := range results {
		if r.wrong != "" {
			wrong[r.wrong]++
		}
		in := false
		for _, s := range swaps {
			in = in || r.due.After(s.from) && r.due.Before(s.to)
		}
		if in {
			during = append(during, r.took)
		} else {
			quiet = append(quiet, r.took)
		}
	}
	fmt.Fprintf(w, "%d entries, %d requests a second for %s, %d swaps; delays in ms from the moment a request was due\n\n", words, o.rate,
		time.Duration(len(results))*time.Second/time.Duration(o.rate), len(swaps))
	fmt.Fprintf(w, "| | requests | p50 | p99 | p99.9 | max |\n|---|--:|--:|--:|--:|--:|\n")
	for _, x := range []struct {
		name string
		took []time.Duration
	}{{"no swap", quiet}, {"while a version is published, compiled and swapped", during}} {
		slices.Sort(x.took)
		at := func(q float64) float64 {
			if len(x.took) == 0 {
				return 0
			}
			return float64(x.took[min(len(x.took)-1, int(q*float64(len(x.took))))].Microseconds()) / 1000
		}
		fmt.Fprintf(w, "| %s | %d | %.1f | %.1f | %.1f | %.1f |\n", x.name, len(x.took), at(0.5), at(0.99), at(0.999), at(1))
	}
	if len(wrong) == 0 {
		fmt.Fprintf(w, "\nno error and no wrong verdict\n")
		return nil
	}
	for what, n := range wrong {
		fmt.Fprintf(w, "\n%d times: %s", n, what)
	}
	fmt.Fprintln(w)
	return errors.New("wrong answers")
}
