package service

import (
	"fmt"
	"slices"
	"unicode"

	"github.com/hegui/hegui/moderation/signals"
)

// Signals is what a service watches for besides words: attempts to change the model's role, secrets, links, lures, leaks of the
// system prompt, runaway repetition, topics, scripts. What is found is evidence; rows of the policy (detector: [jailbreak])
// say what follows.
type Signals struct {
	On      []string         `json:"on"`                // names of signals, see SignalNames
	Scripts []string         `json:"scripts,omitempty"` // that detectors cover, as Unicode names them; for script
	Domains []signals.Domain `json:"domains,omitempty"` // for link
	Topics  []signals.Sample `json:"topics,omitempty"`  // for topic
}

// SignalNames lists what can be watched for.
func SignalNames() []string {
	return []string{signals.Jailbreak, signals.Secret, signals.Link, signals.Lure, signals.Leak, signals.Repetition, signals.Topic, signals.Script}
}

// Watches tells whether a signal is on.
func (s *Signals) Watches(name string) bool { return s != nil && slices.Contains(s.On, name) }

// signals checks what a service watches for.
func (c *checker) signals(s *Signals) {
	if s == nil {
		return
	}
	for i, name := range s.On {
		c.oneOf(fmt.Sprintf("signals.on[%d]", i), name, SignalNames()...)
	}
	for i, name := range s.Scripts {
		if unicode.Scripts[name] == nil {
			c.fail(fmt.Sprintf("signals.scripts[%d]", i), name, "give the name that Unicode has for the script: Han, Latin, Hangul, Tibetan, Arabic, …")
		}
	}
	if s.Watches(signals.Script) && len(s.Scripts) == 0 {
		c.fail("signals.scripts", "", "name the scripts that your detectors cover, or take script out of signals.on")
	}
	if s.Watches(signals.Topic) {
		if _, err := signals.NewFence(s.Topics, 0); err != nil {
			c.fail("signals.topics", "", "%v", err)
		}
	}
	for i, d := range s.Domains {
		if d.Name == "" {
			c.fail(fmt.Sprintf("signals.domains[%d]", i), "", "give the domain, such as example.com")
		}
	}
}
