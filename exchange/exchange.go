// Package exchange keeps the record of every exchange: one request and its answer through the gateway (Art 14, 19).
//
// An exchange is opened before the first byte of its answer leaves and closed before its last; an opened exchange that
// was never closed (power cut, kill -9) is closed as Broken at the next start. What was said is sealed under the user's
// key; the journal carries only the Record below and commitments to the content.
package exchange

import (
	"encoding/json"
	"strings"
	"time"
)

// Verdict of an exchange as a whole (DESIGN glossary).
type Verdict string

const (
	Allow   Verdict = "allow"
	Mask    Verdict = "mask"
	Guide   Verdict = "guide"
	Refuse  Verdict = "refuse" // nothing was generated
	Stop    Verdict = "stop"   // generation was stopped; the clean beginning was delivered
	Retract Verdict = "retract"
	Replace Verdict = "replace"

	// UpstreamRefused: the model's provider refused the content, or its filter ended the answer; ours had nothing against it.
	UpstreamRefused Verdict = "upstream_refused"
)

// Outcome says how the exchange ended as a transport.
type Outcome string

const (
	Complete      Outcome = "complete"       // the answer was delivered whole, or its refusal was
	ClientLeft    Outcome = "client_left"    // the client went away; upstream was cancelled
	UpstreamError Outcome = "upstream_error" // no answer could be had
	Truncated     Outcome = "truncated"      // upstream broke off after content had been delivered; the client was told
	Rejected      Outcome = "rejected"       // a guard turned the request away before any model saw it
	Incomplete    Outcome = "incomplete"     // detached: the application did not send the whole text; nothing more was let through
	Broken        Outcome = "broken"         // hegui itself died; found and closed at the next start
)

// Intent is what is known before the model answers. It becomes the body of journal.ExchangeOpened.
type Intent struct {
	ID          string    `json:"id"`         // ULID; also X-Hegui-Exchange
	At          time.Time `json:"at"`         //
	ContentID   string    `json:"content_id"` // the label's ProduceID
	Service     string    `json:"service"`
	Application string    `json:"application"`
	Key         string    `json:"key"`       // key id, never the secret
	User        string    `json:"user"`      // pseudonym (users.Subject)
	Operation   string    `json:"operation"` // chat, completion, embedding; ScreenIn, ScreenOut
	Model       string    `json:"model"`     // as asked for
	Stream      bool      `json:"stream"`
	Source      string    `json:"source"`      // client address and port (CSL 23, SAP item 3); kept as network log, see DESIGN §5
	Destination string    `json:"destination"` // local address
	Client      string    `json:"client"`      // user agent, at most 200 bytes
	Input       string    `json:"input"`       // commitment to the request's text
	Policy      string    `json:"policy"`      // hash of the moderation policy in force
	Lexicon     string    `json:"lexicon"`     // hash of the lexicon in force

	// Detached names the way a text came that hegui only judged and the application shows itself: api, dify, litellm, …
	Detached string `json:"detached"`
}

// Finding is one detector's hit as it is recorded: never the matched text, only its place and its entry.
type Finding struct {
	Where    string `json:"where"`    // in, out
	Channel  string `json:"channel"`  // content, reasoning, tool:<n>, message:<n>, …
	Choice   int    `json:"choice"`   //
	Category string `json:"category"` // risk id, A1a … A5b, or personal-information kind
	Tier     string `json:"tier"`     // block, signal, observe, mask
	Detector string `json:"detector"` // lexicon, privacy, or the name of another
	Artefact string `json:"artefact"` // hash of the detector's data
	Entry    string `json:"entry"`    // id of the entry that hit
	Start    int    `json:"start"`    // byte offsets in the channel's logical text
	End      int    `json:"end"`

	Score  float64 `json:"score,omitempty"`  // of a detector that gives one
	Healed bool    `json:"healed,omitempty"` // in a turn of the history that no model was shown; it was judged when it was new
}

// Record is the final word on an exchange. It is the body of journal.ExchangeClosed or ExchangeRefused and, column by
// column, the row that the console lists.
type Record struct {
	Intent
	Ended    time.Time       `json:"ended"`
	Outcome  Outcome         `json:"outcome"`
	Verdict  Verdict         `json:"verdict"`
	Code     string          `json:"code"`     // our error or refusal code, empty when allowed
	Reason   string          `json:"reason"`   // one sentence, no content
	Route    string          `json:"route"`    // upstream that answered
	Answered string          `json:"answered"` // model name that upstream reported
	Tries    int             `json:"tries"`
	Label    string          `json:"label"`    // text (written into the answer), file (on and in every file), ui (obligation sent), none; none is only right for refusals and embeddings
	Output   string          `json:"output"`   // commitment to the text the user saw
	Blob     string          `json:"blob"`     // sha256 of the sealed content, empty when none is kept
	Checked  Checked         `json:"checked"`  // what was looked at, so that "nothing found" can be told from "not looked"
	Findings []Finding       `json:"findings"` // the first 64
	Total    int             `json:"findings_total"`
	Usage    json.RawMessage `json:"usage"`    // as upstream reported it, or null
	FirstMS  int64           `json:"first_ms"` // request to first byte of the answer, milliseconds
	Guards   []Outage        `json:"guards"`   // guards that could not do their work, and the declared rule that was followed

	// Provider is the row of the table of refusals that told that the model's provider refused (upstream/refusals.yaml).
	Provider string `json:"provider,omitempty"`

	// Answer is the approved answer that was given (id@version, "draft" when a model worded it), or "observed"/"not given" before it.
	Answer string `json:"answer,omitempty"`

	// Heightened is the measure by which the service followed a stricter profile of the policy for a time.
	Heightened string `json:"heightened,omitempty"`

	// Turns are commitments to what was refused in this exchange, so that it can be told when history brings it back.
	Turns []string `json:"refused_turns,omitempty"`

	// Healed is how many turns of the history the model was not shown, because they had been refused.
	Healed int `json:"healed,omitempty"`

	// Function is which of the service's functions the call belongs to; Consent the one it named, where a face or voice is edited.
	Function string `json:"function,omitempty"`
	Consent  string `json:"consent,omitempty"`

	// Files are those that came with the request and those that were generated, in this order.
	Files []File `json:"files,omitempty"`

	Releasable int64 `json:"releasable"` // detached: characters of the text that might be shown
}

// File is one that came or was generated, as it is recorded: what was looked at and by whom, nothing of what it shows.
type File struct {
	Where      string   `json:"where"`                 // in, out
	Channel    string   `json:"channel"`               // where in the request or answer it stood
	Kind       string   `json:"kind"`                  // by its content: png, pdf, …
	Bytes      int      `json:"bytes"`                 //
	Commitment string   `json:"commitment"`            // to its bytes, under the user's key
	Words      int      `json:"words,omitempty"`       // bytes of words in it that were screened as text
	Pictures   int      `json:"pictures,omitempty"`    // in a document
	Detectors  []string `json:"detectors,omitempty"`   // that looked at it or at the pictures in it
	Unchecked  string   `json:"unchecked,omitempty"`   // why it passed, by the service's rule, although not all of it was looked at
	Recalled   bool     `json:"recalled,omitempty"`    // it was judged before, by the same detectors, and nothing was found
	Label      string   `json:"label,omitempty"`       // what verification says of the label it came with; empty: none was found
	ProducedBy string   `json:"produced_by,omitempty"` // the provider that this label names
}

// Checked counts the bytes of logical text each guard looked at; a guard that was off has -1.
type Checked struct {
	In      int `json:"in"`
	Out     int `json:"out"`
	Privacy int `json:"privacy"`

	// Recalled is the part of In whose verdict was known: turns of a conversation that were judged before by the same artefacts.
	Recalled int `json:"recalled,omitempty"`
}

// Outage is a guard that failed in this exchange.
type Outage struct {
	Guard string `json:"guard"`
	Rule  string `json:"rule"` // closed (request refused), open (went on without it), degraded (went on without one detector)
	Error string `json:"error"`

	Detector string `json:"detector,omitempty"` // which one of the guard's
	MS       int64  `json:"ms,omitempty"`       // how long it was waited for in vain, milliseconds
	Bytes    int    `json:"bytes,omitempty"`    // how much text it has not looked at
}

// Content is what was said, sealed under the user's key. Nil fields are not kept.
type Content struct {
	Request  json.RawMessage `json:"request"`  // as received after privacy masking, at most 64 KiB, see MaxRequest
	Visible  string          `json:"visible"`  // what the user saw
	Withheld string          `json:"withheld"` // what was generated and not shown
}

// Operations of detached exchanges: hegui judged a text and the application shows it. What became of it is known only by an
// acknowledgement, see Store.Acknowledge.
const (
	ScreenIn  = "screen_in"
	ScreenOut = "screen_out"
)

// ProbeApplication marks the exchanges of hegui's own self-tests; Stats leaves them out.
const ProbeApplication = "hegui-probe"

// MaxRequest is how much of a request is kept, in bytes. A longer one is kept as a JSON string of its beginning, cut at a
// rune and followed by CutMark; the commitment covers the whole.
const (
	MaxRequest = 64 << 10
	CutMark    = " …[cut by hegui]"
)

// generated tells whether the user was shown text that a model made.
func (r *Record) generated() bool {
	switch r.Verdict {
	case Allow, Mask, Guide, Stop, UpstreamRefused:
		return r.Output != "" && r.Operation != "embedding" && r.Operation != "transcription" && r.Detached == ""
	}
	return false
}

// categories lists the risks found, for search: ' A1f A1h '.
func (r *Record) categories() string {
	out := " "
	for _, f := range r.Findings {
		if f.Category != "" && !strings.Contains(out, " "+f.Category+" ") {
			out += f.Category + " "
		}
	}
	return out
}
