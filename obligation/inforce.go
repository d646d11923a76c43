package obligation

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
)

// LexiconFacts is what is known of the lexicon in force, from the journal.
type LexiconFacts struct {
	Hash   string
	Counts map[string]int // entries that find something, by risk
	Bank   *BankFacts     // nil: not measured
	At     time.Time

	Version int  // of the register
	Pending bool // published, and no server has recorded that it serves with it
}

// BankFacts is what the lexicon in force refuses of the must-answer bank, as a policy decides. It measures the lexicon
// alone: no model is asked.
type BankFacts struct {
	Questions int    `json:"questions"`
	Refused   int    `json:"refused"` // in any language
	Policy    string `json:"policy"`  // hash of the policy that decided
}

// LexiconInForce reads the newest lexicon.in_force event; its At is when that very lexicon (by hash) first took effect, so
// that a restart does not make an old library young. Nothing in force yet gives the zero value.
func LexiconInForce(ctx context.Context, j *journal.Journal) (LexiconFacts, error) {
	events, err := j.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.LexiconInForce}, Limit: 1000})
	if err != nil {
		return LexiconFacts{}, fmt.Errorf("obligation: lexicon in force: %w", err)
	}
	var f LexiconFacts
	for _, e := range events {
		var body struct {
			Hash   string         `json:"hash"`
			Counts map[string]int `json:"counts"`
			Bank   *BankFacts     `json:"bank"`
			N      int            `json:"version"`
		}
		if err := json.Unmarshal(e.Body, &body); err != nil {
			return LexiconFacts{}, fmt.Errorf("obligation: body of event %s#%d: %w", e.Log, e.Seq, err)
		}
		if f.Hash == "" {
			f = LexiconFacts{Hash: body.Hash, Counts: body.Counts, Bank: body.Bank, Version: body.N}
		}
		if body.Hash != f.Hash {
			break
		}
		f.At = e.At
	}
	return f, nil
}

// event refers to the evidence that a lexicon is in force.
func (l LexiconFacts) event() string {
	if l.Pending {
		return "verb:lexicon.published " + strconv.Itoa(l.Version)
	}
	return "verb:lexicon.in_force " + l.Hash
}

// pending tells when the lexicon judged is what was published and no server has said that it serves with it.
func (j *judgement) pending(l LexiconFacts) {
	if !l.Pending {
		return
	}
	j.fact("lexicon_pending", l.Version)
	j.sayf(Notice, "词库第 %d 版已发布，尚无服务进程记录以它提供服务。", "Version %d of the lexicon is published; no server has recorded yet that it serves with it.", l.Version)
	j.mend("启动服务；服务已在运行的，请查看其日志和控制台“词库”页。", "Start the server; if it is running, look at its log and at the Lexicon page of the console.")
}

// PolicyFacts is what is known of the moderation policy in force, from the journal.
type PolicyFacts struct {
	Hash string
	Name string
	Gaps map[string]moderation.Gaps // by direction; nil: not recorded
}

// PolicyInForce reads the newest policy.in_force event. Nothing in force yet gives the zero value.
func PolicyInForce(ctx context.Context, j *journal.Journal) (PolicyFacts, error) {
	events, err := j.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.PolicyInForce}, Limit: 1})
	if err != nil {
		return PolicyFacts{}, fmt.Errorf("obligation: policy in force: %w", err)
	}
	if len(events) == 0 {
		return PolicyFacts{}, nil
	}
	var body struct {
		Hash string                     `json:"hash"`
		Name string                     `json:"name"`
		Gaps map[string]moderation.Gaps `json:"gaps"`
	}
	if err := json.Unmarshal(events[0].Body, &body); err != nil {
		return PolicyFacts{}, fmt.Errorf("obligation: body of event %s#%d: %w", events[0].Log, events[0].Seq, err)
	}
	return PolicyFacts{body.Hash, body.Name, body.Gaps}, nil
}

// DetectorFact is one detector besides the lexicon.
type DetectorFact struct {
	Name    string              `json:"name"`
	Kind    string              `json:"kind"`
	Observe bool                `json:"observe"` // its findings are recorded, nothing acts on them
	Heeded  map[string][]string `json:"heeded"`  // risks of A.1 on whose findings the policy acts, by direction
}

// DetectorFacts is what is known of the detectors besides the lexicon, from the journal.
type DetectorFacts struct {
	Known bool // false: no server has recorded which there are
	All   []DetectorFact
}

// DetectorsInForce reads the newest detector.in_force event.
func DetectorsInForce(ctx context.Context, j *journal.Journal) (DetectorFacts, error) {
	events, err := j.Events(ctx, journal.Filter{Verbs: []journal.Verb{journal.DetectorsInForce}, Limit: 1})
	if err != nil {
		return DetectorFacts{}, fmt.Errorf("obligation: detectors in force: %w", err)
	}
	if len(events) == 0 {
		return DetectorFacts{}, nil
	}
	var body struct {
		Detectors []DetectorFact `json:"detectors"`
	}
	if err := json.Unmarshal(events[0].Body, &body); err != nil {
		return DetectorFacts{}, fmt.Errorf("obligation: body of event %s#%d: %w", events[0].Log, events[0].Seq, err)
	}
	return DetectorFacts{Known: true, All: body.Detectors}, nil
}
