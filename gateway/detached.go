package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/moderation"
)

// Detached mode: an application that talks to its model itself sends what the user said and what the model says here, slice by
// slice, and shows no more than it is told. The guards are those of the gateway; what hegui cannot do then is to enforce, so an
// exchange of this kind counts as enforced and labelled only when the application acknowledges what it showed (Art 4, 12, 14).

// Limits of detached mode. Ours; docs/decisions/010-detached-screening.md.
const (
	maxSessionName   = 200              // bytes of a session's or channel's name
	maxSlices        = 1 << 16          // slices of one text
	maxWaiting       = 64               // slices that may wait for a predecessor
	maxWaitingBytes  = 1 << 20          // and their size together
	maxOpenPerKey    = 10_000           // texts under way for one key
	screeningIdle    = 5 * time.Minute  // without the next slice a text is incomplete
	screeningGap     = 15 * time.Second // the same once its last slice has come
	screeningKept    = 10 * time.Minute // how long answers can be asked for again
	screeningVerdict = 8                // findings named in an answer
)

// ScreenAnswer says what an application may show of a text, and what it must do. Numbers count characters (Unicode code points) of
// the whole text; masking changes no number.
type ScreenAnswer struct {
	Session    string          `json:"session,omitempty"`
	Channel    string          `json:"channel,omitempty"`
	Seq        int64           `json:"seq"`
	Exchange   string          `json:"exchange"`
	State      string          `json:"state"`              // open, ended, cut, incomplete
	Verdict    string          `json:"verdict"`            // allow, mask, guide, refuse, stop, retract, replace
	Action     string          `json:"action"`             // wait, show, and the verdicts that end a text; see docs
	From       int64           `json:"from"`               // where Text begins
	Releasable int64           `json:"releasable"`         // so much of the text may be shown
	Text       string          `json:"text"`               // what may newly be shown, masked
	Withdraw   int64           `json:"withdraw,omitempty"` // so many of the characters shown last must be taken back
	Awaiting   *int64          `json:"awaiting,omitempty"` // the slice that is missing
	Refusal    string          `json:"refusal,omitempty"`  // text to show instead of the rest
	Reason     string          `json:"reason,omitempty"`   // reason class, never the matched word
	Dispute    string          `json:"dispute,omitempty"`
	History    []ScreenTurn    `json:"history,omitempty"` // messages of the history to send in place of those that came
	Findings   []ScreenFinding `json:"findings,omitempty"`
	Approved   *ScreenApproved `json:"approved,omitempty"`
	Label      *ScreenLabel    `json:"label,omitempty"`
}

// ScreenApproved is the approved answer (代答) to a question: the application says it in place of what its model would, and sends it as
// an answer's text like any other, to be screened, labelled and acknowledged.
type ScreenApproved struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
	Text    string `json:"text"`
}

// ScreenTurn is a message of the history as the model may be shown it: personal information masked, and a placeholder where the turn was
// refused before.
type ScreenTurn struct {
	Index   int             `json:"index"` // in the history that came, from 0
	Message json.RawMessage `json:"message"`
}

// ScreenFinding is what was found, without the word and without its place.
type ScreenFinding struct {
	Category string `json:"category"`
	Tier     string `json:"tier"`
	Detector string `json:"detector"`
	Count    int    `json:"count"`
}

// ScreenLabel is the label that the application has to put on an answer (GB 45438-2025).
type ScreenLabel struct {
	Place    string          `json:"place"`          // start, end, ui
	Text     string          `json:"text,omitempty"` // for start and end
	Implicit json.RawMessage `json:"implicit"`       // for metadata of files and answers
}

// slice is one piece of a text as it was sent.
type slice struct {
	session, channel string
	seq              int64
	direction        string
	via              string
	slicePayload
}

// slicePayload is the part of it that is content.
type slicePayload struct {
	Text    string `json:"text"`
	Done    bool   `json:"done"`
	Heal    bool   `json:"heal,omitempty"`    // the application puts what comes back into the history
	History string `json:"history,omitempty"` // JSON: what stands between the brackets of the messages before
}

// detachedRoutes are the paths of detached mode and of its adapters.
func (g *Gateway) detachedRoutes(mux *http.ServeMux) {
	if g.o.Screenings == nil {
		return
	}
	routes := map[string]http.HandlerFunc{
		"/v1/hegui/screen":     g.detachedCall("api", g.screen, g.fail),
		"/v1/hegui/screen/ack": g.detachedCall("api", g.acknowledge, g.fail),
	}
	for _, adapter := range []map[string]http.HandlerFunc{g.difyRoutes(), g.litellmRoutes(), g.agentgatewayRoutes(), g.alibabaRoutes(), g.moderationsRoutes()} {
		for path, h := range adapter {
			routes[path] = h
		}
	}
	for path, h := range routes {
		mux.HandleFunc("POST "+path, h)
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", "POST")
			hangUp(w, r)
			writeError(w, problem(http.StatusMethodNotAllowed, "method_not_allowed", "", "use POST for "+r.URL.Path), "")
		})
	}
}

// detachedCall is what all calls of detached mode have in common: draining, a call to fill, and a record of every no. serve
// answers; an Interruption it returns is recorded, unless the caller is a stranger, and told by fail.
func (g *Gateway) detachedCall(via string, serve func(context.Context, *call) *Interruption, fail func(*call, *Interruption)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.running.Add(1)
		defer g.running.Done()
		c := g.newDetached(w, r, via)
		defer func() {
			if p := recover(); p != nil {
				g.o.Log.Error("a request failed", "exchange", c.id, "panic", p)
				panic(http.ErrAbortHandler) // never an empty 200: the connection breaks
			}
		}()
		if g.draining.Load() {
			in := problem(http.StatusServiceUnavailable, "draining", "", "this hegui is shutting down; send the request again, another node will take it")
			in.Retry = time.Second
			hangUp(w, r)
			fail(c, in)
			return
		}
		in := serve(r.Context(), c)
		if in == nil {
			return
		}
		if c.key.ID != "" && !c.recorded {
			record := g.record(c)
			record.Outcome, record.Verdict, record.Code, record.Reason = exchange.Rejected, exchange.Refuse, in.Code, in.Reason
			if err := g.finish(c, record, nil); err != nil {
				g.o.Log.Error("a rejection could not be recorded", "exchange", c.id, "code", in.Code, "error", err)
				in = unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is answered without one")
			}
			g.metrics.count(c, record)
		}
		fail(c, in)
	}
}

// fail tells a no in hegui's own shape.
func (g *Gateway) fail(c *call, in *Interruption) {
	if c.key.ID == "" {
		hangUp(c.w, c.r)
	}
	writeError(c.w, in, c.id)
}

func (g *Gateway) newDetached(w http.ResponseWriter, r *http.Request, via string) *call {
	c := &call{w: w, r: r, op: operation{name: exchange.ScreenIn, input: "text"}, started: g.o.Now(), id: store.NewID(), pool: g.o.Pool, via: via,
		checked: exchange.Checked{In: -1, Out: -1, Privacy: -1}, labels: "none", lexicon: g.o.Lexicon(), policy: g.o.Policy(), asked: g.Detectors()}
	c.content = c.id
	return c
}

// guard runs one of the gateway's guards by name.
func (g *Gateway) guard(ctx context.Context, c *call, name string) *Interruption {
	for i := range g.guards {
		if g.guards[i].Name == name {
			in := g.guarded(ctx, &g.guards[i], c)
			if in != nil {
				c.stopped = name
			}
			return in
		}
	}
	return guardUnavailable(name)
}

// arrive finds the key and reads the body. secret is the key where it does not stand in Authorization.
func (g *Gateway) arrive(ctx context.Context, c *call, secret string) *Interruption {
	if secret != "" {
		c.r = c.r.Clone(ctx)
		c.r.Header.Set("Authorization", "Bearer "+secret)
	}
	if in := g.guard(ctx, c, "authenticate"); in != nil {
		return in
	}
	return readBody(c.w, c.r, c.service.MaxBodyBytes, &c.body)
}

// belong finds the user and holds them to agreement and standing.
func (g *Gateway) belong(ctx context.Context, c *call, user string) *Interruption {
	c.name = cmp.Or(c.r.Header.Get("X-Hegui-User"), user, "app:"+c.key.Application)
	for _, name := range []string{"agreement", "standing"} {
		if in := g.guard(ctx, c, name); in != nil {
			return in
		}
	}
	return nil
}

// screen serves POST /v1/hegui/screen.
func (g *Gateway) screen(ctx context.Context, c *call) *Interruption {
	if in := g.arrive(ctx, c, ""); in != nil {
		return in
	}
	q, user, in := readSlice(c.body.Bytes())
	if in != nil {
		return in
	}
	q.via, c.op.name = c.via, exchange.ScreenIn
	if q.direction == "out" {
		c.op.name = exchange.ScreenOut
	}
	c.body.Reset() // what is judged is the whole text, not this piece of it
	if in := g.belong(ctx, c, user); in != nil {
		return in
	}
	answer, in := g.screenSlice(ctx, c, q)
	if in != nil {
		return in
	}
	writeJSON(c, answer, answer.Exchange)
	return nil
}

func writeJSON(c *call, v any, exchangeID string) {
	body, err := json.Marshal(v)
	if err != nil { // nothing in it can fail to marshal; an answer must still never be an empty 200
		panic(err)
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if exchangeID != "" {
		h.Set("X-Hegui-Exchange", exchangeID)
	}
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(body) // the client may have gone; there is nobody left to tell
}

// field is one member of a body, with the kind it must have.
type field struct {
	name     string
	kind     kind
	required bool
}

// fields reads a JSON object that has the given members and, when strict, no others. A member that is null is not there.
func (d *doc) fields(raw []byte, strict bool, want []field) ([]int, *Interruption) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, problem(http.StatusBadRequest, "invalid_json", "", "the request body is empty; send a JSON object")
	}
	if err := d.scan(raw); err != nil {
		return nil, problem(http.StatusBadRequest, "invalid_json", "", "the request body is not valid JSON: "+err.Error())
	}
	if d.nodes[0].kind != isObject {
		return nil, wrongType("", "the body", d.nodes[0].kind, "an object")
	}
	return d.membersOf(0, "", strict, want)
}

// members is fields for an object inside the body; path names it.
func (d *doc) membersOf(node int, path string, strict bool, want []field) ([]int, *Interruption) {
	names, at := make([]string, len(want)), make([]int, len(want))
	for i, f := range want {
		names[i] = f.name
	}
	if err := d.object(node, names, at); err != nil {
		return nil, duplicate(err)
	}
	for i, f := range want {
		switch {
		case at[i] < 0 || d.nodes[at[i]].kind == isNull:
			at[i] = -1
			if f.required {
				return nil, problem(http.StatusBadRequest, "invalid_request", path+f.name, "the field "+path+f.name+" is missing or null; send it as "+f.kind.String())
			}
		case d.nodes[at[i]].kind != f.kind:
			return nil, wrongType(path+f.name, "the field "+path+f.name, d.nodes[at[i]].kind, "of type "+f.kind.String())
		}
	}
	if !strict {
		return at, nil
	}
	var unknown string
	d.children(node, func(i int) bool {
		for _, name := range names {
			if string(d.key(i)) == name {
				return true
			}
		}
		unknown = string(d.key(i))
		return false
	})
	if unknown != "" {
		return nil, problem(http.StatusBadRequest, "unknown_field", clip(path+unknown, 80), fmt.Sprintf("there is no field %q here; the fields are %s", clip(path+unknown, 80), strings.Join(names, ", ")))
	}
	return at, nil
}

// readSlice reads the body of POST /v1/hegui/screen.
func readSlice(raw []byte) (*slice, string, *Interruption) {
	var d doc
	at, in := d.fields(raw, true, []field{{"session", isString, true}, {"channel", isString, false}, {"seq", isNumber, true}, {"text", isString, true},
		{"done", isBool, false}, {"direction", isString, true}, {"user", isString, false}, {"history", isArray, false}, {"heal", isBool, false}})
	if in != nil {
		return nil, "", in
	}
	text := func(i int) string {
		if at[i] < 0 {
			return ""
		}
		return string(d.text(at[i]))
	}
	q := &slice{session: text(0), channel: cmp.Or(text(1), contentChannel), direction: text(5)}
	for _, name := range []struct{ field, value string }{{"session", q.session}, {"channel", q.channel}} {
		if name.value == "" || len(name.value) > maxSessionName {
			return nil, "", problem(http.StatusBadRequest, "invalid_request", name.field, fmt.Sprintf("the field %s has %d bytes; it must have 1 to %d", name.field, len(name.value), maxSessionName))
		}
	}
	var err error
	if q.seq, err = strconv.ParseInt(string(d.raw(at[2])), 10, 64); err != nil || q.seq < 0 || q.seq >= maxSlices {
		return nil, "", problem(http.StatusBadRequest, "invalid_request", "seq", fmt.Sprintf("the field seq is %s; it must be a whole number from 0 to %d, counting the slices of the channel", clip(string(d.raw(at[2])), 40), maxSlices-1))
	}
	if q.direction != "in" && q.direction != "out" {
		return nil, "", problem(http.StatusBadRequest, "invalid_request", "direction", fmt.Sprintf("the field direction is %q; use in for what the user says and out for what the model says", clip(q.direction, 40)))
	}
	if lone(d.raw(at[3])) {
		return nil, "", problem(http.StatusBadRequest, "invalid_json", "text", "the field text holds half of a character (one \\u escape of a pair): cut texts between characters; in JavaScript, keep a pair of surrogates together")
	}
	q.Text, q.Done = text(3), at[4] >= 0 && string(d.raw(at[4])) == "true"
	if at[7] >= 0 {
		if q.direction != "in" || !q.Done {
			return nil, "", problem(http.StatusBadRequest, "invalid_request", "history", "the field history goes with the last slice (done) of a text with direction in, and with no other; leave it out")
		}
		history := bytes.TrimSpace(d.raw(at[7]))
		q.History = string(bytes.TrimSpace(history[1 : len(history)-1]))
	}
	q.Heal = at[8] >= 0 && string(d.raw(at[8])) == "true"
	if q.Heal && at[7] < 0 {
		return nil, "", problem(http.StatusBadRequest, "invalid_request", "heal", "the field heal says what becomes of the history; send it with history or leave it out")
	}
	return q, text(6), nil
}

// acknowledge serves POST /v1/hegui/screen/ack: the application says what it showed.
func (g *Gateway) acknowledge(ctx context.Context, c *call) *Interruption {
	c.recorded = true // an acknowledgement is no exchange
	if in := g.arrive(ctx, c, ""); in != nil {
		return in
	}
	var d doc
	at, in := d.fields(c.body.Bytes(), true, []field{{"session", isString, false}, {"exchange", isString, true}, {"shown", isNumber, true}, {"label", isBool, true}})
	if in != nil {
		return in
	}
	shown, err := strconv.ParseInt(string(d.raw(at[2])), 10, 64)
	if err != nil || shown < 0 {
		return problem(http.StatusBadRequest, "invalid_request", "shown", fmt.Sprintf("the field shown is %s; it must be the whole number of characters shown, from 0", clip(string(d.raw(at[2])), 40)))
	}
	id := string(d.text(at[1]))
	record, _, err := g.o.Exchanges.Get(ctx, id)
	unknown := problem(http.StatusNotFound, "unknown_exchange", "exchange", "no answer of direction out that this key had screened has ended under this id; acknowledge after state is ended, cut or incomplete, with the field exchange of the answer")
	switch {
	case errors.Is(err, store.ErrNotFound):
		return unknown
	case err != nil:
		g.o.Log.Error("an exchange could not be read", "exchange", id, "error", err)
		return unavailable("record_unavailable", "the record cannot be read at the moment")
	case record.Key != c.key.ID || record.Operation != exchange.ScreenOut || record.Outcome == exchange.Rejected:
		return unknown
	}
	word := exchange.Shown{Characters: shown, Labelled: string(d.raw(at[3])) == "true", Within: shown <= record.Releasable}
	err = g.o.Exchanges.Acknowledge(ctx, record, word, g.o.Now())
	switch {
	case errors.Is(err, exchange.ErrAcknowledged):
		return problem(http.StatusConflict, "acknowledged", "shown", "this exchange has been acknowledged before, with other values; the first word counts")
	case err != nil:
		g.o.Log.Error("an acknowledgement could not be recorded", "exchange", id, "error", err)
		return unavailable("record_unavailable", "the record cannot be written at the moment")
	}
	writeJSON(c, ScreenAcknowledged{id, shown, word.Labelled, word.Within}, id)
	return nil
}

// summary is the findings of an exchange for an application: no word, no place, no entry.
func summary(found []exchange.Finding) []ScreenFinding {
	var list []ScreenFinding
next:
	for _, f := range found {
		for i := range list {
			if list[i].Category == f.Category && list[i].Tier == f.Tier && list[i].Detector == f.Detector {
				list[i].Count++
				continue next
			}
		}
		if len(list) < screeningVerdict {
			list = append(list, ScreenFinding{f.Category, f.Tier, f.Detector, 1})
		}
	}
	return list
}

// screenLabel is the label an answer needs.
func (g *Gateway) screenLabel(c *call) *ScreenLabel {
	if c.service.Modes.Label.Act == "observe" {
		return nil
	}
	words := label.Words(c.service.Label, c.service.LabelLang)
	return &ScreenLabel{Place: string(c.service.Label), Text: strings.TrimSpace(words.Prefix + words.Suffix), Implicit: json.RawMessage(g.implicit(c))}
}

// ends tells whether a verdict ends a text.
func ends(v string) bool {
	return v != string(moderation.Allow) && v != string(moderation.Mask)
}

func runes(text []byte) int64 { return int64(utf8.RuneCount(text)) }

// lone tells whether a quoted string has an escape of a surrogate without its other half.
func lone(quoted []byte) bool {
	for i := 0; i+1 < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		if quoted[i+1] != 'u' {
			i++
			continue
		}
		r, n, _ := unicodeEscape(quoted[i:])
		if r == utf8.RuneError && n == 6 && !bytes.EqualFold(quoted[i:i+6], []byte(`\ufffd`)) {
			return true
		}
		i += max(n, 2) - 1
	}
	return false
}
