package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"time"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/moderation"
	"github.com/hegui/hegui/obligation"
)

// policyEvery is how often is looked whether what the policy rests on has changed.
const policyEvery = 2 * time.Second

// policy compiles the configured policy, or the one that ships. Its tests on texts are run by loadPolicy.
func (c configFile) policy() (*moderation.Policy, error) {
	if c.Policy.File == "" {
		return moderation.DefaultPolicy()
	}
	b, err := os.ReadFile(c.file(c.Policy.File))
	if err != nil {
		return nil, c.explain(fault{"policy.file", err.Error()})
	}
	p, err := moderation.ParsePolicy(c.file(c.Policy.File), b)
	if err != nil {
		return nil, usageError{err.Error()}
	}
	return p, nil
}

// loadPolicy compiles the policy, runs its tests with the lexicon in force and puts it in force; the same policy again is
// no news. On an error the earlier one stays.
func (sv *server) loadPolicy(ctx context.Context) error {
	p, err := sv.in.config.policy()
	if err != nil {
		return err
	}
	if err := p.Test(sv.lexicon.Load()); err != nil {
		return err
	}
	last, err := obligation.PolicyInForce(ctx, sv.in.journal)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	gaps := map[string]moderation.Gaps{"in": p.Gaps("in"), "out": p.Gaps("out")}
	if last.Hash != p.Hash() || !reflect.DeepEqual(last.Gaps, gaps) {
		b, err := json.Marshal(map[string]any{"hash": p.Hash(), "name": p.Name(), "rows": p.Rows(), "gaps": gaps})
		if err != nil {
			return fmt.Errorf("policy: %w", err)
		}
		if _, err := sv.in.journal.Commit(ctx, journal.Write{Events: []journal.Event{{Who: journal.Actor{Kind: "system", ID: "configuration"},
			Verb: journal.PolicyInForce, Ref: journal.Ref{Kind: "policy", ID: p.Hash()}, Body: b}}}); err != nil {
			return fmt.Errorf("policy: %w", err)
		}
	}
	sv.state.mu.Lock()
	defer sv.state.mu.Unlock()
	if err := sv.recordLexicon(ctx, sv.lexicon.Load(), sv.state.version, p); err != nil {
		return err
	}
	sv.policy.Store(p)
	sv.log.Info("policy in force", "name", p.Name(), "rows", p.Rows(), "hash", p.Hash()[:12])
	return nil
}

// reloadPolicy reads the policy again on SIGHUP, when its file has changed, and when another lexicon is in force: the
// policy's tests must hold with that one too.
func (sv *server) reloadPolicy(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, hangupSignals()...)
	defer signal.Stop(hangup)
	look := time.NewTicker(policyEvery)
	defer look.Stop()
	seen := sv.policyRests()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		case <-look.C:
			if sv.policyRests() == seen {
				continue
			}
		}
		seen = sv.policyRests()
		if err := sv.loadPolicy(ctx); err != nil && ctx.Err() == nil {
			sv.log.Error("policy not reloaded; the earlier one stays in force", "error", err)
		}
	}
}

// policyRests tells one state of what the policy rests on from another: its file, and the lexicon that its tests look
// through texts with.
func (sv *server) policyRests() string {
	c, lexicon := sv.in.config, sv.lexicon.Load().Hash()
	if c.Policy.File == "" {
		return lexicon
	}
	i, err := os.Stat(c.file(c.Policy.File))
	if err != nil {
		return lexicon + err.Error()
	}
	return fmt.Sprint(lexicon, i.ModTime().UnixNano(), i.Size())
}
