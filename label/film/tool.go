package film

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hegui/hegui/label/carrier"
)

// ErrTool says that a command is needed and not there.
var ErrTool = errors.New("film: a command is missing")

// ErrFailed says that a command was there and did not do what it was asked for; most often the file is damaged.
var ErrFailed = errors.New("film: the command failed")

// Limits bound what a file can make the commands do. Zero values are the usual ones, ours.
type Limits struct {
	Time    time.Duration // of one command; 10 minutes
	Bytes   int64         // of a file that is given to them or written by them; 2 GB
	Threads int           // 2
	Pixels  int           // of one frame; 36 million, a little more than 8K
}

func (l Limits) settled() Limits {
	if l.Time <= 0 {
		l.Time = 10 * time.Minute
	}
	if l.Bytes <= 0 {
		l.Bytes = 2 << 30
	}
	if l.Threads <= 0 {
		l.Threads = 2
	}
	if l.Pixels <= 0 {
		l.Pixels = 36_000_000
	}
	return l
}

// bench is where one file is worked on: a directory of its own and the commands.
type bench struct {
	dir             string
	ffmpeg, ffprobe string
	limits          Limits
}

// Ready is ErrTool where the commands are missing.
func Ready() error {
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(name); err != nil {
			return missing(name)
		}
	}
	return nil
}

func missing(name string) error {
	return fmt.Errorf("%w: %s is needed to mark or to look at film and compressed sound; install it (Debian, Ubuntu: apt-get install ffmpeg; others: https://ffmpeg.org/download.html) and put it on the PATH", ErrTool, name)
}

// open finds the commands and makes the directory. It must be closed.
func open(l Limits) (*bench, error) {
	w := &bench{limits: l.settled()}
	for name, path := range map[string]*string{"ffmpeg": &w.ffmpeg, "ffprobe": &w.ffprobe} {
		found, err := exec.LookPath(name)
		if err != nil {
			return nil, missing(name)
		}
		*path = found
	}
	dir, err := os.MkdirTemp("", "hegui-film-")
	if err != nil {
		return nil, fmt.Errorf("film: %w", err)
	}
	w.dir = dir
	return w, nil
}

func (w *bench) close() { _ = os.RemoveAll(w.dir) }

func (w *bench) path(name string) string { return filepath.Join(w.dir, name) }

// put copies a file to where the commands can read it. Its name says nothing that the sender chose.
func (w *bench) put(name string, f *carrier.File) (string, error) {
	if f.Size() > w.limits.Bytes {
		return "", &carrier.Error{Format: "film", Kind: carrier.TooLarge, Offset: -1, Rule: fmt.Sprintf("the file has %d bytes, at most %d are worked on", f.Size(), w.limits.Bytes)}
	}
	path := w.path(name)
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("film: %w", err)
	}
	_, err = io.Copy(out, f.Section(0, f.Size()))
	if bad := out.Close(); err == nil {
		err = bad
	}
	if err != nil {
		return "", fmt.Errorf("film: copy: %w", err)
	}
	return path, nil
}

// from is how a file of somebody's is opened: as the kind that its first bytes say, so that no playlist is followed, and from this disk only.
func from(demuxer, path string) []string {
	args := []string{"-protocol_whitelist", "file,pipe", "-f", demuxer}
	if demuxer == "mov" { // times are those of the tables, which Go reads too
		args = append(args, "-ignore_editlist", "1")
	}
	return append(args, "-i", path)
}

// shown is from, with what an edit list hides left out, as players do.
func shown(demuxer, path string) []string {
	return []string{"-protocol_whitelist", "file,pipe", "-f", demuxer, "-i", path}
}

// run starts ffmpeg and returns what it writes to its output, at most most bytes.
func (w *bench) run(ctx context.Context, most int64, args ...string) ([]byte, error) {
	n := strconv.Itoa(w.limits.Threads)
	head := []string{"-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y", "-filter_threads", n, "-filter_complex_threads", n, "-threads", n}
	return w.start(ctx, most, w.ffmpeg, append(head, args...))
}

func (w *bench) start(ctx context.Context, most int64, command string, args []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, w.limits.Time)
	defer cancel()
	out, said := &limited{most: most, cancel: cancel}, &tail{}
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = w.dir, out, said
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "TMPDIR=" + w.dir, "LC_ALL=C", "SystemRoot=" + os.Getenv("SystemRoot")}
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	name := filepath.Base(command)
	switch {
	case out.over:
		return nil, fmt.Errorf("%w: %s wrote more than %d bytes", ErrFailed, name, most)
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil:
		return nil, fmt.Errorf("%w: %s took longer than %s: %w", ErrFailed, name, w.limits.Time, ctx.Err())
	case ctx.Err() != nil && err != nil:
		return nil, fmt.Errorf("film: %s: %w", name, ctx.Err())
	case err != nil && strings.Contains(string(said.b), "Unknown encoder"):
		return nil, fmt.Errorf("%w: this %s was built without an encoder that is needed: %s", ErrTool, name, said.last())
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w: %s", ErrFailed, name, err, said.last())
	}
	return out.b.Bytes(), nil
}

// limited keeps what a command writes and ends the command when it is too much.
type limited struct {
	b      bytes.Buffer
	most   int64
	over   bool
	cancel func()
}

func (l *limited) Write(p []byte) (int, error) {
	if int64(l.b.Len()+len(p)) > l.most {
		l.over = true
		l.cancel()
		return 0, io.ErrShortWrite
	}
	return l.b.Write(p)
}

// tail keeps the end of what a command complains of.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 4096
	t.b = append(t.b, p...)
	if len(t.b) > 2*most {
		t.b = append(t.b[:0], t.b[len(t.b)-most:]...)
	}
	return len(p), nil
}

// last is the last line, in visible characters.
func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	line := strings.ToValidUTF8(lines[len(lines)-1], "?")
	if r := []rune(line); len(r) > 300 {
		line = string(r[:300])
	}
	if line == "" {
		return "it said nothing"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, line)
}
