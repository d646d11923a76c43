// Package operator is the register of staff: log-ins, capabilities, sessions.
package operator

import (
	"context"
	"time"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

// Capability is a permission to do one kind of thing.
type Capability string

const (
	View        Capability = "view"         // pages without content
	ReadContent Capability = "content.read" // open content with a reason
	TryService  Capability = "service.try"  // talk to a service through the console
	ManageKeys  Capability = "keys.manage"
	ManageUsers Capability = "users.manage"
	ManageStaff Capability = "staff.manage"
	Verify      Capability = "evidence.verify"
)

// Role is a named bundle of capabilities; Roles is the whole table.
type Role struct {
	ID, ZH, EN string
	Can        []Capability
}

// Roles lists all roles: owner, compliance, moderator, engineer (no content), auditor.
var Roles = []Role{}

// Staff is one person.
type Staff struct {
	ID          string    `json:"id"`
	Login       string    `json:"login"`
	Name        string    `json:"name"`
	Role        string    `json:"role"`
	Created     time.Time `json:"created"`
	Disabled    bool      `json:"disabled"`
	HasPassword bool      `json:"has_password"`
}

func (s Staff) Can(c Capability) bool { panic("skeleton") }
func (s Staff) Actor() journal.Actor  { return journal.Actor{Kind: "staff", ID: s.ID} }

type Register struct{}

func Open(ctx context.Context, db *store.DB, j *journal.Journal) (*Register, error) {
	panic("skeleton")
}

// Add creates a staff member without password; they get in by a Link first.
func (r *Register) Add(ctx context.Context, who journal.Actor, s Staff) (Staff, error) {
	panic("skeleton")
}
func (r *Register) List(ctx context.Context) ([]Staff, error) { panic("skeleton") }
func (r *Register) SetDisabled(ctx context.Context, who journal.Actor, id string, disabled bool) error {
	panic("skeleton")
}

// Link returns a one-time token (valid 24 h) that logs the staff member in and lets them set a password.
func (r *Register) Link(ctx context.Context, who journal.Actor, staffID string) (token string, err error) {
	panic("skeleton")
}

// UseLink consumes the token and opens a session.
func (r *Register) UseLink(ctx context.Context, token, address string) (Staff, string, error) {
	panic("skeleton")
}

// SetPassword stores argon2id; at least 10 characters.
func (r *Register) SetPassword(ctx context.Context, staffID, password string) error {
	panic("skeleton")
}

// Login checks a password (slow by design, throttled per login and address) and opens a session.
func (r *Register) Login(ctx context.Context, login, password, address string) (Staff, string, error) {
	panic("skeleton")
}

// Session returns the staff member of a session token; sessions end after 12 h or 2 h without use.
func (r *Register) Session(ctx context.Context, token string) (Staff, error) { panic("skeleton") }
func (r *Register) Logout(ctx context.Context, token string) error           { panic("skeleton") }
