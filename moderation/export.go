package moderation

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ExportCSV writes entries with all their fields, as Import reads them back.
func ExportCSV(w io.Writer, entries []Entry) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"id", "text", "kind", "allow", "category", "tier", "severity", "border", "forms", "context", "scope", "source", "owner", "note", "expires"})
	for _, e := range entries {
		var forms []string
		for _, f := range []struct {
			set  bool
			name string
		}{{e.Forms.Separated, "separated"}, {e.Forms.Pinyin, "pinyin"}, {e.Forms.Split, "split"}, {e.Forms.Reversed, "reversed"}} {
			if f.set {
				forms = append(forms, f.name)
			}
		}
		context, scope, severity := "", "", ""
		if len(e.Context) > 0 {
			b, err := json.Marshal(e.Context)
			if err != nil {
				return fmt.Errorf("moderation: export %s: %w", e.ID, err)
			}
			context = string(b)
		}
		if b, err := json.Marshal(e.Scope); err != nil {
			return fmt.Errorf("moderation: export %s: %w", e.ID, err)
		} else if s := string(b); s != "{}" {
			scope = s
		}
		if e.Severity > 0 {
			severity = strconv.Itoa(e.Severity)
		}
		kind := string(e.Kind)
		if kind == "" {
			kind = "contain"
		}
		_ = out.Write([]string{e.ID, e.Text, kind, yesNo(e.Allow), e.Category, string(e.Tier), severity, yesNo(e.Border), strings.Join(forms, " "), context, scope,
			e.Source, e.Owner, e.Note, e.Expires})
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("moderation: export: %w", err)
	}
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
