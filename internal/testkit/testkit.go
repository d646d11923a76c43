// Package testkit is for tests only: a private PostgreSQL server, a browser, keys and databases that vanish with the test.
package testkit

import (
	"os"
	"testing"
)

// Missing handles a tool that is not installed: under CI=true the test fails, for nothing is skipped there; at home it is
// skipped with a message that says what to install.
func Missing(t testing.TB, tool, mend string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing under CI: %s", tool, mend)
	}
	t.Skipf("%s is missing: %s (make test installs it)", tool, mend)
}
