package gateway

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/upstream"
)

// streamer delivers a streaming answer: every event is screened before it leaves, edited only where text is held, masked
// or labelled, and otherwise passed byte for byte.
type streamer struct {
	*output
	parser  sseParser
	doc     doc
	out     bytes.Buffer // what may leave, written once per read of upstream
	started bool         // headers sent
	noted   bool         // the hegui object has been sent
	done    bool         // upstream said [DONE]
	gone    bool         // the client cannot be written to any more
	bad     error        // upstream broke the protocol
	head    []byte       // id, object, created, model of the first chunk, for chunks of our own
	flusher http.Flusher
	cancel  context.CancelCauseFunc
}

// errCut cancels upstream when nothing more of its answer will be shown.
var errCut = errors.New("the answer was cut off")

func (g *Gateway) deliverStream(ctx context.Context, cancel context.CancelCauseFunc, c *call, response *upstream.Response) {
	s := &streamer{output: g.newOutput(ctx, c), cancel: cancel}
	s.flusher, _ = c.w.(http.Flusher)
	g.metrics.streams.Inc()
	defer g.metrics.streams.Dec()
	if len(c.asked) > 0 {
		s.end(ctx, s.readAndWatch(response.Body))
		return
	}
	buffer := make([]byte, 16<<10)
	var readErr error
	for !s.over() {
		n, err := response.Body.Read(buffer)
		if s.read(buffer[:n], err); err != nil {
			readErr = err
			break
		}
	}
	s.end(ctx, readErr)
}

// read works off what has arrived.
func (s *streamer) read(b []byte, err error) {
	s.parser.write(b)
	s.take(err != nil)
	s.send()
}

// over tells whether the rest of upstream's answer does not matter any more.
func (s *streamer) over() bool { return s.done || s.bad != nil || s.allCut() }

// allCut tells whether every choice asked for was cut off by us.
func (s *streamer) allCut() bool {
	cut := 0
	for _, ch := range s.choices {
		if ch.cut {
			cut++
		}
	}
	return cut >= s.c.request.n
}

// take works off every whole event that has arrived.
func (s *streamer) take(last bool) {
	for !s.over() {
		e, ok := s.parser.next(last)
		if !ok {
			if s.parser.tooLong() {
				s.bad = errors.New("upstream sent an event without end")
			}
			return
		}
		s.event(e)
	}
}

func (s *streamer) event(e sseEvent) {
	switch {
	case !e.has:
		s.out.WriteString(": keep-alive\n\n") // upstream's own words in a comment are nobody's to screen
	case string(bytes.TrimSpace(e.data)) == "[DONE]":
		s.done = true
	default:
		if err := s.doc.scan(e.data); err != nil || s.doc.nodes[0].kind != isObject {
			s.bad = errors.New("upstream sent an event that is not a JSON object")
			return
		}
		s.chunk(e)
	}
}

// chunk screens one JSON event.
func (s *streamer) chunk(e sseEvent) {
	d := &s.doc
	var at [5]int
	if err := d.object(0, []string{"choices", "usage", "model", "error", "id"}, at[:]); err != nil {
		s.bad = errors.New("upstream sent a chunk with a field twice")
		return
	}
	if at[3] >= 0 && d.nodes[at[3]].kind != isNull {
		if stop := refusedUpstream(s.c.response.RefusedAs(http.StatusOK, e.data)); stop != nil {
			s.refusedInside(stop)
			return
		}
		s.bad = errors.New("upstream reported an error inside its stream")
		return
	}
	if at[2] >= 0 && s.c.answered == "" && d.nodes[at[2]].kind == isString {
		s.c.answered = string(d.text(at[2]))
	}
	if at[1] >= 0 && d.nodes[at[1]].kind == isObject {
		s.c.usage = append(s.c.usage[:0], d.raw(at[1])...)
	}
	s.template(d)
	var edits []edit
	kept, elements := 0, 0
	if at[0] >= 0 && d.nodes[at[0]].kind == isArray {
		var remove []int
		d.children(at[0], func(i int) bool {
			elements++
			el, keep := s.element(d, i, elements-1)
			if !keep {
				remove = append(remove, i)
				return true
			}
			kept++
			edits = append(edits, el...)
			return true
		})
		edits = append(edits, removals(d, at[0], remove)...)
	}
	others := s.choice(-1)
	d.children(0, func(i int) bool { // strings beside the choices
		n := d.nodes[i]
		if i == at[0] || i == at[1] || n.kind < isString {
			return true
		}
		name := string(d.key(i))
		if n.kind == isString && plainAnswerField(name) && names(d.raw(i)) {
			return true
		}
		check := func(i int, path, _, _ string) bool {
			el, stop := s.once(d, others, i, "answer."+path)
			edits = append(edits, el...)
			if stop != nil {
				s.violated(stop)
			}
			return true
		}
		if n.kind == isString {
			return check(i, name, "", "")
		}
		return d.texts(i, name, unwrapped, "", check)
	})
	if elements > 0 && kept == 0 && at[1] < 0 {
		return // it speaks only of choices that were cut off
	}
	s.emit(e, edits)
}

// element screens one choice of a chunk: its edits, and whether it stays in the chunk. A chunk whose text is held back
// leaves with less or no text, at once, so that everything else in it arrives when upstream sent it.
func (s *streamer) element(d *doc, at, position int) (edits []edit, keep bool) {
	var in [5]int
	if err := d.object(at, []string{"index", "delta", "text", "finish_reason", "logprobs"}, in[:]); err != nil {
		s.bad = errors.New("upstream sent a choice with a field twice")
		return nil, false
	}
	index := position
	if in[0] >= 0 {
		if n, err := strconv.Atoi(string(d.raw(in[0]))); err == nil {
			index = n
		}
	}
	ch := s.choice(index)
	if ch.ended {
		return nil, false
	}
	ch.altered = false
	finish := in[3] >= 0 && d.nodes[in[3]].kind == isString
	type piece struct {
		x       *channel
		node    int
		visible []byte
		text    []byte
	}
	var pieces []piece
	var stop *cut
	feed := func(i int, path, prefix, suffix string) bool {
		if strings.HasSuffix(path, ".name") { // a tool's name stands whole in one delta and must stay so
			e, cut := s.once(d, s.choice(-1), i, "choice["+strconv.Itoa(index)+"]."+path)
			edits, stop = append(edits, e...), cut
			return cut == nil
		}
		if path == "text" {
			path = contentChannel
		}
		x := s.channel(ch, path, prefix, suffix)
		text := d.text(i)
		visible, cut := s.feed(ch, x, text)
		pieces = append(pieces, piece{x, i, append([]byte(nil), visible...), text})
		stop = cut
		return cut == nil
	}
	if in[1] >= 0 && d.nodes[in[1]].kind == isObject {
		d.texts(in[1], "", "", "", feed)
	}
	if in[2] >= 0 && d.nodes[in[2]].kind == isString && stop == nil {
		feed(in[2], contentChannel, "", "")
	}
	// strings of the choice beside its delta
	if stop == nil {
		d.children(at, func(i int) bool {
			n := d.nodes[i]
			name := string(d.key(i))
			if i == in[1] || i == in[2] || i == in[4] || n.kind < isString || n.kind == isString && plainAnswerField(name) && names(d.raw(i)) {
				return true
			}
			el := func(i int, path, _, _ string) bool {
				e, cut := s.once(d, s.choice(-1), i, "choice["+strconv.Itoa(index)+"]."+path)
				edits = append(edits, e...)
				stop = cut
				return cut == nil
			}
			if n.kind == isString {
				return el(i, name, "", "")
			}
			return d.texts(i, name, unwrapped, "", el)
		})
	}
	if finish && stop == nil {
		// upstream is done with this choice: what was held back is free now
		for _, x := range slices.Clone(ch.channels) {
			rest, cut := s.close(ch, x)
			rest = append([]byte(nil), rest...)
			if x.name == contentChannel && cut == nil {
				suffix := ch.suffix()
				x.visible = append(x.visible, suffix...)
				rest = append(rest, suffix...)
			}
			merged := false
			for k := len(pieces) - 1; k >= 0 && !merged; k-- {
				if pieces[k].x == x {
					pieces[k].visible = append(pieces[k].visible, rest...)
					merged = true
				}
			}
			if !merged && len(rest) > 0 {
				s.own(ch, x, rest)
			}
			if cut != nil {
				stop = cut
				break
			}
		}
		if stop == nil {
			if no := refusedUpstream(s.c.response.RefusedBy(string(d.text(in[3])))); no != nil && ch.said() {
				s.violated(no) // what was said before stays
			} else {
				stop = no
			}
		}
		ch.ended = true
	}
	if stop != nil {
		for _, p := range pieces {
			if len(p.visible) > 0 {
				s.own(ch, p.x, p.visible)
			}
		}
		s.cutOff(ch, stop)
		return nil, false
	}
	for _, p := range pieces {
		if !bytes.Equal(p.visible, p.text) {
			edits = append(edits, edit{int(d.nodes[p.node].start), int(d.nodes[p.node].end), appendJSON(nil, p.visible)})
		}
	}
	if in[4] >= 0 && d.nodes[in[4]].kind != isNull && ch.altered {
		// held-back or masked text must not show through its log probabilities
		edits = append(edits, edit{int(d.nodes[in[4]].start), int(d.nodes[in[4]].end), []byte("null")})
	}
	sortEdits(edits)
	return edits, true
}

// removals cuts elements out of an array together with the comma that belongs to them.
func removals(d *doc, array int, remove []int) []edit {
	if len(remove) == 0 {
		return nil
	}
	var edits []edit
	previous := -1
	d.children(array, func(i int) bool {
		switch {
		case !slices.Contains(remove, i):
			previous = i
		case previous >= 0: // from the end of the last kept one
			edits = append(edits, edit{int(d.nodes[previous].end), int(d.nodes[i].end), nil})
			if k := len(edits) - 2; k >= 0 && edits[k].start == edits[k+1].start {
				edits = append(edits[:k], edits[k+1])
			}
		default: // leading: up to the start of the next
			next := int(d.nodes[i].next)
			end := int(d.nodes[array].end) - 1
			if next < int(d.nodes[array].next) {
				end = int(d.nodes[next].start)
			}
			edits = append(edits, edit{int(d.nodes[i].start), end, nil})
		}
		return true
	})
	return edits
}

// cutOff ends a choice: the refusal, finish_reason content_filter, and upstream is cancelled when nothing else is wanted.
func (s *streamer) cutOff(ch *choice, stop *cut) {
	s.violated(stop)
	if ch.index < 0 {
		return
	}
	ch.ended, ch.cut = true, true
	if suffix := ch.suffix(); len(suffix) > 0 { // what was shown before the cut is generated content and is labelled
		x := s.channel(ch, contentChannel, `{"content":`, "}")
		x.visible = append(x.visible, suffix...)
		s.own(ch, x, suffix)
	}
	text, finish := s.instead(stop)
	if ch.label.any {
		text = "\n\n" + text
	}
	s.c.notice = text
	if s.c.r.Header.Get("X-Hegui-Events") == "moderation" {
		s.out.WriteString("event: hegui.moderation\ndata: ")
		shown := 0
		for _, x := range ch.channels {
			if x.name == contentChannel {
				shown = x.shown
				if stop.channel == x {
					shown = max(shown-stop.shown, 0)
				}
			}
		}
		from := shown
		if stop.decision.Action != moderation.Stop {
			from = 0
		}
		s.out.Write(jsonObject(map[string]any{"action": stop.decision.Action, "choice": ch.index, "from": from, "reason": stop.decision.Reason, "exchange": s.c.id}))
		s.out.WriteString("\n\n")
	}
	delta := `{"content":` + string(appendJSON(nil, []byte(text))) + `}`
	s.ours(ch.index, delta, `"`+finish+`"`, string(appendJSON(nil, []byte(text))))
	if s.allCut() {
		s.cancel(errCut)
	}
}

// refusedInside ends every choice that has not ended: the provider says inside its stream that it refuses.
func (s *streamer) refusedInside(stop *cut) {
	for i := range s.c.request.n {
		if ch := s.choice(i); !ch.ended {
			s.cutOff(ch, stop)
		}
	}
	s.done = true
}

// own sends text of a channel in a chunk of our own.
func (s *streamer) own(ch *choice, x *channel, text []byte) {
	quoted := string(appendJSON(nil, text))
	s.ours(ch.index, x.prefix+quoted+x.suffix, "null", quoted)
}

// ours writes a chunk that upstream did not send, in the shape of those that it did.
func (s *streamer) ours(index int, delta, finish, text string) {
	s.out.WriteString("data: {")
	s.out.Write(s.head)
	s.out.WriteString(`"choices":[{"index":` + strconv.Itoa(index) + `,`)
	if s.c.op.name == "completion" {
		s.out.WriteString(`"text":` + text)
	} else {
		s.out.WriteString(`"delta":` + delta)
	}
	s.out.WriteString(`,"logprobs":null,"finish_reason":` + finish + `}]`)
	s.note(true)
	s.out.WriteString("}\n\n")
}

// template remembers what names the answer in every chunk.
func (s *streamer) template(d *doc) {
	if s.head != nil {
		return
	}
	s.head = []byte{}
	d.children(0, func(i int) bool {
		switch name := string(d.key(i)); name {
		case "id", "object", "created", "model", "system_fingerprint":
			s.head = append(append(append(s.head, '"'), name...), '"', ':')
			s.head = append(append(s.head, d.raw(i)...), ',')
		}
		return true
	})
}

// emit writes an event with its edits; one that needs none passes byte for byte.
func (s *streamer) emit(e sseEvent, edits []edit) {
	if len(edits) == 0 && s.noted && len(e.head) == 0 {
		s.out.Write(e.raw)
		return
	}
	if !s.noted {
		end := int(s.doc.nodes[0].end) - 1
		edits = append(edits, edit{end, end, s.g.note(s.c, s.output, len(s.doc.nodes) > 1, false)})
		s.noted = true
	}
	sortEdits(edits)
	for line := range bytes.SplitSeq(e.head, []byte("\n")) { // event: and id: lines that are names; comments stay behind
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && len(name) > 0 && names(append([]byte("xx"), bytes.TrimSpace(value)...)) {
			s.out.Write(line)
			s.out.WriteByte('\n')
		}
	}
	for line := range bytes.SplitSeq(splice(nil, e.data, edits), []byte("\n")) {
		s.out.WriteString("data: ")
		s.out.Write(line)
		s.out.WriteByte('\n')
	}
	s.out.WriteByte('\n')
}

// note adds the hegui object to a chunk of our own, once.
func (s *streamer) note(comma bool) {
	if !s.noted {
		s.out.Write(s.g.note(s.c, s.output, comma, false))
		s.noted = true
	}
}

// send writes what may leave, once per read.
func (s *streamer) send() {
	if s.out.Len() == 0 || s.gone {
		s.out.Reset()
		return
	}
	if !s.started {
		s.start()
	}
	if s.c.first.IsZero() {
		s.c.first = s.g.o.Now()
	}
	if _, err := s.c.w.Write(s.out.Bytes()); err != nil {
		s.gone = true
	} else if s.flusher != nil {
		s.flusher.Flush()
	}
	s.out.Reset()
}

func (s *streamer) start() {
	s.started = true
	s.g.headers(s.c)
	h := s.c.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	s.c.w.WriteHeader(http.StatusOK)
}

// end records the exchange and closes the stream so that the client can tell a whole answer from a broken one.
func (s *streamer) end(ctx context.Context, readErr error) {
	c := s.c
	left := s.gone || c.r.Context().Err() != nil
	finished := len(s.choices) > 0
	for _, ch := range s.choices {
		finished = finished && (ch.ended || ch.index < 0)
	}
	complete := s.bad == nil && (s.done || s.allCut() || finished && !s.parser.rest())
	outcome, code, reason := exchange.Complete, "", ""
	switch {
	case left:
		outcome, code, reason = exchange.ClientLeft, "client_left", "the client went away in the middle of the answer"
	case complete:
		s.flushAll()
		if c.cuts != "" {
			code, reason = "content_filter", c.cutReason()
		}
	default:
		outcome, code, reason = exchange.Truncated, "upstream_truncated", "the model broke off in the middle of its answer"
		if errors.Is(context.Cause(ctx), errDrained) {
			code, reason = "draining", "hegui shut down before the answer was complete"
		}
		if !s.started && len(c.withheld) == 0 {
			outcome, code = exchange.UpstreamError, "upstream_error"
		}
		for _, ch := range s.choices { // what was shown is generated content, broken off or not
			if suffix := ch.suffix(); len(suffix) > 0 {
				x := s.channel(ch, contentChannel, `{"content":`, "}")
				x.visible = append(x.visible, suffix...)
				s.own(ch, x, suffix)
			}
		}
		s.g.o.Log.Warn("a stream broke off", "exchange", c.id, "endpoint", c.target, "error", readErr, "protocol", s.bad)
	}
	s.settle()
	s.send()
	recorded := s.g.conclude(c, outcome, code, reason)
	if left {
		return
	}
	in := problem(http.StatusBadGateway, code, "", reason+"; what was shown is not a complete answer, ask again")
	if recorded != nil {
		in = unavailable("record_unavailable", "the record cannot be written at the moment, so this answer is not complete")
	}
	switch {
	case recorded == nil && complete:
		s.verdict()
		s.out.WriteString("data: [DONE]\n\n")
	case !s.started:
		writeError(c.w, in, c.id)
		return
	default:
		s.out.WriteString("data: ")
		s.out.Write(in.errorBody(c.id))
		s.out.WriteString("\n\n")
	}
	s.send()
}

// verdict tells, before [DONE], what the first chunk could not know: that the answer was cut or masked, and how it is
// labelled in the end. A chunk without choices is what clients know from usage.
func (s *streamer) verdict() {
	if s.c.cuts == "" && !s.c.masked && string(s.c.service.Label) == s.placed() {
		return
	}
	s.out.WriteString("data: {")
	s.out.Write(s.head)
	s.out.WriteString(`"choices":[]`)
	s.out.Write(s.g.note(s.c, s.output, true, true))
	s.out.WriteString("}\n\n")
}

// placed is where the explicit label ended up.
func (s *streamer) placed() string {
	if s.c.labels == "text" {
		return string(s.c.service.Label)
	}
	return s.c.labels
}

// flushAll frees what is still held when upstream ended without finishing a choice (some say only [DONE]).
func (s *streamer) flushAll() {
	for _, ch := range s.choices {
		if ch.ended || ch.index < 0 {
			continue
		}
		for _, x := range slices.Clone(ch.channels) {
			rest, stop := s.close(ch, x)
			rest = append([]byte(nil), rest...)
			if x.name == contentChannel && stop == nil {
				suffix := ch.suffix()
				x.visible = append(x.visible, suffix...)
				rest = append(rest, suffix...)
			}
			if len(rest) > 0 {
				s.own(ch, x, rest)
			}
			if stop != nil {
				s.cutOff(ch, stop)
				break
			}
		}
		ch.ended = true
	}
}

func sortEdits(edits []edit) {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
}
