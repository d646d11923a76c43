package console

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hegui/hegui/internal/web"
)

// sheet writes CSV that spreadsheet programs open as it is meant: UTF-8 with its mark, so that Chinese is not garbled, and
// no cell that would run as a formula (user agents and model names come from outside).
type sheet struct{ w *csv.Writer }

func newSheet(w io.Writer) *sheet {
	_, _ = io.WriteString(w, "\uFEFF") // a client that left is noticed at flush
	return &sheet{csv.NewWriter(w)}
}

func (s *sheet) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = fmt.Sprint(cell)
		if t, ok := cell.(string); ok && t != "" && strings.ContainsRune("=+-@\t\r", rune(t[0])) {
			texts[i] = "'" + t
		}
	}
	_ = s.w.Write(texts) // kept by the csv.Writer and returned by flush
}

func (s *sheet) flush() error {
	s.w.Flush()
	return s.w.Error()
}

// stampOf is a moment for a file: ISO 8601 with the zone.
func stampOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(web.China).Format("2006-01-02T15:04:05.000-07:00")
}
