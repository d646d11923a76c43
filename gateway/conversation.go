package gateway

import (
	"bytes"
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/moderation/decode"
)

// The history of a conversation comes from the client and proves nothing: every role, tool result and retrieved text is
// screened as input, whoever it claims to come from. What the gateway has judged under the same artefacts it recalls; what
// is split over turns it puts together.

// turn is what one message of a conversation says, its parts joined.
type turn struct {
	node int // of the message
	role string
	text []byte

	calls []byte // arguments of the calls of tools that it makes
	files []byte // digests of the files that came with it
}

// whole is what a commitment to a turn covers: the same words about another picture are another turn.
func (t turn) whole() []byte { return slices.Concat(t.text, t.files) }

const (
	// seamBytes is how much of each side of a seam between turns is looked at: room for the longest entry.
	seamBytes = utf8.UTFMax * moderation.MaxRunes
	// seamEvidence is how many characters a hit over a seam must have to count by its own tier; shorter ones come about by
	// chance between two turns, so they are evidence only. Ours.
	seamEvidence = 4
	// insistence is in how many turns of the history a risk must have been touched before the conversation itself is found
	// to lead there. Ours.
	insistence = 3
	// conversationDetector names, in records and policies, what turns say together.
	conversationDetector = "conversation"
)

// newest is where the newest turn of the user's side begins, as a node; what stands before it has been sent before. It is
// the first node when there is none.
func (q *request) newest() int {
	for i := len(q.turns) - 1; i >= 0; i-- {
		if said(q.turns[i]) {
			return q.turns[i].node
		}
	}
	return 0
}

// turnAt is the turn that a node lies in; ok is false before the first.
func (q *request) turnAt(node int) (int, bool) {
	i, ok := slices.BinarySearchFunc(q.turns, node, func(t turn, node int) int { return t.node - node })
	if !ok {
		i--
	}
	return i, i >= 0
}

// scan is the lexicon's findings in a text, recalled if it has been judged before in such a place.
func (s *inputScreen) scan(channel string, text []byte) []moderation.Finding {
	scene := s.c.inputScene(channel)
	if len(text) < remembered {
		found, _ := s.look(scene, text)
		return found
	}
	on := s.lexiconOn(scene.Channel)
	k := s.g.memory.key(on, text)
	if found, ok := s.g.memory.recall(k); ok {
		s.recalled += len(text)
		return found
	}
	found, whole := s.look(scene, text)
	if whole {
		s.g.memory.keep(k, found)
	}
	return found
}

// look scans a text and what is encoded in it, and tells whether all of that could be looked at.
func (s *inputScreen) look(scene moderation.Scene, text []byte) (found []moderation.Finding, whole bool) {
	found, partial := decode.Scan(s.c.lexicon, scene, text)
	if partial != nil {
		s.partial = partial
	}
	return found, partial == nil
}

// lexiconOn is what the lexicon's verdict on a text depends on, but for the text.
func (s *inputScreen) lexiconOn(channel string) uint64 {
	if s.on == nil {
		s.on = map[string]uint64{}
	}
	on, ok := s.on[channel]
	if !ok {
		on = s.g.memory.on("lexicon\x00" + s.c.lexicon.Hash() + "\x00" + s.c.service.ID + "\x00" + userClass + "\x00" + channel)
		s.on[channel] = on
	}
	return on
}

// seams looks for entries split over turns: over neighbours in the order sent, over what the user, tools and retrieval say with the
// model's turns left out, and over what the user alone and the model alone say. Such a hit cannot be masked in any turn, so it is refused.
func (s *inputScreen) seams() {
	turns := s.c.request.turns
	if len(turns) < 2 {
		return
	}
	anybody := func(turn) bool { return true }
	user := func(t turn) bool { return t.role == "user" }
	model := func(t turn) bool { return t.role == "assistant" }
	count := func(of func(turn) bool) (n int) {
		for _, t := range turns {
			if of(t) {
				n++
			}
		}
		return n
	}
	all, theirs := count(anybody), count(said)
	for _, x := range []struct {
		of  func(turn) bool
		new bool // turns meet that have not met before
	}{{anybody, true}, {said, theirs < all}, {user, count(user) < theirs}, {model, count(model) < all}} {
		of := x.of
		if !x.new {
			continue
		}
		if s.seamsOf(turns, of, "") { // words: split between them, or inside one
			s.seamsOf(turns, of, " ")
		}
	}
}

// said tells the turns of the user's side from the model's and the application's.
func said(t turn) bool { return t.role == "user" || t.role == "tool" || t.role == "function" }

// seamsOf puts neighbours together: short turns whole, of long ones the ends. So no character is looked at more than once a
// call, however many turns there are. It tells whether words of letters meet at a seam.
func (s *inputScreen) seamsOf(turns []turn, of func(turn) bool, between string) (words bool) {
	var chain []byte
	var seams, pieces []int // where the next turn begins, and which turns the chain is made of
	for i, t := range turns {
		text := bytes.TrimFunc(t.text, unmeaning)
		if s.healed[i] || s.answers[i] { // whoever reads the model's side reads past a placeholder
			continue
		}
		if t.calls != nil {
			text = slices.Concat(text, bytes.TrimFunc(t.calls, unmeaning))
		}
		if !of(t) || len(text) == 0 {
			continue
		}
		if len(chain) > 0 {
			words = words || wordByte(chain[len(chain)-1]) && wordByte(text[0])
			chain = append(chain, between...)
			seams = append(seams, len(chain))
		}
		pieces = append(pieces, i)
		if len(text) <= 2*seamBytes {
			chain = append(chain, text...)
			continue
		}
		s.chained(append(chain, head(text, seamBytes)...), seams, pieces)
		chain, seams, pieces = append(chain[:0], tail(text, seamBytes)...), seams[:0], append(pieces[:0], i)
	}
	s.chained(chain, seams, pieces)
	return words
}

// unmeaning tells what may stand at a seam and parts nothing: spaces, and the signs that end a sentence.
func unmeaning(r rune) bool { return unicode.IsSpace(r) || unicode.IsPunct(r) }

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// overSeam is a hit over a seam: an entry, and the turns that it begins and ends in.
type overSeam struct {
	entry       string
	first, last int
}

// chained judges what stands over the seams of a chain of turns; pieces are the turns, one more than seams.
func (s *inputScreen) chained(text []byte, seams, pieces []int) {
	if len(seams) == 0 {
		return
	}
	const channel = "messages.content"
	s.partial = nil
	all := s.scan(channel, text)
	if s.partial != nil {
		s.partly(textNode{node: s.c.request.turns[pieces[len(pieces)-1]].node, channel: channel})
	}
	if turns := s.c.request.turns; !slices.ContainsFunc(pieces, func(i int) bool { return !said(turns[i]) }) {
		s.signalsOver(text, seams, func(n int) textNode { return textNode{node: turns[pieces[n]].node, channel: channel} })
	}
	for _, f := range all {
		from, _ := slices.BinarySearch(seams, f.Start+1)
		if from == len(seams) || seams[from] >= f.End {
			continue
		}
		until, _ := slices.BinarySearch(seams, f.End)
		over := overSeam{f.Entry, pieces[from], pieces[until]}
		if s.overSeam[over] {
			continue
		}
		if s.overSeam == nil {
			s.overSeam = map[overSeam]bool{}
		}
		s.overSeam[over] = true
		if f.Tier == moderation.Block && utf8.RuneCount(text[f.Start:f.End]) < seamEvidence {
			weaker := *f.Listed
			weaker.Tier = moderation.Signal
			f.Listed = &weaker
		}
		d := s.table.Decide(moderation.CaseOf(f))
		if d.Action == moderation.Mask {
			d.Action = moderation.Refuse
		}
		found := s.c.lexical("in", channel, 0, f)
		found.Start, found.End, found.Detector = 0, 0, conversationDetector // it lies in no one text
		found.Healed = d.Action.Stricter(moderation.Mask) && s.healOver(over, d)
		s.c.found(found)
		if found.Healed {
			continue
		}
		if d.Action.Stricter(moderation.Mask) {
			s.refusesAfter(over.last)
		}
		if d.Action.Stricter(s.worst.Action) {
			s.worst, s.risk = d, f.Category
		}
	}
}

// head is the beginning of text, of about n bytes and whole runes.
func head(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// tail is the end of text, of about n bytes and whole runes.
func tail(text []byte, n int) []byte {
	at := max(0, len(text)-n)
	for at < len(text) && !utf8.RuneStart(text[at]) {
		at++
	}
	return text[at:]
}

// touch notes that a turn of the user's side touches a risk.
func (s *inputScreen) touch(node int, f moderation.Finding) {
	if f.Tier != moderation.Signal && f.Tier != moderation.Block {
		return
	}
	i, ok := s.c.request.turnAt(node)
	if !ok || !said(s.c.request.turns[i]) {
		return
	}
	if s.touched == nil {
		s.touched = map[string]map[int]bool{}
	}
	if s.touched[f.Category] == nil {
		s.touched[f.Category] = map[int]bool{}
	}
	s.touched[f.Category][i] = true
}

// leads tells of risks that the user's side has touched in several turns: each alone is evidence, together they say where the
// conversation leads. A policy can act on it (detector: conversation); the default one records it.
func (s *inputScreen) leads() {
	for _, category := range slices.Sorted(maps.Keys(s.touched)) {
		n := len(s.touched[category])
		if n < insistence {
			continue
		}
		severity := min(n, 5)
		d := s.table.Decide(moderation.Case{Category: category, Tier: moderation.Signal, Severity: severity, Detector: conversationDetector})
		if d.Action == moderation.Mask {
			d.Action = moderation.Refuse
		}
		s.c.found(exchange.Finding{Where: "in", Channel: "messages", Category: category, Tier: string(moderation.Signal), Detector: conversationDetector, Artefact: s.c.lexicon.Hash()})
		if d.Action.Stricter(s.worst.Action) {
			s.worst, s.risk = d, category
		}
	}
}
