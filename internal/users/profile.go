package users

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/alertsify/alertsify/internal/fault"
	"github.com/alertsify/alertsify/internal/postgres"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const bioMax = 500 // characters

// Profile is what people say about themselves; all of it is public.
type Profile struct {
	Name     string
	Username string
	Bio      string
}

// SetProfile changes it. fault.Validation names the fields that are wrong, a
// taken username among them.
func (d *Directory) SetProfile(ctx context.Context, id uuid.UUID, p Profile) (User, error) {
	now, err := d.ByID(ctx, id)
	if err != nil {
		return User{}, err
	}
	if wrong := p.wrong(now); len(wrong) > 0 {
		return User{}, fault.Validation(wrong)
	}
	return d.change(ctx, id, `
		update users set name = $2, username = $3, bio = $4, updated_at = now()
		where id = $1 and status = 'active' returning `+columns,
		displayName(p.Name, p.Username), p.Username, p.Bio)
}

func (p Profile) wrong(now User) map[string]string {
	wrong := map[string]string{}
	if n := utf8.RuneCountInString(p.Name); n < 1 || n > nameMax {
		wrong["name"] = fmt.Sprintf("must have 1 to %d characters", nameMax)
	}
	if !validUsername(p.Username) {
		wrong["username"] = fmt.Sprintf("must have %d to %d of a–z, 0–9 and _", usernameMin, usernameMax)
	} else if p.Username != now.Username && reserved(p.Username) {
		wrong["username"] = "is reserved"
	}
	if utf8.RuneCountInString(p.Bio) > bioMax {
		wrong["bio"] = fmt.Sprintf("must have at most %d characters", bioMax)
	}
	return wrong
}

// SetAppearance changes how pages look: theme "dark" or "light", palette
// "green-up", "red-up" or "blue-orange"; and whether a winning close is celebrated.
func (d *Directory) SetAppearance(ctx context.Context, id uuid.UUID, theme, palette string, celebrates bool) (User, error) {
	wrong := map[string]string{}
	if !slices.Contains([]string{"dark", "light"}, theme) {
		wrong["theme"] = "must be dark or light"
	}
	if !slices.Contains([]string{"green-up", "red-up", "blue-orange"}, palette) {
		wrong["palette"] = "must be green-up, red-up or blue-orange"
	}
	if len(wrong) > 0 {
		return User{}, fault.Validation(wrong)
	}
	return d.change(ctx, id, `
		update users set theme = $2, palette = $3, celebrates = $4, updated_at = now()
		where id = $1 and status = 'active' returning `+columns, theme, palette, celebrates)
}

// SetAnnouncesAll changes whether a trader's trades in the broker's own app are
// announced like those made here, from the next one on.
func (d *Directory) SetAnnouncesAll(ctx context.Context, id uuid.UUID, announces bool) (User, error) {
	return d.change(ctx, id, `
		update users set announces_detected = $2, updated_at = now()
		where id = $1 and status = 'active' returning `+columns, announces)
}

// SetTimeZone changes the zone times are shown in, an IANA name such as "Europe/Berlin".
func (d *Directory) SetTimeZone(ctx context.Context, id uuid.UUID, zone string) (User, error) {
	if err := CheckTimeZone(zone); err != nil {
		return User{}, err
	}
	return d.change(ctx, id, `
		update users set time_zone = $2, updated_at = now()
		where id = $1 and status = 'active' returning `+columns, zone)
}

// CheckTimeZone refuses what is no zone.
func CheckTimeZone(zone string) error {
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
		return fault.Field("timeZone", "must be a time zone such as America/New_York")
	}
	return nil
}

// change runs one update of a user by that user.
func (d *Directory) change(ctx context.Context, id uuid.UUID, sql string, args ...any) (User, error) {
	var changed User
	err := d.db.As(ctx, id, func(ctx context.Context, tx pgx.Tx) (err error) {
		changed, err = one(ctx, tx, sql, append([]any{id}, args...)...)
		return err
	}, postgres.Across("their mailbox, which no member reads"))
	if postgres.IsUnique(err, "users_username") {
		return User{}, fault.Field("username", "is taken")
	}
	if err != nil {
		return User{}, fmt.Errorf("change user %s: %w", id, err)
	}
	return changed, nil
}
