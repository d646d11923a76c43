// Package service is the register of what the provider runs and has put in force: services, models, texts, applications
// and their keys (Art 2, 9, 10, 13, 23). Declarations come from the configuration file; each change of one becomes a new
// version with an event, so that what was in force on any day can be shown.
package service

import (
	"time"

	"github.com/hegui/hegui/label"
	"github.com/hegui/hegui/upstream"
)

// Provider is the legal person that offers the services of this installation.
type Provider struct {
	NameZH  string `yaml:"name_zh" json:"name_zh"`
	NameEN  string `yaml:"name_en" json:"name_en"`
	USCC    string `yaml:"uscc" json:"uscc"`       // unified social credit code, 18 characters; it and Code may not both be empty
	Code    string `yaml:"code" json:"code"`       // 27-character provider code; composed from USCC when empty
	Contact string `yaml:"contact" json:"contact"` // shown on the portal
	Sample  bool   `yaml:"-" json:"sample"`        // demo installation; every page says so
}

// Service is one generative-AI service.
type Service struct {
	ID                string      `json:"id"` // lower-case letters, digits, hyphen
	NameZH            string      `json:"name_zh"`
	NameEN            string      `json:"name_en"`
	Disclosure        Disclosure  `json:"disclosure"` // Art 10
	Models            []Route     `json:"models"`     // what may be asked for, in the order shown
	Label             label.Place `json:"label"`      // start, end or ui
	LabelLang         string      `json:"label_lang"` // zh, en
	Refusal           string      `json:"refusal"`    // message (HTTP 200, default) or error (HTTP 400 content_filter)
	RefusalZH         string      `json:"refusal_zh"`
	RefusalEN         string      `json:"refusal_en"`
	PastRefusals      bool        `json:"past_refusals,omitempty"` // a provider's refusal of the content takes the call to the next target
	History           string      `json:"history,omitempty"`       // what becomes of refused turns that history brings back: heal (or empty), refuse, pass
	OnViolation       string      `json:"on_violation"`            // stop, retract or replace; the wire form of DESIGN §4 rule 4
	Profile           string      `json:"profile,omitempty"`       // scenario, for rows of the moderation policy; empty: none
	Answers           Answers     `json:"answers,omitzero"`        // approved answers (代答)
	Signals           *Signals    `json:"signals,omitempty"`       // what is watched for besides words; nil: nothing
	Media             Media       `json:"media,omitzero"`          // generated and uploaded files
	Functions         []Function  `json:"functions,omitempty"`     // what it offers, as Art 15 and 17 of the Deep Synthesis Provisions look at it
	Attested          bool        `json:"attested,omitempty"`      // with label ui: interfaces that have not attested that they show it get the words in the text
	Privacy           PrivacyMode `json:"privacy"`
	Modes             Modes       `json:"modes"`
	KeepContent       bool        `json:"keep_content"`        // seal and keep requests and answers; false keeps commitments only
	ContentDays       int         `json:"content_days"`        // kept for this long
	CancelUpstream    bool        `json:"cancel_upstream"`     // when the client leaves: true cancels within 100 ms, false reads on for exact usage
	RequestsPerMinute int         `json:"requests_per_minute"` // per user; 0 is no limit
	MaxBodyBytes      int64       `json:"max_body_bytes"`
	Agreement         string      `json:"agreement"` // version in force, key into texts; "" means none: no generation at all
	Version           string      `json:"version"`   // hash of all of the above
}

// Disclosure is what Art 10 asks to publish.
type Disclosure struct {
	PeopleZH, PeopleEN       string
	OccasionsZH, OccasionsEN string
	PurposesZH, PurposesEN   string
	LimitsZH, LimitsEN       string
	OutlineZH, OutlineEN     string // outline of model and algorithm
	PersonalZH, PersonalEN   string // personal information used

	// TrainingZH and TrainingEN declare that reviewed content trains the service's own detectors, for what and how long it is
	// kept (Art 7, 11). Empty: nothing may be trained on it.
	TrainingZH string `json:",omitempty"`
	TrainingEN string `json:",omitempty"`
}

// Answers says what becomes of questions that have an approved answer.
type Answers struct {
	Act   string `json:"act,omitempty"`   // enforce (or empty), observe, off
	Near  string `json:"near,omitempty"`  // what a question that is only near gets: pass (or empty), or draft, from Model
	Model string `json:"model,omitempty"` // for draft: a name of Models
}

// Media says what becomes of files.
type Media struct {
	Unchecked string `json:"unchecked,omitempty"` // generated and uploaded files that nothing here can look at: refuse (or empty), pass
	Mark      string `json:"mark,omitempty"`      // where the words stand on images, a mark.Position; empty: bottom-right
	Hours     int    `json:"hours,omitempty"`     // how long a generated file can be fetched under the address that an answer names; 0: 1
}

// Function is something that a service offers. Who decided about it stands in the register of package function.
type Function struct {
	ID         string   `json:"id"` // lower-case letters, digits, hyphen
	NameZH     string   `json:"name_zh"`
	NameEN     string   `json:"name_en"`
	Operations []string `json:"operations"`          // chat, completion, image, image_edit, image_variation, speech, video
	Models     []string `json:"models,omitempty"`    // names of Models; none: all
	Class      string   `json:"class"`               // dialogue, voice, face, scene, other (Art 17 (1), items 1 to 5)
	Biometric  string   `json:"biometric,omitempty"` // face, voice, special: Art 15 wants an assessment first; empty: none of these
	Consent    bool     `json:"consent,omitempty"`   // it edits somebody's face or voice: every call names a consent (Art 14)
}

// PrivacyMode for a direction: off, observe (record only), mask.
type PrivacyMode struct {
	In  string `json:"in"`
	Out string `json:"out"`
}

// Modes says per guard whether it acts or only observes, and what happens when it cannot work.
type Modes struct {
	ModerateIn  Mode `json:"moderate_in"`
	ModerateOut Mode `json:"moderate_out"`
	Privacy     Mode `json:"privacy"`
	Label       Mode `json:"label"`
}

// Mode of a guard: Act is enforce or observe; OnError is closed (refuse, the default) or open (go on, recorded).
type Mode struct {
	Act     string `json:"act"`
	OnError string `json:"on_error"`
}

// Route names a model of a service and where it can be had.
type Route struct {
	Name    string            `json:"name"`  // as clients ask for it
	Model   string            `json:"model"` // key into Models: the dossier
	Targets []upstream.Target `json:"targets"`
}

// Model is a dossier of a model (T7-09, F17-11): who made it, where it runs, under which filing.
type Model struct {
	ID        string `json:"id"`
	NameZH    string `json:"name_zh"`
	NameEN    string `json:"name_en"`
	Vendor    string `json:"vendor"`
	Region    string `json:"region"`    // CN, or an ISO 3166 code of where it runs
	FilingNo  string `json:"filing_no"` // 备案号 or 上线编号, empty when none
	FilingURL string `json:"filing_url"`
	Sample    bool   `json:"sample"` // the built-in sample model
	Version   string `json:"version"`
}

// Text is a version of an agreement, zh and en, in Markdown. Immutable once in force.
type Text struct {
	ID        string    `json:"id" db:"id"` // hash of service, kind, number and both texts
	Service   string    `json:"service" db:"service"`
	Kind      string    `json:"kind" db:"kind"`     // agreement
	Number    string    `json:"number" db:"number"` // as people cite it, e.g. 2026-11
	ZH        string    `json:"zh" db:"zh"`
	EN        string    `json:"en" db:"en"`
	Effective time.Time `json:"effective" db:"-"`
}

// Application is a client of the gateway.
type Application struct {
	ID      string
	Name    string
	Service string
}

// Key is a credential of an application. The secret is shown once and stored as SHA-256 only.
type Key struct {
	ID          string    `json:"id"`
	Service     string    `json:"service"`
	Application string    `json:"application"`
	Hint        string    `json:"hint"` // first 7 and last 4 characters of the secret
	Created     time.Time `json:"created"`
	Expires     time.Time `json:"expires,omitzero"` // zero: never
	Revoked     time.Time `json:"revoked,omitzero"`
	Contract    string    `json:"contract"` // id of a signed contract; stands in for the agreement of the application itself (G9-01)
}

// Declaration is what the configuration file says. It is the whole truth: a service or model that is not in it any more
// goes out of force.
type Declaration struct {
	Provider  Provider
	Services  []Service // Agreement may hold the id or the number of one of Texts, or of a text put in force earlier
	Models    []Model
	Texts     []Text   // id may be empty, it is computed; Effective zero means from now on
	Endpoints []string // names of the upstreams; targets must name one. Nil: not checked here
}
