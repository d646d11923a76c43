package gateway

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/upstream"
)

// A refused turn comes back with every later request, because clients send the whole conversation each time. If it were
// refused each time, one question would end the conversation for good. So what was refused is neutralised where history brings
// it back: the model is shown a placeholder, the record says so, and only what is new is judged for the user.

// heals tells whether refused turns of the history are neutralised for this service. An application that asks its model itself must put
// the placeholders in their place; one that does not say that it does sends the turns as they are, and then the whole is refused.
func (c *call) heals() bool {
	return (c.service.History == "" || c.service.History == "heal") && (c.via == "" || c.rewrites)
}

// answeredTurn is the last turn of the model that the user's side has replied to, -1 when there is none: what stands up to there
// is history.
func (q *request) answeredTurn() int {
	newest := q.newest()
	last := -1
	for i, t := range q.turns {
		if t.node < newest && t.role == "assistant" {
			last = i
		}
	}
	return last
}

// history tells whether a turn has been answered before, so that the application's newest words are not in it.
func (s *inputScreen) history(turn int) bool {
	role := s.c.request.turns[turn].role
	return turn <= s.answered && role != "system" && role != "developer"
}

// heal neutralises the turn that a text stands in instead of refusing the call, if it is history; it tells whether it does.
func (s *inputScreen) heal(t textNode, d moderation.Decision) bool {
	if t.key || strings.HasSuffix(t.channel, ".name") || !s.c.heals() {
		return false
	}
	turn, ok := s.c.request.turnAt(t.node)
	if !ok || !s.inTurn(t, turn) || !s.healed[turn] && !s.history(turn) {
		return false
	}
	s.neutral(turn, d.Action)
	return true
}

// healOver neutralises the turn that completes what is against the rules, if it is history; it tells whether it does.
func (s *inputScreen) healOver(o overSeam, d moderation.Decision) bool {
	if !s.c.heals() || !s.healed[o.last] && !s.history(o.last) {
		return false
	}
	s.neutral(o.last, d.Action)
	return true
}

// inTurn tells whether a text is one of a turn's, and not of what follows the messages.
func (s *inputScreen) inTurn(t textNode, turn int) bool {
	return t.node < int(s.c.request.doc.nodes[s.c.request.turns[turn].node].next)
}

// neutral marks a turn to be neutralised. The answer after it goes with it, calls of tools and what they
// brought included, unless it was guidance, which is ours.
func (s *inputScreen) neutral(turn int, a moderation.Action) {
	if s.healed == nil {
		s.healed = map[int]bool{}
	}
	if s.healed[turn] {
		return
	}
	s.healed[turn] = true
	turns := s.c.request.turns
	if a == moderation.Guide || turns[turn].role == "assistant" {
		return
	}
	if s.answers == nil {
		s.answers = map[int]bool{}
	}
	for next := turn + 1; next < len(turns) && (turns[next].role == "assistant" || said(turns[next]) && turns[next].role != "user"); next++ {
		s.answers[next] = true
	}
}

// skip tells whether a text stands in a turn that the model is not shown.
func (s *inputScreen) skip(t textNode) bool {
	if len(s.healed) == 0 && len(s.answers) == 0 {
		return false
	}
	turn, ok := s.c.request.turnAt(t.node)
	return ok && s.inTurn(t, turn) && (s.healed[turn] || s.answers[turn])
}

// remember looks which turns of the history were refused before, by whomever: a provider's no is known only from there.
func (s *inputScreen) remember(ctx context.Context) *Interruption {
	c := s.c
	last := len(c.request.turns) - 1
	if last < 1 || c.vaultKey == nil || c.service.History == "pass" || c.service.Modes.ModerateIn.Act == "observe" {
		return nil
	}
	any, err := s.g.o.Exchanges.AnyRefusedTurn(ctx, c.user.Subject)
	if err != nil {
		return s.g.outage(c, "moderate_in", moderateInMode, err)
	}
	if !any {
		return nil
	}
	newest := c.request.newest()
	var turns []string
	at := map[string][]int{}
	var before []byte
	for i, t := range c.request.turns {
		if t.node >= newest || !said(t) || len(t.text) == 0 {
			continue
		}
		for _, k := range []string{c.turnCommitment(t.whole()), c.turnAfter(before, t.whole())} {
			turns, at[k] = append(turns, k), append(at[k], i)
		}
		before = t.whole()
	}
	known, err := s.g.o.Exchanges.RefusedTurns(ctx, c.user.Subject, turns)
	if err != nil {
		return s.g.outage(c, "moderate_in", moderateInMode, err)
	}
	for k := range known {
		if !c.heals() {
			return s.g.refusal(c, moderation.Decision{Action: moderation.Refuse, Reason: "refused_before"}, "the input was refused: a turn of its history was refused before")
		}
		for _, i := range at[k] {
			s.neutral(i, moderation.Refuse)
		}
	}
	return nil
}

// turnCommitment stands for a turn that is against the rules by itself.
func (c *call) turnCommitment(text []byte) string { return c.vaultKey.Commitment("turn", text) }

// turnAfter stands for a turn that was refused for what it says after another, or nobody knows for what: the same words are
// harmless elsewhere.
func (c *call) turnAfter(before, text []byte) string {
	return c.vaultKey.Commitment("turn after", slices.Concat(before, []byte{0}, text))
}

// neutralise writes placeholders over the turns that the model is not shown.
func (s *inputScreen) neutralise() {
	c := s.c
	if len(s.healed) == 0 {
		return
	}
	for k := range c.findings {
		if f := &c.findings[k]; f.Where == "in" && s.healed[turnOf(f.Channel)] {
			f.Healed = true
		}
	}
	placeholders := map[int]edit{}
	for _, t := range s.texts {
		if !s.skip(t.node) {
			continue
		}
		if t.node.key || t.node.file || strings.HasSuffix(t.node.channel, ".name") || slices.Contains(c.request.who, t.node.node) {
			continue // names hold nothing that was refused, see heal
		}
		n := c.request.doc.nodes[t.node.node]
		placeholders[int(n.start)] = edit{int(n.start), int(n.end), appendJSON(nil, []byte(s.placeholder(t.node)))}
	}
	c.edits = slices.DeleteFunc(c.edits, func(e edit) bool { _, gone := placeholders[e.start]; return gone })
	for _, e := range placeholders {
		c.edits = append(c.edits, e)
	}
	for _, f := range c.request.files { // the whole part: a model is shown nothing of a file that was refused
		t := textNode{node: f.part}
		if f.part == 0 || !s.skip(t) {
			continue
		}
		n := c.request.doc.nodes[f.part]
		c.edits = slices.DeleteFunc(c.edits, func(e edit) bool { return e.start >= int(n.start) && e.end <= int(n.end) })
		c.edits = append(c.edits, edit{int(n.start), int(n.end), append(appendJSON([]byte(`{"type":"text","text":`), []byte(s.placeholder(t))), '}')})
	}
	sortEdits(c.edits)
	c.healed = len(s.healed)
}

// turnOf is the turn that a channel's name tells, -1 when it tells none.
func turnOf(channel string) int {
	number, _, ok := strings.Cut(strings.TrimPrefix(channel, "messages["), "]")
	if n, err := strconv.Atoi(number); ok && err == nil && strings.HasPrefix(channel, "messages[") {
		return n
	}
	return -1
}

// placeholder stands for a text that the model is not shown.
func (s *inputScreen) placeholder(t textNode) string {
	turn, _ := s.c.request.turnAt(t.node)
	answer := s.c.request.turns[turn].role == "assistant"
	switch {
	case strings.HasSuffix(t.channel, "arguments"):
		return "{}" // tools parse it
	case s.c.chinese() && answer:
		return "（未作回答。）"
	case s.c.chinese():
		return "（此处一条消息未获回答，已略去。）"
	case answer:
		return "(No answer was given.)"
	}
	return "(A message that was not answered has been left out here.)"
}

// refuses notes that a turn is why the call is refused, so that it is known when history brings it back.
func (s *inputScreen) refuses(t textNode) {
	turn, ok := s.c.request.turnAt(t.node)
	if !ok || !s.inTurn(t, turn) || s.c.vaultKey == nil || t.key || t.file || strings.HasSuffix(t.channel, ".name") {
		return // a name is no part of what was said, and what was said may be harmless
	}
	if s.noted[turn] {
		return
	}
	if s.noted == nil {
		s.noted = map[int]bool{}
	}
	s.noted[turn] = true
	if t := s.c.request.turns[turn]; said(t) && len(t.text) > 0 {
		s.refused = append(s.refused, s.c.turnCommitment(t.whole()))
	}
}

// refusesAfter notes that a turn is why the call is refused, together with what was said before it.
func (s *inputScreen) refusesAfter(turn int) {
	if s.after[turn] {
		return
	}
	if s.after == nil {
		s.after = map[int]bool{}
	}
	s.after[turn] = true
	if k := s.c.afterCommitment(turn); k != "" {
		s.refused = append(s.refused, k)
	}
}

// afterCommitment is turnAfter of a turn, empty when it is not of the user's side.
func (c *call) afterCommitment(turn int) string {
	turns := c.request.turns
	if c.vaultKey == nil || turn < 0 || !said(turns[turn]) || len(turns[turn].text) == 0 {
		return ""
	}
	var before []byte
	for i := turn - 1; i >= 0; i-- {
		if said(turns[i]) && len(turns[i].text) > 0 {
			before = turns[i].whole()
			break
		}
	}
	return c.turnAfter(before, turns[turn].whole())
}

// keepRefused has the record say what was refused.
func (s *inputScreen) keepRefused() {
	slices.Sort(s.refused)
	s.refused = slices.Compact(s.refused)
	s.c.refused = s.refused[:min(len(s.refused), exchange.MaxRefusedTurns)]
}

// refusedUpstream notes that the provider refused. Which turn it minded it does not say; the newest is what made it mind.
func (c *call) refusedUpstream(r *upstream.Refusal) {
	c.refusedBy = r
	newest, _ := c.request.turnAt(c.request.newest())
	if k := c.afterCommitment(newest); k != "" {
		c.refused = []string{k}
	}
}

// upstreamRefused answers in our shape where the provider refused instead of answering.
func (g *Gateway) upstreamRefused(c *call, r *upstream.Refusal) {
	c.refusedUpstream(r)
	in := g.refusal(c, moderation.Decision{Action: moderation.Refuse, Reason: upstreamReason}, "the model's provider refused the "+side(r)+" ("+r.Row+")")
	in.Verdict = exchange.UpstreamRefused
	c.cuts = string(exchange.UpstreamRefused)
	if g.conclude(c, exchange.Complete, in.Code, in.Reason) != nil {
		writeError(c.w, unavailable("record_unavailable", "the record cannot be written at the moment"), c.id)
		return
	}
	if in.Status == http.StatusOK {
		g.refuse(c, in)
		return
	}
	writeError(c.w, in, c.id)
}

// upstreamReason is the reason code of a provider's refusal.
const upstreamReason = "upstream_refused"

// side names what was refused, as far as the provider said.
func side(r *upstream.Refusal) string {
	if r.Side == "unknown" {
		return "input or output"
	}
	return r.Side
}
