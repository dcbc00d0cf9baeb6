package users

import (
	"context"
	"fmt"
	"net/mail"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
)

// emailMax is how long an address may be, in bytes (RFC 5321, §4.5.3.1.3, without its brackets).
const emailMax = 254

// ParseEmail reads an address as somebody typed it: one mailbox at a host with a dot in
// its name, in ASCII, without a display name. The local part keeps its capitals.
func ParseEmail(text string) (string, error) {
	text = strings.TrimSpace(text)
	wrong := fault.Field("email", "must be an e-mail address such as name@example.com")
	if len(text) > emailMax || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", wrong
	}
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != text || parsed.Name != "" {
		return "", wrong
	}
	at := strings.LastIndexByte(text, '@')
	local, host := text[:at], strings.ToLower(text[at+1:])
	if len(local) > 64 || !strings.Contains(host, ".") || strings.HasPrefix(host, "[") {
		return "", wrong
	}
	return local + "@" + host, nil
}

// SetEmail gives an active user an address that they have shown to read. Who has it
// unverified loses it. before is the verified address of before, empty when there was
// none. ErrEmailTaken when somebody else has it verified; the caller's transaction then
// goes on no more. fault.NotFound for who is not active.
func (d *Directory) SetEmail(ctx context.Context, tx pgx.Tx, id uuid.UUID, address string) (before string, err error) {
	if err := d.DropUnverifiedEmail(ctx, tx, address); err != nil {
		return "", err
	}
	u, err := one(ctx, tx, `select `+columns+` from users where id = $1 and status = 'active' for no key update`, id)
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `update users set email = $2, email_verified = true, updated_at = now() where id = $1`, id, address)
	if postgres.IsUnique(err, "users_verified_email") {
		return "", ErrEmailTaken
	}
	if err != nil {
		return "", fmt.Errorf("set e-mail of %s: %w", id, err)
	}
	if !u.EmailVerified {
		return "", nil
	}
	return u.Email, nil
}

// ByVerifiedEmail finds whose verified address this is, compared in lower case
// only: no games with dots or plus signs. fault.NotFound when it is nobody's.
// A deleted user keeps the address until the row is emptied.
func (d *Directory) ByVerifiedEmail(ctx context.Context, tx pgx.Tx, email string) (User, error) {
	u, err := one(ctx, tx,
		"select "+columns+" from users where lower(email) = lower($1) and email_verified", email)
	if err != nil {
		return User{}, fmt.Errorf("find user by e-mail: %w", err)
	}
	return u, nil
}

// DropUnverifiedEmail takes an address away from everybody who has it unverified:
// such a user may have been planted there to wait for the owner.
func (d *Directory) DropUnverifiedEmail(ctx context.Context, tx pgx.Tx, email string) error {
	_, err := tx.Exec(ctx,
		`update users set email = null, updated_at = now() where lower(email) = lower($1) and not email_verified`, email)
	if err != nil {
		return fmt.Errorf("drop unverified e-mail: %w", err)
	}
	return nil
}
