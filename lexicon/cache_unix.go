//go:build unix

package lexicon

import (
	"errors"
	"os"
	"runtime"
	"syscall"

	"github.com/hegui/hegui/moderation"
)

// mapFile maps a file for reading. A file that is replaced keeps its old content for those who have it mapped.
func mapFile(file string) (data []byte, release func(), err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.Size() == 0 {
		return nil, nil, errors.New("empty")
	}
	data, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return data, func() { _ = syscall.Munmap(data) }, nil
}

// freeWith unmaps when nobody has the lexicon any more.
func freeWith(l *moderation.Lexicon, release func()) {
	runtime.AddCleanup(l, func(release func()) { release() }, release)
}
