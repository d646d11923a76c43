package gateway

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
	"github.com/hegui/hegui/upstream"
	"github.com/hegui/hegui/users"
)

// call is one exchange on its way through the guards. One goroutine owns it.
type call struct {
	w        http.ResponseWriter
	r        *http.Request
	op       operation
	started  time.Time
	id       string // of the exchange
	content  string // content ID
	probe    bool   // one of hegui's own
	via      string // how a detached text came; empty for traffic
	rewrites bool   // who sent a detached text puts what comes back in the place of what it sent, turns of the history too
	recorded bool   // nothing is left to record about a no
	pool     *upstream.Pool

	body     bytes.Buffer
	request  request
	stream   bool
	name     string // of the user, as the application calls them
	key      service.Key
	service  service.Service
	user     users.User
	vaultKey *journal.SubjectKey
	route    service.Route
	lexicon  *moderation.Lexicon
	policy   *moderation.Policy
	asked    []moderation.Detector // besides the lexicon
	watches  *signalSet            // besides words; nil: nothing
	edits    []edit
	masked   bool
	scratch  []byte
	stopped  string // guard that interrupted

	answered string // model that upstream reported
	target   string
	tries    int
	first    time.Time // first byte of the answer
	usage    json.RawMessage
	findings []exchange.Finding
	total    int
	checked  exchange.Checked
	outages  []exchange.Outage

	visible  []byte // what the user saw, choices and channels one after the other
	withheld []byte
	notice   string // the refusal that was shown instead of the rest
	cuts     string // worst verdict of the output
	riskIn   string // that the input was refused or guided for
	risk     string // category of the first violation in the output; for operators
	reason   string // its reason code, for everybody
	labels   string // text, ui or none, as written
	implicit string // see Gateway.implicit
	input    string // commitment to the request

	said     []string                             // what people read, one a choice
	items    []content.Item                       // generated files and texts, for the ledger
	also     func(context.Context, *sql.Tx) error // what else the transaction that closes the exchange writes
	hosted   []made                               // those that the answer names by their address
	worst    moderation.Decision                  // about the words of an answer with files
	form     *form                                // the request as it came, where it is no JSON
	function string                               // of the service that the call belongs to; empty: none that is declared
	consent  string                               // to have a face or voice edited, as the call names it
	tool     bool                                 // its function needs no conspicuous label: the interface offers a tool and says so
	filed    []exchange.File                      // that came or were generated, as the record has them

	alibaba    string    // action that was asked for, when the call came so
	heightened string    // the measure by which the service follows a stricter profile
	approved   *approved // the answer in place of the model's; nil: the model is asked
	answer     string    // as the record names it
	response   *upstream.Response
	refusedBy  *upstream.Refusal // the provider's no, if that is why the answer ended
	refused    []string          // commitments to what was refused
	healed     int               // turns of the history that the model is not shown
}

// maxKept bounds what is kept of an answer, in bytes; commitments cover what is kept.
const maxKept = 256 << 10

func (c *call) found(f exchange.Finding) {
	c.total++
	if len(c.findings) < maxFindings {
		c.findings = append(c.findings, f)
	}
}

// maxFindings bounds the findings remembered while an answer runs; the record keeps the first of them in reading order.
const maxFindings = 4096

// sorted is the findings in reading order, which does not depend on how the text was cut.
func (c *call) sorted() []exchange.Finding {
	slices.SortFunc(c.findings, func(a, b exchange.Finding) int {
		return cmp.Or(strings.Compare(a.Where, b.Where), a.Choice-b.Choice, strings.Compare(a.Channel, b.Channel), a.Start-b.Start,
			a.End-b.End, strings.Compare(a.Entry, b.Entry))
	})
	return c.findings
}

// refusalText answers in the language of the user's last words.
func (c *call) refusalText() string {
	if c.chinese() {
		return c.service.RefusalZH
	}
	return c.service.RefusalEN
}

// chinese tells whether the user's last words are, or the service's label when there are none.
func (c *call) chinese() bool {
	for _, r := range string(c.request.last) {
		if unicode.Is(unicode.Han, r) {
			return true
		}
	}
	return len(c.request.last) == 0 && c.service.LabelLang == "zh"
}

// cutReason says why an answer was cut off, for the record.
func (c *call) cutReason() string {
	if c.refusedBy != nil {
		return "the model's provider ended the answer (" + c.refusedBy.Row + ")"
	}
	if c.risk == "" {
		return "the answer was cut off: a guard could not do its work"
	}
	return "the answer was cut off: it falls under risk " + c.risk
}

// dispute is where what was done with the content of an exchange can be disputed.
func (g *Gateway) dispute(c *call) string { return g.o.PortalURL() + "/dispute?exchange=" + c.id }

// appeal is where a suspension can be appealed against.
func (g *Gateway) appeal(c *call) string {
	return g.o.PortalURL() + "/services/" + c.service.ID + "#appeal"
}

func (c *call) errorWanted() bool {
	return c.service.Refusal == "error" || c.r.Header.Get("X-Hegui-Refusal") == "error" || c.op.wordless()
}

// serve takes one request through everything.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, op operation) {
	g.running.Add(1)
	defer g.running.Done()
	c := &call{w: w, r: r, op: op, started: g.o.Now(), id: store.NewID(), pool: g.o.Pool,
		checked: exchange.Checked{In: -1, Out: -1, Privacy: -1}, labels: "none", lexicon: g.o.Lexicon(), policy: g.o.Policy(), asked: g.Detectors()}
	c.request.doc.nodes = make([]node, 0, 48)
	if n := r.ContentLength; n > 0 && n < 1<<20 {
		c.body.Grow(int(n) + bytes.MinRead)
	}
	c.content = c.id // one number finds the exchange and everything generated in it
	if g.draining.Load() {
		in := problem(http.StatusServiceUnavailable, "draining", "", "this hegui is shutting down; send the request again, another node will take it")
		in.Retry = time.Second
		hangUp(w, r)
		writeError(w, in, "")
		return
	}
	if p, ok := r.Context().Value(probeKey{}).(*probeCall); ok {
		c.probe, c.pool = true, g.probes
		p.id = c.id
	}
	defer func() {
		if p := recover(); p != nil {
			g.o.Log.Error("a request failed", "exchange", c.id, "panic", p)
			panic(http.ErrAbortHandler) // never an empty 200: the connection breaks
		}
	}()
	if in := g.admit(r.Context(), c); in != nil {
		g.reject(c, in)
		return
	}
	g.answer(c)
}

// reject answers a request that no model will see, after recording it.
func (g *Gateway) reject(c *call, in *Interruption) {
	record := g.record(c)
	record.Outcome, record.Verdict, record.Code, record.Reason = exchange.Rejected, exchange.Refuse, in.Code, in.Reason
	if in.Verdict != "" {
		record.Outcome, record.Verdict = exchange.Complete, in.Verdict // a refusal of content, or guidance, is an answer
	}
	// Strangers without a key are counted, not recorded: otherwise anyone could fill the journal.
	if c.key.ID != "" {
		content := c.kept()
		if err := g.finish(c, record, content); err != nil {
			g.o.Log.Error("a rejection could not be recorded", "exchange", c.id, "code", in.Code, "error", err)
			in = unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is answered without one")
		}
	}
	g.metrics.count(c, record)
	if in.Status == http.StatusOK {
		g.refuse(c, in)
		return
	}
	if c.stopped == "authenticate" {
		hangUp(c.w, c.r)
	}
	writeError(c.w, in, c.id)
}

// record is the exchange so far.
func (g *Gateway) record(c *call) exchange.Record {
	return exchange.Record{
		Intent: g.intent(c), Ended: g.o.Now().UTC(), Verdict: exchange.Allow, Route: c.target, Answered: clip(c.answered, 200), Tries: c.tries,
		Label: c.labels, Checked: c.checked, Findings: c.sorted(), Total: c.total, Usage: c.usage, Guards: c.outages, FirstMS: c.firstMS(),
		Provider: c.provider(), Answer: c.answer, Heightened: c.heightened, Turns: c.refused, Healed: c.healed, Files: c.filed, Function: c.function, Consent: c.consent,
	}
}

// provider is the row that told that the provider refused, if it did.
func (c *call) provider() string {
	if c.refusedBy == nil {
		return ""
	}
	return c.refusedBy.Row
}

func (c *call) firstMS() int64 {
	if c.first.IsZero() {
		return 0
	}
	return c.first.Sub(c.started).Milliseconds()
}

func (g *Gateway) intent(c *call) exchange.Intent {
	in := exchange.Intent{ID: c.id, At: c.started.UTC().Truncate(time.Millisecond), ContentID: c.content, Service: c.service.ID,
		Application: c.key.Application, Key: c.key.ID, User: c.user.Subject, Operation: c.op.name, Model: c.route.Name, Stream: c.stream,
		Source: c.r.RemoteAddr, Client: clip(c.r.UserAgent(), 200), Policy: c.policy.Hash(), Lexicon: c.lexicon.Hash(), Detached: c.via}
	if a, ok := c.r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		in.Destination = a.String()
	}
	if c.input == "" && c.vaultKey != nil && c.body.Len() > 0 {
		c.input = c.vaultKey.Commitment("input", c.sent())
	}
	in.Input = c.input
	return in
}

// sent is the request as the model gets it, but for the model's name: personal information masked.
func (c *call) sent() []byte {
	if len(c.edits) == 0 {
		return c.request.raw
	}
	return splice(make([]byte, 0, len(c.request.raw)), c.request.raw, c.edits)
}

// kept is the content to seal, nil when the service keeps none.
func (c *call) kept() *exchange.Content {
	if !c.service.KeepContent || c.vaultKey == nil || c.probe {
		return nil
	}
	content := &exchange.Content{Visible: string(c.visible) + c.notice, Withheld: string(c.withheld)}
	if c.request.raw != nil {
		content.Request = json.RawMessage(c.sent())
		if len(c.request.doc.nodes) == 0 || c.request.doc.nodes[0].end == 0 { // never parsed: keep it as a string
			content.Request = appendJSON(nil, c.request.raw)
		}
	}
	return content
}

// finish makes the record durable. It outlives the client: a record does not depend on anyone still listening.
func (g *Gateway) finish(c *call, record exchange.Record, kept *exchange.Content) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), 20*time.Second)
	defer cancel()
	if len(c.visible) > 0 && c.vaultKey != nil {
		record.Output = c.vaultKey.Commitment("output", c.visible)
	}
	var also func(context.Context, *sql.Tx) error
	if len(c.items) > 0 {
		also = g.o.Contents.Insert(c.items...)
	}
	if c.also != nil {
		before := also
		also = func(ctx context.Context, tx *sql.Tx) error {
			if before != nil {
				if err := before(ctx, tx); err != nil {
					return err
				}
			}
			return c.also(ctx, tx)
		}
	}
	if err := g.o.Exchanges.FinishWith(ctx, record, c.vaultKey, kept, also); err != nil {
		return err
	}
	g.noteOwed(c, record)
	if g.o.Ended != nil {
		g.o.Ended(record, c.looked(record))
	}
	return nil
}

// looked names the detectors that have looked at an exchange, whether they found anything or not.
func (c *call) looked(r exchange.Record) []string {
	if r.Checked.In < 0 && r.Checked.Out < 0 {
		return nil
	}
	names := []string{moderation.KindLexicon}
	for _, d := range c.asked {
		names = append(names, d.Describe().Name)
	}
	return names
}

// answer asks the model while the intent is made durable, and delivers.
func (g *Gateway) answer(c *call) {
	ctx := c.r.Context()
	if !c.service.CancelUpstream {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	unhook := context.AfterFunc(g.stopped, func() { cancel(errDrained) })
	defer unhook()

	intent := g.intent(c)
	begun := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		begun <- g.o.Exchanges.Begin(ctx, intent)
	}()
	response, err := g.respond(ctx, c)
	if beginErr := <-begun; beginErr != nil {
		if err == nil {
			_ = response.Body.Close()
		}
		g.o.Log.Error("an intent could not be recorded", "exchange", c.id, "error", beginErr)
		g.metrics.outages.WithLabelValues("begin", "closed").Inc()
		writeError(c.w, unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is generated without one"), c.id)
		return
	}
	if err != nil {
		g.failed(c, err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	c.response, c.target, c.tries = response, response.Target.Endpoint, response.Tries
	switch {
	case response.Refusal != nil:
		g.upstreamRefused(c, response.Refusal)
	case response.StatusCode != http.StatusOK:
		g.passError(c, response)
	case c.op.name == "video":
		g.deliverJob(ctx, c, response)
	case c.op.media != "":
		g.deliverMedia(ctx, c, response)
	case c.op.name == "transcription":
		g.deliverTranscript(ctx, c, response)
	case c.stream:
		g.deliverStream(ctx, cancel, c, response)
	default:
		g.deliverPlain(ctx, c, response)
	}
}

// respond gets the answer: the model's, or the approved one.
func (g *Gateway) respond(ctx context.Context, c *call) (*upstream.Response, error) {
	if c.approved != nil {
		return c.answerResponse(), nil
	}
	return c.pool.Do(ctx, c.targets(), upstream.Request{
		Method: http.MethodPost, Path: c.op.path, Stream: c.stream, Header: c.forward(), PastRefusals: c.service.PastRefusals,
		Body: func(t upstream.Target) []byte {
			if c.form != nil {
				return c.form.body(c.request.withModel(t.Model, c.edits))
			}
			if c.probe {
				return c.request.withModel("probe", c.edits)
			}
			return c.request.withModel(t.Model, c.edits)
		}})
}

func (c *call) targets() []upstream.Target {
	if c.probe {
		return []upstream.Target{{Endpoint: "probe", Model: "probe"}}
	}
	return c.route.Targets
}

// forward picks the client's headers that belong to the exchange and not to its connection or key.
func (c *call) forward() http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	if c.form != nil {
		h.Set("Content-Type", c.form.contentType())
	}
	for _, name := range []string{"Accept", "Openai-Beta", "Traceparent", "Tracestate", "X-Request-Id", "Idempotency-Key"} {
		if v := c.r.Header.Values(name); len(v) > 0 {
			h[name] = v
		}
	}
	return h
}

// conclude makes the final record of an exchange that a model was asked for, and says whether the last byte may leave.
func (g *Gateway) conclude(c *call, outcome exchange.Outcome, code, reason string) error {
	record := g.record(c)
	record.Outcome, record.Code, record.Reason = outcome, code, reason
	switch {
	case c.cuts != "":
		record.Verdict = exchange.Verdict(c.cuts)
	case c.masked:
		record.Verdict = exchange.Mask
	}
	g.noteText(c, record)
	err := g.finish(c, record, c.kept())
	g.metrics.count(c, record)
	if err != nil {
		g.o.Log.Error("a record could not be written", "exchange", c.id, "error", err)
	}
	return err
}

// produced is the label of a content, signed if this installation signs.
func (g *Gateway) produced(id string) (label.Implicit, error) {
	l := label.Produced(g.o.Services.Provider().Code, id)
	if g.o.LabelKey == nil {
		return l, nil
	}
	return g.o.LabelKey.Sign(l)
}

// implicit is the machine part of the label, as JSON.
func (g *Gateway) implicit(c *call) string {
	if c.implicit == "" {
		l, err := g.produced(c.content)
		if err != nil { // text goes out unsigned rather than unlabelled
			g.o.Log.Error("a label could not be signed", "exchange", c.id, "error", err)
			l = label.Produced(g.o.Services.Provider().Code, c.content)
		}
		c.implicit = l.JSON()
	}
	return c.implicit
}

func jsonObject(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return b
}
