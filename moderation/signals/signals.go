// Package signals finds what no list of words finds: attempts to change a model's role, secrets, links, lures to other
// channels, leaks of the system prompt, runaway repetition, talk off the topic, scripts that no detector covers.
//
// Pure: text in, findings out; no database, no HTTP, no clock. Every finding is evidence for a policy, never a decision.
package signals

// Finding is one signal. Start and End are bytes of the text that was looked at.
type Finding struct {
	Signal   string // jailbreak, secret, link, lure, leak, repetition, topic, script
	Category string // id of a risk in package measures; empty where none of the 31 fits and the caller maps
	Start    int
	End      int
	Score    float64 // 0 to 1
	Reason   string  // for operators, in plain words; never the secret itself
}

// Names of signals.
const (
	Jailbreak  = "jailbreak"
	Secret     = "secret"
	Link       = "link"
	Lure       = "lure"
	Leak       = "leak"
	Repetition = "repetition"
	Topic      = "topic"
	Script     = "script"
)
