package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hegui/hegui/assessment"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/lexicon"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/obligation"
)

const (
	// shadowDays and shadowExchanges bound the recent exchanges that a new lexicon is run over.
	shadowDays      = 7
	shadowExchanges = 2000
	// lexiconRetry is how long a version that does not compile is left alone.
	lexiconRetry = 30 * time.Second
	// takeUpWait is how long hegui check waits for a running server to record what was just published.
	takeUpWait = 5 * time.Second
)

// workbench opens the lexicon register over the configured lists.
func (in *installation) workbench(ctx context.Context) (*lexicon.Workbench, error) {
	register, err := lexicon.Open(ctx, in.db, in.journal)
	if err != nil {
		return nil, err
	}
	return &lexicon.Workbench{Register: register, Base: in.lists, Accept: in.config.accept, Cache: lexicon.Cache(filepath.Join(in.config.Data, "cache")),
		Evidence: lexicon.Evidence{Bank: mustAnswer, Benign: benign, Traffic: in.talk, Judge: in.judge, JudgeBy: in.judgeBy}}, nil
}

// lists are those below the register: the configuration's, and what is in force for a time.
func (in *installation) lists() ([]lexicon.List, error) {
	lists, err := in.config.lists()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	entries, err := in.emergency.Entries(ctx)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		lists = append(lists, lexicon.List{Origin: lexicon.Emergency, Entries: entries})
	}
	return lists, nil
}

// accept runs the policy's tests on texts with a new lexicon: where they fail, the two do not belong together.
func (c configFile) accept(l *moderation.Lexicon) error {
	p, err := c.policy()
	if err != nil {
		return err
	}
	return p.Test(l)
}

// judge decides by the policy what refuses a text: whatever puts something else in its place.
func (in *installation) judge() (lexicon.Judge, error) {
	p, err := in.config.policy()
	if err != nil {
		return nil, err
	}
	return in.judgeBy(p), nil
}

// judgeBy is judge by a policy that is compiled already.
func (in *installation) judgeBy(p *moderation.Policy) lexicon.Judge {
	return func(t lexicon.Text, f moderation.Finding) bool {
		place := moderation.Place{Scene: t.Scene()}
		if s, ok := in.services.Service(t.Service); ok {
			place.Profile, place.OnViolation = s.Profile, moderation.Action(s.OnViolation)
		}
		return p.At(place).Decide(moderation.CaseOf(f)).Action.Stricter(moderation.Mask)
	}
}

// overBlock counts the questions of the must-answer bank that a lexicon and a policy refuse, in either language: the limit
// is one on questions, and translations that pass must not thin it out.
func (in *installation) overBlock(l *moderation.Lexicon, p *moderation.Policy) obligation.BankFacts {
	bank, refuses := obligation.BankFacts{Policy: p.Hash()}, in.judgeBy(p)
	for _, q := range assessment.MustAnswer() {
		bank.Questions++
		if slices.ContainsFunc([]string{q.ZH, q.EN}, func(text string) bool {
			t := lexicon.Text{ID: q.ID, Text: text, Direction: "in"}
			return slices.ContainsFunc(l.ScanIn(t.Scene(), []byte(text)), func(f moderation.Finding) bool { return refuses(t, f) })
		}) {
			bank.Refused++
		}
	}
	return bank
}

// recordLexicon records what is in force and what it refuses of the must-answer bank; the same again is no news.
func (sv *server) recordLexicon(ctx context.Context, l *moderation.Lexicon, version int, p *moderation.Policy) error {
	before, err := obligation.LexiconInForce(ctx, sv.in.journal)
	if err != nil {
		return err
	}
	bank := sv.in.overBlock(l, p)
	if before.Hash == l.Hash() && before.Version == version && maps.Equal(before.Counts, l.Counts()) && before.Bank != nil && *before.Bank == bank {
		return nil
	}
	b, err := json.Marshal(map[string]any{"hash": l.Hash(), "entries": l.Len(), "counts": l.Counts(), "version": version, "bank": bank})
	if err != nil {
		return fmt.Errorf("lexicon: %w", err)
	}
	if _, err := sv.in.journal.Commit(ctx, journal.Write{Events: []journal.Event{{Who: journal.Actor{Kind: "system", ID: "configuration"},
		Verb: journal.LexiconInForce, Ref: journal.Ref{Kind: "lexicon", ID: l.Hash()}, Body: b}}}); err != nil {
		return fmt.Errorf("lexicon: %w", err)
	}
	return nil
}

// lexiconFacts tells of the lexicon in force as servers have recorded it. Where their record is behind what is published,
// the published version is read instead, and told to be pending: a server takes up to a second, and none may be running.
func (in *installation) lexiconFacts(ctx context.Context) (obligation.LexiconFacts, error) {
	newest, err := in.lexicon.Newest(ctx)
	if err != nil {
		return obligation.LexiconFacts{}, err
	}
	facts, err := obligation.LexiconInForce(ctx, in.journal)
	if err != nil || facts.Version >= newest.N {
		return facts, err
	}
	compiled, v, err := in.lexicon.InForce(ctx)
	if err != nil {
		return obligation.LexiconFacts{}, err
	}
	p, err := in.config.policy()
	if err != nil {
		return obligation.LexiconFacts{}, err
	}
	bank := in.overBlock(compiled, p)
	return obligation.LexiconFacts{Hash: compiled.Hash(), Counts: compiled.Counts(), Bank: &bank, At: v.At, Version: v.N, Pending: true}, nil
}

// awaitLexicon gives a running server the time to take up and record what has just been published.
func (in *installation) awaitLexicon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, takeUpWait)
	defer cancel()
	for {
		newest, err := in.lexicon.Newest(ctx)
		if err != nil {
			return // what cannot be read shows as unknown
		}
		if facts, err := obligation.LexiconInForce(ctx, in.journal); err != nil || facts.Version >= newest.N {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// benign is the shipped corpus of harmless text.
func benign() []lexicon.Text {
	var texts []lexicon.Text
	for i, line := range moderation.Benign() {
		texts = append(texts, lexicon.Text{ID: fmt.Sprint("benign-", i+1), Text: line, Direction: "in"})
	}
	return texts
}

// mustAnswer is the shipped bank of questions that must be answered, in both languages.
func mustAnswer() []lexicon.Text {
	var texts []lexicon.Text
	for _, q := range assessment.MustAnswer() {
		texts = append(texts, lexicon.Text{ID: q.ID, Text: q.ZH, Direction: "in", Of: q.ID})
		if q.EN != "" {
			texts = append(texts, lexicon.Text{ID: q.ID + "/en", Text: q.EN, Direction: "in", Of: q.ID})
		}
	}
	return texts
}

// talk tells of the texts of recent exchanges whose content is kept.
func (in *installation) talk(ctx context.Context, each func(lexicon.Text) error) (lexicon.Window, error) {
	from := time.Now().AddDate(0, 0, -shadowDays)
	n, err := in.exchanges.Replay(ctx, journal.Actor{Kind: "system", ID: "lexicon"}, "lexicon shadow run: counts only",
		exchange.Filter{From: from}, shadowExchanges, func(r exchange.Record, c exchange.Content) error {
			accepted := r.Verdict == exchange.Allow || r.Verdict == exchange.Mask
			for _, text := range requestTexts(c.Request) {
				if err := each(lexicon.Text{ID: r.ID, Text: text, Direction: "in", Service: r.Service, Accepted: accepted}); err != nil {
					return err
				}
			}
			if c.Visible == "" {
				return nil
			}
			return each(lexicon.Text{ID: r.ID, Text: c.Visible, Direction: "out", Service: r.Service, Accepted: accepted})
		})
	return lexicon.Window{Days: shadowDays, Exchanges: n.Opened, Skipped: n.Skipped}, err
}

// requestTexts finds what a model reads in a kept request: the strings below messages, prompt, input, system and
// instructions. A request that was cut is one text.
func requestTexts(request json.RawMessage) []string {
	var v any
	if len(request) == 0 || json.Unmarshal(request, &v) != nil {
		return nil
	}
	if s, ok := v.(string); ok {
		return []string{s}
	}
	top, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	var texts []string
	var walk func(v any, named string)
	walk = func(v any, named string) {
		switch v := v.(type) {
		case string:
			switch named {
			case "content", "text", "prompt", "input", "system", "instructions", "arguments", "refusal":
				if v != "" {
					texts = append(texts, v)
				}
			}
		case []any:
			for _, x := range v {
				walk(x, named)
			}
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(v[name], name)
			}
		}
	}
	for _, name := range []string{"instructions", "system", "messages", "prompt", "input"} {
		walk(top[name], name)
	}
	return texts
}

// lexiconState is what this process serves with.
type lexiconState struct {
	mu      sync.Mutex // held while compiling
	version int
	day     string
	brief   string // marker of the emergency entries
	failed  time.Time
	tried   int    // the version that failed
	why     string // it failed
}

// serving tells which version of the register this process serves with, and why not a newer one.
func (sv *server) serving() (version int, failed string) {
	sv.state.mu.Lock()
	defer sv.state.mu.Unlock()
	if !sv.state.failed.IsZero() {
		failed = sv.state.why
	}
	return sv.state.version, failed
}

// loadLexicon compiles what is in force now and swaps it in; requests that have begun go on with the one before. The same
// entries again are no news. On an error the lexicon before stays.
func (sv *server) loadLexicon(ctx context.Context) error {
	sv.state.mu.Lock()
	defer sv.state.mu.Unlock()
	day, brief := lexicon.Today(time.Now()), sv.in.emergency.Marker(ctx)
	compiled, v, err := sv.in.lexicon.InForce(ctx)
	if err != nil {
		return err
	}
	p := sv.policy.Load()
	if p == nil { // at the start the policy is tested with the lexicon instead
		if p, err = sv.in.config.policy(); err != nil {
			return err
		}
	} else if err := p.Test(compiled); err != nil {
		return err
	}
	if err := sv.recordLexicon(ctx, compiled, v.N, p); err != nil {
		return err
	}
	sv.lexicon.Store(compiled)
	sv.state.version, sv.state.day, sv.state.brief, sv.state.failed = v.N, day, brief, time.Time{}
	sv.log.Info("lexicon in force", "entries", compiled.Len(), "version", v.N, "hash", compiled.Hash()[:12])
	return nil
}

// followLexicon puts a version in force that anybody has published, here or elsewhere, and lets entries expire at the end
// of their day and emergency entries at their hour.
func (sv *server) followLexicon(ctx context.Context) {
	v, err := sv.in.lexicon.Latest(ctx)
	if err != nil {
		return // a database that is away is told of by readyz
	}
	brief := sv.in.emergency.Marker(ctx)
	sv.state.mu.Lock()
	current := sv.state.version == v.N && sv.state.brief == brief && sv.state.day == lexicon.Today(time.Now())
	wait := sv.state.tried == v.N && time.Since(sv.state.failed) < lexiconRetry
	sv.state.mu.Unlock()
	if current || wait {
		return
	}
	if err := sv.loadLexicon(ctx); err != nil && ctx.Err() == nil {
		sv.state.mu.Lock()
		sv.state.failed, sv.state.tried, sv.state.why = time.Now(), v.N, err.Error()
		sv.state.mu.Unlock()
		sv.log.Error("lexicon not changed; the earlier one stays in force", "version", v.N, "error", err)
	}
}

// reloadOnHangup reads the word lists again on SIGHUP; a list that does not load leaves the one in force where it is.
func (sv *server) reloadOnHangup(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, hangupSignals()...)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			if err := sv.loadLexicon(ctx); err != nil {
				sv.log.Error("word lists not reloaded; the earlier ones stay in force", "error", err)
			}
		}
	}
}
