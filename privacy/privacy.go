// Package privacy finds and masks Chinese personal information in text (Art 11; PIPL 51). Pure: no database, no HTTP, no clock.
package privacy

// Kind of personal information.
type Kind string

const (
	ResidentID Kind = "resident_id" // GB 11643: region, date, ISO 7064 MOD 11-2 check digit
	Mobile     Kind = "mobile"
	BankCard   Kind = "bank_card" // Luhn and a known issuer prefix
	Email      Kind = "email"
)

// Span is one find; offsets are bytes in the text given.
type Span struct {
	Kind       Kind
	Start, End int
}

// Scan returns the finds in text, in order, not overlapping.
func Scan(text []byte) []Span { panic("skeleton") }

// Mask appends text to dst with every find masked (138****5678 style; digits and letters become '*', length in runes kept)
// and returns dst and the finds.
func Mask(dst, text []byte) ([]byte, []Span) { panic("skeleton") }

// Stream masks a channel while it streams: it holds back only what could still be part of a find (a running number or
// address). Its output depends on the text alone, never on how it was cut. Not safe for concurrent use.
type Stream struct{}

func NewStream() *Stream { panic("skeleton") }

// Write returns masked text that is final, and the finds completed (offsets in the whole unmasked text).
func (s *Stream) Write(chunk []byte) ([]byte, []Span) { panic("skeleton") }

// Close returns the rest.
func (s *Stream) Close() ([]byte, []Span) { panic("skeleton") }

// Version names the rules, for the record.
const Version = "privacy/1"
