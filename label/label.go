// Package label writes and reads the marks that Art 12, the Labelling Measures and GB 45438-2025 require on generated
// content. Pure: no database, no HTTP, no clock. This package: values and text; other carriers join it.
package label

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Implicit is the value of the implicit label: the seven keys of GB 45438-2025 Annex E b), in its order.
type Implicit struct {
	Label             string `json:"Label"` // "1" is generated, "2" may be, "3" suspected
	ContentProducer   string `json:"ContentProducer"`
	ProduceID         string `json:"ProduceID"`
	ReservedCode1     string `json:"ReservedCode1"`
	ContentPropagator string `json:"ContentPropagator"`
	PropagateID       string `json:"PropagateID"`
	ReservedCode2     string `json:"ReservedCode2"`
}

// Keys are the seven keys in the order of Annex E.
func Keys() []string {
	return []string{"Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"}
}

// field returns the place of one key's value, nil for a key that is not of the seven.
func (l *Implicit) field(key string) *string {
	switch key {
	case "Label":
		return &l.Label
	case "ContentProducer":
		return &l.ContentProducer
	case "ProduceID":
		return &l.ProduceID
	case "ReservedCode1":
		return &l.ReservedCode1
	case "ContentPropagator":
		return &l.ContentPropagator
	case "PropagateID":
		return &l.PropagateID
	case "ReservedCode2":
		return &l.ReservedCode2
	}
	return nil
}

// reserved tells the two keys that may be empty (Annex E f and i).
func reserved(key string) bool { return key == "ReservedCode1" || key == "ReservedCode2" }

// Produced returns the label of content first written by producer: at first writing the propagation pair equals the
// production pair (Annex E note 1).
func Produced(producer, produceID string) Implicit {
	return Implicit{Label: "1", ContentProducer: producer, ProduceID: produceID, ContentPropagator: producer, PropagateID: produceID}
}

// Validate checks character set (Annex E j, strict), that the five non-reserved values are present and that a 27-character
// provider code carries a valid unified social credit code (GB 32100). Errors name the key; all problems are told at once.
func (l Implicit) Validate() error { return l.validate(Keys()) }

// ValidatePropagation checks the propagator's part alone, as Validate does: what the producer wrote is the producer's.
func (l Implicit) ValidatePropagation() error {
	return l.validate([]string{"ContentPropagator", "PropagateID", "ReservedCode2"})
}

func (l Implicit) validate(keys []string) error {
	var errs []error
	for _, key := range keys {
		value := *l.field(key)
		if value == "" {
			if !reserved(key) {
				errs = append(errs, fmt.Errorf("label: %s is empty; GB 45438-2025 Annex E requires it", key))
			}
			continue
		}
		// An escaped quotation mark inside a reserved code (nested JSON) conforms.
		if at := strings.IndexFunc(value, func(r rune) bool { return !strict(r) && (r != '"' || !reserved(key)) }); at >= 0 {
			errs = append(errs, fmt.Errorf("label: %s %q: character at byte %d is not allowed; use visible ASCII without \" and \\ (no space, no Chinese): a provider code instead of a name", key, value, at))
			continue
		}
		switch key {
		case "Label":
			if value != "1" && value != "2" && value != "3" {
				errs = append(errs, fmt.Errorf("label: Label %q: must be \"1\" (is generated), \"2\" (may be) or \"3\" (suspected)", value))
			}
		case "ContentProducer", "ContentPropagator":
			if err := checkProvider(value); err != nil {
				errs = append(errs, fmt.Errorf("label: %s %q: %w", key, value, err))
			}
		}
	}
	return errors.Join(errs...)
}

// strict is the character set of Annex E j): 0x21, 0x23-0x5B, 0x5D-0x7E.
func strict(r rune) bool {
	return r == 0x21 || r >= 0x23 && r <= 0x5B || r >= 0x5D && r <= 0x7E
}

// JSON is the plain JSON text of the label, keys in order, never Base64, nothing escaped that need not be.
func (l Implicit) JSON() string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil { // seven strings cannot fail to encode
		panic(fmt.Sprintf("label: encode %+v: %v", l, err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
