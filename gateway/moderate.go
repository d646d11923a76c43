package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/decode"
	"github.com/hegui/hegui/privacy"
	"github.com/hegui/hegui/service"
)

// userClass is the class of every user until ages are known; rows for minors do not match it.
const userClass = "unknown"

// place is where the policy is asked.
func (c *call) place(direction string) moderation.Place {
	return moderation.Place{Scene: moderation.Scene{Service: c.service.ID, Direction: direction, User: userClass}, Profile: c.service.Profile,
		OnViolation: moderation.Action(c.service.OnViolation)}
}

// inputScene is where a text of the request stands.
func (c *call) inputScene(channel string) moderation.Scene {
	scene := c.place("in").Scene
	scene.Channel = sceneChannel(channel)
	return scene
}

// sceneChannel sorts the channels of requests and answers into the four that scopes and policies know.
func sceneChannel(name string) string {
	switch {
	case strings.HasSuffix(name, "arguments"):
		return "arguments"
	case strings.Contains(name, "reasoning"):
		return "reasoning"
	case name == contentChannel, strings.HasPrefix(name, "messages") && strings.Contains(name, ".content"), strings.HasPrefix(name, "prompt"), strings.HasPrefix(name, "input"):
		return "content"
	}
	return "other"
}

// inputScreen is moderate_in at work on one request.
type inputScreen struct {
	g       *Gateway
	c       *call
	table   *moderation.Table
	texts   []inputText
	worst   moderation.Decision
	risk    string         // that worst is about
	inParts map[string]int // hits to mask by entry, found inside one text

	on       map[string]uint64       // by channel: what the lexicon's verdicts depend on
	overSeam map[overSeam]bool       // found over a seam between turns
	touched  map[string]map[int]bool // turns by risk
	partial  *decode.Partial         // of the last text, when it could not be decoded whole
	unlooked bool                    // that was recorded, and let pass
	looked   int                     // bytes of text
	recalled int                     // those of them judged before

	answered int          // last turn of the history, see answeredTurn
	healed   map[int]bool // turns that the model is not shown, because they were or would be refused
	answers  map[int]bool // the answers to those
	refused  []string     // commitments to what the call is refused for
	noted    map[int]bool // turns that are among them by themselves
	after    map[int]bool // and those that are after another
}

// inputText is one text of the request with the hits to mask in it.
type inputText struct {
	node  textNode
	text  []byte
	masks [][2]int
}

// moderateIn screens every text of the request and does what the policy says. The matched word is never repeated.
func moderateIn(ctx context.Context, g *Gateway, c *call) *Interruption {
	s := &inputScreen{g: g, c: c, table: c.policy.At(c.place("in")), worst: moderation.Decision{Action: moderation.Allow}, inParts: map[string]int{}, answered: c.request.answeredTurn()}
	if in := s.remember(ctx); in != nil {
		return in
	}
	for _, t := range c.request.texts {
		if t.key { // its value may be a number, which has no text
			s.read(t, c.request.doc.key(t.node))
		} else {
			s.read(t, c.request.doc.text(t.node))
		}
	}
	if in := s.files(ctx); in != nil {
		return in
	}
	c.checked.In, c.checked.Recalled = s.looked, s.recalled
	s.joined()
	s.seams()
	s.leads()
	outage := s.detect(ctx)
	if c.service.Modes.ModerateIn.Act == "observe" {
		return nil
	}
	if outage != nil && !s.worst.Action.Stricter(moderation.Mask) { // what is refused anyway is refused, whoever else is out
		return outage
	}
	switch s.worst.Action {
	case moderation.Allow, moderation.Mask:
		if s.worst.Action == moderation.Mask {
			s.mask()
		}
		s.neutralise()
		return nil
	}
	if s.worst.Action != moderation.Guide { // guided words may stand in the history
		s.keepRefused()
	}
	c.riskIn = s.risk
	why := "the input was refused: it falls under risk " + s.risk
	if s.worst.Reason == unscreenable {
		why = fmt.Sprintf("the input was refused: it holds text that is encoded more than %d times over, or that grows beyond %d times its size when decoded", decode.DefaultDepth, decode.DefaultRatio)
	}
	return g.refusal(c, s.worst, why)
}

// read screens one text with the lexicon and for signals.
func (s *inputScreen) read(t textNode, text []byte) {
	in := inputText{node: t, text: text}
	s.looked += len(text)
	s.partial = nil
	for _, f := range s.scan(t.channel, text) {
		s.touch(t.node, f)
		s.c.found(s.c.lexical("in", t.channel, 0, f))
		s.weigh(&in, f, s.table.Decide(moderation.CaseOf(f)))
	}
	if s.partial != nil {
		s.partly(t)
	}
	s.signals(&in)
	if len(text) > 0 {
		s.texts = append(s.texts, in)
	}
}

// partly applies the declared rule to a text with something encoded that cannot be looked at whole: closed refuses it, or neutralises it where
// history brings it back, open goes on and records that it did.
func (s *inputScreen) partly(t textNode) {
	if s.c.service.Modes.ModerateIn.OnError == "open" {
		if !s.unlooked {
			_ = s.g.outage(s.c, "moderate_in", moderateInMode, s.partial) // which the rule lets pass
		}
		s.unlooked = true
		return
	}
	d := moderation.Decision{Action: moderation.Refuse, Reason: unscreenable}
	s.c.found(exchange.Finding{Where: "in", Channel: t.channel, Tier: string(moderation.Signal), Detector: "decode", Start: s.partial.Start, End: s.partial.End})
	if s.heal(t, d) {
		return
	}
	s.refuses(t)
	if d.Action.Stricter(s.worst.Action) {
		s.worst, s.risk = d, ""
	}
}

// unscreenable is the reason code of what cannot be looked at.
const unscreenable = "unscreenable_content"

// lexical is the record's form of a lexicon's finding.
func (c *call) lexical(where, channel string, choice int, f moderation.Finding) exchange.Finding {
	return exchange.Finding{Where: where, Channel: channel, Choice: choice, Category: f.Category, Tier: string(f.Tier), Detector: moderation.KindLexicon,
		Artefact: c.lexicon.Hash(), Entry: f.Entry, Start: f.Start, End: f.End}
}

// weigh notes a decision about a hit. What cannot be masked (a member's name, the user's) is refused.
func (s *inputScreen) weigh(in *inputText, f moderation.Finding, d moderation.Decision) {
	if d.Action == moderation.Mask {
		if in.node.key || in.node.file || slices.Contains(s.c.request.who, in.node.node) {
			d.Action = moderation.Refuse
		} else {
			in.masks = append(in.masks, [2]int{f.Start, f.End})
			s.inParts[f.Entry]++
		}
	}
	if d.Action.Stricter(moderation.Mask) {
		if s.heal(in.node, d) {
			return
		}
		s.refuses(in.node)
	}
	if d.Action.Stricter(s.worst.Action) {
		s.worst, s.risk = d, f.Category
	}
}

// joined looks at messages in several parts as models read them: in one piece. A hit that reaches over a border cannot be
// masked in any part, so it is refused.
func (s *inputScreen) joined() {
	told := s.worst.Action.Stricter(moderation.Mask)
	across := map[string]int{}
	for _, t := range s.c.request.joined {
		if s.skip(textNode{node: t.node}) {
			continue
		}
		s.partial = nil
		found := s.scan(t.channel, t.text)
		if s.partial != nil {
			s.partly(textNode{node: t.node, channel: t.channel})
		}
		if whole := (textNode{node: t.node, channel: t.channel}); s.foreign(whole) {
			s.signalsOver(t.text, t.borders, func(int) textNode { return whole })
		}
		for _, f := range found {
			d := s.table.Decide(moderation.CaseOf(f))
			if d.Action == moderation.Mask {
				if across[f.Entry]++; across[f.Entry] <= s.inParts[f.Entry] {
					continue
				}
				d.Action = moderation.Refuse
			}
			if d.Action == moderation.Allow || told {
				continue
			}
			told = true
			s.c.found(s.c.lexical("in", t.channel, 0, f))
			if s.heal(textNode{node: t.node}, d) {
				told = false
				continue
			}
			s.refuses(textNode{node: t.node})
			if d.Action.Stricter(s.worst.Action) {
				s.worst, s.risk = d, f.Category
			}
		}
	}
}

// detect asks the other detectors about all texts at once, but for turns of the history that every one of them has cleared before.
func (s *inputScreen) detect(ctx context.Context) *Interruption {
	if len(s.c.asked) == 0 || len(s.texts) == 0 {
		return nil
	}
	newest := s.c.request.newest()
	fresh := make([]int, 0, len(s.texts))
	for i := range s.texts {
		if !s.skip(s.texts[i].node) && (s.texts[i].node.node >= newest || !s.cleared(&s.texts[i])) {
			fresh = append(fresh, i)
		}
	}
	before := s.artefacts()
	outage := s.consult(ctx, fresh)
	if len(fresh) < len(s.texts) && !slices.Equal(before, s.artefacts()) { // another model answers now: what the one before cleared is new to it
		outage = cmp.Or(s.consult(ctx, slices.DeleteFunc(all(len(s.texts)), func(i int) bool {
			_, ok := slices.BinarySearch(fresh, i)
			return ok || s.skip(s.texts[i].node)
		})), outage)
	}
	return outage
}

// all is 0 to n-1.
func all(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// consult asks every detector about some of the texts, as they read once what is encoded in them is resolved. What goes before the
// first of them in the conversation comes along.
func (s *inputScreen) consult(ctx context.Context, which []int) *Interruption {
	if len(which) == 0 {
		return nil
	}
	var whole []byte
	at := make([]int, len(which)+1)
	views := make([]*decode.View, len(which))
	for k, i := range which {
		text := s.texts[i].text
		if views[k] = decode.Look(text, decode.Limits{}); views[k] != nil {
			text = views[k].Text
		}
		whole = append(append(whole, text...), '\n')
		at[k+1] = len(whole)
	}
	var context []byte
	for i := which[0] - 1; i >= 0 && len(context) < contextBytes; i-- {
		if s.skip(s.texts[i].node) {
			continue
		}
		context = slices.Concat(tail(s.texts[i].text, contextBytes), []byte{'\n'}, context)
	}
	scene := s.c.place("in").Scene
	scene.Channel = "content"
	var outage *Interruption
	for _, a := range moderation.ConsultAll(ctx, s.c.asked, moderation.Query{Scene: scene, Text: whole, Context: tail(context, contextBytes)}, s.g.o.Now) {
		if a.Outcome != moderation.Unavailable { // an outage says nothing about what will answer next
			s.g.answeredBy.Store(a.Detector.Name, a.Artefact)
		}
		switch a.Outcome {
		case moderation.Unavailable:
			in := s.g.detectorOut(s.c, "moderate_in", moderation.Degraded{Detector: a.Detector.Name, Rule: a.Detector.OnError, End: len(whole), Reason: a.Reason, TooLong: a.TooLong, Took: a.Took})
			if in != nil && (outage == nil || in.Status < outage.Status) { // too long for one stays so when another is back
				outage = in
			}
		case moderation.Clear:
			on := s.detectorOn(a.Detector.Name, a.Artefact)
			for _, i := range which {
				s.g.memory.keep(s.g.memory.key(on, s.texts[i].text), nil)
			}
		}
		for _, f := range a.Findings {
			d := s.table.Decide(moderation.Case{Category: f.Category, Tier: f.Tier, Severity: f.Severity, Detector: a.Detector.Kind, Score: f.Score})
			for k, i := range which { // a span may reach over several texts
				t := &s.texts[i]
				from, until := max(f.Start, at[k])-at[k], min(f.End, at[k+1]-1)-at[k]
				if from >= until {
					continue
				}
				if views[k] != nil {
					from, until = views[k].Origin(from, until)
				}
				s.c.found(exchange.Finding{Where: "in", Channel: t.node.channel, Category: f.Category, Tier: string(f.Tier), Detector: a.Detector.Name,
					Artefact: a.Artefact, Start: from, End: until, Score: f.Score})
				s.weigh(t, moderation.Finding{Listed: &moderation.Listed{Category: f.Category}, Start: from, End: until}, d)
			}
		}
	}
	return outage
}

// contextBytes is enough for the context of a query.
const contextBytes = utf8.UTFMax * moderation.DefaultContext

// cleared tells whether every detector has cleared a text before, by what answered last.
func (s *inputScreen) cleared(t *inputText) bool {
	for _, d := range s.c.asked {
		name := d.Describe().Name
		artefact, ok := s.g.answeredBy.Load(name)
		if !ok {
			return false
		}
		if _, ok := s.g.memory.recall(s.g.memory.key(s.detectorOn(name, artefact.(string)), t.text)); !ok {
			return false
		}
	}
	return true
}

// artefacts is what answered last, by detector.
func (s *inputScreen) artefacts() []any {
	list := make([]any, len(s.c.asked))
	for i, d := range s.c.asked {
		list[i], _ = s.g.answeredBy.Load(d.Describe().Name)
	}
	return list
}

// detectorOn is what a detector's verdict on a text depends on, but for the text.
func (s *inputScreen) detectorOn(name, artefact string) uint64 {
	return s.g.memory.on("detector\x00" + name + "\x00" + artefact + "\x00" + s.c.service.ID + "\x00" + userClass)
}

// mask writes stars over the hits in what the model gets; personal information stays masked.
func (s *inputScreen) mask() {
	c := s.c
	private := c.service.Privacy.In == "mask" && c.service.Modes.Privacy.Act != "observe"
	for _, t := range s.texts {
		if len(t.masks) == 0 || s.skip(t.node) {
			continue
		}
		text := stars(t.text, t.masks)
		if private {
			mask := privacy.Mask
			if looksJSON(t.text) || strings.HasSuffix(t.node.channel, "arguments") {
				mask = privacy.MaskJSON
			}
			text, _ = mask(nil, text)
		}
		n := c.request.doc.nodes[t.node.node]
		c.edits = slices.DeleteFunc(c.edits, func(e edit) bool { return e.start == int(n.start) })
		c.edits = append(c.edits, edit{int(n.start), int(n.end), appendJSON(nil, text)})
		c.masked = true
	}
	sortEdits(c.edits)
}

// stars writes * for every character of the spans.
func stars(text []byte, spans [][2]int) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		_, size := utf8.DecodeRune(text[i:])
		if slices.ContainsFunc(spans, func(m [2]int) bool { return m[0] < i+size && i < m[1] }) {
			out = append(out, '*')
		} else {
			out = append(out, text[i:i+size]...)
		}
		i += size
	}
	return out
}

// refusal is a no to content, or guidance in place of an answer: an assistant message, or an error where the application
// asks for refusals as errors. Risk and entry are for operators only.
func (g *Gateway) refusal(c *call, d moderation.Decision, reason string) *Interruption {
	in := &Interruption{Status: http.StatusOK, Code: "content_filter", Type: "invalid_request_error", Verdict: exchange.Refuse, Reason: reason,
		Public: d.Reason, Link: g.dispute(c), Message: c.refusalText()}
	in.More = map[string]any{"appeal": in.Link}
	if d.Action == moderation.Guide {
		in.Verdict, in.Message = exchange.Guide, d.TextIn(c.chinese())
		if v, ok := g.guided(c.r.Context(), c, c.riskIn); ok {
			in.Message, c.answer = v.Text(c.chinese()), v.Ref()
		}
		in.Reason = strings.Replace(reason, "refused", "answered with guidance", 1)
		c.notice = in.Message
	}
	if c.errorWanted() && (d.Action != moderation.Guide || c.op.wordless()) {
		in.Status = http.StatusBadRequest
	}
	return in
}

// detectorOut records that a detector could not work and applies its declared rule.
func (g *Gateway) detectorOut(c *call, guard string, d moderation.Degraded) *Interruption {
	rule := "closed"
	if d.Rule == moderation.Degrade {
		rule = "degraded"
	}
	i := slices.IndexFunc(c.outages, func(o exchange.Outage) bool { return o.Guard == guard && o.Detector == d.Detector && o.Rule == rule })
	if i < 0 {
		i = len(c.outages)
		c.outages = append(c.outages, exchange.Outage{Guard: guard, Rule: rule, Detector: d.Detector, Error: clip(d.Reason, 500)})
		g.metrics.outages.WithLabelValues(guard, rule).Inc()
		g.degraded(c, guard+"/"+d.Detector, rule, errors.New(clip(d.Reason, 500)))
	}
	c.outages[i].Bytes += d.End - d.Start
	c.outages[i].MS += int64((d.Took + time.Millisecond - 1) / time.Millisecond)
	if rule == "degraded" {
		return nil
	}
	if d.TooLong {
		return problem(http.StatusRequestEntityTooLarge, "text_too_long", "", "the text is longer than this service can have checked, and what is not checked is not answered; shorten it or send it in parts")
	}
	return guardUnavailable(guard)
}

func guardUnavailable(name string) *Interruption {
	return problem(http.StatusServiceUnavailable, "guard_unavailable", "", "the guard "+name+" could not do its work and this service is set to stop then; try again, and tell the operator if it goes on")
}

func moderateOutMode(m service.Modes) service.Mode { return m.ModerateOut }
