package testkit

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Python returns a function that runs a Python program with the pinned packages ("mutagen==1.48.1") at hand and returns what it prints. They are
// installed once into the user's cache, never into the machine.
func Python(t testing.TB, packages ...string) func(program string, args ...string) string {
	t.Helper()
	if exec.Command("python3", "-m", "pip", "--version").Run() != nil {
		Missing(t, "python3 with pip", "install python3 and python3-pip")
	}
	base, err := os.UserCacheDir()
	if err != nil {
		base = os.TempDir()
	}
	sum := sha256.Sum256([]byte(strings.Join(packages, " ")))
	dir := filepath.Join(base, "hegui-python", hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(filepath.Join(dir, "installed")); err != nil {
		out, err := exec.CommandContext(t.Context(), "python3", append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", dir}, packages...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("install %s: %v\n%s", strings.Join(packages, " "), err, out)
		}
		if err := os.WriteFile(filepath.Join(dir, "installed"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(program string, args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "python3", append([]string{"-c", program}, args...)...)
		c.Env = append(os.Environ(), "PYTHONPATH="+dir)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("python3: %v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
}

// Tool returns a function that runs an outside program and returns what it prints; mend says how to install it.
func Tool(t testing.TB, name, mend string) func(args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		Missing(t, name, mend)
	}
	return func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
}
