// Package detector asks models about texts, for judgement beyond words (Art 4, 14): guard models behind any
// OpenAI-compatible endpoint, read by profiles that are data (profiles.yaml), and whatever else answers like them.
//
// A Guard puts the question and reads the answer. A Detector stands around it and decides whether the question is put at all:
// the cascade (Ask), the verdict cache, the breaker, prices and the daily cap. Both are moderation.Detectors.
//
// What holds for all of them: an answer that cannot be read is an outage with a reason, never a clear; a text that is too
// long is judged in overlapping pieces, never cut off; the text to judge is data and cannot leave its place in the question.
package detector

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/hegui/hegui/moderation"
)

// Kind is what rows of a policy ask for.
const Kind = "guard"

// Defaults of Settings. Ours: no rule names numbers for them.
const (
	DefaultTimeout   = 5 * time.Second
	DefaultMaxPieces = 64
	DefaultThreshold = 0.5
	DefaultContext   = 200 // characters
	maxOverlap       = 200 // characters that neighbouring pieces have in common
	maxAnswer        = 256 << 10
	callsAtOnce      = 4
)

// Settings of a Guard.
type Settings struct {
	Name      string
	Profile   string // id of a profile
	URL       string // up to and without /chat/completions
	Model     string // the model's name there
	Key       string // bearer token, may be empty; not part of the artefact
	Policy    string // the operator's own policy text, for profiles that take one
	Asks      []string
	Tier      moderation.Tier // of findings; "": the profile's
	Threshold float64         // for profiles with scores; 0: DefaultThreshold
	MaxChars  int             // of one call; 0: the profile's
	MaxPieces int             // calls about one text; 0: DefaultMaxPieces
	Context   int             // characters of an answer before the window that are judged with it; 0: DefaultContext, negative: none
	Window    int             // characters of a streaming answer judged together; 0: moderation.DefaultWindow
	Sync      bool            // no part of an answer is shown before it was judged
	Timeout   time.Duration   // of one check, all pieces; 0: DefaultTimeout
	OnError   moderation.OnError
}

// Usage is what a check has used.
type Usage struct {
	Calls     int64
	Chars     int64 // of texts sent
	In, Out   int64 // tokens that are counted
	Over      int64 // calls whose bill was more than the text can need
	OverIn    int64 // tokens billed beyond what is counted
	OverOut   int64
	Estimated int64 // calls without a usable bill
}

func (u *Usage) add(o Usage) {
	u.Calls += o.Calls
	u.Chars += o.Chars
	u.In += o.In
	u.Out += o.Out
	u.Over += o.Over
	u.OverIn += o.OverIn
	u.OverOut += o.OverOut
	u.Estimated += o.Estimated
}

// artefact is the hash of everything that an answer depends on here: the profile, the model and the settings.
func artefact(parts ...any) (string, error) {
	text, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("detector: artefact: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// unit brings a score into 0 … 1; what is no number is 0.
func unit(score float64) float64 {
	if math.IsNaN(score) {
		return 0
	}
	return min(max(score, 0), 1)
}
