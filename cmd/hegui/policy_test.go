package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hegui/hegui/assessment"
	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/obligation"
)

// The policy is read again when its file changes and on SIGHUP; one that is wrong or fails its own tests leaves the earlier
// one in force.
func TestPolicyReload(t *testing.T) {
	dir := t.TempDir()
	list, file := dir+"/own.csv", dir+"/policy.yaml"
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(list, "text,category,tier\n阿吧阿吧一号,A2a,signal\n")
	const strict = `name: own
rows:
  - {name: signals, category: [A2a], tier: [signal], direction: [in], action: guide, text_zh: 请看这里, text_en: look here}
  - {name: block-tier, tier: [block], action: block}
default: {action: allow}
tests:
  - {text: 阿吧阿吧一号, direction: in, expect: guide}
`
	lenient := strings.ReplaceAll(strings.ReplaceAll(strict, "action: guide, text_zh: 请看这里, text_en: look here", "action: allow"), "expect: guide", "expect: allow")
	write(file, lenient)
	sv, f := inProcess(t, func(c *configFile) {
		c.Lexicons = []LexiconConfig{{File: list, Category: "A2a", Tier: "signal"}}
		c.Policy.File = file
	})
	guided := func() bool {
		return strings.Contains(read(t, f.ask(t, f.User, "阿吧阿吧一号", false)), "请看这里")
	}
	wait := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	if guided() {
		t.Error("a signal acted")
	}
	write(file, strict)
	wait("the changed file was not read", guided)
	before := sv.policy.Load()
	for _, bad := range []string{strict + "more: 1\n", strings.ReplaceAll(strict, "expect: guide", "expect: refuse"), ""} {
		write(file, bad)
		if err := sv.loadPolicy(t.Context()); err == nil || sv.policy.Load() != before || !guided() {
			t.Errorf("%q: %v", bad, err)
		}
	}
	write(file, lenient)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	wait("SIGHUP was not heard", func() bool { return !guided() })
	// A list and a policy whose tests need it, changed together: in whichever order they are read, both end in force.
	write(list, "text,category,tier\n阿吧阿吧一号,A2a,signal\n阿吧阿吧二号,A2a,signal\n")
	write(file, strict+"  - {text: 阿吧阿吧二号, direction: in, expect: guide}\n")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	wait("list and policy were not read together", guided)
	events, err := sv.in.journal.Events(t.Context(), journal.Filter{Verbs: []journal.Verb{journal.PolicyInForce}, Limit: 10})
	if err != nil || len(events) != 4 || events[0].Ref.ID != sv.policy.Load().Hash() {
		t.Errorf("%d events, %v", len(events), err)
	}
	l, err := obligation.LexiconInForce(t.Context(), sv.in.journal)
	if err != nil || l.Hash != sv.lexicon.Load().Hash() || l.Bank == nil || l.Bank.Policy != sv.policy.Load().Hash() || l.Bank.Questions != len(assessment.MustAnswer()) {
		t.Errorf("the bank was not measured with what is in force: %+v %v", l, err)
	}
	// A policy that lets hits of the block tier go on shows in the register, and what it allows it does not over-block.
	write(file, "name: lax\nrows:\n  - {name: lax, category: [A1c], action: allow}\n  - {name: block-tier, tier: [block], action: block, reason: content_filter}\ndefault:\n  action: allow\n")
	if err := sv.loadPolicy(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range sv.findings(t.Context()) {
		if r.Duty.ID == "P4-01" && (r.Finding.Status != obligation.Breach || !strings.Contains(r.Finding.Summary.EN, "Policy lax lets hits of the block tier go on for A1c.")) {
			t.Errorf("%s %s", r.Finding.Status, r.Finding.Summary.EN)
		}
	}
}
