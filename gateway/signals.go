package gateway

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/measures"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/decode"
	"github.com/hegui/hegui/moderation/signals"
	"github.com/hegui/hegui/service"
)

// signalSet is what a service watches for besides words, ready to be asked. Findings are evidence of tier signal under the
// signal's name as detector; the policy says what follows.
type signalSet struct {
	declared  *service.Signals
	hash      string // of what was declared, for records
	injection *signals.Injection
	fence     *signals.Fence
	gate      signals.Gate
}

// signalSets keeps the sets of services by version.
type signalSets struct {
	byVersion sync.Map
	prompts   prompts
}

// of is the set of a service, nil when it watches for nothing.
func (s *signalSets) of(v service.Service) *signalSet {
	if v.Signals == nil || len(v.Signals.On) == 0 {
		return nil
	}
	if set, ok := s.byVersion.Load(v.Version); ok {
		return set.(*signalSet)
	}
	set := &signalSet{declared: v.Signals, injection: signals.NewInjection(0), gate: signals.Gate{Covered: v.Signals.Scripts}}
	if v.Signals.Watches(signals.Topic) {
		set.fence, _ = signals.NewFence(v.Signals.Topics, 0) // checked when it was declared
	}
	text, _ := json.Marshal(v.Signals)
	sum := sha256.Sum256(text)
	set.hash = hex.EncodeToString(sum[:])
	s.byVersion.Store(v.Version, set)
	return set
}

// scanInput looks at one text of the user's side; newest tells whether it is of the newest turn.
func (s *signalSet) scanInput(text []byte, newest bool, day string) []signals.Finding {
	var found []signals.Finding
	if s.declared.Watches(signals.Jailbreak) {
		found = append(found, s.injection.Scan(text)...)
	}
	if s.declared.Watches(signals.Script) {
		found = append(found, s.gate.Scan(text)...)
	}
	if newest && s.fence != nil {
		found = append(found, s.fence.Scan(text)...)
	}
	return append(found, s.scanPlain(text, day)...)
}

// scanPlain looks for what input and answers have in common.
func (s *signalSet) scanPlain(text []byte, day string) []signals.Finding {
	var found []signals.Finding
	if s.declared.Watches(signals.Secret) {
		found = append(found, signals.Secrets(text)...)
	}
	if s.declared.Watches(signals.Link) {
		found = append(found, signals.CheckLinks(text, s.declared.Domains, day)...)
	}
	if s.declared.Watches(signals.Lure) {
		found = append(found, signals.Lures(text)...)
	}
	return found
}

// signals looks at a text of the request. What was clean before is not looked at again, but for the newest turn.
func (s *inputScreen) signals(in *inputText) {
	set := s.c.watches
	if set == nil || in.node.key || !s.foreign(in.node) {
		return
	}
	newest := in.node.node >= s.c.request.newest()
	k := s.g.memory.key(s.g.memory.on("signals\x00"+set.hash+"\x00"+s.c.service.ID), in.text)
	if _, clean := s.g.memory.recall(k); clean && !newest {
		return
	}
	found := set.scanInput(in.text, newest, s.c.day())
	if view := decode.Look(in.text, decode.Limits{}); view != nil { // what is encoded in it speaks too
		for _, f := range set.scanInput(view.Text, newest, s.c.day()) {
			f.Start, f.End = view.Origin(f.Start, f.End)
			if !slices.ContainsFunc(found, func(o signals.Finding) bool { return o.Signal == f.Signal && o.Start < f.End && f.Start < o.End }) {
				found = append(found, f)
			}
		}
	}
	if len(found) == 0 && !newest {
		s.g.memory.keep(k, nil)
	}
	for _, f := range found {
		s.c.found(signalFinding("in", in.node.channel, 0, set, f, 0))
		s.weigh(in, signalHit(f), s.table.Decide(signalCase(f)))
	}
}

// signalHit is a signal as a hit of an entry.
func signalHit(f signals.Finding) moderation.Finding {
	return moderation.Finding{Listed: &moderation.Listed{Entry: "signal " + f.Signal, Category: cmp.Or(f.Category, f.Signal)}, Start: f.Start, End: f.End}
}

// signalsOver looks at texts that are read in one piece, parts of a message or turns, for what none of them says alone: a signal over
// one of the borders. at is the n-th of the texts.
func (s *inputScreen) signalsOver(text []byte, borders []int, at func(n int) textNode) {
	set := s.c.watches
	if set == nil || !set.declared.Watches(signals.Jailbreak) {
		return
	}
	for _, f := range set.injection.Scan(text) {
		border, _ := slices.BinarySearch(borders, f.Start+1)
		if border == len(borders) || borders[border] >= f.End {
			continue
		}
		last, _ := slices.BinarySearch(borders, f.End)
		node := at(last)
		d := s.table.Decide(signalCase(f))
		if d.Action == moderation.Mask { // it lies in no one text
			d.Action = moderation.Refuse
		}
		found := signalFinding("in", node.channel, 0, set, f, 0)
		found.Start, found.End = 0, 0
		s.c.found(found)
		s.weigh(&inputText{node: node}, signalHit(f), d)
	}
}

// foreign tells texts of users, tools and retrieval from those of application and model.
func (s *inputScreen) foreign(t textNode) bool {
	turn, ok := s.c.request.turnAt(t.node)
	return !ok || !s.inTurn(t, turn) || said(s.c.request.turns[turn])
}

// day is today in China, by which lists of domains hold.
func (c *call) day() string { return c.started.In(measures.Shanghai()).Format(time.DateOnly) }

func signalFinding(where, channel string, choice int, set *signalSet, f signals.Finding, base int) exchange.Finding {
	return exchange.Finding{Where: where, Channel: channel, Choice: choice, Category: f.Category, Tier: string(moderation.Signal), Detector: f.Signal,
		Artefact: set.hash, Start: base + f.Start, End: base + f.End, Score: f.Score}
}

func signalCase(f signals.Finding) moderation.Case {
	return moderation.Case{Category: f.Category, Tier: moderation.Signal, Detector: f.Signal, Score: f.Score}
}

// prompts keeps the fingerprints of system prompts, which hardly ever change; it holds no prompt.
type prompts struct {
	mu   sync.Mutex
	kept map[memoryKey]*signals.Prompt
}

// maxPrompts bounds the prompts whose fingerprints are kept.
const maxPrompts = 256

// of is the fingerprints of a request's system prompt, nil when it has none that is worth watching.
func (p *prompts) of(m *memory, q *request) *signals.Prompt {
	var text []byte
	for _, t := range q.turns {
		if t.role == "system" || t.role == "developer" {
			text = append(append(text, t.text...), '\n')
		}
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	k := m.key(m.on("prompt"), text)
	p.mu.Lock()
	defer p.mu.Unlock()
	kept, ok := p.kept[k]
	if !ok {
		if p.kept == nil || len(p.kept) >= maxPrompts {
			p.kept = map[memoryKey]*signals.Prompt{}
		}
		kept = signals.NewPrompt(text)
		p.kept[k] = kept
	}
	if kept.Short() {
		return nil
	}
	return kept
}
