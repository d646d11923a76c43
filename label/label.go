// Package label writes and reads the marks that Art 12, the Labelling Measures and GB 45438-2025 require on generated
// content. Pure: no database, no HTTP, no clock. This file: values and text; other carriers join it.
package label

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

// Produced returns the label of content first written by producer: at first writing the propagation pair equals the
// production pair (Annex E note 1).
func Produced(producer, produceID string) Implicit { panic("skeleton") }

// Validate checks character set (Annex E j, strict), that the five non-reserved values are present and that a 27-character
// provider code carries a valid unified social credit code (GB 32100). Errors name the key.
func (l Implicit) Validate() error { panic("skeleton") }

// JSON is the plain JSON text of the label, keys in order, never Base64.
func (l Implicit) JSON() string { panic("skeleton") }

// ProviderCode composes the 27-character code of TC260-PG-20252A from a unified social credit code and a 4-character
// model or application code (empty gives 00000).
func ProviderCode(uscc, extension string) (string, error) { panic("skeleton") }

// Place says where the explicit text label stands (GB 45438-2025 5.1).
type Place string

const (
	Start Place = "start"
	End   Place = "end"
	UI    Place = "ui" // a continuous notice in the interface; only an obligation is sent (GB 45438-2025 5.6)
)

// Text is a worded label. Both elements (人工智能/AI and 生成/合成) are always present.
type Text struct {
	Prefix string // goes before the first visible character, "" unless Place is Start
	Suffix string // goes after the last, "" unless Place is End
}

// Words returns the label for a place and a language ("zh", "en").
func Words(p Place, lang string) Text { panic("skeleton") }

// HasExplicit tells whether text carries a worded label: both elements within the first or last 64 characters.
func HasExplicit(text string) bool { panic("skeleton") }
