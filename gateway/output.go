package gateway

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/privacy"
	"github.com/hegui/hegui/upstream"
)

// output takes the answer's text through the guards that come after the model: moderate_out, privacy_out, label. Text is
// cut into channels (content, reasoning, tool arguments, and whatever else carries strings) for each choice; what becomes
// visible in a channel depends on its text alone, never on how upstream cut it.
type output struct {
	g       *Gateway
	c       *call
	ctx     context.Context
	table   *moderation.Table
	wake    func() // called when a detector has answered; nil: nobody waits
	enforce bool
	mask    string // off, observe, mask
	choices []*choice
	stood   map[string]wholeText // by choice and path
}

// choice is one of n alternatives.
type choice struct {
	index    int // -1: strings of the answer that belong to no choice
	channels []*channel
	label    labeller
	ended    bool // its finish has been sent, or it was cut off
	cut      bool // it was cut off
	altered  bool // some text was held back, masked or cut, so its logprobs would say more than its text
}

// channel is one running text.
type channel struct {
	name           string
	watch          *moderation.Watch
	escaped        *escaped
	scene          moderation.Scene
	through        through
	mask           *privacy.Stream
	prefix, suffix string // JSON around a piece of it inside a delta
	visible        []byte
	shown          int // characters
	signals        *outSignals
	bypass         bool // a guard failed and the service's rule is open
}

func (g *Gateway) newOutput(ctx context.Context, c *call) *output {
	o := &output{g: g, c: c, ctx: ctx, stood: map[string]wholeText{}, table: c.policy.At(c.place("out")), enforce: c.service.Modes.ModerateOut.Act != "observe", mask: c.service.Privacy.Out}
	if o.mask == "mask" && c.service.Modes.Privacy.Act == "observe" {
		o.mask = "observe"
	}
	c.checked.Out = 0
	return o
}

func (o *output) choice(index int) *choice {
	for _, ch := range o.choices {
		if ch.index == index {
			return ch
		}
	}
	ch := &choice{index: index, label: o.newLabeller(), ended: index < 0}
	o.choices = append(o.choices, ch)
	return ch
}

func (o *output) channel(ch *choice, name, prefix, suffix string) *channel {
	for _, x := range ch.channels {
		if x.name == name {
			return x
		}
	}
	x := o.newChannel(name, prefix, suffix)
	ch.channels = append(ch.channels, x)
	return x
}

func (o *output) newChannel(name, prefix, suffix string) *channel {
	scene := o.c.place("out").Scene
	scene.Channel = sceneChannel(name)
	options := moderation.WatchOptions{Lexicon: o.c.lexicon, Scene: scene, Table: o.table, Observe: !o.enforce, Now: o.g.o.Now}
	x := &channel{name: name, prefix: prefix, suffix: suffix, scene: scene, escaped: &escaped{start: func() *moderation.Watch { return moderation.NewWatch(o.ctx, options) }}}
	asked := options
	asked.Detectors, asked.Wake = o.c.asked, o.wake
	x.watch = moderation.NewWatch(o.ctx, asked)
	x.signals = o.newOutSignals()
	if o.mask != "off" {
		x.mask = privacy.NewStream()
		if strings.HasSuffix(name, "arguments") || name == contentChannel && o.c.request.json {
			x.mask = privacy.NewJSONStream() // a star would break a number
		}
	}
	return x
}

// cut is why a choice ends early.
type cut struct {
	category string // risk, empty when a guard failed; for operators
	code     string
	decision moderation.Decision
	channel  *channel // nil when a guard failed
	shown    int      // characters of the channel that were shown beyond where it ends

	upstream *upstream.Refusal // the provider's no, when it was not ours
}

// refusedUpstream is the cut that a provider's refusal is, nil for none.
func refusedUpstream(r *upstream.Refusal) *cut {
	if r == nil {
		return nil
	}
	return &cut{code: upstreamReason, upstream: r, decision: moderation.Decision{Action: moderation.Stop, Reason: upstreamReason}}
}

// feed gives a channel its next text and returns what may now be shown. A cut means the choice is over; what came with it
// may still be shown.
func (o *output) feed(ch *choice, x *channel, text []byte) ([]byte, *cut) {
	o.c.checked.Out += len(text)
	return o.step(ch, x, text, false)
}

// close ends a channel and returns what was held back.
func (o *output) close(ch *choice, x *channel) ([]byte, *cut) { return o.step(ch, x, nil, true) }

func (o *output) step(ch *choice, x *channel, text []byte, last bool) (visible []byte, stop *cut) {
	defer func() {
		if p := recover(); p != nil { // a guard could not work: the declared rule decides
			in := o.g.outage(o.c, "moderate_out", moderateOutMode, fmt.Errorf("panic: %v", p))
			x.bypass = true
			visible = text
			if in != nil {
				visible, stop = nil, &cut{code: "guard_unavailable", decision: moderation.Decision{Action: o.onViolation(), Reason: "guard_unavailable"}}
			}
		}
	}()
	if x.bypass {
		visible = text
	} else {
		visible, stop = o.screen(ch, x, text, last)
	}
	if !bytes.Equal(visible, text) {
		ch.altered = true
	}
	if x.name == contentChannel {
		visible = o.labelled(ch, visible)
	}
	if len(x.visible)+len(visible) <= maxKept {
		x.visible = append(x.visible, visible...)
	}
	x.shown += utf8.RuneCount(visible)
	return visible, stop
}

func (o *output) screen(ch *choice, x *channel, text []byte, last bool) ([]byte, *cut) {
	keep, ended := o.signaled(ch, x, text, last)
	all := text
	if ended != nil {
		text = text[:keep]
	}
	var step moderation.WatchStep
	if len(text) == 0 && !last {
		step = x.watch.Poll()
	} else {
		step = x.watch.Write(text)
	}
	released := step.Release
	stop := o.saw(ch, x, step)
	if last && stop == nil {
		released = append([]byte(nil), released...)
		step = x.watch.Close()
		released = append(released, step.Release...)
		stop = o.saw(ch, x, step)
	}
	if stop == nil {
		stop = ended
	}
	reads, found, cutSaid := x.escaped.write(released, last || stop != nil)
	if earlier := o.saw(ch, x, moderation.WatchStep{Findings: found, Cut: cutSaid}); earlier != nil {
		stop = earlier
	}
	released = reads
	if stop == nil {
		released, stop = o.encoded(ch, x, released, last)
	}
	if stop != nil {
		if held := x.watch.Held(); len(o.c.withheld)+len(held) <= maxKept {
			o.c.withheld = append(o.c.withheld, held...)
		}
		if rest := all[keep:]; len(o.c.withheld)+len(rest) <= maxKept {
			o.c.withheld = append(o.c.withheld, rest...)
		}
	}
	if !o.enforce { // observe: everything passes, findings are recorded
		released = all
	}
	if x.mask == nil {
		return released, stop
	}
	masked, spans := x.mask.Write(released)
	if last || stop != nil {
		masked = append([]byte(nil), masked...)
		rest, more := x.mask.Close()
		masked, spans = append(masked, rest...), append(spans, more...)
	}
	for _, s := range spans {
		o.c.found(exchange.Finding{Where: "out", Channel: x.name, Choice: ch.index, Category: string(s.Kind), Tier: "mask", Detector: "privacy",
			Artefact: privacy.Version, Start: s.Start, End: s.End})
	}
	if o.mask != "mask" {
		return released, stop
	}
	if len(spans) > 0 {
		o.c.masked = true
	}
	return masked, stop
}

// saw records what a step of the watch found, and returns a cut when it ends the choice.
func (o *output) saw(ch *choice, x *channel, step moderation.WatchStep) *cut {
	o.note(ch, x, step.Findings)
	for _, d := range step.Degraded {
		o.g.detectorOut(o.c, "moderate_out", d)
	}
	if step.Cut == nil {
		return nil
	}
	if step.Cut.Degraded != nil {
		return &cut{code: "guard_unavailable", channel: x, shown: step.Cut.Shown,
			decision: moderation.Decision{Action: o.onViolation(), Reason: "guard_unavailable"}}
	}
	return &cut{code: "content_filter", category: step.Cut.Finding.Category, channel: x, shown: step.Cut.Shown, decision: step.Cut.Finding.Decision}
}

// note puts findings into the record.
func (o *output) note(ch *choice, x *channel, found []moderation.WatchFinding) {
	for _, f := range found {
		o.c.found(exchange.Finding{Where: "out", Channel: x.name, Choice: ch.index, Category: f.Category, Tier: string(f.Tier),
			Detector: f.Detector, Artefact: f.Artefact, Entry: f.Entry, Start: f.Start, End: f.End, Score: f.Score})
		if o.enforce && f.Decision.Action == moderation.Mask {
			o.c.masked = true
		}
	}
}

// settle gathers what the record needs from all channels.
func (o *output) settle() {
	for _, ch := range o.choices {
		for _, x := range ch.channels {
			if x.watch != nil {
				o.note(ch, x, x.watch.Abandon()) // it was not closed when the answer broke off
				o.note(ch, x, x.escaped.abandon())
			}
			if x.name == contentChannel && ch.index >= 0 {
				o.c.said = append(o.c.said, string(x.visible))
			}
			if len(o.c.visible)+len(x.visible) <= maxKept {
				o.c.visible = append(o.c.visible, x.visible...)
			}
		}
	}
	if o.mask != "off" {
		o.c.checked.Privacy = max(o.c.checked.Privacy, 0) + o.c.checked.Out
	}
	o.c.labels = o.labels()
}

// violated notes the worst that happened to the answer.
func (o *output) violated(stop *cut) {
	if stop.upstream != nil {
		if o.c.refusedUpstream(stop.upstream); o.c.cuts == "" {
			o.c.cuts, o.c.reason = string(exchange.UpstreamRefused), stop.decision.Reason
		}
		return
	}
	if a := stop.decision.Action; o.c.cuts == "" || a.Stricter(moderation.Action(o.c.cuts)) {
		o.c.cuts, o.c.reason = string(a), stop.decision.Reason
	}
	if o.c.risk == "" {
		o.c.risk = stop.category
	}
}

// onViolation is what the service declares for answers that must end.
func (o *output) onViolation() moderation.Action {
	return moderation.Action(cmp.Or(o.c.service.OnViolation, string(moderation.Stop)))
}

// instead is the text that takes the place of what was cut, and how it finishes.
func (o *output) instead(stop *cut) (text, finish string) {
	if stop.decision.Action == moderation.Guide {
		if v, ok := o.g.guided(o.ctx, o.c, stop.category); ok {
			o.c.answer = v.Ref()
			return v.Text(o.c.chinese()), "stop"
		}
		return stop.decision.TextIn(o.c.chinese()), "stop"
	}
	return o.c.refusalText(), "content_filter"
}

// contentChannel is the text people read; it is the one that carries the explicit label.
const contentChannel = "content"

// labeller writes the explicit label into one choice's content (GB 45438-2025 5.1), or leaves it to the interface where
// a label inside would break JSON or code.
type labeller struct {
	words   label.Text
	place   label.Place
	decided bool
	written bool
	any     bool // something was shown
	fences  int  // code fences seen, while they can be told
	ticks   int  // back-ticks at the end so far
}

func (o *output) newLabeller() labeller {
	place := o.c.service.Label
	if o.c.request.json || o.c.op.wordless() {
		place = label.UI
	}
	if o.c.service.Modes.Label.Act == "observe" {
		place = ""
	}
	l := labeller{place: place}
	if place == label.Start || place == label.End {
		l.words = label.Words(place, o.c.service.LabelLang)
	}
	return l
}

// labelled puts the label before the first character that is not white space. It depends on the text alone.
func (o *output) labelled(ch *choice, visible []byte) []byte {
	l := &ch.label
	for _, b := range visible {
		if b == '`' {
			l.ticks++
			continue
		}
		if l.ticks >= 3 {
			l.fences++
		}
		l.ticks = 0
	}
	if len(visible) > 0 {
		l.any = true
	}
	if l.decided {
		return visible
	}
	at := len(visible) - len(bytes.TrimLeft(visible, " \t\r\n"))
	if at == len(visible) {
		return visible
	}
	l.decided = true
	if first := visible[at]; first == '{' || first == '[' || first == '`' {
		if l.place == label.Start || l.place == label.End {
			l.place = label.UI
		}
	}
	if l.place != label.Start {
		return visible
	}
	l.written = true
	out := append([]byte(nil), visible[:at]...)
	out = append(out, l.words.Prefix...)
	return append(out, visible[at:]...)
}

// suffix is the label at the end, when the choice's content may carry one.
func (ch *choice) suffix() []byte {
	l := &ch.label
	fences := l.fences
	if l.ticks >= 3 {
		fences++
	}
	if l.place != label.End || !l.decided || l.written || fences%2 == 1 {
		return nil
	}
	l.written = true
	return []byte(l.words.Suffix)
}

// labels sums up what was written: text when every choice with content carries it, else the interface's obligation.
func (o *output) labels() string {
	if o.c.service.Modes.Label.Act == "observe" || o.c.op.wordless() {
		return "none"
	}
	if o.c.cuts != "" && allRefused(o) { // a refusal is no generated content
		return "none"
	}
	for _, ch := range o.choices {
		if ch.label.any && !ch.label.written {
			return "ui"
		}
	}
	for _, ch := range o.choices {
		if ch.label.written {
			return "text"
		}
	}
	return "ui"
}

// plainAnswerField are members of an answer that name things; longer than maxLabelledValue they are read as text.
func plainAnswerField(name string) bool {
	switch name {
	case "id", "object", "model", "system_fingerprint", "service_tier", "role", "type", "finish_reason", "tool_call_id", "created",
		"native_finish_reason", "provider", "stop_reason", "encoding_format":
		return true
	}
	return false
}

// texts calls f for every string below at that may carry generated text, with its path and the JSON that would wrap a
// further piece of it in a delta. Logprobs repeat the text token by token and are handled with it. With prefix unwrapped
// no such JSON is made.
func (d *doc) texts(at int, path, prefix, suffix string, f func(i int, path, prefix, suffix string) bool) bool {
	wrap := prefix != unwrapped
	inArray := d.nodes[at].kind == isArray
	position := 0
	goOn := true
	indexed := ""
	if !inArray && wrap {
		if i := d.member(at, "index"); i >= 0 && d.nodes[i].kind == isNumber {
			indexed = `"index":` + string(d.raw(i)) + ","
		}
	}
	d.children(at, func(i int) bool {
		n := d.nodes[i]
		if inArray {
			number := strconv.Itoa(position)
			position++
			if n.kind == isObject {
				if k := d.member(i, "index"); k >= 0 && d.nodes[k].kind == isNumber {
					number = string(d.raw(k))
				}
			}
			before, after := unwrapped, ""
			if wrap {
				before, after = prefix+"[", "]"+suffix
			}
			switch n.kind {
			case isString:
				goOn = f(i, path+"["+number+"]", before, after)
			case isObject, isArray:
				goOn = d.texts(i, path+"["+number+"]", before, after, f)
			}
			return goOn
		}
		if n.kind < isString {
			return true
		}
		name := string(d.key(i))
		if name == "logprobs" && n.kind == isObject || n.kind == isString && plainAnswerField(name) && names(d.raw(i)) {
			return true
		}
		inner := name
		if path != "" {
			inner = path + "." + name
		}
		before, after := unwrapped, ""
		if wrap {
			before, after = prefix+"{"+indexed+string(appendJSON(nil, []byte(name)))+":", "}"+suffix
		}
		switch n.kind {
		case isString:
			goOn = f(i, inner, before, after)
		case isObject, isArray:
			goOn = d.texts(i, inner, before, after, f)
		}
		return goOn
	})
	return goOn
}

// unwrapped as a prefix says that nobody needs the JSON around a text.
const unwrapped = "\x00"

// member finds a member by its plain name, -1 when it is not there.
func (d *doc) member(at int, name string) int {
	found := -1
	d.children(at, func(i int) bool {
		if string(d.key(i)) == name {
			found = i
			return false
		}
		return true
	})
	return found
}
