package hosted

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/hegui/hegui/measures"
)

//go:embed labels.yaml
var labelsYAML []byte

// labels maps a vendor's labels to the 31 risks. Longer names are tried first: a/b, then a.
type labels struct {
	Default string            `yaml:"default"` // of a label that is not in the table
	Labels  map[string]string `yaml:"labels"`

	// Subjects are labels, of those above or below one, that name a subject and no harm; found ones are observed only.
	Subjects []string `yaml:"subjects"`
}

// of is the risk of a label, and whether it names a subject only; known is false when it is the default.
func (l labels) of(label string) (risk string, subject, known bool) {
	label = strings.ToLower(label)
	for {
		subject = subject || slices.Contains(l.Subjects, label)
		if risk, ok := l.Labels[label]; ok {
			return risk, subject, true
		}
		i := strings.LastIndexAny(label, "/_")
		if i < 0 {
			return l.Default, false, false
		}
		label = label[:i]
	}
}

func labelTable() (map[string]labels, error) {
	var table map[string]labels
	if err := yaml.UnmarshalWithOptions(labelsYAML, &table, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("hosted: labels.yaml: %w", err)
	}
	for vendor, l := range table {
		for label, risk := range l.Labels {
			if _, ok := measures.RiskByID(risk); !ok || label != strings.ToLower(label) {
				return nil, fmt.Errorf("hosted: labels.yaml: %s: %s: %q is no risk, or the label is not in lower case", vendor, label, risk)
			}
		}
		for _, subject := range l.Subjects {
			if _, _, ok := l.of(subject); !ok {
				return nil, fmt.Errorf("hosted: labels.yaml: %s: subjects: %q is under no label", vendor, subject)
			}
		}
		if _, ok := measures.RiskByID(l.Default); !ok {
			return nil, fmt.Errorf("hosted: labels.yaml: %s: default %q is no risk", vendor, l.Default)
		}
	}
	return table, nil
}

// RiskOf is the risk of GB/T 45654-2025 Annex A that a label of a vendor stands for, and whether it only names a subject. A label that
// is not in the table stands for the vendor's default.
func RiskOf(vendor, label string) (risk string, subject bool, err error) {
	table, err := labelTable()
	if err != nil {
		return "", false, err
	}
	of, ok := table[vendor]
	if !ok {
		return "", false, fmt.Errorf("hosted: no labels of vendor %q", vendor)
	}
	risk, subject, _ = of.of(label)
	return risk, subject, nil
}
