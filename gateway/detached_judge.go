package gateway

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/service"
)

// watching is the judgement of an answer under way on this node. It depends on the text alone, so another node that reads the
// same slices comes to the same.
type watching struct {
	c      *call
	o      *output
	ch     *choice
	x      *channel
	cancel context.CancelFunc
	next   int64 // slice
	total  int64 // characters let through
	stop   *cut
	unsaid []byte // let through and not told yet
	at     int64  // where unsaid begins, in characters
}

// channelKind sorts the channels of applications into those that policies know: the part behind the last / or . is reasoning,
// arguments, or content.
func channelKind(name string) string {
	switch kind := name[strings.LastIndexAny(name, "/.")+1:]; kind {
	case "reasoning", "arguments":
		return kind
	}
	return contentChannel
}

// watch begins to judge an answer. It lasts longer than a request; cancel ends what detectors still do for it.
func (g *Gateway) watch(c *call, kind string) *watching {
	ctx, cancel := context.WithCancel(g.stopped)
	w := &watching{c: c, o: g.newOutput(ctx, c), cancel: cancel}
	w.ch = w.o.choice(0)
	w.ch.label = labeller{} // the application labels what it shows
	w.x = w.o.channel(w.ch, kind, "", "")
	return w
}

// feed judges the next piece of the text.
func (w *watching) feed(text string, last bool) {
	if w.stop != nil {
		return
	}
	w.c.checked.Out += len(text)
	visible, stop := w.o.step(w.ch, w.x, []byte(text), false)
	w.release(visible)
	if last && stop == nil {
		visible, stop = w.o.step(w.ch, w.x, nil, true)
		w.release(visible)
	}
	if stop != nil {
		w.stop = stop
		w.o.violated(stop)
		w.ch.cut = true
	}
}

func (w *watching) release(visible []byte) {
	w.unsaid = append(w.unsaid, visible...)
	w.total += runes(visible)
}

// skip leaves out what the application was told before.
func (w *watching) skip(given int64) {
	for w.at < given && len(w.unsaid) > 0 {
		_, size := utf8.DecodeRune(w.unsaid)
		w.unsaid = w.unsaid[size:]
		w.at++
	}
}

// told notes that everything let through has been told.
func (w *watching) told() { w.unsaid, w.at = nil, w.total }

// stands is up to where the text stands, in characters.
func (w *watching) stands() int64 {
	if w.stop == nil {
		return w.total
	}
	if w.stop.decision.Action == moderation.Retract || w.stop.decision.Action == moderation.Replace {
		return 0
	}
	return w.total - int64(w.stop.shown)
}

// verdict so far.
func (w *watching) verdict() string {
	switch {
	case w.stop != nil:
		return w.c.cuts
	case w.c.masked:
		return string(exchange.Mask)
	}
	return string(exchange.Allow)
}

// say fills in what is said of the text so far. given is how much the application was told before.
func (w *watching) say(g *Gateway, a *ScreenAnswer, given int64) {
	w.skip(given)
	a.From, a.Text = given, string(w.unsaid)
	a.Releasable = max(given, w.total)
	a.Verdict, a.Action = w.verdict(), "show"
	if a.Text == "" && a.State != "ended" {
		a.Action = "wait"
	}
	a.Findings = summary(w.c.sorted())
	a.Label = g.screenLabel(w.c)
	if w.stop == nil {
		return
	}
	a.Action = a.Verdict
	a.Withdraw = max(0, a.Releasable-w.stands())
	a.Reason = cmp.Or(w.c.reason, w.stop.code)
	a.Refusal, _ = w.o.instead(w.stop)
	a.Dispute = g.disputeOf(a.Exchange)
}

// record is the final record of a judged answer.
func (w *watching) record(g *Gateway, in exchange.Intent, outcome exchange.Outcome) (exchange.Record, *exchange.Content) {
	w.o.settle()
	w.c.labels = "none" // hegui wrote none; what the application did is its word
	if w.stop != nil {
		w.c.notice, _ = w.o.instead(w.stop)
	}
	w.c.id, w.c.content = in.ID, in.ContentID
	r := g.record(w.c)
	in.Policy, in.Lexicon = w.c.policy.Hash(), w.c.lexicon.Hash() // those that judged the end of it
	r.Intent, r.Outcome, r.Releasable = in, outcome, w.total
	r.Verdict = exchange.Verdict(w.verdict())
	if w.stop != nil {
		r.Code, r.Reason = w.stop.code, w.c.cutReason()
	}
	return r, w.c.kept()
}

// judgedInput is what becomes of what a user says.
type judgedInput struct {
	texts    []string      // of the messages, masked
	history  []ScreenTurn  // messages before the last that must be replaced
	no       *Interruption // a refusal or guidance, or that it cannot be looked at
	approved *approved     // an answer that the application is to give in place of its model's
}

// judgeInput judges messages as the gateway judges those of a request. It returns an Interruption of its own only when the
// messages have a wrong shape, or a guard is out and the same may be sent again.
func (g *Gateway) judgeInput(ctx context.Context, c *call, messages []byte, param string) (judgedInput, *Interruption) {
	c.body.Reset()
	c.body.WriteString(`{"model":"-","messages":[`)
	c.body.Write(messages)
	c.body.WriteString(`]}`)
	chat := operations()[0]
	c.request = request{}
	if in := c.request.parse(chat, c.body.Bytes()); in != nil {
		in.Param = strings.Replace(in.Param, "messages", param, 1)
		in.Message = strings.ReplaceAll(in.Message, "messages[", param+"[")
		if in.Code == "unscreenable_content" {
			return judgedInput{no: in}, nil
		}
		return judgedInput{}, in
	}
	for _, name := range []string{"privacy_in", "moderate_in"} {
		in := g.guard(ctx, c, name)
		switch {
		case in == nil:
			continue
		case in.Status >= http.StatusInternalServerError:
			return judgedInput{}, in
		}
		return judgedInput{no: in}, nil
	}
	var given *approved
	if c.via == "api" || c.via == "dify" || c.via == "alibaba" { // the other shapes have no place for one
		_ = approvedAnswer(ctx, g, c) // what it cannot do it has noted
		given, c.approved = c.approved, nil
	}
	was, err := messagesOf(c.request.raw)
	if err != nil {
		return judgedInput{}, guardUnavailable("privacy_in")
	}
	sent, err := messagesOf(c.sent())
	if err != nil || len(sent) != len(was) {
		return judgedInput{}, guardUnavailable("privacy_in")
	}
	j := judgedInput{texts: make([]string, len(sent)), approved: given}
	for i, m := range sent {
		var said struct {
			Content json.RawMessage `json:"content"`
		}
		if err := json.Unmarshal(m, &said); err != nil {
			return judgedInput{}, guardUnavailable("privacy_in")
		}
		_ = json.Unmarshal(said.Content, &j.texts[i]) // content in parts stays empty; callers that need it send strings
		if i < len(sent)-1 && !bytes.Equal(m, was[i]) {
			j.history = append(j.history, ScreenTurn{Index: i, Message: m})
		}
	}
	return j, nil
}

// messagesOf are the messages of a request, as they stand.
func messagesOf(raw []byte) ([]json.RawMessage, error) {
	var q struct {
		Messages []json.RawMessage `json:"messages"`
	}
	err := json.Unmarshal(raw, &q)
	return q.Messages, err
}

// say fills in what is said of an input of so many characters.
func (j judgedInput) say(g *Gateway, c *call, a *ScreenAnswer) {
	a.Findings = summary(c.sorted())
	if j.no != nil {
		a.Verdict = string(cmp.Or(j.no.Verdict, exchange.Refuse))
		a.Action = a.Verdict
		a.Reason = cmp.Or(j.no.Public, j.no.Code)
		a.Refusal = j.no.Message
		if j.no.Verdict == "" {
			a.Refusal = c.refusalText()
		}
		a.Dispute = g.disputeOf(a.Exchange)
		return
	}
	a.Text = j.texts[len(j.texts)-1]
	a.Releasable = int64(utf8.RuneCountInString(a.Text))
	a.Verdict, a.Action = string(exchange.Allow), "show"
	if a.History = j.history; c.masked || len(j.history) > 0 {
		a.Verdict = string(exchange.Mask)
	}
	if j.approved != nil {
		a.Approved = &ScreenApproved{ID: j.approved.version.ID, Version: j.approved.version.N, Text: j.approved.text}
	}
}

// record is the final record of a judged input.
func (j judgedInput) record(g *Gateway, c *call, in exchange.Intent) (exchange.Record, *exchange.Content) {
	c.id, c.content = in.ID, in.ContentID
	if c.input == "" && c.vaultKey != nil && c.request.raw != nil {
		in.Input = c.vaultKey.Commitment("input", c.sent())
	}
	r := g.record(c)
	r.Intent, r.Outcome = in, exchange.Complete
	switch {
	case j.no != nil && j.no.Verdict != "":
		r.Verdict, r.Code, r.Reason = j.no.Verdict, j.no.Code, j.no.Reason
	case j.no != nil:
		r.Outcome, r.Verdict, r.Code, r.Reason = exchange.Rejected, exchange.Refuse, j.no.Code, j.no.Reason
	case c.masked:
		r.Verdict = exchange.Mask
	}
	return r, c.kept()
}

// disputeOf is where what was decided about an exchange can be disputed.
func (g *Gateway) disputeOf(id string) string { return g.o.PortalURL() + "/dispute?exchange=" + id }

// userMessage is one message of the user's, as JSON.
func userMessage(text string) []byte { return roleMessage("user", text) }

func roleMessage(role, text string) []byte {
	return append(appendJSON(append(appendJSON([]byte(`{"role":`), []byte(role)), `,"content":`...), []byte(text)), '}')
}

// finishDetached makes the record of a detached exchange durable, together with a further change.
func (g *Gateway) finishDetached(c *call, r exchange.Record, content *exchange.Content, also func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), 20*time.Second)
	defer cancel()
	if len(c.visible) > 0 && c.vaultKey != nil {
		r.Output = c.vaultKey.Commitment("output", c.visible)
	}
	if err := g.o.Exchanges.FinishWith(ctx, r, c.vaultKey, content, also); err != nil {
		return err
	}
	c.recorded = true
	g.metrics.count(c, r)
	if g.o.Ended != nil {
		g.o.Ended(r, c.looked(r))
	}
	return nil
}

// verdictOnce judges a whole text that an adapter brought, records it as one exchange and says what may be done with it.
func (g *Gateway) verdictOnce(ctx context.Context, c *call, direction string, messages [][]byte, text string) (*ScreenAnswer, []string, *Interruption) {
	a := &ScreenAnswer{Exchange: c.id, State: "ended"}
	var record exchange.Record
	var content *exchange.Content
	var texts []string
	if direction == "in" {
		c.op.name = exchange.ScreenIn
		judged, in := g.judgeInput(ctx, c, bytes.Join(messages, []byte(",")), "messages")
		if in != nil {
			return nil, nil, in
		}
		judged.say(g, c, a)
		texts = judged.texts
		record, content = judged.record(g, c, g.intent(c))
	} else {
		c.op.name = exchange.ScreenOut
		c.body.Reset()
		c.request.last = []byte(text) // its language is that of a refusal
		w := g.watch(c, contentChannel)
		defer w.cancel()
		w.feed(text, true)
		w.say(g, a, 0)
		texts = []string{a.Text}
		record, content = w.record(g, g.intent(c), exchange.Complete)
	}
	if err := g.finishDetached(c, record, content, nil); err != nil {
		g.o.Log.Error("a record could not be written", "exchange", c.id, "error", err)
		return nil, nil, unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is answered without one")
	}
	return a, texts, nil
}

// sayApproved judges an approved answer that an adapter's peer is to show, as every answer is, in an exchange of its own.
func (g *Gateway) sayApproved(ctx context.Context, c *call, a *ScreenAnswer) (text string, in *Interruption) {
	out, _, in := g.verdictOnce(ctx, g.beside(c), "out", nil, a.Approved.Text)
	switch {
	case in != nil:
		return "", in
	case ends(out.Verdict):
		return out.instead(), nil
	}
	return out.Text, nil
}

// beside is a further exchange of the same call.
func (g *Gateway) beside(c *call) *call {
	one := g.newDetached(c.w, c.r, c.via)
	one.key, one.service, one.user, one.vaultKey, one.name = c.key, c.service, c.user, c.vaultKey, c.name
	return one
}

// whoseScreening rebuilds the call that a screening belongs to, without its request.
func (g *Gateway) whoseScreening(ctx context.Context, in exchange.Intent) *call {
	r := (&http.Request{Header: http.Header{"User-Agent": {in.Client}}, RemoteAddr: in.Source}).WithContext(context.WithoutCancel(ctx))
	c := g.newDetached(nil, r, in.Detached)
	c.id, c.content, c.started, c.op.name = in.ID, in.ContentID, in.At, in.Operation
	c.key = service.Key{ID: in.Key, Service: in.Service, Application: in.Application}
	c.service, _ = g.o.Services.Service(in.Service)
	c.user.Subject = in.User
	return c
}
