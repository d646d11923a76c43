// Package exchange keeps the record of every exchange: one request and its answer through the gateway (Art 14, 19).
//
// An exchange is opened before the first byte of its answer leaves and closed before its last; an opened exchange that
// was never closed (power cut, kill -9) is closed as Broken at the next start. What was said is sealed under the user's
// key; the journal carries only the Record below and commitments to the content.
package exchange

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
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
)

// Outcome says how the exchange ended as a transport.
type Outcome string

const (
	Complete      Outcome = "complete"       // the answer was delivered whole, or its refusal was
	ClientLeft    Outcome = "client_left"    // the client went away; upstream was cancelled
	UpstreamError Outcome = "upstream_error" // no answer could be had
	Truncated     Outcome = "truncated"      // upstream broke off after content had been delivered; the client was told
	Rejected      Outcome = "rejected"       // a guard turned the request away before any model saw it
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
	Operation   string    `json:"operation"` // chat, completion, embedding
	Model       string    `json:"model"`     // as asked for
	Stream      bool      `json:"stream"`
	Source      string    `json:"source"`      // client address and port (CSL 23, SAP item 3); kept as network log, see DESIGN §5
	Destination string    `json:"destination"` // local address
	Client      string    `json:"client"`      // user agent, at most 200 bytes
	Input       string    `json:"input"`       // commitment to the request's text
	Policy      string    `json:"policy"`      // hash of lexicon and policy in force
}

// Finding is one detector's hit as it is recorded: never the matched text, only its place and its entry.
type Finding struct {
	Where    string `json:"where"`    // in, out
	Channel  string `json:"channel"`  // content, reasoning, tool:<n>, message:<n>, …
	Choice   int    `json:"choice"`   //
	Category string `json:"category"` // risk id, A1a … A5b, or personal-information kind
	Tier     string `json:"tier"`     // block, signal, observe, mask
	Detector string `json:"detector"` // lexicon, privacy
	Artefact string `json:"artefact"` // hash of the detector's data
	Entry    string `json:"entry"`    // id of the entry that hit
	Start    int    `json:"start"`    // byte offsets in the channel's logical text
	End      int    `json:"end"`
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
	Label    string          `json:"label"`    // text (written into the answer), ui (obligation sent), none; none is only right for refusals and embeddings
	Output   string          `json:"output"`   // commitment to the text the user saw
	Blob     string          `json:"blob"`     // sha256 of the sealed content, empty when none is kept
	Checked  Checked         `json:"checked"`  // what was looked at, so that "nothing found" can be told from "not looked"
	Findings []Finding       `json:"findings"` // the first 64
	Total    int             `json:"findings_total"`
	Usage    json.RawMessage `json:"usage"`    // as upstream reported it, or null
	FirstMS  int64           `json:"first_ms"` // request to first byte of the answer, milliseconds
	Guards   []Outage        `json:"guards"`   // guards that could not do their work, and the declared rule that was followed
}

// Checked counts the bytes of logical text each guard looked at; a guard that was off has -1.
type Checked struct {
	In      int `json:"in"`
	Out     int `json:"out"`
	Privacy int `json:"privacy"`
}

// Outage is a guard that failed in this exchange.
type Outage struct {
	Guard string `json:"guard"`
	Rule  string `json:"rule"` // closed (request refused) or open (went on without it)
	Error string `json:"error"`
}

// Content is what was said, sealed under the user's key. Nil fields are not kept.
type Content struct {
	Request  json.RawMessage `json:"request"`  // as received after privacy masking, at most 64 KiB, then "truncated"
	Visible  string          `json:"visible"`  // what the user saw
	Withheld string          `json:"withheld"` // what was generated and not shown
}

// Store is the register of exchanges.
type Store struct{}

// Open migrates the tables and closes as Broken what an earlier process of this node left open.
func Open(ctx context.Context, db *store.DB, j *journal.Journal, v *journal.Vault) (*Store, error) {
	panic("skeleton")
}

// Begin makes the intent durable. Nothing of the answer may leave before it returns nil.
func (s *Store) Begin(ctx context.Context, in Intent) error { panic("skeleton") }

// Finish makes the record and its sealed content durable. key may be nil when no content is to be kept.
// The last byte of the answer may leave only after it returns nil. It also serves for exchanges refused before Begin.
func (s *Store) Finish(ctx context.Context, r Record, key *journal.SubjectKey, c *Content) error {
	panic("skeleton")
}

// Filter selects records, newest first; zero fields do not restrict.
type Filter struct {
	Service, Application, User, Model string
	Verdict                           Verdict
	Outcome                           Outcome
	Category                          string // a finding's risk
	Label                             string
	ContentID                         string
	From, To                          time.Time
	Before                            string // exchange id, for paging
	Limit                             int    // 50 when 0, 500 at most
}

// List returns the records that f selects.
func (s *Store) List(ctx context.Context, f Filter) ([]Record, error) { panic("skeleton") }

// Count returns how many records f selects, Limit not applied.
func (s *Store) Count(ctx context.Context, f Filter) (int64, error) { panic("skeleton") }

// Get returns one record and the place of its closing event in the journal.
func (s *Store) Get(ctx context.Context, id string) (Record, journal.Ref, error) { panic("skeleton") }

// Event returns log and sequence number of the exchange's closing event, for journal.Prove.
func (s *Store) Event(ctx context.Context, id string) (log string, seq int64, err error) {
	panic("skeleton")
}

// Read opens an exchange's content for a staff member, recording who read it and why. An empty reason is refused.
// Content of an erased user is journal.ErrErased.
func (s *Store) Read(ctx context.Context, who journal.Actor, id, reason string) (Content, error) {
	panic("skeleton")
}

// Open tells which exchanges are running now (opened, not yet closed).
func (s *Store) OpenCount(ctx context.Context) (int64, error) { panic("skeleton") }

// Stats sums a window for the register and the Today page.
type Stats struct {
	Total, Allowed, Masked, Refused, Stopped, Broken, Truncated, Errors int64
	Generated                                                           int64 // answers that carried generated text
	Labelled                                                            int64 // of those, with label text or ui
	InChecked, OutChecked, PrivacyChecked                               int64
	Degraded                                                            int64 // with at least one Outage
	Oldest, Newest                                                      time.Time
}

// Stats computes the sums for [from, to), optionally of one service.
func (s *Store) Stats(ctx context.Context, service string, from, to time.Time) (Stats, error) {
	panic("skeleton")
}

// Verify implements journal.Projection: rows and sealed content against closing events.
func (s *Store) Verify(ctx context.Context, events []journal.Event) ([]journal.Damage, error) {
	panic("skeleton")
}

// ProbeApplication marks the exchanges of hegui's own self-tests; Stats leaves them out.
const ProbeApplication = "hegui-probe"
