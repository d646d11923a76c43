package label

import (
	"errors"
	"fmt"
	"strings"
)

// usccAlphabet is the 31-character alphabet of GB 32100: digits and capitals without I, O, S, V, Z.
const usccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

// CheckUSCC tells what is wrong with an 18-character unified social credit code (GB 32100): length, alphabet or the
// check character at the end. It does not know whether the code was ever given out.
func CheckUSCC(uscc string) error {
	if len(uscc) != 18 {
		return fmt.Errorf("unified social credit code %q has %d characters; it must have 18", uscc, len(uscc))
	}
	sum, weight := 0, 1
	for i := 0; i < 18; i++ {
		v := strings.IndexByte(usccAlphabet, uscc[i])
		if v < 0 {
			return fmt.Errorf("unified social credit code %q: character %q at place %d; only digits and capitals without I, O, S, V, Z", uscc, uscc[i], i+1)
		}
		if i == 17 {
			if want := (31 - sum%31) % 31; v != want {
				return fmt.Errorf("unified social credit code %q: check character is %q, computed %q; a character is mistyped", uscc, uscc[17], usccAlphabet[want])
			}
			return nil
		}
		sum += v * weight
		weight = weight * 3 % 31
	}
	return nil
}

// ProviderCode composes the 27-character code of TC260-PG-20252A from a unified social credit code and a 4-character
// model or application code (empty gives 00000). The subject is who offers the service, not the vendor of the model.
func ProviderCode(uscc, extension string) (string, error) {
	if err := CheckUSCC(uscc); err != nil {
		return "", fmt.Errorf("label: provider code: %w", err)
	}
	if extension == "" {
		return "0011" + uscc + "00000", nil
	}
	if len(extension) != 4 || !upperAlnum(extension) {
		return "", fmt.Errorf("label: provider code: extension %q: must be 4 digits or capital letters, or empty", extension)
	}
	return "0011" + uscc + "1" + extension, nil
}

// checkProvider checks a value that has the shape of a provider code. Names and free subject codes pass: the standard
// allows a name or a code, and codes for persons and other subjects have no published shape.
func checkProvider(v string) error {
	if len(v) != 27 || !upperAlnum(v) || !strings.HasPrefix(v, "0011") {
		return nil
	}
	if err := CheckUSCC(v[4:22]); err != nil {
		return err
	}
	switch ext := v[22:]; {
	case ext == "00000", ext[0] == '1', ext[0] == '2':
		return nil
	}
	return errors.New("the five characters after the credit code must be 00000, or 1 (generation) or 2 (propagation) and four of your own")
}

func upperAlnum(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
