// Package users is the register of the people and organisations that generate content, known by pseudonyms (Art 9, 10, 14).
//
// What an application calls a user is personal information: it stands in the row of the user, in no event and in no log,
// and goes when the user is erased. Everything else in hegui knows the user by Subject.
package users

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Standings of a user.
const (
	Good      = "good"
	Suspended = "suspended"
	Erased    = "erased"
)

// MaxName is the longest name an application may call a user by, in bytes.
const MaxName = 128

var (
	// ErrUnknown answers for a subject that does not exist.
	ErrUnknown = errors.New("users: no such user")
	// ErrErased answers for a user who has been erased: nothing can be accepted, suspended or lifted any more.
	ErrErased = errors.New("users: the user has been erased")
	// ErrNotSuspended refuses to lift what is not suspended.
	ErrNotSuspended = errors.New("users: the user is not suspended")
	// ErrTicket answers for a link token that is forged, damaged or meant for another installation.
	ErrTicket = errors.New("users: the link is not valid")
	// ErrTicketExpired answers for a token older than TicketLife.
	ErrTicketExpired = errors.New("users: the link has expired; ask the application for a new one")
)

// InvalidError names the field, the value and the mend of bad input.
type InvalidError struct{ Field, Value, Mend string }

func (e *InvalidError) Error() string {
	return fmt.Sprintf("users: %s %q: %s", e.Field, e.Value, e.Mend)
}

// User is one pseudonym at one service.
type User struct {
	Subject        string    `json:"subject"` // ULID; names the user everywhere, the vault's subject too
	Service        string    `json:"service"`
	Name           string    `json:"name"` // what the application calls them (X-Hegui-User), at most 128 bytes; "" when erased
	Created        time.Time `json:"created"`
	Accepted       string    `json:"accepted"` // id of the agreement text accepted last, "" when none
	AcceptedAt     time.Time `json:"accepted_at,omitzero"`
	Standing       string    `json:"standing"`                 // good, suspended, erased
	SuspendedUntil time.Time `json:"suspended_until,omitzero"` // zero with suspended: until lifted
	Decision       string    `json:"decision"`                 // id of the decision behind the standing
	Reason         string    `json:"reason"`

	revision int64 // of the row this was read from
}

// Suspended tells whether the user is suspended at now; a term that has run out lifts by itself.
func (u User) Suspended(now time.Time) bool {
	return u.Standing == Suspended && (u.SuspendedUntil.IsZero() || now.Before(u.SuspendedUntil))
}

// checkName refuses what cannot be stored the same on every engine or would break a log line.
func checkName(name string) error {
	switch {
	case name == "":
		return &InvalidError{"user", name, "name the end user in X-Hegui-User, safety_identifier or user"}
	case len(name) > MaxName:
		return &InvalidError{"user", "", fmt.Sprintf("the name has %d bytes; at most %d are allowed, use an identifier of your own", len(name), MaxName)}
	case !utf8.ValidString(name):
		return &InvalidError{"user", "", "the name is not valid UTF-8"}
	}
	for _, r := range name {
		if r < 0x20 || r == 0x7f {
			return &InvalidError{"user", name, "the name holds a control character"}
		}
	}
	return nil
}

// Acceptance is one person's yes to one version.
type Acceptance struct {
	Text    string    `json:"text" db:"text"`
	At      time.Time `json:"at" db:"-"`
	Channel string    `json:"channel" db:"channel"` // portal, api, cli, contract
	Address string    `json:"address" db:"address"` // client address, kept as network log
}

// Counts for the register. Erased users are not counted; Suspended leaves out terms that have run out.
type Counts struct{ Users, Accepted, Suspended int64 }
