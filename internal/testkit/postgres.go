package testkit

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hegui/hegui/internal/store"
)

// server is the one PostgreSQL server of a test binary, started by the first test that asks.
var server struct {
	once sync.Once
	port int
	err  error
	dbs  atomic.Int64
}

// Main runs a test binary's tests and ends its PostgreSQL server and browser. Every package that uses testkit servers
// calls it from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

var cleanups struct {
	mu  sync.Mutex
	all []func()
}

func atEnd(f func()) {
	cleanups.mu.Lock()
	defer cleanups.mu.Unlock()
	cleanups.all = append(cleanups.all, f)
}

// Stop ends what the tests of this binary started, for a TestMain that cannot use Main.
func Stop() {
	cleanups.mu.Lock()
	defer cleanups.mu.Unlock()
	for _, f := range cleanups.all {
		f()
	}
	cleanups.all = nil
}

// Engines runs a test on SQLite and on a real PostgreSQL server, each with an empty database.
func Engines(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite opens an empty database in the test's directory.
func SQLite(t testing.TB) *store.DB {
	t.Helper()
	return open(t, "sqlite:"+filepath.Join(t.TempDir(), "hegui.db"))
}

// Postgres creates an empty database on the test binary's own server.
func Postgres(t testing.TB) *store.DB {
	t.Helper()
	return open(t, PostgresDSN(t))
}

func open(t testing.TB, dsn string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// PostgresDSN creates an empty database and returns its address.
func PostgresDSN(t testing.TB) string {
	t.Helper()
	bin := postgresBin()
	if bin == "" {
		Missing(t, "PostgreSQL server", "apt-get install postgresql")
	}
	server.once.Do(func() { server.port, server.err = startPostgres(bin) })
	if server.err != nil {
		t.Fatalf("PostgreSQL server: %v", server.err)
	}
	name := fmt.Sprintf("t%d", server.dbs.Add(1))
	admin, err := sql.Open("pgx", address(server.port, "postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.Exec("CREATE DATABASE " + name + " TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"); err != nil {
		t.Fatalf("create database: %v", err)
	}
	return address(server.port, name)
}

func address(port int, name string) string {
	return fmt.Sprintf("postgres://hegui@127.0.0.1:%d/%s?sslmode=disable", port, name)
}

// postgresBin finds the newest installed server's programs.
func postgresBin() string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	sort.Slice(dirs, func(a, b int) bool { return version(dirs[a]) > version(dirs[b]) })
	if len(dirs) > 0 {
		return filepath.Dir(dirs[0])
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(strings.TrimPrefix(path, "/usr/lib/postgresql/"), "/")[0])
	return n
}

// startPostgres makes a cluster in a temporary directory and starts it on a free loopback port, as an unprivileged user
// when the tests run as root (PostgreSQL refuses root).
func startPostgres(bin string) (int, error) {
	dir, err := os.MkdirTemp("", "hegui-postgres-")
	if err != nil {
		return 0, err
	}
	atEnd(func() { _ = os.RemoveAll(dir) })
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT}
	if os.Geteuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			return 0, err
		}
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return 0, err
		}
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "hegui", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = attributes, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	logFile, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return 0, err
	}
	run := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "shared_buffers=32MB")
	run.SysProcAttr, run.Dir, run.Stdout, run.Stderr = attributes, dir, logFile, logFile
	if err := run.Start(); err != nil {
		return 0, err
	}
	atEnd(func() {
		_ = run.Process.Signal(os.Interrupt) // fast shutdown
		_ = run.Wait()
	})
	for range 200 {
		db, err := sql.Open("pgx", address(port, "postgres"))
		if err != nil {
			return 0, err
		}
		err = db.Ping()
		_ = db.Close()
		if err == nil {
			return port, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	out, _ := os.ReadFile(logFile.Name())
	return 0, fmt.Errorf("did not answer within 10 s:\n%s", out)
}
