package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/jackc/pgx/v5"
)

const nameMax = 100 // characters, as the table checks

// ErrEmailTaken says that somebody else has that address verified.
var ErrEmailTaken = errors.New("e-mail address belongs to another user")

// NewUser is what is known of somebody new.
type NewUser struct {
	Username  string // wanted; when empty it is derived from Name, then from Email
	Name      string
	Email     string // kept only when EmailVerified
	AvatarURL string // kept only when a provider of sign-in serves it

	EmailVerified bool
	Role          Role // Subscriber when empty
}

// Create adds a user in the caller's transaction, under a free username near the
// wanted one. ErrEmailTaken when the verified address is another user's.
func (d *Directory) Create(ctx context.Context, tx pgx.Tx, n NewUser) (User, error) {
	if n.Role == "" {
		n.Role = Subscriber
	}
	for _, username := range candidates(n) {
		u, err := insert(ctx, tx, username, n)
		if err == nil {
			return u, nil
		}
		if !errors.Is(err, fault.NotFound()) {
			return User{}, fmt.Errorf("create user: %w", err)
		}
		if taken, err := emailTaken(ctx, tx, n); err != nil || taken {
			return User{}, fmt.Errorf("create user: %w", errors.Join(err, takenError(taken)))
		}
	}
	return User{}, errors.New("create user: every username tried was taken")
}

// insert gives fault.NotFound when the username or the address is taken. Doing
// nothing keeps the transaction alive for the next candidate.
func insert(ctx context.Context, tx pgx.Tx, username string, n NewUser) (User, error) {
	return one(ctx, tx, `
		insert into users (username, name, email, email_verified, role, avatar_url, verified_at)
		values ($1, $2, nullif($3::text, ''), $3::text <> '', $4::text, nullif($5::text, ''),
		        case when $4::text = 'subscriber' then null else now() end)
		on conflict do nothing
		returning `+columns,
		username, displayName(n.Name, username), n.verifiedEmail(), n.Role, picture(n.AvatarURL))
}

func emailTaken(ctx context.Context, tx pgx.Tx, n NewUser) (taken bool, err error) {
	err = tx.QueryRow(ctx, `select exists (select from users where lower(email) = lower($1) and email_verified)`,
		n.verifiedEmail()).Scan(&taken)
	return taken, err
}

func takenError(taken bool) error {
	if taken {
		return ErrEmailTaken
	}
	return nil
}

func (n NewUser) verifiedEmail() string {
	if !n.EmailVerified {
		return ""
	}
	return strings.TrimSpace(n.Email)
}

// displayName makes what a provider calls somebody fit to be shown: one line, no
// invisible characters, not too long, never empty.
func displayName(name, username string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r)
	}), " ")
	if runes := []rune(name); len(runes) > nameMax {
		name = strings.TrimSpace(string(runes[:nameMax]))
	}
	if name == "" {
		return username
	}
	return name
}
