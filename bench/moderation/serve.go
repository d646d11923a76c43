package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// This file stands twice, here and in the other Go module of the benchmark, and a test holds the two to be the same: each
// Go engine runs in a process of its own, as those in Rust and Java do, and answers the same requests.

// builder makes an engine of words. The engine builds the result list that its library gives and returns its length; text
// comes as bytes and as the same in a string, so that no library pays for the other's form.
type builder func(words []string) (func(text []byte, same string) int, error)

// request is one line that a runner reads.
type request struct {
	Text     int   `json:"text"`     // which of the texts it was started with
	Messages int   `json:"messages"` // 0: the whole text at once; else this many messages of 1 KB from its beginning
	MinNS    int64 `json:"min_ns"`   // repeat until this much CPU time is used
}

// answer is one line that a runner writes: one when it is built, one for each request.
type answer struct {
	Error   string `json:"error,omitempty"`
	BuildNS int64  `json:"build_ns,omitempty"` // CPU time, with what the collector of garbage took
	Memory  int64  `json:"memory,omitempty"`   // bytes that stay alive after building, the words themselves not counted
	CPUNS   int64  `json:"cpu_ns,omitempty"`   // of all passes
	Passes  int64  `json:"passes,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"` // read in one pass
	Hits    int64  `json:"hits"`            // in one pass
	Allocs  int64  `json:"allocs"`          // in one pass; -1: not known
}

const messageSize = 1024

// messages cuts text into n messages of at most messageSize bytes, not through runes.
func messages(text string, n int) []string {
	var out []string
	for len(text) > messageSize && len(out) < n {
		end := messageSize
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		out = append(out, text[:end])
		text = text[end:]
	}
	return out
}

// cpu is the CPU time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprintf("getrusage of the process itself: %v", err)) // has no cause to fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// serve runs one engine: args are its name, the file of words (one a line) and the files of texts.
func serve(engines map[string]builder, args []string, in io.Reader, out io.Writer) error {
	if len(args) < 2 || engines[args[0]] == nil {
		return fmt.Errorf("arguments %q: want an engine, a file of words and files of texts", args)
	}
	data, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	words := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	var texts [][]byte
	for _, file := range args[2:] {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		texts = append(texts, text)
	}
	enc := json.NewEncoder(out)
	before, start := liveHeap(), cpu()
	scan, err := engines[args[0]](words)
	if err != nil {
		return enc.Encode(answer{Error: err.Error()})
	}
	built := cpu() - start
	if err := enc.Encode(answer{BuildNS: int64(built), Memory: max(0, liveHeap()-before)}); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		if r.Text < 0 || r.Text >= len(texts) {
			return fmt.Errorf("request for text %d of %d", r.Text, len(texts))
		}
		if err := enc.Encode(measure(scan, texts[r.Text], r)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func measure(scan func([]byte, string) int, text []byte, r request) answer {
	parts := []string{string(text)}
	if r.Messages > 0 {
		parts = messages(parts[0], r.Messages)
	}
	raw := make([][]byte, len(parts))
	var a answer
	for i, p := range parts {
		raw[i] = []byte(p)
		a.Bytes += int64(len(p))
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := cpu()
	for a.Passes == 0 || a.CPUNS < r.MinNS {
		a.Hits = 0
		for i, p := range parts {
			a.Hits += int64(scan(raw[i], p))
		}
		a.Passes++
		a.CPUNS = int64(cpu() - start)
	}
	runtime.ReadMemStats(&after)
	a.Allocs = int64(after.Mallocs-before.Mallocs) / a.Passes
	return a
}
