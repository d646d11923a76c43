//go:build !unix

package lexicon

import (
	"os"

	"github.com/hegui/hegui/moderation"
)

func mapFile(file string) (data []byte, release func(), err error) {
	data, err = os.ReadFile(file)
	return data, func() {}, err
}

func freeWith(*moderation.Lexicon, func()) {}
