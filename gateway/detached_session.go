package gateway

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/screening"
)

// screeningNote is what the gateway keeps of a text under way, sealed.
type screeningNote struct {
	Intent exchange.Intent `json:"intent"`
	Kind   string          `json:"kind"` // of the channel, see channelKind
	Last   ScreenAnswer    `json:"last"` // the newest answer, without text
}

// progress is a text as one request finds it.
type progress struct {
	id   string
	row  screening.Screening
	note screeningNote
	key  *journal.SubjectKey
}

// screenSlice takes one slice of a text. The same slice is answered the same and judged once, on whatever node it comes in;
// slices are judged in order, and one that comes too early waits.
func (g *Gateway) screenSlice(ctx context.Context, c *call, q *slice) (*ScreenAnswer, *Interruption) {
	if c.vaultKey == nil {
		return nil, unavailable("record_unavailable", "the record cannot be written at the moment, and nothing is judged without one")
	}
	id := c.vaultKey.Commitment("screening", []byte(c.key.ID+"\x00"+q.session+"\x00"+q.channel))
	e := g.screens.take(id)
	defer g.screens.give(e)
	for range 4 {
		answer, in, err := g.trySlice(ctx, c, e, q)
		switch {
		case in != nil:
			return nil, in
		case errors.Is(err, screening.ErrMoved): // another node was faster: look again
			e.drop()
			continue
		case err != nil:
			e.drop()
			g.o.Log.Error("a slice could not be judged", "exchange", c.id, "error", err)
			return nil, unavailable("record_unavailable", "the state of this session cannot be read or written at the moment")
		}
		answer.Session, answer.Channel, answer.Seq = q.session, q.channel, q.seq
		return answer, nil
	}
	e.drop()
	return nil, unavailable("session_busy", "several nodes work on this session at once; send its slices one after the other")
}

func (g *Gateway) trySlice(ctx context.Context, c *call, e *live, q *slice) (*ScreenAnswer, *Interruption, error) {
	now := g.o.Now()
	p, in, err := g.findProgress(ctx, c, e, q, now)
	if in != nil || err != nil {
		return nil, in, err
	}
	digest := c.vaultKey.Commitment("screening slice", jsonObject(q.slicePayload))
	var waiting []screening.Slice
	if p.row.Version > 0 {
		before, ok, err := g.o.Screenings.Slice(ctx, p.id, q.seq)
		if err != nil {
			return nil, nil, err
		}
		if ok {
			if before.Digest != digest {
				return nil, conflict("slice_changed", "seq", fmt.Sprintf("slice %d of this channel has been sent before with another text, done or history; send what you sent then, or use another channel", q.seq)), nil
			}
			if len(before.Answer) > 0 {
				answer, err := p.unsealAnswer(q.seq, before.Answer)
				return answer, nil, err
			}
		}
		if p.row.State != screening.Open {
			return p.afterEnd(q)
		}
		if waiting, err = g.o.Screenings.Slices(ctx, p.id, p.row.Next, math.MaxInt64); err != nil {
			return nil, nil, err
		}
		if ok && q.seq != p.row.Next {
			return p.awaiting(), nil, nil
		}
	}
	if in := p.fits(c, q, waiting); in != nil {
		return nil, in, nil
	}
	if q.Done {
		p.row.Final = q.seq
	}
	sent := screening.Slice{Seq: q.seq, Digest: digest, Bytes: int64(len(q.Text)), Text: p.seal("text", q.seq, q.slicePayload)}
	p.row.Bytes += sent.Bytes
	if q.seq > p.row.Next {
		return g.wait(ctx, c, p, sent, now)
	}
	todo := []slicePayload{q.slicePayload}
	slices := []screening.Slice{sent}
	for _, s := range waiting {
		if s.Seq != p.row.Next+int64(len(slices)) {
			break
		}
		payload, err := p.payload(s)
		if err != nil {
			return nil, nil, err
		}
		todo, slices = append(todo, payload), append(slices, s)
	}
	return g.advance(ctx, c, e, p, todo, slices, now)
}

// findProgress reads the text's state, or begins it.
func (g *Gateway) findProgress(ctx context.Context, c *call, e *live, q *slice, now time.Time) (*progress, *Interruption, error) {
	p := &progress{id: e.id, key: c.vaultKey}
	var err error
	for range 2 {
		p.row, err = g.o.Screenings.Find(ctx, e.id)
		if err != nil || p.row.State != screening.Open || now.UnixMilli() <= p.row.Until {
			break
		}
		if err := g.giveUp(ctx, e, p.row); err != nil { // too late: it ends as it stood
			return nil, nil, err
		}
	}
	if errors.Is(err, screening.ErrUnknown) {
		if in := g.guard(ctx, c, "limits"); in != nil {
			return nil, in, nil
		}
		open, err := g.o.Screenings.OpenOf(ctx, c.key.ID, maxOpenPerKey)
		if err != nil {
			return nil, nil, err
		}
		if open >= maxOpenPerKey {
			in := problem(http.StatusTooManyRequests, "too_many_sessions", "session", fmt.Sprintf("%d texts of this key are under way, which is the limit; end some with done, or wait until they expire", maxOpenPerKey))
			in.Retry = time.Minute
			return nil, in, nil
		}
		p.note = screeningNote{Intent: g.intent(c), Kind: channelKind(q.channel)}
		p.note.Last = ScreenAnswer{Exchange: c.id, State: string(screening.Open), Verdict: string(exchange.Allow), Action: "wait"}
		p.row = screening.Screening{ID: e.id, Exchange: c.id, Key: c.key.ID, Service: c.service.ID, Subject: c.user.Subject, Direction: q.direction,
			State: screening.Open, Final: -1, At: now.UnixMilli(), Until: now.Add(screeningIdle).UnixMilli()}
		return p, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if err := p.open(); err != nil {
		return nil, nil, err
	}
	if p.row.Direction != q.direction {
		return nil, conflict("direction_changed", "direction", "this channel of the session began with direction "+p.row.Direction+"; a channel has one, so use another channel"), nil
	}
	return p, nil, nil
}

func conflict(code, param, message string) *Interruption {
	return problem(http.StatusConflict, code, param, message)
}

// fits holds a new slice to the limits and to what is known of the text.
func (p *progress) fits(c *call, q *slice, waiting []screening.Slice) *Interruption {
	limit := c.service.MaxBodyBytes
	if limit <= 0 {
		limit = defaultMaxBody
	}
	size := int64(len(q.Text))
	var held int64
	last := int64(-1)
	for _, s := range waiting {
		held += s.Bytes
		last = s.Seq
	}
	switch {
	case p.row.Final >= 0 && q.seq > p.row.Final:
		return conflict("after_done", "seq", fmt.Sprintf("slice %d was the last of this channel (done); use another channel for another text", p.row.Final))
	case p.row.Final >= 0 && q.Done:
		return conflict("after_done", "done", fmt.Sprintf("slice %d was the last of this channel (done); this one comes before it", p.row.Final))
	case q.Done && last > q.seq:
		return conflict("after_done", "done", fmt.Sprintf("slice %d of this channel has come already; slice %d cannot be the last", last, q.seq))
	case p.row.Bytes+size > limit:
		return problem(http.StatusRequestEntityTooLarge, "body_too_large", "text", fmt.Sprintf("the text of this channel grows beyond %d bytes, the limit of this service; end it, or ask the operator to raise max_body_bytes", limit))
	case q.seq > p.row.Next && (q.seq-p.row.Next > maxWaiting || len(waiting) >= maxWaiting || held+size > maxWaitingBytes):
		return conflict("slice_too_early", "seq", fmt.Sprintf("slice %d comes before slice %d, and no more than %d slices of %d bytes wait for one that is missing; send slice %d first", q.seq, p.row.Next, maxWaiting, maxWaitingBytes, p.row.Next))
	}
	return nil
}

// wait keeps a slice whose predecessor has not come.
func (g *Gateway) wait(ctx context.Context, c *call, p *progress, sent screening.Slice, now time.Time) (*ScreenAnswer, *Interruption, error) {
	if p.row.Final >= 0 {
		p.row.Until = min(p.row.Until, now.Add(screeningGap).UnixMilli())
	}
	return p.awaiting(), nil, g.store(ctx, c, p, []screening.Slice{sent})
}

// awaiting answers a slice that is not judged yet.
func (p *progress) awaiting() *ScreenAnswer {
	a := p.note.Last
	a.From, a.Text, a.Action = a.Releasable, "", "wait"
	next := p.row.Next
	a.Awaiting = &next
	return &a
}

// store makes a step of a text that goes on durable.
func (g *Gateway) store(ctx context.Context, c *call, p *progress, slices []screening.Slice) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	p.row.Sealed = p.seal("note", 0, p.note)
	var events []journal.Event
	if p.row.Version == 0 {
		events = []journal.Event{{Who: journal.Actor{Kind: "gateway", ID: c.key.Application}, Verb: journal.ExchangeScreened,
			Ref: journal.Ref{Kind: "exchange", ID: p.row.Exchange}, At: p.note.Intent.At, Body: jsonObject(p.note.Intent)}}
	}
	return g.o.Screenings.Commit(ctx, screening.Change{After: p.row, Slices: slices}, events...)
}

// advance judges the slices that are due and makes their answers durable.
func (g *Gateway) advance(ctx context.Context, c *call, e *live, p *progress, todo []slicePayload, slices []screening.Slice, now time.Time) (*ScreenAnswer, *Interruption, error) {
	a := p.note.Last
	a.From, a.Text, a.Awaiting = a.Releasable, "", nil
	a.Exchange, a.State = p.row.Exchange, string(screening.Open)
	var judged judgedInput
	last := todo[len(todo)-1].Done
	if p.row.Direction == "in" {
		a.Action = "wait"
		if last {
			var in *Interruption
			var err error
			if judged, in, err = g.judgeSlices(ctx, c, p, todo); in != nil || err != nil {
				return nil, in, err
			}
			judged.say(g, c, &a)
		}
	} else {
		if err := g.catchUp(ctx, c, e, p); err != nil {
			return nil, nil, err
		}
		for i, s := range todo {
			e.w.first(s.Text)
			e.w.feed(s.Text, s.Done)
			if e.w.stop != nil {
				slices = slices[:i+1] // what comes behind is not judged
				break
			}
		}
		e.w.say(g, &a, p.row.Given)
	}
	p.row.Next += int64(len(slices))
	p.row.Given = a.Releasable
	p.row.Until = now.Add(screeningIdle).UnixMilli()
	switch {
	case e.w != nil && e.w.stop != nil:
		p.row.State = screening.Cut
	case last:
		p.row.State = screening.Ended
	case p.row.Final >= 0:
		p.row.Until = now.Add(screeningGap).UnixMilli()
	}
	if p.row.State != screening.Open {
		p.row.Until = now.Add(screeningKept).UnixMilli()
	}
	if a.State = string(p.row.State); p.row.State == screening.Ended && a.Action == "wait" {
		a.Action = "show" // nothing comes any more
	}
	p.note.Last = a
	p.note.Last.Text = ""
	for i := range slices {
		answer := p.note.Last
		answer.From = answer.Releasable // the text has been told with the slice that was missing
		if i == 0 {
			answer = a
		}
		slices[i].Answer = p.seal("answer", slices[i].Seq, answer)
	}
	if p.row.State == screening.Open {
		if err := g.store(ctx, c, p, slices); err != nil {
			return nil, nil, err
		}
		if e.w != nil {
			e.w.told()
			e.w.next = p.row.Next
		}
		return &a, nil, nil
	}
	var record exchange.Record
	var content *exchange.Content
	of := c
	if p.row.Direction == "in" {
		record, content = judged.record(g, c, p.note.Intent)
	} else {
		of = e.w.c
		record, content = e.w.record(g, p.note.Intent, exchange.Complete)
	}
	err := g.end(of, p, record, content, slices)
	c.recorded = true
	e.drop()
	return &a, nil, err
}

// end makes the final record and the end of the text durable together.
func (g *Gateway) end(c *call, p *progress, record exchange.Record, content *exchange.Content, slices []screening.Slice) error {
	p.row.Sealed = p.seal("note", 0, p.note)
	err := g.finishDetached(c, record, content, func(ctx context.Context, tx *sql.Tx) error {
		return g.o.Screenings.Apply(ctx, tx, screening.Change{After: p.row, Slices: slices})
	})
	if store.IsUnique(err) { // another node has ended it with the same slices
		return errors.Join(screening.ErrMoved, err)
	}
	return err
}

// judgeSlices judges an input that has come whole.
func (g *Gateway) judgeSlices(ctx context.Context, c *call, p *progress, todo []slicePayload) (judgedInput, *Interruption, error) {
	var text strings.Builder
	if p.row.Next > 0 {
		before, err := g.o.Screenings.Slices(ctx, p.id, 0, p.row.Next)
		if err != nil {
			return judgedInput{}, nil, err
		}
		for _, s := range before {
			payload, err := p.payload(s)
			if err != nil {
				return judgedInput{}, nil, err
			}
			text.WriteString(payload.Text)
		}
	}
	var history string
	for _, s := range todo {
		text.WriteString(s.Text)
		history, c.rewrites = s.History, s.Heal
	}
	messages := userMessage(text.String())
	if len(history) > 0 {
		messages = append([]byte(history+","), messages...)
	}
	judged, in := g.judgeInput(ctx, c, messages, "history")
	return judged, in, nil
}

// catchUp brings this node's judgement to where the text stands, reading the slices it has not seen.
func (g *Gateway) catchUp(ctx context.Context, c *call, e *live, p *progress) error {
	if e.w != nil && e.w.next > p.row.Next { // it went ahead of what became durable
		e.drop()
	}
	if e.w == nil {
		of := g.whoseScreening(ctx, p.note.Intent)
		of.service, of.user, of.vaultKey = c.service, c.user, c.vaultKey
		e.w = g.watch(of, p.note.Kind)
	}
	if e.w.next < p.row.Next {
		slices, err := g.o.Screenings.Slices(ctx, p.id, e.w.next, p.row.Next)
		if err != nil {
			return err
		}
		for _, s := range slices {
			payload, err := p.payload(s)
			if err != nil {
				return err
			}
			e.w.first(payload.Text)
			e.w.feed(payload.Text, false)
			e.w.skip(p.row.Given)
		}
		e.w.next = p.row.Next
	}
	return nil
}

// first notes the language of an answer from its beginning.
func (w *watching) first(text string) {
	if len(w.c.request.last) == 0 {
		w.c.request.last = []byte(text)
	}
}

// afterEnd answers a slice that comes when the text has ended.
func (p *progress) afterEnd(q *slice) (*ScreenAnswer, *Interruption, error) {
	if p.row.State == screening.Ended {
		return nil, conflict("after_done", "seq", fmt.Sprintf("slice %d was the last of this channel (done); use another channel for another text", p.row.Final)), nil
	}
	a := p.note.Last // cut or incomplete: whatever the model goes on to say is not judged and not shown
	a.From, a.Text, a.Awaiting = a.Releasable, "", nil
	return &a, nil, nil
}

// giveUp ends a text that was not sent whole: what was let through stands, and nothing more is.
func (g *Gateway) giveUp(ctx context.Context, e *live, row screening.Screening) error {
	p := &progress{id: row.ID, row: row}
	var err error
	if p.key, err = g.o.Vault.Subject(ctx, row.Subject); errors.Is(err, journal.ErrErased) {
		return g.forget(ctx, p)
	} else if err != nil {
		return err
	}
	if err := p.open(); err != nil {
		return err
	}
	c := g.whoseScreening(ctx, p.note.Intent)
	c.vaultKey = p.key
	a := &p.note.Last
	a.Action, a.Reason, a.Text, a.From = "end", "incomplete", "", a.Releasable
	var record exchange.Record
	var content *exchange.Content
	if row.Direction == "out" {
		if err := g.catchUp(ctx, c, e, p); err != nil {
			return err
		}
		if e.w.stop == nil {
			e.w.o.note(e.w.ch, e.w.x, e.w.x.watch.Abandon())
		}
		c = e.w.c
		record, content = e.w.record(g, p.note.Intent, exchange.Incomplete)
		record.Releasable = row.Given
	} else {
		record = g.record(c)
		record.Intent, record.Outcome, record.Verdict = p.note.Intent, exchange.Incomplete, exchange.Refuse
		a.Verdict = string(exchange.Refuse)
	}
	record.Code, record.Reason = "incomplete", "the application did not send the whole text in time; what had been let through stands, nothing more was"
	now := g.o.Now()
	p.row.State, p.row.Until = screening.Incomplete, now.Add(screeningKept).UnixMilli()
	a.State = string(screening.Incomplete)
	err = g.end(c, p, record, content, nil)
	e.drop()
	return err
}

// forget ends the text of a user who has been erased: nobody can read it any more.
func (g *Gateway) forget(ctx context.Context, p *progress) error {
	c := g.newDetached(nil, (&http.Request{Header: http.Header{}}).WithContext(context.WithoutCancel(ctx)), "api")
	c.id, c.content, c.started, c.op.name = p.row.Exchange, p.row.Exchange, time.UnixMilli(p.row.At), "screen_"+p.row.Direction
	c.key.ID, c.service.ID, c.user.Subject = p.row.Key, p.row.Service, p.row.Subject
	record := g.record(c)
	record.Outcome, record.Code, record.Reason = exchange.Incomplete, "user_erased", "the user was erased while the text was under way"
	p.row.State, p.row.Until, p.row.Sealed = screening.Incomplete, g.o.Now().UnixMilli(), nil
	return g.finishDetached(c, record, nil, func(ctx context.Context, tx *sql.Tx) error {
		return g.o.Screenings.Apply(ctx, tx, screening.Change{After: p.row})
	})
}

// SweepScreenings ends texts that were not sent whole in time, whatever node began them, and erases what has expired.
func (g *Gateway) SweepScreenings(ctx context.Context) error {
	if g.o.Screenings == nil {
		return nil
	}
	due, err := g.o.Screenings.Due(ctx, g.o.Now(), 200)
	if err != nil {
		return err
	}
	var failed error
	for _, row := range due {
		e := g.screens.take(row.ID)
		err := g.giveUp(ctx, e, row)
		if err != nil {
			e.drop()
		}
		g.screens.give(e)
		if err != nil && !errors.Is(err, screening.ErrMoved) {
			failed = errors.Join(failed, fmt.Errorf("gateway: screening of exchange %s: %w", row.Exchange, err))
		}
	}
	_, err = g.o.Screenings.Sweep(ctx, g.o.Now())
	return errors.Join(failed, err)
}

// Sealing: everything but numbers is under the subject's key, bound to its place.

func (p *progress) aad(what string, seq int64) string {
	return fmt.Sprintf("screening %s %s %d", what, p.id, seq)
}

func (p *progress) seal(what string, seq int64, v any) []byte {
	return p.key.Seal(nil, jsonObject(v), p.aad(what, seq))
}

func (p *progress) unseal(what string, seq int64, sealed []byte, into any) error {
	plain, err := p.key.Open(nil, sealed, p.aad(what, seq))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return fmt.Errorf("gateway: screening: %w", err)
	}
	return nil
}

func (p *progress) open() error { return p.unseal("note", 0, p.row.Sealed, &p.note) }

func (p *progress) payload(s screening.Slice) (q slicePayload, err error) {
	return q, p.unseal("text", s.Seq, s.Text, &q)
}

func (p *progress) unsealAnswer(seq int64, sealed []byte) (*ScreenAnswer, error) {
	a := &ScreenAnswer{}
	return a, p.unseal("answer", seq, sealed, a)
}
