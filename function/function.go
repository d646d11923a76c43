// Package function keeps what is known of the functions of services: which class of the Deep Synthesis Provisions each falls under, who
// decided whether the public may be confused (Art 17), whether its security assessment is recorded (Art 15), which interfaces attest
// that they show what they must (GB 45438-2025 5.6, Labelling Measures Art 4), and who consented to having face or voice edited (Art 14).
//
// What nobody has decided counts as confusing, and what generates faces or voices stays off until it was assessed. A decision or an assessment
// holds for the function as it was declared then: whoever changes the declaration decides again.
package function

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/journal"
	"github.com/hegui/hegui/service"
)

// Class of Deep Synthesis Provisions Art 17 (1).
type Class struct {
	ID, ZH, EN string
	Item       int
}

// Classes are the five of Art 17 (1), in order.
func Classes() []Class {
	return []Class{
		{"dialogue", "智能对话、智能写作等模拟自然人进行文本生成或编辑", "dialogue, writing and the like that simulate a person", 1},
		{"voice", "合成人声、仿声等语音生成，或显著改变个人身份特征的编辑", "synthetic or imitated voices, and edits that change who somebody seems to be", 2},
		{"face", "人脸生成、人脸替换、人脸操控、姿态操控等", "generating, swapping or steering faces, steering posture", 3},
		{"scene", "沉浸式拟真场景等", "immersive realistic scenes", 4},
		{"other", "其他生成或显著改变信息内容的功能", "other functions that generate or markedly change content", 5},
	}
}

// Biometrics are the traits of Art 15 for which a function needs a security assessment before it is used.
func Biometrics() []string { return []string{"face", "voice", "special"} }

// Kind of a record.
type Kind string

const (
	Decision    Kind = "decision"    // may the public be confused or misled
	Assessment  Kind = "assessment"  // security assessment of Art 15
	Attestation Kind = "attestation" // an interface shows what it must
	Consent     Kind = "consent"     // somebody agrees to have face or voice edited
)

// Obligations are what an interface can be asked to show.
const (
	Notice = "ai_notice"     // that content is generated, near it and all the time
	Player = "player_notice" // the same around a player of film
	Tool   = "label_tool"    // a way to put a visible label on it, and word of it (Art 17 (2))
)

// Obligations lists them.
func Obligations() []string { return []string{Notice, Player, Tool} }

// Record is one thing that was declared. Which fields it has depends on its kind.
type Record struct {
	ID      string        `json:"id"`
	Kind    Kind          `json:"kind"`
	Service string        `json:"service"`
	By      journal.Actor `json:"by"`
	At      time.Time     `json:"at"`

	Function string `json:"function,omitempty"` // decision, assessment
	Version  string `json:"version,omitempty"`  // of the function's declaration
	Reason   string `json:"reason,omitempty"`   // decision

	Confusing bool `json:"confusing,omitempty"` // decision

	Document string `json:"document,omitempty"` // assessment: its number or title
	Assessor string `json:"assessor,omitempty"` // assessment: who did it, the provider itself or a professional body
	On       string `json:"on,omitempty"`       // assessment: the day it was made, YYYY-MM-DD

	Application string   `json:"application,omitempty"` // attestation, consent
	Client      string   `json:"client,omitempty"`      // attestation: name/version of the interface
	Shows       []string `json:"shows,omitempty"`       // attestation: what it shows, all the time
	Picture     string   `json:"picture,omitempty"`     // attestation: SHA-256 of a picture of the interface, kept elsewhere

	Person    string    `json:"person,omitempty"`   // consent: pseudonym of the person who is edited, as the application has it
	Scope     string    `json:"scope,omitempty"`    // consent: face or voice
	Evidence  string    `json:"evidence,omitempty"` // consent: where or what the proof is, such as a hash
	Until     time.Time `json:"until,omitzero"`     // consent: when it ends; zero: when it is withdrawn
	Withdrawn time.Time `json:"withdrawn,omitzero"` // consent
}

// Errors of the register.
var (
	ErrUnknown = errors.New("function: there is no such record")
	ErrNobody  = errors.New("function: whoever decides or assesses must be a named person; at the command line name yourself with --by")
	ErrState   = errors.New("function: this consent was withdrawn already")
)

// InvalidError is bad input: the field, the value, and how to mend it.
type InvalidError struct{ Field, Value, Mend string }

func (e *InvalidError) Error() string {
	if e.Value == "" {
		return "function: " + e.Field + ": " + e.Mend
	}
	return fmt.Sprintf("function: %s %q: %s", e.Field, e.Value, e.Mend)
}

// VersionOf is the hash of a function's declaration.
func VersionOf(f service.Function) string {
	b, err := json.Marshal(f)
	if err != nil {
		return "" // strings only
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

var (
	clientShape = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}/[A-Za-z0-9._+-]{1,40}$`)
	hashShape   = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)
)

// ClientName tells whether an interface's name is one: name/version.
func ClientName(s string) bool { return clientShape.MatchString(s) }

// check holds a record to its shape.
func (r *Record) check(now time.Time) error {
	short := func(field, value string, least int) error {
		if n := utf8.RuneCountInString(strings.TrimSpace(value)); n < least || n > 500 || !utf8.ValidString(value) {
			return &InvalidError{field, "", fmt.Sprintf("give %d to 500 characters", least)}
		}
		return nil
	}
	switch r.Kind {
	case Decision:
		return short("reason", r.Reason, 4)
	case Assessment:
		day, err := time.Parse(time.DateOnly, r.On)
		if err != nil || day.After(now.AddDate(0, 0, 1)) {
			return &InvalidError{"on", r.On, "give the day of the assessment as YYYY-MM-DD, not one to come"}
		}
		return errors.Join(short("document", r.Document, 2), short("assessor", r.Assessor, 2))
	case Attestation:
		switch {
		case !ClientName(r.Client):
			return &InvalidError{"client", r.Client, "write name/version, such as web/3.2.0; letters, digits, . _ - +"}
		case len(r.Shows) == 0 || slices.ContainsFunc(r.Shows, func(s string) bool { return !slices.Contains(Obligations(), s) }):
			return &InvalidError{"shows", strings.Join(r.Shows, ","), "name one or more of " + strings.Join(Obligations(), ", ")}
		case r.Picture != "" && !hashShape.MatchString(r.Picture):
			return &InvalidError{"picture", r.Picture, "give the SHA-256 of a picture of the interface, 64 hexadecimal digits"}
		}
		return nil
	case Consent:
		switch {
		case r.Scope != "face" && r.Scope != "voice":
			return &InvalidError{"scope", r.Scope, "use face or voice"}
		case !r.Until.IsZero() && !r.Until.After(now):
			return &InvalidError{"until", r.Until.Format(time.RFC3339), "this is over already; give a time to come, or none"}
		}
		return errors.Join(short("person", r.Person, 1), short("evidence", r.Evidence, 4))
	}
	return &InvalidError{"kind", string(r.Kind), "unknown"}
}

// State is what holds for a function now.
type State struct {
	Function service.Function
	Known    bool    // it is declared
	Decided  *Record // nil: nobody has, so the public may be confused
	Assessed *Record // nil: it is not
}

// Confusing tells whether content of the function must carry a conspicuous label (Art 17 (1)); otherwise a tool and word of it do (17 (2)).
func (s State) Confusing() bool { return s.Decided == nil || s.Decided.Confusing }

// Locked tells whether the function must stay off: it generates or edits what Art 15 names and no assessment is recorded.
func (s State) Locked() bool { return s.Function.Biometric != "" && s.Assessed == nil }

// Of finds the function that a call belongs to: the named one, or the first that covers operation and model. A call of speech that no function
// covers is one that generates voices.
func Of(s service.Service, named, operation, model string) (f service.Function, ok bool) {
	for _, f := range s.Functions {
		if (named == "" || f.ID == named) && slices.Contains(f.Operations, operation) && (len(f.Models) == 0 || slices.Contains(f.Models, model)) {
			return f, true
		}
	}
	if operation == "speech" {
		return service.Function{ID: "", Biometric: "voice", Class: "voice", Operations: []string{"speech"}}, false
	}
	return service.Function{}, false
}
