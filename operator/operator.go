// Package operator is the register of staff: log-ins, capabilities, sessions.
//
// Nothing that lets a person in is stored as such: passwords are argon2id hashes, session and link tokens SHA-256 sums of
// 256 random bits. Every log-in, failed try, link and change is an event in the journal, in the transaction of its row.
package operator

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hegui/hegui/internal/store"
	"github.com/hegui/hegui/journal"
)

var (
	// ErrDenied answers a log-in that does not match; it never says whether login or password was wrong.
	ErrDenied = errors.New("operator: login or password is wrong")
	// ErrLink answers a one-time link that is unknown, used or older than LinkLife.
	ErrLink = errors.New("operator: the link has been used, has expired or was never issued")
	// ErrNoSession answers a session token that is unknown, has ended or belongs to disabled staff.
	ErrNoSession = errors.New("operator: no session")
	// ErrLoginTaken answers Add for a login that somebody has.
	ErrLoginTaken = errors.New("operator: the login is taken")
	// ErrLastOwner refuses to disable the last person who can manage staff.
	ErrLastOwner = errors.New("operator: the last owner cannot be disabled")
	// ErrUnknown answers for a staff id that does not exist.
	ErrUnknown = errors.New("operator: no such staff member")
)

// ThrottledError answers a log-in while login or address has failed too often.
type ThrottledError struct{ Retry time.Duration }

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("operator: too many failed log-ins, try again in %s", e.Retry.Round(time.Second))
}

// InvalidError names the field, the value and the mend of bad input. Code tells the mends of one field apart.
type InvalidError struct{ Field, Value, Mend, Code string }

func (e *InvalidError) Error() string {
	return fmt.Sprintf("operator: %s %q: %s", e.Field, e.Value, e.Mend)
}

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

// Actor names the person in events: by id, never by name.
func (s Staff) Actor() journal.Actor { return journal.Actor{Kind: "staff", ID: s.ID} }

// Register is the open register. Safe for concurrent use.
type Register struct {
	db     *store.DB
	j      *journal.Journal
	hasher *hasher
	now    func() time.Time
}

//go:embed sql/*.sql
var migrations embed.FS

// Open migrates the tables.
func Open(ctx context.Context, db *store.DB, j *journal.Journal) (*Register, error) {
	files, err := fs.Sub(migrations, "sql")
	if err != nil {
		return nil, fmt.Errorf("operator: %w", err)
	}
	if err := db.Migrate(ctx, "operator", files); err != nil {
		return nil, fmt.Errorf("operator: %w", err)
	}
	h, err := newHasher()
	if err != nil {
		return nil, err
	}
	return &Register{db: db, j: j, hasher: h, now: time.Now}, nil
}

type staffRow struct {
	ID       string `db:"id"`
	Login    string `db:"login"`
	Name     string `db:"name"`
	Role     string `db:"role"`
	Created  int64  `db:"created"`
	Disabled bool   `db:"disabled"`
	Password string `db:"password"`
}

func (r staffRow) staff() Staff {
	return Staff{ID: r.ID, Login: r.Login, Name: r.Name, Role: r.Role, Created: time.UnixMilli(r.Created).UTC(),
		Disabled: r.Disabled, HasPassword: r.Password != ""}
}

const staffColumns = "id, login, name, role, created, disabled, password"

var loginShape = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,31}$`)

// event is one line about a staff member. What a body may hold: codes and roles, never a name, login or address.
func event(who journal.Actor, verb journal.Verb, staffID string, body map[string]any) (journal.Event, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return journal.Event{}, fmt.Errorf("operator: body of %s: %w", verb, err)
	}
	return journal.Event{Who: who, Verb: verb, Ref: journal.Ref{Kind: "staff", ID: staffID}, Body: b}, nil
}

// commit writes one event with the change it speaks of.
func (r *Register) commit(ctx context.Context, ev journal.Event, apply func(context.Context, *sql.Tx) error) error {
	_, err := r.j.Commit(ctx, journal.Write{Events: []journal.Event{ev}, Apply: apply})
	return err
}

// Add creates a staff member without password; they get in by a Link first. Login, name and role are taken from s.
func (r *Register) Add(ctx context.Context, who journal.Actor, s Staff) (Staff, error) {
	s.Login, s.Name = strings.ToLower(strings.TrimSpace(s.Login)), strings.TrimSpace(s.Name)
	if !loginShape.MatchString(s.Login) {
		return Staff{}, &InvalidError{Field: "login", Value: s.Login, Mend: "use 2 to 32 of a-z, 0-9, dot, hyphen and underscore, beginning with a letter or digit", Code: "shape"}
	}
	if n := utf8.RuneCountInString(s.Name); n == 0 || n > 64 || !utf8.ValidString(s.Name) {
		return Staff{}, &InvalidError{Field: "name", Value: s.Name, Mend: "give 1 to 64 characters", Code: "shape"}
	}
	if _, ok := RoleByID(s.Role); !ok {
		return Staff{}, &InvalidError{Field: "role", Value: s.Role, Mend: "use owner, compliance, moderator, engineer or auditor", Code: "unknown"}
	}
	s = Staff{ID: store.NewID(), Login: s.Login, Name: s.Name, Role: s.Role, Created: r.now().UTC().Truncate(time.Millisecond)}
	ev, err := event(who, journal.StaffAdded, s.ID, map[string]any{"role": s.Role})
	if err != nil {
		return Staff{}, err
	}
	err = r.commit(ctx, ev, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO operator_staff (`+staffColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			s.ID, s.Login, s.Name, s.Role, s.Created.UnixMilli(), false, "")
		return err
	})
	if store.IsUnique(err) {
		return Staff{}, fmt.Errorf("%w: %q", ErrLoginTaken, s.Login)
	}
	if err != nil {
		return Staff{}, fmt.Errorf("operator: add staff: %w", err)
	}
	return s, nil
}

// List returns everybody, by login.
func (r *Register) List(ctx context.Context) ([]Staff, error) {
	rows, err := store.Rows[staffRow](ctx, r.db.R, `SELECT `+staffColumns+` FROM operator_staff ORDER BY login`)
	if err != nil {
		return nil, fmt.Errorf("operator: list staff: %w", err)
	}
	list := make([]Staff, len(rows))
	for i, row := range rows {
		list[i] = row.staff()
	}
	return list, nil
}

// Get returns one staff member, ErrUnknown when there is none.
func (r *Register) Get(ctx context.Context, id string) (Staff, error) {
	row, err := r.row(ctx, r.db.R, "id", id)
	return row.staff(), err
}

// row reads by id or login.
func (r *Register) row(ctx context.Context, q store.Querier, column, value string) (staffRow, error) {
	row, err := store.Row[staffRow](ctx, q, `SELECT `+staffColumns+` FROM operator_staff WHERE `+column+` = $1`, value)
	if errors.Is(err, store.ErrNotFound) {
		return staffRow{}, fmt.Errorf("%w: %s %q", ErrUnknown, column, value)
	}
	if err != nil {
		return staffRow{}, fmt.Errorf("operator: read staff: %w", err)
	}
	return row, nil
}

// SetDisabled shuts a person out, ending their sessions and links at once, or lets them in again. The last owner who is
// not disabled cannot be, else nobody could ever let anybody in.
func (r *Register) SetDisabled(ctx context.Context, who journal.Actor, id string, disabled bool) error {
	change := "enabled"
	if disabled {
		change = "disabled"
	}
	ev, err := event(who, journal.StaffChanged, id, map[string]any{"change": change})
	if err != nil {
		return err
	}
	return r.commit(ctx, ev, func(ctx context.Context, tx *sql.Tx) error {
		row, err := r.row(ctx, tx, "id", id)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE operator_staff SET disabled = $1 WHERE id = $2`, disabled, id); err != nil {
			return fmt.Errorf("operator: change staff: %w", err)
		}
		if !disabled {
			return nil
		}
		if row.Role == "owner" {
			type count struct {
				N int64 `db:"n"`
			}
			left, err := store.Row[count](ctx, tx, `SELECT COUNT(*) AS n FROM operator_staff WHERE role = $1 AND disabled = $2`, "owner", false)
			if err != nil {
				return fmt.Errorf("operator: count owners: %w", err)
			}
			if left.N == 0 {
				return ErrLastOwner
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM operator_sessions WHERE staff = $1`, id); err != nil {
			return fmt.Errorf("operator: end sessions: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM operator_links WHERE staff = $1`, id); err != nil {
			return fmt.Errorf("operator: end links: %w", err)
		}
		return nil
	})
}

// SetPassword stores argon2id of a password of at least MinPassword characters. Sessions go on; see EndSessions.
func (r *Register) SetPassword(ctx context.Context, staffID, password string) error {
	row, err := r.row(ctx, r.db.R, "id", staffID)
	if err != nil {
		return err
	}
	if err := checkPassword(row.Login, password); err != nil {
		return err
	}
	hash, err := r.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	ev, err := event(row.staff().Actor(), journal.StaffChanged, staffID, map[string]any{"change": "password"})
	if err != nil {
		return err
	}
	return r.commit(ctx, ev, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE operator_staff SET password = $1 WHERE id = $2`, hash, staffID)
		return err
	})
}

// CheckPassword tells whether a new password for login would be taken, without storing anything.
func CheckPassword(login, password string) error { return checkPassword(login, password) }
