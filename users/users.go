// Package users is the register of the people and organisations that generate content, known by pseudonyms (Art 9, 10, 14).
package users

import (
	"context"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// User is one pseudonym at one service.
type User struct {
	Subject        string    `json:"subject"` // ULID; names the user everywhere, the vault's subject too
	Service        string    `json:"service"`
	Name           string    `json:"name"` // what the application calls them (X-Hegui-User), at most 128 bytes
	Created        time.Time `json:"created"`
	Accepted       string    `json:"accepted"` // id of the agreement text accepted last, "" when none
	AcceptedAt     time.Time `json:"accepted_at"`
	Standing       string    `json:"standing"`        // good, suspended, erased
	SuspendedUntil time.Time `json:"suspended_until"` // zero with suspended: until lifted
	Decision       string    `json:"decision"`        // id of the decision behind the standing
	Reason         string    `json:"reason"`
}

// Suspended tells whether the user is suspended at now; a term that has run out lifts by itself.
func (u User) Suspended(now time.Time) bool { panic("skeleton") }

// Register is the open register. Look-ups are served from a bounded cache that follows the journal's Generation.
type Register struct{}

func Open(ctx context.Context, db *store.DB, j *journal.Journal) (*Register, error) {
	panic("skeleton")
}

// Find returns the user that an application calls name, creating the pseudonym on first sight.
func (r *Register) Find(ctx context.Context, service, name string) (User, error) { panic("skeleton") }

// Get returns a user by subject.
func (r *Register) Get(ctx context.Context, subject string) (User, error) { panic("skeleton") }

// Acceptance is one person's yes to one version.
type Acceptance struct {
	Text    string    `json:"text"`
	At      time.Time `json:"at"`
	Channel string    `json:"channel"` // portal, api, cli, contract
	Address string    `json:"address"` // client address, kept as network log
}

// Accept records acceptance. Accepting the same version again changes nothing.
func (r *Register) Accept(ctx context.Context, who journal.Actor, subject string, a Acceptance) error {
	panic("skeleton")
}

// Ticket returns a signed link token with which exactly this user can accept on the portal without logging in (valid for
// a day), and Redeem reads it.
func (r *Register) Ticket(subject, text string, now time.Time) string { panic("skeleton") }
func (r *Register) Redeem(token string, now time.Time) (subject, text string, err error) {
	panic("skeleton")
}

// Suspend and Lift change the standing. A reason is required; the returned id names the decision.
func (r *Register) Suspend(ctx context.Context, who journal.Actor, subject, reason string, until time.Time) (decision string, err error) {
	panic("skeleton")
}
func (r *Register) Lift(ctx context.Context, who journal.Actor, subject, reason string) (decision string, err error) {
	panic("skeleton")
}

// List pages through users of a service by subject.
func (r *Register) List(ctx context.Context, service, after string, limit int) ([]User, error) {
	panic("skeleton")
}

// Counts for the register.
type Counts struct{ Users, Accepted, Suspended int64 }

func (r *Register) Counts(ctx context.Context, service, text string) (Counts, error) {
	panic("skeleton")
}
