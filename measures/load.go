package measures

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"sync"
)

//go:embed data/*.json
var files embed.FS

type library struct {
	duties      []Duty
	articles    []Article
	risks       []Risk
	instruments []Instrument
	authorities []Authority
	clocks      []Clock
	calendar    calendar
	verified    struct {
		On   string `json:"on"`
		Note string `json:"note"`
	}
	version string
}

// book reads the embedded data on first use. It is part of the program text, so a fault in it is a programming error: it
// panics, and the tests of this package read every file.
var book = sync.OnceValue(func() *library {
	l, err := load(files)
	if err != nil {
		panic(err)
	}
	return l
})

// load reads all data files strictly: an unknown field, or bytes after the value, is an error that names the file.
func load(from fs.FS) (*library, error) {
	l := &library{}
	sum := sha256.New()
	for _, f := range []struct {
		name string
		into any
	}{
		{"articles", &l.articles},
		{"authorities", &l.authorities},
		{"calendar", &l.calendar},
		{"clocks", &l.clocks},
		{"duties", &l.duties},
		{"instruments", &l.instruments},
		{"risks", &l.risks},
		{"verified", &l.verified},
	} {
		name := "data/" + f.name + ".json"
		raw, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, fmt.Errorf("measures: %w", err)
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(f.into); err != nil {
			return nil, fmt.Errorf("measures: %s: %w", name, err)
		}
		if d.More() {
			return nil, fmt.Errorf("measures: %s: more than one value", name)
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(raw))
		sum.Write(raw)
	}
	l.version = hex.EncodeToString(sum.Sum(nil))
	return l, l.calendar.index()
}
