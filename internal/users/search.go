package users

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/alertsify/alertsify/internal/httpio"
)

// Statuses are all there are.
func Statuses() []string { return []string{StatusActive, "suspended", StatusDeleted} }

// Search says whom an operator looks for; its zero value: everybody.
type Search struct {
	Text   string // how the username begins, or a whole e-mail address
	Role   Role
	Status string
}

// where is the condition, each part with an index: users_username_begins,
// users_verified_email, else users_newest.
func (s Search) where() (sql string, args pgx.NamedArgs) {
	args = pgx.NamedArgs{}
	parts := []string{"(created_at, id) < (@at, @id)"}
	switch text := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(s.Text), "@")); {
	case text == "":
	case !plainText(text):
		parts = append(parts, "false")
	case strings.Contains(text, "@"):
		parts, args["email"] = append(parts, "lower(email) = @email and email_verified"), text
	default: // ~ stands behind every letter of usernames
		parts, args["name"] = append(parts, `username collate "C" >= @name and username collate "C" < @name || '~'`), text
	}
	if s.Role != "" {
		parts, args["role"] = append(parts, "role = @role"), string(s.Role)
	}
	if s.Status != "" {
		parts, args["status"] = append(parts, "status = @status"), s.Status
	}
	return strings.Join(parts, " and "), args
}

// Search lists people for an operator, the newest first. The second result is where the
// next page begins.
func (d *Directory) Search(ctx context.Context, s Search, limit int, from *httpio.Cursor) ([]User, *httpio.Cursor, error) {
	where, args := s.where()
	args["at"], args["id"], args["limit"] = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), uuid.Max, limit+1
	if from != nil {
		args["at"], args["id"] = from.At, from.ID
	}
	rows, err := d.db.Pool().Query(ctx, "select "+columns+" from users where "+where+" order by created_at desc, id desc limit @limit", args)
	if err != nil {
		return nil, nil, fmt.Errorf("search people: %w", err)
	}
	found, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, nil, fmt.Errorf("search people: %w", err)
	}
	if len(found) <= limit {
		return found, nil, nil
	}
	found = found[:limit]
	return found, &httpio.Cursor{At: found[limit-1].CreatedAt, ID: found[limit-1].ID}, nil
}
