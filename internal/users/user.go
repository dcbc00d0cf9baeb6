// Package users knows who the people are: profiles, roles, who may publish.
package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Role is what somebody may do; each role may do all that the lower ones may.
type Role string

// The roles, from least to most.
const (
	Subscriber Role = "subscriber" // everybody
	Trader     Role = "trader"     // may publish and be copied
	Admin      Role = "admin"      // runs the place
)

// rank orders the roles; 0 is no role at all.
func (r Role) rank() int {
	switch r {
	case Subscriber:
		return 1
	case Trader:
		return 2
	case Admin:
		return 3
	}
	return 0
}

// Valid tells whether r is a role.
func (r Role) Valid() bool { return r.rank() > 0 }

// Reaches tells whether r may do what least may. What is no role reaches nothing,
// and nothing reaches it.
func (r Role) Reaches(least Role) bool {
	return least.Valid() && r.rank() >= least.rank()
}

// StatusActive is the only status that may sign in; another is "suspended".
const StatusActive = "active"

// StatusDeleted is the end of a user.
const StatusDeleted = "deleted"

// User is one person. Email is empty when we know none; it is only ever an
// address that was verified, unless EmailVerified is false.
type User struct {
	ID            uuid.UUID
	Username      string // lower case, unique, public
	Name          string
	Email         string
	EmailVerified bool
	Role          Role
	Status        string
	Bio           string
	AvatarURL     *string
	TimeZone      string // IANA name; for display only, trading days stay New York's
	Theme         string // "dark" or "light"
	Palette       string // "green-up", "red-up" or "blue-orange"
	Celebrates    bool   // a winning close is celebrated
	AnnouncesAll  bool   // a trader's trades in the broker's own app are announced too
	SessionEpoch  int    // raised to end every session
	VerifiedAt    *time.Time
	CreatedAt     time.Time
}

// Active tells whether this person may sign in and act.
func (u User) Active() bool { return u.Status == StatusActive }

// Directory finds and changes people, and what they prefer to see. It alone writes the tables
// users and table_columns.
type Directory struct{ db *postgres.DB }

// New makes the directory.
func New(db *postgres.DB) *Directory { return &Directory{db: db} }

// columns are what scan reads, in its order.
const columns = `id, username, name, coalesce(email, ''), email_verified, role, status, bio, avatar_url,
	time_zone, theme, palette, celebrates, announces_detected, session_epoch, verified_at, created_at`

func scan(row pgx.CollectableRow) (User, error) {
	var u User
	err := row.Scan(&u.ID, &u.Username, &u.Name, &u.Email, &u.EmailVerified, &u.Role, &u.Status, &u.Bio, &u.AvatarURL,
		&u.TimeZone, &u.Theme, &u.Palette, &u.Celebrates, &u.AnnouncesAll, &u.SessionEpoch, &u.VerifiedAt, &u.CreatedAt)
	return u, err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// one runs a query for one user; none is fault.NotFound.
func one(ctx context.Context, q querier, sql string, args ...any) (User, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return User{}, err
	}
	u, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, fault.NotFound()
	}
	return u, err
}

// ByID finds a user of any status; fault.NotFound when there is none.
func (d *Directory) ByID(ctx context.Context, id uuid.UUID) (User, error) {
	u, err := one(ctx, d.db.Pool(), "select "+columns+" from users where id = $1", id)
	if err != nil {
		return User{}, fmt.Errorf("find user %s: %w", id, err)
	}
	return u, nil
}

// ByIDIn is ByID inside the caller's transaction.
func (d *Directory) ByIDIn(ctx context.Context, tx pgx.Tx, id uuid.UUID) (User, error) {
	u, err := one(ctx, tx, "select "+columns+" from users where id = $1", id)
	if err != nil {
		return User{}, fmt.Errorf("find user %s: %w", id, err)
	}
	return u, nil
}

// ByUsername finds a user of any status by name, whatever the capitals;
// fault.NotFound when there is none.
func (d *Directory) ByUsername(ctx context.Context, username string) (User, error) {
	username = strings.ToLower(username)
	u, err := one(ctx, d.db.Pool(), "select "+columns+" from users where username = $1", username)
	if err != nil {
		return User{}, fmt.Errorf("find user %q: %w", username, err)
	}
	return u, nil
}

// ByIDs finds many users at once, in no order; ids that do not exist are left out.
func (d *Directory) ByIDs(ctx context.Context, ids []uuid.UUID) ([]User, error) {
	rows, err := d.db.Pool().Query(ctx, "select "+columns+" from users where id = any($1)", ids)
	if err != nil {
		return nil, fmt.Errorf("find %d users: %w", len(ids), err)
	}
	found, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("find %d users: %w", len(ids), err)
	}
	return found, nil
}
