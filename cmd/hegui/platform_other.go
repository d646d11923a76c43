//go:build !unix

package main

import (
	"errors"
	"os"
)

// flock has nothing to lock with here; a second server of the same directory is kept off by its busy ports only.
func flock(*os.File) error { return nil }

// hangupSignals is empty: there is no SIGHUP here.
func hangupSignals() []os.Signal { return []os.Signal{os.Kill} }

// freeDisk cannot be asked for here.
func freeDisk(string) (int64, error) {
	return 0, errors.New("free disk space is not known on this system")
}
